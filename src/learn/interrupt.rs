//! Pause and stop of a training, from another thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::progress::Progress;

/// What another thread asks of a training; it looks before each step.
#[derive(Debug, Default)]
pub struct Interrupt {
    paused: AtomicBool,
    stopped: AtomicBool,
    /// Reading of what is learnt from, before the first step.
    pub reading: Progress,
    /// A step that pretends that memory is full, for tests.
    full_at: AtomicUsize,
}

impl Interrupt {
    /// Waits at the next step, or goes on.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Whether it waits.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Ends at the next step and keeps the best so far.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.reading.cancel();
    }

    /// Whether it is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether a step is to pretend that memory is full; once.
    pub(super) fn pretends_full_at(&self, step: usize) -> bool {
        self.full_at.compare_exchange(step, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    #[cfg(test)]
    pub(super) fn pretend_full_at(&self, step: usize) {
        self.full_at.store(step, Ordering::Relaxed);
    }
}

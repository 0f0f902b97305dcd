//! Batches made beside the compute thread, in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::objective::Examples;
use super::store::LoadError;

/// Batches that wait at most.
const AHEAD: usize = 3;

/// Batches of an epoch, made ahead by a thread that ends when this is dropped.
#[derive(Debug)]
pub struct Prefetch<B> {
    batches: Receiver<Result<B, LoadError>>,
    /// Time that was spent waiting for batches.
    pub waited: Duration,
}

/// What an epoch is made of.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Place of its stage in [`Examples::stages`].
    pub stage: usize,
    /// Number in its stage, from 0.
    pub number: usize,
    /// Its batches, as [`Examples::batches`] drew them.
    pub batches: Vec<Vec<usize>>,
}

impl<B: Send + 'static> Prefetch<B> {
    /// Starts with the batch `from` of an epoch.
    pub fn start<E: Examples<Batch = B>>(examples: Arc<E>, epoch: Epoch, from: usize) -> Self {
        let (sender, batches) = sync_channel(AHEAD);
        let body = move || make_all(&*examples, &epoch, from, &sender);
        if let Err(e) = std::thread::Builder::new().name("molclip-batches".to_owned()).spawn(body) {
            // The channel's end went with the closure, so `take` says that there are no more.
            log::error!("the thread that makes batches could not be started: {e}");
        }
        Self { batches, waited: Duration::ZERO }
    }

    /// The next batch; `None` after the last.
    pub fn take(&mut self) -> Option<Result<B, LoadError>> {
        let started = Instant::now();
        let batch = self.batches.recv().ok();
        self.waited += started.elapsed();
        batch
    }
}

fn make_all<E: Examples>(
    examples: &E,
    epoch: &Epoch,
    from: usize,
    sender: &SyncSender<Result<E::Batch, LoadError>>,
) {
    for rows in epoch.batches.iter().skip(from) {
        let batch = examples.batch(epoch.stage, epoch.number, rows);
        if sender.send(batch).is_err() {
            return;
        }
    }
}

//! Clips of a training in memory, as many as fit; the others are read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::experiment::{Experiment, ExperimentError};
use crate::gpu::GpuError;
use crate::model::card::InputSpec;
use crate::model::clip::{Calibration, Clip, ClipError};
use crate::video::{Limits, Recording, VideoError};

/// A row's video cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The row does not say where it is.
    #[error(transparent)]
    Row(#[from] ExperimentError),
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] VideoError),
    /// It cannot be brought into the network's form.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The GPU that computes cannot take it.
    #[error(transparent)]
    Device(#[from] GpuError),
}

/// Reads a row's video at a model's scale. The row's pixel size and interval count before the file's.
pub fn load(experiment: &Experiment, row: usize, spec: &InputSpec) -> Result<Clip, LoadError> {
    let recording = Recording::open(&experiment.address(row)?, Limits::default())?;
    Ok(Clip::read(&recording, calibration(experiment, row), spec)?)
}

/// What a row says of its scale.
pub fn calibration(experiment: &Experiment, row: usize) -> Calibration {
    let number = |column| experiment.table.number(row, column);
    Calibration { pixel_size_um: number("pixel_size_um"), interval_s: number("interval_s") }
}

/// Rows whose recordings are opened to see how long they are.
const OPENED: usize = 8;

/// Frames of the shortest movie among the recordings of a few rows from the first to the last; 1 where all of them are
/// images, `None` where none can be opened. Waits for the disk.
pub fn recorded_frames(experiment: &Experiment, rows: impl IntoIterator<Item = usize>) -> Option<usize> {
    let rows: Vec<usize> = rows.into_iter().collect();
    let frames = |row: usize| {
        let address = experiment.address(row).ok()?;
        Some(Recording::open(&address, Limits::default()).ok()?.shape().t)
    };
    let known: Vec<usize> = spread(rows.len()).filter_map(|place| frames(*rows.get(place)?)).collect();
    known.iter().copied().filter(|frames| *frames > 1).min().or(known.first().copied())
}

/// At most [`OPENED`] places of so many, the first and the last among them: what a screen has of one kind often stands
/// together.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let opened = count.min(OPENED);
    (0..opened).map(move |number| number * (count - 1) / (opened - 1).max(1))
}

/// Part of the memory of this machine that clips may take.
const MEMORY_SHARE: f64 = 0.4;

/// Bytes that clips may take: a part of this machine's memory.
pub fn clip_budget() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    (system.available_memory() as f64 * MEMORY_SHARE) as usize
}

/// Clips by row. Shared between threads.
pub struct ClipStore {
    experiment: Arc<Experiment>,
    spec: InputSpec,
    limit: usize,
    kept: Mutex<(HashMap<usize, Arc<Clip>>, usize)>,
}

impl std::fmt::Debug for ClipStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClipStore").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl ClipStore {
    /// Keeps at most `limit` bytes.
    pub fn new(experiment: Arc<Experiment>, spec: InputSpec, limit: usize) -> Self {
        Self { experiment, spec, limit, kept: Mutex::default() }
    }

    /// The experiment.
    pub const fn experiment(&self) -> &Arc<Experiment> {
        &self.experiment
    }

    /// A row's clip, from memory or from its file.
    pub fn get(&self, row: usize) -> Result<Arc<Clip>, LoadError> {
        let locked = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clip) = locked().0.get(&row) {
            return Ok(Arc::clone(clip));
        }
        // Read without the lock: others need not wait.
        let clip = Arc::new(load(&self.experiment, row, &self.spec)?);
        let mut kept = locked();
        let (cache, bytes) = &mut *kept;
        // Training goes through all rows in turn, so what is full stays as it is: replacing the oldest would
        // replace every clip just before its next use.
        if *bytes + clip.bytes() <= self.limit && cache.insert(row, Arc::clone(&clip)).is_none() {
            *bytes += clip.bytes();
        }
        drop(kept);
        Ok(clip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_that_are_opened_are_spread_over_the_table() {
        let places = |count| spread(count).collect::<Vec<_>>();
        assert!(places(0).is_empty());
        assert_eq!(places(1), [0]);
        assert_eq!(places(3), [0, 1, 2]);
        assert_eq!(places(8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(places(15), [0, 2, 4, 6, 8, 10, 12, 14]);
        let many = places(100_000);
        assert_eq!((many.len(), many[0], many[7]), (8, 0, 99_999));
        assert!(many.windows(2).all(|pair| pair[1] - pair[0] > 14_000), "{many:?}");
    }
}

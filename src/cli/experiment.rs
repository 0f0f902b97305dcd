//! What commands have in common: an experiment, a device, a bar.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::experiment::Experiment;
use crate::experiment::import::{self, Imported};
use crate::gpu::{Compute, ComputeChoice, ComputeTarget, ComputeThread, headless_compute};
use crate::progress::Progress;
use crate::terminal::note;

/// Of each kind of finding, so many are named.
const NAMED: usize = 10;

/// Opens a project, a manifest, a folder that holds one, or a Mito dataset root. What was left out, and what is wrong
/// with single rows, goes to stderr: by column and row, as far as anyone reads.
pub fn open(path: &Path) -> anyhow::Result<Experiment> {
    let Imported { experiment, report } =
        import::open(path).with_context(|| format!("opening {}", path.display()))?;
    let lines = report.details(NAMED);
    if !lines.is_empty() {
        note!("{}: what was found while it was read:\n{}", path.display(), lines.join("\n"));
    }
    Ok(experiment)
}

/// Device and thread for a command without a window.
pub fn compute(choice: ComputeChoice) -> anyhow::Result<(Compute, ComputeThread)> {
    let compute = headless_compute(choice)?;
    let thread = ComputeThread::shared_headless();
    if compute.target() == ComputeTarget::Gpu {
        note!("Computing on {}; a new GPU is tuned once, which can take minutes.", compute.label());
    }
    Ok((compute, thread))
}

/// Does the work with a bar on stderr that follows its progress.
pub fn with_bar<T, E>(unit: &str, work: impl FnOnce(&Progress) -> Result<T, E>) -> Result<T, E> {
    let progress = Progress::default();
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(unit.to_owned());
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        let (bar, progress) = (&bar, &progress);
        scope.spawn(move || {
            while ended.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout) {
                bar.set_length(progress.total());
                bar.set_position(progress.done());
            }
            bar.finish_and_clear();
        });
        let result = work(progress);
        drop(done);
        result
    })
}

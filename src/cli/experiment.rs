//! What commands have in common: an experiment, a device, a bar.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::experiment::Experiment;
use crate::experiment::import::report::Report;
use crate::experiment::import::{self, Features, ImportError, Imported};
use crate::export::embeddings::EmbeddingsError;
use crate::gpu::{Compute, ComputeChoice, ComputeTarget, ComputeThread, headless_compute};
use crate::progress::Progress;
use crate::terminal::note;

/// Of each kind of finding, so many are named.
const NAMED: usize = 10;

/// A command was called in a way that cannot work, a whole message: it ends with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUsage(pub String);

/// True for what another call of the command would set right, rather than other data.
pub fn is_wrong_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<WrongUsage>()
            || matches!(cause.downcast_ref::<ImportError>(), Some(ImportError::Features { .. }))
            || matches!(
                cause.downcast_ref::<EmbeddingsError>(),
                Some(EmbeddingsError::Profiles(ImportError::Features { .. }))
            )
    })
}

/// An experiment, also one of several tables of profiles.
#[derive(Args)]
pub struct ExperimentArgs {
    /// Project, manifest, folder that holds one, root of a Mito dataset; or tables of profiles (CSV, CSV.GZ, Parquet), several
    /// of one experiment, or a folder of them
    #[arg(value_name = "EXPERIMENT", required = true)]
    pub paths: Vec<PathBuf>,

    /// Which columns of tables of profiles are features, by name or by what their names begin with [default: told by their
    /// names]
    #[arg(long, value_name = "PREFIX|COLUMN,…")]
    pub features: Option<String>,
}

impl ExperimentArgs {
    /// What was chosen as features.
    pub fn chosen(&self) -> Features {
        Features::parse(self.features.as_deref().unwrap_or_default())
    }

    /// The first path: what the experiment is called in messages and results.
    pub fn path(&self) -> &Path {
        self.paths.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Opens it, as [`open`] does.
    pub fn open(&self) -> anyhow::Result<Experiment> {
        let imported = import::open_many(&self.paths, &self.chosen());
        let Imported { experiment, report } = imported.with_context(|| opening(self.path()))?;
        tell(self.path(), &report);
        Ok(experiment)
    }
}

fn opening(path: &Path) -> String {
    format!("opening {}", path.display())
}

/// Opens a project, a manifest, a folder that holds one, a table of profiles or a folder of them, or a Mito dataset root.
/// What was left out, and what is wrong with single rows, goes to stderr: by column and row, as far as anyone reads.
pub fn open(path: &Path) -> anyhow::Result<Experiment> {
    let Imported { experiment, report } = import::open(path).with_context(|| opening(path))?;
    tell(path, &report);
    Ok(experiment)
}

/// What was found while an experiment was read.
pub fn tell(path: &Path, report: &Report) {
    let lines = report.details(NAMED);
    if !lines.is_empty() {
        note!("{}: what was found while it was read:\n{}", path.display(), lines.join("\n"));
    }
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

//! The jobs of training: measuring how fast it goes, and training itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;

use super::kept::{self, Start, Started};
use super::progress::Finish;
use super::{Ended, Message};
use crate::analysis::evaluate::Report;
use crate::analysis::items::Items;
use crate::analysis::split::Split;
use crate::experiment::Experiment;
use crate::gpu::{Compute, ComputeChoice, ComputeThread, GpuDevice};
use crate::learn::assess::{Assessment, assess};
use crate::learn::config::Config;
use crate::learn::dataset::DatasetError;
use crate::learn::estimate::Speed;
use crate::learn::families;
use crate::learn::folder::TrainingFolder;
use crate::learn::interrupt::Interrupt;
use crate::learn::run::{self, CHECKPOINT_EVERY, Outcome, Run, TrainError};
use crate::learn::{estimate, infer, shipped};
use crate::model::card::Card;
use crate::model::molclip::MolClip;
use crate::progress::Progress;

/// Shortest time between two messages to the window.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Who computes, asked for on a job: starting a GPU takes seconds.
#[derive(Clone)]
pub struct Device {
    /// That of the window; `None` in tests without one.
    pub gpu: Option<GpuDevice>,
    /// What the user wants.
    pub choice: ComputeChoice,
}

impl Device {
    /// Starts it.
    pub fn open(&self) -> anyhow::Result<Compute> {
        Ok(match &self.gpu {
            Some(gpu) => gpu.compute(self.choice)?,
            None => Compute::flex(),
        })
    }
}

/// A training as its job gets it.
pub struct Task {
    /// What it is started with.
    pub started: Started,
    /// Its rows.
    pub experiment: Arc<Experiment>,
    /// The same with labels.
    pub items: Arc<Items>,
    /// Made anew, for a training that goes on.
    pub splits: Option<Vec<Option<Split>>>,
    /// Where the model goes.
    pub folder: PathBuf,
    /// Who computes.
    pub device: Device,
    /// Pause and stop.
    pub interrupt: Arc<Interrupt>,
    /// Steps that are done already.
    pub done: u64,
}

/// What a training step takes.
pub fn measured(device: &Device, config: Config) -> anyhow::Result<Speed> {
    let compute = device.open()?;
    let on = compute.device().clone();
    let pace = ComputeThread::shared().run(move || estimate::measure(&config, &on)).wait()??;
    compute.check()?;
    Ok(pace)
}

/// The job of a training; what it has to say goes to `tell`.
pub fn work(task: Task, progress: &Progress, tell: &dyn Fn(Message)) -> anyhow::Result<()> {
    let (interrupt, folder, name) =
        (Arc::clone(&task.interrupt), task.folder.clone(), task.started.name.clone());
    let outcome = train(task, progress, tell);
    let stopped = interrupt.is_stopped();
    match outcome {
        Ok(outcome) => {
            tell(Message::Ended(Ended::Finished(Finish::of(&outcome, stopped))));
            log::info!("Training {name}: the model is in {}.", folder.display());
            Ok(())
        }
        Err(e) if stopped && is_cancelled(&e) => {
            tell(Message::Ended(Ended::Cancelled));
            Ok(())
        }
        Err(e) => {
            tell(Message::Ended(Ended::Failed(format!("{e:#}"))));
            Err(e)
        }
    }
}

fn is_cancelled(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(TrainError::Stopped(_) | TrainError::Data(DatasetError::Stopped(_))))
}

fn train(task: Task, progress: &Progress, tell: &dyn Fn(Message)) -> anyhow::Result<Outcome> {
    let Task { started, experiment, items, splits, folder, device, interrupt, done } = task;
    let Started { name, start, config, .. } = started.clone();
    // A free name was chosen for it, or it goes on: nothing is overwritten.
    let out = TrainingFolder::open(&folder, false)?;
    kept::note(&folder, &started)?;
    let splits = match splits {
        Some(splits) => splits,
        None => run::splits(&items, &config)?.0,
    };
    let trains = items.items.iter().zip(&splits).filter(|(_, split)| **split == Some(Split::Train));
    tell(Message::Trained(trains.map(|(item, _)| item.row).collect()));
    let compute = device.open()?;
    let thread = ComputeThread::shared();
    let start = load(&start, &compute, &thread)?;
    let run = Run {
        config,
        experiment,
        items: Items::clone(&items),
        splits,
        out,
        name,
        start,
        compute,
        thread,
        checkpoint_every: CHECKPOINT_EVERY,
    };
    let (mut waiting, mut told) = (Vec::new(), Instant::now());
    let mut report = |event: run::Event| {
        if progress.is_cancelled() {
            interrupt.stop();
        }
        if let run::Event::Step(step) = &event {
            progress.set((step.step as u64).saturating_sub(done), (step.steps as u64).saturating_sub(done));
        }
        // Steps may be quick: they are told together. A map comes just before its epoch.
        let can_wait = matches!(event, run::Event::Step(_) | run::Event::Map { .. });
        waiting.push(event);
        if !can_wait || told.elapsed() >= TELL_EVERY {
            tell(Message::Events(std::mem::take(&mut waiting)));
            told = Instant::now();
        }
    };
    let outcome = run::train(run, &interrupt, &mut report);
    tell(Message::Events(waiting));
    Ok(outcome?)
}

/// Scores of the model in a folder on what its training held back of an experiment, beside chance and simpler vectors.
/// `by_table`: the table said who trained. Steps of `progress` are rows.
pub fn evaluate(
    folder: &Path,
    config: &Config,
    experiment: &Arc<Experiment>,
    by_table: bool,
    device: &Device,
    progress: &Progress,
) -> anyhow::Result<Vec<Report>> {
    if by_table {
        // Without these words a split by the seed would ask about rows that were trained on.
        let items = Items::of(experiment);
        let has = |split| items.items.iter().any(|item| item.split == Some(split));
        if !has(Split::Query) || !has(Split::Gallery) {
            bail!(
                "nothing was held back: the column “split” names no query and no gallery. Give rows these words before the next \
                 training"
            );
        }
    }
    let compute = device.open()?;
    let encoder = families::open(folder, &compute, &ComputeThread::shared())?;
    let how = Assessment {
        protocol: config.protocol,
        seed: config.seed,
        accept_contamination: false,
        order: config.input.order,
    };
    Ok(assess(experiment, &*encoder, &how, progress)?.reports)
}

/// The model to start from, on the compute device.
pub fn load(
    start: &Start,
    compute: &Compute,
    thread: &ComputeThread,
) -> anyhow::Result<Option<(MolClip, Card)>> {
    let folder = match start {
        Start::Fresh => return Ok(None),
        Start::Shipped => return Ok(Some(shipped::load(compute, thread)?)),
        Start::Model(folder) => folder,
    };
    if !folder.is_dir() {
        bail!("{}: there is no such folder. Choose another model to start from", folder.display());
    }
    Ok(Some(infer::load(folder, compute, thread)?))
}

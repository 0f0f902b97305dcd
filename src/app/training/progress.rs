//! A training that runs or has run: its curves, its map, what it says.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::Answer;
use super::kept::Started;
use crate::analysis::evaluate::Report;
use crate::analysis::leakage::Finding;
use crate::analysis::split::Protocol;
use crate::app::screen::scale::Scale;
use crate::experiment::Experiment;
use crate::learn::interrupt::Interrupt;
use crate::learn::objective::Terms;
use crate::learn::progress::{EpochRecord, State, Validation};
use crate::learn::run::{Event, Outcome, StepReport};
use crate::learn::sampler::Stage;

/// Points of a curve at most; then neighbours become their mean.
const POINTS: usize = 1024;

/// Weight of the newest step in the speed that is shown.
const NEWEST: f64 = 0.15;

/// Some steps, the mean of each number.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// Step.
    pub step: f64,
    /// Losses.
    pub losses: Terms,
    /// Learning rate.
    pub rate: f64,
}

impl Point {
    fn add(&mut self, other: &Self) {
        self.step += other.step;
        self.losses.add(&other.losses);
        self.rate += other.rate;
    }

    fn mean(&self, count: usize) -> Self {
        let n = count as f64;
        Self { step: self.step / n, losses: self.losses.times(1.0 / n as f32), rate: self.rate / n }
    }
}

/// Step by step, thinned out evenly.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// Means of as many steps each.
    pub points: Vec<Point>,
    /// Steps in a point.
    stride: usize,
    open: (usize, Point),
}

impl Curve {
    /// Takes a step in.
    pub fn push(&mut self, step: &Point) {
        self.stride = self.stride.max(1);
        let (count, sum) = &mut self.open;
        *count += 1;
        sum.add(step);
        if *count < self.stride {
            return;
        }
        self.points.push(sum.mean(*count));
        self.open = Default::default();
        if self.points.len() >= POINTS {
            let mean = |pair: &[Point]| {
                let mut sum = pair[0].clone();
                sum.add(&pair[1]);
                sum.mean(2)
            };
            self.points = self.points.chunks_exact(2).map(mean).collect();
            self.stride *= 2;
        }
    }
}

/// Where the validation's videos lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Row, coordinates, and whether its compound is trained on.
    pub points: Vec<(u32, [f64; 2], bool)>,
    /// Which validation made it, from 1.
    pub round: usize,
}

/// What a training is about to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// Videos trained on.
    pub train: usize,
    /// Videos validated on.
    pub validation: usize,
    /// Drugs.
    pub drugs: usize,
    /// Mechanisms.
    pub moas: usize,
    /// Row ids that are left out, and why.
    pub problems: Vec<(String, String)>,
    /// Steps of all epochs.
    pub steps: usize,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The user ended it.
    pub stopped: bool,
    /// Epochs that were finished.
    pub epochs: usize,
    /// Mean average precision of what was kept, if there was a validation.
    pub map: Option<f64>,
    /// The epoch that was kept; `None` too where the end of an unfinished epoch was the best.
    pub best: Option<EpochRecord>,
    /// Part of the time that computing waited for videos.
    pub waited: f64,
    /// Learnt from simulated recordings.
    pub simulated: bool,
}

impl Finish {
    /// Of what a training gave back.
    pub fn of(outcome: &Outcome, stopped: bool) -> Self {
        let map = outcome.card.trained_on.validation_map;
        let is_best = |epoch: &&EpochRecord| epoch.validation.map(|v| v.score) == map;
        Self {
            stopped,
            epochs: outcome.history.len(),
            map,
            best: map.and_then(|_| outcome.history.iter().rev().find(is_best).cloned()),
            waited: outcome.waited,
            simulated: outcome.card.trained_on.simulated,
        }
    }
}

/// Where it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Device, model and videos are made ready.
    Preparing,
    /// Steps go by.
    Training,
    /// The model is on disk.
    Finished(Finish),
    /// The user ended it before there was anything to keep.
    Cancelled,
    /// It ended without a model.
    Failed(String),
}

/// A training.
#[derive(Debug)]
pub struct Live {
    /// Its job.
    pub job: u64,
    /// What it was started with.
    pub started: Started,
    /// Where its model goes.
    pub folder: PathBuf,
    /// Id of its experiment.
    pub experiment: String,
    /// Its experiment as it was then.
    pub rows: Arc<Experiment>,
    /// Parts of its rows are from the table.
    pub by_table: bool,
    /// How its rows are split, for people.
    pub split: String,
    /// What is new in the validation.
    pub protocol: Protocol,
    /// Computes on a GPU.
    pub on_gpu: bool,
    /// Pause and stop.
    pub interrupt: Arc<Interrupt>,
    /// Where it is.
    pub phase: Phase,
    /// What it learns from, once read.
    pub ready: Option<Ready>,
    /// Since when there is a network to train.
    pub since: Instant,
    /// Losses and learning rate by step.
    pub curve: Curve,
    /// Epoch by epoch.
    pub epochs: Vec<EpochRecord>,
    /// The latest step.
    pub step: Option<StepReport>,
    /// Videos per second, smoothed.
    pub speed: f64,
    /// The latest map.
    pub map: Option<Map>,
    /// Colours of the rows, by mechanism.
    pub scale: Scale,
    /// What may leak across the split, now that the videos are read.
    pub findings: Vec<Finding>,
    /// What happened on the way, for people.
    pub notes: Vec<String>,
    /// Rows that are trained on.
    pub trained: HashSet<usize>,
    /// The job that evaluates the model.
    pub evaluating: Option<u64>,
    /// What the model is worth on what was held back, once it is asked for.
    pub evaluation: Option<Answer<Vec<Report>>>,
}

/// What a training is made of, before it says anything itself.
#[derive(Debug)]
pub struct Begin {
    /// Its job.
    pub job: u64,
    /// What it is started with.
    pub started: Started,
    /// Where its model goes.
    pub folder: PathBuf,
    /// Its experiment.
    pub experiment: Arc<Experiment>,
    /// Rows are split by the table.
    pub by_table: bool,
    /// Computes on a GPU.
    pub on_gpu: bool,
    /// Pause and stop.
    pub interrupt: Arc<Interrupt>,
    /// Colours of the rows, by mechanism.
    pub scale: Scale,
}

impl Live {
    /// A training that is about to begin, or to go on from a checkpoint.
    pub fn new(begin: Begin, before: Option<&State>) -> Self {
        let Begin { job, started, folder, experiment, by_table, on_gpu, interrupt, scale } = begin;
        let config = &started.config;
        let protocol = config.protocol;
        let how = if by_table { "the table".to_owned() } else { format!("seed {}", config.seed) };
        Self {
            job,
            split: format!("{}, split by {how}", protocol.label()),
            started,
            folder,
            experiment: experiment.id.clone(),
            rows: experiment,
            by_table,
            protocol,
            on_gpu,
            interrupt,
            phase: Phase::Preparing,
            ready: None,
            since: Instant::now(),
            curve: Curve::default(),
            epochs: before.map(|state| state.history.clone()).unwrap_or_default(),
            step: None,
            speed: 0.0,
            map: None,
            scale,
            findings: Vec::new(),
            notes: Vec::new(),
            trained: HashSet::new(),
            evaluating: None,
            evaluation: None,
        }
    }

    /// True until it has ended, one way or another.
    pub const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Preparing | Phase::Training)
    }

    /// Asked to end, and about to.
    pub fn is_stopping(&self) -> bool {
        self.is_running() && self.interrupt.is_stopped()
    }

    /// The latest validation.
    pub fn validation(&self) -> Option<Validation> {
        self.epochs.iter().rev().find_map(|epoch| epoch.validation)
    }

    /// The stage that it is in.
    fn stage(&self) -> Option<&str> {
        let of_step = self.step.as_ref().map(|step| step.stage);
        of_step.or_else(|| self.epochs.last().map(|epoch| epoch.stage.as_str()))
    }

    /// The best validation of this stage: its weights are kept.
    pub fn best(&self) -> Option<&EpochRecord> {
        let stage = self.stage()?;
        let map = |epoch: &EpochRecord| epoch.validation.map(|validation| validation.score);
        let of_stage = self.epochs.iter().filter(|epoch| epoch.stage == stage && map(epoch).is_some());
        // Of equals the first counts.
        of_stage.rev().max_by(|a, b| map(a).unwrap_or(0.0).total_cmp(&map(b).unwrap_or(0.0)))
    }

    /// The last step of the first stage, once the second has begun.
    pub fn second_stage(&self) -> Option<usize> {
        let drug = self.epochs.iter().rev().find(|epoch| epoch.stage == Stage::Drug.name())?;
        (self.stage() == Some(Stage::Moa.name())).then_some(drug.step)
    }

    /// Takes in what the training says.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Ready { train, validation, drugs, moas, problems, steps } => {
                self.ready = Some(Ready { train, validation, drugs, moas, problems, steps });
                self.phase = Phase::Training;
                self.since = Instant::now();
            }
            Event::Leaks(findings) => self.findings = findings,
            Event::Finished => self.notes.push("It was finished before: nothing was trained.".to_owned()),
            Event::Resumed { step } => self.notes.push(format!("Went on after step {step}.")),
            Event::Halved { parts } => {
                self.notes.push(format!(
                    "Memory did not suffice: each batch is now computed in {parts} parts. Results stay the same but for \
                     rounding; it takes longer."
                ));
            }
            Event::Step(step) => {
                let losses = step.losses.clone();
                self.curve.push(&Point { step: step.step as f64, losses, rate: step.rate });
                self.speed = match self.step {
                    Some(_) => self.speed + NEWEST * (step.rows_per_s - self.speed),
                    None => step.rows_per_s,
                };
                self.step = Some(step);
            }
            Event::Epoch(epoch) => self.epochs.push(epoch),
            Event::Map { rows, points } => {
                let trained = |row: usize| self.trained.contains(&row);
                let points = rows.into_iter().zip(points);
                let points =
                    points.map(|(row, [x, y])| (row as u32, [f64::from(x), f64::from(y)], trained(row)));
                let round = self.map.as_ref().map_or(0, |map| map.round) + 1;
                self.map = Some(Map { points: points.collect(), round });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_is_thinned_out_and_keeps_its_mean() {
        let mut curve = Curve::default();
        for step in 1..=10_000_u16 {
            let losses = Terms::of(&[("total", f32::from(step))]);
            curve.push(&Point { step: f64::from(step), losses, rate: 0.5 });
        }
        assert!(curve.points.len() < POINTS && curve.points.len() > POINTS / 4, "{}", curve.points.len());
        for point in &curve.points {
            assert!((point.step - f64::from(point.losses.get("total"))).abs() < 0.01, "{point:?}");
            assert_eq!(point.rate, 0.5);
        }
        assert!(curve.points.windows(2).all(|pair| pair[0].step < pair[1].step));
    }
}

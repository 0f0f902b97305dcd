//! A training from step to step, whatever it minimises: batches, checkpoints, validation, the best weights.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::{self, Checkpoint, CheckpointError, Identity};
use super::folder::{Found, TrainingFolder};
use super::interrupt::Interrupt;
use super::objective::{Examples, Objective, StateError, StepPlace, Terms};
use super::prefetch::{Epoch, Prefetch};
use super::progress::{Course, EpochRecord, State, Validation};
use super::run::{Event, StepReport, TrainError};
use crate::atomic_file;
use crate::gpu::{Compute, ComputeThread, GpuError};

/// How a session goes, and where.
#[derive(Debug)]
pub(super) struct Setup {
    /// Learning rate, validations, end.
    pub course: Course,
    /// What makes it the training that it is: only such a checkpoint is taken up.
    pub identity: Identity,
    /// Folder for checkpoints and the model.
    pub out: TrainingFolder,
    /// Device.
    pub compute: Compute,
    /// Thread.
    pub thread: ComputeThread,
    /// Parts that a batch is computed in, at first.
    pub parts: usize,
    /// The most parts, where memory does not suffice for fewer.
    pub most_parts: usize,
    /// Time between two checkpoints inside of an epoch.
    pub checkpoint_every: Duration,
}

/// A training on its way.
pub(super) struct Session<O: Objective> {
    setup: Setup,
    examples: Arc<O::Examples>,
    blueprint: O::Blueprint,
    stages: Vec<(&'static str, usize)>,
    objective: Option<Box<O>>,
    state: State,
    best: Option<Vec<u8>>,
    parts: usize,
    saved: Instant,
    busy: Duration,
    waited: Duration,
    steps: usize,
}

/// A training at its end. Nobody else writes to its folder until this is dropped.
pub(super) struct Trained<M> {
    /// The best weights; `None` where the training was finished before, and its folder holds the model.
    pub model: Option<M>,
    /// Score of the best validation of the last stage.
    pub best: Option<f64>,
    /// Epoch by epoch.
    pub history: Vec<EpochRecord>,
    /// Part of the time that the compute thread waited for batches, 0 to 1.
    pub waited: f64,
    is_stopped: bool,
    setup: Setup,
}

impl<O: Objective> Session<O> {
    /// A training that has not begun.
    ///
    /// # Errors
    /// A stage has no batch.
    pub fn new(
        examples: Arc<O::Examples>,
        blueprint: O::Blueprint,
        setup: Setup,
    ) -> Result<Self, TrainError> {
        let stages = examples.stages();
        let mut steps = 0;
        for (index, (_, epochs)) in stages.iter().enumerate() {
            let count = examples.batches(index, 0).len();
            if count == 0 {
                return Err(TrainError::NoBatch(examples.nothing_to_learn(index)));
            }
            steps += count * epochs;
        }
        Ok(Self {
            parts: setup.parts,
            setup,
            examples,
            blueprint,
            stages,
            objective: None,
            state: State::default(),
            best: None,
            saved: Instant::now(),
            busy: Duration::ZERO,
            waited: Duration::ZERO,
            steps,
        })
    }

    /// Steps of the whole training.
    pub const fn steps(&self) -> usize {
        self.steps
    }

    /// Trains to the end, or until it is stopped, from the last checkpoint if there is one.
    pub fn run(
        mut self,
        interrupt: &Interrupt,
        report: &mut dyn FnMut(Event),
    ) -> Result<Trained<O::Model>, TrainError> {
        if self.setup.out.admit(&self.setup.identity)? == Found::Finished {
            report(Event::Finished);
            return self.finished_before();
        }
        self.restore()?;
        if self.state.step > 0 {
            report(Event::Resumed { step: self.state.step });
        }
        while self.state.stage < self.stages.len() {
            let (_, epochs) = self.stages[self.state.stage];
            while self.state.epoch < epochs && !self.is_over(interrupt) {
                match self.epoch(interrupt, report) {
                    Ok(()) => {}
                    Err(e) if e.is_memory() => {
                        self.parts *= 2;
                        if self.parts > self.setup.most_parts {
                            return Err(TrainError::OutOfMemory);
                        }
                        report(Event::Halved { parts: self.parts });
                        // What was allocated is gone with the objective; the last checkpoint is not.
                        self.objective = None;
                        self.restore()?;
                    }
                    Err(e) => return Err(e),
                }
            }
            if self.is_over(interrupt) {
                break;
            }
            self.next_stage();
        }
        let is_stopped = interrupt.is_stopped() && self.state.stage < self.stages.len();
        self.finish(is_stopped)
    }

    /// A fresh objective, or that of the last checkpoint.
    fn restore(&mut self) -> Result<(), TrainError> {
        let (state, kept, best) = match checkpoint::load(self.setup.out.path(), &self.setup.identity)? {
            Some(Checkpoint { state, objective, best }) => (state, Some(objective), best),
            None => (State { sum: Terms::zeros(O::TERMS), ..State::default() }, None, None),
        };
        let (blueprint, parts) = (self.blueprint.clone(), self.parts);
        let made = self.setup.thread.run(move || {
            let mut objective = Box::new(O::fresh(blueprint, parts));
            if let Some(kept) = kept {
                objective.restore(kept)?;
            }
            Ok::<_, StateError>(objective)
        });
        self.objective = Some(made.wait()??);
        (self.state, self.best) = (state, best);
        self.saved = Instant::now();
        Ok(())
    }

    /// Works with the objective on the compute thread.
    fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut O) -> T + Send + 'static,
    ) -> Result<T, TrainError> {
        let Some(mut objective) = self.objective.take() else { return Err(GpuError::ThreadGone.into()) };
        let job = self.setup.thread.run(move || {
            let value = work(&mut objective);
            (objective, value)
        });
        let (objective, value) = job.wait().map_err(|error| self.setup.compute.cause(error))?;
        self.objective = Some(objective);
        self.setup.compute.check()?;
        Ok(value)
    }

    /// Stopped, out of time, or no better for long.
    fn is_over(&self, interrupt: &Interrupt) -> bool {
        let course = &self.setup.course;
        let late = course.time_limit_s.is_some_and(|limit| self.state.seconds >= limit);
        let patience = course.patience > 0 && self.is_last_stage() && self.state.rounds >= course.patience;
        interrupt.is_stopped() || late || patience
    }

    fn is_last_stage(&self) -> bool {
        self.state.stage + 1 == self.stages.len()
    }

    /// The next stage starts where this one ended, and is judged by itself.
    fn next_stage(&mut self) {
        self.state.stage += 1;
        self.state.epoch = 0;
        self.state.batch = 0;
        if self.state.stage < self.stages.len() {
            self.state.best = None;
            self.state.rounds = 0;
            self.state.plateaus = 0;
            self.best = None;
        }
    }

    /// One epoch, or the rest of it.
    fn epoch(&mut self, interrupt: &Interrupt, report: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
        let (stage, epochs) = self.stages[self.state.stage];
        let batches = self.examples.batches(self.state.stage, self.state.epoch);
        let sizes: Vec<usize> = batches.iter().map(Vec::len).collect();
        let epoch = Epoch { stage: self.state.stage, number: self.state.epoch, batches };
        let mut prefetch = Prefetch::start(Arc::clone(&self.examples), epoch, self.state.batch);
        let mut rate = 0.0;
        while let Some(batch) = prefetch.take() {
            wait_while_paused(interrupt);
            self.setup.out.renew()?;
            if self.is_over(interrupt) {
                // What the epoch did so far counts; a resumed training goes on here.
                self.judge(report)?;
                return self.save();
            }
            let batch = batch?;
            let started = Instant::now();
            let rows = sizes.get(self.state.batch).copied().unwrap_or_default();
            rate = self.state.rate(&self.setup.course, sizes.len(), epochs);
            let terms = self.step(batch, rate, interrupt)?;
            let took = started.elapsed();
            self.busy += took;
            self.state.batch += 1;
            self.state.step += 1;
            self.state.sum.add(&terms);
            self.state.seconds += (took + prefetch.waited).as_secs_f64();
            self.waited += std::mem::take(&mut prefetch.waited);
            report(Event::Step(StepReport {
                stage,
                epoch: self.state.epoch + 1,
                step: self.state.step,
                steps: self.steps,
                losses: terms,
                rate,
                rows_per_s: rows as f64 / took.as_secs_f64().max(1e-9),
                waited: self.waited_share(),
                seconds_left: self.seconds_left(),
            }));
            if self.saved.elapsed() >= self.setup.checkpoint_every {
                self.save()?;
            }
        }
        if self.state.batch < sizes.len() {
            // The thread that makes batches is gone.
            let problem = "the thread that makes batches ended. See the log".to_owned();
            return Err(TrainError::NoBatch(problem));
        }
        self.end_epoch(stage, epochs, rate, report)
    }

    fn step(
        &mut self,
        batch: <O::Examples as Examples>::Batch,
        rate: f64,
        interrupt: &Interrupt,
    ) -> Result<Terms, TrainError> {
        let place = StepPlace { epoch: self.state.epoch, step: self.state.step + 1, rate };
        if interrupt.pretends_full_at(place.step) {
            return Err(GpuError::OutOfMemory { detail: "it is pretended".to_owned() }.into());
        }
        let started = Instant::now();
        let terms = self.with(move |objective| objective.step(&batch, &place))??;
        log::debug!("step {}: {:?}", place.step, started.elapsed());
        Ok(terms)
    }

    /// Part of the time that the compute thread waited for batches.
    fn waited_share(&self) -> f64 {
        let waited = self.waited.as_secs_f64();
        waited / (waited + self.busy.as_secs_f64()).max(1e-9)
    }

    fn seconds_left(&self) -> f64 {
        let per_step = self.state.seconds / self.state.step.max(1) as f64;
        let left = per_step * self.steps.saturating_sub(self.state.step) as f64;
        let limit = self.setup.course.time_limit_s;
        limit.map_or(left, |limit| left.min((limit - self.state.seconds).max(0.0)))
    }

    fn end_epoch(
        &mut self,
        stage: &str,
        epochs: usize,
        rate: f64,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let losses = self.state.sum.times(1.0 / self.state.batch.max(1) as f32);
        let number = self.state.epoch + 1;
        let due = number.is_multiple_of(self.setup.course.validate_every) || number == epochs;
        let validation = if due { self.judge(report)? } else { None };
        let (stage, step) = (stage.to_owned(), self.state.step);
        let record = EpochRecord { stage, epoch: number, step, losses, rate, validation };
        self.state.history.push(record.clone());
        self.state.epoch += 1;
        self.state.batch = 0;
        self.state.sum = Terms::zeros(O::TERMS);
        report(Event::Epoch(record));
        self.save()
    }

    /// Validates the weights of now and keeps them if they are the best so far.
    fn judge(&mut self, report: &mut dyn FnMut(Event)) -> Result<Option<Validation>, TrainError> {
        let validation = self.validate(report)?;
        let place = self.state.history.len();
        if validation.is_none_or(|validation| self.state.judge(validation.score, place)) {
            self.best = Some(self.with(|objective| objective.weights())??);
        }
        Ok(validation)
    }

    /// What the weights of now make of what is held out, and how good that is.
    fn validate(&mut self, report: &mut dyn FnMut(Event)) -> Result<Option<Validation>, TrainError> {
        let held_out = self.examples.held_out();
        if held_out.is_empty() {
            return Ok(None);
        }
        let mut outputs = Vec::new();
        for rows in held_out {
            let inputs = self.examples.inputs(&rows)?;
            outputs.extend(self.with(move |objective| objective.outputs(inputs))??);
        }
        Ok(self.examples.judge(&outputs, report))
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let objective = self.with(|objective| objective.state())??;
        let checkpoint = Checkpoint { state: self.state.clone(), objective, best: self.best.clone() };
        checkpoint::save(self.setup.out.path(), &self.setup.identity, &checkpoint)?;
        self.saved = Instant::now();
        Ok(())
    }

    /// What this training left when it was finished, without what a kill left of its checkpoints.
    fn finished_before(self) -> Result<Trained<O::Model>, TrainError> {
        let out = self.setup.out.path();
        checkpoint::clear(out)?;
        let history = read_history(out);
        Ok(Trained { model: None, best: None, history, waited: 0.0, is_stopped: false, setup: self.setup })
    }

    /// The best weights. A training that the user stopped can go on.
    fn finish(mut self, is_stopped: bool) -> Result<Trained<O::Model>, TrainError> {
        let best = self.best.take();
        let model = self.with(move |objective| objective.model(best))??;
        let waited = self.waited_share();
        let State { best, history, .. } = self.state;
        let best = best.map(|(score, _)| score);
        Ok(Trained { model: Some(model), best, history, waited, is_stopped, setup: self.setup })
    }
}

impl<M> Trained<M> {
    /// Where the model is, or is to be.
    pub fn folder(&self) -> &Path {
        self.setup.out.path()
    }

    /// Notes down that the model with this hash is in the folder, after which only a training that was stopped can go on.
    pub fn close(&self, hash: &str) -> Result<(), TrainError> {
        write_history(self.folder(), &self.history)?;
        if !self.is_stopped {
            self.setup.out.finish(&self.setup.identity, hash)?;
        }
        Ok(())
    }
}

const HISTORY: &str = "history.json";

fn read_history(out: &Path) -> Vec<EpochRecord> {
    let text = std::fs::read(out.join(HISTORY)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_history(out: &Path, history: &[EpochRecord]) -> Result<(), TrainError> {
    let path = out.join(HISTORY);
    let text = serde_json::to_vec_pretty(history).unwrap_or_default();
    atomic_file::write(&path, &text).map_err(|source| CheckpointError::Io { path, source }.into())
}

fn wait_while_paused(interrupt: &Interrupt) {
    while interrupt.is_paused() && !interrupt.is_stopped() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests;

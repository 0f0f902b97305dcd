//! A training from step to step: batches, checkpoints, validation, the best weights.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;

use super::checkpoint::{self, Checkpoint, CheckpointError, Identity};
use super::config::{Config, Molecules};
use super::dataset::Dataset;
use super::folder::Found;
use super::infer::{self, encode};
use super::inputs::InputMaker;
use super::prefetch::{Epoch, Prefetch, upright};
use super::progress::{EpochRecord, State, Validation};
use super::run::{Event, Outcome, Run, Steering, StepReport, TrainError, fingerprint};
use super::sampler::{Stage, batches};
use super::trainer::{Batch, Terms, Trainer, TrainerState};
use super::validate::Plan;
use crate::analysis::items::DMSO;
use crate::analysis::leakage::{self, Severity};
use crate::analysis::projection;
use crate::gpu::GpuError;
use crate::model::card::{Card, FORMAT, TrainedOn};
use crate::model::molclip::Sizes;
use crate::model::molecule_encoder::MoleculeFeatures;
use crate::model::weights;
use crate::random::stream;

/// A training on its way.
pub(super) struct Session {
    run: Run,
    data: Arc<Dataset>,
    maker: Arc<InputMaker>,
    sizes: Sizes,
    molecules: MoleculeFeatures,
    identity: Identity,
    stages: Vec<(Stage, usize)>,
    plan: Plan,
    trainer: Option<Box<Trainer>>,
    state: State,
    best: Option<Vec<u8>>,
    parts: usize,
    saved: Instant,
    busy: Duration,
    waited: Duration,
    steps: usize,
    finished: bool,
}

impl Session {
    /// Reads the videos and takes up the last checkpoint, if there is one.
    pub fn new(mut run: Run, steering: &Steering, report: &mut dyn FnMut(Event)) -> Result<Self, TrainError> {
        let card = run.start.as_ref().map(|(_, card)| card.clone());
        if let Some(card) = &card {
            run.config.encoder = card.encoder.clone();
            run.config.molecule_encoder = card.molecule_encoder;
            run.config.projection = card.projection;
            run.config.input.frames = card.input.frames;
            run.config.input.channels.clone_from(&card.input.channels);
        }
        let spec = card.as_ref().map(|card| card.input.clone());
        let data =
            Dataset::new(&run.experiment, &run.items, &run.splits, &run.config, spec, &steering.reading)?;
        let data = Arc::new(data);
        let content: Vec<_> =
            run.items.items.iter().map(|item| data.contents.get(&item.row).copied()).collect();
        let findings = leakage::check(&leakage::Check {
            items: &run.items,
            splits: &run.splits,
            protocol: run.config.protocol,
            content: Some(&content),
            near: None,
        });
        let leaks: Vec<&str> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| finding.text.as_str())
            .collect();
        let leak = (!leaks.is_empty()).then(|| leaks.join(" "));
        if !findings.is_empty() {
            report(Event::Leaks(findings));
        }
        if let Some(leak) = leak {
            return Err(TrainError::Leak(leak));
        }
        let sizes = Sizes {
            encoder: run.config.encoder.clone(),
            channels: data.spec.channels.len(),
            molecule_encoder: run.config.molecule_encoder,
            projection: run.config.projection,
            drugs: data.drugs.len(),
            moas: data.moas.len(),
        };
        let molecules = MoleculeFeatures::from_smiles(&structures(&data, &run.config))?;
        let identity = Identity {
            config: run.config.hash(),
            data: fingerprint(&data),
            start: card.map(|card| card.hash).unwrap_or_default(),
        };
        let all = [(Stage::Drug, run.config.drug_epochs), (Stage::Moa, run.config.moa_epochs)];
        let stages: Vec<_> = all.into_iter().filter(|(_, epochs)| *epochs > 0).collect();
        let plan = Plan::of(&data);
        let mut session = Self {
            parts: run.config.accumulate,
            maker: Arc::new(InputMaker::new(data.spec.clone(), &run.compute)),
            run,
            data,
            sizes,
            molecules,
            identity,
            stages,
            plan,
            trainer: None,
            state: State::default(),
            best: None,
            saved: Instant::now(),
            busy: Duration::ZERO,
            waited: Duration::ZERO,
            steps: 0,
            finished: false,
        };
        for index in 0..session.stages.len() {
            let count = session.batches(index, 0).len();
            if count == 0 {
                return Err(TrainError::NoBatch("the training rows name no mechanism of action"));
            }
            session.steps += count * session.stages[index].1;
        }
        report(Event::Ready {
            train: session.data.train.len(),
            validation: session.data.validation.len(),
            drugs: session.data.drugs.len(),
            moas: session.data.moas.len(),
            problems: session.data.problems.clone(),
            steps: session.steps,
        });
        if session.run.out.admit(&session.identity)? == Found::Finished {
            session.finished = true;
            report(Event::Finished);
            return Ok(session);
        }
        session.restore()?;
        if session.state.step > 0 {
            report(Event::Resumed { step: session.state.step });
        }
        Ok(session)
    }

    /// A fresh trainer, or that of the last checkpoint.
    fn restore(&mut self) -> Result<(), TrainError> {
        let config = Config { accumulate: self.parts, ..self.run.config.clone() };
        let (sizes, molecules) = (self.sizes.clone(), self.molecules.clone());
        let dmso = self.data.drugs.iter().position(|drug| drug.skeleton == DMSO || drug.name == "DMSO");
        let start = self.run.start.as_ref().map(|(model, _)| model.clone());
        let device = self.run.compute.device().clone();
        let checkpoint = checkpoint::load(self.run.out.path(), &self.identity)?;
        let state = checkpoint.as_ref().map(|checkpoint| checkpoint.trainer.clone());
        let made = self.run.thread.run(move || {
            let mut trainer = Trainer::new(&config, &sizes, molecules, dmso, start, &device);
            if let Some(state) = state {
                trainer.restore(state)?;
            }
            Ok::<_, burn::store::RecordError>(Box::new(trainer))
        });
        self.trainer = Some(made.wait()??);
        (self.state, self.best) = checkpoint.map_or_else(Default::default, |c| (c.state, c.best));
        self.saved = Instant::now();
        Ok(())
    }

    fn batches(&self, stage: usize, epoch: usize) -> Vec<Vec<usize>> {
        let config = &self.run.config;
        let (drugs, videos) = (config.batch_drugs, config.batch_videos);
        batches(&self.data.labelled(), self.stages[stage].0, drugs, videos, config.seed, epoch)
    }

    /// Works with the trainer on the compute thread.
    fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Trainer) -> T + Send + 'static,
    ) -> Result<T, TrainError> {
        let Some(mut trainer) = self.trainer.take() else { return Err(GpuError::ThreadGone.into()) };
        let job = self.run.thread.run(move || {
            let value = work(&mut trainer);
            (trainer, value)
        });
        let (trainer, value) = job.wait()?;
        self.trainer = Some(trainer);
        self.run.compute.check()?;
        Ok(value)
    }

    /// Trains to the end, or until it is stopped.
    pub fn run(mut self, steering: &Steering, report: &mut dyn FnMut(Event)) -> Result<Outcome, TrainError> {
        if self.finished {
            return self.finished_before();
        }
        while self.state.stage < self.stages.len() {
            let (_, epochs) = self.stages[self.state.stage];
            while self.state.epoch < epochs && !self.is_over(steering) {
                match self.epoch(steering, report) {
                    Ok(()) => {}
                    Err(e) if e.is_memory() => {
                        self.parts *= 2;
                        if self.run.config.batch_drugs / self.parts < 2 {
                            return Err(TrainError::OutOfMemory);
                        }
                        report(Event::Halved { parts: self.parts });
                        // What was allocated is gone with the trainer; the last checkpoint is not.
                        self.trainer = None;
                        self.restore()?;
                    }
                    Err(e) => return Err(e),
                }
            }
            if self.is_over(steering) {
                break;
            }
            self.next_stage();
        }
        let is_stopped = steering.is_stopped() && self.state.stage < self.stages.len();
        self.finish(is_stopped)
    }

    /// Stopped, out of time, or no better for long.
    fn is_over(&self, steering: &Steering) -> bool {
        let config = &self.run.config;
        let late = config.time_limit_s.is_some_and(|limit| self.state.seconds >= limit);
        let patience = config.patience > 0 && self.is_last_stage() && self.state.rounds >= config.patience;
        steering.is_stopped() || late || patience
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
    fn epoch(&mut self, steering: &Steering, report: &mut dyn FnMut(Event)) -> Result<(), TrainError> {
        let (stage, epochs) = self.stages[self.state.stage];
        let all = self.batches(self.state.stage, self.state.epoch);
        let count = all.len();
        let epoch = Epoch { stage, number: self.state.epoch, batches: all };
        let (data, maker) = (Arc::clone(&self.data), Arc::clone(&self.maker));
        let mut prefetch = Prefetch::start(data, maker, self.run.config.clone(), epoch, self.state.batch);
        let mut rate = 0.0;
        while let Some(batch) = prefetch.take() {
            wait_while_paused(steering);
            self.run.out.renew()?;
            if self.is_over(steering) {
                // What the epoch did so far counts; a resumed training goes on here.
                self.judge(report)?;
                return self.save();
            }
            let batch = batch?;
            let started = Instant::now();
            let videos = batch.drugs.len();
            rate = self.state.rate(&self.run.config, count, epochs);
            let terms = self.step(batch, stage, rate, steering)?;
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
                videos_per_s: videos as f64 / took.as_secs_f64().max(1e-9),
                waited: self.waited_share(),
                seconds_left: self.seconds_left(),
            }));
            if self.saved.elapsed() >= self.run.checkpoint_every {
                self.save()?;
            }
        }
        if self.state.batch < count {
            // The thread that makes batches is gone.
            return Err(TrainError::NoBatch("the thread that makes batches ended. See the log"));
        }
        self.end_epoch(stage, epochs, rate, report)
    }

    fn step(
        &mut self,
        batch: Batch,
        stage: Stage,
        rate: f64,
        steering: &Steering,
    ) -> Result<Terms, TrainError> {
        let step = self.state.step + 1;
        if steering.pretends_full_at(step) {
            return Err(GpuError::Device { message: "Out of memory (pretended)".to_owned() }.into());
        }
        let config = &self.run.config;
        let drop_dmso = config.drop_inactive && self.state.epoch as f64 >= config.warmup_epochs;
        let started = Instant::now();
        let terms = self.with(move |trainer| trainer.step(&batch, stage, rate, step, drop_dmso))??;
        log::debug!("step {step}: {:?}", started.elapsed());
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
        let limit = self.run.config.time_limit_s;
        limit.map_or(left, |limit| left.min((limit - self.state.seconds).max(0.0)))
    }

    fn end_epoch(
        &mut self,
        stage: Stage,
        epochs: usize,
        rate: f64,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), TrainError> {
        let losses = self.state.sum.times(1.0 / self.state.batch.max(1) as f32);
        let number = self.state.epoch + 1;
        let due = number.is_multiple_of(self.run.config.validate_every) || number == epochs;
        let validation = if due { self.judge(report)? } else { None };
        let record = EpochRecord { stage, epoch: number, step: self.state.step, losses, rate, validation };
        self.state.history.push(record.clone());
        self.state.epoch += 1;
        self.state.batch = 0;
        self.state.sum = Terms::default();
        report(Event::Epoch(record));
        self.save()
    }

    /// Validates the weights of now and keeps them if they are the best so far.
    fn judge(&mut self, report: &mut dyn FnMut(Event)) -> Result<Option<Validation>, TrainError> {
        let validation = self.validate(report)?;
        let place = self.state.history.len();
        if validation.is_none_or(|validation| self.state.judge(validation.map, place)) {
            let bytes =
                self.with(|trainer| trainer.model().into_record().into_bytes().map(|bytes| bytes.to_vec()))??;
            self.best = Some(bytes);
        }
        Ok(validation)
    }

    /// Embeds the validation's samples with the weights of now.
    fn validate(&mut self, report: &mut dyn FnMut(Event)) -> Result<Option<Validation>, TrainError> {
        if self.plan.queries == 0 {
            return Ok(None);
        }
        let model = self.with(|trainer| trainer.model())?;
        let mut embeddings = Vec::new();
        let mut dim = 0;
        for part in self.plan.samples.chunks(infer::BATCH) {
            let samples: Vec<_> = part.iter().collect();
            let videos = upright(&self.data, &self.maker, &self.run.config, &samples)?;
            let (model, device) = (model.clone(), self.run.compute.device().clone());
            let encoded = self.run.thread.run(move || encode(&model, &device, videos)).wait()??;
            dim = encoded.dim;
            embeddings.extend(encoded.embeddings);
        }
        self.run.compute.check()?;
        let samples = &self.plan.samples;
        report(Event::Map {
            rows: samples.iter().map(|sample| sample.row).collect(),
            points: projection::plane(&embeddings, dim),
            moas: samples.iter().map(|sample| sample.moas.first().copied()).collect(),
        });
        Ok(self.plan.measure(&embeddings, dim))
    }

    fn save(&mut self) -> Result<(), TrainError> {
        let trainer: TrainerState = self.with(|trainer| trainer.state())??;
        let checkpoint = Checkpoint { state: self.state.clone(), trainer, best: self.best.clone() };
        checkpoint::save(self.run.out.path(), &self.identity, &checkpoint)?;
        self.saved = Instant::now();
        Ok(())
    }

    /// The model that this training made before, without what a kill left of its checkpoints.
    fn finished_before(self) -> Result<Outcome, TrainError> {
        let out = self.run.out.path();
        checkpoint::clear(out)?;
        let (model, card) = infer::load(out, &self.run.compute, &self.run.thread)?;
        Ok(Outcome { model, card, history: read_history(out), waited: 0.0 })
    }

    /// The best weights, as a model on disk. A training that the user stopped can go on.
    fn finish(mut self, is_stopped: bool) -> Result<Outcome, TrainError> {
        let best = self.best.take();
        let model = self.with(move |trainer| {
            let model = trainer.model();
            match best {
                Some(bytes) => {
                    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))?;
                    model.try_load_record(record)
                }
                None => Ok(model),
            }
        })??;
        let best_map = self.state.best.map(|(map, _)| map);
        let table = &self.run.experiment.table;
        let rows = || self.data.train.iter().chain(&self.data.validation);
        let mut card = Card {
            format: FORMAT,
            name: self.run.name.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            hash: String::new(),
            input: self.data.spec.clone(),
            encoder: self.run.config.encoder.clone(),
            molecule_encoder: self.run.config.molecule_encoder,
            projection: self.run.config.projection,
            drugs: self.data.drugs.clone(),
            moas: self.data.moas.clone(),
            trained_on: TrainedOn {
                experiment: self.run.experiment.name.clone(),
                fingerprint: self.identity.data.clone(),
                simulated: rows().any(|sample| table.number(sample.row, "simulated") == Some(1.0)),
                rows: self.data.train.len(),
                validation_rows: self.data.validation.len(),
                seed: self.run.config.seed,
                epochs: self.state.history.len(),
                validation_map: best_map,
            },
            training: serde_json::to_value(&self.run.config).unwrap_or_default(),
            notes: Vec::new(),
        };
        let out = self.run.out.path();
        card = weights::save(out, &model, &card)?;
        write_history(out, &self.state.history)?;
        if !is_stopped {
            self.run.out.finish(&self.identity, &card.hash)?;
        }
        let waited = self.waited_share();
        Ok(Outcome { model, card, history: self.state.history, waited })
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
    crate::video::edits::write_atomically(&path, &text)
        .map_err(|source| CheckpointError::Io { path, source }.into())
}

fn wait_while_paused(steering: &Steering) {
    while steering.is_paused() && !steering.is_stopped() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// SMILES of each drug class: its own, none, or that of another drug.
fn structures(data: &Dataset, config: &Config) -> Vec<String> {
    use rand::seq::SliceRandom;
    let own: Vec<String> = data.drugs.iter().map(|drug| drug.smiles.clone()).collect();
    match config.molecules {
        Molecules::Structures => own,
        Molecules::None => vec![String::new(); own.len()],
        Molecules::Permuted => {
            let known: Vec<usize> = (0..own.len()).filter(|&drug| !own[drug].is_empty()).collect();
            let mut from = known.clone();
            from.shuffle(&mut stream(config.seed, &["permuted structures"]));
            let mut permuted = own.clone();
            for (&to, &from) in known.iter().zip(&from) {
                permuted[to].clone_from(&own[from]);
            }
            permuted
        }
    }
}

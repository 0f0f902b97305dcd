//! What MolCLIP learns from: videos with their drugs and mechanisms, varied, P drugs with K videos each in a batch.

use super::trainer::Batch;
use crate::analysis::projection;
use crate::gpu::Compute;
use crate::learn::augment;
use crate::learn::config::Config;
use crate::learn::dataset::{Dataset, Sample};
use crate::learn::infer;
use crate::learn::inputs::{InputMaker, Inputs, Seen};
use crate::learn::objective::Examples;
use crate::learn::progress::Validation;
use crate::learn::run::Event;
use crate::learn::sampler::{Label, Stage, batches};
use crate::learn::store::LoadError;
use crate::learn::validate::ValidationSet;
use crate::model::card::ValidatedBy;
use crate::model::input::View;

/// The rows of a training, and how batches are made of them.
#[derive(Debug)]
pub struct MolClipExamples {
    data: Dataset,
    maker: InputMaker,
    config: Config,
    stages: Vec<(Stage, usize)>,
    validation: ValidationSet,
}

impl MolClipExamples {
    /// Of rows that are read, for the device that computes.
    pub fn new(data: Dataset, config: Config, compute: &Compute) -> Self {
        let stages = [(Stage::Drug, config.drug_epochs), (Stage::Moa, config.moa_epochs)];
        Self {
            maker: InputMaker::new(data.spec.clone(), compute),
            stages: stages.into_iter().filter(|(_, epochs)| *epochs > 0).collect(),
            validation: ValidationSet::of(&data, config.protocol),
            data,
            config,
        }
    }

    /// The rows.
    pub const fn data(&self) -> &Dataset {
        &self.data
    }

    /// What a validation asks; `None` where nothing can be validated.
    pub fn validated_by(&self) -> Option<ValidatedBy> {
        (self.validation.queries > 0).then_some(self.validation.by)
    }

    /// How a row is varied in a place of its batch.
    fn varied(&self, stage: Stage, epoch: usize, rows: &[usize], place: usize) -> Seen<'_> {
        let sample = &self.data.train[rows[place]];
        // A video that fills up a small drug is varied anew.
        let repeat = rows[..place].iter().filter(|&&other| other == rows[place]).count();
        let key = augment::Key { seed: self.config.seed, stage, epoch, row_id: &sample.item.row_id, repeat };
        let (order, spec) = (self.config.input.order, &self.data.spec);
        self.data.seen(sample, augment::view(&self.config.augment, order, spec.frames, spec.size, key))
    }
}

impl Examples for MolClipExamples {
    type Batch = Batch;
    type Inputs = Inputs;

    fn stages(&self) -> Vec<(&'static str, usize)> {
        self.stages.iter().map(|&(stage, epochs)| (stage.name(), epochs)).collect()
    }

    fn batches(&self, stage: usize, epoch: usize) -> Vec<Vec<usize>> {
        let Config { batch_drugs, batch_videos, seed, .. } = self.config;
        let labels: Vec<&Label> = self.data.train.iter().map(|sample| &sample.label).collect();
        batches(&labels, self.stages[stage].0, batch_drugs, batch_videos, seed, epoch)
    }

    fn nothing_to_learn(&self, stage: usize) -> String {
        let (what, column, epochs) = match self.stages[stage].0 {
            Stage::Drug => ("compound", "compound", "drug_epochs"),
            Stage::Moa => ("mechanism of action", "moa", "moa_epochs"),
        };
        format!("the training rows name no {what}. Fill in the column {column}, or set {epochs} to 0")
    }

    fn batch(&self, stage: usize, epoch: usize, rows: &[usize]) -> Result<Batch, LoadError> {
        let stage = self.stages[stage].0;
        let seen: Vec<Seen> = (0..rows.len()).map(|place| self.varied(stage, epoch, rows, place)).collect();
        let labels = || rows.iter().map(|&row| &self.data.train[row].label);
        Ok(Batch {
            stage,
            videos: self.maker.make(&self.data.store, &seen)?,
            drugs: labels().map(|label| label.drug.unwrap_or(0)).collect(),
            moas: labels().map(|label| label.moas.clone()).collect(),
        })
    }

    fn held_out(&self) -> Vec<Vec<usize>> {
        if self.validation.queries == 0 {
            return Vec::new();
        }
        let places: Vec<usize> = (0..self.validation.samples.len()).collect();
        places.chunks(infer::BATCH).map(<[usize]>::to_vec).collect()
    }

    /// Upright.
    fn inputs(&self, places: &[usize]) -> Result<Inputs, LoadError> {
        let (order, frames) = (self.config.input.order, self.data.spec.frames);
        let seen = |&place: &usize| {
            let sample: &Sample = &self.validation.samples[place];
            self.data.seen(sample, View::upright(frames, order, &sample.item.row_id))
        };
        let seen: Vec<Seen> = places.iter().map(seen).collect();
        self.maker.make(&self.data.store, &seen)
    }

    fn judge(&self, outputs: &[f32], report: &mut dyn FnMut(Event)) -> Option<Validation> {
        let samples = &self.validation.samples;
        let dim = outputs.len() / samples.len().max(1);
        report(Event::Map {
            rows: samples.iter().map(|sample| sample.item.row).collect(),
            points: projection::plane(outputs, dim),
        });
        self.validation.measure(outputs, dim)
    }
}

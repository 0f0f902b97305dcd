//! What a training minimises, and what it learns from: all that a session knows of a family of models.
//!
//! [`Examples`] say what a batch holds and make it beside the compute thread; the [`Objective`] lives on that thread and
//! changes weights. Both depend on what they are given alone, so that a training that was stopped goes on bit by bit as
//! if it had not been. Epochs, checkpoints, validation, the best weights and the end are the session's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use burn::store::RecordError;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::progress::Validation;
use super::run::Event;
use super::store::LoadError;
use crate::gpu::GpuError;

/// What is learnt from and validated on. Shared by the session and the thread that makes batches.
pub trait Examples: Send + Sync + 'static {
    /// Some rows as they are learnt from.
    type Batch: Send + 'static;
    /// Some rows as they are looked at without learning.
    type Inputs: Send + 'static;

    /// Name and epochs of each stage, in their order. Each has a learning rate that rises and falls, and is judged by
    /// itself; the last one's best weights are kept.
    fn stages(&self) -> Vec<(&'static str, usize)>;

    /// The rows of each batch of an epoch, by numbers that [`Self::batch`] understands. `stage` is a place in
    /// [`Self::stages`], `epoch` counts from 0 in its stage.
    fn batches(&self, stage: usize, epoch: usize) -> Vec<Vec<usize>>;

    /// Why a stage has no batch, and what to do; a sentence without its full stop.
    fn nothing_to_learn(&self, stage: usize) -> String;

    /// One of these batches.
    ///
    /// # Errors
    /// A row that could be read before cannot be any more.
    fn batch(&self, stage: usize, epoch: usize, rows: &[usize]) -> Result<Self::Batch, LoadError>;

    /// The rows that a validation looks at, the same in every round, in parts that are computed at once. Empty where
    /// nothing can be validated: then the last weights count as the best.
    fn held_out(&self) -> Vec<Vec<usize>>;

    /// One of these parts.
    ///
    /// # Errors
    /// As [`Self::batch`].
    fn inputs(&self, rows: &[usize]) -> Result<Self::Inputs, LoadError>;

    /// How good the weights of now are, by what they make of [`Self::held_out`]: `outputs` `[row, width]`. Reports what
    /// there is to see. `None` where nothing can be said.
    fn judge(&self, outputs: &[f32], report: &mut dyn FnMut(Event)) -> Option<Validation>;
}

/// What a training minimises. Lives on the compute thread.
pub trait Objective: Sized + Send + 'static {
    /// What it learns from.
    type Examples: Examples;
    /// What fresh weights are made from. It is kept: where memory does not suffice, they are made again.
    type Blueprint: Clone + Send + 'static;
    /// What a finished training gives.
    type Model: Send + 'static;

    /// Names of a step's numbers, in the order in which they are kept and plotted.
    const TERMS: &'static [&'static str];

    /// Fresh weights, for batches that are computed in as many `parts` to save memory.
    fn fresh(blueprint: Self::Blueprint, parts: usize) -> Self;

    /// Changes the weights by one batch, and gives its [`Self::TERMS`].
    ///
    /// # Errors
    /// A loss is no number, and the weights are as before; or the device fails.
    fn step(
        &mut self,
        batch: &<Self::Examples as Examples>::Batch,
        place: &StepPlace,
    ) -> Result<Terms, StepError>;

    /// What the weights of now make of inputs, `[row, width]`.
    ///
    /// # Errors
    /// The device fails.
    fn outputs(&self, inputs: <Self::Examples as Examples>::Inputs) -> Result<Vec<f32>, GpuError>;

    /// Everything that steps change.
    ///
    /// # Errors
    /// It cannot be packed.
    fn state(&self) -> Result<Parts, StateError>;

    /// Goes on from [`Self::state`].
    ///
    /// # Errors
    /// The state is not this objective's.
    fn restore(&mut self, state: Parts) -> Result<(), StateError>;

    /// What [`Self::model`] needs of the weights of now.
    ///
    /// # Errors
    /// It cannot be packed.
    fn weights(&self) -> Result<Vec<u8>, StateError>;

    /// The model with `weights` that were packed before, or with those of now.
    ///
    /// # Errors
    /// The weights are not this objective's.
    fn model(&self, weights: Option<Vec<u8>>) -> Result<Self::Model, StateError>;
}

/// Where in a training a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPlace {
    /// Epoch of the stage, from 0.
    pub epoch: usize,
    /// Step of the whole training, from 1.
    pub step: usize,
    /// Learning rate.
    pub rate: f64,
}

/// An objective's state by name, in whatever form each part has. A checkpoint keeps a part as `<name>.bpk`; the name
/// `best` is taken.
pub type Parts = BTreeMap<String, Vec<u8>>;

/// An objective's state cannot be packed, or is not that of this objective.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StateError(pub String);

impl From<RecordError> for StateError {
    fn from(error: RecordError) -> Self {
        Self(error.to_string())
    }
}

/// Training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A loss is no number.
    #[error(
        "training diverged in step {step}: the {term} loss is {value}. Lower the learning rate (it was {rate:.2e}), or the \
         weight of this loss; the best weights so far are kept"
    )]
    Diverged {
        /// Step, from 1.
        step: usize,
        /// Which loss.
        term: &'static str,
        /// Its value.
        value: f32,
        /// Learning rate.
        rate: f64,
    },
    /// The GPU cannot make the input.
    #[error(transparent)]
    Device(#[from] GpuError),
}

/// Numbers of a step, or of some steps, by name and in the objective's order: what is minimised, its summands, and what
/// is measured beside them. In files an object, e.g. `{"total": 3.1, "triplet": 0.2}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms(Vec<(Cow<'static, str>, f32)>);

impl Terms {
    /// With these names and values.
    pub fn of(terms: &[(&'static str, f32)]) -> Self {
        Self(terms.iter().map(|&(name, value)| (Cow::Borrowed(name), value)).collect())
    }

    /// With these names, for a sum to begin with.
    pub fn zeros(names: &[&'static str]) -> Self {
        Self(names.iter().map(|&name| (Cow::Borrowed(name), 0.0)).collect())
    }

    /// The value of a name; 0 where there is no such term, as for a loss that is left out.
    pub fn get(&self, name: &str) -> f32 {
        self.0.iter().find(|(own, _)| own == name).map_or(0.0, |(_, value)| *value)
    }

    /// Adds each term; one that is new comes last.
    pub fn add(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            match self.0.iter_mut().find(|(own, _)| own == name) {
                Some((_, sum)) => *sum += value,
                None => self.0.push((name.clone(), *value)),
            }
        }
    }

    /// Each term times a factor.
    #[must_use]
    pub fn times(&self, factor: f32) -> Self {
        Self(self.0.iter().map(|(name, value)| (name.clone(), value * factor)).collect())
    }
}

impl Serialize for Terms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|term| (&term.0, term.1)))
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads [`Terms`] in the order of the file.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Terms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Terms, A::Error> {
        let mut terms = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, f32>()? {
            terms.push((Cow::Owned(name), value));
        }
        Ok(Terms(terms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_keep_their_order_in_files_and_in_sums() {
        let text = r#"{"total":1.5,"classification":1.0,"accuracy":0.25}"#;
        let terms: Terms = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&terms).unwrap(), text);
        assert_eq!((terms.get("total"), terms.get("accuracy"), terms.get("triplet")), (1.5, 0.25, 0.0));
        let mut sum = Terms::zeros(&["total", "classification", "accuracy"]);
        sum.add(&terms);
        sum.add(&terms);
        assert_eq!(sum.times(0.5), terms);
        sum.add(&Terms::of(&[("triplet", 2.0)]));
        let text = r#"{"total":3.0,"classification":2.0,"accuracy":0.5,"triplet":2.0}"#;
        assert_eq!(serde_json::to_string(&sum).unwrap(), text);
        assert!(serde_json::from_str::<Terms>(r#"{"total":"much"}"#).is_err());
    }
}

//! What does this drug do? Is it active, which mechanism of action has it, is it unlike anything known?
//!
//! A [`Library`] is an experiment whose compounds answer; [`Answers`] is an experiment that is asked about, with
//! itself or another one as library. Vectors are raw embeddings; [`space`] says how they are made comparable,
//! [`activity`] what is active, `mechanism` how near a mechanism is, [`calibration`] how far that can be trusted and
//! [`novelty`] what is unlike all of it. The same input gives the same answers for any number of threads.
//!
//! Cross-fitted by compound: compounds are dealt into five folds, and one of the library that is asked about is compared in
//! a space whose whitening and discriminants its fold did not shape, and gets probabilities by a β that its fold had no part
//! in; for the figures of reliability and novelty see [`calibration`] and [`novelty`]. Whitening for [`activity`] is
//! by other treatments.
//!
//! Not cross-fitted: the centring of each replicate, by all its DMSO; which treatments answer (the active ones, after a
//! correction over all); whether discriminants are used ([`HeadChoice`], one choice by all compounds of the library, so that
//! figures with them flatter a little where the choice was close); the threshold of novelty. The p of novelty leaves out the
//! compound itself, not its fold. Where vectors of all folds would not fit in memory, or too few repetitions are left, spaces are
//! shared, and a note says so.

pub mod activity;
pub mod answer;
pub mod ask;
pub mod calibration;
mod cross_fit;
mod folds;
mod head;
mod left_out;
mod library;
mod linear;
mod mechanism;
pub mod novelty;
pub mod space;
pub mod subjects;

pub use activity::{Activity, Verdict};
pub use answer::{Answer, Call, Count, Exclude, MoaScore, NearDrug, Neighbour, Query, SURE};
pub use ask::Answers;
pub use calibration::{Bin, Calibration, Reliability, Unseen};
pub use head::HeadChoice;
pub use library::{Library, judged};
pub use novelty::{Conformal, Novelty, Rate};
pub use subjects::{Subjects, Treatment, Unit};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::analysis::items::{Compound, plain};
use crate::model::card::DrugClass;

/// Nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// The numbers are no vectors of the videos.
    #[error("{len} numbers are no {videos} vectors of length {dim}. Embed the experiment again")]
    Shape {
        /// Videos.
        videos: usize,
        /// Length of a vector.
        dim: usize,
        /// Numbers that were given.
        len: usize,
    },
    /// A number is NaN or infinite.
    #[error("number {column} of the vector of {what} is not finite. Embed it again, or exclude it")]
    NotFinite {
        /// Row name, or `the query`.
        what: String,
        /// Place in the vector, from 0.
        column: usize,
    },
    /// Library and experiment are from different models.
    #[error(
        "the library {library} was embedded by model {library_hash}, {own} by model {own_hash}: their vectors cannot be \
         compared. Embed one of them again with the other's model"
    )]
    OtherModel {
        /// Name of the library.
        library: String,
        /// Hash of its model.
        library_hash: String,
        /// Name of the experiment.
        own: String,
        /// Hash of its model.
        own_hash: String,
    },
    /// Library and experiment have vectors of different lengths.
    #[error(
        "the library's vectors have length {library} (model {library_hash}), the experiment's {own} (model {own_hash}). \
         Embed one of them again with the other's model"
    )]
    OtherLength {
        /// Length in the library.
        library: usize,
        /// Hash of its model.
        library_hash: String,
        /// Length in the experiment or query.
        own: usize,
        /// Hash of its model.
        own_hash: String,
    },
    /// The question is about something that is not there.
    #[error("there is no {what} {place}: there are {count}. Select it again")]
    Missing {
        /// Video, treatment, compound or replicate.
        what: &'static str,
        /// Place, from 0.
        place: usize,
        /// How many there are.
        count: usize,
    },
    /// The question is about a compound without a video that was encoded.
    #[error("Not called: no video of {compound} could be encoded. Look at its recordings, or exclude them")]
    NotCalled {
        /// Its name.
        compound: String,
    },
    /// Somebody stopped it.
    #[error("Cancelled.")]
    Cancelled,
}

/// Where vectors come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Name of the experiment.
    pub name: String,
    /// BLAKE3 of the model's weights, hexadecimal.
    pub model_hash: String,
    /// True if model or videos are simulated.
    pub simulated: bool,
    /// Drugs that the model was trained with: what is measured on them flatters it. `None` where nobody knows.
    pub trained_with: Option<Vec<DrugClass>>,
}

impl Origin {
    /// Which compounds the model was trained with; `None` where nobody knows.
    pub fn trained(&self, compounds: &[Compound]) -> Option<Vec<bool>> {
        Some(in_training(compounds, self.trained_with.as_ref()?))
    }
}

/// Which compounds are among a model's training drugs: of one skeleton, or of one name.
pub fn in_training(compounds: &[Compound], drugs: &[DrugClass]) -> Vec<bool> {
    let skeletons: BTreeSet<&str> =
        drugs.iter().map(|drug| drug.skeleton.as_str()).filter(|text| !text.is_empty()).collect();
    let names: BTreeSet<String> =
        drugs.iter().map(|drug| plain(&drug.name)).filter(|name| !name.is_empty()).collect();
    let known = |compound: &Compound| {
        compound.skeleton.as_deref().is_some_and(|of| skeletons.contains(of))
            || !compound.names.is_disjoint(&names)
    };
    compounds.iter().map(known).collect()
}

/// Whether mechanisms may be ranked by linear discriminants of the library's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HeadUse {
    /// Where that is better on the library's own compounds, see [`HeadChoice`].
    #[default]
    Auto,
    /// In the whitened space, whatever would be better.
    Never,
}

/// How answers are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Whether vectors are whitened by the scatter of repetitions.
    pub whiten: bool,
    /// Whether discriminants may rank mechanisms.
    pub head: HeadUse,
    /// Shuffles for a p value of activity.
    pub permutations: usize,
    /// Whether only active treatments answer.
    pub active_only: bool,
    /// Rate at which compounds of known mechanisms may be called unlike anything known.
    pub alpha: f64,
    /// Seed of shuffles and folds.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            whiten: true,
            head: HeadUse::Auto,
            permutations: 10_000,
            active_only: true,
            alpha: 0.10,
            seed: 7,
        }
    }
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// One video, or a part of one.
    Video,
    /// A compound at one dose: mean over its wells.
    Treatment,
    /// A compound: mean over the wells of its active doses, of all where none is active.
    Compound,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 3] = [Self::Video, Self::Treatment, Self::Compound];

    /// Word for messages.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Treatment => "treatment",
            Self::Compound => "compound",
        }
    }
}

#[cfg(test)]
mod tests;

//! The model card: what a model is, what it expects, what it was trained on. Stored as `model.json` beside the weights.

use serde::{Deserialize, Serialize};

use super::video_encoder::EncoderConfig;

/// What a model expects of its input. Every recording is resampled to it by its pixel size and time stamps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Role of each channel, e.g. `mitochondria`.
    pub channels: Vec<String>,
    /// Frames, T; 1 for images.
    pub frames: usize,
    /// Pixels on a side: height = width.
    pub size: usize,
    /// µm per pixel; `None` = unknown, as for an encoder imported without its recordings, whose pixels are taken as recorded.
    #[serde(deserialize_with = "Option::deserialize")]
    pub pixel_size_um: Option<f64>,
    /// s between frames; `None` = unknown, then frames are spread over the recording, or there is one alone.
    #[serde(deserialize_with = "Option::deserialize")]
    pub interval_s: Option<f64>,
    /// True if pixels outside the cell are zero.
    pub masked: bool,
    /// Mean of each channel after the intensity is scaled per experiment.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, likewise.
    pub std: Vec<f32>,
}

/// Which molecule encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MoleculeEncoderKind {
    /// Morgan fingerprints (ECFP4, 2048 bits) and a multilayer perceptron.
    #[default]
    EcfpMlp,
    /// Message passing over atoms and bonds (GIN with edge features).
    Gin,
}

/// A class of drugs: one compound by the skeleton of its InChIKey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrugClass {
    /// Name as in the training table.
    pub name: String,
    /// First block of the InChIKey; empty where the structure is unknown.
    pub skeleton: String,
    /// Structure; empty where unknown.
    pub smiles: String,
    /// Mechanisms of action.
    pub moas: Vec<String>,
}

/// What was asked to choose among the epochs of a training: what its protocol will ask, as far as the rows allow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidatedBy {
    /// The drug of a cell, among cells of all drugs; cells of its own drug are of other replicates.
    Drug,
    /// The mechanism of a compound that is not trained on, among other compounds. What trainings that do not say asked.
    #[default]
    Moa,
    /// A mechanism that is not trained on, among other compounds of such mechanisms.
    UnseenMoa,
}

impl ValidatedBy {
    /// For people, after a score.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Drug => "drug of unseen cells among cells of other replicates",
            Self::Moa => "mechanism of unseen compounds among other compounds",
            Self::UnseenMoa => "unseen mechanisms, each among other compounds of unseen mechanisms",
        }
    }
}

/// What a model was trained on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Name of the experiment.
    pub experiment: String,
    /// BLAKE3 over the rows and their labels.
    pub fingerprint: String,
    /// True if the recordings are simulated.
    pub simulated: bool,
    /// Rows trained on.
    pub rows: usize,
    /// Rows validated on.
    pub validation_rows: usize,
    /// Seed of the training.
    pub seed: u64,
    /// Epochs trained, both stages.
    pub epochs: usize,
    /// Mean average precision on the validation split.
    pub validation_map: Option<f64>,
    /// Of what; `None` where nothing was validated, or a program of before did not say.
    #[serde(default)]
    pub validated_by: Option<ValidatedBy>,
}

/// The card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of this format.
    pub format: u32,
    /// Name for people.
    pub name: String,
    /// Version of the program that wrote it.
    pub program: String,
    /// BLAKE3 of `model.safetensors`, hexadecimal.
    pub hash: String,
    /// Input.
    pub input: InputSpec,
    /// Video encoder.
    pub encoder: EncoderConfig,
    /// Molecule encoder.
    pub molecule_encoder: MoleculeEncoderKind,
    /// Width of the common space of videos and molecules.
    pub projection: usize,
    /// Drugs in the order of the drug classifier; DMSO among them.
    pub drugs: Vec<DrugClass>,
    /// Mechanisms in the order of the MoA classifier.
    pub moas: Vec<String>,
    /// What it was trained on.
    pub trained_on: TrainedOn,
    /// Training configuration, as written by the trainer.
    pub training: serde_json::Value,
    /// Notes for people: what it is worth, licence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Version of the card's format.
pub const FORMAT: u32 = 1;

/// The family of encoders whose cards these are: clips and molecules in a common space.
pub const MOLCLIP: &str = "molclip";

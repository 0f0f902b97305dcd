//! What a training does: one struct that the window edits and `molclip train --config` reads.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::analysis::split::Protocol;
use crate::model::card::{InputSpec, MoleculeEncoderKind};
use crate::model::input::Frames;
use crate::model::limits::SCALE;
use crate::model::video_encoder::{ENCODERS, EncoderConfig, Recipe};

/// Frames that a network sees where nothing else is said.
const FRAMES: usize = 16;

/// A configuration that cannot be trained.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration, {field}: {problem}")]
pub struct ConfigError {
    /// Key.
    pub field: &'static str,
    /// What is wrong and what to do, a whole sentence.
    pub problem: String,
}

/// Which structures the molecule encoder gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Molecules {
    /// None: videos alone.
    None,
    /// Each drug's own.
    #[default]
    Structures,
    /// Those of other drugs, drawn once: a control that shows whether chemistry matters.
    Permuted,
}

/// Against which molecules a video is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Those of the batch, in both directions.
    #[default]
    Batch,
    /// All of the training set, as CLIP-ReID.
    All,
}

/// How weights are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay.
    #[default]
    AdamW,
    /// Stochastic gradient descent with Nesterov momentum 0.9, as `MitoReID`.
    Sgd,
}

/// How the learning rate falls after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// A cosine to a hundredth.
    #[default]
    Cosine,
    /// A tenth whenever the validation has not improved for five rounds.
    Plateau,
    /// Not at all.
    Constant,
}

/// What the network's input is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// Roles of the channels.
    pub channels: Vec<String>,
    /// Frames; 1 for images.
    pub frames: usize,
    /// Pixels on a side; the encoder's usual if empty.
    pub size: Option<usize>,
    /// µm per pixel; the encoder's usual if empty.
    pub pixel_size_um: Option<f64>,
    /// s between frames; the median of the training videos if empty.
    pub interval_s: Option<f64>,
    /// True if pixels outside the cell are zero.
    pub masked: bool,
    /// Which frames are seen.
    pub order: Frames,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            channels: vec!["mitochondria".to_owned()],
            frames: FRAMES,
            size: None,
            pixel_size_um: None,
            interval_s: None,
            masked: false,
            order: Frames::Video,
        }
    }
}

/// Weights and shapes of the losses; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Losses {
    /// Label smoothing of the classification.
    pub smoothing: f32,
    /// Weight of the triplet loss.
    pub triplet: f32,
    /// Its margin.
    pub margin: f32,
    /// Weight of the center loss.
    pub center: f32,
    /// λ, the weight of the video-molecule loss.
    pub molecule: f32,
}

impl Losses {
    /// The weights of `MitoReID` and λ = 1, for the large encoders.
    pub const PAPER: Self = Self { smoothing: 0.1, triplet: 1.0, margin: 0.3, center: 0.01, molecule: 1.0 };

    /// For the light encoder, whose features would collapse under the paper's weights before it classifies anything;
    /// chosen by validation on a simulated screen (seed 2002).
    pub const LIGHT: Self = Self { triplet: 0.3, center: 0.0005, molecule: 0.3, ..Self::PAPER };
}

impl Default for Losses {
    fn default() -> Self {
        Self::LIGHT
    }
}

/// How training videos are varied.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mirror and turn by quarters: cells have no up.
    pub flip: bool,
    /// Chance of a turn by any angle.
    pub rotate: f32,
    /// Chance of a scale between 0.8 and 1.2.
    pub rescale: f32,
    /// Shift at most, as a part of the width.
    pub shift: f32,
    /// Brightness by at most this part; little, as brightness is a signal.
    pub gain: f32,
    /// Chance to play backwards; off, as some movements have a direction.
    pub reverse: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self { flip: true, rotate: 0.5, rescale: 0.25, shift: 0.1, gain: 0.1, reverse: 0.0 }
    }
}

/// Everything that decides what a training gives, but the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Seed of weights, batches and augmentation.
    pub seed: u64,
    /// How rows are split where the table does not say.
    pub protocol: Protocol,
    /// Video encoder.
    pub encoder: EncoderConfig,
    /// Input of the network.
    pub input: Input,
    /// Which structures are used.
    pub molecules: Molecules,
    /// Molecule encoder.
    pub molecule_encoder: MoleculeEncoderKind,
    /// Against which molecules a video is compared.
    pub contrast: Contrast,
    /// Width of the common space.
    pub projection: usize,
    /// Losses.
    pub losses: Losses,
    /// Epochs of the first stage, which learns drugs.
    pub drug_epochs: usize,
    /// Epochs of the second stage, which learns mechanisms.
    pub moa_epochs: usize,
    /// P: drugs in a batch.
    pub batch_drugs: usize,
    /// K: videos of each drug in a batch.
    pub batch_videos: usize,
    /// Parts that a batch is computed in, to save memory; gradients add up.
    pub accumulate: usize,
    /// Optimizer.
    pub optimizer: OptimizerKind,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f32,
    /// Largest norm of a parameter's gradient.
    pub clip_gradient: f32,
    /// Epochs until the highest learning rate, in each stage.
    pub warmup_epochs: f64,
    /// How it falls afterwards.
    pub schedule: Schedule,
    /// Augmentation.
    pub augment: Augment,
    /// Leave drugs out of a batch that look like DMSO after the warm-up.
    pub drop_inactive: bool,
    /// Epochs between two validations.
    pub validate_every: usize,
    /// Validations without a better one until training stops; 0 goes on.
    pub patience: usize,
    /// Seconds of training at most; the schedule then ends early.
    pub time_limit_s: Option<f64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 1,
            protocol: Protocol::DrugDisjoint,
            encoder: (ENCODERS[0].usual)(FRAMES),
            input: Input::default(),
            molecules: Molecules::Structures,
            molecule_encoder: MoleculeEncoderKind::EcfpMlp,
            contrast: Contrast::Batch,
            projection: 128,
            losses: Losses::default(),
            drug_epochs: 6,
            moa_epochs: 20,
            batch_drugs: 10,
            batch_videos: 3,
            accumulate: 1,
            optimizer: OptimizerKind::AdamW,
            learning_rate: 2e-3,
            weight_decay: 0.05,
            clip_gradient: 1.0,
            warmup_epochs: 1.0,
            schedule: Schedule::Cosine,
            augment: Augment::default(),
            drop_inactive: false,
            validate_every: 4,
            patience: 0,
            time_limit_s: None,
        }
    }
}

impl Config {
    /// The usual training of an encoder.
    #[must_use]
    pub fn of(encoder: EncoderConfig) -> Self {
        match encoder.entry().recipe {
            Recipe::Light => Self { encoder, ..Self::default() },
            // MitoReID's, but for the batch, which fits a GPU of 8 GB.
            Recipe::Paper => Self {
                encoder,
                losses: Losses::PAPER,
                projection: 512,
                batch_drugs: 8,
                batch_videos: 4,
                optimizer: OptimizerKind::Sgd,
                learning_rate: 1e-3,
                weight_decay: 1e-3,
                schedule: Schedule::Plateau,
                ..Self::default()
            },
        }
    }

    /// A configuration in JSON. Frames that it does not name are one where the recordings have one (`recorded`, if it is
    /// known), and an encoder that it does not name has the sizes that are usual for the frames.
    ///
    /// # Errors
    /// The text is no JSON, or has a key that is not known or a value of another type.
    pub fn read(text: &str, recorded: Option<usize>) -> serde_json::Result<Self> {
        let mut config: Self = serde_json::from_str(text)?;
        let named: Value = serde_json::from_str(text)?;
        let mut frames = config.input.frames;
        if recorded == Some(1) && named.pointer("/input/frames").is_none() {
            frames = 1;
        }
        if named.get("encoder").is_none() {
            config.encoder = (config.encoder.entry().usual)(frames);
        }
        config.input.frames = frames;
        Ok(config)
    }

    /// Changes the number of frames, and with it an encoder of the sizes that were usual for the number before.
    pub fn set_frames(&mut self, frames: usize) {
        let entry = self.encoder.entry();
        if self.encoder == (entry.usual)(self.input.frames) {
            self.encoder = (entry.usual)(frames);
        }
        self.input.frames = frames;
    }

    /// Pixels on a side.
    pub fn size(&self) -> usize {
        self.input.size.unwrap_or(self.encoder.entry().input.0)
    }

    /// µm per pixel.
    pub fn pixel_size_um(&self) -> f64 {
        self.input.pixel_size_um.unwrap_or(self.encoder.entry().input.1)
    }

    /// The input of the network, before its mean and deviation are measured.
    pub fn spec(&self, interval_s: f64) -> InputSpec {
        let channels = self.input.channels.len();
        InputSpec {
            channels: self.input.channels.clone(),
            frames: self.input.frames,
            size: self.size(),
            pixel_size_um: Some(self.pixel_size_um()),
            // There is no time between the frames of an image.
            interval_s: (self.input.frames > 1).then(|| self.input.interval_s.unwrap_or(interval_s)),
            masked: self.input.masked,
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        }
    }

    /// Videos in a batch.
    pub const fn batch(&self) -> usize {
        self.batch_drugs * self.batch_videos
    }

    /// The first value that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, problem: String| Err(ConfigError { field, problem });
        if let Err(problem) = self.encoder.check(self.input.frames, self.size()) {
            return wrong("encoder", problem);
        }
        if self.input.channels.is_empty() || self.input.channels.len() > 3 {
            return wrong("input.channels", "One to three channels are needed.".to_owned());
        }
        if self.input.frames > 512 || self.size() > 1024 {
            return wrong("input", "At most 512 frames of 1024 px are taken. Use fewer.".to_owned());
        }
        let scales = [
            ("input.pixel_size_um", self.pixel_size_um()),
            ("input.interval_s", self.input.interval_s.unwrap_or(1.0)),
        ];
        for (field, value) in scales {
            if !SCALE.contains(&value) {
                let (low, high) = (SCALE.start(), SCALE.end());
                return wrong(field, format!("{value} is not between {low:e} and {high:e}."));
            }
        }
        for (field, value) in [
            ("learning_rate", self.learning_rate),
            ("clip_gradient", f64::from(self.clip_gradient)),
            ("time_limit_s", self.time_limit_s.unwrap_or(1.0)),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return wrong(field, format!("{value} is not a positive number."));
            }
        }
        for (field, value) in [
            ("losses.triplet", self.losses.triplet),
            ("losses.margin", self.losses.margin),
            ("losses.center", self.losses.center),
            ("losses.molecule", self.losses.molecule),
            ("weight_decay", self.weight_decay),
            ("warmup_epochs", self.warmup_epochs as f32),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return wrong(field, format!("{value} is not 0 or a positive number."));
            }
        }
        for (field, value, high) in [
            ("losses.smoothing", self.losses.smoothing, 0.9),
            ("augment.rotate", self.augment.rotate, 1.0),
            ("augment.rescale", self.augment.rescale, 1.0),
            ("augment.shift", self.augment.shift, 0.5),
            ("augment.gain", self.augment.gain, 0.9),
            ("augment.reverse", self.augment.reverse, 1.0),
        ] {
            if !(0.0..=high).contains(&value) {
                return wrong(field, format!("{value} is not between 0 and {high}."));
            }
        }
        if self.batch_drugs < 2 || self.batch_videos < 2 {
            return wrong(
                "batch_drugs, batch_videos",
                "A batch holds at least two videos of two drugs.".to_owned(),
            );
        }
        if self.batch() > 4096 || self.accumulate == 0 || self.batch_drugs / self.accumulate < 2 {
            return wrong(
                "batch_drugs, accumulate",
                "A batch has at most 4096 videos, and each of its parts at least two drugs.".to_owned(),
            );
        }
        if !(8..=4096).contains(&self.projection) {
            return wrong("projection", format!("{} is not between 8 and 4096.", self.projection));
        }
        if self.drug_epochs + self.moa_epochs == 0 || self.drug_epochs.max(self.moa_epochs) > 10_000 {
            return wrong("drug_epochs, moa_epochs", "1 to 10,000 epochs are needed.".to_owned());
        }
        if self.validate_every == 0 {
            return wrong("validate_every", "Validate at least every 1 epochs, not 0.".to_owned());
        }
        Ok(())
    }

    /// BLAKE3 of the configuration, hexadecimal: names what a result was made with.
    pub fn hash(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_trained_and_survive_json() {
        let config = Config::default();
        config.check().unwrap();
        let text = serde_json::to_string_pretty(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), config, "every key has a default");
        assert!(serde_json::from_str::<Config>(r#"{"sed": 1}"#).is_err(), "a typing error is no default");
    }

    #[test]
    fn what_cannot_be_trained_is_named() {
        let wrong = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check().unwrap_err().field
        };
        assert_eq!(wrong(&|c| c.input.frames = 3), "encoder");
        assert_eq!(wrong(&|c| c.input.frames = 0), "encoder");
        assert_eq!(wrong(&|c| c.learning_rate = f64::NAN), "learning_rate");
        assert_eq!(wrong(&|c| c.batch_videos = 1), "batch_drugs, batch_videos");
        assert_eq!(wrong(&|c| c.losses.margin = -1.0), "losses.margin");
        assert_eq!(wrong(&|c| c.accumulate = 100), "batch_drugs, accumulate");
        assert_eq!(wrong(&|c| (c.drug_epochs, c.moa_epochs) = (0, 0)), "drug_epochs, moa_epochs");
    }

    #[test]
    fn what_a_file_leaves_out_follows_from_what_it_says_and_from_the_recordings() {
        assert_eq!(Config::read("{}", None).unwrap(), Config::default());
        assert_eq!(Config::read("{}", Some(9)).unwrap(), Config::default(), "movies of any length");
        let images = Config::read(r#"{"seed": 7}"#, Some(1)).unwrap();
        assert_eq!((images.seed, images.input.frames), (7, 1));
        assert_eq!(images.encoder, EncoderConfig::named("light", 1).unwrap());
        images.check().unwrap();
        assert_eq!((images.spec(5.0).interval_s, Config::default().spec(5.0).interval_s), (None, Some(5.0)));
        // What is named counts.
        let text = r#"{"input": {"frames": 3}}"#;
        let three = Config::read(text, Some(1)).unwrap();
        assert_eq!((three.input.frames, three.check()), (3, Ok(())));
        let written = serde_json::to_string(&Config::default()).unwrap();
        assert_eq!(Config::read(&written, Some(1)).unwrap(), Config::default());
        assert!(Config::read(r#"{"sed": 1}"#, None).is_err());
    }

    #[test]
    fn another_number_of_frames_brings_its_usual_encoder() {
        let mut config = Config::default();
        config.set_frames(1);
        assert_eq!(config.encoder, EncoderConfig::named("light", 1).unwrap());
        config.check().unwrap();
        config.set_frames(16);
        assert_eq!(config, Config::default());
        // Sizes that somebody chose stay.
        let EncoderConfig::Light(light) = &mut config.encoder else { panic!("{config:?}") };
        light.dim = 64;
        let chosen = config.encoder.clone();
        config.set_frames(1);
        assert_eq!(config.encoder, chosen);
    }

    #[test]
    fn another_seed_is_another_configuration() {
        let other = Config { seed: 2, ..Config::default() };
        assert_ne!(Config::default().hash(), other.hash());
    }
}

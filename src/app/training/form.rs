//! What a training would do: the answers of a user, the defaults, and what they cost.

use std::path::PathBuf;

use super::kept::{Kept, Start};
use super::look::{Look, SplitLook};
use crate::gpu::ComputeTarget;
use crate::learn::config::{Config, Molecules};
use crate::learn::estimate::{Estimate, Speed, estimate};
use crate::learn::sampler::Stage;
use crate::model::card::Card;
use crate::model::clip::CANVAS_PER_SIZE;
use crate::model::video_encoder::{EncoderConfig, Entry};

/// Rows from which a 3D `ResNet` has enough to learn from.
const MANY_ROWS: usize = 500;

/// Steps that a training should have, and epochs at least and at most to get there.
const STEPS: usize = 600;

/// See [`STEPS`].
const EPOCHS: std::ops::RangeInclusive<usize> = 12..=90;

/// One epoch in so many is for drugs.
const DRUG_SHARE: usize = 4;

/// Validations of a training, about.
const VALIDATIONS: usize = 15;

/// Part of the usual learning rate for a model that is trained further.
const GENTLY: f64 = 0.15;

/// Videos of each trained drug that a validation looks at.
const GALLERY: usize = 6;

/// Part of the time limit that planned epochs may take: the pace was measured on small batches.
const RESERVE: f64 = 0.95;

/// Longest name of a model.
const NAME: usize = 60;

/// What has been answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Name of the model.
    pub name: String,
    /// Folder for models of an experiment that is no saved project.
    pub folder: String,
    /// Weights to start from.
    pub start: Start,
    /// Everything else. A time limit means that the budget is minutes, and epochs follow from it.
    pub config: Config,
}

/// Folder for models, unless another is chosen.
pub fn default_folder() -> PathBuf {
    let home = directories::UserDirs::new();
    let parent = home.map_or_else(PathBuf::new, |h| h.document_dir().unwrap_or(h.home_dir()).to_owned());
    parent.join("MolCLIP models")
}

impl Form {
    /// The defaults for these rows on this device.
    pub fn first(look: &Look, target: ComputeTarget) -> Self {
        let mut config = Config { protocol: look.key.protocol, seed: look.key.seed, ..Config::default() };
        if let Ok(split) = &look.split {
            let large = EncoderConfig::named("resnet3d-18", config.input.frames)
                .filter(|_| target == ComputeTarget::Gpu && split.train.rows >= MANY_ROWS);
            if let Some(encoder) = large {
                config = with_encoder(&config, encoder);
            }
            if split.structures < 2 {
                config.molecules = Molecules::None;
            }
            let drugs = split.drugs.len().max(2);
            config.batch_drugs = config.batch_drugs.min(drugs);
            let mut rows: Vec<usize> = split.drugs.iter().map(|drug| drug.rows).collect();
            rows.sort_unstable();
            let usual = rows.get(rows.len() / 2).copied().unwrap_or_default();
            config.batch_videos = usual.clamp(2, config.batch_videos);
            let steps = split.steps(Stage::Drug, &config).max(1);
            let epochs = (STEPS / steps).clamp(*EPOCHS.start(), *EPOCHS.end());
            config = with_epochs(&config, epochs);
            config.validate_every = (epochs / VALIDATIONS).clamp(1, config.validate_every);
        }
        if let Some(frames) = look.frames {
            // A multiple of four: the light encoder takes frames in fours. Images have one.
            let fours = (config.input.frames.min(frames) & !3).max(4);
            config.set_frames(if frames == 1 { 1 } else { fours });
        }
        let folder = default_folder().display().to_string();
        Self { name: String::new(), folder, start: Start::Fresh, config }
    }

    /// Learns drugs before mechanisms.
    pub const fn learns_drugs(&self) -> bool {
        self.config.drug_epochs > 0
    }

    /// Chooses whether drugs are learnt first; the number of epochs stays.
    pub const fn learn_drugs(&mut self, first: bool) {
        let config = &mut self.config;
        let epochs = config.drug_epochs + config.moa_epochs;
        config.drug_epochs = if first { epochs.div_ceil(DRUG_SHARE) } else { 0 };
        config.moa_epochs = epochs - config.drug_epochs;
    }

    /// Chooses another encoder, with the losses and steps that are usual for it.
    pub fn encode_with(&mut self, entry: &Entry) {
        self.config = with_encoder(&self.config, (entry.usual)(self.config.input.frames));
    }

    /// Chooses the weights to start from. What has learnt already is trained further on mechanisms, gently.
    pub fn start_from(&mut self, start: Start) {
        let further = start != Start::Fresh;
        if further != (self.start != Start::Fresh) {
            let rate = Config::of(self.config.encoder.clone()).learning_rate;
            self.config.learning_rate = if further { rate * GENTLY } else { rate };
            self.learn_drugs(!further);
        }
        self.start = start;
    }

    /// The configuration that would be trained: a model to start from brings its own encoder and input, and a time
    /// limit is filled with epochs at the pace that was measured.
    pub fn config(&self, card: Option<&Card>, split: &SplitLook, pace: Option<Speed>) -> Config {
        let mut config = with_card(self.config.clone(), card);
        if let (Some(limit), Some(pace)) = (config.time_limit_s, pace) {
            let seconds = |epochs: usize| {
                let planned = Config { time_limit_s: None, ..with_epochs(&config, epochs) };
                cost(&planned, split, pace).seconds
            };
            // Time grows with every epoch, so the largest number that fits can be halved down to.
            let (mut fits, mut over) = (0, 20_000);
            while over - fits > 1 {
                let middle = usize::midpoint(fits, over);
                if seconds(middle) <= limit * RESERVE { fits = middle } else { over = middle }
            }
            let least = if config.drug_epochs > 0 { 2 } else { 1 };
            config = with_epochs(&config, fits.max(least));
        }
        config
    }

    /// What stands against starting, whole sentences. `config` is the one that would be trained.
    pub fn problems(&self, config: &Config, kept: &Kept, cost: Option<Estimate>) -> Vec<String> {
        let mut problems = Vec::new();
        let name = self.name.trim();
        if name.is_empty() {
            problems.push("Name the model.".to_owned());
        } else if name.len() > NAME || name.starts_with('.') || name.contains(['/', '\\', ':', '\0']) {
            problems.push(format!(
                "The name becomes a folder: at most {NAME} letters, no slashes or colons, no dot in front."
            ));
        } else if kept.names.contains(name) {
            problems
                .push(format!("There is a model or a training called {name} already: choose another name."));
        }
        if self.folder.trim().is_empty() {
            problems.push("Name a folder to keep the model in.".to_owned());
        }
        if let Err(e) = config.check() {
            problems.push(format!("{} ({})", e.problem, e.field));
        }
        if let (Some(limit), Some(cost)) = (config.time_limit_s, cost)
            && cost.seconds > limit
        {
            problems.push(format!(
                "One epoch of each stage takes about {}: allow more time, or choose a lighter encoder.",
                duration(cost.seconds)
            ));
        }
        problems
    }
}

/// As the training itself takes a model's card over.
fn with_card(mut config: Config, card: Option<&Card>) -> Config {
    if let Some(card) = card {
        if card.encoder.name() != config.encoder.name() {
            let gently = config.learning_rate / Config::of(config.encoder.clone()).learning_rate;
            config = with_encoder(&config, card.encoder.clone());
            config.learning_rate *= gently;
        }
        config.encoder = card.encoder.clone();
        config.molecule_encoder = card.molecule_encoder;
        config.projection = card.projection;
        config.input.frames = card.input.frames;
        config.input.size = Some(card.input.size);
        config.input.pixel_size_um = card.input.pixel_size_um;
        config.input.channels.clone_from(&card.input.channels);
    }
    config
}

/// The usual training of an encoder, but for what does not depend on it.
fn with_encoder(config: &Config, encoder: EncoderConfig) -> Config {
    Config {
        seed: config.seed,
        protocol: config.protocol,
        input: config.input.clone(),
        molecules: config.molecules,
        drug_epochs: config.drug_epochs,
        moa_epochs: config.moa_epochs,
        validate_every: config.validate_every,
        time_limit_s: config.time_limit_s,
        ..Config::of(encoder)
    }
}

/// A quarter of the epochs for drugs, if they are learnt at all.
fn with_epochs(config: &Config, epochs: usize) -> Config {
    let drugs =
        if config.drug_epochs > 0 { epochs.div_ceil(DRUG_SHARE).min(epochs.saturating_sub(1)) } else { 0 };
    Config { drug_epochs: drugs, moa_epochs: epochs - drugs, ..config.clone() }
}

/// Time without regard to a limit, and memory.
pub fn cost(config: &Config, split: &SplitLook, pace: Speed) -> Estimate {
    let steps = config.drug_epochs * split.steps(Stage::Drug, config)
        + config.moa_epochs * split.steps(Stage::Moa, config);
    let gallery: usize = split.drugs.iter().map(|drug| drug.rows.min(GALLERY)).sum();
    let unlimited = Config { time_limit_s: None, ..config.clone() };
    estimate(&unlimited, steps, split.validation.rows + gallery, pace)
}

/// Bytes that the videos of training and validation take in memory.
pub fn videos_bytes(config: &Config, split: &SplitLook) -> u64 {
    let side = (config.size() as f64 * CANVAS_PER_SIZE).ceil() as u64;
    let one = (config.input.channels.len() * config.input.frames) as u64 * side * side * 2;
    one * (split.train.rows + split.validation.rows) as u64
}

/// Time as people say it: `40 s`, `12 min`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, 1e9) } else { 1e9 };
    match seconds.round() as u64 {
        s @ ..=90 => format!("{s} s"),
        s if s < 5400 => format!("{} min", (s + 30) / 60),
        s if s < 172_800 => format!("{} h {} min", (s + 30) / 3600, (s + 30) / 60 % 60),
        s => format!("{} days", (s + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::look::{Drug, Part};
    use super::*;
    use crate::analysis::split::Protocol;
    use crate::app::training::look::Key;
    use crate::learn::config::Losses;
    use crate::model::video_encoder::ENCODERS;

    fn look(drugs: usize, rows: usize) -> Look {
        let part = Part { rows: drugs * rows, compounds: drugs, moas: 4 };
        let key = Key { experiment: String::new(), revision: 0, protocol: Protocol::DrugDisjoint, seed: 1 };
        let split = SplitLook {
            splits: Vec::new(),
            note: None,
            train: part,
            validation: Part { rows: 20, ..part },
            held_out: Part::default(),
            drugs: vec![Drug { rows, with_moa: rows }; drugs],
            structures: drugs,
            unseen: Vec::new(),
            findings: Vec::new(),
        };
        Look {
            key,
            items: std::sync::Arc::default(),
            compounds: drugs,
            frames: Some(9),
            by_table: false,
            split: Ok(split),
        }
    }

    #[test]
    fn defaults_follow_the_data_and_the_device() {
        let small = Form::first(&look(8, 3), ComputeTarget::Gpu).config;
        assert_eq!(small.encoder.name(), "light", "few rows");
        assert_eq!((small.batch_drugs, small.batch_videos, small.input.frames), (8, 3, 8));
        assert_eq!((small.drug_epochs, small.moa_epochs), (23, 67));
        small.check().unwrap();
        let large = look(100, 40);
        assert_eq!(Form::first(&large, ComputeTarget::Cpu).config.encoder.name(), "light");
        let on_gpu = Form::first(&large, ComputeTarget::Gpu).config;
        assert_eq!((on_gpu.encoder.name(), on_gpu.losses), ("resnet3d-18", Losses::PAPER));
        // 100 × 10 quadruples, 8 in a batch: 125 steps per epoch.
        assert_eq!(on_gpu.drug_epochs + on_gpu.moa_epochs, 12);
        on_gpu.check().unwrap();
    }

    #[test]
    fn images_are_seen_as_one_frame_by_every_encoder() {
        let mut form = Form::first(&Look { frames: Some(1), ..look(12, 8) }, ComputeTarget::Cpu);
        assert_eq!(form.config.input.frames, 1);
        for entry in &ENCODERS {
            form.encode_with(entry);
            assert_eq!((form.config.input.frames, form.config.check()), (1, Ok(())), "{}", entry.name);
        }
        let short = Form::first(&Look { frames: Some(2), ..look(12, 8) }, ComputeTarget::Cpu).config;
        assert_eq!((short.input.frames, short.check()), (4, Ok(())), "each frame twice");
    }

    #[test]
    fn a_model_is_trained_further_gently_and_another_encoder_brings_its_usual_steps() {
        let mut form = Form::first(&look(12, 8), ComputeTarget::Cpu);
        let fresh = form.config.clone();
        form.start_from(Start::Shipped);
        assert!(!form.learns_drugs() && form.config.learning_rate < fresh.learning_rate / 5.0);
        form.start_from(Start::Fresh);
        assert_eq!(form.config, fresh);
        form.config.seed = 9;
        form.encode_with(EncoderConfig::named("resnet3d-18", 8).unwrap().entry());
        assert_eq!((form.config.seed, form.config.losses), (9, Losses::PAPER));
        assert_eq!(form.config.moa_epochs, fresh.moa_epochs);
    }

    const PACE: Speed = Speed { step: 0.1, video: 0.02 };

    #[test]
    fn a_time_limit_is_filled_with_epochs_of_both_stages() {
        let look = look(12, 8);
        let split = look.split.as_ref().unwrap();
        let mut form = Form::first(&look, ComputeTarget::Cpu);
        form.config.time_limit_s = Some(600.0);
        let config = form.config(None, split, Some(PACE));
        let planned = cost(&config, split, PACE);
        assert!((500.0..=570.0).contains(&planned.seconds), "{planned:?}");
        let share = config.drug_epochs as f64 / (config.drug_epochs + config.moa_epochs) as f64;
        assert!((0.24..0.27).contains(&share), "{share}");
        // Without a pace the epochs stay as they are.
        assert_eq!(form.config(None, split, None).moa_epochs, form.config.moa_epochs);

        form.config.time_limit_s = Some(1.0);
        form.name = "m".into();
        let config = form.config(None, split, Some(PACE));
        assert_eq!((config.drug_epochs, config.moa_epochs), (1, 1));
        let problems = form.problems(&config, &Kept::default(), Some(cost(&config, split, PACE)));
        assert!(problems[0].contains("allow more time"), "{problems:?}");
    }

    #[test]
    fn names_become_folders() {
        let look = look(12, 8);
        let mut form = Form::first(&look, ComputeTarget::Cpu);
        let kept = Kept { names: ["taken".to_owned()].into(), ..Kept::default() };
        for (name, wrong) in [("", 1), ("a/b", 1), ("..", 1), ("taken", 1), ("model 1", 0)] {
            form.name = name.into();
            let problems = form.problems(&form.config, &kept, None);
            assert_eq!(problems.len(), wrong, "{name}: {problems:?}");
        }
        form.learn_drugs(false);
        assert!(!form.learns_drugs() && form.config.check().is_ok());
        form.config.learning_rate = -1.0;
        assert!(form.problems(&form.config, &kept, None)[0].contains("learning_rate"));
    }

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(40.2), "40 s");
        assert_eq!(duration(725.0), "12 min");
        assert_eq!(duration(7790.0), "2 h 10 min");
        assert_eq!(duration(f64::INFINITY), "11574 days");
    }
}

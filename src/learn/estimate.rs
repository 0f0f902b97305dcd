//! What a training will take, before it starts: measured on the device with small steps, not guessed.

use std::time::{Duration, Instant};

use burn::tensor::Device;

use super::config::Config;
use super::inputs::Inputs;
use super::molclip::trainer::{Batch, Blueprint, Trainer};
use super::objective::{Objective, StepError, StepPlace};
use super::sampler::Stage;
use crate::model::cost::Cost;
use crate::model::molclip::Sizes;
use crate::model::molecule_encoder::{FeatureError, MoleculeFeatures};

/// Drugs in the measured steps.
const DRUGS: usize = 2;

/// Videos of each in the two measured steps.
const VIDEOS: [usize; 2] = [2, 4];

/// Steps of each kind that are measured at most, and how long.
const MOST_STEPS: usize = 12;

/// See [`MOST_STEPS`].
const LONGEST: Duration = Duration::from_millis(1500);

/// A validation costs about a third of a training step per video.
const FORWARD: f64 = 1.0 / 3.0;

/// What a training will take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Steps of both stages.
    pub steps: usize,
    /// Videos that go through training.
    pub videos: usize,
    /// Seconds, validation included.
    pub seconds: f64,
    /// Bytes for weights, moments and activations; clips come on top.
    pub memory: u64,
}

/// The measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// A structure.
    #[error(transparent)]
    Structure(#[from] FeatureError),
    /// A step.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// What a training step takes: much of it does not depend on the videos, such as new weights for the molecule encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Seconds of a step, or of a part of it that is computed by itself, without its videos.
    pub step: f64,
    /// Seconds of each video.
    pub video: f64,
}

impl Speed {
    /// The line through two measured steps: videos and seconds.
    fn of([(few, short), (many, long)]: [(usize, f64); 2]) -> Self {
        let per_video = (long - short) / (many - few).max(1) as f64;
        // Noise must not make videos free of charge, nor steps.
        let video = per_video.clamp(0.25 * long / many as f64, long / many as f64);
        Self { step: (long - many as f64 * video).max(0.0), video }
    }
}

/// Measures training steps. On the compute thread; on a new GPU the first call tunes kernels.
pub fn measure(config: &Config, device: &Device) -> Result<Speed, EstimateError> {
    let channels = config.input.channels.len();
    let sizes = Sizes {
        encoder: config.encoder.clone(),
        channels,
        molecule_encoder: config.molecule_encoder,
        projection: config.projection,
        drugs: DRUGS,
        moas: DRUGS,
    };
    let molecules = MoleculeFeatures::from_smiles(&["CS(C)=O", "CCO"])?;
    let (frames, size) = (config.input.frames, config.size());
    let mut measured = [(0, 0.0); 2];
    for (videos, measured) in VIDEOS.into_iter().zip(&mut measured) {
        let small = Config { batch_drugs: DRUGS, batch_videos: videos, accumulate: 1, ..config.clone() };
        let blueprint = Blueprint {
            config: small,
            sizes: sizes.clone(),
            molecules: molecules.clone(),
            dmso: None,
            start: None,
            device: device.clone(),
        };
        let mut trainer = Trainer::fresh(blueprint, 1);
        let count = DRUGS * videos;
        let shape = [count, channels, frames, size, size];
        let values = (0..shape.iter().product::<usize>()).map(|i| (i as f32 * 0.37).sin()).collect();
        let batch = Batch {
            stage: Stage::Drug,
            videos: Inputs::values(values, shape),
            drugs: (0..count).map(|i| i / videos).collect(),
            moas: (0..count).map(|i| vec![i / videos]).collect(),
        };
        let (begun, mut seconds) = (Instant::now(), f64::INFINITY);
        for step in 1..=MOST_STEPS {
            let started = Instant::now();
            trainer.step(&batch, &StepPlace { epoch: 0, step, rate: 1e-6 })?;
            // From the second step on it has its kernels and its memory; the fastest was disturbed the least.
            if step > 1 {
                seconds = seconds.min(started.elapsed().as_secs_f64());
            }
            if step > 1 && begun.elapsed() > LONGEST {
                break;
            }
        }
        *measured = (count, seconds);
    }
    Ok(Speed::of(measured))
}

/// A training of `steps` batches that validates on `validated` videos, at a measured speed.
pub fn estimate(config: &Config, steps: usize, validated: usize, speed: Speed) -> Estimate {
    let videos = steps * config.batch();
    let epochs = config.drug_epochs + config.moa_epochs;
    let rounds = epochs.div_ceil(config.validate_every.max(1));
    let work = videos as f64 + FORWARD * (rounds * validated) as f64;
    let part = config.batch().div_ceil(config.accumulate.max(1));
    let mut seconds = work * speed.video + (steps * config.accumulate.max(1)) as f64 * speed.step;
    if let Some(limit) = config.time_limit_s {
        seconds = seconds.min(limit);
    }
    Estimate {
        steps,
        videos,
        seconds,
        memory: Cost::of(&config.encoder, &config.spec(1.0)).training_bytes(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_pace_makes_a_time_and_a_limit_cuts_it() {
        let small = Config { batch_drugs: 12, batch_videos: 4, validate_every: 2, ..Config::default() };
        let config = Config { drug_epochs: 2, moa_epochs: 2, ..small };
        let speed = Speed { step: 0.05, video: 0.01 };
        let one = estimate(&config, 10, 30, speed);
        assert_eq!(one.videos, 480);
        assert!((one.seconds - (4.8 + 0.01 * 20.0 + 10.0 * 0.05)).abs() < 1e-9);
        let parts = Config { accumulate: 2, ..config.clone() };
        assert!((estimate(&parts, 10, 30, speed).seconds - one.seconds - 0.5).abs() < 1e-9);
        let limited = Config { time_limit_s: Some(1.0), ..config };
        assert_eq!(estimate(&limited, 10, 30, speed).seconds, 1.0);
        assert!(one.memory > 1 << 20);
    }

    #[test]
    fn what_does_not_depend_on_the_videos_is_told_apart() {
        let speed = Speed::of([(4, 0.14), (8, 0.18)]);
        assert!((speed.video - 0.01).abs() < 1e-9 && (speed.step - 0.1).abs() < 1e-9);
        // A disturbed first step.
        let noisy = Speed::of([(4, 0.5), (8, 0.16)]);
        assert!((noisy.video - 0.005).abs() < 1e-9 && (noisy.step - 0.12).abs() < 1e-9);
        let disturbed = Speed::of([(4, 0.01), (8, 0.16)]);
        assert_eq!(disturbed, Speed { step: 0.0, video: 0.02 });
    }
}

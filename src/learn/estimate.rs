//! What a training will take, before it starts: measured on the device with two small steps, not guessed.

use std::time::Instant;

use burn::tensor::Device;

use super::config::Config;
use super::inputs::Inputs;
use super::sampler::Stage;
use super::trainer::{Batch, StepError, Trainer};
use crate::model::cost::Cost;
use crate::model::molclip::Sizes;
use crate::model::molecule_encoder::{FeatureError, MoleculeFeatures};

/// Drugs and videos of each in the measured step.
const DRUGS: usize = 2;

/// See [`DRUGS`].
const VIDEOS: usize = 2;

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

/// Seconds per video of a training step, measured. On the compute thread; on a new GPU the first call tunes kernels.
pub fn measure(config: &Config, device: &Device) -> Result<f64, EstimateError> {
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
    let small = Config { batch_drugs: DRUGS, batch_videos: VIDEOS, accumulate: 1, ..config.clone() };
    let mut trainer = Trainer::new(&small, &sizes, molecules, None, None, device);
    let count = DRUGS * VIDEOS;
    let (frames, size) = (config.input.frames, config.size());
    let len = count * channels * frames * size * size;
    let values = (0..len).map(|i| (i as f32 * 0.37).sin()).collect();
    let batch = Batch {
        videos: Inputs::values(values, [count, channels, frames, size, size]),
        drugs: (0..count).map(|i| i / VIDEOS).collect(),
        moas: (0..count).map(|i| vec![i / VIDEOS]).collect(),
    };
    let mut seconds = f64::INFINITY;
    for step in 1..=2 {
        let started = Instant::now();
        trainer.step(&batch, Stage::Drug, 1e-6, step, false)?;
        // The second step has its kernels and its memory.
        seconds = started.elapsed().as_secs_f64() / count as f64;
    }
    Ok(seconds)
}

/// A training of `steps` batches that validates on `validated` videos, at a measured pace.
pub fn estimate(config: &Config, steps: usize, validated: usize, seconds_per_video: f64) -> Estimate {
    let videos = steps * config.batch();
    let epochs = config.drug_epochs + config.moa_epochs;
    let rounds = epochs.div_ceil(config.validate_every.max(1));
    let work = videos as f64 + FORWARD * (rounds * validated) as f64;
    let part = config.batch().div_ceil(config.accumulate.max(1));
    let mut seconds = work * seconds_per_video;
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
        let one = estimate(&config, 10, 30, 0.01);
        assert_eq!(one.videos, 480);
        assert!((one.seconds - (4.8 + 0.01 * 20.0)).abs() < 1e-9);
        let limited = Config { time_limit_s: Some(1.0), ..config };
        assert_eq!(estimate(&limited, 10, 30, 0.01).seconds, 1.0);
        assert!(one.memory > 1 << 20);
    }
}

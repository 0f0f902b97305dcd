//! The model that comes with the program.

use std::io;

use super::infer::{self, ModelError};
use crate::gpu::{Compute, ComputeThread, GpuError};
use crate::model::card::Card;
use crate::model::molclip::MolClip;
use crate::model::weights::{self, WeightsError};

const CARD: &[u8] = include_bytes!("../../models/light-simulated/model.json");
const WEIGHTS: &[u8] = include_bytes!("../../models/light-simulated/model.safetensors");

/// The shipped model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShippedError {
    /// Its files.
    #[error("the shipped model: {0}")]
    Weights(#[from] WeightsError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// The temporary folder.
    #[error("the shipped model could not be unpacked: {0}. Check the temporary folder and its space")]
    Unpack(#[from] io::Error),
}

/// What it is and what it was trained on.
pub fn card() -> Result<Card, ShippedError> {
    Ok(weights::read_card(unpack()?.path())?)
}

/// Loads it onto a device. Waits; not for the window's thread.
pub fn load(compute: &Compute, thread: &ComputeThread) -> Result<(MolClip, Card), ShippedError> {
    let folder = unpack()?;
    infer::load(folder.path(), compute, thread).map_err(|e| match e {
        ModelError::Weights(e) => ShippedError::Weights(e),
        ModelError::Device(e) => ShippedError::Device(e),
    })
}

fn unpack() -> Result<tempfile::TempDir, io::Error> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(weights::CARD), CARD)?;
    std::fs::write(folder.path().join(weights::WEIGHTS), WEIGHTS)?;
    Ok(folder)
}

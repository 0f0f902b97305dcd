//! The model that comes with the program.

use std::io;

use super::infer::{self, ModelError};
use crate::gpu::{Compute, ComputeThread};
use crate::model::card::Card;
use crate::model::molclip::MolClip;
use crate::model::weights;

const CARD: &[u8] = include_bytes!("../../models/light-simulated/model.json");
const WEIGHTS: &[u8] = include_bytes!("../../models/light-simulated/model.safetensors");

/// The shipped model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShippedError {
    /// Its files, or the device.
    #[error("the shipped model: {0}")]
    Model(#[from] ModelError),
    /// The temporary folder.
    #[error("the shipped model could not be unpacked: {0}. Check the temporary folder and its space")]
    Unpack(#[from] io::Error),
}

/// What it is and what it was trained on.
pub fn card() -> Result<Card, ShippedError> {
    Ok(weights::read_card(unpack()?.path()).map_err(ModelError::from)?)
}

/// Loads it onto a device. Waits; not for the window's thread.
pub fn load(compute: &Compute, thread: &ComputeThread) -> Result<(MolClip, Card), ShippedError> {
    let folder = unpack()?;
    Ok(infer::load(folder.path(), compute, thread)?)
}

fn unpack() -> Result<tempfile::TempDir, io::Error> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(weights::CARD), CARD)?;
    std::fs::write(folder.path().join(weights::WEIGHTS), WEIGHTS)?;
    Ok(folder)
}

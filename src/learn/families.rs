//! The registry of encoder families: what a model's card may name, and what needs no weights at all.
//!
//! A family joins by a row here and an [`Encoder`] of its own; nothing else asks which families there are.

use std::path::Path;
use std::sync::Arc;

use super::encoder::Encoder;
use super::handmade::{BIOMARKERS, Biomarkers};
use super::infer::{self, ModelError, MolClipEncoder};
use crate::gpu::{Compute, ComputeThread};
use crate::model::card::MOLCLIP;
use crate::model::weights;

/// A kind of encoder.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Name in cards, in files and on the command line.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What it sees, and what it is for; a whole sentence.
    pub about: &'static str,
    /// Opens an encoder of it.
    pub open: Open,
}

/// Opens the model of a folder on a device.
pub type OpenModel = fn(&Path, &Compute, &ComputeThread) -> Result<Arc<dyn Encoder>, ModelError>;

/// How an encoder comes to be.
#[derive(Debug, Clone, Copy)]
pub enum Open {
    /// From the folder of a model, onto a device.
    Model(OpenModel),
    /// From nothing: it has no weights, and is called by its family's name.
    Built(fn() -> Arc<dyn Encoder>),
}

/// All families.
pub const FAMILIES: &[Family] = &[
    Family {
        name: MOLCLIP,
        title: "MolCLIP",
        about: "A network that was trained on videos and on the structures of their compounds.",
        open: Open::Model(open_molclip),
    },
    Family {
        name: BIOMARKERS,
        title: "Biomarkers (hand-made features)",
        about: "Shape, brightness, texture and movement, measured in µm and s and compared with the plate's controls, or with \
                all controls where the plate has fewer than three. Nothing is trained, and every number has a name.",
        open: Open::Built(biomarkers),
    },
];

fn biomarkers() -> Arc<dyn Encoder> {
    Arc::new(Biomarkers::default())
}

fn open_molclip(
    folder: &Path,
    compute: &Compute,
    thread: &ComputeThread,
) -> Result<Arc<dyn Encoder>, ModelError> {
    let (model, card) = infer::load(folder, compute, thread)?;
    Ok(Arc::new(MolClipEncoder::new(model, card, compute.clone(), thread.clone())))
}

/// The family of this name.
pub fn named(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// Opens what `--model` names: the folder of a model, or a family that needs none. Waits; not for the window's thread.
///
/// # Errors
/// There is neither, the card names a family that this version does not have, or the model cannot be loaded.
pub fn open(model: &Path, compute: &Compute, thread: &ComputeThread) -> Result<Arc<dyn Encoder>, ModelError> {
    if !model.is_dir() {
        let built = model.to_str().and_then(named).map(|family| family.open);
        return match built {
            Some(Open::Built(build)) => Ok(build()),
            _ => Err(ModelError::NoModel { path: model.to_owned() }),
        };
    }
    let name = weights::read_family(model)?;
    match named(&name).map(|family| family.open) {
        Some(Open::Model(open)) => open(model, compute, thread),
        _ => Err(ModelError::Family { path: model.to_owned(), family: name }),
    }
}

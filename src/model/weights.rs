//! Models on disk: a folder with `model.safetensors` and `model.json`, the [`Card`].
//!
//! Any Burn module can be saved: each tensor stands under its path in the module, e.g. `conv1.weight`,
//! `layer2.0.bn1.running_mean` ([`ResNet3d`](super::video_encoder::resnet3d) lists its own); a module within another adds
//! its field's name in front. Batch norms have `gamma`, `beta`, `running_mean`, `running_var`, all `[channels]`; linear
//! layers have `weight` `[input, output]` and `bias`. Values are f32. The same module gives the same bytes, and the card
//! carries their BLAKE3 hash, which is checked before anything is loaded. Loading is strict: every tensor of the module
//! must be there in its shape with finite values, and no other; otherwise the module stays as it was.
//!
//! # Weights from PyTorch
//!
//! [`PytorchFile`] reads a `state_dict` with the names of 3D-ResNets and MitoReID into a
//! [`ResNet3d`](super::video_encoder::resnet3d::ResNet3d). Only safetensors are read: a `.pth` can run code when it is
//! opened. It is converted once, where PyTorch is:
//!
//! ```python
//! import torch, safetensors.torch
//! state = torch.load("checkpoint.pth", map_location="cpu", weights_only=True)
//! safetensors.torch.save_file({k: v.clone() for k, v in state.get("state_dict", state).items()}, "checkpoint.safetensors")
//! ```
//!
//! | PyTorch | here |
//! |---|---|
//! | `conv1.weight`, `layer3.2.conv2.weight`: `[out, in, time, height, width]` | the same |
//! | `bn1.weight`, `bn1.bias`, `layer3.2.bn2.weight` | `bn1.gamma`, `bn1.beta`, `layer3.2.bn2.gamma` |
//! | `bn1.running_mean`, `bn1.running_var` | the same |
//! | `layer2.0.downsample.0.weight` | `layer2.0.downsample.conv.weight` |
//! | `layer2.0.downsample.1.weight`, `.bias`, `.running_mean`, `.running_var` | `layer2.0.downsample.bn.gamma`, … |
//! | `module.`, `base.`, `backbone.` in front, also several | left out |
//! | `fc.*`, `bottleneck.*` (classifier and BNNeck) | unused, and said so |
//! | `*.num_batches_tracked` | not needed |

mod pytorch;
mod report;
mod tensors;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn_store::{ModuleSnapshot, SafetensorsStore};

use super::card::{Card, FORMAT, MOLCLIP};
use crate::atomic_file::{self, NotWritten};
use crate::regular_file;
pub use pytorch::PytorchFile;
pub use report::LoadReport;
pub use tensors::TensorInfo;
use tensors::{Expected, Stored};

/// File name of the weights in a model's folder.
pub const WEIGHTS: &str = "model.safetensors";

/// File name of the card in a model's folder.
pub const CARD: &str = "model.json";

/// Most bytes of a card; the drugs of the largest library take a hundredth.
const MAX_CARD: u64 = 16 << 20;

/// Most bytes of a weights file of which nothing else is known: ten times the largest encoder.
const MAX_WEIGHTS: u64 = 2 << 30;

/// Weights or a card could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The operating system refused.
    #[error("{}: {doing} failed: {source}.", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        source: io::Error,
    },
    /// The card is none, or says what cannot be.
    #[error("{}: {problem} Copy the model again, or write it again with the program that made it.", path.display())]
    Card {
        /// The card.
        path: PathBuf,
        /// What is wrong, a whole sentence.
        problem: String,
    },
    /// The card was written by a later version of the program.
    #[error(
        "{}: has format {found}, this program knows up to {FORMAT}. Use a later version of MolCLIP Studio.",
        path.display()
    )]
    Newer {
        /// The card.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file is larger than what is to be read from it can be.
    #[error("{}: has {bytes} bytes, at most {limit} are expected. It is another model's, or damaged.", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The weights are not those that the card was written for.
    #[error(
        "{}: its BLAKE3 hash is {found}, the card names {expected}. Weights and card belong to different models, or \
         the file is damaged: copy both again.",
        path.display()
    )]
    OtherWeights {
        /// The weights.
        path: PathBuf,
        /// The hash on the card.
        expected: String,
        /// The file's.
        found: String,
    },
    /// The file is no safetensors file, or a value in it is none.
    #[error("{}: {problem}. Copy the file again, or convert it again.", path.display())]
    Damaged {
        /// The weights.
        path: PathBuf,
        /// What is wrong, without a full stop.
        problem: String,
    },
    /// Names or shapes differ from the module's.
    #[error("{}: does not fit the model.\n{report}", path.display())]
    DoesNotFit {
        /// The weights.
        path: PathBuf,
        /// What fits and what does not.
        report: Box<LoadReport>,
    },
    /// The module cannot be written as it is.
    #[error("The model was not saved: {problem}.")]
    NotSaved {
        /// What is wrong, without a full stop.
        problem: String,
    },
}

impl WeightsError {
    fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }

    fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), problem: problem.into() }
    }
}

/// Writes a model into a folder, which is made if need be, and gives the card as written: with the hash of the weights.
///
/// Both files are complete on disk before either takes its name, and where one cannot have its name the other keeps its
/// content. A model with a value that is no finite number is not written, so it cannot replace a sound one.
pub fn save<M: Module>(folder: &Path, module: &M, card: &Card) -> Result<Card, WeightsError> {
    let not_saved = |problem: String| WeightsError::NotSaved { problem };
    // Taking the module for validation is what brings the running statistics of batch norms up to date.
    let module = module.valid();
    // One entry: the order of several differs from run to run, and with it the hash.
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata().metadata("producer", "molclip");
    module.save_into(&mut store).map_err(|e| not_saved(e.to_string()))?;
    let bytes = store.get_bytes().map_err(|e| not_saved(e.to_string()))?;
    tensors::check_values(&bytes).map_err(not_saved)?;
    let card = Card { format: FORMAT, hash: hash(&bytes), ..card.clone() };
    let mut text = serde_json::to_vec_pretty(&card).map_err(|e| not_saved(e.to_string()))?;
    text.push(b'\n');

    std::fs::create_dir_all(folder).map_err(WeightsError::io(folder, "making the folder"))?;
    atomic_file::write_together(&[(&folder.join(WEIGHTS), &bytes), (&folder.join(CARD), &text)])
        .map_err(|NotWritten { path, source }| WeightsError::Io { path, doing: "writing", source })?;
    Ok(card)
}

/// Reads the card of a model's folder and checks that what it says can be: sizes within limits, one mean and standard
/// deviation per channel.
pub fn read_card(folder: &Path) -> Result<Card, WeightsError> {
    let path = folder.join(CARD);
    let bytes = read_at_most(&path, MAX_CARD)?;
    let refuse = |problem: String| WeightsError::Card { path: path.clone(), problem };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|e| refuse(format!("{e}.")))?;
    // A later format may have other fields: the number is looked at first.
    match value["format"].as_u64() {
        Some(found) if found > u64::from(FORMAT) => {
            Err(WeightsError::Newer { path, found: u32::try_from(found).unwrap_or(u32::MAX) })
        }
        _ => {
            let card: Card = serde_json::from_value(value).map_err(|e| refuse(format!("{e}.")))?;
            card.check().map_err(refuse)?;
            Ok(card)
        }
    }
}

/// The family that a folder's card names, without a look at the rest of it; cards of before there were several are
/// of [`MOLCLIP`].
///
/// # Errors
/// The card cannot be read, or is no JSON.
pub fn read_family(folder: &Path) -> Result<String, WeightsError> {
    let path = folder.join(CARD);
    let bytes = read_at_most(&path, MAX_CARD)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|e| WeightsError::Card { path: path.clone(), problem: format!("{e}.") })?;
    Ok(value["family"].as_str().unwrap_or(MOLCLIP).to_owned())
}

/// Loads the weights of a folder into a module built as its card says.
///
/// On an error the module is as it was before.
pub fn load<M: Module>(folder: &Path, card: &Card, module: &mut M) -> Result<(), WeightsError> {
    let path = folder.join(WEIGHTS);
    let expected = Expected::of(module);
    let bytes = read_hashed(&path, expected.most_bytes(), &card.hash)?;
    let stored = tensors::parse(&bytes).map_err(|e| WeightsError::damaged(&path, e))?;
    let sources = stored.into_iter().map(|(name, view)| Stored::new(name, view)).collect();
    let report = tensors::apply(module, &expected, sources, None)
        .map_err(|problem| WeightsError::damaged(&path, problem))?;
    if report.fits() && report.unused.is_empty() {
        Ok(())
    } else {
        Err(WeightsError::DoesNotFit { path, report: Box::new(report) })
    }
}

/// Names, shapes and types of the tensors of a model, after a look at the hash.
pub fn list(folder: &Path, card: &Card) -> Result<Vec<TensorInfo>, WeightsError> {
    let path = folder.join(WEIGHTS);
    let bytes = read_hashed(&path, MAX_WEIGHTS, &card.hash)?;
    tensors::infos(&bytes).map_err(|e| WeightsError::damaged(&path, e))
}

fn read_hashed(path: &Path, limit: u64, expected: &str) -> Result<Vec<u8>, WeightsError> {
    let bytes = read_at_most(path, limit)?;
    let found = hash(&bytes);
    if found == expected {
        Ok(bytes)
    } else {
        Err(WeightsError::OtherWeights { path: path.to_owned(), expected: expected.to_owned(), found })
    }
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A file's bytes; the length is looked at before any memory is taken.
fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, WeightsError> {
    let file = regular_file::open(path).map_err(WeightsError::io(path, "opening"))?;
    let length = file.metadata().map_err(WeightsError::io(path, "opening"))?.len();
    if length > limit {
        return Err(WeightsError::TooLarge { path: path.to_owned(), bytes: length, limit });
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(limit).read_to_end(&mut bytes).map_err(WeightsError::io(path, "reading"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

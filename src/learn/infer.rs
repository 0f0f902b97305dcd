//! A trained MolCLIP model in use: an encoder of clips, with its classifiers, its common space with molecules, and
//! rectangles that follow the player.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::brightness::Brightness;
use super::clips::Clips;
use super::encoder::{
    About, Classes, Content, EncodeError, Encoded, Encoder, MoleculeSpace, Probabilities, Regions, Rows,
};
use super::inputs::Inputs;
use super::region::{self, Region, RegionError};
use super::store::ClipStore;
use crate::analysis::items::Item;
use crate::gpu::{Compute, ComputeThread, GpuError};
use crate::model::card::{Card, DrugClass, InputSpec, MOLCLIP};
use crate::model::molclip::{MolClip, Sizes};
use crate::model::molecule_encoder::MoleculeFeatures;
use crate::model::weights::{self, WeightsError};
use crate::progress::{Cancelled, Progress};
use crate::video::Recording;

/// A model cannot be brought onto a device.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Its files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// There is nothing of this name.
    #[error(
        "{}: there is no such folder. A model is a folder with model.safetensors and model.json",
        path.display()
    )]
    NoModel {
        /// What was asked for.
        path: PathBuf,
    },
    /// A card names a family that is not there.
    #[error(
        "{}: the model is of the family {family}, which this version does not have. Use a newer version",
        path.display()
    )]
    Family {
        /// Folder of the model.
        path: PathBuf,
        /// Its family.
        family: String,
    },
    /// A card names another family than what is to be done needs.
    #[error(
        "{}: the model is of the family {family}, where one of {MOLCLIP} is needed. Choose another model",
        path.display()
    )]
    OtherFamily {
        /// Folder of the model.
        path: PathBuf,
        /// Its family.
        family: String,
    },
}

/// Loads the model of a folder onto a device. Waits; not for the window's thread.
///
/// # Errors
/// There is no such folder, or its model is of another family; card or weights cannot be read or do not fit each other;
/// the device fails.
pub fn load(folder: &Path, compute: &Compute, thread: &ComputeThread) -> Result<(MolClip, Card), ModelError> {
    if !folder.is_dir() {
        return Err(ModelError::NoModel { path: folder.to_owned() });
    }
    let family = weights::read_family(folder)?;
    if family != MOLCLIP {
        return Err(ModelError::OtherFamily { path: folder.to_owned(), family });
    }
    let card = weights::read_card(folder)?;
    let (device, own, folder) = (compute.device().clone(), card.clone(), folder.to_owned());
    let loaded = thread.run(move || {
        let mut model = MolClip::new(&Sizes::of(&own), &device);
        weights::load(&folder, &own, &mut model).map(|()| model)
    });
    Ok((loaded.wait()??, card))
}

/// Videos that are encoded at once.
pub const BATCH: usize = 32;

/// `f_i` of a batch, `[videos, dim]`. On the compute thread.
///
/// # Errors
/// The GPU cannot make the input.
pub fn embed(model: &MolClip, device: &Device, videos: Inputs) -> Result<Vec<f32>, GpuError> {
    Ok(read(model.encode(videos.tensor(device)?).embedding))
}

fn read(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().square().sum_dim(1).clamp_min(1e-12).sqrt();
    rows / length
}

/// A MolCLIP model at its place of work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MolClipEncoder {
    model: MolClip,
    card: Arc<Card>,
    about: Arc<About>,
    compute: Compute,
    thread: ComputeThread,
}

impl MolClipEncoder {
    /// A model that is on `compute` already.
    pub fn new(model: MolClip, card: Card, compute: Compute, thread: ComputeThread) -> Self {
        let about = About {
            family: MOLCLIP.to_owned(),
            name: card.name.clone(),
            hash: card.hash.clone(),
            simulated: card.trained_on.simulated,
            trained_with: Some(card.drugs.clone()),
        };
        Self { model, card: Arc::new(card), about: Arc::new(about), compute, thread }
    }

    /// Its card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The device that it computes on.
    pub const fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Embeds a batch, `[videos, dim]`, and waits for it.
    ///
    /// # Errors
    /// The device fails.
    pub fn embed(&self, videos: Inputs) -> Result<Vec<f32>, GpuError> {
        self.with(move |model, device| embed(model, device, videos))?
    }

    /// Works with the model on the compute thread, and waits.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&MolClip, &Device) -> T + Send + 'static,
    ) -> Result<T, GpuError> {
        let (model, device) = (self.model.clone(), self.compute.device().clone());
        let value = self.thread.run(move || work(&model, &device)).wait()?;
        self.compute.check()?;
        Ok(value)
    }

    /// What a head makes of vectors `[row, dim]`, a batch at a time as when they were encoded.
    fn head(
        &self,
        values: &[f32],
        dim: usize,
        head: impl Fn(&MolClip, Tensor<2>) -> Tensor<2> + Send + 'static,
    ) -> Result<Vec<f32>, GpuError> {
        let values = values.to_vec();
        self.with(move |model, device| {
            let part = |part: &[f32]| {
                let shape = [part.len() / dim.max(1), dim];
                read(head(model, Tensor::from_data(TensorData::new(part.to_vec(), shape), device)))
            };
            values.chunks((BATCH * dim).max(1)).flat_map(part).collect()
        })
    }
}

impl Encoder for MolClipEncoder {
    fn about(&self) -> &About {
        &self.about
    }

    fn encode(&self, rows: &Rows, progress: &Progress) -> Result<Encoded, EncodeError> {
        Clips::read(rows, &self.card.input, progress)?.encode(self, rows, progress)
    }

    fn contents(&self, rows: &Rows, progress: &Progress) -> Result<Vec<Option<Content>>, EncodeError> {
        let store = ClipStore::new(Arc::clone(rows.experiment), self.card.input.clone(), 0);
        progress.set(0, rows.items.len() as u64);
        let content = |item: &Item| {
            progress.check()?;
            let seen = store.get(item.row).ok().map(|clip| Brightness::of(&clip, 0));
            progress.add(1);
            Ok(seen.map(|seen| Content { hash: seen.content, near: seen.near }))
        };
        Ok(rows.items.par_iter().map(content).collect::<Result<_, Cancelled>>()?)
    }

    fn classes(&self) -> Option<&dyn Classes> {
        Some(self)
    }

    fn molecules(&self) -> Option<&dyn MoleculeSpace> {
        (self.card.projection > 0).then_some(self)
    }

    fn regions(&self) -> Option<&dyn Regions> {
        Some(self)
    }
}

impl Classes for MolClipEncoder {
    fn moas(&self) -> &[String] {
        &self.card.moas
    }

    fn drugs(&self) -> &[DrugClass] {
        &self.card.drugs
    }

    fn probabilities(&self, values: &[f32], dim: usize) -> Result<Probabilities, GpuError> {
        let of = |classes: usize, head: fn(&MolClip, Tensor<2>) -> Tensor<2>| {
            if classes == 0 { Ok(Vec::new()) } else { self.head(values, dim, head) }
        };
        Ok(Probabilities {
            moas: of(self.card.moas.len(), |model, x| softmax(model.moa_classifier.forward(x), 1))?,
            drugs: of(self.card.drugs.len(), |model, x| softmax(model.drug_classifier.forward(x), 1))?,
        })
    }
}

impl MoleculeSpace for MolClipEncoder {
    fn project(&self, values: &[f32], dim: usize) -> Result<Vec<f32>, GpuError> {
        self.head(values, dim, |model, x| unit(model.project_video(x)))
    }

    fn project_molecules(&self, molecules: MoleculeFeatures) -> Result<Vec<f32>, GpuError> {
        self.with(move |model, device| {
            let batch = molecules.all();
            if batch.is_empty() {
                return Vec::new();
            }
            let projected = unit(model.project_molecules(&batch.to_device(device)));
            read(batch.spread(projected))
        })
    }
}

impl Regions for MolClipEncoder {
    fn input(&self) -> &InputSpec {
        &self.card.input
    }

    fn encode(&self, recording: &Recording, region: &Region) -> Result<region::Encoded, RegionError> {
        region::encode(self, recording, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_molclip_model_is_named_before_its_weights_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| {
            let loaded = load(path, &Compute::flex(), &ComputeThread::shared_headless());
            loaded.unwrap_err().to_string()
        };
        let text = refused(&folder.path().join("gone"));
        assert!(text.contains("gone: there is no such folder. A model is a folder with"), "{text}");
        std::fs::write(folder.path().join(weights::CARD), r#"{"format": 1, "family": "other"}"#).unwrap();
        let text = refused(folder.path());
        assert!(text.contains("is of the family other, where one of molclip is needed"), "{text}");
    }
}

//! A trained model in use: videos to embeddings and logits, structures to the common space.

use std::path::Path;

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

use super::inputs::Inputs;
use crate::gpu::{Compute, ComputeThread, GpuError};
use crate::model::card::Card;
use crate::model::molclip::{MolClip, Sizes};
use crate::model::molecule_encoder::MoleculeFeatures;
use crate::model::weights::{self, WeightsError};

/// A model cannot be brought onto a device.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Its files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
}

/// Loads the model of a folder onto a device. Waits; not for the window's thread.
///
/// # Errors
/// Card or weights cannot be read or do not fit each other; the device fails.
pub fn load(folder: &Path, compute: &Compute, thread: &ComputeThread) -> Result<(MolClip, Card), ModelError> {
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

/// What some videos become, one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Encodings {
    /// Length of an embedding.
    pub dim: usize,
    /// `f_i`, `[videos, dim]`.
    pub embeddings: Vec<f32>,
    /// `v_i` in the common space, length 1, `[videos, projection]`.
    pub projections: Vec<f32>,
    /// Probabilities of the mechanisms, `[videos, moas]`.
    pub moas: Vec<f32>,
    /// Probabilities of the drugs, `[videos, drugs]`.
    pub drugs: Vec<f32>,
}

impl Encodings {
    /// Appends others of the same model.
    pub fn append(&mut self, mut other: Self) {
        self.dim = other.dim;
        self.embeddings.append(&mut other.embeddings);
        self.projections.append(&mut other.projections);
        self.moas.append(&mut other.moas);
        self.drugs.append(&mut other.drugs);
    }

    /// Videos.
    pub fn len(&self) -> usize {
        self.embeddings.len().checked_div(self.dim).unwrap_or(0)
    }

    /// True without videos.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For each video whether all its numbers are finite. Others say nothing, and make averages say nothing.
    pub fn finite(&self) -> Vec<bool> {
        let mut finite = vec![true; self.len()];
        for values in [&self.embeddings, &self.projections, &self.moas, &self.drugs] {
            for (finite, of) in finite.iter_mut().zip(self.rows(values)) {
                *finite &= of.iter().all(|value| value.is_finite());
            }
        }
        finite
    }

    /// The videos for which `keep` is true.
    #[must_use]
    pub fn keep(&self, keep: &[bool]) -> Self {
        let kept = |values: &[f32]| -> Vec<f32> {
            let rows = self.rows(values).zip(keep).filter(|(_, keep)| **keep);
            rows.flat_map(|(row, _)| row).copied().collect()
        };
        Self {
            dim: self.dim,
            embeddings: kept(&self.embeddings),
            projections: kept(&self.projections),
            moas: kept(&self.moas),
            drugs: kept(&self.drugs),
        }
    }

    /// What one of the lists has of each video; nothing, where the model has no such list.
    fn rows<'a>(&self, values: &'a [f32]) -> std::slice::ChunksExact<'a, f32> {
        values.chunks_exact((values.len() / self.len().max(1)).max(1))
    }
}

/// Encodes a batch. On the compute thread.
///
/// # Errors
/// The GPU cannot make the input.
pub fn encode(model: &MolClip, device: &Device, videos: Inputs) -> Result<Encodings, GpuError> {
    let videos = videos.tensor(device)?;
    let embedding = model.encode(videos).embedding;
    let projection = unit(model.project_video(embedding.clone()));
    let moas = softmax(model.moa_classifier.forward(embedding.clone()), 1);
    let drugs = softmax(model.drug_classifier.forward(embedding.clone()), 1);
    let [_, dim] = embedding.dims();
    let read = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect();
    Ok(Encodings {
        dim,
        embeddings: read(embedding),
        projections: read(projection),
        moas: read(moas),
        drugs: read(drugs),
    })
}

/// `m_j` of structures, length 1, `[structures, projection]`; zeros where there is none. On the compute thread.
pub fn encode_molecules(model: &MolClip, device: &Device, molecules: &MoleculeFeatures) -> Vec<f32> {
    let batch = molecules.all();
    if batch.is_empty() {
        return Vec::new();
    }
    let projected = unit(model.project_molecules(&batch.to_device(device)));
    batch.spread(projected).into_data().iter::<f32>().collect()
}

fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().square().sum_dim(1).clamp_min(1e-12).sqrt();
    rows / length
}

/// A model at its place of work.
#[derive(Debug, Clone)]
pub struct Encoder {
    model: MolClip,
    compute: Compute,
    thread: ComputeThread,
}

impl Encoder {
    /// A model that is on `compute` already.
    pub const fn new(model: MolClip, compute: Compute, thread: ComputeThread) -> Self {
        Self { model, compute, thread }
    }

    /// The device that it computes on.
    pub const fn compute(&self) -> &Compute {
        &self.compute
    }

    /// Encodes a batch and waits for it. Not for the window's thread.
    pub fn encode(&self, videos: Inputs) -> Result<Encodings, GpuError> {
        let (model, device) = (self.model.clone(), self.compute.device().clone());
        let encodings = self.thread.run(move || encode(&model, &device, videos)).wait()??;
        self.compute.check()?;
        Ok(encodings)
    }

    /// Encodes structures and waits for it. Not for the window's thread.
    pub fn encode_molecules(&self, molecules: MoleculeFeatures) -> Result<Vec<f32>, GpuError> {
        let (model, device) = (self.model.clone(), self.compute.device().clone());
        let projections = self.thread.run(move || encode_molecules(&model, &device, &molecules)).wait()?;
        self.compute.check()?;
        Ok(projections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_with_a_number_that_is_none_are_found_in_every_list_and_left_out() {
        let four = Encodings {
            dim: 2,
            embeddings: vec![1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0, 7.0, 8.0],
            projections: vec![0.1, 0.2, 0.3, f32::INFINITY],
            moas: vec![0.5, 0.5, 0.25, 0.75, 1.0, 0.0, 0.5, 0.5],
            drugs: Vec::new(),
        };
        assert_eq!((four.len(), four.finite()), (4, vec![true, false, true, false]));
        let two = four.keep(&four.finite());
        let expected = Encodings {
            dim: 2,
            embeddings: vec![1.0, 2.0, 5.0, 6.0],
            projections: vec![0.1, 0.3],
            moas: vec![0.5, 0.5, 1.0, 0.0],
            drugs: Vec::new(),
        };
        assert_eq!((two.len(), &two), (2, &expected));
        assert_eq!(two.keep(&two.finite()), expected);
        assert!(Encodings::default().is_empty() && Encodings::default().finite().is_empty());
    }
}

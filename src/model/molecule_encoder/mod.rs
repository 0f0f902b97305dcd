//! Molecules as vectors: from a fingerprint, or from the graph of atoms and bonds.
//!
//! [`MoleculeFeatures`] are computed once from the SMILES of all drugs. A step of training asks for its [`MoleculeBatch`], puts
//! it on the device, encodes each drug once and spreads the embeddings over its rows:
//!
//! ```no_run
//! # use molclip::model::{card::MoleculeEncoderKind, molecule_encoder::{MoleculeEncoder, MoleculeFeatures}};
//! # let device = burn::tensor::Device::flex();
//! # let encoder = MoleculeEncoder::new(MoleculeEncoderKind::Gin, 512, &device);
//! let drugs = MoleculeFeatures::from_smiles(&["CS(C)=O", "Oc1ccc(cc1[N+](=O)[O-])[N+](=O)[O-]", ""])?;
//! let batch = drugs.batch(&[1, 1, 0, 2]);
//! if !batch.is_empty() {
//!     let embeddings = batch.spread(encoder.forward(&batch.to_device(&device))); // [4, 512], the last row zero
//! }
//! # Ok::<(), molclip::model::molecule_encoder::FeatureError>(())
//! ```

mod ecfp_mlp;
mod features;
mod gin;
#[cfg(test)]
mod tests;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

pub use ecfp_mlp::EcfpMlp;
pub use features::{
    ATOM_FEATURES, BOND_FEATURES, EdgeTensors, FeatureError, MoleculeBatch, MoleculeFeatures, MoleculeTensors,
};
pub use gin::Gin;

use super::card::MoleculeEncoderKind;

/// A molecule encoder. Neither has anything that differs between training and use, or between batches: a molecule has the
/// same embedding alone and among others.
// There is one of them in a model: its size on the stack does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum MoleculeEncoder {
    /// Fingerprints and a multilayer perceptron.
    EcfpMlp(EcfpMlp),
    /// Message passing over the graph.
    Gin(Gin),
}

impl MoleculeEncoder {
    /// A fresh encoder. `width` is that of its layers and of the embedding; 512 in full-size models. Its weights come from
    /// the device's random numbers.
    pub fn new(kind: MoleculeEncoderKind, width: usize, device: &Device) -> Self {
        match kind {
            MoleculeEncoderKind::EcfpMlp => Self::EcfpMlp(EcfpMlp::new(width, device)),
            MoleculeEncoderKind::Gin => Self::Gin(Gin::new(width, device)),
        }
    }

    /// Width of the embedding.
    pub fn width(&self) -> usize {
        match self {
            Self::EcfpMlp(encoder) => encoder.width(),
            Self::Gin(encoder) => encoder.width(),
        }
    }

    /// The embeddings, `[molecules, width]`.
    pub fn forward(&self, molecules: &MoleculeTensors) -> Tensor<2> {
        match self {
            Self::EcfpMlp(encoder) => encoder.forward(molecules),
            Self::Gin(encoder) => encoder.forward(molecules),
        }
    }
}

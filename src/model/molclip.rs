//! The whole model: video encoder, neck, classifiers, molecule encoder and the space where both meet.

use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use super::card::{Card, MoleculeEncoderKind};
use super::losses::INVERSE_TEMPERATURE;
use super::molecule_encoder::{MoleculeEncoder, MoleculeTensors};
use super::video_encoder::{EncoderConfig, VideoEncoder};

/// 1/τ at most, as CLIP: beyond it the softmax is a maximum and its gradient dies.
const MAX_INVERSE_TEMPERATURE: f32 = 100.0;

/// Sizes of a [`MolClip`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Video encoder.
    pub encoder: EncoderConfig,
    /// Channels of a video.
    pub channels: usize,
    /// Molecule encoder.
    pub molecule_encoder: MoleculeEncoderKind,
    /// Width of the common space.
    pub projection: usize,
    /// Drugs that the classifier tells apart.
    pub drugs: usize,
    /// Mechanisms that the classifier tells apart.
    pub moas: usize,
}

impl Sizes {
    /// The sizes that a card describes.
    pub fn of(card: &Card) -> Self {
        Self {
            encoder: card.encoder.clone(),
            channels: card.input.channels.len(),
            molecule_encoder: card.molecule_encoder,
            projection: card.projection,
            drugs: card.drugs.len(),
            moas: card.moas.len(),
        }
    }
}

/// The model; see the module. Parameters are named in `model.safetensors` by these fields.
#[derive(Module, Debug)]
pub struct MolClip {
    /// `[batch, channel, time, height, width]` to `f_t`, `[batch, features]`.
    pub video: VideoEncoder,
    /// Batch norm with a frozen bias: `f_t` to `f_i` (Luo et al., CVPR workshops 2019).
    pub neck: BatchNorm,
    /// `f_i` to a logit per drug.
    pub drug_classifier: Linear,
    /// `f_i` to a logit per mechanism.
    pub moa_classifier: Linear,
    /// `f_i` to `v_i` in the common space.
    pub video_projection: Linear,
    /// Structures to `[molecules, width]`.
    pub molecule: MoleculeEncoder,
    /// The molecule embedding to `m_j` in the common space.
    pub molecule_projection: Linear,
    /// ln(1/τ) of the contrastive loss.
    pub log_inverse_temperature: Param<Tensor<1>>,
}

/// What a video becomes.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// `f_t`, before the neck: what the metric losses see. `[batch, features]`.
    pub metric: Tensor<2>,
    /// `f_i`, after the neck: the embedding. `[batch, features]`.
    pub embedding: Tensor<2>,
}

impl MolClip {
    /// With fresh weights, drawn from the device's seed.
    pub fn new(sizes: &Sizes, device: &Device) -> Self {
        let features = sizes.encoder.features();
        let mut neck = BatchNormConfig::new(features).init(device);
        neck.beta = neck.beta.set_require_grad(false);
        let classifier = |classes: usize| {
            // Small weights: no class is preferred at the start, as in MitoReID.
            let initializer = burn::nn::Initializer::Normal { mean: 0.0, std: 0.001 };
            LinearConfig::new(features, classes.max(1))
                .with_bias(false)
                .with_initializer(initializer)
                .init(device)
        };
        let width = sizes.encoder.entry().molecule_width;
        Self {
            video: VideoEncoder::new(&sizes.encoder, sizes.channels, device),
            neck,
            drug_classifier: classifier(sizes.drugs),
            moa_classifier: classifier(sizes.moas),
            video_projection: LinearConfig::new(features, sizes.projection).init(device),
            molecule: MoleculeEncoder::new(sizes.molecule_encoder, width, device),
            molecule_projection: LinearConfig::new(width, sizes.projection).init(device),
            log_inverse_temperature: Param::from_tensor(Tensor::from_floats(
                [INVERSE_TEMPERATURE.ln()],
                device,
            )),
        }
    }

    /// This model with the encoders, the neck and the projections of another one: what does not depend on which drugs
    /// and mechanisms a screen has. The classifiers stay fresh.
    #[must_use]
    pub fn with_encoders_of(self, other: Self) -> Self {
        Self { drug_classifier: self.drug_classifier, moa_classifier: self.moa_classifier, ..other }
    }

    /// `[batch, channel, time, height, width]`, normalised as the card says, to both kinds of features.
    pub fn encode(&self, video: Tensor<5>) -> Encoded {
        let metric = self.video.forward(video);
        let embedding = self.neck.forward(metric.clone());
        Encoded { metric, embedding }
    }

    /// Embeddings to `v_i`, `[batch, projection]`; not normalised.
    pub fn project_video(&self, embedding: Tensor<2>) -> Tensor<2> {
        self.video_projection.forward(embedding)
    }

    /// Structures to `m_j`, `[molecules, projection]`; not normalised.
    pub fn project_molecules(&self, molecules: &MoleculeTensors) -> Tensor<2> {
        self.molecule_projection.forward(self.molecule.forward(molecules))
    }

    /// 1/τ, at most 100.
    pub fn inverse_temperature(&self) -> Tensor<1> {
        self.log_inverse_temperature.val().exp().clamp_max(MAX_INVERSE_TEMPERATURE)
    }
}

//! The registry of encoders. An encoder maps `[batch, channel, time, height, width]` to `[batch, features]`.
//!
//! Images are videos of one frame; profiles have one value per channel. Training knows this interface alone: an
//! encoder joins by an [`EncoderConfig`], a [`VideoEncoder`] and a line in [`ENCODERS`]. Each says itself which of its sizes
//! can be built, what its layers are and how many features it has; nobody beyond this module asks which one it is.

mod kernel;
pub mod light;
pub mod resnet3d;
#[cfg(test)]
mod tests;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::cost::{Layer, UNDER_WAY};
use light::{Light, LightConfig};
use resnet3d::{Depth, ResNet3d};

/// Which video encoder, with its sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EncoderConfig {
    /// 3D ResNet-50 of `MitoReID`: bottleneck blocks 3, 4, 6, 3.
    #[serde(rename = "resnet3d-50")]
    Resnet3d50 {
        /// Channels of the first layer; 64 in the paper.
        width: usize,
    },
    /// 3D ResNet-18: basic blocks 2, 2, 2, 2.
    #[serde(rename = "resnet3d-18")]
    Resnet3d18 {
        /// Channels of the first layer; 64 in the paper.
        width: usize,
    },
    /// Tubelets and shifted pixel-wise layers: matrix products alone, for laptops.
    Light(LightConfig),
}

/// How an encoder is usually trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// On a laptop: `AdamW`, and metric losses that do not let few features collapse.
    Light,
    /// As `MitoReID`.
    Paper,
}

/// An encoder that can be chosen.
#[derive(Debug)]
pub struct Entry {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Pixels on a side and µm per pixel that it is meant for.
    pub input: (usize, f64),
    /// Its usual sizes for recordings of so many frames.
    pub usual: fn(usize) -> EncoderConfig,
    /// Its usual training.
    pub recipe: Recipe,
    /// Width of the molecule encoder beside it: 512 in the paper, half for an encoder of few features.
    pub molecule_width: usize,
    /// Bytes that training takes in passing, in multiples of the largest layer's output, beyond what the layers keep.
    pub workspace: u64,
}

/// A layer's gradient replaces what the layer kept; at the largest one, both are there.
const REPLACED: u64 = 1;

/// All encoders, the lightest first.
pub const ENCODERS: [Entry; 3] = [
    Entry {
        name: "light",
        title: "Light",
        about: "Matrix products alone; trains on a small screen in minutes on a laptop",
        input: (64, 0.4),
        usual: |frames| EncoderConfig::Light(LightConfig::usual(frames)),
        recipe: Recipe::Light,
        molecule_width: 256,
        workspace: UNDER_WAY,
    },
    Entry {
        name: "resnet3d-18",
        title: "3D ResNet-18",
        about: "MitoReID's small variant; for a GPU, or an evening on the processor",
        input: (112, 0.2),
        usual: |_| EncoderConfig::Resnet3d18 { width: resnet3d::WIDTH },
        recipe: Recipe::Paper,
        molecule_width: 512,
        workspace: REPLACED,
    },
    Entry {
        name: "resnet3d-50",
        title: "3D ResNet-50",
        about: "MitoReID's encoder; for a GPU",
        input: (112, 0.2),
        usual: |_| EncoderConfig::Resnet3d50 { width: resnet3d::WIDTH },
        recipe: Recipe::Paper,
        molecule_width: 512,
        workspace: REPLACED,
    },
];

impl Entry {
    /// An encoder by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ENCODERS.iter().find(|entry| entry.name == name)
    }
}

impl EncoderConfig {
    /// Its name in the registry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Resnet3d50 { .. } => "resnet3d-50",
            Self::Resnet3d18 { .. } => "resnet3d-18",
            Self::Light(_) => "light",
        }
    }

    /// Its entry in the registry.
    pub fn entry(&self) -> &'static Entry {
        Entry::named(self.name()).unwrap_or(&ENCODERS[0])
    }

    /// The usual sizes of an encoder by its name, for recordings of so many frames.
    pub fn named(name: &str, frames: usize) -> Option<Self> {
        Entry::named(name).map(|entry| (entry.usual)(frames))
    }

    /// The same with another width: channels of the first layer.
    #[must_use]
    pub fn with_width(mut self, wanted: usize) -> Self {
        match &mut self {
            Self::Resnet3d50 { width } | Self::Resnet3d18 { width } => *width = wanted,
            Self::Light(config) => config.dim = wanted,
        }
        self
    }

    /// Depth and width of a network that weights of PyTorch fit; `None` for an encoder that PyTorch does not have.
    pub const fn resnet3d(&self) -> Option<(Depth, usize)> {
        match self {
            Self::Resnet3d50 { width } => Some((Depth::Fifty, *width)),
            Self::Resnet3d18 { width } => Some((Depth::Eighteen, *width)),
            Self::Light(_) => None,
        }
    }

    /// What cannot be built for videos of `frames` frames of `size` × `size` pixels, as a whole sentence.
    pub fn check(&self, frames: usize, size: usize) -> Result<(), String> {
        if frames == 0 {
            return Err("0 frames: at least one is needed. Set frames to 1 for images.".to_owned());
        }
        match self {
            Self::Resnet3d50 { width } | Self::Resnet3d18 { width } => resnet3d::check(*width, size),
            Self::Light(config) => config.check(frames, size),
        }
    }

    /// Layers with their cost for one video of `[channels, frames, size, size]`.
    pub fn layers(&self, channels: usize, frames: usize, size: usize) -> Vec<Layer> {
        match self {
            Self::Resnet3d50 { width } => resnet3d::layers(Depth::Fifty, *width, channels, frames, size),
            Self::Resnet3d18 { width } => resnet3d::layers(Depth::Eighteen, *width, channels, frames, size),
            Self::Light(config) => light::layers(config, channels, frames, size),
        }
    }

    /// Length of the feature vector.
    pub fn features(&self) -> usize {
        match self {
            Self::Resnet3d50 { width } => Depth::Fifty.features(*width),
            Self::Resnet3d18 { width } => Depth::Eighteen.features(*width),
            Self::Light(config) => config.features(),
        }
    }
}

/// An encoder with its weights.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a model has one of them")]
pub enum VideoEncoder {
    /// 3D ResNet-18 or -50.
    ResNet(ResNet3d),
    /// The light one.
    Light(Light),
}

impl VideoEncoder {
    /// With fresh weights, drawn from the device's seed.
    pub fn new(config: &EncoderConfig, channels: usize, device: &Device) -> Self {
        match config {
            EncoderConfig::Resnet3d50 { width } => {
                Self::ResNet(ResNet3d::new(Depth::Fifty, *width, channels, device))
            }
            EncoderConfig::Resnet3d18 { width } => {
                Self::ResNet(ResNet3d::new(Depth::Eighteen, *width, channels, device))
            }
            EncoderConfig::Light(config) => Self::Light(Light::new(config, channels, device)),
        }
    }

    /// `[batch, channel, time, height, width]` to `[batch, features]`.
    pub fn forward(&self, video: Tensor<5>) -> Tensor<2> {
        match self {
            Self::ResNet(net) => net.forward(video),
            Self::Light(net) => net.forward(video),
        }
    }
}

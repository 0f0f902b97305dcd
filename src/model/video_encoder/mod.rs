//! The registry of encoders. An encoder maps `[batch, channel, time, height, width]` to `[batch, features]`.
//!
//! Images are videos of one frame; profiles have one value per channel. Training knows this interface alone.

pub mod resnet3d;

use serde::{Deserialize, Serialize};

use super::cost::Layer;
use resnet3d::Depth;

/// Which video encoder, with its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
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
    Light {
        /// Frames and pixels (time, height, width) of a tubelet.
        tubelet: [usize; 3],
        /// Features.
        dim: usize,
        /// Blocks.
        depth: usize,
    },
}

impl EncoderConfig {
    /// An encoder with its usual sizes, by its name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "resnet3d-50" => Some(Self::Resnet3d50 { width: 64 }),
            "resnet3d-18" => Some(Self::Resnet3d18 { width: 64 }),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Resnet3d50 { .. } => "resnet3d-50",
            Self::Resnet3d18 { .. } => "resnet3d-18",
            Self::Light { .. } => "light",
        }
    }

    /// What cannot be built, as a whole sentence. Cards come from files: this is asked before anything is built.
    pub fn check(&self, frames: usize, size: usize) -> Result<(), String> {
        if frames < 4 || size < 16 {
            return Err(format!("{frames} frames of {size} px: at least 4 of 16 px are needed."));
        }
        match self {
            Self::Resnet3d50 { width } | Self::Resnet3d18 { width } if !(1..=512).contains(width) => {
                Err(format!("The width {width} is not between 1 and 512. Use 64."))
            }
            _ => Ok(()),
        }
    }

    /// Length of the feature vector.
    pub const fn features(&self) -> usize {
        match self {
            Self::Resnet3d50 { width } => Depth::Fifty.features(*width),
            Self::Resnet3d18 { width } => Depth::Eighteen.features(*width),
            Self::Light { dim, .. } => *dim,
        }
    }

    /// Layers with their cost for one video of `[channels, frames, size, size]`.
    pub fn layers(&self, channels: usize, frames: usize, size: usize) -> Vec<Layer> {
        match self {
            Self::Resnet3d50 { width } => resnet3d::layers(Depth::Fifty, *width, channels, frames, size),
            Self::Resnet3d18 { width } => resnet3d::layers(Depth::Eighteen, *width, channels, frames, size),
            Self::Light { .. } => Vec::new(),
        }
    }
}

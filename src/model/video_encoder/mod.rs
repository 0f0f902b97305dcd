//! The registry of encoders. An encoder maps `[batch, channel, time, height, width]` to `[batch, features]`.
//!
//! Images are videos of one frame; profiles have one value per channel. Training knows this interface alone: an
//! encoder joins by an [`EncoderConfig`], a [`VideoEncoder`] and a line in [`ENCODERS`].

mod kernel;
pub mod light;
pub mod resnet3d;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::cost::Layer;
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
    Light {
        /// Frames and pixels (time, height, width) of a tubelet.
        tubelet: [usize; 3],
        /// Features of the first stage.
        dim: usize,
        /// Blocks of each stage.
        depths: Vec<usize>,
    },
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
    /// Its usual sizes.
    pub config: fn() -> EncoderConfig,
}

/// All encoders, the lightest first.
pub const ENCODERS: [Entry; 3] = [
    Entry {
        name: "light",
        title: "Light",
        about: "Matrix products alone; trains on a small screen in minutes on a laptop",
        input: (64, 0.4),
        config: || EncoderConfig::Light { tubelet: [4, 4, 4], dim: 48, depths: vec![1, 2, 2] },
    },
    Entry {
        name: "resnet3d-18",
        title: "3D ResNet-18",
        about: "MitoReID's small variant; for a GPU, or an evening on the processor",
        input: (112, 0.2),
        config: || EncoderConfig::Resnet3d18 { width: 64 },
    },
    Entry {
        name: "resnet3d-50",
        title: "3D ResNet-50",
        about: "MitoReID's encoder; for a GPU",
        input: (112, 0.2),
        config: || EncoderConfig::Resnet3d50 { width: 64 },
    },
];

impl EncoderConfig {
    /// Its name in the registry.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Resnet3d50 { .. } => "resnet3d-50",
            Self::Resnet3d18 { .. } => "resnet3d-18",
            Self::Light { .. } => "light",
        }
    }

    /// Its entry in the registry.
    pub fn entry(&self) -> &'static Entry {
        ENCODERS.iter().find(|entry| entry.name == self.name()).unwrap_or(&ENCODERS[0])
    }

    /// The usual sizes of an encoder by its name.
    pub fn named(name: &str) -> Option<Self> {
        ENCODERS.iter().find(|entry| entry.name == name).map(|entry| (entry.config)())
    }

    /// What cannot be built, as a whole sentence.
    pub fn check(&self, frames: usize, size: usize) -> Result<(), String> {
        if frames < 4 {
            return Err(format!("{frames} frames: at least 4 are needed. Set frames to 4 or more."));
        }
        match self {
            Self::Resnet3d50 { width } | Self::Resnet3d18 { width } => {
                if !(1..=512).contains(width) {
                    return Err(format!("width {width} is not between 1 and 512. Use 64."));
                }
                if size < 16 {
                    return Err(format!("size {size}: 3D ResNets need at least 16 px."));
                }
            }
            Self::Light { tubelet, dim, depths } => {
                if !(8..=2048).contains(dim) || dim % 8 != 0 {
                    return Err(format!("dim {dim} is not a multiple of 8 between 8 and 2048. Use 64."));
                }
                if depths.is_empty() || depths.len() > 4 || depths.iter().any(|depth| *depth > 64) {
                    return Err("depths: one to four stages of at most 64 blocks. Use [2, 2].".to_owned());
                }
                let least = 1_usize << (depths.len() - 1);
                let [t, h, w] = *tubelet;
                if t == 0
                    || h == 0
                    || w == 0
                    || frames < t
                    || size / h.max(1) < least
                    || size / w.max(1) < least
                {
                    return Err(format!(
                        "tubelets of {t} × {h} × {w} leave no tokens in {frames} frames of {size} px. Use smaller ones."
                    ));
                }
            }
        }
        Ok(())
    }

    /// Layers with their cost for one video of `[channels, frames, size, size]`.
    pub fn layers(&self, channels: usize, frames: usize, size: usize) -> Vec<Layer> {
        match self {
            Self::Resnet3d50 { width } => resnet3d::layers(Depth::Fifty, *width, channels, frames, size),
            Self::Resnet3d18 { width } => resnet3d::layers(Depth::Eighteen, *width, channels, frames, size),
            Self::Light { tubelet, dim, depths } => light::layers(
                &LightConfig { tubelet: *tubelet, dim: *dim, depths: depths.clone() },
                channels,
                frames,
                size,
            ),
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
            EncoderConfig::Light { tubelet, dim, depths } => Self::Light(Light::new(
                &LightConfig { tubelet: *tubelet, dim: *dim, depths: depths.clone() },
                channels,
                device,
            )),
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

impl EncoderConfig {
    /// Length of the feature vector.
    pub fn features(&self) -> usize {
        match self {
            Self::Resnet3d50 { width } => Depth::Fifty.features(*width),
            Self::Resnet3d18 { width } => Depth::Eighteen.features(*width),
            Self::Light { tubelet, dim, depths } => {
                LightConfig { tubelet: *tubelet, dim: *dim, depths: depths.clone() }.features()
            }
        }
    }
}

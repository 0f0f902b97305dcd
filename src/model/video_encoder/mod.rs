//! The registry of encoders. An encoder maps `[batch, channel, time, height, width]` to `[batch, features]`.
//!
//! Images are videos of one frame; profiles have one value per channel. Training knows this interface alone.

use serde::{Deserialize, Serialize};

/// Which video encoder, with its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum EncoderConfig {
    /// 3D ResNet-50 of `MitoReID`: bottleneck blocks 3, 4, 6, 3.
    Resnet3d50 {
        /// Channels of the first layer; 64 in the paper.
        width: usize,
    },
    /// 3D ResNet-18: basic blocks 2, 2, 2, 2.
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

//! What an encoder costs, before anything is computed: shapes, parameters, operations, memory.

use serde::Serialize;

use super::card::InputSpec;
use super::video_encoder::EncoderConfig;

/// Bytes of an f32.
const F32: u64 = 4;

/// What a layer keeps in training, in multiples of its output: the output of its product, which the norm needs, and
/// that of its norm and activation, which the next layer needs.
const KEPT: u64 = 2;

/// Gradients and copies under way at the largest layer, in multiples of its output.
pub(super) const UNDER_WAY: u64 = 4;

/// A layer of an encoder, for one video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Path in the module, or what it does.
    pub name: String,
    /// Shape of what it gives, without the batch: `[channels, time, height, width]`, `[token, dim]`, `[features]`.
    pub output: Vec<usize>,
    /// Trained numbers; running statistics of batch norms are not among them.
    pub parameters: usize,
    /// Floating-point operations: 2 for each multiply-add of convolutions and matrix products. Norms, activations, pools
    /// and sums are not counted; they are below 1 %.
    pub flops: u64,
}

/// The layers of an encoder in the order in which they run, and their sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Shape of one video, `[channels, time, height, width]`.
    pub input: [usize; 4],
    /// Length of the feature vector.
    pub features: usize,
    /// Layers.
    pub layers: Vec<Layer>,
    /// Bytes that training takes in passing for one video, beyond what the layers keep.
    pub workspace: u64,
}

impl Cost {
    /// The cost of an encoder on its input.
    pub fn of(encoder: &EncoderConfig, input: &InputSpec) -> Self {
        let (channels, frames, size) = (input.channels.len(), input.frames, input.size);
        let layers = encoder.layers(channels, frames, size);
        let largest = layers.iter().map(output_bytes).max().unwrap_or_default();
        let workspace = encoder.entry().workspace * largest;
        Self { input: [channels, frames, size, size], features: encoder.features(), layers, workspace }
    }

    /// Trained numbers.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }

    /// Floating-point operations of one video forward; a training step takes about three times as many.
    pub fn flops(&self) -> u64 {
        self.layers.iter().map(|layer| layer.flops).sum()
    }

    /// Bytes of the outputs of all layers for one video.
    pub fn activation_bytes(&self) -> u64 {
        self.layers.iter().map(output_bytes).sum()
    }

    /// Bytes to embed a batch: the weights and what is under way at the largest layer. On the CPU residual networks
    /// take less: they go through their largest layer a few videos at a time.
    pub fn inference_bytes(&self, batch: usize) -> u64 {
        F32 * self.parameters() as u64 + batch as u64 * UNDER_WAY * self.largest()
    }

    /// Bytes to train on a batch: weights, gradients and two moments (AdamW; SGD has one), what the layers keep until
    /// the gradient has come back, and what is under way at the largest layer.
    ///
    /// Without the moments, measured on the CPU for `ResNet3d` of width 64 and batches of 2 to 8: between 0.8 and 1.25
    /// of the memory that a step took. A GPU, where norms and activations are Burn's own, takes more.
    pub fn training_bytes(&self, batch: usize) -> u64 {
        let video = F32 * self.input.iter().product::<usize>() as u64;
        let kept = video + KEPT * self.activation_bytes() + self.workspace;
        4 * F32 * self.parameters() as u64 + batch as u64 * kept
    }

    fn largest(&self) -> u64 {
        self.layers.iter().map(output_bytes).max().unwrap_or_default()
    }
}

fn output_bytes(layer: &Layer) -> u64 {
    F32 * layer.output.iter().product::<usize>() as u64
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;
    use serde_json::Value;

    use super::*;
    use crate::model::video_encoder::resnet3d::{Depth, ResNet3d};

    /// Counts of the same networks in PyTorch; `tests/fixtures/resnet3d/make.py` made them.
    fn counted(network: &str) -> Value {
        let text = include_str!("../../tests/fixtures/resnet3d/networks.json");
        serde_json::from_str::<Value>(text).unwrap()[network]["counts"].take()
    }

    const NETWORKS: [(&str, Depth); 2] = [("resnet3d-18", Depth::Eighteen), ("resnet3d-50", Depth::Fifty)];

    /// On 3 channels, 16 frames of 112 × 112 pixels, as in the paper.
    fn cost(depth: Depth, width: usize) -> Cost {
        let encoder = match depth {
            Depth::Eighteen => EncoderConfig::Resnet3d18 { width },
            Depth::Fifty => EncoderConfig::Resnet3d50 { width },
        };
        let input = InputSpec {
            channels: ["mitochondria", "green", "nucleus"].map(str::to_owned).to_vec(),
            frames: 16,
            size: 112,
            pixel_size_um: Some(0.2),
            interval_s: Some(5.0),
            masked: true,
            mean: vec![0.0; 3],
            std: vec![1.0; 3],
        };
        Cost::of(&encoder, &input)
    }

    #[test]
    fn parameters_and_operations_of_the_papers_networks_agree_with_pytorch() {
        for (name, depth) in NETWORKS {
            let counts = counted(name);
            let cost = cost(depth, 64);
            assert_eq!(cost.parameters(), counts["parameters"], "{name}");
            assert_eq!(cost.flops(), counts["flops"], "{name}");
            let head = (cost.features + 1) * 400;
            assert_eq!(cost.parameters() + head, counts["parameters_with_400_classes"], "{name}");
        }
        // Published: torchvision's r3d_18 has 33,371,472 with 400 classes and a first convolution of 3 × 7 × 7.
        let cost = cost(Depth::Eighteen, 64);
        assert_eq!(cost.parameters() + 513 * 400 - 64 * 3 * 4 * 49, 33_371_472);
    }

    #[test]
    fn parameters_are_those_of_the_network_that_is_built() {
        for (name, depth) in NETWORKS {
            let cost = cost(depth, 64);
            let network = ResNet3d::new(depth, 64, 3, &Device::flex());
            let statistics = usize::try_from(counted(name)["statistics"].as_u64().unwrap()).unwrap();
            assert_eq!(cost.parameters() + statistics, network.num_params(), "{name}");
            assert_eq!(cost.features, network.features(), "{name}");
        }
    }

    #[test]
    fn time_is_kept_longer_than_space() {
        let cost = cost(Depth::Fifty, 64);
        let shape = |name: &str| cost.layers.iter().find(|layer| layer.name == name).unwrap().output.clone();
        assert_eq!(shape("conv1"), [64, 16, 56, 56]);
        assert_eq!(shape("max-pool"), [64, 8, 28, 28]);
        assert_eq!(shape("layer2.3.conv3"), [512, 4, 14, 14]);
        assert_eq!(shape("layer4.2.conv3"), [2048, 4, 4, 4]);
        assert_eq!(shape("average pool"), [2048]);
    }

    #[test]
    fn memory_is_near_what_a_training_step_was_seen_to_take() {
        // MiB above the empty program at the peak of a step without optimizer, two threads.
        for (depth, batch, seen) in [
            (Depth::Fifty, 2, 652),
            (Depth::Fifty, 8, 1510),
            (Depth::Eighteen, 2, 365),
            (Depth::Eighteen, 4, 470),
            (Depth::Eighteen, 8, 690),
        ] {
            let cost = cost(depth, 64);
            let moments = 2 * F32 * cost.parameters() as u64;
            let told = (cost.training_bytes(batch) - moments) >> 20;
            assert!(told * 5 > seen * 4 && told * 4 < seen * 5, "{depth:?}, {batch}: {told} and {seen}");
            assert!(cost.inference_bytes(batch) < cost.training_bytes(batch));
        }
    }
}

//! The light encoder: tubelets, shifted pixel-wise layers, pooled statistics. Matrix products alone.
//!
//! A tubelet (a few frames of a small square) becomes a token by two linear layers, so that differences between its
//! frames are seen before anything is averaged. A block shifts an eighth of the channels by one token along each
//! direction of time, height and width and mixes channels by two linear layers: a convolution over the nearest
//! neighbours without a convolution (temporal shift: Lin et al., ICCV 2019; spatial: Yu et al., S²-MLP, WACV 2022).
//! Between stages 2 × 2 tokens merge. Mean and standard deviation over all tokens of every stage are the features:
//! the deviation tells a cell where everything moves a little from one where a few things move far.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::model::cost::Layer;

/// Sizes of a [`Light`] encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightConfig {
    /// Frames, rows and columns of a tubelet.
    pub tubelet: [usize; 3],
    /// Features of the first stage; each later stage has twice as many.
    pub dim: usize,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
}

impl LightConfig {
    /// Length of the feature vector: mean and deviation of every stage.
    pub fn features(&self) -> usize {
        (0..self.depths.len()).map(|stage| 2 * (self.dim << stage)).sum()
    }
}

/// One block: `x + W₂·relu(W₁·shift(norm(x)))`.
#[derive(Module, Debug)]
pub struct Block {
    norm: LayerNorm,
    expand: Linear,
    contract: Linear,
}

impl Block {
    fn new(dim: usize, device: &Device) -> Self {
        Self {
            norm: LayerNormConfig::new(dim).init(device),
            expand: LinearConfig::new(dim, 2 * dim).init(device),
            contract: LinearConfig::new(2 * dim, dim).init(device),
        }
    }

    /// `[batch, time, height, width, dim]` to the same.
    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mixed = shift(self.norm.forward(x.clone()));
        x + self.contract.forward(relu(self.expand.forward(mixed)))
    }
}

/// Shifts channels by one token: the first eighth forwards in time, the next backwards, then along height and width;
/// two eighths stay. What comes in from outside is zero.
fn shift(x: Tensor<5>) -> Tensor<5> {
    let dims = x.dims();
    let part = dims[4] / 8;
    let mut parts = Vec::with_capacity(7);
    for (index, (axis, forwards)) in
        [(1, true), (1, false), (2, true), (2, false), (3, true), (3, false)].into_iter().enumerate()
    {
        let group = x.clone().narrow(4, index * part, part);
        if dims[axis] == 1 {
            parts.push(group);
            continue;
        }
        let mut edge = dims;
        edge[axis] = 1;
        edge[4] = part;
        let zeros = Tensor::zeros(edge, &x.device());
        let rest = dims[axis] - 1;
        parts.push(if forwards {
            Tensor::cat(vec![zeros, group.narrow(axis, 0, rest)], axis)
        } else {
            Tensor::cat(vec![group.narrow(axis, 1, rest), zeros], axis)
        });
    }
    parts.push(x.narrow(4, 6 * part, dims[4] - 6 * part));
    Tensor::cat(parts, 4)
}

/// Blocks at one resolution.
#[derive(Module, Debug)]
pub struct Stage {
    /// Joins 2 × 2 tokens of the stage before; none in the first stage.
    merge: Option<Linear>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// The encoder; see the module.
#[derive(Module, Debug)]
pub struct Light {
    embed: Linear,
    embed_out: Linear,
    stages: Vec<Stage>,
    tubelet: [usize; 3],
}

impl Light {
    /// With fresh weights. `dim` is rounded up to a multiple of 8.
    pub fn new(config: &LightConfig, channels: usize, device: &Device) -> Self {
        let dim = config.dim;
        let values = channels * config.tubelet.iter().product::<usize>();
        let stages = config.depths.iter().enumerate().map(|(stage, &depth)| {
            let width = dim << stage;
            Stage {
                merge: (stage > 0).then(|| LinearConfig::new(2 * width, width).init(device)),
                blocks: (0..depth).map(|_| Block::new(width, device)).collect(),
                norm: LayerNormConfig::new(width).init(device),
            }
        });
        Self {
            embed: LinearConfig::new(values, 2 * dim).init(device),
            embed_out: LinearConfig::new(2 * dim, dim).init(device),
            stages: stages.collect(),
            tubelet: config.tubelet,
        }
    }

    /// `[batch, channel, time, height, width]` to `[batch, features]`. Frames and pixels beyond the last whole
    /// tubelet are left out.
    pub fn forward(&self, video: Tensor<5>) -> Tensor<2> {
        let mut x = self.tokens(video);
        let mut features = Vec::with_capacity(2 * self.stages.len());
        for stage in &self.stages {
            if let Some(merge) = &stage.merge {
                x = merge.forward(join(x));
            }
            for block in &stage.blocks {
                x = block.forward(x);
            }
            let [b, t, h, w, d] = x.dims();
            let tokens = stage.norm.forward(x.clone()).reshape([b, t * h * w, d]);
            let mean = tokens.clone().mean_dim(1);
            let variance = (tokens - mean.clone()).square().mean_dim(1);
            features.push(mean.reshape([b, d]));
            features.push((variance + 1e-5).sqrt().reshape([b, d]));
        }
        Tensor::cat(features, 1)
    }

    /// `[batch, time, height, width, dim]`.
    fn tokens(&self, video: Tensor<5>) -> Tensor<5> {
        let [b, c, t, h, w] = video.dims();
        let [pt, ph, pw] = self.tubelet;
        let [nt, nh, nw] = [t / pt, h / ph, w / pw];
        let whole = video.slice([0..b, 0..c, 0..nt * pt, 0..nh * ph, 0..nw * pw]);
        let cut = whole.reshape([b, c, nt, pt, nh, ph, nw, pw]).permute([0, 2, 4, 6, 1, 3, 5, 7]);
        let values = cut.reshape([b, nt, nh, nw, c * pt * ph * pw]);
        self.embed_out.forward(relu(self.embed.forward(values)))
    }
}

/// Puts 2 × 2 neighbours in space beside each other: `[b, t, h, w, d]` to `[b, t, h/2, w/2, 4d]`.
fn join(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, d] = x.dims();
    let (nh, nw) = (h / 2, w / 2);
    let whole = x.slice([0..b, 0..t, 0..nh * 2, 0..nw * 2, 0..d]);
    let cut: Tensor<7> = whole.reshape([b, t, nh, 2, nw, 2, d]);
    cut.permute([0, 1, 2, 4, 3, 5, 6]).reshape([b, t, nh, nw, 4 * d])
}

/// Layers with their cost for one video of `[channels, frames, size, size]`.
pub fn layers(config: &LightConfig, channels: usize, frames: usize, size: usize) -> Vec<Layer> {
    let [pt, ph, pw] = config.tubelet;
    let mut grid = [frames / pt, size / ph, size / pw];
    let values = channels * pt * ph * pw;
    let mut layers = Vec::new();
    let linear = |name: String, grid: [usize; 3], from: usize, to: usize, norm: usize| {
        let tokens = grid.iter().product::<usize>();
        Layer {
            name,
            output: vec![grid[0], grid[1], grid[2], to],
            parameters: from * to + to + norm,
            flops: 2 * (tokens * from * to) as u64,
        }
    };
    layers.push(linear("embed".into(), grid, values, 2 * config.dim, 0));
    layers.push(linear("embed_out".into(), grid, 2 * config.dim, config.dim, 0));
    for (stage, &depth) in config.depths.iter().enumerate() {
        let width = config.dim << stage;
        if stage > 0 {
            grid = [grid[0], grid[1] / 2, grid[2] / 2];
            layers.push(linear(format!("stages.{stage}.merge"), grid, 2 * width, width, 0));
        }
        for block in 0..depth {
            let name = format!("stages.{stage}.blocks.{block}");
            layers.push(linear(format!("{name}.expand"), grid, width, 2 * width, 2 * width));
            layers.push(linear(format!("{name}.contract"), grid, 2 * width, width, 0));
        }
        layers.push(Layer {
            name: format!("stages.{stage}.norm, mean and deviation"),
            output: vec![2 * width],
            parameters: 2 * width,
            flops: 0,
        });
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LightConfig {
        LightConfig { tubelet: [2, 4, 4], dim: 16, depths: vec![1, 2] }
    }

    fn video(frames: usize, size: usize) -> Tensor<5> {
        let device = Device::flex();
        let n = (2 * frames * size * size) as i64;
        Tensor::<1, burn::tensor::Int>::arange(0..n, &device)
            .float()
            .mul_scalar(0.37)
            .sin()
            .reshape([2, 1, frames, size, size])
    }

    #[test]
    fn features_have_the_promised_length_and_depend_on_the_order_of_frames() {
        let device = Device::flex();
        device.seed(1);
        let net = Light::new(&config(), 1, &device);
        let x = video(8, 16);
        let features = net.forward(x.clone());
        assert_eq!(features.dims(), [2, config().features()]);
        let backwards = net.forward(x.flip([2]));
        let difference = (features - backwards).abs().max().into_scalar::<f32>();
        assert!(difference > 1e-3, "{difference}");
    }

    #[test]
    fn one_video_does_not_see_its_neighbour_in_the_batch() {
        let device = Device::flex();
        device.seed(1);
        let net = Light::new(&config(), 1, &device);
        let x = video(4, 16);
        let both = net.forward(x.clone());
        let alone = net.forward(x.narrow(0, 1, 1));
        let difference = (both.narrow(0, 1, 1) - alone).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }

    #[test]
    fn a_shift_moves_one_token_and_brings_in_zeros() {
        let device = Device::flex();
        let x = Tensor::<1, burn::tensor::Int>::arange(0..24, &device).float().reshape([1, 3, 1, 1, 8]);
        let shifted = shift(x.clone());
        let at = |tensor: &Tensor<5>, t: usize, c: usize| {
            tensor.clone().slice([0..1, t..t + 1, 0..1, 0..1, c..c + 1]).into_scalar::<f32>()
        };
        assert_eq!([0, 1, 2].map(|t| at(&shifted, t, 0)), [0.0, 0.0, 8.0]);
        assert_eq!([0, 1, 2].map(|t| at(&shifted, t, 1)), [9.0, 17.0, 0.0]);
        assert!((2..8).all(|c| at(&shifted, 1, c) == at(&x, 1, c)));
    }

    #[test]
    fn the_table_of_layers_counts_the_parameters_that_are_there() {
        let net = Light::new(&config(), 2, &Device::flex());
        let counted: usize = layers(&config(), 2, 8, 16).iter().map(|layer| layer.parameters).sum();
        assert_eq!(counted, net.num_params());
    }
}

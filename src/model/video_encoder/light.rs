//! The light encoder: tubelets, shifted pixel-wise layers, pooled statistics. Matrix products alone.
//!
//! A tubelet (a few frames of a small square) becomes a token by two linear layers, so that differences between its
//! frames are seen before anything is averaged. A block shifts an eighth of the channels by one token along each
//! direction of time, height and width and mixes channels by two linear layers: a convolution over the nearest
//! neighbours without a convolution (temporal shift: Lin et al., ICCV 2019; spatial: Yu et al., S²-MLP, WACV 2022).
//! Between stages 2 × 2 tokens merge. Mean and standard deviation over all tokens of every stage are the features:
//! the deviation tells a cell where everything moves a little from one where a few things move far.
//!
//! On the CPU a block, the tubelets' layers and the statistics are one operation each (`fused`), with a gradient in closed
//! form. They run on all cores, a few hundred tokens at a time, and sum in an order that does not depend on the number of
//! threads. Elsewhere the same is built from Burn's own operations; features and gradients agree to rounding.

mod fused;
mod kernels;
mod perceptron;
mod rows;
#[cfg(test)]
mod tests;

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::model::cost::Layer;

/// Sizes of a [`Light`] encoder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LightConfig {
    /// Frames, rows and columns of a tubelet; one frame where recordings are images.
    pub tubelet: [usize; 3],
    /// Features of the first stage; each later stage has twice as many.
    pub dim: usize,
    /// Blocks of each stage.
    pub depths: Vec<usize>,
}

impl LightConfig {
    /// The usual sizes for recordings of so many frames: tubelets of four frames, or of all where there are fewer.
    pub fn usual(frames: usize) -> Self {
        Self { tubelet: [frames.clamp(1, 4), 4, 4], dim: 48, depths: vec![1, 2, 2] }
    }

    /// What cannot be built for videos of `frames` frames of `size` × `size` pixels, as a whole sentence.
    pub fn check(&self, frames: usize, size: usize) -> Result<(), String> {
        let Self { tubelet: [t, h, w], dim, depths } = self;
        if !(8..=2048).contains(dim) || dim % 8 != 0 {
            return Err(format!("dim {dim} is not a multiple of 8 between 8 and 2048. Use 64."));
        }
        if depths.is_empty() || depths.len() > 4 || depths.iter().any(|depth| *depth > 64) {
            return Err("depths: one to four stages of at most 64 blocks. Use [2, 2].".to_owned());
        }
        // Each later stage halves rows and columns.
        let least = 1_usize << (depths.len() - 1);
        let tokens = |length: usize, of: usize| length.checked_div(of).unwrap_or(0);
        if tokens(frames, *t) == 0 || tokens(size, *h) < least || tokens(size, *w) < least {
            return Err(format!(
                "tubelets of {t} × {h} × {w} leave no tokens in {frames} frames of {size} px. Use smaller ones."
            ));
        }
        Ok(())
    }

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
        fused::block(&x, &self.norm, &self.expand, &self.contract).unwrap_or_else(|| self.plain(x))
    }

    /// The same from Burn's operations.
    fn plain(&self, x: Tensor<5>) -> Tensor<5> {
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

impl Stage {
    /// Mean and deviation over all normed tokens of each video: `[batch, 2·dim]`.
    fn pool(&self, x: &Tensor<5>) -> Tensor<2> {
        fused::pool(x, &self.norm).unwrap_or_else(|| self.plain_pool(x.clone()))
    }

    /// The same from Burn's operations.
    fn plain_pool(&self, x: Tensor<5>) -> Tensor<2> {
        let [b, t, h, w, d] = x.dims();
        let tokens = self.norm.forward(x).reshape([b, t * h * w, d]);
        let mean = tokens.clone().mean_dim(1);
        let variance = (tokens - mean.clone()).square().mean_dim(1);
        Tensor::cat(vec![mean.reshape([b, d]), (variance + 1e-5).sqrt().reshape([b, d])], 1)
    }
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
            features.push(stage.pool(&x));
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
        let values = cut.reshape([b * nt * nh * nw, c * pt * ph * pw]);
        let tokens = fused::perceptron(&values, &self.embed, &self.embed_out)
            .unwrap_or_else(|| self.embed_out.forward(relu(self.embed.forward(values))));
        let [_, dim] = tokens.dims();
        tokens.reshape([b, nt, nh, nw, dim])
    }
}

/// Puts 2 × 2 neighbours in space beside each other: `[b, t, h, w, d]` to `[b, t, h/2, w/2, 4d]`.
fn join(x: Tensor<5>) -> Tensor<5> {
    let [b, t, h, w, d] = x.dims();
    let (nh, nw) = (h / 2, w / 2);
    let whole =
        if [h, w] == [2 * nh, 2 * nw] { x } else { x.slice([0..b, 0..t, 0..nh * 2, 0..nw * 2, 0..d]) };
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

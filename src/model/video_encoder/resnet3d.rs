//! 3D residual networks: MitoReID's video encoder (3D ResNet-50) and its small variant (3D ResNet-18).
//!
//! As in `models/resnet.py` of [MitoReID](https://github.com/liweim/MitoReID) (Nat Comput Sci 2024, 4:600-614), which
//! takes them from [3D-ResNets](https://github.com/kenshohara/3D-ResNets-PyTorch) (Hara et al., CVPR 2018): a first
//! convolution of 7³ with stride (1, 2, 2), max-pool 3³ with stride 2, four stages of residual blocks of which the
//! second has stride 2 and the last two stride (1, 2, 2), so that 16 frames are still 4 at the end; shortcuts that
//! change shape are a 1³ convolution with batch norm (type B); global average pool. Classifiers live elsewhere.
//!
//! Names of the parameters, which are PyTorch's too except for the shortcuts and the norms
//! (see [`weights`](crate::model::weights)):
//!
//! ```text
//! conv1.weight                              [width, channels, 7, 7, 7]
//! bn1.{gamma,beta,running_mean,running_var} [width]
//! layer{1-4}.{block}.conv{1-2}.weight       ResNet-18: 3³; ResNet-50: 1³, 3³ and conv3 of 1³
//! layer{1-4}.{block}.bn{1-3}.…
//! layer{1-4}.0.downsample.{conv.weight, bn.…}   where a stage changes the shape
//! ```
//!
//! On an autodiff device batch norm takes the statistics of the batch and updates the running ones with momentum 0.1,
//! else it takes the running ones. Burn's running variance is the biased one, Σ(x − x̄)²/n, PyTorch's divides by n − 1;
//! n is batch × frames × pixels of a layer, in the last stage of the paper's configuration 8,192.
//!
//! On the CPU a convolution (`convolution`) and its norm (`norm`) are operations of their own, several times as fast as
//! Burn's; elsewhere they are Burn's.

mod columns;
mod convolution;
mod correlation;
mod fused;
mod norm;
mod pool;
mod product;
mod weights;

use burn::module::Module;
use burn::nn::conv::{Conv3d, Conv3dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig3d};
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, s};

use crate::model::cost::Layer;
use fused::Behind;

/// Channels of the first layer in the paper.
pub const WIDTH: usize = 64;

/// What cannot be built for pictures of `size` × `size` pixels, as a whole sentence. Any number of frames will do.
pub fn check(width: usize, size: usize) -> Result<(), String> {
    if !(1..=512).contains(&width) {
        return Err(format!("width {width} is not between 1 and 512. Use {WIDTH}."));
    }
    if size < 16 {
        return Err(format!("size {size}: 3D ResNets need at least 16 px."));
    }
    Ok(())
}

/// How deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Basic blocks (3³, 3³): 2, 2, 2, 2.
    Eighteen,
    /// Bottleneck blocks (1³, 3³, 1³ with four times the channels): 3, 4, 6, 3.
    Fifty,
}

impl Depth {
    const fn blocks(self) -> [usize; 4] {
        match self {
            Self::Eighteen => [2, 2, 2, 2],
            Self::Fifty => [3, 4, 6, 3],
        }
    }

    /// Channels that leave a block, in multiples of its inner ones.
    const fn expansion(self) -> usize {
        match self {
            Self::Eighteen => 1,
            Self::Fifty => 4,
        }
    }

    /// Length of the feature vector: 8 × `width` for ResNet-18, 32 × `width` for ResNet-50.
    pub const fn features(self, width: usize) -> usize {
        8 * width * self.expansion()
    }
}

/// A convolution without bias, padded by half its kernel, and the batch norm behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Convolution {
    /// Channels that enter and leave.
    pub channels: [usize; 2],
    /// Frames, rows and columns of the kernel, all the same.
    pub kernel: usize,
    /// Stride in time, height, width.
    pub stride: [usize; 3],
}

impl Convolution {
    const fn new(channels: [usize; 2], kernel: usize, stride: [usize; 3]) -> Self {
        Self { channels, kernel, stride }
    }

    /// Frames, rows and columns that leave, given those that enter.
    pub fn output(&self, input: [usize; 3]) -> [usize; 3] {
        let padding = self.kernel / 2;
        std::array::from_fn(|axis| (input[axis] + 2 * padding - self.kernel) / self.stride[axis] + 1)
    }

    /// This and its norm as a layer, given the frames, rows and columns that enter.
    fn layer(&self, name: String, input: [usize; 3]) -> Layer {
        let [from, to] = self.channels;
        let [time, height, width] = self.output(input);
        let weights = from * to * self.kernel.pow(3);
        Layer {
            name,
            output: vec![to, time, height, width],
            parameters: weights + 2 * to,
            flops: 2 * (weights * time * height * width) as u64,
        }
    }

    /// Weights drawn as in the original: He's normal initialisation by the fan out.
    fn init(&self, device: &Device) -> (Conv3d, BatchNorm) {
        let padding = self.kernel / 2;
        let conv = Conv3dConfig::new(self.channels, [self.kernel; 3])
            .with_stride(self.stride)
            .with_padding(PaddingConfig3d::Explicit(padding, padding, padding))
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal { gain: 2_f64.sqrt(), fan_out_only: true })
            .init(device);
        (conv, BatchNormConfig::new(self.channels[1]).init(device))
    }
}

/// A residual block: its convolutions in order, and the one of its shortcut.
#[derive(Debug, Clone)]
struct BlockPlan {
    pub convolutions: Vec<Convolution>,
    pub shortcut: Option<Convolution>,
}

/// The convolutions of a network: what [`ResNet3d::new`] builds and what [`layers`] counts.
#[derive(Debug, Clone)]
struct Plan {
    pub stem: Convolution,
    pub stages: [Vec<BlockPlan>; 4],
}

/// Kernel, stride and padding of the max-pool behind the first convolution, in time, height and width.
const POOL: [usize; 3] = [3, 2, 1];

impl Plan {
    pub fn new(depth: Depth, width: usize, channels: usize) -> Self {
        let mut input = width;
        let mut stage = |number: usize| {
            let inner = width << number;
            let output = inner * depth.expansion();
            let first_stride = match number {
                0 => [1, 1, 1],
                1 => [2, 2, 2],
                _ => [1, 2, 2],
            };
            let block = |number: usize| {
                let stride = if number == 0 { first_stride } else { [1; 3] };
                let changes = stride != [1; 3] || input != output;
                let shortcut = changes.then(|| Convolution::new([input, output], 1, stride));
                let convolutions = match depth {
                    Depth::Eighteen => vec![
                        Convolution::new([input, inner], 3, stride),
                        Convolution::new([inner, output], 3, [1; 3]),
                    ],
                    Depth::Fifty => vec![
                        Convolution::new([input, inner], 1, [1; 3]),
                        Convolution::new([inner, inner], 3, stride),
                        Convolution::new([inner, output], 1, [1; 3]),
                    ],
                };
                input = output;
                BlockPlan { convolutions, shortcut }
            };
            (0..depth.blocks()[number]).map(block).collect()
        };
        Self {
            stem: Convolution::new([channels, width], 7, [1, 2, 2]),
            stages: [stage(0), stage(1), stage(2), stage(3)],
        }
    }
}

/// Frames, rows and columns behind the max-pool.
fn pooled(input: [usize; 3]) -> [usize; 3] {
    let [kernel, stride, padding] = POOL;
    input.map(|length| (length + 2 * padding - kernel) / stride + 1)
}

/// The layers of a network and their cost for one video of `[channels, frames, size, size]`: each convolution with its
/// batch norm, named as the module, and both pools.
pub fn layers(depth: Depth, width: usize, channels: usize, frames: usize, size: usize) -> Vec<Layer> {
    let plan = Plan::new(depth, width, channels);
    let pool = |name: &str, output| Layer { name: name.to_owned(), output, parameters: 0, flops: 0 };
    let mut layers = vec![plan.stem.layer("conv1".to_owned(), [frames, size, size])];
    let mut input = pooled(plan.stem.output([frames, size, size]));
    layers.push(pool("max-pool", vec![width, input[0], input[1], input[2]]));
    for (stage, blocks) in plan.stages.iter().enumerate() {
        for (number, block) in blocks.iter().enumerate() {
            let name = |part: &str| format!("layer{}.{number}.{part}", stage + 1);
            let mut output = input;
            for (index, convolution) in block.convolutions.iter().enumerate() {
                layers.push(convolution.layer(name(&format!("conv{}", index + 1)), output));
                output = convolution.output(output);
            }
            layers.extend(block.shortcut.map(|shortcut| shortcut.layer(name("downsample"), input)));
            input = output;
        }
    }
    layers.push(pool("average pool", vec![depth.features(width)]));
    layers
}

/// A 3D residual network without classifier: `[batch, channels, time, height, width]` → `[batch, features]`.
#[derive(Module, Debug)]
pub struct ResNet3d {
    conv1: Conv3d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
}

impl ResNet3d {
    /// A network with fresh weights, drawn from the device's random state when they are first used.
    ///
    /// `width` is the number of channels of the first layer and scales all others (64 in the paper), `channels` those of
    /// the recordings. Both are at least 1; a configuration from a file is checked where it is read.
    pub fn new(depth: Depth, width: usize, channels: usize, device: &Device) -> Self {
        let plan = Plan::new(depth, width, channels);
        let (conv1, bn1) = plan.stem.init(device);
        let [layer1, layer2, layer3, layer4] =
            plan.stages.map(|blocks| blocks.iter().map(|block| Block::new(block, device)).collect());
        Self { conv1, bn1, layer1, layer2, layer3, layer4 }
    }

    /// Length of the feature vector.
    pub fn features(&self) -> usize {
        let last = self.layer4.last().map(|block| block.conv3.as_ref().unwrap_or(&block.conv2));
        last.map_or(0, |conv| conv.weight.dims()[0])
    }

    /// Features `[batch, features]` of videos `[batch, channels, time, height, width]`.
    ///
    /// Any time, height and width will do, also an image of one frame: all kernels are padded, so that something is left.
    /// From 4 frames and 16 pixels on, features are means over more than padding.
    pub fn forward(&self, videos: Tensor<5>) -> Tensor<2> {
        let mut x = unit(&self.conv1, &self.bn1, videos, Behind::Pool);
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten() {
            x = block.forward(x);
        }
        let [batch, features, time, height, width] = x.dims();
        x.reshape([batch, features, time * height * width]).mean_dim(2).reshape([batch, features])
    }
}

/// A residual block; `conv3` and `bn3` make it a bottleneck.
#[derive(Module, Debug)]
pub struct Block {
    conv1: Conv3d,
    bn1: BatchNorm,
    conv2: Conv3d,
    bn2: BatchNorm,
    conv3: Option<Conv3d>,
    bn3: Option<BatchNorm>,
    downsample: Option<Shortcut>,
}

/// The shortcut of a block that changes the shape.
#[derive(Module, Debug)]
pub struct Shortcut {
    conv: Conv3d,
    bn: BatchNorm,
}

impl Block {
    fn new(plan: &BlockPlan, device: &Device) -> Self {
        let (conv1, bn1) = plan.convolutions[0].init(device);
        let (conv2, bn2) = plan.convolutions[1].init(device);
        let (conv3, bn3) = plan.convolutions.get(2).map(|third| third.init(device)).unzip();
        let downsample = plan.shortcut.as_ref().map(|shortcut| {
            let (conv, bn) = shortcut.init(device);
            Shortcut { conv, bn }
        });
        Self { conv1, bn1, conv2, bn2, conv3, bn3, downsample }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let mut out = unit(&self.conv1, &self.bn1, x.clone(), Behind::Rectifier);
        let shortcut = match &self.downsample {
            Some(shortcut) => unit(&shortcut.conv, &shortcut.bn, x, Behind::Norm),
            None => x,
        };
        match (&self.conv3, &self.bn3) {
            (Some(conv3), Some(bn3)) => {
                out = unit(&self.conv2, &self.bn2, out, Behind::Rectifier);
                unit(conv3, bn3, out, Behind::Sum(&shortcut))
            }
            _ => unit(&self.conv2, &self.bn2, out, Behind::Sum(&shortcut)),
        }
    }
}

/// A convolution, its norm and what is behind.
fn unit(conv: &Conv3d, norm: &BatchNorm, x: Tensor<5>, behind: Behind<'_>) -> Tensor<5> {
    if let Some(out) = fused::infer(conv, norm, &x, behind) {
        return out;
    }
    let x = convolve(conv, x);
    if let Some(out) = fused::norm_of_batch(norm, &x, behind) {
        return out;
    }
    let out = norm.forward(x);
    match behind {
        Behind::Norm => out,
        Behind::Rectifier => relu(out),
        Behind::Sum(added) => relu(out + added.clone()),
        Behind::Pool => max_pool3d(relu(out)),
    }
}

/// A convolution. Without a kernel for it, one of 1³ is the matrix product that it is, whose gradients are matrix
/// products too.
fn convolve(conv: &Conv3d, x: Tensor<5>) -> Tensor<5> {
    if let Some(out) = fused::convolve(conv, &x) {
        return out;
    }
    if conv.kernel_size != [1, 1, 1] {
        return conv.forward(x);
    }
    let x = match conv.stride {
        [1, 1, 1] => x,
        [1, 2, 2] => x.slice(s![.., .., .., ..;2, ..;2]),
        _ => x.slice(s![.., .., ..;2, ..;2, ..;2]),
    };
    let [batch, inputs, time, height, width] = x.dims();
    let outputs = conv.weight.dims()[0];
    let weight = conv.weight.val().reshape([1, outputs, inputs]);
    let pixels = x.reshape([batch, inputs, time * height * width]);
    weight.matmul(pixels).reshape([batch, outputs, time, height, width])
}

/// Max-pool by [`POOL`] in time, height and width; padding counts as −∞.
///
/// A maximum over a box is the maximum over time of maxima over its planes, so two 2D pools make it, exactly: the
/// second one sees frames as rows and all the pixels of a frame as columns. Where several values are the largest, the
/// gradient goes to the first, as PyTorch's does.
fn max_pool3d(x: Tensor<5>) -> Tensor<5> {
    let [kernel, stride, padding] = POOL;
    let [batch, channels, time, height, width] = x.dims();
    let planes = MaxPoolOptions::new([kernel; 2]).with_stride([stride; 2]).with_padding([padding; 2]);
    let x = max_pool2d(x.reshape([batch, channels * time, height, width]), planes);
    let [_, _, height, width] = x.dims();
    let frames = MaxPoolOptions::new([kernel, 1]).with_stride([stride, 1]).with_padding([padding, 0]);
    let x = max_pool2d(x.reshape([batch, channels, time, height * width]), frames);
    let [_, _, time, _] = x.dims();
    x.reshape([batch, channels, time, height, width])
}

#[cfg(test)]
mod fused_tests;
#[cfg(test)]
pub(in crate::model) mod tests;

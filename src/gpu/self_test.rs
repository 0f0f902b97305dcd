//! Does this GPU compute what the CPU computes? Convolutions and attention, forward and backward.
//!
//! The same small problems run with Burn on wgpu and with Burn's Flex; every output and gradient is compared
//! as max|a−b| / max|b|, with Flex as b.

use std::time::Instant;

use burn::tensor::activation::softmax;
use burn::tensor::module::{conv2d, conv3d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Serialize;

use super::compute::{Compute, ComputeChoice};
use super::device::GpuDevice;
use super::error::GpuError;
use super::thread::ComputeThread;

/// The largest relative difference that passes.
pub const TOLERANCE: f64 = 1e-3;

/// One tensor, computed twice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The layer: `conv2d`, `conv3d` or `attention`.
    pub layer: &'static str,
    /// The layer's output, or the gradient with respect to an input or a weight.
    pub tensor: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// max|a−b| / max|b| with a on the GPU and b on the CPU; `None` where that is no finite number.
    pub max_rel_diff: Option<f64>,
    /// Whether that is within [`TOLERANCE`].
    pub passed: bool,
}

/// Wall times of two runs, forward and backward, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// The first run: compiling and tuning the kernels included.
    pub first: f64,
    /// The second run.
    pub second: f64,
}

/// How long a layer took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerTimes {
    /// The layer: `conv2d`, `conv3d` or `attention`.
    pub layer: &'static str,
    /// Burn on the graphics device.
    pub gpu: Times,
    /// Burn's Flex on the CPU.
    pub flex: Times,
}

/// What the self-test found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Every tensor.
    pub comparisons: Vec<Comparison>,
    /// Every layer.
    pub times: Vec<LayerTimes>,
    /// Whether every tensor passed.
    pub passed: bool,
}

/// Runs the problems on the graphics device and on the CPU, on the compute thread, and compares.
///
/// On a new GPU the first run tunes kernels, which takes seconds, on a software rasteriser up to a minute.
pub fn run(gpu: &GpuDevice) -> Result<Report, GpuError> {
    let shared = gpu.compute(ComputeChoice::Gpu)?;
    let thread = ComputeThread::shared();
    let run_on = |compute: &Compute| {
        let device = compute.device().clone();
        thread.run(move || LAYERS.map(|(layer, problem)| measure(layer, problem, &device)))
    };
    let on_flex = run_on(&Compute::flex());
    let on_gpu = run_on(&shared);
    let expected = on_flex.wait()?;
    let computed = on_gpu.wait_on(gpu)?;
    shared.check()?;
    let (mut comparisons, mut times) = (Vec::new(), Vec::new());
    for (a, b) in computed.iter().zip(&expected) {
        comparisons.extend(a.values.iter().zip(&b.values).map(|(of_a, of_b)| compare(a.layer, of_a, of_b)));
        times.push(LayerTimes { layer: a.layer, gpu: a.times, flex: b.times });
    }
    let passed = comparisons.iter().all(|comparison| comparison.passed);
    Ok(Report { comparisons, times, passed })
}

/// A problem: builds a layer on a device and gives its output and gradients.
type Problem = fn(&Device) -> Vec<Values>;

const LAYERS: [(&str, Problem); 3] =
    [("conv2d", conv2d_values), ("conv3d", conv3d_values), ("attention", attention_values)];

/// A layer's tensors and times on one device.
struct Measured {
    layer: &'static str,
    values: Vec<Values>,
    times: Times,
}

fn measure(layer: &'static str, problem: Problem, device: &Device) -> Measured {
    let device = device.clone().autodiff();
    let timed = || {
        let start = Instant::now();
        let values = problem(&device);
        (values, start.elapsed().as_secs_f64() * 1e3)
    };
    let (_, first) = timed();
    let (values, second) = timed();
    Measured { layer, values, times: Times { first, second } }
}

/// A tensor's values, read back.
struct Values {
    tensor: &'static str,
    shape: Vec<usize>,
    data: Vec<f32>,
}

fn compare(layer: &'static str, a: &Values, b: &Values) -> Comparison {
    let difference = max_rel_diff(&a.data, &b.data);
    Comparison {
        layer,
        tensor: a.tensor,
        shape: a.shape.clone(),
        max_rel_diff: difference,
        passed: difference.is_some_and(|difference| difference <= TOLERANCE),
    }
}

/// max|a−b| / max|b|; `None` if a length differs, a value is not finite, or b is all zero.
fn max_rel_diff(a: &[f32], b: &[f32]) -> Option<f64> {
    if a.len() != b.len() || !a.iter().chain(b).all(|value| value.is_finite()) {
        return None;
    }
    let largest = b.iter().fold(0.0, |max, &value| f64::max(max, f64::from(value).abs()));
    let difference =
        a.iter().zip(b).fold(0.0, |max, (&a, &b)| f64::max(max, (f64::from(a) - f64::from(b)).abs()));
    (largest > 0.0).then_some(difference / largest)
}

/// The same numbers everywhere: a sine over the index, its phase shifted by `seed`.
fn formula<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    scaled(1.0, shape, seed, device)
}

fn scaled<const D: usize>(scale: f64, shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let value = |index: usize| (scale * (index as f64 * 0.7 + f64::from(seed) * 1.3).sin()) as f32;
    Tensor::from_data(TensorData::new((0..count).map(value).collect(), shape), device)
}

/// Reads a tensor back. Panics on a failed device; the compute thread turns that into an error.
fn read<const D: usize>(tensor: &'static str, of: Option<Tensor<D>>) -> Values {
    let of = of.expect("every leaf requires a gradient");
    let shape = of.dims().to_vec();
    let data = of.into_data().convert::<f32>().try_to_vec().expect("converted to f32");
    Values { tensor, shape, data }
}

/// Input `[2, 3, 16, 16]`, weight `[4, 3, 3, 3]`, padding 1, stride 2.
fn conv2d_values(device: &Device) -> Vec<Values> {
    let input = formula([2, 3, 16, 16], 1, device).require_grad();
    let weight = formula([4, 3, 3, 3], 2, device).require_grad();
    let bias = formula([4], 3, device).require_grad();
    let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
    let output = conv2d(input.clone(), weight.clone(), Some(bias.clone()), options);
    // A fixed gradient of the output that differs from place to place.
    let gradients = (output.clone() * formula(output.dims(), 4, device)).sum().backward();
    vec![
        read("output", Some(output)),
        read("d input", input.grad(&gradients)),
        read("d weight", weight.grad(&gradients)),
        read("d bias", bias.grad(&gradients)),
    ]
}

/// Input `[2, 2, 4, 12, 12]`, weight `[3, 2, 3, 3, 3]`, padding 1.
fn conv3d_values(device: &Device) -> Vec<Values> {
    let input = formula([2, 2, 4, 12, 12], 5, device).require_grad();
    let weight = formula([3, 2, 3, 3, 3], 6, device).require_grad();
    let options = ConvOptions::new([1, 1, 1], [1, 1, 1], [1, 1, 1], 1);
    let output = conv3d(input.clone(), weight.clone(), None, options);
    let gradients = (output.clone() * formula(output.dims(), 7, device)).sum().backward();
    vec![
        read("output", Some(output)),
        read("d input", input.grad(&gradients)),
        read("d weight", weight.grad(&gradients)),
    ]
}

/// One head, `softmax(Q Kᵀ / √d) V` over `[2, 8, 16]` (batch, token, channel), with projection weights
/// `[16, 16]` for Q, K and V.
fn attention_values(device: &Device) -> Vec<Values> {
    const CHANNELS: usize = 16;
    let input = formula([2, 8, CHANNELS], 8, device).require_grad();
    // Scaled like a fresh layer, so that the softmax is neither flat nor one-hot.
    let scale = 1.0 / (CHANNELS as f64).sqrt();
    let weight = |seed| scaled(scale, [CHANNELS, CHANNELS], seed, device).require_grad();
    let (query, key, value) = (weight(9), weight(10), weight(11));
    let project = |weight: &Tensor<2>| input.clone().matmul(weight.clone().unsqueeze::<3>());
    let scores = project(&query).matmul(project(&key).swap_dims(1, 2)) * scale;
    let output = softmax(scores, 2).matmul(project(&value));
    let gradients = (output.clone() * formula(output.dims(), 12, device)).sum().backward();
    vec![
        read("output", Some(output)),
        read("d input", input.grad(&gradients)),
        read("d query weight", query.grad(&gradients)),
        read("d key weight", key.grad(&gradients)),
        read("d value weight", value.grad(&gradients)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_relative_to_the_largest_reference_value() {
        assert_eq!(max_rel_diff(&[1.0, 2.0], &[1.0, 4.0]), Some(0.5));
        assert_eq!(max_rel_diff(&[0.0], &[-2.0]), Some(1.0));
        assert_eq!(max_rel_diff(&[3.0, -4.0], &[3.0, -4.0]), Some(0.0));
    }

    #[test]
    fn what_cannot_be_compared_fails() {
        assert_eq!(max_rel_diff(&[f32::NAN], &[1.0]), None);
        assert_eq!(max_rel_diff(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(max_rel_diff(&[0.0], &[0.0]), None);
    }

    #[test]
    fn the_bias_gradient_is_the_sum_of_the_output_gradient() {
        // The loss of the convolution is linear in its bias: d loss / d bias is the sum of the fixed output
        // gradient over batch and place.
        let device = Device::flex();
        let values = conv2d_values(&device.clone().autodiff());
        let bias = values.iter().find(|values| values.tensor == "d bias").unwrap();
        let upstream = formula([2, 4, 8, 8], 4, &device).into_data().try_to_vec::<f32>().unwrap();
        for (channel, &gradient) in bias.data.iter().enumerate() {
            let expected: f32 = (0..2)
                .flat_map(|batch| {
                    let start = (batch * 4 + channel) * 64;
                    upstream[start..start + 64].iter()
                })
                .sum();
            assert!((gradient - expected).abs() < 1e-4, "channel {channel}: {gradient} and {expected}");
        }
    }
}

//! Does this GPU compute what the CPU computes? Convolutions and attention, forward and backward.
//!
//! The same small problems run with Burn on wgpu and with Burn's Flex; every output and gradient is compared
//! as max|a−b| / max|b|, with Flex as b.

use std::time::{Duration, Instant};

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

/// Wall time of the whole set of problems, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Times {
    /// The first run: compiling and tuning the kernels included.
    pub first: f64,
    /// The second run.
    pub second: f64,
}

/// What the self-test found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Every tensor.
    pub comparisons: Vec<Comparison>,
    /// Burn on the graphics device.
    pub gpu: Times,
    /// Burn's Flex on the CPU.
    pub flex: Times,
    /// Whether every tensor passed.
    pub passed: bool,
}

/// Runs the problems on the graphics device and on the CPU, on the compute thread, and compares.
///
/// On a new GPU the first run tunes kernels, which takes seconds, on a software rasteriser up to a minute;
/// the results are kept for the next time.
pub fn run(gpu: &GpuDevice) -> Result<Report, GpuError> {
    let shared = gpu.compute(ComputeChoice::Gpu)?;
    let thread = ComputeThread::shared();
    let timed_twice = |compute: &Compute| {
        let device = compute.device().clone();
        thread.run(move || {
            let (_, first) = timed(|| problems(&device));
            let (tensors, second) = timed(|| problems(&device));
            (tensors, Times { first, second })
        })
    };
    let on_flex = timed_twice(&Compute::flex());
    let on_gpu = timed_twice(&shared);
    let (expected, flex) = on_flex.wait()?;
    let (computed, gpu_times) = on_gpu.wait_on(gpu)?;
    shared.check()?;
    let comparisons: Vec<_> = computed.iter().zip(&expected).map(|(a, b)| compare(a, b)).collect();
    let passed = comparisons.iter().all(|comparison| comparison.passed);
    Ok(Report { comparisons, gpu: gpu_times, flex, passed })
}

/// A tensor's values, read back.
struct Values {
    layer: &'static str,
    tensor: &'static str,
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let result = work();
    (result, milliseconds(start.elapsed()))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn compare(a: &Values, b: &Values) -> Comparison {
    let difference = max_rel_diff(&a.values, &b.values);
    Comparison {
        layer: a.layer,
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
fn read<const D: usize>(layer: &'static str, tensor: &'static str, of: Option<Tensor<D>>) -> Values {
    let of = of.expect("every leaf requires a gradient");
    let shape = of.dims().to_vec();
    let values = of.into_data().convert::<f32>().to_vec().expect("converted to f32");
    Values { layer, tensor, shape, values }
}

/// All problems on one device.
fn problems(device: &Device) -> Vec<Values> {
    let device = device.clone().autodiff();
    let mut values = conv2d_values(&device);
    values.extend(conv3d_values(&device));
    values.extend(attention_values(&device));
    values
}

/// Input `[2, 3, 16, 16]`, weight `[4, 3, 3, 3]`, padding 1, stride 2.
fn conv2d_values(device: &Device) -> Vec<Values> {
    const LAYER: &str = "conv2d";
    let input = formula([2, 3, 16, 16], 1, device).require_grad();
    let weight = formula([4, 3, 3, 3], 2, device).require_grad();
    let bias = formula([4], 3, device).require_grad();
    let options = ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
    let output = conv2d(input.clone(), weight.clone(), Some(bias.clone()), options);
    // A fixed gradient of the output that differs from place to place.
    let gradients = (output.clone() * formula(output.dims(), 4, device)).sum().backward();
    vec![
        read(LAYER, "output", Some(output)),
        read(LAYER, "d input", input.grad(&gradients)),
        read(LAYER, "d weight", weight.grad(&gradients)),
        read(LAYER, "d bias", bias.grad(&gradients)),
    ]
}

/// Input `[2, 2, 4, 12, 12]`, weight `[3, 2, 3, 3, 3]`, padding 1.
fn conv3d_values(device: &Device) -> Vec<Values> {
    const LAYER: &str = "conv3d";
    let input = formula([2, 2, 4, 12, 12], 5, device).require_grad();
    let weight = formula([3, 2, 3, 3, 3], 6, device).require_grad();
    let options = ConvOptions::new([1, 1, 1], [1, 1, 1], [1, 1, 1], 1);
    let output = conv3d(input.clone(), weight.clone(), None, options);
    let gradients = (output.clone() * formula(output.dims(), 7, device)).sum().backward();
    vec![
        read(LAYER, "output", Some(output)),
        read(LAYER, "d input", input.grad(&gradients)),
        read(LAYER, "d weight", weight.grad(&gradients)),
    ]
}

/// One head, `softmax(Q Kᵀ / √d) V` over `[2, 8, 16]` (batch, token, channel), with projection weights
/// `[16, 16]` for Q, K and V.
fn attention_values(device: &Device) -> Vec<Values> {
    const LAYER: &str = "attention";
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
        read(LAYER, "output", Some(output)),
        read(LAYER, "d input", input.grad(&gradients)),
        read(LAYER, "d query weight", query.grad(&gradients)),
        read(LAYER, "d key weight", key.grad(&gradients)),
        read(LAYER, "d value weight", value.grad(&gradients)),
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
        let upstream = formula([2, 4, 8, 8], 4, &device).into_data().to_vec::<f32>().unwrap();
        for (channel, &gradient) in bias.values.iter().enumerate() {
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

//! The CPU's own operations against Burn's.

use burn::tensor::TensorData;

use super::tests::{assert_close, noise};
use super::*;
use crate::simd::Cpu;

fn tensor<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(noise(shape.iter().product(), seed), shape), device)
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Shapes of videos, channels that leave, kernel, stride.
const CASES: [([usize; 5], usize, usize, [usize; 3]); 12] = [
    ([2, 3, 4, 5, 6], 5, 3, [1, 1, 1]),
    ([1, 1, 1, 1, 1], 1, 3, [1, 1, 1]),
    ([1, 2, 1, 1, 1], 3, 7, [1, 2, 2]),
    ([3, 2, 5, 9, 7], 17, 7, [1, 2, 2]),
    ([5, 9, 3, 4, 4], 20, 3, [1, 2, 2]),
    ([2, 5, 5, 7, 8], 130, 3, [2, 2, 2]),
    ([2, 30, 4, 7, 7], 33, 3, [1, 1, 1]),
    ([3, 4, 3, 6, 5], 7, 1, [2, 2, 2]),
    ([3, 4, 3, 6, 5], 7, 1, [1, 1, 1]),
    // More videos than columns in a vector.
    ([50, 4, 1, 1, 1], 7, 3, [1, 1, 1]),
    // More than one group of places in a frame, and more than one range of terms.
    ([2, 20, 2, 17, 19], 6, 3, [1, 1, 1]),
    ([1, 12, 2, 2, 50], 70, 3, [1, 2, 2]),
];

fn geometry(kernel: usize, stride: [usize; 3]) -> convolution::Geometry {
    convolution::Geometry { kernel: [kernel; 3], stride }
}

#[test]
fn convolutions_and_both_gradients_are_burns_on_every_cpu() {
    let device = Device::flex().autodiff();
    for (shape, outputs, kernel, stride) in CASES {
        let what = format!("{shape:?} to {outputs}, kernel {kernel}, stride {stride:?}");
        let (conv, _) = Convolution::new([shape[1], outputs], kernel, stride).init(&device);
        let input = tensor(shape, 1, &device).require_grad();
        let output = conv.forward(input.clone());
        let upstream = tensor(output.dims(), 2, &device);
        let gradients = (output.clone() * upstream.clone()).sum().backward();
        let expected = [
            read(output),
            read(input.grad(&gradients).unwrap()),
            read(conv.weight.val().grad(&gradients).unwrap()),
        ];
        let (x, weight, upstream) = (read(input), read(conv.weight.val()), read(upstream));
        for cpu in Cpu::all() {
            let own = convolution::Convolution::new(geometry(kernel, stride), shape, outputs);
            let computed = [
                own.forward(cpu, &x, &weight, correlation::Finish::default()),
                own.input_gradient(cpu, &upstream, &weight),
                own.weight_gradient(cpu, &x, &upstream),
            ];
            for (name, (computed, expected)) in
                ["output", "input", "weight"].iter().zip(computed.iter().zip(&expected))
            {
                assert_close(&format!("{name} of {what} on {cpu:?}"), computed, expected);
            }
        }
    }
}

/// A unit with a convolution of 3³, and its output and all gradients, with or without something added.
fn unit_with_gradients(
    forward: &dyn Fn(&Conv3d, &BatchNorm, Tensor<5>, Tensor<5>) -> Tensor<5>,
) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let (mut conv, mut norm) = Convolution::new([3, 6], 3, [1, 2, 2]).init(&device);
    conv.weight = burn::module::Param::from_tensor(tensor([6, 3, 3, 3, 3], 3, &device));
    norm.gamma = burn::module::Param::from_tensor(tensor([6], 4, &device));
    norm.beta = burn::module::Param::from_tensor(tensor([6], 5, &device));
    let x = tensor([3, 3, 4, 11, 9], 6, &device).require_grad();
    let added = tensor([3, 6, 4, 6, 5], 7, &device).require_grad();
    let output = forward(&conv, &norm, x.clone(), added.clone());
    let upstream = tensor(output.dims(), 8, &device);
    let gradients = (output.clone() * upstream).sum().backward();
    let mut all = vec![
        read(output),
        read(x.grad(&gradients).unwrap()),
        read(conv.weight.val().grad(&gradients).unwrap()),
        read(norm.gamma.val().grad(&gradients).unwrap()),
        read(norm.beta.val().grad(&gradients).unwrap()),
    ];
    all.extend(added.grad(&gradients).map(read));
    let norm = norm.valid();
    all.extend([read(norm.running_mean.value()), read(norm.running_var.value())]);
    all
}

#[test]
fn a_unit_in_training_is_burns_convolution_batch_norm_and_what_is_behind() {
    let kinds = ["norm", "rectifier", "sum", "pool"];
    for kind in kinds {
        let ours = unit_with_gradients(&|conv, norm, x, added| {
            let behind = match kind {
                "norm" => Behind::Norm,
                "rectifier" => Behind::Rectifier,
                "sum" => Behind::Sum(&added),
                _ => Behind::Pool,
            };
            unit(conv, norm, x, behind)
        });
        let theirs = unit_with_gradients(&|conv, norm, x, added| {
            let out = norm.forward(conv.forward(x));
            match kind {
                "norm" => out,
                "rectifier" => relu(out),
                "sum" => relu(out + added),
                _ => max_pool3d(relu(out)),
            }
        });
        assert_eq!(ours.len(), theirs.len());
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_close(&format!("tensor {index} with {kind}"), ours, theirs);
        }
    }
}

#[test]
fn a_frozen_unit_takes_the_running_statistics_and_leaves_them() {
    let device = Device::flex().autodiff();
    let (conv, norm) = Convolution::new([3, 6], 3, [1, 1, 1]).init(&device);
    let (conv, norm) = (conv, norm.freeze());
    let x = tensor([2, 3, 4, 5, 6], 6, &device);
    let ours = unit(&conv, &norm, x.clone(), Behind::Rectifier);
    let theirs = relu(norm.forward(conv.forward(x.clone())));
    assert_close("output", &read(ours.clone()), &read(theirs));
    assert_eq!(read(norm.running_mean.value_sync()), vec![0.0; 6]);
    // And without gradients the norm is part of the convolution.
    let inferred = unit(&conv.valid(), &norm.valid(), x.inner(), Behind::Rectifier);
    assert_close("inference", &read(inferred), &read(ours));
}

#[test]
fn moments_of_values_far_from_zero_are_exact() {
    let device = Device::flex();
    let values: Vec<f32> = noise(2 * 3 * 2 * 60 * 50, 11).iter().map(|v| 1000.0 + v).collect();
    let (_, norm) = Convolution::new([1, 3], 1, [1; 3]).init(&device.clone().autodiff());
    let x = Tensor::<5>::from_data(TensorData::new(values.clone(), [2, 3, 2, 60, 50]), &device.autodiff());
    fused::norm_of_batch(&norm, &x, Behind::Norm).unwrap();
    let (mean, variance) = (read(norm.running_mean.value_sync()), read(norm.running_var.value_sync()));
    for channel in 0..3 {
        let own: Vec<f64> = (0..2)
            .flat_map(|video| &values[(video * 3 + channel) * 6000..][..6000])
            .map(|v| f64::from(*v))
            .collect();
        let n = own.len() as f64;
        let expected = own.iter().sum::<f64>() / n;
        let spread = own.iter().map(|v| (v - expected).powi(2)).sum::<f64>() / n;
        assert!((f64::from(mean[channel]) / (0.1 * expected) - 1.0).abs() < 1e-6);
        assert!((f64::from(variance[channel]) - 0.9 - 0.1 * spread).abs() < 1e-6);
    }
}

#[test]
fn gradients_are_finite_differences() {
    let device = Device::flex().autodiff();
    let (conv, norm) = Convolution::new([3, 6], 3, [1, 2, 2]).init(&device);
    let shape = [2, 3, 4, 7, 6];
    let outputs = |values: &[f32]| {
        let x = Tensor::<5>::from_data(TensorData::new(values.to_vec(), shape), &device).require_grad();
        (x.clone(), unit(&conv, &norm, x, Behind::Norm))
    };
    let values = noise(shape.iter().product(), 10);
    let (x, y) = outputs(&values);
    let weights = tensor(y.dims(), 12, &device);
    let gradient = read(x.grad(&(y * weights.clone()).sum().backward()).unwrap());
    let weights = read(weights);
    let loss = |values: &[f32]| -> f64 {
        let y = read(outputs(values).1);
        y.iter().zip(&weights).map(|(y, weight)| f64::from(*y) * f64::from(*weight)).sum()
    };
    // Along the gradient the loss grows by its squared length.
    let length = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>();
    let step = 0.1 / length.sqrt();
    let moved = |sign: f64| -> Vec<f32> {
        let pairs = values.iter().zip(&gradient);
        pairs.map(|(v, g)| (f64::from(*v) + sign * step * f64::from(*g)) as f32).collect()
    };
    let slope = (loss(&moved(1.0)) - loss(&moved(-1.0))) / (2.0 * step);
    assert!((slope / length - 1.0).abs() < 1e-3, "{slope} {length}");
}

#[test]
fn threads_change_no_bit_of_features_and_gradients() {
    let device = Device::flex().autodiff();
    let net = ResNet3d::new(Depth::Eighteen, 8, 1, &device);
    // The weights are drawn when they are first used.
    let _ = net.valid();
    let video = tensor([3, 1, 5, 40, 36], 9, &device).require_grad();
    let bits = |threads: usize| -> Vec<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = pool.install(|| {
            let features = net.forward(video.clone());
            let weights = tensor(features.dims(), 10, &device);
            let gradients = (features.clone() * weights).sum().backward();
            let weight = |conv: &Conv3d| read(conv.weight.val().grad(&gradients).unwrap());
            vec![
                read(features),
                read(video.grad(&gradients).unwrap()),
                weight(&net.conv1),
                weight(&net.layer1[0].conv1),
                weight(&net.layer4[0].conv1),
                read(net.bn1.gamma.val().grad(&gradients).unwrap()),
            ]
        });
        all.into_iter().map(|tensor| tensor.into_iter().map(f32::to_bits).collect()).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}

#[test]
fn a_videos_features_are_the_same_alone_and_in_a_batch() {
    let device = Device::flex();
    let net = ResNet3d::new(Depth::Fifty, 4, 2, &device);
    let videos = tensor([3, 2, 4, 20, 23], 13, &device);
    let both = read(net.forward(videos.clone()).narrow(0, 1, 1));
    assert_eq!(both, read(net.forward(videos.narrow(0, 1, 1))));
}

#[test]
fn what_is_not_a_number_is_not_hidden() {
    let device = Device::flex();
    let net = ResNet3d::new(Depth::Eighteen, 4, 1, &device);
    let videos = tensor([1, 1, 4, 16, 16], 14, &device).mul_scalar(f32::NAN);
    assert!(read(net.forward(videos.clone())).iter().all(|v| v.is_nan()));
    let net = ResNet3d::new(Depth::Eighteen, 4, 1, &device.clone().autodiff());
    let videos = Tensor::from_inner(videos);
    assert!(read(net.forward(videos)).iter().all(|v| v.is_nan()));
}

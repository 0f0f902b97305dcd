//! Against PyTorch: `tests/fixtures/resnet3d/make.py` computed the references in double precision.

use std::collections::BTreeMap;
use std::io::Write;

use burn::tensor::TensorData;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::model::weights::PytorchFile;

const WIDTH: usize = 4;
const INPUT: [usize; 5] = [3, 2, 7, 45, 38];
const INPUT_SEED: u32 = 1012;
/// Every so-manieth entry of the input's gradient is in the fixture.
const INPUT_STRIDE: usize = 61;

/// A sound difference, relative to the largest value: PyTorch in single precision is off by up to 4e-5 itself.
const TOLERANCE: f32 = 1e-4;

type Values = BTreeMap<String, Vec<f32>>;

/// Numbers in [-1, 1): the index through `MurmurHash3`'s finalizer, as in make.py.
pub(in crate::model) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let number = |index: usize| {
        let mut h = (index as u32).wrapping_add(seed.wrapping_mul(0x9E37_79B9));
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        ((h ^ (h >> 16)) >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(number).collect()
}

fn noise_tensor<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(noise(shape.iter().product(), seed), shape), device)
}

/// A tensor of the `state_dict`, as make.py's `formula` has it.
fn formula(name: &str, shape: &[usize], seed: u32) -> Vec<f32> {
    let values = noise(shape.iter().product(), seed);
    let each = |map: &dyn Fn(f32) -> f32| values.iter().map(|&value| map(value)).collect();
    if shape.len() == 5 {
        let fan = shape[1..].iter().product::<usize>() as f64;
        let scale = (-(fan.sqrt() / 2.0).log2().round_ties_even()).exp2() as f32;
        each(&|value| value * scale)
    } else if name.ends_with("running_var") {
        each(&|value| 1.0 + value * 0.5)
    } else if name.ends_with("weight") {
        let scale = if name.ends_with("bn3.weight") { 0.25 } else { 1.0 };
        each(&|value| scale * (1.0 + value * 0.25))
    } else {
        each(&|value| value * 0.25)
    }
}

/// The keys of PyTorch's `state_dict` with their values by formula, and the network that loaded them.
fn network(name: &str, depth: Depth, device: &Device) -> (ResNet3d, Values) {
    let networks: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../../../tests/fixtures/resnet3d/networks.json")).unwrap();
    let state: Vec<(String, Vec<usize>)> = serde_json::from_value(networks[name]["state"].clone()).unwrap();
    let mut blobs = Vec::new();
    let mut values = Values::new();
    for (key, shape) in &state {
        if key.ends_with("num_batches_tracked") {
            blobs.push(0_i64.to_le_bytes().to_vec());
        } else {
            let seed = values.len() as u32 + 1;
            let numbers = formula(key, shape, seed);
            blobs.push(numbers.iter().flat_map(|number| number.to_le_bytes()).collect());
            values.insert(key.clone(), numbers);
        }
    }
    let views = state.iter().zip(&blobs).map(|((key, shape), blob)| {
        let dtype = if key.ends_with("num_batches_tracked") { Dtype::I64 } else { Dtype::F32 };
        (key.clone(), TensorView::new(dtype, shape.clone(), blob).unwrap())
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&safetensors::serialize(views, None).unwrap()).unwrap();
    let mut network = ResNet3d::new(depth, WIDTH, INPUT[1], device);
    let report = PytorchFile::read(file.path()).unwrap().load_into(&mut network).unwrap();
    assert_eq!(report.applied.len(), values.len());
    assert_eq!(report.unused, Vec::<String>::new());
    (network, values)
}

fn reference(bytes: &[u8]) -> Values {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let numbers =
        |view: &TensorView| view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    file.iter().map(|(name, view)| (name.to_owned(), numbers(&view))).collect()
}

/// Both networks and their references.
fn networks() -> [(&'static str, Depth, Values); 2] {
    let small = include_bytes!("../../../../tests/fixtures/resnet3d/resnet3d-18.safetensors");
    let large = include_bytes!("../../../../tests/fixtures/resnet3d/resnet3d-50.safetensors");
    [("resnet3d-18", Depth::Eighteen, reference(small)), ("resnet3d-50", Depth::Fifty, reference(large))]
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[track_caller]
pub(in crate::model) fn assert_close(what: &str, computed: &[f32], expected: &[f32]) {
    assert_eq!(computed.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |max, value| max.max(value.abs()));
    let difference = computed.iter().zip(expected).fold(0.0_f32, |max, (a, b)| {
        assert!(a.is_finite() && b.is_finite(), "{what}: {a} and {b}");
        max.max((a - b).abs())
    });
    assert!(largest > 0.0 && difference <= TOLERANCE * largest, "{what}: {difference} of {largest}");
}

#[test]
fn features_in_evaluation_agree_with_pytorch() {
    let device = Device::flex();
    for (name, depth, expected) in networks() {
        let (network, _) = network(name, depth, &device);
        let features = read(network.forward(noise_tensor(INPUT, INPUT_SEED, &device)));
        assert_close(name, &features, &expected["eval"]);
    }
}

/// The gradients of one training step under the names of the fixture.
fn gradients(network: &ResNet3d, input: &Tensor<5>, loss: &Tensor<1>) -> Vec<(&'static str, Vec<f32>)> {
    let gradients = loss.backward();
    let input = read(input.grad(&gradients).unwrap()).into_iter().step_by(INPUT_STRIDE).collect();
    let norm = |param: &burn::module::Param<Tensor<1>>| read(param.val().grad(&gradients).unwrap());
    let conv = |conv: &Conv3d| read(conv.weight.val().grad(&gradients).unwrap());
    let last = |block: &Block| conv(block.conv3.as_ref().unwrap_or(&block.conv2));
    let shortcut = network.layer2[0].downsample.as_ref().unwrap();
    let deep = network.layer1[0].conv3.is_some();
    let every_seventh = |values: Vec<f32>| values.into_iter().step_by(7).collect();
    vec![
        ("d.input", input),
        ("d.conv1.weight", conv(&network.conv1)),
        ("d.layer1.0.bn1.bias", every_seventh(norm(&network.layer1[0].bn1.beta))),
        ("d.layer1.0.conv1.weight", every_seventh(conv(&network.layer1[0].conv1))),
        ("d.layer2.0.downsample.0.weight", every_seventh(conv(&shortcut.conv))),
        ("d.layer2.0.downsample.1.weight", every_seventh(norm(&shortcut.bn.gamma))),
        (
            if deep { "d.layer3.1.conv3.weight" } else { "d.layer3.1.conv2.weight" },
            every_seventh(last(&network.layer3[1])),
        ),
        ("d.layer4.0.bn2.weight", every_seventh(norm(&network.layer4[0].bn2.gamma))),
        (
            if deep { "d.layer4.1.conv3.weight" } else { "d.layer4.1.conv2.weight" },
            every_seventh(last(&network.layer4[1])),
        ),
    ]
}

#[test]
fn a_training_step_agrees_with_pytorch() {
    let device = Device::flex().autodiff();
    for (name, depth, expected) in networks() {
        let (network, before) = network(name, depth, &device);
        let input = noise_tensor(INPUT, INPUT_SEED, &device).require_grad();
        let features = network.forward(input.clone());
        let loss = (features.clone() * noise_tensor(features.dims(), 1001, &device)).sum();
        assert_close(&format!("{name} features"), &read(features), &expected["train"]);
        let gradients = gradients(&network, &input, &loss);
        assert_eq!(gradients.len(), expected.keys().filter(|key| key.starts_with("d.")).count());
        for (key, values) in gradients {
            assert_close(&format!("{name} {key}"), &values, &expected[key]);
        }

        let network = network.valid();
        let shortcut = network.layer2[0].downsample.as_ref().unwrap();
        // Frames × rows × columns that each norm saw: 7 × 45 × 38 halved by the first convolution (not in time), the
        // pool, layer2, layer3 and layer4 (not in time).
        for (key, places, norm) in [
            ("bn1", 7 * 23 * 19, &network.bn1),
            ("layer1.1.bn2", 4 * 12 * 10, &network.layer1[1].bn2),
            ("layer2.0.downsample.1", 2 * 6 * 5, &shortcut.bn),
            ("layer4.1.bn1", 2 * 2 * 2, &network.layer4[1].bn1),
        ] {
            let n = (INPUT[0] * places) as f32;
            let mean = format!("after.{key}.running_mean");
            assert_close(&format!("{name} {mean}"), &read(norm.running_mean.value()), &expected[&mean]);
            let variance = format!("after.{key}.running_var");
            // PyTorch adds 0.1 of the variance with n − 1 in the denominator, Burn with n.
            let biased: Vec<f32> = expected[&variance]
                .iter()
                .zip(&before[&format!("{key}.running_var")])
                .map(|(after, before)| 0.9 * before + (after - 0.9 * before) * (n - 1.0) / n)
                .collect();
            assert_close(&format!("{name} {variance}"), &read(norm.running_var.value()), &biased);
        }
    }
}

/// Max-pool by its definition: output, and for each output the place that the maximum came from.
fn pool_by_definition(
    values: &[f32],
    [batch, channels, time, height, width]: [usize; 5],
) -> (Vec<f32>, Vec<usize>) {
    let [kernel, stride, padding] = POOL;
    let outputs = |length: usize| (length + 2 * padding - kernel) / stride + 1;
    let window = |output: usize, length: usize| {
        let start = output * stride;
        (start..start + kernel).filter_map(move |at| at.checked_sub(padding)).filter(move |&at| at < length)
    };
    let (mut pooled, mut places) = (Vec::new(), Vec::new());
    for plane in 0..batch * channels {
        for t in 0..outputs(time) {
            for y in 0..outputs(height) {
                for x in 0..outputs(width) {
                    let mut best = (f32::NEG_INFINITY, usize::MAX);
                    for t in window(t, time) {
                        for y in window(y, height) {
                            for x in window(x, width) {
                                let place = ((plane * time + t) * height + y) * width + x;
                                if values[place] > best.0 {
                                    best = (values[place], place);
                                }
                            }
                        }
                    }
                    pooled.push(best.0);
                    places.push(best.1);
                }
            }
        }
    }
    (pooled, places)
}

#[test]
fn the_pool_takes_the_maximum_of_every_box_and_sends_its_gradient_there() {
    let device = Device::flex().autodiff();
    for shape in [[2, 3, 7, 9, 8], [1, 2, 4, 16, 5], [1, 1, 1, 1, 1], [2, 1, 2, 3, 2]] {
        let distinct = noise(shape.iter().product(), 5);
        // All below zero, where padding with zeros would show.
        let negative = distinct.iter().map(|value| value - 1.5).collect();
        // Three values: nearly every box has ties.
        let tied = distinct.iter().map(|value| value.round()).collect();
        for values in [distinct.clone(), negative, tied] {
            let (expected, places) = pool_by_definition(&values, shape);
            let input = Tensor::<5>::from_data(TensorData::new(values, shape), &device).require_grad();
            let pooled = max_pool3d(input.clone());
            let upstream = noise_tensor(pooled.dims(), 6, &device);
            let gradients = (pooled.clone() * upstream.clone()).sum().backward();
            assert_eq!(read(pooled), expected, "{shape:?}");
            let mut gradient = vec![0.0; shape.iter().product()];
            for (place, upstream) in places.into_iter().zip(read(upstream)) {
                gradient[place] += upstream;
            }
            assert_close(&format!("{shape:?}"), &read(input.grad(&gradients).unwrap()), &gradient);
        }
    }
}

#[test]
fn a_convolution_of_one_pixel_is_the_matrix_product() {
    let device = Device::flex().autodiff();
    for stride in [[1, 1, 1], [1, 2, 2], [2, 2, 2]] {
        let (conv, _) = Convolution::new([3, 5], 1, stride).init(&device);
        let run = |forward: &dyn Fn(Tensor<5>) -> Tensor<5>| {
            let input = noise_tensor([2, 3, 5, 7, 6], 8, &device).require_grad();
            let output = forward(input.clone());
            let upstream = noise_tensor(output.dims(), 9, &device);
            let gradients = (output.clone() * upstream).sum().backward();
            [
                read(output),
                read(input.grad(&gradients).unwrap()),
                read(conv.weight.val().grad(&gradients).unwrap()),
            ]
        };
        let product = run(&|x| convolve(&conv, x));
        let convolution = run(&|x| conv.forward(x));
        for (a, b) in product.iter().zip(&convolution) {
            assert_close(&format!("{stride:?}"), a, b);
        }
    }
}

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Int, TensorData};
use rand::RngExt;
use rand_pcg::Pcg64;

use super::*;
use crate::random::{normal, stream};

fn config() -> LightConfig {
    LightConfig { tubelet: [2, 4, 4], dim: 16, depths: vec![1, 2] }
}

fn video(frames: usize, size: usize) -> Tensor<5> {
    let device = Device::flex();
    let n = (2 * frames * size * size) as i64;
    Tensor::<1, Int>::arange(0..n, &device).float().mul_scalar(0.37).sin().reshape([2, 1, frames, size, size])
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
    let x = Tensor::<1, Int>::arange(0..24, &device).float().reshape([1, 3, 1, 1, 8]);
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

/// The network from Burn's own operations alone.
fn plain(net: &Light, video: Tensor<5>) -> Tensor<2> {
    let [b, c, t, h, w] = video.dims();
    let [pt, ph, pw] = net.tubelet;
    let [nt, nh, nw] = [t / pt, h / ph, w / pw];
    let whole = video.slice([0..b, 0..c, 0..nt * pt, 0..nh * ph, 0..nw * pw]);
    let cut = whole.reshape([b, c, nt, pt, nh, ph, nw, pw]).permute([0, 2, 4, 6, 1, 3, 5, 7]);
    let values = cut.reshape([b, nt, nh, nw, c * pt * ph * pw]);
    let mut x = net.embed_out.forward(relu(net.embed.forward(values)));
    let mut features = Vec::new();
    for stage in &net.stages {
        if let Some(merge) = &stage.merge {
            let [b, t, h, w, d] = x.dims();
            let (nh, nw) = (h / 2, w / 2);
            let whole = x.slice([0..b, 0..t, 0..nh * 2, 0..nw * 2, 0..d]);
            let cut: Tensor<7> = whole.reshape([b, t, nh, 2, nw, 2, d]);
            x = merge.forward(cut.permute([0, 1, 2, 4, 3, 5, 6]).reshape([b, t, nh, nw, 4 * d]));
        }
        for block in &stage.blocks {
            x = block.plain(x);
        }
        features.push(stage.plain_pool(x.clone()));
    }
    Tensor::cat(features, 1)
}

/// A network whose every parameter matters, and a video that takes part in the gradients. Drawn from a stream of their
/// own: other tests draw from the device's generator meanwhile.
fn trained(config: &LightConfig, seed: u64, shape: [usize; 5]) -> (Light, Tensor<5>) {
    let device = Device::flex().autodiff();
    let mut stir = Stir(stream(seed, &["light encoder"]));
    let net = Light::new(config, shape[1], &device).map(&mut stir);
    let video = stir.normal(shape.iter().product());
    (net, Tensor::from_data(TensorData::new(video, shape), &device).require_grad())
}

/// Draws parameters: matrices that keep the size of what goes through, all else between 0 and 1.
struct Stir(Pcg64);

impl Stir {
    fn normal(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| normal(&mut self.0) as f32).collect()
    }
}

impl ModuleMapper for Stir {
    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        parameter.map(|tensor| {
            let shape = tensor.dims();
            let count = shape.iter().product();
            let values: Vec<f32> = if D == 1 {
                (0..count).map(|_| self.0.random()).collect()
            } else {
                let scale = (shape[0] as f32).sqrt().recip();
                self.normal(count).into_iter().map(|value| scale * value).collect()
            };
            Tensor::from_data(TensorData::new(values, shape), &tensor.device()).require_grad()
        })
    }
}

/// Gradients of all parameters in order.
struct Collect<'a>(&'a Gradients, Vec<Vec<f32>>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = parameter.val().grad(self.0).unwrap();
        self.1.push(gradient.into_data().try_to_vec().unwrap());
    }
}

/// Features, and the gradients of all parameters and of the video, of a loss that weighs every feature.
fn all_of(net: &Light, video: &Tensor<5>, forward: impl Fn(&Light, Tensor<5>) -> Tensor<2>) -> Vec<Vec<f32>> {
    let features = forward(net, video.clone());
    let [b, f] = features.dims();
    let weights =
        Tensor::<1, Int>::arange(0..(b * f) as i64, &features.device()).float().mul_scalar(0.7).cos();
    let gradients = (features.clone() * weights.reshape([b, f])).sum().backward();
    let mut collect = Collect(&gradients, vec![features.into_data().try_to_vec().unwrap()]);
    net.visit(&mut collect);
    let mut all = collect.1;
    all.push(video.grad(&gradients).unwrap().into_data().try_to_vec().unwrap());
    all
}

#[test]
fn features_and_all_gradients_are_those_of_burns_own_operations() {
    let cases = [
        (config(), [3, 2, 8, 16, 16], 1e-5),
        // Odd grids, an axis of one token, more than one block of rows in each stage.
        (LightConfig { tubelet: [4, 2, 2], dim: 24, depths: vec![1, 1] }, [2, 1, 5, 35, 38], 1e-4),
        // Among a million values before a ReLU some lie so near to 0 that another order of additions opens or shuts it
        // for one token; which ones depends on the processor.
        (LightConfig { tubelet: [4, 4, 4], dim: 48, depths: vec![1, 2, 2] }, [5, 1, 16, 64, 64], 1e-2),
    ];
    for (config, shape, tolerance) in cases {
        let (net, video) = trained(&config, 5, shape);
        let ours = all_of(&net, &video, Light::forward);
        let theirs = all_of(&net, &video, plain);
        assert_eq!(ours.len(), theirs.len());
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let scale = theirs.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            let error = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // The features themselves do not jump at a ReLU.
            let tolerance = if index == 0 { 1e-5 } else { tolerance };
            assert!(
                scale > 0.0 && error < tolerance * scale,
                "tensor {index} of {config:?}: {error} of {scale}"
            );
        }
    }
}

#[test]
fn gradients_are_finite_differences() {
    let config = LightConfig { tubelet: [2, 2, 2], dim: 8, depths: vec![1, 1] };
    let (net, video) = trained(&config, 3, [2, 1, 4, 8, 8]);
    let all = all_of(&net, &video, Light::forward);
    let gradient = all.last().unwrap();
    let values: Vec<f32> = video.clone().inner().into_data().try_to_vec().unwrap();
    let loss = |values: &[f32]| {
        let video = Tensor::<5>::from_data(TensorData::new(values.to_vec(), video.dims()), &video.device());
        let features: Vec<f32> = net.forward(video).into_data().try_to_vec().unwrap();
        features
            .iter()
            .enumerate()
            .map(|(i, v)| f64::from(*v) * f64::from((i as f32 * 0.7).cos()))
            .sum::<f64>()
    };
    // Along the gradient the loss grows by its squared length.
    let length = gradient.iter().map(|g| f64::from(g * g)).sum::<f64>();
    let step = 1e-2 / length.sqrt();
    let moved = |sign: f64| -> Vec<f32> {
        values
            .iter()
            .zip(gradient)
            .map(|(v, g)| (f64::from(*v) + sign * step * f64::from(*g)) as f32)
            .collect()
    };
    let slope = (loss(&moved(1.0)) - loss(&moved(-1.0))) / (2.0 * step);
    assert!((slope / length - 1.0).abs() < 1e-2, "{slope} {length}");
}

#[test]
fn threads_change_no_bit_of_features_and_gradients() {
    let config = LightConfig { tubelet: [4, 4, 4], dim: 48, depths: vec![1, 1] };
    let (net, video) = trained(&config, 7, [5, 1, 16, 64, 64]);
    let bits = |threads: usize| -> Vec<Vec<u32>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all = pool.install(|| all_of(&net, &video, Light::forward));
        all.into_iter().map(|tensor| tensor.into_iter().map(f32::to_bits).collect()).collect()
    };
    let one = bits(1);
    for threads in [2, 3, 5] {
        assert!(bits(threads) == one, "{threads} threads");
    }
}

#[test]
fn features_are_the_same_with_and_without_gradients() {
    let (net, video) = trained(&config(), 9, [2, 1, 4, 16, 16]);
    let with = net.forward(video.clone()).into_data();
    let without = net.valid().forward(video.inner()).into_data();
    assert_eq!(with.try_to_vec::<f32>().unwrap(), without.try_to_vec::<f32>().unwrap());
}

#[test]
fn what_is_not_a_number_is_not_hidden() {
    let (net, video) = trained(&config(), 9, [1, 1, 4, 16, 16]);
    let features: Vec<f32> = net.forward(video.mul_scalar(f32::NAN)).into_data().try_to_vec().unwrap();
    assert!(features.iter().all(|v| v.is_nan()));
}

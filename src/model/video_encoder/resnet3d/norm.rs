//! Batch norm over the batch's own statistics, with the sum and the rectifier behind it, in one pass.

use std::sync::Arc;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::super::kernel::{Kernel, tensor, values};

/// Sums run over so many values side by side.
const LANES: usize = 16;

/// Values of a plane whose moments are taken at a time: they stay in the cache between mean and variance.
const CHUNK: usize = 4096;

/// Videos, channels and places of `[videos, channels, time, height, width]`.
pub(super) fn dims(x: &FlexTensor) -> [usize; 3] {
    let shape = x.layout().shape();
    [shape[0], shape[1], shape[2] * shape[3] * shape[4]]
}

/// The sum of a function of each place of one or several planes, always in the same order.
#[inline]
fn sum<const N: usize>(planes: [&[f32]; N], term: impl Fn([f32; N]) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = planes.map(|plane| plane.as_chunks::<LANES>());
    for at in 0..chunks[0].0.len() {
        let values = chunks.map(|(chunks, _)| &chunks[at]);
        for (lane, to) in lanes.iter_mut().enumerate() {
            *to += term(values.map(|values| values[lane]));
        }
    }
    let rest = (0..chunks[0].1.len()).map(|at| term(chunks.map(|(_, rest)| rest[at])));
    lanes.iter().sum::<f32>() + rest.sum::<f32>()
}

/// Mean and biased variance of every channel: `[2, channels]`.
pub(super) fn moments(x: &FlexTensor) -> FlexTensor {
    let x = x.to_contiguous();
    let [videos, channels, places] = dims(&x);
    let x = values(&x);
    let of = |channel: usize| {
        // Parts are joined as in Chan, Golub & LeVeque (1979).
        let (mut count, mut mean, mut squares) = (0.0_f64, 0.0_f64, 0.0_f64);
        for video in 0..videos {
            let plane = &x[(video * channels + channel) * places..][..places];
            for chunk in plane.chunks(CHUNK) {
                let n = chunk.len() as f64;
                let own = f64::from(sum([chunk], |[v]| v)) / n;
                let centre = own as f32;
                let own_squares = f64::from(sum([chunk], |[v]| (v - centre) * (v - centre)));
                let apart = own - mean;
                let total = count + n;
                mean += apart * n / total;
                squares += own_squares + apart * apart * count * n / total;
                count = total;
            }
        }
        [mean as f32, (squares / count) as f32]
    };
    let found: Vec<[f32; 2]> = (0..channels).into_par_iter().map(of).collect();
    let both = [0, 1].into_iter().flat_map(|which| found.iter().map(move |moments| moments[which]));
    tensor(both.collect(), vec![2, channels])
}

/// `(x − mean) / deviation · gamma + beta`, rectified or not, given mean and variance of this very `x`.
/// Tensors: `x`, gamma, beta, moments.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub epsilon: f64,
    pub rectified: bool,
}

/// The same with a tensor of `x`'s shape added before the rectifier. Tensors: `x`, gamma, beta, moments, added.
#[derive(Debug, Clone)]
pub(super) struct NormAdd(pub Norm);

/// For the way back.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    x: FlexTensor,
    output: FlexTensor,
    scales: Arc<Vec<Scale>>,
}

/// Of a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub mean: f32,
    /// 1 / deviation.
    pub inverse: f32,
    pub gamma: f32,
    pub beta: f32,
}

impl Scale {
    /// Changes nothing.
    pub const ONE: Self = Self { mean: 0.0, inverse: 1.0, gamma: 1.0, beta: 0.0 };
}

impl Norm {
    /// By channel, from gamma, beta and moments.
    pub fn scales(&self, [gamma, beta, moments]: [&FlexTensor; 3]) -> Vec<Scale> {
        let [gamma, beta, moments] = [gamma, beta, moments].map(FlexTensor::to_contiguous);
        let (mean, variance) = values(&moments).split_at(values(&gamma).len());
        let affine = values(&gamma).iter().zip(values(&beta));
        mean.iter()
            .zip(variance)
            .zip(affine)
            .map(|((mean, variance), (gamma, beta))| Scale {
                mean: *mean,
                inverse: 1.0 / (variance + self.epsilon as f32).sqrt(),
                gamma: *gamma,
                beta: *beta,
            })
            .collect()
    }

    fn run(
        &self,
        x: &FlexTensor,
        affine: [&FlexTensor; 3],
        added: Option<&FlexTensor>,
    ) -> (FlexTensor, Saved) {
        let x = x.to_contiguous();
        let added = added.map(FlexTensor::to_contiguous);
        let [videos, channels, places] = dims(&x);
        let scales = self.scales(affine);
        let mut output = vec![0.0; videos * channels * places];
        let from = values(&x);
        let added = added.as_ref().map(values);
        output.par_chunks_mut(places).enumerate().for_each(|(plane, to)| {
            let Scale { mean, inverse, gamma, beta } = scales[plane % channels];
            let from = &from[plane * places..][..places];
            let normed = |v: f32| (v - mean) * inverse * gamma + beta;
            // Not `max`, which would hide what is not a number.
            let rectified = |v: f32| if v < 0.0 { 0.0 } else { v };
            let pairs = to.iter_mut().zip(from);
            match (added.map(|added| &added[plane * places..]), self.rectified) {
                (None, true) => pairs.for_each(|(to, v)| *to = rectified(normed(*v))),
                (None, false) => pairs.for_each(|(to, v)| *to = normed(*v)),
                (Some(added), true) => {
                    pairs.zip(added).for_each(|((to, v), a)| *to = rectified(normed(*v) + a));
                }
                (Some(added), false) => pairs.zip(added).for_each(|((to, v), a)| *to = normed(*v) + a),
            }
        });
        let output = tensor(output, x.layout().shape().to_vec());
        (output.clone(), Saved { x, output, scales: Arc::new(scales) })
    }

    /// Gradients of `x`, gamma, beta and, if it is wanted, of what was added.
    fn back(&self, saved: &Saved, gradient: &FlexTensor, added: bool) -> [Option<FlexTensor>; 4] {
        let Saved { x, output, scales } = saved;
        let gradient = gradient.to_contiguous();
        let [videos, channels, places] = dims(x);
        let shape = x.layout().shape().to_vec();
        let (from, output, gradient) = (values(x), values(output), values(&gradient));
        let planes = |plane: usize| {
            let part = plane * places..(plane + 1) * places;
            [&from[part.clone()], &output[part.clone()], &gradient[part]]
        };
        // What comes through the rectifier.
        let rectified = self.rectified;
        let through = move |output: f32, g: f32| if rectified && output <= 0.0 { 0.0 } else { g };
        let sums: Vec<[f64; 2]> = (0..channels)
            .into_par_iter()
            .map(|channel| {
                let Scale { mean, .. } = scales[channel];
                let mut sums = [0.0; 2];
                for video in 0..videos {
                    let planes = planes(video * channels + channel).map(|plane| plane.chunks(CHUNK));
                    let [x, output, gradient] = planes;
                    for ((x, output), gradient) in x.zip(output).zip(gradient) {
                        sums[0] += f64::from(sum([output, gradient], |[o, g]| through(o, g)));
                        sums[1] +=
                            f64::from(sum([x, output, gradient], |[v, o, g]| (v - mean) * through(o, g)));
                    }
                }
                sums
            })
            .collect();
        let count = (videos * places) as f64;
        let mut input = vec![0.0; from.len()];
        input.par_chunks_mut(places).enumerate().for_each(|(plane, to)| {
            let channel = plane % channels;
            let Scale { mean, inverse, gamma, .. } = scales[channel];
            let [x, output, gradient] = planes(plane);
            let level = (sums[channel][0] / count) as f32;
            let slope = (sums[channel][1] / count) as f32 * inverse * inverse;
            let values = x.iter().zip(output).zip(gradient);
            for (to, ((v, o), g)) in to.iter_mut().zip(values) {
                *to = gamma * inverse * (through(*o, *g) - level - (v - mean) * slope);
            }
        });
        let added = added.then(|| {
            let mut added = vec![0.0; from.len()];
            added.par_chunks_mut(places).enumerate().for_each(|(plane, to)| {
                let [_, output, gradient] = planes(plane);
                for (to, (o, g)) in to.iter_mut().zip(output.iter().zip(gradient)) {
                    *to = through(*o, *g);
                }
            });
            tensor(added, shape.clone())
        });
        let [gamma, beta] = affine_gradients(&sums, scales);
        [Some(tensor(input, shape)), Some(gamma), Some(beta), added]
    }
}

/// Gradients of gamma and beta, from the sums of the output's gradient, and of that times `x − mean`.
pub(super) fn affine_gradients(sums: &[[f64; 2]], scales: &[Scale]) -> [FlexTensor; 2] {
    let pairs = sums.iter().zip(scales);
    let gamma = pairs.map(|([_, slope], scale)| (slope * f64::from(scale.inverse)) as f32).collect();
    let beta = sums.iter().map(|[level, _]| *level as f32).collect();
    [gamma, beta].map(|values| tensor(values, vec![sums.len()]))
}

impl Kernel<4> for Norm {
    type Saved = Saved;

    fn forward(&self, [x, gamma, beta, moments]: [FlexTensor; 4], _: bool) -> (FlexTensor, Saved) {
        self.run(&x, [&gamma, &beta, &moments], None)
    }

    fn backward(&self, saved: Saved, gradient: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let [x, gamma, beta, _] = self.back(&saved, &gradient, false);
        [x, gamma, beta, None]
    }
}

impl Kernel<5> for NormAdd {
    type Saved = Saved;

    fn forward(&self, [x, gamma, beta, moments, added]: [FlexTensor; 5], _: bool) -> (FlexTensor, Saved) {
        self.0.run(&x, [&gamma, &beta, &moments], Some(&added))
    }

    fn backward(&self, saved: Saved, gradient: FlexTensor, wanted: [bool; 5]) -> [Option<FlexTensor>; 5] {
        let [x, gamma, beta, added] = self.0.back(&saved, &gradient, wanted[4]);
        [x, gamma, beta, None, added]
    }
}

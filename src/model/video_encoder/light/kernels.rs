//! The network's parts as one pass forwards and one back, over the tensors of the CPU.

use std::sync::Arc;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::super::kernel::{Kernel, tensor, values};
use super::perceptron::Weights;
use super::rows::{Affine, EPSILON, Grid, Moments, moments, norm_backward};

/// `x + W₂·relu(W₁·shift(norm(x)))` of `[batch, time, height, width, dim]`.
#[derive(Debug, Clone)]
pub(super) struct Block;

/// For the way back through a [`Block`].
#[derive(Debug, Clone)]
pub(super) struct SavedBlock {
    x: FlexTensor,
    moments: Arc<Vec<Moments>>,
    affine: Affine<FlexTensor>,
    weights: Weights,
    middle: Vec<FlexTensor>,
}

impl Kernel<7> for Block {
    type Saved = SavedBlock;

    fn forward(&self, inputs: [FlexTensor; 7], keep: bool) -> (FlexTensor, SavedBlock) {
        let [x, gamma, beta, expand, expand_bias, contract, contract_bias] =
            inputs.map(|t| t.to_contiguous());
        let weights = Weights { expand, expand_bias, contract, contract_bias };
        let grid = grid(&x);
        let affine = Affine { gamma, beta };
        let moments = moments(values(&x), grid.dim());
        let (output, middle) = {
            let (x, affine) = (values(&x), borrowed(&affine));
            let fill = |first: usize, to: &mut [f32]| grid.shifted_norm(x, &moments, &affine, first, to);
            weights.forward(grid.rows(), fill, Some(x), keep)
        };
        let output = tensor(output, grid.dims.to_vec());
        (output, SavedBlock { x, moments: Arc::new(moments), affine, weights, middle })
    }

    fn backward(&self, saved: SavedBlock, gradient: FlexTensor, _: [bool; 7]) -> [Option<FlexTensor>; 7] {
        let SavedBlock { x, moments, affine, weights, middle } = saved;
        let grid = grid(&x);
        let dim = grid.dim();
        let gradient = gradient.to_contiguous();
        let (x, lent) = (values(&x), borrowed(&affine));
        let fill = |first: usize, to: &mut [f32]| grid.shifted_norm(x, &moments, &lent, first, to);
        let (weights, mixed) = weights.backward(&gradient, fill, &middle, true);
        drop(middle);
        // What came around the layers; in place, as nobody else needs it.
        let mut input = gradient;
        let start = input.layout().start_offset();
        let to = &mut input.storage_mut::<f32>()[start..start + grid.rows() * dim];
        let affine = grid.shifted_norm_backward(x, &moments, lent.gamma, &mixed, to);
        let Weights { expand, expand_bias, contract, contract_bias } = weights;
        let row = |values: Vec<f32>| tensor(values, vec![dim]);
        [input, row(affine.gamma), row(affine.beta), expand, expand_bias, contract, contract_bias].map(Some)
    }
}

/// `W₂·relu(W₁·x)` of rows `[rows, inside]`.
#[derive(Debug, Clone)]
pub(super) struct Perceptron;

/// For the way back through a [`Perceptron`].
#[derive(Debug, Clone)]
pub(super) struct SavedPerceptron {
    x: FlexTensor,
    weights: Weights,
    middle: Vec<FlexTensor>,
}

/// Writes rows of a matrix as they are.
fn copied(x: &[f32], columns: usize) -> impl Fn(usize, &mut [f32]) + Sync {
    move |first, to| to.copy_from_slice(&x[first * columns..first * columns + to.len()])
}

impl Kernel<5> for Perceptron {
    type Saved = SavedPerceptron;

    fn forward(&self, inputs: [FlexTensor; 5], keep: bool) -> (FlexTensor, SavedPerceptron) {
        let [x, expand, expand_bias, contract, contract_bias] = inputs.map(|t| t.to_contiguous());
        let weights = Weights { expand, expand_bias, contract, contract_bias };
        let [rows, columns] = [x.layout().shape()[0], x.layout().shape()[1]];
        let (output, middle) = weights.forward(rows, copied(values(&x), columns), None, keep);
        let outside = output.len() / rows.max(1);
        (tensor(output, vec![rows, outside]), SavedPerceptron { x, weights, middle })
    }

    fn backward(
        &self,
        saved: SavedPerceptron,
        gradient: FlexTensor,
        wanted: [bool; 5],
    ) -> [Option<FlexTensor>; 5] {
        let SavedPerceptron { x, weights, middle } = saved;
        let [rows, columns] = [x.layout().shape()[0], x.layout().shape()[1]];
        let gradient = gradient.to_contiguous();
        let (weights, input) = weights.backward(&gradient, copied(values(&x), columns), &middle, wanted[0]);
        let Weights { expand, expand_bias, contract, contract_bias } = weights;
        let input = wanted[0].then(|| tensor(input, vec![rows, columns]));
        [input, Some(expand), Some(expand_bias), Some(contract), Some(contract_bias)]
    }
}

/// Mean and deviation over a video's normed tokens: `[batch, time, height, width, dim]` to `[batch, 2·dim]`.
#[derive(Debug, Clone)]
pub(super) struct Pool;

/// For the way back through a [`Pool`].
#[derive(Debug, Clone)]
pub(super) struct SavedPool {
    x: FlexTensor,
    moments: Arc<Vec<Moments>>,
    affine: Affine<FlexTensor>,
    output: FlexTensor,
}

impl Kernel<3> for Pool {
    type Saved = SavedPool;

    fn forward(&self, inputs: [FlexTensor; 3], _: bool) -> (FlexTensor, SavedPool) {
        let [x, gamma, beta] = inputs.map(|t| t.to_contiguous());
        let affine = Affine { gamma, beta };
        let grid = grid(&x);
        let (dim, tokens) = (grid.dim(), grid.rows() / grid.dims[0]);
        let moments = moments(values(&x), dim);
        let mut output = vec![0.0; grid.dims[0] * 2 * dim];
        let lent = borrowed(&affine);
        let videos = values(&x).par_chunks(tokens * dim).zip(moments.par_chunks(tokens));
        output.par_chunks_mut(2 * dim).zip(videos).for_each(|(to, (x, moments))| {
            let (mean, deviation) = to.split_at_mut(dim);
            for (row, [centre, scale]) in x.chunks_exact(dim).zip(moments) {
                for (to, v) in mean.iter_mut().zip(row) {
                    *to += (v - centre) * scale;
                }
            }
            for v in &mut *mean {
                *v /= tokens as f32;
            }
            for (row, [centre, scale]) in x.chunks_exact(dim).zip(moments) {
                for ((to, v), mean) in deviation.iter_mut().zip(row).zip(&*mean) {
                    let from = (v - centre) * scale - mean;
                    *to += from * from;
                }
            }
            let both = mean.iter_mut().zip(deviation).zip(lent.gamma.iter().zip(lent.beta));
            for ((mean, deviation), (gamma, beta)) in both {
                *mean = *mean * gamma + beta;
                *deviation = (*deviation / tokens as f32 * gamma * gamma + EPSILON).sqrt();
            }
        });
        let output = tensor(output, vec![grid.dims[0], 2 * dim]);
        (output.clone(), SavedPool { x, moments: Arc::new(moments), affine, output })
    }

    fn backward(&self, saved: SavedPool, gradient: FlexTensor, _: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let SavedPool { x, moments, affine, output } = saved;
        let grid = grid(&x);
        let (dim, tokens) = (grid.dim(), grid.rows() / grid.dims[0]);
        let gradient = gradient.to_contiguous();
        let lent = borrowed(&affine);
        let mut input = vec![0.0; grid.rows() * dim];
        let videos = values(&x).par_chunks(tokens * dim).zip(moments.par_chunks(tokens));
        let outer = values(&output).par_chunks(2 * dim).zip(values(&gradient).par_chunks(2 * dim));
        let parts = input.par_chunks_mut(tokens * dim).zip(videos).zip(outer).map(
            |((to, (x, moments)), (output, gradient))| {
                let mut sums = Affine::zeros(dim);
                let mut normed = vec![0.0; dim];
                let (mean, deviation) = output.split_at(dim);
                // d deviation / d token = (token − mean) / (tokens · deviation).
                let (level, slope) = gradient.split_at(dim);
                let level: Vec<f32> = level.iter().map(|g| g / tokens as f32).collect();
                let slope: Vec<f32> = slope
                    .iter()
                    .zip(deviation)
                    .map(|(g, deviation)| g / (tokens as f32 * deviation))
                    .collect();
                let rows = to.chunks_exact_mut(dim).zip(x.chunks_exact(dim)).zip(moments);
                for ((to, row), &[centre, scale]) in rows {
                    for c in 0..dim {
                        let token = (row[c] - centre) * scale * lent.gamma[c] + lent.beta[c];
                        normed[c] = level[c] + slope[c] * (token - mean[c]);
                    }
                    norm_backward(row, [centre, scale], lent.gamma, &normed, to, &mut sums);
                }
                sums
            },
        );
        let parts: Vec<_> = parts.collect();
        let sums = Affine::total(parts, dim);
        let row = |values: Vec<f32>| tensor(values, vec![dim]);
        [tensor(input, grid.dims.to_vec()), row(sums.gamma), row(sums.beta)].map(Some)
    }
}

fn grid(x: &FlexTensor) -> Grid {
    let shape = x.layout().shape();
    Grid { dims: std::array::from_fn(|axis| shape[axis]) }
}

fn borrowed(affine: &Affine<FlexTensor>) -> Affine<&[f32]> {
    Affine { gamma: values(&affine.gamma), beta: values(&affine.beta) }
}

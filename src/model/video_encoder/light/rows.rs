//! Tokens as rows of memory: layer norm, its gradient, and where a shift takes a row's channels from.

use std::ops::Range;

use rayon::prelude::*;

/// Added to a variance before its root, by [`LayerNorm`](burn::nn::LayerNorm)'s default.
pub(super) const EPSILON: f32 = 1e-5;

/// Sums run over this many channels side by side; a row must be a multiple of it.
pub(super) const LANES: usize = 8;

/// Rows that one thread takes at a time. Fixed, so that sums do not depend on the number of threads.
const PER_TASK: usize = 512;

/// Mean and 1 / deviation of a row.
pub(super) type Moments = [f32; 2];

/// The moments of every row of `dim` channels.
pub(super) fn moments(x: &[f32], dim: usize) -> Vec<Moments> {
    let mut moments = vec![[0.0; 2]; x.len() / dim];
    let tasks = moments.par_chunks_mut(PER_TASK).zip(x.par_chunks(PER_TASK * dim));
    tasks.for_each(|(moments, rows)| {
        for (to, row) in moments.iter_mut().zip(rows.chunks_exact(dim)) {
            let mean = sum(row, |v| v) / dim as f32;
            let variance = sum(row, |v| (v - mean) * (v - mean)) / dim as f32;
            *to = [mean, 1.0 / (variance + EPSILON).sqrt()];
        }
    });
    moments
}

/// The sum of a function of each value of a row.
#[inline]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    for values in row.chunks_exact(LANES) {
        for (lane, v) in lanes.iter_mut().zip(values) {
            *lane += term(*v);
        }
    }
    lanes.iter().sum()
}

/// Scale and offset of a layer norm, or the gradients of both.
#[derive(Debug, Clone)]
pub(super) struct Affine<T> {
    pub gamma: T,
    pub beta: T,
}

impl Affine<Vec<f32>> {
    pub fn zeros(dim: usize) -> Self {
        Self { gamma: vec![0.0; dim], beta: vec![0.0; dim] }
    }

    /// The sum of parts, in their order.
    pub fn total(parts: impl IntoIterator<Item = Self>, dim: usize) -> Self {
        parts.into_iter().fold(Self::zeros(dim), |mut all, part| {
            add(&mut all.gamma, &part.gamma);
            add(&mut all.beta, &part.beta);
            all
        })
    }
}

/// Adds a row to another.
#[inline]
pub(super) fn add(to: &mut [f32], from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

/// The gradient of a normed row, brought back to the row: adds to `to`, and to the gradients of scale and offset.
#[inline]
pub(super) fn norm_backward(
    row: &[f32],
    [mean, scale]: Moments,
    gamma: &[f32],
    gradient: &[f32],
    to: &mut [f32],
    affine: &mut Affine<Vec<f32>>,
) {
    let dim = row.len();
    let (mut plain, mut along) = ([0.0; LANES], [0.0; LANES]);
    let values = row.chunks_exact(LANES).zip(gradient.chunks_exact(LANES)).zip(gamma.chunks_exact(LANES));
    let sums = affine.gamma.chunks_exact_mut(LANES).zip(affine.beta.chunks_exact_mut(LANES));
    for (((row, gradient), gamma), (to_gamma, to_beta)) in values.zip(sums) {
        for lane in 0..LANES {
            let normed = (row[lane] - mean) * scale;
            to_beta[lane] += gradient[lane];
            to_gamma[lane] += gradient[lane] * normed;
            let inner = gradient[lane] * gamma[lane];
            plain[lane] += inner;
            along[lane] += inner * normed;
        }
    }
    let plain = plain.iter().sum::<f32>() / dim as f32;
    let along = along.iter().sum::<f32>() / dim as f32;
    for (((to, row), gradient), gamma) in to.iter_mut().zip(row).zip(gradient).zip(gamma) {
        *to += scale * (gradient * gamma - plain - (row - mean) * scale * along);
    }
}

/// Where tokens lie: `[batch, time, height, width, dim]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub dims: [usize; 5],
}

/// Groups of channels that a shift moves: an eighth each, along time, height and width, forwards and backwards.
const GROUPS: usize = 6;

impl Grid {
    pub fn dim(self) -> usize {
        self.dims[4]
    }

    pub fn rows(self) -> usize {
        self.dims[..4].iter().product()
    }

    /// The row whose channels of a group come to this row, or (`back`) to which this row's go; none outside.
    /// Along an axis of one token nothing moves.
    #[inline]
    fn partner(self, row: usize, place: [usize; 3], group: usize, back: bool) -> Option<usize> {
        let axis = group / 2;
        let length = self.dims[1 + axis];
        let stride = [self.dims[2] * self.dims[3], self.dims[3], 1][axis];
        if length == 1 {
            Some(row)
        } else if group.is_multiple_of(2) != back {
            (place[axis] > 0).then(|| row - stride)
        } else {
            (place[axis] + 1 < length).then(|| row + stride)
        }
    }

    /// Time, row and column of a token.
    #[inline]
    fn place(self, row: usize) -> [usize; 3] {
        let [_, t, h, w, _] = self.dims;
        [row / (h * w) % t, row / w % h, row % w]
    }

    /// Rows of the normed and shifted tokens.
    pub fn shifted_norm(
        self,
        x: &[f32],
        moments: &[Moments],
        affine: &Affine<&[f32]>,
        first: usize,
        to: &mut [f32],
    ) {
        let dim = self.dim();
        let part = dim / LANES;
        let norm = |from: usize, channels: Range<usize>, to: &mut [f32]| {
            let [mean, scale] = moments[from];
            let row = &x[from * dim..(from + 1) * dim];
            let values = row[channels.clone()].iter().zip(&affine.gamma[channels.clone()]);
            for ((to, (v, gamma)), beta) in
                to[channels.clone()].iter_mut().zip(values).zip(&affine.beta[channels])
            {
                *to = (v - mean) * scale * gamma + beta;
            }
        };
        for (row, to) in (first..).zip(to.chunks_exact_mut(dim)) {
            let place = self.place(row);
            for group in 0..GROUPS {
                let channels = group * part..(group + 1) * part;
                match self.partner(row, place, group, false) {
                    Some(from) => norm(from, channels, to),
                    None => to[channels].fill(0.0),
                }
            }
            norm(row, GROUPS * part..dim, to);
        }
    }

    /// The gradient of [`Self::shifted_norm`] for all rows, added to `to`; returns that of scale and offset.
    pub fn shifted_norm_backward(
        self,
        x: &[f32],
        moments: &[Moments],
        gamma: &[f32],
        gradient: &[f32],
        to: &mut [f32],
    ) -> Affine<Vec<f32>> {
        let dim = self.dim();
        let part = dim / LANES;
        let tasks = to.par_chunks_mut(PER_TASK * dim).enumerate().map(|(task, to)| {
            let mut affine = Affine::zeros(dim);
            let mut normed = vec![0.0; dim];
            for (row, to) in (task * PER_TASK..).zip(to.chunks_exact_mut(dim)) {
                let place = self.place(row);
                for group in 0..GROUPS {
                    let channels = group * part..(group + 1) * part;
                    match self.partner(row, place, group, true) {
                        Some(from) => normed[channels.clone()].copy_from_slice(
                            &gradient[from * dim + channels.start..from * dim + channels.end],
                        ),
                        None => normed[channels].fill(0.0),
                    }
                }
                let rest = GROUPS * part..dim;
                normed[rest.clone()].copy_from_slice(&gradient[row * dim + rest.start..(row + 1) * dim]);
                norm_backward(&x[row * dim..(row + 1) * dim], moments[row], gamma, &normed, to, &mut affine);
            }
            affine
        });
        let parts: Vec<_> = tasks.collect();
        Affine::total(parts, dim)
    }
}

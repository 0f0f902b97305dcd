//! Max-pool on the CPU, with the norm and the rectifier before it in the same pass.

// What runs under `Cpu::run` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use std::ops::Range;
use std::sync::Arc;

use burn_flex::FlexTensor;
use pulp::Simd;
use rayon::prelude::*;

use super::super::kernel::{Kernel, tensor, values};
use super::norm::{Norm, Scale, affine_gradients, dims};
use super::{POOL, pooled};
use crate::simd::{Cpu, Vectorized};

/// Frames, rows or columns of a box at an output, of so many.
fn window(output: usize, length: usize) -> Range<usize> {
    let [kernel, stride, padding] = POOL;
    (output * stride).saturating_sub(padding)..(output * stride + kernel - padding).min(length)
}

/// The largest of every box of a plane `[time, height, width]` after a norm, and which of the box's places it is: the
/// first of several.
pub(super) struct Pool<'a> {
    pub plane: &'a [f32],
    pub grid: [usize; 3],
    pub scale: Scale,
    pub best: &'a mut [f32],
    /// Left alone if it is empty.
    pub which: &'a mut [u8],
}

impl Vectorized for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _: S) {
        let Self { plane, grid, scale: Scale { mean, inverse, gamma, beta }, best, which } = self;
        let [time, height, width] = grid;
        let [outputs_time, outputs_height, outputs_width] = pooled(grid);
        // By rows: columns −1, 1, 3, … and 0, 2, 4, …, so that what the boxes of a row see lies side by side.
        let pitch = outputs_width + 1;
        let mut odd = vec![f32::NEG_INFINITY; time * height * pitch];
        let mut even = vec![f32::NEG_INFINITY; time * height * pitch];
        for (from, (odd, even)) in
            plane.chunks_exact(width).zip(odd.chunks_exact_mut(pitch).zip(even.chunks_exact_mut(pitch)))
        {
            let (pairs, rest) = from.as_chunks::<2>();
            for ((odd, even), [first, second]) in odd[1..].iter_mut().zip(&mut *even).zip(pairs) {
                *even = (first - mean) * inverse * gamma + beta;
                *odd = (second - mean) * inverse * gamma + beta;
            }
            if let [last] = rest {
                even[pairs.len()] = (last - mean) * inverse * gamma + beta;
            }
        }
        let mut numbers = vec![0_u32; outputs_width];
        for t in 0..outputs_time {
            for y in 0..outputs_height {
                let start = (t * outputs_height + y) * outputs_width;
                let best = &mut best[start..start + outputs_width];
                best.fill(f32::NEG_INFINITY);
                for frame in window(t, time) {
                    for row in window(y, height) {
                        // Of the box's 27 places, the left one in this row.
                        let number = ((frame + 1 - 2 * t) * 3 + row + 1 - 2 * y) * 3;
                        let line = (frame * height + row) * pitch;
                        let (odd, even) = (&odd[line..line + pitch], &even[line..line + pitch]);
                        for (column, seen) in [odd, even, &odd[1..]].into_iter().enumerate() {
                            let number = (number + column) as u32;
                            for ((best, which), seen) in best.iter_mut().zip(&mut numbers).zip(seen) {
                                // What is not a number stays.
                                let better = *seen > *best || seen.is_nan();
                                *best = if better { *seen } else { *best };
                                *which = if better { number } else { *which };
                            }
                        }
                    }
                }
                if let Some(which) = which.get_mut(start..start + outputs_width) {
                    for (to, number) in which.iter_mut().zip(&numbers) {
                        *to = *number as u8;
                    }
                }
            }
        }
    }
}

/// The place in a plane of `grid` of what a box has chosen.
fn place(output: usize, which: u8, grid: [usize; 3]) -> usize {
    let [_, height, width] = grid;
    let [_, rows, columns] = pooled(grid);
    let which = usize::from(which);
    let at = |output: usize, number: usize| output * 2 + number - 1;
    let t = at(output / (rows * columns), which / 9);
    let y = at(output / columns % rows, which / 3 % 3);
    (t * height + y) * width + at(output % columns, which % 3)
}

/// Frames, rows and columns of a tensor.
fn grid(x: &FlexTensor) -> [usize; 3] {
    std::array::from_fn(|axis| x.layout().shape()[2 + axis])
}

/// Shape of the pooled tensor.
fn shape(x: &FlexTensor) -> Vec<usize> {
    let mut shape = x.layout().shape()[..2].to_vec();
    shape.extend(pooled(grid(x)));
    shape
}

/// Max-pool of planes of `grid`.
pub(super) fn pool(cpu: Cpu, planes: &[f32], grid: [usize; 3], output: &mut [f32]) {
    let (places, outputs) = (grid.iter().product(), pooled(grid).iter().product());
    output.par_chunks_mut(outputs).zip(planes.par_chunks(places)).for_each(|(best, plane)| {
        cpu.run(Pool { plane, grid, scale: Scale::ONE, best, which: &mut [] });
    });
}

/// Norm by the batch's own statistics, rectifier and max-pool. Tensors: `x`, gamma, beta, moments.
#[derive(Debug, Clone)]
pub(super) struct NormPool {
    pub epsilon: f64,
}

/// For the way back through a [`NormPool`].
#[derive(Debug, Clone)]
pub(super) struct Saved {
    x: FlexTensor,
    output: FlexTensor,
    which: Arc<Vec<u8>>,
    scales: Arc<Vec<Scale>>,
}

impl Kernel<4> for NormPool {
    type Saved = Saved;

    fn forward(&self, [x, gamma, beta, moments]: [FlexTensor; 4], _: bool) -> (FlexTensor, Saved) {
        let x = x.to_contiguous();
        let [videos, channels, places] = dims(&x);
        let grid = grid(&x);
        let outputs: usize = pooled(grid).iter().product();
        let norm = Norm { epsilon: self.epsilon, rectified: true };
        let scales = norm.scales([&gamma, &beta, &moments]);
        let mut output = vec![0.0; videos * channels * outputs];
        let mut which = vec![0; output.len()];
        let cpu = Cpu::detect();
        let planes = values(&x).par_chunks(places).enumerate();
        let to = output.par_chunks_mut(outputs).zip(which.par_chunks_mut(outputs));
        planes.zip(to).for_each(|((index, plane), (best, which))| {
            let scale = scales[index % channels];
            cpu.run(Pool { plane, grid, scale, best: &mut *best, which });
            for v in best {
                // Not `max`, which would hide what is not a number.
                *v = if *v < 0.0 { 0.0 } else { *v };
            }
        });
        let output = tensor(output, shape(&x));
        (output.clone(), Saved { x, output, which: Arc::new(which), scales: Arc::new(scales) })
    }

    fn backward(&self, saved: Saved, gradient: FlexTensor, _: [bool; 4]) -> [Option<FlexTensor>; 4] {
        let Saved { x, output, which, scales } = saved;
        let gradient = gradient.to_contiguous();
        let [videos, channels, places] = dims(&x);
        let grid = grid(&x);
        let outputs: usize = pooled(grid).iter().product();
        let (from, output, gradient) = (values(&x), values(&output), values(&gradient));
        // Where each gradient goes, and what comes through the rectifier.
        let arrivals = |plane: usize| {
            let part = plane * outputs..(plane + 1) * outputs;
            let through = output[part.clone()].iter().zip(&gradient[part.clone()]);
            through.zip(&which[part]).enumerate().map(move |(index, ((output, g), which))| {
                (place(index, *which, grid), if *output <= 0.0 { 0.0 } else { *g })
            })
        };
        let sums: Vec<[f64; 2]> = (0..channels)
            .into_par_iter()
            .map(|channel| {
                let mean = scales[channel].mean;
                let mut sums = [0.0; 2];
                for video in 0..videos {
                    let plane = video * channels + channel;
                    let x = &from[plane * places..][..places];
                    for (place, g) in arrivals(plane) {
                        sums[0] += f64::from(g);
                        sums[1] += f64::from((x[place] - mean) * g);
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
            let level = gamma * inverse * (sums[channel][0] / count) as f32;
            let slope = gamma * inverse * (sums[channel][1] / count) as f32 * inverse * inverse;
            for (to, v) in to.iter_mut().zip(&from[plane * places..]) {
                *to = -level - (v - mean) * slope;
            }
            for (place, g) in arrivals(plane) {
                to[place] += gamma * inverse * g;
            }
        });
        let input = tensor(input, x.layout().shape().to_vec());
        let [gamma, beta] = affine_gradients(&sums, &scales);
        [Some(input), Some(gamma), Some(beta), None]
    }
}

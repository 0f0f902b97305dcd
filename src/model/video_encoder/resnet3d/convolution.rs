//! 3D convolutions on the CPU, and their gradients, as products of matrices that are made a piece at a time.
//!
//! `out[m][p] = Σ_k rows[m][k] · column[k][p]`: `k` runs over channels and taps, and `column[k][p]` is what tap `k` sees
//! from place `p` ([`columns`](super::columns)). The gradient of the input is the same sum with the roles of the channels
//! exchanged; that of the weights is the sum over places. Nothing is unfolded as a whole, and every sum runs in an
//! order that depends on the shapes alone.

use rayon::prelude::*;

use super::columns::{Source, Tap};
use super::correlation::{Finish, correlate};
use super::pool::pool;
use super::pooled;
use super::weights::{by_output, weight_gradient};
use crate::simd::Cpu;

/// Values that are copied to another order at a time, at most (or one video's): 32 MB.
const COPIED: usize = 8 << 20;

/// What a convolution is, but for its weights. It is padded by half its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Frames, rows and columns of the kernel.
    pub kernel: [usize; 3],
    /// Stride in time, height, width.
    pub stride: [usize; 3],
}

/// A convolution of certain shapes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Convolution {
    geometry: Geometry,
    videos: usize,
    /// Channels that enter and leave.
    channels: [usize; 2],
    /// Frames, rows and columns that enter.
    input: [usize; 3],
    /// Frames, rows and columns that leave.
    grid: [usize; 3],
}

impl Convolution {
    /// The convolution of `[videos, channels, time, height, width]` to so many channels.
    pub fn new(geometry: Geometry, [videos, from, t, h, w]: [usize; 5], to: usize) -> Self {
        let input = [t, h, w];
        let grid = std::array::from_fn(|axis| {
            let [kernel, stride] = [geometry.kernel[axis], geometry.stride[axis]];
            (input[axis] + kernel / 2 * 2 - kernel) / stride + 1
        });
        Self { geometry, videos, channels: [from, to], input, grid }
    }

    /// Shape of what leaves.
    pub fn output(&self) -> [usize; 5] {
        let [t, h, w] = self.grid;
        [self.videos, self.channels[1], t, h, w]
    }

    fn places(&self) -> usize {
        self.grid.iter().product()
    }

    fn input_places(&self) -> usize {
        self.input.iter().product()
    }

    /// Volumes that an input's is split into: the frames, rows and columns of each remainder by the stride.
    fn classes(&self) -> usize {
        let [t, h, w] =
            std::array::from_fn(|axis| self.geometry.stride[axis].min(self.geometry.kernel[axis]));
        t * h * w
    }

    /// Remainders of a class.
    fn remainder(&self, class: usize) -> [usize; 3] {
        let [_, h, w] =
            std::array::from_fn(|axis| self.geometry.stride[axis].min(self.geometry.kernel[axis]));
        [class / (h * w), class / w % h, class % w]
    }

    /// The taps in the order of the weights.
    fn taps(&self) -> Vec<Tap> {
        let Geometry { kernel: [kt, kh, kw], stride } = self.geometry;
        let [_, h, w] = std::array::from_fn(|axis| stride[axis].min(self.geometry.kernel[axis]));
        let tap = |index: usize| {
            let at = [index / (kh * kw), index / kw % kh, index % kw];
            let from: [isize; 3] =
                std::array::from_fn(|axis| at[axis] as isize - (self.geometry.kernel[axis] / 2) as isize);
            let remainder: [usize; 3] =
                std::array::from_fn(|axis| from[axis].rem_euclid(stride[axis] as isize) as usize);
            Tap {
                class: (remainder[0] * h + remainder[1]) * w + remainder[2],
                shift: std::array::from_fn(|axis| from[axis].div_euclid(stride[axis] as isize)),
            }
        };
        (0..kt * kh * kw).map(tap).collect()
    }

    /// Videos that are worked on at a time.
    fn videos_at_a_time(&self) -> usize {
        if self.geometry.stride == [1; 3] {
            return self.videos.max(1);
        }
        (COPIED / (self.classes() * self.channels[0] * self.places()).max(1)).clamp(1, self.videos.max(1))
    }

    /// Some videos of the input as volumes on the grid of the output.
    fn source<'a>(&self, x: &'a [f32], copy: &'a mut Vec<f32>) -> Source<'a> {
        let [channels, classes] = [self.channels[0], self.classes()];
        let grid = self.grid;
        if self.geometry.stride == [1; 3] {
            return Source { values: x, classes, channels, grid };
        }
        let (places, from) = (self.places(), self.input_places());
        let [t, h, w] = self.input;
        let [st, sh, sw] = self.geometry.stride;
        copy.clear();
        copy.resize(x.len() / from * classes * places, 0.0);
        copy.par_chunks_mut(places).enumerate().for_each(|(volume, to)| {
            let (video, class) = (volume / (classes * channels), volume / channels % classes);
            let x = &x[(video * channels + volume % channels) * from..][..from];
            let [rt, rh, rw] = self.remainder(class);
            for (row, to) in to.chunks_exact_mut(grid[2]).enumerate() {
                let (frame, row) = (row / grid[1] * st + rt, row % grid[1] * sh + rh);
                if frame < t && row < h {
                    let x = &x[(frame * h + row) * w..][..w];
                    for (to, from) in to.iter_mut().zip(x.iter().skip(rw).step_by(sw)) {
                        *to = *from;
                    }
                }
            }
        });
        Source { values: copy, classes, channels, grid }
    }

    /// `[videos, to, grid]` of `x` and weights `[to, from, kernel]`.
    pub fn forward(&self, cpu: Cpu, x: &[f32], weight: &[f32], finish: Finish<'_>) -> Vec<f32> {
        let [from, to] = self.channels;
        let taps = self.taps();
        let mut output = vec![0.0; self.videos * to * self.places()];
        let at_a_time = self.videos_at_a_time();
        let (size, input) = (at_a_time * to * self.places(), at_a_time * from * self.input_places());
        let mut copy = Vec::new();
        for (part, output) in output.chunks_mut(size.max(1)).enumerate() {
            let x = &x[part * input..][..output.len() / (to * self.places()) * from * self.input_places()];
            let source = self.source(x, &mut copy);
            correlate(cpu, &source, &taps, weight, to, output, finish.part(part * size));
        }
        output
    }

    /// The same behind a max-pool, and its shape, a few videos at a time.
    pub fn forward_pooled(
        &self,
        cpu: Cpu,
        x: &[f32],
        weight: &[f32],
        finish: Finish<'_>,
    ) -> (Vec<f32>, [usize; 5]) {
        let [from, to] = self.channels;
        let [t, h, w] = pooled(self.grid);
        let mut output = vec![0.0; self.videos * to * t * h * w];
        let at_a_time = (COPIED / (to * self.places())).clamp(1, self.videos);
        let parts = output.chunks_mut(at_a_time * to * t * h * w);
        for (output, x) in parts.zip(x.chunks(at_a_time * from * self.input_places())) {
            let part = Self { videos: x.len() / (from * self.input_places()), ..*self };
            pool(cpu, &part.forward(cpu, x, weight, finish), self.grid, output);
        }
        (output, [self.videos, to, t, h, w])
    }

    /// From the gradient of the output that of the input.
    pub fn input_gradient(&self, cpu: Cpu, gradient: &[f32], weight: &[f32]) -> Vec<f32> {
        let [from, to] = self.channels;
        let (places, input_places) = (self.places(), self.input_places());
        let taps = self.taps();
        // What lies at a remainder is seen by the taps of that class, and by each from the opposite direction.
        let classes: Vec<(Vec<Tap>, Vec<f32>)> = (0..self.classes())
            .map(|class| {
                let own: Vec<usize> = (0..taps.len()).filter(|tap| taps[*tap].class == class).collect();
                let opposite = own.iter().map(|&tap| Tap { class: 0, shift: taps[tap].shift.map(|s| -s) });
                (opposite.collect(), exchanged(weight, [from, to], taps.len(), &own))
            })
            .collect();
        let mut input = vec![0.0; self.videos * from * input_places];
        let at_a_time = self.videos_at_a_time();
        let size = at_a_time * from * input_places;
        let mut parts: Vec<Vec<f32>> = Vec::new();
        for (part, input) in input.chunks_mut(size.max(1)).enumerate() {
            let videos = input.len() / (from * input_places);
            let gradient = &gradient[part * at_a_time * to * places..][..videos * to * places];
            let source = Source { values: gradient, classes: 1, channels: to, grid: self.grid };
            if let ([(taps, rows)], [1, 1, 1]) = (&classes[..], self.geometry.stride) {
                correlate(cpu, &source, taps, rows, from, input, Finish::default());
                continue;
            }
            parts.resize_with(classes.len(), || vec![0.0; videos * from * places]);
            for ((taps, rows), part) in classes.iter().zip(&mut parts) {
                correlate(
                    cpu,
                    &source,
                    taps,
                    rows,
                    from,
                    &mut part[..videos * from * places],
                    Finish::default(),
                );
            }
            self.join(&parts, input);
        }
        input
    }

    /// Puts the classes' volumes `[videos, from, grid]` back where the input has them.
    fn join(&self, parts: &[Vec<f32>], input: &mut [f32]) {
        let [_, h, w] = self.input;
        let [st, sh, sw] = self.geometry.stride;
        let [_, rows, columns] = self.grid;
        let places = self.places();
        input.par_chunks_mut(self.input_places()).enumerate().for_each(|(volume, to)| {
            for (class, part) in parts.iter().enumerate() {
                let [rt, rh, rw] = self.remainder(class);
                let part = &part[volume * places..][..places];
                for (row, to) in to.chunks_exact_mut(w).enumerate() {
                    let (frame, row) = (row / h, row % h);
                    if frame % st == rt && row % sh == rh {
                        let from = &part[(frame / st * rows + row / sh) * columns..][..columns];
                        for (to, from) in to.iter_mut().skip(rw).step_by(sw).zip(from) {
                            *to = *from;
                        }
                    }
                }
            }
        });
    }

    /// From the gradient of the output that of the weights.
    pub fn weight_gradient(&self, cpu: Cpu, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let [from, to] = self.channels;
        let taps = self.taps();
        let at_a_time = self.videos_at_a_time();
        let (size, input) = (at_a_time * to * self.places(), at_a_time * from * self.input_places());
        let mut copy = Vec::new();
        let parts = gradient.chunks(size.max(1)).zip(x.chunks(input.max(1)));
        let mut sums = Vec::new();
        for (gradient, x) in parts {
            let source = self.source(x, &mut copy);
            weight_gradient(cpu, &source, &taps, gradient, to, &mut sums);
        }
        by_output(&sums, from * taps.len(), to)
    }
}

/// Weights `[to, from, taps]` as `[from, to, some taps]`.
fn exchanged(weight: &[f32], [from, to]: [usize; 2], taps: usize, own: &[usize]) -> Vec<f32> {
    let mut rows = vec![0.0; from * to * own.len()];
    if rows.is_empty() {
        return rows;
    }
    rows.par_chunks_mut(to * own.len()).enumerate().for_each(|(channel, row)| {
        for (output, row) in row.chunks_exact_mut(own.len()).enumerate() {
            let weight = &weight[(output * from + channel) * taps..][..taps];
            for (to, tap) in row.iter_mut().zip(own) {
                *to = weight[*tap];
            }
        }
    });
    rows
}

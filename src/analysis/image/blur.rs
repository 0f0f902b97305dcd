//! Gaussian blur, one axis after the other.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]
// Loops over numbers are unrolled, and what they index stays in registers.
#![allow(clippy::needless_range_loop)]

use pulp::Simd;

use super::Image;
use crate::simd::{Cpu, Vectorized};

/// Registers of sums that are made side by side.
const SUMS: usize = 4;

/// A picture, the weights of one side with the middle first, and of so many rows one to give.
struct Gaussian<'a> {
    image: &'a Image,
    weights: &'a [f32],
    every: usize,
}

/// Blurred by a Gaussian of `sigma` pixels, cut off at three of them; beyond the border the last pixel goes on. Of `every` rows
/// one is given, from the first.
pub(super) fn blur(image: &Image, sigma: f32, every: usize) -> Image {
    let radius = (3.0 * sigma).ceil() as usize;
    let mut weights: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let height = image.height.div_ceil(every);
    if radius == 0 || image.data.is_empty() {
        let rows = image.data.chunks_exact(image.width.max(1)).step_by(every);
        return Image { height, data: rows.flatten().copied().collect(), ..*image };
    }
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    for weight in &mut weights {
        *weight /= sum;
    }
    let data = Cpu::detect().run(Gaussian { image, weights: &weights, every });
    Image { height, data, ..*image }
}

impl Vectorized for Gaussian<'_> {
    type Output = Vec<f32>;

    // Products and sums apart, never fused: every CPU gives the same numbers.
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) -> Vec<f32> {
        let (w, h) = (self.image.width, self.image.height);
        let radius = self.weights.len() - 1;
        // Rows that are blurred along themselves, as many as one row of the result needs: they stay in the cache. A power of
        // two, because a division for each takes as long as the sums.
        let kept = (2 * radius + 1).min(h).next_power_of_two();
        let place = |y: usize| (y & (kept - 1)) * w;
        let mut rows = vec![0.0; kept * w];
        let mut padded = vec![0.0; w + 2 * radius];
        let mut line = vec![0.0; w];
        let mut data = Vec::with_capacity(h.div_ceil(self.every) * w);
        let mut done = 0;
        for y in (0..h).step_by(self.every) {
            // Those above have been overwritten, or are not needed.
            done = done.max(y.saturating_sub(radius));
            while done < (y + radius + 1).min(h) {
                let row = &self.image.data[done * w..(done + 1) * w];
                padded[..radius].fill(row[0]);
                padded[radius..radius + w].copy_from_slice(row);
                padded[radius + w..].fill(row[w - 1]);
                let out = &mut rows[place(done)..place(done) + w];
                weigh(simd, out, self.weights, row, |i| {
                    (&padded[radius - i..radius - i + w], &padded[radius + i..radius + i + w])
                });
                done += 1;
            }
            let row = |y: usize| &rows[place(y)..place(y) + w];
            weigh(simd, &mut line, self.weights, row(y), |i| {
                (row(y.saturating_sub(i)), row((y + i).min(h - 1)))
            });
            data.extend_from_slice(&line);
        }
        data
    }
}

/// Sums of a row and of its neighbours on both sides, `sides(distance)`, by their weights.
#[inline(always)]
fn weigh<'a, S: Simd>(
    simd: S,
    out: &mut [f32],
    weights: &[f32],
    middle: &[f32],
    sides: impl Fn(usize) -> (&'a [f32], &'a [f32]),
) {
    let block = SUMS * S::F32_LANES;
    let whole = out.len() / block * block;
    for x in (0..whole).step_by(block) {
        let weight = simd.splat_f32s(weights[0]);
        let mut sums = registers::<S>(&middle[x..x + block]);
        for sum in &mut sums {
            *sum = simd.mul_f32s(weight, *sum);
        }
        for (i, weight) in weights.iter().enumerate().skip(1) {
            let weight = simd.splat_f32s(*weight);
            let (one, other) = sides(i);
            let one = registers::<S>(&one[x..x + block]);
            let other = registers::<S>(&other[x..x + block]);
            for k in 0..SUMS {
                let both = simd.mul_f32s(weight, simd.add_f32s(one[k], other[k]));
                sums[k] = simd.add_f32s(sums[k], both);
            }
        }
        S::as_mut_simd_f32s(&mut out[x..x + block]).0.copy_from_slice(&sums);
    }
    let out = &mut out[whole..];
    for (out, value) in out.iter_mut().zip(&middle[whole..]) {
        *out = weights[0] * value;
    }
    for (i, weight) in weights.iter().enumerate().skip(1) {
        let (one, other) = sides(i);
        for ((out, one), other) in out.iter_mut().zip(&one[whole..]).zip(&other[whole..]) {
            *out += weight * (one + other);
        }
    }
}

/// Values as registers.
#[inline(always)]
fn registers<S: Simd>(values: &[f32]) -> [S::f32s; SUMS] {
    let (values, _) = S::as_simd_f32s(values);
    [values[0], values[1], values[2], values[3]]
}

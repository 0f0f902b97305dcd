//! Gaussian blur, one axis after the other.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

use super::Image;
use crate::simd::{Cpu, Vectorized};

/// A picture and the weights of one side: the middle first.
struct Gaussian<'a> {
    image: &'a Image,
    weights: &'a [f32],
}

/// Blurred by a Gaussian of `sigma` pixels, cut off at three of them; beyond the border the last pixel goes on.
pub(super) fn blur(image: &Image, sigma: f32) -> Image {
    let radius = (3.0 * sigma).ceil() as usize;
    let mut weights: Vec<f32> = (0..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    if radius == 0 || image.data.is_empty() {
        return image.clone();
    }
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
    for weight in &mut weights {
        *weight /= sum;
    }
    let data = Cpu::detect().run(Gaussian { image, weights: &weights });
    Image { data, ..*image }
}

impl Vectorized for Gaussian<'_> {
    type Output = Vec<f32>;

    // Products and sums apart, never fused: every CPU gives the same numbers.
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) -> Vec<f32> {
        let (w, h) = (self.image.width, self.image.height);
        let radius = self.weights.len() - 1;
        let mut rows = vec![0.0; w * h];
        let mut padded = vec![0.0; w + 2 * radius];
        for (row, out) in self.image.data.chunks_exact(w).zip(rows.chunks_exact_mut(w)) {
            padded[..radius].fill(row[0]);
            padded[radius..radius + w].copy_from_slice(row);
            padded[radius + w..].fill(row[w - 1]);
            middle(out, self.weights[0], row);
            for (i, weight) in self.weights.iter().enumerate().skip(1) {
                sides(out, *weight, &padded[radius - i..radius - i + w], &padded[radius + i..radius + i + w]);
            }
        }
        let mut data = vec![0.0; w * h];
        for (y, out) in data.chunks_exact_mut(w).enumerate() {
            middle(out, self.weights[0], &rows[y * w..(y + 1) * w]);
            for (i, weight) in self.weights.iter().enumerate().skip(1) {
                let (above, below) = (y.saturating_sub(i), (y + i).min(h - 1));
                sides(out, *weight, &rows[above * w..(above + 1) * w], &rows[below * w..(below + 1) * w]);
            }
        }
        data
    }
}

#[inline(always)]
fn middle(out: &mut [f32], weight: f32, values: &[f32]) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = weight * value;
    }
}

#[inline(always)]
fn sides(out: &mut [f32], weight: f32, one: &[f32], other: &[f32]) {
    for ((out, one), other) in out.iter_mut().zip(one).zip(other) {
        *out += weight * (one + other);
    }
}

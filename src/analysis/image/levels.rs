//! Which step of a scale each pixel is on, and the least and greatest pixel.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

use crate::simd::{Cpu, Vectorized};

/// Values that are compared side by side.
const LANES: usize = 16;

/// Least and greatest finite value; infinity and its negative without one.
pub(super) fn extent(values: &[f32]) -> (f32, f32) {
    Cpu::detect().run(Extent(values))
}

struct Extent<'a>(&'a [f32]);

impl Vectorized for Extent<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) -> (f32, f32) {
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let (parts, rest) = self.0.as_chunks::<LANES>();
        for part in parts {
            for ((low, high), &v) in low.iter_mut().zip(&mut high).zip(part) {
                *low = if v < *low && v.is_finite() { v } else { *low };
                *high = if v > *high && v.is_finite() { v } else { *high };
            }
        }
        for &v in rest.iter().filter(|v| v.is_finite()) {
            (low[0], high[0]) = (low[0].min(v), high[0].max(v));
        }
        (low.into_iter().fold(f32::INFINITY, f32::min), high.into_iter().fold(f32::NEG_INFINITY, f32::max))
    }
}

/// `of` each value as a whole number from 0 to `last`, rounded down; not a number is 0.
pub(super) fn levels(values: &[f32], last: u16, of: impl Fn(f32) -> f32) -> Vec<u16> {
    Cpu::detect().run(Levels { values, last: i32::from(last), of })
}

struct Levels<'a, F> {
    values: &'a [f32],
    last: i32,
    of: F,
}

impl<F: Fn(f32) -> f32> Vectorized for Levels<'_, F> {
    type Output = Vec<u16>;

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) -> Vec<u16> {
        let Self { values, last, of } = self;
        // Not collected: that would not be inlined here.
        let mut levels = vec![0; values.len()];
        for (level, &v) in levels.iter_mut().zip(values) {
            *level = (of(v) as i32).clamp(0, last) as u16;
        }
        levels
    }
}

/// How often each of `N` levels is met.
pub(super) fn counts<const N: usize>(levels: &[u16]) -> [u32; N] {
    // Neighbours are often on one level: counted in turns, so that no count waits for the one before.
    let mut counts = [[0_u32; N]; 4];
    let (parts, rest) = levels.as_chunks::<4>();
    for part in parts {
        for (counts, &level) in counts.iter_mut().zip(part) {
            counts[level as usize] += 1;
        }
    }
    for &level in rest {
        counts[0][level as usize] += 1;
    }
    let [mut sum, others @ ..] = counts;
    for other in others {
        sum.iter_mut().zip(other).for_each(|(sum, n)| *sum += n);
    }
    sum
}

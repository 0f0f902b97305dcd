//! Greatest and least values around each pixel, and what is left of a picture without its small parts.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

use super::{Image, Mask};
use crate::simd::{Cpu, Vectorized};

/// Values in steps of `unit`, each joined with those of the `2·reach` steps after it: windows of one, two, four … steps, and
/// the last from two that overlap (after van Herk 1992, Pattern Recognit Lett 13:517). The last `2·reach` steps of `values`
/// are void afterwards; `spare` is as long.
#[inline(always)]
fn windows(
    values: &mut Vec<f32>,
    spare: &mut Vec<f32>,
    unit: usize,
    reach: usize,
    join: impl Fn(f32, f32) -> f32,
) {
    let length = 2 * reach + 1;
    let (mut size, mut left) = (1, values.len());
    while size < length {
        let step = size.min(length - size);
        left -= step * unit;
        let pairs = values.iter().zip(&values[step * unit..]);
        for (out, (a, b)) in spare[..left].iter_mut().zip(pairs) {
            *out = join(*a, *b);
        }
        std::mem::swap(values, spare);
        size += step;
    }
}

/// Least, then greatest value of a square of `2·reach + 1` pixels, or the greatest alone.
struct Squares<'a> {
    image: &'a Image,
    reach: usize,
    least_first: bool,
}

impl Vectorized for Squares<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) -> Vec<f32> {
        let Self { image, reach, least_first } = self;
        let (w, h) = (image.width, image.height);
        let mut data = image.data.clone();
        let mut line = [(); 2].map(|()| Vec::with_capacity(w + 2 * reach));
        let mut whole = [(); 2].map(|()| vec![0.0; (h + 2 * reach) * w]);
        if least_first {
            square(&mut data, w, reach, &mut line, &mut whole, f32::min);
        }
        square(&mut data, w, reach, &mut line, &mut whole, f32::max);
        data
    }
}

/// Each value joined with all of the square around it; beyond the border there is none, or, what is the same, the last pixel
/// again. `line` and `whole` are memory for a row and for the picture, with room for the border.
#[inline(always)]
fn square(
    data: &mut [f32],
    w: usize,
    reach: usize,
    [line, spare_line]: &mut [Vec<f32>; 2],
    [whole, spare_whole]: &mut [Vec<f32>; 2],
    join: impl Fn(f32, f32) -> f32 + Copy,
) {
    let len = data.len();
    spare_line.resize(w + 2 * reach, 0.0);
    for (row, out) in data.chunks_exact(w).zip(whole[reach * w..].chunks_exact_mut(w)) {
        line.resize(w + 2 * reach, 0.0);
        line[..reach].fill(row[0]);
        line[reach..reach + w].copy_from_slice(row);
        line[reach + w..].fill(row[w - 1]);
        windows(line, spare_line, 1, reach, join);
        out.copy_from_slice(&line[..w]);
    }
    for border in 0..reach {
        whole.copy_within(reach * w..(reach + 1) * w, border * w);
        whole.copy_within(reach * w + len - w..reach * w + len, reach * w + len + border * w);
    }
    windows(whole, spare_whole, w, reach, join);
    data.copy_from_slice(&whole[..len]);
}

impl Image {
    /// Without bright parts that are narrower than a square of `2·reach + 1` pixels: least, then greatest value of it.
    #[must_use]
    pub fn opening(&self, reach: usize) -> Self {
        let reach = reach.min(self.width.max(self.height));
        if reach == 0 || self.data.is_empty() {
            return self.clone();
        }
        Self { data: Cpu::detect().run(Squares { image: self, reach, least_first: true }), ..*self }
    }
}

impl Mask {
    /// With all pixels up to `reach` away along rows and columns.
    #[must_use]
    pub fn grown(&self, reach: usize) -> Self {
        let reach = reach.min(self.width.max(self.height));
        if reach == 0 || self.data.is_empty() {
            return self.clone();
        }
        let data = self.data.iter().map(|&on| f32::from(u8::from(on))).collect();
        let image = Image { width: self.width, height: self.height, data };
        let data = Cpu::detect().run(Squares { image: &image, reach, least_first: false });
        Image { data, ..image }.above(0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_takes_what_is_narrower_and_keeps_the_rest() {
        // A bar of 3 × 5 and a line of 1 × 9 on a ground of 1.
        let data = (0..12 * 12).map(|i| {
            let (x, y) = (i % 12, i / 12);
            let bar = (1..4).contains(&x) && (1..6).contains(&y);
            if bar || (y == 9 && (2..11).contains(&x)) { 5.0 } else { 1.0 }
        });
        let image = Image { width: 12, height: 12, data: data.collect() };
        let opened = image.opening(1);
        assert_eq!(opened.data.iter().filter(|v| **v == 5.0).count(), 15, "the bar, and not the line");
        assert_eq!(opened.data[12 + 1], 5.0);
        assert_eq!(image.opening(2).data, vec![1.0; 144]);
        assert_eq!(image.opening(0), image);
        assert_eq!(image.opening(500).data, vec![1.0; 144], "wider than the picture");
    }

    #[test]
    fn a_mask_grows_on_all_sides_and_stays_inside() {
        let mut mask = Mask { width: 7, height: 5, data: vec![false; 35] };
        mask.data[2 * 7] = true;
        let grown = mask.grown(1);
        let on: Vec<usize> = (0..35).filter(|&i| grown.data[i]).collect();
        assert_eq!(on, [7, 8, 14, 15, 21, 22]);
        assert_eq!(mask.grown(9).count(), 35);
    }
}

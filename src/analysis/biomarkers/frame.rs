//! A frame with what several features need of it, and the arithmetic that they share.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use crate::analysis::image::{Image, Mask};

/// A frame of one channel, and what is bright in it.
#[derive(Debug, Clone)]
pub(super) struct Frame<'a> {
    pub image: &'a Image,
    pub pixel_um: f64,
    /// Value of no light: the 10th percentile.
    pub background: f32,
    /// Mean above background of the whole picture, at least 10⁻³.
    pub light: f64,
    /// Blurred by a Gaussian of 0.2 µm.
    pub smooth: Image,
    /// Where mitochondria, or whatever is stained, are brighter than their surroundings.
    pub mask: Mask,
    /// Pixels of the mask, ascending.
    pub lit: Vec<usize>,
    /// Connected part of each pixel, and the parts' sizes, as of [`Mask::parts`].
    pub label: Vec<u32>,
    pub sizes: Vec<usize>,
}

/// Pixels of the least part that counts as one.
pub(super) const LEAST_PART: usize = 4;

/// Pixels that a foreground must have, or nothing is said of it.
pub(super) const LEAST_LIT: usize = 4;

impl<'a> Frame<'a> {
    pub fn new(image: &'a Image, pixel_um: f64) -> Self {
        let mask = foreground(image, pixel_um);
        let background = image.quantile(0.1);
        let sum = sum_of(&image.data, |v| f64::from(v - background));
        let light = (sum / image.data.len().max(1) as f64).max(1e-3);
        let (label, sizes) = mask.parts();
        Self {
            image,
            pixel_um,
            background,
            light,
            smooth: image.blur((0.2 / pixel_um) as f32),
            lit: mask.places(),
            mask,
            label,
            sizes,
        }
    }

    /// Light of a pixel above background.
    pub fn above(&self, i: usize) -> f64 {
        f64::from(self.image.data[i]) - f64::from(self.background)
    }

    /// Pixels of the mask with their column and row.
    pub fn places(&self) -> impl Iterator<Item = (usize, [f64; 2])> {
        places(&self.lit, self.mask.width)
    }

    /// Parts of the foreground that are large enough to count.
    pub fn count(&self) -> usize {
        self.sizes.iter().filter(|&&size| size >= LEAST_PART).count()
    }

    /// Light above background of the foreground's pixels.
    pub fn values(&self) -> Vec<f64> {
        self.lit.iter().map(|&i| self.above(i)).collect()
    }
}

/// Brighter than its surroundings: a difference of Gaussians of 0.13 and 0.9 µm, above Otsu's threshold.
fn foreground(image: &Image, pixel_um: f64) -> Mask {
    let (low, high) = image.range();
    if low >= high {
        // What rounding leaves of a constant picture is no structure.
        return image.above(f32::INFINITY);
    }
    let fine = image.blur((0.13 / pixel_um) as f32).minus(&image.blur((0.9 / pixel_um) as f32));
    fine.above(fine.otsu())
}

/// Places with their column and row, without a division for each; ascending.
pub(super) fn places(of: &[usize], width: usize) -> impl Iterator<Item = (usize, [f64; 2])> {
    let (mut y, mut start) = (0.0, 0);
    of.iter().map(move |&i| {
        while i - start >= width {
            start += width;
            y += 1.0;
        }
        (i, [(i - start) as f64, y])
    })
}

/// Natural logarithm; of 0 and less that of 10⁻⁹.
pub(super) fn ln(v: f64) -> f64 {
    v.max(1e-9).ln()
}

/// Sum of `of` each value, several at a time.
pub(super) fn sum_of(values: &[f32], of: impl Fn(f32) -> f64) -> f64 {
    let (parts, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, &v)| *sum += of(v));
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&v| of(v)).sum::<f64>()
}

pub(super) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for v in values {
        sum += v;
        n += 1.0;
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

/// Mean and deviation.
pub(super) fn spread(values: &[f64]) -> (f64, f64) {
    let m = mean(values.iter().copied());
    (m, mean(values.iter().map(|v| (v - m).powi(2))).sqrt())
}

/// Third standardised moment; 0 where nothing varies.
pub(super) fn skewness(values: &[f64]) -> f64 {
    let (m, deviation) = spread(values);
    skewness_of(m, deviation, mean(values.iter().map(|v| (v - m).powi(3))))
}

/// As [`skewness`], from the mean, the deviation and the mean cube of what is apart from the mean.
pub(super) fn skewness_of(mean: f64, deviation: f64, third: f64) -> f64 {
    if deviation > 1e-9 * mean.abs() && deviation > 0.0 { third / deviation.powi(3) } else { 0.0 }
}

/// The middle value, of an even number the upper one; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Slope of a line through points, least squares; 0 where the places do not differ.
pub(super) fn slope(places: &[f64], values: &[f64]) -> f64 {
    let (x, y) = (mean(places.iter().copied()), mean(values.iter().copied()));
    let (mut xx, mut xy) = (0.0, 0.0);
    for (place, value) in places.iter().zip(values) {
        xx += (place - x).powi(2);
        xy += (place - x) * (value - y);
    }
    if xx > 0.0 { xy / xx } else { 0.0 }
}

/// Correlation of pairs; 0 where one side does not vary.
pub(super) fn correlation(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let pairs: Vec<(f64, f64)> = pairs.into_iter().collect();
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let ((ma, da), (mb, db)) = (spread(&a), spread(&b));
    let covariance = mean(a.iter().zip(&b).map(|(a, b)| (a - ma) * (b - mb)));
    if da > 1e-9 * ma.abs() && db > 1e-9 * mb.abs() && da * db > 0.0 { covariance / (da * db) } else { 0.0 }
}

/// Central differences along columns and rows.
pub(super) fn gradient(image: &Image) -> (Image, Image) {
    let (w, h) = (image.width, image.height);
    let (mut across, mut down) = (vec![0.0; w * h], vec![0.0; w * h]);
    for (y, (across, down)) in across.chunks_exact_mut(w).zip(down.chunks_exact_mut(w)).enumerate() {
        gradient_row(&image.data, w, y, across, down);
    }
    (Image { data: across, ..*image }, Image { data: down, ..*image })
}

/// Of one row of a picture that is `w` wide.
#[inline(always)]
pub(super) fn gradient_row(data: &[f32], w: usize, y: usize, across: &mut [f32], down: &mut [f32]) {
    let row = &data[y * w..(y + 1) * w];
    across[0] = 0.5 * (row[1.min(w - 1)] - row[0]);
    across[w - 1] = 0.5 * (row[w - 1] - row[w.saturating_sub(2)]);
    for (out, (left, right)) in across[1..].iter_mut().zip(row.iter().zip(row.iter().skip(2))) {
        *out = 0.5 * (right - left);
    }
    let last = data.len() / w - 1;
    let [above, below] =
        [y.saturating_sub(1) * w, (y + 1).min(last) * w].map(|start| &data[start..start + w]);
    for (out, (above, below)) in down.iter_mut().zip(above.iter().zip(below)) {
        *out = 0.5 * (below - above);
    }
}

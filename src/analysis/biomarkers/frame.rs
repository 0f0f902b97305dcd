//! A frame with what several features need of it, and the arithmetic that they share.

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
        let light = mean(image.data.iter().map(|v| f64::from(v - background))).max(1e-3);
        let (label, sizes) = mask.parts();
        Self {
            image,
            pixel_um,
            background,
            light,
            smooth: image.blur((0.2 / pixel_um) as f32),
            lit: (0..mask.data.len()).filter(|&i| mask.data[i]).collect(),
            mask,
            label,
            sizes,
        }
    }

    /// Light of a pixel above background.
    pub fn above(&self, i: usize) -> f64 {
        f64::from(self.image.data[i]) - f64::from(self.background)
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

/// Natural logarithm; of 0 and less that of 10⁻⁹.
pub(super) fn ln(v: f64) -> f64 {
    v.max(1e-9).ln()
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
    let third = mean(values.iter().map(|v| (v - m).powi(3)));
    if deviation > 1e-9 * m.abs() && deviation > 0.0 { third / deviation.powi(3) } else { 0.0 }
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
    for y in 0..h {
        let row = &image.data[y * w..(y + 1) * w];
        let out = &mut across[y * w..(y + 1) * w];
        out[0] = 0.5 * (row[1.min(w - 1)] - row[0]);
        out[w - 1] = 0.5 * (row[w - 1] - row[w.saturating_sub(2)]);
        for (out, three) in out[1..].iter_mut().zip(row.windows(3)) {
            *out = 0.5 * (three[2] - three[0]);
        }
        let (above, below) = (y.saturating_sub(1) * w, (y + 1).min(h - 1) * w);
        let sides = image.data[above..above + w].iter().zip(&image.data[below..below + w]);
        for (out, (above, below)) in down[y * w..(y + 1) * w].iter_mut().zip(sides) {
            *out = 0.5 * (below - above);
        }
    }
    (Image { data: across, ..*image }, Image { data: down, ..*image })
}

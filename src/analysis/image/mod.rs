//! Small image operations that the biomarkers need: blur, threshold, thinning, connected parts, openings.

mod blur;
mod levels;
mod mask;
mod opening;

pub use mask::Mask;

/// Bins that pixels are sorted into before a quantile is looked up.
const BINS: u16 = 4096;

/// Pixels that are looked at together for whether one is in a bin.
const AT_ONCE: usize = 64;

/// A picture of one channel, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width]`.
    pub data: Vec<f32>,
}

impl Image {
    /// Blurred by a Gaussian of `sigma` pixels, cut off at three of them; beyond the border the last pixel goes on.
    #[must_use]
    pub fn blur(&self, sigma: f32) -> Self {
        blur::blur(self, sigma, 1)
    }

    /// As [`Self::blur`], of `every` rows one, from the first.
    #[must_use]
    pub fn blur_rows(&self, sigma: f32, every: usize) -> Self {
        blur::blur(self, sigma, every.max(1))
    }

    /// This minus another of the same size.
    #[must_use]
    pub fn minus(mut self, other: &Self) -> Self {
        self.data.iter_mut().zip(&other.data).for_each(|(a, b)| *a -= b);
        self
    }

    /// Least and greatest value that is finite; 0 and 0 without one.
    pub fn range(&self) -> (f32, f32) {
        let (low, high) = levels::extent(&self.data);
        if low <= high { (low, high) } else { (0.0, 0.0) }
    }

    /// The value that a part of the pixels lies below; 0 without pixels.
    pub fn quantile(&self, part: f64) -> f32 {
        let [value] = self.quantiles([part]);
        value
    }

    /// Values that parts of the pixels lie below: exactly those of the sorted pixels. What is not finite counts as the least
    /// value.
    pub fn quantiles<const N: usize>(&self, parts: [f64; N]) -> [f32; N] {
        let (low, high) = self.range();
        // Sorted by bins first, then within one: bins grow with values, so that the place in the order stays.
        let scale = (f32::from(BINS) - 1.0) / (high - low);
        if !(high > low && scale.is_finite() && scale > 0.0) {
            return [low; N];
        }
        let value = |v: f32| if v.is_finite() { v } else { low };
        let bins = levels::levels(&self.data, BINS - 1, |v| (value(v) - low) * scale);
        let counts = levels::counts::<{ BINS as usize }>(&bins);
        parts.map(|part| {
            let mut place = ((self.data.len() - 1) as f64 * part.clamp(0.0, 1.0)).round() as usize;
            let mut of = 0;
            while of + 1 < BINS && place >= counts[of as usize] as usize {
                place -= counts[of as usize] as usize;
                of += 1;
            }
            let mut within: Vec<f32> = Vec::with_capacity(counts[of as usize] as usize);
            for (bins, values) in bins.chunks(AT_ONCE).zip(self.data.chunks(AT_ONCE)) {
                // Most have none, which is told quickly.
                if bins.contains(&of) {
                    let here = bins.iter().zip(values).filter(|(bin, _)| **bin == of);
                    within.extend(here.map(|(_, v)| value(*v)));
                }
            }
            let last = within.len().saturating_sub(1);
            if within.is_empty() {
                low
            } else {
                *within.select_nth_unstable_by(place.min(last), f32::total_cmp).1
            }
        })
    }

    /// Of each pixel how many whole steps it is above `low`, from 0 to `last`; not a number is 0.
    pub fn levels(&self, low: f32, step: f32, last: u16) -> Vec<u16> {
        levels::levels(&self.data, last, |v| (v - low) / step)
    }

    /// Threshold that parts the pixels best in two classes: Otsu 1979, IEEE Trans Syst Man Cybern 9:62, 256 bins.
    pub fn otsu(&self) -> f32 {
        let (low, high) = levels::extent(&self.data);
        let step = (high - low) / 256.0;
        if !(step > 0.0 && step.is_finite()) {
            return high;
        }
        let bins = levels::counts::<256>(&self.levels(low, step, 255));
        let total = self.data.len() as f64;
        let sum: f64 = bins.iter().enumerate().map(|(i, &n)| i as f64 * f64::from(n)).sum();
        let (mut below, mut sum_below, mut best, mut threshold) = (0.0, 0.0, -1.0, 0);
        for (i, &n) in bins.iter().enumerate() {
            below += f64::from(n);
            sum_below += i as f64 * f64::from(n);
            let above = total - below;
            if below == 0.0 || above == 0.0 {
                continue;
            }
            let between = below * above * (sum_below / below - (sum - sum_below) / above).powi(2);
            if between > best {
                (best, threshold) = (between, i);
            }
        }
        low + step * (threshold + 1) as f32
    }

    /// Which pixels are above a threshold.
    pub fn above(&self, threshold: f32) -> Mask {
        let data = self.data.iter().map(|&v| v > threshold).collect();
        Mask { width: self.width, height: self.height, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn otsu_parts_two_levels_and_blur_keeps_the_mean() {
        let data = (0..64).map(|i| if i % 4 == 0 { 10.0 } else { 1.0 }).collect();
        let image = Image { width: 8, height: 8, data };
        assert_eq!(image.above(image.otsu()).count(), 16);
        assert_eq!(image.quantile(0.5), 1.0);
        let flat = Image { width: 8, height: 8, data: vec![3.0; 64] };
        assert!(flat.blur(1.5).data.iter().all(|v| (v - 3.0).abs() < 1e-5));
        assert_eq!(flat.above(flat.otsu()).count(), 0);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_pixels() {
        let data: Vec<f32> = (0..997).map(|i| ((i * 7919) % 997) as f32 * 0.37 - 40.0).collect();
        let mut sorted = data.clone();
        sorted.sort_by(f32::total_cmp);
        let image = Image { width: 997, height: 1, data };
        let parts = [0.0, 0.1, 0.25, 0.5, 0.75, 0.99, 1.0];
        assert_eq!(image.quantiles(parts), parts.map(|part| sorted[(996.0 * part).round() as usize]));
        // One pixel that is far away leaves all others in one bin.
        let far = Image { data: [sorted.clone(), vec![1e30]].concat(), width: 998, height: 1 };
        assert_eq!(far.quantiles([0.5, 1.0]), [sorted[499], 1e30]);
        let flat = Image { width: 2, height: 2, data: vec![3.0; 4] };
        assert_eq!(flat.quantile(0.3), 3.0);
        let odd = Image { width: 3, height: 1, data: vec![f32::NAN, 2.0, 1.0] };
        assert_eq!((odd.quantiles([0.0, 0.5, 1.0]), odd.range()), ([1.0, 1.0, 2.0], (1.0, 2.0)));
    }

    #[test]
    fn a_point_blurs_to_a_gaussian() {
        let mut image = Image { width: 21, height: 17, data: vec![0.0; 21 * 17] };
        image.data[8 * 21 + 10] = 1.0;
        let blurred = image.blur(2.0);
        let sum: f32 = blurred.data.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let weight = |d: f32| (-0.5 * (d / 2.0).powi(2)).exp();
        let norm: f32 = (-6..=6).map(|d| weight(d as f32)).sum();
        for (dx, dy) in [(0, 0), (3, 0), (0, 3), (4, 2)] {
            let expected = weight(dx as f32) * weight(dy as f32) / (norm * norm);
            assert!((blurred.data[(8 + dy) * 21 + 10 + dx] - expected).abs() < 1e-6);
        }
        assert_eq!(image.blur(0.0), image);
        let one = Image { width: 1, height: 1, data: vec![7.0] };
        assert!((one.blur(5.0).data[0] - 7.0).abs() < 1e-5);
    }
}

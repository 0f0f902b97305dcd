//! A recording at a glance: one frame, made small.

use super::{Plane, Recording, VideoError};

/// A small grey picture with its own limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumbnail {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width]`, in the recording's own values.
    pub values: Vec<f32>,
    /// Values below which 1 % and 99.8 % of the pixels lie: a few hot pixels must not darken a cell.
    pub limits: (f32, f32),
}

impl Thumbnail {
    /// Its pixels as bytes, from black to white between two limits.
    pub fn grey(&self, (low, high): (f32, f32)) -> Vec<u8> {
        let scale = 255.0 / (high - low).max(f32::MIN_POSITIVE);
        self.values.iter().map(|v| ((v - low) * scale).clamp(0.0, 255.0) as u8).collect()
    }
}

/// The middle frame of the middle plane of the first channel, at most `side` pixels wide and high.
pub fn thumbnail(recording: &Recording, side: usize) -> Result<Thumbnail, VideoError> {
    let shape = recording.shape();
    let plane = recording.read(shape.t / 2, shape.z / 2, 0)?;
    Ok(shrink(&plane, side))
}

/// Averages areas of a plane; colour samples are averaged too. Values that are not finite count as nothing.
pub fn shrink(plane: &Plane, side: usize) -> Thumbnail {
    let longest = plane.width.max(plane.height).max(1);
    let scale = (longest as f64 / side.max(1) as f64).max(1.0);
    let size = |length: usize| ((length as f64 / scale).round() as usize).clamp(1, length.max(1));
    let (width, height) = (size(plane.width), size(plane.height));
    let mut sums = vec![(0.0_f64, 0_u32); width * height];
    let (mut x, mut y, mut sample) = (0, 0, 0);
    plane.for_each(|value| {
        if value.is_finite() {
            let cell = &mut sums[(y * height / plane.height) * width + x * width / plane.width];
            *cell = (cell.0 + value, cell.1 + 1);
        }
        sample += 1;
        if sample == plane.samples {
            (sample, x) = (0, x + 1);
            if x == plane.width {
                (x, y) = (0, y + 1);
            }
        }
    });
    let values: Vec<f32> = sums.iter().map(|&(sum, n)| (sum / f64::from(n.max(1))) as f32).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    Thumbnail { width, height, limits: (at(0.01), at(0.998)), values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::SampleType;

    #[test]
    fn areas_are_averaged() {
        let bytes: Vec<u8> = (0..64).collect();
        let plane = Plane { width: 8, height: 8, samples: 1, dtype: SampleType::U8, bytes };
        let small = shrink(&plane, 4);
        assert_eq!((small.width, small.height), (4, 4));
        // Mean of 0, 1, 8, 9.
        assert_eq!(small.values[0], 4.5);
        assert_eq!(small.values[15], 58.5);
        assert_eq!(small.limits, (4.5, 58.5));
    }

    #[test]
    fn small_pictures_stay_and_long_ones_keep_their_shape() {
        let plane = |width, height| Plane {
            width,
            height,
            samples: 1,
            dtype: SampleType::U8,
            bytes: vec![7; width * height],
        };
        let size = |w, h| {
            let t = shrink(&plane(w, h), 96);
            (t.width, t.height)
        };
        assert_eq!(size(10, 20), (10, 20));
        assert_eq!(size(1000, 500), (96, 48));
        assert_eq!(size(5000, 1), (96, 1));
    }
}

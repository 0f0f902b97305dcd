//! Recordings at a model's physical scale: which frames, which channels, how many µm per pixel.
//!
//! Intensities stay raw here; [`super::intensity`] scales them for a whole experiment.

use thiserror::Error;

use super::card::InputSpec;
use super::sampling::Sampling;
use crate::video::{Plane, Recording, VideoError};

/// Scale or interval that differ by more from the model's are worth a warning.
pub const MISMATCH: f64 = 2.0;

/// Canvas in model pixels: room to shift and rotate within.
pub const CANVAS_PER_SIZE: f64 = 9.0 / 8.0;

/// A recording cannot be brought into a model's form.
#[derive(Debug, Error)]
pub enum ClipError {
    /// Too few frames to see movement in.
    #[error("{path}: {frames} frames; a video needs at least 4. Choose a longer recording")]
    TooShort {
        /// File.
        path: String,
        /// Frames it has.
        frames: usize,
    },
    /// The scale cannot be true.
    #[error(
        "{path}: a pixel size of {um} µm makes an image of {pixels} px at the model's scale. Correct the pixel size"
    )]
    Scale {
        /// File.
        path: String,
        /// Pixel size, µm.
        um: f64,
        /// Pixels on the longer side after resampling.
        pixels: usize,
    },
    /// The recording could not be read.
    #[error(transparent)]
    Video(#[from] VideoError),
}

/// A video at a model's scale, raw intensities in 16 bits: value = `offset + step·code`.
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// Channels, frames, rows, columns.
    pub shape: [usize; 4],
    /// Codes, `[channel, time, height, width]`.
    pub codes: Vec<u16>,
    /// Value of code 0.
    pub offset: f32,
    /// Value between two codes.
    pub step: f32,
    /// How its scale differs from the model's.
    pub mismatch: Mismatch,
}

/// How far a recording is from what a model was trained on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mismatch {
    /// The recording's µm per pixel ÷ the model's; `None` if unknown, and then the recording's pixels are taken as
    /// the model's.
    pub scale: Option<f64>,
    /// Seconds between the frames that were taken ÷ the model's; `None` if unknown.
    pub interval: Option<f64>,
}

impl Mismatch {
    /// What to warn of; `None` if nothing.
    pub fn warning(&self) -> Option<String> {
        let beyond = |ratio: f64| !(1.0 / MISMATCH..=MISMATCH).contains(&ratio);
        let mut parts = Vec::new();
        match self.scale {
            None => parts.push("the pixel size is unknown, so the scale may be wrong".to_owned()),
            Some(scale) if beyond(scale) => {
                parts.push(format!("pixels are {scale:.2} times as large as in training"));
            }
            Some(_) => {}
        }
        match self.interval {
            None => parts.push("the interval is unknown, so speeds may be wrong".to_owned()),
            Some(interval) if beyond(interval) => {
                parts.push(format!("frames are {interval:.2} times as far apart as in training"));
            }
            Some(_) => {}
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Scale that a table's row gives, before what the file says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calibration {
    /// µm per pixel.
    pub pixel_size_um: Option<f64>,
    /// s between frames.
    pub interval_s: Option<f64>,
}

impl Clip {
    /// Reads a recording and brings it to a model's scale.
    ///
    /// Frames are the nearest to the model's time points around the middle of the recording; a recording that is too
    /// short for them is spread over all of it. Focal planes are joined by their maximum. Space is averaged over area
    /// where pixels are smaller than the model's, and interpolated linearly where they are larger.
    pub fn read(
        recording: &Recording,
        calibration: Calibration,
        spec: &InputSpec,
    ) -> Result<Self, ClipError> {
        let all: Vec<usize> = (0..recording.shape().t).collect();
        Self::read_frames(recording, &all, calibration, spec)
    }

    /// As [`Self::read`], from some frames alone, ascending: a window in time, without repeated frames.
    pub fn read_frames(
        recording: &Recording,
        usable: &[usize],
        calibration: Calibration,
        spec: &InputSpec,
    ) -> Result<Self, ClipError> {
        Self::read_sampling(recording, Sampling::new(recording, usable, calibration, spec)?, spec)
    }

    /// Reads what was chosen of a recording.
    pub fn read_sampling(
        recording: &Recording,
        sampling: Sampling,
        spec: &InputSpec,
    ) -> Result<Self, ClipError> {
        let Sampling { frames, channels: picked, ratio, mismatch } = sampling;
        let shape = recording.shape();
        let canvas = (spec.size as f64 * CANVAS_PER_SIZE).ceil() as usize;
        // Its pixels lie on the network's, not between them, so that nothing is blurred on the way.
        let canvas = canvas + (canvas - spec.size) % 2;
        let columns = Resampling::new(shape.x, ratio, canvas);
        let rows = Resampling::new(shape.y, ratio, canvas);
        let plane = rows.len() * columns.len();
        let mut values = vec![0.0_f32; picked.len() * frames.len() * plane];
        let mut last: Option<(usize, Vec<Vec<f32>>)> = None;
        for (k, &t) in frames.iter().enumerate() {
            if last.as_ref().is_none_or(|(frame, _)| *frame != t) {
                last = Some((t, read_frame(recording, t, &picked, &rows, &columns)?));
            }
            let Some((_, channels)) = &last else { continue };
            for (c, channel) in channels.iter().enumerate() {
                let at = (c * frames.len() + k) * plane;
                values[at..at + plane].copy_from_slice(channel);
            }
        }
        let shape = [picked.len(), frames.len(), rows.len(), columns.len()];
        Ok(Self::from_values(shape, &values, mismatch))
    }

    /// Packs values; `[channel, time, height, width]`. What is not finite becomes the least value.
    pub fn from_values(shape: [usize; 4], values: &[f32], mismatch: Mismatch) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let low = finite().fold(f32::INFINITY, f32::min);
        let high = finite().fold(f32::NEG_INFINITY, f32::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let step = ((high - low) / 65_535.0).max(f32::MIN_POSITIVE);
        let code = |value: f32| if value.is_finite() { ((value - low) / step).round() as u16 } else { 0 };
        Self { shape, codes: values.iter().map(|&value| code(value)).collect(), offset: low, step, mismatch }
    }

    /// Values of one frame of one channel, `[height, width]`.
    pub fn frame(&self, channel: usize, frame: usize) -> impl Iterator<Item = f32> + '_ {
        let plane = self.shape[2] * self.shape[3];
        let at = (channel * self.shape[1] + frame) * plane;
        self.codes[at..at + plane].iter().map(|&code| self.offset + self.step * f32::from(code))
    }

    /// Bytes in memory.
    pub const fn bytes(&self) -> usize {
        self.codes.len() * 2
    }
}

/// The picked channels of one time point at the model's scale.
fn read_frame(
    recording: &Recording,
    t: usize,
    picked: &[(usize, usize)],
    rows: &Resampling,
    columns: &Resampling,
) -> Result<Vec<Vec<f32>>, ClipError> {
    let mut planes: Vec<(usize, Vec<Plane>)> = Vec::new();
    let mut channels = Vec::with_capacity(picked.len());
    for &(channel, sample) in picked {
        if !planes.iter().any(|(read, _)| *read == channel) {
            let focal: Result<Vec<Plane>, VideoError> =
                (0..recording.shape().z).map(|z| recording.read(t, z, channel)).collect();
            planes.push((channel, focal?));
        }
        let Some((_, focal)) = planes.iter().find(|(read, _)| *read == channel) else { continue };
        let mut brightest: Vec<f32> = Vec::new();
        for plane in focal {
            let samples = plane.samples.max(1);
            let mut values = Vec::with_capacity(plane.width * plane.height * samples);
            plane.for_each(|value| values.push(value as f32));
            let own = values.iter().skip(sample.min(samples - 1)).step_by(samples);
            if brightest.is_empty() {
                brightest = own.copied().collect();
            } else {
                brightest.iter_mut().zip(own).for_each(|(most, value)| *most = most.max(*value));
            }
        }
        channels.push(resample(&brightest, rows, columns));
    }
    Ok(channels)
}

/// Which source pixels make up each output pixel along one axis.
struct Resampling {
    source: usize,
    /// For each output pixel the first source pixel and the weights from there on.
    taps: Vec<(usize, Vec<f32>)>,
}

impl Resampling {
    /// `ratio` source pixels per output pixel; at most `limit` outputs, from the middle.
    fn new(source: usize, ratio: f64, limit: usize) -> Self {
        let whole = (source as f64 / ratio).round().max(1.0) as usize;
        let count = whole.min(limit.max(1));
        // Middle of the output on the middle of the source.
        let origin = 0.5 * (source as f64 - count as f64 * ratio);
        let taps = (0..count).map(|i| {
            let (from, to) = (origin + i as f64 * ratio, origin + (i + 1) as f64 * ratio);
            if ratio >= 1.0 { area(from, to, source) } else { linear(f64::midpoint(from, to), source) }
        });
        Self { source, taps: taps.collect() }
    }

    fn len(&self) -> usize {
        self.taps.len()
    }
}

/// Each source pixel by the part of it between two positions.
fn area(from: f64, to: f64, source: usize) -> (usize, Vec<f32>) {
    let (from, to) = (from.clamp(0.0, source as f64), to.clamp(0.0, source as f64));
    let first = (from.floor() as usize).min(source - 1);
    let last = (to.ceil() as usize).clamp(first + 1, source);
    let part = |i: usize| ((to.min((i + 1) as f64) - from.max(i as f64)).max(0.0)) as f32;
    let weights: Vec<f32> = (first..last).map(part).collect();
    let sum: f32 = weights.iter().sum();
    if sum > 0.0 { (first, weights.iter().map(|weight| weight / sum).collect()) } else { (first, vec![1.0]) }
}

/// The two source pixels around a position.
fn linear(position: f64, source: usize) -> (usize, Vec<f32>) {
    let at = (position - 0.5).clamp(0.0, (source - 1) as f64);
    let first = (at.floor() as usize).min(source - 1);
    let part = (at - first as f64) as f32;
    if first + 1 < source { (first, vec![1.0 - part, part]) } else { (first, vec![1.0]) }
}

/// `[height, width]` by rows and columns.
fn resample(plane: &[f32], rows: &Resampling, columns: &Resampling) -> Vec<f32> {
    let mut narrow = Vec::with_capacity(rows.source * columns.len());
    for line in plane.chunks_exact(columns.source) {
        narrow.extend(columns.taps.iter().map(|(first, weights)| {
            weights.iter().zip(&line[*first..]).map(|(weight, value)| weight * value).sum::<f32>()
        }));
    }
    let width = columns.len();
    let mut out = vec![0.0; rows.len() * width];
    for ((first, weights), line) in rows.taps.iter().zip(out.chunks_exact_mut(width)) {
        for (row, weight) in (*first..).zip(weights) {
            for (value, source) in line.iter_mut().zip(&narrow[row * width..(row + 1) * width]) {
                *value += weight * source;
            }
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::video::{Address, Channel, Reader, SampleType, Series, Shape};

    /// Frames whose samples say where they are.
    struct Ramp(Vec<Series>);

    impl Reader for Ramp {
        fn format(&self) -> &'static str {
            "ramp"
        }
        fn series(&self) -> &[Series] {
            &self.0
        }
        fn read_plane(&self, _series: usize, plane: usize) -> Result<Plane, VideoError> {
            let shape = self.0[0].shape;
            let (width, height) = (shape.x, shape.y);
            let values = (0..width * height * shape.s).map(|i| {
                let (sample, pixel) = (i % shape.s, i / shape.s);
                (1000 * plane + 100 * sample + 10 * (pixel / width) + pixel % width) as u16
            });
            let bytes = values.flat_map(u16::to_ne_bytes).collect();
            Ok(Plane { width, height, samples: shape.s, dtype: SampleType::U16, bytes })
        }
    }

    pub fn recording(
        shape: Shape,
        pixel_um: Option<f64>,
        times: Option<Vec<f64>>,
        names: &[&str],
    ) -> Recording {
        let series = Series {
            pixel_size_um: pixel_um,
            plane_times_s: times,
            channels: names
                .iter()
                .map(|name| Channel { name: Some((*name).to_owned()), color: None })
                .collect(),
            ..Series::new("ramp", shape, SampleType::U16, "none")
        };
        Recording::from_reader(&Address::of("ramp"), Arc::new(Ramp(vec![series]))).unwrap()
    }

    fn spec(frames: usize, size: usize) -> InputSpec {
        InputSpec {
            channels: vec!["mitochondria".into()],
            frames,
            size,
            pixel_size_um: 0.4,
            interval_s: 5.0,
            masked: false,
            mean: vec![0.0],
            std: vec![1.0],
        }
    }

    pub const FIVE: Shape = Shape { t: 5, z: 1, c: 1, y: 8, x: 8, s: 1 };

    #[test]
    fn half_as_large_pixels_are_averaged_two_by_two() {
        let times = (0..5).map(|t| f64::from(t) * 5.0).collect();
        let clip =
            Clip::read(&recording(FIVE, Some(0.2), Some(times), &[]), Calibration::default(), &spec(5, 16))
                .unwrap();
        assert_eq!(clip.shape, [1, 5, 4, 4]);
        assert_eq!(clip.mismatch, Mismatch { scale: Some(0.5), interval: Some(1.0) });
        assert_eq!(clip.mismatch.warning(), None);
        let frame: Vec<f32> = clip.frame(0, 2).collect();
        // Pixels (0, 0), (0, 1), (1, 0), (1, 1) of frame 2: 2000 + the mean of 0, 1, 10, 11.
        assert!((frame[0] - 2005.5).abs() < 0.1, "{}", frame[0]);
        assert!((frame[5] - (2005.5 + 22.0)).abs() < 0.1);
    }

    #[test]
    fn a_large_field_is_cropped_in_its_middle() {
        let shape = Shape { x: 40, y: 24, ..FIVE };
        let clip = Clip::read(&recording(shape, Some(0.4), None, &[]), Calibration::default(), &spec(5, 16))
            .unwrap();
        assert_eq!(clip.shape, [1, 5, 18, 18]);
        // Columns 11 to 28 of 40, rows 3 to 20 of 24.
        assert!((clip.frame(0, 0).next().unwrap() - 41.0).abs() < 0.1);
        assert!(clip.mismatch.warning().unwrap().contains("interval"));
    }

    #[test]
    fn three_frames_are_refused_and_a_wrong_pixel_size_too() {
        let short = recording(Shape { t: 3, ..FIVE }, None, None, &[]);
        let text = Clip::read(&short, Calibration::default(), &spec(4, 16)).unwrap_err().to_string();
        assert!(text.contains("3 frames"), "{text}");
        let row = Calibration { pixel_size_um: Some(1e9), interval_s: None };
        let wrong = Clip::read(&recording(FIVE, None, None, &[]), row, &spec(4, 16));
        assert!(matches!(wrong, Err(ClipError::Scale { .. })));
    }

    #[test]
    fn four_times_as_coarse_as_in_training_is_worth_a_warning() {
        let times = (0..5).map(f64::from).collect();
        let coarse = recording(FIVE, Some(1.6), Some(times), &[]);
        let clip = Clip::read(&coarse, Calibration::default(), &spec(4, 16)).unwrap();
        let text = clip.mismatch.warning().unwrap();
        assert!(text.contains("4.00 times as large") && text.contains("0.27 times as far apart"), "{text}");
    }
}

//! Recordings at a model's physical scale: which frames, which channels, how many µm per pixel.
//!
//! Intensities stay raw here; `learn` scales them for a whole experiment.

mod defect;
mod resampling;
#[cfg(test)]
pub(crate) mod tests;

use thiserror::Error;

pub use defect::Defect;

use self::defect::Extent;
use self::resampling::{Resampling, resample};
use super::card::InputSpec;
use super::sampling::Sampling;
use crate::video::{Crop, Recording, VideoError};

/// Scale or interval that differ by more from the model's are worth a warning.
pub const MISMATCH: f64 = 2.0;

/// Canvas in model pixels: room to shift and rotate within.
pub const CANVAS_PER_SIZE: f64 = 9.0 / 8.0;

/// A recording cannot be brought into a model's form.
#[derive(Debug, Error)]
pub enum ClipError {
    /// There is no frame to look at.
    #[error("{path}: no frame of it can be used. Choose another recording, or another part of it")]
    NoFrames {
        /// File.
        path: String,
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
    /// There is nothing in it that anything could be said of: it must be flagged, and never gets an answer.
    #[error("{path}: {defect}. Leave it out, or look at how it was recorded")]
    Defect {
        /// File.
        path: String,
        /// What is wrong with its pixels.
        defect: Defect,
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
    /// Frames of the model, where it sees the same frame in all of them: that of an image, or the only one that it asks
    /// for. Then there is no interval that could differ.
    pub still: Option<usize>,
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
        match (self.still, self.interval) {
            (Some(frames @ 2..), _) => parts.push(format!(
                "one frame: the model was trained on {frames} frames, so what it knows of movement says nothing here"
            )),
            (None, None) => parts.push("the interval is unknown, so speeds may be wrong".to_owned()),
            (None, Some(interval)) if beyond(interval) => {
                parts.push(format!("frames are {interval:.2} times as far apart as in training"));
            }
            _ => {}
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
    /// short for them is spread over all of it, some frames twice, an image in all of them. Focal planes are joined by their
    /// maximum. Space is averaged over area where pixels are smaller than the model's, and interpolated linearly where they
    /// are larger.
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
        let (width, height) = (recording.shape().x, recording.shape().y);
        // Before its scale is looked at, which makes less than a pixel of it.
        if width.min(height) < 2 {
            let defect = Defect::TooSmall { width, height };
            return Err(ClipError::Defect { path: recording.path().display().to_string(), defect });
        }
        Self::read_sampling(recording, Sampling::new(recording, usable, calibration, spec)?, spec)
    }

    /// Reads what was chosen of a recording.
    ///
    /// # Errors
    /// A frame cannot be read, or there is nothing in what is seen ([`ClipError::Defect`]).
    pub fn read_sampling(
        recording: &Recording,
        sampling: Sampling,
        spec: &InputSpec,
    ) -> Result<Self, ClipError> {
        let grid = Grid::new(recording, &sampling, spec);
        let Sampling { frames, channels: picked, mismatch, .. } = sampling;
        let failed = |defect| ClipError::Defect { path: recording.path().display().to_string(), defect };
        if let Some(defect) = grid.defect(recording) {
            return Err(failed(defect));
        }
        let Grid { rows, columns } = &grid;
        let plane = rows.len() * columns.len();
        let mut values = vec![0.0_f32; picked.len() * frames.len() * plane];
        let mut extents = vec![Extent::default(); picked.len()];
        let mut last: Option<(usize, Vec<Vec<f32>>)> = None;
        for (k, &t) in frames.iter().enumerate() {
            if last.as_ref().is_none_or(|(frame, _)| *frame != t) {
                let seen = read_frame(recording, t, &picked, &grid)?;
                extents.iter_mut().zip(&seen).for_each(|(extent, values)| extent.add(values));
                last = Some((t, seen.iter().map(|values| resample(values, rows, columns)).collect()));
            }
            let Some((_, channels)) = &last else { continue };
            for (c, channel) in channels.iter().enumerate() {
                let at = (c * frames.len() + k) * plane;
                values[at..at + plane].copy_from_slice(channel);
            }
        }
        if let Some(defect) = Extent::defect(&extents) {
            return Err(failed(defect));
        }
        let shape = [picked.len(), frames.len(), rows.len(), columns.len()];
        Ok(Self::from_values(shape, &values, mismatch))
    }

    /// What [`Self::read_sampling`] would refuse the recording for. Reads frames only until two samples differ: one frame of
    /// a recording that shows something.
    ///
    /// # Errors
    /// A frame cannot be read.
    pub fn defect(
        recording: &Recording,
        sampling: &Sampling,
        spec: &InputSpec,
    ) -> Result<Option<Defect>, ClipError> {
        let grid = Grid::new(recording, sampling, spec);
        if let Some(defect) = grid.defect(recording) {
            return Ok(Some(defect));
        }
        let mut extents = vec![Extent::default(); sampling.channels.len()];
        for &t in &sampling.frames {
            let seen = read_frame(recording, t, &sampling.channels, &grid)?;
            extents.iter_mut().zip(&seen).for_each(|(extent, values)| extent.add(values));
            if extents.iter().any(|extent| extent.varies()) {
                return Ok(None);
            }
        }
        Ok(Extent::defect(&extents))
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

/// How the recording's pixels make those of the clip.
struct Grid {
    rows: Resampling,
    columns: Resampling,
}

impl Grid {
    fn new(recording: &Recording, sampling: &Sampling, spec: &InputSpec) -> Self {
        let shape = recording.shape();
        let canvas = (spec.size as f64 * CANVAS_PER_SIZE).ceil() as usize;
        // Its pixels lie on the network's, not between them, so that nothing is blurred on the way.
        let canvas = canvas + (canvas - spec.size) % 2;
        Self {
            rows: Resampling::new(shape.y, sampling.ratio, canvas),
            columns: Resampling::new(shape.x, sampling.ratio, canvas),
        }
    }

    fn defect(&self, recording: &Recording) -> Option<Defect> {
        let (width, height) = (recording.shape().x, recording.shape().y);
        let least = width.min(height).min(self.rows.len()).min(self.columns.len());
        (least < 2).then_some(Defect::TooSmall { width, height })
    }

    /// The part of the picture that the clip shows.
    fn window(&self) -> Crop {
        let (x, y) = (&self.columns.used, &self.rows.used);
        Crop { x: x.start, y: y.start, width: x.len(), height: y.len() }
    }
}

/// The picked channels of one time point: the part that the clip shows, focal planes joined, not yet resampled.
fn read_frame(
    recording: &Recording,
    t: usize,
    picked: &[(usize, usize)],
    grid: &Grid,
) -> Result<Vec<Vec<f32>>, ClipError> {
    let mut brightest: Vec<Vec<f32>> = vec![Vec::new(); picked.len()];
    let mut values = Vec::new();
    for (index, &(channel, _)) in picked.iter().enumerate() {
        if picked[..index].iter().any(|(read, _)| *read == channel) {
            continue;
        }
        for z in 0..recording.shape().z {
            let plane = recording.read(t, z, channel)?.crop(grid.window());
            values.clear();
            plane.for_each(|value| values.push(value as f32));
            let samples = plane.samples.max(1);
            let these = brightest.iter_mut().zip(picked).filter(|(_, (of, _))| *of == channel);
            for (brightest, (_, sample)) in these {
                let own = values.iter().skip((*sample).min(samples - 1)).step_by(samples);
                if brightest.is_empty() {
                    *brightest = own.copied().collect();
                } else {
                    brightest.iter_mut().zip(own).for_each(|(most, value)| *most = most.max(*value));
                }
            }
        }
    }
    Ok(brightest)
}

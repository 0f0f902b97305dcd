//! A rectangle on a recording, encoded around one time point: what the window does while the recording plays.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::brightness::Brightness;
use super::infer::MolClipEncoder;
use super::inputs::Inputs;
use crate::gpu::resample::{Frame, Geometry, Part, Scaling, Video};
use crate::gpu::{Compute, FrameKey, GpuDevice, GpuError, Samples};
use crate::model::card::InputSpec;
use crate::model::clip::{Calibration, Clip, ClipError, Mismatch};
use crate::model::input::{Frames, Intensity, View, fill};
use crate::model::sampling::Sampling;
use crate::video::{Crop, Plane, Recording, VideoError};

/// Fewest frames that movement can be seen in.
const FEWEST: usize = 4;

/// A region cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The rectangle, or a frame of it.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// Its frames.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// There is no light in it.
    #[error("the rectangle is dark: nothing in it is above background. Draw it around cells")]
    Dark,
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
}

/// What is asked of a recording.
#[derive(Debug, Clone)]
pub struct Region {
    /// Part of the recording's picture; all of it without.
    pub part: Option<Crop>,
    /// Time point, from 0.
    pub at: usize,
    /// What its table says of its scale.
    pub calibration: Calibration,
    /// How the experiment's intensities are scaled, by channel; from the region's own light without.
    pub intensities: Option<Vec<Intensity>>,
}

/// What a region becomes.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Its raw vector.
    pub values: Vec<f32>,
    /// How its scale differs from the model's.
    pub mismatch: Mismatch,
    /// Frames that were seen.
    pub frames: Range<usize>,
    /// The intensity was scaled by the region itself: its brightness says nothing.
    pub own_light: bool,
    /// Decoding and resampling.
    pub reading: Duration,
    /// The network.
    pub encoding: Duration,
}

/// The frames of a model's duration around a time point; moved inside the recording near its ends.
///
/// With times the window lasts `(count − 1)·interval` seconds, without it has `count` frames. Never fewer than four
/// frames, where there are so many and the model takes so many.
pub fn window(
    frames: usize,
    times: Option<&[f64]>,
    at: usize,
    count: usize,
    interval_s: f64,
) -> Range<usize> {
    let at = at.min(frames.saturating_sub(1));
    let length = match times.filter(|times| times.len() == frames && frames > 1) {
        Some(times) => {
            let per_frame = (times[frames - 1] - times[0]) / (frames - 1) as f64;
            let seconds = count.saturating_sub(1) as f64 * interval_s;
            if per_frame > 0.0 { (seconds / per_frame).round() as usize + 1 } else { count }
        }
        None => count,
    };
    let length = length.max(FEWEST.min(count)).min(frames);
    let first = at.saturating_sub(length / 2).min(frames - length);
    first..first + length
}

/// Reads a region around a time point and encodes it. Waits; not for the window's thread.
///
/// # Errors
/// The rectangle does not lie in the picture, its frames cannot be read or are too few, it is dark, or the device
/// fails.
pub fn encode(
    encoder: &MolClipEncoder,
    recording: &Recording,
    region: &Region,
) -> Result<Encoded, RegionError> {
    let started = Instant::now();
    let Seen { inputs, mismatch, frames } =
        inputs(encoder.compute(), &encoder.card().input, recording, region)?;
    let reading = started.elapsed();
    let read = Instant::now();
    let values = encoder.embed(inputs)?;
    let encoding = read.elapsed();
    Ok(Encoded { values, mismatch, frames, own_light: region.intensities.is_none(), reading, encoding })
}

/// What the network sees of a region.
#[derive(Debug, Clone)]
pub struct Seen {
    /// A batch of one.
    pub inputs: Inputs,
    /// How its scale differs from the model's.
    pub mismatch: Mismatch,
    /// Frames of the recording.
    pub frames: Range<usize>,
}

/// Reads a region around a time point.
///
/// # Errors
/// As [`encode`], before the network.
pub fn inputs(
    compute: &Compute,
    spec: &InputSpec,
    recording: &Recording,
    region: &Region,
) -> Result<Seen, RegionError> {
    let part;
    let shown = match region.part {
        Some(crop) => {
            part = recording.part(crop)?;
            &part
        }
        None => recording,
    };
    let times = times(shown, region.calibration);
    // A model that does not know its interval counts frames.
    let timed = times.as_deref().filter(|_| spec.interval_s.is_some());
    let interval_s = spec.interval_s.unwrap_or_default();
    let frames = window(shown.shape().t, timed, region.at, spec.frames, interval_s);
    let usable: Vec<usize> = frames.clone().collect();
    let sampling = Sampling::new(shown, &usable, region.calibration, spec)?;
    let mismatch = sampling.mismatch;
    // Both ways refuse what shows nothing.
    if let Some(defect) = Clip::defect(shown, &sampling, spec)? {
        return Err(ClipError::Defect { path: shown.path().display().to_string(), defect }.into());
    }
    let inputs = match on_gpu(compute, spec, recording, region, &sampling)? {
        Some(inputs) => inputs,
        None => on_cpu(spec, &Clip::read_sampling(shown, sampling, spec)?, region)?,
    };
    Ok(Seen { inputs, mismatch, frames })
}

/// The network's input from decoded frames. Without a scaling of the experiment the region's own light counts.
fn on_cpu(spec: &InputSpec, clip: &Clip, region: &Region) -> Result<Inputs, RegionError> {
    let own = || {
        let light = Brightness::of(clip, spec.channels.len());
        light.channels.into_iter().map(|moments| Intensity::of([moments])).collect::<Option<Vec<_>>>()
    };
    let intensities = match &region.intensities {
        Some(intensities) => intensities.clone(),
        None => own().ok_or(RegionError::Dark)?,
    };
    let shape = [1, spec.channels.len(), spec.frames, spec.size, spec.size];
    let mut video = vec![0.0; shape.iter().product()];
    fill(clip, &intensities, spec, &View::upright(spec.frames, Frames::Video, ""), &mut video);
    Ok(Inputs::values(video, shape))
}

/// The network's input from the frames that the player has uploaded already; others are read and handed over, and
/// stay for the player. `None` where the CPU computes, where the light must be measured first, and where the device
/// cannot do it.
fn on_gpu(
    compute: &Compute,
    spec: &InputSpec,
    recording: &Recording,
    region: &Region,
    sampling: &Sampling,
) -> Result<Option<Inputs>, RegionError> {
    let (Some(gpu), Some(intensities)) = (compute.gpu(), &region.intensities) else { return Ok(None) };
    let depth = recording.shape().z;
    let mut frames = Vec::with_capacity(sampling.channels.len() * sampling.frames.len());
    for &(channel, sample) in &sampling.channels {
        for &t in &sampling.frames {
            let key = FrameKey { recording: recording.id, channel, t, z: 0, depth };
            let Some(samples) = uploaded(gpu, recording, key)? else { return Ok(None) };
            let sample = (sample as u32).min(samples.samples.saturating_sub(1));
            frames.push(Frame { samples, frame: 0, sample });
        }
    }
    let ratio = sampling.ratio as f32;
    let part = region.part.map(Part::from);
    let geometry = Geometry { matrix: [ratio, 0.0, 0.0, ratio], shift: [0.0; 2], part, samples: None };
    if !geometry.is_possible() {
        return Ok(None);
    }
    let scaling = |(c, (mean, deviation)): (usize, (&f32, &f32))| {
        let Intensity { background, scale } = intensities[c.min(intensities.len() - 1)];
        Scaling { background, gain: 1.0 / scale, mean: *mean, deviation: *deviation }
    };
    let scaling = spec.mean.iter().zip(&spec.std).enumerate().map(scaling).collect();
    let shape = [1, spec.channels.len(), spec.frames, spec.size, spec.size];
    Ok(Some(Inputs::frames(vec![Video { frames, geometry, scaling }], shape, compute.clone())))
}

/// All focal planes of a frame in the device's memory; `None` if it cannot hold them.
fn uploaded(gpu: &GpuDevice, recording: &Recording, key: FrameKey) -> Result<Option<Samples>, RegionError> {
    if let Some(samples) = gpu.frames().get(&key) {
        return Ok(Some(samples));
    }
    let planes: Vec<Arc<Plane>> = (0..key.depth)
        .map(|z| recording.read(key.t, z, key.channel).map(Arc::new))
        .collect::<Result<_, _>>()?;
    match gpu.frames().get_or_upload(&gpu.device, &gpu.queue, key, &planes) {
        Ok((samples, _)) => Ok(Some(samples)),
        Err(GpuError::Frames { detail }) => {
            log::debug!("{}: read on the CPU: {detail}", recording.path().display());
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

/// Seconds of each frame: what the table says counts before what the file says.
fn times(recording: &Recording, calibration: Calibration) -> Option<Vec<f64>> {
    match calibration.interval_s.filter(|interval| interval.is_finite() && *interval > 0.0) {
        Some(interval) => Some((0..recording.shape().t).map(|t| t as f64 * interval).collect()),
        None => recording.times_s(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_lasts_as_long_as_the_models_and_stays_inside() {
        // 16 frames at 3 s are 45 s: 10 frames at 5 s.
        let times: Vec<f64> = (0..100).map(|t| f64::from(t) * 5.0).collect();
        assert_eq!(window(100, Some(&times), 50, 16, 3.0), 45..55);
        assert_eq!(window(100, Some(&times), 0, 16, 3.0), 0..10);
        assert_eq!(window(100, Some(&times), 99, 16, 3.0), 90..100);
        assert_eq!(window(100, None, 50, 16, 3.0), 42..58);
    }

    #[test]
    fn a_short_or_slow_recording_gives_what_it_has() {
        assert_eq!(window(6, None, 5, 16, 3.0), 0..6);
        // A frame a minute: four frames are the least.
        let times: Vec<f64> = (0..100).map(|t| f64::from(t) * 60.0).collect();
        assert_eq!(window(100, Some(&times), 50, 16, 3.0), 48..52);
        assert_eq!(window(1, None, 7, 16, 3.0), 0..1);
        // A model of images sees the frame itself.
        assert_eq!(window(100, Some(&times), 50, 1, 3.0), 50..51);
        assert_eq!(window(100, None, 99, 1, 3.0), 99..100);
        assert_eq!(window(0, None, 0, 16, 3.0), 0..0);
    }
}

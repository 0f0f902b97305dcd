//! From clips to what a network gets: made on the CPU, or, where a GPU computes, resampled on it from frames that are in
//! its memory.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use super::store::{ClipStore, LoadError};
use crate::gpu::resample::{Frame, Geometry, Scaling, Video, resample};
use crate::gpu::{Compute, GpuError, Samples};
use crate::model::card::InputSpec;
use crate::model::clip::Clip;
use crate::model::input::{Intensity, View, fill};

/// Bytes of the GPU's memory that clips may keep between two uses.
const KEPT: u64 = 1 << 30;

/// Codes of a clip without contrast are all 0; whatever stands for their distance then must be a number.
const LEAST_STEP: f32 = 1e-30;

/// Some videos on their way to the compute thread.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// `[video, channel, time, height, width]`.
    shape: [usize; 5],
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    /// The numbers themselves, one video after the other.
    Values(Vec<f32>),
    /// Frames in the memory of the GPU that computes.
    Frames(Vec<Video>, Compute),
}

impl Inputs {
    /// Numbers, `[video, channel, time, height, width]`, one after the other.
    pub const fn values(values: Vec<f32>, shape: [usize; 5]) -> Self {
        Self { shape, source: Source::Values(values) }
    }

    /// Frames in the memory of the GPU that computes.
    pub const fn frames(videos: Vec<Video>, shape: [usize; 5], compute: Compute) -> Self {
        Self { shape, source: Source::Frames(videos, compute) }
    }

    /// Videos.
    pub const fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.shape[0] == 0
    }

    /// Some of the videos.
    #[must_use]
    pub fn part(&self, videos: Range<usize>) -> Self {
        let [_, c, t, h, w] = self.shape;
        let shape = [videos.len(), c, t, h, w];
        let one = c * t * h * w;
        let source = match &self.source {
            Source::Values(values) => Source::Values(values[videos.start * one..videos.end * one].to_vec()),
            Source::Frames(all, compute) => Source::Frames(all[videos].to_vec(), compute.clone()),
        };
        Self { shape, source }
    }

    /// The network's input. On the compute thread.
    ///
    /// # Errors
    /// The GPU fails, or cannot make so large a tensor.
    pub fn tensor(self, device: &Device) -> Result<Tensor<5>, GpuError> {
        match self.source {
            Source::Values(values) => Ok(Tensor::from_data(TensorData::new(values, self.shape), device)),
            Source::Frames(videos, compute) => {
                let tensor = resample(&compute, &videos, self.shape[3])?;
                Ok(if device.is_autodiff() { tensor.autodiff() } else { tensor })
            }
        }
    }
}

/// One video that is asked for.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// Table row.
    pub row: usize,
    /// How each of its channels is scaled.
    pub intensity: &'a [Intensity],
    /// How it is looked at.
    pub view: View,
}

/// Makes inputs of one form for one device.
#[derive(Debug)]
pub struct InputMaker {
    spec: InputSpec,
    compute: Compute,
    kept: Mutex<(HashMap<usize, DeviceClip>, u64)>,
}

/// A clip in the GPU's memory; value = `offset + step·code`.
#[derive(Debug, Clone)]
struct DeviceClip {
    /// Codes, `[channel × time, height, width]`.
    samples: Samples,
    channels: usize,
    frames: usize,
    offset: f32,
    step: f32,
}

impl InputMaker {
    /// For the device that computes.
    pub fn new(spec: InputSpec, compute: &Compute) -> Self {
        Self { spec, compute: compute.clone(), kept: Mutex::default() }
    }

    /// `[video, channel, time, height, width]`.
    pub const fn shape(&self, videos: usize) -> [usize; 5] {
        let InputSpec { frames, size, .. } = self.spec;
        [videos, self.spec.channels.len(), frames, size, size]
    }

    /// What the network sees of some videos. Works on all threads of the current pool.
    ///
    /// # Errors
    /// A video cannot be read, or the GPU cannot hold it.
    pub fn make(&self, store: &ClipStore, seen: &[Seen]) -> Result<Inputs, LoadError> {
        let shape = self.shape(seen.len());
        if self.compute.gpu().is_some() {
            let video = |one: &Seen| {
                Ok(self.device_clip(store, one.row)?.video(one.intensity, &self.spec, &one.view))
            };
            let videos: Vec<Video> = seen.par_iter().map(video).collect::<Result<_, LoadError>>()?;
            return Ok(Inputs::frames(videos, shape, self.compute.clone()));
        }
        let size: usize = shape[1..].iter().product();
        let mut values = vec![0.0; seen.len() * size];
        values.par_chunks_mut(size).zip(seen).try_for_each(|(out, one)| {
            let clip = store.get(one.row)?;
            fill(&clip, one.intensity, &self.spec, &one.view, out);
            Ok::<_, LoadError>(())
        })?;
        Ok(Inputs::values(values, shape))
    }

    /// A row's clip in the GPU's memory, uploaded where it is not there.
    fn device_clip(&self, store: &ClipStore, row: usize) -> Result<DeviceClip, LoadError> {
        let locked = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(clip) = locked().0.get(&row) {
            return Ok(clip.clone());
        }
        // Read and handed over without the lock: others need not wait.
        let clip = DeviceClip::new(&*store.get(row)?, &self.compute)?;
        let mut kept = locked();
        let (clips, bytes) = &mut *kept;
        let size = clip.samples.bytes();
        // As in the store: what is full stays as it is.
        if *bytes + size <= KEPT && clips.insert(row, clip.clone()).is_none() {
            *bytes += size;
        }
        drop(kept);
        Ok(clip)
    }
}

impl DeviceClip {
    fn new(clip: &Clip, compute: &Compute) -> Result<Self, GpuError> {
        let gpu = compute.gpu().ok_or(GpuError::ThreadGone)?;
        let [channels, frames, height, width] = clip.shape;
        let samples = Samples::upload_frames(gpu, &clip.codes, [channels * frames, height, width])?;
        let step = if clip.step > LEAST_STEP { clip.step } else { 1.0 };
        Ok(Self { samples, channels, frames, offset: clip.offset, step })
    }

    /// As [`fill`], on the GPU.
    fn video(&self, intensity: &[Intensity], spec: &InputSpec, view: &View) -> Video {
        let mut frames = Vec::with_capacity(spec.channels.len() * spec.frames);
        let mut scaling = Vec::with_capacity(spec.channels.len());
        for c in 0..spec.channels.len() {
            let channel = c.min(self.channels - 1);
            let Intensity { background, scale } = intensity[c.min(intensity.len() - 1)];
            // In codes.
            scaling.push(Scaling {
                background: (background - self.offset) / self.step,
                gain: self.step * view.gain / scale,
                mean: spec.mean[c],
                deviation: spec.std[c],
            });
            frames.extend(view.frames.iter().take(spec.frames).map(|&frame| Frame {
                samples: self.samples.clone(),
                frame: (channel * self.frames + frame.min(self.frames - 1)) as u32,
                sample: 0,
            }));
        }
        // Clips are at the model's scale: one sample per pixel, as on the CPU.
        let geometry = Geometry { matrix: view.matrix, shift: view.shift, part: None, samples: Some(1) };
        Video { frames, geometry, scaling }
    }
}

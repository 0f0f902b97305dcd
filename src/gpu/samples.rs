//! Samples of frames in the device's memory: what the player's shader draws and what networks are fed from.

use std::sync::Arc;

use super::device::GpuDevice;
use super::error::{GpuError, caught, refused};
use super::plane::{Raster, SampleFormat};

/// Frames of one size and type in the device's memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Samples {
    /// `[frames, depth, height, width, samples]`, usable as `STORAGE`. Every focal plane begins on a 32-bit word where
    /// there are several; frames of one plane follow each other without a gap.
    pub buffer: Arc<wgpu::Buffer>,
    /// Of each sample.
    pub format: SampleFormat,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Interleaved samples per pixel.
    pub samples: u32,
    /// Focal planes.
    pub depth: u32,
    /// Frames; more than one only where `depth` is 1.
    pub frames: u32,
}

impl Samples {
    /// Hands the focal planes of one frame to the device. They must be of one size and type.
    ///
    /// # Errors
    /// They are not, or the device cannot hold them.
    pub fn upload<P: Raster>(gpu: &GpuDevice, planes: &[Arc<P>]) -> Result<Self, GpuError> {
        let form = Form::of(&gpu.device, planes)?;
        caught(&gpu.device, || {
            let buffer = Arc::new(storage(&gpu.device, form.bytes()));
            form.write(&gpu.queue, buffer)
        })?
    }

    /// Hands 16-bit frames of one plane each to the device, `[frames, height, width]`.
    ///
    /// # Errors
    /// The device cannot hold them, or there are not as many values as `[frames, height, width]` says.
    pub fn upload_frames(gpu: &GpuDevice, values: &[u16], shape: [usize; 3]) -> Result<Self, GpuError> {
        let count = |n: usize| u32::try_from(n).map_err(|_| refused(format!("{n} is too large")));
        let [frames, height, width] = [count(shape[0])?, count(shape[1])?, count(shape[2])?];
        if values.is_empty() || values.len() != shape.iter().product::<usize>() {
            return Err(refused(format!("{} values are not {shape:?}", values.len())));
        }
        let bytes = (values.len() as u64 * 2).next_multiple_of(4);
        fits(&gpu.device, bytes)?;
        let buffer = caught(&gpu.device, || {
            let buffer = storage(&gpu.device, bytes);
            write(&gpu.queue, &buffer, 0, bytemuck::cast_slice(values));
            buffer
        })?;
        let format = SampleFormat::U16;
        Ok(Self { buffer: Arc::new(buffer), format, width, height, samples: 1, depth: 1, frames })
    }

    /// Why the shader could read something else than these samples, if it could.
    pub(super) fn problem(&self, frame: u32, sample: u32, limits: &wgpu::Limits) -> Option<String> {
        let Self { width, height, samples, depth, frames, buffer, .. } = self;
        let bytes = self.bytes();
        if *width == 0 || *height == 0 || *depth == 0 {
            Some(format!("a frame of {width} × {height} px in {depth} planes is empty"))
        } else if sample >= *samples {
            Some(format!("sample {} is asked for, a pixel has {samples}", sample + 1))
        } else if frame >= *frames || (*frames > 1 && *depth > 1) {
            Some(format!("frame {} is asked for, there are {frames} of {depth} planes", frame + 1))
        } else if buffer.size() < bytes || !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            Some(format!("{width} × {height} px need a storage buffer of {bytes} bytes"))
        } else if bytes > limits.max_storage_buffer_binding_size.min(u64::from(u32::MAX)) {
            Some(format!("{width} × {height} px are more than the device can read at once"))
        } else {
            None
        }
    }

    /// Samples before a frame.
    pub(super) const fn before(&self, frame: u32) -> u32 {
        frame * self.width * self.height * self.samples
    }

    /// 32-bit words from one focal plane to the next.
    pub(super) fn plane_words(&self) -> u32 {
        (plane_bytes(self.format, [self.width, self.height, self.samples]) / 4) as u32
    }

    /// Bytes of all planes.
    pub fn bytes(&self) -> u64 {
        let sides = [self.width, self.height, self.samples];
        if self.frames > 1 {
            let values = sides.into_iter().chain([self.frames]).map(u128::from).product::<u128>();
            return aligned(values * self.format.size() as u128);
        }
        plane_bytes(self.format, sides).saturating_mul(u64::from(self.depth))
    }
}

/// The focal planes of one frame, of one size and type, and that a device can hold them.
#[derive(Debug)]
pub(super) struct Form<'a, P> {
    planes: &'a [Arc<P>],
    format: SampleFormat,
    width: u32,
    height: u32,
    samples: u32,
    depth: u32,
}

impl<'a, P: Raster> Form<'a, P> {
    /// Of planes of one size and type.
    pub fn of(device: &wgpu::Device, planes: &'a [Arc<P>]) -> Result<Self, GpuError> {
        let first = planes.first().ok_or_else(|| refused("a frame has no plane".to_owned()))?.form();
        if planes.iter().any(|plane| plane.form() != first) {
            return Err(refused("the focal planes of a frame differ in size or type".to_owned()));
        }
        let count = |n: usize| u32::try_from(n).map_err(|_| refused(format!("{n} is too large a frame")));
        let (width, height) = (count(first.width)?, count(first.height)?);
        let (samples, depth, format) = (count(first.samples)?, count(planes.len())?, first.format);
        let form = Self { planes, format, width, height, samples, depth };
        fits(device, form.bytes())?;
        Ok(form)
    }

    /// Bytes of one plane in the buffer.
    fn stride(&self) -> u64 {
        plane_bytes(self.format, [self.width, self.height, self.samples])
    }

    /// Bytes of the buffer.
    pub fn bytes(&self) -> u64 {
        self.stride().saturating_mul(u64::from(self.depth))
    }

    /// Writes the planes into a buffer that is large enough, one after the other: one that has to be converted is the
    /// only copy at that time.
    ///
    /// # Errors
    /// A plane has not the bytes that its size asks for.
    pub fn write(&self, queue: &wgpu::Queue, buffer: Arc<wgpu::Buffer>) -> Result<Samples, GpuError> {
        for (z, plane) in self.planes.iter().enumerate() {
            let (bytes, whole) = (plane.bytes(), plane.form().bytes());
            if whole != Some(bytes.len()) {
                let whole = whole.map_or_else(|| "more".to_owned(), |whole| whole.to_string());
                return Err(refused(format!("a plane has {} bytes instead of {whole}", bytes.len())));
            }
            write(queue, &buffer, z as u64 * self.stride(), &bytes);
        }
        let Self { format, width, height, samples, depth, .. } = *self;
        Ok(Samples { buffer, format, width, height, samples, depth, frames: 1 })
    }
}

/// A buffer that frames are written into and shaders read.
pub(super) fn storage(device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("frame samples"),
        size: bytes,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    })
}

/// Copies must be whole words; the last few bytes are padded.
fn write(queue: &wgpu::Queue, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
    let (body, tail) = bytes.split_at(bytes.len() & !3);
    if !body.is_empty() {
        queue.write_buffer(buffer, offset, body);
    }
    if !tail.is_empty() {
        let mut word = [0u8; 4];
        word[..tail.len()].copy_from_slice(tail);
        queue.write_buffer(buffer, offset + body.len() as u64, &word);
    }
}

fn fits(device: &wgpu::Device, bytes: u64) -> Result<(), GpuError> {
    let limits = device.limits();
    let allowed = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    if bytes == 0 {
        return Err(refused("a frame without pixels".to_owned()));
    }
    if bytes > allowed {
        let (needed, allowed) = (bytes >> 20, allowed >> 20);
        return Err(refused(format!(
            "they need {needed} MB on the graphics device, which allows {allowed} MB at once. Show a single plane, or \
             open a crop"
        )));
    }
    Ok(())
}

/// Bytes from one plane of so many columns, rows and interleaved samples to the next.
fn plane_bytes(format: SampleFormat, sides: [u32; 3]) -> u64 {
    let values: u128 = sides.into_iter().map(u128::from).product();
    aligned(values * format.size() as u128)
}

fn aligned(bytes: u128) -> u64 {
    u64::try_from(bytes.next_multiple_of(4)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::gpu::PlaneForm;

    /// A square of so many pixels a side, with one row too few where it is short, that counts how often it is converted.
    struct Square {
        side: usize,
        short: bool,
        converted: AtomicUsize,
    }

    impl Square {
        fn of(side: usize, short: bool) -> Arc<Self> {
            Arc::new(Self { side, short, converted: AtomicUsize::new(0) })
        }
    }

    impl Raster for Square {
        fn form(&self) -> PlaneForm {
            PlaneForm { width: self.side, height: self.side, samples: 1, format: SampleFormat::F32 }
        }

        fn bytes(&self) -> Cow<'_, [u8]> {
            self.converted.fetch_add(1, Ordering::Relaxed);
            vec![0; 4 * self.side * (self.side - usize::from(self.short))].into()
        }
    }

    fn converted(planes: &[Arc<Square>]) -> Vec<usize> {
        planes.iter().map(|plane| plane.converted.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn planes_are_converted_once_they_are_known_to_fit() {
        let gpu = GpuDevice::headless().unwrap();
        let planes = [Square::of(3, false), Square::of(3, false)];
        let samples = Samples::upload(&gpu, &planes).unwrap();
        assert_eq!((samples.depth, samples.bytes(), converted(&planes)), (2, 72, vec![1, 1]));
        // 4 TB: refused before a byte of it is made.
        let large = [Square::of(1 << 20, false)];
        let error = Samples::upload(&gpu, &large).unwrap_err().to_string();
        assert!(error.contains("Show a single plane"), "{error}");
        assert_eq!(converted(&large), [0]);
    }

    #[test]
    fn a_plane_with_too_few_bytes_is_refused() {
        let gpu = GpuDevice::headless().unwrap();
        let planes = [Square::of(3, false), Square::of(3, true)];
        let error = Samples::upload(&gpu, &planes).unwrap_err().to_string();
        assert!(error.contains("24 bytes instead of 36"), "{error}");
        assert_eq!(gpu.take_error(), None);
    }
}

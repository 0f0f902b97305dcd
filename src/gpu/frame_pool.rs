//! Frames that are in the device's memory already: the player uploads each once, and networks are fed from the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::GpuError;
use super::plane::Raster;
use super::samples::{Form, Samples, storage};

/// Bytes that frames may take on a graphics card of its own memory.
const CARD: u64 = 512 << 20;

/// The same where the card uses the machine's memory.
const INTEGRATED: u64 = 128 << 20;

/// One channel of a frame of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameKey {
    /// Recording's id.
    pub recording: u64,
    /// Channel.
    pub channel: usize,
    /// Time point.
    pub t: usize,
    /// First focal plane.
    pub z: usize,
    /// Number of focal planes.
    pub depth: usize,
}

/// Frames by key, the least recently used given up first. Clones share everything.
///
/// Frames that somebody holds stay, whatever the limit says: those on the screen, and those that work was prepared with.
#[derive(Debug, Clone, Default)]
pub struct FramePool(Arc<Mutex<Pool>>);

#[derive(Debug, Default)]
struct Pool {
    frames: HashMap<FrameKey, Kept>,
    bytes: u64,
    limit: u64,
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    samples: Samples,
    used: u64,
}

impl FramePool {
    /// A pool for a device of this type. A software rasteriser's memory is the machine's, where decoded frames are
    /// kept already: there only what is on the screen stays.
    pub fn of(device: wgpu::DeviceType) -> Self {
        Self::with_limit(match device {
            wgpu::DeviceType::DiscreteGpu => CARD,
            wgpu::DeviceType::Cpu => 0,
            _ => INTEGRATED,
        })
    }

    /// A pool that keeps at most so many bytes beside what is held.
    pub fn with_limit(limit: u64) -> Self {
        Self(Arc::new(Mutex::new(Pool { limit, ..Pool::default() })))
    }

    /// A frame, if it is there.
    pub fn get(&self, key: &FrameKey) -> Option<Samples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key)
    }

    /// A frame, from its planes if it is not there; true if they were handed over now.
    ///
    /// # Errors
    /// The planes differ in size or type, or the device cannot hold them.
    pub fn get_or_upload<P: Raster>(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        key: FrameKey,
        planes: &[Arc<P>],
    ) -> Result<(Samples, bool), GpuError> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(samples) = pool.get(&key) {
            return Ok((samples, false));
        }
        let form = Form::of(device, planes)?;
        let buffer = pool.make_room(form.bytes());
        let buffer = buffer.unwrap_or_else(|| Arc::new(storage(device, form.bytes())));
        let samples = form.write(queue, buffer)?;
        pool.bytes += samples.buffer.size();
        let used = pool.clock;
        pool.frames.insert(key, Kept { samples: samples.clone(), used });
        Ok((samples, true))
    }

    /// Bytes in use.
    pub fn bytes(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}

impl Pool {
    fn get(&mut self, key: &FrameKey) -> Option<Samples> {
        self.clock += 1;
        let kept = self.frames.get_mut(key)?;
        kept.used = self.clock;
        Some(kept.samples.clone())
    }

    /// Gives up frames that nobody holds until so many bytes fit; one of their buffers if it suits. What was submitted
    /// with it runs before what is written into it now.
    fn make_room(&mut self, bytes: u64) -> Option<Arc<wgpu::Buffer>> {
        let mut spare = None;
        while self.bytes + bytes > self.limit {
            let free = self.frames.iter().filter(|(_, kept)| Arc::strong_count(&kept.samples.buffer) == 1);
            let Some(oldest) = free.min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key) else { break };
            let Some(kept) = self.frames.remove(&oldest) else { break };
            let size = kept.samples.buffer.size();
            self.bytes -= size;
            if (bytes..=bytes.saturating_mul(4)).contains(&size) {
                spare = Some(kept.samples.buffer);
            }
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::gpu::{GpuDevice, PlaneForm, SampleFormat};

    /// A dark square of so many px.
    struct Square(usize);

    impl Raster for Square {
        fn form(&self) -> PlaneForm {
            PlaneForm { width: self.0, height: self.0, samples: 1, format: SampleFormat::U8 }
        }

        fn bytes(&self) -> Cow<'_, [u8]> {
            vec![0; self.0 * self.0].into()
        }
    }

    fn plane(side: usize) -> Vec<Arc<Square>> {
        vec![Arc::new(Square(side))]
    }

    fn key(t: usize) -> FrameKey {
        FrameKey { recording: 1, channel: 0, t, z: 0, depth: 1 }
    }

    #[test]
    fn the_least_recently_used_frame_is_given_up_and_its_buffer_used_again() {
        let gpu = GpuDevice::headless().unwrap();
        let pool = FramePool::with_limit(3 * 256);
        let put = |t: usize| pool.get_or_upload(&gpu.device, &gpu.queue, key(t), &plane(16)).unwrap();
        let first = Arc::as_ptr(&put(0).0.buffer);
        let second = Arc::as_ptr(&put(1).0.buffer);
        put(2);
        assert!(!put(0).1, "it is there");
        let (third, uploaded) = put(3);
        assert!(uploaded && Arc::as_ptr(&third.buffer) == second && second != first);
        assert!(pool.get(&key(1)).is_none(), "the oldest use");
        assert!(pool.get(&key(0)).is_some());
        assert_eq!(pool.bytes(), 3 * 256);
    }

    #[test]
    fn what_is_held_stays_beyond_the_limit() {
        let gpu = GpuDevice::headless().unwrap();
        let pool = FramePool::with_limit(0);
        let put = |t: usize| pool.get_or_upload(&gpu.device, &gpu.queue, key(t), &plane(16)).unwrap().0;
        let held = put(0);
        let other = put(1);
        assert_ne!(Arc::as_ptr(&held.buffer), Arc::as_ptr(&other.buffer), "not written over");
        drop((held, other));
        put(2);
        assert_eq!(pool.bytes(), 256, "only the last");
        let mut planes = plane(16);
        planes.extend(plane(8));
        assert!(pool.get_or_upload(&gpu.device, &gpu.queue, key(9), &planes).is_err());
    }
}

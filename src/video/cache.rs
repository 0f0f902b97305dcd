//! A bounded cache of decoded planes, filled ahead of the playhead by worker threads.

use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::recording::Recording;
use super::{Plane, VideoError};
use crate::cache::Bounded;

/// Identifies a decoded plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaneKey {
    /// [`Recording::id`].
    pub recording: u64,
    /// Time point.
    pub t: usize,
    /// Focal plane.
    pub z: usize,
    /// Channel.
    pub c: usize,
}

/// A plane to have, with the recording to read it from.
#[derive(Clone)]
pub struct Request {
    /// The recording.
    pub recording: Arc<Recording>,
    /// Time point.
    pub t: usize,
    /// Focal plane.
    pub z: usize,
    /// Channel.
    pub c: usize,
}

impl Request {
    /// Its key.
    pub fn key(&self) -> PlaneKey {
        PlaneKey { recording: self.recording.id, t: self.t, z: self.z, c: self.c }
    }
}

type Entry = Result<Arc<Plane>, VideoError>;

struct State {
    /// By bytes.
    planes: Bounded<PlaneKey, Entry>,
    /// In order of need.
    wanted: Vec<Request>,
    /// Places in that order.
    ranks: HashMap<PlaneKey, usize>,
    /// Which start of a decoding each of them waits for.
    in_flight: HashMap<PlaneKey, u64>,
    started: u64,
    closing: bool,
    decoded: u64,
    decode_seconds: f64,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// Called after each decoded plane, from a worker thread.
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    /// A worker that panicked has left the state whole (no invariant spans an unlock), so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cache. Dropping it stops its workers.
pub struct FrameCache {
    shared: Arc<Shared>,
}

/// How full the cache is, and how long decoding takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheStats {
    /// Bytes held.
    pub bytes: usize,
    /// Bytes allowed.
    pub capacity: usize,
    /// Planes held.
    pub planes: usize,
    /// Mean time to read and decode a plane, ms.
    pub decode_ms: f64,
}

/// A quarter of the machine's memory.
pub fn default_capacity() -> usize {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    usize::try_from(system.total_memory() / 4).unwrap_or(usize::MAX).max(64 << 20)
}

impl FrameCache {
    /// A cache of `capacity` bytes and its decoding threads; `wake` is called when a plane has come in.
    pub fn new(capacity: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                planes: Bounded::new(capacity),
                wanted: Vec::new(),
                ranks: HashMap::new(),
                in_flight: HashMap::new(),
                started: 0,
                closing: false,
                decoded: 0,
                decode_seconds: 0.0,
            }),
            work: Condvar::new(),
            wake: Box::new(wake),
        });
        let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(1, 8));
        for index in 0..workers {
            let shared = Arc::clone(&shared);
            let spawned =
                std::thread::Builder::new().name(format!("decode-{index}")).spawn(move || work(&shared));
            if let Err(e) = spawned {
                log::error!("Could not start a decoding thread: {e}. Close other programs.");
            }
        }
        Self { shared }
    }

    /// The plane if it is there, its error if it could not be read, `None` while it is on its way or not asked for.
    pub fn get(&self, key: PlaneKey) -> Option<Entry> {
        self.shared.lock().planes.get(&key).cloned()
    }

    /// True where the plane is there, or known to be unreadable, without marking it as used.
    pub fn is_settled(&self, key: PlaneKey) -> bool {
        self.shared.lock().planes.contains(&key)
    }

    /// Replaces what is wanted, most urgent first. Later requests past the capacity are left out.
    pub fn want(&self, requests: Vec<Request>) {
        let mut state = self.shared.lock();
        let mut budget = state.planes.capacity();
        let mut ranks = HashMap::with_capacity(requests.len());
        let mut kept = Vec::with_capacity(requests.len());
        for (rank, request) in requests.into_iter().enumerate() {
            let bytes = request.recording.plane_bytes();
            // What is on screen is wanted even if a single plane exceeds the cache.
            if rank > 0 && bytes > budget {
                break;
            }
            budget = budget.saturating_sub(bytes);
            if let Vacant(place) = ranks.entry(request.key()) {
                place.insert(kept.len());
                kept.push(request);
            }
        }
        state.wanted = kept;
        state.ranks = ranks;
        drop(state);
        self.shared.work.notify_all();
    }

    /// Forgets a recording's planes.
    pub fn forget(&self, recording: u64) {
        let mut state = self.shared.lock();
        state.planes.retain(|key| key.recording != recording);
        state.wanted.retain(|r| r.recording.id != recording);
        // What is being decoded belongs to nobody any more.
        state.in_flight.retain(|key, _| key.recording != recording);
    }

    /// Changes the bound.
    pub fn set_capacity(&self, capacity: usize) {
        let mut state = self.shared.lock();
        let State { planes, ranks, .. } = &mut *state;
        planes.set_capacity(capacity, |key| ranks.get(key).copied());
    }

    /// Figures for the status bar.
    pub fn stats(&self) -> CacheStats {
        let state = self.shared.lock();
        CacheStats {
            bytes: state.planes.weight(),
            capacity: state.planes.capacity(),
            planes: state.planes.len(),
            decode_ms: state.decode_seconds * 1e3 / (state.decoded.max(1) as f64),
        }
    }
}

impl Drop for FrameCache {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
    }
}

fn next_job(state: &State) -> Option<Request> {
    state
        .wanted
        .iter()
        .find(|r| {
            let key = r.key();
            !state.planes.contains(&key) && !state.in_flight.contains_key(&key)
        })
        .cloned()
}

fn work(shared: &Shared) {
    let mut state = shared.lock();
    loop {
        if state.closing {
            return;
        }
        let Some(job) = next_job(&state) else {
            state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let key = job.key();
        state.started += 1;
        let ticket = state.started;
        state.in_flight.insert(key, ticket);
        drop(state);
        let start = Instant::now();
        let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            job.recording.read(job.t, job.z, job.c)
        }));
        let entry = match decoded {
            Ok(result) => result.map(Arc::new),
            Err(_) => Err(VideoError::new(
                job.recording.path(),
                format!("frame {}, z {}, channel {}", job.t + 1, job.z + 1, job.c + 1),
                "the decoder failed",
                "Report this as a fault, with the file.",
            )),
        };
        drop(job);
        state = shared.lock();
        state.decoded += 1;
        state.decode_seconds += start.elapsed().as_secs_f64();
        // Forgotten meanwhile, and perhaps asked for anew.
        if state.in_flight.get(&key) != Some(&ticket) {
            continue;
        }
        state.in_flight.remove(&key);
        let bytes = entry.as_ref().map_or(0, |plane| plane.bytes.len());
        // What is wanted now stays while anything else is left, and what is wanted soonest stays longest.
        let State { planes, ranks, .. } = &mut *state;
        planes.insert_sparing(key, entry, bytes, |key| ranks.get(key).copied());
        drop(state);
        (shared.wake)();
        state = shared.lock();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Address, Reader, SampleType, Series, Shape};
    use super::*;

    struct Ramp(Vec<Series>);

    impl Reader for Ramp {
        fn format(&self) -> &'static str {
            "ramp"
        }
        fn series(&self) -> &[Series] {
            &self.0
        }
        fn read_plane(&self, _: usize, plane: usize) -> Result<Plane, VideoError> {
            assert!(plane != 13, "a decoder's panic must not take the program along");
            Ok(Plane {
                width: 10,
                height: 10,
                samples: 1,
                dtype: SampleType::U8,
                bytes: vec![plane as u8; 100],
            })
        }
    }

    fn ramp(t: usize) -> Arc<Recording> {
        let series = Series::new("ramp", Shape { t, z: 1, c: 1, y: 10, x: 10, s: 1 }, SampleType::U8, "none");
        Arc::new(Recording::from_reader(&Address::of("ramp"), Arc::new(Ramp(vec![series]))).unwrap())
    }

    fn wait_for(cache: &FrameCache, key: PlaneKey) -> Entry {
        let start = Instant::now();
        loop {
            if let Some(entry) = cache.get(key) {
                return entry;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{key:?} never came");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn stays_within_its_bound_while_the_playhead_moves_on() {
        let recording = ramp(255);
        let cache = FrameCache::new(1000, || {});
        for t in (0..255).filter(|t| *t != 13) {
            let wanted: Vec<Request> =
                (t..255).map(|t| Request { recording: Arc::clone(&recording), t, z: 0, c: 0 }).collect();
            let key = wanted[0].key();
            cache.want(wanted);
            assert_eq!(wait_for(&cache, key).unwrap().bytes[0], t as u8);
            // One plane may be in flight past the bound, never more than the workers.
            assert!(cache.stats().bytes <= 1000, "{:?}", cache.stats());
        }
    }

    #[test]
    fn a_decoder_that_panics_gives_an_error_for_that_plane_only() {
        let recording = ramp(20);
        let cache = FrameCache::new(10_000, || {});
        let want: Vec<Request> =
            (12..16).map(|t| Request { recording: Arc::clone(&recording), t, z: 0, c: 0 }).collect();
        let keys: Vec<PlaneKey> = want.iter().map(Request::key).collect();
        cache.want(want);
        assert!(wait_for(&cache, keys[1]).unwrap_err().to_string().contains("frame 14"));
        assert!(wait_for(&cache, keys[2]).is_ok());
    }

    #[test]
    fn a_plane_larger_than_the_cache_is_still_shown() {
        let recording = ramp(3);
        let cache = FrameCache::new(10, || {});
        let request = Request { recording, t: 1, z: 0, c: 0 };
        let key = request.key();
        cache.want(vec![request]);
        assert!(wait_for(&cache, key).is_ok());
    }

    /// Decodes when it is told to.
    struct Slow(Vec<Series>, Arc<(Mutex<usize>, Condvar)>);

    impl Reader for Slow {
        fn format(&self) -> &'static str {
            "slow"
        }
        fn series(&self) -> &[Series] {
            &self.0
        }
        fn read_plane(&self, _: usize, _: usize) -> Result<Plane, VideoError> {
            let (allowed, told) = &*self.1;
            let mut allowed = told.wait_while(allowed.lock().unwrap(), |allowed| *allowed == 0).unwrap();
            *allowed -= 1;
            let bytes = vec![*allowed as u8; 100];
            Ok(Plane { width: 10, height: 10, samples: 1, dtype: SampleType::U8, bytes })
        }
    }

    #[test]
    fn a_plane_that_is_forgotten_while_it_is_decoded_never_comes() {
        let shape = Shape { t: 1, z: 1, c: 1, y: 10, x: 10, s: 1 };
        let series = Series::new("slow", shape, SampleType::U8, "none");
        let gate = Arc::new((Mutex::new(0), Condvar::new()));
        let reader = Arc::new(Slow(vec![series], Arc::clone(&gate)));
        let recording = Arc::new(Recording::from_reader(&Address::of("slow"), reader).unwrap());
        let request = Request { recording: Arc::clone(&recording), t: 0, z: 0, c: 0 };
        let cache = FrameCache::new(1000, || {});
        cache.want(vec![request.clone()]);
        while cache.shared.lock().started == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        cache.forget(recording.id);
        let release = || {
            *gate.0.lock().unwrap() += 1;
            gate.1.notify_one();
        };
        release();
        while cache.shared.lock().decoded == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((cache.get(request.key()).is_none(), cache.stats().bytes), (true, 0));
        // Asked for anew, it comes.
        cache.want(vec![request.clone()]);
        release();
        assert!(wait_for(&cache, request.key()).is_ok());
    }
}

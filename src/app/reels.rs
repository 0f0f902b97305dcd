//! Short films of neighbours: small frames that play while the pointer is on a thumbnail.

use std::sync::Arc;

use super::background_cache::BackgroundCache;
use super::thumbnails::guarded;
use crate::video::thumbnail::{Thumbnail, shrink};
use crate::video::{Address, Limits, Recording, VideoError};

/// Longest side, pixels.
const SIDE: usize = 112;

/// Frames of a film at most.
const FRAMES: usize = 24;

/// Films kept: 24 frames of 112² f32 values each are 50 MB at most.
const KEPT: usize = 40;

/// Seconds that a film lasts, whatever it shows: long enough to see movement, short enough to wait for.
const LASTS_S: f64 = 2.4;

/// Frames of one recording.
#[derive(Debug, Clone)]
pub struct Reel {
    /// Small frames in order of time, of one size.
    pub frames: Vec<Thumbnail>,
}

impl Reel {
    /// The frame to show at a time of the window's clock, s.
    pub fn frame_at(&self, seconds: f64) -> usize {
        let share = (seconds / LASTS_S).rem_euclid(1.0);
        ((share * self.frames.len() as f64) as usize).min(self.frames.len().saturating_sub(1))
    }

    /// Seconds between its frames.
    pub fn step_s(&self) -> f64 {
        LASTS_S / self.frames.len().max(1) as f64
    }
}

/// A film, or why there is none.
pub type Made = Result<Arc<Reel>, String>;

/// Films by address.
pub type Reels = BackgroundCache<Address, Made>;

/// Starts making films.
pub fn start(limits: Limits, wake: impl Fn() + Send + 'static) -> Reels {
    BackgroundCache::new("films", KEPT, move |address| guarded(address, limits, read), wake)
}

/// Frames spread over the whole recording. The middle plane of the first channel, as thumbnails show it.
fn read(recording: &Recording) -> Result<Reel, VideoError> {
    let shape = recording.shape();
    let count = shape.t.clamp(1, FRAMES);
    let frame = |k: usize| k * shape.t / count;
    let frames = (0..count).map(|k| Ok(shrink(&recording.read(frame(k), shape.z / 2, 0)?, SIDE)));
    Ok(Reel { frames: frames.collect::<Result<_, VideoError>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_plays_round_and_round_in_its_time() {
        let frame = Thumbnail { width: 1, height: 1, values: vec![0.0], limits: (0.0, 1.0) };
        let reel = Reel { frames: vec![frame; 12] };
        assert_eq!([0.0, 0.1, 0.2, 2.39, 2.41].map(|s| reel.frame_at(s)), [0, 0, 1, 11, 0]);
        assert!((reel.step_s() - 0.2).abs() < 1e-9);
    }
}

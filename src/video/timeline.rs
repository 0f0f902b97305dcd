//! Lock-step in time: one axis of ticks for all recordings on screen, and the clock that moves along it.

use serde::{Deserialize, Serialize};

use super::recording::Recording;

/// What the ticks count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Frames, because at least one recording has no timing.
    Frames,
}

/// Where recordings are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// Each starts at 0.
    #[default]
    Start,
    /// Each recording's treatment is at 0.
    Treatment,
}

/// The shared axis: the union of all recordings' time points.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Increasing; seconds or frames.
    pub ticks: Vec<f64>,
    /// What they count.
    pub unit: Unit,
    /// For each recording, its time points on the axis.
    tracks: Vec<Vec<f64>>,
}

/// Time points closer than this are one tick, s.
const SAME_TIME: f64 = 1e-6;

impl Timeline {
    /// The axis for these recordings; empty for none.
    pub fn new(recordings: &[&Recording], align: Align) -> Self {
        let times: Option<Vec<Vec<f64>>> = recordings
            .iter()
            // A still image has no time of its own and shows throughout.
            .map(|r| if r.shape().t == 1 { Some(vec![0.0]) } else { r.times_s() })
            .collect();
        let unit = if times.is_some() && recordings.iter().any(|r| r.shape().t > 1) {
            Unit::Seconds
        } else {
            Unit::Frames
        };
        let mut tracks = match (unit, times) {
            (Unit::Seconds, Some(times)) => times,
            _ => recordings.iter().map(|r| (0..r.shape().t).map(|t| t as f64).collect()).collect(),
        };
        if align == Align::Treatment {
            for (track, recording) in tracks.iter_mut().zip(recordings) {
                let zero = recording.edits.treatment_frame.and_then(|f| track.get(f).copied());
                if let Some(zero) = zero {
                    for time in track.iter_mut() {
                        *time -= zero;
                    }
                }
            }
        }
        let mut ticks: Vec<f64> = tracks
            .iter()
            .zip(recordings)
            .filter(|(_, r)| r.shape().t > 1)
            .flat_map(|(t, _)| t.clone())
            .collect();
        if ticks.is_empty() && !tracks.is_empty() {
            ticks.push(0.0);
        }
        ticks.sort_by(f64::total_cmp);
        ticks.dedup_by(|a, b| (*a - *b).abs() < SAME_TIME);
        Self { ticks, unit, tracks }
    }

    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// True without recordings.
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The frame that a recording shows at a tick: its last one not after it, and its first before it has begun.
    pub fn frame(&self, recording: usize, tick: usize) -> usize {
        let Some(track) = self.tracks.get(recording) else { return 0 };
        let now = self.ticks.get(tick).copied().unwrap_or(0.0);
        track.partition_point(|t| *t <= now + SAME_TIME).saturating_sub(1)
    }

    /// The tick at which a recording's frame begins.
    pub fn tick_of(&self, recording: usize, frame: usize) -> usize {
        let Some(time) = self.tracks.get(recording).and_then(|t| t.get(frame)) else { return 0 };
        self.ticks.partition_point(|t| *t < *time - SAME_TIME).min(self.len().saturating_sub(1))
    }

    /// The last tick not after a time.
    pub fn tick_at(&self, time: f64) -> usize {
        self.ticks.partition_point(|t| *t <= time + SAME_TIME).saturating_sub(1)
    }

    /// Length of the axis, in its unit.
    pub fn duration(&self) -> f64 {
        match (self.ticks.first(), self.ticks.last()) {
            (Some(a), Some(b)) => b - a,
            _ => 0.0,
        }
    }
}

/// At the end of the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Start again.
    #[default]
    Loop,
    /// Turn round.
    Bounce,
    /// Stay.
    Stop,
}

/// How fast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speed {
    /// Ticks per second.
    Fps(f64),
    /// Multiples of real time.
    RealTime(f64),
}

/// What gives when decoding is slower than the speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// Show every frame, later than planned if need be.
    #[default]
    EveryFrame,
    /// Keep the time, leaving out frames.
    KeepTime,
}

/// The playhead.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// Current tick.
    pub tick: usize,
    /// Moving.
    pub playing: bool,
    /// At the end.
    pub ending: Ending,
    /// How fast.
    pub speed: Speed,
    /// What gives.
    pub pacing: Pacing,
    /// Towards the start, while bouncing.
    pub backwards: bool,
    /// Position between ticks, in playing seconds since the current tick was due.
    elapsed: f64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            tick: 0,
            playing: false,
            ending: Ending::default(),
            speed: Speed::Fps(10.0),
            pacing: Pacing::default(),
            backwards: false,
            elapsed: 0.0,
        }
    }
}

impl Clock {
    /// Starts or pauses; at the end of a movie that stops there, starts over.
    pub fn toggle(&mut self, timeline: &Timeline) {
        self.playing = !self.playing && timeline.len() > 1;
        self.elapsed = 0.0;
        if self.playing && self.ending == Ending::Stop && self.tick + 1 >= timeline.len() {
            self.tick = 0;
        }
    }

    /// Goes to a tick.
    pub fn seek(&mut self, tick: usize, timeline: &Timeline) {
        self.tick = tick.min(timeline.len().saturating_sub(1));
        self.elapsed = 0.0;
    }

    /// One tick on or back, pausing; stays at the ends.
    pub fn step(&mut self, by: isize, timeline: &Timeline) {
        self.playing = false;
        self.seek(self.tick.saturating_add_signed(by), timeline);
    }

    /// Seconds of playing from one tick to a neighbour.
    fn duration(&self, from: usize, to: usize, timeline: &Timeline) -> f64 {
        match (self.speed, timeline.unit) {
            (Speed::RealTime(times), Unit::Seconds) => {
                (timeline.ticks[to] - timeline.ticks[from]).abs() / times.max(1e-9)
            }
            // Without timing there is no real time: a frame counts as a second.
            (Speed::RealTime(times), Unit::Frames) => 1.0 / times.max(1e-9),
            (Speed::Fps(fps), _) => 1.0 / fps.max(1e-3),
        }
    }

    /// The tick after `tick` in the playing direction, and the direction then; `None` at a final end.
    fn successor(&self, tick: usize, backwards: bool, len: usize) -> Option<(usize, bool)> {
        if len < 2 {
            return None;
        }
        match (backwards, self.ending) {
            (false, _) if tick + 1 < len => Some((tick + 1, false)),
            (false, Ending::Loop) => Some((0, false)),
            (false, Ending::Bounce) => Some((tick - 1, true)),
            (false, Ending::Stop) => None,
            (true, _) if tick > 0 => Some((tick - 1, true)),
            (true, _) => Some((1, false)),
        }
    }

    /// The ticks that come next, for read-ahead.
    pub fn upcoming(&self, timeline: &Timeline, count: usize) -> Vec<usize> {
        let mut ticks = Vec::with_capacity(count.min(timeline.len()));
        let (mut tick, mut backwards) = (self.tick, self.backwards);
        while ticks.len() < count.min(timeline.len()) {
            let Some(next) = self.successor(tick, backwards, timeline.len()) else { break };
            (tick, backwards) = next;
            ticks.push(tick);
        }
        ticks
    }

    /// Moves on by `dt` seconds of wall time; `ready` says whether a tick's frames are decoded.
    /// Returns the seconds until the next move is due.
    pub fn advance(&mut self, dt: f64, timeline: &Timeline, ready: impl Fn(usize) -> bool) -> f64 {
        if !self.playing || timeline.is_empty() {
            return f64::INFINITY;
        }
        self.tick = self.tick.min(timeline.len() - 1);
        self.elapsed += dt;
        let (mut tick, mut backwards, mut left) = (self.tick, self.backwards, self.elapsed);
        loop {
            let Some((next, turned)) = self.successor(tick, backwards, timeline.len()) else {
                self.playing = false;
                return f64::INFINITY;
            };
            // Looping back lasts one ordinary step, not the length of the movie.
            let wraps = tick.abs_diff(next) > 1;
            let step = if wraps {
                self.duration(tick - 1, tick, timeline)
            } else {
                self.duration(tick, next, timeline)
            };
            if left < step {
                return step - left;
            }
            (tick, backwards, left) = (next, turned, left - step);
            match self.pacing {
                Pacing::EveryFrame => {
                    if !ready(tick) {
                        // Wait for it; the delay is not caught up.
                        self.elapsed = step;
                        return 0.0;
                    }
                    // One frame a call: every frame is seen. What is left over keeps the pace, up to one step.
                    (self.tick, self.backwards, self.elapsed) = (tick, backwards, left.min(step));
                    return (step - self.elapsed).max(0.0);
                }
                Pacing::KeepTime => {
                    if ready(tick) {
                        (self.tick, self.backwards, self.elapsed) = (tick, backwards, left);
                    }
                    // After a long pause (a suspended machine) do not spin through the whole movie many times.
                    if left > timeline.len() as f64 * step {
                        self.elapsed = 0.0;
                        return 0.0;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(ticks: &[f64]) -> Timeline {
        Timeline { ticks: ticks.to_vec(), unit: Unit::Seconds, tracks: vec![ticks.to_vec()] }
    }

    fn playing(speed: Speed, ending: Ending, pacing: Pacing) -> Clock {
        Clock { playing: true, speed, ending, pacing, ..Clock::default() }
    }

    #[test]
    fn two_recordings_of_different_rates_stay_in_lock_step() {
        let timeline = Timeline {
            ticks: vec![0.0, 5.0, 10.0, 15.0, 20.0],
            unit: Unit::Seconds,
            tracks: vec![vec![0.0, 5.0, 10.0, 15.0, 20.0], vec![0.0, 10.0, 20.0]],
        };
        let frames: Vec<usize> = (0..5).map(|tick| timeline.frame(1, tick)).collect();
        assert_eq!(frames, [0, 0, 1, 1, 2]);
        assert_eq!(timeline.tick_of(1, 1), 2);
        assert_eq!(timeline.tick_at(12.0), 2);
    }

    #[test]
    fn real_time_follows_irregular_stamps() {
        let timeline = axis(&[0.0, 1.0, 4.0, 4.5]);
        let mut clock = playing(Speed::RealTime(1.0), Ending::Stop, Pacing::KeepTime);
        let mut seen = Vec::new();
        for _ in 0..10 {
            clock.advance(0.5, &timeline, |_| true);
            seen.push(clock.tick);
        }
        assert_eq!(seen, [0, 1, 1, 1, 1, 1, 1, 2, 3, 3]);
        assert!(!clock.playing, "stops at the end");
    }

    #[test]
    fn every_frame_waits_and_keep_time_skips() {
        let timeline = axis(&(0..100).map(f64::from).collect::<Vec<_>>());
        let mut every = playing(Speed::Fps(10.0), Ending::Loop, Pacing::EveryFrame);
        let mut keep = playing(Speed::Fps(10.0), Ending::Loop, Pacing::KeepTime);
        // Half a second passes before anything is decoded, then all of it is.
        every.advance(0.5, &timeline, |_| false);
        keep.advance(0.5, &timeline, |_| false);
        assert_eq!((every.tick, keep.tick), (0, 0));
        every.advance(0.05, &timeline, |_| true);
        keep.advance(0.05, &timeline, |_| true);
        assert_eq!(every.tick, 1, "the next frame, none left out");
        assert_eq!(keep.tick, 5, "where time has got to");
    }

    #[test]
    fn bounce_turns_at_both_ends() {
        let timeline = axis(&[0.0, 1.0, 2.0]);
        let mut clock = playing(Speed::Fps(1.0), Ending::Bounce, Pacing::EveryFrame);
        let mut seen = Vec::new();
        for _ in 0..8 {
            clock.advance(1.0, &timeline, |_| true);
            seen.push(clock.tick);
        }
        assert_eq!(seen, [1, 2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(clock.upcoming(&timeline, 3), [1, 2, 1]);
    }

    #[test]
    fn a_single_frame_never_plays() {
        let timeline = axis(&[0.0]);
        let mut clock = Clock::default();
        clock.toggle(&timeline);
        assert!(!clock.playing);
        assert!(clock.advance(1.0, &timeline, |_| true).is_infinite());
    }
}

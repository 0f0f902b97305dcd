//! Times the real window: start to first frame, and stepping through a recording; `molclip --profile N PATH`.

use std::sync::PoisonError;
use std::time::Instant;

use super::state::AppState;
use super::widgets::frame_canvas::SharedFeedback;
use crate::terminal::out;

/// A timing run.
pub struct Profile {
    steps: usize,
    start: Instant,
    first: Option<f64>,
    last: Option<Instant>,
    times: Vec<f64>,
    upload_before: f64,
    upload_after: f64,
}

impl Profile {
    /// A run of so many steps; the clock starts now.
    pub fn new(steps: usize) -> Self {
        Self {
            steps,
            start: Instant::now(),
            first: None,
            last: None,
            times: Vec::new(),
            upload_before: 0.0,
            upload_after: 0.0,
        }
    }

    /// Called after each pass. The pass that finds a frame on screen comes after that frame was presented.
    /// Returns the tick to show next.
    pub fn after_pass(&mut self, state: &AppState, feedback: &SharedFeedback) -> Option<usize> {
        let view = state.views.first()?;
        let uploads = feedback.lock().unwrap_or_else(PoisonError::into_inner).uploads;
        if uploads.planes == 0 || view.shown.waiting.is_some() || view.shown.t != state.frame_of(0) {
            return None;
        }
        let now = Instant::now();
        if self.first.is_none() {
            self.first = Some(self.start.elapsed().as_secs_f64());
            // A reader at the other end of the pipe takes the time of this line.
            out!("first frame");
            self.upload_before = uploads.seconds;
        }
        if let Some(last) = self.last {
            self.times.push((now - last).as_secs_f64());
        }
        self.last = Some(now);
        self.upload_after = uploads.seconds;
        Some((state.clock.tick + 1) % state.timeline.len().max(1))
    }

    /// True when all steps are timed.
    pub fn is_done(&self) -> bool {
        self.first.is_some() && self.times.len() >= self.steps
    }

    /// Prints the figures as JSON on stdout.
    pub fn report(&self) {
        let mut sorted = self.times.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = sorted.len().saturating_sub(1) as f64;
            sorted.get((share * last).round() as usize).copied().unwrap_or(f64::NAN)
        };
        let total: f64 = self.times.iter().sum();
        out!(
            "{}",
            serde_json::json!({
                "first_frame_ms": self.first.unwrap_or(f64::NAN) * 1e3,
                "steps": self.times.len(),
                "step_median_ms": at(0.5) * 1e3,
                "step_p95_ms": at(0.95) * 1e3,
                "frames_per_s": self.times.len() as f64 / total,
                "upload_share": (self.upload_after - self.upload_before) / total,
            })
        );
    }
}

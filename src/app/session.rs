//! Settings and session are kept while the program runs, when it ends, and when it fails.

use std::time::{Duration, Instant};

use super::settings::SavedView;
use super::{Studio, state};

/// Settings and session are written at most this often, so that a crash loses little.
const AUTOSAVE: Duration = Duration::from_secs(5);

impl Studio {
    /// The window closes: settings and session are kept.
    pub fn end(&mut self) {
        if let Some(profile) = &self.profile {
            profile.report();
            return;
        }
        self.state.settings.closed_cleanly = self.fatal.is_none();
        self.end_training();
        self.end_experiment();
        self.save_now();
    }

    /// Copies what is open into the settings.
    fn update_session(&mut self) {
        let state = &mut self.state;
        state.settings.ending = state.clock.ending;
        state.settings.speed = state.clock.speed;
        state.settings.pacing = state.clock.pacing;
        // An empty window keeps the last session, so that it can still be brought back.
        // What a project shows is kept with the project.
        let of_project = state.screen.as_ref().is_some_and(|s| !s.playing.is_empty());
        if !state.views.is_empty() && !of_project {
            state.settings.session = state.views.iter().map(saved_view).collect();
        }
        let layout = self.recordings_layout.as_ref().filter(|_| state.screen.is_some());
        state.settings.layout = Some(layout.unwrap_or(&self.layout).clone());
    }

    pub(super) fn save_now(&mut self) {
        self.update_session();
        if let Some(dir) = &self.config_dir
            && let Err(e) = self.state.settings.save(dir)
        {
            log::warn!("{e:#}");
        }
        self.saved.0 = Instant::now();
    }

    pub(super) fn autosave(&mut self) {
        if self.saved.0.elapsed() < AUTOSAVE || self.profile.is_some() {
            return;
        }
        self.keep_view();
        self.update_session();
        let text = serde_json::to_string(&self.state.settings).unwrap_or_default();
        if text != self.saved.1 {
            self.saved.1 = text;
            self.save_now();
        }
        self.saved.0 = Instant::now();
    }
}

impl Drop for Studio {
    /// A panic while drawing (a device that went away) must not cost the session.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.save_now();
        }
    }
}

/// A recording as it is remembered.
pub fn saved_view(view: &state::View) -> SavedView {
    SavedView {
        address: view.recording.address.clone(),
        display: view.display.clone(),
        viewport: view.viewport,
    }
}

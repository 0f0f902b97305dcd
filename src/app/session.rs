//! Edits, settings and session are kept while the program runs, when it ends, and when it fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::settings::SavedExperiment;
use super::studio::Studio;
use super::view::View;

/// Settings and session are written at most this often, so that a crash loses little.
const AUTOSAVE: Duration = Duration::from_secs(5);

impl Studio {
    /// The window closes: what waits to be written is written.
    pub fn end(&mut self) {
        if let Some(profile) = &self.profile {
            profile.report();
            return;
        }
        self.state.settings.closed_cleanly = self.fatal.is_none();
        self.end_training();
        // What follows takes the experiment off the screen.
        self.update_session();
        self.end_experiment();
        self.write_now();
    }

    /// Copies what is open into the settings.
    fn update_session(&mut self) {
        let state = &mut self.state;
        state.settings.ending = state.clock.ending;
        state.settings.speed = state.clock.speed;
        state.settings.pacing = state.clock.pacing;
        // An empty window keeps the last session, so that it can still be brought back.
        // What a project shows is kept with the project.
        let of_project = state.screen.as_ref().zip(state.project.as_ref());
        if let Some((screen, (path, _))) = of_project {
            let (path, name) = (path.clone(), screen.experiment().name.clone());
            state.settings.session_experiment = Some(SavedExperiment { path, name });
            state.settings.session.clear();
        } else if !state.views.is_empty() && state.screen.is_none() {
            state.settings.session = state.views.iter().map(View::saved).collect();
            state.settings.session_experiment = None;
        }
        let layout = self.recordings_layout.as_ref().filter(|_| state.screen.is_some());
        state.settings.layout = Some(layout.unwrap_or(&self.layout).clone());
    }

    /// Writes edits, settings and session and waits for the disk.
    pub(super) fn save_now(&mut self) {
        self.update_session();
        self.write_now();
    }

    /// Writes edits, and settings as they are, and waits for the disk: for the program's end, which no job outlives.
    fn write_now(&self) {
        if let Err(e) = self.edits.write() {
            log::error!("{e:#}");
        }
        if let Some(dir) = &self.config_dir {
            let written = self.state.settings.to_text().and_then(|text| {
                self.settings_queue.put(text);
                self.settings_queue.write(dir)
            });
            if let Err(e) = written {
                log::warn!("{e:#}");
            }
        }
    }

    /// Writes settings and session on a job, if they have changed since.
    pub(super) fn autosave(&mut self) {
        if self.saved.0.elapsed() < AUTOSAVE || self.profile.is_some() {
            return;
        }
        self.saved.0 = Instant::now();
        self.keep_view();
        self.update_session();
        let (Some(dir), Ok(text)) = (self.config_dir.clone(), self.state.settings.to_text()) else { return };
        if text == self.saved.1 {
            return;
        }
        self.settings_queue.put(text.clone());
        self.saved.1 = text;
        let queue = Arc::clone(&self.settings_queue);
        self.jobs.spawn("Keeping settings", true, move |_, _| queue.write(&dir));
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

//! Jobs that have ended: what waited for their word waits no longer.

use std::path::PathBuf;

use crate::app::forms::Waiting;
use crate::app::studio::Studio;

/// What a form says when a job that it waited for has failed inside.
const NO_WORD: &str = "This failed inside. The log says more; report it as a fault.";

impl Studio {
    /// Once per pass, after what jobs sent was taken in: one that ended without a word, because it failed inside or could not
    /// be started, must not be waited for.
    pub(in crate::app) fn follow_jobs(&mut self) {
        let jobs = &self.jobs;
        let is_gone = |job: u64| !jobs.is_running(job);
        for view in &mut self.state.views {
            view.scanning = view.scanning.filter(|job| !is_gone(*job));
        }
        let given_up = |waiting: &mut Option<Waiting>| waiting.take_if(|waiting| is_gone(waiting.job));
        let dialogs = &mut self.state.dialogs;
        if let Some(form) = &mut dialogs.export
            && let Some(looked) = given_up(&mut form.looking)
        {
            // Nobody knows: better a warning too many.
            form.seen = Some((looked.what, true));
        }
        if let Some(form) = &mut dialogs.import
            && given_up(&mut form.reading).is_some()
        {
            form.error = Some(NO_WORD.to_owned());
        }
        if let Some(path_box) = &mut dialogs.path_box
            && given_up(&mut path_box.checking).is_some()
        {
            path_box.error = Some(NO_WORD.to_owned());
        }
        let reading = self.reading_luts.iter();
        let lost: Vec<PathBuf> =
            reading.filter(|(_, job)| is_gone(**job)).map(|(path, _)| path.clone()).collect();
        for path in lost {
            self.reading_luts.remove(&path);
            self.do_without_lut(&path);
        }
    }
}

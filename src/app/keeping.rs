//! What is on its way to disk while the window goes on: metadata, settings, the experiment.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::settings;
use crate::experiment::project::{Autosaver, Origin};
use crate::video::Recording;

/// Nothing spans an unlock, so a lock that a panic poisoned is used on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Edits of metadata. Jobs run side by side; the file must end up with what was edited last.
#[derive(Default)]
pub struct EditQueue {
    waiting: Mutex<Vec<Arc<Recording>>>,
    writing: Mutex<()>,
}

impl EditQueue {
    /// Lets a recording's edits wait to be written. Takes only the short lock.
    pub fn put(&self, recording: Arc<Recording>) {
        lock(&self.waiting).push(recording);
    }

    /// Writes all that waits, in its order; what one recording meets does not hold up the others.
    ///
    /// # Errors
    /// That of the first recording whose edits could not be written; those of others are logged.
    pub fn write(&self) -> anyhow::Result<()> {
        let _turn = lock(&self.writing);
        let recordings = std::mem::take(&mut *lock(&self.waiting));
        let mut first = Ok(());
        for recording in recordings {
            match recording.save_edits() {
                Ok(()) => {}
                Err(e) if first.is_ok() => first = Err(e.into()),
                Err(e) => log::error!("{e}"),
            }
        }
        first
    }
}

/// Settings. The latest text counts, whichever job or thread comes to write it.
#[derive(Default)]
pub struct SettingsQueue {
    waiting: Mutex<Option<String>>,
    writing: Mutex<()>,
}

impl SettingsQueue {
    /// Lets a text wait to be written, in place of one that waits. Takes only the short lock.
    pub fn put(&self, text: String) {
        *lock(&self.waiting) = Some(text);
    }

    /// Writes into a folder what waits, if anything does.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let _turn = lock(&self.writing);
        let text = lock(&self.waiting).take();
        text.map_or(Ok(()), |text| settings::write(dir, &text))
    }
}

/// An experiment and where it is saved.
#[derive(Default)]
pub struct Kept {
    /// Saves it; none for an experiment that is only read.
    pub autosaver: Option<Autosaver>,
    /// The state of the view that was handed to the autosaver last.
    pub view: Value,
    /// Where the experiment came from.
    pub origin: Option<Origin>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::edits::{Edits, sidecar_path};
    use crate::video::{Address, Limits};

    #[test]
    fn edits_of_one_recording_do_not_wait_for_another_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let queue = EditQueue::default();
        let paths = ["a.png", "b.png", "c.png"].map(|name| folder.path().join(name));
        for path in &paths {
            image::GrayImage::new(2, 2).save(path).unwrap();
            let mut recording = Recording::open(&Address::of(path), Limits::default()).unwrap();
            recording.set_edits(Edits { pixel_size_um: Some(0.5), ..Edits::default() });
            queue.put(Arc::new(recording));
        }
        for path in &paths[..2] {
            std::fs::write(sidecar_path(path), "{").unwrap();
        }
        let error = queue.write().unwrap_err().to_string();
        assert!(error.contains("a.png.molclip.json"), "{error}");
        let last = Recording::open(&Address::of(&paths[2]), Limits::default()).unwrap();
        assert_eq!(last.edits.pixel_size_um, Some(0.5));
    }

    #[test]
    fn a_job_that_comes_late_does_not_undo_what_was_written_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let queue = SettingsQueue::default();
        queue.put("old".into());
        queue.put("new".into());
        queue.write(folder.path()).unwrap();
        let file = folder.path().join("settings.json");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        std::fs::remove_file(&file).unwrap();
        queue.write(folder.path()).unwrap();
        assert!(!file.exists(), "nothing waits any more");
    }
}

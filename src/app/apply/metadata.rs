//! Metadata put right by hand, kept beside the recording.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::Studio;
use crate::app::state::Undo;
use crate::video::Recording;
use crate::video::display::Display;
use crate::video::edits::Edits;

impl Studio {
    pub(in crate::app) fn set_treatment(&mut self, frame: Option<usize>) {
        let active = self.state.active;
        if let Some(view) = self.state.views.get(active) {
            let edits = Edits { treatment_frame: frame, ..view.recording.edits.clone() };
            self.set_edits(active, edits, true);
        }
    }

    pub(in crate::app) fn set_edits(&mut self, index: usize, edits: Edits, undoable: bool) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        let before = view.recording.edits.clone();
        if before == edits {
            return;
        }
        let (id, old) = (view.id, view.recording.id);
        let mut recording = (*view.recording).clone();
        recording.set_edits(edits);
        let moved = recording.id != old;
        view.recording = Arc::new(recording);
        if moved {
            view.display = Display::new(&view.recording.series);
            view.shown = crate::app::state::Shown::default();
        }
        let kept = Arc::clone(&view.recording);
        if undoable {
            self.push_undo(Undo::Edits(id, before));
        }
        if moved {
            self.cache.forget(old);
            self.scan(index);
        }
        self.state.rebuild_timeline();
        let name = format!("Keeping the edits of {}", kept.address.label());
        self.edits.waiting().push(kept);
        let edits = Arc::clone(&self.edits);
        self.jobs.spawn(name, true, move |_, _| edits.write());
    }
}

/// Edits on their way to disk. Jobs run side by side; the file must end up with what was edited last.
#[derive(Default)]
pub struct EditQueue {
    waiting: Mutex<Vec<Arc<Recording>>>,
    writing: Mutex<()>,
}

impl EditQueue {
    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Recording>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that waits, in its order. The window only ever waits for the short lock.
    fn write(&self) -> anyhow::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let recordings = std::mem::take(&mut *self.waiting());
        for recording in recordings {
            recording.save_edits()?;
        }
        Ok(())
    }
}

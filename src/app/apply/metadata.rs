//! Metadata put right by hand, kept beside the recording.

use std::sync::Arc;

use crate::app::state::Undo;
use crate::app::studio::Studio;
use crate::app::view::Shown;
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
            view.shown = Shown::default();
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
        self.edits.put(kept);
        let edits = Arc::clone(&self.edits);
        self.jobs.spawn(name, true, move |_, _| edits.write());
    }
}

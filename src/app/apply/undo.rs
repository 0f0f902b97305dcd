//! What can be taken back.

use crate::app::state::{AppState, Undo};
use crate::app::studio::Studio;

/// Steps kept for undo.
const UNDO: usize = 100;

impl Studio {
    pub(in crate::app) fn push_undo(&mut self, step: Undo) {
        self.state.redo.clear();
        // A drag sends a change each frame: one step takes the whole drag back.
        if let (Some(Undo::Display(last, _)), Undo::Display(id, _)) = (self.state.undo.last(), &step)
            && last == id
            && self.dragging
        {
            return;
        }
        self.state.undo.push(step);
        if self.state.undo.len() > UNDO {
            self.state.undo.remove(0);
        }
    }

    /// Takes the last change back, or does it again; either leaves its opposite on the other stack.
    pub(in crate::app) fn undo(&mut self, back: bool) {
        let stack = if back { &mut self.state.undo } else { &mut self.state.redo };
        let Some(step) = stack.pop() else { return };
        let find = |state: &AppState, id: u64| state.views.iter().position(|v| v.id == id);
        let opposite = match step {
            Undo::Closed(_, saved) if back => {
                self.open_saved(vec![(saved.address.clone(), Some(saved))]);
                None
            }
            Undo::Closed(index, _) => {
                self.close(index);
                None
            }
            Undo::Edits(id, edits) => find(&self.state, id).map(|index| {
                let now = self.state.views[index].recording.edits.clone();
                self.set_edits(index, edits, false);
                Undo::Edits(id, now)
            }),
            Undo::Gates(gates) => Some(Undo::Gates(std::mem::replace(&mut self.state.map.look.gates, gates))),
            Undo::Vectors(vectors) => {
                self.swap_vectors(*vectors).map(|before| Undo::Vectors(Box::new(before)))
            }
            Undo::Table(table, label) => self.swap_table(table).map(|now| Undo::Table(now, label)),
            Undo::Display(id, display) => find(&self.state, id).map(|index| {
                let now = std::mem::replace(&mut self.state.views[index].display, display);
                Undo::Display(id, now)
            }),
        };
        if let Some(opposite) = opposite {
            if back { self.state.redo.push(opposite) } else { self.state.undo.push(opposite) }
        }
    }
}

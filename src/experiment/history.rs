//! Undo and redo: whole states with labels. States are cheap to clone (an [`super::Experiment`] shares its columns),
//! so every step keeps the state itself and taking one back cannot go wrong halfway.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Edits of one burst (a drag, typing into a cell) become one step while they follow each other within this time.
pub const BURST: Duration = Duration::from_secs(2);

/// Steps that can be taken back.
pub const STEPS: usize = 200;

#[derive(Debug, Clone)]
struct State<T> {
    /// Unique in this history: tells states apart without comparing them.
    revision: u64,
    value: T,
}

/// One edit and the state on its other side: the one before for undo, the one after for redo.
#[derive(Debug, Clone)]
struct Step<T> {
    label: String,
    state: State<T>,
}

#[derive(Debug, Clone)]
struct Burst {
    key: String,
    last: Instant,
}

/// A state, the states that led to it, and those that were taken back.
#[derive(Debug, Clone)]
pub struct History<T> {
    current: State<T>,
    undo: VecDeque<Step<T>>,
    redo: Vec<Step<T>>,
    burst: Option<Burst>,
    last_revision: u64,
    saved: Option<u64>,
    limit: usize,
}

impl<T> History<T> {
    /// A state that is on disk as it is.
    pub fn new(state: T) -> Self {
        Self { saved: Some(0), ..Self::unsaved(state) }
    }

    /// A state that is not on disk yet.
    pub fn unsaved(state: T) -> Self {
        Self {
            current: State { revision: 0, value: state },
            undo: VecDeque::new(),
            redo: Vec::new(),
            burst: None,
            last_revision: 0,
            saved: None,
            limit: STEPS,
        }
    }

    /// The same history that keeps at most `limit` steps, at least one.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    /// The state as it is now.
    pub const fn current(&self) -> &T {
        &self.current.value
    }

    /// Number of the current state: the same state again after undo and redo has the same number.
    pub const fn revision(&self) -> u64 {
        self.current.revision
    }

    /// Makes `next` the state, as one step. `label` says what was done: "Set compound of 12 rows".
    pub fn apply(&mut self, label: impl Into<String>, next: T) {
        self.burst = None;
        self.push(label.into(), next);
    }

    /// Makes `next` the state; while edits with the same `key` ("drag 3", "note of a4f1") follow each other within
    /// [`BURST`], they are one step under the latest label.
    pub fn apply_burst(&mut self, label: impl Into<String>, key: &str, now: Instant, next: T) {
        let follows = self
            .burst
            .as_ref()
            .is_some_and(|b| b.key == key && now.saturating_duration_since(b.last) <= BURST);
        let label = label.into();
        match self.undo.back_mut() {
            Some(step) if follows => {
                step.label = label;
                self.current = State { revision: self.last_revision + 1, value: next };
                self.last_revision += 1;
            }
            _ => self.push(label, next),
        }
        self.burst = Some(Burst { key: key.to_owned(), last: now });
    }

    /// Ends a burst: the drag is over, the cell lost the focus.
    pub fn end_burst(&mut self) {
        self.burst = None;
    }

    fn push(&mut self, label: String, next: T) {
        self.last_revision += 1;
        let next = State { revision: self.last_revision, value: next };
        let state = std::mem::replace(&mut self.current, next);
        self.undo.push_back(Step { label, state });
        if self.undo.len() > self.limit {
            self.undo.pop_front();
        }
        self.redo.clear();
    }

    /// Takes the last step back and gives its label; `None` when there is none.
    pub fn undo(&mut self) -> Option<String> {
        self.burst = None;
        let Step { label, state } = self.undo.pop_back()?;
        let state = std::mem::replace(&mut self.current, state);
        self.redo.push(Step { label: label.clone(), state });
        Some(label)
    }

    /// Does the step that was taken back last again and gives its label; `None` when there is none.
    pub fn redo(&mut self) -> Option<String> {
        self.burst = None;
        let Step { label, state } = self.redo.pop()?;
        let state = std::mem::replace(&mut self.current, state);
        self.undo.push_back(Step { label: label.clone(), state });
        Some(label)
    }

    /// What [`Self::undo`] would take back, for its menu entry.
    pub fn undo_label(&self) -> Option<&str> {
        self.undo.back().map(|s| s.label.as_str())
    }

    /// What [`Self::redo`] would do again, for its menu entry.
    pub fn redo_label(&self) -> Option<&str> {
        self.redo.last().map(|s| s.label.as_str())
    }

    /// Notes that the state with this number is on disk.
    pub fn mark_saved(&mut self, revision: u64) {
        self.saved = Some(revision);
    }

    /// True while the current state is not the one on disk.
    pub fn is_dirty(&self) -> bool {
        self.saved != Some(self.current.revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_back_and_forth_under_their_labels() {
        let mut history = History::new(0);
        history.apply("one", 1);
        history.apply("two", 2);
        assert_eq!(history.undo_label(), Some("two"));
        assert_eq!(history.undo().as_deref(), Some("two"));
        assert_eq!((*history.current(), history.redo_label()), (1, Some("two")));
        assert_eq!(history.undo().as_deref(), Some("one"));
        assert_eq!(history.undo(), None);
        assert_eq!(*history.current(), 0);
        assert_eq!(history.redo().as_deref(), Some("one"));
        assert_eq!(history.redo().as_deref(), Some("two"));
        assert_eq!(history.redo(), None);
        assert_eq!(*history.current(), 2);
    }

    #[test]
    fn a_new_edit_forgets_what_was_taken_back() {
        let mut history = History::new(0);
        history.apply("one", 1);
        history.undo();
        history.apply("other", 5);
        assert_eq!(history.redo(), None);
        history.undo();
        assert_eq!(*history.current(), 0);
    }

    #[test]
    fn a_burst_is_one_step_until_it_pauses_or_ends() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut history = History::new(0);
        for i in 1..=10 {
            history.apply_burst(format!("typed {i}"), "note of a", at(f64::from(i) * 0.3), i);
        }
        assert_eq!(history.undo_label(), Some("typed 10"));
        history.apply_burst("after a pause", "note of a", at(9.0), 11);
        history.apply_burst("elsewhere", "note of b", at(9.1), 12);
        history.end_burst();
        history.apply_burst("again", "note of b", at(9.2), 13);
        let mut states = vec![*history.current()];
        while history.undo().is_some() {
            states.push(*history.current());
        }
        assert_eq!(states, [13, 12, 11, 10, 0]);
    }

    #[test]
    fn a_burst_does_not_swallow_a_step_that_was_taken_back() {
        let now = Instant::now();
        let mut history = History::new(0);
        history.apply_burst("drag", "d", now, 1);
        history.undo();
        history.apply_burst("drag", "d", now, 2);
        history.undo();
        assert_eq!(*history.current(), 0);
        history.apply("set", 3);
        history.apply_burst("drag", "d", now, 4);
        history.undo();
        assert_eq!(*history.current(), 3);
    }

    #[test]
    fn only_so_many_steps_are_kept() {
        let mut history = History::new(0).with_limit(3);
        (1..=9).for_each(|i| history.apply("edit", i));
        while history.undo().is_some() {}
        assert_eq!(*history.current(), 6);
    }

    #[test]
    fn dirty_means_other_than_on_disk() {
        let mut history = History::unsaved('a');
        assert!(history.is_dirty());
        history.mark_saved(history.revision());
        assert!(!history.is_dirty());
        history.apply("edit", 'b');
        let saving = history.revision();
        history.apply("edit while it is written", 'c');
        history.mark_saved(saving);
        assert!(history.is_dirty());
        history.undo();
        assert!(!history.is_dirty(), "back at the state that is on disk");
        history.undo();
        assert!(history.is_dirty());
        history.redo();
        assert!(!history.is_dirty());
    }
}

//! What a step did, for the people who read its result.

use super::error::listed;

/// What one step did to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The step, as text.
    pub step: String,
    /// Features that are gone, in the order of the table.
    pub dropped: Vec<Dropped>,
    /// Groups of rows that were left as they were.
    pub skipped: Vec<Skipped>,
    /// Whatever else one should know, a sentence each.
    pub notes: Vec<String>,
}

/// A feature that a step dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Name.
    pub feature: String,
    /// Completes the sentence "it …".
    pub why: String,
}

/// A group of rows that a step left as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What its rows have in common, such as the plate.
    pub group: String,
    /// What it lacks.
    pub why: String,
}

impl Report {
    pub(super) fn new(step: String) -> Self {
        Self { step, dropped: Vec::new(), skipped: Vec::new(), notes: Vec::new() }
    }

    /// Notes features of a group; none of them is no note.
    pub(super) fn note(&mut self, group: &str, features: &[&str], what: &str) {
        if !features.is_empty() {
            self.notes.push(format!("{group}: {what}: {}", listed(features)));
        }
    }
}

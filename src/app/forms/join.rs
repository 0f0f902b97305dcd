//! A second table on its way to the rows.

use crate::app::screen::Screen;
use crate::experiment::Table;
use crate::experiment::import::join::{Filled, KeyPart, guess_key, join};
use crate::experiment::import::report::JoinReport;
use crate::experiment::import::{Mapping, Source, guess};

/// A table, and how it is joined.
pub struct JoinForm {
    /// The table as it stands in the file.
    pub source: Source,
    /// What its columns become.
    pub mapping: Mapping,
    /// Columns that must be equal.
    pub key: Vec<KeyPart>,
    /// What becomes of cells that say something already.
    pub filled: Filled,
    /// The latest trial; taken away by what changes the form.
    pub tried: Option<Attempt>,
}

/// What the join would give, for the table of this revision.
pub type Attempt = (u64, Result<(Table, JoinReport), String>);

impl JoinForm {
    /// A table with a guessed key.
    pub fn new(source: Source, table: &Table) -> Self {
        let mapping = guess(&source);
        let key = guess_key(table, &source, &mapping)
            .unwrap_or_else(|| vec![KeyPart { table: "row_id".into(), source: 0 }]);
        Self { source, mapping, key, filled: Filled::Keep, tried: None }
    }

    /// The joined table and what was left over, if the form was tried with the table that is on screen.
    pub fn result(self, screen: &Screen) -> Option<(Table, JoinReport)> {
        self.tried.filter(|(revision, _)| *revision == screen.revision())?.1.ok()
    }

    /// Tries the join, unless that was done for this table.
    pub fn attempt(&mut self, screen: &Screen) {
        if self.tried.as_ref().is_none_or(|(revision, _)| *revision != screen.revision()) {
            let result = join(screen.table(), None, &self.source, &self.mapping, &self.key, self.filled);
            self.tried = Some((screen.revision(), result.map_err(|e| e.to_string())));
        }
    }
}

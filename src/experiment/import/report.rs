//! What an import found: counted in full, listed as far as anyone reads.

use std::fmt;
use std::path::PathBuf;

use super::super::Experiment;

/// Entries that a list keeps; the rest is counted.
pub const LISTED: usize = 10_000;

/// A list that counts everything and keeps the first [`LISTED`] entries.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The first entries.
    pub items: Vec<T>,
    /// All entries.
    pub count: usize,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: Vec::new(), count: 0 }
    }
}

impl<T> Listed<T> {
    /// Adds an entry.
    pub fn push(&mut self, item: T) {
        self.count += 1;
        if self.items.len() < LISTED {
            self.items.push(item);
        }
    }

    /// Entries that were counted but not kept.
    pub const fn unlisted(&self) -> usize {
        self.count - self.items.len()
    }

    /// True without entries.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<T> Extend<T> for Listed<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> FromIterator<T> for Listed<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut listed = Self::default();
        listed.extend(items);
        listed
    }
}

/// A cell that was left empty because its text is no value of its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCell {
    /// Row of the table, from 0.
    pub row: usize,
    /// Where it stands in the file: line, or row of the sheet, from 1.
    pub place: usize,
    /// Column in the source.
    pub column: String,
    /// The text.
    pub value: String,
    /// Why it is no value, a clause without a full stop.
    pub why: String,
}

impl fmt::Display for BadCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, column {}: {:?}: {}", self.place, self.column, self.value, self.why)
    }
}

/// Two rows of one name; the later one was renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicateId {
    /// The name.
    pub row_id: String,
    /// Place of the first row in the file, from 1.
    pub first: usize,
    /// Place of the second row in the file, from 1.
    pub second: usize,
    /// The second row's new name.
    pub renamed: String,
}

impl fmt::Display for DuplicateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row_id, first, second, renamed } = self;
        write!(f, "rows {first} and {second} both have the row_id {row_id}; the second is now {renamed}")
    }
}

/// A row whose recording is not there or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// Row of the table, from 0.
    pub row: usize,
    /// Its name.
    pub row_id: String,
    /// Where the recording should be; empty where the row names none.
    pub path: PathBuf,
    /// Why it cannot be read, and what to do.
    pub why: String,
}

impl fmt::Display for MissingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} ({}): {}", self.row + 1, self.row_id, self.why)
    }
}

/// A numeric column of a table of profiles that is no feature of the experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub column: String,
    /// Why not, a clause without a full stop.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.column, self.why)
    }
}

/// What a join left over, on both sides, and what it changed.
#[derive(Debug, Clone, Default)]
pub struct JoinReport {
    /// What was joined, e.g. `plate_map.csv by plate, well`.
    pub what: String,
    /// Rows of the experiment that found their partner.
    pub matched: usize,
    /// Keys of the experiment that the other table lacks, with their rows' count.
    pub missing: Listed<(String, usize)>,
    /// Keys of the other table that the experiment lacks, with their place in the file.
    pub unused: Listed<(String, usize)>,
    /// Keys that stand in the other table more than once, with the places of both; the first was taken.
    pub repeated: Listed<(String, usize, usize)>,
    /// Cells that were filled already with something else, and kept unless told otherwise.
    pub conflicts: Listed<BadCell>,
    /// Cells of the other table that are no values.
    pub bad_cells: Listed<BadCell>,
}

/// What an import found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Rows that were made. No row of a source is dropped.
    pub rows: usize,
    /// What was guessed or left out, a sentence each.
    pub notes: Vec<String>,
    /// Cells that were left empty.
    pub bad_cells: Listed<BadCell>,
    /// Names that stood twice.
    pub duplicates: Listed<DuplicateId>,
    /// Recordings that are not there or cannot be read.
    pub missing_files: Listed<MissingFile>,
    /// Joins with further tables.
    pub joins: Vec<JoinReport>,
    /// Files and folders that belong to no row.
    pub strays: Listed<PathBuf>,
    /// Columns of numbers that did not become features.
    pub left_out: Listed<LeftOut>,
}

impl Report {
    /// True where nothing needs a look.
    pub fn is_clean(&self) -> bool {
        self.notes.is_empty()
            && self.bad_cells.is_empty()
            && self.duplicates.is_empty()
            && self.missing_files.is_empty()
            && self.strays.is_empty()
            && self.left_out.is_empty()
            && self.joins.iter().all(JoinReport::is_clean)
    }

    /// One line for each kind of finding, with its count and first example; empty where nothing needs a look.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.notes.clone();
        let mut add = |what: &str, count: usize, first: Option<String>| {
            if count > 0 {
                lines.push(format!("{count} {what}, e.g. {}", first.unwrap_or_default()));
            }
        };
        let first = |listed: &Listed<BadCell>| listed.items.first().map(ToString::to_string);
        add("cells left empty", self.bad_cells.count, first(&self.bad_cells));
        let duplicate = self.duplicates.items.first().map(ToString::to_string);
        add("row_ids that stood twice", self.duplicates.count, duplicate);
        let missing = self.missing_files.items.first().map(ToString::to_string);
        add("recordings not found or not readable", self.missing_files.count, missing);
        let stray = self.strays.items.first().map(|path| path.display().to_string());
        add("files or folders that belong to no row", self.strays.count, stray);
        let left_out = self.left_out.items.first().map(ToString::to_string);
        add("columns that are no features", self.left_out.count, left_out);
        for join in &self.joins {
            let what = &join.what;
            let key = |listed: &Listed<(String, usize)>| listed.items.first().map(|(key, _)| key.clone());
            add(&format!("keys not in {what}"), join.missing.count, key(&join.missing));
            add(&format!("keys only in {what}"), join.unused.count, key(&join.unused));
            let repeated = join
                .repeated
                .items
                .first()
                .map(|(key, first, second)| format!("{key} in rows {first} and {second}"));
            add(&format!("keys more than once in {what}"), join.repeated.count, repeated);
            add(&format!("cells that {what} contradicts"), join.conflicts.count, first(&join.conflicts));
            add(&format!("cells of {what} left empty"), join.bad_cells.count, first(&join.bad_cells));
        }
        lines
    }

    /// Everything that was found, a line each: notes, then of each kind the first `most` with row, column and text, and
    /// how many more there are. Empty where nothing needs a look.
    pub fn details(&self, most: usize) -> Vec<String> {
        let mut lines = self.notes.clone();
        let mut list = |what: &str, count: usize, items: &mut dyn Iterator<Item = String>| {
            if count == 0 {
                return;
            }
            lines.push(format!("{count} {what}:"));
            let before = lines.len();
            lines.extend(items.take(most).map(|item| format!("  {item}")));
            let more = count - (lines.len() - before);
            if more > 0 {
                lines.push(format!("  … and {more} more"));
            }
        };
        list("cells left empty", self.bad_cells.count, &mut texts(&self.bad_cells));
        list("row_ids that stood twice", self.duplicates.count, &mut texts(&self.duplicates));
        let missing = &self.missing_files;
        list("recordings not found or not readable", missing.count, &mut texts(missing));
        let mut strays = self.strays.items.iter().map(|path| path.display().to_string());
        list("files or folders that belong to no row", self.strays.count, &mut strays);
        list("columns that are no features", self.left_out.count, &mut texts(&self.left_out));
        for join in &self.joins {
            let what = &join.what;
            let mut keys = join.missing.items.iter().map(|(key, rows)| format!("{key}, in {rows} rows"));
            list(&format!("keys not in {what}"), join.missing.count, &mut keys);
            let mut keys = join.unused.items.iter().map(|(key, place)| format!("{key}, row {place}"));
            list(&format!("keys only in {what}"), join.unused.count, &mut keys);
            let mut keys = join.repeated.items.iter().map(|(key, first, second)| {
                format!("{key}, in rows {first} and {second}; the first was taken")
            });
            list(&format!("keys more than once in {what}"), join.repeated.count, &mut keys);
            let conflicts = &join.conflicts;
            list(&format!("cells that {what} contradicts"), conflicts.count, &mut texts(conflicts));
            list(&format!("cells of {what} left empty"), join.bad_cells.count, &mut texts(&join.bad_cells));
        }
        lines
    }
}

fn texts<T: fmt::Display>(listed: &Listed<T>) -> impl Iterator<Item = String> {
    listed.items.iter().map(ToString::to_string)
}

impl JoinReport {
    /// True where both sides matched in full and nothing contradicts.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty()
            && self.unused.is_empty()
            && self.repeated.is_empty()
            && self.conflicts.is_empty()
            && self.bad_cells.is_empty()
    }
}

/// An experiment and what was found while it was read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The experiment.
    pub experiment: Experiment,
    /// What was found.
    pub report: Report,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_named_and_the_rest_is_counted() {
        let cell = |row: usize| BadCell {
            row,
            place: row + 2,
            column: "Dose".to_owned(),
            value: format!("<{row}"),
            why: "it is a bound, not a value".to_owned(),
        };
        let mut report = Report { bad_cells: (0..12).map(cell).collect(), ..Report::default() };
        report.notes.push("A note.".to_owned());
        report.joins.push(JoinReport {
            what: "map.csv by well".to_owned(),
            repeated: std::iter::once(("a01".to_owned(), 2, 6)).collect(),
            ..JoinReport::default()
        });
        let lines = report.details(10);
        assert_eq!(lines[..2], ["A note.", "12 cells left empty:"]);
        assert_eq!(lines[2], "  row 2, column Dose: \"<0\": it is a bound, not a value");
        assert!(lines[11].contains("row 11") && lines[12] == "  … and 2 more", "{lines:?}");
        assert_eq!(
            lines[13..],
            ["1 keys more than once in map.csv by well:", "  a01, in rows 2 and 6; the first was taken",]
        );
        assert!(Report::default().details(10).is_empty());
    }
}

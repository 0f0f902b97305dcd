//! What panels ask of the experiment.

use super::Look;
use super::selection::Gesture;

/// A structure on its way onto rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    /// Name of the compound, if known.
    pub name: Option<String>,
    /// SMILES, checked.
    pub smiles: String,
    /// Mechanisms of action, `;`-separated, if known.
    pub moa: Option<String>,
}

/// Something to do with the experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum ScreenCommand {
    /// A click on a row of the table or the contact sheet.
    Click(u32, Gesture),
    /// Select a group of rows.
    Take(Vec<u32>, Gesture),
    /// Change what is seen.
    Look(Box<Look>),
    /// Put a text into cells of a column.
    Set(Vec<u32>, String, String),
    /// Put a text of its own into each of several cells of a column, in one step.
    SetEach(String, Vec<(u32, String)>),
    /// A cell of this column was clicked: keys and pastes are about it.
    Column(String),
    /// Put the first of the rows' values into the others.
    FillDown(Vec<u32>, String),
    /// Leave rows out, with the reason.
    Exclude(Vec<u32>, String),
    /// Take rows in again.
    Include(Vec<u32>),
    /// Add a tag, or remove it where all rows have it.
    Tag(Vec<u32>, String),
    /// Put a structure onto rows.
    Attach(Vec<u32>, Structure),
    /// Look compounds without a structure up in the library, by name.
    AttachByName,
    /// Play the rows' recordings.
    Play(Vec<u32>),
}

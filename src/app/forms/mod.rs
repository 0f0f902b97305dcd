//! What dialogs hold while they are open: plain data. Panels show it and edit it, `apply` takes it over.

pub mod attach;
pub mod choice;
pub mod export;
pub mod import;
pub mod join;
pub mod path_box;
pub mod predictions;
pub mod simulate;

/// What a form waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The job that looks.
    pub job: u64,
    /// What it was asked about.
    pub what: String,
}

/// A question about the selected rows, with the answer so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsForm {
    /// Why they are left out.
    Exclude(String),
    /// Which tag.
    Tag(String),
}

//! What dialogs hold while they are open: plain data. Panels show it and edit it, `apply` takes it over.

pub mod attach;
pub mod choice;
pub mod export;
pub mod fill;
pub mod import;
pub mod join;
pub mod path_box;
pub mod predictions;
pub mod recipes;
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

/// What is to be closed, with the experiment of this id that has no name yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// The experiment.
    Experiment(String),
    /// The program.
    Program(String),
}

impl Closing {
    /// Id of the experiment that is asked about: another one may be on screen when the answer comes.
    pub fn experiment(&self) -> &str {
        match self {
            Self::Experiment(id) | Self::Program(id) => id,
        }
    }
}

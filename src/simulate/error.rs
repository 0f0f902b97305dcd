//! What can go wrong.

use std::path::PathBuf;

use crate::export::ExportError;
use crate::progress::Cancelled;

/// A screen could not be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The compiled-in parameters are wrong: a fault of this program.
    #[error("assets/simulator/parameters.json: {0}")]
    Parameters(String),
    /// An argument is out of range.
    #[error("--{name} {value}: must be {low} to {high}.")]
    Bounds {
        /// The argument.
        name: &'static str,
        /// What was asked for.
        value: usize,
        /// Smallest value.
        low: usize,
        /// Largest value.
        high: usize,
    },
    /// The screen has too many videos or pixels.
    #[error("{videos} videos of that size are too many: at most {limit} videos and 5·10¹¹ pixels.")]
    TooLarge {
        /// Videos asked for.
        videos: usize,
        /// Videos at most.
        limit: usize,
    },
    /// No drug or mechanism has this name.
    #[error("The simulator knows no drug or mechanism called {0}.")]
    Unknown(String),
    /// The folder holds something else.
    #[error("{}: {problem}", path.display())]
    Folder {
        /// The folder to write to.
        path: PathBuf,
        /// What is wrong with it, and what to do, whole sentences.
        problem: String,
    },
    /// A table could not be made or written.
    #[error("{}: {source}", path.display())]
    Table {
        /// The table's file.
        path: PathBuf,
        /// What polars said.
        source: polars::error::PolarsError,
    },
    /// A file could not be written, or the user stopped.
    #[error(transparent)]
    Export(#[from] ExportError),
}

impl From<Cancelled> for SimulateError {
    fn from(stopped: Cancelled) -> Self {
        Self::Export(stopped.into())
    }
}

//! The error of importing: which file, where in it, what is wrong, what to do.

use std::path::{Path, PathBuf};

use super::super::project::ProjectError;
use super::super::{ExperimentError, TableError};

/// A file or folder could not be imported. Single bad cells are no error: they are listed in the report.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read as a table.
    #[error("{}: {place}: {problem}. {remedy}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Where in it: a line, a sheet, a column.
        place: String,
        /// What is wrong there, without a full stop.
        problem: String,
        /// What to do, a whole sentence.
        remedy: String,
    },
    /// Which columns of a table of profiles are features is open, or what was chosen is not there.
    #[error(
        "{}: {problem}. Choose features with --features, by name or by what their names begin with. Its columns of \
         numbers: {}",
        path.display(),
        listed(candidates)
    )]
    Features {
        /// The file.
        path: PathBuf,
        /// What is open, a clause without a full stop.
        problem: String,
        /// Columns that may be chosen.
        candidates: Vec<String>,
    },
    /// What was read makes no table.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: TableError,
    },
    /// A project could not be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// What was read makes no experiment.
    #[error("{}: {source}", path.display())]
    Experiment {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: ExperimentError,
    },
}

/// Names in a message: all of some, the first of many.
fn listed(names: &[String]) -> String {
    const MOST: usize = 40;
    match names.len() {
        0 => "none".to_owned(),
        1..=MOST => names.join(", "),
        all => format!("{}, … and {} more", names[..MOST].join(", "), all - MOST),
    }
}

impl ImportError {
    /// Builds an error from its four parts.
    pub fn new(
        path: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::File {
            path: path.to_owned(),
            place: place.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// An operating-system error while reading `path`.
    pub fn io(path: &Path, place: impl Into<String>, error: &std::io::Error) -> Self {
        let error = crate::video::VideoError::io(path, place, error);
        Self::new(path, error.place, error.problem, error.remedy)
    }
}

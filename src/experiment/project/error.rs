//! The one error of projects: which file, what is wrong, what to do.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A project could not be made, read or written. Every text is written for the person in front of the window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// The path does not lead to a project.
    #[error(
        "{}: not a MolCLIP project: {why}. Choose a folder whose name ends in .molclip and that holds project.json.",
        path.display()
    )]
    NotAProject {
        /// What was to be opened.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// A project is to be made where something else is.
    #[error("{}: there is something already. Choose another name, or open it if it is a project.", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The project may only be read, and something was to be written.
    #[error("{}: cannot be written: {why} Save under another name to keep your changes.", path.display())]
    ReadOnly {
        /// The project.
        path: PathBuf,
        /// Who or what keeps it from being written, a whole sentence.
        why: String,
    },
    /// The project was written by a later version of the program.
    #[error(
        "{}: has project format {found}, this program knows up to {known}. Open it with a later MolCLIP Studio.",
        path.display()
    )]
    Newer {
        /// The project.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format that is known here.
        known: u64,
    },
    /// What is on disk is not what was written.
    #[error("{}: {place}: {problem}. {remedy}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        place: String,
        /// What is wrong there, without a full stop.
        problem: String,
        /// What can be done, a whole sentence.
        remedy: String,
    },
    /// The operating system refused.
    #[error("{}: {doing} failed: {problem}. {remedy}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's words.
        problem: String,
        /// What can be done, a whole sentence.
        remedy: &'static str,
    },
}

impl ProjectError {
    /// An error of the operating system.
    pub fn io(path: &Path, doing: &'static str, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "Free some space on this disk, or save under another name on another disk."
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "Ask for write access to the folder, or save under another name elsewhere."
            }
            ErrorKind::NotFound => {
                "Reconnect the drive, or save under another name if the folder was moved or removed."
            }
            _ => "Check the disk or the network, or save under another name elsewhere.",
        };
        Self::Io { path: path.to_owned(), doing, problem: error.to_string(), remedy }
    }

    pub(super) fn damaged(
        path: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            place: place.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

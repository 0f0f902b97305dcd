//! The one error of reading recordings: which file, where in it, what is wrong, what to do.

use std::path::{Path, PathBuf};

/// A recording could not be read. Every part is written for the person who opened the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {place}: {problem}. {remedy}", path.display())]
pub struct VideoError {
    /// The file or folder.
    pub path: PathBuf,
    /// Where in it: a byte offset, a directory, a tag, a plane, a frame.
    pub place: String,
    /// What is wrong there, without a full stop.
    pub problem: String,
    /// What the user can do about it, a whole sentence.
    pub remedy: String,
}

impl VideoError {
    /// Builds an error from its four parts.
    pub fn new(
        path: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { path: path.to_owned(), place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// An operating-system error while opening or reading `path`.
    pub fn io(path: &Path, place: impl Into<String>, error: &std::io::Error) -> Self {
        let text = error.to_string();
        // What is refused for what it is brings its own way out.
        if let (std::io::ErrorKind::InvalidInput, Some((problem, remedy))) =
            (error.kind(), text.split_once(". "))
        {
            return Self::new(path, place, problem, format!("{remedy}."));
        }
        let remedy = match error.kind() {
            std::io::ErrorKind::InvalidInput => "Name a file.",
            std::io::ErrorKind::NotFound => "Check the path, or whether the drive is connected.",
            std::io::ErrorKind::PermissionDenied => "Ask for read access to the file.",
            _ => "Copy the file to a local disk and try again.",
        };
        Self::new(path, place, text, remedy)
    }
}

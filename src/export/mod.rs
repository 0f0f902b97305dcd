//! Exported files. Every writer streams, reports progress, can be cancelled, and leaves nothing behind
//! unless it finished: the file gets its name at the end.

pub mod embeddings;
pub mod figure;
pub mod gif;
pub mod ome_tiff;
mod ome_xml;
pub mod pair;
pub mod png;
pub mod predictions;
pub mod profiles;
mod xml;

use std::io;
use std::path::{Path, PathBuf};

pub use gif::{GifOptions, GifWriter};
pub use ome_tiff::{MovieMeta, OmeTiffOptions, OmeTiffWriter, write_ome_tiff};
pub use png::{PngOptions, write_png};

use crate::atomic_file::Pending;
use crate::progress::Cancelled;
use crate::video::VideoError;

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The user stopped it; nothing was left behind.
    #[error("Cancelled; nothing was written.")]
    Cancelled,
    /// The disk or folder refused.
    #[error("{}: {source}. Check that the folder exists, can be written to and has room.", path.display())]
    Io {
        /// The file to be written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The content does not fit the format.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file to be written.
        path: PathBuf,
        /// What does not fit, and what to do, whole sentences.
        problem: String,
    },
    /// The recording could not be read.
    #[error(transparent)]
    Video(#[from] VideoError),
}

impl From<Cancelled> for ExportError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl ExportError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }
}

/// Starts a file that gets its name from [`persist`].
fn temporary(path: &Path) -> Result<Pending, ExportError> {
    Pending::beside(path).map_err(|e| ExportError::io(path, e))
}

/// Puts a finished file in its place.
fn persist(file: Pending, path: &Path) -> Result<(), ExportError> {
    file.publish(path).map_err(|e| ExportError::io(path, e))
}

//! Exported files. Every writer streams, reports progress, can be cancelled, and leaves nothing behind
//! unless it finished: the bytes go to a temporary file beside the target, which is renamed at the end.

pub mod embeddings;
pub mod figure;
pub mod gif;
pub mod ome_tiff;
mod ome_xml;
pub mod pair;
pub mod png;
pub mod predictions;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use gif::{GifOptions, GifWriter};
pub use ome_tiff::{MovieMeta, OmeTiffOptions, OmeTiffWriter, write_ome_tiff};
pub use png::{PngOptions, write_png};

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

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes temporary files.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".molclip-").suffix(".part");
    // Temporary files are private by default; the result is an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// A temporary file beside `path`: on the same disk, so that renaming it is atomic.
fn temporary(path: &Path) -> Result<NamedTempFile, ExportError> {
    builder().tempfile_in(folder(path)).map_err(|e| ExportError::io(path, e))
}

/// Puts a finished temporary file in its place.
fn persist(file: NamedTempFile, path: &Path) -> Result<(), ExportError> {
    file.as_file().sync_all().map_err(|e| ExportError::io(path, e))?;
    file.persist(path).map(drop).map_err(|e| ExportError::io(path, e.error))
}

//! One file per format behind one trait. To add a format: a file here and a line in [`open`].

use std::path::Path;

use super::{Plane, Series, VideoError};

/// What an untrusted file may make the program allocate.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest decoded plane, bytes.
    pub plane_bytes: u64,
    /// Most planes (TIFF directories, frames) that are looked for in one recording.
    pub planes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { plane_bytes: 2 << 30, planes: 4_000_000 }
    }
}

/// An open recording. Planes are read lazily and from any thread.
pub trait Reader: Send + Sync {
    /// Name of the format, e.g. `OME-TIFF`.
    fn format(&self) -> &'static str;

    /// What is in the file; never empty.
    fn series(&self) -> &[Series];

    /// Decodes one plane, `[y, x, s]`; `plane` is [`super::Shape::plane_index`].
    ///
    /// # Errors
    /// The plane is missing, damaged, or larger than [`Limits`] allow.
    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError>;
}

/// Opens a file or a folder of frames by its content, not its name.
pub fn open(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    let _ = limits;
    Err(VideoError::new(path, "file", "not yet", "Wait."))
}

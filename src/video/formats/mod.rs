//! One file per format behind one trait. To add a format: a file here and a line in [`FORMATS`].

mod folder;
mod gif;
pub mod limits;
mod not_yet;
mod still;
pub mod tiff;

use std::io::Read;
use std::path::Path;

use super::{Plane, Series, VideoError};
use crate::regular_file;

pub use limits::Limits;

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

/// What a format is recognised by: never the name, which people change.
pub struct Sniff<'a> {
    /// The file or folder.
    pub path: &'a Path,
    /// True for a folder.
    pub is_dir: bool,
    /// The file's first bytes, at most [`HEAD`]; empty for a folder.
    pub head: &'a [u8],
}

/// Opens a file or folder.
pub type Open = fn(&Path, Limits) -> Result<Box<dyn Reader>, VideoError>;

/// One format that is read.
pub struct Format {
    /// Name for messages.
    pub name: &'static str,
    /// True where this format's reader is the right one.
    pub sniff: fn(&Sniff) -> bool,
    /// Opens the file without decoding more than it must.
    pub open: Open,
}

/// Every format that is read, tried in this order.
pub static FORMATS: &[Format] = &[
    Format { name: "TIFF", sniff: |s| tiff::sniff(s.head), open: tiff::open },
    Format { name: "GIF", sniff: |s| gif::sniff(s.head), open: gif::open },
    Format { name: "PNG", sniff: |s| still::sniff_png(s.head), open: still::open_png },
    Format { name: "JPEG", sniff: |s| still::sniff_jpeg(s.head), open: still::open_jpeg },
    Format { name: "folder of frames", sniff: |s| s.is_dir, open: folder::open },
];

/// Bytes from the start of a file that tell its format.
pub const HEAD: usize = 64;

/// Opens a file or a folder of frames by its content, not its name.
pub fn open(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    (recognise(path)?.open)(path, limits)
}

/// The format of a file or folder, from its first bytes.
pub fn recognise(path: &Path) -> Result<&'static Format, VideoError> {
    let is_dir = std::fs::metadata(path).map_err(|e| VideoError::io(path, "opening", &e))?.is_dir();
    let mut head = Vec::with_capacity(HEAD);
    if !is_dir {
        regular_file::open(path)
            .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
            .map_err(|e| VideoError::io(path, "opening", &e))?;
    }
    let sniff = Sniff { path, is_dir, head: &head };
    if let Some(error) = not_yet::explain(&sniff) {
        return Err(error);
    }
    FORMATS.iter().find(|format| (format.sniff)(&sniff)).ok_or_else(|| not_yet::unknown(&sniff))
}

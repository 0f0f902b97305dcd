//! What of a recording is exported, how, and to which file.

use std::path::{Path, PathBuf};

use crate::app::settings::Overlays;
use crate::app::view::View;
use crate::video::timeline::Speed;

/// Numbers that are tried for a free name.
const NAMES: usize = 1000;

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The current frame as shown.
    Png,
    /// Raw values with metadata.
    OmeTiff,
    /// As shown, moving.
    Gif,
}

impl Kind {
    /// File name ending.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::OmeTiff => "ome.tif",
            Self::Gif => "gif",
        }
    }
}

/// The part of the frame to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What the view shows.
    Visible,
    /// The rectangle drawn on it.
    Drawn,
}

/// The export form's values.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportForm {
    /// Index of the view.
    pub view: usize,
    /// Kind of file.
    pub kind: Kind,
    /// Which part of the frame.
    pub part: Part,
    /// First and last frame, from 0, both included.
    pub frames: (usize, usize),
    /// Enlargement of pictures.
    pub scale: f32,
    /// Drawn over pictures.
    pub overlays: Overlays,
    /// GIF speed, frames per second.
    pub fps: f64,
    /// Compress the OME-TIFF (lossless).
    pub compress: bool,
    /// Where to.
    pub path: String,
    /// What the latest look at the disk found: a path, trimmed, and whether something is there.
    pub seen: Option<(String, bool)>,
    /// The disk is being looked at.
    pub looking: bool,
}

impl ExportForm {
    /// A form for a view, the `index`th, that has no file name yet. `speed` is that of playing.
    pub fn new(view: &View, index: usize, kind: Kind, speed: Speed, overlays: Overlays) -> Self {
        let shape = view.recording.shape();
        Self {
            view: index,
            kind,
            part: if view.roi.is_some() { Part::Drawn } else { Part::Whole },
            frames: (0, shape.t.saturating_sub(1)),
            scale: (512.0 / shape.x.max(shape.y) as f32).ceil().clamp(1.0, 8.0),
            overlays: Overlays { name: false, ..overlays },
            fps: match speed {
                Speed::Fps(fps) => fps.clamp(0.1, 50.0),
                Speed::RealTime(_) => 10.0,
            },
            compress: true,
            path: String::new(),
            seen: None,
            looking: false,
        }
    }

    /// True if a file would be replaced, as far as is known.
    pub fn replaces(&self) -> bool {
        self.seen.as_ref().is_some_and(|(path, there)| *there && path == self.path.trim())
    }

    /// True for a name that the disk was not asked about yet, and that nobody asks about now.
    pub fn is_unseen(&self) -> bool {
        let path = self.path.trim();
        !self.looking && !path.is_empty() && self.seen.as_ref().is_none_or(|(seen, _)| seen != path)
    }
}

/// File names beside a recording, the plain one first, then numbered ones; `frame` counts from 0.
pub fn names(kind: Kind, recording: &Path, frame: usize) -> impl Iterator<Item = PathBuf> + use<> {
    let name = recording.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.split('.').next().unwrap_or("movie");
    let base = match kind {
        Kind::Png => format!("{stem}_frame{:03}", frame + 1),
        Kind::OmeTiff | Kind::Gif => format!("{stem}_export"),
    };
    let folder = recording.parent().map(PathBuf::from).unwrap_or_default();
    (0..NAMES).map(move |n| {
        let number = if n == 0 { String::new() } else { format!("_{n}") };
        folder.join(format!("{base}{number}.{}", kind.extension()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_the_recording_and_numbered_where_taken() {
        let recording = Path::new("screen/well A1.ome.tif");
        let mut png = names(Kind::Png, recording, 6);
        assert_eq!(png.next().unwrap(), Path::new("screen/well A1_frame007.png"));
        assert_eq!(png.next().unwrap(), Path::new("screen/well A1_frame007_1.png"));
        let tiff = names(Kind::OmeTiff, recording, 6).nth(2).unwrap();
        assert_eq!(tiff, Path::new("screen/well A1_export_2.ome.tif"));
    }
}

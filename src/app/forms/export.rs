//! What of a recording is exported, how, and to which file.

use std::path::{Path, PathBuf};

use super::Waiting;
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
    /// The path that is looked for now, trimmed.
    pub looking: Option<Waiting>,
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
            looking: None,
        }
    }

    /// True if a file would be replaced, as far as is known.
    pub fn replaces(&self) -> bool {
        self.is_seen() && self.seen.as_ref().is_some_and(|(_, there)| *there)
    }

    /// True once it is known whether something is at just this path: nothing is replaced without a word.
    pub fn is_seen(&self) -> bool {
        self.seen.as_ref().is_some_and(|(seen, _)| seen == self.path.trim())
    }

    /// True for a name that the disk has to be asked about, while it is not asked about another.
    pub fn is_unseen(&self) -> bool {
        self.looking.is_none() && !self.path.trim().is_empty() && !self.is_seen()
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
    fn what_is_known_of_one_path_says_nothing_of_another() {
        let mut form = ExportForm {
            view: 0,
            kind: Kind::Png,
            part: Part::Whole,
            frames: (0, 0),
            scale: 1.0,
            overlays: Overlays::default(),
            fps: 10.0,
            compress: true,
            path: "a.png ".into(),
            seen: None,
            looking: None,
        };
        assert!(form.is_unseen() && !form.is_seen() && !form.replaces());
        form.seen = Some(("a.png".into(), true));
        assert!(!form.is_unseen() && form.is_seen() && form.replaces());
        form.path = "b.png".into();
        assert!(form.is_unseen() && !form.is_seen() && !form.replaces());
        form.looking = Some(Waiting { job: 1, what: "b.png".into() });
        assert!(!form.is_unseen() && !form.is_seen(), "it is being asked");
    }

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

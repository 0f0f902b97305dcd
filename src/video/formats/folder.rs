//! A folder of frames: PNG, JPEG or TIFF files whose names carry the numbers of time, focal plane and channel.
//!
//! Opening lists the folder and reads the header of the first frame of each recording; every other file is
//! checked when its plane is read.

mod layout;
mod names;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Limits, Reader};
use crate::cache::Bounded;
use crate::video::{Plane, Series, VideoError};
use layout::{Layout, plan};

/// Frames whose headers are kept: one z stack per file is read plane by plane.
const OPEN_FILES: usize = 8;

/// Ignored files that a warning names.
const NAMED: usize = 5;

/// What entries are that are neither files nor folders.
const SPECIAL: &str = "pipes, devices or sockets";

/// Opens a folder; the first readable frame of each recording gives size and type.
pub fn open(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    let listing = list(path, limits)?;
    if listing.frames.is_empty() {
        return Err(no_frames(path, &listing));
    }
    let mut folder = Folder {
        path: path.to_owned(),
        limits,
        format: listing.format(),
        files: listing.frames.iter().map(|(file, ..)| file.clone()).collect(),
        series: Vec::new(),
        layouts: Vec::new(),
        open: Mutex::new(Bounded::new(OPEN_FILES)),
    };
    let stems: Vec<(String, u8)> =
        listing.frames.iter().map(|(_, stem, kind)| (stem.clone(), *kind as u8)).collect();
    let mut unread = Vec::new();
    for group in names::group(&stems) {
        match plan(&folder, &group) {
            Ok(planned) => {
                for (series, layout) in planned {
                    folder.series.push(series);
                    folder.layouts.push(layout);
                }
            }
            Err(error) => unread.push((error, group.files.len())),
        }
    }
    let Some(first) = folder.series.first_mut() else {
        let first = unread.into_iter().next();
        return Err(first.map_or_else(|| no_frames(path, &listing), |(error, _)| error));
    };
    first.warnings.extend(listing.ignored_warning());
    for (error, files) in unread {
        first.warnings.push(match files {
            1 => format!("{error} It is left out."),
            _ => format!("{error} It is left out, with {} files that are numbered like it.", files - 1),
        });
    }
    Ok(Box::new(folder))
}

/// An open folder.
struct Folder {
    path: PathBuf,
    limits: Limits,
    format: &'static str,
    /// File names inside the folder.
    files: Vec<PathBuf>,
    series: Vec<Series>,
    layouts: Vec<Layout>,
    open: Mutex<Bounded<usize, Arc<dyn Reader>>>,
}

impl Folder {
    /// The reader of one frame's file.
    fn frame(&self, file: usize) -> Result<Arc<dyn Reader>, VideoError> {
        if let Some(reader) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&file) {
            return Ok(Arc::clone(reader));
        }
        // Opened outside the lock, so that threads read different frames at the same time.
        let reader: Arc<dyn Reader> =
            Arc::from(super::open(&self.path.join(&self.files[file]), self.limits)?);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(file, Arc::clone(&reader), 1);
        Ok(reader)
    }

    /// The folder's name, or that of the file alone.
    fn file_name(&self, file: usize) -> String {
        self.files[file].to_string_lossy().into_owned()
    }
}

impl Reader for Folder {
    fn format(&self) -> &'static str {
        self.format
    }

    fn series(&self) -> &[Series] {
        &self.series
    }

    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
        let (Some(layout), Some(about)) = (self.layouts.get(series), self.series.get(series)) else {
            return Err(VideoError::new(
                &self.path,
                format!("series {series}"),
                format!("the folder has {} series", self.series.len()),
                "Choose one of these; the first is 0.",
            ));
        };
        let (file, inner_series, inner_plane) = match layout {
            Layout::Whole { file, series } => (*file, *series, plane),
            Layout::Frames(frames) => match frames.locate(about.shape, plane) {
                Some((file, inner)) => (file, 0, inner),
                None => {
                    return Err(VideoError::new(
                        &self.path,
                        format!(
                            "{}, frame {}",
                            about.name,
                            plane / (about.shape.z * about.shape.c).max(1) + 1
                        ),
                        "no file in the folder has its number",
                        "Copy the missing frame into the folder, or leave the gap.",
                    ));
                }
            },
        };
        let reader = self.frame(file)?;
        if let (Layout::Frames(frames), Some(found)) = (layout, reader.series().first()) {
            frames.check(&self.path.join(&self.files[file]), about, found)?;
        }
        let plane = reader.read_plane(inner_series, inner_plane)?;
        let shape = about.shape;
        if (plane.width, plane.height, plane.samples, plane.dtype) != (shape.x, shape.y, shape.s, about.dtype)
        {
            return Err(layout::differs(&self.path.join(&self.files[file]), about, &plane));
        }
        Ok(plane)
    }
}

/// File types that frames come in; kept apart because `a_1.png` and `a_1.tif` are not the same frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
    Tiff,
}

impl Kind {
    fn of(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "tif" | "tiff" => Some(Self::Tiff),
            _ => None,
        }
    }
}

/// What is in a folder.
struct Listing {
    /// File name, name without extension, type.
    frames: Vec<(PathBuf, String, Kind)>,
    others: Vec<String>,
    folders: Vec<String>,
    /// Pipes, devices and sockets.
    special: Vec<String>,
    /// True where the folder holds more files than the limit.
    cut: bool,
}

/// Lists a folder without opening any file in it.
fn list(path: &Path, limits: Limits) -> Result<Listing, VideoError> {
    let failed = |e| VideoError::io(path, "listing the folder", &e);
    let mut listing = Listing {
        frames: Vec::new(),
        others: Vec::new(),
        folders: Vec::new(),
        special: Vec::new(),
        cut: false,
    };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let file = PathBuf::from(entry.file_name());
        let name = file.to_string_lossy().into_owned();
        // Hidden files and what Windows leaves behind are nobody's recording.
        if name.starts_with('.') || matches!(name.as_str(), "Thumbs.db" | "desktop.ini") {
            continue;
        }
        let mut kind = entry.file_type().map_err(failed)?;
        if kind.is_symlink() {
            // A link that leads nowhere is a file like any other until it is read.
            if let Ok(target) = std::fs::metadata(path.join(&file)) {
                kind = target.file_type();
            }
        }
        if kind.is_dir() {
            listing.folders.push(name);
            continue;
        }
        if !kind.is_file() && !kind.is_symlink() {
            listing.special.push(name);
            continue;
        }
        match name.rsplit_once('.').and_then(|(stem, ext)| Some((stem, Kind::of(ext)?))) {
            Some(_) if listing.frames.len() == limits.planes => listing.cut = true,
            Some((stem, kind)) => {
                let stem = stem.strip_suffix(".ome").unwrap_or(stem).to_owned();
                listing.frames.push((file, stem, kind));
            }
            None => listing.others.push(name),
        }
    }
    listing.others.sort_by(|a, b| natord::compare(a, b));
    listing.folders.sort_by(|a, b| natord::compare(a, b));
    listing.special.sort_by(|a, b| natord::compare(a, b));
    Ok(listing)
}

impl Listing {
    fn format(&self) -> &'static str {
        let mut kinds = self.frames.iter().map(|(_, _, kind)| *kind);
        let first = kinds.next();
        match first {
            Some(kind) if kinds.any(|k| k != kind) => "folder of pictures",
            Some(Kind::Png) => "folder of PNG",
            Some(Kind::Jpeg) => "folder of JPEG",
            _ => "folder of TIFF",
        }
    }

    fn ignored_warning(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.others.is_empty() {
            let (noun, verb) = if self.others.len() == 1 { ("file", "is") } else { ("files", "are") };
            let count = self.others.len();
            warnings
                .push(format!("{count} other {noun} in the folder {verb} ignored: {}.", some(&self.others)));
        }
        if !self.folders.is_empty() {
            let (noun, verb) = if self.folders.len() == 1 { ("folder", "is") } else { ("folders", "are") };
            let count = self.folders.len();
            warnings
                .push(format!("{count} {noun} inside the folder {verb} ignored: {}.", some(&self.folders)));
        }
        if !self.special.is_empty() {
            let count = self.special.len();
            let (noun, verb) = if count == 1 { ("pipe, device or socket", "is") } else { (SPECIAL, "are") };
            warnings.push(format!("{count} {noun} in the folder {verb} left out: {}.", some(&self.special)));
        }
        if self.cut {
            warnings.push(format!(
                "Only {} files are shown, the most that one recording may have.",
                self.frames.len()
            ));
        }
        warnings
    }
}

/// The first few names, and that there are more.
fn some(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text.push_str(", …");
    }
    text
}

fn no_frames(path: &Path, listing: &Listing) -> VideoError {
    let (problem, remedy) = match (listing.others.as_slice(), listing.folders.as_slice()) {
        ([], []) if !listing.special.is_empty() => (
            format!("it holds no frames, only {SPECIAL}: {}", some(&listing.special)),
            "Copy their content into files first.".to_owned(),
        ),
        ([], []) => ("it is empty".to_owned(), "Choose a folder of PNG, JPEG or TIFF frames.".to_owned()),
        ([], folders) => (
            "it holds no frames, only folders".to_owned(),
            format!("Open one of the folders in it: {}.", some(folders)),
        ),
        (others, _) => (
            format!("it holds no PNG, JPEG or TIFF frames, only {}", some(others)),
            "Open the recording itself, or choose a folder of frames.".to_owned(),
        ),
    };
    VideoError::new(path, "folder", problem, remedy)
}

//! A recording's address: path, series, crop; written `movie.tif#series=1&xywh=75,100,280,225`
//! (the `xywh` of W3C Media Fragments), so that it fits a command line, a manifest and a recent-files list.
//! Channels in files of their own are written one after the other: `actin.tif;dna.tif`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Shape, VideoError};

/// A rectangle in pixels of the full frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Crop {
    /// Left column.
    pub x: usize,
    /// Top row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Crop {
    /// Refuses a crop of nothing, and one that reaches beyond the frame: neither is cut down or left out.
    pub fn check(self, path: &Path, shape: Shape) -> Result<(), VideoError> {
        let Self { x, y, width, height } = self;
        let problem = if width == 0 || height == 0 {
            "it has no pixels".to_owned()
        } else if x.saturating_add(width) > shape.x || y.saturating_add(height) > shape.y {
            format!("it does not lie inside the frame of {} × {} px", shape.x, shape.y)
        } else {
            return Ok(());
        };
        let place = format!("crop {x},{y},{width},{height}");
        Err(VideoError::new(path, place, problem, "Correct the crop."))
    }
}

/// Stands between the files of a recording's channels, and between the names of its stains.
const SEPARATOR: char = ';';

/// The files that a text names, without the blanks around `;`. Empty parts are given as they are: they are mistakes.
pub fn files_in(text: &str) -> impl Iterator<Item = &str> {
    // A blank belongs to the name of a file that stands alone.
    let several = text.contains(SEPARATOR);
    text.split(SEPARATOR).map(move |file| if several { file.trim() } else { file })
}

/// Which recording: a file or folder, or one for each of its channels; a series in it, optionally a crop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// File, or folder of frames; of several, the one with the first channel. Edits are kept beside it.
    pub path: PathBuf,
    /// Files or folders with the further channels, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<PathBuf>,
    /// What each of several files shows, in their order; empty where nobody says so. The text form leaves it out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stains: Vec<String>,
    /// Series in the file, from 0; of several files, the same in each.
    #[serde(default)]
    pub series: usize,
    /// Part of the frame; `None` = all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
}

impl Address {
    /// The whole first series of a file.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), more: Vec::new(), stains: Vec::new(), series: 0, crop: None }
    }

    /// Reads an address as typed by a user. A file whose name contains `#` or `;` wins over a fragment, and over
    /// several files.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (paths, fragment) = match text.rsplit_once('#') {
            Some((paths, fragment)) if fragment.contains('=') => (paths, Some(fragment)),
            _ => (text, None),
        };
        if (fragment.is_some() || text.contains(SEPARATOR)) && Path::new(text).exists() {
            return Ok(Self::of(text));
        }
        let mut address = Self::of(paths);
        if paths.contains(SEPARATOR) && !Path::new(paths).exists() {
            if files_in(paths).any(str::is_empty) {
                return Err(format!("{text}: the name of a file is missing before or after a ;"));
            }
            let mut files = files_in(paths).map(PathBuf::from);
            address.path = files.next().unwrap_or_default();
            address.more = files.collect();
        }
        for part in fragment.into_iter().flat_map(|fragment| fragment.split('&')) {
            match part.split_once('=') {
                Some(("series", n)) => {
                    address.series =
                        n.parse().map_err(|_| format!("series={n} in {text}: not a whole number"))?;
                }
                Some(("xywh", list)) => {
                    let numbers: Option<Vec<usize>> =
                        list.split(',').map(|n| n.trim().parse().ok()).collect();
                    let Some(&[x, y, width, height]) = numbers.as_deref() else {
                        return Err(format!(
                            "xywh={list} in {text}: four whole numbers are needed, x,y,width,height"
                        ));
                    };
                    if width == 0 || height == 0 {
                        return Err(format!("xywh={list} in {text}: width and height must be at least 1"));
                    }
                    address.crop = Some(Crop { x, y, width, height });
                }
                _ => {
                    return Err(format!(
                        "{part} in {text}: only series=N and xywh=x,y,width,height are known"
                    ));
                }
            }
        }
        Ok(address)
    }

    /// All files and folders, by channel.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.more)
    }

    /// The paths of all files, `;` between them, without series and crop.
    pub fn paths(&self) -> String {
        joined(self.files().map(|path| path.display().to_string()))
    }

    /// File names for titles, with series and crop where they matter.
    pub fn label(&self) -> String {
        let name =
            |path: &PathBuf| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        format!("{}{}", joined(self.files().map(name)), self.fragment())
    }

    fn fragment(&self) -> String {
        let mut parts = Vec::new();
        if self.series > 0 {
            parts.push(format!("series={}", self.series));
        }
        if let Some(Crop { x, y, width, height }) = self.crop {
            parts.push(format!("xywh={x},{y},{width},{height}"));
        }
        if parts.is_empty() { String::new() } else { format!("#{}", parts.join("&")) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.paths(), self.fragment())
    }
}

fn joined(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(";")
}

impl FromStr for Address {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::parse(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_survives_its_text_form() {
        for text in [
            "a.tif",
            "dir/a.tif#series=2",
            "a.gif#xywh=75,100,280,225",
            "a.gif#series=1&xywh=0,0,1,1",
            "odd#name.tif",
            "a.tif;dir/b.tif",
            "a.tif;b.tif;c.tif#series=1&xywh=0,0,1,1",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for list in ["1,2,3", "1,2,3,4,5", "1,2,3,4,x", "-1,2,3,4", "1.5,2,3,4", "1,,3,4", ""] {
            let error = Address::parse(&format!("a.tif#xywh={list}")).unwrap_err();
            assert!(error.contains("four whole numbers"), "{error}");
        }
        assert!(Address::parse("a.tif#xywh=1,2,0,3").is_err());
        assert!(Address::parse("a.tif#colour=red").is_err());
    }

    #[test]
    fn several_files_are_told_from_one_with_a_semicolon_in_its_name() {
        let address = Address::parse("x/a.tif; y/b.tif #series=2").unwrap();
        let files: Vec<&Path> = address.files().map(PathBuf::as_path).collect();
        assert_eq!((files, address.series), (vec![Path::new("x/a.tif"), Path::new("y/b.tif")], 2));
        assert_eq!(address.label(), "a.tif;b.tif#series=2");
        for text in ["a.tif;", ";a.tif", "a.tif; ;b.tif", "a.tif;#series=1"] {
            assert!(Address::parse(text).unwrap_err().contains("name of a file is missing"), "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a;b.tif");
        std::fs::write(&odd, "x").unwrap();
        let text = odd.to_str().unwrap();
        assert_eq!(Address::parse(text).unwrap(), Address::of(&odd));
        let cropped = Address::parse(&format!("{text}#xywh=0,0,1,1")).unwrap();
        assert_eq!((&cropped.path, cropped.more.len(), cropped.crop.is_some()), (&odd, 0, true));
    }

    #[test]
    fn an_address_of_one_file_is_kept_as_before_and_stains_are_kept_too() {
        let text = r#"{"path":"a.tif","series":0}"#;
        let one: Address = serde_json::from_str(text).unwrap();
        assert_eq!((&one, serde_json::to_string(&one).unwrap().as_str()), (&Address::of("a.tif"), text));
        let stains = vec!["actin".to_owned(), "DNA".to_owned()];
        let two = Address { more: vec!["b.tif".into()], stains, ..one };
        let kept = serde_json::to_string(&two).unwrap();
        assert_eq!(serde_json::from_str::<Address>(&kept).unwrap(), two);
    }

    #[test]
    fn a_crop_lies_inside_the_frame_and_has_pixels() {
        let shape = Shape { t: 1, z: 1, c: 1, y: 20, x: 30, s: 1 };
        let check = |x, y, width, height| {
            let checked = Crop { x, y, width, height }.check(Path::new("a.tif"), shape);
            checked.err().map(|error| error.to_string())
        };
        assert_eq!(check(0, 0, 30, 20), None);
        assert_eq!(check(29, 19, 1, 1), None);
        for (x, y, width, height) in
            [(29, 0, 2, 1), (0, 19, 1, 2), (30, 0, 1, 1), (usize::MAX, 0, 2, 2), (0, 0, usize::MAX, 1)]
        {
            let text = check(x, y, width, height).unwrap();
            assert!(text.contains("does not lie inside the frame of 30 × 20 px"), "{text}");
        }
        assert!(check(3, 3, 0, 1).unwrap().contains("crop 3,3,0,1: it has no pixels"));
        assert!(check(3, 3, 1, 0).is_some());
    }
}

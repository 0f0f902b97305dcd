//! A recording's address: path, series, crop; written `movie.tif#series=1&xywh=75,100,280,225`
//! (the `xywh` of W3C Media Fragments), so that it fits a command line, a manifest and a recent-files list.

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

/// Which recording: a file or folder, a series in it, optionally a crop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// File, or folder of frames.
    pub path: PathBuf,
    /// Series in the file, from 0.
    #[serde(default)]
    pub series: usize,
    /// Part of the frame; `None` = all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
}

impl Address {
    /// The whole first series of a file.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), series: 0, crop: None }
    }

    /// Reads an address as typed by a user. A file whose name contains `#` wins over a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((path, fragment)) = text.rsplit_once('#') else {
            return Ok(Self::of(text));
        };
        if !fragment.contains('=') || Path::new(text).exists() {
            return Ok(Self::of(text));
        }
        let mut address = Self::of(path);
        for part in fragment.split('&') {
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

    /// File name for titles, with series and crop where they matter.
    pub fn label(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy();
        format!("{name}{}", self.fragment())
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
        write!(f, "{}{}", self.path.display(), self.fragment())
    }
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

//! Look-up tables: 256 colours from dark to bright, built in or loaded from an ImageJ `.lut` file.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::VideoError;
use crate::regular_file;

/// Which table a channel uses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LutName {
    /// Black to white.
    #[default]
    Grays,
    /// Black to green.
    Green,
    /// Black to magenta.
    Magenta,
    /// Black to cyan.
    Cyan,
    /// Black to yellow.
    Yellow,
    /// Black to red.
    Red,
    /// Black to blue.
    Blue,
    /// `ImageJ`'s fire.
    Fire,
    /// `ImageJ`'s ice.
    Ice,
    /// matplotlib's viridis.
    Viridis,
    /// matplotlib's inferno.
    Inferno,
    /// matplotlib's cividis, made for colour-blind readers.
    Cividis,
    /// The colours stored in the file (palette images).
    Palette,
    /// A colour named by the file.
    Custom([u8; 3]),
    /// A table from a `.lut` file.
    File(PathBuf),
}

impl LutName {
    /// The tables to choose from.
    pub const BUILT_IN: [Self; 12] = [
        Self::Grays,
        Self::Green,
        Self::Magenta,
        Self::Cyan,
        Self::Yellow,
        Self::Red,
        Self::Blue,
        Self::Fire,
        Self::Ice,
        Self::Viridis,
        Self::Inferno,
        Self::Cividis,
    ];

    /// Text for menus.
    pub fn label(&self) -> String {
        match self {
            Self::Custom([r, g, b]) => format!("Colour of the file (#{r:02x}{g:02x}{b:02x})"),
            Self::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Palette => "Palette of the file".into(),
            other => format!("{other:?}"),
        }
    }

    /// What channel number `index` of `count` starts with: grey alone, else colours that stay apart for most eyes.
    pub fn default_for(index: usize, count: usize) -> Self {
        if count == 1 {
            return Self::Grays;
        }
        [Self::Green, Self::Magenta, Self::Cyan, Self::Yellow, Self::Red, Self::Blue, Self::Grays][index % 7]
            .clone()
    }
}

/// 256 colours (a palette may have more), RGB.
pub type Lut = Arc<Vec<[u8; 3]>>;

fn ramp(color: [u8; 3]) -> Vec<[u8; 3]> {
    (0..256u32).map(|i| color.map(|c| ((u32::from(c) * i + 127) / 255) as u8)).collect()
}

fn planar(bytes: &[u8]) -> Vec<[u8; 3]> {
    (0..256).map(|i| [bytes[i], bytes[256 + i], bytes[512 + i]]).collect()
}

/// The colours of a table; `palette` is the file's own, where it has one.
pub fn table(name: &LutName, palette: Option<&Lut>) -> Result<Lut, VideoError> {
    Ok(Arc::new(match name {
        LutName::Grays => ramp([255; 3]),
        LutName::Green => ramp([0, 255, 0]),
        LutName::Magenta => ramp([255, 0, 255]),
        LutName::Cyan => ramp([0, 255, 255]),
        LutName::Yellow => ramp([255, 255, 0]),
        LutName::Red => ramp([255, 0, 0]),
        LutName::Blue => ramp([0, 0, 255]),
        LutName::Custom(color) => ramp(*color),
        LutName::Fire => planar(include_bytes!("../../assets/luts/fire.lut")),
        LutName::Ice => planar(include_bytes!("../../assets/luts/ice.lut")),
        LutName::Viridis => planar(include_bytes!("../../assets/luts/viridis.lut")),
        LutName::Inferno => planar(include_bytes!("../../assets/luts/inferno.lut")),
        LutName::Cividis => planar(include_bytes!("../../assets/luts/cividis.lut")),
        LutName::Palette => return Ok(palette.map_or_else(|| Arc::new(ramp([255; 3])), Arc::clone)),
        LutName::File(path) => load(path)?,
    }))
}

/// Reads an `ImageJ` `.lut`: 768 raw bytes, the same behind a 32-byte NIH Image header, or text with three
/// (or four, the first an index) columns.
pub fn load(path: &Path) -> Result<Vec<[u8; 3]>, VideoError> {
    const REMEDY: &str = "Save the table again from Fiji: Image > Color > Show LUT > Save.";
    const LARGEST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    regular_file::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|e| VideoError::io(path, "look-up table", &e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(VideoError::new(path, "file size", "too large for a look-up table", REMEDY));
    }
    match bytes.len() {
        768 => return Ok(planar(&bytes)),
        800 if bytes.starts_with(b"ICOL") => return Ok(planar(&bytes[32..])),
        _ => {}
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| VideoError::new(path, "file", "neither 768 bytes nor text", REMEDY))?;
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<&str> = line
            .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
            .filter(|f| !f.is_empty())
            .collect();
        let numbers: Option<Vec<f64>> = fields.iter().map(|f| f.parse().ok()).collect();
        let Some(numbers) = numbers else {
            if rows.is_empty() {
                continue; // a header line
            }
            return Err(VideoError::new(path, format!("line {}", number + 1), "not a number", REMEDY));
        };
        match numbers.as_slice() {
            [] => {}
            [r, g, b] | [_, r, g, b] => rows.push([*r as u8, *g as u8, *b as u8]),
            _ => {
                return Err(VideoError::new(
                    path,
                    format!("line {}", number + 1),
                    format!("{} columns, 3 or 4 are needed", fields.len()),
                    REMEDY,
                ));
            }
        }
    }
    if rows.len() == 256 {
        Ok(rows)
    } else {
        Err(VideoError::new(path, "file", format!("{} colours, 256 are needed", rows.len()), REMEDY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_tables_have_the_published_end_points() {
        let ends = |name: LutName| {
            let lut = table(&name, None).unwrap();
            assert_eq!(lut.len(), 256);
            (lut[0], lut[255])
        };
        assert_eq!(ends(LutName::Grays), ([0, 0, 0], [255, 255, 255]));
        assert_eq!(ends(LutName::Magenta), ([0, 0, 0], [255, 0, 255]));
        // matplotlib: viridis runs from #440154 to #fde725, inferno from #000004 to #fcffa4, cividis #00224e to #fee838.
        assert_eq!(ends(LutName::Viridis), ([0x44, 0x01, 0x54], [0xfd, 0xe7, 0x25]));
        assert_eq!(ends(LutName::Inferno), ([0x00, 0x00, 0x04], [0xfc, 0xff, 0xa4]));
        assert_eq!(ends(LutName::Cividis), ([0x00, 0x22, 0x4e], [0xfe, 0xe8, 0x38]));
        assert_eq!(ends(LutName::Fire), ([0, 0, 0], [255, 255, 255]));
    }

    #[test]
    fn lut_files_are_read_in_their_three_forms() {
        let folder = tempfile::tempdir().unwrap();
        let raw: Vec<u8> = (0..768).map(|i| (i % 256) as u8).collect();
        let file = folder.path().join("a.lut");
        std::fs::write(&file, &raw).unwrap();
        let expected = load(&file).unwrap();
        assert_eq!(expected[7], [7, 7, 7]);
        let mut nih = b"ICOL".to_vec();
        nih.resize(32, 0);
        nih.extend(&raw);
        std::fs::write(&file, &nih).unwrap();
        assert_eq!(load(&file).unwrap(), expected);
        let text: String = std::iter::once("Index\tRed\tGreen\tBlue\n".to_owned())
            .chain((0..256).map(|i| format!("{i}\t{i}\t{i}\t{i}\n")))
            .collect();
        std::fs::write(&file, text).unwrap();
        assert_eq!(load(&file).unwrap(), expected);
        std::fs::write(&file, "1 2 3\n4 5\n").unwrap();
        assert!(load(&file).unwrap_err().place.contains("line 2"));
    }
}

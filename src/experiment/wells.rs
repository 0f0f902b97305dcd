//! Wells and plate formats: `B07`, `b7`, `AF48`, `r02c07` name a row and a column.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A well, counted from 0: `A01` is row 0, column 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Well {
    /// Row from 0 (A); at most 31 (AF).
    pub row: u8,
    /// Column from 0; at most 47.
    pub column: u8,
}

/// Rows of the largest plate (1536 wells).
pub const MAX_ROWS: u8 = 32;
/// Columns of the largest plate (1536 wells).
pub const MAX_COLUMNS: u8 = 48;

impl Well {
    /// Reads a name; `None` where it is none on any plate.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        // Operetta and Opera write r02c07.
        if let Some((row, column)) = text.strip_prefix('R').and_then(|rest| rest.split_once('C')) {
            return Self::at(number(row)?, number(column)?);
        }
        let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
        let row = match text.as_bytes().get(..letters)? {
            [one] => usize::from(one - b'A') + 1,
            [first, second] => (usize::from(first - b'A') + 1) * 26 + usize::from(second - b'A') + 1,
            _ => return None,
        };
        let digits = text[letters..].trim_start_matches([' ', '-', '_']);
        Self::at(row, number(digits)?)
    }

    /// The well in a row and column counted from 1.
    fn at(row: usize, column: usize) -> Option<Self> {
        let row = u8::try_from(row.checked_sub(1)?).ok().filter(|row| *row < MAX_ROWS)?;
        let column = u8::try_from(column.checked_sub(1)?).ok().filter(|column| *column < MAX_COLUMNS)?;
        Some(Self { row, column })
    }
}

fn number(text: &str) -> Option<usize> {
    ((1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A row's letters: `A` … `Z`, `AA` … `AF`.
pub fn row_name(row: u8) -> String {
    let letter = |i: u8| char::from(b'A' + i % 26);
    if row < 26 { letter(row).to_string() } else { format!("{}{}", letter(row / 26 - 1), letter(row)) }
}

impl fmt::Display for Well {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:02}", row_name(self.row), self.column + 1)
    }
}

impl FromStr for Well {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("{text:?} is not a well; wells run from A01 to AF48"))
    }
}

/// A plate by its number of wells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PlateFormat {
    /// 2 × 3
    P6,
    /// 3 × 4
    P12,
    /// 4 × 6
    P24,
    /// 6 × 8
    P48,
    /// 8 × 12
    P96,
    /// 16 × 24
    P384,
    /// 32 × 48
    P1536,
}

impl PlateFormat {
    /// All, the smallest first.
    pub const ALL: [Self; 7] =
        [Self::P6, Self::P12, Self::P24, Self::P48, Self::P96, Self::P384, Self::P1536];

    /// Rows and columns.
    pub const fn size(self) -> (u8, u8) {
        match self {
            Self::P6 => (2, 3),
            Self::P12 => (3, 4),
            Self::P24 => (4, 6),
            Self::P48 => (6, 8),
            Self::P96 => (8, 12),
            Self::P384 => (16, 24),
            Self::P1536 => (MAX_ROWS, MAX_COLUMNS),
        }
    }

    /// Number of wells.
    pub const fn wells(self) -> usize {
        let (rows, columns) = self.size();
        rows as usize * columns as usize
    }

    /// True where the well lies on the plate.
    pub const fn holds(self, well: Well) -> bool {
        let (rows, columns) = self.size();
        well.row < rows && well.column < columns
    }

    /// The format of a plate with these wells in use: the smallest from 96 wells up that holds them all. Smaller
    /// plates look like a corner of a larger one, so they are only chosen by hand. `None` without a well.
    pub fn guess(wells: impl IntoIterator<Item = Well>) -> Option<Self> {
        let corner = wells.into_iter().fold(None, |corner: Option<Well>, well| {
            let corner = corner.unwrap_or(well);
            Some(Well { row: corner.row.max(well.row), column: corner.column.max(well.column) })
        })?;
        [Self::P96, Self::P384, Self::P1536].into_iter().find(|format| format.holds(corner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_well_of_the_largest_plate_reads_back_from_its_name() {
        for row in 0..MAX_ROWS {
            for column in 0..MAX_COLUMNS {
                let well = Well { row, column };
                assert_eq!(Well::parse(&well.to_string()), Some(well));
            }
        }
        assert_eq!(Well { row: 31, column: 47 }.to_string(), "AF48");
        assert_eq!(Well { row: 1, column: 6 }.to_string(), "B07");
    }

    #[test]
    fn wells_are_read_in_the_ways_people_write_them() {
        let b7 = Some(Well { row: 1, column: 6 });
        for text in ["B07", "b7", " B7 ", "B-07", "B 7", "B_007", "r02c07", "R2C7"] {
            assert_eq!(Well::parse(text), b7, "{text}");
        }
        for text in
            ["", "B", "7", "B0", "B49", "AG01", "ZZ1", "1-Dec", "DEC1", "B7x", "B+7", "7B", "µ1", "R0C1"]
        {
            assert_eq!(Well::parse(text), None, "{text}");
        }
        assert_eq!("R7".parse::<Well>(), Ok(Well { row: 17, column: 6 }));
    }

    #[test]
    fn the_format_is_guessed_from_the_wells_in_use() {
        let guess = |names: &[&str]| PlateFormat::guess(names.iter().filter_map(|name| Well::parse(name)));
        assert_eq!(guess(&["A1", "B7"]), Some(PlateFormat::P96));
        assert_eq!(guess(&["A1", "H13"]), Some(PlateFormat::P384));
        assert_eq!(guess(&["AF48"]), Some(PlateFormat::P1536));
        assert_eq!(guess(&[]), None);
        for format in PlateFormat::ALL {
            let name = format!("{format:?}");
            assert_eq!(format.wells().to_string(), name[1..]);
        }
    }
}

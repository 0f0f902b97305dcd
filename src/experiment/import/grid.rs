//! A raw table: text in rows and columns, as compact as a file, within limits.

use std::path::Path;

use super::ImportError;

/// What an untrusted file may make the program allocate.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest file, and most text in all cells, bytes; for packed files, once unpacked.
    pub bytes: usize,
    /// Most rows.
    pub rows: usize,
    /// Most columns.
    pub columns: usize,
    /// Longest cell, bytes.
    pub cell: usize,
    /// Most cells.
    pub cells: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 30, rows: 5_000_000, columns: 16_384, cell: 1 << 20, cells: 1 << 26 }
    }
}

/// Rows of equal width, stored in one text.
#[derive(Debug, Clone, Default)]
pub(super) struct Grid {
    width: usize,
    text: String,
    /// End of each cell in `text`, row by row.
    ends: Vec<u32>,
    /// Where each row stood in the file: line, or row of a sheet, from 1.
    places: Vec<u32>,
}

impl Grid {
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub const fn width(&self) -> usize {
        self.width
    }

    pub const fn len(&self) -> usize {
        self.places.len()
    }

    pub fn place(&self, row: usize) -> u32 {
        self.places.get(row).copied().unwrap_or_default()
    }

    /// A cell's text; empty outside the grid.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        if column >= self.width {
            return "";
        }
        let at = row * self.width + column;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        match self.ends.get(at) {
            Some(end) => &self.text[start as usize..*end as usize],
            None => "",
        }
    }

    /// Adds a row; missing cells are empty, those past the width are left out.
    ///
    /// # Errors
    /// A limit is passed; names the row.
    pub fn push<'a>(
        &mut self,
        path: &Path,
        place: u32,
        cells: impl Iterator<Item = &'a str>,
        limits: &Limits,
    ) -> Result<(), ImportError> {
        let too_much = |problem: String| {
            ImportError::new(path, format!("row {place}"), problem, "Split the table into several files.")
        };
        if self.len() >= limits.rows {
            return Err(too_much(format!("more than {} rows", limits.rows)));
        }
        if self.ends.len() + self.width > limits.cells {
            return Err(too_much(format!("more than {} cells", limits.cells)));
        }
        let mut filled = 0;
        for (column, cell) in cells.take(self.width).enumerate() {
            if cell.len() > limits.cell {
                return Err(ImportError::new(
                    path,
                    format!("row {place}, column {}", column + 1),
                    format!("a cell of {} bytes", cell.len()),
                    "Is a quotation mark missing? Otherwise shorten the cell.",
                ));
            }
            if self.text.len() + cell.len() > limits.bytes.min(u32::MAX as usize) {
                return Err(too_much(format!("more than {} bytes of text", limits.bytes)));
            }
            self.text.push_str(cell);
            self.ends.push(self.text.len() as u32);
            filled += 1;
        }
        self.ends.resize(self.ends.len() + self.width - filled, self.text.len() as u32);
        self.places.push(place);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_where_they_were_put_and_limits_hold() {
        let path = Path::new("t.csv");
        let limits = Limits { rows: 3, cell: 4, bytes: 12, ..Limits::default() };
        let mut grid = Grid::new(2);
        grid.push(path, 2, ["a", "", "past"].into_iter(), &limits).unwrap();
        grid.push(path, 5, ["µ"].into_iter(), &limits).unwrap();
        assert_eq!([grid.cell(0, 0), grid.cell(0, 1), grid.cell(1, 0), grid.cell(1, 1)], ["a", "", "µ", ""]);
        assert_eq!([grid.cell(2, 0), grid.cell(0, 2)], ["", ""]);
        assert_eq!(grid.place(1), 5);
        let error = grid.push(path, 6, ["abcde"].into_iter(), &limits).unwrap_err().to_string();
        assert!(error.starts_with("t.csv: row 6, column 1: a cell of 5 bytes"), "{error}");
        let mut grid = Grid::new(2);
        let full: Vec<_> = (0..4).map(|i| grid.push(path, i, ["abcd", "e"].into_iter(), &limits)).collect();
        assert!(full[1].is_ok() && full[2].is_err() && full[3].is_err());
    }
}

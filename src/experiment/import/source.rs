//! A raw table as a file holds it: names and text, before anybody says what it means.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::columns::Kind;
use super::super::contained::contained;
use super::super::h5ad;
use super::ImportError;
use super::csv::HEADER;
use super::grid::{Grid, Limits};
use super::gzip;
use crate::regular_file;

/// What kind of file a table was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSV or TSV.
    Text {
        /// Between cells.
        separator: char,
        /// Name of the encoding.
        encoding: &'static str,
    },
    /// Parquet.
    Parquet,
    /// XLSX.
    Workbook,
    /// `AnnData`, in HDF5.
    H5ad,
}

/// What one format's reader found.
#[derive(Debug)]
pub(super) struct Raw {
    pub format: Format,
    pub header: Vec<String>,
    pub grid: Grid,
    /// What each column holds, where the format says it; else empty.
    pub kinds: Vec<Kind>,
    pub notes: Vec<String>,
}

/// A table of texts with its path.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Sheets of a workbook, to choose from.
    pub sheets: Vec<String>,
    /// The sheet that was read.
    pub sheet: Option<String>,
    /// What was guessed or left out while reading, a sentence each.
    pub notes: Vec<String>,
    header: Vec<String>,
    /// Where each column is in the grid.
    columns: Vec<usize>,
    kinds: Vec<Kind>,
    grid: Grid,
}

impl Source {
    /// Reads a file, unpacked where it is packed with gzip; of a workbook the first sheet.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        Self::read_sheet(path, None, &Limits::default())
    }

    /// Reads a file; of a workbook this sheet, whatever the case of its name.
    ///
    /// # Errors
    /// The file cannot be read, is no table, is empty, or passes a limit. Never panics, whatever the file holds.
    pub fn read_sheet(path: &Path, sheet: Option<&str>, limits: &Limits) -> Result<Self, ImportError> {
        let io = |e: std::io::Error| ImportError::io(path, "opening", &e);
        let mut bytes = Vec::new();
        regular_file::open(path)
            .and_then(|file| file.take(limits.bytes as u64 + 1).read_to_end(&mut bytes))
            .map_err(io)?;
        Self::from_bytes(path, bytes, sheet, limits)
    }

    /// As [`Self::read_sheet`], from the file's bytes.
    pub fn from_bytes(
        path: &Path,
        bytes: Vec<u8>,
        sheet: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, ImportError> {
        if bytes.is_empty() {
            return Err(ImportError::new(path, "line 1", "the file is empty", "Choose another file."));
        }
        if bytes.len() > limits.bytes {
            let problem = format!("the file is larger than {} MiB", limits.bytes >> 20);
            return Err(ImportError::new(path, "the whole file", problem, "Split it into several files."));
        }
        let (raw, sheets, sheet) = match bytes.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => (super::parquet::read(path, bytes, limits)?, Vec::new(), None),
            [b'P', b'K', 3, 4, ..] => {
                let book =
                    contained(|| super::xlsx::read(path, bytes, sheet, limits)).unwrap_or_else(|| {
                        let remedy = "Open it in a spreadsheet program and save it again.";
                        Err(ImportError::new(path, "inside the file", "the XLSX file is damaged", remedy))
                    })?;
                (book.raw, book.sheets, Some(book.sheet))
            }
            [0xd0, 0xcf, 0x11, 0xe0, ..] => {
                return Err(not_a_table(path, "an Excel file of before 2007", "Save it as XLSX or CSV."));
            }
            hdf5 if hdf5.starts_with(h5ad::MAGIC) => {
                let remedy = "Open an .h5ad file as an experiment, or write its table as CSV.";
                return Err(not_a_table(path, "an HDF5 file", remedy));
            }
            packed if gzip::is_packed(packed) => {
                let unpacked = gzip::unpack(path, packed, limits.bytes)?;
                // One that unpacks to itself exists.
                if gzip::is_packed(&unpacked) {
                    return Err(not_a_table(path, "a gzip archive in a gzip archive", "Unpack it first."));
                }
                drop(bytes);
                return Self::from_bytes(path, unpacked, sheet, limits);
            }
            text => (super::csv::read(path, text, limits)?, Vec::new(), None),
        };
        Self::new(path, raw, sheets, sheet)
    }

    pub(super) fn new(
        path: &Path,
        raw: Raw,
        sheets: Vec<String>,
        sheet: Option<String>,
    ) -> Result<Self, ImportError> {
        let Raw { format, header: raw_header, grid, kinds, mut notes } = raw;
        let used = |column: &usize| {
            !raw_header[*column].trim().is_empty()
                || (0..grid.len()).any(|row| !grid.cell(row, *column).trim().is_empty())
        };
        let columns: Vec<usize> = (0..grid.width()).filter(used).collect();
        if columns.iter().all(|column| raw_header[*column].trim().is_empty()) {
            return Err(ImportError::new(path, "the first row", "no column has a name", HEADER));
        }
        if grid.len() == 0 {
            let remedy = "Add a row for each recording.";
            return Err(ImportError::new(
                path,
                "after the first row",
                "the table has a header but no rows",
                remedy,
            ));
        }
        let mut header: Vec<String> = Vec::with_capacity(columns.len());
        let mut names = Names::default();
        for column in &columns {
            let given = raw_header[*column].trim();
            let name = names.own(given, *column);
            if !given.is_empty() && name != given {
                notes.push(format!("Two columns are called {given}; the later one is now {name}."));
            }
            header.push(name);
        }
        Ok(Self { path: path.to_owned(), format, sheets, sheet, notes, header, columns, kinds, grid })
    }

    /// Names of the columns, each once.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Rows below the header.
    pub const fn len(&self) -> usize {
        self.grid.len()
    }

    /// True without rows.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell's text as it stands in the file; empty outside the table.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| self.grid.cell(row, *column))
    }

    /// Cells of a column from the first row on.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        (0..self.len()).map(move |row| self.cell(row, column))
    }

    /// What a column holds, where the format says it.
    pub fn kind(&self, column: usize) -> Option<Kind> {
        self.kinds.get(*self.columns.get(column)?).copied()
    }

    /// Number of a column by its name, whatever its case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// Where a row stands in the file: line, or row of the sheet, from 1.
    pub fn place(&self, row: usize) -> usize {
        self.grid.place(row) as usize
    }
}

/// Names that columns have, each with the number of its last copy: equal names are not counted from the first again.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, usize>);

impl Names {
    /// A column's own name: the one that it was given, `dose (2)` where another has that, `column 3` without any.
    pub fn own(&mut self, given: &str, column: usize) -> String {
        let given = given.trim();
        let given = if given.is_empty() { format!("column {}", column + 1) } else { given.to_owned() };
        let mut name = given.clone();
        while self.0.contains_key(&name) {
            let copy = self.0.entry(given.clone()).or_insert(1);
            *copy += 1;
            name = format!("{given} ({copy})");
        }
        self.0.insert(name.clone(), 1);
        name
    }
}

/// Refuses a table that is too wide.
pub(super) fn check_columns(path: &Path, columns: usize, limits: &Limits) -> Result<(), ImportError> {
    if columns <= limits.columns {
        return Ok(());
    }
    Err(ImportError::new(
        path,
        "the first row",
        format!("{columns} columns; at most {} are read", limits.columns),
        "Leave columns out that are no part of the experiment.",
    ))
}

pub(super) fn not_a_table(path: &Path, what: &str, remedy: &str) -> ImportError {
    ImportError::new(path, "start of the file", format!("this is {what}"), remedy)
}

//! XLSX, by calamine, cell by cell: a sheet with one cell in its last corner must not become a full table.

use std::borrow::Cow;
use std::io::Cursor;
use std::path::Path;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};

use super::super::cells::format_number;
use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Format, Raw, check_columns};

/// Texts of the cells that together are longer than this are no table where the file is [`TEXT_RATIO`] times smaller.
const FREE_TEXT: usize = 64 << 20;
const TEXT_RATIO: usize = 250;
/// Rows with left out cells that are named one by one.
const LISTED: usize = 20;

/// A workbook with one of its sheets.
pub(super) struct Book {
    pub raw: Raw,
    pub sheets: Vec<String>,
    pub sheet: String,
}

/// Reads a sheet, the first one where none is named. Its first row that is not empty is the header.
pub(super) fn read(
    path: &Path,
    bytes: Vec<u8>,
    sheet: Option<&str>,
    limits: &Limits,
) -> Result<Book, ImportError> {
    let size = bytes.len();
    super::archive::check(path, &bytes, limits)?;
    let failed = |e: XlsxError| {
        ImportError::new(
            path,
            "workbook",
            e.to_string(),
            "Open it in a spreadsheet program and save it again.",
        )
    };
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(failed)?;
    let sheets = book.sheet_names();
    let found = match sheet {
        Some(wanted) => sheets.iter().find(|name| name.trim().eq_ignore_ascii_case(wanted.trim())),
        None => sheets.first(),
    };
    let Some(name) = found.cloned() else {
        return Err(ImportError::new(
            path,
            format!("sheet {}", sheet.unwrap_or("1")),
            "the workbook has no such sheet",
            format!("Choose one of: {}.", sheets.join(", ")),
        ));
    };
    let mut cells = Cells::default();
    // Many cells may share one text, which a few bytes of the file stand for.
    let most = limits.bytes.min(u32::MAX as usize).min(FREE_TEXT.max(size.saturating_mul(TEXT_RATIO)));
    let mut reader = book.worksheet_cells_reader(&name).map_err(failed)?;
    while let Some(cell) = reader.next_cell().map_err(failed)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        check_columns(path, column as usize + 1, limits)?;
        if text.len() > limits.cell {
            return Err(ImportError::new(
                path,
                format!("sheet {name}, cell {}{}", column_letters(column), row + 1),
                format!("a text of {} bytes", text.len()),
                "Shorten it, or leave its column out.",
            ));
        }
        let is_full = cells.at.len() >= limits.cells || cells.text.len() + text.len() > most;
        if is_full || row as usize > limits.rows {
            return Err(ImportError::new(
                path,
                format!("sheet {name}, row {}", row + 1),
                format!(
                    "the sheet is too large: up to here {} cells with {} MiB of text",
                    cells.at.len(),
                    cells.text.len() >> 20
                ),
                "Split the table into several files, or write it as CSV.",
            ));
        }
        cells.push(row, column, &text);
    }
    // A file may list cells in any order.
    if !cells.at.is_sorted_by_key(Place::key) {
        cells.at.sort_by_key(Place::key);
    }
    let raw = table(path, &name, &cells, limits)?;
    Ok(Book { raw, sheets, sheet: name })
}

/// Cells with their texts, as compact as can be: a small file can hold many.
#[derive(Default)]
struct Cells {
    text: String,
    at: Vec<Place>,
}

/// Where a cell stands in the sheet, and its text in all texts.
struct Place {
    row: u32,
    column: u32,
    start: u32,
    end: u32,
}

impl Place {
    const fn key(&self) -> (u32, u32) {
        (self.row, self.column)
    }
}

impl Cells {
    /// Adds a cell; the texts together are shorter than 4 GiB, by the limits.
    fn push(&mut self, row: u32, column: u32, text: &str) {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.at.push(Place { row, column, start, end: self.text.len() as u32 });
    }

    fn text(&self, place: &Place) -> &str {
        &self.text[place.start as usize..place.end as usize]
    }
}

fn table(path: &Path, sheet: &str, cells: &Cells, limits: &Limits) -> Result<Raw, ImportError> {
    let mut rows = cells.at.chunk_by(|a, b| a.row == b.row);
    let Some(first) = rows.next() else {
        return Err(ImportError::new(
            path,
            format!("sheet {sheet}"),
            "the sheet is empty",
            "Choose another sheet.",
        ));
    };
    let width = first.last().map_or(0, |place| place.column as usize + 1);
    let spread = |row: &[Place]| {
        let mut texts = vec![""; width];
        for place in row {
            if let Some(slot) = texts.get_mut(place.column as usize) {
                *slot = cells.text(place);
            }
        }
        texts
    };
    let mut notes = Vec::new();
    let mut beyond = 0;
    let mut grid = Grid::new(width);
    for row in rows {
        let place = row[0].row + 1;
        let inside = row.partition_point(|place| (place.column as usize) < width);
        let (inside, past) = row.split_at(inside);
        if let [first, ..] = past
            && beyond < LISTED
        {
            let text: String = cells.text(first).chars().take(200).collect();
            let others = match past.len() - 1 {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            let column = column_letters(first.column);
            notes.push(format!(
                "Row {place}, column {column}: {text:?}{others} to the right of the header; left out."
            ));
        }
        beyond += usize::from(!past.is_empty());
        if inside.is_empty() {
            continue;
        }
        grid.push(path, place, spread(inside).into_iter(), limits)?;
    }
    if beyond > LISTED {
        notes.push(format!("{} further rows have cells to the right of the header.", beyond - LISTED));
    }
    let header = spread(first).into_iter().map(ToOwned::to_owned).collect();
    Ok(Raw { format: Format::Workbook, header, grid, kinds: Vec::new(), notes })
}

/// A column as spreadsheets call it, from 0: `A`, `Z`, `AA`.
fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut left = column.saturating_add(1);
    while left > 0 {
        left -= 1;
        letters.push(char::from(b'A' + (left % 26) as u8));
        left /= 26;
    }
    letters.iter().rev().collect()
}

fn text<'a>(value: &'a DataRef<'_>) -> Cow<'a, str> {
    Cow::Owned(match value {
        DataRef::Empty => String::new(),
        DataRef::Int(value) => value.to_string(),
        DataRef::Float(value) => format_number(*value),
        DataRef::Bool(value) => value.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            return Cow::Borrowed(text);
        }
        DataRef::SharedString(text) => return Cow::Borrowed(text),
        DataRef::DateTime(date) => date_text(date),
        DataRef::Error(error) => error.to_string(),
    })
}

/// ISO 8601; a duration as its number of days.
fn date_text(date: &ExcelDateTime) -> String {
    if date.is_duration() {
        return format_number(date.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    if (hour, minute, second) == (0, 0, 0) { day } else { format!("{day}T{hour:02}:{minute:02}:{second:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_in_a_spreadsheet() {
        let names = [0, 25, 26, 51, 52, 701, 702, 16_383].map(column_letters);
        assert_eq!(names, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA", "XFD"]);
    }
}

//! XLSX, by calamine, cell by cell: a sheet with one cell in its last corner must not become a full table.

use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx, XlsxError};

use super::super::cells::format_number;
use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Format, Raw, check_columns, not_a_table};

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
    check_size(path, &bytes, limits)?;
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
    let mut cells = Vec::new();
    let mut bytes = 0;
    let mut reader = book.worksheet_cells_reader(&name).map_err(failed)?;
    while let Some(cell) = reader.next_cell().map_err(failed)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        check_columns(path, column as usize + 1, limits)?;
        bytes += text.len();
        if cells.len() >= limits.cells || bytes > limits.bytes || row as usize > limits.rows {
            return Err(ImportError::new(
                path,
                format!("sheet {name}, row {}", row + 1),
                "the sheet is too large",
                "Split the table into several files, or write it as CSV.",
            ));
        }
        cells.push((row, column, text));
    }
    // A file may list cells in any order.
    if !cells.is_sorted_by_key(|(row, column, _)| (*row, *column)) {
        cells.sort_by_key(|(row, column, _)| (*row, *column));
    }
    let raw = table(path, &name, &cells, limits)?;
    Ok(Book { raw, sheets, sheet: name })
}

fn table(
    path: &Path,
    sheet: &str,
    cells: &[(u32, u32, String)],
    limits: &Limits,
) -> Result<Raw, ImportError> {
    let mut rows = cells.chunk_by(|a, b| a.0 == b.0);
    let Some(first) = rows.next() else {
        return Err(ImportError::new(
            path,
            format!("sheet {sheet}"),
            "the sheet is empty",
            "Choose another sheet.",
        ));
    };
    let width = first.last().map_or(0, |(_, column, _)| *column as usize + 1);
    let spread = |row: &[(u32, u32, String)]| {
        let mut texts = vec![String::new(); width];
        for (_, column, text) in row {
            if let Some(slot) = texts.get_mut(*column as usize) {
                slot.clone_from(text);
            }
        }
        texts
    };
    let mut notes = Vec::new();
    let mut beyond = 0;
    let mut grid = Grid::new(width);
    for row in rows {
        let place = row[0].0 + 1;
        let past = row.iter().filter(|(_, column, _)| *column as usize >= width).count();
        if past > 0 && beyond < 20 {
            notes.push(format!(
                "Row {place} has {past} cells to the right of the header; they were left out."
            ));
        }
        beyond += usize::from(past > 0);
        if past == row.len() {
            continue;
        }
        grid.push(path, place, spread(row).iter().map(String::as_str), limits)?;
    }
    if beyond > 20 {
        notes.push(format!("{} further rows have cells to the right of the header.", beyond - 20));
    }
    Ok(Raw { format: Format::Workbook, header: spread(first), grid, kinds: Vec::new(), notes })
}

fn text(value: &DataRef) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(value) => value.to_string(),
        DataRef::Float(value) => format_number(*value),
        DataRef::Bool(value) => value.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::DateTime(date) => date_text(date),
        DataRef::Error(error) => error.to_string(),
    }
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

/// Unpacks the workbook's parts once, keeping nothing: what a packed file says about its size need not be true.
fn check_size(path: &Path, bytes: &[u8], limits: &Limits) -> Result<(), ImportError> {
    let failed = |e: &dyn std::fmt::Display| {
        ImportError::new(path, "zip archive", e.to_string(), "Copy the file again from where it came.")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| failed(&e))?;
    if archive.len() > 10_000 {
        return Err(failed(&"it has more than 10,000 parts"));
    }
    if archive.index_for_name("xl/workbook.xml").is_none()
        && archive.index_for_name("xl\\workbook.xml").is_none()
    {
        return Err(not_a_table(
            path,
            "a zip archive, and no workbook",
            "Unpack it, or choose an XLSX file.",
        ));
    }
    let mut left = limits.bytes as u64;
    for part in 0..archive.len() {
        let part = archive.by_index(part).map_err(|e| failed(&e))?;
        let packed = part.compressed_size();
        let unpacked =
            std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(|e| failed(&e))?;
        if unpacked > left {
            let problem = format!("{packed} packed bytes unpack to more than {} MiB", limits.bytes >> 20);
            return Err(ImportError::new(
                path,
                "zip archive",
                problem,
                "Is this the right file? Save it as CSV.",
            ));
        }
        left -= unpacked;
    }
    Ok(())
}

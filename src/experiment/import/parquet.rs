//! Parquet, by [`crate::experiment::parquet`].

use std::borrow::Cow;
use std::path::Path;

use super::super::cells::Values;
use super::super::checks::plain;
use super::super::parquet::{self, Bounds, ParquetError};
use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Format, Raw};

/// Reads a table. Columns of types that no cell shows (lists, structures, bytes) are left out, with a note.
pub(super) fn read(path: &Path, bytes: Vec<u8>, limits: &Limits) -> Result<Raw, ImportError> {
    // A text that stands in the file once may stand in every row.
    let most = limits.bytes.min(parquet::most_bytes(bytes.len()));
    texts(path, columns(path, bytes, limits)?, &Limits { bytes: most, ..*limits })
}

/// Reads the columns of a table as they are.
pub(super) fn columns(path: &Path, bytes: Vec<u8>, limits: &Limits) -> Result<parquet::Table, ImportError> {
    let bounds =
        Bounds { bytes: limits.bytes, rows: limits.rows, columns: limits.columns, cells: limits.cells };
    parquet::read(bytes, &bounds).map_err(|e| unreadable(path, e))
}

/// What is wrong with a file, and what to do.
pub(super) fn unreadable(path: &Path, error: ParquetError) -> ImportError {
    match error {
        ParquetError::Damaged { place, problem } => {
            ImportError::new(path, place, problem, "Write the Parquet file again from where it came.")
        }
        ParquetError::TooLarge(what) => {
            let place = "the Parquet footer";
            ImportError::new(
                path,
                place,
                format!("it declares {what}, more than is read"),
                "Split the table into several files.",
            )
        }
    }
}

/// The cells of columns as text. Columns of types that no cell shows are left out, with a note.
pub(super) fn texts(path: &Path, table: parquet::Table, limits: &Limits) -> Result<Raw, ImportError> {
    let mut left_out = table.left_out;
    let mut columns = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        match plain(column) {
            Ok(column) => columns.push(column),
            Err(_) => left_out.push((column.name().to_string(), format!("it holds {}", column.dtype()))),
        }
    }
    let values: Vec<Values> = columns.iter().filter_map(Values::of).collect();
    let mut grid = Grid::new(values.len());
    for row in 0..table.rows {
        // Texts are borrowed: a row of large ones is held to the limits one by one.
        let cells: Vec<Cow<'_, str>> = values
            .iter()
            .map(|values| match values {
                Values::Text(texts) => Cow::Borrowed(texts.get(row).unwrap_or_default()),
                values => Cow::Owned(values.text(row)),
            })
            .collect();
        grid.push(path, row as u32 + 1, cells.iter().map(AsRef::as_ref), limits)?;
    }
    let header = columns.iter().map(|column| column.name().to_string()).collect();
    let notes =
        left_out.iter().map(|(column, why)| format!("Column {column} was left out: {why}.")).collect();
    let kinds = values.iter().map(Values::kind).collect();
    Ok(Raw { format: Format::Parquet, header, grid, kinds, notes })
}

//! Parquet, by polars.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::{Column, DataFrame, ParquetReader, PolarsError, SerReader};

use super::super::cells::Values;
use super::super::checks::plain;
use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Format, Raw, check_columns};

/// Reads a table. Columns of types that no cell shows (lists, structures, bytes) are left out, with a note.
pub(super) fn read(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Raw, ImportError> {
    let failed = |e: PolarsError| {
        ImportError::new(path, "Parquet data", e.to_string(), "Write the file again from where it came.")
    };
    let mut reader = ParquetReader::new(Cursor::new(bytes));
    let schema = reader.schema().map_err(failed)?;
    check_columns(path, schema.len(), limits)?;
    // What the file declares is checked before any of it is unpacked.
    let metadata = reader.get_metadata().map_err(failed)?;
    let (mut rows, mut unpacked) = (0_usize, 0_usize);
    for group in &metadata.row_groups {
        rows = rows.saturating_add(group.num_rows());
        unpacked = unpacked.saturating_add(group.total_byte_size());
    }
    let rows = rows.max(metadata.num_rows);
    if rows > limits.rows || unpacked > limits.bytes || rows.saturating_mul(schema.len()) > limits.cells {
        return Err(ImportError::new(
            path,
            "the file's description",
            format!("{rows} rows, {} columns, {} MiB unpacked", schema.len(), unpacked >> 20),
            "Split the table into several files.",
        ));
    }
    let mut notes = Vec::new();
    let mut columns: Vec<Column> = Vec::with_capacity(schema.len());
    for name in schema.iter_names() {
        // Column by column: polars refuses the whole table for one column of a type that it was built without.
        match read_column(bytes, name) {
            Ok(column) if columns.first().is_some_and(|first| first.len() != column.len()) => {
                notes.push(format!("Column {name} was left out: it has {} rows.", column.len()));
            }
            Ok(column) => columns.push(column),
            Err(why) => notes.push(format!("Column {name} was left out: {why}.")),
        }
    }
    let values: Vec<Values> = columns.iter().filter_map(Values::of).collect();
    let mut grid = Grid::new(values.len());
    for row in 0..columns.first().map_or(0, Column::len) {
        let cells: Vec<String> = values.iter().map(|values| values.text(row)).collect();
        grid.push(path, row as u32 + 1, cells.iter().map(String::as_str), limits)?;
    }
    let header = columns.iter().map(|column| column.name().to_string()).collect();
    let kinds = values.iter().map(Values::kind).collect();
    Ok(Raw { format: Format::Parquet, header, grid, kinds, notes })
}

fn read_column(bytes: &[u8], name: &str) -> Result<Column, String> {
    let reader = ParquetReader::new(Cursor::new(bytes)).with_columns(Some(vec![name.to_owned()]));
    let frame: DataFrame = reader.finish().map_err(|e| e.to_string())?;
    let column = frame.columns().first().ok_or("it cannot be read")?;
    plain(column).map_err(|_| format!("it holds {}", column.dtype()))
}

//! Parquet: checked first, then read by polars. All Parquet that the program reads goes through here.

mod check;
mod delta;
mod footer;
mod pages;
mod schema;
#[cfg(test)]
mod tests;
mod thrift;
mod unpack;

use std::collections::HashSet;
use std::io::Cursor;
use std::sync::Arc;

use polars::prelude::{Column, DataFrame, DataType, ParquetReader, PolarsError, PolarsResult, SerReader};

use super::contained::contained;
use check::Checked;
pub use check::most_bytes;
use schema::Root;

/// Arrow's own schema under another name of the same length, so that nobody takes it for one.
const UNUSED: &[u8; footer::ARROW_SCHEMA.len()] = b"arrow.schema";

/// What a file may make the program allocate.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most bytes of all pages once unpacked, and most text of values that share their beginnings.
    pub bytes: usize,
    /// Most rows.
    pub rows: usize,
    /// Most columns.
    pub columns: usize,
    /// Most cells of columns that are read.
    pub cells: usize,
}

/// A Parquet file cannot be read. The texts are clauses without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// The file is damaged, or it is none.
    #[error("{place}: {problem}")]
    Damaged {
        /// Where in it: footer, row group, column, page.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// It declares more than the bounds allow: what.
    #[error("it declares {0}")]
    TooLarge(String),
}

impl ParquetError {
    fn damaged(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), problem: problem.into() }
    }
}

/// A table as it was read.
#[derive(Debug)]
pub struct Table {
    /// The columns in their order, `rows` values each.
    pub columns: Vec<Column>,
    /// Columns that were left out, and why, a clause: lists, structures, types that polars does not read.
    pub left_out: Vec<(String, String)>,
    /// Rows.
    pub rows: usize,
}

/// Reads the columns that hold one value a row.
///
/// The types are Parquet's: the schema that Arrow programs keep beside it is a second description, which may contradict
/// the first, and is not read.
///
/// # Errors
/// The file is damaged, or it passes a bound. Never panics, whatever the file holds.
pub fn read(mut file: Vec<u8>, bounds: &Bounds) -> Result<Table, ParquetError> {
    let checked = checked(&mut file, bounds)?;
    quietly(|| unpack_columns(&file, &checked))
}

/// As [`read`], and beside it a column that holds a vector a row: lists of numbers, all of one length. The vectors one
/// after the other, and their length.
///
/// # Errors
/// As [`read`]; there is no such column, a list is missing, or two differ in length.
pub fn read_with_vectors(
    mut file: Vec<u8>,
    column: &str,
    bounds: &Bounds,
) -> Result<(Table, Vec<f32>, usize), ParquetError> {
    let checked = checked(&mut file, bounds)?;
    let damaged = |why: &str| ParquetError::damaged(format!("column {column}"), why);
    let place = checked.columns.iter().position(|root| root.name == column);
    let place = place.ok_or_else(|| damaged("there is none in the table"))?;
    let inside = format!("{column}.");
    let mut values = checked.leaves.iter().filter(|(name, _)| name.starts_with(&inside));
    let (Some((_, count)), None) = (values.next(), values.next()) else {
        return Err(damaged("it holds no lists of numbers"));
    };
    // Missing numbers take no room in a file, and 4 bytes each in memory.
    if *count > bounds.cells.min(check::most_cells(file.len())) as u64 {
        return Err(ParquetError::TooLarge(format!("{count} numbers in column {column}")));
    }
    let lists = quietly(|| unpack_lists(&file, place))?;
    let dim = lists.first().map_or(0, Vec::len);
    if dim == 0 || lists.len() != checked.rows || lists.iter().any(|list| list.len() != dim) {
        return Err(damaged("its lists are empty, missing, or of different lengths"));
    }
    let table = quietly(|| unpack_columns(&file, &checked))?;
    Ok((table, lists.concat(), dim))
}

/// Names of the columns in their order, and whether they hold one number a row. Only the footer is read.
///
/// # Errors
/// The footer is damaged, or declares more columns than `most`.
pub fn names(file: &[u8], most: usize) -> Result<Vec<(String, bool)>, ParquetError> {
    let damaged = |problem| ParquetError::damaged("the Parquet footer", problem);
    let footer = footer::read(file, most).map_err(damaged)?;
    let (roots, leaves) = schema::columns(&footer.schema).map_err(damaged)?;
    if roots.len() > most {
        return Err(ParquetError::TooLarge(format!("{} columns", roots.len())));
    }
    let numbers: HashSet<&str> =
        leaves.iter().filter(|leaf| leaf.is_number()).map(|leaf| leaf.name.as_str()).collect();
    let is_number = |root: &Root| root.is_flat && numbers.contains(root.name.as_str());
    Ok(roots.iter().map(|root| (root.name.clone(), is_number(root))).collect())
}

/// Checks a file and hides the second schema.
fn checked(file: &mut [u8], bounds: &Bounds) -> Result<Checked, ParquetError> {
    let checked = check::check(file, bounds)?;
    for place in &checked.arrow_schema {
        file[place.clone()].copy_from_slice(UNUSED);
    }
    Ok(checked)
}

/// Work of polars on a file that was checked.
fn quietly<T>(work: impl FnOnce() -> PolarsResult<T>) -> Result<T, ParquetError> {
    let unreadable = |why: String| ParquetError::damaged("inside the Parquet data", why);
    match contained(work) {
        Some(read) => read.map_err(|e| unreadable(e.to_string())),
        None => Err(unreadable("the values of a column do not unpack".to_owned())),
    }
}

/// One list a row; what is missing is an empty one.
fn unpack_lists(file: &[u8], column: usize) -> PolarsResult<Vec<Vec<f32>>> {
    let frame = ParquetReader::new(Cursor::new(file)).with_projection(Some(vec![column])).finish()?;
    let Some(column) = frame.columns().first() else { return Ok(Vec::new()) };
    let series = column.as_materialized_series();
    let lists = series.list()?;
    (0..lists.len())
        .map(|row| {
            let Some(list) = lists.get_as_series(row) else { return Ok(Vec::new()) };
            if !list.dtype().is_primitive_numeric() {
                return Err(PolarsError::SchemaMismatch(format!("lists of {}", list.dtype()).into()));
            }
            let numbers = list.cast(&DataType::Float32)?;
            Ok(numbers.f32()?.iter().map(|number| number.unwrap_or(f32::NAN)).collect())
        })
        .collect()
}

fn unpack_columns(file: &[u8], checked: &Checked) -> PolarsResult<Table> {
    let mut reader = ParquetReader::new(Cursor::new(file));
    let schema = reader.schema()?;
    let metadata = Arc::clone(reader.get_metadata()?);
    let read = |columns: &[usize]| -> PolarsResult<DataFrame> {
        let mut reader = ParquetReader::new(Cursor::new(file)).with_projection(Some(columns.to_vec()));
        reader.set_metadata(Arc::clone(&metadata));
        reader.finish()
    };
    let mut table = Table { columns: Vec::new(), left_out: Vec::new(), rows: checked.rows };
    let mut flat = Vec::new();
    for (column, ((name, field), root)) in schema.iter().zip(&checked.columns).enumerate() {
        // polars has no name for types that it was built without, and panics.
        let holds = contained(|| DataType::from_arrow_field(field).to_string());
        if root.is_flat && holds.is_some() {
            flat.push(column);
        } else {
            let other = if root.is_flat { "values of a type that is not read" } else { "structures" };
            let why = format!("it holds {}", holds.as_deref().unwrap_or(other));
            table.left_out.push((name.to_string(), why));
        }
    }
    if flat.is_empty() {
        return Ok(table);
    }
    match read(&flat) {
        Ok(frame) => table.columns = frame.into_columns(),
        // polars refuses the whole table for one column of a type that it was built without.
        Err(_) => {
            for column in flat {
                let name = checked.columns[column].name.clone();
                match read(&[column]) {
                    Ok(frame) => table.columns.extend(frame.into_columns()),
                    Err(why) => table.left_out.push((name, why.to_string())),
                }
            }
        }
    }
    let Table { columns, left_out, rows } = &mut table;
    columns.retain(|column| {
        let is_whole = column.len() == *rows;
        if !is_whole {
            let why = format!("it has {} rows of {rows}", column.len());
            left_out.push((column.name().to_string(), why));
        }
        is_whole
    });
    Ok(table)
}

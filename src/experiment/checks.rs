//! A frame's columns checked and brought into the types of a table.

use std::collections::{HashMap, HashSet};

use polars::prelude::{Column, DataType, PlSmallStr};

use super::cells::{Cell, Cells, Values, check, parse};
use super::columns::{Check, Kind, known};
use super::table::TableError;

/// A column in one of the four kinds' types, whatever it is called.
pub(super) fn plain(column: &Column) -> Result<Column, TableError> {
    let unsupported = || TableError::UnsupportedType {
        column: column.name().to_string(),
        dtype: column.dtype().to_string(),
    };
    Ok(match column.dtype() {
        _ if column.null_count() == column.len() && !column.dtype().is_primitive() => {
            Cells::empty(Kind::Text, column.len()).into_column(column.name())
        }
        DataType::Boolean | DataType::String | DataType::Int64 | DataType::Float64 => column.rechunk(),
        // Past 2^63 a 64 bit unsigned number is kept as text rather than lost.
        integer if integer.is_integer() => {
            column.strict_cast(&DataType::Int64).or_else(|_| column.strict_cast(&DataType::String))?
        }
        number if number.is_float() || number.is_decimal() => column.cast(&DataType::Float64)?,
        nested if nested.is_nested() || nested.is_object() || *nested == DataType::Binary => {
            return Err(unsupported());
        }
        _ => column.strict_cast(&DataType::String).map_err(|_| unsupported())?.rechunk(),
    })
}

/// A column in its table's type, its values checked.
pub(super) fn cast(column: &Column) -> Result<Column, TableError> {
    let name = column.name().as_str();
    let standard = known(name);
    let plain = plain(column)?;
    let unsupported =
        || TableError::UnsupportedType { column: name.to_owned(), dtype: column.dtype().to_string() };
    let values = Values::of(&plain).ok_or_else(unsupported)?;
    let kind = standard.map_or(values.kind(), |standard| standard.kind);
    let as_it_is = match values {
        Values::Text(texts) => {
            standard.is_none_or(|standard| kind == Kind::Text && standard.check == Check::Any)
                && !texts.iter().any(|text| text.is_some_and(|text| text.trim().is_empty()))
        }
        Values::Integer(_) | Values::Flag(_) => standard.is_none(),
        Values::Number(_) => false,
    };
    if as_it_is {
        return Ok(plain);
    }
    let mut cells = Cells::empty(kind, column.len());
    for row in 0..column.len() {
        // NaN is how other programs write an empty cell of numbers.
        let cell = match (kind, values) {
            (Kind::Number, Values::Number(numbers)) => {
                numbers.get(row).filter(|value| !value.is_nan()).map(|value| Cell::Number(value + 0.0))
            }
            (Kind::Text, Values::Number(numbers)) if numbers.get(row).is_some_and(f64::is_nan) => None,
            (Kind::Integer, Values::Integer(numbers)) => numbers.get(row).map(Cell::Integer),
            (Kind::Flag, Values::Flag(flags)) => flags.get(row).map(Cell::Flag),
            _ => parse(&values.text(row), kind, None).map_err(|why| refused(row, name, values, why))?,
        };
        let finite = |cell: Cell| match cell {
            Cell::Number(value) if !value.is_finite() => Err("it is not a finite number".to_owned()),
            cell => check(cell, standard),
        };
        cells.put(row, cell.map(finite).transpose().map_err(|why| refused(row, name, values, why))?);
    }
    Ok(cells.into_column(name))
}

fn refused(row: usize, column: &str, values: Values, why: String) -> TableError {
    TableError::Cell { row, column: column.to_owned(), value: values.text(row), why }
}

/// Names for all rows: those given, and `row7` for the seventh where none is given and none is called so.
pub(super) fn complete_row_ids(column: &Column) -> Vec<PlSmallStr> {
    let Some(Values::Text(given)) = Values::of(column) else { return Vec::new() };
    let taken: HashSet<&str> = given.iter().flatten().map(str::trim).collect();
    given
        .iter()
        .enumerate()
        .map(|(row, id)| match id.map(str::trim) {
            Some(id) if !id.is_empty() => PlSmallStr::from_str(id),
            _ => {
                let mut name = format!("row{}", row + 1);
                while taken.contains(name.as_str()) {
                    name.push('_');
                }
                PlSmallStr::from(name)
            }
        })
        .collect()
}

pub(super) fn index_rows(ids: &[PlSmallStr]) -> Result<HashMap<PlSmallStr, u32>, TableError> {
    let mut index = HashMap::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        if let Some(first) = index.insert(id.clone(), row as u32) {
            return Err(TableError::DuplicateRowId {
                row_id: id.to_string(),
                first: first as usize,
                second: row,
            });
        }
    }
    Ok(index)
}

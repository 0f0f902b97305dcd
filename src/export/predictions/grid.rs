//! Building a table column by column, and writing tables: CSV, Parquet, XLSX.

use std::path::Path;

use polars::prelude::{
    AnyValue, Column, CsvWriter, DataFrame, NamedFrom, ParquetWriter, PolarsError, SerWriter, Series,
};
use rust_xlsxwriter::{Format as Look, Workbook};

use super::PredictionsError;
use crate::experiment::formula::neutral;

/// Columns of as many cells each.
pub(super) struct Grid {
    rows: usize,
    columns: Vec<Column>,
}

impl Grid {
    pub fn new(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Words; empty ones become empty cells.
    pub fn text(&mut self, name: &str, of: impl Fn(usize) -> String) {
        let cells = (0..self.rows).map(|row| Some(of(row)).filter(|cell| !cell.is_empty()));
        self.columns.push(Series::new(name.into(), cells.collect::<Vec<Option<String>>>()).into());
    }

    /// Numbers; those that are not finite become empty cells.
    pub fn number(&mut self, name: &str, of: impl Fn(usize) -> Option<f64>) {
        let cells = (0..self.rows).map(|row| of(row).filter(|value| value.is_finite()));
        self.columns.push(Series::new(name.into(), cells.collect::<Vec<Option<f64>>>()).into());
    }

    /// Whole numbers.
    pub fn count(&mut self, name: &str, of: impl Fn(usize) -> Option<usize>) {
        let cells = (0..self.rows).map(|row| of(row).and_then(|n| i64::try_from(n).ok()));
        self.columns.push(Series::new(name.into(), cells.collect::<Vec<Option<i64>>>()).into());
    }

    /// One word in all rows; none, where it is empty.
    pub fn same(&mut self, name: &str, text: &str) {
        self.columns.push(same(name, text, self.rows));
    }

    /// True or false.
    pub fn flag(&mut self, name: &str, of: impl Fn(usize) -> Option<bool>) {
        let cells: Vec<Option<bool>> = (0..self.rows).map(of).collect();
        self.columns.push(Series::new(name.into(), cells).into());
    }

    pub fn finish(self) -> Result<DataFrame, PolarsError> {
        DataFrame::new(self.rows, self.columns)
    }
}

/// A column of one word; of empty cells, where it is empty.
pub(super) fn same(name: &str, text: &str, rows: usize) -> Column {
    Series::new(name.into(), vec![Some(text).filter(|text| !text.is_empty()); rows]).into()
}

/// What a table is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Parquet,
    Xlsx,
}

impl Format {
    /// By the ending of a name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            "xlsx" => Some(Self::Xlsx),
            _ => None,
        }
    }
}

/// Text that a spreadsheet would run is neutralised.
pub(super) fn csv(frame: &DataFrame) -> Result<Vec<u8>, PredictionsError> {
    let mut bytes = Vec::new();
    CsvWriter::new(&mut bytes).finish(&mut neutral(frame)?)?;
    Ok(bytes)
}

pub(super) fn parquet(frame: &DataFrame) -> Result<Vec<u8>, PredictionsError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame.clone())?;
    Ok(bytes)
}

/// One sheet for each table: a bold header that stays in sight, numbers as numbers.
pub(super) fn workbook(sheets: &[(&str, &DataFrame)]) -> Result<Vec<u8>, PredictionsError> {
    let mut workbook = Workbook::new();
    let bold = Look::new().set_bold();
    for (name, frame) in sheets {
        let sheet = workbook.add_worksheet();
        sheet.set_name(*name)?;
        for (place, column) in frame.columns().iter().enumerate() {
            let place = place as u16;
            sheet.write_with_format(0, place, column.name().as_str(), &bold)?;
            for row in 0..column.len() {
                let line = row as u32 + 1;
                match column.get(row)? {
                    AnyValue::Null => continue,
                    AnyValue::Float64(value) => sheet.write(line, place, value)?,
                    AnyValue::Int64(value) => sheet.write(line, place, value as f64)?,
                    AnyValue::Boolean(value) => sheet.write(line, place, value)?,
                    // As text, so that a name such as "=1" is no formula.
                    other => sheet.write_string(line, place, other.str_value().as_ref())?,
                };
            }
        }
        sheet.set_freeze_panes(1, 1)?;
    }
    Ok(workbook.save_to_buffer()?)
}

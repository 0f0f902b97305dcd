//! The table of an experiment: a polars frame with one row per recording.
//!
//! The manifest's columns come first, then free columns in their order. A table is never changed in place: each change
//! returns a new one that shares every other column with the old, so that undo can keep whole tables.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use polars::prelude::{CsvWriter, DataFrame, ParquetWriter, PlSmallStr, PolarsError, SerWriter};

use super::cells::{Cells, Values, parse};
use super::checks::{cast, complete_row_ids, index_rows};
use super::columns::{Column, EXCLUDED, Kind, STANDARD, known};
use super::formula::neutral;

/// Most rows of a table: a view's rows are counted in 32 bits, and no screen has more videos.
pub const MAX_ROWS: usize = 10_000_000;

/// Most text of a table, bytes: ten million rows of 200 characters.
const MAX_TEXT: usize = 2 << 30;

/// A table cannot be made or changed so. Rows are counted from 1, as people do.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Two rows have the same name.
    #[error("rows {} and {} both have the row_id {row_id}. Give each row a name of its own", first + 1, second + 1)]
    DuplicateRowId {
        /// The name.
        row_id: String,
        /// First row, from 0.
        first: usize,
        /// Second row, from 0.
        second: usize,
    },
    /// A value does not fit its column.
    #[error("row {}, column {column}: {value:?}: {why}. Correct the value or leave the cell empty", row + 1)]
    Cell {
        /// Row, from 0.
        row: usize,
        /// Column.
        column: String,
        /// The value.
        value: String,
        /// Why not.
        why: String,
    },
    /// There is no such column.
    #[error("there is no column {column}. Choose one of the table's columns, or add it")]
    NoColumn {
        /// Its name.
        column: String,
    },
    /// The name is taken or empty.
    #[error("a column cannot be called {column:?}: {why}. Choose another name")]
    ColumnName {
        /// The name.
        column: String,
        /// Why not.
        why: &'static str,
    },
    /// A column of the manifest cannot be removed.
    #[error("{column} is one of the manifest's columns and stays. Clear its cells instead")]
    StandardColumn {
        /// Its name.
        column: String,
    },
    /// The row is not in the table.
    #[error("there is no row {}: the table has {rows} rows. Select the row again", row + 1)]
    NoRow {
        /// Row, from 0.
        row: usize,
        /// Rows in the table.
        rows: usize,
    },
    /// A column holds lists, structures or bytes.
    #[error(
        "column {column} holds {dtype}, which no cell of a table can show. Leave the column out, or write it as text"
    )]
    UnsupportedType {
        /// Its name.
        column: String,
        /// Its type, as polars calls it.
        dtype: String,
    },
    /// More rows than any screen has.
    #[error("the table has {rows} rows; at most {MAX_ROWS} are read. Split the experiment")]
    TooManyRows {
        /// Rows in the table.
        rows: usize,
    },
    /// More text than any screen has: a few bytes of a file can stand for it.
    #[error("the table has more than {} MiB of text. Leave out columns of long texts", MAX_TEXT >> 20)]
    TooMuchText,
    /// An exclusion has no reason.
    #[error("a row is left out for a reason. Say which")]
    NoReason,
    /// Reading or writing failed.
    #[error("the table could not be read or written: {0}")]
    Polars(#[from] PolarsError),
}

/// One row per recording; see the module. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Table {
    frame: DataFrame,
    /// Row of each `row_id`.
    index: Arc<HashMap<PlSmallStr, u32>>,
}

impl Table {
    /// Checks a frame and brings it into a table's form: known columns are cast, missing ones are added empty, rows
    /// without a `row_id` get one (`row1`, `row2`, … by position).
    ///
    /// # Errors
    /// The first cell that does not fit its column, the first pair of equal `row_id`s, a nested column, too many rows.
    pub fn from_frame(frame: DataFrame) -> Result<Self, TableError> {
        let rows = frame.height();
        if rows > MAX_ROWS {
            return Err(TableError::TooManyRows { rows });
        }
        let given = frame.into_columns();
        let texts = given.iter().filter_map(|column| column.as_materialized_series().str().ok());
        if texts.flat_map(|texts| texts.iter().flatten()).map(str::len).sum::<usize>() > MAX_TEXT {
            return Err(TableError::TooMuchText);
        }
        let mut columns = Vec::with_capacity(STANDARD.len() + given.len());
        for standard in &STANDARD {
            columns.push(match given.iter().find(|column| column.name().as_str() == standard.name) {
                Some(column) => cast(column)?,
                None => Cells::empty(standard.kind, rows).into_column(standard.name),
            });
        }
        for column in &given {
            if !STANDARD.iter().any(|standard| standard.name == column.name().as_str()) {
                columns.push(cast(column)?);
            }
        }
        let ids = complete_row_ids(&columns[0]);
        let index = index_rows(&ids)?;
        columns[0] = Cells::Text(ids.into_iter().map(Some).collect()).into_column("row_id");
        Ok(Self { frame: DataFrame::new(rows, columns)?, index: Arc::new(index) })
    }

    /// A table without rows.
    pub fn empty() -> Result<Self, TableError> {
        Self::from_frame(DataFrame::empty())
    }

    /// The frame: the manifest's columns, then free ones; types `str`, `i64`, `f64`, `bool`.
    pub const fn frame(&self) -> &DataFrame {
        &self.frame
    }

    /// Rows, excluded ones too.
    pub fn len(&self) -> usize {
        self.frame.height()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All columns in their order.
    pub fn columns(&self) -> Vec<Column> {
        self.frame
            .columns()
            .iter()
            .filter_map(|column| Some(Column::of(column.name(), Values::of(column)?.kind())))
            .collect()
    }

    /// One column's description.
    pub fn column(&self, name: &str) -> Option<Column> {
        Some(Column::of(name, self.values(name)?.kind()))
    }

    /// One column's cells.
    pub fn values(&self, column: &str) -> Option<Values<'_>> {
        Values::of(self.frame.column(column).ok()?)
    }

    /// The row's name; empty past the end.
    pub fn row_id(&self, row: usize) -> &str {
        match self.values("row_id") {
            Some(Values::Text(ids)) if row < ids.len() => ids.get(row).unwrap_or_default(),
            _ => "",
        }
    }

    /// The row of this name.
    pub fn row_of(&self, row_id: &str) -> Option<usize> {
        self.index.get(row_id).map(|row| *row as usize)
    }

    /// A cell for display and editing; empty where there is none.
    pub fn text(&self, row: usize, column: &str) -> String {
        self.values(column).map(|values| values.text(row)).unwrap_or_default()
    }

    /// A cell as a number; flags count 0 and 1, text has none.
    pub fn number(&self, row: usize, column: &str) -> Option<f64> {
        self.values(column)?.number(row)
    }

    /// The values of a cell that may hold several (`moa`, `tags`).
    pub fn list(&self, row: usize, column: &str) -> Vec<String> {
        split_list(&self.text(row, column)).map(ToOwned::to_owned).collect()
    }

    /// Writes the same text into several rows of a column; empty text clears them.
    ///
    /// # Errors
    /// The text is no value of the column; names row, column, value.
    pub fn set(&self, rows: &[usize], column: &str, text: &str) -> Result<Self, TableError> {
        let cells: Vec<(usize, &str)> = rows.iter().map(|row| (*row, text)).collect();
        self.set_each(column, &cells)
    }

    /// Writes a text into each of several rows of a column, as a paste does.
    ///
    /// # Errors
    /// As [`Self::set`]; then nothing is written.
    pub fn set_each(&self, column: &str, cells: &[(usize, &str)]) -> Result<Self, TableError> {
        let values = self.values(column).ok_or_else(|| TableError::NoColumn { column: column.to_owned() })?;
        let kind = values.kind();
        let mut changed = Cells::of(values);
        for (row, text) in cells {
            let refused = |why: String| TableError::Cell {
                row: *row,
                column: column.to_owned(),
                value: (*text).to_owned(),
                why,
            };
            if *row >= self.len() {
                return Err(TableError::NoRow { row: *row, rows: self.len() });
            }
            let cell = parse(text, kind, known(column)).map_err(refused)?;
            if column == "row_id" && cell.is_none() {
                return Err(refused("every row has a name".to_owned()));
            }
            changed.put(*row, cell);
        }
        self.with_cells(column, changed)
    }

    /// Adds an empty free column at the end.
    pub fn add_column(&self, name: &str, kind: Kind) -> Result<Self, TableError> {
        let refused = |why| TableError::ColumnName { column: name.to_owned(), why };
        if name.trim().is_empty() {
            return Err(refused("it is empty"));
        }
        if self.frame.get_column_index(name).is_some() {
            return Err(refused("there is such a column"));
        }
        let kind = known(name).map_or(kind, |column| column.kind);
        self.with_cells(name, Cells::empty(kind, self.len()))
    }

    /// Removes a free column.
    pub fn remove_column(&self, name: &str) -> Result<Self, TableError> {
        let column = self.column(name).ok_or_else(|| TableError::NoColumn { column: name.to_owned() })?;
        if column.standard {
            return Err(TableError::StandardColumn { column: name.to_owned() });
        }
        Ok(Self { frame: self.frame.drop(name)?, index: Arc::clone(&self.index) })
    }

    /// Leaves rows out, everywhere, for this reason.
    pub fn exclude(&self, rows: &[usize], reason: &str) -> Result<Self, TableError> {
        if reason.trim().is_empty() {
            return Err(TableError::NoReason);
        }
        let table = match self.values(EXCLUDED) {
            Some(_) => self.clone(),
            None => self.add_column(EXCLUDED, Kind::Text)?,
        };
        table.set(rows, EXCLUDED, reason.trim())
    }

    /// Takes excluded rows in again.
    pub fn include(&self, rows: &[usize]) -> Result<Self, TableError> {
        if self.values(EXCLUDED).is_none() {
            return Ok(self.clone());
        }
        self.set(rows, EXCLUDED, "")
    }

    /// True for a row that is left out.
    pub fn is_excluded(&self, row: usize) -> bool {
        match self.values(EXCLUDED) {
            Some(Values::Text(reasons)) if row < reasons.len() => reasons.get(row).is_some(),
            _ => false,
        }
    }

    /// Rows that are left out.
    pub fn excluded_count(&self) -> usize {
        match self.values(EXCLUDED) {
            Some(Values::Text(reasons)) => reasons.len() - reasons.null_count(),
            _ => 0,
        }
    }

    /// Writes the table as a manifest in CSV (UTF-8, comma, header).
    pub fn write_csv(&self, to: impl Write) -> Result<(), TableError> {
        CsvWriter::new(to).finish(&mut neutral(&self.frame)?)?;
        Ok(())
    }

    /// Writes the table as a manifest in Parquet (zstd).
    pub fn write_parquet(&self, to: impl Write) -> Result<(), TableError> {
        ParquetWriter::new(to).finish(&mut self.frame.clone())?;
        Ok(())
    }

    /// Puts cells in the place of a column, or adds them as a new one.
    pub(super) fn with_cells(&self, name: &str, cells: Cells) -> Result<Self, TableError> {
        let index = match (&cells, name) {
            (Cells::Text(ids), "row_id") => Arc::new(index_rows(
                &ids.iter().map(|id| id.clone().unwrap_or_default()).collect::<Vec<_>>(),
            )?),
            _ => Arc::clone(&self.index),
        };
        let mut frame = self.frame.clone();
        frame.with_column(cells.into_column(name))?;
        Ok(Self { frame, index })
    }
}

/// The parts of a cell that holds several values separated by `;`.
pub fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use polars::prelude::{NamedFrom, Series, df};

    use super::*;

    fn table() -> Table {
        let frame = df!(
            "dose_nM" => [Some(1.5), None, Some(f64::NAN)],
            "well" => ["A01", "", "B2"],
            "row_id" => [Some("a"), None, Some("row2")],
            "replicate" => [1_i32, 2, 3],
            "simulated" => ["true", "0", ""],
            "series" => [0.0, 1.0, 2.0],
            "big" => [u64::MAX, 1, 2],
            "moa" => ["x; y;", "x", ""],
        )
        .unwrap();
        Table::from_frame(frame).unwrap()
    }

    #[test]
    fn a_frame_gets_the_manifest_s_columns_first_and_keeps_the_rest() {
        let table = table();
        let columns = table.columns();
        assert_eq!(columns.len(), STANDARD.len() + 2);
        assert!(
            columns.iter().zip(&STANDARD).all(|(c, s)| c.name == s.name && c.kind == s.kind && c.standard)
        );
        assert_eq!((columns[23].name.as_str(), columns[23].unit.as_deref()), ("dose_nM", Some("nM")));
        assert_eq!((columns[24].name.as_str(), columns[24].kind), ("big", Kind::Text));
        assert_eq!(table.text(0, "big"), u64::MAX.to_string());
        assert_eq!(table.text(1, "replicate"), "2");
        assert_eq!(table.text(2, "series"), "2");
        assert_eq!([0, 1, 2].map(|row| table.number(row, "simulated")), [Some(1.0), Some(0.0), None]);
        assert_eq!(table.number(2, "dose_nM"), None, "NaN is an empty cell");
        assert_eq!(table.list(0, "moa"), ["x", "y"]);
        assert_eq!(table.text(0, "nothing"), "");
        assert_eq!(
            (table.text(3, "well"), table.row_id(3), table.is_excluded(3)),
            (String::new(), "", false)
        );
    }

    #[test]
    fn rows_without_a_name_get_one_that_is_free_and_equal_names_are_refused() {
        let table = table();
        assert_eq!([0, 1, 2].map(|row| table.row_id(row).to_owned()), ["a", "row2_", "row2"]);
        assert_eq!(table.row_of("row2"), Some(2));
        let frame = df!("row_id" => ["a", "b", " a"]).unwrap();
        let text = Table::from_frame(frame).unwrap_err().to_string();
        assert!(text.starts_with("rows 1 and 3 both have the row_id a."), "{text}");
        assert!(matches!(
            table.set(&[1], "row_id", "a"),
            Err(TableError::DuplicateRowId { first: 0, second: 1, .. })
        ));
        assert!(matches!(table.set(&[1, 2], "row_id", "z"), Err(TableError::DuplicateRowId { .. })));
        assert!(table.set(&[1], "row_id", " ").is_err());
        let renamed = table.set(&[1], "row_id", "z").unwrap();
        assert_eq!((renamed.row_of("z"), renamed.row_of("row2_")), (Some(1), None));
    }

    #[test]
    fn a_value_that_does_not_fit_names_row_column_and_value() {
        let table = table();
        let text = table.set(&[0, 2], "concentration_uM", "ten").unwrap_err().to_string();
        assert!(text.starts_with("row 1, column concentration_uM: \"ten\": it is not a number"), "{text}");
        let frame = df!("control" => ["negative", "none"]).unwrap();
        let text = Table::from_frame(frame).unwrap_err().to_string();
        assert!(text.starts_with("row 2, column control: \"none\""), "{text}");
        let frame = df!("pixel_size_um" => [0.1, f64::INFINITY]).unwrap();
        assert!(Table::from_frame(frame).unwrap_err().to_string().starts_with("row 2, column pixel_size_um"));
        assert!(matches!(table.set(&[3], "well", "A1"), Err(TableError::NoRow { row: 3, rows: 3 })));
        assert!(matches!(table.set(&[0], "nothing", "A1"), Err(TableError::NoColumn { .. })));
    }

    #[test]
    fn a_change_leaves_the_old_table_and_the_other_columns_alone() {
        let before = table();
        let after = before.set(&[0, 2], "compound", "FCCP").unwrap();
        assert_eq!([0, 1, 2].map(|row| after.text(row, "compound")), ["FCCP", "", "FCCP"]);
        assert_eq!(before.text(0, "compound"), "");
        let after = after.set_each("well", &[(0, "C3"), (1, "D4"), (2, "")]).unwrap();
        assert_eq!([0, 1, 2].map(|row| after.text(row, "well")), ["C3", "D4", ""]);
        let other: Vec<_> = STANDARD.iter().filter(|c| !["compound", "well"].contains(&c.name)).collect();
        assert!(other.iter().all(|c| {
            before.frame().column(c.name).unwrap().equals_missing(after.frame().column(c.name).unwrap())
        }));
    }

    #[test]
    fn columns_are_added_and_removed_but_never_the_manifest_s() {
        let table = table().add_column("score", Kind::Number).unwrap();
        assert_eq!(table.set(&[1], "score", "2.5").unwrap().number(1, "score"), Some(2.5));
        assert!(matches!(table.add_column("score", Kind::Text), Err(TableError::ColumnName { .. })));
        assert!(matches!(table.add_column(" ", Kind::Text), Err(TableError::ColumnName { .. })));
        assert!(matches!(table.remove_column("well"), Err(TableError::StandardColumn { .. })));
        assert!(table.remove_column("score").unwrap().column("score").is_none());
    }

    #[test]
    fn exclusion_has_a_reason_and_is_counted() {
        let table = table();
        assert!(matches!(table.exclude(&[0], "  "), Err(TableError::NoReason)));
        let table = table.exclude(&[0, 2], "out of focus").unwrap();
        assert_eq!((table.excluded_count(), table.is_excluded(0), table.is_excluded(1)), (2, true, false));
        assert_eq!(table.text(2, "excluded"), "out of focus");
        let table = table.include(&[0]).unwrap();
        assert_eq!((table.excluded_count(), table.is_excluded(0)), (1, false));
    }

    #[test]
    fn one_long_text_that_stands_in_many_rows_is_refused_before_it_is_copied() {
        let text = "x".repeat(1 << 20);
        let rows = Series::new("well".into(), [text.as_str()]).new_from_index(0, 2049);
        let frame = DataFrame::new(2049, vec![rows.into()]).unwrap();
        assert!(matches!(Table::from_frame(frame), Err(TableError::TooMuchText)));
    }

    #[test]
    fn lists_and_bytes_are_refused_by_name() {
        let frame = df!("v" => [polars::prelude::Series::from_iter([1.0_f32])]).unwrap();
        assert!(
            matches!(Table::from_frame(frame), Err(TableError::UnsupportedType { column, .. }) if column == "v")
        );
    }
}

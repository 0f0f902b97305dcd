//! Text that a spreadsheet would run: a cell of a CSV file that begins with `=`, `+`, `-`, `@`, a tab or a carriage
//! return is a formula to Excel and `LibreOffice`, whoever wrote it. An apostrophe before it makes it text, as in a
//! spreadsheet's own input line; `=1` becomes `'=1`, and `'=1` becomes `''=1`, so that every text comes back.
//!
//! Numbers are left alone: `-0.5` in a column of numbers is one.

use std::borrow::Cow;

use polars::prelude::{Column, DataFrame, NamedFrom, PolarsError, Series};

/// What a formula begins with.
const STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// True for a formula behind any number of apostrophes.
fn is_marked(cell: &str) -> bool {
    cell.trim_start_matches('\'').starts_with(STARTS)
}

/// The text as it may stand in a cell.
pub fn neutralise(cell: &str) -> Cow<'_, str> {
    if is_marked(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// The text of a cell that [`neutralise`] wrote; any other cell as it is.
pub fn restore(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_marked(rest)).unwrap_or(cell)
}

/// A table whose columns of text are neutralised.
///
/// # Errors
/// None that is known; what polars says.
pub fn neutral(frame: &DataFrame) -> Result<DataFrame, PolarsError> {
    let column = |column: &Column| -> Column {
        let Ok(cells) = column.str() else { return column.clone() };
        let cells: Vec<Option<Cow<str>>> = cells.iter().map(|cell| cell.map(neutralise)).collect();
        Series::new(column.name().clone(), cells).into()
    };
    DataFrame::new(frame.height(), frame.columns().iter().map(column).collect())
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::random::stream;

    #[test]
    fn what_a_spreadsheet_runs_gets_an_apostrophe_and_nothing_else_does() {
        for text in ["=1+1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "'=1", "''@x", "+/- camphor"] {
            let cell = neutralise(text);
            assert_eq!(cell, format!("'{text}"));
            assert_eq!(restore(&cell), text);
        }
        for text in
            ["", "'", "''", "a=1", "'t Hooft", "(−)-menthol", "O=C1C=C1", "[NH4+]", "\"=1", " =1", "1-2"]
        {
            assert_eq!(neutralise(text), text);
            assert_eq!(restore(text), text);
        }
    }

    #[test]
    fn every_text_comes_back() {
        let letters = ['\'', '=', '+', '-', '@', '\t', '\r', '\n', '"', ',', 'a', 'µ'];
        let mut rng = stream(1, &["formulas"]);
        for _ in 0..20_000 {
            let length = rng.random_range(0..6);
            let text: String = (0..length).map(|_| letters[rng.random_range(0..letters.len())]).collect();
            let cell = neutralise(&text);
            assert_eq!(restore(&cell), text, "{cell:?}");
            assert!(!cell.starts_with(STARTS), "{cell:?}");
        }
    }

    #[test]
    fn columns_of_numbers_stay_numbers() {
        let frame = polars::prelude::df!(
            "name" => [Some("-cain"), None, Some("FCCP")],
            "similarity" => [-0.5, 0.0, 1.0],
        )
        .unwrap();
        let neutral = neutral(&frame).unwrap();
        let names: Vec<Option<&str>> = neutral.column("name").unwrap().str().unwrap().iter().collect();
        assert_eq!(names, [Some("'-cain"), None, Some("FCCP")]);
        let numbers: Vec<f64> =
            neutral.column("similarity").unwrap().f64().unwrap().iter().flatten().collect();
        assert_eq!(numbers, [-0.5, 0.0, 1.0]);
    }
}

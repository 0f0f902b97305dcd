//! Cells: text of a table read by kind, and the columns that such cells make.

use polars::prelude::{
    BooleanChunked, Column as Series, Float64Chunked, Int64Chunked, IntoColumn, NamedFrom, PlSmallStr,
    Series as PolarsSeries, StringChunked,
};

use super::columns::{Check, Kind, Standard};

/// One cell's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text, never empty.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// True or false.
    Flag(bool),
}

/// Reads a cell. Empty text is `None`.
///
/// # Errors
/// Why the text is no value of this kind or not one that the column accepts, as a clause without a full stop.
pub fn parse(text: &str, kind: Kind, known: Option<&Standard>) -> Result<Option<Cell>, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    let cell = match kind {
        Kind::Text => Cell::Text(text.to_owned()),
        Kind::Integer => Cell::Integer(integer(trimmed)?),
        Kind::Number => Cell::Number(number(trimmed)?),
        Kind::Flag => Cell::Flag(flag(trimmed)?),
    };
    check(cell, known).map(Some)
}

/// Applies a known column's [`Check`]; a word of a vocabulary is brought to its spelling.
pub fn check(cell: Cell, known: Option<&Standard>) -> Result<Cell, String> {
    let value = match &cell {
        Cell::Integer(i) => *i as f64,
        Cell::Number(x) => *x,
        Cell::Text(_) | Cell::Flag(_) => f64::NAN,
    };
    match known.map(|standard| standard.check) {
        Some(Check::NotNegative) if value < 0.0 => Err("it must not be negative".to_owned()),
        Some(Check::Positive) if value <= 0.0 => Err("it must be more than zero".to_owned()),
        Some(Check::OneOf(words)) => {
            let Cell::Text(text) = &cell else { return Ok(cell) };
            words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text.trim()))
                .map(|word| Cell::Text((*word).to_owned()))
                .ok_or_else(|| format!("it must be {} or empty", words.join(", ")))
        }
        _ => Ok(cell),
    }
}

/// A whole number; `3.0` is one too, as tables that passed through a float write it so.
fn integer(text: &str) -> Result<i64, String> {
    if let Ok(value) = text.parse() {
        return Ok(value);
    }
    match text.parse::<f64>() {
        // 2^53: up to here every whole number has its own float.
        Ok(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => Ok(value as i64),
        _ => Err("it is not a whole number".to_owned()),
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // Adding zero turns −0 into 0, which is written differently but is the same value.
        Ok(value) if value.is_finite() => Ok(value + 0.0),
        Ok(_) => Err("it is not a finite number".to_owned()),
        Err(_) if text.contains(',') => {
            Err("it is not a number; write the decimal sign as a point".to_owned())
        }
        Err(_) => Err("it is not a number".to_owned()),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" | "1.0" => Ok(true),
        "false" | "f" | "no" | "n" | "0" | "0.0" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
}

/// Text of a number that reads back as the same number.
pub fn format_number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-5..1e15).contains(&size) { format!("{value:e}") } else { format!("{value}") }
}

/// A column while it is filled or changed.
#[derive(Debug, Clone)]
pub enum Cells {
    /// Text.
    Text(Vec<Option<PlSmallStr>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Flags.
    Flag(Vec<Option<bool>>),
}

impl Cells {
    /// A column of `len` empty cells.
    pub fn empty(kind: Kind, len: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(vec![None; len]),
            Kind::Integer => Self::Integer(vec![None; len]),
            Kind::Number => Self::Number(vec![None; len]),
            Kind::Flag => Self::Flag(vec![None; len]),
        }
    }

    /// The cells of a table's column.
    pub fn of(values: Values) -> Self {
        match values {
            Values::Text(ca) => Self::Text(ca.iter().map(|cell| cell.map(PlSmallStr::from_str)).collect()),
            Values::Integer(ca) => Self::Integer(ca.iter().collect()),
            Values::Number(ca) => Self::Number(ca.iter().collect()),
            Values::Flag(ca) => Self::Flag(ca.iter().collect()),
        }
    }

    /// Puts a value into a row; one of another kind, or a row past the end, changes nothing.
    pub fn put(&mut self, row: usize, cell: Option<Cell>) {
        fn put<T>(cells: &mut [Option<T>], row: usize, value: Option<T>) {
            if let Some(slot) = cells.get_mut(row) {
                *slot = value;
            }
        }
        match (self, cell) {
            (Self::Text(cells), None) => put(cells, row, None),
            (Self::Integer(cells), None) => put(cells, row, None),
            (Self::Number(cells), None) => put(cells, row, None),
            (Self::Flag(cells), None) => put(cells, row, None),
            (Self::Text(cells), Some(Cell::Text(text))) => put(cells, row, Some(PlSmallStr::from(text))),
            (Self::Integer(cells), Some(Cell::Integer(value))) => put(cells, row, Some(value)),
            (Self::Number(cells), Some(Cell::Number(value))) => put(cells, row, Some(value)),
            (Self::Flag(cells), Some(Cell::Flag(value))) => put(cells, row, Some(value)),
            _ => {}
        }
    }

    /// The finished column.
    pub fn into_column(self, name: &str) -> Series {
        let name = PlSmallStr::from_str(name);
        match self {
            Self::Text(cells) => {
                let cells: StringChunked =
                    cells.iter().map(|cell| cell.as_ref().map(PlSmallStr::as_str)).collect();
                PolarsSeries::from(cells.with_name(name)).into_column()
            }
            Self::Integer(cells) => PolarsSeries::new(name, cells).into_column(),
            Self::Number(cells) => PolarsSeries::new(name, cells).into_column(),
            Self::Flag(cells) => PolarsSeries::new(name, cells).into_column(),
        }
    }
}

/// A column's cells by kind; `get(row)` of each is `None` where a cell is empty.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Text.
    Text(&'a StringChunked),
    /// Whole numbers.
    Integer(&'a Int64Chunked),
    /// Numbers.
    Number(&'a Float64Chunked),
    /// Flags.
    Flag(&'a BooleanChunked),
}

impl<'a> Values<'a> {
    /// The cells of a column that has one of the four kinds' types.
    pub fn of(column: &'a Series) -> Option<Self> {
        let series = column.as_materialized_series();
        series
            .str()
            .map(Self::Text)
            .or_else(|_| series.i64().map(Self::Integer))
            .or_else(|_| series.f64().map(Self::Number))
            .or_else(|_| series.bool().map(Self::Flag))
            .ok()
    }

    /// What the column holds.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Integer(_) => Kind::Integer,
            Self::Number(_) => Kind::Number,
            Self::Flag(_) => Kind::Flag,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.len(),
            Self::Integer(cells) => cells.len(),
            Self::Number(cells) => cells.len(),
            Self::Flag(cells) => cells.len(),
        }
    }

    /// A cell as text, as [`parse`] reads it; empty where there is none.
    pub fn text(&self, row: usize) -> String {
        match self {
            _ if row >= self.len() => String::new(),
            Self::Text(cells) => cells.get(row).unwrap_or_default().to_owned(),
            Self::Integer(cells) => cells.get(row).map(|value| value.to_string()).unwrap_or_default(),
            Self::Number(cells) => cells.get(row).map(format_number).unwrap_or_default(),
            Self::Flag(cells) => cells.get(row).map(|value| value.to_string()).unwrap_or_default(),
        }
    }

    /// A cell as a number; flags count 0 and 1, text has none.
    pub fn number(&self, row: usize) -> Option<f64> {
        match self {
            _ if row >= self.len() => None,
            Self::Text(_) => None,
            Self::Integer(cells) => cells.get(row).map(|value| value as f64),
            Self::Number(cells) => cells.get(row),
            Self::Flag(cells) => cells.get(row).map(f64::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns::known;
    use super::*;

    #[test]
    fn cells_are_read_by_kind_and_refused_with_a_reason() {
        assert_eq!(parse("  ", Kind::Number, None), Ok(None));
        assert_eq!(parse("3.0", Kind::Integer, None), Ok(Some(Cell::Integer(3))));
        assert!(parse("3.5", Kind::Integer, None).is_err());
        assert!(parse("1e300", Kind::Integer, None).is_err());
        assert_eq!(parse("1e-3", Kind::Number, None), Ok(Some(Cell::Number(0.001))));
        assert!(parse("0,5", Kind::Number, None).unwrap_err().contains("point"));
        assert!(parse("inf", Kind::Number, None).unwrap_err().contains("finite"));
        assert_eq!(parse("Yes", Kind::Flag, None), Ok(Some(Cell::Flag(true))));
        assert!(parse("maybe", Kind::Flag, None).is_err());
        assert!(parse("-1", Kind::Number, known("concentration_uM")).unwrap_err().contains("negative"));
        assert!(parse("0", Kind::Number, known("pixel_size_um")).unwrap_err().contains("more than zero"));
        assert_eq!(
            parse("Negative ", Kind::Text, known("control")),
            Ok(Some(Cell::Text("negative".to_owned())))
        );
        assert!(parse("maybe", Kind::Text, known("control")).unwrap_err().contains("negative, positive"));
    }

    #[test]
    fn a_number_reads_back_as_itself() {
        assert_eq!(format_number(0.00781), "0.00781", "as it was typed");
        for value in [0.0, -0.5, 0.1 + 0.2, 1e-9, 6.02e23, f64::MAX, f64::MIN_POSITIVE, 1e15, 99_999.5] {
            assert_eq!(format_number(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}

//! A source's cells become values of the column that they are mapped to.

use super::super::cells::{Cell, Cells, parse};
use super::super::columns::{Check, Kind, Standard, known};
use super::super::table::split_list;
use super::super::wells::Well;
use super::mapping::{MappedColumn, Target};
use super::report::BadCell;
use super::source::Source;
use super::synonyms::{is_missing, is_missing_value, word};
use super::units::{Unit, quantity};

/// A column in the form that it has in a table.
pub(super) struct Converted {
    pub target: Target,
    pub name: String,
    pub cells: Cells,
    /// Cells that are no values; they were left empty.
    pub bad: Vec<BadCell>,
}

/// Converts a mapped column; `None` for one that is left out.
pub(super) fn convert(source: &Source, column: usize, mapped: &MappedColumn) -> Option<Converted> {
    let (name, kind, standard) = match mapped.target {
        Target::Skip | Target::Feature => return None,
        Target::Standard(name) => {
            let standard = known(name)?;
            (name.to_owned(), standard.kind, Some(standard))
        }
        Target::Free(kind) => (mapped.source.clone(), kind, None),
    };
    let mut cells = Cells::empty(kind, source.len());
    let mut bad = Vec::new();
    for (row, text) in source.cells(column).enumerate() {
        match value(text, kind, standard, mapped) {
            Ok(None) => {}
            Ok(cell) => cells.put(row, cell),
            Err(why) => bad.push(BadCell {
                row,
                place: source.place(row),
                column: mapped.source.clone(),
                value: text.chars().take(200).collect(),
                why,
            }),
        }
    }
    Some(Converted { target: mapped.target, name, cells, bad })
}

fn value(
    text: &str,
    kind: Kind,
    standard: Option<&Standard>,
    mapped: &MappedColumn,
) -> Result<Option<Cell>, String> {
    let trimmed = text.trim();
    if is_missing(trimmed) {
        return Ok(None);
    }
    // What a spreadsheet could not compute is no value of any column.
    if trimmed.starts_with('#') && trimmed.ends_with(['!', '?']) && trimmed.len() < 10 {
        return Err("the spreadsheet could not compute it".to_owned());
    }
    let Some(standard) = standard else {
        let missing = kind != Kind::Text && is_missing_value(trimmed);
        return if missing { Ok(None) } else { parse(&number_text(text, kind, mapped)?, kind, None) };
    };
    let vocabulary = matches!(standard.check, Check::OneOf(_));
    if (kind != Kind::Text || vocabulary) && is_missing_value(trimmed) {
        return Ok(None);
    }
    match (standard.name, kind) {
        ("well", _) => well(trimmed).map(|well| Some(Cell::Text(well.to_string()))),
        // A class of everything unknown would match itself.
        ("moa", _) if is_missing_value(trimmed) || trimmed.eq_ignore_ascii_case("unknown") => Ok(None),
        ("moa", _) => {
            let parts = trimmed.replace('|', ";");
            parse(&split_list(&parts).collect::<Vec<_>>().join(";"), kind, Some(standard))
        }
        // A manifest written on Windows.
        ("path", _) if trimmed.contains('\\') && !trimmed.contains('/') => {
            Ok(Some(Cell::Text(trimmed.replace('\\', "/"))))
        }
        (name, _) if vocabulary => match word(name, trimmed) {
            Some("") => Ok(None),
            Some(word) => Ok(Some(Cell::Text(word.to_owned()))),
            None => parse(trimmed, kind, Some(standard)),
        },
        (_, Kind::Number) => number(trimmed, standard, mapped),
        (_, Kind::Integer) => parse(&number_text(trimmed, kind, mapped)?, kind, Some(standard)),
        _ => parse(trimmed, kind, Some(standard)),
    }
}

/// A well; spreadsheets turn names such as 1-D into dates.
fn well(text: &str) -> Result<Well, String> {
    Well::parse(text).ok_or_else(|| {
        if is_date(text) {
            "it is a date: the spreadsheet changed the well's name; format the column as text and type it again"
                .to_owned()
        } else {
            "it is no well such as B07; keep the column as a free one if it names other places".to_owned()
        }
    })
}

/// `2024-12-01`, `1-Dec`, `Dec-24`, `01.12.2024`.
fn is_date(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let day = text.split(['T', ' ']).next().unwrap_or(text);
    let parts: Vec<String> = day.split(['-', '.', '/']).map(str::to_lowercase).collect();
    let number =
        |part: &String| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let month = |part: &String| part.get(..3).is_some_and(|part| MONTHS.contains(&part));
    match parts.as_slice() {
        [a, b] => (number(a) && month(b)) || (month(a) && number(b)),
        [a, b, c] => number(a) && (number(b) || month(b)) && number(c),
        _ => false,
    }
}

/// A number in the column's unit or in the one that the cell itself names: `10 nM`.
fn number(text: &str, standard: &Standard, mapped: &MappedColumn) -> Result<Option<Cell>, String> {
    if text.starts_with(['<', '>', '~', '≤', '≥', '≈']) {
        return Err("it is a bound, not a value".to_owned());
    }
    if text.ends_with('%') {
        return Err("it is a percentage, not an amount".to_owned());
    }
    if is_date(text) {
        return Err("it is a date: the spreadsheet changed it".to_owned());
    }
    let (digits, unit) = match quantity(standard.name) {
        Some(quantity) => {
            let end = text.trim_end_matches(|c: char| c.is_alphabetic() || c == 'µ' || c == '/').len();
            match Unit::of(quantity, &text[end..]) {
                Some(unit) => (text[..end].trim_end(), Some(unit)),
                None => (text, mapped.unit),
            }
        }
        None => (text, None),
    };
    let digits = number_text(digits, Kind::Number, mapped)?;
    let value = match parse(&digits, Kind::Number, None)? {
        Some(Cell::Number(value)) => unit.map_or(value, |unit| unit.convert(value)),
        _ => return Ok(None),
    };
    super::super::cells::check(Cell::Number(value), Some(standard)).map(Some)
}

/// Text of a number with its decimal sign as a point.
fn number_text(text: &str, kind: Kind, mapped: &MappedColumn) -> Result<String, String> {
    if !matches!(kind, Kind::Integer | Kind::Number) || !text.contains(',') {
        return Ok(text.to_owned());
    }
    if mapped.decimal_comma && !text.contains('.') {
        return Ok(text.replacen(',', ".", 1));
    }
    Err("its comma can be a decimal sign or separate thousands; write a point, or no separator".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        text: &str,
        column: &'static str,
        unit: Option<&str>,
        decimal_comma: bool,
    ) -> Result<String, String> {
        let standard = known(column).unwrap();
        let unit = unit.map(|unit| Unit::of(quantity(column).unwrap(), unit).unwrap());
        let mapped = MappedColumn {
            source: "c".to_owned(),
            target: Target::Standard(standard.name),
            unit,
            decimal_comma,
            reason: String::new(),
        };
        value(text, standard.kind, Some(standard), &mapped).map(|cell| match cell {
            None => String::new(),
            Some(Cell::Text(text)) => text,
            Some(Cell::Integer(value)) => value.to_string(),
            Some(Cell::Number(value)) => value.to_string(),
            Some(Cell::Flag(value)) => value.to_string(),
        })
    }

    #[test]
    fn doses_are_converted_and_what_is_no_dose_says_why() {
        let dose = |text: &str, unit| read(text, "concentration_uM", unit, false);
        assert_eq!(dose("500", Some("nM")).unwrap(), "0.5");
        assert_eq!(dose("10 nM", None).unwrap(), "0.01");
        assert_eq!(dose("10nM", Some("mM")).unwrap(), "0.01", "the cell's own unit wins");
        assert_eq!(dose("2.5µM", None).unwrap(), "2.5");
        assert_eq!(dose("1e-5 M", None).unwrap(), "10");
        assert_eq!(dose("1e-5", Some("M")).unwrap(), "10");
        assert_eq!(dose("NA", None).unwrap(), "");
        for (text, why) in [
            ("<0.1", "bound"),
            ("10%", "percentage"),
            ("1,000", "thousands"),
            ("2024-12-01", "date"),
            ("5 mg/ml", "not a number"),
            ("-1", "negative"),
            ("#DIV/0!", "could not compute"),
        ] {
            assert!(dose(text, None).unwrap_err().contains(why), "{text}");
        }
        assert_eq!(read("0,5", "concentration_uM", Some("nM"), true).unwrap(), "0.0005");
        assert!(read("1.000,5", "concentration_uM", None, true).is_err());
    }

    #[test]
    fn wells_paths_words_and_lists_are_brought_to_one_form() {
        assert_eq!(read("b7", "well", None, false).unwrap(), "B07");
        for date in ["1-Dec", "2024-12-01", "Dec-24", "2024-12-01T10:00:00", "01.12.2024"] {
            assert!(read(date, "well", None, false).unwrap_err().contains("date"), "{date}");
        }
        assert!(read("dish 3", "well", None, false).unwrap_err().contains("free"));
        assert_eq!(read("a\\b c\\d.tif", "path", None, false).unwrap(), "a/b c/d.tif");
        assert_eq!(read("a|b; c", "moa", None, false).unwrap(), "a;b;c");
        assert_eq!(read("Unknown", "moa", None, false).unwrap(), "");
        assert_eq!(read("negcon", "control", None, false).unwrap(), "negative");
        assert_eq!(read("trt", "control", None, false).unwrap(), "");
        assert_eq!(read("Training", "split", None, false).unwrap(), "train");
        assert!(read("test", "split", None, false).unwrap_err().contains("query"));
        assert_eq!(read("None", "compound", None, false).unwrap(), "None", "a name");
        assert_eq!(read("3.0", "series", None, false).unwrap(), "3");
    }
}

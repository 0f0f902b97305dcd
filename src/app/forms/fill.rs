//! A column of cells that is filled at once: one value, a dose series, or numbers.

/// What goes into the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fill {
    /// The same value into all.
    #[default]
    Down,
    /// Doses, each a part of the one before.
    Doses,
    /// Numbers that count up, as of replicates and plates.
    Numbers,
}

impl Fill {
    /// All, in the order of choosers.
    pub const ALL: [Self; 3] = [Self::Down, Self::Doses, Self::Numbers];

    /// Name in choosers.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Down => "One value",
            Self::Doses => "Dose series",
            Self::Numbers => "Numbers",
        }
    }

    /// What a column is most likely filled with.
    pub fn of_column(column: &str) -> Self {
        match column {
            "concentration_uM" => Self::Doses,
            "replicate" | "plate" | "site" | "cell" => Self::Numbers,
            _ => Self::Down,
        }
    }
}

/// What is asked before cells are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillForm {
    /// Column.
    pub column: String,
    /// What goes into it.
    pub fill: Fill,
    /// The one value.
    pub value: String,
    /// First dose, in the column's unit.
    pub first: String,
    /// By how much each dose is divided for the next.
    pub factor: String,
    /// Text before each number.
    pub prefix: String,
    /// First number.
    pub start: u64,
    /// Rows in a line that get the same dose or number.
    pub each: usize,
    /// Doses or numbers before they begin again; 0: never.
    pub of: usize,
}

impl FillForm {
    /// The form of a column; `value`: what its first cell has.
    pub fn new(column: String, value: String) -> Self {
        let fill = Fill::of_column(&column);
        let first = if fill == Fill::Doses && !value.is_empty() { value.clone() } else { "10".to_owned() };
        Self {
            column,
            fill,
            value,
            first,
            factor: "3".to_owned(),
            prefix: String::new(),
            start: 1,
            each: 1,
            of: 0,
        }
    }

    /// Which dose or number a cell gets, from 0.
    fn step(&self, cell: usize) -> usize {
        let step = cell / self.each.max(1);
        if self.of > 0 { step % self.of } else { step }
    }

    /// Why the doses of so many cells do not stay numbers above 0; `None` where they do. It takes no longer for many cells.
    pub fn vanishes(&self, count: usize) -> Option<String> {
        let (Fill::Doses, Some(last)) = (self.fill, count.checked_sub(1)) else { return None };
        let first = positive(&self.first, "The first dose").ok()?;
        let factor = positive(&self.factor, "The factor").ok()?;
        let most = if self.of > 0 { (self.of - 1).min(last / self.each.max(1)) } else { self.step(last) };
        let end = first / factor.powf(most as f64);
        let is_usable = end.is_finite() && end >= f64::MIN_POSITIVE;
        (!is_usable).then(|| {
            let steps = most + 1;
            format!(
                "{steps} doses in a row are too many for a number: let them begin again, or fill fewer rows"
            )
        })
    }

    /// Texts of so many cells, from the first.
    ///
    /// # Errors
    /// Which field holds no usable number.
    pub fn cells(&self, count: usize) -> Result<Vec<String>, String> {
        if let Some(why) = self.vanishes(count) {
            return Err(why);
        }
        match self.fill {
            Fill::Down => Ok(vec![self.value.trim().to_owned(); count]),
            Fill::Doses => {
                let first = positive(&self.first, "The first dose")?;
                let factor = positive(&self.factor, "The factor")?;
                Ok((0..count).map(|cell| six_digits(first / factor.powf(self.step(cell) as f64))).collect())
            }
            Fill::Numbers => {
                let number = |cell: usize| self.start.saturating_add(self.step(cell) as u64);
                Ok((0..count).map(|cell| format!("{}{}", self.prefix, number(cell))).collect())
            }
        }
    }
}

fn positive(text: &str, what: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{what} must be a number above 0; write the decimal sign as a point"))
}

/// A number in at most six significant digits, without zeros that say nothing.
fn six_digits(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    format!("{rounded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(column: &str) -> FillForm {
        FillForm::new(column.to_owned(), String::new())
    }

    #[test]
    fn a_dose_series_divides_by_its_factor_and_begins_again() {
        let series = FillForm { first: "1".into(), factor: "2".into(), of: 8, ..form("concentration_uM") };
        assert_eq!(series.fill, Fill::Doses);
        let doses = series.cells(9).unwrap();
        assert_eq!((doses[0].as_str(), doses[7].as_str(), doses[8].as_str()), ("1", "0.0078125", "1"));
        let thirds = FillForm { each: 2, ..form("concentration_uM") };
        assert_eq!(thirds.cells(5).unwrap(), ["10", "10", "3.33333", "3.33333", "1.11111"]);
        let wrong = FillForm { factor: "0".into(), ..series };
        assert!(wrong.cells(2).unwrap_err().starts_with("The factor"));
        // A dose of 0 would be another treatment.
        let long = FillForm { of: 0, factor: "10".into(), ..wrong };
        assert!(long.cells(300).is_ok());
        assert!(long.cells(400).unwrap_err().contains("too many"));
        let again = FillForm { of: 8, ..long };
        assert!(again.cells(400).is_ok());
    }

    #[test]
    fn numbers_count_with_their_prefix_and_one_value_goes_into_all() {
        let plates = FillForm { prefix: "P".into(), start: 9, each: 2, ..form("plate") };
        assert_eq!(plates.cells(4).unwrap(), ["P9", "P9", "P10", "P10"]);
        let replicates = FillForm { of: 3, ..form("replicate") };
        assert_eq!(replicates.cells(4).unwrap(), ["1", "2", "3", "1"]);
        let note = FillForm { value: " seen ".into(), ..form("note") };
        assert_eq!(note.cells(2).unwrap(), ["seen", "seen"]);
        assert!(note.cells(0).unwrap().is_empty());
    }

    #[test]
    fn what_is_typed_is_what_is_filled() {
        assert_eq!(six_digits(0.00781), "0.00781");
        assert_eq!(six_digits(0.1 + 0.2), "0.3");
        assert_eq!(six_digits(123_456.7), "123457");
    }
}

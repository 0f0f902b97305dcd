//! Colours for the values of a column, with their legend: safe for colour-blind readers.

use std::collections::HashMap;

use eframe::egui::Color32;

use crate::experiment::{Kind, Table};
use crate::video::lut::{self, Lut, LutName};

/// Okabe and Ito's colours (2008) without black and white, which are the backgrounds here.
pub const COLORS: [Color32; 7] = [
    Color32::from_rgb(230, 159, 0),
    Color32::from_rgb(86, 180, 233),
    Color32::from_rgb(0, 158, 115),
    Color32::from_rgb(204, 121, 167),
    Color32::from_rgb(213, 94, 0),
    Color32::from_rgb(0, 114, 178),
    Color32::from_rgb(240, 228, 66),
];

/// Values without a colour of their own, and rows without a value.
const OTHER: Color32 = Color32::from_gray(128);

/// Seven colours stay apart; more values get a sign on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Colour alone.
    None,
    /// A dot in the middle.
    Dot,
    /// A bar across.
    Bar,
    /// A cross.
    Cross,
}

const MARKS: [Mark; 4] = [Mark::None, Mark::Dot, Mark::Bar, Mark::Cross];

/// How a value looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swatch {
    /// Fill.
    pub color: Color32,
    /// Sign on the fill.
    pub mark: Mark,
}

const UNKNOWN: Swatch = Swatch { color: OTHER, mark: Mark::None };

/// What the colours mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Legend {
    /// Value, look and number of rows, most frequent first; then rows of values without a look, and without a value.
    Values(Vec<(String, Swatch, usize)>, usize, usize),
    /// From, to (in the column's unit), logarithmic, unit; then rows without a value.
    Range(f64, f64, bool, Option<String>, usize),
}

/// Colours of all rows by one column.
#[derive(Debug, Clone)]
pub struct Scale {
    /// The column.
    pub column: String,
    /// Look of each row.
    pub rows: Vec<Swatch>,
    /// What it means.
    pub legend: Legend,
    /// Number of each row, where the column has numbers.
    pub numbers: Option<Vec<Option<f64>>>,
    lut: Lut,
}

impl Scale {
    /// Colours the rows of a table; excluded rows do not stretch the range.
    pub fn new(table: &Table, column: &str) -> Self {
        let info = table.column(column);
        let numeric = info.as_ref().is_some_and(|c| matches!(c.kind, Kind::Number | Kind::Integer));
        let lut = lut::table(&LutName::Viridis, None).unwrap_or_default();
        let numbers: Option<Vec<Option<f64>>> =
            numeric.then(|| (0..table.len()).map(|row| table.number(row, column)).collect());
        let mut scale = Self {
            column: column.to_owned(),
            rows: Vec::new(),
            legend: Legend::Values(Vec::new(), 0, 0),
            numbers: None,
            lut,
        };
        match numbers {
            // Few different numbers (replicates, doses of one screen) are still numbers: their order means something.
            Some(numbers) => scale.color_numbers(table, &numbers, info.and_then(|c| c.unit)),
            None => scale.color_values(table, column),
        }
        scale
    }

    fn color_numbers(&mut self, table: &Table, numbers: &[Option<f64>], unit: Option<String>) {
        let known = || {
            numbers
                .iter()
                .enumerate()
                .filter(|(row, _)| !table.is_excluded(*row))
                .filter_map(|(_, n)| n.filter(|n| n.is_finite()))
        };
        let min = known().fold(f64::INFINITY, f64::min);
        let max = known().fold(f64::NEG_INFINITY, f64::max);
        // A dose of nothing has no logarithm: among doses it gets the colour of the lowest one.
        let is_dose = unit.as_deref().is_some_and(|unit| ["pM", "nM", "µM", "mM"].contains(&unit));
        let lowest = known().filter(|n| *n > 0.0).fold(f64::INFINITY, f64::min);
        let min = if is_dose && min == 0.0 && max / lowest > 50.0 { lowest } else { min };
        let log = min > 0.0 && max / min > 50.0;
        let missing = numbers.len() - numbers.iter().flatten().count();
        self.legend = Legend::Range(min, max, log, unit, missing);
        self.rows = numbers.iter().map(|n| n.map_or(UNKNOWN, |n| self.of_number(n))).collect();
        self.numbers = Some(numbers.to_vec());
    }

    fn color_values(&mut self, table: &Table, column: &str) {
        let texts: Vec<String> = (0..table.len()).map(|row| table.text(row, column)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for text in texts.iter().filter(|t| !t.is_empty()) {
            *counts.entry(text).or_default() += 1;
        }
        let mut values: Vec<(&str, usize)> = counts.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| natord::compare(a.0, b.0)));
        let looks: HashMap<&str, Swatch> = values
            .iter()
            .take(COLORS.len() * MARKS.len())
            .enumerate()
            .map(|(i, (value, _))| {
                (*value, Swatch { color: COLORS[i % COLORS.len()], mark: MARKS[i / COLORS.len()] })
            })
            .collect();
        let listed = values
            .iter()
            .filter_map(|(value, count)| Some(((*value).to_owned(), *looks.get(value)?, *count)))
            .collect();
        let other = values.iter().skip(looks.len()).map(|(_, count)| count).sum();
        let missing = texts.iter().filter(|t| t.is_empty()).count();
        self.rows = texts.iter().map(|t| looks.get(t.as_str()).copied().unwrap_or(UNKNOWN)).collect();
        self.legend = Legend::Values(listed, other, missing);
    }

    /// Look of a number, such as the mean of a well.
    pub fn of_number(&self, number: f64) -> Swatch {
        let Legend::Range(min, max, log, ..) = self.legend else { return UNKNOWN };
        let share = match (log, max > min) {
            (_, false) => 0.5,
            (true, true) => (number / min).ln() / (max / min).ln(),
            (false, true) => (number - min) / (max - min),
        };
        Swatch { color: self.at(share as f32), mark: Mark::None }
    }

    /// Colour at a share of the range, for the legend's bar.
    pub fn at(&self, share: f32) -> Color32 {
        let index = (share.clamp(0.0, 1.0) * 255.0).round() as usize;
        self.lut.get(index).map_or(OTHER, |[r, g, b]| Color32::from_rgb(*r, *g, *b))
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    #[test]
    fn doses_over_decades_are_coloured_by_their_logarithm_and_none_is_as_the_lowest() {
        let doses = [Some(0.0), Some(0.01), Some(1.0), Some(100.0), None];
        let frame = df!(
            "row_id" => ["a", "b", "c", "d", "e"],
            "concentration_uM" => doses,
            "count" => [Some(0.0), Some(0.01), Some(1.0), Some(100.0), None],
        );
        let table = Table::from_frame(frame.unwrap()).unwrap();
        let scale = Scale::new(&table, "concentration_uM");
        assert_eq!(scale.legend, Legend::Range(0.01, 100.0, true, Some("µM".into()), 1));
        assert_eq!(scale.rows[0], scale.rows[1]);
        assert_eq!(scale.rows[2].color, scale.at(0.5));
        assert_eq!(scale.rows[3].color, scale.at(1.0));
        assert_eq!(scale.rows[4], UNKNOWN);
        let count = Scale::new(&table, "count");
        assert_eq!(count.legend, Legend::Range(0.0, 100.0, false, None, 1), "no dose: zero is a number");
    }
}

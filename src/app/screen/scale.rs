//! Colours for the values of a column, with their legend: safe for colour-blind readers.

use std::collections::HashMap;
use std::sync::Arc;

use eframe::egui::Color32;

use crate::experiment::{Kind, Table};
use crate::export::figure;
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

/// Negative controls, wherever their role is what matters, as in figures: no colour of a value, and not the grey of none.
pub const NEGATIVE: Color32 = Color32::from_rgb(figure::CONTROL.0, figure::CONTROL.1, figure::CONTROL.2);
/// Positive controls.
pub const POSITIVE: Color32 = Color32::from_rgb(204, 102, 119);

/// Look of rows that are negative controls, where colours say what was done to rows.
pub const CONTROL: Swatch = Swatch { color: NEGATIVE, mark: Mark::None };

/// What a legend calls negative controls without a value.
pub const CONTROL_NAME: &str = "negative control";

/// Columns in which negative controls have their colour: those that say what was done.
const TREATMENTS: [&str; 3] = ["compound", "moa", "control"];

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
    /// Value, look and number of rows, controls first, then the most frequent; then rows of values without a look, and without
    /// a value.
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
        let mut scale = Self::empty(column, lut);
        match numbers {
            // Few different numbers (replicates, doses of one screen) are still numbers: their order means something.
            Some(numbers) => scale.color_numbers(table, &numbers, info.and_then(|c| c.unit)),
            None => scale.color_values(table, column),
        }
        scale
    }

    /// Colours rows by numbers that are no column; excluded rows do not stretch the range.
    pub fn of_numbers(table: &Table, name: &str, numbers: &[Option<f64>], unit: &str) -> Self {
        let mut scale = Self::empty(name, lut::table(&LutName::Viridis, None).unwrap_or_default());
        scale.color_numbers(table, numbers, Some(unit.to_owned()));
        scale
    }

    /// Colours rows by deviations, from blue over white at 0 to red, as far down as up. What lies further out than nearly all
    /// has the colour of the end.
    pub fn around_zero(table: &Table, name: &str, numbers: &[Option<f64>], unit: &str) -> Self {
        let included = numbers.iter().enumerate().filter(|(row, _)| !table.is_excluded(*row));
        let mut far: Vec<f64> =
            included.filter_map(|(_, n)| n.filter(|n| n.is_finite()).map(f64::abs)).collect();
        far.sort_unstable_by(f64::total_cmp);
        let end = far.get((far.len() * NEARLY_ALL / 100).min(far.len().saturating_sub(1)));
        let end = end.map_or(LEAST, |end| end.max(LEAST));
        let mut scale = Self::empty(name, Arc::new(diverging()));
        let missing = numbers.len() - numbers.iter().flatten().count();
        scale.legend = Legend::Range(-end, end, false, Some(unit.to_owned()), missing);
        scale.rows = numbers.iter().map(|n| n.map_or(UNKNOWN, |n| scale.of_number(n))).collect();
        scale.numbers = Some(numbers.to_vec());
        scale
    }

    fn empty(name: &str, lut: Lut) -> Self {
        let legend = Legend::Values(Vec::new(), 0, 0);
        Self { column: name.to_owned(), rows: Vec::new(), legend, numbers: None, lut }
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
        let is_treatment = TREATMENTS.contains(&column);
        let is_control = |row: usize| is_treatment && table.text(row, "control") == "negative";
        let mut texts: Vec<String> = (0..table.len()).map(|row| table.text(row, column)).collect();
        let controls: Vec<bool> = (0..table.len()).map(is_control).collect();
        for (text, is_control) in texts.iter_mut().zip(&controls) {
            if text.is_empty() && *is_control {
                CONTROL_NAME.clone_into(text);
            }
        }
        // Rows, and controls among them.
        let mut counts: HashMap<&str, [usize; 2]> = HashMap::new();
        for (text, is_control) in texts.iter().zip(&controls).filter(|(text, _)| !text.is_empty()) {
            let [all, of_controls] = counts.entry(text).or_default();
            *all += 1;
            *of_controls += usize::from(*is_control);
        }
        let by_count =
            |a: &(&str, usize), b: &(&str, usize)| b.1.cmp(&a.1).then_with(|| natord::compare(a.0, b.0));
        let (mut own, mut values) = (Vec::new(), Vec::new());
        for (text, [all, of_controls]) in counts {
            // What a treatment has too is no sign of a control.
            if all == of_controls { own.push((text, all)) } else { values.push((text, all)) }
        }
        own.sort_by(by_count);
        values.sort_by(by_count);
        let own_looks = own.iter().map(|(value, _)| (*value, CONTROL));
        let class_looks =
            values.iter().take(COLORS.len() * MARKS.len()).enumerate().map(|(i, (value, _))| {
                (*value, Swatch { color: COLORS[i % COLORS.len()], mark: MARKS[i / COLORS.len()] })
            });
        let looks: HashMap<&str, Swatch> = own_looks.chain(class_looks).collect();
        // Several names of controls have one look, and one line.
        let own_line = own.first().map(|(value, _)| {
            let count: usize = own.iter().map(|(_, count)| count).sum();
            ((*value).to_owned(), CONTROL, count)
        });
        let lines = values
            .iter()
            .filter_map(|(value, count)| Some(((*value).to_owned(), *looks.get(value)?, *count)));
        let listed = own_line.into_iter().chain(lines).collect();
        let other =
            values.iter().filter(|(value, _)| !looks.contains_key(*value)).map(|(_, count)| count).sum();
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

/// Deviations that a scale reaches at least.
const LEAST: f64 = 3.0;

/// Share of the rows, percent, that lie within a scale of deviations.
const NEARLY_ALL: usize = 98;

/// Blue, white, red: `ColorBrewer`'s `RdBu`, which colour-blind readers can tell apart.
fn diverging() -> Vec<[u8; 3]> {
    const ENDS: [[f32; 3]; 5] = [
        [5.0, 48.0, 97.0],
        [67.0, 147.0, 195.0],
        [247.0, 247.0, 247.0],
        [214.0, 96.0, 77.0],
        [103.0, 0.0, 31.0],
    ];
    let color = |index: u16| -> [u8; 3] {
        let at = f32::from(index) / 255.0 * (ENDS.len() - 1) as f32;
        let from = (at as usize).min(ENDS.len() - 2);
        let share = at - from as f32;
        let (from, to) = (ENDS[from], ENDS[from + 1]);
        std::array::from_fn(|channel| (from[channel] + share * (to[channel] - from[channel])).round() as u8)
    };
    (0..256).map(color).collect()
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

    #[test]
    fn deviations_are_coloured_as_far_down_as_up_and_one_far_row_does_not_stretch_them() {
        let ids: Vec<String> = (0..101).map(|row| row.to_string()).collect();
        let table = Table::from_frame(df!("row_id" => ids).unwrap()).unwrap();
        let mut numbers: Vec<Option<f64>> = (0..101).map(|row| Some(f64::from(row) / 10.0 - 5.0)).collect();
        (numbers[100], numbers[1]) = (Some(900.0), None);
        let scale = Scale::around_zero(&table, "a", &numbers, "robust z");
        let Legend::Range(low, high, false, unit, 1) = &scale.legend else { panic!("{:?}", scale.legend) };
        assert_eq!((-low, unit.as_deref()), (*high, Some("robust z")));
        assert!((4.0..6.0).contains(high), "{high}");
        assert_eq!(scale.rows[100].color, scale.at(1.0));
        assert_eq!(scale.rows[1], UNKNOWN);
        assert_eq!(scale.rows[50].color, scale.at(0.5));
        let [down, up] = [0.0, 1.0].map(|share| scale.at(share));
        assert!(down.b() > down.r() && up.r() > up.b(), "blue below, red above");
        let none = Scale::around_zero(&table, "a", &[None; 101], "robust z");
        assert_eq!(none.legend, Legend::Range(-3.0, 3.0, false, Some("robust z".into()), 101));
    }

    #[test]
    fn controls_have_a_colour_of_their_own_that_is_not_that_of_missing_values() {
        let frame = df!(
            "row_id" => ["a", "b", "c", "d", "e"],
            "compound" => ["DMSO", "DMSO", "x", "y", "y"],
            "moa" => [None, None, Some("one"), None, Some("one")],
            "plate" => ["p"; 5],
            "control" => [Some("negative"), Some("negative"), None, None, None],
        );
        let table = Table::from_frame(frame.unwrap()).unwrap();
        let moa = Scale::new(&table, "moa");
        let first = Swatch { color: COLORS[0], mark: Mark::None };
        assert_eq!(moa.rows, [CONTROL, CONTROL, first, UNKNOWN, first]);
        let lines = |values: &[(&str, Swatch, usize)]| {
            values.iter().map(|(value, look, count)| ((*value).to_owned(), *look, *count)).collect::<Vec<_>>()
        };
        let seen = lines(&[(CONTROL_NAME, CONTROL, 2), ("one", first, 2)]);
        assert_eq!(moa.legend, Legend::Values(seen, 0, 1));
        let compound = Scale::new(&table, "compound");
        let second = Swatch { color: COLORS[1], mark: Mark::None };
        let seen = lines(&[("DMSO", CONTROL, 2), ("y", first, 2), ("x", second, 1)]);
        assert_eq!(compound.legend, Legend::Values(seen, 0, 0));
        assert_eq!(Scale::new(&table, "plate").rows, [first; 5], "a plate is no treatment");
        assert!(!COLORS.contains(&CONTROL.color) && CONTROL != UNKNOWN);
    }
}

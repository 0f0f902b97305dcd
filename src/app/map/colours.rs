//! How the points of a map look: colours by a column, with what they mean; grey for what is not selected.

use eframe::egui::Color32;

use super::grouping::Grouping;
use crate::app::screen::scale::{Legend, Mark, Scale, Swatch};
use crate::app::screen::selection::Selection;
use crate::experiment::Table;
use crate::gpu::points::{Layer, Looks, PointLook};

/// From this radius on, points of the screen, the signs that tell more than seven values apart can be seen.
pub const SIGNS_FROM: f32 = 3.5;

/// What a point has in the column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A colour of the legend.
    Known(Swatch),
    /// A value without a colour, or several.
    Other,
    /// None.
    Missing,
}

/// Colours of all points, and what they mean.
#[derive(Debug, Default)]
pub struct Colours {
    /// By point.
    pub points: Vec<Value>,
    /// Value, look and number of points; none for a column of numbers.
    pub entries: Vec<(String, Swatch, usize)>,
    /// Points with other values.
    pub other: usize,
    /// Points without a value.
    pub missing: usize,
}

impl Colours {
    /// Colours of points whose rows have colours; without signs only the most frequent values have one.
    pub fn new(table: &Table, scale: &Scale, grouping: &Grouping, signs: bool) -> Self {
        let values = table.values(&scale.column);
        let is_empty = |row: u32| values.as_ref().is_none_or(|v| v.text(row as usize).is_empty());
        let listed: &[(String, Swatch, usize)] = match &scale.legend {
            Legend::Values(values, ..) => values,
            Legend::Range(..) => &[],
        };
        let plain = listed.iter().take_while(|(_, look, _)| look.mark == Mark::None).count();
        let colored = if signs { listed.len() } else { plain };
        let of_row = |row: u32| {
            let swatch = scale.rows.get(row as usize).copied();
            match (swatch.filter(|s| listed.iter().any(|(_, look, _)| look == s)), is_empty(row)) {
                (Some(swatch), _) => Value::Known(swatch),
                (None, true) => Value::Missing,
                (None, false) => Value::Other,
            }
        };
        let of_point = |point: usize| {
            let rows = grouping.rows_of(point);
            if let Some(numbers) = &scale.numbers {
                let known: Vec<f64> =
                    rows.iter().filter_map(|&row| numbers.get(row as usize).copied().flatten()).collect();
                let mean = known.iter().sum::<f64>() / known.len() as f64;
                return if known.is_empty() { Value::Missing } else { Value::Known(scale.of_number(mean)) };
            }
            let mut all = rows.iter().map(|&row| of_row(row));
            let first = all.next().unwrap_or(Value::Missing);
            if all.all(|value| value == first) { first } else { Value::Other }
        };
        let hidden = |value| match value {
            Value::Known(swatch) if listed[colored..].iter().any(|(_, look, _)| *look == swatch) => {
                Value::Other
            }
            value => value,
        };
        let mut colours =
            Self { points: (0..grouping.len()).map(|p| hidden(of_point(p))).collect(), ..Self::default() };
        let count = |wanted: Value| colours.points.iter().filter(|value| **value == wanted).count();
        colours.other = count(Value::Other);
        colours.missing = count(Value::Missing);
        colours.entries = listed[..colored]
            .iter()
            .map(|(value, look, _)| (value.clone(), *look, count(Value::Known(*look))))
            .filter(|(.., points)| *points > 0)
            .collect();
        colours
    }

    /// Points that stand for an entry of the legend.
    pub fn points_with(&self, wanted: Value) -> impl Iterator<Item = usize> + '_ {
        self.points.iter().enumerate().filter(move |(_, value)| **value == wanted).map(|(point, _)| point)
    }
}

/// Greys that can be told from the ground and from colours.
pub const fn grey(dark: bool) -> Color32 {
    if dark { Color32::from_gray(92) } else { Color32::from_gray(184) }
}

/// What is drawn now.
#[derive(Debug, Default)]
pub struct Painted {
    /// Looks of the points.
    pub looks: std::sync::Arc<Looks>,
    /// Points that the filters let through.
    pub shown: Vec<bool>,
    /// How many of them are selected.
    pub selected: usize,
}

impl Painted {
    /// Puts together what is drawn. `rows`: those that the filters let through.
    pub fn new(
        colours: &Colours,
        grouping: &Grouping,
        selection: &Selection,
        rows: &[u32],
        dark: bool,
    ) -> Self {
        let size = rows.iter().copied().chain(selection.rows()).max().map_or(0, |row| row as usize + 1);
        let (mut passes, mut chosen) = (vec![false; size], vec![false; size]);
        for &row in rows {
            passes[row as usize] = true;
        }
        for row in selection.rows() {
            chosen[row as usize] = true;
        }
        let any = |point: usize, among: &[bool]| {
            grouping.rows_of(point).iter().any(|&row| among.get(row as usize).copied().unwrap_or(false))
        };
        let shown: Vec<bool> = (0..grouping.len()).map(|point| any(point, &passes)).collect();
        let selected: Vec<bool> =
            (0..grouping.len()).map(|point| shown[point] && any(point, &chosen)).collect();
        let count = selected.iter().filter(|s| **s).count();
        // One point alone is the video that plays: it stands out without taking the others' colours away.
        let greys = count > 1;
        let [red, green, blue, _] = grey(dark).to_array();
        let looks = colours.points.iter().enumerate().map(|(point, value)| {
            let (color, mark) = match value {
                Value::Known(Swatch { color, mark }) if selected[point] || !greys => {
                    let [red, green, blue, _] = color.to_array();
                    ([red, green, blue], *mark)
                }
                _ => ([red, green, blue], Mark::None),
            };
            let mark = match mark {
                Mark::None => 0,
                Mark::Dot => 1,
                Mark::Bar => 2,
                Mark::Cross => 3,
            };
            let layer = match value {
                _ if !shown[point] => Layer::Hidden,
                _ if selected[point] => Layer::Selected,
                Value::Known(_) if !greys => Layer::Middle,
                _ => Layer::Below,
            };
            PointLook { color, mark, hollow: *value == Value::Missing, layer }
        });
        Self { looks: std::sync::Arc::new(Looks::new(looks)), shown, selected: count }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::app::map::grouping::Unit;
    use crate::app::screen::selection::Gesture;
    use crate::experiment::EmbeddingTable;

    /// Nine mechanisms, the first twice, then a row without one.
    fn screen() -> (Table, EmbeddingTable) {
        let moas: Vec<Option<String>> =
            (0..11).map(|i: usize| (i < 10).then(|| format!("m{}", i.saturating_sub(1)))).collect();
        let ids: Vec<String> = (0..11).map(|i| format!("r{i}")).collect();
        let frame = df!(
            "row_id" => &ids,
            "moa" => moas,
            "compound" => (0..11).map(|i| if i < 3 { "x".into() } else { format!("c{i}") }).collect::<Vec<_>>(),
            "concentration_uM" => (0..11).map(|i| (i > 0).then(|| 10.0_f64.powi(i - 5))).collect::<Vec<_>>(),
        );
        let values = vec![0.0; 11];
        let embedding = EmbeddingTable { row_ids: ids, dim: 1, values, ..EmbeddingTable::default() };
        (Table::from_frame(frame.unwrap()).unwrap(), embedding)
    }

    #[test]
    fn frequent_values_get_colours_and_the_rest_is_other() {
        let (table, embedding) = screen();
        let grouping = Grouping::new(&table, &embedding, Unit::Video);
        let scale = Scale::new(&table, "moa");
        let signs = Colours::new(&table, &scale, &grouping, true);
        assert_eq!(signs.entries.len(), 9);
        assert_eq!((signs.entries[0].0.as_str(), signs.entries[0].2), ("m0", 2));
        assert_eq!((signs.other, signs.missing), (0, 1));
        let plain = Colours::new(&table, &scale, &grouping, false);
        assert_eq!((plain.entries.len(), plain.other, plain.missing), (7, 2, 1));
        assert!(plain.entries.iter().all(|(_, look, _)| look.mark == Mark::None));
        assert_eq!(plain.points[10], Value::Missing);
        let first = Value::Known(plain.entries[0].1);
        assert_eq!(plain.points_with(first).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(plain.points_with(Value::Other).count(), 2);
    }

    #[test]
    fn a_compound_with_several_values_has_none_of_their_colours_and_the_mean_of_numbers() {
        let (table, embedding) = screen();
        let grouping = Grouping::new(&table, &embedding, Unit::Compound);
        let colours = Colours::new(&table, &Scale::new(&table, "moa"), &grouping, true);
        assert_eq!(colours.points[0], Value::Other, "m0, m0 and m1");
        let scale = Scale::new(&table, "concentration_uM");
        let colours = Colours::new(&table, &scale, &grouping, true);
        let mean = f64::midpoint(1e-4, 1e-3);
        assert_eq!(colours.points[0], Value::Known(scale.of_number(mean)), "what is known of it");
        assert!(colours.entries.is_empty());
    }

    #[test]
    fn what_is_not_selected_is_grey_and_below() {
        let (table, embedding) = screen();
        let grouping = Grouping::new(&table, &embedding, Unit::Video);
        let colours = Colours::new(&table, &Scale::new(&table, "moa"), &grouping, true);
        let rows: Vec<u32> = (0..10).collect();
        let mut selection = Selection::default();
        let painted =
            |selection: &Selection, rows: &[u32]| Painted::new(&colours, &grouping, selection, rows, true);
        let all = painted(&selection, &[0, 3, 10]);
        assert_eq!(all.looks.drawn(), 3, "what the filters hide is not drawn");
        assert_eq!(all.shown.iter().filter(|s| **s).count(), 3);
        let order = |painted: &Painted| painted.looks.order().collect::<Vec<_>>();
        assert_eq!(order(&all), [10, 0, 3], "without a value below");
        selection.take(&[2, 4, 10], Gesture::Replace);
        let some = painted(&selection, &rows);
        assert_eq!(some.selected, 2, "row 10 is hidden");
        assert_eq!(order(&some)[8..], [2, 4]);
        selection.take(&[3], Gesture::Replace);
        let one = painted(&selection, &rows);
        assert_eq!((one.selected, order(&one)[9]), (1, 3));
    }
}

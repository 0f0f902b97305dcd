//! Lines of the list of hits: compounds and treatments.

use std::cmp::Ordering;

use super::form::Column;
use crate::analysis::hits::{Compound, Hits, Treatment};
use crate::app::screen::dose_text;

/// A line of the list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Name of the compound.
    pub name: String,
    /// Its structure.
    pub smiles: Option<String>,
    /// Its dose, or doses, as words.
    pub doses: String,
    /// The dose, or the best one, µM.
    pub dose_um: Option<f64>,
    /// Wells with a score.
    pub n_wells: usize,
    /// After Benjamini & Hochberg.
    pub q: Option<f64>,
    /// Along the axis.
    pub on: Option<f64>,
    /// Off it.
    pub off: Option<f64>,
    /// See [`Compound::hit_score`].
    pub score: Option<f64>,
    /// Hedges' g; of treatments alone.
    pub g: Option<f64>,
    /// Cells, as part of those of the controls.
    pub cells: Option<f64>,
    /// Dose of the half response, µM.
    pub ec50_um: Option<f64>,
    /// The same with its interval, as words.
    pub ec50: String,
    /// What a reader should know.
    pub note: String,
    /// Its rows of the table.
    pub rows: Vec<u32>,
}

/// Places of entries that have all words, sorted.
pub(super) fn order(entries: &[Entry], words: &str, sort: Option<(Column, bool)>) -> Vec<usize> {
    let has = |entry: &Entry| {
        let text = entry.name.to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    };
    let mut order: Vec<usize> = (0..entries.len()).filter(|&place| has(&entries[place])).collect();
    // Without a column the best hit comes first, those without a score last.
    let (column, down) = sort.unwrap_or((Column::Score, true));
    let turned = |order: Ordering| if down { order.reverse() } else { order };
    order.sort_by(|&a, &b| {
        let (a, b) = (&entries[a], &entries[b]);
        if column == Column::Name {
            return turned(natord::compare(&a.name, &b.name));
        }
        match (column.number(a), column.number(b)) {
            (Some(a), Some(b)) => turned(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    });
    order
}

/// Three digits of a dose.
pub fn short_dose(dose_um: f64) -> String {
    if !(dose_um.is_finite() && dose_um > 0.0) {
        return dose_text(dose_um);
    }
    let unit = 10_f64.powi(dose_um.log10().floor() as i32 - 2);
    dose_text((dose_um / unit).round() * unit)
}

/// A compound, of its treatments.
pub(super) fn compound(hits: &Hits, of: &Compound, doses: &[&Treatment]) -> Entry {
    let mut known: Vec<f64> = doses.iter().filter_map(|of| of.dose_um).filter(|dose| *dose > 0.0).collect();
    known.sort_unstable_by(f64::total_cmp);
    let text = match known[..] {
        [] => "unknown".to_owned(),
        [one] => short_dose(one),
        [first, .., last] => format!("{}: {} to {}", known.len(), short_dose(first), short_dose(last)),
    };
    let end = |end: Option<f64>| end.map_or_else(|| "open".to_owned(), short_dose);
    let ec50 = of.ec50_um.map_or_else(String::new, |ec50| {
        format!("{} [{}, {}]", short_dose(ec50), end(of.ec50_lo), end(of.ec50_hi))
    });
    Entry {
        name: of.compound.clone(),
        smiles: of.smiles.clone(),
        doses: text,
        dose_um: of.hit_dose_um,
        n_wells: of.n_wells,
        q: of.q,
        on: of.on_score_max,
        off: of.off_score_max,
        score: of.hit_score,
        g: None,
        cells: doses.iter().filter_map(|of| of.cells).min_by(f64::total_cmp),
        ec50_um: of.ec50_um,
        ec50,
        note: of.note.clone().unwrap_or_default(),
        rows: rows_of(hits, doses.iter().flat_map(|of| of.wells.iter().copied())),
    }
}

/// A treatment, with the structure of its compound.
pub(super) fn treatment(hits: &Hits, of: &Treatment, smiles: Option<String>) -> Entry {
    Entry {
        name: of.compound.clone(),
        smiles,
        doses: of.dose_um.map_or_else(|| "unknown".to_owned(), short_dose),
        dose_um: of.dose_um,
        n_wells: of.n_wells,
        q: of.q,
        on: of.on_score,
        off: of.off_score,
        score: of.hit_score,
        g: of.g,
        cells: of.cells,
        ec50_um: None,
        ec50: String::new(),
        note: match (of.toxic, of.n_wells, of.q) {
            (true, ..) => "toxic: fewer than half of the cells are left".to_owned(),
            (false, 1, _) => "one well: nothing shows what repeats".to_owned(),
            (false, _, None) => "too few wells beside controls of the same plates for a q value".to_owned(),
            (false, _, Some(_)) => String::new(),
        },
        rows: rows_of(hits, of.wells.iter().copied()),
    }
}

/// Rows of some wells.
pub(super) fn rows_of(hits: &Hits, wells: impl IntoIterator<Item = usize>) -> Vec<u32> {
    let rows = wells.into_iter().filter_map(|well| hits.wells.get(well)).flat_map(|well| &well.rows);
    rows.map(|&row| row as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_searched_and_sorted_and_those_without_a_number_stay_last() {
        let entry = |name: &str, score: Option<f64>, q: Option<f64>| Entry {
            name: name.to_owned(),
            score,
            q,
            ..Entry::default()
        };
        let entries = [
            entry("drug 10", Some(0.2), Some(0.5)),
            entry("drug 2", None, None),
            entry("other", Some(0.9), Some(0.01)),
        ];
        assert_eq!(order(&entries, "", None), [2, 0, 1]);
        assert_eq!(order(&entries, "drug", Some((Column::Name, false))), [1, 0]);
        assert_eq!(order(&entries, "", Some((Column::Q, false))), [2, 0, 1]);
        assert_eq!(order(&entries, "", Some((Column::Q, true))), [0, 2, 1]);
        assert_eq!(order(&entries, "10 drug", None), [0]);
    }

    #[test]
    fn doses_have_three_digits() {
        for (dose, text) in [(0.012_345, "12.3 nM"), (5.0, "5 µM"), (123_456.0, "123 mM"), (0.0, "0 µM")] {
            assert_eq!(short_dose(dose), text);
        }
    }
}

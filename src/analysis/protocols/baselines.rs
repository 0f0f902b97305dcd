//! What explains a score away when it can: where wells lie, how many cells they have, labels dealt out anew.

use std::collections::BTreeMap;

use rand::seq::SliceRandom as _;

use super::Vectors;
use super::ask::Labels;
use crate::analysis::cell_count;
use crate::analysis::items::Items;
use crate::experiment::{Experiment, Well};
use crate::random::stream;

/// Labels are dealt out so many times.
const SHUFFLES: usize = 20;

/// How many cells each row has, if a column of the table says so of all of them; otherwise why not, a whole sentence.
///
/// # Errors
/// There is no such column, or a row has no number in it.
pub fn cell_counts(experiment: &Experiment, items: &Items) -> Result<Vectors, String> {
    let Some((column, counts)) = cell_count::of(&experiment.table, None) else {
        return Err("No column counts cells: there is no baseline of the cell count.".to_owned());
    };
    let values: Vec<f32> =
        items.items.iter().filter_map(|item| counts[item.row]).map(|count| count as f32).collect();
    let missing = items.len() - values.len();
    if missing > 0 {
        return Err(format!(
            "{missing} rows have no number in {column}: there is no baseline of the cell count."
        ));
    }
    Ok(Vectors { name: "cell count".to_owned(), dim: 1, values, by_distance: true })
}

/// Row and column of the wells of some items, by distance; those of an item without a well are not known (NaN): it is the last of
/// every ranking, and finds all alike. `None` where no well is known. `notes` get what is missing, a whole sentence.
pub fn position(items: &Items, rows: &[usize], notes: &mut Vec<String>) -> Option<Vectors> {
    let mut values = vec![0.0; items.len() * 2];
    let mut missing = 0;
    for &row in rows {
        let place = &mut values[row * 2..row * 2 + 2];
        if let Some(well) = Well::parse(&items.items[row].well) {
            place.copy_from_slice(&[f32::from(well.row), f32::from(well.column)]);
        } else {
            place.fill(f32::NAN);
            missing += 1;
        }
    }
    if missing == rows.len() {
        notes.push("No row names a well: there is no baseline of the position.".to_owned());
        return None;
    }
    if missing > 0 {
        let n = rows.len();
        notes.push(format!("{missing} of {n} rows name no well: by the position they are found last."));
    }
    Some(Vectors { name: "position".to_owned(), dim: 2, values, by_distance: true })
}

/// The labels, and what they are after they were dealt out anew several times among the entities of each stratum. Items of
/// one entity and stratum have the labels of its first one.
pub(super) fn with_shuffled(labels: Labels, entity: &[usize], stratum: &[usize], seed: u64) -> Vec<Labels> {
    let mut strata: BTreeMap<usize, BTreeMap<usize, Vec<usize>>> = BTreeMap::new();
    for (item, (&stratum, &entity)) in stratum.iter().zip(entity).enumerate() {
        strata.entry(stratum).or_default().entry(entity).or_default().push(item);
    }
    let mut rng = stream(seed, &["permuted labels"]);
    let mut sets = vec![labels];
    for _ in 0..SHUFFLES {
        let mut dealt = sets[0].clone();
        for entities in strata.values() {
            let mut from: Vec<usize> = entities.values().map(|items| items[0]).collect();
            from.shuffle(&mut rng);
            for (items, from) in entities.values().zip(from) {
                for &item in items {
                    dealt[item].clone_from(&sets[0][from]);
                }
            }
        }
        sets.push(dealt);
    }
    sets
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::analysis::testing::{self, Row};
    use crate::experiment::Table;

    #[test]
    fn labels_are_dealt_out_within_a_stratum_and_an_entity_keeps_together() {
        let labels: Labels = (0..40).map(|item| vec![item / 2]).collect();
        let entity: Vec<usize> = (0..40).map(|item| item / 2).collect();
        let stratum: Vec<usize> = (0..40).map(|item| item / 20).collect();
        let sets = with_shuffled(labels.clone(), &entity, &stratum, 1);
        assert_eq!((sets.len(), &sets[0]), (SHUFFLES + 1, &labels));
        for set in &sets[1..] {
            assert!((0..20).all(|pair| set[2 * pair] == set[2 * pair + 1]));
            assert!((0..40).all(|item| set[item][0] / 10 == item / 20), "{set:?}");
            let mut sorted = set.clone();
            sorted.sort();
            assert_eq!(sorted, labels, "none is lost");
            assert_ne!(*set, labels);
        }
        assert_eq!(with_shuffled(labels.clone(), &entity, &stratum, 1), sets);
        assert_ne!(with_shuffled(labels, &entity, &stratum, 2)[1], sets[1]);
    }

    #[test]
    fn cells_are_counted_by_the_column_that_is_called_so() {
        let counted = |column: &str, counts: [Option<f64>; 2]| {
            let frame = df!("row_id" => ["a", "b"], "compound" => ["x", "y"], column => counts).unwrap();
            let experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
            cell_counts(&experiment, &Items::of(&experiment))
        };
        for column in ["Metadata_Count_Cells", "Cells_Count", "cell_count", "n_cells"] {
            let found = counted(column, [Some(7.0), Some(9.0)]).unwrap();
            assert_eq!((found.dim, found.values), (1, vec![7.0, 9.0]), "{column}");
        }
        assert!(counted("cell_count", [Some(1.0), None]).unwrap_err().starts_with("1 rows have no number"));
        assert!(counted("cellular", [Some(1.0), Some(2.0)]).unwrap_err().starts_with("No column"));
    }

    #[test]
    fn a_position_is_row_and_column() {
        let row = |well: &str| Row { well: well.to_owned(), ..Row::default() };
        let items = testing::items(&[row("B03"), row(""), row("A01")]);
        let mut notes = Vec::new();
        let known = position(&items, &[0, 2], &mut notes).unwrap();
        assert_eq!((known.values, notes.len()), (vec![1.0, 2.0, 0.0, 0.0, 0.0, 0.0], 0));
        let some = position(&items, &[0, 1], &mut notes).unwrap().values;
        assert!(some[..2] == [1.0, 2.0] && some[2..4].iter().all(|x| x.is_nan()), "{some:?}");
        assert!(notes[0].starts_with("1 of 2 rows name no well"), "{notes:?}");
        assert!(position(&items, &[1], &mut notes).is_none() && notes[1].starts_with("No row names a well"));
    }
}

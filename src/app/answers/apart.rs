//! What sets a treatment apart from the negative controls, in numbers that have names.

use std::collections::HashMap;

use super::Encoded;
use crate::analysis::effect::{Effects, Well, effects};

/// The effects on the features of the compound × dose of a table row, beside the controls of the same plates; `None` where the
/// row has no treatment, or the encoder's numbers have no names.
pub fn of(encoded: &Encoded, row: u32) -> Option<Result<Effects, String>> {
    let vectors = &encoded.embedded.encoded;
    if encoded.features.is_empty() || encoded.features.len() != vectors.dim {
        return None;
    }
    let subjects = &encoded.subjects;
    let treatment = subjects.treatments.get(subjects.treatment_of(encoded.subject(row)?)?)?;
    let places: HashMap<usize, usize> = vectors.rows.iter().copied().zip(0..).collect();
    let mut blocks: HashMap<(usize, &str), usize> = HashMap::new();
    // A plate of one replicate is not that of another.
    for subject in &subjects.subjects {
        let next = blocks.len();
        blocks.entry((subject.replicate, subject.plate.as_str())).or_insert(next);
    }
    let vector = |subject: usize| {
        let at = places.get(&subjects.subjects.get(subject)?.row)? * vectors.dim;
        vectors.values.get(at..at + vectors.dim)
    };
    let well = |of: &Vec<usize>| {
        let rows: Vec<&[f32]> = of.iter().filter_map(|&subject| vector(subject)).collect();
        let first = subjects.subjects.get(*of.first()?)?;
        Well::of(*blocks.get(&(first.replicate, first.plate.as_str()))?, &rows)
    };
    let wells = |of: &[Vec<usize>]| of.iter().filter_map(well).collect::<Vec<Well>>();
    Some(effects(&wells(&treatment.wells), &wells(&subjects.control_wells)).map_err(|e| e.to_string()))
}

/// True where the compound × dose of a table row is called active.
pub fn is_called(encoded: &Encoded, row: u32) -> bool {
    let subjects = &encoded.subjects;
    let treatment = encoded.subject(row).and_then(|subject| subjects.treatment_of(subject));
    treatment.is_some_and(|treatment| encoded.answers.activity(treatment).is_active())
}

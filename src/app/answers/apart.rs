//! What sets a treatment apart from the negative controls, in numbers that have names.

use std::collections::HashMap;

use super::Encoded;
use crate::analysis::effect::{Effects, Well, effects};

/// The effects on the features of the compound × dose of a table row; `None` where the row has no treatment, or the encoder's
/// numbers have no names.
pub fn of(encoded: &Encoded, row: u32) -> Option<Result<Effects, String>> {
    let vectors = &encoded.embedded.encoded;
    if vectors.features.is_empty() || vectors.features.len() != vectors.dim {
        return None;
    }
    let subjects = &encoded.subjects;
    let treatment = subjects.treatments.get(subjects.treatment_of(encoded.subject(row)?)?)?;
    let places: HashMap<usize, usize> = vectors.rows.iter().copied().zip(0..).collect();
    let vector = |subject: usize| {
        let at = places.get(&subjects.subjects.get(subject)?.row)? * vectors.dim;
        vectors.values.get(at..at + vectors.dim)
    };
    let well = |of: &Vec<usize>| {
        let rows: Vec<&[f32]> = of.iter().filter_map(|&subject| vector(subject)).collect();
        Well::of(subjects.subjects.get(*of.first()?)?.replicate, &rows)
    };
    let wells = |of: &[Vec<usize>]| of.iter().filter_map(well).collect::<Vec<Well>>();
    Some(effects(&wells(&treatment.wells), &wells(&subjects.control_wells)).map_err(|e| e.to_string()))
}

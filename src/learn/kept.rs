//! Vectors that an experiment keeps of an encoder, in place of encoding its rows again: no recording is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::encoder::{EncodeError, Encoded, Encoder};
use super::pipeline::{Embedded, finish};
use crate::analysis::profile;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::model::input::Intensity;

/// Row ids by what is said of them.
type Remarks = BTreeMap<String, Vec<String>>;

/// What encoding said beside the vectors, whose table has no room for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Said {
    /// That of the rows' contents, see [`Embedded`].
    pub fingerprint: String,
    /// Rows that could not be encoded, by the reason.
    pub problems: Remarks,
    /// Rows of which less can be said than of others, by the reason.
    pub warnings: Remarks,
    /// Scalings of intensities, each by channel; empty where the encoder scales none.
    pub scalings: Vec<Vec<Intensity>>,
    /// Place in `scalings` of each row that has a vector, in the order of the vectors.
    pub scaled_by: Vec<u32>,
}

impl Said {
    /// Of rows that were encoded.
    pub fn of(embedded: &Embedded) -> Self {
        let of = &embedded.encoded;
        let (mut scalings, mut scaled_by) = (Vec::<Vec<Intensity>>::new(), Vec::new());
        for own in &of.intensities {
            // One for each plate: few.
            let known = scalings.iter().position(|known| known == own);
            let place = known.unwrap_or(scalings.len());
            if known.is_none() {
                scalings.push(own.clone());
            }
            scaled_by.push(place as u32);
        }
        Self {
            fingerprint: embedded.fingerprint.clone(),
            problems: by_reason(&of.problems),
            warnings: by_reason(&of.warnings),
            scalings,
            scaled_by,
        }
    }
}

fn by_reason(remarks: &[(String, String)]) -> Remarks {
    let mut rows = Remarks::new();
    for (row_id, why) in remarks {
        rows.entry(why.clone()).or_default().push(row_id.clone());
    }
    rows
}

/// The raw vectors that an experiment keeps of an encoder; `None` where a row that would be encoded has none, unless it could
/// not be encoded then.
fn find<'a>(
    experiment: &'a Experiment,
    encoder: &dyn Encoder,
    said: Option<&Said>,
) -> Option<&'a Arc<EmbeddingTable>> {
    let failed: HashSet<&str> =
        said.into_iter().flat_map(|said| said.problems.values().flatten()).map(String::as_str).collect();
    let table = &experiment.table;
    experiment.embeddings.values().find(|kept| {
        if !encoder.about().made(kept) || !kept.recipe.is_empty() {
            return false;
        }
        let known: HashSet<&str> = kept.row_ids.iter().map(String::as_str).collect();
        let is_known = |row: usize| {
            let row_id = table.row_id(row);
            known.contains(row_id) || failed.contains(row_id)
        };
        (0..table.len()).filter(|&row| !table.is_excluded(row)).all(is_known)
    })
}

/// True where each scaling has the same number of channels, one at least, and light can be scaled by it: a file may be damaged.
fn are_sound(scalings: &[Vec<Intensity>]) -> bool {
    let channels = scalings.first().map_or(0, Vec::len);
    let can_scale = |of: &Intensity| of.background.is_finite() && of.scale.is_finite() && of.scale > 0.0;
    scalings.iter().all(|own| !own.is_empty() && own.len() == channels && own.iter().all(can_scale))
}

/// What [`embed`](super::pipeline::embed) made of an experiment once, from the vectors that it keeps: all rows that have one,
/// in the table's order, those too that were excluded since. `None` where the vectors are not of all rows that would be
/// encoded now. Heads are computed from the vectors; contents are not known. Without `said` neither are scalings, problems and
/// warnings, and the fingerprint is of names and vectors.
///
/// # Errors
/// The device fails, or no vector is finite.
pub fn kept(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    said: Option<&Said>,
) -> Result<Option<Embedded>, EncodeError> {
    let Some(kept) = find(experiment, encoder, said) else { return Ok(None) };
    let table = &experiment.table;
    let places: HashMap<&str, usize> = kept.row_ids.iter().map(String::as_str).zip(0..).collect();
    // Under the encoder's own hash numbers have no names.
    let names: &[String] = if kept.model_hash == encoder.about().hash { &[] } else { &kept.features };
    let features = names.iter().map(|name| profile::feature(name)).collect();
    let mut read = Encoded { dim: kept.dim, features, ..Encoded::default() };
    let is_whole = |said: &&Said| said.scaled_by.len() == kept.row_ids.len() && are_sound(&said.scalings);
    let scaled = said.filter(is_whole);
    for row in 0..table.len() {
        let row_id = table.row_id(row);
        let Some(&place) = places.get(row_id) else { continue };
        let Some(vector) = kept.values.get(place * kept.dim..(place + 1) * kept.dim) else { continue };
        read.rows.push(row);
        read.row_ids.push(row_id.to_owned());
        read.values.extend_from_slice(vector);
        let scaling = scaled.and_then(|said| said.scalings.get(said.scaled_by[place] as usize));
        read.intensities.extend(scaling.cloned());
    }
    if read.rows.is_empty() || kept.dim == 0 {
        return Ok(None);
    }
    if read.intensities.len() != read.rows.len() {
        read.intensities.clear();
    }
    let mut fingerprint = String::new();
    if let Some(said) = said {
        let remarks = |remarks: &Remarks, with_vector: bool| -> Vec<(String, String)> {
            let all = remarks.iter().flat_map(|(why, rows)| rows.iter().map(move |row_id| (row_id, why)));
            let is_here =
                |row_id: &str| table.row_of(row_id).is_some() && places.contains_key(row_id) == with_vector;
            all.filter(|(row_id, _)| is_here(row_id))
                .map(|(row_id, why)| (row_id.clone(), why.clone()))
                .collect()
        };
        read.problems = remarks(&said.problems, false);
        read.warnings = remarks(&said.warnings, true);
        fingerprint.clone_from(&said.fingerprint);
    }
    if fingerprint.is_empty() {
        fingerprint = of_vectors(&read);
    }
    finish(experiment, encoder, read, fingerprint).map(Some)
}

/// A fingerprint where nobody knows any more what the rows showed.
fn of_vectors(read: &Encoded) -> String {
    let content = |vector: &[f32]| {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        *blake3::hash(&bytes).as_bytes()
    };
    let contents = read.values.chunks_exact(read.dim.max(1)).map(content).collect();
    Encoded { row_ids: read.row_ids.clone(), contents, ..Encoded::default() }.fingerprint()
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::analysis::biomarkers::{Feature, features};
    use crate::experiment::Table;
    use crate::learn::handmade::Biomarkers;

    /// Three rows, two of which have hand-made features, in another order than the table's.
    fn experiment() -> Experiment {
        let frame = df!("row_id" => ["a", "b", "c"], "compound" => ["x", "y", "z"]).unwrap();
        let mut experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
        let features = features(&["gfp".to_owned()], false);
        let dim = features.len();
        let values = [vec![2.0; dim], vec![1.0; dim]].concat();
        let row_ids = ["b", "a"].map(str::to_owned).to_vec();
        let read = Encoded { row_ids, dim, values, features, ..Encoded::default() };
        let table = read.table(&Biomarkers::default().about().hash);
        experiment.embeddings.insert("biomarkers".to_owned(), Arc::new(table));
        experiment
    }

    fn said() -> Said {
        let scaling = |background: f32| vec![Intensity { background, scale: 1.0 }];
        Said {
            fingerprint: "f00d".to_owned(),
            problems: by_reason(&[("c".to_owned(), "is dark".to_owned())]),
            warnings: by_reason(&[("a".to_owned(), "few controls".to_owned())]),
            scalings: vec![scaling(5.0), scaling(7.0)],
            scaled_by: vec![1, 0],
        }
    }

    #[test]
    fn kept_vectors_are_as_they_were_encoded_and_no_recording_is_there_to_be_read() {
        let (experiment, encoder) = (Arc::new(experiment()), Biomarkers::default());
        let embedded = kept(&experiment, &encoder, Some(&said())).unwrap().expect("they are its own");
        let of = &embedded.encoded;
        assert_eq!((of.row_ids.join(""), of.rows.as_slice()), ("ab".to_owned(), &[0, 1][..]));
        assert_eq!((of.values[0], of.values[of.dim]), (1.0, 2.0));
        let whole = features(&["gfp".to_owned()], false);
        let named = |all: &[Feature]| all.iter().map(|own| (own.name.clone(), own.unit)).collect::<Vec<_>>();
        assert_eq!(named(&of.features), named(&whole));
        assert_eq!(of.problems, [("c".to_owned(), "is dark".to_owned())]);
        assert_eq!(of.warnings, [("a".to_owned(), "few controls".to_owned())]);
        assert_eq!(of.intensities.iter().map(|own| own[0].background).collect::<Vec<_>>(), [5.0, 7.0]);
        assert_eq!(embedded.fingerprint, "f00d");
        let kept = &experiment.embeddings["biomarkers"];
        assert_eq!(embedded.table().model_hash, kept.model_hash, "still found as its own");
        // As it goes into a project and comes back; places are now in the order of these vectors.
        let again = Said::of(&embedded);
        let text = serde_json::to_string(&again).unwrap();
        assert_eq!(serde_json::from_str::<Said>(&text).unwrap(), again);
        assert_eq!(again.scaled_by, [0, 1]);
        assert_eq!((again.problems, again.warnings), (said().problems, said().warnings));
    }

    #[test]
    fn damaged_scalings_count_as_none() {
        let of = |scalings: Vec<Vec<Intensity>>| {
            let said = Said { scalings, ..said() };
            let embedded = kept(&Arc::new(experiment()), &Biomarkers::default(), Some(&said)).unwrap();
            embedded.unwrap().encoded.intensities.len()
        };
        let one = |background: f32, scale: f32| Intensity { background, scale };
        assert_eq!(of(vec![vec![one(5.0, 1.0)], vec![one(7.0, 1.0)]]), 2);
        for damaged in [vec![], vec![one(5.0, 0.0)], vec![one(f32::NAN, 1.0)], vec![one(5.0, 1.0); 2]] {
            assert_eq!(of(vec![damaged.clone(), vec![one(7.0, 1.0)]]), 0, "{damaged:?}");
        }
        assert_eq!(of(vec![vec![], vec![]]), 0);
    }

    #[test]
    fn a_row_that_came_later_other_vectors_and_corrected_ones_are_encoded() {
        let encoder = Biomarkers::default();
        let is_kept = |experiment: Experiment, said: Option<&Said>| {
            kept(&Arc::new(experiment), &encoder, said).unwrap().is_some()
        };
        assert!(is_kept(experiment(), Some(&said())));
        assert!(!is_kept(experiment(), None), "c has no vector, and nobody says why");
        let changed = |change: &dyn Fn(&mut EmbeddingTable)| {
            let mut experiment = experiment();
            let mut table = EmbeddingTable::clone(&experiment.embeddings["biomarkers"]);
            change(&mut table);
            experiment.embeddings.insert("biomarkers".to_owned(), Arc::new(table));
            is_kept(experiment, Some(&said()))
        };
        assert!(!changed(&|table| table.model_hash = "other".to_owned()));
        assert!(!changed(&|table| table.recipe = "centre".to_owned()));
        assert!(changed(&|_| {}));
    }

    #[test]
    fn without_what_was_said_names_and_vectors_are_the_fingerprint() {
        let encoder = Biomarkers::default();
        let of = |value: f32| {
            let mut experiment = experiment();
            let mut table = EmbeddingTable::clone(&experiment.embeddings["biomarkers"]);
            table.row_ids.push("c".to_owned());
            table.values.extend(std::iter::repeat_n(value, table.dim));
            experiment.embeddings.insert("biomarkers".to_owned(), Arc::new(table));
            kept(&Arc::new(experiment), &encoder, None).unwrap().unwrap()
        };
        let (one, two) = (of(1.0), of(3.0));
        assert_eq!(one.fingerprint, of(1.0).fingerprint);
        assert_ne!(one.fingerprint, two.fingerprint);
        assert!(one.encoded.intensities.is_empty() && one.encoded.problems.is_empty());
    }
}

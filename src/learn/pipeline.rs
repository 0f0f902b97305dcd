//! The one way from an experiment to what is said of it: open → encode → library → answers. The command line and the
//! window call it alike.

use std::sync::Arc;

use super::encoder::{About, EncodeError, Encoded, Encoder, Rows};
use super::imported::IMPORTED;
use crate::analysis::answers::{Answers, AnswersError, Library, Options, Origin, Subjects};
use crate::analysis::items::Items;
use crate::experiment::{EmbeddingTable, Experiment, PROFILE, RECIPE};
use crate::gpu::GpuError;
use crate::progress::Progress;

/// What the classifier says of some rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Classified {
    /// The rows' names.
    pub row_ids: Vec<String>,
    /// Mechanisms of the training.
    pub moas: Vec<String>,
    /// Their probabilities, `[row, moa]`.
    pub probabilities: Vec<f32>,
    /// Drug of the training that each row looks most like, with the classifier's probability.
    pub drugs: Vec<Option<(String, f32)>>,
}

impl Classified {
    /// Of encoded rows; `None` where the encoder has no classifiers.
    fn of(encoded: &Encoded, encoder: &dyn Encoder) -> Result<Option<Self>, GpuError> {
        let Some(classes) = encoder.classes() else { return Ok(None) };
        let found = classes.probabilities(&encoded.values, encoded.dim)?;
        let drugs = classes.drugs();
        let likeliest = |probabilities: &[f32]| {
            let mut classes = ranked(probabilities.iter().copied().map(f64::from));
            classes.next().map(|(class, p)| (drugs[class].name.clone(), p as f32))
        };
        Ok(Some(Self {
            row_ids: encoded.row_ids.clone(),
            moas: classes.moas().to_vec(),
            drugs: found.drugs.chunks_exact(drugs.len().max(1)).map(likeliest).collect(),
            probabilities: found.moas,
        }))
    }

    /// Probabilities of the mechanisms, the mean over some rows.
    pub fn mean(&self, rows: &[usize]) -> Vec<f64> {
        let count = self.moas.len();
        let mut sum = vec![0.0; count];
        for &row in rows {
            let of = &self.probabilities[row * count..(row + 1) * count];
            sum.iter_mut().zip(of).for_each(|(sum, p)| *sum += f64::from(*p));
        }
        sum.into_iter().map(|sum| sum / rows.len().max(1) as f64).collect()
    }
}

/// Classes by probability, highest first; equal ones in their order.
pub fn ranked(probabilities: impl IntoIterator<Item = f64>) -> impl Iterator<Item = (usize, f64)> {
    let mut order: Vec<(usize, f64)> = probabilities.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    order.into_iter()
}

/// All rows of an experiment by one encoder.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// The encoder.
    pub about: About,
    /// Its rows that became finite numbers, and the others with the reason.
    pub encoded: Encoded,
    /// The classifiers' word on them.
    pub classified: Option<Classified>,
    /// Where they lie in the space that they share with molecules, `[row, projection]`.
    pub projections: Option<Vec<f32>>,
    /// BLAKE3 over names and contents of the rows, hexadecimal.
    pub fingerprint: String,
    /// True if the encoder was made from simulated recordings, or a row is one.
    pub simulated: bool,
}

impl Embedded {
    /// The vectors as a table of the experiment.
    pub fn table(&self) -> EmbeddingTable {
        self.encoded.table(&self.about.hash)
    }

    /// What a reader of scores should know of the vectors' origin; `experiment` is the table as it is now.
    pub fn notes(&self, experiment: &Experiment) -> Vec<String> {
        let mut notes = Vec::new();
        let missing = self.encoded.problems.len();
        if missing > 0 {
            let rows = self.encoded.rows.len() + missing;
            notes.push(format!("{missing} of {rows} rows have no vector, and take no part."));
        }
        let excluded = experiment.table.excluded_count();
        if excluded > 0 {
            notes.push(format!("{excluded} rows are excluded in the table, and take no part."));
        }
        match &self.about.trained_with {
            Some(drugs) if drugs.is_empty() => {}
            Some(drugs) => notes.push(format!(
                "The model was trained with {} drugs: its scores on these, and on their mechanisms, are no test of it.",
                drugs.len()
            )),
            None => notes.push("Nobody knows with which compounds the vectors were trained.".to_owned()),
        }
        notes
    }
}

/// Encodes all rows that are not excluded, also those that name no compound. Steps of `progress` are rows.
///
/// # Errors
/// As [`Encoder::encode`].
pub fn embed(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    progress: &Progress,
) -> Result<Embedded, EncodeError> {
    let items = Items::with_unnamed(experiment);
    let read = encoder.encode(&Rows::of(experiment, &items), progress)?;
    // Of all rows that could be read: a row of which the model makes no number is part of the data.
    let fingerprint = read.fingerprint();
    finish(experiment, encoder, read, fingerprint)
}

/// What heads say of rows that were read, without those of which something makes no finite number.
pub(super) fn finish(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    read: Encoded,
    fingerprint: String,
) -> Result<Embedded, EncodeError> {
    let about = encoder.about().clone();
    let simulated = about.simulated || read.rows.iter().any(|&row| experiment.is_simulated(row));
    let mut encoded = read.finite()?;
    let (mut classified, mut projections) = heads(&encoded, encoder)?;
    let spoilt = spoilt(&encoded, classified.as_ref(), projections.as_deref());
    if !spoilt.is_empty() {
        // What a head makes no number of is left out as a whole.
        for place in spoilt {
            encoded.values[place * encoded.dim] = f32::NAN;
        }
        encoded = encoded.finite()?;
        (classified, projections) = heads(&encoded, encoder)?;
    }
    Ok(Embedded {
        experiment: Arc::clone(experiment),
        classified,
        projections,
        about,
        encoded,
        fingerprint,
        simulated,
    })
}

type Heads = (Option<Classified>, Option<Vec<f32>>);

fn heads(encoded: &Encoded, encoder: &dyn Encoder) -> Result<Heads, GpuError> {
    let space = encoder.molecules();
    let projections = space.map(|space| space.project(&encoded.values, encoded.dim)).transpose()?;
    Ok((Classified::of(encoded, encoder)?, projections))
}

/// Rows of which a head makes NaN or infinity, ascending.
fn spoilt(encoded: &Encoded, classified: Option<&Classified>, projections: Option<&[f32]>) -> Vec<usize> {
    let rows = encoded.rows.len();
    let bad = |values: &[f32], place: usize| {
        let width = values.len() / rows.max(1);
        !values[place * width..(place + 1) * width].iter().all(|value| value.is_finite())
    };
    let is_spoilt = |place: usize| {
        let classified = classified.is_some_and(|of| {
            let drug = of.drugs.get(place).and_then(Option::as_ref);
            bad(&of.probabilities, place) || drug.is_some_and(|(_, p)| !p.is_finite())
        });
        classified || projections.is_some_and(|values| bad(values, place))
    };
    (0..rows).filter(|&place| is_spoilt(place)).collect()
}

/// Vectors that answer, and rows without one with the reason.
pub type Answering = (Arc<EmbeddingTable>, Vec<(String, String)>);

/// Vectors that an experiment that answers for another keeps of the same encoder. Profiles of both, that no model made, are
/// of one encoder where they are of the same features in the same order after the same corrections.
pub fn gallery_kept(
    experiment: &Experiment,
    asked: &Experiment,
    about: &About,
) -> Option<Arc<EmbeddingTable>> {
    if let Some(kept) = experiment.embeddings.values().find(|table| about.made(table)) {
        return Some(Arc::clone(kept));
    }
    let own = asked.embeddings.get(PROFILE).filter(|table| table.model_hash == about.hash)?;
    let kept = experiment.embeddings.get(PROFILE)?;
    let is_same = !own.features.is_empty() && own.features == kept.features;
    if !is_same || asked.table.text(0, RECIPE) != experiment.table.text(0, RECIPE) {
        return None;
    }
    // A profile's hash is of its numbers; what is compared afterwards is the hash of the space.
    let model_hash = about.hash.clone();
    Some(Arc::new(EmbeddingTable { model_hash, ..(**kept).clone() }))
}

/// Vectors of an experiment that answers for another: those of [`gallery_kept`], and else encoded now, with the rows that
/// could not be.
///
/// # Errors
/// As [`Encoder::encode`]; vectors that are looked up by name where both experiments share names.
pub fn gallery(
    experiment: &Arc<Experiment>,
    asked: &Experiment,
    encoder: &dyn Encoder,
    progress: &Progress,
) -> Result<Answering, EncodeError> {
    let about = encoder.about();
    if let Some(kept) = gallery_kept(experiment, asked, about) {
        return Ok((kept, Vec::new()));
    }
    if about.family == IMPORTED {
        let mut names = (0..experiment.table.len()).map(|row| experiment.table.row_id(row));
        if let Some(shared) = names.find(|row_id| asked.table.row_of(row_id).is_some()) {
            let (row_id, encoder) = (shared.to_owned(), about.name.clone());
            return Err(EncodeError::Ambiguous { row_id, encoder });
        }
    }
    let embedded = embed(experiment, encoder, progress)?;
    Ok((Arc::new(embedded.table()), embedded.encoded.problems))
}

/// The rows of an experiment that a table of vectors has, with their vectors in the same order.
pub fn subjects(experiment: &Experiment, table: &EmbeddingTable) -> (Arc<Subjects>, Vec<f32>) {
    let subjects = Subjects::of(experiment, table);
    let raw = subjects.gather(table);
    (Arc::new(subjects), raw)
}

fn origin(name: &str, table: &EmbeddingTable, about: &About, subjects: &Subjects) -> Origin {
    Origin {
        name: name.to_owned(),
        model_hash: table.model_hash.clone(),
        simulated: about.simulated || subjects.simulated(),
        trained_with: about.trained_with.clone(),
    }
}

/// Vectors of one encoder, ready to answer for another experiment's. `name` says where they are from.
///
/// # Errors
/// Numbers that are not finite; the user stopped it.
pub fn library(
    name: &str,
    experiment: &Experiment,
    table: &EmbeddingTable,
    about: &About,
    progress: &Progress,
) -> Result<Arc<Library>, AnswersError> {
    let (subjects, raw) = subjects(experiment, table);
    let origin = origin(name, table, about, &subjects);
    Ok(Arc::new(Library::new(subjects, &raw, table.dim, origin, &Options::default(), progress)?))
}

/// Answers about an experiment's vectors, by another library or among themselves. `name` says where they are from.
///
/// # Errors
/// As [`library`]; the library is of another encoder.
pub fn answers(
    name: &str,
    experiment: &Experiment,
    table: &EmbeddingTable,
    about: &About,
    library: Option<Arc<Library>>,
    progress: &Progress,
) -> Result<Arc<Answers>, AnswersError> {
    let (subjects, raw) = subjects(experiment, table);
    let origin = origin(name, table, about, &subjects);
    Ok(Arc::new(Answers::new(subjects, &raw, table.dim, origin, library, &Options::default(), progress)?))
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::super::imported::Imported;
    use super::*;
    use crate::experiment::Table;

    /// Two rows of profiles.
    fn profiles(names: [&str; 2], recipe: &str, hash: &str) -> Arc<Experiment> {
        let frame = df!("row_id" => ["a", "b"], RECIPE => [recipe, recipe]).unwrap();
        let mut experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
        let table = EmbeddingTable {
            row_ids: vec!["a".to_owned(), "b".to_owned()],
            dim: 2,
            values: vec![1.0, 2.0, 3.0, 4.0],
            model_hash: hash.to_owned(),
            features: names.map(str::to_owned).to_vec(),
            recipe: recipe.to_owned(),
            source: String::new(),
        };
        experiment.embeddings.insert(PROFILE.to_owned(), Arc::new(table));
        Arc::new(experiment)
    }

    #[test]
    fn profiles_of_the_same_features_and_corrections_are_one_space() {
        let asked = profiles(["x", "y"], "standardize", "profile 1");
        let encoder = Imported::new(PROFILE, Arc::clone(&asked.embeddings[PROFILE]));
        let ask = |other: &Arc<Experiment>| gallery(other, &asked, &encoder, &Progress::default());
        let same = profiles(["x", "y"], "standardize", "profile 2");
        let (found, problems) = ask(&same).unwrap();
        assert_eq!((found.values.as_slice(), problems.len()), (&[1.0, 2.0, 3.0, 4.0][..], 0));
        assert_eq!(found.model_hash, "profile 1", "the space of the question");
        for other in [
            profiles(["y", "x"], "standardize", "profile 2"),
            profiles(["x", "y"], "standardize; select", "profile 2"),
        ] {
            assert!(matches!(ask(&other), Err(EncodeError::Ambiguous { .. })), "rows of the same names");
        }
    }

    #[test]
    fn a_treatments_probabilities_are_the_mean_of_its_rows() {
        let classified = Classified {
            moas: vec!["a".to_owned(), "b".to_owned()],
            probabilities: vec![1.0, 0.0, 0.5, 0.5, 0.25, 0.75],
            ..Classified::default()
        };
        assert_eq!(classified.mean(&[0, 2]), [0.625, 0.375]);
        assert_eq!(classified.mean(&[]), [0.0, 0.0]);
        assert_eq!(ranked([0.2, 0.5, 0.2]).collect::<Vec<_>>(), [(1, 0.5), (0, 0.2), (2, 0.2)]);
    }
}

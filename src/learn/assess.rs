//! A model's evaluation on an experiment, with the baselines that every score stands beside.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encoder::{Baseline, Content, EncodeError, Encoded, Encoder, Rows};
use super::families::{self, Open};
use super::lda_head::{self, Vectors};
use crate::analysis::evaluate::{
    Classifier, EvaluateError, Evaluation, Features, RESAMPLES, Report, evaluate,
};
use crate::analysis::items::{Item, Items};
use crate::analysis::split::{Plan, Protocol, ProtocolError, Split};
use crate::experiment::Experiment;
use crate::model::input::Frames;
use crate::progress::Progress;

/// Also the name of the baseline, with an LDA head where training rows name mechanisms.
pub use super::handmade::BIOMARKERS;

/// The same features as they are, where [`BIOMARKERS`] has a head.
pub const NO_LABELS: &str = "biomarkers, no labels";

/// The encoder's own vectors with the same head: what it adds to the features when both are told as much.
pub const LDA_HEAD: &str = "LDA head";

/// Of baselines with a head.
const CENTRED: &str = "Baselines with a linear discriminant analysis are centred on each replicate's negative controls before it is \
                       fitted, in raw reports too.";

/// An evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// The protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The rows.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The model makes no numbers of a video.
    #[error(
        "{row_id}: the model makes numbers of it that are not finite. Leave the row out, or look at the model"
    )]
    NotFinite {
        /// The video's row.
        row_id: String,
    },
    /// The numbers.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
}

/// How to evaluate.
#[derive(Debug, Clone, Copy)]
pub struct Assessment {
    /// What is new in the queries.
    pub protocol: Protocol,
    /// Seed of the split, where the table has none, and of the intervals.
    pub seed: u64,
    /// Mark a contaminated result instead of refusing it.
    pub accept_contamination: bool,
    /// Which frames the model was trained on.
    pub order: Frames,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Assessed {
    /// One per task, exclusion and normalisation.
    pub reports: Vec<Report>,
    /// What the encoder saw of each table row that it encoded.
    pub contents: HashMap<usize, Content>,
    /// Rows that could not be read and why.
    pub problems: Vec<(String, String)>,
    /// Rows whose scale differs too much from the model's.
    pub warnings: Vec<(String, String)>,
}

/// Encodes the rows of a protocol, with the simpler vectors that their scores stand beside, and evaluates. Rows of the
/// training part are encoded too: LDA heads are fitted on them ([`lda_head::project`]). Steps of `progress` are rows.
pub fn assess(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    how: &Assessment,
    progress: &Progress,
) -> Result<Assessed, AssessError> {
    let mut items = Items::of(experiment);
    // What cannot be asked is said before anything is computed.
    let mut plan = Plan::new(&items, how.protocol, how.seed)?;
    if let Some(drugs) = &encoder.about().trained_with {
        plan.check_model(&items, drugs, how.accept_contamination)?;
    }
    let mut used = vec![false; items.len()];
    plan.query.iter().chain(&plan.gallery).for_each(|&item| used[item] = true);
    for (item, used) in items.items.iter().zip(&mut used) {
        *used |= item.control;
    }
    let evaluated: HashSet<String> = items
        .items
        .iter()
        .zip(&used)
        .filter(|(_, used)| **used)
        .map(|(item, _)| item.row_id.clone())
        .collect();
    plan.part(Split::Train).into_iter().for_each(|item| used[item] = true);
    let asked: HashSet<usize> =
        items.items.iter().zip(&used).filter(|(_, used)| **used).map(|(item, _)| item.row).collect();
    let split_of: HashMap<usize, Option<Split>> =
        items.items.iter().map(|item| item.row).zip(plan.splits.iter().copied()).collect();
    items.retain("not in training, query, gallery or controls", |item| asked.contains(&item.row));
    let rows = Rows { order: how.order, baselines: true, ..Rows::of(experiment, &items) };
    let encoded = encoder.encode(&rows, progress)?;
    let known = encoded.problems.len();
    let encoded = encoded.finite()?;
    let spoilt = encoded.problems.iter().skip(known).find(|(row_id, _)| evaluated.contains(row_id));
    if let Some((row_id, _)) = spoilt {
        return Err(AssessError::NotFinite { row_id: row_id.clone() });
    }
    let readable: HashSet<usize> = encoded.rows.iter().copied().collect();
    items.retain("cannot be read", |item| readable.contains(&item.row));
    let splits = items.items.iter().map(|item| split_of.get(&item.row).copied().flatten()).collect();
    let contaminated = plan.contaminated;
    plan = Plan::of(&items, how.protocol, splits, plan.split_from)?;
    plan.contaminated = contaminated;
    if encoder.about().trained_with.is_none() {
        let unknown = "Nobody knows with which compounds these vectors were trained: what is new to the split may be known to \
                       them.";
        items.notes.push(unknown.to_owned());
    }

    let mut baselines = encoded.baselines.clone();
    baselines.extend(heads(experiment, encoder, &mut items, &plan, &encoded, progress)?);

    let classes = encoder.classes();
    let found = classes.map(|classes| classes.probabilities(&encoded.values, encoded.dim)).transpose();
    let found = found.map_err(EncodeError::from)?;
    let mut classifiers = Vec::new();
    if let (Some(classes), Some(found)) = (classes, &found) {
        // A model that was trained on drugs alone has no mechanisms.
        if !classes.moas().is_empty() {
            classifiers.push(Classifier::of_moas(&items, classes.moas(), &found.moas));
        }
        if !classes.drugs().is_empty() {
            classifiers.push(Classifier::of_drugs(&items, classes.drugs(), &found.drugs));
        }
    }
    let reports = evaluate(&Evaluation {
        items: &items,
        plan: &plan,
        embeddings: Features::cosine("video", &encoded.values, encoded.dim),
        classifiers,
        baselines: baselines.iter().map(features).collect(),
        seed: how.seed,
        resamples: RESAMPLES,
    })?;
    let contents = encoded.seen();
    Ok(Assessed { reports, contents, problems: encoded.problems, warnings: encoded.warnings })
}

/// The hand-made features of the same rows, with and without a head, and the head on the encoder's own vectors. What is
/// missing is said in the notes of `items`.
fn heads(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    items: &mut Items,
    plan: &Plan,
    encoded: &Encoded,
    progress: &Progress,
) -> Result<Vec<Baseline>, EncodeError> {
    let cosine = |name, Vectors { values, dim, .. }| Baseline { name, dim, values, by_distance: false };
    let own = Vectors { values: encoded.values.clone(), dim: encoded.dim, known: vec![true; items.len()] };
    let is_handmade = encoder.about().family == BIOMARKERS;
    let mut found = Vec::new();
    let handmade = if is_handmade {
        Some(own)
    } else {
        if let Some(learnt) = lda_head::project(items, plan, &own) {
            items.notes.push(CENTRED.to_owned());
            found.push(cosine(LDA_HEAD, learnt));
        }
        handmade(experiment, items, progress)?
    };
    let Some(handmade) = handmade else { return Ok(found) };
    match lda_head::project(items, plan, &handmade) {
        Some(learnt) => {
            if found.is_empty() {
                items.notes.push(CENTRED.to_owned());
            }
            found.push(cosine(BIOMARKERS, learnt));
            // The encoder itself is no baseline of its own.
            if !is_handmade {
                found.push(cosine(NO_LABELS, handmade));
            }
        }
        None if !is_handmade => {
            let text = "The training rows name too few mechanisms of two compounds for a discriminant analysis: biomarkers are \
                        compared as they are.";
            items.notes.push(text.to_owned());
            found.push(cosine(BIOMARKERS, handmade));
        }
        None => {}
    }
    Ok(found)
}

/// Hand-made features of the whole recordings; `None`, and a note, where they cannot be measured.
pub(super) fn handmade(
    experiment: &Arc<Experiment>,
    items: &mut Items,
    progress: &Progress,
) -> Result<Option<Vectors>, EncodeError> {
    let Some(Open::Built(build)) = families::named(BIOMARKERS).map(|family| family.open) else {
        return Ok(None);
    };
    let measured = build().encode(&Rows::of(experiment, items), progress).and_then(Encoded::finite);
    let encoded = match measured {
        Ok(encoded) => encoded,
        Err(stopped @ EncodeError::Stopped(_)) => return Err(stopped),
        // Vectors of another program may be all that there is.
        Err(why) => {
            items.notes.push(format!("Biomarkers cannot be measured: {why}."));
            return Ok(None);
        }
    };
    let places: HashMap<usize, usize> = encoded.rows.iter().copied().zip(0..).collect();
    let of = |item: &Item| {
        let at = places.get(&item.row)? * encoded.dim;
        encoded.values.get(at..at + encoded.dim)
    };
    let known: Vec<bool> = items.items.iter().map(|item| of(item).is_some()).collect();
    let none = vec![0.0; encoded.dim];
    let values = items.items.iter().flat_map(|item| of(item).unwrap_or(&none)).copied().collect();
    let mut vectors = Vectors { values, dim: encoded.dim, known };
    vectors.fill(items);
    let missing = vectors.known.iter().filter(|known| !**known).count();
    if missing > 0 {
        let text = format!(
            "Biomarkers of {missing} rows cannot be measured: there these rows lie where the controls of their replicate do."
        );
        items.notes.push(text);
    }
    Ok(Some(vectors))
}

fn features(baseline: &Baseline) -> Features<'_> {
    let Baseline { name, dim, values, by_distance } = baseline;
    if *by_distance {
        Features::euclidean(*name, values, *dim)
    } else {
        Features::cosine(*name, values, *dim)
    }
}

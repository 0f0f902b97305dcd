//! A model's evaluation on an experiment, with the baselines that every score stands beside.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encoder::{Baseline, EncodeError, Encoder, Rows};
use crate::analysis::evaluate::{
    Classifier, EvaluateError, Evaluation, Features, RESAMPLES, Report, evaluate,
};
use crate::analysis::items::Items;
use crate::analysis::split::{Plan, Protocol, ProtocolError, Split};
use crate::experiment::Experiment;
use crate::model::input::Frames;
use crate::progress::Progress;

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
    /// BLAKE3 of what the encoder saw of each table row that it encoded.
    pub contents: HashMap<usize, [u8; 32]>,
    /// Rows that could not be read and why.
    pub problems: Vec<(String, String)>,
    /// Rows whose scale differs too much from the model's.
    pub warnings: Vec<(String, String)>,
}

/// Encodes the rows of a protocol, with the simpler vectors that their scores stand beside, and evaluates. Steps of
/// `progress` are rows.
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
    let asked: HashSet<usize> =
        items.items.iter().zip(&used).filter(|(_, used)| **used).map(|(item, _)| item.row).collect();
    let split_of: HashMap<usize, Option<Split>> =
        items.items.iter().map(|item| item.row).zip(plan.splits.iter().copied()).collect();
    items.retain("not in query, gallery or controls", |item| asked.contains(&item.row));
    let rows = Rows { order: how.order, baselines: true, ..Rows::of(experiment, &items) };
    let encoded = encoder.encode(&rows, progress)?;
    let read = encoded.rows.len();
    let encoded = encoded.finite()?;
    if encoded.rows.len() < read {
        let row_id = encoded.problems.last().map(|(row_id, _)| row_id.clone()).unwrap_or_default();
        return Err(AssessError::NotFinite { row_id });
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
        baselines: encoded.baselines.iter().map(features).collect(),
        seed: how.seed,
        resamples: RESAMPLES,
    })?;
    let contents = encoded.rows.into_iter().zip(encoded.contents).collect();
    Ok(Assessed { reports, contents, problems: encoded.problems, warnings: encoded.warnings })
}

fn features(baseline: &Baseline) -> Features<'_> {
    let Baseline { name, dim, values, by_distance } = baseline;
    if *by_distance {
        Features::euclidean(*name, values, *dim)
    } else {
        Features::cosine(*name, values, *dim)
    }
}

//! A model's evaluation on an experiment, with the baselines that every score stands beside.

use std::collections::HashSet;
use std::sync::Arc;

use super::infer::Encoder;
use super::screen::{Screen, ScreenError};
use crate::analysis::evaluate::{
    Classifier, EvaluateError, Evaluation, Features, RESAMPLES, Report, evaluate,
};
use crate::analysis::items::Items;
use crate::analysis::split::{Plan, Protocol, ProtocolError};
use crate::experiment::Experiment;
use crate::model::card::Card;
use crate::model::input::Frames;
use crate::progress::Progress;

/// An evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AssessError {
    /// The protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The videos.
    #[error(transparent)]
    Screen(#[from] ScreenError),
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
    /// Rows that could not be read and why.
    pub problems: Vec<(String, String)>,
    /// Rows whose scale differs too much from the model's.
    pub warnings: Vec<(String, String)>,
}

/// Encodes an experiment three times (video, single frame, shuffled frames) and evaluates. Steps of `progress` are
/// videos.
pub fn assess(
    experiment: &Arc<Experiment>,
    encoder: &Encoder,
    card: &Card,
    how: &Assessment,
    progress: &Progress,
) -> Result<Assessed, AssessError> {
    let mut items = Items::of(experiment);
    // What cannot be asked is said before anything is computed.
    let mut plan = Plan::new(&items, how.protocol, how.seed)?;
    plan.check_model(&items, &card.drugs, how.accept_contamination)?;
    let used: HashSet<usize> = plan
        .query
        .iter()
        .chain(&plan.gallery)
        .copied()
        .chain((0..items.len()).filter(|&item| items.items[item].control))
        .collect();
    let rows: Vec<usize> =
        (0..items.len()).filter(|i| used.contains(i)).map(|i| items.items[i].row).collect();
    let screen = Screen::read_rows(experiment, &items, &rows, &card.input, progress)?;
    let readable: HashSet<usize> = screen.rows.iter().copied().collect();
    let asked: HashSet<usize> = rows.into_iter().collect();
    let splits: Vec<_> =
        items.items.iter().zip(&plan.splits).filter(|(item, _)| readable.contains(&item.row)).collect();
    let splits: Vec<_> = splits.into_iter().map(|(_, split)| *split).collect();
    items.retain("not in query, gallery or controls", |item| asked.contains(&item.row));
    items.retain("cannot be read", |item| readable.contains(&item.row));
    let contaminated = plan.contaminated;
    plan = Plan::of(&items, how.protocol, splits, plan.split_from)?;
    plan.contaminated = contaminated;

    let video = screen.encode(encoder, how.order, progress)?;
    let single = screen.encode(encoder, Frames::Single, progress)?;
    let shuffled = screen.encode(encoder, Frames::Shuffled, progress)?;
    for encodings in [&video, &single, &shuffled] {
        if let Some(place) = encodings.finite().iter().position(|finite| !finite) {
            return Err(AssessError::NotFinite { row_id: screen.row_ids[place].clone() });
        }
    }
    let intensity = screen.mean_intensity();
    let mut baselines = vec![
        Features::euclidean("mean intensity", &intensity, card.input.channels.len()),
        Features::cosine("shuffled frames", &shuffled.embeddings, shuffled.dim),
    ];
    baselines.insert(1, Features::cosine("single frame", &single.embeddings, single.dim));
    let reports = evaluate(&Evaluation {
        items: &items,
        plan: &plan,
        embeddings: Features::cosine("video", &video.embeddings, video.dim),
        classifiers: vec![
            Classifier::of_moas(&items, &card.moas, &video.moas),
            Classifier::of_drugs(&items, &card.drugs, &video.drugs),
        ],
        baselines,
        seed: how.seed,
        resamples: RESAMPLES,
    })?;
    Ok(Assessed { reports, problems: screen.problems, warnings: screen.warnings })
}

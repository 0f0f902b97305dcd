//! Does an encoder keep what is a cell's own? The same label at another time of a recording.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Ask, Labels, Sight};
use super::baselines::with_shuffled;
use super::exam::Exam;
use super::levels::Units;
use super::report::Outcome;
use super::{Kind, Level, ProtocolError, Question, Vectors};
use crate::analysis::evaluate::Normalisation;
use crate::progress::Progress;

/// Column that says when a row begins.
pub const FRAME: &str = "first_frame";

/// What tells rows apart, and when they are.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Name of the label column.
    pub column: &'a str,
    /// The labels by row; `None` where a cell is empty. A row is right if it has the query's.
    pub labels: &'a [Option<String>],
    /// First frame of each row.
    pub frames: &'a [Option<f64>],
    /// Rows of one label that begin nearer to each other than so many frames do not see each other.
    pub min_gap: f64,
}

/// Rows of the same label at least so many frames away are right. Two objects: without the nearer rows of the same label, and
/// without all nearer rows, so that what a moment has in common is no help and no hindrance. Intervals are over labels.
///
/// # Errors
/// No row says at which frame it begins, or has a label; numbers that do not fit the rows; the user stopped it.
pub fn identity(
    question: &Question,
    identity: &Identity,
    progress: &Progress,
) -> Result<Vec<Outcome>, ProtocolError> {
    question.check(Kind::Identity)?;
    let protocol = Kind::Identity.label();
    if identity.frames.iter().all(Option::is_none) {
        let remedy = "The gap is counted from the frame at which each row begins: enter it for every row.";
        return Err(ProtocolError::NoValues { protocol, column: FRAME.to_owned(), remedy });
    }
    if identity.labels.iter().all(Option::is_none) {
        let (column, remedy) = (identity.column.to_owned(), "Choose a column that names cells.");
        return Err(ProtocolError::NoValues { protocol, column, remedy });
    }
    let mut notes = question.notes();
    let known = |row: &usize| identity.labels[*row].is_some() && identity.frames[*row].is_some();
    let rows: Vec<usize> = (0..question.items.len()).filter(known).collect();
    let missing = question.items.len() - rows.len();
    if missing > 0 {
        notes.push(format!("{missing} rows have no {} or no {FRAME}, and take no part.", identity.column));
    }
    let names: BTreeSet<&String> = rows.iter().filter_map(|&row| identity.labels[row].as_ref()).collect();
    let names: BTreeMap<&String, usize> = names.into_iter().zip(0..).collect();
    let label: Vec<usize> =
        rows.iter().filter_map(|&row| names.get(identity.labels[row].as_ref()?).copied()).collect();
    let frames: Vec<f64> = rows.iter().filter_map(|&row| identity.frames[row]).collect();
    let times: BTreeSet<u64> = frames.iter().map(|frame| frame.to_bits()).collect();
    let times: BTreeMap<u64, usize> = times.into_iter().zip(0..).collect();
    let time: Vec<usize> = frames.iter().map(|frame| times[&frame.to_bits()]).collect();
    let units = Units::new(question.items, &rows, Level::Row, false);
    let mean = |of: &Vectors| units.mean(question.items, of, None);
    let baselines: Vec<Vectors> = question.baselines.iter().map(mean).collect();
    let each: Vec<usize> = (0..rows.len()).collect();
    let labels: Labels = label.iter().map(|&label| vec![label]).collect();
    // Dealt out among rows of one time, so that each label keeps its times as far as it can.
    let labels = with_shuffled(labels, &each, &time, question.seed);
    let vectors = mean(question.vectors);
    let outcome = |all: bool| {
        let look = |query: usize, found: usize| {
            let near = (frames[query] - frames[found]).abs() < identity.min_gap;
            match (query == found, near) {
                (false, false) => Sight::Seen,
                // A row has one label, so that the same one is the right one.
                (false, true) if !all => Sight::UnlessRight,
                _ => Sight::Hidden,
            }
        };
        let exam = Exam {
            items: &units.items,
            ask: Ask { queries: each.clone(), gallery: each.clone(), look: &look },
            labels: &labels,
            cluster: &label,
            clusters: "labels",
            mechanisms: &[],
            vectors: &vectors,
            baselines: &baselines,
            structures: None,
            classifies: false,
            resamples: question.resamples,
        };
        let what = if all { "all rows" } else { "the label's rows" };
        let blank = Outcome {
            task: identity.column.to_owned(),
            protocol,
            split: "all against all".to_owned(),
            exclusion: format!("{what} nearer than {} frames", identity.min_gap),
            normalisation: Normalisation::Raw.label().to_owned(),
            level: Level::Row,
            seed: question.seed,
            simulated: question.simulated,
            contaminated: Vec::new(),
            source: None,
            target: None,
            n_query: 0,
            n_gallery: 0,
            n_dropped: 0,
            metrics: BTreeMap::new(),
            baselines: BTreeMap::new(),
            notes: notes.clone(),
        };
        exam.outcome(blank, progress)
    };
    Ok(vec![outcome(false)?, outcome(true)?])
}

//! What a model says of each video of an experiment.

use std::sync::Arc;

use super::infer::Encoder;
use super::screen::{Screen, ScreenError};
use crate::analysis::items::Items;
use crate::experiment::Experiment;
use crate::export::Progress;
use crate::model::card::Card;
use crate::model::input::Frames;

/// Mechanisms that are named for each video.
pub const NAMED: usize = 3;

/// One video.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Table row.
    pub row: usize,
    /// Row name.
    pub row_id: String,
    /// Mechanisms with the classifier's probabilities, most likely first.
    pub moas: Vec<(String, f32)>,
    /// Drug of the training that it looks most like, with the classifier's probability.
    pub drug: Option<(String, f32)>,
    /// How its scale differs from the training's; empty where it does not.
    pub warning: String,
}

/// All videos of an experiment.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// Its videos that could be read.
    pub videos: Vec<Prediction>,
    /// Those that could not, and why.
    pub problems: Vec<(String, String)>,
    /// Hash of the model's weights.
    pub model: String,
    /// BLAKE3 over names and contents of the videos.
    pub fingerprint: String,
    /// True if model or videos are simulated.
    pub simulated: bool,
}

/// Reads, encodes and classifies all rows. Steps of `progress` are videos.
pub fn predict(
    experiment: &Arc<Experiment>,
    encoder: &Encoder,
    card: &Card,
    progress: &Progress,
) -> Result<Predictions, ScreenError> {
    let items = Items::of(experiment);
    let screen = Screen::read(experiment, &items, &card.input, progress)?;
    let encodings = screen.encode(encoder, Frames::Video, progress)?;
    let mut hasher = blake3::Hasher::new();
    for (row_id, content) in screen.row_ids.iter().zip(&screen.contents) {
        hasher.update(&(row_id.len() as u64).to_le_bytes()).update(row_id.as_bytes()).update(content);
    }
    let probabilities = encodings.moas.chunks_exact(card.moas.len().max(1));
    let drugs = encodings.drugs.chunks_exact(card.drugs.len().max(1));
    let videos = screen.rows.iter().zip(&screen.row_ids).zip(probabilities.zip(drugs));
    let videos = videos.map(|((&row, row_id), (moas, drugs))| {
        let warning = screen.warnings.iter().find(|(warned, _)| warned == row_id);
        Prediction {
            row,
            row_id: row_id.clone(),
            moas: ranked(moas).take(NAMED).map(|(class, p)| (card.moas[class].clone(), p)).collect(),
            drug: ranked(drugs).next().map(|(class, p)| (card.drugs[class].name.clone(), p)),
            warning: warning.map(|(_, text)| text.clone()).unwrap_or_default(),
        }
    });
    let simulated = card.trained_on.simulated || screen.rows.iter().any(|&row| experiment.is_simulated(row));
    Ok(Predictions {
        experiment: Arc::clone(experiment),
        videos: videos.collect(),
        problems: screen.problems,
        model: card.hash.clone(),
        fingerprint: hasher.finalize().to_hex().to_string(),
        simulated,
    })
}

/// Classes by probability, highest first; equal ones in their order.
fn ranked(probabilities: &[f32]) -> impl Iterator<Item = (usize, f32)> {
    let mut order: Vec<(usize, f32)> = probabilities.iter().copied().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    order.into_iter()
}

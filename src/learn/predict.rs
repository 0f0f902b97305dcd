//! A model on an experiment: each video's embedding, and what the classifier says of it.

use std::sync::Arc;

use super::infer::{Encoder, Encodings};
use super::screen::{Screen, ScreenError};
use crate::analysis::items::Items;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::model::card::Card;
use crate::model::input::Frames;
use crate::progress::Progress;

/// What the classifier says of some videos.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Classified {
    /// The videos' row names.
    pub row_ids: Vec<String>,
    /// Mechanisms of the training.
    pub moas: Vec<String>,
    /// Their probabilities, `[video, moa]`.
    pub probabilities: Vec<f32>,
    /// Drug of the training that each video looks most like, with the classifier's probability.
    pub drugs: Vec<Option<(String, f32)>>,
}

impl Classified {
    /// Of encoded videos.
    pub fn of(row_ids: &[String], encodings: &Encodings, card: &Card) -> Self {
        let likeliest = |drugs: &[f32]| {
            let mut classes = ranked(drugs.iter().copied().map(f64::from));
            classes.next().map(|(class, p)| (card.drugs[class].name.clone(), p as f32))
        };
        Self {
            row_ids: row_ids.to_vec(),
            moas: card.moas.clone(),
            drugs: encodings.drugs.chunks_exact(card.drugs.len().max(1)).map(likeliest).collect(),
            probabilities: encodings.moas.clone(),
        }
    }

    /// Probabilities of the mechanisms, the mean over some videos.
    pub fn mean(&self, videos: &[usize]) -> Vec<f64> {
        let count = self.moas.len();
        let mut sum = vec![0.0; count];
        for &video in videos {
            let of = &self.probabilities[video * count..(video + 1) * count];
            sum.iter_mut().zip(of).for_each(|(sum, p)| *sum += f64::from(*p));
        }
        sum.into_iter().map(|sum| sum / videos.len().max(1) as f64).collect()
    }
}

/// All videos of an experiment.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// Embeddings of its videos that could be read.
    pub embeddings: EmbeddingTable,
    /// The classifier's word on them.
    pub classified: Classified,
    /// Videos whose scale differs from the training's, and how.
    pub warnings: Vec<(String, String)>,
    /// Videos that could not be read, or that the model makes no numbers of, and why.
    pub problems: Vec<(String, String)>,
    /// Hash of the model's weights.
    pub model: String,
    /// BLAKE3 over names and contents of the videos.
    pub fingerprint: String,
    /// True if model or videos are simulated.
    pub simulated: bool,
}

/// What a model makes of some rows, where all of it are finite numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Finite {
    /// The rows' names.
    pub row_ids: Vec<String>,
    /// What they became.
    pub encodings: Encodings,
    /// The other rows, and why they are left out.
    pub problems: Vec<(String, String)>,
}

impl Finite {
    /// Sorts out the rows of which the model makes NaN or infinity: they would be nearest to nothing, and spoil every
    /// mean that they are part of.
    ///
    /// # Errors
    /// No row is left.
    pub fn of(row_ids: &[String], encodings: &Encodings) -> Result<Self, ScreenError> {
        let finite = encodings.finite();
        let names = |wanted: bool| {
            let names = row_ids.iter().zip(&finite).filter(move |(_, finite)| **finite == wanted);
            names.map(|(row_id, _)| row_id.clone())
        };
        let kept: Vec<String> = names(true).collect();
        if kept.is_empty() {
            return Err(ScreenError::Nothing { rows: row_ids.len(), first: NOT_FINITE.to_owned() });
        }
        Ok(Self {
            row_ids: kept,
            encodings: encodings.keep(&finite),
            problems: names(false).map(|row_id| (row_id, NOT_FINITE.to_owned())).collect(),
        })
    }

    /// The embeddings as a table of the experiment.
    pub fn table(&self, model_hash: &str) -> EmbeddingTable {
        EmbeddingTable {
            row_ids: self.row_ids.clone(),
            dim: self.encodings.dim,
            values: self.encodings.embeddings.clone(),
            model_hash: model_hash.to_owned(),
        }
    }
}

/// Why a row is left out.
const NOT_FINITE: &str = "the model makes numbers of it that are not finite. Look at the recording; if it is sound, \
                          the model is not";

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
    let fingerprint = screen.fingerprint();
    let simulated = card.trained_on.simulated || screen.rows.iter().any(|&row| experiment.is_simulated(row));
    let finite = Finite::of(&screen.row_ids, &encodings)?;
    Ok(Predictions {
        experiment: Arc::clone(experiment),
        embeddings: finite.table(&card.hash),
        classified: Classified::of(&finite.row_ids, &finite.encodings, card),
        warnings: screen.warnings,
        problems: screen.problems.into_iter().chain(finite.problems).collect(),
        model: card.hash.clone(),
        fingerprint,
        simulated,
    })
}

/// Classes by probability, highest first; equal ones in their order.
pub fn ranked(probabilities: impl IntoIterator<Item = f64>) -> impl Iterator<Item = (usize, f64)> {
    let mut order: Vec<(usize, f64)> = probabilities.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    order.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_treatments_probabilities_are_the_mean_of_its_videos() {
        let classified = Classified {
            moas: vec!["a".to_owned(), "b".to_owned()],
            probabilities: vec![1.0, 0.0, 0.5, 0.5, 0.25, 0.75],
            ..Classified::default()
        };
        assert_eq!(classified.mean(&[0, 2]), [0.625, 0.375]);
        assert_eq!(classified.mean(&[]), [0.0, 0.0]);
        assert_eq!(ranked([0.2, 0.5, 0.2]).collect::<Vec<_>>(), [(1, 0.5), (0, 0.2), (2, 0.2)]);
    }

    #[test]
    fn rows_that_become_no_numbers_are_left_out_by_name() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut encodings =
            Encodings { dim: 1, embeddings: vec![1.0, f32::NAN, 3.0], ..Encodings::default() };
        let finite = Finite::of(&names, &encodings).unwrap();
        let table = finite.table("ab");
        assert_eq!((table.row_ids, table.values), (vec!["a".to_owned(), "c".to_owned()], vec![1.0, 3.0]));
        assert_eq!(finite.problems.len(), 1);
        assert!(finite.problems[0].0 == "b" && finite.problems[0].1.contains("not finite"));
        encodings.embeddings = vec![f32::INFINITY; 3];
        let text = Finite::of(&names, &encodings).unwrap_err().to_string();
        assert!(text.contains("none of 3 videos") && text.contains("not finite"), "{text}");
    }
}

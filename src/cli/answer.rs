//! From a model and an experiment to answers, tables and what they are worth, for more than one command.

use std::path::Path;
use std::sync::Arc;

use super::experiment::{open, with_bar};
use crate::analysis::answers::{Answers, Level, Library, Options, Origin, Subjects};
use crate::export::figure::{self, Reliability};
use crate::export::predictions::{Source, Summary, Tables, tables};
use crate::learn::infer::Encoder;
use crate::learn::predict::{Predictions, predict};
use crate::model::card::Card;
use crate::terminal::note;

/// The experiment that answers, read and encoded by the same model.
pub fn library(path: &Path, encoder: &Encoder, card: &Card) -> anyhow::Result<Arc<Library>> {
    let experiment = Arc::new(open(path)?);
    let encoded =
        with_bar("videos of the gallery", |progress| predict(&experiment, encoder, card, progress))?;
    left_out(&encoded.problems);
    let (subjects, raw) = subjects(&encoded);
    let (dim, origin) = (encoded.embeddings.dim, origin(&encoded, path));
    let library = with_bar("videos compared", |progress| {
        Library::new(subjects, &raw, dim, origin, &Options::default(), progress)
    })?;
    Ok(Arc::new(library))
}

/// Answers of an encoded experiment, by a library or by itself.
pub fn answers(encoded: &Predictions, path: &Path, library: Option<Arc<Library>>) -> anyhow::Result<Answers> {
    let (subjects, raw) = subjects(encoded);
    let (dim, origin) = (encoded.embeddings.dim, origin(encoded, path));
    let answers = with_bar("videos compared", |progress| {
        Answers::new(subjects, &raw, dim, origin, library, &Options::default(), progress)
    })?;
    Ok(answers)
}

/// Both tables, and them in a few lines.
pub fn both_tables(
    answers: &Answers,
    encoded: &Predictions,
    card: &Card,
) -> anyhow::Result<(Tables, Summary)> {
    let source = Source {
        experiment: &encoded.experiment,
        classified: Some(&encoded.classified),
        warnings: &encoded.warnings,
        problems: &encoded.problems,
        training: &card.drugs,
        fingerprint: &encoded.fingerprint,
        simulated: encoded.simulated,
    };
    let tables = with_bar("questions", |progress| tables(answers, &source, progress))?;
    let summary = Summary::of(answers, &tables, &source);
    Ok((tables, summary))
}

/// Writes the reliability diagram of the treatments' mechanisms; false where too little is known for probabilities.
pub fn write_reliability(
    answers: &Answers,
    summary: &Summary,
    fingerprint: &str,
    folder: &Path,
) -> anyhow::Result<bool> {
    let library = answers.library();
    let Some(measured) = &library.calibration(Level::Treatment).reliability else { return Ok(false) };
    let how = format!(
        "each compound left out, cross-fitted by compound; the model was trained with {} of the {} compounds that answer",
        summary.answering_compounds_in_training, summary.answering_compounds
    );
    let origin = figure::Origin {
        model: library.origin().model_hash.clone(),
        data: fingerprint.to_owned(),
        simulated: summary.simulated,
    };
    let reliability = Reliability::of_mechanisms("reliability", Level::Treatment, measured, &how, origin);
    figure::write(&reliability, folder)?;
    Ok(true)
}

/// Says on stderr which videos could not be encoded, and why.
pub fn left_out(problems: &[(String, String)]) {
    for (row, problem) in problems.iter().take(10) {
        note!("left out {row}: {problem}");
    }
    if problems.len() > 10 {
        note!("left out {} more videos", problems.len() - 10);
    }
}

fn subjects(encoded: &Predictions) -> (Arc<Subjects>, Vec<f32>) {
    let subjects = Subjects::of(&encoded.experiment, &encoded.embeddings);
    let raw = subjects.gather(&encoded.embeddings);
    (Arc::new(subjects), raw)
}

fn origin(encoded: &Predictions, path: &Path) -> Origin {
    // Manifests are all called so; the folder tells them apart.
    Origin {
        name: path.display().to_string(),
        model_hash: encoded.model.clone(),
        simulated: encoded.simulated,
    }
}

//! From an encoder and an experiment to answers, tables and what they are worth, for more than one command.

use std::path::Path;
use std::sync::Arc;

use super::experiment::{open, with_bar};
use crate::analysis::answers::{Answers, Level, Library};
use crate::experiment::Experiment;
use crate::export::figure::{self, Reliability};
use crate::export::predictions::{Source, Summary, Tables, tables};
use crate::learn::encoder::Encoder;
use crate::learn::pipeline::{self, Embedded};
use crate::terminal::note;

/// The experiment that answers, read and encoded by the same encoder.
pub fn library(path: &Path, asked: &Experiment, encoder: &dyn Encoder) -> anyhow::Result<Arc<Library>> {
    let experiment = Arc::new(open(path)?);
    let (table, problems) =
        with_bar("rows of the gallery", |progress| pipeline::gallery(&experiment, asked, encoder, progress))?;
    left_out(&problems);
    // Manifests are all called so; the folder tells them apart.
    let name = path.display().to_string();
    Ok(with_bar("rows compared", |progress| {
        pipeline::library(&name, &experiment, &table, encoder.about(), progress)
    })?)
}

/// Answers of an encoded experiment, by a library or by itself.
pub fn answers(
    embedded: &Embedded,
    path: &Path,
    library: Option<Arc<Library>>,
) -> anyhow::Result<Arc<Answers>> {
    let (name, table) = (path.display().to_string(), embedded.table());
    Ok(with_bar("rows compared", |progress| {
        pipeline::answers(&name, &embedded.experiment, &table, &embedded.about, library, progress)
    })?)
}

/// Both tables, and them in a few lines.
pub fn both_tables(answers: &Answers, embedded: &Embedded) -> anyhow::Result<(Tables, Summary)> {
    let source = Source::of(embedded);
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
    let trained = match summary.answering_compounds_in_training {
        Some(trained) => {
            format!(
                "the model was trained with {trained} of the {} compounds that answer",
                summary.answering_compounds
            )
        }
        None => "nobody knows which compounds the vectors were trained with".to_owned(),
    };
    let how = format!("each compound left out, cross-fitted by compound; {trained}");
    let origin = figure::Origin {
        model: library.origin().model_hash.clone(),
        data: fingerprint.to_owned(),
        simulated: summary.simulated,
    };
    let reliability = Reliability::of_mechanisms("reliability", Level::Treatment, measured, &how, origin);
    figure::write(&reliability, folder)?;
    Ok(true)
}

/// Says on stderr which rows could not be encoded, and why.
pub fn left_out(problems: &[(String, String)]) {
    for (row, problem) in problems.iter().take(10) {
        note!("left out {row}: {problem}");
    }
    if problems.len() > 10 {
        note!("left out {} more rows", problems.len() - 10);
    }
}

//! The jobs of answers: encoding an experiment, reading another as a gallery, a region while it plays.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;

use super::{Encoded, Gallery, Place, Question, RegionAnswer};
use crate::analysis::answers::{
    Answer, Answers, AnswersError, Exclude, Level, Library, Options, Origin, Query, Subjects,
};
use crate::analysis::items::Items;
use crate::app::training::job::{Device, load};
use crate::app::training::kept::Start;
use crate::experiment::{EmbeddingTable, Experiment, import};
use crate::export::ExportError;
use crate::gpu::ComputeThread;
use crate::learn::infer::Encoder;
use crate::learn::predict::Finite;
use crate::learn::region::{self, Region};
use crate::learn::screen::{Screen, ScreenError};
use crate::model::card::Card;
use crate::model::input::Frames;
use crate::progress::{Cancelled, Progress};
use crate::video::Recording;

/// What an encoding needs.
pub struct Task {
    /// Model.
    pub start: Start,
    /// Rows.
    pub experiment: Arc<Experiment>,
    /// Of its table.
    pub revision: u64,
    /// Who computes.
    pub device: Device,
}

/// Loads a model, encodes all rows that are not excluded, and makes them ready to be asked about.
pub fn encode(task: &Task, progress: &Progress) -> anyhow::Result<Encoded> {
    let started = Instant::now();
    let compute = task.device.open()?;
    let thread = ComputeThread::shared();
    let Some((model, card)) = load(&task.start, &compute, &thread)? else {
        bail!("choose a model first");
    };
    let encoder = Encoder::new(model, compute, thread);
    let screen = read(&task.experiment, &card, progress)?;
    let encodings = screen.encode(&encoder, Frames::Video, progress)?;
    let seconds = started.elapsed().as_secs_f64();
    let is_finite = encodings.finite();
    let kept = || (0..screen.rows.len()).filter(|&place| is_finite[place]);
    let intensities = kept().map(|place| screen.intensities(place).to_vec()).collect();
    let rows: Vec<usize> = kept().map(|place| screen.rows[place]).collect();
    let finite = Finite::of(&screen.row_ids, &encodings)?;
    let table = finite.table(&card.hash);
    let (subjects, answers) = answers(&task.experiment, &table, &card, None, progress)?;
    Ok(Encoded {
        experiment: task.experiment.id.clone(),
        revision: task.revision,
        start: task.start.clone(),
        card: Arc::new(card),
        encoder,
        fingerprint: screen.fingerprint(),
        rows: Arc::new(rows),
        row_ids: finite.row_ids.into(),
        encodings: Arc::new(finite.encodings),
        intensities: Arc::new(intensities),
        problems: screen.problems.into_iter().chain(finite.problems).collect(),
        warnings: screen.warnings,
        seconds,
        subjects,
        answers,
        gallery: None,
    })
}

fn read(experiment: &Arc<Experiment>, card: &Card, progress: &Progress) -> Result<Screen, ScreenError> {
    Screen::read(experiment, &Items::of(experiment), &card.input, progress)
}

/// True if an error is the user's own stop.
pub fn is_stopped(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ScreenError>().is_some_and(|e| matches!(e, ScreenError::Stopped(_)))
        || error.downcast_ref::<AnswersError>().is_some_and(|e| matches!(e, AnswersError::Cancelled))
        || error.downcast_ref::<Cancelled>().is_some()
        || error.downcast_ref::<ExportError>().is_some_and(|e| matches!(e, ExportError::Cancelled))
}

/// Subjects of a table of embeddings, and answers about them.
pub fn answers(
    experiment: &Arc<Experiment>,
    table: &EmbeddingTable,
    card: &Card,
    gallery: Option<&Gallery>,
    progress: &Progress,
) -> anyhow::Result<(Arc<Subjects>, Arc<Answers>)> {
    let subjects = Arc::new(Subjects::of(experiment, table));
    let raw = subjects.gather(table);
    let origin = origin(experiment, &subjects, card);
    let library = gallery.map(|gallery| Arc::clone(&gallery.library));
    let answers =
        Answers::new(Arc::clone(&subjects), &raw, table.dim, origin, library, &Options::default(), progress)?;
    Ok((subjects, Arc::new(answers)))
}

/// Another gallery, or none.
pub type GalleryChoice = Option<Arc<Gallery>>;

fn origin(experiment: &Experiment, subjects: &Subjects, card: &Card) -> Origin {
    Origin {
        name: experiment.name.clone(),
        model_hash: card.hash.clone(),
        simulated: card.trained_on.simulated || subjects.simulated(),
    }
}

/// The same embeddings with the table's labels as they are now, and another gallery.
pub fn again(
    before: &Encoded,
    experiment: &Arc<Experiment>,
    revision: u64,
    gallery: GalleryChoice,
    progress: &Progress,
) -> anyhow::Result<Encoded> {
    let (subjects, answers) =
        answers(experiment, &before.table(), &before.card, gallery.as_deref(), progress)?;
    Ok(Encoded {
        experiment: before.experiment.clone(),
        revision,
        start: before.start.clone(),
        card: Arc::clone(&before.card),
        encoder: before.encoder.clone(),
        rows: Arc::clone(&before.rows),
        row_ids: Arc::clone(&before.row_ids),
        encodings: Arc::clone(&before.encodings),
        intensities: Arc::clone(&before.intensities),
        problems: before.problems.clone(),
        warnings: before.warnings.clone(),
        fingerprint: before.fingerprint.clone(),
        seconds: before.seconds,
        subjects,
        answers,
        gallery,
    })
}

/// Opens another experiment as a gallery: with the embeddings that it keeps, if they are of the same model, and else
/// encoded now. Nothing of it is changed.
pub fn gallery(path: &Path, encoded: &Encoded, progress: &Progress) -> anyhow::Result<Gallery> {
    let experiment = Arc::new(import::open(path)?.experiment);
    let card = &encoded.card;
    let kept = experiment.embeddings.values().find(|table| table.model_hash == card.hash);
    let table = if let Some(table) = kept {
        Arc::clone(table)
    } else {
        let screen = read(&experiment, card, progress)?;
        let encodings = screen.encode(&encoded.encoder, Frames::Video, progress)?;
        Arc::new(Finite::of(&screen.row_ids, &encodings)?.table(&card.hash))
    };
    let subjects = Arc::new(Subjects::of(&experiment, &table));
    let raw = subjects.gather(&table);
    let origin = origin(&experiment, &subjects, card);
    let library =
        Library::new(Arc::clone(&subjects), &raw, table.dim, origin, &Options::default(), progress)?;
    Ok(Gallery {
        path: path.to_owned(),
        name: experiment.name.clone(),
        experiment,
        subjects,
        library: Arc::new(library),
    })
}

/// Answers a question about a row.
pub fn ask(encoded: &Encoded, question: Question, neighbours: usize) -> Result<Answer, String> {
    let Some(subject) = encoded.subject(question.row) else {
        return Err("Not called: this video was not encoded.".to_owned());
    };
    let answers = &encoded.answers;
    let about = &encoded.subjects.subjects[subject];
    let query = match question.level {
        Level::Video => Query::Subject(subject),
        Level::Treatment => match encoded.subjects.treatment_of(subject) {
            Some(treatment) => Query::Treatment(treatment),
            None if about.control => {
                return Err("A negative control is not a treatment. Ask about the video.".into());
            }
            None => return Err("The row names no compound. Ask about the video.".into()),
        },
        Level::Compound => match about.compound.filter(|_| !about.control) {
            Some(compound) => Query::Compound(compound),
            None if about.control => {
                return Err("A negative control is not a treatment. Ask about the video.".into());
            }
            None => return Err("The row names no compound. Ask about the video.".into()),
        },
    };
    answers.ask(&query, question.exclude, neighbours).map_err(|e| e.to_string())
}

/// Encodes a region and answers it.
pub fn region(
    encoded: &Encoded,
    recording: &Recording,
    place: Place,
    region: &Region,
    row: Option<u32>,
) -> Result<RegionAnswer, String> {
    let made = region::encode(&encoded.encoder, &encoded.card.input, recording, region)
        .map_err(|e| e.to_string())?;
    let subject = row.and_then(|row| encoded.subject(row));
    let replicate = subject.map(|subject| encoded.subjects.subjects[subject].replicate);
    let query = Query::Vector { raw: &made.encodings.embeddings, replicate, subject };
    let answer = encoded.answers.judge(&query, Exclude::default(), 0).map_err(|e| e.to_string())?;
    Ok(RegionAnswer { place, encoded: made, answer })
}

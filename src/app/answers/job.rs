//! The jobs of answers: encoding an experiment, reading another as a gallery, a region while it plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use super::{Encoded, Gallery, Place, Question, RegionAnswer, Source};
use crate::analysis::answers::{Answer, Answers, AnswersError, Exclude, Level, Query, Subjects};
use crate::app::training::job::Device;
use crate::experiment::{Experiment, import};
use crate::export::ExportError;
use crate::gpu::ComputeThread;
use crate::learn::encoder::{EncodeError, Encoder};
use crate::learn::families::{self, Open};
use crate::learn::imported::Imported;
use crate::learn::infer::MolClipEncoder;
use crate::learn::pipeline::{self, Embedded};
use crate::learn::region::Region;
use crate::learn::shipped;
use crate::progress::{Cancelled, Progress};
use crate::video::Recording;

/// What an encoding needs.
pub struct Task {
    /// What encodes.
    pub source: Source,
    /// Rows.
    pub experiment: Arc<Experiment>,
    /// Of its table.
    pub revision: u64,
    /// Folder of models: one of them may have made vectors that the experiment keeps.
    pub models: PathBuf,
    /// Who computes.
    pub device: Device,
}

/// Opens an encoder, encodes all rows that are not excluded, and makes them ready to be asked about.
pub fn encode(task: &Task, progress: &Progress) -> anyhow::Result<Encoded> {
    let started = Instant::now();
    let encoder = open(task)?;
    let embedded = pipeline::embed(&task.experiment, &*encoder, progress)?;
    let seconds = started.elapsed().as_secs_f64();
    let (subjects, answers) = answers(&task.experiment, &embedded, None, progress)?;
    Ok(Encoded {
        experiment: task.experiment.id.clone(),
        revision: task.revision,
        source: task.source.clone(),
        encoder,
        embedded: Arc::new(embedded),
        seconds,
        subjects,
        answers,
        gallery: None,
    })
}

fn open(task: &Task) -> anyhow::Result<Arc<dyn Encoder>> {
    let (model, name) = match &task.source {
        Source::Embedding(name) => {
            let table = task.experiment.embeddings.get(name);
            let table =
                table.with_context(|| format!("the experiment keeps no embedding {name}; choose another"))?;
            return Ok(Arc::new(Imported::new(name.clone(), Arc::clone(table)).known(&[&task.models])));
        }
        Source::Model(folder) => (Some(folder.as_path()), ""),
        Source::Family(name) => {
            // What needs no model needs no device either.
            if let Some(Open::Built(build)) = families::named(name).map(|family| family.open) {
                return Ok(build());
            }
            (None, *name)
        }
        Source::Shipped => (None, ""),
    };
    let compute = task.device.open()?;
    let thread = ComputeThread::shared();
    if task.source == Source::Shipped {
        let (model, card) = shipped::load(&compute, &thread)?;
        return Ok(Arc::new(MolClipEncoder::new(model, card, compute, thread)));
    }
    Ok(families::open(model.unwrap_or_else(|| Path::new(name)), &compute, &thread)?)
}

/// True if an error is the user's own stop.
pub fn is_stopped(error: &anyhow::Error) -> bool {
    error.downcast_ref::<EncodeError>().is_some_and(|e| matches!(e, EncodeError::Stopped(_)))
        || error.downcast_ref::<AnswersError>().is_some_and(|e| matches!(e, AnswersError::Cancelled))
        || error.downcast_ref::<Cancelled>().is_some()
        || error.downcast_ref::<ExportError>().is_some_and(|e| matches!(e, ExportError::Cancelled))
}

/// Answers about embedded rows, with the labels of `experiment`.
fn answers(
    experiment: &Arc<Experiment>,
    embedded: &Embedded,
    gallery: Option<&Gallery>,
    progress: &Progress,
) -> anyhow::Result<(Arc<Subjects>, Arc<Answers>)> {
    let library = gallery.map(|gallery| Arc::clone(&gallery.library));
    let (table, about) = (embedded.table(), &embedded.about);
    let answers = pipeline::answers(&experiment.name, experiment, &table, about, library, progress)?;
    Ok((Arc::clone(answers.subjects()), answers))
}

/// Another gallery, or none.
pub type GalleryChoice = Option<Arc<Gallery>>;

/// The same embeddings with the table's labels as they are now, and another gallery.
pub fn again(
    before: &Encoded,
    experiment: &Arc<Experiment>,
    revision: u64,
    gallery: GalleryChoice,
    progress: &Progress,
) -> anyhow::Result<Encoded> {
    let (subjects, answers) = answers(experiment, &before.embedded, gallery.as_deref(), progress)?;
    Ok(Encoded {
        experiment: before.experiment.clone(),
        revision,
        source: before.source.clone(),
        encoder: Arc::clone(&before.encoder),
        embedded: Arc::clone(&before.embedded),
        seconds: before.seconds,
        subjects,
        answers,
        gallery,
    })
}

/// Opens another experiment as a gallery: with the embeddings that it keeps, if they are of the same encoder, and else
/// encoded now. Nothing of it is changed.
pub fn gallery(path: &Path, encoded: &Encoded, progress: &Progress) -> anyhow::Result<Gallery> {
    let experiment = Arc::new(import::open(path)?.experiment);
    let about = &encoded.embedded.about;
    let asked = &encoded.embedded.experiment;
    let (table, _) = pipeline::gallery(&experiment, asked, &*encoded.encoder, progress)?;
    let library = pipeline::library(&experiment.name, &experiment, &table, about, progress)?;
    Ok(Gallery {
        path: path.to_owned(),
        name: experiment.name.clone(),
        subjects: Arc::clone(library.subjects()),
        experiment,
        library,
    })
}

/// Answers a question about a row.
pub fn ask(encoded: &Encoded, question: Question, neighbours: usize) -> Result<Answer, String> {
    let Some(subject) = encoded.subject(question.row) else {
        return Err("Not called: this row was not encoded.".to_owned());
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
    let Some(regions) = encoded.encoder.regions() else {
        return Err("This encoder sees whole rows only.".to_owned());
    };
    let made = regions.encode(recording, region).map_err(|e| e.to_string())?;
    let subject = row.and_then(|row| encoded.subject(row));
    let replicate = subject.map(|subject| encoded.subjects.subjects[subject].replicate);
    let query = Query::Vector { raw: &made.values, replicate, subject };
    let answer = encoded.answers.judge(&query, Exclude::default(), 0).map_err(|e| e.to_string())?;
    Ok(RegionAnswer { place, encoded: made, answer })
}

//! The jobs of answers: encoding an experiment, reading another as a gallery, a region while it plays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use super::models::name;
use super::returning::Last;
use super::{Encoded, Gallery, Place, Question, RegionAnswer, Source};
use crate::analysis::answers::{Answer, Answers, AnswersError, Exclude, Level, Query, Subjects};
use crate::analysis::biomarkers::Feature;
use crate::analysis::profile::{self, Deviations};
use crate::app::training::job::Device;
use crate::app::training::models::with_hash;
use crate::experiment::{Experiment, import};
use crate::export::ExportError;
use crate::gpu::ComputeThread;
use crate::learn::encoder::{About, EncodeError, Encoder};
use crate::learn::families::{self, Open};
use crate::learn::imported::Imported;
use crate::learn::infer::MolClipEncoder;
use crate::learn::kept::{Said, kept};
use crate::learn::pipeline::{self, Embedded};
use crate::learn::region::Region;
use crate::learn::shipped;
use crate::progress::{Cancelled, Progress};
use crate::video::Recording;

/// What is said where rows would have to be encoded.
const NOT_KEPT: &str = "the experiment does not keep vectors of all rows that it has now. Encode them";

/// What an encoding needs.
#[derive(Clone)]
pub struct Task {
    /// What encodes.
    pub source: Source,
    /// Rows.
    pub experiment: Arc<Experiment>,
    /// Of its table.
    pub revision: u64,
    /// Folders of models: one of them may have made vectors that the experiment keeps.
    pub models: Vec<PathBuf>,
    /// Who computes.
    pub device: Device,
    /// What encodings of the experiment said, by the hash of their encoder.
    pub said: BTreeMap<String, Arc<Said>>,
    /// Vectors that the experiment keeps do not count.
    pub anew: bool,
}

/// Opens an encoder, encodes all rows that are not excluded, and makes them ready to be asked about. Vectors that the
/// experiment keeps of all of them spare it.
pub fn encode(task: &Task, progress: &Progress) -> anyhow::Result<Encoded> {
    let started = Instant::now();
    let encoder = open(task)?;
    let there = if task.anew { None } else { of_kept(task, &*encoder)? };
    let (embedded, seconds) = if let Some(embedded) = there {
        (embedded, None)
    } else {
        let embedded = pipeline::embed(&task.experiment, &*encoder, progress)?;
        (embedded, Some(started.elapsed().as_secs_f64()))
    };
    ready(task, encoder, embedded, seconds, progress)
}

/// What the experiment keeps of an encoder; `None` for vectors that are looked up anyway.
fn of_kept(task: &Task, encoder: &dyn Encoder) -> Result<Option<Embedded>, EncodeError> {
    if matches!(task.source, Source::Embedding(_)) {
        return Ok(None);
    }
    kept(&task.experiment, encoder, task.said.get(&encoder.about().hash).map(Arc::as_ref))
}

/// As [`encode`], of vectors that the experiment keeps and of no others: no recording is read.
///
/// # Errors
/// It keeps none of the encoder, or rows came since.
pub fn encode_kept(task: &Task, progress: &Progress) -> anyhow::Result<Encoded> {
    if matches!(task.source, Source::Embedding(_)) {
        return encode(task, progress);
    }
    let encoder = open(task)?;
    let embedded = of_kept(task, &*encoder)?.context(NOT_KEPT)?;
    ready(task, encoder, embedded, None, progress)
}

/// What answered when the project was closed, by its encoder, or where that is not at hand by its vectors alone. No recording
/// is read.
///
/// # Errors
/// Neither is there, or rows came since.
pub fn bring_back(task: &Task, last: &Last, progress: &Progress) -> anyhow::Result<Encoded> {
    let encoded = if matches!(task.source, Source::Embedding(_)) {
        encode(task, progress)?
    } else if let Some((source, encoder)) = its_encoder(task, &last.hash) {
        let task = Task { source, ..task.clone() };
        let embedded = of_kept(&task, &*encoder)?.context(NOT_KEPT)?;
        ready(&task, encoder, embedded, None, progress)?
    } else {
        let about = About { hash: last.hash.clone(), ..About::default() };
        let mut tables = task.experiment.embeddings.iter();
        let (own, _) = tables
            .find(|(_, table)| about.made(table))
            .with_context(|| format!("neither {} nor its vectors are there any more", name(&task.source)))?;
        log::warn!(
            "{} is not at hand: the vectors that the experiment keeps of it answer, without rectangles and structures.",
            name(&task.source)
        );
        encode(&Task { source: Source::Embedding(own.clone()), ..task.clone() }, progress)?
    };
    let Some(path) = &last.gallery else { return Ok(encoded) };
    let experiment = &task.experiment;
    let with_gallery = gallery(path, &encoded, false, progress)
        .and_then(|found| again(&encoded, experiment, task.revision, Some(Arc::new(found)), progress));
    match with_gallery {
        Err(e) if !is_stopped(&e) => {
            log::warn!("The gallery could not be brought back, the experiment answers itself: {e:#}");
            Ok(encoded)
        }
        other => other,
    }
}

/// The encoder of a hash: where it was, or in one of the folders of models.
fn its_encoder(task: &Task, hash: &str) -> Option<(Source, Arc<dyn Encoder>)> {
    let is_it = |encoder: &Arc<dyn Encoder>| encoder.about().hash == hash;
    if let Some(encoder) = open(task).ok().filter(is_it) {
        return Some((task.source.clone(), encoder));
    }
    let source = Source::Model(with_hash(&task.models, hash)?);
    let encoder = open(&Task { source: source.clone(), ..task.clone() }).ok().filter(is_it)?;
    Some((source, encoder))
}

/// Makes rows that have vectors ready to be asked about.
fn ready(
    task: &Task,
    encoder: Arc<dyn Encoder>,
    embedded: Embedded,
    seconds: Option<f64>,
    progress: &Progress,
) -> anyhow::Result<Encoded> {
    let (subjects, answers) = answers(&task.experiment, &embedded, None, progress)?;
    Ok(Encoded {
        experiment: task.experiment.id.clone(),
        revision: task.revision,
        source: task.source.clone(),
        encoder,
        features: Arc::new(features(task, &embedded)),
        embedded: Arc::new(embedded),
        seconds,
        subjects,
        answers,
        gallery: None,
    })
}

/// What the numbers of the vectors measure: as the encoder says, and of vectors that the experiment keeps by the names that
/// these have.
fn features(task: &Task, embedded: &Embedded) -> Vec<Feature> {
    match &task.source {
        Source::Embedding(name) => {
            let kept = task.experiment.embeddings.get(name);
            kept.map(|table| table.features.iter().map(|name| profile::feature(name)).collect())
                .unwrap_or_default()
        }
        _ => embedded.encoded.features.clone(),
    }
}

fn open(task: &Task) -> anyhow::Result<Arc<dyn Encoder>> {
    let (model, name) = match &task.source {
        Source::Embedding(name) => {
            let table = task.experiment.embeddings.get(name);
            let table =
                table.with_context(|| format!("the experiment keeps no embedding {name}; choose another"))?;
            let folders: Vec<&Path> = task.models.iter().map(PathBuf::as_path).collect();
            return Ok(Arc::new(Imported::new(name.clone(), Arc::clone(table)).known(&folders)));
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
        features: Arc::clone(&before.features),
        seconds: before.seconds,
        subjects,
        answers,
        gallery,
    })
}

/// Opens another experiment as a gallery: with the embeddings that it keeps, if they are of the same encoder, and else
/// encoded now, if it may be. Nothing of it is changed.
pub fn gallery(
    path: &Path,
    encoded: &Encoded,
    may_encode: bool,
    progress: &Progress,
) -> anyhow::Result<Gallery> {
    let experiment = Arc::new(import::open(path)?.experiment);
    let about = &encoded.embedded.about;
    let asked = &encoded.embedded.experiment;
    let table = if may_encode {
        pipeline::gallery(&experiment, asked, &*encoded.encoder, progress)?.0
    } else {
        pipeline::gallery_kept(&experiment, asked, about).with_context(|| {
            format!("{} keeps no vectors of this encoder. Compare with it again to encode it", path.display())
        })?
    };
    let library = pipeline::library(&experiment.name, &experiment, &table, about, progress)?;
    // The same features as of the experiment that asks, so that strips can be compared.
    let own = match &encoded.source {
        Source::Embedding(name) => asked.embeddings.get(name),
        _ => None,
    };
    let strip = own.and_then(|own| Deviations::of(asked, own, None)).map(|own| own.strip_names());
    let features = strip.and_then(|strip| Deviations::of(&experiment, &table, Some(&strip))).map(Arc::new);
    Ok(Gallery {
        features,
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

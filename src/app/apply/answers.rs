//! Answers: models on videos, questions, regions that follow the player.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::answers::job::{self, Task};
use crate::app::answers::models::chosen;
use crate::app::answers::pictures::Pictures;
use crate::app::answers::{
    AnswerCommand, Encoded, Message, NEIGHBOURS, Place, PredictionsForm, Question, Source, Vectors, apart,
    export, structure,
};
use crate::app::forms::choice::Choice;
use crate::app::jobs::Event;
use crate::app::panes::Pane;
use crate::app::studio::Studio;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::export::embeddings;
use crate::learn::region::Region;
use crate::learn::store::calibration;
use crate::model::clip::Calibration;

impl Studio {
    /// Shows answers beside the recording that they are about.
    pub(in crate::app) fn show_answers(&mut self) {
        self.show_pane(Pane::Viewer);
        self.show_pane(Pane::Answers);
    }

    /// Carries out what the panel asks for.
    pub(in crate::app) fn apply_to_answers(&mut self, command: AnswerCommand) {
        match command {
            AnswerCommand::Source(source) => self.state.answers.source = Some(source),
            AnswerCommand::Encode => self.encode_videos(),
            AnswerCommand::Refresh => {
                let gallery = self.state.answers.encoded.as_ref().and_then(|e| e.gallery.clone());
                self.answer_anew("Reading labels again", move |_, _| Ok(gallery));
            }
            AnswerCommand::Options(options) => self.state.answers.options = options,
            AnswerCommand::Ask(question) => self.ask(question),
            AnswerCommand::Structure(question) => {
                self.state.answers.structure = question;
                self.ask_by_structure();
            }
            AnswerCommand::Region(place) => self.ask_region(place),
            AnswerCommand::Gallery(path) => self.open_gallery(path),
            AnswerCommand::OwnGallery => self.answer_anew("Comparing within the experiment", |_, _| Ok(None)),
            AnswerCommand::Export(form) => self.export_predictions(form),
        }
    }

    /// A file or folder was chosen.
    pub(in crate::app) fn answer_path(&mut self, choice: Choice, path: PathBuf) {
        match choice {
            Choice::Gallery | Choice::GalleryFolder => self.open_gallery(path),
            Choice::Results => {
                if let Some(form) = &mut self.state.dialogs.export_predictions {
                    form.folder = path.display().to_string();
                }
            }
            Choice::Embedding => self.add_embedding(path),
            _ => self.state.answers.source = Some(Source::Model(path)),
        }
    }

    /// Encodes all rows with the chosen model.
    pub(in crate::app) fn encode_videos(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        if self.state.answers.job.is_some() {
            return;
        }
        let task = Task {
            source: chosen(&self.state.answers, &self.state.training, screen),
            experiment: Arc::new(screen.experiment().clone()),
            revision: screen.revision(),
            models: self.state.training.kept.folder.clone(),
            device: self.device(),
        };
        let id = self.jobs.spawn("Encoding videos", true, move |progress, reply| {
            let message = match job::encode(&task, progress) {
                Ok(encoded) => Message::Encoded(Box::new(encoded)),
                Err(e) if job::is_stopped(&e) => Message::Stopped,
                Err(e) => Message::Failed(format!("{e:#}")),
            };
            reply.send(Event::Answers(Box::new(message)));
            Ok(())
        });
        if self.state.answers.pictures.is_none() {
            self.state.answers.pictures = Some(Pictures::start(self.limits, self.wake()));
        }
        self.state.answers.job = Some(id);
        self.state.answers.failed = None;
    }

    /// Answers from the same embeddings again: after labels changed, or with another gallery.
    fn answer_anew(
        &mut self,
        name: &str,
        gallery: impl FnOnce(&Encoded, &crate::progress::Progress) -> anyhow::Result<job::GalleryChoice>
        + Send
        + 'static,
    ) {
        let (Some(screen), Some(encoded)) = (&self.state.screen, &self.state.answers.encoded) else { return };
        if self.state.answers.job.is_some() || !encoded.is_of(screen) {
            return;
        }
        let (encoded, experiment) = (Arc::clone(encoded), Arc::new(screen.experiment().clone()));
        let revision = screen.revision();
        let id = self.jobs.spawn(name, true, move |progress, reply| {
            let again = gallery(&encoded, progress)
                .and_then(|gallery| job::again(&encoded, &experiment, revision, gallery, progress));
            let message = match again {
                Ok(encoded) => Message::Encoded(Box::new(encoded)),
                Err(e) if job::is_stopped(&e) => Message::Stopped,
                Err(e) => Message::Failed(format!("{e:#}")),
            };
            reply.send(Event::Answers(Box::new(message)));
            Ok(())
        });
        self.state.answers.job = Some(id);
        self.state.answers.failed = None;
    }

    fn open_gallery(&mut self, path: PathBuf) {
        self.answer_anew("Opening a gallery", move |encoded, progress| {
            Ok(Some(Arc::new(job::gallery(&path, encoded, progress)?)))
        });
    }

    fn ask(&mut self, question: Question) {
        let Some(encoded) = self.state.answers.encoded.clone() else { return };
        self.state.answers.asking = Some(question);
        self.jobs.spawn("Asking", true, move |_, reply| {
            let answer = job::ask(&encoded, question, NEIGHBOURS);
            let effects = apart::of(&encoded, question.row);
            reply.send(Event::Answers(Box::new(Message::Answered(question, answer, effects))));
            Ok(())
        });
    }

    fn ask_by_structure(&mut self) {
        let answers = &mut self.state.answers;
        let Some(encoded) = answers.encoded.clone() else { return };
        if answers.asking_structure.is_some() || answers.structure.text.is_empty() {
            return;
        }
        let question = answers.structure.clone();
        answers.asking_structure = Some(question.clone());
        self.jobs.spawn("Asking by structure", true, move |_, reply| {
            let answer = structure::ask(&encoded, &question, NEIGHBOURS);
            reply.send(Event::Answers(Box::new(Message::Structure(question, answer))));
            Ok(())
        });
    }

    fn ask_region(&mut self, place: Place) {
        let state = &mut self.state;
        let (Some(encoded), Some(screen)) = (state.answers.encoded.clone(), &state.screen) else { return };
        let Some(view) = state.views.iter().find(|view| view.recording.id == place.recording) else { return };
        let row = screen.playing.get(&view.recording.address).copied();
        let of = &encoded.embedded.encoded;
        let row_place = row.and_then(|row| of.rows.iter().position(|&r| r == row as usize));
        let region = Region {
            part: place.part,
            at: place.at,
            calibration: row
                .map_or_else(Calibration::default, |row| calibration(screen.experiment(), row as usize)),
            intensities: row_place.and_then(|at| of.intensities.get(at).cloned()),
        };
        let recording = Arc::clone(&view.recording);
        state.answers.asking_region = Some(place);
        self.jobs.spawn("Encoding a rectangle", true, move |_, reply| {
            let answer = job::region(&encoded, &recording, place, &region, row);
            reply.send(Event::Answers(Box::new(Message::Region(place, answer))));
            Ok(())
        });
    }

    /// Takes in what jobs sent.
    pub(in crate::app) fn take_answers(&mut self, message: Message) {
        let answers = &mut self.state.answers;
        match message {
            Message::Encoded(encoded) => {
                answers.job = None;
                answers.round += 1;
                answers.region = None;
                answers.structure_answer = None;
                if !matches!(encoded.source, Source::Embedding(_)) {
                    self.keep_embeddings(&encoded);
                }
                self.state.answers.encoded = Some(Arc::from(encoded));
                self.ask_by_structure();
            }
            Message::Failed(why) => {
                answers.job = None;
                log::error!("{why}");
                answers.failed = Some(why);
            }
            Message::Stopped => answers.job = None,
            Message::Answered(question, answer, effects) => {
                if answers.asking == Some(question) {
                    answers.asking = None;
                }
                answers.answer = Some((question, answer.map(Arc::new)));
                answers.apart = effects.map(|effects| (question, effects.map(Arc::new)));
            }
            Message::Structure(question, answer) => {
                answers.asking_structure = None;
                let is_latest = answers.structure == question;
                answers.structure_answer = Some((question, answer.map(Arc::new)));
                if !is_latest {
                    self.ask_by_structure();
                }
            }
            Message::Embedding(vectors) => self.keep_imported(vectors),
            Message::Region(place, answer) => {
                answers.asking_region = None;
                answers.region = Some((place, answer.map(Arc::new)));
            }
        }
    }

    /// Embeddings go into the experiment, where the map finds them and the project keeps them.
    fn keep_embeddings(&mut self, encoded: &Encoded) {
        let Some(screen) = self.state.screen.as_mut().filter(|screen| encoded.is_of(screen)) else { return };
        let table = encoded.embedded.table();
        let known = &screen.experiment().embeddings;
        let Some(name) = name_for(&table, &encoded.embedded.about.name, known) else { return };
        screen.keep_embeddings(name, Arc::new(table));
        self.experiment_changed();
    }

    /// Reads vectors of another program; those of the experiment's rows join it.
    fn add_embedding(&mut self, path: PathBuf) {
        let Some(screen) = &self.state.screen else { return };
        let experiment = Arc::new(screen.experiment().clone());
        self.jobs.spawn("Reading vectors", true, move |_, reply| {
            let vectors = imported(&path, &experiment)?;
            reply.send(Event::Answers(Box::new(Message::Embedding(vectors))));
            Ok(())
        });
    }

    /// Keeps vectors under a name that is free, and asks them from now on.
    fn keep_imported(&mut self, vectors: Vectors) {
        let Vectors { experiment, name, table } = vectors;
        let Some(screen) = self.state.screen.as_mut().filter(|screen| screen.experiment().id == experiment)
        else {
            log::warn!("{name}: the experiment that the vectors were read for was closed meanwhile.");
            return;
        };
        let name = free_name(&name, &screen.experiment().embeddings);
        let (rows, all) = (table.row_ids.len(), screen.table().len());
        log::info!("{name}: vectors of {rows} of {all} rows. Map and Answers can use them now.");
        screen.keep_embeddings(name.clone(), table);
        self.state.answers.source = Some(Source::Embedding(name));
        self.experiment_changed();
        self.show_answers();
        self.encode_videos();
    }

    /// Once per pass: a job that ended without a word must not leave the panel waiting.
    pub(in crate::app) fn follow_answers(&mut self) {
        let Some(id) = self.state.answers.job else { return };
        if !self.jobs.running().iter().any(|job| job.id == id) {
            self.state.answers.job = None;
        }
    }

    /// Writes what the form says.
    fn export_predictions(&mut self, form: PredictionsForm) {
        let Some(screen) = &self.state.screen else { return };
        let Some(encoded) = self.state.answers.of(screen).cloned() else { return };
        if screen.look().blind {
            return;
        }
        let task =
            export::Task { form, experiment: screen.experiment().clone(), row: screen.selection.current() };
        self.jobs.spawn("Writing answers", false, move |progress, _| {
            let files = export::write(&encoded, &task, progress)?;
            log::info!("{} files are in {}.", files.len(), task.form.folder.trim());
            Ok(())
        });
    }
}

/// What to keep vectors as: in place of earlier ones of the same encoder, whatever they are called, and else under a name
/// that is free, as vectors of something else that has this name stay. `None` where they are kept already.
fn name_for(
    table: &EmbeddingTable,
    name: &str,
    known: &BTreeMap<String, Arc<EmbeddingTable>>,
) -> Option<String> {
    let mut same = known.iter().filter(|(_, known)| known.model_hash == table.model_hash);
    if same.clone().any(|(_, known)| **known == *table) {
        return None;
    }
    let earlier = same.clone().find(|(known, _)| *known == name).or_else(|| same.next());
    Some(earlier.map_or_else(|| free_name(name, known), |(known, _)| known.clone()))
}

/// A name that no embedding has.
fn free_name(name: &str, known: &BTreeMap<String, Arc<EmbeddingTable>>) -> String {
    let numbered = (2_u32..).map(|n| format!("{name} {n}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !known.contains_key(name)).unwrap_or_default()
}

/// Vectors of a file for the rows of an experiment; those of other rows are left out.
///
/// # Errors
/// The file cannot be read, or none of its rows is in the experiment.
fn imported(path: &Path, experiment: &Experiment) -> anyhow::Result<Vectors> {
    let all = embeddings::read(path)?;
    let mut table = EmbeddingTable { row_ids: Vec::new(), values: Vec::new(), ..all };
    for (row_id, vector) in all.row_ids.iter().zip(all.values.chunks_exact(table.dim)) {
        if experiment.table.row_of(row_id).is_some() {
            table.row_ids.push(row_id.clone());
            table.values.extend_from_slice(vector);
        }
    }
    if table.row_ids.is_empty() {
        let first = all.row_ids.first().map_or("", String::as_str);
        anyhow::bail!(
            "{}: none of its {} rows is in the experiment; its first row_id is {first:?}. Name the rows as in the column row_id",
            path.display(),
            all.row_ids.len()
        );
    }
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "vectors".to_owned());
    Ok(Vectors { experiment: experiment.id.clone(), name, table: Arc::new(table) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_an_encoder_replace_its_earlier_ones_under_any_name() {
        let table = |hash: &str, value: f32| {
            let row_ids = vec!["a".to_owned()];
            let (dim, values, model_hash) = (1, vec![value], hash.to_owned());
            EmbeddingTable { row_ids, dim, values, model_hash, ..EmbeddingTable::default() }
        };
        let mut known = BTreeMap::new();
        let mut keep = |hash: &str, value: f32| {
            let table = table(hash, value);
            let name = name_for(&table, "biomarkers", &known)?;
            known.insert(name.clone(), Arc::new(table));
            Some(name)
        };
        assert_eq!(keep("one", 1.0).as_deref(), Some("biomarkers"));
        assert_eq!(keep("other", 1.0).as_deref(), Some("biomarkers 2"));
        // Neither takes another name when it is encoded again.
        assert_eq!(keep("other", 2.0).as_deref(), Some("biomarkers 2"));
        assert_eq!(keep("other", 2.0), None);
        assert_eq!(keep("one", 3.0).as_deref(), Some("biomarkers"));
        assert_eq!(known.len(), 2);
    }
}

//! Answers: models on videos, questions, regions that follow the player.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::answers::job::{self, Task};
use crate::app::answers::models::chosen;
use crate::app::answers::pictures::Pictures;
use crate::app::answers::returning::Remembered;
use crate::app::answers::{
    AnswerCommand, Encoded, Message, NEIGHBOURS, Options, Place, PredictionsForm, Question, Source, Vectors,
    apart, export, structure,
};
use crate::app::forms::choice::Choice;
use crate::app::jobs::Event;
use crate::app::panes::Pane;
use crate::app::studio::Studio;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::export::embeddings;
use crate::learn::kept::Said;
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
            AnswerCommand::EncodeAgain => self.encode(true),
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

    /// Encodes all rows with the chosen model; vectors of them that the experiment keeps are taken as they are.
    pub(in crate::app) fn encode_videos(&mut self) {
        self.encode(false);
    }

    fn encode(&mut self, anew: bool) {
        let Some(screen) = &self.state.screen else { return };
        if self.state.answers.job.is_some() {
            return;
        }
        let Some(task) = self.task(chosen(&self.state.answers, &self.state.training, screen)) else { return };
        let task = Task { anew, ..task };
        self.make("Encoding videos", move |progress| job::encode(&task, progress));
    }

    /// What a job needs to have the rows on screen encoded.
    fn task(&self, source: Source) -> Option<Task> {
        let screen = self.state.screen.as_ref()?;
        Some(Task {
            source,
            experiment: Arc::new(screen.experiment().clone()),
            revision: screen.revision(),
            models: self.state.models_folders(),
            device: self.device(),
            said: self.state.answers.said.clone(),
            anew: false,
        })
    }

    /// Starts a job that makes the rows ready to be asked about.
    fn make(
        &mut self,
        name: &str,
        work: impl FnOnce(&crate::progress::Progress) -> anyhow::Result<Encoded> + Send + 'static,
    ) {
        self.state.answers.tickets += 1;
        let ticket = self.state.answers.tickets;
        let id = self.jobs.spawn(name, true, move |progress, reply| {
            let made = match work(progress) {
                Ok(encoded) => Ok(Box::new(encoded)),
                Err(e) if job::is_stopped(&e) => Err(None),
                Err(e) => Err(Some(format!("{e:#}"))),
            };
            reply.send(Event::Answers(Box::new(Message::Encoded(ticket, made))));
            Ok(())
        });
        if self.state.answers.pictures.is_none() {
            self.state.answers.pictures = Some(Pictures::start(self.limits, self.wake()));
        }
        self.state.answers.job = Some(id);
        self.state.answers.failed = None;
    }

    /// What answered when the project was closed answers again, without a video being encoded.
    pub(in crate::app) fn bring_answers_back(&mut self, remembered: Remembered) {
        let Remembered { options, last, said } = remembered;
        let answers = &mut self.state.answers;
        answers.options = options;
        answers.said = said;
        answers.last.clone_from(&last);
        let Some(last) = last else { return };
        let Some(source) = last.source.source() else {
            log::warn!("What answered last is not part of this version: choose another model to ask.");
            return;
        };
        answers.source = Some(source.clone());
        let Some(task) = self.task(source.clone()) else { return };
        self.make("Bringing answers back", move |progress| job::bring_back(&task, &last, progress));
        self.state.answers.bringing = Some(source);
    }

    /// The experiment goes: what is on its way for it does not count any more.
    pub(in crate::app) fn leave_answers(&mut self) {
        let answers = &mut self.state.answers;
        if let Some(job) = answers.job.take() {
            self.jobs.cancel(job);
        }
        answers.tickets += 1;
        answers.bringing = None;
        answers.source = None;
        answers.options = Options::default();
        answers.encoded = None;
        answers.failed = None;
        answers.asking = None;
        answers.answer = None;
        answers.apart = None;
        answers.structure_answer = None;
        answers.asking_region = None;
        answers.region = None;
        answers.last = None;
        answers.said.clear();
    }

    /// Other vectors are chosen, as after Undo: those that the experiment keeps answer, as to encode videos may take long. Where it
    /// keeps none, nothing answers: not those that were in use before.
    pub(in crate::app) fn answer_with_kept(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        let answers = &mut self.state.answers;
        // Of a choice that was left.
        if answers.bringing.take().is_some()
            && let Some(job) = answers.job.take()
        {
            self.jobs.cancel(job);
        }
        let source = chosen(answers, &self.state.training, screen);
        if matches!(source, Source::Embedding(_)) {
            self.encode_videos();
            return;
        }
        if answers.encoded.take().is_none() || answers.job.is_some() {
            return;
        }
        let Some(task) = self.task(source.clone()) else { return };
        self.make("Bringing answers back", move |progress| job::encode_kept(&task, progress));
        self.state.answers.bringing = Some(source);
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
        self.make(name, move |progress| {
            let gallery = gallery(&encoded, progress)?;
            job::again(&encoded, &experiment, revision, gallery, progress)
        });
    }

    fn open_gallery(&mut self, path: PathBuf) {
        self.answer_anew("Opening a gallery", move |encoded, progress| {
            Ok(Some(Arc::new(job::gallery(&path, encoded, true, progress)?)))
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
            Message::Encoded(ticket, made) if ticket == answers.tickets => {
                answers.job = None;
                let brought = answers.bringing.take();
                match made {
                    Ok(encoded) => self.take_encoded(*encoded, brought.as_ref()),
                    Err(Some(why)) if brought.is_some() => {
                        log::warn!("Answers could not be brought back: {why}");
                    }
                    Err(Some(why)) => {
                        log::error!("{why}");
                        answers.failed = Some(why);
                    }
                    Err(None) => {}
                }
            }
            // Of an experiment that was closed meanwhile.
            Message::Encoded(..) => {}
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

    /// Rows are ready to be asked about. `brought`: what was in use when the project was closed, if this brings it back.
    fn take_encoded(&mut self, encoded: Encoded, brought: Option<&Source>) {
        let answers = &mut self.state.answers;
        answers.round += 1;
        answers.region = None;
        answers.structure_answer = None;
        // Its vectors alone, or from another folder; unless something else was chosen meanwhile.
        if brought.is_some() && answers.source.as_ref() == brought {
            answers.source = Some(encoded.source.clone());
        }
        let encoded = Arc::new(encoded);
        answers.encoded = Some(Arc::clone(&encoded));
        if encoded.seconds.is_some() && !matches!(encoded.source, Source::Embedding(_)) {
            let said = Said::of(&encoded.embedded);
            answers.said.insert(encoded.embedded.about.hash.clone(), Arc::new(said));
            self.keep_embeddings(&encoded);
        }
        self.ask_by_structure();
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
            self.state.answers.bringing = None;
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
pub(super) fn free_name(name: &str, known: &BTreeMap<String, Arc<EmbeddingTable>>) -> String {
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

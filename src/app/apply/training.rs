//! Training: what is looked up before it, the job that trains, and what it sends back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::analysis::items::Items;
use crate::analysis::split::Split;
use crate::app::forms::choice::Choice;
use crate::app::jobs::Event;
use crate::app::panes::Pane;
use crate::app::screen::scale::Scale;
use crate::app::studio::Studio;
use crate::app::training::form::Form;
use crate::app::training::job::{self, Device, Task};
use crate::app::training::kept::{self, Kept, Start, Started, Unfinished};
use crate::app::training::look::{self, Key};
use crate::app::training::models;
use crate::app::training::progress::{Begin, Live, Phase};
use crate::app::training::{Answer, Ended, Message, Pace, TrainingCommand};
use crate::gpu::ComputeTarget;
use crate::learn::config::Config;
use crate::learn::interrupt::Interrupt;
use crate::learn::shipped;
use crate::model::weights;

/// How long the window's end waits for a training to write down what it has.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// While videos are read, nothing else wakes the window.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Studio {
    pub(in crate::app) fn device(&self) -> Device {
        Device { gpu: self.gpu.clone(), choice: self.state.settings.compute }
    }

    /// Shows a panel, also in an arrangement that was kept by a version without it.
    pub(in crate::app) fn show_pane(&mut self, pane: Pane) {
        let tiles = &mut self.layout.tiles;
        if tiles.find_pane(&pane).is_none() {
            let beside = tiles.find_pane(&Pane::Viewer).and_then(|viewer| tiles.parent_of(viewer));
            let new = tiles.insert_pane(pane);
            if let Some(parent) = beside.or(self.layout.root) {
                self.layout.move_tile_to_container(new, parent, usize::MAX, false);
            }
        }
        self.layout.make_active(|_, tile| matches!(tile, egui_tiles::Tile::Pane(p) if *p == pane));
    }

    /// Carries out what the training panel asks for.
    pub(in crate::app) fn apply_to_training(&mut self, command: TrainingCommand) {
        match command {
            TrainingCommand::Look => self.look_at_rows(),
            TrainingCommand::Measure(config) => self.measure(*config),
            TrainingCommand::ReadCard(start) => self.read_card(start),
            TrainingCommand::Form(form) => self.set_form(*form),
            TrainingCommand::Defaults => {
                let training = &mut self.state.training;
                let answers = training.form.take().map(|(_, form)| form);
                if let (Some(look), Some(old)) = (&training.look, answers) {
                    let form =
                        Form { name: old.name, folder: old.folder, ..Form::first(look, training.target) };
                    training.form = Some((look.key.experiment.clone(), form));
                }
            }
            TrainingCommand::Start => self.start_training(),
            TrainingCommand::Resume(folder) => self.resume_training(&folder),
            TrainingCommand::Forget(folder) => self.forget_training(folder),
            TrainingCommand::Pause(paused) => {
                if let Some(live) = &self.state.training.live {
                    live.interrupt.pause(paused);
                }
            }
            TrainingCommand::Stop => {
                if let Some(live) = &self.state.training.live {
                    live.interrupt.stop();
                }
            }
            TrainingCommand::Evaluate => self.evaluate_trained(),
            TrainingCommand::Another => {
                if self.state.training.live.as_ref().is_some_and(|live| !live.is_running()) {
                    self.leave_live();
                }
                self.look_for_models();
            }
        }
    }

    /// The training that is shown goes, and an evaluation of it with it.
    fn leave_live(&mut self) {
        if let Some(job) = self.state.training.live.take().and_then(|live| live.evaluating) {
            self.jobs.cancel(job);
        }
    }

    fn set_form(&mut self, form: Form) {
        if let Some(screen) = &self.state.screen {
            self.state.training.form = Some((screen.experiment().id.clone(), form));
        }
    }

    /// Looks at the rows and into the folder for models, where what is known is not what is on screen.
    fn look_at_rows(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        let training = &mut self.state.training;
        let experiment = screen.experiment().clone();
        let form = training.form_of(&experiment.id);
        let (key, is_first) = match form {
            Some(form) => (Key::of(screen, &form.config), false),
            None => (Key::of(screen, &Config::default()), true),
        };
        if training.looking.is_none() && training.look.as_ref().is_none_or(|look| look.key != key) {
            training.looking = Some(key.clone());
            training.not_looked = None;
            let same = training.look.as_ref().filter(|look| look.key.same_rows(&key));
            let items = same.map(|look| Arc::clone(&look.items));
            let contents = Arc::clone(&training.contents);
            self.jobs.spawn("Looking at what can be learnt", true, move |progress, reply| {
                let look = look::look(&experiment, key, is_first, items, &contents, progress);
                let message = look.map_or(Message::NotLooked, |look| Message::Looked(Box::new(look)));
                reply.send(Event::Training(Box::new(message)));
                Ok(())
            });
        }
        self.look_for_models();
    }

    /// Reads the cards of all models that may answer.
    pub(in crate::app) fn list_models(&mut self) {
        let Some(screen) = &self.state.screen else { return };
        let (folders, experiment) = (self.state.models_folders(), screen.experiment().clone());
        self.jobs.spawn("Reading models' cards", true, move |_, reply| {
            let found = models::list(&folders, &experiment);
            reply.send(Event::Training(Box::new(Message::Models(experiment.id, found))));
            Ok(())
        });
    }

    /// Evaluates the model that was trained last on what its training held back.
    fn evaluate_trained(&mut self) {
        let device = self.device();
        let Some(live) = &mut self.state.training.live else { return };
        if live.evaluating.is_some() || !matches!(live.phase, Phase::Finished(_)) {
            return;
        }
        live.evaluation = Some(Answer::Pending(Instant::now()));
        let (folder, config, by_table) = (live.folder.clone(), live.started.config.clone(), live.by_table);
        let experiment = Arc::clone(&live.rows);
        let name = format!("Evaluating {}", live.started.name);
        let job_id = self.jobs.spawn(name, false, move |progress, reply| {
            let evaluated = job::evaluate(&folder, &config, &experiment, by_table, &device, progress);
            let evaluated = evaluated.map_err(|e| format!("{e:#}"));
            reply.send(Event::Training(Box::new(Message::Evaluated(folder, evaluated))));
            Ok(())
        });
        live.evaluating = Some(job_id);
    }

    /// Looks into the folder for models.
    fn look_for_models(&mut self) {
        self.list_models();
        let Some(screen) = &self.state.screen else { return };
        let Some(form) = self.state.training.form_of(&screen.experiment().id) else { return };
        let folder = self.state.models_folder(form);
        if std::mem::replace(&mut self.state.training.scanning, true) {
            return;
        }
        self.jobs.spawn("Looking for models", true, move |_, reply| {
            reply.send(Event::Training(Box::new(Message::Scanned(Kept::scan(&folder)))));
            Ok(())
        });
    }

    /// Throws a training that was stopped away. One that cannot be is still there afterwards.
    fn forget_training(&mut self, folder: PathBuf) {
        self.state.training.kept.unfinished.retain(|unfinished| unfinished.folder != folder);
        self.jobs.spawn("Throwing a training away", false, move |_, reply| {
            if let Err(e) = kept::forget(&folder) {
                log::error!("{e}");
            }
            reply.send(Event::Training(Box::new(Message::Forgotten)));
            Ok(())
        });
    }

    fn measure(&mut self, config: Config) {
        let pace = Pace::of(&config, &self.state.computes);
        let paces = &mut self.state.training.paces;
        if paces.contains_key(&pace) || paces.values().any(|pace| matches!(pace, Answer::Pending(_))) {
            return;
        }
        paces.insert(pace.clone(), Answer::Pending(Instant::now()));
        let device = self.device();
        self.jobs.spawn("Measuring how fast this computer trains", true, move |_, reply| {
            let measured = job::measured(&device, config).map_err(|e| format!("{e:#}"));
            reply.send(Event::Training(Box::new(Message::Pace(pace, measured))));
            Ok(())
        });
    }

    fn read_card(&mut self, start: Start) {
        if matches!(start, Start::Fresh) {
            return;
        }
        self.state.training.cards.insert(start.clone(), Answer::Pending(Instant::now()));
        self.jobs.spawn("Reading a model's card", true, move |_, reply| {
            let card = match &start {
                Start::Model(folder) => weights::read_card(folder).map_err(|e| e.to_string()),
                _ => shipped::card().map_err(|e| e.to_string()),
            };
            let card = card.map(Box::new);
            reply.send(Event::Training(Box::new(Message::Card(start, card))));
            Ok(())
        });
    }

    fn start_training(&mut self) {
        let state = &self.state;
        let (Some(screen), training) = (&state.screen, &state.training) else { return };
        let Some(form) = training.form_of(&screen.experiment().id) else { return };
        let Some(look) = training.look.as_ref().filter(|look| look.key == Key::of(screen, &form.config))
        else {
            return;
        };
        let Ok(split) = &look.split else { return };
        let pace = |config: &Config| training.paces.get(&Pace::of(config, &state.computes))?.known().copied();
        let card = training.card(form).map(Arc::as_ref);
        let unlimited = form.config(card, split, None);
        let config = form.config(card, split, pace(&unlimited));
        if split.is_void() || !form.problems(&config, &training.kept, None).is_empty() {
            return;
        }
        let name = form.name.trim().to_owned();
        let folder = state.models_folder(form).join(&name);
        let experiment = screen.experiment().name.clone();
        let started = Started { name, experiment, start: form.start.clone(), config };
        let (items, splits) = (Arc::clone(&look.items), split.splits.clone());
        self.train(started, folder, &items, Some(splits), None);
    }

    fn resume_training(&mut self, folder: &Path) {
        let (Some(screen), training) = (&self.state.screen, &self.state.training) else { return };
        let is_now = |key: &Key| key.same_rows(&Key::of(screen, &Config::default()));
        let look = training.look.as_ref().filter(|look| is_now(&look.key));
        let Some(items) = look.map(|look| Arc::clone(&look.items)) else { return };
        let Some(unfinished) = training.kept.unfinished.iter().find(|u| u.folder == folder).cloned() else {
            return;
        };
        let started = unfinished.started.clone();
        self.train(started, folder.to_owned(), &items, None, Some(&unfinished));
    }

    fn train(
        &mut self,
        started: Started,
        folder: PathBuf,
        items: &Arc<Items>,
        splits: Option<Vec<Option<Split>>>,
        before: Option<&Unfinished>,
    ) {
        let Some(screen) = &self.state.screen else { return };
        if self.state.training.job().is_some() {
            return;
        }
        let interrupt = Arc::new(Interrupt::default());
        let experiment = Arc::new(screen.experiment().clone());
        let scale = Scale::new(screen.table(), "moa");
        let task = Task {
            started: started.clone(),
            experiment: Arc::clone(&experiment),
            items: Arc::clone(items),
            splits,
            folder: folder.clone(),
            device: self.device(),
            interrupt: Arc::clone(&interrupt),
            done: before.map_or(0, |before| before.state.step as u64),
        };
        let name = format!("Training {}", started.name);
        let job_id = self.jobs.spawn(name, false, move |progress, reply| {
            job::work(task, progress, &|message| reply.send(Event::Training(Box::new(message))))
        });
        self.leave_live();
        self.state.training.live = Some(Live::new(
            Begin {
                job: job_id,
                started,
                folder,
                experiment,
                by_table: items.items.iter().any(|item| item.split == Some(Split::Train)),
                on_gpu: self.state.training.target == ComputeTarget::Gpu,
                interrupt,
                scale,
            },
            before.map(|before| &before.state),
        ));
    }

    /// Takes in what jobs of a training sent.
    pub(in crate::app) fn take_training(&mut self, message: Message) {
        let training = &mut self.state.training;
        match message {
            Message::Looked(look) => {
                training.looking = None;
                let id = &look.key.experiment;
                if training.form_of(id).is_none() {
                    training.form = Some((id.clone(), Form::first(&look, training.target)));
                }
                training.look = Some(*look);
            }
            Message::NotLooked => training.not_looked = training.looking.take(),
            Message::Scanned(kept) => {
                training.scanning = false;
                if let Some((_, form)) = &mut training.form
                    && (form.name.is_empty()
                        || kept::is_free_name(&form.name) && kept.names.contains(&form.name))
                {
                    form.name = kept.free_name();
                }
                training.kept = kept;
            }
            Message::Models(experiment, models) => {
                if self.state.screen.as_ref().is_some_and(|screen| screen.experiment().id == experiment) {
                    training.models = models;
                }
            }
            Message::Evaluated(folder, evaluated) => {
                if let Some(live) = training.live.as_mut().filter(|live| live.folder == folder) {
                    live.evaluating = None;
                    live.evaluation = Some(evaluated.map_or_else(Answer::Failed, Answer::Known));
                }
            }
            Message::Forgotten => self.look_for_models(),
            Message::Card(start, card) => {
                let card = card.map_or_else(Answer::Failed, |card| Answer::Known(Arc::from(card)));
                training.cards.insert(start, card);
            }
            Message::Pace(pace, measured) => {
                training.paces.insert(pace, measured.map_or_else(Answer::Failed, Answer::Known));
            }
            Message::Config(config) => {
                if let Some((_, form)) = &mut training.form {
                    form.config = *config;
                }
            }
            Message::Trained(rows) => {
                if let Some(live) = &mut training.live {
                    live.trained = rows;
                }
            }
            Message::Events(events) => {
                if let Some(live) = &mut training.live {
                    for event in events {
                        live.take(event);
                    }
                }
            }
            Message::Ended(ended) => {
                if let Some(live) = &mut training.live {
                    live.phase = match ended {
                        Ended::Finished(finish) => Phase::Finished(finish),
                        Ended::Cancelled => Phase::Cancelled,
                        Ended::Failed(why) => Phase::Failed(why),
                    };
                }
                if let Some((_, form)) = &mut training.form {
                    // The name is taken now.
                    form.name.clear();
                }
                self.look_for_models();
            }
        }
    }

    /// Once per pass: a job that was stopped from the status bar stops its training, and the bar follows the reading.
    pub(in crate::app) fn follow_training(&mut self) {
        if let Some(live) = &mut self.state.training.live
            && live.evaluating.take_if(|job| !self.jobs.is_running(*job)).is_some()
        {
            let why = "The evaluation failed inside. Report this as a fault, with the log.";
            live.evaluation = Some(Answer::Failed(why.to_owned()));
        }
        let Some(live) = self.state.training.live.as_mut().filter(|live| live.is_running()) else { return };
        let Some(job) = self.jobs.running().iter().find(|job| job.id == live.job) else {
            live.phase =
                Phase::Failed("The training failed inside. Report this as a fault, with the log.".into());
            return;
        };
        if job.progress.is_cancelled() {
            live.interrupt.stop();
        }
        if live.phase == Phase::Preparing {
            let reading = &live.interrupt.reading;
            job.progress.set(reading.done(), reading.total());
            self.ctx.request_repaint_after(LOOK_EVERY);
        }
    }

    /// The program ends: a training writes its best model and where it is.
    pub(in crate::app) fn end_training(&mut self) {
        let Some(live) = self.state.training.live.as_ref().filter(|live| live.is_running()) else { return };
        let (job, started) = (live.job, Instant::now());
        live.interrupt.stop();
        while started.elapsed() < LAST_WORDS && self.jobs.running().iter().any(|running| running.id == job) {
            self.take_events();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A file or folder was chosen for the form.
    pub(in crate::app) fn training_path(&mut self, choice: Choice, path: PathBuf) {
        let Some((_, form)) = &mut self.state.training.form else { return };
        match choice {
            Choice::StartModel => form.start_from(Start::Model(path)),
            Choice::ModelsFolder => {
                form.folder = path.display().to_string();
                self.look_for_models();
            }
            Choice::SaveConfig => {
                let config = form.config.clone();
                self.jobs.spawn("Saving the configuration", true, move |_, reply| {
                    let text = serde_json::to_vec_pretty(&config)?;
                    crate::atomic_file::write(&path, &text)
                        .with_context(|| format!("writing {}", path.display()))?;
                    reply.send(Event::Written(path));
                    Ok(())
                });
            }
            _ => {
                let recorded = self.state.training.look.as_ref().and_then(|look| look.frames);
                self.jobs.spawn("Reading a configuration", true, move |_, reply| {
                    let text = std::fs::read_to_string(&path)
                        .with_context(|| format!("reading {}", path.display()))?;
                    let config = Config::read(&text, recorded)
                        .with_context(|| format!("{}: no configuration of a training", path.display()))?;
                    reply.send(Event::Training(Box::new(Message::Config(Box::new(config)))));
                    Ok(())
                });
            }
        }
    }
}

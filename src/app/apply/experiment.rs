//! An experiment comes, is kept, and goes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::jobs::{Choice, Event, OpenedExperiment};
use crate::app::panels::import::ImportForm;
use crate::app::panels::join::JoinForm;
use crate::app::panels::{self, Pane};
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Look, Screen};
use crate::app::session::saved_view;
use crate::app::settings::SavedView;
use crate::app::state::Undo;
use crate::app::{Studio, arrangement, map, sketches, thumbnails};
use crate::experiment::import::report::{JoinReport, Report};
use crate::experiment::import::{self, Imported, Mapping, Source, plate_map, structures};
use crate::experiment::project::{self, Autosaver, Origin, Project, Snapshot, autosave, recovery};
use crate::experiment::{Experiment, Table, relocate};
use crate::simulate;

/// How an experiment was looked at: what a project keeps beside its data.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ViewState {
    /// None for a new import.
    look: Option<Look>,
    layout: Option<egui_tiles::Tree<Pane>>,
    map: map::Look,
    /// Row ids.
    selected: Vec<String>,
    /// Row ids of the recordings in the player, with how they were shown.
    playing: Vec<(String, SavedView)>,
}

/// An experiment and where it is saved.
#[derive(Default)]
pub struct Kept {
    autosaver: Option<Autosaver>,
    /// The state of the view that was handed to the autosaver last.
    view: Value,
    /// Where the experiment came from.
    origin: Option<Origin>,
}

impl Studio {
    /// Opens a project, a table or a Mito dataset on a job. A table whose columns had to be guessed is asked about.
    pub(in crate::app) fn open_experiment(&mut self, path: PathBuf) {
        let recovered = self.config_dir.as_ref().is_some_and(|dir| recovery::is_unnamed(dir, &path));
        if !recovered {
            self.state.settings.remember_experiment(&path);
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let config_dir = self.config_dir.clone();
        self.jobs.spawn(format!("Opening {name}"), true, move |_, reply| {
            if project::is_project(&path) {
                let project::Opened { project, experiment, view, warnings } = Project::open(&path)?;
                for warning in warnings {
                    log::warn!("{warning}");
                }
                reply.send(Event::Experiment(Box::new(OpenedExperiment {
                    experiment,
                    project: Some(project),
                    view,
                    report: None,
                })));
                return Ok(());
            }
            if path.is_file() {
                let source = Source::read(&path)?;
                let mapping = import::guess(&source);
                if !panels::import::is_certain(&mapping) {
                    reply.send(Event::Guessed(Box::new(ImportForm::new(source, mapping))));
                    return Ok(());
                }
                let imported = import::apply(&source, &mapping)?;
                reply.send(keep_import(imported, Some(&mapping), &path, config_dir.as_deref()));
            } else {
                // A folder: its layout says what everything means.
                let imported = import::open(&path)?;
                reply.send(keep_import(imported, None, &path, config_dir.as_deref()));
            }
            Ok(())
        });
    }

    /// Imports a table as the user has mapped it.
    pub(in crate::app) fn import(&mut self) {
        let Some(ImportForm { source, mapping, .. }) = self.state.dialogs.import.take() else { return };
        let name = source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let config_dir = self.config_dir.clone();
        self.jobs.spawn(format!("Importing {name}"), true, move |_, reply| {
            let imported = import::apply(&source, &mapping)?;
            reply.send(keep_import(imported, Some(&mapping), &source.path, config_dir.as_deref()));
            Ok(())
        });
    }

    /// Puts an experiment on screen in place of the one that is there.
    pub(in crate::app) fn take_experiment(&mut self, opened: OpenedExperiment) {
        let OpenedExperiment { experiment, project, view, report } = opened;
        if !self.end_experiment() {
            return;
        }
        let wake = self.wake();
        let view: ViewState = serde_json::from_value(view).unwrap_or_default();
        let look = view.look.unwrap_or_else(|| Look::first(&experiment.table));
        let mut screen = Screen::new(
            experiment,
            look,
            thumbnails::start(self.limits, wake.clone()),
            sketches::start(wake.clone()),
        );
        let rows: Vec<u32> =
            view.selected.iter().filter_map(|id| screen.table().row_of(id)).map(|row| row as u32).collect();
        screen.selection.take(&rows, Gesture::Replace);
        let playing: Vec<SavedView> = view
            .playing
            .into_iter()
            .filter_map(|(id, saved)| {
                let row = screen.table().row_of(&id)? as u32;
                let address = screen.address(row)?;
                screen.playing.insert(address.clone(), row);
                Some(SavedView { address, ..saved })
            })
            .collect();
        let whole = view.layout.filter(|l| arrangement::complete(l, &Pane::EXPERIMENT));
        let layout = whole.unwrap_or_else(panels::experiment_layout);
        self.recordings_layout = Some(std::mem::replace(&mut self.layout, layout));
        self.state.screen = Some(screen);
        self.state.map = map::Map::new(view.map);
        self.state.report = report;
        self.state.dialogs.report = self.state.report.as_ref().is_some_and(|r| !r.is_clean());
        if let Some(project) = project {
            self.kept.origin = project.origin().cloned();
            self.keep_in(project);
        }
        if playing.is_empty() {
            // Something to look at, at once.
            self.step_row(0);
        } else {
            self.show_saved(playing);
        }
    }

    /// From now on every change goes into a project.
    pub(in crate::app) fn keep_in(&mut self, project: Project) {
        if let Some(path) = project.read_only().map(|_| project.path().to_owned()) {
            // Changes are kept in memory only; the warning on opening has said so.
            self.state.project = Some((path, false));
            return;
        }
        let unnamed = self.config_dir.as_ref().is_some_and(|dir| recovery::is_unnamed(dir, project.path()));
        let path = project.path().to_owned();
        match Autosaver::start(project, autosave::INTERVAL, self.wake()) {
            Ok(autosaver) => self.kept.autosaver = Some(autosaver),
            Err(e) => log::error!("{e}"),
        }
        self.state.project = Some((path, unnamed));
    }

    fn view_state(&self) -> Value {
        let Some(screen) = &self.state.screen else { return Value::Null };
        let id = |row: u32| screen.table().row_id(row as usize).to_owned();
        let playing = self
            .state
            .views
            .iter()
            .filter_map(|view| Some((id(*screen.playing.get(&view.recording.address)?), saved_view(view))))
            .collect();
        let view = ViewState {
            look: Some(screen.look().clone()),
            layout: Some(self.layout.clone()),
            map: self.state.map.look.clone(),
            selected: screen.selection.rows().map(id).collect(),
            playing,
        };
        serde_json::to_value(view).unwrap_or_default()
    }

    /// The table has changed: it is saved in the background.
    pub(in crate::app) fn experiment_changed(&mut self) {
        self.save_with(self.view_state());
    }

    fn save_with(&mut self, view: Value) {
        self.kept.view = view.clone();
        let (Some(autosaver), Some(screen)) = (&self.kept.autosaver, &self.state.screen) else { return };
        autosaver.changed(Snapshot {
            revision: screen.revision(),
            experiment: screen.experiment().clone(),
            view,
        });
    }

    /// Called every few seconds: what is seen (layout, filters, selection) is saved too.
    pub(in crate::app) fn keep_view(&mut self) {
        if self.kept.autosaver.is_none() {
            return;
        }
        let view = self.view_state();
        if view != self.kept.view {
            self.save_with(view);
        }
    }

    pub(in crate::app) fn save_experiment(&mut self) {
        match (&self.kept.autosaver, &self.state.project) {
            (Some(autosaver), Some((path, false))) => {
                autosaver.save_now();
                log::info!("Saved: {}", path.display());
            }
            _ => self.ask_where_to_save(),
        }
    }

    pub(in crate::app) fn ask_where_to_save(&mut self) {
        self.choose(Choice::SaveProject);
    }

    /// Saves under a name; what was kept for recovery until then goes away.
    pub(in crate::app) fn save_experiment_as(&mut self, path: PathBuf) {
        let Some(screen) = &self.state.screen else { return };
        let (experiment, view) = (screen.experiment().clone(), self.view_state());
        let origin = self.kept.origin.clone();
        self.jobs.spawn("Saving the experiment", false, move |_, reply| {
            let project = Project::create_from(&path, &experiment, &view, origin)?;
            reply.send(Event::SavedAs(Box::new(project)));
            Ok(())
        });
    }

    /// The experiment has a name now.
    pub(in crate::app) fn saved_as(&mut self, project: Project) {
        let unnamed = self.state.project.as_ref().is_some_and(|(_, unnamed)| *unnamed);
        if let Some(mut old) = self.kept.autosaver.take()
            && let Some(old) = old.abandon()
            && unnamed
            && let Err(e) = old.discard()
        {
            log::warn!("{e}");
        }
        log::info!("Saved: {}. Changes are saved as you make them.", project.path().display());
        self.keep_in(project);
        self.experiment_changed();
    }

    /// Closes the experiment; one without a name is asked about first.
    pub(in crate::app) fn close_experiment(&mut self) {
        if self.state.project.as_ref().is_none_or(|(_, unnamed)| *unnamed) {
            self.state.dialogs.close_experiment = true;
        } else {
            self.leave_experiment();
        }
    }

    fn leave_experiment(&mut self) {
        self.state.dialogs.close_experiment = false;
        if self.end_experiment() {
            self.show_only(Vec::new());
            self.state.report = None;
            self.layout = self.recordings_layout.take().unwrap_or_else(panels::default_layout);
        }
    }

    /// Throws an experiment without a name away.
    pub(in crate::app) fn discard_experiment(&mut self) {
        if let Some(project) = self.kept.autosaver.take().and_then(|mut a| a.abandon())
            && let Err(e) = project.discard()
        {
            log::warn!("{e}");
        }
        self.leave_experiment();
    }

    /// Writes what waits and takes the experiment off the screen; false if that failed, with the experiment still there.
    pub(in crate::app) fn end_experiment(&mut self) -> bool {
        self.experiment_changed();
        if let Some(autosaver) = &mut self.kept.autosaver
            && let Err(e) = autosaver.close()
        {
            log::error!("{e} The experiment stays open: save it under another name (Ctrl+Shift+S).");
            return false;
        }
        self.kept = Kept::default();
        self.state.screen = None;
        if let Some(running) = std::mem::take(&mut self.state.map).running {
            self.jobs.cancel(running.job);
        }
        self.state.project = None;
        self.state.undo.retain(|step| !matches!(step, Undo::Table(..) | Undo::Gates(..)));
        self.state.redo.retain(|step| !matches!(step, Undo::Table(..) | Undo::Gates(..)));
        true
    }

    /// A path was chosen for the experiment.
    pub(in crate::app) fn experiment_path(&mut self, choice: Choice, path: PathBuf) {
        match choice {
            Choice::SaveProject => self.save_experiment_as(path),
            Choice::Join => {
                self.jobs.spawn("Reading the table", true, move |_, reply| {
                    let source = match structures::read(&path)? {
                        Some(source) => source,
                        None => plate_map::read(&path, None)?,
                    };
                    reply.send(Event::Joining(Box::new(source)));
                    Ok(())
                });
            }
            Choice::MovedData => self.find_moved_data(path),
            Choice::StartModel | Choice::ModelsFolder | Choice::SaveConfig | Choice::LoadConfig => {
                self.training_path(choice, path);
            }
            Choice::AnswerModel | Choice::Gallery | Choice::GalleryFolder | Choice::Results => {
                self.answer_path(choice, path);
            }
            _ => self.open_experiment(path),
        }
    }

    /// Looks for recordings that have moved, below a folder that the user points to.
    fn find_moved_data(&mut self, chosen: PathBuf) {
        let Some(screen) = &self.state.screen else { return };
        let (experiment, revision) = (screen.experiment().clone(), screen.revision());
        self.jobs.spawn("Looking for moved recordings", false, move |progress, reply| {
            let cancelled = || progress.is_cancelled();
            let Some(stored) = relocate::missing(&experiment, &cancelled) else { return Ok(()) };
            if stored.missing.is_empty() {
                log::info!("All {} recordings are where the table says.", stored.present.len());
                return Ok(());
            }
            let plan =
                relocate::search(&stored.missing, stored.present, &chosen, relocate::Limits::default(), &cancelled);
            progress.check()?;
            if plan.found.is_empty() {
                anyhow::bail!(
                    "none of the {} missing recordings is below {}. Choose the folder that holds them, or one above it",
                    plan.missing.len(),
                    chosen.display()
                );
            }
            match plan.missing.len() {
                0 => log::info!("All {} moved recordings are found.", plan.found.len()),
                n => log::warn!("{} moved recordings are found, {n} are still missing.", plan.found.len()),
            }
            reply.send(Event::Moved(Box::new(relocate::apply(&experiment, &plan)?), revision));
            Ok(())
        });
    }

    /// Takes over the paths of moved recordings, unless the table was changed meanwhile.
    pub(in crate::app) fn moved(&mut self, experiment: Experiment, revision: u64) {
        let Some(screen) = &mut self.state.screen else { return };
        if screen.revision() != revision {
            log::warn!("The table was changed during the search. Look for moved data again.");
            return;
        }
        screen.set_experiment(experiment);
        self.experiment_changed();
    }

    pub(in crate::app) fn ask_about_join(&mut self, source: Source) {
        if let Some(screen) = &self.state.screen {
            self.state.dialogs.join = Some(JoinForm::new(source, screen.table()));
        }
    }

    /// Takes over what the join form shows.
    pub(in crate::app) fn join(&mut self) {
        let Some((table, report)) = self.state.dialogs.join.take().and_then(JoinForm::result) else { return };
        let what = report.what.clone();
        log::info!("Joined {what}: {} rows.", report.matched);
        let all = self.state.report.get_or_insert_with(|| Report { rows: table.len(), ..Report::default() });
        all.joins.push(report);
        self.state.dialogs.report = !all.joins.iter().all(JoinReport::is_clean);
        self.edit_table(&what, |_| Ok(table));
    }

    /// Simulates the screen of the open form, then opens it.
    pub(in crate::app) fn simulate(&mut self) {
        let Some(form) = self.state.dialogs.simulate.take() else { return };
        let folder = PathBuf::from(form.folder.trim());
        self.jobs.spawn("Simulating a screen", false, move |progress, reply| {
            let manifest = simulate::run(&form.config, &folder, progress)?;
            reply.send(Event::Chosen(Choice::Experiment, vec![manifest]));
            Ok(())
        });
    }

    /// Puts another table in place; gives back the one that was there.
    pub(in crate::app) fn swap_table(&mut self, table: Table) -> Option<Table> {
        let before = self.state.screen.as_mut().map(|screen| screen.set_table(table));
        self.experiment_changed();
        before
    }
}

/// A new import is kept for recovery until it is saved under a name.
fn keep_import(
    imported: Imported,
    mapping: Option<&Mapping>,
    source: &std::path::Path,
    config_dir: Option<&std::path::Path>,
) -> Event {
    let Imported { experiment, report } = imported;
    let origin = Origin {
        source: source.display().to_string(),
        mapping: mapping.map_or(Value::Null, panels::import::to_json),
    };
    let keep = |experiment: &Experiment, dir| recovery::keep(dir, experiment, &Value::Null, Some(origin));
    let project = config_dir.and_then(|dir| match keep(&experiment, dir) {
        Ok(project) => Some(project),
        Err(e) => {
            log::warn!("{e} The import is not kept for recovery: save it soon.");
            None
        }
    });
    Event::Experiment(Box::new(OpenedExperiment {
        experiment,
        project,
        view: Value::Null,
        report: Some(report),
    }))
}

//! The experiment on screen is kept as a project, and goes.

use std::path::PathBuf;

use eframe::egui::ViewportCommand;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::app::answers::returning::Remembered;
use crate::app::forms::Closing;
use crate::app::forms::choice::Choice;
use crate::app::jobs::Event;
use crate::app::keeping::Kept;
use crate::app::map;
use crate::app::panes::{self, Pane};
use crate::app::screen::Look;
use crate::app::settings::SavedView;
use crate::app::state::Undo;
use crate::app::studio::Studio;
use crate::experiment::project::{Autosaver, Project, Snapshot, autosave, recovery};

/// How an experiment was looked at: what a project keeps beside its data.
#[derive(Default, Serialize)]
pub(super) struct ViewState {
    /// None for a new import.
    pub(super) look: Option<Look>,
    pub(super) layout: Option<egui_tiles::Tree<Pane>>,
    pub(super) map: map::Look,
    /// Row ids.
    pub(super) selected: Vec<String>,
    /// Row ids of the recordings in the player, with how they were shown.
    pub(super) playing: Vec<(String, SavedView)>,
    /// None for a project of a version that did not keep it.
    pub(super) answers: Option<Remembered>,
}

impl ViewState {
    /// As a project keeps it. A part that cannot be read, as of another version, is left out; the others stay.
    pub(super) fn read(view: Value) -> Self {
        let Value::Object(mut parts) = view else { return Self::default() };
        Self {
            look: part(&mut parts, "look"),
            layout: part(&mut parts, "layout"),
            map: part(&mut parts, "map"),
            selected: part(&mut parts, "selected"),
            playing: part(&mut parts, "playing"),
            answers: part(&mut parts, "answers"),
        }
    }
}

fn part<T: DeserializeOwned + Default>(parts: &mut Map<String, Value>, name: &str) -> T {
    let Some(value) = parts.remove(name) else { return T::default() };
    serde_json::from_value(value).unwrap_or_else(|e| {
        log::warn!("How the project was looked at: {name} cannot be read and is as at first ({e}).");
        T::default()
    })
}

impl Studio {
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
            .filter_map(|view| Some((id(*screen.playing.get(&view.recording.address)?), view.saved())))
            .collect();
        let view = ViewState {
            look: Some(screen.look().clone()),
            layout: Some(self.layout.clone()),
            map: self.state.map.look.clone(),
            selected: screen.selection.rows().map(id).collect(),
            playing,
            answers: Some(self.state.answers.remembered(screen)),
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

    /// Saves under a name; what was kept for recovery until then goes away. With `quit` the program ends then.
    pub(in crate::app) fn save_experiment_as(&mut self, path: PathBuf, quit: bool) {
        let Some(screen) = &self.state.screen else { return };
        let (experiment, view) = (screen.experiment().clone(), self.view_state());
        let origin = self.kept.origin.clone();
        let id = experiment.id.clone();
        self.jobs.spawn("Saving the experiment", false, move |_, reply| {
            let project = Project::create_from(&path, &experiment, &view, origin)?;
            reply.send(Event::SavedAs { id, project: Box::new(project), quit });
            Ok(())
        });
    }

    /// The experiment of this id has a name now, if it is still the one on screen.
    pub(in crate::app) fn saved_as(&mut self, id: &str, project: Project, quit: bool) {
        if self.state.screen.as_ref().is_none_or(|screen| screen.experiment().id != id) {
            log::info!("Saved: {}. It was closed meanwhile: open it to go on.", project.path().display());
            // Its lock is released on disk.
            self.jobs.spawn("Clearing up", true, move |_, _| {
                drop(project);
                Ok(())
            });
            return;
        }
        // It has a name now: nothing is left to ask.
        self.state.dialogs.close_experiment = None;
        let unnamed = self.state.project.as_ref().is_some_and(|(_, unnamed)| *unnamed);
        self.abandon(unnamed);
        log::info!("Saved: {}. Changes are saved as you make them.", project.path().display());
        self.state.settings.remember_experiment(&[project.path().to_owned()]);
        self.keep_in(project);
        self.experiment_changed();
        self.list_models();
        if quit {
            self.ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Saves no longer into the project that it was, and throws that away or leaves it as it is on disk.
    fn abandon(&mut self, throw_away: bool) {
        let Some(mut autosaver) = self.kept.autosaver.take() else { return };
        // The program asks before it ends while this runs: what is thrown away would be offered again.
        self.jobs.spawn("Clearing up", false, move |_, _| {
            if let Some(project) = autosaver.abandon()
                && throw_away
                && let Err(e) = project.discard()
            {
                log::warn!("{e}");
            }
            Ok(())
        });
    }

    /// Closes the experiment; one without a name is asked about first.
    pub(in crate::app) fn close_experiment(&mut self) {
        if let Some(id) = self.state.unnamed() {
            self.state.dialogs.close_experiment = Some(Closing::Experiment(id.to_owned()));
        } else {
            self.leave_experiment();
        }
    }

    fn leave_experiment(&mut self) {
        if self.end_experiment() {
            self.show_only(Vec::new());
            self.state.report = None;
            self.layout = self.recordings_layout.take().unwrap_or_else(panes::default_layout);
        }
    }

    /// Throws the experiment that was asked about away, if it is on screen and still has no name, and ends the program if that is
    /// to be closed.
    pub(in crate::app) fn discard_experiment(&mut self, closing: &Closing) {
        if self.state.unnamed() != Some(closing.experiment()) {
            log::warn!("Nothing was thrown away: the experiment was saved or closed meanwhile.");
            return;
        }
        if let Some((path, _)) = &self.state.project {
            self.state.settings.forget_session(path);
        }
        self.abandon(true);
        self.leave_experiment();
        if matches!(closing, Closing::Program(_)) {
            self.ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    /// Ends the program; an experiment without a name is offered again at the next start.
    pub(in crate::app) fn keep_for_later(&mut self) {
        self.keeps_unnamed = true;
        self.ctx.send_viewport_cmd(ViewportCommand::Close);
    }

    /// Throws an experiment of an earlier run away that was never saved under a name.
    pub(in crate::app) fn throw_away(&mut self, path: PathBuf) {
        let Some(dir) = self.config_dir.clone() else { return };
        self.state.recoverable.retain(|lost| lost.path != path);
        self.state.settings.forget_session(&path);
        self.jobs.spawn("Throwing an experiment away", false, move |_, reply| {
            let discarded = recovery::discard(&dir, &path);
            // What could not be removed is still there.
            reply.send(Event::Recoverable(recovery::list(&dir)));
            discarded?;
            Ok(())
        });
    }

    /// Writes what waits and takes the experiment off the screen; false if that failed, with the experiment still there. It
    /// waits for the disk: until the last state is written nobody knows whether the experiment may go, and the same project
    /// may be opened next, which its lock would make read-only.
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
        self.state.dialogs.close_experiment = None;
        self.leave_map();
        self.state.project = None;
        self.forget_recipes();
        self.forget_hits();
        self.leave_answers();
        self.keeps_unnamed = false;
        let is_of_experiment =
            |step: &Undo| matches!(step, Undo::Table(..) | Undo::Gates(..) | Undo::Vectors(..));
        self.state.undo.retain(|step| !is_of_experiment(step));
        self.state.redo.retain(|step| !is_of_experiment(step));
        true
    }
}

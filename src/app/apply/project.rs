//! The experiment on screen is kept as a project, and goes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ViewState {
    /// None for a new import.
    pub(super) look: Option<Look>,
    pub(super) layout: Option<egui_tiles::Tree<Pane>>,
    pub(super) map: map::Look,
    /// Row ids.
    pub(super) selected: Vec<String>,
    /// Row ids of the recordings in the player, with how they were shown.
    pub(super) playing: Vec<(String, SavedView)>,
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
        let id = experiment.id.clone();
        self.jobs.spawn("Saving the experiment", false, move |_, reply| {
            let project = Project::create_from(&path, &experiment, &view, origin)?;
            reply.send(Event::SavedAs(id, Box::new(project)));
            Ok(())
        });
    }

    /// The experiment of this id has a name now, if it is still the one on screen.
    pub(in crate::app) fn saved_as(&mut self, id: &str, project: Project) {
        if self.state.screen.as_ref().is_none_or(|screen| screen.experiment().id != id) {
            log::info!("Saved: {}. It was closed meanwhile: open it to go on.", project.path().display());
            // Its lock is released on disk.
            self.jobs.spawn("Clearing up", true, move |_, _| {
                drop(project);
                Ok(())
            });
            return;
        }
        let unnamed = self.state.project.as_ref().is_some_and(|(_, unnamed)| *unnamed);
        self.abandon(unnamed);
        log::info!("Saved: {}. Changes are saved as you make them.", project.path().display());
        self.keep_in(project);
        self.experiment_changed();
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
            self.layout = self.recordings_layout.take().unwrap_or_else(panes::default_layout);
        }
    }

    /// Throws an experiment without a name away.
    pub(in crate::app) fn discard_experiment(&mut self) {
        self.abandon(true);
        self.leave_experiment();
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
        if let Some(running) = std::mem::take(&mut self.state.map).running {
            self.jobs.cancel(running.job);
        }
        self.state.project = None;
        self.state.undo.retain(|step| !matches!(step, Undo::Table(..) | Undo::Gates(..)));
        self.state.redo.retain(|step| !matches!(step, Undo::Table(..) | Undo::Gates(..)));
        true
    }
}

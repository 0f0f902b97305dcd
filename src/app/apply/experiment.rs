//! An experiment comes: opened, imported, simulated, joined with more.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::project::ViewState;
use crate::app::forms::choice::Choice;
use crate::app::forms::import::{ImportForm, is_certain, to_json};
use crate::app::forms::join::JoinForm;
use crate::app::jobs::{Event, OpenedExperiment};
use crate::app::panes::{self, Pane};
use crate::app::screen::selection::Gesture;
use crate::app::screen::{Look, Screen};
use crate::app::settings::SavedView;
use crate::app::studio::Studio;
use crate::app::{sketches, thumbnails};
use crate::experiment::import::report::{JoinReport, Report};
use crate::experiment::import::source::Format;
use crate::experiment::import::{
    self, Features, ImportError, Imported, MappedColumn, Mapping, Source, Target, plate_map, profile,
    structures,
};
use crate::experiment::project::{self, Origin, Project, recovery};
use crate::experiment::{Experiment, Table, relocate};
use crate::simulate;

impl Studio {
    /// Opens a project, a table or a Mito dataset on a job. A table whose columns had to be guessed is asked about.
    pub(in crate::app) fn open_experiment(&mut self, path: PathBuf) {
        let recovered = self.config_dir.as_ref().is_some_and(|dir| recovery::is_unnamed(dir, &path));
        if !recovered {
            self.state.settings.remember_experiment(std::slice::from_ref(&path));
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
                // Tables of profiles say what their columns are; where it is open, the form asks.
                let candidates = match profile::read(std::slice::from_ref(&path), &Features::Guess) {
                    Ok(Some(profiles)) => {
                        let imported = profiles.into_imported();
                        reply.send(keep_import(
                            imported,
                            None,
                            std::slice::from_ref(&path),
                            config_dir.as_deref(),
                        ));
                        return Ok(());
                    }
                    Ok(None) => Vec::new(),
                    Err(ImportError::Features { candidates, .. }) => candidates,
                    Err(error) => return Err(error.into()),
                };
                let source = Source::read(&path)?;
                let mut mapping = import::guess(&source);
                mapping.take_features(&candidates);
                if !is_certain(&mapping) {
                    reply.send(Event::Guessed(Box::new((source, mapping))));
                    return Ok(());
                }
                let imported = import::apply(&source, &mapping)?;
                let paths = std::slice::from_ref(&path);
                reply.send(keep_import(imported, Some(&mapping), paths, config_dir.as_deref()));
            } else {
                // A folder: its layout says what everything means.
                let imported = import::open(&path)?;
                reply.send(keep_import(imported, None, std::slice::from_ref(&path), config_dir.as_deref()));
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
            let imported = as_answered(&source, &mapping)?;
            let paths = std::slice::from_ref(&source.path);
            reply.send(keep_import(imported, Some(&mapping), paths, config_dir.as_deref()));
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
        let view = ViewState::read(view);
        let remembered = view.answers;
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
        let whole = view.layout.filter(|l| panes::is_complete(l, &Pane::EXPERIMENT));
        let layout = whole.unwrap_or_else(panes::experiment_layout);
        self.recordings_layout = Some(std::mem::replace(&mut self.layout, layout));
        self.state.screen = Some(screen);
        self.state.map.look = view.map;
        self.state.report = report;
        self.state.dialogs.report = self.state.report.as_ref().is_some_and(|r| !r.is_clean());
        if let Some(project) = project {
            self.state.recoverable.retain(|lost| lost.path != project.path());
            self.kept.origin = project.origin().cloned();
            self.keep_in(project);
        }
        self.list_models();
        if let Some(remembered) = remembered {
            self.bring_answers_back(remembered);
        }
        if playing.is_empty() {
            // Something to look at, at once.
            self.step_row(0);
        } else {
            self.show_saved(playing);
        }
    }

    /// A path was chosen for the experiment.
    pub(in crate::app) fn experiment_path(&mut self, choice: Choice, path: PathBuf) {
        match choice {
            Choice::SaveProject => self.save_experiment_as(path, false),
            Choice::SaveProjectAndQuit => self.save_experiment_as(path, true),
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
            Choice::AnswerModel
            | Choice::Embedding
            | Choice::Gallery
            | Choice::GalleryFolder
            | Choice::Results => {
                self.answer_path(choice, path);
            }
            Choice::HitsFolder => self.state.hits.form.folder = path.display().to_string(),
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
        let (Some(form), Some(screen)) = (self.state.dialogs.join.take(), &self.state.screen) else { return };
        let Some((table, report)) = form.result(screen) else { return };
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

/// What the form's answer makes of a table. Where it says no more than which columns are features, that is what
/// `--features` says on the command line: rows are then called the same.
fn as_answered(source: &Source, mapping: &Mapping) -> Result<Imported, ImportError> {
    let is_feature = |column: &&MappedColumn| column.target == Target::Feature;
    let chosen: Vec<String> =
        mapping.columns.iter().filter(is_feature).map(|column| column.source.clone()).collect();
    let guessed = import::guess(source);
    let is_as_guessed = mapping.columns.iter().zip(&guessed.columns).all(|(column, guessed)| {
        let of = |column: &MappedColumn| (column.target, column.unit, column.decimal_comma);
        is_feature(&column) || of(column) == of(guessed)
    });
    if !chosen.is_empty() && is_as_guessed && source.format != Format::Workbook {
        let profiles = profile::read(std::slice::from_ref(&source.path), &Features::Chosen(chosen))?;
        if let Some(profiles) = profiles {
            return Ok(profiles.into_imported());
        }
    }
    import::apply(source, mapping)
}

/// A new import is kept for recovery until it is saved under a name.
pub(super) fn keep_import(
    imported: Imported,
    mapping: Option<&Mapping>,
    sources: &[PathBuf],
    config_dir: Option<&Path>,
) -> Event {
    let Imported { experiment, report } = imported;
    let sources: Vec<String> = sources.iter().map(|source| source.display().to_string()).collect();
    let origin = Origin { source: sources.join("; "), mapping: mapping.map_or(Value::Null, to_json) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_chosen_in_the_form_name_rows_as_the_command_line_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let text = "Metadata_Plate,Metadata_Well,Cell_type,Hole,Ring\np,A01,U2OS,1,2\np,A02,U2OS,3,4\n";
        std::fs::write(&path, text).unwrap();
        let source = Source::read(&path).unwrap();
        let mut mapping = import::guess(&source);
        mapping.take_features(&["Hole".to_owned(), "Ring".to_owned()]);
        let answered = as_answered(&source, &mapping).unwrap();
        let line = import::open_many(&[path], &Features::parse("Hole,Ring")).unwrap();
        let ids = |imported: &Imported| {
            let table = &imported.experiment.table;
            (0..table.len()).map(|row| table.row_id(row).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&answered), ids(&line));
        assert_eq!(ids(&answered), ["p_A01", "p_A02"]);
        // What else the user says of a column holds.
        mapping.choose(&source, 2, Target::Skip);
        let table = as_answered(&source, &mapping).unwrap().experiment.table;
        assert!((0..table.len()).all(|row| table.text(row, "cell_line").is_empty()));
    }
}

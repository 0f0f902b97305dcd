//! The window's state: plain data. Panels read it and send commands; `apply` carries these out.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use super::answers::{Answering, Source};
use super::command::Command;
use super::forms::Closing;
use super::forms::RowsForm;
use super::forms::attach::AttachForm;
use super::forms::export::ExportForm;
use super::forms::fill::FillForm;
use super::forms::import::ImportForm;
use super::forms::join::JoinForm;
use super::forms::path_box::PathBox;
use super::forms::predictions::PredictionsForm;
use super::forms::simulate::SimulateForm;
use super::hits::Reading;
use super::map::{Gate, Map};
use super::recipes::Recipes;
use super::screen::Screen;
use super::settings::{SavedView, Settings};
use super::training::Training;
use super::training::form::{Form, default_folder};
use super::view::{View, format_time, time_label};
use crate::experiment::import::report::Report;
use crate::experiment::project::recovery::Recoverable;
use crate::experiment::{EmbeddingTable, Table};
use crate::video::Recording;
use crate::video::display::Display;
use crate::video::edits::Edits;
use crate::video::timeline::{Clock, Timeline, Unit};

/// What the pointer is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Hover {
    /// Index of the view.
    pub view: usize,
    /// Column and row.
    pub pixel: (usize, usize),
    /// Channel and value.
    pub values: Vec<(usize, f64)>,
}

/// Something that can be taken back.
#[derive(Clone)]
pub enum Undo {
    /// A recording that was closed, and its place.
    Closed(usize, SavedView),
    /// Metadata as they were.
    Edits(u64, Edits),
    /// A look as it was.
    Display(u64, Display),
    /// The map's gates as they were.
    Gates(Vec<Gate>),
    /// The experiment's table as it was, and what was changed.
    Table(Table, String),
    /// Vectors of a name as they were, and those in use.
    Vectors(Box<VectorsBefore>),
}

/// Vectors that an experiment keeps under a name, and which ones are used where.
#[derive(Clone)]
pub struct VectorsBefore {
    /// The name.
    pub name: String,
    /// Vectors of this name; `None` where there are none.
    pub table: Option<Arc<EmbeddingTable>>,
    /// What answers.
    pub source: Option<Source>,
    /// Those of the map, by their name.
    pub map: String,
    /// Those that are corrected, by their name.
    pub corrected: String,
}

/// Windows over the window.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools)] // each says that one dialog is open
pub struct Dialogs {
    /// Text typed into the command palette.
    pub palette: Option<String>,
    /// Shortcut help.
    pub help: bool,
    /// About.
    pub about: bool,
    /// Path box, and what it was opened for.
    pub path_box: Option<PathBox>,
    /// Export form.
    pub export: Option<ExportForm>,
    /// The program is asked to close while jobs run.
    pub confirm_quit: bool,
    /// Something to ask about the selected rows.
    pub rows: Option<RowsForm>,
    /// A structure for the selected rows.
    pub attach: Option<AttachForm>,
    /// What is filled into cells of the selected rows.
    pub fill: Option<FillForm>,
    /// A screen to simulate.
    pub simulate: Option<SimulateForm>,
    /// How a table is read.
    pub import: Option<ImportForm>,
    /// A table to join.
    pub join: Option<JoinForm>,
    /// What an import found.
    pub report: bool,
    /// What of the answers is written, and where.
    pub export_predictions: Option<PredictionsForm>,
    /// An experiment without a name is to be closed, or the program with it.
    pub close_experiment: Option<Closing>,
}

impl Dialogs {
    /// True while a dialog waits for an answer: keys belong to it.
    pub const fn is_asking(&self) -> bool {
        self.palette.is_some()
            || self.path_box.is_some()
            || self.rows.is_some()
            || self.attach.is_some()
            || self.fill.is_some()
            || self.import.is_some()
            || self.join.is_some()
            || self.simulate.is_some()
            || self.export_predictions.is_some()
            || self.close_experiment.is_some()
            || self.confirm_quit
    }

    /// True if one is open: Escape then belongs to it.
    pub const fn any(&self) -> bool {
        self.is_asking() || self.help || self.about || self.report || self.export.is_some()
    }
}

/// The window's state.
pub struct AppState {
    /// Recordings on screen, at most nine.
    pub views: Vec<View>,
    /// The one that panels and keys act on.
    pub active: usize,
    /// Common time axis.
    pub timeline: Timeline,
    /// Playhead.
    pub clock: Clock,
    /// What is remembered.
    pub settings: Settings,
    /// The experiment, if one is open.
    pub screen: Option<Screen>,
    /// Where it is saved, and whether the user has given it no name yet.
    pub project: Option<(PathBuf, bool)>,
    /// How saving goes.
    pub saving: String,
    /// What its import found.
    pub report: Option<Report>,
    /// Experiments that were never saved under a name, from earlier runs.
    pub recoverable: Vec<Recoverable>,
    /// Training: the form, and the training that runs.
    pub training: Training,
    /// The map of embeddings.
    pub map: Map,
    /// Recipes side by side.
    pub recipes: Recipes,
    /// Hits of the screen.
    pub hits: Reading,
    /// Answers.
    pub answers: Answering,
    /// Under the pointer.
    pub hover: Option<Hover>,
    /// Open windows.
    pub dialogs: Dialogs,
    /// What can be taken back, latest last.
    pub undo: Vec<Undo>,
    /// What was taken back, latest last.
    pub redo: Vec<Undo>,
    /// Graphics device, for the status bar.
    pub draws: String,
    /// Who would compute.
    pub computes: String,
    /// Files are being dragged over the window.
    pub dropping: bool,
}

/// Most recordings side by side.
pub const MAX_VIEWS: usize = 9;

impl AppState {
    /// An empty window.
    pub fn new(settings: Settings) -> Self {
        let mut clock = Clock::default();
        (clock.ending, clock.speed, clock.pacing) = (settings.ending, settings.speed, settings.pacing);
        Self {
            views: Vec::new(),
            active: 0,
            timeline: Timeline::new(&[], settings.align),
            clock,
            settings,
            screen: None,
            project: None,
            saving: String::new(),
            report: None,
            recoverable: Vec::new(),
            training: Training::default(),
            map: Map::default(),
            recipes: Recipes::default(),
            hits: Reading::default(),
            answers: Answering::default(),
            hover: None,
            dialogs: Dialogs::default(),
            undo: Vec::new(),
            redo: Vec::new(),
            draws: String::new(),
            computes: String::new(),
            dropping: false,
        }
    }

    /// The active view.
    pub fn active_view(&self) -> Option<&View> {
        self.views.get(self.active)
    }

    /// Time point that a view should show now.
    pub fn frame_of(&self, view: usize) -> usize {
        self.timeline.frame(view, self.clock.tick)
    }

    /// Rebuilds the common axis, staying at the same time.
    pub fn rebuild_timeline(&mut self) {
        let now = self.timeline.ticks.get(self.clock.tick).copied();
        let unit = self.timeline.unit;
        let recordings: Vec<&Recording> = self.views.iter().map(|v| v.recording.as_ref()).collect();
        self.timeline = Timeline::new(&recordings, self.settings.align);
        let tick = match now {
            Some(now) if unit == self.timeline.unit => self.timeline.tick_at(now),
            _ => self.clock.tick,
        };
        self.clock.seek(tick, &self.timeline);
        self.clock.playing &= self.timeline.len() > 1;
        self.active = self.active.min(self.views.len().saturating_sub(1));
    }

    /// What a view is called: its treatment where it belongs to a row, its code while blind, else its file.
    pub fn name_of(&self, view: &View) -> String {
        let row = self.screen.as_ref().and_then(|s| Some((s, *s.playing.get(&view.recording.address)?)));
        match (row, &self.screen) {
            (Some((screen, row)), _) => screen.caption(row),
            // A recording that was opened by hand has a path that may tell its treatment.
            (None, Some(screen)) if screen.look().blind => "recording".to_owned(),
            _ => view.recording.address.label(),
        }
    }

    /// True for a recording that itself or its row calls simulated.
    pub fn is_simulated(&self, view: &View) -> bool {
        let by_row = self.screen.as_ref().is_some_and(|screen| {
            let row = screen.playing.get(&view.recording.address);
            row.is_some_and(|&row| screen.experiment().is_simulated(row as usize))
        });
        by_row || view.recording.is_simulated()
    }

    /// Id of the experiment on screen, if the user has given it no name yet.
    pub fn unnamed(&self) -> Option<&str> {
        let screen = self.screen.as_ref()?;
        let is_unnamed = self.project.as_ref().is_none_or(|(_, unnamed)| *unnamed);
        is_unnamed.then_some(screen.experiment().id.as_str())
    }

    /// True while treatments are hidden.
    pub fn is_blind(&self) -> bool {
        self.screen.as_ref().is_some_and(|s| s.look().blind)
    }

    /// A message as it may be read: while blind without what names recordings and treatments.
    pub fn masked<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(screen) = self.screen.as_ref().filter(|screen| screen.look().blind) else {
            return Cow::Borrowed(text);
        };
        let mut masked = screen.masked(text);
        // A recording that was opened by hand is in no row, and its path may tell its treatment.
        for view in self.views.iter().filter(|view| !screen.playing.contains_key(&view.recording.address)) {
            for path in view.recording.address.files() {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                if !file.is_empty() && masked.contains(&*file) {
                    masked = Cow::Owned(masked.replace(&*file, "recording"));
                }
            }
        }
        masked
    }

    /// Where models of the experiment on screen go: into its project, if it has one.
    pub fn models_folder(&self, form: &Form) -> PathBuf {
        match &self.project {
            Some((path, false)) => path.join("models"),
            _ => PathBuf::from(form.folder.trim()),
        }
    }

    /// Folders that models are looked for in: the project's own, and that of the form.
    pub fn models_folders(&self) -> Vec<PathBuf> {
        let of_project = self.project.as_ref().filter(|(_, unnamed)| !unnamed);
        let form = self.training.form.as_ref().map(|(_, form)| form.folder.trim());
        let chosen = form.filter(|folder| !folder.is_empty()).map_or_else(default_folder, PathBuf::from);
        of_project.map(|(path, _)| path.join("models")).into_iter().chain([chosen]).collect()
    }

    /// Time stamp of a view's current frame, as drawn over it: from its treatment where it has one.
    pub fn time_label(&self, view: usize) -> String {
        self.views.get(view).map_or_else(String::new, |v| time_label(&v.recording, self.frame_of(view)))
    }

    /// The current position of the common axis.
    pub fn position_label(&self) -> String {
        match (self.timeline.unit, self.timeline.ticks.get(self.clock.tick)) {
            (Unit::Seconds, Some(time)) => format_time(*time, self.timeline.duration()),
            (Unit::Frames, Some(frame)) => format!("frame {}", frame + 1.0),
            (_, None) => String::new(),
        }
    }
}

/// Where panels put what they want done.
#[derive(Default)]
pub struct Outbox(pub Vec<Command>);

impl Outbox {
    /// Sends a command.
    pub fn send(&mut self, command: Command) {
        self.0.push(command);
    }
}

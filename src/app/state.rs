//! The window's state: plain data. Panels read it and send commands; [`super::Studio`] applies them.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::Rect;

use super::answers::{Answering, PredictionsForm};
use super::command::Command;
use super::frame::{self, LutCache};
use super::jobs::Choice;
use super::map::{Gate, Map};
use super::panels::attach::AttachForm;
use super::panels::export::ExportForm;
use super::panels::import::ImportForm;
use super::panels::join::JoinForm;
use super::panels::simulate::SimulateForm;
use super::screen::Screen;
use super::settings::{Settings, Viewport};
use super::training::Training;
use crate::experiment::Table;
use crate::experiment::import::report::Report;
use crate::experiment::project::recovery::Recoverable;
use crate::gpu::frame_view::ChannelDraw;
use crate::video::cache::{FrameCache, Request};
use crate::video::display::{Display, Projection};
use crate::video::edits::Edits;
use crate::video::stats::MovieStats;
use crate::video::timeline::{Clock, Timeline, Unit};
use crate::video::{Crop, Recording, VideoError};

/// A recording on screen.
pub struct View {
    /// Unique in this process.
    pub id: u64,
    /// What is shown.
    pub recording: Arc<Recording>,
    /// How.
    pub display: Display,
    /// Where.
    pub viewport: Viewport,
    /// A rectangle drawn on it, image px.
    pub roi: Option<Crop>,
    /// Histogram and percentiles, once known.
    pub stats: Option<Arc<MovieStats>>,
    /// Share of the statistics scan that is done; `None` when it is not running.
    pub scanning: Option<f32>,
    /// The frame on screen: stays until the next one is decoded.
    pub shown: Shown,
    /// Where the picture was drawn last, points.
    pub cell: Rect,
    /// Tables in use.
    pub luts: LutCache,
}

/// What the canvas draws.
#[derive(Default, Clone)]
pub struct Shown {
    /// Time point.
    pub t: usize,
    /// Channels, ready for the GPU.
    pub channels: Vec<ChannelDraw>,
    /// Why the frame that should be shown cannot be.
    pub error: Option<VideoError>,
    /// Since when the wanted frame is being waited for.
    pub waiting: Option<Instant>,
}

impl View {
    /// A view with the default look.
    pub fn new(id: u64, recording: Recording) -> Self {
        let display = Display::new(&recording.series);
        Self {
            id,
            recording: Arc::new(recording),
            display,
            viewport: Viewport::default(),
            roi: None,
            stats: None,
            scanning: None,
            shown: Shown::default(),
            cell: Rect::NOTHING,
            luts: LutCache::default(),
        }
    }

    /// The focal planes that are needed for the current projection.
    pub fn planes_z(&self) -> std::ops::Range<usize> {
        frame::planes_z(&self.recording, &self.display)
    }

    /// The channels that are drawn.
    pub fn visible_channels(&self) -> impl Iterator<Item = usize> + '_ {
        frame::visible_channels(&self.recording, &self.display)
    }

    /// The planes that a frame needs.
    pub fn requests(&self, t: usize) -> Vec<Request> {
        let z = self.planes_z();
        self.visible_channels()
            .flat_map(|c| z.clone().map(move |z| (c, z)))
            .filter(|&(c, z)| !self.recording.series.is_missing(self.recording.shape().plane_index(t, z, c)))
            .map(|(c, z)| Request { recording: Arc::clone(&self.recording), t, z, c })
            .collect()
    }

    /// True when all planes of a frame are decoded, or known not to be readable.
    pub fn is_ready(&self, cache: &FrameCache, t: usize) -> bool {
        self.requests(t).iter().all(|r| cache.is_settled(r.key()))
    }

    /// Takes the frame from the cache if it is all there; else keeps what is shown.
    pub fn refresh(&mut self, cache: &FrameCache, t: usize) {
        match frame::assemble(&self.recording, &self.display, t, &self.luts, |key| cache.get(key)) {
            Some((channels, error)) => self.shown = Shown { t, channels, error, waiting: None },
            None => {
                self.shown.waiting.get_or_insert_with(Instant::now);
            }
        }
    }

    /// The value under a pixel for each channel on screen, projected as shown; colour images give one value per sample.
    pub fn values_at(&self, x: usize, y: usize) -> Vec<(usize, f64)> {
        let mut values = Vec::new();
        for channel in &self.shown.channels {
            let samples = channel.planes.first().map_or(1, |p| p.samples);
            for sample in 0..samples {
                let along_z: Vec<f64> = channel.planes.iter().filter_map(|p| p.value(x, y, sample)).collect();
                if along_z.is_empty() {
                    continue;
                }
                let value = match self.display.projection {
                    Projection::Mean => along_z.iter().sum::<f64>() / along_z.len() as f64,
                    _ => along_z.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                };
                values.push((channel.frame.channel, value));
            }
        }
        values
    }
}

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
    Closed(usize, super::settings::SavedView),
    /// Metadata as they were.
    Edits(u64, Edits),
    /// A look as it was.
    Display(u64, Display),
    /// The map's gates as they were.
    Gates(Vec<Gate>),
    /// The experiment's table as it was, and what was changed.
    Table(Table, String),
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
    /// An experiment without a name is to be closed.
    pub close_experiment: bool,
}

impl Dialogs {
    /// True while a dialog waits for an answer: keys belong to it.
    pub const fn is_asking(&self) -> bool {
        self.palette.is_some()
            || self.path_box.is_some()
            || self.rows.is_some()
            || self.attach.is_some()
            || self.import.is_some()
            || self.join.is_some()
            || self.simulate.is_some()
            || self.export_predictions.is_some()
            || self.close_experiment
            || self.confirm_quit
    }

    /// True if one is open: Escape then belongs to it.
    pub const fn any(&self) -> bool {
        self.is_asking() || self.help || self.about || self.report || self.export.is_some()
    }
}

/// A question about the selected rows, with the answer so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowsForm {
    /// Why they are left out.
    Exclude(String),
    /// Which tag.
    Tag(String),
}

/// A line to type a path into.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PathBox {
    /// What the path is for.
    pub choice: Choice,
    /// What has been typed.
    pub text: String,
    /// Why it is shown instead of a file dialog, if it is.
    pub note: Option<String>,
    /// What is wrong with the path.
    pub error: Option<String>,
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
            let file = view.recording.path().file_name().unwrap_or_default().to_string_lossy();
            if !file.is_empty() && masked.contains(&*file) {
                masked = Cow::Owned(masked.replace(&*file, "recording"));
            }
        }
        masked
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

/// Time of a frame, from the recording's treatment where it has one; its number where it has no timing.
pub fn time_label(recording: &Recording, t: usize) -> String {
    let treatment = recording.edits.treatment_frame;
    match recording.times_s() {
        Some(times) => {
            let now = times.get(t).copied().unwrap_or(0.0);
            let span = times.last().copied().unwrap_or(0.0);
            match treatment.and_then(|f| times.get(f)) {
                Some(zero) if now < *zero => format!("{} before treatment", format_time(zero - now, span)),
                Some(zero) => format!("{} after treatment", format_time(now - zero, span)),
                None => format_time(now, span),
            }
        }
        None => match treatment {
            Some(zero) if t < zero => format!("{} frames before treatment", zero - t),
            Some(zero) => format!("{} frames after treatment", t - zero),
            None => format!("frame {}", t + 1),
        },
    }
}

/// Seconds as `4.5 s`, `1:04.5` or `2:01:04`, in a form that fits the length of the movie.
pub fn format_time(seconds: f64, span: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let s = seconds.abs();
    let span = span.abs().max(s);
    if span >= 3600.0 {
        let whole = s.round() as u64;
        return format!("{sign}{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
    }
    if span >= 60.0 {
        let tenths = (s * 10.0).round() as u64;
        return format!("{sign}{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10);
    }
    let decimals = if span >= 10.0 {
        1
    } else if span >= 0.1 {
        2
    } else {
        4
    };
    format!("{sign}{s:.decimals$} s")
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

#[cfg(test)]
mod tests {
    use super::format_time;

    #[test]
    fn times_read_as_a_biologist_writes_them() {
        assert_eq!(format_time(4.536, 131.5), "0:04.5");
        assert_eq!(format_time(59.96, 131.5), "1:00.0");
        assert_eq!(format_time(3661.0, 7200.0), "1:01:01");
        assert_eq!(format_time(4.5, 5.0), "4.50 s");
        assert_eq!(format_time(-4.5, 30.0), "−4.5 s");
        assert_eq!(format_time(0.0012, 0.01), "0.0012 s");
    }
}

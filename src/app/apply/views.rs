//! Recordings come and go.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::experiment::keep_import;
use crate::app::forms::choice::Choice;
use crate::app::jobs::{Event, Opened, Reply};
use crate::app::settings::SavedView;
use crate::app::state::{MAX_VIEWS, Undo};
use crate::app::studio::Studio;
use crate::app::view::View;
use crate::experiment::import::{self, Features, profile};
use crate::experiment::project::recovery;
use crate::progress::Progress;
use crate::video::{Address, Limits, Recording, stats};

/// Bytes that the statistics scan reads at most: enough for percentiles, a few seconds on a slow disk.
const SCAN_BYTES: u64 = 1 << 30;

/// Recordings to open, in their order, with how they were shown last.
type Wanted = Vec<(Address, Option<SavedView>)>;

impl Studio {
    /// Looks for experiments that earlier runs left without a name, then opens what the program was started with: an
    /// import that is under way looks like one of these.
    pub(in crate::app) fn start(&mut self, addresses: Vec<Address>) {
        let Some(dir) = self.config_dir.clone() else {
            self.open(addresses);
            return;
        };
        let (free, limits) = (self.free(), self.limits);
        self.jobs.spawn(opening(&addresses), true, move |progress, reply| {
            reply.send(Event::Recoverable(recovery::list(&dir)));
            open_any(addresses, free, limits, Some(&dir), progress, reply)
        });
    }

    /// Opens what lies at these addresses: recordings beside those that are there, or an experiment.
    pub(in crate::app) fn open(&mut self, addresses: Vec<Address>) {
        if addresses.is_empty() {
            return;
        }
        let (free, limits, dir) = (self.free(), self.limits, self.config_dir.clone());
        self.jobs.spawn(opening(&addresses), true, move |progress, reply| {
            open_any(addresses, free, limits, dir.as_deref(), progress, reply)
        });
    }

    /// How many recordings more can be shown.
    fn free(&self) -> usize {
        MAX_VIEWS.saturating_sub(self.state.views.len())
    }

    /// Makes the player show these recordings and no others. Those that it shows already stay as they are.
    pub(in crate::app) fn show_only(&mut self, addresses: Vec<Address>) {
        let (views, others): (Vec<View>, Vec<View>) = std::mem::take(&mut self.state.views)
            .into_iter()
            .partition(|v| addresses.contains(&v.recording.address));
        self.state.views = views;
        for view in &others {
            self.cache.forget(view.recording.id);
        }
        if let Some(view) = others.into_iter().next() {
            self.playing.display = Some(view.display);
        }
        let shown = |address: &Address| self.state.views.iter().any(|v| v.recording.address == *address);
        let missing: Vec<Address> = addresses.iter().filter(|a| !shown(a)).cloned().collect();
        self.playing.order = addresses;
        self.playing.generation += 1;
        self.state.hover = None;
        self.sort_views();
        let generation = Some(self.playing.generation);
        self.open_on_job(missing.into_iter().map(|a| (a, None)).collect(), generation);
    }

    /// Shows recordings of rows as they were shown last, in place of what is there.
    pub(in crate::app) fn show_saved(&mut self, saved: Vec<SavedView>) {
        self.show_only(Vec::new());
        self.playing.order = saved.iter().map(|s| s.address.clone()).collect();
        let wanted = saved.into_iter().map(|s| (s.address.clone(), Some(s))).collect();
        self.open_on_job(at_most(wanted, self.free()), Some(self.playing.generation));
    }

    /// Puts the views into the order of the rows that they show.
    fn sort_views(&mut self) {
        let order = &self.playing.order;
        let place =
            |view: &View| order.iter().position(|a| *a == view.recording.address).unwrap_or(usize::MAX);
        self.state.views.sort_by_key(place);
        self.state.rebuild_timeline();
    }

    /// Takes in a recording that was opened for rows, unless the selection has moved on since.
    pub(in crate::app) fn add_played(
        &mut self,
        address: &Address,
        recording: Recording,
        saved: Option<SavedView>,
        first_look: Option<stats::MovieStats>,
        generation: u64,
    ) {
        if generation != self.playing.generation {
            return;
        }
        // Brightness can be compared from row to row only while the contrast stays.
        let link = self.state.settings.link_contrast;
        let is_new = saved.is_none() && self.state.views.is_empty();
        let display = self.playing.display.clone().filter(|_| link && is_new);
        self.add_view(address, recording, saved, first_look);
        if let (Some(display), Some(view)) = (display, self.state.views.last_mut())
            && display.channels.len() == view.display.channels.len()
        {
            view.display = display;
            for channel in &mut view.display.channels {
                channel.auto = false;
            }
        }
        self.sort_views();
        let current = self.state.screen.as_ref().and_then(|s| s.address(s.selection.current()?));
        let active = self.state.views.iter().position(|v| Some(&v.recording.address) == current.as_ref());
        self.state.active = active.unwrap_or(0);
    }

    pub(in crate::app) fn reopen_session(&mut self) {
        if let Some(experiment) = self.state.settings.session_experiment.clone() {
            self.state.recoverable.retain(|lost| lost.path != experiment.path);
            self.open_experiment(experiment.path);
        }
        let saved = self.state.settings.session.clone();
        self.open_saved(saved.into_iter().map(|s| (s.address.clone(), Some(s))).collect());
    }

    pub(in crate::app) fn open_saved(&mut self, wanted: Wanted) {
        self.open_on_job(at_most(wanted, self.free()), None);
    }

    /// `generation`: of the selection that this is opened for, if it is.
    fn open_on_job(&mut self, wanted: Wanted, generation: Option<u64>) {
        if wanted.is_empty() {
            return;
        }
        // The name of a file may tell what a blind reader must not know.
        let name = match wanted.as_slice() {
            [(address, _)] if generation.is_none() => format!("Opening {}", address.label()),
            [_] => "Opening a recording".to_owned(),
            several => format!("Opening {} recordings", several.len()),
        };
        let limits = self.limits;
        self.jobs
            .spawn(name, true, move |progress, reply| open_each(wanted, generation, limits, progress, reply));
    }

    pub(in crate::app) fn add_view(
        &mut self,
        address: &Address,
        mut recording: Recording,
        saved: Option<SavedView>,
        first_look: Option<stats::MovieStats>,
    ) {
        if self.state.views.len() >= MAX_VIEWS {
            return;
        }
        self.calibrate(address, &mut recording);
        let id = self.next_view;
        self.next_view += 1;
        for warning in &recording.series.warnings {
            log::warn!("{}: {warning}", address.label());
        }
        let mut view = View::new(id, recording);
        if let Some(stats) = first_look {
            view.display.follow(&stats);
        }
        if let Some(saved) = saved.filter(|s| s.display.channels.len() == view.display.channels.len()) {
            view.display = saved.display;
            view.viewport = saved.viewport;
        }
        if !self.playing.order.contains(address) {
            self.state.settings.remember(address);
        }
        self.state.views.push(view);
        self.state.active = self.state.views.len() - 1;
        self.state.rebuild_timeline();
        if self.state.settings.link_contrast && self.state.views.len() > 1 {
            self.share_contrast(0);
        }
        self.scan(self.state.views.len() - 1);
    }

    /// Takes pixel size and interval from the row that a recording belongs to. What was put right by hand beside the
    /// file counts more, and so do time stamps in the file.
    fn calibrate(&self, address: &Address, recording: &mut Recording) {
        let Some(screen) = &self.state.screen else { return };
        let Some(&row) = screen.playing.get(address) else { return };
        let number = |column| screen.table().number(row as usize, column).filter(|n| *n > 0.0);
        let mut edits = recording.edits.clone();
        edits.pixel_size_um = edits.pixel_size_um.or_else(|| number("pixel_size_um"));
        if recording.times_s().is_none() {
            edits.interval_s = edits.interval_s.or_else(|| number("interval_s"));
        }
        if edits != recording.edits {
            recording.set_edits(edits);
        }
    }

    /// Starts the statistics of a view.
    pub(in crate::app) fn scan(&mut self, index: usize) {
        let Some(view) = self.state.views.get(index) else { return };
        let recording = Arc::clone(&view.recording);
        let name = format!("Histogram of {}", self.state.name_of(view));
        let job = self.jobs.spawn(name, true, move |progress, reply| {
            progress.set_total(1000);
            let found = stats::scan(&recording, SCAN_BYTES, |stats, done| {
                progress.add(((done * 1000.0) as u64).saturating_sub(progress.done()));
                reply.send(Event::Stats(recording.id, Arc::new(stats.clone())));
                !progress.is_cancelled()
            })?;
            reply.send(Event::Stats(recording.id, Arc::new(found)));
            Ok(())
        });
        let view = &mut self.state.views[index];
        view.stats = None;
        view.scanning = Some(job);
    }

    pub(in crate::app) fn close(&mut self, index: usize) {
        if index >= self.state.views.len() {
            return;
        }
        let view = self.state.views.remove(index);
        self.cache.forget(view.recording.id);
        self.push_undo(Undo::Closed(index, view.saved()));
        if self.state.active > index || self.state.active == self.state.views.len() {
            self.state.active = self.state.active.saturating_sub(1);
        }
        self.state.hover = None;
        self.state.rebuild_timeline();
    }

    /// Shows another series of a view's file.
    pub(in crate::app) fn show_series(&mut self, index: usize, series: usize) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        view.wanted_series = Some(series);
        let (id, recording) = (view.id, Arc::clone(&view.recording));
        // Edits of the series are read from beside the file.
        let name = format!("Opening another series of {}", recording.address.label());
        self.jobs.spawn(name, true, move |_, reply| {
            match recording.sibling(series) {
                Ok(sibling) => reply.send(Event::Series(id, Box::new(sibling))),
                Err(e) => log::error!("{e}"),
            }
            Ok(())
        });
    }

    /// Puts another series in the place of the one that a view shows, if the view is still there and none was asked for
    /// since.
    pub(in crate::app) fn take_series(&mut self, id: u64, recording: Recording) {
        let wanted = Some(recording.address.series);
        let mut views = self.state.views.iter();
        let Some(index) = views.position(|view| view.id == id && view.wanted_series == wanted) else {
            return;
        };
        if !self.playing.order.iter().any(|played| played.path == recording.address.path) {
            self.state.settings.remember(&recording.address);
        }
        let before = std::mem::replace(&mut self.state.views[index], View::new(id, recording));
        self.cache.forget(before.recording.id);
        self.state.rebuild_timeline();
        self.scan(index);
    }
}

/// What opening these is called while it runs.
fn opening(addresses: &[Address]) -> String {
    match addresses {
        [] => "Looking for what was not saved".to_owned(),
        [address] => format!("Opening {}", address.label()),
        several => format!("Opening {} files", several.len()),
    }
}

/// The first of what is wanted; says so where that is not all.
fn at_most(mut wanted: Wanted, free: usize) -> Wanted {
    if wanted.len() > free {
        log::warn!(
            "At most {MAX_VIEWS} recordings are shown side by side; {free} of {} are opened.",
            wanted.len()
        );
        wanted.truncate(free);
    }
    wanted
}

/// Opens recordings, `free` of them at most, and an experiment. Only one is on screen: several tables of profiles are one,
/// of other experiments the last one counts.
fn open_any(
    addresses: Vec<Address>,
    free: usize,
    limits: Limits,
    config_dir: Option<&Path>,
    progress: &Progress,
    reply: &Reply,
) -> anyhow::Result<()> {
    let (experiments, recordings): (Vec<Address>, Vec<Address>) =
        addresses.into_iter().partition(|a| import::recognise(&a.path).is_some());
    let mut experiments: Vec<PathBuf> = experiments.into_iter().map(|address| address.path).collect();
    let opened = if experiments.len() > 1 && profile::are_profiles(&experiments) {
        let imported = import::open_many(&experiments, &Features::Guess);
        imported.map(|imported| {
            reply.send(keep_import(imported, None, &experiments, config_dir));
            reply.send(Event::OpenedTogether(experiments));
        })
    } else {
        if let Some(last) = experiments.pop() {
            if !experiments.is_empty() {
                let (n, last) = (experiments.len(), last.display());
                log::warn!("One experiment is on screen at a time: {last} is opened, {n} others are not.");
            }
            reply.send(Event::Chosen(Choice::Experiment, vec![last]));
        }
        Ok(())
    };
    // Recordings beside them are opened all the same.
    if let Err(e) = opened {
        log::error!("{e}");
    }
    let wanted = recordings.into_iter().map(|address| (address, None)).collect();
    open_each(at_most(wanted, free), None, limits, progress, reply)
}

/// Opens recordings one after the other.
fn open_each(
    wanted: Wanted,
    generation: Option<u64>,
    limits: Limits,
    progress: &Progress,
    reply: &Reply,
) -> anyhow::Result<()> {
    for (address, saved) in wanted {
        progress.check()?;
        match Recording::open(&address, limits) {
            Ok(recording) => {
                // A first look at a few planes, so that the first picture has its contrast.
                let bytes = 4 * recording.plane_bytes() as u64;
                let stats = stats::scan(&recording, bytes, |_, _| true).ok();
                let opened = Opened { address, recording, saved, stats, generation };
                reply.send(Event::Opened(Box::new(opened)));
            }
            Err(e) => log::error!("{e}"),
        }
    }
    Ok(())
}

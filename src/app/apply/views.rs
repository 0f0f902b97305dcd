//! Recordings come and go.

use std::sync::Arc;

use crate::app::Studio;
use crate::app::jobs::{Event, Opened};
use crate::app::session::saved_view;
use crate::app::settings::SavedView;
use crate::app::state::{MAX_VIEWS, Undo, View};
use crate::experiment::import;
use crate::video::display::Display;
use crate::video::{Address, Recording, stats};

/// Bytes that the statistics scan reads at most: enough for percentiles, a few seconds on a slow disk.
const SCAN_BYTES: u64 = 1 << 30;

/// What the player shows for the selected rows.
#[derive(Default)]
pub struct Playing {
    /// Recordings in the rows' order.
    order: Vec<Address>,
    /// Grows with each selection, so that a recording that comes late can be told.
    generation: u64,
    /// Look of what was shown before.
    display: Option<Display>,
}

impl Studio {
    /// Opens recordings on jobs, in their order.
    pub(in crate::app) fn open(&mut self, addresses: Vec<Address>) {
        let (experiments, recordings): (Vec<Address>, Vec<Address>) =
            addresses.into_iter().partition(|a| import::recognise(&a.path).is_some());
        if let Some(experiment) = experiments.into_iter().next_back() {
            self.open_experiment(experiment.path);
        }
        if !recordings.is_empty() {
            self.open_saved(recordings.into_iter().map(|a| (a, None)).collect());
        }
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
        self.open_saved(saved.into_iter().map(|s| (s.address.clone(), Some(s))).collect());
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
        first_look: Option<stats::MovieStats>,
        generation: u64,
    ) {
        if generation != self.playing.generation {
            return;
        }
        // Brightness can be compared from row to row only while the contrast stays.
        let link = self.state.settings.link_contrast;
        let display = self.playing.display.clone().filter(|_| link && self.state.views.is_empty());
        self.add_view(address, recording, None, first_look);
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
        let saved = self.state.settings.session.clone();
        self.open_saved(saved.into_iter().map(|s| (s.address.clone(), Some(s))).collect());
    }

    pub(in crate::app) fn open_saved(&mut self, wanted: Vec<(Address, Option<SavedView>)>) {
        let free = MAX_VIEWS.saturating_sub(self.state.views.len());
        if wanted.len() > free {
            log::warn!(
                "At most {MAX_VIEWS} recordings are shown side by side; {} of {} are opened.",
                free.min(wanted.len()),
                wanted.len()
            );
        }
        self.open_on_job(wanted.into_iter().take(free).collect(), None);
    }

    /// `generation`: of the selection that this is opened for, if it is.
    fn open_on_job(&mut self, wanted: Vec<(Address, Option<SavedView>)>, generation: Option<u64>) {
        let Some(first) = wanted.first() else { return };
        // The name of a file may tell what a blind reader must not know.
        let name = match wanted.len() {
            1 if generation.is_none() => format!("Opening {}", first.0.label()),
            1 => "Opening a recording".to_owned(),
            n => format!("Opening {n} recordings"),
        };
        let limits = self.limits;
        self.jobs.spawn(name, true, move |progress, reply| {
            for (address, saved) in wanted {
                progress.check()?;
                match Recording::open(&address, limits) {
                    Ok(recording) => {
                        // A first look at a few planes, so that the first picture has its contrast.
                        let bytes = 4 * recording.plane_bytes() as u64;
                        let stats = stats::scan(&recording, bytes, |_, _| true).ok();
                        reply.send(Event::Opened(Box::new(Opened {
                            address,
                            recording,
                            saved,
                            stats,
                            generation,
                        })));
                    }
                    Err(e) => log::error!("{e}"),
                }
            }
            Ok(())
        });
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
        let Some(view) = self.state.views.get_mut(index) else { return };
        view.scanning = Some(0.0);
        view.stats = None;
        let (id, recording) = (view.id, Arc::clone(&view.recording));
        let name = format!("Histogram of {}", self.state.name_of(&self.state.views[index]));
        self.jobs.spawn(name, true, move |progress, reply| {
            progress.set_total(1000);
            let found = stats::scan(&recording, SCAN_BYTES, |stats, done| {
                progress.add(((done * 1000.0) as u64).saturating_sub(progress.done()));
                reply.send(Event::Stats(id, Arc::new(stats.clone()), done.min(0.999) as f32));
                !progress.is_cancelled()
            })?;
            reply.send(Event::Stats(id, Arc::new(found), 1.0));
            Ok(())
        });
    }

    pub(in crate::app) fn close(&mut self, index: usize) {
        if index >= self.state.views.len() {
            return;
        }
        let view = self.state.views.remove(index);
        self.cache.forget(view.recording.id);
        self.push_undo(Undo::Closed(index, saved_view(&view)));
        if self.state.active > index || self.state.active == self.state.views.len() {
            self.state.active = self.state.active.saturating_sub(1);
        }
        self.state.hover = None;
        self.state.rebuild_timeline();
    }

    pub(in crate::app) fn show_series(&mut self, index: usize, series: usize) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        match view.recording.sibling(series) {
            Ok(recording) => {
                self.cache.forget(view.recording.id);
                let id = view.id;
                self.state.settings.remember(&recording.address);
                *view = View::new(id, recording);
                self.state.rebuild_timeline();
                self.scan(index);
            }
            Err(e) => log::error!("{e}"),
        }
    }
}

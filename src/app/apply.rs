//! The one place where state changes: applies commands, and takes in what jobs send back.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eframe::egui::{Context, ViewportCommand};

use super::command::Command;
use super::export_task::ExportTask;
use super::jobs::{Choice, Event};
use super::panels::export::{ExportForm, Kind, Part};
use super::panels::{self, Pane, viewer};
use super::settings::{SavedView, ThemeChoice, Viewport};
use super::state::{AppState, MAX_VIEWS, PathBox, Undo, View};
use super::{Studio, dialogs, saved_view, theme};
use crate::gpu::GpuDevice;
use crate::video::display::{Display, Projection};
use crate::video::edits::Edits;
use crate::video::lut::LutName;
use crate::video::timeline::{Clock, Speed, Timeline};
use crate::video::{Address, Crop, Recording, stats};

/// Bytes that the statistics scan reads at most: enough for percentiles, a few seconds on a slow disk.
const SCAN_BYTES: u64 = 1 << 30;

/// Steps kept for undo.
const UNDO: usize = 100;

impl Studio {
    /// Carries a command out.
    pub fn apply(&mut self, ctx: &Context, command: Command) {
        let active = self.state.active;
        match command {
            Command::Open => self.choose(Choice::Open),
            Command::OpenFolder => self.choose(Choice::Folder),
            Command::OpenPath => self.state.dialogs.path_box = Some(PathBox::default()),
            Command::ReopenSession => self.reopen_session(),
            Command::Close => self.close(active),
            Command::CloseView(index) => self.close(index),
            Command::CloseAll => (0..self.state.views.len()).rev().for_each(|i| self.close(i)),
            Command::ExportFrame => self.state.dialogs.export = ExportForm::new(&self.state, Kind::Png),
            Command::ExportMovie => self.state.dialogs.export = ExportForm::new(&self.state, Kind::OmeTiff),
            Command::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            Command::Undo => self.undo(true),
            Command::Redo => self.undo(false),
            Command::PlayPause => self.state.clock.toggle(&self.state.timeline),
            Command::StepBack => self.clock(|c, t| c.step(-1, t)),
            Command::StepForward => self.clock(|c, t| c.step(1, t)),
            Command::First => self.clock(|c, t| c.seek(0, t)),
            Command::Last => self.clock(|c, t| c.seek(usize::MAX, t)),
            Command::Seek(tick) => self.clock(|c, t| c.seek(tick, t)),
            Command::Faster => self.scale_speed(1.5),
            Command::Slower => self.scale_speed(1.0 / 1.5),
            Command::SetSpeed(speed) => self.state.clock.speed = speed,
            Command::SetEnding(ending) => self.state.clock.ending = ending,
            Command::SetPacing(pacing) => self.state.clock.pacing = pacing,
            Command::SetAlign(align) => {
                self.state.settings.align = align;
                self.state.rebuild_timeline();
            }
            Command::MarkTreatment => self.set_treatment(Some(self.state.frame_of(active))),
            Command::ClearTreatment => self.set_treatment(None),
            Command::NextZ => self.move_z(1),
            Command::PreviousZ => self.move_z(-1),
            Command::SetZ(z) => self.change_display(active, |d| d.z = z),
            Command::CycleProjection => self.change_display(active, |d| {
                d.projection = match d.projection {
                    Projection::Slice => Projection::Max,
                    Projection::Max => Projection::Mean,
                    Projection::Mean => Projection::Slice,
                };
            }),
            Command::SetProjection(projection) => self.change_display(active, |d| d.projection = projection),
            Command::SetDisplay(index, display) => self.set_display(index, display),
            Command::ToggleChannel(channel) => self.change_display(active, |d| {
                if let Some(channel) = d.channels.get_mut(channel) {
                    channel.visible = !channel.visible;
                }
            }),
            Command::AutoContrast => self.contrast(true),
            Command::ResetContrast => self.contrast(false),
            Command::LoadLut => {
                let channel = self.state.active_view().and_then(|v| v.visible_channels().next()).unwrap_or(0);
                self.choose(Choice::Lut { view: active, channel });
            }
            Command::Fit => self.set_viewport(active, Viewport::default()),
            Command::OneToOne => self.zoom(|_, _| 1.0 / ctx.pixels_per_point()),
            Command::ZoomIn => self.zoom(|zoom, _| zoom * 1.25),
            Command::ZoomOut => self.zoom(|zoom, fit| (zoom / 1.25).max(fit * 0.25)),
            Command::SetViewport(index, viewport) => self.set_viewport(index, viewport),
            Command::SetRoi(index, roi) => self.set_roi(index, roi),
            Command::ClearRoi => self.set_roi(active, None),
            Command::NextRecording => self.state.active = (active + 1) % self.state.views.len().max(1),
            Command::Activate(index) => {
                self.state.active = index.min(self.state.views.len().saturating_sub(1));
            }
            Command::LinkViews => {
                self.state.settings.link_views ^= true;
                if let Some(viewport) = self.state.active_view().map(|v| v.viewport) {
                    self.set_viewport(active, viewport);
                }
            }
            Command::LinkContrast => {
                self.state.settings.link_contrast ^= true;
                self.share_contrast(active);
            }
            Command::ToggleScaleBar => self.state.settings.overlays.scale_bar ^= true,
            Command::ToggleTimeStamp => self.state.settings.overlays.time_stamp ^= true,
            Command::ToggleName => self.state.settings.overlays.name ^= true,
            Command::ToggleTheme => {
                let dark = ctx.theme() == eframe::egui::Theme::Dark;
                self.set_theme(ctx, if dark { ThemeChoice::Light } else { ThemeChoice::Dark });
            }
            Command::SetTheme(choice) => self.set_theme(ctx, choice),
            Command::SetCompute(choice) => {
                self.state.settings.compute = choice;
                self.describe_device();
            }
            Command::SetCacheShare(share) => {
                self.state.settings.cache_share = share;
                let bytes = crate::video::cache::default_capacity() as f64 * 4.0 * share;
                self.cache.set_capacity(bytes as usize);
            }
            Command::ShowLog => {
                self.layout.make_active(|_, tile| matches!(tile, egui_tiles::Tile::Pane(Pane::Log)));
            }
            Command::ResetLayout => self.layout = panels::default_layout(),
            Command::Palette => self.state.dialogs.palette = Some(String::new()),
            Command::Help => self.state.dialogs.help ^= true,
            Command::About => self.state.dialogs.about ^= true,
            Command::OpenAddresses(addresses) => self.open(addresses),
            Command::ShowSeries(index, series) => self.show_series(index, series),
            Command::SetEdits(index, edits) => self.set_edits(index, edits, true),
            Command::CancelJob(id) => self.jobs.cancel(id),
            Command::Export(form) => self.export(&form),
        }
    }

    fn clock(&mut self, change: impl FnOnce(&mut Clock, &Timeline)) {
        change(&mut self.state.clock, &self.state.timeline);
    }

    /// Opens a file dialog where the user was last.
    fn choose(&mut self, choice: Choice) {
        let last = self.state.settings.recent.first();
        let folder = last.and_then(|address| Some(address.path.parent()?.to_owned()));
        dialogs::choose(&mut self.jobs, choice, folder);
    }

    fn scale_speed(&mut self, factor: f64) {
        self.state.clock.speed = match self.state.clock.speed {
            Speed::Fps(v) => Speed::Fps((v * factor).clamp(0.01, 1000.0)),
            Speed::RealTime(v) => Speed::RealTime((v * factor).clamp(0.01, 100_000.0)),
        };
    }

    fn set_theme(&mut self, ctx: &Context, choice: ThemeChoice) {
        self.state.settings.theme = choice;
        theme::apply(ctx, choice);
    }

    /// Opens recordings on jobs, in their order.
    pub(super) fn open(&mut self, addresses: Vec<Address>) {
        if !addresses.is_empty() {
            self.open_saved(addresses.into_iter().map(|a| (a, None)).collect());
        }
    }

    fn reopen_session(&mut self) {
        let saved = self.state.settings.session.clone();
        self.open_saved(saved.into_iter().map(|s| (s.address.clone(), Some(s))).collect());
    }

    fn open_saved(&mut self, wanted: Vec<(Address, Option<SavedView>)>) {
        let free = MAX_VIEWS.saturating_sub(self.state.views.len());
        if wanted.len() > free {
            log::warn!(
                "At most {MAX_VIEWS} recordings are shown side by side; {} of {} are opened.",
                free.min(wanted.len()),
                wanted.len()
            );
        }
        let wanted: Vec<_> = wanted.into_iter().take(free).collect();
        let Some(first) = wanted.first() else { return };
        let name = match wanted.len() {
            1 => format!("Opening {}", first.0.label()),
            n => format!("Opening {n} recordings"),
        };
        let limits = self.limits;
        self.jobs.spawn(name, true, move |progress, reply| {
            for (address, saved) in wanted {
                progress.check()?;
                match Recording::open(&address, limits) {
                    Ok(recording) => {
                        // A first look at a few planes, so that the first picture has its contrast.
                        if let Ok(stats) =
                            stats::scan(&recording, 4 * recording.plane_bytes() as u64, |_, _| true)
                        {
                            reply.send(Event::Opened(
                                address,
                                Box::new(recording),
                                saved.map(Box::new),
                                Some(stats),
                            ));
                        } else {
                            reply.send(Event::Opened(
                                address,
                                Box::new(recording),
                                saved.map(Box::new),
                                None,
                            ));
                        }
                    }
                    Err(e) => log::error!("{e}"),
                }
            }
            Ok(())
        });
    }

    /// Takes in what jobs sent.
    pub(super) fn take_events(&mut self) {
        for event in self.jobs.take_events() {
            match event {
                Event::Opened(address, recording, saved, stats) => {
                    self.add_view(&address, *recording, saved.map(|s| *s), stats);
                }
                Event::Stats(view, stats, done) => {
                    if let Some(view) = self.state.views.iter_mut().find(|v| v.id == view) {
                        view.display.follow(&stats);
                        view.stats = Some(stats);
                        view.scanning = (done < 1.0).then_some(done);
                    }
                    if self.state.settings.link_contrast {
                        self.share_contrast(self.state.active);
                    }
                }
                Event::Chosen(Choice::Lut { view, channel }, files) => {
                    if let Some(file) = files.into_iter().next() {
                        self.load_lut(view, channel, file);
                    }
                }
                Event::Chosen(_, files) => self.open(files.into_iter().map(Address::of).collect()),
                Event::NoDialog(Choice::Lut { .. }) => {
                    log::warn!("This desktop has no file dialog. Drop the .lut file on the window instead.");
                }
                Event::NoDialog(_) => {
                    let note = "This desktop has no file dialog: type or paste the path, or drop files on the window.";
                    self.state.dialogs.path_box =
                        Some(PathBox { note: Some(note.into()), ..PathBox::default() });
                }
                Event::Written(path) => log::info!("Written: {}", path.display()),
            }
        }
    }

    fn add_view(
        &mut self,
        address: &Address,
        recording: Recording,
        saved: Option<SavedView>,
        first_look: Option<stats::MovieStats>,
    ) {
        if self.state.views.len() >= MAX_VIEWS {
            return;
        }
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
        self.state.settings.remember(address);
        self.state.views.push(view);
        self.state.active = self.state.views.len() - 1;
        self.state.rebuild_timeline();
        if self.state.settings.link_contrast && self.state.views.len() > 1 {
            self.share_contrast(0);
        }
        self.scan(self.state.views.len() - 1);
    }

    /// Starts the statistics of a view.
    fn scan(&mut self, index: usize) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        view.scanning = Some(0.0);
        view.stats = None;
        let (id, recording) = (view.id, Arc::clone(&view.recording));
        let name = format!("Histogram of {}", recording.address.label());
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

    fn close(&mut self, index: usize) {
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

    fn show_series(&mut self, index: usize, series: usize) {
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

    fn push_undo(&mut self, step: Undo) {
        self.state.redo.clear();
        // A drag sends a change each frame: one step takes the whole drag back.
        if let (Some(Undo::Display(last, _)), Undo::Display(id, _)) = (self.state.undo.last(), &step)
            && last == id
            && self.dragging
        {
            return;
        }
        self.state.undo.push(step);
        if self.state.undo.len() > UNDO {
            self.state.undo.remove(0);
        }
    }

    /// Takes the last change back, or does it again; either leaves its opposite on the other stack.
    fn undo(&mut self, back: bool) {
        let stack = if back { &mut self.state.undo } else { &mut self.state.redo };
        let Some(step) = stack.pop() else { return };
        let find = |state: &AppState, id: u64| state.views.iter().position(|v| v.id == id);
        let opposite = match step {
            Undo::Closed(_, saved) if back => {
                self.open_saved(vec![(saved.address.clone(), Some(saved))]);
                None
            }
            Undo::Closed(index, _) => {
                self.close(index);
                None
            }
            Undo::Edits(id, edits) => find(&self.state, id).map(|index| {
                let now = self.state.views[index].recording.edits.clone();
                self.set_edits(index, edits, false);
                Undo::Edits(id, now)
            }),
            Undo::Display(id, display) => find(&self.state, id).map(|index| {
                let now = std::mem::replace(&mut self.state.views[index].display, display);
                Undo::Display(id, now)
            }),
        };
        if let Some(opposite) = opposite {
            if back { self.state.redo.push(opposite) } else { self.state.undo.push(opposite) }
        }
    }

    fn set_display(&mut self, index: usize, display: Display) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        if view.display == display {
            return;
        }
        let id = view.id;
        let before = std::mem::replace(&mut view.display, display);
        // z and projection are navigation, not something to lose.
        if before.channels != view.display.channels {
            self.push_undo(Undo::Display(id, before));
            self.share_contrast(index);
        }
    }

    fn change_display(&mut self, index: usize, change: impl FnOnce(&mut Display)) {
        if let Some(view) = self.state.views.get(index) {
            let mut display = view.display.clone();
            change(&mut display);
            display.z = display.z.min(view.recording.shape().z.saturating_sub(1));
            self.set_display(index, display);
        }
    }

    fn move_z(&mut self, by: isize) {
        let active = self.state.active;
        self.change_display(active, |d| d.z = d.z.saturating_add_signed(by));
    }

    /// Gives the other recordings one's contrast, while contrast is linked. Only channels with the same kind of
    /// samples: limits of 16-bit counts mean nothing to an 8-bit film.
    fn share_contrast(&mut self, from: usize) {
        if !self.state.settings.link_contrast {
            return;
        }
        let Some(view) = self.state.views.get(from) else { return };
        let (display, dtype) = (view.display.clone(), view.recording.series.dtype);
        for (index, other) in self.state.views.iter_mut().enumerate() {
            if index == from || other.recording.series.dtype != dtype {
                continue;
            }
            for (channel, model) in other.display.channels.iter_mut().zip(&display.channels) {
                if !channel.locked {
                    *channel = super::ChannelDisplay { auto: false, ..model.clone() };
                }
            }
        }
    }

    fn contrast(&mut self, percentiles: bool) {
        let active = self.state.active;
        let Some(view) = self.state.views.get(active) else { return };
        let stats = view.stats.clone();
        let series = view.recording.series.clone();
        self.change_display(active, |display| {
            for (index, channel) in display.channels.iter_mut().enumerate().filter(|(_, c)| !c.locked) {
                let known = stats.as_ref().and_then(|s| s.channels.get(index));
                channel.auto = percentiles;
                channel.gamma = 1.0;
                (channel.min, channel.max) = match known {
                    Some(known) if percentiles => known.limits(crate::video::display::AUTO_PERCENTILES),
                    Some(known) if known.max > known.min => (known.min, known.max),
                    _ => crate::video::display::initial_range(&series),
                };
            }
        });
    }

    fn load_lut(&mut self, index: usize, channel: usize, path: PathBuf) {
        if let Err(e) = crate::video::lut::load(&path) {
            log::error!("{e}");
            return;
        }
        self.change_display(index, |display| {
            if let Some(channel) = display.channels.get_mut(channel) {
                channel.lut = LutName::File(path);
            }
        });
    }

    fn set_roi(&mut self, index: usize, roi: Option<Crop>) {
        if let Some(view) = self.state.views.get_mut(index) {
            view.roi = roi;
        }
    }

    fn set_viewport(&mut self, index: usize, viewport: Viewport) {
        let linked = self.state.settings.link_views;
        for (i, view) in self.state.views.iter_mut().enumerate() {
            if i == index || linked {
                view.viewport = viewport;
            }
        }
    }

    /// Changes the zoom of the active view about its middle; `change` gets the zoom and the one that fits.
    fn zoom(&mut self, change: impl FnOnce(f32, f32) -> f32) {
        let active = self.state.active;
        let Some(view) = self.state.views.get(active) else { return };
        let shape = view.recording.shape();
        let image = eframe::egui::vec2(shape.x as f32, shape.y as f32);
        let (zoom, _) = viewer::place(view.viewport, view.cell, image);
        let (fit, _) = viewer::place(Viewport::default(), view.cell, image);
        let wanted = change(zoom, fit).clamp(1e-4, 64.0_f32.max(fit * 64.0));
        self.set_viewport(active, Viewport { zoom: Some(wanted), ..view.viewport });
    }

    fn set_treatment(&mut self, frame: Option<usize>) {
        let active = self.state.active;
        if let Some(view) = self.state.views.get(active) {
            let edits = Edits { treatment_frame: frame, ..view.recording.edits.clone() };
            self.set_edits(active, edits, true);
        }
    }

    fn set_edits(&mut self, index: usize, edits: Edits, undoable: bool) {
        let Some(view) = self.state.views.get_mut(index) else { return };
        let before = view.recording.edits.clone();
        if before == edits {
            return;
        }
        let (id, old) = (view.id, view.recording.id);
        let mut recording = (*view.recording).clone();
        recording.set_edits(edits);
        let moved = recording.id != old;
        view.recording = Arc::new(recording);
        if moved {
            view.display = Display::new(&view.recording.series);
            view.shown = super::state::Shown::default();
        }
        let kept = Arc::clone(&view.recording);
        if undoable {
            self.push_undo(Undo::Edits(id, before));
        }
        if moved {
            self.cache.forget(old);
            self.scan(index);
        }
        self.state.rebuild_timeline();
        let name = format!("Keeping the edits of {}", kept.address.label());
        self.edits.waiting().push(kept);
        let edits = Arc::clone(&self.edits);
        self.jobs.spawn(name, true, move |_, _| edits.write());
    }

    fn export(&mut self, form: &ExportForm) {
        let Some(view) = self.state.views.get(form.view) else { return };
        let shape = view.recording.shape();
        let region = match (form.part, view.roi) {
            (Part::Visible, _) => visible_region(view),
            (Part::Drawn, Some(roi)) => roi,
            _ => whole(shape.x, shape.y),
        };
        let frame = self.state.frame_of(form.view);
        let task = ExportTask {
            recording: Arc::clone(&view.recording),
            display: view.display.clone(),
            kind: form.kind,
            region,
            frames: if form.kind == Kind::Png { (frame, frame) } else { form.frames },
            scale: form.scale,
            overlays: form.overlays,
            fps: form.fps,
            compress: form.compress,
            path: PathBuf::from(form.path.trim()),
        };
        let gpu = self.gpu.clone();
        let name = format!("Exporting {}", task.path.file_name().unwrap_or_default().to_string_lossy());
        self.jobs.spawn(name, false, move |progress, reply| {
            let path = task.run(|| gpu.map_or_else(|| Ok(GpuDevice::headless()?), Ok), progress)?;
            reply.send(Event::Written(path));
            Ok(())
        });
    }
}

/// Edits on their way to disk. Jobs run side by side; the file must end up with what was edited last.
#[derive(Default)]
pub struct EditQueue {
    waiting: Mutex<Vec<Arc<Recording>>>,
    writing: Mutex<()>,
}

impl EditQueue {
    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Recording>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that waits, in its order. The window only ever waits for the short lock.
    fn write(&self) -> anyhow::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let recordings = std::mem::take(&mut *self.waiting());
        for recording in recordings {
            recording.save_edits()?;
        }
        Ok(())
    }
}

/// The whole frame.
pub const fn whole(width: usize, height: usize) -> Crop {
    Crop { x: 0, y: 0, width, height }
}

/// The part of the frame that the view shows.
fn visible_region(view: &View) -> Crop {
    let shape = view.recording.shape();
    let image = eframe::egui::vec2(shape.x as f32, shape.y as f32);
    let (zoom, origin) = viewer::place(view.viewport, view.cell, image);
    let end = origin + view.cell.size() / zoom;
    let clamp = |v: f32, most: usize| v.clamp(0.0, most as f32);
    let (x0, y0) =
        (clamp(origin.x.floor(), shape.x - 1) as usize, clamp(origin.y.floor(), shape.y - 1) as usize);
    let (x1, y1) = (clamp(end.x.ceil(), shape.x) as usize, clamp(end.y.ceil(), shape.y) as usize);
    Crop { x: x0, y: y0, width: (x1.max(x0 + 1)) - x0, height: (y1.max(y0 + 1)) - y0 }
}

//! The window: reads the inbox, applies commands, draws. State is data; panels read it and send commands.

pub mod answers;
mod apply;
mod arrangement;
pub mod background_cache;
pub mod command;
mod dialogs;
pub mod export_task;
pub mod forms;
pub mod frame;
pub mod hits;
pub mod jobs;
mod keeping;
mod keys;
pub mod log_store;
pub mod map;
pub mod offscreen;
pub mod panels;
pub mod panes;
pub mod profile;
pub mod recipes;
pub mod reels;
pub mod screen;
mod session;
pub mod settings;
pub mod sketches;
pub mod state;
mod studio;
mod theme;
pub mod thumbnails;
pub mod training;
pub mod view;
pub mod widgets;

use std::time::Duration;

use eframe::egui::{self, Align2, CentralPanel, Context, FontId, Panel, Ui, ViewportCommand};

use self::forms::Closing;
use self::profile::Profile;
use self::state::{AppState, Outbox};
pub use self::studio::{Setup, Studio};
use crate::gpu::GpuDevice;
use crate::video::cache::Request;
use crate::video::timeline::Pacing;

/// Frames decoded ahead of the playhead while playing, and around it while paused.
const AHEAD: usize = 48;
const AROUND: usize = 6;

impl Studio {
    /// Builds the program on a context, and opens what it is started with.
    pub fn new(ctx: &Context, setup: Setup) -> Self {
        let (mut studio, addresses) = Self::build(ctx, setup);
        studio.start(addresses);
        studio
    }

    /// One pass: events, keys, clock, panels, commands.
    pub fn ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.watch_device(&ctx);
        self.take_events();
        self.follow_jobs();
        self.follow_training();
        self.follow_answers();
        self.follow_recipes();
        self.follow_hits();
        self.follow_features();
        self.dragging = ctx.input(|i| i.pointer.any_down() && !i.pointer.any_pressed());
        self.state.dropping = ctx.input(|i| !i.raw.hovered_files.is_empty());
        let mut out = Outbox::default();
        keys::collect(&ctx, &self.state, &mut out);
        self.drain(&ctx, &mut out);
        self.advance_clock(&ctx);
        self.fetch_frames();
        self.panels(ui, &mut out);
        let changed = !out.0.is_empty();
        self.drain(&ctx, &mut out);
        self.show_toasts(&ctx);
        self.set_title(&ctx);
        self.autosave();
        self.close_requested(&ctx);
        if let Some(rect) = ctx.input(|i| i.viewport().inner_rect) {
            // As the window system counts: points of the program times its scale.
            self.state.settings.window = Some((rect.size() * ctx.zoom_factor()).into());
        }
        if let Some(profile) = &mut self.profile
            && let Some(tick) = profile.after_pass(&self.state, &self.canvas.feedback)
        {
            self.state.clock.seek(tick, &self.state.timeline);
            ctx.request_repaint();
        }
        if self.profile.as_ref().is_some_and(Profile::is_done) {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
        if changed {
            ctx.request_repaint();
        }
    }

    fn drain(&mut self, ctx: &Context, out: &mut Outbox) {
        for command in std::mem::take(&mut out.0) {
            self.apply(ctx, command);
        }
    }

    fn advance_clock(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        // A pass after a pause of the machine must not jump far ahead.
        let dt = self.last_pass.replace(now).map_or(0.0, |last| (now - last).clamp(0.0, 1.0));
        let AppState { views, timeline, clock, .. } = &mut self.state;
        let ready = |tick: usize| {
            views.iter().enumerate().all(|(i, v)| v.is_ready(&self.cache, timeline.frame(i, tick)))
        };
        let due = clock.advance(dt, timeline, ready);
        if clock.playing {
            let wait = if due <= 0.0 && clock.pacing == Pacing::EveryFrame { 0.05 } else { due.max(0.0) };
            ctx.request_repaint_after(Duration::from_secs_f64(wait.min(1.0)));
        }
    }

    /// Asks the cache for what is on screen, then for what comes next, and takes what is there.
    fn fetch_frames(&mut self) {
        self.read_luts();
        let state = &mut self.state;
        let mut requests: Vec<Request> = Vec::new();
        let mut ask = |tick: usize| {
            for (index, view) in state.views.iter().enumerate() {
                requests.extend(view.requests(state.timeline.frame(index, tick)));
            }
        };
        ask(state.clock.tick);
        let ahead = if state.clock.playing { AHEAD } else { AROUND };
        for tick in state.clock.upcoming(&state.timeline, ahead) {
            ask(tick);
        }
        if !state.clock.playing {
            for back in 1..=AROUND.min(state.clock.tick) {
                ask(state.clock.tick - back);
            }
        }
        self.cache.want(requests);
        let tick = state.clock.tick;
        for index in 0..state.views.len() {
            let t = state.timeline.frame(index, tick);
            state.views[index].refresh(&self.cache, t);
        }
    }

    fn panels(&mut self, ui: &mut Ui, out: &mut Outbox) {
        let ctx = ui.ctx().clone();
        // Panels have no colour of their own: the window is cleared to it, and a software rasteriser pays for each fill.
        let bar = egui::Frame::side_top_panel(ui.style()).fill(egui::Color32::TRANSPARENT);
        Panel::top("menu").frame(bar).show(ui, |ui| panels::menu::show(ui, &self.state, out));
        Panel::bottom("status").frame(bar).show(ui, |ui| {
            panels::status::show(ui, &self.state, &self.jobs, self.cache.stats(), out);
        });
        if !self.state.views.is_empty() {
            Panel::bottom("transport")
                .frame(bar)
                .show(ui, |ui| panels::transport::show(ui, &self.state, &self.cache, out));
        }
        let mut behavior = arrangement::Behavior {
            state: &self.state,
            canvas: &self.canvas,
            out,
            drawn: panels::viewer::Drawn::default(),
        };
        CentralPanel::no_frame().show(ui, |ui| self.layout.ui(&mut behavior, ui));
        let panels::viewer::Drawn { hover, cells } = behavior.drawn;
        self.state.hover = hover;
        for (view, cell) in self.state.views.iter_mut().zip(cells) {
            view.cell = cell;
        }
        self.dialogs(&ctx, out);
        panels::structures::dragged(&ctx);
        self.confirm_quit(&ctx);
        if self.state.dropping && !self.state.views.is_empty() {
            drop_hint(&ctx);
        }
    }

    /// Windows over the window: each edits its own form, and reads the rest.
    fn dialogs(&mut self, ctx: &Context, out: &mut Outbox) {
        // The palette greys out what cannot be done now, which depends on the open dialogs.
        let mut palette = self.state.dialogs.palette.clone();
        panels::palette::show(ctx, &self.state, &mut palette, out);
        self.state.dialogs.palette = palette;
        let mut open = std::mem::take(&mut self.state.dialogs);
        let state = &self.state;
        panels::export::show(ctx, state, &mut open.export, out);
        panels::help::show(ctx, &mut open.help);
        panels::about::show(ctx, state, &mut open.about);
        panels::path_box::show(ctx, &mut open.path_box, out);
        panels::rows_form::show(ctx, state, &mut open.rows, out);
        panels::attach::show(ctx, state, &mut open.attach, out);
        panels::fill::show(ctx, state, &mut open.fill, out);
        panels::import::show(ctx, &mut open.import, out);
        panels::close_experiment::show(ctx, state, &mut open.close_experiment, out);
        panels::join::show(ctx, state, &mut open.join, out);
        panels::report::show(ctx, state, &mut open.report);
        panels::simulate::show(ctx, &mut open.simulate, out);
        panels::answers::export::show(ctx, &mut open.export_predictions, out);
        self.state.dialogs = open;
    }

    fn show_toasts(&mut self, ctx: &Context) {
        for line in log_store::lines_after(self.log_seen) {
            self.log_seen = line.number;
            if !line.is_ours() {
                continue;
            }
            let visuals = ctx.global_style().visuals.clone();
            // The built-in fonts lack the library's symbols; a coloured sign does as well.
            let (sign, color, seconds) = match line.level {
                log::Level::Error => ("!", visuals.error_fg_color, 15),
                log::Level::Warn => ("!", visuals.warn_fg_color, 8),
                log::Level::Info => ("i", visuals.selection.stroke.color, 4),
                _ => continue,
            };
            let text = self.state.masked(&line.text).into_owned();
            let toast = self.toasts.custom(text, sign.to_owned(), color);
            toast.duration(Duration::from_secs(seconds)).closable(false);
        }
        self.toasts.show(ctx);
    }

    fn set_title(&mut self, ctx: &Context) {
        let title = match self.state.active_view() {
            Some(view) => format!(
                "{} — {} — frame {} of {} — MolCLIP Studio",
                self.state.name_of(view),
                view::time_label(&view.recording, view.shown.t),
                view.shown.t + 1,
                view.recording.shape().t
            ),
            None => "MolCLIP Studio".to_owned(),
        };
        if title != self.title {
            ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// A lost device cannot draw a message: the session is saved, and `main` says what happened.
    fn watch_device(&mut self, ctx: &Context) {
        let Some(reason) = self.gpu.as_ref().and_then(GpuDevice::lost) else { return };
        if self.fatal.is_none() && !self.quitting {
            let message = format!(
                "The graphics device was lost ({reason}). Your session is saved: start MolCLIP Studio again and choose “Reopen last session”. If it happens again, update the graphics driver."
            );
            log::error!("{message}");
            self.fatal = Some(message);
            self.save_now();
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }

    fn close_requested(&mut self, ctx: &Context) {
        if !ctx.input(|i| i.viewport().close_requested()) || self.fatal.is_some() {
            return;
        }
        let asks = !self.keeps_unnamed && self.profile.is_none();
        if let Some(id) = self.state.unnamed().filter(|_| asks).map(str::to_owned) {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.dialogs.close_experiment = Some(Closing::Program(id));
            return;
        }
        let busy = self.jobs.running().iter().any(|j| !j.quiet);
        if busy && !self.quitting {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            self.state.dialogs.confirm_quit = true;
        }
    }

    fn confirm_quit(&mut self, ctx: &Context) {
        if !self.state.dialogs.confirm_quit {
            return;
        }
        let busy = self.jobs.running().iter().filter(|j| !j.quiet);
        let names: Vec<String> = busy.map(|j| self.state.masked(&j.name).into_owned()).collect();
        let mut answer = names.is_empty().then_some(true);
        let modal = egui::Modal::new(egui::Id::unique("quit")).show(ctx, |ui| {
            ui.set_width(380.0);
            ui.heading("Stop what is running?");
            for name in &names {
                ui.label(format!("• {name}"));
            }
            ui.weak("A file that is being written is not left half done: it is removed.");
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                if ui.button("Stop and quit").clicked() {
                    answer = Some(true);
                }
                if ui.button("Keep running").clicked() {
                    answer = Some(false);
                }
            });
        });
        if modal.should_close() && answer.is_none() {
            answer = Some(false);
        }
        if let Some(quit) = answer {
            self.state.dialogs.confirm_quit = false;
            if quit {
                self.quitting = true;
                self.jobs.cancel_all();
                ctx.send_viewport_cmd(ViewportCommand::Close);
            } else {
                self.keeps_unnamed = false;
            }
        }
    }

    /// What the window has to be cleared to before a pass is drawn.
    pub fn background(&self, visuals: &egui::Visuals) -> [f32; 4] {
        theme::background(visuals, self.canvas.format)
    }
}

fn drop_hint(ctx: &Context) {
    let painter = ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, egui::Color32::from_black_alpha(150));
    let text = "Drop to open beside the others";
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        text,
        FontId::proportional(28.0),
        egui::Color32::WHITE,
    );
}

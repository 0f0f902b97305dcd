//! The program: what the window is made of, and how it starts. Its passes are run beside it, its commands in `apply`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{self, Context};

use super::jobs::Jobs;
use super::keeping::{EditQueue, Kept, SettingsQueue};
use super::panes::{self, Pane};
use super::profile::Profile;
use super::settings::Settings;
use super::state::AppState;
use super::widgets::frame_canvas::{Canvas, SharedFeedback};
use super::{log_store, theme};
use crate::gpu::{ComputeChoice, FramePool, GpuDevice};
use crate::video::cache::{FrameCache, default_capacity};
use crate::video::display::Display;
use crate::video::{Address, Limits};

/// What the window starts with.
pub struct Setup {
    /// The device that draws; `None` in tests without one.
    pub gpu: Option<GpuDevice>,
    /// Format of the picture that egui draws into.
    pub format: wgpu::TextureFormat,
    /// What is remembered.
    pub settings: Settings,
    /// Where it is kept; nowhere, if `None`.
    pub config_dir: Option<PathBuf>,
    /// What to open.
    pub addresses: Vec<Address>,
    /// Overrides the setting for this run.
    pub compute: Option<ComputeChoice>,
    /// Times a run.
    pub profile: Option<Profile>,
}

/// The program.
pub struct Studio {
    /// What is shown.
    pub state: AppState,
    pub(super) ctx: Context,
    pub(super) cache: FrameCache,
    pub(super) jobs: Jobs,
    pub(super) edits: Arc<EditQueue>,
    pub(super) playing: Playing,
    pub(super) kept: Kept,
    /// The arrangement to go back to when the experiment is closed.
    pub(super) recordings_layout: Option<egui_tiles::Tree<Pane>>,
    pub(super) gpu: Option<GpuDevice>,
    pub(super) canvas: Canvas,
    pub(super) toasts: egui_notify::Toasts,
    pub(super) layout: egui_tiles::Tree<Pane>,
    pub(super) limits: Limits,
    pub(super) config_dir: Option<PathBuf>,
    pub(super) log_seen: u64,
    pub(super) title: String,
    pub(super) last_pass: Option<f64>,
    /// When settings were looked at last, and the text that was handed on to be written.
    pub(super) saved: (Instant, String),
    pub(super) settings_queue: Arc<SettingsQueue>,
    pub(super) next_view: u64,
    /// Look-up tables that are read now, with their jobs.
    pub(super) reading_luts: HashMap<PathBuf, u64>,
    pub(super) profile: Option<Profile>,
    /// Why the program has to end: the device is gone.
    pub fatal: Option<String>,
    pub(super) quitting: bool,
    /// The user wants an experiment without a name kept for later: the program may end.
    pub(super) keeps_unnamed: bool,
    /// A pointer button is down: changes belong to one drag.
    pub(super) dragging: bool,
}

/// What the player shows for the selected rows.
#[derive(Default)]
pub struct Playing {
    /// Recordings in the rows' order.
    pub(super) order: Vec<Address>,
    /// Grows with each selection, so that a recording that comes late can be told.
    pub(super) generation: u64,
    /// Look of what was shown before.
    pub(super) display: Option<Display>,
}

impl Studio {
    /// Builds the program on a context; what to open comes back.
    pub(super) fn build(ctx: &Context, setup: Setup) -> (Self, Vec<Address>) {
        let Setup { gpu, format, mut settings, config_dir, addresses, compute, profile } = setup;
        theme::install(ctx);
        theme::apply(ctx, settings.theme);
        ctx.set_zoom_factor(settings.ui_scale.clamp(0.5, 4.0));
        if let Some(compute) = compute {
            settings.compute = compute;
        }
        let layout = settings
            .layout
            .take()
            .filter(|l| panes::is_complete(l, &Pane::RECORDINGS))
            .unwrap_or_else(panes::default_layout);
        let wake = {
            let ctx = ctx.clone();
            move || ctx.request_repaint()
        };
        let capacity = (default_capacity() as f64 * 4.0 * settings.cache_share.clamp(0.01, 0.9)) as usize;
        let frames = gpu.as_ref().map_or_else(FramePool::default, |gpu| gpu.frames().clone());
        let mut studio = Self {
            state: AppState::new(settings),
            ctx: ctx.clone(),
            cache: FrameCache::new(capacity, wake.clone()),
            jobs: Jobs::new(wake),
            edits: Arc::default(),
            playing: Playing::default(),
            kept: Kept::default(),
            recordings_layout: None,
            gpu,
            canvas: Canvas { format, frames, feedback: SharedFeedback::default() },
            // Above the playing controls, over the picture: there they hide nothing that can be clicked.
            toasts: egui_notify::Toasts::default()
                .with_anchor(egui_notify::Anchor::BottomLeft)
                .with_margin(egui::vec2(12.0, 120.0)),
            layout,
            limits: Limits::default(),
            config_dir,
            log_seen: log_store::latest(),
            title: String::new(),
            last_pass: None,
            saved: (Instant::now(), String::new()),
            settings_queue: Arc::default(),
            next_view: 1,
            reading_luts: HashMap::new(),
            profile,
            fatal: None,
            quitting: false,
            keeps_unnamed: false,
            dragging: false,
        };
        studio.describe_device();
        let crashed = !std::mem::replace(&mut studio.state.settings.closed_cleanly, false);
        if crashed && addresses.is_empty() && studio.state.settings.has_session() {
            log::warn!(
                "The program did not end cleanly last time. “Reopen last session” brings back what was open."
            );
        }
        (studio, addresses)
    }

    /// Repaints the window from another thread.
    pub(super) fn wake(&self) -> impl Fn() + Send + Sync + Clone + 'static {
        let ctx = self.ctx.clone();
        move || ctx.request_repaint()
    }

    /// Says who draws and who computes.
    pub(super) fn describe_device(&mut self) {
        if let Some(gpu) = &self.gpu {
            self.state.draws = gpu.summary();
            self.state.training.target = gpu.who_computes(self.state.settings.compute);
            self.state.computes = match self.state.training.target {
                crate::gpu::ComputeTarget::Gpu => gpu.summary(),
                crate::gpu::ComputeTarget::Cpu => "processor (Flex)".to_owned(),
            };
        }
    }

    /// Names of running jobs; tests wait on it.
    pub fn running_jobs(&self) -> Vec<String> {
        self.jobs.running().iter().map(|j| j.name.clone()).collect()
    }

    /// True when every picture shows the frame of the playhead.
    pub fn is_settled(&self) -> bool {
        self.state
            .views
            .iter()
            .enumerate()
            .all(|(i, v)| v.shown.waiting.is_none() && v.shown.t == self.state.frame_of(i))
    }
}

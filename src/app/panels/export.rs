//! What to export, and how.

use std::path::PathBuf;

use eframe::egui::{self, Align2, Context, DragValue, Grid, TextEdit, Window};

use crate::app::command::Command;
use crate::app::settings::Overlays;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::app::widgets::overlay::pixel_size;
use crate::app::widgets::roi::size_text;

/// The kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The current frame as shown.
    Png,
    /// Raw values with metadata.
    OmeTiff,
    /// As shown, moving.
    Gif,
}

impl Kind {
    /// File name ending.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::OmeTiff => "ome.tif",
            Self::Gif => "gif",
        }
    }
}

/// The part of the frame to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// What the view shows.
    Visible,
    /// The rectangle drawn on it.
    Drawn,
}

/// The export form's values.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportForm {
    /// Index of the view.
    pub view: usize,
    /// Kind of file.
    pub kind: Kind,
    /// Which part of the frame.
    pub part: Part,
    /// First and last frame, from 0, both included.
    pub frames: (usize, usize),
    /// Enlargement of pictures.
    pub scale: f32,
    /// Drawn over pictures.
    pub overlays: Overlays,
    /// GIF speed, frames per second.
    pub fps: f64,
    /// Compress the OME-TIFF (lossless).
    pub compress: bool,
    /// Where to.
    pub path: String,
}

impl ExportForm {
    /// A form for a view of the state; `None` without recordings.
    pub fn new(state: &AppState, kind: Kind) -> Option<Self> {
        let view = state.active_view()?;
        let shape = view.recording.shape();
        let fps = match state.clock.speed {
            crate::video::timeline::Speed::Fps(fps) => fps.clamp(0.1, 50.0),
            crate::video::timeline::Speed::RealTime(_) => 10.0,
        };
        let mut form = Self {
            view: state.active,
            kind,
            part: if view.roi.is_some() { Part::Drawn } else { Part::Whole },
            frames: (0, shape.t.saturating_sub(1)),
            scale: (512.0 / shape.x.max(shape.y) as f32).ceil().clamp(1.0, 8.0),
            overlays: Overlays { name: false, ..state.settings.overlays },
            fps,
            compress: true,
            path: String::new(),
        };
        form.path = form.suggestion(state).to_string_lossy().into_owned();
        Some(form)
    }

    /// A file name beside the recording that does not exist yet.
    fn suggestion(&self, state: &AppState) -> PathBuf {
        let Some(view) = state.views.get(self.view) else { return PathBuf::new() };
        let path = view.recording.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or("movie");
        let frame = state.frame_of(self.view) + 1;
        let base =
            if self.kind == Kind::Png { format!("{stem}_frame{frame:03}") } else { format!("{stem}_export") };
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        let candidate = |n: usize| {
            let number = if n == 0 { String::new() } else { format!("_{n}") };
            folder.join(format!("{base}{number}.{}", self.kind.extension()))
        };
        (0..1000).map(candidate).find(|p| !p.exists()).unwrap_or_else(|| candidate(0))
    }
}

/// Shows the form while it is open.
pub fn show(ctx: &Context, state: &mut AppState, out: &mut Outbox) {
    let Some(mut form) = state.dialogs.export.take() else { return };
    if form.view >= state.views.len() {
        return;
    }
    let mut open = true;
    let mut done = false;
    let center = ctx.content_rect().center();
    let window = Window::new("Export").open(&mut open).pivot(Align2::CENTER_CENTER).default_pos(center);
    window.resizable(false).collapsible(false).default_width(460.0).show(ctx, |ui| {
        let kind = form.kind;
        Grid::new("export").num_columns(2).spacing([12.0, 8.0]).show(ui, |ui| {
            for (label, kind, text) in [
                ("What", Kind::Png, "This frame as shown (PNG)"),
                ("", Kind::Gif, "Movie as shown (GIF)"),
                ("", Kind::OmeTiff, "Raw values with metadata, to measure in (OME-TIFF)"),
            ] {
                ui.label(label);
                ui.radio_value(&mut form.kind, kind, text);
                ui.end_row();
            }
            let view = &state.views[form.view];
            let drawn = view.roi.map_or_else(
                || "The rectangle (Shift and drag over the picture draws one)".to_owned(),
                |roi| format!("The rectangle, {}", size_text(roi, pixel_size(&view.recording))),
            );
            if view.roi.is_none() && form.part == Part::Drawn {
                form.part = Part::Whole;
            }
            for (label, part, text) in [
                ("Part", Part::Whole, "Whole frame"),
                ("", Part::Visible, "What is visible in the window"),
                ("", Part::Drawn, &drawn),
            ] {
                ui.label(label);
                let possible = part != Part::Drawn || view.roi.is_some();
                ui.add_enabled_ui(possible, |ui| ui.radio_value(&mut form.part, part, text));
                ui.end_row();
            }
            rows(ui, state, &mut form);
        });
        if form.kind != kind {
            form.path = form.suggestion(state).to_string_lossy().into_owned();
        }
        ui.separator();
        ui.horizontal(|ui| {
            let path = PathBuf::from(form.path.trim());
            let named = path.file_name().is_some();
            if ui.add_enabled(named, egui::Button::new("Write file")).clicked() {
                done = true;
                out.send(Command::Export(Box::new(form.clone())));
            }
            if ui.button("Cancel").clicked() {
                done = true;
            }
            if path.exists() {
                ui.colored_label(ui.visuals().warn_fg_color, "An existing file will be replaced.");
            }
        });
    });
    if open && !done && !ctx.input(|i| i.key_pressed(egui::Key::Escape)) {
        state.dialogs.export = Some(form);
    }
}

fn rows(ui: &mut egui::Ui, state: &AppState, form: &mut ExportForm) {
    let frames = state.views[form.view].recording.shape().t;
    if form.kind != Kind::Png && frames > 1 {
        ui.label("Frames");
        ui.horizontal(|ui| {
            let (mut from, mut to) = (form.frames.0 + 1, form.frames.1 + 1);
            named(ui.add(DragValue::new(&mut from).range(1..=frames)), "First frame");
            ui.label("to");
            named(ui.add(DragValue::new(&mut to).range(1..=frames)), "Last frame");
            form.frames = (from.min(to) - 1, from.max(to) - 1);
        });
        ui.end_row();
    }
    if form.kind == Kind::OmeTiff {
        ui.label("Compression");
        ui.checkbox(&mut form.compress, "Deflate (lossless)");
        ui.end_row();
    } else {
        ui.label("Enlarge");
        named(ui.add(DragValue::new(&mut form.scale).range(0.1..=16.0).speed(0.1).suffix(" ×")), "Enlarge");
        ui.end_row();
        ui.label("Draw");
        ui.horizontal(|ui| {
            ui.checkbox(&mut form.overlays.scale_bar, "Scale bar");
            ui.checkbox(&mut form.overlays.time_stamp, "Time stamp");
            ui.checkbox(&mut form.overlays.name, "Name");
        });
        ui.end_row();
    }
    if form.kind == Kind::Gif {
        ui.label("Speed");
        named(
            ui.add(DragValue::new(&mut form.fps).range(0.1..=50.0).speed(0.1).suffix(" frames/s")),
            "Speed",
        );
        ui.end_row();
    }
    ui.label("File");
    ui.add(TextEdit::singleline(&mut form.path).desired_width(330.0));
    ui.end_row();
}

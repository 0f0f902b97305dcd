//! What to export, and how.

use std::path::Path;

use eframe::egui::{self, Align2, Context, DragValue, Grid, TextEdit, Window};

use crate::app::command::Command;
use crate::app::forms::export::{ExportForm, Kind, Part};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::app::widgets::overlay::pixel_size;
use crate::app::widgets::roi::size_text;

/// Shows the form while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<ExportForm>, out: &mut Outbox) {
    let Some(mut form) = open.take().filter(|form| form.view < state.views.len()) else { return };
    let mut stays = true;
    let mut done = false;
    let center = ctx.content_rect().center();
    let window = Window::new("Export").open(&mut stays).pivot(Align2::CENTER_CENTER).default_pos(center);
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
            out.send(Command::NameExport);
        }
        if form.is_unseen() {
            out.send(Command::SeeExport);
        }
        ui.separator();
        ui.horizontal(|ui| {
            let ready = Path::new(form.path.trim()).file_name().is_some() && form.is_seen();
            if ui.add_enabled(ready, egui::Button::new("Write file")).clicked() {
                done = true;
                out.send(Command::Export(Box::new(form.clone())));
            }
            if ui.button("Cancel").clicked() {
                done = true;
            }
            if form.replaces() {
                ui.colored_label(ui.visuals().warn_fg_color, "An existing file will be replaced.");
            }
        });
    });
    if stays && !done && !ctx.input(|i| i.key_pressed(egui::Key::Escape)) {
        *open = Some(form);
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
    named(ui.add(TextEdit::singleline(&mut form.path).desired_width(330.0)), "File to write");
    ui.end_row();
}

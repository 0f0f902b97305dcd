//! A line to type a path into: always there, and in place of the file dialog where the desktop offers none.

use eframe::egui::{Context, Id, Key, Modal, RichText, TextEdit};

use crate::app::command::Command;
use crate::app::forms::path_box::PathBox;
use crate::app::state::Outbox;

/// Shows the box while it is open.
pub fn show(ctx: &Context, open: &mut Option<PathBox>, out: &mut Outbox) {
    let Some(mut path_box) = open.take() else { return };
    let mut done = false;
    let response = Modal::new(Id::unique("path box")).show(ctx, |ui| {
        ui.set_width(520.0);
        ui.heading(path_box.choice.question());
        if let Some(note) = &path_box.note {
            ui.weak(note);
        }
        ui.add_space(4.0);
        let edit = TextEdit::singleline(&mut path_box.text)
            .hint_text("/path/to/recording.ome.tif, or …#series=1&xywh=75,100,280,225")
            .desired_width(f32::INFINITY);
        let line = ui.add(edit);
        if !line.has_focus() && !line.lost_focus() {
            line.request_focus();
        }
        if line.changed() {
            path_box.error = None;
            path_box.checking = None;
        }
        if let Some(error) = &path_box.error {
            ui.label(RichText::new(error).color(ui.visuals().error_fg_color));
        }
        ui.add_space(4.0);
        let enter = ui.input(|i| i.key_pressed(Key::Enter));
        ui.horizontal(|ui| {
            if (ui.button("Open").clicked() || enter) && !path_box.text.trim().is_empty() {
                if path_box.choice.is_about_experiments() {
                    out.send(Command::ExperimentPath(path_box.choice, path_box.typed().into()));
                    done = true;
                    return;
                }
                out.send(Command::OpenTyped(path_box.typed().to_owned()));
            }
            if path_box.checking.is_some() {
                ui.spinner();
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    if !done && !response.should_close() {
        *open = Some(path_box);
    }
}

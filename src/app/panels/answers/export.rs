//! What of the answers is exported: tables, figures, embeddings.

use eframe::egui::{Button, Context, Grid, Id, Key, Modal, RichText, TextEdit};

use super::SMALL;
use super::send;
use crate::app::answers::AnswerCommand;
use crate::app::command::Command;
use crate::app::forms::choice::Choice;
use crate::app::forms::predictions::{PredictionsForm, TableFormat};
use crate::app::state::Outbox;
use crate::app::widgets::named;

/// Shows the form while it is open.
pub fn show(ctx: &Context, open: &mut Option<PredictionsForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let mut cancelled = false;
    let mut done = false;
    let modal = Modal::new(Id::unique("export predictions")).show(ctx, |ui| {
        ui.set_width(480.0);
        ui.heading("Export predictions");
        Grid::new("export predictions").num_columns(2).spacing([12.0, 8.0]).show(ui, |ui| {
            ui.label("Folder");
            ui.horizontal(|ui| {
                let edit = TextEdit::singleline(&mut form.folder).desired_width(300.0);
                named(ui.add(edit), "Folder for results");
                if ui.button("Choose…").clicked() {
                    out.send(Command::Choose(Choice::Results));
                }
            });
            ui.end_row();
            ui.label("Tables");
            ui.horizontal(|ui| {
                for format in TableFormat::ALL {
                    ui.selectable_value(&mut form.tables, format, format.ending().to_uppercase());
                }
            });
            ui.end_row();
            ui.label("");
            ui.weak(RichText::new("One line per video and one per compound and dose: activity, mechanisms with probabilities, novelty, nearest compounds.").size(SMALL));
            ui.end_row();
            ui.label("Figures");
            ui.checkbox(&mut form.figures, "Reliability, precision and recall, nearest videos, map (SVG and PNG)");
            ui.end_row();
            ui.label("Embeddings");
            ui.checkbox(&mut form.embeddings, "One vector per video (Parquet)");
            ui.end_row();
        });
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let ready = !form.folder.trim().is_empty();
            let enter = ui.memory(|m| m.focused().is_none()) && ui.input(|i| i.key_pressed(Key::Enter));
            if ui.add_enabled(ready, Button::new("Write")).clicked() || (ready && enter) {
                done = true;
            }
            cancelled |= ui.button("Cancel").clicked();
        });
    });
    if done {
        send(out, AnswerCommand::Export(form));
    } else if !cancelled && !modal.should_close() {
        *open = Some(form);
    }
}

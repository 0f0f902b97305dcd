//! An experiment that has no name yet is to be closed.

use eframe::egui::{Context, Id, Modal};

use crate::app::command::Command;
use crate::app::state::Outbox;

/// Shows the question while it is open.
pub fn show(ctx: &Context, open: &mut bool, out: &mut Outbox) {
    if !*open {
        return;
    }
    let mut answered = false;
    let response = Modal::new(Id::unique("close experiment")).show(ctx, |ui| {
        ui.set_width(420.0);
        ui.heading("Keep this experiment?");
        ui.label("It was never saved under a name. Tags, notes, exclusions and structures would be lost; the files that it was imported from stay as they are.");
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            if ui.button("Save as…").clicked() {
                out.send(Command::SaveExperimentAs);
                answered = true;
            }
            if ui.button("Throw away").clicked() {
                out.send(Command::DiscardExperiment);
                answered = true;
            }
            answered |= ui.button("Cancel").clicked();
        });
    });
    if answered || response.should_close() {
        *open = false;
    }
}

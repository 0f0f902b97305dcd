//! An experiment that has no name yet is to be closed, alone or with the program.

use eframe::egui::{Context, Id, Modal, Ui};

use crate::app::command::Command;
use crate::app::forms::Closing;
use crate::app::state::{AppState, Outbox};

/// Shows the question while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<Closing>, out: &mut Outbox) {
    let Some(closing) = open.clone() else { return };
    let quits = matches!(closing, Closing::Program(_));
    // Without a folder for settings nothing is kept for recovery.
    let is_kept = state.project.is_some();
    let mut answered = false;
    let response = Modal::new(Id::unique("close experiment")).show(ctx, |ui| {
        ui.set_width(460.0);
        ui.heading("Keep this experiment?");
        ui.label("It was never saved under a name. If it is thrown away, tags, notes, exclusions, structures and what was encoded are lost; the files that it was imported from stay as they are.");
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let mut button = |ui: &mut Ui, text: &str, tip: &str, command: Command| {
                if ui.button(text).on_hover_text(tip).clicked() {
                    out.send(command);
                    answered = true;
                }
            };
            let save = if quits { Command::SaveAndQuit } else { Command::SaveExperimentAs };
            button(ui, "Save as…", "Give it a name and a place", save);
            if quits && is_kept {
                let tip = "End now; the start page offers to bring it back, with everything done to it";
                button(ui, "Keep for later", tip, Command::KeepForLater);
            }
            button(ui, "Throw away", "It cannot be brought back", Command::DiscardExperiment(closing));
            answered |= ui.button("Cancel").clicked();
        });
    });
    if answered || response.should_close() {
        *open = None;
    }
}

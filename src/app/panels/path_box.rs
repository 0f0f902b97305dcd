//! A line to type a path into: always there, and in place of the file dialog where the desktop offers none.

use eframe::egui::{Context, Id, Key, Modal, RichText, TextEdit};

use crate::app::command::Command;
use crate::app::state::{AppState, Outbox, PathBox};
use crate::video::Address;

/// Shows the box while it is open.
pub fn show(ctx: &Context, state: &mut AppState, out: &mut Outbox) {
    let Some(mut path_box) = state.dialogs.path_box.take() else { return };
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
        }
        if let Some(error) = &path_box.error {
            ui.label(RichText::new(error).color(ui.visuals().error_fg_color));
        }
        ui.add_space(4.0);
        let enter = ui.input(|i| i.key_pressed(Key::Enter));
        ui.horizontal(|ui| {
            if (ui.button("Open").clicked() || enter) && !path_box.text.trim().is_empty() {
                if path_box.choice.is_about_experiments() {
                    out.send(Command::ExperimentPath(path_box.choice, clean(&path_box.text).into()));
                    done = true;
                    return;
                }
                match check(&path_box) {
                    Ok(address) => {
                        out.send(Command::OpenAddresses(vec![address]));
                        done = true;
                    }
                    Err(problem) => path_box.error = Some(problem),
                }
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    if !done && !response.should_close() {
        state.dialogs.path_box = Some(path_box);
    }
}

fn check(path_box: &PathBox) -> Result<Address, String> {
    let address = Address::parse(clean(&path_box.text))?;
    if address.path.exists() {
        Ok(address)
    } else {
        Err(format!(
            "{} does not exist. Check the spelling, and whether the drive is connected.",
            address.path.display()
        ))
    }
}

/// Paths copied from a file manager or a shell often come quoted.
fn clean(text: &str) -> &str {
    let text = text.trim().trim_matches(['"', '\'']);
    text.strip_prefix("file://").unwrap_or(text)
}

//! Questions about the selected rows: why they are excluded, which tag they get.

use eframe::egui::{Context, Id, Key, Modal, TextEdit, Ui};

use crate::app::command::Command;
use crate::app::forms::RowsForm;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::{Screen, rows_text};
use crate::app::state::{AppState, Outbox};
use crate::experiment::view;

/// Reasons that come up in every screen.
const REASONS: [&str; 7] = [
    "out of focus",
    "no cell in the picture",
    "several cells",
    "dead cell",
    "drift",
    "artefact or dust",
    "bad well",
];

/// Shows the question while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<RowsForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let Some(screen) = &state.screen else { return };
    let rows: Vec<u32> = screen.selection.rows().collect();
    let mut done = false;
    let response = Modal::new(Id::unique("rows form")).show(ctx, |ui| {
        ui.set_width(440.0);
        let count = rows_text(rows.len());
        let (heading, hint, suggestions) = match &form {
            RowsForm::Exclude(_) => (format!("Exclude {count}"), "Why?", used(screen, "excluded", &REASONS)),
            RowsForm::Tag(_) => (format!("Tag {count}"), "A word", used(screen, "tags", &[])),
        };
        ui.heading(heading);
        ui.weak(match form {
            RowsForm::Exclude(_) => {
                "Excluded rows stay in the table, struck through. They take part in nothing: not in training, not in answers, not in figures."
            }
            RowsForm::Tag(_) => "A tag that all of them have is removed.",
        });
        ui.add_space(4.0);
        let (RowsForm::Exclude(text) | RowsForm::Tag(text)) = &mut form;
        let line = ui.add(TextEdit::singleline(text).hint_text(hint).desired_width(f32::INFINITY));
        if !line.has_focus() && !line.lost_focus() {
            line.request_focus();
        }
        let picked = suggest(ui, &suggestions, text);
        ui.add_space(4.0);
        let enter = ui.input(|i| i.key_pressed(Key::Enter));
        ui.horizontal(|ui| {
            let action = if matches!(form, RowsForm::Exclude(_)) { "Exclude" } else { "Tag" };
            let (RowsForm::Exclude(text) | RowsForm::Tag(text)) = &form;
            let ready = !text.trim().is_empty();
            let clicked = ui.add_enabled(ready, eframe::egui::Button::new(action)).clicked();
            if ready && (clicked || enter || picked) {
                let text = text.trim().to_owned();
                out.send(Command::Screen(match form {
                    RowsForm::Exclude(_) => ScreenCommand::Exclude(rows.clone(), text),
                    RowsForm::Tag(_) => ScreenCommand::Tag(rows.clone(), text),
                }));
                done = true;
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    if !done && !response.should_close() {
        *open = Some(form);
    }
}

/// Texts that the column has already, the most frequent first, then the usual ones.
fn used(screen: &Screen, column: &str, usual: &[&str]) -> Vec<String> {
    let mut texts: Vec<String> = view::distinct(screen.table(), column, 12)
        .into_iter()
        .map(|(text, _)| text)
        .filter(|text| !text.is_empty())
        .collect();
    for text in usual {
        if !texts.iter().any(|t| t == text) {
            texts.push((*text).to_owned());
        }
    }
    texts
}

/// Suggestions as buttons; true when one was double-clicked, which is taken as the answer.
fn suggest(ui: &mut Ui, suggestions: &[String], text: &mut String) -> bool {
    let mut taken = false;
    ui.horizontal_wrapped(|ui| {
        for suggestion in suggestions {
            let button = ui.small_button(suggestion);
            if button.clicked() {
                text.clone_from(suggestion);
            }
            taken |= button.double_clicked();
        }
    });
    taken
}

//! A compound for the selected rows: type a name, or paste a SMILES.

use std::sync::Arc;

use eframe::egui::{Button, Context, Id, Key, Modal, RichText, TextEdit, Ui, vec2};

use crate::app::command::Command;
use crate::app::forms::attach::AttachForm;
use crate::app::screen::command::{ScreenCommand, Structure};
use crate::app::screen::rows_text;
use crate::app::sketches::{self, Sketch};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::molecule;
use crate::chem::{ChemError, CompoundLibrary};

/// Shows the form while it is open.
pub fn show(ctx: &Context, state: &AppState, open: &mut Option<AttachForm>, out: &mut Outbox) {
    let Some(mut form) = open.take() else { return };
    let Some(screen) = &state.screen else { return };
    let rows: Vec<u32> = screen.selection.rows().collect();
    let mut done = false;
    let response = Modal::new(Id::unique("attach")).show(ctx, |ui| {
        ui.set_width(520.0);
        ui.heading(format!("Attach a structure to {}", rows_text(rows.len())));
        let line = TextEdit::singleline(&mut form.text).hint_text("Name of a drug, or SMILES").desired_width(f32::INFINITY);
        let line = ui.add(line);
        if !line.has_focus() && !line.lost_focus() {
            line.request_focus();
        }
        let structure = if form.text.trim().is_empty() { None } else { Some(form.structure()) };
        let suggested = suggestions(ui, &mut form, structure.as_ref().is_some_and(Result::is_ok));
        match &structure {
            Some(Ok(structure)) => preview(ui, &mut form, structure),
            // Half a name is no wrong SMILES.
            Some(Err(_)) if suggested => {}
            Some(Err(problem)) => mark(ui, &form.text, problem),
            None => {
                ui.weak("Names are looked up in the built-in library. Salts are kept for display and split off for encoding.");
            }
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let enter = ui.input(|i| i.key_pressed(Key::Enter));
            let ready = structure.as_ref().is_some_and(Result::is_ok);
            let clicked = ui.add_enabled(ready, Button::new("Attach").min_size(vec2(110.0, 28.0))).clicked();
            if let Some(Ok(structure)) = structure
                && (clicked || enter)
            {
                out.send(Command::Screen(ScreenCommand::Attach(rows.clone(), structure)));
                done = true;
            }
            done |= ui.button("Cancel").clicked();
        });
    });
    if !done && !response.should_close() {
        *open = Some(form);
    }
}

/// Names of the library that begin as the text does; false if there are none.
fn suggestions(ui: &mut Ui, form: &mut AttachForm, exact: bool) -> bool {
    let text = form.text.trim();
    if text.len() < 2 || exact {
        return false;
    }
    let found = CompoundLibrary::built_in().suggest(text, 8);
    if found.is_empty() {
        return false;
    }
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        for compound in found {
            if ui.small_button(&compound.name).on_hover_text(compound.moa.join("; ")).clicked() {
                chosen = Some(compound.name.clone());
            }
        }
    });
    if let Some(name) = chosen {
        form.text = name;
    }
    true
}

fn preview(ui: &mut Ui, form: &mut AttachForm, structure: &Structure) {
    // The drawing of the last text is kept: a dialog repaints many times for one text.
    let key = Id::unique("attach preview");
    let cached: Option<(String, sketches::Made)> = ui.data(|d| d.get_temp(key));
    let made = match cached {
        Some((smiles, made)) if smiles == structure.smiles => made,
        _ => {
            let made = sketches::make(&structure.smiles).map(Arc::new);
            ui.data_mut(|d| d.insert_temp(key, (structure.smiles.clone(), made.clone())));
            made
        }
    };
    match made {
        Ok(sketch) => {
            molecule::show(ui, &sketch.drawing, vec2(500.0, 220.0), &structure.smiles);
            facts(ui, &sketch);
        }
        Err(problem) => {
            ui.colored_label(ui.visuals().error_fg_color, problem.to_string());
        }
    }
    match (&structure.moa, &structure.name) {
        (Some(moa), Some(name)) => {
            ui.label(format!("{name}: {moa}"));
            ui.weak("The mechanism is written where the rows name none.");
        }
        _ => {
            ui.horizontal(|ui| {
                ui.label("Name");
                ui.add(TextEdit::singleline(&mut form.name).hint_text("optional"));
            });
        }
    }
}

/// Formula and weight, and what a chemist should know.
fn facts(ui: &mut Ui, sketch: &Sketch) {
    let weight = sketch.descriptors.as_ref().map_or_else(String::new, |d| format!(", {:.2} g/mol", d.mw));
    ui.label(format!("{}{weight}", sketch.formula));
    if sketch.molecule.is_mixture() {
        ui.weak(format!(
            "With salts or solvents; encoded as {}",
            sketch.molecule.parent().canonical_smiles()
        ));
    }
    for warning in sketch.molecule.warnings() {
        ui.colored_label(ui.visuals().warn_fg_color, &warning.why);
    }
}

/// The text with the wrong character marked, and why.
pub fn mark(ui: &mut Ui, text: &str, problem: &ChemError) {
    let red = ui.visuals().error_fg_color;
    if let Some(position) = problem.position() {
        let before: String = text.chars().take(position).collect();
        let at: String = text.chars().skip(position).take(1).collect();
        let after: String = text.chars().skip(position + 1).collect();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.monospace(before);
            let at = if at.is_empty() { "·".to_owned() } else { at };
            ui.label(
                RichText::new(at)
                    .monospace()
                    .strong()
                    .color(eframe::egui::Color32::WHITE)
                    .background_color(red),
            );
            ui.monospace(after);
        });
    }
    ui.colored_label(red, problem.to_string());
}

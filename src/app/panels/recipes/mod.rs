//! Recipes: the steps that vectors were corrected by, others put together, all of them side by side.

mod editor;
mod table;

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{Button, ComboBox, ProgressBar, RichText, ScrollArea, Ui};

use super::menu::entry;
use super::rows;
use crate::app::command::Command;
use crate::app::recipes::{Recipes, RecipesCommand, RecipesForm, current, in_force};
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;
use crate::experiment::EmbeddingTable;

/// Characters of a name that are shown where there is little room.
const SHORT: usize = 28;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    let recipes = &state.recipes;
    let Some((name, vectors)) = current(&recipes.form, &state.answers, screen) else {
        no_vectors(ui, out);
        return;
    };
    if screen.look().blind {
        ui.label("Hidden while you score blind: recipes are compared by treatments.");
        return;
    }
    let mut form = recipes.form.clone();
    ScrollArea::vertical().id_salt("recipes").auto_shrink([false, false]).show(ui, |ui| {
        chosen(ui, screen, name, &mut form);
        force(ui, in_force(&state.answers, screen), (name.as_str(), &**vectors));
        ui.separator();
        editor::show(ui, recipes, &mut form, out);
        ui.separator();
        compare(ui, recipes, out);
        if let Some(why) = &recipes.failed {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
        table::show(ui, screen, recipes, (name.as_str(), vectors), &mut form, out);
    });
    if form != recipes.form {
        out.send(Command::Recipes(RecipesCommand::Form(Box::new(form))));
    }
}

fn no_vectors(ui: &mut Ui, out: &mut Outbox) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new("No vectors yet").size(16.0));
        ui.label("Recipes correct vectors: profiles of a table, or what a model made of videos.");
        ui.weak("Open a table of profiles, encode the videos, or add vectors of another program.");
        ui.add_space(8.0);
        for command in [Command::EncodeVideos, Command::AddEmbedding] {
            entry(ui, &command, None, out);
        }
    });
}

/// Which vectors, and the column of the domain.
fn chosen(ui: &mut Ui, screen: &Screen, name: &str, form: &mut RecipesForm) {
    ui.horizontal_wrapped(|ui| {
        ui.label("Vectors");
        let choice =
            ComboBox::from_id_salt("recipes vectors").selected_text(shorten(name, SHORT)).show_ui(ui, |ui| {
                for (known, table) in &screen.experiment().embeddings {
                    let done = if table.recipe.is_empty() { "raw" } else { table.recipe.as_str() };
                    let tip = format!("{} vectors of length {}: {done}", table.row_ids.len(), table.dim);
                    if ui.selectable_label(known == name, shorten(known, 60)).on_hover_text(tip).clicked() {
                        form.embedding.clone_from(known);
                    }
                }
            });
        named(choice.response, "Vectors to correct").on_hover_text(name);
        ui.label("Domain");
        let domain = form.domain.clone();
        let choice = ComboBox::from_id_salt("recipes domain")
            .selected_text(shorten(&domain, SHORT))
            .height(400.0)
            .show_ui(ui, |ui| {
                for column in screen.table().columns() {
                    if ui.selectable_label(column.name == domain, &column.name).clicked() {
                        form.domain.clone_from(&column.name);
                    }
                }
            });
        let tip = "The column that should not be told from the vectors: cell line, time, batch";
        named(choice.response, "Domain").on_hover_text(tip);
        rows::simulated(ui, screen);
    });
}

/// The steps of the vectors that answer, and of those that are corrected here where they are others.
fn force(
    ui: &mut Ui,
    used: Option<(&String, &Arc<EmbeddingTable>)>,
    (name, vectors): (&str, &EmbeddingTable),
) {
    let steps = |table: &EmbeddingTable| {
        if table.recipe.is_empty() { "none, they are raw".to_owned() } else { table.recipe.clone() }
    };
    let tip = "Steps that vectors were corrected by, those of former corrections first";
    if let Some((used, table)) = used {
        let text = format!("Recipe in force: {} (“{}” answers)", steps(table), shorten(used, SHORT));
        ui.label(text).on_hover_text(tip);
    } else {
        ui.label("Recipe in force: none, a model answers.");
    }
    if !vectors.recipe.is_empty() {
        let text =
            format!("Recipes below come on top of those of “{}”: {}", shorten(name, SHORT), vectors.recipe);
        ui.weak(text).on_hover_text("Choose raw vectors to start anew");
    }
}

/// The comparison: start, progress, stop.
fn compare(ui: &mut Ui, recipes: &Recipes, out: &mut Outbox) {
    ui.horizontal_wrapped(|ui| {
        if let Some(running) = &recipes.running {
            if ui.button("Stop").on_hover_text("What was measured so far stays").clicked() {
                out.send(Command::Recipes(RecipesCommand::Stop));
            }
            let done = running.progress.fraction().unwrap_or(0.0);
            let text = format!("Comparing recipes: {:.0} %", 100.0 * done);
            ui.add(ProgressBar::new(done).desired_width(220.0).text(text));
            // Nothing else wakes the window while recipes are measured.
            ui.ctx().request_repaint_after(Duration::from_millis(150));
            return;
        }
        let tip = "Measure every recipe on these vectors: is the domain still told, are replicates, mechanisms and compounds \
                   still found";
        let button = Button::new(RichText::new("Compare").strong());
        if ui.add(button).on_hover_text(tip).clicked() {
            out.send(Command::Recipes(RecipesCommand::Compare));
        }
        if recipes.applying.is_some() {
            ui.spinner();
            ui.weak("Correcting vectors");
        }
    });
}

//! Training: a form before it starts, then its curves, its map and what came of it.

mod curves;
mod evaluation;
mod form;
mod live;
mod map;
mod settings;
mod summary;

use eframe::egui::{RichText, Ui};

use super::menu::entry;
use super::rows;
use crate::app::command::Command;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::training::TrainingCommand;
use crate::app::training::look::{Key, Look};
use crate::learn::config::Config;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    if let Some(live) = &state.training.live {
        live::show(ui, state, live, out);
        return;
    }
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    ask(state, screen, out);
    let training = &state.training;
    let look = training.look.as_ref().filter(|look| look.key.experiment == screen.experiment().id);
    let (Some(form), Some(look)) = (training.form_of(&screen.experiment().id), look) else {
        waiting(ui, state, out);
        return;
    };
    if let Some((title, remedy)) = too_little(look) {
        empty(ui, title, &remedy, out);
        return;
    }
    form::show(ui, state, screen, form, look, out);
}

/// Asks for what is not known yet, once.
fn ask(state: &AppState, screen: &Screen, out: &mut Outbox) {
    let training = &state.training;
    let form = training.form_of(&screen.experiment().id);
    let wanted =
        form.map_or_else(|| Key::of(screen, &Config::default()), |form| Key::of(screen, &form.config));
    let is_stale = form.is_none() || training.look.as_ref().is_none_or(|look| look.key != wanted);
    let may_look = training.looking.is_none() && training.not_looked.as_ref() != Some(&wanted);
    let is_elsewhere = form.is_some_and(|form| state.models_folder(form) != training.kept.folder);
    if (is_stale && may_look) || (is_elsewhere && !training.scanning) {
        out.send(Command::Training(TrainingCommand::Look));
    }
}

fn waiting(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        if state.training.looking.is_none() && state.training.not_looked.is_some() {
            ui.label("The look at the rows was stopped.");
            if ui.button("Look again").clicked() {
                out.send(Command::Training(TrainingCommand::Look));
            }
        } else {
            ui.spinner();
            ui.weak("Looking at what can be learnt from these rows…");
        }
    });
}

/// What is missing before anything can be learnt, and what to do.
fn too_little(look: &Look) -> Option<(&'static str, String)> {
    let moas = look.items.moas.len();
    let columns = "Fill in the columns by selecting rows and typing in the table, or join a plate map or a list of \
                   compounds.";
    match (look.compounds, moas) {
        (0, _) => Some((
            "No row names a compound",
            format!("A model learns from videos whose treatment is known. {columns}"),
        )),
        (1, _) => Some((
            "All rows have the same compound",
            format!("A model learns by comparing: at least two compounds are needed. {columns}"),
        )),
        (_, 0) => Some((
            "No row names a mechanism of action",
            format!("Fill in the column “moa” for the compounds whose mechanism is known. {columns}"),
        )),
        (_, 1) => Some((
            "All rows have the same mechanism of action",
            format!("A model learns by comparing: at least two mechanisms are needed. {columns}"),
        )),
        _ => None,
    }
}

fn empty(ui: &mut Ui, title: &str, remedy: &str, out: &mut Outbox) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(title).size(16.0));
        ui.weak(remedy);
        ui.add_space(8.0);
        entry(ui, &Command::JoinTable, None, out);
        ui.weak("Excluded rows are not looked at.");
    });
}

//! What is read, how, and how far that is.

use std::time::Duration;

use eframe::egui::{Button, CollapsingHeader, ComboBox, ProgressBar, RichText, Ui};

use super::{NAME, send};
use crate::app::hits::{Asked, HitsCommand, HitsForm};
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;
use crate::experiment::Kind;

/// Shows it.
pub fn show(
    ui: &mut Ui,
    state: &AppState,
    screen: &Screen,
    wanted: Option<&Asked>,
    form: &mut HitsForm,
    out: &mut Outbox,
) {
    ui.horizontal_wrapped(|ui| {
        readout(ui, state, screen, form);
        if let Some(running) = &state.hits.running {
            if ui.button("Stop").on_hover_text("What was read before stays").clicked() {
                send(out, HitsCommand::Stop);
            }
            let (done, text) = match running.progress.fraction() {
                Some(done) => (done, format!("Reading the screen: {:.0} % of curves", 100.0 * done)),
                None => (0.0, "Reading the screen: controls and plates".to_owned()),
            };
            ui.add(ProgressBar::new(done).desired_width(240.0).text(text));
            // Nothing else wakes the window while curves are fitted.
            ui.ctx().request_repaint_after(Duration::from_millis(150));
        } else {
            let tip = "Score wells by the controls, test treatments, fit curves, look at plates";
            let button = Button::new(RichText::new("Read the screen").strong());
            let response = ui.add_enabled(wanted.is_some(), button).on_hover_text(tip);
            if response.on_disabled_hover_text("There are no vectors yet: encode videos first").clicked() {
                send(out, HitsCommand::Read);
            }
        }
        rows::simulated(ui, screen);
        if let (Some(shown), Some(wanted)) = (&state.hits.shown, wanted)
            && state.hits.running.is_none()
            && shown.asked != *wanted
        {
            let text = if shown.asked.is_like(wanted) {
                "The table was changed since: read it again."
            } else {
                "Out of date: this was read of something else, or otherwise."
            };
            ui.colored_label(ui.visuals().warn_fg_color, text);
        }
    });
    if let Some(column) = &form.column
        && screen.table().column(column).is_none()
    {
        let text = format!("The column “{}” is gone: vectors are read in its place.", shorten(column, NAME));
        ui.colored_label(ui.visuals().warn_fg_color, text);
    }
    let heading = CollapsingHeader::new("How it is read").id_salt("hits options");
    heading.show(ui, |ui| options(ui, screen, form));
}

fn readout(ui: &mut Ui, state: &AppState, screen: &Screen, form: &mut HitsForm) {
    let vectors = match state.answers.of(screen) {
        Some(encoded) => format!("Vectors: {}", encoded.embedded.about.name),
        None => "Vectors of the videos".to_owned(),
    };
    ui.label("Read");
    let now = form.column.clone().unwrap_or_else(|| vectors.clone());
    let choice = ComboBox::from_id_salt("hits readout")
        .selected_text(shorten(&now, NAME))
        .height(400.0)
        .show_ui(ui, |ui| {
            if ui.selectable_label(form.column.is_none(), shorten(&vectors, 60)).clicked() {
                form.column = None;
            }
            for column in numbers(screen) {
                if ui.selectable_label(form.column.as_ref() == Some(&column), &column).clicked() {
                    form.column = Some(column);
                }
            }
        });
    let tip = "What is read of each well: the vectors that answer, or a column of numbers";
    named(choice.response, "Readout").on_hover_text(tip);
}

/// Names of the columns of numbers.
fn numbers(screen: &Screen) -> Vec<String> {
    let columns = screen.table().columns().into_iter();
    let numbers = columns.filter(|column| matches!(column.kind, Kind::Integer | Kind::Number));
    numbers.map(|column| column.name).collect()
}

fn options(ui: &mut Ui, screen: &Screen, form: &mut HitsForm) {
    let options = &mut form.options;
    ui.horizontal_wrapped(|ui| {
        let all = screen.table().columns().into_iter().map(|column| column.name).collect();
        column(ui, "Plates by", "plate, of each replicate", all, &mut options.plate_by);
        column(ui, "Cells counted by", "found by name", numbers(screen), &mut options.cells);
    });
    let tip = "Medians and median absolute deviations of the controls: a lone bad well moves nothing";
    ui.checkbox(&mut options.robust, "Robust").on_hover_text(tip);
    let tip = "In a model of a disease the positive wells are the diseased ones that treatments start from: hits lead from them \
               back to the negative, healthy ones";
    ui.checkbox(&mut options.rescue, "Rescue: hits lead from the positive to the negative controls")
        .on_hover_text(tip);
    let tip = "Doses at which fewer than half of the cells are left count for curves and hits all the same";
    ui.checkbox(&mut options.keep_toxic, "Keep toxic doses").on_hover_text(tip);
}

/// One column, or what is usual.
fn column(ui: &mut Ui, label: &str, usual: &str, all: Vec<String>, chosen: &mut Option<String>) {
    ui.label(label);
    let now = chosen.clone().unwrap_or_else(|| usual.to_owned());
    let choice =
        ComboBox::from_id_salt(label).selected_text(shorten(&now, NAME)).height(300.0).show_ui(ui, |ui| {
            if ui.selectable_label(chosen.is_none(), usual).clicked() {
                *chosen = None;
            }
            for name in all {
                if ui.selectable_label(chosen.as_ref() == Some(&name), &name).clicked() {
                    *chosen = Some(name);
                }
            }
        });
    named(choice.response, label);
}

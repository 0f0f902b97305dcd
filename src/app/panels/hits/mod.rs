//! Hits and doses: the screen read by its controls, as a list, points, curves, plates, and a plan for the next one.

mod axes;
mod curves;
mod head;
mod list;
mod marks;
mod plan;
mod plates;
mod points;
mod quality;

use eframe::egui::{Button, CollapsingHeader, Label, Panel, RichText, TextEdit, Ui};

use super::menu;
use super::rows;
use crate::app::command::Command;
use crate::app::forms::choice::Choice;
use crate::app::forms::predictions::TableFormat;
use crate::app::hits::{Asked, HitsCommand, HitsForm, Readout, Shown, Tab, Why};
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;
use crate::app::widgets::overlay::shorten;

/// Characters of a name that are shown where there is little room.
const NAME: usize = 30;

/// Size of small letters, points.
const SMALL: f32 = 11.5;

/// Rate of false discoveries below which a treatment is called a hit.
const ALPHA: f64 = 0.05;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    if screen.look().blind {
        ui.label("Hidden while you score blind: hits are told by treatments.");
        return;
    }
    let mut form = state.hits.form.clone();
    let wanted = Asked::of(&state.hits.form, &state.answers, screen);
    head::show(ui, state, screen, wanted.as_ref(), &mut form, out);
    match (&state.hits.shown, &wanted) {
        (Some(shown), _) => {
            // What failed is said above what was read before.
            failed(ui, state, wanted.as_ref(), out);
            files(ui, state, shown, &mut form, out);
            body(ui, state, screen, shown, &mut form, out);
        }
        (None, None) => no_vectors(ui, state, out),
        (None, Some(_)) => {
            if !failed(ui, state, wanted.as_ref(), out) && state.hits.running.is_none() {
                not_read(ui);
            }
        }
    }
    if form != state.hits.form {
        send(out, HitsCommand::Form(Box::new(form)));
    }
}

fn send(out: &mut Outbox, command: HitsCommand) {
    out.send(Command::Hits(command));
}

fn no_vectors(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        if state.answers.job.is_some() {
            ui.spinner();
            ui.label("The videos are being encoded.");
            return;
        }
        ui.label(RichText::new("No vectors yet").size(16.0));
        if let Some(why) = &state.answers.failed {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
        ui.label("Hits are told by vectors of the wells, or by a column of numbers: choose one above.");
        ui.weak("Encode the videos first: by hand-made features that takes no training.");
        ui.add_space(8.0);
        let command = Command::EncodeVideos;
        menu::entry(ui, &command, menu::why_not(&command, state), out);
    });
}

fn not_read(ui: &mut Ui) {
    ui.add_space(12.0);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new("The screen was not read yet").size(16.0));
        ui.label("“Read the screen” scores wells by the controls and lists hits, doses and plates.");
        ui.weak("It wants negative controls on each plate, such as DMSO; with positive ones it says more.");
    });
}

/// Says why a screen could not be read, and what helps; true if so.
fn failed(ui: &mut Ui, state: &AppState, wanted: Option<&Asked>, out: &mut Outbox) -> bool {
    let failed = state.hits.failed.as_ref();
    let Some((_, why)) = failed.filter(|(asked, _)| wanted.is_some_and(|wanted| asked.is_like(wanted)))
    else {
        return false;
    };
    match why {
        Why::Stopped => {
            ui.label("Stopped: the screen was not read.");
        }
        Why::Other(why) => {
            ui.colored_label(ui.visuals().error_fg_color, sentence(why));
        }
        Why::Controls(why) => {
            ui.colored_label(ui.visuals().error_fg_color, sentence(why));
            ui.label(
                "Select the control wells on the plate or in the table, mark them, and read the screen again:",
            );
            ui.horizontal_wrapped(|ui| {
                for command in [Command::MarkNegativeControl, Command::MarkPositiveControl] {
                    menu::entry(ui, &command, menu::why_not(&command, state), out);
                }
            });
        }
    }
    true
}

/// So many things, whose name takes an s where there are several.
fn count(many: usize, what: &str) -> String {
    if many == 1 { format!("1 {what}") } else { format!("{many} {what}s") }
}

/// A clause with a capital letter and a full stop.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let stop = if clause.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

fn body(
    ui: &mut Ui,
    state: &AppState,
    screen: &Screen,
    shown: &Shown,
    form: &mut HitsForm,
    out: &mut Outbox,
) {
    about(ui, screen, shown);
    ui.horizontal_wrapped(|ui| {
        for tab in Tab::ALL {
            if ui.selectable_label(form.tab == tab, tab.title()).on_hover_text(tab.about()).clicked() {
                form.tab = tab;
            }
        }
    });
    ui.separator();
    match form.tab {
        Tab::List => list::show(ui, screen, &state.hits, shown, form, out),
        Tab::Points => points::show(ui, screen, shown, form, out),
        Tab::Curves => curves::show(ui, screen, &state.hits, shown, form, out),
        Tab::Quality => quality::show(ui, screen, shown, out),
        Tab::Wells => plan::show(ui, state, shown, form, out),
    }
}

/// What the scores are, and what a reader should know.
fn about(ui: &mut Ui, screen: &Screen, shown: &Shown) {
    let what = match shown.asked.readout {
        Readout::Vectors(_) => "Vectors",
        Readout::Column(_) => "Column",
    };
    let hits = &shown.hits;
    let way = if hits.rescue { "; 0 is healthy: hits lower the score" } else { "" };
    let text = format!("{what} “{}”. Score: {}{way}.", shorten(&shown.name, NAME), hits.score.label());
    ui.add(Label::new(RichText::new(text).size(SMALL)).wrap()).on_hover_text(&shown.name);
    if shown.simulated && screen.simulated() == 0 {
        ui.colored_label(ui.visuals().warn_fg_color, "The model was made from simulated videos.");
    }
    if !hits.notes.is_empty() {
        let heading = count(hits.notes.len(), "note");
        CollapsingHeader::new(heading).id_salt("hits notes").show(ui, |ui| {
            for note in &hits.notes {
                ui.add(Label::new(RichText::new(note).size(SMALL)).wrap());
            }
            ui.add(Label::new(RichText::new(format!("q: {}.", hits.q_method)).size(SMALL)).wrap());
        });
    }
}

/// What of it is written, and where.
fn files(ui: &mut Ui, state: &AppState, shown: &Shown, form: &mut HitsForm, out: &mut Outbox) {
    let is_busy = state.hits.writing.is_some();
    Panel::bottom("hits files").show_separator_line(true).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            folder(ui, form, out);
            for format in TableFormat::ALL {
                ui.selectable_value(&mut form.tables, format, format.ending().to_uppercase());
            }
            let can = !is_busy && !form.folder.trim().is_empty();
            let tip = "Write a row for each compound and for each well, with where the numbers are from";
            if ui.add_enabled(can, Button::new("Export tables")).on_hover_text(tip).clicked() {
                send(out, HitsCommand::Tables);
            }
            let has_curves = shown.curves.iter().any(|wells| !wells.is_empty());
            let tip = "Write all dose-response curves as SVG and PNG";
            if ui.add_enabled(can && has_curves, Button::new("Export figures")).on_hover_text(tip).clicked() {
                send(out, HitsCommand::Figures);
            }
            if is_busy {
                ui.spinner();
            }
        });
    });
}

fn folder(ui: &mut Ui, form: &mut HitsForm, out: &mut Outbox) {
    ui.label("Folder");
    let edit = TextEdit::singleline(&mut form.folder).id_salt("hits folder").desired_width(200.0);
    let edit = ui.add(edit).on_hover_text(&form.folder);
    named(edit, "Folder for hits");
    if ui.button("Choose…").clicked() {
        out.send(Command::Choose(Choice::HitsFolder));
    }
}

/// A field for words that names must have.
fn search(ui: &mut Ui, form: &mut HitsForm) {
    let edit = TextEdit::singleline(&mut form.search).id_salt("hits search");
    let edit = edit.hint_text("Search compounds").desired_width(150.0);
    named(ui.add(edit), "Search hits");
}

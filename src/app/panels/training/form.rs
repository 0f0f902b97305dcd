//! What is asked before a training.

use std::path::PathBuf;

use eframe::egui::{ComboBox, DragValue, Grid, ScrollArea, TextEdit, Ui};

use super::{settings, summary};
use crate::analysis::split::Protocol;
use crate::app::command::Command;
use crate::app::forms::choice::Choice;
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::training::form::Form;
use crate::app::training::kept::Start;
use crate::app::training::look::Look;
use crate::app::training::{Answer, TrainingCommand};
use crate::app::widgets::named;
use crate::gpu::ComputeTarget;
use crate::learn::config::Molecules;
use crate::model::video_encoder::ENCODERS;

/// Narrower panels show questions and summary one below the other.
const WIDE: f32 = 620.0;

/// Minutes that are suggested when the budget is time.
const MINUTES: f64 = 15.0;

/// Shows the form.
pub fn show(ui: &mut Ui, state: &AppState, screen: &Screen, form: &Form, look: &Look, out: &mut Outbox) {
    let mut answers = form.clone();
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.heading("Train a model");
            rows::simulated(ui, screen);
        });
        if ui.available_width() > WIDE {
            ui.columns(2, |columns| {
                questions(&mut columns[0], state, &mut answers, look, out);
                summary::show(&mut columns[1], state, form, look, out);
            });
        } else {
            questions(ui, state, &mut answers, look, out);
            ui.separator();
            summary::show(ui, state, form, look, out);
        }
    });
    if answers != *form {
        out.send(Command::Training(TrainingCommand::Form(Box::new(answers))));
    }
}

fn questions(ui: &mut Ui, state: &AppState, form: &mut Form, look: &Look, out: &mut Outbox) {
    let saved = state.project.as_ref().is_some_and(|(_, unnamed)| !unnamed);
    let has_card = form.start != Start::Fresh;
    Grid::new("training").num_columns(2).spacing([12.0, 7.0]).show(ui, |ui| {
        let label = ui.label("Name");
        ui.add(TextEdit::singleline(&mut form.name).desired_width(180.0)).labelled_by(label.id);
        ui.end_row();

        if !saved {
            let label =
                ui.label("Keep in").on_hover_text("Models of a saved experiment are kept in its project");
            ui.horizontal(|ui| {
                let width = (ui.available_width() - 90.0).max(120.0);
                ui.add(TextEdit::singleline(&mut form.folder).desired_width(width)).labelled_by(label.id);
                if ui.button("Choose…").on_hover_text("Choose the folder for models").clicked() {
                    out.send(Command::Choose(Choice::ModelsFolder));
                }
            });
            ui.end_row();
        }

        ui.label("Learns")
            .on_hover_text("Learning to tell drugs apart first gives mechanisms a better start");
        target(ui, form);
        ui.end_row();

        ui.label("Hold back").on_hover_text("What is not trained on, to see what the model is worth");
        split(ui, form, look);
        ui.end_row();

        ui.label("Start from");
        start(ui, state, form, out);
        ui.end_row();

        ui.label("Encoder");
        ui.add_enabled_ui(!has_card, |ui| encoder(ui, state, form));
        ui.end_row();

        ui.label("Structures");
        molecules(ui, form, look);
        ui.end_row();

        ui.label("Budget");
        budget(ui, form);
        ui.end_row();
    });
    settings::show(ui, form, has_card, out);
}

fn target(ui: &mut Ui, form: &mut Form) {
    let text = |drugs| if drugs { "Drugs, then mechanisms" } else { "Mechanisms alone" };
    let now = form.learns_drugs();
    let combo = ComboBox::from_id_salt("target").selected_text(text(now)).width(190.0).show_ui(ui, |ui| {
        for drugs in [true, false] {
            if ui.selectable_label(now == drugs, text(drugs)).clicked() && drugs != now {
                form.learn_drugs(drugs);
            }
        }
    });
    named(combo.response, "Learns");
}

/// A protocol in words, and what it is good for.
pub fn protocol(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::DrugDisjoint => (
            "Compounds",
            "Some compounds are in no part of training: is the mechanism of a new compound recognised? (drug-disjoint)",
        ),
        Protocol::ScaffoldDisjoint => (
            "Scaffolds",
            "All compounds of some ring systems are in no part of training: is a mechanism recognised in chemistry that was never seen? (scaffold-disjoint)",
        ),
        Protocol::Mito => (
            "Cells",
            "Some cells of each compound, as in the MitoReID paper: easier, and says nothing about new compounds (mito)",
        ),
        Protocol::MoaDisjoint => (
            "Mechanisms",
            "Some mechanisms are in no part of training: are they told apart although never seen? (moa-disjoint)",
        ),
    }
}

fn split(ui: &mut Ui, form: &mut Form, look: &Look) {
    ui.vertical(|ui| {
        let now = protocol(form.config.protocol);
        let combo = ComboBox::from_id_salt("split").selected_text(now.0).width(190.0).show_ui(ui, |ui| {
            let all =
                [Protocol::DrugDisjoint, Protocol::ScaffoldDisjoint, Protocol::Mito, Protocol::MoaDisjoint];
            for of in all {
                let (text, tip) = protocol(of);
                ui.selectable_value(&mut form.config.protocol, of, text).on_hover_text(tip);
            }
        });
        named(combo.response, "Hold back").on_hover_text(now.1);
        ui.weak(if look.by_table {
            "which ones: the table's column “split”".to_owned()
        } else {
            format!("which ones: drawn by seed {}", form.config.seed)
        });
    });
}

fn encoder(ui: &mut Ui, state: &AppState, form: &mut Form) {
    ui.vertical(|ui| {
        let now = form.config.encoder.entry();
        let combo =
            ComboBox::from_id_salt("encoder").selected_text(now.title).width(190.0).show_ui(ui, |ui| {
                for entry in &ENCODERS {
                    let mark =
                        ui.selectable_label(entry.name == now.name, entry.title).on_hover_text(entry.about);
                    if mark.clicked() && entry.name != now.name {
                        form.encode_with(entry);
                    }
                }
            });
        named(combo.response, "Encoder");
        ui.weak(now.about);
        if state.training.target == ComputeTarget::Cpu && now.name != ENCODERS[0].name {
            ui.colored_label(ui.visuals().warn_fg_color, "Slow on a processor: hours rather than minutes.");
        }
    });
}

fn molecules(ui: &mut Ui, form: &mut Form, look: &Look) {
    let mut used = form.config.molecules != Molecules::None;
    let known = look.split.as_ref().map_or(0, |split| split.structures);
    ui.vertical(|ui| {
        let tip = "Structures guide training; the trained model needs videos alone";
        if ui.checkbox(&mut used, "guide training").on_hover_text(tip).changed() {
            form.config.molecules = if used { Molecules::Structures } else { Molecules::None };
        }
        if let Ok(split) = &look.split {
            let all = split.train.compounds;
            ui.weak(format!("{known} of {all} trained compounds have one"));
        }
        if form.config.molecules == Molecules::Permuted {
            ui.colored_label(
                ui.visuals().warn_fg_color,
                "Permuted among drugs: a control, not a model to use.",
            );
        }
    });
}

fn start(ui: &mut Ui, state: &AppState, form: &mut Form, out: &mut Outbox) {
    let text = |start: &Start| match start {
        Start::Fresh => ("Fresh weights", "Learn from these rows alone"),
        Start::Shipped => ("The shipped model", "Train the model that comes with the program further"),
        Start::Model(_) => ("A model…", "Train another model further: its encoder and input are kept"),
    };
    ui.vertical(|ui| {
        let now = text(&form.start).0;
        let combo = ComboBox::from_id_salt("start").selected_text(now).width(190.0).show_ui(ui, |ui| {
            for start in [Start::Fresh, Start::Shipped, Start::Model(PathBuf::new())] {
                let (name, tip) = text(&start);
                if ui.selectable_label(now == name, name).on_hover_text(tip).clicked() && now != name {
                    if matches!(start, Start::Model(_)) {
                        out.send(Command::Choose(Choice::StartModel));
                    }
                    form.start_from(start);
                }
            }
        });
        named(combo.response, "Start from");
        if let Start::Model(folder) = &mut form.start {
            ui.horizontal(|ui| {
                let mut text = folder.display().to_string();
                let edit =
                    TextEdit::singleline(&mut text).hint_text("folder of a model").desired_width(150.0);
                if named(ui.add(edit), "Folder of the model to start from").changed() {
                    *folder = PathBuf::from(text);
                }
                if ui.button("Choose…").on_hover_text("Choose the folder of a model").clicked() {
                    out.send(Command::Choose(Choice::StartModel));
                }
            });
        }
        card(ui, state, form, out);
    });
}

/// What is known of the model to start from.
fn card(ui: &mut Ui, state: &AppState, form: &Form, out: &mut Outbox) {
    match state.training.cards.get(&form.start) {
        _ if form.start == Start::Fresh => {}
        Some(Answer::Known(card)) => {
            ui.weak(format!("{}: {}", card.name, card.encoder.entry().title));
            if card.trained_on.simulated {
                ui.colored_label(ui.visuals().warn_fg_color, "It has seen simulated cells only.");
            }
        }
        Some(Answer::Failed(why)) => {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
        Some(Answer::Pending(_)) => {
            ui.weak("reading its card…");
        }
        None if form.start == Start::Model(PathBuf::new()) => {
            ui.weak("Choose the folder of a model.");
        }
        None => out.send(Command::Training(TrainingCommand::ReadCard(form.start.clone()))),
    }
}

fn budget(ui: &mut Ui, form: &mut Form) {
    let config = &mut form.config;
    ui.vertical(|ui| {
        ui.horizontal(|ui| {
            let timed = config.time_limit_s.is_some();
            if ui.radio(!timed, "epochs").on_hover_text("An epoch sees every training video once").clicked() {
                config.time_limit_s = None;
            }
            let tip = "Fill a time with epochs, at the pace of this computer";
            if ui.radio(timed, "minutes").on_hover_text(tip).clicked() && !timed {
                config.time_limit_s = Some(MINUTES * 60.0);
            }
        });
        ui.horizontal(|ui| {
            if let Some(limit) = &mut config.time_limit_s {
                let mut minutes = *limit / 60.0;
                let drag = DragValue::new(&mut minutes).range(0.1..=10_000.0).suffix(" min").max_decimals(1);
                if named(ui.add(drag), "Minutes").changed() {
                    *limit = minutes * 60.0;
                }
                return;
            }
            if config.drug_epochs > 0 {
                named(ui.add(DragValue::new(&mut config.drug_epochs).range(1..=10_000)), "Epochs on drugs");
                ui.label("on drugs,");
            }
            named(ui.add(DragValue::new(&mut config.moa_epochs).range(1..=10_000)), "Epochs on mechanisms");
            ui.label("on mechanisms");
        });
    });
}

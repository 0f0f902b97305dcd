//! Asking by structure.

use std::sync::Arc;

use eframe::egui::{Key, RichText, Slider, TextEdit, Ui};

use super::SMALL;
use super::mechanisms::{self, Bar};
use super::neighbours::{self, Tile};
use super::send;
use crate::app::answers::structure::{StructureAnswer, StructureQuestion};
use crate::app::answers::{AnswerCommand, Encoded};
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::named;

/// Videos and mechanisms that are shown.
const VIDEOS: usize = 12;
const MOAS: usize = 5;

/// Shows question and answer.
pub fn show(ui: &mut Ui, state: &AppState, screen: &Screen, encoded: &Arc<Encoded>, out: &mut Outbox) {
    let asked = &state.answers.structure;
    let key = ui.scope_id().with("typed");
    let mut typed: String = ui.data(|data| data.get_temp(key)).unwrap_or_else(|| asked.text.clone());
    let mut go = false;
    ui.horizontal(|ui| {
        let hint = "SMILES or the name of a drug";
        let edit = ui
            .add(TextEdit::singleline(&mut typed).hint_text(hint).desired_width(ui.available_width() - 56.0));
        go |= edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        named(edit, "Structure to ask by");
        go |= ui.button("Ask").clicked();
    });
    let mut question = StructureQuestion { round: state.answers.round, ..asked.clone() };
    if go {
        typed.trim().clone_into(&mut question.text);
    }
    ui.data_mut(|data| data.insert_temp(key, typed));
    let row = screen.selection.current().filter(|&row| encoded.subject(row).is_some());
    if row.is_some() {
        ui.horizontal(|ui| {
            let tip = "Ask by the structure alone, by the selected video alone, or by both: each ranking counts in standard deviations";
            ui.weak("video").on_hover_text(tip);
            let slider = Slider::new(&mut question.weight, 0.0..=1.0).show_value(false);
            named(ui.add(slider).on_hover_text(tip), "Weight of the structure");
            ui.weak("structure");
        });
    }
    question.row = row.filter(|_| question.weight < 1.0);
    if question.text.is_empty() {
        ui.weak("A compound that was never imaged: which videos should it look like?");
        return;
    }
    if question != *asked {
        send(out, AnswerCommand::Structure(question));
    }
    match &state.answers.structure_answer {
        Some((_, Ok(answer))) => answered(ui, state, screen, answer, out),
        Some((_, Err(why))) => {
            ui.colored_label(ui.visuals().error_fg_color, why);
        }
        None => {
            ui.spinner();
        }
    }
}

fn answered(ui: &mut Ui, state: &AppState, screen: &Screen, answer: &StructureAnswer, out: &mut Outbox) {
    screen.sketches.want(
        std::iter::once(answer.asked.smiles.clone())
            .chain(answer.known.iter().map(|known| known.smiles.clone())),
    );
    neighbours::structure_line(ui, screen, &answer.asked.smiles, &answer.asked.name, "", "asked");
    let warn = ui.visuals().warn_fg_color;
    match &answer.trained {
        Some(known) => {
            let text = format!("Nearest training structure: {}, Tanimoto {:.2}", known.name, known.tanimoto);
            if answer.is_far() {
                ui.label(
                    RichText::new(format!(
                        "{text}: far from everything that the model was trained on. It is guessing."
                    ))
                    .color(warn),
                );
            } else {
                ui.weak(text);
            }
        }
        None => {
            ui.label(RichText::new("The model was trained without structures: it is guessing.").color(warn));
        }
    }
    mechanisms_of(ui, answer);
    ui.strong("Known structures, by chemistry alone");
    for known in &answer.known {
        let fact = format!("Tanimoto {:.2}", known.tanimoto);
        neighbours::structure_line(ui, screen, &known.smiles, &known.name, &known.moas.join("; "), &fact);
    }
    ui.strong("Videos that it should look like");
    let tiles: Vec<Tile> = answer
        .videos
        .iter()
        .take(VIDEOS)
        .map(|&(row, score)| {
            let row = row as u32;
            Tile {
                address: screen.address(row),
                row: Some(row),
                features: screen.features().map(|features| (Arc::clone(features), row)),
                title: screen.caption(row),
                smiles: screen.text(row, "smiles"),
                moa: screen.text(row, "moa"),
                facts: format!("{score:.2}"),
            }
        })
        .collect();
    ui.push_id("by structure", |ui| neighbours::grid(ui, state, screen, &tiles, out));
}

/// Mechanisms, best first: likeness on the scale of all bars, and where a video counts too how far each stands out.
fn mechanisms_of(ui: &mut Ui, answer: &StructureAnswer) {
    let best = answer.moas.iter().take(MOAS);
    let weak = |ui: &mut Ui, text: &str| ui.weak(RichText::new(text).size(SMALL));
    if answer.with_video {
        ui.strong("Mechanisms by structure and video");
        weak(
            ui,
            "standard deviations above the mean of all videos, not calibrated: they have no end, so no bars",
        );
        for (name, score) in best {
            ui.label(format!("{score:+.1}  {name}"));
        }
        return;
    }
    ui.strong("Mechanisms by structure");
    weak(ui, "likeness in the model's common space of videos and structures, 0 to 1, not calibrated");
    let bars: Vec<Bar> = best
        .map(|(name, score)| Bar {
            name: name.clone(),
            share: f64::from(*score),
            value: format!("{score:.2}"),
            tip: format!("{name}: mean of its two most alike compounds"),
        })
        .collect();
    mechanisms::paint(ui, &bars);
}

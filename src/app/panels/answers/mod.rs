//! Answers: what the selected video does, according to a model; and the same asked by structure or by region.

mod apart;
mod calibration;
pub mod export;
mod mechanisms;
mod model;
mod neighbours;
mod region;
mod structure;
mod verdict;

use std::sync::Arc;

use eframe::egui::{CollapsingHeader, RichText, ScrollArea, Ui};

use super::rows;
use crate::analysis::answers::{Answer, Level};
use crate::app::answers::{AnswerCommand, Encoded, NEIGHBOURS, Options, Question};
use crate::app::command::Command;
use crate::app::screen::Screen;
use crate::app::state::{AppState, Outbox};

/// Size of what explains, points: egui's own small text cannot be read by tired eyes.
const SMALL: f32 = 11.5;

/// Shows the panel.
pub fn show(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    let Some(screen) = &state.screen else {
        rows::no_experiment(ui, out);
        return;
    };
    if screen.look().blind {
        ui.add_space(8.0);
        ui.label("Answers are hidden while you score blind.");
        return;
    }
    let mut area = ScrollArea::vertical().auto_shrink([false, false]);
    if is_new(ui, screen.selection.current(), state.answers.round) {
        area = area.vertical_scroll_offset(0.0);
    }
    area.show(ui, |ui| {
        model::choose(ui, state, screen, out);
        let Some(encoded) = state.answers.of(screen) else {
            model::about(ui, state, screen, out);
            return;
        };
        let shown = question(ui, state, screen, encoded, out);
        if encoded.encoder.regions().is_some() {
            ui.add_space(4.0);
            region::show(ui, state, encoded, out);
        }
        if let Some((answer, is_asked)) = shown {
            ui.scope(|ui| {
                fade(ui, is_asked);
                neighbours::show(ui, state, screen, encoded, &answer, NEIGHBOURS, out);
            });
        }
        ui.add_space(6.0);
        ui.separator();
        CollapsingHeader::new("What answers").id_salt("what answers").default_open(true).show(ui, |ui| {
            model::about(ui, state, screen, out);
        });
        if encoded.encoder.molecules().is_some() {
            CollapsingHeader::new("Ask by structure").id_salt("ask by structure").show(ui, |ui| {
                structure::show(ui, state, screen, encoded, out);
            });
        }
        CollapsingHeader::new("How far to trust this").id_salt("trust").show(ui, |ui| {
            calibration::show(ui, encoded, state.answers.options.level);
        });
    });
}

/// True when another row is asked about than in the last pass, or others answer: the verdict stands at the top.
fn is_new(ui: &Ui, row: Option<u32>, round: u64) -> bool {
    let (key, now) = (ui.scope_id().with("asked last"), (row, round));
    let last = ui.data(|data| data.get_temp::<(Option<u32>, u64)>(key));
    if last == Some(now) {
        return false;
    }
    ui.data_mut(|data| data.insert_temp(key, now));
    true
}

/// While the next answer is on its way the last one stays, fainter: no flicker from row to row.
fn fade(ui: &mut Ui, is_asked: bool) {
    if !is_asked {
        ui.set_opacity(0.5);
    }
}

/// Sends a command of this panel.
fn send(out: &mut Outbox, command: AnswerCommand) {
    out.send(Command::Answers(command));
}

fn options(state: &AppState, out: &mut Outbox, change: impl FnOnce(&mut Options)) {
    let mut options = state.answers.options;
    change(&mut options);
    if options != state.answers.options {
        send(out, AnswerCommand::Options(options));
    }
}

/// What is asked of the selected row, and the call; gives the answer, and whether it is to what is asked now.
fn question(
    ui: &mut Ui,
    state: &AppState,
    screen: &Screen,
    encoded: &Arc<Encoded>,
    out: &mut Outbox,
) -> Option<(Arc<Answer>, bool)> {
    let asked = state.answers.options;
    ui.horizontal_wrapped(|ui| {
        for (level, text, tip) in [
            (Level::Video, "Video", "This video alone"),
            (
                Level::Treatment,
                "Compound at this dose",
                "All videos of the compound at this dose: the mean of its wells",
            ),
            (Level::Compound, "Compound", "The compound's active doses together: the mean of their wells"),
        ] {
            if ui.selectable_label(asked.level == level, text).on_hover_text(tip).clicked() {
                options(state, out, |options| options.level = level);
            }
        }
    });
    let Some(row) = screen.selection.current() else {
        ui.weak("Select a video to ask what its treatment does.");
        return None;
    };
    ui.label(RichText::new(title(screen, row, asked.level)).strong().size(15.0));
    if encoded.subject(row).is_none() {
        match not_called(&encoded.embedded.encoded.problems, screen.table().row_id(row as usize)) {
            Some(why) => ui.colored_label(ui.visuals().warn_fg_color, why),
            None => ui.weak(
                "This video was not encoded: it was excluded, or came later. Update the answers above.",
            ),
        };
        return None;
    }
    let wanted = Question { row, level: asked.level, exclude: asked.exclude, round: state.answers.round };
    let known = state.answers.answer.as_ref().filter(|(question, _)| *question == wanted);
    if known.is_none() && state.answers.asking != Some(wanted) {
        send(out, AnswerCommand::Ask(wanted));
    }
    // One of an earlier encoding has other mechanisms and features.
    let last = state.answers.answer.as_ref().filter(|(question, _)| question.round == wanted.round);
    let Some((about, answer)) = known.or(last) else {
        ui.spinner();
        return None;
    };
    let is_asked = known.is_some();
    ui.scope(|ui| {
        fade(ui, is_asked);
        match answer {
            Ok(answer) => answered(ui, state, encoded, *about, answer, out),
            Err(why) => {
                ui.colored_label(ui.visuals().warn_fg_color, why);
            }
        }
    });
    Some((Arc::clone(answer.as_ref().ok()?), is_asked))
}

/// What is said of a row that could not be encoded; `None` where nobody knows why it was not.
fn not_called(problems: &[(String, String)], row_id: &str) -> Option<String> {
    let (_, why) = problems.iter().find(|(id, _)| id == row_id)?;
    Some(format!("Not called: {why}"))
}

fn title(screen: &Screen, row: u32, level: Level) -> String {
    match level {
        Level::Compound => {
            let name = screen.text(row, "compound");
            if name.is_empty() { screen.caption(row) } else { name }
        }
        Level::Treatment => screen.caption(row),
        Level::Video => {
            let place = [screen.text(row, "plate"), screen.text(row, "well")].join(" ");
            let place = place.trim();
            if place.is_empty() { screen.caption(row) } else { format!("{}, {place}", screen.caption(row)) }
        }
    }
}

fn answered(
    ui: &mut Ui,
    state: &AppState,
    encoded: &Arc<Encoded>,
    question: Question,
    answer: &Answer,
    out: &mut Outbox,
) {
    verdict::show(ui, state, encoded, answer, out);
    if verdict::may_show(state, answer) {
        mechanisms::show(ui, encoded, answer);
    }
    apart::show(ui, state, encoded, question);
    for note in &answer.notes {
        ui.weak(RichText::new(note).size(SMALL));
    }
}

#[cfg(test)]
mod tests {
    use super::not_called;

    #[test]
    fn a_row_that_could_not_be_encoded_is_not_called_and_says_why() {
        let problems = [("a".to_owned(), "a.tif: constant: every pixel of every frame is 0".to_owned())];
        let said = not_called(&problems, "a").unwrap();
        assert_eq!(said, "Not called: a.tif: constant: every pixel of every frame is 0");
        assert_eq!(not_called(&problems, "b"), None);
    }
}

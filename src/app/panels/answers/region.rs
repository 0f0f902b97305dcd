//! A rectangle on a playing recording, answered as it plays.

use std::sync::Arc;

use eframe::egui::{CollapsingHeader, RichText, Ui};

use super::SMALL;
use super::mechanisms::{self, Bar};
use super::options;
use super::send;
use super::verdict::{heading, percent};
use crate::analysis::answers::Level;
use crate::app::answers::{AnswerCommand, Encoded, Place, RegionAnswer};
use crate::app::state::{AppState, Outbox};
use crate::app::widgets::roi::size_text;

/// Part of the model's field that a rectangle should fill.
const SMALLEST: f64 = 0.5;

/// Mechanisms that are shown.
const MOAS: usize = 4;

/// Shows the region of the active recording, if one is drawn.
pub fn show(ui: &mut Ui, state: &AppState, encoded: &Arc<Encoded>, out: &mut Outbox) {
    let Some(view) = state.active_view() else { return };
    let Some(roi) = view.roi else {
        ui.weak(
            RichText::new("Shift and drag on a picture to ask about a part of it while it plays.")
                .size(SMALL),
        );
        return;
    };
    CollapsingHeader::new("The rectangle, as it plays").id_salt("region").default_open(true).show(ui, |ui| {
        let mut follow = state.answers.options.follow_region;
        if ui.checkbox(&mut follow, "Encode while playing").changed() {
            options(state, out, |options| options.follow_region = follow);
        }
        let at = state.frame_of(state.active);
        let place = Place { recording: view.recording.id, part: Some(roi), at, round: state.answers.round };
        let known = state.answers.region.as_ref().is_some_and(|(known, _)| *known == place);
        if follow && !known && state.answers.asking_region.is_none() {
            send(out, AnswerCommand::Region(place));
        }
        let size = size_text(roi, view.recording.series.pixel_size_um);
        match &state.answers.region {
            Some((of, Ok(answer))) if of.recording == view.recording.id => {
                answered(ui, encoded, answer, &size);
                beside(ui, state, encoded);
                let Some(regions) = encoded.encoder.regions() else { return };
                let input = regions.input();
                let field = input.pixel_size_um.map(|um| input.size as f64 * um);
                let longest = view.recording.series.pixel_size_um.map(|um| roi.width.max(roi.height) as f64 * um);
                let small = longest.zip(field).filter(|(longest, field)| *longest < SMALLEST * field);
                if let Some((longest, field)) = small {
                    let text = format!(
                        "{longest:.1} µm on its longer side; the model looks at {field:.1} µm and sees the rest empty"
                    );
                    ui.label(RichText::new(text).size(SMALL).color(ui.visuals().warn_fg_color));
                }
            }
            Some((of, Err(why))) if of.recording == view.recording.id => {
                ui.colored_label(ui.visuals().error_fg_color, why);
            }
            _ => {
                ui.weak(size);
            }
        }
    });
    ui.separator();
}

/// The call of the treatment beside that of a part of one video: the wells of a treatment weigh more than one rectangle.
fn beside(ui: &mut Ui, state: &AppState, encoded: &Encoded) {
    let row = state.active_view().and_then(|view| {
        state.screen.as_ref().and_then(|screen| screen.playing.get(&view.recording.address).copied())
    });
    let own = state.answers.answer.as_ref().filter(|(question, _)| {
        Some(question.row) == row && question.level != Level::Video && question.round == state.answers.round
    });
    let text = match own {
        Some((_, Ok(answer))) => format!("All wells of its compound: {}", heading(answer.call, encoded)),
        _ => "One field of one video, not a replicate: select its row and ask about its compound for the call of all its wells".to_owned(),
    };
    ui.label(RichText::new(text).size(SMALL));
}

fn answered(ui: &mut Ui, encoded: &Encoded, answer: &RegionAnswer, size: &str) {
    let region = &answer.encoded;
    let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    let text = format!(
        "{size}; frames {} to {}; {:.0} ms a window ({:.0} reading, {:.0} network)",
        region.frames.start + 1,
        region.frames.end,
        ms(region.reading + region.encoding),
        ms(region.reading),
        ms(region.encoding)
    );
    ui.weak(RichText::new(text).size(SMALL));
    let warn = |ui: &mut Ui, text: String| {
        ui.label(RichText::new(text).size(SMALL).color(ui.visuals().warn_fg_color));
    };
    if region.own_light {
        let text = if encoded.embedded.encoded.intensities.is_empty() {
            "How this experiment's brightness was scaled is not kept: the rectangle is scaled by itself, and its brightness says nothing. “Encode again” measures it."
        } else {
            "Not a row of this experiment: its brightness is scaled by itself and says nothing."
        };
        warn(ui, text.to_owned());
    }
    if let Some(text) = region.mismatch.warning() {
        warn(ui, text);
    }
    let bars: Vec<Bar> = answer
        .answer
        .moas
        .iter()
        .take(MOAS)
        .map(|score| Bar {
            name: encoded.moa(score.moa).to_owned(),
            share: score.probability.unwrap_or(score.similarity),
            value: score.probability.map_or_else(|| format!("{:.2}", score.similarity), percent),
            tip: "As one video: a rectangle is one field, not a replicate".to_owned(),
        })
        .collect();
    mechanisms::paint(ui, &bars);
    for note in &answer.answer.notes {
        ui.weak(RichText::new(note).size(SMALL));
    }
}

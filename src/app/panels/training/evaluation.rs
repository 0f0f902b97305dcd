//! After a training: what can be done with its model, and what the model is worth on what was held back.

use eframe::egui::{CollapsingHeader, Grid, RichText, Ui};

use crate::analysis::evaluate::{Estimate, Metrics, Report, Task};
use crate::app::answers::{AnswerCommand, Source};
use crate::app::command::Command;
use crate::app::state::{AppState, Outbox};
use crate::app::training::progress::Live;
use crate::app::training::{Answer, TrainingCommand};

/// Shows both buttons, and the evaluation once it is there.
pub fn show(ui: &mut Ui, state: &AppState, live: &Live, out: &mut Outbox) {
    let is_here = state.screen.as_ref().is_some_and(|screen| screen.experiment().id == live.experiment);
    ui.horizontal_wrapped(|ui| {
        let is_idle = state.answers.job.is_none();
        ui.add_enabled_ui(is_here && is_idle, |ui| {
            let tip = "Let this model look at every video of the experiment; then each of them can be asked about";
            let button = ui.button("Encode and ask").on_hover_text(tip);
            let why = if is_here {
                "Videos are being encoded: wait, or stop that below"
            } else {
                "The experiment that it was trained on is not open"
            };
            if button.on_disabled_hover_text(why).clicked() {
                out.send(Command::Answers(AnswerCommand::Source(Source::Model(live.folder.clone()))));
                out.send(Command::EncodeVideos);
            }
        });
        let is_running = live.evaluating.is_some();
        ui.add_enabled_ui(!is_running, |ui| {
            let tip = "Scores on videos that were seen neither in training nor in validation, beside chance and simpler methods";
            if ui.button("Evaluate on what was held back").on_hover_text(tip).clicked() {
                out.send(Command::Training(TrainingCommand::Evaluate));
            }
        });
        if is_running {
            ui.spinner();
            ui.weak("Evaluating; progress and stop are below");
        }
    });
    match &live.evaluation {
        Some(Answer::Known(reports)) => {
            for (place, report) in reports.iter().enumerate() {
                CollapsingHeader::new(title(report))
                    .id_salt(("evaluation", place))
                    .default_open(place == 0)
                    .show(ui, |ui| scores(ui, report, place, state.is_blind()));
            }
        }
        Some(Answer::Failed(why)) => {
            let hidden = "There is no evaluation; why is hidden while you score blind.";
            let text = format!("There is no evaluation: {why}");
            let text: &str = if state.is_blind() { hidden } else { &text };
            ui.colored_label(ui.visuals().error_fg_color, text);
        }
        Some(Answer::Pending(_)) | None => {}
    }
}

fn title(report: &Report) -> String {
    let task = match report.task {
        Task::DrugIdentification => "Which drug it was",
        Task::Moa => "Which mechanism it has",
    };
    let simulated = if report.simulated { ", simulated cells" } else { "" };
    format!(
        "{task}: {} queries{simulated} ({}, without {}, {})",
        report.n_query,
        report.protocol.label(),
        report.exclusion.label(),
        report.normalisation.label()
    )
}

/// The model above chance and what simpler methods reach on the same queries.
fn scores(ui: &mut Ui, report: &Report, place: usize, blind: bool) {
    ui.weak(format!("split by {}; 95 % intervals: {} resampled", report.split_from, report.intervals.text()));
    Grid::new(("scores", place)).num_columns(4).spacing([16.0, 4.0]).striped(true).show(ui, |ui| {
        for head in ["", "mAP", "Rank-1", "Rank-5"] {
            ui.weak(head);
        }
        ui.end_row();
        let mut line = |name: RichText, metrics: &Metrics| {
            ui.label(name);
            for estimate in [metrics.map, metrics.cmc1, metrics.cmc5] {
                ui.label(estimate.map_or_else(|| "–".to_owned(), interval));
            }
            ui.end_row();
        };
        line(RichText::new("this model").strong(), &report.metrics);
        for (name, metrics) in &report.baselines {
            line(RichText::new(name), metrics);
        }
    });
    if blind {
        return;
    }
    for note in &report.notes {
        ui.weak(note);
    }
}

fn interval(estimate: Estimate) -> String {
    let Estimate { value, lo, hi } = estimate;
    format!("{value:.3} ({lo:.3} to {hi:.3})")
}

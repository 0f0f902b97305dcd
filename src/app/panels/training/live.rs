//! A training that runs, and what came of it.

use eframe::egui::{Button, CollapsingHeader, ProgressBar, RichText, ScrollArea, Ui, vec2};

use super::summary::finding;
use super::{curves, evaluation, map};
use crate::analysis::split::Protocol;
use crate::app::command::Command;
use crate::app::state::{AppState, Outbox};
use crate::app::training::TrainingCommand;
use crate::app::training::form::duration;
use crate::app::training::progress::{Finish, Live, Phase, Ready};
use crate::learn::progress::{EpochRecord, Validation};
use crate::learn::sampler::Stage;
use crate::model::card::ValidatedBy;

/// Seconds without a step after which a GPU is being tuned.
const TUNES_AFTER: f32 = 3.0;

/// A validation below this multiple of chance has shown nothing.
const CLEARLY: f64 = 1.15;

/// Least height of curves and map; below it the panel scrolls.
const HEIGHT: f32 = 210.0;

/// Height from which curves stand above each other, and width that they need side by side.
const HIGH: f32 = 420.0;

/// See [`HIGH`].
const WIDE: f32 = 700.0;

/// Rows with problems that are listed.
const LISTED: usize = 50;

/// Shows the training.
pub fn show(ui: &mut Ui, state: &AppState, live: &Live, out: &mut Outbox) {
    ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
        head(ui, live, out);
        match &live.phase {
            Phase::Preparing => preparing(ui, live),
            Phase::Training => running(ui, live),
            Phase::Finished(finish) => finished(ui, state, live, finish, out),
            Phase::Cancelled => {
                ui.label("Stopped before there was anything to keep.");
            }
            Phase::Failed(_) if state.is_blind() => {
                failed(ui, live, "Why is hidden while you score blind: it may name a recording");
            }
            Phase::Failed(why) => failed(ui, live, why),
        }
        remarks(ui, state, live, out);
        if live.curve.points.is_empty() && live.epochs.is_empty() {
            return;
        }
        pictures(ui, state, live, out);
    });
}

/// Side by side in a flat panel; in a high one the curves stand above each other.
fn pictures(ui: &mut Ui, state: &AppState, live: &Live, out: &mut Outbox) {
    let gap = ui.spacing().item_spacing.x;
    let (width, height) = (ui.available_width(), ui.available_height().max(HEIGHT));
    let flat = height < HIGH && width > WIDE;
    let column = |ui: &mut Ui, share: f32, content: &mut dyn FnMut(&mut Ui)| {
        ui.allocate_ui(vec2(width * share - gap, height), |ui| ui.vertical(|ui| content(ui)));
    };
    ui.horizontal_top(|ui| {
        if flat {
            column(ui, 0.34, &mut |ui| curves::losses(ui, live, height));
            column(ui, 0.29, &mut |ui| curves::second(ui, live, height));
        } else {
            column(ui, 0.58, &mut |ui| {
                curves::losses(ui, live, height * 0.56);
                curves::second(ui, live, height * 0.44 - gap);
            });
        }
        let share = if flat { 0.37 } else { 0.42 };
        column(ui, share, &mut |ui| map::show(ui, state, live, out));
    });
}

fn head(ui: &mut Ui, live: &Live, out: &mut Outbox) {
    let send = |out: &mut Outbox, command| out.send(Command::Training(command));
    ui.horizontal_wrapped(|ui| {
        ui.heading(format!("“{}”", live.started.name));
        if !live.is_running() {
            if ui.add(Button::new("Train another…")).on_hover_text("Back to the form").clicked() {
                send(out, TrainingCommand::Another);
            }
            return;
        }
        if live.is_stopping() {
            ui.spinner();
            ui.label("Stopping, and keeping the best…");
            return;
        }
        let paused = live.interrupt.is_paused();
        let (text, tip) = if paused {
            ("Go on", "Continue where it waits")
        } else {
            ("Pause", "Wait after this step; the computer is free meanwhile")
        };
        if ui.button(text).on_hover_text(tip).clicked() {
            send(out, TrainingCommand::Pause(!paused));
        }
        let tip = "End after this step. The best model so far is kept, and the training can go on later";
        if ui.button("Stop and keep the best").on_hover_text(tip).clicked() {
            send(out, TrainingCommand::Stop);
        }
        if paused {
            ui.label(RichText::new("Paused").strong().color(ui.visuals().warn_fg_color));
        }
        ui.weak(&live.split);
    });
}

fn preparing(ui: &mut Ui, live: &Live) {
    let reading = &live.interrupt.reading;
    match reading.fraction() {
        Some(done) => {
            let text = format!("Reading the videos: {} of {}", reading.done(), reading.total());
            ui.add(ProgressBar::new(done).text(text).desired_height(18.0));
        }
        None => {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label("Making device and videos ready…");
            });
        }
    }
}

/// `drugs` or `mechanisms`: what a stage learns.
pub fn learns(stage: &str) -> &str {
    if stage == Stage::Drug.name() {
        "drugs"
    } else if stage == Stage::Moa.name() {
        "mechanisms"
    } else {
        stage
    }
}

fn running(ui: &mut Ui, live: &Live) {
    let Some(step) = &live.step else {
        let tunes = live.on_gpu && live.since.elapsed().as_secs_f32() > TUNES_AFTER;
        ui.horizontal(|ui| {
            ui.spinner();
            ui.label(if tunes {
                "Tuning for this GPU, once (this can take minutes)…"
            } else {
                "The first step…"
            });
        });
        return;
    };
    let share = step.step as f32 / step.steps.max(1) as f32;
    let left = if live.interrupt.is_paused() {
        "paused".to_owned()
    } else {
        format!("about {} left", duration(step.seconds_left))
    };
    let text = format!("step {} of {}, {left}", step.step, step.steps);
    ui.add(ProgressBar::new(share).text(text).desired_height(18.0));
    let config = &live.started.config;
    let epochs = if step.stage == Stage::Drug.name() { config.drug_epochs } else { config.moa_epochs };
    ui.horizontal_wrapped(|ui| {
        ui.label(format!("Learns {}: epoch {} of {epochs}", learns(step.stage), step.epoch));
        ui.separator();
        ui.label(format!("{:.1} videos/s", live.speed)).on_hover_text("Through training, lately");
        ui.separator();
        ui.label(format!("waited for videos {:.0} %", 100.0 * step.waited))
            .on_hover_text("Part of the time that computing waited for videos to be read; near 0 is good");
        ui.separator();
        ui.label(format!("learning rate {:.1e}", step.rate));
        ui.separator();
        ui.label(format!("right in training {:.0} %", 100.0 * step.losses.get("accuracy")))
            .on_hover_text("Part of the last batch whose class was named right. Validation, not this, says what a model is worth");
    });
    ui.horizontal_wrapped(|ui| {
        match (live.validation(), live.best()) {
            (Some(now), Some(best)) => {
                ui.label(RichText::new(format!("Validation mAP {:.3}", now.score)).strong())
                    .on_hover_text(meaning(now.by));
                ui.label(format!("(chance {:.3})", now.chance));
                if let Some(kept) = best.validation {
                    let text = format!(
                        "best {:.3} in epoch {} on {}: kept",
                        kept.score,
                        best.epoch,
                        learns(&best.stage)
                    );
                    ui.label(text);
                }
            }
            (Some(now), None) => {
                ui.label(format!(
                    "Validation mAP {:.3} before this stage (chance {:.3})",
                    now.score, now.chance
                ));
            }
            _ => {
                ui.weak("Not validated yet");
            }
        }
        ui.separator();
        learns_from(ui, live);
    });
}

fn learns_from(ui: &mut Ui, live: &Live) {
    if let Some(Ready { train, validation, drugs, moas, .. }) = &live.ready {
        ui.weak(format!(
            "{train} videos of {drugs} compounds and {moas} mechanisms, {validation} to validate on"
        ));
    }
}

/// What the number means.
const fn meaning(by: ValidatedBy) -> &'static str {
    match by {
        ValidatedBy::Drug => {
            "Mean average precision: each video of the validation ranks the others by likeness, those of its own compound \
             and replicate left out; 1 = all of its compound come first, chance = in random order"
        }
        ValidatedBy::Moa => {
            "Mean average precision: each video of the validation ranks the videos of other compounds by likeness; 1 = all \
             of its mechanism come first, chance = in random order"
        }
        ValidatedBy::UnseenMoa => {
            "Mean average precision: each video of a mechanism that is not trained on ranks those of other compounds of such \
             mechanisms by likeness; 1 = all of its mechanism come first, chance = in random order"
        }
    }
}

fn finished(ui: &mut Ui, state: &AppState, live: &Live, finish: &Finish, out: &mut Outbox) {
    let warn = ui.visuals().warn_fg_color;
    let simulated = if finish.simulated { ", on simulated cells" } else { "" };
    let last = finish.best.as_ref().and_then(|epoch| epoch.validation).or(live.validation());
    if let (Some(map), Some(Validation { chance, queries, by, .. })) = (finish.map, last) {
        let text = format!("Finished: validation mAP {map:.3}, chance {chance:.3}{simulated}");
        ui.label(RichText::new(text).size(16.0).strong()).on_hover_text(meaning(by));
        ui.label(reached(live, finish.best.as_ref(), queries, by));
        if map < chance * CLEARLY {
            ui.colored_label(warn, "This is hardly better than chance: what it learnt does not hold for videos that it has not seen. More compounds of each mechanism help most; then longer training.");
        }
    } else {
        ui.label(RichText::new(format!("Finished{simulated}")).size(16.0).strong());
        let text = "Nothing was validated in the last stage: the last weights are kept, and their worth is not known.";
        ui.colored_label(warn, text);
    }
    if finish.stopped {
        let epochs = live.started.config.drug_epochs + live.started.config.moa_epochs;
        ui.label(format!(
            "Stopped after {} of {epochs} epochs; it can go on: “Train another…” offers it.",
            finish.epochs
        ));
    }
    if finish.epochs == 0 {
        ui.colored_label(warn, "No epoch was finished: this model has hardly learnt anything.");
    }
    ui.horizontal_wrapped(|ui| {
        folder(ui, live);
        ui.separator();
        learns_from(ui, live);
    });
    evaluation::show(ui, state, live, out);
}

/// What was kept, and what the number was measured on.
fn reached(live: &Live, epoch: Option<&EpochRecord>, queries: usize, by: ValidatedBy) -> String {
    let new = match (by, live.protocol) {
        (ValidatedBy::UnseenMoa, _) => "of mechanisms that were not trained on",
        (_, Protocol::Mito) => "of cells that were not trained on",
        (_, Protocol::ScaffoldDisjoint) => "of compounds whose scaffolds were not trained on",
        (_, Protocol::DrugDisjoint | Protocol::MoaDisjoint) => "of compounds that were not trained on",
    };
    let kept = epoch.map_or_else(
        || "What it had learnt when it was stopped was the best".to_owned(),
        |epoch| format!("Epoch {} on {} was the best", epoch.epoch, learns(&epoch.stage)),
    );
    format!(
        "{kept} and is kept. Measured on {queries} videos {new} ({}). It chose what is kept, so it is a little too good: \
         evaluate on what was held back.",
        live.split,
    )
}

fn folder(ui: &mut Ui, live: &Live) {
    let path = live.folder.display().to_string();
    ui.label(format!("The model is in {path}"));
    if ui.small_button("Copy path").clicked() {
        ui.ctx().copy_text(path);
    }
}

fn failed(ui: &mut Ui, live: &Live, why: &str) {
    let mut text = why.trim_end_matches('.').to_owned();
    text.push('.');
    ui.label(RichText::new("The training ended without a model").size(16.0).strong());
    ui.colored_label(ui.visuals().error_fg_color, text);
    if !live.epochs.is_empty() {
        ui.label("“Train another…” offers to go on from the last checkpoint.");
    }
}

/// What was learnt from, and what happened on the way.
fn remarks(ui: &mut Ui, state: &AppState, live: &Live, out: &mut Outbox) {
    for note in &live.notes {
        ui.colored_label(ui.visuals().warn_fg_color, note);
    }
    if !live.findings.is_empty() && !state.is_blind() {
        let title = match live.findings.len() {
            1 => "1 thing about the split to look at".to_owned(),
            n => format!("{n} things about the split to look at"),
        };
        let title = RichText::new(title).color(ui.visuals().warn_fg_color);
        CollapsingHeader::new(title).id_salt("leaks").show(ui, |ui| {
            if let Some(screen) = &state.screen {
                live.findings.iter().take(LISTED).for_each(|leak| finding(ui, screen, leak, out));
            }
        });
    }
    let Some(Ready { problems, .. }) = &live.ready else { return };
    if problems.is_empty() {
        return;
    }
    let title = format!("{} videos could not be used", problems.len());
    let title = RichText::new(title).color(ui.visuals().warn_fg_color);
    CollapsingHeader::new(title).id_salt("left out").show(ui, |ui| {
        if state.is_blind() {
            ui.weak("Which ones is hidden while you score blind.");
            return;
        }
        for (row, why) in problems.iter().take(LISTED) {
            ui.label(format!("{row}: {why}"));
        }
        if problems.len() > LISTED {
            ui.weak(format!("… and {} more", problems.len() - LISTED));
        }
    });
}

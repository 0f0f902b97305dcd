//! What a training would learn from, what it would take, and what stands against it.

use eframe::egui::{Button, CollapsingHeader, Grid, RichText, Ui, vec2};

use crate::analysis::leakage::{Finding, Severity};
use crate::app::command::Command;
use crate::app::panels::status::size;
use crate::app::screen::Screen;
use crate::app::screen::command::ScreenCommand;
use crate::app::screen::selection::Gesture;
use crate::app::state::{AppState, Outbox};
use crate::app::training::form::{Form, cost, duration, videos_bytes};
use crate::app::training::kept::{Start, Unfinished};
use crate::app::training::look::{Key, Look, Part, SplitLook, known_to};
use crate::app::training::{Answer, Pace, TrainingCommand};
use crate::gpu::ComputeTarget;
use crate::learn::config::Config;
use crate::learn::estimate::Speed;

/// Findings that are listed; the others are counted.
const LISTED: usize = 6;

/// Seconds after which a measurement on a GPU is one that tunes kernels.
const TUNES_AFTER: f32 = 3.0;

/// Shows it.
pub fn show(ui: &mut Ui, state: &AppState, form: &Form, look: &Look, out: &mut Outbox) {
    unfinished(ui, state, out);
    let Some(screen) = &state.screen else { return };
    if look.key != Key::of(screen, &form.config) {
        if state.training.looking.is_none() && state.training.not_looked.is_some() {
            if ui.button("Look at the rows again").clicked() {
                out.send(Command::Training(TrainingCommand::Look));
            }
        } else {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.weak("Looking at the rows…");
            });
        }
        return;
    }
    let split = match &look.split {
        Ok(split) => split,
        Err(why) => {
            error(ui, if state.is_blind() { HIDDEN } else { why });
            return;
        }
    };
    parts(ui, split);
    if let Some(note) = &split.note {
        ui.colored_label(ui.visuals().warn_fg_color, note);
    }
    leaks(ui, state, screen, split, out);
    let training = &state.training;
    let card = training.card(form).map(AsRef::as_ref);
    if let Some(card) = card {
        contamination(ui, state.is_blind(), &known_to(card, &look.items, split));
    }
    ui.add_space(6.0);
    let unlimited = form.config(card, split, None);
    let pace = training.paces.get(&Pace::of(&unlimited, &state.computes));
    let known = pace.and_then(Answer::known).copied();
    let config = form.config(card, split, known);
    forecast(ui, state, split, &config, pace);
    if pace.is_none() && unlimited.check().is_ok() {
        out.send(Command::Training(TrainingCommand::Measure(Box::new(unlimited))));
    }

    let mut problems = form.problems(&config, &training.kept, known.map(|pace| cost(&config, split, pace)));
    problems.extend(split.problems());
    if form.start != Start::Fresh && card.is_none() {
        problems.push("The model to start from is not known yet.".to_owned());
    }
    for problem in &problems {
        error(ui, problem);
    }
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let text = RichText::new("Start training").strong();
        let start = Button::new(text).min_size(vec2(150.0, 30.0)).fill(ui.visuals().selection.bg_fill);
        if ui.add_enabled(problems.is_empty() && !split.is_void(), start).clicked() {
            out.send(Command::Training(TrainingCommand::Start));
        }
        ui.weak("Recordings can be watched meanwhile.");
    });
}

/// Instead of a text that may name a treatment.
const HIDDEN: &str = "Something stands against this split; what it is names treatments, and is hidden while you score \
                      blind.";

fn error(ui: &mut Ui, text: &str) {
    ui.colored_label(ui.visuals().error_fg_color, text);
}

fn parts(ui: &mut Ui, split: &SplitLook) {
    Grid::new("parts").num_columns(4).spacing([16.0, 4.0]).striped(true).show(ui, |ui| {
        for head in ["", "videos", "compounds", "mechanisms"] {
            ui.weak(head);
        }
        ui.end_row();
        let mut line = |text: &str, tip: &str, part: &Part| {
            ui.label(text).on_hover_text(tip);
            for n in [part.rows, part.compounds, part.moas] {
                ui.label(n.to_string());
            }
            ui.end_row();
        };
        line("Trained on", "The controls are among them", &split.train);
        line(
            "Validation",
            "Not trained on: says after some epochs how good the model is, and which to keep",
            &split.validation,
        );
        line(
            "Held back",
            "Seen neither in training nor in validation: for an evaluation afterwards",
            &split.held_out,
        );
    });
    if split.validation.rows == 0 {
        let text = "Nothing is left to validate on: the last epoch will be kept, and its worth is not known.";
        ui.colored_label(ui.visuals().warn_fg_color, text);
    }
}

fn leaks(ui: &mut Ui, state: &AppState, screen: &Screen, split: &SplitLook, out: &mut Outbox) {
    let errors = split.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = split.findings.len() - errors;
    if state.is_blind() {
        if errors > 0 {
            error(ui, HIDDEN);
        }
        return;
    }
    if errors > 0 {
        error(
            ui,
            "The same is on both sides of the split, so scores would be void. Correct the table, exclude the rows, or choose another split:",
        );
        split.findings.iter().take(errors).take(LISTED).for_each(|leak| finding(ui, screen, leak, out));
        if errors > LISTED {
            error(ui, &format!("… and {} more.", errors - LISTED));
        }
    }
    if warnings == 0 {
        if errors == 0 {
            ui.weak("No compound, well, recording or copy is on both sides of the split.");
        }
        return;
    }
    let title =
        if warnings == 1 { "1 thing to look at".to_owned() } else { format!("{warnings} things to look at") };
    let title = RichText::new(title).color(ui.visuals().warn_fg_color);
    CollapsingHeader::new(title).id_salt("warnings").show(ui, |ui| {
        split.findings.iter().skip(errors).take(LISTED).for_each(|leak| finding(ui, screen, leak, out));
        if warnings > LISTED {
            ui.weak(format!("… and {} more.", warnings - LISTED));
        }
    });
}

/// What a model has learnt before is not new to it.
fn contamination(ui: &mut Ui, blind: bool, known: &[&str]) {
    if known.is_empty() {
        return;
    }
    let names = match (blind, known.len().saturating_sub(LISTED)) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", known.join(", ")),
        (false, more) => format!(" ({} and {more} more)", known[..LISTED].join(", ")),
    };
    let text = format!(
        "The model to start from was trained with {} of the compounds that are held back{names}: to it they are not new, \
         and scores will be too good.",
        known.len()
    );
    ui.colored_label(ui.visuals().warn_fg_color, text);
}

/// One finding, with its rows.
pub fn finding(ui: &mut Ui, screen: &Screen, finding: &Finding, out: &mut Outbox) {
    let named = match (finding.rows.len(), finding.n_rows) {
        (0, _) => String::new(),
        (shown, all) if shown < all => format!(" Rows {} … ({all}).", finding.rows.join(", ")),
        _ => format!(" Rows {}.", finding.rows.join(", ")),
    };
    ui.horizontal_wrapped(|ui| {
        ui.label(format!("• {}{named}", finding.text));
        if !finding.rows.is_empty() && ui.small_button("Select").on_hover_text("Select these rows").clicked()
        {
            let rows = finding.rows.iter().filter_map(|id| screen.table().row_of(id)).map(|row| row as u32);
            out.send(Command::Screen(ScreenCommand::Take(rows.collect(), Gesture::Replace)));
        }
    });
}

fn forecast(ui: &mut Ui, state: &AppState, split: &SplitLook, config: &Config, pace: Option<&Answer<Speed>>) {
    let on_gpu = state.training.target == ComputeTarget::Gpu;
    let device = if state.computes.is_empty() { "processor (Flex)" } else { &state.computes };
    match pace {
        Some(Answer::Known(pace)) => {
            let cost = cost(config, split, *pace);
            let videos = videos_bytes(config, split);
            let epochs = config.drug_epochs + config.moa_epochs;
            let memory = if on_gpu {
                format!(
                    "{} on the GPU and {} for the videos",
                    size(cost.memory as usize),
                    size(videos as usize)
                )
            } else {
                format!("{} of memory", size((cost.memory + videos) as usize))
            };
            ui.label(RichText::new(format!("About {}, {memory}", duration(cost.seconds))).size(15.0));
            ui.weak(format!("{epochs} epochs, {} steps on {device}, measured just now", cost.steps));
        }
        Some(Answer::Failed(why)) => {
            error(ui, &format!("How long it takes could not be measured: {why}"));
        }
        Some(Answer::Pending(since)) => {
            let tunes = on_gpu && since.elapsed().as_secs_f32() > TUNES_AFTER;
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label(if tunes {
                    "Tuning for this GPU, once (this can take minutes)…"
                } else {
                    "Measuring how long it takes…"
                });
            });
            ui.weak(format!("on {device}"));
        }
        None => {
            ui.weak("How long it takes is not known yet.");
        }
    }
}

fn unfinished(ui: &mut Ui, state: &AppState, out: &mut Outbox) {
    for training in &state.training.kept.unfinished {
        ui.group(|ui| one_unfinished(ui, state, training, out));
    }
}

fn one_unfinished(ui: &mut Ui, state: &AppState, unfinished: &Unfinished, out: &mut Outbox) {
    let Unfinished { folder, started, state: so_far } = unfinished;
    ui.label(RichText::new(format!("“{}” was stopped: {}", started.name, unfinished.place())).strong());
    if let Some((map, _)) = so_far.best {
        ui.weak(format!("best validation mAP so far {map:.3}"));
    }
    if state.screen.as_ref().is_some_and(|screen| screen.experiment().name != started.experiment) {
        let text =
            format!("It was started on “{}”, and goes on only with the same rows.", started.experiment);
        ui.colored_label(ui.visuals().warn_fg_color, text);
    }
    let key = ui.scope_id().with(("throw away", folder));
    let asked = ui.data(|d| d.get_temp::<bool>(key)).unwrap_or(false);
    ui.horizontal(|ui| {
        if asked {
            ui.label("Its checkpoint cannot be brought back.");
            if ui.button("Throw away").clicked() {
                ui.data_mut(|d| d.remove::<bool>(key));
                out.send(Command::Training(TrainingCommand::Forget(folder.clone())));
            }
            if ui.button("Keep").clicked() {
                ui.data_mut(|d| d.remove::<bool>(key));
            }
            return;
        }
        let tip = "Continue from its last checkpoint: it ends as if it had not been stopped";
        if ui.button("Go on").on_hover_text(tip).clicked() {
            out.send(Command::Training(TrainingCommand::Resume(folder.clone())));
        }
        let tip = "Remove its checkpoint; a model that it wrote stays";
        if ui.button("Throw away…").on_hover_text(tip).clicked() {
            ui.data_mut(|d| d.insert_temp(key, true));
        }
    });
}

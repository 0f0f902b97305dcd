//! `molclip train`: a model for an experiment, without a window.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::experiment::{compute, open};
use crate::analysis::items::Items;
use crate::analysis::leakage::Severity;
use crate::experiment::{Experiment, import};
use crate::gpu::ComputeChoice;
use crate::learn::config::Config;
use crate::learn::folder::TrainingFolder;
use crate::learn::infer;
use crate::learn::interrupt::Interrupt;
use crate::learn::run::{CHECKPOINT_EVERY, Event, Outcome, Run, splits, train};
use crate::learn::store::recorded_frames;
use crate::terminal::{note, out};

/// Options of `molclip train`.
#[derive(Args)]
pub struct TrainArgs {
    /// Project, manifest, folder that holds one, or root of a Mito dataset
    pub experiment: PathBuf,

    /// Configuration, JSON; every key has a default (see --print-config)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder for the model and, until it is finished, for checkpoints: a training that was killed goes on from there
    #[arg(long, value_name = "DIR", required_unless_present = "print_config")]
    pub out: Option<PathBuf>,

    /// Start from this model instead of fresh weights; its encoder and input are kept
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,

    /// Replace a finished model, or what another training left, in the folder
    #[arg(long)]
    pub overwrite: bool,

    /// Seed; counts before the configuration's
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Seconds between two checkpoints inside of an epoch
    #[arg(long, value_name = "S", default_value_t = CHECKPOINT_EVERY.as_secs_f64(), hide = true)]
    pub checkpoint_every: f64,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print the configuration with all its keys, and end
    #[arg(long)]
    pub print_config: bool,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let (text, source) = match &args.config {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            (text, path.display().to_string())
        }
        None => ("{}".to_owned(), "the defaults".to_owned()),
    };
    let configured = |recorded: Option<usize>| -> anyhow::Result<Config> {
        let mut config =
            Config::read(&text, recorded).with_context(|| format!("{source}: no configuration"))?;
        config.seed = args.seed.unwrap_or(config.seed);
        config.check()?;
        Ok(config)
    };
    let Some(out) = args.out.clone().filter(|_| !args.print_config) else {
        // Without an experiment the configuration is that of movies.
        let frames = match import::open(&args.experiment) {
            Ok(imported) => recorded(&imported.experiment),
            Err(e) => {
                note!("warning: {e}");
                note!("This is the configuration for movies.");
                None
            }
        };
        let config = configured(frames)?;
        out!("{}", serde_json::to_string_pretty(&config)?);
        return Ok(ExitCode::SUCCESS);
    };
    // What is wrong with it is said before anything is opened.
    configured(None)?;
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
    // Whether it can be written is known before the videos are read.
    let out = TrainingFolder::open(&out, args.overwrite)?;
    let experiment = open(&args.experiment)?;
    let config = configured(recorded(&experiment))?;
    if args.model.is_none() && !names_frames(&text) {
        note!("{}", chosen(config.input.frames));
    }
    let items = Items::of(&experiment);
    let (splits, note) = splits(&items, &config)?;
    if let Some(note) = note {
        note!("{note}");
    }
    let (compute, thread) = compute(args.compute)?;
    let start = args.model.as_ref().map(|folder| infer::load(folder, &compute, &thread)).transpose()?;
    let name = name.unwrap_or_else(|| experiment.name.clone());
    let checkpoint_every = Duration::from_secs_f64(args.checkpoint_every.clamp(0.0, 1e6));
    let experiment = Arc::new(experiment);
    let run = Run { config, experiment, items, splits, out, name, start, compute, thread, checkpoint_every };
    let outcome = follow(run)?;
    if args.json {
        out!(
            "{}",
            serde_json::json!({
                "model": outcome.card.hash,
                "simulated": outcome.card.trained_on.simulated,
                "trained_on": outcome.card.trained_on,
                "waited_for_data": outcome.waited,
                "history": outcome.history,
            })
        );
    } else {
        out!("{}", summary(&outcome));
    }
    Ok(ExitCode::SUCCESS)
}

/// Frames of the recordings that take part, as far as a few of them tell.
fn recorded(experiment: &Experiment) -> Option<usize> {
    let table = &experiment.table;
    recorded_frames(experiment, (0..table.len()).filter(|&row| !table.is_excluded(row)))
}

/// True where a configuration says itself how many frames the network sees.
fn names_frames(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|named| named.pointer("/input/frames").is_some())
}

/// What follows from the recordings.
fn chosen(frames: usize) -> String {
    let what = match frames {
        1 => "images of one frame".to_owned(),
        frames => format!("movies, {frames} frames of each"),
    };
    format!("Trained on {what}, as far as a few recordings tell. Set input.frames where that is wrong.")
}

/// Trains with a bar on stderr.
pub fn follow(run: Run) -> anyhow::Result<Outcome> {
    let interrupt = Interrupt::default();
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} {msg}")?);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar.set_message("reading the videos");
    let mut report = |event: Event| match event {
        Event::Ready { train, validation, drugs, moas, problems, steps } => {
            bar.set_length(steps as u64);
            say(
                &bar,
                &format!(
                    "{train} videos of {drugs} compounds and {moas} mechanisms to train on, {validation} to validate on."
                ),
            );
            for (row, problem) in problems.iter().take(10) {
                say(&bar, &format!("left out {row}: {problem}"));
            }
            if problems.len() > 10 {
                say(&bar, &format!("… and {} more rows.", problems.len() - 10));
            }
        }
        Event::Leaks(findings) => {
            for finding in findings {
                let rows = finding.rows.join(", ");
                let kind = if finding.severity == Severity::Error { "error" } else { "warning" };
                say(&bar, &format!("{kind}: {} Rows: {rows}", finding.text));
            }
        }
        Event::Finished => {
            say(&bar, "This training is finished: nothing was trained. --overwrite trains anew.");
        }
        Event::Resumed { step } => say(&bar, &format!("Goes on after step {step}.")),
        Event::Halved { parts } => {
            say(&bar, &format!("Memory did not suffice: batches are computed in {parts} parts."));
        }
        Event::Step(step) => {
            bar.set_position(step.step as u64);
            bar.set_message(format!(
                "{} epoch {}, loss {:.3}, {:.0} videos/s, {} left",
                step.stage,
                step.epoch,
                step.losses.get("total"),
                step.rows_per_s,
                indicatif::HumanDuration(Duration::from_secs_f64(step.seconds_left.clamp(0.0, 1e7)))
            ));
        }
        Event::Epoch(epoch) => {
            let validation = epoch.validation.map_or_else(String::new, |v| {
                format!(", validation mAP {:.3} (chance {:.3})", v.score, v.chance)
            });
            let losses = epoch.losses;
            say(
                &bar,
                &format!(
                    "{} epoch {}: loss {:.3} (class {:.3}, triplet {:.3}, center {:.3}, molecule {:.3}), accuracy {:.2}{validation}",
                    epoch.stage,
                    epoch.epoch,
                    losses.get("total"),
                    losses.get("classification"),
                    losses.get("triplet"),
                    losses.get("center"),
                    losses.get("molecule"),
                    losses.get("accuracy"),
                ),
            );
        }
        Event::Map { .. } => {}
    };
    let outcome = train(run, &interrupt, &mut report);
    bar.finish_and_clear();
    Ok(outcome?)
}

/// A line above the bar; also where stderr is no terminal.
fn say(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        note!("{text}");
    } else {
        bar.println(text);
    }
}

fn summary(outcome: &Outcome) -> String {
    let trained = &outcome.card.trained_on;
    let best = trained.validation_map.map_or_else(
        || "nothing to validate on".to_owned(),
        |map| format!("validation mAP {map:.3} ({})", trained.validated_by.unwrap_or_default().text()),
    );
    let simulated = if trained.simulated { " Trained on simulated recordings." } else { "" };
    format!(
        "{}: {} epochs on {} videos, {best}. Model {}.{simulated} Waited for data {:.1} % of the time.",
        outcome.card.name,
        trained.epochs,
        trained.rows,
        &outcome.card.hash[..16.min(outcome.card.hash.len())],
        100.0 * outcome.waited
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_a_configuration_names_do_not_follow_from_the_recordings() {
        assert!(!names_frames("{}"));
        assert!(!names_frames(r#"{"input": {"size": 32}}"#));
        assert!(names_frames(r#"{"input": {"frames": 16}}"#));
        assert!(chosen(1).starts_with("Trained on images of one frame, "));
        assert!(chosen(16).starts_with("Trained on movies, 16 frames of each, "));
    }
}

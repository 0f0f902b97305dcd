//! The command line. Results go to stdout, logs and progress to stderr; exit 0 done, 1 failed, 2 wrong usage.

mod ablate;
mod ablation;
mod add_embedding;
mod answer;
mod compounds;
mod correct;
mod demo;
mod embed;
mod encoder;
mod evaluate;
mod experiment;
mod export;
mod gpu;
mod hits;
mod info;
mod mistyped;
mod model;
mod predict;
mod recipes;
mod score;
mod simulate;
mod train;
mod window;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use log::LevelFilter;

use crate::app::log_store;
use crate::gpu::ComputeChoice;
use crate::terminal::{self, note, out};
use crate::video::Address;

/// Version, commit and build of this program (`scripts/build.rs`).
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MOLCLIP_BUILD"), ")");

/// Watch live cells respond to drugs, and ask what a drug does.
#[derive(Parser)]
#[command(name = "molclip", version = VERSION, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Recordings to open in the window: files or folders of frames, with #series=N&xywh=X,Y,W,H for a part
    #[arg(value_name = "PATH")]
    paths: Vec<Address>,

    /// Who computes in the window; the setting is kept
    #[arg(long, value_enum)]
    compute: Option<ComputeChoice>,

    /// Time the start and N steps through the first recording, print JSON, and end
    #[arg(long, value_name = "N", hide = true)]
    profile: Option<usize>,
}

#[derive(Subcommand)]
enum Command {
    /// Show the graphics device, who draws and who computes, and test it
    Gpu(gpu::GpuArgs),
    /// Show what is in a recording
    Info(info::InfoArgs),
    /// Read structures from a file: canonical SMILES, formula, InChIKey, fingerprints; what is wrong with the others
    Compounds(compounds::CompoundsArgs),
    /// Show a model or an encoder: card, shapes, parameters, FLOPs; read weights of PyTorch
    Model(model::ModelArgs),
    /// Simulate a screen whose truth is known: cells with mitochondria under drugs
    Simulate(simulate::SimulateArgs),
    /// Train a model on an experiment
    Train(train::TrainArgs),
    /// Measure a model: drugs and mechanisms found, beside chance and simple methods
    Evaluate(evaluate::EvaluateArgs),
    /// Mean average precision over pairs of rows by rules: activity, shared mechanisms, or columns of your own
    Score(score::ScoreArgs),
    /// Read a screen: controls, plate quality, hits, dose-response; of vectors or of a column
    Hits(hits::HitsArgs),
    /// Correct profiles or other vectors by steps: scaling, selection, sphering, batch correction, aggregation
    Correct(correct::CorrectArgs),
    /// Recipes of corrections side by side: is the domain still told, are replicates, mechanisms and compounds still found
    Recipes(recipes::RecipesArgs),
    /// Write the embeddings of an experiment's rows
    Embed(embed::EmbedArgs),
    /// Let vectors of another program join a project
    AddEmbedding(add_embedding::AddEmbeddingArgs),
    /// Write what an encoder says of every row as a table
    Predict(predict::PredictArgs),
    /// The whole line on a small simulated screen: simulate, fine-tune the shipped model, evaluate, predict
    Demo(demo::DemoArgs),
    /// Train with one part left out at a time, on simulated screens
    Ablate(ablate::AblateArgs),
    /// Write a frame as PNG, a movie as GIF, or raw values as OME-TIFF
    Export(export::ExportArgs),
}

/// Runs the program.
pub fn run() -> ExitCode {
    terminal::finish(match Cli::try_parse() {
        Ok(cli) => ran(cli),
        Err(error) => not_parsed(&error),
    })
}

fn ran(cli: Cli) -> ExitCode {
    if cli.command.is_none()
        && let Some(text) = cli.paths.first().and_then(|first| mistyped(&first.path))
    {
        note!("error: {text}");
        return ExitCode::from(2);
    }
    log_store::install(if cli.command.is_some() { LevelFilter::Info } else { LevelFilter::Warn });
    let result = match cli.command {
        Some(Command::Gpu(args)) => gpu::run(&args),
        Some(Command::Info(args)) => info::run(&args).map(|()| ExitCode::SUCCESS),
        Some(Command::Compounds(args)) => compounds::run(&args).map(|()| ExitCode::SUCCESS),
        Some(Command::Model(args)) => model::run(&args).map(|()| ExitCode::SUCCESS),
        Some(Command::Simulate(args)) => simulate::run(&args),
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Evaluate(args)) => evaluate::run(&args),
        Some(Command::Score(args)) => score::run(&args),
        Some(Command::Hits(args)) => hits::run(&args),
        Some(Command::Correct(args)) => correct::run(&args),
        Some(Command::Recipes(args)) => recipes::run(&args),
        Some(Command::Embed(args)) => embed::run(&args),
        Some(Command::AddEmbedding(args)) => add_embedding::run(&args),
        Some(Command::Predict(args)) => predict::run(&args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Ablate(args)) => ablate::run(&args),
        Some(Command::Export(args)) => export::run(&args).map(|()| ExitCode::SUCCESS),
        None => window::run(cli.paths, cli.compute, cli.profile),
    };
    result.unwrap_or_else(|e| {
        note!("error: {e:#}");
        if experiment::is_wrong_usage(&e) { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Help and version are results; the rest is wrong usage.
fn not_parsed(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        out!("{}", text.trim_end());
        return ExitCode::SUCCESS;
    }
    // Options behind a mistyped command are unknown too, which would say nothing of the command.
    match std::env::args_os().nth(1).and_then(|first| mistyped(Path::new(&first))) {
        Some(text) => note!("error: {text}"),
        None => note!("{}", text.trim_end()),
    }
    ExitCode::from(2)
}

fn mistyped(first: &Path) -> Option<String> {
    let mut commands: Vec<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    commands.push("help".to_owned());
    mistyped::explain(first, &commands)
}

//! `molclip evaluate`: how well a model finds drugs and mechanisms, beside what simple methods reach.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::experiment::{compute, load_model, open, with_bar};
use crate::analysis::evaluate::Report;
use crate::analysis::split::Protocol;
use crate::gpu::ComputeChoice;
use crate::learn::assess::{Assessment, assess};
use crate::learn::infer::Encoder;
use crate::model::input::Frames;

/// Options of `molclip evaluate`.
#[derive(Args)]
pub struct EvaluateArgs {
    /// Project, manifest or root of a Mito dataset
    pub experiment: PathBuf,

    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// What is new in the queries: cells (mito), compounds, or mechanisms
    #[arg(long, value_enum)]
    pub protocol: Protocol,

    /// Seed of the split (where the table has none) and of the intervals
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Evaluate although the model was trained with compounds of the query; the result is marked
    #[arg(long)]
    pub accept_contamination: bool,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let experiment = Arc::new(open(&args.experiment)?);
    let (compute, thread) = compute(args.compute)?;
    let (model, card) = load_model(&args.model, &compute, &thread)?;
    let encoder = Encoder::new(model, compute, thread);
    let assessment = Assessment {
        protocol: args.protocol,
        seed: args.seed,
        accept_contamination: args.accept_contamination,
        order: Frames::Video,
    };
    let assessed =
        with_bar("videos", |progress| assess(&experiment, &encoder, &card, &assessment, progress))?;
    for (row, problem) in assessed.problems.iter().take(10) {
        eprintln!("left out {row}: {problem}");
    }
    for (row, warning) in assessed.warnings.iter().take(3) {
        eprintln!("warning: {row}: {warning}");
    }
    if args.json {
        println!("{}", serde_json::to_string(&assessed.reports)?);
    } else {
        let texts: Vec<String> = assessed.reports.iter().map(Report::text).collect();
        println!("{}", texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

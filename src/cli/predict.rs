//! `molclip predict`: a model's answers for every video, as a table.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::experiment::{compute, load_model, open, with_bar};
use crate::export::predictions;
use crate::gpu::ComputeChoice;
use crate::learn::infer::Encoder;
use crate::learn::predict::predict;

/// Options of `molclip predict`.
#[derive(Args)]
pub struct PredictArgs {
    /// Project, manifest or root of a Mito dataset
    pub experiment: PathBuf,

    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// File to write: .csv, .parquet or .xlsx
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    if !predictions::is_table(&args.out) {
        eprintln!("error: {}: the name must end in .csv, .parquet or .xlsx", args.out.display());
        return Ok(ExitCode::from(2));
    }
    let experiment = Arc::new(open(&args.experiment)?);
    let (compute, thread) = compute(args.compute)?;
    let (model, card) = load_model(&args.model, &compute, &thread)?;
    let encoder = Encoder::new(model, compute, thread);
    let predicted = with_bar("videos", |progress| predict(&experiment, &encoder, &card, progress))?;
    for (row, problem) in predicted.problems.iter().take(10) {
        eprintln!("left out {row}: {problem}");
    }
    predictions::write(&predicted, &args.out)?;
    let simulated = if predicted.simulated { ", simulated" } else { "" };
    println!("{}: {} videos{simulated}", args.out.display(), predicted.videos.len());
    Ok(ExitCode::SUCCESS)
}

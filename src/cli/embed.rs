//! `molclip embed`: the embeddings of an experiment's rows, as a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::answer::left_out;
use super::encoder;
use super::experiment::{ExperimentArgs, with_bar};
use crate::export::embeddings;
use crate::gpu::ComputeChoice;
use crate::learn::pipeline::embed;
use crate::terminal::{note, out};

/// Options of `molclip embed`.
#[derive(Args)]
pub struct EmbedArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    /// Folder with model.safetensors and model.json, or `biomarkers`, which needs none
    #[arg(long, value_name = "DIR|biomarkers")]
    pub model: PathBuf,

    /// File to write: .parquet, .npy, .safetensors or .h5ad; beside .npy and .safetensors `NAME.row_ids.csv` with the rows'
    /// names
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,
}

/// Runs the command.
pub fn run(args: &EmbedArgs) -> anyhow::Result<ExitCode> {
    let Some(format) = embeddings::Format::of(&args.out) else {
        note!("error: {}: the name must end in .parquet, .npy, .safetensors or .h5ad", args.out.display());
        return Ok(ExitCode::from(2));
    };
    let experiment = Arc::new(args.experiment.open()?);
    let encoder = encoder::open(&args.model, args.compute)?;
    let embedded = with_bar("rows", |progress| embed(&experiment, &*encoder, progress))?;
    left_out(&embedded.encoded.problems);
    for (row, warning) in embedded.encoded.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let table = embedded.table();
    let about = embeddings::About {
        experiment: &embedded.experiment,
        data: &embedded.fingerprint,
        simulated: embedded.simulated,
    };
    embeddings::write_with(&table, Some(&about), &args.out, format)?;
    out!(
        "{}: {} embeddings of length {}, model {}",
        args.out.display(),
        table.row_ids.len(),
        table.dim,
        &table.model_hash[..16.min(table.model_hash.len())]
    );
    Ok(ExitCode::SUCCESS)
}

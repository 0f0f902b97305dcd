//! `molclip embed`: the embeddings of an experiment's rows, as a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::answer::left_out;
use super::encoder;
use super::experiment::{open, with_bar};
use crate::export::embeddings;
use crate::gpu::ComputeChoice;
use crate::learn::pipeline::embed;
use crate::terminal::{note, out};

/// Options of `molclip embed`.
#[derive(Args)]
pub struct EmbedArgs {
    /// Project, manifest, folder that holds one, or root of a Mito dataset
    pub experiment: PathBuf,

    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// File to write: .parquet, .npy or .safetensors; beside the latter two `NAME.row_ids.csv` with the rows' names
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,
}

/// Runs the command.
pub fn run(args: &EmbedArgs) -> anyhow::Result<ExitCode> {
    let Some(format) = embeddings::Format::of(&args.out) else {
        note!("error: {}: the name must end in .parquet, .npy or .safetensors", args.out.display());
        return Ok(ExitCode::from(2));
    };
    let experiment = Arc::new(open(&args.experiment)?);
    let encoder = encoder::open(&args.model, args.compute)?;
    let embedded = with_bar("rows", |progress| embed(&experiment, &*encoder, progress))?;
    left_out(&embedded.encoded.problems);
    for (row, warning) in embedded.encoded.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let table = embedded.table();
    embeddings::write(&table, &args.out, format)?;
    out!(
        "{}: {} embeddings of length {}, model {}",
        args.out.display(),
        table.row_ids.len(),
        table.dim,
        &table.model_hash[..16.min(table.model_hash.len())]
    );
    Ok(ExitCode::SUCCESS)
}

//! `molclip predict`: an encoder's answers for every row and every compound × dose, as tables.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::answer::{answers, both_tables, left_out, library};
use super::encoder::EncoderArgs;
use super::experiment::{ExperimentArgs, with_bar};
use crate::export::predictions::is_table;
use crate::gpu::ComputeChoice;
use crate::learn::pipeline::embed;
use crate::terminal::{note, out};

/// Options of `molclip predict`.
#[derive(Args)]
pub struct PredictArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    #[command(flatten)]
    pub encoder: EncoderArgs,

    /// File to write: .csv and .parquet are one row for each video, with NAME.treatments.csv beside; .xlsx holds both
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Another experiment whose compounds answer, instead of the experiment's own; the same encoder encodes it
    #[arg(long, value_name = "EXPERIMENT")]
    pub gallery: Option<PathBuf>,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> anyhow::Result<ExitCode> {
    if !is_table(&args.out) {
        note!("error: {}: the name must end in .csv, .parquet or .xlsx", args.out.display());
        return Ok(ExitCode::from(2));
    }
    let experiment = Arc::new(args.experiment.open()?);
    let encoder = args.encoder.open(&experiment, args.compute)?;
    let gallery = args.gallery.as_deref().map(|path| library(path, &experiment, &*encoder)).transpose()?;
    let embedded = with_bar("rows", |progress| embed(&experiment, &*encoder, progress))?;
    left_out(&embedded.encoded.problems);
    let answers = answers(&embedded, args.experiment.path(), gallery)?;
    let (tables, summary) = both_tables(&answers, &embedded)?;
    let files = tables.write(&args.out)?;
    if args.json {
        out!("{}", json!({ "files": files, "summary": summary }));
    } else {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        out!("{}\n{}", files.join(", "), summary.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

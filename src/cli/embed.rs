//! `molclip embed`: the embeddings of an experiment's videos, as a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::answer::left_out;
use super::experiment::{compute, load_model, open, with_bar};
use crate::analysis::items::Items;
use crate::export::embeddings;
use crate::gpu::ComputeChoice;
use crate::learn::infer::Encoder;
use crate::learn::predict::Finite;
use crate::learn::screen::Screen;
use crate::model::input::Frames;
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
    let (compute, thread) = compute(args.compute)?;
    let (model, card) = load_model(&args.model, &compute, &thread)?;
    let encoder = Encoder::new(model, compute, thread);
    let items = Items::of(&experiment);
    let screen = with_bar("videos", |progress| Screen::read(&experiment, &items, &card.input, progress))?;
    left_out(&screen.problems);
    for (row, warning) in screen.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let encodings = with_bar("videos", |progress| screen.encode(&encoder, Frames::Video, progress))?;
    let finite = Finite::of(&screen.row_ids, &encodings)?;
    left_out(&finite.problems);
    embeddings::write(&finite.table(&card.hash), &args.out, format)?;
    out!(
        "{}: {} embeddings of length {}, model {}",
        args.out.display(),
        finite.row_ids.len(),
        encodings.dim,
        &card.hash[..16.min(card.hash.len())]
    );
    Ok(ExitCode::SUCCESS)
}

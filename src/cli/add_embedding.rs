//! `molclip add-embedding`: vectors of another program join a project by row name.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::experiment::project::{self, Project};
use crate::export::embeddings;
use crate::terminal::{note, out};

/// Options of `molclip add-embedding`.
#[derive(Args)]
pub struct AddEmbeddingArgs {
    /// Project that the vectors join
    pub project: PathBuf,

    /// Vectors by row name: .parquet (columns `row_id` and `embedding`), .npy or .safetensors (with `NAME.row_ids.csv` beside),
    /// .h5ad (X, by the index of obs or its column `row_id`)
    pub file: PathBuf,

    /// What they are called in the project; the file's name without its ending, if it is not given
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Replace vectors of the same name
    #[arg(long)]
    pub overwrite: bool,
}

/// Runs the command.
pub fn run(args: &AddEmbeddingArgs) -> anyhow::Result<ExitCode> {
    if !project::is_project(&args.project) {
        bail!("{}: it is no project. Save the experiment as one first", args.project.display());
    }
    let table = embeddings::read(&args.file)?;
    let opened =
        Project::open(&args.project).with_context(|| format!("opening {}", args.project.display()))?;
    let (mut project, mut experiment) = (opened.project, opened.experiment);
    opened.warnings.iter().for_each(|warning| note!("warning: {warning}"));
    if let Some(why) = project.read_only() {
        bail!("{why}");
    }
    let own = args.file.file_stem().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(own).unwrap_or_else(|| "vectors".to_owned());
    if experiment.embeddings.contains_key(&name) && !args.overwrite {
        bail!(
            "the project has vectors called {name}. Give others with --name, or replace them with --overwrite"
        );
    }
    let rows = experiment.table.len();
    let known = table.row_ids.iter().filter(|row_id| experiment.table.row_of(row_id).is_some()).count();
    if known == 0 {
        bail!(
            "{}: none of its rows is in the project. Name them as in the column row_id",
            args.file.display()
        );
    }
    let text = format!(
        "{name}: vectors of length {} for {known} of {rows} rows; {} of the file are of none",
        table.dim,
        table.row_ids.len() - known
    );
    if embeddings::is_simulated(&args.file) {
        note!(
            "{}: these vectors are of simulated recordings, or of a model that was made from such.",
            args.file.display()
        );
    }
    experiment.embeddings.insert(name, table.into());
    project.save(&experiment, &opened.view)?;
    out!("{text}");
    Ok(ExitCode::SUCCESS)
}

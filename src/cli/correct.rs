//! `molclip correct`: profiles, or other vectors, corrected by the steps that the field uses.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::encoder::vectors;
use super::experiment::{ExperimentArgs, WrongUsage, tell};
use crate::analysis::domain::{Given, UnknownColumn, controls, table};
use crate::analysis::recipe::{Corrected, Matrix, Recipe, RecipeError, Report};
use crate::experiment::import::profile::{self, Profiles};
use crate::experiment::{Experiment, PROFILE, RECIPE, Table};
use crate::export::embeddings;
use crate::export::profiles::{self, Made};
use crate::terminal::{note, out};

/// Of dropped features, groups and notes, so many are named.
const NAMED: usize = 5;

/// Options of `molclip correct`.
#[derive(Args)]
pub struct CorrectArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    /// Vectors to correct: a file of `embed`, `correct` or another program, or an embedding of the project by its name
    /// [default: the features of the tables of profiles]
    #[arg(long, value_name = "FILE|NAME", conflicts_with = "features")]
    pub embedding: Option<PathBuf>,

    /// Steps in their order, each NAME[:KEY=VALUE]…, fitted on the negative controls of each plate (by=COLUMN+COLUMN for other
    /// groups, by=none for one, fit=all for all rows), e.g. mad-robustize,select,sphere:epsilon=1. select and harmony look at
    /// all rows, not at controls alone; select takes them as one group
    #[arg(long, value_name = "STEP,STEP…")]
    pub steps: String,

    /// Table to write: .parquet (`row_id`, what belongs to the rows as `Metadata_*`, and a column for each feature) or .h5ad
    /// (the same, features in X)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// What is corrected.
struct Input {
    experiment: Experiment,
    features: Matrix,
    /// Table rows of the features' rows.
    rows: Vec<usize>,
    /// Steps that were applied before.
    former: String,
    /// Of the model that made them; empty for features of tables.
    model: String,
}

/// Runs the command.
pub fn run(args: &CorrectArgs) -> anyhow::Result<ExitCode> {
    if profiles::Format::of(&args.out).is_none() {
        return Err(
            WrongUsage(format!("{}: the name must end in .parquet or .h5ad", args.out.display())).into()
        );
    }
    let recipe: Recipe = args.steps.parse().map_err(usage)?;
    let Input { experiment, features, rows, former, model } = input(args)?;
    let data = fingerprint(&experiment.table, &rows, &features);
    let simulated = rows.iter().any(|&row| experiment.is_simulated(row))
        || args.embedding.as_deref().is_some_and(embeddings::is_simulated);
    let negative = controls(&experiment, &rows);
    let controls = negative.iter().filter(|negative| **negative).count();
    let given = table(&experiment, (&rows, features), negative, &recipe).map_err(|error| unknown(&error))?;
    let before = given.features.names.len();
    let corrected = recipe.apply(given).map_err(usage)?;
    let applied = recipe.to_string();
    let all = if former.is_empty() { applied.clone() } else { format!("{former}; {applied}") };
    let made = Made { recipe: &all, model: &model, data: &data, simulated };
    profiles::write(&corrected, (&experiment, &rows), made, &args.out)?;
    for report in &corrected.reports {
        say(report);
    }
    let Corrected { table, reports, .. } = &corrected;
    let (rows_left, left) = (table.features.rows, table.features.names.len());
    if args.json {
        let steps: Vec<_> = reports.iter().map(as_json).collect();
        let printed = json!({
            "out": args.out,
            "steps": steps,
            "rows": rows_left,
            "features": left,
            "features_before": before,
            "negative_controls": controls,
            "simulated": simulated,
        });
        out!("{printed}");
    } else {
        out!("{}: {rows_left} rows, {left} of {before} features, by {applied}", args.out.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// As [`usage`], of a column that is not there.
pub fn unknown(error: &UnknownColumn) -> anyhow::Error {
    WrongUsage(error.to_string()).into()
}

/// What another call of the command would set right.
pub fn usage(error: RecipeError) -> anyhow::Error {
    match error {
        RecipeError::Empty
        | RecipeError::Unknown { .. }
        | RecipeError::Value { .. }
        | RecipeError::Twice { .. }
        | RecipeError::NeedsColumn { .. }
        | RecipeError::Components { .. } => WrongUsage(error.to_string()).into(),
        error => error.into(),
    }
}

/// Features as their tables have them, with what is missing; or vectors.
fn input(args: &CorrectArgs) -> anyhow::Result<Input> {
    let read = match args.embedding {
        Some(_) => None,
        None => profile::read(&args.experiment.paths, &args.experiment.chosen())?,
    };
    if let Some(Profiles { experiment, features, report }) = read {
        tell(args.experiment.path(), &report);
        let rows: Vec<usize> = (0..experiment.table.len()).collect();
        let features = Matrix { names: features.names, rows: rows.len(), values: features.values };
        let former = former(&experiment.table, &rows);
        return Ok(Input { experiment, features, rows, former, model: String::new() });
    }
    if let ([path], None) = (args.experiment.paths.as_slice(), &args.embedding)
        && !path.is_dir()
    {
        return Err(profile::none_known(path).into());
    }
    let experiment = args.experiment.open()?;
    let (name, table) = vectors(args.embedding.as_deref(), &experiment)?;
    let Given { rows, features } = Given::of(&experiment, &table);
    if rows.is_empty() {
        bail!("{name} has no vector of any row of the experiment. Rows are known by their row_id");
    }
    let lacking = experiment.table.len() - experiment.table.excluded_count() - rows.len();
    if lacking > 0 {
        note!("{lacking} rows are left out: {name} has no vectors of them.");
    }
    // Profiles of projects that older versions wrote say it in the table alone.
    let is_own = name == PROFILE && args.embedding.as_ref().is_none_or(|path| !path.exists());
    let former = match table.recipe.as_str() {
        "" if is_own => former(&experiment.table, &rows),
        recipe => recipe.to_owned(),
    };
    let model = if table.source.is_empty() { &table.model_hash } else { &table.source };
    let model = model.clone();
    Ok(Input { experiment, features, rows, former, model })
}

/// What the table says that all of these rows were corrected by; empty, and said, where they differ.
fn former(table: &Table, rows: &[usize]) -> String {
    let Some((first, others)) = rows.split_first() else { return String::new() };
    let recipe = table.text(*first, RECIPE);
    if others.iter().all(|&row| table.text(row, RECIPE) == recipe) {
        return recipe;
    }
    note!(
        "the rows differ in {RECIPE}: they were not corrected alike, and the result names these steps alone."
    );
    String::new()
}

/// BLAKE3 over names and numbers of rows, hexadecimal.
fn fingerprint(table: &Table, rows: &[usize], features: &Matrix) -> String {
    let mut hasher = blake3::Hasher::new();
    for (&row, values) in rows.iter().zip(features.values.chunks(features.names.len().max(1))) {
        let row_id = table.row_id(row);
        hasher.update(&(row_id.len() as u64).to_le_bytes()).update(row_id.as_bytes());
        for value in values {
            hasher.update(&value.to_le_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// What a step did, on stderr.
fn say(report: &Report) {
    let list = |items: Vec<String>, what: &str| {
        if !items.is_empty() {
            let more = if items.len() > NAMED {
                format!("; and {} more", items.len() - NAMED)
            } else {
                String::new()
            };
            let named: Vec<&str> = items.iter().take(NAMED).map(String::as_str).collect();
            note!("{}: {} {what}: {}{more}", report.step, items.len(), named.join("; "));
        }
    };
    let dropped = report.dropped.iter().map(|dropped| format!("{} ({})", dropped.feature, dropped.why));
    list(dropped.collect(), "features dropped");
    let skipped = report.skipped.iter().map(|skipped| format!("{} ({})", skipped.group, skipped.why));
    list(skipped.collect(), "groups left as they were");
    for text in report.notes.iter().take(NAMED) {
        note!("{}: {text}", report.step);
    }
}

fn as_json(report: &Report) -> serde_json::Value {
    let dropped: Vec<_> = report
        .dropped
        .iter()
        .map(|dropped| json!({ "feature": dropped.feature, "why": dropped.why }))
        .collect();
    let skipped: Vec<_> =
        report.skipped.iter().map(|skipped| json!({ "group": skipped.group, "why": skipped.why })).collect();
    json!({ "step": report.step, "dropped": dropped, "skipped": skipped, "notes": report.notes })
}

//! `molclip correct`: profiles, or other vectors, corrected by the steps that the field uses.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;
use strsim::osa_distance;

use super::encoder::vectors;
use super::experiment::{ExperimentArgs, WrongUsage, tell};
use crate::analysis::items::Items;
use crate::analysis::recipe::{Corrected, Matrix, Recipe, RecipeError, Report, Table};
use crate::experiment::import::profile::{self, Features, Profiles};
use crate::experiment::{EmbeddingTable, Experiment, PROFILE};
use crate::export::profiles::{self, Made, RECIPE};
use crate::terminal::{note, out};

/// Of dropped features, groups and notes, so many are named.
const NAMED: usize = 5;
/// The column that groups rows unless a step says otherwise.
const PLATE: &str = "plate";

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

    /// Table to write, .parquet: `row_id`, what belongs to the rows as `Metadata_*`, and a column for each feature
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
    if !args.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        return Err(WrongUsage(format!("{}: the name must end in .parquet", args.out.display())).into());
    }
    let recipe: Recipe = args.steps.parse().map_err(usage)?;
    let Input { experiment, features, rows, former, model } = input(args)?;
    let (given, negative) = table(&experiment, &rows, features, &recipe)?;
    let before = given.features.names.len();
    let corrected = recipe.apply(given).map_err(usage)?;
    let applied = recipe.to_string();
    let all = if former.is_empty() { applied.clone() } else { format!("{former}; {applied}") };
    profiles::write(&corrected, (&experiment, &rows), Made { recipe: &all, model: &model }, &args.out)?;
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
            "negative_controls": negative,
            "simulated": rows.iter().any(|&row| experiment.is_simulated(row)),
        });
        out!("{printed}");
    } else {
        out!("{}: {rows_left} rows, {left} of {before} features, by {applied}", args.out.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// What another call of the command would set right.
fn usage(error: RecipeError) -> anyhow::Error {
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
        let former = experiment.table.text(0, RECIPE);
        return Ok(Input { experiment, features, rows, former, model: String::new() });
    }
    if let ([path], None) = (args.experiment.paths.as_slice(), &args.embedding)
        && !path.is_dir()
    {
        return Err(profile::none_known(path).into());
    }
    let experiment = args.experiment.open()?;
    let (name, table) = vectors(args.embedding.as_deref(), &experiment)?;
    let EmbeddingTable { row_ids, dim, values, features, .. } = &*table;
    let place =
        |row_id: &String| experiment.table.row_of(row_id).filter(|&row| !experiment.table.is_excluded(row));
    let (mut rows, mut taken) = (Vec::new(), Vec::new());
    for (row_id, vector) in row_ids.iter().zip(values.chunks_exact((*dim).max(1))) {
        if let Some(row) = place(row_id) {
            rows.push(row);
            taken.extend(vector.iter().copied().map(f64::from));
        }
    }
    if rows.is_empty() {
        bail!("{name} has no vector of any row of the experiment. Rows are known by their row_id");
    }
    let lacking = experiment.table.len() - experiment.table.excluded_count() - rows.len();
    if lacking > 0 {
        note!("{lacking} rows are left out: {name} has no vectors of them.");
    }
    let numbered = || (1..=*dim).map(|number| format!("emb_{number}")).collect();
    let names = if features.is_empty() { numbered() } else { features.clone() };
    let features = Matrix { names, rows: rows.len(), values: taken };
    let former = match &args.embedding {
        Some(path) if path.exists() && table.features.is_empty() => String::new(),
        Some(path) if path.exists() => former_of(path),
        // What the experiment keeps under another name than its own profiles is no correction of its table.
        Some(_) if name != PROFILE => String::new(),
        _ => experiment.table.text(0, RECIPE),
    };
    let model = table.model_hash.clone();
    Ok(Input { experiment, features, rows, former, model })
}

/// The steps that a file of vectors says were applied to them: one that `correct` wrote does.
fn former_of(path: &Path) -> String {
    let read = profile::read(&[path.to_owned()], &Features::Guess);
    read.ok().flatten().map(|read| read.experiment.table.text(0, RECIPE)).unwrap_or_default()
}

/// What the recipe is applied to, and the number of negative controls.
fn table(
    experiment: &Experiment,
    rows: &[usize],
    features: Matrix,
    recipe: &Recipe,
) -> anyhow::Result<(Table, usize)> {
    let controls: HashSet<usize> = {
        let items = Items::with_unnamed(experiment).items;
        items.into_iter().filter(|item| item.control).map(|item| item.row).collect()
    };
    let text = |column: &str| -> Vec<String> {
        rows.iter().map(|&row| experiment.table.text(row, column)).collect()
    };
    let plate = Some(PLATE).filter(|plate| text(plate).iter().any(|text| !text.is_empty()));
    let mut columns = BTreeMap::new();
    for name in recipe.columns(plate) {
        let texts = text(&own_name(experiment, &name)?);
        columns.insert(name, texts);
    }
    let negative: Vec<bool> = rows.iter().map(|row| controls.contains(row)).collect();
    let count = negative.iter().filter(|negative| **negative).count();
    Ok((Table { features, columns, negative, plate: plate.map(str::to_owned) }, count))
}

/// A column of the experiment by its name, or by the one that it had in a table of profiles: `Metadata_Plate` is `plate`.
fn own_name(experiment: &Experiment, name: &str) -> anyhow::Result<String> {
    let known: Vec<String> = experiment.table.columns().into_iter().map(|column| column.name).collect();
    let bare = |name: &str| name.strip_prefix("Metadata_").unwrap_or(name).to_lowercase();
    let same =
        known.iter().find(|own| **own == name).or_else(|| known.iter().find(|own| bare(own) == bare(name)));
    if let Some(own) = same {
        return Ok(own.clone());
    }
    let mut near = known;
    near.sort_by_key(|own| osa_distance(&bare(own), &bare(name)));
    near.truncate(NAMED);
    let text =
        format!("the experiment has no column {name}. Columns with a name like it: {}", near.join(", "));
    Err(WrongUsage(text).into())
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

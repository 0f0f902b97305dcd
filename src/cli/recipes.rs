//! `molclip recipes`: corrections of the same vectors side by side.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::correct::{unknown, usage};
use super::encoder::vectors;
use super::experiment::{ExperimentArgs, with_bar};
use crate::analysis::domain::{
    CompareError, Comparison, Line, Measure, NEIGHBOURS, Named, Request, Score, compare, defaults,
};
use crate::terminal::{note, out};

/// Options of `molclip recipes`.
#[derive(Args)]
pub struct RecipesArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    /// Vectors to correct: a file of `embed`, `correct` or another program, or an embedding of the project by its name
    /// [default: the features of the tables of profiles]
    #[arg(long, value_name = "FILE|NAME")]
    pub embedding: Option<PathBuf>,

    /// Column that tells domains apart: cell line, time, batch
    #[arg(long, value_name = "COLUMN")]
    pub domain: String,

    /// A recipe as `correct --steps` takes it; several times for several. The vectors as they are come first, and are what
    /// others are compared with [default: a recipe of each kind]
    #[arg(long = "steps", value_name = "STEP,STEP…")]
    pub recipes: Vec<String>,

    /// Neighbours on other plates that vote on a control's domain
    #[arg(long, value_name = "K", default_value_t = NEIGHBOURS as u64, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub neighbours: u64,

    /// Random rankings that activity is compared with
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000)
    )]
    pub null: u64,

    /// Seed of random rankings and of intervals
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// A comparison, and of what.
#[derive(Serialize)]
struct Printed<'a> {
    embedding: &'a str,
    model_hash: &'a str,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// Runs the command.
pub fn run(args: &RecipesArgs) -> anyhow::Result<ExitCode> {
    let request = Request {
        neighbours: args.neighbours as usize,
        null: args.null as usize,
        seed: args.seed,
        ..Request::new(asked(&args.recipes)?, args.domain.clone())
    };
    let experiment = args.experiment.open()?;
    let (name, table) = vectors(args.embedding.as_deref(), &experiment)?;
    let compared =
        with_bar("parts of recipes", |progress| compare(&experiment, &table, &request, progress, said));
    let comparison = compared.map_err(|error| match error {
        CompareError::Column(error) => unknown(&error),
        error => error.into(),
    })?;
    if args.json {
        let printed = Printed { embedding: &name, model_hash: &table.model_hash, comparison: &comparison };
        out!("{}", serde_json::to_string(&printed)?);
    } else {
        out!("{name}\n{}", comparison.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipes of the command line, those that cannot be read refused before anything is computed.
fn asked(recipes: &[String]) -> anyhow::Result<Vec<Named>> {
    if recipes.is_empty() {
        return Ok(defaults());
    }
    let mut asked = vec![Named::of("")];
    for steps in recipes {
        let named = Named::of(steps);
        named.recipe().map_err(usage)?;
        if !asked.contains(&named) {
            asked.push(named);
        }
    }
    Ok(asked)
}

/// A recipe that is measured, on stderr.
fn said(line: &Line) {
    if let Some(why) = &line.why {
        note!("{}: cannot be applied: {why}", line.name);
        return;
    }
    let of = |score| line.score(score).map_or_else(|| "-".to_owned(), Measure::text);
    note!("{}: leakage {}, replicate mAP {}", line.name, of(Score::Leakage), of(Score::ReplicateMap));
}

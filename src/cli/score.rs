//! `molclip score`: mean average precision over pairs of rows that columns make.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use strsim::osa_distance;

use super::answer::left_out;
use super::encoder::EncoderArgs;
use super::experiment::{ExperimentArgs, with_bar};
use crate::analysis::pairs::{PairsError, Preset, Request, Rules, Scores};
use crate::experiment::Table;
use crate::gpu::ComputeChoice;
use crate::learn::pipeline::embed;
use crate::terminal::{note, out};

/// So many columns with a name like a mistyped one are named.
const NEAREST: usize = 3;

/// Options of `molclip score`.
#[derive(Args)]
pub struct ScoreArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    #[command(flatten)]
    pub encoder: EncoderArgs,

    /// Rules with a name; options that are given beside it replace its own
    #[arg(long, value_enum)]
    pub preset: Option<Preset>,

    /// Columns in which both rows of a positive pair are the same; of several values in a cell they share one
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub same: Vec<String>,

    /// Columns in which both rows of a positive pair differ
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub different: Vec<String>,

    /// Columns in which both rows of a negative pair are the same
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub negatives_same: Vec<String>,

    /// Columns in which both rows of a negative pair differ
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub negatives_different: Vec<String>,

    /// Columns whose values make a group, over which the mean is taken; those of --same if not given
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub by: Vec<String>,

    /// Columns beside moa and tags with several values in a cell, separated by ; or |
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub lists: Vec<String>,

    /// Random rankings that a score is compared with; 1,000,000 settle calls near q = 0.05
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..=100_000_000)
    )]
    pub null: u64,

    /// Seed of the random rankings
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

impl ScoreArgs {
    fn request(&self) -> Request {
        let rules = Rules {
            same: self.same.clone(),
            different: self.different.clone(),
            negatives_same: self.negatives_same.clone(),
            negatives_different: self.negatives_different.clone(),
            by: self.by.clone(),
        };
        let (lists, null) = (self.lists.clone(), self.null as usize);
        Request { preset: self.preset, rules, lists, null, seed: self.seed }
    }
}

/// Scores, and of what.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    scores: &'a Scores,
    preset: Option<Preset>,
    embedding: &'a str,
    model_hash: &'a str,
    data_fingerprint: &'a str,
    simulated: bool,
}

/// Runs the command.
pub fn run(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    let request = args.request();
    let experiment = Arc::new(args.experiment.open()?);
    if let Err(error) = request.check(&experiment.table) {
        return refused(error, &experiment.table);
    }
    let encoder = args.encoder.open(&experiment, args.compute)?;
    let mut embedded = with_bar("rows", |progress| embed(&experiment, &*encoder, progress))?;
    left_out(&embedded.encoded.problems);
    for (row, warning) in embedded.encoded.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let values = std::mem::take(&mut embedded.encoded.values);
    let scored = with_bar("rows compared", |progress| {
        let encoded = &embedded.encoded;
        request.score(&experiment, &encoded.rows, (values, encoded.dim), progress)
    });
    let mut scores = match scored {
        Ok(scores) => scores,
        Err(error) => return refused(error, &experiment.table),
    };
    scores.notes.extend(embedded.notes(&experiment));
    if args.json {
        let (about, table) = (&embedded.about, embedded.table());
        let printed = Printed {
            scores: &scores,
            preset: args.preset,
            embedding: &about.name,
            model_hash: &table.model_hash,
            data_fingerprint: &embedded.fingerprint,
            simulated: embedded.simulated,
        };
        out!("{}", serde_json::to_string(&printed)?);
    } else {
        let simulated = if embedded.simulated { ", simulated data" } else { "" };
        out!("{}{simulated}\n{}", embedded.about.name, scores.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the command: with 2 where the question makes no sense.
fn refused(error: PairsError, table: &Table) -> anyhow::Result<ExitCode> {
    if !error.is_wrong_usage() {
        return Err(error.into());
    }
    if let PairsError::Column { column } = &error {
        note!("error: {error}. {}", nearest(column, table));
    } else {
        note!("error: {error}");
    }
    Ok(ExitCode::from(2))
}

/// The columns whose names are most like one that is not there.
pub(super) fn nearest(column: &str, table: &Table) -> String {
    let typed = column.to_lowercase();
    let mut names: Vec<String> = table.columns().into_iter().map(|column| column.name).collect();
    names.sort_by_cached_key(|name| {
        let known = name.to_lowercase();
        (!known.contains(&typed), osa_distance(&typed, &known))
    });
    names.truncate(NEAREST);
    format!("The columns with the most similar names are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    #[test]
    fn a_mistyped_column_is_answered_with_those_that_it_is_like() {
        let frame = df!("compound" => ["a"], "Metadata_target" => ["b"]).unwrap();
        let table = Table::from_frame(frame).unwrap();
        assert!(nearest("compuond", &table).contains("are compound, "));
        assert!(nearest("target", &table).contains("are Metadata_target, "));
        assert!(nearest("PLATE", &table).contains("are plate, "));
    }
}

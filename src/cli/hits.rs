//! `molclip hits`: controls, plate quality, hits and dose-response of a screen.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::answer::left_out;
use super::encoder::EncoderArgs;
use super::experiment::{ExperimentArgs, with_bar};
use super::score::nearest;
use crate::analysis::hits::{Hits, HitsError, Options, Wells, read};
use crate::experiment::{Experiment, Table};
use crate::export::predictions::{hits, is_table};
use crate::gpu::ComputeChoice;
use crate::learn::encoder::Encoded;
use crate::learn::pipeline::embed;
use crate::terminal::{note, out};

/// Options of `molclip hits`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct HitsArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    #[command(flatten)]
    pub encoder: EncoderArgs,

    /// A column of numbers that is read instead of vectors
    #[arg(long, value_name = "COLUMN", conflicts_with_all = ["model", "embedding"])]
    pub readout: Option<String>,

    /// Column that says what a plate is [default: plate; of each replicate by itself where these share wells]
    #[arg(long, value_name = "COLUMN")]
    pub plate_by: Option<String>,

    /// Column of numbers of cells, for toxicity [default: found by its name]
    #[arg(long, value_name = "COLUMN")]
    pub cells: Option<String>,

    /// Normalise by medians and median absolute deviations of the controls
    #[arg(long)]
    pub robust: bool,

    /// The positive controls are diseased, as the treated cells are: hits lead back to the negative controls
    #[arg(long)]
    pub rescue: bool,

    /// Let doses count at which fewer than half of the cells are left
    #[arg(long)]
    pub keep_toxic: bool,

    /// Seed of permutations and intervals
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Write a row for each compound: .csv and .parquet with the wells in NAME.wells.csv or NAME.wells.parquet beside, .xlsx with both
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

impl HitsArgs {
    fn options(&self) -> Options {
        Options {
            plate_by: self.plate_by.clone(),
            cells: self.cells.clone(),
            robust: self.robust,
            rescue: self.rescue,
            keep_toxic: self.keep_toxic,
            seed: self.seed,
        }
    }
}

/// What was read, and of what.
#[derive(Serialize)]
struct Printed {
    #[serde(flatten)]
    hits: Hits,
    embedding: Option<String>,
    readout: Option<String>,
    model_hash: Option<String>,
    data_fingerprint: String,
    simulated: bool,
}

/// Runs the command.
pub fn run(args: &HitsArgs) -> anyhow::Result<ExitCode> {
    if let Some(path) = args.out.as_ref().filter(|path| !is_table(path)) {
        note!("error: {}: the name must end in .csv, .parquet or .xlsx", path.display());
        return Ok(ExitCode::from(2));
    }
    let experiment = Arc::new(args.experiment.open()?);
    let options = args.options();
    if let Err(error) = options.check(&experiment.table) {
        return refused(error, &experiment.table);
    }
    let found = match &args.readout {
        Some(column) => of_column(&experiment, column, &options),
        None => of_rows(args, &experiment, &options)?,
    };
    let printed = match found {
        Ok(printed) => printed,
        Err(error) => return refused(error, &experiment.table),
    };
    if let Some(path) = &args.out {
        let source = hits::Source {
            vectors: printed.readout.as_ref().or(printed.embedding.as_ref()).map_or("", String::as_str),
            model_hash: printed.model_hash.as_deref().unwrap_or_default(),
            data_fingerprint: &printed.data_fingerprint,
            simulated: printed.simulated,
        };
        for file in hits::write(&printed.hits, &source, path)? {
            note!("wrote {}", file.display());
        }
    }
    if args.json {
        out!("{}", serde_json::to_string(&printed)?);
    } else {
        let name = printed.readout.as_ref().or(printed.embedding.as_ref()).map_or("", String::as_str);
        let simulated = if printed.simulated { ", simulated data" } else { "" };
        out!("{name}{simulated}\n{}", printed.hits.text().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the vectors of an encoder.
fn of_rows(
    args: &HitsArgs,
    experiment: &Arc<Experiment>,
    options: &Options,
) -> anyhow::Result<Result<Printed, HitsError>> {
    let encoder = args.encoder.open(experiment, args.compute)?;
    let embedded = with_bar("rows", |progress| embed(experiment, &*encoder, progress))?;
    left_out(&embedded.encoded.problems);
    for (row, warning) in embedded.encoded.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let table = embedded.table();
    let (rows, vectors) = (&embedded.encoded.rows, (table.values.as_slice(), table.dim));
    let found = Wells::of(experiment, rows, vectors, &table.features, options)
        .and_then(|wells| with_bar("curves", |progress| read(&wells, options, progress)));
    Ok(found.map(|mut hits| {
        hits.notes.extend(embedded.notes(experiment));
        Printed {
            hits,
            embedding: Some(embedded.about.name.clone()),
            readout: None,
            model_hash: Some(table.model_hash),
            data_fingerprint: embedded.fingerprint.clone(),
            simulated: embedded.simulated,
        }
    }))
}

/// Reads a column of the table.
fn of_column(experiment: &Experiment, column: &str, options: &Options) -> Result<Printed, HitsError> {
    let wells = Wells::of_readout(experiment, column, options)?;
    let mut hits = with_bar("curves", |progress| read(&wells, options, progress))?;
    let excluded = experiment.table.excluded_count();
    if excluded > 0 {
        hits.notes.push(format!("{excluded} rows are excluded in the table, and take no part."));
    }
    let seen = Encoded::of_column(experiment, column);
    Ok(Printed {
        hits,
        embedding: None,
        readout: Some(column.to_owned()),
        model_hash: None,
        data_fingerprint: seen.fingerprint(),
        simulated: seen.rows.iter().any(|&row| experiment.is_simulated(row)),
    })
}

/// Ends the command: with 2 where the question makes no sense.
fn refused(error: HitsError, table: &Table) -> anyhow::Result<ExitCode> {
    if !error.is_wrong_usage() {
        return Err(error.into());
    }
    if let HitsError::Column { column } = &error {
        note!("error: {error}. {}", nearest(column, table));
    } else {
        note!("error: {error}");
    }
    Ok(ExitCode::from(2))
}

//! `molclip evaluate`: how well an encoder finds drugs and mechanisms, beside what simple methods reach.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::encoder::EncoderArgs;
use super::experiment::{ExperimentArgs, with_bar};
use crate::analysis::evaluate::Report;
use crate::analysis::items::{Item, Items};
use crate::analysis::leakage::{self, Finding, Leak, Severity};
use crate::analysis::split::{Plan, Protocol};
use crate::experiment::Experiment;
use crate::gpu::ComputeChoice;
use crate::learn::assess::{Assessed, Assessment, assess};
use crate::learn::encoder::{EncodeError, Encoder, Rows};
use crate::learn::near;
use crate::model::input::Frames;
use crate::terminal::{note, out};

/// Options of `molclip evaluate`.
#[derive(Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    #[command(flatten)]
    pub encoder: EncoderArgs,

    /// What is new in the queries: cells (mito), compounds, their scaffolds too, or mechanisms
    #[arg(long, value_enum)]
    pub protocol: Protocol,

    /// Seed of the split (where the table has none) and of the intervals
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Evaluate although the model was trained with compounds of the query; the result is marked
    #[arg(long)]
    pub accept_contamination: bool,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let experiment = Arc::new(args.experiment.open()?);
    let encoder = args.encoder.open(&experiment, args.compute)?;
    let assessment = Assessment {
        protocol: args.protocol,
        seed: args.seed,
        accept_contamination: args.accept_contamination,
        order: Frames::Video,
    };
    let assessed = with_bar("rows", |progress| assess(&experiment, &*encoder, &assessment, progress))?;
    for (row, problem) in assessed.problems.iter().take(10) {
        note!("left out {row}: {problem}");
    }
    for (row, warning) in assessed.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let Leaks { errors: leaks, near } = leaks(&experiment, &*encoder, &assessed, args)?;
    for pair in &near {
        note!("warning: {pair}");
    }
    for leak in &leaks {
        note!("leak: {leak}");
    }
    if !leaks.is_empty() {
        note!("The scores are void: no model may be trained on this split.");
    }
    if args.json {
        let judged: Vec<Judged> = assessed
            .reports
            .iter()
            .map(|report| Judged { report, leaks: &leaks, near_duplicates: &near })
            .collect();
        out!("{}", serde_json::to_string(&judged)?);
    } else {
        let texts: Vec<String> = assessed.reports.iter().map(Report::text).collect();
        out!("{}", texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// A report and what makes it void.
#[derive(Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    report: &'a Report,
    leaks: &'a [String],
    near_duplicates: &'a [String],
}

/// What the search for leaks found, a sentence each.
struct Leaks {
    /// What `train` refuses.
    errors: Vec<String>,
    /// Rows in different parts that look like copies.
    near: Vec<String>,
}

/// What `train` refuses of the split that is evaluated. Rows are compared as it does: by what the encoder sees of them.
fn leaks(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    assessed: &Assessed,
    args: &EvaluateArgs,
) -> anyhow::Result<Leaks> {
    let items = Items::of(experiment);
    let plan = Plan::new(&items, args.protocol, args.seed)?;
    // What was evaluated has been seen; the rest of the split has not.
    let is_seen = |item: &Item| assessed.contents.contains_key(&item.row);
    let others =
        items.items.iter().zip(&plan.splits).filter(|(item, split)| split.is_some() && !is_seen(item));
    let others: Vec<Item> = others.map(|(item, _)| item.clone()).collect();
    let rows = Rows { items: &others, ..Rows::of(experiment, &items) };
    let read = match with_bar("rows compared", |progress| encoder.contents(&rows, progress)) {
        Ok(read) => read,
        Err(EncodeError::Nothing { .. } | EncodeError::Empty) => vec![None; others.len()],
        Err(e) => return Err(e.into()),
    };
    let mut contents = assessed.contents.clone();
    contents.extend(others.iter().zip(read).filter_map(|(item, content)| Some((item.row, content?))));
    let content: Vec<_> =
        items.items.iter().map(|item| contents.get(&item.row).map(|seen| seen.hash)).collect();
    let looks = near::table(&items, |row| contents.get(&row).map(|seen| seen.near.as_slice()));
    let findings = leakage::check(&leakage::Check {
        items: &items,
        splits: &plan.splits,
        protocol: args.protocol,
        content: Some(&content),
        near: Some(near::compared(&looks)),
    });
    let said = |which: &dyn Fn(&&Finding) -> bool| -> Vec<String> {
        findings.iter().filter(which).map(Finding::sentence).collect()
    };
    Ok(Leaks {
        errors: said(&|finding| finding.severity == Severity::Error),
        near: said(&|finding| finding.leak == Leak::NearDuplicate),
    })
}

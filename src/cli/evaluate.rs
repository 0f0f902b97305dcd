//! `molclip evaluate`: how well a model finds drugs and mechanisms, beside what simple methods reach.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use rayon::prelude::*;
use serde::Serialize;

use super::experiment::{compute, load_model, open, with_bar};
use crate::analysis::evaluate::Report;
use crate::analysis::items::Items;
use crate::analysis::leakage::{self, Finding, Severity};
use crate::analysis::split::{Plan, Protocol};
use crate::experiment::Experiment;
use crate::gpu::ComputeChoice;
use crate::learn::assess::{Assessment, assess};
use crate::learn::infer::Encoder;
use crate::learn::light::Light;
use crate::learn::store::ClipStore;
use crate::model::card::InputSpec;
use crate::model::input::Frames;
use crate::progress::Progress;
use crate::terminal::{note, out};

/// Options of `molclip evaluate`.
#[derive(Args)]
pub struct EvaluateArgs {
    /// Project, manifest, folder that holds one, or root of a Mito dataset
    pub experiment: PathBuf,

    /// Folder with model.safetensors and model.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,

    /// What is new in the queries: cells (mito), compounds, or mechanisms
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
    let experiment = Arc::new(open(&args.experiment)?);
    let (compute, thread) = compute(args.compute)?;
    let (model, card) = load_model(&args.model, &compute, &thread)?;
    let encoder = Encoder::new(model, compute, thread);
    let assessment = Assessment {
        protocol: args.protocol,
        seed: args.seed,
        accept_contamination: args.accept_contamination,
        order: Frames::Video,
    };
    let assessed =
        with_bar("videos", |progress| assess(&experiment, &encoder, &card, &assessment, progress))?;
    for (row, problem) in assessed.problems.iter().take(10) {
        note!("left out {row}: {problem}");
    }
    for (row, warning) in assessed.warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
    let leaks = leaks(&experiment, &card.input, args)?;
    for leak in &leaks {
        note!("leak: {leak}");
    }
    if !leaks.is_empty() {
        note!("The scores are void: no model may be trained on this split.");
    }
    if args.json {
        let judged: Vec<Judged> =
            assessed.reports.iter().map(|report| Judged { report, leaks: &leaks }).collect();
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
}

/// What `train` refuses of the split that is evaluated. Rows are compared as it does: by the videos at the model's scale.
fn leaks(experiment: &Arc<Experiment>, spec: &InputSpec, args: &EvaluateArgs) -> anyhow::Result<Vec<String>> {
    let items = Items::of(experiment);
    let plan = Plan::new(&items, args.protocol, args.seed)?;
    let store = ClipStore::new(Arc::clone(experiment), spec.clone(), 0);
    let content: Vec<Option<[u8; 32]>> = with_bar("videos compared", |progress: &Progress| {
        progress.set_total(items.len() as u64);
        let content = items.items.par_iter().zip(&plan.splits).map(|(item, split)| {
            let clip = split.and_then(|_| store.get(item.row).ok());
            progress.add(1);
            clip.map(|clip| Light::of(&clip, 0).content)
        });
        anyhow::Ok(content.collect())
    })?;
    let findings = leakage::check(&leakage::Check {
        items: &items,
        splits: &plan.splits,
        protocol: args.protocol,
        content: Some(&content),
        near: None,
    });
    Ok(findings.iter().filter(|finding| finding.severity == Severity::Error).map(Finding::sentence).collect())
}

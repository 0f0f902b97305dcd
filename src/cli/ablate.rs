//! `molclip ablate`: which part of the model does what, on simulated screens.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::ablation::{Ablation, Arm, SEEDS, put_between, table};
use super::experiment::compute;
use crate::gpu::ComputeChoice;
use crate::learn::config::Config;
use crate::simulate;
use crate::terminal::{note, out};

/// Options of `molclip ablate`.
#[derive(Args)]
pub struct AblateArgs {
    /// Folder for simulated screens, trainings and cached results; an interrupted ablation goes on from it
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Run these arms; without it the four core arms
    #[arg(long, value_enum)]
    arm: Vec<Arm>,

    /// Training of the full model, JSON; each arm changes one thing
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Write the table into this Markdown file, between its marks
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    compute: ComputeChoice,
}

/// Runs the command.
pub fn run(args: &AblateArgs) -> anyhow::Result<ExitCode> {
    let base = match &args.config {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{}: no configuration", path.display()))?
        }
        None => Config::default(),
    };
    base.check()?;
    let (compute, thread) = compute(args.compute)?;
    let screen = simulate::Config::default();
    let ablation = Ablation { folder: args.out.clone(), screen, base, compute, thread };
    let arms = if args.arm.is_empty() { Arm::CORE.to_vec() } else { args.arm.clone() };
    let mut results = BTreeMap::new();
    for arm in arms {
        results.insert(arm, ablation.run(arm, &mut |text| note!("{text}"))?);
        // The table so far: an interrupted ablation has shown something.
        let text = format!(
            "Simulated screens of {} mechanisms, seeds {SEEDS:?}, drug-disjoint, exclusion NSC, DMSO-centred.\n\n{}",
            ablation.screen.moas,
            table(&results)
        );
        if let Some(readme) = &args.readme {
            put_between(readme, "ablation", &text)?;
        }
    }
    out!("{}", table(&results));
    Ok(ExitCode::SUCCESS)
}

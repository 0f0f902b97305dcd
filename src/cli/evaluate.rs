//! `molclip evaluate`: how well an encoder finds drugs and mechanisms, beside what simple methods reach.

use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::encoder::EncoderArgs;
use super::experiment::{ExperimentArgs, WrongUsage, with_bar};
use super::score::nearest;
use crate::analysis::evaluate::Report;
use crate::analysis::items::{Item, Items};
use crate::analysis::leakage::{self, Finding, Leak, Severity};
use crate::analysis::protocols::{Kind, Outcome, ProtocolError};
use crate::analysis::split::{Plan, Protocol};
use crate::experiment::Experiment;
use crate::gpu::ComputeChoice;
use crate::learn::assess::{Assessed, Assessment, assess};
use crate::learn::encoder::{EncodeError, Encoder, Rows};
use crate::learn::near;
use crate::learn::protocols::{self, Columns};
use crate::model::input::Frames;
use crate::terminal::{note, out};

/// Options of `molclip evaluate`.
#[derive(Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub experiment: ExperimentArgs,

    #[command(flatten)]
    pub encoder: EncoderArgs,

    /// By a split, what is new in the queries: cells (mito), compounds, their scaffolds too, or mechanisms. Of the whole table:
    /// what is asked of it
    #[arg(long, value_enum)]
    pub protocol: Asked,

    /// Column that tells domains apart, as cell lines or times: plate-knn, mlp-5fold, leave-plate-out
    #[arg(long, value_name = "COLUMN")]
    pub domain: Option<String>,

    /// Column that says what is to be found: phenotype, identity; targets of mlp-5fold [default there: moa]
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,

    /// Column whose values are left out as a whole: phenotype
    #[arg(long, value_name = "COLUMN")]
    pub group: Option<String>,

    /// Rows of one label that begin nearer to each other than this do not see each other: identity
    #[arg(long, value_name = "FRAMES")]
    pub min_gap: Option<u32>,

    /// Seed of the split (where the table has none), of shuffled labels and of the intervals
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Evaluate although the model was trained with compounds that it is asked about; the result is marked
    #[arg(long)]
    pub accept_contamination: bool,

    /// Who computes
    #[arg(long, value_enum, default_value_t)]
    pub compute: ComputeChoice,

    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// A protocol of either sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Queries and gallery are parts of a split.
    Split(Protocol),
    /// All of the table takes part.
    Whole(Kind),
}

impl ValueEnum for Asked {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Split(Protocol::Mito),
            Self::Split(Protocol::DrugDisjoint),
            Self::Split(Protocol::ScaffoldDisjoint),
            Self::Split(Protocol::MoaDisjoint),
            Self::Whole(Kind::Nsc),
            Self::Whole(Kind::LeavePlateOut),
            Self::Whole(Kind::PlateKnn),
            Self::Whole(Kind::MlpFolds),
            Self::Whole(Kind::Phenotype),
            Self::Whole(Kind::Identity),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Split(protocol) => protocol.to_possible_value(),
            Self::Whole(kind) => kind.to_possible_value(),
        }
    }
}

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    let columns = Columns {
        domain: args.domain.clone(),
        label: args.label.clone(),
        group: args.group.clone(),
        min_gap: args.min_gap,
    };
    match args.protocol {
        Asked::Split(_) if columns != Columns::default() => {
            let text = "--domain, --label, --group and --min-gap belong to protocols of the whole table, and say nothing of a \
                        split";
            Err(WrongUsage(text.to_owned()).into())
        }
        Asked::Split(protocol) => by_split(args, protocol),
        Asked::Whole(kind) => of_the_whole(args, kind, &columns),
    }
}

/// Protocols that take the whole table.
fn of_the_whole(args: &EvaluateArgs, kind: Kind, columns: &Columns) -> anyhow::Result<ExitCode> {
    let experiment = Arc::new(args.experiment.open()?);
    if let Err(error) = columns.check(kind, &experiment) {
        return Err(match &error {
            ProtocolError::Column { column } => {
                WrongUsage(format!("{error}. {}", nearest(column, &experiment.table)))
            }
            _ => WrongUsage(error.to_string()),
        }
        .into());
    }
    let encoder = args.encoder.open(&experiment, args.compute)?;
    let asked = with_bar("steps", |progress| {
        let asked = (kind, columns);
        protocols::ask(&experiment, &*encoder, asked, args.seed, args.accept_contamination, progress)
    })?;
    tell(&asked.problems, &asked.warnings);
    if args.json {
        out!("{}", serde_json::to_string(&asked.outcomes)?);
    } else {
        let texts: Vec<String> = asked.outcomes.iter().map(Outcome::text).collect();
        out!("{}", texts.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Rows that take no part, and those of which less can be said.
fn tell(problems: &[(String, String)], warnings: &[(String, String)]) {
    for (row, problem) in problems.iter().take(10) {
        note!("left out {row}: {problem}");
    }
    for (row, warning) in warnings.iter().take(3) {
        note!("warning: {row}: {warning}");
    }
}

/// Protocols of a split.
fn by_split(args: &EvaluateArgs, protocol: Protocol) -> anyhow::Result<ExitCode> {
    let experiment = Arc::new(args.experiment.open()?);
    let encoder = args.encoder.open(&experiment, args.compute)?;
    let assessment = Assessment {
        protocol,
        seed: args.seed,
        accept_contamination: args.accept_contamination,
        order: Frames::Video,
    };
    let assessed = with_bar("rows", |progress| assess(&experiment, &*encoder, &assessment, progress))?;
    tell(&assessed.problems, &assessed.warnings);
    let Leaks { errors: leaks, near } = leaks(&experiment, &*encoder, &assessed, &assessment)?;
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
    how: &Assessment,
) -> anyhow::Result<Leaks> {
    let items = Items::of(experiment);
    let plan = Plan::new(&items, how.protocol, how.seed)?;
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
        protocol: how.protocol,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_of_either_sort_can_be_asked_for_by_its_name() {
        let names: Vec<String> = Asked::value_variants()
            .iter()
            .map(|asked| asked.to_possible_value().unwrap().get_name().to_owned())
            .collect();
        let split = Protocol::value_variants().iter().map(|protocol| protocol.label().to_owned());
        let whole = Kind::value_variants().iter().map(|kind| kind.label().to_owned());
        assert_eq!(names, split.chain(whole).collect::<Vec<_>>());
    }
}

//! How well embeddings find what they should, and what simpler methods reach on the same queries.
//!
//! `MitoReID`'s protocol (Liu et al., Nat Comput Sci 2024, 4:600-614), kept exactly: every query ranks the
//! gallery by cosine, without the items of its own (replicate, drug); mAP and Rank-k as in Market-1501 (Zheng
//! et al., ICCV 2015), means over the queries that have something to find. Two things are added. In `MoA`
//! recognition the same drug from another replicate is right, which rewards knowing the drug: so all of the
//! drug is removed (NSC), and its replicate too (NSCB). And every score stands beside chance and whatever
//! else the caller brings.
//!
//! Ties, which real embeddings hardly have and baselines do: the average precision takes equally near items
//! together (as scikit-learn), Rank-k puts the wrong ones first. Nothing is gained by giving all items the
//! same score.
//!
//! The matrix of similarities is never held in whole; queries are ranked in blocks on all cores.

pub mod bootstrap;
mod classifier;
mod features;
mod report;
mod retrieval;
mod run;
mod similarity;

use std::collections::{BTreeMap, BTreeSet};

use super::items::Items;
use super::split::Plan;
use report::CHANCE;
use retrieval::Retrieval;
use run::Run;

pub use bootstrap::{DrugScore, Estimate, RESAMPLES, Units};
pub use classifier::Classifier;
pub use features::{Centring, Features, Metric};
pub use report::{Confusion, Level, Metrics, MoaScore, Normalisation, Report};
pub use retrieval::{CONDITIONS, Condition, Exclusion, Task};
pub(crate) use retrieval::{first, nearest_first};
pub(crate) use run::mechanisms;
pub(crate) use similarity::{BLOCK, Similarity, Structures, normalise, products};

/// Name of the baseline that looks at structures alone.
pub const TANIMOTO: &str = "Tanimoto-nearest";

/// An evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The numbers are no vectors of the rows.
    #[error("{name}: {len} numbers are no {rows} vectors of length {dim}. Give one vector for each row")]
    Shape {
        /// Whose numbers.
        name: String,
        /// Rows that take part.
        rows: usize,
        /// Length of a vector.
        dim: usize,
        /// Numbers that were given.
        len: usize,
    },
    /// A number is NaN or infinite.
    #[error(
        "{name}: number {column} of the vector of row {row_id} is not finite. Embed it again, or exclude it"
    )]
    NotFinite {
        /// Whose numbers.
        name: String,
        /// The row.
        row_id: String,
        /// Place in the vector, from 0.
        column: usize,
    },
    /// Two baselines have one name.
    #[error("two baselines are called {name}. Give each a name of its own")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The plan belongs to other rows.
    #[error(
        "the split has {splits} rows, the experiment {rows}. Make the split again after rows are left out"
    )]
    OtherRows {
        /// Rows of the plan.
        splits: usize,
        /// Rows that take part.
        rows: usize,
    },
}

/// What is evaluated.
#[derive(Debug, Clone)]
pub struct Evaluation<'a> {
    /// The rows.
    pub items: &'a Items,
    /// Who asks and who may be found.
    pub plan: &'a Plan,
    /// The model's vectors, raw.
    pub embeddings: Features<'a>,
    /// Classifiers on them, at most one per task.
    pub classifiers: Vec<Classifier<'a>>,
    /// Other vectors to stand beside: mean intensity, a single frame, shuffled frames.
    pub baselines: Vec<Features<'a>>,
    /// Seed of the intervals.
    pub seed: u64,
    /// Resamplings for an interval: [`RESAMPLES`], fewer while training.
    pub resamples: usize,
}

/// Evaluates both tasks under all exclusions, raw and centred on DMSO. Without any DMSO there are raw reports
/// alone, and they say so; where one replicate has none, its rows are left out of the centred reports.
///
/// # Errors
/// Numbers that are not finite or do not fit the rows.
pub fn evaluate(evaluation: &Evaluation) -> Result<Vec<Report>, EvaluateError> {
    let Evaluation { items, plan, embeddings, classifiers, baselines, .. } = evaluation;
    check_rows(items, plan)?;
    embeddings.check(items)?;
    let mut names = BTreeSet::from([CHANCE, TANIMOTO]);
    for baseline in baselines {
        baseline.check(items)?;
        if !names.insert(&baseline.name) {
            return Err(EvaluateError::NameTaken { name: baseline.name.clone() });
        }
    }
    classifiers.iter().try_for_each(|classifier| classifier.check(items))?;

    let lacking = Centring::fit(items, embeddings.values, embeddings.dim).lacking();
    let (mut left_out, mut notes) = (BTreeMap::new(), items.notes.clone());
    let mut without_dmso = |of: &[usize]| -> Vec<usize> {
        let (out, of): (Vec<usize>, Vec<usize>) =
            of.iter().copied().partition(|&item| lacking.contains(&items.items[item].replicate));
        for item in out {
            let replicate = &items.replicates[items.items[item].replicate];
            *left_out.entry(format!("replicate {replicate} has no DMSO to centre on")).or_default() += 1;
        }
        of
    };
    let (query, gallery) = (without_dmso(&plan.query), without_dmso(&plan.gallery));
    let can_centre = !query.is_empty() && !gallery.is_empty();
    if !can_centre {
        notes.push(
            "No query or no gallery item is from a replicate with DMSO: nothing is centred on it.".to_owned(),
        );
        left_out.clear();
    }
    let raw = Retrieval::new(items, plan.query.clone(), plan.gallery.clone());
    let mut reports = Run::new(evaluation, raw, Normalisation::Raw).reports(&BTreeMap::new(), &notes);
    if can_centre {
        let centred = Retrieval::new(items, query, gallery);
        reports.extend(Run::new(evaluation, centred, Normalisation::DmsoCentred).reports(&left_out, &notes));
    }
    Ok(reports)
}

/// The mean average precision of raw vectors alone, for choosing among models while training; `None` if no query has
/// anything to find.
///
/// # Errors
/// As [`evaluate`].
pub fn mean_average_precision(
    items: &Items,
    plan: &Plan,
    embeddings: &Features,
    condition: Condition,
) -> Result<Option<f64>, EvaluateError> {
    check_rows(items, plan)?;
    embeddings.check(items)?;
    let retrieval = Retrieval::new(items, plan.query.clone(), plan.gallery.clone());
    let similarity = Similarity::of_features(items, embeddings, None, &plan.query, &plan.gallery);
    let Some(number) = CONDITIONS.iter().position(|other| *other == condition) else { return Ok(None) };
    let answers = retrieval.run(&similarity, 0);
    let found: Vec<f64> =
        answers.iter().filter_map(|answer| Some(answer[number].found?.average_precision)).collect();
    Ok((!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64))
}

fn check_rows(items: &Items, plan: &Plan) -> Result<(), EvaluateError> {
    if plan.splits.len() == items.len() {
        return Ok(());
    }
    Err(EvaluateError::OtherRows { splits: plan.splits.len(), rows: items.len() })
}

#[cfg(test)]
mod tests;

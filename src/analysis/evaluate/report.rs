//! What an evaluation says, in the form of the contract: one object per task, exclusion and normalisation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::bootstrap::{DrugScore, Estimate, Units};
use super::retrieval::{Exclusion, Task};
use crate::analysis::split::Protocol;

/// What was done to the vectors before they were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalisation {
    /// Nothing.
    Raw,
    /// [`Centring`](super::Centring).
    DmsoCentred,
}

impl Normalisation {
    /// Its name in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::DmsoCentred => "dmso-centred",
        }
    }
}

/// What one vector stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A row of the table.
    #[default]
    Row,
    /// The mean of a compound at a dose.
    Treatment,
    /// The mean of a compound.
    Compound,
}

impl Level {
    /// Its name in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Row => "row",
            Self::Treatment => "treatment",
            Self::Compound => "compound",
        }
    }
}

/// Scores, each with its interval; `None` where it cannot be measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean over queries of the average precision.
    pub map: Option<Estimate>,
    /// Part of the queries whose nearest item is right. Wrong items that are just as near count as nearer.
    pub cmc1: Option<Estimate>,
    /// The same for one of the nearest 5.
    pub cmc5: Option<Estimate>,
    /// The same for one of the nearest 10.
    pub cmc10: Option<Estimate>,
    /// Part of the queries that the classifier gets right.
    pub accuracy: Option<Estimate>,
    /// Area under the ROC curve, one class against the rest, mean over classes.
    pub auc: Option<Estimate>,
}

/// How the queries of one mechanism fare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoaScore {
    /// The mechanism. A query with several counts under each.
    pub moa: String,
    /// Its queries that had something to find.
    pub n_query: usize,
    /// Their compounds.
    pub n_drugs: usize,
    /// Their mean average precision.
    pub map: f64,
    /// Part of them whose nearest item is right.
    pub cmc1: f64,
    /// Mean average precision of random rankings.
    pub chance: f64,
}

/// What was taken for what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Mechanisms.
    pub labels: Vec<String>,
    /// Queries, `[true][predicted]`. A query with several mechanisms counts under the predicted one if it is
    /// among them, under its first otherwise.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of a query's own labels and the predicted one.
    pub(super) fn of(pairs: &[(Vec<&str>, &str)]) -> Self {
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .filter_map(|(own, predicted)| {
                Some((*own.iter().find(|own| *own == predicted).or(own.first())?, *predicted))
            })
            .collect();
        let labels: BTreeSet<&str> = pairs.iter().flat_map(|(own, predicted)| [*own, *predicted]).collect();
        let labels: Vec<&str> = labels.into_iter().collect();
        let mut counts = vec![vec![0; labels.len()]; labels.len()];
        let place = |label: &str| labels.binary_search(&label);
        for (own, predicted) in pairs {
            if let (Ok(row), Ok(column)) = (place(own), place(predicted)) {
                counts[row][column] += 1;
            }
        }
        Self { labels: labels.into_iter().map(str::to_owned).collect(), counts }
    }
}

/// One evaluation: the contract's keys first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What had to be found.
    pub task: Task,
    /// What was new in the query.
    pub protocol: Protocol,
    /// Which part was measured: `query/gallery`, or `val`.
    pub split: String,
    /// What a query did not see.
    pub exclusion: Exclusion,
    /// What was done to the vectors.
    pub normalisation: Normalisation,
    /// What one vector stands for; reports from before it was named are of rows.
    #[serde(default)]
    pub level: Level,
    /// Seed of the intervals.
    pub seed: u64,
    /// True if any recording is simulated.
    pub simulated: bool,
    /// Queries that had something to find.
    pub n_query: usize,
    /// Items that could be found, before any is removed for a query.
    pub n_gallery: usize,
    /// Queries that had nothing to find, and were dropped.
    pub n_dropped: usize,
    /// The model's scores.
    pub metrics: Metrics,
    /// What others reach on the same queries and galleries, by name; `chance` is the mean of all random
    /// rankings.
    pub baselines: BTreeMap<String, Metrics>,
    /// What the intervals of all these scores but the classifier's were made from; the classifier's from the
    /// drugs that it could judge, likewise.
    #[serde(default)]
    pub intervals: Units,
    /// Where the split is from: `table`, or `seed 7`.
    pub split_from: String,
    /// Compounds or mechanisms that the model was trained with although they must be new. Not empty = the
    /// scores are void.
    pub contaminated: Vec<String>,
    /// Queries that the classifier could judge.
    pub n_classified: usize,
    /// Rows that took no part, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// By mechanism, in `MoA` recognition.
    pub per_moa: Vec<MoaScore>,
    /// By compound.
    pub per_drug: Vec<DrugScore>,
    /// In `MoA` recognition: by the `nearest` item, by the `majority` of the nearest 5, and by the
    /// `classifier`.
    pub confusion: BTreeMap<String, Confusion>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Report {
    /// A table to read: the model above its baselines, then the mechanisms.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let task = match self.task {
            Task::DrugIdentification => "Drug identification",
            Task::Moa => "MoA recognition",
        };
        let simulated = if self.simulated { ", simulated data" } else { "" };
        let _ = writeln!(
            out,
            "{task}, {} ({}, split by {}), exclusion {}, {}{simulated}",
            self.protocol.label(),
            self.split,
            self.split_from,
            self.exclusion.label(),
            self.normalisation.label()
        );
        let _ = writeln!(
            out,
            "{} queries, {} dropped, gallery of {}; 95 % intervals: {} resampled",
            self.n_query,
            self.n_dropped,
            self.n_gallery,
            self.intervals.text()
        );
        if !self.contaminated.is_empty() {
            let known = self.contaminated.join(", ");
            let _ = writeln!(out, "CONTAMINATED, the model was trained with: {known}");
        }
        let width = self.baselines.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(8);
        let _ =
            writeln!(out, "{:width$}  {:21}  {:21}  {:21}  {:21}", "", "mAP", "Rank-1", "Rank-5", "Rank-10");
        let chance = self.baselines.get_key_value(CHANCE);
        let others = self.baselines.iter().filter(|(name, _)| *name != CHANCE);
        let model = "model".to_owned();
        for (name, metrics) in [(&model, &self.metrics)].into_iter().chain(chance).chain(others) {
            let cells = [metrics.map, metrics.cmc1, metrics.cmc5, metrics.cmc10].map(cell).join("  ");
            let _ = writeln!(out, "{name:width$}  {}", cells.trim_end());
        }
        if let Some(accuracy) = self.metrics.accuracy {
            let of = self.n_classified;
            let auc = cell(self.metrics.auc);
            let _ = writeln!(out, "classifier: accuracy {}, AUC {auc} ({of} queries)", cell(Some(accuracy)));
        }
        let width = self.per_moa.iter().map(|moa| moa.moa.chars().count()).max().unwrap_or(0);
        for moa in &self.per_moa {
            let _ = writeln!(
                out,
                "  {:width$}  mAP {:.3}  Rank-1 {:.3}  chance {:.3}  ({} queries of {} drugs)",
                moa.moa, moa.map, moa.cmc1, moa.chance, moa.n_query, moa.n_drugs
            );
        }
        for (reason, rows) in &self.left_out {
            let _ = writeln!(out, "left out: {rows} rows, {reason}");
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}

/// Name of the baseline of random rankings.
pub(super) const CHANCE: &str = "chance";

fn cell(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || format!("{:21}", "-"),
        |Estimate { value, lo, hi }| format!("{value:.3} [{lo:.3}, {hi:.3}]"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confusion_counts_a_query_under_the_mechanism_that_was_found() {
        let pairs = [(vec!["b", "a"], "a"), (vec!["b", "a"], "c"), (vec!["c"], "c"), (vec![], "c")];
        let found = Confusion::of(&pairs);
        assert_eq!(found.labels, ["a", "b", "c"]);
        assert_eq!(found.counts, [[1, 0, 0], [0, 0, 1], [0, 0, 1]]);
    }
}

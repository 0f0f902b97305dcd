//! What a protocol says, in the form of the contract: one object per level, exclusion, normalisation and pair of domains.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

pub use crate::analysis::evaluate::Level;

use crate::analysis::evaluate::Estimate;

/// Metrics that every object has, in the order of the contract; others follow by name.
pub const METRICS: [&str; 6] = ["map", "cmc1", "cmc5", "cmc10", "accuracy", "auc"];

/// Scores by name; `None` where one cannot be measured.
pub type Scored = BTreeMap<String, Option<Estimate>>;

/// One result of a protocol: the contract's keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// What had to be found: `moa`, `compound`, or the name of a label column.
    pub task: String,
    /// Name of the protocol on the command line.
    pub protocol: &'static str,
    /// Who asks whom, in a few words: `all against all`, `plates left out`, `5 folds`.
    pub split: String,
    /// What a query does not see: `nsc`, `nscb`, `plate`, `position`, `none` and the like.
    pub exclusion: String,
    /// What was done to the vectors: `raw` or `dmso-centred`.
    pub normalisation: String,
    /// What one vector stands for.
    pub level: Level,
    /// Seed of what was drawn.
    pub seed: u64,
    /// True if any row is simulated, or the vectors were made by a model that was trained on simulated data.
    pub simulated: bool,
    /// Compounds that the model was trained with although it is asked about them. Not empty = the scores are void.
    pub contaminated: Vec<String>,
    /// Where domains are told apart, the first of the pair: that of the queries in `leave-plate-out`, of the gallery in
    /// `plate-knn` and of what was learnt from elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The second: that of the gallery in `leave-plate-out`, of the queries elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Queries, or rows that were predicted.
    pub n_query: usize,
    /// What could be found, or rows that were learnt from in all.
    pub n_gallery: usize,
    /// Queries that had nothing to find, and were dropped.
    pub n_dropped: usize,
    /// The scores of the vectors; [`METRICS`] at least.
    pub metrics: Scored,
    /// What others reach on the same queries, by name.
    pub baselines: BTreeMap<String, Scored>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// The contract's metrics, all unknown, with those that are known put in.
pub fn scored(known: impl IntoIterator<Item = (&'static str, Option<Estimate>)>) -> Scored {
    let mut all: Scored = METRICS.iter().map(|name| ((*name).to_owned(), None)).collect();
    all.extend(known.into_iter().map(|(name, estimate)| (name.to_owned(), estimate)));
    all
}

impl Outcome {
    /// A table to read: the vectors above the baselines.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let simulated = if self.simulated { ", simulated data" } else { "" };
        let domains = match (&self.source, &self.target) {
            (Some(source), Some(target)) => format!(", {source} → {target}"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "{}, {} ({}{domains}), exclusion {}, {}, level {}{simulated}",
            self.task,
            self.protocol,
            self.split,
            self.exclusion,
            self.normalisation,
            self.level.label()
        );
        let _ = writeln!(
            out,
            "{} queries, {} dropped, {} to be found or learnt from; 95 % intervals",
            self.n_query, self.n_dropped, self.n_gallery
        );
        if !self.contaminated.is_empty() {
            let known = self.contaminated.join(", ");
            let _ = writeln!(out, "CONTAMINATED, the model was trained with: {known}");
        }
        let columns = self.columns();
        let width = self.baselines.keys().map(|name| name.chars().count()).max().unwrap_or(0).max(8);
        let heads: Vec<String> = columns.iter().map(|name| format!("{name:21}")).collect();
        let _ = writeln!(out, "{:width$}  {}", "", heads.join("  ").trim_end());
        let own = ("vectors", &self.metrics);
        let others = self.baselines.iter().map(|(name, scored)| (name.as_str(), scored));
        for (name, scored) in std::iter::once(own).chain(others) {
            let cells: Vec<String> =
                columns.iter().map(|column| cell(scored.get(*column).copied().flatten())).collect();
            let _ = writeln!(out, "{name:width$}  {}", cells.join("  ").trim_end());
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }

    /// Metrics that anyone has a number of: the contract's first, then others by name.
    fn columns(&self) -> Vec<&str> {
        let all = || std::iter::once(&self.metrics).chain(self.baselines.values());
        let has = |name: &&str| all().any(|scored| scored.get(*name).is_some_and(Option::is_some));
        let others = all().flat_map(BTreeMap::keys).map(String::as_str);
        let others: std::collections::BTreeSet<&str> =
            others.filter(|name| !METRICS.contains(name)).collect();
        METRICS.iter().copied().chain(others).filter(has).collect()
    }
}

fn cell(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || format!("{:21}", "-"),
        |Estimate { value, lo, hi }| format!("{value:.3} [{lo:.3}, {hi:.3}]"),
    )
}

//! Scores by group, as they are printed.

use std::fmt::Write as _;

use serde::Serialize;

use super::Rules;
use crate::analysis::answers::activity::FALSE_DISCOVERIES;

/// Groups in the table for people.
const SHOWN: usize = 30;

/// One group. Unknown numbers are `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Its values in the columns that group, joined by ` | `.
    pub group: String,
    /// Rows that ask.
    pub n: usize,
    /// Different positive pairs that these rows are part of, for each label by which they agree.
    pub n_pos_pairs: usize,
    /// Mean average precision over its rankings, 0 to 1; `None` where no row has both positives and negatives.
    pub map: Option<f64>,
    /// What random rankings of the same counts reach on average.
    pub chance: Option<f64>,
    /// (#{null > map} + 1) ÷ (draws + 1).
    pub p: Option<f64>,
    /// p after Benjamini and Hochberg, over the groups that have one.
    pub q: Option<f64>,
    /// Median Pearson correlation over its positive pairs.
    pub correlation: Option<f64>,
}

/// All groups, and what they come to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Rows that were compared: consensus profiles where the preset makes them.
    pub n: usize,
    /// In the order in which they appear; those without a score too.
    pub groups: Vec<Group>,
    /// Mean over the groups that have a score.
    pub mean_map: Option<f64>,
    /// Mean over the same groups of what random rankings reach.
    pub mean_chance: Option<f64>,
    /// Part of the same groups with q < 0.05.
    pub fraction_active: Option<f64>,
    /// Part of the groups, 0 to 1, whose median correlation is above the 95th percentile of random pairs; `None` where
    /// pairs are of different compounds.
    pub percent_replicating: Option<f64>,
    /// The same where a pair is of two compounds by rule.
    pub percent_matching: Option<f64>,
    /// Draws of each null.
    pub null: usize,
    /// Their seed.
    pub seed: u64,
    /// Which rows make pairs and groups.
    pub rules: Rules,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Group {
    /// q < 0.05.
    pub fn is_active(&self) -> bool {
        self.q.is_some_and(|q| q < FALSE_DISCOVERIES)
    }
}

impl Scores {
    /// A table to read, the best group first.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let scored = self.groups.iter().filter(|group| group.map.is_some()).count();
        let (all, null, seed) = (self.groups.len(), self.null, self.seed);
        let _ = writeln!(out, "{} rows, {scored} of {all} groups scored; {null} draws, seed {seed}", self.n);
        let _ = writeln!(out, "positive pairs: {}", said(&self.rules.same, &self.rules.different));
        let negatives = said(&self.rules.negatives_same, &self.rules.negatives_different);
        let _ = writeln!(out, "negative pairs: {negatives}");
        for (name, value) in [
            ("mean mAP", self.mean_map),
            ("chance", self.mean_chance),
            ("fraction active (q < 0.05)", self.fraction_active),
            ("percent replicating", self.percent_replicating.map(|part| part * 100.0)),
            ("percent matching", self.percent_matching.map(|part| part * 100.0)),
        ] {
            if let Some(value) = value {
                let _ = writeln!(out, "{name}: {value:.4}");
            }
        }
        let mut best: Vec<&Group> = self.groups.iter().collect();
        best.sort_by(|a, b| b.map.unwrap_or(-1.0).total_cmp(&a.map.unwrap_or(-1.0)));
        best.truncate(SHOWN);
        let width = best.iter().map(|group| group.group.chars().count()).max().unwrap_or(0).max(5);
        let _ = writeln!(
            out,
            "{:width$}  {:>8}  {:>7}  {:>7}  {:>9}  {:>9}",
            "group", "pairs", "mAP", "chance", "p", "q"
        );
        for Group { group, n_pos_pairs, map, chance, p, q, .. } in best {
            let (map, chance) = (cell(*map, 4), cell(*chance, 4));
            let (p, q) = (cell(*p, 6), cell(*q, 6));
            let _ = writeln!(out, "{group:width$}  {n_pos_pairs:>8}  {map:>7}  {chance:>7}  {p:>9}  {q:>9}");
        }
        if all > SHOWN {
            let _ = writeln!(out, "and {} groups more: --json has all", all - SHOWN);
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}

/// A rule in words.
fn said(same: &[String], different: &[String]) -> String {
    let parts = [("same", same), ("different", different)].into_iter().filter(|(_, names)| !names.is_empty());
    parts.map(|(word, names)| format!("{word} {}", names.join(", "))).collect::<Vec<_>>().join("; ")
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

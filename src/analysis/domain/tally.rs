//! What scores are means of, by the units that are drawn for their intervals.

use std::collections::BTreeMap;

use crate::analysis::evaluate::bootstrap::{Draws, Estimate};

/// Scores by compound, or votes by plate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tally {
    /// A mean over queries; compounds are drawn, within mechanisms where these are known to matter.
    Mean {
        /// Name or number of each compound that asks.
        units: Vec<String>,
        /// Its mechanism; `None` to draw it alone.
        mechanisms: Vec<Option<usize>>,
        /// Sum over its queries.
        sums: Vec<f64>,
        /// Number of its queries.
        queries: Vec<f64>,
    },
    /// Balanced accuracy; plates are drawn.
    Votes(Votes),
}

/// Votes about rows of plates and domains.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Votes {
    domains: usize,
    /// `[plate, domain]`: right votes, and rows.
    right: Vec<f64>,
    rows: Vec<f64>,
}

impl Votes {
    pub fn new(plates: usize, domains: usize) -> Self {
        let none = vec![0.0; plates * domains];
        Self { domains, right: none.clone(), rows: none }
    }

    pub fn count(&mut self, plate: usize, domain: usize, is_right: bool) {
        let place = plate * self.domains + domain;
        self.right[place] += f64::from(u8::from(is_right));
        self.rows[place] += 1.0;
    }

    /// Mean over domains of the part of their rows that is told right; `None` where one has no rows in the draw.
    fn balanced(&self, counts: &[u32]) -> Option<f64> {
        let mut sum = 0.0;
        for domain in 0..self.domains {
            let of = |values: &[f64]| -> f64 {
                let own = values.iter().skip(domain).step_by(self.domains);
                own.zip(counts).map(|(value, count)| value * f64::from(*count)).sum()
            };
            let rows = of(&self.rows);
            if rows == 0.0 {
                return None;
            }
            sum += of(&self.right) / rows;
        }
        (self.domains > 0).then(|| sum / self.domains as f64)
    }
}

impl Tally {
    /// Of scores, each with what is drawn with it: the unit, and the unit's mechanism.
    pub fn of<U: Ord + ToString>(scores: impl IntoIterator<Item = (U, Option<usize>, f64)>) -> Self {
        let mut found: BTreeMap<U, (Option<usize>, f64, f64)> = BTreeMap::new();
        for (unit, mechanism, score) in scores {
            let own = found.entry(unit).or_insert((mechanism, 0.0, 0.0));
            own.1 += score;
            own.2 += 1.0;
        }
        let (mut units, mut mechanisms) = (Vec::new(), Vec::new());
        let (mut sums, mut queries) = (Vec::new(), Vec::new());
        for (unit, (mechanism, sum, count)) in found {
            units.push(unit.to_string());
            mechanisms.push(mechanism);
            sums.push(sum);
            queries.push(count);
        }
        Self::Mean { units, mechanisms, sums, queries }
    }

    /// Whether the same units are drawn for both.
    fn pairs_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mean { units, .. }, Self::Mean { units: others, .. }) => units == others,
            (Self::Votes(own), Self::Votes(other)) => {
                (own.rows.len(), own.domains) == (other.rows.len(), other.domains)
            }
            _ => false,
        }
    }

    /// The mechanism of each unit that is drawn.
    fn mechanisms(&self) -> Vec<Option<usize>> {
        match self {
            Self::Mean { mechanisms, .. } => mechanisms.clone(),
            Self::Votes(votes) => vec![None; votes.rows.len() / votes.domains.max(1)],
        }
    }

    /// The score where each unit counts so often.
    fn value(&self, counts: &[u32]) -> Option<f64> {
        match self {
            Self::Votes(votes) => votes.balanced(counts),
            Self::Mean { sums, queries, .. } => {
                let weighted = |values: &[f64]| -> f64 {
                    values.iter().zip(counts).map(|(value, count)| value * f64::from(*count)).sum()
                };
                let all = weighted(queries);
                (all > 0.0).then(|| weighted(sums) / all)
            }
        }
    }

    /// The score with its interval, and how far it is ahead of another of the same units; the same seed draws the same
    /// units for both.
    pub fn estimate(
        &self,
        other: Option<&Self>,
        resamples: usize,
        seed: u64,
    ) -> (Option<Estimate>, Option<Estimate>) {
        let draws = Draws::new(&self.mechanisms(), resamples, seed);
        let own = draws.estimate(|counts| self.value(counts));
        let other = other.filter(|other| self.pairs_with(other));
        let ahead =
            other.and_then(|other| draws.estimate(|counts| Some(self.value(counts)? - other.value(counts)?)));
        (own, ahead)
    }
}

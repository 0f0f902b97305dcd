//! How far a score would move with other drugs: the bootstrap over drugs.
//!
//! Recordings of one drug are no independent trials, so drugs are drawn with replacement, each with all its
//! queries. The value itself stays the mean over queries. The gallery stays what it is.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::random::stream;

/// Resamplings for an interval.
pub const RESAMPLES: usize = 2000;

/// A score with its 95 % interval (2.5 and 97.5 percentile).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The score.
    pub value: f64,
    /// 2.5 %.
    pub lo: f64,
    /// 97.5 %.
    pub hi: f64,
}

/// How often each of some drugs is drawn, resampling by resampling. The same seed and number of drugs give
/// the same draws, so that methods are compared on the same drugs.
pub struct Draws {
    drugs: usize,
    /// `[resample, drug]`.
    counts: Vec<u32>,
}

impl Draws {
    /// Draws as many drugs as there are, so many times.
    pub fn new(drugs: usize, resamples: usize, seed: u64) -> Self {
        let mut rng = stream(seed, &["bootstrap"]);
        let mut counts = vec![0; resamples * drugs];
        for counts in counts.chunks_exact_mut(drugs.max(1)) {
            for _ in 0..drugs {
                counts[rng.random_range(0..drugs)] += 1;
            }
        }
        Self { drugs, counts }
    }

    /// A mean over queries, given each drug's sum and number of queries; `None` without queries.
    pub fn mean(&self, sums: &[f64], queries: &[f64]) -> Option<Estimate> {
        self.estimate(|counts| {
            let n = weighted(counts, queries);
            (n > 0.0).then(|| weighted(counts, sums) / n)
        })
    }

    /// Any score that can be computed from how often each drug counts. Draws for which it is `None` are
    /// passed over; without any the interval is the value.
    pub fn estimate(&self, score: impl Fn(&[u32]) -> Option<f64> + Sync) -> Option<Estimate> {
        let value = score(&vec![1; self.drugs])?;
        let draws = self.counts.par_chunks_exact(self.drugs.max(1));
        Some(interval(value, draws.filter_map(&score).collect()))
    }
}

fn weighted(counts: &[u32], values: &[f64]) -> f64 {
    counts.iter().zip(values).map(|(count, value)| f64::from(*count) * value).sum()
}

/// The percentiles of drawn values around a value.
fn interval(value: f64, mut drawn: Vec<f64>) -> Estimate {
    drawn.sort_by(f64::total_cmp);
    let at = |part: f64| {
        let place = (part * drawn.len().saturating_sub(1) as f64).round() as usize;
        drawn.get(place).copied().unwrap_or(value)
    };
    Estimate { value, lo: at(0.025), hi: at(0.975) }
}

/// A drug's score: its mean over so many queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrugScore {
    /// Name of the compound.
    pub compound: String,
    /// Its queries that had something to find.
    pub n_query: usize,
    /// Their mean average precision.
    pub map: f64,
}

/// Difference in mAP of two methods, first less second, each trained with several seeds and asked the same
/// queries. Drugs and seeds are both drawn with replacement, the same for both methods. `None` if no drug is
/// in all scores.
pub fn paired_difference(runs: &[[&[DrugScore]; 2]], resamples: usize, seed: u64) -> Option<Estimate> {
    let names = |scores: &[DrugScore]| scores.iter().map(|s| s.compound.clone()).collect::<BTreeSet<_>>();
    let common = runs.iter().flatten().map(|scores| names(scores)).reduce(|a, b| &a & &b)?;
    let of = |scores: &[DrugScore]| -> Vec<(f64, f64)> {
        let by_name: BTreeMap<&String, &DrugScore> = scores.iter().map(|s| (&s.compound, s)).collect();
        common.iter().map(|name| (by_name[name].n_query as f64, by_name[name].map)).collect()
    };
    // For each run and drug: queries, and how much further they come in sum.
    let runs: Vec<(Vec<f64>, Vec<f64>)> = runs
        .iter()
        .map(|[first, second]| {
            of(first).into_iter().zip(of(second)).map(|((n, a), (_, b))| (n, n * (a - b))).unzip()
        })
        .collect();
    let difference = |counts: &[u32], chosen: &[usize]| {
        let of = chosen.iter().map(|&run| weighted(counts, &runs[run].1) / weighted(counts, &runs[run].0));
        Some(of.sum::<f64>() / chosen.len() as f64).filter(|value| value.is_finite())
    };
    let all: Vec<usize> = (0..runs.len()).collect();
    let value = difference(&vec![1; common.len()], &all)?;
    let draws = Draws::new(common.len(), resamples, seed);
    let mut rng = stream(seed, &["bootstrap", "seeds"]);
    let drawn = draws.counts.chunks_exact(common.len()).filter_map(|counts| {
        let chosen: Vec<usize> = all.iter().map(|_| rng.random_range(0..all.len())).collect();
        difference(counts, &chosen)
    });
    Some(interval(value, drawn.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    #[test]
    fn the_interval_of_a_mean_is_the_analytic_one() {
        let mut rng = stream(5, &["drugs"]);
        let n = 300;
        // Drugs with 1 to 4 queries and an effect of their own: the ratio's variance by linearisation.
        let queries: Vec<f64> = (0..n).map(|i| f64::from(1 + i % 4)).collect();
        let sums: Vec<f64> = queries.iter().map(|q| q * (0.5 + 0.1 * normal(&mut rng))).collect();
        let found = Draws::new(n as usize, RESAMPLES, 1).mean(&sums, &queries).unwrap();
        let mean_queries = queries.iter().sum::<f64>() / f64::from(n);
        let value = sums.iter().sum::<f64>() / queries.iter().sum::<f64>();
        let squares: f64 = sums.iter().zip(&queries).map(|(s, q)| (s - value * q).powi(2)).sum();
        let error = squares.sqrt() / f64::from(n) / mean_queries;
        assert!((found.value - value).abs() < 1e-12);
        assert!((found.lo - (value - 1.96 * error)).abs() < 0.15 * error, "{found:?} {value} {error}");
        assert!((found.hi - (value + 1.96 * error)).abs() < 0.15 * error, "{found:?} {value} {error}");
    }

    #[test]
    fn a_value_without_spread_has_none_and_nothing_has_no_value() {
        let draws = Draws::new(4, 100, 1);
        let exact = Estimate { value: 0.25, lo: 0.25, hi: 0.25 };
        assert_eq!(draws.mean(&[1.0, 0.5, 0.25, 2.0], &[4.0, 2.0, 1.0, 8.0]), Some(exact));
        assert_eq!(draws.mean(&[0.0; 4], &[0.0; 4]), None);
        assert_eq!(Draws::new(0, 100, 1).mean(&[], &[]), None);
        let rare = draws.estimate(|counts| (counts[0] > 0).then_some(0.25));
        assert_eq!(rare, Some(exact), "draws without a value are passed over");
        assert_eq!(Draws::new(4, 0, 1).mean(&[1.0; 4], &[4.0; 4]), Some(exact));
    }

    #[test]
    fn a_difference_is_paired_by_drug() {
        let mut rng = stream(6, &["arms"]);
        let mut runs = Vec::new();
        let levels: Vec<f64> = (0..40).map(|_| 0.5 + 0.2 * normal(&mut rng)).collect();
        for _ in 0..3 {
            let mut arm = |gain: f64| -> Vec<DrugScore> {
                let score = |(i, level): (usize, &f64)| DrugScore {
                    compound: format!("d{i}"),
                    n_query: 1 + i % 3,
                    map: level + gain + 0.01 * normal(&mut rng),
                };
                levels.iter().enumerate().map(score).collect()
            };
            runs.push([arm(0.05), arm(0.0)]);
        }
        runs[1][0].reverse();
        runs[2][1].push(DrugScore { compound: "alone".to_owned(), n_query: 9, map: 1.0 });
        let arms: Vec<[&[DrugScore]; 2]> = runs.iter().map(|run| run.each_ref().map(Vec::as_slice)).collect();
        let found = paired_difference(&arms, 500, 1).unwrap();
        assert!((found.value - 0.05).abs() < 0.005, "{found:?}");
        // Drugs differ by 0.2; what is left of it after pairing is the noise of 0.01.
        assert!(found.lo > 0.04 && found.hi < 0.06 && found.lo < found.value, "{found:?}");
        let back: Vec<_> = arms.iter().map(|[a, b]| [*b, *a]).collect();
        assert!((paired_difference(&back, 500, 1).unwrap().value + found.value).abs() < 1e-12);
        assert_eq!(paired_difference(&[[&[], &[]]], 10, 1), None);
    }
}

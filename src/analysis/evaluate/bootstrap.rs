//! How far a score would move with other mechanisms and drugs: the two-level bootstrap.
//!
//! Recordings of one drug are no independent trials, and drugs of one mechanism look alike. So mechanisms are
//! drawn with replacement, and for each that is drawn its drugs with replacement, each with all its queries
//! (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Drugs alone would give
//! intervals that are too narrow wherever some mechanisms are easier than others. The value itself stays the
//! mean over queries. The gallery stays what it is.

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

/// Fewest mechanisms that are drawn; of fewer nothing could be said about others.
const MECHANISMS: usize = 3;

/// What was drawn with replacement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Mechanisms, then drugs within each; a drug of no known mechanism counts as one of its own.
    MechanismsThenDrugs,
    /// Drugs, as fewer than three mechanisms are known.
    #[default]
    Drugs,
}

/// What intervals were made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// What was drawn.
    pub resampled: Level,
    /// Mechanisms of the drugs; one with several counts under the first by the alphabet.
    pub mechanisms: usize,
    /// Drugs with queries that had something to find.
    pub drugs: usize,
    /// Runs with a seed each, which were drawn too; 1 where there was one run.
    pub seeds: usize,
}

impl Units {
    fn of(mechanisms: &[Option<usize>]) -> Self {
        let known = mechanisms.iter().flatten().collect::<BTreeSet<_>>().len();
        let resampled = if known < MECHANISMS { Level::Drugs } else { Level::MechanismsThenDrugs };
        Self { resampled, mechanisms: known, drugs: mechanisms.len(), seeds: 1 }
    }

    /// For a line of text: `12 mechanisms and 48 drugs within them`.
    pub fn text(&self) -> String {
        let Self { mechanisms, drugs, seeds, .. } = self;
        let units = match self.resampled {
            Level::MechanismsThenDrugs => format!("{mechanisms} mechanisms and {drugs} drugs within them"),
            Level::Drugs => format!("{drugs} drugs (too few mechanisms: {mechanisms})"),
        };
        if *seeds > 1 { format!("{units}, and {seeds} seeds") } else { units }
    }
}

/// How often each of some drugs is drawn, resampling by resampling. The same seed and drugs of the same
/// mechanisms give the same draws, so that methods are compared on the same drugs.
pub struct Draws {
    units: Units,
    /// `[resample, drug]`.
    counts: Vec<u32>,
}

impl Draws {
    /// Draws as many mechanisms as there are, and as many drugs of each as it has, so many times. `mechanisms`
    /// has the mechanism of each drug, `None` where none is known.
    pub fn new(mechanisms: &[Option<usize>], resamples: usize, seed: u64) -> Self {
        let (units, drugs) = (Units::of(mechanisms), mechanisms.len());
        let mut together: BTreeMap<(Option<usize>, usize), Vec<usize>> = BTreeMap::new();
        for (drug, &mechanism) in mechanisms.iter().enumerate() {
            let mechanism = mechanism.filter(|_| units.resampled == Level::MechanismsThenDrugs);
            let alone = if mechanism.is_some() { 0 } else { drug };
            together.entry((mechanism, alone)).or_default().push(drug);
        }
        let together: Vec<Vec<usize>> = together.into_values().collect();
        let mut rng = stream(seed, &["bootstrap"]);
        let mut counts = vec![0; resamples * drugs];
        for counts in counts.chunks_exact_mut(drugs.max(1)) {
            for _ in 0..together.len() {
                let own = &together[rng.random_range(0..together.len())];
                for _ in own {
                    let place = if own.len() > 1 { rng.random_range(0..own.len()) } else { 0 };
                    counts[own[place]] += 1;
                }
            }
        }
        Self { units, counts }
    }

    /// What is drawn.
    pub const fn units(&self) -> Units {
        self.units
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
        let value = score(&vec![1; self.units.drugs])?;
        let draws = self.counts.par_chunks_exact(self.units.drugs.max(1));
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
    /// The mechanism that it is resampled with: its first by the alphabet; `None` where none is known.
    #[serde(default)]
    pub moa: Option<String>,
    /// Its queries that had something to find.
    pub n_query: usize,
    /// Their mean average precision.
    pub map: f64,
}

/// How far one method is ahead of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Difference in mAP, first less second.
    pub difference: Estimate,
    /// What was drawn.
    pub units: Units,
}

/// Difference in mAP of two methods, each trained with several seeds and asked the same queries. Mechanisms,
/// drugs within them, and seeds are drawn with replacement, the same for both methods. `None` if no drug is
/// in all scores.
pub fn paired_difference(runs: &[[&[DrugScore]; 2]], resamples: usize, seed: u64) -> Option<Paired> {
    let names = |scores: &[DrugScore]| scores.iter().map(|s| s.compound.clone()).collect::<BTreeSet<_>>();
    let common = runs.iter().flatten().map(|scores| names(scores)).reduce(|a, b| &a & &b)?;
    let labels: BTreeMap<&String, &String> = runs
        .iter()
        .flatten()
        .flat_map(|scores| scores.iter())
        .filter_map(|score| Some((&score.compound, score.moa.as_ref()?)))
        .collect();
    let numbers: BTreeMap<&String, usize> =
        labels.values().copied().collect::<BTreeSet<_>>().into_iter().zip(0..).collect();
    let mechanisms: Vec<Option<usize>> =
        common.iter().map(|name| numbers.get(labels.get(name)?).copied()).collect();
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
    let draws = Draws::new(&mechanisms, resamples, seed);
    let mut rng = stream(seed, &["bootstrap", "seeds"]);
    let drawn = draws.counts.chunks_exact(common.len()).filter_map(|counts| {
        let chosen: Vec<usize> = all.iter().map(|_| rng.random_range(0..all.len())).collect();
        difference(counts, &chosen)
    });
    let difference = interval(value, drawn.collect());
    Some(Paired { difference, units: Units { seeds: runs.len(), ..draws.units } })
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
        let found = Draws::new(&vec![None; n as usize], RESAMPLES, 1).mean(&sums, &queries).unwrap();
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
        let draws = Draws::new(&[None; 4], 100, 1);
        let exact = Estimate { value: 0.25, lo: 0.25, hi: 0.25 };
        assert_eq!(draws.mean(&[1.0, 0.5, 0.25, 2.0], &[4.0, 2.0, 1.0, 8.0]), Some(exact));
        assert_eq!(draws.mean(&[0.0; 4], &[0.0; 4]), None);
        assert_eq!(Draws::new(&[], 100, 1).mean(&[], &[]), None);
        let rare = draws.estimate(|counts| (counts[0] > 0).then_some(0.25));
        assert_eq!(rare, Some(exact), "draws without a value are passed over");
        assert_eq!(Draws::new(&[None; 4], 0, 1).mean(&[1.0; 4], &[4.0; 4]), Some(exact));
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
                    moa: Some(format!("m{}", i / 4)),
                    n_query: 1 + i % 3,
                    map: level + gain + 0.01 * normal(&mut rng),
                };
                levels.iter().enumerate().map(score).collect()
            };
            runs.push([arm(0.05), arm(0.0)]);
        }
        runs[1][0].reverse();
        runs[2][1].push(DrugScore { compound: "alone".to_owned(), moa: None, n_query: 9, map: 1.0 });
        let arms: Vec<[&[DrugScore]; 2]> = runs.iter().map(|run| run.each_ref().map(Vec::as_slice)).collect();
        let Paired { difference: found, units } = paired_difference(&arms, 500, 1).unwrap();
        assert_eq!(units.text(), "10 mechanisms and 40 drugs within them, and 3 seeds");
        assert!((found.value - 0.05).abs() < 0.005, "{found:?}");
        // Drugs differ by 0.2; what is left of it after pairing is the noise of 0.01.
        assert!(found.lo > 0.04 && found.hi < 0.06 && found.lo < found.value, "{found:?}");
        let back: Vec<_> = arms.iter().map(|[a, b]| [*b, *a]).collect();
        let back = paired_difference(&back, 500, 1).unwrap().difference;
        assert!((back.value + found.value).abs() < 1e-12);
        assert_eq!(paired_difference(&[[&[], &[]]], 10, 1), None);
    }

    /// Part of 200 simulated screens (20 mechanisms of 4 drugs, both with effects of deviation 1) whose 95 %
    /// interval holds the true mean.
    fn coverage(knows_mechanisms: bool) -> f64 {
        let (moas, each, screens) = (20, 4, 200);
        let holds = |screen: &u64| {
            let mut rng = stream(*screen, &["hierarchy"]);
            let mut scores = Vec::new();
            for _ in 0..moas {
                let level = normal(&mut rng);
                scores.extend((0..each).map(|_| level + normal(&mut rng)));
            }
            let mechanisms: Vec<Option<usize>> =
                (0..moas * each).map(|drug| knows_mechanisms.then_some(drug / each)).collect();
            let draws = Draws::new(&mechanisms, 500, *screen);
            let found = draws.mean(&scores, &vec![1.0; moas * each]).unwrap();
            found.lo <= 0.0 && 0.0 <= found.hi
        };
        (0..screens).filter(holds).count() as f64 / screens as f64
    }

    #[test]
    fn intervals_over_mechanisms_hold_the_truth_and_intervals_over_drugs_alone_do_not() {
        let (both, drugs) = (coverage(true), coverage(false));
        assert!((0.9..=0.98).contains(&both), "{both}");
        assert!(drugs < 0.88, "the positive control: {drugs}");
    }

    #[test]
    fn the_units_are_said_and_too_few_mechanisms_are_not_drawn() {
        let units = |mechanisms: &[Option<usize>]| Draws::new(mechanisms, 10, 1).units();
        let known = units(&[Some(0), Some(0), Some(1), Some(2), None]);
        assert_eq!((known.resampled, known.mechanisms, known.drugs), (Level::MechanismsThenDrugs, 3, 5));
        assert_eq!(known.text(), "3 mechanisms and 5 drugs within them");
        let few = units(&[Some(0), Some(0), Some(7)]);
        assert_eq!((few.resampled, few.text().as_str()), (Level::Drugs, "3 drugs (too few mechanisms: 2)"));
        assert_eq!(serde_json::to_value(few).unwrap()["resampled"], "drugs");
        // Drugs of one mechanism come together: of three mechanisms with the same score within, a draw without
        // the first has none of its drugs.
        let draws = Draws::new(&[Some(0), Some(0), Some(0), Some(1), Some(2)], 200, 1);
        let counts = |counts: &[u32]| counts[..3].iter().sum::<u32>().is_multiple_of(3);
        assert!(draws.counts.chunks_exact(5).all(counts));
        let old: DrugScore = serde_json::from_str(r#"{"compound": "a", "n_query": 1, "map": 0.5}"#).unwrap();
        assert_eq!(old.moa, None, "scores of before are read");
    }
}

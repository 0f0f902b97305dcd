//! Percent replicating and percent matching (Way et al., Cell Systems 2022, 13:911): the part of the groups whose rows
//! correlate more than rows that have nothing in common.

use rand::RngExt;
use rayon::prelude::*;

use super::profiles::{Profiles, median};
use super::rule::Rule;
use crate::random::stream;

/// Medians of random pairs that groups are compared with, as many as the package draws.
const SAMPLES: usize = 1_000;

/// Most pairs behind one of these medians.
const MOST: usize = 50;

/// Tries to find a partner that has nothing in common with a row.
const TRIES: usize = 1_000;

/// Rank of the threshold among the medians.
const PERCENTILE: f64 = 0.95;

/// A spread of this part of a vector's length is rounding: the vector is constant, and correlates with nothing.
const ROUNDING: f64 = 1e-7;

/// Vectors, compared by Pearson's correlation.
pub(super) struct Correlations<'a> {
    profiles: &'a Profiles,
    /// Mean of each vector, and its length after the mean is taken off; 0 for constant ones.
    rows: Vec<(f64, f64)>,
}

/// A group's pairs as they correlate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    /// Median over its pairs.
    pub median: f64,
    /// Rows that come first in a pair: what the package takes for the number of pairs of a typical group.
    pub firsts: usize,
}

impl<'a> Correlations<'a> {
    pub(super) fn new(profiles: &'a Profiles) -> Self {
        let row = |vector: &[f32]| {
            let mean = vector.iter().map(|x| f64::from(*x)).sum::<f64>() / vector.len() as f64;
            let spread = vector.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>().sqrt();
            let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            (mean, if spread > length * ROUNDING { spread } else { 0.0 })
        };
        Self { profiles, rows: profiles.values.par_chunks_exact(profiles.dim.max(1)).map(row).collect() }
    }

    /// Of two rows; `None` where one is constant.
    fn of(&self, a: usize, b: usize) -> Option<f64> {
        let ((mean_a, length_a), (mean_b, length_b)) = (self.rows[a], self.rows[b]);
        let pairs = self.profiles.row(a).iter().zip(self.profiles.row(b));
        let product: f64 = pairs.map(|(a, b)| (f64::from(*a) - mean_a) * (f64::from(*b) - mean_b)).sum();
        let lengths = length_a * length_b;
        (lengths > 0.0).then(|| product / lengths)
    }

    /// Of the pairs of a group, each with the smaller row first; `None` where nothing correlates.
    pub(super) fn spread(&self, pairs: &[(usize, usize)]) -> Option<Spread> {
        let mut all: Vec<f64> = pairs.par_iter().filter_map(|&(a, b)| self.of(a, b)).collect();
        let mut firsts: Vec<usize> = pairs.iter().map(|pair| pair.0).collect();
        firsts.sort_unstable();
        firsts.dedup();
        Some(Spread { median: median(&mut all)?, firsts: firsts.len() })
    }

    /// The part of the groups whose median is above the 95th percentile of the medians of random pairs. These differ in
    /// every column of the rule, or, where a draw finds none that do, as in a column that has one value, in some of those
    /// that pairs agree in. `None` without groups, or where there are no such pairs.
    pub(super) fn percent(&self, groups: &[Spread], rule: &Rule, seed: u64) -> Option<f64> {
        let mut firsts: Vec<f64> = groups.iter().map(|group| group.firsts as f64).collect();
        let typical = (median(&mut firsts)? as usize).clamp(1, MOST);
        let rows: Vec<usize> = (0..self.rows.len()).filter(|&row| rule.takes_part(row)).collect();
        let mut rng = stream(seed, &["pairs", "non-replicates"]);
        let mut pairs = Vec::with_capacity(SAMPLES * typical);
        let mut draw = |is: &dyn Fn(usize, usize) -> bool| {
            (0..TRIES).find_map(|_| {
                let mut one = || rows.get(rng.random_range(0..rows.len().max(1))).copied();
                let (a, b) = (one()?, one()?);
                is(a, b).then_some((a, b))
            })
        };
        let strict = draw(&|a, b| rule.unlike(a, b)).is_some();
        for _ in 0..SAMPLES * typical {
            let pair = if strict { draw(&|a, b| rule.unlike(a, b)) } else { None };
            pairs.push(match pair {
                Some(pair) => pair,
                None => draw(&|a, b| rule.apart(a, b))?,
            });
        }
        let random = |pairs: &[(usize, usize)]| {
            let mut found: Vec<f64> = pairs.iter().filter_map(|&(a, b)| self.of(a, b)).collect();
            median(&mut found)
        };
        let null: Vec<f64> = pairs.par_chunks(typical).filter_map(random).collect();
        let threshold = percentile(null)?;
        let above = groups.iter().filter(|group| group.median > threshold).count();
        Some(above as f64 / groups.len() as f64)
    }
}

/// With the values between ranks on the line from one to the next, as `numpy.percentile` has it.
fn percentile(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let place = values.len().checked_sub(1)? as f64 * PERCENTILE;
    let (low, high) = (values.get(place.floor() as usize)?, values.get(place.ceil() as usize)?);
    Some(low + (high - low) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::super::labels::Labels;
    use super::*;
    use crate::random::normal;

    /// Thirty groups of four rows; those below `alike` share a direction.
    fn profiles(alike: usize) -> Profiles {
        let mut rng = stream(3, &["correlated"]);
        let dim = 30;
        let mut values = Vec::new();
        for group in 0..30 {
            let own: Vec<f64> = (0..dim).map(|_| normal(&mut rng)).collect();
            for _ in 0..4 {
                let weight = if group < alike { 2.0 } else { 0.0 };
                // An offset is no likeness: it is no part of a correlation.
                values.extend(own.iter().map(|x| (50.0 + weight * x + normal(&mut rng)) as f32));
            }
        }
        let names = (0..120).map(|row| vec![format!("c{}", row / 4)]);
        Profiles { dim, values, columns: vec![Labels::new("compound", names)] }
    }

    #[test]
    fn groups_that_correlate_are_told_from_noise() {
        for (alike, low, high) in [(30, 0.99, 1.0), (0, 0.0, 0.2), (15, 0.5, 0.6)] {
            let profiles = profiles(alike);
            let correlations = Correlations::new(&profiles);
            let rule = Rule::new(&profiles, &["compound".to_owned()], &[]).unwrap();
            let groups: Vec<Spread> = (0..30)
                .map(|group| {
                    let rows = group * 4..group * 4 + 4;
                    let pairs = rows.clone().flat_map(|a| (a + 1..rows.end).map(move |b| (a, b)));
                    correlations.spread(&pairs.collect::<Vec<_>>()).unwrap()
                })
                .collect();
            assert!(groups.iter().all(|group| group.firsts == 3));
            let percent = correlations.percent(&groups, &rule, 1).unwrap();
            assert!((low..=high).contains(&percent), "{alike}: {percent}");
            assert_eq!(correlations.percent(&[], &rule, 1), None);
        }
    }

    #[test]
    fn what_is_constant_correlates_with_nothing_and_one_group_has_nothing_to_stand_beside() {
        let values = vec![1.1, 1.1, 1.1, 1.0, 2.0, 3.0, 2.0, 4.0, 6.5];
        let names = [vec!["a".to_owned()], vec!["a".to_owned()], vec!["a".to_owned()]];
        let profiles = Profiles { dim: 3, values, columns: vec![Labels::new("compound", names)] };
        let correlations = Correlations::new(&profiles);
        assert_eq!(correlations.spread(&[(0, 1), (0, 2)]), None);
        let spread = correlations.spread(&[(0, 1), (0, 2), (1, 2)]).unwrap();
        assert!(spread.median > 0.99 && spread.median < 1.0 && spread.firsts == 2, "{spread:?}");
        let rule = Rule::new(&profiles, &["compound".to_owned()], &[]).unwrap();
        assert_eq!(correlations.percent(&[spread], &rule, 1), None);
    }

    #[test]
    fn the_threshold_lies_between_ranks() {
        assert_eq!(percentile((0..=100).map(f64::from).collect()), Some(95.0));
        assert_eq!(percentile(vec![2.0, 1.0]), Some(1.95));
        assert_eq!(percentile(Vec::new()), None);
    }
}

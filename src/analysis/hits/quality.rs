//! How well positive and negative control wells are separated by one number each.
//!
//! `Z′ = 1 − 3(σ₊ + σ₋)/|µ₊ − µ₋|` (Zhang, Chung & Oldenburg, J Biomol Screen 1999, 4:67), with standard deviations over n − 1; its
//! robust form has medians and 1.4826 times the median absolute deviation. `SSMD = (µ₊ − µ₋)/√(σ₊² + σ₋²)` (Zhang, Genomics 2007,
//! 89:552).
//!
//! The interval of Z′ is a parametric bootstrap over wells: means and deviations are drawn as those of normal wells could have
//! been, `σ² = s²ν/χ²` and `µ = m + σ·z/√n` (generalised pivots: Weerahandi, J Am Stat Assoc 1993, 88:899). Drawing few
//! wells with replacement would understate their scatter. That of several plates must also hold what differs between these: from
//! [`LEAST_PLATES`] on plates are drawn with replacement too, and the interval reaches to the outer ends of both; alone, few plates
//! that are drawn would understate it as well.
//!
//! A class that was told from its own centre on each plate lies around that centre by construction, with one well on a plate
//! exactly at it: of `N` wells on `P` plates, its `s²` has squares around the plates' means and `N − P` degrees of freedom, and its
//! median absolute deviation is that of wells around their plates' medians, times `√((N − 1)/(N − P))`, of plates with more than
//! one. Another class has `N − 1`.

use rand::RngExt as _;
use rand_distr::{ChiSquared, Distribution as _};
use serde::Serialize;

use super::numbers::{mean, median, quantile, robust_deviation};
use crate::random::{normal, stream};

/// Draws for an interval.
const DRAWS: usize = 4000;

/// Plates from which on they are drawn themselves.
const LEAST_PLATES: usize = 3;

/// Scores of one class of control wells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class<'a> {
    /// By plate; empty for plates without.
    pub plates: &'a [Vec<f64>],
    /// Each plate's wells were told from their own centre.
    pub is_centred: bool,
}

/// What control wells of one plate, or of all, show. Numbers that cannot be told are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Negative control wells with a score.
    pub n_negative: usize,
    /// Positive control wells with a score.
    pub n_positive: usize,
    /// Z′: 1 is perfect, from 0.5 an assay is called excellent, below 0 the classes overlap.
    pub z_prime: Option<f64>,
    /// 2.5 % of Z′.
    pub z_prime_lo: Option<f64>,
    /// 97.5 % of Z′.
    pub z_prime_hi: Option<f64>,
    /// Z′ of medians and median absolute deviations.
    pub z_prime_robust: Option<f64>,
    /// Difference of the means, positive less negative, over the deviation of a difference of two wells.
    pub ssmd: Option<f64>,
}

impl Quality {
    /// Of scores of negative and positive control wells of the same plates; `name` tells the stream of draws.
    pub(super) fn of(negative: Class, positive: Class, seed: u64, name: &str) -> Self {
        let classes = [negative, positive];
        let count = |class: Class| class.plates.iter().map(Vec::len).sum();
        let mut found = Self { n_negative: count(negative), n_positive: count(positive), ..Self::default() };
        let plates: Vec<[Sums; 2]> = (0..negative.plates.len().min(positive.plates.len()))
            .map(|plate| classes.map(|class| Sums::of(&class.plates[plate])))
            .filter(|plate| plate.iter().any(|sums| sums.n > 0.0))
            .collect();
        let Some(told) = told(&plates.iter(), classes) else { return found };
        let [below, above] = told;
        let apart = above.mean - below.mean;
        found.z_prime = z_prime(apart, below.deviation + above.deviation);
        let both = below.deviation.hypot(above.deviation);
        found.ssmd = (both > 0.0).then(|| apart / both);
        if let [Some(below), Some(above)] = classes.map(Class::robust) {
            found.z_prime_robust = z_prime(above.0 - below.0, below.1 + above.1);
        }
        if found.z_prime.is_some() {
            let mut all = vec![drawn(&told, seed, name)];
            if plates.len() >= LEAST_PLATES {
                all.push(drawn_plates(&plates, classes, seed, name));
            }
            let ends = |share: f64| {
                let ends = all.iter().map(move |drawn| quantile(drawn, share));
                ends.filter(|end| end.is_finite())
            };
            found.z_prime_lo = ends(0.025).min_by(f64::total_cmp);
            found.z_prime_hi = ends(0.975).max_by(f64::total_cmp);
        }
        found
    }
}

/// `None` where the centres are the same.
fn z_prime(apart: f64, deviations: f64) -> Option<f64> {
    (apart != 0.0).then(|| 1.0 - 3.0 * deviations / apart.abs())
}

/// What a class's wells of one plate come to.
#[derive(Debug, Clone, Copy)]
struct Sums {
    n: f64,
    /// 0 without wells.
    mean: f64,
    /// Around the mean.
    squares: f64,
}

impl Sums {
    fn of(values: &[f64]) -> Self {
        let mean = if values.is_empty() { 0.0 } else { mean(values) };
        let squares = values.iter().map(|x| (x - mean).powi(2)).sum();
        Self { n: values.len() as f64, mean, squares }
    }
}

/// What a class's wells of all plates come to.
#[derive(Debug, Clone, Copy)]
struct Told {
    n: f64,
    mean: f64,
    deviation: f64,
    /// Degrees of freedom of the deviation, at least 1.
    freedom: f64,
}

/// Both classes; `None` where one has no degree of freedom.
fn told<'a>(
    plates: &(impl Iterator<Item = &'a [Sums; 2]> + Clone),
    classes: [Class; 2],
) -> Option<[Told; 2]> {
    let of = |class: usize| {
        let plates = plates.clone().map(move |plate| plate[class]).filter(|sums| sums.n > 0.0);
        let n: f64 = plates.clone().map(|sums| sums.n).sum();
        let mean = plates.clone().map(|sums| sums.n * sums.mean).sum::<f64>() / n;
        let within: f64 = plates.clone().map(|sums| sums.squares).sum();
        let (squares, freedom) = if classes[class].is_centred {
            (within, n - plates.count() as f64)
        } else {
            (within + plates.map(|sums| sums.n * (sums.mean - mean).powi(2)).sum::<f64>(), n - 1.0)
        };
        (freedom >= 1.0).then(|| Told { n, mean, deviation: (squares / freedom).sqrt(), freedom })
    };
    Some([of(0)?, of(1)?])
}

impl Class<'_> {
    /// Median, and deviation by the median absolute one.
    fn robust(self) -> Option<(f64, f64)> {
        let all = self.plates.concat();
        let deviation = if self.is_centred {
            let several = self.plates.iter().filter(|wells| wells.len() > 1);
            let around: Vec<f64> = several
                .clone()
                .flat_map(|wells| {
                    let centre = median(wells);
                    wells.iter().map(move |x| x - centre)
                })
                .collect();
            let (n, plates) = (around.len() as f64, several.count() as f64);
            robust_deviation(&around)? * ((n - 1.0) / (n - plates)).sqrt()
        } else {
            robust_deviation(&all)?
        };
        Some((median(&all), deviation))
    }
}

/// Values of Z′ that these wells could have come from, ascending.
fn drawn(told: &[Told; 2], seed: u64, name: &str) -> Vec<f64> {
    let mut rng = stream(seed, &["hits", "z-prime", name]);
    let mut drawn = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let (mut means, mut sum) = ([0.0; 2], 0.0);
        for (of, centre) in told.iter().zip(&mut means) {
            let Ok(squares) = ChiSquared::new(of.freedom) else { return drawn };
            let sigma = of.deviation * (of.freedom / squares.sample(&mut rng)).sqrt();
            *centre = of.mean + sigma * normal(&mut rng) / of.n.sqrt();
            sum += sigma;
        }
        drawn.extend(z_prime(means[1] - means[0], sum).filter(|value| value.is_finite()));
    }
    drawn.sort_unstable_by(f64::total_cmp);
    drawn
}

/// Values of Z′ of plates that are drawn with replacement, ascending.
fn drawn_plates(plates: &[[Sums; 2]], classes: [Class; 2], seed: u64, name: &str) -> Vec<f64> {
    let mut rng = stream(seed, &["hits", "z-prime", name, "plates"]);
    let mut drawn = Vec::with_capacity(DRAWS);
    let mut places = vec![0; plates.len()];
    for _ in 0..DRAWS {
        places.fill_with(|| rng.random_range(0..plates.len()));
        let found = told(&places.iter().map(|&place| &plates[place]), classes);
        let z_prime = found
            .and_then(|[below, above]| z_prime(above.mean - below.mean, below.deviation + above.deviation));
        drawn.extend(z_prime.filter(|value| value.is_finite()));
    }
    drawn.sort_unstable_by(f64::total_cmp);
    drawn
}

/// Area under the receiver operating characteristic: the part of pairs in which the positive well has more than the negative one,
/// equal ones half. Gives the part's sum and the number of pairs.
pub(super) fn pairs_in_order(negative: &[f64], positive: &[f64]) -> (f64, f64) {
    let mut sorted = negative.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let of = |value: &f64| {
        let (less, no_more) = (sorted.partition_point(|x| x < value), sorted.partition_point(|x| x <= value));
        (less + no_more) as f64 / 2.0
    };
    (positive.iter().map(of).sum(), (negative.len() * positive.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of one plate.
    fn one(negative: &[f64], positive: &[f64], seed: u64) -> Quality {
        let [negative, positive] = [negative, positive].map(|values| vec![values.to_vec()]);
        let class = |plates| Class { plates, is_centred: true };
        Quality::of(class(&negative), class(&positive), seed, "a")
    }

    /// Of plates whose wells are told from the centre of their class.
    fn several(plates: &[[&[f64]; 2]]) -> Quality {
        let of =
            |class: usize| -> Vec<Vec<f64>> { plates.iter().map(|plate| plate[class].to_vec()).collect() };
        let (negative, positive) = (of(0), of(1));
        let class = |plates| Class { plates, is_centred: true };
        Quality::of(class(&negative), class(&positive), 1, "all plates")
    }

    #[test]
    fn two_classes_give_the_textbooks_numbers() {
        // Means 2 and 12, deviations 1 and 2.
        let found = one(&[1.0, 2.0, 3.0], &[10.0, 12.0, 14.0], 1);
        assert_eq!((found.n_negative, found.n_positive), (3, 3));
        assert!((found.z_prime.unwrap() - (1.0 - 9.0 / 10.0)).abs() < 1e-12);
        assert!((found.ssmd.unwrap() - 10.0 / 5.0_f64.sqrt()).abs() < 1e-12);
        let robust = 1.0 - 3.0 * 1.4826 * 3.0 / 10.0;
        assert!((found.z_prime_robust.unwrap() - robust).abs() < 1e-12);
        assert!(found.z_prime_lo < found.z_prime && found.z_prime < found.z_prime_hi, "{found:?}");
        let turned = one(&[10.0, 12.0, 14.0], &[1.0, 2.0, 3.0], 1);
        assert_eq!((turned.z_prime, turned.ssmd), (found.z_prime, found.ssmd.map(|ssmd| -ssmd)));
    }

    #[test]
    fn what_cannot_be_told_is_none() {
        let lone = one(&[1.0, 2.0], &[5.0], 1);
        assert_eq!((lone.n_positive, lone.z_prime, lone.ssmd), (1, None, None));
        let same = one(&[1.0, 2.0], &[1.0, 2.0], 1);
        assert_eq!((same.z_prime, same.z_prime_lo), (None, None));
        let exact = one(&[0.0, 0.0], &[1.0, 1.0], 1);
        assert_eq!((exact.z_prime, exact.z_prime_lo, exact.ssmd), (Some(1.0), Some(1.0), None));
    }

    /// Wells of normal distributions whose Z′ is known: 8 and 4, as few as a small plate has.
    #[test]
    fn intervals_of_few_wells_cover_the_known_value() {
        let truth = 1.0 - 3.0 * (1.0 + 1.5) / 20.0;
        let covered = (0..300).filter(|&seed| {
            let mut rng = stream(seed, &["wells"]);
            let negative: Vec<f64> = (0..8).map(|_| normal(&mut rng)).collect();
            let positive: Vec<f64> = (0..4).map(|_| 20.0 + 1.5 * normal(&mut rng)).collect();
            let found = one(&negative, &positive, seed);
            found.z_prime_lo.unwrap() <= truth && truth <= found.z_prime_hi.unwrap()
        });
        let covered = covered.count();
        assert!((275..=298).contains(&covered), "{covered} of 300");
    }

    #[test]
    fn wells_around_the_centres_of_their_plates_have_fewer_degrees_of_freedom() {
        // A lone well lies exactly at its plate's centre, and says nothing.
        let lone = several(&[[&[0.0], &[1.0]], [&[0.0], &[1.0]]]);
        assert_eq!((lone.n_negative, lone.z_prime, lone.z_prime_robust, lone.ssmd), (2, None, None, None));
        // Of each two wells ±d around 0 and 10: squares 2·(1 + 4) of two degrees of freedom.
        let two = several(&[[&[-1.0, 1.0], &[9.0, 11.0]], [&[-2.0, 2.0], &[8.0, 12.0]], [&[0.0], &[10.0]]]);
        let deviation = 5.0_f64.sqrt();
        assert!((two.z_prime.unwrap() - (1.0 - 0.6 * deviation)).abs() < 1e-12, "{two:?}");
        assert!((two.ssmd.unwrap() - 10.0 / 10.0_f64.sqrt()).abs() < 1e-12);
        let robust = 1.4826 * 1.5 * 1.5_f64.sqrt();
        assert!((two.z_prime_robust.unwrap() - (1.0 - 0.6 * robust)).abs() < 1e-12, "{two:?}");
        // Where plates are no centres, what differs between them counts.
        let (negative, positive) =
            (vec![vec![0.0, 2.0], vec![4.0, 6.0]], vec![vec![20.0, 20.0], vec![20.0, 20.0]]);
        let class = |plates, is_centred| Class { plates, is_centred };
        let found = Quality::of(class(&negative, false), class(&positive, true), 1, "a");
        assert!((found.z_prime.unwrap() - (1.0 - 3.0 * (20.0_f64 / 3.0).sqrt() / 17.0)).abs() < 1e-12);
    }

    #[test]
    fn an_interval_of_several_plates_holds_what_differs_between_them() {
        let plate = |width: f64| {
            [0.0, 10.0].map(|centre| {
                (0..16).map(|well| centre + if well % 2 == 0 { width } else { -width }).collect()
            })
        };
        let found = |widths: &[f64]| {
            let plates: Vec<[Vec<f64>; 2]> = widths.iter().map(|&width| plate(width)).collect();
            several(&plates.iter().map(|[a, b]| [a.as_slice(), b.as_slice()]).collect::<Vec<_>>())
        };
        let (even, uneven) = (found(&[1.0; 8]), found(&[0.2, 1.6, 0.3, 1.5, 0.1, 1.7, 0.2, 1.6]));
        let width = |of: &Quality| of.z_prime_hi.unwrap() - of.z_prime_lo.unwrap();
        assert!(width(&uneven) > 2.0 * width(&even), "{even:?} {uneven:?}");
        assert!(uneven.z_prime_hi.unwrap() > 0.5, "{uneven:?}");
    }

    #[test]
    fn pairs_count_half_where_both_are_equal() {
        assert_eq!(pairs_in_order(&[0.0, 1.0], &[1.0, 2.0]), (3.5, 4.0));
        assert_eq!(pairs_in_order(&[], &[1.0]), (0.0, 0.0));
    }
}

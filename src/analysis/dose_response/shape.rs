//! Curves that no logistic should be drawn through: flat ones, and those that turn back.
//!
//! Whether the means rise (or fall) throughout is tested as Robertson, Wright & Dykstra do (Order Restricted Statistical
//! Inference, 1988, section 2.3): the squares between the means and the best monotone regression, by the scatter within doses.
//! Under the hardest case, equal means, `P(S ≥ s) = Σₗ P(l, k)·P(F(k − l, ν) ≥ s/(k − l))`, where `P(l, k)` is the chance that
//! the regression of `k` equal means has `l` steps; for equal numbers of wells it is `|s(k, l)|/k!`, with Stirling's numbers.
//!
//! Where doses have too few repetitions, a parabola over the logarithm of the dose is added to the fitted logistic, and its
//! coefficient tested after it is made orthogonal to the logistic's derivatives.

use nalgebra::SVector;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::levels::{Grouped, Level};
use super::logistic::{Numbers, covariance, gradient, value};

/// p below which a curve is a bell.
pub(super) const BELL: f64 = 0.01;
/// p above which a curve is flat.
pub(super) const FLAT: f64 = 0.01;
/// Degrees of freedom within doses from which these say how wells scatter.
const ENOUGH: usize = 4;
/// Part of the range of means by which a bell turns back, at least: where wells scatter little, position alone makes smaller ones.
const TURN: f64 = 0.2;
/// Grouped beyond these are not told apart in the chances of steps, which change little.
const MOST_STEPS: usize = 60;

/// Chance of a larger ratio; 1 where there is none.
fn beyond(ratio: f64, freedom: usize, left: usize) -> f64 {
    FisherSnedecor::new(freedom as f64, left as f64).map_or(1.0, |f| f.sf(ratio.max(0.0)))
}

/// p of the F test of the logistic, which leaves `squares` over wells, against a constant.
pub(super) fn flat(all: &Grouped, squares: f64) -> f64 {
    let left = all.wells - 4;
    if all.total <= 0.0 {
        return 1.0;
    }
    let least = 1e-20 * all.wells as f64;
    beyond((all.total - squares) / 3.0 / (squares.max(least) / left as f64), 3, left)
}

/// p of a response that turns back; `None` where it does not by a part of its range that counts.
pub(super) fn bell(all: &Grouped, numbers: &Numbers) -> Option<f64> {
    let levels = &all.levels;
    let means = || levels.iter().map(|l| l.mean);
    let range = means().fold(f64::NEG_INFINITY, f64::max) - means().fold(f64::INFINITY, f64::min);
    if turn(means()).min(turn(means().map(|x| -x))) < TURN * range {
        return None;
    }
    let freedom = all.wells - levels.len();
    if freedom < ENOUGH {
        return Some(parabola(all, numbers));
    }
    let apart = bow(all) / (all.pure.max(1e-20) / freedom as f64);
    let chances = steps(levels.len().min(MOST_STEPS));
    let k = chances.len() - 1;
    Some((1..k).map(|l| chances[l] * beyond(apart / (k - l) as f64, k - l, freedom)).sum())
}

/// Squares between the means and the best sequence that rises or falls throughout.
pub(super) fn bow(all: &Grouped) -> f64 {
    let squares = |sign: f64| monotone(all.levels.iter().map(move |l| (l.weight, sign * l.mean)));
    squares(1.0).min(squares(-1.0))
}

/// How far numbers fall behind the highest before them.
fn turn(values: impl Iterator<Item = f64>) -> f64 {
    let (mut highest, mut fall) = (f64::NEG_INFINITY, 0.0_f64);
    for value in values {
        highest = highest.max(value);
        fall = fall.max(highest - value);
    }
    fall
}

/// Squares between numbers and the best sequence that never falls, by pooling neighbours that do; each is (weight, number).
fn monotone(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    // Weight, mean and squares around it.
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    for (weight, value) in values {
        let mut last = (weight, value, 0.0);
        while let Some(&(w, mean, squares)) = blocks.last().filter(|block| block.1 > last.1) {
            blocks.pop();
            let both = w + last.0;
            let between = w * last.0 / both * (mean - last.1).powi(2);
            last = (both, (w * mean + last.0 * last.1) / both, squares + last.2 + between);
        }
        blocks.push(last);
    }
    blocks.iter().map(|block| block.2).sum()
}

/// Chances that the monotone regression of `k` equal means has 0, 1, … k steps: `P(l, k) = P(l − 1, k − 1)/k + P(l, k − 1)·(k − 1)/k`.
fn steps(k: usize) -> Vec<f64> {
    let mut chances = vec![1.0];
    for n in 1..=k {
        let before = |l: usize| chances.get(l).copied().unwrap_or(0.0);
        let next = |l: usize| {
            let fewer = l.checked_sub(1).map_or(0.0, before);
            (fewer + (n - 1) as f64 * before(l)) / n as f64
        };
        chances = (0..=n).map(next).collect();
    }
    chances
}

/// p of a parabola over the logarithm of the dose beside the logistic.
fn parabola(all: &Grouped, numbers: &Numbers) -> f64 {
    let left = all.wells.saturating_sub(5);
    if left == 0 {
        return 1.0;
    }
    let (lo, hi) = all.range();
    let bend = |level: &Level| {
        let x = level.ln_dose.max(lo);
        let middle = 2.0 * (x - lo) / (hi - lo) - 1.0;
        1.0 - middle * middle
    };
    let slopes = |level: &Level| SVector::<f64, 4>::from(gradient(numbers, level.ln_dose));
    let mut shared = SVector::<f64, 4>::zeros();
    for level in &all.levels {
        shared += level.weight * bend(level) * slopes(level);
    }
    let shared = covariance(numbers, &all.levels) * shared;
    let (mut product, mut length, mut squares) = (0.0, 0.0, all.pure);
    for level in &all.levels {
        let (own, rest) =
            (bend(level) - shared.dot(&slopes(level)), level.mean - value(numbers, level.ln_dose));
        product += level.weight * own * rest;
        length += level.weight * own * own;
        squares += level.weight * rest * rest;
    }
    if length <= 1e-9 {
        return 1.0;
    }
    let gained = product * product / length;
    let remains = (squares - gained).max(1e-20 * all.wells as f64);
    beyond(gained * left as f64 / remains, 1, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_of_steps_are_those_of_the_book() {
        // Robertson, Wright & Dykstra 1988, table A.10: equal weights, k = 4.
        let known = [0.0, 6.0 / 24.0, 11.0 / 24.0, 6.0 / 24.0, 1.0 / 24.0];
        assert!(steps(4).iter().zip(known).all(|(own, known)| (own - known).abs() < 1e-15));
        assert!((steps(11).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

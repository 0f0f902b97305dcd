//! The optimum of a linear support vector machine, by a primal-dual interior-point method.
//!
//! `min ½·|w|² + Σ Cᵢ·ξᵢ` with `yᵢ·(w·xᵢ + b) ≥ 1 − ξᵢ`, `ξᵢ ≥ 0`: the soft margin (Cortes and Vapnik, Mach Learn 1995,
//! 20:273-297), the bias without a penalty, as LIBSVM has it. Each step solves one system of as many unknowns as features
//! (Ferris and Munson, SIAM J Optim 2002, 13:783-804), predicted and corrected after Mehrotra (SIAM J Optim 1992, 2:575-601).
//! Sequential minimal optimisation (LIBSVM, `linfa-svm`) takes millions of steps where classes overlap in many dimensions;
//! this takes some twenty whatever `C` is, so that its time has a bound.

use nalgebra::{DMatrix, DVector};

use crate::progress::{Cancelled, Progress};

/// Steps at most; twenty to forty are usual.
const STEPS: usize = 100;

/// Gap between the two objectives at which it is done, as part of the objective.
const TOLERANCE: f64 = 1e-10;

/// The same where no step gets any further: rounding.
const ACCEPTED: f64 = 1e-5;

/// Part of the way to the nearest bound that a step goes.
const DAMPING: f64 = 0.995;

/// Weight of a row in a step, as part of the largest, below which it is rounding.
const WEIGHTLESS: f64 = 1e-14;

/// Slope of the objective, as part of the cost of a class, that is none but for rounding.
const FLAT: f64 = 1e-9;

/// Where the optimum lies.
pub(super) struct Optimum {
    /// `w`, one per column.
    pub weights: Vec<f64>,
    /// `b`.
    pub bias: f64,
    /// `αᵢ·yᵢ`, one per row: `w = Σ αᵢ·yᵢ·xᵢ`.
    pub duals: Vec<f64>,
}

/// All unknowns, and what they were moved by. `α + β = C` throughout.
#[derive(Clone)]
struct Point {
    /// Weights and, last, the bias.
    weights: DVector<f64>,
    alpha: DVector<f64>,
    beta: DVector<f64>,
    /// `ξ`: how far a row is on the wrong side of its margin.
    over: DVector<f64>,
    /// By how much its condition is more than met.
    spare: DVector<f64>,
}

/// One problem.
struct Problem<'a> {
    /// `[row, column]`, the last column all 1.
    rows: &'a DMatrix<f64>,
    /// 1 or -1.
    signs: &'a DVector<f64>,
    /// `C` of each row.
    costs: &'a DVector<f64>,
}

/// Solves it; `rows` is `[row, column]` with a last column of ones, and both signs occur. `None` where rounding wins: numbers that
/// are too large or a `C` that is out of proportion.
///
/// # Errors
/// The user stopped it.
pub(super) fn solve(
    rows: &DMatrix<f64>,
    signs: &DVector<f64>,
    costs: &DVector<f64>,
    progress: &Progress,
) -> Result<Option<Optimum>, Cancelled> {
    let problem = Problem { rows, signs, costs };
    let mut point = problem.start();
    let (mut best, mut least) = (point.clone(), f64::INFINITY);
    for _ in 0..STEPS {
        progress.check()?;
        let gap = problem.gap(&point);
        if gap < least {
            (best, least) = (point.clone(), gap);
        }
        if gap <= TOLERANCE || !gap.is_finite() {
            break;
        }
        let Some(next) = problem.step(&point) else { break };
        point = next;
    }
    let columns = rows.ncols() - 1;
    Ok((least <= ACCEPTED).then(|| Optimum {
        weights: best.weights.as_slice()[..columns].to_vec(),
        bias: problem.middle(&best.weights),
        duals: best.alpha.component_mul(signs).as_slice().to_vec(),
    }))
}

impl Problem<'_> {
    fn start(&self) -> Point {
        let n = self.rows.nrows();
        let half = self.costs * 0.5;
        Point {
            weights: DVector::zeros(self.rows.ncols()),
            alpha: half.clone(),
            beta: half,
            over: DVector::from_element(n, 1.0),
            spare: DVector::from_element(n, 1.0),
        }
    }

    /// `y·(w·x + b)` of each row.
    fn margins(&self, weights: &DVector<f64>) -> DVector<f64> {
        (self.rows * weights).component_mul(self.signs)
    }

    /// `Σ yᵢ·aᵢ·xᵢ`, and last `Σ yᵢ·aᵢ`.
    fn gather(&self, alpha: &DVector<f64>) -> DVector<f64> {
        self.rows.tr_mul(&alpha.component_mul(self.signs))
    }

    /// How far the objective can still fall, as part of it, and by how much `w` and `Σ αᵢ·yᵢ` are not those of the duals.
    fn gap(&self, point: &Point) -> f64 {
        let columns = self.rows.ncols() - 1;
        let margins = self.margins(&point.weights);
        let over: f64 = margins.iter().zip(self.costs).map(|(m, c)| c * (1.0 - m).max(0.0)).sum();
        let gathered = self.gather(&point.alpha);
        let size = |of: &DVector<f64>| of.rows(0, columns).norm_squared();
        let primal = 0.5 * size(&point.weights) + over;
        let dual = point.alpha.sum() - 0.5 * size(&gathered);
        let unbalanced = gathered[columns].abs() / self.costs.sum();
        ((primal - dual).abs() / primal.abs().max(f64::MIN_POSITIVE)).max(unbalanced)
    }

    /// The bias in the middle of all those that are as good: with a small `C` every row is within its margin, and as both classes count
    /// the same, many are (LIBSVM ends wherever rounding leaves it). The objective is piecewise linear in the bias, with a corner where a
    /// row meets its margin: from the left its slope begins at minus the cost of all positive rows, and grows at each by the row's.
    fn middle(&self, weights: &DVector<f64>) -> f64 {
        let last = weights.len() - 1;
        let products = self.rows * weights;
        let corner = |row: usize| (self.signs[row] - products[row] + weights[last], self.costs[row]);
        let mut corners: Vec<(f64, f64)> = (0..self.rows.nrows()).map(corner).collect();
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let positive: f64 =
            self.signs.iter().zip(self.costs).filter(|(sign, _)| **sign > 0.0).map(|(_, cost)| cost).sum();
        let mut slope = -positive;
        for (place, (at, cost)) in corners.iter().enumerate() {
            slope += cost;
            if slope.abs() <= FLAT * positive {
                let next = corners.get(place + 1).map_or(*at, |(next, _)| *next);
                return f64::midpoint(*at, next);
            }
            if slope > 0.0 {
                return *at;
            }
        }
        weights[last]
    }

    /// The next point; `None` where the system cannot be solved.
    fn step(&self, at: &Point) -> Option<Point> {
        let (n, columns) = (self.rows.nrows(), self.rows.ncols() - 1);
        let Point { weights, alpha, beta, over, spare } = at;
        let complement = |at: &Point| (at.alpha.dot(&at.spare) + at.beta.dot(&at.over)) / (2.0 * n as f64);
        let centre = complement(at);
        let theta = DVector::from_fn(n, |i, _| 1.0 / (over[i] / beta[i] + spare[i] / alpha[i]));
        let system = self.system(&theta).cholesky()?;

        // What is left of each condition.
        let mut lacking = self.gather(alpha);
        for column in 0..columns {
            lacking[column] -= weights[column];
        }
        let margins = self.margins(weights);
        let short = DVector::from_fn(n, |i, _| 1.0 + spare[i] - margins[i] - over[i]);

        // `to_spare` and `to_over` are what α·s and β·ξ should change by.
        let direction = |to_spare: &DVector<f64>, to_over: &DVector<f64>| -> Point {
            let goal = DVector::from_fn(n, |i, _| short[i] - to_over[i] / beta[i] + to_spare[i] / alpha[i]);
            let right = &lacking + self.gather(&goal.component_mul(&theta));
            let weights = system.solve(&right);
            let moved = self.margins(&weights);
            let alpha = DVector::from_fn(n, |i, _| theta[i] * (goal[i] - moved[i]));
            let over = DVector::from_fn(n, |i, _| (to_over[i] + over[i] * alpha[i]) / beta[i]);
            let spare = DVector::from_fn(n, |i, _| (to_spare[i] - spare[i] * alpha[i]) / at.alpha[i]);
            Point { weights, beta: -&alpha, alpha, over, spare }
        };
        let to_spare = -alpha.component_mul(spare);
        let to_over = -beta.component_mul(over);
        let guess = direction(&to_spare, &to_over);
        let reached = complement(&at.moved(&guess, at.furthest(&guess)));
        let aim = (reached / centre).powi(3) * centre;
        let to_spare = DVector::from_fn(n, |i, _| aim + to_spare[i] - guess.alpha[i] * guess.spare[i]);
        let to_over = DVector::from_fn(n, |i, _| aim + to_over[i] - guess.beta[i] * guess.over[i]);
        let step = direction(&to_spare, &to_over);
        let length = (DAMPING * at.furthest(&step)).min(1.0);
        Some(at.moved(&step, length))
    }

    /// `I + Xᵀ·Θ·X` without the `I` for the bias.
    fn system(&self, theta: &DVector<f64>) -> DMatrix<f64> {
        let least = WEIGHTLESS * theta.max();
        let kept: Vec<usize> = (0..theta.len()).filter(|&i| theta[i] > least).collect();
        let columns = self.rows.ncols();
        // Operands are copied out: contiguous ones are the only ones the library multiplies safely.
        let across =
            DMatrix::from_fn(kept.len(), columns, |k, j| self.rows[(kept[k], j)] * theta[kept[k]].sqrt());
        let mut system = across.transpose() * across;
        for column in 0..columns - 1 {
            system[(column, column)] += 1.0;
        }
        system
    }
}

impl Point {
    /// Part of a step after which the first number would be 0.
    fn furthest(&self, step: &Self) -> f64 {
        let pairs = [
            (&self.alpha, &step.alpha),
            (&self.beta, &step.beta),
            (&self.over, &step.over),
            (&self.spare, &step.spare),
        ];
        let pairs = pairs.into_iter().flat_map(|(at, by)| at.iter().zip(by.iter()));
        pairs.filter(|(_, by)| **by < 0.0).map(|(at, by)| -at / by).fold(1.0 / DAMPING, f64::min)
    }

    fn moved(&self, step: &Self, length: f64) -> Self {
        let length = length.min(1.0);
        Self {
            weights: &self.weights + &step.weights * length,
            alpha: &self.alpha + &step.alpha * length,
            beta: &self.beta + &step.beta * length,
            over: &self.over + &step.over * length,
            spare: &self.spare + &step.spare * length,
        }
    }
}

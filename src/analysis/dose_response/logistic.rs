//! The logistic's least squares by Levenberg and Marquardt (MINPACK's, in the crate `levenberg-marquardt`).

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{Const, DVector, Dyn, Matrix4, OMatrix, SVector};

use super::levels::{Grouped, Level};

/// Places of the four numbers.
pub(super) const BOTTOM: usize = 0;
pub(super) const TOP: usize = 1;
pub(super) const LN_EC50: usize = 2;
pub(super) const LN_HILL: usize = 3;

/// Range of the steepness's logarithm. A steeper curve is a step between two doses, a shallower one a straight line.
pub(super) const LN_HILL_RANGE: (f64, f64) = (-3.5, 4.5);

/// Steepnesses at which the search starts.
const START_HILLS: [f64; 4] = [0.5, 1.2, 3.0, 10.0];
/// Starts that are followed to their end.
const STARTS: usize = 3;

/// The four numbers on the scale of [`Grouped`], doses and steepness as logarithms.
pub(super) type Numbers = [f64; 4];

/// The steepness, within its range.
pub(super) fn hill(numbers: &Numbers) -> f64 {
    let (lo, hi) = LN_HILL_RANGE;
    numbers[LN_HILL].clamp(lo, hi).exp()
}

/// Part of the response at a dose, and its derivatives by the logarithms of EC50 and steepness.
fn part(numbers: &Numbers, ln_dose: f64) -> [f64; 3] {
    let hill = hill(numbers);
    let z = hill * (ln_dose - numbers[LN_EC50]);
    let g = 1.0 / (1.0 + (-z).exp());
    let slope = g * (1.0 - g);
    // Without drug, z is −∞.
    if slope > 0.0 { [g, -hill * slope, z * slope] } else { [g, 0.0, 0.0] }
}

/// The curve at the logarithm of a dose.
pub(super) fn value(numbers: &Numbers, ln_dose: f64) -> f64 {
    numbers[BOTTOM] + (numbers[TOP] - numbers[BOTTOM]) * part(numbers, ln_dose)[0]
}

/// Derivatives of the curve by the four numbers.
pub(super) fn gradient(numbers: &Numbers, ln_dose: f64) -> Numbers {
    let [g, by_ec50, by_hill] = part(numbers, ln_dose);
    let span = numbers[TOP] - numbers[BOTTOM];
    [1.0 - g, g, span * by_ec50, span * by_hill]
}

/// Squares that a curve leaves between the levels' means.
pub(super) fn squares(numbers: &Numbers, levels: &[Level]) -> f64 {
    levels.iter().map(|l| l.weight * (value(numbers, l.ln_dose) - l.mean).powi(2)).sum()
}

/// Least squares over the numbers in `free`; the others stay.
struct Problem<'a, const N: usize> {
    levels: &'a [Level],
    numbers: Numbers,
    free: [usize; N],
}

impl<const N: usize> LeastSquaresProblem<f64, Dyn, Const<N>> for Problem<'_, N> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Const<N>>;
    type ParameterStorage = Owned<f64, Const<N>>;

    fn set_params(&mut self, x: &SVector<f64, N>) {
        for (place, value) in self.free.iter().zip(x.iter()) {
            self.numbers[*place] = *value;
        }
    }

    fn params(&self) -> SVector<f64, N> {
        SVector::from_fn(|i, _| self.numbers[self.free[i]])
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let residual = |l: &Level| l.weight.sqrt() * (value(&self.numbers, l.ln_dose) - l.mean);
        Some(DVector::from_iterator(self.levels.len(), self.levels.iter().map(residual)))
    }

    fn jacobian(&self) -> Option<OMatrix<f64, Dyn, Const<N>>> {
        let mut all = OMatrix::<f64, Dyn, Const<N>>::zeros(self.levels.len());
        for (row, level) in self.levels.iter().enumerate() {
            let (slopes, root) = (gradient(&self.numbers, level.ln_dose), level.weight.sqrt());
            for (column, place) in self.free.iter().enumerate() {
                all[(row, column)] = root * slopes[*place];
            }
        }
        Some(all)
    }
}

/// The nearest minimum over all four numbers, and its squares between the means.
pub(super) fn descend(levels: &[Level], from: Numbers) -> (Numbers, f64) {
    let problem = Problem { levels, numbers: from, free: [0, 1, 2, 3] };
    let search = LevenbergMarquardt::new().with_tol(1e-10).with_patience(60);
    let (mut found, report) = search.minimize(problem);
    // Beyond its range, the steepness is that of the range's end.
    found.numbers[LN_HILL] = found.numbers[LN_HILL].clamp(LN_HILL_RANGE.0, LN_HILL_RANGE.1);
    (found.numbers, 2.0 * report.objective_function)
}

/// The nearest minimum with the number at `fixed` as it is, and its squares between the means.
pub(super) fn descend_beside(levels: &[Level], fixed: usize, from: Numbers) -> (Numbers, f64) {
    let free = [usize::from(fixed == 0), 1 + usize::from(fixed <= 1), 2 + usize::from(fixed <= 2)];
    let problem = Problem { levels, numbers: from, free };
    let search = LevenbergMarquardt::new().with_tol(1e-7).with_patience(30);
    let (found, report) = search.minimize(problem);
    (found.numbers, 2.0 * report.objective_function)
}

/// The plateaus that fit best at an EC50 and a steepness: a line through the parts of the response.
fn plateaus(levels: &[Level], ln_ec50: f64, ln_hill: f64) -> Numbers {
    let at = [0.0, 1.0, ln_ec50, ln_hill];
    let (mut n, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for level in levels {
        let (g, w) = (part(&at, level.ln_dose)[0], level.weight);
        n += w;
        x += w * g;
        y += w * level.mean;
        xx += w * g * g;
        xy += w * g * level.mean;
    }
    let spread = n * xx - x * x;
    let span = if spread > 1e-12 * n * n { (n * xy - x * y) / spread } else { 0.0 };
    let bottom = (y - span * x) / n;
    [bottom, bottom + span, ln_ec50, ln_hill]
}

/// The best curve from the most promising of a grid of starts: EC50 at each dose and between, at several steepnesses.
pub(super) fn best(all: &Grouped) -> (Numbers, f64) {
    let levels = &all.levels;
    let doses: Vec<f64> = levels.iter().map(|l| l.ln_dose).filter(|x| x.is_finite()).collect();
    let between = doses.windows(2).map(|pair| f64::midpoint(pair[0], pair[1]));
    let mut starts: Vec<(Numbers, f64)> = Vec::with_capacity(2 * doses.len() * START_HILLS.len());
    for ln_ec50 in doses.iter().copied().chain(between) {
        for hill in START_HILLS {
            let numbers = plateaus(levels, ln_ec50, hill.ln());
            starts.push((numbers, squares(&numbers, levels)));
        }
    }
    starts.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut found = (plateaus(levels, 0.0, 0.0), f64::INFINITY);
    let mut followed: Vec<Numbers> = Vec::new();
    for (start, _) in starts {
        // Neighbours on the grid end in the same minimum.
        let near = |other: &Numbers| {
            (other[LN_EC50] - start[LN_EC50]).abs() < 1.0 && (other[LN_HILL] - start[LN_HILL]).abs() < 1.0
        };
        if followed.iter().any(near) {
            continue;
        }
        let end = descend(levels, start);
        if end.1 < found.1 {
            found = end;
        }
        followed.push(start);
        if followed.len() == STARTS {
            break;
        }
    }
    found
}

/// Inverse of the products of derivatives: covariance of the four numbers at a variance of 1. Directions of which the levels
/// say nothing have none.
pub(super) fn covariance(numbers: &Numbers, levels: &[Level]) -> Matrix4<f64> {
    let mut products = Matrix4::zeros();
    for level in levels {
        let slopes = SVector::<f64, 4>::from(gradient(numbers, level.ln_dose));
        products += level.weight * slopes * slopes.transpose();
    }
    let eigen = products.symmetric_eigen();
    let least = 1e-12 * eigen.eigenvalues.max();
    let inverse = eigen.eigenvalues.map(|x| if x > least { 1.0 / x } else { 0.0 });
    eigen.eigenvectors * Matrix4::from_diagonal(&inverse) * eigen.eigenvectors.transpose()
}

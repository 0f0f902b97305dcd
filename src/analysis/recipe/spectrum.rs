//! In which directions rows vary, and how much.

use nalgebra::{DMatrix, SymmetricEigen};

use super::frame::product;

/// A singular value below this part of the largest is rounding.
const ROUNDING: f64 = 1e-6;

/// A number beyond this is refused: squares and their sums must not overflow.
const LARGEST: f64 = 1e100;

/// Singular values and right singular vectors of centred rows `X` `[row, feature]`.
///
/// They are the eigenvectors of the smaller one of `XᵀX` and `XXᵀ`, so that nothing larger than the rows is ever
/// formed when there are fewer rows than features; the values are then the lengths of the rows along them, which is exact
/// to more digits than the roots of the eigenvalues.
pub(super) struct Spectrum {
    /// Above 0, from the largest.
    pub values: Vec<f64>,
    /// Orthonormal, `[feature, value]`. The entry of largest size of each is positive.
    pub directions: DMatrix<f64>,
}

impl Spectrum {
    /// Of rows as columns `[feature, row]`. `None` where a number is larger than 1e100 or missing.
    pub fn of(columns: &DMatrix<f64>) -> Option<Self> {
        let (features, rows) = columns.shape();
        if columns.iter().any(|x| x.is_nan() || x.abs() > LARGEST) {
            return None;
        }
        let largest = columns.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        if largest == 0.0 {
            return Some(Self { values: Vec::new(), directions: DMatrix::zeros(features, 0) });
        }
        let columns = columns.map(|x| x / largest);
        let across = columns.transpose();
        let is_tall = rows >= features;
        let squares = if is_tall { product(&columns, &across) } else { product(&across, &columns) };
        let size = squares.nrows();
        let eigen = SymmetricEigen::try_new(squares, f64::EPSILON, 1000 + 100 * size)?;
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let least = ROUNDING * ROUNDING * eigen.eigenvalues[order[0]];
        order.retain(|&k| eigen.eigenvalues[k] > least);
        let mut directions = eigen.eigenvectors.select_columns(order.iter());
        if !is_tall {
            for (mut column, &k) in directions.column_iter_mut().zip(&order) {
                column /= eigen.eigenvalues[k].sqrt();
            }
            directions = orthonormal(product(&columns, &directions));
        }
        let along = product(&across, &directions);
        let values: Vec<f64> = along.column_iter().map(|column| column.norm() * largest).collect();
        let top = values.iter().copied().fold(0.0, f64::max);
        let mut order: Vec<usize> = (0..values.len()).filter(|&k| values[k] > ROUNDING * top).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let mut directions = directions.select_columns(order.iter());
        for mut direction in directions.column_iter_mut() {
            let most = direction.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            if most < 0.0 {
                direction.neg_mut();
            }
        }
        Some(Self { values: order.iter().map(|&k| values[k]).collect(), directions })
    }

    /// The smallest singular value, 0 where there is none.
    pub fn least(&self) -> f64 {
        self.values.last().copied().unwrap_or(0.0)
    }
}

/// Columns that are orthonormal but for rounding, without it: two steps of Newton towards the nearest such matrix.
fn orthonormal(mut columns: DMatrix<f64>) -> DMatrix<f64> {
    for _ in 0..2 {
        let mut step = product(&columns.transpose(), &columns) * -0.5;
        for k in 0..step.nrows() {
            step[(k, k)] += 1.5;
        }
        columns = product(&columns, &step);
    }
    columns
}

/// A symmetric matrix that multiplies each direction of a spectrum by a gain of its own and what is orthogonal to all of
/// them by `rest`: `rest·I + V·diag(gain − rest)·Vᵀ`, which is never formed.
pub(super) struct Operator {
    /// `V·diag(gain − rest)`.
    forth: DMatrix<f64>,
    /// `Vᵀ`.
    back: DMatrix<f64>,
    rest: f64,
}

impl Operator {
    /// `gain` is that of a singular value.
    pub fn new(spectrum: &Spectrum, gain: impl Fn(f64) -> f64, rest: f64) -> Self {
        let directions = &spectrum.directions;
        let is_whole = directions.ncols() == directions.nrows();
        let rest = if is_whole { 0.0 } else { rest };
        let mut forth = directions.clone();
        for (mut column, &value) in forth.column_iter_mut().zip(&spectrum.values) {
            column *= gain(value) - rest;
        }
        Self { forth, back: directions.transpose(), rest }
    }

    /// Of columns `[feature, row]`.
    pub fn apply(&self, columns: &DMatrix<f64>) -> DMatrix<f64> {
        if self.back.is_empty() {
            return columns * self.rest;
        }
        let mut out = &self.forth * (&self.back * columns);
        out.iter_mut().zip(columns.iter()).for_each(|(out, x)| *out += self.rest * x);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    fn random(features: usize, rows: usize) -> DMatrix<f64> {
        let mut rng = stream(1, &["spectrum"]);
        DMatrix::from_fn(features, rows, |_, _| normal(&mut rng))
    }

    #[test]
    fn agrees_with_the_singular_values_of_nalgebra() {
        for (features, rows) in [(7, 30), (30, 7), (12, 12), (1, 5), (5, 1)] {
            let columns = random(features, rows);
            let found = Spectrum::of(&columns).unwrap();
            let expected = columns.clone().svd(false, false).singular_values;
            assert_eq!(found.values.len(), features.min(rows));
            assert!(found.values.iter().zip(expected.iter()).all(|(a, b)| (a - b).abs() < 1e-9));
            let square = found.directions.transpose() * &found.directions;
            assert!(
                (square - DMatrix::<f64>::identity(features.min(rows), features.min(rows))).amax() < 1e-12
            );
        }
    }

    #[test]
    fn a_direction_without_variance_is_none_and_small_ones_are_exact() {
        let mut columns = random(4, 20);
        columns.row_mut(3).fill(0.0);
        columns.row_mut(2).scale_mut(1e-4);
        let copy = columns.row(0).into_owned();
        columns.row_mut(1).copy_from(&copy);
        let found = Spectrum::of(&columns).unwrap();
        assert_eq!(found.values.len(), 2);
        let expected = columns.clone().svd(false, false).singular_values;
        assert!((found.least() / expected[1] - 1.0).abs() < 1e-8);
        // The same as columns of a wide matrix.
        let wide = Spectrum::of(&columns.transpose()).unwrap();
        assert!((wide.least() / expected[1] - 1.0).abs() < 1e-8);
        assert!(Spectrum::of(&DMatrix::zeros(3, 2)).unwrap().values.is_empty());
        assert!(Spectrum::of(&DMatrix::from_element(3, 2, f64::INFINITY)).is_none());
        assert!(Spectrum::of(&(&columns * 1e200)).is_none(), "squares of these overflow");
        assert_eq!(Spectrum::of(&(columns * 1e-200)).unwrap().values.len(), 2, "squares of these vanish");
    }

    #[test]
    fn an_operator_is_the_matrix_that_it_stands_for() {
        let columns = random(6, 4);
        let spectrum = Spectrum::of(&columns).unwrap();
        let operator = Operator::new(&spectrum, |s| (s * s + 0.5).powf(-0.5), 0.5_f64.powf(-0.5));
        let root = operator.apply(&DMatrix::<f64>::identity(6, 6));
        let square = &root * &root;
        let whole = &columns * columns.transpose() + DMatrix::<f64>::identity(6, 6) * 0.5;
        assert!((square * whole - DMatrix::<f64>::identity(6, 6)).amax() < 1e-9);
    }
}

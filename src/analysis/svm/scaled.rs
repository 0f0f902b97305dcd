//! Rows in deviations from the mean, as the machines take them.

use nalgebra::{DMatrix, DVector};

use super::fit::MOST_WORK;
use super::interior::{Optimum, solve};
use super::{LinearSvm, SvmError};
use crate::progress::Progress;

/// Least deviation as part of a feature's largest number: a smaller one is rounding, and the feature says nothing.
const VARIES: f64 = 1e-9;

/// Added to the products of rows with themselves, as part of their mean: rows that occur twice leave them without a factor.
const RIDGE: f64 = 1e-12;

/// Standardised rows, and what they were before.
pub(super) struct Scaled {
    dim: usize,
    /// Number, mean and deviation of each feature that varies.
    kept: Vec<(usize, f64, f64)>,
    /// `[row, kept feature]`.
    values: DMatrix<f64>,
}

impl Scaled {
    /// Standardises rows `[row, dim]` (deviations divide by the number of rows, as scikit-learn's `StandardScaler` has it).
    ///
    /// # Errors
    /// `rows` are not `count` rows of length `dim`, or a number is not finite.
    pub fn new(rows: &[f32], dim: usize, count: usize) -> Result<Self, SvmError> {
        Self::check(rows, dim, count)?;
        let (mut sums, mut largest) = (vec![0.0; dim], vec![0.0_f64; dim]);
        for row in rows.chunks_exact(dim) {
            for ((sum, largest), &x) in sums.iter_mut().zip(&mut largest).zip(row) {
                *sum += f64::from(x);
                *largest = largest.max(f64::from(x).abs());
            }
        }
        let means: Vec<f64> = sums.iter().map(|sum| sum / count as f64).collect();
        let mut squares = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            for ((sum, mean), &x) in squares.iter_mut().zip(&means).zip(row) {
                *sum += (f64::from(x) - mean).powi(2);
            }
        }
        let kept: Vec<(usize, f64, f64)> = (0..dim)
            .map(|column| (column, means[column], (squares[column] / count as f64).sqrt()))
            .filter(|&(column, _, deviation)| deviation > VARIES * largest[column])
            .collect();
        let values = DMatrix::from_fn(count, kept.len(), |row, k| {
            let (column, mean, deviation) = kept[k];
            (f64::from(rows[row * dim + column]) - mean) / deviation
        });
        Ok(Self { dim, kept, values })
    }

    /// Whether [`Self::new`] takes these rows.
    ///
    /// # Errors
    /// As it has them.
    pub fn check(rows: &[f32], dim: usize, count: usize) -> Result<(), SvmError> {
        if dim == 0 || count == 0 || rows.len() != count.saturating_mul(dim) {
            return Err(SvmError::Shape { numbers: rows.len(), rows: count, dim });
        }
        rows.iter()
            .position(|x| !x.is_finite())
            .map_or(Ok(()), |place| Err(SvmError::NotFinite { row: place / dim, column: place % dim }))
    }

    /// The boundary between two kinds of rows, each with its number, whether it is positive, and its `C`.
    ///
    /// # Errors
    /// One kind is missing, a `C` is not above 0, rounding wins, there are too many numbers, the user stopped it.
    pub fn separate(
        &self,
        chosen: &[(usize, bool, f64)],
        progress: &Progress,
    ) -> Result<LinearSvm, SvmError> {
        if let Some(&(.., c)) = chosen.iter().find(|(.., c)| !(*c > 0.0 && c.is_finite())) {
            return Err(SvmError::C(c));
        }
        let positive = chosen.iter().filter(|(_, positive, _)| *positive).count();
        if positive == 0 || positive == chosen.len() {
            return Err(SvmError::OneClass { rows: chosen.len(), positive: positive > 0 });
        }
        let (rows, features) = (chosen.len(), self.kept.len());
        if (rows.min(features) as f64).powi(2) * rows.max(features) as f64 > MOST_WORK {
            return Err(SvmError::TooLarge { rows, features });
        }
        let signs = DVector::from_fn(chosen.len(), |k, _| if chosen[k].1 { 1.0 } else { -1.0 });
        let costs = DVector::from_fn(chosen.len(), |k, _| chosen[k].2);
        let values = DMatrix::from_fn(chosen.len(), self.kept.len(), |k, j| self.values[(chosen[k].0, j)]);
        let optimum = |rows: DMatrix<f64>| {
            let columns = rows.ncols();
            solve(&rows.insert_column(columns, 1.0), &signs, &costs, progress)?.ok_or(SvmError::Rounding)
        };
        let (weights, bias) = if values.ncols() <= values.nrows() {
            let Optimum { weights, bias, .. } = optimum(values)?;
            (weights, bias)
        } else {
            // Only products of rows matter: others with the same products, and no more columns than rows, give the same duals.
            let across = values.transpose();
            let mut products = &values * &across;
            let ridge = RIDGE * products.trace() / products.nrows() as f64;
            for row in 0..products.nrows() {
                products[(row, row)] += ridge;
            }
            let few = products.cholesky().ok_or(SvmError::Rounding)?.unpack();
            let Optimum { bias, duals, .. } = optimum(few)?;
            ((across * DVector::from_vec(duals)).as_slice().to_vec(), bias)
        };
        let mut svm = LinearSvm { weights: vec![0.0; self.dim], bias };
        for (&(column, mean, deviation), weight) in self.kept.iter().zip(weights) {
            svm.weights[column] = weight / deviation;
            svm.bias -= mean * weight / deviation;
        }
        Ok(svm)
    }
}

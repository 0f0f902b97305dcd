//! Rows of a table as the columns of a matrix, centred and scaled.

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use rayon::prelude::*;

use super::scale::Place;
use super::table::Matrix;

/// Rows that are turned at once.
const BLOCK: usize = 128;

/// Columns of a product that one thread computes.
const COLUMNS: usize = 64;

/// Features of a table, less their centre and over their scale.
pub(super) struct Frame {
    /// Which features, in ascending order.
    pub kept: Vec<usize>,
    pub centre: Vec<f64>,
    pub scale: Vec<f64>,
}

impl Frame {
    /// The features that vary, where `is_scaled` in units of their spread.
    pub fn varying(places: &[Place], is_scaled: bool) -> Self {
        let kept: Vec<usize> = (0..places.len()).filter(|&i| !places[i].is_constant).collect();
        let centre = kept.iter().map(|&i| places[i].centre).collect();
        let scale = kept.iter().map(|&i| if is_scaled { places[i].scale } else { 1.0 }).collect();
        Self { kept, centre, scale }
    }

    /// All features around a point.
    pub fn around(centre: Vec<f64>) -> Self {
        Self { kept: (0..centre.len()).collect(), scale: vec![1.0; centre.len()], centre }
    }

    /// Rows as columns, `[kept feature, row]`.
    pub fn gather(&self, features: &Matrix, rows: &[usize]) -> DMatrix<f64> {
        let mut values = Vec::with_capacity(self.kept.len() * rows.len());
        for &row in rows {
            let from = features.row(row);
            let scaled = self.kept.iter().zip(&self.centre).zip(&self.scale);
            values.extend(scaled.map(|((&feature, centre), scale)| (from[feature] - centre) / scale));
        }
        DMatrix::from_vec(self.kept.len(), rows.len(), values)
    }

    /// What `turn` makes of rows, `[row, width]`: it maps columns `[kept feature, row]` to as many columns `[width, row]`.
    pub fn turned(
        &self,
        features: &Matrix,
        rows: &[usize],
        width: usize,
        turn: impl Fn(&DMatrix<f64>) -> DMatrix<f64> + Sync,
    ) -> Vec<f64> {
        let mut out = vec![0.0; rows.len() * width];
        if width > 0 {
            let blocks = out.par_chunks_mut(BLOCK * width).zip(rows.par_chunks(BLOCK));
            blocks.for_each(|(out, rows)| out.copy_from_slice(turn(&self.gather(features, rows)).as_slice()));
        }
        out
    }

    /// Puts `[row, kept feature]` in the place of rows of a table.
    pub fn write(&self, features: &mut Matrix, rows: &[usize], values: &[f64]) {
        if self.kept.is_empty() {
            return;
        }
        for (&row, values) in rows.iter().zip(values.chunks_exact(self.kept.len())) {
            let to = features.row_mut(row);
            for (&feature, &x) in self.kept.iter().zip(values) {
                to[feature] = x;
            }
        }
    }
}

/// Mean of every feature over rows, none of which lacks a value, and the sum of squares around it.
pub(super) fn moments(features: &Matrix, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let width = features.names.len();
    let (mut mean, mut squares) = (vec![0.0; width], vec![0.0; width]);
    for &row in rows {
        mean.iter_mut().zip(features.row(row)).for_each(|(sum, x)| *sum += x);
    }
    for sum in &mut mean {
        *sum /= rows.len() as f64;
    }
    for &row in rows {
        let deviations = features.row(row).iter().zip(&mean).map(|(x, mean)| x - mean);
        squares.iter_mut().zip(deviations).for_each(|(sum, x)| *sum += x * x);
    }
    (mean, squares)
}

/// `a · b`, the same for any number of threads.
pub(super) fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let (rows, inner, columns) = (a.nrows(), a.ncols(), b.ncols());
    let mut out = vec![0.0; rows * columns];
    if inner > 0 && !out.is_empty() {
        // Whole columns of both: nalgebra must not see views with a row stride.
        let blocks = out.par_chunks_mut(rows * COLUMNS).zip(b.as_slice().par_chunks(inner * COLUMNS));
        blocks.for_each(|(out, b)| {
            let width = out.len() / rows;
            let b = DMatrixView::from_slice(b, inner, width);
            DMatrixViewMut::from_slice(out, rows, width).gemm(1.0, a, &b, 0.0);
        });
    }
    DMatrix::from_vec(rows, columns, out)
}

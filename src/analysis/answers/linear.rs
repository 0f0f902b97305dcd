//! Scatter, Cholesky factor and triangular products of matrices of a few thousand rows, in blocks on all cores.
//! Sums are taken in a fixed order: the result does not depend on the number of threads.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use super::AnswersError;
use crate::progress::Progress;

/// Side of a block of a matrix.
const TILE: usize = 256;

/// Vectors that are taken at once.
const CHUNK: usize = 512;

/// Adds `Σ x·xᵀ` over the vectors of `rows` (`[n, dim]`) to `sum` (`[dim, dim]`, both triangles).
///
/// # Errors
/// Somebody cancelled.
pub(super) fn add_scatter(
    sum: &mut [f64],
    rows: &[f32],
    dim: usize,
    progress: &Progress,
) -> Result<(), AnswersError> {
    let edges: Vec<(usize, usize)> = (0..dim).step_by(TILE).map(|at| (at, (at + TILE).min(dim))).collect();
    let mut tiles: Vec<(usize, usize, Vec<f64>)> = Vec::new();
    for (i, a) in edges.iter().enumerate() {
        for (j, b) in edges.iter().enumerate().take(i + 1) {
            tiles.push((i, j, vec![0.0; (a.1 - a.0) * (b.1 - b.0)]));
        }
    }
    for chunk in rows.chunks(CHUNK * dim) {
        progress.check().map_err(|_| AnswersError::Cancelled)?;
        let n = chunk.len() / dim;
        // Operands are copied out: contiguous ones are the only ones the library multiplies safely.
        let strips: Vec<(DMatrix<f32>, DMatrix<f32>)> = edges
            .par_iter()
            .map(|&(from, to)| {
                let strip = DMatrix::from_fn(to - from, n, |i, k| chunk[k * dim + from + i]);
                let across = strip.transpose();
                (strip, across)
            })
            .collect();
        tiles.par_iter_mut().for_each(|(i, j, tile)| {
            let product = &strips[*i].0 * &strips[*j].1;
            tile.iter_mut().zip(product.as_slice()).for_each(|(sum, x)| *sum += f64::from(*x));
        });
        progress.add(n as u64);
    }
    for (i, j, tile) in tiles {
        let (a, b) = (edges[i], edges[j]);
        for (column, of) in (b.0..b.1).zip(tile.chunks_exact(a.1 - a.0)) {
            for (row, x) in (a.0..a.1).zip(of) {
                sum[row * dim + column] += x;
                if i != j {
                    sum[column * dim + row] += x;
                }
            }
        }
    }
    Ok(())
}

/// `L⁻¹` of a positive definite matrix `A = L·Lᵀ`, kept as blocks of rows.
#[derive(Debug, Clone)]
pub(super) struct Lower {
    dim: usize,
    /// Rows `k·TILE…` of the inverse with the columns that are not zero.
    blocks: Vec<DMatrix<f32>>,
}

impl Lower {
    /// Factors `matrix` (`[dim, dim]`, its lower triangle is used and overwritten) and inverts the factor; `None`
    /// unless it is positive definite.
    pub fn inverse(mut matrix: Vec<f64>, dim: usize) -> Option<Self> {
        if !factor(&mut matrix, dim) {
            return None;
        }
        let factor = &matrix;
        // Column k of the inverse solves L·x = eₖ; it is zero above k.
        let columns: Vec<Vec<f64>> = (0..dim)
            .into_par_iter()
            .map(|k| {
                let mut x: Vec<f64> = Vec::with_capacity(dim - k);
                for i in k..dim {
                    let row = &factor[i * dim..(i + 1) * dim];
                    let rest = if i == k { 1.0 } else { 0.0 } - dot(&row[k..i], &x);
                    x.push(rest / row[i]);
                }
                x
            })
            .collect();
        let block = |from: usize| {
            let to = (from + TILE).min(dim);
            DMatrix::from_fn(to - from, to, |i, k| {
                let row = from + i;
                if row < k { 0.0 } else { columns[k][row - k] as f32 }
            })
        };
        let blocks = (0..dim).into_par_iter().step_by(TILE).map(block).collect();
        Some(Self { dim, blocks })
    }

    /// `L⁻¹·diag(scale)`: vectors are multiplied by `scale` before.
    pub fn after(mut self, scale: &[f64]) -> Self {
        for block in &mut self.blocks {
            for (mut column, scale) in block.column_iter_mut().zip(scale) {
                column *= *scale as f32;
            }
        }
        self
    }

    /// Replaces each vector `x` of `[n, dim]` by `L⁻¹·x`.
    pub fn apply(&self, values: &mut [f32]) {
        let dim = self.dim;
        values.par_chunks_mut(CHUNK / 4 * dim).for_each(|chunk| {
            let n = chunk.len() / dim;
            let vectors = DMatrixView::from_slice(chunk, dim, n).into_owned();
            for (number, block) in self.blocks.iter().enumerate() {
                let (from, to) = (number * TILE, block.ncols());
                let product = block * vectors.rows(0, to).into_owned();
                for (out, column) in
                    chunk.chunks_exact_mut(dim).zip(product.as_slice().chunks_exact(block.nrows()))
                {
                    out[from..to].copy_from_slice(column);
                }
            }
        });
    }
}

/// Cholesky factor in place of the lower triangle, row by row; false unless the matrix is positive definite.
fn factor(matrix: &mut [f64], dim: usize) -> bool {
    const PANEL: usize = 64;
    for from in (0..dim).step_by(PANEL) {
        let to = (from + PANEL).min(dim);
        let (top, below) = matrix.split_at_mut(to * dim);
        for i in from..to {
            let (done, row) = top.split_at_mut(i * dim);
            for j in from..i {
                let other = &done[j * dim..=j * dim + j];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let rest = row[i] - dot(&row[..i], &row[..i]);
            if rest.is_nan() || rest <= 0.0 {
                return false;
            }
            row[i] = rest.sqrt();
        }
        let top = &*top;
        below.par_chunks_exact_mut(dim).for_each(|row| {
            for j in from..to {
                let other = &top[j * dim..=j * dim + j];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
        });
    }
    true
}

/// Sum of products in eight strands, which the compiler keeps in registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (left, right) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn blocks_give_what_one_matrix_gives() {
        let mut rng = stream(5, &["linear"]);
        for (n, dim) in [(700, 300), (40, 3), (1, 1), (90, 64)] {
            let mut random =
                |n: usize| -> Vec<f32> { (0..n * dim).map(|_| normal(&mut rng) as f32).collect() };
            let (values, means) = (random(n), random(2));
            let rows: Vec<f32> =
                (0..n * dim).map(|at| values[at] - means[at / dim % 2 * dim + at % dim]).collect();
            let mut sum = vec![0.0; dim * dim];
            add_scatter(&mut sum, &rows, dim, &Progress::default()).unwrap();
            let deviations = DMatrix::from_fn(dim, n, |i, k| f64::from(rows[k * dim + i]));
            let expected = &deviations * deviations.transpose();
            let far = sum.iter().zip(expected.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(far < 1e-4 * n as f64, "{n} {dim}: {far}");
            for i in 0..dim {
                sum[i * dim + i] += 1.0;
            }
            let whole = DMatrix::from_row_slice(dim, dim, &sum).cholesky().unwrap().l();
            let lower = Lower::inverse(sum, dim).unwrap();
            let scale: Vec<f64> = (0..dim).map(|i| 0.5 + (i % 3) as f64).collect();
            let mut own = values.clone();
            own.iter_mut().enumerate().for_each(|(at, x)| *x /= scale[at % dim] as f32);
            lower.clone().after(&scale).apply(&mut own);
            let mut plain = values.clone();
            lower.apply(&mut plain);
            let far = own.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-4, "{n} {dim}: scaled before, {far}");
            for (own, x) in own.chunks_exact(dim).zip(values.chunks_exact(dim)) {
                let x = nalgebra::DVector::from_iterator(dim, x.iter().map(|x| f64::from(*x)));
                let expected = whole.solve_lower_triangular(&x).unwrap();
                let far =
                    own.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                assert!(far < 1e-4, "{n} {dim}: {far}");
            }
        }
        assert!(Lower::inverse(vec![1.0, 2.0, 2.0, 1.0], 2).is_none(), "not positive definite");
    }

    #[test]
    fn a_cancelled_sum_stops() {
        let progress = Progress::default();
        progress.cancel();
        let stopped = add_scatter(&mut [0.0], &[1.0], 1, &progress);
        assert!(matches!(stopped, Err(AnswersError::Cancelled)));
    }
}

//! How much of the nearness in a map is true.

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

/// Rows whose ranks are counted together.
const QUERIES: usize = 64;
/// Rows that they are compared with at once.
const CANDIDATES: usize = 512;

/// Trustworthiness of a map (Venna & Kaski, ICANN 2001): 1 if the `k` nearest points of each point are its `k`
/// nearest rows, less the more and the farther strangers are among them; 0 to 1. As in scikit-learn's
/// `manifold.trustworthiness` with Euclidean distances; equal distances rank by index.
///
/// `values` `[row, dim]`. `None` unless there is one finite point per row, and `0 < k < rows / 2`.
pub fn trustworthiness(values: &[f32], dim: usize, plane: &[[f32; 2]], k: usize) -> Option<f64> {
    let all: Vec<usize> = (0..plane.len()).collect();
    trustworthiness_of(values, dim, plane, k, &all)
}

/// [`trustworthiness`] as some rows see it, ranked among all; for maps with too many rows to look at each.
pub fn trustworthiness_of(
    values: &[f32],
    dim: usize,
    plane: &[[f32; 2]],
    k: usize,
    rows: &[usize],
) -> Option<f64> {
    let n = plane.len();
    let finite = || values.par_iter().all(|x| x.is_finite()) && plane.iter().flatten().all(|x| x.is_finite());
    if dim == 0 || k == 0 || 2 * k >= n || values.len() != n * dim || !finite() {
        return None;
    }
    if rows.is_empty() || rows.iter().any(|row| *row >= n) {
        return None;
    }
    let squares: Vec<f64> =
        values.par_chunks_exact(dim).map(|row| row.iter().map(|x| f64::from(*x).powi(2)).sum()).collect();
    let blocks: Vec<u64> =
        rows.par_chunks(QUERIES).map(|queries| strangers(values, dim, &squares, plane, k, queries)).collect();
    let (n, k, of) = (n as f64, k as f64, rows.len() as f64);
    Some(1.0 - blocks.into_iter().sum::<u64>() as f64 * 2.0 / (of * k * (2.0 * n - 3.0 * k - 1.0)))
}

/// Over rows and the `k` nearest points of each: how far past `k` their ranks are.
fn strangers(
    values: &[f32],
    dim: usize,
    squares: &[f64],
    plane: &[[f32; 2]],
    k: usize,
    queries: &[usize],
) -> u64 {
    let n = plane.len();
    let left = DMatrix::from_fn(queries.len(), dim, |i, j| f64::from(values[queries[i] * dim + j]));
    // |q − c|² without |q|², which is the same for all candidates.
    let mut far = vec![0.0; queries.len() * n];
    for (block, candidates) in values.chunks(CANDIDATES * dim).enumerate() {
        let count = candidates.len() / dim;
        let product = &left * DMatrixView::from_slice(candidates, dim, count).map(f64::from);
        for (at, column) in product.as_slice().chunks_exact(queries.len()).enumerate() {
            let candidate = block * CANDIDATES + at;
            for (query, x) in column.iter().enumerate() {
                far[query * n + candidate] = squares[candidate] - 2.0 * x;
            }
        }
    }
    let mut past = 0;
    for (&query, far) in queries.iter().zip(far.chunks_exact(n)) {
        for near in nearest_points(plane, query, k) {
            let limit = far[near];
            let nearer = far.iter().filter(|x| **x < limit).count()
                + far[..near].iter().filter(|x| **x == limit).count();
            // The row itself is no neighbour of its own.
            let itself = usize::from(far[query] < limit || far[query] == limit && query < near);
            past += (nearer - itself + 1).saturating_sub(k) as u64;
        }
    }
    past
}

/// The `k` nearest other points; at equal distance the smaller index first.
fn nearest_points(plane: &[[f32; 2]], of: usize, k: usize) -> Vec<usize> {
    let [x, y] = plane[of].map(f64::from);
    let mut others: Vec<(f64, usize)> = plane
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != of)
        .map(|(other, point)| ((f64::from(point[0]) - x).powi(2) + (f64::from(point[1]) - y).powi(2), other))
        .collect();
    others.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    others.truncate(k);
    others.into_iter().map(|(_, other)| other).collect()
}

//! Features that repeat others.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::analysis::recipe::frame::product;
use crate::analysis::recipe::table::Matrix;

/// Sums of |r| that differ by less than this are equal.
const EQUAL: f64 = 1e-9;

/// For each of some features, why it goes: of each two that correlate by more than `threshold`, the one with the larger sum
/// of |r|, as pycytominer decides over all pairs at once.
pub(super) fn correlated(
    features: &Matrix,
    among: &[usize],
    rows: &[usize],
    threshold: f64,
) -> Vec<Option<String>> {
    let r = correlations(features, among, rows);
    let rounded: Vec<f64> = r
        .column_iter()
        .map(|column| (column.iter().filter(|r| !r.is_nan()).map(|r| r.abs()).sum::<f64>() / EQUAL).round())
        .collect();
    let mut order: Vec<usize> = (0..among.len()).collect();
    order.sort_by(|&a, &b| rounded[a].total_cmp(&rounded[b]));
    let mut rank = vec![0; among.len()];
    for (place, &k) in order.iter().enumerate() {
        rank[k] = place;
    }
    let mut reasons = vec![None; among.len()];
    for (a, column) in r.column_iter().enumerate() {
        for (b, &r) in column.iter().enumerate().skip(a + 1) {
            if r > threshold {
                let (goes, stays) = if rank[a] > rank[b] { (a, b) } else { (b, a) };
                let other = &features.names[among[stays]];
                reasons[goes].get_or_insert_with(|| format!("correlates with {other} (r = {r:.3})"));
            }
        }
    }
    reasons
}

/// Pearson's r of every two of some features over the rows in which both have a value; 0 with one that is constant.
fn correlations(features: &Matrix, among: &[usize], rows: &[usize]) -> DMatrix<f64> {
    let mut columns = DMatrix::from_fn(rows.len(), among.len(), |i, k| features.row(rows[i])[among[k]]);
    let has_gap: Vec<bool> = columns.column_iter().map(|column| column.iter().any(|x| x.is_nan())).collect();
    let with_gaps: Vec<usize> = (0..among.len()).filter(|&k| has_gap[k]).collect();
    let of = |k: usize| &columns.as_slice()[k * rows.len()..(k + 1) * rows.len()];
    let in_pairs: Vec<Vec<f64>> =
        with_gaps.par_iter().map(|&a| (0..among.len()).map(|b| pearson(of(a), of(b))).collect()).collect();
    let unit = |(column, has_gap): (&mut [f64], &bool)| {
        let n = column.len() as f64;
        let mean = column.iter().sum::<f64>() / n;
        for x in column.iter_mut() {
            *x -= mean;
        }
        let squares = column.iter().map(|x| x * x).sum::<f64>();
        if *has_gap || is_constant(squares, n, mean) {
            column.fill(0.0);
        } else {
            for x in column.iter_mut() {
                *x /= squares.sqrt();
            }
        }
    };
    columns.as_mut_slice().par_chunks_exact_mut(rows.len()).zip(&has_gap).for_each(unit);
    let mut r = product(&columns.transpose(), &columns);
    for (&a, pairs) in with_gaps.iter().zip(in_pairs) {
        for (b, found) in pairs.into_iter().enumerate() {
            r[(a, b)] = found;
            r[(b, a)] = found;
        }
    }
    r
}

/// Pearson's r over the places where both have a value; NaN where one does not vary there.
fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let both = || a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let n = both().count() as f64;
    let mean = |of: fn((&f64, &f64)) -> f64| both().map(of).sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(|(a, _)| *a), mean(|(_, b)| *b));
    let (mut of_a, mut of_b, mut common) = (0.0, 0.0, 0.0);
    for (a, b) in both() {
        let (a, b) = (a - mean_a, b - mean_b);
        of_a += a * a;
        of_b += b * b;
        common += a * b;
    }
    if n == 0.0 || is_constant(of_a, n, mean_a) || is_constant(of_b, n, mean_b) {
        return f64::NAN;
    }
    common / (of_a * of_b).sqrt()
}

/// Whether a sum of squares around a mean of `n` values is its rounding.
fn is_constant(squares: f64, n: f64, mean: f64) -> bool {
    squares <= n * (n * mean * f64::EPSILON).powi(2)
}

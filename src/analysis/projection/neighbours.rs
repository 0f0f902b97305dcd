//! The exact nearest rows of every row, by blocked matrix products.

use std::sync::atomic::{AtomicUsize, Ordering};

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use super::{Phase, ProjectionError, Rows};

/// Rows that look for neighbours together.
const QUERIES: usize = 256;
/// Rows that they are compared with at once; 256 × 512 products are half a megabyte.
const CANDIDATES: usize = 512;
/// Products of rows are rounded. So many more candidates than asked are kept and measured anew.
const SPARE: usize = 8;
/// Comparisons made at once before looking which of them hit.
const LANES: usize = 16;

/// The nearest rows of each row, itself left out.
pub struct Neighbours {
    /// Neighbours per row.
    pub k: usize,
    /// `[row, k]`, from the nearest; at equal distance the smaller index first.
    pub indices: Vec<u32>,
    /// Euclidean distances `[row, k]`.
    pub distances: Vec<f32>,
}

impl Neighbours {
    /// The `k` nearest others of each row, or all others if there are fewer.
    pub(super) fn find(rows: &Rows, k: usize, phase: &Phase) -> Result<Self, ProjectionError> {
        let (n, dim) = (rows.len(), rows.dim);
        let k = k.min(n.saturating_sub(1));
        let mut found = Self { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
        if k == 0 {
            return Ok(found);
        }
        let squares: Vec<f32> =
            rows.values.par_chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum()).collect();
        let done = AtomicUsize::new(0);
        found
            .indices
            .par_chunks_mut(QUERIES * k)
            .zip(found.distances.par_chunks_mut(QUERIES * k))
            .enumerate()
            .try_for_each(|(block, (indices, distances))| {
                search(rows, &squares, block * QUERIES, k, (indices, distances), phase)?;
                let blocks = done.fetch_add(1, Ordering::Relaxed) + 1;
                phase.at((blocks * QUERIES).min(n) as f64 / n as f64)
            })?;
        Ok(found)
    }
}

/// Finds the neighbours of one block of rows, from `first`.
fn search(
    rows: &Rows,
    squares: &[f32],
    first: usize,
    k: usize,
    (indices, distances): (&mut [u32], &mut [f32]),
    phase: &Phase,
) -> Result<(), ProjectionError> {
    let dim = rows.dim;
    let queries = indices.len() / k;
    let own = &rows.values[first * dim..(first + queries) * dim];
    // The library counts column by column: rows one after the other are columns.
    let left = DMatrixView::from_slice(own, dim, queries).transpose();
    let mut product = DMatrix::zeros(queries, CANDIDATES);
    let mut nearest = vec![Nearest::new(k + SPARE); queries];
    let mut limits = vec![f32::INFINITY; queries];
    for (block, candidates) in rows.values.chunks(CANDIDATES * dim).enumerate() {
        phase.go_on()?;
        let count = candidates.len() / dim;
        if count != product.ncols() {
            product = DMatrix::zeros(queries, count);
        }
        product.gemm(1.0, &left, &DMatrixView::from_slice(candidates, dim, count), 0.0);
        for (at, column) in product.as_slice().chunks_exact(queries).enumerate() {
            let candidate = block * CANDIDATES + at;
            // |q − c|² without |q|², which is the same for all candidates.
            let square = squares[candidate];
            for (lane, (values, of)) in column.chunks(LANES).zip(limits.chunks_mut(LANES)).enumerate() {
                let hits = values.iter().zip(of.iter()).filter(|(x, limit)| square - 2.0 * **x < **limit);
                if hits.count() == 0 {
                    continue;
                }
                for (within, (x, limit)) in values.iter().zip(of.iter_mut()).enumerate() {
                    let (query, key) = (lane * LANES + within, square - 2.0 * x);
                    if key < *limit && first + query != candidate {
                        *limit = nearest[query].offer(key, candidate as u32, *limit);
                    }
                }
            }
        }
    }
    let out = indices.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k));
    for ((query, nearest), (indices, distances)) in own.chunks_exact(dim).zip(nearest).zip(out) {
        let mut measured: Vec<(f32, u32)> = nearest
            .candidates()
            .map(|index| (distance(query, &rows.values[index as usize * dim..][..dim]), index))
            .collect();
        measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for ((index, distance), found) in indices.iter_mut().zip(distances).zip(measured) {
            (*distance, *index) = found;
        }
    }
    Ok(())
}

/// The best candidates of a row so far, and some that are not; both in one number each, so that they are quickly
/// told apart: the key above, the index below.
#[derive(Clone)]
struct Nearest {
    keep: usize,
    held: Vec<u64>,
}

impl Nearest {
    fn new(keep: usize) -> Self {
        Self { keep, held: Vec::with_capacity(2 * keep) }
    }

    /// Takes a candidate; returns the key that the next ones must be below.
    fn offer(&mut self, key: f32, index: u32, limit: f32) -> f32 {
        self.held.push(u64::from(ordered(key)) << 32 | u64::from(index));
        if self.held.len() < 2 * self.keep {
            return limit;
        }
        let (_, last, _) = self.held.select_nth_unstable(self.keep - 1);
        let limit = unordered((*last >> 32) as u32);
        self.held.truncate(self.keep);
        limit
    }

    /// Indices of the best, in any order.
    fn candidates(mut self) -> impl Iterator<Item = u32> {
        if self.held.len() > self.keep {
            self.held.select_nth_unstable(self.keep - 1);
            self.held.truncate(self.keep);
        }
        self.held.into_iter().map(|held| held as u32)
    }
}

/// Bits that are ordered as the numbers are.
fn ordered(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// Undoes [`ordered`].
fn unordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

/// Euclidean distance of two rows.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a.zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    (sums.iter().sum::<f32>() + rest).sqrt()
}

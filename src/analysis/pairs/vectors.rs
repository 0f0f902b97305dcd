//! How far rows are from their partners.

use nalgebra::DMatrixView;
use rayon::prelude::*;

use super::profiles::Profiles;

/// A matrix product is faster than one pair after the other, also where only one in so many of its numbers is wanted.
const SPARE: usize = 8;

/// Partners in one matrix product.
const COLUMNS: usize = 256;

/// Where no place is.
const NOWHERE: u32 = u32::MAX;

/// Vectors, compared by their cosine.
///
/// Sums are in double precision, and a distance is `1 − cosine` rounded to single precision: so the package ranks, and so
/// equal pairs tie whichever way they were computed.
pub(super) struct Vectors<'a> {
    profiles: &'a Profiles,
    /// What brings each row to length 1; 0 for zeros, whose cosine with all others is taken as 0.
    scales: Vec<f64>,
}

impl<'a> Vectors<'a> {
    pub(super) fn new(profiles: &'a Profiles) -> Self {
        let scale = |vector: &[f32]| {
            let squares = dot(vector, vector);
            if squares > 0.0 { 1.0 / squares.sqrt() } else { 0.0 }
        };
        Self { profiles, scales: profiles.values.par_chunks_exact(profiles.dim.max(1)).map(scale).collect() }
    }

    /// Rows of zeros.
    pub(super) fn zeros(&self) -> usize {
        self.scales.iter().filter(|scale| **scale == 0.0).count()
    }

    /// Distances of some rows to the partners of each, in their order.
    pub(super) fn distances(&self, rows: &[usize], partners: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let mut places = vec![NOWHERE; self.scales.len()];
        let mut others = Vec::new();
        for &other in partners.iter().flatten() {
            let place = &mut places[other as usize];
            if *place == NOWHERE {
                *place = others.len() as u32;
                others.push(other as usize);
            }
        }
        let wanted: usize = partners.iter().map(Vec::len).sum();
        if wanted * SPARE < rows.len() * others.len() {
            let one = |(&row, partners): (&usize, &Vec<u32>)| -> Vec<f32> {
                let distance = |&other: &u32| {
                    let other = other as usize;
                    self.distance(row, other, dot(self.profiles.row(row), self.profiles.row(other)))
                };
                partners.iter().map(distance).collect()
            };
            return rows.iter().zip(partners).map(one).collect();
        }
        let products = self.products(rows, &others);
        let one = |(place, (&row, partners)): (usize, (&usize, &Vec<u32>))| -> Vec<f32> {
            let distance = |&other: &u32| {
                let other = other as usize;
                self.distance(row, other, products[places[other] as usize * rows.len() + place])
            };
            partners.iter().map(distance).collect()
        };
        rows.iter().zip(partners).enumerate().map(one).collect()
    }

    fn distance(&self, a: usize, b: usize, product: f64) -> f32 {
        1.0 - (product * self.scales[a] * self.scales[b]) as f32
    }

    /// Inner products, `[other, row]`.
    fn products(&self, rows: &[usize], others: &[usize]) -> Vec<f64> {
        let dim = self.profiles.dim;
        let gather = |rows: &[usize]| -> Vec<f64> {
            rows.iter().flat_map(|&row| self.profiles.row(row)).map(|x| f64::from(*x)).collect()
        };
        let block = gather(rows);
        // Contiguous on both sides: the library's products of small views with a row stride read past their end (0.34.2).
        let block = DMatrixView::from_slice(&block, dim, rows.len()).transpose();
        let mut out = Vec::with_capacity(rows.len() * others.len());
        for part in others.chunks(COLUMNS) {
            let gathered = gather(part);
            let product = &block * DMatrixView::from_slice(&gathered, dim, part.len());
            out.extend_from_slice(product.as_slice());
        }
        out
    }
}

/// Inner product in double precision.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0_f64; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn both_ways_to_compare_agree_and_zeros_are_as_far_as_what_is_at_right_angles() {
        let mut rng = stream(6, &["distances"]);
        let (rows, dim) = (40, 19);
        let mut values: Vec<f32> = (0..rows * dim).map(|_| normal(&mut rng) as f32).collect();
        values[5 * dim..6 * dim].fill(0.0);
        // The same direction, another length.
        for place in 0..dim {
            values[7 * dim + place] = values[6 * dim + place] * 4.0;
        }
        let profiles = Profiles { dim, values, columns: Vec::new() };
        let vectors = Vectors::new(&profiles);
        assert_eq!(vectors.zeros(), 1);
        let all: Vec<usize> = (0..rows).collect();
        let every = vec![(0..rows as u32).collect::<Vec<_>>(); rows];
        let dense = vectors.distances(&all, &every);
        let few: Vec<Vec<u32>> = (0..rows as u32).map(|row| vec![(row * 7 + 1) % rows as u32]).collect();
        let sparse = vectors.distances(&all, &few);
        for row in 0..rows {
            let other = few[row][0] as usize;
            assert!((dense[row][other] - sparse[row][0]).abs() <= f32::EPSILON, "{row}");
            let exact = |row: usize| profiles.row(row).iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let (a, b) = (exact(row), exact(other));
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let lengths = (dot(&a, &a) * dot(&b, &b)).sqrt();
            let cosine = if lengths > 0.0 { dot(&a, &b) / lengths } else { 0.0 };
            assert!((f64::from(sparse[row][0]) - (1.0 - cosine)).abs() < 1e-6, "{row}");
        }
        assert!(dense[5].iter().all(|distance| *distance == 1.0));
        assert!(dense[6][7].abs() < 1e-6);
    }
}

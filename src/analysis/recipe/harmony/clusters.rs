//! Soft clusters that hold each batch in its part of the whole.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::directions;
use crate::analysis::recipe::frame::product;

/// Parts of the rows that are assigned one after the other, each knowing where the others are.
const PARTS: usize = 20;

/// Rows in soft clusters.
pub(super) struct Clusters {
    /// Of length 1, `[feature, row]`.
    pub points: DMatrix<f64>,
    /// The batch of each row.
    batch: Vec<usize>,
    /// Part of the rows that is in each batch.
    share: Vec<f64>,
    theta: f64,
    sigma: f64,
    /// Part of each row that is in each cluster, `[cluster, row]`; a column sums to 1.
    member: DMatrix<f64>,
    /// `2·(1 − cosine)` to the centroids, `[cluster, row]`.
    distance: DMatrix<f64>,
    /// Rows of each batch in each cluster, `[cluster, batch]`, and as many as an even cluster would hold.
    observed: DMatrix<f64>,
    expected: DMatrix<f64>,
}

impl Clusters {
    pub fn new(
        points: DMatrix<f64>,
        batches: &[Vec<usize>],
        start: &DMatrix<f64>,
        theta: f64,
        sigma: f64,
    ) -> Self {
        let rows = points.ncols();
        let mut batch = vec![0; rows];
        for (place, of_batch) in batches.iter().enumerate() {
            for &row in of_batch {
                batch[row] = place;
            }
        }
        let share: Vec<f64> = batches.iter().map(|of_batch| of_batch.len() as f64 / rows as f64).collect();
        let distance = distances(start, &points);
        let mut member = kernel(&distance, sigma);
        for mut column in member.column_iter_mut() {
            let sum = column.sum();
            column /= sum;
        }
        let mut observed = DMatrix::<f64>::zeros(start.ncols(), batches.len());
        for (column, &batch) in member.column_iter().zip(&batch) {
            let mut sum = observed.column_mut(batch);
            sum += column;
        }
        let sizes = member.column_sum();
        let expected = DMatrix::from_fn(start.ncols(), batches.len(), |k, b| sizes[k] * share[b]);
        Self { points, batch, share, theta, sigma, member, distance, observed, expected }
    }

    /// Distances within clusters, softness, and unevenness.
    pub fn objective(&self) -> f64 {
        let within: f64 =
            self.member.iter().zip(self.distance.iter()).map(|(r, distance)| r * distance).sum();
        let entropy: f64 = self.member.iter().filter(|r| **r > 0.0).map(|r| r * r.ln()).sum();
        let ratio = self.observed.iter().zip(self.expected.iter());
        let uneven: f64 = ratio.map(|(o, e)| o * ((o + 1.0) / (e + 1.0)).ln()).sum();
        within + self.sigma * (entropy + self.theta * uneven)
    }

    /// Moves the centroids to their members, then assigns rows anew in the order given.
    pub fn update(&mut self, order: &[usize]) {
        let centroids = directions(&product(&self.points, &self.member.transpose()));
        self.distance = distances(&centroids, &self.points);
        let near = kernel(&self.distance, self.sigma);
        for part in parts(order) {
            self.count(part, -1.0);
            let even = self.expected.zip_map(&self.observed, |e, o| ((e + 1.0) / (o + 1.0)).powf(self.theta));
            for &row in part {
                let batch = even.column(self.batch[row]);
                let mut member = near.column(row).component_mul(&batch);
                let sum = member.sum();
                member /= sum;
                self.member.set_column(row, &member);
            }
            self.count(part, 1.0);
        }
    }

    /// Adds what rows hold to the counts, or takes it away.
    fn count(&mut self, rows: &[usize], sign: f64) {
        let clusters = self.member.nrows();
        let mut sizes = vec![0.0; clusters];
        for &row in rows {
            let batch = self.batch[row];
            for (k, size) in sizes.iter_mut().enumerate() {
                let part = self.member[(k, row)];
                *size += part;
                self.observed[(k, batch)] += sign * part;
            }
        }
        for (b, share) in self.share.iter().enumerate() {
            for (k, size) in sizes.iter().enumerate() {
                self.expected[(k, b)] += sign * size * share;
            }
        }
    }

    /// Takes out of points `[feature, row]` what sets batches apart within clusters: for each cluster the ridge regression of the
    /// points, weighted by membership, on a common mean and one of each batch, of which the batch's is subtracted. The
    /// penalty is on the batches' alone, so that the normal equations have this closed form.
    pub fn correct(&self, points: &DMatrix<f64>, batches: &[Vec<usize>], lambda: f64) -> DMatrix<f64> {
        let (features, clusters) = (points.nrows(), self.member.nrows());
        // Of each batch: members `[cluster]`, and the sum of their points `[feature, cluster]`.
        let sums: Vec<(Vec<f64>, DMatrix<f64>)> = batches
            .iter()
            .map(|rows| {
                let member = self.member.select_columns(rows.iter());
                let sum = product(&points.select_columns(rows.iter()), &member.transpose());
                (member.column_sum().as_slice().to_vec(), sum)
            })
            .collect();
        let mut common = DMatrix::<f64>::zeros(features, clusters);
        for k in 0..clusters {
            let weight: f64 = sums.iter().map(|(count, _)| count[k] * lambda / (count[k] + lambda)).sum();
            // A cluster without members moves nothing.
            if weight > 0.0 {
                let mut mean = common.column_mut(k);
                for (count, sum) in &sums {
                    mean.axpy(lambda / ((count[k] + lambda) * weight), &sum.column(k), 1.0);
                }
            }
        }
        let mut corrected = points.clone();
        for (rows, (count, sum)) in batches.iter().zip(&sums) {
            let mut apart = sum.clone();
            for (k, mut column) in apart.column_iter_mut().enumerate() {
                column.axpy(-count[k], &common.column(k), 1.0);
                column /= count[k] + lambda;
            }
            let shift = product(&apart, &self.member.select_columns(rows.iter()));
            for (&row, shift) in rows.iter().zip(shift.column_iter()) {
                let mut point = corrected.column_mut(row);
                point -= shift;
            }
        }
        corrected
    }
}

/// `[cluster, row]`; centroids are brought to length 1.
fn distances(centroids: &DMatrix<f64>, points: &DMatrix<f64>) -> DMatrix<f64> {
    product(&directions(centroids).transpose(), points).map(|cosine| 2.0 * (1.0 - cosine))
}

/// `exp(−distance/σ)`, divided by the largest of each column.
fn kernel(distance: &DMatrix<f64>, sigma: f64) -> DMatrix<f64> {
    let mut near = distance.clone();
    near.as_mut_slice().par_chunks_exact_mut(distance.nrows()).for_each(|column| {
        let least = column.iter().copied().fold(f64::INFINITY, f64::min);
        for x in column.iter_mut() {
            *x = ((least - *x) / sigma).exp();
        }
    });
    near
}

/// Splits rows into parts of nearly the same size, the larger ones first.
fn parts(order: &[usize]) -> impl Iterator<Item = &[usize]> {
    let (size, more) = (order.len() / PARTS, order.len() % PARTS);
    let start = move |part: usize| part * size + part.min(more);
    (0..PARTS).map(move |part| &order[start(part)..start(part + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_numpy_array_split() {
        let order: Vec<usize> = (0..43).collect();
        let sizes: Vec<usize> = parts(&order).map(<[usize]>::len).collect();
        assert_eq!(sizes, [[3; 3].as_slice(), &[2; 17]].concat());
        assert_eq!(parts(&order).flatten().copied().collect::<Vec<_>>(), order);
        assert_eq!(parts(&order[..3]).filter(|part| !part.is_empty()).count(), 3);
    }

    #[test]
    fn the_closed_form_solves_the_ridge_regression() {
        let points = DMatrix::from_fn(2, 6, |i, row| ((3 * i + 2 * row) as f64).sin() + row as f64);
        let batches = [vec![0, 1, 4], vec![2, 3, 5]];
        let start = DMatrix::from_row_slice(2, 2, &[1.0, 0.2, 0.1, 1.0]);
        let clusters = Clusters::new(directions(&points), &batches, &start, 2.0, 0.5);
        let mut expected = points.clone();
        for k in 0..2 {
            let design =
                DMatrix::from_fn(3, 6, |i, row| f64::from(u8::from(i == 0 || batches[i - 1].contains(&row))));
            let mut weighted = design.clone();
            for (mut column, r) in weighted.column_iter_mut().zip(clusters.member.row(k).iter()) {
                column *= *r;
            }
            let mut normal = &weighted * design.transpose();
            normal[(1, 1)] += 0.7;
            normal[(2, 2)] += 0.7;
            let mut found = normal.try_inverse().unwrap() * &weighted * points.transpose();
            found.row_mut(0).fill(0.0);
            expected -= found.transpose() * weighted;
        }
        assert!((clusters.correct(&points, &batches, 0.7) - expected).amax() < 1e-10);
    }
}

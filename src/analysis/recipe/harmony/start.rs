//! Where the clusters start: k-means (Arthur & Vassilvitskii, SODA 2007, 1027).

use nalgebra::DMatrix;
use rand::RngExt;
use rayon::prelude::*;

use crate::analysis::recipe::frame::product;
use crate::random::stream;

/// Most rounds of assignment.
const ROUNDS: usize = 25;

/// Centroids `[feature, cluster]` of columns `[feature, row]`, of which there are at least as many as clusters.
pub(super) fn centroids(points: &DMatrix<f64>, clusters: usize, seed: u64) -> DMatrix<f64> {
    let mut centres = points.select_columns(spread(points, clusters, seed).iter());
    let mut assigned = Vec::new();
    for _ in 0..ROUNDS {
        let found = nearest(points, &centres);
        if found == assigned {
            break;
        }
        assigned = found;
        let mut counts = vec![0_u32; clusters];
        let mut sums = DMatrix::<f64>::zeros(points.nrows(), clusters);
        for (point, &cluster) in points.column_iter().zip(&assigned) {
            counts[cluster] += 1;
            let mut sum = sums.column_mut(cluster);
            sum += point;
        }
        // One that nobody is nearest to stays where it is.
        for (cluster, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            centres.set_column(cluster, &(sums.column(cluster) / f64::from(count)));
        }
    }
    centres
}

/// Rows far from one another: each is drawn by its squared distance from the nearest one before it.
fn spread(points: &DMatrix<f64>, clusters: usize, seed: u64) -> Vec<usize> {
    let mut rng = stream(seed, &["harmony", "start"]);
    let rows = points.ncols();
    let mut chosen = vec![rng.random_range(0..rows)];
    let mut distance = vec![f64::INFINITY; rows];
    while chosen.len() < clusters {
        let last = points.column(chosen[chosen.len() - 1]);
        distance.par_iter_mut().enumerate().for_each(|(row, nearest)| {
            let point = points.column(row);
            let squares = point.iter().zip(last.iter()).map(|(a, b)| (a - b) * (a - b));
            *nearest = nearest.min(squares.sum());
        });
        let mut left = rng.random::<f64>() * distance.iter().sum::<f64>();
        let drawn = distance.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        // Where all that is left are copies, any row does.
        chosen.push(drawn.unwrap_or(chosen.len() % rows));
    }
    chosen
}

/// The nearest centre of each column, the first of equals.
fn nearest(points: &DMatrix<f64>, centres: &DMatrix<f64>) -> Vec<usize> {
    let along = product(&centres.transpose(), points);
    let half: Vec<f64> = centres.column_iter().map(|centre| 0.5 * centre.norm_squared()).collect();
    let nearest_of = |along: &[f64]| {
        let mut best = (0, f64::NEG_INFINITY);
        for (cluster, (along, half)) in along.iter().zip(&half).enumerate() {
            if along - half > best.1 {
                best = (cluster, along - half);
            }
        }
        best.0
    };
    along.as_slice().par_chunks_exact(centres.ncols()).map(nearest_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::normal;

    #[test]
    fn finds_heaps_that_lie_apart() {
        let mut rng = stream(1, &["start"]);
        let points = DMatrix::from_fn(2, 90, |i, row| {
            let heap = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]][row % 3][i];
            heap + 0.3 * normal(&mut rng)
        });
        let centres = centroids(&points, 3, 0);
        let assigned = nearest(&points, &centres);
        assert!(assigned.iter().enumerate().all(|(row, cluster)| *cluster == assigned[row % 3]));
        assert!(assigned[0] != assigned[1] && assigned[1] != assigned[2] && assigned[0] != assigned[2]);
        assert_eq!(centroids(&points, 3, 0), centres);
        let copies = DMatrix::from_element(2, 4, 1.0);
        assert!(centroids(&copies, 3, 0).iter().all(|x| *x == 1.0));
    }
}

//! Principal components, by subspace iteration (Halko et al., SIAM Review 2011, 53:217).

use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use super::{Phase, ProjectionError};
use crate::progress::Progress;

/// Directions that are followed; two are shown, the others bring them forth sooner.
const DIRECTIONS: usize = 8;
/// Most rounds of the iteration; enough for a picture, where neighbouring components may mix.
const ROUNDS: usize = 24;
/// A round that adds less than this part to the variances of the first two is the last.
const ENOUGH: f64 = 1e-6;
/// Rows that are multiplied at once. Sums over blocks are taken in their order, so threads change nothing.
const BLOCK: usize = 512;

/// Coordinates of rows on their first two principal components; `values` `[row, dim]`, finite. Signs are fixed: the
/// entry of largest size of each direction is positive. Zeros where there is nothing to see.
pub fn plane(values: &[f32], dim: usize) -> Vec<[f32; 2]> {
    plane_until(values, dim, &Phase::new(&Progress::default())).unwrap_or_default()
}

/// [`plane`] that can be stopped.
pub(super) fn plane_until(
    values: &[f32],
    dim: usize,
    phase: &Phase,
) -> Result<Vec<[f32; 2]>, ProjectionError> {
    let n = values.len() / dim.max(1);
    if n == 0 {
        return Ok(Vec::new());
    }
    let mean: Vec<f32> = mean(values, dim).into_iter().map(|x| x as f32).collect();
    // Any start that is not orthogonal to the components does; sines are.
    let sine = |k: usize, i: usize| ((i * (k + 1)) as f64 * 0.7 + k as f64).sin();
    let mut directions = orthonormal(DMatrix::from_fn(dim, DIRECTIONS, |i, k| sine(k, i)));
    let mut seen = 0.0;
    for round in 0..ROUNDS {
        let part = phase.part(round as f64 / ROUNDS as f64, (round + 1) as f64 / ROUNDS as f64);
        let (scatter, within) = scatter(values, dim, &mean, &directions, &part)?;
        // Within the subspace the directions are turned to those of most variance, the first ones first.
        let (turn, variances) = by_variance(within);
        let shown = variances[0] + variances[1];
        if shown - seen <= ENOUGH * shown && round > 2 {
            directions *= turn;
            break;
        }
        seen = shown;
        directions = orthonormal(scatter * turn);
    }
    for mut direction in directions.column_iter_mut() {
        let largest = direction.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            direction.neg_mut();
        }
    }
    let axes = directions.transpose().map(|x| x as f32);
    let of_block = |block| {
        phase.go_on()?;
        let along = &axes * centred(block, dim, &mean);
        Ok(along.as_slice().chunks_exact(DIRECTIONS).map(|point| [point[0], point[1]]).collect())
    };
    let blocks: Vec<Vec<[f32; 2]>> =
        values.par_chunks(BLOCK * dim).map(of_block).collect::<Result<_, _>>()?;
    Ok(blocks.concat())
}

/// Mean of each column of `[row, dim]`; there must be rows.
pub(super) fn mean(values: &[f32], dim: usize) -> Vec<f64> {
    let sums: Vec<Vec<f64>> = values
        .par_chunks(BLOCK * dim)
        .map(|block| {
            let mut sum = vec![0.0; dim];
            for row in block.chunks_exact(dim) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            }
            sum
        })
        .collect();
    let n = (values.len() / dim) as f64;
    (0..dim).map(|i| sums.iter().map(|sum| sum[i]).sum::<f64>() / n).collect()
}

/// Rows less the mean, as columns.
fn centred(block: &[f32], dim: usize, mean: &[f32]) -> DMatrix<f32> {
    let mut centred = DMatrixView::from_slice(block, dim, block.len() / dim).into_owned();
    for mut column in centred.column_iter_mut() {
        column.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
    }
    centred
}

/// `XᵀX·V` and `VᵀXᵀX·V` of the centred rows `X` and directions `V` `[dim, direction]`.
fn scatter(
    values: &[f32],
    dim: usize,
    mean: &[f32],
    directions: &DMatrix<f64>,
    phase: &Phase,
) -> Result<(DMatrix<f64>, DMatrix<f64>), ProjectionError> {
    let axes = directions.transpose().map(|x| x as f32);
    phase.at(0.0)?;
    let of_block = |block| {
        phase.go_on()?;
        let rows = centred(block, dim, mean);
        let along = &axes * &rows;
        let back = along.transpose();
        Ok((rows * &back, along * back))
    };
    let blocks: Vec<_> = values.par_chunks(BLOCK * dim).map(of_block).collect::<Result<_, _>>()?;
    let mut sums = (DMatrix::zeros(dim, DIRECTIONS), DMatrix::zeros(DIRECTIONS, DIRECTIONS));
    for (scatter, within) in blocks {
        sums.0.zip_apply(&scatter, |sum, x| *sum += f64::from(x));
        sums.1.zip_apply(&within, |sum, x| *sum += f64::from(x));
    }
    Ok(sums)
}

/// The directions of most variance within a subspace, as columns, and the variances, both from the largest.
fn by_variance(within: DMatrix<f64>) -> (DMatrix<f64>, Vec<f64>) {
    let eigen = within.symmetric_eigen();
    let mut order: Vec<usize> = (0..DIRECTIONS).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let turn = DMatrix::from_fn(DIRECTIONS, DIRECTIONS, |i, k| eigen.eigenvectors[(i, order[k])]);
    (turn, order.into_iter().map(|i| eigen.eigenvalues[i]).collect())
}

/// Gram-Schmidt over columns; what vanishes becomes zero.
fn orthonormal(mut columns: DMatrix<f64>) -> DMatrix<f64> {
    for k in 0..columns.ncols() {
        let mut own = columns.column(k).into_owned();
        let before = own.norm();
        // Twice is enough, also for nearly equal columns.
        for _ in 0..2 {
            for other in 0..k {
                let other = columns.column(other);
                let along = own.dot(&other);
                own.axpy(-along, &other, 1.0);
            }
        }
        let length = own.norm();
        own *= if length > 1e-10 * before { 1.0 / length } else { 0.0 };
        columns.set_column(k, &own);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn finds_the_two_directions_that_vary_most() {
        let mut rng = stream(1, &["pca"]);
        // Along (1, 1, 0)/√2 with deviation 10, along (0, 0, 1) with 4, else 0.1.
        let values: Vec<f32> = (0..500)
            .flat_map(|_| {
                let (a, b, c) = (10.0 * normal(&mut rng), 4.0 * normal(&mut rng), 0.1 * normal(&mut rng));
                let side = std::f64::consts::FRAC_1_SQRT_2;
                [(side * a + c + 5.0) as f32, (side * a - c) as f32, b as f32]
            })
            .collect();
        let points = plane(&values, 3);
        let deviation =
            |axis: usize| (points.iter().map(|p| f64::from(p[axis]).powi(2)).sum::<f64>() / 500.0).sqrt();
        assert!((deviation(0) - 10.0).abs() < 1.0 && (deviation(1) - 4.0).abs() < 0.5);
        let covariance: f64 = points.iter().map(|p| f64::from(p[0]) * f64::from(p[1])).sum::<f64>() / 500.0;
        assert!(covariance.abs() < 0.5, "{covariance}");
        assert_eq!(plane(&values, 3), points);
    }

    #[test]
    fn equal_rows_lie_on_one_point_and_no_rows_are_no_points() {
        assert_eq!(plane(&[1.0, 2.0, 1.0, 2.0], 2), [[0.0; 2]; 2]);
        assert!(plane(&[], 0).is_empty());
    }
}

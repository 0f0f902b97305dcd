//! Principal components, by subspace iteration (Halko et al., SIAM Review 2011, 53:217).

/// Rounds of the iteration; enough for a picture, where neighbouring components may mix.
const ROUNDS: usize = 12;

/// Coordinates of rows on their first two principal components; `values` `[row, dim]`. Signs are fixed: the entry of
/// largest size of each direction is positive. Zeros where there is nothing to see.
pub fn plane(values: &[f32], dim: usize) -> Vec<[f32; 2]> {
    let n = values.len() / dim.max(1);
    let mut mean = vec![0.0_f64; dim];
    for row in values.chunks_exact(dim.max(1)) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += f64::from(*x) / n as f64);
    }
    let centred: Vec<Vec<f64>> = values
        .chunks_exact(dim.max(1))
        .map(|row| row.iter().zip(&mean).map(|(x, m)| f64::from(*x) - m).collect())
        .collect();
    // Any start that is not orthogonal to the components does; sines are.
    let mut directions: Vec<Vec<f64>> =
        (0..4).map(|k| (0..dim).map(|i| ((i * (k + 1)) as f64 * 0.7 + k as f64).sin()).collect()).collect();
    orthonormalise(&mut directions);
    for _ in 0..ROUNDS {
        for direction in &mut directions {
            let mut next = vec![0.0; dim];
            for row in &centred {
                let along = dot(row, direction);
                next.iter_mut().zip(row).for_each(|(sum, x)| *sum += along * x);
            }
            *direction = next;
        }
        orthonormalise(&mut directions);
    }
    // The subspace is found; within it the directions are ordered by their variance.
    let mut by_variance: Vec<(f64, Vec<f64>)> = directions
        .into_iter()
        .map(|direction| (centred.iter().map(|row| dot(row, &direction).powi(2)).sum(), direction))
        .collect();
    by_variance.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut axes = by_variance.into_iter().take(2).map(|(_, mut direction)| {
        let largest = direction.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
        if largest < 0.0 {
            for x in &mut direction {
                *x = -*x;
            }
        }
        direction
    });
    let (first, second) = (axes.next().unwrap_or_default(), axes.next().unwrap_or_default());
    centred.iter().map(|row| [dot(row, &first) as f32, dot(row, &second) as f32]).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Gram-Schmidt; what vanishes becomes zero.
fn orthonormalise(directions: &mut [Vec<f64>]) {
    for k in 0..directions.len() {
        let (done, rest) = directions.split_at_mut(k);
        let own = &mut rest[0];
        for other in done {
            let along = dot(own, other);
            own.iter_mut().zip(other.iter()).for_each(|(x, o)| *x -= along * o);
        }
        let length = dot(own, own).sqrt();
        for x in own.iter_mut() {
            *x = if length > 1e-12 { *x / length } else { 0.0 };
        }
    }
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

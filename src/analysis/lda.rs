//! Linear discriminant analysis with a shrunk covariance: the classical way from features to classes.

/// A fitted projection: distances in it are Mahalanobis distances within classes, in the space of class means.
#[derive(Debug, Clone)]
pub struct Lda {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Orthonormal directions in the whitened space, after whitening: `[classes − 1, features]`.
    directions: Vec<Vec<f64>>,
}

/// Part of the covariance within classes that is replaced by its diagonal.
const SHRINKAGE: f64 = 0.1;

impl Lda {
    /// Fits rows of equal length with a class each; `None` for fewer than two classes or no features.
    pub fn fit(rows: &[Vec<f64>], classes: &[usize]) -> Option<Self> {
        let width = rows.first()?.len();
        let count = classes.iter().max()? + 1;
        let n = rows.len() as f64;
        let mean: Vec<f64> = (0..width).map(|j| rows.iter().map(|r| r[j]).sum::<f64>() / n).collect();
        let deviation: Vec<f64> = (0..width)
            .map(|j| (rows.iter().map(|r| (r[j] - mean[j]).powi(2)).sum::<f64>() / n).sqrt().max(1e-9))
            .collect();
        let scaled: Vec<Vec<f64>> = rows.iter().map(|row| scale(row, &mean, &deviation)).collect();
        let mut sums = vec![vec![0.0; width]; count];
        let mut sizes = vec![0.0_f64; count];
        for (row, &class) in scaled.iter().zip(classes) {
            sizes[class] += 1.0;
            for (sum, x) in sums[class].iter_mut().zip(row) {
                *sum += x;
            }
        }
        for (sum, size) in sums.iter_mut().zip(&sizes) {
            for x in sum {
                *x /= size.max(1.0);
            }
        }
        let mut covariance = vec![vec![0.0; width]; width];
        for (row, &class) in scaled.iter().zip(classes) {
            let centred: Vec<f64> = row.iter().zip(&sums[class]).map(|(x, m)| x - m).collect();
            for (i, line) in covariance.iter_mut().enumerate() {
                for (cell, x) in line.iter_mut().zip(&centred) {
                    *cell += centred[i] * x / n;
                }
            }
        }
        for (i, line) in covariance.iter_mut().enumerate() {
            for (j, cell) in line.iter_mut().enumerate() {
                *cell = if i == j { *cell + 1e-6 } else { *cell * (1.0 - SHRINKAGE) };
            }
        }
        let lower = cholesky(&covariance)?;
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for (sum, _) in sums.iter().zip(&sizes).filter(|(_, size)| **size > 0.0) {
            let mut v = forward(&lower, sum);
            for known in &basis {
                let part = dot(&v, known);
                v.iter_mut().zip(known).for_each(|(x, k)| *x -= part * k);
            }
            let length = dot(&v, &v).sqrt();
            // The last mean follows from the others.
            if length > 1e-6 {
                basis.push(v.iter().map(|x| x / length).collect());
            }
        }
        let directions: Vec<_> = basis.iter().map(|v| backward(&lower, v)).collect();
        (!directions.is_empty()).then_some(Self { mean, deviation, directions })
    }

    /// Coordinates of a row.
    pub fn project(&self, row: &[f64]) -> Vec<f64> {
        let scaled = scale(row, &self.mean, &self.deviation);
        self.directions.iter().map(|direction| dot(direction, &scaled)).collect()
    }
}

fn scale(row: &[f64], mean: &[f64], deviation: &[f64]) -> Vec<f64> {
    row.iter().zip(mean).zip(deviation).map(|((x, m), d)| (x - m) / d).collect()
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Lower triangle whose product with its transpose is the matrix; `None` unless it is positive definite.
fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let mut lower = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let rest = matrix[i][j] - dot(&lower[i][..j], &lower[j][..j]);
            if i == j {
                if rest <= 0.0 {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            } else {
                lower[i][j] = rest / lower[j][j];
            }
        }
    }
    Some(lower)
}

/// Solves `L·x = b`.
fn forward(lower: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = Vec::with_capacity(b.len());
    for (row, b) in lower.iter().zip(b) {
        let known = dot(&row[..x.len()], &x);
        x.push((b - known) / row[x.len()]);
    }
    x
}

/// Solves `Lᵀ·x = b`.
fn backward(lower: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for i in (0..b.len()).rev() {
        x[i] /= lower[i][i];
        let value = x[i];
        for j in 0..i {
            x[j] -= lower[i][j] * value;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn cholesky_of_a_known_matrix() {
        let matrix = vec![vec![4.0, 12.0, -16.0], vec![12.0, 37.0, -43.0], vec![-16.0, -43.0, 98.0]];
        let lower = cholesky(&matrix).unwrap();
        assert_eq!(lower, [[2.0, 0.0, 0.0], [6.0, 1.0, 0.0], [-8.0, 5.0, 3.0]]);
        let x = backward(&lower, &forward(&lower, &[0.0, -6.0, 39.0]));
        let product: Vec<f64> = matrix.iter().map(|row| dot(row, &x)).collect();
        assert!(product.iter().zip([0.0, -6.0, 39.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(cholesky(&[vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
    }

    /// Two classes that differ along x alone, while the noise along (1, 1) is much larger: the direction that
    /// separates them is not that of their means.
    #[test]
    fn looks_past_correlated_noise() {
        let mut rng = stream(1, &["lda"]);
        let mut draw = |class: usize| {
            let (common, own) = (1.5 * normal(&mut rng), 0.3 * normal(&mut rng));
            vec![common + class as f64, common + own]
        };
        let classes: Vec<usize> = (0..400).map(|i| i % 2).collect();
        let rows: Vec<Vec<f64>> = classes.iter().map(|&class| draw(class)).collect();
        let lda = Lda::fit(&rows, &classes).unwrap();
        let middle = |class| {
            let of: Vec<f64> = rows
                .iter()
                .zip(&classes)
                .filter(|(_, c)| **c == class)
                .map(|(r, _)| lda.project(r)[0])
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let border = f64::midpoint(middle(0), middle(1));
        let right = rows.iter().zip(&classes).filter(|(row, class)| {
            (lda.project(row)[0] > border) == ((**class == 1) == (middle(1) > middle(0)))
        });
        assert!(right.count() > 330);
        assert!(Lda::fit(&rows, &vec![0; 400]).is_none_or(|lda| lda.directions.len() <= 1));
    }
}

//! Linear discriminant analysis with a shrunk covariance: the classical way from features to classes.

use std::collections::BTreeMap;

use nalgebra::DMatrix;

/// A fitted projection (Fisher 1936; Rao 1948): distances in it are Mahalanobis distances within classes, in the space
/// of the class means.
///
/// With the rows `x` of class `c`, its mean `m_c`, and `d_j` the deviation of feature `j` within classes:
///
/// - within: the covariance of `(x − m_c)/d`, pooled over the classes and shrunk after Ledoit & Wolf (J Multivar Anal
///   2004, 88:365-411): `Σ = (1 − δ)·S + δ·µ·I`, `S = Σ_k r_k·r_kᵀ/n`, `µ = tr(S)/p`,
///   `δ = min(1, (Σ_k |r_k|⁴/n − |S|²)/n / |S − µ·I|²)`, for `n` residuals `r` of `p` features. Dividing by `d` first makes the
///   result the same in whatever units a feature is.
/// - between: the space of `Σ⁻¹(m_c − m)`, `m` the mean of the class means, one dimension less than there are classes.
///
/// What a feature does that does not vary within any class cannot be weighed, so it is left out.
#[derive(Debug, Clone)]
pub struct Lda {
    /// Mean of all rows: the origin.
    mean: Vec<f64>,
    /// Orthonormal with respect to the covariance within classes, `[direction, feature]`.
    directions: Vec<Vec<f64>>,
}

/// Least length of a direction, in deviations within classes and as part of the longest: a shorter one is rounding.
const RANK: f64 = 1e-6;

/// Least deviation within classes as part of a feature's largest number: a smaller one is rounding.
const VARIES: f64 = 1e-9;

/// Longest rows that are fitted: the time grows with the third power.
pub const MOST_FEATURES: usize = 1024;

/// Residuals that are taken at once: the table is not copied whole.
const CHUNK: usize = 512;

impl Lda {
    /// Fits rows of equal length with a class each, every row a repetition of its own. `None` where that says nothing: no
    /// more rows than classes, no feature that varies, fewer than two classes of two rows, numbers that are not finite,
    /// rows longer than [`MOST_FEATURES`].
    pub fn fit(rows: &[Vec<f64>], classes: &[usize]) -> Option<Self> {
        let own: Vec<usize> = (0..rows.len()).collect();
        Self::fit_by_compound(rows, classes, &own)
    }

    /// As [`Self::fit`], where the rows of one compound are no repetitions of its class: what sets a class of one compound
    /// apart may be that compound's own, so such a class counts within (its rows say how the rows of a compound scatter) and
    /// not between: no direction leads to its mean. `None` also where fewer than two classes have two compounds.
    pub fn fit_by_compound(rows: &[Vec<f64>], classes: &[usize], compounds: &[usize]) -> Option<Self> {
        let width = rows.first()?.len();
        let is_sound = |row: &Vec<f64>| row.len() == width && row.iter().all(|x| x.is_finite());
        if width > MOST_FEATURES || rows.len() != classes.len() || rows.len() != compounds.len() {
            return None;
        }
        if !rows.iter().all(is_sound) {
            return None;
        }
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, &class) in classes.iter().enumerate() {
            members.entry(class).or_default().push(row);
        }
        if rows.len() <= members.len() {
            return None;
        }
        let mean_of = |of: &[usize]| -> Vec<f64> {
            (0..width).map(|j| of.iter().map(|&row| rows[row][j]).sum::<f64>() / of.len() as f64).collect()
        };
        let classes: Vec<(&[usize], Vec<f64>)> =
            members.values().map(|of| (of.as_slice(), mean_of(of))).collect();
        // A class of one row lies on its own mean, and says nothing of the scatter.
        let within: Vec<(&[f64], &[f64])> = classes
            .iter()
            .filter(|(of, _)| of.len() > 1)
            .flat_map(|(of, centre)| of.iter().map(move |&row| (rows[row].as_slice(), centre.as_slice())))
            .collect();
        let deviation = |j: usize| {
            let squares = within.iter().map(|(row, centre)| (row[j] - centre[j]).powi(2)).sum::<f64>();
            (squares / within.len() as f64).sqrt()
        };
        let largest = |j: usize| rows.iter().map(|row| row[j].abs()).fold(0.0, f64::max);
        let kept: Vec<(usize, f64)> = (0..width)
            .map(|j| (j, deviation(j)))
            .filter(|&(j, deviation)| deviation > VARIES * largest(j))
            .collect();
        if kept.is_empty() {
            return None;
        }
        let mut scatter = Scatter::new(kept.len());
        for chunk in within.chunks(CHUNK) {
            scatter.add(&DMatrix::from_fn(chunk.len(), kept.len(), |i, k| {
                let ((row, centre), (j, deviation)) = (chunk[i], kept[k]);
                (row[j] - centre[j]) / deviation
            }));
        }
        let lower = scatter.shrunk().0.cholesky()?.l();

        let has_two = |of: &[usize]| of.iter().any(|&row| compounds[row] != compounds[of[0]]);
        let centres: Vec<&Vec<f64>> =
            classes.iter().filter(|(of, _)| has_two(of)).map(|(_, centre)| centre).collect();
        if centres.len() < 2 {
            return None;
        }
        let middle: Vec<f64> = (0..width)
            .map(|j| centres.iter().map(|centre| centre[j]).sum::<f64>() / centres.len() as f64)
            .collect();
        let between = DMatrix::from_fn(kept.len(), centres.len(), |k, class| {
            let (j, deviation) = kept[k];
            (centres[class][j] - middle[j]) / deviation
        });
        let basis = lower.solve_lower_triangular(&between)?.col_piv_qr();
        let r = basis.r();
        // Not square where there are fewer features than classes.
        let length: Vec<f64> = (0..r.nrows().min(r.ncols())).map(|i| r[(i, i)].abs()).collect();
        let longest = length.iter().copied().fold(1.0, f64::max);
        let rank = length.iter().take_while(|length| **length > RANK * longest).count();
        if rank == 0 {
            return None;
        }
        let basis = basis.q().columns(0, rank).into_owned();
        let axes = lower.tr_solve_lower_triangular(&basis)?;
        let mut directions = vec![vec![0.0; width]; rank];
        for (direction, axis) in directions.iter_mut().zip(axes.column_iter()) {
            for (&(j, deviation), weight) in kept.iter().zip(axis.iter()) {
                direction[j] = weight / deviation;
            }
        }
        let all: Vec<usize> = (0..rows.len()).collect();
        Some(Self { mean: mean_of(&all), directions })
    }

    /// Coordinates of a row, as many as there are directions: from the mean of the rows of the fit, in deviations within
    /// classes.
    pub fn project(&self, row: &[f64]) -> Vec<f64> {
        let centred = less(row, &self.mean);
        self.directions.iter().map(|direction| dot(direction, &centred)).collect()
    }
}

fn less(row: &[f64], by: &[f64]) -> Vec<f64> {
    row.iter().zip(by).map(|(x, by)| x - by).collect()
}

/// Sum of products.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sums over residuals.
struct Scatter {
    /// `Σ r·rᵀ`.
    products: DMatrix<f64>,
    /// `Σ |r|⁴`.
    fourth: f64,
    n: f64,
}

impl Scatter {
    fn new(features: usize) -> Self {
        Self { products: DMatrix::zeros(features, features), fourth: 0.0, n: 0.0 }
    }

    /// Adds residuals `[row, feature]`.
    fn add(&mut self, residuals: &DMatrix<f64>) {
        let mut lengths = vec![0.0; residuals.nrows()];
        for column in residuals.column_iter() {
            for (length, x) in lengths.iter_mut().zip(column.iter()) {
                *length += x * x;
            }
        }
        self.products += residuals.transpose() * residuals;
        self.fourth += dot(&lengths, &lengths);
        self.n += residuals.nrows() as f64;
    }

    /// Their covariance, shrunk after Ledoit & Wolf (see [`Lda`]), and `δ`.
    fn shrunk(self) -> (DMatrix<f64>, f64) {
        let Self { products, fourth, n } = self;
        let mut covariance = products / n;
        let features = covariance.ncols();
        let p = features as f64;
        let level = covariance.trace() / p;
        let size = covariance.norm_squared();
        let noise = (fourth / n - size) / n;
        let distance = size - p * level * level;
        let shrinkage = if distance > 0.0 { (noise / distance).clamp(0.0, 1.0) } else { 1.0 };
        covariance *= 1.0 - shrinkage;
        for j in 0..features {
            covariance[(j, j)] += shrinkage * level;
        }
        (covariance, shrinkage)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::random::{normal, stream};

    /// Of residuals that are added in two parts.
    fn shrunk(residuals: &DMatrix<f64>) -> (DMatrix<f64>, f64) {
        let first = residuals.nrows() / 3;
        let mut scatter = Scatter::new(residuals.ncols());
        scatter.add(&residuals.rows(0, first).into_owned());
        scatter.add(&residuals.rows(first, residuals.nrows() - first).into_owned());
        scatter.shrunk()
    }

    #[derive(Deserialize)]
    struct Case {
        rows: Vec<Vec<f64>>,
        classes: Vec<usize>,
        /// δ of the residuals in deviations within classes.
        shrinkage: f64,
        /// Directions.
        rank: usize,
        /// Products of the first rows' coordinates: the same for any orthonormal choice of directions.
        products: Vec<Vec<f64>>,
    }

    #[test]
    fn agrees_with_scikit_learn_and_scipy() {
        let text = include_str!("../../tests/fixtures/lda/lda.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() == 3 && cases.iter().any(|case| case.rows[0].len() > case.rows.len()));
        for case in cases {
            let lda = Lda::fit(&case.rows, &case.classes).unwrap();
            assert_eq!(lda.directions.len(), case.rank);
            let projected: Vec<Vec<f64>> = case.rows.iter().map(|row| lda.project(row)).collect();
            for (a, expected) in projected.iter().zip(&case.products) {
                for (b, expected) in projected.iter().zip(expected) {
                    let own = dot(a, b);
                    assert!((own - expected).abs() < 1e-7 * (1.0 + expected.abs()), "{own} {expected}");
                }
            }
        }
    }

    #[test]
    fn shrinkage_is_that_of_scikit_learn() {
        let text = include_str!("../../tests/fixtures/lda/lda.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        for Case { rows, classes, shrinkage, .. } in cases {
            let residual = |i: usize, j: usize| {
                let of: Vec<f64> =
                    (0..rows.len()).filter(|&k| classes[k] == classes[i]).map(|k| rows[k][j]).collect();
                rows[i][j] - of.iter().sum::<f64>() / of.len() as f64
            };
            let mut residuals = DMatrix::from_fn(rows.len(), rows[0].len(), residual);
            for mut column in residuals.column_iter_mut() {
                let deviation = (column.norm_squared() / rows.len() as f64).sqrt();
                column /= deviation;
            }
            let own = shrunk(&residuals).1;
            assert!((own - shrinkage).abs() < 1e-10, "{own} {shrinkage}");
        }
        // Nothing to shrink to but itself; nothing between 0 and 1 but δ.
        let (identity, shrinkage) =
            shrunk(&DMatrix::from_row_slice(4, 2, &[1.0, 1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0]));
        assert_eq!((identity, shrinkage), (DMatrix::identity(2, 2), 1.0));
    }

    #[test]
    fn fewer_features_than_classes_give_as_many_directions_as_features() {
        let mut rng = stream(6, &["lda", "few features"]);
        let classes: Vec<usize> = (0..60).map(|i| i % 5).collect();
        let centre = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [4.0, -6.0]];
        let rows: Vec<Vec<f64>> =
            classes.iter().map(|&class| centre[class].map(|x| x + normal(&mut rng)).to_vec()).collect();
        let lda = Lda::fit(&rows, &classes).unwrap();
        assert_eq!(lda.directions.len(), 2);
        let one = |row: &[f64]| {
            Lda::fit(&rows.iter().map(|row| vec![row[0]]).collect::<Vec<_>>(), &classes)
                .map(|lda| lda.project(&row[..1]).len())
        };
        assert_eq!(one(&rows[0]), Some(1));
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

    /// Two mechanisms of three compounds each differ along x; a third has one compound, which differs along y, and whose rows
    /// scatter most.
    fn screen() -> (Vec<Vec<f64>>, Vec<usize>, Vec<usize>) {
        let mut rng = stream(2, &["lda"]);
        let (mut rows, mut classes, mut compounds) = (Vec::new(), Vec::new(), Vec::new());
        for compound in 0..7 {
            let class = (compound / 3).min(2);
            let (place, scatter) =
                [([-3.0, 0.0, 0.0], 1.0), ([3.0, 0.0, 0.0], 1.0), ([0.0, 9.0, 0.0], 4.0)][class];
            for _ in 0..8 {
                rows.push(place.iter().map(|x| x + scatter * normal(&mut rng)).collect::<Vec<f64>>());
                classes.push(class);
                compounds.push(compound);
            }
        }
        (rows, classes, compounds)
    }

    #[test]
    fn a_class_of_one_compound_gives_no_direction_but_counts_within() {
        let (rows, classes, compounds) = screen();
        let lda = Lda::fit_by_compound(&rows, &classes, &compounds).unwrap();
        assert_eq!(lda.directions.len(), 1);
        let along: Vec<f64> = lda.directions[0].iter().map(|x| x.abs()).collect();
        assert!(along[1] < 0.2 * along[0], "what is only one compound's is not looked at: {along:?}");
        assert_eq!(Lda::fit(&rows, &classes).unwrap().directions.len(), 2, "rows of their own");

        // Without its rows the scatter is another one.
        let few: Vec<usize> = (0..rows.len()).filter(|&row| classes[row] < 2).collect();
        let part = |values: &[usize]| few.iter().map(|&row| values[row]).collect::<Vec<_>>();
        let known: Vec<Vec<f64>> = few.iter().map(|&row| rows[row].clone()).collect();
        let without = Lda::fit_by_compound(&known, &part(&classes), &part(&compounds)).unwrap();
        let ratio = without.directions[0][0].abs() / along[0];
        assert!(ratio > 1.2, "{ratio}");
        // One class of several compounds is told from no other.
        let merged: Vec<usize> = classes.iter().map(|class| (*class).max(1)).collect();
        assert!(Lda::fit_by_compound(&rows, &merged, &compounds).is_none());
    }

    #[test]
    fn units_do_not_matter_and_what_never_varies_is_left_out() {
        let (rows, classes, _) = screen();
        let other: Vec<Vec<f64>> =
            rows.iter().map(|r| vec![1e6 * r[0], 7.0, r[1] - 4.0, r[2] / 1e5, 0.0]).collect();
        let by_class: Vec<Vec<f64>> =
            rows.iter().zip(&classes).map(|(r, class)| [&r[..], &[*class as f64 - 1.0]].concat()).collect();
        let products = |rows: &[Vec<f64>]| {
            let lda = Lda::fit(rows, &classes).unwrap();
            let projected: Vec<Vec<f64>> = rows.iter().map(|row| lda.project(row)).collect();
            projected.iter().map(|row| dot(row, &projected[0])).collect::<Vec<f64>>()
        };
        let plain = products(&rows);
        for changed in [products(&other), products(&by_class)] {
            assert!(plain.iter().zip(&changed).all(|(a, b)| (a - b).abs() < 1e-6 * (1.0 + a.abs())));
        }
    }

    #[test]
    fn too_little_to_learn_from_is_refused() {
        let rows = vec![vec![1.0, 2.0], vec![2.0, 1.0], vec![4.0, 4.5], vec![5.0, 4.0]];
        assert!(Lda::fit(&rows, &[0, 0, 1, 1]).is_some());
        assert!(Lda::fit(&rows, &[0, 1, 2, 3]).is_none(), "no more rows than classes");
        assert!(Lda::fit(&rows, &[0, 0, 1, 2]).is_none(), "one class of two rows");
        assert!(Lda::fit(&rows, &[0, 0, 1]).is_none() && Lda::fit(&[], &[]).is_none());
        let long = |width: usize| -> Vec<Vec<f64>> {
            rows.iter()
                .map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, width - 2)).collect())
                .collect()
        };
        assert!(Lda::fit(&long(MOST_FEATURES), &[0, 0, 1, 1]).is_some());
        assert!(Lda::fit(&long(MOST_FEATURES + 1), &[0, 0, 1, 1]).is_none(), "too long");
        assert!(Lda::fit(&vec![vec![]; 4], &[0, 0, 1, 1]).is_none());
        assert!(Lda::fit(&vec![vec![3.0]; 4], &[0, 0, 1, 1]).is_none(), "nothing varies");
        let mut broken = rows.clone();
        broken[2][1] = f64::NAN;
        assert!(Lda::fit(&broken, &[0, 0, 1, 1]).is_none());
    }
}

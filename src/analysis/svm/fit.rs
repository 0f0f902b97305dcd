//! One boundary between two classes.

use super::scaled::Scaled;
use crate::progress::{Cancelled, Progress};

/// A linear boundary: the decision of a row is its product with `weights`, and `bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearSvm {
    /// One per feature, in the units of the input; 0 for a feature that did not vary.
    pub weights: Vec<f64>,
    /// Decision of a row of zeros.
    pub bias: f64,
}

/// Products of each of some thirty steps of a boundary, above which it is not begun: 5,000 rows of 2,000 features are as many. One
/// step is then a few seconds of a processor's core, and holds copies of all numbers in double precision.
pub(super) const MOST_WORK: f64 = 2e10;

/// A machine cannot be fitted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SvmError {
    /// The numbers are no rows.
    #[error("{numbers} numbers are no {rows} rows of {dim} features with a class and a group each")]
    Shape {
        /// Numbers that were given.
        numbers: usize,
        /// Rows that have a class.
        rows: usize,
        /// Features of a row.
        dim: usize,
    },
    /// A number is missing or infinite.
    #[error(
        "row {row}, feature {column} is no finite number. Leave the row or the feature out (`correct --steps select`)"
    )]
    NotFinite {
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
    },
    /// There is nothing to tell apart.
    #[error("all {rows} rows are {}. A boundary needs rows of two classes", if *positive { "positive" } else { "negative" })]
    OneClass {
        /// Rows.
        rows: usize,
        /// Which class it is.
        positive: bool,
    },
    /// `C` makes no sense.
    #[error("C is {0} and must be above 0 and finite")]
    C(f64),
    /// No group can be left out.
    #[error("C is chosen by leaving groups out, and no group leaves rows of two classes to learn from")]
    Groups,
    /// Numbers of too different size.
    #[error("the boundary is lost in rounding. Standardise the features, or take a smaller C")]
    Rounding,
    /// Out of proportion.
    #[error(
        "a boundary through {rows} rows of {features} features takes too long: the square of the smaller number times the larger \
         one may be {MOST_WORK:.0e} at most. Take fewer features (`correct --steps select`) or fewer rows"
    )]
    TooLarge {
        /// Rows of both classes.
        rows: usize,
        /// Features that vary.
        features: usize,
    },
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

impl LinearSvm {
    /// Above 0 for the positive class, 1 and -1 on the margins.
    pub fn decision(&self, row: &[f32]) -> f64 {
        self.bias + self.weights.iter().zip(row).map(|(weight, &x)| weight * f64::from(x)).sum::<f64>()
    }
}

/// The boundary through rows `[row, dim]`, standardised, as scikit-learn's
/// `make_pipeline(StandardScaler(), SVC(kernel="linear", class_weight="balanced", C=c))`: rows of a class count by
/// `n/(2·rows of the class)`.
///
/// # Errors
/// Numbers that are not finite or no rows, one class, a `C` that is not above 0, too many numbers, the user stopped it.
pub fn fit(
    rows: &[f32],
    dim: usize,
    positive: &[bool],
    c: f64,
    progress: &Progress,
) -> Result<LinearSvm, SvmError> {
    let of: Vec<(usize, bool)> = positive.iter().copied().enumerate().collect();
    fit_some(&Scaled::new(rows, dim, positive.len())?, &of, c, progress)
}

/// The same of rows that are scaled already.
pub(super) fn fit_some(
    scaled: &Scaled,
    of: &[(usize, bool)],
    c: f64,
    progress: &Progress,
) -> Result<LinearSvm, SvmError> {
    let n = of.len() as f64;
    let positive = of.iter().filter(|(_, positive)| *positive).count() as f64;
    let cost = |positive_row: bool| c * n / (2.0 * if positive_row { positive } else { n - positive });
    let chosen: Vec<(usize, bool, f64)> =
        of.iter().map(|&(row, positive)| (row, positive, cost(positive))).collect();
    scaled.separate(&chosen, progress)
}

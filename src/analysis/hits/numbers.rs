//! Centres, deviations and ranks of short lists.

use crate::analysis::recipe::{self, NORMAL};

/// Part of the largest number below which a deviation is what rounding leaves.
const ROUNDING: f64 = 1e-9;

/// Mean; NaN without values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation over n − 1; `None` of fewer than two values.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|x| (x - centre).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Median; NaN without values.
pub(super) fn median(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { recipe::median(&mut values.to_vec()) }
}

/// A quantile of ascending values, interpolated; NaN without values.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() { f64::NAN } else { recipe::quantile(sorted, share) }
}

/// 1.4826 times the median distance from the median; `None` of fewer than two values.
pub(super) fn robust_deviation(values: &[f64]) -> Option<f64> {
    let centre = median(values);
    let distances: Vec<f64> = values.iter().map(|x| (x - centre).abs()).collect();
    (values.len() > 1).then(|| NORMAL * median(&distances))
}

/// True where a deviation is more than rounding leaves of numbers as large as `largest`.
pub(super) fn varies(deviation: f64, largest: f64) -> bool {
    deviation.is_finite() && deviation > ROUNDING * largest
}

/// Ranks from 1; equal values share the mean of theirs.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tied.len() + 1) as f64 / 2.0;
        for &place in tied {
            ranks[place] = rank;
        }
        before += tied.len();
    }
    ranks
}

/// Spearman's rank correlation; `None` of fewer than three pairs, or where one of both does not vary.
pub(super) fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() < 3 || a.len() != b.len() {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let (centre_a, centre_b) = (mean(&a), mean(&b));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(&b).map(|(a, b)| of(a - centre_a, b - centre_b)).sum()
    };
    let scale = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (scale > 0.0).then(|| sum(&|a, b| a * b) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lists_have_the_textbooks_numbers() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!((mean(&values), median(&values)), (5.0, 4.5));
        assert!((deviation(&values).unwrap() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(robust_deviation(&values), Some(1.4826 * 0.5));
        assert_eq!((deviation(&[1.0]), robust_deviation(&[])), (None, None));
        assert!(mean(&[]).is_nan() && median(&[]).is_nan());
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert!(varies(1e-3, 1.0) && !varies(1e-12, 1.0) && !varies(f64::NAN, 1.0));
    }

    /// Ranks 1, 2.5, 2.5, 4, 5 and 2, 1, 4, 3, 5: products of deviations 6.5, squares 9.5 and 10.
    #[test]
    fn rank_correlation_shares_ranks_of_equal_values() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 0.0]), [3.5, 2.0, 3.5, 1.0]);
        let found = spearman(&[1.0, 2.0, 2.0, 4.0, 5.0], &[2.0, 1.0, 4.0, 3.0, 9.0]).unwrap();
        assert!((found - 6.5 / 95.0_f64.sqrt()).abs() < 1e-12, "{found}");
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, 2.0]), None);
    }
}

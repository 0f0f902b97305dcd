//! Which features are worth keeping.

mod correlation;

use rayon::prelude::*;

use self::correlation::correlated;
use super::error::RecipeError;
use super::options::{Fit, Options};
use super::report::{Dropped, Report};
use super::table::{Matrix, Table};

/// One reason to drop features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Variance,
    Correlation,
    Missing,
    Blocklist,
    Outliers,
}

/// What is taken where `ops` is not given, in this order.
const DEFAULT: [Op; 4] = [Op::Variance, Op::Correlation, Op::Missing, Op::Blocklist];

/// Parts of the blocklist's names.
const CHANNELS: [&str; 5] = ["AGP", "DNA", "ER", "Mito", "RNA"];

/// The step `select`, as pycytominer's `feature_select`: operations one after the other, each on the features that those
/// before it left. It looks at all rows, as there (`fit=controls`: at the negative controls).
///
/// - `variance`: the second most frequent value is less than `frequency` (0.05) times as frequent as the first, or there
///   are fewer different values than `unique` (0.01) times the rows. `frequency_threshold` there; `variance_threshold` in
///   releases before that was named so.
/// - `correlation`: of two features with Pearson's r above `correlation` (0.9; a negative r never is), the one with the larger
///   sum of |r| with all features; with equal sums the later one. Missing values are left out pair by pair.
/// - `missing`: a larger part of the values than `missing` (0.05).
/// - `blocklist`: names that are known to be noisy (Way, figshare 2019, 10255811).
/// - `outliers`: a value beyond ±`outliers` (500).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Select {
    ops: Vec<Op>,
    fit: Fit,
    frequency: f64,
    unique: f64,
    correlation: f64,
    missing: f64,
    outliers: f64,
}

impl Select {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        let known = [
            ("variance", Op::Variance),
            ("correlation", Op::Correlation),
            ("missing", Op::Missing),
            ("blocklist", Op::Blocklist),
            ("outliers", Op::Outliers),
        ];
        Ok(Self {
            ops: options.words("ops", &DEFAULT, &known)?,
            fit: options.fit(Fit::All)?,
            frequency: options.share("frequency", 0.05)?,
            unique: options.share("unique", 0.01)?,
            correlation: options.share("correlation", 0.9)?,
            missing: options.share("missing", 0.05)?,
            outliers: options.positive("outliers", 500.0)?,
        })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        let rows: Vec<usize> =
            (0..table.features.rows).filter(|&row| self.fit == Fit::All || table.negative[row]).collect();
        if rows.is_empty() {
            return Err(RecipeError::NoControls { step: report.step.clone() });
        }
        let features = &table.features;
        let mut reasons: Vec<Option<String>> = vec![None; features.names.len()];
        for op in &self.ops {
            let kept: Vec<usize> = (0..reasons.len()).filter(|&k| reasons[k].is_none()).collect();
            let found: Vec<Option<String>> = if *op == Op::Correlation {
                correlated(features, &kept, &rows, self.correlation)
            } else {
                kept.par_iter().map(|&k| self.reason(*op, features, k, &rows)).collect()
            };
            for (k, reason) in kept.into_iter().zip(found) {
                reasons[k] = reason;
            }
        }
        let kept: Vec<usize> = (0..reasons.len()).filter(|&k| reasons[k].is_none()).collect();
        if let (true, Some(Some(why))) = (kept.is_empty(), reasons.first()) {
            let step = report.step.clone();
            return Err(RecipeError::NothingLeft { step, features: reasons.len(), why: why.clone() });
        }
        for (name, why) in features.names.iter().zip(reasons) {
            report.dropped.extend(why.map(|why| Dropped { feature: name.clone(), why }));
        }
        table.features.keep(&kept);
        Ok(())
    }

    /// Why a feature goes, by an operation that looks at it alone.
    fn reason(&self, op: Op, features: &Matrix, feature: usize, rows: &[usize]) -> Option<String> {
        let name = &features.names[feature];
        match op {
            Op::Correlation => None,
            Op::Blocklist => is_blocked(name).then(|| "is on the blocklist".to_owned()),
            Op::Missing => {
                let missing = rows.len() - features.present(feature, rows).len();
                let is_over = missing as f64 / rows.len() as f64 > self.missing;
                is_over.then(|| format!("lacks {missing} of {} values", rows.len()))
            }
            Op::Outliers => {
                let largest = features.present(feature, rows).into_iter().map(f64::abs).fold(0.0, f64::max);
                (largest > self.outliers).then(|| format!("has a value of size {largest}"))
            }
            Op::Variance => {
                let (different, ratio) = frequencies(features.present(feature, rows));
                if ratio < self.frequency {
                    return Some("has nearly always the same value".to_owned());
                }
                let is_few = (different as f64 / rows.len() as f64) < self.unique;
                is_few.then(|| format!("has {different} different values in {} rows", rows.len()))
            }
        }
    }
}

/// How many different values there are, and how often the second most frequent one appears as part of the most frequent one.
fn frequencies(mut values: Vec<f64>) -> (usize, f64) {
    // −0 is 0.
    for x in &mut values {
        *x += 0.0;
    }
    values.sort_unstable_by(f64::total_cmp);
    let (mut first, mut second, mut different) = (0, 0, 0);
    for run in values.chunk_by(|a, b| a == b) {
        different += 1;
        if run.len() > first {
            (first, second) = (run.len(), first);
        } else {
            second = second.max(run.len());
        }
    }
    (different, if different < 2 { 0.0 } else { second as f64 / first as f64 })
}

/// Whether a feature is on pycytominer's default blocklist: correlations between the channels of a Cell Painting assay in the
/// nucleus, and its coarsest granularities.
fn is_blocked(name: &str) -> bool {
    let is_channel = |text: &str| CHANNELS.contains(&text);
    if let Some(rest) = name.strip_prefix("Nuclei_Granularity_") {
        let parts = rest.split_once('_');
        return parts.is_some_and(|(scale, of)| matches!(scale, "14" | "15" | "16") && is_channel(of));
    }
    let pair = ["Manders", "RWC"]
        .iter()
        .find_map(|kind| name.strip_prefix("Nuclei_Correlation_")?.strip_prefix(kind)?.strip_prefix('_'));
    let parts = pair.and_then(|pair| pair.split_once('_'));
    parts.is_some_and(|(a, b)| a != b && is_channel(a) && is_channel(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocklist_has_55_names() {
        let mut names: Vec<String> = Vec::new();
        for a in CHANNELS.iter().chain(&["Brightfield"]) {
            names.extend((12..18).map(|scale| format!("Nuclei_Granularity_{scale}_{a}")));
            for b in CHANNELS {
                for kind in ["Manders", "RWC", "K", "Overlap"] {
                    names.push(format!("Nuclei_Correlation_{kind}_{a}_{b}"));
                    names.push(format!("Cells_Correlation_{kind}_{a}_{b}"));
                }
            }
        }
        assert_eq!(names.iter().filter(|name| is_blocked(name)).count(), 55);
        for name in ["Nuclei_Correlation_RWC_RNA_Mito", "Nuclei_Granularity_16_DNA"] {
            assert!(is_blocked(name));
        }
        assert!(!is_blocked("Nuclei_Correlation_RWC_RNA") && !is_blocked("Nuclei_Granularity_16_DNA_2"));
    }

    #[test]
    fn frequencies_are_those_of_pandas_value_counts() {
        assert_eq!(frequencies(vec![1.0, 2.0, 1.0, 3.0, 1.0, 2.0]), (3, 2.0 / 3.0));
        assert_eq!(frequencies(vec![0.0, -0.0, 4.0]), (2, 0.5));
        assert_eq!(frequencies(vec![3.0, 3.0]), (1, 0.0));
        assert_eq!(frequencies(vec![5.0, 4.0]), (2, 1.0));
        assert_eq!(frequencies(Vec::new()), (0, 0.0));
    }
}

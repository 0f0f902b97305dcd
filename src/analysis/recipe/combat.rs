//! `ComBat` (Johnson, Li & Rabinovic, Biostatistics 2007, 8:118).

use super::error::RecipeError;
use super::frame::moments;
use super::options::{By, Fit, Options};
use super::report::Report;
use super::table::Table;

/// Largest relative change at which the iteration ends, as in the paper's program and scanpy.
const ENOUGH: f64 = 1e-4;
/// Most steps of the iteration; it takes some ten.
const STEPS: usize = 10_000;

/// The step `combat`, with parametric priors and without covariates, as scanpy's: variances of batches over n − 1, their prior
/// from moments over n − 1 features, that of means over n. What is learnt from the rows of the fit is taken out of all rows of
/// the batch. Features that do not vary within batches stay as they are, and shape no prior.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Combat {
    pub batch: By,
    fit: Fit,
}

impl Combat {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        Ok(Self { batch: options.columns("batch")?, fit: options.fit(Fit::Controls)? })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        table.require_batch(&self.batch, &report.step)?;
        table.features.refuse_missing(&report.step)?;
        let batches = table.fitted(&self.batch, self.fit, report)?;
        if batches.len() < 2 {
            report.notes.push("fewer than two batches to compare: nothing was changed".to_owned());
            return Ok(());
        }
        let width = table.features.names.len();
        let moments: Vec<(Vec<f64>, Vec<f64>)> =
            batches.iter().map(|batch| moments(&table.features, &batch.fit)).collect();
        let rows = batches.iter().map(|batch| batch.fit.len()).sum::<usize>() as f64;
        let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
        for (batch, (own, squares)) in batches.iter().zip(&moments) {
            for k in 0..width {
                mean[k] += own[k] * batch.fit.len() as f64 / rows;
                variance[k] += squares[k] / rows;
            }
        }
        if mean.iter().chain(&variance).any(|x| !x.is_finite()) {
            return Err(RecipeError::TooLarge { step: report.step.clone() });
        }
        let varies = |k: &usize| variance[*k] > (rows * mean[*k] * f64::EPSILON).powi(2);
        let kept: Vec<usize> = (0..width).filter(varies).collect();
        let still: Vec<&str> =
            (0..width).filter(|k| !varies(k)).map(|k| table.features.names[k].as_str()).collect();
        report.note("all batches", &still, "constant, left as they are");
        let deviation: Vec<f64> = variance.iter().map(|x| x.sqrt()).collect();
        for (batch, (own, squares)) in batches.iter().zip(&moments) {
            let n = batch.fit.len() as f64;
            let means: Vec<f64> = kept.iter().map(|&k| (own[k] - mean[k]) / deviation[k]).collect();
            let variances: Vec<f64> = kept.iter().map(|&k| squares[k] / (n - 1.0) / variance[k]).collect();
            let (shift, scale) = shrink(n, &means, &variances);
            for &row in &batch.rows {
                let x = table.features.row_mut(row);
                for (&k, (shift, scale)) in kept.iter().zip(shift.iter().zip(&scale)) {
                    let standard = (x[k] - mean[k]) / deviation[k];
                    x[k] = (standard - shift) / scale.sqrt() * deviation[k] + mean[k];
                }
            }
        }
        Ok(())
    }
}

/// Means and variances of a batch of `n` rows, one for each feature, drawn towards what they are in all features.
fn shrink(n: f64, means: &[f64], variances: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let count = means.len() as f64;
    let average = |values: &[f64]| values.iter().sum::<f64>() / count;
    let spread = |values: &[f64]| {
        let middle = average(values);
        values.iter().map(|x| (x - middle) * (x - middle)).sum::<f64>()
    };
    let (centre, between) = (average(means), spread(means) / count);
    // The inverse gamma distribution of these moments. Equal variances are what they are.
    let (level, width) = (average(variances), spread(variances) / (count - 1.0).max(1.0));
    if width <= 0.0 && between <= 0.0 {
        return (means.to_vec(), vec![if level > 0.0 { level } else { 1.0 }; variances.len()]);
    }
    let shape = (2.0 * width + level * level) / width;
    let rate = (level * width + level.powi(3)) / width;
    let posterior = |mean: f64, own: f64, variance: f64| {
        if width <= 0.0 {
            return level;
        }
        // Σ(x − mean)² of rows with this mean and variance.
        let squares = (n - 1.0) * variance + n * (own - mean) * (own - mean);
        (0.5 * squares + rate) / (0.5 * n + shape - 1.0)
    };
    let (mut shift, mut scale) = (means.to_vec(), variances.to_vec());
    for _ in 0..STEPS {
        // As in the paper's program, a negative mean never holds up the end.
        let mut change = f64::NEG_INFINITY;
        for k in 0..means.len() {
            let weight = n * between;
            let new = if weight + scale[k] > 0.0 {
                (weight * means[k] + scale[k] * centre) / (weight + scale[k])
            } else {
                means[k]
            };
            let wide = posterior(new, means[k], variances[k]);
            if shift[k] != 0.0 {
                change = change.max((new - shift[k]).abs() / shift[k]);
            }
            change =
                change.max(if scale[k] > 0.0 { (wide - scale[k]).abs() / scale[k] } else { f64::INFINITY });
            (shift[k], scale[k]) = (new, wide);
        }
        if change <= ENOUGH {
            break;
        }
    }
    scale.iter_mut().filter(|x| **x <= 0.0).for_each(|x| *x = 1.0);
    (shift, scale)
}

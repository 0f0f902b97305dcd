//! Harmony (Korsunsky et al., Nat Methods 2019, 16:1289).

mod clusters;
mod start;

use nalgebra::DMatrix;
use rand::seq::SliceRandom;

use self::clusters::Clusters;
use self::start::centroids;
use super::error::RecipeError;
use super::frame::Frame;
use super::options::{By, Options};
use super::report::Report;
use super::table::Table;
use crate::random::stream;

/// Rounds of clustering between two corrections, and how little the objective must change to end them (of three
/// rounds together) or the corrections.
const CLUSTERING: usize = 20;
const CLUSTERED: f64 = 1e-5;
const CORRECTED: f64 = 1e-4;
/// Rounds of clustering whose objectives are taken together.
const WINDOW: usize = 3;

/// The step `harmony`: all rows are softly clustered by cosine, clusters that hold batches unevenly cost more, and what sets a
/// batch apart within each cluster is taken out by ridge regression; again until it no longer helps. It looks at all rows,
/// controls or not.
///
/// It computes what harmonypy 0.0.10 does; release 2 estimates lambda and stops sooner. Defaults are `theta` 2 (1 there, 2 in
/// the R package and in release 2), `lambda` 1, `sigma` 0.1, `nclust` a thirtieth of the rows and at most 100, `max_iter` 10.
/// The start is a k-means of its own, by `seed`. Vectors are scaled to length 1 at once; harmonypy divides them by their
/// largest entry first, which turns those around that have no positive one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Harmony {
    pub batch: By,
    /// How much an uneven cluster costs.
    theta: f64,
    /// Ridge penalty of batches.
    lambda: f64,
    /// How soft clusters are.
    sigma: f64,
    clusters: Option<usize>,
    rounds: usize,
    seed: u64,
}

impl Harmony {
    pub fn read(options: &Options) -> Result<Self, RecipeError> {
        Ok(Self {
            batch: options.columns("batch")?,
            theta: options.number("theta", 2.0, "a number of 0 or more", |x| x >= 0.0)?,
            lambda: options.positive("lambda", 1.0)?,
            sigma: options.positive("sigma", 0.1)?,
            clusters: options.count("nclust")?,
            rounds: options.count("max_iter")?.unwrap_or(10),
            seed: options.seed()?,
        })
    }

    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<(), RecipeError> {
        table.require_batch(&self.batch, &report.step)?;
        table.features.refuse_missing(&report.step)?;
        let batches: Vec<Vec<usize>> =
            table.groups(&self.batch, &report.step)?.into_iter().map(|(_, rows)| rows).collect();
        if batches.len() < 2 {
            report.notes.push("one batch alone: nothing was changed".to_owned());
            return Ok(());
        }
        let (rows, width) = (table.features.rows, table.features.names.len());
        let default = (rows as f64 / 30.0).round_ties_even().clamp(1.0, 100.0) as usize;
        let clusters = self.clusters.unwrap_or(default);
        if clusters > rows {
            report.notes.push(format!("{rows} clusters in the place of {clusters}: there are no more rows"));
        }
        let frame = Frame::around(vec![0.0; width]);
        let all: Vec<usize> = (0..rows).collect();
        let points = frame.gather(&table.features, &all);
        // Squares and their sums must not overflow.
        if points.amax() > 1e100 {
            return Err(RecipeError::TooLarge { step: report.step.clone() });
        }
        let start = centroids(&directions(&points), clusters.min(rows), self.seed);
        let mut rng = stream(self.seed, &["harmony", "order"]);
        let order = |count: usize| {
            let mut order: Vec<usize> = (0..count).collect();
            order.shuffle(&mut rng);
            order
        };
        let (corrected, is_done) = self.correct(&points, &batches, &start, order);
        if !is_done {
            report.notes.push(format!("stopped after {} rounds, before it had converged", self.rounds));
        }
        frame.write(&mut table.features, &all, corrected.as_slice());
        Ok(())
    }

    /// Corrects columns `[feature, row]` from centroids `[feature, cluster]`; `order` says in which order rows are assigned in
    /// a round. True if it converged.
    fn correct(
        &self,
        points: &DMatrix<f64>,
        batches: &[Vec<usize>],
        start: &DMatrix<f64>,
        mut order: impl FnMut(usize) -> Vec<usize>,
    ) -> (DMatrix<f64>, bool) {
        let rows = points.ncols();
        let mut clusters = Clusters::new(directions(points), batches, start, self.theta, self.sigma);
        let mut corrected = points.clone();
        // Objectives after each round of clustering, and after each correction's.
        let mut objectives = vec![clusters.objective()];
        let mut last = objectives[0];
        for _ in 0..self.rounds {
            for round in 0..CLUSTERING {
                clusters.update(&order(rows));
                objectives.push(clusters.objective());
                if round > WINDOW && is_settled(&objectives) {
                    break;
                }
            }
            corrected = clusters.correct(points, batches, self.lambda);
            clusters.points = directions(&corrected);
            let now = objectives.last().copied().unwrap_or(last);
            if (last - now) / last.abs() < CORRECTED {
                return (corrected, true);
            }
            last = now;
        }
        (corrected, false)
    }
}

/// Whether the last rounds changed the objective by next to nothing.
fn is_settled(objectives: &[f64]) -> bool {
    let Some(before) = objectives.len().checked_sub(WINDOW + 1) else { return false };
    let old: f64 = objectives[before..before + WINDOW].iter().sum();
    let new: f64 = objectives[before + 1..].iter().sum();
    (old - new).abs() / old.abs() < CLUSTERED
}

/// Columns of length 1; those of length 0 stay.
fn directions(columns: &DMatrix<f64>) -> DMatrix<f64> {
    let mut columns = columns.clone();
    for mut column in columns.column_iter_mut() {
        let length = column.norm();
        if length > 0.0 {
            column /= length;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::analysis::recipe::tests::Fixture;

    #[derive(Deserialize)]
    struct Run {
        /// Centroids that harmonypy was started from, `[cluster][feature]`.
        start: Vec<Vec<f64>>,
        /// What it made of the table `clean`.
        values: Vec<Vec<f64>>,
    }

    #[test]
    fn agrees_with_harmonypy_from_the_same_start() {
        let fixture = Fixture::read();
        let run: Run = serde_json::from_value(fixture.harmony.clone()).unwrap();
        let table = fixture.table("clean");
        let batches: Vec<Vec<usize>> =
            table.groups(&By::Plate, "").unwrap().into_iter().map(|(_, rows)| rows).collect();
        let frame = Frame::around(vec![0.0; table.features.names.len()]);
        let points = frame.gather(&table.features, &(0..table.features.rows).collect::<Vec<_>>());
        let start = DMatrix::from_fn(run.start[0].len(), run.start.len(), |i, k| run.start[k][i]);
        let given: Vec<(String, String)> = Vec::new();
        let step = Harmony::read(&Options { step: "harmony", given: &given }).unwrap();
        let (found, _) = step.correct(&points, &batches, &start, |count| (0..count).collect());
        let far = found.iter().zip(run.values.iter().flatten()).map(|(a, b)| (a - b).abs());
        let far = far.fold(0.0, f64::max);
        assert!(far < 1e-6, "{far}");
    }

    #[test]
    fn ends_where_three_rounds_change_nothing() {
        assert!(!is_settled(&[3.0, 3.0, 3.0]) && is_settled(&[9.0, 3.0, 3.0, 3.0, 3.0]));
        assert!(!is_settled(&[4.0, 3.0, 3.0, 3.0]));
    }
}

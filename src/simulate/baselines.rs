//! How hard a screen is: what simple methods reach in recognising the mechanism of drugs they have never seen.

use rand::RngExt;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Serialize;

use super::SimulateError;
use super::parameters::Parameters;
use super::screen::{Config, Drug, Row, conditions, rows};
use super::video::record;
use crate::analysis::biomarkers::{Movie, dynamics, morphology};
pub use crate::analysis::evaluate::Estimate;
use crate::analysis::lda::{Lda, dot};
use crate::analysis::ranking::{average_precision, chance};
use crate::progress::Progress;
use crate::random::stream;

/// Resamplings of the drugs for an interval.
const BOOTSTRAPS: usize = 2000;

/// What one method reaches.
#[derive(Debug, Clone, Serialize)]
pub struct Baseline {
    /// What it looks at.
    pub name: &'static str,
    /// Mechanisms of drugs that are left out, other drugs alone in the gallery; each drug weighs the same.
    pub map: Estimate,
    /// The same for the mechanisms that change movement alone.
    pub map_motion_only: Option<Estimate>,
    /// The same for each mechanism.
    pub map_by_moa: Vec<(String, f64)>,
}

/// A screen's baselines.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always true.
    pub simulated: bool,
    /// Hash of the parameters.
    pub parameters: String,
    /// The screen.
    pub config: Config,
    /// Videos of drugs.
    pub n_query: usize,
    /// Parts in which each drug is left out once.
    pub folds: usize,
    /// Method by method, chance first.
    pub baselines: Vec<Baseline>,
}

/// What the methods see of a video.
struct Features {
    intensity: f64,
    single: Vec<f64>,
    whole: Vec<f64>,
    shuffled: Vec<f64>,
}

/// Simulates a screen in memory and measures it.
pub fn run(config: &Config, progress: &Progress) -> Result<Report, SimulateError> {
    let parameters = Parameters::get()?;
    config.check(parameters)?;
    let drugs = Drug::list(parameters, config.moas, config.drugs_per_moa);
    let rows = rows(parameters, config, &drugs);
    progress.set_total(rows.len() as u64);
    let features: Vec<Features> = rows
        .par_iter()
        .map(|row| {
            progress.check()?;
            let features = measure(parameters, config, row, &drugs);
            progress.add(1);
            Ok(features)
        })
        .collect::<Result<_, SimulateError>>()?;
    let table = |of: &dyn Fn(&Features) -> Vec<f64>| -> Vec<Vec<f64>> {
        let values: Vec<Vec<f64>> = features.iter().map(of).collect();
        normalise(&rows, &values)
    };
    let raw: Vec<Vec<f64>> = features.iter().map(|f| vec![f.intensity]).collect();
    let screen = Screen::new(parameters, config, &rows, &drugs);
    let baselines = vec![
        screen.chance(),
        screen.nearest("mean intensity", &raw),
        screen.nearest("mean intensity, DMSO-normalised", &table(&|f| vec![f.intensity])),
        screen.discriminant("biomarkers + LDA, single frame", &table(&|f| f.single.clone())),
        screen.discriminant("biomarkers + LDA, shuffled frames", &table(&|f| f.shuffled.clone())),
        screen.discriminant("biomarkers + LDA, video", &table(&|f| f.whole.clone())),
    ];
    Ok(Report {
        simulated: true,
        parameters: parameters.hash.clone(),
        config: config.clone(),
        n_query: screen.queries.len(),
        folds: screen.folds,
        baselines,
    })
}

fn measure(parameters: &Parameters, config: &Config, row: &Row, drugs: &[Drug]) -> Features {
    let mut rng = stream(config.seed, &["cell", &row.row_id]);
    let drug = row.drug.map(|drug| &drugs[drug]);
    let (traits, imaging) = conditions(parameters, config.seed, row, drug, &mut rng);
    let video = record(parameters, traits, imaging, config.size, config.frames, &mut rng);
    let offset = parameters.optics.offset_counts as f32;
    let size = [config.size; 2];
    let mut movie = Movie::from_counts(&video.frames, size, offset, video.pixel_size_um, video.interval_s);
    let shapes: Vec<Vec<f64>> =
        movie.frames.iter().map(|frame| morphology(frame, movie.pixel_um).to_vec()).collect();
    let n = shapes.len() as f64;
    let mean_shape: Vec<f64> =
        (0..shapes[0].len()).map(|j| shapes.iter().map(|shape| shape[j]).sum::<f64>() / n).collect();
    let light: f64 = movie.frames.iter().flat_map(|frame| &frame.data).map(|&v| f64::from(v)).sum();
    let with = |dynamics: &[f64]| [&mean_shape, dynamics].concat();
    let whole = with(&dynamics(&movie));
    movie.frames.shuffle(&mut stream(config.seed, &["shuffled frames", &row.row_id]));
    let shuffled = with(&dynamics(&movie));
    let single = shapes[shapes.len() / 2].clone();
    Features { intensity: (light / video.frames.len() as f64).max(1e-3).ln(), single, whole, shuffled }
}

/// Each value less the mean of its replicate's DMSO, in units of their deviation.
fn normalise(rows: &[Row], values: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut out = values.to_vec();
    let replicates = rows.iter().map(|row| row.replicate).max().unwrap_or(0);
    for replicate in 1..=replicates {
        let of = |i: &usize| rows[*i].replicate == replicate;
        let control: Vec<usize> = (0..rows.len()).filter(of).filter(|&i| rows[i].drug.is_none()).collect();
        for column in 0..values.first().map_or(0, Vec::len) {
            let n = control.len() as f64;
            let mean = control.iter().map(|&i| values[i][column]).sum::<f64>() / n;
            let variance = control.iter().map(|&i| (values[i][column] - mean).powi(2)).sum::<f64>() / n;
            for i in (0..rows.len()).filter(of) {
                out[i][column] = (values[i][column] - mean) / variance.sqrt().max(1e-6);
            }
        }
    }
    out
}

/// Who is asked for, and against whom.
struct Screen<'a> {
    parameters: &'a Parameters,
    rows: &'a [Row],
    drugs: &'a [Drug],
    folds: usize,
    /// Fold of each drug: it is left out there.
    fold: Vec<usize>,
    /// Rows of drugs.
    queries: Vec<usize>,
    seed: u64,
}

impl<'a> Screen<'a> {
    fn new(parameters: &'a Parameters, config: &Config, rows: &'a [Row], drugs: &'a [Drug]) -> Self {
        // Two drugs of each mechanism at a time: each finds the other.
        let folds = (config.drugs_per_moa / 2).max(1);
        let mut within = vec![0; parameters.moas.len()];
        let fold = drugs
            .iter()
            .map(|drug| {
                within[drug.moa] += 1;
                (within[drug.moa] - 1) % folds
            })
            .collect();
        let queries = (0..rows.len()).filter(|&i| rows[i].drug.is_some()).collect();
        Self { parameters, rows, drugs, folds, fold, queries, seed: config.seed }
    }

    /// For each query its drug and what `score` gives for (fold, candidates, query).
    fn evaluate(
        &self,
        name: &'static str,
        score: impl Fn(usize, usize, &[usize], &[bool]) -> Option<f64> + Sync,
    ) -> Baseline {
        let found: Vec<(usize, f64)> = self
            .queries
            .par_iter()
            .filter_map(|&query| {
                let drug = self.rows[query].drug?;
                let fold = self.fold[drug];
                let rest = |&i: &usize| {
                    self.rows[i].drug.is_some_and(|other| other != drug && self.fold[other] == fold)
                };
                let gallery: Vec<usize> = self.queries.iter().copied().filter(rest).collect();
                let moa = self.drugs[drug].moa;
                let relevant: Vec<bool> = gallery
                    .iter()
                    .map(|&i| self.rows[i].drug.is_some_and(|other| self.drugs[other].moa == moa))
                    .collect();
                Some((drug, score(fold, query, &gallery, &relevant)?))
            })
            .collect();
        let by_drug: Vec<(usize, f64)> = (0..self.drugs.len())
            .filter_map(|drug| {
                let of: Vec<f64> = found.iter().filter(|(d, _)| *d == drug).map(|(_, ap)| *ap).collect();
                (!of.is_empty()).then(|| (drug, of.iter().sum::<f64>() / of.len() as f64))
            })
            .collect();
        let where_ = |keep: &dyn Fn(usize) -> bool| -> Vec<f64> {
            by_drug.iter().filter(|(drug, _)| keep(self.drugs[*drug].moa)).map(|(_, ap)| *ap).collect()
        };
        let all = where_(&|_| true);
        let motion = where_(&|moa| self.parameters.moas[moa].motion_only);
        let moas = self.drugs.iter().map(|drug| drug.moa).max().map_or(0, |last| last + 1);
        let map_by_moa = (0..moas)
            .map(|moa| (self.parameters.moas[moa].name.clone(), mean(&where_(&|m| m == moa))))
            .collect();
        Baseline {
            name,
            map: self.estimate(&all),
            map_motion_only: (!motion.is_empty()).then(|| self.estimate(&motion)),
            map_by_moa,
        }
    }

    fn estimate(&self, by_drug: &[f64]) -> Estimate {
        let mut rng = stream(self.seed, &["bootstrap"]);
        let n = by_drug.len().max(1);
        let mut means: Vec<f64> = (0..BOOTSTRAPS)
            .map(|_| {
                let drawn = (0..n).map(|_| by_drug.get(rng.random_range(0..n)).copied().unwrap_or(0.0));
                drawn.sum::<f64>() / n as f64
            })
            .collect();
        means.sort_by(f64::total_cmp);
        let quantile = |part: f64| means[(part * (BOOTSTRAPS - 1) as f64).round() as usize];
        Estimate { value: mean(by_drug), lo: quantile(0.025), hi: quantile(0.975) }
    }

    fn chance(&self) -> Baseline {
        self.evaluate("chance", |_, _, gallery, relevant| {
            let right = relevant.iter().filter(|&&r| r).count();
            (right > 0).then(|| chance(right, gallery.len()))
        })
    }

    /// Nearest first by distance.
    fn nearest(&self, name: &'static str, values: &[Vec<f64>]) -> Baseline {
        self.evaluate(name, |_, query, gallery, relevant| {
            let distance = |i: usize| -> f64 {
                values[i].iter().zip(&values[query]).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let scores: Vec<f64> = gallery.iter().map(|&i| -distance(i)).collect();
            average_precision(&scores, relevant)
        })
    }

    /// Nearest first by angle, after a discriminant analysis of the drugs that are not left out.
    fn discriminant(&self, name: &'static str, values: &[Vec<f64>]) -> Baseline {
        let projected: Vec<Vec<Vec<f64>>> = (0..self.folds)
            .map(|fold| {
                let train = |&&i: &&usize| {
                    // With one fold there is nothing else to learn from.
                    self.rows[i].drug.is_some_and(|drug| self.folds == 1 || self.fold[drug] != fold)
                };
                let train: Vec<usize> = self.queries.iter().filter(train).copied().collect();
                let known: Vec<Vec<f64>> = train.iter().map(|&i| values[i].clone()).collect();
                let classes: Vec<usize> =
                    train.iter().filter_map(|&i| Some(self.drugs[self.rows[i].drug?].moa)).collect();
                let lda = Lda::fit(&known, &classes);
                values
                    .iter()
                    .map(|row| lda.as_ref().map_or_else(|| row.clone(), |lda| lda.project(row)))
                    .collect()
            })
            .collect();
        self.evaluate(name, |fold, query, gallery, relevant| {
            let q = &projected[fold][query];
            let cosine = |i: usize| {
                let v = &projected[fold][i];
                dot(q, v) / (dot(q, q) * dot(v, v)).sqrt().max(1e-12)
            };
            let scores: Vec<f64> = gallery.iter().map(|&i| cosine(i)).collect();
            average_precision(&scores, relevant)
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

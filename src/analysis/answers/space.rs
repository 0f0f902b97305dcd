//! Where videos are compared: centred on each replicate's DMSO, whitened by what varies between repetitions of one
//! treatment, and brought to length 1.
//!
//! Whitening is within-class covariance normalisation (Hatch & Stolcke, ICASSP 2006), with treatments for classes:
//! directions in which repetitions of the same treatment scatter count less. It is related to typical variation
//! normalisation (Ando et al., bioRxiv 161422, 2017), which measures the scatter on controls alone. No mechanism
//! is looked at.
//!
//! The scatter is that of `n` contrasts `z`: each treatment of `m` repetitions gives `m − 1` (Helmert's), which are
//! independent of each other and of its mean. They are divided by their root mean square in each place, so that units
//! do not matter; their covariance `S` (`p` places) is then shrunk towards the identity after Ledoit & Wolf (J Multivar
//! Anal 2004, 88:365):
//!
//! ```text
//! W = (1 − s)·S + s·I     s = min(b, d)/d     d = ‖S − I‖²/p     b = (Σ‖z‖⁴/n − ‖S‖²)/(p·n)
//! ```
//!
//! so that few repetitions whiten little, and many fully. Below 20 contrasts nothing is whitened: then
//! even the root mean squares, which shrinkage leaves as they are, are off by more than 16 %, and cosines would weigh
//! places by chance.

use std::sync::Arc;

use rayon::prelude::*;

use super::folds::{FOLDS, Folds};
use super::linear::{Lower, add_scatter};
use super::{AnswersError, Options, Subjects};
use crate::analysis::evaluate::normalise;
use crate::progress::Progress;

/// Degrees of freedom below which the scatter of repetitions says too little to whiten by.
const LEAST_FREEDOM: usize = 20;

/// Smallest weight of the identity, so that single precision holds.
const LEAST_SHRINKAGE: f64 = 1e-4;

/// Treatments are dealt into so many parts, each of which is judged active in a space that it did not shape.
pub(super) const PARTS: usize = 5;

/// What is taken away from the vectors of each replicate.
#[derive(Debug, Clone)]
pub(super) struct Centres {
    /// For each replicate a vector of length `dim`.
    of: Vec<Vec<f32>>,
    /// For vectors of no replicate: the mean of all controls, or of all videos where there are none.
    all: Vec<f32>,
}

impl Centres {
    /// Means of each replicate's negative controls. A replicate without any is centred on all controls, an
    /// experiment without any replicate by replicate on all its videos; `notes` says so.
    pub fn fit(subjects: &Subjects, raw: &[f32], dim: usize, notes: &mut Vec<String>) -> Self {
        let any = subjects.subjects.iter().any(|subject| subject.control);
        let replicates = subjects.replicates.len();
        let mut sums = vec![(0_usize, vec![0.0_f64; dim]); replicates + 1];
        for (subject, vector) in subjects.subjects.iter().zip(raw.chunks_exact(dim)) {
            if subject.control || !any {
                for place in [subject.replicate, replicates] {
                    let (n, sum) = &mut sums[place];
                    *n += 1;
                    sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
                }
            }
        }
        let mean =
            |(n, sum): &(usize, Vec<f64>)| sum.iter().map(|sum| (sum / (*n).max(1) as f64) as f32).collect();
        let all: Vec<f32> = mean(&sums[replicates]);
        let of = sums[..replicates].iter().map(|sum| if sum.0 > 0 { mean(sum) } else { all.clone() });
        let of = of.collect();
        if any {
            let lacking: Vec<&str> = (0..replicates)
                .filter(|&replicate| sums[replicate].0 == 0)
                .map(|replicate| subjects.replicates[replicate].as_str())
                .collect();
            if !lacking.is_empty() {
                notes.push(format!(
                    "No negative control in replicate {}: centred on the controls of the other replicates.",
                    lacking.join(", ")
                ));
            }
        } else {
            notes.push(
                "No negative controls: each replicate is centred on the mean of all its videos, and nothing \
                 can be called active."
                    .to_owned(),
            );
        }
        Self { of, all }
    }

    /// The subjects' vectors, centred.
    pub fn apply(&self, subjects: &Subjects, raw: &[f32], dim: usize) -> Arc<[f32]> {
        let mut values: Arc<[f32]> = raw.into();
        Arc::make_mut(&mut values).par_chunks_exact_mut(dim).zip(&subjects.subjects).for_each(
            |(vector, subject)| {
                vector.iter_mut().zip(&self.of[subject.replicate]).for_each(|(x, mean)| *x -= mean);
            },
        );
        values
    }

    /// Centres a vector of a replicate, or of none.
    pub fn shift(&self, vector: &mut [f32], replicate: Option<usize>) {
        let centre = replicate.and_then(|replicate| self.of.get(replicate)).unwrap_or(&self.all);
        vector.iter_mut().zip(centre).for_each(|(x, mean)| *x -= mean);
    }
}

/// Contrasts between the repetitions of some treatments, and their sum of products.
struct Scatter {
    /// `[contrast, dim]`.
    contrasts: Vec<f32>,
    /// `[dim, dim]`.
    sum: Vec<f64>,
}

impl Scatter {
    fn of(
        groups: &[&[usize]],
        centred: &[f32],
        dim: usize,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        let contrasts: Vec<f32> =
            groups.par_iter().flat_map_iter(|group| contrasts(centred, dim, group)).collect();
        let mut sum = vec![0.0; dim * dim];
        add_scatter(&mut sum, &contrasts, dim, progress)?;
        Ok(Self { contrasts, sum })
    }
}

/// Helmert's contrasts of some of the vectors: each less the mean of those before it, `[of − 1, dim]`, scaled to the
/// variance of one vector.
fn contrasts(values: &[f32], dim: usize, of: &[usize]) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dim];
    let mut out = Vec::with_capacity(of.len().saturating_sub(1) * dim);
    for (before, &place) in of.iter().enumerate() {
        let vector = &values[place * dim..(place + 1) * dim];
        if before > 0 {
            let n = before as f64;
            let scale = (n / (n + 1.0)).sqrt();
            out.extend(vector.iter().zip(&sum).map(|(x, sum)| (scale * (f64::from(*x) - sum / n)) as f32));
        }
        sum.iter_mut().zip(vector).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    out
}

/// Within-treatment whitening; see the module.
#[derive(Debug, Clone)]
pub struct Whitening {
    lower: Lower,
    /// Degrees of freedom of the scatter: repetitions beyond the first of each treatment.
    pub freedom: usize,
    /// Weight of the identity, 0 to 1.
    pub shrinkage: f64,
}

impl Whitening {
    /// Replaces centred vectors of `[n, dim]` by vectors whose inner products are `xᵀ(D·W·D)⁻¹y`, with the root mean
    /// squares of the contrasts on the diagonal of `D`. A place in which no repetition differs counts for nothing.
    pub fn apply(&self, values: &mut [f32]) {
        self.lower.apply(values);
    }

    fn of(parts: &[&Scatter], dim: usize) -> Option<Self> {
        let freedom: usize = parts.iter().map(|part| part.contrasts.len() / dim).sum();
        if freedom < LEAST_FREEDOM {
            return None;
        }
        let n = freedom as f64;
        let mut matrix = vec![0.0; dim * dim];
        for part in parts {
            matrix.par_iter_mut().zip(&part.sum).for_each(|(all, x)| *all += x / n);
        }
        let scale: Vec<f64> = (0..dim)
            .map(|i| matrix[i * dim + i])
            .map(|variance| if variance > 0.0 { variance.sqrt().recip() } else { 0.0 })
            .collect();
        matrix.par_chunks_exact_mut(dim).zip(&scale).for_each(|(row, own)| {
            row.iter_mut().zip(&scale).for_each(|(x, other)| *x *= own * other);
        });
        let fourth = |contrast: &[f32]| {
            let scaled = contrast.iter().zip(&scale).map(|(x, scale)| (f64::from(*x) * scale).powi(2));
            scaled.sum::<f64>().powi(2)
        };
        // Collected, then summed in order, so that the threads do not matter.
        let fourths: Vec<f64> = parts
            .iter()
            .flat_map(|part| part.contrasts.par_chunks_exact(dim).map(fourth).collect::<Vec<f64>>())
            .collect();
        let shrinkage = ledoit_wolf(&matrix, dim, fourths.iter().sum(), n).max(LEAST_SHRINKAGE);
        matrix.par_iter_mut().for_each(|x| *x *= 1.0 - shrinkage);
        for (i, scale) in scale.iter().enumerate() {
            matrix[i * dim + i] = if *scale > 0.0 { matrix[i * dim + i] + shrinkage } else { 1.0 };
        }
        Some(Self { lower: Lower::inverse(matrix, dim)?.after(&scale), freedom, shrinkage })
    }
}

/// Weight of the identity after Ledoit and Wolf, 0 to 1. `covariance`: of `n` vectors about 0, `[dim, dim]`, with ones
/// on its diagonal, or zeros in places that do not vary; `fourth`: sum of the fourth powers of the vectors' lengths.
fn ledoit_wolf(covariance: &[f64], dim: usize, fourth: f64, n: f64) -> f64 {
    let rows: Vec<f64> =
        covariance.par_chunks_exact(dim).map(|row| row.iter().map(|x| x * x).sum::<f64>()).collect();
    let squares: f64 = rows.iter().sum();
    let places = (0..dim).filter(|i| covariance[i * dim + i] > 0.0).count() as f64;
    // The mean of the diagonal is 1.
    let distance = squares - places;
    let error = (fourth / n - squares) / n;
    if error > 0.0 && distance > 0.0 { (error / distance).min(1.0) } else { 0.0 }
}

/// Whitenings of one experiment.
#[derive(Debug)]
pub(super) struct Whitenings {
    /// By all treatments and the controls.
    pub whole: Option<Whitening>,
    /// For each part of the treatments (place % [`PARTS`]) one that neither they nor the controls shaped: only so is
    /// an inactive treatment as far from the controls as they are from each other.
    pub without: Vec<Option<Whitening>>,
    /// For each fold of compounds one that they did not shape.
    pub folds: Vec<Option<Whitening>>,
}

impl Whitenings {
    /// Measures the scatter of centred vectors `[subject, dim]` between the repetitions of each treatment.
    pub fn fit(
        subjects: &Subjects,
        centred: &[f32],
        dim: usize,
        folds: &Folds,
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        let none = |n: usize| (0..n).map(|_| None).collect();
        if !options.whiten {
            return Ok(Self { whole: None, without: none(PARTS), folds: none(FOLDS) });
        }
        let controls: Vec<usize> = (0..subjects.len()).filter(|&i| subjects.subjects[i].control).collect();
        let measure = |count: usize, of: &dyn Fn(usize) -> usize, controls_in: usize| {
            let mut groups: Vec<Vec<&[usize]>> = vec![Vec::new(); count];
            for (place, treatment) in subjects.treatments.iter().enumerate() {
                groups[of(place)].push(&treatment.subjects);
            }
            groups[controls_in].push(&controls);
            let parts = groups.iter().map(|groups| Scatter::of(groups, centred, dim, progress));
            parts.collect::<Result<Vec<Scatter>, AnswersError>>()
        };
        let but = |parts: &[Scatter], skip: &[usize]| -> Result<Option<Whitening>, AnswersError> {
            progress.check().map_err(|_| AnswersError::Cancelled)?;
            let left = parts.iter().enumerate().filter(|(part, _)| !skip.contains(part));
            Ok(Whitening::of(&left.map(|(_, part)| part).collect::<Vec<&Scatter>>(), dim))
        };
        let parts = measure(PARTS + 1, &|place| place % PARTS, PARTS)?;
        let without = (0..PARTS).map(|part| but(&parts, &[part, PARTS])).collect::<Result<Vec<_>, _>>()?;
        let whole = but(&parts, &[])?;
        drop(parts);
        let parts = measure(FOLDS, &|place| folds.of(subjects.treatments[place].compound), folds.controls)?;
        let folds = (0..FOLDS).map(|fold| but(&parts, &[fold])).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { whole, without, folds })
    }
}

/// Mean of some of the vectors `[subject, dim]`; zeros of none.
pub(super) fn mean(values: &[f32], dim: usize, of: &[usize]) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dim];
    for &place in of {
        sum.iter_mut().zip(&values[place * dim..]).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sum.into_iter().map(|sum| (sum / of.len().max(1) as f64) as f32).collect()
}

/// Mean over wells of the means of their videos, of length 1: a well counts once however many cells it has.
pub(super) fn profile<'a>(
    values: &[f32],
    dim: usize,
    wells: impl IntoIterator<Item = &'a [usize]>,
) -> Vec<f32> {
    let mut sum = vec![0.0_f32; dim];
    for well in wells {
        sum.iter_mut().zip(mean(values, dim, well)).for_each(|(sum, x)| *sum += x);
    }
    normalise(&mut sum);
    sum
}

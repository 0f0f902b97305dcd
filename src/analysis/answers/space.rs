//! Where videos are compared: centred on each replicate's DMSO, whitened by what varies between repetitions of one
//! treatment, and brought to length 1.
//!
//! Whitening is within-class covariance normalisation (Hatch & Stolcke, ICASSP 2006), with treatments for classes:
//! directions in which repetitions of the same treatment scatter count less. It is related to typical variation
//! normalisation (Ando et al., bioRxiv 161422, 2017), which measures the scatter on controls alone. No mechanism
//! is looked at.

use std::sync::Arc;

use rayon::prelude::*;

use super::linear::{Lower, add_scatter};
use super::{AnswersError, Options, Subjects};
use crate::analysis::evaluate::normalise;
use crate::progress::Progress;

/// Degrees of freedom below which the scatter of repetitions says too little to whiten by.
const LEAST_FREEDOM: usize = 20;

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

/// Within-treatment whitening; see the module.
#[derive(Debug, Clone)]
pub struct Whitening {
    lower: Lower,
    /// Degrees of freedom of the scatter: repetitions beyond the first of each treatment.
    pub freedom: usize,
}

impl Whitening {
    /// Replaces centred vectors of `[n, dim]` by vectors whose inner products are `xᵀ(W + λ·tr(W)/dim)⁻¹y`.
    pub fn apply(&self, values: &mut [f32]) {
        self.lower.apply(values);
    }

    fn of(mut scatter: Vec<f64>, freedom: usize, dim: usize, lambda: f64) -> Option<Self> {
        if freedom < LEAST_FREEDOM {
            return None;
        }
        for x in &mut scatter {
            *x /= freedom as f64;
        }
        let ridge = lambda * (0..dim).map(|i| scatter[i * dim + i]).sum::<f64>() / dim as f64;
        for i in 0..dim {
            scatter[i * dim + i] += ridge;
        }
        Some(Self { lower: Lower::inverse(scatter, dim)?, freedom })
    }
}

/// Whitenings of one experiment.
#[derive(Debug)]
pub(super) struct Whitenings {
    /// By all treatments and the controls.
    pub whole: Option<Whitening>,
    /// For each part of the treatments (place % [`PARTS`]) one that neither they nor the controls shaped: only so is
    /// an inactive treatment as far from the controls as they are from each other.
    pub without: Vec<Option<Whitening>>,
}

impl Whitenings {
    /// Measures the scatter of centred vectors `[subject, dim]` about the mean of their treatment.
    pub fn fit(
        subjects: &Subjects,
        centred: &[f32],
        dim: usize,
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        if !options.whiten {
            return Ok(Self { whole: None, without: (0..PARTS).map(|_| None).collect() });
        }
        let controls: Vec<usize> = (0..subjects.len()).filter(|&i| subjects.subjects[i].control).collect();
        let mut parts = Vec::new();
        for part in 0..=PARTS {
            let treatments = subjects.treatments.iter().skip(part).step_by(PARTS);
            let groups: Vec<&[usize]> = if part == PARTS {
                vec![&controls]
            } else {
                treatments.map(|treatment| treatment.subjects.as_slice()).collect()
            };
            let groups: Vec<&[usize]> = groups.into_iter().filter(|group| group.len() > 1).collect();
            let means: Vec<f32> =
                groups.par_iter().flat_map_iter(|group| mean(centred, dim, group)).collect();
            let pairs: Vec<(usize, usize)> = groups
                .iter()
                .enumerate()
                .flat_map(|(mean, group)| group.iter().map(move |&place| (place, mean)))
                .collect();
            let mut scatter = vec![0.0; dim * dim];
            add_scatter(&mut scatter, &pairs, centred, &means, dim, progress)?;
            parts.push((scatter, pairs.len() - groups.len()));
        }
        let total = |skip: &[usize]| {
            let (mut sum, mut freedom) = (vec![0.0; dim * dim], 0);
            for (_, (scatter, n)) in parts.iter().enumerate().filter(|(part, _)| !skip.contains(part)) {
                sum.par_iter_mut().zip(scatter).for_each(|(sum, x)| *sum += x);
                freedom += n;
            }
            (sum, freedom)
        };
        let mut without = Vec::new();
        for part in 0..PARTS {
            progress.check().map_err(|_| AnswersError::Cancelled)?;
            let (sum, freedom) = total(&[part, PARTS]);
            without.push(Whitening::of(sum, freedom, dim, options.lambda));
        }
        let (sum, freedom) = total(&[]);
        Ok(Self { whole: Whitening::of(sum, freedom, dim, options.lambda), without })
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

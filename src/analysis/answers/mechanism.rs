//! Which compounds and mechanisms of action a vector is near to.

use rayon::prelude::*;

use super::activity::Activity;
use super::folds::{FOLDS, Folds};
use super::space::profile;
use super::{Options, Subjects};
use crate::analysis::evaluate::products;

/// Sharpness of the mean over a mechanism's compounds, `ln(mean(exp(10·s)))/10`: between the mean and the nearest.
/// On a simulated screen it beat the nearest, the mean of the best two or three, and the plain mean.
const SHARPNESS: f64 = 10.0;

fn soften(similarity: f32) -> f64 {
    (SHARPNESS * f64::from(similarity)).exp()
}

fn soft_mean(sum: f64, n: usize) -> f64 {
    (sum / n as f64).ln() / SHARPNESS
}

/// How near a mechanism is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Near {
    /// Place in [`Subjects::moas`].
    pub moa: usize,
    /// Soft mean of its compounds' similarities.
    pub score: f64,
    /// Compounds that answered.
    pub compounds: usize,
    /// The nearest of them.
    pub best: usize,
}

/// The treatments that answer, by their profiles.
#[derive(Debug)]
pub(super) struct Gallery {
    /// Places in [`Subjects::treatments`], ascending.
    pub treatments: Vec<usize>,
    /// Compound of each.
    pub compounds: Vec<usize>,
    /// Profiles of length 1, `[treatment, dim]`.
    pub profiles: Vec<f32>,
    dim: usize,
    /// Compounds of the library, answering or not.
    count: usize,
}

/// The treatments that answer, ascending: the active ones; all if none was judged, or if inactive ones shall answer too.
pub(super) fn answering(
    subjects: &Subjects,
    activity: &[Activity],
    options: &Options,
    notes: &mut Vec<String>,
) -> Vec<usize> {
    let undecided = !activity.iter().any(Activity::is_decided);
    if undecided && !activity.is_empty() {
        notes.push("Activity could be judged for no treatment, so all of them answer.".to_owned());
    }
    let all = undecided || !options.active_only;
    (0..subjects.treatments.len()).filter(|&i| all || activity[i].is_active()).collect()
}

impl Gallery {
    /// Of some treatments.
    pub fn new(subjects: &Subjects, vectors: &[f32], dim: usize, treatments: &[usize]) -> Self {
        let profiles = treatments
            .par_iter()
            .flat_map_iter(|&i| profile(vectors, dim, subjects.treatments[i].wells.iter().map(Vec::as_slice)))
            .collect();
        let compounds = treatments.iter().map(|&i| subjects.treatments[i].compound).collect();
        let (treatments, count) = (treatments.to_vec(), subjects.compounds.len());
        Self { treatments, compounds, profiles, dim, count }
    }

    /// The same treatments with other profiles of length 1, `[treatment, dim]`.
    pub fn with(&self, profiles: Vec<f32>, dim: usize) -> Self {
        let (treatments, compounds) = (self.treatments.clone(), self.compounds.clone());
        Self { treatments, compounds, profiles, dim, count: self.count }
    }

    /// Cosines of vectors of length 1, `[query, treatment]`.
    pub fn similarities(&self, queries: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; queries.len() / self.dim * self.treatments.len()];
        if !out.is_empty() {
            products(queries, &self.profiles, self.dim, &mut out);
        }
        out
    }

    /// For each compound of the library the similarity of its nearest treatment; −∞ for those that do not answer.
    pub fn by_compound(&self, similarities: &[f32]) -> Vec<f32> {
        let mut near = vec![f32::NEG_INFINITY; self.count];
        for (&compound, &similarity) in self.compounds.iter().zip(similarities) {
            near[compound] = near[compound].max(similarity);
        }
        near
    }
}

/// Mechanisms from the nearest to the farthest (then in their order), by the compounds for which `leave` is false.
pub(super) fn by_moa(subjects: &Subjects, near: &[f32], leave: impl Fn(usize) -> bool) -> Vec<Near> {
    let mut sums = vec![(0.0_f64, 0_usize, usize::MAX); subjects.moas.len()];
    for (compound, &similarity) in near.iter().enumerate() {
        if similarity == f32::NEG_INFINITY || leave(compound) {
            continue;
        }
        for &moa in &subjects.compound_moas[compound] {
            let (sum, n, best) = &mut sums[moa];
            *sum += soften(similarity);
            *n += 1;
            if near.get(*best).is_none_or(|best| *best < similarity) {
                *best = compound;
            }
        }
    }
    let mut found: Vec<Near> = sums
        .into_iter()
        .enumerate()
        .filter(|(_, (_, n, _))| *n > 0)
        .map(|(moa, (sum, compounds, best))| Near { moa, score: soft_mean(sum, compounds), compounds, best })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// A mechanism's score, and whether it is one of those of the compound that was asked about.
pub(super) type Scored = (f64, bool);

/// The mechanisms' scores for a compound that does not answer, once those of a fold are gone too: by fold, the mechanisms
/// in their order.
pub(super) fn nested(subjects: &Subjects, near: &[f32], compound: usize, folds: &Folds) -> Vec<Vec<Scored>> {
    let mut sums = vec![[(0.0_f64, 0_usize); FOLDS]; subjects.moas.len()];
    for (other, &similarity) in near.iter().enumerate() {
        if similarity > f32::NEG_INFINITY && other != compound {
            for &moa in &subjects.compound_moas[other] {
                let (sum, n) = &mut sums[moa][folds.of(other)];
                *sum += soften(similarity);
                *n += 1;
            }
        }
    }
    let own = &subjects.compound_moas[compound];
    let without = |gone: usize| -> Vec<Scored> {
        let score = |(moa, of): (usize, &[(f64, usize); FOLDS])| {
            let left = of.iter().enumerate().filter(|(fold, _)| *fold != gone);
            let (sum, n) = left.fold((0.0, 0), |(sum, n), (_, part)| (sum + part.0, n + part.1));
            (n > 0).then(|| (soft_mean(sum, n), own.contains(&moa)))
        };
        sums.iter().enumerate().filter_map(score).collect()
    };
    (0..FOLDS).map(without).collect()
}

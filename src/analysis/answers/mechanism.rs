//! Which compounds and mechanisms of action a vector is near to.

use rayon::prelude::*;

use super::activity::Activity;
use super::space::profile;
use super::{Options, Subjects};
use crate::analysis::evaluate::products;

/// Sharpness of the mean over a mechanism's compounds, `ln(mean(exp(10·s)))/10`: between the mean and the nearest.
/// On a simulated screen it beat the nearest, the mean of the best two or three, and the plain mean.
const SHARPNESS: f64 = 10.0;

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

impl Gallery {
    /// The active treatments; all if none was judged, or if inactive ones shall answer too.
    pub fn new(
        subjects: &Subjects,
        vectors: &[f32],
        dim: usize,
        activity: &[Activity],
        options: &Options,
        notes: &mut Vec<String>,
    ) -> Self {
        let undecided = !activity.iter().any(Activity::is_decided);
        if undecided && !activity.is_empty() {
            notes.push("Activity could be judged for no treatment, so all of them answer.".to_owned());
        }
        let all = undecided || !options.active_only;
        let treatments: Vec<usize> =
            (0..subjects.treatments.len()).filter(|&i| all || activity[i].is_active()).collect();
        let profiles = treatments
            .par_iter()
            .flat_map_iter(|&i| profile(vectors, dim, subjects.treatments[i].wells.iter().map(Vec::as_slice)))
            .collect();
        let compounds = treatments.iter().map(|&i| subjects.treatments[i].compound).collect();
        Self { treatments, compounds, profiles, dim, count: subjects.compounds.len() }
    }

    /// The profile at a place of [`Self::treatments`].
    pub fn profile(&self, place: usize) -> &[f32] {
        &self.profiles[place * self.dim..(place + 1) * self.dim]
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
            *sum += (SHARPNESS * f64::from(similarity)).exp();
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
        .map(|(moa, (sum, compounds, best))| Near {
            moa,
            score: (sum / compounds as f64).ln() / SHARPNESS,
            compounds,
            best,
        })
        .collect();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

//! Does a treatment do anything? Replicate average precision against DMSO (Kalinin et al., Nat Commun 2025, 16:5181;
//! preprint 2024, package `copairs`).
//!
//! Each well of a treatment ranks the treatment's other wells and the DMSO wells by cosine; the mean of the average
//! precisions is compared with a null made by shuffling, and the p values are corrected after Benjamini & Hochberg
//! (J R Stat Soc B 1995, 57:289) over all treatments.
//!
//! The null differs from the package's in one thing. Two wells of a treatment are as near to the one as to the other,
//! so their ranks go together; nulls that are drawn for each well alone call DMSO active at p < 0.01 three to five
//! times too often, and one null that all wells share (the package's) is too strict for many wells. Here pairs of
//! wells are shuffled: each pair has one similarity. And the whitening is the one of the *other* treatments, see
//! `Whitenings::without`.

use std::collections::{BTreeSet, HashMap};

use rand::Rng;
use rayon::prelude::*;

use super::space::{PARTS, Whitening, Whitenings, mean};
use super::{AnswersError, Options, Subjects};
use crate::analysis::evaluate::{normalise, products};
use crate::analysis::ranking::{average_precision, chance};
use crate::progress::Progress;
use crate::random::stream;

/// Largest share of false calls that is accepted among the treatments called active.
pub const FALSE_DISCOVERIES: f64 = 0.05;

/// Permutations that share a random stream.
const DRAWN_TOGETHER: usize = 250;

/// Whether a treatment differs from DMSO.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// q < 0.05.
    Active,
    /// Not told apart from DMSO.
    Inactive,
    /// Cannot be said; a sentence says why.
    Undecided(String),
}

/// How a treatment was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The call.
    pub verdict: Verdict,
    /// Mean average precision of its wells, 0 to 1; `None` with fewer than two wells or without DMSO.
    pub mean_ap: Option<f64>,
    /// What random rankings reach.
    pub chance: Option<f64>,
    /// Permutation p.
    pub p: Option<f64>,
    /// p after Benjamini and Hochberg, over the treatments that have one.
    pub q: Option<f64>,
    /// Wells of the treatment.
    pub wells: usize,
    /// DMSO wells.
    pub controls: usize,
}

impl Activity {
    /// True if it was called active.
    pub fn is_active(&self) -> bool {
        self.verdict == Verdict::Active
    }

    /// True if it can be said.
    pub fn is_decided(&self) -> bool {
        !matches!(self.verdict, Verdict::Undecided(_))
    }
}

/// By what an experiment's vectors are whitened when activity is judged.
pub(super) enum Spaces<'a> {
    /// By itself: each treatment by the others.
    Own(&'a Whitenings),
    /// By a library of other treatments.
    Foreign(Option<&'a Whitening>),
}

/// Judges each treatment. `centred` are the subjects' centred vectors, `[subject, dim]`.
pub(super) fn judge(
    subjects: &Subjects,
    centred: &[f32],
    dim: usize,
    spaces: &Spaces,
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Activity>, AnswersError> {
    let controls = subjects.control_wells.len();
    let step = if matches!(spaces, Spaces::Own(_)) { PARTS } else { 1 };
    let mut found: Vec<Option<f64>> = vec![None; subjects.treatments.len()];
    for part in 0..step {
        progress.check().map_err(|_| AnswersError::Cancelled)?;
        let whitening = match spaces {
            Spaces::Own(own) => own.without[part].as_ref(),
            Spaces::Foreign(foreign) => *foreign,
        };
        let members: Vec<usize> = (part..found.len())
            .step_by(step)
            .filter(|&treatment| controls > 0 && subjects.treatments[treatment].wells.len() > 1)
            .collect();
        let wells = subjects.control_wells.iter();
        let wells: Vec<&Vec<usize>> = wells
            .chain(members.iter().flat_map(|&treatment| &subjects.treatments[treatment].wells))
            .collect();
        // Means before whitening: it is linear, and there are fewer wells than videos.
        let mut means: Vec<f32> = wells.par_iter().flat_map_iter(|well| mean(centred, dim, well)).collect();
        if let Some(whitening) = whitening {
            whitening.apply(&mut means);
        }
        means.par_chunks_exact_mut(dim).for_each(normalise);
        let (dmso, treated) = means.split_at(controls * dim);
        let mut starts = Vec::with_capacity(members.len());
        let mut at = 0;
        for &treatment in &members {
            starts.push(at);
            at += subjects.treatments[treatment].wells.len();
        }
        let precisions: Vec<f64> = members
            .par_iter()
            .zip(&starts)
            .map(|(&treatment, &start)| {
                let n = subjects.treatments[treatment].wells.len();
                mean_average_precision(&treated[start * dim..(start + n) * dim], dmso, dim)
            })
            .collect();
        for (treatment, precision) in members.into_iter().zip(precisions) {
            found[treatment] = Some(precision);
        }
    }
    let sizes: BTreeSet<usize> =
        found.iter().zip(&subjects.treatments).filter_map(|(f, t)| f.map(|_| t.wells.len())).collect();
    let mut nulls = HashMap::new();
    for wells in sizes {
        progress.check().map_err(|_| AnswersError::Cancelled)?;
        nulls.insert(wells, Null::draw(wells, controls, options.permutations, options.seed));
    }
    let mut all: Vec<Activity> = found
        .into_iter()
        .zip(&subjects.treatments)
        .map(|(found, treatment)| {
            let wells = treatment.wells.len();
            one(found, wells, controls, nulls.get(&wells))
        })
        .collect();
    let decided: Vec<usize> = (0..all.len()).filter(|&i| all[i].is_decided()).collect();
    let p: Vec<f64> = decided.iter().filter_map(|&i| all[i].p).collect();
    for (&place, q) in decided.iter().zip(benjamini_hochberg(&p)) {
        all[place].q = Some(q);
        all[place].verdict = if q < FALSE_DISCOVERIES { Verdict::Active } else { Verdict::Inactive };
    }
    Ok(all)
}

/// What can be said before the correction.
fn one(found: Option<f64>, wells: usize, controls: usize, null: Option<&Null>) -> Activity {
    let undecided = |why: &str| Verdict::Undecided(why.to_owned());
    let mut activity = Activity {
        verdict: Verdict::Inactive,
        mean_ap: found,
        chance: found.map(|_| chance(wells - 1, wells - 1 + controls)),
        p: None,
        q: None,
        wells,
        controls,
    };
    match (found, null) {
        (Some(found), Some(null)) => {
            activity.p = Some(null.p(found));
            let least = null.p(1.0);
            if least > FALSE_DISCOVERIES {
                activity.verdict = undecided(&format!(
                    "With {wells} wells against {controls} of DMSO even a perfect ranking has p = {least:.2}. Add \
                     wells."
                ));
            }
        }
        _ if controls == 0 => {
            activity.verdict = undecided("There is no DMSO to compare with. Mark the negative controls.");
        }
        _ => {
            activity.verdict =
                undecided("There is one well only, so nothing shows what repeats. Add a replicate.");
        }
    }
    activity
}

/// Mean over wells `[k, dim]` of the average precision with which each ranks the others before `dmso`, `[n, dim]`;
/// vectors of length 1.
pub(super) fn mean_average_precision(wells: &[f32], dmso: &[f32], dim: usize) -> f64 {
    let (k, n) = (wells.len() / dim, dmso.len() / dim);
    let (mut own, mut other) = (vec![0.0; k * k], vec![0.0; k * n]);
    products(wells, wells, dim, &mut own);
    products(wells, dmso, dim, &mut other);
    let relevant: Vec<bool> = (0..k - 1 + n).map(|i| i < k - 1).collect();
    let precision = |well: usize| {
        let same =
            own[well * k..(well + 1) * k].iter().enumerate().filter(|(i, _)| *i != well).map(|(_, s)| s);
        let scores: Vec<f64> = same.chain(&other[well * n..(well + 1) * n]).map(|s| f64::from(*s)).collect();
        average_precision(&scores, &relevant).unwrap_or(0.0)
    };
    (0..k).map(precision).sum::<f64>() / k as f64
}

/// Mean average precisions of shuffled similarities, ascending.
pub(super) struct Null(pub(super) Vec<f64>);

impl Null {
    /// Draws for `wells` wells against `controls`: every pair has one similarity, uniform and independent.
    pub(super) fn draw(wells: usize, controls: usize, permutations: usize, seed: u64) -> Self {
        let (k, n) = (wells.to_string(), controls.to_string());
        let starts: Vec<usize> = (0..permutations).step_by(DRAWN_TOGETHER).collect();
        let mut all: Vec<f64> = starts
            .into_par_iter()
            .flat_map_iter(|start| {
                let mut rng = stream(seed, &["activity", &k, &n, &start.to_string()]);
                let mut pairs = vec![0_u32; wells * wells];
                let mut same = Vec::with_capacity(wells);
                let mut ahead = vec![0_usize; wells];
                let rounds = DRAWN_TOGETHER.min(permutations - start);
                let draws: Vec<f64> = (0..rounds)
                    .map(|_| {
                        for i in 0..wells {
                            for j in 0..i {
                                let x = rng.next_u32();
                                (pairs[i * wells + j], pairs[j * wells + i]) = (x, x);
                            }
                        }
                        let mut sum = 0.0;
                        for i in 0..wells {
                            same.clear();
                            same.extend((0..wells).filter(|&j| j != i).map(|j| pairs[i * wells + j]));
                            same.sort_unstable_by(|a, b| b.cmp(a));
                            // ahead[r]: controls between the wells of rank r − 1 and r.
                            ahead[..same.len()].fill(0);
                            for _ in 0..controls {
                                let x = rng.next_u32();
                                let rank = same.partition_point(|s| *s >= x);
                                if rank < same.len() {
                                    ahead[rank] += 1;
                                }
                            }
                            let mut before = 0;
                            let mut precision = 0.0;
                            for (rank, ahead) in (1..=same.len()).zip(&ahead) {
                                before += ahead;
                                precision += rank as f64 / (rank + before) as f64;
                            }
                            sum += precision / same.len() as f64;
                        }
                        sum / wells as f64
                    })
                    .collect();
                draws
            })
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        Self(all)
    }

    /// `(1 + #null ≥ observed)/(1 + permutations)`; a rounding error below counts as equal.
    pub(super) fn p(&self, observed: f64) -> f64 {
        let below = self.0.partition_point(|x| *x < observed - 1e-9);
        (1 + self.0.len() - below) as f64 / (1 + self.0.len()) as f64
    }
}

/// q values of p values: the smallest rate of false discoveries at which each would be called.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let mut q = vec![0.0; p.len()];
    let mut least = 1.0_f64;
    for (place, rank) in order.into_iter().zip((1..=p.len()).rev()) {
        least = least.min(p[place] * p.len() as f64 / rank as f64);
        q[place] = least;
    }
    q
}

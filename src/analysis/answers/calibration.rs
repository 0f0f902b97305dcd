//! From similarities to probabilities, and how far those can be trusted: every compound is asked about as if it were
//! new.
//!
//! The probability of a mechanism is `softmax(β·s)` over the mechanisms of the library, with β by maximum likelihood
//! on the answers to compounds that were left out (temperature scaling: Guo et al., ICML 2017). It holds for a
//! compound whose mechanism is in the library; whether it is, [`super::novelty`] says. What is reported of a compound
//! uses a β that was fitted on other compounds.

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::mechanism::{Gallery, Near, by_moa};
use super::novelty::{Conformal, Reference};
use super::space::profile;
use super::{Level, Options, Subjects};
use crate::analysis::ranking::chance_within;
use crate::random::stream;

/// Fewest compounds, of mechanisms that have another, from which probabilities are fitted.
const LEAST_COMPOUNDS: usize = 10;

/// Most videos that are asked about, drawn at random; more change nothing but the time.
const MOST_VIDEOS: usize = 4_000;

/// Parts of a cross-fit.
const FOLDS: usize = 5;

/// Bins of a reliability diagram.
const BINS: usize = 10;

/// Queries that are compared at once.
const BLOCK: usize = 64;

/// How far answers at one level can be trusted.
#[derive(Debug, Clone)]
pub struct Calibration {
    /// What was asked about.
    pub level: Level,
    /// Sharpness of the softmax; `None` where too little is known for probabilities.
    pub beta: Option<f64>,
    /// Accuracy of the calls and their probabilities.
    pub reliability: Option<Reliability>,
    /// How "unlike anything known" does; `None` with too few compounds.
    pub novelty: Option<Conformal>,
    /// Why something is missing.
    pub notes: Vec<String>,
    cross: CrossFit,
}

/// β without the compounds of each part.
#[derive(Debug, Clone, Default)]
struct CrossFit {
    /// Part of each compound, ascending.
    folds: Vec<(usize, usize)>,
    betas: Vec<f64>,
}

/// Accuracy on compounds that were left out, and β fitted on others.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Answers: videos, treatments or compounds.
    pub n: usize,
    /// Compounds among them.
    pub compounds: usize,
    /// Mechanisms to choose from.
    pub moas: usize,
    /// Part whose most likely mechanism is right.
    pub top1: f64,
    /// Part with a right one among the first three.
    pub top3: f64,
    /// `top1` of a random choice.
    pub chance1: f64,
    /// `top3` of a random choice.
    pub chance3: f64,
    /// Expected calibration error of the first mechanism: mean over the answers of |probability − accuracy| of their
    /// bin.
    pub ece: f64,
    /// Brier score of the first mechanism, `mean((p − right)²)`.
    pub brier: f64,
    /// Mean of −ln of the probability of the right mechanisms.
    pub nll: f64,
    /// Equal bins of the first mechanism's probability from 0 to 1; empty ones too.
    pub bins: Vec<Bin>,
}

/// Answers of similar probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Lower end.
    pub from: f64,
    /// Upper end, inclusive.
    pub to: f64,
    /// Answers.
    pub n: usize,
    /// Their mean probability; 0 without any.
    pub probability: f64,
    /// Part of them that is right; 0 without any.
    pub accuracy: f64,
}

/// What the library says of one of its own, which does not answer for itself.
#[derive(Debug, Clone)]
pub(super) struct LeftOut {
    /// Its compound.
    pub compound: usize,
    /// Its mechanisms that another compound has.
    pub right: Vec<usize>,
    /// Mechanisms from the nearest.
    pub near: Vec<Near>,
    /// Best score once all compounds of its mechanisms are gone; `None` if none is left.
    pub without_moa: Option<f64>,
}

impl Calibration {
    /// Asks about everything that answers.
    pub(super) fn measure(
        level: Level,
        subjects: &Subjects,
        gallery: &Gallery,
        vectors: &[f32],
        dim: usize,
        options: &Options,
    ) -> Self {
        let answers = leave_out(level, subjects, gallery, vectors, dim, options);
        let mut notes = Vec::new();
        let known: Vec<&LeftOut> = answers.iter().filter(|answer| !answer.right.is_empty()).collect();
        let fits = fit_for_probabilities(subjects, &known, &mut notes);
        let beta = fits.then(|| fit(&known));
        let cross = if fits { CrossFit::new(&known, options.seed) } else { CrossFit::default() };
        let reliability = fits.then(|| assess(&known, &cross));
        let references = known.iter().filter_map(|answer| {
            Some(Reference { score: answer.near.first()?.score, compound: answer.compound })
        });
        let controls = of_controls(level, subjects, gallery, vectors, dim, options);
        let novelty = Conformal::measure(subjects, references.collect(), &answers, &controls, options);
        if novelty.is_none() {
            notes.push(format!(
                "Too few compounds share a mechanism with another to tell what is unlike all of them at a false \
                 alarm rate of {}.",
                options.alpha
            ));
        }
        Self { level, beta, reliability, novelty, notes, cross }
    }

    /// β for a question about a compound of the library, which had no part in it; [`Self::beta`] for others.
    pub fn beta_for(&self, compound: Option<usize>) -> Option<f64> {
        compound.and_then(|compound| self.cross.beta(compound)).or(self.beta)
    }
}

impl CrossFit {
    fn new(known: &[&LeftOut], seed: u64) -> Self {
        let folds = folds(known.iter().map(|answer| answer.compound), seed);
        let others = |part: usize| -> Vec<&LeftOut> {
            known.iter().copied().filter(|answer| fold(&folds, answer.compound) != Some(part)).collect()
        };
        let betas = (0..FOLDS).map(|part| fit(&others(part))).collect();
        Self { folds, betas }
    }

    fn beta(&self, compound: usize) -> Option<f64> {
        self.betas.get(fold(&self.folds, compound)?).copied()
    }
}

/// True if there is enough to fit probabilities from; says why not.
fn fit_for_probabilities(subjects: &Subjects, known: &[&LeftOut], notes: &mut Vec<String>) -> bool {
    let mut compounds: Vec<usize> = known.iter().map(|answer| answer.compound).collect();
    compounds.sort_unstable();
    compounds.dedup();
    let mut moas: Vec<usize> = known.iter().flat_map(|answer| answer.right.iter().copied()).collect();
    moas.sort_unstable();
    moas.dedup();
    let enough = compounds.len() >= LEAST_COMPOUNDS && moas.len() >= 2;
    if !enough {
        let all = subjects.compound_moas.iter().filter(|moas| !moas.is_empty()).count();
        notes.push(format!(
            "No probabilities: of {all} compounds with a mechanism, {} answer and share it with another that does, in \
             {} mechanisms; {LEAST_COMPOUNDS} compounds in 2 mechanisms are needed.",
            compounds.len(),
            moas.len()
        ));
    }
    enough
}

/// The library's answers to its own compounds with a mechanism.
fn leave_out(
    level: Level,
    subjects: &Subjects,
    gallery: &Gallery,
    vectors: &[f32],
    dim: usize,
    options: &Options,
) -> Vec<LeftOut> {
    let labelled = |compound: usize| !subjects.compound_moas[compound].is_empty();
    let places = (0..gallery.treatments.len()).filter(|&place| labelled(gallery.compounds[place]));
    let treatment = |place: usize| &subjects.treatments[gallery.treatments[place]];
    // Vectors one after the other, and the compound of each.
    let mut compounds = Vec::new();
    let mut queries: Vec<f32> = Vec::new();
    match level {
        Level::Video => {
            let all: Vec<usize> =
                places.flat_map(|place| treatment(place).subjects.iter().copied()).collect();
            for subject in some_of(all, options.seed) {
                queries.extend(&vectors[subject * dim..(subject + 1) * dim]);
                compounds.extend(subjects.subjects[subject].compound);
            }
        }
        Level::Treatment => {
            for place in places {
                queries.extend(gallery.profile(place));
                compounds.push(gallery.compounds[place]);
            }
        }
        Level::Compound => {
            let mut wells = vec![Vec::new(); subjects.compounds.len()];
            for place in places {
                wells[gallery.compounds[place]].extend(treatment(place).wells.iter().map(Vec::as_slice));
            }
            for (compound, wells) in wells.into_iter().enumerate().filter(|(_, wells)| !wells.is_empty()) {
                queries.extend(profile(vectors, dim, wells));
                compounds.push(compound);
            }
        }
    }
    let one = |compound: usize, similarities: &[f32]| {
        let near = gallery.by_compound(similarities);
        let own = &subjects.compound_moas[compound];
        let found = by_moa(subjects, &near, |other| other == compound);
        let akin = |other: usize| subjects.compound_moas[other].iter().any(|moa| own.contains(moa));
        let without = by_moa(subjects, &near, |other| other == compound || akin(other));
        let right = found.iter().map(|near| near.moa).filter(|moa| own.contains(moa)).collect();
        LeftOut { compound, right, near: found, without_moa: without.first().map(|near| near.score) }
    };
    compounds
        .par_chunks(BLOCK)
        .zip(queries.par_chunks(BLOCK * dim))
        .flat_map_iter(|(compounds, queries)| {
            let similarities = gallery.similarities(queries);
            let rows = similarities.chunks_exact(gallery.treatments.len().max(1));
            let answers: Vec<LeftOut> =
                compounds.iter().zip(rows).map(|(&compound, row)| one(compound, row)).collect();
            answers
        })
        .collect()
}

/// Best scores of negative controls: videos, or wells.
fn of_controls(
    level: Level,
    subjects: &Subjects,
    gallery: &Gallery,
    vectors: &[f32],
    dim: usize,
    options: &Options,
) -> Vec<f64> {
    let mut queries: Vec<f32> = Vec::new();
    if level == Level::Video {
        let all = (0..subjects.len()).filter(|&i| subjects.subjects[i].control).collect();
        for subject in some_of(all, options.seed) {
            queries.extend(&vectors[subject * dim..(subject + 1) * dim]);
        }
    } else {
        for well in &subjects.control_wells {
            queries.extend(profile(vectors, dim, [well.as_slice()]));
        }
    }
    queries
        .par_chunks(BLOCK * dim)
        .flat_map_iter(|queries| {
            let similarities = gallery.similarities(queries);
            let best =
                |row: &[f32]| Some(by_moa(subjects, &gallery.by_compound(row), |_| false).first()?.score);
            let rows = similarities.chunks_exact(gallery.treatments.len().max(1));
            rows.filter_map(best).collect::<Vec<f64>>()
        })
        .collect()
}

/// At most [`MOST_VIDEOS`], drawn at random, in their order.
fn some_of(mut all: Vec<usize>, seed: u64) -> Vec<usize> {
    if all.len() > MOST_VIDEOS {
        all.shuffle(&mut stream(seed, &["videos asked about"]));
        all.truncate(MOST_VIDEOS);
        all.sort_unstable();
    }
    all
}

/// `softmax(β·s)` of mechanisms, in their order.
pub(super) fn probabilities(near: &[Near], beta: f64) -> Vec<f64> {
    let most = near.iter().map(|near| near.score).fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = near.iter().map(|near| (beta * (near.score - most)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// −ln of the probability that a right mechanism gets.
fn surprise(answer: &LeftOut, beta: f64) -> f64 {
    let all = answer.near.iter().zip(probabilities(&answer.near, beta));
    -all.filter(|(near, _)| answer.right.contains(&near.moa)).map(|(_, p)| p).sum::<f64>().max(1e-300).ln()
}

/// β of the greatest likelihood, between 0.01 and 10,000: a coarse search, then golden sections.
///
/// One answer of n + 2 is taken to be anything, as in Platt's fit (1999): without, β would grow without end where all
/// answers are right, and the first wrong one would be called impossible.
pub(super) fn fit(answers: &[&LeftOut]) -> f64 {
    let anything = 1.0 / (answers.len() + 2) as f64;
    let one = |answer: &LeftOut, beta: f64| {
        let all = probabilities(&answer.near, beta);
        let chance = all.iter().map(|p| -p.max(1e-300).ln()).sum::<f64>() / all.len() as f64;
        (1.0 - anything) * surprise(answer, beta) + anything * chance
    };
    // Few answers are not worth waking anybody for.
    let all = || answers.par_iter().with_min_len(512);
    let loss = |log: f64| all().map(|answer| one(answer, log.exp())).collect::<Vec<_>>();
    // Summed in order, so that the threads do not matter.
    let loss = |log: f64| loss(log).into_iter().sum::<f64>();
    let (from, to, steps) = (0.01_f64.ln(), 1e4_f64.ln(), 40);
    let width = (to - from) / f64::from(steps);
    let coarse = (0..=steps).map(|step| from + width * f64::from(step));
    let best =
        coarse.map(|log| (loss(log), log)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |(_, log)| log);
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = ((best - width).max(from), (best + width).min(to));
    for _ in 0..40 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if loss(a) <= loss(b) {
            high = b;
        } else {
            low = a;
        }
    }
    f64::midpoint(low, high).exp()
}

/// Part of a cross-fit for each compound: shuffled, then dealt out.
pub(super) fn folds(compounds: impl IntoIterator<Item = usize>, seed: u64) -> Vec<(usize, usize)> {
    let mut compounds: Vec<usize> = compounds.into_iter().collect();
    compounds.sort_unstable();
    compounds.dedup();
    compounds.shuffle(&mut stream(seed, &["folds of compounds"]));
    let mut folds: Vec<(usize, usize)> =
        compounds.into_iter().enumerate().map(|(i, compound)| (compound, i % FOLDS)).collect();
    folds.sort_unstable();
    folds
}

/// The part of a compound, if it has one.
pub(super) fn fold(folds: &[(usize, usize)], compound: usize) -> Option<usize> {
    folds.binary_search_by_key(&compound, |(compound, _)| *compound).ok().map(|at| folds[at].1)
}

fn assess(known: &[&LeftOut], cross: &CrossFit) -> Reliability {
    let n = known.len() as f64;
    let (mut top1, mut top3, mut chance1, mut chance3, mut nll) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut firsts = Vec::new();
    for answer in known {
        let beta = cross.beta(answer.compound).unwrap_or(1.0);
        let right = |near: &Near| answer.right.contains(&near.moa);
        let hit = answer.near.first().is_some_and(right);
        top1 += f64::from(u8::from(hit)) / n;
        top3 += f64::from(u8::from(answer.near.iter().take(3).any(right))) / n;
        chance1 += chance_within(answer.right.len(), answer.near.len(), 1) / n;
        chance3 += chance_within(answer.right.len(), answer.near.len(), 3) / n;
        nll += surprise(answer, beta) / n;
        firsts.push((probabilities(&answer.near, beta).first().copied().unwrap_or(0.0), hit));
    }
    let bins = bins(&firsts);
    Reliability {
        n: known.len(),
        compounds: cross.folds.len(),
        moas: known.iter().map(|answer| answer.near.len()).max().unwrap_or(0),
        top1,
        top3,
        chance1,
        chance3,
        ece: bins.iter().map(|bin| bin.n as f64 / n * (bin.probability - bin.accuracy).abs()).sum(),
        brier: brier(&firsts),
        nll,
        bins,
    }
}

/// Mean squared difference of probabilities from whether they were right.
pub(super) fn brier(answers: &[(f64, bool)]) -> f64 {
    answers.iter().map(|&(p, hit)| (p - f64::from(u8::from(hit))).powi(2)).sum::<f64>() / answers.len() as f64
}

/// Reliability diagram of probabilities and whether they were right.
pub(super) fn bins(answers: &[(f64, bool)]) -> Vec<Bin> {
    let edge = |i: usize| i as f64 / BINS as f64;
    let mut bins: Vec<Bin> = (0..BINS)
        .map(|i| Bin { from: edge(i), to: edge(i + 1), n: 0, probability: 0.0, accuracy: 0.0 })
        .collect();
    for &(p, hit) in answers {
        let place = (1..BINS).take_while(|&i| p > edge(i)).count();
        let bin = &mut bins[place];
        bin.n += 1;
        bin.probability += p;
        bin.accuracy += f64::from(u8::from(hit));
    }
    for bin in bins.iter_mut().filter(|bin| bin.n > 0) {
        bin.probability /= bin.n as f64;
        bin.accuracy /= bin.n as f64;
    }
    bins
}

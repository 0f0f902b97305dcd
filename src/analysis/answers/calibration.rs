//! From similarities to probabilities, and how far those can be trusted: every compound is asked about as if it were
//! new.
//!
//! The probability of a mechanism is `softmax(β·s)` over the mechanisms of the library, with β by maximum likelihood
//! on the answers to compounds that were left out (temperature scaling: Guo et al., ICML 2017). It holds for a
//! compound whose mechanism is in the library; whether it is, [`super::novelty`] says. What is reported of a compound
//! uses a β that was fitted on compounds of other folds, while those of its own neither asked nor answered. They did have a
//! part in the whitening and the discriminants by which those others were compared, and in the choice to use discriminants.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::folds::{FOLDS, Folds};
use super::left_out::{Asking, LeftOut, leave_out, of_controls};
use super::mechanism::{Near, Scored};
use super::novelty::{Conformal, Outcomes, Rate};
use super::{Level, Subjects};
use crate::analysis::ranking::chance_within;

/// Fewest compounds, of mechanisms that have another, from which probabilities are fitted.
const LEAST_COMPOUNDS: usize = 10;

/// Fewest compounds that the model never saw for figures of their own.
const LEAST_UNSEEN: usize = 5;

/// Bins of a reliability diagram.
const BINS: usize = 10;

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
    /// The same figures of compounds that the model never saw alone; `None` of fewer than five, and where nobody knows
    /// which it saw.
    pub unseen: Option<Unseen>,
    /// Why something is missing.
    pub notes: Vec<String>,
    betas: Betas,
}

/// How answers do on compounds that the model was not trained with.
#[derive(Debug, Clone, PartialEq)]
pub struct Unseen {
    /// Compounds that were asked about, of a mechanism that another one has.
    pub compounds: usize,
    /// As [`Calibration::reliability`].
    pub reliability: Option<Reliability>,
    /// As [`Conformal::false_alarms`]; `None` where novelty cannot be told.
    pub false_alarms: Option<Rate>,
    /// As [`Conformal::detected`].
    pub detected: Option<Rate>,
}

/// β without the compounds of each fold.
#[derive(Debug, Clone, Default)]
struct Betas {
    folds: Option<Folds>,
    of: Vec<Option<f64>>,
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

impl Calibration {
    /// Asks about everything that answers. `headed`: mechanisms are ranked by discriminants; `trained`: which compounds the
    /// model was trained with, `None` where nobody knows.
    pub(super) fn measure(level: Level, of: &Asking, headed: bool, trained: Option<&[bool]>) -> Self {
        let Asking { subjects, spaces, options, .. } = *of;
        let answers = leave_out(level, of, headed);
        let mut notes = Vec::new();
        let known: Vec<&LeftOut> = answers.iter().filter(|answer| !answer.right.is_empty()).collect();
        let fits = fit_for_probabilities(subjects, &known, &mut notes);
        let beta = fits.then(|| fit(&known.iter().map(|answer| answer.scored()).collect::<Vec<_>>()));
        let betas = if fits { Betas::fit(&known, &spaces.folds) } else { Betas::default() };
        let reliability = beta.map(|beta| assess(&known, &betas, beta));
        let outcomes = Outcomes::of(subjects, &answers, &spaces.folds, options.alpha);
        let novelty = Conformal::measure(&answers, &outcomes, &of_controls(level, of), options.alpha);
        if novelty.is_none() {
            notes.push(format!(
                "Too few compounds share a mechanism with another to tell what is unlike all of them at a false \
                 alarm rate of {}.",
                options.alpha
            ));
        }
        let unseen = trained.and_then(|trained| {
            let new = |compound: usize| !trained[compound];
            let asked: Vec<&LeftOut> = known.iter().copied().filter(|answer| new(answer.compound)).collect();
            let compounds = count(&asked);
            let rates = novelty.as_ref().map(|_| outcomes.rates(&answers, new));
            (compounds >= LEAST_UNSEEN).then(|| Unseen {
                compounds,
                reliability: beta.map(|beta| assess(&asked, &betas, beta)),
                false_alarms: rates.map(|rates| rates.0),
                detected: rates.map(|rates| rates.1),
            })
        });
        Self { level, beta, reliability, novelty, unseen, notes, betas }
    }

    /// β for a question about a compound of the library, which had no part in it; [`Self::beta`] for others.
    pub fn beta_for(&self, compound: Option<usize>) -> Option<f64> {
        compound.and_then(|compound| self.betas.get(compound)).or(self.beta)
    }
}

impl Betas {
    /// For each fold from the answers to the others' compounds, without an answer by its own.
    fn fit(known: &[&LeftOut], folds: &Folds) -> Self {
        let one = |fold: usize| {
            let others = known.iter().filter(|answer| folds.of(answer.compound) != fold);
            let scored = others.filter_map(|answer| answer.nested.get(fold));
            let scored: Vec<&[Scored]> =
                scored.map(Vec::as_slice).filter(|scored| scored.iter().any(|(_, right)| *right)).collect();
            (!scored.is_empty()).then(|| fit(&scored))
        };
        Self { folds: Some(folds.clone()), of: (0..FOLDS).map(one).collect() }
    }

    fn get(&self, compound: usize) -> Option<f64> {
        self.of.get(self.folds.as_ref()?.of(compound)).copied().flatten()
    }
}

/// Compounds of some answers.
fn count(answers: &[&LeftOut]) -> usize {
    answers.iter().map(|answer| answer.compound).collect::<BTreeSet<usize>>().len()
}

/// True if there is enough to fit probabilities from; says why not.
fn fit_for_probabilities(subjects: &Subjects, known: &[&LeftOut], notes: &mut Vec<String>) -> bool {
    let compounds = count(known);
    let moas: BTreeSet<usize> = known.iter().flat_map(|answer| answer.right.iter().copied()).collect();
    let enough = compounds >= LEAST_COMPOUNDS && moas.len() >= 2;
    if !enough {
        let all = subjects.compound_moas.iter().filter(|moas| !moas.is_empty()).count();
        notes.push(format!(
            "No probabilities: of {all} compounds with a mechanism, {compounds} answer and share it with another that \
             does, in {} mechanisms; {LEAST_COMPOUNDS} compounds in 2 mechanisms are needed.",
            moas.len()
        ));
    }
    enough
}

/// `softmax(β·s)` of mechanisms, in their order.
pub(super) fn probabilities(near: &[Near], beta: f64) -> Vec<f64> {
    softmax(near.iter().map(|near| near.score), beta)
}

fn softmax(scores: impl Iterator<Item = f64> + Clone, beta: f64) -> Vec<f64> {
    let most = scores.clone().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.map(|score| (beta * (score - most)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// −ln of the probability that the right mechanisms get.
fn surprise(scored: &[Scored], probabilities: &[f64]) -> f64 {
    let right = scored.iter().zip(probabilities).filter(|((_, right), _)| *right);
    -right.map(|(_, p)| p).sum::<f64>().max(1e-300).ln()
}

/// β of the greatest likelihood, between 0.01 and 10,000: a coarse search, then golden sections.
///
/// One answer of n + 2 is taken to be anything, as in Platt's fit (1999): without, β would grow without end where all
/// answers are right, and the first wrong one would be called impossible.
pub(super) fn fit<T: AsRef<[Scored]> + Sync>(answers: &[T]) -> f64 {
    let anything = 1.0 / (answers.len() + 2) as f64;
    let one = |scored: &[Scored], beta: f64| {
        let all = softmax(scored.iter().map(|(score, _)| *score), beta);
        let chance = all.iter().map(|p| -p.max(1e-300).ln()).sum::<f64>() / all.len() as f64;
        (1.0 - anything) * surprise(scored, &all) + anything * chance
    };
    // Few answers are not worth waking anybody for.
    let all = || answers.par_iter().with_min_len(512);
    let loss = |log: f64| all().map(|answer| one(answer.as_ref(), log.exp())).collect::<Vec<_>>();
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

/// `beta`: of compounds whose fold has none.
fn assess(known: &[&LeftOut], betas: &Betas, beta: f64) -> Reliability {
    let n = known.len() as f64;
    let (mut top1, mut top3, mut chance1, mut chance3, mut nll) = (0.0, 0.0, 0.0, 0.0, 0.0);
    let mut firsts = Vec::new();
    for answer in known {
        let probabilities = probabilities(&answer.near, betas.get(answer.compound).unwrap_or(beta));
        let right = |near: &Near| answer.right.contains(&near.moa);
        let hit = answer.near.first().is_some_and(right);
        top1 += f64::from(u8::from(hit)) / n;
        top3 += f64::from(u8::from(answer.near.iter().take(3).any(right))) / n;
        chance1 += chance_within(answer.right.len(), answer.near.len(), 1) / n;
        chance3 += chance_within(answer.right.len(), answer.near.len(), 3) / n;
        nll += surprise(&answer.scored(), &probabilities) / n;
        firsts.push((probabilities.first().copied().unwrap_or(0.0), hit));
    }
    let bins = bins(&firsts);
    Reliability {
        n: known.len(),
        compounds: count(known),
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

//! Is it unlike anything known? A conformal test (Vovk, Gammerman & Shafer, 2005): the score of the nearest mechanism
//! is compared with those of known compounds that were left out while their mechanism stayed.
//!
//! A compound of a known mechanism is called unlike all of them with probability α at most, as far as it comes from
//! the same kind of library. How often that happens is measured on compounds that had no part in the threshold: those of
//! one fold are asked about, while they neither answer nor are compared with, and what is left of the library sets the
//! threshold. How many compounds of an unknown mechanism are found is measured likewise, with whole mechanisms left out.
//! Left out means that they neither ask nor answer: whitening is another matter. An answer is compared in the space that its
//! own fold did not shape; the scores that set its threshold come from the spaces of their folds, which it did shape, and
//! compounds of its mechanism in other folds shaped its own. DMSO is compared with the known scores of all folds.
//!
//! The threshold and p of an answer to a user rest on all folds; its p leaves out its own compound where that is one of the
//! library's and is left out of the answer.

use super::Subjects;
use super::folds::{FOLDS, Folds};
use super::left_out::LeftOut;

/// How one vector compares with the known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Novelty {
    /// `(1 + #{known ≤ score})/(n + 1)`: small = unlike.
    pub p: f64,
    /// Score of the nearest mechanism in the whitened space.
    pub score: f64,
    /// Scores below this one are unlike anything known.
    pub threshold: f64,
    /// True if it is: p ≤ α.
    pub unlike: bool,
}

/// A share with what it was counted on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Cases.
    pub n: usize,
    /// Part of them, 0 to 1; 0 without cases.
    pub share: f64,
}

impl Rate {
    fn of(cases: impl IntoIterator<Item = bool>) -> Self {
        let (mut n, mut hits) = (0, 0);
        for hit in cases {
            n += 1;
            hits += usize::from(hit);
        }
        Self { n, share: if n > 0 { hits as f64 / n as f64 } else { 0.0 } }
    }
}

/// Score of something known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reference {
    pub score: f64,
    pub compound: usize,
}

/// The known scores, and how the test does.
#[derive(Debug, Clone)]
pub struct Conformal {
    /// False-alarm rate that is aimed at.
    pub alpha: f64,
    /// Known scores.
    pub n: usize,
    /// Scores below this one are unlike anything known.
    pub threshold: f64,
    /// Share of known compounds' answers that are called unlike, by compounds of other folds.
    pub false_alarms: Rate,
    /// Share called unlike when all compounds of their mechanisms are left out.
    pub detected: Rate,
    /// Share of DMSO called unlike: videos or wells.
    pub dmso: Rate,
    /// Ascending.
    references: Vec<Reference>,
}

impl Conformal {
    /// `None` if α cannot be reached with so few known scores. `controls`: best scores of negative controls.
    pub(super) fn measure(
        answers: &[LeftOut],
        outcomes: &Outcomes,
        controls: &[f64],
        alpha: f64,
    ) -> Option<Self> {
        let known =
            |answer: &LeftOut| Some(Reference { score: answer.best.known?, compound: answer.compound });
        let mut references: Vec<Reference> = answers.iter().filter_map(known).collect();
        references.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.compound.cmp(&b.compound)));
        let threshold = threshold(&references, alpha)?;
        let (false_alarms, detected) = outcomes.rates(answers, |_| true);
        let dmso = Rate::of(controls.iter().map(|&score| p(&references, score, |_| false) <= alpha));
        Some(Self { alpha, n: references.len(), threshold, false_alarms, detected, dmso, references })
    }

    /// Tests a score against the known scores of the compounds for which `leave` is false.
    pub(super) fn test(&self, score: f64, leave: impl Fn(usize) -> bool) -> Novelty {
        let p = p(&self.references, score, leave);
        Novelty { p, score, threshold: self.threshold, unlike: p <= self.alpha }
    }
}

/// Whether each answer is called unlike anything known, by compounds of other folds alone; `None` where that cannot be
/// asked, or too few are left for α.
pub(super) struct Outcomes {
    /// While its mechanism stays.
    known: Vec<Option<bool>>,
    /// Once its mechanism is gone.
    unknown: Vec<Option<bool>>,
}

impl Outcomes {
    pub(super) fn of(subjects: &Subjects, answers: &[LeftOut], folds: &Folds, alpha: f64) -> Self {
        let references: Vec<Vec<Reference>> = (0..FOLDS)
            .map(|gone| {
                let others = answers.iter().filter(|answer| folds.of(answer.compound) != gone);
                let known = others.filter_map(|answer| {
                    let score = answer.best.nested.get(gone).copied().flatten()?;
                    Some(Reference { score, compound: answer.compound })
                });
                known.collect()
            })
            .collect();
        let test = |fold: usize, score: f64, leave: &dyn Fn(usize) -> bool| {
            // The smallest p there is.
            let least = p(&references[fold], f64::NEG_INFINITY, leave);
            (least <= alpha).then(|| p(&references[fold], score, leave) <= alpha)
        };
        let known = answers.iter().map(|answer| {
            let fold = folds.of(answer.compound);
            test(fold, answer.best.nested.get(fold).copied().flatten()?, &|_| false)
        });
        let unknown = answers.iter().map(|answer| {
            let own = &subjects.compound_moas[answer.compound];
            let gone = |other: usize| subjects.compound_moas[other].iter().any(|moa| own.contains(moa));
            test(folds.of(answer.compound), answer.best.unknown?, &gone)
        });
        Self { known: known.collect(), unknown: unknown.collect() }
    }

    /// False alarms and detections of the answers about some compounds.
    pub(super) fn rates(&self, answers: &[LeftOut], keep: impl Fn(usize) -> bool) -> (Rate, Rate) {
        let rate = |of: &[Option<bool>]| {
            Rate::of(
                answers.iter().zip(of).filter(|(answer, _)| keep(answer.compound)).filter_map(|(_, of)| *of),
            )
        };
        (rate(&self.known), rate(&self.unknown))
    }
}

/// `(1 + #{references ≤ score})/(1 + n)` over the compounds for which `leave` is false.
fn p(references: &[Reference], score: f64, leave: impl Fn(usize) -> bool) -> f64 {
    let (mut n, mut below) = (0, 0);
    for known in references.iter().filter(|known| !leave(known.compound)) {
        n += 1;
        below += usize::from(known.score <= score);
    }
    (1 + below) as f64 / (1 + n) as f64
}

/// The score below which p ≤ α.
fn threshold(references: &[Reference], alpha: f64) -> Option<f64> {
    let most = (alpha * (references.len() + 1) as f64 + 1e-9).floor() as usize;
    Some(references.get(most.checked_sub(1)?)?.score)
}

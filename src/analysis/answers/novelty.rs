//! Is it unlike anything known? A conformal test (Vovk, Gammerman & Shafer, 2005): the score of the nearest mechanism
//! is compared with those of known compounds that were left out while their mechanism stayed.
//!
//! A compound of a known mechanism is called unlike all of them with probability α at most, as far as it comes from
//! the same kind of library. How many compounds of an unknown mechanism are found is measured by leaving whole
//! mechanisms out.

use super::calibration::{LeftOut, fold, folds};
use super::{Options, Subjects};

/// How one vector compares with the known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Novelty {
    /// `(1 + #{known ≤ score})/(n + 1)`: small = unlike.
    pub p: f64,
    /// Score of the nearest mechanism.
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
    /// Share of known compounds' answers that are called unlike, by scores of other compounds.
    pub false_alarms: Rate,
    /// Share called unlike when all compounds of their mechanisms are left out.
    pub detected: Rate,
    /// Share of DMSO called unlike: videos or wells.
    pub dmso: Rate,
    /// Ascending.
    references: Vec<Reference>,
}

impl Conformal {
    /// `None` if α cannot be reached with so few known scores.
    pub(super) fn measure(
        subjects: &Subjects,
        mut references: Vec<Reference>,
        answers: &[LeftOut],
        controls: &[f64],
        options: &Options,
    ) -> Option<Self> {
        references.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.compound.cmp(&b.compound)));
        let alpha = options.alpha;
        let n = references.len();
        let threshold = threshold(&references, alpha)?;
        let mut all = Self {
            alpha,
            n,
            threshold,
            false_alarms: Rate::default(),
            detected: Rate::default(),
            dmso: Rate::default(),
            references,
        };
        let folds = folds(all.references.iter().map(|reference| reference.compound), options.seed);
        all.false_alarms = Rate::of(all.references.iter().map(|known| {
            let own = fold(&folds, known.compound);
            all.p(known.score, |compound| fold(&folds, compound) == own) <= alpha
        }));
        all.detected = Rate::of(answers.iter().filter_map(|answer| {
            let own = &subjects.compound_moas[answer.compound];
            let gone = |other: usize| subjects.compound_moas[other].iter().any(|moa| own.contains(moa));
            Some(all.p(answer.without_moa?, gone) <= alpha)
        }));
        all.dmso = Rate::of(controls.iter().map(|&score| all.p(score, |_| false) <= alpha));
        Some(all)
    }

    /// Tests a score against the known scores of the compounds for which `leave` is false.
    pub(super) fn test(&self, score: f64, leave: impl Fn(usize) -> bool) -> Novelty {
        let p = self.p(score, leave);
        Novelty { p, score, threshold: self.threshold, unlike: p <= self.alpha }
    }

    fn p(&self, score: f64, leave: impl Fn(usize) -> bool) -> f64 {
        let (mut n, mut below) = (0, 0);
        for known in self.references.iter().filter(|known| !leave(known.compound)) {
            n += 1;
            below += usize::from(known.score <= score);
        }
        (1 + below) as f64 / (1 + n) as f64
    }
}

/// The score below which p ≤ α.
fn threshold(references: &[Reference], alpha: f64) -> Option<f64> {
    let most = (alpha * (references.len() + 1) as f64 + 1e-9).floor() as usize;
    Some(references.get(most.checked_sub(1)?)?.score)
}

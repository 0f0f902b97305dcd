//! A supervised head: linear discriminants that bring the compounds of a mechanism together.
//!
//! They are fitted on the wells of the treatments that answer, each once for every mechanism of its compound; a mechanism
//! of one compound gives no direction, see [`Lda::fit_by_compound`]. They are cross-fitted: whoever is asked about was in no
//! fit, nor were the compounds of its fold. Whether mechanisms are ranked by them is decided once, by all of the library, see
//! [`HeadChoice`]. Novelty, near drugs and near videos stay in the whitened space: discriminants of known mechanisms know
//! nothing of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rayon::prelude::*;

use super::Subjects;
use super::mechanism::Gallery;
use super::space::profile;
use crate::analysis::evaluate::bootstrap::{Draws, RESAMPLES};
use crate::analysis::evaluate::normalise;
use crate::analysis::lda::Lda;

/// Fewest mechanisms of at least two compounds that discriminants are fitted for.
const LEAST_MOAS: usize = 3;

/// Discriminants, and the treatments that answer among them.
#[derive(Debug)]
pub(super) struct Head {
    lda: Lda,
    /// Profiles of length 1, `[treatment, width]`.
    pub gallery: Gallery,
}

impl Head {
    /// Fits on whitened vectors `[subject, dim]` of the treatments of a gallery, without the compounds for which `leave`
    /// is true: a row for each well and mechanism of its compound. `None` if fewer than three mechanisms of two compounds are
    /// left, or the fit fails.
    pub fn fit(
        subjects: &Subjects,
        vectors: &[f32],
        dim: usize,
        gallery: &Gallery,
        leave: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let (mut rows, mut classes, mut compounds) = (Vec::new(), Vec::new(), Vec::new());
        let mut members: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (&treatment, &compound) in gallery.treatments.iter().zip(&gallery.compounds) {
            let moas = &subjects.compound_moas[compound];
            if leave(compound) || moas.is_empty() {
                continue;
            }
            for &moa in moas {
                members.entry(moa).or_default().insert(compound);
            }
            for well in &subjects.treatments[treatment].wells {
                let well = profile(vectors, dim, [well.as_slice()]);
                let row: Vec<f64> = well.into_iter().map(f64::from).collect();
                for &moa in moas {
                    rows.push(row.clone());
                    classes.push(moa);
                    compounds.push(compound);
                }
            }
        }
        if members.values().filter(|of| of.len() > 1).count() < LEAST_MOAS {
            return None;
        }
        let lda = Lda::fit_by_compound(&rows, &classes, &compounds)?;
        let first = lda.project(rows.first()?);
        if first.is_empty() || first.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let profiles = place(&lda, &gallery.profiles, dim);
        Some(Self { gallery: gallery.with(profiles, first.len()), lda })
    }

    /// Whitened vectors of length 1, `[n, dim]`, as discriminants of length 1, `[n, width]`.
    pub fn place(&self, vectors: &[f32], dim: usize) -> Vec<f32> {
        place(&self.lda, vectors, dim)
    }
}

fn place(lda: &Lda, vectors: &[f32], dim: usize) -> Vec<f32> {
    let one = |vector: &[f32]| {
        let wide: Vec<f64> = vector.iter().copied().map(f64::from).collect();
        let mut out: Vec<f32> = lda.project(&wide).into_iter().map(|x| x as f32).collect();
        normalise(&mut out);
        out
    };
    vectors.par_chunks_exact(dim).flat_map_iter(one).collect()
}

/// True where discriminants may help: enough of the compounds that answer share their mechanisms.
pub(super) fn is_worth_a_try(subjects: &Subjects, gallery: &Gallery) -> bool {
    let mut compounds = gallery.compounds.clone();
    compounds.sort_unstable();
    compounds.dedup();
    let mut sizes = vec![0_usize; subjects.moas.len()];
    for compound in compounds {
        for &moa in &subjects.compound_moas[compound] {
            sizes[moa] += 1;
        }
    }
    sizes.into_iter().filter(|n| *n > 1).count() >= LEAST_MOAS
}

/// Whether mechanisms are ranked by discriminants: only where that is better on the library's own compounds, at one dose
/// each, by more than chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadChoice {
    /// True if they are: the lower end of the difference's paired 95 % interval is above 0, with mechanisms and compounds
    /// within them drawn with replacement.
    pub used: bool,
    /// Leave-compound-out mean average precision of the right mechanisms with discriminants, mean over compounds.
    pub with: f64,
    /// The same in the whitened space.
    pub without: f64,
    /// Compounds that were asked about.
    pub compounds: usize,
}

impl HeadChoice {
    /// Decides by the average precisions of each compound, with and without discriminants, and its first mechanism; `None`
    /// of fewer than two. Of fewer than three mechanisms nothing is more than chance.
    pub(super) fn of(pairs: &[(f64, f64)], mechanisms: &[Option<usize>], seed: u64) -> Option<Self> {
        let compounds = pairs.len();
        if compounds < 2 {
            return None;
        }
        let n = compounds as f64;
        let with = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
        let without = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
        let gains: Vec<f64> = pairs.iter().map(|pair| pair.0 - pair.1).collect();
        let draws = Draws::new(mechanisms, RESAMPLES, seed);
        let used = draws.units().mechanisms >= LEAST_MOAS
            && draws.mean(&gains, &vec![1.0; compounds]).is_some_and(|gain| gain.lo > 0.0);
        Some(Self { used, with, without, compounds })
    }
}

impl fmt::Display for HeadChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, with, without, compounds } = self;
        let (what, why) = if *used {
            (
                "Mechanisms are ranked by linear discriminants (LDA) of the known ones",
                "better by more than chance",
            )
        } else {
            ("Mechanisms are ranked without linear discriminants (LDA)", "not better by more than chance")
        };
        write!(
            f,
            "{what}, which are {why}: mAP {with:.3} with them, {without:.3} without, over {compounds} compounds of the \
             library that were left out in turn."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_used_where_they_are_better_by_more_than_chance() {
        // Each of a mechanism of its own.
        let of = |gains: &[f64]| {
            let pairs: Vec<(f64, f64)> = gains.iter().map(|gain| (0.5 + gain, 0.5)).collect();
            let mechanisms: Vec<Option<usize>> = (0..gains.len()).map(Some).collect();
            HeadChoice::of(&pairs, &mechanisms, 1)
        };
        let better = of(&[0.1, 0.2, 0.15, 0.12, 0.2, 0.11]).unwrap();
        assert!(better.used && (better.with - 0.5 - 0.88 / 6.0).abs() < 1e-12 && better.without == 0.5);
        assert!(
            better.to_string().contains("mAP 0.647 with them, 0.500 without, over 6 compounds"),
            "{better}"
        );
        // Better on average, by one compound.
        let lucky = of(&[0.5, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
        assert!(!lucky.used && lucky.with > lucky.without, "{lucky}");
        assert!(!of(&[0.0; 9]).unwrap().used, "equal");
        assert!(of(&[0.3]).is_none());
    }

    #[test]
    fn many_compounds_of_one_mechanism_are_no_evidence_for_others() {
        let of = |gains: &[(f64, usize)]| {
            let pairs: Vec<(f64, f64)> = gains.iter().map(|(gain, _)| (0.5 + gain, 0.5)).collect();
            let mechanisms: Vec<Option<usize>> = gains.iter().map(|(_, moa)| Some(*moa)).collect();
            HeadChoice::of(&pairs, &mechanisms, 1).unwrap()
        };
        let mut gains = vec![(0.3, 0); 8];
        gains.extend([(0.0, 1), (0.0, 1), (0.0, 2), (0.0, 2), (0.0, 3), (0.0, 3)]);
        let one = of(&gains);
        assert!(!one.used && one.with > one.without + 0.1, "{one}");
        assert!(!of(&[(0.1, 0), (0.2, 1)]).used, "two compounds");
        assert!(!of(&[(0.1, 0), (0.2, 1), (0.1, 0), (0.2, 1)]).used, "two mechanisms");
        assert!(of(&[(0.1, 0), (0.2, 1), (0.1, 0), (0.2, 1), (0.15, 2)]).used);
    }
}

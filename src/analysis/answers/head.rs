//! A supervised head: linear discriminants that bring the compounds of a mechanism together.
//!
//! They are fitted on the wells of the treatments that answer, each with the first mechanism of its compound, and are
//! cross-fitted: whoever is asked about was in no fit, nor were the compounds of its fold. Whether mechanisms are ranked
//! by them is decided within the library, see [`HeadChoice`]. Novelty, near drugs and near videos stay in the whitened
//! space: discriminants of known mechanisms know nothing of others.

use std::fmt;

use rayon::prelude::*;

use super::Subjects;
use super::mechanism::Gallery;
use super::space::profile;
use crate::analysis::evaluate::normalise;
use crate::analysis::lda::Lda;

/// Fewest mechanisms of at least two compounds that discriminants are fitted for.
const LEAST_MOAS: usize = 3;

/// Longest vectors that discriminants are fitted on: the time grows with the third power.
pub(super) const MOST_FEATURES: usize = 1024;

/// Discriminants, and the treatments that answer among them.
#[derive(Debug)]
pub(super) struct Head {
    lda: Lda,
    /// Profiles of length 1, `[treatment, width]`.
    pub gallery: Gallery,
}

impl Head {
    /// Fits on whitened vectors `[subject, dim]` of the treatments of a gallery, without the compounds for which `leave`
    /// is true. `None` if fewer than three mechanisms are left, or the fit fails.
    pub fn fit(
        subjects: &Subjects,
        vectors: &[f32],
        dim: usize,
        gallery: &Gallery,
        leave: impl Fn(usize) -> bool,
    ) -> Option<Self> {
        let (mut rows, mut classes) = (Vec::new(), Vec::new());
        for (&treatment, &compound) in gallery.treatments.iter().zip(&gallery.compounds) {
            let Some(&moa) = subjects.compound_moas[compound].first() else { continue };
            if leave(compound) {
                continue;
            }
            for well in &subjects.treatments[treatment].wells {
                let well = profile(vectors, dim, [well.as_slice()]);
                rows.push(well.into_iter().map(f64::from).collect::<Vec<f64>>());
                classes.push(moa);
            }
        }
        let mut moas = classes.clone();
        moas.sort_unstable();
        moas.dedup();
        if moas.len() < LEAST_MOAS {
            return None;
        }
        // Classes are counted without gaps.
        for class in &mut classes {
            *class = moas.partition_point(|moa| *moa < *class);
        }
        let lda = Lda::fit(&rows, &classes)?;
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
    /// True if they are: the lower end of the difference's paired 95 % interval over compounds is above 0.
    pub used: bool,
    /// Leave-compound-out mean average precision of the right mechanisms with discriminants, mean over compounds.
    pub with: f64,
    /// The same in the whitened space.
    pub without: f64,
    /// Compounds that were asked about.
    pub compounds: usize,
}

impl HeadChoice {
    /// Decides by the average precisions of each compound, with and without discriminants; `None` of fewer than two.
    pub(super) fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let compounds = pairs.len();
        if compounds < 2 {
            return None;
        }
        let n = compounds as f64;
        let with = pairs.iter().map(|pair| pair.0).sum::<f64>() / n;
        let without = pairs.iter().map(|pair| pair.1).sum::<f64>() / n;
        let mean = with - without;
        let squares = pairs.iter().map(|pair| (pair.0 - pair.1 - mean).powi(2)).sum::<f64>();
        let error = (squares / (n - 1.0) / n).sqrt();
        // Student's t at 97.5 % by its expansion in 1/ν, from below right to 5 % for ν ≥ 4.
        let t = 1.960 + 2.372 / (n - 1.0) + 2.823 / (n - 1.0).powi(2);
        Some(Self { used: mean - t * error > 0.0, with, without, compounds })
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
        let pairs =
            |gains: &[f64]| -> Vec<(f64, f64)> { gains.iter().map(|gain| (0.5 + gain, 0.5)).collect() };
        let better = HeadChoice::of(&pairs(&[0.1, 0.2, 0.15, 0.12, 0.2, 0.11])).unwrap();
        assert!(better.used && (better.with - 0.5 - 0.88 / 6.0).abs() < 1e-12 && better.without == 0.5);
        assert!(
            better.to_string().contains("mAP 0.647 with them, 0.500 without, over 6 compounds"),
            "{better}"
        );
        // Better on average, by one compound.
        let lucky = HeadChoice::of(&pairs(&[0.5, 0.0, 0.0, 0.0, 0.0, 0.0])).unwrap();
        assert!(!lucky.used && lucky.with > lucky.without, "{lucky}");
        assert!(!HeadChoice::of(&pairs(&[0.0; 9])).unwrap().used, "equal");
        assert!(HeadChoice::of(&pairs(&[0.3])).is_none());
    }
}

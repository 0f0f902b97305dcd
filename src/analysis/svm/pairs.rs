//! Several classes: one boundary for each two of them.

use rayon::prelude::*;

use super::scaled::Scaled;
use super::{LinearSvm, SvmError};
use crate::progress::Progress;

/// Boundaries between each two classes that vote, as scikit-learn's `SVC` has it.
///
/// Not one class against the rest: with weights by class the boundaries of rare classes would shout the others down, and each would
/// be fitted on all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct OneVsOne {
    /// Classes that occur, ascending.
    classes: Vec<usize>,
    /// Of the classes `a < b` by place, positive for `a`: (0, 1), (0, 2), … (1, 2), ….
    boundaries: Vec<LinearSvm>,
}

impl OneVsOne {
    /// Fits rows `[row, dim]` with a class each, standardised over all of them; rows of a class count by
    /// `n/(classes·rows of the class)`, as `class_weight="balanced"` has it.
    ///
    /// # Errors
    /// Numbers that are not finite or no rows, one class, a `C` that is not above 0, too many numbers, the user stopped it.
    pub fn fit(
        rows: &[f32],
        dim: usize,
        classes: &[usize],
        c: f64,
        progress: &Progress,
    ) -> Result<Self, SvmError> {
        Self::fit_scaled(&Scaled::new(rows, dim, classes.len())?, classes, c, progress)
    }

    /// The same of rows that are scaled already.
    pub(super) fn fit_scaled(
        scaled: &Scaled,
        classes: &[usize],
        c: f64,
        progress: &Progress,
    ) -> Result<Self, SvmError> {
        let mut known = classes.to_vec();
        known.sort_unstable();
        known.dedup();
        if known.len() < 2 {
            return Err(SvmError::OneClass { rows: classes.len(), positive: true });
        }
        let members = |class: usize| -> Vec<usize> {
            (0..classes.len()).filter(|&row| classes[row] == class).collect()
        };
        let members: Vec<Vec<usize>> = known.iter().map(|&class| members(class)).collect();
        let part = classes.len() as f64 / known.len() as f64;
        let pairs: Vec<(usize, usize)> =
            (0..known.len()).flat_map(|a| (a + 1..known.len()).map(move |b| (a, b))).collect();
        let boundaries = pairs.into_par_iter().map(|(a, b)| {
            let side = |of: usize| {
                let cost = c * part / members[of].len() as f64;
                members[of].iter().map(move |&row| (row, of == a, cost))
            };
            let mut chosen: Vec<(usize, bool, f64)> = side(a).chain(side(b)).collect();
            chosen.sort_unstable_by_key(|(row, ..)| *row);
            scaled.separate(&chosen, progress)
        });
        let boundaries = boundaries.collect::<Result<Vec<LinearSvm>, SvmError>>()?;
        Ok(Self { classes: known, boundaries })
    }

    /// Decision of each boundary about a row, in their order.
    pub fn decisions(&self, row: &[f32]) -> Vec<f64> {
        self.boundaries.iter().map(|boundary| boundary.decision(row)).collect()
    }

    /// The class with the most votes; among equals the one that its boundaries are surest of, then the first.
    pub fn predict(&self, row: &[f32]) -> usize {
        let count = self.classes.len();
        let (mut votes, mut sure) = (vec![0_usize; count], vec![0.0; count]);
        let mut decisions = self.boundaries.iter().map(|boundary| boundary.decision(row));
        for a in 0..count {
            for b in a + 1..count {
                let decision = decisions.next().unwrap_or(0.0);
                votes[if decision > 0.0 { a } else { b }] += 1;
                sure[a] += decision;
                sure[b] -= decision;
            }
        }
        let ahead = |x: &usize, y: &usize| {
            votes[*x].cmp(&votes[*y]).then(sure[*x].total_cmp(&sure[*y])).then(y.cmp(x))
        };
        (0..count).max_by(ahead).map_or(0, |place| self.classes[place])
    }
}

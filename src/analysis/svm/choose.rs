//! How strongly to fit, by groups that were left out.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::fit::fit_some;
use super::scaled::Scaled;
use super::{OneVsOne, SvmError};
use crate::progress::Progress;

/// What `C` is chosen from.
pub const GRID: [f64; 6] = [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0];

/// Parts that groups are left out in.
const FOLDS: usize = 5;

/// `C` of [`GRID`] for rows `[row, dim]` with a group each (a plate, a film): the one whose boundaries are right most often about the
/// groups that they were not fitted on, by balanced accuracy over all of these; of equals the smallest. Groups are left out one by
/// one, of more than five in five parts of about the same number of rows. Features are standardised on the others.
///
/// # Errors
/// As [`fit`](super::fit), and if no group leaves both classes behind.
pub fn choose_c(
    rows: &[f32],
    dim: usize,
    positive: &[bool],
    groups: &[usize],
    progress: &Progress,
) -> Result<f64, SvmError> {
    let classes: Vec<usize> = positive.iter().map(|&positive| usize::from(positive)).collect();
    choose(rows, dim, &classes, groups, |scaled, training, c| {
        let of: Vec<(usize, bool)> = training.iter().map(|&row| positive[row]).enumerate().collect();
        let svm = fit_some(scaled, &of, c, progress)?;
        Ok(move |row: &[f32]| usize::from(svm.decision(row) > 0.0))
    })
}

/// The same for several classes.
///
/// # Errors
/// As [`choose_c`].
pub fn choose_c_of_classes(
    rows: &[f32],
    dim: usize,
    classes: &[usize],
    groups: &[usize],
    progress: &Progress,
) -> Result<f64, SvmError> {
    choose(rows, dim, classes, groups, |scaled, training, c| {
        let own: Vec<usize> = training.iter().map(|&row| classes[row]).collect();
        let svm = OneVsOne::fit_scaled(scaled, &own, c, progress)?;
        Ok(move |row: &[f32]| svm.predict(row))
    })
}

/// `learn` makes, of scaled rows, their places and `C`, something that tells a row's class.
fn choose<P: Fn(&[f32]) -> usize>(
    rows: &[f32],
    dim: usize,
    classes: &[usize],
    groups: &[usize],
    learn: impl Fn(&Scaled, &[usize], f64) -> Result<P, SvmError> + Sync,
) -> Result<f64, SvmError> {
    if groups.len() != classes.len() {
        return Err(SvmError::Shape { numbers: rows.len(), rows: classes.len(), dim });
    }
    // Says what is wrong with all of them before parts of them are judged.
    Scaled::check(rows, dim, classes.len())?;
    let folds = deal(groups);
    // By fold: for each C the classes of the rows that were left out, and whether they were told.
    let judged = (0..FOLDS).into_par_iter().map(|fold| {
        let (held, training): (Vec<usize>, Vec<usize>) =
            (0..classes.len()).partition(|&row| folds[row] == fold);
        if held.is_empty() || training.iter().all(|&place| classes[place] == classes[training[0]]) {
            return Ok(Vec::new());
        }
        let row = |row: usize| &rows[row * dim..(row + 1) * dim];
        let values: Vec<f32> = training.iter().flat_map(|&place| row(place)).copied().collect();
        let scaled = Scaled::new(&values, dim, training.len())?;
        let judge = |&c: &f64| -> Result<Vec<(usize, bool)>, SvmError> {
            let predict = learn(&scaled, &training, c)?;
            Ok(held.iter().map(|&place| (classes[place], predict(row(place)) == classes[place])).collect())
        };
        GRID.iter().map(judge).collect::<Result<Vec<_>, SvmError>>()
    });
    let judged = judged.collect::<Result<Vec<Vec<Vec<(usize, bool)>>>, SvmError>>()?;
    let score = |place: usize| {
        let of = judged.iter().filter_map(|by_c| by_c.get(place)).flatten();
        balanced_accuracy(of.copied())
    };
    let mut best: Option<(f64, f64)> = None;
    for (place, c) in GRID.into_iter().enumerate() {
        if let Some(score) = score(place)
            && best.is_none_or(|(_, most)| score > most + 1e-12)
        {
            best = Some((c, score));
        }
    }
    best.map(|(c, _)| c).ok_or(SvmError::Groups)
}

/// Mean over classes of the part that is right; `None` without rows.
fn balanced_accuracy(right: impl Iterator<Item = (usize, bool)>) -> Option<f64> {
    let mut by_class: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (class, right) in right {
        let (all, hits) = by_class.entry(class).or_default();
        *all += 1.0;
        *hits += f64::from(u8::from(right));
    }
    let sum: f64 = by_class.values().map(|(all, hits)| hits / all).sum();
    (!by_class.is_empty()).then(|| sum / by_class.len() as f64)
}

/// The fold of each row: groups stay whole, the largest come first, each where the fewest rows are.
fn deal(groups: &[usize]) -> Vec<usize> {
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    for &group in groups {
        *rows.entry(group).or_default() += 1;
    }
    let mut order: Vec<(usize, usize)> = rows.into_iter().collect();
    order.sort_by_key(|&(_, rows)| std::cmp::Reverse(rows));
    let (mut filled, mut fold) = ([0; FOLDS], BTreeMap::new());
    for (group, rows) in order {
        let least = (0..FOLDS).min_by_key(|&fold| filled[fold]).unwrap_or(0);
        filled[least] += rows;
        fold.insert(group, least);
    }
    groups.iter().map(|group| fold[group]).collect()
}

//! Treated rows rank each other by cosine, and several questions are asked of each ranking.

use rayon::prelude::*;

use super::labels::Labels;
use crate::analysis::evaluate::{BLOCK, nearest_first, normalise, products};
use crate::analysis::ranking::{Found, chance_within, walk};
use crate::experiment::Well;
use crate::progress::{Cancelled, Progress};

/// Whether a row that is ranked counts for the row that asks, and then whether it is right.
pub(super) type Judge<'a> = Box<dyn Fn(usize, usize) -> Option<bool> + Sync + 'a>;

/// What some rows find of each other, `[question][row of the list]`; `None` where there is nothing to find. `values` are
/// vectors `[row, dim]` of all rows.
///
/// # Errors
/// The user stopped it.
pub(super) fn ranked(
    (values, dim): (&[f32], usize),
    rows: &[usize],
    questions: &[Judge],
    progress: &Progress,
) -> Result<Vec<Vec<Option<Found>>>, Cancelled> {
    let mut own: Vec<f32> =
        rows.iter().flat_map(|&row| &values[row * dim..(row + 1) * dim]).copied().collect();
    own.par_chunks_exact_mut(dim.max(1)).for_each(normalise);
    let starts: Vec<usize> = (0..rows.len()).step_by(BLOCK).collect();
    let of_block = |&start: &usize| -> Result<Vec<Vec<Option<Found>>>, Cancelled> {
        progress.check()?;
        let end = (start + BLOCK).min(rows.len());
        let mut scores = vec![0.0; (end - start) * rows.len()];
        products(&own[start * dim..end * dim], &own, dim, &mut scores);
        let mut order = Vec::new();
        let mut found = Vec::with_capacity(end - start);
        for place in start..end {
            let from = (place - start) * rows.len();
            nearest_first(&scores[from..from + rows.len()], &mut order);
            let of = |judge: &Judge| {
                walk(order.iter().filter_map(|key| {
                    let other = *key as u32 as usize;
                    let right = (other != place).then(|| judge(rows[place], rows[other])).flatten()?;
                    Some(((*key >> 32) as u32, right))
                }))
            };
            found.push(questions.iter().map(of).collect());
        }
        Ok(found)
    };
    let blocks: Vec<Vec<Vec<Option<Found>>>> = starts.par_iter().map(of_block).collect::<Result<_, _>>()?;
    let mut out = vec![Vec::with_capacity(rows.len()); questions.len()];
    for found in blocks.into_iter().flatten() {
        for (question, found) in out.iter_mut().zip(found) {
            question.push(found);
        }
    }
    Ok(out)
}

/// The same compound at the same dose, on other plates.
pub(super) fn replicates(labels: &Labels) -> Judge<'_> {
    Box::new(|a, b| (labels.plate[a] != labels.plate[b]).then(|| labels.treatment[a] == labels.treatment[b]))
}

/// Another compound with a mechanism in common; of another batch, where that is asked for.
pub(super) fn mechanisms(labels: &Labels, other_batch: bool) -> Judge<'_> {
    Box::new(move |a, b| {
        let is_left_out = labels.compound[a] == labels.compound[b]
            || (other_batch && labels.batch[a] == labels.batch[b])
            || labels.moas[a].is_empty()
            || labels.moas[b].is_empty();
        (!is_left_out).then(|| labels.moas[a].iter().any(|moa| labels.moas[b].contains(moa)))
    })
}

/// The same compound on another plate (where plates are known): a row of the source asks those of the target; any row asks
/// those of other domains, where neither is given.
pub(super) fn across(labels: &Labels, from: Option<(usize, usize)>) -> Judge<'_> {
    let has_plates = labels.has_plates();
    Box::new(move |a, b| {
        let (asks, answers) = (labels.domain[a]?, labels.domain[b]?);
        let counts = match from {
            Some((source, target)) => asks == source && answers == target,
            None => asks != answers,
        };
        let counts = counts && (!has_plates || labels.plate[a] != labels.plate[b]);
        counts.then(|| labels.compound[a] == labels.compound[b])
    })
}

/// How often the row of the nearest place on the plates is right, without a look at any vector: where layouts repeat, it is
/// nearly always. Equally near rows come in any order, as in [`Found::expected_within`], and those without a place last, as in the
/// baseline of [`position`](crate::analysis::protocols::position). `None` where no place is known or nothing is to be found.
///
/// # Errors
/// The user stopped it.
pub(super) fn by_position(
    labels: &Labels,
    rows: &[usize],
    judge: &Judge,
    progress: &Progress,
) -> Result<Option<f64>, Cancelled> {
    if rows.iter().all(|&row| labels.well[row].is_none()) {
        return Ok(None);
    }
    let apart = |a: &Well, b: &Well| {
        let (x, y) = (u32::from(a.column.abs_diff(b.column)), u32::from(a.row.abs_diff(b.row)));
        x * x + y * y
    };
    let one = |row: usize| -> Option<f64> {
        let (mut nearest, mut right, mut all, mut any) = (None, 0, 0, false);
        for &other in rows.iter().filter(|&&other| other != row) {
            let Some(is_right) = judge(row, other) else { continue };
            any |= is_right;
            let wells = labels.well[row].as_ref().zip(labels.well[other].as_ref());
            let distance = wells.map_or(u32::MAX, |(own, other)| apart(own, other));
            if nearest.is_none_or(|nearest| distance < nearest) {
                (nearest, right, all) = (Some(distance), 0, 0);
            }
            if nearest == Some(distance) {
                right += usize::from(is_right);
                all += 1;
            }
        }
        any.then(|| chance_within(right, all, 1))
    };
    let of_block = |block: &[usize]| -> Result<Vec<f64>, Cancelled> {
        progress.check()?;
        Ok(block.iter().filter_map(|&row| one(row)).collect())
    };
    let found: Vec<Vec<f64>> = rows.par_chunks(BLOCK).map(of_block).collect::<Result<_, _>>()?;
    let found = found.concat();
    Ok((!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64))
}

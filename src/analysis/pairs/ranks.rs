//! Where a row's positive partners stand among all its partners, the nearest first.

use rayon::prelude::*;

use super::labels::Labels;
use super::rule::Rule;
use super::vectors::Vectors;
use crate::analysis::evaluate::BLOCK;
use crate::progress::{Cancelled, Progress};

/// One ranking: a row that asks, and the label by which its positives agree with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranking {
    /// The row.
    pub row: usize,
    /// Value of the column in which cells hold several; `None` where none does.
    pub label: Option<u32>,
    /// Partners that should be near.
    pub positives: usize,
    /// Partners that should be far.
    pub negatives: usize,
    /// What it found; `None` without positives or without negatives, where there is nothing to rank.
    pub found: Option<Found>,
}

/// Average precision of one ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Mean over positives of (rank among the positives ÷ rank among all). Of equally near partners the positives come
    /// first: so the package sorts.
    pub average_precision: f64,
    /// The same with the negatives first.
    pub at_least: f64,
}

impl Ranking {
    /// Positives, and all partners: what the null depends on.
    pub(super) const fn shape(&self) -> (usize, usize) {
        (self.positives, self.positives + self.negatives)
    }
}

/// Rankings of all rows that have a value in every column of the rule for positives, by row and label. Steps of
/// `progress` are rows.
pub(super) fn rankings(
    vectors: &Vectors,
    positives: &Rule,
    negatives: &Rule,
    (label, rows): (Option<&Labels>, usize),
    progress: &Progress,
) -> Result<Vec<Ranking>, Cancelled> {
    let mut order: Vec<usize> = (0..rows).filter(|&row| positives.takes_part(row)).collect();
    // Rows of a block share their partners, so that few vectors are gathered for it.
    order.sort_by_key(|&row| (negatives.near(row), positives.near(row)));
    progress.set(0, order.len() as u64);
    let asked = |block: &[usize]| -> Result<Vec<Ranking>, Cancelled> {
        progress.check()?;
        let found = of_block(vectors, positives, negatives, label, block);
        progress.add(block.len() as u64);
        Ok(found)
    };
    let found = order.par_chunks(BLOCK).map(asked).collect::<Result<Vec<_>, _>>()?;
    let mut found: Vec<Ranking> = found.into_iter().flatten().collect();
    found.sort_by_key(|ranking| (ranking.row, ranking.label));
    Ok(found)
}

fn of_block(
    vectors: &Vectors,
    positives: &Rule,
    negatives: &Rule,
    label: Option<&Labels>,
    block: &[usize],
) -> Vec<Ranking> {
    let partners = |rule: &Rule, row: usize| {
        let mut out = Vec::new();
        rule.partners(row, &mut out);
        out
    };
    let right: Vec<Vec<u32>> = block.iter().map(|&row| partners(positives, row)).collect();
    let wrong: Vec<Vec<u32>> = block.iter().map(|&row| partners(negatives, row)).collect();
    let near = vectors.distances(block, &right);
    let far = vectors.distances(block, &wrong);
    let mut out = Vec::new();
    for (((&row, right), near), far) in block.iter().zip(&right).zip(&near).zip(&far) {
        let labels: Vec<Option<u32>> = match label {
            Some(labels) => labels.of(row).iter().copied().map(Some).collect(),
            None => vec![None],
        };
        for own in labels {
            let shares = |other: u32| own.is_none_or(|own| has(label, other as usize, own));
            let of_label = right.iter().zip(near).filter(|(other, _)| shares(**other));
            let mut near: Vec<f32> = of_label.map(|(_, distance)| *distance).collect();
            near.sort_unstable_by(f32::total_cmp);
            let found = (!near.is_empty() && !far.is_empty()).then(|| ranked(&near, far));
            out.push(Ranking { row, label: own, positives: near.len(), negatives: far.len(), found });
        }
    }
    out
}

/// True where a row has this label.
pub(super) fn has(label: Option<&Labels>, row: usize, value: u32) -> bool {
    label.is_some_and(|labels| labels.of(row).binary_search(&value).is_ok())
}

/// Of distances to positives, ascending, and to negatives.
fn ranked(near: &[f32], far: &[f32]) -> Found {
    // How many negatives come directly before each positive.
    let mut behind_ties = vec![0_usize; near.len() + 1];
    let mut before_ties = behind_ties.clone();
    for distance in far {
        behind_ties[near.partition_point(|positive| positive <= distance)] += 1;
        before_ties[near.partition_point(|positive| positive < distance)] += 1;
    }
    Found {
        average_precision: precision(&behind_ties[..near.len()]),
        at_least: precision(&before_ties[..near.len()]),
    }
}

/// Average precision from the negatives between a positive and the one before it.
fn precision(between: &[usize]) -> f64 {
    let (mut before, mut sum) = (0, 0.0);
    for (rank, negatives) in (1_usize..).zip(between) {
        before += negatives;
        sum += rank as f64 / (rank + before) as f64;
    }
    sum / between.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positives_come_before_negatives_that_are_as_near() {
        let found = ranked(&[0.1, 0.4, 0.4], &[0.2, 0.4, 0.9]);
        // + − + + − −
        assert!((found.average_precision - (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0).abs() < 1e-15);
        // + − − + + −
        assert!((found.at_least - (1.0 + 2.0 / 4.0 + 3.0 / 5.0) / 3.0).abs() < 1e-15);
        let perfect = Found { average_precision: 1.0, at_least: 1.0 };
        assert_eq!(ranked(&[0.0, 0.1], &[0.2]), perfect);
        assert_eq!(ranked(&[0.5], &[0.1, 0.2, 0.3]).average_precision, 0.25);
    }
}

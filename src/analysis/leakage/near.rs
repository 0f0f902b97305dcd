//! Recordings that are nearly the same.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::super::evaluate::{BLOCK, Features, normalise, products};
use super::{Check, Finding, Leak, Severity, named};

/// Near pairs that are listed at most.
const PAIRS: usize = 200;

/// Part of the compared pairs above which likeness says nothing: copies are rare. There must also be more such pairs than
/// rows, since a few copies are a large part of a small screen.
const MOST_ALIKE: f64 = 0.001;

/// Fewest numbers of a vector for which a direction says that two recordings are one.
const MIN_DIM: usize = 8;

/// Vectors in which a copy is close to its original.
#[derive(Debug, Clone)]
pub struct Near<'a> {
    /// They; zeros for a row of which there is none, which is close to nothing.
    pub features: Features<'a>,
    /// Cosine above which two recordings count as one.
    pub least: f32,
}

/// What a block of rows has in common with itself and all later rows.
#[derive(Default)]
struct Block {
    /// Pairs that count.
    compared: usize,
    /// Those that are nearly the same.
    near: usize,
    /// The first of them, at most [`PAIRS`].
    first: Vec<(usize, usize)>,
}

/// Pairs of rows in different parts of the split. Those of equal content are said elsewhere.
pub(super) fn duplicates(check: &Check, findings: &mut Vec<Finding>) {
    let Some(Near { features, least }) = &check.near else { return };
    let dim = features.dim;
    if dim < MIN_DIM || features.values.len() != check.items.len() * dim {
        let text = format!(
            "Near duplicates cannot be told by {}: {dim} numbers per row, {} in all.",
            features.name,
            features.values.len()
        );
        findings.push(check.finding(Severity::Warning, Leak::Unchecked, &[], text));
        return;
    }
    let of: Vec<usize> = (0..check.items.len()).filter(|&i| check.splits[i].is_some()).collect();
    let mut values: Vec<f32> =
        of.iter().flat_map(|&i| &features.values[i * dim..(i + 1) * dim]).copied().collect();
    values.par_chunks_exact_mut(dim).for_each(normalise);
    let content = |item: usize| check.content.and_then(|content| *content.get(item)?);
    let is_equal = |a: usize, b: usize| content(a).is_some() && content(a) == content(b);
    let counts = |a: usize, b: usize| check.splits[a] != check.splits[b] && !is_equal(a, b);
    // A flag for each row instead of all pairs: where everything looks alike, these are as many as rows squared.
    let in_a_pair: Vec<AtomicBool> = of.iter().map(|_| AtomicBool::new(false)).collect();
    let starts: Vec<usize> = (0..of.len()).step_by(BLOCK).collect();
    let blocks: Vec<Block> = starts
        .into_par_iter()
        .map_init(Vec::new, |like, start| {
            let end = (start + BLOCK).min(of.len());
            // Each pair once: what comes before was compared already.
            let later = &values[start * dim..];
            let width = of.len() - start;
            like.clear();
            like.resize((end - start) * width, 0.0);
            products(&values[start * dim..end * dim], later, dim, like);
            let mut block = Block::default();
            for (i, like) in like.chunks_exact(width).enumerate() {
                for (j, like) in like.iter().enumerate().skip(i + 1) {
                    let (a, b) = (of[start + i], of[start + j]);
                    if !counts(a, b) {
                        continue;
                    }
                    block.compared += 1;
                    if *like > *least {
                        block.near += 1;
                        in_a_pair[start + i].store(true, Ordering::Relaxed);
                        in_a_pair[start + j].store(true, Ordering::Relaxed);
                        if block.first.len() < PAIRS {
                            block.first.push((a, b));
                        }
                    }
                }
            }
            block
        })
        .collect();
    let near: usize = blocks.iter().map(|block| block.near).sum();
    let compared: usize = blocks.iter().map(|block| block.compared).sum();
    if near > of.len() && near as f64 > MOST_ALIKE * compared as f64 {
        let text = format!(
            "Pictures of this screen look alike: near copies cannot be told by {} ({near} of {compared} pairs in different \
             parts are nearly the same).",
            features.name
        );
        findings.push(check.finding(Severity::Warning, Leak::Unchecked, &[], text));
        return;
    }
    for &(a, b) in blocks.iter().flat_map(|block| &block.first).take(PAIRS) {
        let text =
            format!("Two rows in {} are nearly the same by {}.", named(&check.parts(&[a, b])), features.name);
        findings.push(check.finding(Severity::Warning, Leak::NearDuplicate, &[a, b], text));
    }
    if near > PAIRS {
        // Of all pairs, since those that are not listed are not kept.
        let rows = of.iter().zip(&in_a_pair).filter(|(_, is_in)| is_in.load(Ordering::Relaxed));
        let rows: Vec<usize> = rows.map(|(&row, _)| row).collect();
        let text = format!("{} more pairs are nearly the same by {}.", near - PAIRS, features.name);
        findings.push(check.finding(Severity::Warning, Leak::NearDuplicate, &rows, text));
    }
}

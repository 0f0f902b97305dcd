//! Recordings that are nearly the same.

use rayon::prelude::*;

use super::super::evaluate::{BLOCK, Features, normalise, products};
use super::{Check, Finding, Leak, Severity, named};

/// Near pairs that are listed at most.
const PAIRS: usize = 200;

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
    let starts: Vec<usize> = (0..of.len()).step_by(BLOCK).collect();
    let pairs: Vec<Vec<(usize, usize)>> = starts
        .into_par_iter()
        .map_init(Vec::new, |like, start| {
            let end = (start + BLOCK).min(of.len());
            // Each pair once: what comes before was compared already.
            let later = &values[start * dim..];
            let width = of.len() - start;
            like.clear();
            like.resize((end - start) * width, 0.0);
            products(&values[start * dim..end * dim], later, dim, like);
            let mut near = Vec::new();
            for (i, like) in like.chunks_exact(width).enumerate() {
                let close = like.iter().enumerate().skip(i + 1).filter(|(_, like)| **like > *least);
                near.extend(close.map(|(j, _)| (of[start + i], of[start + j])));
            }
            near
        })
        .collect();
    let content = |item: usize| check.content.and_then(|content| *content.get(item)?);
    let is_equal = |a: usize, b: usize| content(a).is_some() && content(a) == content(b);
    let counts = |&(a, b): &(usize, usize)| check.splits[a] != check.splits[b] && !is_equal(a, b);
    let pairs: Vec<(usize, usize)> = pairs.into_iter().flatten().filter(counts).collect();
    for &(a, b) in pairs.iter().take(PAIRS) {
        let text =
            format!("Two rows in {} are nearly the same by {}.", named(&check.parts(&[a, b])), features.name);
        findings.push(check.finding(Severity::Warning, Leak::NearDuplicate, &[a, b], text));
    }
    if pairs.len() > PAIRS {
        let mut rest: Vec<usize> = pairs[PAIRS..].iter().flat_map(|&(a, b)| [a, b]).collect();
        rest.sort_unstable();
        rest.dedup();
        let text = format!("{} more pairs are nearly the same by {}.", pairs.len() - PAIRS, features.name);
        findings.push(check.finding(Severity::Warning, Leak::NearDuplicate, &rest, text));
    }
}

//! Compounds that are built around one scaffold belong together.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::Split;
use super::make::sort_at_random;
use crate::analysis::items::{Compound, Items, skeleton};
use crate::chem::Molecule;

/// What compounds have in common that may not be apart: the skeleton of their Bemis-Murcko scaffold, without stereo; without
/// a ring their own skeleton. `None` where neither is known.
pub(super) fn group(smiles: Option<&str>, own: Option<&str>) -> Option<String> {
    let scaffold = smiles.and_then(|smiles| Molecule::from_smiles(smiles).ok()?.parent().scaffold().ok()?);
    match scaffold {
        // InChI has no form for a few scaffolds that lost their substituents.
        Some(scaffold) => Some(format!("scaffold {}", skeleton(&scaffold).unwrap_or(scaffold))),
        None => own.map(|own| format!("skeleton {own}")),
    }
}

/// The group of each compound; one without a structure is with those of its name.
pub(crate) fn groups(items: &Items) -> Vec<String> {
    let of = |compound: &Compound| {
        group(compound.smiles.as_deref(), compound.skeleton.as_deref())
            .unwrap_or_else(|| format!("name {}", compound.names.first().unwrap_or(&compound.name)))
    };
    items.compounds.par_iter().map(of).collect()
}

/// What a reader should know of a split by scaffold.
pub(super) fn note(items: &Items, splits: &[Option<Split>]) -> Option<String> {
    let used = items.items.iter().zip(splits).filter(|(item, split)| split.is_some() && !item.control);
    let used: BTreeSet<usize> = used.filter_map(|(item, _)| item.compound).collect();
    let without = used.iter().filter(|&&compound| items.compounds[compound].smiles.is_none()).count();
    (without > 0).then(|| {
        format!(
            "{without} of {} compounds have no structure that can be read: each stands for itself, by its name, so \
             that its scaffold may be on both sides of the split.",
            used.len()
        )
    })
}

/// Draws whole groups of compounds until no stratum lacks any. `wanted` says how many compounds of a stratum to draw,
/// given whether it is a mechanism and how many compounds it has. A group that would leave fewer than `keep` of a
/// mechanism's compounds is passed over.
pub(super) fn draw(
    items: &Items,
    strata: &BTreeMap<Option<String>, Vec<usize>>,
    wanted: impl Fn(bool, usize) -> usize,
    keep: usize,
    what: &str,
    seed: u64,
) -> BTreeSet<usize> {
    let groups = groups(items);
    let mut members: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    let (mut lacking, mut left, mut least) = (Vec::new(), Vec::new(), Vec::new());
    for (stratum, (moa, compounds)) in strata.iter().enumerate() {
        lacking.push(wanted(moa.is_some(), compounds.len()));
        left.push(compounds.len());
        least.push(if moa.is_some() { keep } else { 0 });
        for &compound in compounds {
            members.entry(&groups[compound]).or_default().push((compound, stratum));
        }
    }
    let mut order: Vec<&str> = members.keys().copied().collect();
    sort_at_random(&mut order, seed, what, |group| (*group).to_owned());
    let mut drawn = BTreeSet::new();
    for group in order {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for (_, stratum) in &members[group] {
            *counts.entry(*stratum).or_default() += 1;
        }
        let lacks = counts.keys().any(|&stratum| lacking[stratum] > 0);
        let leaves = counts.iter().all(|(&stratum, count)| left[stratum] >= count + least[stratum]);
        if lacks && leaves {
            for (stratum, count) in counts {
                left[stratum] -= count;
                lacking[stratum] = lacking[stratum].saturating_sub(count);
            }
            drawn.extend(members[group].iter().map(|(compound, _)| *compound));
        }
    }
    drawn
}

//! Splits from a seed. The same for any order of the rows: what is drawn depends on names alone.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt as _;

use super::{Protocol, Split, scaffold};
use crate::analysis::items::{Item, Items};
use crate::random::stream;

/// Part of the wells of a drug that asks, and as much that may be found (mito). `MitoReID` draws a tenth of
/// the cells.
const CELLS_HELD: f64 = 0.1;

/// Part of the compounds of a mechanism that is held out (drug-disjoint, scaffold-disjoint).
const COMPOUNDS_HELD: f64 = 0.3;

/// Part of the mechanisms that is held out (moa-disjoint).
const MOAS_HELD: f64 = 0.25;

/// Part of the training compounds, mechanisms, or wells, that validates.
const VALIDATION: f64 = 0.25;

/// What stays together when rows for validation are taken out of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of a compound: measures new compounds.
    Compound,
    /// All compounds of a scaffold: measures new scaffolds.
    Scaffold,
    /// All compounds of a mechanism: measures new mechanisms. All of a compound where too few mechanisms are left to learn
    /// from.
    Mechanism,
    /// A well: measures new cells of known compounds.
    Well,
}

/// Assigns each item a part, by a seed. `None` = left out.
///
/// - mito: by well within drug, 80 % to train, the rest to query and gallery in halves, from different
///   replicates where possible. A drug with fewer than three wells is trained on.
/// - drug-disjoint: by compound within (first) mechanism, a third held out, two at least; mechanisms with
///   fewer than three compounds are trained on. Wells of held-out drugs go to query and gallery alternately.
/// - scaffold-disjoint: as drug-disjoint, but all compounds of a scaffold, of whatever mechanism, go together. A scaffold
///   whose loss would leave a mechanism without any compound is trained on.
/// - moa-disjoint: by mechanism, a quarter held out, two at least, of those with two compounds. A compound
///   with held-out and other mechanisms is left out.
///
/// Validation is taken from training by what must be new ([`Protocol::part`], [`take_validation`]). A well, or a
/// field where no well is named, never straddles; where neither is named the cell is the unit. Controls are
/// mostly trained on.
pub fn make_split(items: &Items, protocol: Protocol, seed: u64) -> Vec<Option<Split>> {
    let mut splits = vec![Some(Split::Train); items.len()];
    let groups = wells_by_compound(items, |_| true);
    if protocol == Protocol::Mito {
        for wells in groups.values() {
            within_drug(wells, seed, &mut splits);
        }
        take_validation(items, &mut splits, protocol.part(), seed);
        return splits;
    }
    let fates = match protocol {
        Protocol::MoaDisjoint => by_moa(items, seed),
        Protocol::ScaffoldDisjoint => by_scaffold(items, seed),
        _ => by_compound(items, seed),
    };
    for (&compound, wells) in &groups {
        match fates.get(&compound) {
            Some(Fate::Asked) => query_and_gallery(wells, seed, &mut splits),
            Some(Fate::LeftOut) => wells.iter().flat_map(|well| &well.items).for_each(|&i| splits[i] = None),
            None => {}
        }
    }
    // Some controls stay unseen, to compare unseen drugs with.
    for wells in wells_by_compound(items, |item| item.control).values() {
        within_drug(wells, seed, &mut splits);
    }
    take_validation(items, &mut splits, protocol.part(), seed);
    splits
}

/// Takes items for validation out of those that are trained on; the others stay what they are.
///
/// By compound, or scaffold: a quarter of each (first) mechanism's compounds, so that two at least are left. By
/// mechanism: a quarter of the mechanisms, two at least, so that two at least are left. By well: an
/// eighth of each compound's wells, likewise. Controls go by well always.
pub fn take_validation(items: &Items, splits: &mut [Option<Split>], part: Part, seed: u64) {
    let trained: Vec<bool> = splits.iter().map(|split| *split == Some(Split::Train)).collect();
    let strata = || by_first_moa(items, &trained);
    let wanted = |n: usize| share(n, VALIDATION).min(n.saturating_sub(2));
    let by_compound = || -> BTreeSet<usize> {
        let mut taken = BTreeSet::new();
        for mut compounds in strata().into_values() {
            sort_at_random(&mut compounds, seed, "validation", |&compound| key(items, compound));
            compounds.truncate(wanted(compounds.len()));
            taken.extend(compounds);
        }
        taken
    };
    let taken = match part {
        Part::Well => BTreeSet::new(),
        Part::Compound => by_compound(),
        Part::Scaffold => scaffold::draw(items, &strata(), |_, n| wanted(n), 2, "validation", seed),
        Part::Mechanism => whole_moas(items, &trained, seed).unwrap_or_else(by_compound),
    };
    for (i, item) in items.items.iter().enumerate() {
        if trained[i] && !item.control && item.compound.is_some_and(|compound| taken.contains(&compound)) {
            splits[i] = Some(Split::Val);
        }
    }
    let by_well = |i: usize| trained[i] && (part == Part::Well || items.items[i].control);
    for mut wells in wells_by_compound_at(items, by_well).into_values() {
        sort_at_random(&mut wells, seed, "validation", |well| well.key.clone());
        let taken = share(wells.len(), VALIDATION / 2.0).min(wells.len().saturating_sub(2));
        wells.iter().take(taken).flat_map(|well| &well.items).for_each(|&i| splits[i] = Some(Split::Val));
    }
}

/// What becomes of a compound that is not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Asked,
    LeftOut,
}

/// Cells that stay together.
struct Together {
    key: String,
    replicate: String,
    items: Vec<usize>,
}

/// Rounded, but one at least of three or more.
fn share(n: usize, part: f64) -> usize {
    ((n as f64 * part).round() as usize).max(usize::from(n > 2))
}

/// A name for a compound that no order of rows changes.
fn key(items: &Items, compound: usize) -> String {
    let compound = &items.compounds[compound];
    compound.skeleton.as_ref().or_else(|| compound.names.first()).unwrap_or(&compound.name).clone()
}

pub(super) fn sort_at_random<T>(list: &mut Vec<T>, seed: u64, what: &str, key: impl Fn(&T) -> String) {
    let mut keyed: Vec<(u64, String, T)> = std::mem::take(list)
        .into_iter()
        .map(|entry| {
            let name = key(&entry);
            (stream(seed, &["split", what, &name]).random(), name, entry)
        })
        .collect();
    keyed.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    list.extend(keyed.into_iter().map(|(_, _, entry)| entry));
}

/// What must not be torn apart: the well, else the field, else the recording that several crops are from,
/// else the row.
pub(crate) fn well_of(items: &Items, item: &Item) -> String {
    let replicate = &items.replicates[item.replicate];
    if !item.well.is_empty() {
        return format!("well {replicate}|{}|{}", item.plate, item.well);
    }
    if !item.site.is_empty() {
        return format!("site {replicate}|{}|{}", item.plate, item.site);
    }
    match &item.address {
        Some(address) if address.crop.is_some() => {
            format!("file {}|{}", address.paths(), address.series)
        }
        _ => format!("row {}", item.row_id),
    }
}

fn wells_by_compound(items: &Items, is_in: impl Fn(&Item) -> bool) -> BTreeMap<usize, Vec<Together>> {
    wells_by_compound_at(items, |i| is_in(&items.items[i]))
}

fn wells_by_compound_at(items: &Items, is_in: impl Fn(usize) -> bool) -> BTreeMap<usize, Vec<Together>> {
    let mut groups: BTreeMap<(usize, String), Together> = BTreeMap::new();
    for (i, item) in items.items.iter().enumerate().filter(|(i, _)| is_in(*i)) {
        let Some(compound) = item.compound else { continue };
        let well = well_of(items, item);
        let new = || Together {
            key: format!("{}|{well}", key(items, compound)),
            replicate: items.replicates[item.replicate].clone(),
            items: Vec::new(),
        };
        groups.entry((compound, well.clone())).or_insert_with(new).items.push(i);
    }
    let mut by_compound: BTreeMap<usize, Vec<Together>> = BTreeMap::new();
    for ((compound, _), well) in groups {
        by_compound.entry(compound).or_default().push(well);
    }
    by_compound
}

/// Compounds that are no controls under their first mechanism; `None` where they have none.
fn by_first_moa(items: &Items, is_in: &[bool]) -> BTreeMap<Option<String>, Vec<usize>> {
    let mut first: BTreeMap<usize, Option<String>> = BTreeMap::new();
    for (item, _) in items.items.iter().zip(is_in).filter(|(item, is_in)| **is_in && !item.control) {
        let Some(compound) = item.compound else { continue };
        // The alphabet, not the table, says which is first, so that the order of rows does not matter.
        let moa = item.moas.iter().map(|&moa| items.moas[moa].to_lowercase()).min();
        let entry = first.entry(compound).or_default();
        *entry = [entry.take(), moa].into_iter().flatten().min();
    }
    let mut strata: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for (compound, moa) in first {
        strata.entry(moa).or_default().push(compound);
    }
    strata
}

fn within_drug(wells: &[Together], seed: u64, splits: &mut [Option<Split>]) {
    if wells.len() < 3 {
        return;
    }
    let mut order: Vec<&Together> = wells.iter().collect();
    sort_at_random(&mut order, seed, "cells", |well| well.key.clone());
    let n = share(wells.len(), CELLS_HELD);
    let (query, mut rest) = (order[..n].to_vec(), order[n..].to_vec());
    // What is found must come from another replicate.
    rest.sort_by_key(|well| query.iter().any(|other| other.replicate == well.replicate));
    for (wells, split) in [(&query[..], Split::Query), (&rest[..n], Split::Gallery)] {
        wells.iter().flat_map(|well| &well.items).for_each(|&i| splits[i] = Some(split));
    }
}

/// Alternately, replicate by replicate, so that both hold every replicate where there are wells enough.
fn query_and_gallery(wells: &[Together], seed: u64, splits: &mut [Option<Split>]) {
    let mut by_replicate: BTreeMap<&str, Vec<&Together>> = BTreeMap::new();
    for well in wells {
        by_replicate.entry(&well.replicate).or_default().push(well);
    }
    for (start, mut wells) in by_replicate.into_values().enumerate() {
        sort_at_random(&mut wells, seed, "query or gallery", |well| well.key.clone());
        for (number, well) in wells.into_iter().enumerate() {
            let split = if (start + number) % 2 == 0 { Split::Query } else { Split::Gallery };
            well.items.iter().for_each(|&i| splits[i] = Some(split));
        }
    }
}

/// How many of `n` compounds are held out: of one mechanism, or of those that have none.
fn compounds_held(is_moa: bool, n: usize) -> usize {
    match (is_moa, n) {
        // Two, so that one finds the other; the rest makes the mechanism known.
        (true, ..3) => 0,
        (true, _) => share(n, COMPOUNDS_HELD).max(2),
        (false, _) => share(n, COMPOUNDS_HELD),
    }
}

fn by_compound(items: &Items, seed: u64) -> BTreeMap<usize, Fate> {
    let mut fates = BTreeMap::new();
    for (moa, mut compounds) in by_first_moa(items, &vec![true; items.len()]) {
        sort_at_random(&mut compounds, seed, "compounds", |&compound| key(items, compound));
        let held = compounds_held(moa.is_some(), compounds.len());
        fates.extend(compounds.into_iter().take(held).map(|compound| (compound, Fate::Asked)));
    }
    fates
}

fn by_scaffold(items: &Items, seed: u64) -> BTreeMap<usize, Fate> {
    let strata = by_first_moa(items, &vec![true; items.len()]);
    let held = scaffold::draw(items, &strata, compounds_held, 1, "scaffolds", seed);
    held.into_iter().map(|compound| (compound, Fate::Asked)).collect()
}

/// Compounds that are no controls: the mechanisms of each, and the compounds of each mechanism.
type Labels = (BTreeMap<usize, BTreeSet<usize>>, BTreeMap<usize, BTreeSet<usize>>);

fn labels(items: &Items, is_in: impl Fn(usize) -> bool) -> Labels {
    let (mut moas_of, mut compounds_of) = Labels::default();
    for (_, item) in items.items.iter().enumerate().filter(|(i, item)| is_in(*i) && !item.control) {
        let Some(compound) = item.compound else { continue };
        for &moa in &item.moas {
            moas_of.entry(compound).or_default().insert(moa);
            compounds_of.entry(moa).or_default().insert(compound);
        }
    }
    (moas_of, compounds_of)
}

/// The compounds of some of the mechanisms that are trained on: of such whose compounds, two at least, have no other.
/// `None` if there are not two of them, or fewer than two mechanisms would be left to learn from.
fn whole_moas(items: &Items, trained: &[bool], seed: u64) -> Option<BTreeSet<usize>> {
    let (moas_of, compounds_of) = labels(items, |i| trained[i]);
    let is_apart = |compounds: &BTreeSet<usize>| {
        compounds.len() > 1 && compounds.iter().all(|compound| moas_of[compound].len() == 1)
    };
    let apart = compounds_of.iter().filter(|(_, compounds)| is_apart(compounds));
    let mut apart: Vec<(usize, &BTreeSet<usize>)> = apart.map(|(&moa, compounds)| (moa, compounds)).collect();
    sort_at_random(&mut apart, seed, "validation", |(moa, _)| items.moas[*moa].to_lowercase());
    let held = share(compounds_of.len(), VALIDATION).max(2);
    if apart.len() < held || compounds_of.len() < held + 2 {
        return None;
    }
    Some(apart.into_iter().take(held).flat_map(|(_, compounds)| compounds).copied().collect())
}

fn by_moa(items: &Items, seed: u64) -> BTreeMap<usize, Fate> {
    let (moas_of, compounds_of) = labels(items, |_| true);
    let n = compounds_of.len();
    let mut eligible: Vec<usize> =
        compounds_of.into_iter().filter(|(_, compounds)| compounds.len() > 1).map(|(moa, _)| moa).collect();
    sort_at_random(&mut eligible, seed, "mechanisms", |&moa| items.moas[moa].to_lowercase());
    // With one mechanism everything that is found would be right; without any other there is nothing to learn
    // from.
    let held = share(n, MOAS_HELD).max(2).min(eligible.len());
    if held < 2 || n <= held {
        return BTreeMap::new();
    }
    let held: BTreeSet<usize> = eligible.into_iter().take(held).collect();
    let fate = |moas: &BTreeSet<usize>| match moas.intersection(&held).count() {
        0 => None,
        n if n == moas.len() => Some(Fate::Asked),
        _ => Some(Fate::LeftOut),
    };
    moas_of.iter().filter_map(|(&compound, moas)| Some((compound, fate(moas)?))).collect()
}

//! What a model could know of its examination before it is trained: rows that are on both sides of a split.
//!
//! Run before training. An error makes scores void; a warning is for people to judge. What cannot be checked
//! is said.

pub mod contents;
mod near;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::items::{Item, Items};
use super::split::{Protocol, Split, scaffold, well_of};
use crate::video::Address;

pub use near::Near;

/// Rows that a finding names at most.
const NAMED: usize = 12;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Scores would be void.
    Error,
    /// Somebody should look.
    Warning,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leak {
    /// A compound that must be new is trained on.
    Compound,
    /// A scaffold that must be new is trained on.
    Scaffold,
    /// A mechanism that must be new is trained on.
    Moa,
    /// A mechanism that must be known is not trained on.
    UnknownMoa,
    /// One well, or field, in several parts.
    Well,
    /// One recording, series and crop in several parts.
    Recording,
    /// Crops of one recording overlap in several parts.
    Overlap,
    /// Equal content under several names.
    Content,
    /// Nearly equal content.
    NearDuplicate,
    /// Something could not be checked.
    Unchecked,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub leak: Leak,
    /// A sentence.
    pub text: String,
    /// Names of rows, the first few.
    pub rows: Vec<String>,
    /// How many rows there are.
    pub n_rows: usize,
}

impl Finding {
    /// What was found and where, for a line of text.
    pub fn sentence(&self) -> String {
        if self.rows.is_empty() {
            return self.text.clone();
        }
        let more = if self.n_rows > self.rows.len() { ", …" } else { "" };
        format!("{} Rows: {}{more}", self.text, self.rows.join(", "))
    }
}

/// What is checked.
#[derive(Debug, Clone)]
pub struct Check<'a> {
    /// The rows.
    pub items: &'a Items,
    /// Part of each.
    pub splits: &'a [Option<Split>],
    /// What the split promises.
    pub protocol: Protocol,
    /// Hash of each item's decoded frames, or of its file; `None` where it was not computed.
    pub content: Option<&'a [Option<[u8; 32]>]>,
    /// What recordings look like, to find copies that are not equal bit by bit.
    pub near: Option<Near<'a>>,
}

/// Looks for leaks; errors first.
pub fn check(check: &Check) -> Vec<Finding> {
    let mut findings = Vec::new();
    new_is_new(check, &mut findings);
    wells(check, &mut findings);
    recordings(check, &mut findings);
    content(check, &mut findings);
    near::duplicates(check, &mut findings);
    findings.sort_by_key(|finding| (finding.severity, finding.leak));
    findings
}

impl Check<'_> {
    fn finding(&self, severity: Severity, leak: Leak, of: &[usize], text: String) -> Finding {
        let rows = of.iter().take(NAMED).map(|&item| self.items.items[item].row_id.clone()).collect();
        Finding { severity, leak, text, rows, n_rows: of.len() }
    }

    /// The parts in which some items are, without those that have none.
    fn parts(&self, of: &[usize]) -> Vec<Split> {
        let mut parts: Vec<Split> = of.iter().filter_map(|&item| self.splits[item]).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Items under each key, in parts alone.
    fn group<K: Ord>(&self, key: impl Fn(&Item) -> Option<K>) -> BTreeMap<K, Vec<usize>> {
        let mut groups: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for (i, item) in self.items.items.iter().enumerate().filter(|(i, _)| self.splits[*i].is_some()) {
            if let Some(key) = key(item) {
                groups.entry(key).or_default().push(i);
            }
        }
        groups
    }
}

/// `train and query`.
fn named(parts: &[Split]) -> String {
    parts.iter().map(|part| part.label()).collect::<Vec<_>>().join(" and ")
}

/// Items on both sides of training; empty if all are on one.
fn straddles(check: &Check, of: &[usize]) -> bool {
    let seen = |seen: bool| of.iter().any(|&i| check.splits[i].is_some_and(|split| split.is_seen() == seen));
    seen(true) && seen(false)
}

fn new_is_new(check: &Check, findings: &mut Vec<Finding>) {
    let items = check.items;
    if check.protocol == Protocol::Mito {
        return;
    }
    let drugs = check.group(|item| item.compound.filter(|_| !item.control));
    for (compound, of) in drugs.iter().filter(|(_, of)| straddles(check, of)) {
        let text = format!("{} is in {}.", items.compounds[*compound].name, named(&check.parts(of)));
        findings.push(check.finding(Severity::Error, Leak::Compound, of, text));
    }
    // One name for several structures: at least one of them is wrong.
    let mut by_name: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for &compound in drugs.keys() {
        items.compounds[compound]
            .names
            .iter()
            .for_each(|name| by_name.entry(name).or_default().push(compound));
    }
    for (_, compounds) in by_name.into_iter().filter(|(_, compounds)| compounds.len() > 1) {
        let of: Vec<usize> = compounds.iter().flat_map(|compound| &drugs[compound]).copied().collect();
        if straddles(check, &of) && !compounds.iter().any(|compound| straddles(check, &drugs[compound])) {
            let name = &items.compounds[compounds[0]].name;
            let text = format!("{name} is in {} with different structures.", named(&check.parts(&of)));
            findings.push(check.finding(Severity::Error, Leak::Compound, &of, text));
        }
    }
    if check.protocol == Protocol::ScaffoldDisjoint {
        scaffolds(check, &drugs, findings);
    }
    for (moa, name) in items.moas.iter().enumerate() {
        let has = |&i: &usize| {
            let item = &items.items[i];
            check.splits[i].is_some() && !item.control && item.moas.contains(&moa)
        };
        let of: Vec<usize> = (0..items.len()).filter(has).collect();
        let parts = check.parts(&of);
        if check.protocol == Protocol::MoaDisjoint && straddles(check, &of) {
            let text = format!("The mechanism {name} is in {}.", named(&parts));
            findings.push(check.finding(Severity::Error, Leak::Moa, &of, text));
        }
        if matches!(check.protocol, Protocol::DrugDisjoint | Protocol::ScaffoldDisjoint)
            && parts.contains(&Split::Query)
            && !parts.contains(&Split::Train)
        {
            let text = format!("The mechanism {name} is asked for, but not trained on.");
            findings.push(check.finding(Severity::Warning, Leak::UnknownMoa, &of, text));
        }
    }
}

/// Compounds of one scaffold on both sides, where none of them is there itself.
fn scaffolds(check: &Check, drugs: &BTreeMap<usize, Vec<usize>>, findings: &mut Vec<Finding>) {
    let groups = scaffold::groups(check.items);
    let mut by_group: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for &compound in drugs.keys() {
        by_group.entry(&groups[compound]).or_default().push(compound);
    }
    for compounds in by_group.into_values() {
        let of: Vec<usize> = compounds.iter().flat_map(|compound| &drugs[compound]).copied().collect();
        if straddles(check, &of) && !compounds.iter().any(|compound| straddles(check, &drugs[compound])) {
            let names: Vec<&str> =
                compounds.iter().map(|&compound| check.items.compounds[compound].name.as_str()).collect();
            let text =
                format!("One scaffold is in {}: that of {}.", named(&check.parts(&of)), names.join(", "));
            findings.push(check.finding(Severity::Error, Leak::Scaffold, &of, text));
        }
    }
}

fn wells(check: &Check, findings: &mut Vec<Finding>) {
    let items = check.items;
    let placed = |item: &Item| !item.well.is_empty() || !item.site.is_empty();
    let unknown: Vec<usize> =
        (0..items.len()).filter(|&i| check.splits[i].is_some() && !placed(&items.items[i])).collect();
    if !unknown.is_empty() {
        let text = format!(
            "{} rows name neither well nor field: whether these straddle the split cannot be checked.",
            unknown.len()
        );
        findings.push(check.finding(Severity::Warning, Leak::Unchecked, &unknown, text));
    }
    let mut by_parts: BTreeMap<Vec<Split>, (usize, Vec<usize>)> = BTreeMap::new();
    for of in check.group(|item| placed(item).then(|| well_of(items, item))).into_values() {
        let parts = check.parts(&of);
        // Query and gallery may share a well: what is too close is removed for each query.
        if parts.iter().any(|part| part.is_seen()) && parts.len() > 1 {
            let (wells, rows) = by_parts.entry(parts).or_default();
            *wells += 1;
            rows.extend(of);
        }
    }
    for (parts, (wells, of)) in by_parts {
        // The paper's own split goes by cell, so its wells straddle training and query; validation has no
        // such excuse.
        let excused = check.protocol == Protocol::Mito
            && !(parts.contains(&Split::Train) && parts.contains(&Split::Val));
        let severity = if excused { Severity::Warning } else { Severity::Error };
        let text = format!("{wells} wells or fields are in {}.", named(&parts));
        findings.push(check.finding(severity, Leak::Well, &of, text));
    }
}

fn recordings(check: &Check, findings: &mut Vec<Finding>) {
    type Place = (Vec<PathBuf>, usize);
    // The same files in another order show the same.
    let place = |address: &Address| -> Place {
        let mut files: Vec<PathBuf> = address.files().cloned().collect();
        files.sort();
        (files, address.series)
    };
    let groups = check.group(|item| item.address.as_ref().map(place));
    for ((files, series), of) in groups.into_iter().filter(|(_, of)| of.len() > 1) {
        let mut by_crop: BTreeMap<Option<[usize; 4]>, Vec<usize>> = BTreeMap::new();
        for item in of {
            let crop = check.items.items[item].address.as_ref().and_then(|address| address.crop);
            by_crop.entry(crop.map(|c| [c.x, c.y, c.width, c.height])).or_default().push(item);
        }
        let files: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let name = format!("{} (series {series})", files.join(";"));
        for of in by_crop.values() {
            let parts = check.parts(of);
            if parts.len() > 1 {
                let text = format!("One recording is in {}: {name}.", named(&parts));
                findings.push(check.finding(Severity::Error, Leak::Recording, of, text));
            }
        }
        let crops: Vec<(&Option<[usize; 4]>, &Vec<usize>)> = by_crop.iter().collect();
        let mut overlapping = Vec::new();
        for (i, (crop, of)) in crops.iter().enumerate() {
            for (other, others) in &crops[i + 1..] {
                let both = [of.as_slice(), others].concat();
                if overlap(crop.as_ref(), other.as_ref()) && check.parts(&both).len() > 1 {
                    overlapping.extend(both);
                }
            }
        }
        if !overlapping.is_empty() {
            overlapping.sort_unstable();
            overlapping.dedup();
            let parts = check.parts(&overlapping);
            let text = format!("Crops that overlap are in {}: {name}.", named(&parts));
            findings.push(check.finding(Severity::Warning, Leak::Overlap, &overlapping, text));
        }
    }
}

/// Whether two crops share a pixel; a missing one is the whole frame.
fn overlap(a: Option<&[usize; 4]>, b: Option<&[usize; 4]>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return true };
    let meet = |axis: usize| a[axis] < b[axis] + b[axis + 2] && b[axis] < a[axis] + a[axis + 2];
    meet(0) && meet(1)
}

fn content(check: &Check, findings: &mut Vec<Finding>) {
    let Some(hashes) = check.content else { return };
    let mut groups: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    for (i, hash) in hashes.iter().enumerate().take(check.items.len()) {
        if let (Some(hash), Some(_)) = (hash, check.splits[i]) {
            groups.entry(*hash).or_default().push(i);
        }
    }
    for of in groups.into_values().filter(|of| of.len() > 1) {
        let parts = check.parts(&of);
        let (severity, text) = if parts.len() > 1 {
            (Severity::Error, format!("{} rows in {} have the same content.", of.len(), named(&parts)))
        } else {
            (Severity::Warning, format!("{} rows in {} have the same content.", of.len(), named(&parts)))
        };
        findings.push(check.finding(severity, Leak::Content, &of, text));
    }
}

#[cfg(test)]
mod tests;

//! Who is trained on, who asks and who may be found: the protocols of an evaluation.
//!
//! A [`Plan`] is made from the table's `split` column or, where that names no query and gallery, from a seed
//! ([`make_split`]). It is checked before it is used: a compound (or mechanism) that must be new is in no
//! training row, and in no model's list of drugs.

mod known;
mod make;
pub(crate) mod scaffold;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::items::{Item, Items, plain};
use crate::model::card::DrugClass;

pub use known::Known;
pub(crate) use make::well_of;
pub use make::{Part, make_split, take_validation};

/// Names listed in a message at most.
const LISTED: usize = 5;

/// Part of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Trained on.
    Train,
    /// Chooses among models.
    Val,
    /// Asks.
    Query,
    /// May be found.
    Gallery,
}

impl Split {
    /// Reads the table's word; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Train, Self::Val, Self::Query, Self::Gallery].into_iter().find(|split| split.label() == text)
    }

    /// The table's word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Query => "query",
            Self::Gallery => "gallery",
        }
    }

    /// True for what a model saw before it was done: trained on or chosen by.
    pub const fn is_seen(self) -> bool {
        matches!(self, Self::Train | Self::Val)
    }
}

/// What is new in the query. `MitoReID` (Nat Comput Sci 2024, 4:600-614) has the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The cell: drugs are known from other cells.
    Mito,
    /// The compound: its mechanism is known from other drugs.
    DrugDisjoint,
    /// The compound and its scaffold (Bemis and Murcko): its mechanism is known from drugs that are built otherwise.
    ScaffoldDisjoint,
    /// The mechanism.
    MoaDisjoint,
}

impl Protocol {
    /// Its name on the command line and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Mito => "mito",
            Self::DrugDisjoint => "drug-disjoint",
            Self::ScaffoldDisjoint => "scaffold-disjoint",
            Self::MoaDisjoint => "moa-disjoint",
        }
    }

    /// What is taken out of training to validate on, so that it is as new as the queries will be.
    pub const fn part(self) -> Part {
        match self {
            Self::Mito => Part::Well,
            Self::DrugDisjoint => Part::Compound,
            Self::ScaffoldDisjoint => Part::Scaffold,
            Self::MoaDisjoint => Part::Mechanism,
        }
    }
}

/// A protocol cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A compound or mechanism that must be new is not.
    #[error(
        "{protocol}: {what} in the query or gallery and in training: {names}. Correct the split column, \
         clear it to get a split of this kind, or choose another protocol"
    )]
    Straddles {
        /// The protocol.
        protocol: &'static str,
        /// `3 compounds are`.
        what: String,
        /// Their names, the first few.
        names: String,
    },
    /// The model knows what must be new.
    #[error(
        "{protocol}: the model was trained with {what} in the query or gallery: {names}. Train on this split, \
         choose the mito protocol, or accept a result that is marked as contaminated"
    )]
    Contaminated {
        /// The protocol.
        protocol: &'static str,
        /// `3 compounds that are`.
        what: String,
        /// Their names, the first few.
        names: String,
    },
    /// Nobody asks, or nobody can be found.
    #[error("{protocol}: {rows} rows with a compound leave no {part}. {remedy}")]
    Empty {
        /// The protocol.
        protocol: &'static str,
        /// Rows that take part.
        rows: usize,
        /// `query` or `gallery`.
        part: &'static str,
        /// What to do, a whole sentence.
        remedy: &'static str,
    },
}

/// Who asks and who may be found.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The protocol.
    pub protocol: Protocol,
    /// Part of each item; `None` where it has none.
    pub splits: Vec<Option<Split>>,
    /// Which part is measured: `query/gallery` or `val`.
    pub split: &'static str,
    /// Where the split is from: `table`, or `seed 7`.
    pub split_from: String,
    /// Items that ask.
    pub query: Vec<usize>,
    /// Items that may be found.
    pub gallery: Vec<usize>,
    /// Items of query and gallery that are left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// Compounds or mechanisms that the model knows although they must be new.
    pub contaminated: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Plan {
    /// A plan by the table's split column, or where that names neither query nor gallery by a seed.
    ///
    /// # Errors
    /// The column names one of the two alone; otherwise as [`Self::of`].
    pub fn new(items: &Items, protocol: Protocol, seed: u64) -> Result<Self, ProtocolError> {
        let column: Vec<Option<Split>> = items.items.iter().map(|item| item.split).collect();
        let has = |split| column.contains(&Some(split));
        let half = |part| ProtocolError::Empty {
            protocol: protocol.label(),
            rows: items.len(),
            part,
            remedy: "The split column must name query and gallery, or neither of them.",
        };
        match (has(Split::Query), has(Split::Gallery)) {
            (true, true) => Self::of(items, protocol, column, "table".to_owned()),
            (false, false) => Self::made(items, protocol, seed),
            (true, false) => Err(half("gallery")),
            (false, true) => Err(half("query")),
        }
    }

    /// A plan by a seed, whatever the table says.
    pub fn made(items: &Items, protocol: Protocol, seed: u64) -> Result<Self, ProtocolError> {
        Self::of(items, protocol, make_split(items, protocol, seed), format!("seed {seed}"))
    }

    /// A plan by a split that is given, one part per item.
    ///
    /// # Errors
    /// What must be new is in training; there is no query or no gallery.
    pub fn of(
        items: &Items,
        protocol: Protocol,
        splits: Vec<Option<Split>>,
        split_from: String,
    ) -> Result<Self, ProtocolError> {
        let names = straddling(items, &splits, protocol);
        if !names.is_empty() {
            let what = match (protocol, names.len()) {
                (Protocol::MoaDisjoint, 1) => "1 mechanism is".to_owned(),
                (Protocol::MoaDisjoint, n) => format!("{n} compounds or mechanisms are"),
                (Protocol::ScaffoldDisjoint, 1) => "1 compound or its scaffold is".to_owned(),
                (Protocol::ScaffoldDisjoint, n) => format!("{n} compounds or their scaffolds are"),
                (_, 1) => "1 compound is".to_owned(),
                (_, n) => format!("{n} compounds are"),
            };
            return Err(ProtocolError::Straddles { protocol: protocol.label(), what, names: listed(&names) });
        }
        let mut left_out = BTreeMap::new();
        let mut part = |split| -> Vec<usize> {
            let of: Vec<usize> = (0..items.len()).filter(|&i| splits[i] == Some(split)).collect();
            if protocol == Protocol::Mito {
                return of;
            }
            // Every model knows the controls, so they are not new.
            let (controls, of): (Vec<usize>, Vec<usize>) =
                of.into_iter().partition(|&i| items.items[i].control);
            if !controls.is_empty() {
                *left_out.entry("controls, which are no new compounds".to_owned()).or_default() +=
                    controls.len();
            }
            of
        };
        let (query, gallery) = (part(Split::Query), part(Split::Gallery));
        for (part, of) in [("query", &query), ("gallery", &gallery)] {
            if of.is_empty() {
                return Err(ProtocolError::Empty {
                    protocol: protocol.label(),
                    rows: items.len(),
                    part,
                    remedy: match protocol {
                        Protocol::Mito => {
                            "A drug needs at least three wells, or cells where no wells are named."
                        }
                        Protocol::DrugDisjoint => "A mechanism needs at least three compounds.",
                        Protocol::ScaffoldDisjoint => {
                            "A mechanism needs at least three compounds, and not all of one scaffold."
                        }
                        Protocol::MoaDisjoint => "There must be three mechanisms with two compounds each.",
                    },
                });
            }
        }
        let by_scaffold = protocol == Protocol::ScaffoldDisjoint;
        Ok(Self {
            protocol,
            notes: by_scaffold.then(|| scaffold::note(items, &splits)).flatten().into_iter().collect(),
            splits,
            split: "query/gallery",
            split_from,
            query,
            gallery,
            left_out,
            contaminated: Vec::new(),
        })
    }

    /// The same plan for choosing among models: validation rows ask. What may be found are validation rows,
    /// and the training rows too if `known`: as when a new compound is sought among known ones.
    #[must_use]
    pub fn validation(&self, items: &Items, known: bool) -> Self {
        let of = |splits: &[Split]| -> Vec<usize> {
            let is_in = |i: usize| self.splits[i].is_some_and(|split| splits.contains(&split));
            let is_new = |i: usize| self.protocol == Protocol::Mito || !items.items[i].control;
            (0..items.len()).filter(|&i| is_in(i) && is_new(i)).collect()
        };
        let gallery = if known { of(&[Split::Val, Split::Train]) } else { of(&[Split::Val]) };
        Self { split: "val", query: of(&[Split::Val]), gallery, left_out: BTreeMap::new(), ..self.clone() }
    }

    /// Items of one part.
    pub fn part(&self, split: Split) -> Vec<usize> {
        (0..self.splits.len()).filter(|&i| self.splits[i] == Some(split)).collect()
    }

    /// Compares a model's drugs with what must be new to it. With `accept` the result is marked, not refused.
    ///
    /// # Errors
    /// Names the compounds (or mechanisms) that the model knows.
    pub fn check_model(
        &mut self,
        items: &Items,
        drugs: &[DrugClass],
        accept: bool,
    ) -> Result<(), ProtocolError> {
        if self.protocol == Protocol::Mito {
            return Ok(());
        }
        let seen = Known::of(drugs, self.protocol);
        let moas: BTreeSet<String> = drugs.iter().flat_map(|drug| &drug.moas).map(|moa| plain(moa)).collect();
        let mut known = BTreeSet::new();
        let asked = || self.query.iter().chain(&self.gallery).copied();
        let compounds: BTreeSet<usize> = asked().filter_map(|i| items.items[i].compound).collect();
        let compounds = compounds.into_iter().map(|compound| &items.compounds[compound]);
        known.extend(compounds.filter(|compound| seen.has(compound)).map(|compound| compound.name.clone()));
        for i in asked() {
            if self.protocol == Protocol::MoaDisjoint {
                let of = items.items[i].moas.iter().map(|&moa| &items.moas[moa]);
                known.extend(of.filter(|moa| moas.contains(&plain(moa))).cloned());
            }
        }
        self.contaminated = known.into_iter().collect();
        if self.contaminated.is_empty() || accept {
            return Ok(());
        }
        let what = match (self.protocol, self.contaminated.len()) {
            (Protocol::MoaDisjoint, n) => format!("{n} compounds or mechanisms"),
            (Protocol::ScaffoldDisjoint, 1) => "1 compound (or another of its scaffold) that is".to_owned(),
            (Protocol::ScaffoldDisjoint, n) => {
                format!("{n} compounds (or others of their scaffolds) that are")
            }
            (_, 1) => "1 compound that is".to_owned(),
            (_, n) => format!("{n} compounds that are"),
        };
        let names = listed(&self.contaminated);
        Err(ProtocolError::Contaminated { protocol: self.protocol.label(), what, names })
    }
}

/// Names of what is both seen in training and asked for, though the protocol says that it is new. Controls
/// may be both.
pub(super) fn straddling(items: &Items, splits: &[Option<Split>], protocol: Protocol) -> Vec<String> {
    if protocol == Protocol::Mito {
        return Vec::new();
    }
    let mut compounds: BTreeSet<Option<usize>> = BTreeSet::new();
    let mut names: BTreeSet<&String> = BTreeSet::new();
    let mut moas: BTreeSet<usize> = BTreeSet::new();
    let groups = if protocol == Protocol::ScaffoldDisjoint { scaffold::groups(items) } else { Vec::new() };
    let group = |item: &Item| item.compound.and_then(|compound| groups.get(compound));
    let mut scaffolds: BTreeSet<&String> = BTreeSet::new();
    for (i, (item, split)) in items.items.iter().zip(splits).enumerate() {
        if split.is_some_and(Split::is_seen) && !item.control {
            compounds.insert(item.compound);
            names.extend(items.compound(i).into_iter().flat_map(|compound| &compound.names));
            moas.extend(&item.moas);
            scaffolds.extend(group(item));
        }
    }
    let mut found = BTreeSet::new();
    for (i, (item, split)) in items.items.iter().zip(splits).enumerate() {
        let Some(compound) = items.compound(i).filter(|_| !item.control) else { continue };
        if split.is_none_or(Split::is_seen) {
            continue;
        }
        let is_known = compounds.contains(&item.compound)
            || compound.names.iter().any(|name| names.contains(name))
            || group(item).is_some_and(|group| scaffolds.contains(group));
        if is_known {
            found.insert(compound.name.clone());
        }
        if protocol == Protocol::MoaDisjoint {
            found.extend(
                item.moas.iter().filter(|moa| moas.contains(moa)).map(|&moa| items.moas[moa].clone()),
            );
        }
    }
    found.into_iter().collect()
}

/// The first few names and how many more there are.
pub(crate) fn listed(names: &[String]) -> String {
    let text = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

#[cfg(test)]
mod tests;

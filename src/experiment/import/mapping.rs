//! Which column of a source becomes which of the manifest: guessed, with the reason, and changed by the user at will.

use std::collections::HashSet;

use super::super::columns::{Column, Kind, STANDARD, Standard};
use super::patterns::{Pattern, decimal_commas, free_kind, recognise};
use super::source::Source;
use super::synonyms::synonyms;
use super::units::{self, Unit};

/// What becomes of a source's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A column of the manifest.
    Standard(&'static str),
    /// A free column of the same name, which holds this.
    Free(Kind),
    /// A number of the row's profile. Never guessed here: [`super::profile`] tells such columns.
    Feature,
    /// It is left out.
    Skip,
}

/// One column of a source and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedColumn {
    /// Its name in the source.
    pub source: String,
    /// What it becomes.
    pub target: Target,
    /// Unit of its values, where the manifest keeps another; `None` = the manifest's.
    pub unit: Option<&'static Unit>,
    /// True where numbers are written with a decimal comma.
    pub decimal_comma: bool,
    /// Why this is the guess, for people.
    pub reason: String,
}

/// What becomes of each column of a source, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// One per column of the source.
    pub columns: Vec<MappedColumn>,
}

impl Mapping {
    /// Number of the source's column that becomes this one of the manifest.
    pub fn source_of(&self, standard: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.target == Target::Standard(standard_name(standard)))
    }

    /// Proposes free columns of these names as features.
    pub fn take_features(&mut self, names: &[String]) {
        for column in &mut self.columns {
            if matches!(column.target, Target::Free(_)) && names.contains(&column.source) {
                column.target = Target::Feature;
                "numbers beside columns called Metadata_*".clone_into(&mut column.reason);
            }
        }
    }

    /// Changes what becomes of a column, as chosen by the user: a unit is taken from its name again, and a column that
    /// had this target before becomes a free one.
    pub fn choose(&mut self, source: &Source, column: usize, target: Target) {
        if let Target::Standard(_) = target {
            for (other, mapped) in self.columns.iter_mut().enumerate() {
                if mapped.target == target && other != column {
                    mapped.target = Target::Free(kind_of(source, other, mapped.decimal_comma));
                    "another column was chosen".clone_into(&mut mapped.reason);
                }
            }
        }
        if let Some(mapped) = self.columns.get_mut(column) {
            mapped.target = target;
            mapped.unit = match target {
                Target::Standard(name) => unit_of(name, &mapped.source),
                _ => None,
            };
            "chosen by hand".clone_into(&mut mapped.reason);
        }
    }
}

fn standard_name(name: &str) -> &'static str {
    STANDARD.iter().find(|standard| standard.name == name).map_or("", |standard| standard.name)
}

/// A possible assignment; the best come first.
struct Candidate {
    score: u32,
    column: usize,
    standard: &'static Standard,
    reason: String,
}

/// Guesses what each column means, from its name, its unit and its values. Each column of the manifest is given once.
pub fn guess(source: &Source) -> Mapping {
    let mut candidates = Vec::new();
    for (column, name) in source.header().iter().enumerate() {
        for standard in &STANDARD {
            if let Some((score, reason)) = by_name(name, standard) {
                candidates.push(Candidate { score, column, standard, reason });
            }
        }
        let Some((pattern, reason)) = recognise(source.cells(column)) else { continue };
        for candidate in &mut candidates {
            // What a name promises and the values keep outranks another name's promise.
            if candidate.column == column && candidate.standard.name == pattern.column() {
                candidate.score += 5;
                candidate.reason = format!("{}; {reason}", candidate.reason);
            }
        }
        if let Some(standard) = STANDARD.iter().find(|standard| standard.name == pattern.column()) {
            candidates.push(Candidate { score: 40, column, standard, reason });
        }
    }
    // Equal scores: the column that comes first.
    candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.score), candidate.column));
    let mut given: Vec<Option<Candidate>> = source.header().iter().map(|_| None).collect();
    let mut taken = HashSet::new();
    for candidate in candidates {
        if given[candidate.column].is_none() && taken.insert(candidate.standard.name) {
            let column = candidate.column;
            given[column] = Some(candidate);
        }
    }
    let columns =
        given.into_iter().enumerate().map(|(column, given)| mapped(source, column, given)).collect();
    Mapping { columns }
}

fn mapped(source: &Source, column: usize, given: Option<Candidate>) -> MappedColumn {
    let name = source.header()[column].clone();
    let decimal_comma = decimal_commas(source.cells(column));
    let Some(Candidate { standard, mut reason, .. }) = given else {
        let running = name.starts_with("column ") || name.starts_with("Unnamed: ");
        if running && source.cells(column).enumerate().all(|(row, cell)| cell.parse() == Ok(row)) {
            return MappedColumn {
                source: name,
                target: Target::Skip,
                unit: None,
                decimal_comma,
                reason: "the rows' running number, without a name".to_owned(),
            };
        }
        let kind = kind_of(source, column, decimal_comma);
        let unit = Column::of(&name, kind).unit.map(|unit| format!(" in {unit}")).unwrap_or_default();
        return MappedColumn {
            source: name,
            target: Target::Free(kind),
            unit: None,
            decimal_comma,
            reason: format!("no column of the manifest; kept as {}{unit}", kind.label()),
        };
    };
    let unit = unit_of(standard.name, &name);
    if let Some(quantity) = units::quantity(standard.name) {
        let kept = Unit::kept(quantity);
        match unit {
            Some(unit) if unit != kept => {
                reason = format!("{reason}; {} are converted into {}", unit.name, kept.name);
            }
            Some(_) => {}
            None => reason = format!("{reason}; no unit is given, {} is assumed", kept.name),
        }
    }
    if decimal_comma {
        reason.push_str("; decimal commas");
    }
    MappedColumn { source: name, target: Target::Standard(standard.name), unit, decimal_comma, reason }
}

/// The kind of a free column: the file's, or the one that keeps all of its values.
pub(super) fn kind_of(source: &Source, column: usize, decimal_comma: bool) -> Kind {
    source.kind(column).unwrap_or_else(|| free_kind(source.cells(column), decimal_comma))
}

fn unit_of(standard: &str, name: &str) -> Option<&'static Unit> {
    units::quantity(standard).and_then(|quantity| units::in_name(quantity, name))
}

/// A name without case, separators, unit and the prefix of profile tables.
pub(super) fn simplify(name: &str) -> String {
    let name = name.trim();
    let name = name.strip_prefix("Metadata_").or_else(|| name.strip_prefix("metadata_")).unwrap_or(name);
    let name = name.split(['(', '[']).next().unwrap_or(name);
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'μ' { 'µ' } else { c })
        .collect()
}

/// How well a name fits a column of the manifest, and why.
pub(super) fn by_name(name: &str, standard: &Standard) -> Option<(u32, String)> {
    if name == standard.name {
        return Some((100, "the manifest's own name".to_owned()));
    }
    let simple = simplify(name);
    if simple == simplify(standard.name) {
        let reason = if name.to_ascii_lowercase().starts_with("metadata_") {
            "the manifest's name with the prefix Metadata_"
        } else {
            "the manifest's name in another spelling"
        };
        return Some((95, reason.to_owned()));
    }
    // Without its unit: conc_nM is a conc.
    let bare =
        units::quantity(standard.name).and_then(|quantity| units::in_name(quantity, name)).and_then(|unit| {
            let simple_unit = simplify(unit.name);
            [simple_unit.as_str(), "um", "nm"]
                .iter()
                .find_map(|end| simple.strip_suffix(end).map(ToOwned::to_owned))
        });
    let words = synonyms(standard.name);
    words.iter().enumerate().find_map(|(rank, word)| {
        (*word == simple || bare.as_deref() == Some(*word))
            .then(|| (80 - rank.min(30) as u32, format!("{name} is a usual name for {}", standard.name)))
    })
}

impl Pattern {
    /// The manifest's column that such values belong to.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Wells => "well",
            Self::Smiles => "smiles",
            Self::Recordings => "path",
            Self::Controls => "control",
            Self::Splits => "split",
        }
    }
}

//! Protocols of an evaluation that take the whole table: the vectors of an experiment's rows, what stands beside them, and the
//! columns that the protocol asks by.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::assess;
use super::encoder::{Baseline, EncodeError, Encoder, Rows};
use super::mlp_folds::{MlpFolds, mlp_folds};
use crate::analysis::evaluate::RESAMPLES;
use crate::analysis::items::{Compound, Item, Items};
use crate::analysis::protocols::{
    self, Domains, FRAME, Identity, Kind, Outcome, Phenotype, ProtocolError, Question, Vectors, cell_counts,
    position,
};
use crate::analysis::split::{self, Known};
use crate::chem::{Ecfp4, Molecule};
use crate::experiment::Experiment;
use crate::model::card::DrugClass;
use crate::progress::Progress;

/// Said where there is no baseline of it.
const NO_PLACE: &str =
    "Neither wells nor places in a recording are known of all rows: there is no baseline of the position.";

/// Column of the targets that `mlp-5fold` asks for where none is named.
const TARGETS: &str = "moa";

/// A protocol cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The rows.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// What is asked, with the names of columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Tells domains apart: `plate-knn`; where it is given `leave-plate-out` and `mlp-5fold`.
    pub domain: Option<String>,
    /// What is asked for: `phenotype`, `identity`, and the targets of `mlp-5fold`.
    pub label: Option<String>,
    /// What is left out as a whole: `phenotype`.
    pub group: Option<String>,
    /// Frames between rows of one label: `identity`.
    pub min_gap: Option<u32>,
}

impl Columns {
    /// Says which option is missing or not read, or names a column that is not there. Nothing is computed.
    ///
    /// # Errors
    /// All are wrong usage.
    pub fn check(&self, kind: Kind, experiment: &Experiment) -> Result<(), ProtocolError> {
        let protocol = kind.label();
        let given = [
            ("--domain", self.domain.is_some()),
            ("--label", self.label.is_some()),
            ("--group", self.group.is_some()),
            ("--min-gap", self.min_gap.is_some()),
        ];
        let read: &[&str] = match kind {
            Kind::Nsc => &[],
            Kind::LeavePlateOut | Kind::PlateKnn => &["--domain"],
            Kind::MlpFolds => &["--domain", "--label"],
            Kind::Phenotype => &["--label", "--group"],
            Kind::Identity => &["--label", "--min-gap"],
        };
        let unread = given.iter().filter(|(option, is_given)| *is_given && !read.contains(option));
        let unread: Vec<&str> = unread.map(|(option, _)| *option).collect();
        if !unread.is_empty() {
            return Err(ProtocolError::Unread { protocol, options: unread.join(", ") });
        }
        let needs = |option, why| ProtocolError::Option { protocol, option, why };
        let domain = || needs("--domain COLUMN", "the column that tells domains apart, as cell_line");
        let label = || needs("--label COLUMN", "the column that says what is to be found");
        match kind {
            Kind::PlateKnn if self.domain.is_none() => return Err(domain()),
            Kind::Phenotype | Kind::Identity if self.label.is_none() => return Err(label()),
            Kind::Phenotype if self.group.is_none() => {
                return Err(needs("--group COLUMN", "the column whose values are left out as a whole"));
            }
            Kind::Identity if self.min_gap.is_none() => {
                return Err(needs("--min-gap FRAMES", "how far apart two rows of one label begin at least"));
            }
            _ => {}
        }
        let mut named = [&self.domain, &self.label, &self.group].into_iter().flatten();
        match named.find(|column| experiment.table.column(column).is_none()) {
            Some(column) => Err(ProtocolError::Column { column: column.clone() }),
            None => Ok(()),
        }
    }
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Asked {
    /// One per level, exclusion, normalisation and pair of domains.
    pub outcomes: Vec<Outcome>,
    /// Rows that could not be read and why.
    pub problems: Vec<(String, String)>,
    /// Rows of which less can be said than of others, and why.
    pub warnings: Vec<(String, String)>,
}

/// Encodes the rows and asks. Steps of `progress` are rows, then whatever the protocol counts. With `accept_contamination` what the
/// encoder was trained with is marked, not refused.
///
/// # Errors
/// An option or a column is missing, or not read; the encoder was trained with compounds of the rows; no row can be encoded; nothing
/// can be asked of the rows.
pub fn ask(
    experiment: &Arc<Experiment>,
    encoder: &dyn Encoder,
    (kind, columns): (Kind, &Columns),
    seed: u64,
    accept_contamination: bool,
    progress: &Progress,
) -> Result<Asked, QuestionError> {
    columns.check(kind, experiment)?;
    let by_label = matches!(kind, Kind::Phenotype | Kind::Identity);
    let mut items = if by_label { Items::with_unnamed(experiment) } else { Items::of(experiment) };
    let about = encoder.about();
    let known = about.trained_with.as_ref().map(|drugs| known_to(drugs, &items)).unwrap_or_default();
    if !known.is_empty() && !accept_contamination {
        let names = split::listed(&known);
        return Err(ProtocolError::Contaminated { protocol: kind.label(), count: known.len(), names }.into());
    }
    if about.trained_with.is_none() {
        items.notes.push("Nobody knows with which compounds these vectors were trained.".to_owned());
    }
    let rows = Rows { baselines: true, ..Rows::of(experiment, &items) };
    let encoded = encoder.encode(&rows, progress)?.finite()?;
    let readable: HashSet<usize> = encoded.rows.iter().copied().collect();
    items.retain("cannot be read", |item| readable.contains(&item.row));
    let mut baselines: Vec<Vectors> = encoded.baselines.iter().map(vectors).collect();
    match cell_counts(experiment, &items) {
        Ok(counts) => baselines.push(counts),
        Err(why) => items.notes.push(why),
    }
    if about.family != assess::BIOMARKERS
        && let Some(measured) = assess::handmade(experiment, &mut items, progress)?
    {
        let name = assess::BIOMARKERS.to_owned();
        let (dim, values) = (measured.dim, measured.values);
        baselines.push(Vectors { name, dim, values, by_distance: false });
    }
    if by_label {
        match places(experiment, &items) {
            Some(places) => baselines.push(places),
            None => items.notes.push(NO_PLACE.to_owned()),
        }
    }
    let own =
        Vectors { name: about.name.clone(), dim: encoded.dim, values: encoded.values, by_distance: false };
    let simulated = about.simulated || items.items.iter().any(|item| item.simulated);
    let question = Question {
        items: &items,
        vectors: &own,
        baselines: &baselines,
        simulated: about.simulated,
        seed,
        resamples: RESAMPLES,
    };
    let column = |name: Option<&str>| texts(experiment, &items, name.unwrap_or_default());
    let (domain, label) = (column(columns.domain.as_deref()), column(columns.label.as_deref()));
    let domain_column = columns.domain.as_deref().unwrap_or_default();
    let domains = Domains { column: domain_column, values: &domain };
    let mut outcomes = match kind {
        Kind::Nsc => protocols::nsc(&question, progress)?,
        Kind::LeavePlateOut => {
            protocols::leave_plate_out(&question, columns.domain.as_ref().map(|_| domains), progress)?
        }
        Kind::PlateKnn => protocols::plate_knn(&question, domains, progress)?,
        Kind::Identity => {
            let frames: Vec<Option<f64>> =
                items.items.iter().map(|item| experiment.table.number(item.row, FRAME)).collect();
            let identity = Identity {
                column: columns.label.as_deref().unwrap_or_default(),
                labels: &label,
                frames: &frames,
                min_gap: f64::from(columns.min_gap.unwrap_or_default()),
            };
            protocols::identity(&question, &identity, progress)?
        }
        Kind::Phenotype => {
            let groups: Vec<String> =
                column(columns.group.as_deref()).into_iter().map(Option::unwrap_or_default).collect();
            let beside = beside(&baselines);
            let phenotype = Phenotype {
                vectors: &own.values,
                dim: own.dim,
                labels: &label,
                groups: &groups,
                baselines: &beside,
                simulated,
                seed,
                label: columns.label.as_deref().unwrap_or_default(),
                group: columns.group.as_deref().unwrap_or_default(),
            };
            with_notes(protocols::phenotype(&phenotype, progress)?, &question)
        }
        Kind::MlpFolds => {
            let domains: Option<Vec<String>> = columns
                .domain
                .as_ref()
                .map(|_| domain.iter().map(|name| name.clone().unwrap_or_default()).collect());
            let targets = columns.label.as_deref().unwrap_or(TARGETS);
            let of = |text: Option<String>| {
                let text = text.unwrap_or_default();
                let parts = text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty());
                parts.map(str::to_owned).collect::<Vec<String>>()
            };
            let beside = beside(&baselines);
            let folds = MlpFolds {
                vectors: &own.values,
                dim: own.dim,
                compounds: &items
                    .items
                    .iter()
                    .map(|item| item.compound.filter(|_| !item.control))
                    .collect::<Vec<_>>(),
                wells: &items.items.iter().map(|item| item.well.clone()).collect::<Vec<_>>(),
                plates: &items.items.iter().map(|item| item.plate.clone()).collect::<Vec<_>>(),
                targets: &texts(experiment, &items, targets).into_iter().map(of).collect::<Vec<_>>(),
                fingerprints: &fingerprints(&items),
                domains: domains.as_deref(),
                baselines: &beside,
                simulated,
                seed,
                resamples: RESAMPLES,
                label: targets,
            };
            with_notes(mlp_folds(&folds, progress)?, &question)
        }
    };
    for outcome in &mut outcomes {
        outcome.contaminated.clone_from(&known);
    }
    Ok(Asked { outcomes, problems: encoded.problems, warnings: encoded.warnings })
}

/// Name, length and numbers of what stands beside.
fn beside(baselines: &[Vectors]) -> Vec<(String, usize, Vec<f32>)> {
    baselines.iter().map(|one| (one.name.clone(), one.dim, one.values.clone())).collect()
}

/// What the rows have to say of themselves is said in every object.
fn with_notes(mut outcomes: Vec<Outcome>, question: &Question) -> Vec<Outcome> {
    for outcome in &mut outcomes {
        outcome.notes.extend(question.notes());
    }
    outcomes
}

/// Of each compound; `None` where its structure is unknown.
fn fingerprints(items: &Items) -> Vec<Option<Ecfp4>> {
    let of = |compound: &Compound| {
        let smiles = compound.smiles.as_ref()?;
        Molecule::from_smiles(smiles).ok()?.parent().ecfp4().ok()
    };
    items.compounds.par_iter().map(of).collect()
}

fn vectors(baseline: &Baseline) -> Vectors {
    let Baseline { name, dim, values, by_distance } = baseline;
    Vectors { name: (*name).to_owned(), dim: *dim, values: values.clone(), by_distance: *by_distance }
}

/// The cells of a column by item; `None` where one is empty.
fn texts(experiment: &Experiment, items: &Items, column: &str) -> Vec<Option<String>> {
    let text = |item: &Item| experiment.table.text(item.row, column).trim().to_owned();
    items.items.iter().map(|item| Some(text(item)).filter(|text| !text.is_empty())).collect()
}

/// Where rows lie, by distance: in their recording, else on their plate; `None` where the table does not say it of all.
fn places(experiment: &Experiment, items: &Items) -> Option<Vectors> {
    let number = |item: &Item, column: &str| experiment.table.number(item.row, column).map(|x| x as f32);
    let place = |item: &Item| Some([number(item, "crop_x")?, number(item, "crop_y")?]);
    let of_crops: Option<Vec<[f32; 2]>> = items.items.iter().map(place).collect();
    if let Some(values) = of_crops.map(|values| values.concat())
        && values.iter().all(|value| value.is_finite())
    {
        return Some(Vectors { name: "position".to_owned(), dim: 2, values, by_distance: true });
    }
    let rows: Vec<usize> = (0..items.len()).collect();
    position(items, &rows, &mut Vec::new()).filter(|place| place.values.iter().all(|x| x.is_finite()))
}

/// Names of the compounds of treated rows that a model was trained with.
fn known_to(drugs: &[DrugClass], items: &Items) -> Vec<String> {
    let seen = Known::of(drugs, split::Protocol::DrugDisjoint);
    let asked: BTreeSet<usize> =
        items.items.iter().filter(|item| !item.control).filter_map(|item| item.compound).collect();
    let compounds = asked.into_iter().map(|compound| &items.compounds[compound]);
    let names: BTreeSet<&String> =
        compounds.filter(|compound| seen.has(compound)).map(|compound| &compound.name).collect();
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::items::plain;

    #[test]
    fn compounds_of_treated_rows_that_the_model_knows_are_named() {
        let row = |compound, control| Item { compound: Some(compound), control, ..Item::default() };
        let compound = |name: &str| Compound {
            name: name.to_owned(),
            names: BTreeSet::from([plain(name)]),
            ..Compound::default()
        };
        let items = Items {
            items: vec![row(0, false), row(1, false), row(0, false), row(2, true)],
            compounds: ["FCCP", "Taxol", "DMSO"].map(compound).into(),
            ..Items::default()
        };
        let drug = |name: &str| DrugClass {
            name: name.to_owned(),
            skeleton: String::new(),
            smiles: String::new(),
            moas: Vec::new(),
        };
        assert_eq!(known_to(&[drug("FCCP"), drug("DMSO")], &items), ["FCCP"]);
        assert!(known_to(&[drug("DMSO")], &items).is_empty() && known_to(&[], &items).is_empty());
    }
}

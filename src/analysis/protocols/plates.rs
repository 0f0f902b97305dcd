//! Which compound a row was treated with, by the rows of other plates: within a domain and from one to another.
//!
//! Two directions of one question. `leave-plate-out`: rows of the source ask the plates of the target. `plate-knn`, the
//! challenge as held: rows of the target are classified by their nearest neighbours on the plates of the source. Neither sees
//! its own plate. Where all plates share a layout the position of a well names its compound, so each score is given a second
//! time without the rows at the query's own position.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Ask, Labels, Sight};
use super::baselines::{position, with_shuffled};
use super::exam::Exam;
use super::levels::Units;
use super::report::Outcome;
use super::{Kind, Level, ProtocolError, Question, Vectors};
use crate::analysis::evaluate::Normalisation;
use crate::progress::Progress;

/// A column that tells domains apart: cell lines, times, laboratories.
#[derive(Debug, Clone, Copy)]
pub struct Domains<'a> {
    /// Its name.
    pub column: &'a str,
    /// Its values by row; `None` where a cell is empty.
    pub values: &'a [Option<String>],
}

/// Two objects for each ordered pair of domains, or two in all without any: with the own plate left out, and with the own
/// position left out too.
///
/// # Errors
/// Fewer than two plates; numbers that do not fit the rows; the user stopped it.
pub fn leave_plate_out(
    question: &Question,
    domains: Option<Domains>,
    progress: &Progress,
) -> Result<Vec<Outcome>, ProtocolError> {
    Plates::new(question, Kind::LeavePlateOut, domains)?.outcomes(progress)
}

/// Two objects for each ordered pair of domains, as [`leave_plate_out`], with the accuracy of one and of five neighbours.
///
/// # Errors
/// As [`leave_plate_out`].
pub fn plate_knn(
    question: &Question,
    domains: Domains,
    progress: &Progress,
) -> Result<Vec<Outcome>, ProtocolError> {
    Plates::new(question, Kind::PlateKnn, Some(domains))?.outcomes(progress)
}

/// Rows that take part, with what stands beside their vectors.
struct Plates<'a> {
    question: &'a Question<'a>,
    kind: Kind,
    units: Units,
    vectors: Vectors,
    baselines: Vec<Vectors>,
    /// The compounds, then the shuffled ones.
    labels: Vec<Labels>,
    compound: Vec<usize>,
    /// Names of the domains.
    names: Vec<String>,
    /// Domain of each row, a place in the names; 0 without domains.
    domain: Vec<usize>,
    notes: Vec<String>,
}

impl<'a> Plates<'a> {
    fn new(question: &'a Question<'a>, kind: Kind, domains: Option<Domains>) -> Result<Self, ProtocolError> {
        question.check(kind)?;
        let items = question.items;
        let mut notes = question.notes();
        let treated = |row: &usize| !items.items[*row].control && items.items[*row].compound.is_some();
        let all: Vec<usize> = (0..items.len()).filter(treated).collect();
        let of = |row: usize| domains.map(|domains| domains.values[row].as_deref());
        let known = |row: &usize| !items.items[*row].plate.is_empty() && of(*row) != Some(None);
        let rows: Vec<usize> = all.iter().copied().filter(known).collect();
        if rows.len() < all.len() {
            let n = all.len() - rows.len();
            let column = domains.map_or_else(String::new, |domains| format!(" or no {}", domains.column));
            notes.push(format!("{n} rows name no plate{column}, and take no part."));
        }
        let plates: BTreeSet<&String> = rows.iter().map(|&row| &items.items[row].plate).collect();
        if plates.len() < 2 {
            return Err(ProtocolError::Empty {
                protocol: kind.label(),
                why: format!("{} treated rows are of {} plates; two are needed", rows.len(), plates.len()),
                remedy: "Name the plate of each row in the column plate, and give all tables of the experiment.",
            });
        }
        let names: BTreeSet<&str> = rows.iter().filter_map(|&row| of(row).flatten()).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let domain = |&row: &usize| {
            let name = of(row).flatten().unwrap_or_default();
            names.partition_point(|other| other.as_str() < name)
        };
        let domain: Vec<usize> = rows.iter().map(domain).collect();
        let position = position(items, &rows, &mut notes);
        let units = Units::new(items, &rows, Level::Row, false);
        let mean = |of: &Vectors| units.mean(items, of, None);
        let baselines = question.baselines.iter().chain(&position).map(mean).collect();
        let compound: Vec<usize> =
            units.items.items.iter().map(|item| item.compound.unwrap_or_default()).collect();
        let labels: Labels = compound.iter().map(|&compound| vec![compound]).collect();
        let plates: Vec<&String> = plates.into_iter().collect();
        let plate = |row: &usize| plates.partition_point(|plate| **plate < items.items[*row].plate);
        let plate: Vec<usize> = rows.iter().map(plate).collect();
        let each: Vec<usize> = (0..rows.len()).collect();
        notes.push("A structure names its compound: there is no baseline of structures.".to_owned());
        Ok(Self {
            vectors: mean(question.vectors),
            labels: with_shuffled(labels, &each, &plate, question.seed),
            question,
            kind,
            units,
            baselines,
            compound,
            names,
            domain,
            notes,
        })
    }

    fn outcomes(&self, progress: &Progress) -> Result<Vec<Outcome>, ProtocolError> {
        let domains = self.names.len();
        let pairs: Vec<Option<[usize; 2]>> = if domains == 0 {
            vec![None]
        } else {
            (0..domains * domains).map(|pair| Some([pair / domains, pair % domains])).collect()
        };
        let has_wells = self.units.items.items.iter().any(|item| !item.well.is_empty());
        progress.set_total(2 * pairs.len() as u64);
        let mut outcomes = Vec::new();
        for pair in pairs {
            for own_position in [false, true] {
                if has_wells || !own_position {
                    outcomes.push(self.outcome(pair, own_position, progress)?);
                }
                progress.add(1);
            }
        }
        Ok(outcomes)
    }

    fn outcome(
        &self,
        pair: Option<[usize; 2]>,
        own_position: bool,
        progress: &Progress,
    ) -> Result<Outcome, ProtocolError> {
        let items = &self.units.items;
        let look = |query: usize, found: usize| {
            let (query, found) = (&items.items[query], &items.items[found]);
            let same_position = own_position && !query.well.is_empty() && query.well == found.well;
            Sight::hidden_if(query.plate == found.plate || same_position)
        };
        let of = |domain: Option<usize>| -> Vec<usize> {
            (0..items.len()).filter(|&row| domain.is_none_or(|domain| self.domain[row] == domain)).collect()
        };
        let (source, target) = (of(pair.map(|pair| pair[0])), of(pair.map(|pair| pair[1])));
        let classifies = self.kind == Kind::PlateKnn;
        let (queries, gallery) = if classifies { (target, source) } else { (source, target) };
        let split = match (pair, classifies) {
            (None, _) => "every row asks the other plates",
            (Some(_), false) => "rows of the source ask the plates of the target",
            (Some(_), true) => "rows of the target ask the plates of the source",
        };
        let exam = Exam {
            items,
            ask: Ask { queries, gallery, look: &look },
            labels: &self.labels,
            cluster: &self.compound,
            clusters: "compounds",
            mechanisms: &[],
            vectors: &self.vectors,
            baselines: &self.baselines,
            structures: None,
            classifies,
            resamples: self.question.resamples,
        };
        let name = |place: usize| pair.map(|pair| self.names[pair[place]].clone());
        let blank = Outcome {
            task: "compound".to_owned(),
            protocol: self.kind.label(),
            split: split.to_owned(),
            exclusion: if own_position { "position" } else { "plate" }.to_owned(),
            normalisation: Normalisation::Raw.label().to_owned(),
            level: Level::Row,
            seed: self.question.seed,
            simulated: self.question.simulated,
            contaminated: Vec::new(),
            source: name(0),
            target: name(1),
            n_query: 0,
            n_gallery: 0,
            n_dropped: 0,
            metrics: BTreeMap::new(),
            baselines: BTreeMap::new(),
            notes: self.notes.clone(),
        };
        let mut outcome = exam.outcome(blank, progress)?;
        self.remark(&mut outcome, own_position);
        Ok(outcome)
    }

    /// What a reader must know of such a score.
    fn remark(&self, outcome: &mut Outcome, own_position: bool) {
        let place =
            outcome.baselines.get("position").and_then(|scored| scored.get("cmc1").copied().flatten());
        if own_position {
            if outcome.n_dropped > 0 {
                outcome.notes.push(format!(
                    "{} queries have their compound at their own position alone, or on no other plate: nothing is left to find.",
                    outcome.n_dropped
                ));
            }
        } else if let Some(place) = place {
            let score = if self.kind == Kind::PlateKnn { "The score of the challenge" } else { "This score" };
            outcome.notes.push(format!(
                "Position alone finds {:.3} of the compounds at the first place. {score} is void by itself where plates share a \
                 layout: lead with the exclusion `position`, and with compounds left out.",
                place.value
            ));
        }
    }
}

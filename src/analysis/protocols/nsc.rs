//! Mechanisms with all of the query's compound left out (not same compound; and not same batch), at every level.
//!
//! Rows, means of treatments and means of compounds each ask all others (Ljosa et al., J Biomol Screen 2013, 18:1321-1329;
//! Ando, `McLean` and Berndl 2017, doi 10.1101/161422). Controls and what has no known mechanism take no part.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Ask, Labels, Sight};
use super::baselines::{position, with_shuffled};
use super::exam::Exam;
use super::levels::Units;
use super::report::Outcome;
use super::{Kind, Level, ProtocolError, Question, Vectors};
use crate::analysis::evaluate::{Centring, Exclusion, Normalisation, Structures, mechanisms};
use crate::analysis::items::Items;
use crate::progress::Progress;

/// Levels and exclusions, in the order of the objects.
const LEVELS: [(Level, Exclusion); 6] = [
    (Level::Row, Exclusion::Nsc),
    (Level::Row, Exclusion::Nscb),
    (Level::Treatment, Exclusion::Nsc),
    (Level::Treatment, Exclusion::Nscb),
    (Level::Compound, Exclusion::Nsc),
    (Level::Compound, Exclusion::Nscb),
];

/// Objects for every level, exclusion and normalisation. For `nscb` means are of the rows of one replicate, so that a replicate
/// can be left out; where replicates are not told apart there is none. Without any DMSO there are raw ones alone.
///
/// # Errors
/// No two compounds share a mechanism; numbers that do not fit the rows; the user stopped it.
pub fn nsc(question: &Question, progress: &Progress) -> Result<Vec<Outcome>, ProtocolError> {
    question.check(Kind::Nsc)?;
    let mut notes = question.notes();
    let items = batches(question.items, &mut notes);
    let takes_part = |&row: &usize| {
        let item = &items.items[row];
        !item.control && item.compound.is_some() && !item.moas.is_empty()
    };
    let rows: Vec<usize> = (0..items.len()).filter(takes_part).collect();
    if !share(&items, &rows) {
        return Err(ProtocolError::Empty {
            protocol: Kind::Nsc.label(),
            why: format!("no two compounds of {} rows with a known mechanism share one", rows.len()),
            remedy: "Name mechanisms in the column moa; several are separated by ;.",
        });
    }
    let position = position(&items, &rows, &mut notes);
    let structures = Structures::of(&items);
    if structures.is_none() {
        notes.push("Fewer than two structures are known: there is no baseline of structures.".to_owned());
    }
    let mut outcomes = Vec::new();
    for normalisation in [Normalisation::Raw, Normalisation::DmsoCentred] {
        let centred = normalisation == Normalisation::DmsoCentred;
        let fit = |of: &Vectors| centred.then(|| Centring::fit(&items, &of.values, of.dim));
        let lacking = fit(question.vectors).map(|centring| centring.lacking()).unwrap_or_default();
        let has_level = |row: &usize| !lacking.contains(&items.items[*row].replicate);
        let kept: Vec<usize> = rows.iter().copied().filter(has_level).collect();
        let mut notes = notes.clone();
        if kept.len() < rows.len() {
            let n = rows.len() - kept.len();
            notes.push(format!(
                "{n} rows are of a replicate or plate that has no DMSO to centre on, and take no part."
            ));
        }
        if !share(&items, &kept) {
            continue;
        }
        for (level, exclusion) in LEVELS {
            let by_batch = exclusion == Exclusion::Nscb;
            if by_batch && items.replicates.len() < 2 {
                continue;
            }
            let units = Units::new(&items, &kept, level, by_batch);
            let mean = |of: &Vectors| units.mean(&items, of, fit(of).as_ref());
            let mut baselines: Vec<Vectors> = question.baselines.iter().map(mean).collect();
            // A position is no measurement that DMSO could centre.
            baselines.extend(position.iter().map(|position| units.mean(&items, position, None)));
            let vectors = mean(question.vectors);
            let structures = structures.as_ref();
            let asked = Asked { units: &units, vectors: &vectors, baselines: &baselines, structures, level };
            outcomes.push(asked.outcome(question, (exclusion, normalisation), &notes, progress)?);
        }
    }
    Ok(outcomes)
}

/// A level's vectors.
struct Asked<'a> {
    units: &'a Units,
    vectors: &'a Vectors,
    baselines: &'a [Vectors],
    structures: Option<&'a Structures>,
    level: Level,
}

impl Asked<'_> {
    fn outcome(
        &self,
        question: &Question,
        (exclusion, normalisation): (Exclusion, Normalisation),
        notes: &[String],
        progress: &Progress,
    ) -> Result<Outcome, ProtocolError> {
        let items = &self.units.items;
        let compound: Vec<usize> = items.items.iter().map(|item| item.compound.unwrap_or_default()).collect();
        let labels: Labels = items.items.iter().map(|item| item.moas.clone()).collect();
        let labels = with_shuffled(labels, &compound, &vec![0; items.len()], question.seed);
        let look = |query: usize, found: usize| {
            let (query, found) = (&items.items[query], &items.items[found]);
            let same_batch = exclusion == Exclusion::Nscb && query.replicate == found.replicate;
            Sight::hidden_if(query.compound == found.compound || same_batch)
        };
        let all: Vec<usize> = (0..items.len()).collect();
        let exam = Exam {
            items,
            ask: Ask { queries: all.clone(), gallery: all, look: &look },
            labels: &labels,
            cluster: &compound,
            clusters: "compounds",
            mechanisms: &mechanisms(items),
            vectors: self.vectors,
            baselines: self.baselines,
            structures: self.structures,
            classifies: false,
            resamples: question.resamples,
        };
        let blank = Outcome {
            task: "moa".to_owned(),
            protocol: Kind::Nsc.label(),
            split: "all against all".to_owned(),
            exclusion: exclusion.label().to_owned(),
            normalisation: normalisation.label().to_owned(),
            level: self.level,
            seed: question.seed,
            simulated: question.simulated,
            contaminated: Vec::new(),
            source: None,
            target: None,
            n_query: 0,
            n_gallery: 0,
            n_dropped: 0,
            metrics: BTreeMap::new(),
            baselines: BTreeMap::new(),
            notes: notes.to_vec(),
        };
        exam.outcome(blank, progress)
    }
}

/// Whether two compounds of some rows share a mechanism.
fn share(items: &Items, rows: &[usize]) -> bool {
    let mut compounds: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for &row in rows {
        for &moa in &items.items[row].moas {
            compounds.entry(moa).or_default().extend(items.items[row].compound);
        }
    }
    compounds.values().any(|of| of.len() > 1)
}

/// The items with plates in place of replicates where no replicates are told apart.
fn batches(items: &Items, notes: &mut Vec<String>) -> Items {
    let plates: BTreeSet<&String> = items.items.iter().map(|item| &item.plate).collect();
    if items.replicates.len() > 1 || plates.len() < 2 {
        return items.clone();
    }
    notes.push("The table tells no replicates apart: each plate counts as one.".to_owned());
    let plates: Vec<String> = plates.into_iter().cloned().collect();
    let mut found = items.clone();
    for item in &mut found.items {
        item.replicate = plates.partition_point(|plate| *plate < item.plate);
    }
    found.replicates = plates;
    found
}

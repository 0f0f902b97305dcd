//! Questions that have a name, and what they fill in.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::labels::Labels;
use super::profiles::Profiles;
use super::report::Scores;
use super::scores::{Scored, Settings, WELL, score};
use super::{PairsError, Rules};
use crate::analysis::items::Items;
use crate::experiment::{Experiment, Table};
use crate::progress::Progress;

const COMPOUND: &str = "compound";
const DOSE: &str = "concentration_uM";
const PLATE: &str = "plate";
const MOA: &str = "moa";

/// Columns that presets add. In the first, controls have no value: they make no positive pair and no group.
const TREATED: &str = "(treated)";
const ROLE: &str = "(treatment or control)";
/// One value for each well that there is: sites or cells of one are no replicates.
const PLACE: &str = "(plate and well)";

/// A question with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Replicates of a compound at a dose, each in a well of its own, against the negative controls of their plate
    Activity,
    /// Active compounds, the median of each: those that share a mechanism against the others
    Consistency,
}

/// What is asked of an experiment's vectors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Fills in what `rules` leave out.
    pub preset: Option<Preset>,
    /// Columns of the table. A list that is empty is not given; groups are by `same` then.
    pub rules: Rules,
    /// Columns beside `moa` and `tags` with several values in a cell, separated by `;` or `|`.
    pub lists: Vec<String>,
    /// Draws of each null.
    pub null: usize,
    /// Their seed.
    pub seed: u64,
}

impl Request {
    /// Whether it can be asked of a table, before anything is computed.
    ///
    /// # Errors
    /// A column is not there; without a preset, the rules say not enough.
    pub fn check(&self, table: &Table) -> Result<(), PairsError> {
        for column in self.rules.columns().chain(&self.lists) {
            if table.column(column).is_none() {
                return Err(PairsError::Column { column: column.clone() });
            }
        }
        if self.preset.is_none() { self.grouped().check() } else { Ok(()) }
    }

    /// Scores some rows of an experiment; `values` are their vectors, `[row, dim]`, finite. Steps of `progress` are rows.
    ///
    /// # Errors
    /// As [`Self::check`]; a preset finds no controls; the numbers do not fit the rows; draws would not fit into memory;
    /// the user stopped it.
    pub fn score(
        &self,
        experiment: &Experiment,
        rows: &[usize],
        (values, dim): (Vec<f32>, usize),
        progress: &Progress,
    ) -> Result<Scores, PairsError> {
        let mut columns: BTreeSet<&str> = self.rules.columns().map(String::as_str).collect();
        columns.insert(WELL);
        if self.preset.is_some() {
            columns.extend([COMPOUND, DOSE, PLATE, MOA]);
        }
        let profiles = Profiles::read(&experiment.table, rows, (values, dim), &columns, &self.lists)?;
        match self.preset {
            None => {
                let matching = self.rules.different.iter().any(|name| name == COMPOUND);
                Ok(score(&profiles, &self.grouped(), self.settings(matching), progress)?.scores)
            }
            Some(Preset::Activity) => {
                Ok(self.activity(&self.rules, profiles, experiment, rows, progress)?.0.scores)
            }
            Some(Preset::Consistency) => self.consistency(profiles, experiment, rows, progress),
        }
    }

    fn grouped(&self) -> Rules {
        let by = if self.rules.by.is_empty() { &self.rules.same } else { &self.rules.by };
        Rules { by: by.clone(), ..self.rules.clone() }
    }

    const fn settings(&self, matching: bool) -> Settings {
        Settings { null: self.null, seed: self.seed, matching }
    }

    /// Replicates against controls, as in the package's tutorial. `given` are the rules that stand as they are. Gives the
    /// profiles back.
    fn activity(
        &self,
        given: &Rules,
        mut profiles: Profiles,
        experiment: &Experiment,
        rows: &[usize],
        progress: &Progress,
    ) -> Result<(Scored, Profiles), PairsError> {
        let items = Items::with_unnamed(experiment);
        let controls: BTreeSet<usize> =
            items.items.iter().filter(|item| item.control).map(|item| item.row).collect();
        let treated: Vec<bool> = rows.iter().map(|row| !controls.contains(row)).collect();
        if treated.iter().all(|treated| *treated) {
            return Err(PairsError::NoControls);
        }
        let word = |treated: bool| (if treated { "treatment" } else { "control" }).to_owned();
        profiles.put(Labels::new(ROLE, treated.iter().map(|&treated| vec![word(treated)])));
        let only = |&treated: &bool| treated.then(|| word(treated)).into_iter().collect::<Vec<_>>();
        profiles.put(Labels::new(TREATED, treated.iter().map(only)));
        let place = places(profiles.column(PLATE)?, profiles.column(WELL)?);
        let mut notes = Vec::new();
        let mut same = given.same.clone();
        if same.is_empty() {
            same.push(COMPOUND.to_owned());
            match doses(profiles.column(COMPOUND)?, profiles.column(DOSE)?, &place, &treated) {
                Doses::Repeated => {
                    let filled = profiles.column(DOSE)?.filled("unknown dose");
                    profiles.put(filled);
                    same.push(DOSE.to_owned());
                }
                Doses::Single => notes.push(
                    "Most doses of a compound are in one well: all wells of a compound are replicates here, whatever the \
                     dose."
                        .to_owned(),
                ),
                Doses::Unknown => {}
            }
        }
        let by = if given.by.is_empty() { same.clone() } else { given.by.clone() };
        same.push(TREATED.to_owned());
        let mut negatives_same = given.negatives_same.clone();
        if negatives_same.is_empty() {
            let plates = profiles.column(PLATE)?;
            if plates.count() > 0 {
                negatives_same.push(PLATE.to_owned());
            } else {
                notes.push("No plates are known: all negative controls are negatives.".to_owned());
            }
        }
        let negatives_different = match given.negatives_different.as_slice() {
            [] => vec![ROLE.to_owned()],
            given => given.to_vec(),
        };
        let different = match given.different.as_slice() {
            [] => vec![PLACE.to_owned()],
            given => given.to_vec(),
        };
        profiles.put(place);
        let rules = Rules { same, different, negatives_same, negatives_different, by };
        let mut scored = score(&profiles, &rules, self.settings(false), progress)?;
        scored.scores.notes.extend(notes);
        Ok((scored, profiles))
    }

    /// The rows of active treatments, the median of each compound; by mechanism, or by what `same` names.
    fn consistency(
        &self,
        profiles: Profiles,
        experiment: &Experiment,
        rows: &[usize],
        progress: &Progress,
    ) -> Result<Scores, PairsError> {
        let given = &self.rules;
        let same = if given.same.is_empty() { vec![MOA.to_owned()] } else { given.same.clone() };
        let or_same = |given: &Vec<String>| if given.is_empty() { same.clone() } else { given.clone() };
        let rules = Rules {
            different: given.different.clone(),
            negatives_same: given.negatives_same.clone(),
            negatives_different: or_same(&given.negatives_different),
            by: or_same(&given.by),
            same,
        };
        rules.check()?;
        let (active, profiles) = self.activity(&Rules::default(), profiles, experiment, rows, progress)?;
        let groups = active.scores.groups.iter().zip(&active.rows);
        let mut members: Vec<usize> =
            groups.filter(|(group, _)| group.is_active()).flat_map(|(_, rows)| rows).copied().collect();
        members.sort_unstable();
        let columns: BTreeSet<&str> = rules.columns().map(String::as_str).chain([COMPOUND]).collect();
        let consensus = profiles.consensus(COMPOUND, &members, &columns)?;
        let compounds = consensus.rows();
        let mut scores = score(&consensus, &rules, self.settings(true), progress)?.scores;
        let treatments = active.scores.groups.iter().filter(|group| group.is_active()).count();
        scores.notes.push(format!(
            "Of {} treatments {treatments} are active: the medians of these {compounds} compounds are compared.",
            active.scores.groups.len()
        ));
        scores.notes.extend(active.scores.notes.into_iter().map(|note| format!("Of activity: {note}")));
        Ok(scores)
    }
}

/// What doses say of replicates.
enum Doses {
    /// At least half of the treatments are in two wells or more.
    Repeated,
    /// They are not: a compound is there at many doses, once each.
    Single,
    /// No dose is known.
    Unknown,
}

/// The well of each row, by plate and name; a row of no known well is one of its own.
fn places(plates: &Labels, wells: &Labels) -> Labels {
    let place = |row: usize| {
        let texts = |labels: &Labels| -> String {
            labels.of(row).iter().map(|&value| labels.text(value)).collect::<Vec<_>>().join(";")
        };
        match wells.of(row) {
            [] => format!("row {row}"),
            _ => format!("plate {}, well {}", texts(plates), texts(wells)),
        }
    };
    Labels::new(PLACE, (0..wells.rows()).map(|row| vec![place(row)]))
}

/// Values of a row in some column.
type Cell<'a> = &'a [u32];

fn doses(compounds: &Labels, doses: &Labels, places: &Labels, treated: &[bool]) -> Doses {
    let mut wells: HashMap<(Cell, Cell), HashSet<Cell>> = HashMap::new();
    for row in (0..treated.len()).filter(|&row| treated[row] && !compounds.of(row).is_empty()) {
        wells.entry((compounds.of(row), doses.of(row))).or_default().insert(places.of(row));
    }
    if wells.keys().all(|(_, dose)| dose.is_empty()) {
        return Doses::Unknown;
    }
    let repeated = wells.values().filter(|wells| wells.len() > 1).count();
    if 2 * repeated >= wells.len() { Doses::Repeated } else { Doses::Single }
}

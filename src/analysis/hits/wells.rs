//! The wells of a screen: what was done to each, where it lies, and its numbers, the mean of its rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{HitsError, Options};
use crate::analysis::cell_count;
use crate::analysis::items::{Compound, Item, Items, plain};
use crate::experiment::{Experiment, Kind, Table, Well as Place};

/// Ends of names of features that hold a mean intensity, as [`plain`] makes them.
const INTENSITIES: [&str; 2] = ["meanintensity", "loglight"];

/// Most intensities that are looked at together.
const MOST_INTENSITIES: usize = 16;

/// What a well is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A negative control.
    Negative,
    /// A positive control.
    Positive,
    /// A treatment.
    Treated,
}

/// What tells wells apart: plate, name, row where it has none, role, compound, dose.
type Key<'a> = (usize, &'a str, usize, Role, Option<usize>, Option<u64>);

/// One well.
#[derive(Debug, Clone, PartialEq)]
pub struct Well {
    /// Place in [`Wells::plates`].
    pub plate: usize,
    /// Place in [`Wells::replicates`].
    pub replicate: usize,
    /// `B07`; empty where unknown.
    pub name: String,
    /// The same as row and column; `None` where the name is none of a well.
    pub place: Option<Place>,
    /// What it is there for.
    pub role: Role,
    /// Place in [`Wells::compounds`].
    pub compound: Option<usize>,
    /// Dose, µM.
    pub dose_um: Option<f64>,
    /// Its rows of the table, from 0.
    pub rows: Vec<usize>,
    /// Cells, the mean of its rows; `None` where no column says so.
    pub cells: Option<f64>,
}

/// All wells that take part, with their vectors. Plain data.
#[derive(Debug, Clone, Default)]
pub struct Wells {
    /// In the order in which the table has them.
    pub wells: Vec<Well>,
    /// Names of plates. Where one name stands for a plate in each of several replicates, the replicate is part of it.
    pub plates: Vec<String>,
    /// Names of replicates; wells without one share `""`.
    pub replicates: Vec<String>,
    /// Compounds.
    pub compounds: Vec<Compound>,
    /// Length of a vector.
    pub dim: usize,
    /// Means of the wells' rows, `[well, dim]`.
    pub values: Vec<f32>,
    /// Name of the one number that is read, where vectors are a column of the table.
    pub readout: Option<String>,
    /// What the numbers of cells are from.
    pub counted_by: Option<String>,
    /// Places in a vector that are mean intensities.
    pub intensities: Vec<usize>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl Wells {
    /// The wells of some rows of an experiment, whose vectors are `values`, `[row, dim]`, finite; `features` are the names of
    /// their numbers, or empty.
    ///
    /// # Errors
    /// A column that `options` name is not there or holds text; there are no rows.
    pub fn of(
        experiment: &Experiment,
        rows: &[usize],
        (values, dim): (&[f32], usize),
        features: &[String],
        options: &Options,
    ) -> Result<Self, HitsError> {
        let table = &experiment.table;
        options.check(table)?;
        let mut items = Items::with_unnamed(experiment);
        let vectors: HashMap<usize, &[f32]> =
            rows.iter().copied().zip(values.chunks_exact(dim.max(1))).collect();
        items.retain("no vector", |item| vectors.contains_key(&item.row));
        if items.is_empty() || dim == 0 {
            return Err(HitsError::NoWells { excluded: table.excluded_count() });
        }
        let counts = cell_count::of(table, options.cells.as_deref());
        let mut all = Self {
            dim,
            replicates: items.replicates.clone(),
            counted_by: counts.as_ref().map(|(name, _)| name.clone()),
            intensities: intensities(features),
            ..Self::default()
        };
        all.gather(table, &items, options);
        all.compounds = items.compounds;
        let mut sum = vec![0.0; dim];
        for well in &mut all.wells {
            sum.fill(0.0);
            for vector in well.rows.iter().filter_map(|row| vectors.get(row)) {
                sum.iter_mut().zip(*vector).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            all.values.extend(sum.iter().map(|sum| (sum / well.rows.len() as f64) as f32));
            if let Some((_, of_row)) = &counts {
                let cells: Vec<f64> = well.rows.iter().filter_map(|row| of_row[*row]).collect();
                well.cells = (!cells.is_empty()).then(|| super::numbers::mean(&cells));
            }
        }
        all.count_single_cells(table);
        Ok(all)
    }

    /// The wells of a numeric column of the table, one number each.
    ///
    /// # Errors
    /// As [`Self::of`]; no row has a number in the column.
    pub fn of_readout(experiment: &Experiment, column: &str, options: &Options) -> Result<Self, HitsError> {
        let table = &experiment.table;
        check_number(table, column)?;
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let mut empty = 0;
        for row in (0..table.len()).filter(|&row| !table.is_excluded(row)) {
            match table.number(row, column).map(|value| value as f32).filter(|value| value.is_finite()) {
                Some(value) => {
                    rows.push(row);
                    values.push(value);
                }
                None => empty += 1,
            }
        }
        if rows.is_empty() && empty > 0 {
            return Err(HitsError::Empty { column: column.to_owned() });
        }
        let mut all = Self::of(experiment, &rows, (&values, 1), &[], options)?;
        all.readout = Some(column.to_owned());
        if empty > 0 {
            all.notes.push(format!("{empty} rows have no number in {column}, and take no part."));
        }
        Ok(all)
    }

    /// A well's vector.
    pub fn vector(&self, well: usize) -> &[f32] {
        &self.values[well * self.dim..(well + 1) * self.dim]
    }

    /// Places of the wells that are there for something.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = usize> {
        (0..self.wells.len()).filter(move |&well| self.wells[well].role == role)
    }

    /// Numbers of some wells by their plates.
    pub(super) fn by_plate(&self, numbers: impl Iterator<Item = (usize, f64)>) -> Vec<Vec<f64>> {
        let mut of_plate = vec![Vec::new(); self.plates.len()];
        for (well, number) in numbers {
            of_plate[self.wells[well].plate].push(number);
        }
        of_plate
    }

    /// Finds wells and plates.
    fn gather(&mut self, table: &Table, items: &Items, options: &Options) {
        let plate_of = |item: &Item| match &options.plate_by {
            Some(column) => table.text(item.row, column).trim().to_owned(),
            None => item.plate.clone(),
        };
        let repeated = repeated(&items.items, plate_of);
        let mut plates: HashMap<String, usize> = HashMap::new();
        let mut numbers: HashMap<Key, usize> = HashMap::new();
        let mut unnamed = 0;
        for (place, item) in items.items.iter().enumerate() {
            let mut plate = plate_of(item);
            let replicate = &items.replicates[item.replicate];
            if repeated.contains(&plate) && !replicate.is_empty() {
                plate = format!("{plate}, replicate {replicate}");
            }
            let next = plates.len();
            let number = *plates.entry(plate.clone()).or_insert(next);
            if number == next {
                self.plates.push(plate);
            }
            let role = match table.text(item.row, "control").trim() {
                "positive" => Role::Positive,
                _ if item.control => Role::Negative,
                _ => Role::Treated,
            };
            unnamed += usize::from(item.well.is_empty());
            let alone = if item.well.is_empty() { place } else { usize::MAX };
            let dose = item.dose.map(|dose| (dose + 0.0).to_bits());
            let key = (number, item.well.as_str(), alone, role, item.compound, dose);
            let next = self.wells.len();
            let well = *numbers.entry(key).or_insert(next);
            if well == next {
                self.wells.push(Well {
                    plate: number,
                    replicate: item.replicate,
                    name: item.well.clone(),
                    place: Place::parse(&item.well),
                    role,
                    compound: item.compound,
                    dose_um: item.dose,
                    rows: Vec::new(),
                    cells: None,
                });
            }
            self.wells[well].rows.push(item.row);
        }
        if unnamed > 0 {
            self.notes.push(format!(
                "{unnamed} rows name no well: each counts as a well of its own, which is too many where several come from one."
            ));
        }
        self.notes.extend(items.notes.iter().cloned());
    }

    /// Where rows are cells and no column counts them, their number.
    fn count_single_cells(&mut self, table: &Table) {
        let is_cell = |well: &Well| {
            !well.name.is_empty() && well.rows.iter().all(|&row| !table.text(row, "cell").is_empty())
        };
        if self.counted_by.is_none() && self.wells.iter().all(is_cell) {
            for well in &mut self.wells {
                well.cells = Some(well.rows.len() as f64);
            }
            self.counted_by = Some("rows of single cells".to_owned());
        }
    }
}

/// Names of plates of which a well is there in several replicates: they are plates of their own.
fn repeated(items: &[Item], plate_of: impl Fn(&Item) -> String) -> BTreeSet<String> {
    let mut seen: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut repeated = BTreeSet::new();
    for item in items.iter().filter(|item| !item.well.is_empty()) {
        let plate = plate_of(item);
        if *seen.entry((plate.clone(), item.well.as_str())).or_insert(item.replicate) != item.replicate {
            repeated.insert(plate);
        }
    }
    repeated
}

/// That a column of numbers is there.
pub(super) fn check_number(table: &Table, column: &str) -> Result<(), HitsError> {
    let found = table.column(column).ok_or_else(|| HitsError::Column { column: column.to_owned() })?;
    match found.kind {
        Kind::Integer | Kind::Number => Ok(()),
        Kind::Text | Kind::Flag => {
            Err(HitsError::NoNumbers { column: column.to_owned(), kind: found.kind.label() })
        }
    }
}

fn intensities(features: &[String]) -> Vec<usize> {
    let is_intensity = |place: &usize| {
        let name = plain(&features[*place]);
        INTENSITIES.iter().any(|end| name.ends_with(end)) || name.contains("intensitymeanintensity")
    };
    (0..features.len()).filter(is_intensity).take(MOST_INTENSITIES).collect()
}

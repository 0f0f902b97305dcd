//! On which plate wells are, and where on it.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::answers::{Subjects, Treatment};
use crate::experiment::{PlateFormat, Well};

/// Wells in use from which on a plate is taken to have position effects that can be told.
const LEAST_ON_PLATE: usize = 24;

/// Wells of one treatment, and DMSO wells, that are looked at; more are thinned evenly, so that a control on hundreds
/// of plates takes seconds.
const MOST_TREATED: usize = 64;
const MOST_CONTROLS: usize = 448;

/// Numbers by which a place on a plate is described.
pub(super) const TERMS: usize = 4;

/// Outermost wells, row and column (−1 to 1), wells next to the outermost.
pub(super) type Position = [f64; TERMS];

/// Plates and places of an experiment's videos.
pub(super) struct Layout {
    /// By video. A plate of one replicate is not that of another.
    plate_of: Vec<usize>,
    /// By video; `None` where the well's name is none, or the plate has too few wells.
    position: Vec<Option<Position>>,
    /// By plate: places in [`Subjects::control_wells`].
    controls: Vec<Vec<usize>>,
}

/// The wells that say something of one treatment.
pub(super) struct Choice {
    /// Places in [`Treatment::wells`], only those on plates with DMSO.
    pub treated: Vec<usize>,
    /// Places in [`Subjects::control_wells`], only those on the treatment's plates.
    pub controls: Vec<usize>,
    /// Plates, numbered from 0: of the treated wells, then of the controls.
    pub plates: Vec<usize>,
    /// Of the same wells.
    pub positions: Vec<Option<Position>>,
}

impl Layout {
    pub fn of(subjects: &Subjects) -> Self {
        let mut numbers: HashMap<(usize, &str), usize> = HashMap::new();
        let mut used: Vec<BTreeSet<(u8, u8)>> = Vec::new();
        let wells: Vec<Option<Well>> =
            subjects.subjects.iter().map(|subject| Well::parse(&subject.well)).collect();
        let mut plate_of = Vec::with_capacity(subjects.len());
        for (subject, well) in subjects.subjects.iter().zip(&wells) {
            let next = used.len();
            let plate = *numbers.entry((subject.replicate, subject.plate.as_str())).or_insert(next);
            if plate == next {
                used.push(BTreeSet::new());
            }
            used[plate].extend(well.map(|well| (well.row, well.column)));
            plate_of.push(plate);
        }
        let format = PlateFormat::guess(wells.iter().copied().flatten());
        let position = wells
            .iter()
            .zip(&plate_of)
            .map(|(well, &plate)| {
                let (well, format) = ((*well)?, format?);
                (used[plate].len() >= LEAST_ON_PLATE).then(|| position(well, format))
            })
            .collect();
        let mut controls = vec![Vec::new(); used.len()];
        for (place, well) in subjects.control_wells.iter().enumerate() {
            if let Some(&first) = well.first() {
                controls[plate_of[first]].push(place);
            }
        }
        Self { plate_of, position, controls }
    }

    /// The wells to judge a treatment by, or a sentence that says why there are none.
    pub fn choose(&self, subjects: &Subjects, treatment: &Treatment) -> Result<Choice, String> {
        if subjects.control_wells.is_empty() {
            return Err("There is no DMSO to compare with. Mark the negative controls.".to_owned());
        }
        let wells = treatment.wells.len();
        if wells < 2 {
            return Err("There is one well only, so nothing shows what repeats. Add a replicate.".to_owned());
        }
        let plate = |well: &[usize]| well.first().map_or(0, |&first| self.plate_of[first]);
        let beside: Vec<usize> =
            (0..wells).filter(|&well| !self.controls[plate(&treatment.wells[well])].is_empty()).collect();
        if beside.len() < 2 {
            return Err(format!(
                "{} of its {wells} wells lies on a plate with DMSO, and wells of different plates cannot be \
                 compared. Add DMSO to each plate.",
                if beside.is_empty() { "None" } else { "Only one" }
            ));
        }
        let treated = thin(&beside, MOST_TREATED);
        let on: BTreeSet<usize> = treated.iter().map(|&well| plate(&treatment.wells[well])).collect();
        let share = (MOST_CONTROLS / on.len()).max(1);
        let controls: Vec<usize> = on.iter().flat_map(|&plate| thin(&self.controls[plate], share)).collect();
        let numbers: HashMap<usize, usize> = on.iter().copied().zip(0..).collect();
        let own = treated.iter().map(|&well| treatment.wells[well].as_slice());
        let others = controls.iter().map(|&well| subjects.control_wells[well].as_slice());
        let all: Vec<&[usize]> = own.chain(others).collect();
        let plates = all.iter().map(|well| numbers[&plate(well)]).collect();
        let positions = all.iter().map(|well| well.first().and_then(|&first| self.position[first])).collect();
        Ok(Choice { treated, controls, plates, positions })
    }
}

fn position(well: Well, format: PlateFormat) -> Position {
    let (rows, columns) = format.size();
    let inwards = |at: u8, of: u8| at.min(of.saturating_sub(1 + at));
    let across = |at: u8, of: u8| 2.0 * f64::from(at) / f64::from(of.max(2) - 1) - 1.0;
    let ring = inwards(well.row, rows).min(inwards(well.column, columns));
    let is = |number: u8| f64::from(u8::from(ring == number));
    [is(0), across(well.row, rows), across(well.column, columns), is(1)]
}

/// At most so many of a list, evenly.
fn thin(of: &[usize], most: usize) -> Vec<usize> {
    if of.len() <= most {
        return of.to_vec();
    }
    (0..most).map(|i| of[i * of.len() / most]).collect()
}

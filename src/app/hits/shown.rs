//! A screen that was read, as the panel shows it.

use std::collections::HashMap;

use super::Asked;
use super::entries::{Entry, compound, rows_of, treatment};
use crate::analysis::hits::{Hits, Kind, Role, Treatment, WellScore};
use crate::analysis::power::{self, Detectable, Plan, Scatter, ScatterWell};
use crate::app::screen::scale::Scale;
use crate::experiment::{Experiment, PlateFormat, Well};

/// Scores beyond these, in lengths of the axis from the negative controls, have the colour of the end.
const ENDS_ON_AXIS: (f64, f64) = (-0.5, 1.5);

/// Share of scores at either end that have the colour of the end, where there is no axis.
const ENDS: f64 = 0.02;

/// A well of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveWell {
    /// Place in [`Hits::wells`].
    pub place: usize,
    /// Dose, µM.
    pub dose_um: f64,
    /// Its score.
    pub score: f64,
    /// The curve was fitted without it, since its dose is toxic.
    pub is_left_out: bool,
}

/// A plate of [`crate::analysis::hits::Controls::by_plate`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlateWells {
    /// Its size; `None` where no well has a place.
    pub format: Option<PlateFormat>,
    /// Places of [`Hits::wells`], by well.
    pub wells: HashMap<Well, usize>,
}

/// What so many wells can find.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// How wells scatter.
    pub scatter: Scatter,
    /// What was assumed.
    pub plan: Plan,
    /// By wells of a treatment.
    pub rows: Vec<Detectable>,
    /// Scores are distances, whose logarithms are compared.
    pub is_log: bool,
}

/// A screen that was read.
#[derive(Debug)]
pub struct Shown {
    /// What was asked.
    pub asked: Asked,
    /// Name of the encoder or of the column.
    pub name: String,
    /// Hash of the encoder; empty for a column.
    pub model_hash: String,
    /// Of the data.
    pub fingerprint: String,
    /// True if model or data are simulated.
    pub simulated: bool,
    /// What the screen says.
    pub hits: Hits,
    /// As [`Hits::compounds`].
    pub compounds: Vec<Entry>,
    /// As [`Hits::treatments`].
    pub treatments: Vec<Entry>,
    /// Wells of curves, by compound, ascending by dose.
    pub curves: Vec<Vec<CurveWell>>,
    /// Lowest and highest score of a curve's well, 0 and 1 among them where there is an axis.
    pub scores: (f64, f64),
    /// As [`crate::analysis::hits::Controls::by_plate`].
    pub plates: Vec<PlateWells>,
    /// Colours of scores.
    pub scale: Scale,
    /// What so many wells can find, or why that cannot be told.
    pub planned: Result<Planned, String>,
}

/// Where numbers are from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Name of the encoder or of the column.
    pub name: String,
    /// Hash of the encoder; empty for a column.
    pub model_hash: String,
    /// Of the data.
    pub fingerprint: String,
    /// True if model or data are simulated.
    pub simulated: bool,
}

impl Shown {
    /// Makes what was read ready to be shown.
    pub fn new(experiment: &Experiment, asked: Asked, origin: Origin, hits: Hits) -> Self {
        let Lists { compounds, treatments, curves } = Lists::of(&hits, asked.options.keep_toxic);
        Self {
            scores: span(&curves, hits.score.is_on_axis()),
            plates: plates(&hits),
            scale: scale(experiment, &hits),
            planned: planned(&hits, asked.options.reference()),
            asked,
            name: origin.name,
            model_hash: origin.model_hash,
            fingerprint: origin.fingerprint,
            simulated: origin.simulated,
            compounds,
            treatments,
            curves,
            hits,
        }
    }

    /// Rows of some wells.
    pub fn rows_of(&self, wells: impl IntoIterator<Item = usize>) -> Vec<u32> {
        rows_of(&self.hits, wells)
    }
}

/// What is listed of a screen.
struct Lists {
    compounds: Vec<Entry>,
    treatments: Vec<Entry>,
    curves: Vec<Vec<CurveWell>>,
}

impl Lists {
    fn of(hits: &Hits, keeps_toxic: bool) -> Self {
        let mut doses: HashMap<usize, Vec<&Treatment>> = HashMap::new();
        for treatment in &hits.treatments {
            doses.entry(treatment.number).or_default().push(treatment);
        }
        let mut lists = Self { compounds: Vec::new(), treatments: Vec::new(), curves: Vec::new() };
        let mut smiles: HashMap<usize, &str> = HashMap::new();
        for of in &hits.compounds {
            let doses = doses.get(&of.number).map_or(&[][..], Vec::as_slice);
            lists.compounds.push(compound(hits, of, doses));
            lists.curves.push(curve(hits, doses, keeps_toxic));
            smiles.extend(of.smiles.as_deref().map(|smiles| (of.number, smiles)));
        }
        for of in &hits.treatments {
            let smiles = smiles.get(&of.number).map(|smiles| (*smiles).to_owned());
            lists.treatments.push(treatment(hits, of, smiles));
        }
        lists
    }
}

fn curve(hits: &Hits, doses: &[&Treatment], keeps_toxic: bool) -> Vec<CurveWell> {
    let mut wells: Vec<CurveWell> = Vec::new();
    for of in doses {
        let Some(dose_um) = of.dose_um else { continue };
        let is_left_out = of.toxic && !keeps_toxic;
        let scored = of.wells.iter().filter_map(|&place| Some((place, hits.wells.get(place)?.on_score?)));
        wells.extend(scored.map(|(place, score)| CurveWell { place, dose_um, score, is_left_out }));
    }
    wells.sort_by(|a, b| a.dose_um.total_cmp(&b.dose_um));
    wells
}

fn span(curves: &[Vec<CurveWell>], is_on_axis: bool) -> (f64, f64) {
    let known = curves.iter().flatten().map(|well| well.score).filter(|score| score.is_finite());
    let start = if is_on_axis { (0.0, 1.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
    let (low, high) = known.fold(start, |(low, high), score| (low.min(score), high.max(score)));
    if low < high { (low, high) } else { (low.min(0.0) - 0.5, high.max(0.0) + 0.5) }
}

fn plates(hits: &Hits) -> Vec<PlateWells> {
    let by_plate = &hits.controls.by_plate;
    let numbers: HashMap<&str, usize> =
        by_plate.iter().enumerate().map(|(number, plate)| (plate.plate.as_str(), number)).collect();
    let mut plates = vec![PlateWells::default(); by_plate.len()];
    for (place, well) in hits.wells.iter().enumerate() {
        let plate = numbers.get(well.plate.as_str()).and_then(|&number| plates.get_mut(number));
        if let (Some(plate), Some(at)) = (plate, Well::parse(&well.well)) {
            plate.wells.insert(at, place);
        }
    }
    for plate in &mut plates {
        plate.format = PlateFormat::guess(plate.wells.keys().copied());
    }
    plates
}

/// Colours of scores; those far out have the colour of the end.
fn scale(experiment: &Experiment, hits: &Hits) -> Scale {
    let mut known: Vec<f64> =
        hits.wells.iter().filter_map(|well| well.on_score).filter(|score| score.is_finite()).collect();
    known.sort_unstable_by(f64::total_cmp);
    let (low, high) = if hits.score.is_on_axis() {
        ENDS_ON_AXIS
    } else {
        let last = known.len().saturating_sub(1);
        let at = |share: f64| known.get((share * last as f64).round() as usize).copied().unwrap_or(0.0);
        (at(ENDS), at(1.0 - ENDS).max(at(ENDS)))
    };
    let mut numbers = vec![None; experiment.table.len()];
    for well in &hits.wells {
        for row in &well.rows {
            if let Some(number) = numbers.get_mut(*row) {
                *number = well.on_score.map(|score| score.clamp(low, high));
            }
        }
    }
    Scale::of_numbers(&experiment.table, "score", &numbers, "")
}

fn planned(hits: &Hits, reference: Role) -> Result<Planned, String> {
    let is_log = hits.score == Kind::Distance;
    let mut plates: HashMap<&str, usize> = HashMap::new();
    let mut treatment_of = vec![None; hits.wells.len()];
    for (number, treatment) in hits.treatments.iter().enumerate() {
        for &well in &treatment.wells {
            if let Some(of) = treatment_of.get_mut(well) {
                *of = Some(number);
            }
        }
    }
    let mut wells = Vec::new();
    for (well, treatment) in hits.wells.iter().zip(treatment_of) {
        let next = plates.len();
        let plate = *plates.entry(well.plate.as_str()).or_insert(next);
        let Some(score) = well.on_score.filter(|_| treatment.is_some() || well.role == reference) else {
            continue;
        };
        let value = if is_log { score.max(1e-9).ln() } else { score };
        wells.push(ScatterWell { plate, treatment, value });
    }
    let scatter = power::scatter(&wells).map_err(|error| error.to_string())?;
    let controls = of_a_plate(&hits.wells, reference).max(2);
    let plan = Plan::new(hits.treatments.len().max(1), controls);
    let rows = power::detectable(&scatter, &plan).map_err(|error| error.to_string())?;
    Ok(Planned { scatter, plan, rows, is_log })
}

/// The most wells of a role that a plate has.
pub fn of_a_plate(wells: &[WellScore], role: Role) -> usize {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for well in wells.iter().filter(|well| well.role == role) {
        *counts.entry(well.plate.as_str()).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

//! Plate maps for the next experiment: control wells scattered, doses in places drawn by a seed.
//!
//! Each repetition of a treatment is on a plate of its own, all doses of a compound together, and each plate is drawn anew.
//! Controls are drawn one from each of equal stretches of the plate, column by column. Of `DRAWS` plates the one is taken on
//! which neither being a control nor the dose goes along with the row, the column or the distance from the edge (the largest
//! of their correlations is the smallest): restricted randomisation.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use rayon::prelude::*;

use crate::experiment::wells::{PlateFormat, Well};
use crate::progress::{Cancelled, Progress};
use crate::random::stream;

/// The manifest's columns of a plate map, in the order of [`PlannedWell::cells`].
pub const COLUMNS: [&str; 5] = ["plate", "well", "compound", "concentration_uM", "control"];

/// Plates that are drawn for one that is taken.
const DRAWS: usize = 200;
/// More plates are a mistake.
const MOST_PLATES: usize = 1000;

/// A compound at its doses.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The compound's name.
    pub compound: String,
    /// Its doses in µM, above 0.
    pub doses_um: Vec<f64>,
}

/// What is to be laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The plates' format.
    pub format: PlateFormat,
    /// What is tested.
    pub series: Vec<Series>,
    /// Wells of each compound and dose, each on another plate.
    pub wells: usize,
    /// What negative controls hold, as a rule DMSO.
    pub negative: String,
    /// Negative controls on each plate, at least 2.
    pub negatives: usize,
    /// Positive control: compound and dose in µM.
    pub positive: Option<(String, f64)>,
    /// Positive controls on each plate.
    pub positives: usize,
    /// Fixes the places.
    pub seed: u64,
}

/// A well of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedWell {
    /// Plate, `r2p1` = second repetition, first plate.
    pub plate: String,
    /// Where on the plate.
    pub well: Well,
    /// What it gets.
    pub compound: String,
    /// How much of it, µM; 0 in negative controls.
    pub concentration_um: f64,
    /// `negative`, `positive` or empty, as in the manifest.
    pub control: &'static str,
}

impl PlannedWell {
    /// The row of the plate map, by [`COLUMNS`].
    pub fn cells(&self) -> [String; 5] {
        [
            self.plate.clone(),
            self.well.to_string(),
            self.compound.clone(),
            self.concentration_um.to_string(),
            self.control.to_owned(),
        ]
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LayoutError {
    /// Nothing to lay out.
    #[error("there is no compound with doses to lay out")]
    Nothing,
    /// A dose that is none.
    #[error("{compound} has a dose of {dose} µM; doses must be above 0")]
    Dose {
        /// Whose.
        compound: String,
        /// The dose.
        dose: f64,
    },
    /// Without scatter of controls nothing can be compared.
    #[error("{negatives} negative controls on a plate are too few: at least 2 say how wells scatter")]
    Controls {
        /// How many were asked for.
        negatives: usize,
    },
    /// A compound's doses do not fit.
    #[error(
        "{compound} with its {doses} doses does not fit beside {controls} controls on a plate of {wells} wells: take fewer doses or controls, or a larger plate"
    )]
    Full {
        /// Which.
        compound: String,
        /// Its doses.
        doses: usize,
        /// Controls on each plate.
        controls: usize,
        /// Wells of a plate.
        wells: usize,
    },
    /// A name twice.
    #[error(
        "two compounds are called {compound}, and their wells could not be told apart: give them different names, or list their doses together"
    )]
    Twice {
        /// Which.
        compound: String,
    },
    /// Out of proportion.
    #[error("the plan needs {plates} plates; at most {MOST_PLATES} are laid out at once")]
    Plates {
        /// How many.
        plates: usize,
    },
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

/// Lays plates out, each by rows. Steps of `progress` are plates.
///
/// # Errors
/// Nothing to lay out, a compound twice, a dose that is none, fewer than two controls, or no room; the user stopped it.
pub fn plan(layout: &Layout, progress: &Progress) -> Result<Vec<PlannedWell>, LayoutError> {
    let series: Vec<&Series> = layout.series.iter().filter(|series| !series.doses_um.is_empty()).collect();
    if series.is_empty() || layout.wells == 0 {
        return Err(LayoutError::Nothing);
    }
    let mut names: Vec<&str> = series.iter().map(|one| one.compound.trim()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(LayoutError::Twice { compound: pair[0].to_owned() });
    }
    let doses = series.iter().flat_map(|s| s.doses_um.iter().map(move |dose| (&s.compound, *dose)));
    let positive = layout.positive.as_ref().filter(|_| layout.positives > 0);
    let given = doses.chain(positive.map(|(compound, dose)| (compound, *dose)));
    for (compound, dose) in given {
        if !(dose.is_finite() && dose > 0.0) {
            return Err(LayoutError::Dose { compound: compound.clone(), dose });
        }
    }
    if layout.negatives < 2 {
        return Err(LayoutError::Controls { negatives: layout.negatives });
    }
    let controls = layout.negatives.saturating_add(positive.map_or(0, |_| layout.positives));
    let room = layout.format.wells().saturating_sub(controls);
    let mut plates: Vec<Vec<&Series>> = Vec::new();
    let mut left = 0;
    for one in series {
        let doses = one.doses_um.len();
        if doses > room {
            let wells = layout.format.wells();
            return Err(LayoutError::Full { compound: one.compound.clone(), doses, controls, wells });
        }
        if let Some(plate) = plates.last_mut().filter(|_| doses <= left) {
            plate.push(one);
        } else {
            left = room;
            plates.push(vec![one]);
        }
        left -= doses;
    }
    let needed = plates.len().saturating_mul(layout.wells);
    if needed > MOST_PLATES {
        return Err(LayoutError::Plates { plates: needed });
    }
    progress.set_total(needed as u64);
    let planned = (0..needed).into_par_iter().map(|place| -> Result<Vec<PlannedWell>, Cancelled> {
        progress.check()?;
        let (repetition, number) = (place / plates.len(), place % plates.len());
        let wells = lay(layout, &format!("r{}p{}", repetition + 1, number + 1), &plates[number]);
        progress.add(1);
        Ok(wells)
    });
    Ok(planned.collect::<Result<Vec<_>, Cancelled>>()?.concat())
}

/// What a well gets: compound, dose, control, and the dose's place in its series from 0 to 1.
type Content<'a> = (&'a str, f64, &'static str, Option<f64>);

/// One plate, by rows.
fn lay(layout: &Layout, name: &str, series: &[&Series]) -> Vec<PlannedWell> {
    let mut rng = stream(layout.seed, &["plate layout", name]);
    let negatives = vec![(layout.negative.as_str(), 0.0, "negative", None); layout.negatives];
    let positive = layout
        .positive
        .iter()
        .flat_map(|(c, dose)| vec![(c.as_str(), *dose, "positive", None); layout.positives]);
    let controls: Vec<Content> = negatives.into_iter().chain(positive).collect();
    let doses = series.iter().flat_map(|one| {
        let last = (one.doses_um.len() - 1).max(1) as f64;
        let place = move |dose: f64| one.doses_um.iter().filter(|other| **other < dose).count() as f64 / last;
        one.doses_um.iter().map(move |&dose| (one.compound.as_str(), dose, "", Some(place(dose))))
    });
    let doses: Vec<Content> = doses.collect();
    let draws = (0..DRAWS).map(|_| draw(&mut rng, layout.format, &controls, &doses));
    let best = draws.map(|plate| (bias(layout.format, &plate), plate)).min_by(|a, b| a.0.total_cmp(&b.0));
    let mut wells = best.map_or_else(Vec::new, |(_, plate)| plate);
    wells.sort_by_key(|(well, _)| *well);
    let planned = |(well, (compound, concentration_um, control, _)): (Well, Content)| PlannedWell {
        plate: name.to_owned(),
        well,
        compound: compound.to_owned(),
        concentration_um,
        control,
    };
    wells.into_iter().map(planned).collect()
}

fn draw<'a>(
    rng: &mut Pcg64,
    format: PlateFormat,
    controls: &[Content<'a>],
    doses: &[Content<'a>],
) -> Vec<(Well, Content<'a>)> {
    let (rows, columns) = format.size();
    let mut free: Vec<Well> =
        (0..columns).flat_map(|column| (0..rows).map(move |row| Well { row, column })).collect();
    // Both kinds of controls along the whole plate, in turns that are drawn.
    let mut controls = controls.to_vec();
    controls.shuffle(rng);
    let stretch = |i: usize| i * free.len() / controls.len();
    let places: Vec<usize> =
        (0..controls.len()).map(|i| rng.random_range(stretch(i)..stretch(i + 1))).collect();
    let mut plate: Vec<(Well, Content)> = places.iter().map(|place| free[*place]).zip(controls).collect();
    for place in places.into_iter().rev() {
        free.remove(place);
    }
    free.shuffle(rng);
    plate.extend(free.into_iter().zip(doses.iter().copied()));
    plate
}

/// The largest correlation of being a control, and of the dose, with the row, the column or the distance from the edge.
fn bias(format: PlateFormat, plate: &[(Well, Content)]) -> f64 {
    let (rows, columns) = format.size();
    let places: [fn(Well, u8, u8) -> u8; 3] = [
        |well, _, _| well.row,
        |well, _, _| well.column,
        |well, rows, columns| {
            well.row.min(well.column).min(rows - 1 - well.row).min(columns - 1 - well.column)
        },
    ];
    let mut worst = 0.0_f64;
    for place in places {
        let at = |well: Well| f64::from(place(well, rows, columns));
        let kind = |name: &'static str| {
            correlation(plate.iter().map(move |(well, c)| (at(*well), f64::from(u8::from(c.2 == name)))))
        };
        let dose = correlation(plate.iter().filter_map(|(well, c)| c.3.map(|dose| (at(*well), dose))));
        worst = worst.max(kind("negative")).max(kind("positive")).max(dose);
    }
    worst
}

/// Absolute correlation; 0 where one side never varies.
fn correlation(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let n = pairs.clone().count() as f64;
    let (x, y) = pairs.clone().fold((0.0, 0.0), |(x, y), pair| (x + pair.0 / n, y + pair.1 / n));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        xx += (a - x) * (a - x);
        yy += (b - y) * (b - y);
        xy += (a - x) * (b - y);
    }
    if xx > 0.0 && yy > 1e-12 { (xy / (xx * yy).sqrt()).abs() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn layout(format: PlateFormat, compounds: usize, doses: usize, seed: u64) -> Layout {
        let doses_um: Vec<f64> = (0..doses).map(|i| 0.01 * 3.0_f64.powi(i as i32)).collect();
        let series = (0..compounds).map(|i| Series { compound: format!("c{i}"), doses_um: doses_um.clone() });
        Layout {
            format,
            series: series.collect(),
            wells: 3,
            negative: "DMSO".to_owned(),
            negatives: format.wells() / 12,
            positive: Some(("staurosporine".to_owned(), 1.0)),
            positives: format.wells() / 24,
            seed,
        }
    }

    #[test]
    fn every_dose_is_once_on_a_plate_of_each_repetition() {
        for format in [PlateFormat::P96, PlateFormat::P384] {
            let layout = layout(format, 20, 8, 1);
            let planned = plan(&layout).unwrap();
            assert_eq!(planned, plan(&layout).unwrap());
            assert_ne!(planned, plan(&Layout { seed: 2, ..layout.clone() }).unwrap());
            let places: BTreeSet<_> = planned.iter().map(|w| (&w.plate, w.well)).collect();
            assert_eq!(places.len(), planned.len());
            let mut doses: BTreeMap<_, Vec<&str>> = BTreeMap::new();
            let mut plates: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
            for well in &planned {
                assert!(format.holds(well.well));
                let controls = plates.entry(&well.plate).or_default();
                match well.control {
                    "negative" => controls[0] += 1,
                    "positive" => controls[1] += 1,
                    _ => {
                        let key = (&well.compound, well.concentration_um.to_bits());
                        doses.entry(key).or_default().push(&well.plate[..2]);
                    }
                }
            }
            assert_eq!(doses.len(), 20 * 8);
            assert!(doses.values().all(|repetitions| *repetitions == ["r1", "r2", "r3"]));
            assert!(plates.values().all(|n| *n == [layout.negatives, layout.positives]), "{plates:?}");
        }
    }

    #[test]
    fn controls_are_scattered_and_doses_follow_no_position() {
        for seed in 0..10 {
            let layout = Layout { wells: 1, ..layout(PlateFormat::P96, 20, 8, seed) };
            let planned = plan(&layout).unwrap();
            for plate in ["r1p1", "r1p2"] {
                let of = || planned.iter().filter(|w| w.plate == plate);
                let controls = || of().filter(|w| w.control == "negative").map(|w| w.well);
                let columns: BTreeSet<u8> = controls().map(|w| w.column).collect();
                let rows: BTreeSet<u8> = controls().map(|w| w.row).collect();
                assert!(columns.len() >= 5 && rows.len() >= 3, "{seed}: {columns:?} {rows:?}");
                let edge = |w: &Well| w.row == 0 || w.row == 7 || w.column == 0 || w.column == 11;
                let outside = controls().filter(edge).count();
                // 36 of 96 wells lie at the edge.
                assert!((1..=5).contains(&outside), "{seed}: {outside} of 8 at the edge");
                let by_column = correlation(
                    of().filter(|w| w.control.is_empty())
                        .map(|w| (f64::from(w.well.column), w.concentration_um.ln())),
                );
                assert!(by_column < 0.15, "{seed}: {by_column}");
            }
        }
    }

    fn plan(layout: &Layout) -> Result<Vec<PlannedWell>, LayoutError> {
        super::plan(layout, &Progress::default())
    }

    #[test]
    fn plans_without_room_or_sense_are_refused() {
        let sound = layout(PlateFormat::P96, 2, 8, 1);
        let with = |change: fn(&mut Layout)| {
            let mut layout = sound.clone();
            change(&mut layout);
            plan(&layout).unwrap_err()
        };
        assert_eq!(with(|l| l.series.clear()), LayoutError::Nothing);
        assert_eq!(with(|l| l.wells = 0), LayoutError::Nothing);
        assert!(matches!(with(|l| l.series[1].doses_um[0] = f64::NAN), LayoutError::Dose { .. }));
        assert!(matches!(with(|l| l.series[1].doses_um[3] = 0.0), LayoutError::Dose { .. }));
        let twice = LayoutError::Twice { compound: "c0".to_owned() };
        assert_eq!(with(|l| l.series[1].compound = "c0 ".to_owned()), twice);
        let progress = Progress::default();
        super::plan(&sound, &progress).unwrap();
        assert_eq!((progress.done(), progress.total()), (3, 3));
        progress.cancel();
        assert_eq!(super::plan(&sound, &progress), Err(LayoutError::Stopped(Cancelled)));
        assert_eq!(with(|l| l.negatives = 1), LayoutError::Controls { negatives: 1 });
        assert!(matches!(with(|l| l.negatives = usize::MAX), LayoutError::Full { .. }));
        assert!(matches!(
            with(|l| l.series[0].doses_um = vec![1.0; 90]),
            LayoutError::Full { doses: 90, .. }
        ));
        assert!(matches!(with(|l| l.wells = 5000), LayoutError::Plates { plates: 5000 }));
    }

    #[test]
    fn the_plan_imports_again() {
        let planned = plan(&layout(PlateFormat::P96, 3, 8, 1)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.csv");
        let rows = planned.iter().map(|well| well.cells().join(","));
        let text: Vec<String> = std::iter::once(COLUMNS.join(",")).chain(rows).collect();
        std::fs::write(&path, text.join("\n")).unwrap();
        let source = crate::experiment::import::plate_map::read(&path, None).unwrap();
        assert_eq!((source.len(), source.header()), (planned.len(), COLUMNS.map(str::to_owned).as_slice()));
        for (row, well) in planned.iter().enumerate() {
            let cells: Vec<&str> = (0..COLUMNS.len()).map(|column| source.cell(row, column)).collect();
            assert_eq!(cells, well.cells());
        }
    }
}

//! The screen: which drug goes where at what dose, and how drugs, replicates, plates, wells and cells differ.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::SimulateError;
use super::optics::Imaging;
use super::parameters::Parameters;
use super::physics::hill;
use super::traits::{Trait, Traits};
use crate::random::{normal, stream};

/// Rows and columns of a plate.
const PLATE: (usize, usize) = (16, 24);

/// Videos at most.
const MAX_VIDEOS: usize = 100_000;

/// Samples of all videos at most: 1 TB as 16-bit numbers.
const MAX_SAMPLES: u128 = 500_000_000_000;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `manifest.csv` and OME-TIFF videos.
    #[default]
    Manifest,
    /// The folders of the Mito dataset: JPEG frames and `annotation.xlsx`.
    Mito,
}

/// A screen to simulate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Mechanisms.
    pub moas: usize,
    /// Drugs of each mechanism; fewer where fewer are known.
    pub drugs_per_moa: usize,
    /// Videos of each drug in one replicate.
    pub videos_per_drug: usize,
    /// Replicates.
    pub replicates: usize,
    /// Pixels on a side; the field of view stays the same.
    pub size: usize,
    /// Frames of a video.
    pub frames: usize,
    /// What differs from screen to screen; drugs stay what they are.
    pub seed: u64,
    /// What is written.
    pub layout: Layout,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            moas: 12,
            drugs_per_moa: 6,
            videos_per_drug: 8,
            replicates: 3,
            size: 128,
            frames: 16,
            seed: 1,
            layout: Layout::Manifest,
        }
    }
}

impl Config {
    /// Says what is out of range.
    pub fn check(&self, parameters: &Parameters) -> Result<(), SimulateError> {
        // The Mito dataset has l1, l2 and l3.
        let replicates = if self.layout == Layout::Mito { 3 } else { 100 };
        let bounds = [
            ("moas", self.moas, 1, parameters.moas.len()),
            ("drugs-per-moa", self.drugs_per_moa, 1, 100),
            ("videos-per-drug", self.videos_per_drug, 1, 10_000),
            ("replicates", self.replicates, 1, replicates),
            ("size", self.size, 32, 512),
            ("frames", self.frames, 1, 512),
        ];
        for (name, value, low, high) in bounds {
            if !(low..=high).contains(&value) {
                return Err(SimulateError::Bounds { name, value, low, high });
            }
        }
        let videos = self.moas * self.drugs_per_moa * self.videos_per_drug * self.replicates;
        let samples = videos as u128 * (self.size * self.size * self.frames) as u128;
        if videos > MAX_VIDEOS || samples > MAX_SAMPLES {
            return Err(SimulateError::TooLarge { videos, limit: MAX_VIDEOS });
        }
        Ok(())
    }
}

/// What a drug does: the same in every screen.
#[derive(Debug, Clone)]
pub struct Drug {
    /// Name as in the compound library.
    pub name: String,
    /// Index of its mechanism.
    pub moa: usize,
    /// Highest dose, µM.
    pub top_um: f64,
    /// False if it does nothing at all.
    pub active: bool,
    /// Concentration of half the effect, µM.
    pub ec50_um: f64,
    /// Hill coefficient.
    pub hill: f64,
    /// Maximal effect as part of its mechanism's; 0 if inactive.
    pub max_effect: f64,
    /// Shift of each trait at an infinite dose, side effects included, on the trait's scale.
    pub shifts: Traits,
    /// What it is for: `train`, `val` or `query` (which means query and gallery).
    pub split: String,
}

impl Drug {
    /// The drugs of a screen, mechanism by mechanism.
    pub fn list(parameters: &Parameters, moas: usize, per_moa: usize) -> Vec<Self> {
        (0..moas.min(parameters.moas.len()))
            .flat_map(|moa| (0..parameters.moas[moa].drugs.len().min(per_moa)).map(move |drug| (moa, drug)))
            .map(|(moa, drug)| Self::new(parameters, moa, drug))
            .collect()
    }

    /// A drug by the number of its mechanism and its number therein.
    pub fn new(parameters: &Parameters, moa: usize, drug: usize) -> Self {
        let (mechanism, screen) = (&parameters.moas[moa], &parameters.screen);
        let entry = &mechanism.drugs[drug];
        let mut rng = stream(parameters.seeds.drugs, &["drug", &entry.name]);
        let mut between = |[low, high]: [f64; 2]| low + (high - low) * rng.random::<f64>();
        let ec50_um = entry.top_um * 10_f64.powf(between(screen.ec50_log10));
        let (hill, max_effect) = (between(screen.hill), between(screen.max_effect));
        let active = !entry.inactive;
        let mut shifts = Traits::zero();
        if active {
            // Side effects grow with the dose as the effect does.
            shifts = Traits::from_fn(|t| screen.off_target_sd * parameters.of(t).cell * normal(&mut rng));
            for effect in &mechanism.effects {
                let full = parameters.of(effect.change).shift(effect.by);
                shifts[effect.change] += max_effect * full * (screen.effect_sd * normal(&mut rng)).exp();
            }
        }
        let max_effect = if active { max_effect } else { 0.0 };
        let split = screen.splits[drug % screen.splits.len()].clone();
        let (name, top_um) = (entry.name.clone(), entry.top_um);
        Self { name, moa, top_um, active, ec50_um, hill, max_effect, shifts, split }
    }

    /// A mechanism as such: its full effect at a concentration of 1, none of what drugs add of their own.
    pub fn ideal(parameters: &Parameters, moa: usize) -> Self {
        let mut shifts = Traits::zero();
        for effect in &parameters.moas[moa].effects {
            shifts[effect.change] += parameters.of(effect.change).shift(effect.by);
        }
        let (name, split) = (parameters.moas[moa].name.clone(), String::new());
        Self { name, moa, top_um: 1.0, active: true, ec50_um: 0.0, hill: 1.0, max_effect: 1.0, shifts, split }
    }

    /// Part of the maximal effect at a dose, 0 to 1.
    pub fn response(&self, um: f64) -> f64 {
        match (self.active, self.ec50_um > 0.0) {
            (false, _) => 0.0,
            (true, true) => hill(um, self.ec50_um, self.hill),
            // A mechanism as such has no potency: its dose is its effect.
            (true, false) => um.clamp(0.0, 1.0),
        }
    }
}

/// One video to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Unique in the screen.
    pub row_id: String,
    /// Replicate, from 1.
    pub replicate: usize,
    /// Plate.
    pub plate: String,
    /// Row and column of the well, from 0.
    pub well: (usize, usize),
    /// Cell in the well, from 1.
    pub cell: usize,
    /// Index into the drugs; `None` for DMSO.
    pub drug: Option<usize>,
    /// Concentration, µM; 0 for DMSO.
    pub um: f64,
    /// `train`, `val`, `query` or `gallery`.
    pub split: &'static str,
    /// Number among the videos of the same drug and replicate, from 0.
    pub number: usize,
}

impl Row {
    /// A cell in a well by itself, for a preview.
    pub fn single(number: u64, um: f64) -> Self {
        Self {
            row_id: format!("preview_{number}"),
            replicate: 1,
            plate: "R1P1".to_owned(),
            well: (PLATE.0 / 2, PLATE.1 / 2),
            cell: 1,
            drug: None,
            um,
            split: "",
            number: 0,
        }
    }

    /// `B07`.
    pub fn well_name(&self) -> String {
        format!("{}{:02}", char::from(b'A' + self.well.0 as u8), self.well.1 + 1)
    }

    /// How far from the plate's middle the well is: 0 in the middle, 1 in a corner or at the edge.
    fn edge(&self) -> f64 {
        let part = |at: usize, of: usize| (2.0 * at as f64 / (of - 1) as f64 - 1.0).abs();
        part(self.well.0, PLATE.0).max(part(self.well.1, PLATE.1)).powi(4)
    }
}

/// A well's content before it has a place.
struct Well {
    drug: Option<usize>,
    um: f64,
    numbers: Vec<usize>,
}

/// All videos of a screen, in the order of replicates, plates and wells.
pub fn rows(parameters: &Parameters, config: &Config, drugs: &[Drug]) -> Vec<Row> {
    let mut rows = Vec::new();
    for replicate in 1..=config.replicates {
        let mut wells = wells(parameters, config, drugs);
        let mut rng = stream(config.seed, &["layout", &replicate.to_string()]);
        wells.shuffle(&mut rng);
        let per_plate = PLATE.0 * PLATE.1;
        let plates = wells.len().div_ceil(per_plate);
        let share = wells.len().div_ceil(plates);
        for (plate, content) in wells.chunks(share).enumerate() {
            let mut places: Vec<usize> = (0..per_plate).collect();
            places.shuffle(&mut rng);
            let mut filled: Vec<_> = places.into_iter().zip(content).collect();
            filled.sort_by_key(|(place, _)| *place);
            for (place, well) in filled {
                rows.extend(place_well(replicate, plate + 1, place, well, drugs));
            }
        }
    }
    rows
}

/// Control wells of a replicate at least: with fewer, no treatment can be told from DMSO by its ranks.
const CONTROL_WELLS: usize = 6;

fn wells(parameters: &Parameters, config: &Config, drugs: &[Drug]) -> Vec<Well> {
    let screen = &parameters.screen;
    let mut wells = Vec::new();
    for (index, drug) in drugs.iter().enumerate() {
        for (dose, part) in screen.doses.iter().enumerate() {
            let numbers: Vec<usize> = (0..config.videos_per_drug)
                .filter(|n| screen.dose_order[n % screen.dose_order.len()] == dose)
                .collect();
            for numbers in numbers.chunks(screen.cells_per_well) {
                wells.push(Well { drug: Some(index), um: drug.top_um * part, numbers: numbers.to_vec() });
            }
        }
    }
    let share = (screen.control_share * (drugs.len() * config.videos_per_drug) as f64).ceil() as usize;
    let controls: Vec<usize> = (0..share.max(2 * config.videos_per_drug).max(CONTROL_WELLS)).collect();
    // A small screen has few cells in each control well rather than few such wells.
    let cells = screen.cells_per_well.min(controls.len() / CONTROL_WELLS);
    for numbers in controls.chunks(cells.max(1)) {
        wells.push(Well { drug: None, um: 0.0, numbers: numbers.to_vec() });
    }
    wells
}

fn place_well(replicate: usize, plate: usize, place: usize, well: &Well, drugs: &[Drug]) -> Vec<Row> {
    let position = (place / PLATE.1, place % PLATE.1);
    let cells = well.numbers.iter().enumerate().map(|(cell, &number)| {
        // Two after two, so that query and gallery both hold every dose.
        let query = (number / 2 + number + replicate).is_multiple_of(2);
        let split = match well.drug.map(|drug| drugs[drug].split.as_str()) {
            Some("train") => "train",
            Some("val") => "val",
            Some(_) if query => "query",
            Some(_) => "gallery",
            // A control well stays together.
            None => ["train", "query", "train", "gallery", "val"][well.numbers[0] / 4 % 5],
        };
        let mut row = Row {
            row_id: String::new(),
            replicate,
            plate: format!("R{replicate}P{plate}"),
            well: position,
            cell: cell + 1,
            drug: well.drug,
            um: well.um,
            split,
            number,
        };
        row.row_id = format!("{}_{}_{}", row.plate, row.well_name(), row.cell);
        row
    });
    cells.collect()
}

/// What the cell of a row is like, and how it is seen.
pub fn conditions(
    parameters: &Parameters,
    seed: u64,
    row: &Row,
    drug: Option<&Drug>,
    rng: &mut Pcg64,
) -> (Traits, Imaging) {
    let replicate = row.replicate.to_string();
    let mut by_replicate = stream(seed, &["replicate", &replicate]);
    let mut by_plate = stream(seed, &["plate", &row.plate]);
    let mut by_well = stream(seed, &["well", &row.plate, &row.well_name()]);
    let response = drug.map_or(0.0, |drug| drug.response(row.um));
    let traits = Traits::from_fn(|t| {
        let model = parameters.of(t);
        let batch = model.replicate * normal(&mut by_replicate) + model.well * normal(&mut by_well);
        let effect = drug.map_or(0.0, |drug| response * drug.shifts[t]);
        model.at(batch + model.cell * normal(rng) + effect)
    });
    let optics = &parameters.optics;
    let mut varied = |[cell, well, replicate]: [f64; 3]| {
        cell * normal(rng) + well * normal(&mut by_well) + replicate * normal(&mut by_replicate)
    };
    let staining = varied(optics.staining_sd);
    let focus = optics.focus_um + varied(optics.focus_sd_um);
    let edge = row.edge() * (optics.plate_edge[0] + optics.plate_edge[1] * normal(&mut by_plate));
    let lamp = optics.illumination_sd * normal(&mut by_replicate);
    let imaging = Imaging {
        brightness: (staining + edge + lamp).exp(),
        background_photons: optics.background_photons[0]
            * (optics.background_photons[1] * normal(&mut by_well)).exp(),
        focus: [focus, optics.focus_drift_sd[0] * normal(rng)],
        drift: std::array::from_fn(|_| optics.crop_drift_sd[0] * normal(rng)),
        bleaching: (optics.bleaching_per_frame[0]
            * (optics.bleaching_per_frame[1] * normal(&mut by_well)).exp())
        .min(0.5),
    };
    (traits, imaging)
}

/// The mean potential of untreated cells, mV: what brightness is relative to.
pub fn reference_mv(parameters: &Parameters) -> f64 {
    parameters.of(Trait::Potential).value
}

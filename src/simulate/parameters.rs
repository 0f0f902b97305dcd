//! The parameters: one cited file, compiled in, frozen by its hash.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::SimulateError;
use super::traits::{Trait, TraitModel, TraitModels};

/// `assets/simulator/parameters.json`.
const TEXT: &str = include_str!("../../assets/simulator/parameters.json");

/// Everything that the simulator assumes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Version of the file's content.
    pub version: u32,
    /// Where the numbers come from: key → citation.
    pub sources: BTreeMap<String, String>,
    /// Named seeds.
    pub seeds: Seeds,
    /// Microscope and camera.
    pub optics: Optics,
    /// Cell and mitochondria, beyond what differs from cell to cell.
    pub model: Model,
    /// What an untreated cell is like, and how that varies.
    pub traits: TraitModels,
    /// Plates, replicates and doses.
    pub screen: Screen,
    /// Mechanisms, the first ones first in a small screen.
    pub moas: Vec<Moa>,
    /// BLAKE3 of the file, hexadecimal.
    #[serde(skip)]
    pub hash: String,
}

/// Seeds that must not be mixed up: what a model is trained on is never what it is judged by.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Potencies, maximal effects and side effects of the drugs: the same in every screen.
    pub drugs: u64,
    /// The screen that `molclip demo` opens.
    pub demo: u64,
    /// Screens to train on.
    pub training: u64,
    /// Screens to evaluate on.
    pub evaluation: u64,
    /// The screens of the baselines table, with which the parameters were tuned.
    pub baselines: u64,
}

/// Microscope and camera.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optics {
    /// Side of the square crop, µm.
    pub field_um: f64,
    /// Time between frames, s.
    pub interval_s: f64,
    /// Emission of TMRM, µm.
    pub wavelength_um: f64,
    /// Of the objective.
    pub numerical_aperture: f64,
    /// Of the immersion.
    pub refractive_index: f64,
    /// Height of the focal plane above the glass, µm.
    pub focus_um: f64,
    /// Deviation of the focus from cell to cell, well to well, replicate to replicate, µm.
    pub focus_sd_um: [f64; 3],
    /// Focus drift: deviation of its speed, µm/s, and of each frame, µm.
    pub focus_drift_sd: [f64; 2],
    /// Drift of the crop: deviation of its speed, µm/s, and of each frame (tracking), µm.
    pub crop_drift_sd: [f64; 2],
    /// Bleaching per frame, median, and its log deviation from well to well.
    pub bleaching_per_frame: [f64; 2],
    /// Photons per frame and pixel of 0.04 µm² from 1 µm of untreated mitochondrion of the usual diameter, before blur.
    pub photons: f64,
    /// Log deviation of staining from cell to cell, well to well, replicate to replicate.
    pub staining_sd: [f64; 3],
    /// Log deviation of lamp and exposure from replicate to replicate.
    pub illumination_sd: f64,
    /// Change of staining from the middle of a plate to its edge (log), median, and deviation from plate to plate.
    pub plate_edge: [f64; 2],
    /// Photons of background per frame and pixel, median, and log deviation from well to well.
    pub background_photons: [f64; 2],
    /// Electrons per count.
    pub electrons_per_count: f64,
    /// Read noise, electrons.
    pub read_noise_electrons: f64,
    /// Counts in the dark.
    pub offset_counts: f64,
    /// Where these come from.
    pub source: Vec<String>,
}

/// Cell and mitochondria.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Temperature, K.
    pub kelvin: f64,
    /// Distance between the beads of a mitochondrion, µm.
    pub bead_um: f64,
    /// Time step, s.
    pub step_s: f64,
    /// Time that a cell moves before it is recorded, s.
    pub settle_s: f64,
    /// Log deviation of the length of mitochondria within a cell.
    pub length_sd: f64,
    /// Distance at which mitochondria touch, µm.
    pub contact_um: f64,
    /// Time after a division in which its ends do not fuse, s.
    pub refractory_s: f64,
    /// A division leaves one daughter less polarised by this, mV.
    pub fission_asymmetry_mv: f64,
    /// Time in which potential evens out along a bond, s.
    pub equalise_s: f64,
    /// Decay time of a transient depolarisation, s, and length it takes, µm.
    pub flicker: [f64; 2],
    /// Wavelengths of the flow of the cytoplasm, µm, shortest and longest, and its correlation time, s.
    pub flow: [f64; 3],
    /// Diffusion of a bead, µm²/s.
    pub bead_diffusion: f64,
    /// Height of the cell beside the nucleus and at its edge, µm.
    pub height_um: [f64; 2],
    /// Where these come from.
    pub source: Vec<String>,
}

/// Plates, replicates, doses, and how drugs differ.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// Doses as part of a drug's highest.
    pub doses: Vec<f64>,
    /// Which of the doses the videos of a drug get in turn.
    pub dose_order: Vec<usize>,
    /// Cells recorded in one well at most.
    pub cells_per_well: usize,
    /// Videos of DMSO as part of those of drugs, at least.
    pub control_share: f64,
    /// EC50 as part of the highest dose: decimal logarithm, lowest and highest.
    pub ec50_log10: [f64; 2],
    /// Hill coefficient, lowest and highest.
    pub hill: [f64; 2],
    /// Maximal effect of an active drug as part of its mechanism's, lowest and highest.
    pub max_effect: [f64; 2],
    /// Log deviation of each single effect from drug to drug.
    pub effect_sd: f64,
    /// Side effects: deviation in units of the trait's deviation from cell to cell.
    pub off_target_sd: f64,
    /// What the drugs of a mechanism are for, by their place in its list, again from the start when it ends.
    pub splits: Vec<String>,
    /// Where these come from.
    pub source: Vec<String>,
}

/// A mechanism of action.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moa {
    /// Name in the manifest.
    pub name: String,
    /// What it does, in a sentence.
    pub summary: String,
    /// True for mechanisms that change movement alone.
    #[serde(default)]
    pub motion_only: bool,
    /// True where fewer than five drugs with a checked structure are known.
    #[serde(default)]
    pub few_drugs: bool,
    /// At full effect.
    pub effects: Vec<Effect>,
    /// Names as in the compound library.
    pub drugs: Vec<DrugEntry>,
}

/// One thing that a mechanism does at full effect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// What changes.
    pub change: Trait,
    /// Factor for traits on a logarithmic scale, else the sum to add in the trait's unit.
    pub by: f64,
    /// `reported` by the sources as to its direction, or `inferred` from them. Sizes are chosen.
    pub evidence: Evidence,
    /// Keys of the sources.
    pub source: Vec<String>,
}

/// How well an effect is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evidence {
    /// The sources saw a change in this direction.
    Reported,
    /// It follows from what the sources saw.
    Inferred,
}

/// A drug of a mechanism.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrugEntry {
    /// Name as in the compound library.
    pub name: String,
    /// Highest concentration, µM.
    pub top_um: f64,
    /// True if it does nothing in this screen.
    #[serde(default)]
    pub inactive: bool,
}

impl Parameters {
    /// The parameters of this program: read and checked once.
    pub fn get() -> Result<&'static Self, SimulateError> {
        static PARAMETERS: OnceLock<Result<Parameters, String>> = OnceLock::new();
        let parse = || Parameters::parse(TEXT);
        PARAMETERS.get_or_init(parse).as_ref().map_err(|e| SimulateError::Parameters(e.clone()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parameters: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        parameters.hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        parameters.check()?;
        Ok(parameters)
    }

    /// What an untreated cell is like in this respect.
    pub fn of(&self, quantity: Trait) -> &TraitModel {
        // `check` has seen that every trait is there.
        &self.traits[&quantity]
    }

    fn check(&self) -> Result<(), String> {
        if let Some(missing) = Trait::ALL.iter().find(|t| !self.traits.contains_key(t)) {
            return Err(format!("There is no trait {}.", missing.name()));
        }
        for (quantity, model) in &self.traits {
            let positive = [model.cell, model.well, model.replicate].iter().all(|sd| *sd >= 0.0);
            if !(model.min <= model.value && model.value <= model.max && positive) {
                return Err(format!("The numbers of {} do not fit each other.", quantity.name()));
            }
        }
        let cited = (self.moas.iter())
            .flat_map(|moa| &moa.effects)
            .flat_map(|effect| &effect.source)
            .chain(self.traits.values().map(|model| &model.source))
            .chain(&self.optics.source)
            .chain(&self.model.source)
            .chain(&self.screen.source);
        for key in cited {
            if key != "chosen" && !self.sources.contains_key(key) {
                return Err(format!("The source {key} is cited but not listed."));
            }
        }
        let mut names = BTreeSet::new();
        for moa in &self.moas {
            if moa.few_drugs == (moa.drugs.len() >= 5) || moa.drugs.is_empty() {
                return Err(format!("{} has {} drugs.", moa.name, moa.drugs.len()));
            }
            for effect in &moa.effects {
                if !self.of(effect.change).shift(effect.by).is_finite() || effect.source.is_empty() {
                    return Err(format!("{}: {} is no effect.", moa.name, effect.change.name()));
                }
            }
            for drug in &moa.drugs {
                if !names.insert(&drug.name) || drug.top_um <= 0.0 {
                    return Err(format!("{} stands twice or has no dose.", drug.name));
                }
            }
        }
        let seeds = &self.seeds;
        let seeds =
            BTreeSet::from([seeds.drugs, seeds.demo, seeds.training, seeds.evaluation, seeds.baselines]);
        if seeds.len() != 5 {
            return Err("Two of the named seeds are equal.".to_owned());
        }
        let screen = &self.screen;
        let orders = screen.dose_order.iter().all(|&dose| dose < screen.doses.len());
        if screen.dose_order.is_empty() || !orders || screen.splits.is_empty() || screen.cells_per_well == 0 {
            return Err("Doses, splits or cells per well do not fit each other.".to_owned());
        }
        Ok(())
    }
}

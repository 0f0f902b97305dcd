//! What a cell is like: the physical quantities that drugs, cells, wells and replicates change.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! traits {
    ($($(#[$doc:meta])* $name:ident = $key:literal),* $(,)?) => {
        /// A physical quantity of one cell and its mitochondria.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Trait { $($(#[$doc])* #[serde(rename = $key)] $name,)* }

        impl Trait {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Name with unit, as in the parameters and in the truth tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $key),* }
            }
        }
    };
}

traits! {
    /// Potential across the inner membrane, mV, negative inside: its size.
    Potential = "potential_mv",
    /// Deviation of that from mitochondrion to mitochondrion, mV.
    Heterogeneity = "heterogeneity_mv",
    /// Local transient depolarisations per 100 µm of mitochondria and minute.
    FlickerRate = "flickers_per_100um_min",
    /// Size of a transient depolarisation, mV.
    FlickerDepth = "flicker_mv",
    /// Total length of the mitochondria, µm.
    Mass = "total_length_um",
    /// Length of one mitochondrion when the recording starts, µm.
    Length = "length_um",
    /// Diameter of a mitochondrion, µm.
    Diameter = "diameter_um",
    /// Part of the mitochondria that start as a branch of another.
    Branching = "branching",
    /// Distance over which a mitochondrion keeps its direction, µm.
    Persistence = "persistence_um",
    /// Distance from the nucleus at which the density has fallen to 1/e, µm.
    Spread = "spread_um",
    /// How closely mitochondria follow the microtubules, 0 to 1.
    Alignment = "alignment",
    /// How far microtubules are bundled along the cell instead of radial, 0 to 1.
    Bundling = "bundling",
    /// Divisions per 100 µm of mitochondria and minute.
    Fission = "fission_per_100um_min",
    /// Fusions per tip in contact and minute.
    Fusion = "fusion_per_contact_min",
    /// Directed runs that start per tip and minute.
    RunRate = "runs_per_tip_min",
    /// Speed of a run, µm/s.
    RunSpeed = "run_speed_um_s",
    /// Mean duration of a run, s.
    RunTime = "run_s",
    /// Part of the runs that go outwards.
    Outward = "outward_runs",
    /// Root mean square speed of the random flow of the cytoplasm, µm/s.
    Agitation = "agitation_um_s",
    /// Radius of the cell, µm.
    CellRadius = "cell_radius_um",
    /// Length of the cell over its width.
    Elongation = "elongation",
    /// Radius of the nucleus, µm.
    NucleusRadius = "nucleus_radius_um",
}

/// One number for each trait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traits([f64; Trait::ALL.len()]);

impl Traits {
    /// Made by a function of the trait.
    pub fn from_fn(value: impl FnMut(Trait) -> f64) -> Self {
        let mut values = [0.0; Trait::ALL.len()];
        for (slot, number) in values.iter_mut().zip(Trait::ALL.iter().copied().map(value)) {
            *slot = number;
        }
        Self(values)
    }

    /// All zero.
    pub fn zero() -> Self {
        Self::from_fn(|_| 0.0)
    }
}

impl Index<Trait> for Traits {
    type Output = f64;

    fn index(&self, index: Trait) -> &f64 {
        &self.0[index as usize]
    }
}

impl IndexMut<Trait> for Traits {
    fn index_mut(&mut self, index: Trait) -> &mut f64 {
        &mut self.0[index as usize]
    }
}

/// How differences in a trait add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// As factors: deviations are of the natural logarithm, an effect is a factor.
    Log,
    /// As sums: deviations and effects are in the trait's unit.
    Linear,
}

/// What a trait is in an untreated cell, and how it varies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraitModel {
    /// Median over untreated cells.
    pub value: f64,
    /// How differences add up.
    pub scale: Scale,
    /// Smallest value that the model takes.
    pub min: f64,
    /// Largest value that the model takes.
    pub max: f64,
    /// Standard deviation from cell to cell.
    pub cell: f64,
    /// Standard deviation from well to well.
    pub well: f64,
    /// Standard deviation from replicate to replicate.
    pub replicate: f64,
    /// Where value and variation come from: a key of the sources, or `chosen`.
    pub source: String,
}

impl TraitModel {
    /// The value that is `shift` away from the median, on the trait's scale.
    pub fn at(&self, shift: f64) -> f64 {
        let value = match self.scale {
            Scale::Log => self.value * shift.exp(),
            Scale::Linear => self.value + shift,
        };
        value.clamp(self.min, self.max)
    }

    /// An effect as it stands in the parameters, as a shift on the trait's scale.
    pub fn shift(&self, effect: f64) -> f64 {
        match self.scale {
            Scale::Log => effect.ln(),
            Scale::Linear => effect,
        }
    }
}

/// The model of every trait.
pub type TraitModels = BTreeMap<Trait, TraitModel>;

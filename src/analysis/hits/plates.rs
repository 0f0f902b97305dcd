//! Controls of all plates and of each, and what is wrong with a plate.

use rand::seq::SliceRandom as _;
use serde::Serialize;

use super::axis::HeldApart;
use super::numbers::spearman;
use super::positions::{PlaceEffect, PlaceEffects};
use super::quality::{Class, Quality};
use super::scores::{Kind, Scores};
use super::separation::Separation;
use super::wells::{Role, Wells};
use crate::random::stream;

/// Rate of false discoveries among plates that are flagged.
const ALPHA: f64 = 0.05;

/// Plates from which on a trend can be told.
const LEAST_IN_TREND: usize = 5;

/// Permutations for the p of a trend.
const PERMUTATIONS: usize = 1999;

/// Control wells of a class on a plate below which it is flagged.
const FEW: usize = 3;

/// One plate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlateControls {
    /// Its name.
    pub plate: String,
    /// Of its control wells.
    #[serde(flatten)]
    pub quality: Quality,
    /// Mean score of its negative control wells before the plate is normalised, less that of all plates; `None` without an axis.
    pub level: Option<f64>,
    /// Outermost against inner wells.
    pub edge_effect: PlaceEffect,
    /// Between rows.
    pub row_effect: PlaceEffect,
    /// Between columns.
    pub column_effect: PlaceEffect,
    /// What is wrong with it, a clause each.
    pub flags: Vec<String>,
}

/// Whether plates change in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    /// Spearman's correlation of [`PlateControls::level`] with the place in the order.
    pub rho: f64,
    /// Permutation p.
    pub p: f64,
    /// Plates.
    pub n: usize,
}

/// Controls of all plates together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Controls {
    /// Of scores of all control wells.
    #[serde(flatten)]
    pub quality: Quality,
    /// By a linear support vector machine.
    #[serde(flatten)]
    pub separation: Separation,
    /// What was held apart.
    pub held_apart: HeldApart,
    /// Part of control wells of the larger class: the accuracy of a guess.
    pub majority: Option<f64>,
    /// Plates, in the order of the table.
    pub by_plate: Vec<PlateControls>,
    /// Outermost against inner wells, all plates together.
    pub edge_effect: PlaceEffect,
    /// Between rows.
    pub row_effect: PlaceEffect,
    /// Between columns.
    pub column_effect: PlaceEffect,
    /// `None` of fewer than five plates with a level.
    pub trend: Option<Trend>,
}

/// Puts together what scores say of controls and plates.
pub(super) fn controls(
    screen: &Wells,
    scores: &Scores,
    effects: Vec<PlaceEffects>,
    together: PlaceEffects,
    seed: u64,
) -> Controls {
    let of = |role: Role| {
        screen.by_plate(screen.with_role(role).filter_map(|well| Some((well, scores.on[well]?))))
    };
    let (negative, positive) = (of(Role::Negative), of(Role::Positive));
    let quality = |plate: Option<usize>, name: &str| {
        let class = |plates, is_centred| Class {
            plates: plate.map_or(plates, |plate: usize| &plates[plate..=plate]),
            is_centred,
        };
        // Positive wells have a mean of 1 on each plate where scores are scaled by them.
        let is_scaled = match scores.kind {
            Kind::OnScore => matches!(scores.folds.kind, HeldApart::Plates),
            kind => kind == Kind::ScaledReadout,
        };
        let found = Quality::of(class(&negative, true), class(&positive, is_scaled), seed, name);
        // Without an axis, scores of two classes are no two ends.
        if scores.kind.is_on_axis() {
            found
        } else {
            Quality { n_negative: found.n_negative, n_positive: found.n_positive, ..Quality::default() }
        }
    };
    let quality_of_all = quality(None, "all plates");
    let by_plate = effects
        .into_iter()
        .zip(&screen.plates)
        .enumerate()
        .map(|(plate, (PlaceEffects { edge, row, column }, name))| {
            let mut found = PlateControls {
                plate: name.clone(),
                quality: quality(Some(plate), name),
                level: scores.levels[plate],
                edge_effect: edge,
                row_effect: row,
                column_effect: column,
                flags: Vec::new(),
            };
            found.flags = flags(&found, scores.kind.is_on_axis());
            found
        })
        .collect::<Vec<_>>();
    let Quality { n_negative, n_positive, .. } = quality_of_all;
    let larger = n_negative.max(n_positive) as f64 / (n_negative + n_positive).max(1) as f64;
    Controls {
        quality: quality_of_all,
        separation: scores.separation.clone(),
        held_apart: scores.folds.kind,
        majority: scores.separation.accuracy.map(|_| larger),
        trend: trend(&by_plate, seed),
        by_plate,
        edge_effect: together.edge,
        row_effect: together.row,
        column_effect: together.column,
    }
}

fn flags(plate: &PlateControls, is_on_axis: bool) -> Vec<String> {
    let mut flags = Vec::new();
    let Quality { n_negative, n_positive, z_prime, .. } = plate.quality;
    if n_negative < FEW {
        flags.push(format!("{n_negative} negative control wells"));
    }
    if is_on_axis && n_positive < FEW {
        flags.push(format!("{n_positive} positive control wells"));
    }
    if let Some(z_prime) = z_prime.filter(|z_prime| *z_prime < 0.0) {
        flags.push(format!("Z′ {z_prime:.2} is below 0"));
    }
    for (what, effect) in
        [("edge", plate.edge_effect), ("row", plate.row_effect), ("column", plate.column_effect)]
    {
        if let Some(q) = effect.q.filter(|q| *q < ALPHA) {
            flags.push(format!("{what} effect, q = {q:.3}"));
        }
    }
    flags
}

/// Of levels, in the natural order of the plates' names.
fn trend(plates: &[PlateControls], seed: u64) -> Option<Trend> {
    let mut known: Vec<(&str, f64)> =
        plates.iter().filter_map(|plate| Some((plate.plate.as_str(), plate.level?))).collect();
    if known.len() < LEAST_IN_TREND {
        return None;
    }
    known.sort_by(|a, b| natord::compare(a.0, b.0));
    let order: Vec<f64> = (0..known.len()).map(|place| place as f64).collect();
    let mut levels: Vec<f64> = known.iter().map(|(_, level)| *level).collect();
    let rho = spearman(&order, &levels)?;
    let mut rng = stream(seed, &["hits", "trend"]);
    let mut reached = 0;
    for _ in 0..PERMUTATIONS {
        levels.shuffle(&mut rng);
        reached += usize::from(spearman(&order, &levels)?.abs() >= rho.abs() - 1e-12);
    }
    Some(Trend { rho, p: (1 + reached) as f64 / (1 + PERMUTATIONS) as f64, n: known.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(name: &str, level: f64) -> PlateControls {
        PlateControls {
            plate: name.to_owned(),
            quality: Quality::default(),
            level: Some(level),
            edge_effect: PlaceEffect::default(),
            row_effect: PlaceEffect::default(),
            column_effect: PlaceEffect::default(),
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_trend_follows_the_plates_numbers_not_their_letters() {
        let plates: Vec<PlateControls> = [2, 10, 1, 9, 3, 20, 11]
            .map(|number| plate(&format!("plate {number}"), f64::from(number)))
            .to_vec();
        let found = trend(&plates, 1).unwrap();
        assert_eq!((found.rho, found.n), (1.0, 7));
        assert!(found.p < 0.01);
        assert_eq!(trend(&plates[..4], 1), None);
    }

    #[test]
    fn a_plate_is_flagged_for_what_is_wrong_with_it() {
        let mut one = plate("a", 0.0);
        one.quality = Quality { n_negative: 8, n_positive: 2, z_prime: Some(-0.5), ..Quality::default() };
        one.edge_effect.q = Some(0.01);
        one.row_effect.q = Some(0.5);
        let found = flags(&one, true).join("; ");
        assert_eq!(found, "2 positive control wells; Z′ -0.50 is below 0; edge effect, q = 0.010");
        assert_eq!(flags(&one, false).len(), 2);
    }
}

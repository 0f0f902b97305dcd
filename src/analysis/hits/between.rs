//! p of a treatment where treatments also scatter between plates.
//!
//! Wells of one plate share what was done to it, so that a treatment on a few plates repeats as often as it has plates, not wells.
//! With `s`, `ν`, `a` and `w_r` of [`effect`](crate::analysis::effect), and `σ_b²` with `ν_b` degrees of freedom the scatter of
//! treatments between plates over all of them (see [`power`]), the mean shift `m` of a treatment has the variance
//! `V = s²·a + σ_b²·Σ w_r²`, and `m/√V` is Student's t with `V²/((s²·a)²/ν + (σ_b²·Σ w_r²)²/ν_b)` degrees of freedom (Satterthwaite,
//! Biometrics Bull 1946, 2:110-114). Hedges' g stays in deviations of wells, and its interval is `g ± 1.96·√(V/s² + g²/(2ν))`.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::numbers::mean;
use crate::analysis::effect::{Effect, Well};
use crate::analysis::power::{ScatterWell, scatter};

/// Half the width of a 95 % interval of the normal distribution, in deviations.
const NORMAL_95: f64 = 1.959_964;

/// How treatments scatter between plates, their controls taken off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Between {
    variance: f64,
    freedom: usize,
}

impl Between {
    /// Over all treatments, whose wells have one number each; `None` where none is on two plates with controls, or nothing says how
    /// wells scatter.
    pub fn of<'a>(controls: &[Well], treatments: impl Iterator<Item = &'a [Well]>) -> Option<Self> {
        let well = |treatment: Option<usize>| {
            move |well: &Well| {
                Some(ScatterWell { plate: well.block, treatment, value: *well.values.first()? })
            }
        };
        let treated =
            treatments.enumerate().flat_map(|(place, wells)| wells.iter().filter_map(well(Some(place))));
        let wells: Vec<ScatterWell> = controls.iter().filter_map(well(None)).chain(treated).collect();
        let found = scatter(&wells).ok()?;
        Some(Self { variance: found.between?.powi(2), freedom: found.between_freedom })
    }

    /// The effect of wells of one number each with this scatter as well.
    pub fn widened(&self, effect: Effect, treated: &[Well], controls: &[Well]) -> Effect {
        let mut blocks: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for well in treated {
            blocks.entry(well.block).or_default().0.extend(well.values.first());
        }
        for well in controls {
            if let Some((_, of)) = blocks.get_mut(&well.block) {
                of.extend(well.values.first());
            }
        }
        blocks.retain(|_, (_, controls)| !controls.is_empty());
        let n: f64 = blocks.values().map(|(treated, _)| treated.len() as f64).sum();
        let n_controls: f64 = blocks.values().map(|(_, controls)| controls.len() as f64).sum();
        let freedom = n - 1.0 + n_controls - blocks.len() as f64;
        let share = |treated: &[f64]| (treated.len() as f64 / n).powi(2);
        let apart =
            1.0 / n + blocks.values().map(|(treated, of)| share(treated) / of.len() as f64).sum::<f64>();
        let by_plate: f64 = blocks.values().map(|(treated, _)| share(treated)).sum();
        let shifts = blocks.values().map(|(treated, of)| treated.len() as f64 * (mean(treated) - mean(of)));
        let shift = shifts.sum::<f64>() / n;
        // Of g = (1 − 3/(4ν − 1))·m/s.
        let deviation = shift / (effect.g / (1.0 - 3.0 / (4.0 * freedom - 1.0)));
        let (wells, plates) = (deviation * deviation * apart, self.variance * by_plate);
        let whole = wells + plates;
        let satterthwaite = whole * whole / (wells * wells / freedom + plates * plates / self.freedom as f64);
        let Ok(t) = StudentsT::new(0.0, 1.0, satterthwaite) else { return effect };
        let p = (2.0 * t.sf((shift / whole.sqrt()).abs())).min(1.0);
        let half =
            NORMAL_95 * (whole / (deviation * deviation) + effect.g * effect.g / (2.0 * freedom)).sqrt();
        if !(p.is_finite() && half.is_finite()) {
            return effect;
        }
        Effect { lo: effect.g - half, hi: effect.g + half, p, q: p, ..effect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::effect::effects;
    use crate::random::{normal, stream};

    /// Idle treatments of `each` wells on each of three plates with eight controls, which scatter by 1, and by `between` from plate to
    /// plate.
    fn screen(treatments: usize, each: usize, between: f64) -> (Vec<Well>, Vec<Vec<Well>>) {
        let mut rng = stream(3, &["between"]);
        let controls = (0..24).map(|well| Well { block: well % 3, values: vec![normal(&mut rng)] }).collect();
        let treated = (0..treatments)
            .map(|_| {
                let mut wells = Vec::new();
                for block in 0..3 {
                    let own = between * normal(&mut rng);
                    wells.extend((0..each).map(|_| Well { block, values: vec![own + normal(&mut rng)] }));
                }
                wells
            })
            .collect();
        (controls, treated)
    }

    #[test]
    fn idle_treatments_that_scatter_between_plates_keep_the_level() {
        let (controls, treated) = screen(400, 4, 1.5);
        let between = Between::of(&controls, treated.iter().map(Vec::as_slice)).unwrap();
        assert!((between.variance.sqrt() - 1.5).abs() < 0.15 && between.freedom == 800, "{between:?}");
        let (mut plain, mut widened) = (0, 0);
        for wells in &treated {
            let effect = effects(wells, &controls).unwrap().effects[0];
            plain += usize::from(effect.p < 0.05);
            let with = between.widened(effect, wells, &controls);
            widened += usize::from(with.p < 0.05);
            assert!(with.g == effect.g && with.lo < effect.lo && with.hi > effect.hi, "{with:?}");
        }
        assert!(plain > 80, "{plain} of 400");
        assert!((6..=32).contains(&widened), "{widened} of 400");
    }

    #[test]
    fn without_scatter_between_plates_p_is_students() {
        let (controls, treated) = screen(1, 2, 0.0);
        let effect = effects(&treated[0], &controls).unwrap().effects[0];
        let same = Between { variance: 0.0, freedom: 2 }.widened(effect, &treated[0], &controls);
        assert!(
            (same.p - effect.p).abs() < 1e-9 && (same.lo - effect.lo).abs() < 1e-9,
            "{same:?} {effect:?}"
        );
        // One plate says nothing of what differs between plates.
        let one = treated[0].iter().filter(|well| well.block == 0).cloned().collect::<Vec<_>>();
        assert_eq!(Between::of(&controls, std::iter::once(one.as_slice())), None);
    }
}

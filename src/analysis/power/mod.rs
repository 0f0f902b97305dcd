//! How many wells? The smallest effect that a screen of so many treatments, with so many wells each, can be expected to find.
//!
//! Wells scatter within plates (`σ_w`, pooled over DMSO wells and repeated treatments), and a treatment scatters between plates
//! after each plate's DMSO is taken off (`σ_b`, one-way analysis of variance by the method of moments). The test is the one of
//! [`super::effect`]: a treatment's wells against the DMSO wells of the same plates, `ν = n − 1 + Σ (n_r − 1)`. An effect `Δ` is
//! then `Δ/√(σ_w²·a + σ_b²/p)` standard errors, with `a = 1/n + 1/(m·p)`, `m` DMSO wells on each of `p` plates.
//!
//! A rate `q` of false discoveries among `m` treatments, a part `π` of them active and found with chance `1 − β`, is a level of
//! `α = q·π·(1 − β)/(1 − q·(1 − π))` for each (Jung, Bioinformatics 2005, 21:3097-3104, eq. 3, with Benjamini and Hochberg's
//! bound instead of the estimated part of null hypotheses), and never less than `q/m`, which is where the first one is found.

use std::collections::BTreeMap;

mod noncentral;

/// Wells per treatment that are looked at.
pub const WELLS: std::ops::RangeInclusive<usize> = 2..=8;

/// A well of the screen that there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScatterWell {
    /// Plate of which replicate.
    pub plate: usize,
    /// Which treatment (compound and dose); `None` = DMSO.
    pub treatment: Option<usize>,
    /// What is looked at: an axis or a readout.
    pub value: f64,
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PowerError {
    /// No plate has two control wells.
    #[error(
        "no plate has two negative controls, so that nothing says how wells scatter. Mark the DMSO wells in the column control"
    )]
    NoControls,
    /// DMSO wells are all the same.
    #[error("the control wells of each plate all have the same value: there is no scatter to plan by")]
    NoScatter,
    /// A setting out of its range.
    #[error(
        "q, power and the part of active treatments must be between 0 and 1, and there must be treatments and at least 2 controls per plate"
    )]
    Settings,
}

/// How wells scatter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    /// Standard deviation of DMSO wells within plates.
    pub dmso: f64,
    /// Degrees of freedom of `dmso`.
    pub dmso_freedom: usize,
    /// Standard deviation of wells of one treatment on one plate; `None` without repetitions.
    pub repeats: Option<f64>,
    /// Both pooled, by degrees of freedom.
    pub within: f64,
    /// Standard deviation of a treatment between plates, after their DMSO is taken off; `None` where no treatment is on
    /// two plates with DMSO, 0 where plates differ by no more than wells do.
    pub between: Option<f64>,
    /// Degrees of freedom of `between`.
    pub between_freedom: usize,
    /// Wells without a finite value, left out.
    pub left_out: usize,
}

/// Means and squares of a group of wells.
#[derive(Default)]
struct Group {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Group {
    fn push(&mut self, value: f64) {
        self.n += 1.0;
        let off = value - self.mean;
        self.mean += off / self.n;
        self.squares += off * (value - self.mean);
    }
}

/// Measures how wells scatter.
///
/// # Errors
/// No plate has two control wells, or these are all the same.
pub fn scatter(wells: &[ScatterWell]) -> Result<Scatter, PowerError> {
    let mut groups: BTreeMap<(Option<usize>, usize), Group> = BTreeMap::new();
    let finite = || wells.iter().filter(|well| well.value.abs() < 1e150);
    for well in finite() {
        groups.entry((well.treatment, well.plate)).or_default().push(well.value);
    }
    let pooled = |of_dmso: bool| {
        let of = groups.iter().filter(|((treatment, _), _)| treatment.is_none() == of_dmso);
        of.fold((0.0, 0.0), |(squares, freedom), (_, g)| (squares + g.squares, freedom + g.n - 1.0))
    };
    let ((dmso, dmso_freedom), (repeats, repeats_freedom)) = (pooled(true), pooled(false));
    if dmso_freedom < 1.0 {
        return Err(PowerError::NoControls);
    }
    let largest = finite().map(|well| well.value.abs()).fold(0.0, f64::max);
    let deviation = (dmso / dmso_freedom).sqrt();
    // What is left by rounding is no scatter.
    if deviation <= 1e-9 * largest {
        return Err(PowerError::NoScatter);
    }
    let within = (dmso + repeats) / (dmso_freedom + repeats_freedom);
    let (between, between_freedom) = between(&groups, within);
    Ok(Scatter {
        dmso: deviation,
        dmso_freedom: dmso_freedom as usize,
        repeats: (repeats_freedom > 0.0).then(|| (repeats / repeats_freedom).sqrt()),
        within: within.sqrt(),
        between,
        between_freedom,
        left_out: wells.len() - finite().count(),
    })
}

/// Deviation of treatments between plates: what their means less DMSO's scatter beyond what the scatter of wells gives; and
/// its degrees of freedom.
fn between(groups: &BTreeMap<(Option<usize>, usize), Group>, within: f64) -> (Option<f64>, usize) {
    let mut treatments: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for (&(treatment, plate), group) in groups {
        if let (Some(treatment), Some(dmso)) = (treatment, groups.get(&(None, plate))) {
            let by_wells = within * (1.0 / group.n + 1.0 / dmso.n);
            treatments.entry(treatment).or_default().push((group.mean - dmso.mean, by_wells));
        }
    }
    let (mut squares, mut expected, mut freedom) = (0.0, 0.0, 0.0);
    for plates in treatments.values().filter(|plates| plates.len() > 1) {
        let n = plates.len() as f64;
        let mean = plates.iter().map(|plate| plate.0).sum::<f64>() / n;
        squares += plates.iter().map(|plate| (plate.0 - mean).powi(2)).sum::<f64>();
        // Each mean's own variance enters the squares around their mean by (n − 1)/n.
        expected += plates.iter().map(|plate| plate.1).sum::<f64>() * (n - 1.0) / n;
        freedom += n - 1.0;
    }
    let between = (freedom > 0.0).then(|| ((squares - expected) / freedom).max(0.0).sqrt());
    (between, freedom as usize)
}

/// The experiment that is planned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Treatments (compounds × doses) that are tested.
    pub treatments: usize,
    /// Part of them that is expected to be active; 0 = no assumption, each must stand as the only one (`q/m`).
    pub active: f64,
    /// DMSO wells on each plate.
    pub controls_per_plate: usize,
    /// Whether each of a treatment's wells is on a plate of its own; else all are on one.
    pub spread: bool,
    /// Rate of false discoveries.
    pub q: f64,
    /// Chance to find an effect.
    pub power: f64,
}

impl Plan {
    /// As most screens are read: q = .05, power .8, a twentieth of the treatments active, wells on plates of their own.
    pub fn new(treatments: usize, controls_per_plate: usize) -> Self {
        Self { treatments, active: 0.05, controls_per_plate, spread: true, q: 0.05, power: 0.8 }
    }

    /// Level of each treatment's test.
    pub fn level(&self) -> f64 {
        let found = self.active * self.power;
        (self.q * found / (1.0 - self.q * (1.0 - self.active))).max(self.q / self.treatments as f64)
    }
}

/// What so many wells can find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detectable {
    /// Wells per treatment.
    pub wells: usize,
    /// Level of each test.
    pub alpha: f64,
    /// Smallest effect, in the readout's units.
    pub effect: f64,
    /// The same in standard deviations of DMSO wells within plates.
    pub in_dmso_sd: f64,
}

/// The smallest effect for each of [`WELLS`]. Without a known scatter between plates it counts as 0, which is too hopeful: say so.
///
/// # Errors
/// A setting is out of its range.
pub fn detectable(scatter: &Scatter, plan: &Plan) -> Result<Vec<Detectable>, PowerError> {
    let share = |x: f64| x > 0.0 && x < 1.0;
    let counts = plan.treatments >= 1 && (2..=100_000).contains(&plan.controls_per_plate);
    if !(share(plan.q) && share(plan.power) && (0.0..=1.0).contains(&plan.active) && counts) {
        return Err(PowerError::Settings);
    }
    let alpha = plan.level();
    let row = |wells: usize| {
        let n = wells as f64;
        let plates = if plan.spread { n } else { 1.0 };
        let controls = plan.controls_per_plate as f64;
        let freedom = n - 1.0 + plates * (controls - 1.0);
        let variance = scatter.within.powi(2) * (1.0 / n + 1.0 / (controls * plates))
            + scatter.between.unwrap_or(0.0).powi(2) / plates;
        let effect = noncentral::noncentrality(plan.power, freedom, alpha) * variance.sqrt();
        Detectable { wells, alpha, effect, in_dmso_sd: effect / scatter.dmso }
    };
    Ok(WELLS.map(row).collect())
}

#[cfg(test)]
mod tests;

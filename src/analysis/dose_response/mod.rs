//! Dose and response: the four-parameter logistic of each treatment, or why there is none.
//!
//! `y = bottom + (top − bottom)/(1 + (EC50/x)^Hill)`, fitted by least squares over wells. `Hill` is above 0, so that `bottom` is
//! the response without drug and `top` that at saturating doses: where the response falls with dose, `top < bottom`. Wells
//! without drug (dose 0) say where `bottom` is.
//!
//! Intervals are 95 % profile likelihood: the values of a number for which the best fit by the other three leaves no more than
//! `S·(1 + F₀.₉₅(1, n − 4)/(n − 4))` of squares, `S` those of the fit (Bates & Watts, Nonlinear Regression Analysis and Its
//! Applications, 1988, ch. 6).

use nalgebra::{Matrix4, Vector4};
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, StudentsT};

use self::levels::Grouped;
use self::logistic::{BOTTOM, LN_EC50, LN_HILL, LN_HILL_RANGE, Numbers, TOP};
use self::profile::{Better, Profile};
use crate::progress::{Cancelled, Progress};

mod levels;
mod logistic;
mod profile;
mod shape;

/// One well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Dose in µM; 0 = no drug.
    pub dose_um: f64,
    /// What was read there.
    pub response: f64,
}

/// A curve, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A logistic with both plateaus and the EC50 within the doses.
    Fit(Fit),
    /// None that one should report.
    NoFit(Reason),
}

/// A plateau of the logistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plateau {
    /// That of low doses.
    Bottom,
    /// That of high doses.
    Top,
}

/// Why there is no curve; its text is a clause.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Reason {
    /// The logistic explains no more than a constant.
    #[error("flat: a curve explains no more than a constant (p = {p:.2})")]
    Flat {
        /// Of the F test of the logistic against a constant.
        p: f64,
    },
    /// EC50's interval reaches beyond the doses.
    #[error("{}", match missing {
        Plateau::Bottom => "one plateau: the EC50 may lie below the lowest dose. Add lower doses",
        Plateau::Top => "one plateau: the EC50 may lie above the highest dose. Add higher doses",
    })]
    OnePlateau {
        /// The plateau that the doses do not reach.
        missing: Plateau,
    },
    /// The response turns back as the dose rises.
    #[error("bell-shaped: the response turns back at high doses (p = {p:.1e})")]
    Bell {
        /// Of the test that no monotone curve explains the means.
        p: f64,
    },
    /// Fewer than four doses above 0.
    #[error("{doses} doses are too few: a curve wants at least 4")]
    TooFewDoses {
        /// Distinct doses above 0.
        doses: usize,
    },
    /// Fewer than six wells.
    #[error("{wells} wells are too few: a curve wants at least 6")]
    TooFewWells {
        /// Wells with a response.
        wells: usize,
    },
}

/// A four-parameter logistic with 95 % intervals; an end is `None` where the data leave it open.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Dose of the half response, µM.
    pub ec50_um: f64,
    /// Lower end.
    pub ec50_lo: Option<f64>,
    /// Upper end.
    pub ec50_hi: Option<f64>,
    /// Steepness, above 0.
    pub hill: f64,
    /// Lower end.
    pub hill_lo: Option<f64>,
    /// Upper end.
    pub hill_hi: Option<f64>,
    /// Response without drug.
    pub bottom: f64,
    /// Lower end.
    pub bottom_lo: Option<f64>,
    /// Upper end.
    pub bottom_hi: Option<f64>,
    /// Response at saturating doses.
    pub top: f64,
    /// Lower end.
    pub top_lo: Option<f64>,
    /// Upper end.
    pub top_hi: Option<f64>,
    /// Part of the squares around the mean that the curve explains.
    pub r2: f64,
    /// Squares that are left, over wells.
    pub residual_sum: f64,
    /// Wells with a response.
    pub n_wells: usize,
    /// Distinct doses above 0.
    pub n_doses: usize,
    /// Points left out: no finite response, or no dose of 0 or above.
    pub n_left_out: usize,
    /// Apart, since a reason takes a twentieth of the room.
    inner: Box<Inner>,
}

/// The fit on the inner scale, for bands.
#[derive(Debug, Clone, PartialEq)]
struct Inner {
    numbers: Numbers,
    /// Of the four numbers, with the variance of a well.
    covariance: Matrix4<f64>,
    reach: f64,
    centre: f64,
    scale: f64,
}

impl Fit {
    /// The curve's response at a dose in µM; `bottom` at 0.
    pub fn at(&self, dose_um: f64) -> f64 {
        self.inner.centre + self.inner.scale * logistic::value(&self.inner.numbers, dose_um.ln())
    }

    /// Pointwise 95 % bands of the curve at doses in µM: (lower, upper) each, by the delta method.
    pub fn band(&self, doses_um: &[f64]) -> Vec<(f64, f64)> {
        let Inner { numbers, covariance, reach, scale, .. } = &*self.inner;
        let around = |&dose: &f64| {
            let slopes = Vector4::from(logistic::gradient(numbers, dose.ln()));
            let half = scale * reach * (slopes.dot(&(covariance * slopes))).max(0.0).sqrt();
            (self.at(dose) - half, self.at(dose) + half)
        };
        doses_um.iter().map(around).collect()
    }
}

/// Grouped above 0 that a curve wants.
const MIN_DOSES: usize = 4;
/// Wells that a curve wants: four numbers, and two to say how wells scatter.
const MIN_WELLS: usize = 6;
/// Part of the responses' range beyond which a plateau is open.
const FARTHEST_PLATEAU: f64 = 10.0;
/// Squares of a well, as a part of the range of responses, that are rounding.
const LEAST_SQUARES: f64 = 1e-16;
/// Times that the intervals are begun anew around a better curve, at most.
const MOST_ROUNDS: usize = 5;

/// Fits one curve to its wells, in any order.
pub fn fit(points: &[Point]) -> Verdict {
    let all = Grouped::of(points);
    try_fit(&all).map_or_else(Verdict::NoFit, Verdict::Fit)
}

fn try_fit(all: &Grouped) -> Result<Fit, Reason> {
    if all.doses < MIN_DOSES {
        return Err(Reason::TooFewDoses { doses: all.doses });
    }
    if all.wells < MIN_WELLS {
        return Err(Reason::TooFewWells { wells: all.wells });
    }
    let (mut best, mut squares) = logistic::best(all);
    if let Some(p) = shape::bell(all, &best).filter(|p| *p < shape::BELL) {
        return Err(Reason::Bell { p });
    }
    let p = shape::flat(all, all.pure + squares);
    if p > shape::FLAT {
        return Err(Reason::Flat { p });
    }
    // A search for an interval may come upon a better curve than all starts did.
    let mut round = 0;
    loop {
        round += 1;
        match intervals(all, best, squares, round < MOST_ROUNDS) {
            Ok(found) => return found,
            Err(Better(numbers)) => (best, squares) = logistic::descend(&all.levels, numbers),
        }
    }
}

/// The intervals around the best curve, unless a better one is met that `may_improve`.
fn intervals(
    all: &Grouped,
    best: Numbers,
    squares: f64,
    may_improve: bool,
) -> Result<Result<Fit, Reason>, Better> {
    let freedom = (all.wells - 4) as f64;
    let residual_sum = all.pure + squares;
    let variance = residual_sum.max(LEAST_SQUARES * all.wells as f64) / freedom;
    // The degrees of freedom are above 0.
    let reach = StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975));
    let covariance = logistic::covariance(&best, &all.levels);
    let profile = Profile { levels: &all.levels, best, squares, variance, covariance, reach, may_improve };
    let (lowest, highest) = all.range();
    let missing = |missing| Ok(Err(Reason::OnePlateau { missing }));
    if best[LN_EC50] > highest {
        return missing(Plateau::Top);
    }
    if best[LN_EC50] < lowest {
        return missing(Plateau::Bottom);
    }
    let [Some(ec50_lo), ec50_hi] = profile.interval(LN_EC50, (lowest, highest))? else {
        return missing(Plateau::Bottom);
    };
    let Some(ec50_hi) = ec50_hi else { return missing(Plateau::Top) };
    let plateaus = (-FARTHEST_PLATEAU, 1.0 + FARTHEST_PLATEAU);
    let [hill_lo, hill_hi] = profile.interval(LN_HILL, LN_HILL_RANGE)?;
    let [bottom_lo, bottom_hi] = profile.interval(BOTTOM, plateaus)?;
    let [top_lo, top_hi] = profile.interval(TOP, plateaus)?;
    let response = |x: f64| all.centre + all.scale * x;
    Ok(Ok(Fit {
        ec50_um: best[LN_EC50].exp(),
        ec50_lo: Some(ec50_lo.exp()),
        ec50_hi: Some(ec50_hi.exp()),
        hill: logistic::hill(&best),
        hill_lo: hill_lo.map(f64::exp),
        hill_hi: hill_hi.map(f64::exp),
        bottom: response(best[BOTTOM]),
        bottom_lo: bottom_lo.map(response),
        bottom_hi: bottom_hi.map(response),
        top: response(best[TOP]),
        top_lo: top_lo.map(response),
        top_hi: top_hi.map(response),
        r2: 1.0 - residual_sum / all.total,
        residual_sum: residual_sum * all.scale * all.scale,
        n_wells: all.wells,
        n_doses: all.doses,
        n_left_out: all.left_out,
        inner: Box::new(Inner {
            numbers: best,
            covariance: covariance * variance,
            reach,
            centre: all.centre,
            scale: all.scale,
        }),
    }))
}

/// Fits curves on all cores, in their order; counts curves in `progress`.
///
/// # Errors
/// The user stopped it.
pub fn fit_all(curves: &[Vec<Point>], progress: &Progress) -> Result<Vec<Verdict>, Cancelled> {
    progress.set(0, curves.len() as u64);
    curves
        .par_iter()
        .map(|points| {
            progress.check()?;
            let verdict = fit(points);
            progress.add(1);
            Ok(verdict)
        })
        .collect()
}

#[cfg(test)]
mod tests;

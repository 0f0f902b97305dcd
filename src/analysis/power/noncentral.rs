//! Power of Student's two-sided test: tails of the noncentral t distribution.
//!
//! With `s² = χ²(ν)/ν`, `P(|T| > t) = ∫ [Φ(δ − t·s) + Φ(−δ − t·s)] f(s) ds` (Johnson, Kotz & Balakrishnan, Continuous Univariate
//! Distributions, volume 2, 1995, ch. 31). Simpson's rule.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma::ln_gamma;

/// Intervals of Simpson's rule.
const INTERVALS: usize = 600;
/// Deviations of `s` around its mean that are summed over.
const REACH: f64 = 9.0;

/// Chance that `|T| > t`.
fn beyond(noncentrality: f64, freedom: f64, t: f64) -> f64 {
    let normal = Normal::standard();
    let half = REACH / (2.0 * freedom).sqrt();
    let (lo, hi) = ((1.0 - half).max(0.0), 1.0 + half);
    // The density of s is 2·(ν/2)^(ν/2)/Γ(ν/2)·s^(ν − 1)·exp(−ν·s²/2).
    let constant = 2.0_f64.ln() + freedom / 2.0 * (freedom / 2.0).ln() - ln_gamma(freedom / 2.0);
    let density = |s: f64| {
        // At 0 the logarithm is −∞, but for one degree of freedom, where it does not count.
        let power = if freedom > 1.0 { (freedom - 1.0) * s.ln() } else { 0.0 };
        (constant + power - freedom * s * s / 2.0).exp()
    };
    // Where t is large, Φ falls from 1 to 0 within a small part of the range, which is summed by itself.
    let within = |s: f64| s.clamp(lo, hi);
    let (from, to) = (within((noncentrality - REACH) / t), within((noncentrality + REACH) / t));
    let above =
        simpson(lo, from, density) + simpson(from, to, |s| density(s) * normal.cdf(noncentrality - t * s));
    let below = simpson(lo, within(REACH / t), |s| density(s) * normal.cdf(-noncentrality - t * s));
    (above + below).clamp(0.0, 1.0)
}

/// Integral by Simpson's rule.
fn simpson(lo: f64, hi: f64, integrand: impl Fn(f64) -> f64) -> f64 {
    let step = (hi - lo) / INTERVALS as f64;
    let weight = |i: usize| match i {
        0 | INTERVALS => 1.0,
        _ if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    (0..=INTERVALS).map(|i| weight(i) * integrand(lo + step * i as f64)).sum::<f64>() * step / 3.0
}

/// Value of Student's t that the test at level `alpha` asks for on either side.
fn critical(freedom: f64, alpha: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |t| -t.inverse_cdf(alpha / 2.0))
}

/// Standard errors of a difference that the test sees with chance `wanted`.
pub(super) fn noncentrality(wanted: f64, freedom: f64, alpha: f64) -> f64 {
    let mut hi = 1.0;
    let t = critical(freedom, alpha);
    while beyond(hi, freedom, t) < wanted && hi < 1e12 {
        hi *= 2.0;
    }
    let mut lo = 0.0;
    while hi - lo > 1e-9 * hi {
        let middle = f64::midpoint(lo, hi);
        if beyond(middle, freedom, t) < wanted {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    hi
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        noncentrality: f64,
        freedom: f64,
        alpha: f64,
        critical: f64,
        power: f64,
    }

    #[test]
    fn agrees_with_scipy_and_statsmodels() {
        let text = include_str!("../../../tests/fixtures/dose_response/power.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let own = beyond(case.noncentrality, case.freedom, critical(case.freedom, case.alpha));
            assert!((own - case.power).abs() < 1e-6, "{own} {} {}", case.power, case.freedom);
            let t = critical(case.freedom, case.alpha);
            assert!((t / case.critical - 1.0).abs() < 1e-6, "{t} {}", case.critical);
            if case.power > 0.1 && case.power < 0.99 {
                let back = noncentrality(case.power, case.freedom, case.alpha);
                assert!((back - case.noncentrality).abs() < 1e-4 * case.noncentrality, "{back}");
            }
        }
    }
}

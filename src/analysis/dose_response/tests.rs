use rand::RngExt;
use rand_pcg::Pcg64;
use serde::Deserialize;

use super::*;
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Case {
    dose: Vec<f64>,
    response: Vec<f64>,
    numbers: [f64; 4],
    residual_sum: f64,
    r2: f64,
    ln_flat_p: f64,
    intervals: [[f64; 2]; 4],
    monotone: f64,
}

fn cases() -> Vec<(Case, Vec<Point>)> {
    let text = include_str!("../../../tests/fixtures/dose_response/fits.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    let wells = |case: &Case| points(case.dose.iter().copied().zip(case.response.iter().copied()));
    let with = |case: Case| {
        let wells = wells(&case);
        (case, wells)
    };
    cases.into_iter().map(with).collect()
}

fn points(wells: impl IntoIterator<Item = (f64, f64)>) -> Vec<Point> {
    wells.into_iter().map(|(dose_um, response)| Point { dose_um, response }).collect()
}

/// Eight half decades from 0.01 µM, three wells each, and five wells without drug.
fn doses() -> Vec<f64> {
    let with = (0..24).map(|i| 0.01 * 10.0_f64.powf(0.5 * f64::from(i / 3)));
    with.chain([0.0; 5]).collect()
}

fn part(dose: f64, ec50: f64, hill: f64) -> f64 {
    1.0 / (1.0 + (ec50 / dose).powf(hill))
}

fn noisy(rng: &mut Pcg64, deviation: f64, curve: impl Fn(f64) -> f64) -> Vec<Point> {
    points(doses().into_iter().map(|dose| (dose, curve(dose) + deviation * normal(rng))))
}

fn fitted(points: &[Point]) -> Fit {
    match fit(points) {
        Verdict::Fit(fit) => fit,
        Verdict::NoFit(reason) => panic!("{reason}"),
    }
}

fn refused(points: &[Point]) -> Reason {
    match fit(points) {
        Verdict::Fit(fit) => panic!("{fit:?}"),
        Verdict::NoFit(reason) => reason,
    }
}

#[test]
fn agrees_with_scipy() {
    assert!(cases().len() > 6);
    for (case, wells) in cases() {
        let fit = fitted(&wells);
        let [bottom, top, ln_ec50, ln_hill] = case.numbers;
        assert!((fit.residual_sum / case.residual_sum - 1.0).abs() < 1e-7, "{fit:?}");
        assert!((fit.r2 - case.r2).abs() < 1e-9);
        let near = |own: f64, theirs: f64, interval: [f64; 2]| {
            let off = (own - theirs).abs() / (interval[1] - interval[0]);
            assert!(off < 4e-3, "{own} {theirs} {interval:?}");
        };
        let exp = |[lo, hi]: [f64; 2]| [lo.exp(), hi.exp()];
        let [of_bottom, of_top, of_ec50, of_hill] = case.intervals;
        let (of_ec50, of_hill) = (exp(of_ec50), exp(of_hill));
        let rows = [
            (fit.bottom, bottom, fit.bottom_lo, fit.bottom_hi, of_bottom),
            (fit.top, top, fit.top_lo, fit.top_hi, of_top),
            (fit.ec50_um, ln_ec50.exp(), fit.ec50_lo, fit.ec50_hi, of_ec50),
            (fit.hill, ln_hill.exp(), fit.hill_lo, fit.hill_hi, of_hill),
        ];
        for (own, theirs, lo, hi, interval) in rows {
            near(own, theirs, interval);
            near(lo.unwrap(), interval[0], interval);
            match hi {
                Some(hi) => near(hi, interval[1], interval),
                // Steeper than a step between two doses is not told apart: the end is open.
                None => assert!(own == fit.hill && interval[1].ln() > 4.0, "{fit:?}"),
            }
        }
        let all = Grouped::of(&wells);
        let p = shape::flat(&all, fit.residual_sum / all.scale.powi(2));
        if case.ln_flat_p > -25.0 {
            assert!((p.ln() - case.ln_flat_p).abs() < 1e-6, "{p} {}", case.ln_flat_p);
        } else {
            assert!(p < 1e-10, "{p}");
        }
        let bow = shape::bow(&all) * all.scale.powi(2);
        assert!((bow - case.monotone).abs() < 1e-9 * (1.0 + case.monotone), "{bow} {}", case.monotone);
    }
}

/// Without noise the curve is the one that it was made from; falling ones have their top below their bottom.
#[test]
fn exact_curves_are_found_exactly() {
    for (bottom, top, ec50, hill) in [(1.0, 3.0, 0.4, 1.3), (1e6, -2e6, 2.0, 2.0), (2e-9, 1e-9, 0.7, 1.0)] {
        let curve = |dose: f64| bottom + (top - bottom) * part(dose, ec50, hill);
        let fit = fitted(&points(doses().into_iter().map(|dose| (dose, curve(dose)))));
        for (own, truth) in [(fit.bottom, bottom), (fit.top, top), (fit.ec50_um, ec50), (fit.hill, hill)] {
            assert!((own / truth - 1.0).abs() < 1e-5, "{own} {truth}");
        }
        assert!(fit.ec50_lo.unwrap() > 0.999 * ec50 && fit.ec50_hi.unwrap() < 1.001 * ec50);
        assert_eq!((fit.n_wells, fit.n_doses, fit.n_left_out), (29, 8, 0));
        assert!(fit.r2 > 0.999_999);
        let half = f64::midpoint(bottom, top);
        assert!((fit.at(ec50) / half - 1.0).abs() < 1e-4 && (fit.at(0.0) / bottom - 1.0).abs() < 1e-4);
    }
}

#[test]
fn intervals_and_bands_hold_the_truth_as_often_as_they_say() {
    let mut held = [0_u32; 5];
    let mut n = 0;
    for seed in 1..=5 {
        let mut rng = stream(seed, &["dose response", "coverage"]);
        for _ in 0..60 {
            let (ec50, hill) = (rng.random_range(-0.5_f64..0.5).exp() * 0.56, rng.random_range(1.0..2.0));
            let wells = noisy(&mut rng, 0.08, |dose| 2.0 - 3.0 * part(dose, ec50, hill));
            let fit = fitted(&wells);
            let within = |lo: Option<f64>, hi: Option<f64>, x: f64| {
                u32::from(lo.is_none_or(|lo| lo <= x) && hi.is_none_or(|hi| x <= hi))
            };
            let (lo, hi) = fit.band(&[0.3])[0];
            let now = [
                within(fit.ec50_lo, fit.ec50_hi, ec50),
                within(fit.hill_lo, fit.hill_hi, hill),
                within(fit.bottom_lo, fit.bottom_hi, 2.0),
                within(fit.top_lo, fit.top_hi, -1.0),
                within(Some(lo), Some(hi), 2.0 - 3.0 * part(0.3, ec50, hill)),
            ];
            for (sum, one) in held.iter_mut().zip(now) {
                *sum += one;
            }
            n += 1;
        }
    }
    // 300 curves: three standard errors are 3.8 %.
    for held in held {
        let covered = f64::from(held) / f64::from(n);
        assert!((0.91..=0.99).contains(&covered), "{covered}");
    }
}

#[test]
fn there_is_no_fit_where_there_is_none() {
    let mut rng = stream(1, &["dose response", "none"]);
    let (mut flat, mut bell, mut low, mut high) = (0, 0, 0, 0);
    for _ in 0..50 {
        flat += u32::from(matches!(fit(&noisy(&mut rng, 0.3, |_| 4.0)), Verdict::NoFit(Reason::Flat { .. })));
        let turned = |dose: f64| part(dose, 0.1, 1.5) * (1.0 - part(dose, 3.0, 1.5));
        bell += u32::from(matches!(fit(&noisy(&mut rng, 0.1, turned)), Verdict::NoFit(Reason::Bell { .. })));
        let missing = |points: &[Point]| match fit(points) {
            Verdict::NoFit(Reason::OnePlateau { missing }) => Some(missing),
            _ => None,
        };
        let wells = noisy(&mut rng, 0.02, |dose| part(dose, 100.0, 1.0));
        high += u32::from(missing(&wells) == Some(Plateau::Top));
        let wells = noisy(&mut rng, 0.02, |dose| part(dose, 0.002, 1.0));
        low += u32::from(missing(&wells) == Some(Plateau::Bottom));
    }
    assert!([flat, bell, low, high].iter().all(|n| *n >= 47), "{flat} {bell} {low} {high}");
}

#[test]
fn bells_of_single_wells_have_no_fit_either() {
    let mut rng = stream(2, &["dose response", "single"]);
    let single = |curve: fn(f64) -> f64, rng: &mut Pcg64| {
        let dose = |i: i32| 0.01 * 10.0_f64.powf(0.5 * f64::from(i));
        let wells: Vec<(f64, f64)> = (0..9).map(|i| (dose(i), curve(dose(i)) + 0.03 * normal(rng))).collect();
        matches!(fit(&points(wells)), Verdict::NoFit(_))
    };
    let count = |curve: fn(f64) -> f64, rng: &mut Pcg64| (0..40).filter(|_| single(curve, rng)).count();
    let bells = count(|dose| part(dose, 0.1, 1.5) * (1.0 - part(dose, 10.0, 1.5)), &mut rng);
    let curves = count(|dose| part(dose, 1.0, 1.5), &mut rng);
    assert!(bells >= 30 && curves <= 2, "{bells} {curves}");
}

#[test]
fn what_is_no_well_is_left_out_and_counted() {
    let mut rng = stream(3, &["dose response", "left out"]);
    let mut wells = noisy(&mut rng, 0.02, |dose| part(dose, 0.5, 1.5));
    let clean = fitted(&wells);
    let none = [
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (-1.0, 0.5),
        (1.0, f64::INFINITY),
        (f64::INFINITY, 1.0),
        (1.0, 1e300),
    ];
    wells.extend(points(none));
    wells.reverse();
    let fit = fitted(&wells);
    assert_eq!(fit.n_left_out, 6);
    assert!((fit.ec50_um / clean.ec50_um - 1.0).abs() < 1e-9 && fit.n_wells == clean.n_wells);
    // A dose that was computed in two ways is one.
    for well in wells.iter_mut().step_by(2) {
        well.dose_um *= 1.0 + 1e-15;
    }
    assert_eq!(fitted(&wells).n_doses, 8);
}

#[test]
fn small_and_odd_series_are_refused_with_their_reason() {
    assert_eq!(refused(&[]), Reason::TooFewDoses { doses: 0 });
    let three = points((0..30).map(|i| (f64::from(i % 4), f64::from(i))));
    assert_eq!(refused(&three), Reason::TooFewDoses { doses: 3 });
    let five = points((1..6).map(|i| (f64::from(i), f64::from(i))));
    assert_eq!(refused(&five), Reason::TooFewWells { wells: 5 });
    let constant = points(doses().into_iter().map(|dose| (dose, 7.0)));
    assert_eq!(refused(&constant), Reason::Flat { p: 1.0 });
    let nothing = points(doses().into_iter().map(|dose| (dose, f64::NAN)));
    assert_eq!(refused(&nothing), Reason::TooFewDoses { doses: 0 });
    assert!(refused(&three).to_string().contains("3 doses"));
    let tiny = points((0..12).map(|i| (f64::MIN_POSITIVE * f64::from(1 + i / 2), f64::from(i))));
    let huge = points((0..12).map(|i| (1e300 * f64::from(1 + i / 2), 1e149 * f64::from(i % 5))));
    let step = points(doses().into_iter().map(|dose| (dose, f64::from(u8::from(dose > 0.5)))));
    for wells in [tiny, huge] {
        let _ = fit(&wells);
    }
    // A step between two doses: EC50 is between them, how steep it is stays open.
    let fit = fitted(&step);
    assert!(fit.ec50_um > 0.3 && fit.ec50_um < 1.1 && fit.hill_hi.is_none(), "{fit:?}");
}

#[test]
fn many_curves_come_in_their_order_and_can_be_stopped() {
    let mut rng = stream(4, &["dose response", "many"]);
    let curves: Vec<Vec<Point>> =
        (1..9).map(|i| noisy(&mut rng, 0.02, |dose| part(dose, 0.1 * f64::from(i), 1.5))).collect();
    let progress = Progress::default();
    let all = fit_all(&curves, &progress).unwrap();
    assert!(curves.iter().zip(&all).all(|(points, verdict)| fit(points) == *verdict));
    assert_eq!((progress.done(), progress.total()), (8, 8));
    progress.cancel();
    assert_eq!(fit_all(&curves, &progress), Err(Cancelled));
}

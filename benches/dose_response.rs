//! Dose-response curves whose truth is known: coverage of the 95 % intervals, "no fit" where there is none, and seconds.
//!
//! Simulated, from fixed seeds: 2,000 curves with both plateaus within the doses, five levels of noise, 400 of each of seeds
//! 1 to 5; 500 flat ones, 500 bells and 500 with one plateau; 10,000 for the time.
//! `benches/peers/dose_response.py` has `SciPy` fit the same 2,000:
//!
//! ```text
//! dose_response --write FILE.csv   wells and our residual sums: curve, dose, response, residual_sum
//! ```
//!
//! Fails where an interval covers its truth less often than it should, a verdict is wrong too often, or the time is over.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use molclip::analysis::dose_response::{Fit, Point, Reason, Verdict, fit_all};
use molclip::progress::Progress;
use molclip::random::{normal, stream};
use rand::RngExt;
use rand_pcg::Pcg64;

/// Deviations of a well, as parts of the distance between the plateaus.
const NOISE: [f64; 5] = [0.01, 0.02, 0.05, 0.1, 0.2];
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// Curves per seed and level of noise.
const CURVES: usize = 80;
/// Curves of each kind that no logistic is drawn through.
const NONE: usize = 500;
/// Curves that are timed, and seconds on two cores.
const TIMED: usize = 10_000;
const SECONDS: f64 = 2.0;

/// What a curve was made from.
#[derive(Clone, Copy)]
struct Truth {
    ln_ec50: f64,
    hill: f64,
    bottom: f64,
    top: f64,
}

impl Truth {
    fn part(&self, dose: f64) -> f64 {
        1.0 / (1.0 + (-self.hill * (dose.ln() - self.ln_ec50)).exp())
    }

    fn at(&self, dose: f64) -> f64 {
        self.bottom + (self.top - self.bottom) * self.part(dose)
    }
}

/// Eight to eleven doses, half a decade apart, 2 to 4 wells each; with 0 or 4 to 12 wells without drug.
fn doses(rng: &mut Pcg64) -> Vec<f64> {
    let lowest = 10.0_f64.powf(rng.random_range(-3.0..-2.0));
    let repeated = rng.random_range(2..=4);
    let without = if rng.random_bool(0.5) { rng.random_range(4..=12) } else { 0 };
    let steps = rng.random_range(8..=11);
    let with = (0..steps).flat_map(|i| vec![lowest * 10.0_f64.powf(0.5 * f64::from(i)); repeated]);
    with.chain(vec![0.0; without]).collect()
}

fn ends(doses: &[f64]) -> (f64, f64) {
    let given = || doses.iter().copied().filter(|dose| *dose > 0.0);
    (given().fold(f64::INFINITY, f64::min).ln(), given().fold(0.0, f64::max).ln())
}

/// A curve with EC50 in a range of logarithms that its steepness and the doses give.
fn truth(rng: &mut Pcg64, ec50: impl Fn(f64) -> (f64, f64)) -> Truth {
    let hill = rng.random_range(0.8_f64.ln()..3.0_f64.ln()).exp();
    let (lo, hi) = ec50(hill);
    let bottom = rng.random_range(-5.0..5.0);
    let span = rng.random_range(0.2..20.0);
    let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    Truth { ln_ec50: rng.random_range(lo..hi), hill, bottom, top: bottom + sign * span }
}

fn wells(rng: &mut Pcg64, doses: &[f64], deviation: f64, curve: impl Fn(f64) -> f64) -> Vec<Point> {
    let well = |&dose_um: &f64| Point { dose_um, response: curve(dose_um) + deviation * normal(rng) };
    doses.iter().map(well).collect()
}

/// Both plateaus within the doses: at most a twentieth of the response at the lowest, all but that at the highest.
fn identifiable(rng: &mut Pcg64, noise: f64) -> (Truth, Vec<Point>) {
    let doses = doses(rng);
    let (lowest, highest) = ends(&doses);
    let reach = 19.0_f64.ln();
    // The shallowest curve needs 2 · ln 19 / 0.8 of the 3.5 decades at least.
    let truth = truth(rng, |hill| (lowest + reach / hill, highest - reach / hill));
    let wells = wells(rng, &doses, noise * (truth.top - truth.bottom).abs(), |dose| truth.at(dose));
    (truth, wells)
}

fn flat(rng: &mut Pcg64, _: f64) -> Vec<Point> {
    let (doses, level) = (doses(rng), rng.random_range(-5.0..5.0));
    wells(rng, &doses, 0.3, |_| level)
}

/// Rises at one dose and falls again at one that is 10 to 100 times higher, both within the doses.
fn bell(rng: &mut Pcg64, noise: f64) -> Vec<Point> {
    let doses = doses(rng);
    let (lowest, highest) = ends(&doses);
    let apart = rng.random_range(10.0_f64.ln()..100.0_f64.ln());
    let edge = 5.0_f64.ln();
    let rise = truth(rng, |_| (lowest + edge, highest - edge - apart));
    let fall = Truth { ln_ec50: rise.ln_ec50 + apart, ..rise };
    let curve =
        |dose: f64| rise.bottom + (rise.top - rise.bottom) * rise.part(dose) * (1.0 - fall.part(dose));
    wells(rng, &doses, noise * (rise.top - rise.bottom).abs(), curve)
}

/// EC50 2 to 20 times beyond the doses, on either side.
fn one_plateau(rng: &mut Pcg64, noise: f64) -> Vec<Point> {
    let doses = doses(rng);
    let (lowest, highest) = ends(&doses);
    let (near, far) = (2.0_f64.ln(), 20.0_f64.ln());
    let above = rng.random_bool(0.5);
    let truth =
        truth(rng, |_| if above { (highest + near, highest + far) } else { (lowest - far, lowest - near) });
    wells(rng, &doses, noise * (truth.top - truth.bottom).abs(), |dose| truth.at(dose))
}

fn all_identifiable() -> Vec<(usize, Truth, Vec<Point>)> {
    let mut all = Vec::new();
    for seed in SEEDS {
        for (level, noise) in NOISE.into_iter().enumerate() {
            let mut rng = stream(seed, &["dose response", "identifiable", &level.to_string()]);
            all.extend((0..CURVES).map(|_| {
                let (truth, wells) = identifiable(&mut rng, noise);
                (level, truth, wells)
            }));
        }
    }
    all
}

fn fits(curves: &[Vec<Point>]) -> Result<Vec<Verdict>> {
    Ok(fit_all(curves, &Progress::default())?)
}

/// Which of the intervals hold the truth: EC50, Hill, bottom, top, and the band at the true EC50.
fn held(truth: &Truth, fit: &Fit) -> [bool; 5] {
    let within =
        |lo: Option<f64>, hi: Option<f64>, x: f64| lo.is_none_or(|lo| lo <= x) && hi.is_none_or(|hi| x <= hi);
    let ec50 = truth.ln_ec50.exp();
    let (lo, hi) = fit.band(&[ec50])[0];
    [
        within(fit.ec50_lo, fit.ec50_hi, ec50),
        within(fit.hill_lo, fit.hill_hi, truth.hill),
        within(fit.bottom_lo, fit.bottom_hi, truth.bottom),
        within(fit.top_lo, fit.top_hi, truth.top),
        (lo..=hi).contains(&truth.at(ec50)),
    ]
}

/// Seconds that all threads have computed so far, where Linux tells.
fn computed() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut ticks = told.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

fn reasons(verdicts: &[Verdict]) -> [usize; 4] {
    let mut counts = [0; 4];
    for verdict in verdicts {
        counts[match verdict {
            Verdict::Fit(_) => 0,
            Verdict::NoFit(Reason::Flat { .. }) => 1,
            Verdict::NoFit(Reason::Bell { .. }) => 2,
            Verdict::NoFit(_) => 3,
        }] += 1;
    }
    counts
}

fn write(path: &str) -> Result<()> {
    let all = all_identifiable();
    let curves: Vec<Vec<Point>> = all.into_iter().map(|(_, _, wells)| wells).collect();
    let mut text = String::from("curve,dose_um,response,residual_sum\n");
    for (number, (wells, verdict)) in curves.iter().zip(fits(&curves)?).enumerate() {
        let own = if let Verdict::Fit(fit) = verdict { fit.residual_sum.to_string() } else { String::new() };
        for well in wells {
            writeln!(text, "{number},{},{},{own}", well.dose_um, well.response)?;
        }
    }
    std::fs::write(path, text).with_context(|| path.to_owned())
}

/// Draws a curve with so much noise.
type Make = fn(&mut Pcg64, f64) -> Vec<Point>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [option, path] = &arguments[..]
        && option == "--write"
    {
        return write(path);
    }
    let all = all_identifiable();
    let curves: Vec<Vec<Point>> = all.iter().map(|(.., wells)| wells.clone()).collect();
    let verdicts = fits(&curves)?;
    println!(
        "coverage of 95 % intervals, percent:\nnoise     n   EC50   Hill bottom    top   band   no fit (flat, bell, one plateau)"
    );
    let (mut pooled, mut total) = ([0; 5], 0);
    let mut worst = 1.0_f64;
    for (level, noise) in NOISE.iter().enumerate() {
        let of: Vec<Verdict> =
            all.iter().zip(&verdicts).filter(|(one, _)| one.0 == level).map(|(_, v)| v.clone()).collect();
        let mut counts = [0; 5];
        let mut n = 0;
        for ((_, truth, _), verdict) in all.iter().zip(&verdicts).filter(|(one, _)| one.0 == level) {
            if let Verdict::Fit(fit) = verdict {
                n += 1;
                for (count, held) in counts.iter_mut().zip(held(truth, fit)) {
                    *count += usize::from(held);
                }
            }
        }
        let parts = counts.map(|count| 100.0 * count as f64 / n as f64);
        println!(
            "{noise:5} {n:5} {}   {:?}",
            parts.map(|part| format!("{part:6.2}")).join(" "),
            &reasons(&of)[1..]
        );
        for (sum, count) in pooled.iter_mut().zip(counts) {
            *sum += count;
        }
        total += n;
        worst = parts.iter().fold(worst, |worst, part| worst.min(part / 100.0));
    }
    let pooled = pooled.map(|count| count as f64 / total as f64);
    println!("  all {total:5} {}", pooled.map(|part| format!("{:6.2}", 100.0 * part)).join(" "));

    let kinds: [(&str, Make); 3] = [("flat", flat), ("bell", bell), ("one plateau", one_plateau)];
    let mut least = 1.0_f64;
    for (name, make) in kinds {
        let mut rng = stream(1, &["dose response", name]);
        let curves: Vec<Vec<Point>> = (0..NONE).map(|i| make(&mut rng, NOISE[i % NOISE.len()])).collect();
        let [fitted, rest @ ..] = reasons(&fits(&curves)?);
        println!("{name}: no fit in {} of {NONE} (flat, bell, one plateau: {rest:?})", NONE - fitted);
        least = least.min((NONE - fitted) as f64 / NONE as f64);
    }

    let mut rng = stream(6, &["dose response", "time"]);
    let timed: Vec<Vec<Point>> =
        (0..TIMED).map(|i| identifiable(&mut rng, NOISE[i % NOISE.len()]).1).collect();
    let two = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    let (started, before) = (Instant::now(), computed());
    two.install(|| fits(&timed))?;
    let (wall, after) = (started.elapsed().as_secs_f64(), computed());
    let cpu = before.zip(after).map(|(before, after)| after - before);
    println!("{TIMED} curves with intervals: {wall:.2} s on two threads, {cpu:.2?} s of computing");

    ensure!(pooled.iter().all(|part| (0.93..=0.97).contains(part)), "pooled coverage is not 93 to 97 %");
    ensure!(worst >= 0.9, "coverage at one level of noise is below 90 %");
    ensure!(least >= 0.95, "a curve is drawn where there is none");
    // On a machine that others use too, the time that was computed counts.
    let seconds = cpu.map_or(wall, |cpu| wall.min(cpu / 2.0));
    ensure!(seconds <= SECONDS, "{seconds:.2} s are over {SECONDS}");
    Ok(())
}

//! Do p values of activity hold? Simulated vectors of screens in which nothing, or a tenth of the treatments, does anything.
//!
//! Each screen has three plates of 96 wells: 24 DMSO wells and 72 treatments, at the same places on each. What is planted:
//! a shift of each plate, an edge effect that differs a little from plate to plate, gradients down and across. Activity
//! is judged as in a library of answers (`answers::judged`), without the rest of it. One p value of each screen is compared
//! with the uniform distribution (Kolmogorov and Smirnov), since those of one screen share its DMSO; in screens with effects
//! the false discovery rate is the mean over screens of the part of false ones among the treatments called active.
//!
//! ```text
//! cargo bench --bench null_activity -- [--screens 1000] [--with-effects 200] [--minutes 115]
//! ```
//!
//! It stops after so many minutes; the same command goes on from there, since each screen's result is kept by
//! configuration and version beside the build. The table is written to `benches/tables/null_activity.md` once all screens are there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use molclip::analysis::answers::{Options, Subjects, judged};
use molclip::analysis::items::{Compound, Item};
use molclip::progress::Progress;
use molclip::random::{normal, stream};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

const SEED: u64 = 20_261_129;
const PLATES: usize = 3;
const ROWS: usize = 8;
const COLUMNS: usize = 12;
const DMSO: usize = 24;
const TREATMENTS: usize = ROWS * COLUMNS - DMSO;
const DIM: usize = 32;

/// A kind of screen. Lengths are in standard deviations of a well, by number of a vector.
#[derive(Debug, Clone, Copy)]
struct Plan {
    name: &'static str,
    plate: f64,
    edge: f64,
    slope: f64,
    /// Treatments that do something, and how much.
    active: usize,
    effect: f64,
}

const PLANS: [Plan; 3] = [
    Plan { name: "nothing planted", plate: 0.0, edge: 0.0, slope: 0.0, active: 0, effect: 0.0 },
    Plan { name: "plates and positions", plate: 4.0, edge: 2.0, slope: 1.0, active: 0, effect: 0.0 },
    Plan { name: "the same, 10 % active", plate: 4.0, edge: 2.0, slope: 1.0, active: 7, effect: 1.5 },
];

/// What one screen gave.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    screen: u64,
    /// By treatment; `None` where it could not be judged.
    p: Vec<Option<f64>>,
    called: Vec<bool>,
    seconds: f64,
}

fn draw(plan: &Plan, screen: u64) -> (Subjects, Vec<f32>) {
    let mut rng = stream(SEED, &["null screen", plan.name, &screen.to_string()]);
    let mut vector = |length: f64| -> Vec<f64> { (0..DIM).map(|_| length * normal(&mut rng)).collect() };
    let [edge, down, across] = [plan.edge, plan.slope, plan.slope].map(&mut vector);
    let effects: Vec<Vec<f64>> = (0..plan.active).map(|_| vector(plan.effect)).collect();
    let mut places: Vec<usize> = (0..ROWS * COLUMNS).collect();
    places.shuffle(&mut rng);
    let (mut items, mut values) = (Vec::new(), Vec::new());
    for plate in 0..PLATES {
        let shift: Vec<f64> = (0..DIM).map(|_| plan.plate * normal(&mut rng)).collect();
        let strength = 1.0 + 0.2 * normal(&mut rng);
        for (number, &place) in places.iter().enumerate() {
            let (row, column) = (place / COLUMNS, place % COLUMNS);
            let outermost = row == 0 || row == ROWS - 1 || column == 0 || column == COLUMNS - 1;
            // DMSO comes last, so that treatments are numbered from 0; the active ones are the first.
            let control = number >= TREATMENTS;
            values.extend((0..DIM).map(|i| {
                let of_edge = if outermost { edge[i] } else { 0.0 };
                let of_row = (row as f64 / (ROWS - 1) as f64 - 0.5) * down[i];
                let position = of_edge + of_row + (column as f64 / (COLUMNS - 1) as f64 - 0.5) * across[i];
                let effect = effects.get(number).map_or(0.0, |effect| effect[i]);
                (shift[i] + strength * position + effect + normal(&mut rng)) as f32
            }));
            items.push(Item {
                row: items.len(),
                row_id: items.len().to_string(),
                compound: Some(if control { TREATMENTS } else { number }),
                dose: (!control).then_some(1.0),
                replicate: plate,
                plate: format!("plate {plate}"),
                well: format!("{}{:02}", char::from(b'A' + row as u8), column + 1),
                control,
                simulated: true,
                ..Item::default()
            });
        }
    }
    let compound = |number: usize| Compound { name: number.to_string(), ..Compound::default() };
    let compounds = (0..=TREATMENTS).map(compound).collect();
    let replicates = (0..PLATES).map(|plate| plate.to_string()).collect();
    (Subjects::new(items, compounds, Vec::new(), replicates), values)
}

fn judge(plan: &Plan, screen: u64) -> Result<Found> {
    let started = Instant::now();
    let (subjects, values) = draw(plan, screen);
    let options = Options { seed: SEED + screen, ..Options::default() };
    let judged = judged(&subjects, &values, DIM, &options, &Progress::default())?;
    let all = || judged.iter().take(TREATMENTS);
    Ok(Found {
        screen,
        p: all().map(|activity| activity.p.filter(|_| activity.is_decided())).collect(),
        called: all().map(molclip::analysis::answers::Activity::is_active).collect(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// Where a kind of screen is kept, and what is there already. A line that was cut off is drawn again.
fn kept(plan: &Plan) -> Result<(PathBuf, BTreeMap<u64, Found>)> {
    let options = Options::default();
    let what = format!("{plan:?} {SEED} {PLATES} {DMSO} {DIM} {options:?} {}", env!("CARGO_PKG_VERSION"));
    // Whatever the test is made of: another program gives other results.
    let mut hash = blake3::Hasher::new();
    hash.update(what.as_bytes());
    for source in [
        include_str!("../src/analysis/answers/activity.rs"),
        include_str!("../src/analysis/answers/activity/layout.rs"),
        include_str!("../src/analysis/answers/activity/reflect.rs"),
        include_str!("../src/analysis/answers/activity/trial.rs"),
        include_str!("../src/analysis/answers/activity/wells.rs"),
        include_str!("../src/analysis/answers/library.rs"),
        include_str!("../src/analysis/answers/space.rs"),
    ] {
        hash.update(source.as_bytes());
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("null_activity");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!("{}.jsonl", &hash.finalize().to_hex()[..16]));
    let text = if path.exists() { fs::read_to_string(&path)? } else { String::new() };
    let found = text.lines().filter_map(|line| serde_json::from_str::<Found>(line).ok());
    let found = found.map(|found| (found.screen, found)).collect();
    Ok((path, found))
}

/// Judges what is missing until time is up; whether all is there.
fn fill(plan: &Plan, screens: u64, until: Instant) -> Result<Option<BTreeMap<u64, Found>>> {
    let (path, mut found) = kept(plan)?;
    let mut file = fs::OpenOptions::new().create(true).append(true).open(&path)?;
    for screen in 0..screens {
        if found.contains_key(&screen) {
            continue;
        }
        if Instant::now() > until {
            println!("{}: {} of {screens} screens. The same command goes on.", plan.name, found.len());
            return Ok(None);
        }
        let one = judge(plan, screen)?;
        // An own line, even after one that was cut off.
        writeln!(file, "\n{}", serde_json::to_string(&one)?)?;
        found.insert(screen, one);
    }
    found.retain(|screen, _| *screen < screens);
    Ok(Some(found))
}

/// Kolmogorov and Smirnov's distance from the uniform distribution, and its asymptotic p.
fn kolmogorov_smirnov(mut p: Vec<f64>) -> (f64, f64) {
    p.sort_by(f64::total_cmp);
    let n = p.len() as f64;
    let far = |(i, p): (usize, &f64)| ((i + 1) as f64 / n - p).max(p - i as f64 / n);
    let distance = p.iter().enumerate().map(far).fold(0.0, f64::max);
    let x = distance * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let sign = |k: i32| if k % 2 == 1 { 1.0 } else { -1.0 };
    let term = |k: i32| 2.0 * sign(k) * (-2.0 * (f64::from(k) * x).powi(2)).exp();
    (distance, (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0))
}

/// Mean and 95 % interval (normal) of numbers by screen.
fn interval(of: &[f64]) -> String {
    let n = of.len().max(1) as f64;
    let mean = of.iter().sum::<f64>() / n;
    let variance = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let half = 1.96 * (variance / n).sqrt();
    format!("{mean:.4} [{:.4}, {:.4}]", (mean - half).max(0.0), (mean + half).min(1.0))
}

fn row(plan: &Plan, found: &BTreeMap<u64, Found>) -> String {
    let one = |of: &Found| {
        let place = plan.active + of.screen as usize % (TREATMENTS - plan.active);
        of.p.get(place).copied().flatten()
    };
    let (distance, p) = kolmogorov_smirnov(found.values().filter_map(one).collect());
    let small = |level: f64| -> Vec<f64> {
        let part = |of: &Found| {
            let idle: Vec<f64> = of.p.iter().skip(plan.active).copied().flatten().collect();
            idle.iter().filter(|p| **p < level).count() as f64 / idle.len().max(1) as f64
        };
        found.values().map(part).collect()
    };
    let called = |of: &Found, active: bool| {
        of.called.iter().enumerate().filter(|(i, called)| **called && (*i < plan.active) == active).count()
            as f64
    };
    let false_ones: Vec<f64> = found
        .values()
        .map(|of| called(of, false) / (called(of, false) + called(of, true)).max(1.0))
        .collect();
    let power: Vec<f64> = found.values().map(|of| called(of, true) / plan.active.max(1) as f64).collect();
    let undecided = found.values().flat_map(|of| &of.p).filter(|p| p.is_none()).count();
    format!(
        "| {} | {} | {distance:.4} | {p:.3} | {} | {} | {} | {} | {undecided} |\n",
        plan.name,
        found.len(),
        interval(&small(0.05)),
        interval(&small(0.01)),
        interval(&false_ones),
        if plan.active > 0 { interval(&power) } else { "–".to_owned() },
    )
}

/// Year, month and day in UTC (Hinnant, `civil_from_days`).
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let z = (seconds / 86_400) as i64 + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{}-{month:02}-{day:02}", year + era * 400 + more)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |name: &str, usual: u64| {
        let after = arguments.windows(2).find(|pair| pair[0] == name).map(|pair| &pair[1]);
        after.map_or(Ok(usual), |text| text.parse().with_context(|| format!("{name} {text} is no number")))
    };
    let (null, with_effects) = (number("--screens", 1000)?, number("--with-effects", 200)?);
    let until = Instant::now() + Duration::from_secs(60 * number("--minutes", 115)?);
    let (mut rows, mut seconds) = (String::new(), 0.0);
    for plan in &PLANS {
        let screens = if plan.active > 0 { with_effects } else { null };
        let Some(found) = fill(plan, screens, until)? else { return Ok(()) };
        seconds += found.values().map(|of| of.seconds).sum::<f64>();
        rows.push_str(&row(plan, &found));
    }
    let mut text = String::from("# Null screens: p and q of activity\n\n");
    writeln!(
        text,
        "`cargo bench --bench null_activity -- --screens {null} --with-effects {with_effects}`, seed {SEED}, {}, \
         {:.2} h. Simulated vectors; {PLATES} plates of {DMSO} DMSO wells and {TREATMENTS} treatments at fixed places. \
         Parts are means over screens with their 95 % interval; the bound of the false discovery rate is 0.05.\n",
        today(),
        seconds / 3600.0
    )?;
    text.push_str(
        "| planted | screens | KS distance | KS p | idle with p < 0.05 | idle with p < 0.01 | false discovery rate | \
         active ones found | undecided |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    text.push_str(&rows);
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tables/null_activity.md");
    fs::create_dir_all(table.parent().context("the table has no folder")?)?;
    fs::write(&table, &text).with_context(|| table.display().to_string())?;
    println!("{text}");
    Ok(())
}

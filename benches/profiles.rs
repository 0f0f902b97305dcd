//! Import, correction and scores of 24 plates of 384 wells × 904 features, Harmony on the same, and the memory that they take.
//!
//! Plates are resampled from the three of CPJUMP1 where `MOLCLIP_DATA` names the folder that holds them, else drawn from some
//! hidden factors; from a fixed seed either way. `benches/peers/profiles.py` does the same with pandas, pycytominer, copairs
//! and harmonypy, in turns with ours:
//!
//! ```text
//! profiles --write FOLDER           the plates, as CSV packed with gzip
//! profiles --write-large FILE.csv   one table of 20,000 × 5,000
//! profiles --import PATH            reads a table or a folder of them
//! profiles --score PATH             reads, then corrects and scores
//! profiles --harmony PATH           reads, then corrects by Harmony
//! ```
//!
//! The last three print a line of JSON: `seconds` of the last named, peak `memory` of the whole process in MB, and `table`,
//! MB of the features as 64-bit numbers. Without any of these, all of it is done once, each in a process of its own.

use std::env;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use molclip::analysis::domain::{controls, table};
use molclip::analysis::pairs::{Preset, Request};
use molclip::analysis::recipe::{Corrected, Matrix, Recipe};
use molclip::experiment::import::profile;
use molclip::experiment::import::{Features, Profiles};
use molclip::progress::Progress;
use molclip::random::{normal, stream};
use rand::RngExt as _;
use rayon::prelude::*;

const SEED: u64 = 20_261_129;
const PLATES: usize = 24;
const ROWS: usize = 16;
const COLUMNS: usize = 24;
const FEATURES: usize = 904;
const COMPOUNDS: usize = 306;
/// Every sixth well is DMSO: 64 of a plate.
const DMSO_EVERY: usize = 6;
/// Hidden numbers that features are made of, and how many features follow each factor closely, so that some are correlated.
const FACTORS: usize = 40;
const FOLLOWERS: usize = 6;
/// How much of the difference of two DMSO wells is added to a well that is drawn again.
const JITTER: f64 = 0.3;

const LARGE: (usize, usize) = (20_000, 5_000);

const STEPS: &str = "mad-robustize,select,sphere:epsilon=1";
const HARMONY: &str = "harmony";
const NULL: usize = 10_000;

/// Plates that others are drawn from, of CPJUMP1 (U2OS; all of one layout).
const REAL: [&str; 3] = ["BR00117012", "BR00117024", "BR00117025"];

/// Where wells come from.
enum Origin {
    /// What each factor and each compound does to the features, `[factor][feature]` and `[compound][factor]`.
    Drawn { loadings: Vec<f64>, effects: Vec<f64> },
    /// Wells of real plates, by plate and in the order of their wells: DMSO and treated ones.
    Real { names: Vec<String>, dmso: Vec<Vec<Vec<f64>>>, treated: Vec<Vec<Vec<f64>>> },
}

impl Origin {
    fn find() -> Result<Self> {
        if let Some(data) = env::var_os("MOLCLIP_DATA") {
            return Self::real(&Path::new(&data).join("profiles/cpjump1"));
        }
        let mut rng = stream(SEED, &["profiles bench", "factors"]);
        let mut loadings = vec![0.0; FACTORS * FEATURES];
        for feature in 0..FEATURES {
            if feature < FACTORS * FOLLOWERS {
                loadings[feature % FACTORS * FEATURES + feature] = 3.0;
            } else {
                (0..FACTORS)
                    .for_each(|factor| loadings[factor * FEATURES + feature] = 0.2 * normal(&mut rng));
            }
        }
        let effects = (0..COMPOUNDS * FACTORS).map(|_| normal(&mut rng)).collect();
        Ok(Self::Drawn { loadings, effects })
    }

    fn real(folder: &Path) -> Result<Self> {
        let (mut names, mut dmso, mut treated) = (Vec::new(), Vec::new(), Vec::new());
        for plate in REAL {
            let path = folder.join(format!("{plate}_normalized_feature_select_negcon_batch.csv.gz"));
            let Profiles { experiment, features, .. } = read(&path)?;
            let rows: Vec<usize> = (0..experiment.table.len()).collect();
            let is_dmso = controls(&experiment, &rows);
            let wells = |of: bool| -> Vec<Vec<f64>> {
                let rows = features.values.chunks_exact(features.names.len()).zip(&is_dmso);
                rows.filter(|(_, dmso)| **dmso == of).map(|(row, _)| row.to_vec()).collect()
            };
            dmso.push(wells(true));
            treated.push(wells(false));
            names = features.names;
        }
        ensure!(names.len() == FEATURES, "the plates of {} have {} features", folder.display(), names.len());
        Ok(Self::Real { names, dmso, treated })
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Drawn { .. } => (0..FEATURES).map(|feature| format!("Cells_Feature_{feature}")).collect(),
            Self::Real { names, .. } => names.clone(),
        }
    }

    /// Features of a plate's wells; `compounds` says what is in each, `None` for DMSO.
    fn plate(&self, plate: usize, compounds: &[Option<usize>]) -> Vec<Vec<f64>> {
        let mut rng = stream(SEED, &["profiles bench", "plate", &plate.to_string()]);
        match self {
            Self::Drawn { loadings, effects } => {
                let shift: Vec<f64> = (0..FEATURES).map(|_| normal(&mut rng)).collect();
                let mut well = |compound: &Option<usize>| -> Vec<f64> {
                    let factors: Vec<f64> = (0..FACTORS)
                        .map(|k| compound.map_or(0.0, |at| effects[at * FACTORS + k]) + normal(&mut rng))
                        .collect();
                    (0..FEATURES)
                        .map(|feature| {
                            let sum: f64 =
                                (0..FACTORS).map(|k| factors[k] * loadings[k * FEATURES + feature]).sum();
                            shift[feature] + sum + 0.5 * normal(&mut rng)
                        })
                        .collect()
                };
                compounds.iter().map(&mut well).collect()
            }
            Self::Real { dmso, treated, .. } => {
                let mut well = |compound: &Option<usize>| -> Vec<f64> {
                    let from = rng.random_range(0..REAL.len());
                    let mut one = || &dmso[from][rng.random_range(0..dmso[from].len())];
                    let (base, a, b) = (one(), one(), one());
                    let base = compound.map_or(base, |at| &treated[from][at % treated[from].len()]);
                    base.iter().zip(a.iter().zip(b)).map(|(x, (a, b))| x + JITTER * (a - b)).collect()
                };
                compounds.iter().map(&mut well).collect()
            }
        }
    }
}

/// Name of a well by its place on a plate.
fn well(place: usize) -> String {
    format!("{}{:02}", char::from(b'A' + (place / COLUMNS) as u8), place % COLUMNS + 1)
}

fn write(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let origin = Origin::find()?;
    let head = origin.names().join(",");
    let mut treated = 0..;
    let mut compound = |place: usize| {
        if place.is_multiple_of(DMSO_EVERY) { None } else { treated.next().map(|at: usize| at % COMPOUNDS) }
    };
    let compounds: Vec<Option<usize>> = (0..ROWS * COLUMNS).map(&mut compound).collect();
    (0..PLATES).into_par_iter().try_for_each(|plate| -> Result<()> {
        let mut text =
            format!("Metadata_Plate,Metadata_Well,Metadata_pert_iname,Metadata_control_type,{head}\n");
        for (place, features) in origin.plate(plate, &compounds).iter().enumerate() {
            let (name, control) = compounds[place]
                .map_or(("DMSO".to_owned(), "negcon"), |compound| (format!("compound {compound}"), ""));
            write!(text, "plate{plate:02},{},{name},{control}", well(place))?;
            features.iter().try_for_each(|x| write!(text, ",{x:.5}"))?;
            text.push('\n');
        }
        let path = folder.join(format!("plate{plate:02}.csv.gz"));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        let mut out = GzEncoder::new(file, Compression::default());
        out.write_all(text.as_bytes())?;
        out.finish()?;
        Ok(())
    })
}

fn write_large(path: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(path).with_context(|| path.display().to_string())?);
    let names: Vec<String> = (0..LARGE.1).map(|feature| format!("Cells_Feature_{feature}")).collect();
    writeln!(out, "Metadata_Plate,Metadata_Well,Metadata_pert_iname,{}", names.join(","))?;
    let mut rng = stream(SEED, &["profiles bench", "large"]);
    for row in 0..LARGE.0 {
        let (plate, place) = (row / (ROWS * COLUMNS), row % (ROWS * COLUMNS));
        write!(out, "plate{plate},{},compound {}", well(place), row % 1000)?;
        for _ in 0..LARGE.1 {
            write!(out, ",{:.4}", rng.random::<f32>())?;
        }
        writeln!(out)?;
    }
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> Result<Profiles> {
    let read = profile::read(&[path.to_owned()], &Features::Guess)?;
    read.with_context(|| format!("{} is no table of profiles", path.display()))
}

/// Largest memory of this process so far, MB.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn print(seconds: f64, [rows, features]: [usize; 2], mean_map: Option<f64>) {
    let table = (rows * features * size_of::<f64>()) as f64 / f64::from(1 << 20);
    let told = serde_json::json!({
        "seconds": seconds, "memory": peak_mb(), "table": table, "rows": rows, "features": features, "mean_map": mean_map,
    });
    println!("{told}");
}

/// Reads a path as `molclip` opens it.
fn import(path: &Path) -> Result<()> {
    let started = Instant::now();
    let imported = read(path)?.into_imported();
    let seconds = started.elapsed().as_secs_f64();
    let vectors = imported.experiment.embeddings.values().next().context("no features were found")?;
    print(seconds, [vectors.row_ids.len(), vectors.dim], None);
    Ok(())
}

/// Corrects what a path holds as `molclip correct` does, and, where asked for, scores it as `molclip score --preset activity`.
fn correct(path: &Path, steps: &str, is_scored: bool) -> Result<()> {
    let Profiles { experiment, features, .. } = read(path)?;
    let rows: Vec<usize> = (0..experiment.table.len()).collect();
    let size = [rows.len(), features.names.len()];
    let features = Matrix { names: features.names, rows: rows.len(), values: features.values };
    let recipe: Recipe = steps.parse()?;
    let started = Instant::now();
    let given = table(&experiment, (&rows, features), controls(&experiment, &rows), &recipe)?;
    let Corrected { table, .. } = recipe.apply(given)?;
    let mut mean_map = None;
    if is_scored {
        let dim = table.features.names.len();
        let values = table.features.values.into_iter().map(|x| x as f32).collect();
        let request =
            Request { preset: Some(Preset::Activity), null: NULL, seed: SEED, ..Request::default() };
        mean_map = request.score(&experiment, &rows, (values, dim), &Progress::default())?.mean_map;
    }
    print(started.elapsed().as_secs_f64(), size, mean_map);
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [what, path] = arguments.as_slice() {
        let path = Path::new(path);
        return match what.as_str() {
            "--write" => write(path),
            "--write-large" => write_large(path),
            "--import" => import(path),
            "--score" => correct(path, STEPS, true),
            "--harmony" => correct(path, HARMONY, false),
            _ => bail!("{what} is none of --write, --write-large, --import, --score, --harmony"),
        };
    }
    let folder = tempfile::tempdir()?;
    let (plates, large): (PathBuf, PathBuf) = (folder.path().join("plates"), folder.path().join("large.csv"));
    for (what, path) in [
        ("--write", &plates),
        ("--import", &plates),
        ("--score", &plates),
        ("--harmony", &plates),
        ("--write-large", &large),
        ("--import", &large),
    ] {
        let run = Command::new(env::current_exe()?).arg(what).arg(path).output()?;
        ensure!(run.status.success(), "{what}: {}", String::from_utf8_lossy(&run.stderr));
        let told = String::from_utf8_lossy(&run.stdout);
        if !told.is_empty() {
            println!("{what}: {}", told.trim());
        }
    }
    Ok(())
}

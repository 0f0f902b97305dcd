//! Damaged tables and projects: each has to end in a table or an error, never in a panic that is heard, an abort, or a
//! memory bomb.
//!
//! `cargo bench --bench mutants [-- N]` reads N mutants (100,000) of Parquet, XLSX and CSV tables and of a project's
//! table, in processes of their own with limited memory, and prints how they ended. It fails where one aborted or said
//! that it panicked; such a one comes back with `-- --from NUMBER --to NUMBER+1`.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use molclip::experiment::import::{Limits, Source, apply, guess};
use molclip::experiment::project::Project;
use molclip::experiment::{Experiment, Table};
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

/// Mutants that one process reads.
const BATCH: usize = 2_000;
/// Address space of a process, KiB: the largest table that is read takes half of it.
const MEMORY: usize = 4 << 20;

fn or_exit<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(1)
    })
}

/// Sound files to damage.
struct Originals {
    parquet: Vec<Vec<u8>>,
    workbooks: Vec<Vec<u8>>,
    csv: Vec<u8>,
    /// A project folder, and the name of its table.
    project: (PathBuf, String),
    folder: tempfile::TempDir,
}

impl Originals {
    fn new() -> Self {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/experiment");
        let read = |name: &str| or_exit(fs::read(fixtures.join(name)));
        let csv = read("real_experiment.csv");
        let source = Source::from_bytes(Path::new("real.csv"), csv.clone(), None, &Limits::default());
        let source = or_exit(source);
        let experiment = or_exit(apply(&source, &guess(&source))).experiment;
        let mut ours = Vec::new();
        or_exit(experiment.table.write_parquet(&mut ours));
        let mut parquet = vec![ours, read("manifest.parquet")];
        let mut paths: Vec<PathBuf> =
            or_exit(fs::read_dir(fixtures.join("parquet"))).flatten().map(|entry| entry.path()).collect();
        paths.sort();
        parquet.extend(
            paths
                .iter()
                .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
                .map(|path| or_exit(fs::read(path))),
        );
        let folder = or_exit(tempfile::tempdir());
        let project = project(folder.path(), &experiment);
        Self {
            parquet,
            workbooks: vec![read("manifest.xlsx"), read("annotation.xlsx")],
            csv,
            project,
            folder,
        }
    }
}

fn project(folder: &Path, experiment: &Experiment) -> (PathBuf, String) {
    let path = folder.join("sound.molclip");
    drop(or_exit(Project::create(&path, experiment, &Value::Null)));
    let names =
        or_exit(fs::read_dir(&path)).flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let table = names.into_iter().find(|name| name.starts_with("table-")).unwrap_or_default();
    (path, table)
}

/// Damages bytes as disks, networks and people do: half of the time where the file describes itself.
fn damage(bytes: &mut Vec<u8>, random: &mut Pcg64Mcg) {
    for _ in 0..random.random_range(1..5) {
        let length = bytes.len();
        if length < 16 {
            return;
        }
        let at = match random.random_range(0..4) {
            0 => random.random_range(length - length.min(1000)..length),
            // A page's head, or a structure of the footer, begins with its first field.
            1 => {
                let from = random.random_range(0..length);
                let found = bytes[from..].iter().position(|byte| *byte == 0x15).unwrap_or(0);
                (from + found + random.random_range(0..12)).min(length - 1)
            }
            _ => random.random_range(0..length),
        };
        let end = (at + random.random_range(1..40)).min(length);
        match random.random_range(0..8) {
            0 | 1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][random.random_range(0..4)],
            3 => bytes[at] = random.random(),
            4 => random.fill_bytes(&mut bytes[at..end]),
            5 => bytes.truncate(at),
            6 => drop(bytes.drain(at..end)),
            _ => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
        }
    }
}

/// A workbook with one part damaged and its checksums right again.
fn damage_inside(workbook: &[u8], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut archive = or_exit(zip::ZipArchive::new(std::io::Cursor::new(workbook)));
    let chosen = random.random_range(0..archive.len());
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for part in 0..archive.len() {
        let mut file = or_exit(archive.by_index(part));
        let mut bytes = Vec::new();
        or_exit(file.read_to_end(&mut bytes));
        if part == chosen {
            damage(&mut bytes, random);
        }
        or_exit(writer.start_file(or_exit(file.name()), stored));
        or_exit(writer.write_all(&bytes));
    }
    or_exit(writer.finish()).into_inner()
}

/// Opens the project with a damaged table that its document says is the right one.
fn open_project(originals: &Originals, random: &mut Pcg64Mcg) -> Result<Table, String> {
    let (sound, table) = &originals.project;
    let folder = originals.folder.path().join("damaged.molclip");
    or_exit(fs::create_dir_all(&folder));
    let mut bytes = or_exit(fs::read(sound.join(table)));
    damage(&mut bytes, random);
    let mut document: Value = or_exit(serde_json::from_slice(&or_exit(fs::read(sound.join("project.json")))));
    document["table"] =
        json!({ "file": table, "blake3": blake3::hash(&bytes).to_hex().as_str(), "bytes": bytes.len() });
    or_exit(fs::write(folder.join(table), bytes));
    or_exit(fs::write(folder.join("project.json"), document.to_string()));
    Project::read(&folder).map(|opened| opened.experiment.table).map_err(|e| e.to_string())
}

/// Reads one mutant, which its number decides.
fn read(number: u64, originals: &Originals) -> Result<Table, String> {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let one = |files: &[Vec<u8>], random: &mut Pcg64Mcg| files[random.random_range(0..files.len())].clone();
    let (name, bytes) = match number % 8 {
        0 => return open_project(originals, &mut random),
        1 => ("mutant.csv", {
            let mut bytes = originals.csv.clone();
            damage(&mut bytes, &mut random);
            bytes
        }),
        2 => ("mutant.xlsx", {
            let workbook = one(&originals.workbooks, &mut random);
            damage_inside(&workbook, &mut random)
        }),
        _ => ("mutant.parquet", {
            let mut bytes = one(&originals.parquet, &mut random);
            damage(&mut bytes, &mut random);
            bytes
        }),
    };
    let source = Source::from_bytes(Path::new(name), bytes, None, &Limits::default());
    let imported = source.and_then(|source| apply(&source, &guess(&source)));
    imported.map(|imported| imported.experiment.table).map_err(|e| e.to_string())
}

/// What a process of its own does: a line for each mutant, with its number before it is read, then how it ended.
fn child(from: u64, to: u64) {
    let originals = Originals::new();
    let mut out = std::io::stdout().lock();
    for number in from..to {
        or_exit(write!(out, "{number} ").and_then(|()| out.flush()));
        let start = Instant::now();
        let ended = match read(number, &originals) {
            Ok(_) => "read",
            // The two errors that a caught panic becomes.
            Err(e) if e.contains("do not unpack.") || e.contains("the XLSX file is damaged") => "panicked",
            Err(_) => "refused",
        };
        or_exit(writeln!(out, "{ended} {}", start.elapsed().as_micros()));
    }
}

/// How mutants ended.
#[derive(Default)]
struct Counts {
    read: usize,
    refused: usize,
    panicked: usize,
    aborted: Vec<u64>,
    /// Processes that said on stderr that something panicked.
    heard: usize,
    /// Microseconds and number.
    slowest: (u64, u64),
}

/// Reads mutants in a process; returns the first that is left over where it ended early.
fn batch(from: u64, to: u64, counts: &mut Counts) -> u64 {
    let program = or_exit(std::env::current_exe());
    let limited = format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\"");
    let mut command = if cfg!(unix) { Command::new("sh") } else { Command::new(&program) };
    if cfg!(unix) {
        command.arg("-c").arg(limited).arg(&program);
    }
    command.args(["--from", &from.to_string(), "--to", &to.to_string()]);
    command.env("POLARS_MAX_THREADS", "2").stdin(Stdio::null());
    let output = or_exit(command.output());
    if String::from_utf8_lossy(&output.stderr).contains("panicked") {
        counts.heard += 1;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut next = from;
    for line in text.lines() {
        let mut words = line.split(' ');
        let Some(number) = words.next().and_then(|word| word.parse().ok()) else { continue };
        next = number + 1;
        match words.next() {
            Some("read") => counts.read += 1,
            Some("refused") => counts.refused += 1,
            Some("panicked") => counts.panicked += 1,
            _ => {
                println!("mutant {number} aborted: {}", String::from_utf8_lossy(&output.stderr).trim());
                counts.aborted.push(number);
            }
        }
        let took = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        counts.slowest = counts.slowest.max((took, number));
    }
    if next == from {
        eprintln!("nothing was read: {}", String::from_utf8_lossy(&output.stderr));
        std::process::exit(1);
    }
    next
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value =
        |name: &str| arguments.windows(2).find(|pair| pair[0] == name).and_then(|pair| pair[1].parse().ok());
    if let (Some(from), Some(to)) = (value("--from"), value("--to")) {
        child(from, to);
        return;
    }
    let mutants: u64 = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let mut counts = Counts::default();
    let start = Instant::now();
    let mut next = 0;
    while next < mutants {
        next = batch(next, mutants.min(next + BATCH as u64), &mut counts);
    }
    let Counts { read, refused, panicked, aborted, heard, slowest: (micros, number) } = counts;
    println!(
        "{mutants} mutants in {:.0} s: {refused} refused, {read} read, {panicked} panicked (caught), {} aborted, {heard} processes that said so; the slowest took {:.0} ms (mutant {number})",
        start.elapsed().as_secs_f64(),
        aborted.len(),
        micros as f64 / 1e3,
    );
    if !aborted.is_empty() || heard > 0 {
        println!("aborted: {aborted:?}");
        std::process::exit(1);
    }
}

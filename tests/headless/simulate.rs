//! `molclip simulate`: the files it leaves, the same for any number of threads, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use calamine::{Reader, Xlsx, open_workbook};
use molclip::video::{Address, Limits, Recording};
use polars::prelude::*;
use serde_json::Value;

const COLUMNS: &str = "row_id path series crop_x crop_y crop_width crop_height pixel_size_um interval_s plate well \
                       site cell replicate cell_line stain compound smiles concentration_uM moa control split simulated";

const TINY: [&str; 12] = [
    "--moas",
    "2",
    "--drugs-per-moa",
    "2",
    "--videos-per-drug",
    "2",
    "--replicates",
    "2",
    "--size",
    "48",
    "--frames",
    "5",
];

fn simulate(out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.arg("simulate").arg("--out").arg(out).args(TINY).args(more);
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Every file of a folder with its bytes.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

fn read(path: &Path) -> DataFrame {
    ParquetReader::new(fs::File::open(path).unwrap()).finish().unwrap()
}

fn csv(path: &Path) -> DataFrame {
    let options = CsvReadOptions::default().with_has_header(true);
    options.try_into_reader_with_file_path(Some(path.to_owned())).unwrap().finish().unwrap()
}

fn texts(table: &DataFrame, column: &str) -> Vec<String> {
    let column = table.column(column).unwrap().str().unwrap();
    column.iter().map(|v| v.unwrap_or_default().to_owned()).collect()
}

/// The program opens what it simulates, and knows it for what it is.
fn opens_as_simulated(path: &Path, rows: usize) {
    let experiment = molclip::experiment::import::open(path).unwrap().experiment;
    assert_eq!(experiment.table.len(), rows);
    assert!((0..rows).all(|row| experiment.is_simulated(row)));
    assert!((0..rows).all(|row| experiment.address(row).is_ok()));
}

#[test]
fn a_screen_with_its_manifest_videos_and_truth() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("screen");
    let output = done(simulate(&out, &["--seed", "7"]));
    let manifest = out.join("manifest.csv");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), manifest.to_str().unwrap());

    let table = csv(&manifest);
    let names: Vec<&str> = table.get_column_names().into_iter().map(PlSmallStr::as_str).collect();
    let expected: Vec<&str> = COLUMNS.split_whitespace().collect();
    assert_eq!(names[..expected.len()], expected);
    assert_eq!(names[expected.len()..], ["simulation"]);
    // 4 drugs × 2 videos × 2 replicates, and DMSO on top.
    assert_eq!(table.height(), 16 + 12);
    assert!(table.column("simulated").unwrap().bool().unwrap().iter().all(|v| v == Some(true)));
    let (compounds, controls) = (texts(&table, "compound"), texts(&table, "control"));
    assert_eq!(compounds.iter().filter(|c| *c == "DMSO").count(), 12);
    let agree = compounds.iter().zip(&controls).all(|(c, control)| (c == "DMSO") == (control == "negative"));
    assert!(agree);
    assert!(texts(&table, "smiles").iter().all(|smiles| !smiles.is_empty()));
    let doses = table.column("concentration_uM").unwrap().f64().unwrap();
    assert!(doses.iter().zip(&compounds).all(|(dose, c)| (dose == Some(0.0)) == (c == "DMSO")));

    opens_as_simulated(&manifest, 28);
    for (path, id) in texts(&table, "path").iter().zip(texts(&table, "row_id")) {
        let address: Address = out.join(path).to_str().unwrap().parse().unwrap();
        let recording = Recording::open(&address, Limits::default()).unwrap();
        assert!(recording.is_simulated(), "the video itself says so, wherever it is opened");
        let series = &recording.series;
        assert_eq!(series.name, id);
        assert_eq!((series.shape.t, series.shape.y, series.shape.x), (5, 48, 48));
        assert!((series.pixel_size_um.unwrap() - 25.6 / 48.0).abs() < 1e-9);
        assert_eq!(series.interval_s, Some(3.0));
        assert_eq!(series.time_stamps_s().unwrap(), [0.0, 3.0, 6.0, 9.0, 12.0]);
        assert!(series.channels[0].name.as_ref().unwrap().contains("simulated"));
        let mut bytes = Vec::new();
        fs::File::open(out.join(path)).unwrap().read_to_end(&mut bytes).unwrap();
        let says = String::from_utf8_lossy(&bytes);
        assert!(says.contains("<Description>simulated; seed 7; parameters "), "{id}");
    }

    let truth = |name: &str| read(&out.join("truth").join(name).with_extension("parquet"));
    for name in ["drugs", "plate", "videos", "frames", "events"] {
        let table = truth(name);
        assert!(table.column("simulated").unwrap().bool().unwrap().all(), "{name}");
        assert!(table.column("seed").unwrap().u64().unwrap().iter().all(|seed| seed == Some(7)), "{name}");
        assert!(texts(&table, "parameters").iter().all(|hash| hash.len() == 64), "{name}");
    }
    assert_eq!(texts(&truth("videos"), "row_id"), texts(&table, "row_id"));
    let frames = truth("frames");
    assert_eq!(frames.height(), 28 * 5);
    let sum = |column: &str| frames.column(column).unwrap().u32().unwrap().sum().unwrap() as usize;
    assert_eq!(sum("fissions") + sum("fusions"), truth("events").height());
    for column in ["mitochondria", "length_um", "area_um2", "branch_points", "potential_mv", "speed_um_s"] {
        assert_eq!(frames.column(column).unwrap().null_count(), 0);
    }
    let drugs = truth("drugs");
    assert_eq!(drugs.height(), 4);
    for column in ["ec50_uM", "hill", "max_effect", "active", "moa"] {
        assert!(drugs.column(column).is_ok(), "{column}");
    }
}

#[test]
fn threads_change_no_byte_and_the_seed_changes_the_cells() {
    let folder = tempfile::tempdir().unwrap();
    for layout in ["manifest", "mito"] {
        let screen = |name: &str, threads: &str, seed: &str| {
            let out = folder.path().join(layout).join(name);
            let mut command = simulate(&out, &["--layout", layout, "--seed", seed]);
            command.env("RAYON_NUM_THREADS", threads).env("POLARS_MAX_THREADS", threads);
            done(command);
            files(&out)
        };
        let (one, two, other) = (screen("one", "1", "1"), screen("two", "2", "1"), screen("other", "2", "2"));
        assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
        for (name, bytes) in &one {
            assert!(two[name] == *bytes, "{layout}: {}", name.display());
        }
        assert!(one != other);
    }
}

#[test]
fn a_killed_screen_is_seen_to_be_unfinished_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (killed, whole) = (folder.path().join("killed"), folder.path().join("whole"));
    let more = ["--videos-per-drug", "40"];
    // Later arguments would be refused as duplicates, so this screen is asked for in full.
    let command = |out: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
        command.arg("simulate").arg("--out").arg(out).args(&TINY[..4]).args(more).args(&TINY[6..]);
        command
    };
    let mut child = command(&killed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = || fs::read_dir(killed.join("videos")).is_ok_and(|videos| videos.count() > 3);
    let started = Instant::now();
    while !begun() && started.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(killed.join("UNFINISHED").exists());
    assert!(!killed.join("manifest.csv").exists());
    done(command(&killed));
    done(command(&whole));
    assert!(files(&killed) == files(&whole));
}

#[test]
fn the_mito_layout_holds_its_cells_and_its_annotation() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mito");
    done(simulate(&out, &["--layout", "mito"]));
    let mut book: Xlsx<_> = open_workbook(out.join("annotation.xlsx")).unwrap();
    let sheet = book.worksheet_range("FDA-list").unwrap();
    let rows: Vec<Vec<String>> =
        sheet.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    assert_eq!(rows[0], ["index", "name", "moa_id", "common_moa", "moa_choose", "simulated"]);
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[1][..4], ["1", "FCCP", "0", "mitochondrial uncoupler"]);
    assert_eq!(book.worksheet_range("Novel-list").unwrap().height(), 1);

    let files = files(&out);
    let frames: Vec<&PathBuf> =
        files.keys().filter(|name| name.extension().is_some_and(|e| e == "jpg")).collect();
    assert_eq!(frames.len(), 28 * 5);
    let mut sets = BTreeMap::new();
    for name in &frames {
        let parts: Vec<&str> = name.iter().map(|part| part.to_str().unwrap()).collect();
        let [replicate, set, drug, _, file] = parts[..] else { panic!("{}", name.display()) };
        assert!(["l1", "l2"].contains(&replicate) && ["train", "query", "gallery"].contains(&set));
        assert!(drug == "dmso" || (1..=4).contains(&drug.parse::<usize>().unwrap()));
        assert!((1..=5).contains(&file.trim_end_matches(".jpg").parse::<usize>().unwrap()));
        *sets.entry(set.to_owned()).or_insert(0) += 1;
    }
    assert!(sets["train"] > sets["query"]);
    opens_as_simulated(&out, 28);
    let picture = image::load_from_memory(&files[frames[0]]).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (48, 48));
    let brightest = |channel: usize| picture.pixels().map(|p| p.0[channel]).max().unwrap();
    assert!(brightest(0) > 40 && brightest(2) > 100, "mitochondria in red, nucleus in blue");
    assert!(picture.get_pixel(0, 0).0.iter().all(|&v| v < 12), "masked to the cell");
    assert!(files.contains_key(Path::new("truth/frames.parquet")));
}

#[test]
fn wrong_arguments_end_with_two_and_a_taken_folder_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("screen");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
        let output = command.arg("simulate").args(arguments).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let path = out.to_str().unwrap();
    for (option, value) in [
        ("--moas", "0"),
        ("--moas", "99"),
        ("--size", "16"),
        ("--size", "100000"),
        ("--frames", "0"),
        ("--frames", "9999"),
        ("--replicates", "101"),
        ("--videos-per-drug", "18446744073709551615"),
        ("--layout", "folders"),
        ("--seed", "-1"),
    ] {
        let (code, said) = run(&["--out", path, &format!("{option}={value}")]);
        assert_eq!(code, 2, "{option} {value}: {said}");
        assert!(said.contains(option), "{said}");
        assert!(!out.exists(), "nothing is written");
    }
    assert_eq!(run(&[]).0, 2, "no folder");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.txt"), "mine").unwrap();
    let (code, said) = run(&["--out", path]);
    assert_eq!(code, 1);
    assert!(said.contains("not empty"), "{said}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}

#[test]
fn baselines_are_printed_with_chance() {
    let baselines = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
        command.args(["simulate", "--baselines"]).args(TINY).args(more);
        String::from_utf8(done(command).stdout).unwrap()
    };
    let table = baselines(&[]);
    for name in ["chance", "mean intensity", "single frame", "shuffled frames", "biomarkers + LDA, video"] {
        assert!(table.contains(name), "{table}");
    }
    let report: Value = serde_json::from_str(&baselines(&["--json"])).unwrap();
    assert_eq!(report["simulated"], true);
    assert_eq!(report["n_query"], 16);
    for baseline in report["baselines"].as_array().unwrap() {
        let [lo, value, hi] = ["lo", "value", "hi"].map(|key| baseline["map"][key].as_f64().unwrap());
        assert!(0.0 < lo && lo <= value && value <= hi && hi <= 1.0, "{baseline}");
    }
}

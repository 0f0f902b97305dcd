//! What `embed` and `predict` leave: pairs of files, names that spreadsheets would run, recordings that show nothing, and
//! a disk that is full.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use molclip::experiment::formula::restore;
use molclip::export::embeddings::{self, beside};
use molclip::export::pair::row_hash;
use molclip::export::{MovieMeta, OmeTiffOptions, write_ome_tiff};
use molclip::progress::Progress;
use molclip::simulate;
use molclip::video::{Plane, SampleType, Shape};

/// Cells of a table, the header first.
type Cells = Vec<Vec<String>>;

/// What a spreadsheet takes for a formula.
const STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Recordings that show nothing, and what is said of them.
const DEFECTS: [(&str, &str); 4] = [
    ("constant", "constant: every pixel of every frame is 100"),
    ("not-a-number", "no pixel of any frame is a number"),
    ("pixel", "nothing can be seen in 1 × 1 pixels"),
    ("none", "none.ome.tif"),
];

fn read_csv(path: &Path) -> Cells {
    let bytes = std::fs::read(path).unwrap();
    let (mut reader, mut rows, mut at) = (csv_core::Reader::new(), Vec::new(), 0);
    let (mut text, mut ends) = (vec![0; 1 << 16], vec![0; 256]);
    loop {
        let (result, read, _, n) = reader.read_record(&bytes[at..], &mut text, &mut ends);
        at += read;
        match result {
            csv_core::ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends[..n].iter().copied());
                let cell = |(from, to): (usize, &usize)| String::from_utf8(text[from..*to].to_vec()).unwrap();
                rows.push(starts.zip(&ends[..n]).map(cell).collect());
            }
            csv_core::ReadRecordResult::End => return rows,
            csv_core::ReadRecordResult::InputEmpty => {}
            other => panic!("{other:?}"),
        }
    }
}

fn column<'a>(cells: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let place = cells[0].iter().position(|cell| cell == name).unwrap_or_else(|| panic!("no column {name}"));
    cells[1..].iter().map(|row| row[place].as_str()).collect()
}

/// Writes four frames of one value.
fn movie(path: &Path, side: usize, value: f32) {
    let shape = Shape { t: 4, z: 1, c: 1, y: side, x: side, s: 1 };
    let meta = MovieMeta {
        name: "blank".into(),
        description: None,
        shape,
        dtype: SampleType::F32,
        missing: Vec::new(),
        pixel_size_um: Some(0.4),
        z_step_um: None,
        interval_s: Some(3.0),
        plane_times_s: None,
        channels: vec![molclip::video::Channel { name: None, color: None }],
    };
    write_ome_tiff(path, meta, OmeTiffOptions::default(), &Progress::default(), |_| {
        let bytes = (0..side * side).flat_map(|_| value.to_ne_bytes()).collect();
        Ok(Plane { width: side, height: side, samples: 1, dtype: SampleType::F32, bytes })
    })
    .unwrap();
}

/// A screen and two manifests of it: as it was simulated, and one with names that spreadsheets run and with recordings
/// that show nothing.
fn manifests() -> &'static (PathBuf, PathBuf) {
    static SCREEN: OnceLock<(tempfile::TempDir, (PathBuf, PathBuf))> = OnceLock::new();
    let (_, manifests) = SCREEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = simulate::Config {
            moas: 2,
            drugs_per_moa: 2,
            videos_per_drug: 1,
            replicates: 3,
            size: 64,
            frames: 16,
            seed: 5,
            ..simulate::Config::default()
        };
        let plain = simulate::run(&config, &folder.path().join("screen"), &Progress::default()).unwrap();
        let videos = plain.with_file_name("videos");
        movie(&videos.join("constant.ome.tif"), 64, 100.0);
        movie(&videos.join("not-a-number.ome.tif"), 64, f32::NAN);
        movie(&videos.join("pixel.ome.tif"), 1, 7.0);
        let evil = plain.with_file_name("evil.csv");
        std::fs::write(&evil, with_evil_names(&read_csv(&plain))).unwrap();
        (folder, (plain, evil))
    });
    manifests
}

fn with_evil_names(cells: &[Vec<String>]) -> String {
    let starts = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)"];
    let header = &cells[0];
    let mut compounds: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = vec![header.join(",")];
    for (number, row) in cells[1..].iter().enumerate() {
        let line = header.iter().zip(row).map(|(name, cell)| match name.as_str() {
            "row_id" => format!("{}{cell}", ["=", "+", "-", "@"][number % 4]),
            "plate" => format!("@{cell}"),
            "moa" if !cell.is_empty() => format!("=1+{cell}"),
            "compound" if cell != "DMSO" => {
                let next = compounds.len();
                format!("{}{cell}", starts[*compounds.entry(cell.clone()).or_insert(next) % 4])
            }
            _ => cell.clone(),
        });
        lines.push(line.collect::<Vec<_>>().join(","));
    }
    for (name, _) in DEFECTS {
        let line = header.iter().map(|column| match column.as_str() {
            "row_id" => name.to_owned(),
            "path" => format!("videos/{name}.ome.tif"),
            "compound" => "-ghost".to_owned(),
            "concentration_uM" => "1.0".to_owned(),
            _ => String::new(),
        });
        lines.push(line.collect::<Vec<_>>().join(","));
    }
    lines.join("\n") + "\n"
}

fn arguments(command: &str, manifest: &Path, out: &Path) -> Vec<std::ffi::OsString> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/light-simulated");
    vec![
        command.into(),
        manifest.into(),
        "--model".into(),
        model.into(),
        "--out".into(),
        out.into(),
        "--compute".into(),
        "cpu".into(),
    ]
}

fn run(command: &str, manifest: &Path, out: &Path) -> Output {
    let output =
        Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments(command, manifest, out)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn names_that_a_spreadsheet_would_run_are_text_and_what_shows_nothing_is_flagged() {
    let (_, evil) = manifests();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.csv");
    let said = String::from_utf8(run("predict", evil, &path).stderr).unwrap();
    let [videos, treatments] = [&path, &folder.path().join("p.treatments.csv")].map(|path| read_csv(path));
    for cell in videos.iter().chain(&treatments).flatten() {
        assert!(!cell.starts_with(STARTS) || cell.parse::<f64>().is_ok(), "a spreadsheet would run {cell}");
    }
    let manifest = read_csv(evil);
    for name in ["row_id", "plate", "compound", "moa"] {
        let back: Vec<&str> = column(&videos, name).into_iter().map(restore).collect();
        assert_eq!(back, column(&manifest, name), "{name}, every row in its order");
    }
    assert!(column(&treatments, "compound").iter().any(|name| name.starts_with("'=cmd|")));

    let calls = column(&videos, "call");
    let (nearest, flags) = (column(&videos, "nearest_drug"), column(&videos, "flag"));
    let sound = flags.len() - DEFECTS.len();
    for (place, (name, why)) in (sound..).zip(DEFECTS) {
        assert!(flags[place].contains(why), "{name}: {}", flags[place]);
        assert_eq!((calls[place], nearest[place]), ("", ""), "{name} is not called");
        assert!(said.contains(&format!("left out {name}: ")), "{said}");
    }
    assert!(flags[..sound].iter().all(|flag| flag.is_empty()));
    assert!(calls[..sound].iter().all(|call| !call.is_empty()));
    let ghost = column(&treatments, "compound").iter().position(|name| *name == "'-ghost").unwrap();
    assert_eq!(column(&treatments, "videos_flagged")[ghost], "4");
    assert_eq!((column(&treatments, "n_videos")[ghost], column(&treatments, "call")[ghost]), ("0", ""));

    let hash = row_hash(column(&manifest, "row_id"));
    let run_id = column(&videos, "run_id")[0].to_owned();
    for table in [&videos, &treatments] {
        assert!(column(table, "row_hash").iter().all(|cell| *cell == hash));
        assert!(column(table, "run_id").iter().all(|cell| *cell == run_id));
    }
}

#[test]
fn two_embeds_into_one_folder_are_two_pairs_and_the_wrong_pair_is_refused() {
    let (plain, evil) = manifests();
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.npy", "b.npy"].map(|name| folder.path().join(name));
    run("embed", plain, &a);
    run("embed", evil, &b);
    let names: Vec<PathBuf> = files(folder.path()).into_keys().collect();
    assert_eq!(names, [a.clone(), beside(&a), b.clone(), beside(&b)]);
    let of = |manifest: &Path, rows: usize| -> Vec<String> {
        column(&read_csv(manifest), "row_id")[..rows].iter().map(|id| (*id).to_owned()).collect()
    };
    let (first, second) = (embeddings::read(&a).unwrap(), embeddings::read(&b).unwrap());
    let rows = first.row_ids.len();
    assert_eq!((&first.row_ids, &second.row_ids), (&of(plain, rows), &of(evil, rows)));
    assert_eq!(read_csv(plain).len(), rows + 1);
    assert_eq!(first.values, second.values, "the same videos");
    for cell in read_csv(&beside(&b)).iter().flatten() {
        assert!(!cell.starts_with(STARTS), "a spreadsheet would run {cell}");
    }

    std::fs::copy(beside(&a), beside(&b)).unwrap();
    assert_eq!(embeddings::read(&b).unwrap(), first, "the same numbers, of the same names: a pair");
    std::fs::write(beside(&b), std::fs::read_to_string(beside(&a)).unwrap().replacen("R1", "R9", 1)).unwrap();
    let text = embeddings::read(&b).unwrap_err().to_string();
    assert!(
        text.contains("b.npy") && text.contains("b.row_ids.csv") && text.contains("molclip embed"),
        "{text}"
    );
    std::fs::remove_file(beside(&b)).unwrap();
    assert!(embeddings::read(&b).unwrap_err().to_string().contains("which is not there"));
    assert_eq!(embeddings::read(&a).unwrap(), first);
}

/// A limit on the size of files is a full disk that needs no rights: the write that goes beyond it fails.
#[cfg(unix)]
#[test]
fn a_full_disk_leaves_the_old_pair() {
    let (plain, evil) = manifests();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("p.csv");
    let vectors = folder.path().join("e.npy");
    run("predict", plain, &table);
    run("embed", plain, &vectors);
    let before = files(folder.path());
    assert_eq!(before.len(), 4);
    // Blocks of 512 bytes. The treatments have room, the videos have not.
    let size = |path: &Path| before[path].len();
    let between = size(&folder.path().join("p.treatments.csv")) / 512 + 8;
    assert!(between * 512 < size(&table), "the videos would have room too");
    for (command, out, blocks) in
        [("predict", &table, 1), ("predict", &table, between), ("embed", &vectors, 1)]
    {
        let output = Command::new("sh")
            .args(["-c", "ulimit -f \"$0\"; trap '' XFSZ; exec \"$@\""])
            .arg(blocks.to_string())
            .arg(env!("CARGO_BIN_EXE_molclip"))
            .args(arguments(command, evil, out))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap();
        let file = if blocks == 1 { out.with_extension("") } else { out.clone() };
        assert!(last.contains(file.to_str().unwrap()) && last.contains("has room"), "{command}: {said}");
        assert!(files(folder.path()) == before, "{command}, {blocks} blocks: something changed");
    }
    run("predict", evil, &table);
    run("embed", evil, &vectors);
    let after = files(folder.path());
    assert!(after.keys().eq(before.keys()));
    let same: Vec<&PathBuf> = after.keys().filter(|path| after[*path] == before[*path]).collect();
    assert_eq!(same, [&vectors], "the same videos under other names");
}

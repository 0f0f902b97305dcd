//! `molclip score`: what copairs finds in the same rows, and questions that make no sense.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use molclip::experiment::EmbeddingTable;
use molclip::export::embeddings::{self, Format};
use serde_json::Value;

/// The fixture's rows as a manifest, and their vectors as a file.
struct Screen {
    folder: tempfile::TempDir,
    fixture: Value,
}

impl Screen {
    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// What the package found: mean average precision by group.
    fn found(&self, case: &str) -> Vec<(String, f64)> {
        let cases = self.fixture["cases"].as_array().unwrap();
        let case = cases.iter().find(|one| one["name"] == case).unwrap();
        let group = |group: &Value| {
            let values = group["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap());
            (values.collect::<Vec<_>>().join(" | "), group["map"].as_f64().unwrap())
        };
        case["groups"].as_array().unwrap().iter().map(group).collect()
    }
}

fn screen() -> &'static Screen {
    static SCREEN: OnceLock<Screen> = OnceLock::new();
    SCREEN.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/score/score.json");
        let fixture: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let screen = Screen { folder: tempfile::tempdir().unwrap(), fixture };
        let rows = screen.fixture["rows"].as_array().unwrap();
        let mut manifest = vec!["row_id,plate,well,compound,concentration_uM,moa,control,batch".to_owned()];
        for (number, row) in rows.iter().enumerate() {
            let cells = ["plate", "well", "compound", "dose", "moa"].map(|name| row[name].as_str().unwrap());
            let control = if row["role"] == "control" { "negative" } else { "" };
            manifest.push(format!("r{number},{},{control},one", cells.join(",")));
        }
        fs::write(screen.at("manifest.csv"), manifest.join("\n")).unwrap();
        let values = screen.fixture["values"].as_array().unwrap();
        let table = EmbeddingTable {
            row_ids: (0..rows.len()).map(|row| format!("r{row}")).collect(),
            dim: screen.fixture["dim"].as_u64().unwrap() as usize,
            values: values.iter().map(|value| value.as_f64().unwrap() as f32).collect(),
            model_hash: "0123456789abcdef".to_owned(),
            ..EmbeddingTable::default()
        };
        embeddings::write(&table, Path::new(&screen.at("vectors.parquet")), Format::Parquet).unwrap();
        screen
    })
}

fn score(options: &[&str]) -> Output {
    let (manifest, vectors) = (screen().at("manifest.csv"), screen().at("vectors.parquet"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.args(["score", &manifest, "--embedding", &vectors]).args(options);
    command.env("NODEVICE_SELECT", "1").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The JSON of a question that makes sense.
fn scores(options: &[&str]) -> Value {
    let output = score(&[options, &["--json"]].concat());
    assert!(output.status.success(), "{options:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is said of a question that is refused with this exit code.
fn refused(code: i32, options: &[&str]) -> String {
    let output = score(options);
    assert_eq!(output.status.code(), Some(code), "{options:?}: {}", stderr(&output));
    assert!(output.stdout.is_empty(), "{options:?}");
    stderr(&output)
}

/// Groups with a score are those of the package, with its scores.
fn assert_found(scores: &Value, case: &str) {
    let groups = scores["groups"].as_array().unwrap();
    let expected = screen().found(case);
    assert_eq!(groups.iter().filter(|group| group["map"].is_f64()).count(), expected.len(), "{scores}");
    for (name, map) in &expected {
        let group = groups.iter().find(|group| group["group"] == name.as_str());
        let group = group.unwrap_or_else(|| panic!("no group {name}: {scores}"));
        assert!((group["map"].as_f64().unwrap() - map).abs() < 1e-6, "{name}: {group} {map}");
        for key in ["p", "q"] {
            assert!((0.0..=1.0).contains(&group[key].as_f64().unwrap()), "{name}: {group}");
        }
        assert!(group["n_pos_pairs"].as_u64().unwrap() > 0, "{name}: {group}");
    }
    let mean = expected.iter().map(|(_, map)| map).sum::<f64>() / expected.len() as f64;
    assert!((scores["mean_map"].as_f64().unwrap() - mean).abs() < 1e-6, "{scores}");
}

const ACROSS: [&str; 10] = [
    "--same",
    "compound",
    "--different",
    "plate,well",
    "--negatives-same",
    "plate",
    "--negatives-different",
    "compound",
    "--by",
    "compound",
];

#[test]
fn rules_of_columns_give_the_scores_of_the_package() {
    let all = scores(&[&ACROSS[..], &["--null", "2000", "--seed", "5"]].concat());
    assert_found(&all, "across plates");
    assert_eq!(
        (all["n"].as_u64(), all["null"].as_u64(), all["seed"].as_u64()),
        (Some(60), Some(2000), Some(5))
    );
    assert!(all["fraction_active"].is_f64() && all["percent_replicating"].is_f64(), "{all}");
    assert!(
        all["percent_matching"].is_null() && all["preset"].is_null() && all["simulated"] == false,
        "{all}"
    );
    assert_eq!(all["embedding"], "vectors.parquet");
    assert_eq!(all["rules"]["different"], serde_json::json!(["plate", "well"]));
    // The same question has the same answer, and another seed draws others.
    assert_eq!(scores(&[&ACROSS[..], &["--null", "2000", "--seed", "5"]].concat()), all);
    let other = scores(&[&ACROSS[..], &["--null", "2000", "--seed", "6"]].concat());
    assert_found(&other, "across plates");
    assert_ne!(other["groups"], all["groups"]);

    let mechanisms = ["--same", "moa", "--different", "compound", "--negatives-different", "moa"];
    let mechanisms = scores(&mechanisms);
    assert_found(&mechanisms, "mechanisms");
    assert!(mechanisms["percent_matching"].is_f64() && mechanisms["percent_replicating"].is_null());
}

#[test]
fn presets_fill_in_what_is_not_given() {
    let activity = scores(&["--preset", "activity", "--same", "compound"]);
    assert_found(&activity, "activity");
    assert_eq!(activity["preset"], "activity");
    assert!(!activity["groups"].to_string().contains("DMSO"), "{activity}");
    let by_dose = scores(&["--preset", "activity"]);
    assert_eq!(by_dose["groups"].as_array().unwrap().len(), 12);
    assert_eq!(by_dose["rules"]["by"], serde_json::json!(["compound", "concentration_uM"]));
    // Whichever are active: consensus profiles are compounds, and there are six.
    let consistency = scores(&["--preset", "consistency"]);
    assert!(consistency["n"].as_u64().unwrap() <= 6, "{consistency}");
    assert!(consistency["notes"].to_string().contains("Of 12 treatments"), "{consistency}");
    assert_eq!(consistency["rules"]["negatives_different"], serde_json::json!(["moa"]));
}

#[test]
fn a_table_for_people_names_rules_and_numbers() {
    let output = score(&ACROSS);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("vectors.parquet\n60 rows, 7 of 7 groups scored"), "{text}");
    for part in
        ["same compound; different plate, well", "mean mAP: 0.", "fraction active", "group", "DMSO", "c5"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("Nobody knows with which compounds the vectors were trained."), "{text}");
}

#[test]
fn questions_that_make_no_sense_are_wrong_usage() {
    let text = refused(2, &["--same", "compuond", "--negatives-different", "compound"]);
    assert!(text.contains("error: there is no column compuond.") && text.contains("compound, "), "{text}");
    let text = refused(2, &["--same", "compound"]);
    assert!(text.contains("which pairs are negative"), "{text}");
    let text = refused(2, &["--negatives-different", "compound"]);
    assert!(text.contains("which pairs are positive"), "{text}");
    let text = refused(2, &["--different", "plate", "--negatives-different", "compound"]);
    assert!(text.contains("which rows are a group"), "{text}");
    let text = refused(2, &["--same", "plate", "--different", "plate", "--negatives-different", "compound"]);
    assert!(text.contains("plate cannot be the same and different"), "{text}");
    for options in [["--preset", "replicates"], ["--null", "0"], ["--null", "many"]] {
        refused(2, &options);
    }
}

#[test]
fn groups_without_a_score_are_listed_with_null() {
    // All rows are of one batch: no row has a negative.
    let all = scores(&["--same", "compound", "--negatives-different", "batch", "--null", "100"]);
    let groups = all["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 7);
    for group in groups {
        assert!(group["map"].is_null() && group["p"].is_null() && group["q"].is_null(), "{group}");
    }
    assert!(all["mean_map"].is_null() && all["fraction_active"].is_null(), "{all}");
    // No compound is twice in a well of a plate: no row has a positive.
    let same = ["--same", "compound,plate,well", "--by", "compound", "--negatives-different", "compound"];
    let all = scores(&[&same[..], &["--null", "100"]].concat());
    let groups = all["groups"].as_array().unwrap();
    assert!(groups.len() == 7 && groups.iter().all(|group| group["n_pos_pairs"] == 0), "{all}");
    assert!(all["notes"].to_string().contains("7 of 7 groups have no positive pair"), "{all}");
}

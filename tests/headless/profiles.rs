//! Tables of profiles through the program: evaluated, asked and corrected without a recording.

use std::path::PathBuf;
use std::process::{Command, Output};

use molclip::experiment::PROFILE;
use molclip::experiment::import::{self, Features};
use molclip::experiment::project::Project;
use molclip::export::embeddings;
use serde_json::Value;

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/profiles/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn molclip(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).output().unwrap()
}

fn said(arguments: &[&str]) -> String {
    let output = molclip(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(code: i32, arguments: &[&str]) -> String {
    let output = molclip(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

/// Both plates in a folder of their own.
fn plates() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("screen");
    std::fs::create_dir(&path).unwrap();
    for name in ["plate_1.csv.gz", "plate_2.csv.gz"] {
        std::fs::copy(fixture(name), path.join(name)).unwrap();
    }
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn profiles_are_evaluated_and_asked_without_recordings() {
    let (folder, screen) = plates();
    let text = said(&["evaluate", &screen, "--protocol", "drug-disjoint", "--json"]);
    let reports: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!reports.is_empty());
    let map = reports.iter().filter_map(|report| report["metrics"]["map"]["value"].as_f64());
    let best = map.fold(0.0, f64::max);
    assert!(best > 0.5, "four planted mechanisms, mAP {best}");
    let out = folder.path().join("answers.csv");
    let plates = ["plate_1.csv.gz", "plate_2.csv.gz"].map(fixture);
    let one = [plates[0].as_str(), plates[1].as_str()];
    said(&["predict", one[0], one[1], "--out", out.to_str().unwrap()]);
    let table = std::fs::read_to_string(out).unwrap();
    assert_eq!(table.lines().count(), 49, "a header and 48 rows");
    assert!(table.contains("plate_2_D06"));
}

#[test]
fn what_is_open_or_missing_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open.csv");
    std::fs::write(&path, "Metadata_Plate,Metadata_Well,Cell_type,Anaphase,Hole\np,A01,U2OS,0.5,0.1\n")
        .unwrap();
    let out = folder.path().join("out.parquet");
    let (path, out) = (path.to_str().unwrap(), out.to_str().unwrap());
    let text = refused(2, &["correct", path, "--steps", "standardize:fit=all", "--out", out]);
    assert!(text.contains("Anaphase, Hole") && text.contains("--features"), "{text}");
    let text = refused(2, &["evaluate", path, "--protocol", "drug-disjoint"]);
    assert!(text.contains("Anaphase, Hole"), "{text}");
    let plate = fixture("plate_1.csv.gz");
    for (steps, why) in [
        ("nothing", "nothing"),
        ("harmony:batch=Metadata_plat", "no column Metadata_plat"),
        ("", "at least one step"),
    ] {
        let text = refused(2, &["correct", &plate, "--steps", steps, "--out", out]);
        assert!(text.contains(why), "{steps}: {text}");
    }
    let text = refused(2, &["correct", &plate, "--steps", "select", "--out", "x.csv"]);
    assert!(text.contains(".parquet"), "{text}");
    assert!(!PathBuf::from(out).exists());
}

#[test]
fn corrected_profiles_open_again_and_stand_where_vectors_do() {
    let (folder, screen) = plates();
    let out = folder.path().join("corrected.parquet");
    let out = out.to_str().unwrap();
    let steps = "mad-robustize:by=Metadata_Plate,sphere:epsilon=1:by=none";
    let printed: Value =
        serde_json::from_str(&said(&["correct", &screen, "--steps", steps, "--out", out, "--json"])).unwrap();
    assert_eq!((&printed["rows"], &printed["features"]), (&48.into(), &10.into()));
    assert_eq!(printed["negative_controls"], 24);
    assert_eq!(printed["steps"].as_array().unwrap().len(), 2);
    let again = import::open_many(&[PathBuf::from(out)], &Features::Guess).unwrap().experiment;
    let table = &again.embeddings[PROFILE];
    assert_eq!((table.row_ids.len(), table.dim), (48, 10));
    assert_eq!((again.table.text(0, "plate"), again.table.text(0, "well")), ("plate_1".into(), "A01".into()));
    assert_eq!(embeddings::read(out.as_ref()).unwrap(), **table);
    said(&["evaluate", &screen, "--embedding", out, "--protocol", "drug-disjoint", "--json"]);
    // A second correction says what went before.
    let twice = folder.path().join("twice.parquet");
    let twice = twice.to_str().unwrap();
    said(&["correct", out, "--steps", "standardize", "--out", twice]);
    let again = import::open_many(&[PathBuf::from(twice)], &Features::Guess).unwrap().experiment;
    assert_eq!(again.table.text(0, "Metadata_recipe"), format!("{steps}; standardize"));
    // So it does where the first is given as vectors of the plates, which know nothing of it.
    said(&["correct", &screen, "--embedding", out, "--steps", "standardize", "--out", twice]);
    let again = import::open_many(&[PathBuf::from(twice)], &Features::Guess).unwrap().experiment;
    assert_eq!(again.table.text(0, "Metadata_recipe"), format!("{steps}; standardize"));
    // Components of two plates are no features in common.
    let text = refused(2, &["correct", &screen, "--steps", "sphere:method=pca", "--out", twice]);
    assert!(text.contains("plate_1, plate_2") && text.contains("by=none"), "{text}");
}

#[test]
fn a_project_keeps_profiles_with_the_names_of_their_features() {
    let (folder, screen) = plates();
    let experiment = import::open(screen.as_ref()).unwrap().experiment;
    let project = folder.path().join("p.molclip");
    drop(Project::create(&project, &experiment, &Value::Null).unwrap());
    let back = Project::read(&project).unwrap().experiment;
    assert_eq!(back.embeddings[PROFILE], experiment.embeddings[PROFILE]);
    assert_eq!(back.embeddings[PROFILE].features.len(), 10);
    assert!(import::apply::missing_files(&back).is_empty());
    let (project, out) = (project.to_str().unwrap(), folder.path().join("of-project.parquet"));
    let out = out.to_str().unwrap();
    said(&["correct", project, "--steps", "standardize", "--out", out]);
    said(&["evaluate", project, "--protocol", "drug-disjoint", "--json"]);
    // Of another experiment's vectors, none is of these rows.
    let text = refused(
        1,
        &["correct", &fixture("lincs.csv.gz"), "--embedding", out, "--steps", "select", "--out", out],
    );
    assert!(text.contains("no vector of any row"), "{text}");
}

#[test]
fn recipes_stand_side_by_side_and_say_what_cannot_be_measured() {
    let (_folder, screen) = plates();
    let recipes = [
        "recipes",
        &screen,
        "--domain",
        "Metadata_Plate",
        "--null",
        "100",
        "--json",
        "--steps",
        "mad-robustize",
    ];
    let text = said(&[&recipes[..], &["--steps", "mean:by=compound"]].concat());
    let printed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&printed["domain"], &printed["rows"]), (&"plate".into(), &48.into()));
    let lines = printed["recipes"].as_array().unwrap();
    assert_eq!(
        lines.iter().map(|line| line["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["as is", "mad-robustize", "mean:by=compound"]
    );
    // Each plate is a domain of its own: with it held out, nothing of it is left.
    let leakage = &lines[1]["scores"]["leakage"];
    assert!(leakage["value"].is_null() && leakage["why"].to_string().contains("two plates"), "{leakage}");
    let replicates = &lines[1]["scores"]["replicate_map"];
    assert!(replicates["lo"].as_f64() <= replicates["value"].as_f64(), "{replicates}");
    assert!(replicates["difference"]["hi"].is_f64() && replicates["chance"].is_f64(), "{replicates}");
    assert!(lines[2]["why"].to_string().contains("one row of several"), "{}", lines[2]);
    let text = refused(2, &["recipes", &screen, "--domain", "nowhere"]);
    assert!(text.contains("no column nowhere"), "{text}");
    let text = refused(2, &["recipes", &screen, "--domain", "plate", "--steps", "standardise"]);
    assert!(text.contains("standardize"), "{text}");
}

#[test]
fn corrected_vectors_that_join_a_project_keep_their_recipe() {
    let (folder, screen) = plates();
    let experiment = import::open(screen.as_ref()).unwrap().experiment;
    let project = folder.path().join("p.molclip");
    drop(Project::create(&project, &experiment, &Value::Null).unwrap());
    let (project, out) = (project.to_str().unwrap(), folder.path().join("corrected.parquet"));
    let out = out.to_str().unwrap();
    said(&["correct", project, "--steps", "mad-robustize", "--out", out]);
    said(&["add-embedding", project, out, "--name", "robust"]);
    let kept = Project::read(project.as_ref()).unwrap().experiment.embeddings;
    assert_eq!((kept["robust"].recipe.as_str(), kept[PROFILE].recipe.as_str()), ("mad-robustize", ""));
    said(&["correct", project, "--embedding", "robust", "--steps", "standardize", "--out", out]);
    assert_eq!(embeddings::read(out.as_ref()).unwrap().recipe, "mad-robustize; standardize");
}

/// The real plates: only where `MOLCLIP_DATA` names their folder.
#[test]
fn the_real_plates_have_the_features_that_their_makers_count() {
    let Some(data) = std::env::var_os("MOLCLIP_DATA") else { return };
    let at = |name: &str| PathBuf::from(&data).join("profiles").join(name);
    for (name, rows, features, negative) in [
        ("SQ00015054_normalized_feature_select.csv.gz", 384, 454, 24),
        ("dahlin_injury/fs_plate_holdout.csv.gz", 1948, 352, 1072),
        ("cpjump1/BR00117012_normalized_feature_select_negcon_batch.csv.gz", 384, 904, 64),
        ("cpjump1/JUMP_shared_treatments_jump_data.csv.gz", 1593, 221, 1522),
    ] {
        let experiment = import::open(&at(name)).unwrap().experiment;
        let table = &experiment.table;
        let controls = (0..table.len()).filter(|&row| table.text(row, "control") == "negative").count();
        let dim = experiment.embeddings[PROFILE].dim;
        assert_eq!((table.len(), dim, controls), (rows, features, negative), "{name}");
    }
    let open = at("jump_single_cell/cpjump1_24h_15_phenotype_probabilities_final.csv.gz");
    let error = import::open(&open).unwrap_err().to_string();
    assert!(error.contains("ADCCM, Anaphase") && !error.contains("cell_count"), "{error}");
}

#[test]
fn corrected_profiles_and_embeddings_are_anndata_that_opens_again() {
    let (folder, screen) = plates();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (table, anndata) = (at("corrected.parquet"), at("corrected.h5ad"));
    for out in [&table, &anndata] {
        said(&["correct", &screen, "--steps", "standardize", "--out", out]);
    }
    let opened = |path: &str| import::open_many(&[PathBuf::from(path)], &Features::Guess).unwrap().experiment;
    let (of_table, of_anndata) = (opened(&table), opened(&anndata));
    assert_eq!(of_anndata.embeddings[PROFILE], of_table.embeddings[PROFILE]);
    for column in ["row_id", "plate", "well", "compound", "Metadata_recipe"] {
        let texts = |experiment: &molclip::experiment::Experiment| -> Vec<String> {
            (0..48).map(|row| experiment.table.text(row, column)).collect()
        };
        assert_eq!(texts(&of_anndata), texts(&of_table), "{column}");
    }
    said(&["evaluate", &screen, "--embedding", &anndata, "--protocol", "drug-disjoint", "--json"]);
    let text = refused(2, &["correct", &screen, "--steps", "standardize", "--out", &at("corrected.npy")]);
    assert!(text.contains("must end in .parquet or .h5ad"), "{text}");
}

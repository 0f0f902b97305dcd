//! Vectors that are there already: of `embed` or of another program, asked by `predict` and `evaluate`, kept by a project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use molclip::experiment::Experiment;
use molclip::experiment::import;
use molclip::experiment::project::Project;
use molclip::progress::Progress;
use molclip::random::{normal, stream};
use molclip::simulate;
use polars::prelude::*;
use serde_json::Value;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/light-simulated");

/// Columns, by how they begin, that tell where vectors came from, or that need the model itself.
const PROVENANCE: [&str; 7] = [
    "classifier_",
    "most_alike_training_drug",
    "compound_in_training",
    "scale_warning",
    "videos_with_scale_warning",
    "data_fingerprint",
    "run_id",
];

/// A screen of three mechanisms, and the shipped model's vectors of it: written, and as tables of answers.
struct Screen {
    folder: tempfile::TempDir,
    manifest: PathBuf,
}

impl Screen {
    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn manifest(&self) -> &str {
        self.manifest.to_str().unwrap()
    }

    fn experiment(&self) -> Experiment {
        import::open(&self.manifest).unwrap().experiment
    }
}

fn screen() -> &'static Screen {
    static SCREEN: OnceLock<Screen> = OnceLock::new();
    SCREEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = simulate::Config {
            moas: 3,
            drugs_per_moa: 2,
            videos_per_drug: 2,
            replicates: 4,
            size: 64,
            frames: 8,
            seed: 8,
            ..simulate::Config::default()
        };
        let manifest = simulate::run(&config, &folder.path().join("screen"), &Progress::default()).unwrap();
        let screen = Screen { folder, manifest };
        for name in ["shipped.parquet", "shipped.npy"] {
            let out = screen.at(name);
            done(&["embed", screen.manifest(), "--model", SHIPPED, "--out", &out, "--compute", "cpu"]);
        }
        let out = screen.at("by-model.parquet");
        done(&["predict", screen.manifest(), "--model", SHIPPED, "--out", &out, "--compute", "cpu"]);
        screen
    })
}

fn molclip(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).env("NODEVICE_SELECT", "1").output().unwrap()
}

/// Runs a command that must succeed.
fn done(arguments: &[&str]) -> Output {
    let output = molclip(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What a command says that must fail with this exit code.
fn refused(code: i32, arguments: &[&str]) -> String {
    let output = molclip(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

/// Asks vectors about the rows of an experiment; the table of videos.
fn asked(experiment: &str, embedding: &str, out: &str) -> String {
    let out = screen().at(out);
    done(&["predict", experiment, "--embedding", embedding, "--out", &out]);
    out
}

fn table(path: &str) -> DataFrame {
    ParquetReader::new(fs::File::open(path).unwrap()).finish().unwrap()
}

/// What the tables of videos and treatments say, but for where the vectors came from.
fn said(path: &str) -> [DataFrame; 2] {
    let treatments = path.replace(".parquet", ".treatments.parquet");
    [path, &treatments].map(|path| {
        let table = table(path);
        let is_of_answers = |column: &&Column| {
            let name = column.name().as_str();
            !PROVENANCE.iter().any(|start| name.starts_with(start))
        };
        let columns: Vec<Column> = table.columns().iter().filter(is_of_answers).cloned().collect();
        DataFrame::new(table.height(), columns).unwrap()
    })
}

fn assert_same(path: &str, other: &str) {
    for (one, other) in said(path).iter().zip(&said(other)) {
        for (one, other) in one.columns().iter().zip(other.columns()) {
            assert!(one.equals_missing(other), "{path}: {one:?}\n{other:?}");
        }
        assert_eq!(one.shape(), other.shape());
    }
}

/// Vectors as another program writes them: names and lists of doubles, no model.
fn of_another_program(ids: &[String], path: &str) {
    let vector = |id: &String| {
        let mut random = stream(4, &["another program", id]);
        let numbers: Vec<f64> = (0..6).map(|_| normal(&mut random)).collect();
        Series::new("".into(), numbers)
    };
    let vectors: Vec<Series> = ids.iter().map(vector).collect();
    let columns = vec![
        Series::new("row_id".into(), ids).into_column(),
        Series::new("embedding".into(), vectors).into_column(),
    ];
    let mut frame = DataFrame::new(ids.len(), columns).unwrap();
    ParquetWriter::new(fs::File::create(path).unwrap()).finish(&mut frame).unwrap();
}

fn row_ids(experiment: &Experiment) -> Vec<String> {
    (0..experiment.table.len()).map(|row| experiment.table.row_id(row).to_owned()).collect()
}

/// A project with the screen's rows and no vectors yet.
fn project(name: &str) -> String {
    let path = screen().at(name);
    Project::create(Path::new(&path), &screen().experiment(), &Value::Null).unwrap();
    path
}

#[test]
fn vectors_that_were_written_answer_as_the_model_that_made_them() {
    let screen = screen();
    let by_model = screen.at("by-model.parquet");
    let [videos, treatments] = said(&by_model);
    let near = videos.column("nearest_drug_similarity").unwrap();
    assert!(videos.width() > 25 && near.null_count() < near.len(), "{videos:?}");
    assert_eq!(treatments.height(), 12, "six drugs at two doses");
    for (file, out) in [("shipped.parquet", "by-parquet.parquet"), ("shipped.npy", "by-npy.parquet")] {
        let out = asked(screen.manifest(), &screen.at(file), out);
        assert_same(&out, &by_model);
        // What needs the network itself is left empty.
        let of_classifier = table(&out);
        let of_classifier = of_classifier.column("classifier_moa_probability").unwrap();
        assert_eq!(of_classifier.null_count(), of_classifier.len());
    }
}

/// Scores of retrieval; a classifier and baselines that need recordings are the model's own.
fn scores(from: [&str; 2]) -> Vec<Value> {
    let arguments = ["evaluate", screen().manifest(), from[0], from[1], "--protocol", "mito", "--json"];
    let output = done(&[&arguments[..], &["--compute", "cpu"]].concat());
    let reports: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let kept = |report: &Value| {
        let of = |keys: &[&str], from: &Value| -> Value {
            keys.iter().map(|key| ((*key).to_owned(), from[*key].clone())).collect()
        };
        let mut kept = of(
            &[
                "task",
                "exclusion",
                "normalisation",
                "n_query",
                "n_gallery",
                "n_dropped",
                "per_moa",
                "per_drug",
            ],
            report,
        );
        kept["metrics"] = of(&["map", "cmc1", "cmc5", "cmc10"], &report["metrics"]);
        kept["chance"] = report["baselines"]["chance"].clone();
        kept
    };
    reports.iter().map(kept).collect()
}

#[test]
fn vectors_that_were_written_score_as_the_model_that_made_them() {
    let by_model = scores(["--model", SHIPPED]);
    let measured = by_model.iter().filter(|report| report["metrics"]["map"]["value"].is_f64()).count();
    assert!(measured > 1, "{by_model:?}");
    for file in ["shipped.parquet", "shipped.npy"] {
        assert_eq!(scores(["--embedding", &screen().at(file)]), by_model, "{file}");
    }
}

#[test]
fn vectors_of_another_program_need_a_name_for_each_row_and_nothing_else() {
    let screen = screen();
    let ids = row_ids(&screen.experiment());
    let file = screen.at("another.parquet");
    of_another_program(&ids[1..], &file);
    let out = screen.at("by-another.parquet");
    let output = done(&["predict", screen.manifest(), "--embedding", &file, "--out", &out]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&format!("left out {}: another.parquet has no vector of it", ids[0])), "{text}");
    let answers = table(&out);
    assert_eq!(answers.height(), ids.len(), "the row without a vector is flagged, not dropped");
    let texts = |column: &str| -> Vec<String> {
        let texts = answers.column(column).unwrap().str().unwrap();
        texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect()
    };
    assert!(texts("model_hash").iter().all(|hash| hash.starts_with("vectors ")), "known by their numbers");
    assert!(texts("compound").iter().any(|name| name == "DMSO"));

    let arguments = ["evaluate", screen.manifest(), "--embedding", &file, "--protocol", "mito", "--json"];
    let reports: Vec<Value> = serde_json::from_slice(&done(&arguments).stdout).unwrap();
    let notes = reports[0]["notes"].to_string();
    assert!(notes.contains("Nobody knows with which compounds"), "{notes}");
}

#[test]
fn a_file_of_other_rows_is_refused_with_what_its_rows_lack() {
    let screen = screen();
    let file = screen.at("strangers.parquet");
    of_another_program(&["nobody 1", "nobody 2"].map(str::to_owned), &file);
    let all = screen.experiment().table.len();
    let out = screen.at("by-strangers.parquet");
    let text = refused(1, &["predict", screen.manifest(), "--embedding", &file, "--out", &out]);
    assert!(text.contains(&format!("none of {all} rows can be encoded, the first: ")), "{text}");
    assert!(text.contains("strangers.parquet has no vector of it"), "{text}");
    assert!(!Path::new(&out).exists());

    let project = project("strangers.molclip");
    let text = refused(1, &["add-embedding", &project, &file]);
    assert!(text.contains("strangers.parquet: none of its rows is in the project"), "{text}");
    assert!(Project::read(Path::new(&project)).unwrap().experiment.embeddings.is_empty());
}

#[test]
fn a_project_keeps_vectors_and_answers_with_them_by_name() {
    let screen = screen();
    let (project, file) = (project("kept.molclip"), screen.at("shipped.parquet"));
    let rows = screen.experiment().table.len();
    let add = ["add-embedding", &project, &file, "--name", "of the network"];
    let output = done(&add);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("of the network: vectors of length "), "{text}");
    assert!(text.contains(&format!("for {rows} of {rows} rows; 0 of the file are of none")), "{text}");
    assert_same(&asked(&project, "of the network", "by-name.parquet"), &screen.at("by-model.parquet"));

    // The same name is taken; what it names stays until it is replaced.
    let another = screen.at("for the project.parquet");
    of_another_program(&row_ids(&screen.experiment()), &another);
    let other = ["add-embedding", &project, &another, "--name", "of the network"];
    let text = refused(1, &other);
    assert!(text.contains("has vectors called of the network") && text.contains("--overwrite"), "{text}");
    let dim = || {
        let kept = Project::read(Path::new(&project)).unwrap().experiment.embeddings;
        (kept.len(), kept["of the network"].dim)
    };
    assert_ne!(dim(), (1, 6));
    done(&[&other[..], &["--overwrite"]].concat());
    assert_eq!(dim(), (1, 6));
    // Without a name the file's counts.
    done(&["add-embedding", &project, &another]);
    assert_eq!(dim(), (2, 6));

    let out = screen.at("by-nothing.parquet");
    let text = refused(1, &["predict", &project, "--embedding", "of the netwrok", "--out", &out]);
    assert!(text.contains("the experiment keeps: for the project, of the network"), "{text}");
    let text = refused(1, &["add-embedding", screen.manifest(), &file]);
    assert!(text.contains("it is no project"), "{text}");
}

#[test]
fn vectors_come_from_a_model_or_from_a_file_and_never_from_both() {
    let screen = screen();
    let (file, out) = (screen.at("shipped.parquet"), screen.at("by-both.parquet"));
    let both = ["--model", SHIPPED, "--embedding", &file];
    for command in [
        &["predict", screen.manifest(), "--out", &out][..],
        &["evaluate", screen.manifest(), "--protocol", "mito"],
    ] {
        let text = refused(2, &[command, &both].concat());
        assert!(text.contains("cannot be used with"), "{text}");
        let text = refused(2, command);
        assert!(text.contains("--model") && text.contains("--embedding"), "{text}");
    }
    assert!(!Path::new(&out).exists());
}

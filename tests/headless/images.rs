//! Images: clips of one frame, whose channels may lie in files of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use molclip::experiment::Payload;
use molclip::experiment::import::{self, Imported};
use molclip::video::edits::Edits;
use molclip::video::{Address, Crop, Limits, Recording, VideoError};
use serde_json::{Value, json};

/// A screen of 12 wells with two files each, made by `tests/fixtures/images/make.py`.
fn screen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images")
}

fn file(name: &str) -> PathBuf {
    screen().join("plate1").join(name)
}

/// Sums of each well's files, as they were written.
fn expected() -> Value {
    serde_json::from_str(&fs::read_to_string(screen().join("expected.json")).unwrap()).unwrap()
}

fn open(first: &Path, second: &Path) -> Result<Recording, VideoError> {
    let address = Address { more: vec![second.to_owned()], ..Address::of(first) };
    Recording::open(&address, Limits::default())
}

fn sums(recording: &Recording) -> Value {
    json!([0, 1].map(|c| recording.read(0, 0, c).unwrap().sum() as u64))
}

fn names(recording: &Recording) -> Vec<Option<&str>> {
    recording.series.channels.iter().map(|channel| channel.name.as_deref()).collect()
}

fn ran(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).env("NODEVICE_SELECT", "1").output().unwrap()
}

/// Runs a command that must succeed.
fn molclip(arguments: &[&str]) -> Output {
    let output = ran(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_row_of_the_screen_shows_both_channels_under_the_names_of_its_stains() {
    let Imported { experiment, report } = import::open(&screen()).unwrap();
    assert!(report.is_clean(), "{:?}", report.lines());
    assert_eq!(experiment.table.len(), 12);
    let expected = expected();
    for row in 0..12 {
        let Some(Payload::Clip(address)) = experiment.payload(row).unwrap() else { panic!("row {row}") };
        let recording = Recording::open(&address, Limits::default()).unwrap();
        assert_eq!(recording.shape().dims(), [1, 1, 2, 32, 40]);
        assert_eq!(names(&recording), [Some("GFP"), Some("DNA")]);
        assert_eq!(sums(&recording), expected[experiment.table.row_id(row)], "row {row}");
    }
}

#[test]
fn a_part_of_the_picture_and_edits_are_those_of_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["a.tif", "b.tif"].map(|name| folder.path().join(name));
    fs::copy(file("A01_gfp.tif"), &first).unwrap();
    fs::copy(file("A01_dna.tif"), &second).unwrap();
    let mut recording = open(&first, &second).unwrap();
    assert_eq!(names(&recording), [Some("a"), Some("b")], "files name what nobody else does");
    let crop = Crop { x: 30, y: 3, width: 10, height: 20 };
    let part = recording.part(crop).unwrap();
    assert_eq!(part.read(0, 0, 1).unwrap(), recording.read(0, 0, 1).unwrap().crop(crop));
    assert_eq!(recording.sibling(0).unwrap().shape().c, 2);
    let channel_names = [(1, "nuclei".to_owned())].into();
    recording.set_edits(Edits { pixel_size_um: Some(0.5), channel_names, ..Edits::default() });
    recording.save_edits().unwrap();
    let again = open(&first, &second).unwrap();
    assert_eq!((names(&again)[1], again.series.pixel_size_um), (Some("nuclei"), Some(0.5)));
    assert!(folder.path().join("a.tif.molclip.json").exists(), "beside the first file");
    let alone = Recording::open(&Address::of(&first), Limits::default()).unwrap();
    assert_eq!(alone.edits, Edits::default(), "the first file alone was not edited");
    assert_eq!(open(&first, &first).unwrap().edits, Edits::default(), "nor was another set");
}

#[test]
fn files_that_do_not_go_together_are_errors_that_name_them() {
    let first = file("A01_gfp.tif");
    let fails = |second: &Path| match open(&first, second) {
        Err(error) => error.to_string(),
        Ok(recording) => recording.read(0, 0, 1).unwrap_err().to_string(),
    };
    let text = fails(&file("wide.tif"));
    for part in ["wide.tif", "48 × 32 px", "A01_gfp.tif", "40 × 32 px", "one for each channel"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = fails(&file("gone.tif"));
    assert!(text.contains("gone.tif") && text.contains("Check the path"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let (noise, cut) = (folder.path().join("noise.tif"), folder.path().join("cut.tif"));
    fs::write(&noise, "hello there").unwrap();
    assert!(fails(&noise).contains("noise.tif"));
    let whole = fs::read(file("A01_dna.tif")).unwrap();
    fs::write(&cut, &whole[..whole.len() - 900]).unwrap();
    assert!(fails(&cut).contains("cut.tif"), "{}", fails(&cut));
}

#[test]
fn the_import_lists_rows_with_a_file_that_is_missing_or_not_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(file("A01_gfp.tif"), folder.path().join("a.tif")).unwrap();
    let text = "row_id,path,stain\none,a.tif;gone.tif,x;y\ntwo,a.tif;,x;y\nthree,a.tif,x\n";
    fs::write(folder.path().join("manifest.csv"), text).unwrap();
    let Imported { experiment, report } = import::open(folder.path()).unwrap();
    assert_eq!(experiment.table.len(), 3, "no row is dropped");
    let missing = &report.missing_files.items;
    let rows: Vec<&str> = missing.iter().map(|missing| missing.row_id.as_str()).collect();
    assert_eq!(rows, ["one", "two"]);
    assert!(missing[0].path.ends_with("gone.tif"), "{}", missing[0]);
    assert!(missing[1].why.contains("column path: the name of a file is missing"), "{}", missing[1]);
}

#[test]
fn info_describes_several_files_as_one_recording() {
    let [gfp, dna] = ["B02_gfp.tif", "B02_dna.tif"].map(|name| file(name).to_str().unwrap().to_owned());
    let path = format!("{gfp};{dna}");
    let about = json_of(&molclip(&["info", &path, "--json", "--checksum"]));
    assert_eq!(about["path"], path);
    let expected = expected();
    let (series, sums) = (&about["series"][0], &expected["B02"]);
    assert_eq!((&series["axes"], &series["shape"]), (&json!("TZCYX"), &json!([1, 1, 2, 32, 40])));
    assert_eq!((&series["sum_first_plane"], &series["sum_last_plane"]), (&sums[0], &sums[1]));
    assert_eq!(series["sum"], sums[0].as_u64().unwrap() + sums[1].as_u64().unwrap());
    assert_eq!(series["channels"][1]["name"], "dna");
}

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/light-simulated");

/// A training of seconds that says nothing of frames and encoder.
const CONFIG: &str = r#"{
    "seed": 3, "protocol": "mito", "molecules": "none", "projection": 16,
    "input": { "channels": ["GFP", "DNA"], "size": 32, "pixel_size_um": 0.5 },
    "drug_epochs": 1, "moa_epochs": 1, "batch_drugs": 2, "batch_videos": 2, "validate_every": 1
}"#;

#[test]
fn images_are_trained_on_and_embedded_as_one_frame() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (images, config, model) = (screen().to_str().unwrap().to_owned(), at("config.json"), at("model"));
    fs::write(&config, CONFIG).unwrap();
    let printed = json_of(&molclip(&["train", &images, "--config", &config, "--print-config"]));
    assert_eq!((&printed["input"]["frames"], &printed["encoder"]["tubelet"]), (&json!(1), &json!([1, 4, 4])));
    let text =
        stderr(&molclip(&["train", &images, "--config", &config, "--out", &model, "--compute", "cpu"]));
    assert!(text.contains("Trained on images of one frame"), "{text}");
    let card: Value =
        serde_json::from_slice(&fs::read(Path::new(&model).join("model.json")).unwrap()).unwrap();
    assert_eq!((&card["input"]["frames"], &card["input"]["interval_s"]), (&json!(1), &Value::Null));
    assert_eq!(card["moas"].as_array().unwrap().len(), 2);
    // A model of movies takes them too: the frame in all of its frames.
    for (model, name) in [(model.as_str(), "mine"), (SHIPPED, "shipped")] {
        let out = at(&format!("{name}.npy"));
        molclip(&["embed", &images, "--model", model, "--out", &out, "--compute", "cpu"]);
        let rows = fs::read_to_string(at(&format!("{name}.row_ids.csv"))).unwrap().lines().count();
        assert_eq!(rows, 13, "{name}: a header and every well");
    }
}

#[test]
fn every_image_is_answered_by_a_model_of_movies() {
    let folder = tempfile::tempdir().unwrap();
    let (images, out) = (screen().to_str().unwrap().to_owned(), folder.path().join("answers.csv"));
    let arguments = ["predict", &images, "--model", SHIPPED, "--out", out.to_str().unwrap(), "--json"];
    let output = molclip(&[&arguments[..], &["--compute", "cpu"]].concat());
    let text = stderr(&output);
    assert!(!text.contains("left out") && !text.contains("at least 4"), "{text}");
    let summary = json_of(&output)["summary"].take();
    assert_eq!((&summary["videos"], &summary["flagged"]), (&json!(12), &json!(0)));
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 13, "a header and every well");
    let treatments = fs::read_to_string(folder.path().join("answers.treatments.csv")).unwrap();
    assert!(treatments.contains("wortmannin") && treatments.contains("nocodazole"), "{treatments}");
}

#[test]
fn images_are_evaluated_or_it_is_said_what_there_is_too_little_of() {
    let images = screen().to_str().unwrap().to_owned();
    let arguments = ["evaluate", &images, "--model", SHIPPED, "--compute", "cpu", "--json", "--protocol"];
    let output = molclip(&[&arguments[..], &["mito"]].concat());
    let text = stderr(&output);
    assert!(!text.contains("left out") && !text.contains("at least 4"), "{text}");
    let reports = json_of(&output);
    assert!(reports.as_array().is_some_and(|reports| !reports.is_empty()), "{reports}");
    for report in reports.as_array().unwrap() {
        // One plate: nothing can be found on another.
        assert_eq!((&report["n_query"], &report["simulated"]), (&json!(0), &json!(true)), "{report}");
        assert!(report["baselines"]["chance"].is_object(), "{report}");
    }
    let output = ran(&[&arguments[..], &["drug-disjoint"]].concat());
    let text = stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
    assert!(text.contains("leave no query. A mechanism needs at least three compounds."), "{text}");
}

#[test]
fn a_configuration_without_an_experiment_is_that_of_movies_and_says_so() {
    let output = molclip(&["train", "nowhere.csv", "--print-config"]);
    assert_eq!(json_of(&output)["input"]["frames"], 16);
    let text = stderr(&output);
    assert!(text.contains("warning: nowhere.csv: ") && text.contains("configuration for movies"), "{text}");
    let images = screen().to_str().unwrap().to_owned();
    let output = molclip(&["train", &images, "--print-config"]);
    assert_eq!(json_of(&output)["input"]["frames"], 1);
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
}

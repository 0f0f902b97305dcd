//! Folders of `CellProfiler`'s tables of single objects through the program.

use std::process::{Command, Output};

use molclip::experiment::PROFILE;
use molclip::experiment::import::{self, Named};
use serde_json::Value;

fn molclip(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).output().unwrap()
}

fn fixture() -> String {
    format!("{}/tests/fixtures/profiles/objects", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_folder_of_objects_is_scored_as_wells() {
    let output = molclip(&["score", &fixture(), "--preset", "activity", "--null", "1000", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let groups = found["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2, "colchicine and etoposide: {found}");
    assert!(found["mean_map"].as_f64().unwrap() > 0.8, "planted far from DMSO: {found}");
}

#[test]
fn wells_of_objects_are_an_experiment_with_counts() {
    assert_eq!(import::recognise(fixture().as_ref()), Some(Named::Profiles));
    let imported = import::open(fixture().as_ref()).unwrap();
    let table = &imported.experiment.table;
    assert_eq!((imported.experiment.name.as_str(), table.len()), ("objects", 16));
    assert_eq!((table.row_id(0), table.text(0, "control")), ("objects_1_A01", "negative".to_owned()));
    assert_eq!(table.text(4, "compound"), "colchicine");
    assert_eq!(table.text(0, "Metadata_Object_Count"), "6");
    let vectors = &imported.experiment.embeddings[PROFILE];
    assert_eq!(vectors.features[0], "Cells_AreaShape_Area");
    assert_eq!((vectors.dim, vectors.row_ids.len()), (7, 16));
}

#[test]
fn a_folder_that_names_no_wells_says_what_to_add() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("Image.csv", "ImageNumber,Count_Cells\n1,2\n"),
        ("Cells.csv", "ImageNumber,ObjectNumber,AreaShape_Area\n1,1,5\n1,2,6\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let output = molclip(&["score", folder.path().to_str().unwrap(), "--preset", "activity"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("Add Metadata_Well"), "{text}");
}

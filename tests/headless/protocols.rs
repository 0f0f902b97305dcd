//! `molclip evaluate` with the protocols that take a whole table: profiles in, objects of the contract out.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// Plates of profiles, four in two cell lines with one layout: 12 compounds of 4 mechanisms, each in two wells, and DMSO.
fn plates() -> &'static str {
    static PLATES: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, path) = PLATES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles.csv");
        let names: Vec<String> = (0..6).map(|feature| format!("Cells_Texture_{feature}")).collect();
        let mut text = format!(
            "Metadata_Plate,Metadata_Well,Metadata_pert_iname,Metadata_moa,Metadata_control_type,Metadata_cell_line,\
             Metadata_Count_Cells,Metadata_donor,{}\n",
            names.join(",")
        );
        let mut state = 7_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        for plate in 0..4 {
            for place in 0..32 {
                let compound = place % 16;
                let control = compound >= 12;
                let name = if control { "DMSO".to_owned() } else { format!("compound {compound}") };
                let moa = if control { String::new() } else { format!("moa {}", compound % 4) };
                let line = if plate < 2 { "U2OS" } else { "A549" };
                let well = format!("{}{:02}", char::from(b'A' + (place / 8) as u8), place % 8 + 1);
                let kind = if control { "negcon" } else { "" };
                let count = 80 + (place * 7 + plate) % 20;
                let _ = write!(text, "p{plate},{well},{name},{moa},{kind},{line},{count},d{}", compound % 3);
                for feature in 0..6 {
                    let own = if control { 0.0 } else { f64::from(i32::from(feature == compound % 6)) };
                    let shared = if control { 0.0 } else { f64::from(i32::from(feature == compound % 4)) };
                    let _ = write!(text, ",{:.5}", own + 2.0 * shared + noise());
                }
                text.push('\n');
            }
        }
        fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    });
    path
}

fn evaluate(options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.args(["evaluate", plates(), "--protocol"]).args(options);
    command.env("NODEVICE_SELECT", "1").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The objects of a protocol.
fn objects(options: &[&str]) -> Vec<Value> {
    let output = evaluate(&[options, &["--json"]].concat());
    assert!(output.status.success(), "{options:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Every object has the contract's keys, in its order, and numbers with intervals.
fn assert_contract(objects: &[Value]) {
    let keys = [
        "task",
        "protocol",
        "split",
        "exclusion",
        "normalisation",
        "level",
        "seed",
        "simulated",
        "n_query",
        "n_gallery",
        "n_dropped",
        "metrics",
        "baselines",
        "notes",
    ];
    for object in objects {
        for key in keys {
            assert!(object.get(key).is_some_and(|value| !value.is_null()), "{key}: {object}");
        }
        for metric in ["map", "cmc1", "cmc5", "cmc10", "accuracy", "auc"] {
            let scores = std::iter::once(&object["metrics"]);
            let baselines = object["baselines"].as_object().unwrap().values();
            for scores in scores.chain(baselines) {
                let estimate = scores.get(metric).unwrap_or_else(|| panic!("{metric}: {object}"));
                if !estimate.is_null() {
                    let [lo, value, hi] = ["lo", "value", "hi"].map(|key| estimate[key].as_f64().unwrap());
                    assert!((0.0..=1.0).contains(&value) && lo <= hi, "{metric}: {object}");
                }
            }
        }
    }
}

#[test]
fn mechanisms_are_asked_for_at_every_level() {
    let objects = objects(&["nsc", "--seed", "4"]);
    assert_contract(&objects);
    let named = |object: &Value| {
        ["normalisation", "level", "exclusion"].map(|key| object[key].as_str().unwrap().to_owned()).join(" ")
    };
    let names: Vec<String> = objects.iter().map(named).collect();
    let of_one = ["row nsc", "row nscb", "treatment nsc", "treatment nscb", "compound nsc", "compound nscb"];
    let expected: Vec<String> = ["raw", "dmso-centred"]
        .iter()
        .flat_map(|normalisation| of_one.iter().map(move |one| format!("{normalisation} {one}")))
        .collect();
    assert_eq!(names, expected);
    let row = &objects[0];
    assert_eq!(
        (row["n_query"].as_u64(), row["seed"].as_u64(), &row["task"]),
        (Some(96), Some(4), &"moa".into())
    );
    let map = |of: &Value| of["map"]["value"].as_f64().unwrap();
    assert!(map(&row["metrics"]) > map(&row["baselines"]["chance"]) + 0.2, "{row}");
    assert!((map(&row["baselines"]["permuted"]) - map(&row["baselines"]["chance"])).abs() < 0.1, "{row}");
    for name in ["position", "cell count"] {
        assert!(row["baselines"].get(name).is_some(), "{name}: {row}");
    }
    assert!(row["baselines"].get("structure").is_none(), "no structure is known: {row}");
    let text = evaluate(&["nsc"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.starts_with("moa, nsc (all against all), exclusion nsc, raw, level row\n96 queries"),
        "{text}"
    );
}

#[test]
fn compounds_are_found_on_other_plates_and_a_shared_layout_explains_it() {
    let all = objects(&["leave-plate-out"]);
    assert_contract(&all);
    assert_eq!((all.len(), all[0].get("source"), &all[0]["task"]), (2, None, &"compound".into()));
    let pairs = objects(&["plate-knn", "--domain", "cell_line"]);
    assert_contract(&pairs);
    let names: Vec<[&str; 3]> = pairs
        .iter()
        .map(|object| ["source", "target", "exclusion"].map(|key| object[key].as_str().unwrap()))
        .collect();
    assert_eq!(names.len(), 8);
    assert!(names.contains(&["U2OS", "A549", "position"]), "{names:?}");
    for object in &pairs {
        assert!(object["metrics"]["accuracy_k5"]["value"].is_f64(), "{object}");
        assert_eq!(object["metrics"]["accuracy"], object["metrics"]["cmc1"]);
        let position = object["baselines"]["position"]["cmc1"]["value"].as_f64().unwrap();
        assert_eq!(position == 1.0, object["exclusion"] == "plate", "{object}");
    }
    let one_way = objects(&["leave-plate-out", "--domain", "cell_line"]);
    assert_eq!(one_way.len(), 8);
}

#[test]
fn what_a_protocol_needs_is_asked_for() {
    let refused = |code: i32, options: &[&str]| {
        let output = evaluate(options);
        assert_eq!(output.status.code(), Some(code), "{options:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{options:?}");
        stderr(&output)
    };
    for (options, said) in [
        (&["plate-knn"][..], "plate-knn needs --domain COLUMN"),
        (&["phenotype", "--group", "plate"], "phenotype needs --label COLUMN"),
        (&["phenotype", "--label", "moa"], "phenotype needs --group COLUMN"),
        (&["identity", "--min-gap", "48"], "identity needs --label COLUMN"),
        (&["identity", "--label", "Metadata_donor"], "identity needs --min-gap FRAMES"),
        (
            &["plate-knn", "--domain", "cel_line"],
            "there is no column cel_line. The columns with the most similar",
        ),
        (&["mito", "--domain", "cell_line"], "say nothing of a split"),
        (&["nsc", "--domain", "cell_line", "--min-gap", "4"], "nsc does not read --domain, --min-gap"),
        (
            &["phenotype", "--label", "moa", "--group", "plate", "--domain", "plate"],
            "phenotype does not read --domain:",
        ),
        (&["anything"], "possible values: mito, drug-disjoint"),
    ] {
        let text = refused(2, options);
        assert!(text.contains(said), "{options:?}: {text}");
    }
    let text = refused(1, &["identity", "--label", "Metadata_donor", "--min-gap", "48"]);
    assert!(text.contains("no row has a value in the column first_frame"), "{text}");
}

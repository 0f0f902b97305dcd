//! `molclip hits`: a small screen whose controls, axis and curve are known, and screens that cannot be read.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use molclip::experiment::EmbeddingTable;
use molclip::export::embeddings::{self, Format};
use molclip::random::{normal, stream};
use serde_json::Value;

/// Features of a well.
const DIM: usize = 6;

/// A folder with two plates as a manifest and as vectors.
struct Screen {
    folder: tempfile::TempDir,
}

impl Screen {
    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// Two plates, each with eight wells of each control, ten doses of a drug (EC50 2 µM, Hill 1.5) and of one that does nothing,
/// two images a well. The column `signal` is the planted level, negative and falling; `n_cells` falls at the drug's last dose.
fn screen() -> &'static Screen {
    static SCREEN: OnceLock<Screen> = OnceLock::new();
    SCREEN.get_or_init(|| {
        let screen = Screen { folder: tempfile::tempdir().unwrap() };
        let mut rng = stream(7, &["hits"]);
        let mut lines =
            vec!["row_id,plate,well,site,replicate,compound,concentration_uM,control,signal,n_cells,empty".to_owned()];
        let mut table = EmbeddingTable { dim: DIM, model_hash: "0123".to_owned(), ..EmbeddingTable::default() };
        for plate in 1..=2 {
            for well in 0..36 {
                let step = f64::from(well % 10);
                let dose = 0.02 * 3.0_f64.powf(step);
                let drug = 1.0 / (1.0 + (2.0 / dose).powf(1.5));
                let (compound, dose, control, level) = match well {
                    0..8 => ("DMSO", String::new(), "negative", 0.0),
                    8..16 => ("killer", String::new(), "positive", 1.0),
                    16..26 => ("drug", dose.to_string(), "", drug),
                    _ => ("idle", dose.to_string(), "", 0.0),
                };
                // At the highest dose.
                let cells = if compound == "drug" && well % 10 == 9 { 40 } else { 200 };
                let (row, column) = (well % 6, well / 6);
                let noise = normal(&mut rng);
                for site in 1..=2 {
                    let row_id = format!("p{plate}w{well}s{site}");
                    let name = format!("{}{:02}", char::from(b'B' + row as u8), column + 2);
                    let signal = -10.0 - 20.0 * (level + 0.03 * noise);
                    lines.push(format!(
                        "{row_id},p{plate},{name},{site},{plate},{compound},{dose},{control},{signal},{cells},"
                    ));
                    table.row_ids.push(row_id);
                    for feature in 0..DIM {
                        let along = if feature < 3 { 10.0 * level } else { 0.0 };
                        table.values.push((along + normal(&mut rng)) as f32);
                    }
                }
            }
        }
        fs::write(screen.at("manifest.csv"), lines.join("\n")).unwrap();
        let bare: Vec<String> = lines.iter().map(|line| line.replace(",negative,", ",,").replace("DMSO", "x")).collect();
        fs::write(screen.at("uncontrolled.csv"), bare.join("\n")).unwrap();
        let excluded = lines.iter().enumerate().map(|(number, line)| match number {
            0 => format!("{line},excluded"),
            _ => format!("{line},blurred"),
        });
        fs::write(screen.at("excluded.csv"), excluded.collect::<Vec<_>>().join("\n")).unwrap();
        embeddings::write(&table, Path::new(&screen.at("vectors.parquet")), Format::Parquet).unwrap();
        screen
    })
}

fn hits(manifest: &str, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.args(["hits", &screen().at(manifest)]).args(options);
    command.env("NODEVICE_SELECT", "1").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(manifest: &str, options: &[&str]) -> Value {
    let output = hits(manifest, &[options, &["--json"]].concat());
    assert!(output.status.success(), "{options:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(code: i32, manifest: &str, options: &[&str]) -> String {
    let output = hits(manifest, options);
    assert_eq!(output.status.code(), Some(code), "{options:?}: {}", stderr(&output));
    assert!(output.stdout.is_empty(), "{options:?}");
    stderr(&output)
}

fn compound<'a>(found: &'a Value, name: &str) -> &'a Value {
    found["compounds"].as_array().unwrap().iter().find(|of| of["compound"] == name).unwrap()
}

#[test]
fn vectors_of_a_screen_give_controls_hits_and_curves() {
    let vectors = screen().at("vectors.parquet");
    let found = json("manifest.csv", &["--embedding", &vectors]);
    let controls = &found["controls"];
    assert_eq!((controls["n_negative"].as_u64(), controls["n_positive"].as_u64()), (Some(16), Some(16)));
    assert_eq!((controls["auc"].as_f64(), controls["held_apart"].as_str()), (Some(1.0), Some("plates")));
    let z_prime = controls["z_prime"].as_f64().unwrap();
    // Each plate by itself; between plates the scale of the axis differs, so all together are lower.
    for plate in controls["by_plate"].as_array().unwrap() {
        assert!((0.4..0.95).contains(&plate["z_prime"].as_f64().unwrap()), "{controls}");
    }
    assert!(z_prime < 0.95, "{controls}");
    assert!(controls["z_prime_lo"].as_f64().unwrap() < z_prime && controls["z_prime_robust"].is_f64());
    assert!(controls["ssmd"].as_f64().unwrap() > 2.0);
    assert_eq!(controls["by_plate"].as_array().unwrap().len(), 2);
    // The outermost wells of 96 are not used.
    assert!(controls["edge_effect"]["p"].is_null() && controls["row_effect"]["p"].is_f64(), "{controls}");
    let drug = compound(&found, "drug");
    let ec50 = drug["ec50_uM"].as_f64().unwrap();
    assert!((1.4..2.8).contains(&ec50), "{drug}");
    assert!(drug["ec50_lo"].as_f64().unwrap() < ec50 && drug["ec50_hi"].as_f64().unwrap() > ec50, "{drug}");
    assert_eq!((drug["n_wells"].as_u64(), drug["n_doses"].as_u64()), (Some(20), Some(10)));
    assert!(drug["q"].as_f64().unwrap() < 0.001 && drug["hit_score"].as_f64().unwrap() > 0.8, "{drug}");
    assert!(drug["note"].as_str().unwrap().starts_with("toxic at 393.66"), "{drug}");
    let idle = compound(&found, "idle");
    assert!(idle["ec50_uM"].is_null() && idle["q"].as_f64().unwrap() > 0.05, "{idle}");
    assert_eq!(found["compounds"].as_array().unwrap().len(), 2, "controls are no hits");
    assert_eq!(
        (found["embedding"].as_str(), found["simulated"].as_bool()),
        (Some("vectors.parquet"), Some(false))
    );
    assert_eq!(found["cells_from"], "n_cells");
    assert_eq!(found["wells"].as_array().unwrap().len(), 72);
    assert!(
        found["baselines"]
            .as_array()
            .unwrap()
            .iter()
            .any(|of| of["name"] == "cell count" || of["name"] == "position")
    );
    assert_eq!(
        json("manifest.csv", &["--embedding", &vectors]),
        found,
        "the same question has the same answer"
    );
    let text = hits("manifest.csv", &["--embedding", &vectors]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("Z′"));
}

#[test]
fn a_column_is_read_as_vectors_are_and_toxic_doses_when_asked() {
    let found = json("manifest.csv", &["--readout", "signal", "--keep-toxic"]);
    assert_eq!(
        (found["score"].as_str(), found["readout"].as_str()),
        (Some("scaled-readout"), Some("signal"))
    );
    assert!(found["model_hash"].is_null() && found["data_fingerprint"].is_string());
    let drug = compound(&found, "drug");
    assert!((1.4..2.8).contains(&drug["ec50_uM"].as_f64().unwrap()), "{drug}");
    assert!(drug["off_score_max"].is_null());
    assert!(!drug["note"].as_str().unwrap().contains("left out"), "{drug}");
    let by_site = json("manifest.csv", &["--readout", "signal", "--plate-by", "site"]);
    assert_eq!(
        by_site["controls"]["by_plate"].as_array().unwrap().len(),
        4,
        "two replicates share each site's wells"
    );
}

#[test]
fn compounds_and_wells_are_written_as_tables() {
    let (out, beside) = (screen().at("hits.csv"), screen().at("hits.wells.csv"));
    json("manifest.csv", &["--readout", "signal", "--out", &out]);
    let [compounds, wells] = [out, beside].map(|path| fs::read_to_string(path).unwrap());
    assert!(compounds.starts_with("compound,smiles,n_wells,n_doses,hit_score,"), "{compounds}");
    assert_eq!((compounds.lines().count(), wells.lines().count()), (3, 73));
    assert!(compounds.lines().nth(1).unwrap().starts_with("drug,"));
    let book = screen().at("hits.xlsx");
    json("manifest.csv", &["--readout", "signal", "--out", &book]);
    assert!(fs::read(book).unwrap().starts_with(b"PK"));
    assert!(
        refused(2, "manifest.csv", &["--readout", "signal", "--out", "hits.pdf"]).contains("must end in")
    );
}

#[test]
fn what_cannot_be_read_is_said_and_no_more() {
    let vectors = screen().at("vectors.parquet");
    let of = |code, manifest, options: &[&str]| refused(code, manifest, options);
    assert!(of(2, "manifest.csv", &["--readout", "signl"]).contains("most similar names are signal"));
    assert!(of(2, "manifest.csv", &["--readout", "compound"]).contains("holds text"));
    assert!(of(2, "manifest.csv", &["--readout", "signal", "--plate-by", "plat"]).contains("plate"));
    assert!(
        of(2, "manifest.csv", &["--readout", "signal", "--embedding", &vectors])
            .contains("cannot be used with")
    );
    assert!(of(1, "manifest.csv", &["--readout", "crop_x"]).contains("has no number in any row"));
    assert!(
        of(1, "uncontrolled.csv", &["--embedding", &vectors])
            .contains("no negative controls beside 16 positive")
    );
    assert!(of(1, "excluded.csv", &["--readout", "signal"]).contains("144 rows are excluded"));
    // A column says something without controls too.
    let raw = json("uncontrolled.csv", &["--readout", "signal"]);
    assert_eq!((raw["score"].as_str(), &raw["controls"]["z_prime"]), (Some("raw-readout"), &Value::Null));
    assert!(
        compound(&raw, "drug")["ec50_uM"].is_f64() && compound(&raw, "drug")["hit_score"].is_null(),
        "{raw}"
    );
}

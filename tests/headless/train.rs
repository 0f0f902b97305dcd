//! Training from the command line: killed and resumed, evaluated, embedded, predicted.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

fn molclip() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.env("NODEVICE_SELECT", "1");
    command
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A screen of four mechanisms with four drugs each, small enough to train on in seconds.
fn screen() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("screen");
        ran(molclip()
            .args(["simulate", "--moas", "4", "--drugs-per-moa", "5", "--videos-per-drug", "2"])
            .args(["--replicates", "2", "--size", "32", "--frames", "8", "--seed", "11", "--out"])
            .arg(&out));
        (folder, out.join("manifest.csv"))
    });
    manifest
}

/// A training of seconds: every part of the real one, small.
fn config(folder: &Path, changes: &[(&str, Value)]) -> PathBuf {
    let mut config = serde_json::json!({
        "seed": 3,
        "encoder": { "name": "light", "tubelet": [2, 4, 4], "dim": 8, "depths": [1, 1] },
        "input": { "frames": 8, "size": 32, "pixel_size_um": 0.8 },
        "projection": 16,
        "drug_epochs": 2,
        "moa_epochs": 2,
        "batch_drugs": 4,
        "batch_videos": 2,
        "validate_every": 1,
        "drop_inactive": true,
    });
    for (key, value) in changes {
        config[key] = value.clone();
    }
    let path = folder.join("config.json");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn train(config: &Path, out: &Path) -> Command {
    let mut command = molclip();
    command.arg("train").arg(screen()).arg("--config").arg(config).arg("--out").arg(out);
    command.args(["--compute", "cpu"]);
    command
}

/// When a training last saved what it has done.
fn checkpoint_time(folder: &Path) -> Option<std::time::SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("checkpoint"));
    ours.filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

#[test]
fn killed_again_and_again_it_ends_with_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    ran(&mut train(&config, &whole));
    let mut kills = 0;
    // Each time it gets a few checkpoints further, however fast the machine is, and ends at last.
    for further in 2..60 {
        let mut child = train(&config, &killed)
            .args(["--checkpoint-every", "0"])
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let (mut saved, mut last) = (0, None);
        while saved < further && child.try_wait().unwrap().is_none() {
            let now = checkpoint_time(&killed);
            saved += usize::from(now.is_some() && now != last);
            last = now;
            std::thread::sleep(Duration::from_millis(1));
        }
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 2, "{kills} kills: the training was over too soon");
    ran(&mut train(&config, &killed));
    let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    assert!(weights(&whole) == weights(&killed), "the weights differ");
    let left: Vec<_> = std::fs::read_dir(&killed).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("checkpoint")), "{left:?}");
}

#[test]
fn a_trained_model_is_evaluated_embedded_and_predicts() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let model = folder.path().join("model");
    let output = ran(train(&config, &model).arg("--json"));
    let trained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(trained["simulated"], true);
    assert_eq!(trained["history"].as_array().unwrap().len(), 4);
    let losses: Vec<f64> =
        (0..4).map(|i| trained["history"][i]["losses"]["total"].as_f64().unwrap()).collect();
    assert!(losses[1] < losses[0], "{losses:?}");

    let output = ran(molclip().arg("evaluate").arg(screen()).arg("--model").arg(&model).args([
        "--protocol",
        "drug-disjoint",
        "--compute",
        "cpu",
        "--json",
    ]));
    let reports: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.len(), 8, "drugs, and mechanisms under three exclusions; raw and centred");
    for report in reports {
        for key in ["task", "protocol", "split", "exclusion", "normalisation", "seed", "simulated", "n_query"]
        {
            assert!(!report[key].is_null(), "{key}");
        }
        assert_eq!(report["simulated"], true);
        let names: Vec<&String> = report["baselines"].as_object().unwrap().keys().collect();
        let mut expected = vec!["chance", "mean intensity", "single frame", "shuffled frames"];
        if report["task"] == "moa" {
            expected.push("Tanimoto-nearest");
        }
        for name in expected {
            assert!(names.iter().any(|found| *found == name), "{name} in {names:?}");
        }
    }

    let embeddings = folder.path().join("e.npy");
    ran(molclip().arg("embed").arg(screen()).arg("--model").arg(&model).arg("--out").arg(&embeddings));
    let bytes = std::fs::read(&embeddings).unwrap();
    assert_eq!(&bytes[..6], b"\x93NUMPY");
    let rows = std::fs::read_to_string(folder.path().join("row_ids.csv")).unwrap().lines().count() - 1;
    let header = String::from_utf8_lossy(&bytes[10..128]).into_owned();
    assert!(header.contains(&format!("'shape': ({rows}, 48)")), "{header}");
    assert_eq!(bytes.len(), 128 + rows * 48 * 4);

    let table = folder.path().join("p.csv");
    ran(molclip().arg("predict").arg(screen()).arg("--model").arg(&model).arg("--out").arg(&table));
    let text = std::fs::read_to_string(&table).unwrap();
    assert_eq!(text.lines().count(), rows + 1);
    assert!(text.lines().next().unwrap().contains("predicted_moa"));

    // The same file with other bytes is no model.
    let weights = model.join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let output = molclip()
        .arg("predict")
        .arg(screen())
        .arg("--model")
        .arg(&model)
        .arg("--out")
        .arg(&table)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn divergence_and_wrong_configurations_end_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    let failed = |changes: &[(&str, Value)]| {
        let output = train(&config(folder.path(), changes), &out).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = failed(&[("learning_rate", 1e30.into()), ("warmup_epochs", 0.into())]);
    assert!(text.contains("diverged in step") && text.contains("Lower the learning rate"), "{text}");
    let text = failed(&[("batch_videos", 1.into())]);
    assert!(text.contains("batch_drugs, batch_videos"), "{text}");
    let text = failed(&[("learning_rat", 1.into())]);
    assert!(text.contains("learning_rat"), "{text}");
}

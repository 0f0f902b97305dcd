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

fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix)).collect()
}

/// Epochs that the last checkpoint of a folder holds.
fn epochs_done(folder: &Path) -> usize {
    let states = entries(folder, "checkpoint-").into_iter().map(|path| path.join("state.json"));
    let done = |path: PathBuf| {
        let document: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        Some(document["state"]["history"].as_array()?.len())
    };
    states.filter_map(done).max().unwrap_or(0)
}

/// Lets a training run until `when` and kills it there; false if it was over before.
fn killed_when(command: &mut Command, mut when: impl FnMut() -> bool) -> bool {
    let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while !when() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Trains until `epochs` are done, lets the only checkpoint take long to remove, goes on, and kills the training while that
/// checkpoint is being removed. False where a kill came too late.
fn killed_in_removal(train: impl Fn() -> Command, out: &Path, epochs: usize) -> bool {
    if out.exists() {
        std::fs::remove_dir_all(out).unwrap();
    }
    if !killed_when(&mut train(), || epochs_done(out) == epochs) || out.join("finished.json").exists() {
        return false;
    }
    let mut whole = entries(out, "checkpoint-");
    whole.sort();
    let last = whole.pop().unwrap();
    for other in whole.into_iter().chain(entries(out, "discarded-checkpoint-")) {
        std::fs::remove_dir_all(other).unwrap();
    }
    for n in 0..20_000 {
        std::fs::write(last.join(format!("padding-{n}")), "").unwrap();
    }
    let half_removed = || !entries(out, "discarded-checkpoint-").is_empty();
    killed_when(&mut train(), half_removed) && half_removed() && !last.exists()
}

#[test]
fn killed_while_a_checkpoint_is_removed_it_goes_on_and_a_finished_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &[]);
    let (out, whole) = (folder.path().join("model"), folder.path().join("whole"));
    ran(&mut train(&config, &whole));
    let weights = |folder: &Path| std::fs::read(folder.join("model.safetensors")).unwrap();
    // At the end of an epoch only.
    let rarely = || {
        let mut command = train(&config, &out);
        command.args(["--checkpoint-every", "1e6"]);
        command
    };
    // In the middle, and after the last epoch, where only the model is still to be written. On a busy machine the kill may
    // come too late.
    for (epochs, is_last) in [(1, false), (4, true)] {
        assert!((0..20).any(|_| killed_in_removal(rarely, &out, epochs)), "twenty kills came too late");
        assert_eq!(out.join("finished.json").exists(), is_last);
        let output = ran(&mut train(&config, &out));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(text.contains("This training is finished"), is_last, "{text}");
        assert!(weights(&out) == weights(&whole), "the weights differ");
        assert!(entries(&out, "checkpoint-").is_empty() && entries(&out, "discarded-").is_empty());
    }
}

#[test]
fn a_finished_model_and_a_folder_in_use_are_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    let config_of = |seed: u64| {
        let place = folder.path().join(seed.to_string());
        std::fs::create_dir_all(&place).unwrap();
        config(&place, &[("seed", seed.into()), ("drug_epochs", 4.into())])
    };
    let (first, second) = (config_of(3), config_of(4));
    let failed = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };

    // Two at once.
    let mut child = train(&first, &out).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    while !out.join("lock.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        std::thread::sleep(Duration::from_millis(1));
    }
    let text = failed(&mut train(&second, &out));
    assert!(text.contains(&format!("process {}", child.id())) && text.contains("another folder"), "{text}");
    assert!(child.wait().unwrap().success());

    let weights = || std::fs::read(out.join("model.safetensors")).unwrap();
    let before = weights();
    let text = failed(&mut train(&second, &out));
    assert!(text.contains("finished model") && text.contains("--overwrite"), "{text}");
    assert!(before == weights());
    ran(train(&second, &out).arg("--overwrite"));
    assert!(before != weights(), "another seed, the same weights");

    // Where nothing can be written, this is said before a video is read.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let text = failed(&mut train(&first, &file.join("model")));
    assert!(text.contains("cannot be made") && !text.contains("to train on"), "{text}");
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
        // Two drugs of each mechanism are trained on: enough for a head.
        expected.extend(["biomarkers", "biomarkers, no labels", "LDA head"]);
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
    let rows = std::fs::read_to_string(folder.path().join("e.row_ids.csv")).unwrap().lines().count() - 1;
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

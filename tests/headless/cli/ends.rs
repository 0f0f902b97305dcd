//! Nobody reads what the program prints, or the disk takes no more.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::{MOVIE, code, done, fixture, stderr, stdout};

/// Runs the program with these ends of its output.
fn with_ends(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    let child =
        Command::new(env!("CARGO_BIN_EXE_molclip")).args(arguments).stdout(stdout).stderr(stderr).spawn();
    child.unwrap().wait_with_output().unwrap()
}

/// A pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[cfg(target_os = "linux")]
fn full() -> Stdio {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// More compounds than a pipe holds, one of them wrong.
fn compounds(folder: &Path) -> String {
    let path = folder.join("many.smi");
    fs::write(&path, format!("C1CC\n{}", "CCO ethanol\n".repeat(2_000))).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (many, movie) = (compounds(folder.path()), fixture(MOVIE));
    for arguments in [
        &["compounds", &many, "--json"][..],
        &["compounds", &many],
        &["info", movie.to_str().unwrap()],
        &["model", "--encoder", "resnet3d-50"],
        &["--help"],
        &["--version"],
    ] {
        let output = with_ends(arguments, unread(), Stdio::piped());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("panicked"), "{arguments:?}: {}", stderr(&output));
        assert_eq!(code(&with_ends(arguments, unread(), unread())), 0, "{arguments:?}");
    }
    // Nobody reads why, and it fails all the same.
    assert_eq!(code(&with_ends(&["info", "absent.tif"], unread(), unread())), 1);
    assert_eq!(code(&with_ends(&["info", "--nonsense"], unread(), unread())), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_a_full_disk_does_not_take_are_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (many, movie) = (compounds(folder.path()), fixture(MOVIE));
    for arguments in [
        &["compounds", &many, "--json"][..],
        &["info", movie.to_str().unwrap(), "--json"],
        &["model", "--encoder", "resnet3d-50", "--json"],
        &["train", "nothing", "--print-config"],
        &["--version"],
    ] {
        let output = with_ends(arguments, full(), Stdio::piped());
        let message = stderr(&output);
        assert_eq!(code(&output), 1, "{arguments:?}: {message}");
        assert!(message.contains("error: writing to stdout"), "{arguments:?}: {message}");
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
        assert_eq!(code(&with_ends(arguments, full(), full())), 1, "{arguments:?}");
    }
    let output = with_ends(&["compounds", &many, "--json"], Stdio::piped(), full());
    assert_eq!(code(&output), 0);
    let rows: Vec<Value> = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(rows.len(), 2_001);
}

#[cfg(target_os = "linux")]
#[test]
fn a_training_that_nobody_watches_ends_with_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let screen = at("screen");
    done(
        ["simulate", "--moas", "4", "--drugs-per-moa", "5", "--videos-per-drug", "2", "--replicates", "2"]
            .into_iter()
            .chain(["--size", "32", "--frames", "8", "--seed", "11", "--out", &screen]),
    );
    let config = serde_json::json!({
        "encoder": { "name": "light", "tubelet": [2, 4, 4], "dim": 8, "depths": [1, 1] },
        "input": { "frames": 8, "size": 32, "pixel_size_um": 0.8 },
        "projection": 16,
        "drug_epochs": 1,
        "moa_epochs": 1,
        "batch_drugs": 4,
        "batch_videos": 2,
    });
    fs::write(at("config.json"), config.to_string()).unwrap();
    let manifest = format!("{screen}/manifest.csv");
    for (name, stdout, stderr, expected) in [
        ("unread", unread(), unread(), 0),
        ("full", Stdio::null(), full(), 0),
        ("lost", full(), Stdio::piped(), 1),
    ] {
        let out = at(name);
        let arguments =
            ["train", &manifest, "--config", &at("config.json"), "--out", &out, "--compute", "cpu"];
        let output = with_ends(&arguments, stdout, stderr);
        assert_eq!(code(&output), expected, "{name}: {}", self::stderr(&output));
        assert!(Path::new(&out).join("model.safetensors").exists(), "{name}");
    }
    let out = at("closed");
    let line = "exec \"$0\" train \"$1\" --config \"$2\" --out \"$3\" --compute cpu >&- 2>&-";
    let mut shell = Command::new("sh");
    shell.args(["-c", line, env!("CARGO_BIN_EXE_molclip"), &manifest, &at("config.json"), &out]);
    assert!(shell.status().unwrap().success());
    assert!(Path::new(&out).join("model.safetensors").exists());
}

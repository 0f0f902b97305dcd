//! `molclip model`: encoders before training, and weights of `PyTorch` as models.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const CHECKPOINT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/resnet3d/checkpoint.safetensors");

fn model(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_molclip")).arg("model").args(arguments).output().unwrap()
}

/// What is printed by a command that must succeed.
fn printed(arguments: &[&str]) -> String {
    let output = model(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[arguments, &["--json"]].concat())).unwrap()
}

/// Exit code and stderr of a command that must fail.
fn failed(arguments: &[&str]) -> (i32, String) {
    let output = model(arguments);
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn an_untrained_encoder_shows_what_it_costs() {
    // Counted by PyTorch: tests/fixtures/resnet3d/networks.json.
    let text = fs::read_to_string(Path::new(CHECKPOINT).with_file_name("networks.json")).unwrap();
    let counted: Value = serde_json::from_str(&text).unwrap();
    for name in ["resnet3d-18", "resnet3d-50"] {
        let cost = &json(&["--encoder", name])["cost"];
        for key in ["parameters", "flops"] {
            assert_eq!(cost[key], counted[name]["counts"][key], "{name}: {key}");
        }
        let layers = cost["layers"].as_array().unwrap();
        let sum: u64 = layers.iter().map(|layer| layer["flops"].as_u64().unwrap()).sum();
        assert_eq!(sum, cost["flops"]);
    }
    let text = printed(&["--encoder", "resnet3d-50"]);
    for shown in ["layer3.5.conv2", "1024 × 4 × 7 × 7", "46,198,976", "25.73 GFLOP"] {
        assert!(text.contains(shown), "no {shown} in\n{text}");
    }
    let small = json(&[
        "--encoder",
        "resnet3d-18",
        "--width",
        "8",
        "--channels",
        "1",
        "--frames",
        "8",
        "--size",
        "64",
    ]);
    assert_eq!(small["cost"]["features"], 64);
    assert_eq!(small["cost"]["layers"][0]["output"], serde_json::json!([8, 8, 32, 32]));
    assert_eq!(small["encoder"], serde_json::json!({ "name": "resnet3d-18", "width": 8 }));
}

#[test]
fn weights_of_pytorch_become_a_model_that_can_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("models/kinetics");
    let arguments = ["--import", CHECKPOINT, "--encoder", "resnet3d-50", "--out", path(&out)];
    let imported = json(&arguments);
    assert_eq!(imported["report"]["applied"].as_array().unwrap().len(), 265);
    assert_eq!(imported["report"]["unused"], serde_json::json!(["module.fc.bias", "module.fc.weight"]));
    let card = &imported["card"];
    assert_eq!(card["encoder"], serde_json::json!({ "name": "resnet3d-50", "width": 1 }));
    assert_eq!(card["input"]["channels"].as_array().unwrap().len(), 3);
    let bytes = fs::read(out.join("model.safetensors")).unwrap();
    assert_eq!(card["hash"], blake3::hash(&bytes).to_hex().as_str());

    let shown = json(&["--model", path(&out)]);
    assert_eq!(&shown["card"], card);
    let tensors = shown["tensors"].as_array().unwrap();
    assert_eq!(tensors.len(), 265);
    assert!(tensors.contains(&serde_json::json!({
        "name": "layer2.0.downsample.conv.weight", "shape": [8, 4, 1, 1, 1], "dtype": "F32"
    })));
    let text = printed(&["--model", path(&out)]);
    for shown in ["0 drugs, 0 mechanisms", "imported from checkpoint.safetensors", "layer4.2.conv3"] {
        assert!(text.contains(shown), "no {shown} in\n{text}");
    }

    let (code, error) = failed(&arguments);
    assert!(code == 1 && error.contains("there is a model already"), "{error}");
    fs::write(out.join("model.safetensors"), &bytes[..bytes.len() - 1]).unwrap();
    let (code, error) = failed(&["--model", path(&out)]);
    assert!(code == 1 && error.contains("BLAKE3"), "{error}");
}

#[test]
fn weights_that_do_not_fit_leave_nothing_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    let (code, error) = failed(&["--import", CHECKPOINT, "--encoder", "resnet3d-18", "--out", path(&out)]);
    assert_eq!(code, 1);
    assert!(error.contains("not fitting") && error.contains("layer1.0.conv1.weight is"), "{error}");
    assert!(!out.exists());
    let noise = folder.path().join("noise.safetensors");
    fs::write(&noise, b"not weights at all").unwrap();
    let (code, error) = failed(&["--import", path(&noise), "--encoder", "resnet3d-18", "--out", path(&out)]);
    assert!(code == 1 && error.contains("no sound safetensors file"), "{error}");
}

#[test]
fn wrong_usage_exits_2() {
    for arguments in [
        &[][..],
        &["--encoder", "transformer"],
        &["--model", "a", "--encoder", "resnet3d-18"],
        &["--import", "a.safetensors", "--out", "b"],
        &["--encoder", "resnet3d-18", "--import", "a.safetensors"],
        &["--encoder", "resnet3d-18", "--frames", "2"],
        &["--encoder", "resnet3d-18", "--channels", "0"],
    ] {
        let (code, error) = failed(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
    }
    let (code, error) = failed(&["--encoder", "resnet3d-18", "--width", "100000"]);
    assert!(code == 1 && error.contains("512"), "{error}");
}

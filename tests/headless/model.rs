//! `molclip model`: encoders before training, and weights of `PyTorch` as models.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use molclip::analysis::items::{Item, Items};
use molclip::analysis::split::Split;
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
    assert!(
        code == 1 && error.contains("there is a model already") && error.contains("--overwrite"),
        "{error}"
    );
    printed(&[&arguments[..], &["--overwrite"]].concat());
    fs::write(out.join("model.safetensors"), &bytes[..bytes.len() - 1]).unwrap();
    let (code, error) = failed(&["--model", path(&out)]);
    assert!(code == 1 && error.contains("BLAKE3"), "{error}");
}

#[test]
fn a_card_with_a_scale_that_cannot_be_is_refused_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model");
    json(&["--import", CHECKPOINT, "--encoder", "resnet3d-50", "--out", path(&out)]);
    let sound: Value = serde_json::from_slice(&fs::read(out.join("model.json")).unwrap()).unwrap();
    assert!(sound["input"]["pixel_size_um"].is_null() && sound["input"]["interval_s"].is_null(), "unknown");
    let write = |card: &Value| fs::write(out.join("model.json"), card.to_string()).unwrap();
    for key in ["pixel_size_um", "interval_s"] {
        for value in [0.0, -0.5, 1e-300, 1e300] {
            let mut card = sound.clone();
            card["input"][key] = value.into();
            write(&card);
            let (code, error) = failed(&["--model", path(&out)]);
            assert!(code == 1 && error.contains(&format!("input.{key}")), "{value}: {error}");
        }
        let mut card = sound.clone();
        card["input"][key] = 0.2.into();
        write(&card);
        printed(&["--model", path(&out)]);
        card["input"].as_object_mut().unwrap().remove(key);
        write(&card);
        let (code, error) = failed(&["--model", path(&out)]);
        assert!(code == 1 && error.contains(key), "{error}");
    }
}

#[test]
fn evaluate_names_the_leaks_that_train_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let screen = folder.path().join("screen");
    let program = || Command::new(env!("CARGO_BIN_EXE_molclip"));
    let ran = |command: &mut Command| {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    ran(program()
        .args(["simulate", "--moas", "4", "--drugs-per-moa", "5", "--videos-per-drug", "2"])
        .args(["--replicates", "2", "--size", "32", "--frames", "8", "--seed", "11", "--out"])
        .arg(&screen));
    let manifest = screen.join("manifest.csv");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/light-simulated");
    let asked =
        ["evaluate", path(&manifest), "--model", shipped, "--protocol", "mito", "--compute", "cpu", "--json"];
    let evaluated = || ran(program().args(asked));
    let leaks = |text: &str| {
        let reports: Vec<Value> = serde_json::from_str(text).unwrap();
        assert!(!reports.is_empty());
        let leaks: Vec<Value> = reports.iter().map(|report| report["leaks"].clone()).collect();
        assert!(leaks.iter().all(|of| *of == leaks[0]), "every object has them");
        leaks[0].as_array().unwrap().iter().map(|leak| leak.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (json, said) = evaluated();
    assert!(leaks(&json).is_empty() && !said.contains("leak:"), "{said}");

    // A video of the query is a copy of one that is trained on.
    let experiment = molclip::experiment::import::open(&manifest).unwrap().experiment;
    let items = Items::of(&experiment);
    let of = |split| items.items.iter().find(|item| item.split == Some(split)).unwrap();
    let [train, query] = [Split::Train, Split::Query].map(of);
    let file = |item: &Item| item.address.as_ref().unwrap().path.clone();
    fs::copy(file(train), file(query)).unwrap();
    let (json, said) = evaluated();
    let found = leaks(&json);
    assert!(found.len() == 1 && found[0].contains("same content"), "{found:?}");
    for id in [&train.row_id, &query.row_id] {
        assert!(found[0].contains(id.as_str()) && said.contains(id.as_str()), "{found:?}: {said}");
    }
    assert!(said.contains(&format!("leak: {}", found[0])), "{said}");
    let config = folder.path().join("config.json");
    fs::write(&config, r#"{"batch_drugs": 4, "batch_videos": 2, "input": {"frames": 8, "size": 32}}"#)
        .unwrap();
    let out = folder.path().join("model");
    let output = program()
        .args(["train", path(&manifest), "--config", path(&config), "--out", path(&out), "--compute", "cpu"])
        .output()
        .unwrap();
    let refused = String::from_utf8(output.stderr).unwrap();
    assert!(refused.contains("the split leaks"), "{refused}");
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
        &["--encoder", "resnet3d-18", "--frames", "0"],
        &["--encoder", "resnet3d-18", "--channels", "0"],
    ] {
        let (code, error) = failed(arguments);
        assert_eq!(code, 2, "{arguments:?}: {error}");
    }
    let (code, error) = failed(&["--encoder", "resnet3d-18", "--width", "100000"]);
    assert!(code == 1 && error.contains("512"), "{error}");
}

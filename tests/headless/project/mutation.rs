//! Damaged projects: an error or an experiment, never a panic.

use std::path::Path;

use molclip::experiment::project::Project;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use super::{embedding, experiment, file_like, files};

fn mutate(bytes: &mut Vec<u8>, random: &mut Pcg64Mcg) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        let end = (at + random.random_range(1..64)).min(bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            3 => random.fill_bytes(&mut bytes[at..end]),
            4 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => drop(bytes.drain(at..end)),
        }
    }
}

/// Copies the project without its locks, one file mutated.
fn copy(from: &Path, to: &Path, mutated: &str, random: &mut Pcg64Mcg) {
    std::fs::create_dir_all(to).unwrap();
    for name in files(from).iter().filter(|name| !name.starts_with("lock")) {
        let mut bytes = std::fs::read(from.join(name)).unwrap();
        if name == mutated {
            mutate(&mut bytes, random);
        }
        std::fs::write(to.join(name), bytes).unwrap();
    }
}

/// Makes `project.json` point to a data file as it is now, as somebody who wants to do harm would.
fn bless(folder: &Path, mutated: &str) {
    let document = folder.join("project.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join(mutated)).unwrap();
    let entry =
        if mutated.starts_with("table") { &mut json["table"] } else { &mut json["embeddings"]["video"] };
    *entry =
        json!({ "file": mutated, "blake3": blake3::hash(&bytes).to_hex().as_str(), "bytes": bytes.len() });
    std::fs::write(document, json.to_string()).unwrap();
    std::fs::remove_file(folder.join("project.json.bak")).unwrap();
}

#[test]
fn a_damaged_project_is_an_error_or_an_experiment() {
    let disk = tempfile::tempdir().unwrap();
    let sound = disk.path().join("sound.molclip");
    let mut one = experiment(disk.path(), 60);
    one.embeddings.insert("video".into(), embedding(60));
    let mut project = Project::create(&sound, &one, &json!({ "layout": [1, 2, 3] })).unwrap();
    project.save(&one, &json!({ "layout": [3, 2, 1] })).unwrap();
    drop(project);
    let data = ["table-", "embedding-"]
        .map(|start| file_like(&sound, start).file_name().unwrap().to_str().unwrap().to_owned());
    let names = ["project.json".to_owned(), "project.json.bak".to_owned(), data[0].clone(), data[1].clone()];
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let (mut opened, mut refused) = (0, 0);
    for i in 0..1200 {
        let folder = disk.path().join(format!("{i}.molclip"));
        let mutated = if i % 2 == 0 { &names[i / 2 % names.len()] } else { &data[i / 2 % 2] };
        copy(&sound, &folder, mutated, &mut random);
        if i % 2 == 1 {
            bless(&folder, mutated);
        }
        match Project::open(&folder) {
            Ok(found) => {
                assert!(found.experiment.table.len() <= 1000);
                opened += 1;
            }
            Err(e) => {
                assert!(e.to_string().contains(".molclip"), "{e}");
                refused += 1;
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
    println!("{opened} opened, {refused} refused");
    assert!(opened > 100 && refused > 100, "{opened} opened, {refused} refused");
}

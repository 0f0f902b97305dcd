//! Trainings of seconds on a simulated screen.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::config::{Config, Input};
use super::folder::TrainingFolder;
use super::infer;
use super::interrupt::Interrupt;
use super::run::{Event, Outcome, Run, TrainError, splits, train};
use crate::analysis::items::Items;
use crate::analysis::leakage::Leak;
use crate::analysis::split::Protocol;
use crate::experiment::{Experiment, import};
use crate::gpu::{Compute, ComputeThread};
use crate::model::card::{Card, ValidatedBy};
use crate::model::video_encoder::EncoderConfig;
use crate::model::video_encoder::light::LightConfig;
use crate::progress::Progress;
use crate::simulate;

fn screen() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = simulate::Config {
            moas: 3,
            drugs_per_moa: 5,
            videos_per_drug: 2,
            replicates: 2,
            size: 32,
            frames: 8,
            seed: 12,
            ..simulate::Config::default()
        };
        let manifest = simulate::run(&config, &folder.path().join("screen"), &Progress::default()).unwrap();
        (folder, manifest)
    });
    manifest
}

fn config() -> Config {
    Config {
        seed: 3,
        encoder: EncoderConfig::Light(LightConfig { tubelet: [2, 4, 4], dim: 8, depths: vec![1, 1] }),
        input: Input { frames: 8, size: Some(32), pixel_size_um: Some(0.8), ..Input::default() },
        projection: 16,
        drug_epochs: 1,
        moa_epochs: 2,
        batch_drugs: 4,
        batch_videos: 2,
        validate_every: 1,
        ..Config::default()
    }
}

fn trained(
    experiment: Experiment,
    config: Config,
    out: &Path,
    interrupt: &Interrupt,
) -> (Result<Outcome, TrainError>, Vec<Event>) {
    let items = Items::of(&experiment);
    let (splits, _) = splits(&items, &config).unwrap();
    let run = Run {
        config,
        experiment: Arc::new(experiment),
        items,
        splits,
        out: TrainingFolder::open(out, false).unwrap(),
        name: "test".to_owned(),
        start: None,
        compute: Compute::flex(),
        thread: ComputeThread::shared_headless(),
        checkpoint_every: Duration::ZERO,
    };
    let mut events = Vec::new();
    let outcome = train(run, interrupt, &mut |event| events.push(event));
    (outcome, events)
}

fn opened() -> Experiment {
    import::open(screen()).unwrap().experiment
}

#[test]
fn a_training_learns_validates_and_says_what_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let (outcome, events) = trained(opened(), config(), folder.path(), &Interrupt::default());
    let outcome = outcome.unwrap();
    assert!(outcome.card.trained_on.simulated);
    assert_eq!((outcome.card.moas.len(), outcome.card.trained_on.epochs), (3, 3));
    assert!(outcome.card.drugs.iter().any(|drug| drug.name == "DMSO" && drug.moas.is_empty()));
    assert!(outcome.card.trained_on.validation_map.is_some());
    assert_eq!(outcome.card.trained_on.validated_by, Some(ValidatedBy::Moa));
    assert!(outcome.card.input.std[0] > 0.0);
    let steps = events.iter().filter(|event| matches!(event, Event::Step(_))).count();
    let maps = events.iter().filter(|event| matches!(event, Event::Map { .. })).count();
    assert!(steps >= 6 && maps == 3, "{steps} steps, {maps} maps");
    assert!(folder.path().join("model.safetensors").is_file());
    assert!(folder.path().join("history.json").is_file());
}

#[test]
fn what_chooses_the_epoch_is_what_the_protocol_asks() {
    let folder = tempfile::tempdir().unwrap();
    let mito = Config { protocol: Protocol::Mito, drug_epochs: 0, moa_epochs: 1, ..config() };
    let (outcome, _) = trained(opened(), mito, folder.path(), &Interrupt::default());
    let outcome = outcome.unwrap();
    assert_eq!(outcome.card.trained_on.validated_by, Some(ValidatedBy::Drug));
    let validation = outcome.history.last().unwrap().validation.unwrap();
    assert_eq!(validation.by, ValidatedBy::Drug);
    let written = std::fs::read_to_string(folder.path().join("model.json")).unwrap();
    assert!(written.contains(r#""validated_by": "drug""#), "{written}");
    let mut card = serde_json::to_value(&outcome.card).unwrap();
    card["trained_on"].as_object_mut().unwrap().remove("validated_by");
    let old: Card = serde_json::from_value(card).unwrap();
    assert_eq!(old.trained_on.validated_by, None, "cards of before are read");
}

#[test]
fn drugs_alone_are_learnt_where_no_mechanism_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let without = || {
        let mut experiment = opened();
        let rows: Vec<usize> = (0..experiment.table.len()).collect();
        experiment.table = experiment.table.set(&rows, "moa", "").unwrap();
        experiment
    };
    // What is to be learnt must be there.
    let (outcome, _) = trained(without(), config(), &folder.path().join("both"), &Interrupt::default());
    let text = outcome.unwrap_err().to_string();
    assert!(text.starts_with("0 mechanisms of action") && text.contains("moa_epochs 0"), "{text}");

    let out = folder.path().join("drugs");
    let drugs = Config { drug_epochs: 2, moa_epochs: 0, drop_inactive: true, ..config() };
    let (outcome, events) = trained(without(), drugs, &out, &Interrupt::default());
    let outcome = outcome.unwrap();
    assert!(outcome.card.moas.is_empty() && outcome.card.drugs.len() > 2);
    assert_eq!(outcome.card.trained_on.validation_map, None, "nothing asks for a mechanism");
    assert!(events.iter().any(|event| matches!(event, Event::Ready { moas: 0, .. })));
    assert!(outcome.history.iter().all(|epoch| epoch.stage == "drug" && epoch.losses.get("total") > 0.0));
    assert_eq!(outcome.history.len(), 2);
    // The card says what the weights are.
    let (_, card) = infer::load(&out, &Compute::flex(), &ComputeThread::shared_headless()).unwrap();
    assert_eq!((card.hash, card.drugs, card.moas.len()), (outcome.card.hash, outcome.card.drugs, 0));
}

#[test]
fn full_memory_halves_the_batch_and_training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    interrupt.pretend_full_at(3);
    let (outcome, events) = trained(opened(), config(), folder.path(), &interrupt);
    assert_eq!(outcome.unwrap().card.trained_on.epochs, 3);
    assert!(events.iter().any(|event| matches!(event, Event::Halved { parts: 2 })));
}

#[test]
fn a_training_that_is_stopped_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let interrupt = Arc::new(Interrupt::default());
    let items = Items::of(&opened());
    let config = Config { moa_epochs: 500, ..config() };
    let (splits, _) = splits(&items, &config).unwrap();
    let run = Run {
        config,
        experiment: Arc::new(opened()),
        items,
        splits,
        out: TrainingFolder::open(folder.path(), false).unwrap(),
        name: "test".to_owned(),
        start: None,
        compute: Compute::flex(),
        thread: ComputeThread::shared_headless(),
        checkpoint_every: Duration::from_mins(1),
    };
    let steps = std::cell::Cell::new(0);
    let outcome = train(run, &interrupt, &mut |event| {
        if matches!(event, Event::Step(_)) {
            steps.set(steps.get() + 1);
            if steps.get() == 8 {
                interrupt.stop();
            }
        }
    });
    assert!(outcome.unwrap().history.len() < 500);
    assert!(folder.path().join("model.safetensors").is_file());
    let left = std::fs::read_dir(folder.path()).unwrap();
    let kept =
        left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("checkpoint"));
    assert_eq!(kept.count(), 1, "it can go on later");
}

#[test]
fn a_copy_of_a_training_video_among_the_queries_is_found_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = opened();
    let rows = 0..experiment.table.len();
    let of = |split: &str, experiment: &Experiment| {
        rows.clone().find(|&row| experiment.table.text(row, "split") == split).unwrap()
    };
    let (train_row, query_row) = (of("train", &experiment), of("query", &experiment));
    let original = experiment.address(train_row).unwrap().path;
    let copy = folder.path().join("copy.ome.tif");
    std::fs::copy(original, &copy).unwrap();
    experiment.table = experiment.table.set(&[query_row], "path", copy.to_str().unwrap()).unwrap();
    let names = [train_row, query_row].map(|row| experiment.table.row_id(row).to_owned());
    let (outcome, events) = trained(experiment, config(), &folder.path().join("out"), &Interrupt::default());
    let text = outcome.unwrap_err().to_string();
    assert!(text.starts_with("the split leaks"), "{text}");
    let found = events.iter().find_map(|event| match event {
        Event::Leaks(findings) => findings.iter().find(|finding| finding.leak == Leak::Content),
        _ => None,
    });
    let rows = &found.unwrap().rows;
    assert!(names.iter().all(|name| rows.contains(name)), "{rows:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::Step(_))));
}

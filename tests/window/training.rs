//! Training in the window: what is asked, what it would take, a training from start to model, one that is stopped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::training::form::Form;
use molclip::app::training::kept::Kept;
use molclip::app::training::progress::Phase;
use molclip::app::training::{Answer, Training, TrainingCommand};
use molclip::app::{Setup, Studio};
use molclip::learn::config::Config;
use molclip::model::weights::read_card;
use molclip::simulate;

use crate::support::{self, Window, send, setup, studio, wait, window_with};

/// A screen of four mechanisms with five drugs each, small enough to train on in seconds.
fn simulated() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        support::simulated(&simulate::Config {
            moas: 4,
            drugs_per_moa: 5,
            videos_per_drug: 2,
            replicates: 2,
            size: 32,
            frames: 8,
            seed: 11,
            ..simulate::Config::default()
        })
    });
    manifest
}

/// Every part of a training, in seconds.
fn tiny(moa_epochs: usize) -> Config {
    let text = serde_json::json!({
        "seed": 3,
        "encoder": { "name": "light", "tubelet": [2, 4, 4], "dim": 8, "depths": [1, 1] },
        "input": { "frames": 8, "size": 32, "pixel_size_um": 0.8 },
        "projection": 16,
        "drug_epochs": 2,
        "moa_epochs": moa_epochs,
        "batch_drugs": 4,
        "batch_videos": 2,
        "validate_every": 1,
    });
    serde_json::from_value(text).unwrap()
}

fn training(studio: &Studio) -> &Training {
    &studio.state.training
}

/// A window with an experiment and the training panel in front.
fn open(folder: &Path, manifest: &Path) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[manifest]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1000.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    send(&mut window, Command::TrainModel);
    wait(&mut window, "the rows are looked at", |s| training(s).look.is_some());
    window.run_steps(2);
    window
}

/// Answers the form as a test can wait for.
fn answer(window: &mut Window, folder: &Path, config: Config) {
    wait(window, "the form is there", |s| training(s).form.is_some());
    let form = Form {
        folder: folder.display().to_string(),
        config,
        ..training(studio(window)).form.clone().unwrap().1
    };
    send(window, Command::Training(TrainingCommand::Form(Box::new(form))));
    wait(window, "the rows are looked at for this split, and the folder for models", |s| {
        let t = training(s);
        t.looking.is_none()
            && !t.scanning
            && t.kept.folder == folder
            && !t.form.as_ref().unwrap().1.name.is_empty()
    });
    // The defaults are measured first.
    let start = Instant::now();
    while window.query_by_label_contains("of memory").is_none() {
        window.step();
        assert!(start.elapsed() < Duration::from_mins(3), "no estimate");
    }
}

fn manifest(folder: &Path, rows: &str) -> PathBuf {
    let path = folder.join("manifest.csv");
    std::fs::write(&path, format!("row_id,path,well,compound,moa,split\n{rows}")).unwrap();
    path
}

#[test]
fn without_treatments_the_panel_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let window = open(folder.path(), &manifest(folder.path(), "a,a.tif,A1,,,\nb,b.tif,A2,,,\n"));
    window.get_by_label("No row names a compound");
    window.get_by_label_contains("Join table…");
    let window = open(folder.path(), &manifest(folder.path(), "a,a.tif,A1,FCCP,,\nb,b.tif,A2,BAM15,,\n"));
    window.get_by_label("No row names a mechanism of action");
    let one = "a,a.tif,A1,FCCP,uncoupler,\nb,b.tif,A2,BAM15,uncoupler,\n";
    let window = open(folder.path(), &manifest(folder.path(), one));
    window.get_by_label("All rows have the same mechanism of action");
}

#[test]
fn what_is_on_both_sides_of_a_split_is_named_and_blocks_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let content = |n: usize| format!("recording {}", if n == 7 { 0 } else { n });
    let mut rows = String::new();
    for (n, (compound, moa, split)) in [
        ("FCCP", "uncoupler", "train"),
        ("FCCP", "uncoupler", "train"),
        ("antimycin", "complex III", "train"),
        ("antimycin", "complex III", "train"),
        ("BAM15", "uncoupler", "val"),
        ("myxothiazol", "complex III", "val"),
        ("CCCP", "uncoupler", "query"),
        ("stigmatellin", "complex III", "gallery"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(folder.path().join(format!("{n}.tif")), content(n)).unwrap();
        writeln!(rows, "row{n},{n}.tif,A{},{compound},{moa},{split}", n + 1).unwrap();
    }
    let mut window = open(folder.path(), &manifest(folder.path(), &rows));
    window.get_by_label("which ones: the table's column “split”");
    // The last recording is a copy of the first, under another compound.
    window.get_by_label_contains("have the same content. Rows row0, row7.");
    assert!(training(studio(&window)).look.as_ref().unwrap().split.as_ref().unwrap().is_void());
    send(&mut window, Command::Training(TrainingCommand::Start));
    assert!(training(studio(&window)).live.is_none(), "it does not start");
    send(&mut window, Command::BlindMode);
    assert!(window.query_by_label_contains("row7").is_none(), "rows are named while blind");
}

#[test]
fn a_training_goes_from_the_form_to_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), simulated());
    answer(&mut window, folder.path(), tiny(3));
    window.get_by_label_contains("About ");
    window.get_by_label("which ones: the table's column “split”");
    window.get_by_label("Start training").click();
    wait(&mut window, "it starts", |s| training(s).live.is_some());
    assert!(studio(&window).running_jobs().contains(&"Training model 1".to_owned()));
    wait(&mut window, "it ends", |s| !training(s).live.as_ref().unwrap().is_running());
    window.run_steps(2);
    let live = training(studio(&window)).live.as_ref().unwrap();
    let Phase::Finished(finish) = &live.phase else { panic!("{:?}", live.phase) };
    assert_eq!((finish.epochs, finish.stopped, finish.simulated), (5, false, true));
    assert_eq!(live.epochs.len(), 5);
    assert!(live.epochs[1].losses.get("total") < live.epochs[0].losses.get("total"));
    assert_eq!(live.curve.points.len(), live.ready.as_ref().unwrap().steps);
    let map = live.map.as_ref().unwrap();
    assert_eq!(map.round, 5);
    let trained = map.points.iter().filter(|(.., trained)| *trained).count();
    assert!(trained > 0 && trained < map.points.len(), "{trained} of {}", map.points.len());

    window.get_by_label_contains("Finished: validation mAP");
    window.get_by_label("Losses by step");
    window.get_by_label("Validation mAP by step");
    window.get_by_label_contains(&format!("Map of {} videos", map.points.len()));
    let card = read_card(&folder.path().join("model 1")).unwrap();
    assert_eq!(card.trained_on.validation_map, finish.best.as_ref().unwrap().validation.map(|v| v.score));

    let listed = training(studio(&window)).models.iter().find(|model| model.name == card.name).unwrap();
    assert!(listed.simulated && listed.written.is_some(), "{listed:?}");
    assert_eq!(listed.score.map(|(map, _)| map), card.trained_on.validation_map);
    window.get_by_label("Evaluate on what was held back").click();
    wait(&mut window, "it is evaluated", |s| {
        let live = training(s).live.as_ref().unwrap();
        live.evaluating.is_none() && live.evaluation.is_some()
    });
    let reports = match &training(studio(&window)).live.as_ref().unwrap().evaluation {
        Some(Answer::Known(reports)) => reports.clone(),
        other => panic!("{other:?}"),
    };
    assert!(reports.iter().all(|report| report.simulated && report.contaminated.is_empty()));
    assert!(reports[0].baselines.contains_key("chance") && reports[0].baselines.contains_key("biomarkers"));
    window.run_steps(2);
    assert!(window.query_all_by_label_contains("queries, simulated cells").next().is_some());
    window.get_by_label("Encode and ask");

    send(&mut window, Command::BlindMode);
    let moa = card.moas[0].clone();
    assert!(window.query_by_label_contains(&moa).is_none(), "{moa} is on screen while blind");
    send(&mut window, Command::BlindMode);
    window.get_by_label("Train another…").click();
    wait(&mut window, "the form is back", |s| training(s).live.is_none() && !training(s).scanning);
    wait(&mut window, "another name is suggested", |s| {
        training(s).form.as_ref().unwrap().1.name == "model 2"
    });
    assert!(training(studio(&window)).kept.unfinished.is_empty(), "nothing is left to resume");
}

#[test]
fn a_stopped_training_keeps_its_best_and_can_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), simulated());
    answer(&mut window, folder.path(), tiny(5000));
    window.get_by_label("Start training").click();
    wait(&mut window, "two epochs on mechanisms", |s| {
        training(s).live.as_ref().is_some_and(|live| live.epochs.len() >= 4)
    });
    window.run_steps(2);
    window.get_by_label("Pause").click();
    window.run_steps(3);
    window.get_by_label("Paused");
    window.get_by_label("Go on").click();
    window.run_steps(3);
    window.get_by_label("Stop and keep the best").click();
    wait(&mut window, "it ends", |s| training(s).live.as_ref().is_some_and(|live| !live.is_running()));
    let live = training(studio(&window)).live.as_ref().unwrap();
    let Phase::Finished(finish) = &live.phase else { panic!("{:?}", live.phase) };
    // The best may be the epoch in the middle of which it was stopped, which is not listed.
    assert!(finish.stopped && finish.epochs < 5002 && finish.map.is_some());
    let epochs = finish.epochs;
    read_card(&folder.path().join("model 1")).unwrap();

    window.run_steps(2);
    window.get_by_label("Train another…").click();
    wait(&mut window, "it is offered", |s| {
        training(s).live.is_none() && !training(s).kept.unfinished.is_empty()
    });
    window.run_steps(2);
    window.get_by_label_contains(&format!("“model 1” was stopped: {epochs} of 5002 epochs done"));
    window.get_by_label("Go on").click();
    wait(&mut window, "it goes on", |s| {
        training(s).live.as_ref().is_some_and(|live| live.epochs.len() > epochs)
    });
    let live = training(studio(&window)).live.as_ref().unwrap();
    assert!(live.notes[0].starts_with("Went on after step"), "{:?}", live.notes);
    // The program ends: the training stops by itself and stays resumable.
    window.state_mut().as_mut().unwrap().end();
    assert!(studio(&window).running_jobs().iter().all(|name| !name.starts_with("Training")));
    assert_eq!(Kept::scan(folder.path()).unfinished.len(), 1);
}

#[test]
fn what_goes_wrong_is_said_in_the_panel() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), simulated());
    let config = Config { learning_rate: 1e30, warmup_epochs: 0.0, ..tiny(1) };
    answer(&mut window, folder.path(), config);
    window.get_by_label("Start training").click();
    wait(&mut window, "it ends", |s| training(s).live.as_ref().is_some_and(|live| !live.is_running()));
    window.run_steps(2);
    window.get_by_label("The training ended without a model");
    window.get_by_label_contains("Lower the learning rate");
}

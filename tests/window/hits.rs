//! Hits and doses: a screen is read, listed, drawn and written; what it lacks is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::hits::Kind;
use molclip::app::command::Command;
use molclip::app::hits::{HitsCommand, HitsForm, Reading, Shown, Why};
use molclip::app::screen::command::ScreenCommand;
use molclip::app::{Setup, Studio};
use molclip::experiment::project::Project;
use molclip::experiment::{EmbeddingTable, Experiment, PROFILE, Table, Well};
use molclip::random::{normal, stream};
use polars::prelude::df;

use crate::support::{Window, send, settle, setup, studio, wait, window_with};

const DIM: usize = 6;

/// Dose of the half response of the drug, µM.
const EC50: f64 = 0.1;

/// Two plates of 48 wells in scattered places: eight negative and eight positive controls, a drug and an idle compound at eight
/// doses in two wells each. `named` controls are known as such.
fn screen(named: bool) -> Experiment {
    let (mut ids, mut plates, mut wells, mut compounds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut doses, mut controls, mut scores, mut values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for plate in 0..2_usize {
        for well in 0..48_usize {
            let place = well * 29 % 96;
            let treated = well.checked_sub(16);
            let dose = treated.map(|treated| 0.001 * 10_f64.powf((treated % 8) as f64 / 2.0));
            let (compound, control, level) = match (well, treated) {
                (0..8, _) => ("solvent", "negative", 0.0),
                (_, None) => ("inhibitor", "positive", 1.0),
                (_, Some(0..16)) => ("drug", "", 1.0 / (1.0 + (EC50 / dose.unwrap()).powf(1.5))),
                _ => ("idle", "", 0.0),
            };
            let mut own = stream(3, &["well", &plate.to_string(), &well.to_string()]);
            let vector: Vec<f64> = (0..DIM)
                .map(|feature| level * if feature < 2 { 4.0 } else { 0.0 } + 0.3 * normal(&mut own))
                .collect();
            ids.push(format!("p{plate}_{well}"));
            plates.push(format!("p{plate}"));
            wells.push(Well { row: (place / 12) as u8, column: (place % 12) as u8 }.to_string());
            compounds.push(compound);
            doses.push(dose);
            controls.push(Some(control).filter(|control| named && !control.is_empty()));
            scores.push(vector[0]);
            values.extend(vector.iter().map(|value| *value as f32));
        }
    }
    let frame = df!(
        "row_id" => &ids, "plate" => plates, "well" => wells, "compound" => compounds, "concentration_uM" => doses,
        "control" => controls, "brightness" => scores,
    )
    .unwrap();
    let mut experiment = Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap();
    let vectors = EmbeddingTable {
        row_ids: ids,
        dim: DIM,
        values,
        model_hash: "profile x".to_owned(),
        features: (0..DIM).map(|i| format!("Cells_{i}")).collect(),
        ..EmbeddingTable::default()
    };
    experiment.embeddings.insert(PROFILE.to_owned(), Arc::new(vectors));
    experiment
}

/// A window with the experiment as a project, the panel in front.
fn open(folder: &Path, experiment: &Experiment, theme: Theme) -> Window {
    let path: PathBuf = folder.join("plates.molclip");
    Project::create(&path, experiment, &serde_json::Value::Null).unwrap();
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[path.as_path()]) };
    let mut window = window_with(setup, theme);
    window.set_size([1900.0, 1200.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    settle(&mut window);
    send(&mut window, Command::ShowHits);
    window
}

fn encode(window: &mut Window) {
    send(window, Command::EncodeVideos);
    wait(window, "the wells have vectors", |s| s.state.answers.encoded.is_some());
    settle(window);
    send(window, Command::ShowHits);
}

fn reading(studio: &Studio) -> &Reading {
    &studio.state.hits
}

fn shown(window: &Window) -> Arc<Shown> {
    Arc::clone(reading(studio(window)).shown.as_ref().unwrap())
}

fn is_shown(window: &Window, text: &str) -> bool {
    window.query_all_by_label_contains(text).next().is_some()
}

fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

fn read(window: &mut Window) {
    click(window, "Read the screen");
    wait(window, "the screen is read", |s| {
        let hits = reading(s);
        hits.running.is_none() && (hits.shown.is_some() || hits.failed.is_some())
    });
    settle(window);
}

fn change(window: &mut Window, change: impl FnOnce(&mut HitsForm)) {
    let mut form = reading(studio(window)).form.clone();
    change(&mut form);
    send(window, Command::Hits(HitsCommand::Form(Box::new(form))));
}

#[test]
fn a_screen_is_read_listed_drawn_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen(true), Theme::Dark);
    assert!(is_shown(&window, "No vectors yet"));
    encode(&mut window);
    assert!(is_shown(&window, "The screen was not read yet"));
    read(&mut window);
    let found = shown(&window);
    assert_eq!((found.hits.score, found.compounds.len(), found.treatments.len()), (Kind::OnScore, 2, 16));
    let drug = &found.compounds[0];
    assert_eq!(drug.name, "drug");
    let near = |ec50: f64| (EC50 / 2.0..EC50 * 2.0).contains(&ec50);
    assert!(drug.ec50_um.is_none_or(near), "{:?}", drug.ec50_um);
    assert!(is_shown(&window, &format!("EC50 [95 %] of drug: {}", drug.ec50)));
    assert!(is_shown(&window, "Compound of idle: idle"));

    // A click selects the compound's wells everywhere.
    click(&mut window, "Compound of drug: drug");
    let selected: BTreeSet<u32> = studio(&window).state.screen.as_ref().unwrap().selection.rows().collect();
    assert_eq!(selected, drug.rows.iter().copied().collect());
    assert_eq!(selected.len(), 32);

    window.get_by_label("Search hits").click();
    window.run_steps(2);
    window.get_by_label("Search hits").type_text("idl");
    window.run_steps(3);
    assert!(is_shown(&window, "Compound of idle: idle") && !is_shown(&window, "Compound of drug: drug"));
    change(&mut window, |form| form.search.clear());
    click(&mut window, "Treatments");
    assert!(is_shown(&window, "16 of 16 treatments shown"));

    click(&mut window, "Curves");
    // Or why there is none: the two plates' scores differ in scale.
    let said = if drug.ec50_um.is_some() {
        format!("Curve of drug: EC50 {}", drug.ec50)
    } else {
        "Curve of drug: ".to_owned()
    };
    assert!(is_shown(&window, &said));
    assert!(is_shown(&window, "Curve of idle: no curve"));
    click(&mut window, "Points");
    assert!(is_shown(&window, "On- and off-scores: 48 points"), "16 treatments and 32 control wells");
    click(&mut window, "Effect and q");
    assert!(is_shown(&window, "Effect and q of treatments: 16 points"));
    click(&mut window, "Quality");
    assert!(is_shown(&window, "Scores of plate p0") && is_shown(&window, "Scores of plate p1"));
    assert!(is_shown(&window, "Z' of position alone"));
    assert!(is_shown(&window, "Controls of plate p1: 8 / 8"));

    click(&mut window, "How many wells?");
    assert_eq!(window.query_all_by_label_contains("wells find an effect of").count(), 7);
    let results = folder.path().join("hits");
    for (button, file) in [
        ("Write plate map", "plate_map.csv"),
        ("Export tables", "hits.xlsx"),
        ("Export figures", "dose_response.svg"),
    ] {
        click(&mut window, button);
        settle(&mut window);
        assert!(results.join(file).is_file(), "{file}");
    }
    let map = std::fs::read_to_string(results.join("plate_map.csv")).unwrap();
    // Three wells of 16 treatments, each repetition on a plate with 8 + 8 controls; positive ones name no dose here.
    assert!(map.starts_with("plate,well,compound,concentration_uM,control\n"), "{map}");
    assert_eq!(map.lines().filter(|line| line.contains(",drug,")).count(), 24);

    // What was read is out of date once the table has changed.
    assert!(!is_shown(&window, "The table was changed since"));
    send(&mut window, Command::Screen(ScreenCommand::Tag(vec![0], "seen".to_owned())));
    assert!(is_shown(&window, "The table was changed since"));
    // Read otherwise, it is read anew.
    change(&mut window, |form| form.options.robust = true);
    wait(&mut window, "it is read anew", |s| {
        reading(s).shown.as_ref().is_some_and(|shown| shown.asked.options.robust)
    });
    settle(&mut window);
    assert!(!is_shown(&window, "The table was changed since"));

    send(&mut window, Command::BlindMode);
    assert!(is_shown(&window, "Hidden while you score blind: hits"));
}

#[test]
fn a_screen_without_controls_says_what_to_do_and_a_column_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen(false), Theme::Light);
    encode(&mut window);
    read(&mut window);
    let failed = reading(studio(&window)).failed.clone().unwrap().1;
    assert!(matches!(&failed, Why::Controls(why) if why.contains("no negative controls")), "{failed:?}");
    assert!(is_shown(&window, "There are no negative controls"));
    assert!(is_shown(&window, "Mark as negative control"));

    change(&mut window, |form| form.column = Some("brightness".to_owned()));
    read(&mut window);
    let found = shown(&window);
    assert_eq!((found.hits.score, found.name.as_str()), (Kind::RawReadout, "brightness"));
    let names: BTreeSet<&str> = found.compounds.iter().map(|entry| entry.name.as_str()).collect();
    assert!(names.contains("drug"), "{names:?}");
    assert!(is_shown(&window, "Compound of drug: drug"));
}

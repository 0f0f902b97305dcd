//! Answers in the window: a screen is encoded, a video is asked about, a structure, a rectangle that plays, and what is
//! taken away.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::answers::{Call, Level};
use molclip::app::answers::structure::StructureQuestion;
use molclip::app::answers::{AnswerCommand, Answering, Encoded, Options};
use molclip::app::command::Command;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::{Setup, Studio};
use molclip::export::Progress;
use molclip::simulate;
use molclip::video::Crop;

use crate::support::{Window, settle, setup, studio, window_with};

/// A screen that the shipped model can say something of, small enough to be simulated in seconds.
fn simulated() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = simulate::Config {
            moas: 4,
            drugs_per_moa: 4,
            videos_per_drug: 1,
            replicates: 3,
            size: 64,
            frames: 16,
            seed: 21,
            ..simulate::Config::default()
        };
        let manifest = simulate::run(&config, &folder.path().join("screen"), &Progress::default()).unwrap();
        (folder, manifest)
    });
    manifest
}

fn wait(window: &mut Window, what: &str, mut until: impl FnMut(&Studio) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if until(studio(window)) {
            return;
        }
        assert!(start.elapsed() < Duration::from_mins(3), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(window: &mut Window, command: Command) {
    let ctx = window.ctx.clone();
    window.state_mut().as_mut().unwrap().apply(&ctx, command);
    window.run_steps(2);
}

fn answers(studio: &Studio) -> &Answering {
    &studio.state.answers
}

fn encoded(window: &Window) -> &Encoded {
    answers(studio(window)).encoded.as_ref().unwrap()
}

/// A window with the experiment in it, all videos encoded by the shipped model.
fn open(folder: &Path) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[simulated()]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1600.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    send(&mut window, Command::ShowAnswers);
    let label = "Encode";
    window
        .get_by(|node| node.label().is_some_and(|text| text.starts_with(label) && text.ends_with("videos")))
        .click();
    wait(&mut window, "the videos are encoded", |s| answers(s).encoded.is_some());
    settle(&mut window);
    window
}

/// The first row of a compound that is no control and was called active.
fn active_row(window: &Window) -> u32 {
    let encoded = encoded(window);
    let treatments = encoded.answers.treatments().iter().enumerate();
    let active = treatments.filter(|(place, _)| encoded.answers.activity(*place).is_active());
    let (_, treatment) = active.into_iter().next().expect("a treatment is active");
    encoded.subjects.subjects[treatment.subjects[0]].row as u32
}

fn select(window: &mut Window, row: u32) {
    send(window, Command::Screen(ScreenCommand::Take(vec![row], Gesture::Replace)));
    wait(window, "the question is answered", |s| {
        answers(s).answer.as_ref().is_some_and(|(question, _)| question.row == row)
    });
    window.run_steps(2);
}

#[test]
fn a_video_is_asked_about_and_says_what_its_treatment_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let all = studio(&window).state.screen.as_ref().unwrap().table().len();
    assert_eq!(encoded(&window).rows.len(), all);
    let hash = encoded(&window).card.hash.clone();
    let kept = &studio(&window).state.screen.as_ref().unwrap().experiment().embeddings;
    assert!(kept.values().any(|table| table.model_hash == hash && table.row_ids.len() == all));

    let row = active_row(&window);
    select(&mut window, row);
    window.get_by_label_contains("Active: q ");
    window.get_by_label_contains("n = 3 replicates, 3 wells");
    let (_, answer) = answers(studio(&window)).answer.as_ref().unwrap();
    let answer = answer.as_ref().unwrap();
    assert!(!answer.videos.is_empty() && !answer.moas.is_empty() && answer.simulated);
    // Its own compound does not answer for it.
    let subjects = &encoded(&window).subjects;
    let own = subjects.subjects[subjects.of_row(row as usize).unwrap()].compound;
    assert!(answer.videos.iter().all(|near| subjects.subjects[near.subject].compound != own));

    for level in [Level::Video, Level::Compound] {
        let options = Options { level, ..answers(studio(&window)).options };
        send(&mut window, Command::Answers(AnswerCommand::Options(options)));
        wait(&mut window, "the other level is answered", |s| {
            answers(s).answer.as_ref().is_some_and(|(question, _)| question.level == level)
        });
    }
}

#[test]
fn a_control_looks_like_dmso_and_gets_no_mechanism_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let control = encoded(&window).subjects.subjects.iter().find(|s| s.control).unwrap().row as u32;
    let options = Options { level: Level::Video, ..answers(studio(&window)).options };
    send(&mut window, Command::Answers(AnswerCommand::Options(options)));
    select(&mut window, control);
    let (_, answer) = answers(studio(&window)).answer.as_ref().unwrap();
    assert_eq!(answer.as_ref().unwrap().call, Call::DmsoLike);
    window.get_by_label("Looks like DMSO");
    assert!(window.query_by_label("Mechanisms").is_none());
    window.get_by_label("Show mechanisms anyway").click();
    window.run_steps(3);
    window.get_by_label("Mechanisms");
}

#[test]
fn blind_scoring_hides_answers() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let row = active_row(&window);
    select(&mut window, row);
    send(&mut window, Command::BlindMode);
    window.get_by_label("Answers are hidden while you score blind.");
    assert!(window.query_by_label_contains("Active: q ").is_none());
    // The export form would write names.
    assert!(!molclip::app::panels::menu::enabled(&Command::TakeAnswers, &studio(&window).state));
}

#[test]
fn a_structure_that_was_never_imaged_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let ask = |text: &str| {
        Command::Answers(AnswerCommand::Structure(StructureQuestion {
            text: text.to_owned(),
            round: 1,
            ..StructureQuestion::default()
        }))
    };
    send(&mut window, ask("CC1(C)CCCC(C)=C1C=CC(C)=CC=CC(C)=CC(=O)O"));
    wait(&mut window, "the structure is answered", |s| answers(s).structure_answer.is_some());
    let (_, answer) = answers(studio(&window)).structure_answer.clone().unwrap();
    let answer = answer.unwrap();
    assert!(!answer.videos.is_empty() && !answer.moas.is_empty() && answer.known.len() == 5);
    assert!(answer.trained.is_some());
    send(&mut window, ask("C1CC(("));
    wait(&mut window, "the mistake is found", |s| {
        answers(s).structure_answer.as_ref().is_some_and(|(_, answer)| answer.is_err())
    });
}

#[test]
fn a_rectangle_is_encoded_as_the_recording_plays() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let row = active_row(&window);
    select(&mut window, row);
    wait(&mut window, "it plays", |s| !s.state.views.is_empty());
    settle(&mut window);
    let roi = Crop { x: 8, y: 8, width: 48, height: 40 };
    send(&mut window, Command::SetRoi(0, Some(roi)));
    wait(&mut window, "the rectangle is answered", |s| answers(s).region.is_some());
    let region = |window: &Window| {
        let (place, answer) = answers(studio(window)).region.as_ref().unwrap();
        (*place, std::sync::Arc::clone(answer.as_ref().unwrap()))
    };
    let (place, first) = region(&window);
    assert_eq!(place.part, Some(roi));
    assert!(!first.encoded.own_light, "the row's own plate scales it");
    assert!(!first.answer.moas.is_empty());
    window.run_steps(3);
    window.get_by_label_contains("ms a window");
    send(&mut window, Command::Last);
    wait(&mut window, "the bars follow", |s| {
        answers(s).region.as_ref().is_some_and(|(p, _)| p.at > place.at)
    });
}

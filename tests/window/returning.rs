//! Work that comes back: answers without encoding, experiments without a name, the last session, recent work.

use std::fs;
use std::path::{Path, PathBuf};

use eframe::egui::{Theme, ViewportEvent, ViewportId};
use egui_kittest::kittest::Queryable;
use molclip::analysis::answers::Level;
use molclip::app::answers::{AnswerCommand, Answering, Options, Source};
use molclip::app::command::Command;
use molclip::app::forms::Closing;
use molclip::app::forms::choice::Choice;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::settings::{Recent, Settings};
use molclip::app::{Setup, Studio};
use molclip::simulate;

use crate::support::{self, Window, movie, send, settle, setup, studio, wait, window_with};

fn config(folder: &Path) -> PathBuf {
    folder.join("config")
}

fn open(folder: &Path, path: &Path) -> Window {
    let setup = Setup { config_dir: Some(config(folder)), ..setup(&[path]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1600.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    window
}

/// A start without anything to open, with the settings of the run before.
fn start(folder: &Path) -> Window {
    let settings = Settings::load(Some(&config(folder)));
    let setup = Setup { config_dir: Some(config(folder)), settings, ..setup(&[]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1000.0].into());
    settle(&mut window);
    window
}

fn end(mut window: Window) {
    window.state_mut().as_mut().unwrap().end();
}

fn save_as(window: &mut Window, path: &Path) {
    send(window, Command::ExperimentPath(Choice::SaveProject, path.to_owned()));
    wait(window, "the project is made", |s| s.state.project.as_ref().is_some_and(|(_, unnamed)| !unnamed));
    settle(window);
}

fn answers(studio: &Studio) -> &Answering {
    &studio.state.answers
}

fn encode(window: &mut Window, source: &Source) {
    send(window, Command::Answers(AnswerCommand::Source(source.clone())));
    send(window, Command::EncodeVideos);
    wait(window, "the rows have vectors", |s| {
        answers(s).encoded.as_ref().is_some_and(|encoded| encoded.source == *source)
    });
    settle(window);
}

/// Two videos in a table.
fn table(folder: &Path) -> PathBuf {
    for name in ["v1.ome.tif", "v2.ome.tif"] {
        movie(folder, name, 1, 1, Some(2.0));
    }
    let path = folder.join("manifest.csv");
    fs::write(&path, "row_id,path,compound\na,v1.ome.tif,DMSO\nb,v2.ome.tif,FCCP\n").unwrap();
    path
}

/// The window is asked to close, as Ctrl+Q and its button do.
fn ask_to_close(window: &mut Window) {
    let root = window.input_mut().viewports.entry(ViewportId::ROOT).or_default();
    root.events.push(ViewportEvent::Close);
    window.run_steps(3);
}

#[test]
fn answers_come_back_from_kept_vectors_when_no_recording_is_there_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (recordings, manifest) = support::simulated(&simulate::Config {
        moas: 2,
        drugs_per_moa: 2,
        videos_per_drug: 1,
        replicates: 2,
        size: 32,
        frames: 8,
        seed: 7,
        ..simulate::Config::default()
    });
    let mut window = open(folder.path(), &manifest);
    settle(&mut window);
    let handmade = Source::Family("biomarkers");
    encode(&mut window, &handmade);
    encode(&mut window, &Source::Shipped);
    let before = answers(studio(&window)).encoded.clone().unwrap();
    assert!(before.seconds.is_some() && !before.embedded.encoded.intensities.is_empty());
    let options = Options { level: Level::Video, ..Options::default() };
    send(&mut window, Command::Answers(AnswerCommand::Options(options)));
    let project = folder.path().join("screen.molclip");
    save_as(&mut window, &project);
    end(window);
    drop(recordings);
    assert!(!manifest.exists());

    let mut window = open(folder.path(), &project);
    wait(&mut window, "answers come back", |s| answers(s).encoded.is_some());
    let jobs = studio(&window).running_jobs();
    assert!(!jobs.contains(&"Encoding videos".to_owned()), "{jobs:?}");
    settle(&mut window);
    let back = answers(studio(&window)).encoded.clone().unwrap();
    assert_eq!((&back.source, back.seconds), (&Source::Shipped, None));
    let (now, then) = (&back.embedded, &before.embedded);
    assert_eq!((&now.about, &now.fingerprint), (&then.about, &then.fingerprint));
    assert_eq!(now.encoded.values, then.encoded.values);
    assert_eq!(now.encoded.intensities, then.encoded.intensities);
    assert_eq!(now.projections.as_ref().map(Vec::len), then.projections.as_ref().map(Vec::len));
    assert_eq!(answers(studio(&window)).options, options);
    window.get_by_label_contains("encoded before");

    send(&mut window, Command::Screen(ScreenCommand::Take(vec![2], Gesture::Replace)));
    wait(&mut window, "the question is answered", |s| {
        answers(s).answer.as_ref().is_some_and(|(question, _)| question.row == 2)
    });
    assert!(answers(studio(&window)).answer.as_ref().unwrap().1.is_ok());
    // What answered before that is there at once as well, with the names of its numbers.
    encode(&mut window, &handmade);
    let other = answers(studio(&window)).encoded.clone().unwrap();
    assert_eq!((other.seconds, other.features.len()), (None, other.embedded.encoded.dim));
    // Encoding itself needs the recordings.
    send(&mut window, Command::Answers(AnswerCommand::EncodeAgain));
    wait(&mut window, "the mistake is said", |s| answers(s).failed.is_some());
}

#[test]
fn an_experiment_without_a_name_is_asked_about_before_the_program_ends() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = table(folder.path());
    let mut window = open(folder.path(), &manifest);
    settle(&mut window);
    ask_to_close(&mut window);
    let id = studio(&window).state.screen.as_ref().unwrap().experiment().id.clone();
    assert_eq!(studio(&window).state.dialogs.close_experiment, Some(Closing::Program(id)));
    window.get_by_label("Cancel").click();
    window.run_steps(3);
    assert_eq!(studio(&window).state.dialogs.close_experiment, None);
    assert!(studio(&window).state.screen.is_some());

    ask_to_close(&mut window);
    window.get_by_label("Keep for later").click();
    window.run_steps(3);
    ask_to_close(&mut window);
    assert_eq!(studio(&window).state.dialogs.close_experiment, None, "it was answered");
    end(window);

    let mut window = start(folder.path());
    assert_eq!(studio(&window).state.recoverable.len(), 1);
    window.get_by_label_contains("2 rows, never saved), ");
    assert!(window.query_by_label_contains("Reopen last session (").is_none(), "it is offered once");
    window.get_by_label_contains("Bring back “manifest”").click();
    wait(&mut window, "the experiment comes back", |s| s.state.screen.is_some());
    settle(&mut window);
    assert!(studio(&window).state.recoverable.is_empty());

    ask_to_close(&mut window);
    window.get_by_label("Throw away").click();
    window.run_steps(3);
    settle(&mut window);
    assert!(studio(&window).state.screen.is_none());
    end(window);
    let window = start(folder.path());
    assert!(studio(&window).state.recoverable.is_empty());
    assert!(!studio(&window).state.settings.has_session());
}

#[test]
fn what_was_never_saved_can_be_thrown_away_after_a_question() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = table(folder.path());
    for _ in 0..2 {
        let mut window = open(folder.path(), &manifest);
        settle(&mut window);
        end(window);
    }
    let mut window = start(folder.path());
    let lost: Vec<PathBuf> = studio(&window).state.recoverable.iter().map(|lost| lost.path.clone()).collect();
    assert_eq!(lost.len(), 2, "each once");
    window.query_all_by_label("Throw away…").next().unwrap().click();
    window.run_steps(3);
    window.get_by_label("Keep").click();
    window.run_steps(3);
    assert!(window.query_by_label("Throw away").is_none());
    window.query_all_by_label("Throw away…").next().unwrap().click();
    window.run_steps(3);
    window.get_by_label("Throw away").click();
    window.run_steps(3);
    settle(&mut window);
    let left = studio(&window).state.recoverable.iter().map(|lost| lost.path.clone()).collect::<Vec<_>>();
    assert_eq!(left, lost[1..]);
    assert!(!lost[0].exists() && lost[1].exists());
    assert!(manifest.exists(), "what it was imported from stays");
}

#[test]
fn recent_work_is_experiments_and_the_last_session_brings_one_back() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = table(folder.path());
    let mut window = open(folder.path(), &manifest);
    settle(&mut window);
    send(&mut window, Command::Screen(ScreenCommand::Take(vec![0, 1], Gesture::Replace)));
    settle(&mut window);
    assert_eq!(studio(&window).state.views.len(), 2);
    let project = folder.path().join("screen.molclip");
    save_as(&mut window, &project);
    let settings = &studio(&window).state.settings;
    assert!(settings.recent.is_empty(), "videos of rows are no recent recordings");
    let labels: Vec<String> = settings.recent_experiments.iter().map(Recent::label).collect();
    assert_eq!(labels, ["screen.molclip", "manifest.csv"]);
    end(window);

    let mut window = start(folder.path());
    assert!(studio(&window).state.settings.session.is_empty());
    window.get_by_label("Reopen last session (“manifest”)").click();
    wait(&mut window, "the experiment comes back", |s| s.state.screen.is_some());
    settle(&mut window);
    let state = &studio(&window).state;
    assert_eq!(state.project, Some((project, false)));
    assert_eq!(state.views.len(), 2, "as it was");
    // It has a name: nothing is asked.
    ask_to_close(&mut window);
    assert_eq!(studio(&window).state.dialogs.close_experiment, None);
}

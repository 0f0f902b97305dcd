//! Answers in the window: a screen is encoded, a video is asked about, a structure, a rectangle that plays, and what is
//! exported.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::answers::{Call, Level};
use molclip::app::answers::apart;
use molclip::app::answers::structure::StructureQuestion;
use molclip::app::answers::{
    AnswerCommand, Answering, Encoded, Options, PredictionsForm, Source, TableFormat,
};
use molclip::app::command::Command;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::training::TrainingCommand;
use molclip::app::training::kept::Start;
use molclip::app::{Setup, Studio};
use molclip::simulate;
use molclip::video::Crop;

use crate::support::{self, Window, send, settle, setup, studio, wait, window_with};

/// A screen that the shipped model can say something of, small enough to be simulated in seconds.
fn simulated() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        support::simulated(&simulate::Config {
            moas: 4,
            drugs_per_moa: 4,
            videos_per_drug: 1,
            replicates: 3,
            size: 64,
            frames: 16,
            seed: 21,
            ..simulate::Config::default()
        })
    });
    manifest
}

fn answers(studio: &Studio) -> &Answering {
    &studio.state.answers
}

fn encoded(window: &Window) -> &Encoded {
    answers(studio(window)).encoded.as_ref().unwrap()
}

/// A window with the experiment in it, and the panel of answers.
fn opened(folder: &Path) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[simulated()]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1600.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    send(&mut window, Command::ShowAnswers);
    window
}

fn encode(window: &mut Window) {
    let label = "Encode";
    window
        .get_by(|node| node.label().is_some_and(|text| text.starts_with(label) && text.ends_with("videos")))
        .click();
    wait(window, "the videos are encoded", |s| answers(s).encoded.is_some());
    settle(window);
}

/// A window with the experiment in it, all videos encoded by the shipped model.
pub fn open(folder: &Path) -> Window {
    let mut window = opened(folder);
    send(&mut window, Command::Answers(AnswerCommand::Source(Source::Shipped)));
    encode(&mut window);
    window
}

/// The first row of a compound that is no control and was called active.
pub fn active_row(window: &Window) -> u32 {
    let encoded = encoded(window);
    let treatments = encoded.answers.treatments().iter().enumerate();
    let active = treatments.filter(|(place, _)| encoded.answers.activity(*place).is_active());
    let (_, treatment) = active.into_iter().next().expect("a treatment is active");
    encoded.subjects.subjects[treatment.subjects[0]].row as u32
}

pub fn select(window: &mut Window, row: u32) {
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
    assert_eq!(encoded(&window).rows(), all);
    let hash = encoded(&window).embedded.about.hash.clone();
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
fn without_a_choice_hand_made_features_answer_and_say_what_sets_a_drug_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = opened(folder.path());
    window.get_by_label_contains("they beat the shipped network");
    encode(&mut window);
    let of = encoded(&window);
    assert_eq!(of.source, Source::Family("biomarkers"));
    assert_eq!(of.embedded.encoded.features.len(), of.embedded.encoded.dim);
    let rows = |control: bool| {
        let of = encoded(&window);
        let subjects = of.subjects.subjects.iter().filter(move |subject| subject.control == control);
        subjects.map(|subject| subject.row as u32).collect::<Vec<u32>>()
    };
    assert!(rows(true).iter().all(|&row| apart::of(of, row).is_none()), "a control is no treatment");
    let stands_out = |row: &u32| {
        let effects = apart::of(of, *row).unwrap().unwrap();
        effects.effects.iter().any(molclip::analysis::effect::Effect::stands_out)
    };
    let row = rows(false).into_iter().find(stands_out).expect("a drug does something");
    select(&mut window, row);
    let (question, effects) = answers(studio(&window)).apart.as_ref().unwrap();
    assert_eq!((question.row, effects.as_ref().unwrap().treated), (row, 3));
    window.get_by_label("What sets it apart from DMSO");
    let said = format!("n = 3 vs {} wells", effects.as_ref().unwrap().controls);
    assert!(window.query_all_by_label_contains(&said).next().is_some(), "{said}");
    assert!(window.query_by_label_contains("Nothing stands out").is_none());
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
    // How unlike known mechanisms it is would read as a contradiction.
    assert!(window.query_by_label_contains("compounds that have one: p").is_none());
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
    assert!(!molclip::app::panels::menu::enabled(&Command::ExportPredictions, &studio(&window).state));
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
fn another_experiment_answers_read_only_and_goes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path());
    let before = std::fs::read(simulated()).unwrap();
    send(&mut window, Command::Answers(AnswerCommand::Gallery(simulated().to_owned())));
    wait(&mut window, "the gallery is open", |s| answers(s).encoded.as_ref().unwrap().gallery.is_some());
    settle(&mut window);
    let row = active_row(&window);
    select(&mut window, row);
    let (_, answer) = answers(studio(&window)).answer.as_ref().unwrap();
    // The same compounds in another experiment are the same compounds.
    let library = encoded(&window).answers.library().subjects();
    let own = &encoded(&window).subjects;
    let name = |compound: usize| own.compounds[compound].name.clone();
    let asked = name(own.subjects[own.of_row(row as usize).unwrap()].compound.unwrap());
    let answer = answer.as_ref().unwrap();
    let found = answer.videos.iter().filter_map(|near| library.subjects[near.subject].compound);
    assert!(
        !answer.videos.is_empty() && found.map(|c| &library.compounds[c].name).all(|name| *name != asked)
    );
    assert_eq!(std::fs::read(simulated()).unwrap(), before);
    send(&mut window, Command::Answers(AnswerCommand::Gallery("nowhere.csv".into())));
    wait(&mut window, "the mistake is said", |s| answers(s).failed.is_some());
    send(&mut window, Command::Answers(AnswerCommand::OwnGallery));
    wait(&mut window, "the experiment answers itself", |s| {
        answers(s).encoded.as_ref().unwrap().gallery.is_none() && answers(s).failed.is_none()
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

/// The README's tutorial on one screen: train, encode, ask, export; what was written is read back.
#[test]
fn the_tutorial_goes_through_from_training_to_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { config_dir: Some(folder.path().join("config")), ..setup(&[simulated()]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1600.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());

    send(&mut window, Command::TrainModel);
    wait(&mut window, "the form is there", |s| s.state.training.form.is_some());
    let mut form = studio(&window).state.training.form.clone().unwrap().1;
    form.folder = folder.path().join("models").display().to_string();
    form.name = "mine".into();
    form.config.drug_epochs = 1;
    form.config.moa_epochs = 1;
    form.start_from(Start::Shipped);
    send(&mut window, Command::Training(TrainingCommand::Form(Box::new(form))));
    wait(&mut window, "card and rows are known", |s| {
        let training = &s.state.training;
        let form = &training.form.as_ref().unwrap().1;
        training.looking.is_none() && !training.scanning && training.card(form).is_some()
    });
    settle(&mut window);
    send(&mut window, Command::StartTraining);
    wait(&mut window, "the training ends", |s| {
        s.state.training.live.as_ref().is_some_and(|l| !l.is_running())
    });
    settle(&mut window);

    // The model that was just trained answers.
    send(&mut window, Command::EncodeVideos);
    wait(&mut window, "the videos are encoded", |s| answers(s).encoded.is_some());
    settle(&mut window);
    assert_eq!(encoded(&window).source, Source::Model(folder.path().join("models").join("mine")));
    let row = encoded(&window).subjects.subjects.iter().find(|s| !s.control).unwrap().row as u32;
    select(&mut window, row);

    let results = folder.path().join("results");
    send(&mut window, Command::ExportPredictions);
    let form = PredictionsForm {
        folder: results.display().to_string(),
        tables: TableFormat::Csv,
        figures: true,
        embeddings: true,
    };
    send(&mut window, Command::Answers(AnswerCommand::Export(form)));
    settle(&mut window);
    let table = std::fs::read_to_string(results.join("predictions.csv")).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    for column in ["row_id", "concentration_uM", "activity_q", "call", "novelty_p", "model_hash", "simulated"]
    {
        assert!(header.contains(&column), "{column} is missing in {header:?}");
    }
    assert_eq!(lines.count(), encoded(&window).rows());
    assert!(results.join("predictions.treatments.csv").is_file());
    assert!(results.join("embeddings.parquet").is_file());
    let hash = &encoded(&window).embedded.about.hash;
    for figure in ["map", "precision_recall", "nearest_videos"] {
        let svg = std::fs::read_to_string(results.join(format!("{figure}.svg"))).unwrap();
        let drawn = roxmltree::Document::parse(&svg).unwrap();
        let text: String = drawn.descendants().filter_map(|node| node.text()).collect();
        assert!(text.contains("imulated"), "{figure} does not say that it is simulated");
        assert!(text.contains(&hash[..12]), "{figure} does not name the model");
        assert!(image::open(results.join(format!("{figure}.png"))).unwrap().width() > 1000);
    }
}

//! Tables of profiles in the window: features on the plate, bar strips where there are no pictures, effects with names, several
//! tables as one recent entry.

use std::path::PathBuf;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::answers::{Exclude, Level};
use molclip::app::Setup;
use molclip::app::answers::{AnswerCommand, Question, Source};
use molclip::app::command::Command;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::scale::Legend;
use molclip::app::screen::selection::Gesture;
use molclip::app::screen::{FeatureColour, Look, Screen};
use molclip::experiment::PROFILE;

use crate::support::{Window, send, settle, setup, studio, wait, window_with};

/// A window with both plates as one experiment, their features compared with the controls.
fn opened() -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let plates = ["plate_1.csv.gz", "plate_2.csv.gz"]
        .map(|name| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(name));
    let paths: Vec<&std::path::Path> = plates.iter().map(PathBuf::as_path).collect();
    let setup = Setup { config_dir: Some(folder.path().join("config")), ..setup(&paths) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1400.0, 1200.0].into());
    wait(&mut window, "features are compared", |s| {
        s.state.screen.as_ref().is_some_and(|screen| screen.features().is_some())
    });
    settle(&mut window);
    window.state_mut().as_mut().unwrap().state.dialogs.report = false;
    window.run_steps(3);
    (folder, window)
}

fn screen(window: &Window) -> &Screen {
    studio(window).state.screen.as_ref().unwrap()
}

fn look(window: &mut Window, change: impl FnOnce(&mut Look)) {
    let mut look = screen(window).look().clone();
    change(&mut look);
    send(window, Command::Screen(ScreenCommand::Look(Box::new(look))));
}

#[test]
fn rows_without_a_picture_show_their_features_in_the_player() {
    let (_folder, mut window) = opened();
    assert!(studio(&window).state.views.is_empty());
    // A treated well: the features that differ most from DMSO, with names under compartment and channel.
    send(&mut window, Command::Screen(ScreenCommand::Take(vec![0], Gesture::Replace)));
    settle(&mut window);
    assert_eq!(screen(&window).by_features, [0]);
    window.get_by_label_contains("those that differ most from DMSO");
    let features = screen(&window).features().unwrap();
    let bars = features.furthest(0, 40).unwrap();
    let first = features.features()[bars[0].feature].clone();
    window.get_by_label_contains(&first);
    window.get_by_label("Cytoplasm · Mito");
    // The strip has the same features for every row.
    let names = |row: usize| {
        let bars = screen(&window).features().unwrap().strip(row).unwrap();
        bars.iter().map(|bar| bar.feature).collect::<Vec<_>>()
    };
    assert_eq!(names(0), names(47));
    assert_eq!(names(0).len(), 10);
}

#[test]
fn a_feature_colours_all_plates_on_one_scale() {
    let (_folder, mut window) = opened();
    let name = screen(&window).features().unwrap().features()[3].clone();
    look(&mut window, |look| look.feature = Some(FeatureColour { name: name.clone(), raw: false }));
    let scale = screen(&window).plate_scale();
    let Legend::Range(low, high, false, Some(unit), 0) = &scale.legend else { panic!("{:?}", scale.legend) };
    assert_eq!((-low, unit.as_str()), (*high, "robust z"));
    assert_eq!(scale.rows.len(), 48);
    look(&mut window, |look| {
        look.feature = Some(FeatureColour { name, raw: true });
        look.all_plates = true;
    });
    let legend = &screen(&window).plate_scale().legend;
    assert!(
        matches!(legend, Legend::Range(_, _, _, Some(unit), _) if unit == "as in the table"),
        "{legend:?}"
    );
    window.get_by_label("Plate").click();
    window.run_steps(3);
    window.get_by_label("Plate plate_1, 24 wells in use");
    window.get_by_label("Plate plate_2, 24 wells in use");
}

#[test]
fn what_sets_a_profile_apart_has_names() {
    let (_folder, mut window) = opened();
    let source = Source::Embedding(PROFILE.to_owned());
    send(&mut window, Command::Answers(AnswerCommand::Source(source)));
    send(&mut window, Command::EncodeVideos);
    wait(&mut window, "profiles answer", |s| s.state.answers.encoded.is_some());
    settle(&mut window);
    let encoded = studio(&window).state.answers.encoded.clone().unwrap();
    assert_eq!(encoded.features.len(), 10);
    assert!(encoded.features[0].words.more.starts_with("more: "), "{:?}", encoded.features[0]);
    let round = studio(&window).state.answers.round;
    let question = Question { row: 0, level: Level::Treatment, exclude: Exclude::default(), round };
    send(&mut window, Command::Answers(AnswerCommand::Ask(question)));
    wait(&mut window, "the question is answered", |s| s.state.answers.apart.is_some());
    let (_, effects) = studio(&window).state.answers.apart.clone().unwrap();
    assert!(!effects.unwrap().effects.is_empty());
}

#[test]
fn tables_that_were_opened_together_are_one_recent_entry() {
    let (_folder, window) = opened();
    let recent = &studio(&window).state.settings.recent_experiments;
    assert_eq!(recent.len(), 1);
    assert_eq!(recent[0].label(), "plate_1.csv.gz and 1 more");
}

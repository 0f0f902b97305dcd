//! What comes from elsewhere: images of one frame with a file for each channel, and vectors that another program made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::answers::{Answer, Level};
use molclip::app::answers::{
    AnswerCommand, Answering, Encoded, Options, PredictionsForm, Source, TableFormat,
};
use molclip::app::command::Command;
use molclip::app::forms::choice::Choice;
use molclip::app::map::Picture;
use molclip::app::screen::Screen;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::{Setup, Studio};
use molclip::experiment::{EmbeddingTable, Experiment, import};
use molclip::export::embeddings::{self, Format};
use molclip::random::{normal, stream};
use molclip::simulate;

use crate::support::{self, Window, send, settle, setup, studio, wait, window_with};

/// What the vectors of another program are called: their file's name.
const NAME: &str = "lab vectors";

fn open(folder: &Path, path: &Path) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[path]) };
    let mut window = window_with(setup, Theme::Dark);
    window.set_size([1280.0, 1600.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    settle(&mut window);
    window
}

fn answers(studio: &Studio) -> &Answering {
    &studio.state.answers
}

fn encoded(window: &Window) -> &Encoded {
    answers(studio(window)).encoded.as_ref().unwrap()
}

fn screen(window: &Window) -> &Screen {
    studio(window).state.screen.as_ref().unwrap()
}

fn wait_for_vectors(window: &mut Window) {
    wait(window, "the rows have vectors", |s| answers(s).encoded.is_some());
    settle(window);
}

fn select(window: &mut Window, rows: &[u32]) {
    send(window, Command::Screen(ScreenCommand::Take(rows.to_vec(), Gesture::Replace)));
    settle(window);
}

/// What is said of a row by itself.
fn answer(window: &mut Window, row: u32) -> Arc<Answer> {
    let options = Options { level: Level::Video, ..answers(studio(window)).options };
    send(window, Command::Answers(AnswerCommand::Options(options)));
    select(window, &[row]);
    wait(window, "the question is answered", |s| {
        let answer = answers(s).answer.as_ref();
        answer.is_some_and(|(asked, _)| (asked.row, asked.level) == (row, Level::Video))
    });
    window.run_steps(2);
    let (_, answer) = answers(studio(window)).answer.as_ref().unwrap();
    Arc::clone(answer.as_ref().unwrap())
}

fn shown_map(window: &mut Window) -> Arc<Picture> {
    send(window, Command::ShowMap);
    wait(window, "the map is made", |s| s.state.map.shown.is_some() && s.state.map.running.is_none());
    window.run_steps(3);
    let picture = studio(window).state.map.shown.clone().unwrap();
    assert!(picture.plane.positions.iter().flatten().all(|place| place.is_finite()));
    picture
}

fn is_offered(window: &Window, label: &str) -> bool {
    window.query_all_by_label_contains(label).next().is_some()
}

#[test]
fn images_are_looked_at_encoded_asked_about_mapped_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images/manifest.csv");
    let mut window = open(folder.path(), &images);
    assert!(studio(&window).state.report.as_ref().is_none_or(|report| report.missing_files.count == 0));
    select(&mut window, &[0, 4, 8]);
    let state = &studio(&window).state;
    let shapes: Vec<[usize; 2]> =
        state.views.iter().map(|view| view.recording.shape()).map(|s| [s.t, s.c]).collect();
    assert_eq!(shapes, [[1, 2]; 3], "stills with a file for each channel");
    let names: Vec<String> = state.views.iter().map(|view| state.name_of(view)).collect();
    assert_eq!(names, ["no drug", "wortmannin", "nocodazole"]);
    send(&mut window, Command::PlayPause);
    settle(&mut window);
    let state = &studio(&window).state;
    assert!(!state.clock.playing && state.timeline.len() == 1, "there is nothing to play");

    send(&mut window, Command::Answers(AnswerCommand::Source(Source::Shipped)));
    send(&mut window, Command::EncodeVideos);
    wait_for_vectors(&mut window);
    assert_eq!((encoded(&window).rows(), encoded(&window).source.clone()), (12, Source::Shipped));
    assert!(encoded(&window).embedded.encoded.problems.is_empty());
    let found = answer(&mut window, 4);
    assert!(!found.videos.is_empty() && found.simulated);
    let of = &encoded(&window).subjects;
    let own = of.subjects[of.of_row(4).unwrap()].compound;
    assert!(found.videos.iter().all(|near| of.subjects[near.subject].compound != own));
    // A network looks at rectangles and structures too.
    assert!(is_offered(&window, "Ask by structure") && is_offered(&window, "Shift and drag on a picture"));

    let picture = shown_map(&mut window);
    assert_eq!((picture.grouping.len(), picture.plane.positions.len()), (12, 12));
    window.get_by_label("Map of 12 videos");

    let results = folder.path().join("results");
    let form = PredictionsForm {
        folder: results.display().to_string(),
        tables: TableFormat::Csv,
        figures: false,
        embeddings: true,
    };
    send(&mut window, Command::Answers(AnswerCommand::Export(form)));
    settle(&mut window);
    let lines = std::fs::read_to_string(results.join("predictions.csv")).unwrap().lines().count();
    assert_eq!(lines, 13, "a header and every image");
    assert!(results.join("predictions.treatments.csv").is_file());
    assert_eq!(embeddings::read(&results.join("embeddings.parquet")).unwrap().row_ids.len(), 12);
}

/// Vectors in which the videos of a mechanism lie together, far from the others; of all rows but the last.
fn vectors(experiment: &Experiment) -> EmbeddingTable {
    let table = &experiment.table;
    let row_ids: Vec<String> = (0..table.len() - 1).map(|row| table.row_id(row).to_owned()).collect();
    let mut values = Vec::new();
    for (row, id) in row_ids.iter().enumerate() {
        let moa = table.text(row, "moa");
        let (mut of_moa, mut own) = (stream(1, &["moa", &moa]), stream(1, &["row", id]));
        values.extend((0..8).map(|_| (normal(&mut of_moa) + 0.1 * normal(&mut own)) as f32));
    }
    EmbeddingTable { row_ids, dim: 8, values, model_hash: "abc".into(), ..EmbeddingTable::default() }
}

/// Asks about a video, and looks whether the vectors' own neighbourhood answers.
fn assert_answered_by_vectors(window: &mut Window, table: &EmbeddingTable) {
    assert_eq!(encoded(window).source, Source::Embedding(NAME.to_owned()));
    assert_eq!(encoded(window).rows(), table.row_ids.len());
    let row = (0..table.row_ids.len()).find(|&row| !screen(window).table().text(row, "moa").is_empty());
    let row = row.unwrap() as u32;
    let found = answer(window, row);
    let nearest = encoded(window).moa(found.moas[0].moa).to_owned();
    assert_eq!(nearest, screen(window).table().text(row as usize, "moa"));
    assert!(is_offered(window, "Vectors that the experiment keeps"));
    assert!(!is_offered(window, "Ask by structure") && !is_offered(window, "Shift and drag on a picture"));
}

#[test]
fn vectors_of_another_program_join_answer_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (_kept, manifest) = support::simulated(&simulate::Config {
        moas: 3,
        drugs_per_moa: 2,
        videos_per_drug: 2,
        replicates: 1,
        size: 32,
        frames: 2,
        seed: 5,
        ..simulate::Config::default()
    });
    let table = vectors(&import::open(&manifest).unwrap().experiment);
    let file: PathBuf = folder.path().join(format!("{NAME}.parquet"));
    embeddings::write(&table, &file, Format::Parquet).unwrap();

    let mut window = open(folder.path(), &manifest);
    // As the dialog and the path box do.
    send(&mut window, Command::ExperimentPath(Choice::Embedding, file));
    wait_for_vectors(&mut window);
    assert_eq!(*screen(&window).experiment().embeddings[NAME], table);
    assert_answered_by_vectors(&mut window, &table);
    let picture = shown_map(&mut window);
    assert_eq!((picture.asked.name.as_str(), picture.grouping.len()), (NAME, table.row_ids.len()));

    let project = folder.path().join("guests.molclip");
    send(&mut window, Command::ExperimentPath(Choice::SaveProject, project.clone()));
    wait(&mut window, "the project is made", |s| {
        s.state.project.as_ref().is_some_and(|(_, unnamed)| !unnamed)
    });
    settle(&mut window);
    window.state_mut().as_mut().unwrap().end();
    drop(window);

    let mut window = open(folder.path(), &project);
    assert_eq!(*screen(&window).experiment().embeddings[NAME], table);
    let source = Source::Embedding(NAME.to_owned());
    send(&mut window, Command::Answers(AnswerCommand::Source(source)));
    send(&mut window, Command::EncodeVideos);
    wait_for_vectors(&mut window);
    assert_answered_by_vectors(&mut window, &table);
    let again = shown_map(&mut window);
    assert_eq!((again.asked.name.as_str(), &again.id), (NAME, &picture.id));
}

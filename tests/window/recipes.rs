//! Recipes: put together, compared, applied, taken back, remembered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::analysis::domain::{AS_IS, Score};
use molclip::app::answers::{AnswerCommand, Source};
use molclip::app::command::Command;
use molclip::app::forms::choice::Choice;
use molclip::app::recipes::{Recipes, RecipesCommand};
use molclip::app::{Setup, Studio};
use molclip::experiment::project::Project;
use molclip::experiment::{EmbeddingTable, Experiment, PROFILE, Table};
use molclip::random::{normal, stream};
use polars::prelude::df;

use crate::support::{Window, send, settle, setup, studio, wait, window_with};

const DIM: usize = 6;

/// Four plates of two lines, eight DMSO wells and six compounds of three mechanisms in two wells each; a line shifts all of
/// its numbers.
fn screen() -> Experiment {
    let (mut ids, mut plates, mut wells, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut compounds, mut moas, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for plate in 0..4_usize {
        for well in 0..20_usize {
            let compound = (well >= 8).then(|| (well - 8) / 2);
            let mut own = stream(1, &["well", &plate.to_string(), &well.to_string()]);
            let name = compound.map_or("DMSO".to_owned(), |compound| format!("drug {compound}"));
            let moa = compound.map(|compound| format!("moa {}", compound / 2));
            let mut of_moa = stream(1, &["moa", moa.as_deref().unwrap_or("none")]);
            let strength = if compound.is_some() { 3.0 } else { 0.0 };
            values.extend((0..DIM).map(|feature| {
                let effect = strength * normal(&mut of_moa);
                let shift = if feature % 2 == 0 { 1.0 } else { -1.0 } * (8 * (plate / 2)) as f64;
                (5.0 + shift + effect + 0.7 * normal(&mut own)) as f32
            }));
            ids.push(format!("p{plate}_{well}"));
            plates.push(format!("p{plate}"));
            wells.push(format!("A{:02}", well + 1));
            lines.push(if plate < 2 { "A549" } else { "U2OS" });
            compounds.push(name);
            moas.push(moa);
        }
    }
    let frame = df!(
        "row_id" => &ids, "plate" => plates, "well" => wells, "cell_line" => lines, "compound" => compounds, "moa" => moas,
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

fn project(folder: &Path, experiment: &Experiment) -> PathBuf {
    let path = folder.join("plates.molclip");
    Project::create(&path, experiment, &serde_json::Value::Null).unwrap();
    path
}

fn open(folder: &Path, path: &Path, theme: Theme) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[path]) };
    let mut window = window_with(setup, theme);
    window.set_size([1900.0, 1200.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    settle(&mut window);
    send(&mut window, Command::ShowRecipes);
    window
}

fn recipes(studio: &Studio) -> &Recipes {
    &studio.state.recipes
}

fn embeddings(window: &Window) -> Vec<String> {
    studio(window).state.screen.as_ref().unwrap().experiment().embeddings.keys().cloned().collect()
}

fn is_shown(window: &Window, text: &str) -> bool {
    window.query_all_by_label_contains(text).next().is_some()
}

fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

/// Waits until vectors that were corrected answer.
fn wait_for(window: &mut Window, name: &str) {
    wait(window, "the vectors answer", |s| {
        let encoded = s.state.answers.encoded.as_ref();
        s.state.answers.job.is_none()
            && encoded.is_some_and(|encoded| encoded.source == Source::Embedding(name.to_owned()))
    });
    settle(window);
}

#[test]
fn recipes_are_compared_sorted_applied_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = project(folder.path(), &screen());
    let mut window = open(folder.path(), &path, Theme::Dark);
    assert!(is_shown(&window, "Recipe in force: none, they are raw"));
    // A few recipes will do here.
    let mut form = recipes(studio(&window)).form.clone();
    form.recipes.retain(|named| [AS_IS, "robust z", "TVN"].contains(&named.name.as_str()));
    send(&mut window, Command::Recipes(RecipesCommand::Form(Box::new(form))));
    click(&mut window, "Compare");
    wait(&mut window, "recipes are measured", |s| {
        recipes(s).shown.as_ref().is_some_and(|shown| shown.comparison.is_some())
    });
    window.run_steps(3);
    let comparison = recipes(studio(&window)).shown.as_ref().unwrap().comparison.clone().unwrap();
    assert_eq!((comparison.recipes.len(), comparison.domain.as_str()), (3, "cell_line"));
    for score in [Score::Leakage, Score::ReplicateMap] {
        for line in &comparison.recipes {
            let text = line.score(score).unwrap().text();
            assert!(text.contains('['), "{text}");
            assert!(is_shown(&window, &format!("{} of {}: {text}", score.label(), line.name)), "{text}");
        }
    }
    assert!(is_shown(&window, "80 rows, 32 of them controls, 4 plates"));
    // The best first, which for leakage is the lowest.
    click(&mut window, "Domain leakage");
    assert_eq!(recipes(studio(&window)).sort, Some((Score::Leakage, false)));
    let shown = recipes(studio(&window)).shown.as_ref().unwrap();
    assert_eq!(shown.sorted(recipes(studio(&window)).sort)[2].name, AS_IS);

    click(&mut window, "Apply: robust z");
    let name = "profile, robust z";
    wait_for(&mut window, name);
    assert_eq!(embeddings(&window), [PROFILE, name]);
    assert!(is_shown(&window, "Recipe in force: mad-robustize"));
    assert_eq!(studio(&window).state.map.look.embedding, name);
    send(&mut window, Command::Undo);
    wait_for(&mut window, PROFILE);
    assert_eq!(embeddings(&window), [PROFILE]);
    assert!(is_shown(&window, "Recipe in force: none, they are raw"));
    send(&mut window, Command::Redo);
    wait_for(&mut window, name);

    // Saved and opened again, the recipe is known.
    window.state_mut().as_mut().unwrap().end();
    drop(window);
    let mut window = open(folder.path(), &path, Theme::Light);
    let kept = Arc::clone(&studio(&window).state.screen.as_ref().unwrap().experiment().embeddings[name]);
    assert_eq!((kept.recipe.as_str(), kept.source.as_str()), ("mad-robustize", "profile x"));
    let source = Source::Embedding(name.to_owned());
    send(&mut window, Command::Answers(AnswerCommand::Source(source)));
    window.run_steps(2);
    assert!(is_shown(&window, "Recipe in force: mad-robustize"));
}

#[test]
fn corrected_vectors_that_were_taken_back_do_not_answer_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = screen();
    let vectors = experiment.embeddings.remove(PROFILE).unwrap();
    experiment.embeddings.insert("own".to_owned(), vectors);
    let path = project(folder.path(), &experiment);
    let mut window = open(folder.path(), &path, Theme::Dark);
    click(&mut window, "Apply: robust z");
    wait_for(&mut window, "own, robust z");
    // What is in use without a choice are features of videos, of which nothing is kept.
    send(&mut window, Command::Undo);
    settle(&mut window);
    let answers = &studio(&window).state.answers;
    assert!(answers.source.is_none() && answers.encoded.is_none());
    assert_eq!(embeddings(&window), ["own"]);
}

#[test]
fn a_recipe_of_ones_own_is_put_together_step_by_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = project(folder.path(), &screen());
    let mut window = open(folder.path(), &path, Theme::Light);
    for step in ["robustize", "sphere"] {
        click(&mut window, "Add a step");
        click(&mut window, step);
    }
    window.get_by_label("epsilon of step 2").click();
    window.run_steps(2);
    window.get_by_label("epsilon of step 2").type_text("much");
    window.run_steps(3);
    assert!(is_shown(&window, "a number of 0 or more"));
    let mut form = recipes(studio(&window)).form.clone();
    form.steps[1].values[1] = "2".to_owned();
    send(&mut window, Command::Recipes(RecipesCommand::Form(Box::new(form))));
    click(&mut window, "Up: step 2, sphere");
    assert_eq!(recipes(studio(&window)).form.built().unwrap().steps, "sphere:epsilon=2,robustize");
    click(&mut window, "Remove: step 2, robustize");
    click(&mut window, "Add to the comparison");
    assert_eq!(recipes(studio(&window)).form.recipes.last().unwrap().name, "sphere:epsilon=2");
    click(&mut window, "Apply");
    wait_for(&mut window, "profile, sphere:epsilon=2");
    click(&mut window, "Remove: sphere:epsilon=2");
    assert_eq!(recipes(studio(&window)).form.recipes.len(), 10);
}

#[test]
fn what_cannot_be_done_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut experiment = screen();
    // No controls on one plate.
    let controls: Vec<usize> = (0..80).filter(|row| row % 20 < 8 && row / 20 == 1).collect();
    experiment.table = experiment.table.exclude(&controls, "lost").unwrap();
    let path = project(folder.path(), &experiment);
    let mut window = open(folder.path(), &path, Theme::Dark);
    click(&mut window, "Apply: robust z");
    wait(&mut window, "it fails", |s| recipes(s).failed.is_some());
    window.run_steps(2);
    assert!(is_shown(&window, "fewer than 2 rows to fit on"));
    assert_eq!(embeddings(&window), [PROFILE]);
    let mut form = recipes(studio(&window)).form.clone();
    form.recipes.truncate(3);
    send(&mut window, Command::Recipes(RecipesCommand::Form(Box::new(form))));
    click(&mut window, "Compare");
    wait(&mut window, "recipes are measured", |s| {
        recipes(s).shown.as_ref().is_some_and(|shown| shown.comparison.is_some())
    });
    window.run_steps(3);
    assert!(is_shown(&window, "Domain leakage of robust z: step `mad-robustize`"));
    assert!(is_shown(&window, "Domain leakage of as is: -"));

    // An experiment without vectors.
    experiment.embeddings.clear();
    let bare = folder.path().join("bare.molclip");
    Project::create(&bare, &experiment, &serde_json::Value::Null).unwrap();
    send(&mut window, Command::ExperimentPath(Choice::ExperimentFolder, bare));
    wait(&mut window, "the other opens", |s| {
        s.state.screen.as_ref().is_some_and(|screen| screen.experiment().embeddings.is_empty())
    });
    settle(&mut window);
    send(&mut window, Command::ShowRecipes);
    assert!(is_shown(&window, "No vectors yet"));
    assert!(recipes(studio(&window)).shown.is_none(), "nothing of the other experiment stays");
}

//! The map of embeddings: made, coloured, picked from, gated, hidden while blind, remembered.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use eframe::egui::{Key, Modifiers, PointerButton, Pos2, Rect, Theme, vec2};
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::map::{Kind, Map, MapCommand};
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::widgets::scatter::Tool;
use molclip::app::{Setup, Studio};
use molclip::experiment::import;
use molclip::experiment::project::Project;
use molclip::experiment::{EmbeddingTable, Experiment};
use molclip::random::{normal, stream};
use molclip::simulate;

use crate::support::{self, Window, send, setup, studio, wait, window_with};
use crate::typing::strike;

/// Three mechanisms of two drugs with two videos each, and DMSO.
fn simulated() -> &'static Path {
    static SCREEN: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, manifest) = SCREEN.get_or_init(|| {
        support::simulated(&simulate::Config {
            moas: 3,
            drugs_per_moa: 2,
            videos_per_drug: 2,
            replicates: 1,
            size: 32,
            frames: 2,
            seed: 5,
            ..simulate::Config::default()
        })
    });
    manifest
}

/// Vectors in which the videos of a mechanism lie together, far from the others.
fn embedding(experiment: &Experiment) -> EmbeddingTable {
    let table = &experiment.table;
    let ids: Vec<String> = (0..table.len()).map(|row| table.row_id(row).to_owned()).collect();
    let mut values = Vec::new();
    for (row, id) in ids.iter().enumerate() {
        let moa = table.text(row, "moa");
        let (mut of_moa, mut own) = (stream(1, &["moa", &moa]), stream(1, &["row", id]));
        values.extend((0..8).map(|_| (normal(&mut of_moa) + 0.1 * normal(&mut own)) as f32));
    }
    EmbeddingTable { row_ids: ids, dim: 8, values, model_hash: "abc".into(), ..EmbeddingTable::default() }
}

/// A project with the simulated screen and its embedding.
fn project(folder: &Path) -> PathBuf {
    let mut experiment = import::open(simulated()).unwrap().experiment;
    let table = embedding(&experiment);
    experiment.embeddings.insert("light".into(), Arc::new(table));
    let path = folder.join("test.molclip");
    Project::create(&path, &experiment, &serde_json::Value::Null).unwrap();
    path
}

fn open(folder: &Path, path: &Path, theme: Theme) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[path]) };
    let mut window = window_with(setup, theme);
    window.set_size([1280.0, 800.0].into());
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    send(&mut window, Command::ShowMap);
    window
}

fn map(studio: &Studio) -> &Map {
    &studio.state.map
}

fn wait_for_map(window: &mut Window) {
    wait(window, "the map is made", |s| s.state.map.shown.is_some() && s.state.map.running.is_none());
    window.run_steps(3);
}

fn selected(window: &Window) -> Vec<u32> {
    studio(window).state.screen.as_ref().unwrap().selection.rows().collect()
}

fn rows_with(window: &Window, column: &str, text: &str) -> Vec<u32> {
    let table = studio(window).state.screen.as_ref().unwrap().table();
    (0..table.len()).filter(|&row| table.text(row, column) == text).map(|row| row as u32).collect()
}

/// Where the picture is on screen.
fn area(window: &Window) -> Rect {
    window.get_by_label_contains("Map of ").rect()
}

/// Where a row's point is on screen.
fn place(window: &Window, row: u32) -> Pos2 {
    let shown = map(studio(window)).shown.as_ref().unwrap();
    let point = (0..shown.grouping.len()).find(|&p| shown.grouping.rows_of(p).contains(&row)).unwrap();
    let [x, y] = shown.plane.positions[point];
    let area = area(window);
    let room = area.size() / 2.0 - vec2(14.0, 14.0);
    let [w, h] = shown.plane.extent;
    let scale = (room.x / w.max(1e-3)).min(room.y / h.max(1e-3));
    area.center() + vec2(x, -y) * scale
}

fn drag(window: &mut Window, path: &[Pos2], modifiers: Modifiers) {
    window.hover_at(path[0]);
    window.run_steps(1);
    window.event(eframe::egui::Event::ModifiersChanged(modifiers));
    let button = |pos, pressed| eframe::egui::Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers,
    };
    window.event(button(path[0], true));
    window.run_steps(1);
    for at in &path[1..] {
        window.hover_at(*at);
        window.run_steps(1);
    }
    window.event(button(path[path.len() - 1], false));
    window.run_steps(2);
    window.event(eframe::egui::Event::ModifiersChanged(Modifiers::NONE));
    window.run_steps(1);
}

#[test]
fn without_embeddings_the_panel_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let window = open(folder.path(), simulated(), Theme::Dark);
    window.get_by_label("No embeddings yet");
    window.get_by_label_contains("Model › Encode videos");
}

#[test]
fn a_click_on_the_legend_selects_and_a_click_on_a_point_plays() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &project(folder.path()), Theme::Dark);
    wait_for_map(&mut window);
    let count = studio(&window).state.screen.as_ref().unwrap().table().len();
    window.get_by_label(&format!("Map of {count} videos"));
    window.get_by_label_contains("neighbours are found in the embedding space");
    assert!(window.query_all_by_label("simulated").next().is_some(), "simulated data are called so");

    let moa = studio(&window).state.screen.as_ref().unwrap().text(0, "moa");
    let rows = rows_with(&window, "moa", &moa);
    window.get_by_label(&format!("{moa} ({})", rows.len())).click();
    window.run_steps(3);
    assert_eq!(selected(&window), rows);

    let row = rows_with(&window, "moa", &moa)[1];
    let at = place(&window, row);
    window.hover_at(at);
    window.run_steps(3);
    let caption = studio(&window).state.screen.as_ref().unwrap().caption(row);
    assert!(window.query_all_by_label(&caption).count() > 0, "the card says {caption}");
    drag(&mut window, &[at, at], Modifiers::NONE);
    assert_eq!(selected(&window), [row]);
    let address = studio(&window).state.screen.as_ref().unwrap().address(row).unwrap();
    wait(&mut window, "it plays", |s| s.state.views.iter().any(|v| v.recording.address == address));
    assert_eq!(studio(&window).state.views.len(), 1);
}

#[test]
fn a_lasso_selects_and_becomes_a_gate_that_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let path = project(folder.path());
    let mut window = open(folder.path(), &path, Theme::Dark);
    wait_for_map(&mut window);
    let moa = studio(&window).state.screen.as_ref().unwrap().text(0, "moa");
    let rows = rows_with(&window, "moa", &moa);
    let places: Vec<Pos2> = rows.iter().map(|&row| place(&window, row)).collect();
    let around = Rect::from_points(&places).expand(8.0);
    window.get_by_label("Lasso").click();
    window.run_steps(2);
    assert_eq!(map(studio(&window)).tool, Tool::Lasso);
    let corners = [around.left_top(), around.right_top(), around.right_bottom(), around.left_bottom()];
    drag(&mut window, &corners, Modifiers::NONE);
    assert_eq!(selected(&window), rows, "a mechanism lies together");

    window.get_by_label("Keep as gate").click();
    window.run_steps(3);
    let gate = &map(studio(&window)).look.gates[0];
    assert_eq!((gate.name.as_str(), gate.members.len()), ("Gate 1", rows.len()));
    assert!(gate.corners.len() >= 4);

    // A box takes one point away, another adds it again.
    send(&mut window, Command::Map(MapCommand::Tool(Tool::Box)));
    // Shorter drags are clicks.
    let one = Rect::from_center_size(places[0], vec2(10.0, 10.0));
    drag(&mut window, &[one.min, one.max], Modifiers::ALT);
    assert!(!selected(&window).contains(&rows[0]) && selected(&window).len() < rows.len());
    drag(&mut window, &[one.min, one.max], Modifiers::SHIFT);
    assert_eq!(selected(&window), rows);

    // Another name, by keyboard; then its members from nothing.
    send(&mut window, Command::Map(MapCommand::Rename(Some((0, "Gate 1".into())))));
    strike(&mut window, &[(Key::S, "s"), (Key::T, "t")]);
    assert_eq!(map(studio(&window)).renaming, Some((0, "Gate 1st".into())));
    assert!(studio(&window).state.settings.overlays.time_stamp, "letters of a name are no shortcuts");
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(map(studio(&window)).look.gates[0].name, "Gate 1st");
    send(&mut window, Command::Map(MapCommand::Named(0, "tight ones".into())));
    send(&mut window, Command::Screen(ScreenCommand::Take(vec![], Gesture::Replace)));
    window.get_by_label(&format!("tight ones ({})", rows.len())).click();
    window.run_steps(2);
    assert_eq!(selected(&window), rows);
    window.get_by_label("Delete tight ones").click();
    window.run_steps(2);
    assert!(map(studio(&window)).look.gates.is_empty());
    send(&mut window, Command::Undo);
    assert_eq!(map(studio(&window)).look.gates[0].name, "tight ones");

    window.state_mut().as_mut().unwrap().end();
    drop(window);
    let mut window = open(folder.path(), &path, Theme::Dark);
    wait_for_map(&mut window);
    let gate = &map(studio(&window)).look.gates[0];
    assert_eq!(
        (gate.name.as_str(), &gate.picture),
        ("tight ones", &map(studio(&window)).shown.as_ref().unwrap().id)
    );
}

#[test]
fn what_was_made_is_shown_again_at_once_and_excluded_rows_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &project(folder.path()), Theme::Dark);
    wait_for_map(&mut window);
    let first = Arc::clone(map(studio(&window)).shown.as_ref().unwrap());
    window.get_by_label("UMAP").click();
    wait(&mut window, "UMAP is made", |s| {
        s.state.map.shown.as_ref().unwrap().asked.settings != first.asked.settings
    });
    window.get_by_label("PCA").click();
    window.run_steps(3);
    assert!(Arc::ptr_eq(map(studio(&window)).shown.as_ref().unwrap(), &first), "kept, not made again");

    // A tag changes the table, but neither the points nor where they are.
    send(&mut window, Command::Screen(ScreenCommand::Tag(vec![0], "odd".into())));
    wait(&mut window, "the rows are looked at", |s| {
        s.state.map.shown.as_ref().unwrap().asked.revision > first.asked.revision
    });
    assert!(Arc::ptr_eq(&map(studio(&window)).shown.as_ref().unwrap().plane, &first.plane));

    send(&mut window, Command::Screen(ScreenCommand::Exclude(vec![0, 1], "dead".into())));
    let fewer = first.grouping.len() - 2;
    wait(&mut window, "two fewer", |s| s.state.map.shown.as_ref().unwrap().grouping.len() == fewer);
    window.run_steps(2);
    window.get_by_label_contains("(rows left out: 2 excluded)");

    // Compounds: DMSO is one of them.
    let studio_mut = window.state_mut().as_mut().unwrap();
    studio_mut.set_map_look(|look| look.unit = molclip::app::map::grouping::Unit::Compound);
    wait(&mut window, "compounds", |s| s.state.map.shown.as_ref().unwrap().grouping.len() == 7);
    window.run_steps(2);
    window.get_by_label("Map of 7 compounds");
}

#[test]
fn blind_mode_hides_what_would_tell_treatments() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &project(folder.path()), Theme::Light);
    window
        .state_mut()
        .as_mut()
        .unwrap()
        .set_map_look(|look| look.unit = molclip::app::map::grouping::Unit::Compound);
    wait(&mut window, "compounds", |s| s.state.map.shown.as_ref().is_some_and(|p| p.grouping.len() == 7));
    window.run_steps(2);
    let moa = studio(&window).state.screen.as_ref().unwrap().text(0, "moa");
    assert!(window.query_all_by_label_contains(&moa).count() > 0);
    send(&mut window, Command::BlindMode);
    let count = studio(&window).state.screen.as_ref().unwrap().table().len();
    wait(&mut window, "one point per video", |s| s.state.map.shown.as_ref().unwrap().grouping.len() == count);
    window.run_steps(3);
    let at = place(&window, 0);
    window.hover_at(at);
    window.run_steps(3);
    assert_eq!(window.query_all_by_label_contains(&moa).count(), 0, "{moa} is on screen while blind");
    let caption = studio(&window).state.screen.as_ref().unwrap().caption(0);
    assert!(window.query_all_by_label(&caption).count() > 0, "the card shows the code");
}

#[test]
fn the_map_looks_as_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &project(folder.path()), Theme::Dark);
    wait_for_map(&mut window);
    assert_eq!(Kind::of(&map(studio(&window)).shown.as_ref().unwrap().asked.settings), Kind::Pca);
    // Only the map: the picture beside it is tested elsewhere.
    let picture = window.render().unwrap();
    let [left, top, width, height] = {
        let area = area(&window);
        [area.left(), area.top(), area.width(), area.height()].map(|v| v as u32)
    };
    let ours = eframe::egui::ColorImage::from_rgba_unmultiplied(
        [width as usize, height as usize],
        &image_part(&picture, [left, top, width, height]),
    );
    // Points in the colours of their mechanisms, on the ground.
    let near = |a: eframe::egui::Color32, b: eframe::egui::Color32| {
        a.to_array().iter().zip(b.to_array()).all(|(a, b)| a.abs_diff(b) < 6)
    };
    for color in &molclip::app::screen::scale::COLORS[..3] {
        let count = ours.pixels.iter().filter(|pixel| near(**pixel, *color)).count();
        assert!(count > 100, "{color:?}: {count} pixels");
    }
    // And the pane as a whole; the others are masked.
    window.hover_at(Pos2::new(1100.0, 700.0));
    window.run_steps(10);
    let rest = |x: [f32; 2], y: [f32; 2]| Rect::from_x_y_ranges(x[0]..=x[1], y[0]..=y[1]);
    for rect in [
        rest([0.0, 399.0], [0.0, 800.0]),
        rest([945.0, 1280.0], [0.0, 800.0]),
        rest([0.0, 1280.0], [0.0, 25.0]),
        rest([0.0, 1280.0], [447.0, 800.0]),
    ] {
        window.mask(rect);
    }
    let options = egui_kittest::SnapshotOptions::new()
        .threshold(1.2)
        .max_failed_pixels(400)
        .output_path("tests/snapshots");
    window.snapshot_options("map_dark", &options);
}

fn image_part(picture: &image::RgbaImage, [left, top, width, height]: [u32; 4]) -> Vec<u8> {
    image::imageops::crop_imm(picture, left, top, width, height).to_image().into_raw()
}

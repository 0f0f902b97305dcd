//! An experiment in the window: from a table of videos to a saved project and back.

use std::fs;
use std::path::{Path, PathBuf};

use eframe::egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::Queryable;
use molclip::app::Setup;
use molclip::app::command::Command;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::selection::Gesture;
use molclip::app::screen::{Look, Screen};

use crate::support::{Window, movie, settle, setup, studio, wait, window_with};

/// Four videos on one plate; one has no file, two have no structure.
pub fn screen_of_four(folder: &Path) -> PathBuf {
    for name in ["v1.ome.tif", "v2.ome.tif", "v3.ome.tif"] {
        movie(folder, name, 1, 1, Some(2.0));
    }
    let manifest = folder.join("manifest.csv");
    let text = "row_id,path,pixel_size_um,plate,well,replicate,compound,smiles,concentration_uM,moa,control,simulated,batch note\n\
        a,v1.ome.tif,0.2,P1,A01,1,DMSO,CS(C)=O,0,,negative,false,first\n\
        b,v2.ome.tif,0.2,P1,A02,1,paclitaxel,,0.5,tubulin stabilizer,,true,first\n\
        c,v3.ome.tif,0.2,P1,B01,2,colchicine,,2,tubulin polymerization inhibitor,,true,second\n\
        d,lost.ome.tif,0.2,P1,B02,2,paclitaxel,,0.05,tubulin stabilizer,,true,second\n";
    fs::write(&manifest, text).unwrap();
    manifest
}

pub fn open(folder: &Path, path: &Path) -> Window {
    let setup = Setup { config_dir: Some(folder.join("config")), ..setup(&[path]) };
    let mut window = window_with(setup, Theme::Dark);
    wait(&mut window, "the experiment opens", |s| s.state.screen.is_some());
    settle(&mut window);
    window
}

pub fn screen(window: &Window) -> &Screen {
    studio(window).state.screen.as_ref().unwrap()
}

pub fn send(window: &mut Window, command: Command) {
    let ctx = window.ctx.clone();
    window.state_mut().as_mut().unwrap().apply(&ctx, command);
    window.run_steps(2);
    settle(window);
}

pub fn select(window: &mut Window, rows: &[u32]) {
    send(window, Command::Screen(ScreenCommand::Take(rows.to_vec(), Gesture::Replace)));
}

fn names(window: &Window) -> Vec<String> {
    let state = &studio(window).state;
    state.views.iter().map(|v| state.name_of(v)).collect()
}

#[test]
fn a_table_of_videos_plays_what_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    assert_eq!(screen(&window).rows().len(), 4);
    assert_eq!(names(&window), ["DMSO 0 µM"], "there is something to look at at once");
    // The table's calibration counts where the file has none.
    assert_eq!(studio(&window).state.views[0].recording.series.pixel_size_um, Some(0.2));
    // One recording is not there: the report says which row.
    let report = studio(&window).state.report.as_ref().unwrap();
    assert_eq!(report.missing_files.count, 1);
    assert_eq!(report.missing_files.items[0].row_id, "d");

    select(&mut window, &[1, 2]);
    assert_eq!(names(&window), ["paclitaxel 500 nM", "colchicine 2 µM"]);
    window.key_press(Key::PageUp);
    window.run_steps(3);
    settle(&mut window);
    assert_eq!(names(&window), ["DMSO 0 µM"]);
    // Free columns are kept and can be searched.
    assert_eq!(screen(&window).table().text(2, "batch note"), "second");
    let mut look = screen(&window).look().clone();
    look.query.text = "SECOND taxel".into();
    send(&mut window, Command::Screen(ScreenCommand::Look(Box::new(look))));
    assert_eq!(screen(&window).rows(), [3]);
}

#[test]
fn structures_come_from_the_library_and_undo_takes_them_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    send(&mut window, Command::Screen(ScreenCommand::AttachByName));
    let smiles: Vec<String> = (0..4).map(|row| screen(&window).table().text(row, "smiles")).collect();
    assert!(smiles.iter().all(|s| !s.is_empty()), "{smiles:?}");
    assert_eq!(smiles[1], smiles[3]);
    send(&mut window, Command::Undo);
    assert_eq!(screen(&window).table().text(1, "smiles"), "");
    send(&mut window, Command::Redo);
    assert_eq!(screen(&window).table().text(1, "smiles"), smiles[1]);

    // A pasted SMILES goes to the selected rows after a look at it.
    select(&mut window, &[0, 2]);
    window.input_mut().events.push(eframe::egui::Event::Paste("CC(=O)Oc1ccccc1C(=O)O aspirin".into()));
    window.run_steps(3);
    window.get_by_label("Attach").click();
    window.run_steps(3);
    settle(&mut window);
    for row in [0, 2] {
        assert_eq!(screen(&window).table().text(row, "smiles"), "CC(=O)Oc1ccccc1C(=O)O");
        assert_eq!(screen(&window).table().text(row, "compound"), "aspirin");
    }
}

#[test]
fn excluded_rows_are_counted_and_stay_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    select(&mut window, &[1, 3]);
    window.key_press(Key::X);
    window.run_steps(3);
    window.get_by_label("out of focus").click();
    window.run_steps(2);
    window.get_by_label("Exclude").click();
    window.run_steps(3);
    assert_eq!(screen(&window).excluded(), 2);
    assert_eq!(screen(&window).table().text(3, "excluded"), "out of focus");
    window.get_by_label_contains("2 excluded");
    send(&mut window, Command::IncludeRows);
    assert_eq!(screen(&window).excluded(), 0);
}

#[test]
fn blind_mode_hides_what_was_done_to_the_cells() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    select(&mut window, &[1, 2]);
    send(&mut window, Command::BlindMode);
    send(&mut window, Command::SelectAllRows);
    let shown = names(&window);
    assert!(shown.iter().all(|name| name.starts_with('V')), "{shown:?}");
    for column in screen(&window).columns() {
        for row in 0..4 {
            let text = screen(&window).text(row, &column).to_lowercase();
            assert!(
                !["taxel", "colchicine", "tubulin", "v1", "v2.", "p1"].iter().any(|s| text.contains(s)),
                "{column}: {text}"
            );
        }
    }
    for hidden in ["paclitaxel", "colchicine", "v2.ome.tif"] {
        assert!(window.query_by_label_contains(hidden).is_none(), "{hidden} is on screen");
    }
    // A search must not find what cannot be seen.
    let mut look = screen(&window).look().clone();
    look.query.text = "colchicine".into();
    send(&mut window, Command::Screen(ScreenCommand::Look(Box::new(look))));
    assert!(screen(&window).rows().is_empty());
    send(&mut window, Command::BlindMode);
    assert_eq!(screen(&window).rows().len(), 4);
}

#[test]
fn a_saved_project_opens_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("screen.molclip");
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    send(
        &mut window,
        Command::ExperimentPath(molclip::app::forms::choice::Choice::SaveProject, project.clone()),
    );
    wait(&mut window, "the project is made", |s| {
        s.state.project.as_ref().is_some_and(|(_, unnamed)| !unnamed)
    });
    send(&mut window, Command::Screen(ScreenCommand::Set(vec![2], "note".into(), "look again".into())));
    send(&mut window, Command::Screen(ScreenCommand::Exclude(vec![0], "drift".into())));
    let look = Look { colour_by: "compound".into(), thumbnail: 200.0, ..screen(&window).look().clone() };
    send(&mut window, Command::Screen(ScreenCommand::Look(Box::new(look))));
    select(&mut window, &[2]);
    window.state_mut().as_mut().unwrap().end();
    drop(window);

    let window = open(folder.path(), &project);
    let now = screen(&window);
    assert_eq!(now.table().text(2, "note"), "look again");
    assert_eq!(now.table().text(0, "excluded"), "drift");
    assert_eq!(now.table().text(1, "batch note"), "first");
    assert_eq!((now.look().colour_by.as_str(), now.look().thumbnail), ("compound", 200.0));
    assert_eq!(now.selection.rows().collect::<Vec<_>>(), [2]);
    assert_eq!(names(&window), ["colchicine 2 µM"]);
}

#[test]
fn an_import_that_was_never_saved_is_offered_again() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = screen_of_four(folder.path());
    let mut window = open(folder.path(), &manifest);
    send(&mut window, Command::Screen(ScreenCommand::Tag(vec![1, 2], "nice".into())));
    window.state_mut().as_mut().unwrap().end();
    drop(window);

    let setup = Setup { config_dir: Some(folder.path().join("config")), ..setup(&[]) };
    let mut window = window_with(setup, Theme::Light);
    wait(&mut window, "what was not saved is found", |s| !s.state.recoverable.is_empty());
    window.run_steps(3);
    window.get_by_label_contains("Bring back “manifest”").click();
    wait(&mut window, "the experiment comes back", |s| s.state.screen.is_some());
    settle(&mut window);
    assert_eq!(screen(&window).table().text(2, "tags"), "nice");
}

#[test]
fn a_table_with_other_names_is_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    movie(folder.path(), "v1.ome.tif", 1, 1, Some(2.0));
    let table = folder.path().join("from the lab.csv");
    fs::write(&table, "File;Drug;Dose (nM);Well position\nv1.ome.tif;FCCP;250,5;B3\n").unwrap();
    let setup = Setup { config_dir: Some(folder.path().join("config")), ..setup(&[&table]) };
    let mut window = window_with(setup, Theme::Dark);
    wait(&mut window, "the columns are asked about", |s| s.state.dialogs.import.is_some());
    window.run_steps(2);
    window.get_by_label("What do the columns mean?");
    // Another question has to wait, and Escape takes this one back.
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    window.run_steps(2);
    assert!(studio(&window).state.dialogs.path_box.is_none());
    window.key_press(Key::Escape);
    window.run_steps(2);
    assert!(studio(&window).state.dialogs.import.is_none());
    send(
        &mut window,
        Command::ExperimentPath(molclip::app::forms::choice::Choice::Experiment, table.clone()),
    );
    wait(&mut window, "the columns are asked about again", |s| s.state.dialogs.import.is_some());
    window.run_steps(2);
    window.get_by_label("Import").click();
    wait(&mut window, "the table is imported", |s| s.state.screen.is_some());
    settle(&mut window);
    let table = screen(&window).table();
    assert_eq!(
        (table.text(0, "compound"), table.number(0, "concentration_uM")),
        ("FCCP".into(), Some(0.2505))
    );
    assert_eq!(screen(&window).plate().unwrap().wells.len(), 1);
    assert_eq!(names(&window), ["FCCP 250.5 nM"]);
    window.key_press_modifiers(Modifiers::COMMAND, Key::B);
    window.run_steps(2);
    assert!(studio(&window).state.is_blind());
}

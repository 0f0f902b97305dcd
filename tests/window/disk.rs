//! What the window asks the disk for: jobs look, and forms and pictures take the answer when it is there.

use std::fs;
use std::path::Path;

use eframe::egui::Theme;
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::forms::export::{ExportForm, Kind};
use molclip::app::forms::import::ImportForm;
use molclip::video::lut::LutName;

use crate::support::{Window, movie, send, settle, setup, studio, wait, window, window_with};

fn export(window: &Window) -> &ExportForm {
    studio(window).state.dialogs.export.as_ref().unwrap()
}

fn import(window: &Window) -> &ImportForm {
    studio(window).state.dialogs.import.as_ref().unwrap()
}

#[test]
fn an_export_gets_a_free_name_and_says_what_it_would_replace() {
    let folder = tempfile::tempdir().unwrap();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let taken = folder.path().join("a_export.ome.tif");
    fs::write(&taken, "something").unwrap();
    let mut window = window(&[&path]);
    send(&mut window, Command::ExportMovie);
    settle(&mut window);
    assert_eq!(Path::new(&export(&window).path), folder.path().join("a_export_1.ome.tif"));
    assert!(!export(&window).replaces());
    assert!(window.query_by_label("An existing file will be replaced.").is_none());

    let form = window.state_mut().as_mut().unwrap().state.dialogs.export.as_mut().unwrap();
    form.path = taken.display().to_string();
    window.run_steps(2);
    settle(&mut window);
    window.get_by_label("An existing file will be replaced.");

    // Another kind has another name, which is free.
    window.get_by_label("Movie as shown (GIF)").click();
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(export(&window).kind, Kind::Gif);
    assert_eq!(Path::new(&export(&window).path), folder.path().join("a_export.gif"));
    assert!(window.query_by_label("An existing file will be replaced.").is_none());
}

#[test]
fn a_look_up_table_from_a_file_colours_the_picture_once_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let table = folder.path().join("inverted.lut");
    let inverted: Vec<u8> = (0..3).flat_map(|_| (0..=255).rev()).collect();
    fs::write(&table, inverted).unwrap();
    let mut window = window(&[&path]);
    let darkest = |w: &Window| studio(w).state.views[0].shown.channels[0].lut[0];
    assert_eq!(darkest(&window), [0; 3]);
    for (file, color) in [(table, [255; 3]), (folder.path().join("gone.lut"), [0; 3])] {
        let mut display = studio(&window).state.views[0].display.clone();
        display.channels[0].lut = LutName::File(file.clone());
        send(&mut window, Command::SetDisplay(0, display));
        wait(&mut window, "the table is read", |s| s.state.views[0].luts.has(&LutName::File(file.clone())));
        settle(&mut window);
        assert_eq!(darkest(&window), color, "{}", file.display());
    }
}

#[test]
fn another_sheet_of_a_workbook_is_read_into_the_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("from the lab.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, cells) in [("notes", ["Date", "monday"]), ("videos", ["File", "v1.ome.tif"])] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).unwrap();
        for (row, cell) in (0..).zip(cells) {
            sheet.write_string(row, 0, cell).unwrap();
        }
    }
    book.save(&path).unwrap();
    let mut window = window_with(setup(&[&path]), Theme::Dark);
    wait(&mut window, "the columns are asked about", |s| s.state.dialogs.import.is_some());
    settle(&mut window);
    assert_eq!(import(&window).source.header(), ["Date"]);
    send(&mut window, Command::ChooseSheet("videos".into()));
    settle(&mut window);
    assert_eq!(import(&window).source.header(), ["File"]);
    assert_eq!(import(&window).mapping.source_of("path"), Some(0), "what it means is guessed anew");
    // One that is not there leaves the form as it is, and says so.
    send(&mut window, Command::ChooseSheet("none".into()));
    settle(&mut window);
    assert_eq!(import(&window).source.header(), ["File"]);
    assert!(import(&window).error.is_some() && import(&window).reading.is_none());
}

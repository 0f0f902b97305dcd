//! Controls are marked, and cells filled: by menu, right click, paste and series; each is one step of undo.

use eframe::egui::{Event, Key};
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::panels::menu;
use molclip::app::screen::command::ScreenCommand;
use molclip::app::screen::scale::CONTROL;
use molclip::app::state::Undo;

use crate::experiment::{open, screen, screen_of_four, select, send};
use crate::support::{Window, settle, studio};

fn opened() -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    window.set_size([1400.0, 1100.0].into());
    window.state_mut().as_mut().unwrap().state.dialogs.report = false;
    window.run_steps(3);
    (folder, window)
}

fn column(window: &Window, name: &str) -> Vec<String> {
    (0..4).map(|row| screen(window).table().text(row, name)).collect()
}

fn steps(window: &Window) -> usize {
    studio(window).state.undo.iter().filter(|step| matches!(step, Undo::Table(..))).count()
}

fn click(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

fn paste(window: &mut Window, text: &str) {
    window.input_mut().events.push(Event::Paste(text.into()));
    window.run_steps(3);
    settle(window);
}

#[test]
fn controls_are_marked_by_the_menu_and_by_right_click() {
    let (_folder, mut window) = opened();
    let before = column(&window, "control");
    assert_eq!(before, ["negative", "", "", ""]);
    select(&mut window, &[1, 2]);
    click(&mut window, "Rows");
    click(&mut window, "Mark as positive control");
    assert_eq!(column(&window, "control"), ["negative", "positive", "positive", ""]);
    assert_eq!(steps(&window), 1);
    send(&mut window, Command::Undo);
    assert_eq!(column(&window, "control"), before);

    // A right click on a row selects it; its menu marks it.
    select(&mut window, &[0]);
    window.get_by_label("compound of colchicine 2 µM: colchicine").click_secondary();
    window.run_steps(3);
    click(&mut window, "Mark as negative control");
    assert_eq!(column(&window, "control"), ["negative", "", "negative", ""]);
    // Controls have one colour wherever treatments have: not the grey of rows without a value.
    let looks = &screen(&window).scale().rows;
    assert_eq!([looks[0], looks[2]], [CONTROL; 2]);
    assert!(looks[1] != CONTROL);
    send(&mut window, Command::NotAControl);
    assert_eq!(column(&window, "control"), before);
}

#[test]
fn what_cannot_be_done_says_why() {
    let (_folder, mut window) = opened();
    let why_not = |window: &Window, command: &Command| menu::why_not(command, &studio(window).state);
    select(&mut window, &[0]);
    assert!(why_not(&window, &Command::NotAControl).is_none());
    select(&mut window, &[]);
    assert!(why_not(&window, &Command::NotAControl).unwrap().contains("selected"));
    select(&mut window, &[1]);
    send(&mut window, Command::BlindMode);
    send(&mut window, Command::SelectAllRows);
    assert!(why_not(&window, &Command::FillCells).unwrap().contains("blind"));
    assert!(why_not(&window, &Command::ExcludeRows).is_none());
    for command in Command::ALL {
        let why = why_not(&window, &command);
        assert!(why.is_none_or(|why| why.len() > 10), "{command:?}");
    }
}

#[test]
fn a_pasted_column_goes_downwards_in_one_step() {
    let (_folder, mut window) = opened();
    send(&mut window, Command::Screen(ScreenCommand::Column("concentration_uM".into())));
    select(&mut window, &[1]);
    paste(&mut window, "0.00781\r\n0.0156\r\n0.0312\r\n");
    assert_eq!(column(&window, "concentration_uM"), ["0", "0.00781", "0.0156", "0.0312"]);
    assert_eq!(steps(&window), 1);
    send(&mut window, Command::Undo);
    assert_eq!(column(&window, "concentration_uM"), ["0", "0.5", "2", "0.05"]);
    // More lines than selected rows: what fits is filled. A wrong value changes nothing.
    select(&mut window, &[1, 3]);
    paste(&mut window, "1\n2\n3");
    assert_eq!(column(&window, "concentration_uM"), ["0", "1", "2", "2"]);
    paste(&mut window, "4\nfive");
    assert_eq!(column(&window, "concentration_uM"), ["0", "1", "2", "2"]);
    // One line goes into all, also where it is the name of a compound; a structure is looked at first in its own column.
    send(&mut window, Command::Screen(ScreenCommand::Column("batch note".into())));
    paste(&mut window, "third batch");
    assert_eq!(column(&window, "batch note"), ["first", "third batch", "second", "third batch"]);
    paste(&mut window, "colchicine");
    assert_eq!(column(&window, "batch note")[1], "colchicine");
    assert!(studio(&window).state.dialogs.attach.is_none());
    send(&mut window, Command::Screen(ScreenCommand::Column("smiles".into())));
    paste(&mut window, "CC(=O)Oc1ccccc1C(=O)O");
    assert!(studio(&window).state.dialogs.attach.is_some());
}

#[test]
fn a_dose_series_is_filled_in_the_order_of_the_table() {
    let (_folder, mut window) = opened();
    send(&mut window, Command::SelectAllRows);
    let mut look = screen(&window).look().clone();
    look.query.sort = vec![("row_id".into(), true)];
    send(&mut window, Command::Screen(ScreenCommand::Look(Box::new(look))));
    send(&mut window, Command::Screen(ScreenCommand::Column("concentration_uM".into())));
    send(&mut window, Command::FillCells);
    let form = studio(&window).state.dialogs.fill.clone().unwrap();
    assert_eq!((form.column.as_str(), form.first.as_str()), ("concentration_uM", "0.05"));
    let dialogs = &mut window.state_mut().as_mut().unwrap().state.dialogs;
    let form = dialogs.fill.as_mut().unwrap();
    (form.first, form.factor) = ("1".into(), "2".into());
    window.run_steps(2);
    window.get_by_label("1, 0.5, 0.25, 0.125");
    click(&mut window, "Fill");
    assert!(studio(&window).state.dialogs.fill.is_none());
    assert_eq!(column(&window, "concentration_uM"), ["0.125", "0.25", "0.5", "1"]);
    assert_eq!(steps(&window), 1);
    window.key_press_modifiers(eframe::egui::Modifiers::COMMAND, Key::Z);
    window.run_steps(3);
    assert_eq!(column(&window, "concentration_uM"), ["0", "0.5", "2", "0.05"]);
}

#[test]
fn the_scale_of_the_window_is_set_and_kept() {
    let (_folder, mut window) = opened();
    send(&mut window, Command::SetScale(1.25));
    assert_eq!(studio(&window).state.settings.ui_scale, 1.25);
    assert!((window.ctx.zoom_factor() - 1.25).abs() < 1e-6);
}

//! A text field keeps what is typed: neither Enter nor a mistake hands the next letters to shortcuts; Escape and a click do.

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::screen::command::ScreenCommand;

use crate::experiment::{open, screen, screen_of_four, select, send};
use crate::support::{Window, settle, studio, wait};

/// Letters that are shortcuts: time stamp, treatment mark, contrast, linked views.
const LETTERS: [(Key, &str); 4] = [(Key::S, "s"), (Key::T, "t"), (Key::A, "a"), (Key::K, "k")];

/// Presses keys as a keyboard does: each key comes with its letter, in one pass.
pub fn strike(window: &mut Window, letters: &[(Key, &str)]) {
    for (key, text) in letters {
        let pressed = Event::Key {
            key: *key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: Modifiers::NONE,
        };
        window.input_mut().events.extend([pressed, Event::Text((*text).to_owned())]);
        window.step();
    }
    window.run_steps(2);
}

fn press(window: &mut Window, key: Key) {
    window.key_press(key);
    window.run_steps(3);
}

/// What the letters would change as shortcuts.
fn shown(window: &Window) -> String {
    let state = &studio(window).state;
    let view = state.active_view().expect("a recording is open");
    let settings = &state.settings;
    let links = (settings.overlays, settings.link_views, settings.link_contrast);
    format!("{links:?} {:?} {:?}", view.recording.edits.treatment_frame, view.viewport)
}

/// What stands in a field.
fn value(window: &Window, field: &str) -> String {
    window.get_by_role_and_label(Role::TextInput, field).value().unwrap_or_default()
}

fn is_stamped(window: &Window) -> bool {
    studio(window).state.settings.overlays.time_stamp
}

/// Types into a field, before and after Enter; selects its text; leaves it by Escape, and by a click.
fn keeps_letters(window: &mut Window, field: &str) {
    let before = shown(window);
    window.get_by_role_and_label(Role::TextInput, field).click();
    window.run_steps(2);
    press(window, Key::End);
    strike(window, &[(Key::X, "x")]);
    press(window, Key::Enter);
    strike(window, &LETTERS);
    assert!(value(window, field).ends_with("xstak"), "{field}: {}", value(window, field));
    press(window, Key::Enter);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    strike(window, &[(Key::B, "b")]);
    assert_eq!(value(window, field), "b", "{field}: Ctrl+A selects its text");
    assert_eq!(shown(window), before, "{field}");
    assert_eq!(screen(window).selection.len(), 1, "{field}: Ctrl+A selects no rows");

    press(window, Key::Escape);
    letters_are_shortcuts(window, field);
    assert_eq!(value(window, field), "b");
    window.get_by_role_and_label(Role::TextInput, field).click();
    window.run_steps(2);
    press(window, Key::Enter);
    window.get_by_label("Contrast").click();
    window.run_steps(3);
    letters_are_shortcuts(window, field);
}

/// S hides the time stamp, and shows it again.
fn letters_are_shortcuts(window: &mut Window, what: &str) {
    let before = is_stamped(window);
    strike(window, &[(Key::S, "s")]);
    assert_ne!(is_stamped(window), before, "{what}: the letters are shortcuts again");
    strike(window, &[(Key::S, "s")]);
    assert_eq!(is_stamped(window), before);
}

/// A window with four rows, the second one played.
fn opened() -> (tempfile::TempDir, Window) {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), &screen_of_four(folder.path()));
    window.set_size([1400.0, 1100.0].into());
    select(&mut window, &[1]);
    window.state_mut().as_mut().unwrap().state.dialogs.report = false;
    window.run_steps(3);
    (folder, window)
}

#[test]
fn the_search_of_the_table_keeps_what_is_typed() {
    let (_folder, mut window) = opened();
    keeps_letters(&mut window, "Search rows");
}

#[test]
fn the_search_of_structures_keeps_what_is_typed() {
    let (_folder, mut window) = opened();
    window.get_by_label("Structures").click();
    window.run_steps(3);
    keeps_letters(&mut window, "Search structures");
}

#[test]
fn the_form_of_a_training_keeps_what_is_typed() {
    let (_folder, mut window) = opened();
    send(&mut window, Command::TrainModel);
    wait(&mut window, "the form is there", |s| s.state.training.form.is_some());
    settle(&mut window);
    keeps_letters(&mut window, "Name");
}

#[test]
fn the_form_of_an_export_keeps_what_is_typed() {
    let (_folder, mut window) = opened();
    send(&mut window, Command::ExportFrame);
    let before = shown(&window);
    window.get_by_role_and_label(Role::TextInput, "File to write").click();
    window.run_steps(2);
    press(&mut window, Key::End);
    strike(&mut window, &LETTERS);
    let path = studio(&window).state.dialogs.export.as_ref().map(|form| form.path.clone());
    assert!(path.unwrap().ends_with("stak"));
    assert_eq!(shown(&window), before);
}

#[test]
fn dialogs_keep_what_is_typed_and_give_the_keys_back_when_they_close() {
    let (_folder, mut window) = opened();
    let before = shown(&window);

    // A path that does not exist: the mistake is said, and what is typed next goes on.
    send(&mut window, Command::OpenPath);
    strike(&mut window, &[(Key::X, "x")]);
    press(&mut window, Key::Enter);
    wait(&mut window, "it is said", |s| {
        s.state.dialogs.path_box.as_ref().is_some_and(|open| open.error.is_some())
    });
    strike(&mut window, &LETTERS);
    assert_eq!(studio(&window).state.dialogs.path_box.as_ref().unwrap().text, "xstak");
    press(&mut window, Key::Escape);
    assert!(studio(&window).state.dialogs.path_box.is_none());

    send(&mut window, Command::Palette);
    strike(&mut window, &LETTERS);
    assert_eq!(studio(&window).state.dialogs.palette.as_deref(), Some("stak"));
    press(&mut window, Key::Escape);

    send(&mut window, Command::AttachStructure);
    strike(&mut window, &[(Key::OpenBracket, "[")]);
    press(&mut window, Key::Enter);
    strike(&mut window, &LETTERS);
    assert_eq!(studio(&window).state.dialogs.attach.as_ref().unwrap().text, "[stak");
    press(&mut window, Key::Escape);
    assert_eq!(shown(&window), before);

    // Enter answers this one: the very next key is a shortcut.
    send(&mut window, Command::TagRows);
    strike(&mut window, &LETTERS);
    press(&mut window, Key::Enter);
    assert_eq!(screen(&window).table().text(1, "tags"), "stak");
    assert_eq!(shown(&window), before);
    letters_are_shortcuts(&mut window, "a tag");
}

#[test]
fn a_cell_is_edited_by_f2_and_enter_or_left_as_it_was_by_escape() {
    let (_folder, mut window) = opened();
    let before = shown(&window);
    send(&mut window, Command::Screen(ScreenCommand::Column("batch note".into())));
    press(&mut window, Key::F2);
    strike(&mut window, &LETTERS);
    press(&mut window, Key::Enter);
    assert_eq!(screen(&window).table().text(1, "batch note"), "firststak");
    assert_eq!(screen(&window).selection.rows().collect::<Vec<_>>(), [1], "the row stays");
    assert_eq!(shown(&window), before);
    letters_are_shortcuts(&mut window, "a cell");

    press(&mut window, Key::F2);
    strike(&mut window, &LETTERS);
    press(&mut window, Key::Escape);
    assert_eq!(screen(&window).table().text(1, "batch note"), "firststak");
    assert_eq!(shown(&window), before);
    send(&mut window, Command::Undo);
    assert_eq!(screen(&window).table().text(1, "batch note"), "first");
}

#[test]
fn a_structure_that_is_wrong_does_not_hand_the_next_letters_to_shortcuts() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = crate::answers::open(folder.path());
    let row = crate::answers::active_row(&window);
    crate::answers::select(&mut window, row);
    wait(&mut window, "it plays", |s| !s.state.views.is_empty());
    settle(&mut window);
    // The section is below: the panel is made high enough for it.
    window.set_size([1280.0, 3000.0].into());
    window.run_steps(3);
    window.get_by_label("Ask by structure").click();
    window.run_steps(20);
    let before = shown(&window);
    let field = "Structure to ask by";
    window.get_by_role_and_label(Role::TextInput, field).click();
    window.run_steps(2);
    strike(&mut window, &[(Key::C, "C1CC((")]);
    press(&mut window, Key::Enter);
    wait(&mut window, "the mistake is found", |s| {
        s.state.answers.structure_answer.as_ref().is_some_and(|(_, answer)| answer.is_err())
    });
    strike(&mut window, &LETTERS);
    assert_eq!(value(&window, field), "C1CC((stak");
    assert_eq!(shown(&window), before, "a second SMILES hid the time stamp once");
    // Another question is asked from the same field.
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    strike(&mut window, &[(Key::C, "CCO")]);
    press(&mut window, Key::Enter);
    wait(&mut window, "another structure is answered", |s| {
        s.state
            .answers
            .structure_answer
            .as_ref()
            .is_some_and(|(asked, answer)| asked.text == "CCO" && answer.is_ok())
    });
}

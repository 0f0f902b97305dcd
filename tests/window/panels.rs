//! Panels as a user drives them: drops, keys, clicks, and the picture that comes of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eframe::egui::{self, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use molclip::app::command::Command;
use molclip::app::log_store;
use molclip::app::settings::{SavedView, Settings, ThemeChoice};
use molclip::gpu::GpuDevice;
use molclip::video::display::Projection;
use molclip::video::edits::sidecar_path;
use molclip::video::lut::LutName;
use molclip::video::{Address, Crop, Limits, Recording};

use crate::support::{Dropped, Window, level, movie, settle, setup, studio, wait, window, window_with};

/// Settings and the log are one per process: tests that look at them take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn press(window: &mut Window, key: Key) {
    window.key_press(key);
    window.step();
    settle(window);
}

fn press_with(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.step();
    window.run_steps(2);
}

/// Grey level in the middle of a view's picture.
fn pixel(window: &mut Window, view: usize) -> [u8; 3] {
    let center = studio(window).state.views[view].cell.center();
    let image = window.render().unwrap();
    let p = image.get_pixel(center.x as u32, center.y as u32);
    [p[0], p[1], p[2]]
}

/// Fixed limits, so that a grey level on screen is one in the file.
fn plain_contrast(window: &mut Window, view: usize) {
    let studio = window.state_mut().as_mut().unwrap();
    for channel in &mut studio.state.views[view].display.channels {
        (channel.min, channel.max, channel.auto, channel.lut) = (0.0, 255.0, false, LutName::Grays);
    }
}

#[test]
fn dropped_files_open_side_by_side_and_keys_move_through_them() {
    let folder = folder();
    let a = movie(folder.path(), "drug.ome.tif", 1, 1, Some(2.0));
    let b = movie(folder.path(), "dmso.ome.tif", 1, 1, Some(4.0));
    let mut window = window(&[]);
    window.get_by_label("Drop recordings here");
    for path in [a, b] {
        window.input_mut().dropped_files.push(Arc::new(Dropped(path)));
    }
    window.step();
    wait(&mut window, "both open", |s| s.state.views.len() == 2);
    settle(&mut window);
    (0..2).for_each(|view| plain_contrast(&mut window, view));
    settle(&mut window);
    assert_eq!(pixel(&mut window, 0), [level(0); 3]);

    // Lock-step in time: the second recording has half the frame rate.
    for _ in 0..3 {
        press(&mut window, Key::ArrowRight);
    }
    assert_eq!((studio(&window).state.frame_of(0), studio(&window).state.frame_of(1)), (3, 1));
    assert_eq!((pixel(&mut window, 0), pixel(&mut window, 1)), ([level(3); 3], [level(1); 3]));
    assert_eq!(studio(&window).state.time_label(0), "6.0 s");

    press(&mut window, Key::End);
    assert_eq!(studio(&window).state.frame_of(1), 7);
    press(&mut window, Key::Home);
    assert_eq!(studio(&window).state.frame_of(1), 0);

    // A held key repeats: several presses in one pass are as many steps.
    (0..4).for_each(|_| window.key_press(Key::ArrowRight));
    window.step();
    settle(&mut window);
    assert_eq!(studio(&window).state.clock.tick, 4);
}

#[test]
fn playing_shows_every_frame_and_stops_at_the_end_when_asked() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&path]);
    window.get_by_label("Once").click();
    window.run_steps(2);
    window.key_press(Key::Space);
    let mut seen = vec![0];
    wait(&mut window, "plays to the end", |s| {
        let t = s.state.views[0].shown.t;
        if seen.last() != Some(&t) {
            seen.push(t);
        }
        !s.state.clock.playing && t == 7
    });
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
}

#[test]
fn channels_toggle_with_digits_and_undo_takes_changes_back() {
    let folder = folder();
    let path = movie(folder.path(), "two.ome.tif", 1, 2, Some(1.0));
    let mut window = window(&[&path]);
    let visible =
        |w: &Window| studio(w).state.views[0].display.channels.iter().map(|c| c.visible).collect::<Vec<_>>();
    press(&mut window, Key::Num2);
    assert_eq!(visible(&window), [true, false]);
    press(&mut window, Key::Num1);
    assert_eq!(visible(&window), [false, false]);
    press_with(&mut window, Modifiers::COMMAND, Key::Z);
    assert_eq!(visible(&window), [true, false]);
    press_with(&mut window, Modifiers::COMMAND, Key::Z);
    assert_eq!(visible(&window), [true, true]);
    press_with(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(visible(&window), [true, false]);
}

#[test]
fn z_projections_are_computed_from_all_planes() {
    let folder = folder();
    let path = movie(folder.path(), "stack.ome.tif", 3, 1, Some(1.0));
    let mut window = window(&[&path]);
    plain_contrast(&mut window, 0);
    settle(&mut window);
    // Plane z of frame t has level t + z; the middle plane comes first.
    assert_eq!(pixel(&mut window, 0), [level(0) + 1; 3]);
    press(&mut window, Key::ArrowUp);
    assert_eq!(pixel(&mut window, 0), [level(0) + 2; 3]);
    press(&mut window, Key::ArrowDown);
    press(&mut window, Key::ArrowDown);
    assert_eq!(pixel(&mut window, 0), [level(0); 3]);
    window.get_by_label("Max").click();
    settle(&mut window);
    assert_eq!(studio(&window).state.views[0].display.projection, Projection::Max);
    assert_eq!(pixel(&mut window, 0), [level(0) + 2; 3]);
    window.get_by_label("Mean").click();
    settle(&mut window);
    assert_eq!(pixel(&mut window, 0), [level(0) + 1; 3]);
}

#[test]
fn linked_contrast_reaches_the_other_recording_but_not_a_locked_channel() {
    let folder = folder();
    let a = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let b = movie(folder.path(), "b.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&a, &b]);
    press(&mut window, Key::C);
    let mut display = studio(&window).state.views[0].display.clone();
    (display.channels[0].min, display.channels[0].max) = (33.0, 77.0);
    let ctx = window.ctx.clone();
    let send = |window: &mut Window, command| window.state_mut().as_mut().unwrap().apply(&ctx, command);
    send(&mut window, Command::SetDisplay(0, display.clone()));
    let limits = |w: &Window, view: usize| {
        let c = &studio(w).state.views[view].display.channels[0];
        (c.min, c.max)
    };
    assert_eq!(limits(&window, 1), (33.0, 77.0));
    window.state_mut().as_mut().unwrap().state.views[1].display.channels[0].locked = true;
    display.channels[0].min = 5.0;
    send(&mut window, Command::SetDisplay(0, display));
    assert_eq!((limits(&window, 0).0, limits(&window, 1).0), (5.0, 33.0));
}

#[test]
fn metadata_are_corrected_beside_the_file_which_stays_as_it_is() {
    let folder = folder();
    let path = movie(folder.path(), "bare.ome.tif", 1, 1, None);
    let before = std::fs::read(&path).unwrap();
    let mut window = window(&[&path]);
    assert_eq!(studio(&window).state.time_label(0), "frame 1");
    assert_eq!(studio(&window).state.views[0].recording.metadata_problems().len(), 2);
    window.get_by_label("unknown: no scale bar, positions in px");

    let mut edits = studio(&window).state.views[0].recording.edits.clone();
    (edits.pixel_size_um, edits.interval_s) = (Some(0.1), Some(3.0));
    let ctx = window.ctx.clone();
    window.state_mut().as_mut().unwrap().apply(&ctx, Command::SetEdits(0, edits));
    press(&mut window, Key::ArrowRight);
    press(&mut window, Key::T);
    press(&mut window, Key::ArrowRight);
    assert_eq!(studio(&window).state.time_label(0), "3.0 s after treatment");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let again = Recording::open(&Address::of(&path), Limits::default()).unwrap();
    assert_eq!(again.edits.pixel_size_um, Some(0.1));
    assert_eq!(again.edits.treatment_frame, Some(1));
    assert!(again.metadata_problems().is_empty());

    // Undone to the end, the sidecar goes as well.
    press_with(&mut window, Modifiers::COMMAND, Key::Z);
    press_with(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert!(!sidecar_path(&path).exists());
}

#[test]
fn a_closed_recording_comes_back_as_it_was() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&path]);
    plain_contrast(&mut window, 0);
    press_with(&mut window, Modifiers::COMMAND, Key::W);
    assert!(studio(&window).state.views.is_empty());
    press_with(&mut window, Modifiers::COMMAND, Key::Z);
    wait(&mut window, "it is back", |s| s.state.views.len() == 1);
    settle(&mut window);
    assert_eq!(studio(&window).state.views[0].display.channels[0].max, 255.0);
}

#[test]
fn the_palette_runs_what_was_typed_and_help_lists_the_keys() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&path]);
    press_with(&mut window, Modifiers::COMMAND, Key::P);
    // Letters typed into the palette are no shortcuts.
    window.event(egui::Event::Text("last fr".into()));
    window.key_press(Key::L);
    window.run_steps(3);
    window.key_press(Key::Enter);
    window.run_steps(2);
    settle(&mut window);
    assert_eq!(studio(&window).state.clock.tick, 7);
    assert!(studio(&window).state.dialogs.palette.is_none());

    press_with(&mut window, Modifiers::SHIFT, Key::Questionmark);
    window.get_by_label("Mouse and more");
    window.get_by_label("Ctrl+E");
    window.get_by_label("Slice, maximum, mean");
}

#[test]
fn a_path_can_be_typed_where_no_dialog_answers() {
    let folder = folder();
    let path = movie(folder.path(), "typed.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[]);
    press_with(&mut window, Modifiers::COMMAND, Key::L);
    let type_path = |window: &mut Window, path: &Path| {
        window.event(egui::Event::Text(path.display().to_string()));
        window.run_steps(2);
        window.key_press(Key::Enter);
        window.run_steps(2);
    };
    type_path(&mut window, Path::new("/nowhere/at/all.tif"));
    wait(&mut window, "the path is looked for", |s| {
        s.state.dialogs.path_box.as_ref().unwrap().error.is_some()
    });
    let path_box = studio(&window).state.dialogs.path_box.as_ref().unwrap();
    assert!(path_box.error.as_ref().unwrap().contains("does not exist"));
    window.state_mut().as_mut().unwrap().state.dialogs.path_box.as_mut().unwrap().text.clear();
    window.run_steps(2);
    type_path(&mut window, &path);
    wait(&mut window, "opens", |s| s.state.views.len() == 1);
}

#[test]
fn a_damaged_file_gives_a_message_and_the_others_open() {
    let _turn = turn();
    let folder = folder();
    let good = movie(folder.path(), "good.ome.tif", 1, 1, Some(1.0));
    let bad = folder.path().join("bad.tif");
    std::fs::write(&bad, b"II*\0\xff\xff\xff\xff").unwrap();
    let before = log_store::latest();
    let mut window = window_with(setup(&[&bad, &good]), egui::Theme::Dark);
    wait(&mut window, "the good one opens", |s| s.state.views.len() == 1 && s.running_jobs().is_empty());
    let lines = log_store::lines_after(before);
    let error = lines.iter().find(|l| l.level == log::Level::Error && l.text.contains("bad.tif"));
    assert!(error.is_some(), "{lines:?}");
}

fn export(window: &mut Window, folder: &Path, name: &str, shortcut: Modifiers) -> PathBuf {
    let path = folder.join(name);
    press_with(window, shortcut, Key::E);
    let form = window.state_mut().as_mut().unwrap().state.dialogs.export.as_mut().unwrap();
    form.path = path.display().to_string();
    wait(window, "the disk says what is there", |s| s.state.dialogs.export.as_ref().unwrap().is_seen());
    window.run_steps(2);
    window.get_by_label("Write file").click();
    window.run_steps(2);
    settle(window);
    path
}

#[test]
fn frames_and_movies_are_exported_from_the_window() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(2.5));
    // Pictures need a device of their own here: the harness keeps its renderer's.
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let mut window =
        window_with(molclip::app::Setup { gpu: Some(gpu), ..setup(&[&path]) }, egui::Theme::Dark);
    wait(&mut window, "opens", |s| s.state.views.len() == 1);
    settle(&mut window);
    plain_contrast(&mut window, 0);
    press(&mut window, Key::ArrowRight);

    let png = export(&mut window, folder.path(), "frame.png", Modifiers::COMMAND);
    let picture = image::open(&png).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (512, 384), "64 × 48 px, enlarged 8 times");
    assert_eq!(picture.get_pixel(256, 100).0, [level(1); 3]);

    let tiff = export(&mut window, folder.path(), "movie.ome.tif", Modifiers::COMMAND | Modifiers::SHIFT);
    let back = Recording::open(&Address::of(&tiff), Limits::default()).unwrap();
    assert_eq!((back.shape().t, back.series.interval_s), (8, Some(2.5)));
    assert_eq!(back.read(5, 0, 0).unwrap().bytes[0], level(5));
}

#[test]
fn the_session_is_kept_and_a_lost_device_ends_with_a_message() {
    let _turn = turn();
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let gpu = GpuDevice::headless().unwrap_or_else(|e| panic!("{e}"));
    let config_dir = Some(folder.path().join("config"));
    let setup = molclip::app::Setup { gpu: Some(gpu.clone()), config_dir, ..setup(&[&path]) };
    let mut window = window_with(setup, egui::Theme::Dark);
    wait(&mut window, "opens", |s| s.state.views.len() == 1);
    settle(&mut window);
    assert!(studio(&window).fatal.is_none());
    gpu.device.destroy();
    wait(&mut window, "the loss is noticed", |s| s.fatal.is_some());
    assert!(studio(&window).fatal.as_ref().unwrap().contains("Reopen last session"));
    let kept = Settings::load(Some(&folder.path().join("config")));
    assert_eq!(kept.session[0].address.path, path);
    assert!(!kept.closed_cleanly);
}

#[test]
fn settings_survive_a_round_trip_with_the_layout() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let window = window(&[&path]);
    let mut settings =
        Settings { layout: Some(molclip::app::panes::default_layout()), ..Settings::default() };
    settings.remember(&Address::of(&path));
    settings.session.push(SavedView {
        address: Address::of(&path),
        display: studio(&window).state.views[0].display.clone(),
        viewport: studio(&window).state.views[0].viewport,
    });
    let value = serde_json::to_value(&settings).unwrap();
    let back: Settings = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), value);
    assert!(back.layout.is_some());
}

#[test]
fn wheel_zooms_at_the_pointer_and_double_click_fits() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&path]);
    let cell = studio(&window).state.views[0].cell;
    let at = cell.center() + egui::vec2(80.0, 40.0);
    window.hover_at(at);
    window.run_steps(2);
    let before = studio(&window).state.hover.clone().unwrap().pixel;
    for _ in 0..5 {
        window.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, 60.0),
            modifiers: Modifiers::NONE,
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
        });
        window.run_steps(4);
    }
    let view = &studio(&window).state.views[0];
    let fit = (cell.width() / 64.0).min(cell.height() / 48.0);
    assert!(view.viewport.zoom.unwrap() > fit * 1.5);
    let after = studio(&window).state.hover.clone().unwrap().pixel;
    assert!(before.0.abs_diff(after.0) <= 1 && before.1.abs_diff(after.1) <= 1, "{before:?} {after:?}");
    // The wheel's momentum runs out before the next key.
    window.run_steps(60);
    press(&mut window, Key::F);
    assert!(studio(&window).state.views[0].viewport.zoom.is_none());
}

/// Presses, moves and lets go, with keys held.
fn drag(window: &mut Window, from: egui::Pos2, to: egui::Pos2, modifiers: Modifiers) {
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers,
    };
    window.hover_at(from);
    window.run_steps(2);
    window.event_modifiers(button(from, true), modifiers);
    window.run_steps(2);
    for share in [0.5, 1.0] {
        window.event_modifiers(egui::Event::PointerMoved(from.lerp(to, share)), modifiers);
        window.run_steps(2);
    }
    window.event_modifiers(button(to, false), modifiers);
    window.run_steps(2);
}

#[test]
fn a_rectangle_is_drawn_moved_resized_exported_and_cleared() {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 1, 1, Some(1.0));
    let mut window = window(&[&path]);
    let cell = studio(&window).state.views[0].cell;
    let zoom = (cell.width() / 64.0).min(cell.height() / 48.0);
    let at = |x: f32, y: f32| cell.center() + egui::vec2(x - 32.0, y - 24.0) * zoom;
    let roi = |window: &Window| studio(window).state.views[0].roi;
    let viewport = studio(&window).state.views[0].viewport;

    drag(&mut window, at(10.1, 8.0), at(29.9, 20.2), Modifiers::SHIFT);
    assert_eq!(roi(&window), Some(Crop { x: 10, y: 8, width: 20, height: 12 }));
    drag(&mut window, at(20.0, 14.0), at(25.0, 12.0), Modifiers::NONE);
    assert_eq!(roi(&window), Some(Crop { x: 15, y: 6, width: 20, height: 12 }));
    drag(&mut window, at(35.0, 18.0), at(23.0, 16.0), Modifiers::NONE);
    let drawn = Crop { x: 15, y: 6, width: 8, height: 10 };
    assert_eq!(roi(&window), Some(drawn));
    assert_eq!(studio(&window).state.views[0].viewport, viewport, "the picture stays where it is");

    let part = export(&mut window, folder.path(), "part.ome.tif", Modifiers::COMMAND | Modifiers::SHIFT);
    let back = Recording::open(&Address::of(&part), Limits::default()).unwrap();
    assert_eq!((back.shape().x, back.shape().y), (drawn.width, drawn.height));

    // Escape belongs to an open dialog first.
    press_with(&mut window, Modifiers::COMMAND, Key::E);
    press(&mut window, Key::Escape);
    assert!(studio(&window).state.dialogs.export.is_none());
    assert_eq!(roi(&window), Some(drawn));
    press(&mut window, Key::Escape);
    assert_eq!(roi(&window), None);
    drag(&mut window, at(20.0, 14.0), at(25.0, 12.0), Modifiers::NONE);
    assert_ne!(
        studio(&window).state.views[0].viewport,
        viewport,
        "without a rectangle a drag moves the picture"
    );
}

/// One small picture of the whole window for each theme.
fn looks_as_it_did(name: &str, theme: egui::Theme, choice: ThemeChoice) {
    let folder = folder();
    let path = movie(folder.path(), "a.ome.tif", 3, 2, Some(1.0));
    let mut setup = setup(&[&path]);
    setup.settings.theme = choice;
    let mut window = window_with(setup, theme);
    wait(&mut window, "opens", |s| s.state.views.len() == 1);
    settle(&mut window);
    window.run_steps(30);
    // How full the cache is depends on the machine; what is drawn above it does not.
    window.mask(egui::Rect::from_min_max(egui::pos2(300.0, 672.0), egui::pos2(1000.0, 700.0)));
    let options = egui_kittest::SnapshotOptions::new()
        .threshold(1.2)
        .max_failed_pixels(400)
        .output_path("tests/snapshots");
    window.snapshot_options(name, &options);
}

#[test]
fn the_dark_window_looks_as_it_did() {
    looks_as_it_did("window_dark", egui::Theme::Dark, ThemeChoice::Dark);
}

#[test]
fn the_light_window_looks_as_it_did() {
    looks_as_it_did("window_light", egui::Theme::Light, ThemeChoice::Light);
}

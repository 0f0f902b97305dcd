//! Recordings whose pictures say which frame they are, and a window to show them in.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui;
use egui_kittest::Harness;
use molclip::app::command::Command;
use molclip::app::settings::Settings;
use molclip::app::{Setup, Studio, log_store};
use molclip::export::{MovieMeta, OmeTiffOptions, OmeTiffWriter};
use molclip::progress::Progress;
use molclip::simulate;
use molclip::video::{Address, Channel, Plane, SampleType, Shape};

/// Grey level of frame `t`: far enough apart to be told from a picture of the screen.
pub const fn level(t: usize) -> u8 {
    20 + 25 * t as u8
}

/// Writes an 8-bit movie of 8 frames in which everything in frame `t` has [`level`] `t`.
pub fn movie(folder: &Path, name: &str, z: usize, c: usize, interval_s: Option<f64>) -> PathBuf {
    let shape = Shape { t: 8, z, c, y: 48, x: 64, s: 1 };
    let meta = MovieMeta {
        name: name.to_owned(),
        description: None,
        shape,
        dtype: SampleType::U8,
        missing: Vec::new(),
        pixel_size_um: None,
        z_step_um: None,
        interval_s,
        plane_times_s: None,
        channels: vec![Channel::default(); c],
    };
    let path = folder.join(name);
    let mut writer = OmeTiffWriter::create(&path, meta, OmeTiffOptions::default()).unwrap();
    for t in 0..shape.t {
        for z in 0..shape.z {
            for _ in 0..shape.c {
                let bytes = vec![level(t) + z as u8; shape.plane_samples()];
                let plane = Plane { width: 64, height: 48, samples: 1, dtype: SampleType::U8, bytes };
                writer.write_plane(&plane).unwrap();
            }
        }
    }
    writer.finish().unwrap();
    path
}

pub type Window = Harness<'static, Option<Studio>>;

/// A window of 1000 × 700 points with some recordings, not yet drawn.
pub fn window_with(setup: Setup, theme: egui::Theme) -> Window {
    log_store::install(log::LevelFilter::Off);
    let mut setup = Some(setup);
    let app = move |ui: &mut egui::Ui, studio: &mut Option<Studio>| {
        // The real window is cleared to this colour.
        ui.painter().rect_filled(ui.max_rect(), 0.0, ui.visuals().panel_fill);
        let studio = studio.get_or_insert_with(|| Studio::new(ui.ctx(), setup.take().unwrap()));
        studio.ui(ui);
    };
    Harness::builder()
        .with_size([1000.0, 700.0])
        .with_theme(theme)
        .with_step_dt(0.05)
        .wgpu()
        .build_ui_state(app, None)
}

pub fn setup(paths: &[&Path]) -> Setup {
    Setup {
        gpu: None,
        format: wgpu::TextureFormat::Rgba8Unorm,
        settings: Settings::default(),
        config_dir: None,
        addresses: paths.iter().map(|p| Address::of(*p)).collect(),
        compute: None,
        profile: None,
    }
}

/// A simulated screen that lives as long as the tests: its manifest.
pub fn simulated(config: &simulate::Config) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let manifest = simulate::run(config, &folder.path().join("screen"), &Progress::default()).unwrap();
    (folder, manifest)
}

/// A window that shows these recordings.
pub fn window(paths: &[&Path]) -> Window {
    let mut window = window_with(setup(paths), egui::Theme::Dark);
    let count = paths.len();
    wait(&mut window, "recordings open", |s| s.state.views.len() == count);
    settle(&mut window);
    window
}

/// Lets passes go by until a condition holds. A training takes long on a busy machine.
pub fn wait(window: &mut Window, what: &str, mut until: impl FnMut(&Studio) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if until(studio(window)) {
            return;
        }
        assert!(start.elapsed() < Duration::from_mins(3), "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Carries out a command, as a menu or a key would.
pub fn send(window: &mut Window, command: Command) {
    let ctx = window.ctx.clone();
    window.state_mut().as_mut().unwrap().apply(&ctx, command);
    window.run_steps(2);
}

/// Lets jobs end and pictures come up.
pub fn settle(window: &mut Window) {
    wait(window, "jobs end and frames are shown", |s| s.running_jobs().is_empty() && s.is_settled());
    window.run_steps(3);
}

pub fn studio(window: &Window) -> &Studio {
    window.state().as_ref().unwrap()
}

/// A file that is dropped on the window.
#[derive(Debug)]
pub struct Dropped(pub PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

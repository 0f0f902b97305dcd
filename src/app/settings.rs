//! Settings and the last session, kept as JSON in the user's configuration folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::panes::Pane;
use crate::atomic_file;
use crate::gpu::ComputeChoice;
use crate::video::Address;
use crate::video::display::Display;
use crate::video::timeline::{Align, Ending, Pacing, Speed};

/// Colours of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    /// Dark: the eye sees more of a dim cell.
    #[default]
    Dark,
    /// Light.
    Light,
    /// As the desktop.
    System,
}

/// What is drawn over a frame, on screen and in exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overlays {
    /// Scale bar with its length.
    pub scale_bar: bool,
    /// Time of the frame.
    pub time_stamp: bool,
    /// Name of the recording.
    pub name: bool,
}

impl Default for Overlays {
    fn default() -> Self {
        Self { scale_bar: true, time_stamp: true, name: true }
    }
}

/// Where a view looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Viewport {
    /// Point of the image in the middle of the view, as a share of its width and height.
    pub center: [f32; 2],
    /// Screen points per image pixel; `None` fits the image into the view.
    pub zoom: Option<f32>,
}

impl Default for Viewport {
    fn default() -> Self {
        Self { center: [0.5, 0.5], zoom: None }
    }
}

/// A recording that was open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedView {
    /// Which.
    pub address: Address,
    /// How it was shown.
    pub display: Display,
    /// Where it looked.
    pub viewport: Viewport,
}

/// An experiment that was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Recent {
    /// A project, a table, a folder.
    One(PathBuf),
    /// Tables of profiles that are one experiment together.
    Several(Vec<PathBuf>),
}

impl Recent {
    /// Of what was opened together.
    pub fn of(paths: &[PathBuf]) -> Self {
        match paths {
            [path] => Self::One(path.clone()),
            several => Self::Several(several.to_vec()),
        }
    }

    /// What was opened.
    pub const fn paths(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths.as_slice(),
        }
    }

    /// Name of the file; of several the first and how many more.
    pub fn label(&self) -> String {
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self.paths() {
            [] => String::new(),
            [path] => name(path),
            [first, rest @ ..] => format!("{} and {} more", name(first), rest.len()),
        }
    }
}

/// An experiment that was open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedExperiment {
    /// Its project: the user's, or what is kept for recovery.
    pub path: PathBuf,
    /// Name for people.
    pub name: String,
}

/// Everything that is remembered between starts.
#[derive(Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Colours.
    pub theme: ThemeChoice,
    /// Scale of the window on top of the desktop's.
    pub ui_scale: f32,
    /// Who computes.
    pub compute: ComputeChoice,
    /// Share of memory for decoded frames.
    pub cache_share: f64,
    /// What was opened, latest first.
    pub recent: Vec<Address>,
    /// Tables, projects and datasets that were opened, latest first.
    pub recent_experiments: Vec<Recent>,
    /// At the end of the movie.
    pub ending: Ending,
    /// How fast.
    pub speed: Speed,
    /// What gives.
    pub pacing: Pacing,
    /// Where recordings are aligned.
    pub align: Align,
    /// Zoom and pan together.
    pub link_views: bool,
    /// Contrast together.
    pub link_contrast: bool,
    /// Drawn over frames.
    pub overlays: Overlays,
    /// Arrangement of the panels.
    pub layout: Option<egui_tiles::Tree<Pane>>,
    /// Size of the window, points.
    pub window: Option<[f32; 2]>,
    /// What was open last: recordings without an experiment.
    pub session: Vec<SavedView>,
    /// Or an experiment, whose project says what was seen of it.
    pub session_experiment: Option<SavedExperiment>,
    /// False while the program runs: true after a crash or a lost device means that the session can be brought back.
    pub closed_cleanly: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            ui_scale: 1.0,
            compute: ComputeChoice::Auto,
            cache_share: 0.25,
            recent: Vec::new(),
            recent_experiments: Vec::new(),
            ending: Ending::default(),
            speed: Speed::Fps(10.0),
            pacing: Pacing::default(),
            align: Align::default(),
            link_views: false,
            link_contrast: false,
            overlays: Overlays::default(),
            layout: None,
            window: None,
            session: Vec::new(),
            session_experiment: None,
            closed_cleanly: true,
        }
    }
}

/// Recent files kept.
const RECENT: usize = 12;

/// Where settings live; `MOLCLIP_CONFIG_DIR` moves them (tests, shared machines).
pub fn config_dir() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("MOLCLIP_CONFIG_DIR") {
        return Some(dir.into());
    }
    directories::ProjectDirs::from("", "", "molclip").map(|dirs| dirs.config_dir().to_owned())
}

/// Writes settings, as [`Settings::to_text`] gives them, into a folder.
pub fn write(dir: &Path, text: &str) -> anyhow::Result<()> {
    let file = dir.join("settings.json");
    atomic_file::write(&file, text.as_bytes())
        .map_err(|e| anyhow::anyhow!("{}: settings could not be written: {e}", file.display()))
}

impl Settings {
    /// Reads the settings of a folder; damaged ones are set aside, and said so.
    pub fn load(dir: Option<&Path>) -> Self {
        let Some(file) = dir.map(|d| d.join("settings.json")) else { return Self::default() };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            Err(e) => {
                log::warn!("{}: settings could not be read: {e}. Defaults are used.", file.display());
                return Self::default();
            }
        };
        match serde_json::from_str(&text) {
            Ok(settings) => settings,
            Err(e) => {
                let aside = file.with_extension("json.damaged");
                let kept = std::fs::rename(&file, &aside).is_ok();
                log::warn!(
                    "{}: settings are damaged ({e}); defaults are used.{}",
                    file.display(),
                    if kept { " The old file is kept beside it as settings.json.damaged." } else { "" }
                );
                Self::default()
            }
        }
    }

    /// The settings as they stand in the file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Puts an experiment on top of its recent list; several tables that are one experiment are one entry.
    pub fn remember_experiment(&mut self, paths: &[PathBuf]) {
        let recent = Recent::of(paths);
        self.recent_experiments.retain(|known| *known != recent);
        self.recent_experiments.insert(0, recent);
        self.recent_experiments.truncate(RECENT);
    }

    /// True if something was open last.
    pub const fn has_session(&self) -> bool {
        !self.session.is_empty() || self.session_experiment.is_some()
    }

    /// A project is thrown away: it cannot be reopened.
    pub fn forget_session(&mut self, project: &Path) {
        self.session_experiment.take_if(|saved| saved.path == project);
    }

    /// Puts an address on top of the recent list.
    pub fn remember(&mut self, address: &Address) {
        self.recent.retain(|a| a != address);
        self.recent.insert(0, address.clone());
        self.recent.truncate(RECENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_were_opened_together_are_one_recent_entry() {
        // As settings of before say it.
        let mut settings: Settings =
            serde_json::from_str(r#"{"recent_experiments": ["/a/one.csv"]}"#).unwrap();
        let several = ["/b/p1.csv.gz", "/b/p2.csv.gz"].map(PathBuf::from);
        settings.remember_experiment(&several);
        settings.remember_experiment(&[PathBuf::from("/c.molclip")]);
        settings.remember_experiment(&several);
        let again: Settings = serde_json::from_str(&settings.to_text().unwrap()).unwrap();
        let labels: Vec<String> = again.recent_experiments.iter().map(Recent::label).collect();
        assert_eq!(labels, ["p1.csv.gz and 1 more", "c.molclip", "one.csv"]);
        assert_eq!(again.recent_experiments[0].paths(), several);
    }
}

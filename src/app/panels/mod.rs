//! The panels: each reads the state and sends commands.

pub mod about;
pub mod display;
pub mod export;
pub mod help;
pub mod info;
pub mod log;
pub mod menu;
pub mod palette;
pub mod path_box;
pub mod status;
pub mod transport;
pub mod viewer;

use serde::{Deserialize, Serialize};

/// A panel that can be arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pane {
    /// The recordings.
    Viewer,
    /// Contrast and colours.
    Display,
    /// What is known of the recording.
    Info,
    /// Messages.
    Log,
}

impl Pane {
    /// Tab title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Viewer => "Recordings",
            Self::Display => "Contrast",
            Self::Info => "Recording",
            Self::Log => "Log",
        }
    }
}

/// The arrangement that a new user sees: pictures large, contrast and metadata at their right.
pub fn default_layout() -> egui_tiles::Tree<Pane> {
    let mut tiles = egui_tiles::Tiles::default();
    let viewer = tiles.insert_pane(Pane::Viewer);
    let display = tiles.insert_pane(Pane::Display);
    let info = tiles.insert_pane(Pane::Info);
    let log = tiles.insert_pane(Pane::Log);
    let lower = tiles.insert_tab_tile(vec![info, log]);
    let upper = tiles.insert_tab_tile(vec![display]);
    let side = tiles.insert_vertical_tile(vec![upper, lower]);
    let mut root = egui_tiles::Linear::new(egui_tiles::LinearDir::Horizontal, vec![viewer, side]);
    root.shares.set_share(viewer, 0.74);
    root.shares.set_share(side, 0.26);
    let root = tiles.insert_container(root);
    egui_tiles::Tree::new(eframe::egui::Id::unique("panels"), root, tiles)
}

//! The panels that can be arranged: which there are, and how they stand at first.

use eframe::egui::Id;
use egui_tiles::{Linear, LinearDir, TileId, Tiles, Tree};
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
    /// Rows of the experiment.
    Table,
    /// Wells.
    Plate,
    /// Thumbnails.
    ContactSheet,
    /// Structures of the experiment's compounds.
    Structures,
    /// What is known of the selected row's compound.
    Compound,
    /// Training of a model.
    Training,
    /// Embeddings as points.
    Map,
    /// What the model says of the selected video.
    Answers,
    /// Corrections of vectors side by side.
    Recipes,
    /// Hits, doses and plate quality.
    Hits,
}

impl Pane {
    /// Tab title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Viewer => "Recordings",
            Self::Display => "Contrast",
            Self::Info => "Recording",
            Self::Log => "Log",
            Self::Table => "Table",
            Self::Plate => "Plate",
            Self::ContactSheet => "Contact sheet",
            Self::Structures => "Structures",
            Self::Compound => "Compound",
            Self::Training => "Training",
            Self::Map => "Map",
            Self::Answers => "Answers",
            Self::Recipes => "Recipes",
            Self::Hits => "Hits",
        }
    }

    /// The panels of a window without an experiment.
    pub const RECORDINGS: [Self; 4] = [Self::Viewer, Self::Display, Self::Info, Self::Log];
    /// The panels that a window with one cannot do without.
    pub const EXPERIMENT: [Self; 9] = [
        Self::Viewer,
        Self::ContactSheet,
        Self::Plate,
        Self::Structures,
        Self::Table,
        Self::Compound,
        Self::Display,
        Self::Info,
        Self::Log,
    ];
}

/// True if an arrangement has all of these panels; one that another version stored may lack some.
pub fn is_complete(layout: &Tree<Pane>, panes: &[Pane]) -> bool {
    panes.iter().all(|pane| layout.tiles.find_pane(pane).is_some())
}

/// The arrangement that a new user sees: pictures large, contrast and metadata at their right.
pub fn default_layout() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let viewer = tiles.insert_pane(Pane::Viewer);
    let upper = tabs(&mut tiles, &[Pane::Display]);
    let lower = tabs(&mut tiles, &[Pane::Info, Pane::Log]);
    let side = tiles.insert_vertical_tile(vec![upper, lower]);
    let root = split(&mut tiles, LinearDir::Horizontal, viewer, side, 0.74);
    Tree::new(Id::unique("panels"), root, tiles)
}

/// With an experiment: pictures above, the table below, what is known of the selected row at the right.
pub fn experiment_layout() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let pictures = tabs(
        &mut tiles,
        &[Pane::Viewer, Pane::ContactSheet, Pane::Plate, Pane::Structures, Pane::Map, Pane::Training],
    );
    let table = tabs(&mut tiles, &[Pane::Table]);
    let main = split(&mut tiles, LinearDir::Vertical, pictures, table, 0.62);
    let upper = tabs(&mut tiles, &[Pane::Answers, Pane::Compound, Pane::Display]);
    let lower = tabs(&mut tiles, &[Pane::Info, Pane::Log]);
    let side = split(&mut tiles, LinearDir::Vertical, upper, lower, 0.8);
    let root = split(&mut tiles, LinearDir::Horizontal, main, side, 0.72);
    Tree::new(Id::unique("experiment panels"), root, tiles)
}

fn tabs(tiles: &mut Tiles<Pane>, panes: &[Pane]) -> TileId {
    let panes: Vec<TileId> = panes.iter().map(|&pane| tiles.insert_pane(pane)).collect();
    tiles.insert_tab_tile(panes)
}

fn split(tiles: &mut Tiles<Pane>, dir: LinearDir, first: TileId, second: TileId, share: f32) -> TileId {
    let mut linear = Linear::new(dir, vec![first, second]);
    linear.shares.set_share(first, share);
    linear.shares.set_share(second, 1.0 - share);
    tiles.insert_container(linear)
}

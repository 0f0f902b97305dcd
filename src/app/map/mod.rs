//! The map of embeddings: what is asked, what is shown, the gates that are kept.
//!
//! Plain data; [`crate::app::panels::map`] shows it, `apply::map` changes it and starts the job.

pub mod colours;
pub mod grouping;
pub mod job;

use std::cell::RefCell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::colours::{Colours, Painted};
use self::grouping::{Grouping, Unit};
use super::screen::Screen;
use super::widgets::scatter::{Plane, Tool, Viewport};
use crate::analysis::projection::{Method, Settings};
use crate::experiment::{EmbeddingTable, Query};
use crate::progress::Progress;

/// Pictures kept, so that going back to one takes no time.
const KEPT: usize = 16;

/// How a plane is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Principal components.
    #[default]
    Pca,
    /// t-SNE.
    Tsne,
    /// UMAP.
    Umap,
}

impl Kind {
    /// All, in the order of choosers.
    pub const ALL: [Self; 3] = [Self::Pca, Self::Tsne, Self::Umap];

    /// Of these settings.
    pub const fn of(settings: &Settings) -> Self {
        match settings.method {
            Method::Pca => Self::Pca,
            Method::Tsne { .. } => Self::Tsne,
            Method::Umap { .. } => Self::Umap,
        }
    }

    /// Name.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pca => "PCA",
            Self::Tsne => "t-SNE",
            Self::Umap => "UMAP",
        }
    }

    /// What it shows, for tooltips.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Pca => {
                "Principal components: the two directions along which the vectors vary most. Takes no time"
            }
            Self::Tsne => {
                "Keeps neighbours together; sizes of groups and distances between them mean nothing"
            }
            Self::Umap => {
                "Keeps neighbours together, and more of the whole than t-SNE; distances still mean little"
            }
        }
    }
}

/// A polygon around points, under a name. Its members are kept beside it, because another picture has its points
/// elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Name.
    pub name: String,
    /// Corners on the picture that it was drawn on.
    pub corners: Vec<[f32; 2]>,
    /// That picture, see [`Picture::id`].
    pub picture: String,
    /// Row ids.
    pub members: Arc<Vec<String>>,
}

/// What the user chose to see: kept with the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Name of the embedding; the first one, if it is gone.
    pub embedding: String,
    /// What a point stands for.
    pub unit: Unit,
    /// Method.
    pub kind: Kind,
    /// Of t-SNE.
    pub perplexity: f32,
    /// Of UMAP.
    pub neighbours: usize,
    /// Of UMAP.
    pub min_dist: f32,
    /// Of t-SNE and UMAP.
    pub seed: u64,
    /// Polygons.
    pub gates: Vec<Gate>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            embedding: String::new(),
            unit: Unit::Video,
            kind: Kind::Pca,
            perplexity: 30.0,
            neighbours: 15,
            min_dist: 0.1,
            seed: 1,
            gates: Vec::new(),
        }
    }
}

impl Look {
    /// Settings of the method; what it does not use is left at one value, so that it does not count.
    pub fn settings(&self) -> Settings {
        let method = match self.kind {
            Kind::Pca => Method::Pca,
            Kind::Tsne => Method::Tsne { perplexity: self.perplexity },
            Kind::Umap => Method::Umap { neighbours: self.neighbours, min_dist: self.min_dist },
        };
        let seed = if self.kind == Kind::Pca { 0 } else { self.seed };
        // As neighbours are found: by the cosine.
        Settings { method, seed, cosine: true }
    }
}

/// What a picture is made of.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Name of the embedding.
    pub name: String,
    /// The embedding.
    pub embedding: Arc<EmbeddingTable>,
    /// Of the table.
    pub revision: u64,
    /// What a point stands for.
    pub unit: Unit,
    /// Method and seed.
    pub settings: Settings,
}

impl Asked {
    /// For the experiment on screen; `None` without an embedding.
    pub fn of(screen: &Screen, look: &Look) -> Option<Self> {
        let all = &screen.experiment().embeddings;
        let (name, embedding) = all.get_key_value(&look.embedding).or_else(|| all.first_key_value())?;
        Some(Self {
            name: name.clone(),
            embedding: Arc::clone(embedding),
            revision: screen.revision(),
            // Which videos share a compound is hidden while blind.
            unit: if screen.look().blind { Unit::Video } else { look.unit },
            settings: look.settings(),
        })
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.embedding, &other.embedding)
            && (self.revision, self.unit) == (other.revision, other.unit)
            && self.settings == other.settings
    }
}

/// A map.
#[derive(Debug)]
pub struct Picture {
    /// What it is made of.
    pub asked: Asked,
    /// Names it: by vectors, grouping, method and seed.
    pub id: String,
    /// Rows of the points.
    pub grouping: Grouping,
    /// Where the points are.
    pub plane: Arc<Plane>,
    /// How much of what lies near is near (see [`crate::analysis::projection::trustworthiness_of`]), where it could be told in time.
    pub trust: Option<f64>,
}

/// What was made for the panel from the state as it was then.
#[derive(Debug, Default)]
pub struct Made {
    colours_key: Option<(String, u64, String, bool)>,
    /// Colours of the points.
    pub colours: Arc<Colours>,
    painted_key: Option<(u64, Query, bool, bool)>,
    /// What is drawn.
    pub painted: Arc<Painted>,
}

/// A picture that is being made.
#[derive(Debug)]
pub struct Running {
    /// What of.
    pub asked: Asked,
    /// Its job.
    pub job: u64,
    /// Tells it from one that was asked for before.
    pub ticket: u64,
    /// How far it is.
    pub progress: Arc<Progress>,
}

/// What the window knows of the map.
#[derive(Debug, Default)]
pub struct Map {
    /// What the user chose to see.
    pub look: Look,
    /// What dragging does.
    pub tool: Tool,
    /// What is seen of the picture.
    pub viewport: Viewport,
    /// The picture on screen: stays until the next one is there.
    pub shown: Option<Arc<Picture>>,
    /// Pictures that were made, the last one used last.
    pub pictures: Vec<Arc<Picture>>,
    /// What is being made.
    pub running: Option<Running>,
    /// Counts what was asked for.
    pub tickets: u64,
    /// What was stopped or cannot be made (then why), and is not tried again unasked.
    pub failed: Option<(Asked, Option<String>)>,
    /// The polygon that was drawn last, on the picture that is shown.
    pub drawn: Option<Vec<[f32; 2]>>,
    /// The gate that is being renamed, with its name so far.
    pub renaming: Option<(usize, String)>,
    made: RefCell<Made>,
}

impl Map {
    /// Keeps a picture and shows it.
    pub fn show(&mut self, picture: Arc<Picture>) {
        if self.shown.as_ref().is_none_or(|shown| shown.id != picture.id) {
            self.viewport = Viewport::default();
            self.drawn = None;
        }
        // One of an older table with the same points is not needed any more.
        self.pictures.retain(|kept| kept.id != picture.id || kept.asked == picture.asked);
        self.pictures.retain(|kept| !Arc::ptr_eq(kept, &picture));
        self.pictures.push(Arc::clone(&picture));
        let surplus = self.pictures.len().saturating_sub(KEPT);
        self.pictures.drain(..surplus);
        self.shown = Some(picture);
    }

    /// Colours and looks for what is on screen now; made anew where something has changed.
    pub fn made(
        &self,
        screen: &Screen,
        picture: &Picture,
        radius: f32,
        dark: bool,
    ) -> (Arc<Colours>, Arc<Painted>) {
        let mut made = self.made.borrow_mut();
        let signs = radius >= colours::SIGNS_FROM;
        let column = screen.colour_by();
        let key = (picture.id.clone(), screen.revision(), column.to_owned(), signs);
        if made.colours_key.as_ref() != Some(&key) {
            made.colours = Arc::new(Colours::new(screen.table(), screen.scale(), &picture.grouping, signs));
            (made.colours_key, made.painted_key) = (Some(key), None);
        }
        let look = screen.look();
        let key = (screen.selection.version(), look.query.clone(), look.blind, dark);
        if made.painted_key.as_ref() != Some(&key) {
            let painted =
                Painted::new(&made.colours, &picture.grouping, &screen.selection, screen.rows(), dark);
            (made.painted, made.painted_key) = (Arc::new(painted), Some(key));
        }
        (Arc::clone(&made.colours), Arc::clone(&made.painted))
    }

    /// A name that no gate has.
    pub fn free_name(&self) -> String {
        let taken = |name: &String| self.look.gates.iter().any(|gate| gate.name == *name);
        (1..=self.look.gates.len() + 1)
            .map(|n| format!("Gate {n}"))
            .find(|name| !taken(name))
            .unwrap_or_default()
    }
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum MapCommand {
    /// Make the picture that is chosen.
    Make,
    /// Stop making it.
    Stop,
    /// Choose something else to see.
    Look(Box<Look>),
    /// Take a tool.
    Tool(Tool),
    /// Move or zoom.
    Viewport(Viewport),
    /// A polygon was drawn, or is of no use any more.
    Drawn(Option<Vec<[f32; 2]>>),
    /// Keep it as a gate with these rows.
    AddGate(Vec<u32>),
    /// Edit a gate's name, so far; `None` ends it.
    Rename(Option<(usize, String)>),
    /// Give a gate another name.
    Named(usize, String),
    /// Throw a gate away.
    DeleteGate(usize),
}

/// What the job sends back.
#[derive(Debug)]
pub struct Message {
    /// Of which [`Running`].
    pub ticket: u64,
    /// What it was asked for.
    pub asked: Asked,
    /// The picture, or why there is none; `None` where it was stopped.
    pub made: Result<Arc<Picture>, Option<String>>,
}

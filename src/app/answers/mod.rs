//! Answers in the window: an encoder on the experiment's rows, and what is asked of them.
//!
//! Plain data; [`crate::app::panels::answers`] shows it, `apply::answers` changes it and starts the jobs.

pub mod apart;
pub mod export;
pub mod job;
pub mod models;
pub mod pictures;
pub mod returning;
pub mod structure;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::pictures::Pictures;
use self::returning::Last;
use self::structure::{StructureAnswer, StructureQuestion};
pub use super::forms::predictions::{PredictionsForm, TableFormat};
use super::screen::Screen;
use crate::analysis::answers::{Answer, Answers, Exclude, Level, Library, Subjects, in_training};
use crate::analysis::biomarkers::Feature;
use crate::analysis::effect::Effects;
use crate::analysis::profile::Deviations;
use crate::experiment::{EmbeddingTable, Experiment};
use crate::learn::encoder::Encoder;
use crate::learn::kept::Said;
use crate::learn::pipeline::Embedded;
use crate::learn::region;
use crate::video::{Address, Crop};

/// Neighbours that are shown.
pub const NEIGHBOURS: usize = 12;

/// Where vectors come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// The model that comes with the program.
    Shipped,
    /// A model, by its folder.
    Model(PathBuf),
    /// A family that needs no model, by its name.
    Family(&'static str),
    /// Vectors that the experiment keeps, by their name: of another program, or of a model that is not at hand.
    Embedding(String),
}

/// An encoder on the rows of an experiment.
pub struct Encoded {
    /// Id of the experiment.
    pub experiment: String,
    /// Of its table, when labels were read.
    pub revision: u64,
    /// Where the encoder is from.
    pub source: Source,
    /// It, ready to encode more.
    pub encoder: Arc<dyn Encoder>,
    /// What the rows became.
    pub embedded: Arc<Embedded>,
    /// What each number of a vector measures; empty where the numbers have no names.
    pub features: Arc<Vec<Feature>>,
    /// How long encoding took, s; `None` where the experiment kept the vectors.
    pub seconds: Option<f64>,
    /// What can be asked about.
    pub subjects: Arc<Subjects>,
    /// Answers about them.
    pub answers: Arc<Answers>,
    /// Name of the gallery, where it is another experiment.
    pub gallery: Option<Arc<Gallery>>,
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoded").field("rows", &self.rows()).finish_non_exhaustive()
    }
}

impl Encoded {
    /// The subject of a table row; `None` for one that was not encoded.
    pub fn subject(&self, row: u32) -> Option<usize> {
        self.subjects.of_row(row as usize)
    }

    /// How many rows were encoded.
    pub fn rows(&self) -> usize {
        self.embedded.encoded.rows.len()
    }

    /// True for the experiment on screen.
    pub fn is_of(&self, screen: &Screen) -> bool {
        self.experiment == screen.experiment().id
    }

    /// True if the table has not changed since.
    pub fn is_current(&self, screen: &Screen) -> bool {
        self.is_of(screen) && self.revision == screen.revision()
    }

    /// Name of a mechanism of the gallery.
    pub fn moa(&self, moa: usize) -> &str {
        &self.answers.library().subjects().moas[moa]
    }

    /// Where a video of the gallery lies.
    pub fn address(&self, screen: &Screen, subject: usize) -> Option<Address> {
        let row = self.answers.library().subjects().subjects.get(subject)?.row;
        match &self.gallery {
            Some(gallery) => gallery.experiment.address(row).ok(),
            None => screen.address(row as u32),
        }
    }

    /// How many compounds answer, and with how many of these the encoder was trained: what is measured on them is no test.
    /// `None` where nobody knows.
    pub fn trained(&self) -> (usize, Option<usize>) {
        let compounds = &self.answers.library().subjects().compounds;
        let trained = self.embedded.about.trained_with.as_ref().map(|drugs| in_training(compounds, drugs));
        (compounds.len(), trained.map(|trained| trained.into_iter().filter(|known| *known).count()))
    }

    /// True if videos, model or gallery are simulated.
    pub fn is_simulated(&self) -> bool {
        self.answers.simulated()
    }
}

/// Another experiment whose videos answer, read-only.
pub struct Gallery {
    /// Where it was read from.
    pub path: PathBuf,
    /// Name for people.
    pub name: String,
    /// Its table, for where its videos lie.
    pub experiment: Arc<Experiment>,
    /// Its videos.
    pub subjects: Arc<Subjects>,
    /// They, ready to answer.
    pub library: Arc<Library>,
    /// Their features beside those of its own controls, for the same strip as the experiment's; `None` without names.
    pub features: Option<Arc<Deviations>>,
}

impl std::fmt::Debug for Gallery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gallery").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What is asked about the selected row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The video, its treatment or its compound.
    pub level: Level,
    /// What may not answer.
    pub exclude: Exclude,
    /// Mechanisms are shown for treatments that look like DMSO too.
    pub show_anyway: bool,
    /// The drawn rectangle is encoded while the recording plays.
    pub follow_region: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { level: Level::Treatment, exclude: Exclude::default(), show_anyway: false, follow_region: true }
    }
}

/// A question about a row. Its answer is kept until another is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Table row.
    pub row: u32,
    /// Level.
    pub level: Level,
    /// What may not answer.
    pub exclude: Exclude,
    /// Which answers: grows with every encoding.
    pub round: u64,
}

/// Where a rectangle lies, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Id of the view's recording.
    pub recording: u64,
    /// Rectangle; the whole picture without.
    pub part: Option<Crop>,
    /// Time point.
    pub at: usize,
    /// Which answers.
    pub round: u64,
}

/// A region that was encoded.
#[derive(Debug)]
pub struct RegionAnswer {
    /// Where and when.
    pub place: Place,
    /// What the network made of it, and how long it took.
    pub encoded: region::Encoded,
    /// What is said of it.
    pub answer: Answer,
}

/// What the window knows of answers.
#[derive(Debug, Default)]
pub struct Answering {
    /// What to encode with.
    pub source: Option<Source>,
    /// The job that encodes.
    pub job: Option<u64>,
    /// Number of that job: what an earlier one sends does not count any more.
    pub tickets: u64,
    /// What that job brings back, as the project was opened; `None` for any other.
    pub bringing: Option<Source>,
    /// What answered when the project was closed.
    pub last: Option<Last>,
    /// What encodings of the experiment on screen said, by the hash of their encoder.
    pub said: BTreeMap<String, Arc<Said>>,
    /// Its latest result.
    pub encoded: Option<Arc<Encoded>>,
    /// Why the last encoding failed.
    pub failed: Option<String>,
    /// Number of encodings.
    pub round: u64,
    /// What is asked.
    pub options: Options,
    /// Question on its way.
    pub asking: Option<Question>,
    /// The latest answer.
    pub answer: Option<(Question, Result<Arc<Answer>, String>)>,
    /// What sets the treatment of the latest question's row apart from the controls; `None` where its numbers have no names.
    pub apart: Option<(Question, Result<Arc<Effects>, String>)>,
    /// Structure to ask by.
    pub structure: StructureQuestion,
    /// Structure question on its way.
    pub asking_structure: Option<StructureQuestion>,
    /// The latest answer by structure.
    pub structure_answer: Option<(StructureQuestion, Result<Arc<StructureAnswer>, String>)>,
    /// Region on its way.
    pub asking_region: Option<Place>,
    /// The latest region.
    pub region: Option<(Place, Result<Arc<RegionAnswer>, String>)>,
    /// Pictures of neighbours.
    pub pictures: Option<Pictures>,
}

impl Answering {
    /// The encoding of the experiment on screen.
    pub fn of(&self, screen: &Screen) -> Option<&Arc<Encoded>> {
        self.encoded.as_ref().filter(|encoded| encoded.is_of(screen))
    }
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum AnswerCommand {
    /// Encode with something else.
    Source(Source),
    /// Encode all rows; vectors that the experiment keeps of them are taken as they are.
    Encode,
    /// Encode all rows, whatever the experiment keeps.
    EncodeAgain,
    /// Read labels and exclusions of the table again.
    Refresh,
    /// Ask something else about the selected row.
    Options(Options),
    /// Ask about the selected row.
    Ask(Question),
    /// Change the question by structure.
    Structure(StructureQuestion),
    /// Encode a region.
    Region(Place),
    /// Let another experiment answer.
    Gallery(PathBuf),
    /// Let the experiment itself answer again.
    OwnGallery,
    /// Write what the form says.
    Export(PredictionsForm),
}

/// What jobs send back.
#[derive(Debug)]
pub enum Message {
    /// The job of this number has encoded the videos; or why it could not, nothing where the user stopped it.
    Encoded(u64, Result<Box<Encoded>, Option<String>>),
    /// An answer, and what sets the treatment of the question's row apart, where that can be said: both at once, so that
    /// neither is shown beside another's.
    Answered(Question, Result<Answer, String>, Option<Result<Effects, String>>),
    /// An answer by structure.
    Structure(StructureQuestion, Result<StructureAnswer, String>),
    /// A region.
    Region(Place, Result<RegionAnswer, String>),
    /// Vectors of another program.
    Embedding(Vectors),
}

/// Vectors of another program that were read for an experiment.
#[derive(Debug)]
pub struct Vectors {
    /// Id of the experiment.
    pub experiment: String,
    /// What to call them.
    pub name: String,
    /// They, of rows that the experiment has.
    pub table: Arc<EmbeddingTable>,
}

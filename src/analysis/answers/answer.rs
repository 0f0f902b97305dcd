//! Questions and answers, as plain data.

use serde::{Deserialize, Serialize};

use super::Level;
use super::activity::Activity;
use super::novelty::Novelty;

/// Probability below which no mechanism is named.
pub const SURE: f64 = 0.5;

/// What is asked about; places in the lists of the experiment's [`Subjects`](super::Subjects).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Query<'a> {
    /// A video.
    Subject(usize),
    /// A compound at one dose.
    Treatment(usize),
    /// A compound at all its doses.
    Compound(usize),
    /// A vector of its own, such as a region of a recording that plays.
    Vector {
        /// The raw embedding.
        raw: &'a [f32],
        /// Whose DMSO it is centred on; `None`: the subject's replicate, or the mean of all controls.
        replicate: Option<usize>,
        /// The video it was cut from: what is excluded hangs on it.
        subject: Option<usize>,
    },
}

/// What may not answer. What is asked about never does, whatever is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Exclude {
    /// All videos of the compound. Without this a known drug is found by itself, which says nothing of its mechanism.
    pub same_compound: bool,
    /// Videos of the same wells.
    pub same_well: bool,
    /// Videos of the same replicates.
    pub same_replicate: bool,
}

impl Default for Exclude {
    fn default() -> Self {
        Self { same_compound: true, same_well: false, same_replicate: false }
    }
}

/// What an answer rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Videos.
    pub videos: usize,
    /// Wells, or what counts as one ([`super::Unit`]).
    pub wells: usize,
    /// Replicates.
    pub replicates: usize,
    /// Doses.
    pub doses: usize,
}

/// The call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Not told apart from DMSO, or DMSO itself.
    DmsoLike,
    /// Unlike anything known.
    Unlike,
    /// This mechanism of the library, with a probability of at least [`SURE`].
    Moa(usize),
    /// No mechanism is that likely.
    Unsure,
    /// Nothing can be said; the notes say why.
    Undecided,
}

/// One mechanism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MoaScore {
    /// Place in the library's [`Subjects::moas`](super::Subjects::moas).
    pub moa: usize,
    /// Soft mean of its compounds' cosines: in the whitened space, or among discriminants where
    /// [`Library::head`](super::Library::head) says so.
    pub similarity: f64,
    /// Calibrated probability, if its mechanism is in the library at all; `None` where too little is known.
    pub probability: Option<f64>,
    /// Compounds of the library that answered.
    pub compounds: usize,
    /// The nearest of them, place in the library's [`Subjects::compounds`](super::Subjects::compounds).
    pub best: usize,
}

/// A near video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Place in the library's [`Subjects::subjects`](super::Subjects::subjects).
    pub subject: usize,
    /// Cosine, −1 to 1.
    pub similarity: f32,
}

/// A near compound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearDrug {
    /// Place in the library's [`Subjects::compounds`](super::Subjects::compounds).
    pub compound: usize,
    /// Cosine of the profile of its nearest treatment, −1 to 1.
    pub similarity: f32,
}

/// An answer. Mechanisms, compounds and videos are places in the *library's* lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What was asked about.
    pub level: Level,
    /// What it rests on.
    pub n: Count,
    /// Activity of the treatment (of a compound: of its most active dose); `None` where there is no treatment.
    pub activity: Option<Activity>,
    /// The call.
    pub call: Call,
    /// Mechanisms from the nearest; also where the call is `DmsoLike`.
    pub moas: Vec<MoaScore>,
    /// Whether it is unlike anything known; `None` with too few compounds.
    pub novelty: Option<Novelty>,
    /// The nearest videos.
    pub videos: Vec<Neighbour>,
    /// The nearest compounds that answer.
    pub drugs: Vec<NearDrug>,
    /// True if experiment or library is simulated.
    pub simulated: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
}

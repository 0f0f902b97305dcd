//! Questions to vectors that need no split: mechanisms with the compound left out, compounds on other plates, phenotypes
//! with whole groups left out, the same cell later on.
//!
//! Each makes [`Outcome`]s: scores with intervals, beside what position, cell count, structure and shuffled labels reach on
//! the same queries. Rankings are by cosine. As in [`evaluate`](super::evaluate), the average precision takes equally near
//! items together and Rank-k puts the wrong ones first; but for baselines that tie by their nature (places, counts, structures)
//! it is the expectation over all orders of these.

mod ask;
mod baselines;
mod exam;
mod identity;
mod levels;
mod nsc;
pub mod phenotype;
mod plates;
mod report;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::items::Items;
use crate::progress::Cancelled;

pub use baselines::{cell_counts, position};
pub use identity::{FRAME, Identity, identity};
pub use nsc::nsc;
pub use phenotype::{Phenotype, phenotype};
pub use plates::{Domains, leave_plate_out, plate_knn};
pub use report::{Level, METRICS, Outcome, Scored, scored};

/// Protocols that take the whole table; those of a split are [`split::Protocol`](super::split::Protocol).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Mechanisms, with all of the query's compound left out: rows, treatments and compounds.
    Nsc,
    /// The compound of a row, among the rows of other plates.
    LeavePlateOut,
    /// The compound of a row by its nearest neighbours on the plates of a domain, for every pair of domains.
    PlateKnn,
    /// Targets of new compounds by a small network, 5 folds, for every pair of domains.
    #[value(name = "mlp-5fold")]
    #[serde(rename = "mlp-5fold")]
    MlpFolds,
    /// A label by a linear support vector machine, with whole groups left out.
    Phenotype,
    /// The same label at another time of a recording.
    Identity,
}

impl Kind {
    /// Its name on the command line and in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Nsc => "nsc",
            Self::LeavePlateOut => "leave-plate-out",
            Self::PlateKnn => "plate-knn",
            Self::MlpFolds => "mlp-5fold",
            Self::Phenotype => "phenotype",
            Self::Identity => "identity",
        }
    }
}

/// A protocol cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// An option that the protocol needs is not given.
    #[error("{protocol} needs {option}: {why}")]
    Option {
        /// The protocol.
        protocol: &'static str,
        /// As it is typed: `--label COLUMN`.
        option: &'static str,
        /// What it says, a clause without a full stop.
        why: &'static str,
    },
    /// Options are given that the protocol does not read.
    #[error("{protocol} does not read {options}: leave that out, or choose another protocol")]
    Unread {
        /// The protocol.
        protocol: &'static str,
        /// As they are typed, with commas between.
        options: String,
    },
    /// The model knows compounds that it is asked about.
    #[error(
        "{protocol}: the model was trained with {count} of the compounds that it is asked about: {names}. Evaluate a model that \
         has not seen them, or accept a result that is marked as contaminated"
    )]
    Contaminated {
        /// The protocol.
        protocol: &'static str,
        /// How many.
        count: usize,
        /// Their names, the first few.
        names: String,
    },
    /// A column that is named is not there.
    #[error("there is no column {column}")]
    Column {
        /// Its name.
        column: String,
    },
    /// A column that the protocol reads says nothing of any row.
    #[error("{protocol}: no row has a value in the column {column}. {remedy}")]
    NoValues {
        /// The protocol.
        protocol: &'static str,
        /// The column.
        column: String,
        /// What to do, a whole sentence.
        remedy: &'static str,
    },
    /// Nothing can be asked of these rows.
    #[error("{protocol}: {why}. {remedy}")]
    Empty {
        /// The protocol.
        protocol: &'static str,
        /// What is missing, a clause without a full stop.
        why: String,
        /// What to do, a whole sentence.
        remedy: &'static str,
    },
    /// The numbers are no vectors of the rows.
    #[error("{name}: {len} numbers are no {rows} vectors of length {dim}. Give one vector for each row")]
    Shape {
        /// Whose numbers.
        name: String,
        /// Rows.
        rows: usize,
        /// Length of a vector.
        dim: usize,
        /// Numbers that were given.
        len: usize,
    },
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

impl ProtocolError {
    /// True where what was asked for makes no sense, whatever the vectors are.
    pub const fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Option { .. } | Self::Unread { .. } | Self::Column { .. })
    }
}

/// Vectors of rows, `[row, dim]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Name in reports.
    pub name: String,
    /// Length of a vector.
    pub dim: usize,
    /// One after the other, in the order of the rows.
    pub values: Vec<f32>,
    /// Compared by their distance; otherwise by their cosine.
    pub by_distance: bool,
}

/// Whether numbers are `rows` finite vectors of length `dim`.
///
/// # Errors
/// They are not, and where.
pub fn check_numbers(
    kind: Kind,
    name: &str,
    (values, dim): (&[f32], usize),
    rows: usize,
) -> Result<(), ProtocolError> {
    if dim == 0 || values.len() != rows * dim {
        return Err(ProtocolError::Shape { name: name.to_owned(), rows, dim, len: values.len() });
    }
    values.iter().position(|x| !x.is_finite()).map_or(Ok(()), |place| {
        let (row, column) = (place / dim + 1, place % dim + 1);
        Err(ProtocolError::Empty {
            protocol: kind.label(),
            why: format!("number {column} of {name} in row {row} is not finite"),
            remedy: "Leave out the row or the feature, or embed again.",
        })
    })
}

/// What is asked of: rows, their vectors, and simpler vectors that stand beside.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The rows.
    pub items: &'a Items,
    /// Their vectors.
    pub vectors: &'a Vectors,
    /// Simpler ones of the same rows: mean intensity, cell count, biomarkers.
    pub baselines: &'a [Vectors],
    /// True if the vectors were made by a model of simulated data.
    pub simulated: bool,
    /// Seed of shuffled labels and of the intervals.
    pub seed: u64,
    /// Resamplings for an interval: [`RESAMPLES`](super::evaluate::RESAMPLES), fewer in tests.
    pub resamples: usize,
}

impl Question<'_> {
    /// Says what is wrong with the numbers.
    fn check(&self, kind: Kind) -> Result<(), ProtocolError> {
        let rows = self.items.len();
        let mut all = std::iter::once(self.vectors).chain(self.baselines);
        all.try_for_each(|Vectors { name, dim, values, .. }| check_numbers(kind, name, (values, *dim), rows))
    }

    /// What the rows have to say of themselves.
    pub fn notes(&self) -> Vec<String> {
        let left_out = self.items.left_out.iter();
        let left_out = left_out.map(|(reason, rows)| format!("Left out: {rows} rows, {reason}."));
        left_out.chain(self.items.notes.iter().cloned()).collect()
    }
}

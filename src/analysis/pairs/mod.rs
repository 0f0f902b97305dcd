//! Are rows that belong together nearer to each other than to others? Mean average precision over pairs of rows, with its
//! significance (Kalinin et al., Nat Commun 2025, 16:5181; package `copairs` 0.5.5).
//!
//! [`Rules`] say by columns which rows make a positive pair and which a negative one. Each row ranks its partners of both
//! kinds by cosine; its average precision is the mean over the positives of (rank among the positives ÷ rank among all).
//! The mean over the rows of a group is compared with random rankings of the same counts, and the p values are corrected
//! after Benjamini and Hochberg over all groups.
//!
//! As the package: of equally near partners the positives come first (a note says where that matters, and what the score
//! is with the negatives first); p counts the draws that are above the score, not those that equal it (a note says where
//! these are many); all rankings of equal counts have the draws of one null; a cell of several values (`a;b`) makes one
//! ranking for each.
//!
//! Otherwise: an empty cell agrees with nothing and differs from nothing (the package refuses tables with empty cells);
//! zeros have a cosine of 0 with all (the package makes NaN of it, which it ranks last); a row without negatives has no
//! average precision (the package gives it 1); groups without positives are listed, without a score (the package drops
//! them); draws come from the program's own streams, so that p agrees within the error of drawing, and an equality of
//! score and null is not left to rounding.

mod correlation;
mod labels;
mod nulls;
mod preset;
mod profiles;
mod ranks;
mod report;
mod rule;
mod scores;
#[cfg(test)]
mod tests;
mod vectors;

use serde::Serialize;

use crate::progress::Cancelled;

pub use preset::{Preset, Request};
pub use report::{Group, Scores};

/// Rows cannot be scored so.
#[derive(Debug, thiserror::Error)]
pub enum PairsError {
    /// A rule or a grouping names a column that is not there.
    #[error("there is no column {column}")]
    Column {
        /// The name.
        column: String,
    },
    /// A rule names no column.
    #[error(
        "nothing says which pairs are {pairs}. Name a column that must be the same in them, or one that must differ"
    )]
    NoRule {
        /// `positive` or `negative`.
        pairs: &'static str,
    },
    /// Nothing says what the mean is taken over.
    #[error("nothing says which rows are a group. Name the columns that group them")]
    NoGroups,
    /// A column of a rule must be the same and different.
    #[error("{column} cannot be the same and different in {pairs} pairs. Name it once")]
    Both {
        /// The column.
        column: String,
        /// `positive` or `negative`.
        pairs: &'static str,
    },
    /// Two columns with several values in a cell.
    #[error(
        "{first} and {second} both have cells of several values: it is not clear by which a positive pair agrees. Name one \
         of them"
    )]
    TwoLists {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// Activity has nothing to be measured against.
    #[error(
        "no row is a negative control, which activity is measured against. Mark the controls as negative in the column \
         control, or state the rules instead of a preset"
    )]
    NoControls,
    /// The numbers are no vectors of the rows.
    #[error("{len} numbers are no {rows} vectors of length {dim}. Give one vector for each row")]
    Shape {
        /// Rows.
        rows: usize,
        /// Length of a vector.
        dim: usize,
        /// Numbers that were given.
        len: usize,
    },
    /// Random rankings that would not fit into memory.
    #[error("{size} draws for each of {shapes} counts of pairs take more than 4 GiB. Ask for fewer draws")]
    Draws {
        /// Different counts of positives and negatives.
        shapes: usize,
        /// Draws for each.
        size: usize,
    },
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

impl PairsError {
    /// True where what was asked for makes no sense, whatever the vectors are.
    pub const fn is_wrong_usage(&self) -> bool {
        matches!(
            self,
            Self::Column { .. }
                | Self::NoRule { .. }
                | Self::NoGroups
                | Self::Both { .. }
                | Self::TwoLists { .. }
        )
    }
}

/// Which rows make pairs, and whose scores are averaged: columns by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rules {
    /// Both rows of a positive pair have the same value, or share one, in all of these.
    pub same: Vec<String>,
    /// Both rows of a positive pair share no value in any of these.
    pub different: Vec<String>,
    /// As `same`, for negative pairs.
    pub negatives_same: Vec<String>,
    /// As `different`, for negative pairs.
    pub negatives_different: Vec<String>,
    /// Rows with the same values in all of these are a group; where cells hold several values, a row is in several.
    pub by: Vec<String>,
}

impl Rules {
    /// All columns that are named.
    fn columns(&self) -> impl Iterator<Item = &String> {
        let pairs = [&self.same, &self.different, &self.negatives_same, &self.negatives_different];
        pairs.into_iter().chain([&self.by]).flatten()
    }

    /// Whether they say what a pair and what a group is.
    ///
    /// # Errors
    /// They do not, or contradict themselves.
    fn check(&self) -> Result<(), PairsError> {
        for (pairs, same, different) in [
            ("positive", &self.same, &self.different),
            ("negative", &self.negatives_same, &self.negatives_different),
        ] {
            if same.is_empty() && different.is_empty() {
                return Err(PairsError::NoRule { pairs });
            }
            if let Some(column) = same.iter().find(|column| different.contains(column)) {
                return Err(PairsError::Both { column: column.clone(), pairs });
            }
        }
        if self.by.is_empty() { Err(PairsError::NoGroups) } else { Ok(()) }
    }
}

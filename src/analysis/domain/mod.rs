//! Recipes side by side: what a correction of vectors takes away, and what it leaves.
//!
//! Vectors of several cell lines, times or batches (a *domain*: any column) are of use together where the domain cannot be
//! told from them and compounds still can. So [`compare`] puts, for each of some [`Named`] recipes, how well the domain is
//! told from controls ([`Leakage`]) beside how well replicates find each other: only the pair counts, as destroying
//! information lowers both. Activity, mechanisms and compounds across domains stand with them, each with chance, its 95 %
//! interval, and its paired difference from the first recipe.
//!
//! Recipes are chosen by looking at these rows, labels included: what is measured here for the best of many recipes is no
//! test of it on other data.

mod activity;
mod compare;
mod corrected;
mod given;
mod labels;
mod leakage;
mod recipes;
mod report;
mod retrieval;
mod tally;
#[cfg(test)]
mod tests;

pub use compare::{Request, compare};
pub use corrected::{CorrectionError, corrected};
pub use given::{Given, UnknownColumn, controls, own_name, table};
pub use leakage::{Leakage, NEIGHBOURS};
pub use recipes::{AS_IS, Named, defaults};
pub use report::{Comparison, Line, Measure, Score, Transfer};

use crate::progress::Cancelled;

/// Recipes cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The column of the domain is not there.
    #[error(transparent)]
    Column(#[from] UnknownColumn),
    /// Nothing to compare.
    #[error(
        "no row of the experiment that is not excluded has a vector. Choose other vectors, or include rows"
    )]
    Empty,
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

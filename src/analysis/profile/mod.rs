//! What a table of profiles shows of a row: its features in robust deviations from the negative controls of the same plate, and
//! what their names mean.

mod deviations;
mod name;
#[cfg(test)]
mod tests;

pub use deviations::{Bar, Deviations, Place, places};
pub use name::{Channel, Compartment, FeatureName};

use super::biomarkers::{Feature, Words, named};

/// A feature by its name, with the words for more and less of it: one of ours, or one of another program's table.
pub fn feature(name: &str) -> Feature {
    named(name).unwrap_or_else(|| {
        let parsed = FeatureName::parse(name);
        let words = parsed.words();
        let source = match parsed.compartment {
            Compartment::Other => "as the table has it",
            _ => "as CellProfiler measures it, after what was done to the table",
        };
        let words = Words { more: format!("more: {words}"), less: format!("less: {words}") };
        Feature { name: name.to_owned(), unit: "", words, source }
    })
}

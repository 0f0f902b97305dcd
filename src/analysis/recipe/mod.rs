//! Recipes: the correction steps of image-based profiling, as pure numbers.
//!
//! A [`Recipe`] is a list of steps, `name[:key=value]…` separated by commas, such as `mad-robustize,select,sphere:epsilon=1`.
//! [`STEPS`] lists them. A step is fitted on the negative controls of each group of rows (`by=COLUMN+COLUMN`: the plate
//! unless said otherwise, the whole table with `by=none`) or on all its rows (`fit=all`), and changes all rows of the group.
//! A group with fewer than two rows to fit on is an error of scaling and sphering, which would leave it on another scale than
//! the rest; for the other steps it stays as it is, and is listed in the [`Report`].
//!
//! Missing values are NaN; infinite ones count as missing. Scaling, selection and aggregation look past them, the other
//! steps refuse them by name. The same input gives the same output for any number of threads.

mod aggregate;
mod combat;
mod coral;
mod error;
mod frame;
mod harmony;
mod options;
mod report;
mod scale;
mod select;
mod spectrum;
mod sphere;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod tvn;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

pub use error::RecipeError;
pub use report::{Dropped, Report, Skipped};
pub(super) use scale::{NORMAL, median, quantile};
pub use step::{KnownStep, STEPS, Step};
pub use table::{Matrix, Table};

/// Steps in the order in which they are applied. Read from text and written as the same text.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// At least one.
    pub steps: Vec<Step>,
}

/// What a recipe made of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Corrected {
    /// The new table.
    pub table: Table,
    /// For each row of it, the rows of the table before that it stands for: itself, or those that were aggregated.
    pub members: Vec<Vec<usize>>,
    /// One for each step.
    pub reports: Vec<Report>,
}

impl Recipe {
    /// Names of the columns that [`Table::columns`] must hold, where `plate` names the one that groups rows by default.
    pub fn columns(&self, plate: Option<&str>) -> BTreeSet<String> {
        self.steps.iter().flat_map(|step| step.columns(plate)).collect()
    }

    /// Applies the steps in their order. The values are changed in place where a step allows it.
    pub fn apply(&self, mut table: Table) -> Result<Corrected, RecipeError> {
        table.check()?;
        let infinite = table.features.drop_infinite();
        let mut members: Vec<Vec<usize>> = (0..table.features.rows).map(|row| vec![row]).collect();
        let mut reports = Vec::new();
        for step in &self.steps {
            let mut report = Report::new(step.to_string());
            if infinite > 0 && reports.is_empty() {
                report.notes.push(format!("{infinite} infinite values count as missing"));
            }
            if let Some(groups) = step.apply(&mut table, &mut report)? {
                let of_group = |rows: &Vec<usize>| -> Vec<usize> {
                    rows.iter().flat_map(|&row| members[row].iter().copied()).collect()
                };
                members = groups.iter().map(of_group).collect();
            }
            let infinite = table.features.drop_infinite();
            if infinite > 0 {
                report.notes.push(format!("{infinite} values became infinite and count as missing"));
            }
            reports.push(report);
        }
        Ok(Corrected { table, members, reports })
    }
}

impl FromStr for Recipe {
    type Err = RecipeError;

    fn from_str(text: &str) -> Result<Self, RecipeError> {
        if text.trim().is_empty() {
            return Err(RecipeError::Empty);
        }
        Ok(Self { steps: text.split(',').map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

//! One row for each group of rows.

use rayon::prelude::*;

use super::error::RecipeError;
use super::options::{By, Options};
use super::report::Report;
use super::scale::median;
use super::table::{Matrix, Table};

/// The steps `mean` and `median`: of the values that are there, in groups that have the same texts in the columns `by`. Groups
/// stand in the order in which they first appear. A column stays if all rows of each group say the same in it; a group is a
/// negative control if all its rows are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aggregate {
    is_median: bool,
    pub by: By,
}

impl Aggregate {
    fn read(options: &Options, is_median: bool) -> Result<Self, RecipeError> {
        if options.get("by").is_none() {
            return Err(RecipeError::NeedsColumn { step: options.step.to_owned(), key: "by" });
        }
        Ok(Self { is_median, by: options.columns("by")? })
    }

    pub fn mean(options: &Options) -> Result<Self, RecipeError> {
        Self::read(options, false)
    }

    pub fn median(options: &Options) -> Result<Self, RecipeError> {
        Self::read(options, true)
    }

    /// The rows that each new row stands for.
    pub fn apply(&self, table: &mut Table, report: &mut Report) -> Result<Vec<Vec<usize>>, RecipeError> {
        let groups: Vec<Vec<usize>> =
            table.groups(&self.by, &report.step)?.into_iter().map(|(_, rows)| rows).collect();
        let old = &table.features;
        let width = old.names.len();
        let mut values = vec![0.0; groups.len() * width];
        values.par_chunks_exact_mut(width).zip(&groups).for_each(|(to, rows)| {
            for (feature, to) in to.iter_mut().enumerate() {
                *to = self.summary(old.present(feature, rows));
            }
        });
        let is_same = |texts: &Vec<String>| {
            groups.iter().all(|rows| rows.iter().all(|&row| texts[row] == texts[rows[0]]))
        };
        let (kept, lost): (Vec<_>, Vec<_>) =
            std::mem::take(&mut table.columns).into_iter().partition(|(_, texts)| is_same(texts));
        for (name, _) in &lost {
            report.notes.push(format!("column {name} is left out: it differs within a group"));
        }
        table.columns = kept
            .into_iter()
            .map(|(name, texts)| (name, groups.iter().map(|rows| texts[rows[0]].clone()).collect()))
            .collect();
        table.plate = table.plate.take().filter(|plate| table.columns.contains_key(plate));
        let negative = |rows: &[usize]| rows.iter().filter(|&&row| table.negative[row]).count();
        let counts: Vec<usize> = groups.iter().map(|rows| negative(rows)).collect();
        let mixed = counts.iter().zip(&groups).filter(|(count, rows)| **count > 0 && **count < rows.len());
        let mixed = mixed.count();
        if mixed > 0 {
            let note =
                format!("{mixed} groups hold negative controls and other rows, and count as no control");
            report.notes.push(note);
        }
        table.negative = counts.iter().zip(&groups).map(|(&count, rows)| count == rows.len()).collect();
        let names = std::mem::take(&mut table.features.names);
        table.features = Matrix { names, rows: groups.len(), values };
        Ok(groups)
    }

    /// NaN of no values.
    fn summary(&self, mut values: Vec<f64>) -> f64 {
        if values.is_empty() {
            f64::NAN
        } else if self.is_median {
            median(&mut values)
        } else {
            values.iter().sum::<f64>() / values.len() as f64
        }
    }
}

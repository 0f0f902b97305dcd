//! What a recipe is applied to: features of rows, and what tells the rows apart.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use super::error::{RecipeError, listed, unknown};
use super::options::{By, Fit};
use super::report::{Report, Skipped};

/// Fewest rows that a step is fitted on.
pub(super) const FEWEST: usize = 2;

/// Values that are looked at together.
const BLOCK: usize = 1 << 16;

/// Numbers of rows by named features.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Names of the features.
    pub names: Vec<String>,
    /// Number of rows.
    pub rows: usize,
    /// `[row, feature]`; NaN is a missing value.
    pub values: Vec<f64>,
}

/// Rows with their features, and what the steps may ask about them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What is corrected.
    pub features: Matrix,
    /// Texts of the rows by column, at least those of [`super::Recipe::columns`].
    pub columns: BTreeMap<String, Vec<String>>,
    /// Which rows are negative controls.
    pub negative: Vec<bool>,
    /// The one of `columns` that groups rows unless a step says otherwise; `None`: all rows are one group.
    pub plate: Option<String>,
}

/// Rows that are corrected together.
pub(super) struct Group {
    pub name: String,
    pub rows: Vec<usize>,
    /// Those of `rows` that the correction is learnt from, at least [`FEWEST`].
    pub fit: Vec<usize>,
}

impl Matrix {
    /// Features of a row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.names.len()..(row + 1) * self.names.len()]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        let width = self.names.len();
        &mut self.values[row * width..(row + 1) * width]
    }

    /// Values of a feature in some rows, less those that are missing.
    pub(super) fn present(&self, feature: usize, rows: &[usize]) -> Vec<f64> {
        let width = self.names.len();
        rows.iter().map(|row| self.values[row * width + feature]).filter(|x| !x.is_nan()).collect()
    }

    /// Keeps some features, given in ascending order, within the memory that it has.
    pub(super) fn keep(&mut self, kept: &[usize]) {
        let width = self.names.len();
        let mut to = 0;
        for row in 0..self.rows {
            for feature in kept {
                self.values[to] = self.values[row * width + feature];
                to += 1;
            }
        }
        self.values.truncate(to);
        self.names = kept.iter().map(|&feature| std::mem::take(&mut self.names[feature])).collect();
    }

    /// Infinite values become missing ones; how many there were.
    pub(super) fn drop_infinite(&mut self) -> usize {
        let of_block = |block: &mut [f64]| {
            let mut count = 0_usize;
            for x in block.iter_mut().filter(|x| x.is_infinite()) {
                *x = f64::NAN;
                count += 1;
            }
            count
        };
        self.values.par_chunks_mut(BLOCK).map(of_block).sum()
    }

    /// An error that names the features that have missing values.
    pub(super) fn refuse_missing(&self, step: &str) -> Result<(), RecipeError> {
        let mut has_gap = vec![false; self.names.len()];
        for row in 0..self.rows {
            has_gap.iter_mut().zip(self.row(row)).for_each(|(gap, x)| *gap |= x.is_nan());
        }
        let features: Vec<&String> =
            self.names.iter().zip(has_gap).filter(|(_, gap)| *gap).map(|(name, _)| name).collect();
        if features.is_empty() {
            return Ok(());
        }
        Err(RecipeError::Missing { step: step.to_owned(), features: listed(&features) })
    }
}

impl Table {
    /// An error where the parts do not fit together or there is nothing in them.
    pub(super) fn check(&self) -> Result<(), RecipeError> {
        let Matrix { names, rows, values } = &self.features;
        if rows.checked_mul(names.len()) != Some(values.len()) {
            let text = format!("{} values for {rows} rows of {} features", values.len(), names.len());
            return Err(RecipeError::Shape(text));
        }
        if self.negative.len() != *rows {
            let text = format!("{} marks of controls for {rows} rows", self.negative.len());
            return Err(RecipeError::Shape(text));
        }
        if let Some((name, texts)) = self.columns.iter().find(|(_, texts)| texts.len() != *rows) {
            return Err(RecipeError::Shape(format!(
                "{} texts in column {name} for {rows} rows",
                texts.len()
            )));
        }
        if values.is_empty() {
            return Err(RecipeError::Nothing { rows: *rows, features: names.len() });
        }
        Ok(())
    }

    /// Rows that have the same texts, with these texts as a name, in the order in which they first appear.
    pub(super) fn groups(&self, by: &By, step: &str) -> Result<Vec<(String, Vec<usize>)>, RecipeError> {
        let mut texts = Vec::new();
        for name in by.columns(self.plate.as_deref()) {
            let column = self.columns.get(name).ok_or_else(|| {
                let known = self.columns.keys().map(String::as_str);
                unknown(format!("columns that step `{step}` may group by"), name, known)
            })?;
            texts.push(column);
        }
        let mut places = HashMap::new();
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for row in 0..self.features.rows {
            let key: Vec<&str> = texts.iter().map(|texts| texts[row].as_str()).collect();
            let name = if key.is_empty() { "all rows".to_owned() } else { key.join(", ") };
            let place = *places.entry(key).or_insert(groups.len());
            if place == groups.len() {
                groups.push((name, Vec::new()));
            }
            groups[place].1.push(row);
        }
        Ok(groups)
    }

    /// Groups with the rows that a step is fitted on. Those with too few are reported, and not among them.
    pub(super) fn fitted(&self, by: &By, fit: Fit, report: &mut Report) -> Result<Vec<Group>, RecipeError> {
        if fit == Fit::Controls && !self.negative.contains(&true) {
            return Err(RecipeError::NoControls { step: report.step.clone() });
        }
        let mut groups = Vec::new();
        for (name, rows) in self.groups(by, &report.step)? {
            let is_fit = |row: &usize| fit == Fit::All || self.negative[*row];
            let fit: Vec<usize> = rows.iter().copied().filter(is_fit).collect();
            if fit.len() < FEWEST {
                let why = format!("{} of its rows to fit on, and at least {FEWEST} are needed", fit.len());
                report.skipped.push(Skipped { group: name, why });
            } else {
                groups.push(Group { name, rows, fit });
            }
        }
        Ok(groups)
    }

    /// As [`Self::fitted`], for steps after which a group that stays as it was would stand on another scale than the others.
    ///
    /// # Errors
    /// As [`Self::fitted`]; a group has too few rows to fit on.
    pub(super) fn all_fitted(
        &self,
        by: &By,
        fit: Fit,
        report: &mut Report,
    ) -> Result<Vec<Group>, RecipeError> {
        let groups = self.fitted(by, fit, report)?;
        if report.skipped.is_empty() {
            return Ok(groups);
        }
        let names: Vec<&str> = report.skipped.iter().map(|skipped| skipped.group.as_str()).collect();
        Err(RecipeError::TooFew { step: report.step.clone(), groups: listed(&names) })
    }

    /// An error where a step that compares batches has no column of them.
    pub(super) fn require_batch(&self, batch: &By, step: &str) -> Result<(), RecipeError> {
        if *batch == By::Plate && self.plate.is_none() {
            return Err(RecipeError::NeedsColumn { step: step.to_owned(), key: "batch" });
        }
        Ok(())
    }
}

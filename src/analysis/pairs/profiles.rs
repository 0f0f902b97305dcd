//! The rows that are compared: their vectors, and their labels by column.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::PairsError;
use super::labels::Labels;
use crate::experiment::Table;

/// The manifest's column of controls, in which an empty cell has a meaning.
const CONTROL: &str = "control";

/// Rows with a vector each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profiles {
    /// Length of a vector.
    pub dim: usize,
    /// Vectors as they were made, `[row, dim]`; finite.
    pub values: Vec<f32>,
    /// Labels of all rows.
    pub columns: Vec<Labels>,
}

impl Profiles {
    /// Some rows of a table with their vectors, and those columns that rules name. Cells of `moa`, `tags` and the columns
    /// among `lists` hold several values, separated by `;` or `|`. An empty cell of `control` is a treatment, as the
    /// manifest has it; any other empty cell is no value.
    ///
    /// # Errors
    /// The table lacks a column; the numbers are no vectors of the rows.
    pub fn read(
        table: &Table,
        rows: &[usize],
        (values, dim): (Vec<f32>, usize),
        columns: &BTreeSet<&str>,
        lists: &[String],
    ) -> Result<Self, PairsError> {
        if dim == 0 || values.len() != rows.len() * dim {
            return Err(PairsError::Shape { rows: rows.len(), dim, len: values.len() });
        }
        let read = |&name: &&str| -> Result<Labels, PairsError> {
            let missing = || PairsError::Column { column: name.to_owned() };
            let (column, cells) = table.column(name).zip(table.values(name)).ok_or_else(missing)?;
            let is_list = column.list || lists.iter().any(|list| list == name);
            let labels = Labels::new(name, rows.iter().map(|&row| parts(&cells.text(row), is_list)));
            Ok(if name == CONTROL { labels.filled("treatment") } else { labels })
        };
        let columns = columns.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { dim, values, columns })
    }

    /// Rows.
    pub(super) fn rows(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    /// A row's vector.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// Labels by the column's name.
    pub(super) fn column(&self, name: &str) -> Result<&Labels, PairsError> {
        let found = self.columns.iter().find(|labels| labels.name == name);
        found.ok_or_else(|| PairsError::Column { column: name.to_owned() })
    }

    /// Adds a column, or puts it in the place of the one of its name.
    pub(super) fn put(&mut self, labels: Labels) {
        self.columns.retain(|other| other.name != labels.name);
        self.columns.push(labels);
    }

    /// One row for each value of a column, from those of some rows that hold it alone: the median of each number (of an
    /// even count the mean of the middle two), and in each column all the values that its rows have.
    pub(super) fn consensus(
        &self,
        by: &str,
        rows: &[usize],
        columns: &BTreeSet<&str>,
    ) -> Result<Self, PairsError> {
        let by = self.column(by)?;
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut places: HashMap<u32, usize> = HashMap::new();
        for &row in rows {
            if let [value] = by.of(row) {
                let place = *places.entry(*value).or_insert(members.len());
                if place == members.len() {
                    members.push(Vec::new());
                }
                members[place].push(row);
            }
        }
        let values = members.par_iter().flat_map_iter(|rows| self.median(rows)).collect();
        let united = |&name: &&str| -> Result<Labels, PairsError> {
            let labels = self.column(name)?;
            let text = |&value: &u32| labels.text(value).to_owned();
            let cell = |rows: &Vec<usize>| -> Vec<String> {
                rows.iter().flat_map(|&row| labels.of(row)).map(text).collect()
            };
            Ok(Labels::new(name, members.iter().map(cell)))
        };
        let columns = columns.iter().map(united).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { dim: self.dim, values, columns })
    }

    fn median(&self, rows: &[usize]) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows.len());
        let middle = |place: usize| {
            values.clear();
            values.extend(rows.iter().map(|&row| f64::from(self.values[row * self.dim + place])));
            median(&mut values).unwrap_or_default() as f32
        };
        (0..self.dim).map(middle).collect()
    }
}

/// The values of a cell.
fn parts(text: &str, is_list: bool) -> Vec<String> {
    let parts = text.split(|c: char| is_list && matches!(c, ';' | '|')).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The middle value, or the mean of the middle two; `None` of nothing. Sorts.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

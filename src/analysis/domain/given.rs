//! Vectors of an experiment's rows as recipes take them.

use std::collections::{BTreeMap, HashSet};

use strsim::osa_distance;

use crate::analysis::items::Items;
use crate::analysis::recipe::{Matrix, Recipe, Table};
use crate::experiment::{EmbeddingTable, Experiment};

/// The column that groups rows unless a step says otherwise.
const PLATE: &str = "plate";

/// So many columns with a name like one that is not there are named.
const NEAREST: usize = 5;

/// A column that the experiment does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the experiment has no column {column}. Columns with a name like it: {nearest}")]
pub struct UnknownColumn {
    /// The name.
    pub column: String,
    /// Those with a name like it.
    pub nearest: String,
}

/// Rows with their vectors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Table rows, in the order of the vectors.
    pub rows: Vec<usize>,
    /// Their vectors; numbers without names are `emb_1`, `emb_2`, ….
    pub features: Matrix,
}

impl Given {
    /// The rows of an experiment that have a vector and are not excluded, in the order of the vectors.
    pub fn of(experiment: &Experiment, vectors: &EmbeddingTable) -> Self {
        let EmbeddingTable { row_ids, dim, values, features, .. } = vectors;
        let table = &experiment.table;
        let (mut rows, mut taken) = (Vec::new(), Vec::new());
        for (row_id, vector) in row_ids.iter().zip(values.chunks_exact((*dim).max(1))) {
            if let Some(row) = table.row_of(row_id).filter(|&row| !table.is_excluded(row)) {
                rows.push(row);
                taken.extend(vector.iter().copied().map(f64::from));
            }
        }
        let numbered = || (1..=*dim).map(|number| format!("emb_{number}")).collect();
        let names = if features.is_empty() { numbered() } else { features.clone() };
        let features = Matrix { names, rows: rows.len(), values: taken };
        Self { rows, features }
    }
}

/// Which of some table rows are negative controls.
pub fn controls(experiment: &Experiment, rows: &[usize]) -> Vec<bool> {
    let items = Items::with_unnamed(experiment).items;
    let known: HashSet<usize> = items.into_iter().filter(|item| item.control).map(|item| item.row).collect();
    rows.iter().map(|row| known.contains(row)).collect()
}

/// What a recipe is applied to: rows with their features, and the columns that its steps ask for. Groups are plates where
/// any is known.
///
/// # Errors
/// A step names a column that is not there.
pub fn table(
    experiment: &Experiment,
    (rows, features): (&[usize], Matrix),
    negative: Vec<bool>,
    recipe: &Recipe,
) -> Result<Table, UnknownColumn> {
    let text = |column: &str| -> Vec<String> {
        rows.iter().map(|&row| experiment.table.text(row, column)).collect()
    };
    let plate = Some(PLATE).filter(|plate| text(plate).iter().any(|text| !text.is_empty()));
    let mut columns = BTreeMap::new();
    for name in recipe.columns(plate) {
        let texts = text(&own_name(experiment, &name)?);
        columns.insert(name, texts);
    }
    Ok(Table { features, columns, negative, plate: plate.map(str::to_owned) })
}

/// A column of the experiment by its name, or by the one that it had in a table of profiles: `Metadata_Plate` is `plate`.
///
/// # Errors
/// There is none.
pub fn own_name(experiment: &Experiment, name: &str) -> Result<String, UnknownColumn> {
    let known: Vec<String> = experiment.table.columns().into_iter().map(|column| column.name).collect();
    let bare = |name: &str| name.strip_prefix("Metadata_").unwrap_or(name).to_lowercase();
    let same =
        known.iter().find(|own| **own == name).or_else(|| known.iter().find(|own| bare(own) == bare(name)));
    if let Some(own) = same {
        return Ok(own.clone());
    }
    let mut near = known;
    near.sort_by_key(|own| osa_distance(&bare(own), &bare(name)));
    near.truncate(NEAREST);
    Err(UnknownColumn { column: name.to_owned(), nearest: near.join(", ") })
}

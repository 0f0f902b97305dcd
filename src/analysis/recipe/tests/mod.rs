//! Recipes against the programs that the field uses, and against tables that nobody should have.

mod hostile;
mod reference;
mod steps;
mod text;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Corrected, Matrix, Recipe, RecipeError, Table};

/// `tests/fixtures/recipe/recipe.json`; its script says what made it.
#[derive(Deserialize)]
pub(super) struct Fixture {
    plate: Vec<String>,
    compound: Vec<String>,
    control: Vec<bool>,
    tables: BTreeMap<String, Numbers>,
    pub cases: Vec<Case>,
    pub harmony: serde_json::Value,
}

/// A table's features.
#[derive(Deserialize)]
struct Numbers {
    names: Vec<String>,
    values: Vec<Vec<Option<f64>>>,
}

/// What another program makes of a table.
#[derive(Deserialize)]
pub(super) struct Case {
    pub recipe: String,
    pub table: String,
    pub names: Vec<String>,
    pub values: Vec<Vec<Option<f64>>>,
    /// Each column may have the other sign.
    pub signs: bool,
    /// The rows that are compared, unless all are.
    pub rows: Option<Vec<usize>>,
}

impl Fixture {
    pub fn read() -> Self {
        serde_json::from_str(include_str!("../../../../tests/fixtures/recipe/recipe.json")).unwrap()
    }

    /// `clean` or `messy`: 40 wells on two plates.
    pub fn table(&self, name: &str) -> Table {
        let Numbers { names, values } = &self.tables[name];
        let numbers = values.iter().flatten().map(|x| x.unwrap_or(f64::NAN)).collect();
        Table {
            features: Matrix { names: names.clone(), rows: values.len(), values: numbers },
            columns: BTreeMap::from([
                ("Metadata_Plate".to_owned(), self.plate.clone()),
                ("Metadata_Compound".to_owned(), self.compound.clone()),
            ]),
            negative: self.control.clone(),
            plate: Some("Metadata_Plate".to_owned()),
        }
    }
}

/// A table of one plate whose first rows are negative controls.
fn small(rows: &[&[f64]], controls: usize) -> Table {
    let width = rows.first().map_or(0, |row| row.len());
    Table {
        features: Matrix {
            names: (0..width).map(|k| format!("f{k}")).collect(),
            rows: rows.len(),
            values: rows.concat(),
        },
        columns: BTreeMap::from([("plate".to_owned(), vec!["p".to_owned(); rows.len()])]),
        negative: (0..rows.len()).map(|row| row < controls).collect(),
        plate: Some("plate".to_owned()),
    }
}

fn apply(recipe: &str, table: Table) -> Result<Corrected, RecipeError> {
    recipe.parse::<Recipe>().unwrap().apply(table)
}

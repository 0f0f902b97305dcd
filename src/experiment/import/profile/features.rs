//! Features of rows as a matrix, and as vectors without gaps.

use super::super::super::{EmbeddingTable, RECIPE, Table};
use super::super::report::{BadCell, LeftOut, Report};
use super::super::synonyms::is_missing_value;
use super::super::{Mapping, Source, Target};

/// What the hash of profiles begins with: no model has such a one.
const HASH: &str = "profile ";

/// Features of rows as they stand in their tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureTable {
    /// Names of the features.
    pub names: Vec<String>,
    /// `[row, feature]`; NaN where a value is missing, infinite ones as they are.
    pub values: Vec<f64>,
}

impl FeatureTable {
    /// The columns of a source that were chosen as features; `None` where none was. Cells that are no numbers join the report.
    pub(in super::super) fn chosen(source: &Source, mapping: &Mapping, report: &mut Report) -> Option<Self> {
        let is_chosen = |place: &usize| mapping.columns[*place].target == Target::Feature;
        let places: Vec<usize> = (0..mapping.columns.len()).filter(is_chosen).collect();
        if places.is_empty() {
            return None;
        }
        let names = places.iter().map(|&place| mapping.columns[place].source.clone()).collect();
        let mut values = Vec::with_capacity(source.len() * places.len());
        for row in 0..source.len() {
            for &place in &places {
                let text = source.cell(row, place).trim();
                let plain = if mapping.columns[place].decimal_comma {
                    text.replacen(',', ".", 1)
                } else {
                    text.to_owned()
                };
                let value = plain.parse::<f64>();
                if value.is_err() && !is_missing_value(text) {
                    report.bad_cells.push(BadCell {
                        row,
                        place: source.place(row),
                        column: mapping.columns[place].source.clone(),
                        value: text.chars().take(200).collect(),
                        why: "it is not a number".to_owned(),
                    });
                }
                values.push(value.unwrap_or(f64::NAN));
            }
        }
        Some(Self { names, values })
    }

    /// A feature's values.
    pub(super) fn column(&self, place: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(place).step_by(self.names.len().max(1)).copied()
    }

    /// Drops the features for which `kept` is false.
    pub(super) fn keep(&mut self, kept: &[bool]) {
        let width = self.names.len();
        let places: Vec<usize> = (0..width).filter(|&place| kept[place]).collect();
        let mut end = 0;
        for row in 0..self.values.len() / width.max(1) {
            for place in &places {
                self.values[end] = self.values[row * width + place];
                end += 1;
            }
        }
        self.values.truncate(end);
        self.names = places.iter().map(|&place| std::mem::take(&mut self.names[place])).collect();
    }

    /// Vectors of the rows of `table`, in its order, of those features that have a value in each of them. What is left out
    /// joins the report; `None` where nothing is left.
    pub(in super::super) fn into_embedding(
        self,
        table: &Table,
        report: &mut Report,
    ) -> Option<EmbeddingTable> {
        let width = self.names.len().max(1);
        let is_value = |value: &f64| value.is_finite() && (*value as f32).is_finite();
        let rows = self.values.chunks_exact(width).enumerate();
        let (full, empty): (Vec<_>, Vec<_>) = rows.partition(|(_, values)| values.iter().any(is_value));
        if let Some((row, _)) = empty.first() {
            let (n, first) = (empty.len(), table.row_id(*row));
            report.notes.push(format!(
                "{n} rows have no value of any feature, the first {first}: they have no vector."
            ));
        }
        let mut missing = vec![0_usize; self.names.len()];
        for (_, values) in &full {
            for (missing, value) in missing.iter_mut().zip(*values) {
                *missing += usize::from(!is_value(value));
            }
        }
        let places: Vec<usize> = (0..self.names.len()).filter(|&place| missing[place] == 0).collect();
        for (name, missing) in self.names.iter().zip(&missing).filter(|(_, missing)| **missing > 0) {
            let why = format!("it has no finite value in {missing} of {} rows", full.len());
            report.left_out.push(LeftOut { column: name.clone(), why });
        }
        if places.is_empty() || full.is_empty() {
            report.notes.push(
                "No feature has a value in every row, so there are no vectors: leave out rows or features that are empty."
                    .to_owned(),
            );
            return None;
        }
        let mut values = Vec::with_capacity(full.len() * places.len());
        for (_, row) in &full {
            values.extend(places.iter().map(|&place| row[place] as f32));
        }
        let features: Vec<String> = places.iter().map(|&place| self.names[place].clone()).collect();
        let row_ids = full.iter().map(|(row, _)| table.row_id(*row).to_owned()).collect();
        let model_hash = format!("{HASH}{}", hash(&features, &values));
        let (dim, recipe) = (places.len(), recipe_of(table, full.iter().map(|(row, _)| *row), report));
        Some(EmbeddingTable {
            row_ids,
            dim,
            values,
            model_hash,
            features,
            recipe,
            ..EmbeddingTable::default()
        })
    }
}

/// What all of these rows were corrected by; empty, and said, where they differ.
fn recipe_of(table: &Table, mut rows: impl Iterator<Item = usize>, report: &mut Report) -> String {
    let Some(first) = rows.next() else { return String::new() };
    let recipe = table.text(first, RECIPE);
    if rows.all(|row| table.text(row, RECIPE) == recipe) {
        return recipe;
    }
    report.notes.push(format!(
        "The rows differ in {RECIPE}: they were not corrected alike, and no corrections are kept with their vectors."
    ));
    String::new()
}

/// BLAKE3 of names and values, hexadecimal.
fn hash(names: &[String], values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    for name in names {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    for part in values.chunks(1 << 12) {
        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;

    #[test]
    fn rows_that_were_corrected_differently_keep_no_recipe() {
        let embedded = |recipes: [&str; 3]| {
            let frame = df!("row_id" => ["a", "b", "c"], RECIPE => recipes).unwrap();
            let features = FeatureTable { names: vec!["f".to_owned()], values: vec![f64::NAN, 1.0, 2.0] };
            let mut report = Report::default();
            let table = features.into_embedding(&Table::from_frame(frame).unwrap(), &mut report).unwrap();
            (table.recipe, report.notes.iter().any(|note| note.contains("differ in Metadata_recipe")))
        };
        // The first row has no vector.
        assert_eq!(embedded(["x", "sphere", "sphere"]), ("sphere".to_owned(), false));
        assert_eq!(embedded(["x", "x", "sphere"]), (String::new(), true));
    }
}

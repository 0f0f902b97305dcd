//! Vectors corrected by a recipe, as vectors of the same experiment.

use super::given::{Given, UnknownColumn, controls, table};
use crate::analysis::recipe::{Corrected, Matrix, Recipe, RecipeError};
use crate::experiment::{EmbeddingTable, Experiment};

/// What the hash of corrected vectors begins with: no model has such a one.
const HASH: &str = "corrected ";

/// A recipe makes no vectors of the experiment's rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrectionError {
    /// It names a column that is not there.
    #[error(transparent)]
    Column(#[from] UnknownColumn),
    /// It cannot be applied.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Rows became fewer.
    #[error(
        "it makes one row of several ({step}), and vectors belong to the rows that there are. Leave this step out, or write \
         a table of its own with `molclip correct`"
    )]
    Aggregates {
        /// The step.
        step: String,
    },
    /// Numbers that are missing or beyond single precision.
    #[error(
        "{count} of its numbers are missing or too large, the first of {feature}. Put `select:ops=missing:missing=0` at its \
         end"
    )]
    Missing {
        /// How many.
        count: usize,
        /// Feature of the first.
        feature: String,
    },
}

/// Applies a recipe to vectors of an experiment: those of its rows that are not excluded. `recipe` and `source` of the
/// result say what was done, and its hash is its own.
///
/// # Errors
/// The recipe cannot be applied, aggregates rows, or leaves gaps.
pub fn corrected(
    experiment: &Experiment,
    vectors: &EmbeddingTable,
    recipe: &Recipe,
) -> Result<EmbeddingTable, CorrectionError> {
    let given = Given::of(experiment, vectors);
    let negative = controls(experiment, &given.rows);
    let rows = given.rows.clone();
    let (features, values) = applied(experiment, given, negative, recipe)?;
    let row_ids = rows.iter().map(|&row| experiment.table.row_id(row).to_owned()).collect();
    let applied = recipe.to_string();
    let recipe = match vectors.recipe.as_str() {
        "" => applied,
        former => format!("{former}; {applied}"),
    };
    let source = if vectors.source.is_empty() { &vectors.model_hash } else { &vectors.source };
    let model_hash = format!("{HASH}{}", hash(&recipe, &features, &values));
    Ok(EmbeddingTable {
        row_ids,
        dim: features.len(),
        values,
        model_hash,
        features,
        source: source.clone(),
        recipe,
    })
}

/// Names of the features that a recipe leaves, and the vectors `[row, feature]` of the same rows.
///
/// # Errors
/// As [`corrected`].
pub(super) fn applied(
    experiment: &Experiment,
    given: Given,
    negative: Vec<bool>,
    recipe: &Recipe,
) -> Result<(Vec<String>, Vec<f32>), CorrectionError> {
    let aggregates = recipe.steps.iter().find(|step| matches!(step.name(), "mean" | "median"));
    if let Some(step) = aggregates {
        return Err(CorrectionError::Aggregates { step: step.to_string() });
    }
    let table = table(experiment, (&given.rows, given.features), negative, recipe)?;
    let Corrected { table, .. } = recipe.apply(table)?;
    Ok((table.features.names.clone(), single(&table.features)?))
}

/// Numbers in single precision, all of them finite.
pub(super) fn single(features: &Matrix) -> Result<Vec<f32>, CorrectionError> {
    let values: Vec<f32> = features.values.iter().map(|&value| value as f32).collect();
    let gaps = || values.iter().enumerate().filter(|(_, value)| !value.is_finite());
    match gaps().next() {
        None => Ok(values),
        Some((place, _)) => {
            let feature = features.names.get(place % features.names.len().max(1)).cloned();
            Err(CorrectionError::Missing { count: gaps().count(), feature: feature.unwrap_or_default() })
        }
    }
}

/// BLAKE3 of what was done and what came of it, hexadecimal.
fn hash(recipe: &str, names: &[String], values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in std::iter::once(recipe).chain(names.iter().map(String::as_str)) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    for part in values.chunks(1 << 12) {
        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    hasher.finalize().to_hex().to_string()
}

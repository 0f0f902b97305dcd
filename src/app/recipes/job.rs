//! Compares recipes, and corrects vectors by one.

use std::sync::Arc;

use super::{Asked, Corrected};
use crate::analysis::domain::{CompareError, Comparison, Line, Named, Request, compare, corrected};
use crate::experiment::Experiment;
use crate::progress::Progress;

/// Compares what was asked for; `each` gets a recipe as soon as it is measured.
///
/// # Errors
/// Why nothing can be compared; `None` once it was stopped.
pub fn run(
    experiment: &Experiment,
    asked: &Asked,
    progress: &Progress,
    each: impl FnMut(&Line),
) -> Result<Comparison, Option<String>> {
    let request = Request::new(asked.recipes.clone(), asked.domain.clone());
    compare(experiment, &asked.vectors, &request, progress, each).map_err(|error| match error {
        CompareError::Stopped(_) => None,
        error => Some(error.to_string()),
    })
}

/// Corrects vectors by a recipe.
///
/// # Errors
/// Why it cannot be applied.
pub fn correct(experiment: &Experiment, asked: &Asked, named: &Named) -> Result<Corrected, String> {
    let failed = |why: String| format!("{}: {why}", named.name);
    let recipe = named.recipe().map_err(|error| failed(error.to_string()))?;
    let (name, table) = match recipe {
        None => (asked.name.clone(), Arc::clone(&asked.vectors)),
        Some(recipe) => {
            let table = corrected(experiment, &asked.vectors, &recipe);
            let table = table.map_err(|error| failed(error.to_string()))?;
            (format!("{}, {}", asked.name, named.name), Arc::new(table))
        }
    };
    Ok(Corrected { experiment: asked.experiment.clone(), of: asked.name.clone(), name, table })
}

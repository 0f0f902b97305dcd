//! Recipes with a name.

use serde::{Deserialize, Serialize};

use crate::analysis::recipe::{Recipe, RecipeError};

/// Name of the vectors without any correction.
pub const AS_IS: &str = "as is";

/// A recipe under a name that people read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Its steps, as [`Recipe`] reads them; empty for the vectors as they are.
    pub steps: String,
}

impl Named {
    /// Under a name.
    pub fn new(name: impl Into<String>, steps: impl Into<String>) -> Self {
        Self { name: name.into(), steps: steps.into() }
    }

    /// Named by its steps; `as is` and nothing at all have none.
    pub fn of(steps: &str) -> Self {
        let steps = steps.trim();
        if steps.is_empty() || steps == AS_IS || steps == "as-is" {
            return Self::new(AS_IS, "");
        }
        Self::new(steps, steps)
    }

    /// The steps; `None` for the vectors as they are.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn recipe(&self) -> Result<Option<Recipe>, RecipeError> {
        if self.steps.trim().is_empty() { Ok(None) } else { self.steps.parse().map(Some) }
    }
}

/// What is compared unless something else is asked for, the vectors as they are first. Groups are plates.
pub fn defaults() -> Vec<Named> {
    [
        (AS_IS, ""),
        ("standardize", "standardize"),
        ("robust z", "mad-robustize"),
        ("robust z, selected", "mad-robustize,select"),
        ("sphered, ε 1", "sphere:method=zca-cor:epsilon=1"),
        ("sphered, ε 10", "sphere:method=zca-cor:epsilon=10"),
        ("TVN", "tvn"),
        ("Harmony", "harmony"),
        ("ComBat", "combat"),
        ("CORAL", "coral"),
    ]
    .map(|(name, steps)| Named::new(name, steps))
    .into()
}

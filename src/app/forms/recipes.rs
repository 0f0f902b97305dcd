//! What the panel of recipes holds: which vectors, which domain, the steps that are being put together.

use crate::analysis::domain::{Named, defaults};
use crate::analysis::recipe::{KnownStep, Recipe, RecipeError, STEPS};

/// Column that tells domains apart unless another is chosen.
const LINE: &str = "cell_line";

/// A step that is being put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepForm {
    /// A name of [`STEPS`].
    pub name: &'static str,
    /// What is typed for each of its keys, in their order; empty for what is usual.
    pub values: Vec<String>,
}

impl StepForm {
    /// With nothing typed.
    pub fn of(known: &KnownStep) -> Self {
        Self { name: known.name, values: vec![String::new(); known.keys.len()] }
    }

    /// What is known of it.
    pub fn known(&self) -> Option<&'static KnownStep> {
        STEPS.iter().find(|known| known.name == self.name)
    }

    /// As recipes write it.
    pub fn text(&self) -> String {
        let keys = self.known().map_or(&[][..], |known| known.keys);
        let given = keys.iter().zip(&self.values).filter(|(_, value)| !value.trim().is_empty());
        given.fold(self.name.to_owned(), |text, (key, value)| format!("{text}:{key}={}", value.trim()))
    }
}

/// The form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipesForm {
    /// Name of the vectors to correct; those in use, if there are none of this name.
    pub embedding: String,
    /// Column that tells domains apart.
    pub domain: String,
    /// Steps that are being put together.
    pub steps: Vec<StepForm>,
    /// What they are to be called; by their text, if empty.
    pub name: String,
    /// Recipes to compare, the vectors as they are first.
    pub recipes: Vec<Named>,
}

impl Default for RecipesForm {
    fn default() -> Self {
        Self {
            embedding: String::new(),
            domain: LINE.to_owned(),
            steps: Vec::new(),
            name: String::new(),
            recipes: defaults(),
        }
    }
}

impl RecipesForm {
    /// What the steps come to.
    ///
    /// # Errors
    /// There are none, or one of them cannot be read.
    pub fn built(&self) -> Result<Named, RecipeError> {
        let steps = self.steps.iter().map(StepForm::text).collect::<Vec<_>>().join(",");
        let steps = steps.parse::<Recipe>()?.to_string();
        let name = self.name.trim();
        Ok(Named::new(if name.is_empty() { steps.as_str() } else { name }, steps.clone()))
    }

    /// Puts what the steps come to among the recipes that are compared, in the place of one of its name.
    pub fn add_built(&mut self) {
        let Ok(built) = self.built() else { return };
        match self.recipes.iter().skip(1).position(|known| known.name == built.name) {
            Some(place) => self.recipes[place + 1] = built,
            None => self.recipes.push(built),
        }
    }

    /// Takes the steps of a recipe over, to change them.
    pub fn edit(&mut self, named: &Named) {
        let Ok(Some(recipe)) = named.recipe() else { return };
        let form = |step: &crate::analysis::recipe::Step| {
            let known = STEPS.iter().find(|known| known.name == step.name())?;
            let mut form = StepForm::of(known);
            for (key, value) in step.options() {
                if let Some(place) = known.keys.iter().position(|known| known == key) {
                    form.values[place].clone_from(value);
                }
            }
            Some(form)
        };
        self.steps = recipe.steps.iter().filter_map(form).collect();
        self.name.clone_from(&named.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_put_together_named_and_taken_over_again() {
        let mut form = RecipesForm::default();
        assert_eq!(form.recipes.len(), 10);
        assert!(matches!(form.built(), Err(RecipeError::Empty)));
        for name in ["mad-robustize", "sphere"] {
            form.steps.push(StepForm::of(STEPS.iter().find(|known| known.name == name).unwrap()));
        }
        form.steps[1].values[1] = " 3 ".to_owned();
        let built = form.built().unwrap();
        assert_eq!(built, Named::new("mad-robustize,sphere:epsilon=3", "mad-robustize,sphere:epsilon=3"));
        form.name = "mine".to_owned();
        form.add_built();
        form.steps[1].values[1] = "4".to_owned();
        form.add_built();
        assert_eq!(form.recipes.len(), 11, "one of a name");
        assert_eq!(form.recipes[10].steps, "mad-robustize,sphere:epsilon=4");
        let mut other = RecipesForm::default();
        other.edit(&form.recipes[10]);
        assert_eq!((&other.steps, other.name.as_str()), (&form.steps, "mine"));
        form.steps[1].values[1] = "much".to_owned();
        assert!(form.built().unwrap_err().to_string().contains("key `epsilon`"));
        form.add_built();
        assert_eq!(form.recipes.len(), 11, "what cannot be read is not added");
    }
}

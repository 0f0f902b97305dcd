//! The keys and values of a step.

use super::error::{RecipeError, unknown};

/// What tells groups of rows apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// The table's plate column, where it has one.
    Plate,
    /// All rows are one group.
    Nothing,
    /// Columns by name.
    Columns(Vec<String>),
}

impl By {
    /// Names of the columns.
    pub fn columns<'a>(&'a self, plate: Option<&'a str>) -> Vec<&'a str> {
        match self {
            Self::Plate => plate.into_iter().collect(),
            Self::Nothing => Vec::new(),
            Self::Columns(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

/// Rows of a group that a step is fitted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Controls,
    All,
}

/// What was given to a step, each key once and known.
pub(super) struct Options<'a> {
    pub step: &'static str,
    pub given: &'a [(String, String)],
}

impl<'a> Options<'a> {
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.given.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    fn place(&self, key: &str) -> String {
        format!("step `{}`, key `{key}`", self.step)
    }

    fn refuse(&self, key: &str, given: &str, expected: &str) -> RecipeError {
        let (given, expected) = (given.to_owned(), expected.to_owned());
        RecipeError::Value { place: self.place(key), given, expected }
    }

    /// A finite number that passes a test; `expected` says which do.
    pub fn number(
        &self,
        key: &str,
        default: f64,
        expected: &str,
        passes: impl Fn(f64) -> bool,
    ) -> Result<f64, RecipeError> {
        let Some(text) = self.get(key) else { return Ok(default) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && passes(number) => Ok(number),
            _ => Err(self.refuse(key, text, expected)),
        }
    }

    /// A number from 0 to 1.
    pub fn share(&self, key: &str, default: f64) -> Result<f64, RecipeError> {
        self.number(key, default, "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))
    }

    /// A number of 0 or more.
    pub fn epsilon(&self, default: f64) -> Result<f64, RecipeError> {
        self.number("epsilon", default, "a number of 0 or more", |x| x >= 0.0)
    }

    /// A number above 0.
    pub fn positive(&self, key: &str, default: f64) -> Result<f64, RecipeError> {
        self.number(key, default, "a number above 0", |x| x > 0.0)
    }

    /// A whole number of 1 or more.
    pub fn count(&self, key: &str) -> Result<Option<usize>, RecipeError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        match text.parse::<usize>() {
            Ok(count) if count > 0 => Ok(Some(count)),
            _ => Err(self.refuse(key, text, "a whole number above 0")),
        }
    }

    pub fn seed(&self) -> Result<u64, RecipeError> {
        let Some(text) = self.get("seed") else { return Ok(0) };
        text.parse().map_err(|_| self.refuse("seed", text, "a whole number of 0 or more"))
    }

    /// One of several words.
    pub fn word<T: Copy>(&self, key: &str, default: T, known: &[(&str, T)]) -> Result<T, RecipeError> {
        self.get(key).map_or(Ok(default), |text| self.one_of(key, text, known))
    }

    /// Words joined by `+`, each one of those known.
    pub fn words<T: Copy>(
        &self,
        key: &str,
        default: &[T],
        known: &[(&str, T)],
    ) -> Result<Vec<T>, RecipeError> {
        let Some(text) = self.get(key) else { return Ok(default.to_vec()) };
        text.split('+').map(|word| self.one_of(key, word.trim(), known)).collect()
    }

    fn one_of<T: Copy>(&self, key: &str, word: &str, known: &[(&str, T)]) -> Result<T, RecipeError> {
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        found.ok_or_else(|| unknown(self.place(key), word, known.iter().map(|(name, _)| *name)))
    }

    /// Columns joined by `+`; the plate where the key is not given.
    pub fn columns(&self, key: &str) -> Result<By, RecipeError> {
        let Some(text) = self.get(key) else { return Ok(By::Plate) };
        let names: Vec<String> = text.split('+').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err(self.refuse(key, text, "the name of a column, or several joined by `+`"));
        }
        Ok(By::Columns(names))
    }

    /// [`Self::columns`] of the key `by`, where `none` takes all rows together.
    pub fn by(&self) -> Result<By, RecipeError> {
        if self.get("by") == Some("none") { Ok(By::Nothing) } else { self.columns("by") }
    }

    pub fn fit(&self, default: Fit) -> Result<Fit, RecipeError> {
        self.word("fit", default, &[("controls", Fit::Controls), ("all", Fit::All)])
    }
}

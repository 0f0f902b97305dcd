//! What can be wrong with a recipe, or with the table that it is applied to.

use strsim::osa_distance;

/// Names that a message lists at most.
const LISTED: usize = 12;

/// A recipe that cannot be read, or cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// No step was given.
    #[error("a recipe has at least one step, such as `mad-robustize,select,sphere`")]
    Empty,
    /// A step, key, value, column or batch that does not exist.
    #[error("{place}: `{word}` is not known{hint}. Known are {known}")]
    Unknown {
        /// Where it stands.
        place: String,
        /// As it was written.
        word: String,
        /// The nearest one that is known, or nothing.
        hint: String,
        /// What could stand there.
        known: String,
    },
    /// A value that its key does not take.
    #[error("{place}: `{given}` should be {expected}")]
    Value {
        /// Step and key.
        place: String,
        /// As it was written.
        given: String,
        /// What could stand there.
        expected: String,
    },
    /// The same key twice in one step.
    #[error("step `{step}`: `{key}` is given twice")]
    Twice {
        /// Its name.
        step: String,
        /// The key.
        key: String,
    },
    /// A step that cannot do without a column, and no plate column to take in its place.
    #[error("step `{step}` needs `{key}=COLUMN`: which column of the table tells its groups apart?")]
    NeedsColumn {
        /// Its name or text.
        step: String,
        /// The key.
        key: &'static str,
    },
    /// The parts of a table do not fit together.
    #[error("the table is not rectangular: {0}")]
    Shape(String),
    /// Nothing to correct.
    #[error("there is nothing to correct: {rows} rows, {features} features")]
    Nothing {
        /// Rows of the table.
        rows: usize,
        /// Features of the table.
        features: usize,
    },
    /// No row is a negative control.
    #[error(
        "step `{step}` is fitted on negative controls, and no row is one. Mark them in the column `control`, or fit on all \
         rows with `fit=all`"
    )]
    NoControls {
        /// Its text.
        step: String,
    },
    /// A group that a step cannot leave as it is.
    #[error(
        "step `{step}` cannot leave {groups} as they are, which have fewer than 2 rows to fit on. Leave them out, or fit \
         over larger groups (`by=none`) or on all rows (`fit=all`)"
    )]
    TooFew {
        /// Its text.
        step: String,
        /// Their names.
        groups: String,
    },
    /// Components of several groups.
    #[error(
        "step `{step}` turns features into components, and those of {groups} would be axes of their own under the same names. \
         Fit it once (`by=none`), or stay in the features (`method=zca-cor` or `zca`)"
    )]
    Components {
        /// Its text.
        step: String,
        /// Their names.
        groups: String,
    },
    /// Values are missing where a step needs all of them.
    #[error(
        "step `{step}` needs every value, and some are missing in {features}. Put `select:ops=missing:missing=0` before it"
    )]
    Missing {
        /// Its text.
        step: String,
        /// Names of the features.
        features: String,
    },
    /// Numbers that overflow.
    #[error(
        "step `{step}` cannot work with numbers this large. Put `mad-robustize` or `standardize` before it"
    )]
    TooLarge {
        /// Its text.
        step: String,
    },
    /// A selection that leaves nothing.
    #[error("step `{step}` leaves none of the {features} features; the first was dropped because it {why}")]
    NothingLeft {
        /// Its text.
        step: String,
        /// How many there were.
        features: usize,
        /// Of the first.
        why: String,
    },
}

/// The error of a word that is none of those known, with the one that is nearest.
pub(super) fn unknown<'a>(
    place: String,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> RecipeError {
    let known: Vec<&str> = known.into_iter().collect();
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let typed = plain(word);
    let most = (typed.chars().count() / 3).max(2);
    let nearest = known
        .iter()
        .map(|name| (osa_distance(&typed, &plain(name)), name))
        .filter(|(distance, name)| {
            *distance <= most || (!typed.is_empty() && plain(name).starts_with(&typed))
        })
        .min_by_key(|(distance, _)| *distance);
    let hint = nearest.map(|(_, name)| format!(" (the nearest is `{name}`)")).unwrap_or_default();
    RecipeError::Unknown { place, word: word.to_owned(), hint, known: listed(&known) }
}

/// Names for a message; of many, the first.
pub(super) fn listed(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(LISTED) {
        _ if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

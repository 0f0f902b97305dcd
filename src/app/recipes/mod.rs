//! Recipes in the window: which are compared on which vectors, how far that is, what came of it.
//!
//! Plain data; [`crate::app::panels::recipes`] shows it, `apply::recipes` changes it and starts the jobs.

pub mod job;

use std::sync::Arc;

use super::answers::{Answering, Source};
pub use super::forms::recipes::{RecipesForm, StepForm};
use super::screen::Screen;
use crate::analysis::domain::{Comparison, Line, Named, Score};
use crate::experiment::{EmbeddingTable, PROFILE};
use crate::progress::Progress;

/// What was compared.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Id of the experiment.
    pub experiment: String,
    /// Of its table, when labels were read.
    pub revision: u64,
    /// Name of the vectors.
    pub name: String,
    /// They.
    pub vectors: Arc<EmbeddingTable>,
    /// Column that tells domains apart.
    pub domain: String,
    /// The recipes.
    pub recipes: Vec<Named>,
}

impl Asked {
    /// What the form asks of the experiment on screen; `None` without vectors.
    pub fn of(form: &RecipesForm, answers: &Answering, screen: &Screen) -> Option<Self> {
        let (name, vectors) = current(form, answers, screen)?;
        Some(Self {
            experiment: screen.experiment().id.clone(),
            revision: screen.revision(),
            name: name.clone(),
            vectors: Arc::clone(vectors),
            domain: form.domain.clone(),
            recipes: form.recipes.clone(),
        })
    }
}

/// The vectors to correct: those that were chosen here, else those that answer, else the experiment's own profiles, else the
/// first by name.
pub fn current<'a>(
    form: &RecipesForm,
    answers: &Answering,
    screen: &'a Screen,
) -> Option<(&'a String, &'a Arc<EmbeddingTable>)> {
    let all = &screen.experiment().embeddings;
    let answering = || in_force(answers, screen).or_else(|| all.get_key_value(PROFILE));
    all.get_key_value(&form.embedding).or_else(answering).or_else(|| all.first_key_value())
}

/// The vectors that answer, where the experiment keeps them.
pub fn in_force<'a>(
    answers: &Answering,
    screen: &'a Screen,
) -> Option<(&'a String, &'a Arc<EmbeddingTable>)> {
    let all = &screen.experiment().embeddings;
    match &answers.source {
        Some(Source::Embedding(name)) => all.get_key_value(name),
        Some(_) => None,
        None => all.get_key_value(PROFILE),
    }
}

/// A comparison that runs.
#[derive(Debug)]
pub struct Running {
    /// Its job.
    pub job: u64,
    /// Tells it from an earlier one.
    pub ticket: u64,
    /// How far it is.
    pub progress: Arc<Progress>,
}

/// Vectors that are being corrected.
#[derive(Debug)]
pub struct Applying {
    /// Its job.
    pub job: u64,
    /// Tells it from an earlier one.
    pub ticket: u64,
}

/// What is shown: recipes that are measured already, and all about them once the last one is.
#[derive(Debug)]
pub struct Shown {
    /// What was compared.
    pub asked: Asked,
    /// Recipes as they came in.
    pub lines: Vec<Line>,
    /// All of it.
    pub comparison: Option<Arc<Comparison>>,
}

impl Shown {
    /// Recipes in the order of the table: by a score, those without one last; as they were asked for without.
    pub fn sorted(&self, sort: Option<(Score, bool)>) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        if let Some((score, down)) = sort {
            let value = |line: &Line| line.score(score).and_then(|measure| measure.value);
            lines.sort_by(|a, b| match (value(a), value(b)) {
                (Some(a), Some(b)) => {
                    if down {
                        b.total_cmp(&a)
                    } else {
                        a.total_cmp(&b)
                    }
                }
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
        }
        lines
    }
}

/// What the window knows of recipes.
#[derive(Debug, Default)]
pub struct Recipes {
    /// The form.
    pub form: RecipesForm,
    /// A comparison on its way.
    pub running: Option<Running>,
    /// The latest comparison, as far as it is.
    pub shown: Option<Shown>,
    /// Why the last comparison or correction failed.
    pub failed: Option<String>,
    /// Column that the table is sorted by; true for the highest first.
    pub sort: Option<(Score, bool)>,
    /// A correction on its way.
    pub applying: Option<Applying>,
    /// Counts comparisons and corrections, those of earlier experiments too.
    pub tickets: u64,
}

/// What the panel asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum RecipesCommand {
    /// Change the form.
    Form(Box<RecipesForm>),
    /// Compare the recipes of the form.
    Compare,
    /// Stop comparing.
    Stop,
    /// Sort by a score: the best first, then the other way round, then as they were asked for.
    Sort(Score),
    /// Correct the vectors by a recipe, and use them everywhere.
    Apply(Named),
}

/// What jobs send back.
#[derive(Debug)]
pub enum Message {
    /// A recipe is measured, of the comparison of this ticket.
    Line(u64, Box<Line>),
    /// All are, or why not; `None` where it was stopped.
    Compared(u64, Result<Comparison, Option<String>>),
    /// Vectors are corrected, by the job of this ticket, or why not.
    Corrected(u64, Result<Corrected, String>),
}

/// Corrected vectors.
#[derive(Debug)]
pub struct Corrected {
    /// Id of the experiment.
    pub experiment: String,
    /// Name of the vectors that were corrected.
    pub of: String,
    /// What to call them.
    pub name: String,
    /// They.
    pub table: Arc<EmbeddingTable>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::analysis::domain::{Leakage, Measure};

    #[test]
    fn recipes_are_sorted_by_a_score_and_those_without_stay_last() {
        let line = |name: &str, value: Option<f64>| Line {
            name: name.to_owned(),
            steps: String::new(),
            why: None,
            features: None,
            scores: BTreeMap::from([(Score::Across, Measure { value, ..Measure::default() })]),
            leakage: Leakage::default(),
            transfers: Vec::new(),
            notes: Vec::new(),
        };
        let asked = Asked {
            experiment: String::new(),
            revision: 1,
            name: String::new(),
            vectors: Arc::default(),
            domain: String::new(),
            recipes: Vec::new(),
        };
        let lines = vec![line("a", None), line("b", Some(0.2)), line("c", Some(0.7)), line("d", None)];
        let shown = Shown { asked, lines, comparison: None };
        let names = |sort| shown.sorted(sort).iter().map(|line| line.name.as_str()).collect::<String>();
        assert_eq!(names(None), "abcd");
        assert_eq!(names(Some((Score::Across, true))), "cbad");
        assert_eq!(names(Some((Score::Across, false))), "bcad");
        assert_eq!(names(Some((Score::NscMap, true))), "abcd");
    }
}

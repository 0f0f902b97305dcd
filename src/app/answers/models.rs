//! What can answer.

use std::path::Path;

use super::{Answering, Source};
use crate::app::screen::Screen;
use crate::app::training::Training;
use crate::app::training::progress::Phase;
use crate::experiment::PROFILE;
use crate::learn::assess::BIOMARKERS;
use crate::learn::families::{self, FAMILIES, Open};

/// What something that encodes is called in the chooser.
pub fn name(source: &Source) -> String {
    let last = |folder: &Path| {
        folder.file_name().map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into_owned())
    };
    match source {
        Source::Shipped => "light-simulated (comes with the program)".to_owned(),
        Source::Model(folder) => last(folder),
        Source::Family(name) => families::named(name).map_or(*name, |family| family.title).to_owned(),
        Source::Embedding(name) => format!("{name} (vectors of this experiment)"),
    }
}

/// What there is to choose from: the shipped model, families without weights, models of the project and of the folder for models,
/// newest first, the one trained last,
/// vectors that the experiment keeps, the one in use.
pub fn choices(answers: &Answering, training: &Training, screen: &Screen) -> Vec<Source> {
    let mut choices = vec![Source::Shipped];
    let built = FAMILIES.iter().filter(|family| matches!(family.open, Open::Built(_)));
    choices.extend(built.map(|family| Source::Family(family.name)));
    choices.extend(training.models.iter().map(|model| Source::Model(model.folder.clone())));
    if let Some(live) = &training.live
        && matches!(live.phase, Phase::Finished(_))
    {
        choices.push(Source::Model(live.folder.clone()));
    }
    choices.extend(screen.experiment().embeddings.keys().cloned().map(Source::Embedding));
    choices.extend(usable(answers, screen).cloned());
    let mut seen = std::collections::HashSet::new();
    choices.retain(|choice| seen.insert(choice.clone()));
    choices
}

/// What the user chose, unless it is gone with another experiment.
fn usable<'a>(answers: &'a Answering, screen: &Screen) -> Option<&'a Source> {
    answers.source.as_ref().filter(|source| match source {
        Source::Embedding(name) => screen.experiment().embeddings.contains_key(name),
        _ => true,
    })
}

/// What is used unless something else is chosen: the model trained last on this experiment, as its user wanted one, and
/// without any hand-made features, which no shipped network beats yet on a simulated screen that neither has seen
/// (`models/README.md`).
pub fn chosen(answers: &Answering, training: &Training, screen: &Screen) -> Source {
    if let Some(source) = usable(answers, screen) {
        return source.clone();
    }
    let live = training.live.as_ref().filter(|live| matches!(live.phase, Phase::Finished(_)));
    match live.filter(|live| live.experiment == screen.experiment().id) {
        Some(live) => Source::Model(live.folder.clone()),
        // Profiles are there already, and have no recordings.
        None if screen.experiment().embeddings.contains_key(PROFILE) => Source::Embedding(PROFILE.to_owned()),
        None => Source::Family(BIOMARKERS),
    }
}

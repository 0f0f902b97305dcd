//! Which models can answer.

use crate::app::state::AppState;
use crate::app::training::kept::Start;
use crate::app::training::progress::Phase;

/// What a model is called in the chooser.
pub fn name(start: &Start) -> String {
    match start {
        Start::Fresh => String::new(),
        Start::Shipped => "light-simulated (comes with the program)".to_owned(),
        Start::Model(folder) => folder
            .file_name()
            .map_or_else(|| folder.display().to_string(), |n| n.to_string_lossy().into_owned()),
    }
}

/// Models to choose from: the shipped one, the one trained last, the one in use.
pub fn choices(state: &AppState) -> Vec<Start> {
    let mut choices = vec![Start::Shipped];
    let kept = &state.training.kept;
    choices.extend(kept.models.iter().map(|name| Start::Model(kept.folder.join(name))));
    if let Some(live) = &state.training.live
        && matches!(live.phase, Phase::Finished(_))
    {
        choices.push(Start::Model(live.folder.clone()));
    }
    choices.extend(state.answers.start.clone());
    let mut seen = std::collections::HashSet::new();
    choices.retain(|choice| seen.insert(choice.clone()));
    choices
}

/// The model that is used unless another is chosen: the one trained last on this experiment.
pub fn chosen(state: &AppState) -> Start {
    if let Some(start) = &state.answers.start {
        return start.clone();
    }
    let live = state.training.live.as_ref().filter(|live| matches!(live.phase, Phase::Finished(_)));
    let here = |id: &str| state.screen.as_ref().is_some_and(|screen| screen.experiment().id == id);
    match live.filter(|live| here(&live.experiment)) {
        Some(live) => Start::Model(live.folder.clone()),
        None => Start::Shipped,
    }
}

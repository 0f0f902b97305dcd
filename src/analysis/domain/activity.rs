//! Activity of treatments against the controls of their plates, with intervals over compounds.

use super::tally::Tally;
use crate::analysis::pairs::{PairsError, Preset, Request, Scores};
use crate::experiment::Experiment;
use crate::progress::Progress;

/// What separates a group's values in its name.
const BETWEEN: &str = " | ";

/// Activity of vectors `[row, dim]` of some table rows.
///
/// # Errors
/// As [`Request::score`].
pub(super) fn scores(
    experiment: &Experiment,
    rows: &[usize],
    vectors: (Vec<f32>, usize),
    (null, seed): (usize, u64),
    progress: &Progress,
) -> Result<Scores, PairsError> {
    let request = Request { preset: Some(Preset::Activity), null, seed, ..Request::default() };
    request.score(experiment, rows, vectors, progress)
}

/// Mean average precision, and the part that is active, by the compounds of the groups.
pub(super) fn tallies(scores: &Scores) -> [Tally; 2] {
    let doses = scores.rules.by.len() > 1;
    // The compound is the first of the columns that group.
    let compound = |group: &str| -> String {
        let cut = if doses { group.rsplit_once(BETWEEN).map(|(compound, _)| compound) } else { None };
        cut.unwrap_or(group).to_owned()
    };
    let map = scores.groups.iter().filter_map(|group| Some((compound(&group.group), None, group.map?)));
    let active = scores.groups.iter().filter(|group| group.p.is_some()).map(|group| {
        let is_active = f64::from(u8::from(group.is_active()));
        (compound(&group.group), None, is_active)
    });
    [Tally::of(map), Tally::of(active)]
}

//! Folds of compounds: what is said of a compound is made by, and measured on, those of other folds.

use rand::seq::SliceRandom;

use super::Subjects;
use crate::random::stream;

/// Folds of a cross-fit.
pub(super) const FOLDS: usize = 5;

/// The fold of each compound.
#[derive(Debug, Clone)]
pub(super) struct Folds {
    /// By compound.
    of: Vec<usize>,
    /// That of the negative controls.
    pub controls: usize,
}

impl Folds {
    /// Deals compounds out at random: those with a mechanism first, so that folds have equally many of them; which
    /// mechanism is not looked at. All negative controls share a fold, since a group of control videos may mix them.
    pub fn deal(subjects: &Subjects, seed: u64) -> Self {
        let count = subjects.compounds.len();
        let (mut labelled, mut others): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|&compound| !subjects.compound_moas[compound].is_empty());
        let mut rng = stream(seed, &["folds of compounds"]);
        labelled.shuffle(&mut rng);
        others.shuffle(&mut rng);
        let mut of = vec![0; count];
        for (place, compound) in labelled.into_iter().chain(others).enumerate() {
            of[compound] = place % FOLDS;
        }
        let controls = subjects.subjects.iter().filter(|subject| subject.control);
        let controls: Vec<usize> = controls.filter_map(|subject| subject.compound).collect();
        let shared = controls.first().map_or(0, |&compound| of[compound]);
        for compound in controls {
            of[compound] = shared;
        }
        Self { of, controls: shared }
    }

    /// The fold of a compound.
    pub fn of(&self, compound: usize) -> usize {
        self.of[compound]
    }
}

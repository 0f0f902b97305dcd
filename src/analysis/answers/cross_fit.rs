//! The spaces in which an experiment's compounds are compared: one for each fold of compounds, which those compounds did
//! not shape, and one of all for whoever is not among them.

use std::sync::Arc;

use rayon::prelude::*;

use super::folds::{FOLDS, Folds};
use super::head::Head;
use super::mechanism::Gallery;
use super::space::Whitening;
use super::{AnswersError, Subjects};
use crate::analysis::evaluate::normalise;
use crate::analysis::search::{self, Similarity};
use crate::progress::Progress;

/// Vectors that are whitened between two looks at whether somebody cancelled.
const AT_ONCE: usize = 4096;

/// Most bytes that the vectors in the spaces of all folds may take.
const MOST_BYTES: u64 = 2 << 30;

/// The library's videos in one space.
#[derive(Debug)]
pub(super) struct Space {
    pub whitening: Option<Arc<Whitening>>,
    /// Centred, whitened, of length 1: `[subject, dim]`.
    pub vectors: Arc<[f32]>,
    /// The same vectors, to search in.
    pub videos: search::Gallery,
    /// The treatments that answer.
    pub gallery: Gallery,
    /// By what mechanisms are ranked instead.
    pub head: Option<Head>,
}

impl Space {
    pub fn new(
        subjects: &Subjects,
        vectors: Arc<[f32]>,
        dim: usize,
        whitening: Option<Arc<Whitening>>,
        answering: &[usize],
    ) -> Result<Self, AnswersError> {
        let videos = search::Gallery::new(Arc::clone(&vectors), dim, Similarity::UnitCosine)
            .map_err(|_| AnswersError::Shape { videos: subjects.len(), dim, len: vectors.len() })?;
        let gallery = Gallery::new(subjects, &vectors, dim, answering);
        Ok(Self { whitening, vectors, videos, gallery, head: None })
    }
}

/// All spaces of a library.
#[derive(Debug)]
pub(super) struct CrossFitted {
    pub folds: Folds,
    /// By fold; empty where there is not memory enough for them.
    pub by_fold: Vec<Space>,
    /// That of all compounds.
    pub whole: Space,
}

impl CrossFitted {
    /// The space of a question: that which the library's `compound` did not shape, or the one of all.
    pub fn of(&self, compound: Option<usize>) -> &Space {
        compound.and_then(|compound| self.by_fold.get(self.folds.of(compound))).unwrap_or(&self.whole)
    }

    /// The library's own vectors, each in the space that its compound did not shape: `[subject, dim]`.
    pub fn asked(&self, subjects: &Subjects, dim: usize) -> Arc<[f32]> {
        let mut asked = Arc::clone(&self.whole.vectors);
        if !self.by_fold.is_empty() {
            let places = subjects.subjects.par_iter().enumerate();
            Arc::make_mut(&mut asked).par_chunks_exact_mut(dim).zip(places).for_each(
                |(out, (place, subject))| {
                    let vectors = &self.of(subject.compound).vectors;
                    out.copy_from_slice(&vectors[place * dim..(place + 1) * dim]);
                },
            );
        }
        asked
    }
}

/// True if the vectors of all folds fit into memory.
pub(super) fn fits(videos: usize, dim: usize) -> bool {
    (FOLDS as u64).saturating_mul(4).saturating_mul(videos as u64).saturating_mul(dim as u64) <= MOST_BYTES
}

/// Whitens centred vectors and brings them to length 1.
pub(super) fn place(
    mut centred: Arc<[f32]>,
    dim: usize,
    whitening: Option<&Whitening>,
    progress: &Progress,
) -> Result<Arc<[f32]>, AnswersError> {
    for chunk in Arc::make_mut(&mut centred).chunks_mut(AT_ONCE * dim) {
        progress.check().map_err(|_| AnswersError::Cancelled)?;
        if let Some(whitening) = whitening {
            whitening.apply(chunk);
        }
        chunk.par_chunks_exact_mut(dim).for_each(normalise);
        progress.add((chunk.len() / dim) as u64);
    }
    Ok(centred)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_copies_of_the_vectors_take_two_gibibytes_at_most() {
        assert!(fits(100_000, 1024) && !fits(110_000, 1024) && !fits(usize::MAX, usize::MAX));
    }
}

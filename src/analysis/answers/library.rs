//! An experiment whose compounds answer.

use std::sync::Arc;

use rayon::prelude::*;

use super::activity::{Activity, Spaces, judge};
use super::calibration::Calibration;
use super::mechanism::Gallery;
use super::space::{Centres, Whitening, Whitenings};
use super::{AnswersError, Level, Options, Origin, Subjects};
use crate::analysis::evaluate::normalise;
use crate::analysis::search::{self, Similarity};
use crate::progress::Progress;

/// Vectors that are whitened between two looks at whether somebody cancelled.
const AT_ONCE: usize = 4096;

/// An experiment in the space of comparison.
#[derive(Debug)]
pub(super) struct Placed {
    pub subjects: Arc<Subjects>,
    pub origin: Origin,
    pub centres: Centres,
    /// Centred, whitened, of length 1: `[subject, dim]`.
    pub vectors: Arc<[f32]>,
    pub activity: Vec<Activity>,
    pub notes: Vec<String>,
}

/// An experiment whose compounds answer, with its own centring and whitening and with what is known of its errors.
/// Never changed once made; share it.
#[derive(Debug)]
pub struct Library {
    pub(super) placed: Arc<Placed>,
    pub(super) whitening: Option<Whitening>,
    pub(super) gallery: Gallery,
    /// The same vectors as `placed` holds, to search in.
    pub(super) videos: search::Gallery,
    pub(super) dim: usize,
    calibration: [Calibration; 3],
    notes: Vec<String>,
}

impl Library {
    /// Measures space, activity and calibration. `raw`: the subjects' embeddings, `[subject, dim]`. Steps of `progress`
    /// are rounds over the videos.
    ///
    /// # Errors
    /// Numbers that are not finite or do not fit the videos; cancelled.
    pub fn new(
        subjects: Arc<Subjects>,
        raw: &[f32],
        dim: usize,
        origin: Origin,
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        check(&subjects, raw, dim)?;
        let n = subjects.len() as u64;
        progress.set(0, 6 * n);
        let mut notes = subjects.notes.clone();
        let centres = Centres::fit(&subjects, raw, dim, &mut notes);
        let centred = centres.apply(&subjects, raw, dim);
        let whitenings = Whitenings::fit(&subjects, &centred, dim, options, progress)?;
        if options.whiten && whitenings.whole.is_none() {
            notes
                .push("Too few repetitions of treatments to whiten by: vectors are only centred.".to_owned());
        }
        progress.set(2 * n, 6 * n);
        let activity = judge(&subjects, &centred, dim, &Spaces::Own(&whitenings), options, progress)?;
        progress.set(3 * n, 6 * n);
        let whitening = whitenings.whole;
        let vectors = place(centred, dim, whitening.as_ref(), progress)?;
        let gallery = Gallery::new(&subjects, &vectors, dim, &activity, options, &mut notes);
        let measure = |level| {
            progress.add(n / 3);
            progress.check().map_err(|_| AnswersError::Cancelled)?;
            Ok(Calibration::measure(level, &subjects, &gallery, &vectors, dim, options))
        };
        let calibration = [measure(Level::Video)?, measure(Level::Treatment)?, measure(Level::Compound)?];
        progress.set(6 * n, 6 * n);
        let videos = search::Gallery::new(Arc::clone(&vectors), dim, Similarity::UnitCosine)
            .map_err(|_| AnswersError::Shape { videos: subjects.len(), dim, len: vectors.len() })?;
        let placed = Placed { subjects, origin, centres, vectors, activity, notes: notes.clone() };
        Ok(Self { placed: Arc::new(placed), whitening, gallery, videos, dim, calibration, notes })
    }

    /// The videos.
    pub fn subjects(&self) -> &Arc<Subjects> {
        &self.placed.subjects
    }

    /// Where the vectors come from.
    pub fn origin(&self) -> &Origin {
        &self.placed.origin
    }

    /// Length of a vector.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// The vectors in the space of comparison, `[subject, dim]`, of length 1.
    pub fn vectors(&self) -> &[f32] {
        &self.placed.vectors
    }

    /// How far answers at a level can be trusted.
    pub const fn calibration(&self, level: Level) -> &Calibration {
        &self.calibration[level as usize]
    }

    /// Whether a treatment is active.
    ///
    /// # Panics
    /// There is no such treatment.
    pub fn activity(&self, treatment: usize) -> &Activity {
        &self.placed.activity[treatment]
    }

    /// True where vectors are whitened.
    pub const fn is_whitened(&self) -> bool {
        self.whitening.is_some()
    }

    /// Degrees of freedom of the scatter that vectors are whitened by; `None` where they are not.
    pub fn freedom(&self) -> Option<usize> {
        self.whitening.as_ref().map(|whitening| whitening.freedom)
    }

    /// The treatments that answer, ascending.
    pub fn answering(&self) -> &[usize] {
        &self.gallery.treatments
    }

    /// What a reader should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Centres an experiment and whitens it by a library's scatter.
pub(super) fn place_in(
    library: &Library,
    subjects: Arc<Subjects>,
    raw: &[f32],
    origin: Origin,
    options: &Options,
    progress: &Progress,
) -> Result<Placed, AnswersError> {
    let dim = library.dim;
    check(&subjects, raw, dim)?;
    let n = subjects.len() as u64;
    progress.set(0, 3 * n);
    let mut notes = subjects.notes.clone();
    let centres = Centres::fit(&subjects, raw, dim, &mut notes);
    let centred = centres.apply(&subjects, raw, dim);
    let whitening = library.whitening.as_ref();
    progress.set(n, 3 * n);
    let activity = judge(&subjects, &centred, dim, &Spaces::Foreign(whitening), options, progress)?;
    progress.set(2 * n, 3 * n);
    let vectors = place(centred, dim, whitening, progress)?;
    progress.set(3 * n, 3 * n);
    Ok(Placed { subjects, origin, centres, vectors, activity, notes })
}

/// Whitens centred vectors and brings them to length 1.
fn place(
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

fn check(subjects: &Subjects, raw: &[f32], dim: usize) -> Result<(), AnswersError> {
    let (videos, len) = (subjects.len(), raw.len());
    if dim == 0 || len != videos * dim {
        return Err(AnswersError::Shape { videos, dim, len });
    }
    match raw.par_iter().position_first(|x| !x.is_finite()) {
        Some(at) => Err(AnswersError::NotFinite {
            what: subjects.subjects[at / dim].row_id.clone(),
            column: at % dim,
        }),
        None => Ok(()),
    }
}

//! An experiment whose compounds answer.

use std::sync::Arc;

use rayon::prelude::*;

use super::activity::{Activity, Spaces, judge};
use super::calibration::Calibration;
use super::cross_fit::{CrossFitted, Space, fits, place};
use super::folds::{FOLDS, Folds};
use super::head::{Head, HeadChoice, is_worth_a_try};
use super::left_out::{Asking, choose_head};
use super::mechanism::answering;
use super::space::{Centres, Whitenings};
use super::{AnswersError, HeadUse, Level, Options, Origin, Subjects};
use crate::analysis::evaluate::normalise;
use crate::analysis::lda::MOST_FEATURES;
use crate::progress::Progress;

/// Most numbers of the wells that discriminants are fitted on for all folds at once; each fold has a copy of its own.
const MOST_AT_ONCE: usize = 4_000_000;

/// An experiment in the space of comparison.
#[derive(Debug)]
pub(super) struct Placed {
    pub subjects: Arc<Subjects>,
    pub origin: Origin,
    pub centres: Centres,
    /// Centred, whitened by the whole library, of length 1: `[subject, dim]`.
    pub vectors: Arc<[f32]>,
    /// The same, each in the space that its own compound did not shape.
    pub asked: Arc<[f32]>,
    pub activity: Vec<Activity>,
    pub notes: Vec<String>,
}

/// An experiment whose compounds answer, with its own centring and whitening and with what is known of its errors.
/// Never changed once made; share it.
#[derive(Debug)]
pub struct Library {
    pub(super) placed: Arc<Placed>,
    pub(super) spaces: CrossFitted,
    pub(super) dim: usize,
    head: Option<HeadChoice>,
    calibration: [Calibration; 3],
    notes: Vec<String>,
}

impl Library {
    /// Measures spaces, activity and calibration. `raw`: the subjects' embeddings, `[subject, dim]`. Steps of `progress`
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
        let n = subjects.len() as u64;
        let rounds = |done: u64| progress.set(done * n, 13 * n);
        let stopped = |_| AnswersError::Cancelled;
        let Judged { centres, centred, folds, whitenings, activity, mut notes } =
            Judged::new(&subjects, raw, dim, options, progress)?;
        rounds(3);
        let treatments = answering(&subjects, &activity, options, &mut notes);
        let (by_fold, whole) =
            place_all(&subjects, &centred, dim, whitenings, &treatments, &mut notes, progress)?;
        drop(centred);
        let mut spaces = CrossFitted { folds, by_fold, whole };
        let asked = spaces.asked(&subjects, dim);
        rounds(9);
        if options.head == HeadUse::Auto {
            fit_heads(&subjects, &mut spaces, dim, &mut notes);
        }
        progress.check().map_err(stopped)?;
        let asking = Asking { subjects: &subjects, spaces: &spaces, asked: &asked, dim, options };
        let head = spaces.whole.head.as_ref().and_then(|_| choose_head(&asking));
        let headed = head.is_some_and(|head| head.used);
        if !headed {
            spaces.by_fold.iter_mut().for_each(|space| space.head = None);
            spaces.whole.head = None;
        }
        notes.extend(head.map(|head| head.to_string()));
        rounds(10);
        let trained = origin.trained(&subjects.compounds);
        let asking = Asking { subjects: &subjects, spaces: &spaces, asked: &asked, dim, options };
        let measure = |level| -> Result<Calibration, AnswersError> {
            progress.check().map_err(stopped)?;
            let measured = Calibration::measure(level, &asking, headed, trained.as_deref());
            progress.add(n);
            Ok(measured)
        };
        let calibration = [measure(Level::Video)?, measure(Level::Treatment)?, measure(Level::Compound)?];
        rounds(13);
        let vectors = Arc::clone(&spaces.whole.vectors);
        let placed = Placed { subjects, origin, centres, vectors, asked, activity, notes: notes.clone() };
        Ok(Self { placed: Arc::new(placed), spaces, dim, head, calibration, notes })
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

    /// The vectors in the space of comparison, whitened by all, `[subject, dim]`, of length 1.
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

    /// Whether mechanisms are ranked by linear discriminants; `None` where none were fitted.
    pub const fn head(&self) -> Option<&HeadChoice> {
        self.head.as_ref()
    }

    /// True where vectors are whitened.
    pub const fn is_whitened(&self) -> bool {
        self.spaces.whole.whitening.is_some()
    }

    /// Degrees of freedom of the scatter that vectors are whitened by; `None` where they are not.
    pub fn freedom(&self) -> Option<usize> {
        self.spaces.whole.whitening.as_ref().map(|whitening| whitening.freedom)
    }

    /// The treatments that answer, ascending.
    pub fn answering(&self) -> &[usize] {
        &self.spaces.whole.gallery.treatments
    }

    /// What a reader should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// Whether each treatment differs from DMSO: what [`Library::new`] finds first, without the rest of it.
///
/// # Errors
/// As of [`Library::new`].
pub fn judged(
    subjects: &Subjects,
    raw: &[f32],
    dim: usize,
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Activity>, AnswersError> {
    Judged::new(subjects, raw, dim, options, progress).map(|judged| judged.activity)
}

/// An experiment's treatments as they are judged, and the vectors and spaces that this takes.
struct Judged {
    centres: Centres,
    centred: Arc<[f32]>,
    folds: Folds,
    whitenings: Whitenings,
    activity: Vec<Activity>,
    notes: Vec<String>,
}

impl Judged {
    /// The first three of the library's thirteen rounds.
    fn new(
        subjects: &Subjects,
        raw: &[f32],
        dim: usize,
        options: &Options,
        progress: &Progress,
    ) -> Result<Self, AnswersError> {
        check(subjects, raw, dim)?;
        let n = subjects.len() as u64;
        let rounds = |done: u64| progress.set(done * n, 13 * n);
        rounds(0);
        let mut notes = subjects.notes.clone();
        let centres = Centres::fit(subjects, raw, dim, &mut notes);
        let centred = centres.apply(subjects, raw, dim);
        let folds = Folds::deal(subjects, options.seed);
        let whitenings = Whitenings::fit(subjects, &centred, dim, &folds, options, progress)?;
        if options.whiten && whitenings.whole.is_none() {
            notes
                .push("Too few repetitions of treatments to whiten by: vectors are only centred.".to_owned());
        }
        rounds(2);
        let activity = judge(subjects, &centred, dim, &Spaces::Own(&whitenings), options, progress)?;
        Ok(Self { centres, centred, folds, whitenings, activity, notes })
    }
}

/// The spaces of all folds, and the one of all compounds.
fn place_all(
    subjects: &Subjects,
    centred: &Arc<[f32]>,
    dim: usize,
    whitenings: Whitenings,
    answering: &[usize],
    notes: &mut Vec<String>,
    progress: &Progress,
) -> Result<(Vec<Space>, Space), AnswersError> {
    let whole = whitenings.whole.map(Arc::new);
    let all = place(Arc::clone(centred), dim, whole.as_deref(), progress)?;
    let space = |vectors, whitening| Space::new(subjects, vectors, dim, whitening, answering);
    let mut by_fold = Vec::new();
    let mut shared = 0;
    if fits(subjects.len(), dim) {
        for own in whitenings.folds {
            by_fold.push(if let Some(own) = own.map(Arc::new) {
                let vectors = place(Arc::clone(centred), dim, Some(&*own), progress)?;
                space(vectors, Some(own))?
            } else {
                shared += 1;
                space(Arc::clone(&all), whole.clone())?
            });
        }
        if shared > 0 && whole.is_some() {
            notes.push(format!(
                "Too few repetitions are left to whiten {shared} of {FOLDS} folds of compounds by others alone: their \
                 own repetitions have a part in it."
            ));
        }
    } else {
        notes.push(
            "There are too many videos to compare each compound in a space that it did not shape: all are compared in \
             one, so that error rates may be a little too low."
                .to_owned(),
        );
    }
    Ok((by_fold, space(all, whole)?))
}

/// Fits discriminants in all spaces, where the library has what it takes.
fn fit_heads(subjects: &Subjects, spaces: &mut CrossFitted, dim: usize, notes: &mut Vec<String>) {
    if spaces.by_fold.is_empty() || !is_worth_a_try(subjects, &spaces.whole.gallery) {
        return;
    }
    if dim > MOST_FEATURES {
        notes.push(format!(
            "Linear discriminants were not tried: vectors are longer than {MOST_FEATURES} numbers."
        ));
        return;
    }
    let CrossFitted { folds, by_fold, whole } = spaces;
    let fit = |space: &Space, gone: Option<usize>| {
        let leave = |compound: usize| gone == Some(folds.of(compound));
        Head::fit(subjects, &space.vectors, dim, &space.gallery, leave)
    };
    let treatments = whole.gallery.treatments.iter();
    let wells: usize = treatments.map(|&treatment| subjects.treatments[treatment].wells.len()).sum();
    let (heads, of_all): (Option<Vec<Head>>, Option<Head>) = if wells.saturating_mul(dim) > MOST_AT_ONCE {
        let heads = by_fold.iter().enumerate().map(|(fold, space)| fit(space, Some(fold))).collect();
        (heads, fit(whole, None))
    } else {
        let heads = by_fold.par_iter().enumerate().map(|(fold, space)| fit(space, Some(fold)));
        rayon::join(|| heads.collect(), || fit(whole, None))
    };
    // In all spaces or in none: their scores are compared with each other.
    if let (Some(heads), Some(head)) = (heads, of_all) {
        for (space, head) in by_fold.iter_mut().zip(heads) {
            space.head = Some(head);
        }
        whole.head = Some(head);
    }
}

/// Centres an experiment and whitens it by a library's scatter. `homes`: for each own compound the library's that is the
/// same, if there is one.
pub(super) fn place_in(
    library: &Library,
    subjects: Arc<Subjects>,
    raw: &[f32],
    origin: Origin,
    homes: &[Option<usize>],
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
    let whitening = library.spaces.whole.whitening.as_deref();
    progress.set(n, 3 * n);
    let activity = judge(&subjects, &centred, dim, &Spaces::Foreign(whitening), options, progress)?;
    progress.set(2 * n, 3 * n);
    let vectors = place(Arc::clone(&centred), dim, whitening, progress)?;
    let mut asked = Arc::clone(&vectors);
    for (fold, space) in library.spaces.by_fold.iter().enumerate() {
        progress.check().map_err(|_| AnswersError::Cancelled)?;
        let is_of = |home: usize| library.spaces.folds.of(home) == fold;
        let home = |place: usize| homes[subjects.subjects[place].compound?];
        let members: Vec<usize> =
            (0..subjects.len()).filter(|&place| home(place).is_some_and(is_of)).collect();
        let mut own: Vec<f32> =
            members.iter().flat_map(|&place| &centred[place * dim..(place + 1) * dim]).copied().collect();
        if let Some(whitening) = &space.whitening {
            whitening.apply(&mut own);
        }
        own.par_chunks_exact_mut(dim).for_each(normalise);
        if !members.is_empty() {
            let asked = Arc::make_mut(&mut asked);
            for (&place, vector) in members.iter().zip(own.chunks_exact(dim)) {
                asked[place * dim..(place + 1) * dim].copy_from_slice(vector);
            }
        }
    }
    progress.set(3 * n, 3 * n);
    Ok(Placed { subjects, origin, centres, vectors, asked, activity, notes })
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

//! One score of each well: along the axis of the controls where there are both, else what can be said without.

use serde::Serialize;

use super::axis::{Along, Folds, HeldApart};
use super::normal::{Normal, normalise};
use super::numbers::{mean, median, quantile, varies};
use super::separation::{Rows, Separation};
use super::wells::{Role, Wells};
use super::{HitsError, Options};
use crate::analysis::svm::SvmError;
use crate::progress::Progress;

/// Distance between the means of a plate's controls, along the axis of other plates, from which on it is a scale.
const LEAST_SPAN: f64 = 0.1;

/// What a score is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Projection onto the axis from the negative (0) to the positive control wells (1), both of other parts.
    #[default]
    OnScore,
    /// A column, scaled so that its mean is 0 in the plate's negative and 1 in its positive control wells.
    ScaledReadout,
    /// Without positive controls: root of the mean square of a vector, in deviations of the plate's negative controls. Idle wells
    /// lie near 1, in whatever direction others go.
    Distance,
    /// Without positive controls: a column in deviations of the plate's negative controls.
    ReadoutInDeviations,
    /// Without negative controls: a column as it is.
    RawReadout,
}

impl Kind {
    /// True where 1 is a positive control.
    pub fn is_on_axis(self) -> bool {
        matches!(self, Self::OnScore | Self::ScaledReadout)
    }
}

/// Scores of all wells, and what they were made by.
#[derive(Debug, Clone, Default)]
pub(super) struct Scores {
    pub kind: Kind,
    /// By well; `None` where nothing can be said.
    pub on: Vec<Option<f64>>,
    /// Length of the rejection from the axis, by well.
    pub off: Vec<Option<f64>>,
    /// Part of it that nineteen of twenty negative control wells do not reach, in lengths of the axis.
    pub excess: Vec<f64>,
    /// Where each plate's negative controls lie before it is normalised, in units of score; `None` for plates without.
    pub levels: Vec<Option<f64>>,
    pub folds: Folds,
    pub separation: Separation,
    /// Wells that the controls say something of.
    pub known: Vec<bool>,
    pub notes: Vec<String>,
}

impl Scores {
    /// False where an axis of many numbers was drawn through the very controls that treatments are compared with: these lie nearer
    /// to it than any other well, so that every idle treatment would differ from them.
    pub fn can_be_tested(&self) -> bool {
        self.kind != Kind::OnScore || self.folds.kind != HeldApart::Nothing
    }
}

/// Share of negative control wells that an off-score may reach without a penalty.
const IDLE: f64 = 0.95;

/// Scores wells.
///
/// # Errors
/// Vectors without negative controls; numbers that do not vary; the user stopped it.
pub(super) fn score(screen: &Wells, options: &Options, progress: &Progress) -> Result<Scores, HitsError> {
    let negatives = screen.with_role(Role::Negative).count();
    let positives = screen.with_role(Role::Positive).count();
    if constant(screen) {
        return Err(HitsError::Constant { readout: screen.readout.clone() });
    }
    if negatives == 0 {
        return if screen.readout.is_some() {
            Ok(raw(screen, positives))
        } else {
            Err(HitsError::NoNegatives { positives })
        };
    }
    let normal = normalise(screen, &screen.values, screen.dim, options.robust);
    let missing = normal.known.iter().filter(|known| !**known).count();
    let mut found = if screen.readout.is_some() {
        readout(screen, &normal, options, progress)?
    } else if normal.dim == 0 {
        return Err(HitsError::ConstantControls { negatives });
    } else if positives == 0 {
        distance(&normal)
    } else {
        on_axis(screen, &normal, options.robust, progress)?
    };
    if positives == 0 {
        found.notes.insert(
            0,
            "There are no positive controls, so no axis: scores are distances from the negative controls, and say nothing of \
             the direction. Mark positive controls for on-scores, Z′ and AUC."
                .to_owned(),
        );
    }
    if missing > 0 {
        found.notes.push(format!(
            "{missing} wells lie on plates without negative controls, and have no score. Mark the controls of each plate."
        ));
    }
    Ok(found)
}

fn constant(screen: &Wells) -> bool {
    let mut vectors = screen.values.chunks_exact(screen.dim.max(1));
    let first = vectors.next();
    vectors.all(|vector| Some(vector) == first)
}

/// Columns whose controls cannot be used.
fn raw(screen: &Wells, positives: usize) -> Scores {
    let on = screen.values.iter().map(|value| Some(f64::from(*value))).collect();
    let which = if positives == 0 { "no controls" } else { "positive, but no negative controls" };
    Scores {
        kind: Kind::RawReadout,
        on,
        known: vec![true; screen.wells.len()],
        notes: vec![format!(
            "There are {which}: the column is read as it is, without hits, Z′ and q values. Mark the negative controls."
        )],
        ..plain(screen)
    }
}

/// Scores of which nothing is known.
fn plain(screen: &Wells) -> Scores {
    let wells = screen.wells.len();
    Scores {
        on: vec![None; wells],
        off: vec![None; wells],
        excess: vec![0.0; wells],
        levels: vec![None; screen.plates.len()],
        folds: Folds { of: vec![None; wells], ..Folds::default() },
        known: vec![false; wells],
        ..Scores::default()
    }
}

fn distance(normal: &Normal) -> Scores {
    let of = |vector: &[f32]| {
        (vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / normal.dim as f64).sqrt()
    };
    let wells = normal.known.len();
    let on = (0..wells).map(|well| normal.known[well].then(|| of(normal.left_out(well)))).collect();
    Scores {
        kind: Kind::Distance,
        on,
        off: vec![None; wells],
        excess: vec![0.0; wells],
        levels: vec![None; normal.shifts.len() / normal.dim],
        folds: Folds { of: vec![None; wells], ..Folds::default() },
        known: normal.known.clone(),
        ..Scores::default()
    }
}

/// Each part's wells along the axis of the other parts.
fn on_axis(screen: &Wells, normal: &Normal, robust: bool, progress: &Progress) -> Result<Scores, HitsError> {
    let Normal { dim, values, known, shifts, .. } = normal;
    let rows = Rows { screen, values, dim: *dim, known, robust };
    let folds = Folds::of(screen, known);
    let mut found = Scores { kind: Kind::OnScore, known: known.clone(), ..plain(screen) };
    let mut off_by_length = vec![0.0; screen.wells.len()];
    for (fold, wells) in folds.turns() {
        let Some(axis) = rows.axis(&folds, fold) else { continue };
        for well in wells.into_iter().filter(|&well| known[well]) {
            // Off the axis a control lies nearer to a centre that it is part of than a treatment does.
            let Along { off, off_by_length: by_length, .. } = axis.along(normal.left_out(well));
            found.on[well] = Some(axis.along(rows.row(well)).on);
            found.off[well] = Some(off);
            off_by_length[well] = by_length;
        }
        if fold.is_none() {
            for (plate, shift) in shifts.chunks_exact(*dim).enumerate() {
                found.levels[plate] = Some(axis.shift(shift));
            }
        }
    }
    if matches!(folds.kind, HeldApart::Plates) {
        to_own_ends(screen, &mut found);
    }
    let mut idle: Vec<f64> = screen
        .with_role(Role::Negative)
        .filter(|&well| found.off[well].is_some())
        .map(|well| off_by_length[well])
        .collect();
    idle.sort_unstable_by(f64::total_cmp);
    let most = quantile(&idle, IDLE);
    found.excess = off_by_length.iter().map(|off| (off - most).max(0.0)).collect();
    separate(&rows, folds, &mut found, progress)?;
    if !found.can_be_tested() {
        found.notes.push(
            "Treatments have neither g, p, q nor hit scores: they would be compared with control wells that the axis was drawn \
             through. Mark at least two wells of each class."
                .to_owned(),
        );
    }
    with_levels(screen, &mut found);
    Ok(found)
}

/// Puts each plate's own controls at 0 and 1 where it has two of each: axes of other plates are longer or shorter, and doses on
/// several plates would be on several scales. Quality counts the two means of a plate as taken from it.
fn to_own_ends(screen: &Wells, found: &mut Scores) {
    for plate in 0..screen.plates.len() {
        let mean = |role: Role| {
            let own = screen.with_role(role).filter(|&well| screen.wells[well].plate == plate);
            let scores: Vec<f64> = own.filter_map(|well| found.on[well]).collect();
            (scores.len() > 1).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
        };
        let (Some(low), Some(high)) = (mean(Role::Negative), mean(Role::Positive)) else { continue };
        // Ends that lie together are no scale.
        if high - low < LEAST_SPAN {
            continue;
        }
        for (well, on) in found.on.iter_mut().enumerate() {
            if screen.wells[well].plate == plate {
                *on = on.map(|on| (on - low) / (high - low));
            }
        }
    }
}

/// How well controls that are held apart are told apart, and what was held apart.
fn separate(rows: &Rows, folds: Folds, found: &mut Scores, progress: &Progress) -> Result<(), HitsError> {
    found.notes.extend(held(&folds));
    match rows.separate(&folds, progress) {
        Ok(separation) => found.separation = separation,
        Err(SvmError::Stopped(stopped)) => return Err(stopped.into()),
        Err(error) => found.notes.push(format!("Nothing is said of AUC and accuracy: {error}.")),
    }
    found.folds = folds;
    Ok(())
}

fn held(folds: &Folds) -> Option<String> {
    match folds.kind {
        HeldApart::Plates => None,
        HeldApart::Replicates => Some(
            "One plate has both classes of controls: its replicates are held apart, each scored by the axis of the others. \
             The plate's own effects are in all of them."
                .to_owned(),
        ),
        HeldApart::Wells => Some(
            "One plate and one replicate have both classes of controls: single control wells are held apart, and what the plate \
             does to all of them counts as separation."
                .to_owned(),
        ),
        HeldApart::Nothing => Some(
            "A class of controls has fewer than two wells: nothing can be held apart, so there is no AUC, and the controls' scores \
             are those of their own axis."
                .to_owned(),
        ),
    }
}

/// No level for plates that have no negative controls.
fn with_levels(screen: &Wells, found: &mut Scores) {
    let mut has = vec![false; screen.plates.len()];
    for well in screen.with_role(Role::Negative) {
        has[screen.wells[well].plate] = true;
    }
    for (level, has) in found.levels.iter_mut().zip(has) {
        *level = level.filter(|_| has);
    }
}

/// A column by the means of its plate's controls.
fn readout(
    screen: &Wells,
    normal: &Normal,
    options: &Options,
    progress: &Progress,
) -> Result<Scores, HitsError> {
    let column = |well: usize| f64::from(screen.values[well]);
    let of = |plate: Option<usize>, role: Role| -> Vec<f64> {
        let wells = screen
            .with_role(role)
            .filter(|&well| plate.is_none_or(|plate| screen.wells[well].plate == plate));
        wells.map(column).collect()
    };
    let mut found = Scores { known: normal.known.clone(), ..plain(screen) };
    let centre = |values: &[f64]| if options.robust { median(values) } else { mean(values) };
    let centres: Vec<f64> =
        (0..screen.plates.len()).map(|plate| centre(&of(Some(plate), Role::Negative))).collect();
    if of(None, Role::Positive).is_empty() {
        if normal.dim == 0 {
            return Err(HitsError::ConstantControls { negatives: of(None, Role::Negative).len() });
        }
        found.kind = Kind::ReadoutInDeviations;
        let scores =
            (0..screen.wells.len()).map(|well| normal.left_out(well).first().copied().map(f64::from));
        found.on = scores.zip(&normal.known).map(|(score, known)| score.filter(|_| *known)).collect();
        return Ok(found);
    }
    let own: Vec<f64> = (0..screen.plates.len())
        .map(|plate| centre(&of(Some(plate), Role::Positive)) - centres[plate])
        .collect();
    let known: Vec<f64> = own.iter().copied().filter(|apart| apart.is_finite()).collect();
    let shared = mean(&known);
    let largest = screen.values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    if !varies(shared.abs(), largest) {
        return Err(HitsError::SameControls { readout: screen.readout.clone().unwrap_or_default() });
    }
    found.kind = Kind::ScaledReadout;
    for (well, on) in found.on.iter_mut().enumerate().filter(|(well, _)| normal.known[*well]) {
        let plate = screen.wells[well].plate;
        // A plate whose controls do not differ as the others' do cannot scale its wells.
        let apart = own[plate];
        let sound = apart.is_finite() && apart * shared > 0.0 && varies(apart.abs(), largest);
        *on = Some((column(well) - centres[plate]) / if sound { apart } else { shared });
    }
    let lacking = own.iter().zip(&centres).filter(|(apart, centre)| centre.is_finite() && !apart.is_finite());
    let lacking = lacking.count();
    if lacking > 0 {
        found.notes.push(format!(
            "{lacking} plates have no positive controls: their wells are scaled by the mean difference of the others."
        ));
    }
    let middle = mean(&centres.iter().copied().filter(|centre| centre.is_finite()).collect::<Vec<_>>());
    found.levels = centres.iter().map(|centre| Some((centre - middle) / shared)).collect();
    with_levels(screen, &mut found);
    // Which way positive wells lie is not told by the plate itself here.
    let centred = |well: usize| {
        let apart = (column(well) - centres[screen.wells[well].plate]) / shared;
        if apart.is_finite() { apart as f32 } else { 0.0 }
    };
    let values: Vec<f32> = (0..screen.wells.len()).map(centred).collect();
    let folds = Folds::of(screen, &normal.known);
    let rows = Rows { screen, values: &values, dim: 1, known: &normal.known, robust: options.robust };
    separate(&rows, folds, &mut found, progress)?;
    Ok(found)
}

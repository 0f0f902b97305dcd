//! How well a linear support vector machine tells positive from negative control wells that it did not see.

use rayon::prelude::*;
use serde::Serialize;

use super::axis::{Axis, Folds, HeldApart};
use super::normal::normalise;
use super::quality::{Class, Quality, pairs_in_order};
use super::wells::{Role, Wells};
use super::{HitsError, Options};
use crate::analysis::svm::{self, SvmError};
use crate::experiment::PlateFormat;
use crate::progress::Progress;

/// C where too few wells train to choose one: scikit-learn's default.
const UNCHOSEN: f64 = 1.0;

/// What is said of wells that were held apart; `None` where nothing could be.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Separation {
    /// Area under the receiver operating characteristic, over pairs of wells that were held apart together; where single wells
    /// are held apart, over all pairs.
    pub auc: Option<f64>,
    /// Part of wells on the right side of the boundary.
    pub accuracy: Option<f64>,
    /// The same as the mean of both classes.
    pub balanced_accuracy: Option<f64>,
    /// C of each part's boundary, chosen among the wells that it was trained by.
    pub c: Vec<f64>,
}

/// A simpler number beside the vectors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// What it looks at.
    pub name: String,
    /// As that of the vectors, by the same parts.
    #[serde(flatten)]
    pub separation: Separation,
    /// Of its own axis, held apart in the same way.
    #[serde(flatten)]
    pub quality: Quality,
}

/// C, and the decisions of wells.
type Judged = (f64, Vec<(usize, f64)>);

/// Wells' vectors that a boundary is drawn through.
pub(super) struct Rows<'a> {
    pub screen: &'a Wells,
    /// `[well, dim]`.
    pub values: &'a [f32],
    pub dim: usize,
    /// Wells that count.
    pub known: &'a [bool],
    /// The axis leads through medians.
    pub robust: bool,
}

impl Rows<'_> {
    pub fn row(&self, well: usize) -> &[f32] {
        &self.values[well * self.dim..(well + 1) * self.dim]
    }

    /// Control wells that train while a part is left out.
    pub fn training(&self, folds: &Folds, left_out: Option<usize>) -> Vec<usize> {
        let wells = 0..self.screen.wells.len();
        wells.filter(|&well| self.is_control(well) && folds.trains(well, left_out)).collect()
    }

    fn is_control(&self, well: usize) -> bool {
        self.known[well] && self.screen.wells[well].role != Role::Treated
    }

    fn is_positive(&self, well: usize) -> bool {
        self.screen.wells[well].role == Role::Positive
    }

    /// The axis through the wells that train while a part is left out.
    pub fn axis(&self, folds: &Folds, left_out: Option<usize>) -> Option<Axis> {
        let training = self.training(folds, left_out);
        let of = |positive: bool| -> Vec<&[f32]> {
            let wells = training.iter().filter(|&&well| self.is_positive(well) == positive);
            wells.map(|&well| self.row(well)).collect()
        };
        Axis::between(&of(false), &of(true), self.robust)
    }

    /// Judges each part by the others.
    ///
    /// # Errors
    /// There are too many numbers, or the user stopped it.
    pub fn separate(&self, folds: &Folds, progress: &Progress) -> Result<Separation, SvmError> {
        if self.dim == 0 {
            return Ok(Separation::default());
        }
        let judged = (0..folds.count).into_par_iter().map(|fold| match self.judge(folds, fold, progress) {
            Ok(judged) => Ok(Some(judged)),
            Err(error @ (SvmError::Stopped(_) | SvmError::TooLarge { .. })) => Err(error),
            // Its controls tell nothing.
            Err(_) => Ok(None),
        });
        let judged: Vec<Option<Judged>> = judged.collect::<Result<_, _>>()?;
        let judged: Vec<Judged> = judged.into_iter().flatten().collect();
        let (mut sum, mut pairs) = (0.0, 0.0);
        let mut right = [[0_usize; 2]; 2];
        let all: Vec<(usize, f64)> = judged.iter().flat_map(|(_, wells)| wells).copied().collect();
        let mut count = |wells: &[(usize, f64)]| {
            let of = |positive: bool| -> Vec<f64> {
                let wells = wells.iter().filter(|(well, _)| self.is_positive(*well) == positive);
                wells.map(|(_, decision)| *decision).collect()
            };
            let (in_order, of) = pairs_in_order(&of(false), &of(true));
            sum += in_order;
            pairs += of;
        };
        if folds.kind == HeldApart::Wells {
            count(&all);
        } else {
            for (_, wells) in &judged {
                count(wells);
            }
        }
        for (well, decision) in &all {
            let positive = self.is_positive(*well);
            right[usize::from(positive)][usize::from((*decision > 0.0) == positive)] += 1;
        }
        let part =
            |[wrong, right]: [usize; 2]| (wrong + right > 0).then(|| right as f64 / (wrong + right) as f64);
        let [negative, positive] = right;
        Ok(Separation {
            auc: (pairs > 0.0).then(|| sum / pairs),
            accuracy: part([negative[0] + positive[0], negative[1] + positive[1]]),
            balanced_accuracy: part(negative).zip(part(positive)).map(|(a, b)| f64::midpoint(a, b)),
            c: judged.into_iter().map(|(c, _)| c).collect(),
        })
    }

    /// A part's control wells by a boundary through the others'.
    fn judge(&self, folds: &Folds, fold: usize, progress: &Progress) -> Result<Judged, SvmError> {
        let training = self.training(folds, Some(fold));
        let rows: Vec<f32> = training.iter().flat_map(|&well| self.row(well)).copied().collect();
        let positive: Vec<bool> = training.iter().map(|&well| self.is_positive(well)).collect();
        let parts: Vec<usize> = training.iter().map(|&well| folds.of[well].unwrap_or(folds.count)).collect();
        let is_one = parts.iter().all(|part| *part == parts[0]);
        let groups = if is_one { (0..training.len()).collect() } else { parts };
        let c = match svm::choose_c(&rows, self.dim, &positive, &groups, progress) {
            Err(SvmError::Groups) => UNCHOSEN,
            chosen => chosen?,
        };
        let boundary = svm::fit(&rows, self.dim, &positive, c, progress)?;
        let held = (0..self.screen.wells.len())
            .filter(|&well| folds.of[well] == Some(fold) && self.is_control(well))
            .map(|well| (well, boundary.decision(self.row(well))))
            .collect();
        Ok((c, held))
    }
}

/// Position alone, number of cells, mean intensity: those that can be made.
///
/// # Errors
/// The user stopped it.
pub(super) fn baselines(
    screen: &Wells,
    folds: &Folds,
    known: &[bool],
    options: &Options,
    progress: &Progress,
) -> Result<Vec<Baseline>, HitsError> {
    let (robust, seed) = (options.robust, options.seed);
    let mut found = Vec::new();
    // `is_centred`: negative controls lie around 0 on each plate.
    let mut add = |name: &str, values: &[f32], dim: usize, is_centred: bool| -> Result<(), HitsError> {
        let rows = Rows { screen, values, dim, known, robust };
        let mut scores = [Vec::new(), Vec::new()];
        for (fold, wells) in folds.turns() {
            let Some(axis) = rows.axis(folds, fold) else { continue };
            for well in wells.into_iter().filter(|&well| rows.is_control(well)) {
                scores[usize::from(rows.is_positive(well))].push((well, axis.along(rows.row(well)).on));
            }
        }
        let [negative, positive] = scores.map(|scores| screen.by_plate(scores.into_iter()));
        let class = |plates, is_centred| Class { plates, is_centred };
        let separation = match rows.separate(folds, progress) {
            Err(SvmError::Stopped(stopped)) => return Err(stopped.into()),
            separation => separation.unwrap_or_default(),
        };
        found.push(Baseline {
            name: name.to_owned(),
            separation,
            quality: Quality::of(class(&negative, is_centred), class(&positive, false), seed, name),
        });
        Ok(())
    };
    if let Some(values) = places(screen, known) {
        add("position", &values, PLACE, false)?;
        let column: Vec<f32> = values.iter().skip(1).step_by(PLACE).copied().collect();
        add("column", &column, 1, false)?;
    }
    let controls = |well: usize| known[well] && screen.wells[well].role != Role::Treated;
    let counted = (0..screen.wells.len()).filter(|&well| controls(well));
    if counted.clone().count() > 0 && counted.into_iter().all(|well| screen.wells[well].cells.is_some()) {
        let cells: Vec<f32> = screen.wells.iter().map(|well| well.cells.unwrap_or(0.0) as f32).collect();
        let normal = normalise(screen, &cells, 1, robust);
        if normal.dim > 0 {
            add("cell count", &normal.values, normal.dim, true)?;
        }
    }
    if !screen.intensities.is_empty() && screen.intensities.len() < screen.dim {
        let values: Vec<f32> = (0..screen.wells.len())
            .flat_map(|well| screen.intensities.iter().map(move |&place| screen.vector(well)[place]))
            .collect();
        let normal = normalise(screen, &values, screen.intensities.len(), robust);
        if normal.dim > 0 {
            add("mean intensity", &normal.values, normal.dim, true)?;
        }
    }
    Ok(found)
}

/// Numbers of a place: row and column, −1 to 1, their squares, and whether it is at the edge.
const PLACE: usize = 5;

/// Places of wells, `[well, PLACE]`; `None` where a control well's is unknown.
fn places(screen: &Wells, known: &[bool]) -> Option<Vec<f32>> {
    let (rows, columns) = PlateFormat::guess(screen.wells.iter().filter_map(|well| well.place))?.size();
    let across = |at: u8, of: u8| 2.0 * f32::from(at) / f32::from(of.max(2) - 1) - 1.0;
    let mut values = Vec::with_capacity(screen.wells.len() * PLACE);
    for (well, known) in screen.wells.iter().zip(known) {
        let Some(place) = well.place else {
            if *known && well.role != Role::Treated {
                return None;
            }
            values.extend([0.0; PLACE]);
            continue;
        };
        let (row, column) = (across(place.row, rows), across(place.column, columns));
        let edge = f32::from(u8::from(row.abs() >= 1.0 || column.abs() >= 1.0));
        values.extend([row, column, row * row, column * column, edge]);
    }
    Some(values)
}

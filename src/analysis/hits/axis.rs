//! The axis from the negative to the positive control wells, and how far wells lie along it and off it.

use super::numbers::{mean, median};
use super::wells::{Role, Wells};

/// Most parts that are held apart in turn.
const MOST_FOLDS: usize = 10;

/// What was held apart, so that a well is never scored by an axis, or judged by a boundary, that its own unit was part of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeldApart {
    /// Plates.
    Plates,
    /// Replicates, as there is one plate with both classes.
    Replicates,
    /// Single control wells, as there is one plate and one replicate. Treatments are scored by all of them.
    Wells,
    /// Nothing: a class has too few wells.
    #[default]
    Nothing,
}

/// Parts that are left out in turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Folds {
    /// What they are made of.
    pub kind: HeldApart,
    /// By well: the part that it is of; `None` for wells that are in none.
    pub of: Vec<Option<usize>>,
    /// Parts.
    pub count: usize,
}

impl Folds {
    /// Of the control wells that are `known`: plates where two have both classes, else replicates, else wells.
    pub fn of(screen: &Wells, known: &[bool]) -> Self {
        let controls: Vec<usize> = (0..screen.wells.len())
            .filter(|&well| known[well] && screen.wells[well].role != Role::Treated)
            .collect();
        let plate = |well: usize| screen.wells[well].plate;
        // Wells that name no replicate are a unit of their own: they would else train the axis that they are scored by.
        let replicate = |well: usize| screen.wells[well].replicate;
        Self::by_unit(screen, &controls, plate, HeldApart::Plates)
            .or_else(|| Self::by_unit(screen, &controls, replicate, HeldApart::Replicates))
            .or_else(|| Self::by_well(screen, &controls))
            .unwrap_or_else(|| Self { of: vec![None; screen.wells.len()], ..Self::default() })
    }

    /// `None` where fewer than two units have both classes.
    fn by_unit(
        screen: &Wells,
        controls: &[usize],
        unit: impl Fn(usize) -> usize,
        kind: HeldApart,
    ) -> Option<Self> {
        let units = (0..screen.wells.len()).map(&unit).max()? + 1;
        let mut classes = vec![[false; 2]; units];
        for &well in controls {
            classes[unit(well)][usize::from(screen.wells[well].role == Role::Positive)] = true;
        }
        let both = |unit: usize| classes[unit] == [true; 2];
        let first: Vec<usize> = (0..units).filter(|&unit| both(unit)).collect();
        if first.len() < 2 {
            return None;
        }
        let count = first.len().min(MOST_FOLDS);
        let mut fold_of = vec![0; units];
        let order = first.iter().copied().chain((0..units).filter(|&unit| !both(unit)));
        for (place, unit) in order.enumerate() {
            fold_of[unit] = place % count;
        }
        let of = (0..screen.wells.len()).map(|well| Some(fold_of[unit(well)])).collect();
        Some(Self { kind, of, count })
    }

    /// `None` where a class has fewer than two wells.
    fn by_well(screen: &Wells, controls: &[usize]) -> Option<Self> {
        let mut of = vec![None; screen.wells.len()];
        let classes = [Role::Negative, Role::Positive].map(|role| {
            controls.iter().copied().filter(|&well| screen.wells[well].role == role).collect::<Vec<_>>()
        });
        let count = classes.iter().map(Vec::len).max().unwrap_or(0).min(MOST_FOLDS);
        if classes.iter().any(|wells| wells.len() < 2) {
            return None;
        }
        for wells in classes {
            for (place, well) in wells.into_iter().enumerate() {
                of[well] = Some(place % count);
            }
        }
        Some(Self { kind: HeldApart::Wells, of, count })
    }

    /// For each part, and last for wells of none: what is trained by, and the wells that are scored.
    pub fn turns(&self) -> impl Iterator<Item = (Option<usize>, Vec<usize>)> + '_ {
        let part = |fold: Option<usize>| {
            let scored = (0..self.of.len()).filter(|&well| self.of[well] == fold).collect();
            (fold, scored)
        };
        (0..self.count).map(Some).chain([None]).map(part)
    }

    /// True where a control well trains while a part is left out.
    pub fn trains(&self, well: usize, left_out: Option<usize>) -> bool {
        left_out.is_none() || self.of[well] != left_out
    }
}

/// From the mean of the negative to the mean of the positive control wells.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    origin: Vec<f64>,
    direction: Vec<f64>,
    squares: f64,
}

/// How far a well lies along and off the axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Along {
    /// 0 at the negative, 1 at the positive controls.
    pub on: f64,
    /// Length of what is left, in deviations of the negative controls.
    pub off: f64,
    /// The same in lengths of the axis.
    pub off_by_length: f64,
}

impl Axis {
    /// Through medians of each number where that is wanted; `None` where a class has no well, or both have the same centre.
    pub fn between(negative: &[&[f32]], positive: &[&[f32]], robust: bool) -> Option<Self> {
        let centre = |wells: &[&[f32]]| -> Option<Vec<f64>> {
            let of =
                |feature: usize| -> Vec<f64> { wells.iter().map(|well| f64::from(well[feature])).collect() };
            let middle = |values: Vec<f64>| if robust { median(&values) } else { mean(&values) };
            Some((0..wells.first()?.len()).map(|feature| middle(of(feature))).collect())
        };
        let (origin, to) = (centre(negative)?, centre(positive)?);
        let direction: Vec<f64> = to.iter().zip(&origin).map(|(to, from)| to - from).collect();
        let squares: f64 = direction.iter().map(|x| x * x).sum();
        (squares > 0.0).then_some(Self { origin, direction, squares })
    }

    /// Where a vector lies.
    pub fn along(&self, vector: &[f32]) -> Along {
        let from = |(value, origin): (&f32, &f64)| f64::from(*value) - origin;
        let products = vector.iter().zip(&self.origin).map(from).zip(&self.direction);
        let on = products.map(|(x, direction)| x * direction).sum::<f64>() / self.squares;
        let rest = vector.iter().zip(&self.origin).map(from).zip(&self.direction);
        let off = rest.map(|(x, direction)| (x - on * direction).powi(2)).sum::<f64>().sqrt();
        Along { on, off, off_by_length: off / self.squares.sqrt() }
    }

    /// A shift of the origin, in lengths of the axis.
    pub fn shift(&self, shift: &[f32]) -> f64 {
        let products = shift.iter().zip(&self.direction);
        products.map(|(x, direction)| f64::from(*x) * direction).sum::<f64>() / self.squares
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Spec, screen};
    use super::*;

    #[test]
    fn projection_and_rejection_are_those_of_a_triangle() {
        let axis = Axis::between(&[&[0.0, 1.0], &[0.0, -1.0]], &[&[4.0, 0.0]], false).unwrap();
        let Along { on, off, off_by_length } = axis.along(&[1.0, 3.0]);
        assert_eq!((on, off, off_by_length), (0.25, 3.0, 0.75));
        assert_eq!((axis.along(&[4.0, 0.0]).on, axis.along(&[-4.0, 0.0]).on), (1.0, -1.0));
        assert_eq!(axis.shift(&[2.0, 9.0]), 0.5);
        let robust = Axis::between(&[&[0.0], &[1.0], &[900.0]], &[&[5.0]], true).unwrap();
        assert_eq!(robust.along(&[3.0]).on, 0.5, "a lone well moves no median");
        assert!(
            Axis::between(&[&[1.0]], &[&[1.0]], false).is_none()
                && Axis::between(&[], &[&[1.0]], false).is_none()
        );
    }

    #[test]
    fn plates_are_held_apart_then_replicates_then_wells() {
        let both = |plate: usize, replicate: usize| {
            [Role::Negative, Role::Positive, Role::Treated].map(|role| Spec {
                plate,
                replicate,
                role,
                ..Spec::default()
            })
        };
        let folds = |specs: &[Spec]| {
            let wells = screen(specs, 1, &vec![0.0; specs.len()]);
            Folds::of(&wells, &vec![true; specs.len()])
        };
        let plates = folds(&[both(0, 0), both(1, 1)].concat());
        assert_eq!((plates.kind, plates.count), (HeldApart::Plates, 2));
        assert_eq!(plates.of, [0, 0, 0, 1, 1, 1].map(Some));
        assert!(!plates.trains(0, Some(0)) && plates.trains(3, Some(0)) && plates.trains(0, None));
        let replicates = folds(&[both(0, 0), both(0, 1)].concat());
        assert_eq!((replicates.kind, replicates.of[5]), (HeldApart::Replicates, Some(1)));
        // A replicate without a name is one as well.
        let specs = [both(0, 0), both(0, 1), both(0, 2)].concat();
        let mut unnamed = screen(&specs, 1, &[0.0; 9]);
        unnamed.replicates[0].clear();
        let unnamed = Folds::of(&unnamed, &[true; 9]);
        assert_eq!((unnamed.kind, unnamed.of[0], unnamed.of[8]), (HeldApart::Replicates, Some(0), Some(2)));
        let wells = folds(&[both(0, 0), both(0, 0)].concat());
        assert_eq!(
            (wells.kind, wells.of),
            (HeldApart::Wells, vec![Some(0), Some(0), None, Some(1), Some(1), None])
        );
        let few = folds(&both(0, 0));
        assert_eq!((few.kind, few.count, few.turns().count()), (HeldApart::Nothing, 0, 1));
    }
}

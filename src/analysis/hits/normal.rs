//! Vectors in deviations of the negative control wells of their own plate.

use rayon::prelude::*;

use super::numbers::{deviation, mean, median, robust_deviation, varies};
use super::wells::{Role, Wells};

/// Control wells of a plate from which on their own deviation counts; with fewer it is that of all plates, each around its own
/// centre.
const LEAST_OWN: usize = 6;

/// Control wells of a plate up to which each is also seen without its own part in centre and deviation: of more, it has hardly any.
const MOST_LEFT_OUT: usize = 64;

/// Numbers that are normalised before they are written side by side: few enough that all wells' copies of them are small.
const AT_ONCE: usize = 256;

/// Largest deviation that is told: single precision squares it.
const MOST: f64 = 1e6;

/// Wells in deviations of their plate's negative controls.
#[derive(Debug, Clone, Default)]
pub(super) struct Normal {
    /// Numbers of a vector that vary among controls.
    pub dim: usize,
    /// `[well, dim]`; zeros for wells of plates without negative controls.
    pub values: Vec<f32>,
    /// Place of each negative control well in `left_out`.
    place: Vec<Option<usize>>,
    /// Negative controls as if they were none, seen from the others of their plate, `[control, dim]`.
    left_out: Vec<f32>,
    /// True for wells of plates with negative controls.
    pub known: Vec<bool>,
    /// Centre of each plate's negative controls less the mean of these centres, in deviations, `[plate, dim]`.
    pub shifts: Vec<f32>,
}

impl Normal {
    /// A well's vector, of a negative control as if it were none: seen from the others of its plate.
    pub fn left_out(&self, well: usize) -> &[f32] {
        let (values, place) = match self.place[well] {
            Some(place) => (&self.left_out, place),
            None => (&self.values, well),
        };
        &values[place * self.dim..(place + 1) * self.dim]
    }
}

/// How centre and deviation are told.
#[derive(Debug, Clone, Copy)]
struct Method {
    robust: bool,
}

impl Method {
    fn centre(self, values: &[f64]) -> f64 {
        if self.robust { median(values) } else { mean(values) }
    }

    fn deviation(self, values: &[f64]) -> Option<f64> {
        if self.robust { robust_deviation(values) } else { deviation(values) }
    }

    /// Of values around the centres of their plates, which take `plates` of the degrees of freedom.
    fn pooled(self, around: &[f64], plates: usize) -> Option<f64> {
        if self.robust {
            return robust_deviation(around);
        }
        let squares: f64 = around.iter().map(|x| x * x).sum();
        let freedom = around.len().checked_sub(plates).filter(|freedom| *freedom > 0)?;
        Some((squares / freedom as f64).sqrt())
    }
}

/// One number of all wells.
struct Feature {
    values: Vec<f32>,
    /// By place among the negative controls.
    left_out: Vec<f32>,
    /// By plate.
    shifts: Vec<f32>,
}

/// Normalises vectors `[well, dim]` of a screen's wells. Numbers that vary neither among the controls of a plate nor of all are
/// left out.
pub(super) fn normalise(screen: &Wells, values: &[f32], dim: usize, robust: bool) -> Normal {
    let mut controls: Vec<Vec<usize>> = vec![Vec::new(); screen.plates.len()];
    let (mut place, mut count) = (vec![None; screen.wells.len()], 0);
    for well in screen.with_role(Role::Negative) {
        controls[screen.wells[well].plate].push(well);
        place[well] = Some(count);
        count += 1;
    }
    let plate_of: Vec<usize> = screen.wells.iter().map(|well| well.plate).collect();
    let method = Method { robust };
    let table = |rows: usize| vec![0.0_f32; rows * dim];
    let (mut all, mut left_out, mut shifts) =
        (table(screen.wells.len()), table(count), table(controls.len()));
    let mut kept = 0;
    for first in (0..dim).step_by(AT_ONCE) {
        let features: Vec<Feature> = (first..dim.min(first + AT_ONCE))
            .into_par_iter()
            .filter_map(|feature| {
                let column: Vec<f64> =
                    values.iter().skip(feature).step_by(dim).map(|value| f64::from(*value)).collect();
                normalised(&column, &controls, &plate_of, &place, method)
            })
            .collect();
        write(&mut all, dim, kept, &features, |feature| &feature.values);
        write(&mut left_out, dim, kept, &features, |feature| &feature.left_out);
        write(&mut shifts, dim, kept, &features, |feature| &feature.shifts);
        kept += features.len();
    }
    for table in [&mut all, &mut left_out, &mut shifts] {
        narrow(table, dim, kept);
    }
    let known = plate_of.iter().map(|&plate| !controls[plate].is_empty()).collect();
    Normal { dim: kept, values: all, place, left_out, known, shifts }
}

/// Writes features side by side into rows of length `dim`, from column `at` on.
fn write(rows: &mut [f32], dim: usize, at: usize, features: &[Feature], of: fn(&Feature) -> &Vec<f32>) {
    for (row, numbers) in rows.chunks_exact_mut(dim).enumerate() {
        for (number, feature) in numbers[at..].iter_mut().zip(features) {
            *number = of(feature)[row];
        }
    }
}

/// Leaves the first `to` numbers of each row of `from`.
fn narrow(rows: &mut Vec<f32>, from: usize, to: usize) {
    if to < from {
        let count = rows.len() / from;
        for row in 0..count {
            rows.copy_within(row * from..row * from + to, row * to);
        }
        rows.truncate(count * to);
        rows.shrink_to_fit();
    }
}

fn normalised(
    column: &[f64],
    controls: &[Vec<usize>],
    plate_of: &[usize],
    place: &[Option<usize>],
    method: Method,
) -> Option<Feature> {
    let of = |wells: &[usize]| -> Vec<f64> { wells.iter().map(|&well| column[well]).collect() };
    let largest = column.iter().map(|x| x.abs()).fold(0.0, f64::max);
    let with: Vec<usize> = (0..controls.len()).filter(|&plate| !controls[plate].is_empty()).collect();
    let centres: Vec<f64> = controls.iter().map(|wells| method.centre(&of(wells))).collect();
    let around: Vec<f64> = with
        .iter()
        .flat_map(|&plate| controls[plate].iter().map(move |&well| (plate, well)))
        .map(|(plate, well)| column[well] - centres[plate])
        .collect();
    let pooled = method.pooled(&around, with.len()).filter(|scale| varies(*scale, largest))?;
    let scale = |values: &[f64]| {
        let own = (values.len() >= LEAST_OWN).then(|| method.deviation(values)).flatten();
        own.filter(|scale| varies(*scale, largest)).unwrap_or(pooled)
    };
    let scales: Vec<f64> = controls.iter().map(|wells| scale(&of(wells))).collect();
    let told = |value: f64, centre: f64, scale: f64| ((value - centre) / scale).clamp(-MOST, MOST) as f32;
    let values: Vec<f32> = column
        .iter()
        .zip(plate_of)
        .map(
            |(value, &plate)| {
                if controls[plate].is_empty() { 0.0 } else { told(*value, centres[plate], scales[plate]) }
            },
        )
        .collect();
    let mut left_out: Vec<f32> =
        values.iter().zip(place).filter_map(|(value, place)| place.map(|_| *value)).collect();
    for wells in controls.iter().filter(|wells| (2..=MOST_LEFT_OUT).contains(&wells.len())) {
        for &well in wells {
            let Some(place) = place[well] else { continue };
            let others: Vec<f64> =
                wells.iter().filter(|other| **other != well).map(|&other| column[other]).collect();
            left_out[place] = told(column[well], method.centre(&others), scale(&others));
        }
    }
    let middle = mean(&with.iter().map(|&plate| centres[plate]).collect::<Vec<_>>());
    let shifts = (0..controls.len())
        .map(|plate| if controls[plate].is_empty() { 0.0 } else { told(centres[plate], middle, pooled) })
        .collect();
    Some(Feature { values, left_out, shifts })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Spec, screen};
    use super::*;

    /// Two plates of three and seven control wells, the second 100 higher and twice as wide.
    fn two_plates() -> (Wells, Vec<f32>) {
        let mut specs: Vec<Spec> = Vec::new();
        let mut values = Vec::new();
        for (plate, value) in [(0, 1.0), (0, 2.0), (0, 3.0)]
            .into_iter()
            .chain([96.0, 98.0, 98.0, 100.0, 102.0, 102.0, 104.0].map(|value| (1, value)))
        {
            specs.push(Spec { plate, role: Role::Negative, ..Spec::default() });
            values.extend([value, 7.0, value]);
        }
        for (plate, value) in [(0, 5.0), (1, 110.0), (2, 9.0)] {
            specs.push(Spec { plate, ..Spec::default() });
            values.extend([value, value, 0.0]);
        }
        (screen(&specs, 3, &values), values)
    }

    #[test]
    fn a_plate_is_seen_from_its_own_controls() {
        let (wells, values) = two_plates();
        let found = normalise(&wells, &values, 3, false);
        assert_eq!((found.dim, found.known[10], found.known[12]), (2, true, false));
        // Squares 2 and 48; of three wells the deviation is that of both plates.
        let pooled = (50.0_f64 / 8.0).sqrt();
        assert!((f64::from(found.values[20]) - 3.0 / pooled).abs() < 1e-6);
        assert!((f64::from(found.values[22]) - 10.0 / 8.0_f64.sqrt()).abs() < 1e-6);
        assert_eq!(found.values[24], 0.0, "a plate without controls");
        // Seen from the two others of its plate.
        assert!((f64::from(found.left_out(0)[0]) - (1.0 - 2.5) / pooled).abs() < 1e-6);
        assert_eq!(found.left_out(10), &found.values[20..22], "no control");
        assert!((f64::from(found.shifts[0]) + 49.0 / pooled).abs() < 1e-5);
    }

    /// More numbers than are normalised at once, of which every third says nothing.
    #[test]
    fn numbers_are_told_alike_wherever_they_stand() {
        let (wells, values) = two_plates();
        let narrow = normalise(&wells, &values, 3, false);
        let wide: Vec<f32> = values.chunks_exact(3).flat_map(|vector| vector.repeat(AT_ONCE)).collect();
        let found = normalise(&wells, &wide, 3 * AT_ONCE, false);
        assert_eq!(found.dim, 2 * AT_ONCE);
        for well in 0..wells.wells.len() {
            let twice = |vector: &[f32]| vector.repeat(AT_ONCE);
            assert_eq!(found.left_out(well), twice(narrow.left_out(well)));
            assert_eq!(found.values[well * found.dim..][..found.dim], twice(&narrow.values[2 * well..][..2]));
        }
        assert_eq!(found.shifts[..4], narrow.shifts[..2].repeat(2));
    }

    #[test]
    fn the_robust_way_passes_over_a_lone_well() {
        let (wells, mut values) = two_plates();
        values[9] = -1e6;
        let found = normalise(&wells, &values, 3, true);
        // Median 100, distances 1e6, 2, 2, 0, 2, 2, 4.
        assert!((f64::from(found.values[22]) - 10.0 / (1.4826 * 2.0)).abs() < 1e-6);
    }
}

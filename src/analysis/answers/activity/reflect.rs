//! Residuals that can be exchanged although positions were fitted.
//!
//! What a plate and a place on it add to a well is a linear model: a mean for each plate, and terms of position
//! (`super::layout`). Its residuals are not exchangeable, above all where few DMSO wells share a place with the
//! treatment: fitting made them small, and dependent. So the model's columns are turned onto as many DMSO wells by
//! Householder's reflections; what the other wells then hold is free of plate and position, as independent as the
//! wells were, and each still belongs to one well. These are exchanged within plates, and turned back (Theil, J Am Stat
//! Assoc 1965, 60:1067; Huh & Jhun, Commun Stat Theory Methods 2001, 30:2023).

use super::layout::{Position, TERMS};
use crate::analysis::lda::dot;

/// Terms that any plate is given: all but the second ring.
const FEW: usize = TERMS - 1;

/// DMSO wells of a plate for each number that is fitted to it; with fewer, plates share their terms.
const CONTROLS_PER_NUMBER: usize = 3;

/// How alike a treatment's places must be across plates before a term can pass as an effect that repeats: 1 where it
/// lies at the same place on each, about 0 where places are drawn anew.
const ALIKE: f64 = 0.5;

/// Part of the difference between treatment and DMSO that must remain after positions are fitted.
const LEAST_KEPT: f64 = 0.1;

/// Part of a column that counts as nothing.
const NOTHING: f64 = 1e-9;

/// Why positions cannot be told from the treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confounded {
    /// The treatment lies where DMSO does not.
    Places,
    /// More numbers are fitted than there are DMSO wells on its plates.
    TooFew {
        /// DMSO wells that these numbers take.
        needed: usize,
    },
}

impl Confounded {
    /// The reason, where so many numbers were to be fitted to so many DMSO wells.
    const fn of(numbers: usize, controls: usize) -> Self {
        if controls < numbers { Self::TooFew { needed: numbers } } else { Self::Places }
    }
}

/// `Q = I − W·Yᵀ`, the product of the reflections, without the columns of the wells that were turned onto. By well, what is not
/// zero.
#[derive(Debug, Default)]
pub(super) struct Reflections {
    /// Rows of `W`.
    pub w: Vec<Vec<(usize, f64)>>,
    /// Rows of `Y`.
    pub y: Vec<Vec<(usize, f64)>>,
    /// Reflections.
    pub count: usize,
}

/// Columns of positions, each with a mean of 0 on every plate and of length 1, in right angles to each other. `plates` and
/// `positions` of the treated wells come first. Empty where nothing is known, or where nothing repeats.
pub(super) fn terms(
    plates: &[usize],
    positions: &[Option<Position>],
    treated: usize,
) -> Result<Vec<Vec<f64>>, Confounded> {
    let count = plates.iter().max().map_or(0, |last| last + 1);
    let mut members = vec![Vec::new(); count];
    for (well, &plate) in plates.iter().enumerate() {
        members[plate].push(well);
    }
    // Known where all of a plate's wells are.
    let known: Vec<&Vec<usize>> =
        members.iter().filter(|wells| wells.iter().all(|&well| positions[well].is_some())).collect();
    let controls = |wells: &[usize]| wells.iter().filter(|&&well| well >= treated).count();
    let least = known.iter().map(|wells| controls(wells)).min().unwrap_or(0);
    let apart = least >= CONTROLS_PER_NUMBER * (1 + FEW);
    let used = if least >= CONTROLS_PER_NUMBER * (1 + TERMS) { TERMS } else { FEW };
    let value = |well: usize, term: usize| positions[well].map_or(0.0, |position| position[term]);
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for term in 0..used {
        let value = |well: usize| value(well, term);
        // Fitted where it costs little; with little DMSO only where it must be.
        let borne = apart && known.iter().all(|wells| differs(&wells[..], treated, &value));
        if count > 1 && !borne && !repeats(&known, treated, &value) {
            continue;
        }
        let groups: Vec<Vec<&Vec<usize>>> =
            if apart { known.iter().map(|&wells| vec![wells]).collect() } else { vec![known.clone()] };
        for group in groups {
            let mut column = vec![0.0; plates.len()];
            for wells in group {
                let mean = wells.iter().map(|&well| value(well)).sum::<f64>() / wells.len() as f64;
                for &well in wells {
                    column[well] = value(well) - mean;
                }
            }
            add(&mut columns, column);
        }
    }
    // What positions leave of the difference between the treatment and DMSO.
    let mut own = vec![0.0; plates.len()];
    for wells in &members {
        let share = 1.0 - controls(wells) as f64 / wells.len().max(1) as f64;
        for &well in wells {
            own[well] = f64::from(u8::from(well < treated)) - share;
        }
    }
    let whole = dot(&own, &own);
    for column in &columns {
        let along = dot(column, &own);
        subtract(&mut own, column, along);
    }
    if dot(&own, &own) < LEAST_KEPT * whole {
        return Err(Confounded::of(count + columns.len(), plates.len() - treated));
    }
    Ok(columns)
}

/// Whether the DMSO wells of a plate differ in a term.
fn differs(wells: &[usize], treated: usize, value: &dyn Fn(usize) -> f64) -> bool {
    let mut controls = wells.iter().filter(|&&well| well >= treated).map(|&well| value(well));
    let first = controls.next();
    controls.any(|other| Some(other) != first)
}

/// Whether a term sets the treatment apart from DMSO alike on the plates.
fn repeats(known: &[&Vec<usize>], treated: usize, value: &dyn Fn(usize) -> f64) -> bool {
    let mean = |wells: &mut dyn Iterator<Item = usize>| {
        let (sum, n) = wells.fold((0.0, 0_u32), |(sum, n), well| (sum + value(well), n + 1));
        sum / f64::from(n.max(1))
    };
    let apart: Vec<f64> = known
        .iter()
        .map(|wells| {
            let own = mean(&mut wells.iter().copied().filter(|&well| well < treated));
            own - mean(&mut wells.iter().copied().filter(|&well| well >= treated))
        })
        .collect();
    let squares = dot(&apart, &apart);
    let sum: f64 = apart.iter().sum();
    // Products of different plates, as a part of what they are where all are the same.
    apart.len() > 1 && sum * sum - squares >= ALIKE * (apart.len() - 1) as f64 * squares
}

/// Adds a column, less what the others hold of it, unless nothing is left.
fn add(columns: &mut Vec<Vec<f64>>, mut column: Vec<f64>) {
    let whole = dot(&column, &column);
    // Twice: the first round's rounding errors are of the size of what is left.
    for _ in 0..2 {
        for other in &*columns {
            let along = dot(other, &column);
            subtract(&mut column, other, along);
        }
    }
    let rest = dot(&column, &column);
    if rest > 1e-6 * whole && rest > 0.0 {
        let scale = rest.sqrt().recip();
        for x in &mut column {
            *x *= scale;
        }
        columns.push(column);
    }
}

impl Reflections {
    /// Turns the plates' means and `terms` onto DMSO wells, and replaces the vectors `[well, dim]` by what the others
    /// then hold, zeros for those that were turned onto; gives these. Without terms only the plates' means are taken away:
    /// what is left can be exchanged as it is.
    pub fn apply(
        terms: Vec<Vec<f64>>,
        plates: &[usize],
        treated: usize,
        vectors: &mut [f64],
        dim: usize,
    ) -> Result<(Self, Vec<bool>), Confounded> {
        let n = plates.len();
        let mut base = vec![false; n];
        let means = plate_columns(plates);
        if terms.is_empty() {
            for column in &means {
                take(vectors, dim, column, column);
            }
            let none = || vec![Vec::new(); n];
            return Ok((Self { w: none(), y: none(), count: 0 }, base));
        }
        let failed = Confounded::of(means.len() + terms.len(), n - treated);
        let (mut w, mut y): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (Vec::new(), Vec::new());
        for mut x in means.into_iter().chain(terms) {
            for v in &y {
                let along = dot(v, &x);
                subtract(&mut x, v, along);
            }
            for (x, base) in x.iter_mut().zip(&base) {
                if *base {
                    *x = 0.0;
                }
            }
            let length = dot(&x, &x).sqrt();
            let onto = (treated..n).max_by(|&a, &b| x[a].abs().total_cmp(&x[b].abs())).ok_or(failed)?;
            if length < NOTHING || x[onto].abs() < NOTHING * length {
                return Err(failed);
            }
            x[onto] += length.copysign(x[onto]);
            base[onto] = true;
            // Of length √2, so that I − v·vᵀ reflects.
            let scale = (2.0 / dot(&x, &x)).sqrt();
            for x in &mut x {
                *x *= scale;
            }
            take(vectors, dim, &x, &x);
            let mut of_w = x.clone();
            for (w, y) in w.iter().zip(&y) {
                subtract(&mut of_w, w, dot(y, &x));
            }
            w.push(of_w);
            y.push(x);
        }
        for (vector, base) in vectors.chunks_exact_mut(dim).zip(&base) {
            if *base {
                vector.fill(0.0);
            }
        }
        let count = y.len();
        Ok((Self { w: by_well(&w, n), y: by_well(&y, n), count }, base))
    }
}

/// For each plate its mean as a column of length 1.
fn plate_columns(plates: &[usize]) -> Vec<Vec<f64>> {
    let count = plates.iter().max().map_or(0, |last| last + 1);
    let column = |plate: usize| {
        let wells = plates.iter().filter(|of| **of == plate).count().max(1);
        let share = (wells as f64).sqrt().recip();
        plates.iter().map(|of| if *of == plate { share } else { 0.0 }).collect()
    };
    (0..count).map(column).collect()
}

/// Takes `a·(bᵀ·vectors)` away from the vectors `[well, dim]`.
fn take(vectors: &mut [f64], dim: usize, a: &[f64], b: &[f64]) {
    let mut along = vec![0.0; dim];
    for (vector, b) in vectors.chunks_exact(dim).zip(b).filter(|(_, b)| **b != 0.0) {
        along.iter_mut().zip(vector).for_each(|(sum, x)| *sum += b * x);
    }
    for (vector, a) in vectors.chunks_exact_mut(dim).zip(a).filter(|(_, a)| **a != 0.0) {
        subtract(vector, &along, *a);
    }
}

fn by_well(columns: &[Vec<f64>], n: usize) -> Vec<Vec<(usize, f64)>> {
    let row = |well: usize| {
        let row = columns.iter().enumerate().map(|(column, of)| (column, of[well]));
        row.filter(|(_, x)| x.abs() > 1e-12).collect()
    };
    (0..n).map(row).collect()
}

fn subtract(from: &mut [f64], what: &[f64], times: f64) {
    from.iter_mut().zip(what).for_each(|(x, what)| *x -= times * what);
}

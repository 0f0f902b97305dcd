//! How far a treatment lies from the negative controls of the same blocks, number by number.
//!
//! The unit is the well: a well's value is the mean of its rows, and cells of one well are no repetitions. A block is a plate
//! of a replicate. From each value the mean of its block's control wells is taken, so that what differs between blocks is no
//! effect. With
//!
//! - `n` treated wells of mean `m` (after that), `w_r` the share of them in block `r`, which has `n_r` control wells;
//! - `s` the deviation of the treated wells from `m` and of the control wells from their block's mean, pooled:
//!   `s² = Σ d²/ν`, with `ν = n − 1 + Σ (n_r − 1)` degrees of freedom;
//!
//! Hedges' `g = (1 − 3/(4ν − 1))·m/s` (J Educ Stat 1981, 6:107-128), and its 95 % interval `g ± 1.96·√(a + g²/(2ν))`,
//! `a = 1/n + Σ w_r²/n_r` (Nakagawa & Cuthill, Biol Rev 2007, 82:591-605, eq. 16; with one block
//! `a = (n + n_r)/(n·n_r)`). `p` is that of Student's t, `m/(s·√a)` with `ν` degrees of freedom, and `q` that after Benjamini and
//! Hochberg over the numbers: where many are looked at, some intervals exclude 0 by chance.

use std::collections::BTreeMap;

use super::answers::activity::benjamini_hochberg;

/// Rate of false discoveries among the numbers that stand out.
const ALPHA: f64 = 0.05;

/// Half the width of a 95 % interval of the normal distribution, in deviations.
const NORMAL_95: f64 = 1.959_964;

/// There is nothing to compare by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// The treatment's blocks have no control wells.
    #[error(
        "none of its plates has negative controls to compare with. Mark the control wells of these in the table"
    )]
    NoControls,
    /// Too few wells to say how they scatter.
    #[error("{treated} treated and {controls} control wells are too few to say how wells scatter")]
    TooFew {
        /// Treated wells in blocks with controls.
        treated: usize,
        /// Control wells of these blocks.
        controls: usize,
    },
}

/// One unit of replication.
#[derive(Debug, Clone, PartialEq)]
pub struct Well {
    /// Which plate of which replicate it is of.
    pub block: usize,
    /// Mean over its rows, number by number.
    pub values: Vec<f64>,
}

impl Well {
    /// The mean of rows of equal length; `None` without any.
    pub fn of(block: usize, rows: &[&[f32]]) -> Option<Self> {
        let width = rows.first()?.len();
        let mean = |j: usize| rows.iter().map(|row| f64::from(row[j])).sum::<f64>() / rows.len() as f64;
        Some(Self { block, values: (0..width).map(mean).collect() })
    }
}

/// How far one number is from where it is in controls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Which number, from 0.
    pub feature: usize,
    /// Hedges' g, in deviations between wells.
    pub g: f64,
    /// Lower end of its 95 % interval.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// p of a difference from 0.
    pub p: f64,
    /// The same over all numbers, after Benjamini and Hochberg.
    pub q: f64,
}

impl Effect {
    /// True where its interval excludes 0, and that is not what looking at many numbers gives by chance.
    pub fn stands_out(&self) -> bool {
        (self.lo > 0.0 || self.hi < 0.0) && self.q <= ALPHA
    }
}

/// A treatment beside the controls of its blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// Treated wells that count.
    pub treated: usize,
    /// Control wells of the same blocks.
    pub controls: usize,
    /// Treated wells of blocks without controls.
    pub left_out: usize,
    /// The largest first; numbers that never vary have none.
    pub effects: Vec<Effect>,
}

/// Compares treated wells with control wells, whose values must be of one length.
///
/// # Errors
/// No treated well is of a block with a control well; fewer than two degrees of freedom.
pub fn effects(treated: &[Well], controls: &[Well]) -> Result<Effects, EffectError> {
    let mut blocks: BTreeMap<usize, (Vec<&Well>, Vec<&Well>)> = BTreeMap::new();
    for well in treated {
        blocks.entry(well.block).or_default().0.push(well);
    }
    for well in controls {
        if let Some((_, of)) = blocks.get_mut(&well.block) {
            of.push(well);
        }
    }
    blocks.retain(|_, (_, controls)| !controls.is_empty());
    let n: usize = blocks.values().map(|(treated, _)| treated.len()).sum();
    let n_control: usize = blocks.values().map(|(_, controls)| controls.len()).sum();
    if n == 0 {
        return Err(EffectError::NoControls);
    }
    let freedom = n - 1 + n_control - blocks.len();
    if freedom < 2 {
        return Err(EffectError::TooFew { treated: n, controls: n_control });
    }
    let apart: f64 = blocks
        .values()
        .map(|(treated, controls)| (treated.len() as f64 / n as f64).powi(2) / controls.len() as f64)
        .sum::<f64>()
        + 1.0 / n as f64;
    let width = treated.iter().chain(controls).map(|well| well.values.len()).min().unwrap_or(0);
    let mut found: Vec<Effect> = Vec::new();
    for feature in 0..width {
        let (mut shifts, mut squares, mut largest) = (Vec::with_capacity(n), 0.0, 0.0_f64);
        for (treated, controls) in blocks.values() {
            let centre = mean(controls.iter().map(|well| well.values[feature]));
            squares += controls.iter().map(|well| (well.values[feature] - centre).powi(2)).sum::<f64>();
            shifts.extend(treated.iter().map(|well| well.values[feature] - centre));
            let wells = treated.iter().chain(controls);
            largest = wells.map(|well| well.values[feature].abs()).fold(largest, f64::max);
        }
        let shift = mean(shifts.iter().copied());
        squares += shifts.iter().map(|x| (x - shift).powi(2)).sum::<f64>();
        let deviation = (squares / freedom as f64).sqrt();
        // What is left by rounding is no scatter; a number that is none has no order.
        if deviation.is_nan() || deviation <= 1e-9 * largest {
            continue;
        }
        let ratio = shift / deviation;
        let g = ratio * (1.0 - 3.0 / (4.0 * freedom as f64 - 1.0));
        let half = NORMAL_95 * (apart + g * g / (2.0 * freedom as f64)).sqrt();
        let p = student_p(ratio / apart.sqrt(), freedom);
        found.push(Effect { feature, g, lo: g - half, hi: g + half, p, q: 1.0 });
    }
    let p: Vec<f64> = found.iter().map(|effect| effect.p).collect();
    for (effect, q) in found.iter_mut().zip(benjamini_hochberg(&p)) {
        effect.q = q;
    }
    found.sort_by(|a, b| b.g.abs().total_cmp(&a.g.abs()));
    Ok(Effects { treated: n, controls: n_control, left_out: treated.len() - n, effects: found })
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len().max(1) as f64;
    values.sum::<f64>() / n
}

/// Two-sided p of Student's t with `freedom` degrees of freedom, at least 1: the finite sums of Abramowitz & Stegun 26.7.3 and
/// 26.7.4.
fn student_p(t: f64, freedom: usize) -> f64 {
    let angle = (t.abs() / (freedom as f64).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let (mut sum, mut k) = (0.0, if odd { 3 } else { 2 });
    while k <= freedom {
        sum += term;
        term *= cosine * cosine * (k - 1) as f64 / k as f64;
        k += 2;
    }
    let within = if odd { std::f64::consts::FRAC_2_PI * (angle + sine * sum) } else { sine * sum };
    (1.0 - within).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    fn wells(block: usize, values: &[f64]) -> Vec<Well> {
        values.iter().map(|&x| Well { block, values: vec![x] }).collect()
    }

    #[test]
    fn students_p_is_that_of_tables() {
        // Two-sided 5 % and 1 % points.
        for (freedom, t, p) in [
            (1, 12.706_204_736, 0.05),
            (2, 4.302_652_730, 0.05),
            (3, 3.182_446_305, 0.05),
            (9, 2.262_157_163, 0.05),
            (10, 3.169_272_667, 0.01),
            (60, 2.660_283_029, 0.01),
        ] {
            for t in [t, -t] {
                assert!((student_p(t, freedom) - p).abs() < 1e-8, "{freedom} {t}: {}", student_p(t, freedom));
            }
        }
        assert_eq!((student_p(0.0, 4), student_p(0.0, 5)), (1.0, 1.0));
    }

    /// One block is the textbook's case of two groups. Treated 3, 5, 7 and controls 1, 2, 3, 2: means 5 and 2, squares
    /// 8 and 2, ν = 5, s = √2.
    #[test]
    fn one_block_gives_the_textbooks_two_groups() {
        let found = effects(&wells(0, &[3.0, 5.0, 7.0]), &wells(0, &[1.0, 2.0, 3.0, 2.0])).unwrap();
        assert_eq!((found.treated, found.controls, found.left_out), (3, 4, 0));
        let Effect { g, lo, hi, p, q, .. } = found.effects[0];
        let expected = 3.0 / 2.0_f64.sqrt() * (1.0 - 3.0 / 19.0);
        assert!((g - expected).abs() < 1e-12, "{g}");
        let half = 1.959_964 * (7.0 / 12.0 + expected * expected / 10.0).sqrt();
        assert!((lo - (g - half)).abs() < 1e-9 && (hi - (g + half)).abs() < 1e-9);
        // t = 3/√(2·7/12) = 2.7775 with 5 degrees of freedom, p of SciPy's `ttest_ind`.
        assert!((p - 0.039_019_158_3).abs() < 1e-9 && q == p, "{p}");
    }

    #[test]
    fn what_differs_between_blocks_is_no_effect() {
        let one = effects(&wells(0, &[3.0, 5.0, 7.0]), &wells(0, &[1.0, 2.0, 3.0, 2.0])).unwrap();
        // The second block lies 100 higher, and a third has no treated well, a fourth no control.
        let treated = [wells(0, &[3.0, 5.0]), wells(1, &[107.0]), wells(3, &[50.0])].concat();
        let controls = [wells(0, &[1.0, 2.0, 3.0]), wells(1, &[101.0, 103.0]), wells(2, &[900.0])].concat();
        let two = effects(&treated, &controls).unwrap();
        assert_eq!((two.treated, two.controls, two.left_out), (3, 5, 1));
        // Shifts 1, 3 and 5 of mean 3, squares 8 + 2 + 2, ν = 2 + 3.
        let expected = 3.0 / (12.0_f64 / 5.0).sqrt() * (1.0 - 3.0 / 19.0);
        assert!((two.effects[0].g - expected).abs() < 1e-12);
        // (2/3)²/3 + (1/3)²/2 + 1/3.
        let half = 1.959_964 * (4.0 / 27.0 + 1.0 / 18.0 + 1.0 / 3.0 + expected * expected / 10.0).sqrt();
        assert!((two.effects[0].hi - (expected + half)).abs() < 1e-9);
        assert!(one.effects[0].g > two.effects[0].g);
    }

    #[test]
    fn too_few_wells_and_numbers_that_never_vary_are_said() {
        let controls = wells(0, &[1.0, 2.0]);
        assert_eq!(effects(&wells(1, &[1.0]), &controls), Err(EffectError::NoControls));
        let few = effects(&wells(0, &[1.0]), &controls);
        assert_eq!(few, Err(EffectError::TooFew { treated: 1, controls: 2 }));
        let well = |x: f64| Well { block: 0, values: vec![0.1, x, f64::NAN] };
        let found = effects(&[well(9.0), well(8.0)], &[well(1.0), well(2.0), well(1.5)]).unwrap();
        assert_eq!(found.effects.iter().map(|effect| effect.feature).collect::<Vec<_>>(), [1]);
        assert_eq!(Well::of(2, &[&[1.0, 4.0], &[3.0, 4.0]]).unwrap().values, [2.0, 4.0]);
        assert_eq!(Well::of(2, &[]), None);
    }

    /// Three treated and eight control wells of two blocks, `features` numbers of which the first is shifted.
    fn drawn(shift: f64, features: usize, seed: u64) -> Effects {
        let mut rng = stream(seed, &["effect"]);
        let mut draw = |block: usize, shift: f64| Well {
            block,
            values: (0..features)
                .map(|j| normal(&mut rng) + 4.0 * block as f64 + if j == 0 { shift } else { 0.0 })
                .collect(),
        };
        let treated = [draw(0, shift), draw(0, shift), draw(1, shift)];
        let controls: Vec<Well> = (0..8).map(|i| draw(i % 2, 0.0)).collect();
        effects(&treated, &controls).unwrap()
    }

    #[test]
    fn intervals_cover_and_few_null_treatments_stand_out() {
        let covered = (0..2000_u64).filter(|&seed| {
            let shift = [0.0, 1.0, 2.5][seed as usize % 3];
            let effect = drawn(shift, 1, seed).effects[0];
            effect.lo <= shift && shift <= effect.hi
        });
        let covered = covered.count();
        assert!((1860..=1960).contains(&covered), "{covered} of 2000");
        let any = |shift: f64, of: fn(&Effect) -> bool| {
            (0..300).filter(|&seed| drawn(shift, 40, 10_000 + seed).effects.iter().any(of)).count()
        };
        let null = any(0.0, Effect::stands_out);
        assert!(null < 30, "{null} of 300");
        // Intervals alone would nearly always find something among 40 numbers.
        let without = any(0.0, |effect| effect.lo > 0.0 || effect.hi < 0.0);
        assert!(without > 150, "{without} of 300");
        assert!(any(8.0, |effect| effect.feature == 0 && effect.stands_out()) > 270);
    }
}

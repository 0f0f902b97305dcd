//! What random rankings reach.
//!
//! As in the package, one null belongs to a count of positives and of all partners, and all rankings with these counts
//! have its very draws: the mean over a group of equal counts has the null of a single ranking. That asks for more than
//! independent rankings would.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::seq::index::sample;
use rayon::prelude::*;

use super::PairsError;
use crate::progress::{Cancelled, Progress};
use crate::random::stream;

/// Draws that share a random stream.
const DRAWN_TOGETHER: usize = 1_000;

/// Most draws that are held, 4 bytes each.
const MOST: usize = 1 << 30;

/// Two means of average precisions are equal within this: they are kept in single precision.
const ROUNDING: f64 = 1e-6;

/// Positives and all partners.
type Shape = (usize, usize);

/// Average precisions of random positions, by shape.
pub(super) struct Nulls {
    draws: HashMap<Shape, Vec<f32>>,
    size: usize,
}

/// How often chance does as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tail {
    /// (#{null > score} + 1) ÷ (draws + 1).
    pub above: f64,
    /// (#{null ≥ score} + 1) ÷ (draws + 1).
    pub reached: f64,
}

impl Nulls {
    /// Draws for each shape; what comes out depends on seed and shape alone.
    pub(super) fn draw(
        shapes: &BTreeSet<Shape>,
        (size, seed): (usize, u64),
        progress: &Progress,
    ) -> Result<Self, PairsError> {
        if shapes.len().saturating_mul(size) > MOST {
            return Err(PairsError::Draws { shapes: shapes.len(), size });
        }
        let one = |&shape: &Shape| -> Result<(Shape, Vec<f32>), Cancelled> {
            progress.check()?;
            Ok((shape, drawn(shape, size, seed)))
        };
        Ok(Self { draws: shapes.par_iter().map(one).collect::<Result<HashMap<_, _>, _>>()?, size })
    }

    /// Where a mean over rankings stands; `shapes` counts these. `None` of no ranking.
    pub(super) fn tail(&self, mean: f64, shapes: &BTreeMap<Shape, usize>) -> Option<Tail> {
        let all = shapes.values().sum::<usize>() as f64;
        let part = |(shape, count): (&Shape, &usize)| Some((self.draws.get(shape)?, *count as f64 / all));
        let parts = shapes.iter().map(part).collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())?;
        let (mut above, mut reached) = (0_usize, 0_usize);
        for draw in 0..self.size {
            let null: f64 = parts.iter().map(|(draws, weight)| f64::from(draws[draw]) * weight).sum();
            above += usize::from(null > mean + ROUNDING);
            reached += usize::from(null > mean - ROUNDING);
        }
        let part = |count: usize| (count + 1) as f64 / (self.size + 1) as f64;
        Some(Tail { above: part(above), reached: part(reached) })
    }
}

fn drawn((positives, all): Shape, size: usize, seed: u64) -> Vec<f32> {
    let (of, among) = (positives.to_string(), all.to_string());
    let starts: Vec<usize> = (0..size).step_by(DRAWN_TOGETHER).collect();
    let together = |start: usize| {
        let mut rng = stream(seed, &["pairs", &of, &among, &start.to_string()]);
        let one = |_| {
            let mut places = sample(&mut rng, all, positives).into_vec();
            places.sort_unstable();
            let precisions = (1_usize..).zip(places).map(|(rank, place)| rank as f64 / (place + 1) as f64);
            (precisions.sum::<f64>() / positives as f64) as f32
        };
        (start..size.min(start + DRAWN_TOGETHER)).map(one).collect::<Vec<f32>>()
    };
    starts.into_par_iter().flat_map_iter(together).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ranking::chance;

    fn nulls(shapes: &[Shape], size: usize) -> Nulls {
        Nulls::draw(&shapes.iter().copied().collect(), (size, 5), &Progress::default()).unwrap()
    }

    #[test]
    fn the_mean_of_a_null_is_chance_and_its_tail_is_the_share_of_orders() {
        let nulls = nulls(&[(2, 4), (3, 40), (1, 4), (2, 2)], 40_000);
        for (shape, draws) in &nulls.draws {
            let mean = draws.iter().map(|x| f64::from(*x)).sum::<f64>() / draws.len() as f64;
            assert!((mean - chance(shape.0, shape.1)).abs() < 0.005, "{shape:?}: {mean}");
        }
        let tail = |mean: f64, shapes: &[(Shape, usize)]| nulls.tail(mean, &shapes.iter().copied().collect());
        // Of the six orders of two among four, one reaches 1, one more 5/6.
        let near = |x: f64, y: f64| (x - y).abs() < 0.01;
        let best = tail(1.0, &[((2, 4), 3)]).unwrap();
        assert!(best.above == 1.0 / 40_001.0 && near(best.reached, 1.0 / 6.0), "{best:?}");
        let second = tail(5.0 / 6.0, &[((2, 4), 1)]).unwrap();
        assert!(near(second.above, 1.0 / 6.0) && near(second.reached, 2.0 / 6.0), "{second:?}");
        // Shapes are weighted by their rankings: (3 · 1 + x)/4 with x of 1, 1/2, 1/3, 1/4.
        let mixed = tail(0.8, &[((2, 2), 3), ((1, 4), 1)]).unwrap();
        assert!(near(mixed.above, 1.0) && mixed.above == mixed.reached, "{mixed:?}");
        let mixed = tail(0.84, &[((2, 2), 3), ((1, 4), 1)]).unwrap();
        assert!(near(mixed.above, 0.5), "{mixed:?}");
        assert_eq!(tail(0.5, &[]), None);
    }

    #[test]
    fn a_null_depends_on_seed_and_shape_alone() {
        let (alone, among) = (nulls(&[(3, 9)], 2_500), nulls(&[(1, 4), (3, 9), (8, 9)], 2_500));
        assert_eq!(alone.draws[&(3, 9)], among.draws[&(3, 9)]);
        let other = Nulls::draw(&BTreeSet::from([(3, 9)]), (2_500, 6), &Progress::default()).unwrap();
        assert_ne!(alone.draws[&(3, 9)], other.draws[&(3, 9)]);
        let much = Nulls::draw(&BTreeSet::from([(1, 2), (1, 3)]), (MOST, 1), &Progress::default());
        assert!(matches!(much, Err(PairsError::Draws { shapes: 2, .. })));
    }
}

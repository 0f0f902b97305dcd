//! UMAP (arXiv 1802.03426), the same for any number of threads.
//!
//! The usual optimiser lets threads write into each other's points. Here points move in turns: those of a turn see all
//! others as they were before it, and each draws from a stream of its own, so that nothing depends on who is first.

mod curve;
mod graph;

use rayon::prelude::*;

use curve::Curve;
use graph::Graph;

use super::neighbours::Neighbours;
use super::{Phase, ProjectionError, Rows, pca};
use crate::random::{normal, stream};

/// Points move in so many turns per epoch, every so-manyth row in each, so that few neighbours move at once.
const TURNS: usize = 8;
/// Strangers that push a point away whenever a neighbour pulls it.
const STRANGERS: usize = 5;
/// Points at one place push each other as if they were as far apart, squared.
const LEAST_SQUARE: f32 = 0.001;
/// No pull or push along an axis is stronger.
const STRONGEST: f32 = 4.0;
/// Width of the first layout.
const WIDTH: f32 = 10.0;

/// Points of at least four rows.
pub(super) fn layout(
    rows: &Rows,
    neighbours: usize,
    min_dist: f32,
    seed: u64,
    phase: &Phase,
) -> Result<Vec<[f32; 2]>, ProjectionError> {
    let n = rows.len();
    let near = Neighbours::find(rows, neighbours.saturating_sub(1), &phase.part(0.0, 0.6))?;
    let epochs: u32 = if n <= 10_000 { 500 } else { 200 };
    let graph = Graph::new(&near, 1.0 / epochs as f32);
    drop(near);
    let mut points = start(pca::plane_until(&rows.values, rows.dim, &phase.part(0.6, 0.65))?, seed);
    let curve = Curve::new(f64::from(min_dist));
    let phase = phase.part(0.65, 1.0);
    let mut moved = Vec::with_capacity(n / TURNS + 1);
    for epoch in 0..epochs {
        phase.at(f64::from(epoch) / f64::from(epochs))?;
        let rate = 1.0 - epoch as f32 / epochs as f32;
        let of_epoch = mix(seed ^ mix(u64::from(epoch)));
        for turn in 0..TURNS.min(n) {
            phase.go_on()?;
            (0..(n - turn).div_ceil(TURNS))
                .into_par_iter()
                .with_min_len(64)
                .map(|at| {
                    let own = turn + at * TURNS;
                    step(&points, own, &graph, &curve, epoch, rate, mix(of_epoch ^ own as u64))
                })
                .collect_into_vec(&mut moved);
            for (at, point) in moved.iter().enumerate() {
                points[turn + at * TURNS] = *point;
            }
        }
    }
    let middle = |axis: usize| points.iter().map(|point| f64::from(point[axis])).sum::<f64>() / n as f64;
    let middle = [middle(0) as f32, middle(1) as f32];
    Ok(points.into_iter().map(|[x, y]| [x - middle[0], y - middle[1]]).collect())
}

/// Principal components as wide as they are high, and a little noise that keeps equal rows apart.
fn start(mut points: Vec<[f32; 2]>, seed: u64) -> Vec<[f32; 2]> {
    let mut noise = stream(seed, &["umap"]);
    for axis in 0..2 {
        let all = || points.iter().map(|point| point[axis]);
        let (least, most) = (all().fold(f32::INFINITY, f32::min), all().fold(f32::NEG_INFINITY, f32::max));
        let scale = if most > least { WIDTH / (most - least) } else { 0.0 };
        for point in &mut points {
            point[axis] = (point[axis] - least) * scale + (1e-4 * normal(&mut noise)) as f32;
        }
    }
    points
}

/// Where one point goes in one epoch: to the neighbours whose turn it is, and away from some strangers for each.
fn step(
    points: &[[f32; 2]],
    own: usize,
    graph: &Graph,
    curve: &Curve,
    epoch: u32,
    rate: f32,
    mut random: u64,
) -> [f32; 2] {
    let mut at = points[own];
    for (other, share) in graph.of(own) {
        // A neighbour with a share of ⅓ pulls in every third epoch.
        if (share * (epoch + 1) as f32) as u32 == (share * epoch as f32) as u32 {
            continue;
        }
        // An edge is drawn from both of its ends, and moves both ends each time.
        for _ in 0..2 {
            towards(&mut at, points[other], rate, |square| curve.pull(square));
        }
        for _ in 0..STRANGERS {
            random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let stranger = ((u128::from(mix(random)) * points.len() as u128) >> 64) as usize;
            if stranger != own {
                towards(&mut at, points[stranger], rate, |square| -curve.push(square));
            }
        }
    }
    at
}

/// Moves a point towards another, by a force per distance that depends on the squared distance.
fn towards(at: &mut [f32; 2], other: [f32; 2], rate: f32, force: impl Fn(f32) -> f32) {
    let way = [other[0] - at[0], other[1] - at[1]];
    let square = way[0] * way[0] + way[1] * way[1];
    if square > 0.0 {
        let force = force(square);
        for (at, way) in at.iter_mut().zip(way) {
            *at += rate * (force * way).clamp(-STRONGEST, STRONGEST);
        }
    }
}

/// `SplitMix64`'s output function (Steele et al., OOPSLA 2014): well-mixed bits of a number.
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

//! How strongly rows belong together: UMAP's fuzzy neighbour graph.

use rayon::prelude::*;

use crate::analysis::projection::neighbours::Neighbours;

/// Rounds of the search for a row's scale.
const ROUNDS: usize = 64;
/// What the search is content with.
const TOLERANCE: f64 = 1e-5;
/// No scale is smaller than this part of the mean distance.
const LEAST_SCALE: f64 = 1e-3;

/// Weights between rows, the same both ways, as parts of the largest.
pub(super) struct Graph {
    starts: Vec<usize>,
    edges: Vec<(u32, f32)>,
}

impl Graph {
    /// The fuzzy union of what each row thinks of its neighbours; weights below `least` of the largest are left out.
    pub(super) fn new(near: &Neighbours, least: f32) -> Self {
        let k = near.k;
        let all = near.distances.par_iter().map(|d| f64::from(*d)).collect::<Vec<_>>();
        // The row itself counts, at distance 0.
        let mean = all.iter().sum::<f64>() / (all.len() + all.len() / k) as f64;
        let weights: Vec<f32> =
            all.par_chunks_exact(k).flat_map_iter(|distances| memberships(distances, mean)).collect();
        let n = near.indices.len() / k;
        let mut sides: Vec<Vec<(u32, f32)>> = vec![Vec::with_capacity(2 * k); n];
        for (row, (indices, weights)) in near.indices.chunks_exact(k).zip(weights.chunks_exact(k)).enumerate()
        {
            for (other, weight) in indices.iter().zip(weights) {
                sides[row].push((*other, *weight));
                sides[*other as usize].push((row as u32, *weight));
            }
        }
        sides.par_iter_mut().for_each(|sides| {
            sides.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            sides.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 = kept.1 + next.1 - kept.1 * next.1;
                }
                same
            });
        });
        let largest = sides.par_iter().flatten_iter().map(|edge| edge.1).reduce(|| 0.0, f32::max);
        let (mut starts, mut edges) = (vec![0], Vec::new());
        for sides in sides {
            edges.extend(
                sides
                    .into_iter()
                    .map(|(other, weight)| (other, weight / largest))
                    .filter(|(_, w)| *w >= least),
            );
            starts.push(edges.len());
        }
        Self { starts, edges }
    }

    /// The rows that belong to one, and how much.
    pub(super) fn of(&self, row: usize) -> impl Iterator<Item = (usize, f32)> {
        self.edges[self.starts[row]..self.starts[row + 1]]
            .iter()
            .map(|(other, weight)| (*other as usize, *weight))
    }
}

/// What a row thinks of its neighbours: 1 for the nearest, then `exp((ρ − d)/σ)`, with σ such that all together make
/// `log₂(neighbours)`, the row itself counted as a neighbour.
fn memberships(distances: &[f64], mean_of_all: f64) -> Vec<f32> {
    let nearest = distances.iter().copied().find(|d| *d > 0.0).unwrap_or(0.0);
    let weight = |d: f64, scale: f64| if d > nearest { ((nearest - d) / scale).exp() } else { 1.0 };
    let target = ((distances.len() + 1) as f64).log2();
    let (mut low, mut high, mut scale) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..ROUNDS {
        let sum: f64 = distances.iter().map(|d| weight(*d, scale)).sum();
        if (sum - target).abs() < TOLERANCE {
            break;
        }
        if sum > target {
            high = scale;
            scale = f64::midpoint(low, high);
        } else {
            low = scale;
            scale = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * scale };
        }
    }
    let mean = if nearest > 0.0 {
        distances.iter().sum::<f64>() / (distances.len() + 1) as f64
    } else {
        mean_of_all
    };
    let scale = scale.max(LEAST_SCALE * mean);
    distances.iter().map(|d| if scale > 0.0 { weight(*d, scale) as f32 } else { 1.0 }).collect()
}

//! The best `k` of what is offered.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// One neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Row of the gallery.
    pub index: usize,
    /// Similarity; higher is nearer. Always finite.
    pub score: f32,
}

/// Nearer is greater; of equals, the one that comes first in the gallery.
#[derive(Debug, Clone, Copy)]
struct Ranked(Hit);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then(other.0.index.cmp(&self.0.index))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// The best `k` so far. What is in it at the end does not depend on the order of what was offered.
#[derive(Debug, Clone)]
pub(super) struct Best {
    k: usize,
    /// The worst on top.
    heap: BinaryHeap<Reverse<Ranked>>,
}

impl Best {
    pub(super) fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    /// What scores less than this has no place any more.
    pub(super) fn floor(&self) -> f32 {
        match self.heap.peek() {
            Some(Reverse(worst)) if self.heap.len() >= self.k => worst.0.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Takes it if it is among the best. The score must not be NaN.
    pub(super) fn offer(&mut self, hit: Hit) {
        let hit = Ranked(hit);
        if self.heap.len() < self.k {
            self.heap.push(Reverse(hit));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && hit > worst.0
        {
            *worst = Reverse(hit);
        }
    }

    /// The best of both.
    pub(super) fn merge(mut self, other: Self) -> Self {
        for Reverse(hit) in other.heap {
            self.offer(hit.0);
        }
        self
    }

    /// The best first.
    pub(super) fn into_hits(self) -> Vec<Hit> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(hit)| hit.0).collect()
    }
}

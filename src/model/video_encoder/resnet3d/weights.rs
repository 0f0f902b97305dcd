//! The gradient of a convolution's weights: `sums[k][m] = Σ_p column[k][p] · gradient[m][p]`.

// What runs under `Cpu::run` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use std::ops::Range;

use pulp::Simd;
use rayon::prelude::*;

use super::columns::{Columns, Source, Tap};
use super::product::{GROUP, Panel, Rows, TALL, add_product, panels};
use crate::simd::{Cpu, Vectorized};

/// Values of the gradient that are transposed at a time, at most: 8 MB.
const TRANSPOSED: usize = 2 << 20;

/// The widest vectors; columns of sums are a multiple of it.
const LANES: usize = 16;

/// Columns of the sums of so many outputs.
fn pitch(outputs: usize) -> usize {
    outputs.next_multiple_of(LANES)
}

/// Rows of the sums that a task takes, of so many: few enough that all threads have something to do, and many, as every
/// task reads all of the gradient. No sum depends on it.
fn rows_of_a_task(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(TALL).clamp(24, 192)
}

/// Adds to `sums` (empty at first) for all places of a source and the gradient `[videos, outputs, grid]` there.
pub(super) fn weight_gradient(
    cpu: Cpu,
    source: &Source<'_>,
    taps: &[Tap],
    gradient: &[f32],
    outputs: usize,
    sums: &mut Vec<f32>,
) {
    let (whole, all) = (source.places(), source.all_places());
    let rows = source.channels * taps.len();
    let pitch = pitch(outputs);
    let own = rows_of_a_task(rows);
    if sums.is_empty() {
        sums.resize(rows.div_ceil(own) * own * pitch, 0.0);
    }
    let span = (TRANSPOSED / (pitch * GROUP)).max(1) * GROUP;
    let mut transposed = Vec::new();
    for first in (0..all).step_by(span) {
        let places = first..(first + span).min(all);
        transposed.clear();
        transposed.resize(places.len().div_ceil(GROUP) * GROUP * pitch, 0.0);
        let groups = transposed.par_chunks_mut(GROUP * pitch).enumerate().map(|(group, to)| {
            let own = first + group * GROUP..(first + (group + 1) * GROUP).min(all);
            cpu.run(Transpose { gradient, whole, outputs, source, taps, places: own, to })
        });
        let groups: Vec<Columns> = groups.collect();
        sums.par_chunks_mut(own * pitch).enumerate().for_each_init(Vec::new, |gathered, (task, sums)| {
            let rows = task * own..((task + 1) * own).min(rows);
            cpu.run(Task {
                source,
                taps,
                rows,
                groups: &groups,
                transposed: &transposed,
                pitch,
                gathered,
                sums,
            });
        });
    }
}

/// The sums by output: `[outputs, rows]`.
pub(super) fn by_output(sums: &[f32], rows: usize, outputs: usize) -> Vec<f32> {
    let pitch = pitch(outputs);
    let mut weights = vec![0.0; outputs * rows];
    weights.par_chunks_mut((LANES * rows).max(1)).enumerate().for_each(|(part, weights)| {
        let first = part * LANES;
        for (row, sums) in sums.chunks_exact(pitch).take(rows).enumerate() {
            for (to, sum) in weights.iter_mut().skip(row).step_by(rows).zip(&sums[first..]) {
                *to = *sum;
            }
        }
    });
    weights
}

/// The gradient at some places, by panels of outputs: `[panel][place, width]`; and the places as columns.
struct Transpose<'a> {
    gradient: &'a [f32],
    whole: usize,
    outputs: usize,
    source: &'a Source<'a>,
    taps: &'a [Tap],
    places: Range<usize>,
    to: &'a mut [f32],
}

impl Vectorized for Transpose<'_> {
    type Output = Columns;

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _: S) -> Columns {
        let Self { gradient, whole, outputs, source, taps, places, to } = self;
        let filled = places.len().next_multiple_of(S::F32_LANES);
        for (offset, vectors) in panels::<S>(pitch(outputs)) {
            let width = vectors * S::F32_LANES;
            let to = &mut to[offset * filled..][..filled * width];
            for output in offset..(offset + width).min(outputs) {
                let mut at = places.start;
                while at < places.end {
                    let video = at / whole;
                    let next = places.end.min((video + 1) * whole);
                    let from =
                        &gradient[(video * outputs + output) * whole + at - video * whole..][..next - at];
                    let to = &mut to[(at - places.start) * width + output - offset..];
                    for (to, from) in to.iter_mut().step_by(width).zip(from) {
                        *to = *from;
                    }
                    at = next;
                }
            }
        }
        Columns::new(source, taps, &places, S::F32_LANES)
    }
}

/// Some rows of the sums, for all places of a span.
struct Task<'a> {
    source: &'a Source<'a>,
    taps: &'a [Tap],
    rows: Range<usize>,
    groups: &'a [Columns],
    transposed: &'a [f32],
    pitch: usize,
    gathered: &'a mut Vec<f32>,
    sums: &'a mut [f32],
}

impl Vectorized for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Self { source, taps, rows, groups, transposed, pitch, gathered, sums } = self;
        gathered.resize(rows.len() * GROUP, 0.0);
        for (columns, transposed) in groups.iter().zip(transposed.chunks_exact(GROUP * pitch)) {
            let width = columns.width;
            columns.gather(simd, source, taps, &rows, gathered);
            let left = Rows { values: gathered, pitch: GROUP, count: rows.len() };
            for (offset, vectors) in panels::<S>(pitch) {
                let wide = vectors * S::F32_LANES;
                let values = &transposed[offset * width..][..width * wide];
                let panel = Panel::Packed(values);
                add_product::<S, FUSED>(simd, left, [0, width], panel, vectors, &mut sums[offset..], pitch);
            }
        }
    }
}

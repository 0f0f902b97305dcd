//! What a kernel makes of every place: `out[m][p] = Σ_k rows[m][k] · column[k][p]`.

// What runs under `Cpu::run` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;
use rayon::prelude::*;

use super::columns::{Columns, Source, Tap};
use super::product::{GROUP, Panel, Rows, TALL, add_product, panels};
use crate::simd::{Cpu, Vectorized};

/// Rows that one task takes, at least and at most. Together with [`GROUP`] places their sums fit a core's cache.
const ROWS: [usize; 2] = [64, 256];

/// Terms of the sums that are gathered at a time: with [`GROUP`] places they fit a core's cache.
const DEPTH: usize = 192;

/// What is done with a sum before it is put.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    /// Scale and offset by row.
    pub affine: Option<[&'a [f32]; 2]>,
    /// Something of the output's shape that is added.
    pub added: Option<&'a [f32]>,
    /// Whether what is below zero becomes zero.
    pub rectified: bool,
}

impl Finish<'_> {
    /// For a part of the output.
    pub fn part(self, first: usize) -> Self {
        Self { added: self.added.map(|added| &added[first..]), ..self }
    }
}

/// A part of a row of the output, its row, and where it lies in the output.
struct Piece<'a> {
    to: &'a mut [f32],
    row: usize,
    at: usize,
}

/// Writes `out` `[videos, count, grid]`: the sums of `rows` `[count, channels × taps]` with what the taps see.
pub(super) fn correlate(
    cpu: Cpu,
    source: &Source<'_>,
    taps: &[Tap],
    rows: &[f32],
    count: usize,
    out: &mut [f32],
    finish: Finish<'_>,
) {
    let (whole, all) = (source.places(), source.all_places());
    if out.is_empty() {
        return;
    }
    // What is gathered is gathered once for every block of rows, but all threads should have something to do.
    let groups = all.div_ceil(GROUP);
    let wanted = (4 * rayon::current_num_threads()).div_ceil(groups);
    let block = count.div_ceil(wanted).next_multiple_of(TALL).clamp(ROWS[0], ROWS[1]);
    let blocks = count.div_ceil(block);
    let mut tasks: Vec<Vec<Piece<'_>>> = Vec::new();
    tasks.resize_with(groups * blocks, Vec::new);
    for (index, mut rest) in out.chunks_mut(whole).enumerate() {
        let (video, row) = (index / count, index % count);
        let mut place = video * whole;
        let mut at = index * whole;
        while !rest.is_empty() {
            let group = place / GROUP;
            let length = ((group + 1) * GROUP - place).min(rest.len());
            let (to, behind) = rest.split_at_mut(length);
            tasks[group * blocks + row / block].push(Piece { to, row, at });
            rest = behind;
            place += length;
            at += length;
        }
    }
    let terms = source.channels * taps.len();
    let rows = Rows { values: rows, pitch: terms, count };
    tasks.into_par_iter().enumerate().for_each_init(Scratch::default, |scratch, (task, pieces)| {
        let (group, first) = (task / blocks, task % blocks * block);
        let places = group * GROUP..((group + 1) * GROUP).min(all);
        let rows = Rows { values: &rows.values[first * terms..], count: block.min(count - first), ..rows };
        cpu.run(Task { source, taps, rows, places, scratch });
        let pitch = scratch.pitch;
        let start = group * GROUP;
        for Piece { to, row, at } in pieces {
            let column = at / (whole * count) * whole + at % whole - start;
            let from = &scratch.sums[(row - first) * pitch + column..][..to.len()];
            finish.put(row, at, from, to);
        }
    });
}

impl Finish<'_> {
    fn put(&self, row: usize, at: usize, from: &[f32], to: &mut [f32]) {
        match self.affine {
            Some([scale, offset]) => {
                let (scale, offset) = (scale[row], offset[row]);
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from * scale + offset;
                }
            }
            None => to.copy_from_slice(from),
        }
        if let Some(added) = self.added {
            for (to, added) in to.iter_mut().zip(&added[at..]) {
                *to += added;
            }
        }
        if self.rectified {
            for to in to {
                // Not `max`, which would hide what is not a number.
                *to = if *to < 0.0 { 0.0 } else { *to };
            }
        }
    }
}

/// What a thread keeps between tasks.
#[derive(Default)]
struct Scratch {
    gathered: Vec<f32>,
    sums: Vec<f32>,
    pitch: usize,
}

/// Some rows at some places, into the scratch.
struct Task<'a> {
    source: &'a Source<'a>,
    taps: &'a [Tap],
    rows: Rows<'a>,
    places: std::ops::Range<usize>,
    scratch: &'a mut Scratch,
}

impl Vectorized for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, simd: S) {
        let Self { source, taps, rows, places, scratch } = self;
        let terms = source.channels * taps.len();
        let columns = Columns::new(source, taps, &places, S::F32_LANES);
        let pitch = columns.width;
        let parts = terms.div_ceil(DEPTH).max(1);
        let depth = terms.div_ceil(parts);
        scratch.pitch = pitch;
        scratch.gathered.resize(depth * GROUP, 0.0);
        scratch.sums.clear();
        scratch.sums.resize(rows.count.next_multiple_of(TALL) * pitch, 0.0);
        for first in (0..terms).step_by(depth.max(1)) {
            let own = first..(first + depth).min(terms);
            columns.gather(simd, source, taps, &own, &mut scratch.gathered);
            // A tile's rows stay in the first cache for all panels.
            for tile in (0..rows.count).step_by(TALL) {
                let values = &rows.values[tile * terms..];
                let some = Rows { values, count: TALL.min(rows.count - tile), ..rows };
                for (offset, vectors) in panels::<S>(pitch) {
                    let panel = Panel::Gathered(scratch.gathered.as_chunks().0, offset);
                    let to = &mut scratch.sums[tile * pitch + offset..];
                    add_product::<S, FUSED>(simd, some, [first, own.len()], panel, vectors, to, pitch);
                }
            }
        }
    }
}

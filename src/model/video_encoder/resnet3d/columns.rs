//! Places of videos, and what a kernel sees from them, side by side in memory.
//!
//! All volumes that a convolution reads are on the grid of places that it writes (one of stride 2 reads several: the
//! even and the odd frames, rows and columns). What a tap of the kernel sees from the places one after the other is then
//! the volume itself, shifted, but for zeros where a place sees beyond the grid.

// What runs under `Cpu::run` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use std::ops::Range;

use pulp::Simd;

use super::product::GROUP;

/// Volumes `[videos, classes, channels, time, height, width]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub values: &'a [f32],
    pub classes: usize,
    pub channels: usize,
    pub grid: [usize; 3],
}

impl Source<'_> {
    /// Places of a volume.
    pub fn places(&self) -> usize {
        self.grid.iter().product()
    }

    /// Places of all videos.
    pub fn all_places(&self) -> usize {
        self.values.len() / (self.classes * self.channels).max(1)
    }
}

/// One weight's view: into which volume, and how far from the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tap {
    pub class: usize,
    pub shift: [isize; 3],
}

/// Consecutive places of all videos, as columns.
#[derive(Debug)]
pub(super) struct Columns {
    /// Places, filled up to whole vectors.
    pub width: usize,
    segments: Vec<Segment>,
    /// Furthest shift.
    reach: isize,
}

/// Places of one video.
#[derive(Debug)]
struct Segment {
    /// Columns.
    lanes: Range<usize>,
    /// Where column 0 would be in the first volume.
    start: isize,
    /// Whether a column's place sees something, by axis and shift: `[axis, shift + reach, width]`.
    masks: Vec<u32>,
}

impl Columns {
    /// The places of a range, which are numbered through all videos.
    #[inline(always)]
    pub fn new(source: &Source<'_>, taps: &[Tap], places: &Range<usize>, lanes: usize) -> Self {
        let reach = taps.iter().flat_map(|tap| tap.shift).map(isize::abs).max().unwrap_or(0);
        let whole = source.places();
        let width = places.len().next_multiple_of(lanes);
        let mut segments = Vec::new();
        let mut at = places.start;
        while at < places.end {
            let video = at / whole;
            let next = places.end.min((video + 1) * whole);
            let lanes = at - places.start..next - places.start;
            let place = at - video * whole;
            let start = (video * source.classes * source.channels * whole + place) as isize;
            let masks = masks(source.grid, place, &lanes, width, reach);
            segments.push(Segment { start: start - lanes.start as isize, lanes, masks });
            at = next;
        }
        Self { width, segments, reach }
    }

    /// What the taps see: rows of (channel, tap), at `to[row × GROUP..]`.
    #[inline(always)]
    pub fn gather<S: Simd>(
        &self,
        simd: S,
        source: &Source<'_>,
        taps: &[Tap],
        rows: &Range<usize>,
        to: &mut [f32],
    ) {
        let [_, height, columns] = source.grid;
        let (steps, volume) = (2 * self.reach as usize + 1, source.places());
        let mut mask = [0; GROUP];
        for segment in &self.segments {
            let first = segment.lanes.start / S::F32_LANES * S::F32_LANES;
            let part = first..segment.lanes.end.next_multiple_of(S::F32_LANES);
            // Whether the first vector holds another video's end.
            let shared = segment.lanes.start > first;
            for start in rows.clone().take(taps.len()) {
                let tap = taps[start % taps.len()];
                let seen = |axis: usize| {
                    let step = (tap.shift[axis] + self.reach) as usize;
                    &segment.masks[(axis * steps + step) * self.width..][part.clone()]
                };
                let mask = &mut mask[..part.len()];
                for (((to, time), row), column) in mask.iter_mut().zip(seen(0)).zip(seen(1)).zip(seen(2)) {
                    *to = time & row & column;
                }
                let mask = S::as_simd_u32s(mask).0;
                let [along_time, along_height, along_width] = tap.shift;
                let shift = (along_time * height as isize + along_height) * columns as isize + along_width;
                let channel = tap.class * source.channels + start / taps.len();
                let mut from = segment.start + first as isize + shift + (channel * volume) as isize;
                for row in (start - rows.start..rows.len()).step_by(taps.len()) {
                    let to = &mut to[row * GROUP..][part.clone()];
                    let seen = usize::try_from(from).ok();
                    let seen = seen.and_then(|from| source.values.get(from..from + to.len()));
                    if let Some(seen) = seen {
                        join(simd, seen, mask, shared, to);
                    } else {
                        let shared = if shared { S::F32_LANES } else { 0 };
                        join_at_the_ends(source.values, from, bytemuck::cast_slice(mask), shared, to);
                    }
                    from += volume as isize;
                }
            }
        }
    }
}

/// Puts what is seen, or joins it to what is in the first vector.
#[inline(always)]
fn join<S: Simd>(simd: S, seen: &[f32], mask: &[S::u32s], shared: bool, to: &mut [f32]) {
    let (seen, to) = (S::as_simd_f32s(seen).0, S::as_mut_simd_f32s(to).0);
    let before = if shared { to.first().copied() } else { None };
    for ((to, seen), mask) in to.iter_mut().zip(seen).zip(mask) {
        *to = simd.transmute_f32s_u32s(simd.and_u32s(simd.transmute_u32s_f32s(*seen), *mask));
    }
    if let (Some(before), Some(to)) = (before, to.first_mut()) {
        let both = simd.or_u32s(simd.transmute_u32s_f32s(before), simd.transmute_u32s_f32s(*to));
        *to = simd.transmute_f32s_u32s(both);
    }
}

/// The same one by one, where vectors would reach beyond the memory.
#[cold]
fn join_at_the_ends(values: &[f32], from: isize, mask: &[u32], shared: usize, to: &mut [f32]) {
    for (lane, (to, mask)) in to.iter_mut().zip(mask).enumerate() {
        if *mask != 0 {
            *to = values[(from + lane as isize) as usize];
        } else if lane >= shared {
            *to = 0.0;
        }
    }
}

/// Which columns see something when they look so far along each axis.
#[inline(always)]
fn masks(grid: [usize; 3], first: usize, lanes: &Range<usize>, width: usize, reach: isize) -> Vec<u32> {
    let [_, height, columns] = grid;
    let steps = 2 * reach as usize + 1;
    let mut masks = vec![0; 3 * steps * width];
    let mut place = [0; 3].map(|_: i32| [0_i32; GROUP]);
    let mut at = [first / (height * columns), first / columns % height, first % columns];
    for lane in lanes.clone() {
        for (place, at) in place.iter_mut().zip(at) {
            place[lane] = at as i32;
        }
        at[2] += 1;
        if at[2] == columns {
            at = if at[1] + 1 == height { [at[0] + 1, 0, 0] } else { [at[0], at[1] + 1, 0] };
        }
    }
    for (axis, place) in place.iter().enumerate() {
        for step in 0..steps {
            let (shift, end) = ((step as isize - reach) as i32, grid[axis] as u32);
            let to = &mut masks[(axis * steps + step) * width..][lanes.clone()];
            for (to, place) in to.iter_mut().zip(&place[lanes.clone()]) {
                // What is below zero is large.
                *to = if ((place + shift) as u32) < end { u32::MAX } else { 0 };
            }
        }
    }
    masks
}

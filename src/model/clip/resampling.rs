//! One axis after the other: area where pixels are smaller than the model's, linear where they are larger.

use std::ops::Range;

/// Which source pixels make up each output pixel along one axis.
pub(super) struct Resampling {
    /// Source pixels from the first to the last that count.
    pub used: Range<usize>,
    /// For each output pixel the first source pixel, counted from the first that counts, and the weights from there on.
    taps: Vec<(usize, Vec<f32>)>,
}

impl Resampling {
    /// `ratio` source pixels per output pixel; at most `limit` outputs, from the middle.
    pub fn new(source: usize, ratio: f64, limit: usize) -> Self {
        let whole = (source as f64 / ratio).round().max(1.0) as usize;
        let count = whole.min(limit.max(1));
        // Middle of the output on the middle of the source.
        let origin = 0.5 * (source as f64 - count as f64 * ratio);
        let taps = (0..count).map(|i| {
            let (from, to) = (origin + i as f64 * ratio, origin + (i + 1) as f64 * ratio);
            if ratio >= 1.0 { area(from, to, source) } else { linear(f64::midpoint(from, to), source) }
        });
        let mut taps: Vec<(usize, Vec<f32>)> = taps.collect();
        let start = taps.iter().map(|(first, _)| *first).min().unwrap_or(0);
        let end = taps.iter().map(|(first, weights)| first + weights.len()).max().unwrap_or(0);
        for (first, _) in &mut taps {
            *first -= start;
        }
        Self { used: start..end, taps }
    }

    pub fn len(&self) -> usize {
        self.taps.len()
    }
}

/// Each source pixel by the part of it between two positions.
fn area(from: f64, to: f64, source: usize) -> (usize, Vec<f32>) {
    let (from, to) = (from.clamp(0.0, source as f64), to.clamp(0.0, source as f64));
    let first = (from.floor() as usize).min(source - 1);
    let last = (to.ceil() as usize).clamp(first + 1, source);
    let part = |i: usize| ((to.min((i + 1) as f64) - from.max(i as f64)).max(0.0)) as f32;
    let weights: Vec<f32> = (first..last).map(part).collect();
    let sum: f32 = weights.iter().sum();
    if sum > 0.0 { (first, weights.iter().map(|weight| weight / sum).collect()) } else { (first, vec![1.0]) }
}

/// The two source pixels around a position.
fn linear(position: f64, source: usize) -> (usize, Vec<f32>) {
    let at = (position - 0.5).clamp(0.0, (source - 1) as f64);
    let first = (at.floor() as usize).min(source - 1);
    let part = (at - first as f64) as f32;
    if first + 1 < source { (first, vec![1.0 - part, part]) } else { (first, vec![1.0]) }
}

/// The used part of a plane, `[height, width]`, by rows and columns.
pub(super) fn resample(plane: &[f32], rows: &Resampling, columns: &Resampling) -> Vec<f32> {
    let mut narrow = Vec::with_capacity(rows.used.len() * columns.len());
    for line in plane.chunks_exact(columns.used.len()) {
        narrow.extend(columns.taps.iter().map(|(first, weights)| {
            weights.iter().zip(&line[*first..]).map(|(weight, value)| weight * value).sum::<f32>()
        }));
    }
    let width = columns.len();
    let mut out = vec![0.0; rows.len() * width];
    for ((first, weights), line) in rows.taps.iter().zip(out.chunks_exact_mut(width)) {
        for (row, weight) in (*first..).zip(weights) {
            for (value, source) in line.iter_mut().zip(&narrow[row * width..(row + 1) * width]) {
                *value += weight * source;
            }
        }
    }
    out
}

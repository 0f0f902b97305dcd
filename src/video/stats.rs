//! Histogram and percentiles of a whole movie, from planes spread over it, so that contrast does not flicker.

use super::recording::Recording;
use super::{Plane, SampleType, VideoError};

/// Number of bins for types wider than 16 bits.
const BINS: usize = 4096;

/// Counts of one channel's values.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelStats {
    /// Value at the left edge of the first bin.
    pub lo: f64,
    /// Value range of a bin.
    pub width: f64,
    /// Samples per bin.
    pub counts: Vec<u64>,
    /// Smallest finite value seen.
    pub min: f64,
    /// Largest finite value seen.
    pub max: f64,
    /// True where each value has a bin of its own.
    exact: bool,
}

impl ChannelStats {
    fn new(dtype: SampleType, first: &Plane) -> Self {
        let (lo, hi) = match dtype {
            SampleType::U8 | SampleType::I8 | SampleType::U16 | SampleType::I16 => dtype.range(),
            _ => {
                let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
                first.for_each(|v| {
                    if v.is_finite() {
                        lo = lo.min(v);
                        hi = hi.max(v);
                    }
                });
                if lo > hi { (0.0, 1.0) } else { (lo, hi.max(lo + f64::EPSILON * lo.abs().max(1.0))) }
            }
        };
        let exact = dtype.size() <= 2 && dtype != SampleType::F16;
        let bins = if exact { (hi - lo) as usize + 1 } else { BINS };
        let width = if exact { 1.0 } else { (hi - lo) / bins as f64 };
        Self { lo, width, counts: vec![0; bins], min: f64::INFINITY, max: f64::NEG_INFINITY, exact }
    }

    /// Doubles the range, halving the resolution, until `v` falls inside.
    fn widen(&mut self, v: f64) {
        // 2000 doublings cover the whole range of f64.
        for _ in 0..2000 {
            let hi = self.lo + self.width * self.counts.len() as f64;
            if (self.lo..=hi).contains(&v) {
                return;
            }
            let half = self.counts.len() / 2;
            let merged: Vec<u64> = self.counts.chunks(2).map(|c| c.iter().sum()).collect();
            self.counts.fill(0);
            if v > hi {
                self.counts[..half].copy_from_slice(&merged);
            } else {
                self.counts[half..].copy_from_slice(&merged);
                self.lo -= self.width * self.counts.len() as f64;
            }
            self.width *= 2.0;
        }
    }

    fn add(&mut self, plane: &Plane) {
        if plane.dtype == SampleType::U8 {
            for &v in &plane.bytes {
                self.counts[v as usize] += 1;
            }
        } else if plane.dtype == SampleType::U16 {
            for v in plane.bytes.chunks_exact(2) {
                self.counts[u16::from_ne_bytes([v[0], v[1]]) as usize] += 1;
            }
        } else {
            plane.for_each(|v| {
                if !v.is_finite() {
                    return;
                }
                let mut bin = (v - self.lo) / self.width;
                if !self.exact && (bin < 0.0 || bin > self.counts.len() as f64) {
                    self.widen(v);
                    bin = (v - self.lo) / self.width;
                }
                let last = self.counts.len() - 1;
                self.counts[(bin.max(0.0) as usize).min(last)] += 1;
                self.min = self.min.min(v);
                self.max = self.max.max(v);
            });
            return;
        }
        // For the integer fast paths the extremes are read off the counts.
        if let Some(first) = self.counts.iter().position(|&n| n > 0) {
            self.min = self.lo + first as f64;
        }
        if let Some(last) = self.counts.iter().rposition(|&n| n > 0) {
            self.max = self.lo + last as f64;
        }
    }

    /// The value below which a share of the samples lies.
    pub fn percentile(&self, share: f64) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let target = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for (bin, &n) in self.counts.iter().enumerate() {
            below += n as f64;
            if below >= target && n > 0 {
                let value = self.lo + (bin as f64 + if self.exact { 0.0 } else { 0.5 }) * self.width;
                return value.clamp(self.min, self.max);
            }
        }
        self.max
    }

    /// Contrast limits at two percentiles; never empty.
    pub fn limits(&self, (low, high): (f64, f64)) -> (f64, f64) {
        if self.min > self.max {
            return (0.0, 1.0);
        }
        let (lo, hi) = (self.percentile(low), self.percentile(high));
        if hi > lo {
            return (lo, hi);
        }
        // Nearly all samples share one value: fall back to the extremes, then to a step of one.
        if self.max > self.min { (self.min, self.max) } else { (lo, lo + 1.0) }
    }
}

/// A movie's channels, and how much of it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct MovieStats {
    /// One entry per channel.
    pub channels: Vec<ChannelStats>,
    /// Planes counted.
    pub planes_seen: usize,
    /// Planes in the movie.
    pub planes: usize,
    /// Planes that could not be read.
    pub failed: usize,
}

/// Looks at planes spread evenly over time and z until all, or `budget_bytes`, are read. `publish` receives what is
/// known after the first eight time points and at the end; it returns false to stop.
pub fn scan(
    recording: &Recording,
    budget_bytes: u64,
    mut publish: impl FnMut(&MovieStats, f64) -> bool,
) -> Result<MovieStats, VideoError> {
    let shape = recording.shape();
    let sites = shape.t * shape.z;
    let per_site = (recording.plane_bytes() * shape.c).max(1) as u64;
    let count = usize::try_from(budget_bytes / per_site).unwrap_or(usize::MAX).clamp(1, sites.max(1));
    let mut channels: Vec<Option<ChannelStats>> = vec![None; shape.c];
    let mut failed = 0;
    let mut seen = 0;
    let mut first_error = None;
    let summary = |channels: &[Option<ChannelStats>], seen, failed| MovieStats {
        channels: channels.iter().flatten().cloned().collect(),
        planes_seen: seen,
        planes: shape.planes(),
        failed,
    };
    for (done, site) in spread(sites, count).into_iter().enumerate() {
        let (t, z) = (site / shape.z, site % shape.z);
        for (c, slot) in channels.iter_mut().enumerate() {
            match recording.read(t, z, c) {
                Ok(plane) => {
                    seen += 1;
                    slot.get_or_insert_with(|| ChannelStats::new(recording.series.dtype, &plane)).add(&plane);
                }
                Err(e) => {
                    failed += 1;
                    first_error.get_or_insert(e);
                }
            }
        }
        let early = done == 7 && channels.iter().all(Option::is_some);
        if (early || done % 16 == 15)
            && channels.iter().all(Option::is_some)
            && !publish(&summary(&channels, seen, failed), (done + 1) as f64 / count as f64)
        {
            break;
        }
    }
    if channels.iter().any(Option::is_none)
        && let Some(e) = first_error
    {
        return Err(e);
    }
    Ok(summary(&channels, seen, failed))
}

/// `count` of `n` sites, each in the middle of its share, in an order in which any beginning is spread over the whole as well.
fn spread(n: usize, count: usize) -> Vec<usize> {
    let count = count.min(n);
    let bits = usize::BITS - count.saturating_sub(1).leading_zeros();
    (0..1usize << bits)
        .map(|i| if bits == 0 { 0 } else { i.reverse_bits() >> (usize::BITS - bits) })
        .filter(|i| *i < count)
        .map(|i| (i * n + n / 2) / count.max(1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(dtype: SampleType, bytes: Vec<u8>) -> Plane {
        Plane { width: bytes.len() / dtype.size(), height: 1, samples: 1, dtype, bytes }
    }

    #[test]
    fn percentiles_of_a_ramp_are_those_of_numpy() {
        // numpy.percentile(arange(10001), [0.1, 50, 99.9], method="inverted_cdf") = [10, 5000, 9990]
        let bytes: Vec<u8> = (0..=10000u16).flat_map(u16::to_ne_bytes).collect();
        let plane = plane(SampleType::U16, bytes);
        let mut stats = ChannelStats::new(SampleType::U16, &plane);
        stats.add(&plane);
        assert_eq!([0.001, 0.5, 0.999].map(|p| stats.percentile(p)), [10.0, 5000.0, 9990.0]);
        assert_eq!((stats.min, stats.max), (0.0, 10000.0));
    }

    #[test]
    fn floats_that_outgrow_the_first_plane_widen_the_histogram() {
        let floats = |v: &[f32]| plane(SampleType::F32, v.iter().flat_map(|v| v.to_ne_bytes()).collect());
        let first = floats(&[0.0, 1.0]);
        let mut stats = ChannelStats::new(SampleType::F32, &first);
        stats.add(&first);
        stats.add(&floats(&[1000.0, -5.0, f32::NAN, f32::INFINITY]));
        assert_eq!((stats.min, stats.max), (-5.0, 1000.0));
        assert_eq!(stats.counts.iter().sum::<u64>(), 4);
        assert_eq!(stats.percentile(1.0), 1000.0);
        assert!((stats.percentile(0.0) + 5.0).abs() < 1.0);
    }

    #[test]
    fn a_constant_movie_still_has_a_range() {
        let plane = plane(SampleType::U8, vec![7; 100]);
        let mut stats = ChannelStats::new(SampleType::U8, &plane);
        stats.add(&plane);
        assert_eq!(stats.limits((0.001, 0.999)), (7.0, 8.0));
    }

    #[test]
    fn every_beginning_of_the_order_covers_the_movie() {
        let order = spread(510, 510);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..510).collect::<Vec<_>>());
        let mut early = order[..8].to_vec();
        early.sort_unstable();
        assert!(early.windows(2).all(|w| (40..100).contains(&(w[1] - w[0]))), "{early:?}");
    }
}

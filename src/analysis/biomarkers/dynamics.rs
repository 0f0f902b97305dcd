//! How a recording changes with time.

use super::feature::{Definition, define};
use super::flow::Flow;
use super::frame::{Frame, LEAST_LIT, ln, mean, median, places, spread};
use crate::analysis::image::Image;

const CHANGE: &str =
    "mean absolute change over the mean light in the foreground, with drift and bleaching taken out";
const FOLLOWS: &str = "correlation of frames in the foreground, with drift and bleaching taken out";
const FLOW: &str =
    "optical flow of blocks of 1.6 µm, less that of the whole picture: Lucas and Kanade 1981, Proc IJCAI 674";
const FLICKER: &str =
    "light of neighbourhoods of 0.8 µm over time: deviation over mean, and how far below the median it falls";
const PARTS: &str = "connected parts of the foreground from frame to frame (fission and fusion)";

/// Of [`dynamics`], in its order.
pub const DYNAMICS: [Definition; 18] = [
    define(
        "log_change_1",
        "ln",
        ["changes more from frame to frame", "changes less from frame to frame"],
        CHANGE,
    ),
    define("log_change_2", "ln", ["changes more within 2 frames", "changes less within 2 frames"], CHANGE),
    define("log_change_4", "ln", ["changes more within 4 frames", "changes less within 4 frames"], CHANGE),
    define("log_change_8", "ln", ["changes more within 8 frames", "changes less within 8 frames"], CHANGE),
    define("correlation_1", "", ["stiller from frame to frame", "less still from frame to frame"], FOLLOWS),
    define("correlation_4", "", ["stiller over 4 frames", "less still over 4 frames"], FOLLOWS),
    define("correlation_8", "", ["stiller over 8 frames", "less still over 8 frames"], FOLLOWS),
    define("log_flow_um_s", "ln µm/s", ["moves faster", "moves slower"], FLOW),
    define(
        "log_fast_flow_um_s",
        "ln µm/s",
        ["its fastest parts move faster", "its fastest parts move slower"],
        FLOW,
    ),
    define("flow_spread", "", ["some parts much faster than others", "all parts equally fast"], FLOW),
    define("outward_flow_um_s", "µm/s", ["moves outwards", "moves inwards"], FLOW),
    define("flow_persistence", "", ["keeps its direction", "moves to and fro"], FLOW),
    define(
        "log_slow_flow_um_s",
        "ln µm/s",
        ["its slowest parts move faster", "its slowest parts move slower"],
        FLOW,
    ),
    define("log_flicker", "ln", ["flickers more", "flickers less"], FLICKER),
    define("deepest_dip", "", ["deeper dips of brightness", "shallower dips of brightness"], FLICKER),
    define("log_pixel_variation", "ln", ["more restless", "calmer"], FLICKER),
    define("log_part_changes", "ln", ["breaks and fuses more often", "breaks and fuses less often"], PARTS),
    define("part_trend_per_s", "1/s", ["breaks up with time", "fuses with time"], PARTS),
];

/// A recording of one channel.
#[derive(Debug, Clone)]
pub struct Movie {
    /// Frames of equal size, with the camera's offset taken off.
    pub frames: Vec<Image>,
    /// Pixel size, µm.
    pub pixel_um: f64,
    /// Time between frames, s.
    pub interval_s: f64,
}

impl Movie {
    /// From counts `[time, height, width]`, with the offset to take off.
    pub fn from_counts(
        counts: &[u16],
        [height, width]: [usize; 2],
        offset: f32,
        pixel_um: f64,
        interval_s: f64,
    ) -> Self {
        let image = |frame: &[u16]| Image {
            width,
            height,
            data: frame.iter().map(|&v| f32::from(v) - offset).collect(),
        };
        let frames = counts.chunks_exact(width * height).map(image).collect();
        Self { frames, pixel_um, interval_s }
    }
}

/// How a recording changes with time, in the order of [`DYNAMICS`]; zeros for fewer than two frames.
///
/// Bleaching is divided out, and the drift of the whole picture is taken off the flow.
pub fn dynamics(movie: &Movie) -> [f64; DYNAMICS.len()] {
    if movie.frames.len() < 2 {
        return [0.0; DYNAMICS.len()];
    }
    let frames: Vec<Frame> = movie.frames.iter().map(|frame| Frame::new(frame, movie.pixel_um)).collect();
    changes(&frames.iter().collect::<Vec<_>>(), movie.interval_s)
}

/// As [`dynamics`].
pub(super) fn changes(frames: &[&Frame], interval_s: f64) -> [f64; DYNAMICS.len()] {
    let [first, _, ..] = frames else { return [0.0; DYNAMICS.len()] };
    let pixel_um = first.pixel_um;
    let mut bright = first.mask.clone();
    for frame in frames {
        bright.data.iter_mut().zip(&frame.mask.data).for_each(|(bright, own)| *bright |= own);
    }
    let lit = bright.places();
    if lit.len() < LEAST_LIT {
        return [0.0; DYNAMICS.len()];
    }
    // Every frame with the same light on average.
    let normal = |frame: &&Frame| {
        let (dark, light) = (frame.background, frame.light as f32);
        Image { data: frame.smooth.data.iter().map(|v| (v - dark) / light).collect(), ..frame.smooth }
    };
    let normal: Vec<Image> = frames.iter().map(normal).collect();
    let flow = Flow::new(&normal, pixel_um, interval_s);
    let drifts = flow.drifts();
    let places: Vec<(usize, [usize; 2])> =
        places(&lit, first.mask.width).map(|(i, place)| (i, place.map(|v| v as usize))).collect();
    let [change_1, change_2, change_4, change_8] =
        [1, 2, 4, 8].map(|lag| compare(&normal, &drifts, &places, lag));
    let series: Vec<Vec<f64>> = flicker_series(&normal, &lit, pixel_um);
    let variation = series.iter().map(|s| spread(s).1 / spread(s).0.max(1e-6));
    let lowest = |s: &[f64]| s.iter().copied().fold(f64::INFINITY, f64::min);
    let mut dips: Vec<f64> = series.iter().map(|s| 1.0 - lowest(s) / median(s).max(1e-6)).collect();
    dips.sort_by(f64::total_cmp);
    let pixel = pixel_variation(&normal, &lit);
    let counts: Vec<f64> = frames.iter().map(|frame| frame.count() as f64).collect();
    let jumps = mean(counts.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
    let level = mean(counts.iter().copied()).max(1.0);
    let trend = (counts[counts.len() - 1] - counts[0]) / level / interval_s / (counts.len() - 1) as f64;
    [
        ln(change_1.0),
        ln(change_2.0),
        ln(change_4.0),
        ln(change_8.0),
        change_1.1,
        change_4.1,
        change_8.1,
        ln(flow.mean),
        ln(flow.fast),
        flow.spread,
        flow.outward,
        flow.persistence,
        ln(flow.slow),
        ln(mean(variation)),
        dips[dips.len() * 95 / 100],
        ln(pixel),
        ln(jumps / level),
        trend,
    ]
}

/// Deviation over mean of each pixel over time, on average.
fn pixel_variation(frames: &[Image], lit: &[usize]) -> f64 {
    // All pixels frame by frame: that is how they lie in memory.
    let n = frames.len() as f64;
    let mut means = vec![0.0; lit.len()];
    for frame in frames {
        means.iter_mut().zip(lit).for_each(|(sum, &i)| *sum += f64::from(frame.data[i]));
    }
    for sum in &mut means {
        *sum /= n;
    }
    let mut squares = vec![0.0; lit.len()];
    for frame in frames {
        for ((sum, mean), &i) in squares.iter_mut().zip(&means).zip(lit) {
            *sum += (f64::from(frame.data[i]) - mean).powi(2);
        }
    }
    mean(squares.iter().zip(&means).map(|(sum, m)| (sum / n).sqrt() / m.max(1e-6)))
}

/// Light of neighbourhoods over time: wide enough that movement matters less than brightness.
fn flicker_series(frames: &[Image], lit: &[usize], pixel_um: f64) -> Vec<Vec<f64>> {
    let step = ((1.0 / pixel_um) as usize).max(1);
    let wide: Vec<Image> =
        frames.iter().map(|frame| frame.blur_rows((0.8 / pixel_um) as f32, step)).collect();
    let width = frames[0].width;
    let sampled = places(lit, width).filter_map(|(_, [x, y])| {
        let (x, y) = (x as usize, y as usize);
        (x.is_multiple_of(step) && y.is_multiple_of(step)).then_some(y / step * width + x)
    });
    let series: Vec<Vec<f64>> =
        sampled.map(|i| wide.iter().map(|frame| f64::from(frame.data[i])).collect()).collect();
    if series.is_empty() { vec![vec![1.0; frames.len()]] } else { series }
}

/// Mean absolute change relative to the light, and correlation, of frames `lag` apart with the drift taken out.
fn compare(frames: &[Image], drifts: &[[f64; 2]], lit: &[(usize, [usize; 2])], lag: usize) -> (f64, f64) {
    let (mut change, mut correlation, mut n) = (0.0, 0.0, 0.0);
    let lag = lag.min(frames.len() - 1);
    for t in 0..frames.len() - lag {
        let shift = [drifts[t + lag][0] - drifts[t][0], drifts[t + lag][1] - drifts[t][1]];
        let moved = Moved::new(&frames[t + lag], shift);
        let (mut sum, mut a1, mut b1, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for &(i, [x, y]) in lit {
            let a = f64::from(frames[t].data[i]);
            let b = moved.value(x, y);
            sum += (a - b).abs();
            a1 += a;
            b1 += b;
            aa += a * a;
            bb += b * b;
            ab += a * b;
        }
        let m = lit.len() as f64;
        let covariance = ab / m - a1 / m * b1 / m;
        let deviations = ((aa / m - (a1 / m).powi(2)) * (bb / m - (b1 / m).powi(2))).max(1e-12).sqrt();
        change += sum / f64::midpoint(a1, b1).max(1e-6);
        correlation += covariance / deviations;
        n += 1.0;
    }
    (change / n, correlation / n)
}

/// A picture that is looked at beside its pixels.
struct Moved<'a> {
    image: &'a Image,
    columns: Vec<Between>,
    rows: Vec<Between>,
}

/// The two pixels around a place along one axis, and how near it is to the second.
#[derive(Clone, Copy)]
struct Between {
    first: usize,
    second: usize,
    part: f64,
}

impl Between {
    /// For each of `n` places, moved by `shift` and kept inside.
    fn all(n: usize, shift: f64) -> Vec<Self> {
        let of = |at: usize| {
            let at = (at as f64 + shift).clamp(0.0, (n - 1) as f64);
            let first = at as usize;
            Self { first, second: (first + 1).min(n - 1), part: at.fract() }
        };
        (0..n).map(of).collect()
    }
}

impl<'a> Moved<'a> {
    fn new(image: &'a Image, shift: [f64; 2]) -> Self {
        let [columns, rows] =
            [(image.width, shift[0]), (image.height, shift[1])].map(|(n, by)| Between::all(n, by));
        Self { image, columns, rows }
    }

    fn value(&self, x: usize, y: usize) -> f64 {
        let (x, y) = (self.columns[x], self.rows[y]);
        let v = |x: usize, y: usize| f64::from(self.image.data[y * self.image.width + x]);
        let line = |row: usize| v(x.first, row) * (1.0 - x.part) + v(x.second, row) * x.part;
        line(y.first) * (1.0 - y.part) + line(y.second) * y.part
    }
}

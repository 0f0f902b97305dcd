//! How much detail there is of which size.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]
// Loops over numbers are unrolled, and what they index stays in registers.
#![allow(clippy::needless_range_loop)]

use pulp::Simd;

use super::feature::{Definition, define};
use super::frame::{Frame, slope};
use crate::simd::{Cpu, Vectorized};

const WELCH: &str = "spectra of rows and columns in overlapping segments under a Hann window, summed up: Welch 1967, IEEE Trans \
                     Audio Electroacoust 15:70";

/// Of [`spectrum`], in its order.
pub const SPECTRUM: [Definition; 5] = [
    define("spectrum_slope", "", ["finer on the whole", "coarser on the whole"], WELCH),
    define("log_power_4_um", "ln", ["more structure of 4 µm", "less structure of 4 µm"], WELCH),
    define("log_power_2_um", "ln", ["more structure of 2 µm", "less structure of 2 µm"], WELCH),
    define("log_power_1_um", "ln", ["more structure of 1 µm", "less structure of 1 µm"], WELCH),
    define("log_power_0_5_um", "ln", ["more structure of 0.5 µm", "less structure of 0.5 µm"], WELCH),
];

/// Frequencies between the bands, cycles/µm: octaves around 1/4, 1/2, 1 and 2.
const EDGES: [f64; 5] = [0.177, 0.354, 0.707, 1.414, 2.828];

/// Longest and shortest segment, pixels; powers of two.
const SEGMENT: usize = 256;
const LEAST_SEGMENT: usize = 8;

/// Of so many rows and columns one is looked at: those beside it show the same.
const EVERY: usize = 2;

/// Part of the power that is added before a logarithm is taken.
const NOTHING: f64 = 1e-4;

/// Slope of the logarithm of power over that of frequency, and of the parts of the power in four octaves their logarithm;
/// zeros of a picture that is too small.
pub(super) fn spectrum(frame: &Frame) -> [f64; SPECTRUM.len()] {
    let (w, h) = (frame.image.width, frame.image.height);
    let Some(fft) = Fft::fitting(w.min(h)) else { return [0.0; SPECTRUM.len()] };
    let data = &frame.image.data;
    let rows = (0..h).step_by(EVERY).map(|y| (y * w, 1, w));
    let columns = (0..w).step_by(EVERY).map(|x| (x, w, h));
    let mut power = vec![0.0; fft.size / 2 + 1];
    let mut bundle = Bundle::new(&fft, &mut power);
    for (start, step, length) in rows.chain(columns) {
        for segment in fft.segments(length) {
            bundle.add(data[start..].iter().step_by(step).skip(segment).copied());
        }
    }
    bundle.finish();
    let per_bin = 1.0 / (fft.size as f64 * frame.pixel_um);
    let total: f64 = power.iter().skip(1).sum();
    if total <= 0.0 {
        return [0.0; SPECTRUM.len()];
    }
    let bins = || power.iter().enumerate().skip(1).map(move |(k, power)| (k as f64 * per_bin, power / total));
    let nyquist = 0.5 / frame.pixel_um;
    let fitted = bins().filter(|(f, _)| (EDGES[0]..=EDGES[4].min(0.8 * nyquist)).contains(f));
    let (places, values): (Vec<f64>, Vec<f64>) =
        fitted.map(|(f, part)| (f.ln(), (part + 1e-12).ln())).unzip();
    let band = |low: f64, high: f64| {
        let part: f64 = bins().filter(|(f, _)| (low..high).contains(f)).map(|(_, part)| part).sum();
        (part + NOTHING).ln()
    };
    let [a, b, c, d, e] = EDGES;
    [slope(&places, &values), band(a, b), band(b, c), band(c, d), band(d, e)]
}

/// Segments that are transformed side by side, two to each: as the real and the imaginary part.
const LANES: usize = 8;

/// A number of each of the segments that are transformed side by side.
type Lanes = [f32; LANES];

/// Fourier transform of segments of one length: Cooley and Tukey 1965, Math Comput 19:297.
struct Fft {
    size: usize,
    /// cos and −sin of 2πk/size.
    turns: Vec<[f32; 2]>,
    window: Vec<f32>,
    /// Where each value comes from: its index with the bits in reverse.
    order: Vec<usize>,
}

impl Fft {
    /// Of the longest segments that fit into lines of this length; `None` where they would be too short.
    fn fitting(length: usize) -> Option<Self> {
        let size = (1_usize << length.checked_ilog2()?).min(SEGMENT);
        if size < LEAST_SEGMENT {
            return None;
        }
        let angle = |k: usize| 2.0 * std::f64::consts::PI * k as f64 / size as f64;
        let bits = size.ilog2();
        Some(Self {
            size,
            turns: (0..size / 2).map(|k| [angle(k).cos() as f32, -angle(k).sin() as f32]).collect(),
            window: (0..size).map(|k| (0.5 - 0.5 * angle(k).cos()) as f32).collect(),
            order: (0..size).map(|k| k.reverse_bits() >> (usize::BITS - bits)).collect(),
        })
    }

    /// Where the segments of a line of this length start.
    fn segments(&self, length: usize) -> impl Iterator<Item = usize> + use<> {
        let (size, count) = (self.size, length.div_ceil(self.size));
        (0..count).map(move |number| number * (length - size) / (count - 1).max(1))
    }
}

/// Segments on their way to a power spectrum.
struct Bundle<'a> {
    fft: &'a Fft,
    /// From frequency 0 to half a cycle per pixel.
    power: &'a mut [f64],
    re: Vec<Lanes>,
    im: Vec<Lanes>,
    count: usize,
    segment: Vec<f32>,
}

impl<'a> Bundle<'a> {
    fn new(fft: &'a Fft, power: &'a mut [f64]) -> Self {
        let [re, im] = [(); 2].map(|()| vec![[0.0; LANES]; fft.size]);
        Self { fft, power, re, im, count: 0, segment: Vec::with_capacity(fft.size) }
    }

    /// Adds the power of the first values: without their mean, under the window, in the order in which the transform begins.
    fn add(&mut self, values: impl Iterator<Item = f32>) {
        let fft = self.fft;
        self.segment.clear();
        self.segment.extend(values.take(fft.size));
        let mean = self.segment.iter().sum::<f32>() / fft.size as f32;
        let (into, lane) =
            if self.count < LANES { (&mut self.re, self.count) } else { (&mut self.im, self.count - LANES) };
        for (into, &from) in into.iter_mut().zip(&fft.order) {
            into[lane] = fft.window[from] * (self.segment[from] - mean);
        }
        self.count += 1;
        if self.count == 2 * LANES {
            self.finish();
        }
    }

    /// Transforms what is there.
    fn finish(&mut self) {
        if self.count == 0 {
            return;
        }
        Cpu::detect().run(Transform { fft: self.fft, re: &mut self.re, im: &mut self.im });
        let n = self.fft.size;
        for (k, power) in self.power.iter_mut().enumerate() {
            for number in [k, (n - k) % n] {
                let squares = self.re[number].iter().chain(&self.im[number]).map(|x| f64::from(*x).powi(2));
                *power += 0.5 * squares.sum::<f64>();
            }
        }
        self.re.fill([0.0; LANES]);
        self.im.fill([0.0; LANES]);
        self.count = 0;
    }
}

struct Transform<'a> {
    fft: &'a Fft,
    re: &'a mut [Lanes],
    im: &'a mut [Lanes],
}

impl Vectorized for Transform<'_> {
    type Output = ();

    // Products and sums apart, never fused: every CPU gives the same numbers.
    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) {
        let Fft { size, turns, .. } = self.fft;
        let mut half = 1;
        while half < *size {
            let stride = size / (2 * half);
            for (re, im) in self.re.chunks_exact_mut(2 * half).zip(self.im.chunks_exact_mut(2 * half)) {
                let ((re, far_re), (im, far_im)) = (re.split_at_mut(half), im.split_at_mut(half));
                let turns = turns.iter().step_by(stride);
                let near = re.iter_mut().zip(im.iter_mut());
                let far = far_re.iter_mut().zip(far_im.iter_mut());
                for (((re, im), (far_re, far_im)), [cos, sin]) in near.zip(far).zip(turns) {
                    for i in 0..LANES {
                        let (x, y) = (far_re[i], far_im[i]);
                        let turned = [x * cos - y * sin, x * sin + y * cos];
                        (far_re[i], far_im[i]) = (re[i] - turned[0], im[i] - turned[1]);
                        (re[i], im[i]) = (re[i] + turned[0], im[i] + turned[1]);
                    }
                }
            }
            half *= 2;
        }
    }
}

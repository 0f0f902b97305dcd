//! How much detail there is of which size.

use super::feature::{Definition, define};
use super::frame::{Frame, slope};

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
    let mut power = vec![0.0; fft.size / 2 + 1];
    for row in frame.image.data.chunks_exact(w).step_by(EVERY) {
        fft.add_power(row, &mut power);
    }
    let mut line = vec![0.0; h];
    for x in (0..w).step_by(EVERY) {
        let column = frame.image.data.iter().skip(x).step_by(w);
        line.iter_mut().zip(column).for_each(|(out, v)| *out = *v);
        fft.add_power(&line, &mut power);
    }
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

    /// Adds the power of a line's segments, from frequency 0 to half a cycle per pixel.
    fn add_power(&self, line: &[f32], power: &mut [f64]) {
        let n = self.size;
        let count = line.len().div_ceil(n);
        // Two segments at a time, as the real and the imaginary part of one.
        let start = |number: usize| number * (line.len() - n) / (count - 1).max(1);
        let (mut re, mut im) = (vec![0.0; n], vec![0.0; n]);
        for first in (0..count).step_by(2) {
            self.windowed(&line[start(first)..start(first) + n], &mut re);
            if first + 1 < count {
                self.windowed(&line[start(first + 1)..start(first + 1) + n], &mut im);
            } else {
                im.fill(0.0);
            }
            self.transform(&mut re, &mut im);
            for (k, power) in power.iter_mut().enumerate() {
                let square = |k: usize| f64::from(re[k]).powi(2) + f64::from(im[k]).powi(2);
                *power += 0.5 * (square(k) + square((n - k) % n));
            }
        }
    }

    /// A segment without its mean under the window, in the order in which the transform begins.
    fn windowed(&self, segment: &[f32], out: &mut [f32]) {
        let mean = segment.iter().sum::<f32>() / segment.len() as f32;
        for (out, &from) in out.iter_mut().zip(&self.order) {
            *out = self.window[from] * (segment[from] - mean);
        }
    }

    fn transform(&self, re: &mut [f32], im: &mut [f32]) {
        let mut half = 1;
        while half < self.size {
            let stride = self.size / (2 * half);
            for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
                let ((re, far_re), (im, far_im)) = (re.split_at_mut(half), im.split_at_mut(half));
                let turns = self.turns.iter().step_by(stride);
                let near = re.iter_mut().zip(im.iter_mut());
                let far = far_re.iter_mut().zip(far_im.iter_mut());
                for (((re, im), (far_re, far_im)), [cos, sin]) in near.zip(far).zip(turns) {
                    let turned = [*far_re * cos - *far_im * sin, *far_re * sin + *far_im * cos];
                    (*far_re, *far_im) = (*re - turned[0], *im - turned[1]);
                    (*re, *im) = (*re + turned[0], *im + turned[1]);
                }
            }
            half *= 2;
        }
    }
}

//! From clips to the network's input: intensity scaled per experiment, geometry, order of frames.

use serde::{Deserialize, Serialize};

use super::card::InputSpec;
use super::clip::Clip;

/// How intensities of an experiment (or of one plate of it) are scaled: `(value − background) / scale`.
///
/// Measured on negative controls where there are any, never on a single video and never from the display contrast:
/// brightness *is* the membrane potential.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Intensity {
    /// Value of no light: mean over videos of their 5th percentile.
    pub background: f32,
    /// Mean above background.
    pub scale: f32,
}

impl Intensity {
    /// Of one channel of some clips; `None` without clips or without light.
    pub fn of(clips: impl IntoIterator<Item = Moments>) -> Option<Self> {
        let (mut low, mut mean, mut n) = (0.0, 0.0, 0.0);
        for moments in clips {
            low += moments.low;
            mean += moments.mean;
            n += 1.0;
        }
        let (background, mean) = (low / n, mean / n);
        let scale = mean - background;
        (scale > 0.0 && scale.is_finite())
            .then_some(Self { background: background as f32, scale: scale as f32 })
    }
}

/// Raw values of one channel of a clip, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// 5th percentile.
    pub low: f64,
    /// Mean.
    pub mean: f64,
    /// Mean of the squares.
    pub square: f64,
}

impl Moments {
    /// Of one channel, which must exist.
    pub fn of(clip: &Clip, channel: usize) -> Self {
        let [_, frames, height, width] = clip.shape;
        let n = frames * height * width;
        let mut histogram = vec![0_u32; 65_536];
        for &code in &clip.codes[channel * n..(channel + 1) * n] {
            histogram[code as usize] += 1;
        }
        let value = |code: usize| f64::from(clip.offset) + f64::from(clip.step) * code as f64;
        let (mut seen, mut low, mut sum, mut squares) = (0_u64, None, 0.0, 0.0);
        for (code, &count) in histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
            seen += u64::from(count);
            if low.is_none() && seen * 20 > n as u64 {
                low = Some(value(code));
            }
            sum += f64::from(count) * value(code);
            squares += f64::from(count) * value(code).powi(2);
        }
        let n = n.max(1) as f64;
        Self { low: low.unwrap_or(0.0), mean: sum / n, square: squares / n }
    }

    /// Mean and mean square after scaling.
    pub fn scaled(&self, intensity: Intensity) -> (f64, f64) {
        let (b, s) = (f64::from(intensity.background), f64::from(intensity.scale));
        ((self.mean - b) / s, (self.square - 2.0 * b * self.mean + b * b) / (s * s))
    }
}

/// Which frames the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// The video.
    #[default]
    Video,
    /// Its middle frame again and again: what a picture alone can tell.
    Single,
    /// Its frames in another order: what pictures without movement can tell.
    Shuffled,
}

/// How a clip is looked at: augmentation in training, the middle of it otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Canvas position of output pixel (x, y), both from the centre: `[a, b, c, d]·(x, y) + shift`.
    pub matrix: [f32; 4],
    /// Canvas pixels.
    pub shift: [f32; 2],
    /// Factor of the scaled intensity.
    pub gain: f32,
    /// Frame of the clip for each frame of the input.
    pub frames: Vec<usize>,
}

impl View {
    /// The middle, upright.
    pub fn upright(count: usize, frames: Frames, row_id: &str) -> Self {
        let order = match frames {
            Frames::Video => (0..count).collect(),
            Frames::Single => vec![count / 2; count],
            Frames::Shuffled => {
                use rand::seq::SliceRandom;
                let mut order: Vec<usize> = (0..count).collect();
                order.shuffle(&mut crate::random::stream(0, &["shuffled frames", row_id]));
                order
            }
        };
        Self { matrix: [1.0, 0.0, 0.0, 1.0], shift: [0.0; 2], gain: 1.0, frames: order }
    }
}

/// Writes a clip as the network sees it: `[channel, time, height, width]`, normalised by the card's mean and deviation.
/// Outside of the clip is background.
pub fn fill(clip: &Clip, intensity: &[Intensity], spec: &InputSpec, view: &View, out: &mut [f32]) {
    let [channels, frames, height, width] = clip.shape;
    let size = spec.size;
    let taps = taps(view, size, [height, width]);
    let plane = height * width;
    for c in 0..spec.channels.len() {
        let channel = c.min(channels - 1);
        let scaling = intensity[c.min(intensity.len() - 1)];
        let (mean, deviation) = (spec.mean[c], spec.std[c].max(1e-6));
        // value = offset + step·code, then background and scale, then mean and deviation: one line.
        let gain = view.gain / (scaling.scale * deviation);
        let slope = clip.step * gain;
        let level = (clip.offset - scaling.background) * gain;
        let dark = -mean / deviation;
        for (k, &frame) in view.frames.iter().take(spec.frames).enumerate() {
            let at = (channel * frames + frame.min(frames - 1)) * plane;
            let source = &clip.codes[at..at + plane];
            let target = &mut out[(c * spec.frames + k) * size * size..][..size * size];
            for (value, tap) in target.iter_mut().zip(&taps) {
                let mut sum = 0.0;
                for (index, weight) in tap.index.iter().zip(tap.weight) {
                    sum += weight * (slope * f32::from(source[*index as usize]) + level);
                }
                *value = sum + dark;
            }
        }
    }
}

/// Four source pixels with their weights; weights outside of the clip are zero.
#[derive(Clone, Copy)]
struct Tap {
    index: [u32; 4],
    weight: [f32; 4],
}

/// Bilinear taps of every output pixel; the same for all frames and channels.
fn taps(view: &View, size: usize, [height, width]: [usize; 2]) -> Vec<Tap> {
    let centre = 0.5 * (size as f32 - 1.0);
    let middle = [0.5 * (width as f32 - 1.0), 0.5 * (height as f32 - 1.0)];
    let [a, b, c, d] = view.matrix;
    let mut taps = Vec::with_capacity(size * size);
    for y in 0..size {
        for x in 0..size {
            let (dx, dy) = (x as f32 - centre, y as f32 - centre);
            let px = a * dx + b * dy + view.shift[0] + middle[0];
            let py = c * dx + d * dy + view.shift[1] + middle[1];
            let (fx, fy) = (px.floor(), py.floor());
            let (wx, wy) = (px - fx, py - fy);
            let mut tap = Tap { index: [0; 4], weight: [0.0; 4] };
            for (i, (ox, oy)) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].into_iter().enumerate() {
                let (sx, sy) = (fx + ox, fy + oy);
                if sx < 0.0 || sy < 0.0 || sx >= width as f32 || sy >= height as f32 {
                    continue;
                }
                tap.index[i] = sy as u32 * width as u32 + sx as u32;
                tap.weight[i] = (if ox > 0.0 { wx } else { 1.0 - wx }) * if oy > 0.0 { wy } else { 1.0 - wy };
            }
            taps.push(tap);
        }
    }
    taps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clip::Mismatch;

    fn spec(size: usize) -> InputSpec {
        InputSpec {
            channels: vec!["mitochondria".into()],
            frames: 4,
            size,
            pixel_size_um: Some(0.4),
            interval_s: Some(5.0),
            masked: false,
            mean: vec![0.5],
            std: vec![2.0],
        }
    }

    fn clip() -> Clip {
        let values: Vec<f32> = (0..4 * 36).map(|i| 100.0 + (i % 6) as f32 + 10.0 * (i / 36) as f32).collect();
        Clip::from_values([1, 4, 6, 6], &values, Mismatch::default())
    }

    #[test]
    fn the_middle_is_copied_and_scaled() {
        let intensity = [Intensity { background: 100.0, scale: 4.0 }];
        let mut out = vec![0.0; 4 * 16];
        fill(&clip(), &intensity, &spec(4), &View::upright(4, Frames::Video, "a"), &mut out);
        // Column 1 of frame 0: value 101, (101 − 100)/4 = 0.25, (0.25 − 0.5)/2.
        assert!((out[0] + 0.125).abs() < 1e-3, "{}", out[0]);
        assert!((out[16] - ((11.0 / 4.0) - 0.5) / 2.0).abs() < 1e-3);
    }

    #[test]
    fn a_quarter_turn_maps_columns_to_rows_and_outside_is_background() {
        let intensity = [Intensity { background: 100.0, scale: 1.0 }];
        let mut out = vec![0.0; 4 * 64];
        let mut view = View::upright(4, Frames::Single, "a");
        view.matrix = [0.0, 1.0, -1.0, 0.0];
        fill(&clip(), &intensity, &spec(8), &view, &mut out);
        // The clip is 6 px wide, the input 8: a border of one is background.
        assert!((out[0] + 0.25).abs() < 1e-4);
        let at = |x: usize, y: usize| out[y * 8 + x] * 2.0 + 0.5;
        assert!((at(1, 1) - at(6, 1)).abs() < 1e-3, "rows are constant now");
        assert!((at(3, 2) - at(3, 1) - 1.0).abs() < 1e-2);
        assert_eq!(out[..64], out[64..128], "one frame again and again");
    }

    #[test]
    fn brightness_is_scaled_by_the_controls_not_by_the_video() {
        let flat = |value: f32| {
            let values: Vec<f32> = (0..400).map(|i| if i % 4 == 0 { 10.0 } else { value }).collect();
            Clip::from_values([1, 4, 10, 10], &values, Mismatch::default())
        };
        let control = flat(50.0);
        let measured = Intensity::of([Moments::of(&control, 0)]).unwrap();
        assert!((measured.background - 10.0).abs() < 0.01 && (measured.scale - 30.0).abs() < 0.01);
        assert_eq!(Intensity::of([Moments::of(&flat(10.0), 0)]), None, "no light");
        assert_eq!(Intensity::of([]), None);
        let (mean, square) = Moments::of(&control, 0).scaled(measured);
        assert!((mean - 1.0).abs() < 1e-3 && (square - 0.75 * (40.0_f64 / 30.0).powi(2)).abs() < 1e-3);
    }

    #[test]
    fn frames_are_shuffled_the_same_way_each_time() {
        let order = |id| View::upright(16, Frames::Shuffled, id).frames;
        assert_eq!(order("a"), order("a"));
        assert_ne!(order("a"), order("b"));
        let mut sorted = order("a");
        sorted.sort_unstable();
        assert_eq!(sorted, (0..16).collect::<Vec<_>>());
    }
}

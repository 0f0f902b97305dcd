//! Grain: grey levels side by side, and what openings of growing size take away.

use super::feature::{Definition, define};
use super::frame::{Frame, sum_of};
use crate::analysis::image::Image;

const GREY: &str = "grey levels of pixels 0.5 µm apart, 16 from the background to the 99.5th percentile, mean over four \
                    directions: Haralick et al. 1973, IEEE Trans Syst Man Cybern 3:610";
const GRAINS: &str = "part of the light that openings by squares of growing width take away: Maragos 1989, IEEE Trans Pattern \
                      Anal Mach Intell 11:701";

/// Of [`texture`], in its order.
pub const TEXTURE: [Definition; 7] = [
    define("grey_contrast", "", ["rougher texture", "smoother texture"], GREY),
    define("grey_correlation", "", ["longer-ranging texture", "shorter-ranging texture"], GREY),
    define("grey_entropy", "bit", ["more varied texture", "more uniform texture"], GREY),
    define("grains_0_6_um", "", ["more grains below 0.6 µm", "fewer grains below 0.6 µm"], GRAINS),
    define("grains_1_um", "", ["more grains of 0.6 to 1 µm", "fewer grains of 0.6 to 1 µm"], GRAINS),
    define("grains_2_um", "", ["more grains of 1 to 2 µm", "fewer grains of 1 to 2 µm"], GRAINS),
    define("grains_4_um", "", ["more grains of 2 to 4 µm", "fewer grains of 2 to 4 µm"], GRAINS),
];

/// Grey levels.
const LEVELS: usize = 16;

/// Of one frame, blurred by 0.2 µm: below that there is noise.
pub(super) fn texture(frame: &Frame) -> [f64; TEXTURE.len()] {
    let image = &frame.smooth;
    let distance = ((0.5 / frame.pixel_um).round() as usize).max(1);
    let [contrast, correlation, entropy] = grey(&levels(frame), image.width, distance);
    let light = |image: &Image| sum_of(&image.data, |v| f64::from((v - frame.background).max(0.0)));
    let all = light(image);
    let mut left = all;
    let grains = [0.6, 1.0, 2.0, 4.0].map(|um: f64| {
        let now = light(&image.opening((0.5 * (um / frame.pixel_um - 1.0)).round().max(0.0) as usize));
        let taken = left - now;
        left = now;
        if all > 0.0 { taken / all } else { 0.0 }
    });
    let [finest, fine, middle, coarse] = grains;
    [contrast, correlation, entropy, finest, fine, middle, coarse]
}

/// Grey level of each pixel.
fn levels(frame: &Frame) -> Vec<u8> {
    let [top] = frame.smooth.quantiles([0.995]);
    let step = (top - frame.background) / LEVELS as f32;
    if step > 0.0 {
        let levels = frame.smooth.levels(frame.background, step, LEVELS as u16 - 1);
        levels.into_iter().map(|level| level as u8).collect()
    } else {
        vec![0; frame.smooth.data.len()]
    }
}

/// Contrast, correlation and entropy (bits) of grey levels, the mean over four directions, with every pair counted both ways.
pub(super) fn grey(levels: &[u8], width: usize, distance: usize) -> [f64; 3] {
    let height = levels.len() / width.max(1);
    let mut sums = [0.0; 3];
    for (dx, dy) in [(1, 0), (1, 1), (0, 1), (-1, 1)] {
        // Neighbours are often alike: counted in turns, so that no count waits for the one before.
        let mut pairs = [[0_u32; LEVELS * LEVELS]; 2];
        if (dx != 0 && distance >= width) || (dy != 0 && distance >= height) {
            continue;
        }
        let down = if dy == 0 { 0 } else { distance };
        let length = if dx == 0 { width } else { width - distance };
        let (from, to) = match dx {
            0 => (0, 0),
            1 => (0, distance),
            _ => (distance, 0),
        };
        for y in 0..height - down {
            let one = &levels[y * width + from..y * width + from + length];
            let other = &levels[(y + down) * width + to..(y + down) * width + to + length];
            let place = |a: u8, b: u8| (usize::from(a) * LEVELS + usize::from(b)) & (LEVELS * LEVELS - 1);
            let ((ones, one), (others, other)) = (one.as_chunks::<2>(), other.as_chunks::<2>());
            for ([a, next_a], [b, next_b]) in ones.iter().zip(others) {
                pairs[0][place(*a, *b)] += 1;
                pairs[1][place(*next_a, *next_b)] += 1;
            }
            for (a, b) in one.iter().zip(other) {
                pairs[0][place(*a, *b)] += 1;
            }
        }
        let [mut pairs, others] = pairs;
        pairs.iter_mut().zip(others).for_each(|(pairs, others)| *pairs += others);
        for (sum, value) in sums.iter_mut().zip(moments(&pairs)) {
            *sum += 0.25 * value;
        }
    }
    sums
}

/// Contrast, correlation and entropy of counts of pairs; zeros of none.
fn moments(pairs: &[u32]) -> [f64; 3] {
    let total: f64 = pairs.iter().map(|&n| f64::from(n)).sum();
    if total == 0.0 {
        return [0.0; 3];
    }
    let p = |i: usize, j: usize| 0.5 * f64::from(pairs[i * LEVELS + j] + pairs[j * LEVELS + i]) / total;
    let (mut contrast, mut entropy, mut mean, mut square, mut product) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for i in 0..LEVELS {
        for j in 0..LEVELS {
            let (p, x, y) = (p(i, j), i as f64, j as f64);
            if p > 0.0 {
                contrast += p * (x - y).powi(2);
                entropy -= p * p.log2();
                mean += p * x;
                square += p * x * x;
                product += p * x * y;
            }
        }
    }
    let variance = square - mean * mean;
    [contrast, if variance > 1e-12 { (product - mean * mean) / variance } else { 0.0 }, entropy]
}

//! Shape and brightness of what is bright in one frame.

use super::feature::{Definition, define};
use super::frame::{Frame, LEAST_LIT, LEAST_PART, gradient, ln, mean, places, spread};
use crate::analysis::image::Image;

const OURS: &str = "the foreground is brighter than its surroundings (difference of Gaussians of 0.13 and 0.9 µm above Otsu's \
                    threshold), the background the 10th percentile; definition in the source code";
const LINES: &str = "the foreground thinned to lines: Zhang and Suen 1984, Commun ACM 27:236";
const BANDS: &str = "root mean square of a difference of Gaussians in the foreground, relative to its brightness: \
                     Marr and Hildreth 1980, Proc R Soc B 207:187";
const TENSOR: &str = "structure tensor: Bigün and Granlund 1987, Proc ICCV 433";
const MOMENTS: &str = "moments of the light of the foreground: Hu 1962, IRE Trans Inf Theory 8:179";

/// Of [`morphology`], in its order.
pub const MORPHOLOGY: [Definition; 22] = [
    define("log_mean_intensity", "ln counts", ["brighter", "dimmer"], OURS),
    define("log_total_intensity", "ln counts µm²", ["more stain in all", "less stain in all"], OURS),
    define("log_area_um2", "ln µm²", ["larger network", "smaller network"], OURS),
    define("log_parts", "ln", ["in more pieces", "in fewer pieces"], OURS),
    define("log_length_um", "ln µm", ["longer network", "shorter network"], LINES),
    define("log_length_per_part_um", "ln µm", ["longer pieces", "shorter pieces"], LINES),
    define("log_width_um", "ln µm", ["thicker", "thinner"], LINES),
    define("branch_points_per_um", "1/µm", ["more branched", "less branched"], LINES),
    define("ends_per_um", "1/µm", ["more loose ends", "fewer loose ends"], LINES),
    define("largest_part", "", ["more in one piece", "less in one piece"], OURS),
    define("intensity_variation", "", ["more uneven brightness", "more even brightness"], OURS),
    define(
        "variation_between_parts",
        "",
        ["pieces differ more in brightness", "pieces differ less in brightness"],
        OURS,
    ),
    define("fine_texture", "ln", ["more detail of 0.3 µm", "less detail of 0.3 µm"], BANDS),
    define("middle_texture", "ln", ["more detail of 0.6 µm", "less detail of 0.6 µm"], BANDS),
    define("coarse_texture", "ln", ["more detail of 1.2 µm", "less detail of 1.2 µm"], BANDS),
    define("log_radius_um", "ln µm", ["more spread out", "closer to its centre"], MOMENTS),
    define(
        "radius_variation",
        "",
        ["from the centre to far out", "all at one distance from the centre"],
        MOMENTS,
    ),
    define("order", "", ["more in one direction", "less in one direction"], TENSOR),
    define("local_order", "", ["neighbours more parallel", "neighbours less parallel"], TENSOR),
    define("log_elongation", "ln", ["more elongated as a whole", "rounder as a whole"], MOMENTS),
    define("centre_brightness", "", ["brighter around its centre", "darker around its centre"], OURS),
    define("haze", "", ["more haze between structures", "less haze between structures"], OURS),
];

/// Shape and brightness in one frame, in the order of [`MORPHOLOGY`]; zeros where nothing is bright.
pub fn morphology(image: &Image, pixel_um: f64) -> [f64; MORPHOLOGY.len()] {
    shape(&Frame::new(image, pixel_um))
}

/// As [`morphology`].
pub(super) fn shape(frame: &Frame) -> [f64; MORPHOLOGY.len()] {
    let Frame { image, pixel_um, mask, lit, label, sizes, .. } = frame;
    let pixel_um = *pixel_um;
    if lit.len() < LEAST_LIT {
        return [0.0; MORPHOLOGY.len()];
    }
    let light = |i: usize| frame.above(i);
    let values = frame.values();
    let (brightness, variation) = spread(&values);
    let brightness = brightness.max(1e-3);
    let skeleton = mask.skeleton();
    let line = skeleton.places();
    let length = (line.len() as f64 * pixel_um).max(pixel_um);
    let degrees: Vec<usize> =
        line.iter().map(|i| skeleton.neighbours(i % mask.width, i / mask.width)).collect();
    let branches = degrees.iter().filter(|&&degree| degree > 2).count() as f64;
    let ends = degrees.iter().filter(|&&degree| degree == 1).count() as f64;
    let parts = frame.count().max(1) as f64;
    let mut sums = vec![0.0; sizes.len()];
    for (&i, value) in lit.iter().zip(&values) {
        sums[label[i] as usize] += value;
    }
    let counted = sums.iter().zip(sizes).filter(|(_, n)| **n >= LEAST_PART);
    let means: Vec<f64> = counted.map(|(sum, n)| sum / *n as f64).collect();
    let area = lit.len() as f64 * pixel_um * pixel_um;
    let [b4, b8, b16] = [0.4, 0.8, 1.6].map(|um| image.blur((um / pixel_um) as f32));
    let texture = |fine: &Image, coarse: &Image| {
        let square = |&i: &usize| f64::from(fine.data[i] - coarse.data[i]).powi(2);
        ln(mean(lit.iter().map(square)).sqrt() / brightness)
    };
    let place = Placement::new(lit, &values, mask.width, pixel_um);
    let (order, local_order) = orientation(&frame.smooth, lit, pixel_um);
    let centre = mean(place.within(mask.width, mask.height, 2.5 / pixel_um).map(light)) / brightness;
    let around = place.within(mask.width, mask.height, place.radius_um / pixel_um);
    let haze = mean(around.filter(|&i| !mask.data[i]).map(light)) / brightness;
    [
        ln(brightness),
        ln(brightness * area),
        ln(area),
        parts.ln(),
        ln(length),
        ln(length / parts),
        ln(area / length),
        branches / length,
        ends / length,
        sizes.iter().max().copied().unwrap_or(0) as f64 / lit.len() as f64,
        variation / brightness,
        spread(&means).1 / brightness,
        texture(&frame.smooth, &b4),
        texture(&b4, &b8),
        texture(&b8, &b16),
        ln(place.radius_um),
        place.radius_variation,
        order,
        local_order,
        place.log_elongation,
        centre,
        haze,
    ]
}

/// Where the light is.
struct Placement {
    centre: [f64; 2],
    radius_um: f64,
    radius_variation: f64,
    log_elongation: f64,
}

impl Placement {
    fn new(lit: &[usize], values: &[f64], width: usize, pixel_um: f64) -> Self {
        let weights: Vec<f64> = values.iter().map(|v| v.max(0.0)).collect();
        let total = weights.iter().sum::<f64>().max(1e-9);
        let places: Vec<[f64; 2]> = places(lit, width).map(|(_, place)| place).collect();
        let centre = [0, 1]
            .map(|axis| places.iter().zip(&weights).map(|(place, v)| v * place[axis]).sum::<f64>() / total);
        let (mut sum, [mut xx, mut yy, mut xy]) = (0.0, [0.0; 3]);
        let mut distances = Vec::with_capacity(places.len());
        for ([x, y], v) in places.into_iter().zip(&weights) {
            let (x, y) = (x - centre[0], y - centre[1]);
            let distance = (x * x + y * y).sqrt();
            distances.push(distance);
            sum += v * distance;
            xx += v * x * x;
            yy += v * y * y;
            xy += v * x * y;
        }
        let radius = (sum / total).max(1e-3);
        let squares = distances.iter().zip(&weights).map(|(distance, v)| v * (distance - radius).powi(2));
        let variance = squares.sum::<f64>() / total;
        let [xx, yy, xy] = [xx, yy, xy].map(|sum| sum / total);
        let half = f64::midpoint(xx, yy);
        let root = (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
        Self {
            centre,
            radius_um: radius * pixel_um,
            radius_variation: variance.sqrt() / radius,
            log_elongation: 0.5 * ln((half + root) / (half - root).max(1e-6)),
        }
    }

    /// Pixels that are nearer to the centre than `radius` pixels.
    fn within(&self, width: usize, height: usize, radius: f64) -> impl Iterator<Item = usize> {
        let [cx, cy] = self.centre;
        let range = |centre: f64, limit: usize| {
            (centre - radius).floor().max(0.0) as usize
                ..((centre + radius).ceil() as usize).saturating_add(1).min(limit)
        };
        let columns = range(cx, width);
        range(cy, height).flat_map(move |y| {
            let inside =
                move |x: &usize| (*x as f64 - cx).powi(2) + (y as f64 - cy).powi(2) < radius * radius;
            columns.clone().filter(inside).map(move |x| y * width + x)
        })
    }
}

/// How much lines share one direction in the whole picture, and near each other: 0 to 1 (structure tensor).
fn orientation(image: &Image, lit: &[usize], pixel_um: f64) -> (f64, f64) {
    let (gx, gy) = gradient(image);
    let product = |f: fn(f32, f32) -> f32| {
        let data = gx.data.iter().zip(&gy.data).map(|(&x, &y)| f(x, y)).collect();
        Image { data, ..*image }
    };
    let smooth = (1.0 / pixel_um) as f32;
    let cos = product(|x, y| x * x - y * y);
    let sin = product(|x, y| 2.0 * x * y);
    let norm = product(|x, y| x * x + y * y);
    let sum = |image: &Image| lit.iter().map(|&i| f64::from(image.data[i])).sum::<f64>();
    let order = sum(&cos).hypot(sum(&sin)) / sum(&norm).max(1e-9);
    let (cos, sin, norm) = (cos.blur(smooth), sin.blur(smooth), norm.blur(smooth));
    let local = lit.iter().map(|&i| f64::from(cos.data[i].hypot(sin.data[i]) / norm.data[i].max(1e-9)));
    (order, mean(local))
}

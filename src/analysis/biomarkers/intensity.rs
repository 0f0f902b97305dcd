//! How bright a picture is, and how its light is distributed.

use super::feature::{Definition, define};
use super::frame::{Frame, LEAST_LIT, skewness, skewness_of, sum_of};

const PICTURE: &str =
    "all pixels above the 10th percentile: mean, deviation over mean, third standardised moment";
const TAIL: &str =
    "99th percentile less the median, over the middle half of the pixels: Hogg 1974, J Am Stat Assoc 69:909";
const WITHIN: &str =
    "pixels of the foreground above background: their 90th and 10th percentile over their median";

/// Of [`intensity`], in its order.
pub const INTENSITY: [Definition; 7] = [
    define("log_light", "ln counts", ["brighter as a whole", "dimmer as a whole"], PICTURE),
    define("picture_variation", "", ["more contrast", "less contrast"], PICTURE),
    define(
        "picture_skewness",
        "",
        ["few bright spots in the dark", "light spread over the picture"],
        PICTURE,
    ),
    define("log_tail", "ln", ["brighter bright spots", "dimmer bright spots"], TAIL),
    define(
        "log_bright_end",
        "ln",
        ["its brightest parts stand out more", "its brightest parts stand out less"],
        WITHIN,
    ),
    define("log_dim_end", "ln", ["its dimmest parts less dim", "its dimmest parts dimmer"], WITHIN),
    define("foreground_skewness", "", ["few very bright parts", "no very bright parts"], WITHIN),
];

/// Of one frame.
pub(super) fn intensity(frame: &Frame) -> [f64; INTENSITY.len()] {
    let [deviation, picture_skewness] = moments(&frame.image.data, f64::from(frame.background));
    let [low, middle, high, top] = frame.image.quantiles([0.25, 0.5, 0.75, 0.99]).map(f64::from);
    let tail = top - middle;
    // Counts are whole numbers: the middle half of a dark picture may have one value.
    let floor = 0.01 * tail + 1e-9;
    let mut within = frame.values();
    within.sort_by(f64::total_cmp);
    let ends = if within.len() < LEAST_LIT {
        [0.0; 3]
    } else {
        let at = |part: f64| within[((within.len() - 1) as f64 * part).round() as usize].max(1e-3);
        [(at(0.9) / at(0.5)).ln(), (at(0.1) / at(0.5)).ln(), skewness(&within)]
    };
    let [bright, dim, lit_skewness] = ends;
    [
        frame.light.ln(),
        deviation / frame.light,
        picture_skewness,
        ((tail + floor) / (high - low + floor)).ln(),
        bright,
        dim,
        lit_skewness,
    ]
}

/// Deviation and third standardised moment of all pixels above background.
fn moments(values: &[f32], background: f64) -> [f64; 2] {
    let n = values.len().max(1) as f64;
    let mean = sum_of(values, |v| f64::from(v) - background) / n;
    let apart = |v: f32| f64::from(v) - background - mean;
    let deviation = (sum_of(values, |v| apart(v).powi(2)) / n).sqrt();
    let third = sum_of(values, |v| apart(v).powi(3)) / n;
    [deviation, skewness_of(mean, deviation, third)]
}

//! Two channels of one frame.

use super::feature::{Definition, define};
use super::frame::{Frame, LEAST_LIT, correlation, mean};

const PEARSON: &str = "Pearson's correlation where one of the two is in the foreground: Manders et al. 1992, J Cell Sci 103:857";
const MANDERS: &str = "part of one channel's light above background that lies in the other's foreground: Manders et al. 1993, J \
                       Microsc 169:375";
const RATIO: &str =
    "logarithm of the ratio of both means above background where one of the two is in the foreground";

/// Of [`between`], in its order; the first channel is the one that is named first.
pub const BETWEEN: [Definition; 4] = [
    define("correlation", "", ["the two stains more alike", "the two stains less alike"], PEARSON),
    define(
        "overlap",
        "",
        ["more of the first stain lies in the second", "less of the first stain lies in the second"],
        MANDERS,
    ),
    define(
        "overlapped",
        "",
        ["more of the second stain lies in the first", "less of the second stain lies in the first"],
        MANDERS,
    ),
    define(
        "log_ratio",
        "ln",
        ["the first stain brighter beside the second", "the first stain dimmer beside the second"],
        RATIO,
    ),
];

/// Of two channels; zeros where nothing is bright.
pub(super) fn between(one: &Frame, other: &Frame) -> [f64; BETWEEN.len()] {
    let either: Vec<usize> =
        (0..one.mask.data.len()).filter(|&i| one.mask.data[i] || other.mask.data[i]).collect();
    if either.len() < LEAST_LIT {
        return [0.0; BETWEEN.len()];
    }
    let light = |frame: &Frame| mean(either.iter().map(|&i| frame.above(i))).max(1e-3);
    [
        correlation(either.iter().map(|&i| (one.above(i), other.above(i)))),
        overlap(one, other),
        overlap(other, one),
        (light(one) / light(other)).ln(),
    ]
}

/// Part of the light of a channel's foreground that lies in another's.
fn overlap(of: &Frame, within: &Frame) -> f64 {
    let (mut all, mut inside) = (0.0, 0.0);
    for &i in &of.lit {
        let light = of.above(i).max(0.0);
        all += light;
        inside += if within.mask.data[i] { light } else { 0.0 };
    }
    if all > 0.0 { inside / all } else { 0.0 }
}

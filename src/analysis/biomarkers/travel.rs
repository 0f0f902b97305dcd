//! Where parts go, and whether the light lasts.

use super::feature::{Definition, define};
use super::frame::{Frame, LEAST_PART, mean, median, slope, spread};

const TRACKS: &str = "parts of the foreground, each with the one whose centre of light is nearest to its own in the next frame \
                      and the other way round, at most 2 µm away: nearest neighbours as in Meijering et al. 2012, Methods \
                      Enzymol 504:183";
const LIGHT: &str =
    "straight line through the logarithm of the mean light above background over time, and what is beside it";

/// Of [`travel`], in its order.
pub const TRAVEL: [Definition; 4] = [
    define("log_drift_um_s", "ln µm/s", ["moves faster as a whole", "moves slower as a whole"], TRACKS),
    define("log_part_speed_um_s", "ln µm/s", ["pieces travel faster", "pieces travel slower"], TRACKS),
    define("light_trend_per_s", "1/s", ["brightens with time", "fades with time"], LIGHT),
    define(
        "light_unrest",
        "",
        ["brightness as a whole less steady", "brightness as a whole steadier"],
        LIGHT,
    ),
];

/// Furthest that a part goes from frame to frame, µm.
const REACH_UM: f64 = 2.0;

/// Parts of a frame that are followed; a picture that has more is noise.
const MOST: usize = 500;

/// Parts that must be followed before the whole picture's movement is taken off theirs.
const FEWEST: usize = 3;

/// Speed that is added before a logarithm is taken, µm/s: what is slower stands still.
const STILL: f64 = 1e-3;

/// Of frames in the order of time; zeros for fewer than two.
pub(super) fn travel(frames: &[&Frame], interval_s: f64) -> [f64; TRAVEL.len()] {
    let [first, _, ..] = frames else { return [0.0; TRAVEL.len()] };
    let reach = REACH_UM / first.pixel_um;
    let scale = first.pixel_um / interval_s;
    let centres: Vec<Vec<[f64; 2]>> = frames.iter().map(|frame| centres(frame)).collect();
    let (mut drifts, mut speeds) = (Vec::new(), Vec::new());
    for pair in centres.windows(2) {
        let steps = steps(&pair[0], &pair[1], reach);
        if steps.is_empty() {
            continue;
        }
        let whole = [0, 1].map(|axis| median(&steps.iter().map(|step| step[axis]).collect::<Vec<f64>>()));
        drifts.push(whole[0].hypot(whole[1]) * scale);
        if steps.len() >= FEWEST {
            speeds.extend(steps.iter().map(|step| (step[0] - whole[0]).hypot(step[1] - whole[1]) * scale));
        }
    }
    let times: Vec<f64> = (0..frames.len()).map(|t| t as f64 * interval_s).collect();
    let light: Vec<f64> = frames.iter().map(|frame| frame.light.ln()).collect();
    let trend = slope(&times, &light);
    let beside: Vec<f64> = light.iter().zip(&times).map(|(light, time)| light - trend * time).collect();
    [(mean(drifts) + STILL).ln(), (median(&speeds) + STILL).ln(), trend, spread(&beside).1]
}

/// Centres of light of the parts, pixels.
fn centres(frame: &Frame) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0; 3]; frame.sizes.len()];
    for (i, [x, y]) in frame.places() {
        let light = frame.above(i).max(1e-9);
        let [total, sum_x, sum_y] = &mut sums[frame.label[i] as usize];
        *total += light;
        *sum_x += light * x;
        *sum_y += light * y;
    }
    let large = sums.iter().zip(&frame.sizes).filter(|(_, size)| **size >= LEAST_PART).take(MOST);
    large.map(|([total, x, y], _)| [x / total, y / total]).collect()
}

/// How far parts go that are each other's nearest, pixels.
fn steps(from: &[[f64; 2]], to: &[[f64; 2]], reach: f64) -> Vec<[f64; 2]> {
    let square = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let nearest = |of: &[f64; 2], among: &[[f64; 2]]| {
        let nearer = |a: &usize, b: &usize| square(of, &among[*a]).total_cmp(&square(of, &among[*b]));
        (0..among.len()).min_by(nearer)
    };
    let step = |(place, start): (usize, &[f64; 2])| {
        let next = nearest(start, to)?;
        let end = &to[next];
        let both = nearest(end, from) == Some(place) && square(start, end) <= reach * reach;
        both.then(|| [end[0] - start[0], end[1] - start[1]])
    };
    from.iter().enumerate().filter_map(step).collect()
}

//! Classical biomarkers of mitochondria: shape in a frame, and how frames follow each other.
//!
//! Lengths are in µm and times in seconds, so that recordings of different calibration compare. Most values are
//! logarithms, because they differ by factors.

use super::image::{Image, Mask};

/// Names of the values of [`morphology`].
pub const MORPHOLOGY: [&str; 22] = [
    "log_mean_intensity",
    "log_total_intensity",
    "log_area_um2",
    "log_parts",
    "log_length_um",
    "log_length_per_part_um",
    "log_width_um",
    "branch_points_per_um",
    "ends_per_um",
    "largest_part",
    "intensity_variation",
    "variation_between_parts",
    "fine_texture",
    "middle_texture",
    "coarse_texture",
    "log_radius_um",
    "radius_variation",
    "order",
    "local_order",
    "log_elongation",
    "hollow",
    "haze",
];

/// Names of the values of [`dynamics`].
pub const DYNAMICS: [&str; 18] = [
    "log_change_1",
    "log_change_2",
    "log_change_4",
    "log_change_8",
    "correlation_1",
    "correlation_4",
    "correlation_8",
    "log_flow_um_s",
    "log_fast_flow_um_s",
    "flow_spread",
    "outward_flow_um_s",
    "flow_persistence",
    "log_slow_flow_um_s",
    "log_flicker",
    "deepest_dip",
    "log_pixel_variation",
    "log_part_changes",
    "part_trend_per_s",
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

/// Where mitochondria are: brighter than their surroundings.
fn foreground(image: &Image, pixel_um: f64) -> Mask {
    let fine = image.blur((0.13 / pixel_um) as f32).minus(&image.blur((0.9 / pixel_um) as f32));
    fine.above(fine.otsu())
}

fn ln(v: f64) -> f64 {
    v.max(1e-9).ln()
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for v in values {
        sum += v;
        n += 1.0;
    }
    if n > 0.0 { sum / n } else { 0.0 }
}

/// Mean and deviation.
fn spread(values: &[f64]) -> (f64, f64) {
    let m = mean(values.iter().copied());
    (m, mean(values.iter().map(|v| (v - m).powi(2))).sqrt())
}

/// Shape and brightness in one frame, in the order of [`MORPHOLOGY`].
pub fn morphology(image: &Image, pixel_um: f64) -> [f64; MORPHOLOGY.len()] {
    let mask = foreground(image, pixel_um);
    let background = f64::from(image.quantile(0.1));
    let lit: Vec<usize> = (0..mask.data.len()).filter(|&i| mask.data[i]).collect();
    if lit.len() < 4 {
        return [0.0; MORPHOLOGY.len()];
    }
    let light = |i: usize| f64::from(image.data[i]) - background;
    let values: Vec<f64> = lit.iter().map(|&i| light(i)).collect();
    let (brightness, variation) = spread(&values);
    let brightness = brightness.max(1e-3);
    let skeleton = mask.skeleton();
    let line: Vec<usize> = (0..skeleton.data.len()).filter(|&i| skeleton.data[i]).collect();
    let length = (line.len() as f64 * pixel_um).max(pixel_um);
    let degree = |i: usize| skeleton.neighbours(i % mask.width, i / mask.width);
    let branches = line.iter().filter(|&&i| degree(i) > 2).count() as f64;
    let ends = line.iter().filter(|&&i| degree(i) == 1).count() as f64;
    let (label, sizes) = mask.parts();
    let parts = sizes.iter().filter(|&&n| n >= 4).count().max(1) as f64;
    let mut sums = vec![0.0; sizes.len()];
    for &i in &lit {
        sums[label[i]] += light(i);
    }
    let means: Vec<f64> =
        sums.iter().zip(&sizes).filter(|(_, n)| **n >= 4).map(|(s, n)| s / *n as f64).collect();
    let area = lit.len() as f64 * pixel_um * pixel_um;
    let bands: Vec<Image> =
        [0.2, 0.4, 0.8, 1.6].iter().map(|um| image.blur((um / pixel_um) as f32)).collect();
    let texture = |i: usize| {
        let band = bands[i].minus(&bands[i + 1]);
        ln(mean(lit.iter().map(|&i| f64::from(band.data[i]).powi(2))).sqrt() / brightness)
    };
    let place = Placement::new(&lit, &values, mask.width, pixel_um);
    let (order, local_order) = orientation(&bands[0], &lit, pixel_um);
    let hollow = mean(pixels_within(&place, mask.width, mask.height, 2.5 / pixel_um).map(light)) / brightness;
    let around: Vec<f64> = pixels_within(&place, mask.width, mask.height, place.radius_um / pixel_um)
        .filter(|&i| !mask.data[i])
        .map(light)
        .collect();
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
        texture(0),
        texture(1),
        texture(2),
        ln(place.radius_um),
        place.radius_variation,
        order,
        local_order,
        place.log_elongation,
        hollow,
        mean(around) / brightness,
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
        let at = |i: usize| [(i % width) as f64, (i / width) as f64];
        let total: f64 = values.iter().map(|v| v.max(0.0)).sum::<f64>().max(1e-9);
        let weighted = |f: &dyn Fn([f64; 2]) -> f64| {
            lit.iter().zip(values).map(|(&i, v)| v.max(0.0) * f(at(i))).sum::<f64>() / total
        };
        let centre = [weighted(&|p| p[0]), weighted(&|p| p[1])];
        let distance = |p: [f64; 2]| (p[0] - centre[0]).hypot(p[1] - centre[1]);
        let radius = weighted(&distance).max(1e-3);
        let variance = weighted(&|p| (distance(p) - radius).powi(2));
        let [xx, yy, xy] =
            [(0, 0), (1, 1), (0, 1)].map(|(a, b)| weighted(&|p| (p[a] - centre[a]) * (p[b] - centre[b])));
        let half = f64::midpoint(xx, yy);
        let root = (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
        Self {
            centre,
            radius_um: radius * pixel_um,
            radius_variation: variance.sqrt() / radius,
            log_elongation: 0.5 * ln((half + root) / (half - root).max(1e-6)),
        }
    }
}

fn pixels_within(place: &Placement, width: usize, height: usize, radius: f64) -> impl Iterator<Item = usize> {
    let [cx, cy] = place.centre;
    (0..width * height).filter(move |i| ((i % width) as f64 - cx).hypot((i / width) as f64 - cy) < radius)
}

/// How much lines share one direction in the whole picture, and near each other: 0 to 1 (structure tensor).
fn orientation(image: &Image, lit: &[usize], pixel_um: f64) -> (f64, f64) {
    let (gx, gy) = gradient(image);
    let product = |f: &dyn Fn(f32, f32) -> f32| {
        let data = gx.data.iter().zip(&gy.data).map(|(&x, &y)| f(x, y)).collect();
        Image { data, ..*image }
    };
    let smooth = (1.0 / pixel_um) as f32;
    let cos = product(&|x, y| x * x - y * y);
    let sin = product(&|x, y| 2.0 * x * y);
    let norm = product(&|x, y| x * x + y * y);
    let sum = |image: &Image| lit.iter().map(|&i| f64::from(image.data[i])).sum::<f64>();
    let order = sum(&cos).hypot(sum(&sin)) / sum(&norm).max(1e-9);
    let (cos, sin, norm) = (cos.blur(smooth), sin.blur(smooth), norm.blur(smooth));
    let local = lit.iter().map(|&i| f64::from(cos.data[i].hypot(sin.data[i]) / norm.data[i].max(1e-9)));
    (order, mean(local))
}

/// Central differences.
fn gradient(image: &Image) -> (Image, Image) {
    let (w, h) = (image.width, image.height);
    let along = |dx: usize, dy: usize| {
        let data = (0..w * h).map(|i| {
            let (x, y) = (i % w, i / w);
            let (x1, y1) = ((x + dx).min(w - 1), (y + dy).min(h - 1));
            let (x0, y0) = (x.saturating_sub(dx), y.saturating_sub(dy));
            0.5 * (image.data[y1 * w + x1] - image.data[y0 * w + x0])
        });
        Image { width: w, height: h, data: data.collect() }
    };
    (along(1, 0), along(0, 1))
}

/// How a recording changes with time, in the order of [`DYNAMICS`]; zeros for fewer than two frames.
///
/// Bleaching is divided out, and the drift of the whole picture is taken off the flow.
pub fn dynamics(movie: &Movie) -> [f64; DYNAMICS.len()] {
    let Some(first) = movie.frames.first().filter(|_| movie.frames.len() > 1) else {
        return [0.0; DYNAMICS.len()];
    };
    let smooth = (0.2 / movie.pixel_um) as f32;
    // Every frame with the same light on average.
    let frames: Vec<Image> = (movie.frames.iter())
        .map(|frame| {
            let dark = frame.quantile(0.1);
            let light = mean(frame.data.iter().map(|v| f64::from(v - dark))).max(1e-3) as f32;
            let data = frame.data.iter().map(|v| (v - dark) / light).collect();
            Image { data, ..*frame }.blur(smooth)
        })
        .collect();
    let masks: Vec<Mask> = movie.frames.iter().map(|frame| foreground(frame, movie.pixel_um)).collect();
    let lit: Vec<usize> = (0..first.data.len()).filter(|&i| masks.iter().any(|mask| mask.data[i])).collect();
    if lit.len() < 4 {
        return [0.0; DYNAMICS.len()];
    }
    let flow = Flow::new(&frames, movie);
    let drifts: Vec<[f64; 2]> = flow.drifts(frames.len());
    let [change_1, change_2, change_4, change_8] =
        [1, 2, 4, 8].map(|lag| compare(&frames, &drifts, &lit, lag));
    let series: Vec<Vec<f64>> = flicker_series(&frames, &lit, movie.pixel_um);
    let medians: Vec<f64> = series.iter().map(|s| median(s)).collect();
    let variation = series.iter().map(|s| spread(s).1 / spread(s).0.max(1e-6));
    let lowest = |s: &Vec<f64>| s.iter().copied().fold(f64::INFINITY, f64::min);
    let mut dips: Vec<f64> =
        series.iter().zip(&medians).map(|(s, m)| 1.0 - lowest(s) / m.max(1e-6)).collect();
    dips.sort_by(f64::total_cmp);
    let pixel = lit.iter().map(|&i| {
        let values: Vec<f64> = frames.iter().map(|frame| f64::from(frame.data[i])).collect();
        let (m, sd) = spread(&values);
        sd / m.max(1e-6)
    });
    let counts: Vec<f64> =
        masks.iter().map(|mask| mask.parts().1.iter().filter(|&&n| n >= 4).count() as f64).collect();
    let jumps = mean(counts.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
    let level = mean(counts.iter().copied()).max(1.0);
    let trend = (counts[counts.len() - 1] - counts[0]) / level / movie.interval_s / (counts.len() - 1) as f64;
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
        ln(mean(pixel)),
        ln(jumps / level),
        trend,
    ]
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Light of neighbourhoods over time: wide enough that movement matters less than brightness.
fn flicker_series(frames: &[Image], lit: &[usize], pixel_um: f64) -> Vec<Vec<f64>> {
    let wide: Vec<Image> = frames.iter().map(|frame| frame.blur((0.8 / pixel_um) as f32)).collect();
    let step = ((1.0 / pixel_um) as usize).max(1);
    let sampled = lit.iter().filter(|&&i| {
        (i % frames[0].width).is_multiple_of(step) && (i / frames[0].width).is_multiple_of(step)
    });
    let series: Vec<Vec<f64>> =
        sampled.map(|&i| wide.iter().map(|frame| f64::from(frame.data[i])).collect()).collect();
    if series.is_empty() { vec![vec![1.0; frames.len()]] } else { series }
}

/// Mean absolute change relative to the light, and correlation, of frames `lag` apart with the drift taken out.
fn compare(frames: &[Image], drifts: &[[f64; 2]], lit: &[usize], lag: usize) -> (f64, f64) {
    let (mut change, mut correlation, mut n) = (0.0, 0.0, 0.0);
    let lag = lag.min(frames.len() - 1);
    for t in 0..frames.len() - lag {
        let shift = [drifts[t + lag][0] - drifts[t][0], drifts[t + lag][1] - drifts[t][1]];
        let (mut sum, mut a1, mut b1, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for &i in lit {
            let a = f64::from(frames[t].data[i]);
            let b = sample(&frames[t + lag], i, shift);
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

/// Value beside pixel `i`, between pixels.
fn sample(image: &Image, i: usize, shift: [f64; 2]) -> f64 {
    let (w, h) = (image.width, image.height);
    let x = ((i % w) as f64 + shift[0]).clamp(0.0, (w - 1) as f64);
    let y = ((i / w) as f64 + shift[1]).clamp(0.0, (h - 1) as f64);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let (fx, fy) = (x.fract(), y.fract());
    let v = |x: usize, y: usize| f64::from(image.data[y * w + x]);
    (v(x0, y0) * (1.0 - fx) + v(x1, y0) * fx) * (1.0 - fy) + (v(x0, y1) * (1.0 - fx) + v(x1, y1) * fx) * fy
}

/// Optical flow of blocks: Lucas and Kanade 1981, one step per pair of frames.
struct Flow {
    mean: f64,
    fast: f64,
    slow: f64,
    spread: f64,
    outward: f64,
    persistence: f64,
    /// Movement of the whole picture between frames, pixels.
    steps: Vec<[f64; 2]>,
}

impl Flow {
    fn new(frames: &[Image], movie: &Movie) -> Self {
        let block = ((1.6 / movie.pixel_um) as usize).max(3);
        let scale = movie.pixel_um / movie.interval_s;
        let (mut steps, mut speeds, mut outward) = (Vec::new(), Vec::new(), Vec::new());
        let (mut along, mut squares) = (0.0, 0.0);
        let mut before: Option<Vec<Option<[f64; 2]>>> = None;
        for pair in frames.windows(2) {
            let blocks = block_flow(&pair[0], &pair[1], block);
            let known: Vec<_> = blocks.iter().flatten().collect();
            let drift = [0, 1].map(|axis| {
                let values: Vec<f64> = known.iter().map(|flow| flow[axis]).collect();
                if values.is_empty() { 0.0 } else { median(&values) }
            });
            steps.push(drift);
            let across = pair[0].width / block;
            let own: Vec<Option<[f64; 2]>> =
                blocks.iter().map(|flow| flow.map(|flow| [flow[0] - drift[0], flow[1] - drift[1]])).collect();
            for (i, flow) in own.iter().enumerate() {
                let Some([u, v]) = *flow else { continue };
                speeds.push(u.hypot(v) * scale);
                let x = ((i % across) as f64 + 0.5) * block as f64 - pair[0].width as f64 / 2.0;
                let y = ((i / across) as f64 + 0.5) * block as f64 - pair[0].height as f64 / 2.0;
                outward.push((u * x + v * y) / x.hypot(y).max(1.0) * scale);
            }
            if let Some(before) = &before {
                for (a, b) in before.iter().zip(&own) {
                    if let (Some(a), Some(b)) = (a, b) {
                        along += a[0] * b[0] + a[1] * b[1];
                        squares += 0.5 * (a[0] * a[0] + a[1] * a[1] + b[0] * b[0] + b[1] * b[1]);
                    }
                }
            }
            before = Some(own);
        }
        speeds.sort_by(f64::total_cmp);
        let quantile = |part: usize| speeds.get(speeds.len() * part / 100).copied().unwrap_or(0.0);
        let (mean_speed, deviation) = spread(&speeds);
        Self {
            mean: mean_speed,
            fast: quantile(95),
            slow: quantile(25),
            spread: deviation / mean_speed.max(1e-6),
            outward: mean(outward),
            persistence: along / f64::max(squares, 1e-9),
            steps,
        }
    }

    /// Where the picture has moved to in each frame, pixels.
    fn drifts(&self, frames: usize) -> Vec<[f64; 2]> {
        let mut drifts = vec![[0.0; 2]];
        for step in self.steps.iter().take(frames - 1) {
            let last = drifts[drifts.len() - 1];
            drifts.push([last[0] + step[0], last[1] + step[1]]);
        }
        drifts
    }
}

/// Movement of each block of pixels that has enough structure to tell it.
fn block_flow(from: &Image, to: &Image, block: usize) -> Vec<Option<[f64; 2]>> {
    let (gx, gy) = gradient(&Image {
        data: from.data.iter().zip(&to.data).map(|(a, b)| f32::midpoint(*a, *b)).collect(),
        ..*from
    });
    let (w, h) = (from.width, from.height);
    let level = mean(gx.data.iter().zip(&gy.data).map(|(x, y)| f64::from(x * x + y * y)));
    let mut blocks = Vec::new();
    for y0 in (0..h / block).map(|y| y * block) {
        for x0 in (0..w / block).map(|x| x * block) {
            let (mut xx, mut yy, mut xy, mut xt, mut yt) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for y in y0..y0 + block {
                for i in y * w + x0..y * w + x0 + block {
                    let (gx, gy) = (f64::from(gx.data[i]), f64::from(gy.data[i]));
                    let dt = f64::from(to.data[i] - from.data[i]);
                    xx += gx * gx;
                    yy += gy * gy;
                    xy += gx * gy;
                    xt += gx * dt;
                    yt += gy * dt;
                }
            }
            let n = (block * block) as f64;
            // Along a line movement cannot be told: such directions are damped.
            let (xx, yy) = (xx + 0.3 * level * n, yy + 0.3 * level * n);
            let det = xx * yy - xy * xy;
            let strong = xx + yy > 2.0 * level * n;
            blocks.push(strong.then(|| [-(yy * xt - xy * yt) / det, -(xx * yt - xy * xt) / det]));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXEL_UM: f64 = 0.2;

    /// Rods of 3 µm along x, as Gaussian lines; each at its place in pixels.
    fn rods(places: &[[f32; 2]]) -> Image {
        let mut data = vec![10.0_f32; 96 * 96];
        for (i, v) in data.iter_mut().enumerate() {
            let (x, y) = ((i % 96) as f32, (i / 96) as f32);
            for [px, py] in places {
                let along = ((x - px).abs() - 7.5).max(0.0);
                *v += 200.0 * (-0.5 * (along * along + (y - py) * (y - py)) / (1.1 * 1.1)).exp();
            }
        }
        Image { width: 96, height: 96, data }
    }

    fn value(values: &[f64], names: &[&str], name: &str) -> f64 {
        values[names.iter().position(|n| *n == name).unwrap()]
    }

    #[test]
    fn rods_are_counted_and_measured() {
        let image = rods(&[[20.0, 20.0], [60.0, 20.0], [20.0, 50.0], [60.0, 70.0]]);
        let found = morphology(&image, PIXEL_UM);
        let of = |name| value(&found, &MORPHOLOGY, name);
        assert_eq!(of("log_parts"), 4.0_f64.ln());
        let length = of("log_length_per_part_um").exp();
        assert!((2.5..3.8).contains(&length), "{length}");
        assert_eq!(of("branch_points_per_um"), 0.0);
        assert!((of("ends_per_um") - 2.0 / length).abs() < 0.05);
        assert!(of("order") > 0.5, "all point the same way: {}", of("order"));
        assert!((of("largest_part") - 0.25).abs() < 0.02);
        // Twice the light is one more ln 2 of intensity and nothing else.
        let bright = Image { data: image.data.iter().map(|v| 2.0 * v).collect(), ..image };
        for ((a, b), name) in found.iter().zip(morphology(&bright, PIXEL_UM)).zip(MORPHOLOGY) {
            let expected = if name.ends_with("_intensity") { 2.0_f64.ln() } else { 0.0 };
            assert!((b - a - expected).abs() < 1e-3, "{name}");
        }
    }

    #[test]
    fn movement_is_told_from_rest_and_from_drift() {
        let places = [[20.0, 20.0], [60.0, 24.0], [22.0, 50.0], [60.0, 70.0]];
        let movie = |step: &dyn Fn(usize, f32) -> [f32; 2]| {
            let frame = |t: usize| {
                let at = |(i, p): (usize, &[f32; 2])| {
                    let by = step(i, t as f32);
                    [p[0] + by[0], p[1] + by[1]]
                };
                rods(&places.iter().enumerate().map(at).collect::<Vec<_>>())
            };
            Movie { frames: (0..10).map(frame).collect(), pixel_um: PIXEL_UM, interval_s: 3.0 }
        };
        let measured = |step: &dyn Fn(usize, f32) -> [f32; 2]| dynamics(&movie(step));
        let of = |values: &[f64], name| value(values, &DYNAMICS, name);
        let rest = measured(&|_, _| [0.0, 0.0]);
        let drift = measured(&|_, t| [0.0, 0.3 * t]);
        let apart = measured(&|i, t| [0.0, if i % 2 == 0 { 0.3 * t } else { -0.3 * t }]);
        assert!(of(&rest, "log_change_1") < -6.0);
        assert!(of(&drift, "log_change_4") < of(&apart, "log_change_4") - 0.7, "drift is taken out");
        assert!(of(&apart, "log_flow_um_s") > of(&drift, "log_flow_um_s") + 1.0);
        assert!(of(&apart, "flow_persistence") > 0.8);
        // 0.3 pixels of 0.2 µm in 3 s, away from others that move as fast: 0.02 to 0.04 µm/s.
        let speed = of(&apart, "log_fast_flow_um_s").exp();
        assert!((0.015..0.05).contains(&speed), "{speed}");
        let back = measured(&|i, t| [0.0, if (i + t as usize).is_multiple_of(2) { 0.3 } else { -0.3 }]);
        assert!(of(&back, "flow_persistence") < -0.5);
        assert!(of(&apart, "correlation_8") < of(&back, "correlation_8"));
    }

    #[test]
    fn one_frame_has_a_shape_and_no_movement() {
        let image = rods(&[[20.0, 20.0], [60.0, 70.0]]);
        let shape = morphology(&image, PIXEL_UM);
        assert!(shape.iter().all(|value| value.is_finite()), "{shape:?}");
        assert_eq!(value(&shape, &MORPHOLOGY, "log_parts"), 2.0_f64.ln());
        let movie = Movie { frames: vec![image], pixel_um: PIXEL_UM, interval_s: 0.0 };
        assert_eq!(dynamics(&movie), [0.0; DYNAMICS.len()], "whatever its interval");
    }

    #[test]
    fn dark_and_short_recordings_give_zeros() {
        let dark = Image { width: 16, height: 16, data: vec![0.0; 256] };
        assert_eq!(morphology(&dark, PIXEL_UM), [0.0; MORPHOLOGY.len()]);
        for frames in [vec![], vec![dark.clone()], vec![dark.clone(), dark]] {
            let movie = Movie { frames, pixel_um: PIXEL_UM, interval_s: 3.0 };
            assert_eq!(dynamics(&movie), [0.0; DYNAMICS.len()]);
        }
    }
}

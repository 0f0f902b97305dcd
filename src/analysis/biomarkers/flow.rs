//! Optical flow of blocks: Lucas and Kanade 1981, Proc IJCAI 674, one step per pair of frames.

// What runs under `vectorize` must be inlined there, or it is compiled for the oldest CPU.
#![allow(clippy::inline_always)]

use pulp::Simd;

use super::frame::{gradient_row, mean, median, spread};
use crate::analysis::image::Image;
use crate::simd::{Cpu, Vectorized};

/// Numbers that are summed up side by side.
const LANES: usize = 8;

/// How blocks of 1.6 µm move apart from the whole picture.
pub(super) struct Flow {
    /// Mean, 95th and 25th percentile of the speeds, µm/s.
    pub mean: f64,
    pub fast: f64,
    pub slow: f64,
    /// Deviation of the speeds over their mean.
    pub spread: f64,
    /// Mean movement away from the middle of the picture, µm/s.
    pub outward: f64,
    /// Whether a block goes on as before (1) or back (−1).
    pub persistence: f64,
    /// Movement of the whole picture between frames, pixels.
    steps: Vec<[f64; 2]>,
}

impl Flow {
    pub fn new(frames: &[Image], pixel_um: f64, interval_s: f64) -> Self {
        let block = ((1.6 / pixel_um) as usize).max(3);
        let scale = pixel_um / interval_s;
        let (mut steps, mut speeds, mut outward) = (Vec::new(), Vec::new(), Vec::new());
        let (mut along, mut squares) = (0.0, 0.0);
        let mut before: Option<Vec<Option<[f64; 2]>>> = None;
        for pair in frames.windows(2) {
            let blocks = block_flow(&pair[0], &pair[1], block);
            let known: Vec<_> = blocks.iter().flatten().collect();
            let drift = [0, 1].map(|axis| median(&known.iter().map(|flow| flow[axis]).collect::<Vec<f64>>()));
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
    pub fn drifts(&self) -> Vec<[f64; 2]> {
        let mut drifts = vec![[0.0; 2]];
        for step in &self.steps {
            let last = drifts[drifts.len() - 1];
            drifts.push([last[0] + step[0], last[1] + step[1]]);
        }
        drifts
    }
}

/// Movement of each block of pixels that has enough structure to tell it.
fn block_flow(from: &Image, to: &Image, block: usize) -> Vec<Option<[f64; 2]>> {
    let (w, h) = (from.width, from.height);
    let Sums { blocks, level } = Cpu::detect().run(Pair { from, to, block });
    let level = level / (w * h).max(1) as f64;
    let n = (block * block) as f64;
    let movement = |[xx, yy, xy, xt, yt]: [f64; 5]| {
        // Along a line movement cannot be told: such directions are damped.
        let (xx, yy) = (xx + 0.3 * level * n, yy + 0.3 * level * n);
        let det = xx * yy - xy * xy;
        let strong = xx + yy > 2.0 * level * n;
        strong.then(|| [-(yy * xt - xy * yt) / det, -(xx * yt - xy * xt) / det])
    };
    blocks.into_iter().map(movement).collect()
}

/// Two frames that follow each other.
struct Pair<'a> {
    from: &'a Image,
    to: &'a Image,
    block: usize,
}

/// What movement is told from.
struct Sums {
    /// By block the sums of x², y², xy, xt, yt, of the gradient (x, y) between the frames and the change t.
    blocks: Vec<[f64; 5]>,
    /// Sum of x² + y² over all pixels.
    level: f64,
}

impl Vectorized for Pair<'_> {
    type Output = Sums;

    #[inline(always)]
    fn run<S: Simd, const FUSED: bool>(self, _simd: S) -> Sums {
        let Self { from, to, block } = self;
        let (w, h) = (from.width, from.height);
        let mut between = vec![0.0; w * h];
        for (between, (a, b)) in between.iter_mut().zip(from.data.iter().zip(&to.data)) {
            *between = 0.5 * (a + b);
        }
        let [mut across, mut down] = [(); 2].map(|()| vec![0.0_f32; w]);
        // Sums over the rows of a block, column by column: these loops are what takes the time.
        let mut columns = [(); 5].map(|()| vec![0.0_f32; w]);
        let (mut blocks, mut level) = (Vec::with_capacity((w / block) * (h / block)), 0.0);
        for y in 0..h {
            gradient_row(&between, w, y, &mut across, &mut down);
            let row = y * w..(y + 1) * w;
            level += squares(&across, &down);
            let [xx, yy, xy, xt, yt] = &mut columns;
            let change = to.data[row.clone()].iter().zip(&from.data[row]);
            let values = across.iter().zip(&down).zip(change);
            let sums = xx.iter_mut().zip(yy.iter_mut()).zip(xy.iter_mut());
            let times = xt.iter_mut().zip(yt.iter_mut());
            for ((((xx, yy), xy), (xt, yt)), ((x, y), (after, before))) in sums.zip(times).zip(values) {
                let t = after - before;
                *xx += x * x;
                *yy += y * y;
                *xy += x * y;
                *xt += x * t;
                *yt += y * t;
            }
            if (y + 1) % block == 0 {
                for x in (0..w / block).map(|x| x * block) {
                    let mut of = [0.0; 5];
                    for (of, sums) in of.iter_mut().zip(&columns) {
                        *of = sums[x..x + block].iter().map(|v| f64::from(*v)).sum();
                    }
                    blocks.push(of);
                }
                for sums in &mut columns {
                    sums.fill(0.0);
                }
            }
        }
        Sums { blocks, level }
    }
}

/// Sum of x² + y².
#[inline(always)]
fn squares(x: &[f32], y: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let ((xs, rest_x), (ys, rest_y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in xs.iter().zip(ys) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += f64::from(x * x + y * y);
        }
    }
    let rest = rest_x.iter().zip(rest_y).map(|(x, y)| f64::from(x * x + y * y));
    sums.into_iter().chain(rest).sum()
}

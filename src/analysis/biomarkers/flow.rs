//! Optical flow of blocks: Lucas and Kanade 1981, Proc IJCAI 674, one step per pair of frames.

use super::frame::{gradient, mean, median, spread};
use crate::analysis::image::Image;

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
    let between = from.data.iter().zip(&to.data).map(|(a, b)| 0.5 * (a + b)).collect();
    let (gx, gy) = gradient(&Image { data: between, ..*from });
    let (w, h) = (from.width, from.height);
    let level = mean(gx.data.iter().zip(&gy.data).map(|(x, y)| f64::from(x * x + y * y)));
    let mut blocks = Vec::new();
    // Sums over the rows of a block, column by column: these loops are what takes the time.
    let mut columns = [(); 5].map(|()| vec![0.0_f32; w]);
    for y0 in (0..h / block).map(|y| y * block) {
        let [xx, yy, xy, xt, yt] = &mut columns;
        for sums in [&mut *xx, &mut *yy, &mut *xy, &mut *xt, &mut *yt] {
            sums.fill(0.0);
        }
        for y in y0..y0 + block {
            let row = y * w..(y + 1) * w;
            let change = to.data[row.clone()].iter().zip(&from.data[row.clone()]);
            let values = gx.data[row.clone()].iter().zip(&gy.data[row]).zip(change);
            let squares = xx.iter_mut().zip(yy.iter_mut()).zip(xy.iter_mut());
            let times = xt.iter_mut().zip(yt.iter_mut());
            for ((((xx, yy), xy), (xt, yt)), ((x, y), (after, before))) in squares.zip(times).zip(values) {
                let t = after - before;
                *xx += x * x;
                *yy += y * y;
                *xy += x * y;
                *xt += x * t;
                *yt += y * t;
            }
        }
        for x0 in (0..w / block).map(|x| x * block) {
            let [xx, yy, xy, xt, yt] = [&*xx, &*yy, &*xy, &*xt, &*yt]
                .map(|sums| sums[x0..x0 + block].iter().map(|v| f64::from(*v)).sum::<f64>());
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

//! Small image operations that the biomarkers need: blur, threshold, thinning, connected parts.

/// A picture of one channel, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width]`.
    pub data: Vec<f32>,
}

impl Image {
    /// Blurred by a Gaussian of `sigma` pixels; beyond the border the last pixel goes on.
    #[must_use]
    pub fn blur(&self, sigma: f32) -> Self {
        let radius = (3.0 * sigma).ceil() as usize;
        let weight = |i: usize| (-0.5 * ((i as f32 - radius as f32) / sigma).powi(2)).exp();
        let kernel: Vec<f32> = (0..=2 * radius).map(weight).collect();
        let sum: f32 = kernel.iter().sum();
        let (w, h) = (self.width, self.height);
        let mut rows = vec![0.0; w * h];
        for (row, out) in self.data.chunks_exact(w).zip(rows.chunks_exact_mut(w)) {
            let padded: Vec<f32> =
                (0..w + 2 * radius).map(|x| row[x.saturating_sub(radius).min(w - 1)]).collect();
            for (i, k) in kernel.iter().enumerate() {
                for (out, v) in out.iter_mut().zip(&padded[i..i + w]) {
                    *out += k / sum * v;
                }
            }
        }
        let mut data = vec![0.0; w * h];
        for (y, out) in data.chunks_exact_mut(w).enumerate() {
            for (i, k) in kernel.iter().enumerate() {
                let from = (y + i).saturating_sub(radius).min(h - 1);
                for (out, v) in out.iter_mut().zip(&rows[from * w..(from + 1) * w]) {
                    *out += k / sum * v;
                }
            }
        }
        Self { width: w, height: h, data }
    }

    /// This minus another of the same size.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(a, b)| a - b).collect();
        Self { data, ..*self }
    }

    /// The value that a part of the pixels lies below.
    pub fn quantile(&self, part: f64) -> f32 {
        let mut sorted = self.data.clone();
        let at = ((sorted.len() - 1) as f64 * part.clamp(0.0, 1.0)).round() as usize;
        *sorted.select_nth_unstable_by(at, f32::total_cmp).1
    }

    /// Threshold that parts the pixels best in two classes: Otsu 1979, IEEE Trans Syst Man Cybern 9:62, 256 bins.
    pub fn otsu(&self) -> f32 {
        let low = self.data.iter().copied().fold(f32::INFINITY, f32::min);
        let high = self.data.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let step = (high - low) / 256.0;
        if !(step > 0.0 && step.is_finite()) {
            return high;
        }
        let mut bins = [0_u32; 256];
        for v in &self.data {
            bins[(((v - low) / step) as usize).min(255)] += 1;
        }
        let total = self.data.len() as f64;
        let sum: f64 = bins.iter().enumerate().map(|(i, &n)| i as f64 * f64::from(n)).sum();
        let (mut below, mut sum_below, mut best, mut threshold) = (0.0, 0.0, -1.0, 0);
        for (i, &n) in bins.iter().enumerate() {
            below += f64::from(n);
            sum_below += i as f64 * f64::from(n);
            let above = total - below;
            if below == 0.0 || above == 0.0 {
                continue;
            }
            let between = below * above * (sum_below / below - (sum - sum_below) / above).powi(2);
            if between > best {
                (best, threshold) = (between, i);
            }
        }
        low + step * (threshold + 1) as f32
    }

    /// Which pixels are above a threshold.
    pub fn above(&self, threshold: f32) -> Mask {
        let data = self.data.iter().map(|&v| v > threshold).collect();
        Mask { width: self.width, height: self.height, data }
    }
}

/// Which pixels belong to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width]`.
    pub data: Vec<bool>,
}

impl Mask {
    /// Pixels that belong to it.
    pub fn count(&self) -> usize {
        self.data.iter().filter(|&&v| v).count()
    }

    /// Neighbours clockwise from the top; outside is empty.
    fn ring(&self, x: usize, y: usize) -> [bool; 8] {
        const RING: [(isize, isize); 8] =
            [(0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1)];
        RING.map(|(dx, dy)| {
            let (x, y) = (x.checked_add_signed(dx), y.checked_add_signed(dy));
            let inside = |(x, y): (usize, usize)| x < self.width && y < self.height;
            x.zip(y).filter(|&at| inside(at)).is_some_and(|(x, y)| self.data[y * self.width + x])
        })
    }

    /// Neighbours of a pixel that belong to it, 0 to 8.
    pub fn neighbours(&self, x: usize, y: usize) -> usize {
        self.ring(x, y).iter().filter(|&&v| v).count()
    }

    /// Thinned to lines of one pixel: Zhang and Suen 1984, Commun ACM 27:236.
    #[must_use]
    pub fn skeleton(&self) -> Self {
        let mut mask = self.clone();
        let mut open: Vec<usize> = (0..mask.data.len()).filter(|&i| mask.data[i]).collect();
        loop {
            let before = open.len();
            for second in [false, true] {
                let goes = |&i: &usize| {
                    let p = mask.ring(i % mask.width, i / mask.width);
                    let filled = p.iter().filter(|&&v| v).count();
                    let changes = (0..8).filter(|&k| !p[k] && p[(k + 1) % 8]).count();
                    let sides = if second {
                        !(p[0] && p[6] && (p[2] || p[4]))
                    } else {
                        !(p[2] && p[4] && (p[0] || p[6]))
                    };
                    (2..=6).contains(&filled) && changes == 1 && sides
                };
                let gone: Vec<usize> = open.iter().copied().filter(goes).collect();
                for i in gone {
                    mask.data[i] = false;
                }
                open.retain(|&i| mask.data[i]);
            }
            if open.len() == before {
                return mask;
            }
        }
    }

    /// Connected parts (corners touch): the number of each pixel's part from 0, `usize::MAX` outside, and the sizes.
    pub fn parts(&self) -> (Vec<usize>, Vec<usize>) {
        let mut label = vec![usize::MAX; self.data.len()];
        let mut sizes = Vec::new();
        let mut open = Vec::new();
        for start in 0..self.data.len() {
            if !self.data[start] || label[start] != usize::MAX {
                continue;
            }
            label[start] = sizes.len();
            open.push(start);
            let mut size = 0;
            while let Some(i) = open.pop() {
                size += 1;
                let (x, y) = (i % self.width, i / self.width);
                for ny in y.saturating_sub(1)..(y + 2).min(self.height) {
                    for nx in x.saturating_sub(1)..(x + 2).min(self.width) {
                        let next = ny * self.width + nx;
                        if self.data[next] && label[next] == usize::MAX {
                            label[next] = sizes.len();
                            open.push(next);
                        }
                    }
                }
            }
            sizes.push(size);
        }
        (label, sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Mask {
        let data = rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect();
        Mask { width: rows[0].len(), height: rows.len(), data }
    }

    #[test]
    fn a_bar_thins_to_a_line_and_a_ring_stays_a_ring() {
        let bar = mask(&["........", ".######.", ".######.", ".######.", "........"]);
        let line = bar.skeleton();
        assert!((3..=6).contains(&line.count()));
        assert!((0..8).all(|x| (0..5).filter(|y| line.data[y * 8 + x]).count() <= 1));
        let ring = mask(&[".....", ".###.", ".#.#.", ".###.", "....."]);
        let thin = ring.skeleton();
        assert_eq!(thin.parts().1.len(), 1);
        assert!(!thin.data[12], "the hole stays");
        assert!(thin.count() >= 4);
    }

    #[test]
    fn parts_touch_at_corners() {
        let (label, sizes) = mask(&["##..#", "..#..", "#...#"]).parts();
        assert_eq!(sizes, [3, 1, 1, 1]);
        assert_eq!(label[0], label[7]);
        assert_eq!(label[2], usize::MAX);
    }

    #[test]
    fn otsu_parts_two_levels_and_blur_keeps_the_mean() {
        let data = (0..64).map(|i| if i % 4 == 0 { 10.0 } else { 1.0 }).collect();
        let image = Image { width: 8, height: 8, data };
        assert_eq!(image.above(image.otsu()).count(), 16);
        assert_eq!(image.quantile(0.5), 1.0);
        let flat = Image { width: 8, height: 8, data: vec![3.0; 64] };
        assert!(flat.blur(1.5).data.iter().all(|v| (v - 3.0).abs() < 1e-5));
        assert_eq!(flat.above(flat.otsu()).count(), 0);
    }
}

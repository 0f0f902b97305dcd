//! How near two points of a map are: `1 / (1 + a·d^2b)`.

use super::LEAST_SQUARE;

/// Distance up to which `a` and `b` are fitted, in units of the map.
const REACH: f64 = 3.0;
/// Distances at which they are fitted.
const SAMPLES: usize = 300;
/// Rounds of the fit; it needs about ten.
const ROUNDS: usize = 200;

/// The curve whose forces move points.
pub(super) struct Curve {
    a: f32,
    b: f32,
}

impl Curve {
    /// The curve nearest to 1 up to `min_dist` and `exp(min_dist − d)` beyond, as umap-learn fits it.
    pub(super) fn new(min_dist: f64) -> Self {
        let (a, b) = fit(min_dist);
        Self { a: a as f32, b: b as f32 }
    }

    /// How strongly neighbours draw each other, per distance.
    pub(super) fn pull(&self, square: f32) -> f32 {
        let power = square.powf(self.b);
        2.0 * self.a * self.b * power / (square * (1.0 + self.a * power))
    }

    /// How strongly strangers push each other, per distance.
    pub(super) fn push(&self, square: f32) -> f32 {
        2.0 * self.b / ((LEAST_SQUARE + square) * (1.0 + self.a * square.powf(self.b)))
    }
}

/// Least squares over `a` and `b`, by Levenberg and Marquardt.
fn fit(min_dist: f64) -> (f64, f64) {
    let samples: Vec<(f64, f64)> = (1..SAMPLES)
        .map(|i| i as f64 * REACH / (SAMPLES - 1) as f64)
        .map(|d| (d, if d < min_dist { 1.0 } else { (min_dist - d).exp() }))
        .collect();
    // What is left, its gradient and its curvature.
    let look = |a: f64, b: f64| {
        let (mut left, mut gradient, mut curvature) = (0.0, [0.0; 2], [0.0; 3]);
        for (d, wanted) in &samples {
            let power = d.powf(2.0 * b);
            let is = 1.0 / (1.0 + a * power);
            let slope = [-power * is * is, -2.0 * a * power * d.ln() * is * is];
            left += (is - wanted).powi(2);
            for (sum, slope) in gradient.iter_mut().zip(slope) {
                *sum += (is - wanted) * slope;
            }
            curvature[0] += slope[0] * slope[0];
            curvature[1] += slope[0] * slope[1];
            curvature[2] += slope[1] * slope[1];
        }
        (left, gradient, curvature)
    };
    let (mut a, mut b, mut damping) = (1.0, 1.0, 1e-3);
    for _ in 0..ROUNDS {
        let (left, [to_a, to_b], [aa, ab, bb]) = look(a, b);
        let (aa, bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = aa * bb - ab * ab;
        let next = (a - (bb * to_a - ab * to_b) / determinant, b - (aa * to_b - ab * to_a) / determinant);
        if next.0 > 0.0 && next.1 > 0.0 && look(next.0, next.1).0 < left {
            (a, b) = next;
            damping /= 10.0;
        } else {
            damping *= 10.0;
        }
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_the_one_that_umap_learn_fits() {
        // umap.umap_.find_ab_params(1.0, min_dist) of umap-learn 0.5.12.
        for (min_dist, a, b) in [
            (0.0, 1.932_808_397_6, 0.790_494_984_9),
            (0.1, 1.576_943_460_3, 0.895_060_878_2),
            (0.5, 0.583_030_020_1, 1.334_166_992_2),
            (1.0, 0.114_973_556_1, 1.929_229_164_7),
        ] {
            let own = fit(min_dist);
            assert!((own.0 - a).abs() < 1e-5 && (own.1 - b).abs() < 1e-5, "{min_dist}: {own:?}");
        }
    }

    #[test]
    fn forces_are_slopes_of_the_cross_entropy() {
        let curve = Curve::new(0.1);
        let (a, b) = (f64::from(curve.a), f64::from(curve.b));
        for d in [0.05_f64, 0.3, 1.0, 4.0] {
            let step = 1e-6;
            let slope = |f: &dyn Fn(f64) -> f64| (f(d + step) - f(d - step)) / (2.0 * step);
            let near = |d: f64| 1.0 / (1.0 + a * d.powf(2.0 * b));
            // Neighbours pay −ln of the curve, strangers −ln of what is missing to 1.
            let pull = slope(&|d| -near(d).ln()) / d;
            let push = -slope(&|d| -(1.0 - near(d)).ln()) / d;
            let square = (d * d) as f32;
            assert!((f64::from(curve.pull(square)) / pull - 1.0).abs() < 1e-4, "{d}");
            // The least square keeps the push finite.
            let own = f64::from(curve.push(square)) * (d * d + f64::from(LEAST_SQUARE)) / (d * d);
            assert!((own / push - 1.0).abs() < 1e-4, "{d}");
        }
    }
}

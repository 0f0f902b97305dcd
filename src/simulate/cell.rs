//! The cell: outline, nucleus, height, microtubules.

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand_pcg::Pcg64;

use super::parameters::Model;
use super::traits::{Trait, Traits};
use crate::random::normal;

/// Position, µm: x and y from the middle of the crop, z from the glass.
pub type Point = [f64; 3];

/// Directions in which the outline is known; in between it is straight.
const DIRECTIONS: usize = 720;

/// A cell that does not change its shape while it is recorded.
#[derive(Debug, Clone)]
pub struct Cell {
    radius: f64,
    axis: f64,
    /// Distance from the middle to the outline in [`DIRECTIONS`] directions, µm.
    outline: Vec<f64>,
    nucleus: [f64; 2],
    nucleus_radius: f64,
    /// Square root of its length over its width.
    nucleus_aspect: f64,
    /// Sine and cosine of the nucleus's long axis.
    nucleus_axis: (f64, f64),
    centrosome: [f64; 2],
    height: [f64; 2],
    bundling: f64,
    /// Swirl of the microtubules: wave vector, phase, amplitude (rad).
    swirl: [[f64; 4]; 3],
}

impl Cell {
    /// A cell with these traits.
    pub fn new(traits: &Traits, model: &Model, rng: &mut Pcg64) -> Self {
        let radius = traits[Trait::CellRadius];
        let axis = rng.random_range(0.0..PI);
        let nucleus_radius = traits[Trait::NucleusRadius];
        let offset = rng.random_range(0.0..0.22) * radius;
        let direction = rng.random_range(0.0..TAU);
        let nucleus = [offset * direction.cos(), offset * direction.sin()];
        // The centrosome sits beside the nucleus, towards the middle of the cell.
        let side = direction + PI + 0.7 * normal(rng);
        let beside = nucleus_radius + 0.8;
        let centrosome = [nucleus[0] + beside * side.cos(), nucleus[1] + beside * side.sin()];
        let mut wave = |n: f64| [0.09 / n.sqrt() * normal(rng), rng.random_range(0.0..TAU)];
        let waves = [wave(2.0), wave(3.0), wave(4.0), wave(5.0)];
        let outline = outline(radius, traits[Trait::Elongation], axis, &waves);
        let mut swirl = || {
            let (k, angle) = (TAU / rng.random_range(8.0..20.0), rng.random_range(0.0..TAU));
            [k * angle.cos(), k * angle.sin(), rng.random_range(0.0..TAU), 0.3 * normal(rng)]
        };
        let swirl = [swirl(), swirl(), swirl()];
        Self {
            radius,
            axis,
            outline,
            nucleus,
            nucleus_radius,
            nucleus_aspect: rng.random_range(1.0_f64..1.35).sqrt(),
            nucleus_axis: (axis + 0.4 * normal(rng)).sin_cos(),
            centrosome,
            height: model.height_um,
            bundling: traits[Trait::Bundling],
            swirl,
        }
    }

    /// Distance from the middle to the outline towards a point, µm.
    fn outline(&self, x: f64, y: f64) -> f64 {
        let at = (y.atan2(x) / TAU + 1.0) * DIRECTIONS as f64;
        let (i, part) = (at as usize % DIRECTIONS, at.fract());
        self.outline[i] * (1.0 - part) + self.outline[(i + 1) % DIRECTIONS] * part
    }

    /// How far inside the outline along the ray from the middle, µm; negative outside.
    pub fn depth(&self, x: f64, y: f64) -> f64 {
        self.outline(x, y) - norm(x, y)
    }

    /// Distance from the nucleus's middle in units of its radius there: below 1 inside.
    fn in_nucleus(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = (x - self.nucleus[0], y - self.nucleus[1]);
        let (sin, cos) = self.nucleus_axis;
        let aspect = self.nucleus_aspect;
        norm((dx * cos + dy * sin) / aspect, (dy * cos - dx * sin) * aspect) / self.nucleus_radius
    }

    /// About how far outside the nucleus, µm; negative inside.
    pub fn from_nucleus(&self, x: f64, y: f64) -> f64 {
        (self.in_nucleus(x, y) - 1.0) * self.nucleus_radius
    }

    /// Height of the cell, µm; 0 outside.
    pub fn height(&self, x: f64, y: f64) -> f64 {
        let r = norm(x, y) / self.outline(x, y);
        if r >= 1.0 { 0.0 } else { self.height[1] + (self.height[0] - self.height[1]) * (1.0 - r * r) }
    }

    /// True where a mitochondrion may lie.
    pub fn allows(&self, x: f64, y: f64) -> bool {
        self.depth(x, y) > 0.4 && self.from_nucleus(x, y) > 0.2
    }

    /// Puts a point back into the cytoplasm.
    pub fn confine(&self, p: &mut Point) {
        let nucleus = self.in_nucleus(p[0], p[1]);
        let clear = 1.0 + 0.2 / self.nucleus_radius;
        if nucleus < clear {
            let scale = clear / nucleus.max(1e-3);
            for (x, centre) in p.iter_mut().zip(self.nucleus) {
                *x = centre + (*x - centre) * scale;
            }
        }
        let (r, outline) = (norm(p[0], p[1]), self.outline(p[0], p[1]));
        if r > outline - 0.4 {
            let scale = (outline - 0.4) / r;
            p[0] *= scale;
            p[1] *= scale;
        }
        p[2] = p[2].clamp(0.3, self.height(p[0], p[1]).max(0.6) - 0.3);
    }

    /// Unit vector along the microtubules, outwards.
    pub fn track(&self, x: f64, y: f64) -> [f64; 2] {
        let (dx, dy) = (x - self.centrosome[0], y - self.centrosome[1]);
        let swirl: f64 = self.swirl.iter().map(|s| s[3] * (s[0] * x + s[1] * y + s[2]).sin()).sum();
        let (sin, cos) = (dy.atan2(dx) + swirl).sin_cos();
        // Bundles run along the cell, away from its middle.
        let (axis_sin, axis_cos) = (self.axis + 0.3 * swirl).sin_cos();
        let sign = (cos * axis_cos + sin * axis_sin).signum();
        let b = self.bundling;
        let (tx, ty) = ((1.0 - b) * cos + b * sign * axis_cos, (1.0 - b) * sin + b * sign * axis_sin);
        let norm = tx.hypot(ty).max(1e-9);
        [tx / norm, ty / norm]
    }

    /// A point of the cytoplasm whose density falls with the distance from the nucleus, `spread` µm to 1/e.
    pub fn place(&self, spread: f64, rng: &mut Pcg64) -> Point {
        let reach = self.radius * 1.6;
        let mut last = [self.centrosome[0], self.centrosome[1], 1.0];
        // A cell that is nearly all nucleus ends beside its centrosome.
        for _ in 0..2000 {
            let (x, y) = (rng.random_range(-reach..reach), rng.random_range(-reach..reach));
            if self.allows(x, y) && rng.random::<f64>() < (-self.from_nucleus(x, y) / spread).exp() {
                last = [x, y, 0.0];
                break;
            }
        }
        let height = self.height(last[0], last[1]);
        last[2] = rng.random_range(0.25..0.75) * height;
        self.confine(&mut last);
        last
    }
}

/// Outline of an ellipse with waves around it: amplitudes and phases, from two around the cell.
fn outline(radius: f64, elongation: f64, axis: f64, waves: &[[f64; 2]]) -> Vec<f64> {
    let (long, short) = (elongation.sqrt(), 1.0 / elongation.sqrt());
    let distance = |i: usize| {
        let angle = TAU * i as f64 / DIRECTIONS as f64;
        let around = angle - axis;
        // Of the same area as the circle.
        let ellipse = 1.0 / norm(around.cos() / long, around.sin() / short);
        let waves: f64 = waves.iter().zip(2..).map(|(w, n)| w[0] * (f64::from(n) * angle + w[1]).cos()).sum();
        radius * ellipse * (1.0 + waves).max(0.5)
    };
    (0..DIRECTIONS).map(distance).collect()
}

/// Length of a vector: `hypot` guards against overflow that µm do not reach, at several times the cost.
#[expect(clippy::imprecise_flops, reason = "in the innermost loops")]
pub fn norm(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

//! The form of parts: edge, axes, roundness.

use super::feature::{Definition, define};
use super::frame::{Frame, LEAST_PART, ln};
use crate::analysis::image::Mask;

const EDGE: &str = "perimeter: Benkrid and Crookes 2000, as in scikit-image's regionprops; form factor 4π·area/perimeter², at \
                    most 1; mean over parts, each by its area";
const AXES: &str = "axes of the ellipse with the same second moments, as in scikit-image's regionprops; mean of logarithms over \
                    parts, each by its area";

/// Of [`form`], in its order.
pub const FORM: [Definition; 4] = [
    define("form_factor", "", ["rounder pieces", "more ragged pieces"], EDGE),
    define("log_edge_per_um", "ln 1/µm", ["more edge for its area", "less edge for its area"], EDGE),
    define("log_axis_um", "ln µm", ["larger pieces", "smaller pieces"], AXES),
    define("log_part_elongation", "ln", ["more elongated pieces", "less elongated pieces"], AXES),
];

/// Of the foreground's parts; zeros where none is large enough.
pub(super) fn form(frame: &Frame) -> [f64; FORM.len()] {
    let parts = Part::all(&frame.mask, &frame.label, &frame.sizes);
    let parts: Vec<&Part> = parts.iter().filter(|part| part.pixels >= LEAST_PART as f64).collect();
    let area: f64 = parts.iter().map(|part| part.pixels).sum();
    if parts.is_empty() {
        return [0.0; FORM.len()];
    }
    let mean =
        |of: &dyn Fn(&Part) -> f64| parts.iter().map(|part| part.pixels * of(part)).sum::<f64>() / area;
    let edge: f64 = parts.iter().map(|part| part.perimeter).sum();
    [
        mean(&Part::form_factor),
        ln(edge / area / frame.pixel_um),
        mean(&|part: &Part| (part.axes()[0] * frame.pixel_um).max(frame.pixel_um).ln()),
        // No part is thinner than a pixel.
        mean(&|part: &Part| (part.axes()[0].max(1.0) / part.axes()[1].max(1.0)).ln()),
    ]
}

/// One connected part, in pixels.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub pixels: f64,
    pub perimeter: f64,
    /// Sums of x, y, x², y², xy.
    sums: [f64; 5],
}

impl Part {
    /// The parts of a mask, by their labels.
    pub fn all(mask: &Mask, label: &[u32], sizes: &[usize]) -> Vec<Self> {
        let mut parts = vec![Self::default(); sizes.len()];
        let (w, h) = (mask.width, mask.height);
        let on = |x: usize, y: usize| x < w && y < h && mask.data[y * w + x];
        // On the edge: a pixel with one of four neighbours outside.
        let edge: Vec<bool> = (0..mask.data.len())
            .map(|i| {
                let (x, y) = (i % w, i / w);
                let inside =
                    || on(x + 1, y) && on(x, y + 1) && on(x.wrapping_sub(1), y) && on(x, y.wrapping_sub(1));
                mask.data[i] && !inside()
            })
            .collect();
        let edge = Mask { width: w, height: h, data: edge };
        for i in (0..mask.data.len()).filter(|&i| mask.data[i]) {
            let part = &mut parts[label[i] as usize];
            let (x, y) = (i % w, i / w);
            part.pixels += 1.0;
            if edge.data[i] {
                part.perimeter += edge_length(&edge, x, y);
            }
            let (x, y) = (x as f64, y as f64);
            for (sum, value) in part.sums.iter_mut().zip([x, y, x * x, y * y, x * y]) {
                *sum += value;
            }
        }
        parts
    }

    /// 4π·area/perimeter², at most 1.
    pub fn form_factor(&self) -> f64 {
        if self.perimeter > 0.0 {
            (4.0 * std::f64::consts::PI * self.pixels / self.perimeter.powi(2)).min(1.0)
        } else {
            1.0
        }
    }

    /// Lengths of the longer and the shorter axis.
    pub fn axes(&self) -> [f64; 2] {
        let [x, y, xx, yy, xy] = self.sums.map(|sum| sum / self.pixels.max(1.0));
        let (xx, yy, xy) = (xx - x * x, yy - y * y, xy - x * y);
        let root = (0.25 * (xx - yy).powi(2) + xy * xy).sqrt();
        [root, -root].map(|root| 4.0 * (f64::midpoint(xx, yy) + root).max(0.0).sqrt())
    }
}

/// Length of edge that a pixel of it stands for, by its neighbours on the edge.
fn edge_length(edge: &Mask, x: usize, y: usize) -> f64 {
    let (w, h) = (edge.width, edge.height);
    let on = |x: usize, y: usize| usize::from(x < w && y < h && edge.data[y * w + x]);
    let (left, above) = (x.wrapping_sub(1), y.wrapping_sub(1));
    let sides = on(left, y) + on(x + 1, y) + on(x, above) + on(x, y + 1);
    let corners = on(left, above) + on(x + 1, above) + on(left, y + 1) + on(x + 1, y + 1);
    match 1 + 2 * sides + 10 * corners {
        5 | 7 | 15 | 17 | 25 | 27 => 1.0,
        21 | 33 => std::f64::consts::SQRT_2,
        13 | 23 => f64::midpoint(1.0, std::f64::consts::SQRT_2),
        _ => 0.0,
    }
}

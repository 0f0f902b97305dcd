//! Pictures whose form, texture and movement are known.

mod classic;
mod hostile;
mod known;
mod reference;

use super::Definition;
use crate::analysis::image::Image;

const PIXEL_UM: f64 = 0.2;

/// A picture from a formula of the place, µm from the upper left corner.
fn picture(side_um: f64, pixel_um: f64, of: impl Fn(f64, f64) -> f64) -> Image {
    let n = (side_um / pixel_um).round() as usize;
    let at = |i: usize| of(((i % n) as f64 + 0.5) * pixel_um, ((i / n) as f64 + 0.5) * pixel_um);
    Image { width: n, height: n, data: (0..n * n).map(|i| at(i) as f32).collect() }
}

/// Bright within a radius, with an edge that is as soft as a microscope's.
fn disc(distance_um: f64, radius_um: f64) -> f64 {
    10.0 + 200.0 / (1.0 + ((distance_um - radius_um) / 0.05).exp())
}

fn value(values: &[f64], definitions: &[Definition], name: &str) -> f64 {
    values[definitions.iter().position(|definition| definition.name == name).unwrap()]
}

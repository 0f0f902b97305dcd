//! Nuclei, and other channels within and around them.

use super::feature::{Definition, define};
use super::form::Part;
use super::frame::{Frame, correlation, mean};

const NUCLEI: &str = "parts of at least 5 µm² of the nuclear channel, blurred by 0.5 µm, above Otsu's threshold: Otsu 1979, IEEE \
                      Trans Syst Man Cybern 9:62";
const RING: &str = "logarithm of the mean above background within nuclei over that less than 2 µm (along rows and columns) around \
                    them: cytoplasm-to-nucleus ratio of Carpenter et al. 2006, Genome Biol 7:R100";
const WITHIN: &str = "Pearson's correlation with the nuclear channel within nuclei";

/// Of [`Nuclei::own`], in its order.
pub const NUCLEUS: [Definition; 3] = [
    define("log_nuclear_area_um2", "ln µm²", ["larger nuclei", "smaller nuclei"], NUCLEI),
    define("nuclei", "", ["more nuclei", "fewer nuclei"], NUCLEI),
    define("nuclear_form_factor", "", ["rounder nuclei", "more ragged nuclei"], NUCLEI),
];

/// Of [`Nuclei::of`], in its order.
pub const IN_NUCLEUS: [Definition; 2] = [
    define(
        "log_nuclei_to_ring",
        "ln",
        ["more of it in the nucleus than around", "less of it in the nucleus than around"],
        RING,
    ),
    define(
        "correlation_inside_nuclei",
        "",
        ["follows the nuclear stain more closely", "follows the nuclear stain less closely"],
        WITHIN,
    ),
];

/// Least area of a nucleus, µm².
const LEAST_UM2: f64 = 5.0;

/// Width of the ring around a nucleus, µm.
const RING_UM: f64 = 2.0;

/// Where nuclei are.
pub(super) struct Nuclei<'a> {
    stain: &'a Frame<'a>,
    parts: Vec<Part>,
    inside: Vec<usize>,
    ring: Vec<usize>,
}

impl<'a> Nuclei<'a> {
    /// Of a frame of the nuclear channel.
    pub fn new(stain: &'a Frame<'a>) -> Self {
        let (low, high) = stain.image.range();
        let wide = stain.image.blur((0.5 / stain.pixel_um) as f32);
        // What rounding leaves of a constant picture is no nucleus.
        let mut mask = wide.above(if low < high { wide.otsu() } else { f32::INFINITY });
        let (label, sizes) = mask.parts();
        let least = LEAST_UM2 / stain.pixel_um.powi(2);
        for (on, label) in mask.data.iter_mut().zip(&label) {
            *on &= sizes.get(*label as usize).is_some_and(|size| *size as f64 >= least);
        }
        let parts = Part::all(&mask, &label, &sizes);
        let around = mask.grown((RING_UM / stain.pixel_um).round().max(1.0) as usize);
        let places =
            |of: &dyn Fn(usize) -> bool| -> Vec<usize> { (0..mask.data.len()).filter(|&i| of(i)).collect() };
        let [inside, ring] = [places(&|i| mask.data[i]), places(&|i| around.data[i] && !mask.data[i])];
        Self { stain, parts: parts.into_iter().filter(|part| part.pixels > 0.0).collect(), inside, ring }
    }

    /// What the nuclei are like; zeros without any.
    pub fn own(&self) -> [f64; NUCLEUS.len()] {
        if self.parts.is_empty() {
            return [0.0; NUCLEUS.len()];
        }
        let area = mean(self.parts.iter().map(|part| part.pixels)) * self.stain.pixel_um.powi(2);
        [area.ln(), self.parts.len() as f64, mean(self.parts.iter().map(Part::form_factor))]
    }

    /// What another channel does within and around them; zeros where there is nothing within or around.
    pub fn of(&self, other: &Frame) -> [f64; IN_NUCLEUS.len()] {
        if self.inside.is_empty() || self.ring.is_empty() {
            return [0.0; IN_NUCLEUS.len()];
        }
        let light = |places: &[usize]| mean(places.iter().map(|&i| other.above(i))).max(1e-3);
        let pairs = self.inside.iter().map(|&i| (self.stain.above(i), other.above(i)));
        [(light(&self.inside) / light(&self.ring)).ln(), correlation(pairs)]
    }
}

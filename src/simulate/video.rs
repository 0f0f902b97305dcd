//! One video: a cell grown, moved and recorded, with its truth.

use rand_pcg::Pcg64;

use super::cell::Cell;
use super::motion::{Event, Motion};
use super::network::Network;
use super::optics::{Camera, Imaging};
use super::parameters::Parameters;
use super::screen::reference_mv;
use super::traits::{Trait, Traits};

/// A simulated recording.
#[derive(Debug, Clone)]
pub struct Video {
    /// Pixels on a side.
    pub size: usize,
    /// Counts, `[time, size, size]`.
    pub frames: Vec<u16>,
    /// Pixel size, µm.
    pub pixel_size_um: f64,
    /// Time between frames, s.
    pub interval_s: f64,
    /// What is true of each frame.
    pub truth: Vec<FrameTruth>,
    /// Divisions and fusions.
    pub events: Vec<Event>,
    /// How far the cell has drifted in the crop in each frame, µm.
    pub positions: Vec<[f64; 2]>,
    /// Where the cell is when it has not drifted: `[size, size]`, with its nucleus marked.
    pub regions: Vec<Region>,
    /// What the cell is like.
    pub traits: Traits,
    /// How it was seen.
    pub imaging: Imaging,
}

/// What a pixel of the crop shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// Not the cell.
    Outside,
    /// Cytoplasm.
    Cytoplasm,
    /// Nucleus.
    Nucleus,
}

/// What is true of a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameTruth {
    /// Time since the first frame, s.
    pub time_s: f64,
    /// Divisions since the frame before.
    pub fissions: usize,
    /// Fusions since the frame before.
    pub fusions: usize,
    /// Mitochondria: connected parts.
    pub mitochondria: usize,
    /// Total length, µm.
    pub length_um: f64,
    /// Total area seen from above, overlaps counted twice, µm².
    pub area_um2: f64,
    /// Branch points.
    pub branch_points: usize,
    /// Free ends.
    pub tips: usize,
    /// Bonds of the model's graph.
    pub bonds: usize,
    /// Mean potential, mV: its size.
    pub potential_mv: f64,
    /// Deviation of the potential within the cell, mV.
    pub potential_sd_mv: f64,
    /// Mean speed of the mitochondria since the frame before, without the crop's drift, µm/s.
    pub speed_um_s: f64,
    /// Directed runs under way.
    pub runs: usize,
}

/// Records a cell with these traits.
pub fn record(
    parameters: &Parameters,
    traits: Traits,
    imaging: Imaging,
    size: usize,
    frames: usize,
    rng: &mut Pcg64,
) -> Video {
    let (model, optics) = (&parameters.model, &parameters.optics);
    let cell = Cell::new(&traits, model, rng);
    let network = Network::grow(&cell, &traits, model, rng);
    let mut motion = Motion::new(&cell, &traits, model, network, rng);
    let diameter = traits[Trait::Diameter];
    let mut camera = Camera::new(optics, model, imaging, size, &cell, diameter);
    let mut counts = Vec::with_capacity(frames * size * size);
    let mut truth = Vec::with_capacity(frames);
    let mut before = motion.network.beads.clone();
    let mut known = 0;
    let mut positions = Vec::with_capacity(frames);
    for index in 0..frames {
        if index > 0 {
            motion.advance(optics.interval_s, rng);
        }
        let potentials = motion.potentials();
        counts.extend(camera.frame(
            index,
            &motion.network,
            &potentials,
            reference_mv(parameters),
            diameter,
            rng,
        ));
        positions.push(camera.position());
        let shape = motion.network.morphology();
        let beads = &motion.network.beads;
        let moved: f64 = beads.iter().zip(&before).map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum();
        let n = beads.len() as f64;
        let potential_mv = potentials.iter().sum::<f64>() / n;
        let variance = potentials.iter().map(|mv| (mv - potential_mv).powi(2)).sum::<f64>() / n;
        let new = &motion.events[known..];
        let fusions = new.iter().filter(|event| event.fusion).count();
        truth.push(FrameTruth {
            time_s: index as f64 * optics.interval_s,
            fissions: new.len() - fusions,
            fusions,
            mitochondria: shape.mitochondria,
            length_um: shape.length_um,
            area_um2: shape.length_um * diameter,
            branch_points: shape.branch_points,
            tips: shape.tips,
            bonds: shape.bonds,
            potential_mv,
            potential_sd_mv: variance.sqrt(),
            speed_um_s: moved / n / optics.interval_s,
            runs: motion.running(),
        });
        known = motion.events.len();
        before.clone_from(beads);
    }
    Video {
        size,
        frames: counts,
        pixel_size_um: camera.pixel_um(),
        interval_s: optics.interval_s,
        truth,
        positions,
        regions: regions(&cell, size, optics.field_um),
        events: motion.events,
        traits,
        imaging,
    }
}

fn regions(cell: &Cell, size: usize, field_um: f64) -> Vec<Region> {
    let place = |i: usize| ((i as f64 + 0.5) / size as f64 - 0.5) * field_um;
    let region = |i: usize| match (place(i % size), place(i / size)) {
        (x, y) if cell.depth(x, y) < 0.0 => Region::Outside,
        (x, y) if cell.from_nucleus(x, y) < 0.0 => Region::Nucleus,
        _ => Region::Cytoplasm,
    };
    (0..size * size).map(region).collect()
}

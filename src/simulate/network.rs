//! Mitochondria as a graph: beads along their middle lines, bonds between neighbours, three at most.

use rand::RngExt;
use rand_distr::{Distribution, Poisson};
use rand_pcg::Pcg64;

use super::cell::{Cell, Point};
use super::parameters::Model;
use super::traits::{Trait, Traits};
use crate::random::normal;

/// Beads at most: a bound on time and memory whatever the traits.
const MAX_BEADS: usize = 4000;

/// The bonds of a bead.
#[derive(Debug, Clone, Copy, Default)]
pub struct Links {
    to: [u32; 3],
    count: u8,
}

impl Links {
    /// The beads at the other ends.
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        self.to.into_iter().take(usize::from(self.count)).map(|bead| bead as usize)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    fn add(&mut self, bead: usize) {
        self.to[self.count()] = bead as u32;
        self.count += 1;
    }

    fn remove(&mut self, bead: usize) {
        if let Some(at) = self.iter().position(|b| b == bead) {
            self.count -= 1;
            self.to[at] = self.to[self.count()];
        }
    }
}

/// All mitochondria of a cell.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Positions, µm.
    pub beads: Vec<Point>,
    /// Bonds of each bead.
    pub links: Vec<Links>,
    /// How much less or more polarised than the cell's mean, mV (positive: more).
    pub potential: Vec<f64>,
    /// Time for which an end does not fuse, s.
    pub refractory: Vec<f64>,
}

/// Shape of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Morphology {
    /// Mitochondria: connected parts.
    pub mitochondria: usize,
    /// Total length, µm.
    pub length_um: f64,
    /// Beads with three bonds.
    pub branch_points: usize,
    /// Beads with one bond.
    pub tips: usize,
    /// Bonds.
    pub bonds: usize,
}

impl Network {
    /// Grows the mitochondria of a cell along its microtubules.
    pub fn grow(cell: &Cell, traits: &Traits, model: &Model, rng: &mut Pcg64) -> Self {
        let mut network = Self::default();
        let beads = ((traits[Trait::Mass] / model.bead_um) as usize).clamp(2, MAX_BEADS);
        // The mean of a log-normal distribution is above its median.
        let median = traits[Trait::Length] * (-model.length_sd * model.length_sd / 2.0).exp();
        while network.beads.len() < beads {
            let length = median * (model.length_sd * normal(rng)).exp();
            let count = ((length / model.bead_um).round() as usize + 1).clamp(2, beads);
            let offset = traits[Trait::Heterogeneity] * normal(rng);
            let branch = !network.beads.is_empty() && rng.random::<f64>() < traits[Trait::Branching];
            let root = branch.then(|| rng.random_range(0..network.beads.len()));
            let root = root.filter(|&bead| network.links[bead].count() == 2);
            let start =
                root.map_or_else(|| cell.place(traits[Trait::Spread], rng), |bead| network.beads[bead]);
            network.grow_one(cell, traits, model, start, root, count, offset, rng);
        }
        network
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a loop")]
    fn grow_one(
        &mut self,
        cell: &Cell,
        traits: &Traits,
        model: &Model,
        start: Point,
        root: Option<usize>,
        count: usize,
        offset: f64,
        rng: &mut Pcg64,
    ) {
        let track = cell.track(start[0], start[1]);
        let along = track[1].atan2(track[0]);
        // Branches leave at an angle; others start along the track in either direction.
        let mut angle = match root {
            Some(_) => along + if rng.random() { 1.1 } else { -1.1 },
            None if rng.random() => along,
            None => along + std::f64::consts::PI,
        } + (1.0 - traits[Trait::Alignment]) * 1.5 * normal(rng);
        let wander = (model.bead_um / traits[Trait::Persistence]).sqrt();
        let mut last = root;
        let mut at = start;
        for i in 0..count {
            if i > 0 || root.is_some() {
                angle += wander * normal(rng);
                let track = cell.track(at[0], at[1]);
                // Follow the track in the direction that is nearer.
                let (sin, cos) = angle.sin_cos();
                let sign = (track[0] * cos + track[1] * sin).signum();
                let pull = (sign * (cos * track[1] - sin * track[0])).asin();
                angle += 0.25 * traits[Trait::Alignment] * pull;
                let mut next = step(at, angle, model.bead_um);
                for _ in 0..6 {
                    if cell.allows(next[0], next[1]) {
                        break;
                    }
                    angle += rng.random_range(-1.2..1.2);
                    next = step(at, angle, model.bead_um);
                }
                next[2] += 0.06 * normal(rng);
                cell.confine(&mut next);
                at = next;
            }
            let bead = self.beads.len();
            self.beads.push(at);
            self.links.push(Links::default());
            self.potential.push(offset);
            self.refractory.push(0.0);
            if let Some(last) = last {
                self.connect(last, bead);
            }
            last = Some(bead);
        }
    }

    /// Adds a bond; both beads must have fewer than three.
    pub fn connect(&mut self, a: usize, b: usize) {
        self.links[a].add(b);
        self.links[b].add(a);
    }

    /// Which mitochondrion each bead belongs to, and how many there are.
    pub fn components(&self) -> (Vec<u32>, usize) {
        let mut label = vec![u32::MAX; self.beads.len()];
        let mut count = 0;
        let mut open = Vec::new();
        for start in 0..label.len() {
            if label[start] != u32::MAX {
                continue;
            }
            label[start] = count;
            open.push(start);
            while let Some(bead) = open.pop() {
                for next in self.links[bead].iter() {
                    if label[next] == u32::MAX {
                        label[next] = count;
                        open.push(next);
                    }
                }
            }
            count += 1;
        }
        (label, count as usize)
    }

    /// Every bond once.
    pub fn bonds(&self) -> impl Iterator<Item = (usize, usize)> {
        self.links
            .iter()
            .enumerate()
            .flat_map(|(a, links)| links.iter().filter(move |&b| a < b).map(move |b| (a, b)))
    }

    /// Counts and lengths.
    pub fn morphology(&self) -> Morphology {
        let with = |n| self.links.iter().filter(|links| links.count() == n).count();
        Morphology {
            mitochondria: self.components().1,
            length_um: self.bonds().map(|(a, b)| distance(&self.beads[a], &self.beads[b])).sum(),
            branch_points: with(3),
            tips: with(1),
            bonds: self.bonds().count(),
        }
    }

    /// Beads within `reach` µm of contour on both sides.
    pub fn around(&self, bead: usize, reach: f64, bead_um: f64) -> Vec<usize> {
        let mut found = vec![bead];
        let mut from = 0;
        for _ in 0..(reach / bead_um).round() as usize {
            let to = found.len();
            for i in from..to {
                for next in self.links[found[i]].iter() {
                    if !found.contains(&next) {
                        found.push(next);
                    }
                }
            }
            from = to;
        }
        found
    }

    /// Divides mitochondria at random places for one time step; where it did.
    pub fn divide(&mut self, per_um_s: f64, model: &Model, rng: &mut Pcg64) -> Vec<Point> {
        let bonds = self.links.iter().map(Links::count).sum::<usize>() / 2;
        let expected = per_um_s * model.step_s * bonds as f64 * model.bead_um;
        let events = Poisson::new(expected).map_or(0.0, |events| events.sample(rng));
        let mut places = Vec::new();
        for _ in 0..events.min(1e3) as usize {
            if let Some((a, b)) = self.bond_to_cut(rng) {
                self.links[a].remove(b);
                self.links[b].remove(a);
                for end in [a, b] {
                    self.refractory[end] = model.refractory_s;
                }
                for bead in self.around(a, 2.0, model.bead_um) {
                    self.potential[bead] -= model.fission_asymmetry_mv;
                }
                places.push(middle(&self.beads[a], &self.beads[b]));
            }
        }
        places
    }

    /// A bond that leaves a mitochondrion of at least one bond on either side.
    fn bond_to_cut(&self, rng: &mut Pcg64) -> Option<(usize, usize)> {
        for _ in 0..20 {
            let a = rng.random_range(0..self.beads.len());
            let links = self.links[a];
            if links.count() < 2 {
                continue;
            }
            let b = links.iter().nth(rng.random_range(0..links.count()))?;
            if self.links[b].count() >= 2 {
                return Some((a, b));
            }
        }
        None
    }

    /// Fuses tips with what they touch, with a probability in one time step; where it did.
    pub fn fuse(&mut self, probability: f64, model: &Model, rng: &mut Pcg64) -> Vec<Point> {
        let mut places = Vec::new();
        for tip in 0..self.beads.len() {
            if self.links[tip].count() != 1
                || self.refractory[tip] > 0.0
                || rng.random::<f64>() >= probability
            {
                continue;
            }
            let near = self.around(tip, 5.0 * model.bead_um, model.bead_um);
            let touched = (0..self.beads.len())
                .filter(|&b| self.links[b].count() < 3 && self.refractory[b] <= 0.0)
                .map(|b| (b, distance(&self.beads[tip], &self.beads[b])))
                .filter(|&(b, d)| d < model.contact_um && !near.contains(&b))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((other, _)) = touched {
                self.connect(tip, other);
                places.push(middle(&self.beads[tip], &self.beads[other]));
            }
        }
        places
    }
}

/// Distance of two points.
pub fn distance(a: &Point, b: &Point) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

fn middle(a: &Point, b: &Point) -> Point {
    std::array::from_fn(|i| f64::midpoint(a[i], b[i]))
}

fn step(from: Point, angle: f64, length: f64) -> Point {
    [from[0] + length * angle.cos(), from[1] + length * angle.sin(), from[2]]
}

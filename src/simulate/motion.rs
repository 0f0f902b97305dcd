//! How mitochondria move: runs along microtubules, the flow of the cytoplasm, diffusion, division and fusion,
//! and how their potential changes.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, Poisson};
use rand_pcg::Pcg64;

use super::cell::{Cell, Point};
use super::network::{Network, distance};
use super::parameters::Model;
use super::traits::{Trait, Traits};
use crate::random::normal;

/// Waves that the flow is made of.
const WAVES: usize = 10;

/// Passes over the bonds in a time step.
const PASSES: usize = 2;

/// A division or fusion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// True for a fusion, false for a division.
    pub fusion: bool,
    /// Time since the recording began, s.
    pub time_s: f64,
    /// Where, µm from the middle of the cell.
    pub at: Point,
}

/// A tip that is pulled along a microtubule, and how far it still goes.
#[derive(Debug, Clone, Copy)]
struct Run {
    lead: usize,
    seconds: f64,
    outward: bool,
}

/// A local transient depolarisation.
#[derive(Debug, Clone)]
struct Flicker {
    beads: Vec<usize>,
    age_s: f64,
}

/// A standing wave of flow whose strength changes with time.
#[derive(Debug, Clone, Copy)]
struct Wave {
    k: [f64; 2],
    direction: [f64; 2],
    phase: f64,
    strength: f64,
}

/// A cell's mitochondria in motion.
#[derive(Debug)]
pub struct Motion<'a> {
    cell: &'a Cell,
    traits: &'a Traits,
    model: &'a Model,
    /// The mitochondria now.
    pub network: Network,
    /// What happened so far.
    pub events: Vec<Event>,
    runs: Vec<Run>,
    flickers: Vec<Flicker>,
    waves: [Wave; WAVES],
    time_s: f64,
}

impl<'a> Motion<'a> {
    /// A network at rest, which then settles; the recording begins at time 0.
    pub fn new(
        cell: &'a Cell,
        traits: &'a Traits,
        model: &'a Model,
        network: Network,
        rng: &mut Pcg64,
    ) -> Self {
        let [shortest, longest, _] = model.flow;
        let waves = std::array::from_fn(|_| {
            let (k, angle) = (TAU / rng.random_range(shortest..longest), rng.random_range(0.0..TAU));
            let (sin, cos) = angle.sin_cos();
            // At right angles to the wave vector: the cytoplasm is not compressed.
            Wave {
                k: [k * cos, k * sin],
                direction: [-sin, cos],
                phase: rng.random_range(0.0..TAU),
                strength: normal(rng),
            }
        });
        let (events, runs, flickers) = (Vec::new(), Vec::new(), Vec::new());
        let mut motion =
            Self { cell, traits, model, network, events, runs, flickers, waves, time_s: -model.settle_s };
        let steps = (model.settle_s / model.step_s).round() as usize;
        for _ in 0..steps {
            motion.step(rng);
        }
        motion.events.clear();
        motion.time_s = 0.0;
        motion
    }

    /// Moves on by a number of seconds.
    pub fn advance(&mut self, seconds: f64, rng: &mut Pcg64) {
        for _ in 0..(seconds / self.model.step_s).round() as usize {
            self.step(rng);
        }
    }

    /// Runs that are under way.
    pub fn running(&self) -> usize {
        self.runs.len()
    }

    /// Potential of each bead, mV: its size, flickers included.
    pub fn potentials(&self) -> Vec<f64> {
        let base = self.traits[Trait::Potential];
        let mut mv: Vec<f64> = self.network.potential.iter().map(|v| base + v).collect();
        for flicker in &self.flickers {
            let dip = self.traits[Trait::FlickerDepth] * (-flicker.age_s / self.model.flicker[0]).exp();
            for &bead in &flicker.beads {
                mv[bead] -= dip;
            }
        }
        for v in &mut mv {
            *v = v.max(0.0);
        }
        mv
    }

    fn step(&mut self, rng: &mut Pcg64) {
        self.time_s += self.model.step_s;
        self.flow(rng);
        self.run(rng);
        self.hold_together();
        self.change_topology(rng);
        self.change_potential(rng);
        for refractory in &mut self.network.refractory {
            *refractory -= self.model.step_s;
        }
    }

    fn flow(&mut self, rng: &mut Pcg64) {
        let dt = self.model.step_s;
        let keep = (-dt / self.model.flow[2]).exp();
        let renew = (1.0 - keep * keep).sqrt();
        for wave in &mut self.waves {
            wave.strength = wave.strength * keep + renew * normal(rng);
        }
        // The sum of WAVES unit waves in random directions has a mean square speed of WAVES/2.
        let scale = self.traits[Trait::Agitation] * dt * (2.0 / WAVES as f64).sqrt();
        let jitter = (2.0 * self.model.bead_diffusion * dt).sqrt();
        for bead in &mut self.network.beads {
            let [x, y, _] = *bead;
            for wave in &self.waves {
                let u = scale * wave.strength * (wave.k[0] * x + wave.k[1] * y + wave.phase).cos();
                bead[0] += u * wave.direction[0];
                bead[1] += u * wave.direction[1];
            }
            for x in bead {
                *x += jitter * normal(rng);
            }
        }
    }

    fn run(&mut self, rng: &mut Pcg64) {
        let dt = self.model.step_s;
        let start = self.traits[Trait::RunRate] / 60.0 * dt;
        for tip in 0..self.network.beads.len() {
            let Some(next) = self.tip_neighbour(tip) else { continue };
            if rng.random::<f64>() >= start || self.runs.iter().any(|run| run.lead == tip) {
                continue;
            }
            let time: f64 = Exp1.sample(rng);
            let outward = rng.random::<f64>() < self.traits[Trait::Outward];
            // The end that points the way leads.
            let track = self.direction(tip, outward);
            let (head, tail) = (self.network.beads[tip], self.network.beads[next]);
            if (head[0] - tail[0]) * track[0] + (head[1] - tail[1]) * track[1] > 0.0 {
                self.runs.push(Run { lead: tip, seconds: time * self.traits[Trait::RunTime], outward });
            }
        }
        let distance = self.traits[Trait::RunSpeed] * dt;
        let runs = std::mem::take(&mut self.runs);
        for mut run in runs {
            run.seconds -= dt;
            if self.pull(run, distance) && run.seconds > 0.0 {
                self.runs.push(run);
            }
        }
    }

    fn tip_neighbour(&self, bead: usize) -> Option<usize> {
        let links = &self.network.links[bead];
        if links.count() == 1 { links.iter().next() } else { None }
    }

    fn direction(&self, bead: usize, outward: bool) -> [f64; 2] {
        let [x, y, _] = self.network.beads[bead];
        let track = self.cell.track(x, y);
        if outward { track } else { [-track[0], -track[1]] }
    }

    /// Moves a tip along its track, and the chain behind it along itself. False where it cannot go on.
    fn pull(&mut self, run: Run, distance_um: f64) -> bool {
        let Some(mut bead) = self.tip_neighbour(run.lead) else { return false };
        let track = self.direction(run.lead, run.outward);
        let mut head = self.network.beads[run.lead];
        head[0] += track[0] * distance_um;
        head[1] += track[1] * distance_um;
        if self.cell.depth(head[0], head[1]) < 0.5 || self.cell.from_nucleus(head[0], head[1]) < 0.25 {
            return false;
        }
        self.network.beads[run.lead] = head;
        let (mut before, mut leader) = (run.lead, head);
        loop {
            let links = self.network.links[bead];
            let gap = distance(&self.network.beads[bead], &leader);
            if links.count() > 2 || gap <= self.model.bead_um || bead == run.lead {
                // A branch point holds: the run ends once the chain is taut.
                return links.count() <= 2 || gap < 1.5 * self.model.bead_um;
            }
            let scale = self.model.bead_um / gap;
            let follower = &mut self.network.beads[bead];
            for (x, lead) in follower.iter_mut().zip(leader) {
                *x = lead + (*x - lead) * scale;
            }
            leader = *follower;
            let Some(next) = links.iter().find(|&b| b != before) else { return true };
            (before, bead) = (bead, next);
        }
    }

    /// Bonds keep their length, chains stay smooth, everything stays in the cell.
    fn hold_together(&mut self) {
        let length = self.model.bead_um;
        let network = &mut self.network;
        for _ in 0..PASSES {
            for a in 0..network.beads.len() {
                for b in network.links[a].iter().filter(|&b| a < b) {
                    let gap = distance(&network.beads[a], &network.beads[b]).max(1e-6);
                    let move_by = 0.5 * (1.0 - length / gap);
                    for i in 0..3 {
                        let d = (network.beads[b][i] - network.beads[a][i]) * move_by;
                        network.beads[a][i] += d;
                        network.beads[b][i] -= d;
                    }
                }
            }
        }
        for bead in 0..network.beads.len() {
            let mut links = network.links[bead].iter();
            if let (Some(a), Some(b), None) = (links.next(), links.next(), links.next()) {
                for i in 0..3 {
                    let straight = f64::midpoint(network.beads[a][i], network.beads[b][i]);
                    network.beads[bead][i] += 0.01 * (straight - network.beads[bead][i]);
                }
            }
            self.cell.confine(&mut network.beads[bead]);
        }
    }

    fn change_topology(&mut self, rng: &mut Pcg64) {
        let time_s = self.time_s;
        let per_um_s = self.traits[Trait::Fission] / 100.0 / 60.0;
        let divided = self.network.divide(per_um_s, self.model, rng);
        self.events.extend(divided.into_iter().map(|at| Event { fusion: false, time_s, at }));
        let probability = -(-self.traits[Trait::Fusion] / 60.0 * self.model.step_s).exp_m1();
        let fused = self.network.fuse(probability, self.model, rng);
        self.events.extend(fused.into_iter().map(|at| Event { fusion: true, time_s, at }));
    }

    fn change_potential(&mut self, rng: &mut Pcg64) {
        let dt = self.model.step_s;
        let share = dt / self.model.equalise_s;
        let before = self.network.potential.clone();
        for (bead, links) in self.network.links.iter().enumerate() {
            let difference: f64 = links.iter().map(|next| before[next] - before[bead]).sum();
            self.network.potential[bead] += share * difference;
        }
        let [decay, length] = self.model.flicker;
        for flicker in &mut self.flickers {
            flicker.age_s += dt;
        }
        self.flickers.retain(|flicker| flicker.age_s < 4.0 * decay);
        let um = self.network.beads.len() as f64 * self.model.bead_um;
        let expected = self.traits[Trait::FlickerRate] * um / 100.0 / 60.0 * dt;
        let events = Poisson::new(expected).map_or(0.0, |events| events.sample(rng));
        for _ in 0..events.min(100.0) as usize {
            let centre = rng.random_range(0..self.network.beads.len());
            let beads = self.network.around(centre, length / 2.0, self.model.bead_um);
            self.flickers.push(Flicker { beads, age_s: 0.0 });
        }
    }
}

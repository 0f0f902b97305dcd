//! Screens with a planted truth.

mod cross_fit;
mod planted;
mod reference;
mod rules;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::analysis::items::{Compound, Item, plain};
use crate::progress::Progress;
use crate::random::{normal, stream};

/// Length of a vector.
pub(super) const DIM: usize = 24;

/// A screen to be drawn.
#[derive(Clone)]
pub(super) struct Plan {
    pub seed: u64,
    /// Names the compounds `name 0`, …, so that two screens can share them or not.
    pub name: &'static str,
    pub moas: usize,
    pub drugs_per_moa: usize,
    /// Compounds that do nothing, without a mechanism.
    pub idle: usize,
    pub replicates: usize,
    pub videos_per_well: usize,
    pub dmso_wells: usize,
    /// Length of a mechanism's effect; noise of a video has a length of about 1.
    pub effect: f64,
    /// Mechanism dealt to each drug, `None`: in their order.
    pub labels: Option<Vec<usize>>,
    /// The first so many drugs of each mechanism do nothing but what the mechanism does, as if a model knew them; the
    /// others do little of it, and much of their own.
    pub known: usize,
    /// Length of what each drug does of its own in four directions that all share.
    pub nuisance: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            name: "drug",
            moas: 5,
            drugs_per_moa: 4,
            idle: 4,
            replicates: 3,
            videos_per_well: 3,
            dmso_wells: 10,
            effect: 1.5,
            labels: None,
            known: 0,
            nuisance: 0.0,
        }
    }
}

fn random(path: &[&str], seed: u64, length: f64) -> Vec<f64> {
    let mut rng = stream(seed, path);
    (0..DIM).map(|_| normal(&mut rng) * length / (DIM as f64).sqrt()).collect()
}

impl Plan {
    /// Subjects and raw vectors. Directions of mechanisms depend on their number alone, all else on the seed.
    pub fn draw(&self) -> (Arc<Subjects>, Vec<f32>) {
        let drugs = self.moas * self.drugs_per_moa;
        let (mut subjects, mut raw) = (Vec::new(), Vec::new());
        let mut add = |compound: usize, replicate: usize, well: &str, moas: Vec<usize>, effect: &[f64]| {
            let place = format!("{replicate} {well}");
            let shift = random(&["replicate", &replicate.to_string()], self.seed, 4.0);
            let of_well = random(&["well", &place], self.seed, 0.5);
            for video in 0..self.videos_per_well {
                let noise = random(&["video", &place, &video.to_string()], self.seed, 1.0);
                // Two directions vary much more than the others, and say nothing.
                raw.extend((0..DIM).map(|i| {
                    let scale = if i < 2 { 4.0 } else { 1.0 };
                    (shift[i] + effect[i] + scale * (of_well[i] + noise[i])) as f32
                }));
                subjects.push(Item {
                    row: subjects.len(),
                    row_id: format!("{place} {video}"),
                    compound: Some(compound),
                    dose: Some(1.0),
                    replicate,
                    plate: format!("p{replicate}"),
                    well: well.to_owned(),
                    control: compound == 0,
                    moas: moas.clone(),
                    simulated: true,
                    ..Item::default()
                });
            }
        };
        for replicate in 0..self.replicates {
            for well in 0..self.dmso_wells {
                add(0, replicate, &format!("D{well}"), Vec::new(), &[0.0; DIM]);
            }
            for drug in 0..drugs + self.idle {
                let moa = drug / self.drugs_per_moa;
                let mut effect = vec![0.0; DIM];
                let mut moas = Vec::new();
                if drug < drugs {
                    let shared = random(&["mechanism", &moa.to_string()], 99, self.effect);
                    let (of_moa, of_own) = match drug % self.drugs_per_moa {
                        _ if self.known == 0 => (1.0, 0.3),
                        place if place < self.known => (1.0, 0.0),
                        _ => (0.25, 0.75),
                    };
                    let own = random(&["drug", &drug.to_string()], self.seed, of_own * self.effect);
                    effect = shared.iter().zip(own).map(|(a, b)| of_moa * a + b).collect();
                    // Four of 24 numbers of a vector, brought to the length of all.
                    let scale = self.nuisance * (DIM as f64 / 4.0).sqrt();
                    let apart = random(&["apart", &drug.to_string()], self.seed, scale);
                    effect[10..14].iter_mut().zip(apart).for_each(|(x, apart)| *x += apart);
                    moas.push(self.labels.as_ref().map_or(moa, |labels| labels[drug]));
                }
                add(drug + 1, replicate, &format!("W{drug}"), moas, &effect);
            }
        }
        let compound = |i: usize| {
            let name = if i == 0 { "DMSO".to_owned() } else { format!("{} {i}", self.name) };
            Compound { names: BTreeSet::from([plain(&name)]), name, ..Compound::default() }
        };
        let compounds = (0..=drugs + self.idle).map(compound).collect();
        let moas = (0..self.moas).map(|i| format!("m{i}")).collect();
        let replicates = (1..=self.replicates).map(|i| i.to_string()).collect();
        (Arc::new(Subjects::new(subjects, compounds, moas, replicates)), raw)
    }

    pub fn library(&self, options: &Options) -> Arc<Library> {
        let (subjects, raw) = self.draw();
        library_of(origin("h"), options, subjects, &raw)
    }

    /// The library of a model that was trained with the drugs that it knows.
    pub fn library_with_known(&self, options: &Options) -> Arc<Library> {
        let (subjects, raw) = self.draw();
        let is_known = |&drug: &usize| drug % self.drugs_per_moa < self.known;
        let drugs = (0..self.moas * self.drugs_per_moa).filter(is_known).map(|drug| DrugClass {
            name: format!("{} {}", self.name, drug + 1),
            skeleton: String::new(),
            smiles: String::new(),
            moas: Vec::new(),
        });
        let origin = Origin { trained_with: Some(drugs.collect()), ..origin("h") };
        library_of(origin, options, subjects, &raw)
    }
}

fn library_of(origin: Origin, options: &Options, subjects: Arc<Subjects>, raw: &[f32]) -> Arc<Library> {
    Arc::new(Library::new(subjects, raw, DIM, origin, options, &Progress::default()).unwrap())
}

pub(super) fn origin(hash: &str) -> Origin {
    Origin { name: "screen".to_owned(), model_hash: hash.to_owned(), ..Origin::default() }
}

/// Few shuffles, in the whitened space alone.
pub(super) fn quick() -> Options {
    Options { permutations: 1000, head: HeadUse::Never, ..Options::default() }
}

pub(super) fn itself(plan: &Plan, options: &Options) -> Answers {
    Answers::itself(plan.library(options))
}

/// The experiment of a plan, answered by a library.
pub(super) fn by(plan: &Plan, library: &Arc<Library>) -> Answers {
    let (subjects, raw) = plan.draw();
    let library = Some(Arc::clone(library));
    Answers::new(subjects, &raw, DIM, origin("h"), library, &Options::default(), &Progress::default())
        .unwrap()
}

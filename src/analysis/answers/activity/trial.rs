//! The permutation test of one treatment.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::layout::Position;
use super::reflect::{Confounded, Reflections, terms};
use super::wells::{Ranked, Wells};
use crate::analysis::lda::dot;

/// Shuffles that reach as much as the treatment, after which no more are drawn. Then p is their part of all: exact where
/// labels can be exchanged, as is the one after all shuffles (Besag & Clifford, Biometrika 1991, 78:301), and off by a tenth.
const ENOUGH: usize = 100;

/// What a permutation test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// See [`Ranked`]; after plates and positions.
    pub mean_ap: f64,
    /// What random rankings reach.
    pub chance: f64,
    /// Part of the labellings or shuffles that reach as much.
    pub p: f64,
    /// The smallest p that the wells allow.
    pub least: f64,
}

/// A treatment's wells and those of DMSO, free of plates and positions.
pub(super) struct Trial {
    wells: Wells,
    reflections: Reflections,
    /// Inner products of what is exchanged, `[well, well]`; zeros for wells that were turned onto.
    gram: Vec<f64>,
    /// By plate the wells that can be exchanged; the treatment's first.
    plates: Vec<Vec<usize>>,
    /// Squared length below which a vector is nothing.
    nothing: f64,
}

/// Memory of a shuffle.
#[derive(Default)]
struct Scratch {
    /// `Yᵀ·gram`, `[reflection, well]`.
    b: Vec<f64>,
    /// `Yᵀ·gram·Y`, `[reflection, reflection]`.
    c: Vec<f64>,
    /// One over the length of each residual, or 0.
    scale: Vec<f64>,
    /// For each treated well what its products lack, `[treated, reflection]`.
    a: Vec<f64>,
}

impl Trial {
    /// Vectors are `[well, dim]`, in the order of `plates` and `positions`: the treated ones first.
    pub fn new(
        plates: Vec<usize>,
        positions: &[Option<Position>],
        treated: usize,
        vectors: &[f32],
        dim: usize,
    ) -> Result<Self, Confounded> {
        let n = plates.len();
        let mut vectors: Vec<f64> = vectors.iter().map(|x| f64::from(*x)).collect();
        let whole = dot(&vectors, &vectors);
        let terms = terms(&plates, positions, treated)?;
        let (reflections, base) = Reflections::apply(terms, &plates, treated, &mut vectors, dim)?;
        let mut gram = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let product = dot(&vectors[i * dim..(i + 1) * dim], &vectors[j * dim..(j + 1) * dim]);
                (gram[i * n + j], gram[j * n + i]) = (product, product);
            }
        }
        let mut groups = vec![Vec::new(); plates.iter().max().map_or(0, |last| last + 1)];
        for (well, _) in base.iter().enumerate().filter(|(_, base)| !**base) {
            groups[plates[well]].push(well);
        }
        // Single precision of the vectors, plates and all.
        let nothing = 1e-12 * whole / n.max(1) as f64;
        Ok(Self { wells: Wells::new(plates, treated), reflections, gram, plates: groups, nothing })
    }

    /// Compares the treatment with DMSO by all labellings where these are at most `permutations`, else by as many shuffles.
    pub fn run(&self, permutations: usize, rng: &mut Pcg64) -> Outcome {
        let mut scratch = Scratch::default();
        let order: Vec<usize> = (0..self.wells.len()).collect();
        let own = self.rank(&order, &mut scratch);
        let reaches = |found: Ranked| usize::from(found.reaches(own));
        let labellings = self.labellings();
        let p = if self.reflections.count == 0 && labellings <= permutations as f64 {
            let (mut count, mut all) = (0, 0_usize);
            self.each_labelling(|order| {
                count += reaches(self.rank(order, &mut scratch));
                all += 1;
            });
            count as f64 / all as f64
        } else {
            self.by_shuffles(order, permutations, rng, |order| reaches(self.rank(order, &mut scratch)))
        };
        Outcome { mean_ap: own.mean_ap, chance: self.wells.chance(), p, least: self.least(labellings) }
    }

    /// Ways to choose as many wells as the treatment has on each plate.
    fn labellings(&self) -> f64 {
        let choose = |n: usize, k: usize| (0..k).map(|i| (n - i) as f64 / (k - i) as f64).product::<f64>();
        self.plates.iter().map(|wells| choose(wells.len(), self.treated_of(wells))).product::<f64>().round()
    }

    /// A perfect ranking shares its p with that of all the others where plates are split in halves.
    fn least(&self, labellings: f64) -> f64 {
        let halves = self.plates.iter().all(|wells| wells.len() == 2 * self.treated_of(wells));
        let alike = if halves { 2.0 } else { 1.0 };
        (alike / labellings).min(1.0)
    }

    fn treated_of(&self, wells: &[usize]) -> usize {
        wells.iter().filter(|&&well| well < self.wells.treated()).count()
    }

    fn by_shuffles(
        &self,
        mut order: Vec<usize>,
        permutations: usize,
        rng: &mut Pcg64,
        mut reaches: impl FnMut(&[usize]) -> usize,
    ) -> f64 {
        let (mut count, mut n) = (0_usize, 0_usize);
        let mut contents = Vec::new();
        while n < permutations {
            for wells in &self.plates {
                contents.clone_from(wells);
                contents.shuffle(rng);
                for (&well, &content) in wells.iter().zip(&contents) {
                    order[well] = content;
                }
            }
            count += reaches(&order);
            n += 1;
            if count == ENOUGH {
                return count as f64 / n as f64;
            }
        }
        (1 + count) as f64 / (1 + n) as f64
    }

    /// Calls `look` with the order of each labelling.
    fn each_labelling(&self, mut look: impl FnMut(&[usize])) {
        let mut chosen: Vec<Vec<usize>> =
            self.plates.iter().map(|wells| (0..self.treated_of(wells)).collect()).collect();
        let mut order: Vec<usize> = (0..self.wells.len()).collect();
        loop {
            for (wells, chosen) in self.plates.iter().zip(&chosen) {
                let others = (0..wells.len()).filter(|place| !chosen.contains(place));
                for (&well, place) in wells.iter().zip(chosen.iter().copied().chain(others)) {
                    order[well] = wells[place];
                }
            }
            look(&order);
            // The next one, as digits are counted: a plate that is through starts again, and the next one moves on.
            let moved = chosen.iter_mut().zip(&self.plates).any(|(chosen, wells)| next(chosen, wells.len()));
            if !moved {
                return;
            }
        }
    }

    /// The ranking where each well holds the content of another: `order[well]`.
    fn rank(&self, order: &[usize], scratch: &mut Scratch) -> Ranked {
        let (n, count) = (order.len(), self.reflections.count);
        let Reflections { w, y, .. } = &self.reflections;
        let Scratch { b, c, scale, a } = scratch;
        let gram = &self.gram;
        b.clear();
        b.resize(count * n, 0.0);
        for (y, &content) in y.iter().zip(order) {
            for &(j, y) in y {
                let row = &gram[content * n..(content + 1) * n];
                b[j * n..(j + 1) * n].iter_mut().zip(row).for_each(|(sum, x)| *sum += y * x);
            }
        }
        c.clear();
        c.resize(count * count, 0.0);
        for (y, &content) in y.iter().zip(order) {
            for &(k, y) in y {
                for j in 0..count {
                    c[j * count + k] += b[j * n + content] * y;
                }
            }
        }
        scale.clear();
        scale.extend(w.iter().zip(order).map(|(w, &content)| {
            let once: f64 = w.iter().map(|&(j, x)| x * b[j * n + content]).sum();
            let twice: f64 = w
                .iter()
                .map(|&(j, x)| x * w.iter().map(|&(k, other)| c[j * count + k] * other).sum::<f64>())
                .sum();
            let square = gram[content * n + content] - 2.0 * once + twice;
            if square > self.nothing { square.sqrt().recip() } else { 0.0 }
        }));
        a.clear();
        for (w, &content) in w.iter().zip(order).take(self.wells.treated()) {
            a.extend(
                (0..count)
                    .map(|j| b[j * n + content] - w.iter().map(|&(k, x)| c[j * count + k] * x).sum::<f64>()),
            );
        }
        self.wells.rank(|well, other| {
            let (own, its) = (order[well], order[other]);
            let once: f64 = w[well].iter().map(|&(j, x)| x * b[j * n + its]).sum();
            let lacks: f64 = w[other].iter().map(|&(j, x)| x * a[well * count + j]).sum();
            (gram[own * n + its] - once - lacks) * scale[well] * scale[other]
        })
    }
}

/// Moves on to the next choice of ascending numbers below `of`; after the last one to the first, and says false.
fn next(chosen: &mut [usize], of: usize) -> bool {
    let k = chosen.len();
    let Some(at) = (0..k).rev().find(|&i| chosen[i] + k - i < of) else {
        chosen.iter_mut().zip(0..).for_each(|(chosen, first)| *chosen = first);
        return false;
    };
    let from = chosen[at] + 1;
    chosen[at..].iter_mut().zip(from..).for_each(|(chosen, value)| *chosen = value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn what_is_turned_back_are_the_residuals_of_the_fit() {
        let mut rng = stream(5, &["residuals"]);
        // Two plates of two treated wells and thirty of DMSO, whose terms are fitted to each plate.
        let (treated, dim) = (4, 6);
        let plates: Vec<usize> = (0..64).map(|i| usize::from(if i < 4 { i > 1 } else { i > 33 })).collect();
        let positions: Vec<Option<Position>> = (0..64)
            .map(|i| {
                let [row, column] = [0, 1].map(|_| 2.0 * normal(&mut rng));
                Some([f64::from(u8::from(i < 4 || i % 4 == 0)), row.signum(), column, f64::from(i % 3)])
            })
            .collect();
        let vectors: Vec<f32> = (0..64 * dim).map(|_| normal(&mut rng) as f32).collect();
        let terms = terms(&plates, &positions, treated).unwrap();
        let trial = Trial::new(plates.clone(), &positions, treated, &vectors, dim).unwrap();
        assert!(terms.len() >= 2 && trial.reflections.count == 2 + terms.len(), "{}", terms.len());
        // The same by projection: less the plates' means, less what the terms hold.
        let mut rest: Vec<f64> = vectors.iter().map(|x| f64::from(*x)).collect();
        for k in 0..dim {
            for plate in 0..2 {
                let wells: Vec<usize> = (0..64).filter(|&i| plates[i] == plate).collect();
                let mean = wells.iter().map(|&i| rest[i * dim + k]).sum::<f64>() / 32.0;
                for i in wells {
                    rest[i * dim + k] -= mean;
                }
            }
            for term in &terms {
                let along: f64 = (0..64).map(|i| term[i] * rest[i * dim + k]).sum();
                (0..64).for_each(|i| rest[i * dim + k] -= along * term[i]);
            }
        }
        let cosine = |i: usize, j: usize| {
            let vector = |i: usize| &rest[i * dim..(i + 1) * dim];
            let length = |i: usize| dot(vector(i), vector(i)).sqrt();
            dot(vector(i), vector(j)) / (length(i) * length(j))
        };
        let expected = trial.wells.rank(cosine);
        let order: Vec<usize> = (0..64).collect();
        let own = trial.rank(&order, &mut Scratch::default());
        assert!((own.mean_ap - expected.mean_ap).abs() < 1e-9, "{own:?} {expected:?}");
        assert!((own.margin - expected.margin).abs() < 1e-8, "{own:?} {expected:?}");
    }

    #[test]
    fn labellings_are_counted_out() {
        let vectors: Vec<f32> = (0..18).map(|i| i as f32).collect();
        let trial = Trial::new(vec![0, 0, 1, 0, 0, 0, 1, 1, 1], &[None; 9], 3, &vectors, 2).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let mut all = 0;
        trial.each_labelling(|order| {
            let mut sorted = order.to_vec();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..9), "a permutation");
            let mut first: Vec<usize> = order[..2].to_vec();
            first.sort_unstable();
            seen.insert((first, order[2]));
            all += 1;
        });
        assert_eq!((all, seen.len(), trial.labellings()), (40, 40, 40.0), "10 × 4");
    }

    #[test]
    fn ties_are_found_together() {
        // Two treated wells on one plate, four of DMSO, all alike: the only right one is found with four wrong ones.
        let wells = Wells::new(vec![0; 6], 2);
        assert!((wells.rank(|_, _| 0.5).mean_ap - 0.2).abs() < 1e-12);
        let same = |well: usize, other: usize| f64::from(u8::from(well + other == 1 || other == 3));
        assert!((wells.rank(same).mean_ap - 0.5).abs() < 1e-12, "one is as near");
        // Each plate has two wells of one kind and two of another; the treatment's are of one kind on all three, as those of
        // 16 of 64 labellings are.
        let kinds = [1, 1, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0];
        let vectors: Vec<f32> = kinds.iter().flat_map(|&kind| [kind as f32, 1.0 - kind as f32]).collect();
        let plates = vec![0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2];
        let found =
            Trial::new(plates, &[None; 12], 3, &vectors, 2).unwrap().run(1000, &mut stream(1, &["ties"]));
        assert_eq!((found.p, found.least), (0.25, 1.0 / 64.0));
        let flat = Trial::new(vec![0, 1, 0, 0, 1, 1], &[None; 6], 2, &[1.0; 12], 2).unwrap();
        let found = flat.run(1000, &mut stream(1, &["ties"]));
        assert_eq!((found.p, found.least), (1.0, 1.0 / 9.0), "nothing differs");
    }
}

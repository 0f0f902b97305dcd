//! Does the place on a plate move the score? Edge, row and column, each by permutation.
//!
//! Only wells of one plate that had the same treatment are compared: its negative controls, its positive controls, its wells of
//! a compound at a dose. Each group's mean is taken away, and what is left is exchanged within the group, so that effects of
//! treatments, whatever they are and wherever they lie, are no effects of places. Deviations of a group are its own from eight
//! wells on, and else those of all small groups together. p = (1 + #≥)/(1 + N).
//!
//! The edge is the outermost wells of the plate's format. Its statistic is the difference between edge and inner wells, that of rows
//! and columns the sum of squares between them. q values are after Benjamini & Hochberg, over plates.

use std::collections::BTreeMap;

use rand::seq::SliceRandom as _;
use rayon::prelude::*;
use serde::Serialize;

use super::numbers::{deviation, mean};
use super::wells::{Role, Wells};
use crate::analysis::answers::activity::benjamini_hochberg;
use crate::experiment::{PlateFormat, Well as Place};
use crate::random::stream;

/// Permutations for a p value; of very many wells fewer, so that so many wells are shuffled in all.
const PERMUTATIONS: usize = 1999;
const LEAST_PERMUTATIONS: usize = 199;
const MOST_SHUFFLED: usize = 200_000_000;

/// Wells of a group from which on it has a deviation of its own.
const OWN_DEVIATION: usize = 8;

/// What a place does to the score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PlaceEffect {
    /// Permutation p; `None` where no treatment lies in places that differ.
    pub p: Option<f64>,
    /// The same after Benjamini & Hochberg over plates; `None` for all plates together.
    pub q: Option<f64>,
    /// Of the edge: how much more its wells score than inner wells of the same treatment. Of rows and columns: the deviation
    /// between them that chance does not explain. In units of the score.
    pub size: Option<f64>,
    /// Wells that could be compared.
    pub n: usize,
}

/// The three effects of a plate, or of all plates together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct PlaceEffects {
    /// Outermost against inner wells.
    pub edge: PlaceEffect,
    /// Between rows.
    pub row: PlaceEffect,
    /// Between columns.
    pub column: PlaceEffect,
}

impl PlaceEffects {
    fn each(&mut self) -> [&mut PlaceEffect; 3] {
        [&mut self.edge, &mut self.row, &mut self.column]
    }
}

/// Kinds of places.
const KINDS: usize = 3;

/// What a well is compared with: wells of the same plate, role, compound and dose.
type Treatment = (usize, Role, Option<usize>, Option<u64>);

/// Wells of one plate that had the same treatment.
struct Group {
    /// Scores less their mean, in deviations.
    residuals: Vec<f64>,
    /// Units of score of a deviation.
    scale: f64,
    /// By kind of place, by well: which edge, row or column.
    labels: [Vec<usize>; KINDS],
}

/// Effects of each plate, and of all together. `scores` are by well.
pub(super) fn effects(
    screen: &Wells,
    scores: &[Option<f64>],
    seed: u64,
) -> (Vec<PlaceEffects>, PlaceEffects) {
    let format = PlateFormat::guess(screen.wells.iter().filter_map(|well| well.place));
    let mut plates: Vec<Vec<Group>> = screen.plates.iter().map(|_| Vec::new()).collect();
    if let Some(format) = format {
        for (plate, group) in groups(screen, scores, format) {
            plates[plate].push(group);
        }
    }
    let mut found: Vec<PlaceEffects> = plates
        .par_iter()
        .zip(&screen.plates)
        .map(|(groups, name)| tested(&groups.iter().collect::<Vec<_>>(), seed, name))
        .collect();
    for kind in 0..KINDS {
        let mut tested: Vec<&mut PlaceEffect> = found
            .iter_mut()
            .filter_map(|plate| plate.each().into_iter().nth(kind).filter(|effect| effect.p.is_some()))
            .collect();
        let p: Vec<f64> = tested.iter().filter_map(|effect| effect.p).collect();
        for (effect, q) in tested.iter_mut().zip(benjamini_hochberg(&p)) {
            effect.q = Some(q);
        }
    }
    let all: Vec<&Group> = plates.iter().flatten().collect();
    let together = if plates.len() == 1 {
        let mut only = found[0];
        only.each().into_iter().for_each(|effect| effect.q = None);
        only
    } else {
        tested(&all, seed, "all plates")
    };
    (found, together)
}

/// Groups of two wells or more, with their plates.
fn groups(screen: &Wells, scores: &[Option<f64>], format: PlateFormat) -> Vec<(usize, Group)> {
    let mut members: BTreeMap<Treatment, Vec<(f64, Place)>> = BTreeMap::new();
    for (well, score) in screen.wells.iter().zip(scores) {
        if let (Some(place), Some(score)) = (well.place, score) {
            let treated = well.role == Role::Treated;
            let compound = well.compound.filter(|_| well.role != Role::Negative);
            let dose = well.dose_um.filter(|_| treated).map(f64::to_bits);
            members.entry((well.plate, well.role, compound, dose)).or_default().push((*score, place));
        }
    }
    members.retain(|_, wells| wells.len() > 1);
    let centred: Vec<(usize, Vec<f64>, Vec<Place>)> = members
        .into_iter()
        .map(|((plate, ..), wells)| {
            let centre = mean(&wells.iter().map(|(score, _)| *score).collect::<Vec<_>>());
            let residuals = wells.iter().map(|(score, _)| score - centre).collect();
            (plate, residuals, wells.into_iter().map(|(_, place)| place).collect())
        })
        .collect();
    let small: Vec<&Vec<f64>> =
        centred.iter().map(|(_, residuals, _)| residuals).filter(|of| of.len() < OWN_DEVIATION).collect();
    let freedom: usize = small.iter().map(|of| of.len() - 1).sum();
    let squares: f64 = small.iter().flat_map(|of| of.iter()).map(|x| x * x).sum();
    let shared = (squares / freedom.max(1) as f64).sqrt();
    let (rows, columns) = format.size();
    let is_edge = |place: &Place| {
        place.row == 0 || place.column == 0 || place.row + 1 == rows || place.column + 1 == columns
    };
    let group = |(plate, mut residuals, places): (usize, Vec<f64>, Vec<Place>)| {
        let own = (residuals.len() >= OWN_DEVIATION).then(|| deviation(&residuals)).flatten();
        let scale = own.unwrap_or(shared);
        if scale.is_nan() || scale <= 0.0 {
            return None;
        }
        for x in &mut residuals {
            *x /= scale;
        }
        let labels = [
            places.iter().map(|place| usize::from(is_edge(place))).collect(),
            places.iter().map(|place| usize::from(place.row)).collect(),
            places.iter().map(|place| usize::from(place.column)).collect(),
        ];
        Some((plate, Group { residuals, scale, labels }))
    };
    centred.into_iter().filter_map(group).collect()
}

/// Sums over the wells of a place.
struct Sums {
    /// Wells, by label: how many a place has after groups' means are taken away, `Σ n_gl·(1 − n_gl/n_g)`.
    weights: Vec<f64>,
}

impl Sums {
    fn of(groups: &[&Group], kind: usize) -> Option<Self> {
        let labels = groups.iter().flat_map(|group| &group.labels[kind]).max()? + 1;
        let mut weights = vec![0.0; labels];
        for group in groups {
            let mut counts = vec![0.0; labels];
            group.labels[kind].iter().for_each(|&label| counts[label] += 1.0);
            let n = group.residuals.len() as f64;
            weights.iter_mut().zip(&counts).for_each(|(weight, count)| *weight += count * (1.0 - count / n));
        }
        weights.iter().any(|weight| *weight > 0.0).then_some(Self { weights })
    }

    /// Squares between places, each by what chance gives it: about 1 in the mean without an effect.
    fn squares(&self, sums: &[f64]) -> f64 {
        let used = self.weights.iter().zip(sums).filter(|(weight, _)| **weight > 0.0);
        let (squares, n) =
            used.fold((0.0, 0_u32), |(squares, n), (weight, sum)| (squares + sum * sum / weight, n + 1));
        squares / f64::from(n.max(1))
    }
}

fn tested(groups: &[&Group], seed: u64, name: &str) -> PlaceEffects {
    let mut found = PlaceEffects::default();
    let sums: [Option<Sums>; KINDS] = std::array::from_fn(|kind| Sums::of(groups, kind));
    let statistic = |residuals: &[Vec<f64>], kind: usize| -> (f64, Vec<f64>) {
        let Some(of) = &sums[kind] else { return (0.0, Vec::new()) };
        let mut places = vec![0.0; of.weights.len()];
        for (group, residuals) in groups.iter().zip(residuals) {
            for (label, residual) in group.labels[kind].iter().zip(residuals) {
                places[*label] += residual;
            }
        }
        (of.squares(&places), places)
    };
    let mut residuals: Vec<Vec<f64>> = groups.iter().map(|group| group.residuals.clone()).collect();
    let observed: [(f64, Vec<f64>); KINDS] = std::array::from_fn(|kind| statistic(&residuals, kind));
    let mut reached = [0_usize; KINDS];
    let mut rng = stream(seed, &["hits", "places", name]);
    let wells: usize = residuals.iter().map(Vec::len).sum();
    let permutations = (MOST_SHUFFLED / wells.max(1)).clamp(LEAST_PERMUTATIONS, PERMUTATIONS);
    if sums.iter().any(Option::is_some) {
        for _ in 0..permutations {
            for group in &mut residuals {
                group.shuffle(&mut rng);
            }
            for (kind, reached) in reached.iter_mut().enumerate() {
                // Rounding differs with the order of a sum.
                *reached += usize::from(statistic(&residuals, kind).0 >= observed[kind].0 * (1.0 - 1e-9));
            }
        }
    }
    for (kind, effect) in found.each().into_iter().enumerate() {
        let Some(of) = &sums[kind] else { continue };
        let differ = |group: &&&Group| group.labels[kind].iter().any(|label| *label != group.labels[kind][0]);
        let used: Vec<&&Group> = groups.iter().filter(differ).collect();
        effect.n = used.iter().map(|group| group.residuals.len()).sum();
        effect.p = Some((1 + reached[kind]) as f64 / (1 + permutations) as f64);
        effect.size = if kind == 0 { edge_size(&used) } else { between(of, &observed[kind], &used) };
    }
    found
}

/// Edge less inner wells of the same group, each group by how much it says.
fn edge_size(groups: &[&&Group]) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for group in groups {
        let [inner, edge] = [0, 1].map(|label| {
            let of = group.labels[0].iter().zip(&group.residuals).filter(|(of, _)| **of == label);
            of.map(|(_, residual)| residual * group.scale).collect::<Vec<f64>>()
        });
        let says = (edge.len() * inner.len()) as f64 / (edge.len() + inner.len()) as f64;
        sum += says * (mean(&edge) - mean(&inner));
        weight += says;
    }
    (weight > 0.0).then(|| sum / weight)
}

/// Deviation between places beyond chance, in units of the score.
fn between(of: &Sums, (squares, _): &(f64, Vec<f64>), groups: &[&&Group]) -> Option<f64> {
    let used: Vec<f64> = of.weights.iter().copied().filter(|weight| *weight > 0.0).collect();
    let scale = mean(&groups.iter().map(|group| group.scale).collect::<Vec<_>>());
    let wells = mean(&used);
    (wells > 0.0 && scale.is_finite()).then(|| scale * ((squares - 1.0).max(0.0) / wells).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Spec, screen};
    use super::*;
    use crate::random::normal;

    /// A 96-well plate: 32 + 32 control wells in scattered places, and wells of a compound whose dose rises from column to column.
    fn plate(edge: f64, column: f64, seed: u64) -> (Wells, Vec<Option<f64>>) {
        let mut rng = stream(seed, &["plate"]);
        let mut roles =
            [vec![Role::Negative; 32], vec![Role::Positive; 32], vec![Role::Treated; 32]].concat();
        roles.shuffle(&mut rng);
        let mut specs = Vec::new();
        let mut scores = Vec::new();
        for (well, role) in roles.into_iter().enumerate() {
            let place = ((well / 12) as u8, (well % 12) as u8);
            let outer = place.0 == 0 || place.1 == 0 || place.0 == 7 || place.1 == 11;
            let level = match role {
                Role::Negative => 0.0,
                Role::Positive => 1.0,
                Role::Treated => f64::from(place.1) / 11.0,
            };
            let score = level
                + 0.1 * normal(&mut rng)
                + if outer { edge } else { 0.0 }
                + column * f64::from(place.1) / 11.0;
            specs.push(Spec {
                place: Some(place),
                role,
                dose_um: Some(1.0 + f64::from(place.1)),
                ..Spec::default()
            });
            scores.push(Some(score));
        }
        let wells = screen(&specs, 1, &vec![0.0; specs.len()]);
        (wells, scores)
    }

    #[test]
    fn effects_that_were_planted_are_found_with_their_size() {
        let (wells, scores) = plate(0.2, 0.0, 1);
        let (plates, all) = effects(&wells, &scores, 1);
        assert!(all.edge.p.unwrap() < 0.001, "{all:?}");
        assert!((all.edge.size.unwrap() - 0.2).abs() < 0.07, "{all:?}");
        assert_eq!(plates[0].edge.q, all.edge.p);
        let (wells, scores) = plate(0.0, 0.4, 2);
        let (_, all) = effects(&wells, &scores, 1);
        // Twelve columns evenly over 0.4 deviate by 0.126.
        assert!(all.column.p.unwrap() < 0.001 && all.row.p.unwrap() > 0.01, "{all:?}");
        assert!((0.06..0.2).contains(&all.column.size.unwrap()), "{all:?}");
    }

    #[test]
    fn plates_without_effects_raise_few_false_alarms_though_doses_lie_in_columns() {
        let alarms = (0..200_u64)
            .into_par_iter()
            .map(|seed| {
                let (wells, scores) = plate(0.0, 0.0, seed);
                let (_, all) = effects(&wells, &scores, seed);
                [all.edge, all.row, all.column].map(|effect| usize::from(effect.p.unwrap() <= 0.05))
            })
            .reduce(|| [0; 3], |a, b| std::array::from_fn(|kind| a[kind] + b[kind]));
        // 5 % of 200 are 10; 18 or more come for 1 % of such tests.
        assert!(alarms.iter().all(|alarms| *alarms < 18), "{alarms:?}");
        assert!(alarms.iter().sum::<usize>() > 5, "{alarms:?}");
    }

    #[test]
    fn where_places_do_not_differ_nothing_is_said() {
        let spec = |place| Spec { role: Role::Negative, place, ..Spec::default() };
        for specs in [vec![spec(Some((3, 3))), spec(Some((3, 3)))], vec![spec(None); 4], Vec::new()] {
            let wells = screen(&specs, 1, &vec![0.0; specs.len()]);
            let (_, all) = effects(&wells, &vec![Some(1.0); specs.len()], 1);
            assert_eq!((all.edge.p, all.row.p, all.column.size), (None, None, None));
        }
        let (wells, _) = plate(0.0, 0.0, 1);
        let (_, all) = effects(&wells, &vec![Some(1.0); 96], 1);
        assert_eq!(all.edge.p, None, "a score that does not vary");
    }
}

//! Against other programs, and what is planted: plates, edges, effects.

use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Deserialize;

use super::super::{AnswersError, Library, Options, Origin, Subjects, judged};
use super::wells::Wells;
use super::{Activity, Spaces, Verdict, benjamini_hochberg, judge};
use crate::analysis::evaluate::normalise;
use crate::analysis::items::{Compound, Item};
use crate::analysis::ranking::chance;
use crate::progress::Progress;
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Reference {
    dim: usize,
    controls: usize,
    sizes: Vec<usize>,
    vectors: Vec<f32>,
    mean_ap: Vec<f64>,
    nulls: Vec<NullCase>,
    p: Vec<f64>,
    q: Vec<f64>,
}

#[derive(Deserialize)]
struct NullCase {
    wells: usize,
    controls: usize,
    mean: f64,
    at: Vec<f64>,
    p: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/fixtures/answers/activity.json")).unwrap()
}

#[test]
fn mean_average_precision_is_that_of_copairs() {
    let mut case = reference();
    let dim = case.dim;
    case.vectors.chunks_exact_mut(dim).for_each(normalise);
    let (dmso, mut rest) = case.vectors.split_at(case.controls * dim);
    for (&size, expected) in case.sizes.iter().zip(&case.mean_ap) {
        let (own, after) = rest.split_at(size * dim);
        let vectors: Vec<&[f32]> = own.chunks_exact(dim).chain(dmso.chunks_exact(dim)).collect();
        // The package knows no plates.
        let wells = Wells::new(vec![0; vectors.len()], size);
        let found = wells
            .rank(|a, b| vectors[a].iter().zip(vectors[b]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum());
        assert!((found.mean_ap - expected).abs() < 1e-6, "{found:?} {expected}");
        rest = after;
    }
    assert!(rest.is_empty());
}

#[test]
fn q_values_are_those_of_statsmodels() {
    let case = reference();
    for (own, expected) in benjamini_hochberg(&case.p).iter().zip(&case.q) {
        assert!((own - expected).abs() < 1e-12, "{own} {expected}");
    }
    assert!(benjamini_hochberg(&[]).is_empty());
}

#[test]
fn random_similarities_of_pairs_are_ranked_as_by_numpy() {
    for case in reference().nulls {
        let (n, draws) = (case.wells + case.controls, 20_000);
        let wells = Wells::new(vec![0; n], case.wells);
        let mut rng = stream(5, &["pairs", &case.wells.to_string()]);
        let mut pairs = vec![0.0; n * n];
        let mut found: Vec<f64> = (0..draws)
            .map(|_| {
                for i in 0..case.wells {
                    for j in i + 1..n {
                        let x = f64::from(rng.next_u32()) / f64::from(u32::MAX);
                        (pairs[i * n + j], pairs[j * n + i]) = (x, x);
                    }
                }
                wells.rank(|a, b| pairs[a * n + b]).mean_ap
            })
            .collect();
        found.sort_unstable_by(f64::total_cmp);
        let mean = found.iter().sum::<f64>() / f64::from(draws);
        assert!((mean - case.mean).abs() < 0.005, "{mean} {}", case.mean);
        let chance = chance(case.wells - 1, n - 1);
        assert!((mean - chance).abs() < 0.005 && (wells.chance() - chance).abs() < 1e-12, "{mean} {chance}");
        for (&at, &p) in case.at.iter().zip(&case.p) {
            let below = found.partition_point(|x| *x < at - 1e-9);
            let own = (found.len() - below) as f64 / f64::from(draws);
            // Five standard errors of both draws.
            let error = 5.0 * (p * (1.0 - p) * (1.0 / 20_000.0 + 1.0 / 40_000.0)).sqrt();
            assert!((own - p).abs() < error + 1e-4, "{own} {p} at {at}");
        }
    }
}

const DIM: usize = 12;

/// One treatment beside DMSO on plates of 96 wells. Everything in standard deviations of a well, by number of a vector.
#[derive(Clone)]
struct Screen {
    /// DMSO wells of each plate.
    dmso: Vec<usize>,
    /// Wells of each plate of which nothing is known.
    unnamed: usize,
    /// The treatment's wells on each plate.
    wells: usize,
    /// What the outermost wells have more, and that from one side of the plate to the other.
    edge: f64,
    slope: f64,
    plate: f64,
    effect: f64,
    /// Where the treatment is, and where DMSO is.
    at: At,
    /// Whether wells lie at the same place on each plate.
    fixed: bool,
    /// Whether wells have names that say where they are.
    named: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    Anywhere,
    /// The treatment at the edge, DMSO anywhere.
    Edge,
    /// The treatment at the edge, DMSO nowhere there.
    EdgeAlone,
}

const PLANTED: Screen = Screen {
    dmso: Vec::new(),
    unnamed: 0,
    wells: 1,
    edge: 4.0,
    slope: 1.0,
    plate: 4.0,
    effect: 0.0,
    at: At::Edge,
    fixed: true,
    named: true,
};

const fn is_edge(place: usize) -> bool {
    let (row, column) = (place / 12, place % 12);
    row == 0 || row == 7 || column == 0 || column == 11
}

impl Screen {
    fn draw(&self, seed: u64) -> (Subjects, Vec<f32>) {
        let mut rng = stream(seed, &["planted activity"]);
        let mut vector = |length: f64| -> Vec<f64> { (0..DIM).map(|_| length * normal(&mut rng)).collect() };
        let [edge, down, across] = [self.edge, self.slope, self.slope].map(&mut vector);
        let effect = vector(self.effect);
        let plates: Vec<Vec<f64>> = self.dmso.iter().map(|_| vector(self.plate)).collect();
        let (mut items, mut values) = (Vec::new(), Vec::new());
        let mut places: Vec<usize> = (0..96).collect();
        for (plate, (&dmso, of_plate)) in self.dmso.iter().zip(&plates).enumerate() {
            if plate == 0 || !self.fixed {
                places.shuffle(&mut rng);
            }
            let own = places
                .iter()
                .copied()
                .filter(|&place| self.at == At::Anywhere || is_edge(place))
                .take(self.wells);
            let own: Vec<usize> = own.collect();
            let others = places.iter().copied().filter(|place| !own.contains(place));
            let others =
                others.filter(|&place| self.at != At::EdgeAlone || !is_edge(place)).take(dmso + self.unnamed);
            let others = others.enumerate().map(|(number, place)| (place, number < dmso, number >= dmso));
            let wells = own.iter().map(|&place| (place, false, false));
            for (place, control, unnamed) in wells.chain(others) {
                let (row, column) = (place / 12, place % 12);
                values.extend((0..DIM).map(|i| {
                    let position = f64::from(u8::from(is_edge(place))) * edge[i]
                        + (row as f64 / 7.0 - 0.5) * down[i]
                        + (column as f64 / 11.0 - 0.5) * across[i];
                    let more = if control || unnamed { 0.0 } else { effect[i] };
                    (of_plate[i] + position + more + normal(&mut rng)) as f32
                }));
                let well = if self.named {
                    format!("{}{}", char::from(b'A' + row as u8), column + 1)
                } else {
                    format!("well {place}")
                };
                items.push(Item {
                    row: items.len(),
                    row_id: items.len().to_string(),
                    compound: (!unnamed).then_some(usize::from(!control)),
                    dose: (!control).then_some(1.0),
                    replicate: plate,
                    plate: format!("p{plate}"),
                    well,
                    control,
                    ..Item::default()
                });
            }
        }
        let replicates = (0..self.dmso.len()).map(|plate| plate.to_string()).collect();
        (Subjects::new(items, vec![Compound::default(); 2], Vec::new(), replicates), values)
    }

    fn judged(&self, seed: u64, permutations: usize) -> Activity {
        let (subjects, values) = self.draw(seed);
        let options = Options { permutations, seed, ..Options::default() };
        let all = judge(&subjects, &values, DIM, &Spaces::Foreign(None), &options, &Progress::default());
        all.unwrap().pop().unwrap()
    }

    /// How many of `n` screens have p < 0.05.
    fn small(&self, n: u64) -> usize {
        let of = |seed: u64| usize::from(self.judged(seed, 199).p.is_some_and(|p| p < 0.05));
        (1..=n).into_par_iter().map(of).sum()
    }
}

#[test]
fn positions_do_not_pass_as_activity() {
    // 10 of 200 are expected; beyond 22 lies a ten-thousandth of the binomial.
    let planted = Screen { dmso: vec![24; 3], ..PLANTED };
    let small = planted.small(200);
    assert!((2..=22).contains(&small), "{small} of 200");
    let few = Screen { dmso: vec![8; 3], unnamed: 16, ..PLANTED };
    assert!(few.small(200) <= 22, "plates that share what is fitted");
    let moved = Screen { fixed: false, at: At::Anywhere, ..planted.clone() };
    assert!(moved.small(200) <= 22, "layouts drawn anew");
    // The same where nobody says where the wells are: what was planted would pass.
    let hidden = Screen { named: false, ..planted };
    // About half of them did in a simulation in NumPy, where 2.5 are expected.
    assert!(hidden.small(50) > 10);
}

#[test]
fn plates_do_not_pass_as_activity() {
    let planted = Screen { dmso: vec![10; 3], edge: 0.0, slope: 0.0, plate: 20.0, ..PLANTED };
    let small = planted.small(200);
    assert!((2..=22).contains(&small), "{small} of 200");
    // Two wells on each plate: these are alike, and that is no evidence.
    let twice = Screen { dmso: vec![6; 2], wells: 2, ..planted };
    assert!(twice.small(200) <= 22);
}

#[test]
fn effects_are_found_beside_plates_and_positions() {
    let planted = Screen { dmso: vec![24; 3], effect: 1.5, ..PLANTED };
    let found = planted.small(50);
    assert!(found >= 40, "{found} of 50");
    let small_plates = Screen { dmso: vec![10; 3], edge: 0.0, slope: 0.0, ..planted };
    let found = small_plates.small(50);
    assert!(found >= 40, "{found} of 50");
}

#[test]
fn a_plate_without_dmso_does_not_count() {
    let three = Screen { dmso: vec![9, 9, 0], effect: 3.0, ..PLANTED };
    let (subjects, mut values) = three.draw(1);
    let judged = |subjects: &Subjects, values: &[f32]| -> Result<Activity, AnswersError> {
        let spaces = Spaces::Foreign(None);
        let all = judge(subjects, values, DIM, &spaces, &Options::default(), &Progress::default());
        all.map(|mut all| all.remove(0))
    };
    let before = judged(&subjects, &values).unwrap();
    assert_eq!((before.wells, before.controls, before.p.is_some()), (3, 18, true));
    let last = values.len() - DIM;
    values[last..].fill(100.0);
    assert_eq!(judged(&subjects, &values).unwrap(), before, "the third well is on that plate");
    let why = |dmso: Vec<usize>| match (Screen { dmso, ..three.clone() }).judged(1, 99).verdict {
        Verdict::Undecided(why) => why,
        verdict => panic!("{verdict:?}"),
    };
    assert!(why(vec![9, 0, 0]).starts_with("Only one of its 3 wells lies on a plate with DMSO"));
    assert!(why(vec![0, 0, 0]).starts_with("There is no DMSO"));
    assert!(why(vec![9]).starts_with("There is one well only"));
}

#[test]
fn one_plate_is_judged_within_itself() {
    let plate = Screen { dmso: vec![12], wells: 3, edge: 0.0, slope: 0.0, effect: 3.0, ..PLANTED };
    let found = plate.judged(1, 1000);
    // All labellings: 15 choose 3.
    assert_eq!((found.p, found.mean_ap, found.controls), (Some(1.0 / 455.0), Some(1.0), 12));
    assert!(found.is_active());
    let idle = Screen { effect: 0.0, ..plate };
    assert!(idle.small(200) <= 22);
}

#[test]
fn what_cannot_be_told_is_said_with_its_reason() {
    let why = |activity: Activity| match activity.verdict {
        Verdict::Undecided(why) => (why, activity.p),
        verdict => panic!("{verdict:?}"),
    };
    // Four DMSO wells beside one on each of two plates have 25 labellings, three 16.
    let few = Screen { dmso: vec![4; 2], effect: 9.0, edge: 0.0, slope: 0.0, ..PLANTED };
    assert_eq!(few.judged(1, 1000).p, Some(1.0 / 25.0));
    let (said, p) = why(Screen { dmso: vec![3; 2], ..few.clone() }.judged(1, 1000));
    assert!(said.starts_with("With 2 wells against 6 of DMSO") && said.contains("p = 0.06"), "{said}");
    assert_eq!(p, Some(1.0 / 16.0));
    // One DMSO well beside one of the treatment: either may be either.
    let (said, _) = why(Screen { dmso: vec![1; 5], ..few }.judged(1, 1000));
    assert!(said.contains("p = 0.06"), "{said}");
    // No DMSO at the edge, where the treatment is.
    let (said, p) = why(Screen { dmso: vec![24; 3], at: At::EdgeAlone, ..PLANTED }.judged(1, 99));
    assert!(said.starts_with("Its wells lie where DMSO does not") && p.is_none(), "{said}");
    // Row and column of two wells among two of DMSO: nothing is left to tell them apart.
    let (said, p) = why(Screen { dmso: vec![2], unnamed: 30, wells: 2, ..PLANTED }.judged(1, 99));
    assert!(said.starts_with("There are too few DMSO wells on its plates") && p.is_none(), "{said}");
    // Wells on plates without DMSO were not compared.
    let lone = Screen { dmso: vec![3, 3, 0], effect: 9.0, edge: 0.0, slope: 0.0, ..PLANTED };
    let activity = lone.judged(1, 1000);
    assert_eq!(activity.wells, 3);
    assert!(why(activity).0.starts_with("With 2 wells against 6 of DMSO"));
}

#[test]
fn equal_vectors_are_never_active() {
    let screen = Screen { dmso: vec![24; 3], ..PLANTED };
    let (subjects, mut values) = screen.draw(1);
    values.fill(1.0);
    let options = Options { permutations: 200, ..Options::default() };
    let all = judge(&subjects, &values, DIM, &Spaces::Foreign(None), &options, &Progress::default()).unwrap();
    assert_eq!((all[0].p, &all[0].verdict), (Some(1.0), &Verdict::Inactive));
}

#[test]
fn activity_alone_is_that_of_a_library() {
    let screen = Screen { dmso: vec![8; 3], unnamed: 16, effect: 1.0, ..PLANTED };
    let (subjects, values) = screen.draw(3);
    let options = Options { permutations: 500, ..Options::default() };
    let alone = judged(&subjects, &values, DIM, &options, &Progress::default()).unwrap();
    let (subjects, progress) = (Arc::new(subjects), Progress::default());
    let library =
        Library::new(Arc::clone(&subjects), &values, DIM, Origin::default(), &options, &progress).unwrap();
    assert_eq!(alone.len(), subjects.treatments.len());
    assert!(alone.iter().any(|activity| activity.p.is_some()));
    for (treatment, activity) in alone.iter().enumerate() {
        assert_eq!(activity, library.activity(treatment));
    }
}

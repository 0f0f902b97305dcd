//! Numbers by scikit-learn, and planted cases.

mod recipes;

use serde::Deserialize;

use super::labels::Labels;
use super::leakage::{Asked, votes};
use super::report::Measure;
use super::retrieval::{Judge, across, by_position, mechanisms, ranked, replicates};
use super::tally::{Tally, Votes};
use crate::analysis::ranking::Found;
use crate::experiment::Well;
use crate::progress::Progress;
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Reference {
    dim: usize,
    values: Vec<f32>,
    plate: Vec<usize>,
    domain: Vec<usize>,
    compound: Vec<i64>,
    dose: Vec<usize>,
    leakage: Vec<Vote>,
    transfers: Vec<Transferred>,
    replicate_map: f64,
}

#[derive(Deserialize)]
struct Vote {
    neighbours: usize,
    told: Vec<usize>,
    balanced: f64,
    accuracy: f64,
}

#[derive(Deserialize)]
struct Transferred {
    source: usize,
    target: usize,
    top1: f64,
    n: usize,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/fixtures/domain/domain.json")).unwrap()
}

fn names(of: &[usize]) -> Vec<String> {
    (0..=of.iter().copied().max().unwrap_or(0)).map(|i| format!("n{i}")).collect()
}

/// Rows with these plates, domains and compounds (`None`: a control).
fn labels(plate: &[usize], domain: &[usize], compound: &[Option<usize>]) -> Labels {
    let compounds = compound.iter().flatten().max().map_or(0, |most| most + 1);
    Labels {
        plates: names(plate),
        plate: plate.to_vec(),
        domains: names(domain),
        domain: domain.iter().map(|&d| Some(d)).collect(),
        control: compound.iter().map(Option::is_none).collect(),
        treatment: compound.to_vec(),
        compound: compound.to_vec(),
        moas: vec![Vec::new(); plate.len()],
        batch: plate.to_vec(),
        well: vec![None; plate.len()],
        mechanism: vec![None; compounds],
    }
}

fn of_reference(reference: &Reference) -> Labels {
    let compound: Vec<Option<usize>> = reference.compound.iter().map(|&c| usize::try_from(c).ok()).collect();
    let mut labels = labels(&reference.plate, &reference.domain, &compound);
    labels.treatment =
        compound.iter().zip(&reference.dose).map(|(c, dose)| c.map(|c| 2 * c + dose)).collect();
    labels
}

fn estimated(tally: &Tally) -> f64 {
    tally.estimate(None, 50, 1).0.unwrap().value
}

#[test]
fn leakage_is_that_of_scikit_learn() {
    let reference = reference();
    let labels = of_reference(&reference);
    let asked = Asked::of(&labels).unwrap();
    assert_eq!((asked.rows.len(), asked.plates, asked.domains.len()), (30, 6, 2));
    for known in &reference.leakage {
        let turns = vec![asked.turn(&reference.values, reference.dim, None)];
        let (leakage, tally) = asked.measure(turns, known.neighbours, &Progress::default()).unwrap();
        assert!((estimated(&tally) - known.balanced).abs() < 1e-12, "{}", known.balanced);
        assert!((leakage.accuracy.unwrap() - known.accuracy).abs() < 1e-12);
        assert!((leakage.majority.unwrap() - 20.0 / 30.0).abs() < 1e-12);
        let own: Vec<f32> = asked
            .rows
            .iter()
            .flat_map(|&row| &reference.values[row * reference.dim..(row + 1) * reference.dim])
            .copied()
            .collect();
        let of = (asked.plate.as_slice(), asked.domain.as_slice());
        let own = votes(own, reference.dim, of, known.neighbours, &Progress::default()).unwrap();
        assert_eq!(own, known.told);
    }
    assert!(reference.leakage[0].told != reference.leakage[1].told, "the number of neighbours matters here");
}

fn mean(found: &[Option<Found>], score: fn(&Found) -> f64) -> (f64, usize) {
    let scores: Vec<f64> = found.iter().flatten().map(score).collect();
    (scores.iter().sum::<f64>() / scores.len() as f64, scores.len())
}

#[test]
fn compounds_across_domains_and_replicates_are_those_of_scikit_learn() {
    let reference = reference();
    let labels = of_reference(&reference);
    let treated = labels.treated();
    let mut questions: Vec<Judge> = vec![replicates(&labels)];
    questions
        .extend(reference.transfers.iter().map(|known| across(&labels, Some((known.source, known.target)))));
    let vectors = (reference.values.as_slice(), reference.dim);
    let found = ranked(vectors, &treated, &questions, &Progress::default()).unwrap();
    let (map, n) = mean(&found[0], |found| found.average_precision);
    assert!((map - reference.replicate_map).abs() < 1e-9 && n == treated.len(), "{map}");
    for (known, found) in reference.transfers.iter().zip(&found[1..]) {
        let (top1, n) = mean(found, |found| f64::from(u8::from(found.ahead == 0)));
        assert!((top1 - known.top1).abs() < 1e-12 && n == known.n, "{} {}", known.source, known.target);
    }
    let stopped = Progress::default();
    stopped.cancel();
    assert!(ranked(vectors, &treated, &questions, &stopped).is_err());
}

#[test]
fn mechanisms_leave_compound_and_batch_out() {
    // Two plates; compounds 0 and 1 share a mechanism, 2 has another, 3 none.
    let compound = [0, 1, 2, 3, 0, 1, 2, 3].map(Some);
    let mut labels = labels(&[0, 0, 0, 0, 1, 1, 1, 1], &[0; 8], &compound);
    labels.moas = [vec![0, 1], vec![1], vec![2], vec![], vec![0, 1], vec![1], vec![2], vec![]].into();
    let (nsc, nscb) = (mechanisms(&labels, false), mechanisms(&labels, true));
    assert_eq!(
        [nsc(0, 1), nsc(0, 4), nsc(0, 2), nsc(0, 3), nsc(3, 0)],
        [Some(true), None, Some(false), None, None]
    );
    assert_eq!([nscb(0, 1), nscb(0, 5), nscb(0, 6)], [None, Some(true), Some(false)]);
    // Vectors of one number each: the nearest of row 0 that counts is row 2, which is wrong.
    let angle = |x: f32| [x.cos(), x.sin()];
    let values: Vec<f32> = [0.0, 0.3, 0.1, 0.0, 0.0, 0.2, 0.9, 0.0].into_iter().flat_map(angle).collect();
    let found = ranked((&values, 2), &[0, 1, 2, 4, 5, 6], &[nsc], &Progress::default()).unwrap();
    let first = found[0][0].unwrap();
    assert_eq!((first.ahead, first.relevant, first.total), (1, 2, 4));
    assert!(found[0][2].is_none(), "its mechanism is no other compound's");
}

#[test]
fn what_cannot_be_asked_says_why() {
    let control = [None; 6];
    let why = |labels: &Labels| Asked::of(labels).unwrap_err();
    let one = labels(&[0, 0, 1, 1, 2, 2], &[0; 6], &control);
    assert!(why(&one).contains("one domain, n0"), "{}", why(&one));
    let two = labels(&[0, 0, 1, 1, 2, 2], &[0, 0, 1, 1, 1, 1], &control);
    assert!(why(&two).contains("fewer than two domains have controls on two plates"), "{}", why(&two));
    let mut nameless = labels(&[0; 6], &[0, 0, 0, 1, 1, 1], &control);
    nameless.plates = vec![String::new()];
    assert!(why(&nameless).contains("no plates are known"), "{}", why(&nameless));
    let none = labels(&[0, 1], &[0, 1], &[Some(0), Some(0)]);
    assert!(why(&none).contains("no negative control"), "{}", why(&none));
    // A domain on one plate is left out, the others are asked.
    let some = labels(&[0, 1, 2, 3, 4], &[0, 0, 1, 1, 2], &[None; 5]);
    let asked = Asked::of(&some).unwrap();
    assert_eq!((asked.rows.as_slice(), asked.lone.as_slice()), (&[0, 1, 2, 3][..], &["n2".to_owned()][..]));
}

#[test]
fn an_interval_is_over_plates_and_a_plate_that_is_alone_in_its_votes_widens_it() {
    let tally = |right: [usize; 6]| {
        let mut votes = Votes::new(6, 2);
        for (plate, right) in right.into_iter().enumerate() {
            (0..10).for_each(|row| votes.count(plate, usize::from(plate > 2), row < right));
        }
        Tally::Votes(votes)
    };
    let even = tally([5; 6]);
    let (own, ahead) = even.estimate(Some(&tally([7; 6])), 500, 1);
    let (own, ahead) = (own.unwrap(), ahead.unwrap());
    assert_eq!((own.value, own.lo, own.hi), (0.5, 0.5, 0.5));
    assert!((ahead.value + 0.2).abs() < 1e-12 && (ahead.hi + 0.2).abs() < 1e-12);
    let own = tally([10, 0, 5, 5, 5, 5]).estimate(None, 500, 1).0.unwrap();
    assert!(own.value == 0.5 && own.lo < 0.4 && own.hi > 0.6, "{own:?}");
    assert!(even.estimate(Some(&Tally::of([(0, None, 1.0)])), 10, 1).1.is_none(), "other units");
    let (one, other) = (Tally::of([("a", None, 1.0)]), Tally::of([("b", None, 0.0)]));
    assert!(one.estimate(Some(&other), 10, 1).1.is_none(), "as many units, but others");
    assert!(one.estimate(Some(&one), 10, 1).1.is_some());
    let mut measure = Measure::default();
    measure.take((Some(own), None));
    assert!(measure.text().starts_with("0.500 [0.") && Measure::default().text() == "-");
}

#[test]
fn the_place_on_the_plate_tells_compounds_where_layouts_repeat() {
    let compound = [0, 1, 2, 3, 0, 1, 2, 3].map(Some);
    let plate = [0, 0, 0, 0, 1, 1, 1, 1];
    let mut labels = labels(&plate, &plate, &compound);
    let rows = labels.treated();
    let alone =
        |labels: &Labels| by_position(labels, &rows, &across(labels, None), &Progress::default()).unwrap();
    assert_eq!(alone(&labels), None);
    for (row, well) in labels.well.iter_mut().enumerate() {
        *well = Some(Well { row: 0, column: row as u8 % 4 });
    }
    assert_eq!(alone(&labels), Some(1.0));
    // Compounds moved on by one well: the nearest is another's, and the last one's neighbours are two at the border.
    labels.compound = [0, 1, 2, 3, 3, 0, 1, 2].map(Some).into();
    assert_eq!(alone(&labels), Some(0.0));
    // A row without a place finds the four others all alike, and is found last.
    labels.compound = compound.into();
    labels.well[0] = None;
    assert_eq!(alone(&labels), Some((6.0 + 0.25) / 8.0));
    let stopped = Progress::default();
    stopped.cancel();
    assert!(by_position(&labels, &rows, &across(&labels, None), &stopped).is_err());
}

#[test]
fn of_equally_near_places_any_may_come_first() {
    // The third plate has its compounds one well on: the others find the right and a wrong one at their own place.
    let compound = [0, 1, 2, 3, 0, 1, 2, 3, 3, 0, 1, 2].map(Some);
    let plate = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    let mut labels = labels(&plate, &plate, &compound);
    for (row, well) in labels.well.iter_mut().enumerate() {
        *well = Some(Well { row: 0, column: row as u8 % 4 });
    }
    let rows = labels.treated();
    let found = by_position(&labels, &rows, &across(&labels, None), &Progress::default()).unwrap();
    assert!((found.unwrap() - 8.0 * 0.5 / 12.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn each_plate_is_asked_about_by_halves_where_it_has_four_controls() {
    let plate: Vec<usize> = (0..20).map(|row| row / 5).collect();
    let domain: Vec<usize> = plate.iter().map(|plate| plate % 2).collect();
    let known = labels(&plate, &domain, &[None; 20]);
    let asked = Asked::of(&known).unwrap();
    let half = asked.half.clone().unwrap();
    for plate in half.chunks(5) {
        assert_eq!(plate, [0, 1, 0, 1, 0]);
    }
    // What is fitted on is what is not asked about.
    let fitted = asked.without(&known.control, 1);
    assert!(fitted.iter().zip(&half).all(|(fitted, half)| *fitted == (*half == 0)), "{fitted:?}");
    let few: Vec<usize> = (0..12).map(|row| row / 3).collect();
    let domain: Vec<usize> = few.iter().map(|plate| plate % 2).collect();
    assert_eq!(Asked::of(&labels(&few, &domain, &[None; 12])).unwrap().half, None);
}

/// Controls of plates that are shifted and scaled each its own way, and all of a domain together.
fn shifted(robust: bool) -> (Vec<f32>, Labels) {
    let (plates, each, dim) = (8, 24, 6);
    let mut values = Vec::new();
    for plate in 0..plates {
        let domain = plate % 2;
        let mut rng = stream(3, &["plate", &plate.to_string()]);
        let shift: Vec<f64> = (0..dim)
            .map(|i| if i % 2 == 0 { 3.0 } else { -3.0 } * domain as f64 + 0.3 * normal(&mut rng))
            .collect();
        let wells: Vec<Vec<f64>> =
            (0..each).map(|_| shift.iter().map(|shift| 3.0 + shift + normal(&mut rng)).collect()).collect();
        for well in &wells {
            for (feature, x) in well.iter().enumerate() {
                let mut all: Vec<f64> = wells.iter().map(|well| well[feature]).collect();
                let median = |all: &mut Vec<f64>| {
                    all.sort_by(f64::total_cmp);
                    f64::midpoint(all[each / 2 - 1], all[each / 2])
                };
                let centre = median(&mut all);
                let mut apart: Vec<f64> = all.iter().map(|x| (x - centre).abs()).collect();
                let scale = 1.4826 * median(&mut apart);
                values.push(if robust { (x - centre) / scale } else { *x } as f32);
            }
        }
    }
    let plate: Vec<usize> = (0..plates).flat_map(|plate| vec![plate; each]).collect();
    let domain: Vec<usize> = plate.iter().map(|plate| plate % 2).collect();
    let count = plate.len();
    (values, labels(&plate, &domain, &vec![None; count]))
}

#[test]
fn a_shift_of_a_domain_is_told_and_a_robust_z_per_plate_takes_it_away() {
    let leakage = |robust: bool| {
        let (values, labels) = shifted(robust);
        let asked = Asked::of(&labels).unwrap();
        let turns = vec![asked.turn(&values, 6, None)];
        let (_, tally) = asked.measure(turns, super::NEIGHBOURS, &Progress::default()).unwrap();
        tally.estimate(None, 200, 1).0.unwrap()
    };
    let (before, after) = (leakage(false), leakage(true));
    assert!(before.value > 0.9 && before.lo > 0.8, "{before:?}");
    // With a plate held out, its own domain is the rarer one among the others: below a half.
    assert!((0.25..0.65).contains(&after.value) && after.hi < before.lo, "{after:?}");
}

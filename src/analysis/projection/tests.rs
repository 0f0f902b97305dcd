use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::*;
use crate::random::{normal, stream};

fn methods() -> [Method; 3] {
    [Method::Pca, Method::Tsne { perplexity: 30.0 }, Method::Umap { neighbours: 15, min_dist: 0.1 }]
}

fn map(values: &[f32], dim: usize, method: Method) -> Result<Vec<[f32; 2]>, ProjectionError> {
    project(values, dim, &Settings { method, seed: 7, cosine: false }, &Progress::default())
}

/// Planted groups, `[row, dim]`, and the group of each row.
fn groups(count: usize, each: usize, dim: usize) -> (Vec<f32>, Vec<usize>) {
    let mut rng = stream(5, &["groups"]);
    let centres: Vec<Vec<f64>> =
        (0..count).map(|_| (0..dim).map(|_| 3.0 * normal(&mut rng)).collect()).collect();
    let of: Vec<usize> = (0..count * each).map(|row| row % count).collect();
    let values = of
        .iter()
        .flat_map(|group| centres[*group].iter().map(|x| (x + normal(&mut rng)) as f32).collect::<Vec<_>>());
    (values.collect(), of)
}

#[test]
fn few_or_equal_rows_have_a_map_too() {
    for method in methods() {
        assert_eq!(map(&[], 3, method).unwrap(), Vec::<[f32; 2]>::new());
        assert_eq!(map(&[1.0, 2.0], 2, method).unwrap(), [[0.0; 2]]);
        for rows in [2, 3, 4, 5, 6, 11, 40] {
            let (values, _) = groups(1, rows, 5);
            let points = map(&values, 5, method).unwrap();
            assert!(
                points.len() == rows && points.iter().flatten().all(|x| x.is_finite()),
                "{method:?} {rows}"
            );
            assert!(points[0] != points[1], "{method:?} {rows}");
            let equal = map(&vec![0.3; rows * 4], 4, method).unwrap();
            assert!(
                equal.len() == rows && equal.iter().flatten().all(|x| x.is_finite()),
                "{method:?} {rows}"
            );
        }
        // Sizes at which squares would leave the range of numbers.
        for scale in [1e-30, 1e30] {
            let (mut values, _) = groups(1, 30, 3);
            for x in &mut values {
                *x *= scale;
            }
            let points = map(&values, 3, method).unwrap();
            assert!(points.iter().flatten().all(|x| x.is_finite()), "{method:?} {scale}: {points:?}");
            assert!(trustworthiness(&values, 3, &points, 5).unwrap() > 0.8);
        }
    }
}

#[test]
fn planted_groups_stay_apart() {
    let (values, of) = groups(5, 60, 20);
    for method in methods().into_iter().skip(1) {
        let points = map(&values, 20, method).unwrap();
        let trust = trustworthiness(&values, 20, &points, 15);
        println!("{method:?} {trust:?}");
        for (point, group) in points.iter().zip(&of) {
            let far = |other: &[f32; 2]| (other[0] - point[0]).hypot(other[1] - point[1]);
            let mut others: Vec<usize> = (0..points.len()).collect();
            others.sort_by(|a, b| far(&points[*a]).total_cmp(&far(&points[*b])));
            assert!(others[..30].iter().filter(|other| of[**other] != *group).count() == 0, "{method:?}");
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_picture_on_any_number_of_threads() {
    // More rows than a block of neighbours.
    let (values, _) = groups(4, 80, 12);
    for method in methods() {
        let one = on_threads(1, || map(&values, 12, method)).unwrap();
        assert!(one == on_threads(2, || map(&values, 12, method)).unwrap(), "{method:?}");
        let settings = Settings { method, seed: 8, cosine: false };
        let other = project(&values, 12, &settings, &Progress::default()).unwrap();
        assert_eq!(one == other, method == Method::Pca, "{method:?}");
    }
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn interpolated_repulsion_maps_as_the_tree_does() {
    let (values, _) = groups(4, 80, 12);
    let rows = Rows::new(&values, 12, false).unwrap();
    let trust = |interpolate: bool, threads: usize| {
        let progress = Progress::default();
        let points =
            on_threads(threads, || tsne::layout_by(&rows, 30.0, 7, interpolate, &Phase::new(&progress)))
                .unwrap();
        (trustworthiness(&values, 12, &points, 15).unwrap(), points)
    };
    let (tree, grid) = (trust(false, 2), trust(true, 2));
    assert!(grid == trust(true, 1));
    assert!(tree.1 != grid.1 && (tree.0 - grid.0).abs() < 0.01, "{} {}", tree.0, grid.0);
}

#[test]
fn a_map_that_is_no_longer_wanted_stops_within_a_second() {
    let (values, _) = groups(10, 200, 40);
    for (method, phase) in methods().into_iter().zip([0.0, 0.5, 0.7]) {
        let progress = Progress::default();
        let settings = Settings { method, seed: 7, cosine: true };
        std::thread::scope(|scope| {
            let work = scope.spawn(|| project(&values, 40, &settings, &progress));
            while !work.is_finished() && progress.fraction().unwrap_or(-1.0) < phase {
                std::thread::yield_now();
            }
            let asked = Instant::now();
            progress.cancel();
            assert_eq!(work.join().unwrap(), Err(ProjectionError::Cancelled), "{method:?}");
            assert!(asked.elapsed() < Duration::from_secs(1), "{method:?} {:?}", asked.elapsed());
        });
    }
}

#[test]
fn progress_goes_from_nothing_to_all() {
    let (values, _) = groups(3, 50, 10);
    for method in methods() {
        let progress = Progress::default();
        project(&values, 10, &Settings { method, seed: 7, cosine: false }, &progress).unwrap();
        assert_eq!(progress.fraction(), Some(1.0));
    }
}

#[test]
fn what_makes_no_map_is_said() {
    let told = |values: &[f32], dim, method| map(values, dim, method).unwrap_err();
    assert_eq!(told(&[1.0; 7], 2, Method::Pca), ProjectionError::Shape { values: 7, dim: 2 });
    assert_eq!(told(&[1.0; 7], 0, Method::Pca), ProjectionError::Shape { values: 7, dim: 0 });
    for method in methods() {
        let mut values = vec![0.5; 60];
        values[41] = f32::NAN;
        let said = told(&values, 6, method).to_string();
        assert_eq!(said, "Row 6, column 5 of the embeddings is NaN. Leave the row out or embed it again.");
        values[12] = f32::INFINITY;
        assert!(matches!(told(&values, 6, method), ProjectionError::NotFinite { row: 2, column: 0, .. }));
    }
    for method in [
        Method::Tsne { perplexity: f32::NAN },
        Method::Tsne { perplexity: 0.5 },
        Method::Umap { neighbours: 1, min_dist: 0.1 },
        Method::Umap { neighbours: 15, min_dist: -0.1 },
    ] {
        assert!(matches!(told(&[1.0; 60], 6, method), ProjectionError::Setting { .. }), "{method:?}");
    }
}

#[test]
fn rows_of_one_direction_meet_where_only_the_angle_counts() {
    let values: Vec<f32> = (0..40)
        .flat_map(|row| [[1.0, 2.0, 0.0], [-3.0, 1.0, 1.0]][row % 2].map(|x| x * (row + 1) as f32))
        .collect();
    let settings = Settings { method: Method::Pca, seed: 7, cosine: true };
    let points = project(&values, 3, &settings, &Progress::default()).unwrap();
    for (row, point) in points.iter().enumerate() {
        let same = points[row % 2];
        assert!((point[0] - same[0]).abs() < 1e-5 && (point[1] - same[1]).abs() < 1e-5);
    }
    assert!((points[0][0] - points[1][0]).abs() > 0.5);
}

#[test]
fn neighbours_are_those_of_a_plain_search() {
    // Whole numbers have many ties; about 0 their products are exact.
    for (n, dim, whole) in [(700, 33, false), (1030, 3, true), (5, 2, true)] {
        let mut rng = stream(3, &["neighbours"]);
        let value = |x: f64| if whole { x.round() as f32 } else { x as f32 };
        let values: Vec<f32> = (0..n * dim).map(|_| value(2.0 * normal(&mut rng))).collect();
        let rows = Rows { values, dim, scale: 1.0 };
        let progress = Progress::default();
        let found = neighbours::Neighbours::find(&rows, 20, &Phase::new(&progress)).unwrap();
        assert_eq!(found.k, 20.min(n - 1));
        for row in 0..n {
            let of = |i: usize| &rows.values[i * dim..(i + 1) * dim];
            let square = |i: usize| -> f64 {
                of(row).iter().zip(of(i)).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
            };
            let mut others: Vec<usize> = (0..n).filter(|i| *i != row).collect();
            others.sort_by(|a, b| square(*a).total_cmp(&square(*b)).then(a.cmp(b)));
            for (place, other) in others.iter().enumerate().take(found.k) {
                let at = row * found.k + place;
                assert_eq!(found.indices[at] as usize, *other, "{n} {row} {place}");
                assert!((f64::from(found.distances[at]) - square(*other).sqrt()).abs() < 1e-5);
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Fixture {
    trustworthiness: Trust,
    digits: Digits,
}

#[derive(serde::Deserialize)]
struct Trust {
    dim: usize,
    values: Vec<f32>,
    planes: HashMap<String, Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    plane: String,
    k: usize,
    value: f64,
}

#[derive(serde::Deserialize)]
struct Digits {
    dim: usize,
    values: Vec<f32>,
    labels: Vec<usize>,
    peers: HashMap<String, f64>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/fixtures/projection/projection.json")).unwrap()
}

#[test]
fn trustworthiness_is_that_of_scikit_learn() {
    let Trust { dim, values, planes, cases } = fixture().trustworthiness;
    assert_eq!(cases.len(), 12);
    for Case { plane, k, value } in cases {
        let points: Vec<[f32; 2]> = planes[&plane].chunks_exact(2).map(|p| [p[0], p[1]]).collect();
        let own = trustworthiness(&values, dim, &points, k).unwrap();
        assert!((own - value).abs() < 1e-9, "{plane} {k}: {own} {value}");
        // Rows by and by come to the same.
        let halves = [(0..75).collect(), (75..150).collect::<Vec<usize>>()];
        let halves = halves.map(|rows| trustworthiness_of(&values, dim, &points, k, &rows).unwrap());
        assert!((f64::midpoint(halves[0], halves[1]) - value).abs() < 1e-9, "{plane} {k}");
    }
    let points = vec![[0.0; 2]; 150];
    assert_eq!(trustworthiness(&values, dim, &points, 0), None);
    assert_eq!(trustworthiness(&values, dim, &points, 75), None);
    assert_eq!(trustworthiness(&values, dim, &points[1..], 5), None);
    assert_eq!(trustworthiness(&values, dim, &vec![[f32::NAN; 2]; 150], 5), None);
}

#[test]
fn maps_of_digits_are_as_trustworthy_as_those_of_others() {
    let Digits { dim, values, labels, peers } = fixture().digits;
    for (method, peer) in methods().into_iter().zip(["pca", "tsne", "umap"]) {
        for seed in 0..2 {
            let settings = Settings { method, seed, cosine: false };
            let points = project(&values, dim, &settings, &Progress::default()).unwrap();
            let (own, other) = (trustworthiness(&values, dim, &points, 15).unwrap(), peers[peer]);
            println!("{peer} seed {seed}: {own:.4}, peer {other:.4}");
            assert!(own >= other - 0.02, "{peer}, seed {seed}: {own} {other}");
            // Most points lie beside their like; of ten classes, one in ten would by chance.
            let nearest = |row: usize| {
                let far = |i: &usize| (points[*i][0] - points[row][0]).hypot(points[*i][1] - points[row][1]);
                (0..labels.len()).filter(|i| *i != row).min_by(|a, b| far(a).total_cmp(&far(b))).unwrap()
            };
            let right = (0..labels.len()).filter(|row| labels[nearest(*row)] == labels[*row]).count();
            let wanted = if method == Method::Pca { 0.4 } else { 0.9 };
            assert!(right as f64 >= wanted * labels.len() as f64, "{peer}: {right}");
        }
    }
}

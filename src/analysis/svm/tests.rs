//! Numbers of scikit-learn, exact cases, and rows that say nothing.

use serde::Deserialize;

use super::*;
use crate::progress::{Cancelled, Progress};
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct Fixture {
    binary: Vec<Binary>,
    several: Several,
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Binary {
    rows: Vec<Vec<f32>>,
    positive: Vec<bool>,
    c: f64,
    weights: Vec<f64>,
    bias: f64,
    decisions: Vec<f64>,
}

#[derive(Deserialize)]
struct Several {
    rows: Vec<Vec<f32>>,
    classes: Vec<usize>,
    c: f64,
    /// `[row, pair]`.
    decisions: Vec<Vec<f64>>,
    predicted: Vec<usize>,
}

#[derive(Deserialize)]
struct Choice {
    rows: Vec<Vec<f32>>,
    positive: Vec<bool>,
    groups: Vec<usize>,
    c: f64,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../../../tests/fixtures/svm/svm.json")).unwrap()
}

fn fit(rows: &[f32], dim: usize, positive: &[bool], c: f64) -> Result<LinearSvm, SvmError> {
    super::fit(rows, dim, positive, c, &Progress::default())
}

fn choose_c(rows: &[f32], dim: usize, positive: &[bool], groups: &[usize]) -> Result<f64, SvmError> {
    super::choose_c(rows, dim, positive, groups, &Progress::default())
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-3 * (1.0 + expected.abs())
}

#[test]
fn boundaries_are_those_of_scikit_learn() {
    let cases = fixture().binary;
    assert!(cases.iter().any(|case| case.rows[0].len() > case.rows.len()), "more features than rows");
    for case in &cases {
        let svm = fit(&case.rows.concat(), case.rows[0].len(), &case.positive, case.c).unwrap();
        for (found, expected) in svm.weights.iter().zip(&case.weights) {
            assert!(near(*found, *expected), "{:?} {:?}", svm.weights, case.weights);
        }
        assert!(near(svm.bias, case.bias), "{} {}", svm.bias, case.bias);
        for (row, expected) in case.rows.iter().zip(&case.decisions) {
            assert!(near(svm.decision(row), *expected), "{} {expected}", svm.decision(row));
        }
    }
}

#[test]
fn several_classes_vote_as_in_scikit_learn() {
    let case = fixture().several;
    let svm =
        OneVsOne::fit(&case.rows.concat(), case.rows[0].len(), &case.classes, case.c, &Progress::default())
            .unwrap();
    let mut same = 0;
    for ((row, expected), predicted) in case.rows.iter().zip(&case.decisions).zip(&case.predicted) {
        for (found, expected) in svm.decisions(row).iter().zip(expected) {
            assert!(near(*found, *expected), "{found} {expected}");
        }
        same += usize::from(svm.predict(row) == *predicted);
    }
    // Equal votes: there the first class, here the surest.
    assert!(same * 100 >= 95 * case.rows.len(), "{same} of {}", case.rows.len());
}

#[test]
fn c_is_the_one_that_scikit_learn_finds() {
    let choices = fixture().choices;
    assert!(choices.iter().any(|case| case.c != choices[0].c));
    for case in &choices {
        let rows = case.rows.concat();
        let found = choose_c(&rows, case.rows[0].len(), &case.positive, &case.groups).unwrap();
        assert_eq!(found, case.c);
        let classes: Vec<usize> = case.positive.iter().map(|&positive| usize::from(positive)).collect();
        let several =
            choose_c_of_classes(&rows, case.rows[0].len(), &classes, &case.groups, &Progress::default())
                .unwrap();
        assert_eq!(several, case.c, "two classes are two classes");
    }
}

#[test]
fn two_points_have_the_boundary_halfway_in_their_own_units() {
    let svm = fit(&[10.0, 7.0, 14.0, 7.0], 2, &[false, true], 1e6).unwrap();
    assert!((svm.weights[0] - 0.5).abs() < 1e-6, "{svm:?}");
    assert_eq!(svm.weights[1], 0.0, "a constant says nothing");
    assert!((svm.bias + 6.0).abs() < 1e-5, "{svm:?}");
}

#[test]
fn a_feature_twice_and_rows_twice_change_no_decision() {
    let mut rng = stream(3, &["svm"]);
    let positive: Vec<bool> = (0..40).map(|row| row % 3 == 0).collect();
    let shift = |row: usize| if positive[row] { 1.0 } else { 0.0 };
    let rows: Vec<f32> = (0..80).map(|place| (normal(&mut rng) + shift(place / 2)) as f32).collect();
    let plain = fit(&rows, 2, &positive, 0.1).unwrap();
    // Twice the feature is as a feature of double weight in the penalty's eyes, so all are doubled, and C is halved.
    let wide: Vec<f32> = rows.chunks(2).flat_map(|row| [row[0], row[1], row[0], row[1]]).collect();
    let doubled = fit(&wide, 4, &positive, 0.05).unwrap();
    let (long, twice) = (rows.repeat(2), positive.repeat(2));
    let repeated = fit(&long, 2, &twice, 0.05).unwrap();
    for row in 0..40 {
        let expected = plain.decision(&rows[row * 2..][..2]);
        assert!(near(doubled.decision(&wide[row * 4..][..4]), expected));
        assert!(near(repeated.decision(&rows[row * 2..][..2]), expected));
    }
}

#[test]
fn overlapping_classes_end_whatever_c_is() {
    let mut rng = stream(5, &["svm"]);
    let rows: Vec<f32> = (0..120 * 30).map(|_| normal(&mut rng) as f32).collect();
    let positive: Vec<bool> = (0..120).map(|_| normal(&mut rng) > 0.0).collect();
    for c in [1e-6, 1.0, 1e3] {
        assert!(fit(&rows, 30, &positive, c).unwrap().decision(&rows[..30]).is_finite(), "{c}");
    }
    // Rows that nothing tells apart, with both classes.
    let same = fit(&[1.0; 12], 2, &[true, false, true, false, true, false], 1.0).unwrap();
    assert!(same.weights.iter().all(|weight| *weight == 0.0) && same.bias.abs() < 1.0 + 1e-6, "{same:?}");
    let huge = fit(&[-3e38, 3e38, -2e38, 2e38], 1, &[false, true, false, true], 1.0).unwrap();
    assert!(huge.decision(&[3e38]) > 0.0 && huge.decision(&[-3e38]) < 0.0);
}

#[test]
fn what_says_nothing_is_refused_and_why() {
    let rows = [0.0, 1.0, 2.0, 3.0];
    let two = [true, false];
    assert_eq!(fit(&rows, 2, &[true, true], 1.0), Err(SvmError::OneClass { rows: 2, positive: true }));
    assert_eq!(fit(&rows, 3, &two, 1.0), Err(SvmError::Shape { numbers: 4, rows: 2, dim: 3 }));
    assert!(matches!(fit(&[], 0, &[], 1.0), Err(SvmError::Shape { .. })));
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(fit(&rows, 2, &two, c), Err(SvmError::C(_))), "{c}");
    }
    let holed = fit(&[0.0, 1.0, 2.0, f32::NAN], 2, &two, 1.0);
    assert_eq!(holed, Err(SvmError::NotFinite { row: 1, column: 1 }));
    assert!(holed.unwrap_err().to_string().contains("row 1, feature 1 is no finite number"));
    assert_eq!(choose_c(&rows, 2, &two, &[0, 0]), Err(SvmError::Groups));
    assert!(matches!(choose_c(&rows, 2, &two, &[0]), Err(SvmError::Shape { .. })));
    // Each group is a class: nothing is left to learn from.
    assert_eq!(choose_c(&rows, 2, &two, &[0, 1]), Err(SvmError::Groups));
}

#[test]
fn a_boundary_stops_when_it_is_asked_to_and_is_not_begun_out_of_proportion() {
    let mut rng = stream(9, &["svm"]);
    let rows: Vec<f32> = (0..40 * 3).map(|_| normal(&mut rng) as f32).collect();
    let (positive, classes): (Vec<bool>, Vec<usize>) = (0..40).map(|row| (row % 2 == 0, row % 2)).unzip();
    let groups: Vec<usize> = (0..40).map(|row| row / 4).collect();
    let stopped = Progress::default();
    stopped.cancel();
    let error = SvmError::Stopped(Cancelled);
    assert_eq!(super::fit(&rows, 3, &positive, 1.0, &stopped), Err(error));
    assert_eq!(super::choose_c(&rows, 3, &positive, &groups, &stopped), Err(error));
    assert_eq!(choose_c_of_classes(&rows, 3, &classes, &groups, &stopped), Err(error));
    assert_eq!(OneVsOne::fit(&rows, 3, &classes, 1.0, &stopped), Err(error));
    // Rows may be named more than once: 20,001 of 1,000 features are too many, 2 are not.
    let wide: Vec<f32> = (0..60 * 1000).map(|place| ((place * 7919) % 101) as f32).collect();
    let scaled = scaled::Scaled::new(&wide, 1000, 60).unwrap();
    let chosen: Vec<(usize, bool, f64)> = (0..20_001).map(|k| (k % 60, k % 2 == 0, 1.0)).collect();
    let error = scaled.separate(&chosen, &Progress::default()).unwrap_err();
    assert_eq!(error, SvmError::TooLarge { rows: 20_001, features: 1000 });
    assert!(error.to_string().contains("may be 2e10 at most"), "{error}");
    assert!(scaled.separate(&chosen[..2], &Progress::default()).is_ok());
}

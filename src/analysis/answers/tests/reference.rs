//! The same numbers as copairs, statsmodels, scikit-learn and `NumPy` (tests/fixtures/answers/make.py).

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use serde::Deserialize;

use super::super::calibration::{bins, brier, fit, probabilities};
use super::super::left_out::{Best, LeftOut};
use super::super::mechanism::{Near, Scored};
use super::super::*;
use super::origin;
use crate::analysis::items::{Compound, Item};
use crate::progress::Progress;
use crate::random::{normal, stream};

#[derive(Deserialize)]
struct WhiteningCase {
    dim: usize,
    shrinkage: f64,
    freedom: usize,
    treatment: Vec<i64>,
    replicate: Vec<usize>,
    raw: Vec<f32>,
    cosines: Vec<f64>,
}

#[test]
fn centring_and_whitening_are_those_of_numpy_and_scikit_learn() {
    let text = include_str!("../../../../tests/fixtures/answers/whitening.json");
    let case: WhiteningCase = serde_json::from_str(text).unwrap();
    let subjects =
        case.treatment.iter().zip(&case.replicate).enumerate().map(|(row, (&of, &replicate))| Item {
            row,
            row_id: row.to_string(),
            compound: Some((of + 1) as usize),
            replicate,
            control: of < 0,
            ..Item::default()
        });
    let compounds = vec![Compound::default(); 9];
    let replicates = vec!["1".to_owned(), "2".to_owned()];
    let subjects = Arc::new(Subjects::new(subjects.collect(), compounds, Vec::new(), replicates));
    let options = Options { head: HeadUse::Never, permutations: 100, ..Options::default() };
    let progress = Progress::default();
    let library = Library::new(subjects, &case.raw, case.dim, origin("h"), &options, &progress).unwrap();
    assert_eq!(library.freedom(), Some(case.freedom));
    let whitening = library.spaces.whole.whitening.as_ref().unwrap();
    assert!(
        (whitening.shrinkage - case.shrinkage).abs() < 1e-5,
        "{} {}",
        whitening.shrinkage,
        case.shrinkage
    );
    let vectors: Vec<&[f32]> = library.vectors().chunks_exact(case.dim).collect();
    for (i, expected) in case.cosines.chunks_exact(vectors.len()).enumerate() {
        for (other, expected) in vectors.iter().zip(expected) {
            let own: f64 = vectors[i].iter().zip(*other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!((own - expected).abs() < 1e-5, "{own} {expected}");
        }
    }
}

#[derive(Deserialize)]
struct CalibrationCase {
    p: Vec<f64>,
    hit: Vec<bool>,
    accuracy: Vec<f64>,
    probability: Vec<f64>,
    brier: f64,
}

#[test]
fn bins_and_brier_score_are_those_of_scikit_learn() {
    let text = include_str!("../../../../tests/fixtures/answers/calibration.json");
    let case: CalibrationCase = serde_json::from_str(text).unwrap();
    let answers: Vec<(f64, bool)> = case.p.iter().copied().zip(case.hit.iter().copied()).collect();
    assert!((brier(&answers) - case.brier).abs() < 1e-12);
    let own = bins(&answers);
    assert_eq!((own.len(), own.iter().map(|bin| bin.n).sum::<usize>()), (10, answers.len()));
    for ((bin, accuracy), probability) in own.iter().zip(&case.accuracy).zip(&case.probability) {
        assert!((bin.accuracy - accuracy).abs() < 1e-12 && (bin.probability - probability).abs() < 1e-12);
    }
}

/// Answers whose right mechanism is drawn from the softmax of their scores.
fn drawn(beta: f64, n: usize) -> Vec<LeftOut> {
    let mut rng = stream(11, &["softmax"]);
    (0..n)
        .map(|compound| {
            let near = (0..6).map(|moa| Near { moa, score: 0.3 * normal(&mut rng), compounds: 1, best: 0 });
            let near: Vec<Near> = near.collect();
            let mut rest: f64 = rng.random();
            let weights = probabilities(&near, beta);
            let right = weights.iter().position(|p| {
                rest -= p;
                rest < 0.0
            });
            let right = vec![right.unwrap_or(5)];
            LeftOut { compound, right, near, nested: Vec::new(), best: Best::default() }
        })
        .collect()
}

fn scored(answers: &[LeftOut]) -> Vec<Vec<Scored>> {
    answers.iter().map(LeftOut::scored).collect()
}

#[test]
fn beta_is_recovered_from_answers_of_the_softmax_itself() {
    for beta in [2.0, 8.0, 25.0] {
        let own = fit(&scored(&drawn(beta, 4000)));
        assert!((own / beta - 1.0).abs() < 0.08, "{own} {beta}");
    }
    // Answers that are all right do not make it endless.
    let mut perfect = drawn(8.0, 20);
    for answer in &mut perfect {
        answer.near.sort_by(|a, b| b.score.total_cmp(&a.score));
        answer.right = vec![answer.near[0].moa];
    }
    let own = fit(&scored(&perfect));
    assert!(own > 8.0 && own < 500.0, "{own}");
    let names: BTreeSet<usize> = perfect.iter().flat_map(|answer| answer.right.clone()).collect();
    assert!(names.len() > 2);
}

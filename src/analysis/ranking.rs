//! How well a ranking finds what it should.

/// Average precision of scores (higher = nearer) against what is relevant; `None` if nothing is.
///
/// `Σ (Rₙ − Rₙ₋₁)·Pₙ` over the distinct scores, as in scikit-learn's `average_precision_score`: items with equal
/// scores are found together, so their order does not matter. NaN ranks last.
pub fn average_precision(scores: &[f64], relevant: &[bool]) -> Option<f64> {
    let total = relevant.iter().filter(|&&r| r).count();
    if total == 0 {
        return None;
    }
    let score = |i: usize| if scores[i].is_nan() { f64::NEG_INFINITY } else { scores[i] };
    let mut order: Vec<usize> = (0..relevant.len().min(scores.len())).collect();
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
    let (mut seen, mut found, mut sum) = (0, 0, 0.0);
    for tied in order.chunk_by(|&a, &b| score(a) == score(b)) {
        let hits = tied.iter().filter(|&&i| relevant[i]).count();
        seen += tied.len();
        found += hits;
        sum += hits as f64 * found as f64 / seen as f64;
    }
    Some(sum / total as f64)
}

/// Mean average precision of random rankings of `total` items of which `relevant` are right:
/// `((R − 1)/(N − 1))·(1 − H(N)/N) + H(N)/N`, with the harmonic number `H` (mean over all orders, exact).
pub fn chance(relevant: usize, total: usize) -> f64 {
    if relevant == 0 || total == 0 {
        return 0.0;
    }
    if total == 1 {
        return 1.0;
    }
    let n = total as f64;
    let harmonic: f64 = (1..=total).map(|i| 1.0 / i as f64).sum();
    let first = harmonic / n;
    first + (relevant - 1) as f64 / (n - 1.0) * (1.0 - first)
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use serde::Deserialize;

    use super::*;
    use crate::simulate::random::stream;

    #[derive(Deserialize)]
    struct Case {
        scores: Vec<f64>,
        relevant: Vec<bool>,
        average_precision: f64,
    }

    #[test]
    fn agrees_with_scikit_learn() {
        let text = include_str!("../../tests/fixtures/ranking/average_precision.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let own = average_precision(&case.scores, &case.relevant).unwrap();
            assert!((own - case.average_precision).abs() < 1e-12, "{own} {}", case.average_precision);
        }
        assert_eq!(average_precision(&[1.0, 2.0], &[false, false]), None);
        assert_eq!(average_precision(&[f64::NAN, 2.0], &[false, true]), Some(1.0));
    }

    #[test]
    fn chance_is_the_mean_over_random_orders() {
        // All orders of three items, one of them right: (1 + 1/2 + 1/3) / 3.
        assert!((chance(1, 3) - 11.0 / 18.0).abs() < 1e-15);
        assert_eq!(chance(4, 4), 1.0);
        assert_eq!(chance(1, 1), 1.0);
        let mut rng = stream(3, &["chance"]);
        let mut relevant: Vec<bool> = (0..30).map(|i| i < 7).collect();
        let scores: Vec<f64> = (0..30).map(f64::from).collect();
        let rounds = 20_000;
        let mut sum = 0.0;
        for _ in 0..rounds {
            relevant.shuffle(&mut rng);
            sum += average_precision(&scores, &relevant).unwrap();
        }
        let drawn = sum / f64::from(rounds);
        assert!((drawn - chance(7, 30)).abs() < 0.003, "{drawn} {}", chance(7, 30));
    }
}

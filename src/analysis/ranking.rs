//! How well a ranking finds what it should.

/// What one ranking found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// As [`average_precision`] gives it.
    pub average_precision: f64,
    /// Wrong items ahead of the first right one. Those with its very score count as ahead.
    pub ahead: usize,
    /// Right items.
    pub relevant: usize,
    /// Items.
    pub total: usize,
    /// Items with the score of the first right one, itself included.
    pub tied: usize,
    /// Right ones among these.
    pub hits: usize,
}

impl Found {
    /// Expected part of the orders of equal scores that have a right item among the first `k`: for scores that tie by their
    /// nature, as places on a plate, where [`ahead`](Self::ahead) would make too little of them.
    pub fn expected_within(&self, k: usize) -> f64 {
        // Nearer than the first right one, all of them wrong.
        let nearer = self.ahead - (self.tied - self.hits);
        chance_within(self.hits, self.tied, k.saturating_sub(nearer))
    }
}

/// Average precision of scores (higher = nearer) against what is relevant; `None` if nothing is.
///
/// `Σ (Rₙ − Rₙ₋₁)·Pₙ` over the distinct scores, as in scikit-learn's `average_precision_score`: items with
/// equal scores are found together, so their order does not matter. NaN ranks last.
pub fn average_precision(scores: &[f64], relevant: &[bool]) -> Option<f64> {
    let score = |i: usize| if scores[i].is_nan() { f64::NEG_INFINITY } else { scores[i] };
    let mut order: Vec<usize> = (0..relevant.len().min(scores.len())).collect();
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
    walk(order.into_iter().map(|i| (score(i), relevant[i]))).map(|found| found.average_precision)
}

/// Goes through items from the nearest to the farthest, each with its score and whether it is right; `None`
/// if none is.
pub fn walk<S: PartialEq>(ranked: impl IntoIterator<Item = (S, bool)>) -> Option<Found> {
    let (mut total, mut relevant, mut ahead, mut sum) = (0, 0, 0, 0.0);
    let mut first = (0, 0);
    let mut found_together = |tied: usize, hits: usize| {
        if relevant == 0 && hits > 0 {
            ahead = total + tied - hits;
            first = (tied, hits);
        }
        total += tied;
        relevant += hits;
        sum += hits as f64 * relevant as f64 / total as f64;
    };
    let mut group: Option<(S, usize, usize)> = None;
    for (score, right) in ranked {
        match &mut group {
            Some((of, tied, hits)) if *of == score => {
                *tied += 1;
                *hits += usize::from(right);
            }
            _ => {
                if let Some((_, tied, hits)) = group.replace((score, 1, usize::from(right))) {
                    found_together(tied, hits);
                }
            }
        }
    }
    if let Some((_, tied, hits)) = group {
        found_together(tied, hits);
    }
    let (tied, hits) = first;
    (relevant > 0).then(|| Found {
        average_precision: sum / relevant as f64,
        ahead,
        relevant,
        total,
        tied,
        hits,
    })
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

/// Part of random rankings of `total` items of which `relevant` are right that have a right one among the
/// first `k`: `1 − ∏ᵢ (N − R − i)/(N − i)` for `i < k`.
pub fn chance_within(relevant: usize, total: usize, k: usize) -> f64 {
    let wrong = total.saturating_sub(relevant);
    1.0 - (0..k.min(total)).map(|i| wrong.saturating_sub(i) as f64 / (total - i) as f64).product::<f64>()
}

#[cfg(test)]
mod tests {
    use rand::seq::SliceRandom;
    use serde::Deserialize;

    use super::*;
    use crate::random::stream;

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
        let (mut sum, mut within) = (0.0, [0; 3]);
        for _ in 0..rounds {
            relevant.shuffle(&mut rng);
            sum += average_precision(&scores, &relevant).unwrap();
            let ranked = scores.iter().rev().zip(relevant.iter().rev().copied());
            let ahead = walk(ranked).unwrap().ahead;
            for (count, k) in within.iter_mut().zip([1, 5, 10]) {
                *count += u32::from(ahead < k);
            }
        }
        let drawn = sum / f64::from(rounds);
        assert!((drawn - chance(7, 30)).abs() < 0.003, "{drawn} {}", chance(7, 30));
        for (count, k) in within.iter().zip([1, 5, 10]) {
            let (drawn, exact) = (f64::from(*count) / f64::from(rounds), chance_within(7, 30, k));
            assert!((drawn - exact).abs() < 0.01, "{k}: {drawn} {exact}");
        }
        assert_eq!([chance_within(0, 5, 3), chance_within(5, 5, 1), chance_within(1, 3, 9)], [0.0, 1.0, 1.0]);
    }

    #[test]
    fn ties_count_against_the_first_hit() {
        let ahead = |scores: [f64; 5], right: [bool; 5]| walk(scores.into_iter().zip(right)).map(|f| f.ahead);
        let last = [false, false, false, false, true];
        assert_eq!(ahead([5.0, 4.0, 4.0, 4.0, 1.0], [false, true, false, true, true]), Some(2));
        assert_eq!(ahead([1.0; 5], last), Some(4));
        assert_eq!(ahead([1.0; 5], [true; 5]), Some(0));
        assert_eq!(ahead([1.0; 5], [false; 5]), None);
        // One nearer, then one of three equals right: never at the first place, in a third of the orders at the second.
        let found = walk([9.0, 4.0, 4.0, 4.0].into_iter().zip([false, false, true, false])).unwrap();
        assert_eq!([1, 4, 9].map(|k| found.expected_within(k)), [0.0, 1.0, 1.0]);
        assert!((found.expected_within(2) - 1.0 / 3.0).abs() < 1e-15);
        assert!((found.expected_within(3) - 2.0 / 3.0).abs() < 1e-15);
        let found = walk([(2.0, false), (1.0, true)]).unwrap();
        assert_eq!((found.relevant, found.total, found.average_precision), (1, 2, 0.5));
    }
}

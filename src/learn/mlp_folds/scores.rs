//! Area under the curve and average precision by target, over compounds that are drawn with replacement.

use crate::analysis::evaluate::Estimate;
use crate::analysis::evaluate::bootstrap::Draws;

/// What was predicted of compounds for one target: score, place of the compound, whether it has the target.
pub(super) type Ranking = Vec<(f64, usize, bool)>;

/// Place of each number among all, from 0 to 1, equal ones with the mean of theirs: `(rank − 1/2) / n`.
pub(super) fn ranks(numbers: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| numbers[a] == numbers[b]) {
        let rank = (before as f64 + tied.len() as f64 / 2.0) / numbers.len() as f64;
        for &place in tied {
            ranks[place] = rank as f32;
        }
        before += tied.len();
    }
    ranks
}

/// Means over targets and runs: of the area under the ROC curve, and of the average precision. Compounds count as often as they are drawn;
/// targets that all or none of these have are passed over.
pub(super) fn scores(runs: Vec<Vec<Ranking>>, draws: &Draws) -> [Option<Estimate>; 2] {
    let mut runs = runs;
    for ranking in runs.iter_mut().flatten() {
        ranking.sort_by(|a, b| b.0.total_cmp(&a.0));
    }
    let mean = |counts: &[u32], at: usize| {
        let found: Vec<f64> =
            runs.iter().flatten().filter_map(|ranking| judge(ranking, counts)).map(|pair| pair[at]).collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64)
    };
    [0, 1].map(|at| draws.estimate(|counts| mean(counts, at)))
}

/// Both of a sorted ranking; equal scores are found together. `None` without a compound that has the target, or without one that has not.
pub(super) fn judge(ranking: &[(f64, usize, bool)], counts: &[u32]) -> Option<[f64; 2]> {
    let (mut hits, mut others, mut in_order, mut precision) = (0.0, 0.0, 0.0, 0.0);
    for tied in ranking.chunk_by(|a, b| a.0 == b.0) {
        let weight = |has: bool| -> f64 {
            tied.iter().filter(|(.., own)| *own == has).map(|(_, place, _)| f64::from(counts[*place])).sum()
        };
        let (more_hits, more_others) = (weight(true), weight(false));
        in_order += more_others * (hits + more_hits / 2.0);
        hits += more_hits;
        others += more_others;
        if more_hits > 0.0 {
            precision += more_hits * hits / (hits + others);
        }
    }
    (hits > 0.0 && others > 0.0).then(|| [in_order / (hits * others), precision / hits])
}

/// Expected scores of a random order: one half, and the part of the compounds that have the target.
pub(super) fn chance(has: &[Vec<bool>], draws: &Draws) -> [Option<Estimate>; 2] {
    let parts = |counts: &[u32]| -> Vec<f64> {
        let all: f64 = counts.iter().map(|&count| f64::from(count)).sum();
        let part = |has: &Vec<bool>| {
            let of = has.iter().zip(counts).filter(|(has, _)| **has);
            of.map(|(_, &count)| f64::from(count)).sum::<f64>() / all
        };
        has.iter().map(part).filter(|part| *part > 0.0 && *part < 1.0).collect()
    };
    let mean = |counts: &[u32], at: usize| {
        let parts = parts(counts);
        let mean = parts.iter().sum::<f64>() / parts.len() as f64;
        (!parts.is_empty()).then_some([0.5, mean][at])
    };
    [0, 1].map(|at| draws.estimate(|counts| mean(counts, at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_places_and_equals_share_theirs() {
        assert_eq!(ranks(&[3.0, -1.0, 3.0, 7.0]), [0.5, 0.125, 0.5, 0.875]);
        assert_eq!((ranks(&[2.0]), ranks(&[]).len()), (vec![0.5], 0));
    }

    #[test]
    fn scores_are_those_of_scikit_learn() {
        // roc_auc_score and average_precision_score of [1, 0, 1, 0, 1], [.9, .8, .8, .3, .1].
        let ranking = vec![(0.9, 0, true), (0.8, 1, false), (0.8, 2, true), (0.3, 3, false), (0.1, 4, true)];
        let [auc, precision] = judge(&ranking, &[1; 5]).unwrap();
        assert!((auc - 3.5 / 6.0).abs() < 1e-12, "{auc}");
        assert!((precision - (1.0 + 2.0 / 3.0 + 0.6) / 3.0).abs() < 1e-12, "{precision}");
        // A compound that is drawn twice counts as two, one that is not drawn as none.
        let twice: Ranking = vec![(0.9, 0, true), (0.9, 0, true), (0.8, 1, false), (0.1, 4, true)];
        assert_eq!(judge(&ranking, &[2, 1, 0, 0, 1]), judge(&twice, &[1; 5]));
        assert_eq!(judge(&ranking, &[1, 0, 1, 0, 1]), None);
        let draws = Draws::new(&[None; 4], 50, 1);
        let [half, part] = chance(&[vec![true, false, false, false], vec![true, true, true, true]], &draws);
        assert_eq!((half.unwrap().value, part.unwrap().value), (0.5, 0.25));
    }
}

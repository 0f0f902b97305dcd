//! What a classifier on the embedding says of the queries: accuracy, and the area under the ROC curve.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::EvaluateError;
use super::bootstrap::{Draws, Estimate};
use super::retrieval::Task;
use crate::analysis::items::{Items, plain};
use crate::model::card::DrugClass;

/// Raw outputs of a classifier for every item.
#[derive(Debug, Clone)]
pub struct Classifier<'a> {
    /// What its classes are.
    pub task: Task,
    /// Names of the classes.
    pub names: Vec<String>,
    /// For each class its place in the compounds or mechanisms; `None` where the items have nothing of it.
    pub classes: Vec<Option<usize>>,
    /// Logits, `[item, class]`.
    pub logits: &'a [f32],
}

impl<'a> Classifier<'a> {
    /// A classifier of mechanisms, whose names are compared without case and punctuation.
    pub fn of_moas(items: &Items, names: &[String], logits: &'a [f32]) -> Self {
        let places: BTreeMap<String, usize> = items.moas.iter().map(|moa| plain(moa)).zip(0..).collect();
        let classes = names.iter().map(|name| places.get(&plain(name)).copied()).collect();
        Self { task: Task::Moa, names: names.to_vec(), classes, logits }
    }

    /// A classifier of drugs, by skeleton where there is one, by name otherwise.
    pub fn of_drugs(items: &Items, drugs: &[DrugClass], logits: &'a [f32]) -> Self {
        let (mut skeletons, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (place, compound) in items.compounds.iter().enumerate() {
            skeletons.extend(compound.skeleton.as_deref().map(|skeleton| (skeleton, place)));
            names.extend(compound.names.iter().map(|name| (name.clone(), place)));
        }
        let place = |drug: &DrugClass| {
            skeletons.get(drug.skeleton.as_str()).or_else(|| names.get(&plain(&drug.name))).copied()
        };
        Self {
            task: Task::DrugIdentification,
            names: drugs.iter().map(|drug| drug.name.clone()).collect(),
            classes: drugs.iter().map(place).collect(),
            logits,
        }
    }

    pub(super) fn check(&self, items: &Items) -> Result<(), EvaluateError> {
        let (rows, dim, len) = (items.len(), self.classes.len(), self.logits.len());
        let name = format!("classifier of {}", self.task.label());
        if dim == 0 || len != rows * dim {
            return Err(EvaluateError::Shape { name, rows, dim, len });
        }
        match self.logits.iter().position(|x| !x.is_finite()) {
            Some(at) => {
                let row_id = items.items[at / dim].row_id.clone();
                Err(EvaluateError::NotFinite { name, row_id, column: at % dim })
            }
            None => Ok(()),
        }
    }
}

/// What a classifier says of some queries.
pub(super) struct Classified {
    /// Items that have a class that the classifier knows.
    pub items: Vec<usize>,
    /// For each the class of the highest logit, the first of equals.
    pub predicted: Vec<usize>,
    /// For each whether that is one of its own.
    pub correct: Vec<bool>,
    /// `[item, class]`: softmax of the logits.
    probabilities: Vec<Vec<f64>>,
    /// `[item, class]`: whether the item has the class.
    has: Vec<Vec<bool>>,
}

impl Classified {
    /// Looks at the queries. One whose classes the classifier does not know cannot be judged and is left out.
    pub fn of<'i>(classifier: &Classifier, queries: &[usize], labels: impl Fn(usize) -> &'i [usize]) -> Self {
        let n = classifier.classes.len();
        let mut out = Self {
            items: Vec::new(),
            predicted: Vec::new(),
            correct: Vec::new(),
            probabilities: Vec::new(),
            has: Vec::new(),
        };
        for &item in queries {
            let own = labels(item);
            let has: Vec<bool> = classifier
                .classes
                .iter()
                .map(|class| class.is_some_and(|class| own.contains(&class)))
                .collect();
            if !has.contains(&true) {
                continue;
            }
            let logits = &classifier.logits[item * n..(item + 1) * n];
            let best = (1..n).fold(0, |best, class| if logits[class] > logits[best] { class } else { best });
            let powers: Vec<f64> =
                logits.iter().map(|&x| (f64::from(x) - f64::from(logits[best])).exp()).collect();
            let sum: f64 = powers.iter().sum();
            out.items.push(item);
            out.predicted.push(best);
            out.correct.push(has[best]);
            out.probabilities.push(powers.into_iter().map(|power| power / sum).collect());
            out.has.push(has);
        }
        out
    }

    /// Accuracy and AUC with their intervals, given each item's drug as a place in `mechanisms`, the mechanism
    /// of each drug.
    pub fn scores(
        &self,
        drug: &[usize],
        mechanisms: &[Option<usize>],
        resamples: usize,
        seed: u64,
    ) -> [Option<Estimate>; 2] {
        let draws = Draws::new(mechanisms, resamples, seed);
        let drugs = mechanisms.len();
        let (mut right, mut all) = (vec![0.0; drugs], vec![0.0; drugs]);
        for (&drug, &correct) in drug.iter().zip(&self.correct) {
            all[drug] += 1.0;
            right[drug] += f64::from(correct);
        }
        let curves = self.curves();
        let auc = draws.estimate(|counts| {
            let weights: Vec<f64> = drug.iter().map(|&drug| f64::from(counts[drug])).collect();
            macro_auc(&curves, &weights)
        });
        [draws.mean(&right, &all), auc]
    }

    /// For each class that some items have and others have not: the items from the most to the least
    /// probable.
    fn curves(&self) -> Vec<Curve> {
        let classes = self.has.first().map_or(0, Vec::len);
        let by_class = (0..classes).filter_map(|class| {
            let has: Vec<bool> = self.has.iter().map(|has| has[class]).collect();
            if !has.contains(&true) || !has.contains(&false) {
                return None;
            }
            let probability = |item: usize| self.probabilities[item][class];
            let mut order: Vec<usize> = (0..self.items.len()).collect();
            order.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)));
            let ties = order.windows(2).map(|pair| probability(pair[0]).total_cmp(&probability(pair[1])));
            let ties = ties.map(|order| order == Ordering::Equal).collect();
            Some(Curve { order, ties, has })
        });
        by_class.collect()
    }
}

/// One class against the rest.
struct Curve {
    /// Items, the most probable first.
    order: Vec<usize>,
    /// Whether a place of the order and the next are equally probable.
    ties: Vec<bool>,
    /// Whether an item has the class.
    has: Vec<bool>,
}

impl Curve {
    /// Part of the pairs (has the class, has it not) in which the first is more probable; a tie counts half.
    fn area(&self, weights: &[f64]) -> Option<f64> {
        let (mut right, mut wrong, mut area) = (0.0, 0.0, 0.0);
        let (mut right_tied, mut wrong_tied) = (0.0, 0.0);
        for (place, &item) in self.order.iter().enumerate() {
            if self.has[item] {
                right_tied += weights[item];
            } else {
                wrong_tied += weights[item];
            }
            if !self.ties.get(place).copied().unwrap_or(false) {
                area += wrong_tied * (right + right_tied / 2.0);
                right += right_tied;
                wrong += wrong_tied;
                (right_tied, wrong_tied) = (0.0, 0.0);
            }
        }
        (right > 0.0 && wrong > 0.0).then(|| area / (right * wrong))
    }
}

/// Mean over the classes that can be told, as scikit-learn's `roc_auc_score(multi_class="ovr",
/// average="macro")`.
fn macro_auc(curves: &[Curve], weights: &[f64]) -> Option<f64> {
    let areas: Vec<f64> = curves.iter().filter_map(|curve| curve.area(weights)).collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::analysis::testing::{Row, items};

    #[derive(Deserialize)]
    struct Case {
        /// `[item][label]`.
        labels: Vec<Vec<usize>>,
        logits: Vec<Vec<f32>>,
        accuracy: f64,
        auc: f64,
    }

    #[test]
    fn accuracy_and_auc_agree_with_scikit_learn() {
        let text = include_str!("../../../tests/fixtures/evaluation/classifier.json");
        let cases: Vec<Case> = serde_json::from_str(text).unwrap();
        assert!(
            cases.len() > 10 && cases.iter().any(|case| case.labels.iter().any(|labels| labels.len() > 1))
        );
        for case in cases {
            let rows: Vec<Row> = case
                .labels
                .iter()
                .enumerate()
                .map(|(compound, labels)| Row { compound, moas: labels.clone(), ..Row::default() })
                .collect();
            let items = items(&rows);
            let logits: Vec<f32> = case.logits.concat();
            let classifier = Classifier::of_moas(&items, &items.moas, &logits);
            classifier.check(&items).unwrap();
            let queries: Vec<usize> = (0..items.len()).collect();
            let seen = Classified::of(&classifier, &queries, |item| &items.items[item].moas);
            let [accuracy, auc] =
                seen.scores(&queries, &vec![None; queries.len()], 50, 1).map(Option::unwrap);
            assert!((accuracy.value - case.accuracy).abs() < 1e-12, "{accuracy:?} {}", case.accuracy);
            assert!((auc.value - case.auc).abs() < 1e-12, "{auc:?} {}", case.auc);
            assert!(auc.lo <= auc.value && auc.value <= auc.hi);
        }
    }

    #[test]
    fn what_the_classifier_does_not_know_is_not_judged() {
        let row = |compound, moa| Row { compound, moas: vec![moa], ..Row::default() };
        let mut items = items(&[row(0, 0), row(1, 1), row(2, 2)]);
        items.moas = ["Uncoupler", "ROCK inhibitor", "new"].map(str::to_owned).to_vec();
        let names = ["rock-inhibitor", "uncoupler", "never seen here"].map(str::to_owned);
        let logits = [1.0, 3.0, 2.0, 0.0, 0.0, 0.5, 9.0, 9.0, 9.0];
        let classifier = Classifier::of_moas(&items, &names, &logits);
        assert_eq!(classifier.classes, [Some(1), Some(0), None]);
        let seen = Classified::of(&classifier, &[0, 1, 2], |item| &items.items[item].moas);
        assert_eq!((seen.items.as_slice(), seen.predicted.as_slice()), (&[0, 1][..], &[1, 2][..]));
        assert_eq!(seen.correct, [true, false]);
        items.compounds[0].skeleton = Some("AAA".to_owned());
        let class = |name: &str, skeleton: &str| DrugClass {
            name: name.to_owned(),
            skeleton: skeleton.to_owned(),
            smiles: String::new(),
            moas: Vec::new(),
        };
        let drugs = [class("C 1", ""), class("other name", "AAA"), class("x", "")];
        assert_eq!(Classifier::of_drugs(&items, &drugs, &logits).classes, [Some(1), Some(0), None]);
    }
}

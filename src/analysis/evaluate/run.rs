//! Model and baselines answer the same queries; scores and tables of what they found.

use std::collections::{BTreeMap, BTreeSet};

use super::bootstrap::Draws;
use super::classifier::Classified;
use super::report::CHANCE;
use super::retrieval::{Answer, CONDITIONS, Condition, Retrieval};
use super::similarity::Similarity;
use super::{
    Centring, Classifier, Confusion, DrugScore, Evaluation, Features, Level, Metrics, MoaScore,
    Normalisation, Report, TANIMOTO, Task,
};
use crate::analysis::items::Items;
use crate::analysis::ranking::Found;

/// Nearest items that vote for a mechanism.
const VOTERS: usize = 5;

/// What everybody answers to the same queries.
pub(super) struct Run<'a> {
    evaluation: &'a Evaluation<'a>,
    retrieval: Retrieval<'a>,
    normalisation: Normalisation,
    /// The mechanism that each compound is resampled with.
    mechanisms: Vec<Option<usize>>,
    model: Vec<[Answer; CONDITIONS.len()]>,
    baselines: Vec<(&'a str, Vec<[Answer; CONDITIONS.len()]>)>,
}

/// Queries of one condition that had something to find.
struct Asked {
    /// Places in the queries.
    queries: Vec<usize>,
    /// For each the place of its compound in `drugs`.
    drug: Vec<usize>,
    /// Compounds.
    drugs: Vec<usize>,
}

impl<'a> Run<'a> {
    pub fn new(
        evaluation: &'a Evaluation<'a>,
        retrieval: Retrieval<'a>,
        normalisation: Normalisation,
    ) -> Self {
        let items = evaluation.items;
        let (queries, gallery) = (&retrieval.queries, &retrieval.gallery);
        let answers = |features: &Features, nearest| {
            let centring = (normalisation == Normalisation::DmsoCentred)
                .then(|| Centring::fit(items, features.values, features.dim));
            let similarity = Similarity::of_features(items, features, centring.as_ref(), queries, gallery);
            retrieval.run(&similarity, nearest)
        };
        let model = answers(&evaluation.embeddings, VOTERS);
        let mut baselines: Vec<_> = evaluation
            .baselines
            .iter()
            .map(|features| (features.name.as_str(), answers(features, 0)))
            .collect();
        if let Some(similarity) = Similarity::of_structures(items, queries, gallery) {
            baselines.push((TANIMOTO, retrieval.run(&similarity, 0)));
        }
        Self { evaluation, retrieval, normalisation, mechanisms: mechanisms(items), model, baselines }
    }

    pub fn reports(&self, left_out: &BTreeMap<String, usize>, notes: &[String]) -> Vec<Report> {
        // Classifiers read raw vectors, so they say nothing of centred ones.
        let raw = self.normalisation == Normalisation::Raw;
        let Evaluation { resamples, seed, .. } = *self.evaluation;
        let judged = self.evaluation.classifiers.iter().filter(|_| raw).map(|classifier| {
            let labels = |item| self.retrieval.labels(classifier.task, item);
            let seen = Classified::of(classifier, &self.retrieval.queries, labels);
            let (drug, drugs) = self.drugs(&seen.items);
            let scores = seen.scores(&drug, &self.mechanisms_of(&drugs), resamples, seed);
            (classifier, seen, scores)
        });
        let judged: Vec<_> = judged.collect();
        let report = |(number, condition): (usize, Condition)| {
            let mut report = self.report(number, condition, left_out, notes);
            let of_task = judged.iter().find(|(classifier, ..)| classifier.task == condition.task);
            if let Some((classifier, seen, scores)) = of_task {
                report.n_classified = seen.items.len();
                [report.metrics.accuracy, report.metrics.auc] = *scores;
                if condition.task == Task::Moa {
                    report.confusion.insert("classifier".to_owned(), self.judged(classifier, seen));
                }
            }
            report
        };
        CONDITIONS.into_iter().enumerate().map(report).collect()
    }

    /// What a classifier takes for what.
    fn judged(&self, classifier: &Classifier, seen: &Classified) -> Confusion {
        let moas = &self.evaluation.items.moas;
        let pair = |(&item, &class): (&usize, &usize)| {
            let known = classifier.classes[class].map(|moa| &moas[moa]);
            (self.moas_of(item), known.unwrap_or(&classifier.names[class]).as_str())
        };
        Confusion::of(&seen.items.iter().zip(&seen.predicted).map(pair).collect::<Vec<_>>())
    }

    fn report(
        &self,
        number: usize,
        condition: Condition,
        left_out: &BTreeMap<String, usize>,
        notes: &[String],
    ) -> Report {
        let Evaluation { items, plan, seed, resamples, .. } = *self.evaluation;
        let Condition { task, exclusion } = condition;
        let asking: Vec<usize> = self.retrieval.asking(task).collect();
        let found = |query: usize| self.model[query][number].found;
        let (queries, dropped): (Vec<usize>, Vec<usize>) =
            asking.iter().copied().partition(|&query| found(query).is_some());
        let of: Vec<usize> = queries.iter().map(|&query| self.retrieval.queries[query]).collect();
        let (drug, drugs) = self.drugs(&of);
        let asked = Asked { queries, drug, drugs };
        let draws = Draws::new(&self.mechanisms_of(&asked.drugs), resamples, seed);

        let hits =
            |found: &Found| [found.average_precision, within(found, 1), within(found, 5), within(found, 10)];
        let model = asked.values(|query| found(query).as_ref().map(hits));
        let mut chances = BTreeMap::new();
        let chance = asked.values(|query| {
            let found = found(query)?;
            Some(*chances.entry((found.relevant, found.total)).or_insert_with(|| Retrieval::chance(&found)))
        });
        let mut baselines = BTreeMap::from([(CHANCE.to_owned(), asked.metrics(&draws, &chance))]);
        for (name, answers) in &self.baselines {
            // A structure names its drug, so it would find it without any recording.
            if *name != TANIMOTO || task == Task::Moa {
                let values = asked.values(|query| answers[query][number].found.as_ref().map(hits));
                baselines.insert((*name).to_owned(), asked.metrics(&draws, &values));
            }
        }
        let mut left_out = left_out.clone();
        for (reason, rows) in items.left_out.iter().chain(&plan.left_out) {
            *left_out.entry(reason.clone()).or_default() += rows;
        }
        let gallery = self.retrieval.candidates(task);
        let unlabelled = self.retrieval.queries.len() - asking.len() + self.retrieval.gallery.len() - gallery;
        if unlabelled > 0 {
            left_out.insert("no mechanism is known".to_owned(), unlabelled);
        }
        let mut notes = notes.to_vec();
        notes.extend(plan.notes.iter().cloned());
        let of_all = |of: &[usize]| of.iter().filter(|&&item| items.items[item].simulated).count();
        let simulated = of_all(&self.retrieval.queries) + of_all(&self.retrieval.gallery);
        let rows = self.retrieval.queries.len() + self.retrieval.gallery.len();
        if simulated > 0 && simulated < rows {
            notes.push(format!("{simulated} of {rows} recordings are simulated, the others are not."));
        }
        let (per_moa, confusion) = match task {
            Task::Moa => (self.per_moa(&asked, &model, &chance), self.confusion(&asked, number)),
            Task::DrugIdentification => (Vec::new(), BTreeMap::new()),
        };
        Report {
            task,
            protocol: plan.protocol,
            split: plan.split.to_owned(),
            exclusion,
            normalisation: self.normalisation,
            level: Level::Row,
            seed,
            simulated: simulated > 0,
            n_query: asked.queries.len(),
            n_gallery: gallery,
            n_dropped: dropped.len(),
            metrics: asked.metrics(&draws, &model),
            baselines,
            intervals: draws.units(),
            split_from: plan.split_from.clone(),
            contaminated: plan.contaminated.clone(),
            n_classified: 0,
            left_out,
            per_moa,
            per_drug: self.per_drug(&asked, &model),
            confusion,
            notes,
        }
    }

    /// For each item the place of its compound among those that occur, and these.
    fn drugs(&self, of: &[usize]) -> (Vec<usize>, Vec<usize>) {
        // Rows of an evaluation name their compounds.
        let compound = |item: &usize| self.evaluation.items.items[*item].compound.unwrap_or_default();
        let drugs: BTreeSet<usize> = of.iter().map(compound).collect();
        let drugs: Vec<usize> = drugs.into_iter().collect();
        (of.iter().map(|item| drugs.partition_point(|&drug| drug < compound(item))).collect(), drugs)
    }

    fn mechanisms_of(&self, drugs: &[usize]) -> Vec<Option<usize>> {
        drugs.iter().map(|&drug| self.mechanisms.get(drug).copied().flatten()).collect()
    }

    fn moas_of(&self, item: usize) -> Vec<&str> {
        let items = self.evaluation.items;
        items.items[item].moas.iter().map(|&moa| items.moas[moa].as_str()).collect()
    }

    fn per_drug(&self, asked: &Asked, model: &[[f64; 4]]) -> Vec<DrugScore> {
        let [sums, queries] = asked.by_drug(model, 0);
        let score = |(&compound, (sum, n)): (&usize, (&f64, &f64))| DrugScore {
            compound: self.evaluation.items.compounds[compound].name.clone(),
            moa: self.mechanisms[compound].map(|moa| self.evaluation.items.moas[moa].clone()),
            n_query: *n as usize,
            map: sum / n,
        };
        asked.drugs.iter().zip(sums.iter().zip(&queries)).map(score).collect()
    }

    fn per_moa(&self, asked: &Asked, model: &[[f64; 4]], chance: &[[f64; 4]]) -> Vec<MoaScore> {
        let items = self.evaluation.items;
        let score = |moa: usize| {
            let has = |place: &usize| {
                items.items[self.retrieval.queries[asked.queries[*place]]].moas.contains(&moa)
            };
            let of: Vec<usize> = (0..asked.queries.len()).filter(has).collect();
            let mean = |values: &[[f64; 4]], metric: usize| {
                of.iter().map(|&place| values[place][metric]).sum::<f64>() / of.len() as f64
            };
            (!of.is_empty()).then(|| MoaScore {
                moa: items.moas[moa].clone(),
                n_query: of.len(),
                n_drugs: of.iter().map(|&place| asked.drug[place]).collect::<BTreeSet<_>>().len(),
                map: mean(model, 0),
                cmc1: mean(model, 1),
                chance: mean(chance, 0),
            })
        };
        (0..items.moas.len()).filter_map(score).collect()
    }

    fn confusion(&self, asked: &Asked, number: usize) -> BTreeMap<String, Confusion> {
        let table = |voters: usize| {
            let pair = |&query: &usize| {
                let nearest = &self.model[query][number].nearest;
                let nearest = nearest.iter().take(voters).map(|&place| self.retrieval.gallery[place]);
                Some((self.moas_of(self.retrieval.queries[query]), self.majority(nearest)?))
            };
            Confusion::of(&asked.queries.iter().filter_map(pair).collect::<Vec<_>>())
        };
        BTreeMap::from([("nearest".to_owned(), table(1)), ("majority".to_owned(), table(VOTERS))])
    }

    /// The mechanism that most of some items have; of equals the one of the nearest item, then the first by
    /// name.
    fn majority(&self, nearest: impl Iterator<Item = usize>) -> Option<&str> {
        let mut votes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (rank, item) in nearest.enumerate() {
            for moa in self.moas_of(item) {
                votes.entry(moa).or_insert((0, rank)).0 += 1;
            }
        }
        let best = |(name, (count, rank)): &(&str, (usize, usize))| {
            (std::cmp::Reverse(*count), *rank, (*name).to_owned())
        };
        votes.into_iter().min_by_key(best).map(|(name, _)| name)
    }
}

impl Asked {
    /// A row of numbers for each query.
    fn values(&self, mut of: impl FnMut(usize) -> Option<[f64; 4]>) -> Vec<[f64; 4]> {
        self.queries.iter().map(|&query| of(query).unwrap_or_default()).collect()
    }

    /// Each drug's sum of one number, and its queries.
    fn by_drug(&self, values: &[[f64; 4]], metric: usize) -> [Vec<f64>; 2] {
        let mut sums = [vec![0.0; self.drugs.len()], vec![0.0; self.drugs.len()]];
        for (&drug, values) in self.drug.iter().zip(values) {
            sums[0][drug] += values[metric];
            sums[1][drug] += 1.0;
        }
        sums
    }

    /// Means over queries with their intervals.
    fn metrics(&self, draws: &Draws, values: &[[f64; 4]]) -> Metrics {
        let [map, cmc1, cmc5, cmc10] = [0, 1, 2, 3].map(|metric| {
            let [sums, queries] = self.by_drug(values, metric);
            draws.mean(&sums, &queries)
        });
        Metrics { map, cmc1, cmc5, cmc10, accuracy: None, auc: None }
    }
}

/// The first mechanism by the alphabet of each compound; `None` where none is known.
pub(crate) fn mechanisms(items: &Items) -> Vec<Option<usize>> {
    let mut first: Vec<Option<usize>> = vec![None; items.compounds.len()];
    for item in &items.items {
        let Some(first) = item.compound.and_then(|compound| first.get_mut(compound)) else { continue };
        let all = item.moas.iter().copied().chain(*first);
        *first = all.min_by_key(|&moa| items.moas[moa].to_lowercase());
    }
    first
}

fn within(found: &Found, k: usize) -> f64 {
    f64::from(u8::from(found.ahead < k))
}

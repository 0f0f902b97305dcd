//! Vectors and baselines answer the same queries; scores with intervals.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::{Answer, Ask, Labels};
use super::report::{Outcome, Scored, scored};
use super::{ProtocolError, Vectors};
use crate::analysis::evaluate::bootstrap::{Draws, Level as Resampled};
use crate::analysis::evaluate::{Features, Metric, Similarity, Structures};
use crate::analysis::items::Items;
use crate::analysis::ranking;
use crate::progress::Progress;

/// Average precision, a right item among the first 1, 5 and 10, and the vote.
type Hits = [f64; 5];

/// One question to several vectors.
pub(super) struct Exam<'a> {
    /// Items of the level.
    pub items: &'a Items,
    /// Who asks whom.
    pub ask: Ask<'a>,
    /// The labels, then the shuffled ones.
    pub labels: &'a [Labels],
    /// What each item is resampled with: its compound or label, as a number.
    pub cluster: &'a [usize],
    /// What clusters are, for people: `compounds`, `labels`.
    pub clusters: &'static str,
    /// The mechanism of each cluster, with which it is resampled; `None` where there is none.
    pub mechanisms: &'a [Option<usize>],
    /// What is examined.
    pub vectors: &'a Vectors,
    /// What stands beside. Where one is compared by distance, equally near items come in any order; elsewhere wrong ones come first.
    pub baselines: &'a [Vectors],
    /// Structures of the compounds, where they say anything of the labels and are known.
    pub structures: Option<&'a Structures>,
    /// Whether the nearest neighbours classify: `accuracy` and `accuracy_k5`.
    pub classifies: bool,
    /// Resamplings for an interval.
    pub resamples: usize,
}

impl Exam<'_> {
    /// Fills in scores and counts.
    pub fn outcome(&self, mut outcome: Outcome, progress: &Progress) -> Result<Outcome, ProtocolError> {
        let Ask { queries, gallery, .. } = &self.ask;
        let own = self.ask.answers(&self.similarity(self.vectors), self.labels, progress)?;
        let asking: Vec<usize> =
            (0..queries.len()).filter(|&query| !self.labels[0][queries[query]].is_empty()).collect();
        let (asked, dropped): (Vec<usize>, Vec<usize>) =
            asking.into_iter().partition(|&query| own[query][0].is_some());
        let means = Means::new(self, &asked, outcome.seed);
        let told = |answers: &[Vec<Option<Answer>>], hits: fn(&Answer) -> Hits| -> Vec<Option<Hits>> {
            asked.iter().map(|&query| answers[query][0].as_ref().map(hits)).collect()
        };
        outcome.metrics = means.scores(&told(&own, hits), self.classifies);
        outcome.notes.push(means.drawn(self.clusters));
        let chance = asked.iter().map(|&query| own[query][0].as_ref().map(chance)).collect::<Vec<_>>();
        let mut chance = means.scores(&chance, self.classifies);
        // How five neighbours at random vote is not worked out.
        chance.remove(VOTE);
        outcome.baselines.insert("chance".to_owned(), chance);
        let shuffled: Vec<Option<Hits>> = asked.iter().map(|&query| mean(&own[query][1..])).collect();
        outcome.baselines.insert("permuted".to_owned(), means.scores(&shuffled, self.classifies));
        for baseline in self.baselines {
            let answers = self.ask.answers(&self.similarity(baseline), &self.labels[..1], progress)?;
            let hits: fn(&Answer) -> Hits = if baseline.by_distance { expected } else { hits };
            let scores = means.scores(&told(&answers, hits), self.classifies);
            outcome.baselines.insert(baseline.name.clone(), scores);
        }
        if let Some(structures) = self.structures {
            let similarity = structures.similarity(self.items, queries, gallery);
            let answers = self.ask.answers(&similarity, &self.labels[..1], progress)?;
            let scores = means.scores(&told(&answers, expected), self.classifies);
            outcome.baselines.insert("structure".to_owned(), scores);
        }
        (outcome.n_query, outcome.n_gallery, outcome.n_dropped) = (asked.len(), gallery.len(), dropped.len());
        outcome.simulated |= queries.iter().chain(gallery).any(|&item| self.items.items[item].simulated);
        Ok(outcome)
    }

    fn similarity(&self, vectors: &Vectors) -> Similarity {
        let metric = if vectors.by_distance { Metric::Euclidean } else { Metric::Cosine };
        let features =
            Features { name: vectors.name.clone(), values: &vectors.values, dim: vectors.dim, metric };
        Similarity::of_features(self.items, &features, None, &self.ask.queries, &self.ask.gallery)
    }
}

/// Name of the vote's accuracy.
const VOTE: &str = "accuracy_k5";

/// Of equally near items the wrong ones come first.
fn hits(Answer { found, vote, .. }: &Answer) -> Hits {
    let within = |k: usize| f64::from(u8::from(found.ahead < k));
    [found.average_precision, within(1), within(5), within(10), f64::from(u8::from(*vote))]
}

/// Equally near items come in any order: for what ties by its nature, places, counts and structures, which would otherwise reach
/// less than they tell.
fn expected(Answer { found, expected_vote, .. }: &Answer) -> Hits {
    let within = |k| found.expected_within(k);
    [found.average_precision, within(1), within(5), within(10), *expected_vote]
}

fn chance(Answer { found, .. }: &Answer) -> Hits {
    let (right, all) = (found.relevant, found.total);
    let within = |k| ranking::chance_within(right, all, k);
    [ranking::chance(right, all), within(1), within(5), within(10), 0.0]
}

/// Over the shuffles that leave a query anything to find; `None` without any.
fn mean(answers: &[Option<Answer>]) -> Option<Hits> {
    let found: Vec<Hits> = answers.iter().flatten().map(hits).collect();
    let n = found.len() as f64;
    (!found.is_empty()).then(|| std::array::from_fn(|at| found.iter().map(|hits| hits[at]).sum::<f64>() / n))
}

/// Means over queries, resampled by cluster.
struct Means {
    draws: Draws,
    /// The place of each query's cluster among those that occur.
    cluster: Vec<usize>,
    clusters: usize,
}

impl Means {
    fn new(exam: &Exam, asked: &[usize], seed: u64) -> Self {
        let of = |&query: &usize| exam.cluster[exam.ask.queries[query]];
        let clusters: BTreeSet<usize> = asked.iter().map(of).collect();
        let mechanisms: Vec<Option<usize>> =
            clusters.iter().map(|&cluster| exam.mechanisms.get(cluster).copied().flatten()).collect();
        let places: BTreeMap<usize, usize> = clusters.into_iter().zip(0..).collect();
        Self {
            draws: Draws::new(&mechanisms, exam.resamples, seed),
            cluster: asked.iter().map(|query| places[&of(query)]).collect(),
            clusters: places.len(),
        }
    }

    /// What intervals are made from, a whole sentence.
    fn drawn(&self, clusters: &str) -> String {
        let units = self.draws.units();
        let drugs = units.drugs;
        match units.resampled {
            Resampled::MechanismsThenDrugs => {
                let mechanisms = units.mechanisms;
                format!(
                    "95 % intervals: {mechanisms} mechanisms, and {drugs} {clusters} within them, drawn with replacement."
                )
            }
            Resampled::Drugs => format!("95 % intervals: {drugs} {clusters} drawn with replacement."),
        }
    }

    fn scores(&self, values: &[Option<Hits>], classifies: bool) -> Scored {
        let [map, cmc1, cmc5, cmc10, vote] = std::array::from_fn(|metric| {
            let (mut sums, mut queries) = (vec![0.0; self.clusters], vec![0.0; self.clusters]);
            for (&cluster, hits) in self.cluster.iter().zip(values) {
                if let Some(hits) = hits {
                    sums[cluster] += hits[metric];
                    queries[cluster] += 1.0;
                }
            }
            self.draws.mean(&sums, &queries)
        });
        let mut all = scored([("map", map), ("cmc1", cmc1), ("cmc5", cmc5), ("cmc10", cmc10)]);
        if classifies {
            all.extend([("accuracy".to_owned(), cmc1), (VOTE.to_owned(), vote)]);
        }
        all
    }
}

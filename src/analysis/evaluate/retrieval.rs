//! Every query ranks the gallery, as in Market-1501: what is too close to it to count is removed first.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::similarity::{BLOCK, Similarity};
use crate::analysis::items::Items;
use crate::analysis::ranking::{self, Found};

/// What must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Another recording of the same compound.
    DrugIdentification,
    /// A recording of a compound that shares a mechanism.
    Moa,
}

impl Task {
    /// Its name in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DrugIdentification => "drug-identification",
            Self::Moa => "moa",
        }
    }
}

/// Which gallery items a query does not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exclusion {
    /// Those of its compound from its replicate: `MitoReID`'s protocol.
    SameReplicateDrug,
    /// All of its compound (not same compound), so that knowing the drug does not help.
    Nsc,
    /// All of its compound and all of its replicate (not same compound or batch).
    Nscb,
}

impl Exclusion {
    /// Its name in reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SameReplicateDrug => "same-replicate-drug",
            Self::Nsc => "nsc",
            Self::Nscb => "nscb",
        }
    }

    const fn removes(self, same_drug: bool, same_replicate: bool) -> bool {
        match self {
            Self::SameReplicateDrug => same_drug && same_replicate,
            Self::Nsc => same_drug,
            Self::Nscb => same_drug || same_replicate,
        }
    }
}

/// A task with an exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// What must be found.
    pub task: Task,
    /// What is not seen.
    pub exclusion: Exclusion,
}

/// All that are reported. In drug identification without its own compound a query has nothing to find.
pub const CONDITIONS: [Condition; 4] = [
    Condition { task: Task::DrugIdentification, exclusion: Exclusion::SameReplicateDrug },
    Condition { task: Task::Moa, exclusion: Exclusion::SameReplicateDrug },
    Condition { task: Task::Moa, exclusion: Exclusion::Nsc },
    Condition { task: Task::Moa, exclusion: Exclusion::Nscb },
];

/// What a query finds under one condition.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// `None` if there is nothing to find.
    pub found: Option<Found>,
    /// The nearest gallery items, as places in the gallery; of equally near ones the wrong ones come first.
    pub nearest: Vec<usize>,
}

/// Queries and the gallery that they rank.
pub(crate) struct Retrieval<'a> {
    items: &'a Items,
    /// Items that ask.
    pub queries: Vec<usize>,
    /// Items that may be found.
    pub gallery: Vec<usize>,
    words: usize,
    /// Mechanisms of each gallery item as bits, `[gallery, words]`.
    moas: Vec<u64>,
}

impl<'a> Retrieval<'a> {
    pub fn new(items: &'a Items, queries: Vec<usize>, gallery: Vec<usize>) -> Self {
        let words = items.moas.len().div_ceil(64).max(1);
        let moas = gallery.iter().flat_map(|&item| moa_bits(items, item, words)).collect();
        Self { items, queries, gallery, words, moas }
    }

    /// The classes of a task that an item has, as places in the compounds or mechanisms.
    pub fn labels(&self, task: Task, item: usize) -> &[usize] {
        let item = &self.items.items[item];
        match task {
            Task::DrugIdentification => item.compound.as_slice(),
            Task::Moa => &item.moas,
        }
    }

    /// Queries that have a label, as places in the queries.
    pub fn asking(&self, task: Task) -> impl Iterator<Item = usize> {
        (0..self.queries.len()).filter(move |&q| !self.labels(task, self.queries[q]).is_empty())
    }

    /// Gallery items that have a label.
    pub fn candidates(&self, task: Task) -> usize {
        self.gallery.iter().filter(|&&item| !self.labels(task, item).is_empty()).count()
    }

    /// What each query finds under each of [`CONDITIONS`], with so many nearest items. Items without a
    /// mechanism take no part in `MoA` recognition: nobody knows whether they are right.
    pub fn run(&self, similarity: &Similarity, nearest: usize) -> Vec<[Answer; CONDITIONS.len()]> {
        let blocks: Vec<usize> = (0..self.queries.len()).step_by(BLOCK).collect();
        let answers: Vec<Vec<_>> = blocks
            .into_par_iter()
            .map_init(
                || (Vec::new(), Vec::new(), Vec::new()),
                |(scores, order, judged), start| {
                    let of = start..(start + BLOCK).min(self.queries.len());
                    similarity.block(of.clone(), scores);
                    let width = self.gallery.len();
                    of.enumerate()
                        .map(|(i, query)| {
                            let scores = &scores[i * width..(i + 1) * width];
                            nearest_first(scores, order);
                            self.judge(query, judged);
                            Self::answer(order, judged, nearest)
                        })
                        .collect()
                },
            )
            .collect();
        answers.into_iter().flatten().collect()
    }

    /// What random rankings find on average: mAP, and a right item within the first 1, 5 and 10.
    pub fn chance(found: &Found) -> [f64; 4] {
        let (right, all) = (found.relevant, found.total);
        let within = |k| ranking::chance_within(right, all, k);
        [ranking::chance(right, all), within(1), within(5), within(10)]
    }

    /// For each gallery item two bits per condition: whether the query sees it, and whether it is right.
    fn judge(&self, query: usize, out: &mut Vec<Judged>) {
        let own = moa_bits(self.items, self.queries[query], self.words);
        let query = &self.items.items[self.queries[query]];
        let same = self.gallery.iter().map(|&item| {
            let item = &self.items.items[item];
            (item.compound == query.compound, item.replicate == query.replicate)
        });
        out.clear();
        out.extend(same.zip(self.moas.chunks_exact(self.words)).map(|((drug, replicate), bits)| {
            let shares = bits.iter().zip(&own).any(|(a, b)| a & b != 0);
            let known = bits.iter().any(|bits| *bits != 0);
            let mut judged = Judged::default();
            for (bit, Condition { task, exclusion }) in CONDITIONS.into_iter().enumerate() {
                let (labelled, right) = match task {
                    Task::DrugIdentification => (true, drug),
                    Task::Moa => (known, shares),
                };
                judged.seen |= u8::from(labelled && !exclusion.removes(drug, replicate)) << bit;
                judged.right |= u8::from(right) << bit;
            }
            judged
        }));
    }

    fn answer(order: &[u64], judged: &[Judged], nearest: usize) -> [Answer; CONDITIONS.len()] {
        std::array::from_fn(|condition| {
            // Of each item that is seen: its place, how far it is, whether it is right.
            let ranked = || {
                order.iter().filter_map(|key| {
                    let place = *key as u32 as usize;
                    let Judged { seen, right } = judged[place];
                    let distance = (*key >> 32) as u32;
                    (seen >> condition & 1 == 1).then_some((place, distance, right >> condition & 1 == 1))
                })
            };
            let found = ranking::walk(ranked().map(|(_, distance, right)| (distance, right)));
            Answer { found, nearest: first(ranked(), nearest) }
        })
    }
}

/// One gallery item to one query, a bit for each of [`CONDITIONS`].
#[derive(Debug, Clone, Copy, Default)]
struct Judged {
    seen: u8,
    right: u8,
}

/// The first few of a ranking; of equally near ones the wrong ones, then the earlier.
pub(crate) fn first(ranked: impl Iterator<Item = (usize, u32, bool)>, n: usize) -> Vec<usize> {
    let mut list: Vec<(usize, u32, bool)> = Vec::new();
    for entry in ranked {
        // All that tie with the last one belong to the choice.
        if list.len() >= n && list.last().is_none_or(|last| last.1 != entry.1) {
            break;
        }
        list.push(entry);
    }
    list.sort_by_key(|&(_, distance, right)| (distance, right));
    list.into_iter().take(n).map(|(place, ..)| place).collect()
}

/// Fills `order` with the places of scores in the low half of each number, the highest score first, of equal
/// ones the earlier place. The high half is equal for equal scores. One sort serves all conditions.
pub(crate) fn nearest_first(scores: &[f32], order: &mut Vec<u64>) {
    order.clear();
    order.extend(scores.iter().zip(0_u64..).map(|(score, place)| {
        // −0 and 0 are equal. A float's bits sort as its value does, once the sign is taken care of.
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        u64::from(!ascending) << 32 | place
    }));
    order.sort_unstable();
}

fn moa_bits(items: &Items, item: usize, words: usize) -> Vec<u64> {
    let mut bits = vec![0; words];
    for moa in &items.items[item].moas {
        bits[moa / 64] |= 1 << (moa % 64);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::super::features::Features;
    use super::*;
    use crate::analysis::testing::{Row, items};

    #[test]
    fn the_order_is_that_of_the_scores() {
        let scores = [0.5, -1.0, 0.0, -0.0, f32::NEG_INFINITY, 1e-40, -1e-40, 0.5];
        let mut order = Vec::new();
        nearest_first(&scores, &mut order);
        let places: Vec<usize> = order.iter().map(|key| *key as u32 as usize).collect();
        assert_eq!(places, [0, 7, 5, 2, 3, 6, 1, 4]);
    }

    #[test]
    fn the_first_of_a_tie_are_the_wrong_ones() {
        let ranked = [(4, 1, true), (0, 2, true), (1, 2, false), (2, 2, true), (3, 2, false), (5, 3, false)];
        let of = |n| first(ranked.into_iter(), n);
        assert_eq!(of(1), [4]);
        assert_eq!(of(3), [4, 1, 3]);
        assert_eq!(of(9), [4, 1, 3, 0, 2, 5]);
        assert_eq!(of(0), [0; 0]);
    }

    #[test]
    fn what_is_too_close_is_removed_and_a_query_with_nothing_to_find_is_told() {
        let row = |compound, replicate, moa: &[usize]| Row {
            compound,
            replicate,
            moas: moa.to_vec(),
            ..Row::default()
        };
        // Compound 0 is asked for in replicate 0; mechanism 70 needs a second word of bits.
        let rows = [
            row(0, 0, &[70]),
            row(0, 0, &[70]),    // same replicate, same drug
            row(0, 1, &[70]),    // same drug
            row(1, 0, &[2, 70]), // same mechanism, same replicate
            row(2, 1, &[70]),    // same mechanism, all else differs
            row(3, 1, &[1]),     // another mechanism
            row(4, 1, &[]),      // nobody knows
        ];
        let items = items(&rows);
        let near: Vec<f32> = (0..7).map(|i| i as f32).collect();
        let features = Features::euclidean("x", &near, 1);
        let retrieval = Retrieval::new(&items, vec![0, 6], (1..7).collect());
        assert_eq!((retrieval.candidates(Task::Moa), retrieval.candidates(Task::DrugIdentification)), (5, 6));
        assert_eq!(retrieval.asking(Task::Moa).collect::<Vec<_>>(), [0]);
        let similarity =
            Similarity::of_features(&items, &features, None, &retrieval.queries, &retrieval.gallery);
        let answers = retrieval.run(&similarity, 2);
        let counts = answers[0].each_ref().map(|answer| answer.found.map(|f| (f.relevant, f.total, f.ahead)));
        assert_eq!(counts, [Some((1, 5, 0)), Some((3, 4, 0)), Some((2, 3, 0)), Some((1, 2, 0))]);
        assert_eq!(
            answers[0].each_ref().map(|answer| answer.nearest.clone()),
            [[1, 2], [1, 2], [2, 3], [3, 4]]
        );
        assert!(
            answers[1].iter().all(|answer| answer.found.is_none()),
            "no mechanism, and no other of its compound"
        );
    }
}

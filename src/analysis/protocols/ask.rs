//! Every query ranks a gallery of which it may not see all.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::analysis::evaluate::{BLOCK, Similarity, first, nearest_first};
use crate::analysis::ranking::{self, Found};
use crate::progress::{Cancelled, Progress};

/// Nearest items that vote.
pub(super) const VOTERS: usize = 5;

/// Labels of each item, as numbers; an item may have several, or none.
pub(super) type Labels = Vec<Vec<usize>>;

/// What a query may see of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// The item takes part.
    Seen,
    /// It does not.
    Hidden,
    /// It takes part unless it is right: what only a wrong label may share.
    UnlessRight,
}

impl Sight {
    pub const fn hidden_if(hidden: bool) -> Self {
        if hidden { Self::Hidden } else { Self::Seen }
    }
}

/// What a query sees, by the places of both. No label is asked for, so that one look serves them all.
pub(super) type Look<'a> = &'a (dyn Fn(usize, usize) -> Sight + Sync);

/// Who asks, who may be found, and what is seen. An item is right if it shares a label with the query.
pub(super) struct Ask<'a> {
    /// Items that ask.
    pub queries: Vec<usize>,
    /// Items that may be found.
    pub gallery: Vec<usize>,
    /// What a query sees of the gallery.
    pub look: Look<'a>,
}

/// What a query finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    pub found: Found,
    /// Whether most of the nearest [`VOTERS`] have a label of the query; of equals the one of the nearest item counts.
    pub vote: bool,
    /// The same with equally near items in any order: those that tie for the last votes share them, and labels that come out
    /// equal share the answer.
    pub expected_vote: f64,
}

/// An item that is seen.
struct Seen {
    item: usize,
    /// Equal for equally near items.
    distance: u32,
    unless_right: bool,
}

impl Ask<'_> {
    /// What each query finds under several sets of labels, `[query][labels]`; `None` where nothing is right. One sort of
    /// the gallery, and one look at it, serve them all. A similarity that is not known (NaN) is the least.
    ///
    /// # Errors
    /// The user stopped it.
    pub fn answers(
        &self,
        similarity: &Similarity,
        labels: &[Labels],
        progress: &Progress,
    ) -> Result<Vec<Vec<Option<Answer>>>, Cancelled> {
        let blocks: Vec<usize> = (0..self.queries.len()).step_by(BLOCK).collect();
        let width = self.gallery.len();
        let answers = blocks.into_par_iter().map_init(
            || (Vec::new(), Vec::new(), Vec::new()),
            |(scores, order, seen), start| -> Result<Vec<Vec<Option<Answer>>>, Cancelled> {
                progress.check()?;
                let of = start..(start + BLOCK).min(self.queries.len());
                similarity.block(of.clone(), scores);
                for score in scores.iter_mut().filter(|score| score.is_nan()) {
                    *score = f32::NEG_INFINITY;
                }
                let mut found = Vec::with_capacity(of.len());
                for (i, query) in of.enumerate() {
                    nearest_first(&scores[i * width..(i + 1) * width], order);
                    let query = self.queries[query];
                    self.see(query, order, seen);
                    found.push(labels.iter().map(|labels| answer(labels, query, seen)).collect());
                }
                Ok(found)
            },
        );
        let answers = answers.collect::<Result<Vec<Vec<Vec<Option<Answer>>>>, Cancelled>>()?;
        Ok(answers.into_iter().flatten().collect())
    }

    fn see(&self, query: usize, order: &[u64], seen: &mut Vec<Seen>) {
        seen.clear();
        seen.extend(order.iter().filter_map(|key| {
            let item = self.gallery[*key as u32 as usize];
            let sight = (self.look)(query, item);
            let unless_right = sight == Sight::UnlessRight;
            (sight != Sight::Hidden).then_some(Seen { item, distance: (*key >> 32) as u32, unless_right })
        }));
    }
}

fn answer(labels: &Labels, query: usize, seen: &[Seen]) -> Option<Answer> {
    let own = &labels[query];
    // Of each item that is seen: itself, how far it is, whether it is right.
    let ranked = || {
        seen.iter().filter_map(|seen| {
            let right = labels[seen.item].iter().any(|label| own.contains(label));
            (!(seen.unless_right && right)).then_some((seen.item, seen.distance, right))
        })
    };
    let found = ranking::walk(ranked().map(|(_, distance, right)| (distance, right)))?;
    let nearest = first(ranked(), VOTERS);
    let vote = majority(nearest.iter().map(|&item| labels[item].as_slice()));
    let near = ranked().map(|(item, distance, _)| (distance, labels[item].as_slice()));
    let expected_vote = shared_majority(near, own);
    Some(Answer { found, vote: vote.is_some_and(|label| own.contains(&label)), expected_vote })
}

/// The label that most of some items have, the nearest first; of equals the one of the nearest item.
fn majority<'a>(nearest: impl Iterator<Item = &'a [usize]>) -> Option<usize> {
    let mut votes: Vec<(usize, usize)> = Vec::new();
    for label in nearest.flatten() {
        match votes.iter_mut().find(|(known, _)| known == label) {
            Some((_, count)) => *count += 1,
            None => votes.push((*label, 1)),
        }
    }
    let most = votes.iter().map(|(_, count)| *count).max()?;
    votes.into_iter().find(|(_, count)| *count == most).map(|(label, _)| label)
}

/// Part of an answer by vote that is one of `own`: each label of the nearest [`VOTERS`] has a vote, items that tie for the last of
/// these have equal parts of them, and of labels with equal votes those of the nearest tie share the answer.
fn shared_majority<'a>(ranked: impl Iterator<Item = (u32, &'a [usize])>, own: &[usize]) -> f64 {
    let mut near: Vec<(u32, &[usize])> = Vec::new();
    for entry in ranked {
        if near.len() >= VOTERS && near.last().is_none_or(|last| last.0 != entry.0) {
            break;
        }
        near.push(entry);
    }
    // Of each label: its votes, and the first tie that it is in.
    let mut votes: BTreeMap<usize, (f64, u32)> = BTreeMap::new();
    let mut left = VOTERS as f64;
    for tied in near.chunk_by(|a, b| a.0 == b.0) {
        let all = tied.len() as f64;
        let part = (left / all).min(1.0);
        left -= part * all;
        for (distance, labels) in tied {
            for label in *labels {
                votes.entry(*label).or_insert((0.0, *distance)).0 += part;
            }
        }
    }
    let most = votes.values().map(|(votes, _)| *votes).fold(0.0, f64::max);
    // Parts of a vote add up to a whole one but for their rounding.
    votes.retain(|_, (votes, _)| *votes > most - 1e-9);
    let nearest = votes.values().map(|(_, distance)| *distance).min();
    votes.retain(|_, (_, distance)| Some(*distance) == nearest);
    let right = votes.keys().filter(|label| own.contains(label)).count();
    if votes.is_empty() { 0.0 } else { right as f64 / votes.len() as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::evaluate::Metric;

    #[test]
    fn most_of_the_nearest_vote_and_of_equals_the_nearest_counts() {
        let of = |labels: &[&[usize]]| majority(labels.iter().copied());
        assert_eq!(of(&[&[1], &[2], &[2], &[3]]), Some(2));
        assert_eq!(of(&[&[3], &[2], &[2], &[3]]), Some(3));
        assert_eq!(of(&[&[], &[4, 5], &[5]]), Some(5));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn equally_near_items_share_the_votes_that_are_left() {
        let of = |near: &[(u32, usize)]| {
            let labels: Vec<[usize; 1]> = near.iter().map(|&(_, label)| [label]).collect();
            let ranked = near.iter().zip(&labels).map(|(&(distance, _), label)| (distance, label.as_slice()));
            shared_majority(ranked, &[1])
        };
        // Without ties as it is counted elsewhere.
        assert_eq!(of(&[(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)]), 0.0);
        assert_eq!(of(&[(1, 2), (2, 1), (3, 1), (4, 3), (5, 4), (6, 2), (7, 2)]), 1.0);
        // Two of label 1, then eight that share three votes: 2 against 3/4 for each pair.
        let pairs: Vec<(u32, usize)> = (0..10).map(|i| (u32::from(i > 1), 1 + i / 2)).collect();
        assert_eq!(of(&pairs), 1.0);
        // Four equals each with a label of its own: any of them may be named.
        assert_eq!(of(&[(1, 1), (1, 2), (1, 3), (1, 4)]), 0.25);
        assert_eq!(of(&[]), 0.0);
    }

    #[test]
    fn what_is_not_known_is_last_and_a_stop_is_heard() {
        let labels = [vec![vec![0], vec![1], vec![0], vec![1]]];
        let similarity = Similarity::Vectors {
            queries: vec![0.0, f32::NAN],
            gallery: vec![1.0, f32::NAN, 3.0, 0.5],
            dim: 1,
            metric: Metric::Euclidean,
        };
        let look = |query: usize, item: usize| Sight::hidden_if(query == item);
        let ask = Ask { queries: vec![0, 1], gallery: vec![0, 1, 2, 3], look: &look };
        let found = ask.answers(&similarity, &labels, &Progress::default()).unwrap();
        let [known, unknown] = [0, 1].map(|query| found[query][0].unwrap().found);
        // Item 3 (wrong), item 2 (right), then item 1, of which nothing is known.
        assert_eq!((known.ahead, known.tied, known.total), (1, 1, 3));
        // Who has no place ranks all alike.
        assert_eq!((unknown.tied, unknown.hits, unknown.expected_within(1)), (3, 1, 1.0 - 2.0 / 3.0));
        let stopped = Progress::default();
        stopped.cancel();
        assert!(ask.answers(&similarity, &labels, &stopped).is_err());
    }
}

//! Which videos come together in a batch: P drugs with K videos each (Hermans et al., arXiv 1703.07737).

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::random::stream;

/// What is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Drugs.
    Drug,
    /// Mechanisms.
    Moa,
}

impl Stage {
    /// Name in files and random streams.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drug => "drug",
            Self::Moa => "moa",
        }
    }
}

/// What a video is an example of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Class of the drug classifier; `None` for a drug that is not trained on.
    pub drug: Option<usize>,
    /// Classes of the MoA classifier.
    pub moas: Vec<usize>,
}

/// The batches of one epoch: indices into `labels`, K of a drug in a row. Depends on the arguments alone.
///
/// Every video whose drug is trained on comes at least once, drugs whose videos do not divide by K fill up with some of
/// them again; but of a drug with many more videos than all others, such as the solvent, come only as many as there are
/// others to tell it from, other ones in each epoch. In the second stage drugs of one mechanism come in pairs where there
/// are any, so that a batch holds what is to be drawn together.
pub fn batches(
    labels: &[&Label],
    stage: Stage,
    drugs: usize,
    videos: usize,
    seed: u64,
    epoch: usize,
) -> Vec<Vec<usize>> {
    let epoch = epoch.to_string();
    let mut by_drug: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, label) in labels.iter().enumerate() {
        // The second stage learns from what has a mechanism.
        if let Some(drug) = label.drug
            && (stage == Stage::Drug || !label.moas.is_empty())
        {
            by_drug.entry(drug).or_default().push(index);
        }
    }
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    for (drug, mut own) in by_drug {
        own.shuffle(&mut stream(seed, &["sampler", stage.name(), &epoch, &drug.to_string()]));
        for part in own.chunks(videos) {
            // Fill up with the first ones: another part, or, in a small drug, the same again.
            chunks.push(part.iter().chain(own.iter().cycle()).take(videos).copied().collect());
        }
    }
    chunks.shuffle(&mut stream(seed, &["sampler", stage.name(), &epoch]));
    let label = |chunk: &[usize]| labels[chunk[0]];
    let mut open = std::collections::VecDeque::from(chunks);
    let mut batches: Vec<Vec<Vec<usize>>> = Vec::new();
    while let Some(first) = open.pop_front() {
        let mut batch = vec![first];
        while batch.len() < drugs {
            let fresh = |chunk: &Vec<usize>| batch.iter().all(|in_it| label(in_it).drug != label(chunk).drug);
            let last = label(&batch[batch.len() - 1]);
            let shares = |chunk: &Vec<usize>| label(chunk).moas.iter().any(|moa| last.moas.contains(moa));
            let wants_partner = stage == Stage::Moa && batch.len() % 2 == 1;
            let partner =
                wants_partner.then(|| open.iter().position(|chunk| fresh(chunk) && shares(chunk))).flatten();
            let Some(at) = partner.or_else(|| open.iter().position(fresh)) else { break };
            batch.extend(open.remove(at));
        }
        batches.push(batch);
    }
    // A batch of one drug has no negatives.
    let lonely =
        |batch: &Vec<Vec<usize>>| batch.iter().all(|chunk| label(chunk).drug == label(&batch[0]).drug);
    let kept: Vec<_> = if batches.iter().all(lonely) {
        batches
    } else {
        batches.into_iter().filter(|batch| !lonely(batch)).collect()
    };
    kept.into_iter().map(|batch| batch.concat()).collect()
}

/// About how many [`batches`] an epoch has, by the videos of each drug: as many as there are when drugs are drawn so that
/// they last.
pub fn count(videos_by_drug: impl Iterator<Item = usize>, drugs: usize, videos: usize) -> usize {
    let mut chunks: Vec<usize> = videos_by_drug.map(|rows| rows.div_ceil(videos.max(1))).collect();
    chunks.sort_unstable();
    let Some(most) = chunks.pop() else { return 0 };
    let others: usize = chunks.iter().sum();
    // Each of the second drug's chunks needs a batch of its own; beyond that the first drug fills one place of each.
    let second = chunks.last().copied().unwrap_or(0);
    let full = (others + most).div_ceil(drugs.max(1));
    if full >= most {
        return full.max(second);
    }
    others.div_ceil(drugs.saturating_sub(1).max(1)).clamp(second, most)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(drug: usize, moas: Vec<usize>) -> Label {
        Label { drug: Some(drug), moas }
    }

    /// Batches of `videos` videos of `drugs` drugs.
    fn drawn(items: &[Label], stage: Stage, [drugs, videos]: [usize; 2], epoch: usize) -> Vec<Vec<usize>> {
        batches(&items.iter().collect::<Vec<_>>(), stage, drugs, videos, 1, epoch)
    }

    #[test]
    fn the_number_of_batches_is_known_before_they_are_drawn() {
        for (rows, drugs, videos) in [
            (vec![10; 12], 4, 4),
            (vec![6, 3, 3, 3, 3, 3, 3, 3, 3], 10, 3),
            (vec![400, 18, 18, 18, 18, 18, 17], 6, 3),
            (vec![200, 9, 12, 14, 16, 18, 20, 22, 24, 26], 4, 4),
            (vec![30, 30, 3, 3], 4, 3),
            (vec![8, 8], 2, 4),
        ] {
            let label = |(drug, &rows): (usize, &usize)| vec![of(drug, vec![]); rows];
            let items: Vec<Label> = rows.iter().enumerate().flat_map(label).collect();
            let drawn = drawn(&items, Stage::Drug, [drugs, videos], 0).len();
            let counted = count(rows.iter().copied(), drugs, videos);
            assert!(drawn.abs_diff(counted) <= 1 + drawn / 8, "{rows:?}: {drawn} drawn, {counted} counted");
        }
        assert_eq!(count([].into_iter(), 4, 4), 0);
    }

    /// Twelve drugs of four mechanisms, 10 videos each.
    fn items() -> Vec<Label> {
        (0..120).map(|i| of(i / 10, vec![i / 10 % 4])).collect()
    }

    #[test]
    fn a_batch_has_k_videos_of_each_of_p_different_drugs() {
        let items = items();
        let all = drawn(&items, Stage::Drug, [4, 4], 0);
        for batch in &all {
            let drugs: Vec<Option<usize>> = batch.chunks(4).map(|chunk| items[chunk[0]].drug).collect();
            assert!(batch.chunks(4).all(|c| c.iter().all(|&i| items[i].drug == items[c[0]].drug)));
            assert_eq!(drugs.iter().collect::<HashSet<_>>().len(), drugs.len());
            assert!((2..=4).contains(&drugs.len()));
        }
        let seen: HashSet<usize> = all.iter().flatten().copied().collect();
        assert!(seen.len() >= 116, "{} of 120", seen.len());
    }

    #[test]
    fn the_second_stage_pairs_drugs_of_one_mechanism() {
        let items = items();
        let all = drawn(&items, Stage::Moa, [4, 4], 0);
        let paired = |batch: &Vec<usize>| {
            let moa = |chunk: &[usize]| items[chunk[0]].moas[0];
            batch.len() >= 8 && moa(&batch[..4]) == moa(&batch[4..8])
        };
        let pairs = all.iter().filter(|batch| paired(batch)).count();
        assert!(pairs * 10 >= all.len() * 8, "{pairs} of {}", all.len());
    }

    #[test]
    fn an_epoch_is_the_same_each_time_and_the_next_is_another() {
        let items = items();
        let labels: Vec<&Label> = items.iter().collect();
        let of = |seed, epoch| batches(&labels, Stage::Drug, 4, 4, seed, epoch);
        assert_eq!(of(1, 3), of(1, 3));
        assert_ne!(of(1, 3), of(1, 4));
        assert_ne!(of(1, 3), of(2, 3));
    }

    #[test]
    fn a_drug_with_one_video_fills_its_chunk_with_it() {
        let items: Vec<Label> = (0..5).map(|i| of(usize::from(i > 0), vec![0])).collect();
        let all = drawn(&items, Stage::Drug, [2, 4], 0);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].iter().filter(|&&i| i == 0).count(), 4);
        assert!(batches(&[], Stage::Drug, 2, 4, 1, 0).is_empty());
    }

    #[test]
    fn a_video_whose_drug_is_not_trained_on_is_never_drawn() {
        let mut items = items();
        items[7].drug = None;
        let all = drawn(&items, Stage::Drug, [4, 4], 0);
        assert!(!all.is_empty() && all.iter().flatten().all(|&index| index != 7));
    }
}

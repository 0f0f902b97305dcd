//! Validation during training: rows that are not trained on ask what the protocol will ask afterwards.

use std::collections::HashMap;

use super::dataset::{Dataset, Sample};
use super::progress::Validation;
use crate::analysis::ranking::{average_precision, chance};
use crate::analysis::split::Protocol;
use crate::model::card::ValidatedBy;

/// Videos of each trained drug in the gallery.
const PER_DRUG: usize = 6;

/// What a validation looks at; chosen once, the same in every round.
#[derive(Debug, Clone)]
pub struct ValidationSet {
    /// Queries first, then the rest of the gallery.
    pub samples: Vec<Sample>,
    /// How many of them are queries.
    pub queries: usize,
    /// What they ask for.
    pub by: ValidatedBy,
}

impl ValidationSet {
    /// All validation rows, and some of each trained drug, spread over its rows. They ask what the protocol asks: for the
    /// drug under mito, for mechanisms that are not trained on under moa-disjoint, otherwise for the mechanism among other
    /// compounds; also where the rows leave nothing to find for the first two.
    pub fn of(data: &Dataset, protocol: Protocol) -> Self {
        let by = match protocol {
            Protocol::Mito => ValidatedBy::Drug,
            Protocol::DrugDisjoint | Protocol::ScaffoldDisjoint => ValidatedBy::Moa,
            Protocol::MoaDisjoint => ValidatedBy::UnseenMoa,
        };
        let own = Self::asking(&data.train, &data.validation, by);
        let finds = |query: usize| own.gallery(query).any(|i| own.is_right(query, i));
        if by == ValidatedBy::Moa || (0..own.queries).any(finds) {
            return own;
        }
        Self::asking(&data.train, &data.validation, ValidatedBy::Moa)
    }

    fn asking(train: &[Sample], validation: &[Sample], by: ValidatedBy) -> Self {
        let asks = |sample: &&Sample| {
            !sample.item.control
                && match by {
                    ValidatedBy::Drug => sample.item.compound.is_some(),
                    ValidatedBy::Moa => !sample.label.moas.is_empty(),
                    // Labels are the mechanisms that are trained on.
                    ValidatedBy::UnseenMoa => !sample.item.moas.is_empty() && sample.label.moas.is_empty(),
                }
        };
        let mut samples: Vec<Sample> = validation.iter().filter(asks).cloned().collect();
        let queries = samples.len();
        samples.extend(validation.iter().filter(|sample| !asks(sample)).cloned());
        let mut by_drug: HashMap<Option<usize>, Vec<&Sample>> = HashMap::new();
        for sample in train {
            by_drug.entry(sample.item.compound).or_default().push(sample);
        }
        let mut drugs: Vec<_> = by_drug.into_iter().collect();
        drugs.sort_by_key(|(compound, _)| *compound);
        for (_, own) in drugs {
            let count = own.len().min(PER_DRUG);
            samples.extend((0..count).map(|i| own[i * own.len() / count].clone()));
        }
        Self { samples, queries, by }
    }

    /// What a query may find: what `evaluate` leaves it.
    fn gallery(&self, query: usize) -> impl Iterator<Item = usize> {
        let own = &self.samples[query].item;
        (0..self.samples.len()).filter(move |&i| {
            let item = &self.samples[i].item;
            let is_same_drug = item.compound == own.compound;
            match self.by {
                ValidatedBy::Drug => !(is_same_drug && item.replicate == own.replicate),
                // Of controls and of drugs without a mechanism nobody knows whether they are right.
                ValidatedBy::Moa => !is_same_drug && !item.control && !item.moas.is_empty(),
                ValidatedBy::UnseenMoa => !is_same_drug && i < self.queries,
            }
        })
    }

    fn is_right(&self, query: usize, found: usize) -> bool {
        let (query, found) = (&self.samples[query], &self.samples[found]);
        match self.by {
            ValidatedBy::Drug => found.item.compound == query.item.compound,
            ValidatedBy::Moa => found.label.moas.iter().any(|moa| query.label.moas.contains(moa)),
            ValidatedBy::UnseenMoa => found.item.moas.iter().any(|moa| query.item.moas.contains(moa)),
        }
    }

    /// Mean average precision over the queries by cosine, `embeddings` `[sample, dim]`. `None` without any query that
    /// has something to find.
    pub fn measure(&self, embeddings: &[f32], dim: usize) -> Option<Validation> {
        let unit: Vec<Vec<f32>> = embeddings
            .chunks_exact(dim.max(1))
            .map(|row| {
                let length = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
                row.iter().map(|x| x / length).collect()
            })
            .collect();
        let (mut sum, mut by_chance, mut n) = (0.0, 0.0, 0);
        for (query, vector) in unit.iter().enumerate().take(self.queries) {
            let relevant: Vec<bool> = self.gallery(query).map(|i| self.is_right(query, i)).collect();
            let cosine = |i: usize| f64::from(unit[i].iter().zip(vector).map(|(a, b)| a * b).sum::<f32>());
            let scores: Vec<f64> = self.gallery(query).map(cosine).collect();
            if let Some(precision) = average_precision(&scores, &relevant) {
                sum += precision;
                by_chance += chance(relevant.iter().filter(|&&r| r).count(), relevant.len());
                n += 1;
            }
        }
        let mean = |sum: f64| sum / f64::from(n);
        (n > 0).then(|| Validation {
            score: mean(sum),
            chance: mean(by_chance),
            queries: n as usize,
            by: self.by,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::items::Item;
    use crate::learn::sampler::Label;

    /// `seen` says whether the mechanism is trained on.
    fn sample(compound: usize, moa: usize, replicate: usize, seen: bool) -> Sample {
        let item = Item { compound: Some(compound), moas: vec![moa], replicate, ..Item::default() };
        Sample {
            item,
            label: Label { drug: None, moas: if seen { vec![moa] } else { Vec::new() } },
            group: 0,
        }
    }

    #[test]
    fn a_drug_s_own_videos_do_not_count_as_found() {
        // Queries 0 and 1 of one drug look alike; the other drug of their mechanism is farther than one of another.
        let samples = [(0, 0), (0, 0), (1, 0), (2, 1)].map(|(drug, moa)| sample(drug, moa, 0, true)).to_vec();
        let set = ValidationSet { samples, queries: 2, by: ValidatedBy::Moa };
        let embeddings = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.5];
        let found = set.measure(&embeddings, 2).unwrap();
        assert_eq!((found.score, found.chance, found.queries), (0.5, 0.75, 2));
        assert_eq!(found.by, ValidatedBy::Moa);
        assert_eq!(ValidationSet { queries: 0, ..set }.measure(&embeddings, 2), None);
    }

    #[test]
    fn controls_and_drugs_without_a_mechanism_are_not_in_the_gallery_of_mechanisms() {
        let samples = [(0, 0), (1, 0), (2, 1), (3, 0), (4, 1)].map(|(drug, moa)| sample(drug, moa, 0, true));
        let mut set = ValidationSet { samples: samples.to_vec(), queries: 1, by: ValidatedBy::Moa };
        // The last two are nearest; one is a control, of the other no mechanism is known.
        let embeddings = [1.0, 0.0, 1.0, 0.2, 0.0, 1.0, 1.0, 0.1, 1.0, 0.1];
        set.samples[3].item.control = true;
        set.samples[4].item.moas.clear();
        set.samples[4].label.moas.clear();
        let found = set.measure(&embeddings, 2).unwrap();
        assert_eq!((found.score, found.chance), (1.0, 0.75), "one right, one wrong");
    }

    #[test]
    fn under_mito_a_cell_asks_for_its_drug_in_other_replicates() {
        let validation = [sample(0, 0, 0, true), sample(1, 0, 0, true)];
        let train =
            [sample(0, 0, 0, true), sample(0, 0, 1, true), sample(1, 0, 1, true), sample(2, 1, 1, true)];
        let set = ValidationSet::asking(&train, &validation, ValidatedBy::Drug);
        assert_eq!((set.queries, set.samples.len()), (2, 6));
        // The cell of its own drug and replicate is nearest and counts for nothing; of the others one of another drug, the
        // same mechanism, comes first for the first query, and nothing wrong for the second.
        let [near, far] = [[1.0, 0.0], [0.0, 1.0]];
        let embeddings = [near, far, near, [0.5, -1.0], [0.8, 1.0], [-1.0, 0.0]].concat();
        let found = set.measure(&embeddings, 2).unwrap();
        assert_eq!((found.score, found.queries, found.by), (0.75, 2, ValidatedBy::Drug));
    }

    #[test]
    fn under_moa_disjoint_unseen_mechanisms_ask_among_themselves() {
        let validation =
            [sample(0, 7, 0, false), sample(1, 7, 0, false), sample(2, 8, 0, false), sample(3, 0, 0, true)];
        let train = [sample(4, 0, 0, true), sample(5, 1, 0, true)];
        let set = ValidationSet::asking(&train, &validation, ValidatedBy::UnseenMoa);
        assert_eq!((set.queries, set.samples.len()), (3, 6));
        // What is trained on is nearest and not in the gallery; compound 2 has no other of its mechanism to find.
        let [near, off] = [[1.0, 0.0], [1.0, 0.3]];
        let embeddings = [near, off, [0.0, 1.0], near, near, near].concat();
        let found = set.measure(&embeddings, 2).unwrap();
        assert_eq!((found.score, found.chance, found.queries), (1.0, 0.75, 2));
    }

    #[test]
    fn names_of_what_was_asked_are_those_of_files() {
        let word = |by: ValidatedBy| serde_json::to_string(&by).unwrap();
        let all = [ValidatedBy::Drug, ValidatedBy::Moa, ValidatedBy::UnseenMoa].map(word);
        assert_eq!(all, ["\"drug\"", "\"moa\"", "\"unseen-moa\""]);
        let old: Validation = serde_json::from_str(r#"{"map": 0.5, "chance": 0.1, "queries": 3}"#).unwrap();
        assert_eq!(old.by, ValidatedBy::Moa, "histories of before are read");
    }
}

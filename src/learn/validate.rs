//! Validation during training: drugs that are not trained on ask for their mechanism among other compounds.

use std::collections::HashMap;

use super::dataset::{Dataset, Sample};
use super::progress::Validation;
use crate::analysis::ranking::{average_precision, chance};

/// Videos of each trained drug in the gallery.
const PER_DRUG: usize = 6;

/// What a validation looks at; chosen once, the same in every round.
#[derive(Debug, Clone)]
pub struct ValidationSet {
    /// Queries first, then the rest of the gallery.
    pub samples: Vec<Sample>,
    /// How many of them are queries.
    pub queries: usize,
}

impl ValidationSet {
    /// All validation rows, and some of each trained drug, spread over its rows.
    pub fn of(data: &Dataset) -> Self {
        let asks = |sample: &&Sample| !sample.label.moas.is_empty() && !sample.item.control;
        let mut samples: Vec<Sample> = data.validation.iter().filter(asks).cloned().collect();
        let queries = samples.len();
        samples.extend(data.validation.iter().filter(|sample| !asks(sample)).cloned());
        let mut by_drug: HashMap<Option<usize>, Vec<&Sample>> = HashMap::new();
        for sample in &data.train {
            by_drug.entry(sample.item.compound).or_default().push(sample);
        }
        let mut drugs: Vec<_> = by_drug.into_iter().collect();
        drugs.sort_by_key(|(compound, _)| *compound);
        for (_, own) in drugs {
            let count = own.len().min(PER_DRUG);
            samples.extend((0..count).map(|i| own[i * own.len() / count].clone()));
        }
        Self { samples, queries }
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
        for (query, vector) in self.samples.iter().take(self.queries).zip(&unit) {
            let is_other = |&i: &usize| self.samples[i].item.compound != query.item.compound;
            let others = || (0..self.samples.len()).filter(is_other);
            let shares =
                |i: usize| self.samples[i].label.moas.iter().any(|moa| query.label.moas.contains(moa));
            let relevant: Vec<bool> = others().map(shares).collect();
            let cosine = |i: usize| f64::from(unit[i].iter().zip(vector).map(|(a, b)| a * b).sum::<f32>());
            let scores: Vec<f64> = others().map(cosine).collect();
            if let Some(precision) = average_precision(&scores, &relevant) {
                sum += precision;
                by_chance += chance(relevant.iter().filter(|&&r| r).count(), relevant.len());
                n += 1;
            }
        }
        let mean = |sum: f64| sum / f64::from(n);
        (n > 0).then(|| Validation { score: mean(sum), chance: mean(by_chance), queries: n as usize })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::items::Item;
    use crate::learn::sampler::Label;

    fn sample(compound: usize, moa: usize) -> Sample {
        let item = Item { compound: Some(compound), ..Item::default() };
        Sample { item, label: Label { drug: None, moas: vec![moa] }, group: 0 }
    }

    #[test]
    fn a_drug_s_own_videos_do_not_count_as_found() {
        // Queries 0 and 1 of one drug look alike; the other drug of their mechanism is farther than one of another.
        let samples = vec![sample(0, 0), sample(0, 0), sample(1, 0), sample(2, 1)];
        let set = ValidationSet { samples, queries: 2 };
        let embeddings = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.5];
        let found = set.measure(&embeddings, 2).unwrap();
        assert_eq!((found.score, found.chance, found.queries), (0.5, 0.75, 2));
        assert_eq!(ValidationSet { queries: 0, ..set }.measure(&embeddings, 2), None);
    }
}

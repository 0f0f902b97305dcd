//! Features of rows in robust deviations from the negative controls of their plates.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Channel, Compartment, FeatureName};
use crate::analysis::items::Items;
use crate::analysis::recipe::{NORMAL, median};
use crate::experiment::{EmbeddingTable, Experiment};

/// Fewest control rows of a plate by which its other rows are told apart.
const FEWEST: usize = 2;
/// Features that stand for a row where there is little room.
const STRIP: usize = 36;
/// Of these, most of one compartment and channel: one bright stain would fill the strip with the same finding.
const ALIKE: usize = 3;
/// Deviations beyond this count as this much where features are chosen: one broken well is no reason to choose.
const FAR: f64 = 20.0;

/// Where a feature lies among controls, and how wide it is spread there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Median.
    pub centre: f32,
    /// 1.4826 times the median distance from it: the standard deviation of a normal distribution.
    pub spread: f32,
}

impl Place {
    /// `(x − median)/(1.4826·MAD)`; `None` where the controls do not vary or there are too few.
    pub fn deviation(self, value: f32) -> Option<f32> {
        let z = (value - self.centre) / self.spread;
        (self.spread > 0.0 && z.is_finite()).then_some(z)
    }
}

/// A feature of a row, in deviations from the controls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Which feature, from 0.
    pub feature: usize,
    /// Its robust z; `None` where it cannot be told.
    pub z: Option<f32>,
}

/// All features among some rows of `values`, `[row, dim]`. NaN where there are fewer than two finite values.
pub fn places(values: &[f32], dim: usize, rows: &[usize]) -> Vec<Place> {
    let of_feature = |feature: usize| {
        let known = rows.iter().filter_map(|row| values.get(row * dim + feature));
        let mut known: Vec<f64> =
            known.filter(|value| value.is_finite()).map(|value| f64::from(*value)).collect();
        if known.len() < FEWEST {
            return Place { centre: f32::NAN, spread: f32::NAN };
        }
        let centre = median(&mut known);
        for value in &mut known {
            *value = (*value - centre).abs();
        }
        Place { centre: centre as f32, spread: (NORMAL * median(&mut known)) as f32 }
    };
    (0..dim).into_par_iter().map(of_feature).collect()
}

/// The named features of an experiment's rows beside those of their plates' controls.
#[derive(Debug, Clone)]
pub struct Deviations {
    vectors: Arc<EmbeddingTable>,
    names: Vec<FeatureName>,
    /// Of each table row: its vector, and its plate.
    rows: Vec<Option<(usize, usize)>>,
    /// `[plate][feature]`.
    plates: Vec<Vec<Place>>,
    /// Names of plates without enough controls.
    without: Vec<String>,
    /// Features by compartment, channel and name.
    sorted: Vec<usize>,
    /// What stands for a row where there is little room.
    strip: Vec<usize>,
}

impl Deviations {
    /// Of the rows that `vectors` has; `None` where its numbers have no names. Rows that are excluded are no controls. `strip`
    /// are features to stand for a row, by name, so that strips of two experiments can be compared; else they are chosen.
    pub fn of(
        experiment: &Experiment,
        vectors: &Arc<EmbeddingTable>,
        strip: Option<&[String]>,
    ) -> Option<Self> {
        let dim = vectors.dim;
        if dim == 0 || vectors.features.len() != dim {
            return None;
        }
        let table = &experiment.table;
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut rows = vec![None; table.len()];
        for (vector, row_id) in vectors.row_ids.iter().enumerate() {
            let Some(row) = table.row_of(row_id) else { continue };
            let next = numbers.len();
            let plate = *numbers.entry(table.text(row, "plate")).or_insert(next);
            rows[row] = Some((vector, plate));
        }
        let items = Items::with_unnamed(experiment);
        let mut controls = vec![Vec::new(); numbers.len()];
        let mut treated = Vec::new();
        for item in &items.items {
            let Some(Some((vector, plate))) = rows.get(item.row).copied() else { continue };
            if item.control {
                controls[plate].push(vector);
            } else {
                treated.push((vector, plate));
            }
        }
        let plates: Vec<Vec<Place>> =
            controls.iter().map(|controls| places(&vectors.values, dim, controls)).collect();
        let mut without: Vec<String> = numbers
            .into_iter()
            .filter(|(_, plate)| controls[*plate].len() < FEWEST)
            .map(|(name, _)| name)
            .collect();
        without.sort();
        let names: Vec<FeatureName> = vectors.features.iter().map(|name| FeatureName::parse(name)).collect();
        let mut found = Self {
            vectors: Arc::clone(vectors),
            names,
            rows,
            plates,
            without,
            sorted: Vec::new(),
            strip: Vec::new(),
        };
        let mut sorted: Vec<usize> = (0..dim).collect();
        sorted.sort_by(|&a, &b| found.order(a, b));
        found.sorted = sorted;
        found.strip = match strip {
            Some(asked) => {
                let places: HashMap<&str, usize> =
                    vectors.features.iter().map(String::as_str).zip(0..).collect();
                asked.iter().filter_map(|name| places.get(name.as_str()).copied()).collect()
            }
            None => found.choose(&treated),
        };
        Some(found)
    }

    /// The features that differ most from the controls over all treated rows, by the mean of the absolute deviations, few of
    /// one compartment and channel; in the order of compartments, channels and names.
    fn choose(&self, treated: &[(usize, usize)]) -> Vec<usize> {
        let dim = self.vectors.dim;
        let score = |feature: usize| {
            let z = treated.iter().filter_map(|&(vector, plate)| {
                let value = *self.vectors.values.get(vector * dim + feature)?;
                self.plates[plate][feature].deviation(value)
            });
            let (sum, n) = z.fold((0.0, 0_usize), |(sum, n), z| (sum + f64::from(z).abs().min(FAR), n + 1));
            // A feature that most rows lack cannot stand for them.
            (n * 2 > treated.len()).then(|| sum / n as f64)
        };
        let scores: Vec<Option<f64>> = (0..dim).into_par_iter().map(score).collect();
        let mut order: Vec<(usize, f64)> =
            scores.iter().enumerate().filter_map(|(feature, score)| Some((feature, (*score)?))).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut taken: HashMap<(Compartment, Channel), usize> = HashMap::new();
        let mut chosen = Vec::new();
        for (feature, _) in order {
            let name = &self.names[feature];
            // Names without a compartment or a channel say nothing of being alike.
            let is_told = name.compartment != Compartment::Other || name.channel() != Channel::Other;
            let count = taken.entry((name.compartment, name.channel())).or_default();
            if chosen.len() < STRIP && (!is_told || *count < ALIKE) {
                *count += 1;
                chosen.push(feature);
            }
        }
        chosen.sort_by(|&a, &b| self.order(a, b));
        chosen
    }

    /// By compartment, channel and name.
    fn order(&self, a: usize, b: usize) -> Ordering {
        let key = |feature: usize| {
            let name = &self.names[feature];
            (name.compartment, name.channel(), &self.vectors.features[feature])
        };
        key(a).cmp(&key(b))
    }

    /// The vectors that it is of.
    pub const fn vectors(&self) -> &Arc<EmbeddingTable> {
        &self.vectors
    }

    /// Names of the features as the table has them.
    pub fn features(&self) -> &[String] {
        &self.vectors.features
    }

    /// All features by compartment, channel and name.
    pub fn in_order(&self) -> &[usize] {
        &self.sorted
    }

    /// What the name of a feature says.
    pub fn name(&self, feature: usize) -> &FeatureName {
        &self.names[feature]
    }

    /// Place of a feature by its name.
    pub fn feature(&self, name: &str) -> Option<usize> {
        self.vectors.features.iter().position(|feature| feature == name)
    }

    /// Plates without two controls: nothing of their rows can be told. An empty name stands for rows without a plate.
    pub fn without_controls(&self) -> &[String] {
        &self.without
    }

    /// True for a row that has a vector.
    pub fn has(&self, row: usize) -> bool {
        matches!(self.rows.get(row), Some(Some(_)))
    }

    /// A feature of a table row as the vectors have it.
    pub fn raw(&self, row: usize, feature: usize) -> Option<f32> {
        let (vector, _) = self.rows.get(row).copied().flatten()?;
        self.vectors.values.get(vector * self.vectors.dim + feature).copied()
    }

    /// A feature of a table row in robust deviations from the controls of its plate.
    pub fn z(&self, row: usize, feature: usize) -> Option<f32> {
        let (_, plate) = self.rows.get(row).copied().flatten()?;
        self.plates.get(plate)?.get(feature)?.deviation(self.raw(row, feature)?)
    }

    /// Names of the features that stand for a row, in their order.
    pub fn strip_names(&self) -> Vec<String> {
        self.strip.iter().map(|&feature| self.vectors.features[feature].clone()).collect()
    }

    /// The same features of every row, in the same order; `None` for a row without a vector.
    pub fn strip(&self, row: usize) -> Option<Vec<Bar>> {
        let bar = |&feature: &usize| Bar { feature, z: self.z(row, feature) };
        self.has(row).then(|| self.strip.iter().map(bar).collect())
    }

    /// The `most` features in which a row differs most from the controls, by compartment, channel and name; `None` for a row
    /// without a vector.
    pub fn furthest(&self, row: usize, most: usize) -> Option<Vec<Bar>> {
        if !self.has(row) {
            return None;
        }
        let mut bars: Vec<(usize, f32)> =
            (0..self.vectors.dim).filter_map(|feature| Some((feature, self.z(row, feature)?))).collect();
        bars.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        bars.truncate(most);
        bars.sort_by(|a, b| self.order(a.0, b.0));
        Some(bars.into_iter().map(|(feature, z)| Bar { feature, z: Some(z) }).collect())
    }
}

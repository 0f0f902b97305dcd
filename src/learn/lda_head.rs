//! The simplest supervision that there is, on any vectors: linear discriminant analysis of the rows that are trained on.

use crate::analysis::evaluate::Centring;
use crate::analysis::items::Items;
use crate::analysis::lda::Lda;
use crate::analysis::split::{Plan, Split};

/// Vectors of items, `[item, dim]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// The numbers.
    pub values: Vec<f32>,
    /// Length of a vector.
    pub dim: usize,
    /// False for items that have none; see [`Self::fill`].
    pub known: Vec<bool>,
}

impl Vectors {
    /// Means of the negative controls that have a vector.
    fn centring(&self, items: &Items) -> Centring {
        let mut known = items.clone();
        known.items.iter_mut().zip(&self.known).for_each(|(item, &is_known)| item.control &= is_known);
        Centring::fit(&known, &self.values, self.dim)
    }

    /// Puts items without a vector where the controls of their replicate lie: once centred they are zeros, which are near
    /// nothing, and no mean moves. Zeros from the start where the replicate has no controls.
    pub fn fill(&mut self, items: &Items) {
        let means = self.centring(items).means;
        let vectors = self.values.chunks_exact_mut(self.dim.max(1));
        for ((item, vector), _) in
            items.items.iter().zip(vectors).zip(&self.known).filter(|(_, known)| !**known)
        {
            match &means[item.replicate] {
                Some(mean) => vector.copy_from_slice(mean),
                None => vector.fill(0.0),
            }
        }
    }
}

/// Projects vectors by a discriminant analysis that is fitted on the rows of the split's training part, with the mechanisms
/// as classes: a row with several counts for each, negative controls are a class of their own. Before that each replicate is
/// centred on its negative controls, whatever their part; rows of a replicate without any are not learnt from where others
/// have some. The rows of one compound are no repetitions of its mechanism; those of controls are.
///
/// Nothing that asks or may be found is learnt from. `None` where training says too little: fewer than three classes of two
/// compounds (one direction has no angles to compare), or no more rows than classes, and for vectors longer
/// than [`MOST_FEATURES`](crate::analysis::lda::MOST_FEATURES).
pub fn project(items: &Items, plan: &Plan, vectors: &Vectors) -> Option<Vectors> {
    let Vectors { values, dim, known } = vectors;
    let mut centred = values.clone();
    let centring = vectors.centring(items);
    centring.apply(items, &mut centred, *dim);
    let lacking = centring.lacking();
    let can_centre = lacking.len() < items.replicates.len();
    let row = |item: usize| -> Vec<f64> {
        centred[item * dim..(item + 1) * dim].iter().map(|&x| f64::from(x)).collect()
    };

    let (mut rows, mut classes, mut compounds) = (Vec::new(), Vec::new(), Vec::new());
    for (place, item) in items.items.iter().enumerate() {
        let is_lacking = can_centre && lacking.contains(&item.replicate);
        if plan.splits.get(place) != Some(&Some(Split::Train)) || !known[place] || is_lacking {
            continue;
        }
        if item.control {
            rows.push(row(place));
            classes.push(items.moas.len());
            compounds.push(items.compounds.len() + place);
        } else if let Some(compound) = item.compound {
            for &moa in &item.moas {
                rows.push(row(place));
                classes.push(moa);
                compounds.push(compound);
            }
        }
    }
    let lda = Lda::fit_by_compound(&rows, &classes, &compounds)?;
    let projected: Vec<Vec<f64>> = (0..items.len()).map(|place| lda.project(&row(place))).collect();
    let dim = projected.first().map_or(0, Vec::len);
    if dim < 2 {
        return None;
    }
    let values = projected.into_iter().flatten().map(|x| x as f32).collect();
    let mut projected = Vectors { values, dim, known: known.clone() };
    projected.fill(items);
    Some(projected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::items::{Compound, Item};
    use crate::analysis::split::Protocol;
    use crate::random::{normal, stream};

    /// Compounds of each mechanism: two to train on, one that asks, one that may be found.
    const PARTS: [Split; 4] = [Split::Train, Split::Train, Split::Query, Split::Gallery];

    /// Four mechanisms of four compounds and controls in two replicates, six rows of each. The mechanism moves the first two of
    /// twelve numbers a little, and all others vary together much more.
    fn screen() -> (Items, Plan, Vectors) {
        let mut rng = stream(5, &["lda head"]);
        let mut items = Items {
            compounds: vec![Compound::default(); 17],
            moas: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
            replicates: ["1", "2"].map(str::to_owned).to_vec(),
            ..Items::default()
        };
        let mut values = Vec::new();
        for i in 0..17 * 12 {
            let (compound, replicate) = (i / 12, i % 2);
            let control = compound == 16;
            let moa = compound / 4;
            let split = if control { Split::Train } else { PARTS[compound % 4] };
            items.items.push(Item {
                row: i,
                row_id: format!("r{i}"),
                compound: Some(compound),
                moas: if control { vec![] } else { vec![moa] },
                replicate,
                split: Some(split),
                control,
                ..Item::default()
            });
            let place = [[3.0, 0.0], [0.0, 3.0], [-3.0, 0.0], [0.0, -3.0], [0.0, 0.0]][moa];
            let common = 40.0 * normal(&mut rng);
            values.extend((0..12).map(|j| {
                let effect = place.get(j).copied().unwrap_or(0.0);
                let loud = if j > 1 { common } else { 0.0 };
                (effect + loud + normal(&mut rng) + 5.0 * replicate as f64) as f32
            }));
        }
        let splits = items.items.iter().map(|item| item.split).collect();
        let plan = Plan::of(&items, Protocol::DrugDisjoint, splits, "test".to_owned()).unwrap();
        let known = vec![true; items.len()];
        (items, plan, Vectors { values, dim: 12, known })
    }

    /// Part of the queries whose nearest gallery row by cosine has their mechanism.
    fn right(items: &Items, plan: &Plan, vectors: &Vectors) -> f64 {
        let row = |item: usize| &vectors.values[item * vectors.dim..(item + 1) * vectors.dim];
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
        };
        let is_right = |&&query: &&usize| {
            let near = |&&item: &&usize| cosine(row(query), row(item));
            let nearest = plan.gallery.iter().max_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
            items.items[*nearest].moas == items.items[query].moas
        };
        plan.query.iter().filter(is_right).count() as f64 / plan.query.len() as f64
    }

    #[test]
    fn what_tells_mechanisms_apart_is_learnt_for_compounds_that_were_never_seen() {
        let (items, plan, vectors) = screen();
        let projected = project(&items, &plan, &vectors).unwrap();
        assert_eq!((projected.dim, projected.values.len()), (4, 4 * items.len()));
        let (raw, learnt) = (right(&items, &plan, &vectors), right(&items, &plan, &projected));
        assert!(learnt > 0.75 && learnt > raw + 0.1, "{raw} {learnt}");
    }

    #[test]
    fn what_asks_and_may_be_found_is_never_learnt_from() {
        let (mut items, plan, mut vectors) = screen();
        let before = project(&items, &plan, &vectors).unwrap();
        // Other numbers and other labels of all that is evaluated.
        for (place, item) in items.items.iter_mut().enumerate() {
            if item.split != Some(Split::Train) {
                vectors.values[place * 12..(place + 1) * 12].fill(place as f32);
                item.moas = vec![place % 4];
            }
        }
        let after = project(&items, &plan, &vectors).unwrap();
        for (place, item) in
            items.items.iter().enumerate().filter(|(_, item)| item.split == Some(Split::Train))
        {
            assert_eq!(
                before.values[place * 4..(place + 1) * 4],
                after.values[place * 4..(place + 1) * 4],
                "{}",
                item.row_id
            );
        }
        assert_ne!(before.values, after.values);
    }

    #[test]
    fn too_little_training_gives_nothing_and_a_row_without_a_vector_is_near_nothing() {
        let (items, plan, vectors) = screen();
        let mut few = items.clone();
        for item in &mut few.items {
            // Mechanisms of one compound each.
            if item.compound.is_some_and(|compound| compound % 4 == 1) {
                item.moas.clear();
            }
        }
        assert_eq!(project(&few, &plan, &vectors), None);
        let mut gap = vectors.clone();
        let query = plan.query[0];
        let control = items.items.iter().position(|item| item.control).unwrap();
        gap.known[query] = false;
        gap.known[control] = false;
        gap.values[control * 12..(control + 1) * 12].fill(1e6);
        let projected = project(&items, &plan, &gap).unwrap();
        assert!(!projected.known[query]);
        // As it is compared: a control without a vector moves no mean.
        gap.fill(&items);
        for Vectors { values, dim, .. } in [projected, gap] {
            let mut centred = values.clone();
            Centring::fit(&items, &values, dim).apply(&items, &mut centred, dim);
            for row in [query, control] {
                let row = &centred[row * dim..(row + 1) * dim];
                assert!(row.iter().all(|&x| x == 0.0), "{row:?}");
            }
        }
    }
}

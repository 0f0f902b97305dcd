//! What a model was trained with, to tell what is new to it.

use std::collections::BTreeSet;

use super::{Protocol, scaffold};
use crate::analysis::items::{Compound, plain};
use crate::model::card::DrugClass;

/// Compounds of a training.
#[derive(Debug, Clone, Default)]
pub struct Known {
    skeletons: BTreeSet<String>,
    names: BTreeSet<String>,
    scaffolds: BTreeSet<String>,
}

impl Known {
    /// Those of a model's card. Under the scaffold-disjoint protocol their scaffolds are known too.
    pub fn of(drugs: &[DrugClass], protocol: Protocol) -> Self {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let group = |drug: &DrugClass| {
            scaffold::group(text(&drug.smiles).as_deref(), text(&drug.skeleton).as_deref())
        };
        let by_scaffold = protocol == Protocol::ScaffoldDisjoint;
        Self {
            skeletons: drugs.iter().filter_map(|drug| text(&drug.skeleton)).collect(),
            names: drugs.iter().map(|drug| plain(&drug.name)).collect(),
            scaffolds: drugs.iter().filter(|_| by_scaffold).filter_map(group).collect(),
        }
    }

    /// True for a compound of the training, by skeleton or name, or one of a scaffold that counts.
    pub fn has(&self, compound: &Compound) -> bool {
        let (smiles, skeleton) = (compound.smiles.as_deref(), compound.skeleton.as_deref());
        skeleton.is_some_and(|skeleton| self.skeletons.contains(skeleton))
            || compound.names.iter().any(|name| self.names.contains(name))
            || (!self.scaffolds.is_empty()
                && scaffold::group(smiles, skeleton).is_some_and(|group| self.scaffolds.contains(&group)))
    }
}

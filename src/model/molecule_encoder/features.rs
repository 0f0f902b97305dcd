//! Structures as numbers: computed once from SMILES, and put on a device for the drugs of a batch.

use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use rayon::prelude::*;
use thiserror::Error;

use crate::chem::{ATOM_CATEGORIES, AtomGraph, BOND_CATEGORIES, ChemError, ECFP4_BITS, Ecfp4, Molecule};

/// Width of an atom's features: one place for each category of each feature.
pub const ATOM_FEATURES: usize = total(&ATOM_CATEGORIES);

/// Width of a bond's features.
pub const BOND_FEATURES: usize = total(&BOND_CATEGORIES);

const fn total(sizes: &[usize]) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < sizes.len() {
        sum += sizes[at];
        at += 1;
    }
    sum
}

/// A structure that no features can be computed from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("structure of drug {drug}, {smiles:?}: {source}; correct it, or leave it empty")]
pub struct FeatureError {
    /// Which drug, from 0.
    pub drug: usize,
    /// Its SMILES.
    pub smiles: String,
    /// What is wrong.
    pub source: ChemError,
}

/// What the encoders see of one molecule.
#[derive(Debug)]
struct Features {
    fingerprint: Ecfp4,
    graph: AtomGraph,
}

impl Features {
    /// Of the largest organic component: counter-ions and solvents do not act.
    fn of(smiles: &str) -> Result<Self, ChemError> {
        let molecule = Molecule::from_smiles(smiles)?.parent();
        Ok(Self { fingerprint: molecule.ecfp4()?, graph: molecule.atom_graph()? })
    }
}

/// Features of the drugs of an experiment, in the order of the drugs. A drug may be without a structure. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct MoleculeFeatures(Arc<[Option<Features>]>);

impl MoleculeFeatures {
    /// Computes the features of each drug from its SMILES; an empty one stands for an unknown structure.
    ///
    /// # Errors
    /// The first structure that cannot be read, with its text and the place of the fault.
    pub fn from_smiles<S: AsRef<str> + Sync>(smiles: &[S]) -> Result<Self, FeatureError> {
        let features: Vec<Result<Option<Features>, ChemError>> = smiles
            .par_iter()
            .map(|one| match one.as_ref().trim() {
                "" => Ok(None),
                text => Features::of(text).map(Some),
            })
            .collect();
        let named = |(drug, result): (usize, Result<_, ChemError>)| {
            result.map_err(|source| FeatureError { drug, smiles: smiles[drug].as_ref().to_owned(), source })
        };
        Ok(Self(features.into_iter().enumerate().map(named).collect::<Result<_, _>>()?))
    }

    /// The number of drugs, with and without a structure.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no drugs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the drug exists and has a structure.
    pub fn known(&self, drug: usize) -> bool {
        self.0.get(drug).is_some_and(Option::is_some)
    }

    /// The molecules that the rows of a batch need: each drug once, ascending, however often it is named.
    pub fn batch(&self, drugs: &[usize]) -> MoleculeBatch {
        let mut unique: Vec<usize> = drugs.iter().copied().filter(|&drug| self.known(drug)).collect();
        unique.sort_unstable();
        unique.dedup();
        let rows = drugs.iter().map(|drug| unique.binary_search(drug).ok()).collect();
        MoleculeBatch { features: self.clone(), drugs: unique, rows }
    }

    /// All the drugs: the rows of the batch are the drugs.
    pub fn all(&self) -> MoleculeBatch {
        self.batch(&(0..self.len()).collect::<Vec<_>>())
    }
}

/// The molecules of a batch, each once, and which of them each row has.
#[derive(Debug, Clone)]
pub struct MoleculeBatch {
    features: MoleculeFeatures,
    drugs: Vec<usize>,
    rows: Vec<Option<usize>>,
}

impl MoleculeBatch {
    /// The number of molecules.
    pub fn len(&self) -> usize {
        self.drugs.len()
    }

    /// Whether no row has a structure. Then there is nothing to encode.
    pub fn is_empty(&self) -> bool {
        self.drugs.is_empty()
    }

    /// The drug of each molecule, ascending.
    pub fn drugs(&self) -> &[usize] {
        &self.drugs
    }

    /// For each row the place of its molecule; `None` without a structure.
    pub fn rows(&self) -> &[Option<usize>] {
        &self.rows
    }

    /// Which rows have a structure, `[rows]`.
    pub fn known(&self, device: &Device) -> Tensor<1, Bool> {
        let known: Vec<bool> = self.rows.iter().map(Option::is_some).collect();
        Tensor::from_data(TensorData::new(known, [self.rows.len()]), device)
    }

    /// Hands the embeddings of the molecules, `[molecules, width]`, to the rows: `[rows, width]`, zero without a structure.
    ///
    /// # Panics
    /// If there is no molecule, or not an embedding for each.
    pub fn spread(&self, embeddings: Tensor<2>) -> Tensor<2> {
        assert_eq!(embeddings.dims()[0], self.len(), "one embedding for each molecule");
        let device = embeddings.device();
        let places = self.rows.iter().map(|row| row.unwrap_or(0));
        let known: Tensor<2> = self.known(&device).float().unsqueeze_dim(1);
        embeddings.select(0, indices(places, &device)) * known
    }

    /// The features on a device. For training that is the autodiff device of the encoder.
    ///
    /// # Panics
    /// If the batch is empty: devices have no tensors without elements.
    pub fn to_device(&self, device: &Device) -> MoleculeTensors {
        assert!(!self.is_empty(), "a batch without a structure has nothing to encode");
        let molecules = || self.drugs.iter().filter_map(|&drug| self.features.0[drug].as_ref());
        let bits = molecules().flat_map(|one| (0..ECFP4_BITS).map(|bit| f32::from(one.fingerprint.get(bit))));
        let fingerprints = TensorData::new(bits.collect(), [self.len(), ECFP4_BITS]);

        let count: usize = molecules().map(|one| one.graph.atoms.len()).sum();
        let mut atoms = Vec::with_capacity(count * ATOM_FEATURES);
        let (mut owner, mut share) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut from, mut to, mut bonds) = (Vec::new(), Vec::new(), Vec::new());
        for (place, Features { graph, .. }) in molecules().enumerate() {
            let first = owner.len();
            for atom in &graph.atoms {
                multi_hot(atom, &ATOM_CATEGORIES, &mut atoms);
                owner.push(place);
                share.push(1.0 / graph.atoms.len() as f32);
            }
            for (&[a, b], bond) in graph.edges.iter().zip(&graph.bonds) {
                from.push(first + a as usize);
                to.push(first + b as usize);
                multi_hot(bond, &BOND_CATEGORIES, &mut bonds);
            }
        }
        let edges = (!from.is_empty()).then(|| EdgeTensors {
            features: Tensor::from_data(TensorData::new(bonds, [from.len(), BOND_FEATURES]), device),
            from: indices(from, device),
            to: indices(to, device),
        });
        MoleculeTensors {
            fingerprints: Tensor::from_data(fingerprints, device),
            atoms: Tensor::from_data(TensorData::new(atoms, [count, ATOM_FEATURES]), device),
            share: Tensor::from_data(TensorData::new(share, [count, 1]), device),
            molecule: indices(owner, device),
            edges,
        }
    }
}

/// The features of some molecules on a device.
#[derive(Debug, Clone)]
pub struct MoleculeTensors {
    /// Bits of the fingerprints, `[molecules, 2048]`, 0 or 1.
    pub fingerprints: Tensor<2>,
    /// Features of the atoms, `[atoms, ATOM_FEATURES]`: a 1 for the category of each feature.
    pub atoms: Tensor<2>,
    /// 1 over the number of atoms of the atom's molecule, `[atoms, 1]`.
    pub share: Tensor<2>,
    /// The molecule of each atom, `[atoms]`.
    pub molecule: Tensor<1, Int>,
    /// The bonds; `None` if no molecule has any.
    pub edges: Option<EdgeTensors>,
}

/// Bonds, each in both directions.
#[derive(Debug, Clone)]
pub struct EdgeTensors {
    /// The atom that is left, `[edges]`.
    pub from: Tensor<1, Int>,
    /// The atom that is reached, `[edges]`.
    pub to: Tensor<1, Int>,
    /// Features, `[edges, BOND_FEATURES]`: a 1 for the category of each feature.
    pub features: Tensor<2>,
}

/// Appends a 1 for each category, at the feature's own places.
fn multi_hot(categories: &[u8], sizes: &[usize], values: &mut Vec<f32>) {
    for (&category, &size) in categories.iter().zip(sizes) {
        values.extend((0..size).map(|place| f32::from(place == usize::from(category))));
    }
}

fn indices(places: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let places: Vec<i32> = places.into_iter().map(|place| place as i32).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

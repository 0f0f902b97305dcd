//! Message passing over atoms and bonds.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, IndexingUpdateOp, Int, Tensor};

use super::MoleculeTensors;
use super::features::{ATOM_FEATURES, BOND_FEATURES};
use crate::chem::{ATOM_CATEGORIES, BOND_CATEGORIES};

/// Rounds of messages: an atom sees what is five bonds away.
const LAYERS: usize = 5;

/// Graph isomorphism network with edge features: Xu et al., arXiv 1810.00826; Hu et al., arXiv 1905.12265. Layer norm takes
/// the place of their batch norm, so that a molecule's embedding does not depend on the others. Each round is added to the
/// one before, or five rounds would make all atoms alike.
#[derive(Module, Debug)]
pub struct Gin {
    atom: Linear,
    layers: Vec<GinLayer>,
    norm: Vec<LayerNorm>,
    head: Linear,
}

/// One round: `MLP((1 + ε)·h_i + Σ_j relu(h_j + e_ij))` over the neighbours j, with ε learnt from 0.
#[derive(Module, Debug)]
struct GinLayer {
    bond: Linear,
    epsilon: Param<Tensor<1>>,
    wide: Linear,
    norm: LayerNorm,
    narrow: Linear,
}

impl Gin {
    pub(super) fn new(width: usize, device: &Device) -> Self {
        Self {
            atom: embedding(ATOM_FEATURES, ATOM_CATEGORIES.len(), width, device),
            layers: (0..LAYERS).map(|_| GinLayer::new(width, device)).collect(),
            norm: (0..LAYERS).map(|_| LayerNormConfig::new(width).init(device)).collect(),
            head: LinearConfig::new(width, width).init(device),
        }
    }

    pub(super) fn width(&self) -> usize {
        self.head.weight.dims()[1]
    }

    /// Atoms `[atoms, ATOM_FEATURES]` → `[molecules, width]`. What a round yields goes through layer norm and `relu`, without
    /// `relu` in the last, and is added to what the atom was; then the mean over a molecule's atoms and a linear layer.
    pub(super) fn forward(&self, molecules: &MoleculeTensors) -> Tensor<2> {
        let mut h = self.atom.forward(molecules.atoms.clone());
        for (round, (layer, norm)) in self.layers.iter().zip(&self.norm).enumerate() {
            let x = norm.forward(layer.forward(h.clone(), molecules));
            h = h + if round + 1 < self.layers.len() { relu(x) } else { x };
        }
        let [count, _] = molecules.fingerprints.dims();
        let mean = sum_at(h * molecules.share.clone(), molecules.molecule.clone(), count);
        self.head.forward(mean)
    }
}

impl GinLayer {
    fn new(width: usize, device: &Device) -> Self {
        Self {
            bond: embedding(BOND_FEATURES, BOND_CATEGORIES.len(), width, device),
            epsilon: Initializer::Zeros.init([1], device),
            wide: LinearConfig::new(width, 2 * width).init(device),
            norm: LayerNormConfig::new(2 * width).init(device),
            narrow: LinearConfig::new(2 * width, width).init(device),
        }
    }

    fn forward(&self, h: Tensor<2>, molecules: &MoleculeTensors) -> Tensor<2> {
        let [atoms, _] = h.dims();
        let own: Tensor<2> = (self.epsilon.val() + 1.0).unsqueeze();
        let mut x = h.clone() * own;
        if let Some(edges) = &molecules.edges {
            let bonds = self.bond.forward(edges.features.clone());
            let messages = relu(h.select(0, edges.from.clone()) + bonds);
            x = x + sum_at(messages, edges.to.clone(), atoms);
        }
        self.narrow.forward(relu(self.norm.forward(self.wide.forward(x))))
    }
}

/// One vector for each category of each feature, as a matrix for features of ones and zeros; the sum over the features has
/// a variance of 1 to begin with.
fn embedding(categories: usize, features: usize, width: usize, device: &Device) -> Linear {
    let std = (features as f64).recip().sqrt();
    LinearConfig::new(categories, width)
        .with_bias(false)
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device)
}

/// Adds up the rows `[n, width]` that go to the same place: `[places, width]`. Row after row on every device, so the sum is
/// always the same.
fn sum_at(rows: Tensor<2>, places: Tensor<1, Int>, count: usize) -> Tensor<2> {
    let [_, width] = rows.dims();
    Tensor::zeros([count, width], &rows.device()).select_assign(0, places, rows, IndexingUpdateOp::Add)
}

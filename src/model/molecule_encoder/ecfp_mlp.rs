//! Fingerprints and a multilayer perceptron.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::MoleculeTensors;
use crate::chem::ECFP4_BITS;

/// Linear layers.
const LAYERS: usize = 4;

/// ECFP4 of 2048 bits → four linear layers; layer norm and GELU after each but the last. Layer norm, because a batch may
/// hold two drugs.
#[derive(Module, Debug)]
pub struct EcfpMlp {
    linear: Vec<Linear>,
    norm: Vec<LayerNorm>,
}

impl EcfpMlp {
    pub(super) fn new(width: usize, device: &Device) -> Self {
        let linear = |layer| {
            let input = if layer == 0 { ECFP4_BITS } else { width };
            LinearConfig::new(input, width).init(device)
        };
        let norm = |_| LayerNormConfig::new(width).init(device);
        Self { linear: (0..LAYERS).map(linear).collect(), norm: (1..LAYERS).map(norm).collect() }
    }

    pub(super) fn width(&self) -> usize {
        self.linear.last().map_or(0, |last| last.weight.dims()[1])
    }

    /// `[molecules, 2048]` → `[molecules, width]`.
    pub(super) fn forward(&self, molecules: &MoleculeTensors) -> Tensor<2> {
        let mut x = molecules.fingerprints.clone();
        for (layer, linear) in self.linear.iter().enumerate() {
            x = linear.forward(x);
            if let Some(norm) = self.norm.get(layer) {
                x = gelu(norm.forward(x));
            }
        }
        x
    }
}

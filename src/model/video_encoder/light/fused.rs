//! The [kernels](super::kernels) as operations that Burn can differentiate. Where tensors are not on the CPU, the network
//! is built from Burn's own operations.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::Tensor;

use super::super::kernel::{Kernel, known, record};
use super::kernels::{Block, Perceptron, Pool};
use super::rows::LANES;

/// The operations by their tensors: `x`, scale and offset of a layer norm, weight and bias of each linear layer.
#[backend_extension(Flex, Autodiff)]
trait Fused: Backend {
    fn block(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn perceptron(
        x: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    fn pool(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn block(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Block.forward([x, gamma, beta, expand, expand_bias, contract, contract_bias], false).0
    }

    fn perceptron(
        x: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Perceptron.forward([x, expand, expand_bias, contract, contract_bias], false).0
    }

    fn pool(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        Pool.forward([x, gamma, beta], false).0
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn block(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        record::<C, _, _>(&Block, [x, gamma, beta, expand, expand_bias, contract, contract_bias])
    }

    fn perceptron(
        x: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        record::<C, _, _>(&Perceptron, [x, expand, expand_bias, contract, contract_bias])
    }

    fn pool(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        record::<C, _, _>(&Pool, [x, gamma, beta])
    }
}

/// Whether there is a kernel for these tokens.
fn fits<const D: usize>(x: &Tensor<D>, dim: usize) -> bool {
    dim.is_multiple_of(LANES) && known(x)
}

/// `x + contract(relu(expand(shift(norm(x)))))` of `[batch, time, height, width, dim]`; none if there is no kernel.
pub(super) fn block(
    x: &Tensor<5>,
    norm: &LayerNorm,
    expand: &Linear,
    contract: &Linear,
) -> Option<Tensor<5>> {
    let [.., dim] = x.dims();
    let (beta, expand_bias, contract_bias) =
        (norm.beta.as_ref()?, expand.bias.as_ref()?, contract.bias.as_ref()?);
    fits(x, dim).then(|| {
        Tensor::from_dispatch(<Dispatch as Fused>::block(
            x.clone().into_dispatch(),
            norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
            expand.weight.val().into_dispatch(),
            expand_bias.val().into_dispatch(),
            contract.weight.val().into_dispatch(),
            contract_bias.val().into_dispatch(),
        ))
    })
}

/// `contract(relu(expand(x)))` of `[rows, inside]`; none if there is no kernel.
pub(super) fn perceptron(x: &Tensor<2>, expand: &Linear, contract: &Linear) -> Option<Tensor<2>> {
    let (expand_bias, contract_bias) = (expand.bias.as_ref()?, contract.bias.as_ref()?);
    fits(x, LANES).then(|| {
        Tensor::from_dispatch(<Dispatch as Fused>::perceptron(
            x.clone().into_dispatch(),
            expand.weight.val().into_dispatch(),
            expand_bias.val().into_dispatch(),
            contract.weight.val().into_dispatch(),
            contract_bias.val().into_dispatch(),
        ))
    })
}

/// Mean and deviation over all normed tokens of a video, `[batch, 2·dim]`; none if there is no kernel.
pub(super) fn pool(x: &Tensor<5>, norm: &LayerNorm) -> Option<Tensor<2>> {
    let [.., dim] = x.dims();
    let beta = norm.beta.as_ref()?;
    fits(x, dim).then(|| {
        Tensor::from_dispatch(<Dispatch as Fused>::pool(
            x.clone().into_dispatch(),
            norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
        ))
    })
}

//! The [kernels](super::kernels) as operations that Burn can differentiate. Where tensors are not on the CPU, the network
//! is built from Burn's own operations.

use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Tensor};

use super::kernels::{Block, Kernel, Perceptron, Pool};
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
        Block::forward([x, gamma, beta, expand, expand_bias, contract, contract_bias], false).0
    }

    fn perceptron(
        x: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Perceptron::forward([x, expand, expand_bias, contract, contract_bias], false).0
    }

    fn pool(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        Pool::forward([x, gamma, beta], false).0
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
        record::<Block, C, 7>([x, gamma, beta, expand, expand_bias, contract, contract_bias])
    }

    fn perceptron(
        x: FloatTensor<Self>,
        expand: FloatTensor<Self>,
        expand_bias: FloatTensor<Self>,
        contract: FloatTensor<Self>,
        contract_bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        record::<Perceptron, C, 5>([x, expand, expand_bias, contract, contract_bias])
    }

    fn pool(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        record::<Pool, C, 3>([x, gamma, beta])
    }
}

/// A kernel's way back.
#[derive(Debug)]
struct Back<K>(PhantomData<K>);

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Back<K> {
    type State = K::Saved;

    fn backward(self, ops: Ops<K::Saved, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let first = ops.parents.first().is_some_and(Option::is_some);
        let found = K::backward(ops.state, gradient, first);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Runs a kernel and notes the way back.
fn record<K: Kernel<N>, C: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs.each_ref().map(FloatTensor::<Autodiff<Flex, C>>::node);
    let inputs = inputs.map(FloatTensor::<Autodiff<Flex, C>>::into_primitive);
    match Back::<K>(PhantomData).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = K::forward(inputs, true);
            prepared.finish(saved, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(K::forward(inputs, false).0),
    }
}

/// Whether there is a kernel for these tokens.
fn known<const D: usize>(x: &Tensor<D>, dim: usize) -> bool {
    let device = x.device();
    let device = match device.as_dispatch() {
        DispatchDevice::Autodiff(device) => device,
        device => device,
    };
    let on_cpu = matches!(device, DispatchDevice::Flex(_));
    on_cpu
        && x.dtype() == DType::F32
        && dim.is_multiple_of(LANES)
        && x.dims().iter().all(|length| *length > 0)
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
    known(x, dim).then(|| {
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
    known(x, LANES).then(|| {
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
    known(x, dim).then(|| {
        Tensor::from_dispatch(<Dispatch as Fused>::pool(
            x.clone().into_dispatch(),
            norm.gamma.val().into_dispatch(),
            beta.val().into_dispatch(),
        ))
    })
}

//! Functions of tensors on the CPU with a gradient of their own, as operations that Burn can differentiate.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, DispatchDevice, Flex};
use burn::tensor::{Bytes, DType, Shape, Tensor};
use burn_flex::{FlexTensor, Layout};

/// A function of tensors with its gradient.
pub(super) trait Kernel<const N: usize>: std::fmt::Debug + Clone + Send + 'static {
    /// What the way back needs.
    type Saved: Clone + Send + std::fmt::Debug + 'static;

    /// The result, and what is kept for the gradient if it is wanted.
    fn forward(&self, inputs: [FlexTensor; N], keep: bool) -> (FlexTensor, Self::Saved);

    /// The gradients of the inputs. Those that are not wanted may be left out.
    fn backward(
        &self,
        saved: Self::Saved,
        gradient: FlexTensor,
        wanted: [bool; N],
    ) -> [Option<FlexTensor>; N];
}

/// A kernel's way back.
#[derive(Debug)]
struct Back<K>(K);

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Back<K> {
    type State = K::Saved;

    fn backward(self, ops: Ops<K::Saved, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = self.0.backward(ops.state, gradient, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Runs a kernel and notes the way back.
pub(super) fn record<C: CheckpointStrategy, K: Kernel<N>, const N: usize>(
    kernel: &K,
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs.each_ref().map(FloatTensor::<Autodiff<Flex, C>>::node);
    let inputs = inputs.map(FloatTensor::<Autodiff<Flex, C>>::into_primitive);
    match Back(kernel.clone()).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => {
            let (output, saved) = kernel.forward(inputs, true);
            prepared.finish(saved, output)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(kernel.forward(inputs, false).0),
    }
}

/// Whether kernels can compute with this tensor: on the CPU, in single precision, not empty.
pub(super) fn known<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device();
    let device = match device.as_dispatch() {
        DispatchDevice::Autodiff(device) => device,
        device => device,
    };
    let on_cpu = matches!(device, DispatchDevice::Flex(_));
    on_cpu && x.dtype() == DType::F32 && x.dims().iter().all(|length| *length > 0)
}

/// The values of a tensor that lies in memory as its shape says.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

/// A tensor of these values.
pub(super) fn tensor(values: Vec<f32>, shape: Vec<usize>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape)), DType::F32)
}

//! [Convolutions](super::convolution) and [norms](super::norm) on the CPU as operations that Burn can differentiate. Where
//! tensors are not on the CPU, the network is built from Burn's own operations.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::nn::BatchNorm;
use burn::nn::conv::Conv3d;
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::super::kernel::{Kernel, known, record, tensor, values};
use super::convolution::{Convolution, Geometry};
use super::correlation::Finish;
use super::norm::{self, Norm, NormAdd};
use super::pool::NormPool;
use crate::simd::Cpu;

/// The operations of training.
#[backend_extension(Flex, Autodiff)]
trait Fused: Backend {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self>;

    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> FloatTensor<Self>;

    fn norm_add(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        added: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;

    fn norm_pool(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self>;
}

/// What has no gradient.
#[backend_extension(Flex)]
trait Plain: Backend {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn finished(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        stride: [usize; 3],
        rectified: bool,
    ) -> FloatTensor<Self>;

    fn finished_add(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        added: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self>;

    fn finished_pool(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self>;
}

impl Fused for Flex {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self> {
        Convolve { stride }.forward([x, weight], false).0
    }

    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> FloatTensor<Self> {
        Norm { epsilon, rectified }.forward([x, gamma, beta, moments], false).0
    }

    fn norm_add(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        added: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        NormAdd(Norm { epsilon, rectified: true }).forward([x, gamma, beta, moments, added], false).0
    }

    fn norm_pool(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        NormPool { epsilon }.forward([x, gamma, beta, moments], false).0
    }
}

impl<C: CheckpointStrategy> Fused for Autodiff<Flex, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: [usize; 3]) -> FloatTensor<Self> {
        record::<C, _, _>(&Convolve { stride }, [x, weight])
    }

    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
        rectified: bool,
    ) -> FloatTensor<Self> {
        record::<C, _, _>(&Norm { epsilon, rectified }, [x, gamma, beta, moments])
    }

    fn norm_add(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        added: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        record::<C, _, _>(&NormAdd(Norm { epsilon, rectified: true }), [x, gamma, beta, moments, added])
    }

    fn norm_pool(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        epsilon: f64,
    ) -> FloatTensor<Self> {
        record::<C, _, _>(&NormPool { epsilon }, [x, gamma, beta, moments])
    }
}

impl Plain for Flex {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        norm::moments(&x)
    }

    fn finished(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        stride: [usize; 3],
        rectified: bool,
    ) -> FloatTensor<Self> {
        let [x, weight, scale, offset] = [x, weight, scale, offset].map(|tensor| tensor.to_contiguous());
        let affine = Some([values(&scale), values(&offset)]);
        convolved(&x, &weight, stride, Finish { affine, added: None, rectified })
    }

    fn finished_add(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        added: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self> {
        let [x, weight, scale, offset, added] =
            [x, weight, scale, offset, added].map(|tensor| tensor.to_contiguous());
        let affine = Some([values(&scale), values(&offset)]);
        convolved(&x, &weight, stride, Finish { affine, added: Some(values(&added)), rectified: true })
    }

    fn finished_pool(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        stride: [usize; 3],
    ) -> FloatTensor<Self> {
        let [x, weight, scale, offset] = [x, weight, scale, offset].map(|tensor| tensor.to_contiguous());
        let convolution = convolution(&x, &weight, stride);
        let affine = Some([values(&scale), values(&offset)]);
        let finish = Finish { affine, added: None, rectified: true };
        let (output, shape) = convolution.forward_pooled(Cpu::detect(), values(&x), values(&weight), finish);
        tensor(output, shape.to_vec())
    }
}

/// A convolution padded by half its kernel. Tensors: `x`, weight.
#[derive(Debug, Clone)]
struct Convolve {
    stride: [usize; 3],
}

/// For the way back through a [`Convolve`].
#[derive(Debug, Clone)]
struct Saved {
    x: FlexTensor,
    weight: FlexTensor,
}

fn shape(tensor: &FlexTensor) -> [usize; 5] {
    std::array::from_fn(|axis| tensor.layout().shape()[axis])
}

fn convolution(x: &FlexTensor, weight: &FlexTensor, stride: [usize; 3]) -> Convolution {
    let [outputs, _, kernel @ ..] = shape(weight);
    Convolution::new(Geometry { kernel, stride }, shape(x), outputs)
}

fn convolved(x: &FlexTensor, weight: &FlexTensor, stride: [usize; 3], finish: Finish<'_>) -> FlexTensor {
    let convolution = convolution(x, weight, stride);
    let output = convolution.forward(Cpu::detect(), values(x), values(weight), finish);
    tensor(output, convolution.output().to_vec())
}

impl Kernel<2> for Convolve {
    type Saved = Saved;

    fn forward(&self, inputs: [FlexTensor; 2], _: bool) -> (FlexTensor, Saved) {
        let [x, weight] = inputs.map(|tensor| tensor.to_contiguous());
        (convolved(&x, &weight, self.stride, Finish::default()), Saved { x, weight })
    }

    fn backward(&self, saved: Saved, gradient: FlexTensor, wanted: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let Saved { x, weight } = saved;
        let gradient = gradient.to_contiguous();
        let convolution = convolution(&x, &weight, self.stride);
        let cpu = Cpu::detect();
        let input = wanted[0].then(|| {
            tensor(convolution.input_gradient(cpu, values(&gradient), values(&weight)), shape(&x).to_vec())
        });
        let weights = wanted[1].then(|| {
            tensor(convolution.weight_gradient(cpu, values(&x), values(&gradient)), shape(&weight).to_vec())
        });
        [input, weights]
    }
}

/// Whether there is a kernel for this convolution of `x`.
fn fits(conv: &Conv3d, x: &Tensor<5>) -> bool {
    known(x) && conv.stride.iter().all(|stride| (1..=2).contains(stride))
}

/// A convolution without bias, padded by half its kernel; none if there is no kernel for it.
pub(super) fn convolve(conv: &Conv3d, x: &Tensor<5>) -> Option<Tensor<5>> {
    fits(conv, x).then(|| {
        let (x, weight) = (x.clone().into_dispatch(), conv.weight.val().into_dispatch());
        Tensor::from_dispatch(<Dispatch as Fused>::convolve(x, weight, conv.stride))
    })
}

/// What comes behind a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Behind<'a> {
    /// The norm alone.
    Norm,
    /// The norm and the rectifier.
    Rectifier,
    /// The norm, something that is added, and the rectifier.
    Sum(&'a Tensor<5>),
    /// The norm, the rectifier and the max-pool.
    Pool,
}

/// A convolution, its norm by the running statistics and what is behind; none where gradients may be wanted or if there
/// is no kernel for it.
pub(super) fn infer(conv: &Conv3d, norm: &BatchNorm, x: &Tensor<5>, behind: Behind<'_>) -> Option<Tensor<5>> {
    let device = x.device();
    (!device.is_autodiff() && fits(conv, x)).then(|| {
        let mean = norm.running_mean.value().to_device(&device);
        let variance = norm.running_var.value().to_device(&device);
        let scale = norm.gamma.val() / (variance + norm.epsilon).sqrt();
        let offset = norm.beta.val() - mean * scale.clone();
        let (x, weight) = (x.clone().into_dispatch(), conv.weight.val().into_dispatch());
        let (scale, offset) = (scale.into_dispatch(), offset.into_dispatch());
        let stride = conv.stride;
        Tensor::from_dispatch(match behind {
            Behind::Norm => <Dispatch as Plain>::finished(x, weight, scale, offset, stride, false),
            Behind::Rectifier => <Dispatch as Plain>::finished(x, weight, scale, offset, stride, true),
            Behind::Sum(added) => {
                let added = added.clone().into_dispatch();
                <Dispatch as Plain>::finished_add(x, weight, scale, offset, added, stride)
            }
            Behind::Pool => <Dispatch as Plain>::finished_pool(x, weight, scale, offset, stride),
        })
    })
}

/// A norm by the statistics of the batch, which are added to the running ones, and what is behind; none where the norm
/// does not train or if there is no kernel for it.
pub(super) fn norm_of_batch(norm: &BatchNorm, x: &Tensor<5>, behind: Behind<'_>) -> Option<Tensor<5>> {
    let device = x.device();
    (device.is_autodiff() && norm.training.is_enabled() && known(x)).then(|| {
        let channels = x.dims()[1];
        let found = <Dispatch as Plain>::moments(x.clone().inner().into_dispatch());
        let moments = Tensor::<2>::from_inner(Tensor::from_dispatch(found));
        // As in Burn's own batch norm.
        for (row, running) in [&norm.running_mean, &norm.running_var].into_iter().enumerate() {
            let own = moments.clone().narrow(0, row, 1).reshape([channels]);
            let before = running.value_sync().to_device(&device);
            let after = before.mul_scalar(1.0 - norm.momentum).add(own.mul_scalar(norm.momentum));
            running.update(after.detach());
        }
        let (x, moments) = (x.clone().into_dispatch(), moments.into_dispatch());
        let (gamma, beta) = (norm.gamma.val().into_dispatch(), norm.beta.val().into_dispatch());
        let epsilon = norm.epsilon;
        Tensor::from_dispatch(match behind {
            Behind::Norm => <Dispatch as Fused>::norm(x, gamma, beta, moments, epsilon, false),
            Behind::Rectifier => <Dispatch as Fused>::norm(x, gamma, beta, moments, epsilon, true),
            Behind::Sum(added) => {
                let added = added.clone().into_dispatch();
                <Dispatch as Fused>::norm_add(x, gamma, beta, moments, added, epsilon)
            }
            Behind::Pool => <Dispatch as Fused>::norm_pool(x, gamma, beta, moments, epsilon),
        })
    })
}

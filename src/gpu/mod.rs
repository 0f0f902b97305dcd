//! The one graphics device: found or adopted, shared by drawing and computing, watched for loss.
//!
//! [`GpuDevice`] holds the wgpu handles, the window's or a headless run's own. [`GpuDevice::compute`] gives
//! the [`Compute`] that the encoders run on, either Burn on the same wgpu device or Burn's Flex on the CPU,
//! and all tensor work runs on the one [`ComputeThread`]. Nothing here knows egui, or recordings: what is handed to the
//! device is a [`Raster`].

mod burn_errors;
mod burn_thread;
mod compute;
mod device;
mod error;
mod frame_pipeline;
mod frame_pool;
pub mod frame_view;
mod plane;
pub mod points;
pub mod resample;
mod samples;
pub mod self_test;
pub mod target;
mod thread;

pub use compute::{Compute, ComputeChoice, ComputeTarget, headless_compute};
pub(crate) use device::backend_name;
pub use device::{GpuDevice, choose_adapter, device_descriptor, instance_descriptor};
pub use error::{GpuError, no_device_remedy};
pub(crate) use frame_pipeline::to_target;
pub use frame_pool::{FrameKey, FramePool};
pub use plane::{PlaneForm, Raster, SampleFormat};
pub use samples::Samples;
pub use thread::{ComputeJob, ComputeThread};

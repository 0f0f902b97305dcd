//! The thread on which Burn's server calls wgpu.
//!
//! cubecl starts one for each device and gives it no mark that others could see, so that it is marked here.

use std::cell::Cell;

use burn::backend::DispatchDevice;
use burn::tensor::Device;

use super::error::GpuError;

thread_local! {
    static IS_BURNS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is the thread of a device that was [marked](mark).
pub(super) fn is_this() -> bool {
    IS_BURNS.get()
}

/// Marks the thread of a device, once Burn has started it.
pub(super) fn mark(device: &Device) -> Result<(), GpuError> {
    run_there(device, || IS_BURNS.set(true))
}

/// Runs work on a device's thread and waits for it. Its panic is an error.
fn run_there<T: Send + 'static>(device: &Device, work: impl FnOnce() -> T + Send) -> Result<T, GpuError> {
    let DispatchDevice::Cube(device) = device.as_dispatch() else {
        return Err(GpuError::Device { message: "Burn's device has no thread of its own".to_owned() });
    };
    device.client().exclusive(work).map_err(GpuError::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{ComputeChoice, GpuDevice};

    /// A mistake in the use of wgpu, outside of any error scope.
    fn mistake(device: &wgpu::Device) {
        drop(device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("too large"),
            size: u64::MAX / 2,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        }));
    }

    #[test]
    fn an_error_on_burns_thread_fails_its_work_and_one_on_another_does_not() {
        let gpu = GpuDevice::headless().unwrap();
        let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
        assert!(run_there(compute.device(), is_this).unwrap() && !is_this());
        let device = gpu.device.clone();
        let failed = run_there(compute.device(), move || mistake(&device)).unwrap_err();
        assert!(failed.to_string().contains("too large"), "{failed}");
        assert!(gpu.take_error().unwrap().to_string().contains("too large"));
        mistake(&gpu.device);
        assert!(gpu.take_error().unwrap().to_string().contains("too large"));
        assert!(run_there(compute.device(), is_this).unwrap(), "it goes on");
        assert_eq!(gpu.lost(), None);
    }

    #[test]
    fn the_cpu_has_no_such_thread() {
        let flex = crate::gpu::Compute::flex();
        assert!(mark(flex.device()).is_err());
    }
}

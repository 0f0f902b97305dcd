//! The one device, on whatever adapter this machine has; continuous integration installs lavapipe.
//! Without any adapter these tests fail with the remedy, they are not skipped.

use std::process::Command;
use std::sync::OnceLock;

use burn::tensor::Tensor;
use molclip::gpu::{ComputeChoice, ComputeTarget, ComputeThread, GpuDevice, GpuError, device_descriptor};

/// One device for the tests that leave it whole.
fn gpu() -> GpuDevice {
    static GPU: OnceLock<GpuDevice> = OnceLock::new();
    GPU.get_or_init(fresh).clone()
}

fn fresh() -> GpuDevice {
    GpuDevice::headless().unwrap_or_else(|error| panic!("{error}"))
}

/// A buffer filled through the queue and read back through a mapping: what drawing does, without drawing.
fn round_trip(gpu: &GpuDevice, bytes: &[u8]) -> Vec<u8> {
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("round trip"),
        size: bytes.len() as u64,
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&buffer, 0, bytes);
    gpu.queue.submit([]);
    let (done, mapped) = std::sync::mpsc::channel();
    buffer.map_async(wgpu::MapMode::Read, .., move |result| done.send(result).unwrap());
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    mapped.recv().unwrap().unwrap();
    buffer.get_mapped_range(..).unwrap().to_vec()
}

#[test]
fn drawing_and_computing_share_the_device() {
    let gpu = gpu();
    assert_eq!(round_trip(&gpu, &[1, 2, 3, 4]), [1, 2, 3, 4]);
    let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
    assert_eq!(compute.target(), ComputeTarget::Gpu);
    let again = gpu.compute(ComputeChoice::Gpu).unwrap();
    assert_eq!(compute.device(), again.device(), "Burn is started once");
    let device = compute.device().clone();
    let job = ComputeThread::shared().run(move || {
        let row = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &device);
        (row.clone() * 2.0 + row).into_data().try_to_vec::<f32>().unwrap()
    });
    assert_eq!(round_trip(&gpu, &[5, 6, 7, 8]), [5, 6, 7, 8], "while a job is queued");
    assert_eq!(job.wait_on(&gpu).unwrap(), [3.0, 6.0, 9.0, 12.0]);
    compute.check().unwrap();
    assert_eq!(round_trip(&gpu, &[9, 9, 9, 9]), [9, 9, 9, 9], "after it");
    assert_eq!(gpu.lost(), None);
}

#[test]
fn auto_keeps_a_software_rasteriser_from_computing() {
    let gpu = gpu();
    let expected = if gpu.is_software() { ComputeTarget::Cpu } else { ComputeTarget::Gpu };
    assert_eq!(gpu.who_computes(ComputeChoice::Auto), expected);
    assert_eq!(gpu.who_computes(ComputeChoice::Cpu), ComputeTarget::Cpu);
    assert_eq!(gpu.who_computes(ComputeChoice::Gpu), ComputeTarget::Gpu);
    assert_eq!(gpu.summary().contains("software"), gpu.is_software());
}

#[test]
fn the_adapters_own_limits_are_asked_for() {
    let gpu = gpu();
    let descriptor = device_descriptor(&gpu.adapter);
    assert_eq!(descriptor.required_limits, gpu.adapter.limits());
    assert!(!descriptor.required_features.intersects(wgpu::Features::all_experimental_mask()));
    assert!(!descriptor.required_features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS));
    assert_eq!(gpu.device.limits(), gpu.adapter.limits());
}

#[test]
fn a_lost_device_is_noticed_and_the_cpu_takes_over() {
    let gpu = fresh();
    assert_eq!(gpu.lost(), None);
    gpu.device.destroy();
    assert_eq!(lost_within_a_second(&gpu).as_deref().map(str::is_empty), Some(false));
    assert_eq!(gpu.who_computes(ComputeChoice::Auto), ComputeTarget::Cpu);
    assert!(gpu.compute(ComputeChoice::Auto).is_ok());
    assert!(matches!(gpu.compute(ComputeChoice::Gpu), Err(GpuError::Lost { .. })));
}

#[test]
fn a_device_lost_under_burn_fails_the_job_and_not_the_program() {
    let gpu = fresh();
    let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
    let device = compute.device().clone();
    let thread = ComputeThread::shared();
    let before = thread.run(move || Tensor::<1>::from_floats([1.0, 2.0], &device)).wait_on(&gpu).unwrap();
    gpu.device.destroy();
    assert!(lost_within_a_second(&gpu).is_some());
    let after = thread.run(move || (before + 1.0).into_data().try_to_vec::<f32>().unwrap()).wait_on(&gpu);
    assert!(after.is_err() || compute.check().is_err(), "a lost device gave {after:?} and checked out well");
    // Flex still computes, on the same thread or, if that one hangs, on the next.
    let compute = gpu.compute(ComputeChoice::Auto).unwrap();
    assert_eq!(compute.target(), ComputeTarget::Cpu);
    let device = compute.device().clone();
    let sum = ComputeThread::shared().run(move || Tensor::<1>::ones([8], &device).sum().into_scalar::<f32>());
    assert_eq!(sum.wait(), Ok(8.0));
}

#[test]
fn work_that_does_not_fit_fails_its_job_and_the_device_goes_on() {
    let gpu = fresh();
    let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
    let floats = gpu.device.limits().max_buffer_size / 4 + 1024;
    let device = compute.device().clone();
    let thread = ComputeThread::shared();
    let too_large = thread.run(move || {
        let row = Tensor::<1>::zeros([floats as usize], &device) + 1.0;
        row.narrow(0, 0, 1).into_data().try_to_vec::<f32>().unwrap()
    });
    let outcome = too_large.wait_on(&gpu);
    assert!(outcome.is_err() || compute.check().is_err(), "{outcome:?} of a buffer that cannot be");
    let device = compute.device().clone();
    let small = thread.run(move || Tensor::<1>::ones([8], &device).sum().into_scalar::<f32>());
    assert_eq!(small.wait_on(&gpu), Ok(8.0));
    assert_eq!(gpu.lost(), None);
}

fn lost_within_a_second(gpu: &GpuDevice) -> Option<String> {
    (0..20).find_map(|_| {
        gpu.lost().or_else(|| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            None
        })
    })
}

#[test]
fn a_mistake_in_drawing_is_kept_and_does_not_panic() {
    let gpu = fresh();
    let too_large = |gpu: &GpuDevice| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("too large"),
            size: u64::MAX / 2,
            usage: wgpu::BufferUsages::STORAGE,
            mapped_at_creation: false,
        })
    };
    too_large(&gpu);
    assert!(gpu.take_error().unwrap().to_string().contains("too large"));
    assert_eq!(gpu.take_error(), None);
    // Burn puts a handler that panics on the device; ours comes back.
    gpu.compute(ComputeChoice::Gpu).unwrap();
    too_large(&gpu);
    assert!(gpu.take_error().is_some());
    assert_eq!(gpu.lost(), None);
}

/// The self-test runs once, through the command: tuning for a software rasteriser takes half a minute. What it found is
/// kept.
#[test]
fn the_self_test_agrees_with_flex_and_prints_one_json_object() {
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_molclip"))
        .args(["gpu", "--json"])
        .env("XDG_CACHE_HOME", cache.path())
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report:#}");
    assert_eq!(report["passed"], true);
    assert_eq!(report["self_test"].as_array().unwrap().len(), 12);
    for name in ["adapter", "backend", "device_type", "driver", "draws", "computes"] {
        assert!(report[name].is_string(), "{name}: {report:#}");
    }
    assert!(report["limits"]["max_buffer_size"].as_u64() > Some(0));
    assert!(report["times_ms"][0]["gpu"]["first"].as_f64() > Some(0.0));
    let kept = super::tuning::kept_under(cache.path());
    assert!(kept.iter().any(|namespace| namespace.starts_with("autotune/")), "{kept:?}");
}

/// Without a driver the command says what to install, and fails.
#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_the_command_names_the_remedy() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_molclip"));
    command.args(["gpu", "--json"]).env("WGPU_BACKEND", "vulkan");
    for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        command.env(variable, "no/such/driver.json");
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["adapter"], serde_json::Value::Null);
    assert_eq!(report["passed"], false);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(&molclip::gpu::no_device_remedy()), "{message}");
}

//! Who computes: the policy, the device that the encoders run on, and where tuning results are kept.

use std::path::PathBuf;

use cubecl_runtime::config::autotune::AutotuneLevel;
use cubecl_runtime::config::cache::CacheConfig;
use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig};
use serde::{Deserialize, Serialize};

use super::burn_errors::told;
use super::device::GpuDevice;
use super::error::GpuError;
use super::thread::ComputeThread;

/// What the user asked for: `--compute`, or the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ComputeChoice {
    /// A real GPU where there is one, otherwise the CPU
    #[default]
    Auto,
    /// The graphics device, also where it is a software rasteriser
    Gpu,
    /// The CPU
    Cpu,
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComputeTarget {
    /// Burn on the wgpu device that also draws.
    Gpu,
    /// Burn's Flex on the CPU.
    Cpu,
}

/// What the policy looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdapterTraits {
    /// A software rasteriser: it draws well enough, but Flex computes ten times faster.
    pub software: bool,
    /// It has compute shaders, and two threads may use it at once.
    pub computes: bool,
    /// It is gone.
    pub lost: bool,
}

/// The policy: the user's word counts; otherwise a working real GPU computes, and else the CPU does.
pub(super) fn decide(choice: ComputeChoice, adapter: AdapterTraits) -> ComputeTarget {
    let on_gpu = match choice {
        ComputeChoice::Gpu => true,
        ComputeChoice::Cpu => false,
        ComputeChoice::Auto => adapter.computes && !adapter.software && !adapter.lost,
    };
    if on_gpu { ComputeTarget::Gpu } else { ComputeTarget::Cpu }
}

/// The device that tensors live on, with a name for people.
#[derive(Clone, Debug)]
pub struct Compute {
    device: burn::tensor::Device,
    label: String,
    gpu: Option<GpuDevice>,
}

impl Compute {
    /// Burn's Flex on the CPU; needs no graphics device.
    pub fn flex() -> Self {
        let label = format!("Flex, {} of {} cores", ComputeThread::threads(), ComputeThread::cores());
        Self { device: burn::tensor::Device::flex(), label, gpu: None }
    }

    /// Burn on a shared wgpu device.
    pub(super) fn shared(device: burn::tensor::Device, label: String, gpu: GpuDevice) -> Self {
        Self { device, label, gpu: Some(gpu) }
    }

    /// The Burn device; `.clone().autodiff()` for training.
    pub fn device(&self) -> &burn::tensor::Device {
        &self.device
    }

    /// For people: `Flex, 7 of 8 cores` or `NVIDIA H200 (Vulkan) (shared with drawing)`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The graphics device that computes; none on the CPU.
    pub const fn gpu(&self) -> Option<&GpuDevice> {
        self.gpu.as_ref()
    }

    /// Who computes.
    pub fn target(&self) -> ComputeTarget {
        if self.gpu.is_some() { ComputeTarget::Gpu } else { ComputeTarget::Cpu }
    }

    /// Waits for the work in flight and says whether all of it is good.
    ///
    /// Ask before writing results down: work on a lost device or out of memory leaves no trace in the tensors.
    pub fn check(&self) -> Result<(), GpuError> {
        let Some(gpu) = &self.gpu else { return Ok(()) };
        let synced = self.device.sync();
        if let Some(fault) = gpu.take_fault() {
            return Err(fault);
        }
        synced.map_err(|error| told(error.to_string(), |message| GpuError::Device { message }))
    }

    /// Why a job failed: the device's own error where it has one, which is then taken, and behind it the job's. That says
    /// no more than that a tensor was never written, where memory ran out before.
    pub fn cause(&self, error: GpuError) -> GpuError {
        let fault = self.gpu.as_ref().and_then(GpuDevice::take_fault);
        match fault {
            // A buffer that was not made is then used by mistake.
            Some(GpuError::Device { .. }) if matches!(error, GpuError::OutOfMemory { .. }) => error,
            Some(fault) => fault.behind(&error),
            None => error,
        }
    }
}

/// The compute device of a run without a window.
///
/// The CPU needs no adapter, and `auto` falls back to it where there is none.
pub fn headless_compute(choice: ComputeChoice) -> Result<Compute, GpuError> {
    match choice {
        ComputeChoice::Cpu => Ok(Compute::flex()),
        ComputeChoice::Gpu => GpuDevice::headless()?.compute(choice),
        ComputeChoice::Auto => match GpuDevice::headless().and_then(|gpu| gpu.compute(choice)) {
            Ok(compute) => Ok(compute),
            Err(error) => {
                log::info!("computing on the CPU: {error}");
                Ok(Compute::flex())
            }
        },
    }
}

/// Sets up the kernel tuner, before Burn's first use of the GPU; later calls change nothing.
///
/// Results go to the user's cache folder, not to wherever the program was started. Configuration files in
/// the working directory are not read, environment variables (`CUBECL_…`) are.
pub(super) fn configure_cubecl(software: bool) {
    let mut config = CubeClRuntimeConfig::default();
    if let Some(folder) = tuning_folder() {
        config.environment.path = CacheConfig::Directory(folder);
    }
    if software {
        // Trying every kernel on a software rasteriser takes minutes and wins nothing.
        config.autotune.level = AutotuneLevel::Minimal;
    }
    if !CubeClRuntimeConfig::try_set(config.override_from_env()) {
        log::debug!("the kernel tuner was already set up");
    }
}

/// Where tuning results are kept.
fn tuning_folder() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "molclip")?;
    Some(dirs.cache_dir().join("tuning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: AdapterTraits = AdapterTraits { software: false, computes: true, lost: false };

    #[test]
    fn auto_shares_a_real_gpu_and_spares_a_software_one() {
        assert_eq!(decide(ComputeChoice::Auto, REAL), ComputeTarget::Gpu);
        assert_eq!(decide(ComputeChoice::Auto, AdapterTraits { software: true, ..REAL }), ComputeTarget::Cpu);
        assert_eq!(
            decide(ComputeChoice::Auto, AdapterTraits { computes: false, ..REAL }),
            ComputeTarget::Cpu
        );
        assert_eq!(decide(ComputeChoice::Auto, AdapterTraits { lost: true, ..REAL }), ComputeTarget::Cpu);
    }

    #[test]
    fn the_users_word_counts() {
        let software = AdapterTraits { software: true, ..REAL };
        assert_eq!(decide(ComputeChoice::Gpu, software), ComputeTarget::Gpu);
        assert_eq!(decide(ComputeChoice::Cpu, REAL), ComputeTarget::Cpu);
    }

    #[test]
    fn choices_are_written_in_lower_case() {
        assert_eq!(serde_json::to_string(&ComputeChoice::Auto).unwrap(), "\"auto\"");
        assert_eq!(serde_json::from_str::<ComputeChoice>("\"cpu\"").unwrap(), ComputeChoice::Cpu);
    }

    #[test]
    fn the_devices_own_error_says_why_a_job_failed() {
        let gpu = GpuDevice::headless().unwrap();
        let compute = gpu.compute(ComputeChoice::Gpu).unwrap();
        let mistake = || {
            drop(gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("too large"),
                size: u64::MAX / 2,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: false,
            }));
        };
        let job = GpuError::Job { message: "a tensor was never written".into() };
        assert_eq!(compute.cause(job.clone()), job);
        mistake();
        let told = compute.cause(job.clone()).to_string();
        let (first, then) =
            (told.find("too large").unwrap(), told.find("a tensor was never written").unwrap());
        assert!(first < then, "{told}");
        assert_eq!(compute.cause(job.clone()), job, "it is told once");
        mistake();
        let full = GpuError::OutOfMemory { detail: "a tensor".into() };
        assert_eq!(compute.cause(full.clone()), full, "memory comes first");
        // What went wrong before the work began is not its fault.
        mistake();
        let next = gpu.compute(ComputeChoice::Gpu).unwrap();
        assert_eq!(next.cause(job.clone()), job);
    }

    #[test]
    fn the_cpu_needs_no_adapter() {
        let compute = headless_compute(ComputeChoice::Cpu).unwrap();
        assert_eq!(compute.target(), ComputeTarget::Cpu);
        assert!(compute.label().starts_with("Flex"));
        compute.check().unwrap();
        assert_eq!(compute.cause(GpuError::ThreadGone), GpuError::ThreadGone);
    }
}

//! The wgpu device: made headless or adopted from the window, described, and watched for loss.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::burn_thread;
use super::compute::{self, AdapterTraits, Compute, ComputeChoice, ComputeTarget};
use super::error::GpuError;
use super::frame_pool::FramePool;
use super::resample::Resampler;

/// How often [`GpuDevice::lost`] asks the device itself; in between it answers from memory.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);

/// The one graphics device of the process. Cloning is cheap and shares everything.
#[derive(Clone, Debug)]
pub struct GpuDevice {
    /// The graphics API's entry point.
    pub instance: wgpu::Instance,
    /// The physical device.
    pub adapter: wgpu::Adapter,
    /// The logical device that draws and, on a real GPU, computes.
    pub device: wgpu::Device,
    /// The queue both submit to.
    pub queue: wgpu::Queue,
    shared: Arc<Shared>,
}

/// What all clones of a [`GpuDevice`] know together.
#[derive(Debug, Default)]
struct Shared {
    lost: Mutex<Option<String>>,
    error: Mutex<Option<GpuError>>,
    probed: Mutex<Option<Instant>>,
    burn: Mutex<Option<burn::tensor::Device>>,
    frames: FramePool,
    resampler: Mutex<Option<Arc<Resampler>>>,
}

/// Locks even if a thread panicked while holding the lock: every value here is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl GpuDevice {
    /// Opens the best adapter without a window.
    ///
    /// `WGPU_BACKEND` (`vulkan`, `dx12`, `metal`, `gl`) and `WGPU_ADAPTER_NAME` (part of the name) narrow the
    /// choice; otherwise see [`choose_adapter`].
    pub fn headless() -> Result<Self, GpuError> {
        // Instances are kept: Vulkan loaders crash when they come and go on several threads. GL is asked only
        // where nothing better answers.
        static MODERN: OnceLock<wgpu::Instance> = OnceLock::new();
        static GL: OnceLock<wgpu::Instance> = OnceLock::new();
        let wanted = wgpu::Backends::from_env();
        let primary = wanted.unwrap_or(wgpu::Backends::PRIMARY);
        match Self::open(MODERN.get_or_init(|| wgpu::Instance::new(descriptor_for(primary)))) {
            Err(GpuError::NoAdapter { .. }) if wanted.is_none() => {
                Self::open(GL.get_or_init(|| wgpu::Instance::new(descriptor_for(wgpu::Backends::GL))))
            }
            result => result,
        }
    }

    /// Makes a device on the best adapter of an instance.
    fn open(instance: &wgpu::Instance) -> Result<Self, GpuError> {
        let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
        let adapter = choose_adapter(&adapters, None).map_err(|detail| GpuError::NoAdapter { detail })?;
        let (device, queue) =
            pollster::block_on(adapter.request_device(&device_descriptor(&adapter))).map_err(|error| {
                GpuError::NoDevice { adapter: adapter.get_info().name, detail: error.to_string() }
            })?;
        Ok(Self::adopt(instance.clone(), adapter, device, queue))
    }

    /// Takes over the handles of a device that the window made. Call it once per device, then clone.
    pub fn adopt(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let frames = FramePool::of(adapter.get_info().device_type);
        let shared = Arc::new(Shared { frames, ..Shared::default() });
        let watcher = Arc::clone(&shared);
        device.set_device_lost_callback(move |reason, message| {
            watcher.mark_lost(&describe_loss(reason, &message));
        });
        let this = Self { instance, adapter, device, queue, shared };
        this.catch_errors();
        this
    }

    /// Whether the adapter is a software rasteriser (llvmpipe, WARP).
    pub fn is_software(&self) -> bool {
        self.adapter.get_info().device_type == wgpu::DeviceType::Cpu
    }

    /// One line for the status bar: `NVIDIA H200 (Vulkan)` or `llvmpipe, software (Vulkan)`.
    pub fn summary(&self) -> String {
        summarise(&self.adapter.get_info())
    }

    /// Why the device was lost, or `None` while it works. Cheap enough for every frame.
    ///
    /// Drawing on a lost device panics inside egui-wgpu, so ask before drawing.
    pub fn lost(&self) -> Option<String> {
        if let Some(reason) = lock(&self.shared.lost).clone() {
            return Some(reason);
        }
        let mut probed = lock(&self.shared.probed);
        if probed.is_some_and(|at| at.elapsed() < PROBE_INTERVAL) {
            return None;
        }
        *probed = Some(Instant::now());
        drop(probed);
        if !self.answers() {
            self.shared.mark_lost("the driver reset it or it was switched off");
        }
        lock(&self.shared.lost).clone()
    }

    /// The first error on the device that no error scope caught, taken: the next call gives `None`.
    pub fn take_error(&self) -> Option<GpuError> {
        lock(&self.shared.error).take()
    }

    /// Its loss, or else [`Self::take_error`].
    pub(super) fn take_fault(&self) -> Option<GpuError> {
        self.lost().map(|reason| GpuError::Lost { reason }).or_else(|| self.take_error())
    }

    /// Who would compute, without starting anything.
    pub fn who_computes(&self, choice: ComputeChoice) -> ComputeTarget {
        compute::decide(choice, self.traits())
    }

    /// The device that the encoders run on. Asked for where work begins: an error of before, which is in the log, is
    /// forgotten, so that the work is not blamed for it.
    ///
    /// Burn is started on the first call that needs the GPU, once, so that a window does not wait for it.
    /// A lost device computes on the CPU under [`ComputeChoice::Auto`] and is an error under
    /// [`ComputeChoice::Gpu`].
    pub fn compute(&self, choice: ComputeChoice) -> Result<Compute, GpuError> {
        match self.who_computes(choice) {
            ComputeTarget::Cpu => Ok(Compute::flex()),
            ComputeTarget::Gpu => {
                if let Some(reason) = self.lost() {
                    return Err(GpuError::Lost { reason });
                }
                let device = self.burn_device()?;
                drop(self.take_error());
                Ok(Compute::shared(device, format!("{} (shared with drawing)", self.summary()), self.clone()))
            }
        }
    }

    /// The frames in its memory, those of the player too.
    pub fn frames(&self) -> &FramePool {
        &self.shared.frames
    }

    /// The shader that makes inputs of networks from them, built once.
    pub(super) fn resampler(&self) -> Result<Arc<Resampler>, GpuError> {
        let mut slot = lock(&self.shared.resampler);
        if let Some(resampler) = slot.as_ref() {
            return Ok(Arc::clone(resampler));
        }
        let made = Arc::new(Resampler::new(&self.device)?);
        *slot = Some(Arc::clone(&made));
        Ok(made)
    }

    /// What the policy needs to know about this device.
    fn traits(&self) -> AdapterTraits {
        AdapterTraits {
            software: self.is_software(),
            computes: self.no_compute().is_none(),
            lost: self.lost().is_some(),
        }
    }

    /// Why kernels cannot run here, if they cannot.
    fn no_compute(&self) -> Option<&'static str> {
        let limits = self.device.limits();
        let shaders = self.adapter.get_downlevel_capabilities().flags;
        if self.adapter.get_info().backend == wgpu::Backend::Gl {
            // A GL context belongs to one thread at a time: drawing would panic in wgpu while Burn compiles.
            Some("OpenGL cannot draw and compute at once; a Vulkan driver can")
        } else if !shaders.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            || limits.max_compute_invocations_per_workgroup == 0
            || limits.max_storage_buffers_per_shader_stage < 2
        {
            Some("it has no compute shaders")
        } else {
            None
        }
    }

    /// Registers the wgpu device with Burn, once; later calls clone.
    fn burn_device(&self) -> Result<burn::tensor::Device, GpuError> {
        let mut slot = lock(&self.shared.burn);
        if let Some(device) = slot.as_ref() {
            return Ok(device.clone());
        }
        let info = self.adapter.get_info();
        if let Some(why) = self.no_compute() {
            return Err(GpuError::NoCompute { adapter: self.summary(), detail: why.to_owned() });
        }
        compute::configure_cubecl(self.is_software());
        let setup = burn::tensor::wgpu::WgpuSetup {
            instance: self.instance.clone(),
            adapter: self.adapter.clone(),
            device: self.device.clone(),
            queue: self.queue.clone(),
            backend: info.backend,
        };
        let start = || -> Result<burn::tensor::Device, String> {
            let device = burn::tensor::Device::wgpu_options().setup(setup).init();
            let device = device.map_err(|error| error.to_string())?;
            burn_thread::mark(&device).map_err(|error| error.to_string())?;
            Ok(device)
        };
        let device = std::panic::catch_unwind(std::panic::AssertUnwindSafe(start))
            .unwrap_or_else(|payload| Err(super::thread::panic_message(payload.as_ref())))
            .map_err(|detail| GpuError::NoCompute { adapter: info.name, detail })?;
        // Burn put its own handlers on the device. Its loss callback stays, because Burn's reads turn into
        // errors through it and loss is found by probing instead; its error handler, which panics in
        // whatever thread made the error, is replaced.
        self.catch_errors();
        *slot = Some(device.clone());
        Ok(device)
    }

    /// Logs and keeps errors that no error scope catches, where wgpu and Burn would panic.
    fn catch_errors(&self) {
        let shared = Arc::downgrade(&self.shared);
        self.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let error = GpuError::from(error);
            log::error!("wgpu: {error}");
            if let Some(shared) = shared.upgrade() {
                lock(&shared.error).get_or_insert_with(|| error.clone());
                // Burn relies on a panic in its own thread to fail the tensors in work; it catches that panic. Without
                // it their memory would pass for results.
                assert!(!burn_thread::is_this() || lock(&shared.lost).is_some(), "wgpu error: {error}");
            }
        }));
    }

    /// Whether the device still takes work. A buffer made on a lost device cannot be mapped.
    fn answers(&self) -> bool {
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("is the device there"),
            size: 4,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let refused = Arc::new(Mutex::new(false));
        let answer = Arc::clone(&refused);
        // On a lost device the refusal comes during this call; a healthy one answers at some later poll.
        buffer.map_async(wgpu::MapMode::Read, .., move |result| *lock(&answer) = result.is_err());
        let refused = *lock(&refused);
        let out_of_memory = pollster::block_on(memory.pop()).is_some();
        drop(validation);
        !refused || out_of_memory
    }
}

impl Shared {
    /// Keeps the first reason.
    fn mark_lost(&self, reason: &str) {
        let mut lost = lock(&self.lost);
        if lost.is_none() {
            log::error!("the graphics device was lost: {reason}");
            *lost = Some(reason.to_owned());
        }
    }
}

/// What wgpu says about a loss, in words.
fn describe_loss(reason: wgpu::DeviceLostReason, message: &str) -> String {
    match (reason, message.trim()) {
        (wgpu::DeviceLostReason::Destroyed, "") => "it was switched off by the program".to_owned(),
        (_, "") => "the driver gave no reason".to_owned(),
        (_, message) => message.to_owned(),
    }
}

/// How the window opens the graphics API.
///
/// `WGPU_BACKEND`, `WGPU_VALIDATION` and `WGPU_DEBUG` are honoured.
pub fn instance_descriptor() -> wgpu::InstanceDescriptor {
    let any = wgpu::Backends::PRIMARY | wgpu::Backends::GL;
    descriptor_for(wgpu::Backends::from_env().unwrap_or(any))
}

fn descriptor_for(backends: wgpu::Backends) -> wgpu::InstanceDescriptor {
    wgpu::InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::from_build_config().with_env(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    }
}

/// What to ask of an adapter: all it can do, for drawing and computing on one device.
///
/// Left out are mappable primary buffers, which slow discrete GPUs down, and experimental features, which
/// wgpu calls unsafe.
pub fn device_descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    let left_out = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
    wgpu::DeviceDescriptor {
        label: Some("molclip"),
        required_features: adapter.features() - left_out,
        required_limits: adapter.limits(),
        // Burn allocates in large pages itself.
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    }
}

/// Picks the adapter: discrete before integrated before virtual before software, and Vulkan, Metal or
/// Direct3D before GL.
///
/// With a surface, only adapters that can present to it count. `WGPU_ADAPTER_NAME` keeps those whose name
/// contains it, whatever the case. The signature is that of eframe's `native_adapter_selector`.
pub fn choose_adapter(
    adapters: &[wgpu::Adapter],
    surface: Option<&wgpu::Surface<'_>>,
) -> Result<wgpu::Adapter, String> {
    let wanted = std::env::var("WGPU_ADAPTER_NAME").ok();
    adapters
        .iter()
        .filter(|adapter| surface.is_none_or(|surface| adapter.is_surface_supported(surface)))
        .map(|adapter| (adapter, adapter.get_info()))
        .filter(|(_, info)| is_wanted(&info.name, wanted.as_deref()))
        .min_by_key(|(_, info)| rank(info.device_type, info.backend))
        .map(|(adapter, _)| adapter.clone())
        .ok_or_else(|| {
            let seen: Vec<_> = adapters.iter().map(|adapter| summarise(&adapter.get_info())).collect();
            match (seen.is_empty(), wanted) {
                (true, _) => "no driver answered".to_owned(),
                (false, Some(name)) => {
                    format!("WGPU_ADAPTER_NAME is \"{name}\", but there is only {}", seen.join(", "))
                }
                (false, None) => format!("the window cannot be shown by {}", seen.join(", ")),
            }
        })
}

/// Whether an adapter's name contains the wanted part.
fn is_wanted(name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| name.to_lowercase().contains(&wanted.to_lowercase()))
}

/// Order of preference; smaller is better.
fn rank(device_type: wgpu::DeviceType, backend: wgpu::Backend) -> (u8, bool) {
    let kind = match device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (kind, backend == wgpu::Backend::Gl)
}

/// The adapter's name and graphics API; a software one is called that and loses its build details.
fn summarise(info: &wgpu::AdapterInfo) -> String {
    let backend = backend_name(info.backend);
    if info.device_type == wgpu::DeviceType::Cpu {
        let name = info.name.split('(').next().unwrap_or_default().trim();
        format!("{name}, software ({backend})")
    } else {
        format!("{} ({backend})", info.name)
    }
}

/// The graphics API as its makers write it.
pub(crate) fn backend_name(backend: wgpu::Backend) -> &'static str {
    match backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "Direct3D 12",
        wgpu::Backend::Gl => "OpenGL",
        wgpu::Backend::BrowserWebGpu => "WebGPU",
        wgpu::Backend::Noop => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_gpu_comes_before_software_and_gl_comes_last() {
        let mut seen = [
            (wgpu::DeviceType::Cpu, wgpu::Backend::Vulkan),
            (wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Vulkan),
            (wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Gl),
            (wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan),
        ];
        seen.sort_by_key(|&(kind, backend)| rank(kind, backend));
        assert_eq!(
            seen,
            [
                (wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Vulkan),
                (wgpu::DeviceType::DiscreteGpu, wgpu::Backend::Gl),
                (wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Vulkan),
                (wgpu::DeviceType::Cpu, wgpu::Backend::Vulkan),
            ]
        );
    }

    #[test]
    fn an_adapter_is_named_by_part_of_its_name() {
        assert!(is_wanted("NVIDIA H200", None));
        assert!(is_wanted("NVIDIA H200", Some("h200")));
        assert!(!is_wanted("NVIDIA H200", Some("radeon")));
    }

    #[test]
    fn a_loss_is_described_in_words() {
        assert!(describe_loss(wgpu::DeviceLostReason::Destroyed, "").contains("switched off"));
        assert!(describe_loss(wgpu::DeviceLostReason::Unknown, "").contains("no reason"));
        assert_eq!(
            describe_loss(wgpu::DeviceLostReason::Unknown, "Parent device is lost"),
            "Parent device is lost"
        );
    }
}

//! From frames in the device's memory to a network's input on the same device, without the CPU:
//! `shaders/resample.wgsl` writes into the memory of a Burn tensor.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::Wgpu;
use burn::backend::wgpu::{CubeBackend, WgpuResource, WgpuRuntime};
use burn::tensor::{DType, Tensor};
use bytemuck::{Pod, Zeroable};
use cubecl_runtime::runtime::Runtime;
use cubecl_runtime::storage::ManagedResource;

use super::compute::Compute;
use super::device::GpuDevice;
use super::error::GpuError;
use super::frame_view::{dtype_code, upload};
use crate::video::{Plane, SampleType};

/// Most bilinear samples per side of an output pixel.
pub const MOST_SAMPLES: u32 = 64;

/// Threads per side of a workgroup, as in the shader.
const WORKGROUP: u32 = 8;

/// The samples of one frame in the device's memory, as the player's shader reads them too.
#[derive(Debug, Clone)]
pub struct Samples {
    /// `[depth, height, width, samples]`; every plane begins on a 32-bit word. Usable as `STORAGE`.
    pub buffer: wgpu::Buffer,
    /// Type of a sample; `F64` is narrowed to `F32` on the way and not allowed here.
    pub dtype: SampleType,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Interleaved samples per pixel.
    pub samples: u32,
    /// Focal planes, joined by their maximum.
    pub depth: u32,
}

impl Samples {
    /// Hands the focal planes of one frame to the device. They must be of one size and type.
    pub fn upload(gpu: &GpuDevice, planes: &[Arc<Plane>]) -> Result<Self, GpuError> {
        let first = planes.first().ok_or_else(|| refused("a frame has no plane".to_owned()))?;
        let form = |plane: &Plane| (plane.width, plane.height, plane.samples, plane.dtype);
        if planes.iter().any(|plane| form(plane) != form(first)) {
            return Err(refused("the focal planes of a frame differ in size or type".to_owned()));
        }
        let narrow = first.dtype == SampleType::F64;
        let dtype = if narrow { SampleType::F32 } else { first.dtype };
        let count = |n: usize| u32::try_from(n).map_err(|_| refused(format!("{n} is too large a frame")));
        let (width, height) = (count(first.width)?, count(first.height)?);
        let (samples, depth) = (count(first.samples)?, count(planes.len())?);
        let stride = plane_bytes(dtype, [width, height, samples]);
        let whole = first.width * first.height * first.samples * first.dtype.size();
        if let Some(plane) = planes.iter().find(|plane| plane.bytes.len() != whole) {
            return Err(refused(format!("a plane has {} bytes instead of {whole}", plane.bytes.len())));
        }
        let size = stride.saturating_mul(u64::from(depth));
        let limits = gpu.device.limits();
        if size == 0 || size > limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) {
            return Err(refused(format!("the device cannot hold a frame of {size} bytes")));
        }
        let buffer = caught(&gpu.device, || {
            let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("samples to resample"),
                size,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            for (z, plane) in planes.iter().enumerate() {
                upload(&gpu.queue, &buffer, z as u64 * stride, plane, narrow);
            }
            buffer
        })?;
        Ok(Self { buffer, dtype, width, height, samples, depth })
    }

    /// Why the shader could read something else than these samples, if it could.
    fn problem(&self, sample: u32, limits: &wgpu::Limits) -> Option<String> {
        let Self { width, height, samples, depth, dtype, buffer } = self;
        let values = u64::from(*width) * u64::from(*height);
        let bytes = self.bytes();
        if values == 0 || *depth == 0 {
            Some(format!("a frame of {width} × {height} px in {depth} planes is empty"))
        } else if sample >= *samples {
            Some(format!("sample {} is asked for, a pixel has {samples}", sample + 1))
        } else if *dtype == SampleType::F64 {
            Some("64-bit samples must be narrowed first".to_owned())
        } else if buffer.size() < bytes || !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            Some(format!("{width} × {height} px need a storage buffer of {bytes} bytes"))
        } else if bytes > limits.max_storage_buffer_binding_size.min(u64::from(u32::MAX)) {
            Some(format!("{width} × {height} px are more than the device can read at once"))
        } else {
            None
        }
    }

    /// Bytes of all planes.
    fn bytes(&self) -> u64 {
        let plane = plane_bytes(self.dtype, [self.width, self.height, self.samples]);
        plane.saturating_mul(u64::from(self.depth))
    }
}

/// One plane of the input: a frame, and which of its interleaved samples (0 for grey).
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The frame.
    pub samples: &'a Samples,
    /// From 0.
    pub sample: u32,
}

/// Where the output's pixels lie in the frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Pixels on a side of the output.
    pub size: u32,
    /// Source position of output pixel (x, y), both from the centre: `[a, b, c, d]·(x, y) + shift`. Its scale is
    /// the model's µm per pixel ÷ the recording's.
    pub matrix: [f32; 4],
    /// Source pixels.
    pub shift: [f32; 2],
}

impl Geometry {
    /// Bilinear samples per side of an output pixel, so that no source pixel is passed over.
    fn footprint(&self) -> f32 {
        let [a, b, c, d] = self.matrix;
        // A turn by rounded sines is no reason to take four samples.
        (a.hypot(c).max(b.hypot(d)) - 1e-4).ceil().max(1.0)
    }
}

/// How a channel's values are scaled: `((value − background)·gain − mean) / deviation`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// Value of no light, and of what lies outside of the frame.
    pub background: f32,
    /// Per unit of the recording.
    pub gain: f32,
    /// Of the scaled values.
    pub mean: f32,
    /// Of the scaled values; at least 1e-6 is taken.
    pub deviation: f32,
}

/// The shader's parameters.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    matrix: [f32; 4],
    shift: [f32; 2],
    source: [u32; 2],
    size: u32,
    n: u32,
    samples: u32,
    sample: u32,
    depth: u32,
    plane_words: u32,
    first: u32,
    background: f32,
    gain: f32,
    dark: f32,
    padding: [u32; 2],
}

/// The resampling shader on one device.
#[derive(Debug)]
pub struct Resampler {
    gpu: GpuDevice,
    module: wgpu::ShaderModule,
    bindings: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
    /// By type of sample, built when first needed.
    pipelines: Mutex<HashMap<u32, wgpu::ComputePipeline>>,
}

impl Resampler {
    /// Reads the shader; pipelines are built when first needed.
    pub fn new(gpu: &GpuDevice) -> Result<Self, GpuError> {
        let device = &gpu.device;
        let buffer = |binding, ty, has_dynamic_offset| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let (module, bindings, layout) = caught(device, || {
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some("resample"),
                source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/resample.wgsl").into()),
            });
            let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some("resample"),
                entries: &[
                    buffer(0, wgpu::BufferBindingType::Uniform, true),
                    buffer(1, storage(true), false),
                    buffer(2, storage(false), false),
                ],
            });
            let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some("resample"),
                bind_group_layouts: &[Some(&bindings)],
                immediate_size: 0,
            });
            (module, bindings, layout)
        })?;
        Ok(Self { gpu: gpu.clone(), module, bindings, layout, pipelines: Mutex::default() })
    }

    /// A network's input, `[1, channel, time, size, size]`, from `frames` in the order `[channel, time]`, with a
    /// scaling for each channel.
    ///
    /// Run it on the [`super::ComputeThread`], with the [`Compute`] of the same device. It returns when the work is
    /// submitted; what is written into the frames' buffers later is not seen. An error means that nothing of the
    /// tensor is good.
    pub fn run(
        &self,
        compute: &Compute,
        frames: &[Frame<'_>],
        geometry: &Geometry,
        scaling: &[Scaling],
    ) -> Result<Tensor<5>, GpuError> {
        let params = self.params(frames, geometry, scaling)?;
        let (channels, side) = (scaling.len(), geometry.size as usize);
        let shape = [1, channels, frames.len() / channels, side, side];
        let tensor = Tensor::<5>::empty(shape, (compute.device(), DType::F32));
        // Held until the work is submitted: as long as it lives, the pool gives the memory to nobody else.
        let memory = memory_of(tensor.clone())?;
        let target = memory.resource();
        let limits = self.gpu.device.limits();
        if target.size < (shape.iter().product::<usize>() * 4) as u64
            || !target.offset.is_multiple_of(u64::from(limits.min_storage_buffer_offset_alignment))
        {
            let (size, offset) = (target.size, target.offset);
            let message = format!("a tensor of {shape:?} lies in {size} bytes from {offset}");
            return Err(GpuError::Device { message });
        }
        caught(&self.gpu.device, || self.submit(frames, geometry.size, &params, target))?;
        Ok(tensor)
    }

    /// The parameters of each frame's dispatch, if all of it is possible.
    fn params(
        &self,
        frames: &[Frame<'_>],
        geometry: &Geometry,
        scaling: &[Scaling],
    ) -> Result<Vec<Params>, GpuError> {
        let limits = self.gpu.device.limits();
        let (size, n) = (geometry.size, geometry.footprint());
        let (channels, count) = (scaling.len(), frames.len());
        let bytes = u64::from(size) * u64::from(size) * count as u64 * 4;
        if channels == 0 || count == 0 || !count.is_multiple_of(channels) {
            return Err(refused(format!("{count} frames cannot be shared among {channels} channels")));
        }
        if size == 0
            || size.div_ceil(WORKGROUP) > limits.max_compute_workgroups_per_dimension
            || bytes > limits.max_storage_buffer_binding_size.min(1 << 33)
        {
            return Err(refused(format!("the device cannot make {count} frames of {size} × {size} px")));
        }
        let numbers = geometry.matrix.iter().chain(&geometry.shift);
        let levels = scaling.iter().flat_map(|s| [s.background, s.gain, s.mean, s.deviation]);
        if !numbers.copied().chain(levels).all(f32::is_finite) {
            return Err(refused(format!("{geometry:?} and {scaling:?} hold a number that is not finite")));
        }
        if n > MOST_SAMPLES as f32 {
            return Err(refused(format!(
                "an output pixel is {n} source pixels wide, more than {MOST_SAMPLES}. Correct the pixel size"
            )));
        }
        let per_channel = count / channels;
        let of = |(k, frame): (usize, &Frame<'_>)| {
            let Frame { samples, sample } = *frame;
            if let Some(problem) = samples.problem(sample, &limits) {
                return Err(refused(problem));
            }
            let scaling = scaling[k / per_channel];
            let deviation = scaling.deviation.max(1e-6);
            Ok(Params {
                matrix: geometry.matrix,
                shift: geometry.shift,
                source: [samples.width, samples.height],
                size,
                n: n as u32,
                samples: samples.samples,
                sample,
                depth: samples.depth,
                plane_words: (samples.bytes() / 4) as u32 / samples.depth,
                first: k as u32 * size * size,
                background: scaling.background,
                gain: scaling.gain / deviation,
                dark: -scaling.mean / deviation,
                padding: [0; 2],
            })
        };
        frames.iter().enumerate().map(of).collect()
    }

    /// One dispatch per frame, each into its own part of the tensor.
    fn submit(&self, frames: &[Frame<'_>], size: u32, params: &[Params], target: &WgpuResource) {
        let device = &self.gpu.device;
        let alignment = device.limits().min_uniform_buffer_offset_alignment as usize;
        let stride = size_of::<Params>().next_multiple_of(alignment.max(16));
        let mut bytes = vec![0; stride * params.len()];
        for (slot, params) in bytes.chunks_exact_mut(stride).zip(params) {
            slot[..size_of::<Params>()].copy_from_slice(bytemuck::bytes_of(params));
        }
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("resample"),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.gpu.queue.write_buffer(&uniforms, 0, &bytes);
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("resample") });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let groups = size.div_ceil(WORKGROUP);
        for (k, Frame { samples, .. }) in frames.iter().enumerate() {
            let part = |buffer, bytes| {
                let size = NonZeroU64::new(bytes);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
            };
            let one = part(&uniforms, size_of::<Params>() as u64);
            let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("resample"),
                layout: &self.bindings,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: one },
                    wgpu::BindGroupEntry { binding: 1, resource: part(&samples.buffer, samples.bytes()) },
                    // The tensor's own part of a pooled page.
                    wgpu::BindGroupEntry { binding: 2, resource: target.as_wgpu_bind_resource() },
                ],
            });
            pass.set_pipeline(&self.pipeline(dtype_code(samples.dtype)));
            pass.set_bind_group(0, &bind_group, &[(k * stride) as u32]);
            pass.dispatch_workgroups(groups, groups, 1);
        }
        drop(pass);
        self.gpu.queue.submit([encoder.finish()]);
    }

    fn pipeline(&self, dtype: u32) -> wgpu::ComputePipeline {
        let mut built = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            self.gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some("resample"),
                layout: Some(&self.layout),
                module: &self.module,
                entry_point: Some("resample"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[("DTYPE", f64::from(dtype))],
                    ..Default::default()
                },
                cache: None,
            })
        };
        built.entry(dtype).or_insert_with(build).clone()
    }
}

/// Bytes from one plane of so many columns, rows and interleaved samples to the next.
fn plane_bytes(dtype: SampleType, shape: [u32; 3]) -> u64 {
    let values: u128 = shape.into_iter().map(u128::from).product();
    u64::try_from((values * dtype.size() as u128).next_multiple_of(4)).unwrap_or(u64::MAX)
}

fn refused(detail: String) -> GpuError {
    GpuError::Frames { detail }
}

/// The server that holds the memory of tensors.
type Server = <WgpuRuntime as Runtime>::Server;

/// A tensor's memory, with all work on it submitted; consumes one handle of the tensor.
fn memory_of(tensor: Tensor<5>) -> Result<ManagedResource<WgpuResource>, GpuError> {
    let failed = |message: String| GpuError::Device { message };
    let lazy = tensor
        .try_into_primitive::<Wgpu>()
        .map_err(|_| refused("computing happens on another device than drawing".to_owned()))?;
    // Runs what fusion has put off.
    let cube = lazy.client.clone().resolve_tensor_float::<CubeBackend>(lazy);
    if cube.dtype != DType::F32 || !cube.is_contiguous() {
        return Err(failed("an empty tensor is not stored row by row in 32 bits".to_owned()));
    }
    let memory =
        cube.client.get_resource::<Server>(cube.handle.clone()).map_err(|e| failed(e.to_string()))?;
    // Work of earlier owners of this memory comes before ours.
    cube.client.flush().map_err(|e| failed(e.to_string()))?;
    Ok(memory)
}

/// Turns errors of wgpu in some work into an error of ours; Burn's handler on the device would panic.
fn caught<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, GpuError> {
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let result = work();
    let memory = pollster::block_on(memory.pop());
    let internal = pollster::block_on(internal.pop());
    let validation = pollster::block_on(validation.pop());
    match validation.or(internal).or(memory) {
        Some(error) => Err(GpuError::Device { message: error.to_string() }),
        None => Ok(result),
    }
}

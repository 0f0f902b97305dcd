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
use super::error::{GpuError, caught, refused};
use super::samples::Samples;

/// Most bilinear samples per side of an output pixel.
pub const MOST_SAMPLES: u32 = 64;

/// Threads per side of a workgroup, as in the shader.
const WORKGROUP: u32 = 8;

/// One plane of the input: a frame, and which of its interleaved samples (0 for grey).
#[derive(Debug, Clone)]
pub struct Frame {
    /// Frames in the device's memory.
    pub samples: Samples,
    /// Which of them, from 0.
    pub frame: u32,
    /// From 0.
    pub sample: u32,
}

/// A rectangle of a frame, px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Left column.
    pub x: usize,
    /// Top row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Where the output's pixels lie in the frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Source position of output pixel (x, y), both from the centre: `[a, b, c, d]·(x, y) + shift`. Its scale is
    /// the model's µm per pixel ÷ the recording's.
    pub matrix: [f32; 4],
    /// Source pixels.
    pub shift: [f32; 2],
    /// The part of the frames that is seen, the rest is background; all of it without. The centre is that of the part.
    pub part: Option<Part>,
    /// Bilinear samples per side of an output pixel; as many as no source pixel is passed over by without.
    pub samples: Option<u32>,
}

impl Geometry {
    fn footprint(&self) -> f32 {
        if let Some(samples) = self.samples {
            return samples.max(1) as f32;
        }
        let [a, b, c, d] = self.matrix;
        // A turn by rounded sines is no reason to take four samples.
        (a.hypot(c).max(b.hypot(d)) - 1e-4).ceil().max(1.0)
    }

    /// Whether an output pixel is not too many source pixels wide.
    pub fn is_possible(&self) -> bool {
        self.footprint() <= MOST_SAMPLES as f32
    }

    /// Corners of the part that is seen, px.
    fn corners(&self, samples: &Samples) -> Result<[[u32; 2]; 2], GpuError> {
        let whole = [samples.width, samples.height];
        let Some(part) = self.part else { return Ok([[0, 0], whole]) };
        let low = [part.x, part.y];
        let high = [part.x.saturating_add(part.width), part.y.saturating_add(part.height)];
        let inside = |axis: usize| low[axis] < high[axis] && high[axis] <= whole[axis] as usize;
        if !(inside(0) && inside(1)) {
            let [width, height] = whole;
            return Err(refused(format!("{part:?} does not lie in {width} × {height} px")));
        }
        Ok([low, high].map(|corner| corner.map(|place| place as u32)))
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

/// One video of the input.
#[derive(Debug, Clone)]
pub struct Video {
    /// Its planes, `[channel, time]`.
    pub frames: Vec<Frame>,
    /// Where the output lies in all of them.
    pub geometry: Geometry,
    /// How each channel is scaled.
    pub scaling: Vec<Scaling>,
}

/// The shader's parameters.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    matrix: [f32; 4],
    shift: [f32; 2],
    source: [u32; 2],
    low: [u32; 2],
    high: [u32; 2],
    size: u32,
    n: u32,
    samples: u32,
    sample: u32,
    depth: u32,
    plane_words: u32,
    at: u32,
    first: u32,
    background: f32,
    gain: f32,
    dark: f32,
    padding: u32,
}

/// The resampling shader on one device.
#[derive(Debug)]
pub struct Resampler {
    module: wgpu::ShaderModule,
    bindings: wgpu::BindGroupLayout,
    layout: wgpu::PipelineLayout,
    /// By type of sample, built when first needed.
    pipelines: Mutex<HashMap<u32, wgpu::ComputePipeline>>,
}

/// A network's input, `[video, channel, time, size, size]`, from frames in the memory of the device that computes. All
/// videos have as many channels and frames as the first.
///
/// Run it on the [`super::ComputeThread`]. It returns when the work is submitted; what is written into the frames'
/// buffers later is not seen. An error means that nothing of the tensor is good.
///
/// # Errors
/// The frames do not make such an input, computing happens on the CPU, or the device fails.
pub fn resample(compute: &Compute, videos: &[Video], size: usize) -> Result<Tensor<5>, GpuError> {
    let gpu = compute.gpu().ok_or_else(elsewhere)?;
    gpu.resampler()?.run(gpu, compute, videos, size)
}

impl Resampler {
    /// Reads the shader; pipelines are built when first needed.
    pub(super) fn new(device: &wgpu::Device) -> Result<Self, GpuError> {
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
        Ok(Self { module, bindings, layout, pipelines: Mutex::default() })
    }

    fn run(
        &self,
        gpu: &GpuDevice,
        compute: &Compute,
        videos: &[Video],
        size: usize,
    ) -> Result<Tensor<5>, GpuError> {
        let limits = gpu.device.limits();
        let shape = shape(videos, size, &limits)?;
        let params = params(videos, shape, &limits)?;
        let tensor = Tensor::<5>::empty(shape, (compute.device(), DType::F32));
        // Held until the work is submitted: as long as it lives, the pool gives the memory to nobody else.
        let memory = memory_of(tensor.clone())?;
        let target = memory.resource();
        if target.size < (shape.iter().product::<usize>() * 4) as u64
            || !target.offset.is_multiple_of(u64::from(limits.min_storage_buffer_offset_alignment))
        {
            let (size, offset) = (target.size, target.offset);
            let message = format!("a tensor of {shape:?} lies in {size} bytes from {offset}");
            return Err(GpuError::Device { message });
        }
        caught(&gpu.device, || self.submit(gpu, videos, size as u32, &params, target))?;
        Ok(tensor)
    }

    /// One dispatch per frame, each into its own part of the tensor.
    fn submit(&self, gpu: &GpuDevice, videos: &[Video], size: u32, params: &[Params], target: &WgpuResource) {
        let device = &gpu.device;
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
        gpu.queue.write_buffer(&uniforms, 0, &bytes);
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("resample") });
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let groups = size.div_ceil(WORKGROUP);
        // The frames of a clip share a buffer, and so its bindings.
        let mut bound: Option<(&Samples, wgpu::BindGroup)> = None;
        for (k, Frame { samples, .. }) in videos.iter().flat_map(|video| &video.frames).enumerate() {
            let same = bound.as_ref().filter(|(last, _)| Arc::ptr_eq(&last.buffer, &samples.buffer));
            let group = match same {
                Some((_, group)) => group.clone(),
                None => self.bind(device, &uniforms, samples, target),
            };
            pass.set_pipeline(&self.pipeline(device, samples.format.code()));
            pass.set_bind_group(0, &group, &[(k * stride) as u32]);
            pass.dispatch_workgroups(groups, groups, 1);
            bound = Some((samples, group));
        }
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
    }

    fn bind(
        &self,
        device: &wgpu::Device,
        uniforms: &wgpu::Buffer,
        samples: &Samples,
        target: &WgpuResource,
    ) -> wgpu::BindGroup {
        let part = |buffer, bytes| {
            let size = NonZeroU64::new(bytes);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let one = part(uniforms, size_of::<Params>() as u64);
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("resample"),
            layout: &self.bindings,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: one },
                wgpu::BindGroupEntry { binding: 1, resource: part(&samples.buffer, samples.bytes()) },
                // The tensor's own part of a pooled page.
                wgpu::BindGroupEntry { binding: 2, resource: target.as_wgpu_bind_resource() },
            ],
        })
    }

    fn pipeline(&self, device: &wgpu::Device, dtype: u32) -> wgpu::ComputePipeline {
        let mut built = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
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

/// `[video, channel, time, size, size]`, if that is possible.
fn shape(videos: &[Video], size: usize, limits: &wgpu::Limits) -> Result<[usize; 5], GpuError> {
    let first = videos.first().ok_or_else(|| refused("there is no video".to_owned()))?;
    let (channels, count) = (first.scaling.len(), first.frames.len());
    if channels == 0 || count == 0 || !count.is_multiple_of(channels) {
        return Err(refused(format!("{count} frames cannot be shared among {channels} channels")));
    }
    if let Some(other) = videos.iter().find(|v| v.scaling.len() != channels || v.frames.len() != count) {
        let (c, n) = (other.scaling.len(), other.frames.len());
        return Err(refused(format!("{n} frames in {c} channels stand beside {count} in {channels}")));
    }
    if size == 0 {
        return Err(refused("a network cannot see 0 × 0 px".to_owned()));
    }
    let bytes = (size as u64).saturating_mul(size as u64).saturating_mul((count * videos.len() * 4) as u64);
    if size.div_ceil(WORKGROUP as usize) > limits.max_compute_workgroups_per_dimension as usize
        || bytes > limits.max_storage_buffer_binding_size.min(1 << 33)
    {
        let count = count * videos.len();
        let detail = format!("it cannot hold {count} frames of {size} × {size} px at once for a network");
        return Err(GpuError::OutOfMemory { detail });
    }
    Ok([videos.len(), channels, count / channels, size, size])
}

/// The parameters of each frame's dispatch.
fn params(videos: &[Video], shape: [usize; 5], limits: &wgpu::Limits) -> Result<Vec<Params>, GpuError> {
    let [_, _, frames, size, _] = shape;
    let mut all = Vec::with_capacity(shape[..3].iter().product());
    for Video { frames: planes, geometry, scaling } in videos {
        let numbers = geometry.matrix.iter().chain(&geometry.shift);
        let levels = scaling.iter().flat_map(|s| [s.background, s.gain, s.mean, s.deviation]);
        if !numbers.copied().chain(levels).all(f32::is_finite) {
            return Err(refused(format!("{geometry:?} and {scaling:?} hold a number that is not finite")));
        }
        let n = geometry.footprint();
        if !geometry.is_possible() {
            return Err(refused(format!(
                "an output pixel is {n} source pixels wide, more than {MOST_SAMPLES}. Correct the pixel size"
            )));
        }
        for (k, Frame { samples, frame, sample }) in planes.iter().enumerate() {
            if let Some(problem) = samples.problem(*frame, *sample, limits) {
                return Err(refused(problem));
            }
            let [low, high] = geometry.corners(samples)?;
            let scaling = scaling[k / frames];
            let deviation = scaling.deviation.max(1e-6);
            all.push(Params {
                matrix: geometry.matrix,
                shift: geometry.shift,
                source: [samples.width, samples.height],
                low,
                high,
                size: size as u32,
                n: n as u32,
                samples: samples.samples,
                sample: *sample,
                depth: samples.depth,
                plane_words: samples.plane_words(),
                at: samples.before(*frame),
                first: (all.len() * size * size) as u32,
                background: scaling.background,
                gain: scaling.gain / deviation,
                dark: -scaling.mean / deviation,
                padding: 0,
            });
        }
    }
    Ok(all)
}

fn elsewhere() -> GpuError {
    refused("computing happens on another device than drawing".to_owned())
}

/// The server that holds the memory of tensors.
type Server = <WgpuRuntime as Runtime>::Server;

/// A tensor's memory, with all work on it submitted; consumes one handle of the tensor.
fn memory_of(tensor: Tensor<5>) -> Result<ManagedResource<WgpuResource>, GpuError> {
    let lazy = tensor.try_into_primitive::<Wgpu>().map_err(|_| elsewhere())?;
    // Runs what fusion has put off.
    let cube = lazy.client.clone().resolve_tensor_float::<CubeBackend>(lazy);
    if cube.dtype != DType::F32 || !cube.is_contiguous() {
        let message = "an empty tensor is not stored row by row in 32 bits".to_owned();
        return Err(GpuError::Device { message });
    }
    let memory = cube.client.get_resource::<Server>(cube.handle.clone())?;
    // Work of earlier owners of this memory comes before ours.
    cube.client.flush()?;
    Ok(memory)
}

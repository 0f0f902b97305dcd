//! Draws many points of a plane with `shaders/points.wgsl`: positions go to the GPU once, colours when they change, and
//! panning and zooming only change a uniform. Where the device is a software rasteriser, the processor draws the points
//! and the finished picture goes up.

mod splat;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use self::splat::Splat;

/// Flags of a look, as in the shader.
const MARK: u32 = 3;
const HOLLOW: u32 = 4;
const SELECTED: u32 = 8;

/// Radius of a point, logical px, at which so many still look like points: fewer are larger.
pub fn radius_for(count: usize) -> f32 {
    match count {
        0..=2_000 => 4.5,
        2_001..=10_000 => 3.5,
        10_001..=50_000 => 2.5,
        50_001..=300_000 => 1.6,
        _ => 1.0,
    }
}

/// What lies over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Not drawn.
    Hidden,
    /// Under the others.
    Below,
    /// As usual.
    Middle,
    /// Selected: above all, larger, with an outline.
    Selected,
}

/// How a point looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointLook {
    /// sRGB.
    pub color: [u8; 3],
    /// Sign on it: 0 none, 1 dot, 2 bar, 3 cross.
    pub mark: u8,
    /// A ring.
    pub hollow: bool,
    /// Where.
    pub layer: Layer,
}

/// Looks of all points, in drawing order.
#[derive(Debug, Default)]
pub struct Looks {
    /// Number of the point, and its colour with flags in the highest byte.
    entries: Vec<[u32; 2]>,
    /// Ends of the ranges: below, middle (each plain, then fancy), selected.
    ends: [u32; 5],
}

impl Looks {
    /// Sorts points by layer; within a layer they keep their order.
    pub fn new(looks: impl ExactSizeIterator<Item = PointLook>) -> Self {
        let looks: Vec<PointLook> = looks.collect();
        let range = |look: &PointLook| {
            let fancy = usize::from(look.mark > 0 || look.hollow);
            match look.layer {
                Layer::Hidden => None,
                Layer::Below => Some(fancy),
                Layer::Middle => Some(2 + fancy),
                Layer::Selected => Some(4),
            }
        };
        let mut ends = [0_u32; 5];
        looks.iter().filter_map(range).for_each(|r| ends[r] += 1);
        let mut next = [0; 5];
        for r in 1..5 {
            ends[r] += ends[r - 1];
            next[r] = ends[r - 1] as usize;
        }
        let mut entries = vec![[0; 2]; ends[4] as usize];
        for (index, look) in looks.iter().enumerate() {
            let Some(r) = range(look) else { continue };
            let mut flags = u32::from(look.mark) & MARK;
            flags |= if look.hollow { HOLLOW } else { 0 };
            flags |= if look.layer == Layer::Selected { SELECTED } else { 0 };
            let [red, green, blue] = look.color;
            entries[next[r]] = [index as u32, u32::from_le_bytes([red, green, blue, flags as u8])];
            next[r] += 1;
        }
        Self { entries, ends }
    }

    /// Points that are drawn.
    pub fn drawn(&self) -> usize {
        self.entries.len()
    }

    /// Numbers of the points that are drawn, in drawing order.
    pub fn order(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().map(|[point, _]| *point as usize)
    }

    fn ranges(&self) -> impl Iterator<Item = (bool, Range<u32>)> + '_ {
        let fancy = [false, true, false, true, true];
        (0..5).map(move |r| (fancy[r], if r == 0 { 0 } else { self.ends[r - 1] }..self.ends[r]))
    }
}

/// Points to draw into a viewport.
#[derive(Clone)]
pub struct PointsDraw {
    /// Identifies the view, so that it keeps its buffers from frame to frame.
    pub view: u64,
    /// Top left corner of the viewport, framebuffer px.
    pub corner: [f32; 2],
    /// Its width and height, framebuffer px.
    pub size: [f32; 2],
    /// Position in its middle.
    pub centre: [f32; 2],
    /// Framebuffer px per unit of the plane; y grows upwards.
    pub scale: f32,
    /// Of a point, framebuffer px.
    pub radius: f32,
    /// Around selected points, sRGB.
    pub outline: [u8; 3],
    /// Positions: uploaded when they are other ones than before.
    pub positions: Arc<[[f32; 2]]>,
    /// Looks, likewise.
    pub looks: Arc<Looks>,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    centre: [f32; 2],
    scale: [f32; 2],
    pixel: [f32; 2],
    radius: f32,
    outline: u32,
    corner: [f32; 2],
    width: u32,
    height: u32,
}

struct Slot {
    positions: Arc<[[f32; 2]]>,
    looks: Arc<Looks>,
    /// Instances; none where the processor draws.
    entries: Option<wgpu::Buffer>,
    params: wgpu::Buffer,
    /// Positions, or the finished picture's pixels.
    data: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
    /// [`PointsRenderer::generation`] when it was last drawn.
    used: u64,
}

/// Pipelines and buffers for all views on one device and one target format.
pub struct PointsRenderer {
    /// Plain points, fancy points, a finished picture.
    pipelines: [wgpu::RenderPipeline; 3],
    bindings: wgpu::BindGroupLayout,
    /// Draws in the device's place.
    splat: Option<Splat>,
    slots: HashMap<u64, Slot>,
    generation: u64,
    /// Bytes handed to the GPU for positions and for looks, since the start.
    pub uploaded: [u64; 2],
}

impl PointsRenderer {
    /// A renderer without points. The processor draws for devices that are software rasterisers.
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        Self::drawing_by(device, target, device.adapter_info().device_type == wgpu::DeviceType::Cpu)
    }

    /// A renderer for whose device the processor draws, or does not.
    pub fn drawing_by(device: &wgpu::Device, target: wgpu::TextureFormat, processor: bool) -> Self {
        let bindings = bindings(device);
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("points"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../../shaders/points.wgsl").into()),
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("points"),
            bind_group_layouts: &[Some(&bindings)],
            immediate_size: 0,
        });
        let build = |entries, fancy| pipeline(device, &module, &layout, target, entries, fancy);
        Self {
            pipelines: [
                build(("vertex", "fragment"), false),
                build(("vertex", "fragment"), true),
                build(("picture_vertex", "picture"), false),
            ],
            bindings,
            splat: processor.then(Splat::default),
            slots: HashMap::new(),
            generation: 0,
            uploaded: [0; 2],
        }
    }

    /// Uploads what is new and sets the parameters; before the render pass.
    pub fn prepare(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, draw: &PointsDraw) {
        self.generation += 1;
        let bytes = match &mut self.splat {
            Some(splat) => {
                splat.draw(draw);
                4 * splat.pixels.len()
            }
            None => 8 * draw.positions.len(),
        };
        let by_processor = self.splat.is_some();
        let is_kept = |slot: &Slot| {
            if by_processor {
                slot.data.size() >= bytes as u64
            } else {
                Arc::ptr_eq(&slot.positions, &draw.positions)
            }
        };
        let mut slot = match self.slots.remove(&draw.view).filter(is_kept) {
            Some(slot) => slot,
            None => self.slot(device, queue, draw, bytes),
        };
        if let Some(splat) = &self.splat {
            queue.write_buffer(&slot.data, 0, bytemuck::cast_slice(&splat.pixels));
        } else if let Some(entries) = &slot.entries
            && !Arc::ptr_eq(&slot.looks, &draw.looks)
        {
            let bytes: &[u8] = bytemuck::cast_slice(&draw.looks.entries);
            queue.write_buffer(entries, 0, bytes);
            self.uploaded[1] += bytes.len() as u64;
        }
        slot.looks = Arc::clone(&draw.looks);
        let [width, height] = draw.size.map(|v| v.max(1.0));
        let [red, green, blue] = draw.outline;
        let params = Params {
            centre: draw.centre,
            scale: [2.0 * draw.scale / width, 2.0 * draw.scale / height],
            pixel: [2.0 / width, 2.0 / height],
            radius: draw.radius.max(0.5),
            outline: u32::from_le_bytes([red, green, blue, 0]),
            corner: draw.corner,
            width: self.splat.as_ref().map_or(0, |splat| splat.width as u32),
            height: self.splat.as_ref().map_or(0, |splat| splat.height as u32),
        };
        queue.write_buffer(&slot.params, 0, bytemuck::bytes_of(&params));
        slot.used = self.generation;
        self.slots.insert(draw.view, slot);
        // Views that were closed give their memory back.
        let oldest = self.generation.saturating_sub(256);
        self.slots.retain(|_, slot| slot.used >= oldest);
    }

    fn slot(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, draw: &PointsDraw, bytes: usize) -> Slot {
        let buffer = |label, size: usize, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: size.max(8) as u64,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let data = buffer("positions of points", bytes, wgpu::BufferUsages::STORAGE);
        if self.splat.is_none() {
            queue.write_buffer(&data, 0, bytemuck::cast_slice(&draw.positions));
            self.uploaded[0] += bytes as u64;
        }
        let params = buffer("parameters of points", size_of::<Params>(), wgpu::BufferUsages::UNIFORM);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("points"),
            layout: &self.bindings,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: params.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: data.as_entire_binding() },
            ],
        });
        // Every point has at most one look.
        let entries = || buffer("looks of points", 8 * draw.positions.len(), wgpu::BufferUsages::VERTEX);
        Slot {
            positions: Arc::clone(&draw.positions),
            // Other looks than the ones to draw, so that those are uploaded.
            looks: Arc::default(),
            entries: self.splat.is_none().then(entries),
            params,
            data,
            bind_group,
            used: self.generation,
        }
    }

    /// Draws what [`Self::prepare`] prepared; inside the render pass, whose viewport is the view's.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, view: u64) {
        let Some(slot) = self.slots.get(&view) else { return };
        pass.set_bind_group(0, &slot.bind_group, &[]);
        let Some(entries) = &slot.entries else {
            pass.set_pipeline(&self.pipelines[2]);
            pass.draw(0..3, 0..1);
            return;
        };
        pass.set_vertex_buffer(0, entries.slice(..));
        for (fancy, range) in slot.looks.ranges().filter(|(_, range)| !range.is_empty()) {
            pass.set_pipeline(&self.pipelines[usize::from(fancy)]);
            pass.draw(0..3, range);
        }
    }
}

fn bindings(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding, visibility, ty| wgpu::BindGroupLayoutEntry {
        binding,
        visibility,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("points"),
        entries: &[
            entry(0, wgpu::ShaderStages::VERTEX_FRAGMENT, wgpu::BufferBindingType::Uniform),
            entry(
                1,
                wgpu::ShaderStages::VERTEX_FRAGMENT,
                wgpu::BufferBindingType::Storage { read_only: true },
            ),
        ],
    })
}

fn pipeline(
    device: &wgpu::Device,
    module: &wgpu::ShaderModule,
    layout: &wgpu::PipelineLayout,
    target: wgpu::TextureFormat,
    (vertex, fragment): (&str, &str),
    fancy: bool,
) -> wgpu::RenderPipeline {
    let flag = |on: bool| f64::from(u8::from(on));
    let constants = [("FANCY", flag(fancy)), ("SRGB", flag(target.is_srgb()))];
    let compiled = || wgpu::PipelineCompilationOptions {
        constants: &constants,
        ..wgpu::PipelineCompilationOptions::default()
    };
    let instances = [Some(wgpu::VertexBufferLayout {
        array_stride: 8,
        step_mode: wgpu::VertexStepMode::Instance,
        attributes: &wgpu::vertex_attr_array![0 => Uint32x2],
    })];
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("points"),
        layout: Some(layout),
        vertex: wgpu::VertexState {
            module,
            entry_point: Some(vertex),
            buffers: if vertex == "vertex" { &instances } else { &[] },
            compilation_options: compiled(),
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module,
            entry_point: Some(fragment),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
            compilation_options: compiled(),
        }),
        multiview_mask: None,
        cache: None,
    })
}

//! Draws frames from their raw samples with `shaders/frame.wgsl`: each plane goes to the GPU once, and contrast,
//! tables, channels and projection are the shader's work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::{Pod, Zeroable};

use super::frame_pipeline::{self, Kind, Pipelines};
use crate::video::display::Projection;
use crate::video::lut::Lut;
use crate::video::{Plane, SampleType};

/// Which frame a channel shows: tells whether the GPU holds it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameKey {
    /// Recording's id.
    pub recording: u64,
    /// Time point.
    pub t: usize,
    /// First focal plane.
    pub z: usize,
    /// Number of focal planes.
    pub depth: usize,
}

/// One channel to draw.
#[derive(Clone)]
pub struct ChannelDraw {
    /// Channel number.
    pub channel: usize,
    /// Which frame it is.
    pub frame: FrameKey,
    /// Its planes, one for a slice, all that exist for a projection. All of one size and type.
    pub planes: Vec<Arc<Plane>>,
    /// Value shown darkest and brightest.
    pub limits: (f64, f64),
    /// Exponent.
    pub gamma: f64,
    /// Colours.
    pub lut: Lut,
    /// Table backwards.
    pub invert: bool,
    /// Samples are indices into the table.
    pub indexed: bool,
}

/// A frame to draw, in framebuffer pixels.
#[derive(Clone)]
pub struct FrameDraw {
    /// Identifies the view, so that it keeps its buffers from frame to frame.
    pub view: u64,
    /// Top left corner of the viewport, px.
    pub rect_min: [f32; 2],
    /// Its width and height, px.
    pub rect_size: [f32; 2],
    /// Image position there, image px.
    pub origin: [f32; 2],
    /// Image px per framebuffer px.
    pub step: f32,
    /// Of z.
    pub projection: Projection,
    /// Around the frame, sRGB.
    pub background: [u8; 3],
    /// In drawing order.
    pub channels: Vec<ChannelDraw>,
}

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Params {
    rect_min: [f32; 2],
    rect_size: [f32; 2],
    origin: [f32; 2],
    size: [u32; 2],
    step: f32,
    samples: u32,
    depth: u32,
    plane_words: u32,
    low: f32,
    high: f32,
    gamma: f32,
    invert: f32,
}

struct Slot {
    frame: Option<FrameKey>,
    params: wgpu::Buffer,
    data: wgpu::Buffer,
    lut: (Lut, wgpu::Buffer),
    bind_group: wgpu::BindGroup,
    kind: Option<Kind>,
    /// [`FrameRenderer::generation`] when it was last drawn.
    used: u64,
}

/// Upload figures, for benches and the status bar.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct UploadStats {
    /// Frames (channels × planes) handed to the GPU.
    pub planes: u64,
    /// Bytes handed to the GPU.
    pub bytes: u64,
    /// Time spent in handing over, s.
    pub seconds: f64,
}

/// Pipelines and buffers for all views on one device and one target format.
pub struct FrameRenderer {
    pipelines: Pipelines,
    /// Most samples per side that a fragment averages.
    most_samples: u32,
    slots: HashMap<(u64, usize), Slot>,
    /// Why a view's last frame could not be drawn.
    failures: HashMap<u64, String>,
    generation: u64,
    /// Upload figures since the start.
    pub uploads: UploadStats,
}

impl FrameRenderer {
    /// A renderer without buffers; pipelines are built when first needed.
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let software = device.adapter_info().device_type == wgpu::DeviceType::Cpu;
        Self {
            pipelines: Pipelines::new(device, target),
            // Averaging calms aliasing; a software rasteriser pays for each sample with time.
            most_samples: if software { 1 } else { 4 },
            slots: HashMap::new(),
            failures: HashMap::new(),
            generation: 0,
            uploads: UploadStats::default(),
        }
    }

    /// Why a view could not be drawn, if it could not.
    pub fn failure(&self, view: u64) -> Option<&str> {
        self.failures.get(&view).map(String::as_str)
    }

    /// Uploads what is new and sets the parameters; before the render pass.
    pub fn prepare(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, draw: &FrameDraw) {
        self.generation += 1;
        self.failures.remove(&draw.view);
        self.pipelines.ensure(device, Kind::Background(draw.background));
        for (index, channel) in draw.channels.iter().enumerate() {
            if let Err(problem) = self.prepare_channel(device, queue, draw, channel, index > 0) {
                self.failures.insert(draw.view, problem);
                self.slots.remove(&(draw.view, channel.channel));
            }
        }
        // Views that were closed give their memory back.
        let oldest = self.generation.saturating_sub(256);
        self.slots.retain(|_, slot| slot.used >= oldest);
    }

    fn prepare_channel(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        draw: &FrameDraw,
        channel: &ChannelDraw,
        added: bool,
    ) -> Result<(), String> {
        let Some(plane) = channel.planes.first() else { return Err("no plane to draw".into()) };
        // f64 is narrowed here; every other type goes up as it is stored.
        let narrow = plane.dtype == SampleType::F64;
        let bytes = if narrow { plane.bytes.len() / 2 } else { plane.bytes.len() };
        let stride = bytes.next_multiple_of(4) as u64;
        let total = (stride * channel.planes.len() as u64).max(4);
        let limits = device.limits();
        let allowed = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if total > allowed {
            return Err(format!(
                "{} planes of this size need {} MB on the graphics device, which allows {} MB at once. Show a single plane, or open a crop.",
                channel.planes.len(),
                total >> 20,
                allowed >> 20
            ));
        }
        let key = (draw.view, channel.channel);
        let slot = self.slots.remove(&key).filter(|s| s.data.size() >= total && s.data.size() <= 4 * total);
        let mut slot = match slot {
            Some(slot) if Arc::ptr_eq(&slot.lut.0, &channel.lut) => slot,
            Some(slot) => {
                let lut = lut_buffer(device, queue, &channel.lut);
                self.slot(device, slot.params, slot.data, lut, slot.frame)
            }
            None => {
                let data = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("frame samples"),
                    size: total,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                let params = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("frame parameters"),
                    size: size_of::<Params>() as u64,
                    usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                let lut = lut_buffer(device, queue, &channel.lut);
                self.slot(device, params, data, lut, None)
            }
        };
        if slot.frame != Some(channel.frame) {
            let start = Instant::now();
            for (z, plane) in channel.planes.iter().enumerate() {
                upload(queue, &slot.data, z as u64 * stride, plane, narrow);
            }
            slot.frame = Some(channel.frame);
            self.uploads.planes += channel.planes.len() as u64;
            self.uploads.bytes += total;
            self.uploads.seconds += start.elapsed().as_secs_f64();
        }
        let (low, high) = channel.limits;
        let params = Params {
            rect_min: draw.rect_min,
            rect_size: draw.rect_size,
            origin: draw.origin,
            size: [plane.width as u32, plane.height as u32],
            step: draw.step,
            samples: plane.samples as u32,
            depth: channel.planes.len() as u32,
            plane_words: (stride / 4) as u32,
            low: low as f32,
            // Equal limits make a threshold, not a division by zero.
            high: (high as f32).max(next_up(low as f32)),
            gamma: channel.gamma.clamp(0.01, 100.0) as f32,
            invert: f32::from(u8::from(channel.invert)),
        };
        let footprint = (draw.step.round() as u32).clamp(1, self.most_samples);
        let kind = Kind::Channel(frame_pipeline::Channel {
            dtype: dtype_code(plane.dtype),
            footprint: if channel.indexed { 1 } else { footprint },
            projection: match draw.projection {
                _ if channel.planes.len() == 1 => 0,
                Projection::Slice | Projection::Max => 1,
                Projection::Mean => 2,
            },
            linear: channel.gamma == 1.0,
            indexed: channel.indexed,
            color: plane.samples >= 3,
            added,
        });
        self.pipelines.ensure(device, kind);
        slot.kind = Some(kind);
        queue.write_buffer(&slot.params, 0, bytemuck::bytes_of(&params));
        slot.used = self.generation;
        self.slots.insert(key, slot);
        Ok(())
    }

    fn slot(
        &self,
        device: &wgpu::Device,
        params: wgpu::Buffer,
        data: wgpu::Buffer,
        lut: (Lut, wgpu::Buffer),
        frame: Option<FrameKey>,
    ) -> Slot {
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("frame"),
            layout: &self.pipelines.bindings,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: params.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: data.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 2, resource: lut.1.as_entire_binding() },
            ],
        });
        Slot { frame, params, data, lut, bind_group, kind: None, used: self.generation }
    }

    /// Draws what [`Self::prepare`] prepared; inside the render pass.
    pub fn paint(&self, pass: &mut wgpu::RenderPass<'_>, draw: &FrameDraw) {
        if let Some(pipeline) = self.pipelines.get(Kind::Background(draw.background)) {
            pass.set_pipeline(pipeline);
            pass.draw(0..3, 0..1);
        }
        let slots = draw.channels.iter().filter_map(|c| self.slots.get(&(draw.view, c.channel)));
        for slot in slots {
            let Some(pipeline) = slot.kind.and_then(|kind| self.pipelines.get(kind)) else { continue };
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, &slot.bind_group, &[]);
            pass.draw(0..4, 0..1);
        }
    }
}

fn next_up(v: f32) -> f32 {
    v + (v.abs() * f32::EPSILON).max(f32::MIN_POSITIVE)
}

pub(super) const fn dtype_code(dtype: SampleType) -> u32 {
    match dtype {
        SampleType::U8 => 0,
        SampleType::I8 => 1,
        SampleType::U16 => 2,
        SampleType::I16 => 3,
        SampleType::U32 => 4,
        SampleType::I32 => 5,
        SampleType::F16 => 6,
        SampleType::F32 | SampleType::F64 => 7,
    }
}

fn lut_buffer(device: &wgpu::Device, queue: &wgpu::Queue, lut: &Lut) -> (Lut, wgpu::Buffer) {
    let words: Vec<u32> = lut.iter().map(|[r, g, b]| u32::from_le_bytes([*r, *g, *b, 255])).collect();
    let buffer = device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("look-up table"),
        size: (words.len().max(1) * 4) as u64,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
    (Arc::clone(lut), buffer)
}

pub(super) fn upload(queue: &wgpu::Queue, buffer: &wgpu::Buffer, offset: u64, plane: &Plane, narrow: bool) {
    if narrow {
        let mut values = Vec::with_capacity(plane.bytes.len() / 8);
        plane.for_each(|v| values.push(v as f32));
        queue.write_buffer(buffer, offset, bytemuck::cast_slice(&values));
        return;
    }
    // Copies must be whole words; the last few bytes of an odd plane are padded.
    let whole = plane.bytes.len() & !3;
    let (body, tail) = plane.bytes.split_at(whole);
    if !body.is_empty() {
        queue.write_buffer(buffer, offset, body);
    }
    if !tail.is_empty() {
        let mut word = [0u8; 4];
        word[..tail.len()].copy_from_slice(tail);
        queue.write_buffer(buffer, offset + whole as u64, &word);
    }
}

//! Draws frames from their raw samples with `shaders/frame.wgsl`: each plane goes to the GPU once, and contrast,
//! tables, channels and projection are the shader's work.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytemuck::{Pod, Zeroable};

use super::frame_pipeline::{self, Kind, Pipelines};
use super::frame_pool::{FrameKey, FramePool};
use super::plane::Raster;
use super::samples::Samples;

/// Colours from the darkest to the brightest value, sRGB: 256, or as many as a palette has.
pub type ColorTable = Arc<Vec<[u8; 3]>>;

/// What is drawn of several focal planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZProjection {
    /// The brightest value.
    Max,
    /// The mean value.
    Mean,
}

/// One channel to draw, from planes of type `P`.
#[derive(Clone)]
pub struct ChannelDraw<P> {
    /// Which frame of which channel it is.
    pub frame: FrameKey,
    /// Its planes, one for a slice, all that exist for a projection. All of one size and type.
    pub planes: Vec<Arc<P>>,
    /// Value shown darkest and brightest.
    pub limits: (f64, f64),
    /// Exponent.
    pub gamma: f64,
    /// Colours.
    pub lut: ColorTable,
    /// Table backwards.
    pub invert: bool,
    /// Samples are indices into the table.
    pub indexed: bool,
}

/// A frame to draw, in framebuffer pixels.
#[derive(Clone)]
pub struct FrameDraw<P> {
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
    /// Of z; a single plane is drawn as it is.
    pub projection: ZProjection,
    /// Around the frame, sRGB.
    pub background: [u8; 3],
    /// In drawing order.
    pub channels: Vec<ChannelDraw<P>>,
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
    frame: FrameKey,
    params: wgpu::Buffer,
    samples: Samples,
    lut: (ColorTable, wgpu::Buffer),
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
    frames: FramePool,
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
    /// A renderer that draws frames from a pool, into which it uploads those that are not there; pipelines are built
    /// when first needed.
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat, frames: FramePool) -> Self {
        let software = device.adapter_info().device_type == wgpu::DeviceType::Cpu;
        Self {
            pipelines: Pipelines::new(device, target),
            frames,
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
    pub fn prepare<P: Raster>(&mut self, device: &wgpu::Device, queue: &wgpu::Queue, draw: &FrameDraw<P>) {
        self.generation += 1;
        self.failures.remove(&draw.view);
        self.pipelines.ensure(device, Kind::Background(draw.background));
        for (index, channel) in draw.channels.iter().enumerate() {
            if let Err(problem) = self.prepare_channel(device, queue, draw, channel, index > 0) {
                self.failures.insert(draw.view, problem);
                self.slots.remove(&(draw.view, channel.frame.channel));
            }
        }
        // Views that were closed give their memory back.
        let oldest = self.generation.saturating_sub(256);
        self.slots.retain(|_, slot| slot.used >= oldest);
    }

    fn prepare_channel<P: Raster>(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        draw: &FrameDraw<P>,
        channel: &ChannelDraw<P>,
        added: bool,
    ) -> Result<(), String> {
        if channel.planes.is_empty() {
            return Err("no plane to draw".into());
        }
        let key = (draw.view, channel.frame.channel);
        let mut slot = match self.slots.remove(&key) {
            Some(slot) if slot.frame == channel.frame && Arc::ptr_eq(&slot.lut.0, &channel.lut) => slot,
            last => self.slot(device, queue, channel, last)?,
        };
        let Samples { width, height, samples, depth, format, .. } = slot.samples;
        let (low, high) = channel.limits;
        let params = Params {
            rect_min: draw.rect_min,
            rect_size: draw.rect_size,
            origin: draw.origin,
            size: [width, height],
            step: draw.step,
            samples,
            depth,
            plane_words: slot.samples.plane_words(),
            low: low as f32,
            // Equal limits make a threshold, not a division by zero.
            high: (high as f32).max(next_up(low as f32)),
            gamma: channel.gamma.clamp(0.01, 100.0) as f32,
            invert: f32::from(u8::from(channel.invert)),
        };
        let footprint = (draw.step.round() as u32).clamp(1, self.most_samples);
        let kind = Kind::Channel(frame_pipeline::Channel {
            dtype: format.code(),
            footprint: if channel.indexed { 1 } else { footprint },
            projection: match draw.projection {
                _ if depth == 1 => 0,
                ZProjection::Max => 1,
                ZProjection::Mean => 2,
            },
            linear: channel.gamma == 1.0,
            indexed: channel.indexed,
            color: samples >= 3,
            added,
        });
        self.pipelines.ensure(device, kind);
        slot.kind = Some(kind);
        queue.write_buffer(&slot.params, 0, bytemuck::bytes_of(&params));
        slot.used = self.generation;
        self.slots.insert(key, slot);
        Ok(())
    }

    /// The slot of a frame, with what can be kept of the view's last one.
    fn slot<P: Raster>(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        channel: &ChannelDraw<P>,
        last: Option<Slot>,
    ) -> Result<Slot, String> {
        let (params, lut) = last.map(|Slot { params, lut, .. }| (params, lut)).unzip();
        let params = params.unwrap_or_else(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("frame parameters"),
                size: size_of::<Params>() as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
        let lut = lut.filter(|(table, _): &(ColorTable, _)| Arc::ptr_eq(table, &channel.lut));
        let lut = lut.unwrap_or_else(|| lut_buffer(device, queue, &channel.lut));
        // The last frame was given back above, so that the pool may write over it.
        let start = Instant::now();
        let (samples, uploaded) = self
            .frames
            .get_or_upload(device, queue, channel.frame, &channel.planes)
            .map_err(|error| error.to_string())?;
        if uploaded {
            self.uploads.planes += channel.planes.len() as u64;
            self.uploads.bytes += samples.bytes();
            self.uploads.seconds += start.elapsed().as_secs_f64();
        }
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("frame"),
            layout: &self.pipelines.bindings,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: params.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: samples.buffer.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 2, resource: lut.1.as_entire_binding() },
            ],
        });
        let (frame, used) = (channel.frame, self.generation);
        Ok(Slot { frame, params, samples, lut, bind_group, kind: None, used })
    }

    /// Draws what [`Self::prepare`] prepared; inside the render pass.
    pub fn paint<P>(&self, pass: &mut wgpu::RenderPass<'_>, draw: &FrameDraw<P>) {
        if let Some(pipeline) = self.pipelines.get(Kind::Background(draw.background)) {
            pass.set_pipeline(pipeline);
            pass.draw(0..3, 0..1);
        }
        let slots = draw.channels.iter().filter_map(|c| self.slots.get(&(draw.view, c.frame.channel)));
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

fn lut_buffer(device: &wgpu::Device, queue: &wgpu::Queue, lut: &ColorTable) -> (ColorTable, wgpu::Buffer) {
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

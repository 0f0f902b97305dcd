//! The pipelines of `shaders/frame.wgsl`, built when first needed.

use std::collections::HashMap;

/// What a pipeline draws: fixed in it, because a software rasteriser runs both sides of every branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// One colour, sRGB, opaque.
    Background([u8; 3]),
    /// A channel.
    Channel(Channel),
}

/// What a channel's pipeline is built for; the fields are the shader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a constant of the shader")]
pub(super) struct Channel {
    pub dtype: u32,
    pub footprint: u32,
    pub projection: u32,
    pub linear: bool,
    pub indexed: bool,
    pub color: bool,
    /// Added to the channels drawn before it.
    pub added: bool,
}

/// All pipelines for one target format.
pub(super) struct Pipelines {
    module: wgpu::ShaderModule,
    /// What a channel is drawn from: parameters, samples, look-up table.
    pub bindings: wgpu::BindGroupLayout,
    background: wgpu::PipelineLayout,
    channel: wgpu::PipelineLayout,
    target: wgpu::TextureFormat,
    built: HashMap<Kind, wgpu::RenderPipeline>,
}

impl Pipelines {
    /// Reads the shader.
    pub fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("frame"),
            source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/frame.wgsl").into()),
        });
        let buffer = |binding, visibility, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let fragment = wgpu::ShaderStages::FRAGMENT;
        let storage = wgpu::BufferBindingType::Storage { read_only: true };
        let bindings = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("frame"),
            entries: &[
                buffer(0, wgpu::ShaderStages::VERTEX_FRAGMENT, wgpu::BufferBindingType::Uniform),
                buffer(1, fragment, storage),
                buffer(2, fragment, storage),
            ],
        });
        let layout = |groups: &[Option<&wgpu::BindGroupLayout>]| {
            device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some("frame"),
                bind_group_layouts: groups,
                immediate_size: 0,
            })
        };
        let (background, channel) = (layout(&[]), layout(&[Some(&bindings)]));
        Self { module, bindings, background, channel, target, built: HashMap::new() }
    }

    /// The pipeline, if [`Self::ensure`] built it.
    pub fn get(&self, kind: Kind) -> Option<&wgpu::RenderPipeline> {
        self.built.get(&kind)
    }

    /// Builds what is not there yet.
    pub fn ensure(&mut self, device: &wgpu::Device, kind: Kind) {
        if self.built.contains_key(&kind) {
            return;
        }
        let srgb = self.target.is_srgb();
        let pipeline = match kind {
            Kind::Background(color) => {
                let [red, green, blue] = color.map(|v| to_target(v, srgb));
                let constants = [("RED", red), ("GREEN", green), ("BLUE", blue)];
                self.build(device, &self.background, ("background_vertex", "background"), &constants, false)
            }
            Kind::Channel(channel) => {
                let flag = |on: bool| f64::from(u8::from(on));
                let constants = [
                    ("DTYPE", f64::from(channel.dtype)),
                    ("FOOTPRINT", f64::from(channel.footprint)),
                    ("PROJECTION", f64::from(channel.projection)),
                    ("LINEAR", flag(channel.linear)),
                    ("INDEXED", flag(channel.indexed)),
                    ("COLOR", flag(channel.color)),
                    ("SRGB", flag(srgb)),
                ];
                self.build(device, &self.channel, ("vertex", "fragment"), &constants, channel.added)
            }
        };
        self.built.insert(kind, pipeline);
    }

    fn build(
        &self,
        device: &wgpu::Device,
        layout: &wgpu::PipelineLayout,
        (vertex, fragment): (&str, &str),
        constants: &[(&str, f64)],
        added: bool,
    ) -> wgpu::RenderPipeline {
        let add = wgpu::BlendComponent {
            src_factor: wgpu::BlendFactor::One,
            dst_factor: wgpu::BlendFactor::One,
            operation: wgpu::BlendOperation::Add,
        };
        device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("frame"),
            layout: Some(layout),
            vertex: wgpu::VertexState {
                module: &self.module,
                entry_point: Some(vertex),
                buffers: &[],
                compilation_options: wgpu::PipelineCompilationOptions::default(),
            },
            primitive: wgpu::PrimitiveState {
                topology: wgpu::PrimitiveTopology::TriangleStrip,
                ..wgpu::PrimitiveState::default()
            },
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            fragment: Some(wgpu::FragmentState {
                module: &self.module,
                entry_point: Some(fragment),
                targets: &[Some(wgpu::ColorTargetState {
                    format: self.target,
                    blend: added.then_some(wgpu::BlendState { color: add, alpha: add }),
                    write_mask: wgpu::ColorWrites::ALL,
                })],
                compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
            }),
            multiview_mask: None,
            cache: None,
        })
    }
}

/// A colour value as the target stores it: in linear light, if the target itself converts to sRGB.
pub(crate) fn to_target(value: u8, srgb: bool) -> f64 {
    let v = f64::from(value) / 255.0;
    match (srgb, v <= 0.040_45) {
        (false, _) => v,
        (true, true) => v / 12.92,
        (true, false) => ((v + 0.055) / 1.055).powf(2.4),
    }
}

//! Draws pictures without a window, by the same code as in it: for exports and headless runs.

use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, anyhow, bail};
use eframe::egui::{self, Painter, Rect, Vec2, pos2, vec2};
use eframe::egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};

use super::frame::{self, LutCache};
use super::settings::Overlays;
use super::state::time_label;
use super::widgets::frame_canvas::{Placement, SharedFeedback, paint_frame};
use super::widgets::overlay::{self, Overlay};
use crate::gpu::GpuDevice;
use crate::video::display::Display;
use crate::video::{Crop, Recording, VideoError};

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// A picture, `[height, width, 4]` bytes of RGBA.
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pixels.
    pub rgba: Vec<u8>,
}

/// What to draw.
pub struct Scene<'a> {
    /// The recording.
    pub recording: &'a Recording,
    /// Its look.
    pub display: &'a Display,
    /// Part of the frame, image px.
    pub region: Crop,
    /// Picture px per image px.
    pub scale: f32,
    /// Drawn over it.
    pub overlays: Overlays,
}

/// A device with everything needed to draw on it; frames drawn one after the other share it.
pub struct Offscreen {
    gpu: GpuDevice,
    context: egui::Context,
    renderer: Renderer,
    feedback: SharedFeedback,
    luts: LutCache,
}

impl Offscreen {
    /// Prepares drawing on a device.
    pub fn new(gpu: GpuDevice) -> Self {
        let renderer = Renderer::new(&gpu.device, FORMAT, RendererOptions::default());
        let context = egui::Context::default();
        Self { gpu, context, renderer, feedback: SharedFeedback::default(), luts: LutCache::default() }
    }

    /// Draws one frame. Planes that cannot be read leave the picture dark and come back as an error beside it.
    pub fn frame(&mut self, scene: &Scene<'_>, t: usize) -> anyhow::Result<(Picture, Option<VideoError>)> {
        let Scene { recording, display, region, scale, overlays } = scene;
        let (channels, error) = frame::assemble(recording, display, t, &self.luts, |key| {
            Some(recording.read(key.t, key.z, key.c).map(Arc::new))
        })
        .context("a plane was neither read nor refused")?;
        let size = vec2((region.width as f32 * scale).round(), (region.height as f32 * scale).round())
            .max(Vec2::splat(1.0));
        let feedback = Arc::clone(&self.feedback);
        let overlay = Overlay {
            name: overlays.name.then(|| recording.address.label()),
            time: overlays.time_stamp.then(|| time_label(recording, t)),
            scale: overlays.scale_bar.then(|| (*scale, overlay::pixel_size(recording))),
        };
        let place = Placement {
            view: recording.id,
            rect: Rect::from_min_size(pos2(0.0, 0.0), size),
            origin: pos2(region.x as f32, region.y as f32),
            zoom: *scale,
            projection: display.projection,
        };
        let text = (size.min_elem() / 22.0).clamp(10.0, 48.0);
        let picture = self.draw(size, |painter| {
            paint_frame(painter, &place, channels.clone(), FORMAT, &feedback);
            overlay::paint(painter, place.rect, &overlay, text);
        })?;
        let failed =
            self.feedback.lock().unwrap_or_else(PoisonError::into_inner).failures.remove(&recording.id);
        if let Some(problem) = failed {
            bail!("{}: frame {}: {problem}", recording.address, t + 1);
        }
        Ok((picture, error))
    }

    /// Runs a painter and reads the picture back.
    fn draw(&mut self, size: Vec2, mut paint: impl FnMut(&Painter)) -> anyhow::Result<Picture> {
        let (width, height) = (size.x as u32, size.y as u32);
        let longest = self.gpu.device.limits().max_texture_dimension_2d;
        if width > longest || height > longest {
            bail!(
                "A picture of {width} × {height} px is larger than the graphics device can draw ({longest} px). Enlarge less, or export a part."
            );
        }
        let input = egui::RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), size)),
            max_texture_side: Some(longest as usize),
            ..egui::RawInput::default()
        };
        let output = self.context.run_ui(input, |ui| {
            let painter = ui.ctx().layer_painter(egui::LayerId::background());
            painter.rect_filled(ui.ctx().content_rect(), 0.0, egui::Color32::BLACK);
            paint(&painter);
        });
        let jobs = self.context.tessellate(output.shapes, 1.0);
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        for (id, deltas) in &output.textures_delta.set {
            for delta in deltas {
                self.renderer.update_texture(device, queue, *id, delta);
            }
        }
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let row = (width * 4).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(row) * u64::from(height),
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        let screen = ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point: 1.0 };
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("picture") });
        let mut commands = self.renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        {
            let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
            let mut pass = encoder
                .begin_render_pass(&wgpu::RenderPassDescriptor {
                    label: Some("picture"),
                    color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                        view: &view,
                        resolve_target: None,
                        ops: wgpu::Operations {
                            load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                            store: wgpu::StoreOp::Store,
                        },
                        depth_slice: None,
                    })],
                    ..wgpu::RenderPassDescriptor::default()
                })
                .forget_lifetime();
            self.renderer.render(&mut pass, &jobs, &screen);
        }
        encoder.copy_texture_to_buffer(
            texture.as_image_copy(),
            wgpu::TexelCopyBufferInfo {
                buffer: &buffer,
                layout: wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(row),
                    rows_per_image: None,
                },
            },
            texture.size(),
        );
        commands.push(encoder.finish());
        queue.submit(commands);
        for id in &output.textures_delta.free {
            self.renderer.free_texture(id);
        }
        let rgba = read_back(device, &buffer, row, width)?;
        Ok(Picture { width, height, rgba })
    }
}

fn read_back(device: &wgpu::Device, buffer: &wgpu::Buffer, row: u32, width: u32) -> anyhow::Result<Vec<u8>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    buffer.slice(..).map_async(wgpu::MapMode::Read, move |result| {
        // The receiver waits below; if it is gone, nobody needs the picture.
        let _ = sender.send(result);
    });
    device
        .poll(wgpu::PollType::wait_indefinitely())
        .map_err(|e| anyhow!("The graphics device did not answer: {e}"))?;
    receiver.recv()?.map_err(|e| anyhow!("The picture could not be read back: {e}"))?;
    let mapped =
        buffer.get_mapped_range(..).map_err(|e| anyhow!("The picture could not be read back: {e}"))?;
    let rgba = mapped.chunks(row as usize).flat_map(|line| line[..width as usize * 4].to_vec()).collect();
    Ok(rgba)
}

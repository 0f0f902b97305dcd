//! Draws pictures without a window, by the same code as in it: for exports and headless runs.

use std::sync::{Arc, PoisonError};

use anyhow::{Context as _, bail};
use eframe::egui::{self, Painter, Rect, Vec2, pos2, vec2};
use eframe::egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};

use super::frame::{self, LutCache};
use super::settings::Overlays;
use super::view::time_label;
use super::widgets::frame_canvas::{Canvas, Placement, SharedFeedback, paint_frame};
use super::widgets::overlay::{self, Overlay};
use crate::gpu::GpuDevice;
use crate::gpu::target::Target;
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
    canvas: Canvas,
    luts: LutCache,
}

impl Offscreen {
    /// Prepares drawing on a device.
    pub fn new(gpu: GpuDevice) -> Self {
        let renderer = Renderer::new(&gpu.device, FORMAT, RendererOptions::default());
        let context = egui::Context::default();
        let canvas =
            Canvas { format: FORMAT, frames: gpu.frames().clone(), feedback: SharedFeedback::default() };
        Self { gpu, context, renderer, canvas, luts: LutCache::reading() }
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
        let canvas = self.canvas.clone();
        let overlay = Overlay {
            name: overlays.name.then(|| recording.address.label()),
            simulated: recording.is_simulated(),
            time: overlays.time_stamp.then(|| time_label(recording, t)),
            scale: overlays.scale_bar.then(|| (*scale, overlay::pixel_size(recording))),
        };
        let place = Placement {
            view: recording.id,
            rect: Rect::from_min_size(pos2(0.0, 0.0), size),
            origin: pos2(region.x as f32, region.y as f32),
            zoom: *scale,
            projection: display.projection,
            background: egui::Color32::BLACK,
        };
        let text = (size.min_elem() / 22.0).clamp(10.0, 48.0);
        let picture = self.draw(size, |painter| {
            paint_frame(painter, &place, channels.clone(), &canvas);
            overlay::paint(painter, place.rect, &overlay, text);
        })?;
        let failed =
            canvas.feedback.lock().unwrap_or_else(PoisonError::into_inner).failures.remove(&recording.id);
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
            paint(&painter);
        });
        let jobs = self.context.tessellate(output.shapes, 1.0);
        let (device, queue) = (&self.gpu.device, &self.gpu.queue);
        for (id, deltas) in &output.textures_delta.set {
            for delta in deltas {
                self.renderer.update_texture(device, queue, *id, delta);
            }
        }
        let target = Target::new(device, width, height, FORMAT);
        let screen = ScreenDescriptor { size_in_pixels: [width, height], pixels_per_point: 1.0 };
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("picture") });
        let mut commands = self.renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        self.renderer.render(&mut target.pass(&mut encoder), &jobs, &screen);
        let copied = target.copy_out(device, &mut encoder);
        commands.push(encoder.finish());
        queue.submit(commands);
        for id in &output.textures_delta.free {
            self.renderer.free_texture(id);
        }
        Ok(Picture { width, height, rgba: copied.read(device)? })
    }
}

//! Puts points into an egui picture: a paint callback around [`PointsRenderer`].

use eframe::egui::{PaintCallbackInfo, Painter, Rect};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};

use crate::app::widgets::in_pixels;
use crate::gpu::points::{PointsDraw, PointsRenderer};

struct PointsCallback {
    rect: Rect,
    /// In points of the screen, until its scale is known.
    draw: PointsDraw,
    format: wgpu::TextureFormat,
}

impl CallbackTrait for PointsCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let renderer =
            resources.entry::<PointsRenderer>().or_insert_with(|| PointsRenderer::new(device, self.format));
        let scale = screen.pixels_per_point;
        let mut draw = self.draw.clone();
        (draw.corner, draw.size) = in_pixels(self.rect, screen);
        draw.scale *= scale;
        draw.radius *= scale;
        renderer.prepare(device, queue, &draw);
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(renderer) = resources.get::<PointsRenderer>() {
            renderer.paint(pass, self.draw.view);
        }
    }
}

/// Adds points to the picture; `draw` counts in points of the screen.
pub fn paint(painter: &Painter, rect: Rect, draw: PointsDraw, format: wgpu::TextureFormat) {
    if rect.is_positive() {
        painter.add(Callback::new_paint_callback(rect, PointsCallback { rect, draw, format }));
    }
}

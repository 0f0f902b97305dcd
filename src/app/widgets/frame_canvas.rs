//! Puts a frame into an egui picture: a paint callback around [`FrameRenderer`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{PaintCallbackInfo, Painter, Pos2, Rect};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};

use crate::gpu::frame_view::{ChannelDraw, FrameDraw, FrameRenderer, UploadStats};
use crate::video::display::Projection;

/// What the render thread tells the panels.
#[derive(Debug, Default)]
pub struct Feedback {
    /// Why a view could not be drawn.
    pub failures: HashMap<u64, String>,
    /// Upload figures.
    pub uploads: UploadStats,
}

/// Shared between panels and paint callbacks.
pub type SharedFeedback = Arc<Mutex<Feedback>>;

/// A frame placed on screen.
pub struct Placement {
    /// Identifies the view.
    pub view: u64,
    /// Where, points.
    pub rect: Rect,
    /// Image position at its top left, image px.
    pub origin: Pos2,
    /// Points per image px.
    pub zoom: f32,
    /// Of z.
    pub projection: Projection,
}

struct FrameCallback {
    rect: Rect,
    zoom: f32,
    draw: FrameDraw,
    format: wgpu::TextureFormat,
    feedback: SharedFeedback,
}

impl CallbackTrait for FrameCallback {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let renderer =
            resources.entry::<FrameRenderer>().or_insert_with(|| FrameRenderer::new(device, self.format));
        let scale = screen.pixels_per_point;
        let mut draw = self.draw.clone();
        draw.rect_min = [self.rect.min.x * scale, self.rect.min.y * scale];
        draw.step = 1.0 / (self.zoom * scale);
        renderer.prepare(device, queue, &draw);
        let mut feedback = self.feedback.lock().unwrap_or_else(PoisonError::into_inner);
        feedback.uploads = renderer.uploads;
        match renderer.failure(draw.view) {
            Some(problem) => feedback.failures.insert(draw.view, problem.to_owned()),
            None => feedback.failures.remove(&draw.view),
        };
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        if let Some(renderer) = resources.get::<FrameRenderer>() {
            renderer.paint(pass, &self.draw);
        }
    }
}

/// Adds the frame to the picture.
pub fn paint_frame(
    painter: &Painter,
    place: &Placement,
    channels: Vec<ChannelDraw>,
    format: wgpu::TextureFormat,
    feedback: &SharedFeedback,
) {
    if channels.is_empty() {
        return;
    }
    let draw = FrameDraw {
        view: place.view,
        rect_min: [0.0; 2],
        origin: [place.origin.x, place.origin.y],
        step: 1.0,
        projection: place.projection,
        channels,
    };
    let callback =
        FrameCallback { rect: place.rect, zoom: place.zoom, draw, format, feedback: Arc::clone(feedback) };
    painter.add(Callback::new_paint_callback(place.rect.intersect(painter.clip_rect()), callback));
}

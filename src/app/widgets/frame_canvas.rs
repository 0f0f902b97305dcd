//! Puts a frame into an egui picture: a paint callback around [`FrameRenderer`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use eframe::egui::{Color32, PaintCallbackInfo, Painter, Pos2, Rect};
use eframe::egui_wgpu::{Callback, CallbackResources, CallbackTrait, ScreenDescriptor};

use super::in_pixels;
use crate::gpu::FramePool;
use crate::gpu::frame_view::{ChannelDraw, FrameDraw, FrameRenderer, UploadStats};
use crate::video::Plane;
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

/// What frames are drawn with.
#[derive(Clone)]
pub struct Canvas {
    /// Format of the picture that egui draws into.
    pub format: wgpu::TextureFormat,
    /// The frames in the device's memory.
    pub frames: FramePool,
    /// What the render thread tells.
    pub feedback: SharedFeedback,
}

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
    /// Around the frame.
    pub background: Color32,
}

struct FrameCallback {
    rect: Rect,
    zoom: f32,
    draw: FrameDraw<Plane>,
    canvas: Canvas,
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
        let renderer = resources
            .entry::<FrameRenderer>()
            .or_insert_with(|| FrameRenderer::new(device, self.canvas.format, self.canvas.frames.clone()));
        let scale = screen.pixels_per_point;
        let mut draw = self.draw.clone();
        (draw.rect_min, draw.rect_size) = in_pixels(self.rect, screen);
        draw.step = 1.0 / (self.zoom * scale);
        renderer.prepare(device, queue, &draw);
        let mut feedback = self.canvas.feedback.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Adds the frame and the background around it to the picture.
pub fn paint_frame(painter: &Painter, place: &Placement, channels: Vec<ChannelDraw<Plane>>, canvas: &Canvas) {
    let rect = place.rect.intersect(painter.clip_rect());
    if !rect.is_positive() {
        return;
    }
    let origin = place.origin + (rect.min - place.rect.min) / place.zoom;
    let [r, g, b, _] = place.background.to_array();
    let draw = FrameDraw {
        view: place.view,
        // Known once the scale of the screen is.
        rect_min: [0.0; 2],
        rect_size: [1.0; 2],
        origin: [origin.x, origin.y],
        step: 1.0,
        projection: place.projection.into(),
        background: [r, g, b],
        channels,
    };
    let callback = FrameCallback { rect, zoom: place.zoom, draw, canvas: canvas.clone() };
    painter.add(Callback::new_paint_callback(rect, callback));
}

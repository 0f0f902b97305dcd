//! Pieces that panels are made of.

pub mod bar_strip;
pub mod date;
pub mod frame_canvas;
pub mod histogram;
pub mod icon;
pub mod legend;
pub mod molecule;
pub mod overlay;
pub mod roi;
pub mod scatter;
pub mod swatch;
pub mod timeline_bar;

use eframe::egui::{PaintCallbackInfo, Rect, Response};
use eframe::egui_wgpu::ScreenDescriptor;

/// Gives a widget without a text of its own a name, for screen readers and tests.
pub fn named(response: Response, name: &str) -> Response {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

/// Corner and size of a paint callback's rectangle, in pixels of the screen.
fn in_pixels(rect: Rect, screen: &ScreenDescriptor) -> ([f32; 2], [f32; 2]) {
    let viewport = PaintCallbackInfo {
        viewport: rect,
        clip_rect: rect,
        pixels_per_point: screen.pixels_per_point,
        screen_size_px: screen.size_in_pixels,
    }
    .viewport_in_pixels();
    ([viewport.left_px as f32, viewport.top_px as f32], [viewport.width_px as f32, viewport.height_px as f32])
}

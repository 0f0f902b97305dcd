//! Pieces that panels are made of.

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

use eframe::egui::Response;

/// Gives a widget without a text of its own a name, for screen readers and tests.
pub fn named(response: Response, name: &str) -> Response {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
    response
}

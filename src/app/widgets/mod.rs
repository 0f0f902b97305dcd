//! Pieces that panels are made of.

pub mod frame_canvas;
pub mod histogram;
pub mod icon;
pub mod overlay;
pub mod timeline_bar;

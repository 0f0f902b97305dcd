//! The window: panels driven by `egui_kittest`, and the real binary on a virtual display.
//! Both need a graphics adapter; without one they fail and say what to install.

mod answers;
mod disk;
mod experiment;
mod guests;
mod map;
mod panels;
#[cfg(target_os = "linux")]
mod real_window;
mod support;
mod training;

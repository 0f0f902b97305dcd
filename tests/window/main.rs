//! The window: panels driven by `egui_kittest`, and the real binary on a virtual display.
//! Both need a graphics adapter; without one they fail and say what to install.

mod answers;
mod controls;
mod disk;
mod experiment;
mod guests;
mod hits;
mod map;
mod panels;
mod profiles;
#[cfg(target_os = "linux")]
mod real_window;
mod recipes;
mod returning;
mod support;
mod training;
mod typing;

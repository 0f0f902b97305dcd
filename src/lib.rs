//! MolCLIP Studio: watch live cells respond to drugs, and ask what a drug does.
//!
//! One window plays time-lapse recordings of live cells, one wgpu device draws them and computes on them
//! ([`gpu`]). Everything that the window does can be done without it ([`cli`]). Arrows point one way:
//! [`cli`] → [`app`] → [`simulate`] → [`export`] → [`learn`] → [`analysis`] → [`model`], [`experiment`] → [`video`], [`chem`] →
//! [`gpu`], which knows neither windows nor recordings.

// They panic where nobody reads; see `terminal`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod analysis;
pub mod app;
mod atomic_file;
mod cache;
pub mod chem;
pub mod cli;
pub mod experiment;
pub mod export;
pub mod gpu;
pub mod learn;
pub mod model;
pub mod progress;
pub mod random;
pub mod regular_file;
mod simd;
pub mod simulate;
mod terminal;
pub mod video;

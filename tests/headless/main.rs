//! What the program does without a window.

mod cli;
mod export;
mod formats;
mod frame;
mod gpu;
mod tiff;

//! What the program does without a window.

mod cli;
mod export;
mod formats;
mod gpu;
mod tiff;

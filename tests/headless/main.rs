//! What the program does without a window.

mod export;
mod formats;
mod gpu;
mod tiff;

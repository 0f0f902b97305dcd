//! What the program does without a window.

mod arrows;
mod chem;
mod cli;
mod experiment;
mod export;
mod formats;
mod frame;
mod gpu;
mod hits;
mod images;
mod imported;
mod model;
mod objects;
mod outputs;
mod profiles;
mod project;
mod protocols;
mod resample;
mod score;
mod simulate;
mod tiff;
mod toy_family;
mod train;
mod tuning;

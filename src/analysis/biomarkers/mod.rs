//! Hand-made features of recordings: shape, brightness, texture, movement, and how channels go together.
//!
//! Lengths are in µm and times in seconds, so that recordings of different calibration compare. Most values are
//! logarithms, because they differ by factors. Every feature has a [`Definition`] with its source; [`features`] lists those of
//! a recording, [`Prepared`] measures them.

mod between;
mod dynamics;
mod feature;
mod flow;
mod form;
mod frame;
mod intensity;
mod measure;
mod nucleus;
mod shape;
mod spectrum;
#[cfg(test)]
mod tests;
mod texture;
mod travel;

pub use dynamics::{DYNAMICS, Movie, dynamics};
pub use feature::{Definition, Feature, Words};
pub use measure::{NUCLEUS_CHANNEL, Prepared, Stack, features, named, version};
pub use shape::{MORPHOLOGY, morphology};

//! Learning: rows to batches, batches to weights, weights to a model on disk.
//!
//! [`config`] says how, [`run`] does it. [`dataset`] reads and labels, [`sampler`] and [`augment`] decide what a batch
//! holds, [`prefetch`] makes batches beside the compute thread, [`trainer`] changes weights on it, [`checkpoint`] keeps
//! them, in a [`folder`] of the training's own. [`infer`] uses a trained model, [`screen`] on all rows of an experiment.

pub mod assess;
pub mod augment;
pub mod checkpoint;
pub mod config;
pub mod dataset;
pub mod estimate;
pub mod folder;
pub mod infer;
pub mod inputs;
pub mod light;
pub mod predict;
pub mod prefetch;
pub mod progress;
pub mod region;
pub mod run;
pub mod sampler;
pub mod screen;
mod session;
pub mod shipped;
pub mod store;
pub mod structure_query;
#[cfg(test)]
mod tests;
pub mod trainer;
pub mod validate;

//! Learning: rows to batches, batches to weights, weights to a model on disk.
//!
//! [`config`] says how, [`run`] does it. A session takes any [`objective`] from its first batch to its best weights:
//! [`prefetch`] makes batches beside the compute thread, the objective changes weights on it, [`checkpoint`] keeps them, in
//! a [`folder`] of the training's own. [`molclip`] is MolCLIP's objective: [`dataset`] reads and labels, [`sampler`] and
//! [`augment`] decide what a batch holds, [`validate`] what the weights are judged by.
//!
//! [`encoder`] is what everything beyond asks for: rows in, vectors out. [`families`] lists who can; [`infer`] is a trained
//! MolCLIP model, [`handmade`] measures, [`imported`] is a table of vectors. [`pipeline`] is the one way from an experiment to
//! its answers; [`kept`] takes vectors that are there already.

pub mod assess;
pub mod augment;
pub mod brightness;
pub mod checkpoint;
mod clips;
pub mod config;
pub mod dataset;
pub mod encoder;
pub mod estimate;
pub mod families;
pub mod folder;
pub mod handmade;
pub mod imported;
pub mod infer;
pub mod inputs;
pub mod interrupt;
pub mod kept;
pub mod lda_head;
pub mod mlp_folds;
pub mod molclip;
pub mod near;
pub mod objective;
pub mod pipeline;
pub mod prefetch;
pub mod progress;
pub mod protocols;
pub mod region;
pub mod run;
pub mod sampler;
mod session;
pub mod shipped;
pub mod store;
pub mod structure_query;
#[cfg(test)]
mod tests;
pub mod validate;

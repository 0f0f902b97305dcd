//! MolCLIP: a video encoder and a molecule encoder that meet in one space.
//!
//! [`card`] says what a model is and what it was trained on, [`video_encoder`] is the registry of encoders, [`molclip`] puts
//! the parts together, [`clip`] and [`input`] bring recordings into its form. [`weights`] keeps models on disk, [`cost`] tells
//! what an encoder takes.
//! Formulas and sources: Liu et al., MitoReID, Nat Comput Sci 2024, 4:600-614; MolCLIP, arXiv 2507.07663.

pub mod card;
pub mod clip;
pub mod cost;
pub mod input;
pub mod limits;
pub mod losses;
pub mod molclip;
pub mod molecule_encoder;
pub mod sampling;
pub mod video_encoder;
pub mod weights;

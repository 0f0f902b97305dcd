//! MolCLIP Studio: watch live cells respond to drugs, and ask what a drug does.

pub mod video;

//! What can be measured in recordings and in rankings, without learning.

pub mod biomarkers;
pub mod image;
pub mod lda;
pub mod ranking;

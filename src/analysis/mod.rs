//! What can be measured in recordings and in rankings, without learning.

pub mod answers;
pub mod biomarkers;
pub mod cell_count;
pub mod domain;
pub mod dose_response;
pub mod effect;
pub mod evaluate;
pub mod hits;
pub mod image;
pub mod items;
pub mod lda;
pub mod leakage;
pub mod pairs;
pub mod plate_layout;
pub mod power;
pub mod profile;
pub mod projection;
pub mod protocols;
pub mod ranking;
pub mod recipe;
pub mod search;
pub mod split;
pub mod svm;
#[cfg(test)]
mod testing;

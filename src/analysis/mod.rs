//! What can be measured in recordings and in rankings, without learning.

pub mod answers;
pub mod biomarkers;
pub mod effect;
pub mod evaluate;
pub mod image;
pub mod items;
pub mod lda;
pub mod leakage;
pub mod pairs;
pub mod projection;
pub mod ranking;
pub mod recipe;
pub mod search;
pub mod split;
#[cfg(test)]
mod testing;

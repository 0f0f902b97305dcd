//! The losses: classification, batch-hard triplets, centres, and videos against molecules.
//!
//! Each gives one number, `[1]`. Rows that a loss cannot judge (unlabelled, without a partner, without a structure) are left
//! out of its mean; where none remains the loss is 0, and so is its gradient. Labels are rows of [`targets`], so one video
//! may have several mechanisms.
//!
//! Sources: Liu et al., `MitoReID`, Nat Comput Sci 2024, 4:600-614, and its code (MIT); Hermans et al., arXiv 1703.07737
//! (batch-hard triplets); Wen et al., doi 10.1007/978-3-319-46478-7_31 (centres); Khosla et al., arXiv 2004.11362 (several
//! positives); Li et al., CLIP-ReID, arXiv 2211.13977.

mod contrastive;
mod labels;
mod metric;
#[cfg(test)]
mod tests;

pub use contrastive::{INVERSE_TEMPERATURE, video_all_molecules, video_molecule};
pub use labels::{accuracy, classification, labelled, share_label, targets};
pub use metric::{MARGIN, batch_hard_triplet, center};

use burn::tensor::{Bool, Tensor};

/// The sum of the terms `[rows, 1]` of the rows that count `[rows, 1]`, divided by their number; 0 if none counts.
fn mean_of(terms: Tensor<2>, counts: Tensor<2, Bool>) -> Tensor<1> {
    let weights = counts.float();
    let number = weights.clone().sum().clamp_min(1.0);
    (terms * weights).sum() / number
}

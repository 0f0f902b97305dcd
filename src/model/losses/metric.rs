//! Losses on distances between features.

use burn::tensor::{Bool, Int, Tensor};

use super::labels::has_label;
use super::mean_of;

/// The margin of `MitoReID`'s triplets.
pub const MARGIN: f32 = 0.3;

/// The smallest squared distance whose root is taken. Below it the distance is constant, so its gradient is 0, not infinite.
const SMALLEST_SQUARE: f32 = 1e-12;

/// Batch-hard triplets: `max(0, d(a, p) − d(a, n) + margin)`, mean over the anchors `a`; `p` is the anchor's farthest
/// positive, `n` its nearest negative, `d` the Euclidean distance.
///
/// `features` `[rows, features]`, not normalised; `positives` `[rows, rows]`: pairs that share a label, see
/// [`share_label`](super::share_label); `valid` `[rows]`: rows that take part. All other pairs of valid rows are negatives; no
/// row is its own positive. Anchors without a positive or a negative are left out of the mean.
pub fn batch_hard_triplet(
    features: Tensor<2>,
    positives: Tensor<2, Bool>,
    valid: Tensor<1, Bool>,
    margin: f32,
) -> Tensor<1> {
    let [rows, _] = features.dims();
    let valid: Tensor<2, Bool> = valid.unsqueeze_dim(1);
    let both = valid.clone().expand([rows, rows]).bool_and(valid.transpose().expand([rows, rows]));
    let pairs = both.bool_and(Tensor::<2, Bool>::diag_mask([rows, rows], 0, &features.device()));
    let negatives = pairs.clone().bool_and(positives.clone().bool_not());
    let positives = positives.bool_and(pairs);
    let anchors = positives.clone().any_dim(1).bool_and(negatives.clone().any_dim(1));

    // Which rows are hardest needs no gradient and bears rounding; the distances to them are then taken exactly, because
    // |a|² + |b|² − 2ab loses what is small. An anchor that is left out gets any row.
    let squares = squared_distances(features.clone().detach());
    let farthest = squares.clone().mask_fill(positives.bool_not(), -1.0).argmax(1);
    let nearest = squares.mask_fill(negatives.bool_not(), f32::MAX).argmin(1);
    let gap = distance(features.clone(), farthest) - distance(features, nearest);
    mean_of((gap + margin).clamp_min(0.0), anchors)
}

/// Distances of the rows to the rows `to` `[rows, 1]`, `[rows, 1]`.
fn distance(features: Tensor<2>, to: Tensor<2, Int>) -> Tensor<2> {
    let others = features.clone().select(0, to.squeeze_dim(1));
    (features - others).square().sum_dim(1).clamp_min(SMALLEST_SQUARE).sqrt()
}

/// Squared distances of all pairs, `[rows, rows]`, in one matrix product.
fn squared_distances(features: Tensor<2>) -> Tensor<2> {
    // Distances do not change when all rows move; near the origin less is lost.
    let features = features.clone() - features.mean_dim(0);
    let squares = features.clone().square().sum_dim(1);
    let products = features.clone().matmul(features.transpose());
    (squares.clone() + squares.transpose() - products * 2.0).clamp_min(0.0)
}

/// Squared distance to the centre of the own class: `Σ‖f − c‖² / B` over the B labelled rows.
///
/// `features` `[rows, features]`, `centers` `[classes, features]`, `targets` `[rows, classes]`; the centre of a row with several
/// labels is their mean. Not weighted: `MitoReID` multiplies it with 0.01, but moves the centres by the gradient of the loss
/// as it is here, at a learning rate of 0.05.
pub fn center(features: Tensor<2>, centers: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let counts = has_label(&targets);
    mean_of((features - targets.matmul(centers)).square().sum_dim(1), counts)
}

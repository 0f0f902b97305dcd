//! Videos against the molecules of their drugs.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};

use super::labels::classification;
use super::mean_of;

/// Where the learnt inverse temperature `1/τ` starts: τ = 0.07.
pub const INVERSE_TEMPERATURE: f32 = 14.3;

/// The score of what is no candidate. Finite, because infinity times a weight of 0 is no number.
const NO_CANDIDATE: f32 = -1e9;

/// Shorter vectors are not brought to length 1, but divided by this.
const SHORTEST: f32 = 1e-6;

/// Symmetric `InfoNCE` with several positives: the loss of videos → molecules plus that of molecules → videos.
///
/// `−mean_i 1/|P(i)| Σ_{p∈P(i)} log[ exp(v_i·m_p/τ) / Σ_j exp(v_i·m_j/τ) ]`, and the same with v and m exchanged; the two
/// are summed, not averaged. Both sides are brought to length 1 here.
///
/// `videos` `[videos, width]`, `molecules` `[molecules, width]`, `positives` `[videos, molecules]`: same drug; `known`
/// `[molecules]`: false where there is no structure; `inverse_temperature` `[1]`: 1/τ, positive. The molecules may be those of
/// the batch's rows, repeated where a drug is, or each drug's once. An unknown molecule is left out as if it were not in the
/// batch, and with it every video that has no other positive: it is neither anchor nor candidate.
pub fn video_molecule(
    videos: Tensor<2>,
    molecules: Tensor<2>,
    positives: Tensor<2, Bool>,
    known: Tensor<1, Bool>,
    inverse_temperature: Tensor<1>,
) -> Tensor<1> {
    let shape = positives.dims();
    let known: Tensor<2, Bool> = known.unsqueeze_dim(0);
    let pairs = positives.bool_and(known.clone().expand(shape));
    let present = pairs.clone().any_dim(1);
    let scores = scores(videos, molecules, inverse_temperature);
    one_way(scores.clone(), pairs.clone(), known)
        + one_way(scores.transpose(), pairs.transpose(), present.transpose())
}

/// The loss of anchors → candidates: `scores` and `pairs` `[anchors, candidates]`, `present` `[1, candidates]`. Pairs are
/// among present candidates alone.
fn one_way(scores: Tensor<2>, pairs: Tensor<2, Bool>, present: Tensor<2, Bool>) -> Tensor<1> {
    let shape = scores.dims();
    let scores = scores.mask_fill(present.bool_not().expand(shape), NO_CANDIDATE);
    let anchors = pairs.clone().any_dim(1);
    let pairs = pairs.float();
    let weights = pairs.clone() / pairs.sum_dim(1).clamp_min(1.0);
    mean_of(-(log_softmax(scores, 1) * weights).sum_dim(1), anchors)
}

/// The form of CLIP-ReID: cross-entropy of each video against all molecules of the training set.
///
/// `videos` `[videos, width]`, `molecules` `[molecules, width]`, both brought to length 1 here; `targets` `[videos, molecules]`, see
/// [`targets`](super::targets): zero rows for videos of drugs without a structure, which are left out;
/// `inverse_temperature` `[1]`; `smoothing` as in [`classification`].
pub fn video_all_molecules(
    videos: Tensor<2>,
    molecules: Tensor<2>,
    targets: Tensor<2>,
    inverse_temperature: Tensor<1>,
    smoothing: f32,
) -> Tensor<1> {
    classification(scores(videos, molecules, inverse_temperature), targets, smoothing)
}

/// Cosine similarities over the temperature, `[videos, molecules]`.
fn scores(videos: Tensor<2>, molecules: Tensor<2>, inverse_temperature: Tensor<1>) -> Tensor<2> {
    let scale: Tensor<2> = inverse_temperature.unsqueeze_dim(0);
    unit(videos).matmul(unit(molecules).transpose()) * scale
}

/// Rows of length 1.
fn unit(rows: Tensor<2>) -> Tensor<2> {
    let length = rows.clone().square().sum_dim(1).clamp_min(SHORTEST * SHORTEST).sqrt();
    rows / length
}

//! Labels as distributions over classes, and the loss of a classifier.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::mean_of;

/// Labels as distributions `[rows, classes]`: uniform over the classes of a row, zero for a row without any.
///
/// # Panics
/// If a class is not below `classes`.
pub fn targets<L: AsRef<[usize]>>(rows: &[L], classes: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0_f32; rows.len() * classes];
    for (row, own) in values.chunks_mut(classes.max(1)).zip(rows) {
        for &class in own.as_ref() {
            row[class] = 1.0;
        }
        // A class that is named twice counts once.
        let sum: f32 = row.iter().sum();
        for value in row {
            *value /= sum.max(1.0);
        }
    }
    Tensor::from_data(TensorData::new(values, [rows.len(), classes]), device)
}

/// Which rows of [`targets`] have a label, `[rows]`.
pub fn labelled(targets: &Tensor<2>) -> Tensor<1, Bool> {
    has_label(targets).squeeze_dim(1)
}

/// Share of the labelled rows whose highest logit, of `[rows, classes]`, is at one of their labels, `[1]`; 0 if no row
/// has a label.
pub fn accuracy(logits: Tensor<2>, targets: &Tensor<2>) -> Tensor<1> {
    let right = targets.clone().gather(1, logits.argmax(1)).greater_elem(0.0).float();
    super::mean_of(right, has_label(targets))
}

/// Which pairs of rows share a label, `[rows, rows]`. A labelled row shares its labels with itself.
pub fn share_label(targets: &Tensor<2>) -> Tensor<2, Bool> {
    targets.clone().matmul(targets.clone().transpose()).greater_elem(0.0)
}

/// Which rows have a label, `[rows, 1]`.
pub(super) fn has_label(targets: &Tensor<2>) -> Tensor<2, Bool> {
    targets.clone().sum_dim(1).greater_elem(0.0)
}

/// Cross-entropy with label smoothing, mean over the labelled rows.
///
/// `logits` and `targets` are `[rows, classes]`; see [`targets`](fn@targets). With smoothing ε the distribution that is
/// aimed at is `(1 − ε)·target + ε/classes`, as in `MitoReID` (ε = 0.1) and `PyTorch`.
pub fn classification(logits: Tensor<2>, targets: Tensor<2>, smoothing: f32) -> Tensor<1> {
    let [_, classes] = logits.dims();
    let counts = has_label(&targets);
    let aim = targets * (1.0 - smoothing) + smoothing / classes as f32;
    mean_of(-(log_softmax(logits, 1) * aim).sum_dim(1), counts)
}

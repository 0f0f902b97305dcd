use burn::tensor::{Bool, Device, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::random::{normal, stream};

type Matrix = Vec<Vec<f64>>;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Inputs {
    Classification {
        logits: Matrix,
        labels: Vec<Vec<usize>>,
        smoothing: f32,
    },
    Triplet {
        features: Matrix,
        labels: Vec<Vec<usize>>,
        valid: Vec<bool>,
        margin: f32,
    },
    Center {
        features: Matrix,
        centers: Matrix,
        labels: Vec<Vec<usize>>,
    },
    VideoMolecule {
        videos: Matrix,
        molecules: Matrix,
        positives: Vec<Vec<bool>>,
        known: Vec<bool>,
        inverse_temperature: [f64; 1],
    },
    AllMolecules {
        videos: Matrix,
        molecules: Matrix,
        labels: Vec<Vec<usize>>,
        inverse_temperature: [f64; 1],
        smoothing: f32,
    },
}

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    inputs: Inputs,
    name: String,
    value: f64,
    gradients: serde_json::Map<String, serde_json::Value>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/fixtures/losses/losses.json")).unwrap()
}

fn matrix(rows: &Matrix, device: &Device) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    let values = rows.iter().flatten().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn flags<const D: usize>(values: Vec<bool>, shape: [usize; D], device: &Device) -> Tensor<D, Bool> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn pairs(rows: &[Vec<bool>], device: &Device) -> Tensor<2, Bool> {
    flags(rows.concat(), [rows.len(), rows[0].len()], device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// The named inputs that have a gradient.
fn leaves(inputs: &Inputs) -> Vec<(&'static str, Matrix)> {
    let scale = |value: &[f64; 1]| vec![value.to_vec()];
    match inputs {
        Inputs::Classification { logits, .. } => vec![("logits", logits.clone())],
        Inputs::Triplet { features, .. } => vec![("features", features.clone())],
        Inputs::Center { features, centers, .. } => {
            vec![("features", features.clone()), ("centers", centers.clone())]
        }
        Inputs::VideoMolecule { videos, molecules, inverse_temperature, .. }
        | Inputs::AllMolecules { videos, molecules, inverse_temperature, .. } => vec![
            ("videos", videos.clone()),
            ("molecules", molecules.clone()),
            ("inverse_temperature", scale(inverse_temperature)),
        ],
    }
}

/// The loss of a case for the given leaves, in the order of [`leaves`].
fn loss(inputs: &Inputs, leaves: &[Tensor<2>], device: &Device) -> Tensor<1> {
    let leaf = |at: usize| leaves[at].clone();
    match inputs {
        Inputs::Classification { logits, labels, smoothing } => {
            classification(leaf(0), targets(labels, logits[0].len(), device), *smoothing)
        }
        Inputs::Triplet { labels, valid, margin, .. } => {
            let targets = targets(labels, 6, device);
            let valid = flags(valid.clone(), [valid.len()], device);
            batch_hard_triplet(leaf(0), share_label(&targets), valid, *margin)
        }
        Inputs::Center { centers, labels, .. } => {
            center(leaf(0), leaf(1), targets(labels, centers.len(), device))
        }
        Inputs::VideoMolecule { positives, known, .. } => {
            let known = flags(known.clone(), [known.len()], device);
            video_molecule(leaf(0), leaf(1), pairs(positives, device), known, leaf(2).squeeze_dim(0))
        }
        Inputs::AllMolecules { molecules, labels, smoothing, .. } => {
            let targets = targets(labels, molecules.len(), device);
            video_all_molecules(leaf(0), leaf(1), targets, leaf(2).squeeze_dim(0), *smoothing)
        }
    }
}

/// Value and gradients.
fn computed(inputs: &Inputs) -> (f64, Vec<Vec<f64>>) {
    let device = Device::flex().autodiff();
    let tensors: Vec<_> =
        leaves(inputs).iter().map(|(_, leaf)| matrix(leaf, &device).require_grad()).collect();
    let value = loss(inputs, &tensors, &device);
    assert_eq!(value.dims(), [1]);
    let gradients = value.clone().backward();
    (values(value)[0], tensors.iter().map(|leaf| values(leaf.grad(&gradients).unwrap())).collect())
}

#[test]
fn values_and_gradients_agree_with_pytorch() {
    let cases = cases();
    assert_eq!(cases.len(), 35);
    let (mut worst_value, mut worst_gradient) = (0.0_f64, 0.0_f64);
    for case in cases {
        let (value, gradients) = computed(&case.inputs);
        let off = (value - case.value).abs() / case.value.abs().max(1.0);
        assert!(off < 2e-6, "{}: {value} and {}", case.name, case.value);
        worst_value = worst_value.max(off);
        for ((name, leaf), own) in leaves(&case.inputs).iter().zip(gradients) {
            let reference: Vec<f64> = match &case.gradients[*name] {
                serde_json::Value::Array(rows) if rows[0].is_array() => rows
                    .iter()
                    .flat_map(|row| serde_json::from_value::<Vec<f64>>(row.clone()).unwrap())
                    .collect(),
                one => serde_json::from_value(one.clone()).unwrap(),
            };
            assert_eq!(own.len(), reference.len());
            // Row by row, because in one case a row's gradient is a million times that of the others.
            let width = leaf[0].len();
            for (own, reference) in own.chunks(width).zip(reference.chunks(width)) {
                let largest = reference.iter().fold(1.0, |max, value: &f64| value.abs().max(max));
                for (a, b) in own.iter().zip(reference) {
                    let off = (a - b).abs() / largest;
                    assert!(off < 1e-5, "{}, {name}: {own:?} and {reference:?}", case.name);
                    worst_gradient = worst_gradient.max(off);
                }
            }
        }
    }
    println!("largest relative differences: values {worst_value:.1e}, gradients {worst_gradient:.1e}");
}

#[test]
fn gradients_agree_with_finite_differences() {
    let device = Device::flex();
    let mut compared = 0;
    for case in cases() {
        // Where all points coincide the loss has a corner; the video of zeros turns within 1e-6.
        if ["all at one point", "coincident pairs", "a video of zeros"].contains(&case.name.as_str()) {
            continue;
        }
        let (_, gradients) = computed(&case.inputs);
        let mut rng = stream(11, &["direction", &case.name]);
        for (at, (name, leaf)) in leaves(&case.inputs).iter().enumerate() {
            // Along the gradient tilted by noise, so that the derivative is not lost in the rounding of f32.
            let size = gradients[at].iter().fold(0.0, |sum, g| sum + g * g).sqrt();
            let scale = leaf.iter().flatten().fold(0.0, |max: f64, value| max.max(value.abs())).max(1e-3);
            if size == 0.0 {
                continue;
            }
            let direction: Vec<f64> =
                gradients[at].iter().map(|g| g / size + 0.1 * normal(&mut rng)).collect();
            let width = leaf[0].len();
            let step = 2e-3 * if case.name == "a batch far from the origin" { 1.0 } else { scale };
            let moved = |sign: f64| {
                let tensors: Vec<_> = leaves(&case.inputs)
                    .into_iter()
                    .enumerate()
                    .map(|(which, (_, mut rows))| {
                        if which == at {
                            for (value, by) in rows.iter_mut().flatten().zip(&direction) {
                                *value += sign * step * by;
                            }
                        }
                        matrix(&rows, &device)
                    })
                    .collect();
                values(loss(&case.inputs, &tensors, &device))[0]
            };
            assert_eq!(direction.len(), leaf.len() * width);
            let measured = (moved(1.0) - moved(-1.0)) / (2.0 * step);
            let expected: f64 = gradients[at].iter().zip(&direction).map(|(g, d)| g * d).sum();
            let off = (measured - expected).abs();
            // Rounding of the loss over the step, and the curvature.
            let allowed = 2e-2 * expected.abs() + 1e-6 * case.value.abs() / step;
            assert!(off < allowed, "{}, {name}: {measured} and {expected}", case.name);
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

#[test]
fn unlabelled_rows_change_nothing() {
    let device = Device::flex();
    let rows = [vec![0.3, -1.0, 2.0], vec![1.0, 0.5, -0.2], vec![9.0, -7.0, 5.0]].to_vec();
    let all = matrix(&rows, &device);
    let two = matrix(&rows[..2].to_vec(), &device);
    let with = targets(&[vec![0], vec![1, 2], vec![]], 3, &device);
    let without = targets(&[vec![0], vec![1, 2]], 3, &device);
    assert_eq!(
        values(classification(all.clone(), with.clone(), 0.1)),
        values(classification(two.clone(), without.clone(), 0.1))
    );
    let centers = matrix(&vec![vec![1.0, 0.0, 0.5]; 3], &device);
    assert_eq!(values(center(all, centers.clone(), with)), values(center(two, centers, without)));
}

#[test]
fn labels_become_distributions_and_pairs() {
    let device = Device::flex();
    let rows = targets(&[vec![2], vec![0, 2, 2], vec![]], 3, &device);
    assert_eq!(values(rows.clone()), [0.0, 0.0, 1.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0]);
    let of = |tensor: Tensor<2, Bool>| tensor.into_data().convert::<bool>().try_to_vec::<bool>().unwrap();
    assert_eq!(of(share_label(&rows)), [true, true, false, true, true, false, false, false, false]);
    assert_eq!(of(labelled(&rows).unsqueeze()), [true, true, false]);
}

#[test]
fn accuracy_counts_labelled_rows_and_any_of_their_labels() {
    let device = Device::flex();
    let labels: [&[usize]; 4] = [&[0, 2], &[1], &[], &[2]];
    let targets = targets(&labels, 3, &device);
    let logits = |rows: [[f32; 3]; 4]| Tensor::<2>::from_data(TensorData::from(rows), &device);
    let of = |rows| accuracy(logits(rows), &targets).into_scalar::<f32>();
    // Right by the second of two labels; wrong; not asked; right.
    assert!(
        (of([[0.0, 0.1, 0.9], [0.8, 0.1, 0.0], [0.9, 0.0, 0.0], [0.0, 0.0, 1.0]]) - 2.0 / 3.0).abs() < 1e-6
    );
    let none: [&[usize]; 1] = [&[]];
    let unlabelled = super::targets(&none, 3, &device);
    let row = Tensor::<2>::from_data(TensorData::from([[1.0, 0.0, 0.0]]), &device);
    assert_eq!(accuracy(row, &unlabelled).into_scalar::<f32>(), 0.0);
}

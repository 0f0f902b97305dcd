use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use serde::Deserialize;

use super::*;
use crate::model::losses::{share_label, targets, video_molecule};

/// Width of the encoders of the fixtures.
const WIDTH: usize = 8;

#[derive(Deserialize)]
struct Structure {
    smiles: String,
    other_smiles: String,
    ecfp4: Vec<usize>,
}

#[derive(Deserialize)]
struct Reference {
    embeddings: Vec<f64>,
    gradients: Vec<Vec<f64>>,
}

fn structures() -> Vec<Structure> {
    serde_json::from_str(include_str!("../../../tests/fixtures/molecule_encoder/graphs.json")).unwrap()
}

fn smiles() -> Vec<String> {
    structures().into_iter().map(|one| one.smiles).collect()
}

fn formula(count: usize, number: usize) -> Vec<f64> {
    let value = |i: f64| (0.7 * i + 0.013 * i * i + 1.3 * number as f64).sin();
    (0..count).map(|i| value(i as f64)).collect()
}

/// Gives each parameter the values that `make_embeddings.py` gives it.
struct Formula(usize);

impl ModuleMapper for Formula {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (number, shape) = (self.0, param.dims());
        self.0 += 1;
        let values = formula(shape.iter().product(), number);
        let scale = 2.0 / (shape[0].min(16) as f64).sqrt();
        let value = |v: f64| if D == 1 { 0.8 * v } else { scale * v } as f32;
        let data = TensorData::new(values.into_iter().map(value).collect(), shape);
        param.map(|old| {
            let new = Tensor::from_data(data, &old.device());
            if old.is_require_grad() { new.require_grad() } else { new }
        })
    }
}

/// Reads the gradients in the order of the parameters.
struct Collect<'a>(&'a Gradients, Vec<(Vec<usize>, Vec<f64>)>);

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.0).expect("every parameter takes part");
        self.1.push((gradient.dims().to_vec(), values(gradient)));
    }
}

fn encoder(kind: MoleculeEncoderKind, device: &Device) -> MoleculeEncoder {
    MoleculeEncoder::new(kind, WIDTH, device).map(&mut Formula(0))
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// The embeddings, one row a structure.
fn embed<S: AsRef<str> + Sync>(encoder: &MoleculeEncoder, smiles: &[S], device: &Device) -> Vec<Vec<f64>> {
    let batch = MoleculeFeatures::from_smiles(smiles).unwrap().all();
    let rows = batch.spread(encoder.forward(&batch.to_device(device)));
    values(rows).chunks(encoder.width()).map(<[f64]>::to_vec).collect()
}

fn difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(0.0, |max: f64, v| max.max(v.abs()));
    a.iter().zip(b).fold(0.0, |max, (a, b)| f64::max(max, (a - b).abs())) / largest
}

const KINDS: [(MoleculeEncoderKind, &str); 2] =
    [(MoleculeEncoderKind::EcfpMlp, "ecfp-mlp"), (MoleculeEncoderKind::Gin, "gin")];

#[test]
fn embeddings_and_gradients_agree_with_pytorch() {
    let text = include_str!("../../../tests/fixtures/molecule_encoder/embeddings.json");
    let references: HashMap<String, Reference> = serde_json::from_str(text).unwrap();
    let device = Device::flex().autodiff();
    let batch = MoleculeFeatures::from_smiles(&smiles()).unwrap().all();
    let tensors = batch.to_device(&device);
    for (kind, name) in KINDS {
        let reference = &references[name];
        let encoder = encoder(kind, &device);
        let out = encoder.forward(&tensors);
        assert_eq!(out.dims(), [batch.len(), WIDTH]);
        let off = difference(&values(out.clone()), &reference.embeddings);
        assert!(off < 1e-5, "{name}: {off:.1e}");

        let upstream = formula(batch.len() * WIDTH, 40).into_iter().map(|v| v as f32).collect();
        let upstream = Tensor::from_data(TensorData::new(upstream, out.dims()), &device);
        let gradients = (out * upstream).sum().backward();
        let mut collected = Collect(&gradients, Vec::new());
        encoder.visit(&mut collected);
        assert_eq!(collected.1.len(), reference.gradients.len());
        let mut worst = 0.0_f64;
        for (number, ((shape, own), expected)) in
            collected.1.into_iter().zip(&reference.gradients).enumerate()
        {
            // The reference leaves out the rows of bits that no molecule has.
            let own: Vec<f64> = if shape[0] == 2048 {
                own.chunks(WIDTH).filter(|row| row.iter().any(|&v| v != 0.0)).flatten().copied().collect()
            } else {
                own
            };
            let off = difference(&own, expected);
            assert!(off < 1e-4, "{name}, parameter {number} {shape:?}: {off:.1e}");
            worst = worst.max(off);
        }
        println!("{name}: embeddings {off:.1e}, gradients {worst:.1e}");
    }
}

#[test]
fn fingerprints_equal_rdkits() {
    for one in structures() {
        // Both see the whole molecule: none of these is a salt.
        let batch = MoleculeFeatures::from_smiles(&[&one.smiles]).unwrap().all();
        let bits = values(batch.to_device(&Device::flex()).fingerprints);
        let on: Vec<usize> = (0..bits.len()).filter(|&bit| bits[bit] == 1.0).collect();
        assert_eq!(on, one.ecfp4, "{}", one.smiles);
    }
}

#[test]
fn another_smiles_of_a_molecule_has_the_same_embedding() {
    let device = Device::flex();
    let structures = structures();
    let mut written: Vec<(String, String)> =
        structures.into_iter().map(|one| (one.smiles, one.other_smiles)).collect();
    let table = include_str!("../../../tests/fixtures/chem/reference.csv");
    for line in table.lines().skip(1).filter(|line| !line.starts_with('"')).take(60) {
        let mut cells = line.split(',').skip(1);
        written.push((cells.next().unwrap().into(), cells.next().unwrap().into()));
    }
    let (first, second): (Vec<String>, Vec<String>) = written.into_iter().unzip();
    for (kind, name) in KINDS {
        let encoder = encoder(kind, &device);
        let (a, b) = (embed(&encoder, &first, &device), embed(&encoder, &second, &device));
        for ((a, b), smiles) in a.iter().zip(&b).zip(&first) {
            let off = difference(a, b);
            assert!(off < 1e-5, "{name}, {smiles}: {off:.1e}");
        }
    }
}

#[test]
fn different_molecules_have_different_embeddings() {
    let device = Device::flex();
    let smiles = ["CCO", "CCN", "CCCO", "COC", "C=CO", "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"];
    for (kind, name) in KINDS {
        let rows = embed(&MoleculeEncoder::new(kind, 32, &device), &smiles, &device);
        for a in 0..rows.len() {
            for b in 0..a {
                let off = difference(&rows[a], &rows[b]);
                // The fingerprint knows no mirror images.
                if kind == MoleculeEncoderKind::EcfpMlp && (a, b) == (6, 5) {
                    assert_eq!(off, 0.0);
                } else {
                    assert!(off > 1e-3, "{name}: {} and {}: {off:.1e}", smiles[a], smiles[b]);
                }
            }
        }
    }
}

#[test]
fn a_molecule_has_the_same_embedding_alone_and_in_a_batch() {
    let device = Device::flex();
    let smiles = smiles();
    for (kind, name) in KINDS {
        let encoder = encoder(kind, &device);
        let together = embed(&encoder, &smiles, &device);
        for (own, row) in smiles.iter().zip(&together) {
            let alone = embed(&encoder, &[own], &device);
            let off = difference(&alone[0], row);
            assert!(off < 1e-5, "{name}, {own}: {off:.1e}");
        }
    }
}

#[test]
fn an_unreadable_structure_is_named() {
    let error = MoleculeFeatures::from_smiles(&["CCO", "", "c1ccccc", "C(("]).unwrap_err();
    assert_eq!((error.drug, error.smiles.as_str()), (2, "c1ccccc"));
    let text = error.to_string();
    assert!(text.starts_with("structure of drug 2, \"c1ccccc\": position 7: ring bond 1"), "{text}");
}

#[test]
fn a_molecule_without_bonds_has_an_embedding() {
    let device = Device::flex();
    for (kind, _) in KINDS {
        let encoder = encoder(kind, &device);
        for smiles in ["[Na+]", "C", "*"] {
            let row = &embed(&encoder, &[smiles], &device)[0];
            assert!(row.iter().all(|v| v.is_finite()) && row.iter().any(|&v| v != 0.0), "{smiles}");
        }
    }
}

#[test]
fn counter_ions_are_not_seen() {
    let device = Device::flex();
    for (kind, _) in KINDS {
        let encoder = MoleculeEncoder::new(kind, 32, &device);
        let rows = embed(&encoder, &["CC(=O)[O-].[Na+]", "CC(=O)[O-]", "CC(=O)O"], &device);
        assert!(difference(&rows[0], &rows[1]) < 1e-5);
        assert!(difference(&rows[0], &rows[2]) > 1e-3);
    }
}

#[test]
fn a_batch_encodes_each_drug_once_and_gives_every_row_its_own() {
    let device = Device::flex();
    let drugs = MoleculeFeatures::from_smiles(&["CCO", "CCN", " ", "CCC"]).unwrap();
    assert_eq!((drugs.len(), drugs.known(1), drugs.known(2), drugs.known(9)), (4, true, false, false));
    let batch = drugs.batch(&[3, 0, 3, 2, 0]);
    assert_eq!(batch.drugs(), [0, 3]);
    assert_eq!(batch.rows(), [Some(1), Some(0), Some(1), None, Some(0)]);
    let known = batch.known(&device).into_data().convert::<bool>().try_to_vec::<bool>().unwrap();
    assert_eq!(known, [true, true, true, false, true]);

    let encoder = encoder(MoleculeEncoderKind::Gin, &device);
    let rows = batch.spread(encoder.forward(&batch.to_device(&device)));
    assert_eq!(rows.dims(), [5, WIDTH]);
    let rows = values(rows);
    let expected = embed(&encoder, &["CCO", "CCC"], &device);
    for (place, row) in [(0, &expected[1]), (1, &expected[0]), (2, &expected[1]), (4, &expected[0])] {
        assert!(difference(&rows[place * WIDTH..(place + 1) * WIDTH], row) < 1e-5);
    }
    assert!(rows[3 * WIDTH..4 * WIDTH].iter().all(|&v| v == 0.0));
    assert!(drugs.batch(&[2]).is_empty());
}

#[test]
fn a_fresh_encoder_tells_drugs_apart_at_every_width() {
    let device = Device::flex();
    for (kind, name) in KINDS {
        for width in [16, 512] {
            let encoder = MoleculeEncoder::new(kind, width, &device);
            assert_eq!(encoder.width(), width);
            let rows =
                embed(&encoder, &["CS(C)=O", "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"], &device);
            let spread = difference(&rows[0], &rows[1]).min(difference(&rows[1], &rows[2]));
            assert!(spread > 0.02, "{name}, {width}: {spread}");
        }
    }
}

#[test]
fn an_encoder_learns_which_molecule_belongs_to_which_video() {
    let device = Device::flex().autodiff();
    let drugs = MoleculeFeatures::from_smiles(&smiles()[..12]).unwrap();
    // Each drug has two videos, whose features do not change.
    let rows: Vec<usize> = (0..24).map(|row| row / 2).collect();
    let videos = formula(24 * 16, 3).into_iter().enumerate();
    let videos = videos.map(|(i, v)| (formula(12 * 16, 7)[i / 32 * 16 + i % 16] + 0.2 * v) as f32).collect();
    let videos: Tensor<2> = Tensor::from_data(TensorData::new(videos, [24, 16]), &device);
    let labels: Vec<[usize; 1]> = rows.iter().map(|&drug| [drug]).collect();
    let positives = share_label(&targets(&labels, 12, &device));
    let batch = drugs.batch(&rows);
    let tensors = batch.to_device(&device);
    for (kind, name) in KINDS {
        let mut encoder = MoleculeEncoder::new(kind, 16, &device);
        let mut optimizer = AdamWConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..60 {
            let molecules = batch.spread(encoder.forward(&tensors));
            let scale = Tensor::from_floats([14.3], &device);
            let loss =
                video_molecule(videos.clone(), molecules, positives.clone(), batch.known(&device), scale);
            losses.push(values(loss.clone())[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &encoder);
            encoder = optimizer.step(0.01, encoder, gradients);
        }
        // With two videos a drug the loss cannot fall below 2·ln 2.
        let (first, last) = (losses[0], losses[59]);
        println!("{name}: {first:.2} to {last:.2}");
        assert!(first > 6.0 && last < 2.0, "{name}: {first} to {last}");
    }
}

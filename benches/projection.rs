//! Maps of 20,000 embeddings of 512 numbers: seconds and trustworthiness of PCA, UMAP and t-SNE.
//!
//! The rows are 50 groups on a curved surface of 10 dimensions, with noise, from a fixed seed.
//! `benches/peers/projection.py` has the same rows mapped by scikit-learn, umap-learn and openTSNE, in turns with ours:
//!
//! ```text
//! projection --write ROWS.npy                            the rows, as float32
//! projection --rows ROWS.npy --method umap --out MAP.npy one map; prints its seconds
//! ```
//!
//! Without these it fails where a map is less trustworthy than it was.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use molclip::analysis::projection::{Method, Settings, project, trustworthiness_of};
use molclip::progress::Progress;
use molclip::random::{normal, stream};
use rayon::prelude::*;

const ROWS: usize = 20_000;
const DIM: usize = 512;
const GROUPS: usize = 50;
/// Dimensions of the surface.
const INNER: usize = 10;
const NOISE: f64 = 0.1;
const SEED: u64 = 20_261_123;
/// Neighbours whose truth is measured, and rows that are asked.
const NEIGHBOURS: usize = 15;
const ASKED: usize = 2000;

/// Method, its name, and the least trustworthiness.
const METHODS: [(&str, Method, f64); 3] = [
    ("pca", Method::Pca, 0.0),
    ("umap", Method::Umap { neighbours: 15, min_dist: 0.1 }, 0.97),
    ("tsne", Method::Tsne { perplexity: 30.0 }, 0.97),
];

fn rows() -> Vec<f32> {
    let mut rng = stream(SEED, &["projection", "surface"]);
    let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| normal(&mut rng)).collect() };
    let centres = draw(GROUPS * INNER);
    let (slopes, bends) = (draw(DIM * INNER), draw(DIM));
    (0..ROWS)
        .into_par_iter()
        .flat_map_iter(|row| {
            let mut rng = stream(SEED, &["projection", "row", &row.to_string()]);
            let group = row % GROUPS;
            let spread = 0.2 + 0.3 * group as f64 / GROUPS as f64;
            let inner: Vec<f64> = centres[group * INNER..][..INNER]
                .iter()
                .map(|centre| 2.0 * centre + spread * normal(&mut rng))
                .collect();
            let (slopes, bends) = (&slopes, &bends);
            (0..DIM)
                .map(move |column| {
                    let along: f64 =
                        inner.iter().zip(&slopes[column * INNER..]).map(|(x, slope)| x * slope).sum();
                    let phase = TAU * bends[column];
                    ((along / (INNER as f64).sqrt() + phase).sin() + NOISE * normal(&mut rng)) as f32
                })
                .collect::<Vec<f32>>()
        })
        .collect()
}

/// NumPy's format, version 1.0: a Python dictionary as the header, then the numbers.
fn write_npy(path: &Path, values: &[f32], columns: usize) -> Result<()> {
    let shape = (values.len() / columns, columns);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape:?}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// What [`write_npy`] wrote of rows.
fn read_npy(path: &Path) -> Result<Vec<f32>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    ensure!(bytes.len() == start + 4 * ROWS * DIM, "{} holds other rows", path.display());
    Ok(bytes[start..].as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect())
}

fn map(values: &[f32], method: Method) -> Result<(Vec<[f32; 2]>, f64)> {
    let started = Instant::now();
    let points = project(values, DIM, &Settings { method, seed: 1, cosine: false }, &Progress::default())?;
    Ok((points, started.elapsed().as_secs_f64()))
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after = |name: &str| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1))
    };
    if let Some(path) = after("--write") {
        return write_npy(Path::new(path), &rows(), DIM);
    }
    if let (Some(path), Some(name), Some(out)) = (after("--rows"), after("--method"), after("--out")) {
        let Some((_, method, _)) = METHODS.iter().find(|(method, ..)| method == name) else {
            bail!("{name} is no method")
        };
        let (points, seconds) = map(&read_npy(Path::new(path))?, *method)?;
        println!("{seconds}");
        return write_npy(Path::new(out), points.as_flattened(), 2);
    }
    let values = rows();
    let asked: Vec<usize> = (0..ROWS).step_by(ROWS / ASKED).collect();
    for (name, method, least) in METHODS {
        let (points, seconds) = map(&values, method)?;
        let trust = trustworthiness_of(&values, DIM, &points, NEIGHBOURS, &asked).context("no points")?;
        println!("{name:5} {ROWS} × {DIM}: {seconds:6.2} s, trustworthiness {trust:.4}");
        ensure!(trust >= least, "{name}: trustworthiness {trust:.4} is below {least}");
    }
    Ok(())
}

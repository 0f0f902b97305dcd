//! Do embeddings of real cells know a recording again? Windows of the same recording that share no frame, found among
//! windows of all recordings of a manifest.
//!
//! `MOLCLIP_DATA=…/data cargo bench --bench real_cells` reads `video/real_experiment.csv` there. This is no evidence of drug effects:
//! there is one recording per drug. It says whether the model sees more in real cells than their brightness, or their pixels.

use std::collections::HashSet;
use std::path::Path;

use molclip::analysis::ranking::{average_precision, chance};
use molclip::experiment::import;
use molclip::gpu::{Compute, ComputeThread};
use molclip::learn::infer::MolClipEncoder;
use molclip::learn::inputs::Inputs;
use molclip::learn::shipped;
use molclip::learn::store::calibration;
use molclip::model::clip::Clip;
use molclip::model::input::{Frames, Intensity, Moments, View, fill};
use molclip::video::{Limits, Recording};

/// Unlike frames of a window.
const WINDOW: usize = 12;

fn main() {
    if let Err(e) = run() {
        eprintln!("error: {e:#}");
        std::process::exit(1);
    }
}

/// Frames that show something that no frame before them showed.
fn fresh_frames(recording: &Recording) -> anyhow::Result<Vec<usize>> {
    let mut seen = HashSet::new();
    let mut fresh = Vec::new();
    for t in 0..recording.shape().t {
        let mut hasher = blake3::Hasher::new();
        for z in 0..recording.shape().z {
            hasher.update(&recording.read(t, z, 0)?.bytes);
        }
        if seen.insert(hasher.finalize()) {
            fresh.push(t);
        }
    }
    Ok(fresh)
}

fn run() -> anyhow::Result<()> {
    let Some(data) = std::env::var_os("MOLCLIP_DATA") else {
        println!("MOLCLIP_DATA names no folder: nothing to do.");
        return Ok(());
    };
    let experiment = import::open(&Path::new(&data).join("video/real_experiment.csv"))?.experiment;
    let (compute, thread) = (Compute::flex(), ComputeThread::shared_headless());
    let (model, card) = shipped::load(&compute, &thread)?;
    let encoder = MolClipEncoder::new(model, card.clone(), compute, thread);
    let mut clips = Vec::new();
    for row in 0..experiment.table.len() {
        let recording = Recording::open(&experiment.address(row)?, Limits::default())?;
        let fresh = fresh_frames(&recording)?;
        let windows: Vec<&[usize]> = fresh.chunks_exact(WINDOW).collect();
        println!(
            "{}: {} frames, {} unlike any before, {} windows",
            experiment.table.row_id(row),
            recording.shape().t,
            fresh.len(),
            windows.len()
        );
        for window in windows {
            let clip = Clip::read_frames(&recording, window, calibration(&experiment, row), &card.input)?;
            if let Some(warning) = clip.mismatch.warning() {
                println!("  {warning}");
            }
            clips.push((row, clip));
        }
    }
    let intensity = Intensity::of(clips.iter().map(|(_, clip)| Moments::of(clip, 0)))
        .ok_or_else(|| anyhow::anyhow!("the recordings are dark"))?;
    let spec = &card.input;
    let size = spec.frames * spec.size * spec.size;
    let mut videos = vec![0.0; clips.len() * size];
    for (out, (row, clip)) in videos.chunks_mut(size).zip(&clips) {
        let view = View::upright(spec.frames, Frames::Video, experiment.table.row_id(*row));
        fill(clip, &[intensity], spec, &view, out);
    }
    let embeddings =
        encoder.embed(Inputs::values(videos.clone(), [clips.len(), 1, spec.frames, spec.size, spec.size]))?;
    let rows: Vec<usize> = clips.iter().map(|(row, _)| *row).collect();
    let brightness: Vec<f32> =
        clips.iter().map(|(_, clip)| Moments::of(clip, 0).scaled(intensity).0 as f32).collect();
    let expected = {
        let of = |i: usize| {
            let right = rows.iter().filter(|row| **row == rows[i]).count() - 1;
            chance(right, rows.len() - 1)
        };
        (0..rows.len()).map(of).sum::<f64>() / rows.len() as f64
    };
    println!(
        "\n{} windows of {} recordings; mAP of windows of the same recording",
        rows.len(),
        experiment.table.len()
    );
    println!("  {:28} {expected:.3}", "chance");
    for (name, values, dim, cosine) in [
        ("mean intensity", &brightness, 1, false),
        ("raw pixels", &videos, size, true),
        ("shipped model", &embeddings, embeddings.len() / clips.len().max(1), true),
    ] {
        println!("  {name:28} {:.3}", score(values, dim, &rows, cosine));
    }
    println!("The shipped model was trained on simulated cells alone.");
    Ok(())
}

/// Mean average precision of each window among all others.
fn score(values: &[f32], dim: usize, rows: &[usize], cosine: bool) -> f64 {
    let vector = |i: usize| &values[i * dim..(i + 1) * dim];
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let near = |a: &[f32], b: &[f32]| {
        if cosine {
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
        } else {
            -a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
        }
    };
    let of = |query: usize| {
        let others = || (0..rows.len()).filter(move |&i| i != query);
        let scores: Vec<f64> = others().map(|i| near(vector(query), vector(i))).collect();
        let relevant: Vec<bool> = others().map(|i| rows[i] == rows[query]).collect();
        average_precision(&scores, &relevant)
    };
    let found: Vec<f64> = (0..rows.len()).filter_map(of).collect();
    found.iter().sum::<f64>() / found.len().max(1) as f64
}

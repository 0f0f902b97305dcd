//! Hand-made features of 951 videos of 16 × 128 × 128 on two threads, and of single pictures on one.
//!
//! `cargo bench --bench biomarkers` prints videos per second, without reading files. `-- --write FILE` writes pictures
//! (128 × 128 each, 16-bit little-endian, one after the other), `-- --pictures FILE` measures such a file and prints the
//! seconds: `benches/peers/biomarkers.py` runs that in turns with scikit-image and mahotas on the same pictures.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use molclip::analysis::biomarkers::{Prepared, Stack};
use molclip::analysis::image::Image;
use molclip::random::{normal, stream};
use rayon::prelude::*;

const VIDEOS: usize = 951;
const FRAMES: usize = 16;
const SIDE: usize = 128;
const THREADS: usize = 2;
const PIXEL_UM: f64 = 0.2;
const INTERVAL_S: f64 = 3.0;

/// Videos that are not alike; the others are these again.
const DISTINCT: usize = 40;

/// Pictures for the peer.
const PICTURES: usize = 200;

/// A network of threads that drift and wind, blurred, with noise.
fn video(number: usize) -> Vec<Image> {
    let mut rng = stream(1, &["biomarkers bench", &number.to_string()]);
    let mut threads: Vec<Vec<[f64; 2]>> = Vec::new();
    for _ in 0..24 {
        let (mut place, mut angle) = ([0, 1].map(|_| 64.0 + 22.0 * normal(&mut rng)), 4.0 * normal(&mut rng));
        let step = |_| {
            angle += 0.25 * normal(&mut rng);
            place = [place[0] + 0.7 * angle.cos(), place[1] + 0.7 * angle.sin()];
            place
        };
        threads.push((0..45).map(step).collect());
    }
    let mut frame = |_| {
        let mut image = Image { width: SIDE, height: SIDE, data: vec![0.0; SIDE * SIDE] };
        for thread in &mut threads {
            let step = [0, 1].map(|_| 0.3 * normal(&mut rng));
            for place in thread {
                *place = [place[0] + step[0], place[1] + step[1]];
                let [x, y] = place.map(|v| v.clamp(0.0, (SIDE - 1) as f64) as usize);
                image.data[y * SIDE + x] += 900.0;
            }
        }
        let mut image = image.blur(1.1);
        for value in &mut image.data {
            let light = 200.0 + f64::from(*value);
            *value = (light + light.sqrt() * normal(&mut rng)).round().clamp(0.0, 65_535.0) as f32;
        }
        image
    };
    (0..FRAMES).map(&mut frame).collect()
}

fn stack(frames: Vec<Image>) -> Stack {
    Stack {
        names: vec!["mitochondria".to_owned()],
        channels: vec![frames],
        pixel_um: PIXEL_UM,
        interval_s: INTERVAL_S,
    }
}

/// Everything that is measured of a recording.
fn measure(stack: &Stack) -> f64 {
    let prepared = Prepared::new(stack);
    let order: Vec<usize> = (0..prepared.frames()).collect();
    prepared.stills().iter().flatten().chain(&prepared.movement(&order)).sum()
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let after =
        |name: &str| arguments.windows(2).find(|pair| pair[0] == name).map(|pair| Path::new(&pair[1]));
    if let Some(path) = after("--write") {
        let pictures = (0..PICTURES).filter_map(|number| video(number).pop());
        let bytes: Vec<u8> =
            pictures.flat_map(|image| image.data).flat_map(|value| (value as u16).to_le_bytes()).collect();
        return std::fs::write(path, bytes).with_context(|| format!("writing {}", path.display()));
    }
    if let Some(path) = after("--pictures") {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let (values, _) = bytes.as_chunks::<2>();
        let values: Vec<f32> = values.iter().map(|pair| f32::from(u16::from_le_bytes(*pair))).collect();
        let stacks: Vec<Stack> = values
            .chunks_exact(SIDE * SIDE)
            .map(|data| stack(vec![Image { width: SIDE, height: SIDE, data: data.to_vec() }]))
            .collect();
        let started = Instant::now();
        let sum: f64 = stacks.iter().map(measure).sum();
        let seconds = started.elapsed().as_secs_f64();
        anyhow::ensure!(sum.is_finite(), "a number is not finite");
        println!("{seconds}");
        return Ok(());
    }
    let stacks: Vec<Stack> = (0..DISTINCT).into_par_iter().map(|number| stack(video(number))).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build()?;
    let started = Instant::now();
    let sum: f64 =
        pool.install(|| (0..VIDEOS).into_par_iter().map(|number| measure(&stacks[number % DISTINCT])).sum());
    let seconds = started.elapsed().as_secs_f64();
    anyhow::ensure!(sum.is_finite(), "a number is not finite");
    println!(
        "{VIDEOS} videos of {FRAMES} × {SIDE} × {SIDE} on {THREADS} threads: {seconds:.2} s, {:.0} videos/s",
        VIDEOS as f64 / seconds
    );
    Ok(())
}

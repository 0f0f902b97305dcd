//! t-SNE (van der Maaten & Hinton, JMLR 2008, 9:2579) with interpolated repulsion (`FIt-SNE`: Linderman et al., Nature
//! Methods 2019, 16:243), by the crate `bhtsne`.
//!
//! Its sums depend on how threads share them, and it knows no way to stop. So it runs on one thread of its own, which
//! nobody waits for once the user stops it, and which ends itself with the next epoch. One thread is enough: it takes
//! less of a CPU than openTSNE does.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use bhtsne::{Neighbor, tSNE};

use super::neighbours::Neighbours;
use super::{Phase, ProjectionError, Rows, pca};
use crate::random::{normal, stream};

/// Epochs in which neighbours attract each other more than they should, and what factor more.
const EARLY: (usize, f32) = (250, 12.0);
/// Epochs after that.
const LATE: usize = 500;
/// Part of a step that goes on into the next.
const MOMENTUM: f32 = 0.8;
/// Rows from which repulsion is interpolated; a tree is quicker for fewer.
const INTERPOLATE: usize = 5000;
/// How coarse the tree may be.
const THETA: f32 = 0.5;
/// Points farther out have gone astray; maps of a hundred thousand rows reach about a tenth as far.
const ASTRAY: f32 = 1000.0;
/// What the learning rate is divided by after that.
const SLOWER: [f32; 3] = [1.0, 8.0, 64.0];
/// Deviation of the first layout (Kobak & Berens, Nature Communications 2019, 10:5416).
const START: f64 = 1e-4;
/// Noise on it that keeps equal rows apart, as a part of it.
const NOISE: f64 = 0.01;
/// How often to look whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Points of at least four rows.
pub(super) fn layout(
    rows: &Rows,
    perplexity: f32,
    seed: u64,
    phase: &Phase,
) -> Result<Vec<[f32; 2]>, ProjectionError> {
    layout_by(rows, perplexity, seed, rows.len() >= INTERPOLATE, phase)
}

/// [`layout`], with interpolated repulsion or by a tree.
pub(super) fn layout_by(
    rows: &Rows,
    perplexity: f32,
    seed: u64,
    interpolate: bool,
    phase: &Phase,
) -> Result<Vec<[f32; 2]>, ProjectionError> {
    let perplexity = perplexity.min((rows.len() - 1) as f32 / 3.0);
    let near = Neighbours::find(rows, (3.0 * perplexity) as usize, &phase.part(0.0, 0.2))?;
    let start = start(&pca::plane_until(&rows.values, rows.dim, &phase.part(0.2, 0.22))?, seed);
    let phase = phase.part(0.22, 1.0);
    let shared = Arc::new(Shared::default());
    let (sender, receiver) = channel();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "t-SNE".to_owned()).build();
    let pool = pool.map_err(|e| ProjectionError::Thread { problem: e.to_string() })?;
    let at_work = Arc::clone(&shared);
    pool.spawn(move || {
        let points = SLOWER.iter().find_map(|slower| {
            let rate = 1.0 / slower;
            let descent = || descend(&near, perplexity, &start, rate, interpolate, &at_work);
            match catch_unwind(AssertUnwindSafe(descent)) {
                Err(panic) if panic.is::<Astray>() => None,
                other => Some(other),
            }
        });
        // Nobody listens once it was stopped.
        let _ = sender.send(points);
    });
    loop {
        let going = phase.at(shared.epochs.load(Ordering::Relaxed) as f64 / (EARLY.0 + LATE) as f64);
        if going.is_err() {
            shared.stop.store(true, Ordering::Relaxed);
            return Err(ProjectionError::Cancelled);
        }
        match receiver.recv_timeout(LOOK) {
            Ok(Some(Ok(points))) => return Ok(points),
            Ok(Some(Err(panic))) => resume_unwind(panic),
            Ok(None) => return Err(ProjectionError::Astray),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(ProjectionError::Cancelled),
        }
    }
}

/// What the thread that works and the one that waits know of each other.
#[derive(Default)]
struct Shared {
    epochs: AtomicUsize,
    stop: AtomicBool,
}

/// Principal components, made so small that points are free to pass each other, and a little noise.
fn start(points: &[[f32; 2]], seed: u64) -> Vec<f32> {
    let mut noise = stream(seed, &["t-SNE"]);
    let square = points.iter().map(|point| f64::from(point[0]).powi(2)).sum::<f64>();
    let deviation = (square / points.len() as f64).sqrt();
    let scale = if deviation > 0.0 { START / deviation } else { 0.0 };
    let place = |x: &f32| (f64::from(*x) * scale + START * NOISE * normal(&mut noise)) as f32;
    points.iter().flatten().map(place).collect()
}

/// Both parts of the descent. The learning rate of the first is that of Belkina et al. (Nature Communications 2019,
/// 10:5415), the rows by the exaggeration; in the second, without exaggeration, it is all rows, as in openTSNE.
fn descend(
    near: &Neighbours,
    perplexity: f32,
    start: &[f32],
    rate: f32,
    interpolate: bool,
    shared: &Arc<Shared>,
) -> Vec<[f32; 2]> {
    let table: Vec<Vec<Neighbor<f32>>> = near
        .indices
        .chunks_exact(near.k)
        .zip(near.distances.chunks_exact(near.k))
        .map(|(indices, distances)| {
            let both = indices.iter().zip(distances);
            both.map(|(index, distance)| Neighbor { index: *index as usize, distance: *distance }).collect()
        })
        .collect();
    // The crate counts samples and asks nothing else of them.
    let samples = vec![(); table.len()];
    let rate = |exaggeration: f32| samples.len() as f32 / exaggeration * rate;
    let count = |before: usize| {
        let shared = Arc::clone(shared);
        move |epoch: usize, points: &[f32]| {
            shared.epochs.store(before + epoch + 1, Ordering::Relaxed);
            if shared.stop.load(Ordering::Relaxed) {
                // No error, hence without the hook that would report one.
                resume_unwind(Box::new(Stopped));
            }
            if !points.iter().all(|x| x.abs() < ASTRAY) {
                resume_unwind(Box::new(Astray));
            }
        }
    };
    let mut early: tSNE<f32, (), 2> = tSNE::new(&samples);
    early.perplexity(perplexity).early_exaggeration(EARLY.1).stop_lying_epoch(EARLY.0).epochs(EARLY.0);
    early.learning_rate(rate(EARLY.1)).momentum(MOMENTUM).initial_embedding(start).epoch_callback(count(0));
    if interpolate {
        early.fit_sne_with_neighbors(&table);
    } else {
        early.barnes_hut_with_neighbors(THETA, &table);
    }
    drop(table);
    let mut late: tSNE<f32, (), 2> = tSNE::new(&samples);
    if let Some(affinities) = early.affinities() {
        late.with_affinities(affinities);
    }
    late.stop_lying_epoch(0).epochs(LATE).learning_rate(rate(1.0)).momentum(MOMENTUM);
    late.initial_embedding(early.embedding()).epoch_callback(count(EARLY.0));
    // Affinities are known, so that no distance is asked for.
    if interpolate {
        late.fit_sne(|(), ()| 0.0);
    } else {
        late.barnes_hut(THETA, |(), ()| 0.0);
    }
    late.embedding().chunks_exact(2).map(|point| [point[0], point[1]]).collect()
}

/// What the thread ends with when it is stopped.
struct Stopped;

/// What a descent ends with whose points fly apart.
struct Astray;

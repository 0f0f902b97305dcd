//! Batches made beside the compute thread: decoded, cropped, varied, in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::augment;
use super::config::Config;
use super::dataset::{Dataset, Sample};
use super::inputs::{InputMaker, Inputs, Seen};
use super::sampler::Stage;
use super::store::LoadError;
use super::trainer::Batch;
use crate::model::input::View;

/// Batches that wait at most.
const AHEAD: usize = 3;

/// Batches of an epoch, made ahead by a thread that ends when this is dropped.
#[derive(Debug)]
pub struct Prefetch {
    batches: Receiver<Result<Batch, LoadError>>,
    /// Time that was spent waiting for batches.
    pub waited: Duration,
}

/// What an epoch is made of.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Stage.
    pub stage: Stage,
    /// Number in its stage, from 0.
    pub number: usize,
    /// Batches, as indices into the training rows.
    pub batches: Vec<Vec<usize>>,
}

impl Prefetch {
    /// Starts with the batch `from` of an epoch.
    pub fn start(
        data: Arc<Dataset>,
        maker: Arc<InputMaker>,
        config: Config,
        epoch: Epoch,
        from: usize,
    ) -> Self {
        let (sender, batches) = sync_channel(AHEAD);
        let body = move || make_all(&data, &maker, &config, &epoch, from, &sender);
        if let Err(e) = std::thread::Builder::new().name("molclip-batches".to_owned()).spawn(body) {
            // The channel's end went with the closure, so `take` says that there are no more.
            log::error!("the thread that makes batches could not be started: {e}");
        }
        Self { batches, waited: Duration::ZERO }
    }

    /// The next batch; `None` after the last.
    pub fn take(&mut self) -> Option<Result<Batch, LoadError>> {
        let started = Instant::now();
        let batch = self.batches.recv().ok();
        self.waited += started.elapsed();
        batch
    }
}

fn make_all(
    data: &Dataset,
    maker: &InputMaker,
    config: &Config,
    epoch: &Epoch,
    from: usize,
    sender: &SyncSender<Result<Batch, LoadError>>,
) {
    for members in epoch.batches.iter().skip(from) {
        let batch = make(data, maker, config, epoch, members);
        if sender.send(batch).is_err() {
            return;
        }
    }
}

/// One batch, its videos varied.
fn make(
    data: &Dataset,
    maker: &InputMaker,
    config: &Config,
    epoch: &Epoch,
    members: &[usize],
) -> Result<Batch, LoadError> {
    let seen = |(place, &index): (usize, &usize)| {
        let sample = &data.train[index];
        // A video that fills up a small drug is varied anew.
        let repeat = members[..place].iter().filter(|&&other| other == index).count();
        let key = augment::Key {
            seed: config.seed,
            stage: epoch.stage,
            epoch: epoch.number,
            row_id: &sample.row_id,
            repeat,
        };
        let (order, frames, size) = (config.input.order, data.spec.frames, data.spec.size);
        data.seen(sample, augment::view(&config.augment, order, frames, size, key))
    };
    let seen: Vec<Seen> = members.iter().enumerate().map(seen).collect();
    let of = |index: &usize| &data.train[*index];
    Ok(Batch {
        videos: maker.make(&data.store, &seen)?,
        drugs: members.iter().map(|index| of(index).drug.unwrap_or(0)).collect(),
        moas: members.iter().map(|index| of(index).moas.clone()).collect(),
    })
}

/// Inputs of some samples, upright, one after the other.
pub fn upright(
    data: &Dataset,
    maker: &InputMaker,
    config: &Config,
    samples: &[&Sample],
) -> Result<Inputs, LoadError> {
    let seen = |sample: &&Sample| {
        data.seen(sample, View::upright(data.spec.frames, config.input.order, &sample.row_id))
    };
    let seen: Vec<Seen> = samples.iter().map(seen).collect();
    maker.make(&data.store, &seen)
}

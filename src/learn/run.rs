//! A training from its rows to a model on disk: what it is given, what it says on the way, what comes of it.

use std::sync::Arc;
use std::time::Duration;

use super::checkpoint::CheckpointError;
use super::config::Config;
use super::dataset::DatasetError;
use super::folder::{FolderError, TrainingFolder};
use super::infer::ModelError;
use super::objective::{StateError, StepError, Terms};
use super::progress::EpochRecord;
use super::store::LoadError;
use crate::analysis::items::Items;
use crate::analysis::leakage::Finding;
use crate::analysis::split::{Plan as Protocols, ProtocolError, Split, take_validation};
use crate::experiment::Experiment;
use crate::gpu::{Compute, ComputeThread, GpuError};
use crate::model::card::Card;
use crate::model::molclip::MolClip;
use crate::model::molecule_encoder::FeatureError;
use crate::model::weights::WeightsError;
use crate::progress::Cancelled;

pub use super::molclip::train;

/// Usual time between two checkpoints inside of an epoch.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// A training ended without a model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The rows.
    #[error(transparent)]
    Data(#[from] DatasetError),
    /// A video, in the middle of the training.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A structure.
    #[error(transparent)]
    Structure(#[from] FeatureError),
    /// A loss is no number.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Writing the model.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Reading the model of a training that is finished already.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// Memory did not suffice, even for the smallest parts of a batch.
    #[error(
        "memory does not suffice for the smallest part of a batch. Choose a smaller encoder, fewer frames or a smaller size"
    )]
    OutOfMemory,
    /// The weights.
    #[error("the training's weights could not be packed, or taken up again: {0}")]
    State(#[from] StateError),
    /// What is to be asked later would be trained on.
    #[error("the split leaks, so that scores would be void: {0}")]
    Leak(String),
    /// There are no rows with what is to be learnt.
    #[error("no batch can be made: {0}")]
    NoBatch(String),
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

impl TrainError {
    /// True for an error that a smaller batch may avoid.
    pub(super) fn is_memory(&self) -> bool {
        let (Self::Device(device)
        | Self::Step(StepError::Device(device))
        | Self::Load(LoadError::Device(device))) = self
        else {
            return false;
        };
        matches!(device, GpuError::OutOfMemory { .. })
    }
}

/// What is trained on what, and where.
#[derive(Debug)]
pub struct Run {
    /// How.
    pub config: Config,
    /// Rows.
    pub experiment: Arc<Experiment>,
    /// Rows with labels.
    pub items: Items,
    /// Part of each of them.
    pub splits: Vec<Option<Split>>,
    /// Folder for checkpoints and the model.
    pub out: TrainingFolder,
    /// Name of the model.
    pub name: String,
    /// A model to start from; its input and encoder count, not the configuration's.
    pub start: Option<(MolClip, Card)>,
    /// Device.
    pub compute: Compute,
    /// Thread.
    pub thread: ComputeThread,
    /// Time between two checkpoints inside of an epoch; what is trained does not depend on it.
    pub checkpoint_every: Duration,
}

/// What happens on the way.
#[derive(Debug, Clone)]
pub enum Event {
    /// The videos are read.
    Ready {
        /// Rows trained on.
        train: usize,
        /// Rows validated on.
        validation: usize,
        /// Drugs.
        drugs: usize,
        /// Mechanisms.
        moas: usize,
        /// Rows that cannot be used and why.
        problems: Vec<(String, String)>,
        /// Steps of the whole training.
        steps: usize,
    },
    /// What the search for leaks between the parts of the split found; errors end the training.
    Leaks(Vec<Finding>),
    /// This training was finished before: its model is given, nothing is trained.
    Finished,
    /// Goes on from a checkpoint.
    Resumed {
        /// Steps done.
        step: usize,
    },
    /// Batches are computed in more parts, as memory did not suffice.
    Halved {
        /// Parts.
        parts: usize,
    },
    /// A step.
    Step(StepReport),
    /// An epoch.
    Epoch(EpochRecord),
    /// Embeddings of the validation's rows in two dimensions (principal components).
    Map {
        /// Table rows.
        rows: Vec<usize>,
        /// Coordinates.
        points: Vec<[f32; 2]>,
    },
}

/// A step.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Name of the stage.
    pub stage: &'static str,
    /// Epoch of the stage, from 1.
    pub epoch: usize,
    /// Steps so far.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// What the objective measured in it.
    pub losses: Terms,
    /// Learning rate.
    pub rate: f64,
    /// Rows per second.
    pub rows_per_s: f64,
    /// Part of the time that the compute thread waited for batches, 0 to 1.
    pub waited: f64,
    /// Seconds left.
    pub seconds_left: f64,
}

/// A finished training.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The best weights, on the compute device.
    pub model: MolClip,
    /// Their card.
    pub card: Card,
    /// Epoch by epoch.
    pub history: Vec<EpochRecord>,
    /// Part of the time that the compute thread waited for batches, 0 to 1.
    pub waited: f64,
}

fn noted(plan: &Protocols) -> Option<String> {
    (!plan.notes.is_empty()).then(|| plan.notes.join(" "))
}

/// The part of each item by the table or the configuration's protocol and seed. Where the protocol has nothing to hold
/// out, all rows are trained on but some to validate on; then a note says so, and what else a reader should know.
pub fn splits(items: &Items, config: &Config) -> Result<(Vec<Option<Split>>, Option<String>), ProtocolError> {
    let trains = |split: Split| items.items.iter().any(|item| item.split == Some(split));
    if trains(Split::Train) {
        let mut splits: Vec<_> = items.items.iter().map(|item| item.split).collect();
        if !trains(Split::Val) {
            take_validation(items, &mut splits, config.protocol.part(), config.seed);
        }
        // Says what straddles; query and gallery need not be there to train.
        return match Protocols::of(items, config.protocol, splits.clone(), "table".to_owned()) {
            Err(e @ ProtocolError::Straddles { .. }) => Err(e),
            plan => Ok((splits, plan.ok().and_then(|plan| noted(&plan)))),
        };
    }
    match Protocols::new(items, config.protocol, config.seed) {
        Ok(plan) => {
            let note = noted(&plan);
            Ok((plan.splits, note))
        }
        Err(ProtocolError::Empty { .. }) => {
            let mut splits = vec![Some(Split::Train); items.len()];
            take_validation(items, &mut splits, config.protocol.part(), config.seed);
            let note = format!(
                "Nothing can be held out as {} asks: all rows are trained on.",
                config.protocol.label()
            );
            Ok((splits, Some(note)))
        }
        Err(e) => Err(e),
    }
}

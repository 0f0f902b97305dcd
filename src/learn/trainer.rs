//! One step after the other: forward, losses, backward, weights.
//!
//! Everything here runs on the compute thread. A step depends on the weights, the optimizer's state, the batch and the
//! numbers given to it alone, so that a training that was stopped goes on bit by bit as if it had not been.

use burn::module::{Module, Param};
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{
    AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer, SgdConfig, decay::WeightDecayConfig,
};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::config::{Config, Contrast, Molecules, OptimizerKind};
use super::inputs::Inputs;
use super::sampler::Stage;
use crate::gpu::GpuError;
use crate::model::losses::{
    accuracy, batch_hard_triplet, center, classification, labelled, share_label, targets,
    video_all_molecules, video_molecule,
};
use crate::model::molclip::{MolClip, Sizes};
use crate::model::molecule_encoder::MoleculeFeatures;

/// Learning rate of the centres, as `MitoReID`; the loss's weight does not touch it.
const CENTER_RATE: f64 = 0.05;

/// Training cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// A loss is no number.
    #[error(
        "training diverged in step {step}: the {term} loss is {value}. Lower the learning rate (it was {rate:.2e}), or the \
         weight of this loss; the best weights so far are kept"
    )]
    Diverged {
        /// Step, from 1.
        step: usize,
        /// Which loss.
        term: &'static str,
        /// Its value.
        value: f32,
        /// Learning rate.
        rate: f64,
    },
    /// The GPU cannot make the input.
    #[error(transparent)]
    Device(#[from] GpuError),
}

/// Labels and inputs of some videos.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What the network gets.
    pub videos: Inputs,
    /// Class of each video's drug.
    pub drugs: Vec<usize>,
    /// Classes of each video's mechanisms.
    pub moas: Vec<Vec<usize>>,
}

/// The terms of the loss, weighted as they were added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Sum.
    pub total: f32,
    /// Classification.
    pub classification: f32,
    /// Triplets.
    pub triplet: f32,
    /// Centres.
    pub center: f32,
    /// Videos against molecules.
    pub molecule: f32,
    /// Part of the batch that the classifier got right, 0 to 1.
    pub accuracy: f32,
}

/// The centres of drugs and mechanisms in the space of `f_t`. They serve training alone.
#[derive(Module, Debug)]
struct Centers {
    drug: Param<Tensor<2>>,
    moa: Param<Tensor<2>>,
}

/// What is changed by training.
pub struct Trainer {
    model: MolClip,
    optimizer: ModuleOptimizer,
    centers: Centers,
    center_optimizer: ModuleOptimizer,
    molecules: MoleculeFeatures,
    config: Config,
    sizes: Sizes,
    dmso: Option<usize>,
    device: Device,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// What a batch needs on its way through the losses.
struct Step<'a> {
    stage: Stage,
    drop_dmso: bool,
    scale: f32,
    batch: &'a Batch,
}

impl Trainer {
    /// Fresh weights by the configuration's seed, or those of `start`. `dmso` is the drug class of the solvent.
    pub fn new(
        config: &Config,
        sizes: &Sizes,
        molecules: MoleculeFeatures,
        dmso: Option<usize>,
        start: Option<MolClip>,
        device: &Device,
    ) -> Self {
        let device = device.clone().autodiff();
        device.seed(config.seed);
        let model = MolClip::new(sizes, &device);
        let model = match start {
            Some(start) => model.with_encoders_of(start.to_device(&device).train()),
            None => model,
        };
        let features = sizes.encoder.features();
        // All at the origin: random centres would first pull the classes to random places.
        let origin = |classes: usize| Param::from_tensor(Tensor::zeros([classes.max(1), features], &device));
        let centers = Centers { drug: origin(sizes.drugs), moa: origin(sizes.moas) };
        Self {
            model,
            optimizer: optimizer(config),
            centers,
            center_optimizer: SgdConfig::new().init(),
            molecules,
            config: config.clone(),
            sizes: sizes.clone(),
            dmso,
            device,
        }
    }

    /// One step. `rate` is the learning rate, `step` counts from 1 for messages, `drop_dmso` leaves out what looks like
    /// DMSO.
    pub fn step(
        &mut self,
        batch: &Batch,
        stage: Stage,
        rate: f64,
        step: usize,
        drop_dmso: bool,
    ) -> Result<Terms, StepError> {
        let parts = split(batch, self.config.accumulate, self.config.batch_videos);
        let scale = 1.0 / parts.len().max(1) as f32;
        let mut gradients = GradientsAccumulator::new();
        let mut center_gradients = GradientsAccumulator::new();
        let mut sum = Terms::default();
        for part in &parts {
            let step_of = Step { stage, drop_dmso, scale, batch: part };
            let (terms, loss) = self.losses(&step_of)?;
            for (term, value) in terms.named() {
                if !value.is_finite() {
                    return Err(StepError::Diverged { step, term, value, rate });
                }
            }
            sum.add(&terms);
            let mut all = loss.backward();
            center_gradients.accumulate(&self.centers, GradientsParams::from_module(&mut all, &self.centers));
            gradients.accumulate(&self.model, GradientsParams::from_module(&mut all, &self.model));
        }
        self.model = self.optimizer.step(rate, self.model.clone(), gradients.grads());
        if self.config.losses.center > 0.0 {
            // The gradient holds the loss's weight, which the centres' own rate does not know.
            let rate = CENTER_RATE / f64::from(self.config.losses.center);
            self.centers = self.center_optimizer.step(rate, self.centers.clone(), center_gradients.grads());
        }
        Ok(sum)
    }

    /// The loss of a part of a batch, with its terms read back.
    fn losses(&self, step: &Step) -> Result<(Terms, Tensor<1>), GpuError> {
        let (batch, device) = (step.batch, &self.device);
        let encoded = self.model.encode(batch.videos.clone().tensor(device)?);
        let drug_labels: Vec<[usize; 1]> = batch.drugs.iter().map(|&drug| [drug]).collect();
        let (logits, mut labels, centers) = match step.stage {
            Stage::Drug => (
                self.model.drug_classifier.forward(encoded.embedding.clone()),
                targets(&drug_labels, self.sizes.drugs, device),
                self.centers.drug.val(),
            ),
            Stage::Moa => (
                self.model.moa_classifier.forward(encoded.embedding.clone()),
                targets(&batch.moas, self.sizes.moas, device),
                self.centers.moa.val(),
            ),
        };
        if step.drop_dmso
            && let Some(kept) = self.unlike_dmso(&encoded.embedding, &batch.drugs)
        {
            labels = labels * kept;
        }
        let weights = &self.config.losses;
        let right = accuracy(logits.clone(), &labels);
        let id = classification(logits, labels.clone(), weights.smoothing);
        let mut terms = vec![id];
        let zero = || Tensor::<1>::zeros([1], device);
        terms.push(if weights.triplet > 0.0 {
            let valid = labelled(&labels);
            batch_hard_triplet(encoded.metric.clone(), share_label(&labels), valid, weights.margin)
                * weights.triplet
        } else {
            zero()
        });
        terms.push(if weights.center > 0.0 {
            center(encoded.metric, centers, labels) * weights.center
        } else {
            zero()
        });
        terms.push(if self.config.molecules == Molecules::None || weights.molecule == 0.0 {
            zero()
        } else {
            self.molecule_loss(encoded.embedding, &batch.drugs, &drug_labels) * weights.molecule
        });
        let read = Tensor::cat(terms.iter().cloned().chain([right]).collect(), 0).detach().into_data();
        let read: Vec<f32> = read.iter::<f32>().collect();
        let total = terms.into_iter().reduce(|a, b| a + b).unwrap_or_else(zero) * step.scale;
        let of = |index: usize| read.get(index).copied().unwrap_or(f32::NAN) * step.scale;
        let terms = Terms {
            total: (0..4).map(of).sum(),
            classification: of(0),
            triplet: of(1),
            center: of(2),
            molecule: of(3),
            accuracy: of(4),
        };
        Ok((terms, total))
    }

    /// `L_vm` on drug labels, in both stages.
    fn molecule_loss(&self, embedding: Tensor<2>, drugs: &[usize], labels: &[[usize; 1]]) -> Tensor<1> {
        let batch = match self.config.contrast {
            Contrast::Batch => self.molecules.batch(drugs),
            Contrast::All => self.molecules.all(),
        };
        if batch.is_empty() {
            return Tensor::zeros([1], &self.device);
        }
        let videos = self.model.project_video(embedding);
        let molecules = self.model.project_molecules(&batch.to_device(&self.device));
        let temperature = self.model.inverse_temperature();
        match self.config.contrast {
            Contrast::Batch => {
                // One column per video, as the formula: a drug weighs as often as it is in the batch.
                let same = targets(labels, self.sizes.drugs, &self.device);
                let known = batch.known(&self.device);
                video_molecule(videos, batch.spread(molecules), share_label(&same), known, temperature)
            }
            Contrast::All => {
                let place = |drug: &usize| batch.drugs().binary_search(drug).ok().into_iter().collect();
                let places: Vec<Vec<usize>> = drugs.iter().map(place).collect();
                let targets = targets(&places, batch.len(), &self.device);
                video_all_molecules(videos, molecules, targets, temperature, self.config.losses.smoothing)
            }
        }
    }

    /// 1 for videos to learn from, 0 for those of other drugs that look like DMSO: `[batch, 1]`.
    fn unlike_dmso(&self, embedding: &Tensor<2>, drugs: &[usize]) -> Option<Tensor<2>> {
        let dmso = self.dmso?;
        let logits = self.model.drug_classifier.forward(embedding.clone().detach());
        let read = logits.argmax(1).into_data();
        let looks: Vec<i64> = read.iter::<i64>().collect();
        let kept: Vec<f32> = drugs
            .iter()
            .zip(looks)
            .map(|(&drug, looks)| if drug != dmso && looks == dmso as i64 { 0.0 } else { 1.0 })
            .collect();
        Some(Tensor::from_data(TensorData::new(kept, [drugs.len(), 1]), &self.device))
    }

    /// The model as it is used: running statistics of batch norms brought up to date, nothing tracked.
    pub fn model(&self) -> MolClip {
        self.model.valid()
    }

    /// Puts other weights in the place of the model's, such as the best so far.
    pub fn set_model(&mut self, model: MolClip) {
        self.model = model.to_device(&self.device).train();
    }

    /// Weights and optimizer state as bytes: model, optimizer, centres.
    pub fn state(&self) -> Result<TrainerState, burn::store::RecordError> {
        // Without this the running statistics that are saved are those of some steps before.
        let _ = self.model.valid();
        Ok(TrainerState {
            model: self.model.clone().into_record().into_bytes()?.to_vec(),
            optimizer: self.optimizer.into_bytes()?.to_vec(),
            centers: self.centers.clone().into_record().into_bytes()?.to_vec(),
        })
    }

    /// Goes on from [`Self::state`].
    pub fn restore(&mut self, state: TrainerState) -> Result<(), burn::store::RecordError> {
        use burn::store::ModuleRecord;
        use burn::tensor::Bytes;
        let record = |bytes: Vec<u8>| ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes));
        self.model = self.model.clone().try_load_record(record(state.model)?)?;
        self.centers = self.centers.clone().try_load_record(record(state.centers)?)?;
        let fresh = optimizer(&self.config);
        self.optimizer = fresh.from_bytes(Bytes::from_bytes_vec(state.optimizer))?;
        Ok(())
    }
}

/// What a checkpoint holds of the trainer, as burnpack.
#[derive(Debug, Clone)]
pub struct TrainerState {
    /// Weights.
    pub model: Vec<u8>,
    /// Moments.
    pub optimizer: Vec<u8>,
    /// Centres.
    pub centers: Vec<u8>,
}

impl Terms {
    fn named(&self) -> [(&'static str, f32); 4] {
        [
            ("classification", self.classification),
            ("triplet", self.triplet),
            ("center", self.center),
            ("video-molecule", self.molecule),
        ]
    }

    /// Adds each term.
    pub fn add(&mut self, other: &Self) {
        self.total += other.total;
        self.classification += other.classification;
        self.triplet += other.triplet;
        self.center += other.center;
        self.molecule += other.molecule;
        self.accuracy += other.accuracy;
    }

    /// Each term times a factor.
    #[must_use]
    pub fn times(&self, factor: f32) -> Self {
        Self {
            total: self.total * factor,
            classification: self.classification * factor,
            triplet: self.triplet * factor,
            center: self.center * factor,
            molecule: self.molecule * factor,
            accuracy: self.accuracy * factor,
        }
    }
}

fn optimizer(config: &Config) -> ModuleOptimizer {
    let clipping = Some(GradientClippingConfig::Norm(config.clip_gradient));
    match config.optimizer {
        OptimizerKind::AdamW => AdamWConfig::new()
            .with_weight_decay(config.weight_decay)
            .with_epsilon(1e-8)
            .with_grad_clipping(clipping)
            .init(),
        OptimizerKind::Sgd => SgdConfig::new()
            .with_weight_decay(Some(WeightDecayConfig::new(config.weight_decay)))
            .with_momentum(Some(MomentumConfig::new().with_dampening(0.0).with_nesterov(true)))
            .with_gradient_clipping(clipping)
            .init(),
    }
}

/// Parts of a batch with whole drugs in each; `videos` of a drug stand in a row.
fn split(batch: &Batch, parts: usize, videos: usize) -> Vec<Batch> {
    let count = batch.drugs.len();
    // A part of a single drug has no negatives.
    let share = (count / videos.max(1)).div_ceil(parts.max(1)).max(2) * videos.max(1);
    (0..count)
        .step_by(share)
        .map(|from| {
            let to = (from + share).min(count);
            Batch {
                videos: batch.videos.part(from..to),
                drugs: batch.drugs[from..to].to_vec(),
                moas: batch.moas[from..to].to_vec(),
            }
        })
        .collect()
}

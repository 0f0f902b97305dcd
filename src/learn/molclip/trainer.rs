//! What MolCLIP minimises: classes of drugs and of mechanisms, triplets, centres, videos against molecules.

use burn::module::{Module, Param};
use burn::optim::grad_clipping::GradientClippingConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{
    AdamWConfig, GradientsAccumulator, GradientsParams, ModuleOptimizer, SgdConfig, decay::WeightDecayConfig,
};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};

use super::examples::MolClipExamples;
use crate::gpu::GpuError;
use crate::learn::config::{Config, Contrast, Molecules, OptimizerKind};
use crate::learn::infer::embed;
use crate::learn::inputs::Inputs;
use crate::learn::objective::{Objective, Parts, StateError, StepError, StepPlace, Terms};
use crate::learn::sampler::Stage;
use crate::model::losses::{
    accuracy, batch_hard_triplet, center, classification, labelled, share_label, targets,
    video_all_molecules, video_molecule,
};
use crate::model::molclip::{MolClip, Sizes};
use crate::model::molecule_encoder::MoleculeFeatures;

/// Learning rate of the centres, as `MitoReID`; the loss's weight does not touch it.
const CENTER_RATE: f64 = 0.05;

/// The losses by name, and what a message calls them.
const LOSSES: [(&str, &str); 4] = [
    ("classification", "classification"),
    ("triplet", "triplet"),
    ("center", "center"),
    ("molecule", "video-molecule"),
];

/// Labels and inputs of some videos.
#[derive(Debug, Clone)]
pub struct Batch {
    /// What is learnt from them.
    pub stage: Stage,
    /// What the network gets.
    pub videos: Inputs,
    /// Class of each video's drug.
    pub drugs: Vec<usize>,
    /// Classes of each video's mechanisms.
    pub moas: Vec<Vec<usize>>,
}

/// The centres of drugs and mechanisms in the space of `f_t`. They serve training alone.
#[derive(Module, Debug)]
struct Centers {
    drug: Param<Tensor<2>>,
    moa: Param<Tensor<2>>,
}

/// What fresh weights are made from.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// How.
    pub config: Config,
    /// Of the network.
    pub sizes: Sizes,
    /// Structure of each drug class.
    pub molecules: MoleculeFeatures,
    /// Drug class of the solvent.
    pub dmso: Option<usize>,
    /// A model whose encoders are taken over; the weights are drawn from the configuration's seed without one.
    pub start: Option<MolClip>,
    /// Who computes, without gradients.
    pub device: Device,
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
    parts: usize,
    /// Without gradients.
    plain: Device,
    /// With gradients.
    device: Device,
}

impl std::fmt::Debug for Trainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}

/// What a batch needs on its way through the losses.
struct Step<'a> {
    drop_dmso: bool,
    scale: f32,
    batch: &'a Batch,
}

impl Objective for Trainer {
    type Examples = MolClipExamples;
    type Blueprint = Blueprint;
    type Model = MolClip;

    /// The losses are weighted as they are added up; the accuracy is the part of the batch that the classifier got right,
    /// 0 to 1.
    const TERMS: &'static [&'static str] =
        &["total", "classification", "triplet", "center", "molecule", "accuracy"];

    fn fresh(blueprint: Blueprint, parts: usize) -> Self {
        let Blueprint { config, sizes, molecules, dmso, start, device: plain } = blueprint;
        let device = plain.clone().autodiff();
        device.seed(config.seed);
        let model = MolClip::new(&sizes, &device);
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
            optimizer: optimizer(&config),
            centers,
            center_optimizer: SgdConfig::new().init(),
            molecules,
            config,
            sizes,
            dmso,
            parts,
            plain,
            device,
        }
    }

    fn step(&mut self, batch: &Batch, place: &StepPlace) -> Result<Terms, StepError> {
        let &StepPlace { epoch, step, rate } = place;
        let drop_dmso = self.config.drop_inactive && epoch as f64 >= self.config.warmup_epochs;
        let parts = split(batch, self.parts, self.config.batch_videos);
        let scale = 1.0 / parts.len().max(1) as f32;
        let mut gradients = GradientsAccumulator::new();
        let mut center_gradients = GradientsAccumulator::new();
        let mut sum = Terms::zeros(Self::TERMS);
        for part in &parts {
            let (terms, loss) = self.losses(&Step { drop_dmso, scale, batch: part })?;
            for (name, term) in LOSSES {
                let value = terms.get(name);
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

    fn outputs(&self, videos: Inputs) -> Result<Vec<f32>, GpuError> {
        embed(&self.model.valid(), &self.plain, videos)
    }

    /// Burnpack: weights, moments, centres.
    fn state(&self) -> Result<Parts, StateError> {
        // Without this the running statistics that are saved are those of some steps before.
        let _ = self.model.valid();
        let parts = [
            ("model", self.model.clone().into_record().into_bytes()?),
            ("optimizer", self.optimizer.into_bytes()?),
            ("centers", self.centers.clone().into_record().into_bytes()?),
        ];
        Ok(parts.into_iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect())
    }

    fn restore(&mut self, mut state: Parts) -> Result<(), StateError> {
        let mut part = |name: &str| {
            state.remove(name).ok_or_else(|| StateError(format!("the checkpoint has no part {name}")))
        };
        self.model = self.model.clone().try_load_record(record(part("model")?)?)?;
        self.centers = self.centers.clone().try_load_record(record(part("centers")?)?)?;
        self.optimizer = optimizer(&self.config).from_bytes(Bytes::from_bytes_vec(part("optimizer")?))?;
        Ok(())
    }

    fn weights(&self) -> Result<Vec<u8>, StateError> {
        Ok(self.model.valid().into_record().into_bytes()?.to_vec())
    }

    /// Running statistics of batch norms brought up to date, nothing tracked.
    fn model(&self, weights: Option<Vec<u8>>) -> Result<MolClip, StateError> {
        let model = self.model.valid();
        match weights {
            Some(weights) => Ok(model.try_load_record(record(weights)?)?),
            None => Ok(model),
        }
    }
}

impl Trainer {
    /// The loss of a part of a batch, with its terms read back.
    fn losses(&self, step: &Step) -> Result<(Terms, Tensor<1>), GpuError> {
        let (batch, device) = (step.batch, &self.device);
        let encoded = self.model.encode(batch.videos.clone().tensor(device)?);
        let drug_labels: Vec<[usize; 1]> = batch.drugs.iter().map(|&drug| [drug]).collect();
        let (logits, mut labels, centers) = match batch.stage {
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
        let terms = Terms::of(&[
            ("total", (0..4).map(of).sum()),
            ("classification", of(0)),
            ("triplet", of(1)),
            ("center", of(2)),
            ("molecule", of(3)),
            ("accuracy", of(4)),
        ]);
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
}

fn record(bytes: Vec<u8>) -> Result<ModuleRecord, StateError> {
    Ok(ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))?)
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
                stage: batch.stage,
                videos: batch.videos.part(from..to),
                drugs: batch.drugs[from..to].to_vec(),
                moas: batch.moas[from..to].to_vec(),
            }
        })
        .collect()
}

//! What is learnt from: rows with labels, their videos, how their intensities are scaled.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use super::brightness::{Brightness, Dark, scale};
use super::config::{Config, ConfigError};
use super::inputs::Seen;
use super::sampler::Label;
use super::store::{ClipStore, LoadError, clip_budget};
use crate::analysis::items::{Item, Items};
use crate::analysis::split::Split;
use crate::experiment::Experiment;
use crate::model::card::{DrugClass, InputSpec};
use crate::model::input::{Intensity, View};
use crate::model::limits::SCALE;
use crate::progress::{Cancelled, Progress};

/// An experiment cannot be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Too little is labelled.
    #[error("{found} in the training split; at least two are needed. {remedy}")]
    TooFew {
        /// What was found.
        found: String,
        /// What to do, a whole sentence.
        remedy: &'static str,
    },
    /// Most videos cannot be read.
    #[error("{failed} of {rows} videos cannot be read, the first: {first}")]
    Unreadable {
        /// How many.
        failed: usize,
        /// Of how many.
        rows: usize,
        /// Why the first one.
        first: LoadError,
    },
    /// There is no light in the videos that the intensity is measured on.
    #[error(transparent)]
    Dark(#[from] Dark),
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

/// A row to learn from or to validate on.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The row.
    pub item: Item,
    /// What it is an example of.
    pub label: Label,
    /// Index into the intensity scalings.
    pub group: usize,
}

/// Rows with labels, videos and scalings.
#[derive(Debug)]
pub struct Dataset {
    /// What the network gets.
    pub spec: InputSpec,
    /// Rows to train on.
    pub train: Vec<Sample>,
    /// Rows to validate on; drugs that are not trained on.
    pub validation: Vec<Sample>,
    /// Classes of drugs.
    pub drugs: Vec<DrugClass>,
    /// Classes of mechanisms; none where drugs alone are learnt and no mechanism is known.
    pub moas: Vec<String>,
    /// Scalings of each group and channel.
    pub intensities: Vec<Vec<Intensity>>,
    /// Rows that were left out and why.
    pub problems: Vec<(String, String)>,
    /// BLAKE3 of each row's clip, for the search for copies.
    pub contents: HashMap<usize, [u8; 32]>,
    /// What each row's clip looks like by [`near::of`](super::near::of), likewise.
    pub near: HashMap<usize, Vec<f32>>,
    /// Clips of all of these.
    pub store: ClipStore,
}

/// The rows that are used, with what is known of each.
#[derive(Clone, Copy)]
struct Rows<'a> {
    items: &'a [&'a Item],
    splits: &'a [Split],
    groups: &'a [usize],
    brightness: &'a [Option<Brightness>],
}

impl Dataset {
    /// Reads all videos of the training and validation split once, and measures them. `fixed` is the input of a model
    /// that is trained further; without it the configuration says what the input is, and mean and deviation are measured.
    ///
    /// Steps of `progress` are videos.
    pub fn new(
        experiment: &Arc<Experiment>,
        all: &Items,
        splits: &[Option<Split>],
        config: &Config,
        fixed: Option<InputSpec>,
        progress: &Progress,
    ) -> Result<Self, DatasetError> {
        config.check()?;
        let parts = all.items.iter().zip(splits).filter_map(|(item, split)| Some((item, (*split)?)));
        let (asked, parts): (Vec<_>, Vec<_>) = parts.partition(|(_, split)| !split.is_seen());
        let (items, splits): (Vec<&Item>, Vec<Split>) = parts.into_iter().unzip();
        let is_fixed = fixed.is_some();
        let spec = fixed.unwrap_or_else(|| config.spec(usual_interval(experiment, &items)));
        let channels = spec.channels.len();
        let store = ClipStore::new(Arc::clone(experiment), spec.clone(), clip_budget());
        progress.set_total((items.len() + asked.len()) as u64);
        let read: Vec<Result<Brightness, LoadError>> = items
            .par_iter()
            .map(|item| {
                progress.check()?;
                let brightness = store.get(item.row).map(|clip| Brightness::of(&clip, channels));
                progress.add(1);
                Ok(brightness)
            })
            .collect::<Result<_, Cancelled>>()?;
        // Nothing of queries and gallery is used but what they show, to find copies in training.
        let others = ClipStore::new(Arc::clone(experiment), spec.clone(), 0);
        let seen: Vec<(usize, Brightness)> = asked
            .par_iter()
            .map(|(item, _)| {
                progress.check()?;
                let seen = others.get(item.row).ok().map(|clip| (item.row, Brightness::of(&clip, 0)));
                progress.add(1);
                Ok(seen)
            })
            .filter_map(Result::transpose)
            .collect::<Result<_, Cancelled>>()?;
        let contents = seen.iter().map(|(row, of)| (*row, of.content)).collect();
        let near = seen.into_iter().map(|(row, of)| (row, of.near)).collect();
        let mut problems = Vec::new();
        let mut first = None;
        let mut brightness = Vec::with_capacity(read.len());
        for (item, read) in items.iter().zip(read) {
            match read {
                Ok(of) => brightness.push(Some(of)),
                Err(e) => {
                    problems.push((item.row_id.clone(), e.to_string()));
                    first.get_or_insert(e);
                    brightness.push(None);
                }
            }
        }
        if let Some(first) = first
            && problems.len() * 2 > items.len()
        {
            return Err(DatasetError::Unreadable { failed: problems.len(), rows: items.len(), first });
        }
        let (groups, intensities) = scale(&items, &all.replicates, &brightness, channels)?;
        let mut data = Self {
            spec,
            train: Vec::new(),
            validation: Vec::new(),
            drugs: Vec::new(),
            moas: Vec::new(),
            intensities,
            problems,
            contents,
            near,
            store,
        };
        let rows = Rows { items: &items, splits: &splits, groups: &groups, brightness: &brightness };
        data.label(all, rows);
        if !is_fixed {
            data.normalise(rows);
        }
        data.check(config)?;
        Ok(data)
    }

    fn label(&mut self, all: &Items, rows: Rows) {
        let Rows { items, splits, groups, brightness } = rows;
        let readable = || (0..items.len()).filter(|&index| brightness[index].is_some());
        let trained = || readable().filter(|&index| splits[index] == Split::Train);
        let mut moas_of: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for index in trained() {
            if let Some(compound) = items[index].compound {
                moas_of.entry(compound).or_default().extend(&items[index].moas);
            }
        }
        let used: BTreeSet<usize> = moas_of.values().flatten().copied().collect();
        let class_of: HashMap<usize, usize> = moas_of.keys().copied().zip(0..).collect();
        let moa_of: HashMap<usize, usize> = used.iter().copied().zip(0..).collect();
        for index in readable() {
            let item = items[index];
            let label = Label {
                drug: item.compound.and_then(|compound| class_of.get(&compound).copied()),
                moas: item.moas.iter().filter_map(|moa| moa_of.get(moa).copied()).collect(),
            };
            let sample = Sample { item: item.clone(), label, group: groups[index] };
            if let Some(brightness) = &brightness[index] {
                self.contents.insert(item.row, brightness.content);
                self.near.insert(item.row, brightness.near.clone());
            }
            if splits[index] == Split::Train {
                self.train.push(sample);
            } else {
                self.validation.push(sample);
            }
        }
        self.moas = used.iter().map(|&moa| all.moas[moa].clone()).collect();
        let class = |(compound, moas): (usize, BTreeSet<usize>)| {
            let compound = &all.compounds[compound];
            DrugClass {
                name: compound.name.clone(),
                skeleton: compound.skeleton.clone().unwrap_or_default(),
                smiles: compound.smiles.clone().unwrap_or_default(),
                moas: moas.iter().map(|&moa| all.moas[moa].clone()).collect(),
            }
        };
        self.drugs = moas_of.into_iter().map(class).collect();
    }

    /// Mean and deviation of the scaled training videos.
    fn normalise(&mut self, rows: Rows) {
        let Rows { splits, groups, brightness, .. } = rows;
        for channel in 0..self.spec.channels.len() {
            let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
            for (index, split) in splits.iter().enumerate() {
                let Some(of) = &brightness[index] else { continue };
                if *split == Split::Train {
                    let (mean, square) =
                        of.channels[channel].scaled(self.intensities[groups[index]][channel]);
                    (sum, squares, n) = (sum + mean, squares + square, n + 1.0);
                }
            }
            let n = f64::max(n, 1.0);
            let mean = sum / n;
            self.spec.mean[channel] = mean as f32;
            self.spec.std[channel] = (squares / n - mean * mean).max(1e-12).sqrt() as f32;
        }
    }

    fn check(&self, config: &Config) -> Result<(), DatasetError> {
        if self.drugs.len() < 2 {
            return Err(DatasetError::TooFew {
                found: format!("{} compounds", self.drugs.len()),
                remedy: "Name the compounds, or choose another split.",
            });
        }
        if config.moa_epochs > 0 && self.moas.len() < 2 {
            return Err(DatasetError::TooFew {
                found: format!("{} mechanisms of action", self.moas.len()),
                remedy: "Fill in the column moa, or train on drugs alone (moa_epochs 0).",
            });
        }
        Ok(())
    }

    /// A sample as it is asked of an [`InputMaker`](super::inputs::InputMaker).
    pub fn seen(&self, sample: &Sample, view: View) -> Seen<'_> {
        Seen { row: sample.item.row, intensity: &self.intensities[sample.group], view }
    }
}

/// Median of the intervals that rows or, for the first rows, files give; 1 s if none does.
fn usual_interval(experiment: &Experiment, items: &[&Item]) -> f64 {
    let positive = |value: &f64| SCALE.contains(value);
    let mut known: Vec<f64> = items
        .iter()
        .filter_map(|item| experiment.table.number(item.row, "interval_s"))
        .filter(positive)
        .collect();
    if known.is_empty() {
        let of_file = |item: &&Item| {
            let address = experiment.address(item.row).ok()?;
            let recording = crate::video::Recording::open(&address, crate::video::Limits::default()).ok()?;
            let times = recording.times_s()?;
            Some((times.last()? - times.first()?) / (times.len() - 1).max(1) as f64)
        };
        known = items.iter().take(20).filter_map(of_file).filter(positive).collect();
    }
    known.sort_by(f64::total_cmp);
    known.get(known.len() / 2).copied().unwrap_or(1.0)
}

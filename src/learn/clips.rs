//! Clips of an experiment's rows at a model's scale, and how their intensities are scaled together.

use std::sync::Arc;

use rayon::prelude::*;

use super::brightness::{Brightness, scale};
use super::encoder::{Baseline, EncodeError, Encoded, Rows};
use super::infer::{BATCH, MolClipEncoder};
use super::inputs::{InputMaker, Seen};
use super::store::{ClipStore, LoadError, clip_budget};
use crate::model::card::InputSpec;
use crate::model::input::{Frames, Intensity, View};
use crate::progress::{Cancelled, Progress};

/// The rows that could be read.
#[derive(Debug)]
pub(super) struct Clips {
    rows: Vec<usize>,
    row_ids: Vec<String>,
    problems: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
    brightness: Vec<Brightness>,
    groups: Vec<usize>,
    intensities: Vec<Vec<Intensity>>,
    spec: InputSpec,
    store: ClipStore,
}

impl Clips {
    /// Reads rows. The intensities are scaled by these alone. Steps of `progress` are videos.
    pub fn read(rows: &Rows, spec: &InputSpec, progress: &Progress) -> Result<Self, EncodeError> {
        let channels = spec.channels.len();
        let store = ClipStore::new(Arc::clone(rows.experiment), spec.clone(), clip_budget());
        progress.set_total(rows.items.len() as u64);
        let read: Vec<Result<(Brightness, Option<String>), LoadError>> = rows
            .items
            .par_iter()
            .map(|item| {
                progress.check()?;
                let of = |clip: Arc<_>| (Brightness::of(&clip, channels), clip.mismatch.warning());
                let brightness = store.get(item.row).map(of);
                progress.add(1);
                Ok(brightness)
            })
            .collect::<Result<_, Cancelled>>()?;
        let (mut items, mut brightness) = (Vec::new(), Vec::new());
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (item, read) in rows.items.iter().zip(read) {
            match read {
                Ok((of, warning)) => {
                    items.push(item);
                    brightness.push(Some(of));
                    warnings.extend(warning.map(|text| (item.row_id.clone(), text)));
                }
                Err(e) => problems.push((item.row_id.clone(), e.to_string())),
            }
        }
        if items.is_empty() {
            let first = problems.first().map(|(_, problem)| problem.clone());
            return Err(first
                .map_or(EncodeError::Empty, |first| EncodeError::Nothing { rows: rows.items.len(), first }));
        }
        let (groups, intensities) = scale(&items, rows.replicates, &brightness, channels)
            .map_err(|dark| EncodeError::Scale(dark.to_string()))?;
        Ok(Self {
            rows: items.iter().map(|item| item.row).collect(),
            row_ids: items.iter().map(|item| item.row_id.clone()).collect(),
            problems,
            warnings,
            brightness: brightness.into_iter().flatten().collect(),
            groups,
            intensities,
            spec: spec.clone(),
            store,
        })
    }

    /// Encodes all of them, and, if they are asked for, what a single frame, shuffled frames and the mean intensity give.
    pub fn encode(
        self,
        encoder: &MolClipEncoder,
        rows: &Rows,
        progress: &Progress,
    ) -> Result<Encoded, EncodeError> {
        let values = self.vectors(encoder, rows.order, progress)?;
        let dim = values.len() / self.rows.len();
        let mut baselines = Vec::new();
        if rows.baselines {
            baselines.push(Baseline {
                name: "mean intensity",
                dim: self.spec.channels.len(),
                values: self.mean_intensity(),
                by_distance: true,
            });
            for (name, order) in [("single frame", Frames::Single), ("shuffled frames", Frames::Shuffled)] {
                let values = self.vectors(encoder, order, progress)?;
                baselines.push(Baseline { name, dim, values, by_distance: false });
            }
        }
        let intensities = self.groups.iter().map(|&group| self.intensities[group].clone()).collect();
        Ok(Encoded {
            dim,
            values,
            features: Vec::new(),
            contents: self.brightness.iter().map(|of| of.content).collect(),
            near: self.brightness.into_iter().map(|of| of.near).collect(),
            intensities,
            recipe: String::new(),
            source: String::new(),
            baselines,
            rows: self.rows,
            row_ids: self.row_ids,
            problems: self.problems,
            warnings: self.warnings,
        })
    }

    /// `[row, dim]`.
    fn vectors(
        &self,
        encoder: &MolClipEncoder,
        order: Frames,
        progress: &Progress,
    ) -> Result<Vec<f32>, EncodeError> {
        progress.set(0, self.rows.len() as u64);
        let spec = &self.spec;
        let maker = InputMaker::new(spec.clone(), encoder.compute());
        let places: Vec<usize> = (0..self.rows.len()).collect();
        let mut all = Vec::new();
        for part in places.chunks(BATCH) {
            progress.check()?;
            let seen = |&place: &usize| Seen {
                row: self.rows[place],
                intensity: &self.intensities[self.groups[place]],
                view: View::upright(spec.frames, order, &self.row_ids[place]),
            };
            let seen: Vec<Seen> = part.iter().map(seen).collect();
            all.extend(encoder.embed(maker.make(&self.store, &seen)?)?);
            progress.add(part.len() as u64);
        }
        Ok(all)
    }

    /// Mean of the scaled intensity of each channel, `[row, channel]`: the simplest thing that could answer.
    fn mean_intensity(&self) -> Vec<f32> {
        let of = |(brightness, group): (&Brightness, &usize)| -> Vec<f32> {
            let scalings = &self.intensities[*group];
            let channels = brightness.channels.iter().zip(scalings);
            channels.map(|(m, scaling)| m.scaled(*scaling).0 as f32).collect()
        };
        self.brightness.iter().zip(&self.groups).flat_map(of).collect()
    }
}

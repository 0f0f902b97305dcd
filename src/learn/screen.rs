//! A trained model on an experiment: which rows can be read, how they are scaled, what they become.

use std::sync::Arc;

use rayon::prelude::*;

use super::infer::{BATCH, Encoder, Encodings};
use super::inputs::{InputMaker, Seen};
use super::light::{Dark, Light, Place, scale};
use super::store::{ClipStore, LoadError, clip_budget};
use crate::analysis::items::Items;
use crate::experiment::Experiment;
use crate::gpu::GpuError;
use crate::model::card::InputSpec;
use crate::model::input::{Frames, Intensity, View};
use crate::progress::{Cancelled, Progress};

/// An experiment cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// No video can be read.
    #[error("none of {rows} videos can be read, the first: {first}")]
    Nothing {
        /// Rows.
        rows: usize,
        /// Why the first one.
        first: String,
    },
    /// There are no rows.
    #[error("there are no rows to encode: the table is empty, or all rows are excluded")]
    Empty,
    /// No light.
    #[error(transparent)]
    Dark(#[from] Dark),
    /// A video that could be read before.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The device.
    #[error(transparent)]
    Device(#[from] GpuError),
    /// The user stopped it.
    #[error(transparent)]
    Stopped(#[from] Cancelled),
}

/// The rows of an experiment that can be read, at a model's scale.
#[derive(Debug)]
pub struct Screen {
    /// Table rows.
    pub rows: Vec<usize>,
    /// Row names.
    pub row_ids: Vec<String>,
    /// Rows that cannot be read and why.
    pub problems: Vec<(String, String)>,
    /// Rows whose scale or interval differs too much from the model's, and how.
    pub warnings: Vec<(String, String)>,
    /// BLAKE3 of each row's clip.
    pub contents: Vec<[u8; 32]>,
    lights: Vec<Light>,
    groups: Vec<usize>,
    intensities: Vec<Vec<Intensity>>,
    spec: InputSpec,
    store: ClipStore,
}

impl Screen {
    /// Reads the rows that are not excluded. Steps of `progress` are videos.
    pub fn read(
        experiment: &Arc<Experiment>,
        items: &Items,
        spec: &InputSpec,
        progress: &Progress,
    ) -> Result<Self, ScreenError> {
        let table = &experiment.table;
        let rows: Vec<usize> = (0..table.len()).filter(|&row| !table.is_excluded(row)).collect();
        Self::read_rows(experiment, items, &rows, spec, progress)
    }

    /// Reads some rows. The intensities are scaled by these alone.
    pub fn read_rows(
        experiment: &Arc<Experiment>,
        items: &Items,
        all: &[usize],
        spec: &InputSpec,
        progress: &Progress,
    ) -> Result<Self, ScreenError> {
        let channels = spec.channels.len();
        let store = ClipStore::new(Arc::clone(experiment), spec.clone(), clip_budget());
        progress.set_total(all.len() as u64);
        let read: Vec<Result<(Light, Option<String>), LoadError>> = all
            .par_iter()
            .map(|&row| {
                progress.check()?;
                let light = store.get(row).map(|clip| (Light::of(&clip, channels), clip.mismatch.warning()));
                progress.add(1);
                Ok(light)
            })
            .collect::<Result<_, Cancelled>>()?;
        let item_of: std::collections::HashMap<usize, _> =
            items.items.iter().map(|item| (item.row, item)).collect();
        let (mut rows, mut lights, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (&row, read) in all.iter().zip(read) {
            let row_id = || experiment.table.row_id(row).to_owned();
            match read {
                Ok((light, warning)) => {
                    rows.push(row);
                    lights.push(Some(light));
                    places.push(Place::of_row(experiment, row, item_of.get(&row).copied()));
                    warnings.extend(warning.map(|text| (row_id(), text)));
                }
                Err(e) => problems.push((row_id(), e.to_string())),
            }
        }
        if rows.is_empty() {
            let first = problems.first().map(|(_, problem)| problem.clone());
            return Err(
                first.map_or(ScreenError::Empty, |first| ScreenError::Nothing { rows: all.len(), first })
            );
        }
        let (groups, intensities) = scale(&places, &lights, channels)?;
        let lights: Vec<Light> = lights.into_iter().flatten().collect();
        Ok(Self {
            row_ids: rows.iter().map(|&row| experiment.table.row_id(row).to_owned()).collect(),
            contents: lights.iter().map(|light| light.content).collect(),
            rows,
            problems,
            warnings,
            lights,
            groups,
            intensities,
            spec: spec.clone(),
            store,
        })
    }

    /// Encodes all rows. Steps of `progress` are videos.
    pub fn encode(
        &self,
        encoder: &Encoder,
        order: Frames,
        progress: &Progress,
    ) -> Result<Encodings, ScreenError> {
        progress.set(0, self.rows.len() as u64);
        let spec = &self.spec;
        let maker = InputMaker::new(spec.clone(), encoder.compute());
        let places: Vec<usize> = (0..self.rows.len()).collect();
        let mut all = Encodings::default();
        for part in places.chunks(BATCH) {
            progress.check()?;
            let seen = |&place: &usize| Seen {
                row: self.rows[place],
                intensity: self.intensities(place),
                view: View::upright(spec.frames, order, &self.row_ids[place]),
            };
            let seen: Vec<Seen> = part.iter().map(seen).collect();
            all.append(encoder.encode(maker.make(&self.store, &seen)?)?);
            progress.add(part.len() as u64);
        }
        Ok(all)
    }

    /// How the intensities of a row are scaled, by channel; `place` counts the rows that could be read.
    pub fn intensities(&self, place: usize) -> &[Intensity] {
        &self.intensities[self.groups[place]]
    }

    /// BLAKE3 over names and contents of the rows, hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (row_id, content) in self.row_ids.iter().zip(&self.contents) {
            hasher.update(&(row_id.len() as u64).to_le_bytes()).update(row_id.as_bytes()).update(content);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Mean of the scaled intensity of each channel, `[row, channel]`: the simplest thing that could answer.
    pub fn mean_intensity(&self) -> Vec<f32> {
        let of = |(light, group): (&Light, &usize)| -> Vec<f32> {
            let scalings = &self.intensities[*group];
            light.channels.iter().zip(scalings).map(|(m, scaling)| m.scaled(*scaling).0 as f32).collect()
        };
        self.lights.iter().zip(&self.groups).flat_map(of).collect()
    }
}

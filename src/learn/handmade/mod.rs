//! Hand-made features as an encoder: it measures, and needs no weights.

mod read;
mod scale;
#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;

use self::read::{Seen, read};
use super::brightness::{ScaledBy, groups};
use super::encoder::{About, Baseline, Content, EncodeError, Encoded, Encoder, Rows};
use super::store::{LoadError, clip_budget};
use crate::analysis::biomarkers::{Prepared, features, version};
use crate::analysis::items::Item;
use crate::experiment::Experiment;
use crate::model::input::{Frames, View};
use crate::progress::{Cancelled, Progress};

/// Name of the family.
pub const BIOMARKERS: &str = "biomarkers";

/// Why movement is not looked at.
const STILL: &str = "one frame: features of movement are left out, of all rows";

/// Why a row is not compared with controls of its own.
const FEW: &str = "its plate and replicate have fewer than three negative controls: scaled by the controls of the whole \
                   experiment";
const NONE: &str = "the experiment has fewer than three negative controls: scaled by all rows";

/// Measures recordings at their own resolution.
///
/// All channels count. Movement does where every row that can be read has at least two frames. Each number is compared with
/// the negative controls of its plate and replicate: less their median, in units of their spread, between −20 and 20. Where
/// these are fewer than three, all controls of the experiment count, and without three of them all rows; a warning says so.
#[derive(Debug, Clone)]
pub struct Biomarkers {
    about: About,
}

impl Default for Biomarkers {
    fn default() -> Self {
        let about = About {
            family: BIOMARKERS.to_owned(),
            name: BIOMARKERS.to_owned(),
            hash: blake3::hash(format!("{BIOMARKERS} {}", version()).as_bytes()).to_hex().to_string(),
            simulated: false,
            trained_with: Some(Vec::new()),
        };
        Self { about }
    }
}

/// What is measured of a row, before it is scaled.
struct Measured {
    names: Vec<String>,
    /// Mean over pictures, and the picture in the middle.
    still: Vec<f64>,
    middle: Vec<f64>,
    /// Nothing for fewer than two frames.
    movement: Vec<f64>,
    /// The same with the frames in another order, where it is asked for.
    shuffled: Vec<f64>,
    light: Vec<f64>,
    content: [u8; 32],
    near: Vec<f32>,
    warnings: Vec<&'static str>,
}

fn measure(experiment: &Experiment, item: &Item, rows: &Rows) -> Result<Measured, LoadError> {
    let Seen { stack, content, near, warnings } = read(experiment, item.row, rows.order)?;
    let prepared = Prepared::new(&stack);
    let stills = prepared.stills();
    let mut still = vec![0.0; stills.first().map_or(0, Vec::len)];
    for picture in &stills {
        still.iter_mut().zip(picture).for_each(|(sum, value)| *sum += value / stills.len() as f64);
    }
    let order = |frames| View::upright(prepared.frames(), frames, &item.row_id).frames;
    Ok(Measured {
        still,
        middle: stills.get(stills.len() / 2).cloned().unwrap_or_default(),
        movement: prepared.movement(&order(Frames::Video)),
        shuffled: if rows.baselines { prepared.movement(&order(Frames::Shuffled)) } else { Vec::new() },
        light: prepared.light().into_iter().map(|light| light.max(1e-3).ln()).collect(),
        names: stack.names.clone(),
        content,
        near,
        warnings,
    })
}

/// What `of` makes of each row, at a time of as many as fit into memory. Steps of `progress` are rows.
fn each<T: Send>(
    rows: &Rows,
    progress: &Progress,
    of: impl Fn(&Item) -> T + Sync,
) -> Result<Vec<T>, Cancelled> {
    progress.set(0, rows.items.len() as u64);
    let bytes = |item: &Item| -> Result<usize, Cancelled> {
        progress.check()?;
        Ok(read::bytes(rows.experiment, item.row, rows.order))
    };
    let bytes: Vec<usize> = rows.items.par_iter().map(bytes).collect::<Result<_, Cancelled>>()?;
    let one = |item: &Item| -> Result<T, Cancelled> {
        progress.check()?;
        let made = of(item);
        progress.add(1);
        Ok(made)
    };
    let mut all = Vec::with_capacity(rows.items.len());
    for part in parts(&bytes, clip_budget()) {
        let made: Vec<T> = rows.items[part].par_iter().map(one).collect::<Result<_, Cancelled>>()?;
        all.extend(made);
    }
    Ok(all)
}

/// Rows that follow each other and take at most `budget` bytes together; one that takes more is alone.
fn parts(bytes: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut sum) = (0, 0_usize);
    for (row, own) in bytes.iter().enumerate() {
        if row > start && sum.saturating_add(*own) > budget {
            parts.push(start..row);
            (start, sum) = (row, 0);
        }
        sum = sum.saturating_add(*own);
    }
    if start < bytes.len() {
        parts.push(start..bytes.len());
    }
    parts
}

/// Leaves out rows with other channels than the first one; they join the problems. A single channel may have any name.
fn alike<'a>(
    read: Vec<(&'a Item, Measured)>,
    problems: &mut Vec<(String, String)>,
) -> Vec<(&'a Item, Measured)> {
    let Some(first) = read.first().map(|(_, of)| of.names.clone()) else { return read };
    let mut kept = Vec::with_capacity(read.len());
    for (item, of) in read {
        if of.names == first || (of.names.len() == 1 && first.len() == 1) {
            kept.push((item, of));
        } else {
            let (own, others) = (of.names.join(", "), first.join(", "));
            let why = format!(
                "its channels are {own}, and those of the first row {others}. Name them alike, or exclude it"
            );
            problems.push((item.row_id.clone(), why));
        }
    }
    kept
}

impl Encoder for Biomarkers {
    fn about(&self) -> &About {
        &self.about
    }

    fn encode(&self, rows: &Rows, progress: &Progress) -> Result<Encoded, EncodeError> {
        let measured = each(rows, progress, |item| measure(rows.experiment, item, rows))?;
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for (item, measured) in rows.items.iter().zip(measured) {
            match measured {
                Ok(of) => read.push((item, of)),
                Err(e) => problems.push((item.row_id.clone(), e.to_string())),
            }
        }
        let read = alike(read, &mut problems);
        let Some((_, first)) = read.first() else {
            let first = problems.first().map(|(_, problem)| problem.clone());
            let nothing = |first| EncodeError::Nothing { rows: rows.items.len(), first };
            return Err(first.map_or(EncodeError::Empty, nothing));
        };
        let moves = read.iter().all(|(_, of)| !of.movement.is_empty());
        let some_move = read.iter().any(|(_, of)| !of.movement.is_empty());
        let items: Vec<&Item> = read.iter().map(|(item, _)| *item).collect();
        let groups = groups(&items, rows.replicates, |_| true);
        let warnings = read.iter().zip(&groups.of).filter_map(|((item, of), &group)| {
            let scaled = match groups.scaled[group] {
                ScaledBy::Own => None,
                ScaledBy::Controls => Some(FEW),
                ScaledBy::Rows => Some(NONE),
            };
            let still = (some_move && of.movement.is_empty()).then_some(STILL);
            let said: Vec<&str> = of.warnings.iter().copied().chain(still).chain(scaled).collect();
            (!said.is_empty()).then(|| (item.row_id.clone(), said.join("; ")))
        });
        let features = features(&first.names, moves);
        let scaled = |of: &dyn Fn(&Measured) -> Vec<f64>| -> Vec<f32> {
            scale::by_controls(&groups, &read.iter().map(|(_, measured)| of(measured)).collect::<Vec<_>>())
        };
        let with = |still: &[f64], movement: &[f64]| {
            if moves { [still, movement].concat() } else { still.to_vec() }
        };
        let baseline = |name, by_distance, values: Vec<f32>| Baseline {
            name,
            dim: values.len() / read.len(),
            values,
            by_distance,
        };
        let mut baselines = Vec::new();
        if rows.baselines {
            baselines.push(baseline("mean intensity", true, scaled(&|of| of.light.clone())));
            if moves {
                baselines.push(baseline("single frame", false, scaled(&|of| of.middle.clone())));
                let shuffled = scaled(&|of| with(&of.still, &of.shuffled));
                baselines.push(baseline("shuffled frames", false, shuffled));
            }
        }
        Ok(Encoded {
            rows: items.iter().map(|item| item.row).collect(),
            row_ids: items.iter().map(|item| item.row_id.clone()).collect(),
            dim: features.len(),
            values: scaled(&|of| with(&of.still, &of.movement)),
            contents: read.iter().map(|(_, of)| of.content).collect(),
            near: read.iter().map(|(_, of)| of.near.clone()).collect(),
            warnings: warnings.collect(),
            features,
            baselines,
            problems,
            ..Encoded::default()
        })
    }

    fn contents(&self, rows: &Rows, progress: &Progress) -> Result<Vec<Option<Content>>, EncodeError> {
        let content = |item: &Item| {
            let seen = read(rows.experiment, item.row, rows.order).ok()?;
            Some(Content { hash: seen.content, near: seen.near })
        };
        Ok(each(rows, progress, content)?)
    }
}

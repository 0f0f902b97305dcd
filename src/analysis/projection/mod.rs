//! Embeddings as a map: each row a point of the plane.
//!
//! The map is for looking. Near points are mostly near in the embedding space ([`trustworthiness`] says how
//! mostly), but distances between far groups mean nothing, so that neighbours are always looked up in the
//! embedding space itself.

mod neighbours;
mod pca;
mod quality;
#[cfg(test)]
mod tests;
mod tsne;
mod umap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::progress::Progress;

pub use pca::plane;
pub use quality::{trustworthiness, trustworthiness_of};

/// How rows become points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Method {
    /// The two directions that vary most.
    Pca,
    /// t-SNE (van der Maaten & Hinton, JMLR 2008, 9:2579).
    Tsne {
        /// How many neighbours a row minds, softly; 30 is usual. At most a third of the other rows is used.
        perplexity: f32,
    },
    /// UMAP (arXiv 1802.03426).
    Umap {
        /// Nearest rows that shape the map, the row itself counted; 15 is usual. At most all rows are used.
        neighbours: usize,
        /// How near points may come, in units of the map; 0.1 is usual.
        min_dist: f32,
    },
}

/// What a map depends on, besides the rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How rows become points.
    pub method: Method,
    /// Same seed, same picture, bit for bit, on any number of threads.
    pub seed: u64,
    /// Rows are brought to length 1 first; distances then rank as cosines do.
    pub cosine: bool,
}

/// No map could be made.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ProjectionError {
    /// The user stopped it.
    #[error("Cancelled; there is no map.")]
    Cancelled,
    /// The numbers are no table.
    #[error("{values} numbers are no rows of {dim}. Give whole rows.")]
    Shape {
        /// Numbers given.
        values: usize,
        /// Numbers per row.
        dim: usize,
    },
    /// A number that is none.
    #[error("Row {row}, column {column} of the embeddings is {value}. Leave the row out or embed it again.")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// t-SNE found no rest.
    #[error("The points of t-SNE flew apart. Choose another perplexity, UMAP or PCA.")]
    Astray,
    /// t-SNE could not start.
    #[error("The system gave t-SNE no thread: {problem}. Close other programs or choose UMAP.")]
    Thread {
        /// What the system said.
        problem: String,
    },
    /// A setting that means nothing.
    #[error("{name} is {value}; it must be {must}.")]
    Setting {
        /// What was set.
        name: &'static str,
        /// To what.
        value: f32,
        /// What it may be.
        must: &'static str,
    },
}

/// Points of rows, in the rows' order; `values` `[row, dim]`, row after row.
///
/// Fewer than four rows are laid out by their principal components, whatever the method. Neighbours are exact, so
/// that time grows with the square of the rows.
///
/// # Errors
/// See [`ProjectionError`]; `progress` tells how far it is and stops it, within a second.
pub fn project(
    values: &[f32],
    dim: usize,
    settings: &Settings,
    progress: &Progress,
) -> Result<Vec<[f32; 2]>, ProjectionError> {
    let rows = Rows::new(values, dim, settings.cosine)?;
    check(settings.method)?;
    let whole = Phase::new(progress);
    whole.at(0.0)?;
    let few = rows.len() < 4;
    let points = match settings.method {
        Method::Tsne { perplexity } if !few => tsne::layout(&rows, perplexity, settings.seed, &whole)?,
        Method::Umap { neighbours, min_dist } if !few => {
            umap::layout(&rows, neighbours, min_dist, settings.seed, &whole)?
        }
        _ => {
            let mut points = pca::plane_until(&rows.values, dim, &whole)?;
            points.iter_mut().flatten().for_each(|x| *x *= rows.scale);
            points
        }
    };
    whole.at(1.0)?;
    Ok(points)
}

fn check(method: Method) -> Result<(), ProjectionError> {
    let wrong = |name, value, must| Err(ProjectionError::Setting { name, value, must });
    match method {
        Method::Tsne { perplexity } if !(perplexity >= 1.0 && perplexity.is_finite()) => {
            wrong("The perplexity of t-SNE", perplexity, "1 or more")
        }
        Method::Umap { neighbours, .. } if neighbours < 2 => {
            wrong("The number of neighbours of UMAP", neighbours as f32, "2 or more")
        }
        Method::Umap { min_dist, .. } if !(0.0..=1.0).contains(&min_dist) => {
            wrong("The least distance of UMAP", min_dist, "from 0 to 1")
        }
        _ => Ok(()),
    }
}

/// Rows that were looked through: finite, about their mean, of length 1 before that if so wished.
struct Rows {
    values: Vec<f32>,
    dim: usize,
    /// What the values were divided by, a power of two, so that their squares are numbers.
    scale: f32,
}

impl Rows {
    fn new(values: &[f32], dim: usize, cosine: bool) -> Result<Self, ProjectionError> {
        if values.is_empty() {
            return Ok(Self { values: Vec::new(), dim, scale: 1.0 });
        }
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(ProjectionError::Shape { values: values.len(), dim });
        }
        if let Some(at) = values.par_iter().position_first(|x| !x.is_finite()) {
            return Err(ProjectionError::NotFinite { row: at / dim, column: at % dim, value: values[at] });
        }
        let mut values = values.to_vec();
        if cosine {
            values.par_chunks_exact_mut(dim).for_each(to_length_one);
        }
        let largest = values.par_iter().map(|x| x.abs()).reduce(|| 0.0, f32::max);
        let scale = if largest > 0.0 { largest.log2().floor().exp2() } else { 1.0 };
        values.par_iter_mut().for_each(|x| *x /= scale);
        // Distances stay as they are; those from products of rows lose less when rows are short.
        let mean = pca::mean(&values, dim);
        values.par_chunks_exact_mut(dim).for_each(|row| {
            row.iter_mut().zip(&mean).for_each(|(x, mean)| *x = (f64::from(*x) - mean) as f32);
        });
        Ok(Self { values, dim, scale })
    }

    fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }
}

/// Brings a row to length 1; zeros stay zeros.
fn to_length_one(row: &mut [f32]) {
    let length = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    for x in row {
        *x = (f64::from(*x) * scale) as f32;
    }
}

/// A part of the whole work, told to [`Progress`] as a part of 0 to 1.
#[derive(Clone, Copy)]
pub(crate) struct Phase<'a> {
    progress: &'a Progress,
    from: f64,
    to: f64,
}

impl<'a> Phase<'a> {
    /// All of it.
    pub(crate) fn new(progress: &'a Progress) -> Self {
        Self { progress, from: 0.0, to: 1.0 }
    }

    /// The part of this phase between two fractions.
    fn part(&self, from: f64, to: f64) -> Self {
        let at = |fraction| self.from + (self.to - self.from) * fraction;
        Self { progress: self.progress, from: at(from), to: at(to) }
    }

    /// Tells that a fraction of this phase is done; fails if somebody asked to stop.
    fn at(&self, fraction: f64) -> Result<(), ProjectionError> {
        const STEPS: f64 = 10_000.0;
        self.go_on()?;
        let done = self.from + (self.to - self.from) * fraction;
        self.progress.set((done * STEPS) as u64, STEPS as u64);
        Ok(())
    }

    /// Fails if somebody asked to stop.
    fn go_on(&self) -> Result<(), ProjectionError> {
        if self.progress.is_cancelled() { Err(ProjectionError::Cancelled) } else { Ok(()) }
    }
}

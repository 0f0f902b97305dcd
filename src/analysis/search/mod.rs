//! The nearest vectors of a gallery: exact, and as fast as memory can be read.
//!
//! ```no_run
//! use molclip::analysis::search::{Gallery, SearchError, Similarity};
//!
//! # fn nearest(embedding: &[f32]) -> Result<(), SearchError> {
//! let gallery = Gallery::open("embeddings.safetensors".as_ref(), Similarity::Cosine)?;
//! for hit in gallery.top_k(embedding, 20, |row| row != 7)? {
//!     println!("row {}: cosine {:.3}", hit.index, hit.score);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Every vector is compared: there is no index that could miss one. Hits are the same for any number of threads,
//! alone and in a batch, in memory and from a file; equal scores stand in the order of the gallery. Work is done on
//! the current rayon pool.
//!
//! **What never ranks**: a vector of zeros, which is similar to none, and one with a NaN or an infinity. A query of
//! that kind has no neighbours.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

mod best;
mod dot;
mod layout;
#[cfg(test)]
mod tests;
mod vectors;

pub use best::Hit;
pub use vectors::Vectors;

use best::Best;
use dot::products;

use crate::simd::Cpu;

/// Bytes of vectors that a thread takes at once: large enough that what it costs to take them does not count,
/// small enough that they are still in the second cache when the next queries come.
const BLOCK: usize = 512 << 10;
/// Bytes of queries that go over the gallery together, and how many at most. More mean that the gallery is read less
/// often; but all of them are read for every few rows, so they must not leave the cache.
const GROUP: usize = 1 << 20;
const MAX_GROUP: usize = 128;
/// Norms with which products of f32 are safe from overflow and underflow; other vectors are compared in f64.
const USUAL_NORMS: std::ops::RangeInclusive<f64> = 1e-12..=1e12;

/// A gallery cannot be made or searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A file cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file with something else.
    #[error("{}: {problem}. Write it again with `molclip embed`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Numbers that are not whole vectors.
    #[error("{length} numbers do not make vectors of {dim}. Give whole vectors, one after the other")]
    Vectors {
        /// How many there are.
        length: usize,
        /// Length of a vector.
        dim: usize,
    },
    /// Queries from elsewhere.
    #[error(
        "{length} numbers do not make a query: vectors of this gallery have {dim}. Use the model that made it"
    )]
    Query {
        /// How many there are.
        length: usize,
        /// Length of a vector.
        dim: usize,
    },
}

/// How near two vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Similarity {
    /// The cosine of the angle between them, −1 to 1. Norms of the gallery are computed once, when it is made.
    Cosine,
    /// The same for a gallery that is declared to hold vectors of length 1. That is not checked.
    UnitCosine,
    /// Their dot product. One beyond the range of f32 does not rank.
    Dot,
}

/// Vectors `[n, dim]` to search in.
#[derive(Debug)]
pub struct Gallery {
    vectors: Vectors,
    len: usize,
    dim: usize,
    similarity: Similarity,
    /// 1 / norm for each vector; NaN where [`Gallery::exact`] must be asked. Only for [`Similarity::Cosine`].
    inverse_norms: Vec<f32>,
    model: Option<String>,
    cpu: Cpu,
}

/// A query, ready to be compared.
struct Prepared<'a> {
    /// Of length 1 for cosines.
    values: &'a [f32],
    /// Where it has an answer.
    valid: bool,
}

/// A thread's part of a search.
struct Part {
    best: Vec<Best>,
    /// `[query, row]` of one block.
    scores: Vec<f32>,
}

impl Gallery {
    /// Of vectors in memory, `[n, dim]`: a `Vec<f32>` or an `Arc<[f32]>`, neither of which is copied.
    ///
    /// # Errors
    /// If they are not whole vectors.
    pub fn new(vectors: impl Into<Vectors>, dim: usize, similarity: Similarity) -> Result<Self, SearchError> {
        Self::of(vectors.into(), dim, similarity, None)
    }

    /// Of an npy or safetensors file as `molclip embed` writes it. It is mapped, not read: it may be larger than
    /// memory. It must not be overwritten in place as long as the gallery lives; to replace it (which is what this
    /// program does) is fine.
    ///
    /// For [`Similarity::Cosine`] the file is gone through once, for the norms.
    ///
    /// # Errors
    /// If it cannot be opened, or is not a matrix of little-endian f32 of just the length that its header tells.
    pub fn open(path: &Path, similarity: Similarity) -> Result<Self, SearchError> {
        let (vectors, layout) = Vectors::open(path)?;
        Self::of(vectors, layout.dim, similarity, layout.model)
    }

    fn of(
        vectors: Vectors,
        dim: usize,
        similarity: Similarity,
        model: Option<String>,
    ) -> Result<Self, SearchError> {
        let length = vectors.len();
        let len = length.checked_div(dim).unwrap_or(0);
        if dim == 0 || len * dim != length {
            return Err(SearchError::Vectors { length, dim });
        }
        let cpu = Cpu::detect();
        let mut gallery = Self { vectors, len, dim, similarity, inverse_norms: Vec::new(), model, cpu };
        if similarity == Similarity::Cosine {
            gallery.inverse_norms = gallery.compute_inverse_norms();
        }
        Ok(gallery)
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Length of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How vectors are compared.
    pub fn similarity(&self) -> Similarity {
        self.similarity
    }

    /// BLAKE3 of the weights of the model that made the vectors, where the file tells (safetensors).
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// One of the vectors, as it was given.
    pub fn vector(&self, index: usize) -> Option<Cow<'_, [f32]>> {
        (index < self.len).then(|| self.rows(index, index + 1))
    }

    /// The `k` nearest to `query` `[dim]` among the rows that `keep` lets through, the nearest first.
    ///
    /// There are fewer where not as many rank. `keep` is asked only about rows that may be among the nearest.
    ///
    /// # Errors
    /// If the query has another length than the vectors.
    pub fn top_k(
        &self,
        query: &[f32],
        k: usize,
        keep: impl Fn(usize) -> bool + Sync,
    ) -> Result<Vec<Hit>, SearchError> {
        if query.len() != self.dim {
            return Err(SearchError::Query { length: query.len(), dim: self.dim });
        }
        let hits = self.top_k_batch(query, k, |_, row| keep(row))?;
        Ok(hits.into_iter().next().unwrap_or_default())
    }

    /// As [`Gallery::top_k`] for each of `queries` `[m, dim]`, with the very same scores, but the gallery is read
    /// once for many of them. `keep` gets the query's number and the row.
    ///
    /// # Errors
    /// If the queries are not whole vectors of the gallery's length.
    pub fn top_k_batch(
        &self,
        queries: &[f32],
        k: usize,
        keep: impl Fn(usize, usize) -> bool + Sync,
    ) -> Result<Vec<Vec<Hit>>, SearchError> {
        let dim = self.dim;
        if !queries.len().is_multiple_of(dim) {
            return Err(SearchError::Query { length: queries.len(), dim });
        }
        let group = (GROUP / (size_of::<f32>() * dim)).clamp(4, MAX_GROUP);
        let mut hits = Vec::with_capacity(queries.len() / dim);
        for queries in queries.chunks(group * dim) {
            let first = hits.len();
            let keep = |query: usize, row: usize| keep(first + query, row);
            hits.extend(self.search(queries, k.min(self.len), &keep));
        }
        Ok(hits)
    }

    /// One pass over the gallery.
    fn search(
        &self,
        queries: &[f32],
        k: usize,
        keep: &(impl Fn(usize, usize) -> bool + Sync),
    ) -> Vec<Vec<Hit>> {
        let mut values = queries.to_vec();
        let valid: Vec<bool> = values.chunks_exact_mut(self.dim).map(|query| self.prepare(query)).collect();
        let queries = valid.len();
        if k == 0 || !valid.contains(&true) {
            return vec![Vec::new(); queries];
        }
        let each = values.chunks_exact(self.dim).zip(valid);
        let prepared: Vec<Prepared> = each.map(|(values, valid)| Prepared { values, valid }).collect();
        let block = self.block();
        let new = || Part { best: vec![Best::new(k); queries], scores: Vec::new() };
        let go = |mut part: Part, number: usize| {
            let (first, end) = (number * block, ((number + 1) * block).min(self.len));
            let rows = self.rows(first, end);
            part.scores.resize(queries * (end - first), 0.0);
            products(self.cpu, &rows, &values, self.dim, &mut part.scores);
            for (i, (query, best)) in prepared.iter().zip(&mut part.best).enumerate() {
                let scores = &part.scores[i * (end - first)..(i + 1) * (end - first)];
                self.rank(query, first, &rows, scores, best, |row| keep(i, row));
            }
            part
        };
        let merge = |a: Part, b: Part| Part {
            best: a.best.into_iter().zip(b.best).map(|(a, b)| a.merge(b)).collect(),
            scores: Vec::new(),
        };
        let blocks = self.len.div_ceil(block);
        let part = if blocks == 1 {
            go(new(), 0) // not worth waking anybody
        } else {
            (0..blocks).into_par_iter().fold(new, go).reduce(new, merge)
        };
        part.best.into_iter().map(Best::into_hits).collect()
    }

    /// Offers the rows of a block, of which `first` is the first, with their products.
    fn rank(
        &self,
        query: &Prepared,
        first: usize,
        rows: &[f32],
        products: &[f32],
        best: &mut Best,
        keep: impl Fn(usize) -> bool,
    ) {
        if !query.valid {
            return;
        }
        let scales = self.inverse_norms.get(first..).unwrap_or_default();
        let mut floor = best.floor();
        for (i, &product) in products.iter().enumerate() {
            let score = scales.get(i).map_or(product, |scale| product * scale);
            // Written so that NaN goes on: it is looked at again below.
            if score < floor {
                continue;
            }
            let row = &rows[i * self.dim..(i + 1) * self.dim];
            if let Some(score) = self.settle(score, row, query.values)
                && score >= floor
                && keep(first + i)
            {
                best.offer(Hit { index: first + i, score });
                floor = best.floor();
            }
        }
    }

    /// A score that can be believed.
    fn settle(&self, score: f32, row: &[f32], query: &[f32]) -> Option<f32> {
        if score.is_finite()
            && (score != 0.0 || !self.inverse_norms.is_empty() || row.iter().any(|&v| v != 0.0))
        {
            // No −0, which would be less than 0.
            Some(score + 0.0)
        } else {
            self.exact(row, query)
        }
    }

    /// In f64, for vectors whose products are out of the range of f32; `None` for those that never rank.
    fn exact(&self, row: &[f32], query: &[f32]) -> Option<f32> {
        let (mut product, mut squares) = (0.0, 0.0);
        for (&a, &b) in row.iter().zip(query) {
            product += f64::from(a) * f64::from(b);
            squares += f64::from(a).powi(2);
        }
        if squares == 0.0 || !squares.is_finite() {
            return None;
        }
        let scale = if self.similarity == Similarity::Cosine { squares.sqrt().recip() } else { 1.0 };
        Some((product * scale) as f32 + 0.0).filter(|score| score.is_finite())
    }

    /// Scales a query as the similarity asks for; says whether it has an answer.
    fn prepare(&self, query: &mut [f32]) -> bool {
        let norm = squares(query).sqrt();
        if norm == 0.0 || !norm.is_finite() {
            return false;
        }
        if self.similarity != Similarity::Dot {
            for value in query {
                *value = (f64::from(*value) / norm) as f32;
            }
        }
        true
    }

    fn compute_inverse_norms(&self) -> Vec<f32> {
        let mut inverse = vec![f32::NAN; self.len];
        let block = self.block();
        inverse.par_chunks_mut(block).enumerate().for_each(|(number, inverse)| {
            let first = number * block;
            let rows = self.rows(first, first + inverse.len());
            for (row, inverse) in rows.chunks_exact(self.dim).zip(inverse) {
                let norm = squares(row).sqrt();
                if USUAL_NORMS.contains(&norm) {
                    *inverse = norm.recip() as f32;
                }
            }
        });
        inverse
    }

    /// Rows that a thread takes at once.
    fn block(&self) -> usize {
        // Whole tiles of rows, so that only the last block has some left over.
        (BLOCK / (size_of::<f32>() * self.dim)).max(1).next_multiple_of(dot::ROWS)
    }

    /// `[end - first, dim]`.
    fn rows(&self, first: usize, end: usize) -> Cow<'_, [f32]> {
        self.vectors.get(first * self.dim..end * self.dim)
    }
}

/// Sum of squares, in f64.
fn squares(values: &[f32]) -> f64 {
    // Several sums, which the compiler computes side by side.
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &value) in sums.iter_mut().zip(eight) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let rest: f64 = rest.iter().map(|&value| f64::from(value).powi(2)).sum();
    sums.iter().sum::<f64>() + rest
}

//! How near each gallery item is to a block of queries. Never the whole matrix at once.

use std::ops::Range;
use std::sync::Arc;

use nalgebra::DMatrixView;
use rayon::prelude::*;

use super::features::{Centring, Features, Metric};
use crate::analysis::items::Items;
use crate::chem::{Ecfp4, Molecule};

/// Queries that are compared at once: 64 × 35,000 similarities are 9 MB.
pub(crate) const BLOCK: usize = 64;

/// Similarities of queries to a gallery, higher = nearer, never NaN. Equal vectors have bitwise equal
/// similarities to a query, wherever they stand: each is the same sum in the same order.
pub(crate) enum Similarity {
    /// Vectors of `[query, dim]` and `[gallery, dim]`.
    Vectors { queries: Vec<f32>, gallery: Vec<f32>, dim: usize, metric: Metric },
    /// By compound: `table[query compound][gallery compound]`.
    Compounds { queries: Vec<Option<usize>>, gallery: Vec<Option<usize>>, structures: Structures },
}

impl Similarity {
    /// Gathers the vectors of queries and gallery, centred where `centring` is given, normalised for a
    /// cosine.
    pub fn of_features(
        items: &Items,
        features: &Features,
        centring: Option<&Centring>,
        queries: &[usize],
        gallery: &[usize],
    ) -> Self {
        let dim = features.dim;
        let gather = |of: &[usize]| {
            let mut out = vec![0.0; of.len() * dim];
            out.par_chunks_exact_mut(dim).zip(of).for_each(|(out, &item)| {
                out.copy_from_slice(features.row(item));
                let mean = centring.and_then(|centring| centring.means[items.items[item].replicate].as_ref());
                out.iter_mut().zip(mean.into_iter().flatten()).for_each(|(x, mean)| *x -= mean);
                if features.metric == Metric::Cosine {
                    normalise(out);
                }
            });
            out
        };
        Self::Vectors { queries: gather(queries), gallery: gather(gallery), dim, metric: features.metric }
    }

    /// Tanimoto similarity of the compounds' ECFP4, without any look at a recording; −1 where a structure is
    /// unknown. `None` if fewer than two structures are known.
    pub fn of_structures(items: &Items, queries: &[usize], gallery: &[usize]) -> Option<Self> {
        Some(Structures::of(items)?.similarity(items, queries, gallery))
    }

    /// Similarities of a block of queries, `[query of the block, gallery]`.
    pub fn block(&self, of: Range<usize>, out: &mut Vec<f32>) {
        out.clear();
        match self {
            Self::Vectors { queries, gallery, dim, metric } => {
                let queries = &queries[of.start * dim..of.end * dim];
                out.resize(of.len() * (gallery.len() / dim), 0.0);
                match metric {
                    Metric::Cosine => products(queries, gallery, *dim, out),
                    Metric::Euclidean => distances(queries, gallery, *dim, out),
                }
            }
            Self::Compounds { queries, gallery, structures: Structures { table, compounds } } => {
                for query in &queries[of] {
                    let like = |found: &Option<usize>| Some(table[(*query)? * compounds + (*found)?]);
                    out.extend(gallery.iter().map(|found| like(found).unwrap_or(-1.0)));
                }
            }
        }
    }
}

/// Tanimoto similarity of compounds to each other, computed once for all queries and galleries of the same items.
#[derive(Clone)]
pub(crate) struct Structures {
    /// `[compound, compound]`, −1 where a structure is unknown.
    table: Arc<Vec<f32>>,
    compounds: usize,
}

impl Structures {
    /// Of the compounds of some items; `None` if fewer than two structures are known.
    pub fn of(items: &Items) -> Option<Self> {
        let bits: Vec<Option<Ecfp4>> = items
            .compounds
            .par_iter()
            .map(|compound| Molecule::from_smiles(compound.smiles.as_ref()?).ok()?.parent().ecfp4().ok())
            .collect();
        if bits.iter().flatten().count() < 2 {
            return None;
        }
        let like = |a: &Option<Ecfp4>, b: &Option<Ecfp4>| match (a, b) {
            (Some(a), Some(b)) => a.tanimoto(b) as f32,
            _ => -1.0,
        };
        let table: Vec<f32> =
            bits.par_iter().flat_map_iter(|a| bits.iter().map(move |b| like(a, b))).collect();
        Some(Self { table: Arc::new(table), compounds: bits.len() })
    }

    /// Between items, by their compounds.
    pub fn similarity(&self, items: &Items, queries: &[usize], gallery: &[usize]) -> Similarity {
        let compound = |of: &[usize]| of.iter().map(|&item| items.items[item].compound).collect();
        let (queries, gallery) = (compound(queries), compound(gallery));
        Similarity::Compounds { queries, gallery, structures: self.clone() }
    }
}

/// Brings a vector to length 1; zeros stay zeros.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    for x in vector {
        *x = (f64::from(*x) * scale) as f32;
    }
}

/// Inner products `out[a, b]` of `[a, dim]` and `[b, dim]` as one matrix product.
pub(crate) fn products(a: &[f32], b: &[f32], dim: usize, out: &mut [f32]) {
    let (rows, columns) = (a.len() / dim, b.len() / dim);
    // The library counts column by column, so that vectors one after the other are columns. Views with a stride between
    // rows would save the transposes, but its products of small ones write past their end (0.34.2).
    let product =
        DMatrixView::from_slice(a, dim, rows).transpose() * DMatrixView::from_slice(b, dim, columns);
    for (j, column) in product.as_slice().chunks_exact(rows.max(1)).enumerate() {
        for (i, x) in column.iter().enumerate() {
            out[i * columns + j] = *x;
        }
    }
}

fn distances(a: &[f32], b: &[f32], dim: usize, out: &mut [f32]) {
    let pairs = a.chunks_exact(dim).flat_map(|a| b.chunks_exact(dim).map(move |b| (a, b)));
    for (out, (a, b)) in out.iter_mut().zip(pairs) {
        *out = -a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::testing::{Row, items};
    use crate::random::{normal, stream};

    #[test]
    fn products_agree_with_double_precision_and_equal_vectors_tie_bit_by_bit() {
        let mut rng = stream(1, &["products"]);
        // More than the block of the inner dimension (256), no multiple of any kernel's tile.
        for (queries, gallery, dim) in [(7, 53, 300), (64, 101, 33), (3, 20, 64), (1, 9, 1), (9, 4, 3)] {
            let mut random = |n: usize| -> Vec<f32> {
                let mut values: Vec<f32> = (0..n * dim).map(|_| normal(&mut rng) as f32).collect();
                values.chunks_exact_mut(dim).for_each(normalise);
                values
            };
            let (a, mut b) = (random(queries), random(gallery));
            // Item 0 is repeated at every third place.
            for i in (3..gallery).step_by(3) {
                b.copy_within(..dim, i * dim);
            }
            let mut out = vec![f32::NAN; queries * gallery];
            products(&a, &b, dim, &mut out);
            for (row, out) in a.chunks_exact(dim).zip(out.chunks_exact(gallery)) {
                for (i, column) in b.chunks_exact(dim).enumerate() {
                    let exact: f64 = row.iter().zip(column).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
                    assert!((f64::from(out[i]) - exact).abs() < 1e-6);
                    assert!(
                        i % 3 > 0 || out[i].to_bits() == out[0].to_bits(),
                        "{queries} {gallery} {dim}: {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_number_is_compared_by_its_distance_because_its_cosine_says_nothing() {
        let items = items(&[Row::default(), Row::default(), Row::default()]);
        let values = [1.0, 5.0, 2.0];
        let like = |features: Features| {
            let mut out = Vec::new();
            Similarity::of_features(&items, &features, None, &[0], &[1, 2]).block(0..1, &mut out);
            out
        };
        assert_eq!(like(Features::euclidean("brightness", &values, 1)), [-16.0, -1.0]);
        assert_eq!(like(Features::cosine("brightness", &values, 1)), [1.0, 1.0]);
    }

    #[test]
    fn structures_are_compared_by_tanimoto_and_unknown_ones_are_far_from_all() {
        let mut items = items(&[
            Row::default(),
            Row { compound: 1, ..Row::default() },
            Row { compound: 2, ..Row::default() },
        ]);
        assert!(Similarity::of_structures(&items, &[0], &[1]).is_none());
        for (compound, smiles) in items.compounds.iter_mut().zip(["CCO", "CCCO.Cl"]) {
            compound.smiles = Some(smiles.to_owned());
        }
        let mut out = Vec::new();
        Similarity::of_structures(&items, &[0, 2], &[0, 1, 2]).unwrap().block(0..2, &mut out);
        let bits = |smiles| Molecule::from_smiles(smiles).unwrap().ecfp4().unwrap();
        let expected = bits("CCO").tanimoto(&bits("CCCO")) as f32;
        assert!(expected > 0.1 && expected < 1.0);
        assert_eq!(out, [1.0, expected, -1.0, -1.0, -1.0, -1.0]);
    }
}

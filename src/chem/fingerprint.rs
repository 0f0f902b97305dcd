//! Fingerprints as packed bits, their similarity, and the nearest among many.

use std::cmp::Ordering;

use chematic::fp;
use chematic::smiles::parser::Molecule;

use super::ChemError;

/// A set of `64 × WORDS` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bits<const WORDS: usize>([u64; WORDS]);

/// Morgan fingerprint of radius 2 (ECFP4), 2048 bits, without chirality: identical to RDKit's. Rogers and Hahn,
/// doi 10.1021/ci100050t.
pub type Ecfp4 = Bits<32>;

/// MACCS keys: bit = number of the key, 1 to 166; bits 0 and 167 to 191 are never set. Identical to RDKit's.
pub type Maccs = Bits<3>;

/// Bits that [`Ecfp4`] has.
pub const ECFP4_BITS: usize = 2048;
/// Highest key of [`Maccs`].
pub const MACCS_KEYS: usize = 166;

impl<const WORDS: usize> Default for Bits<WORDS> {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl<const WORDS: usize> Bits<WORDS> {
    /// Sets a bit. Numbers past the end are ignored.
    pub fn set(&mut self, bit: usize) {
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    /// Whether a bit is set.
    pub fn get(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// The packed bits: bit `n` is bit `n % 64` of word `n / 64`.
    pub fn words(&self) -> &[u64; WORDS] {
        &self.0
    }

    /// Numbers of the bits that are set, ascending.
    pub fn on_bits(&self) -> Vec<usize> {
        (0..WORDS * 64).filter(|&bit| self.get(bit)).collect()
    }

    /// How many bits are set.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Tanimoto similarity, 0 to 1: bits in both over bits in either; 0 for two empty sets, as in RDKit.
    pub fn tanimoto(&self, other: &Self) -> f64 {
        similarity(self.common(other), self.count(), other.count())
    }

    fn common(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones()).sum()
    }
}

impl<const WORDS: usize> FromIterator<usize> for Bits<WORDS> {
    fn from_iter<I: IntoIterator<Item = usize>>(bits: I) -> Self {
        let mut set = Self::default();
        bits.into_iter().for_each(|bit| set.set(bit));
        set
    }
}

fn similarity(common: u32, a: u32, b: u32) -> f64 {
    match a + b - common {
        0 => 0.0,
        either => f64::from(common) / f64::from(either),
    }
}

/// A found fingerprint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Place in the searched list.
    pub index: usize,
    /// Tanimoto similarity to the query.
    pub similarity: f64,
}

/// Many fingerprints with their bit counts, to search for the most similar.
#[derive(Debug, Clone, Default)]
pub struct FingerprintIndex<const WORDS: usize> {
    entries: Vec<(u32, Bits<WORDS>)>,
}

impl<const WORDS: usize> FingerprintIndex<WORDS> {
    /// The number of fingerprints.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The `k` most similar of at least `threshold`, most similar first; of equals, the earlier.
    pub fn nearest(&self, query: &Bits<WORDS>, k: usize, threshold: f64) -> Vec<Hit> {
        let count = query.count();
        let mut hits: Vec<Hit> = Vec::new();
        if k == 0 {
            return hits;
        }
        let mut least = threshold;
        for (index, &(other, bits)) in self.entries.iter().enumerate() {
            // The counts alone bound the similarity; most entries of a large library end here.
            let bound = f64::from(count.min(other)) / f64::from(count.max(other).max(1));
            if bound < least {
                continue;
            }
            let similarity = similarity(query.common(&bits), count, other);
            if similarity < least || (hits.len() == k && similarity <= least) {
                continue;
            }
            let place = hits.partition_point(|hit| hit.similarity >= similarity);
            hits.truncate(k - 1);
            hits.insert(place, Hit { index, similarity });
            if let (true, Some(last)) = (hits.len() == k, hits.last()) {
                least = last.similarity;
            }
        }
        debug_assert!(hits.is_sorted_by(|a, b| a.similarity.total_cmp(&b.similarity) != Ordering::Less));
        hits
    }
}

impl<const WORDS: usize> FromIterator<Bits<WORDS>> for FingerprintIndex<WORDS> {
    fn from_iter<I: IntoIterator<Item = Bits<WORDS>>>(all: I) -> Self {
        Self { entries: all.into_iter().map(|bits| (bits.count(), bits)).collect() }
    }
}

pub(super) fn ecfp4(graph: &Molecule) -> Result<Ecfp4, ChemError> {
    let bits =
        fp::rdkit_morgan_ecfp4_bitvec(graph).map_err(|e| ChemError::compute("The ECFP4 fingerprint", &e))?;
    Ok((0..ECFP4_BITS).filter(|&bit| bits.get(bit)).collect())
}

pub(super) fn maccs(graph: &Molecule) -> Maccs {
    // The toolkit counts from 0, RDKit and the literature from 1.
    let bits = fp::maccs(graph);
    (1..=MACCS_KEYS).filter(|&key| bits.get(key - 1)).collect()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng};

    use super::*;

    #[test]
    fn tanimoto_by_hand() {
        let a: Maccs = [1, 2, 3, 100].into_iter().collect();
        let b: Maccs = [2, 3, 150].into_iter().collect();
        assert_eq!(a.tanimoto(&b), 2.0 / 5.0);
        assert_eq!(a.tanimoto(&a), 1.0);
        assert_eq!(Maccs::default().tanimoto(&Maccs::default()), 0.0);
        assert_eq!(a.on_bits(), [1, 2, 3, 100]);
    }

    #[test]
    fn nearest_agrees_with_sorting_all() {
        let mut random = rand_pcg::Pcg64::seed_from_u64(7);
        let mut fingerprint =
            |bits: usize| -> Ecfp4 { (0..bits).map(|_| random.random_range(0..200)).collect() };
        let all: Vec<Ecfp4> = (0..500).map(|i| fingerprint(1 + i % 90)).collect();
        let index: FingerprintIndex<32> = all.iter().copied().collect();
        for query in &all[..40] {
            let mut expected: Vec<Hit> = all
                .iter()
                .enumerate()
                .map(|(index, other)| Hit { index, similarity: query.tanimoto(other) })
                .collect();
            expected.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then(a.index.cmp(&b.index)));
            assert_eq!(index.nearest(query, 10, 0.0), expected[..10]);
            let near: Vec<Hit> = expected.into_iter().filter(|hit| hit.similarity >= 0.3).collect();
            assert_eq!(index.nearest(query, 1_000, 0.3), near);
        }
        assert!(index.nearest(&all[0], 0, 0.0).is_empty());
    }
}

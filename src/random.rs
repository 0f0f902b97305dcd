//! Random streams that depend on what they are for, never on who draws first.

use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

/// The stream of a seed and a path of names, e.g. (7, `["cell", "r1p1_B07_1"]`): the same on every machine, in any
/// order and on any number of threads.
pub fn stream(seed: u64, path: &[&str]) -> Pcg64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for name in path {
        // The length keeps ["ab", "c"] apart from ["a", "bc"].
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    let mut bytes = [0; 32];
    hasher.finalize_xof().fill(&mut bytes);
    let (state, sequence) = bytes.split_at(16);
    let number = |part: &[u8]| part.iter().rev().fold(0_u128, |n, &b| n << 8 | u128::from(b));
    Pcg64::new(number(state), number(sequence))
}

/// One draw from the standard normal distribution.
pub fn normal(rng: &mut Pcg64) -> f64 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn streams_are_fixed_and_apart() {
        let first = |seed, path: &[&str]| stream(seed, path).next_u64();
        assert_eq!(first(1, &["cell", "a"]), first(1, &["cell", "a"]));
        let streams = [
            first(1, &["cell", "a"]),
            first(2, &["cell", "a"]),
            first(1, &["cell", "b"]),
            first(1, &["cel", "la"]),
            first(1, &["cell"]),
        ];
        for (i, a) in streams.iter().enumerate() {
            assert!(streams[i + 1..].iter().all(|b| a != b));
        }
    }
}

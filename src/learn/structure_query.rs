//! Asking by structure: which videos a compound should look like, and how far it is from what the model knows.

use rayon::prelude::*;

use crate::chem::{ChemError, CompoundLibrary, Ecfp4, Molecule};
use crate::model::card::DrugClass;

/// Below this Tanimoto similarity (ECFP4) to every training structure the model is guessing: unrelated drugs reach it
/// by chance.
pub const FAR: f64 = 0.3;

/// A structure that is asked about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As the library calls it, or as it was typed.
    pub name: String,
    /// Its SMILES.
    pub smiles: String,
    fingerprint: Ecfp4,
}

/// A structure that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Name.
    pub name: String,
    /// Structure.
    pub smiles: String,
    /// Mechanisms of action.
    pub moas: Vec<String>,
    /// Tanimoto similarity of ECFP4.
    pub tanimoto: f64,
}

impl Asked {
    /// Reads a SMILES, or the name of a drug of the library.
    ///
    /// # Errors
    /// Neither a drug of the library nor a SMILES.
    pub fn parse(text: &str) -> Result<Self, ChemError> {
        let text = text.trim();
        let drug = CompoundLibrary::built_in().find(text);
        let smiles = drug.map_or(text, |drug| drug.smiles.as_str());
        let molecule = Molecule::from_smiles(smiles)?;
        Ok(Self {
            name: drug.map_or(text, |drug| drug.name.as_str()).to_owned(),
            smiles: smiles.to_owned(),
            fingerprint: molecule.parent().ecfp4()?,
        })
    }

    /// Known structures by Tanimoto similarity, nearest first; those that cannot be read are left out.
    pub fn nearest(&self, known: &[DrugClass], k: usize) -> Vec<Known> {
        let mut found: Vec<Known> = known
            .par_iter()
            .filter_map(|drug| {
                let bits = Molecule::from_smiles(&drug.smiles).ok()?.parent().ecfp4().ok()?;
                Some(Known {
                    name: drug.name.clone(),
                    smiles: drug.smiles.clone(),
                    moas: drug.moas.clone(),
                    tanimoto: self.fingerprint.tanimoto(&bits),
                })
            })
            .collect();
        found.sort_by(|a, b| b.tanimoto.total_cmp(&a.tanimoto).then_with(|| a.name.cmp(&b.name)));
        found.truncate(k);
        found
    }
}

/// Cosine of a structure's `m_j` with each video's `v_i`; both of length 1, `videos` `[video, projection]`.
pub fn likeness(structure: &[f32], videos: &[f32]) -> Vec<f32> {
    videos
        .par_chunks_exact(structure.len().max(1))
        .map(|video| video.iter().zip(structure).map(|(a, b)| a * b).sum())
        .collect()
}

/// Two rankings as one: `weight` of the structure's, the rest of the video's, each in standard deviations about its
/// mean, so that neither counts for more because its numbers spread more. NaN stays NaN.
pub fn joined(structure: &[f32], video: &[f32], weight: f32) -> Vec<f32> {
    let (structure, video) = (standard(structure), standard(video));
    structure.zip(video).map(|(s, v)| weight * s + (1.0 - weight) * v).collect()
}

fn standard(values: &[f32]) -> impl Iterator<Item = f32> + '_ {
    let known = || values.iter().filter(|x| x.is_finite()).map(|x| f64::from(*x));
    let n = known().count().max(1) as f64;
    let mean = known().sum::<f64>() / n;
    let deviation = (known().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    values.iter().map(move |x| ((f64::from(*x) - mean) * scale) as f32)
}

/// Mechanisms by the mean of their two most similar compounds, best first. `compounds[i]` is the compound of value
/// `i`, whose similarity is the mean of its values; a compound without a mechanism does not answer.
pub fn mechanisms(values: &[f32], compounds: &[Option<usize>], moas: &[Vec<usize>]) -> Vec<(usize, f32)> {
    let mut sums = vec![(0.0_f64, 0_usize); moas.len()];
    for (value, compound) in values.iter().zip(compounds) {
        if let Some(sum) = compound.and_then(|compound| sums.get_mut(compound))
            && value.is_finite()
        {
            *sum = (sum.0 + f64::from(*value), sum.1 + 1);
        }
    }
    let classes = moas.iter().flatten().max().map_or(0, |most| most + 1);
    let mut best: Vec<Vec<f64>> = vec![Vec::new(); classes];
    for ((sum, n), of) in sums.into_iter().zip(moas).filter(|((_, n), _)| *n > 0) {
        for &moa in of {
            best[moa].push(sum / n as f64);
        }
    }
    let mut scores: Vec<(usize, f32)> = best
        .into_iter()
        .enumerate()
        .filter(|(_, of)| !of.is_empty())
        .map(|(moa, mut of)| {
            of.sort_by(|a, b| b.total_cmp(a));
            let of = &of[..of.len().min(2)];
            (moa, (of.iter().sum::<f64>() / of.len() as f64) as f32)
        })
        .collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drug(name: &str, smiles: &str) -> DrugClass {
        DrugClass { name: name.into(), skeleton: String::new(), smiles: smiles.into(), moas: vec![] }
    }

    #[test]
    fn the_nearest_known_structure_of_a_drug_is_the_drug() {
        let asked = Asked::parse("CC(=O)Oc1ccccc1C(=O)O").unwrap();
        let known = [
            drug("caffeine", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"),
            drug("broken", "C1CC"),
            drug("aspirin", "O=C(C)Oc1ccccc1C(=O)O"),
            drug("salicylic acid", "OC(=O)c1ccccc1O"),
        ];
        let near = asked.nearest(&known, 3);
        let names: Vec<&str> = near.iter().map(|k| k.name.as_str()).collect();
        assert_eq!(names, ["aspirin", "salicylic acid", "caffeine"]);
        // RDKit 2026.09: Morgan, radius 2, 2,048 bits.
        let expected = [1.0, 0.448_275_862_068_965_5, 0.088_888_888_888_888_89];
        assert!(near.iter().zip(expected).all(|(known, t)| (known.tanimoto - t).abs() < 1e-12), "{near:?}");
    }

    #[test]
    fn a_drug_can_be_asked_for_by_name_and_nonsense_is_refused() {
        let asked = Asked::parse(" Rotenone ").unwrap();
        assert_eq!(asked.name.to_lowercase(), "rotenone");
        assert!(asked.smiles.contains("COc"), "{}", asked.smiles);
        assert!(Asked::parse("not a structure").is_err());
    }

    #[test]
    fn likeness_is_the_cosine_of_unit_vectors() {
        assert_eq!(likeness(&[0.6, 0.8], &[0.6, 0.8, -0.8, 0.6, -0.6, -0.8]), [1.0, 0.0, -1.0]);
    }

    #[test]
    fn weights_go_from_one_ranking_to_the_other() {
        let (structure, video) = ([0.1, 0.2, 0.3], [900.0, 100.0, 500.0]);
        let order = |weight: f32| {
            let joined = joined(&structure, &video, weight);
            let mut order = [0, 1, 2];
            order.sort_by(|&a: &usize, &b| joined[b].total_cmp(&joined[a]));
            order
        };
        assert_eq!((order(1.0), order(0.0)), ([2, 1, 0], [0, 2, 1]));
        // Halfway: 0: 0, 1: −0.61, 2: +0.61.
        assert_eq!(order(0.5), [2, 0, 1]);
        assert_eq!(joined(&[1.0, 1.0], &[2.0, 2.0], 0.5), [0.0, 0.0]);
    }

    #[test]
    fn a_mechanism_is_scored_by_its_two_best_compounds() {
        // Compound 0: mean 0.5; 1: 0.9; 2: 0.1; 3 has no mechanism.
        let values = [0.4, 0.6, 0.9, 0.1, 1.0, f32::NAN];
        let compounds = [Some(0), Some(0), Some(1), Some(2), Some(3), None];
        let moas = [vec![0], vec![0, 1], vec![0], vec![]];
        let found = mechanisms(&values, &compounds, &moas);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, 1);
        assert!((found[0].1 - 0.9).abs() < 1e-6 && (found[1].1 - 0.7).abs() < 1e-6);
    }
}

//! Which structures of a list are the same, or the same but for salt or stereo.

use std::collections::BTreeMap;

use super::Molecule;

/// How a structure resembles an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// The same structure: equal canonical SMILES.
    Same,
    /// The same compound as another salt, charge form or tautomer: the main components have one InChI skeleton and stereo.
    OtherForm,
    /// The same skeleton with other stereo or isotopes. To be told, never to be merged.
    OtherStereo,
}

/// A structure that resembles an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Like {
    /// Place of the earlier structure.
    pub of: usize,
    /// In what way.
    pub likeness: Likeness,
}

/// For each structure the earlier one that it resembles most, if any. Those without a structure resemble none.
pub fn duplicates<'a>(molecules: impl IntoIterator<Item = Option<&'a Molecule>>) -> Vec<Option<Like>> {
    let mut canonical: BTreeMap<&str, usize> = BTreeMap::new();
    let mut forms: BTreeMap<String, usize> = BTreeMap::new();
    let mut skeletons: BTreeMap<String, usize> = BTreeMap::new();
    let mut likes = Vec::new();
    for (index, molecule) in molecules.into_iter().enumerate() {
        let Some(molecule) = molecule else {
            likes.push(None);
            continue;
        };
        let like = |of: usize, likeness| Some(Like { of, likeness });
        if let Some(&of) = canonical.get(molecule.canonical_smiles()) {
            likes.push(like(of, Likeness::Same));
            continue;
        }
        canonical.insert(molecule.canonical_smiles(), index);
        // Without an InChIKey there is nothing that leaves stereo and protons out.
        let Ok(key) = molecule.parent().inchi_key() else {
            likes.push(None);
            continue;
        };
        let mut blocks = key.split('-');
        let skeleton = blocks.next().unwrap_or_default().to_owned();
        let form = format!("{skeleton}-{}", blocks.next().unwrap_or_default());
        likes.push(match (forms.get(&form), skeletons.get(&skeleton)) {
            (Some(&of), _) => like(of, Likeness::OtherForm),
            (None, Some(&of)) => like(of, Likeness::OtherStereo),
            (None, None) => None,
        });
        forms.entry(form).or_insert(index);
        skeletons.entry(skeleton).or_insert(index);
    }
    likes
}

#[cfg(test)]
mod tests {
    use super::Likeness::{OtherForm, OtherStereo, Same};
    use super::*;

    #[test]
    fn forms_and_stereo_are_told_apart() {
        let molecules: Vec<Option<Molecule>> = [
            "C[C@H](N)C(=O)O",           // 0 L-alanine
            "OC(=O)[C@@H](N)C",          // 1 the same, written otherwise
            "C[C@@H](N)C(=O)O",          // 2 D-alanine
            "C[C@H](N)C(=O)O.Cl",        // 3 its hydrochloride
            "CC(N)C(=O)O",               // 4 racemate
            "C[C@H]([NH3+])C(=O)[O-]",   // 5 zwitterion
            "NCCC(=O)O",                 // 6 beta-alanine
            "not a molecule",            // 7
            "C[C@@H](N)C(=O)[O-].[Na+]", // 8 salt of D-alanine
        ]
        .iter()
        .map(|smiles| Molecule::from_smiles(smiles).ok())
        .collect();
        let found: Vec<Option<(usize, Likeness)>> = duplicates(molecules.iter().map(Option::as_ref))
            .into_iter()
            .map(|like| like.map(|like| (like.of, like.likeness)))
            .collect();
        assert_eq!(
            found,
            [
                None,
                Some((0, Same)),
                Some((0, OtherStereo)),
                Some((0, OtherForm)),
                Some((0, OtherStereo)),
                Some((0, OtherForm)),
                None,
                None,
                Some((2, OtherForm)),
            ]
        );
    }
}

//! What a structure is built around.

use chematic::smiles;

use super::error::contained;
use super::{ChemError, Molecule};

impl Molecule {
    /// SMILES of the Bemis-Murcko scaffold (doi 10.1021/jm9602928) as RDKit's `MurckoScaffold` has it: rings, the chains
    /// between them, and what is doubly bonded to either. `None` where there is no ring.
    ///
    /// # Errors
    /// The toolkit cannot take this structure apart.
    pub fn scaffold(&self) -> Result<Option<String>, ChemError> {
        const WHAT: &str = "The scaffold";
        let text = contained(WHAT, || {
            smiles::rdkit_murcko_scaffold(self.graph()).map_err(|e| ChemError::compute(WHAT, &e))
        })?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaffolds_are_those_of_rdkit() {
        let table = include_str!("../../tests/fixtures/chem/scaffolds.csv");
        let (mut cyclic, mut acyclic) = (0, 0);
        for line in table.lines().skip(1) {
            let fields: [&str; 3] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
            let [smiles, scaffold, key] = fields;
            let found = Molecule::from_smiles(smiles).unwrap().scaffold().unwrap();
            assert_eq!(found.as_deref().unwrap_or_default(), scaffold, "{smiles}");
            match found {
                Some(found) if !key.is_empty() => {
                    let found = Molecule::from_smiles(&found).unwrap().skeleton_key().unwrap();
                    assert_eq!(found, key, "{smiles}");
                    cyclic += 1;
                }
                Some(_) => cyclic += 1,
                None => acyclic += 1,
            }
        }
        assert!(cyclic > 50 && acyclic > 2, "{cyclic} with rings, {acyclic} without");
    }
}

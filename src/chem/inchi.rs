//! Standard InChIKeys from the InChI Trust's code.

mod sulfoxide;

use std::sync::{Mutex, PoisonError};

use chematic::core::AtomIdx;
use chematic::smiles::{self, parser::Molecule};

use super::ChemError;

const WHAT: &str = "The InChIKey";

/// The C library is called by one thread at a time: it does not promise more.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Standard InChIKey of a structure.
pub(super) fn key(graph: &Molecule) -> Result<String, ChemError> {
    if graph.atoms().any(|(_, atom)| atom.wildcard) {
        return Err(ChemError::compute(WHAT, "InChI has no form for attachment points (*)"));
    }
    let centres = lone_pair_centres(graph)?;
    let inchi = standard(graph)?;
    if centres.is_empty() {
        return key_of(&inchi);
    }
    let unsupported = "the stereo of an atom with a lone pair cannot be told in this structure";
    key_of(
        &sulfoxide::complete(graph, &centres, &inchi).ok_or_else(|| ChemError::compute(WHAT, unsupported))?,
    )
}

fn standard(graph: &Molecule) -> Result<String, ChemError> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    chematic_inchi::standard_inchi(graph).map_err(|e| ChemError::compute(WHAT, &e))
}

fn key_of(inchi: &str) -> Result<String, ChemError> {
    chematic_inchi::standard_inchi_key(inchi).map_err(|e| ChemError::compute(WHAT, &e))
}

/// The specified tetrahedral centres with a lone pair. The toolkit hands none of them to the library, which would give a
/// sulfoxide the key of its racemate.
fn lone_pair_centres(graph: &Molecule) -> Result<Vec<AtomIdx>, ChemError> {
    let tagged = smiles::rdkit_legacy_stereo(graph).map_err(|e| ChemError::compute(WHAT, &e))?.atom_tagged;
    let is_centre = |&index: &AtomIdx| {
        tagged.get(index.0 as usize).is_some_and(|&tagged| tagged)
            && graph.degree(index) == 3
            && graph.implicit_hydrogen_count(index) == 0
            && (graph.atom(index).element.symbol() != "N" || in_three_ring(graph, index))
    };
    Ok(graph.atoms().map(|(index, _)| index).filter(is_centre).collect())
}

/// InChI knows an inverting nitrogen as a centre only in a ring of three.
fn in_three_ring(graph: &Molecule, atom: AtomIdx) -> bool {
    let neighbours: Vec<AtomIdx> = graph.neighbors(atom).map(|(other, _)| other).collect();
    neighbours
        .iter()
        .enumerate()
        .any(|(i, &a)| neighbours[..i].iter().any(|&b| graph.bond_between(a, b).is_some()))
}

#[cfg(test)]
mod tests {
    use super::super::Molecule;

    /// Keys computed with RDKit 2026.09.1.
    #[test]
    fn sulfoxides_keep_their_stereo() {
        for (smiles, key) in [
            ("C[S@](=O)CC", "VTRRCXRVEQTTOE-YFKPBYRVSA-N"),
            ("C[S@@](=O)CC", "VTRRCXRVEQTTOE-RXMQYKEDSA-N"),
            ("CC[S@@+](C)[O-]", "VTRRCXRVEQTTOE-RXMQYKEDSA-N"),
            ("C[S@](=O)C[C@H](N)C(=O)O", "ZZLHPCSGGOGHFW-KTCWOMIQSA-N"),
            ("C[S@](=O)C[C@H](N)C(=O)[O-]", "ZZLHPCSGGOGHFW-KTCWOMIQSA-M"),
            ("C[S@](=O)C[C@H]([NH3+])C(=O)[O-]", "ZZLHPCSGGOGHFW-KTCWOMIQSA-N"),
            ("COc1ccc2[nH]c([S@@](=O)Cc3ncc(C)c(OC)c3C)nc2c1", "SUBDBMMJDZJVOS-DEOSSOPVSA-N"),
            ("COc1ccc2[nH]c([S@@+]([O-])Cc3ncc(C)c(OC)c3C)nc2c1", "SUBDBMMJDZJVOS-DEOSSOPVSA-N"),
            ("NC(=O)C[S@](=O)C(c1ccccc1)c1ccccc1", "YFGHCGITMMYXAQ-IBGZPJMESA-N"),
            ("O=[S@](CC)C[S@@](=O)CCC", "ZOURTPHVDTUWOA-ZJUUUORDSA-N"),
            ("O=[S@]1CCC[C@H](C)C1", "QPLCJLZXBWGFGK-XPUUQOCRSA-N"),
            ("C[S@](=O)(=N)CC", "VGQYFOJSWJEAII-ZCFIWIBFSA-N"),
            ("C[S@@](=O)CC.Cl", "DZBHXMKBXOYGJG-NUBCRITNSA-N"),
            ("[Na+].C[S@](=O)CC(=O)[O-]", "QHHBEPLOZICIJB-FJXQXJEOSA-M"),
            ("C[S@](=O)CC[N+](C)(C)C", "OJYUPOZVNATDNV-VIFPVBQESA-N"),
            ("C[S@](=O)/C=C/C(=O)[O-]", "GYUMXCMKWFESIH-SGJFDWMWSA-M"),
            ("[S@](=O)(C)CC", "VTRRCXRVEQTTOE-RXMQYKEDSA-N"),
            ("O=[S@]([C@H](F)C)CC", "HBMFTSLWICYEEK-FFWSUHOLSA-N"),
            ("[S@]1(=O)CCC[C@H](C)C1", "QPLCJLZXBWGFGK-POYBYMJQSA-N"),
            ("C1[S@](=O)CCC[C@H]1C", "QPLCJLZXBWGFGK-HTRCEHHLSA-N"),
            ("C[S@](=O)CC.[2H]C([2H])O", "ALACPXSFEKHEDC-YZFQANSGSA-N"),
            ("[13CH3][S@](=O)CC", "VTRRCXRVEQTTOE-RTVMKONHSA-N"),
            ("C[N@@+](CC)(CCC)CCCC", "OZHYULYUYJVOPW-LLVKDONJSA-N"),
        ] {
            let found = Molecule::from_smiles(smiles).unwrap().inchi_key();
            assert_eq!(found.as_deref(), Ok(key), "{smiles}");
        }
    }

    #[test]
    fn what_cannot_be_expressed_is_an_error_not_another_key() {
        // An attachment point, an inverting nitrogen, two sulfurs that stand in each other's place.
        for smiles in ["*CC", "C[N@]1CC1C", "O=[S@@]1CC[S@](=O)CC1"] {
            let found = Molecule::from_smiles(smiles).unwrap().inchi_key();
            assert!(found.is_err(), "{smiles}: {found:?}");
        }
    }
}

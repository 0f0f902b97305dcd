//! Standard InChIKeys from the InChI Trust's code.

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
    if let Some(centre) = lone_pair_centre(graph)? {
        let symbol = graph.atom(centre).element.symbol();
        return Err(ChemError::compute(
            WHAT,
            &format!("the stereo of {symbol} with a lone pair is not supported"),
        ));
    }
    key_of(&standard(graph)?)
}

fn standard(graph: &Molecule) -> Result<String, ChemError> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    chematic_inchi::standard_inchi(graph).map_err(|e| ChemError::compute(WHAT, &e))
}

fn key_of(inchi: &str) -> Result<String, ChemError> {
    chematic_inchi::standard_inchi_key(inchi).map_err(|e| ChemError::compute(WHAT, &e))
}

/// A specified tetrahedral centre with a lone pair. The toolkit hands none of them to the library, which would give a
/// sulfoxide the key of its racemate.
fn lone_pair_centre(graph: &Molecule) -> Result<Option<AtomIdx>, ChemError> {
    let tagged = smiles::rdkit_legacy_stereo(graph).map_err(|e| ChemError::compute(WHAT, &e))?.atom_tagged;
    Ok(graph.atoms().map(|(index, _)| index).find(|&index| {
        tagged.get(index.0 as usize).is_some_and(|&tagged| tagged)
            && graph.degree(index) == 3
            && graph.implicit_hydrogen_count(index) == 0
            && (graph.atom(index).element.symbol() != "N" || in_three_ring(graph, index))
    }))
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

    #[test]
    fn what_cannot_be_expressed_is_an_error_not_another_key() {
        assert!(Molecule::from_smiles("C[S@+](CC)CCC").unwrap().inchi_key().is_err());
        assert!(Molecule::from_smiles("*CC").unwrap().inchi_key().is_err());
    }
}

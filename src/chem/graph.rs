//! A structure as a graph of categories: what message-passing networks read.

use chematic::smiles;

use super::error::contained;
use super::{ChemError, Molecule};

/// Number of categories of each feature of an atom, in the order of [`AtomGraph::atoms`].
pub const ATOM_CATEGORIES: [usize; 9] = [119, 4, 12, 12, 10, 6, 6, 2, 2];

/// Number of categories of each feature of a bond, in the order of [`AtomGraph::bonds`].
pub const BOND_CATEGORIES: [usize; 3] = [5, 6, 2];

/// Categories of stereo centres that [`AtomGraph::atoms`] tells apart, beside 0 for none.
const R: u8 = 1;
const S: u8 = 2;
const WITHOUT_LABEL: u8 = 3;

/// Atoms and bonds as categories, as in the Open Graph Benchmark (Hu et al., arXiv 2005.00687; RDKit's perception), but for
/// stereo centres: the benchmark tells them by a mark that depends on the order in which the atoms are written, here they
/// have their label R or S. So the graph is the same, but for the order, for all SMILES of a structure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtomGraph {
    /// For each atom: atomic number − 1 (118 = any); stereo centre (0 none, 1 R, 2 S, 3 marked without a label); neighbours
    /// with hydrogens (11 = more than 10); charge + 5 (11 = beyond ±5); hydrogens (9 = more than 8); unpaired electrons
    /// (5 = more than 4); hybridisation (sp, sp², sp³, sp³d, sp³d², other); aromatic; in a ring.
    pub atoms: Vec<[u8; 9]>,
    /// For each bond, in both directions one after the other: the atom that it leaves and the atom that it reaches.
    pub edges: Vec<[u32; 2]>,
    /// For each edge: bond type (single, double, triple, aromatic, other), stereo (0 none, 1 Z, 2 E, 5 any), conjugated.
    pub bonds: Vec<[u8; 3]>,
}

impl Molecule {
    /// The graph of the heavy atoms, in this molecule's order.
    pub fn atom_graph(&self) -> Result<AtomGraph, ChemError> {
        contained("The graph", || AtomGraph::of(self.graph()))
    }
}

impl AtomGraph {
    fn of(graph: &smiles::parser::Molecule) -> Result<Self, ChemError> {
        let failed = |why: &dyn std::fmt::Display| ChemError::compute("The graph", &why.to_string());
        let features = smiles::ogb_graph_features(graph).map_err(|e| failed(&e))?;
        let stereo = smiles::rdkit_legacy_stereo(graph).map_err(|e| failed(&e))?;
        if stereo.atom_tagged.len() != features.node_feat.len() {
            return Err(failed(&"its hydrogen atoms are counted in two ways"));
        }
        let mut atoms = Vec::with_capacity(features.node_feat.len());
        for (mut atom, (tagged, label)) in
            features.node_feat.into_iter().zip(stereo.atom_tagged.into_iter().zip(stereo.atom_cip))
        {
            atom[1] = i64::from(match (tagged, label) {
                (_, Some(b'R')) => R,
                (_, Some(b'S')) => S,
                (true, _) => WITHOUT_LABEL,
                (false, _) => 0,
            });
            atoms.push(categories(atom, ATOM_CATEGORIES).ok_or_else(|| failed(&"an atom has no category"))?);
        }
        let bonds = features.edge_feat.into_iter().map(|bond| categories(bond, BOND_CATEGORIES)).collect();
        let edges = features.edge_index.into_iter().map(|ends| {
            let [from, to] =
                ends.map(|atom| u32::try_from(atom).ok().filter(|&a| (a as usize) < atoms.len()));
            Some([from?, to?])
        });
        let edges = edges.collect::<Option<_>>().ok_or_else(|| failed(&"a bond leads to no atom"))?;
        let bonds = Option::ok_or_else(bonds, || failed(&"a bond has no category"))?;
        Ok(Self { atoms, edges, bonds })
    }
}

/// The features as small numbers; `None` where one is out of its range.
fn categories<const N: usize>(features: [i64; N], sizes: [usize; N]) -> Option<[u8; N]> {
    let mut result = [0; N];
    for ((to, feature), size) in result.iter_mut().zip(features).zip(sizes) {
        *to = u8::try_from(feature).ok().filter(|&category| usize::from(category) < size)?;
    }
    Some(result)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        smiles: String,
        other_smiles: String,
        atoms: Vec<[u8; 9]>,
        edges: Vec<[u32; 2]>,
        bonds: Vec<[u8; 3]>,
    }

    fn references() -> Vec<Reference> {
        serde_json::from_str(include_str!("../../tests/fixtures/molecule_encoder/graphs.json")).unwrap()
    }

    fn graph(smiles: &str) -> AtomGraph {
        Molecule::from_smiles(smiles).unwrap().atom_graph().unwrap()
    }

    /// Each edge with what it joins; without the numbers of the atoms.
    fn environments(graph: &AtomGraph) -> Vec<([u8; 9], [u8; 3], [u8; 9])> {
        let mut all: Vec<_> = graph
            .edges
            .iter()
            .zip(&graph.bonds)
            .map(|(&[from, to], &bond)| (graph.atoms[from as usize], bond, graph.atoms[to as usize]))
            .collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn atoms_and_bonds_equal_rdkits() {
        let references = references();
        assert!(references.len() > 20);
        for reference in references {
            let own = graph(&reference.smiles);
            assert_eq!(own.atoms, reference.atoms, "{}", reference.smiles);
            let sorted = |edges: &[[u32; 2]], bonds: &[[u8; 3]]| {
                let mut all: Vec<_> = edges.iter().copied().zip(bonds.iter().copied()).collect();
                all.sort_unstable();
                all
            };
            assert_eq!(
                sorted(&own.edges, &own.bonds),
                sorted(&reference.edges, &reference.bonds),
                "{}",
                reference.smiles
            );
        }
    }

    #[test]
    fn another_smiles_gives_the_same_graph_in_another_order() {
        let mut moved = 0;
        for reference in references() {
            let (a, b) = (graph(&reference.smiles), graph(&reference.other_smiles));
            moved += usize::from(a != b);
            assert_eq!(environments(&a), environments(&b), "{}", reference.smiles);
            let sorted = |mut atoms: Vec<[u8; 9]>| {
                atoms.sort_unstable();
                atoms
            };
            assert_eq!(sorted(a.atoms), sorted(b.atoms), "{}", reference.smiles);
        }
        assert!(moved > 10, "only {moved} structures are written in another order");
    }

    #[test]
    fn mirror_images_differ_in_their_centre_alone() {
        let (l, d) = (graph("C[C@H](N)C(=O)O"), graph("C[C@@H](N)C(=O)O"));
        assert_eq!((l.atoms[1][1], d.atoms[1][1]), (S, R));
        assert_eq!((l.edges, l.bonds), (d.edges, d.bonds));
    }

    #[test]
    fn every_reference_compound_has_a_graph() {
        let text = include_str!("../../tests/fixtures/chem/drugs.csv");
        let mut count = 0;
        for line in text.lines().skip(1) {
            let smiles = line.rsplit(',').next().unwrap();
            let molecule = Molecule::from_smiles(smiles).unwrap();
            let graph = molecule.atom_graph().unwrap();
            assert_eq!(graph.atoms.len(), molecule.atom_count(), "{smiles}");
            assert_eq!(graph.edges.len(), graph.bonds.len());
            count += 1;
        }
        assert!(count > 200);
    }
}

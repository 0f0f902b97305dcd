//! Numbers that describe a whole structure, equal to RDKit's.

use chematic::chem;
use chematic::smiles::{self, parser::Molecule};

use super::ChemError;

/// Descriptors of a structure as drawn (all components of a salt). Names of the RDKit functions that they equal:
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descriptors {
    /// Average molecular weight, g/mol (`Descriptors.MolWt`).
    pub mw: f64,
    /// Monoisotopic mass, Da (`Descriptors.ExactMolWt`).
    pub exact_mass: f64,
    /// Octanol–water log P by Wildman and Crippen, doi 10.1021/ci990307l (`Crippen.MolLogP`).
    pub clogp: f64,
    /// Topological polar surface of N and O, Å², by Ertl et al., doi 10.1021/jm000942e (`rdMolDescriptors.CalcTPSA`).
    pub tpsa: f64,
    /// Hydrogen bond donors (`CalcNumHBD`).
    pub hbd: usize,
    /// Hydrogen bond acceptors (`CalcNumHBA`).
    pub hba: usize,
    /// Rotatable bonds, amides not counted (`CalcNumRotatableBonds`).
    pub rotatable_bonds: usize,
    /// Rings of the smallest set (`CalcNumRings`).
    pub rings: usize,
    /// Aromatic rings among them (`CalcNumAromaticRings`).
    pub aromatic_rings: usize,
    /// Atoms other than hydrogen.
    pub heavy_atoms: usize,
    /// Share of sp³ among the carbons, 0 to 1 (`CalcFractionCSP3`).
    pub fraction_csp3: f64,
    /// Sum of the formal charges.
    pub formal_charge: i32,
    /// Tetrahedral stereo centres, specified or not (`FindMolChiralCenters`, unassigned included). Centres that exist only
    /// as cis and trans of a ring count where they are specified.
    pub stereo_centres: usize,
    /// Those of them that are not specified.
    pub unspecified_stereo_centres: usize,
}

impl Descriptors {
    pub(super) fn of(graph: &Molecule) -> Result<Self, ChemError> {
        let failed = |e| ChemError::compute("The stereo centres", &e);
        let (_, unspecified) = smiles::rdkit_atom_stereocenter_counts(graph).map_err(failed)?;
        // The centres of a ring that is only cis or trans are tagged, but not among the counted.
        let tagged = smiles::rdkit_legacy_stereo(graph).map_err(failed)?.atom_tagged;
        Ok(Self {
            mw: chem::rdkit_molecular_weight(graph),
            exact_mass: chem::exact_mass(graph),
            clogp: chem::logp_crippen(graph),
            tpsa: chem::rdkit_tpsa(graph),
            hbd: chem::hbd_count(graph),
            hba: chem::hba_count(graph),
            rotatable_bonds: chem::rotatable_bond_count(graph),
            rings: chem::rdkit_num_rings(graph),
            aromatic_rings: chem::rdkit_aromatic_ring_count(graph),
            heavy_atoms: chem::heavy_atom_count(graph),
            fraction_csp3: chem::fsp3(graph),
            formal_charge: chem::formal_charge_sum(graph),
            stereo_centres: unspecified + tagged.iter().filter(|&&tagged| tagged).count(),
            unspecified_stereo_centres: unspecified,
        })
    }
}

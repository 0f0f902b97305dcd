//! A molecule: parsed, checked and in one canonical form.

use std::fmt;
use std::sync::Arc;

use chematic::chem::{self, calc_mol_formula};
use chematic::core::{Atom, AtomIdx};
use chematic::smiles::{self, RdkitChemistryProblem, SmilesError};

use super::descriptors::Descriptors;
use super::error::contained;
use super::fingerprint::{self, Ecfp4, Maccs};
use super::smiles::{Scan, scan};
use super::{ChemError, Warning, inchi};

/// A valid structure, immutable and cheap to clone. Atoms are numbered as they were written; if
/// hydrogens were written as atoms, as in the canonical SMILES.
#[derive(Clone)]
pub struct Molecule(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    graph: smiles::parser::Molecule,
    written: String,
    canonical: String,
    title: Option<String>,
    warnings: Vec<Warning>,
}

impl fmt::Debug for Molecule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Molecule").field(&self.0.canonical).finish()
    }
}

/// Same structure: equal canonical SMILES, whatever it was written as.
impl PartialEq for Molecule {
    fn eq(&self, other: &Self) -> bool {
        self.0.canonical == other.0.canonical
    }
}

impl Eq for Molecule {}

impl Molecule {
    /// Parses a SMILES. A title, or a CXSMILES block and a title, may follow after a blank.
    ///
    /// # Errors
    /// [`ChemError::Smiles`] with the character that is wrong: syntax, unknown elements, impossible valences, aromatic
    /// rings without a Kekulé form, more than [`MAX_ATOMS`](super::MAX_ATOMS) atoms. What RDKit rejects is rejected.
    pub fn from_smiles(input: &str) -> Result<Self, ChemError> {
        let scan = scan(input)?;
        contained("The molecule", move || Self::build(scan))
    }

    fn build(scan: Scan) -> Result<Self, ChemError> {
        let graph = smiles::parse(&scan.smiles).map_err(|e| parse_error(&scan, &e))?;
        let problems = smiles::rdkit_detect_chemistry_problems(&graph)
            .map_err(|e| ChemError::smiles(scan.position(0), e.to_string()))?;
        if let Some(problem) = problems.first() {
            let atom = problem.atoms.first().copied().unwrap_or(0);
            let position = scan.atoms.get(atom).copied().unwrap_or_else(|| scan.position(0));
            return Err(ChemError::smiles(position, chemistry(problem, &graph)));
        }
        let canonical = smiles::rdkit_canonical_smiles(&graph)
            .map_err(|e| ChemError::smiles(scan.position(0), e.to_string()))?;
        // The canonical form has no hydrogen atoms but those that mean something, such as deuterium.
        let hydrogens = graph.atoms().any(|(_, atom)| atom.element.atomic_number() == 1 && !atom.wildcard);
        let (graph, written) =
            if hydrogens { (parsed(&canonical)?, canonical.clone()) } else { (graph, scan.smiles) };
        Ok(Self(Arc::new(Inner { graph, written, canonical, title: scan.title, warnings: scan.warnings })))
    }

    /// Canonical isomeric SMILES, as RDKit writes it.
    pub fn canonical_smiles(&self) -> &str {
        &self.0.canonical
    }

    /// A SMILES with the atoms in this molecule's order: as it was written, without blanks and title. The same text gives the
    /// same molecule, atom by atom, so it is a key for caches of drawings and matches.
    pub fn written_smiles(&self) -> &str {
        &self.0.written
    }

    /// What stood after the SMILES: usually a name.
    pub fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// What was accepted, but should be known.
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// Number of atoms that are drawn: all but implicit hydrogens.
    pub fn atom_count(&self) -> usize {
        self.0.graph.atom_count()
    }

    /// The components of a salt, solvate or mixture, largest organic one first; one if it is a single molecule.
    pub fn fragments(&self) -> Vec<Self> {
        let parts: Vec<&str> = self.0.canonical.split('.').collect();
        if parts.len() == 1 {
            return vec![self.clone()];
        }
        // RDKit writes components one after the other; ring numbers do not reach over a dot.
        let mut parts: Vec<Self> = parts.iter().filter_map(|part| Self::from_smiles(part).ok()).collect();
        parts.sort_by_cached_key(|part| {
            let (organic, heavy) = part.size();
            (
                std::cmp::Reverse((organic, heavy, chem::molecular_weight(&part.0.graph).to_bits())),
                part.0.canonical.clone(),
            )
        });
        parts
    }

    /// Whether there is more than one component.
    pub fn is_mixture(&self) -> bool {
        self.0.canonical.contains('.')
    }

    /// What the encoders see: the largest organic component, or the largest if none is organic. Charges stay as drawn.
    #[must_use]
    pub fn parent(&self) -> Self {
        self.fragments().into_iter().next().unwrap_or_else(|| self.clone())
    }

    /// Whether there is carbon, and the number of heavy atoms.
    fn size(&self) -> (bool, usize) {
        let number = |atom: &Atom| if atom.wildcard { 0 } else { atom.element.atomic_number() };
        let numbers = self.0.graph.atoms().map(|(_, atom)| number(atom));
        let (mut organic, mut heavy) = (false, 0);
        for n in numbers {
            organic |= n == 6;
            heavy += usize::from(n != 1);
        }
        (organic, heavy)
    }

    /// Molecular formula in Hill order with the charge, as RDKit writes it (`C8H7ClN2O2`, `CN-`).
    pub fn formula(&self) -> String {
        calc_mol_formula(&self.0.graph)
    }

    /// Standard InChIKey, computed by the InChI Trust's own code.
    ///
    /// # Errors
    /// For what InChI has no form for, such as attachment points (`*`), and for the stereo of lone pairs other than of
    /// sulfoxides.
    pub fn inchi_key(&self) -> Result<String, ChemError> {
        // In the canonical form marks on atoms that are no centres are gone.
        contained("The InChIKey", || inchi::key(&parsed(&self.0.canonical)?))
    }

    /// First block of the InChIKey: the same for all stereoisomers, isotopologues and charge forms of a skeleton.
    pub fn skeleton_key(&self) -> Result<String, ChemError> {
        Ok(self.inchi_key()?.chars().take_while(|&c| c != '-').collect())
    }

    /// Numbers that describe the whole structure.
    pub fn descriptors(&self) -> Result<Descriptors, ChemError> {
        contained("The descriptors", || Descriptors::of(&self.0.graph))
    }

    /// ECFP4: Morgan fingerprint of radius 2, folded to 2048 bits.
    pub fn ecfp4(&self) -> Result<Ecfp4, ChemError> {
        contained("The ECFP4 fingerprint", || fingerprint::ecfp4(&self.0.graph))
    }

    /// MACCS keys; bit = number of the key.
    pub fn maccs(&self) -> Result<Maccs, ChemError> {
        contained("The MACCS fingerprint", || Ok(fingerprint::maccs(&self.0.graph)))
    }

    /// The same structure with a further warning.
    pub(super) fn with_warning(self, why: String) -> Self {
        let Inner { graph, written, canonical, title, mut warnings } = match Arc::try_unwrap(self.0) {
            Ok(inner) => inner,
            Err(shared) => Inner::clone(&shared),
        };
        warnings.push(Warning { position: None, why });
        Self(Arc::new(Inner { graph, written, canonical, title, warnings }))
    }

    /// The toolkit's graph, for the other files of this module.
    pub(super) fn graph(&self) -> &smiles::parser::Molecule {
        &self.0.graph
    }
}

/// The graph of a canonical SMILES.
fn parsed(canonical: &str) -> Result<smiles::parser::Molecule, ChemError> {
    smiles::parse(canonical).map_err(|e| ChemError::compute("The canonical form", &e))
}

/// Says the toolkit's syntax errors at the character of the input. The scanner has found the common ones before.
fn parse_error(scan: &Scan, error: &SmilesError) -> ChemError {
    let (index, why) = match error {
        SmilesError::InvalidValence { element, atom, valence, max } => {
            let position = scan.atoms.get(*atom).copied().unwrap_or_else(|| scan.position(0));
            return ChemError::smiles(
                position,
                too_many_bonds(element, 0, *valence as usize, Some(*max as usize)),
            );
        }
        SmilesError::UnexpectedEnd { pos } => (*pos, "the text ends too early".to_owned()),
        SmilesError::UnknownElement { symbol, pos } => (*pos, format!("unknown element {symbol}")),
        SmilesError::UnmatchedRingClosure { ring_num, pos } => {
            (*pos, format!("ring bond {ring_num} is never closed"))
        }
        SmilesError::MismatchedParentheses { pos } => (*pos, "the parentheses do not match".to_owned()),
        SmilesError::InvalidBracketAtom { detail, pos } => (*pos, format!("bad bracket: {detail}")),
        SmilesError::ConflictingRingBond { ring_num, pos } => {
            (*pos, format!("ring bond {ring_num} is drawn differently at its two ends"))
        }
        SmilesError::NestingTooDeep { pos } => (*pos, "the branches are nested too deeply".to_owned()),
        SmilesError::UnexpectedCharacter { pos } => (*pos, "unexpected character".to_owned()),
        SmilesError::UnsupportedChiralityClass { class, pos } => {
            (*pos, format!("@{class} is no chirality class"))
        }
        other => (0, other.to_string()),
    };
    ChemError::smiles(scan.position(index), why)
}

/// Says a problem of chemistry in the terms of the structure.
fn chemistry(problem: &RdkitChemistryProblem, graph: &smiles::parser::Molecule) -> String {
    let atom = |index: usize| u32::try_from(index).ok().and_then(|index| graph.atom_opt(AtomIdx(index)));
    let first = problem.atoms.first().copied().and_then(atom);
    match (problem.kind.as_str(), first) {
        ("AtomValenceException", Some(atom)) => {
            // "Explicit valence for atom # 0 C, 5, is greater than permitted"
            let valence = problem.message.split(',').nth(1).and_then(|n| n.trim().parse().ok());
            match valence {
                Some(valence) => too_many_bonds(atom.element.symbol(), atom.charge, valence, None),
                None => problem.message.clone(),
            }
        }
        ("AtomKekulizeException", _) => "this aromatic atom is in no ring".into(),
        ("KekulizeException", _) => {
            let nitrogen = problem.atoms.iter().any(|&a| atom(a).is_some_and(|a| a.element.symbol() == "N"));
            let hint = if nitrogen { "; one nitrogen may need its hydrogen: [nH]" } else { "" };
            format!("single and double bonds cannot alternate in this aromatic ring{hint}")
        }
        _ => problem.message.clone(),
    }
}

fn too_many_bonds(element: &str, charge: i8, valence: usize, max: Option<usize>) -> String {
    let charge = match charge {
        0 => String::new(),
        1 => "+".into(),
        -1 => "-".into(),
        n => format!("{n:+}"),
    };
    let limit = max.map_or_else(String::new, |max| format!(" (at most {max})"));
    format!("{element}{charge} has {valence} bonds, more than it can have{limit}")
}

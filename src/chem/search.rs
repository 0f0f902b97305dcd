//! Substructure search with SMARTS patterns.

use std::collections::BTreeSet;

use chematic::smarts::{
    MatchConfig, QueryMolecule, SmartsError, for_each_embedding, parse_smarts, with_perceived_target,
};

use super::error::contained;
use super::{ChemError, Molecule};

/// Longest pattern, in characters.
const LONGEST: usize = 2_000;
/// Steps that a search may take in one structure; ordinary patterns take thousands.
const STEPS: u64 = 2_000_000;
/// Matches that are kept of one structure.
const MATCHES: usize = 10_000;

/// A SMARTS pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    query: QueryMolecule,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ChemError::Smarts`] with the character that is wrong.
    pub fn parse(smarts: &str) -> Result<Self, ChemError> {
        let blank = smarts.chars().take_while(|c| c.is_whitespace()).count();
        let text = smarts.trim();
        let error = |at: usize, why: &str| ChemError::Smarts { position: blank + at, why: why.to_owned() };
        if text.is_empty() {
            return Err(error(0, "there is no pattern here"));
        }
        if let Some(at) = text.chars().position(|c| !c.is_ascii_graphic()) {
            return Err(error(at, "unexpected character"));
        }
        if text.len() > LONGEST {
            return Err(error(LONGEST, "the pattern is longer than 2,000 characters"));
        }
        let end = text.len();
        let query = contained("The pattern", || {
            parse_smarts(text).map_err(|e| match e {
                SmartsError::UnexpectedEnd => error(end, "the pattern ends too early"),
                SmartsError::UnexpectedChar(_, at) if at >= end => error(end, "the pattern ends too early"),
                SmartsError::UnexpectedChar(c, at) => error(at, &format!("unexpected character {c}")),
                SmartsError::UnclosedBracket(at) => {
                    error(opening(text, at, '['), "the bracket is never closed")
                }
                SmartsError::UnclosedBranch(at) => {
                    error(opening(text, at, '('), "the parenthesis is never closed")
                }
                SmartsError::InvalidRingClosure(number) => error(
                    text.rfind(&number.to_string()).unwrap_or(end),
                    &format!("ring bond {number} is not closed, or closed differently"),
                ),
                SmartsError::RecursionDepthExceeded => {
                    error(text.rfind("$(").unwrap_or(0), "the $(…) are nested too deeply")
                }
            })
        })?;
        if query.atom_count() == 0 {
            return Err(error(0, "there is no atom in the pattern"));
        }
        Ok(Self { query })
    }

    /// The sets of atoms that match, each ascending, every set once, in order; atoms by their number in the molecule.
    ///
    /// # Errors
    /// [`ChemError::Compute`] where a pattern matches in too many ways to try them all.
    pub fn matches(&self, molecule: &Molecule) -> Result<Vec<Vec<usize>>, ChemError> {
        const WHAT: &str = "The search";
        contained(WHAT, || {
            let config = MatchConfig { max_visit_budget: Some(STEPS), ..MatchConfig::default() };
            let mut found = BTreeSet::new();
            let exhausted = with_perceived_target(molecule.graph(), |target| {
                for_each_embedding(&self.query, target, &config, |embedding| {
                    if found.len() < MATCHES {
                        let mut atoms: Vec<usize> = embedding.iter().map(|&atom| atom as usize).collect();
                        atoms.sort_unstable();
                        found.insert(atoms);
                    }
                })
            });
            if exhausted {
                return Err(ChemError::compute(
                    WHAT,
                    "the pattern matches in too many ways; make it more specific",
                ));
            }
            Ok(found.into_iter().collect())
        })
    }

    /// All atoms that belong to a match, ascending: what to highlight. Empty if nothing matches.
    pub fn highlight(&self, molecule: &Molecule) -> Result<Vec<usize>, ChemError> {
        let atoms: BTreeSet<usize> = self.matches(molecule)?.into_iter().flatten().collect();
        Ok(atoms.into_iter().collect())
    }
}

/// The unclosed bracket at or before a position: the toolkit may name the character behind it.
fn opening(text: &str, at: usize, bracket: char) -> usize {
    text[..(at + 1).min(text.len())].rfind(bracket).unwrap_or(at.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn molecule(smiles: &str) -> Molecule {
        Molecule::from_smiles(smiles).unwrap()
    }

    #[test]
    fn matches_name_atoms() {
        let pattern = Pattern::parse(" [CX3](=O)[OX2H1] ").unwrap();
        assert_eq!(pattern.matches(&molecule("CCC(=O)O")).unwrap(), [[2, 3, 4]]);
        assert_eq!(pattern.matches(&molecule("OC(=O)CC(=O)O")).unwrap(), [[0, 1, 2], [4, 5, 6]]);
        assert!(pattern.matches(&molecule("CCC(=O)OC")).unwrap().is_empty());
        assert_eq!(
            Pattern::parse("c").unwrap().highlight(&molecule("C1=CC=CC=C1C")).unwrap(),
            [0, 1, 2, 3, 4, 5]
        );
    }

    #[test]
    fn a_bad_pattern_is_marked() {
        for (smarts, at) in [
            ("", 0),
            ("C(", 1),
            ("[C", 0),
            ("CC[N", 2),
            ("C(C", 1),
            ("CC)", 2),
            ("C1CC", 1),
            ("C?", 1),
            (" C?", 2),
        ] {
            let error = Pattern::parse(smarts).unwrap_err();
            assert_eq!(error.position(), Some(at), "{smarts}: {error}");
        }
    }

    #[test]
    fn a_pattern_that_matches_everything_ends() {
        let long = molecule(&"C".repeat(200));
        let start = std::time::Instant::now();
        let pattern = Pattern::parse(&vec!["*"; 60].join("~")).unwrap();
        assert_eq!(pattern.matches(&long).unwrap().len(), 141);
        let cage = molecule("C12C3C4C1C5C2C3C45");
        let many = Pattern::parse("[*]~[*]~[*]~[*]~[*]~[*]~[*]~[*]").unwrap();
        assert_eq!(many.matches(&cage).unwrap().len(), 1);
        let grid = molecule("C1CC2CCC3CCC4CCC5CCC6CCC7CCC8CCCCC8C7C6C5C4C3C2C1");
        let _ = Pattern::parse(&vec!["*"; 26].join("~")).unwrap().matches(&grid);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

//! Compounds that are known by name: the built-in library, and tables of the same kind that a user brings.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::files::{Row, Rows, read_whole};
use super::{ChemError, Ecfp4, FingerprintIndex, Molecule};

/// A compound with its names and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compound {
    /// The name to show.
    pub name: String,
    /// Other names.
    pub synonyms: Vec<String>,
    /// Mechanisms of action, the principal one first.
    pub moa: Vec<String>,
    /// Its structure.
    pub smiles: String,
    /// Standard InChIKey, or empty if the table gives none.
    pub inchi_key: String,
    /// Where the structure was found.
    pub sources: Vec<String>,
    /// How far the sources agree, in the table's word; empty if it does not say.
    pub check: String,
}

/// A row of a table that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: usize,
    /// Name in that row.
    pub name: String,
    /// What is wrong.
    pub why: String,
}

/// Compounds that are found by any of their names.
#[derive(Debug)]
pub struct CompoundLibrary {
    compounds: Vec<Compound>,
    /// Names without case, blanks and punctuation.
    names: BTreeMap<String, usize>,
    molecules: OnceLock<Vec<Result<Molecule, ChemError>>>,
    index: OnceLock<FingerprintIndex<32>>,
}

/// A name without case, blanks, hyphens and brackets.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn parts(cell: &str, separator: char) -> Vec<String> {
    cell.split(separator).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl CompoundLibrary {
    /// The library that comes with the program; `assets/compounds/README.md` says where its structures are from.
    pub fn built_in() -> &'static Self {
        static LIBRARY: OnceLock<CompoundLibrary> = OnceLock::new();
        LIBRARY.get_or_init(|| {
            // A test reads it; it cannot fail at run time.
            Self::parse(include_str!("../../assets/compounds/library.csv"))
                .map_or_else(|_| Self::of(Vec::new()), |(library, _)| library)
        })
    }

    /// Reads a table: this program's own columns, or those of the Drug Repurposing Hub (`pert_iname`, `moa`, `smiles`,
    /// `InChIKey`; Corsello et al. 2017, doi 10.1038/nm.4306), whose rows of one name become one compound.
    ///
    /// # Errors
    /// [`ChemError::File`] if the file cannot be read or its columns are neither.
    pub fn read(path: &Path) -> Result<(Self, Vec<Problem>), ChemError> {
        let file = |why: String| ChemError::File(format!("{}: {why}", path.display()));
        let bytes = read_whole(path)?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| file(e.to_string()))
    }

    /// Reads the text of a table, as [`read`](Self::read) does.
    pub fn parse(text: &str) -> Result<(Self, Vec<Problem>), ChemError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The Hub's downloads begin with remarks behind exclamation marks.
        let remarks = text.lines().take_while(|line| line.starts_with('!')).count();
        let skipped: usize = text.split_inclusive('\n').take(remarks).map(str::len).sum();
        let mut rows = Rows::new(&text[skipped..]);
        let header = rows.next().map(|row| row.cells).unwrap_or_default();
        let column = |name: &str| header.iter().position(|c| c.trim().eq_ignore_ascii_case(name));
        let hub = column("pert_iname");
        let Some(name) = column("name").or(hub) else {
            return Err(ChemError::File("no column is called name or pert_iname".into()));
        };
        let Some(smiles) = column("smiles") else {
            let hint = if hub.is_some() { "; bring the Hub's table of samples" } else { "" };
            return Err(ChemError::File(format!("no column is called smiles{hint}")));
        };
        let separator = if hub.is_some() { '|' } else { ';' };
        let [synonyms, moa, key, sources, check] =
            ["synonyms", "moa", "inchikey", "sources", "check"].map(column);
        let mut compounds: Vec<Compound> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut problems = Vec::new();
        for Row { line, cells } in rows {
            let line = line + remarks;
            let cell = |column: usize| cells.get(column).map_or("", |cell| cell.trim());
            let list = |column: Option<usize>, by| column.map(|c| parts(cell(c), by)).unwrap_or_default();
            let (name, smiles) = (cell(name), cell(smiles));
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let mut problem =
                |why: &str| problems.push(Problem { line, name: name.to_owned(), why: why.to_owned() });
            if name.is_empty() || smiles.is_empty() {
                problem(if name.is_empty() { "it has no name" } else { "it has no structure" });
                continue;
            }
            let compound = Compound {
                name: name.to_owned(),
                synonyms: list(synonyms, ';'),
                moa: list(moa, separator),
                smiles: smiles.to_owned(),
                inchi_key: key.map(|c| cell(c).to_owned()).unwrap_or_default(),
                sources: if hub.is_some() { vec!["Drug Repurposing Hub".into()] } else { list(sources, ';') },
                check: check.map(|c| cell(c).to_owned()).unwrap_or_default(),
            };
            // The Hub has a row for every batch that was bought.
            match places.get(name).map(|&place| &mut compounds[place]) {
                Some(first) if first.inchi_key == compound.inchi_key => {
                    for moa in compound.moa {
                        if !first.moa.contains(&moa) {
                            first.moa.push(moa);
                        }
                    }
                }
                Some(_) => problem("an earlier row of this name has another structure, which is kept"),
                None => {
                    places.insert(name.to_owned(), compounds.len());
                    compounds.push(compound);
                }
            }
        }
        Ok((Self::of(compounds), problems))
    }

    fn of(compounds: Vec<Compound>) -> Self {
        let mut names = BTreeMap::new();
        // Names come before synonyms: a synonym of one compound may be the name of another.
        for (index, compound) in compounds.iter().enumerate() {
            names.entry(plain(&compound.name)).or_insert(index);
        }
        for (index, compound) in compounds.iter().enumerate() {
            for synonym in &compound.synonyms {
                names.entry(plain(synonym)).or_insert(index);
            }
        }
        names.remove("");
        Self { compounds, names, molecules: OnceLock::new(), index: OnceLock::new() }
    }

    /// All compounds, in the table's order.
    pub fn compounds(&self) -> &[Compound] {
        &self.compounds
    }

    /// The compound of a name or synonym, whatever its case, blanks, hyphens and brackets.
    pub fn find(&self, name: &str) -> Option<&Compound> {
        self.names.get(&plain(name)).map(|&index| &self.compounds[index])
    }

    /// What may be meant while a name is typed: names that begin so, then those that contain it; each compound once.
    pub fn suggest(&self, typed: &str, limit: usize) -> Vec<&Compound> {
        let typed = plain(typed);
        if typed.is_empty() {
            return Vec::new();
        }
        let begins = self.names.range(typed.clone()..).take_while(|(name, _)| name.starts_with(&typed));
        let contains = self.names.iter().filter(|(name, _)| name.contains(&typed));
        let mut found: Vec<usize> = Vec::new();
        for (_, &index) in begins.chain(contains) {
            if found.len() == limit {
                break;
            }
            if !found.contains(&index) {
                found.push(index);
            }
        }
        found.into_iter().map(|index| &self.compounds[index]).collect()
    }

    /// The structures, in the order of [`compounds`](Self::compounds); parsed once, on all cores.
    pub fn molecules(&self) -> &[Result<Molecule, ChemError>] {
        self.molecules
            .get_or_init(|| self.compounds.par_iter().map(|c| Molecule::from_smiles(&c.smiles)).collect())
    }

    /// ECFP4 of what the encoders see of each compound; a structure that fails has no bits and is never near.
    pub fn fingerprints(&self) -> &FingerprintIndex<32> {
        self.index.get_or_init(|| {
            let bits: Vec<Ecfp4> = self
                .molecules()
                .par_iter()
                .map(|molecule| {
                    molecule.as_ref().ok().and_then(|m| m.parent().ecfp4().ok()).unwrap_or_default()
                })
                .collect();
            bits.into_iter().collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_library_is_sound() {
        let library = CompoundLibrary::built_in();
        let (_, problems) =
            CompoundLibrary::parse(include_str!("../../assets/compounds/library.csv")).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        assert!(library.compounds().len() >= 380, "{}", library.compounds().len());
        for (compound, molecule) in library.compounds().iter().zip(library.molecules()) {
            let molecule = molecule.as_ref().unwrap_or_else(|e| panic!("{}: {e}", compound.name));
            assert_eq!(molecule.canonical_smiles(), compound.smiles, "{}", compound.name);
            assert_eq!(molecule.inchi_key().as_deref(), Ok(compound.inchi_key.as_str()), "{}", compound.name);
            assert!(!compound.moa.is_empty() && !compound.sources.is_empty(), "{}", compound.name);
            assert_eq!(library.find(&compound.name).unwrap().name, compound.name);
        }
        // Each is its own nearest, or as near as a stereoisomer.
        let all = library.fingerprints();
        for (index, molecule) in library.molecules().iter().enumerate() {
            let bits = molecule.as_ref().unwrap().parent().ecfp4().unwrap();
            let hits = all.nearest(&bits, 5, 0.99);
            assert!(bits.count() == 0 || hits.iter().any(|hit| hit.index == index));
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let library = CompoundLibrary::built_in();
        for name in ["FCCP", "fccp", " F-C-C-P ", "carbonyl cyanide p-(trifluoromethoxy)phenylhydrazone"] {
            assert_eq!(library.find(name).map(|c| c.name.as_str()), Some("FCCP"), "{name}");
        }
        assert!(library.find("no such drug").is_none());
        assert!(library.find("--").is_none());
        let suggested: Vec<&str> = library.suggest("rotenon", 5).iter().map(|c| c.name.as_str()).collect();
        assert_eq!(suggested.first().map(|s| s.to_lowercase()), Some("rotenone".into()));
        assert_eq!(library.suggest("o", 3).len(), 3);
        assert!(library.suggest(" ", 3).is_empty());
    }

    /// Made up, with the Hub's columns.
    const HUB: &str = "!remark\n!remark\nbroad_id\tpert_iname\tclinical_phase\tmoa\ttarget\tsmiles\tInChIKey\n\
        BRD-1\tmadeupol\tLaunched\tone thing|another thing\tABC1\tCCO\tLFQSCWFLJHTTHZ-UHFFFAOYSA-N\n\
        BRD-2\tmadeupol\tLaunched\tone thing\tABC1\tCCO\tLFQSCWFLJHTTHZ-UHFFFAOYSA-N\n\
        BRD-3\tmadeupol\tLaunched\t\tABC1\tCCCO\tBDERNNFJNOPAEC-UHFFFAOYSA-N\n\
        BRD-4\tfictin\tPreclinical\t\t\t\t\n";

    #[test]
    fn a_hub_table_is_recognised() {
        let (library, problems) = CompoundLibrary::parse(HUB).unwrap();
        let [compound] = library.compounds() else { panic!("{library:?}") };
        assert_eq!(compound.moa, ["one thing", "another thing"]);
        assert_eq!(compound.sources, ["Drug Repurposing Hub"]);
        assert_eq!(library.find("MadeUpOl").unwrap().smiles, "CCO");
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [6, 7]);
        let without = HUB.replace("\tsmiles\t", "\tother\t");
        assert!(CompoundLibrary::parse(&without).is_err());
    }
}

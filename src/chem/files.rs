//! Compounds from files and from pasted text. A record that fails is listed with its reason, never dropped.

mod delimited;
mod mol;

use std::io::Read;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{ChemError, Molecule};
use crate::regular_file;

pub(super) use delimited::{Row, Rows};

/// Largest file that is read, in bytes.
pub const MAX_FILE: u64 = 512 << 20;

/// A file's bytes, at most [`MAX_FILE`] of them.
pub(super) fn read_whole(path: &Path) -> Result<Vec<u8>, ChemError> {
    let failed = |why: String| ChemError::File(format!("{}: {why}", path.display()));
    let mut bytes = Vec::new();
    let read = regular_file::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|e| failed(e.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(failed(format!("larger than {} MiB; split it", MAX_FILE >> 20)));
    }
    Ok(bytes)
}

/// Most records of a file.
pub const MAX_RECORDS: usize = 500_000;

/// How the compounds were written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One SMILES a line, with a name after a blank (`.smi`).
    SmilesLines,
    /// A table with separators (CSV, TSV).
    Delimited,
    /// MOL blocks, V2000 or V3000 (`.mol`, `.sdf`).
    Mol,
}

/// The compounds of a file or a paste.
#[derive(Debug, Clone)]
pub struct CompoundFile {
    /// How they were written.
    pub format: Format,
    /// The column that the structures were taken from (tables).
    pub smiles_column: Option<String>,
    /// The column that the names were taken from (tables, and MOL blocks whose first line is empty).
    pub name_column: Option<String>,
    /// Names of the further columns or properties, in order of appearance.
    pub columns: Vec<String>,
    /// One per structure, readable or not, in the file's order.
    pub records: Vec<Record>,
}

/// One compound of a file.
#[derive(Debug, Clone)]
pub struct Record {
    /// Number of the record, from 1.
    pub number: usize,
    /// Line of the file at which it begins, from 1.
    pub line: usize,
    /// Its name, or empty.
    pub name: String,
    /// The SMILES as written; none in a MOL block.
    pub smiles: Option<String>,
    /// The structure, or what is wrong with it.
    pub molecule: Result<Molecule, ChemError>,
    /// Values of [`CompoundFile::columns`], empty where missing.
    pub properties: Vec<String>,
}

impl CompoundFile {
    /// Reads a file; the ending tells its format: `.sdf`, `.sd`, `.mol`, `.smi`, `.smiles`, `.csv`, `.tsv`, `.tab`; that of
    /// others is guessed.
    ///
    /// # Errors
    /// [`ChemError::File`] if the file cannot be read or holds no record.
    pub fn read(path: &Path) -> Result<Self, ChemError> {
        let file = |why: String| ChemError::File(format!("{}: {why}", path.display()));
        let bytes = read_whole(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let format = match ending.as_str() {
            "sdf" | "sd" | "mol" => Format::Mol,
            "smi" | "smiles" | "ism" => Format::SmilesLines,
            "csv" | "tsv" | "tab" => Format::Delimited,
            _ => Format::guess(&text),
        };
        Self::parse(&text, format).map_err(|e| file(e.to_string()))
    }

    /// Reads pasted text, whatever it is.
    pub fn paste(text: &str) -> Result<Self, ChemError> {
        Self::parse(text, Format::guess(text))
    }

    /// Reads text of a known format.
    pub fn parse(text: &str, format: Format) -> Result<Self, ChemError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file = match format {
            Format::SmilesLines => smiles_lines(text),
            Format::Delimited => delimited::parse(text),
            Format::Mol => mol::parse(text),
        }?;
        if file.records.is_empty() {
            return Err(ChemError::File("there is no structure in it".into()));
        }
        Ok(file)
    }

    /// The records that failed.
    pub fn failed(&self) -> impl Iterator<Item = (&Record, &ChemError)> {
        self.records.iter().filter_map(|record| record.molecule.as_ref().err().map(|e| (record, e)))
    }
}

impl Format {
    /// Tells MOL blocks, tables and lists of SMILES apart by their text.
    pub fn guess(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let first = lines.next().unwrap_or_default();
        if text.lines().take(10_000).any(|line| {
            line.trim_end().ends_with(" V2000")
                || line.trim_end().ends_with(" V3000")
                || line.starts_with("M  END")
        }) {
            return Self::Mol;
        }
        // A SMILES holds none of these characters; a name behind it may.
        let word = first.split(' ').next().unwrap_or_default();
        let separated = first.contains('\t') || word.contains([',', ';', '"']);
        let titled = first.to_lowercase().contains("smiles") && first.contains([',', ';']);
        if separated || titled { Self::Delimited } else { Self::SmilesLines }
    }
}

/// A record whose structure is still text.
struct Raw<T> {
    line: usize,
    name: String,
    structure: T,
    properties: Vec<String>,
}

/// Parses the structures on all cores; numbers the records.
fn records<T: Send>(
    raw: Vec<Raw<T>>,
    read: impl Fn(T) -> (Option<String>, Result<Molecule, ChemError>) + Sync,
) -> Result<Vec<Record>, ChemError> {
    if raw.len() > MAX_RECORDS {
        return Err(ChemError::File(format!("more than {MAX_RECORDS} structures; split it")));
    }
    let numbered: Vec<(usize, Raw<T>)> = raw.into_iter().enumerate().collect();
    Ok(numbered
        .into_par_iter()
        .map(|(index, raw)| {
            let (smiles, molecule) = read(raw.structure);
            let title = molecule.as_ref().ok().and_then(Molecule::title).filter(|_| raw.name.is_empty());
            let name = title.map(str::to_owned).unwrap_or(raw.name);
            Record { number: index + 1, line: raw.line, name, smiles, molecule, properties: raw.properties }
        })
        .collect())
}

fn smiles_lines(text: &str) -> Result<CompoundFile, ChemError> {
    let header =
        |line: &str| line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("smiles"));
    let raw: Vec<Raw<&str>> = text
        .lines()
        .enumerate()
        .filter(|&(i, line)| !(line.trim().is_empty() || line.starts_with('#') || (i == 0 && header(line))))
        .map(|(i, line)| Raw { line: i + 1, name: String::new(), structure: line, properties: Vec::new() })
        .collect();
    let records = records(raw, |line| {
        let smiles = line.split_whitespace().next().unwrap_or_default();
        (Some(smiles.to_owned()), Molecule::from_smiles(line))
    })?;
    Ok(CompoundFile {
        format: Format::SmilesLines,
        smiles_column: None,
        name_column: None,
        columns: Vec::new(),
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_smiles_keeps_what_fails() {
        let file = CompoundFile::paste("CCO ethanol\n\n# a remark\nC1CC ring\nc1ccccc1\n").unwrap();
        assert_eq!(file.format, Format::SmilesLines);
        let names: Vec<&str> = file.records.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["ethanol", "", ""]);
        let (record, error) = file.failed().next().unwrap();
        assert_eq!((record.number, record.line, error.position()), (2, 4, Some(4)));
    }

    #[test]
    fn formats_are_told_apart() {
        for (text, format) in [
            ("CCO 2,4-something", Format::SmilesLines),
            ("CCO", Format::SmilesLines),
            ("name,smiles\nx,CCO", Format::Delimited),
            ("compound name,smiles\nx,CCO", Format::Delimited),
            ("CCO\tethanol", Format::Delimited),
            ("\n  x\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n", Format::Mol),
        ] {
            assert_eq!(Format::guess(text), format, "{text}");
        }
    }

    #[test]
    fn nothing_is_an_error() {
        assert!(matches!(CompoundFile::paste(" \n"), Err(ChemError::File(_))));
    }
}

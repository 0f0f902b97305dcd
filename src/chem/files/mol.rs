//! MOL blocks and SDF: V2000 and V3000, with the properties behind them.

mod numbers;

use std::collections::BTreeMap;
use std::ops::Range;

use chematic::chem::remove_hydrogens;
use chematic::mol::{self, MolParseError};
use chematic::smiles;

use super::{CompoundFile, Format, Raw, records};
use crate::chem::error::contained;
use crate::chem::{ChemError, MAX_ATOMS, Molecule};

/// A structure: the lines of its block, and the file's line before it.
struct Block<'a> {
    lines: Vec<&'a str>,
    offset: usize,
}

impl Molecule {
    /// Reads the first structure of a MOL block, V2000 or V3000. Explicit hydrogens become implicit; stereo comes from
    /// wedges and coordinates.
    ///
    /// # Errors
    /// [`ChemError::Mol`] with the line of the block.
    pub fn from_mol_block(text: &str) -> Result<Self, ChemError> {
        read(&Block { lines: text.lines().collect(), offset: 0 })
    }
}

fn read(block: &Block) -> Result<Molecule, ChemError> {
    let error = |line: usize, why: String| ChemError::Mol { line: block.offset + line.max(1), why };
    let counts = block.lines.get(3).copied().unwrap_or_default();
    let v3000 = counts.trim_end().ends_with("V3000");
    numbers::check(&block.lines, v3000).map_err(|(line, why)| error(line, why))?;
    let mut text = block.lines.join("\n");
    text.push('\n');
    let (canonical, ambiguous) = contained("The structure", || {
        let read = if v3000 { mol::read_mol_v3000_with_diagnostics } else { mol::read_mol_with_diagnostics };
        let report = read(&text).map_err(|e| {
            let (line, why) = explain(&e, block.lines.len());
            error(line, why)
        })?;
        let graph = report.mol;
        // Hydrogens are still counted.
        if graph.atom_count() > 4 * MAX_ATOMS {
            return Err(error(4, format!("the structure has more than {MAX_ATOMS} atoms")));
        }
        let canonical =
            smiles::rdkit_canonical_smiles(&remove_hydrogens(&graph)).map_err(|e| error(4, e.to_string()))?;
        let ambiguous: Vec<String> =
            report.stereo_diagnostics.iter().map(|d| (d.atom.0 + 1).to_string()).collect();
        Ok((canonical, ambiguous))
    })?;
    if canonical.is_empty() {
        return Err(error(4, "the structure has no atoms".into()));
    }
    // From here on all structures are alike, wherever they came from.
    let molecule = Molecule::from_smiles(&canonical).map_err(|e| match e {
        ChemError::Smiles { why, .. } => error(4, why),
        other => other,
    })?;
    Ok(match ambiguous.as_slice() {
        [] => molecule,
        atoms => molecule
            .with_warning(format!("the wedges at atom {} say no stereo; it is left open", atoms.join(", "))),
    })
}

/// The line of the block and what is wrong there.
fn explain(error: &MolParseError, lines: usize) -> (usize, String) {
    match error {
        MolParseError::InvalidHeader { line, detail } => (*line, format!("bad header: {detail}")),
        MolParseError::InvalidCountLine { line, detail } => (*line, format!("bad counts line: {detail}")),
        MolParseError::InvalidAtomLine { line, detail } => (*line, format!("bad atom: {detail}")),
        MolParseError::InvalidBondLine { line, detail } => (*line, format!("bad bond: {detail}")),
        MolParseError::InvalidPropertyLine { line, detail } => (*line, format!("bad property: {detail}")),
        MolParseError::UnknownElement { symbol, line } => (*line, format!("unknown element {symbol}")),
        MolParseError::V3000ParseError { line, msg } => (*line, msg.clone()),
        MolParseError::UnexpectedEnd => (lines, "the block ends too early".into()),
        MolParseError::ResourceLimit { .. } | MolParseError::Io(_) => (1, error.to_string()),
    }
}

pub(super) fn parse(text: &str) -> Result<CompoundFile, ChemError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut columns: Vec<String> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut raw = Vec::new();
    for range in ranges(&lines) {
        let record = &lines[range.clone()];
        let end =
            record.iter().position(|line| line.starts_with("M  END")).map_or(record.len(), |end| end + 1);
        let mut properties = Vec::new();
        for (name, value) in items(&record[end..]) {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                columns.push(name);
                columns.len() - 1
            });
            if properties.len() <= place {
                properties.resize(place + 1, String::new());
            }
            properties[place] = value;
        }
        raw.push(Raw {
            line: range.start + 1,
            name: record.first().map(|line| line.trim().to_owned()).unwrap_or_default(),
            structure: Block { lines: record[..end].to_vec(), offset: range.start },
            properties,
        });
    }
    for record in &mut raw {
        record.properties.resize(columns.len(), String::new());
    }
    // Where the first lines are empty, a property may hold the names.
    let column = columns.iter().position(|c| c.to_lowercase().contains("name"));
    let name_column = column.filter(|_| raw.iter().all(|record| record.name.is_empty()));
    if let Some(column) = name_column {
        for record in &mut raw {
            record.name.clone_from(&record.properties[column]);
        }
    }
    let records = records(raw, |block| (None, read(&block)))?;
    let name_column = name_column.map(|column| columns[column].clone());
    Ok(CompoundFile { format: Format::Mol, smiles_column: None, name_column, columns, records })
}

/// The lines of each record, without its `$$$$`. Blank space behind the last one is no record.
fn ranges(lines: &[&str]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("$$$$") {
            ranges.push(start..at);
            start = at + 1;
        }
    }
    if lines[start..].iter().any(|line| !line.trim().is_empty()) {
        ranges.push(start..lines.len());
    }
    ranges
}

/// Properties behind a block: `> <NAME>`, value lines, a blank line.
fn items(lines: &[&str]) -> Vec<(String, String)> {
    let mut items: Vec<(String, Vec<&str>)> = Vec::new();
    let mut open = false;
    for line in lines {
        let name = line.strip_prefix('>').and_then(|rest| {
            let (_, name) = rest.split_once('<')?;
            Some(name.rsplit_once('>').map_or(name, |(name, _)| name))
        });
        match (name, items.last_mut()) {
            // A value may begin with > too, but only right behind its name.
            (Some(name), last) if !open || last.as_ref().is_none_or(|item| !item.1.is_empty()) => {
                items.push((name.trim().to_owned(), Vec::new()));
                open = true;
            }
            (_, Some((_, value))) if open => {
                if line.trim().is_empty() {
                    open = false;
                } else {
                    value.push(line.trim_end());
                }
            }
            _ => {}
        }
    }
    items.into_iter().map(|(name, value)| (name, value.join("\n"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ethanol with its hydroxyl hydrogen drawn.
    const ETHANOL: &str = "ethanol\n  by hand\n\n  4  3  0  0  0  0  0  0  0  0999 V2000\n    0.0000    0.0000    0.0000 C   \
                           0  0\n    1.3000    0.7500    0.0000 C   0  0\n    2.6000    0.0000    0.0000 O   0  0\n    \
                           3.9000    0.7500    0.0000 H   0  0\n  1  2  1  0\n  2  3  1  0\n  3  4  1  0\nM  END\n";

    #[test]
    fn hydrogens_become_implicit_and_properties_columns() {
        let text =
            format!("{ETHANOL}> 25 <DOSE>\n10\nµM\n\n>  <ID>\nx1\n\n$$$$\n{ETHANOL}> <ID>\nx2\n\n$$$$\n\n");
        let file = parse(&text).unwrap();
        assert_eq!(file.columns, ["DOSE", "ID"]);
        assert_eq!(file.records.len(), 2);
        assert_eq!(file.records[0].properties, ["10\nµM", "x1"]);
        assert_eq!(file.records[1].properties, ["", "x2"]);
        for record in &file.records {
            assert_eq!(record.name, "ethanol");
            assert_eq!(record.molecule.as_ref().unwrap().canonical_smiles(), "CCO");
        }
    }

    #[test]
    fn an_error_names_the_line_of_the_file() {
        let bad = ETHANOL.replace("  2.6000    0.0000    0.0000 O ", "  2.6000    0.0000    0.0000 Xx");
        let text = format!("{ETHANOL}$$$$\n{bad}$$$$\n{ETHANOL}");
        let file = parse(&text).unwrap();
        assert_eq!(file.records.len(), 3);
        let (record, error) = file.failed().next().unwrap();
        assert_eq!(record.number, 2);
        let lines = text.lines().collect::<Vec<_>>();
        let ChemError::Mol { line, .. } = error else { panic!("{error}") };
        assert!(lines[line - 1].contains("Xx"), "{error}: {}", lines[line - 1]);
    }
}

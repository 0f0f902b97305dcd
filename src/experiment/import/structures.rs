//! Structures from chemistry files (SDF, MOL, SMILES, the Drug Repurposing Hub's table), as a table to join by name.

use std::path::Path;

use super::{ImportError, Limits, Source};
use crate::chem::{CompoundFile, CompoundLibrary};

/// Reads a chemistry file as a table with `compound`, `smiles`, `moa` and the file's properties; `None` for what is no
/// such file. A record that cannot be read keeps its name, and a note says what is wrong with it.
pub fn read(path: &Path) -> Result<Option<Source>, ImportError> {
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let refused = |problem: String| {
        ImportError::new(path, "the structures", problem, "Check the file, or export it again as SDF or CSV.")
    };
    let (table, notes) = match ending.as_str() {
        "sdf" | "sd" | "mol" | "smi" | "smiles" => {
            of_records(&CompoundFile::read(path).map_err(|e| refused(e.to_string()))?)
        }
        "csv" | "tsv" | "txt" if is_hub(path) => {
            let (library, problems) = CompoundLibrary::read(path).map_err(|e| refused(e.to_string()))?;
            let notes = problems.iter().map(|p| format!("Line {}, {}: {}", p.line, p.name, p.why)).collect();
            (of_library(&library), notes)
        }
        _ => return Ok(None),
    };
    let mut source =
        Source::from_bytes(&path.with_extension("csv"), table.into_bytes(), None, &Limits::default())?;
    path.clone_into(&mut source.path);
    source.notes.extend::<Vec<String>>(notes);
    Ok(Some(source))
}

/// The Hub's table is told by the name of its column of names.
fn is_hub(path: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = crate::regular_file::open(path).and_then(|file| file.take(64 << 10).read_to_end(&mut head));
    read.is_ok() && {
        let text = String::from_utf8_lossy(&head);
        let header = text.lines().find(|line| !line.starts_with('!')).unwrap_or_default();
        ["pert_iname", "smiles"]
            .iter()
            .all(|name| header.split('\t').any(|cell| cell.trim().eq_ignore_ascii_case(name)))
    }
}

fn of_records(file: &CompoundFile) -> (String, Vec<String>) {
    let mut table = String::new();
    let head = ["compound", "smiles"].into_iter().chain(file.columns.iter().map(String::as_str));
    push_line(&mut table, head);
    let mut notes = Vec::new();
    for record in &file.records {
        let smiles = match &record.molecule {
            Ok(molecule) => record.smiles.as_deref().unwrap_or_else(|| molecule.canonical_smiles()),
            Err(e) => {
                notes.push(format!("Record {} (line {}), {}: {e}", record.number, record.line, record.name));
                ""
            }
        };
        // A row without a single text would be taken for an empty line.
        let unnamed = format!("record {}", record.number);
        let name = if record.name.is_empty() { &unnamed } else { &record.name };
        let properties = record.properties.iter().map(String::as_str);
        push_line(&mut table, [name.as_str(), smiles].into_iter().chain(properties));
    }
    (table, notes)
}

fn of_library(library: &CompoundLibrary) -> String {
    let mut table = String::new();
    push_line(&mut table, ["compound", "smiles", "moa"].into_iter());
    for compound in library.compounds() {
        push_line(
            &mut table,
            [compound.name.as_str(), &compound.smiles, &compound.moa.join(";")].into_iter(),
        );
    }
    table
}

/// One line of CSV, every cell quoted.
fn push_line<'a>(table: &mut String, cells: impl Iterator<Item = &'a str>) {
    let cells: Vec<String> = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
    table.push_str(&cells.join(","));
    table.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_rows_and_bad_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("three.smi");
        std::fs::write(&file, "CCO ethanol\nC1CC broken ring\nCS(C)=O DMSO, \"pure\"\n").unwrap();
        let source = read(&file).unwrap().unwrap();
        assert_eq!(source.header()[..2], ["compound", "smiles"]);
        assert_eq!((source.cell(0, 0), source.cell(0, 1)), ("ethanol", "CCO"));
        assert_eq!((source.cell(1, 0), source.cell(1, 1)), ("record 2", ""));
        assert_eq!(source.cell(2, 0), "DMSO, \"pure\"");
        assert!(source.notes.iter().any(|n| n.starts_with("Record 2 (line 2)")), "{:?}", source.notes);
    }

    #[test]
    fn the_hubs_table_is_recognised_and_other_tables_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let hub = folder.path().join("hub.txt");
        std::fs::write(
            &hub,
            "!remark\nbroad_id\tpert_iname\tmoa\tsmiles\nX\taspirin\ta|b\tCC(=O)Oc1ccccc1C(=O)O\n",
        )
        .unwrap();
        let source = read(&hub).unwrap().unwrap();
        assert_eq!([0, 1, 2].map(|c| source.cell(0, c)), ["aspirin", "CC(=O)Oc1ccccc1C(=O)O", "a;b"]);
        let table = folder.path().join("plate.csv");
        std::fs::write(&table, "well,compound\nA1,aspirin\n").unwrap();
        assert!(read(&table).unwrap().is_none());
    }
}

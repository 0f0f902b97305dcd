//! `molclip compounds`: the structures of a file in one canonical form, and what is wrong with the others.

use std::fmt::Write as _;
use std::path::PathBuf;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde_json::{Value, json};

use crate::chem::{CompoundFile, Like, Likeness, Molecule, Record, duplicates};
use crate::terminal::{note, out};

/// Options of `molclip compounds`.
#[derive(Debug, Clone, clap::Args)]
pub struct CompoundsArgs {
    /// SDF or MOL (V2000, V3000), CSV, TSV, or one SMILES a line
    pub file: PathBuf,
    /// Compute ECFP4 (2048 bits) and MACCS fingerprints
    #[arg(long)]
    pub fingerprints: bool,
    /// Print JSON alone on stdout
    #[arg(long)]
    pub json: bool,
}

/// Prints the compounds of a file. Structures that fail are listed, and do not fail the command.
pub fn run(args: &CompoundsArgs) -> anyhow::Result<()> {
    let file = CompoundFile::read(&args.file)?;
    let mut rows: Vec<Row> =
        file.records.par_iter().map(|record| Row::of(record, args.fingerprints)).collect();
    let molecules = file.records.iter().map(|record| record.molecule.as_ref().ok());
    for (index, like) in duplicates(molecules).into_iter().enumerate() {
        if let Some(Like { of, likeness }) = like {
            let what = match likeness {
                Likeness::Same => "the same structure as",
                Likeness::OtherForm => "another salt, charge form or tautomer of",
                Likeness::OtherStereo => "the same skeleton with other stereo as",
            };
            rows[index].warn(format!("{what} record {}", file.records[of].number));
        }
    }
    let text = if args.json {
        for warning in rows.iter().flat_map(|row| &row.warnings) {
            note!("warning: {warning}");
        }
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        serde_json::to_string(&rows)?
    } else {
        table(&rows)
    };
    let failed = file.failed().count();
    if failed > 0 {
        note!("{failed} of {} structures could not be read.", file.records.len());
    }
    out!("{}", text.trim_end());
    Ok(())
}

/// What is told about one record.
struct Row<'a> {
    record: &'a Record,
    formula: Option<String>,
    mw: Option<f64>,
    inchi_key: Option<String>,
    ecfp4: Option<Vec<usize>>,
    maccs: Option<Vec<usize>>,
    warnings: Vec<String>,
}

impl<'a> Row<'a> {
    fn of(record: &'a Record, fingerprints: bool) -> Self {
        let mut row = Self {
            record,
            formula: None,
            mw: None,
            inchi_key: None,
            ecfp4: None,
            maccs: None,
            warnings: Vec::new(),
        };
        let Ok(molecule) = &record.molecule else { return row };
        for warning in molecule.warnings() {
            match warning.position {
                Some(position) => row.warn(format!("position {position}: {}", warning.why)),
                None => row.warn(&warning.why),
            }
        }
        row.formula = Some(molecule.formula());
        row.mw = row.keep(molecule.descriptors()).map(|descriptors| descriptors.mw);
        row.inchi_key = row.keep(molecule.inchi_key());
        if fingerprints {
            row.ecfp4 = row.keep(molecule.ecfp4()).map(|bits| bits.on_bits());
            row.maccs = row.keep(molecule.maccs()).map(|bits| bits.on_bits());
        }
        row
    }

    fn warn(&mut self, what: impl std::fmt::Display) {
        self.warnings.push(format!("record {} (line {}): {what}", self.record.number, self.record.line));
    }

    fn keep<T, E: std::fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|e| self.warn(e)).ok()
    }

    fn canonical(&self) -> Option<&str> {
        self.record.molecule.as_ref().ok().map(Molecule::canonical_smiles)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.record.name,
            "input_smiles": self.record.smiles,
            "canonical_smiles": self.canonical(),
            "formula": self.formula,
            "mw": self.mw,
            "inchikey": self.inchi_key,
            "ecfp4_on_bits": self.ecfp4,
            "maccs_on_bits": self.maccs,
            "error": self.record.molecule.as_ref().err().map(ToString::to_string),
        })
    }
}

/// A table of what was read; below it what was not, with a mark under the character.
fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let name = |row: &Row| row.record.name.chars().take(32).collect::<String>();
    let width = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).max(4);
    let formula = |row: &Row| row.formula.clone().unwrap_or_default();
    let formulas = rows.iter().map(|row| formula(row).len()).max().unwrap_or(0).max(7);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:>6}  {:width$}  {:formulas$}  {:>9}  {:27}  SMILES",
        "record", "name", "formula", "g/mol", "InChIKey"
    );
    for row in rows.iter().filter(|row| row.record.molecule.is_ok()) {
        let mw = row.mw.map(|mw| format!("{mw:.3}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "{:>6}  {:width$}  {:formulas$}  {mw:>9}  {:27}  {}",
            row.record.number,
            name(row),
            formula(row),
            row.inchi_key.as_deref().unwrap_or_default(),
            row.canonical().unwrap_or_default(),
        );
        for (what, bits) in [("ECFP4", &row.ecfp4), ("MACCS", &row.maccs)] {
            if let Some(bits) = bits {
                let bits: Vec<String> = bits.iter().map(ToString::to_string).collect();
                let _ = writeln!(text, "{:>6}  {what}: {}", "", bits.join(" "));
            }
        }
    }
    let warnings: Vec<String> =
        rows.iter().flat_map(|row| &row.warnings).map(|w| format!("warning: {w}\n")).collect();
    if !warnings.is_empty() {
        text.push('\n');
        text.push_str(&warnings.concat());
    }
    for row in rows {
        let Err(error) = &row.record.molecule else { continue };
        let _ = writeln!(text, "\nrecord {} {}: {error}", row.record.number, name(row));
        if let (Some(smiles), Some(position)) = (&row.record.smiles, error.position())
            && position <= 120
        {
            let shown: String = smiles.chars().take(160).collect();
            let _ = writeln!(text, "  {shown}\n  {:>1$}", '^', position + 1);
        }
    }
    text
}

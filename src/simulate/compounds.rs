//! Structures of the drugs, from the compound library.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::OnceLock;

use polars::prelude::*;

use super::SimulateError;

const LIBRARY: &str = include_str!("../../assets/compounds/library.csv");

/// Structure of a compound as SMILES, by its name in the library; only of those that two sources agree on.
pub fn smiles(name: &str) -> Result<&'static str, SimulateError> {
    static KNOWN: OnceLock<Result<BTreeMap<String, String>, String>> = OnceLock::new();
    let known = KNOWN
        .get_or_init(|| read().map_err(|e| format!("assets/compounds/library.csv: {e}")))
        .as_ref()
        .map_err(|e| SimulateError::Parameters(e.clone()))?;
    let missing = || SimulateError::Parameters(format!("{name} has no structure that two sources agree on."));
    known.get(name).map(String::as_str).ok_or_else(missing)
}

fn read() -> PolarsResult<BTreeMap<String, String>> {
    let options = CsvReadOptions::default().with_has_header(true).with_infer_schema_length(Some(0));
    let table = options.into_reader_with_file_handle(Cursor::new(LIBRARY)).finish()?;
    let (names, smiles) = (table.column("name")?.str()?, table.column("smiles")?.str()?);
    let checks = table.column("check")?.str()?;
    let rows = names.iter().zip(smiles.iter()).zip(checks.iter());
    Ok(rows
        .filter_map(|((name, smiles), check)| Some((name?, smiles?, check?)))
        .filter(|(_, _, check)| check.starts_with("two_sources"))
        .map(|(name, smiles, _)| (name.to_owned(), smiles.to_owned()))
        .collect())
}

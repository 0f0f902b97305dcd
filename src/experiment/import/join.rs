//! Two tables joined by a key that the user sees: a plate map by plate and well, structures by drug name or index.

use std::collections::HashMap;

use super::super::cells::Cells;
use super::super::columns::{EXCLUDED, STANDARD};
use super::super::wells::Well;
use super::super::{Kind, Table, TableError};
use super::convert::{Converted, convert};
use super::mapping::{Mapping, Target};
use super::report::{BadCell, JoinReport};
use super::source::Source;

/// One part of a key: a column of the experiment and the one of the other table that must equal it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPart {
    /// Column of the experiment.
    pub table: String,
    /// Column of the other table, by number.
    pub source: usize,
}

/// What to do with cells that the experiment has filled already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Keep them; what differs is listed.
    Keep,
    /// Overwrite them; what differed is listed.
    Overwrite,
}

/// Keys to try for a join, the best first: plate and well, well, the compound's name or number.
pub fn guess_key(table: &Table, source: &Source, mapping: &Mapping) -> Option<Vec<KeyPart>> {
    let filled =
        |column: &str| table.frame().column(column).is_ok_and(|column| column.null_count() < column.len());
    let part = |column: &str| {
        let from = mapping.source_of(column).or_else(|| source.column(column))?;
        filled(column).then(|| KeyPart { table: column.to_owned(), source: from })
    };
    if let Some(well) = part("well") {
        return Some(part("plate").into_iter().chain([well]).collect());
    }
    let index = || {
        let from = source.column("index").or_else(|| source.column("drug_index"))?;
        filled("drug_index").then(|| KeyPart { table: "drug_index".to_owned(), source: from })
    };
    part("row_id")
        .or_else(index)
        .or_else(|| part("compound"))
        .or_else(|| part("smiles"))
        .map(|part| vec![part])
}

/// Writes a source's mapped columns into the rows of a table that have its key.
///
/// Only `rows` take part, all where `None`. The key's own columns and skipped ones are not written. Keys are compared
/// without case and surrounding space; wells as wells (`B7` = `b07`), whole numbers as numbers (`7` = `07` = `7.0`).
///
/// # Errors
/// The experiment lacks a column of the key.
pub fn join(
    table: &Table,
    rows: Option<&[usize]>,
    source: &Source,
    mapping: &Mapping,
    key: &[KeyPart],
    filled: Filled,
) -> Result<(Table, JoinReport), TableError> {
    for part in key {
        if table.column(&part.table).is_none() {
            return Err(TableError::NoColumn { column: part.table.clone() });
        }
    }
    let all: Vec<usize> = (0..table.len()).collect();
    let rows = rows.unwrap_or(&all);
    let name = source.path.file_name().unwrap_or_default().to_string_lossy();
    let sheet = source.sheet.as_ref().map(|sheet| format!(", sheet {sheet}")).unwrap_or_default();
    let columns: Vec<&str> = key.iter().map(|part| part.table.as_str()).collect();
    let mut report =
        JoinReport { what: format!("{name}{sheet} by {}", columns.join(" and ")), ..JoinReport::default() };

    let mut partners: HashMap<String, usize> = HashMap::with_capacity(source.len());
    for row in 0..source.len() {
        let Some(text) =
            key_text(key.iter().map(|part| (part.table.as_str(), source.cell(row, part.source))))
        else {
            report.unused.push(("(empty)".to_owned(), source.place(row)));
            continue;
        };
        if let Some(first) = partners.get(&text) {
            report.repeated.push((text, source.place(*first), source.place(row)));
        } else {
            partners.insert(text, row);
        }
    }
    let mut pairs = Vec::with_capacity(rows.len());
    let mut missing: HashMap<String, usize> = HashMap::new();
    let mut used = vec![false; source.len()];
    for row in rows {
        let cells: Vec<String> = key.iter().map(|part| table.text(*row, &part.table)).collect();
        let text = key_text(key.iter().zip(&cells).map(|(part, cell)| (part.table.as_str(), cell.as_str())));
        match text.as_ref().and_then(|text| partners.get(text)) {
            Some(partner) => {
                used[*partner] = true;
                pairs.push((*row, *partner));
            }
            None => *missing.entry(text.unwrap_or_else(|| "(empty)".to_owned())).or_default() += 1,
        }
    }
    report.matched = pairs.len();
    let mut missing: Vec<(String, usize)> = missing.into_iter().collect();
    missing.sort_by_cached_key(|(key, _)| super::super::order::natural_key(key));
    report.missing = missing.into_iter().collect();
    let mut unused: Vec<(usize, String)> =
        partners.into_iter().filter(|(_, row)| !used[*row]).map(|(text, row)| (row, text)).collect();
    unused.sort_unstable();
    report.unused.extend(unused.into_iter().map(|(row, text)| (text, source.place(row))));

    let mut joined = table.clone();
    for (column, mapped) in mapping.columns.iter().enumerate() {
        let is_key = key.iter().any(|part| part.source == column);
        if is_key || mapped.target == Target::Standard("row_id") {
            continue;
        }
        let Some(converted) = convert(source, column, mapped) else { continue };
        joined = write(&joined, source, converted, &pairs, filled, &mut report)?;
    }
    Ok((joined, report))
}

/// Writes one converted column into its partners.
fn write(
    table: &Table,
    source: &Source,
    converted: Converted,
    pairs: &[(usize, usize)],
    filled: Filled,
    report: &mut JoinReport,
) -> Result<Table, TableError> {
    let Converted { target, mut name, cells, bad } = converted;
    if matches!(target, Target::Free(_))
        && (name == EXCLUDED || STANDARD.iter().any(|standard| standard.name == name))
    {
        name.push_str(" (source)");
    }
    report.bad_cells.extend(bad);
    let column = cells.into_column(&name);
    let Some(values) = super::super::cells::Values::of(&column) else { return Ok(table.clone()) };
    let mut table = match table.column(&name) {
        Some(_) => table.clone(),
        None => table.add_column(&name, values.kind())?,
    };
    // A free column of another kind than before: text keeps both.
    if table.column(&name).is_some_and(|column| column.kind != values.kind()) {
        let Some(old) = table.values(&name) else { return Ok(table) };
        let mut text = Cells::empty(Kind::Text, table.len());
        for row in 0..table.len() {
            text.put(row, super::super::cells::parse(&old.text(row), Kind::Text, None).unwrap_or_default());
        }
        table = table.with_cells(&name, text)?;
    }
    let mut changes = Vec::with_capacity(pairs.len());
    {
        let Some(old) = table.values(&name) else { return Ok(table) };
        for (row, partner) in pairs {
            let (before, after) = (old.text(*row), values.text(*partner));
            if after.is_empty() || before == after {
                continue;
            }
            if !before.is_empty() {
                report.conflicts.push(BadCell {
                    row: *row,
                    place: source.place(*partner),
                    column: name.clone(),
                    value: after.clone(),
                    why: format!("row {} of the experiment says {before:?}", row + 1),
                });
                if filled == Filled::Keep {
                    continue;
                }
            }
            changes.push((*row, after));
        }
    }
    let changes: Vec<(usize, &str)> = changes.iter().map(|(row, text)| (*row, text.as_str())).collect();
    table.set_each(&name, &changes)
}

/// A key in the form in which keys are compared; `None` where a part is empty.
fn key_text<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let parts: Option<Vec<String>> = parts
        .map(|(column, part)| {
            let part = part.trim();
            if part.is_empty() {
                return None;
            }
            if let (Some(well), "well") = (Well::parse(part), column) {
                return Some(well.to_string());
            }
            Some(match part.parse::<f64>() {
                Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => (number as i64).to_string(),
                _ => part.to_lowercase(),
            })
        })
        .collect();
    Some(parts?.join(" "))
}

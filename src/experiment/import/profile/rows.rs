//! What belongs to the rows of profiles, as a table of the experiment: roles, units, controls, names of rows.

use std::collections::HashMap;

use polars::prelude::PlSmallStr;

use super::super::super::Well;
use super::super::super::cells::Cells;
use super::super::super::columns::STANDARD;
use super::super::apply::{apply, looked_for, rename_duplicates};
use super::super::mapping::{kind_of, simplify};
use super::super::report::Imported;
use super::super::synonyms::word;
use super::super::{ImportError, Mapping, Source, Target, guess};
use super::body::stem;
use super::stack::rewritten;

/// More than any cell is treated with, µM: such doses are of a stock solution, or of another unit.
const HIGHEST_DOSE: f64 = 1000.0;

/// Makes the experiment of the rows. It has no embeddings yet.
pub(super) fn experiment(source: Source) -> Result<Imported, ImportError> {
    let mut notes = Vec::new();
    let mut mapping = guess(&source);
    adjust(&source, &mut mapping, &mut notes);
    let source = with_controls(source, &mapping, &mut notes)?;
    let Imported { mut experiment, mut report } = apply(&source, &mapping)?;
    if mapping.source_of("row_id").is_none() {
        let failed = |error| ImportError::Table { path: source.path.clone(), source: error };
        let mut ids = names_of_rows(&source, &mapping);
        report.duplicates = rename_duplicates(&mut ids, &source);
        if let Some(first) = report.duplicates.items.first() {
            let n = report.duplicates.count;
            notes.push(format!(
                "{n} rows are of wells that are named twice, the first {}: later ones are numbered.",
                first.row_id
            ));
        }
        experiment.table = experiment.table.with_cells("row_id", Cells::Text(ids)).map_err(failed)?;
    }
    let doses =
        (0..experiment.table.len()).filter_map(|row| experiment.table.number(row, "concentration_uM"));
    let highest = doses.fold(0.0, f64::max);
    if highest > HIGHEST_DOSE {
        notes.push(format!(
            "Doses reach {highest} µM by the unit in the column's name: are they those of the stock solution?"
        ));
    }
    report.missing_files = looked_for(&experiment, false);
    report.notes.extend(notes);
    Ok(Imported { experiment, report })
}

/// What is guessed for tables of recordings, and does not hold for profiles.
fn adjust(source: &Source, mapping: &mut Mapping, notes: &mut Vec<String>) {
    let free = |mapping: &mut Mapping, column: usize| {
        let kind = kind_of(source, column, mapping.columns[column].decimal_comma);
        mapping.choose(source, column, Target::Free(kind));
    };
    // Ids of images and objects name no rows.
    if let Some(column) = mapping.source_of("row_id")
        && simplify(&source.header()[column]) != "rowid"
    {
        free(mapping, column);
    }
    if let Some(column) = mapping.source_of("concentration_uM") {
        let name = &source.header()[column];
        if mapping.columns[column].unit.is_none() && simplify(name) != "concentrationum" {
            notes.push(format!(
                "{name} names no unit: it is kept as it is. Call it concentration_uM (or _nM, _mM) for doses."
            ));
            free(mapping, column);
        }
    }
    // All wells have a solvent; only controls have nothing else.
    if let Some(column) = mapping.source_of("control") {
        let name = simplify(&source.header()[column]);
        if name.contains("solvent") || name.contains("vehicle") {
            free(mapping, column);
        }
    }
    // Metadata_cell_id is a cell line where it is no number.
    if let Some(column) = mapping.source_of("cell")
        && mapping.source_of("cell_line").is_none()
        && source.cells(column).map(str::trim).any(|cell| !cell.is_empty() && cell.parse::<f64>().is_err())
        && let Some(standard) = STANDARD.iter().find(|standard| standard.name == "cell_line")
    {
        mapping.choose(source, column, Target::Standard(standard.name));
    }
}

/// Words for kinds of wells that other programs use, brought to the manifest's: `poscon_cp` is positive, and `control`
/// negative where the compound is a solvent.
fn with_controls(source: Source, mapping: &Mapping, notes: &mut Vec<String>) -> Result<Source, ImportError> {
    let Some(column) = mapping.source_of("control") else { return Ok(source) };
    let compound = mapping.source_of("compound");
    let mut unsure = 0;
    let mut changed: HashMap<usize, &'static str> = HashMap::new();
    for (row, cell) in source.cells(column).enumerate() {
        let simple = simplify(cell);
        if word("control", cell.trim()).is_some() {
            continue;
        }
        let is_solvent = compound
            .is_some_and(|compound| word("control", source.cell(row, compound).trim()) == Some("negative"));
        let is_control = matches!(simple.as_str(), "control" | "controls" | "ctrl" | "ctl");
        let word = if simple.starts_with("poscon") {
            "positive"
        } else if simple.starts_with("negcon") || (is_control && is_solvent) {
            "negative"
        } else if is_control {
            ""
        } else {
            continue;
        };
        unsure += usize::from(word.is_empty());
        changed.insert(row, word);
    }
    if unsure > 0 {
        notes.push(format!(
            "{unsure} rows are called controls in {}, but which is open: their compound is no solvent. They are no \
             controls here.",
            source.header()[column]
        ));
    }
    if changed.is_empty() {
        return Ok(source);
    }
    rewritten(&source, source.header().to_vec(), |row, place| match changed.get(&row) {
        Some(word) if place == column => *word,
        _ => source.cell(row, place),
    })
}

/// `PLATE_WELL`; the table's name where no plate is named, the line where no well is.
fn names_of_rows(source: &Source, mapping: &Mapping) -> Vec<Option<PlSmallStr>> {
    let (plate, well) = (mapping.source_of("plate"), mapping.source_of("well"));
    let table = stem(&source.path);
    let name = |row: usize| {
        let text = |column: Option<usize>| column.map_or("", |column| source.cell(row, column).trim());
        let well = Well::parse(text(well)).map_or_else(|| text(well).to_owned(), |well| well.to_string());
        let plate = if text(plate).is_empty() { table.as_str() } else { text(plate) };
        let well = if well.is_empty() { format!("row{}", source.place(row)) } else { well };
        Some(PlSmallStr::from(format!("{plate}_{well}")))
    };
    (0..source.len()).map(name).collect()
}

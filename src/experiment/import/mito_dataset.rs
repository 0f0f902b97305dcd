//! The layout of the Mito dataset (`MitoReID`, Nat Comput Sci 2024, 4:600-614): one folder of frames per cell.
//!
//! `{l1,l2,l3}/{train,query,gallery,nc}/<drug>/<cell>/1.jpg … 16.jpg` beside `novel/<drug>/<cell>/` and
//! `annotation.xlsx` (sheets `FDA-list` and `Novel-list`). A row is a cell's folder; its frames are not looked at until
//! somebody does ([`check_frames`]). `dmso` is the negative control, `nc` holds natural compounds without a mechanism.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use polars::prelude::{DataFrame, PlSmallStr};
use rayon::prelude::*;

use super::super::cells::{Cell, Cells};
use super::super::order::natural_key;
use super::super::{Experiment, Kind, Table, TableError};
use super::ImportError;
use super::grid::Limits;
use super::join::{Filled, KeyPart, join};
use super::mapping::{Mapping, Target, guess};
use super::report::{Imported, Report};
use super::source::Source;

/// Frames of a cell.
pub const FRAMES: usize = 16;

/// Name of the workbook beside the replicates.
const ANNOTATION: &str = "annotation.xlsx";

/// Folders of a replicate, in the order of their rows.
const SETS: [&str; 4] = ["train", "query", "gallery", "nc"];

/// Folder of drugs that no replicate has.
const NOVEL: &str = "novel";

/// True for a folder that looks like the root of a Mito dataset.
pub fn is_root(path: &Path) -> bool {
    path.is_dir()
        && entries(path).is_ok_and(|entries| {
            entries
                .iter()
                .any(|entry| is_dir(entry) && SETS.iter().any(|set| entry.path().join(set).is_dir()))
        })
}

/// One folder of a drug.
struct Drug {
    replicate: String,
    set: String,
    name: String,
    path: PathBuf,
}

/// What a walk found.
#[derive(Default)]
struct Found {
    films: usize,
    strays: Vec<PathBuf>,
}

/// Opens a Mito dataset.
///
/// # Errors
/// A folder cannot be listed, or there is no cell. A damaged or incomplete `annotation.xlsx` is no error: the report
/// says what it lacks.
pub fn open(root: &Path) -> Result<Imported, ImportError> {
    let mut report = Report::default();
    let mut found = Found::default();
    let drugs = drug_folders(root, &mut found)?;
    let cells: Vec<Result<(Vec<String>, Found), ImportError>> =
        drugs.par_iter().map(|drug| cell_folders(&drug.path)).collect();
    let mut rows: Vec<(&Drug, String)> = Vec::new();
    for (drug, listed) in drugs.iter().zip(cells) {
        let (cells, more) = listed?;
        found.films += more.films;
        found.strays.extend(more.strays);
        rows.extend(cells.into_iter().map(|cell| (drug, cell)));
    }
    if rows.is_empty() {
        return Err(ImportError::new(
            root,
            "the folders of drugs",
            "there is no folder of a cell in any of them",
            "Choose the folder that holds l1, l2, l3 and annotation.xlsx.",
        ));
    }
    if found.films > 0 {
        report.notes.push(format!("{} films (.avi) beside the folders of frames were skipped.", found.films));
    }
    report.strays.extend(found.strays);
    report.rows = rows.len();
    let failed = |source| ImportError::Table { path: root.to_owned(), source };
    let table = table(&rows).map_err(failed)?;
    let table = annotate(root, table, &rows, &mut report)?;
    let table = name_dmso(&table, &rows).and_then(|table| mark_simulated(&table)).map_err(failed)?;
    let name = root.file_name().unwrap_or(OsStr::new("Mito dataset")).to_string_lossy().into_owned();
    let experiment = Experiment::new(name, root, table)
        .map_err(|source| ImportError::Experiment { path: root.to_owned(), source })?;
    Ok(Imported { experiment, report })
}

/// The folders of drugs, in natural order.
fn drug_folders(root: &Path, found: &mut Found) -> Result<Vec<Drug>, ImportError> {
    let mut drugs = Vec::new();
    let mut list =
        |folder: &Path, replicate: &str, set: &str, found: &mut Found| -> Result<(), ImportError> {
            for (name, path) in folders(folder, found)? {
                drugs.push(Drug { replicate: replicate.to_owned(), set: set.to_owned(), name, path });
            }
            Ok(())
        };
    let mut beside = Found::default();
    for (replicate, path) in folders(root, &mut beside)? {
        if replicate.eq_ignore_ascii_case(NOVEL) {
            list(&path, "", NOVEL, found)?;
            continue;
        }
        let mut inside = Found::default();
        let sets = folders(&path, &mut inside)?;
        if !sets.iter().any(|(name, _)| SETS.contains(&name.as_str())) {
            // Not part of the layout, e.g. a folder of notes.
            found.strays.push(path);
            continue;
        }
        found.films += inside.films;
        found.strays.extend(inside.strays);
        for (name, path) in &sets {
            if !SETS.contains(&name.as_str()) {
                found.strays.push(path.clone());
            }
        }
        for set in SETS {
            if let Some((_, path)) = sets.iter().find(|(name, _)| name == set) {
                list(path, &replicate, set, found)?;
            }
        }
    }
    Ok(drugs)
}

/// The folders of a drug's cells, in natural order.
fn cell_folders(drug: &Path) -> Result<(Vec<String>, Found), ImportError> {
    let mut found = Found::default();
    let names = folders(drug, &mut found)?.into_iter().map(|(name, _)| name).collect();
    Ok((names, found))
}

/// Folders in a folder, by natural order of their names. Files are counted as films or strays.
fn folders(path: &Path, found: &mut Found) -> Result<Vec<(String, PathBuf)>, ImportError> {
    let mut folders = Vec::new();
    for entry in entries(path).map_err(|e| ImportError::io(path, "listing the folder", &e))? {
        let name = entry.file_name();
        if is_dir(&entry) {
            match name.into_string() {
                Ok(name) if name.starts_with('.') => {}
                Ok(name) => folders.push((natural_key(&name), name, entry.path())),
                Err(_) => found.strays.push(entry.path()),
            }
        } else if Path::new(&name).extension().is_some_and(|e| e.eq_ignore_ascii_case("avi")) {
            found.films += 1;
        } else {
            found.strays.push(entry.path());
        }
    }
    folders.sort_unstable();
    Ok(folders.into_iter().map(|(_, name, path)| (name, path)).collect())
}

fn entries(path: &Path) -> std::io::Result<Vec<DirEntry>> {
    std::fs::read_dir(path)?.collect()
}

/// What the listing itself says; only a link costs a look at its target.
fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
}

/// A drug's number or name without what follows its first `-`.
fn drug_index(folder: &str) -> &str {
    folder.split('-').next().unwrap_or(folder)
}

/// The table before annotation.
fn table(rows: &[(&Drug, String)]) -> Result<Table, TableError> {
    let mut taken = HashSet::with_capacity(rows.len());
    let column = |name: &str, text: &mut dyn FnMut(&Drug, &str) -> String| {
        let cells = rows.iter().map(|(drug, cell)| {
            let text = text(drug, cell);
            (!text.is_empty()).then(|| PlSmallStr::from(text))
        });
        Cells::Text(cells.collect()).into_column(name)
    };
    let path = |drug: &Drug, cell: &str, separator: &str| {
        let parts = [drug.replicate.as_str(), &drug.set, &drug.name, cell];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(separator)
    };
    let columns = vec![
        column("row_id", &mut |drug, cell| {
            // Fit for a file's name; two folders could still give one name (a_b/c and a/b_c).
            let mut id = path(drug, cell, "_");
            while !taken.insert(id.clone()) {
                id.push('_');
            }
            id
        }),
        column("path", &mut |drug, cell| path(drug, cell, "/")),
        column("cell", &mut |_, cell| cell.to_owned()),
        column("replicate", &mut |drug, _| drug.replicate.clone()),
        column("control", &mut |drug, _| {
            if is_dmso(drug) { "negative".to_owned() } else { String::new() }
        }),
        column("split", &mut |drug, _| {
            if SETS[..3].contains(&drug.set.as_str()) { drug.set.clone() } else { String::new() }
        }),
        column("set", &mut |drug, _| drug.set.clone()),
        column("drug_index", &mut |drug, _| drug_index(&drug.name).to_owned()),
        column("drug_folder", &mut |drug, _| drug.name.clone()),
    ];
    Table::from_frame(DataFrame::new(rows.len(), columns)?)
}

fn is_dmso(drug: &Drug) -> bool {
    drug_index(&drug.name).eq_ignore_ascii_case("dmso")
}

/// Joins the sheets of the workbook by the drug's number. What is left over on either side is reported.
fn annotate(
    root: &Path,
    mut table: Table,
    rows: &[(&Drug, String)],
    report: &mut Report,
) -> Result<Table, ImportError> {
    let path = root.join(ANNOTATION);
    if !path.exists() {
        report.notes.push(format!("There is no {ANNOTATION}: compounds and mechanisms are empty."));
        return Ok(table);
    }
    let natural = |row: &usize| rows[*row].0.set == "nc";
    let (nc, fda): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(natural);
    for (sheet, rows) in [("FDA-list", fda), ("Novel-list", nc)] {
        match Source::read_sheet(&path, Some(sheet), &Limits::default()) {
            Ok(source) => table = join_sheet(&path, &table, &rows, &source, report)?,
            // Recordings can be watched without their annotation.
            Err(e) if !rows.is_empty() => report.notes.push(e.to_string()),
            Err(_) => {}
        }
    }
    Ok(table)
}

fn join_sheet(
    path: &Path,
    table: &Table,
    rows: &[usize],
    source: &Source,
    report: &mut Report,
) -> Result<Table, ImportError> {
    let Some(index) = source.column("index") else {
        return Err(ImportError::new(
            path,
            format!("sheet {}", source.sheet.as_deref().unwrap_or_default()),
            "there is no column index",
            "Name the column with the drugs' folder numbers index.",
        ));
    };
    report.notes.extend(source.notes.iter().map(|note| format!("{ANNOTATION}: {note}")));
    let mapping = annotation_mapping(source);
    let key = [KeyPart { table: "drug_index".to_owned(), source: index }];
    let failed = |source| ImportError::Table { path: path.to_owned(), source };
    let (table, joined) = join(table, Some(rows), source, &mapping, &key, Filled::Keep).map_err(failed)?;
    report.joins.push(joined);
    Ok(table)
}

/// The workbook's own names: `common_moa` is the mechanism; everything that is no column of a compound stays free.
fn annotation_mapping(source: &Source) -> Mapping {
    let mut mapping = guess(source);
    for column in 0..mapping.columns.len() {
        if let Target::Standard(name) = mapping.columns[column].target
            && !["compound", "smiles", "moa", "simulated"].contains(&name)
        {
            mapping.choose(source, column, Target::Free(Kind::Text));
        }
    }
    for (name, target) in [("name", "compound"), ("common_moa", "moa")] {
        if let Some(column) = source.column(name) {
            mapping.choose(source, column, Target::Standard(target));
        }
    }
    mapping
}

/// The control is called by its name, annotated or not.
fn name_dmso(table: &Table, rows: &[(&Drug, String)]) -> Result<Table, TableError> {
    let Some(values) = table.values("compound") else { return Ok(table.clone()) };
    let mut compounds = Cells::of(values);
    for (row, (drug, _)) in rows.iter().enumerate() {
        if is_dmso(drug) {
            compounds.put(row, Some(Cell::Text("DMSO".to_owned())));
        }
    }
    table.with_cells("compound", compounds)
}

/// A screen is simulated as a whole: its controls too, which no list of drugs names.
fn mark_simulated(table: &Table) -> Result<Table, TableError> {
    if (0..table.len()).any(|row| table.number(row, "simulated") == Some(1.0)) {
        table.set(&(0..table.len()).collect::<Vec<_>>(), "simulated", "true")
    } else {
        Ok(table.clone())
    }
}

/// A cell with another number of frames than [`FRAMES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameCount {
    /// Row of the table, from 0.
    pub row: usize,
    /// Pictures in its folder.
    pub frames: usize,
}

/// Lists the folders of these rows and returns those that do not hold [`FRAMES`] pictures. Slow on a network drive: run
/// it on a job, which ends it early by setting `cancel`.
pub fn check_frames(experiment: &Experiment, rows: &[usize], cancel: &AtomicBool) -> Vec<FrameCount> {
    let is_frame = |entry: &DirEntry| {
        entry
            .path()
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("png"))
    };
    rows.par_iter()
        .filter(|_| !cancel.load(Ordering::Relaxed))
        .filter_map(|row| {
            let folder = experiment.address(*row).ok()?.path;
            let frames = entries(&folder).map_or(0, |entries| entries.iter().filter(|e| is_frame(e)).count());
            (frames != FRAMES).then_some(FrameCount { row: *row, frames })
        })
        .collect()
}

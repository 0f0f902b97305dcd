//! Tables of profiles: one row a well (or site, or compound), hundreds of named numbers each, as `CellProfiler` and
//! pycytominer write them. CSV and TSV, packed with gzip or not, Parquet and `AnnData`.
//!
//! What belongs to the rows becomes the experiment's table. The numbers are no columns of it (20,000 × 5,000 would be in
//! the way everywhere) but its embedding [`PROFILE`].

mod body;
mod features;
mod folder;
mod h5ad;
mod head;
mod roles;
mod rows;
mod stack;
mod stream;
#[cfg(test)]
pub(super) mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::super::{Experiment, PROFILE};
use super::objects::Wells;
use super::report::{Imported, LeftOut, Listed, Report};
use super::{ImportError, Limits, Named, objects};
use body::{Body, stem};
pub use features::FeatureTable;
pub use folder::are_profiles;
pub(super) use folder::holds_profiles;
use folder::tables_in;
use head::Head;
pub(super) use head::{number_in, unique};
pub use roles::Features;
pub(super) use roles::is_number;
use roles::{Column, Roles, candidates, roles};
pub(super) use stream::{Record, Stream};

/// Numbers of a table are held as such, not as text: there may be more of them than a manifest has cells.
const LIMITS: Limits =
    Limits { bytes: u32::MAX as usize, rows: 5_000_000, columns: 16_384, cell: 1 << 20, cells: 1 << 27 };

/// Tables of profiles as they were read, before anything is left out for missing values.
#[derive(Debug)]
pub struct Profiles {
    /// What belongs to the rows, without embeddings.
    pub experiment: Experiment,
    /// Their features, row for row.
    pub features: FeatureTable,
    /// What was found.
    pub report: Report,
}

impl Profiles {
    /// The experiment with its features as the embedding [`PROFILE`]. Features that lack a value in any row are left out of
    /// it, and rows without a single value; both are listed.
    #[must_use]
    pub fn into_imported(self) -> Imported {
        let Self { mut experiment, features, mut report } = self;
        if let Some(table) = features.into_embedding(&experiment.table, &mut report) {
            let (dim, rows) = (table.dim, table.row_ids.len());
            report.notes.push(format!("{dim} features of {rows} rows are the embedding “{PROFILE}”."));
            experiment.embeddings.insert(PROFILE.to_owned(), table.into());
        }
        Imported { experiment, report }
    }
}

/// Reads tables of profiles, and folders of them or of tables of single objects, as one experiment: stacked in their order
/// on the features that all of them have. `None` where a single path is something else: a project, a manifest, a Mito dataset.
///
/// # Errors
/// Which columns are features is open ([`ImportError::Features`]), tables share none, one of several is no such table; a file
/// cannot be read, is damaged, or passes a limit.
pub fn read(paths: &[PathBuf], features: &Features) -> Result<Option<Profiles>, ImportError> {
    let mut strays = Listed::default();
    let mut tables = Vec::new();
    let mut wells = Vec::new();
    for path in paths {
        if !path.is_dir() {
            tables.push(path.clone());
            continue;
        }
        match super::recognise(path) {
            Some(Named::Profiles) if objects::are_in(path) => {
                let (found, others) = objects::read(path, &objects::LIMITS)?;
                wells.extend(found);
                strays.extend(others);
            }
            Some(Named::Profiles) => {
                let found = tables_in(path, features);
                tables.extend(found.profiles);
                strays.extend(found.others);
            }
            Some(Named::Manifest) => tables.extend(super::manifest_in(path)),
            _ if paths.len() == 1 => return Ok(None),
            _ => return Err(no_profiles(path)),
        }
    }
    let Some(mut profiles) = read_tables(&tables, wells, features, &LIMITS)? else { return Ok(None) };
    profiles.report.strays = strays;
    if let Some(name) = name_of(paths, &tables) {
        profiles.experiment.name = name;
    }
    Ok(Some(profiles))
}

/// What an experiment is called: as the folder is that holds its tables, or as its only table.
fn name_of(paths: &[PathBuf], tables: &[PathBuf]) -> Option<String> {
    let folder = match (paths, tables) {
        ([folder], _) if folder.is_dir() => folder.as_path(),
        (_, [table]) => return Some(stem(table)),
        (_, tables) => tables.first()?.parent()?,
    };
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

fn no_profiles(path: &Path) -> ImportError {
    ImportError::new(
        path,
        "its content",
        "this is no table of profiles",
        "Choose CSV, TSV (packed with gzip or not), Parquet or .h5ad files with a column for each feature.",
    )
}

/// What is wrong with a table of which [`read`] knows no feature, for those who need some: its columns of numbers may be
/// chosen.
pub fn none_known(path: &Path) -> ImportError {
    match Head::read(path, &LIMITS) {
        Ok(Some(Head { columns, .. })) => ImportError::Features {
            path: path.to_owned(),
            problem: format!("no column is known to be a feature{}", one_column(&columns)),
            candidates: candidates(&columns),
        },
        Ok(None) => no_profiles(path),
        Err(error) => error,
    }
}

/// A table whose features are known.
struct Found<'a> {
    path: &'a Path,
    head: Head,
    features: Vec<usize>,
    /// Columns of numbers that are not taken unasked.
    passed: Vec<String>,
}

/// Reads tables, and stacks wells that were made of objects on them; `None` where the only one is no table of profiles.
fn read_tables(
    paths: &[PathBuf],
    wells: Vec<Wells>,
    features: &Features,
    limits: &Limits,
) -> Result<Option<Profiles>, ImportError> {
    let found: Vec<Option<Found>> =
        paths.par_iter().map(|path| look(path, features, limits)).collect::<Result<_, _>>()?;
    if let ([None], Features::Guess, true) = (found.as_slice(), features, wells.is_empty()) {
        return Ok(None);
    }
    let mut left_out = Listed::default();
    let mut named = HashSet::new();
    let mut heads = Vec::with_capacity(paths.len());
    for (path, found) in paths.iter().zip(found) {
        let found = found.ok_or_else(|| no_profiles(path))?;
        for column in found.passed.iter().filter(|column| named.insert((*column).clone())) {
            let why =
                "it looks like a code, dose, time, count or number. Choose it by its name if it is a feature";
            left_out.push(LeftOut { column: column.clone(), why: why.to_owned() });
        }
        heads.push(found);
    }
    let read = |found: Found| Body::read(found.path, found.head, &found.features, limits);
    let mut tables: Vec<Body> = heads.into_par_iter().map(read).collect::<Result<_, _>>()?;
    for wells in wells {
        left_out.extend(wells.left_out.iter().cloned());
        tables.push(of_objects(wells, features)?);
    }
    let numbers: usize = tables.iter().map(|table| table.source.len() * table.names.len()).sum();
    if let (Some(first), true) = (tables.first(), numbers > limits.cells) {
        let problem = format!("the tables have {numbers} numbers; at most {} are read", limits.cells);
        let remedy = "Open fewer tables together, or leave features out.";
        return Err(ImportError::new(&first.source.path, "all tables", problem, remedy));
    }
    let (mut source, mut features_of) = stack::stack(tables, &mut left_out)?;
    if *features == Features::Guess {
        source = stack::without_codes(source, &mut features_of, &mut left_out)?;
    }
    if features_of.names.is_empty() {
        let problem = "each of its features stands for another column".to_owned();
        return Err(ImportError::Features { path: source.path, problem, candidates: Vec::new() });
    }
    let Imported { experiment, mut report } = rows::experiment(source)?;
    report.left_out = left_out;
    Ok(Some(Profiles { experiment, features: features_of, report }))
}

/// Wells that were made of objects as a table, with the features that were chosen.
///
/// # Errors
/// None is called as was chosen.
fn of_objects(wells: Wells, features: &Features) -> Result<Body, ImportError> {
    let Wells { source, names, values, .. } = wells;
    let column =
        |name: &String| Column { name: name.clone(), is_numeric: true, names_recordings: Some(false) };
    let columns: Vec<Column> = names.iter().map(column).collect();
    let mut table = FeatureTable { names, values };
    if *features != Features::Guess {
        let kept = match roles(&columns, features) {
            Ok(Roles::Known { features, .. }) => features,
            Ok(Roles::Open(_) | Roles::Other) => Vec::new(),
            Err(problem) => {
                let candidates = candidates(&columns);
                return Err(ImportError::Features { path: source.path, problem, candidates });
            }
        };
        let kept: Vec<bool> = (0..columns.len()).map(|place| kept.binary_search(&place).is_ok()).collect();
        table.keep(&kept);
    }
    Ok(Body { source, names: table.names, blocks: vec![table.values], texts: Vec::new() })
}

/// Looks at a table; `None` for what has no features.
fn look<'a>(path: &'a Path, features: &Features, limits: &Limits) -> Result<Option<Found<'a>>, ImportError> {
    let Some(head) = Head::read(path, limits)? else { return Ok(None) };
    let open = |problem: String, candidates: Vec<String>| ImportError::Features {
        path: path.to_owned(),
        problem,
        candidates,
    };
    match head.roles(features) {
        Ok(Roles::Known { features, passed }) => {
            let passed = passed.iter().filter_map(|&place| head.columns.get(place));
            let passed = passed.map(|column| column.name.clone()).collect();
            Ok(Some(Found { path, head, features, passed }))
        }
        Ok(Roles::Other) => Ok(None),
        Ok(Roles::Open(candidates)) => {
            Err(open("which of its columns are features is open".to_owned(), candidates))
        }
        Err(problem) => {
            Err(open(format!("{problem}{}", one_column(&head.columns)), candidates(&head.columns)))
        }
    }
}

/// What may be wrong with a table of one column.
fn one_column(columns: &[Column]) -> String {
    match columns {
        [only] => format!(
            " (the table has one column, {:?}: cells are separated by one of , ; | or a tab)",
            only.name.chars().take(60).collect::<String>()
        ),
        _ => String::new(),
    }
}

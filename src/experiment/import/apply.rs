//! A source and a mapping make an experiment. No row is dropped; what does not fit is listed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, PlSmallStr};
use rayon::prelude::*;

use super::super::cells::Cells;
use super::super::columns::STANDARD;
use super::super::{Experiment, PROFILE, Table};
use super::ImportError;
use super::convert::{Converted, convert};
use super::mapping::{Mapping, Target};
use super::profile::FeatureTable;
use super::report::{BadCell, DuplicateId, Imported, Listed, MissingFile, Report};
use super::source::Source;
use crate::video::{self, Address};

/// The manifest's columns of the crop.
const CROP: [&str; 4] = ["crop_x", "crop_y", "crop_width", "crop_height"];

/// Makes the experiment. Its folder is the source's.
///
/// # Errors
/// The table has more rows than any screen, or the operating system gives no random numbers for its id.
pub fn apply(source: &Source, mapping: &Mapping) -> Result<Imported, ImportError> {
    let path = &source.path;
    let mut report = Report { rows: source.len(), notes: source.notes.clone(), ..Report::default() };
    let converted: Vec<_> = mapping
        .columns
        .par_iter()
        .enumerate()
        .filter_map(|(column, mapped)| convert(source, column, mapped))
        .collect();
    let mut series = Vec::with_capacity(converted.len());
    let mut names = HashSet::new();
    let mut bad: Vec<BadCell> = Vec::new();
    let mut bad_crops = Vec::new();
    for Converted { target, mut name, mut cells, bad: column_bad } in converted {
        if matches!(target, Target::Standard(name) if CROP.contains(&name)) {
            bad_crops.extend(column_bad.iter().map(|cell| cell.row));
        }
        bad.extend(column_bad);
        if name == "row_id"
            && let Cells::Text(ids) = &mut cells
        {
            report.duplicates = rename_duplicates(ids, source);
        }
        // A free column may not take the place of one of the manifest's.
        let free = matches!(target, Target::Free(_));
        while (free && STANDARD.iter().any(|standard| standard.name == name)) || !names.insert(name.clone()) {
            name.push_str(" (source)");
        }
        series.push(cells.into_column(&name));
    }
    bad.sort_by_key(|cell| cell.row);
    report.bad_cells.extend(bad);
    let failed = |source| ImportError::Table { path: path.clone(), source };
    let frame = DataFrame::new(source.len(), series).map_err(|e| failed(e.into()))?;
    let mut table = Table::from_frame(frame).map_err(failed)?;
    // Without any of its cells left, a crop that cannot be read would stand for the whole picture.
    bad_crops.sort_unstable();
    bad_crops.dedup();
    bad_crops.retain(|row| CROP.iter().all(|column| table.number(*row, column).is_none()));
    if !bad_crops.is_empty() {
        table = table.exclude(&bad_crops, "the crop cannot be read").map_err(failed)?;
        report.notes.push(format!("{} rows are excluded: their crops cannot be read.", bad_crops.len()));
    }
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut experiment = Experiment::new(name, root, table)
        .map_err(|source| ImportError::Experiment { path: path.clone(), source })?;
    let features = FeatureTable::chosen(source, mapping, &mut report);
    if let Some(table) = features.and_then(|features| features.into_embedding(&experiment.table, &mut report))
    {
        experiment.embeddings.insert(PROFILE.to_owned(), table.into());
    }
    report.missing_files = missing_files(&experiment);
    Ok(Imported { experiment, report })
}

/// Gives the later of two rows of one name another one: `a`, `a_2`, `a_3`.
pub(super) fn rename_duplicates(ids: &mut [Option<PlSmallStr>], source: &Source) -> Listed<DuplicateId> {
    let mut taken: HashSet<PlSmallStr> = ids.iter().flatten().cloned().collect();
    // First row of each name, and the number of its next copy.
    let mut first: HashMap<PlSmallStr, (usize, usize)> = HashMap::with_capacity(ids.len());
    let mut duplicates = Listed::default();
    for (row, slot) in ids.iter_mut().enumerate() {
        let Some(id) = slot.clone() else { continue };
        let Some((before, copy)) = first.get_mut(&id) else {
            first.insert(id, (row, 2));
            continue;
        };
        let renamed = loop {
            let renamed = PlSmallStr::from(format!("{id}_{copy}"));
            *copy += 1;
            if taken.insert(renamed.clone()) {
                break renamed;
            }
        };
        duplicates.push(DuplicateId {
            row_id: id.to_string(),
            first: source.place(*before),
            second: source.place(row),
            renamed: renamed.to_string(),
        });
        *slot = Some(renamed);
    }
    duplicates
}

/// Rows whose recording, or a file of it, is not there or of no format that is read. Looks at each file's first bytes
/// only. A row of an experiment of profiles need not show a recording.
pub fn missing_files(experiment: &Experiment) -> Listed<MissingFile> {
    looked_for(experiment, !experiment.embeddings.contains_key(PROFILE))
}

/// As [`missing_files`]; `all` rows have to name a recording, or only those that do are looked at.
pub(super) fn looked_for(experiment: &Experiment, all: bool) -> Listed<MissingFile> {
    let rows = experiment.table.len();
    let addresses: Vec<_> = (0..rows).map(|row| experiment.address(row)).collect();
    let distinct: HashSet<&PathBuf> = addresses.iter().flatten().flat_map(Address::files).collect();
    let problems: HashMap<&PathBuf, String> = distinct
        .into_par_iter()
        .filter_map(|path| Some((path, video::formats::recognise(path).err()?.to_string())))
        .collect();
    let mut missing = Listed::default();
    for (row, address) in addresses.iter().enumerate() {
        if !all && experiment.table.text(row, "path").is_empty() {
            continue;
        }
        let (path, why) = match address {
            Ok(address) => match address.files().find_map(|path| Some((path, problems.get(path)?))) {
                Some((path, why)) => (path.clone(), why.clone()),
                None => continue,
            },
            Err(e) => (PathBuf::new(), e.to_string()),
        };
        missing.push(MissingFile { row, row_id: experiment.table.row_id(row).to_owned(), path, why });
    }
    missing
}

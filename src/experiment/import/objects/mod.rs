//! Folders of `CellProfiler`'s tables of single objects: `Cells.csv`, `Cytoplasm.csv`, `Nuclei.csv` and `Image.csv`, packed with
//! gzip or not, also as `MyExpt_Cells.csv`. Objects become wells by the median of each feature.
//!
//! As pycytominer's `SingleCells.merge_single_cells` and `aggregate` do it (Serrano 2025, doi 10.1038/s41592-025-02611-8): an
//! object is a row of the cytoplasm with the cell and the nucleus that it names as its parents in the same image; one without
//! these is left out. Names of features begin with their compartment. Without links each compartment is aggregated by itself.
//!
//! A median needs all values of a well: they are held as f32, 4 bytes for each object and feature, beside some 60 bytes for
//! each object; a million objects with 200 features take 0.8 GB. What passes [`LIMITS`] is refused while it is read.

mod files;
mod images;
mod join;
mod table;
#[cfg(test)]
mod tests;
mod wells;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;

use rayon::prelude::*;

pub(super) use files::are_in;
use files::{Set, sets};
use images::Images;
use table::Objects;

use super::report::LeftOut;
use super::{ImportError, Limits, Source};

/// As of tables of profiles, but with numbers of single objects: 2 GB of them.
pub(super) const LIMITS: Limits =
    Limits { bytes: u32::MAX as usize, rows: 20_000_000, columns: 16_384, cell: 1 << 20, cells: 1 << 29 };

/// Compartments in the order in which their features stand.
const COMPARTMENTS: [&str; 3] = ["Cells", "Cytoplasm", "Nuclei"];
/// Place of the compartment whose objects name their parents in the others.
const CYTOPLASM: usize = 1;

/// Wells that were made of objects.
#[derive(Debug)]
pub(super) struct Wells {
    /// What belongs to them: plate, well, `Metadata_*` of their images, counts of objects.
    pub source: Source,
    /// Names of the features.
    pub names: Vec<String>,
    /// Medians, `[well, feature]`; NaN where a well has no value.
    pub values: Vec<f64>,
    /// Columns that are no features.
    pub left_out: Vec<LeftOut>,
}

/// Wells of a folder's tables, and files that are none of these. Tables whose names begin differently are read one by one.
///
/// # Errors
/// A table is missing that the others need, cannot be read, is damaged, or they pass `limits` together.
pub(super) fn read(folder: &Path, limits: &Limits) -> Result<(Vec<Wells>, Vec<PathBuf>), ImportError> {
    let (sets, strays) = sets(folder);
    let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
    let read = |set: &Set| {
        // Tables of several plates side by side are told apart by what stands before their names.
        let prefix = set.prefix.trim_matches('_');
        let own_name = if sets.len() > 1 && !prefix.is_empty() { prefix } else { &folder_name };
        of_set(folder, own_name, set, limits)
    };
    let wells = sets.iter().map(read).collect::<Result<_, _>>()?;
    Ok((wells, strays))
}

/// Wells of tables that begin alike; plates without a name are called `own_name`.
fn of_set(folder: &Path, own_name: &str, set: &Set, limits: &Limits) -> Result<Wells, ImportError> {
    let missing = |name: &str| format!("{}{name}.csv", set.prefix);
    let Some(image) = &set.image else {
        let problem = format!("there is no {} beside the tables of objects", missing("Image"));
        let remedy = "Copy it there: it says which well each image is of (Metadata_Well, Metadata_Plate).";
        return Err(ImportError::new(folder, "the folder", problem, remedy));
    };
    let mut notes = Vec::new();
    let mut left_out = Vec::new();
    let images = Images::read(image, own_name, limits, &mut notes)?;
    // What all tables hold together.
    let held = AtomicUsize::new(0);
    let read = |(path, name): (&Option<PathBuf>, &'static str)| {
        path.as_ref().map(|path| Objects::read(path, name, &images, (limits, &held))).transpose()
    };
    let read: Vec<Option<Objects>> =
        set.compartments.par_iter().zip(COMPARTMENTS).map(read).collect::<Result<_, _>>()?;
    let mut objects = Vec::new();
    for (name, found) in COMPARTMENTS.into_iter().zip(read) {
        match found {
            Some(mut found) => {
                found.describe(&mut notes);
                if found.wells.is_empty() {
                    notes.push(format!(
                        "{} has no object of a well: the other tables are used.",
                        missing(name)
                    ));
                    continue;
                }
                left_out.append(&mut found.left_out);
                objects.push(found);
            }
            None => notes.push(format!("There is no {}: the other tables are used.", missing(name))),
        }
    }
    if objects.is_empty() {
        let remedy = "Export the objects' measurements again (ExportToSpreadsheet).";
        let said: String = notes.iter().map(|note| format!(" ({note})")).collect::<Vec<_>>().concat();
        let problem = format!("none has an object of a well that is known{said}");
        return Err(ImportError::new(folder, "its tables", problem, remedy));
    }
    let features: usize = objects.iter().map(|objects| objects.names.len()).sum();
    // A median takes 8 bytes, a value 4, and there are more tables to come.
    if images.len().saturating_mul(features) > limits.cells / 4 {
        let problem = format!("{} wells of {features} features are more than is read", images.len());
        return Err(ImportError::new(folder, "its tables", problem, "Import fewer plates at a time."));
    }
    let rows = join::rows_of_wells(&objects, images.len(), &mut notes);
    wells::aggregate(image, &images, objects, &rows, left_out, notes)
}

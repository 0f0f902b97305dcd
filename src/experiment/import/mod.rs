//! Import: files and folders become experiments, and what did not fit is reported.
//!
//! A [`Source`] is a table of text as a file holds it. [`guess`] says what each of its columns means, and why; the user
//! changes that at will; [`apply`] makes the experiment. [`join`] adds what another table knows (a plate map, structures)
//! by a key that the user sees. [`open`] does all of it for a path, without asking.

pub mod apply;
mod convert;
mod csv;
mod error;
mod grid;
pub mod join;
pub mod mapping;
pub mod mito_dataset;
mod parquet;
mod patterns;
pub mod plate_map;
pub mod report;
pub mod source;
pub mod structures;
mod synonyms;
pub mod units;
mod xlsx;

use std::path::Path;

pub use apply::apply;
pub use error::ImportError;
pub use grid::Limits;
pub use join::{Filled, KeyPart, guess_key, join};
pub use mapping::{MappedColumn, Mapping, Target, guess};
pub use report::{Imported, JoinReport, Listed, Report};
pub use source::Source;

use super::project::{Opened, Project};

/// What a path names, as far as a look at it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A project folder, `NAME.molclip`.
    Project,
    /// A table: one row per recording.
    Manifest,
    /// The root of a Mito dataset.
    MitoDataset,
}

/// Tells what a path names; `None` for what is no experiment (a recording, a folder of frames).
pub fn recognise(path: &Path) -> Option<Named> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let is = |names: &[&str]| extension.as_deref().is_some_and(|extension| names.contains(&extension));
    if path.is_dir() {
        if is(&["molclip"]) {
            return Some(Named::Project);
        }
        return mito_dataset::is_root(path).then_some(Named::MitoDataset);
    }
    is(&["csv", "tsv", "txt", "parquet", "pq", "xlsx", "xlsm", "xls"]).then_some(Named::Manifest)
}

/// Reads a project as it was saved, or a manifest or a Mito dataset with guessed columns. To edit a project, open it by
/// [`Project::open`].
///
/// # Errors
/// The path is none of these, or cannot be read; see [`Source::read_sheet`] and [`mito_dataset::open`].
pub fn open(path: &Path) -> Result<Imported, ImportError> {
    if !path.exists() {
        return Err(ImportError::io(path, "opening", &std::io::ErrorKind::NotFound.into()));
    }
    match recognise(path) {
        Some(Named::Project) => {
            let Opened { experiment, warnings, .. } = Project::read(path)?;
            let report = Report { rows: experiment.table.len(), notes: warnings, ..Report::default() };
            Ok(Imported { experiment, report })
        }
        Some(Named::MitoDataset) => mito_dataset::open(path),
        // A file of any other name may still be a table.
        Some(Named::Manifest) | None if path.is_file() => {
            let source = Source::read(path)?;
            apply(&source, &guess(&source))
        }
        _ => Err(ImportError::new(
            path,
            "the folder",
            "this is no experiment: neither a project nor the root of a Mito dataset",
            "Choose a manifest (CSV, TSV, Parquet, XLSX), or the folder that holds l1, l2, l3 and annotation.xlsx.",
        )),
    }
}

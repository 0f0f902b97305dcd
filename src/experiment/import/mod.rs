//! Import: files and folders become experiments, and what did not fit is reported.
//!
//! A [`Source`] is a table of text as a file holds it. [`guess`] says what each of its columns means, and why; the user
//! changes that at will; [`apply()`] makes the experiment. [`join()`] adds what another table knows (a plate map, structures)
//! by a key that the user sees. [`profile`] reads tables of features. [`open`] does all of it for a path, without asking.

pub mod apply;
mod archive;
mod convert;
mod csv;
mod error;
mod grid;
mod gzip;
pub mod join;
pub mod mapping;
pub mod mito_dataset;
mod objects;
mod parquet;
mod patterns;
pub mod plate_map;
pub mod profile;
pub mod report;
pub mod source;
pub mod structures;
mod synonyms;
pub mod units;
mod xlsx;

use std::path::{Path, PathBuf};

pub use apply::apply;
pub use error::ImportError;
pub use grid::Limits;
pub use join::{Filled, KeyPart, guess_key, join};
pub use mapping::{MappedColumn, Mapping, Target, guess};
pub use profile::{FeatureTable, Features, Profiles};
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
    /// A folder of tables of profiles, or of single objects.
    Profiles,
}

/// Tells what a path names; `None` for what is no experiment (a recording, a folder of frames).
pub fn recognise(path: &Path) -> Option<Named> {
    let packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let unpacked = if packed { path.with_extension("") } else { path.to_owned() };
    let extension = unpacked.extension().map(|e| e.to_string_lossy().to_lowercase());
    let is = |names: &[&str]| extension.as_deref().is_some_and(|extension| names.contains(&extension));
    if path.is_dir() {
        if is(&["molclip"]) {
            return Some(Named::Project);
        }
        if mito_dataset::is_root(path) {
            return Some(Named::MitoDataset);
        }
        if manifest_in(path).is_some() {
            return Some(Named::Manifest);
        }
        return profile::holds_profiles(path).then_some(Named::Profiles);
    }
    is(&["csv", "tsv", "txt", "parquet", "pq", "h5ad", "xlsx", "xlsm", "xls"]).then_some(Named::Manifest)
}

/// The manifest that a folder holds: `manifest.csv`, else `.tsv`, `.parquet` or `.xlsx`.
pub fn manifest_in(folder: &Path) -> Option<PathBuf> {
    manifests(folder).next()
}

fn manifests(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let names = ["manifest.csv", "manifest.tsv", "manifest.parquet", "manifest.xlsx"];
    names.into_iter().map(|name| folder.join(name)).filter(|path| path.is_file())
}

/// Reads a project as it was saved, or a manifest (a table, or a folder that holds one), tables of profiles or a Mito
/// dataset with guessed columns. To edit a project, open it by [`Project::open`].
///
/// # Errors
/// The path is none of these, or cannot be read; see [`Source::read_sheet`], [`profile::read`] and [`mito_dataset::open`].
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
        Some(Named::Manifest) | None if !path.is_dir() => of_table(path),
        Some(Named::Manifest) => of_folder(path),
        Some(Named::Profiles) => {
            let read = profile::read(&[path.to_owned()], &Features::Guess)?;
            read.map(Profiles::into_imported).ok_or_else(|| no_experiment(path))
        }
        None => Err(no_experiment(path)),
    }
}

/// Reads one experiment from several paths: tables of profiles, and folders of them, whose features are guessed or chosen.
/// A single path may be anything that [`open`] reads.
///
/// # Errors
/// As [`open`] and [`profile::read`]; features are chosen of what is no table of profiles.
pub fn open_many(paths: &[PathBuf], features: &Features) -> Result<Imported, ImportError> {
    match paths {
        [path] if *features == Features::Guess => open(path),
        [path, ..] => {
            let read = profile::read(paths, features)?;
            read.map(Profiles::into_imported).ok_or_else(|| {
                let problem = "it is no table of profiles, so there are no features to choose";
                ImportError::new(path, "its content", problem, "Leave out the choice of features.")
            })
        }
        [] => Err(ImportError::new(Path::new(""), "the paths", "there are none", "Name an experiment.")),
    }
}

/// A table of profiles, or else a manifest.
fn of_table(path: &Path) -> Result<Imported, ImportError> {
    if let Some(profiles) = profile::read(&[path.to_owned()], &Features::Guess)? {
        return Ok(profiles.into_imported());
    }
    let source = Source::read(path)?;
    apply(&source, &guess(&source))
}

/// The manifest of a folder, called as the folder is.
fn of_folder(folder: &Path) -> Result<Imported, ImportError> {
    let mut found = manifests(folder);
    let Some(manifest) = found.next() else { return Err(no_experiment(folder)) };
    let mut imported = of_table(&manifest)?;
    if found.next().is_some() {
        let note = format!("{} holds several manifests; {} was read.", folder.display(), manifest.display());
        imported.report.notes.push(note);
    }
    if let Some(name) = folder.file_name() {
        imported.experiment.name = name.to_string_lossy().into_owned();
    }
    Ok(imported)
}

fn no_experiment(path: &Path) -> ImportError {
    ImportError::new(
        path,
        "the folder",
        "this is no experiment: neither a project, nor a folder with a manifest or tables of profiles, nor the root of a Mito dataset",
        "Choose a manifest (CSV, TSV, Parquet, XLSX), a folder that holds one as manifest.csv or that holds tables of profiles, or the folder that holds l1, l2, l3 and annotation.xlsx.",
    )
}

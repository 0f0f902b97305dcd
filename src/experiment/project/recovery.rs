//! Experiments that were imported and never given a name: kept in the user's configuration folder until they are.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::document::Document;
use super::lock::Lock;
use super::store::names;
use super::{Access, DOCUMENT, EXTENSION, Origin, PREVIOUS, Project, ProjectError, Summary};
use crate::experiment::Experiment;

/// An experiment that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recoverable {
    /// Project folder: open it with [`Project::open`], or remove it with [`discard`].
    pub path: PathBuf,
    /// The experiment in numbers; `None` where that cannot be read, though an earlier state may open.
    pub experiment: Option<Summary>,
    /// When it was saved last.
    pub saved: SystemTime,
}

fn folder(config_dir: &Path) -> PathBuf {
    config_dir.join("recovery")
}

/// Starts to keep an experiment that has no name yet. Give the project to an [`super::Autosaver`]; once the user has
/// saved under a name or chosen not to, [`Project::discard`] it.
pub fn keep(
    config_dir: &Path,
    experiment: &Experiment,
    view: &Value,
    origin: Option<Origin>,
) -> Result<Project, ProjectError> {
    let path = folder(config_dir).join(format!("{}.{EXTENSION}", experiment.id));
    Project::create_from(&path, experiment, view, origin)
}

/// True for a project that has no name of the user's yet.
pub fn is_unnamed(config_dir: &Path, project: &Path) -> bool {
    project.parent() == Some(&folder(config_dir))
}

/// What a program that ended without saving left, latest first. What a running program keeps is not listed.
pub fn list(config_dir: &Path) -> Vec<Recoverable> {
    let folder = folder(config_dir);
    let mut found: Vec<Recoverable> = names(&folder)
        .filter_map(|name| {
            let path = folder.join(name);
            let file = [DOCUMENT, PREVIOUS].map(|name| path.join(name)).into_iter().find(|f| f.is_file())?;
            let saved = file.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            // Taken for a moment, to see whether it can be.
            Lock::take(&path).ok()?;
            Some(Recoverable { path, experiment: Document::read(&file).ok().map(|d| d.experiment), saved })
        })
        .collect();
    found.sort_by_key(|r| std::cmp::Reverse(r.saved));
    found
}

/// Removes one for good.
///
/// # Errors
/// It is none of ours, or a running program keeps it.
pub fn discard(config_dir: &Path, path: &Path) -> Result<(), ProjectError> {
    if !is_unnamed(config_dir, path) {
        let why = "it is not among the experiments kept for recovery".to_owned();
        return Err(ProjectError::NotAProject { path: path.to_owned(), why });
    }
    let opened = Lock::take(path).map_err(|why| ProjectError::ReadOnly { path: path.to_owned(), why })?;
    Project::new(path.to_owned(), Access::Write(opened.lock), None).discard()
}

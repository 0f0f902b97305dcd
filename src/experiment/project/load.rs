//! Reading a project's state, and what to say when it cannot be read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::document::Document;
use super::store::{self, Mismatch, names};
use super::{DAMAGED, DOCUMENT, Embeddings, PREVIOUS, ProjectError, data};
use crate::experiment::Experiment;
use crate::video::files_in;

/// Paths that are looked for to tell where the data are.
const PROBES: usize = 32;

/// A state as it was read.
pub struct Loaded {
    /// What `project.json` says.
    pub document: Document,
    /// The experiment.
    pub experiment: Experiment,
    /// Its embeddings with their files.
    pub embeddings: Embeddings,
    /// What had to be left out.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Reads the last state, or else the one before it and a sentence that says what is lost. `is_shared` while
    /// another program writes.
    pub fn latest(folder: &Path, is_shared: bool) -> Result<(Self, Option<String>), ProjectError> {
        let mut last = Self::read(folder, DOCUMENT);
        // The one that writes may have moved on between the reading of two files.
        for _ in 0..if is_shared { 3 } else { 0 } {
            if last.is_err() {
                last = Self::read(folder, DOCUMENT);
            }
        }
        match last {
            Ok(loaded) => Ok((loaded, None)),
            Err(e @ ProjectError::Newer { .. }) => Err(e),
            Err(e) => match Self::read(folder, PREVIOUS) {
                Ok(loaded) => {
                    let lost = what_was_lost(folder, &loaded.document, &e);
                    Ok((loaded, Some(lost)))
                }
                Err(_) => Err(beyond_repair(folder, e)),
            },
        }
    }

    /// Reads the state that a `project.json` of this name describes.
    fn read(folder: &Path, name: &str) -> Result<Self, ProjectError> {
        let document = Document::read(&folder.join(name))?;
        let file = folder.join(&document.table.file);
        let damaged = |problem: String| {
            ProjectError::damaged(&file, "table", problem, "Restore the project folder from a backup.")
        };
        let bytes = document.table.read(folder).map_err(|e| match e {
            Mismatch::Io(e) => ProjectError::io(&file, "reading the table", &e),
            Mismatch::Other(problem) => damaged(problem),
        })?;
        let table = data::read_table(bytes).map_err(damaged)?;
        let mut warnings = Vec::new();
        let mut embeddings = BTreeMap::new();
        for (name, file) in &document.embeddings {
            let read = file.read(folder).map_err(|e| match e {
                Mismatch::Io(e) => e.to_string(),
                Mismatch::Other(problem) => problem,
            });
            match read.and_then(|bytes| data::read_embedding(&bytes)) {
                Ok(embedding) => {
                    embeddings.insert(name.clone(), (Arc::new(embedding), file.clone()));
                }
                Err(problem) => warnings.push(format!(
                    "{}: the embedding “{name}” could not be read: {problem}. It is left out: compute it again.",
                    folder.join(&file.file).display()
                )),
            }
        }
        let step = table.len().div_ceil(PROBES).max(1);
        let probes: Vec<String> = (0..table.len())
            .step_by(step)
            .filter_map(|row| files_in(&table.text(row, "path")).next().map(str::to_owned))
            .filter(|path| !path.is_empty())
            .collect();
        let experiment = Experiment {
            id: document.experiment.id.clone(),
            name: document.experiment.name.clone(),
            root: document.root.resolve(folder, &probes),
            table,
            embeddings: embeddings
                .iter()
                .map(|(name, (table, _))| (name.clone(), Arc::clone(table)))
                .collect(),
        };
        Ok(Self { document, experiment, embeddings, warnings })
    }
}

/// Says what is gone when the state before the last is opened.
fn what_was_lost(folder: &Path, opened: &Document, problem: &ProjectError) -> String {
    let age = SystemTime::now().duration_since(opened.saved()).map_or(0, |d| d.as_secs());
    format!(
        "{problem} The state before it is opened: save {}, from {} ago; changes made after that are lost. When you \
         save, the damaged files are kept in {}.",
        opened.generation,
        in_words(age),
        folder.join(DAMAGED).display()
    )
}

/// Neither state can be read: names the tables that can still be imported by hand.
fn beyond_repair(folder: &Path, error: ProjectError) -> ProjectError {
    let tables: Vec<String> =
        names(folder).filter(|name| store::is_data_name(name) && name.starts_with("table-")).collect();
    match error {
        ProjectError::Damaged { path, place, problem, .. } => {
            let remedy = if tables.is_empty() {
                "Restore the project folder from a backup.".to_owned()
            } else {
                format!(
                    "{PREVIOUS} cannot be used either. Restore the folder from a backup, or import {} as a manifest to get its rows.",
                    tables.join(" or ")
                )
            };
            ProjectError::Damaged { path, place, problem, remedy }
        }
        other => other,
    }
}

fn in_words(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

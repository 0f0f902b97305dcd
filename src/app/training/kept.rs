//! Trainings on disk: what they were started with, so that they can go on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::learn::checkpoint::{self, CheckpointError};
use crate::learn::config::Config;
use crate::learn::folder::{FolderError, TrainingFolder};
use crate::learn::progress::State;
use crate::model::weights;

/// Beside the checkpoints of a training.
const STARTED: &str = "training.json";

/// Weights to start from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Drawn by the seed.
    #[default]
    Fresh,
    /// Those of the model that comes with the program.
    Shipped,
    /// Those of a model, by its folder.
    Model(PathBuf),
}

/// What a training was started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Name of the model.
    pub name: String,
    /// Name of the experiment.
    pub experiment: String,
    /// Weights.
    pub start: Start,
    /// How.
    pub config: Config,
}

/// A training that was stopped, or whose program was.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// Its folder.
    pub folder: PathBuf,
    /// What it was started with.
    pub started: Started,
    /// How far it is.
    pub state: State,
}

impl Unfinished {
    /// `12 of 24 epochs done`.
    pub fn place(&self) -> String {
        let config = &self.started.config;
        format!("{} of {} epochs done", self.state.history.len(), config.drug_epochs + config.moa_epochs)
    }
}

/// What lies in a folder of models.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The folder.
    pub folder: PathBuf,
    /// Names that are taken.
    pub names: BTreeSet<String>,
    /// Trainings that can go on.
    pub unfinished: Vec<Unfinished>,
}

impl Kept {
    /// Looks into a folder; one that is not there is empty.
    pub fn scan(folder: &Path) -> Self {
        let mut kept = Self { folder: folder.to_owned(), ..Self::default() };
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            kept.names.insert(entry.file_name().to_string_lossy().into_owned());
            kept.unfinished.extend(unfinished(&entry.path()));
        }
        kept.unfinished.sort_by(|a, b| natord::compare(&a.started.name, &b.started.name));
        kept
    }

    /// A name that is free.
    pub fn free_name(&self) -> String {
        let names = (1_u32..).map(|n| format!("model {n}"));
        names.into_iter().find(|name| !self.names.contains(name)).unwrap_or_default()
    }
}

/// True for a name that the program chose.
pub fn is_free_name(name: &str) -> bool {
    name.strip_prefix("model ").is_some_and(|n| n.parse::<u32>().is_ok())
}

fn unfinished(folder: &Path) -> Option<Unfinished> {
    let state = checkpoint::peek(folder)?;
    let started = serde_json::from_slice(&std::fs::read(folder.join(STARTED)).ok()?).ok()?;
    Some(Unfinished { folder: folder.to_owned(), started, state })
}

/// Notes down what a training is started with, before its first step.
pub fn note(folder: &Path, started: &Started) -> Result<(), CheckpointError> {
    let path = folder.join(STARTED);
    let text = serde_json::to_vec_pretty(started).unwrap_or_default();
    std::fs::create_dir_all(folder)
        .and_then(|()| atomic_file::write(&path, &text))
        .map_err(|source| CheckpointError::Io { path, source })
}

/// Throws an unfinished training away; a model that it left stays.
///
/// # Errors
/// It runs, perhaps in another program, or the disk refuses.
pub fn forget(folder: &Path) -> Result<(), FolderError> {
    let held = TrainingFolder::open(folder, false)?;
    checkpoint::clear(folder)?;
    if folder.join(weights::CARD).exists() {
        return Ok(());
    }
    let path = folder.join(STARTED);
    let gone = std::fs::remove_file(&path);
    drop(held);
    // A folder with something else in it stays.
    let _ = std::fs::remove_dir(folder);
    Ok(gone.map_err(|source| CheckpointError::Io { path, source })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_checkpoints_only_takes_names() {
        let folder = tempfile::tempdir().unwrap();
        let started = Started {
            name: "model 1".into(),
            experiment: "screen".into(),
            start: Start::Model("somewhere".into()),
            config: Config::default(),
        };
        let model = folder.path().join("model 1");
        note(&model, &started).unwrap();
        let kept = Kept::scan(folder.path());
        assert_eq!((kept.unfinished.len(), kept.free_name().as_str()), (0, "model 2"));
        let read: Started = serde_json::from_slice(&std::fs::read(model.join(STARTED)).unwrap()).unwrap();
        assert_eq!(read, started);
        forget(&model).unwrap();
        assert!(!model.exists());
        assert_eq!(Kept::scan(&folder.path().join("nowhere")).free_name(), "model 1");
    }
}

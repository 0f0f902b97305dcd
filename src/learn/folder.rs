//! The folder that a training writes to: one training at a time, and no finished model is lost.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::checkpoint::{self, CheckpointError, Identity};
use crate::atomic_file;
use crate::experiment::project::lock::{LOCK, Lock, OWNER, RENEW};
use crate::model::weights;

/// Says which training made the model beside it; written before the last checkpoint goes.
const FINISHED: &str = "finished.json";

/// A training cannot write to a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The disk refuses, or another training writes there.
    #[error("{}: no training can be written here. {why} Choose another folder", path.display())]
    NotOurs {
        /// Which.
        path: PathBuf,
        /// Why, a whole sentence.
        why: String,
    },
    /// There is a model that this training did not make.
    #[error(
        "{}: holds a finished model ({model}), which this training would replace. Choose another folder, or replace \
         it with --overwrite",
        path.display()
    )]
    Finished {
        /// Which.
        path: PathBuf,
        /// Name of the model.
        model: String,
    },
    /// What an earlier training left there.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What a folder says of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or checkpoints that [`checkpoint::load`] looks at.
    Open,
    /// It is finished: the model is there.
    Finished,
}

/// `finished.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    identity: Identity,
    /// Hash of the weights.
    model: String,
}

/// A folder that only this training writes to, as long as it lives.
#[derive(Debug)]
pub struct TrainingFolder {
    path: PathBuf,
    overwrite: bool,
    /// The folder was not there before.
    made: bool,
    lock: Lock,
    renewed: Instant,
}

impl TrainingFolder {
    /// Makes the folder if need be, locks it, and tries whether it can be written.
    ///
    /// With `overwrite`, what another training left there is thrown away once this one has passed its checks; a finished
    /// model is replaced when there is a new one.
    ///
    /// # Errors
    /// The folder cannot be made or written, or another training writes to it.
    pub fn open(path: &Path, overwrite: bool) -> Result<Self, FolderError> {
        let refused = |why: String| FolderError::NotOurs { path: path.to_owned(), why };
        let made = !path.exists();
        let taken = std::fs::create_dir_all(path)
            .map_err(|e| format!("The folder cannot be made ({e})."))
            .and_then(|()| Lock::take(path))
            .map_err(|why| {
                if made {
                    // A lock that could not be written, at most.
                    let _ = std::fs::remove_file(path.join(LOCK));
                    let _ = std::fs::remove_dir(path);
                }
                refused(why)
            })?;
        let folder =
            Self { path: path.to_owned(), overwrite, made, lock: taken.lock, renewed: Instant::now() };
        // A full disk takes empty files, the lock among them.
        tempfile::NamedTempFile::new_in(path)
            .and_then(|mut file| file.write_all(&[0; 4096]).and_then(|()| file.as_file().sync_all()))
            .map_err(|e| refused(format!("The folder cannot be written ({e}).")))?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says now and then that this training lives: on disks that know no locks, others go by that.
    ///
    /// # Errors
    /// Another training has taken the folder over, for example while this computer slept.
    pub fn renew(&mut self) -> Result<(), FolderError> {
        if self.renewed.elapsed() < RENEW {
            return Ok(());
        }
        self.renewed = Instant::now();
        self.lock.renew().map_err(|why| FolderError::NotOurs { path: self.path.clone(), why })
    }

    /// Whether this training may go on here, or is finished already.
    ///
    /// # Errors
    /// The folder holds a finished model of another training, or one whose training is not known.
    pub fn admit(&self, identity: &Identity) -> Result<Found, FolderError> {
        let same = checkpoint::owner(&self.path).is_some_and(|owner| owner == *identity);
        let made = self.made_by();
        let is_ours = made.as_ref().is_some_and(|made| made.identity == *identity);
        if self.overwrite {
            if !same {
                checkpoint::clear(&self.path)?;
            }
            if is_ours {
                let path = self.path.join(FINISHED);
                std::fs::remove_file(&path).map_err(|source| CheckpointError::Io { path, source })?;
            }
            return Ok(Found::Open);
        }
        let Ok(card) = weights::read_card(&self.path) else {
            // A card that cannot be read is still somebody's model.
            if self.path.join(weights::CARD).exists() {
                return Err(self.holds("its card cannot be read"));
            }
            return Ok(Found::Open);
        };
        match made {
            Some(made) if is_ours && made.model == card.hash => Ok(Found::Finished),
            // A training that was stopped leaves its best so far, and goes on.
            _ if same => Ok(Found::Open),
            _ => Err(self.holds(&card.name)),
        }
    }

    fn holds(&self, model: &str) -> FolderError {
        FolderError::Finished { path: self.path.clone(), model: model.to_owned() }
    }

    fn made_by(&self) -> Option<Document> {
        serde_json::from_slice(&std::fs::read(self.path.join(FINISHED)).ok()?).ok()
    }

    /// Notes that the model with this hash is this training's last word, then removes the checkpoints.
    pub fn finish(&self, identity: &Identity, model: &str) -> Result<(), CheckpointError> {
        let path = self.path.join(FINISHED);
        let document = Document { identity: identity.clone(), model: model.to_owned() };
        let text = serde_json::to_vec_pretty(&document).unwrap_or_default();
        atomic_file::write(&path, &text).map_err(|source| CheckpointError::Io { path, source })?;
        checkpoint::clear(&self.path)
    }
}

impl Drop for TrainingFolder {
    /// A training that wrote nothing leaves nothing.
    fn drop(&mut self) {
        let is_lock = |name: &OsStr| name == LOCK || name == OWNER;
        let mut entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        if entries.all(|entry| is_lock(&entry.file_name())) {
            for name in [LOCK, OWNER] {
                let _ = std::fs::remove_file(self.path.join(name));
            }
            if self.made {
                let _ = std::fs::remove_dir(&self.path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(config: &str) -> Identity {
        Identity { config: config.into(), data: "d".into(), start: String::new() }
    }

    #[test]
    fn two_trainings_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = TrainingFolder::open(folder.path(), false).unwrap();
        let text = TrainingFolder::open(folder.path(), true).unwrap_err().to_string();
        assert!(text.contains(&std::process::id().to_string()) && text.contains("another folder"), "{text}");
        drop(first);
        TrainingFolder::open(folder.path(), false).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_said_before_the_first_step() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let text = TrainingFolder::open(&file.join("model"), false).unwrap_err().to_string();
        assert!(text.contains("cannot be made"), "{text}");
    }

    #[test]
    fn a_training_that_wrote_nothing_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (new, there) = (folder.path().join("new"), folder.path().join("there"));
        std::fs::create_dir(&there).unwrap();
        for path in [&new, &there] {
            drop(TrainingFolder::open(path, false).unwrap());
        }
        assert!(!new.exists() && std::fs::read_dir(&there).unwrap().count() == 0);
        std::fs::write(there.join("trial"), "somebody's").unwrap();
        drop(TrainingFolder::open(&there, false).unwrap());
        assert_eq!(std::fs::read_to_string(there.join("trial")).unwrap(), "somebody's");
    }

    #[test]
    fn a_model_whose_training_is_not_known_is_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let training = TrainingFolder::open(folder.path(), false).unwrap();
        assert_eq!(training.admit(&identity("a")).unwrap(), Found::Open);
        std::fs::write(folder.path().join(weights::CARD), "{").unwrap();
        let text = training.admit(&identity("a")).unwrap_err().to_string();
        assert!(text.contains("--overwrite"), "{text}");
        drop(training);
        let training = TrainingFolder::open(folder.path(), true).unwrap();
        assert_eq!(training.admit(&identity("a")).unwrap(), Found::Open);
    }
}

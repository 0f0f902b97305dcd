//! Trainings on disk: what is needed to go on as if nothing had happened.
//!
//! `checkpoint-<n>/` holds the parts of the objective's state, for MolCLIP `model.bpk`, `optimizer.bpk`, `centers.bpk`
//! (burnpack, which keeps the ids that the optimizer's state hangs on), then `best.bpk` and `state.json`, which is written
//! last and names the others by hash. A checkpoint is made under another name and renamed, then the one before is removed,
//! so that one is always whole, also after a power cut. It is renamed before it is removed, too: what a kill leaves half
//! removed is called `discarded-checkpoint-<n>`, and no checkpoint.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::objective::Parts;
use super::progress::State;
use crate::atomic_file::{self, NotWritten};

/// A checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file.
    #[error("{}: {source}. Check the folder and the space on the disk", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is written there is no checkpoint.
    #[error("{}: {problem}. Start the training anew in another folder", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It is that of another training.
    #[error("{}: this training was started with another {what}. Use the same one, or another folder", path.display())]
    Other {
        /// Which.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
}

impl From<NotWritten> for CheckpointError {
    fn from(NotWritten { path, source }: NotWritten) -> Self {
        Self::Io { path, source }
    }
}

/// What says which training a checkpoint belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Hash of the configuration.
    pub config: String,
    /// Fingerprint of the data.
    pub data: String,
    /// Hash of the weights that it started from; empty for fresh ones.
    pub start: String,
}

/// `state.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    identity: Identity,
    state: State,
    files: BTreeMap<String, String>,
}

/// A training in the middle.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// How far it is.
    pub state: State,
    /// What steps change.
    pub objective: Parts,
    /// Best weights so far, as [`Objective::weights`](super::objective::Objective::weights) packs them.
    pub best: Option<Vec<u8>>,
}

const STATE: &str = "state.json";
const BEST: &str = "best.bpk";
const PART: &str = ".bpk";
const PREFIX: &str = "checkpoint-";
const UNFINISHED: &str = "unfinished-checkpoint";
const DISCARDED: &str = "discarded-checkpoint-";

/// Writes a checkpoint into the training's folder.
pub fn save(folder: &Path, identity: &Identity, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CheckpointError::Io { path, source }
    };
    let earlier = numbers(folder);
    // Past those that are no checkpoints, too: their names are taken.
    let number = numbered(folder, PREFIX).last().map_or(1, |last| last + 1);
    let unfinished = folder.join(UNFINISHED);
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
    }
    std::fs::create_dir_all(&unfinished).map_err(at(&unfinished))?;
    let own = checkpoint.objective.iter();
    let mut parts: Vec<(String, &[u8])> =
        own.map(|(name, bytes)| (format!("{name}{PART}"), bytes.as_slice())).collect();
    if let Some(best) = &checkpoint.best {
        parts.push((BEST.to_owned(), best));
    }
    let hash = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
    let files = parts.iter().map(|(name, bytes)| (name.clone(), hash(bytes))).collect();
    let document = Document { identity: identity.clone(), state: checkpoint.state.clone(), files };
    let text = serde_json::to_vec_pretty(&document)
        .map_err(|e| CheckpointError::Damaged { path: unfinished.join(STATE), problem: e.to_string() })?;
    parts.push((STATE.to_owned(), &text));
    let parts: Vec<(PathBuf, &[u8])> =
        parts.into_iter().map(|(name, bytes)| (unfinished.join(name), bytes)).collect();
    let parts: Vec<(&Path, &[u8])> = parts.iter().map(|(path, bytes)| (path.as_path(), *bytes)).collect();
    atomic_file::write_together(&parts)?;
    let finished = folder.join(format!("{PREFIX}{number}"));
    // On the disk before the one before goes.
    atomic_file::rename(&unfinished, &finished).map_err(at(&finished))?;
    for old in earlier {
        discard(folder, old)?;
    }
    sweep(folder)
}

/// The latest whole checkpoint of a folder; `None` where there is none.
///
/// # Errors
/// There are checkpoints but none is whole, or it belongs to another training.
pub fn load(folder: &Path, identity: &Identity) -> Result<Option<Checkpoint>, CheckpointError> {
    let mut first = None;
    for number in numbers(folder).into_iter().rev() {
        match read(&folder.join(format!("{PREFIX}{number}")), identity) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(e @ CheckpointError::Other { .. }) => return Err(e),
            Err(e) => {
                first.get_or_insert(e);
            }
        }
    }
    first.map_or(Ok(None), Err)
}

fn read(folder: &Path, identity: &Identity) -> Result<Checkpoint, CheckpointError> {
    let bytes_of = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|source| CheckpointError::Io { path, source })
    };
    let damaged = |name: &str, problem: String| CheckpointError::Damaged { path: folder.join(name), problem };
    let document: Document =
        serde_json::from_slice(&bytes_of(STATE)?).map_err(|e| damaged(STATE, e.to_string()))?;
    let other = |what| CheckpointError::Other { path: folder.to_owned(), what };
    if document.identity.config != identity.config {
        return Err(other("configuration"));
    }
    if document.identity.data != identity.data {
        return Err(other("set of rows"));
    }
    if document.identity.start != identity.start {
        return Err(other("model to start from"));
    }
    let part = |name: &str| -> Result<Vec<u8>, CheckpointError> {
        let bytes = bytes_of(name)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        if document.files.get(name) == Some(&hash) {
            Ok(bytes)
        } else {
            Err(damaged(name, "its content is not what was written".to_owned()))
        }
    };
    let best = document.files.contains_key(BEST).then(|| part(BEST)).transpose()?;
    let mut objective = Parts::new();
    for name in document.files.keys().filter(|name| *name != BEST) {
        // A name with a path in it would be read from elsewhere.
        let is_plain = Path::new(name).file_name().is_some_and(|own| own == name.as_str());
        let own = name.strip_suffix(PART).filter(|_| is_plain);
        let own = own.ok_or_else(|| damaged(STATE, format!("{name} is no part of a checkpoint")))?;
        objective.insert(own.to_owned(), part(name)?);
    }
    Ok(Checkpoint { state: document.state, objective, best })
}

/// How far the training in a folder is, without its weights; `None` where there is none.
pub fn peek(folder: &Path) -> Option<State> {
    latest(folder).map(|document| document.state)
}

/// Whose the latest checkpoint of a folder is; `None` where there is none that can be read.
pub fn owner(folder: &Path) -> Option<Identity> {
    latest(folder).map(|document| document.identity)
}

fn latest(folder: &Path) -> Option<Document> {
    let number = *numbers(folder).last()?;
    serde_json::from_slice(&std::fs::read(folder.join(format!("{PREFIX}{number}")).join(STATE)).ok()?).ok()
}

/// Removes all checkpoints, once the training is finished.
pub fn clear(folder: &Path) -> Result<(), CheckpointError> {
    for number in numbers(folder) {
        discard(folder, number)?;
    }
    sweep(folder)
}

/// Takes a checkpoint's name away, in one step, then removes it.
fn discard(folder: &Path, number: u64) -> Result<(), CheckpointError> {
    let path = folder.join(format!("{PREFIX}{number}"));
    let discarded = folder.join(format!("{DISCARDED}{number}"));
    atomic_file::rename(&path, &discarded).map_err(|source| CheckpointError::Io { path, source })?;
    std::fs::remove_dir_all(&discarded).map_err(|source| CheckpointError::Io { path: discarded, source })
}

/// Removes what was left half removed, by this version or, without its state, by 0.1.
fn sweep(folder: &Path) -> Result<(), CheckpointError> {
    let whole = numbers(folder);
    // Other programs name folders so, too.
    let is_ours = |number: &u64| {
        let entries = std::fs::read_dir(folder.join(format!("{PREFIX}{number}")));
        let is_part = |name: PathBuf| name.extension().is_some_and(|ending| ending == "bpk");
        entries.is_ok_and(|mut entries| entries.all(|e| e.is_ok_and(|e| is_part(e.path()))))
    };
    let half =
        numbered(folder, PREFIX).into_iter().filter(|number| !whole.contains(number) && is_ours(number));
    let half = half.map(|number| format!("{PREFIX}{number}"));
    let discarded = numbered(folder, DISCARDED).into_iter().map(|number| format!("{DISCARDED}{number}"));
    for name in half.chain(discarded) {
        let path = folder.join(name);
        std::fs::remove_dir_all(&path).map_err(|source| CheckpointError::Io { path, source })?;
    }
    Ok(())
}

/// Numbers of the checkpoints that are there, ascending. A folder without `state.json` is none.
fn numbers(folder: &Path) -> Vec<u64> {
    let mut numbers = numbered(folder, PREFIX);
    numbers.retain(|number| folder.join(format!("{PREFIX}{number}")).join(STATE).is_file());
    numbers
}

/// Numbers after a name, of what is in a folder, ascending.
fn numbered(folder: &Path, prefix: &str) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()
    };
    let mut numbers: Vec<u64> = entries.filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(config: &str) -> Identity {
        Identity { config: config.into(), data: "d".into(), start: String::new() }
    }

    fn checkpoint(step: usize) -> Checkpoint {
        let part = |name: &str| format!("{name}{step}").into_bytes();
        let objective = [("model", "m"), ("optimizer", "o"), ("centers", "c")];
        Checkpoint {
            state: State { step, ..State::default() },
            objective: objective.map(|(name, text)| (name.to_owned(), part(text))).into(),
            best: (step > 1).then(|| part("b")),
        }
    }

    #[test]
    fn the_latest_whole_one_is_loaded_and_the_one_before_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(folder.path(), &identity("a")).unwrap().is_none());
        for step in 1..=3 {
            save(folder.path(), &identity("a"), &checkpoint(step)).unwrap();
        }
        let loaded = load(folder.path(), &identity("a")).unwrap().unwrap();
        assert_eq!((loaded.state.step, loaded.best.as_deref()), (3, Some(&b"b3"[..])));
        assert_eq!(loaded.objective, checkpoint(3).objective);
        assert_eq!(numbers(folder.path()), [3]);
        let parts = std::fs::read_dir(folder.path().join("checkpoint-3")).unwrap();
        let mut parts: Vec<_> = parts.map(|entry| entry.unwrap().file_name()).collect();
        parts.sort();
        assert_eq!(parts, ["best.bpk", "centers.bpk", "model.bpk", "optimizer.bpk", "state.json"]);
        // Killed while the next was written.
        std::fs::create_dir(folder.path().join(UNFINISHED)).unwrap();
        std::fs::write(folder.path().join(UNFINISHED).join("model.bpk"), "half").unwrap();
        assert_eq!(load(folder.path(), &identity("a")).unwrap().unwrap().state.step, 3);
        save(folder.path(), &identity("a"), &checkpoint(4)).unwrap();
        assert_eq!(load(folder.path(), &identity("a")).unwrap().unwrap().state.step, 4);
        clear(folder.path()).unwrap();
        assert!(load(folder.path(), &identity("a")).unwrap().is_none());
    }

    #[test]
    fn what_a_kill_left_half_removed_is_no_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // 0.1 removed a checkpoint under its own name: any of its files may be gone, its state first.
        std::fs::create_dir(at("checkpoint-7")).unwrap();
        std::fs::write(at("checkpoint-7/model.bpk"), "half").unwrap();
        // Another program's, and a file.
        std::fs::create_dir(at("checkpoint-5")).unwrap();
        std::fs::write(at("checkpoint-5/trainer_state.json"), "{}").unwrap();
        std::fs::write(at("checkpoint-4"), "").unwrap();
        std::fs::create_dir(at("discarded-checkpoint-6")).unwrap();
        std::fs::write(at("discarded-checkpoint-6/state.json"), "{}").unwrap();
        assert!(load(folder.path(), &identity("a")).unwrap().is_none());
        assert_eq!((peek(folder.path()).is_none(), owner(folder.path())), (true, None));
        save(folder.path(), &identity("a"), &checkpoint(1)).unwrap();
        let left = || {
            let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = entries.collect();
            names.sort();
            names
        };
        // Swept away, but for what is not ours; and no number is taken twice.
        assert_eq!(left(), ["checkpoint-4", "checkpoint-5", "checkpoint-8"]);
        assert_eq!(owner(folder.path()), Some(identity("a")));
        std::fs::remove_file(at("checkpoint-8/state.json")).unwrap();
        clear(folder.path()).unwrap();
        assert_eq!(left(), ["checkpoint-4", "checkpoint-5"]);
    }

    #[test]
    fn damage_and_other_trainings_are_said() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), &identity("a"), &checkpoint(1)).unwrap();
        let text = load(folder.path(), &identity("b")).unwrap_err().to_string();
        assert!(text.contains("another configuration"), "{text}");
        std::fs::write(folder.path().join("checkpoint-1/model.bpk"), "x").unwrap();
        let text = load(folder.path(), &identity("a")).unwrap_err().to_string();
        assert!(text.contains("model.bpk") && text.contains("not what was written"), "{text}");
        // A part that is somewhere else.
        let state = folder.path().join("checkpoint-1/state.json");
        let changed = std::fs::read_to_string(&state).unwrap().replace("centers.bpk", "../centers.bpk");
        std::fs::write(&state, changed).unwrap();
        let text = load(folder.path(), &identity("a")).unwrap_err().to_string();
        assert!(text.contains("../centers.bpk is no part"), "{text}");
    }
}

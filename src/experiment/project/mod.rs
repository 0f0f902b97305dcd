//! Projects: an experiment on disk, in open formats, that survives being killed at any moment.
//!
//! # Layout of `NAME.molclip/`
//! | file | what it is |
//! |------|------------|
//! | `project.json` | what belongs to the project: the experiment's id and name, its root, its data files with their BLAKE3 hashes, where it came from, and how it was looked at (`view`) |
//! | `project.json.bak` | the same, one save before |
//! | `table-HASH.parquet` | the rows, with the manifest's columns: itself a manifest |
//! | `embedding-HASH.safetensors` | one embedding: the tensor `embedding` `[row, dim]`, `row_ids` and `model_hash` in the header |
//! | `lock`, `lock.json` | who writes it now (see [`lock`]) |
//! | `damaged/` | files that could not be read, set aside when the project was saved again |
//!
//! # Why nothing is lost
//! A data file is named by its content, so a save never overwrites one that is in use. Every file is written under a
//! temporary name, flushed to the disk and renamed; `project.json` comes last and switches from the old state to the
//! new in one step. What neither it nor `project.json.bak` points to is removed afterwards. A program that is killed
//! leaves at most files that nobody points to; the next one that opens the project removes them.
//!
//! [`autosave`] writes while the user works, [`recovery`] keeps experiments that were never given a name.

pub mod autosave;
mod data;
mod document;
mod error;
mod load;
pub mod lock;
pub mod recovery;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

pub use autosave::{Autosaver, Snapshot};
pub use document::{Origin, Summary};
pub use error::ProjectError;

use super::{EmbeddingTable, Experiment};
use crate::atomic_file;
use document::Document;
use load::Loaded;
use lock::Lock;
use store::{DataFile, names};

/// Ending of a project folder's name.
pub const EXTENSION: &str = "molclip";

const DOCUMENT: &str = "project.json";
const PREVIOUS: &str = "project.json.bak";
const DAMAGED: &str = "damaged";

/// A project folder that is open.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    access: Access,
    origin: Option<Origin>,
    /// The state that `project.json` describes; `None` before the first save, and after it was found damaged.
    current: Option<Document>,
    /// The state that `project.json.bak` describes.
    previous: Option<Document>,
    /// Number of the last save.
    generation: u64,
    /// Names of data files that this program wrote or read and found right: need not be written again.
    sound: BTreeSet<String>,
    /// Embeddings as written last, so that those that did not change are not written again.
    embeddings: Embeddings,
    /// Something in the folder could not be read and is to be kept aside.
    is_damaged: bool,
}

/// Embeddings by name, with the files that hold them.
type Embeddings = BTreeMap<String, (Arc<EmbeddingTable>, DataFile)>;

#[derive(Debug)]
enum Access {
    Write(Lock),
    /// Why not, a whole sentence.
    Read(String),
}

/// What opening a project gives.
#[derive(Debug)]
pub struct Opened {
    /// The project, to save to.
    pub project: Project,
    /// The experiment.
    pub experiment: Experiment,
    /// How it was looked at, as the window gave it to [`Project::save`].
    pub view: Value,
    /// What the user should know: read-only, what was lost. Whole sentences.
    pub warnings: Vec<String>,
}

/// True for a folder that [`Project::open`] opens.
pub fn is_project(path: &Path) -> bool {
    path.join(DOCUMENT).is_file() || path.join(PREVIOUS).is_file()
}

/// Why a project may be read only: texts that the window shows as they are.
fn read_only(folder: &Path, why: &str) -> String {
    format!("{} is opened for reading only. {why} Save under another name to keep changes.", folder.display())
}

impl Project {
    /// Makes a project folder (`.molclip` is added to the name if it is missing) and saves into it.
    ///
    /// # Errors
    /// [`ProjectError::Exists`] where something other than an empty folder is; what saving can meet.
    pub fn create(path: &Path, experiment: &Experiment, view: &Value) -> Result<Self, ProjectError> {
        Self::create_from(path, experiment, view, None)
    }

    /// Like [`Self::create`], and notes where the experiment came from.
    pub fn create_from(
        path: &Path,
        experiment: &Experiment,
        view: &Value,
        origin: Option<Origin>,
    ) -> Result<Self, ProjectError> {
        let folder = with_extension(path);
        let io = |doing| move |e: io::Error| ProjectError::io(path, doing, &e);
        match std::fs::read_dir(&folder) {
            Ok(entries) => {
                // A program killed while it made the project leaves such files.
                let mut names = entries.flatten().map(|entry| entry.file_name());
                if is_project(&folder) || !names.all(|name| is_ours(&name)) {
                    return Err(ProjectError::Exists { path: folder });
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                std::fs::create_dir_all(&folder).map_err(io("making the folder"))?;
            }
            Err(e) if e.kind() == ErrorKind::NotADirectory => {
                return Err(ProjectError::Exists { path: folder });
            }
            Err(e) => return Err(ProjectError::io(&folder, "reading the folder", &e)),
        }
        let lock = match Lock::take(&folder) {
            Ok(taken) => taken.lock,
            Err(why) => return Err(ProjectError::ReadOnly { path: folder, why }),
        };
        let mut project = Self::new(folder, Access::Write(lock), origin);
        match project.save(experiment, view) {
            Ok(()) => Ok(project),
            Err(e) => {
                // What is left of it does not hinder a second attempt.
                let _ = project.discard();
                Err(e)
            }
        }
    }

    /// Opens a project folder, or the `project.json` in it. While another program has it open, or where the folder
    /// cannot be written, it is opened for reading only, and a warning says so.
    ///
    /// # Errors
    /// Neither the last state nor the one before it can be read; it was written by a later version; it is no project.
    pub fn open(path: &Path) -> Result<Opened, ProjectError> {
        let folder = folder_of(path)?;
        match Lock::take(folder) {
            Ok(taken) => {
                let left_open = taken.left_open.map(|who| format!("{}: {who}", folder.display()));
                Self::load(folder, Access::Write(taken.lock), left_open)
            }
            Err(why) => {
                let warning = read_only(folder, &why);
                Self::load(folder, Access::Read(why), Some(warning))
            }
        }
    }

    /// Opens a project for reading only, without a lock, as commands do that write elsewhere.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn read(path: &Path) -> Result<Opened, ProjectError> {
        Self::load(folder_of(path)?, Access::Read("It was opened to be read.".to_owned()), None)
    }

    fn load(folder: &Path, access: Access, warning: Option<String>) -> Result<Opened, ProjectError> {
        let mut warnings: Vec<String> = warning.into_iter().collect();
        let (loaded, lost) = Loaded::latest(folder, matches!(access, Access::Read(_)))?;
        let is_damaged = lost.is_some();
        warnings.extend(lost);
        let previous = Document::read(&folder.join(PREVIOUS)).ok();
        let mut project = Self::new(folder.to_owned(), access, loaded.document.origin.clone());
        project.generation = loaded.document.generation.max(previous.as_ref().map_or(0, |p| p.generation));
        project.sound = loaded.embeddings.values().map(|(_, file)| file.file.clone()).collect();
        project.sound.insert(loaded.document.table.file.clone());
        project.embeddings = loaded.embeddings;
        project.is_damaged = is_damaged;
        warnings.extend(loaded.warnings);
        let view = loaded.document.view.clone();
        if is_damaged {
            project.previous = Some(loaded.document);
        } else {
            project.previous = previous;
            project.current = Some(loaded.document);
            project.clean();
        }
        Ok(Opened { project, experiment: loaded.experiment, view, warnings })
    }

    fn new(folder: PathBuf, access: Access, origin: Option<Origin>) -> Self {
        Self {
            folder,
            access,
            origin,
            current: None,
            previous: None,
            generation: 0,
            sound: BTreeSet::new(),
            embeddings: BTreeMap::new(),
            is_damaged: false,
        }
    }

    /// The project folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Why the project can only be read, a whole sentence; `None` where it can be written.
    pub fn read_only(&self) -> Option<&str> {
        match &self.access {
            Access::Write(_) => None,
            Access::Read(why) => Some(why),
        }
    }

    /// Where the experiment came from.
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Number of the last save.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes a state. Afterwards it is on the disk, flushed; after an error the state before it still is.
    pub fn save(&mut self, experiment: &Experiment, view: &Value) -> Result<(), ProjectError> {
        self.renew()?;
        self.set_aside()?;
        let table = self.write_data("table", "parquet", |to| data::write_table(&experiment.table, to))?;
        let mut embeddings = Embeddings::new();
        for (name, embedding) in &experiment.embeddings {
            let file = match self.embeddings.get(name) {
                Some((last, file)) if Arc::ptr_eq(last, embedding) && self.has(file) => file.clone(),
                _ => {
                    self.write_data("embedding", "safetensors", |to| data::write_embedding(embedding, to))?
                }
            };
            embeddings.insert(name.clone(), (Arc::clone(embedding), file));
        }
        let files = embeddings.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
        let generation = self.generation + 1;
        let origin = self.origin.clone();
        let document = Document::new(&self.folder, generation, experiment, (table, files), origin, view);
        if let Some(current) = &self.current {
            self.write_document(PREVIOUS, current)?;
        }
        self.write_document(DOCUMENT, &document)?;
        self.previous = self.current.take().or_else(|| self.previous.take());
        self.sound.extend(document.files().map(|file| file.file.clone()));
        self.current = Some(document);
        self.generation = generation;
        self.embeddings = embeddings;
        self.clean();
        Ok(())
    }

    fn write_data(
        &self,
        stem: &'static str,
        extension: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<DataFile, ProjectError> {
        store::write_data(&self.folder, stem, extension, |file| self.has(file), write).map_err(|e| {
            let doing = if stem == "table" { "writing the table" } else { "writing an embedding" };
            ProjectError::io(&self.folder, doing, &e)
        })
    }

    fn write_document(&self, name: &str, document: &Document) -> Result<(), ProjectError> {
        let text = serde_json::to_vec_pretty(document).map_err(io::Error::from);
        text.and_then(|text| store::write_whole(&self.folder, name, &text))
            .map_err(|e| ProjectError::io(&self.folder.join(name), "writing", &e))
    }

    /// Says that this program still has the project open; fails once another has taken it over.
    pub fn renew(&mut self) -> Result<(), ProjectError> {
        if let Access::Write(lock) = &self.access
            && let Err(why) = lock.renew()
        {
            self.access = Access::Read(why);
        }
        match &self.access {
            Access::Write(_) => Ok(()),
            Access::Read(why) => Err(ProjectError::ReadOnly { path: self.folder.clone(), why: why.clone() }),
        }
    }

    /// Removes the project from the disk: everything that is ours, and the folder if nothing else is in it.
    pub fn discard(mut self) -> Result<(), ProjectError> {
        self.renew()?;
        let folder = self.folder.clone();
        let io = |e: io::Error| ProjectError::io(&folder, "removing the project", &e);
        for name in names(&folder).filter(|name| is_ours(OsStr::new(name)) && name != lock::LOCK) {
            let file = folder.join(name);
            if file.is_dir() { std::fs::remove_dir_all(file) } else { std::fs::remove_file(file) }
                .map_err(io)?;
        }
        drop(self);
        std::fs::remove_file(folder.join(lock::LOCK)).map_err(io)?;
        match std::fs::remove_dir(&folder) {
            Err(e) if e.kind() != ErrorKind::DirectoryNotEmpty => Err(io(e)),
            _ => Ok(()),
        }
    }

    /// True where a data file is known to be sound and is still there.
    fn has(&self, file: &DataFile) -> bool {
        self.sound.contains(&file.file)
            && self.folder.join(&file.file).metadata().is_ok_and(|there| there.len() == file.bytes)
    }

    /// Removes what a killed program left, and what a save made superfluous. What cannot be removed now is tried again
    /// at the next save.
    fn clean(&self) {
        if matches!(self.access, Access::Read(_)) {
            return;
        }
        let kept: Vec<&DataFile> =
            self.current.iter().chain(&self.previous).flat_map(Document::files).collect();
        for name in names(&self.folder) {
            let is_left = store::is_data_name(&name) && !kept.iter().any(|file| file.file == name);
            if is_left || store::is_temporary(&name) {
                let _ = std::fs::remove_file(self.folder.join(name));
            }
        }
    }

    /// Keeps a damaged `project.json`, and the data files that only it may know, for whoever can read more from them.
    fn set_aside(&mut self) -> Result<(), ProjectError> {
        if !self.is_damaged {
            return Ok(());
        }
        let aside = self.folder.join(DAMAGED);
        let io = |e: io::Error| ProjectError::io(&aside, "setting the damaged files aside", &e);
        std::fs::create_dir_all(&aside).map_err(io)?;
        let kept: Vec<&DataFile> = self.previous.iter().flat_map(Document::files).collect();
        for name in names(&self.folder) {
            let is_left = store::is_data_name(&name) && !kept.iter().any(|file| file.file == name);
            let kept_as = match name.as_str() {
                DOCUMENT => format!("project-{}.json", self.generation),
                name if is_left => name.to_owned(),
                _ => continue,
            };
            atomic_file::rename(&self.folder.join(&name), &aside.join(kept_as)).map_err(io)?;
        }
        self.is_damaged = false;
        Ok(())
    }
}

/// The project folder that a path names: the folder itself or the `project.json` in it.
fn folder_of(path: &Path) -> Result<&Path, ProjectError> {
    let folder = if path.file_name() == Some(OsStr::new(DOCUMENT)) && path.is_file() {
        path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
    } else {
        path
    };
    if is_project(folder) {
        return Ok(folder);
    }
    let why = match folder.metadata() {
        Err(e) => e.to_string(),
        Ok(there) if there.is_dir() => "it holds no project.json".to_owned(),
        Ok(_) => "it is a file".to_owned(),
    };
    Err(ProjectError::NotAProject { path: path.to_owned(), why })
}

fn with_extension(path: &Path) -> PathBuf {
    if path.extension() == Some(OsStr::new(EXTENSION)) {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(EXTENSION);
    name.into()
}

/// True for names that this module gives.
fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        [DOCUMENT, PREVIOUS, DAMAGED, lock::LOCK, lock::OWNER].contains(&name)
            || store::is_data_name(name)
            || store::is_temporary(name)
    })
}

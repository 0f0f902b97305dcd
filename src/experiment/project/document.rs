//! `project.json`: what a project consists of, and how it was looked at.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::ProjectError;
use super::store::DataFile;
use crate::experiment::Experiment;
use crate::regular_file;

/// First words of every `project.json`.
const FORMAT: &str = "molclip-project";
/// Version that this program writes, and the latest that it reads.
pub const VERSION: u64 = 1;
/// Longest `project.json`: a hundred thousand selected rows take 5 MB.
const MAX_BYTES: u64 = 256 << 20;

/// Where an experiment came from: kept so that its import can be checked and repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// File or folder that was imported.
    pub source: String,
    /// Which source column became which column, as the import made it.
    #[serde(default)]
    pub mapping: Value,
}

/// The experiment in numbers, so that a list of projects needs no table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Unique everywhere.
    pub id: String,
    /// Name for titles.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// True where any row is simulated.
    pub simulated: bool,
}

impl Summary {
    fn of(experiment: &Experiment) -> Self {
        Self {
            id: experiment.id.clone(),
            name: experiment.name.clone(),
            rows: experiment.table.len(),
            simulated: (0..experiment.table.len()).any(|row| experiment.is_simulated(row)),
        }
    }
}

/// The folder that the table's paths start from. The relative form holds while project and data move together, the
/// absolute one while only the project moves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// From the project folder, `/` between folders.
    pub relative: Option<String>,
    /// On the computer that wrote it.
    pub absolute: Option<String>,
}

impl Root {
    /// Both forms of a root as far as they exist (another drive has no relative form).
    fn of(root: &Path, folder: &Path) -> Self {
        let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
        let relative = real(folder).ok().zip(real(root).ok()).and_then(|(from, to)| relative(&from, &to));
        let absolute = std::path::absolute(root).ok().and_then(|path| Some(path.to_str()?.to_owned()));
        Self { relative, absolute }
    }

    /// The root as seen from `folder`: the form under which more of `paths` exist, the relative one if in doubt.
    pub fn resolve(&self, folder: &Path, paths: &[String]) -> PathBuf {
        let relative = self.relative.as_ref().map(|relative| join(folder, relative));
        let absolute = self.absolute.as_ref().map(PathBuf::from);
        let there = |root: &Path| paths.iter().filter(|path| root.join(path).exists()).count();
        match (relative, absolute) {
            (Some(relative), Some(absolute)) => {
                let all = there(&relative);
                if all < paths.len() && there(&absolute) > all { absolute } else { relative }
            }
            (Some(root), None) | (None, Some(root)) => root,
            (None, None) => folder.to_owned(),
        }
    }
}

/// `relative` below `folder`, without the detours (`..`) where no link makes them lead elsewhere.
fn join(folder: &Path, relative: &str) -> PathBuf {
    let detour = folder.join(relative);
    let Ok(mut straight) = std::path::absolute(folder) else { return detour };
    for part in Path::new(relative).components() {
        match part {
            Component::ParentDir => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    match (straight.canonicalize(), detour.canonicalize()) {
        (a, Ok(b)) if a.as_ref().ok() != Some(&b) => detour,
        _ => straight,
    }
}

/// The way from one absolute folder to another; `None` across drives and for names that are not UTF-8.
fn relative(from: &Path, to: &Path) -> Option<String> {
    let (from, to): (Vec<_>, Vec<_>) = (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None;
    }
    let up = std::iter::repeat_n(Some(".."), from.len() - shared);
    let down = to[shared..].iter().map(|part| part.as_os_str().to_str());
    let parts: Vec<&str> = up.chain(down).collect::<Option<_>>()?;
    Some(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// All of `project.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    format: String,
    version: u64,
    /// Program and version.
    written_by: String,
    /// Seconds since 1970.
    pub saved_unix_s: u64,
    /// Counts the saves.
    pub generation: u64,
    /// The experiment in numbers.
    pub experiment: Summary,
    /// Where paths start.
    pub root: Root,
    /// The rows.
    pub table: DataFile,
    /// Embeddings by name.
    #[serde(default)]
    pub embeddings: BTreeMap<String, DataFile>,
    /// Where the experiment came from.
    #[serde(default)]
    pub origin: Option<Origin>,
    /// How it was looked at; the window's own business.
    #[serde(default)]
    pub view: Value,
}

impl Document {
    /// Describes an experiment whose data files are written.
    pub fn new(
        folder: &Path,
        generation: u64,
        experiment: &Experiment,
        (table, embeddings): (DataFile, BTreeMap<String, DataFile>),
        origin: Option<Origin>,
        view: &Value,
    ) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            written_by: format!("molclip {}", env!("CARGO_PKG_VERSION")),
            saved_unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            generation,
            experiment: Summary::of(experiment),
            root: Root::of(&experiment.root, folder),
            table,
            embeddings,
            origin,
            view: view.clone(),
        }
    }

    /// Reads and checks a `project.json`.
    pub fn read(file: &Path) -> Result<Self, ProjectError> {
        let io = |e: std::io::Error| ProjectError::io(file, "reading", &e);
        let opened = regular_file::open(file).map_err(io)?;
        let length = opened.metadata().map_err(io)?.len();
        let damaged = |place: String, problem: String| {
            ProjectError::damaged(file, place, problem, "Restore the file from a backup.")
        };
        if length > MAX_BYTES {
            return Err(damaged("length".into(), format!("{length} bytes are more than any project has")));
        }
        let mut text = Vec::with_capacity(length as usize);
        opened.take(MAX_BYTES).read_to_end(&mut text).map_err(io)?;
        let syntax = |e: serde_json::Error| {
            damaged(format!("line {}, column {}", e.line(), e.column()), e.to_string())
        };
        let head: Head = serde_json::from_slice(&text).map_err(syntax)?;
        if head.format != FORMAT {
            return Err(damaged("format".into(), format!("it is “{}”, not “{FORMAT}”", head.format)));
        }
        if head.version > VERSION {
            let path = file.parent().unwrap_or(file).to_owned();
            return Err(ProjectError::Newer { path, found: head.version, known: VERSION });
        }
        serde_json::from_slice(&text).map_err(syntax)
    }

    /// Names of the data files that it points to.
    pub fn files(&self) -> impl Iterator<Item = &DataFile> {
        std::iter::once(&self.table).chain(self.embeddings.values())
    }

    /// When it was saved.
    pub fn saved(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.saved_unix_s)).unwrap_or(UNIX_EPOCH)
    }
}

/// What has to be understood before the rest can be.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_between_folders() {
        let way = |a: &str, b: &str| relative(Path::new(a), Path::new(b));
        assert_eq!(way("/a/p.molclip", "/a").as_deref(), Some(".."));
        assert_eq!(way("/a/p.molclip", "/a/data/x").as_deref(), Some("../data/x"));
        assert_eq!(way("/a", "/a").as_deref(), Some("."));
        assert_eq!(way("/a/b", "/c").as_deref(), Some("../../c"));
    }

    #[test]
    fn the_root_is_where_the_data_are() {
        let disk = tempfile::tempdir().unwrap();
        let at = |path: &str| disk.path().join(path);
        for folder in ["one/p.molclip", "one/data", "two"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("one/data/a.tif"), "x").unwrap();
        let root = Root::of(&at("one/data"), &at("one/p.molclip"));
        assert_eq!(root.relative.as_deref(), Some("../data"));
        let paths = ["a.tif".to_owned()];
        assert_eq!(root.resolve(&at("one/p.molclip"), &paths), at("one/data"));
        // Only the project moved.
        std::fs::rename(at("one/p.molclip"), at("two/p.molclip")).unwrap();
        assert_eq!(root.resolve(&at("two/p.molclip"), &paths), at("one/data"));
        // Then the data came after it.
        std::fs::rename(at("one/data"), at("two/data")).unwrap();
        assert_eq!(root.resolve(&at("two/p.molclip"), &paths), at("two/data"));
        // The data are gone: nothing speaks against the relative form.
        std::fs::remove_dir_all(at("two/data")).unwrap();
        assert_eq!(root.resolve(&at("two/p.molclip"), &paths), at("two/data"));
    }

    #[cfg(unix)]
    #[test]
    fn links_on_the_way_are_kept() {
        let disk = tempfile::tempdir().unwrap();
        let at = |path: &str| disk.path().join(path);
        std::fs::create_dir_all(at("big/screens/p.molclip")).unwrap();
        std::fs::create_dir_all(at("big/data")).unwrap();
        std::os::unix::fs::symlink(at("big/screens"), at("here")).unwrap();
        let folder = at("here/p.molclip");
        let root = Root::of(&at("big/data"), &folder);
        assert_eq!(root.relative.as_deref(), Some("../../data"));
        let resolved = root.resolve(&folder, &[]);
        assert_eq!(resolved.canonicalize().unwrap(), at("big/data").canonicalize().unwrap());
    }
}

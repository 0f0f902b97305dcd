//! Files that are whole or not there: written under a passing name beside their own, flushed, renamed.
//!
//! Who reads finds the file of before or the new one, also after a power cut: the bytes are on the disk before the file
//! gets its name, and so is the folder that holds the name before a function here returns. What fails leaves nothing
//! behind; what is killed leaves a file under its passing name. A file is as readable as any other of its user (the umask
//! says), whatever the one was that it replaces; a link is replaced, not followed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

/// How passing names start where nobody looks for what a kill left.
const UNMARKED: &str = ".molclip-";

/// Writes a file, and makes its folder if need be.
///
/// # Errors
/// The disk refuses. The file of before is still there, unless only the folder could not be flushed.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    prepare(path, bytes)?.publish(path)
}

/// Renames a file or folder on its disk; the folder that holds the new name is flushed.
///
/// # Errors
/// The disk refuses.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    flush_folder(folder(to))
}

/// A file that has no name yet. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Pending(NamedTempFile);

impl Pending {
    /// Starts a file in the folder of `path`, which must be there: on the same disk, so that renaming it is one step.
    ///
    /// # Errors
    /// The folder is not there or cannot be written.
    pub fn beside(path: &Path) -> io::Result<Self> {
        builder(UNMARKED).tempfile_in(folder(path)).map(Self)
    }

    /// Starts a file in a folder that is there, under a passing name that starts with `mark`: for folders whose owner
    /// removes what a kill left in them.
    ///
    /// # Errors
    /// The folder is not there or cannot be written.
    pub fn marked(folder: &Path, mark: &'static str) -> io::Result<Self> {
        builder(mark).tempfile_in(folder).map(Self)
    }

    /// Gives the file its name, in the folder that it was started in: bytes first, then the name, then the folder.
    ///
    /// # Errors
    /// The disk refuses, or a folder has the name.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        self.flush_to_disk()?;
        self.publish_unflushed(path)?;
        flush_folder(folder(path))
    }

    /// Like [`Self::publish`], without waiting for the disk: for what means nothing after a power cut.
    ///
    /// # Errors
    /// The disk refuses, or a folder has the name.
    pub fn publish_unflushed(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map(drop).map_err(|e| e.error)
    }

    fn flush_to_disk(&self) -> io::Result<()> {
        self.0.as_file().sync_all()
    }
}

// Straight to the file: errors that pass through `NamedTempFile` name a path that means nothing to anybody, and lose their
// number.
impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.as_file_mut().flush()
    }
}

impl Seek for Pending {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.as_file_mut().seek(to)
    }
}

/// One of several files could not be written.
#[derive(Debug)]
pub struct NotWritten {
    /// Which; a folder where it could not be flushed.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl NotWritten {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Writes files that belong together, and makes their folders if need be. All bytes are on the disk before the first file
/// gets its name, so that a full disk leaves what was there before; names are given in this order, and if one cannot be
/// had, those that have theirs already are put back. A program that is killed between two names leaves files of two runs:
/// what is in them must tell.
///
/// # Errors
/// The disk refuses. What was there before is there again, unless only a folder could not be flushed: then all files have
/// their names, and a power cut may take some of these back. What cannot be put back is in the log.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<(), NotWritten> {
    let mut made = Vec::with_capacity(files.len());
    for &(path, bytes) in files {
        let on_disk = |file: Pending| file.flush_to_disk().map(|()| file);
        made.push((path, prepare(path, bytes).and_then(on_disk).map_err(NotWritten::at(path))?));
    }
    let mut named: Vec<(&Path, Option<TempPath>)> = Vec::new();
    for (place, (path, file)) in made.into_iter().enumerate() {
        // No name is given after the last, so that it is never put back.
        let before = if place + 1 < files.len() { keep(path) } else { Ok(None) };
        match before.and_then(|before| file.publish_unflushed(path).map(|()| before)) {
            Ok(before) => named.push((path, before)),
            Err(e) => {
                put_back(named);
                return Err(NotWritten::at(path)(e));
            }
        }
    }
    let folders: BTreeSet<&Path> = files.iter().map(|(path, _)| folder(path)).collect();
    folders.into_iter().try_for_each(|folder| flush_folder(folder).map_err(NotWritten::at(folder)))
}

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes passing names, and files of them.
fn builder(mark: &'static str) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(mark).suffix(".part");
    // Temporary files are private by default; the result is an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// A file with all its bytes, which need not be on the disk yet.
fn prepare(path: &Path, bytes: &[u8]) -> io::Result<Pending> {
    std::fs::create_dir_all(folder(path))?;
    let mut file = Pending::beside(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

#[cfg(unix)]
fn flush_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some network file systems cannot, and a folder that can be written need not be one that can be read: the name
        // is as safe there as they make it.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

#[cfg(not(unix))]
fn flush_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// A second name for the file that is there; `None` where none is.
fn keep(path: &Path) -> io::Result<Option<TempPath>> {
    match builder(UNMARKED).make_in(folder(path), |second| std::fs::hard_link(path, second)) {
        Ok(kept) => Ok(Some(kept.into_temp_path())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        // Not every disk can give a file two names.
        Err(_) => {
            let mut file = File::open(path)?;
            let mut copy = Pending::beside(path)?;
            io::copy(&mut file, &mut copy)?;
            copy.0.as_file().set_permissions(file.metadata()?.permissions())?;
            Ok(Some(copy.0.into_temp_path()))
        }
    }
}

/// Gives files the content that they had.
fn put_back(named: Vec<(&Path, Option<TempPath>)>) {
    for (path, before) in named.into_iter().rev() {
        let back = match before {
            Some(before) => before.persist(path).map_err(|e| {
                let (why, kept) = (e.error, e.path.keep());
                let kept = kept.map(|kept| kept.display().to_string()).unwrap_or_default();
                format!("{why}; it is kept as {kept}")
            }),
            None => std::fs::remove_file(path).map_err(|e| e.to_string()),
        };
        if let Err(why) = back {
            log::warn!("{}: what was there before could not be put back: {why}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/a");
        for text in ["first, and longer", "second"] {
            write(&path, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(names(&folder.path().join("new")), ["a"]);
        }
        // A file is no folder to write into.
        assert!(write(&path.join("b"), b"x").is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
    }

    #[test]
    fn a_file_has_no_name_before_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "old").unwrap();
        let start = || {
            let mut file = Pending::beside(&path).unwrap();
            file.write_all(b"nfw").unwrap();
            file.seek(SeekFrom::Start(1)).unwrap();
            file.write_all(b"e").unwrap();
            file
        };
        let file = start();
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 2));
        drop(file);
        assert_eq!(names(folder.path()), ["a"]);
        start().publish(&path).unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path()).len()), (b"new".to_vec(), 1));
        // No file takes the place of a folder.
        std::fs::create_dir(folder.path().join("b")).unwrap();
        assert!(start().publish(&folder.path().join("b")).is_err());
        assert!(start().publish_unflushed(&folder.path().join("b")).is_err());
        assert_eq!(names(folder.path()), ["a", "b"]);
        assert!(Pending::beside(&folder.path().join("c/d")).is_err(), "folders are not made in passing");
        let marked = Pending::marked(folder.path(), ".mine-").unwrap();
        assert!(names(folder.path())[0].starts_with(".mine-"));
        marked.publish_unflushed(&folder.path().join("c")).unwrap();
        rename(&folder.path().join("c"), &folder.path().join("d")).unwrap();
        assert_eq!(names(folder.path()), ["a", "b", "d"]);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_readable_by_others_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plain"), "x").unwrap();
        write(&at("one"), b"x").unwrap();
        write_together(&[(&at("two"), b"x"), (&at("three"), b"x")]).unwrap();
        Pending::marked(folder.path(), ".mine-").unwrap().publish(&at("four")).unwrap();
        let mode = |name: &str| at(name).metadata().unwrap().permissions().mode();
        for name in ["one", "two", "three", "four"] {
            assert_eq!(mode(name), mode("plain"), "{name}");
        }
    }

    #[test]
    fn files_are_replaced_together_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("new/a"), folder.path().join("new/b"));
        for text in ["first", "second"] {
            write_together(&[(&a, text.as_bytes()), (&b, text.as_bytes())]).unwrap();
            assert_eq!(std::fs::read(&a).unwrap(), text.as_bytes());
            assert_eq!(std::fs::read(&b).unwrap(), text.as_bytes());
            assert_eq!(names(&folder.path().join("new")), ["a", "b"]);
        }
    }

    #[test]
    fn where_one_file_cannot_get_its_name_the_others_are_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| -> PathBuf { folder.path().join(name) };
        // No file takes the place of a folder.
        std::fs::create_dir(at("c")).unwrap();
        std::fs::write(at("a"), "old").unwrap();
        let error =
            write_together(&[(&at("a"), b"new"), (&at("b"), b"new"), (&at("c"), b"new")]).unwrap_err();
        assert_eq!(error.path, at("c"), "{}", error.source);
        assert_eq!(std::fs::read(at("a")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a", "c"], "b was not there, and is not");
        let error = write_together(&[(&at("c"), b"new"), (&at("a"), b"new")]).unwrap_err();
        assert_eq!(error.path, at("c"), "{}", error.source);
        assert_eq!((std::fs::read(at("a")).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 2));
    }
}

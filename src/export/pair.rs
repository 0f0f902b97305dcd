//! Files that belong together: what they carry to be known by, and how they are written, all or none.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::TempPath;

use super::{ExportError, builder, folder, persist, temporary};

/// Hexadecimal digits of an id: enough that none is taken for a number by who reads a table.
const DIGITS: usize = 32;

/// What files that belong together carry. Made of what is written, so that the same result has the same stamp,
/// whoever writes it and however often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Of all that is written: the row hash, and what the writer adds. 32 hexadecimal digits.
    pub run_id: String,
    /// Of the rows' names in their order, each after its length. 32 hexadecimal digits.
    pub row_hash: String,
}

impl Stamp {
    /// Of rows and of what `content` feeds to the hash.
    pub fn of<'a>(
        row_ids: impl IntoIterator<Item = &'a str>,
        content: impl FnOnce(&mut blake3::Hasher),
    ) -> Self {
        let row_hash = row_hash(row_ids);
        let mut hasher = blake3::Hasher::new();
        hasher.update(row_hash.as_bytes());
        content(&mut hasher);
        Self { run_id: id(&hasher), row_hash }
    }
}

/// BLAKE3 of rows' names in their order, each after its length in bytes (u64, little-endian): the first 32
/// hexadecimal digits.
pub fn row_hash<'a>(row_ids: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for row_id in row_ids {
        hasher.update(&(row_id.len() as u64).to_le_bytes()).update(row_id.as_bytes());
    }
    id(&hasher)
}

fn id(hasher: &blake3::Hasher) -> String {
    let mut digits = hasher.finalize().to_hex().to_string();
    digits.truncate(DIGITS);
    digits
}

/// Writes files that belong together. All bytes are on the disk before the first file gets its name, so that a full
/// disk leaves what was there before; if one cannot get its name, those that have theirs already are put back. A
/// program that is killed between two names leaves files of two runs, which their stamps tell apart.
///
/// # Errors
/// The disk refuses; the error names the file.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<(), ExportError> {
    let mut made = Vec::with_capacity(files.len());
    for &(path, bytes) in files {
        let fail = |e| ExportError::io(path, e);
        std::fs::create_dir_all(folder(path)).map_err(fail)?;
        let mut file = temporary(path)?;
        file.write_all(bytes).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        made.push((path, file));
    }
    let mut named: Vec<(&Path, Option<TempPath>)> = Vec::new();
    for (place, (path, file)) in made.into_iter().enumerate() {
        // Nothing can go wrong after the last.
        let before = if place + 1 < files.len() { keep(path) } else { Ok(None) };
        match before.and_then(|before| persist(file, path).map(|()| before)) {
            Ok(before) => named.push((path, before)),
            Err(e) => {
                put_back(named);
                return Err(e);
            }
        }
    }
    Ok(())
}

/// A second name for the file that is there; `None` where none is.
fn keep(path: &Path) -> Result<Option<TempPath>, ExportError> {
    match builder().make_in(folder(path), |second| std::fs::hard_link(path, second)) {
        Ok(kept) => Ok(Some(kept.into_temp_path())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        // Not every disk can give a file two names.
        Err(_) => {
            let mut copy = temporary(path)?;
            std::fs::File::open(path)
                .and_then(|mut file| {
                    io::copy(&mut file, copy.as_file_mut())?;
                    copy.as_file().set_permissions(file.metadata()?.permissions())
                })
                .map_err(|e| ExportError::io(path, e))?;
            Ok(Some(copy.into_temp_path()))
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
    use std::path::PathBuf;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
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
        assert!(matches!(&error, ExportError::Io { path, .. } if *path == at("c")), "{error}");
        assert_eq!(std::fs::read(at("a")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a", "c"], "b was not there, and is not");
        let error = write_together(&[(&at("c"), b"new"), (&at("a"), b"new")]).unwrap_err();
        assert!(matches!(&error, ExportError::Io { path, .. } if *path == at("c")), "{error}");
        assert_eq!((std::fs::read(at("a")).unwrap(), names(folder.path()).len()), (b"old".to_vec(), 2));
    }

    #[test]
    fn a_stamp_is_of_the_rows_in_their_order_and_of_the_content() {
        let of = |ids: &[&str], content: &[u8]| {
            Stamp::of(ids.iter().copied(), |hasher| {
                hasher.update(content);
            })
        };
        let stamp = of(&["a", "bc"], b"1");
        assert_eq!((stamp.run_id.len(), stamp.row_hash.len()), (DIGITS, DIGITS));
        assert_eq!(stamp, of(&["a", "bc"], b"1"));
        assert_eq!(stamp.row_hash, of(&["a", "bc"], b"2").row_hash);
        assert_ne!(stamp.run_id, of(&["a", "bc"], b"2").run_id);
        for other in [&["bc", "a"][..], &["ab", "c"], &["a"]] {
            assert_ne!(stamp.row_hash, of(other, b"1").row_hash, "{other:?}");
        }
    }
}

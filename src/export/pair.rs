//! Files that belong together: what they carry to be known by, and how they are written, all or none.

use std::path::Path;

use super::ExportError;
use crate::atomic_file::{self, NotWritten};

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

/// Writes files that belong together, all or none; their folders are made if need be. A program that is killed between
/// two names leaves files of two runs, which their stamps tell apart.
///
/// # Errors
/// The disk refuses; the error names the file.
pub fn write_together(files: &[(&Path, &[u8])]) -> Result<(), ExportError> {
    atomic_file::write_together(files).map_err(|NotWritten { path, source }| ExportError::Io { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        // No file takes the place of a folder.
        std::fs::create_dir(&b).unwrap();
        let error = write_together(&[(&a, b"new"), (&b, b"new")]).unwrap_err();
        assert!(matches!(&error, ExportError::Io { path, .. } if *path == b), "{error}");
        assert!(!a.exists());
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

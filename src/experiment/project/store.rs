//! Files of a project folder: whole or not there, named by what they hold.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::atomic_file::Pending;
use crate::regular_file;

/// Files whose names start so are being written; nobody reads them.
const TEMPORARY: &str = ".molclip-tmp-";

/// Length of the part of a content hash that stands in a file name: 64 bits tell a project's few files apart.
const HASH_IN_NAME: usize = 16;

/// A data file as `project.json` points to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Name within the project folder: `STEM-HASH.EXTENSION`.
    pub file: String,
    /// BLAKE3 of its bytes, 64 hexadecimal digits (`b3sum`).
    pub blake3: String,
    /// Length.
    pub bytes: u64,
}

/// Why a data file is not what `project.json` says.
pub enum Mismatch {
    /// It could not be read.
    Io(io::Error),
    /// It is another file: how it differs, without a full stop.
    Other(String),
}

impl DataFile {
    /// Reads the file's bytes if they are those that were written.
    pub fn read(&self, folder: &Path) -> Result<Vec<u8>, Mismatch> {
        if !is_data_name(&self.file) {
            return Err(Mismatch::Other(format!("“{}” is no name of a data file", self.file)));
        }
        let file = regular_file::open(&folder.join(&self.file)).map_err(Mismatch::Io)?;
        let length = file.metadata().map_err(Mismatch::Io)?.len();
        if length != self.bytes {
            return Err(Mismatch::Other(format!(
                "it has {length} bytes, {} were written: it is cut or was changed by another program",
                self.bytes
            )));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut bytes).map_err(Mismatch::Io)?;
        if blake3::hash(&bytes).to_hex().as_str() == self.blake3 {
            Ok(bytes)
        } else {
            Err(Mismatch::Other(
                "its content is not what was written: it was changed or the disk is failing".into(),
            ))
        }
    }
}

/// True for names that [`write_data`] gives: nothing else is ever read or removed as a data file.
pub fn is_data_name(name: &str) -> bool {
    let Some((stem, rest)) = name.rsplit_once('-') else { return false };
    let Some((hash, extension)) = rest.split_once('.') else { return false };
    matches!(stem, "table" | "embedding")
        && matches!(extension, "parquet" | "safetensors")
        && hash.len() == HASH_IN_NAME
        && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// True for files that were being written when a program was killed.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Names of the files and folders in a folder; none where it cannot be read.
pub fn names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|e| e.file_name().into_string().ok())
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a data file and names it by its content; `is_there` tells whether a sound file of that name exists, which
/// is then kept.
pub fn write_data(
    folder: &Path,
    stem: &str,
    extension: &str,
    is_there: impl FnOnce(&DataFile) -> bool,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<DataFile> {
    let mut pending = Pending::marked(folder, TEMPORARY)?;
    let mut hashing =
        Hashing { inner: BufWriter::new(&mut pending), hasher: blake3::Hasher::new(), bytes: 0 };
    write(&mut hashing)?;
    hashing.flush()?;
    let blake3 = hashing.hasher.finalize().to_hex().to_string();
    let bytes = hashing.bytes;
    drop(hashing);
    let file = format!("{stem}-{}.{extension}", &blake3[..HASH_IN_NAME]);
    let data = DataFile { file, blake3, bytes };
    if !is_there(&data) {
        pending.publish(&folder.join(&data.file))?;
    }
    Ok(data)
}

/// Writes a file in one step: a reader finds the old one or the new one, whole, also after a power cut.
pub fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    begun(folder, bytes)?.publish(&folder.join(name))
}

/// Like [`write_whole`], without waiting for the disk: for what means nothing after a power cut.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    begun(folder, bytes)?.publish_unflushed(&folder.join(name))
}

/// A file with its bytes, under a name that [`is_temporary`] knows.
fn begun(folder: &Path, bytes: &[u8]) -> io::Result<Pending> {
    let mut pending = Pending::marked(folder, TEMPORARY)?;
    pending.write_all(bytes)?;
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_file_is_named_by_its_content_and_checked_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &'static str| {
            write_data(folder.path(), "table", "parquet", |_| false, |w| w.write_all(text.as_bytes()))
                .unwrap()
        };
        let (a, b) = (write("one"), write("two"));
        assert_ne!(a.file, b.file);
        assert_eq!(a, write("one"));
        assert_eq!(a.blake3, blake3::hash(b"one").to_hex().as_str());
        assert!(is_data_name(&a.file), "{}", a.file);
        assert_eq!(a.read(folder.path()).ok().unwrap(), b"one");
        std::fs::write(folder.path().join(&a.file), "0ne").unwrap();
        assert!(matches!(a.read(folder.path()), Err(Mismatch::Other(_))));
        std::fs::write(folder.path().join(&a.file), "on").unwrap();
        assert!(matches!(a.read(folder.path()), Err(Mismatch::Other(_))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn only_our_names_are_data_files() {
        for name in [
            "../table-0123456789abcdef.parquet",
            "table-0123456789abcdef.parquet/..",
            "table-0123456789ABCDEF.parquet",
            "table-0123.parquet",
            "videos-0123456789abcdef.parquet",
            "table-0123456789abcdef.csv",
            "project.json",
            "",
        ] {
            assert!(!is_data_name(name), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_are_readable_by_others_as_the_umask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        write_whole(folder.path(), "a", b"x").unwrap();
        std::fs::write(folder.path().join("b"), "x").unwrap();
        let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode("a"), mode("b"));
    }
}

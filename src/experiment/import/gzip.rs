//! Tables packed with gzip: unpacked as they are read, and never to more than tables do.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::ImportError;
use crate::regular_file;

/// First bytes of an archive.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// An archive that unpacks to more than this is no table where it is [`RATIO`] times smaller packed.
const FREE: u64 = 16 << 20;
/// Numbers pack 2 to 5 times, texts that repeat 50 times.
const RATIO: u64 = 250;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// True for the first bytes of an archive.
pub(super) fn is_packed(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

/// Opens a file to be read from its first byte on, unpacked where it is packed. Reading fails once more than `most`
/// bytes came out, or far more than a table of the file's size holds; [`failed`] says it.
pub(super) fn open(path: &Path, most: usize) -> Result<Box<dyn Read + Send>, ImportError> {
    let io = |e: io::Error| ImportError::io(path, "opening", &e);
    let file = regular_file::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut file = BufReader::with_capacity(BUFFER, file);
    if is_packed(file.fill_buf().map_err(io)?) {
        return Ok(Box::new(Bounded::packed(file, length, most)));
    }
    Ok(Box::new(Bounded { inner: file, read: 0, most: most as u64, does: "it has" }))
}

/// Unpacks an archive that is in memory, to `most` bytes at most.
pub(super) fn unpack(path: &Path, packed: &[u8], most: usize) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    let mut reader = Bounded::packed(packed, packed.len() as u64, most);
    reader.read_to_end(&mut bytes).map_err(|e| failed(path, &e))?;
    Ok(bytes)
}

/// What reading says of a file that was opened by [`open`].
pub(super) fn failed(path: &Path, error: &io::Error) -> ImportError {
    match error.kind() {
        ErrorKind::FileTooLarge => {
            let remedy = "Is this the right file? Split the table into several files.";
            ImportError::new(path, "the whole file", error.to_string(), remedy)
        }
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            let problem = format!("it is damaged or cut ({error})");
            ImportError::new(path, "the gzip archive", problem, "Copy the file again from where it came.")
        }
        _ => ImportError::io(path, "reading", error),
    }
}

/// Fails once more comes out of a reader than a table has.
struct Bounded<R> {
    inner: R,
    read: u64,
    most: u64,
    /// What the file does that it should not, before the number of bytes.
    does: &'static str,
}

impl<R: io::BufRead> Bounded<MultiGzDecoder<R>> {
    /// Unpacks an archive of `length` bytes.
    fn packed(packed: R, length: u64, most: usize) -> Self {
        let most = FREE.max(length.saturating_mul(RATIO)).min(most as u64);
        Self { inner: MultiGzDecoder::new(packed), read: 0, most, does: "it unpacks to" }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        if self.read > self.most {
            let text = format!("{} more than {} MiB", self.does, self.most >> 20);
            return Err(io::Error::new(ErrorKind::FileTooLarge, text));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn members_one_after_the_other_are_one_table() {
        let both = [packed(b"a,b\n"), packed(b"1,2\n")].concat();
        assert_eq!(unpack(Path::new("t.csv.gz"), &both, 100).unwrap(), b"a,b\n1,2\n");
    }

    #[test]
    fn a_bomb_is_told_by_what_comes_out_of_it() {
        let bomb = packed(&vec![b','; 64 << 20]);
        let path = Path::new("bomb.csv.gz");
        let text = unpack(path, &bomb, usize::MAX).unwrap_err().to_string();
        assert!(text.contains("bomb.csv.gz: the whole file: it unpacks to more than 16 MiB"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bomb.csv.gz");
        std::fs::write(&file, &bomb).unwrap();
        let mut seen = Vec::new();
        let error = open(&file, usize::MAX).unwrap().read_to_end(&mut seen).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        assert!(seen.len() <= 17 << 20, "{} bytes were unpacked first", seen.len());
        assert!(unpack(path, &packed(&[b'1'; 200]), 100).is_err());
    }

    #[test]
    fn a_cut_or_damaged_archive_says_so() {
        let whole = packed(b"Metadata_Plate,Cells_a\np,1\n");
        for (bytes, what) in [(&whole[..whole.len() - 9], "cut"), (&[0x1f, 0x8b, 8, 0][..], "head")] {
            let text = unpack(Path::new("t.csv.gz"), bytes, 1000).unwrap_err().to_string();
            assert!(text.contains("the gzip archive: it is damaged or cut"), "{what}: {text}");
        }
        let mut flipped = whole.clone();
        let check = flipped.len() - 6;
        flipped[check] ^= 1;
        assert!(unpack(Path::new("t.csv.gz"), &flipped, 1000).is_err(), "the checksum is wrong");
    }
}

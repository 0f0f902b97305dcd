//! Positional reads from a file or from memory, shared by all threads.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::regular_file;

/// Where the bytes come from.
pub enum Source {
    /// A file on disk; reads carry their own position, so threads do not disturb each other.
    File {
        /// The open file.
        file: File,
        /// Its length when it was opened.
        len: u64,
    },
    /// A file already in memory (tests, fuzzing, dropped data).
    Bytes(Vec<u8>),
}

impl Source {
    /// Opens a file for reading.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = regular_file::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self::File { file, len })
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// True for data in memory, which have no neighbours on disk.
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// Fills `buffer` from `offset` on; an error if the source ends before.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => {
                let part = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..start.checked_add(buffer.len())?))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(part);
                Ok(())
            }
            Self::File { file, .. } => {
                let mut done = 0;
                while done < buffer.len() {
                    let at = offset.checked_add(done as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
                    match read_at(file, &mut buffer[done..], at) {
                        Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                        Ok(n) => done += n,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                Ok(())
            }
        }
    }

    /// The `len` bytes at `offset`; refuses before allocating when they are not all there.
    pub fn bytes_at(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        if offset.checked_add(len).is_none_or(|end| end > self.len()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut buffer = vec![0; len as usize];
        self.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

const SMALLEST_STEP: usize = 2 << 10;
const LARGEST_STEP: usize = 256 << 10;
/// A request this close behind the last one counts as its neighbour.
const NEAR: u64 = 1 << 10;

/// Buffered small reads. Directories that lie side by side cost one large read, scattered ones a small read each.
pub struct Window<'a> {
    source: &'a Source,
    start: u64,
    buffer: Vec<u8>,
    step: usize,
}

impl<'a> Window<'a> {
    /// An empty window on `source`.
    pub fn new(source: &'a Source) -> Self {
        Self { source, start: 0, buffer: Vec::new(), step: SMALLEST_STEP }
    }

    /// The source behind it.
    pub fn source(&self) -> &'a Source {
        self.source
    }

    /// `len` bytes at `offset`, or `None` where the file ends before (or cannot be read).
    pub fn get(&mut self, offset: u64, len: usize) -> Option<&[u8]> {
        let end = offset.checked_add(len as u64).filter(|&end| end <= self.source.len())?;
        if let Source::Bytes(bytes) = self.source {
            return bytes.get(offset as usize..end as usize);
        }
        let window_end = self.start + self.buffer.len() as u64;
        if offset < self.start || end > window_end {
            let forward = offset >= self.start && offset <= window_end + NEAR;
            self.step = if forward { (self.step * 2).min(LARGEST_STEP) } else { SMALLEST_STEP };
            let wanted = len.max(self.step).min((self.source.len() - offset) as usize);
            self.buffer.resize(wanted, 0);
            self.start = offset;
            if self.source.read_exact_at(&mut self.buffer, offset).is_err() {
                self.buffer.clear();
                return None;
            }
        }
        let from = (offset - self.start) as usize;
        self.buffer.get(from..from + len)
    }
}

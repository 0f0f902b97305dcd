//! The file: a first line, then records, each with its length and a checksum.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::{Error, Result};

const FIRST_LINE: &[u8] = b"MolCLIP Studio, kernel tuning, 1\n";
/// A tuning result takes some hundred bytes; a file larger than this is not one of ours.
const LARGEST: u64 = 256 << 20;

/// A tuning result, and whether it was measured here (0) or imported (1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub value: Vec<u8>,
    pub origin: i64,
}

/// A change, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Meta { key: String, value: String },
    Insert { namespace: String, key: Vec<u8>, entry: Entry },
    Replace { namespace: String, key: Vec<u8>, entry: Entry },
    Delete { namespace: String, key: Vec<u8> },
    Purge { namespace: String },
    Clear,
}

/// The file that records are appended to; none when it may not be written.
#[derive(Debug)]
pub struct Log(Option<File>);

impl Log {
    /// Opens the file and reads its records. What is not of this format is a cache of an older version: it starts anew.
    pub fn open(path: &Path, read_only: bool) -> Result<(Self, Vec<Record>)> {
        let failed =
            |error: std::io::Error| Error::IoError(error.kind(), "opening the kernel tuning results");
        let mut options = OpenOptions::new();
        options.read(true);
        if !read_only {
            options.write(true).create(true);
        }
        let mut file = options.open(path).map_err(failed)?;
        if read_only { file.lock_shared() } else { file.lock() }.map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > LARGEST {
            return Err(Error::IoError(ErrorKind::FileTooLarge, "opening the kernel tuning results"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (records, good) = read(&bytes);
        if read_only {
            return Ok((Self(None), records));
        }
        if good < bytes.len() || bytes.is_empty() {
            file.set_len(good as u64).map_err(failed)?;
            if good == 0 {
                file.rewind().map_err(failed)?;
                file.write_all(FIRST_LINE).map_err(failed)?;
            }
        }
        file.unlock().map_err(failed)?;
        Ok((Self(Some(file)), records))
    }

    /// Appends a record. Where that fails half way, the file is cut back to what it was.
    pub fn append(&mut self, record: &Record) -> Result<()> {
        let failed = |error: std::io::Error| Error::IoError(error.kind(), "writing a kernel tuning result");
        let Some(file) = &mut self.0 else {
            return Err(Error::IoError(ErrorKind::ReadOnlyFilesystem, "writing a kernel tuning result"));
        };
        file.lock().map_err(failed)?;
        let written = file.seek(SeekFrom::End(0)).and_then(|end| {
            file.write_all(&frame(record)).inspect_err(|_| {
                let _ = file.set_len(end);
            })
        });
        let unlocked = file.unlock();
        written.and(unlocked).map_err(failed)
    }
}

/// The records of a file, and how many of its bytes are good.
fn read(bytes: &[u8]) -> (Vec<Record>, usize) {
    if !bytes.starts_with(FIRST_LINE) {
        return (Vec::new(), 0);
    }
    let mut records = Vec::new();
    let mut good = FIRST_LINE.len();
    while let Some((record, length)) = unframe(&bytes[good..]) {
        records.push(record);
        good += length;
    }
    (records, good)
}

fn frame(record: &Record) -> Vec<u8> {
    let mut body = Vec::new();
    let mut put = |field: &[u8]| {
        body.extend((field.len() as u32).to_le_bytes());
        body.extend(field);
    };
    match record {
        Record::Meta { key, value } => [b"M", key.as_bytes(), value.as_bytes()].into_iter().for_each(put),
        Record::Insert { namespace, key, entry } | Record::Replace { namespace, key, entry } => {
            put(if matches!(record, Record::Insert { .. }) { b"I" } else { b"R" });
            [namespace.as_bytes(), key, &entry.value, &entry.origin.to_le_bytes()].into_iter().for_each(put);
        }
        Record::Delete { namespace, key } => [b"D", namespace.as_bytes(), key].into_iter().for_each(put),
        Record::Purge { namespace } => [b"P", namespace.as_bytes()].into_iter().for_each(put),
        Record::Clear => put(b"C"),
    }
    let mut framed = (body.len() as u32).to_le_bytes().to_vec();
    framed.extend(checksum(&body).to_le_bytes());
    framed.extend(body);
    framed
}

fn unframe(bytes: &[u8]) -> Option<(Record, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    if checksum(body) != u64::from_le_bytes(*sum) {
        return None;
    }
    let mut left = body;
    let mut fields = Vec::new();
    while let Some((length, rest)) = left.split_first_chunk::<4>() {
        let (field, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        fields.push(field);
        left = rest;
    }
    let text = |field: &[u8]| String::from_utf8(field.to_vec()).ok();
    let record = match *fields.as_slice() {
        [b"M", key, value] => Record::Meta { key: text(key)?, value: text(value)? },
        [kind @ (b"I" | b"R"), namespace, key, value, origin] => {
            let entry = Entry { value: value.to_vec(), origin: i64::from_le_bytes(origin.try_into().ok()?) };
            let (namespace, key) = (text(namespace)?, key.to_vec());
            if kind == b"I" {
                Record::Insert { namespace, key, entry }
            } else {
                Record::Replace { namespace, key, entry }
            }
        }
        [b"D", namespace, key] => Record::Delete { namespace: text(namespace)?, key: key.to_vec() },
        [b"P", namespace] => Record::Purge { namespace: text(namespace)? },
        [b"C"] => Record::Clear,
        _ => return None,
    };
    Some((record, 4 + 8 + body.len()))
}

/// FNV-1a, 64 bits: enough to tell a torn record.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

//! The records of a delimited text, read once from the first byte to the last: a table of numbers is several times
//! larger as text than in memory.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::super::csv::{decode, guess_separator};
use super::super::{ImportError, Limits, gzip};

/// Bytes by which separator and encoding are told.
const HEAD: u64 = 1 << 16;
/// Longest record, bytes.
const MOST_TEXT: usize = 64 << 20;
/// Most cells of a record.
const MOST_CELLS: usize = 1 << 22;

/// A text while it is read.
pub(in super::super) struct Stream {
    from: Box<dyn BufRead + Send>,
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// What stands between two cells.
    pub separator: u8,
}

/// A row of cells.
pub(in super::super) struct Record<'a> {
    /// Line on which it begins, from 1.
    pub line: u32,
    text: &'a [u8],
    ends: &'a [usize],
}

impl Stream {
    /// Opens a text, unpacked where it is packed; `None` for a file without a byte.
    pub fn open(path: &Path, limits: &Limits) -> Result<Option<Self>, ImportError> {
        let failed = |e: io::Error| gzip::failed(path, &e);
        let mut from = gzip::open(path, limits.bytes)?;
        let mut head = Vec::new();
        from.by_ref().take(HEAD).read_to_end(&mut head).map_err(failed)?;
        if head.is_empty() {
            return Ok(None);
        }
        // UTF-16 is read as a whole; what else has zeros is no text.
        if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || head.contains(&0) {
            let most = Limits::default().bytes as u64;
            from.by_ref().take(most).read_to_end(&mut head).map_err(failed)?;
            head = decode(path, &head)?.0.into_bytes();
        }
        let separator = guess_separator(&String::from_utf8_lossy(&head[..head.len().min(HEAD as usize)]));
        let rest = BufReader::with_capacity(HEAD as usize, from);
        Ok(Some(Self {
            from: Box::new(Cursor::new(head).chain(rest)),
            reader: ReaderBuilder::new().delimiter(separator).build(),
            text: vec![0; 1 << 12],
            ends: vec![0; 1 << 6],
            separator,
        }))
    }

    /// The first record: the names of the columns.
    pub fn header(&mut self, path: &Path) -> Result<Vec<String>, ImportError> {
        while let Some(record) = self.next().map_err(|e| gzip::failed(path, &e))? {
            // Excel writes the separator first, to itself.
            let hint = record.width() <= 2 && record.cell(0).starts_with(b"sep=");
            if !record.is_blank() && !hint {
                return Ok((0..record.width()).map(|column| record.text(column).into_owned()).collect());
            }
        }
        Ok(Vec::new())
    }

    /// The next record.
    pub fn next(&mut self) -> io::Result<Option<Record<'_>>> {
        let (mut filled, mut cells) = (0, 0);
        let mut line = None;
        loop {
            let input = self.from.fill_buf()?;
            if line.is_none() {
                // Empty lines before a record are skipped by the reader.
                let blank = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
                let skipped = blank.filter(|byte| **byte == b'\n').count();
                line = Some(self.reader.line() as usize + skipped);
            }
            let (result, read, written, ended) =
                self.reader.read_record(input, &mut self.text[filled..], &mut self.ends[cells..]);
            self.from.consume(read);
            filled += written;
            cells += ended;
            match result {
                // An empty input tells the reader that the text has ended.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => grow(&mut self.text, MOST_TEXT, "bytes")?,
                ReadRecordResult::OutputEndsFull => grow(&mut self.ends, MOST_CELLS, "cells")?,
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        let line = line.unwrap_or_default() as u32;
        Ok(Some(Record { line, text: &self.text[..filled], ends: &self.ends[..cells] }))
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, most: usize, what: &str) -> io::Result<()> {
    if buffer.len() >= most {
        let text = format!("a row has more than {most} {what}, or a quotation mark is missing");
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    buffer.resize(buffer.len() * 2, T::default());
    Ok(())
}

impl<'a> Record<'a> {
    /// Number of cells.
    pub const fn width(&self) -> usize {
        self.ends.len()
    }

    /// A cell's bytes; empty past the end.
    pub fn cell(&self, column: usize) -> &'a [u8] {
        let Some(&end) = self.ends.get(column) else { return &[] };
        let start = column.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.get(start..end).unwrap_or_default()
    }

    /// A cell's text: UTF-8, and what is none as Excel writes it, windows-1252.
    pub fn text(&self, column: usize) -> Cow<'a, str> {
        let bytes = self.cell(column);
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
        }
    }

    /// True where no cell from this one on holds more than blanks.
    pub fn is_blank_from(&self, column: usize) -> bool {
        (column..self.width()).all(|column| self.cell(column).trim_ascii().is_empty())
    }

    /// True where no cell holds more than blanks.
    pub fn is_blank(&self) -> bool {
        self.is_blank_from(0)
    }
}

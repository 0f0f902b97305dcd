//! The records of delimited text (CSV, TSV): quoting and line ends as RFC 4180 and spreadsheets have them.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The records of a text with the line on which each begins.
///
/// `csv-core` rather than `csv`: the latter switches on a default feature of `serde_core`, and with it a build of
/// everything anew.
pub struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    /// Over UTF-8 text whose cells stand between `separator`s, an ASCII character.
    pub fn new(text: &'a [u8], separator: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(separator).build();
        Self { reader, rest: text, text: vec![0; 1 << 12], ends: vec![0; 64] }
    }

    /// The next record's line and cells. The buffers grow to its size, which the file's size bounds.
    pub fn next(&mut self) -> Option<(u32, Vec<&str>)> {
        let (mut filled, mut cells) = (0, 0);
        // Empty lines before a record are skipped by the reader.
        let blank = self.rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        let line = self.reader.line() as usize + blank.filter(|byte| **byte == b'\n').count();
        loop {
            let (result, read, written, ended) =
                self.reader.read_record(self.rest, &mut self.text[filled..], &mut self.ends[cells..]);
            self.rest = &self.rest[read..];
            filled += written;
            cells += ended;
            match result {
                // An empty rest tells the reader that the text has ended.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return None,
            }
        }
        let starts = std::iter::once(0).chain(self.ends[..cells].iter().copied());
        let record = starts.zip(&self.ends[..cells]);
        // Cells are cut at separators, which are ASCII, so that each is as valid as the whole text.
        let record =
            record.map(|(start, end)| std::str::from_utf8(&self.text[start..*end]).unwrap_or_default());
        Some((line as u32, record.collect()))
    }
}

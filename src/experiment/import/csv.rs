//! CSV and TSV, in the encodings and with the separators that spreadsheets write.

use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::ImportError;
use super::grid::{Grid, Limits};
use super::source::{Format, Raw};

/// Separators that are looked for.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads a table from the bytes of a text file.
pub(super) fn read(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Raw, ImportError> {
    let (text, encoding) = decode(path, bytes)?;
    let separator = guess_separator(&text);
    let mut notes = Vec::new();
    if encoding == "windows-1252" {
        notes.push("The file is not UTF-8; it was read as windows-1252. Check letters such as µ.".to_owned());
    }
    let mut records = Records::new(text.as_bytes(), separator);
    let blank = |record: &[&str]| record.iter().all(|cell| cell.trim().is_empty());
    let header: Vec<String> = loop {
        let Some((_, record)) = records.next() else {
            return Err(ImportError::new(path, "line 1", "the table has no header", HEADER));
        };
        // Excel writes the separator first, to itself.
        let hint = record.len() <= 2 && record.first().is_some_and(|cell| cell.starts_with("sep="));
        if !blank(&record) && !hint {
            break record.into_iter().map(ToOwned::to_owned).collect();
        }
    };
    super::source::check_columns(path, header.len(), limits)?;
    let mut grid = Grid::new(header.len());
    let mut ragged = Vec::new();
    while let Some((place, record)) = records.next() {
        if blank(&record) {
            continue;
        }
        if record.len() != header.len() {
            let swallowed = record.iter().any(|cell| cell.contains('\n'));
            let extra: Vec<&str> =
                record.iter().skip(header.len()).filter(|cell| !cell.trim().is_empty()).copied().collect();
            // Spreadsheets end rows with separators; that loses nothing.
            if record.len() < header.len() || !extra.is_empty() {
                ragged.push((place, record.len(), extra.join(" | "), swallowed));
            }
        }
        grid.push(path, place, record.into_iter(), limits)?;
    }
    for (place, cells, extra, swallowed) in ragged.iter().take(20) {
        notes.push(format!(
            "Line {place} has {cells} cells, the header {}{}{}.",
            header.len(),
            if extra.is_empty() { String::new() } else { format!("; left out: {extra}") },
            if *swallowed { "; is a quotation mark missing?" } else { "" }
        ));
    }
    if ragged.len() > 20 {
        notes.push(format!("{} further lines have another number of cells.", ragged.len() - 20));
    }
    let format = Format::Text { separator: char::from(separator), encoding };
    Ok(Raw { format, header, grid, kinds: Vec::new(), notes })
}

/// The records of a text with the line on which each begins.
///
/// `csv-core` rather than `csv`: the latter switches on a default feature of `serde_core`, and with it a build of
/// everything anew.
struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn new(text: &'a [u8], separator: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(separator).build();
        Self { reader, rest: text, text: vec![0; 1 << 12], ends: vec![0; 64] }
    }

    /// The next record's line and cells. The buffers grow to its size, which the file's size bounds.
    fn next(&mut self) -> Option<(u32, Vec<&str>)> {
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

/// What to do about a missing header.
pub(super) const HEADER: &str = "Give the first row the columns' names, e.g. path, well, compound.";

/// Text of a file: UTF-8 or UTF-16 with or without a byte-order mark, else windows-1252, as Excel writes it.
fn decode(path: &Path, bytes: &[u8]) -> Result<(String, &'static str), ImportError> {
    let binary = || {
        ImportError::new(
            path,
            "start of the file",
            "this is no table: it holds bytes that no text has",
            "Choose a CSV, TSV, Parquet or XLSX file.",
        )
    };
    let encoding = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None => utf16_without_mark(bytes).unwrap_or(encoding_rs::UTF_8),
    };
    let (text, used, damaged) = encoding.decode(bytes);
    if !damaged {
        return if text.contains('\0') { Err(binary()) } else { Ok((text.into_owned(), used.name())) };
    }
    if used != encoding_rs::UTF_8 || bytes.contains(&0) {
        return Err(binary());
    }
    let (text, _, _) = encoding_rs::WINDOWS_1252.decode(bytes);
    // Text has hardly any control characters but line ends and tabs.
    let controls = text.chars().take(4096).filter(|c| c.is_control() && !"\r\n\t".contains(*c)).count();
    if controls > 4 { Err(binary()) } else { Ok((text.into_owned(), "windows-1252")) }
}

/// Every other byte of Western text in UTF-16 is zero.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = &bytes[..bytes.len().min(512) & !1];
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let half = head.len() / 2;
    match (zeros(0), zeros(1)) {
        (0, odd) if half > 0 && odd * 10 >= half * 9 => Some(encoding_rs::UTF_16LE),
        (even, 0) if half > 0 && even * 10 >= half * 9 => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

/// The separator that gives most columns, the same number in each of the first lines, outside of quotes.
fn guess_separator(text: &str) -> u8 {
    if let Some(hint) = text.strip_prefix("sep=").and_then(|rest| rest.bytes().next())
        && SEPARATORS.contains(&hint)
    {
        return hint;
    }
    let score = |separator: u8| {
        // Cut at a character: half of one is no text.
        let end = text.floor_char_boundary(1 << 16);
        let mut records = Records::new(&text.as_bytes()[..end], separator);
        let (mut first, mut same, mut all, mut torn) = (0, 0, 0, 0);
        for _ in 0..20 {
            let Some((_, record)) = records.next() else { break };
            first = if all == 0 { record.len() } else { first };
            all += 1;
            same += usize::from(record.len() == first);
            // Half a pair of quotes: this is no separator, it stands inside of them.
            torn += usize::from(record.iter().any(|cell| cell.matches('"').count() % 2 == 1));
        }
        // A stray comma in a header must not win over the same split in every line.
        (first > 1, std::cmp::Reverse(torn), same * 100 / all.max(1), first)
    };
    SEPARATORS.into_iter().rev().max_by_key(|separator| score(*separator)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bytes: &[u8]) -> Raw {
        read(Path::new("t.csv"), bytes, &Limits::default()).unwrap()
    }

    fn cells(raw: &Raw) -> Vec<Vec<&str>> {
        let row = |row| (0..raw.grid.width()).map(|column| raw.grid.cell(row, column)).collect();
        (0..raw.grid.len()).map(row).collect()
    }

    #[test]
    fn encodings_are_told_by_their_bytes() {
        let text = "well,dose µM\nA1,5\n";
        let utf16 = |swap: bool, mark: bool| -> Vec<u8> {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let files = [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            utf16(false, true),
            utf16(true, true),
            utf16(false, false),
            utf16(true, false),
            b"well,dose \xb5M\nA1,5\n".to_vec(),
        ];
        for file in &files {
            let raw = table(file);
            assert_eq!(raw.header, ["well", "dose µM"]);
            assert_eq!(cells(&raw), [["A1", "5"]]);
        }
        assert!(table(&files[6]).notes[0].contains("windows-1252"));
        assert!(table(&files[1]).notes.is_empty());
    }

    #[test]
    fn the_separator_is_the_one_that_splits_every_line_alike() {
        assert_eq!(table(b"a;b\n1,5;2\n2,5;3\n").header, ["a", "b"]);
        assert_eq!(table(b"a\tb\n1,5\t2\n").header, ["a", "b"]);
        assert_eq!(table(b"name,\"x;y;z\"\n1,\"2;3;4\"\n").header, ["name", "x;y;z"]);
        assert_eq!(table(b"sep=;\na;b\n1;2\n").header, ["a", "b"]);
        assert_eq!(table(b"path\na.tif\nb.tif\n").header, ["path"]);
    }

    #[test]
    fn quotes_blank_lines_and_uneven_rows() {
        let raw = table(b"\n\na,b\r\n\"x\n\"\"y\"\"\",2\r\n\r\n3\r\n4,5,6\r\n7,8,\r\n");
        assert_eq!(cells(&raw), [["x\n\"y\"", "2"], ["3", ""], ["4", "5"], ["7", "8"]]);
        assert_eq!([raw.grid.place(0), raw.grid.place(1), raw.grid.place(2)], [4, 7, 8]);
        assert_eq!(
            raw.notes,
            ["Line 7 has 1 cells, the header 2.", "Line 8 has 3 cells, the header 2; left out: 6."]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_is_pointed_out() {
        let raw = table(b"a,b\n1,2\n\"3,4\n5,6\n");
        assert!(raw.notes[0].starts_with("Line 3 has 1 cells"), "{:?}", raw.notes);
        assert!(raw.notes[0].contains("quotation mark"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let random: Vec<u8> = (0..255).cycle().take(5000).filter(|b| *b != 0).collect();
        for bytes in [&png[..], &random] {
            let error = read(Path::new("t.csv"), bytes, &Limits::default()).unwrap_err().to_string();
            assert!(error.contains("no table") && error.contains("Choose a CSV"), "{error}");
        }
    }
}

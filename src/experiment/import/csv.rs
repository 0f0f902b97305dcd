//! CSV and TSV, in the encodings and with the separators that spreadsheets write.

use std::path::Path;

use super::super::formula;
use super::super::records::Records;
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
    if let Some(Stray { line, why }) = stray_quote(text.as_bytes(), separator, header.len()) {
        return Err(missing_quote(path, line, &why));
    }
    let mut grid = Grid::new(header.len());
    let mut ragged = Vec::new();
    while let Some((place, record)) = records.next() {
        if blank(&record) {
            continue;
        }
        if record.len() != header.len() {
            let extra: Vec<&str> =
                record.iter().skip(header.len()).filter(|cell| !cell.trim().is_empty()).copied().collect();
            // Spreadsheets end rows with separators; that loses nothing.
            if record.len() < header.len() || !extra.is_empty() {
                // A row of another length that holds line ends has taken in the next one.
                if let Some(cell) = record.iter().rposition(|cell| cell.contains('\n')) {
                    let before: usize = record[..cell].iter().map(|cell| cell.matches('\n').count()).sum();
                    let why = format!(
                        "the row that ends lines later has {} cells, the header {}",
                        record.len(),
                        header.len()
                    );
                    return Err(missing_quote(path, place as usize + before, &why));
                }
                let extra: String = extra.join(" | ").chars().take(200).collect();
                ragged.push((place, record.len(), extra));
            }
        }
        // What a spreadsheet would run has an apostrophe before it in tables of ours.
        grid.push(path, place, record.into_iter().map(formula::restore), limits)?;
    }
    for (place, cells, extra) in ragged.iter().take(20) {
        notes.push(format!(
            "Line {place} has {cells} cells, the header {}{}.",
            header.len(),
            if extra.is_empty() { String::new() } else { format!("; left out: {extra}") },
        ));
    }
    if ragged.len() > 20 {
        notes.push(format!("{} further lines have another number of cells.", ragged.len() - 20));
    }
    let format = Format::Text { separator: char::from(separator), encoding };
    Ok(Raw { format, header, grid, kinds: Vec::new(), notes })
}

fn missing_quote(path: &Path, line: usize, why: &str) -> ImportError {
    ImportError::new(
        path,
        format!("line {line}"),
        format!("a quotation mark opens a cell there, and {why}"),
        "Add the quotation mark that is missing, or remove this one.",
    )
}

/// Most lines of a cell in a table of one column: further ones are rows whose quotation mark is missing.
const CELL_LINES: usize = 8;

/// A quotation mark that takes in what follows it.
#[derive(Debug, PartialEq, Eq)]
struct Stray {
    /// Line on which it stands, from 1.
    line: usize,
    /// How it is told, a clause.
    why: String,
}

/// Finds a quotation mark that is not closed, or closed by one that was meant to open the next cell. Cells of several
/// lines are common (notes, addresses); rows that were taken in are told by their length, or by holding rows.
fn stray_quote(text: &[u8], separator: u8, columns: usize) -> Option<Stray> {
    let (mut line, mut at, mut is_start) = (1, 0, true);
    while at < text.len() {
        if text[at] != b'"' || !is_start {
            is_start = matches!(text[at], b'\n' | b'\r') || text[at] == separator;
            line += usize::from(text[at] == b'\n');
            at += 1;
            continue;
        }
        let open = at;
        let inside = quoted(&text[at + 1..]);
        let lines = count(inside, b'\n');
        let stray = |why: String| Some(Stray { line, why });
        at += 1 + inside.len();
        if at == text.len() {
            return stray("nothing closes it".to_owned());
        }
        at += 1;
        if lines > 0 {
            let next = text.get(at).copied().unwrap_or(b'\n');
            if next != separator && !matches!(next, b'\n' | b'\r') {
                return stray(format!("the next one is on line {}, before further text", line + lines));
            }
            if lines >= CELL_LINES && columns == 1 {
                return stray(format!("the cell has {} lines", lines + 1));
            }
            // The first and the last line are those of this row and of the one that closes it.
            let whole = inside.split(|byte| *byte == b'\n').skip(1).take(lines - 1);
            let is_row = |line: &[u8]| count(line, separator) + 1 == columns;
            // A single comma in a line is no row of two cells yet.
            let rows = whole.filter(|line| is_row(line)).count();
            let enough = columns > 1 && rows * 2 >= lines && rows >= if columns == 2 { 2 } else { 1 };
            // Where the quotation mark is a slip, the line on which it stands is a row, too.
            let own = text[..open].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if enough && text[own..].split(|byte| *byte == b'\n').next().is_some_and(is_row) {
                return stray(format!("the cell holds {rows} whole rows"));
            }
        }
        line += lines;
        is_start = false;
    }
    None
}

fn count(text: &[u8], byte: u8) -> usize {
    text.split(|other| *other == byte).skip(1).count()
}

/// What stands between a quotation mark and the one that closes it: two of them are one of the text.
fn quoted(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => break,
            _ => at += 1,
        }
    }
    &text[..at]
}

/// What to do about a missing header.
pub(super) const HEADER: &str = "Give the first row the columns' names, e.g. path, well, compound.";

/// Text of a file: UTF-8 or UTF-16 with or without a byte-order mark, else windows-1252, as Excel writes it.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<(String, &'static str), ImportError> {
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
pub(super) fn guess_separator(text: &str) -> u8 {
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
    fn a_quote_that_takes_in_rows_is_an_error_that_names_its_line() {
        let rows = |count: usize| (0..count).map(|i| format!("{i},x{i},y\n")).collect::<Vec<_>>().concat();
        for (text, line, why) in [
            ("a,b\n1,2\n\"3,4\n5,6\n".to_owned(), 3, "nothing closes it"),
            ("a,b\n1,\"2".to_owned(), 2, "nothing closes it"),
            ("a,\"b\n1,2\n".to_owned(), 1, "nothing closes it"),
            (format!("a,b,c\n1,\"x,y\n{}40,\"z\",w\n", rows(31)), 2, "the next one is on line 34"),
            (format!("a,b,c\n\n1,\"x,y\n{}40,z\",w\n", rows(31)), 3, "31 whole rows"),
            (format!("a,b,c\n1,\"x,y\n{}40,z\",w\n", rows(2)), 2, "2 whole rows"),
            (format!("a\n\"x\n{}x\"\n", "v.tif\n".repeat(31)), 2, "33 lines"),
            // The mark that closes it makes the row too short.
            ("a,b,c\n1,\"x,y\n2,z,w\"\n".to_owned(), 2, "has 2 cells, the header 3"),
            ("a,b,c\n\"n\nm\",\"x,y\n2,z,w\"\n".to_owned(), 3, "has 2 cells, the header 3"),
        ] {
            let error =
                read(Path::new("t.csv"), text.as_bytes(), &Limits::default()).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("t.csv: line {line}: ")) && error.contains(why),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn cells_of_several_lines_are_read() {
        let notes = "id,note,n\n1,\"first, or so\nsecond: \"\"x\"\"\n\nfourth\",2\n3,\"Street 1, Town, Land\nphone\",4\n";
        let raw = table(notes.as_bytes());
        assert_eq!(
            cells(&raw),
            [["1", "first, or so\nsecond: \"x\"\n\nfourth", "2"], ["3", "Street 1, Town, Land\nphone", "4"]]
        );
        assert!(raw.notes.is_empty());
        let raw = table(b"id,note\r\n1,\"one, two\r\nthree, four\r\nfive\"\r\n2,5\" disk\r\n");
        assert_eq!(cells(&raw), [["1", "one, two\r\nthree, four\r\nfive"], ["2", "5\" disk"]]);
        // Lines that look like rows, where the line of the quotation mark does not; long texts; JSON.
        let raw = table(b"id,note,n\n1,\"Lab 3\nBasel, CH, 4056\nroom 2\",2\n");
        assert_eq!(cells(&raw), [["1", "Lab 3\nBasel, CH, 4056\nroom 2", "2"]]);
        let molecule = "name\n  program\n\n  1  0\n    0.0000    0.0000\nM  END\n".repeat(3);
        let raw = table(format!("id,molfile\n1,\"{molecule}\"\n").as_bytes());
        assert_eq!(cells(&raw), [["1", molecule.as_str()]]);
        let json = "{\"\"a\"\": 1,\n\"\"b\"\": 2,\n\"\"c\"\": 3,\n\"\"d\"\": 4}";
        let raw = table(format!("id,settings\n1,\"{json}\"\n").as_bytes());
        assert_eq!(cells(&raw), [["1", json.replace("\"\"", "\"").as_str()]]);
    }

    #[test]
    fn an_apostrophe_before_a_formula_is_ours() {
        let raw = table(b"id,compound\n'=1,'-cain\n'a,''+x\n");
        assert_eq!(cells(&raw), [["=1", "-cain"], ["'a", "'+x"]]);
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

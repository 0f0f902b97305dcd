//! Files made byte by byte, each with one thing wrong.

use super::{Bounds, ParquetError, Table, read};
use crate::experiment::Table as Manifest;
use crate::experiment::cells::Values;

const BOUNDS: Bounds = Bounds { bytes: 1 << 24, rows: 1000, columns: 20, cells: 1500 };

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn zigzag(value: i64) -> Vec<u8> {
    varint(((value << 1) ^ (value >> 63)) as u64)
}

/// A structure in Thrift's compact protocol, field by field.
#[derive(Default)]
struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn field(mut self, number: u8, kind: u8, value: &[u8]) -> Self {
        self.bytes.push((number - self.last) << 4 | kind);
        self.last = number;
        self.bytes.extend(value);
        self
    }

    fn int(self, number: u8, value: i64) -> Self {
        self.field(number, 5, &zigzag(value))
    }

    fn long(self, number: u8, value: i64) -> Self {
        self.field(number, 6, &zigzag(value))
    }

    fn text(self, number: u8, value: &str) -> Self {
        self.field(number, 8, &[varint(value.len() as u64), value.as_bytes().to_vec()].concat())
    }

    /// At most 14 structures.
    fn list(self, number: u8, values: &[Vec<u8>]) -> Self {
        self.field(number, 9, &[vec![(values.len() as u8) * 16 + 12], values.concat()].concat())
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A file with one column `n`: as it stands here, of two numbers of 32 bits.
#[derive(Clone)]
struct Made {
    physical: i64,
    column_physical: i64,
    repetition: i64,
    length: Option<i64>,
    columns: i64,
    rows: i64,
    group_rows: i64,
    values: i64,
    codec: i64,
    offset: i64,
    /// Bytes of the column, where they are not those of its page.
    chunk: Option<i64>,
    unpacked: i64,
    page_kind: i64,
    page_unpacked: i64,
    page_packed: i64,
    page_values: i64,
    encoding: i64,
    levels: i64,
    body: Vec<u8>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            physical: 1,
            column_physical: 1,
            repetition: 0,
            length: None,
            columns: 1,
            rows: 2,
            group_rows: 2,
            values: 2,
            codec: 0,
            offset: 4,
            chunk: None,
            unpacked: 100,
            page_kind: 0,
            page_unpacked: 8,
            page_packed: 8,
            page_values: 2,
            encoding: 0,
            levels: 3,
            body: vec![7, 0, 0, 0, 8, 0, 0, 0],
        }
    }
}

impl Made {
    fn file(&self) -> Vec<u8> {
        let data = Struct::default()
            .int(1, self.page_values)
            .int(2, self.encoding)
            .int(3, self.levels)
            .int(4, self.levels);
        let head = Struct::default()
            .int(1, self.page_kind)
            .int(2, self.page_unpacked)
            .int(3, self.page_packed)
            .field(5, 12, &data.end());
        let page = [head.end(), self.body.clone()].concat();
        let root = Struct::default().text(4, "schema").int(5, self.columns);
        let mut column = Struct::default().int(1, self.physical);
        if let Some(length) = self.length {
            column = column.int(2, length);
        }
        let column = column.int(3, self.repetition).text(4, "n");
        let chunk = Struct::default()
            .int(1, self.column_physical)
            .int(4, self.codec)
            .long(5, self.values)
            .long(6, self.unpacked)
            .long(7, self.chunk.unwrap_or(page.len() as i64))
            .long(9, self.offset);
        let chunk = Struct::default().long(2, 0).field(3, 12, &chunk.end());
        let group = Struct::default().list(1, &[chunk.end()]).long(2, self.unpacked).long(3, self.group_rows);
        let note = Struct::default().text(1, "ARROW:schema").text(2, "no schema");
        let footer = Struct::default()
            .int(1, 1)
            .list(2, &[root.end(), column.end()])
            .long(3, self.rows)
            .list(4, &[group.end()])
            .list(5, &[note.end()]);
        finished(&page, &footer.end())
    }
}

fn finished(data: &[u8], footer: &[u8]) -> Vec<u8> {
    [b"PAR1", data, footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
}

fn error(made: &Made) -> String {
    read(made.file(), &BOUNDS).unwrap_err().to_string()
}

fn texts(table: &Table, column: &str) -> Vec<String> {
    let column = table.columns.iter().find(|found| found.name().as_str() == column).unwrap();
    let column = crate::experiment::checks::plain(column).unwrap();
    let values = Values::of(&column).unwrap();
    (0..column.len()).map(|row| values.text(row)).collect()
}

#[test]
fn a_sound_file_is_read_though_arrows_schema_beside_it_is_none() {
    let table = read(Made::default().file(), &BOUNDS).unwrap();
    assert_eq!((table.rows, table.left_out.len()), (2, 0));
    assert_eq!(texts(&table, "n"), ["7", "8"]);
    let optional =
        Made { repetition: 1, body: vec![2, 0, 0, 0, 4, 1, 7, 0, 0, 0, 8, 0, 0, 0], ..Made::default() };
    let optional = Made { page_unpacked: 14, page_packed: 14, ..optional };
    assert_eq!(texts(&read(optional.file(), &BOUNDS).unwrap(), "n"), ["7", "8"]);
}

#[test]
fn what_we_write_passes() {
    let frame = polars::prelude::df!(
        "row_id" => (0..300).map(|i| format!("row {i}")).collect::<Vec<_>>(),
        "note" => (0..300).map(|i| (i % 3 > 0).then_some("µ")).collect::<Vec<_>>(),
        "replicate" => (0..300).collect::<Vec<i64>>(),
    )
    .unwrap();
    let written = Manifest::from_frame(frame).unwrap();
    let mut file = Vec::new();
    written.write_parquet(&mut file).unwrap();
    let bounds = Bounds { columns: 100, cells: 1 << 20, ..BOUNDS };
    let table = read(file, &bounds).unwrap();
    assert_eq!((table.rows, table.columns.len()), (300, written.columns().len()));
    assert_eq!(texts(&table, "row_id")[299], "row 299");
    assert_eq!(texts(&table, "note")[..3], ["", "µ", "µ"]);
    assert_eq!(texts(&table, "replicate")[7], "7");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let sound = Made::default;
    for (made, place, problem) in [
        (
            Made { physical: 9, ..sound() },
            "the Parquet schema",
            "column n: its values have the unknown type 9",
        ),
        (Made { physical: 7, length: Some(-1), ..sound() }, "the Parquet schema", "the length -1"),
        (Made { columns: 2, ..sound() }, "the Parquet schema", "1 more columns"),
        (Made { rows: 3, ..sound() }, "the Parquet footer", "3 rows, its row groups have 2"),
        (Made { group_rows: -1, ..sound() }, "row group 1", "-1 rows"),
        (Made { unpacked: -1, ..sound() }, "row group 1", "in -1 bytes"),
        (Made { column_physical: 2, ..sound() }, "row group 1, column n", "have type 2, by the schema 1"),
        (Made { codec: 8, ..sound() }, "row group 1, column n", "the unknown way 8"),
        (Made { values: 3, ..sound() }, "row group 1, column n", "3 values for 2 rows"),
        (Made { chunk: Some(-5), ..sound() }, "row group 1, column n", "-5 bytes from byte 4"),
        (Made { chunk: Some(1 << 40), ..sound() }, "row group 1, column n", "the data end at byte"),
        (Made { offset: 0, ..sound() }, "row group 1, column n", "from byte 0 on"),
        (Made { offset: 1 << 20, ..sound() }, "row group 1, column n", "from byte 1048576 on"),
        (Made { chunk: Some(0), ..sound() }, "row group 1, column n", "2 values, its pages have 0"),
        (Made { page_values: 1, ..sound() }, "row group 1, column n", "2 values, its pages have 1"),
        (Made { page_values: 3, ..sound() }, "column n, page 1", "3 values in 8 bytes"),
        (Made { page_values: -2, ..sound() }, "column n, page 1", "-2 values"),
        (Made { page_kind: 2, ..sound() }, "column n, page 1", "of kind 2"),
        (Made { page_packed: -8, ..sound() }, "column n, page 1", "gives no size"),
        (Made { page_packed: 9, ..sound() }, "column n, page 1", "9 bytes and 8 follow"),
        (Made { page_unpacked: 9, ..sound() }, "column n, page 1", "8 bytes that unpack to 9"),
        (
            Made { codec: 1, page_unpacked: 1 << 20, ..sound() },
            "column n, page 1",
            "cannot unpack to 1048576",
        ),
        (Made { codec: 4, page_unpacked: 1 << 25, ..sound() }, "column n, page 1", "more than is read"),
        (Made { encoding: 11, ..sound() }, "column n, page 1", "unknown encoding 11"),
        (Made { encoding: 8, ..sound() }, "column n, page 1", "which the column lacks"),
        (Made { encoding: 5, ..sound() }, "column n, page 1", "blocks of 7"),
        (Made { repetition: 1, levels: 4, ..sound() }, "column n, page 1", "its levels are in an encoding"),
    ] {
        let error = error(&made);
        assert!(error.contains(place) && error.contains(problem), "{place}, {problem}: {error}");
    }
}

#[test]
fn more_than_the_bounds_is_refused_before_it_is_unpacked() {
    let rows = |rows| Made { rows, group_rows: rows, values: rows, ..Made::default() };
    let wide = Made { physical: 7, column_physical: 7, length: Some(1 << 20), ..rows(900) };
    let unpacked = Made { unpacked: 1 << 30, ..Made::default() };
    for made in [rows(1001), rows(i64::MAX), wide, unpacked] {
        let refused = read(made.file(), &BOUNDS).unwrap_err();
        assert!(matches!(refused, ParquetError::TooLarge(_)), "{refused}");
    }
    // Within wide bounds, a file of a few bytes still cannot stand for so much.
    let wide = Bounds { bytes: 1 << 40, rows: 1 << 40, columns: 20, cells: 1 << 40 };
    for made in [rows((1 << 24) + 1), Made { unpacked: (256 << 20) + 1, ..Made::default() }] {
        let refused = read(made.file(), &wide).unwrap_err();
        assert!(matches!(refused, ParquetError::TooLarge(_)), "{refused}");
    }
    let allowed = Made { unpacked: 256 << 20, ..Made::default() };
    assert_eq!(read(allowed.file(), &wide).unwrap().rows, 2);
}

#[test]
fn counts_in_the_footer_are_held_to_its_bytes() {
    let list = |head: &[u8]| {
        let mut footer = Struct::default().int(1, 1).field(2, 9, head);
        footer.bytes.extend([0; 8]);
        read(finished(&[], &footer.bytes), &BOUNDS).unwrap_err().to_string()
    };
    assert!(list(&[0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]).contains("a list announces 2147483647 entries"));
    assert!(list(&[0x95]).contains("a list announces 9 entries"), "more than bytes follow");
    assert!(list(&[0x25, 2, 2]).contains("should be Struct"), "numbers in place of nodes");
    for (file, problem) in [
        (b"PAR1".to_vec(), "less than 12 bytes"),
        (b"PAR1PAR1".to_vec(), "less than 12 bytes"),
        (b"PAR1\x15\x04 is cut here".to_vec(), "does not begin and end"),
        (b"PAR1\xff\xff\xff\xffPAR1".to_vec(), "declares 4294967295 bytes"),
        (finished(&[], &[0]), "field 1 is missing"),
        (finished(&[], &[]), "1 bytes are announced and 0 follow"),
    ] {
        let error = read(file, &BOUNDS).unwrap_err().to_string();
        assert!(error.starts_with("the Parquet footer: ") && error.contains(problem), "{error}");
    }
}

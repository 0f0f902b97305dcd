//! The footer of a Parquet file: what it holds, and where.
//!
//! Every field that polars reads is read here in its own type, also those that nothing looks at: see [`super::thrift`].

use std::ops::Range;

use super::thrift::{Kind, Reader};

/// First and last bytes of a file.
const MAGIC: &[u8; 4] = b"PAR1";
/// Under this name Arrow keeps a second description of the columns.
pub const ARROW_SCHEMA: &str = "ARROW:schema";
/// Most row groups: each has at least a row, and writers put thousands into one.
const GROUPS: usize = 1 << 20;
/// Most column chunks, all row groups together.
const CHUNKS: usize = 1 << 22;
/// Most entries of a list beside columns and row groups.
const ENTRIES: usize = 1 << 16;

/// A node of the schema, in the order of a walk through the tree.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    pub physical: Option<i32>,
    /// Bytes of a value of fixed length.
    pub length: Option<i32>,
    /// 0 required, 1 optional, 2 repeated.
    pub repetition: Option<i32>,
    pub children: Option<i32>,
}

/// A column's part of a row group.
#[derive(Debug, Default)]
pub struct Chunk {
    pub physical: i32,
    pub codec: i32,
    pub values: i64,
    /// Bytes in the file, headers too.
    pub packed: i64,
    pub unpacked: i64,
    /// Where the first data page begins.
    pub data: i64,
    /// Where the dictionary begins; pages are read from there.
    pub dictionary: Option<i64>,
}

#[derive(Debug, Default)]
pub struct RowGroup {
    pub chunks: Vec<Chunk>,
    pub unpacked: i64,
    pub rows: i64,
}

#[derive(Debug, Default)]
pub struct Footer {
    pub schema: Vec<Element>,
    pub rows: i64,
    pub groups: Vec<RowGroup>,
    /// Where in the file the name [`ARROW_SCHEMA`] stands.
    pub arrow_schema: Vec<Range<usize>>,
    /// Where in the file the footer begins: data end before it.
    pub start: usize,
}

/// Finds and reads the footer. `columns` is the largest number of columns. The error is a clause.
pub fn read(file: &[u8], columns: usize) -> Result<Footer, String> {
    let (Some(head), Some((rest, tail))) = (file.first_chunk::<4>(), file.split_last_chunk::<4>()) else {
        return Err("it is no Parquet file: it has less than 12 bytes".to_owned());
    };
    if head != MAGIC || tail != MAGIC {
        return Err(
            "the file does not begin and end as a Parquet file does: it is cut or another one".to_owned()
        );
    }
    let Some((rest, length)) = rest.split_last_chunk::<4>().filter(|(rest, _)| rest.len() >= MAGIC.len())
    else {
        return Err("it is no Parquet file: it has less than 12 bytes".to_owned());
    };
    let length = u32::from_le_bytes(*length) as usize;
    let Some(start) = rest.len().checked_sub(length).filter(|start| *start >= MAGIC.len()) else {
        return Err(format!("it declares {length} bytes, more than the file has"));
    };
    let mut footer = Footer { start, ..Footer::default() };
    let mut most = Most { elements: columns.saturating_mul(8).saturating_add(64), columns, chunks: CHUNKS };
    let mut seen = Seen::default();
    Reader::new(&rest[start..]).fields(Kind::Struct, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => reader.skip_as(kind, Kind::Int),
            2 => each(reader, kind, most.elements, "nodes of the schema", |reader| {
                footer.schema.push(element(reader)?);
                Ok(())
            }),
            3 => reader.long(kind).map(|rows| footer.rows = rows),
            4 => each(reader, kind, GROUPS, "row groups", |reader| {
                footer.groups.push(row_group(reader, &mut most)?);
                Ok(())
            }),
            5 => each(reader, kind, ENTRIES, "notes", |reader| {
                footer.arrow_schema.extend(key_value(reader, start)?);
                Ok(())
            }),
            6 => reader.text(kind).map(|_| ()),
            7 => each(reader, kind, columns, "orders of columns", |reader| {
                reader.fields(Kind::Struct, |reader, number, kind| match number {
                    1 | 2 => reader.skip_as(kind, Kind::Struct),
                    _ => reader.skip(kind),
                })
            }),
            _ => reader.skip(kind),
        }
    })?;
    seen.need(&[1, 2, 3, 4])?;
    Ok(footer)
}

/// What may still come.
struct Most {
    elements: usize,
    columns: usize,
    chunks: usize,
}

/// Numbers of the fields that a structure has.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn note(&mut self, number: i16) {
        if let 0..64 = number {
            self.0 |= 1 << number;
        }
    }

    fn need(&self, numbers: &[i16]) -> Result<(), String> {
        match numbers.iter().find(|number| self.0 & (1 << **number) == 0) {
            Some(number) => Err(format!("field {number} is missing")),
            None => Ok(()),
        }
    }
}

/// Reads a list of structures.
fn each<'a>(
    reader: &mut Reader<'a>,
    kind: Kind,
    most: usize,
    what: &str,
    mut one: impl FnMut(&mut Reader<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let length = reader.list(kind, Kind::Struct)?;
    if length > most {
        return Err(format!("{length} {what}; at most {most} are read"));
    }
    (0..length).try_for_each(|_| one(reader))
}

fn element(reader: &mut Reader<'_>) -> Result<Element, String> {
    let mut element =
        Element { name: String::new(), physical: None, length: None, repetition: None, children: None };
    let mut seen = Seen::default();
    reader.fields(Kind::Struct, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => element.physical = Some(reader.int(kind)?),
            2 => element.length = Some(reader.int(kind)?),
            3 => element.repetition = Some(reader.int(kind)?),
            4 => reader.text(kind)?.clone_into(&mut element.name),
            5 => element.children = Some(reader.int(kind)?),
            6..=9 => reader.skip_as(kind, Kind::Int)?,
            10 => reader.fields(kind, logical_type)?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    seen.need(&[4])?;
    Ok(element)
}

/// A field of the union of logical types: each is a structure, and some have fields of their own.
fn logical_type(reader: &mut Reader<'_>, number: i16, kind: Kind) -> Result<(), String> {
    let flag = Kind::Flag(true);
    match number {
        1..=4 | 6 | 11..=15 => reader.skip_as(kind, Kind::Struct),
        // Decimal: scale, precision.
        5 => reader.fields(kind, |reader, number, kind| match number {
            1 | 2 => reader.skip_as(kind, Kind::Int),
            _ => reader.skip(kind),
        }),
        // Time, timestamp: whether in UTC, unit.
        7 | 8 => reader.fields(kind, |reader, number, kind| match number {
            1 => reader.skip_as(kind, flag),
            2 => reader.fields(kind, |reader, number, kind| match number {
                1..=3 => reader.skip_as(kind, Kind::Struct),
                _ => reader.skip(kind),
            }),
            _ => reader.skip(kind),
        }),
        // Integer: bits, whether signed.
        10 => reader.fields(kind, |reader, number, kind| match number {
            1 => reader.skip_as(kind, Kind::Byte),
            2 => reader.skip_as(kind, flag),
            _ => reader.skip(kind),
        }),
        _ => reader.skip(kind),
    }
}

fn row_group(reader: &mut Reader<'_>, most: &mut Most) -> Result<RowGroup, String> {
    let mut group = RowGroup::default();
    let mut seen = Seen::default();
    reader.fields(Kind::Struct, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => {
                each(reader, kind, most.chunks.min(most.columns), "columns of a row group", |reader| {
                    group.chunks.push(chunk(reader)?);
                    Ok(())
                })?;
                most.chunks -= group.chunks.len();
            }
            2 => group.unpacked = reader.long(kind)?,
            3 => group.rows = reader.long(kind)?,
            4 => each(reader, kind, most.columns, "sorted columns", |reader| {
                reader.fields(Kind::Struct, |reader, number, kind| match number {
                    1 => reader.skip_as(kind, Kind::Int),
                    2 | 3 => reader.skip_as(kind, Kind::Flag(true)),
                    _ => reader.skip(kind),
                })
            })?,
            5 | 6 => reader.skip_as(kind, Kind::Long)?,
            7 => reader.skip_as(kind, Kind::Short)?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    seen.need(&[1, 2, 3])?;
    Ok(group)
}

fn chunk(reader: &mut Reader<'_>) -> Result<Chunk, String> {
    let mut chunk = Chunk::default();
    let mut seen = Seen::default();
    reader.fields(Kind::Struct, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => match reader.text(kind)? {
                "" => Ok(()),
                _ => Err("a column is kept in another file".to_owned()),
            },
            2 | 4 | 6 => reader.skip_as(kind, Kind::Long),
            3 => column(reader, kind, &mut chunk),
            5 | 7 => reader.skip_as(kind, Kind::Int),
            8 | 9 => Err("a column is encrypted".to_owned()),
            _ => reader.skip(kind),
        }
    })?;
    seen.need(&[3])?;
    Ok(chunk)
}

fn column(reader: &mut Reader<'_>, kind: Kind, chunk: &mut Chunk) -> Result<(), String> {
    let mut seen = Seen::default();
    reader.fields(kind, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => chunk.physical = reader.int(kind)?,
            2 => {
                for _ in 0..reader.list(kind, Kind::Int)? {
                    reader.int(Kind::Int)?;
                }
            }
            3 => {
                for _ in 0..reader.list(kind, Kind::Binary)? {
                    reader.binary(Kind::Binary)?;
                }
            }
            4 => chunk.codec = reader.int(kind)?,
            5 => chunk.values = reader.long(kind)?,
            6 => chunk.unpacked = reader.long(kind)?,
            7 => chunk.packed = reader.long(kind)?,
            9 => chunk.data = reader.long(kind)?,
            11 => chunk.dictionary = Some(reader.long(kind)?),
            10 | 14 => reader.skip_as(kind, Kind::Long)?,
            12 => statistics(reader, kind)?,
            15 => reader.skip_as(kind, Kind::Int)?,
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    seen.need(&[1, 4, 5, 6, 7, 9])
}

/// Smallest and largest value, in footer and page headers.
pub fn statistics(reader: &mut Reader<'_>, kind: Kind) -> Result<(), String> {
    reader.fields(kind, |reader, number, kind| match number {
        1 | 2 | 5 | 6 => reader.skip_as(kind, Kind::Binary),
        3 | 4 => reader.skip_as(kind, Kind::Long),
        7 | 8 => reader.skip_as(kind, Kind::Flag(true)),
        _ => reader.skip(kind),
    })
}

/// Where in the file the note's name stands, if it is [`ARROW_SCHEMA`].
fn key_value(reader: &mut Reader<'_>, start: usize) -> Result<Option<Range<usize>>, String> {
    let mut found = None;
    let mut seen = Seen::default();
    reader.fields(Kind::Struct, |reader, number, kind| {
        seen.note(number);
        match number {
            1 => {
                let is_schema = reader.text(kind)? == ARROW_SCHEMA;
                let end = start + reader.at();
                found = is_schema.then(|| end - ARROW_SCHEMA.len()..end);
                Ok(())
            }
            2 => reader.text(kind).map(|_| ()),
            _ => reader.skip(kind),
        }
    })?;
    seen.need(&[1])?;
    Ok(found)
}

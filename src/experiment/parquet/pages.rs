//! The heads of a column's pages.

use super::check::Left;
use super::delta::{self, Delta};
use super::footer::{Chunk, statistics};
use super::schema::{Leaf, Physical};
use super::thrift::{Kind, Reader};
use super::unpack::{self, Codec};

/// Encodings by their numbers.
mod encoding {
    pub const PLAIN: i32 = 0;
    pub const PLAIN_DICTIONARY: i32 = 2;
    pub const RLE: i32 = 3;
    pub const DELTA_BINARY_PACKED: i32 = 5;
    pub const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
    pub const DELTA_BYTE_ARRAY: i32 = 7;
    pub const RLE_DICTIONARY: i32 = 8;
    pub const BYTE_STREAM_SPLIT: i32 = 9;
}

/// A column's part of a row group.
pub struct Column<'a> {
    pub chunk: &'a Chunk,
    pub leaf: &'a Leaf,
}

/// What a page's head says.
#[derive(Debug, Default)]
struct Page {
    kind: Option<i32>,
    unpacked: Option<i32>,
    packed: Option<i32>,
    data: Option<Data>,
    dictionary: Option<Dictionary>,
    /// A data page of the second version, with its levels.
    second: Option<(Data, Levels)>,
}

#[derive(Debug, Default)]
struct Data {
    values: i32,
    encoding: i32,
    /// Of the levels that tell which values are there, and which repeat.
    levels: [i32; 2],
}

#[derive(Debug, Default)]
struct Dictionary {
    values: i32,
    encoding: i32,
}

/// Levels before the values, never packed.
#[derive(Debug, Default)]
struct Levels {
    nulls: i32,
    rows: i32,
    definitions: i32,
    repetitions: i32,
    is_unpacked: bool,
}

/// Walks through the pages of a column. The error is the page's number, from 1, and a clause.
pub fn check(pages: &[u8], column: &Column<'_>, left: &mut Left) -> Result<(), (Option<usize>, String)> {
    let (mut at, mut seen, mut has_dictionary) = (0, 0_i64, false);
    let wanted = column.chunk.values;
    let mut number = 0;
    while seen < wanted || (number == 0 && at < pages.len()) {
        number += 1;
        let failed = |why: String| (Some(number), why);
        if at == pages.len() {
            return Err((None, format!("it declares {wanted} values, its pages have {seen}")));
        }
        let mut reader = Reader::new(&pages[at..]);
        let page = head(&mut reader).map_err(failed)?;
        at += reader.at();
        let sizes = (page.unpacked.map(usize::try_from), page.packed.map(usize::try_from));
        let (Some(Ok(unpacked)), Some(Ok(packed))) = sizes else {
            return Err(failed("its head gives no size".to_owned()));
        };
        let Some(body) = pages.get(at..).and_then(|rest| rest.get(..packed)) else {
            let follow = pages.len() - at;
            return Err(failed(format!("it declares {packed} bytes and {follow} follow")));
        };
        at += packed;
        check_size(column, unpacked, packed, left).map_err(failed)?;
        match page {
            Page { kind: Some(2), dictionary: Some(dictionary), .. } if number == 1 => {
                has_dictionary = true;
                check_dictionary(&dictionary, column.leaf, unpacked).map_err(failed)?;
            }
            Page { kind: Some(0), data: Some(data), .. } => {
                seen += i64::from(data.values);
                check_data(&data, None, column, has_dictionary, (body, unpacked), left).map_err(failed)?;
            }
            Page { kind: Some(3), second: Some((data, levels)), .. } => {
                seen += i64::from(data.values);
                check_data(&data, Some(&levels), column, has_dictionary, (body, unpacked), left)
                    .map_err(failed)?;
            }
            Page { kind, .. } => {
                let kind = kind.map_or_else(|| "none".to_owned(), |kind| kind.to_string());
                return Err(failed(format!("it is of kind {kind}, or its head is of another kind")));
            }
        }
    }
    if seen == wanted {
        return Ok(());
    }
    Err((None, format!("it declares {wanted} values, its pages have {seen}")))
}

fn head(reader: &mut Reader<'_>) -> Result<Page, String> {
    let mut page = Page::default();
    reader.fields(Kind::Struct, |reader, number, kind| {
        match number {
            1 => page.kind = Some(reader.int(kind)?),
            2 => page.unpacked = Some(reader.int(kind)?),
            3 => page.packed = Some(reader.int(kind)?),
            4 => reader.skip_as(kind, Kind::Int)?,
            5 => {
                let mut data = Data::default();
                reader.fields(kind, |reader, number, kind| {
                    match number {
                        1 => data.values = reader.int(kind)?,
                        2 => data.encoding = reader.int(kind)?,
                        3 => data.levels[0] = reader.int(kind)?,
                        4 => data.levels[1] = reader.int(kind)?,
                        5 => statistics(reader, kind)?,
                        _ => reader.skip(kind)?,
                    }
                    Ok(())
                })?;
                page.data = Some(data);
            }
            7 => {
                let mut dictionary = Dictionary::default();
                reader.fields(kind, |reader, number, kind| {
                    match number {
                        1 => dictionary.values = reader.int(kind)?,
                        2 => dictionary.encoding = reader.int(kind)?,
                        3 => reader.skip_as(kind, Kind::Flag(true))?,
                        _ => reader.skip(kind)?,
                    }
                    Ok(())
                })?;
                page.dictionary = Some(dictionary);
            }
            8 => {
                let mut data = Data { levels: [encoding::RLE; 2], ..Data::default() };
                let mut levels = Levels::default();
                reader.fields(kind, |reader, number, kind| {
                    match number {
                        1 => data.values = reader.int(kind)?,
                        2 => levels.nulls = reader.int(kind)?,
                        3 => levels.rows = reader.int(kind)?,
                        4 => data.encoding = reader.int(kind)?,
                        5 => levels.definitions = reader.int(kind)?,
                        6 => levels.repetitions = reader.int(kind)?,
                        7 => {
                            reader.skip_as(kind, Kind::Flag(true))?;
                            levels.is_unpacked = kind == Kind::Flag(false);
                        }
                        8 => statistics(reader, kind)?,
                        _ => reader.skip(kind)?,
                    }
                    Ok(())
                })?;
                page.second = Some((data, levels));
            }
            _ => reader.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(page)
}

/// What is unpacked must be possible, and within the bounds.
fn check_size(column: &Column<'_>, unpacked: usize, packed: usize, left: &mut Left) -> Result<(), String> {
    let codec = Codec::of(column.chunk.codec);
    if codec == Codec::None && unpacked != packed {
        return Err(format!("it is not packed, and declares {packed} bytes that unpack to {unpacked}"));
    }
    if unpacked > unpack::most(codec, packed) {
        return Err(format!("{packed} bytes cannot unpack to {unpacked}"));
    }
    match left.unpacked.checked_sub(unpacked as u64) {
        Some(rest) => left.unpacked = rest,
        None => return Err("the pages up to here unpack to more than is read".to_owned()),
    }
    Ok(())
}

fn check_dictionary(dictionary: &Dictionary, leaf: &Leaf, unpacked: usize) -> Result<(), String> {
    if !matches!(dictionary.encoding, encoding::PLAIN | encoding::PLAIN_DICTIONARY) {
        return Err(format!("the dictionary has the unknown encoding {}", dictionary.encoding));
    }
    let least = match leaf.physical {
        Physical::Boolean => return Err("flags have no dictionary".to_owned()),
        Physical::Fixed(length) => length,
        Physical::Bytes => 4,
    };
    match usize::try_from(dictionary.values) {
        Ok(values) if values.saturating_mul(least) <= unpacked => Ok(()),
        _ => Err(format!("the dictionary declares {} values in {unpacked} bytes", dictionary.values)),
    }
}

fn check_data(
    data: &Data,
    levels: Option<&Levels>,
    column: &Column<'_>,
    has_dictionary: bool,
    (body, unpacked): (&[u8], usize),
    left: &mut Left,
) -> Result<(), String> {
    let Column { chunk, leaf } = column;
    let Ok(values) = usize::try_from(data.values) else {
        return Err(format!("it declares {} values", data.values));
    };
    let mut nulls = if leaf.has_definitions { values } else { 0 };
    let mut before = 0;
    if let Some(levels) = levels {
        let sizes = [levels.definitions, levels.repetitions, levels.nulls, levels.rows].map(usize::try_from);
        let [Ok(definitions), Ok(repetitions), Ok(missing), Ok(rows)] = sizes else {
            return Err("its head gives a size below zero".to_owned());
        };
        before = definitions.saturating_add(repetitions);
        if before > body.len() || before > unpacked || missing > values || rows > values {
            let whole = body.len();
            return Err(format!(
                "it declares {before} bytes of levels in {whole}, {missing} missing values and {rows} rows in {values} values"
            ));
        }
        if levels.is_unpacked && body.len() != unpacked {
            return Err(format!("it is not packed, and has {} bytes that unpack to {unpacked}", body.len()));
        }
        if missing > 0 && !leaf.has_definitions {
            return Err(format!("{missing} values are missing in a column where none may be"));
        }
        nulls = missing;
    }
    let levels_used = [leaf.has_definitions, leaf.has_repetitions];
    if data.levels.iter().zip(levels_used).any(|(encoding, used)| used && *encoding != encoding::RLE) {
        return Err("its levels are in an encoding that is not read".to_owned());
    }
    match data.encoding {
        encoding::PLAIN | encoding::BYTE_STREAM_SPLIT => {
            let present = values - nulls;
            let least = match leaf.physical {
                Physical::Boolean => present.div_ceil(8),
                Physical::Fixed(length) => present.saturating_mul(length),
                Physical::Bytes => present.saturating_mul(4),
            };
            if least > unpacked - before {
                return Err(format!("it declares {values} values in {unpacked} bytes"));
            }
            Ok(())
        }
        encoding::RLE => Ok(()),
        encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY if has_dictionary => Ok(()),
        encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY => {
            Err("its values stand in a dictionary, which the column lacks".to_owned())
        }
        encoding::DELTA_BINARY_PACKED | encoding::DELTA_LENGTH_BYTE_ARRAY | encoding::DELTA_BYTE_ARRAY => {
            let kind = match data.encoding {
                encoding::DELTA_BINARY_PACKED => Delta::Numbers,
                encoding::DELTA_LENGTH_BYTE_ARRAY => Delta::Lengths,
                _ => Delta::Texts,
            };
            // Levels of the second version stand before what is packed; those of the first are packed with it.
            let codec = match levels {
                Some(levels) if levels.is_unpacked => Codec::None,
                _ => Codec::of(chunk.codec),
            };
            let inside = unpack::unpack(codec, &body[before..], unpacked - before)?;
            let inside = match levels {
                Some(_) => &inside[..],
                None => without_levels(&inside, levels_used)?,
            };
            delta::check(kind, inside, values, &mut left.text)
        }
        other => Err(format!("its values have the unknown encoding {other}")),
    }
}

/// The values of a page of the first version: before them stand levels, each with its length.
fn without_levels(mut page: &[u8], used: [bool; 2]) -> Result<&[u8], String> {
    for _ in used.iter().filter(|used| **used) {
        let rest = page
            .split_first_chunk::<4>()
            .and_then(|(length, rest)| rest.get(u32::from_le_bytes(*length) as usize..));
        page = rest.ok_or("its levels are longer than the page")?;
    }
    Ok(page)
}

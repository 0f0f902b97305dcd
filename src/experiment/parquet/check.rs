//! A Parquet file is checked before polars sees it.
//!
//! polars 0.55 trusts a file's counts: with one bit wrong it asks for 2^61 bytes, and the program ends. What is read here:
//! the whole footer, the head of every page, and of pages in a delta encoding the counts inside.

use super::footer::{self, Chunk, RowGroup};
use super::pages::{self, Column};
use super::schema::{self, Leaf, Physical, Root};
use super::{Bounds, ParquetError};

/// Bytes that any file may unpack to, and how many times its size a larger one: tables pack 2 to 50 times.
const FREE_BYTES: usize = 256 << 20;
const BYTES_RATIO: usize = 250;
/// Cells that any file may have, and how many a byte of a larger one.
const FREE_CELLS: usize = 1 << 24;
const CELLS_RATIO: usize = 100;

/// What a sound file holds.
#[derive(Debug)]
pub struct Checked {
    pub rows: usize,
    pub columns: Vec<Root>,
    /// Columns of values with the names of what they stand in, and how many values each has.
    pub leaves: Vec<(String, u64)>,
    /// Where in the file the name of Arrow's own schema stands.
    pub arrow_schema: Vec<std::ops::Range<usize>>,
}

/// Checks a file.
///
/// # Errors
/// What is wrong in the file, and where; or what passes the bounds.
pub fn check(file: &[u8], bounds: &Bounds) -> Result<Checked, ParquetError> {
    let damaged = |problem| ParquetError::damaged("the Parquet footer", problem);
    let footer = footer::read(file, bounds.columns).map_err(damaged)?;
    let (columns, leaves) =
        schema::columns(&footer.schema).map_err(|why| ParquetError::damaged("the Parquet schema", why))?;
    let (mut rows, mut unpacked) = (0_u64, 0_u64);
    for (number, group) in footer.groups.iter().enumerate() {
        let (Ok(group_rows), Ok(group_unpacked)) = (u64::try_from(group.rows), u64::try_from(group.unpacked))
        else {
            return Err(ParquetError::damaged(
                format!("row group {}", number + 1),
                format!("it declares {} rows in {} bytes", group.rows, group.unpacked),
            ));
        };
        rows = rows.saturating_add(group_rows);
        unpacked = unpacked.saturating_add(group_unpacked);
    }
    if u64::try_from(footer.rows) != Ok(rows) {
        return Err(damaged(format!("it declares {} rows, its row groups have {rows}", footer.rows)));
    }
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let bytes = bounds.bytes.min(most_bytes(file.len()));
    let cells = most_cells(file.len()).min(bounds.cells);
    let flat = columns.iter().filter(|column| column.is_flat).count();
    if rows > bounds.rows || columns.len() > bounds.columns || rows.saturating_mul(flat) > cells {
        return Err(ParquetError::TooLarge(format!("{rows} rows, {} columns", columns.len())));
    }
    let fixed: usize = leaves
        .iter()
        .map(|leaf| match leaf.physical {
            Physical::Fixed(length) if length > 16 => length.saturating_mul(rows),
            _ => 0,
        })
        .fold(0, usize::saturating_add);
    if unpacked > bytes as u64 || fixed > bytes {
        let unpacked = unpacked.max(fixed as u64);
        return Err(ParquetError::TooLarge(format!("{rows} rows, {} MiB unpacked", unpacked >> 20)));
    }
    let mut left = Left { unpacked: bytes as u64, text: bytes as u64 };
    for (number, group) in footer.groups.iter().enumerate() {
        check_group(&file[..footer.start], group, &leaves, &mut left).map_err(|found| match found {
            Found::Group(why) => ParquetError::damaged(format!("row group {}", number + 1), why),
            Found::Column(column, why) => {
                let place = format!("row group {}, column {}", number + 1, leaves[column].name);
                ParquetError::damaged(place, why)
            }
            Found::Page(column, page, why) => {
                let place = format!("row group {}, column {}, page {page}", number + 1, leaves[column].name);
                ParquetError::damaged(place, why)
            }
        })?;
    }
    let values = |leaf: usize| {
        let of = footer.groups.iter().filter_map(|group| u64::try_from(group.chunks.get(leaf)?.values).ok());
        of.fold(0, u64::saturating_add)
    };
    let leaves = leaves.into_iter().enumerate().map(|(place, leaf)| (leaf.name, values(place))).collect();
    Ok(Checked { rows, columns, leaves, arrow_schema: footer.arrow_schema })
}

/// Most values that a file of this size may stand for.
pub fn most_cells(file: usize) -> usize {
    FREE_CELLS.max(file.saturating_mul(CELLS_RATIO))
}

/// Most bytes that a file of this size may stand for.
pub const fn most_bytes(file: usize) -> usize {
    let most = file.saturating_mul(BYTES_RATIO);
    if most > FREE_BYTES { most } else { FREE_BYTES }
}

/// Bytes that may still come out of pages, and out of values that share their beginnings.
pub struct Left {
    pub unpacked: u64,
    pub text: u64,
}

enum Found {
    Group(String),
    Column(usize, String),
    Page(usize, usize, String),
}

/// `data` is the file up to its footer.
fn check_group(data: &[u8], group: &RowGroup, leaves: &[Leaf], left: &mut Left) -> Result<(), Found> {
    if group.chunks.len() != leaves.len() {
        let why = format!("it has {} columns, the schema has {}", group.chunks.len(), leaves.len());
        return Err(Found::Group(why));
    }
    for (column, (chunk, leaf)) in group.chunks.iter().zip(leaves).enumerate() {
        let pages = check_chunk(data, group, chunk, leaf).map_err(|why| Found::Column(column, why))?;
        pages::check(pages, &Column { chunk, leaf }, left).map_err(|(page, why)| match page {
            Some(page) => Found::Page(column, page, why),
            None => Found::Column(column, why),
        })?;
    }
    Ok(())
}

/// The bytes of a column's pages.
fn check_chunk<'a>(data: &'a [u8], group: &RowGroup, chunk: &Chunk, leaf: &Leaf) -> Result<&'a [u8], String> {
    if chunk.physical != leaf.code {
        return Err(format!("its values have type {}, by the schema {}", chunk.physical, leaf.code));
    }
    if !(0..=7).contains(&chunk.codec) {
        return Err(format!("it is packed in the unknown way {}", chunk.codec));
    }
    // A list may be empty, which still is a value; so there are never less values than rows.
    let fits = if leaf.has_repetitions { chunk.values >= group.rows } else { chunk.values == group.rows };
    if !fits {
        return Err(format!("it declares {} values for {} rows", chunk.values, group.rows));
    }
    if chunk.unpacked < 0 {
        return Err(format!("it declares {} bytes unpacked", chunk.unpacked));
    }
    // A table without rows has no pages, and writers leave their place open.
    if chunk.packed == 0 && chunk.values == 0 {
        return Ok(&[]);
    }
    let start = chunk.dictionary.unwrap_or(chunk.data);
    let place = |at: i64| usize::try_from(at).ok().filter(|at| *at <= data.len());
    let range = match (place(start), place(chunk.packed), place(chunk.data)) {
        (Some(start @ 4..), Some(length), Some(_)) => {
            start.checked_add(length).and_then(|end| data.get(start..end))
        }
        _ => None,
    };
    range.ok_or_else(|| {
        format!(
            "it declares {} bytes from byte {start} on; the data end at byte {}",
            chunk.packed,
            data.len()
        )
    })
}

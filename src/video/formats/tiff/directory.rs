//! Headers, directories and tag values: the container, before any meaning.

use super::source::{Source, Window};

/// Tag numbers used by the reader.
pub mod tag {
    #![allow(missing_docs)]
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const SUBFILE_TYPE: u16 = 255;
    pub const WIDTH: u16 = 256;
    pub const LENGTH: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const DESCRIPTION: u16 = 270;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const PLANAR: u16 = 284;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const PREDICTOR: u16 = 317;
    pub const COLOR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const IMAGE_DEPTH: u16 = 32997;
    pub const UIC2: u16 = 33629;
    pub const IJ_METADATA_COUNTS: u16 = 50838;
    pub const IJ_METADATA: u16 = 50839;
}

/// Byte order and pointer size of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// `MM` files.
    pub big_endian: bool,
    /// `BigTIFF`: 64-bit pointers.
    pub big_tiff: bool,
}

impl Dialect {
    /// True when multi-byte samples have to be swapped on this machine.
    pub const fn swapped(self) -> bool {
        self.big_endian != cfg!(target_endian = "big")
    }

    /// An unsigned integer of 1, 2, 4 or 8 bytes.
    pub fn uint(self, bytes: &[u8]) -> u64 {
        let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    const fn pointer(self) -> usize {
        if self.big_tiff { 8 } else { 4 }
    }

    const fn entry(self) -> usize {
        if self.big_tiff { 20 } else { 12 }
    }

    const fn count(self) -> usize {
        if self.big_tiff { 8 } else { 2 }
    }
}

/// True for the first bytes of classic TIFF and `BigTIFF`, either byte order.
pub fn is_tiff(start: &[u8]) -> bool {
    matches!(start.get(..4), Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+"))
}

/// Reads the header: dialect and offset of the first directory.
pub fn header(window: &mut Window) -> Option<(Dialect, u64)> {
    let start = window.get(0, 8)?;
    if !is_tiff(start) {
        return None;
    }
    let dialect = Dialect { big_endian: start[0] == b'M', big_tiff: start[2..4].contains(&b'+') };
    if !dialect.big_tiff {
        return Some((dialect, dialect.uint(&start[4..8])));
    }
    if dialect.uint(&start[4..6]) != 8 {
        return None;
    }
    Some((dialect, dialect.uint(window.get(8, 8)?)))
}

/// Bytes per value of a TIFF field type.
const fn size_of(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

/// One tag: what it holds and where.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Tag number.
    pub tag: u16,
    /// Field type.
    pub kind: u16,
    /// Number of values.
    pub count: u64,
    /// Position of the first value in the file.
    pub at: u64,
    /// The value field itself, for values that fit into it.
    raw: [u8; 8],
    inline: bool,
}

impl Entry {
    /// Bytes per value; 0 for unknown field types, which have no readable values.
    pub fn size(&self) -> u64 {
        size_of(self.kind).unwrap_or(0)
    }

    /// True for the unsigned integer types.
    pub const fn is_uint(&self) -> bool {
        matches!(self.kind, 1 | 3 | 4 | 13 | 16 | 18)
    }

    /// Length of all values, or `None` when they do not lie inside the file.
    fn len(&self, source: &Source) -> Option<u64> {
        let len = self.count.checked_mul(size_of(self.kind)?)?;
        (self.at.checked_add(len)? <= source.len()).then_some(len)
    }

    /// The first value as an unsigned integer.
    pub fn uint(&self, window: &mut Window, dialect: Dialect) -> Option<u64> {
        if !self.is_uint() || self.count == 0 {
            return None;
        }
        let size = self.size() as usize;
        if self.inline {
            return Some(dialect.uint(self.raw.get(..size)?));
        }
        Some(dialect.uint(window.get(self.at, size)?))
    }

    /// Up to `max` values as unsigned integers.
    pub fn uints(&self, source: &Source, dialect: Dialect, max: u64) -> Option<Vec<u64>> {
        if !self.is_uint() {
            return None;
        }
        self.len(source)?;
        let size = self.size();
        let bytes = source.bytes_at(self.at, self.count.min(max).checked_mul(size)?).ok()?;
        Some(bytes.chunks_exact(size as usize).map(|chunk| dialect.uint(chunk)).collect())
    }

    /// The raw bytes, if there are at most `max` of them.
    pub fn bytes(&self, source: &Source, max: u64) -> Option<Vec<u8>> {
        let len = self.len(source).filter(|&len| len <= max)?;
        source.bytes_at(self.at, len).ok()
    }

    /// Numerator and denominator of the first rational.
    pub fn rational(&self, source: &Source, dialect: Dialect) -> Option<(u64, u64)> {
        if self.kind != 5 || self.count == 0 {
            return None;
        }
        let bytes = source.bytes_at(self.at, 8).ok()?;
        Some((dialect.uint(&bytes[..4]), dialect.uint(&bytes[4..])))
    }
}

/// One directory: its tags and the offset of the next.
#[derive(Debug, Default)]
pub struct Directory {
    /// Position in the file.
    pub offset: u64,
    /// Tags in file order.
    pub entries: Vec<Entry>,
    /// Offset of the next directory; 0 ends the chain.
    pub next: u64,
    /// True when the directory itself runs past the end of the file.
    pub cut: bool,
}

impl Directory {
    /// Reads the directory at `offset` into `self`, reusing its memory. False when nothing is there.
    pub fn read(&mut self, window: &mut Window, dialect: Dialect, offset: u64) -> bool {
        self.offset = offset;
        self.entries.clear();
        self.next = 0;
        self.cut = false;
        let Some(count) = window.get(offset, dialect.count()).map(|b| dialect.uint(b)) else {
            return false;
        };
        // Classic TIFF cannot hold more; a BigTIFF that claims more is damaged.
        if count == 0 || count > 65_535 {
            return false;
        }
        let size = dialect.entry();
        let start = offset + dialect.count() as u64;
        let there = (window.source().len().saturating_sub(start) / size as u64).min(count) as usize;
        self.cut = (there as u64) < count;
        let Some(bytes) = window.get(start, there * size) else {
            return false;
        };
        for (index, field) in bytes.chunks_exact(size).enumerate() {
            let value = size - dialect.pointer();
            let mut raw = [0; 8];
            raw[..dialect.pointer()].copy_from_slice(&field[value..]);
            let tag = dialect.uint(&field[..2]) as u16;
            let kind = dialect.uint(&field[2..4]) as u16;
            let count = dialect.uint(&field[4..value]);
            let inline = size_of(kind)
                .and_then(|size| size.checked_mul(count))
                .is_some_and(|len| len <= dialect.pointer() as u64);
            let at = if inline {
                start + (index * size + value) as u64
            } else {
                dialect.uint(&raw[..dialect.pointer()])
            };
            self.entries.push(Entry { tag, kind, count, at, raw, inline });
        }
        if !self.cut {
            let next = window.get(start + (there * size) as u64, dialect.pointer());
            self.next = next.map_or(0, |bytes| dialect.uint(bytes));
        }
        !self.entries.is_empty()
    }

    /// The first entry of a tag that has a known field type.
    pub fn find(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|e| e.tag == tag && size_of(e.kind).is_some())
    }

    /// A text tag without its trailing NULs; bytes that are not UTF-8 are taken as Latin-1, as old writers did.
    pub fn text(&self, tag: u16, source: &Source, max: u64) -> Option<String> {
        let entry = self.find(tag).filter(|e| matches!(e.kind, 1 | 2 | 7))?;
        let mut bytes = entry.bytes(source, max)?;
        if let Some(end) = bytes.iter().position(|&b| b == 0) {
            bytes.truncate(end);
        }
        Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => e.into_bytes().iter().map(|&b| char::from(b)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_of_each_dialect() {
        let read = |bytes: &[u8]| header(&mut Window::new(&Source::Bytes(bytes.to_vec())));
        let little = Dialect { big_endian: false, big_tiff: false };
        assert_eq!(read(b"II*\0\x08\0\0\0"), Some((little, 8)));
        assert_eq!(read(b"MM\0*\0\0\x01\0"), Some((Dialect { big_endian: true, ..little }, 256)));
        let big = Dialect { big_endian: false, big_tiff: true };
        assert_eq!(read(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0"), Some((big, 16)));
        assert_eq!(read(b"II+\0\x04\0\0\0\x10\0\0\0\0\0\0\0"), None);
        // The offset may look like the mark of BigTIFF.
        assert_eq!(read(b"II*\0+U\0\0"), Some((little, 0x552b)));
        assert_eq!(read(b"II*\0\x08"), None);
        assert_eq!(read(b"GIF89a\0\0"), None);
    }

    #[test]
    fn a_directory_cut_short_keeps_its_first_tags() {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend([2, 0]);
        bytes.extend([0, 1, 3, 0, 1, 0, 0, 0, 7, 0, 0, 0]);
        bytes.extend([1, 1, 3, 0]);
        let source = Source::Bytes(bytes);
        let mut window = Window::new(&source);
        let (dialect, first) = header(&mut window).unwrap();
        let mut directory = Directory::default();
        assert!(directory.read(&mut window, dialect, first));
        assert!(directory.cut);
        assert_eq!(directory.find(tag::WIDTH).unwrap().uint(&mut window, dialect), Some(7));
    }
}

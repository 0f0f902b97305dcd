//! A page: the geometry and encoding that a directory declares, checked and kept small.

use super::directory::{Dialect, Directory, Entry, tag};
use super::source::{Source, Window};
use crate::video::SampleType;

/// How one page is laid out; shared by all pages that look alike, so that long chains stay small in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a tag of its own")]
pub struct Layout {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits per sample as stored.
    pub bits: u16,
    /// Samples per pixel.
    pub samples: u16,
    /// 1 unsigned, 2 signed, 3 float.
    pub format: u16,
    /// Photometric interpretation.
    pub photometric: u16,
    /// True when each sample is stored as a plane of its own.
    pub planar: bool,
    /// Compression scheme.
    pub compression: u16,
    /// 1 none, 2 differences, 3 floating point.
    pub predictor: u16,
    /// Columns of a strip or tile.
    pub segment_width: u32,
    /// Rows of a strip or tile.
    pub segment_height: u32,
    /// True for tiles.
    pub tiled: bool,
    /// True when bits are stored lowest first.
    pub reversed: bool,
    /// True for a smaller copy of another page.
    pub reduced: bool,
    /// True for a transparency mask.
    pub mask: bool,
    /// True when the directory carries shared JPEG tables.
    pub jpeg_tables: bool,
    /// Slices that the page claims to hold one below the other.
    pub depth: u32,
}

impl Default for Layout {
    /// What TIFF 6.0 has where a tag is absent.
    fn default() -> Self {
        Self {
            width: 0,
            height: 0,
            bits: 1,
            samples: 1,
            format: 1,
            photometric: 1,
            planar: false,
            compression: 1,
            predictor: 1,
            segment_width: 0,
            segment_height: 0,
            tiled: false,
            reversed: false,
            reduced: false,
            mask: false,
            jpeg_tables: false,
            depth: 1,
        }
    }
}

/// A list of numbers in the file, read when needed; a single number is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Table {
    /// The number itself if there is one, otherwise where the list starts.
    value: u64,
    /// Numbers in the list.
    pub count: u32,
    /// Bytes per number.
    size: u8,
}

impl Table {
    fn of(entry: Option<&Entry>, window: &mut Window, dialect: Dialect) -> Self {
        let Some(entry) = entry.filter(|e| e.is_uint() && e.count > 0) else {
            return Self::default();
        };
        let count = u32::try_from(entry.count).unwrap_or(u32::MAX);
        let size = entry.size() as u8;
        if count > 1 {
            return Self { value: entry.at, count, size };
        }
        entry.uint(window, dialect).map_or_else(Self::default, |value| Self { value, count, size })
    }

    /// `n` numbers from `first` on, or `None` when the list does not hold them.
    pub fn read(&self, source: &Source, dialect: Dialect, first: u64, n: u64) -> Option<Vec<u64>> {
        if first.checked_add(n)? > u64::from(self.count) {
            return None;
        }
        if self.count == 1 {
            return Some(vec![self.value; n as usize]);
        }
        let size = u64::from(self.size);
        let at = self.value.checked_add(first.checked_mul(size)?)?;
        let bytes = source.bytes_at(at, n.checked_mul(size)?).ok()?;
        Some(bytes.chunks_exact(usize::from(self.size)).map(|chunk| dialect.uint(chunk)).collect())
    }

    /// One number, through a window so that neighbouring tables cost one read.
    pub fn one(&self, window: &mut Window, dialect: Dialect, index: u64) -> Option<u64> {
        if index >= u64::from(self.count) {
            return None;
        }
        if self.count == 1 {
            return Some(self.value);
        }
        let at = self.value.checked_add(index.checked_mul(u64::from(self.size))?)?;
        Some(dialect.uint(window.get(at, usize::from(self.size))?))
    }
}

/// One directory of the chain, in the fewest bytes.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Where its directory lies.
    pub at: u64,
    /// Index of its [`Layout`].
    pub layout: u32,
    /// True when it has an `ImageDescription`.
    pub described: bool,
    /// True when it has `SubIFDs`.
    pub nested: bool,
    /// Positions of strips or tiles.
    pub offsets: Table,
    /// Their stored lengths.
    pub counts: Table,
}

impl Page {
    /// Reads layout and tables from a directory. Tags that are absent get the defaults of TIFF 6.0.
    pub fn of(directory: &Directory, window: &mut Window, dialect: Dialect) -> (Self, Layout) {
        let mut l = Layout::default();
        let mut page = Self {
            at: directory.offset,
            layout: 0,
            described: false,
            nested: false,
            offsets: Table::default(),
            counts: Table::default(),
        };
        let (mut rows_per_strip, mut tile) = (u32::MAX, (0, 0));
        let mut uneven = false;
        for entry in &directory.entries {
            let mut uint = || entry.uint(window, dialect).map(|v| u32::try_from(v).unwrap_or(u32::MAX));
            let short = |v: u32| u16::try_from(v).unwrap_or(u16::MAX);
            match entry.tag {
                tag::NEW_SUBFILE_TYPE => {
                    let flags = uint().unwrap_or(0);
                    l.reduced |= flags & 1 != 0;
                    l.mask = flags & 4 != 0;
                }
                tag::SUBFILE_TYPE => l.reduced |= uint() == Some(2),
                tag::WIDTH => l.width = uint().unwrap_or(0),
                tag::LENGTH => l.height = uint().unwrap_or(0),
                tag::BITS => {
                    l.bits = uint().map_or(1, short);
                    // All samples alike fits one read; anything else is refused below.
                    let values = entry.uints(window.source(), dialect, 64).unwrap_or_default();
                    uneven |= values.len() > 1 && values.iter().any(|&v| v != u64::from(l.bits));
                }
                tag::COMPRESSION => l.compression = uint().map_or(1, short),
                tag::PHOTOMETRIC => l.photometric = uint().map_or(1, short),
                tag::FILL_ORDER => l.reversed = uint() == Some(2),
                tag::SAMPLES => l.samples = uint().map_or(1, short),
                tag::ROWS_PER_STRIP => rows_per_strip = uint().unwrap_or(u32::MAX),
                tag::PLANAR => l.planar = uint() == Some(2),
                tag::PREDICTOR => l.predictor = uint().map_or(1, short),
                tag::TILE_WIDTH => tile.0 = uint().unwrap_or(0),
                tag::TILE_LENGTH => tile.1 = uint().unwrap_or(0),
                tag::SAMPLE_FORMAT => l.format = uint().map_or(1, short),
                tag::JPEG_TABLES => l.jpeg_tables = true,
                tag::IMAGE_DEPTH => l.depth = uint().unwrap_or(1),
                tag::DESCRIPTION => page.described = true,
                tag::SUB_IFDS => page.nested = true,
                _ => {}
            }
        }
        // A one-sample page may carry more than one BitsPerSample value; only those of real samples count.
        if uneven && l.samples > 1 {
            l.bits = 0;
        }
        if l.samples == 1 {
            l.planar = false;
        }
        l.tiled = tile.0 > 0 && tile.1 > 0;
        if l.tiled {
            (l.segment_width, l.segment_height) = tile;
        } else {
            l.segment_width = l.width;
            l.segment_height = if rows_per_strip == 0 { l.height } else { rows_per_strip.min(l.height) };
        }
        // Some writers put tile positions into the strip tags.
        let (offsets, counts) = (
            directory.find(tag::TILE_OFFSETS).filter(|_| l.tiled).or(directory.find(tag::STRIP_OFFSETS)),
            directory.find(tag::TILE_COUNTS).filter(|_| l.tiled).or(directory.find(tag::STRIP_COUNTS)),
        );
        page.offsets = Table::of(offsets, window, dialect);
        page.counts = Table::of(counts, window, dialect);
        // One position for many strips of raw data: they follow one another.
        if !l.tiled && !l.planar && l.compression == 1 && page.offsets.count == 1 {
            l.segment_height = l.height;
        }
        (page, l)
    }
}

/// Names of compression schemes that are known but not read.
const fn scheme_name(compression: u16) -> &'static str {
    match compression {
        2 | 3 | 4 | 32_771 => "CCITT fax",
        6 => "old-style JPEG",
        9 | 10 => "JBIG",
        22_610 | 34_934 => "JPEG XR",
        32_809 => "ThunderScan",
        33_003..=33_007 | 34_712 => "JPEG 2000",
        34_676 | 34_677 => "SGI LogLuv",
        34_887 => "LERC",
        34_925 => "LZMA",
        34_927 | 50_001 => "WebP",
        34_933 => "PNG",
        50_002 | 52_546 => "JPEG XL",
        _ => "unknown",
    }
}

impl Layout {
    /// The compression's name in [`crate::video::Series::compression`], or what is wrong with it.
    pub fn compression_name(&self) -> Result<&'static str, String> {
        match self.compression {
            1 => Ok("none"),
            5 => Ok("lzw"),
            7 => Ok("jpeg"),
            8 | 32_946 => Ok("deflate"),
            32_773 => Ok("packbits"),
            34_926 | 50_000 => Ok("zstd"),
            other => Err(format!("compression {other} ({}) is not read", scheme_name(other))),
        }
    }

    /// Type of the decoded samples; narrow ones are widened to 8 or 16 bits.
    pub fn dtype(&self) -> Result<SampleType, String> {
        use SampleType::{F16, F32, F64, I8, I16, I32, U8, U16, U32};
        Ok(match (self.format, self.bits) {
            // 4 is "undefined", which readers take as unsigned.
            (0 | 1 | 4, 1..=8) => U8,
            (0 | 1 | 4, 9..=16) => U16,
            (0 | 1 | 4, 32) => U32,
            (2, 8) => I8,
            (2, 16) => I16,
            (2, 32) => I32,
            (3, 16) => F16,
            (3, 32) => F32,
            (3, 64) => F64,
            (_, 0) => return Err("samples of one pixel have different sizes".to_owned()),
            (5 | 6, bits) => return Err(format!("complex samples of {bits} bits are not read")),
            (2, bits) => return Err(format!("signed samples of {bits} bits are not read")),
            (3, bits) => return Err(format!("floating-point samples of {bits} bits are not read")),
            (_, bits) => return Err(format!("samples of {bits} bits are not read")),
        })
    }

    /// True when samples fill whole bytes.
    pub const fn whole_bytes(&self) -> bool {
        matches!(self.bits, 8 | 16 | 32 | 64)
    }

    /// True for colour pictures, whose samples belong to one pixel rather than to channels.
    pub const fn is_color(&self) -> bool {
        matches!(self.photometric, 2 | 6) && matches!(self.samples, 3 | 4)
    }

    /// Interleaved samples of a decoded plane.
    pub const fn plane_samples(&self) -> usize {
        if self.is_color() { self.samples as usize } else { 1 }
    }

    /// Planes in one page: its channels, if it stores several.
    pub const fn channels(&self) -> usize {
        if self.is_color() { 1 } else { self.samples as usize }
    }

    /// Segments side by side, one below the other.
    pub const fn grid(&self) -> (u64, u64) {
        let across = if self.segment_width == 0 { 0 } else { self.width.div_ceil(self.segment_width) };
        let down = if self.segment_height == 0 { 0 } else { self.height.div_ceil(self.segment_height) };
        (across as u64, down as u64)
    }

    /// Interleaved samples of one stored segment.
    pub const fn stored_samples(&self) -> usize {
        if self.planar { 1 } else { self.samples as usize }
    }

    /// Stored bytes of one row of `width` pixels (rows start at whole bytes).
    pub const fn row_bytes(&self, width: u32) -> u64 {
        (width as u64 * self.stored_samples() as u64 * self.bits as u64).div_ceil(8)
    }

    /// Bytes of one whole segment when it is decoded, samples as stored.
    pub const fn segment_bytes(&self) -> u64 {
        self.row_bytes(self.segment_width).saturating_mul(self.segment_height as u64)
    }

    /// The size for messages.
    pub fn pixels(&self) -> String {
        format!("{} × {} pixels", self.width, self.height)
    }

    /// Stored rows of the segment in row `down` of the grid; the last strip is short, tiles never are.
    pub const fn segment_rows(&self, down: u64) -> u32 {
        if self.tiled {
            return self.segment_height;
        }
        let first = down * self.segment_height as u64;
        let left = (self.height as u64).saturating_sub(first);
        if left < self.segment_height as u64 { left as u32 } else { self.segment_height }
    }

    /// Everything that the decoder needs to hold; the reason otherwise.
    pub fn check(&self) -> Result<(), String> {
        self.compression_name()?;
        self.dtype()?;
        if self.width == 0 || self.height == 0 {
            return Err(format!("the picture is {} × {} pixels", self.width, self.height));
        }
        if self.samples == 0 {
            return Err("a pixel has no samples".to_owned());
        }
        // 2^31 pixels a side is beyond any camera and keeps products inside 64 bits.
        if self.width > 1 << 31 || self.height > 1 << 31 || self.segment_width > 1 << 24 && self.tiled {
            return Err(format!("{} × {} pixels are not plausible", self.width, self.height));
        }
        if self.photometric == 6 && self.compression != 7 {
            return Err("YCbCr colours are read from JPEG only".to_owned());
        }
        if self.predictor > 1 && matches!(self.compression, 1 | 7 | 32_773) {
            // The tag is meaningless there and is ignored, as libtiff does.
            return Ok(());
        }
        match self.predictor {
            0 | 1 => Ok(()),
            2 if self.whole_bytes() => Ok(()),
            3 if self.format == 3 && self.whole_bytes() => Ok(()),
            other => Err(format!(
                "predictor {other} does not go with {} bits of format {}",
                self.bits, self.format
            )),
        }
    }

    /// The predictor to undo, 1 where the tag has no meaning.
    pub const fn effective_predictor(&self) -> u16 {
        if matches!(self.compression, 1 | 7 | 32_773) || self.predictor == 0 { 1 } else { self.predictor }
    }

    /// Same picture size and sample type: may be planes of one series.
    pub fn matches(&self, other: &Self) -> bool {
        (self.width, self.height, self.samples, self.is_color())
            == (other.width, other.height, other.samples, other.is_color())
            && self.dtype() == other.dtype()
    }
}

//! From strips or tiles to a plane.

use std::borrow::Cow;
use std::io;

use super::codec::{self, Fault, Tools, with_tools};
use super::directory::tag;
use super::file::TiffFile;
use super::page::{Layout, Page};
use super::samples;
use super::segments::{Segment, kind};
use crate::video::formats::limits;
use crate::video::{Limits, VideoError};

pub(super) const DAMAGED: &str = "The file is damaged or incomplete: copy it again from its source.";
const RESAVE: &str =
    "Save it again as an uncompressed or deflate TIFF, for example with Fiji or Bio-Formats.";

/// Gaps up to this size are read along rather than skipped.
const GAP: u64 = 16 << 10;
/// Segments are read together up to this size.
const GROUP: u64 = 16 << 20;
/// Bytes that a segment may hold beyond its size: some writers pad the last strip, or add a few bytes.
const SURPLUS: usize = 1 << 20;

/// One picture in a file: a page, and where raw frames follow one directory, which of them.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    /// The file.
    pub file: &'a TiffFile,
    /// Directory number.
    pub number: usize,
    /// Frame behind the directory; 0 is the one that it describes.
    pub frame: u64,
    /// What may be allocated.
    pub limits: Limits,
}

impl<'a> Picture<'a> {
    /// An error that names the directory, the frame and a place in them.
    pub(super) fn error(&self, place: &str, problem: impl Into<String>, remedy: &str) -> VideoError {
        let comma = if place.is_empty() { "" } else { ", " };
        VideoError::new(&self.file.path, format!("{}{comma}{place}", self.place()), problem, remedy)
    }

    /// Directory and frame.
    pub(super) fn place(&self) -> String {
        let frame = if self.frame > 0 { format!(", frame {}", self.frame) } else { String::new() };
        format!("directory {}{frame}", self.number)
    }

    /// Whether the picture would be decoded: refuses what is too large, or larger than its stored bytes make likely.
    /// Other faults are left to decoding.
    pub fn check_limits(&self) -> Result<(), VideoError> {
        let Ok((page, layout)) = self.page() else { return Ok(()) };
        let Ok(size) = self.sample_size(layout) else { return Ok(()) };
        let samples = if layout.is_color() { usize::from(layout.samples) } else { layout.stored_samples() };
        self.plane_len(layout, samples, size)?;
        let Ok(segments) = self.segments(page, layout, 0) else { return Ok(()) };
        self.check_ratio(layout, &segments)
    }

    fn page(&self) -> Result<(&'a Page, &'a Layout), VideoError> {
        let page = self.file.pages.get(self.number).zip(self.file.layout(self.number));
        let Some((page, layout)) = page else {
            return Err(self.error("", "the file has no such directory", DAMAGED));
        };
        layout.check().map_err(|problem| self.error("", problem, RESAVE))?;
        Ok((page, layout))
    }

    /// All samples of every pixel, interleaved.
    pub fn read(&self) -> Result<Vec<u8>, VideoError> {
        let (_, layout) = self.page()?;
        if !layout.planar {
            return self.read_stored(0);
        }
        let (samples, size) = (usize::from(layout.samples), self.sample_size(layout)?);
        let len = self.plane_len(layout, samples, size)?;
        let first = self.read_stored(0)?;
        let mut out = vec![0; len];
        samples::put_sample(&first, samples, size, 0, &mut out);
        for sample in 1..samples {
            samples::put_sample(&self.read_stored(sample)?, samples, size, sample, &mut out);
        }
        Ok(out)
    }

    /// One sample of every pixel.
    pub fn read_sample(&self, sample: usize) -> Result<Vec<u8>, VideoError> {
        let (_, layout) = self.page()?;
        if layout.planar || layout.samples == 1 {
            return self.read_stored(sample);
        }
        let size = self.sample_size(layout)?;
        Ok(samples::take_sample(&self.read_stored(0)?, usize::from(layout.samples), size, sample))
    }

    fn sample_size(&self, layout: &Layout) -> Result<usize, VideoError> {
        Ok(layout.dtype().map_err(|problem| self.error("", problem, RESAVE))?.size())
    }

    fn plane_len(&self, layout: &Layout, samples: usize, size: usize) -> Result<usize, VideoError> {
        let len = u128::from(layout.width) * u128::from(layout.height) * (samples * size) as u128;
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        // Here by its size alone.
        self.limits.check(&self.file.path, &self.place(), &layout.pixels(), len, u64::MAX)?;
        usize::try_from(len).map_err(|_| self.error("", "the picture does not fit into memory", RESAVE))
    }

    /// The stored plane `sample` (0 when samples are interleaved), in the machine's byte order.
    fn read_stored(&self, sample: usize) -> Result<Vec<u8>, VideoError> {
        let (page, layout) = self.page()?;
        let size = self.sample_size(layout)?;
        let stored_samples = layout.stored_samples();
        let len = self.plane_len(layout, stored_samples, size)?;
        let segments = self.segments(page, layout, sample)?;
        self.check_sizes(layout, &segments)?;
        limits::room(&self.file.path, &self.place(), len.saturating_add(working_bytes(layout, &segments)))?;
        let mut out = vec![0; len];
        if layout.compression == 1 && !layout.tiled && layout.whole_bytes() && !layout.reversed {
            self.read_raw(&segments, &mut out)?;
        } else {
            with_tools(|tools| self.read_groups(tools, layout, size, &segments, &mut out))?;
        }
        if self.file.dialect.swapped() && layout.whole_bytes() && layout.effective_predictor() == 1 {
            samples::swap(&mut out, size);
        }
        Ok(out)
    }

    /// Raw strips: read straight into the plane, neighbours in one go.
    fn read_raw(&self, segments: &[Segment], out: &mut [u8]) -> Result<(), VideoError> {
        let (_, layout) = self.page()?;
        let strip = layout.row_bytes(layout.width) * u64::from(layout.segment_height);
        let mut rest = segments;
        while let Some(&first) = rest.first() {
            let mut len = first.len;
            let mut run = 1;
            while let Some(next) = rest.get(run) {
                let follows = next.offset == first.offset + len && next.index == first.index + run as u64;
                if !follows || len != strip * run as u64 {
                    break;
                }
                len += next.len;
                run += 1;
            }
            let start = strip * first.index;
            let target = usize::try_from(start)
                .ok()
                .and_then(|start| out.get_mut(start..start.checked_add(len as usize)?))
                .ok_or_else(|| self.error("StripOffsets", "a strip lies outside the picture", DAMAGED))?;
            let place = || format!("strip {}, byte {}", first.index, first.offset);
            let last = &rest[run - 1];
            let wanted = layout.row_bytes(layout.width) * u64::from(layout.segment_rows(last.index));
            if last.len < wanted {
                return Err(self.error(&place(), "its data end at the end of the file", DAMAGED));
            }
            self.file
                .source
                .read_exact_at(target, first.offset)
                .map_err(|e| self.read_error(&place(), &e))?;
            rest = &rest[run..];
        }
        Ok(())
    }

    fn read_error(&self, place: &str, error: &io::Error) -> VideoError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.error(place, "the file became shorter while it was read", DAMAGED);
        }
        VideoError::io(&self.file.path, format!("directory {}, {place}", self.number), error)
    }

    /// Everything else: segments that lie close together are read in one go and decoded one by one.
    fn read_groups(
        &self,
        tools: &mut Tools,
        layout: &Layout,
        size: usize,
        segments: &[Segment],
        out: &mut [u8],
    ) -> Result<(), VideoError> {
        let tables = self.jpeg_tables(layout);
        let mut stored = std::mem::take(&mut tools.stored);
        let mut rest = segments;
        while let Some(&first) = rest.first() {
            let mut end = first.offset + first.len;
            let mut run = 1;
            while let Some(next) = rest.get(run) {
                let near = next.offset >= end && next.offset - end <= GAP;
                if !near || next.offset + next.len - first.offset > GROUP {
                    break;
                }
                end = next.offset + next.len;
                run += 1;
            }
            stored.resize((end - first.offset) as usize, 0);
            let place = |s: &Segment| format!("{} {}, byte {}", kind(layout), s.index, s.offset);
            self.file
                .source
                .read_exact_at(&mut stored, first.offset)
                .map_err(|e| self.read_error(&place(&first), &e))?;
            if layout.reversed && layout.compression != 7 {
                codec::reverse_bits(&mut stored);
            }
            for segment in &rest[..run] {
                let start = (segment.offset - first.offset) as usize;
                let bytes = stored.get(start..start + segment.len as usize).unwrap_or_default();
                self.decode_segment(tools, layout, size, segment.index, bytes, tables.as_deref(), out)
                    .map_err(|problem| self.error(&place(segment), problem, DAMAGED))?;
            }
            rest = &rest[run..];
        }
        tools.stored = stored;
        Ok(())
    }

    fn jpeg_tables(&self, layout: &Layout) -> Option<Vec<u8>> {
        const LONGEST: u64 = 64 << 10;
        if !layout.jpeg_tables || layout.compression != 7 {
            return None;
        }
        self.file.directory(self.number).find(tag::JPEG_TABLES)?.bytes(&self.file.source, LONGEST)
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is one segment's context")]
    fn decode_segment(
        &self,
        tools: &mut Tools,
        layout: &Layout,
        size: usize,
        index: u64,
        stored: &[u8],
        tables: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(), Cow<'static, str>> {
        const OUTSIDE: &str = "it lies outside the picture";
        let (across, _) = layout.grid();
        let (column, line) = (index % across, index / across);
        let samples = layout.stored_samples();
        let first_row = (line * u64::from(layout.segment_height)) as usize;
        let rows = (layout.segment_height as usize).min((layout.height as usize).saturating_sub(first_row));
        let stored_row = layout.row_bytes(layout.segment_width) as usize;
        let full = stored_row * layout.segment_height as usize;
        let plane_row = layout.width as usize * samples * size;
        let target = out.get_mut(first_row * plane_row..(first_row + rows) * plane_row).ok_or(OUTSIDE)?;

        // Raw bytes are taken from where they were read to.
        let raw = layout.compression == 1;
        if raw {
            if stored.len() < stored_row * rows {
                return Err(too_little(stored.len(), stored_row * rows));
            }
        } else if layout.compression == 7 {
            let got = codec::jpeg(stored, tables, layout, stored_row, &mut tools.segment).map_err(text)?;
            if got < rows {
                return Err(format!("it holds {got} of {rows} rows").into());
            }
        } else if !layout.tiled && layout.whole_bytes() {
            // Strips cover whole rows, so they are decoded in place.
            let needed = target.len();
            match tools.decompress(layout.compression, stored, target) {
                Ok(got) if got == needed => {
                    self.finish(tools, layout, size, stored_row, target);
                    return Ok(());
                }
                Ok(got) => return Err(too_little(got, needed)),
                Err(Fault::TooSmall) => decode_aside(tools, layout, stored, full, needed, needed)?,
                Err(fault) => return Err(text(fault)),
            }
        } else {
            decode_aside(tools, layout, stored, full, 0, stored_row * rows)?;
        }

        let mut segment = std::mem::take(&mut tools.segment);
        if !raw && layout.compression != 7 && layout.whole_bytes() {
            let used = segment.get_mut(..stored_row * rows).unwrap_or_default();
            self.finish(tools, layout, size, stored_row, used);
        }
        let source = if raw { stored } else { segment.as_slice() };
        let first_column = (column * u64::from(layout.segment_width)) as usize;
        let columns =
            (layout.segment_width as usize).min((layout.width as usize).saturating_sub(first_column));
        let per_row = columns * samples;
        let lines = source.chunks_exact(stored_row).zip(target.chunks_exact_mut(plane_row));
        for (from, to) in lines {
            let start = first_column * samples * size;
            let to = to.get_mut(start..start + per_row * size).ok_or(OUTSIDE)?;
            if layout.whole_bytes() {
                to.copy_from_slice(from.get(..per_row * size).ok_or(OUTSIDE)?);
            } else {
                samples::unpack(from, stored_row, layout, per_row, to);
            }
        }
        segment.clear();
        tools.segment = segment;
        Ok(())
    }

    /// Undoes the predictor.
    fn finish(&self, tools: &mut Tools, layout: &Layout, size: usize, row: usize, bytes: &mut [u8]) {
        let samples = layout.stored_samples();
        match layout.effective_predictor() {
            2 => {
                if self.file.dialect.swapped() {
                    samples::swap(bytes, size);
                }
                samples::undo_differences(bytes, row, samples, size);
            }
            3 => samples::undo_float(bytes, row, samples, size, &mut tools.row),
            _ => {}
        }
    }
}

/// Bytes that decoding takes on top of the plane, at the most: what is read, and a segment that is decoded aside.
fn working_bytes(layout: &Layout, segments: &[Segment]) -> usize {
    let apart = layout.tiled || !layout.whole_bytes();
    let aside = match layout.compression {
        // Raw rows are read straight into the plane.
        1 if !apart && !layout.reversed => return 0,
        // A progressive JPEG is held as coefficients, too.
        7 => layout.segment_bytes().saturating_mul(3),
        scheme if apart && scheme != 1 => layout.segment_bytes(),
        _ => 0,
    };
    let longest = segments.iter().map(|s| s.len).max().unwrap_or(0);
    let all: u64 = segments.iter().fold(0, |sum, s| sum.saturating_add(s.len));
    usize::try_from(aside.saturating_add(longest.max(all.min(GROUP)))).unwrap_or(usize::MAX)
}

/// Decodes into the tools' own buffer: tiles, packed samples, strips that hold more rows than they should. A buffer of
/// `tried` bytes is known to be too small.
fn decode_aside(
    tools: &mut Tools,
    layout: &Layout,
    stored: &[u8],
    full: usize,
    tried: usize,
    needed: usize,
) -> Result<(), Cow<'static, str>> {
    let mut segment = std::mem::take(&mut tools.segment);
    let mut result = Err(Fault::TooSmall);
    let padded = full.saturating_add(full.min(SURPLUS)).saturating_add(64 << 10);
    for room in [full, padded].into_iter().filter(|&room| room > tried) {
        if segment.try_reserve_exact(room.saturating_sub(segment.len())).is_err() {
            return Err("there is no memory to decode it".into());
        }
        segment.resize(room, 0);
        result = tools.decompress(layout.compression, stored, &mut segment);
        if result != Err(Fault::TooSmall) {
            break;
        }
    }
    tools.segment = segment;
    match result {
        Ok(got) if got >= needed => Ok(()),
        Ok(got) => Err(too_little(got, needed)),
        Err(fault) => Err(text(fault)),
    }
}

fn too_little(got: usize, needed: usize) -> Cow<'static, str> {
    format!("it holds {got} of {needed} bytes").into()
}

fn text(fault: Fault) -> Cow<'static, str> {
    match fault {
        Fault::TooSmall => "it holds more than its size".into(),
        Fault::Damaged(reason) => reason.into(),
    }
}

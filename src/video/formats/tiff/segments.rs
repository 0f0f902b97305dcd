//! Where a page's strips or tiles lie, and whether they can hold what the page claims.

use super::codec::largest_ratio;
use super::decode::{DAMAGED, Picture};
use super::page::{Layout, Page};
use crate::video::VideoError;

/// A strip or tile: place in the grid and in the file.
#[derive(Clone, Copy)]
pub struct Segment {
    /// Number in its plane, row by row.
    pub index: u64,
    /// Where its bytes start.
    pub offset: u64,
    /// How many there are; never beyond the end of the file.
    pub len: u64,
}

impl Picture<'_> {
    /// Where the strips or tiles of one stored plane lie, with wrong lengths put right as far as possible.
    pub(super) fn segments(
        &self,
        page: &Page,
        layout: &Layout,
        sample: usize,
    ) -> Result<Vec<Segment>, VideoError> {
        let file = self.file;
        let (across, down) = layout.grid();
        let count = across.saturating_mul(down);
        let first = count.saturating_mul(sample as u64);
        let name = if layout.tiled { "TileOffsets" } else { "StripOffsets" };
        let offsets = page.offsets.read(&file.source, file.dialect, first, count).ok_or_else(|| {
            self.error(
                name,
                format!(
                    "{} positions can be read where {} belong",
                    page.offsets.count,
                    first.saturating_add(count)
                ),
                DAMAGED,
            )
        })?;
        let counts = page.counts.read(&file.source, file.dialect, first, count);
        let end = file.source.len();
        let shift = if self.frame == 0 { 0 } else { self.frame_shift(layout)? };
        let mut sorted: Option<Vec<u64>> = None;
        let mut segments = Vec::with_capacity(offsets.len());
        for (index, &start) in offsets.iter().enumerate() {
            let stored = counts.as_ref().and_then(|c| c.get(index).copied());
            if start == 0 && stored == Some(0) {
                continue; // a tile that was never written is black
            }
            let offset = start.saturating_add(shift);
            if offset >= end {
                return Err(self.error(
                    &format!("{} {index}, byte {offset}", kind(layout)),
                    "its data lie past the end of the file",
                    DAMAGED,
                ));
            }
            let len = match stored {
                _ if layout.compression == 1 => layout
                    .row_bytes(layout.segment_width)
                    .saturating_mul(u64::from(layout.segment_rows(index as u64 / across))),
                Some(len) if len > 0 => len,
                // Without a length it ends where the next one starts.
                _ => {
                    let sorted = sorted.get_or_insert_with(|| {
                        let mut all = offsets.clone();
                        all.sort_unstable();
                        all
                    });
                    let next = sorted.get(sorted.partition_point(|&o| o <= start));
                    next.map_or(end, |&next| next).saturating_sub(start)
                }
            };
            segments.push(Segment { index: index as u64, offset, len: len.min(end - offset) });
        }
        if segments.is_empty() {
            return Err(self.error(name, "the page has no data", DAMAGED));
        }
        Ok(segments)
    }

    /// Bytes from the described frame to this one.
    fn frame_shift(&self, layout: &Layout) -> Result<u64, VideoError> {
        frame_bytes(layout)
            .and_then(|bytes| bytes.checked_mul(self.frame))
            .ok_or_else(|| self.error("", "the frame lies past the end of the file", DAMAGED))
    }

    /// Refuses sizes that the stored bytes cannot fill, before anything is allocated for them.
    pub(super) fn check_sizes(&self, layout: &Layout, segments: &[Segment]) -> Result<(), VideoError> {
        let stored = self.stored_bytes(segments);
        let segment = layout.segment_bytes();
        let most = match layout.compression {
            1 => u128::from(self.file.source.len()),
            other => u128::from(stored) * u128::from(largest_ratio(other)) + (64 << 10),
        };
        let needed = packed_bytes(layout).max(u128::from(segment));
        if needed > most {
            return Err(self.error(
                "",
                format!(
                    "{} take {needed} bytes, but {stored} stored bytes cannot hold them",
                    layout.pixels()
                ),
                DAMAGED,
            ));
        }
        // One tile may reach beyond the picture, but not so far that it is most of what has to be held.
        let plane = packed_bytes(layout) + packed_bytes(layout) / 4;
        if u128::from(segment) > plane.max(u128::from(self.limits.trusted_bytes)) {
            return Err(self.error(
                "",
                format!(
                    "{}s of {} × {} pixels are much larger than the picture of {}",
                    kind(layout),
                    layout.segment_width,
                    layout.segment_height,
                    layout.pixels()
                ),
                DAMAGED,
            ));
        }
        self.check_ratio(layout, segments)
    }

    /// Refuses a plane that is large and far larger than its stored bytes.
    pub(super) fn check_ratio(&self, layout: &Layout, segments: &[Segment]) -> Result<(), VideoError> {
        let decoded = packed_bytes(layout).max(u128::from(layout.segment_bytes()));
        let decoded = u64::try_from(decoded).unwrap_or(u64::MAX);
        let stored = self.stored_bytes(segments);
        self.limits.check(&self.file.path, &self.place(), &layout.pixels(), decoded, stored)
    }

    /// Bytes that the file holds for them, counted once where segments share their bytes.
    fn stored_bytes(&self, segments: &[Segment]) -> u64 {
        let stored: u64 = segments.iter().fold(0, |sum, s| sum.saturating_add(s.len));
        stored.min(self.file.source.len())
    }
}

/// Decoded bytes of a stored plane, samples as narrow as they are stored.
fn packed_bytes(layout: &Layout) -> u128 {
    u128::from(layout.row_bytes(layout.width)) * u128::from(layout.height)
}

/// Bytes of all samples of one raw page, if its frames can follow it without directories of their own.
pub fn frame_bytes(layout: &Layout) -> Option<u64> {
    let plane = layout.row_bytes(layout.width).checked_mul(u64::from(layout.height))?;
    let planes = if layout.planar { u64::from(layout.samples) } else { 1 };
    plane.checked_mul(planes).filter(|&bytes| bytes > 0)
}

/// What a segment is called in messages.
pub const fn kind(layout: &Layout) -> &'static str {
    if layout.tiled { "tile" } else { "strip" }
}

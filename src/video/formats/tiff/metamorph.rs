//! `MetaMorph` stacks (STK): raw planes one behind the other, one directory, and a tag with numbers for each plane.

use super::directory::tag;
use super::file::TiffFile;
use super::scene::Axis;

/// Bytes per plane in the tag: z distance (a rational), date and time of creation and of the last change.
const RECORD: u64 = 24;
const MS_PER_DAY: u64 = 86_400_000;

/// What the tag says about a stack.
#[derive(Debug, PartialEq)]
pub struct Stack {
    /// Number of planes.
    pub planes: usize,
    /// Focus when the planes lie at different depths, otherwise time.
    pub axis: Axis,
    /// When each plane was taken, s from the first.
    pub times_s: Option<Vec<f64>>,
}

impl Stack {
    /// Reads the first page's tag, if it has one.
    pub fn read(file: &TiffFile, most: usize) -> Option<Self> {
        let directory = file.directory(0);
        let entry = directory.find(tag::UIC2)?;
        // The tag's count is that of planes, although every plane has six numbers.
        let planes = usize::try_from(entry.count).ok().filter(|&n| n > 1 && n <= most)?;
        let bytes = file.source.bytes_at(entry.at, RECORD.checked_mul(planes as u64)?).ok()?;
        let number = |record: &[u8], index: usize| {
            record.get(4 * index..4 * index + 4).map_or(0, |raw| file.dialect.uint(raw))
        };
        let records = || bytes.chunks_exact(RECORD as usize);
        let axis = if records().skip(1).any(|r| number(r, 0) != 0) { Axis::Z } else { Axis::T };
        // Whole milliseconds until after the subtraction: dates are days since the year -4712.
        let created = |r: &[u8]| (number(r, 2) * MS_PER_DAY + number(r, 3)) as i64;
        let first = records().next().map(created)?;
        let times: Vec<f64> = records().map(|r| (created(r) - first) as f64 / 1000.0).collect();
        let times_s = times.iter().any(|&t| t != 0.0).then_some(times);
        Some(Self { planes, axis, times_s })
    }
}

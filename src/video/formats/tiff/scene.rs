//! A series and where each of its planes is stored; what all ways of finding series share.

use std::path::Path;
use std::sync::Arc;

use super::decode::Picture;
use super::directory::tag;
use super::file::{ChainEnd, TiffFile};
use super::page::Layout;
use super::segments::frame_bytes;
use super::source::Window;
use crate::video::{Limits, Series, Shape, VideoError};

/// Where one plane is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneRef {
    /// File of the set; 0 is the one that was opened.
    pub file: u32,
    /// Directory number; [`Self::NOWHERE`]'s is never valid.
    pub page: u32,
    /// Frame behind the directory times channels per page, plus channel.
    pub part: u32,
}

impl PlaneRef {
    /// A plane that no file holds.
    pub const NOWHERE: Self = Self { file: 0, page: u32::MAX, part: 0 };
}

/// One series and its planes.
pub struct Scene {
    /// What the user sees.
    pub series: Series,
    /// One entry per plane in canonical order.
    pub planes: Vec<PlaneRef>,
}

/// An axis that runs over planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Time.
    T,
    /// Focus.
    Z,
    /// Channel.
    C,
}

/// Axes over planes in stored order, slowest first. An axis may come twice; the later one runs faster.
pub struct Order(pub Vec<(Axis, usize)>);

impl Order {
    /// Sizes along t, z and c, or `None` when there are more than `limit` planes.
    pub fn sizes(&self, limit: usize) -> Option<[usize; 3]> {
        let mut sizes = [1usize; 3];
        for &(axis, n) in &self.0 {
            sizes[axis as usize] = sizes[axis as usize].checked_mul(n)?;
        }
        let planes = sizes[0].checked_mul(sizes[1])?.checked_mul(sizes[2])?;
        (planes > 0 && planes <= limit).then_some(sizes)
    }

    /// The stored plane at a position along t, z and c; for orders in which every axis comes once.
    pub fn index(&self, place: [usize; 3]) -> Option<usize> {
        self.0.iter().try_fold(0usize, |index, &(axis, n)| {
            let at = place[axis as usize];
            if at < n { index.checked_mul(n)?.checked_add(at) } else { None }
        })
    }

    /// Position along t, z and c of the stored plane `index`.
    pub fn place(&self, mut index: usize) -> [usize; 3] {
        let mut place = [0; 3];
        let mut step = [1; 3];
        for &(axis, n) in self.0.iter().rev() {
            let axis = axis as usize;
            place[axis] += index % n * step[axis];
            step[axis] *= n;
            index /= n;
        }
        place
    }
}

/// The file's name without endings, for series that have no name of their own.
pub fn stem(path: &Path) -> String {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    name.strip_suffix(".ome").unwrap_or(&name).to_owned()
}

/// A series of the given order whose stored plane `k` is what `find(k)` says; channels inside pages come on top.
pub fn build(
    file: &TiffFile,
    layout: &Layout,
    order: &Order,
    limits: Limits,
    find: impl Fn(usize) -> Option<(usize, usize)>,
) -> Option<Scene> {
    let inside = layout.channels();
    let [t, z, lead] = order.sizes(limits.planes / inside.max(1))?;
    let shape = Shape {
        t,
        z,
        c: lead * inside,
        y: layout.height as usize,
        x: layout.width as usize,
        s: layout.plane_samples(),
    };
    let mut planes = vec![PlaneRef::NOWHERE; shape.planes()];
    for k in 0..t * z * lead {
        let Some((page, frame)) = find(k) else {
            continue;
        };
        let [t, z, c] = order.place(k);
        for channel in 0..inside {
            let part = frame.checked_mul(inside).and_then(|p| u32::try_from(p + channel).ok());
            if let (Some(plane), Some(part), Ok(page)) =
                (planes.get_mut(shape.plane_index(t, z, c * inside + channel)), part, u32::try_from(page))
            {
                *plane = PlaneRef { file: 0, page, part };
            }
        }
    }
    let mut series = describe(layout, shape, stem(&file.path))?;
    mark_missing(file, &planes, &mut series, limits);
    Some(Scene { series, planes })
}

/// A series with what its first page's tags say about samples; `None` when the page cannot be read.
pub fn describe(layout: &Layout, shape: Shape, name: String) -> Option<Series> {
    layout.check().ok()?;
    let mut warnings = Vec::new();
    if layout.photometric == 0 {
        warnings
            .push("Low values are meant to be shown bright (WhiteIsZero); they are kept as stored.".into());
    }
    if layout.depth > 1 {
        warnings.push(format!(
            "ImageDepth says {} slices; the page is shown as one picture of {} rows.",
            layout.depth, layout.height
        ));
    }
    Some(Series {
        warnings,
        ..Series::new(name, shape, layout.dtype().ok()?, layout.compression_name().ok()?)
    })
}

/// Adds what needs the first page's directory: palette, pyramid, a strip table that does not add up.
pub fn describe_first(file: &TiffFile, page: usize, series: &mut Series) {
    series.palette = palette(file, page);
    series.levels = file.levels(page);
    let Some((page, layout)) = file.pages.get(page).zip(file.layout(page)) else {
        return;
    };
    if layout.compression != 1 || layout.check().is_err() {
        return;
    }
    // Raw strips have the length that their rows need; a table that says otherwise is wrong.
    let mut window = Window::new(&file.source);
    let (across, down) = layout.grid();
    let last = (across * down).saturating_sub(1);
    let wrong = [0, last].into_iter().any(|index| {
        let rows = layout.segment_rows(index / across.max(1));
        let needed = layout.row_bytes(layout.segment_width).saturating_mul(u64::from(rows));
        let stored = page.counts.one(&mut window, file.dialect, index);
        stored.is_some_and(|stored| stored < needed && stored > 0)
    });
    if wrong || page.counts.count == 0 {
        series.warnings.push(
            "The strip lengths in the file are missing or wrong; they were computed from the picture's size."
                .into(),
        );
    }
}

/// A picture's palette, 8 bits per colour.
fn palette(file: &TiffFile, page: usize) -> Option<Arc<Vec<[u8; 3]>>> {
    let layout = file.layout(page)?;
    if layout.photometric != 3 || layout.samples != 1 || layout.bits > 16 {
        return None;
    }
    let n = 1usize << layout.bits;
    let directory = file.directory(page);
    let map = directory.find(tag::COLOR_MAP)?.uints(&file.source, file.dialect, 3 << 16)?;
    if map.len() < 3 * n {
        return None;
    }
    // Some writers store 8-bit colours in the 16-bit map.
    let shift = if map.iter().any(|&v| v > 255) { 8 } else { 0 };
    let value = |i: usize| map.get(i).map_or(0, |&v| (v >> shift).min(255) as u8);
    Some(Arc::new((0..n).map(|i| [value(i), value(n + i), value(2 * n + i)]).collect()))
}

/// Finds the planes of file 0 whose data are not in it.
pub fn mark_missing(file: &TiffFile, planes: &[PlaneRef], series: &mut Series, limits: Limits) {
    const SAMPLED: usize = 32;
    let mut window = Window::new(&file.source);
    let (mut page, mut page_is_cut, mut doubts) = (u32::MAX, true, 0);
    let mut cut = |plane: &PlaneRef| {
        if plane.page == u32::MAX || plane.file != 0 {
            return plane.page == u32::MAX;
        }
        let frame = file.layout(plane.page as usize).map_or(0, |l| plane.part as usize / l.channels().max(1));
        if frame > 0 {
            return frame_is_cut(file, plane.page as usize, frame as u64, &mut window);
        }
        if plane.page != page {
            page = plane.page;
            page_is_cut = file.is_cut(page as usize, &mut window).unwrap_or_else(|| {
                // A compressed strip that claims to end behind the file: either cut, or its length is wrong.
                // In a file that was cut this is one page; decoding tells.
                doubts += 1;
                doubts > MOST_DOUBTS
                    || Picture { file, number: page as usize, frame: 0, limits }.read().is_err()
            });
        }
        page_is_cut
    };
    // Data are cut at the end, so a look at a few planes tells whether all have to be looked at.
    let step = (planes.len() / SAMPLED).max(1);
    let look_at_all = file.end != ChainEnd::Complete
        || planes.iter().any(|p| p.page == u32::MAX)
        || planes.iter().rev().step_by(step).chain(planes.first()).any(&mut cut);
    if look_at_all {
        let missing: Vec<bool> = planes.iter().map(cut).collect();
        if missing.contains(&true) {
            series.missing = missing;
        }
    }
}

/// How many pages are decoded on opening to see whether they are complete.
const MOST_DOUBTS: usize = 4;

/// True when a raw frame behind a page ends after the file.
fn frame_is_cut(file: &TiffFile, page: usize, frame: u64, window: &mut Window) -> bool {
    let Some((page, layout)) = file.pages.get(page).zip(file.layout(page)) else {
        return true;
    };
    let first = page.offsets.one(window, file.dialect, 0);
    let end = frame_bytes(layout)
        .zip(first)
        .and_then(|(bytes, first)| first.checked_add(bytes.checked_mul(frame.checked_add(1)?)?));
    end.is_none_or(|end| end > file.source.len())
}

/// Says in the first series what is wrong with the chain of directories, and in the last that it stopped there.
pub fn chain_warning(file: &TiffFile, limit: usize) -> Option<String> {
    let n = file.pages.len();
    match file.end {
        ChainEnd::Complete => None,
        ChainEnd::Cycle(at) => {
            Some(format!("Directory {} points back to byte {at}: the pages are taken to end there.", n - 1))
        }
        ChainEnd::Dangling(at) => {
            Some(format!("The file ends before directory {n} (byte {at}): what comes after is missing."))
        }
        ChainEnd::Damaged(at) => {
            Some(format!("Directory {n} (byte {at}) cannot be read: what comes after is missing."))
        }
        ChainEnd::Limit => Some(format!("Only the first {limit} pages are shown.")),
    }
}

/// An error for a file of which nothing can be shown: the first page's problem.
pub fn unreadable(file: &TiffFile) -> VideoError {
    let problem = file.layout(0).and_then(|l| l.check().err());
    VideoError::new(
        &file.path,
        format!("directory 0, byte {}", file.pages.first().map_or(0, |p| p.at)),
        problem.unwrap_or_else(|| "there is no picture in it".to_owned()),
        "Save it again as an uncompressed or deflate TIFF, for example with Fiji or Bio-Formats.",
    )
}

//! Which file holds which plane, and what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use super::Folder;
use super::names::Group;
use crate::regular_file;
use crate::video::formats::tiff;
use crate::video::{Channel, Plane, Series, Shape, VideoError};

/// Headers that are tried before a recording is given up: the first frame may be the damaged one.
const TRIES: usize = 3;

/// Largest file that may be one of an OME-TIFF set.
const SET_FILE_BYTES: u64 = 256 << 20;

/// Ranges of missing frames that a warning names.
const RANGES: usize = 8;

/// Where a series' planes are.
pub enum Layout {
    /// One file holds the series, under this number.
    Whole { file: usize, series: usize },
    /// One file per time point, focal plane or channel.
    Frames(Frames),
}

/// A grid of files, each of which may hold a few planes.
pub struct Frames {
    /// By (t, z, c) in canonical order.
    files: Vec<Option<usize>>,
    /// Sizes of the grid: t, z, c.
    grid: [usize; 3],
    /// Planes in each file: t, z, c.
    inner: [usize; 3],
    /// What the first file said about itself.
    first: Shape,
}

impl Frames {
    /// File and plane in it; `None` where no file has the numbers.
    pub fn locate(&self, shape: Shape, plane: usize) -> Option<(usize, usize)> {
        if plane >= shape.planes() {
            return None;
        }
        let (c, z, t) = (plane % shape.c, plane / shape.c % shape.z, plane / (shape.c * shape.z));
        let [inner_t, inner_z, inner_c] = self.inner;
        let [_, grid_z, grid_c] = self.grid;
        let file = self.files[((t / inner_t) * grid_z + z / inner_z) * grid_c + c / inner_c]?;
        Some((file, ((t % inner_t) * inner_z + z % inner_z) * inner_c + c % inner_c))
    }

    /// Refuses a file that differs from the first one.
    pub fn check(&self, path: &Path, series: &Series, found: &Series) -> Result<(), VideoError> {
        if found.shape == self.first && found.dtype == series.dtype {
            return Ok(());
        }
        Err(VideoError::new(
            path,
            "frame",
            format!(
                "it is {}, while the recording's frames are {}",
                describe(found.shape, found.dtype.name()),
                describe(self.first, series.dtype.name())
            ),
            "Keep frames of one size and type in a folder.",
        ))
    }
}

/// The error for a decoded plane that is not what its header promised.
pub fn differs(path: &Path, series: &Series, plane: &Plane) -> VideoError {
    let found = Shape { t: 1, z: 1, c: 1, y: plane.height, x: plane.width, s: plane.samples };
    let expected = Shape { t: 1, z: 1, c: 1, ..series.shape };
    VideoError::new(
        path,
        "frame",
        format!(
            "it is {}, while the recording's frames are {}",
            describe(found, plane.dtype.name()),
            describe(expected, series.dtype.name())
        ),
        "Keep frames of one size and type in a folder.",
    )
}

fn describe(shape: Shape, dtype: &str) -> String {
    let colour = if shape.s > 1 { format!(" with {} colour samples", shape.s) } else { String::new() };
    let planes = if shape.planes() > 1 { format!("{} planes of ", shape.planes()) } else { String::new() };
    format!("{planes}{} × {} pixels of {dtype}{colour}", shape.x, shape.y)
}

/// Turns a group of names into series; reads one header.
pub fn plan(folder: &Folder, group: &Group) -> Result<Vec<(Series, Layout)>, VideoError> {
    let (file, reader) = first_readable(folder, group)?;
    let Some(about) = reader.series().first() else { return Ok(Vec::new()) };
    let axes: [BTreeSet<u64>; 3] = [0, 1, 2].map(|k| group.files.keys().map(|key| key[k]).collect());
    let is_set = reader.format() == "OME-TIFF" && about.shape.t > 1 && needs_siblings(folder, file);
    // Numbered files that hold a film each are films, not frames.
    let are_films = group.weak_time && about.shape.t > 1;
    if group.files.len() == 1 || is_set {
        return whole(folder, &[file]);
    }
    if are_films {
        return whole(folder, &group.files.values().copied().collect::<Vec<_>>());
    }
    let mut warnings = Vec::new();
    let (times, even) = time_points(&axes[0], group.files.len() * 2 + 8);
    if !even {
        warnings.push(
            "The numbers of the files are too far apart to count frames: the files are shown in their order."
                .to_owned(),
        );
    }
    let grid = [times.len(), axes[1].len(), axes[2].len()];
    let mut inner = [about.shape.t, about.shape.z, about.shape.c];
    if grid[0] > 1 && inner[0] > 1 {
        warnings.push(format!("The {} pages of each file are shown as focal planes.", inner[0]));
        inner = [1, inner[0] * inner[1], inner[2]];
    }
    let files = fill(group, &times, &axes);
    let shape = Shape { t: grid[0] * inner[0], z: grid[1] * inner[1], c: grid[2] * inner[2], ..about.shape };
    let frames = Frames { files, grid, inner, first: about.shape };
    let missing: Vec<bool> = if frames.files.iter().all(Option::is_some) {
        Vec::new()
    } else {
        (0..shape.planes()).map(|plane| frames.locate(shape, plane).is_none()).collect()
    };
    warnings.extend(missing_warnings(&frames, &times, &axes));
    for (ignored, used) in &group.doubles {
        let (ignored, used) = (folder.file_name(*ignored), folder.file_name(*used));
        warnings.push(format!("{ignored} has the same numbers as {used} and is ignored."));
    }
    warnings.extend(about.warnings.iter().cloned());
    let channels = if shape.c == about.channels.len() {
        about.channels.clone()
    } else {
        let named = axes[2].iter().map(|number| group.labels.get(number).cloned());
        named.flat_map(|name| vec![Channel { name, color: None }; inner[2]]).collect()
    };
    let single_time = grid[0] == 1;
    let series = Series {
        name: series_name(folder, group),
        shape,
        missing,
        interval_s: about.interval_s.filter(|_| single_time || about.shape.t == 1),
        plane_times_s: None,
        channels,
        warnings,
        ..about.clone()
    };
    Ok(vec![(series, Layout::Frames(frames))])
}

/// True where the file alone lacks planes: each file of an OME-TIFF set describes the whole set.
fn needs_siblings(folder: &Folder, file: usize) -> bool {
    let path = folder.path.join(&folder.files[file]);
    // A file of a set holds a few planes; one that is larger is a film of its own.
    if std::fs::metadata(&path).is_ok_and(|about| about.len() > SET_FILE_BYTES) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = regular_file::open(&path).and_then(|file| file.take(SET_FILE_BYTES).read_to_end(&mut bytes));
    let alone = read.map(|_| tiff::open_bytes(&path, bytes, folder.limits));
    matches!(alone, Ok(Ok(reader)) if reader.series().iter().any(|s| s.missing_planes() > 0))
}

/// The first frame whose header can be read.
fn first_readable(
    folder: &Folder,
    group: &Group,
) -> Result<(usize, std::sync::Arc<dyn super::Reader>), VideoError> {
    let mut failure = None;
    for &file in group.files.values().take(TRIES) {
        match folder.frame(file) {
            Ok(reader) => return Ok((file, reader)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| {
        VideoError::new(&folder.path, "folder", "it holds no frames", "Choose a folder of frames.")
    }))
}

/// Every one of these files is a recording of its own.
fn whole(folder: &Folder, files: &[usize]) -> Result<Vec<(Series, Layout)>, VideoError> {
    let mut planned = Vec::new();
    let mut unread = Vec::new();
    for &file in files {
        let reader = match folder.frame(file) {
            Ok(reader) => reader,
            Err(error) => {
                unread.push(error);
                continue;
            }
        };
        for (number, about) in reader.series().iter().enumerate() {
            let stem = folder.files[file].file_stem().unwrap_or_default().to_string_lossy();
            let stem = stem.strip_suffix(".ome").unwrap_or(&stem);
            let name = match reader.series().len() {
                1 => stem.to_owned(),
                _ => format!("{stem} {}", about.name),
            };
            planned.push((Series { name, ..about.clone() }, Layout::Whole { file, series: number }));
        }
    }
    if planned.is_empty() && !unread.is_empty() {
        return Err(unread.swap_remove(0));
    }
    if let Some((first, _)) = planned.first_mut() {
        first.warnings.extend(unread.iter().map(|error| format!("{error} It is left out.")));
    }
    Ok(planned)
}

fn series_name(folder: &Folder, group: &Group) -> String {
    if !group.name.is_empty() {
        return group.name.clone();
    }
    folder.path.file_name().unwrap_or(folder.path.as_os_str()).to_string_lossy().into_owned()
}

/// Numbers of all time points, those without a file included; false where gaps would outnumber files.
fn time_points(present: &BTreeSet<u64>, most: usize) -> (Vec<u64>, bool) {
    let listed: Vec<u64> = present.iter().copied().collect();
    let step = listed.windows(2).fold(0, |step, pair| gcd(pair[1] - pair[0], step));
    let (Some(&first), Some(&last)) = (listed.first(), listed.last()) else { return (listed, true) };
    if step == 0 {
        return (listed, true);
    }
    if (last - first) / step >= most as u64 {
        return (listed, false);
    }
    ((0..=(last - first) / step).map(|k| first + k * step).collect(), true)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The grid of files in canonical order.
fn fill(group: &Group, times: &[u64], axes: &[BTreeSet<u64>; 3]) -> Vec<Option<usize>> {
    let rank = |values: &mut dyn Iterator<Item = &u64>| -> BTreeMap<u64, usize> {
        values.enumerate().map(|(i, &value)| (value, i)).collect()
    };
    let ranks = [rank(&mut times.iter()), rank(&mut axes[1].iter()), rank(&mut axes[2].iter())];
    let mut files = vec![None; times.len() * axes[1].len() * axes[2].len()];
    for (key, &file) in &group.files {
        let [Some(t), Some(z), Some(c)] = [0, 1, 2].map(|k| ranks[k].get(&key[k]).copied()) else { continue };
        files[(t * axes[1].len() + z) * axes[2].len() + c] = Some(file);
    }
    files
}

/// Names the frames that no file has.
fn missing_warnings(frames: &Frames, times: &[u64], axes: &[BTreeSet<u64>; 3]) -> Vec<String> {
    let per_time = frames.grid[1] * frames.grid[2];
    let rows: Vec<&[Option<usize>]> = frames.files.chunks(per_time).collect();
    let gone = |row: &[Option<usize>]| row.iter().all(Option::is_none);
    let mut warnings = Vec::new();
    let absent: Vec<usize> = (0..rows.len()).filter(|&t| gone(rows[t])).collect();
    if let (false, Some(first), Some(last)) = (absent.is_empty(), times.first(), times.last()) {
        let (noun, verb) = if absent.len() == 1 { ("Frame", "is") } else { ("Frames", "are") };
        warnings.push(format!("{noun} {} of {first}…{last} {verb} missing.", ranges(&absent, times)));
    }
    let partly: Vec<usize> =
        (0..frames.files.len()).filter(|&i| frames.files[i].is_none() && !gone(rows[i / per_time])).collect();
    if let Some(&i) = partly.first() {
        let number = |axis: usize, k: usize| axes[axis].iter().nth(k).copied().unwrap_or(0);
        let (t, z, c) = (i / per_time, i / frames.grid[2] % frames.grid[1], i % frames.grid[2]);
        let mut place = vec![format!("frame {}", times[t])];
        if frames.grid[1] > 1 {
            place.push(format!("focal plane {}", number(1, z)));
        }
        if frames.grid[2] > 1 {
            place.push(format!("channel {}", number(2, c)));
        }
        let place = place.join(", ");
        let (noun, verb) = if partly.len() == 1 { ("file", "is") } else { ("files", "are") };
        warnings.push(format!("{} {noun} {verb} missing; the first would be {place}.", partly.len()));
    }
    warnings
}

/// `7, 9–12, 20`.
fn ranges(absent: &[usize], times: &[u64]) -> String {
    let runs: Vec<&[usize]> = absent.chunk_by(|a, b| a + 1 == *b).collect();
    let mut parts: Vec<String> = Vec::new();
    for run in runs.iter().take(RANGES) {
        match run {
            [one] => parts.push(times[*one].to_string()),
            [first, .., last] => parts.push(format!("{}–{}", times[*first], times[*last])),
            [] => {}
        }
    }
    if runs.len() > RANGES {
        parts.push("…".to_owned());
    }
    parts.join(", ")
}

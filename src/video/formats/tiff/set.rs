//! OME-TIFF: from what OME-XML says to series, over one file or a set of files.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::directory::is_tiff;
use super::file::{LONGEST_TEXT, TiffFile};
use super::ome::{FileName, Image, Ome, TiffData};
use super::scene::{Axis, Order, PlaneRef, Scene, describe, describe_first, mark_missing, stem};
use super::source::Source;
use crate::regular_file;
use crate::video::{Channel, Limits, Series, Shape, VideoError};

/// The files of a set: 0 is the one that was opened, the others are its siblings.
pub struct Files {
    /// Paths of the siblings: file `n` of a [`PlaneRef`] is entry `n - 1`.
    pub siblings: Vec<PathBuf>,
    /// For each [`Ome::files`], which file it is; `None` when it is missing.
    of_name: Vec<Option<u32>>,
    /// Names of those that are missing.
    lost: Vec<String>,
}

impl Files {
    fn find(file: &TiffFile, own_uuid: Option<&str>, names: &[FileName]) -> Self {
        let mut this = Self { siblings: Vec::new(), of_name: Vec::new(), lost: Vec::new() };
        let own_name = file.path.file_name().map(|n| n.to_string_lossy().into_owned());
        let is_own = |f: &FileName| {
            !f.uuid.is_empty() && own_uuid == Some(f.uuid.as_str()) || f.name.is_some() && f.name == own_name
        };
        let any_own = names.iter().any(is_own);
        let mut known: HashMap<PathBuf, u32> = HashMap::new();
        for entry in names {
            // A renamed file still names itself as it was called.
            let (sibling, name) = match &entry.name {
                _ if is_own(entry) => {
                    this.of_name.push(Some(0));
                    continue;
                }
                None => (None, entry.uuid.clone()),
                Some(name) => (sibling(file, name), name.clone()),
            };
            this.of_name.push(match sibling {
                Some(path) => Some(*known.entry(path).or_insert_with_key(|path| {
                    this.siblings.push(path.clone());
                    this.siblings.len() as u32
                })),
                None if names.len() == 1 && !any_own => Some(0),
                None => {
                    this.lost.push(name);
                    None
                }
            });
        }
        this
    }
}

/// A file of the same folder. Only the last part of a name counts, so that a file cannot point anywhere else.
fn sibling(file: &TiffFile, name: &str) -> Option<PathBuf> {
    if file.source.is_memory() {
        return None;
    }
    let name = Path::new(name.rsplit(['/', '\\']).next()?).file_name()?;
    let path = file.path.parent()?.join(name);
    path.is_file().then_some(path)
}

/// The document that describes the file: its own, or the one that it points to.
pub fn document(file: &TiffFile, description: &str) -> Result<(Ome, Option<String>), String> {
    let own = Ome::parse(description)?;
    let own_uuid = own.uuid.clone();
    let Some(name) = own.metadata_file.clone() else {
        return Ok((own, own_uuid));
    };
    let path = sibling(file, &name).ok_or_else(|| format!("its metadata file {name} is missing"))?;
    let text = metadata_text(&path).ok_or_else(|| format!("its metadata file {name} cannot be read"))?;
    let ome = Ome::parse(&text).map_err(|e| format!("its metadata file {name} cannot be read: {e}"))?;
    if ome.metadata_file.is_some() {
        return Err(format!("its metadata file {name} points to yet another file"));
    }
    Ok((ome, own_uuid))
}

/// OME-XML from a companion file, which is XML or another TIFF.
fn metadata_text(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    regular_file::open(path).ok()?.take(4).read_to_end(&mut start).ok()?;
    if is_tiff(&start) {
        let one_page = Limits { planes: 1, ..Limits::default() };
        return TiffFile::open(path, Source::open(path).ok()?, one_page).ok()?.description(0);
    }
    let mut bytes = Vec::new();
    regular_file::open(path).ok()?.take(LONGEST_TEXT).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// Opens a sibling.
pub fn open_sibling(path: &Path, limits: Limits) -> Result<TiffFile, VideoError> {
    let source = Source::open(path).map_err(|e| VideoError::io(path, "file", &e))?;
    TiffFile::open(path, source, limits)
}

/// The series that a document describes, or why it cannot be right.
pub fn scenes(
    file: &TiffFile,
    ome: &Ome,
    own_uuid: Option<&str>,
    limits: Limits,
) -> Result<(Vec<Scene>, Files), String> {
    let files = Files::find(file, own_uuid, &ome.files);
    let mut left = limits;
    let mut next_page = 0;
    let mut scenes = Vec::new();
    let mut problem = None;
    for image in &ome.images {
        match scene(file, image, &files, left, &mut next_page) {
            Ok(mut scene) => {
                left.planes -= scene.planes.len().min(left.planes);
                if scene.series.name.is_empty() {
                    scene.series.name = match scenes.len() {
                        0 => stem(&file.path),
                        n => format!("{} {}", stem(&file.path), n + 1),
                    };
                }
                scenes.push(scene);
            }
            Err(reason) => problem = Some(reason),
        }
    }
    let Some(first) = scenes.first_mut() else {
        return Err(problem.unwrap_or_else(|| "it describes no image".to_owned()));
    };
    if let Some(problem) = problem {
        first.series.warnings.push(format!("A series is left out: {problem}."));
    }
    Ok((scenes, files))
}

fn scene(
    file: &TiffFile,
    image: &Image,
    files: &Files,
    limits: Limits,
    next_page: &mut usize,
) -> Result<Scene, String> {
    if image.binary && image.data.is_empty() {
        return Err("its pixels are inside the XML (BinData), which is not read".to_owned());
    }
    let whole_file =
        [TiffData { ifd: Some(*next_page as u64), first: [0; 3], count: Some(u64::MAX), file: None }];
    let data = if image.data.is_empty() { whole_file.as_slice() } else { &image.data };
    let opened;
    let (source, first, layout) = match first_page(file, data, files, limits)? {
        (None, page) => (file, page, file.layout(page)),
        (Some(other), page) => {
            opened = other;
            (&opened, page, opened.layout(page))
        }
    };
    let layout = layout.ok_or("its first page is not in the file")?;
    layout.check()?;

    let samples = u64::from(layout.samples);
    // SizeC counts samples; pages that hold several take that many channels each.
    let lead = if samples > 1 { (image.c / samples).max(1) } else { image.c };
    let size = |axis: char| match axis {
        'Z' => (Axis::Z, image.z as usize),
        'T' => (Axis::T, image.t as usize),
        _ => (Axis::C, lead as usize),
    };
    let order = Order(image.order.iter().rev().map(|&axis| size(axis)).collect());
    let inside = layout.channels();
    let [t, z, lead] = order
        .sizes(limits.planes / inside)
        .ok_or_else(|| format!("it declares {} × {} × {} planes", image.t, image.z, image.c))?;
    let shape = Shape {
        t,
        z,
        c: lead * inside,
        y: layout.height as usize,
        x: layout.width as usize,
        s: layout.plane_samples(),
    };
    let mut warnings = Vec::new();
    if (image.x, image.y) != (u64::from(layout.width), u64::from(layout.height)) {
        // Wrong sizes and a wrong number of planes: the text was left over from another file.
        if files.siblings.is_empty() && t * z * lead != file.pages.len() {
            return Err(format!(
                "it describes {} × {} pixels, the pages have {} × {}",
                image.x, image.y, layout.width, layout.height
            ));
        }
        warnings.push(format!(
            "OME-XML says {} × {} pixels; the pages have {} × {}.",
            image.x, image.y, layout.width, layout.height
        ));
    }

    let mut planes = vec![PlaneRef::NOWHERE; shape.planes()];
    let mut other_size = HashSet::new();
    for entry in data {
        let file_id = match entry.file {
            None => 0,
            Some(name) => match files.of_name.get(name).copied().flatten() {
                Some(id) => id,
                None => continue,
            },
        };
        let [first_z, first_c, first_t] = entry.first.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let per_page = usize::from(layout.samples);
        let first_c = if first_c >= lead { first_c / per_page } else { first_c };
        let Some(start) = order.index([first_t, first_z, first_c]) else {
            continue;
        };
        let left = t * z * lead - start;
        let count = match (entry.count, entry.ifd) {
            (Some(n), _) => usize::try_from(n).unwrap_or(usize::MAX).min(left),
            (None, Some(_)) => 1,
            (None, None) => left,
        };
        let ifd = entry.ifd.unwrap_or(0);
        for k in 0..count {
            let Ok(page) = u32::try_from(ifd.saturating_add(k as u64)) else {
                break;
            };
            if file_id == 0 {
                let Some(other) = file.layout(page as usize) else {
                    break;
                };
                if !other.matches(layout) {
                    other_size.insert(page);
                    continue;
                }
                *next_page = (*next_page).max(page as usize + 1);
            }
            let [t, z, c] = order.place(start + k);
            for channel in 0..inside {
                if let Some(plane) = planes.get_mut(shape.plane_index(t, z, c * inside + channel)) {
                    *plane = PlaneRef { file: file_id, page, part: channel as u32 };
                }
            }
        }
    }
    if planes.iter().all(|p| *p == PlaneRef::NOWHERE) {
        return Err("none of its planes is in the file".to_owned());
    }

    let mut series =
        describe(layout, shape, image.name.clone().unwrap_or_default()).ok_or("its samples are not read")?;
    series.warnings.extend(warnings);
    if !other_size.is_empty() {
        series
            .warnings
            .push(format!("{} pages have another size or type and are left out.", other_size.len()));
    }
    if !files.lost.is_empty() {
        let n = files.lost.len();
        let name = files.lost.first().map_or("", String::as_str);
        series.warnings.push(match n {
            1 => format!("{name}, a file of this recording, is missing; its planes are shown as missing."),
            _ => format!("{n} files of this recording are missing, {name} among them; so are their planes."),
        });
    }
    mark_missing(file, &planes, &mut series, limits);
    describe_first(source, first, &mut series);
    series.pixel_size_um = image.pixel_size_um;
    series.z_step_um = image.z_step_um;
    series.interval_s = image.interval_s;
    series.channels = channels(image, &shape, inside);
    times(image, lead, inside, &mut series);
    Ok(Scene { series, planes })
}

/// The first page that a document names and that exists; in a sibling if need be, which is then returned too.
fn first_page(
    file: &TiffFile,
    data: &[TiffData],
    files: &Files,
    limits: Limits,
) -> Result<(Option<TiffFile>, usize), String> {
    const MOST_TRIES: usize = 8;
    let page = |entry: &TiffData| usize::try_from(entry.ifd.unwrap_or(0)).unwrap_or(usize::MAX);
    let id = |entry: &TiffData| match entry.file {
        None => Some(0),
        Some(name) => files.of_name.get(name).copied().flatten(),
    };
    let usable = |file: &TiffFile, page| file.layout(page).is_some_and(|l| l.check().is_ok());
    if let Some(entry) = data.iter().find(|e| id(e) == Some(0) && usable(file, page(e))) {
        return Ok((None, page(entry)));
    }
    let elsewhere = data.iter().filter_map(|e| Some((id(e).filter(|&id| id > 0)?, page(e))));
    for (id, page) in elsewhere.take(MOST_TRIES) {
        let path = files.siblings.get(id as usize - 1);
        if let Some(other) = path.and_then(|path| open_sibling(path, limits).ok()).filter(|f| usable(f, page))
        {
            return Ok((Some(other), page));
        }
    }
    // Nothing can be read: say why, if the page is there at all.
    let named = data.iter().find(|e| id(e) == Some(0)).and_then(|e| file.layout(page(e)));
    Err(named.and_then(|l| l.check().err()).unwrap_or_else(|| "none of its planes is in the file".to_owned()))
}

fn channels(image: &Image, shape: &Shape, inside: usize) -> Vec<Channel> {
    let per_entry = if image.channels.len() == shape.c { 1 } else { inside };
    (0..shape.c)
        .map(|c| image.channels.get(c / per_entry).map(|(channel, _)| channel.clone()).unwrap_or_default())
        .collect()
}

/// Fills in the planes' times and, where the document gives no interval but regular times, that.
fn times(image: &Image, lead: usize, inside: usize, series: &mut Series) {
    const REGULAR: f64 = 0.01;
    let shape = series.shape;
    if image.times.is_empty() {
        return;
    }
    let mut times = vec![f64::NAN; shape.planes()];
    for &(t, z, c, seconds) in &image.times {
        let (t, z, c) = (t as usize, z as usize, c as usize);
        if t >= shape.t || z >= shape.z || c >= lead {
            continue;
        }
        for channel in 0..inside {
            if let Some(time) = times.get_mut(shape.plane_index(t, z, c * inside + channel)) {
                *time = seconds;
            }
        }
    }
    let Some(first) = times.iter().copied().find(|t| t.is_finite()) else {
        return;
    };
    for time in &mut times {
        *time -= first;
    }
    // The same time everywhere is a placeholder.
    if shape.planes() > 1 && times.iter().all(|&t| t.is_nan() || t == 0.0) {
        return;
    }
    series.plane_times_s = Some(times);
    let stamps = series.time_stamps_s().unwrap_or_default();
    let steps: Vec<f64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if series.interval_s.is_none() && !steps.is_empty() {
        let mean = steps.iter().sum::<f64>() / steps.len() as f64;
        if mean > 0.0 && steps.iter().all(|step| (step - mean).abs() <= REGULAR * mean) {
            series.interval_s = Some(mean);
        }
    }
}

//! TIFF: OME-TIFF, `ImageJ` stacks and plain pages; classic and `BigTIFF`.
//!
//! `directory` and `page` read the container, `layout` and `set` turn pages into series,
//! `decode` turns strips and tiles into planes. Files are not trusted: every size is checked against
//! the bytes that are there before memory is taken for it.

mod codec;
mod decode;
mod directory;
mod file;
mod imagej;
mod interleaved;
mod layout;
mod lzw;
mod metamorph;
mod ome;
mod page;
mod samples;
mod scene;
mod segments;
mod set;
mod source;
mod units;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::decode::Picture;
use self::file::TiffFile;
use self::interleaved::Pages;
use self::scene::{PlaneRef, Scene};
use self::source::Source;
use super::{Limits, Reader};
use crate::cache::Bounded;
use crate::video::{Plane, Series, VideoError};

/// True for the first bytes of a TIFF file.
pub fn sniff(head: &[u8]) -> bool {
    directory::is_tiff(head)
}

/// Opens a TIFF file.
pub fn open(path: &Path, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    let source = Source::open(path).map_err(|e| VideoError::io(path, "file", &e))?;
    Ok(Box::new(TiffReader::new(path, source, limits)?))
}

/// Opens a TIFF that is already in memory; `name` is used in messages. Other files of a set are not looked for.
pub fn open_bytes(name: &Path, bytes: Vec<u8>, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    Ok(Box::new(TiffReader::new(name, Source::Bytes(bytes), limits)?))
}

/// Siblings kept open at a time; sets of thousands of files exist, file handles are few.
const OPEN_SIBLINGS: usize = 32;

/// An open recording.
struct TiffReader {
    file: TiffFile,
    format: &'static str,
    series: Vec<Series>,
    planes: Vec<Vec<PlaneRef>>,
    siblings: Vec<PathBuf>,
    opened: Mutex<Bounded<u32, Arc<TiffFile>>>,
    /// Pages whose channels are interleaved: the next channel needs them again.
    pages: Pages,
    limits: Limits,
}

impl TiffReader {
    fn new(path: &Path, source: Source, limits: Limits) -> Result<Self, VideoError> {
        let file = TiffFile::open(path, source, limits)?;
        let mut warnings = Vec::new();
        let mut found = None;
        if let Some(description) = file.description(0).filter(|d| ome::is_ome(d)) {
            let scenes = set::document(&file, &description)
                .and_then(|(ome, own_uuid)| set::scenes(&file, &ome, own_uuid.as_deref(), limits));
            match scenes {
                Ok((scenes, files)) => found = Some(("OME-TIFF", scenes, files.siblings)),
                Err(reason) => {
                    warnings.push(format!("OME-XML is ignored: {}.", reason.trim_end_matches('.')));
                }
            }
        }
        let (format, mut scenes, siblings) = if let Some(found) = found {
            found
        } else {
            let (scenes, imagej) = layout::scenes(&file, limits)?;
            (if imagej { "ImageJ TIFF" } else { "TIFF" }, scenes, Vec::new())
        };
        warnings.extend(scene::chain_warning(&file, limits.planes));
        if let Some(first) = scenes.first_mut() {
            first.series.warnings.extend(warnings);
        }
        let nothing_left =
            scenes.iter().all(|s| !s.series.missing.is_empty() && !s.series.missing.contains(&false));
        let (series, planes): (Vec<Series>, Vec<_>) =
            scenes.into_iter().map(|Scene { series, planes }| (series, planes)).unzip();
        let mut this = Self {
            file,
            format,
            series,
            planes,
            siblings,
            opened: Mutex::new(Bounded::new(OPEN_SIBLINGS)),
            pages: Pages::default(),
            limits,
        };
        if nothing_left {
            // The first plane's own problem says more than a recording without pictures.
            if let Some((info, &at)) = this.series.first().zip(this.planes.first().and_then(|p| p.first())) {
                this.read_from(&this.file, info, at)?;
            }
        }
        this.check_limits()?;
        Ok(this)
    }

    /// Refuses a file whose planes would not be decoded, by the first and the last plane of each series: one of them may be
    /// blank. Where that is so of some series only, they say it.
    fn check_limits(&mut self) -> Result<(), VideoError> {
        let refusal = |(series, planes): (&Series, &Vec<PlaneRef>)| {
            let here = |(plane, at): &(usize, &PlaneRef)| {
                at.file == 0 && **at != PlaneRef::NOWHERE && !series.is_missing(*plane)
            };
            let check = |(_, at): (usize, &PlaneRef)| {
                let number = at.page as usize;
                Picture { file: &self.file, number, frame: 0, limits: self.limits }.check_limits().err()
            };
            let mut there = planes.iter().enumerate().filter(here);
            let first = check(there.next()?)?;
            match there.next_back() {
                Some(last) => check(last).map(|_| first),
                None => Some(first),
            }
        };
        let refused: Vec<Option<VideoError>> = self.series.iter().zip(&self.planes).map(refusal).collect();
        if refused.iter().all(Option::is_some) {
            return refused.into_iter().flatten().next().map_or(Ok(()), Err);
        }
        for (series, error) in self.series.iter_mut().zip(refused) {
            series.warnings.extend(error.map(|error| format!("It cannot be shown: {error}")));
        }
        Ok(())
    }

    fn sibling(&self, id: u32) -> Result<Arc<TiffFile>, VideoError> {
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock().get(&id) {
            return Ok(Arc::clone(file));
        }
        let path = self.siblings.get(id as usize - 1).map_or(Path::new(""), PathBuf::as_path);
        let file = Arc::new(set::open_sibling(path, self.limits)?);
        lock().insert(id, Arc::clone(&file), 1);
        Ok(file)
    }

    fn read_from(&self, file: &TiffFile, series: &Series, at: PlaneRef) -> Result<Vec<u8>, VideoError> {
        let number = at.page as usize;
        let shape = series.shape;
        let layout = file.layout(number).filter(|layout| {
            (layout.width as usize, layout.height as usize, layout.plane_samples())
                == (shape.x, shape.y, shape.s)
                && layout.dtype() == Ok(series.dtype)
        });
        let Some(layout) = layout else {
            return Err(VideoError::new(
                &file.path,
                format!("directory {number}"),
                "there is no picture of this series' size and type",
                "Check that all files of the recording belong together.",
            ));
        };
        let inside = layout.channels();
        let (frame, channel) = (u64::from(at.part) / inside as u64, at.part as usize % inside);
        let picture = Picture { file, number, frame, limits: self.limits };
        if inside == 1 {
            return picture.read();
        }
        if layout.planar {
            return picture.read_sample(channel);
        }
        let bytes = self.pages.get((at.file, at.page, frame), || picture.read())?;
        Ok(samples::take_sample(&bytes, inside, series.dtype.size(), channel))
    }
}

impl Reader for TiffReader {
    fn format(&self) -> &'static str {
        self.format
    }

    fn series(&self) -> &[Series] {
        &self.series
    }

    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
        let error = |place: String, problem: &str, remedy: &str| {
            Err(VideoError::new(&self.file.path, place, problem, remedy))
        };
        let Some((info, planes)) = self.series.get(series).zip(self.planes.get(series)) else {
            return error(
                format!("series {series}"),
                &format!("the file has {} series", self.series.len()),
                "Choose one of them; they are counted from 0.",
            );
        };
        let shape = info.shape;
        let Some(&at) = planes.get(plane) else {
            return error(
                format!("plane {plane}"),
                &format!("the series has {} planes", planes.len()),
                "Choose one of them; they are counted from 0.",
            );
        };
        if at == PlaneRef::NOWHERE || info.is_missing(plane) {
            let (t, z, c) = (plane / shape.c / shape.z, plane / shape.c % shape.z, plane % shape.c);
            return error(
                format!("series {series}, plane {plane} (t {t}, z {z}, c {c})"),
                "the file declares this plane but does not hold it",
                "The file is incomplete: copy it again from its source, or leave this time point out.",
            );
        }
        let bytes = if at.file == 0 {
            self.read_from(&self.file, info, at)
        } else {
            self.sibling(at.file).and_then(|file| self.read_from(&file, info, at))
        };
        let bytes = bytes.map_err(|mut error| {
            error.place = format!("plane {plane}, {}", error.place);
            error
        })?;
        Ok(Plane { width: shape.x, height: shape.y, samples: shape.s, dtype: info.dtype, bytes })
    }
}

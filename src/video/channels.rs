//! Recordings whose channels lie in files of their own, as screens of images are kept: read side by side as one.

mod names;

use std::path::Path;

use self::names::differing;
use super::{Address, Channel, Limits, Plane, Reader, Series, Shape, VideoError, formats};

/// Opens the file of an address, or all of its files as the channels of one recording, in their order.
///
/// # Errors
/// A file cannot be opened, or the files do not agree in time points, focal planes, frame size and sample type.
pub fn open(address: &Address, limits: Limits) -> Result<Box<dyn Reader>, VideoError> {
    if address.more.is_empty() {
        return formats::open(&address.path, limits);
    }
    let files: Vec<Box<dyn Reader>> =
        address.files().map(|path| formats::open(path, limits)).collect::<Result<_, _>>()?;
    Ok(Box::new(Channels::new(address, files)?))
}

/// Where a channel's planes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// Number of the file.
    file: usize,
    /// Channel in the file.
    channel: usize,
    /// Channels in the file.
    of: usize,
}

/// Several files as one.
struct Channels {
    files: Vec<Box<dyn Reader>>,
    format: &'static str,
    series: Vec<Series>,
    /// Of each channel of each series.
    places: Vec<Vec<Place>>,
}

impl Channels {
    /// Joins the series that all files have. Later ones than the address names are left out where they do not agree.
    fn new(address: &Address, files: Vec<Box<dyn Reader>>) -> Result<Self, VideoError> {
        let counts = || files.iter().map(|file| file.series().len());
        let common = counts().min().unwrap_or_default();
        if let Some((path, count)) = address.files().zip(counts()).find(|(_, count)| *count <= address.series)
        {
            return Err(no_series(path, address.series, count));
        }
        let (mut series, mut places) = (Vec::new(), Vec::new());
        for number in 0..common {
            let parts: Vec<Part<'_>> = address
                .files()
                .zip(&files)
                .map(|(path, file)| Part { path, series: &file.series()[number] })
                .collect();
            match join(&parts, &address.stains) {
                Ok(joined) => {
                    series.push(joined);
                    places.push(places_of(&parts));
                }
                Err(e) if number <= address.series => return Err(e),
                Err(_) => break,
            }
        }
        let format = files.first().map_or("", |file| file.format());
        let one = files.iter().all(|file| file.format() == format);
        Ok(Self { files, format: if one { format } else { "files of several formats" }, series, places })
    }
}

/// A file has fewer series than were asked for.
pub(super) fn no_series(path: &Path, series: usize, count: usize) -> VideoError {
    VideoError::new(
        path,
        format!("series {series}"),
        format!("the file has {count} series"),
        format!("Choose a series from 0 to {}.", count.saturating_sub(1)),
    )
}

impl Reader for Channels {
    fn format(&self) -> &'static str {
        self.format
    }

    fn series(&self) -> &[Series] {
        &self.series
    }

    fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
        let places = &self.places[series];
        let Place { file, channel, of } = places[plane % places.len()];
        self.files[file].read_plane(series, plane / places.len() * of + channel)
    }
}

/// A series of one of the files.
#[derive(Clone, Copy)]
struct Part<'a> {
    path: &'a Path,
    series: &'a Series,
}

impl Part<'_> {
    fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// What all files must have alike, in words.
    fn sizes(&self) -> String {
        let Series { shape: Shape { t, z, y, x, s, .. }, dtype, .. } = self.series;
        let samples = if *s > 1 { format!(", {s} colour samples") } else { String::new() };
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        format!(
            "{} of {} with {x} × {y} px, {}{samples}",
            count(*t, "time point"),
            count(*z, "focal plane"),
            dtype.name()
        )
    }

    fn fits(&self, other: &Self) -> bool {
        let alike = |series: &Series| (Shape { c: 1, ..series.shape }, series.dtype);
        alike(self.series) == alike(other.series)
    }
}

/// One series of several files' series. What they say besides their samples is taken from the first that says it.
fn join(parts: &[Part<'_>], stains: &[String]) -> Result<Series, VideoError> {
    // An address has a file at least.
    let first = parts[0];
    if let Some(odd) = parts.iter().find(|part| !part.fits(&first)) {
        return Err(VideoError::new(
            odd.path,
            "joining channels",
            format!("it has {}, but {} has {}", odd.sizes(), first.name(), first.sizes()),
            "Name files of one size and sample type, one for each channel.",
        ));
    }
    let all = || parts.iter().map(|part| part.series);
    let is_whole = all().all(|series| series.missing_planes() == 0);
    let mut compressions: Vec<&str> = Vec::new();
    for series in all() {
        if !compressions.contains(&series.compression.as_str()) {
            compressions.push(&series.compression);
        }
    }
    Ok(Series {
        name: first.series.name.clone(),
        shape: Shape { c: all().map(|series| series.shape.c).sum(), ..first.series.shape },
        dtype: first.series.dtype,
        missing: if is_whole { Vec::new() } else { woven(parts, Series::is_missing) },
        pixel_size_um: all().find_map(|series| series.pixel_size_um),
        z_step_um: all().find_map(|series| series.z_step_um),
        interval_s: all().find_map(|series| series.interval_s),
        plane_times_s: times(parts),
        playback_fps: all().find_map(|series| series.playback_fps),
        channels: channels(parts, stains),
        compression: compressions.join(", "),
        palette: first.series.palette.clone().filter(|_| all().all(|s| s.palette == first.series.palette)),
        levels: Some(&first.series.levels)
            .filter(|levels| all().all(|series| series.levels == **levels))
            .cloned()
            .unwrap_or_default(),
        warnings: warnings(parts),
    })
}

fn places_of(parts: &[Part<'_>]) -> Vec<Place> {
    let of = |(file, part): (usize, &Part<'_>)| {
        let of = part.series.shape.c;
        (0..of).map(move |channel| Place { file, channel, of })
    };
    parts.iter().enumerate().flat_map(of).collect()
}

/// A value of each plane, from the files' own planes, in the order of the whole: channel fastest, then z, then time.
fn woven<T>(parts: &[Part<'_>], value: impl Fn(&Series, usize) -> T) -> Vec<T> {
    let points = parts.first().map_or(0, |part| part.series.shape.t * part.series.shape.z);
    let mut values = Vec::new();
    for point in 0..points {
        for Part { series, .. } in parts {
            let of = series.shape.c;
            values.extend((0..of).map(|channel| value(series, point * of + channel)));
        }
    }
    values
}

/// Times of the planes; those of the first file that has any stand in where a file has none.
fn times(parts: &[Part<'_>]) -> Option<Vec<f64>> {
    let known = parts.iter().find(|part| part.series.plane_times_s.is_some())?.series;
    let time = |series: &Series, plane: usize| {
        series.plane_times_s.as_ref().and_then(|times| times.get(plane)).copied()
    };
    Some(woven(parts, |series, plane| {
        let own = if series.plane_times_s.is_some() {
            time(series, plane)
        } else {
            time(known, plane / series.shape.c * known.shape.c)
        };
        own.unwrap_or(f64::NAN)
    }))
}

/// Channels are called by their stain, else as their file calls them, else by what tells their file from the others. A
/// simulated one stays so.
fn channels(parts: &[Part<'_>], stains: &[String]) -> Vec<Channel> {
    let stains: &[String] = if stains.len() == parts.len() { stains } else { &[] };
    let stem = |part: &Part<'_>| {
        part.path.file_stem().map_or_else(|| part.name(), |s| s.to_string_lossy().into_owned())
    };
    let stems: Vec<String> = parts.iter().map(stem).collect();
    let mut channels = Vec::new();
    for ((file, part), differs) in parts.iter().enumerate().zip(differing(&stems)) {
        let of = part.series.shape.c;
        for channel in 0..of {
            let own = part.series.channels.get(channel).cloned().unwrap_or_default();
            let stain = stains.get(file).cloned();
            // A stain cannot name the channels of one file apart.
            let name = match (own.name, stain) {
                (own, Some(stain)) if of == 1 => {
                    let is_simulated = |name: &str| name.to_lowercase().contains("simulated");
                    if own.is_some_and(|own| is_simulated(&own)) && !is_simulated(&stain) {
                        format!("{stain} (simulated)")
                    } else {
                        stain
                    }
                }
                (Some(own), _) => own,
                (None, _) if of == 1 => differs.to_owned(),
                (None, stain) => format!("{} {}", stain.as_deref().unwrap_or(differs), channel + 1),
            };
            channels.push(Channel { name: Some(name), color: own.color });
        }
    }
    channels
}

/// What each file's reader had to guess, and where the files contradict each other.
fn warnings(parts: &[Part<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    for part in parts {
        warnings.extend(part.series.warnings.iter().map(|warning| format!("{}: {warning}", part.name())));
    }
    let sized = |part: &&Part<'_>| part.series.pixel_size_um.is_some();
    if let Some(first) = parts.iter().find(sized) {
        let differs = |part: &&Part<'_>| part.series.pixel_size_um != first.series.pixel_size_um;
        for part in parts.iter().filter(sized).filter(differs) {
            warnings.push(format!(
                "{} and {} give different pixel sizes; that of the first counts.",
                first.name(),
                part.name()
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::super::{Recording, SampleType};
    use super::*;

    /// Planes whose only sample is a mark and their index in the file.
    struct Marked(Vec<Series>, u8);

    impl Reader for Marked {
        fn format(&self) -> &'static str {
            "marked"
        }
        fn series(&self) -> &[Series] {
            &self.0
        }
        fn read_plane(&self, series: usize, plane: usize) -> Result<Plane, VideoError> {
            let bytes = vec![self.1 + 50 * series as u8 + plane as u8];
            Ok(Plane { width: 1, height: 1, samples: 1, dtype: SampleType::U8, bytes })
        }
    }

    fn series(t: usize, z: usize, c: usize) -> Series {
        Series::new("marked", Shape { t, z, c, y: 1, x: 1, s: 1 }, SampleType::U8, "none")
    }

    fn address(files: &[&str], stains: &[&str]) -> Address {
        let mut files = files.iter().map(std::path::PathBuf::from);
        Address {
            path: files.next().unwrap(),
            more: files.collect(),
            stains: stains.iter().map(ToString::to_string).collect(),
            series: 0,
            crop: None,
        }
    }

    fn joined(address: &Address, files: Vec<Vec<Series>>) -> Result<Channels, VideoError> {
        let marked = |(file, series): (usize, Vec<Series>)| {
            Box::new(Marked(series, 100 * file as u8)) as Box<dyn Reader>
        };
        Channels::new(address, files.into_iter().enumerate().map(marked).collect())
    }

    fn names(series: &Series) -> Vec<&str> {
        series.channels.iter().map(|channel| channel.name.as_deref().unwrap()).collect()
    }

    #[test]
    fn the_channels_of_all_files_are_read_in_order() {
        let address = address(&["a.tif", "b.tif"], &[]);
        let reader = joined(&address, vec![vec![series(2, 3, 2)], vec![series(2, 3, 1)]]).unwrap();
        assert_eq!(reader.series()[0].shape.dims(), [2, 3, 3, 1, 1]);
        assert_eq!(reader.format(), "marked");
        let recording = Recording::from_reader(&address, std::sync::Arc::new(reader)).unwrap();
        for (t, z) in [(0, 0), (0, 2), (1, 0), (1, 2)] {
            let values = [0, 1, 2].map(|c| usize::from(recording.read(t, z, c).unwrap().bytes[0]));
            let point = t * 3 + z;
            assert_eq!(values, [2 * point, 2 * point + 1, 100 + point]);
        }
    }

    #[test]
    fn what_files_say_comes_from_the_first_that_says_it() {
        let silent = Series { warnings: vec!["Odd.".to_owned()], ..series(2, 1, 1) };
        let telling = Series {
            pixel_size_um: Some(0.2),
            interval_s: Some(5.0),
            plane_times_s: Some(vec![0.0, 1.0, 5.0, 6.0]),
            missing: vec![false, true, false, false],
            compression: "lzw".to_owned(),
            ..series(2, 1, 2)
        };
        let other = Series { pixel_size_um: Some(0.3), ..series(2, 1, 1) };
        let address = address(&["x/a.tif", "b.tif", "c.tif"], &[]);
        let reader = joined(&address, vec![vec![silent], vec![telling], vec![other]]).unwrap();
        let series = &reader.series()[0];
        assert_eq!((series.pixel_size_um, series.interval_s), (Some(0.2), Some(5.0)));
        assert_eq!(series.plane_times_s.as_ref().unwrap(), &[0.0, 0.0, 1.0, 0.0, 5.0, 5.0, 6.0, 5.0]);
        let missing: Vec<usize> = (0..8).filter(|&plane| series.is_missing(plane)).collect();
        assert_eq!((missing, series.compression.as_str()), (vec![2], "none, lzw"));
        assert_eq!(series.warnings[0], "a.tif: Odd.");
        assert!(series.warnings[1].starts_with("b.tif and c.tif give different pixel sizes"), "{series:?}");
        assert_eq!(series.warnings.len(), 2);
    }

    #[test]
    fn channels_are_called_by_stain_then_file_and_what_is_simulated_stays_so() {
        let named = |name: &str| Series {
            channels: vec![Channel { name: Some(name.to_owned()), color: Some([1, 2, 3]) }],
            ..series(1, 1, 1)
        };
        let files = || vec![vec![named("GFP")], vec![series(1, 1, 1)], vec![series(1, 1, 2)]];
        let of = |stains: &[&str], files: Vec<Vec<Series>>| {
            let reader = joined(&address(&["a.tif", "x/b.tif", "c.tif"], stains), files).unwrap();
            names(&reader.series()[0]).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(&[], files()), ["GFP", "b", "c 1", "c 2"]);
        assert_eq!(of(&["FKHR", "DNA", "both"], files()), ["FKHR", "DNA", "both 1", "both 2"]);
        assert_eq!(of(&["FKHR", "DNA"], files()), ["GFP", "b", "c 1", "c 2"], "not one for each file");
        let well = address(&["mito_A01_dapi.tif", "mito_A01_tmrm.tif"], &[]);
        let reader = joined(&well, vec![vec![series(1, 1, 1)], vec![series(1, 1, 2)]]).unwrap();
        assert_eq!(names(&reader.series()[0]), ["dapi", "tmrm 1", "tmrm 2"], "what the files do not share");
        let simulated = vec![vec![named("TMRM (simulated)")], vec![named("DNA")], vec![series(1, 1, 1)]];
        assert_eq!(of(&["TMRM", "DNA", "x"], simulated), ["TMRM (simulated)", "DNA", "x"]);
    }

    #[test]
    fn files_that_do_not_agree_are_an_error_that_names_both() {
        let fails = |other: Series| {
            let address = address(&["a.tif", "b.tif"], &[]);
            joined(&address, vec![vec![series(2, 1, 1)], vec![other]]).err().unwrap().to_string()
        };
        let text = fails(series(1, 1, 1));
        assert!(text.starts_with("b.tif: joining channels: it has 1 time point of 1 focal plane"), "{text}");
        assert!(text.contains("but a.tif has 2 time points of 1 focal plane with 1 × 1 px, uint8"), "{text}");
        assert!(fails(Series { dtype: SampleType::U16, ..series(2, 1, 1) }).contains("uint16, but a.tif"));
        let wide = Shape { x: 2, ..series(2, 1, 1).shape };
        assert!(fails(Series { shape: wide, ..series(2, 1, 1) }).contains("2 × 1 px"));
        let colour = Shape { s: 3, ..series(2, 1, 1).shape };
        assert!(fails(Series { shape: colour, ..series(2, 1, 1) }).contains("3 colour samples"));
    }

    #[test]
    fn series_are_joined_as_far_as_they_agree() {
        let files = || {
            let a = vec![series(1, 1, 1), series(2, 1, 1), series(1, 1, 1)];
            vec![a, vec![series(1, 1, 1), series(3, 1, 1)]]
        };
        let first = address(&["a.tif", "b.tif"], &[]);
        assert_eq!(joined(&first, files()).unwrap().series().len(), 1);
        let second = Address { series: 1, ..first };
        assert!(joined(&second, files()).err().unwrap().to_string().contains("3 time points"));
        let third = Address { series: 2, ..second };
        let text = joined(&third, files()).err().unwrap().to_string();
        assert!(text.starts_with("b.tif: series 2: the file has 2 series"), "{text}");
    }
}

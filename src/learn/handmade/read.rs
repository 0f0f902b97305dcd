//! Recordings as pictures at their own resolution.

use crate::analysis::biomarkers::{NUCLEUS_CHANNEL, Stack};
use crate::analysis::image::Image;
use crate::experiment::Experiment;
use crate::learn::near;
use crate::learn::store::{LoadError, calibration};
use crate::model::clip::{ClipError, Defect};
use crate::model::input::{Frames, View};
use crate::model::sampling::roles;
use crate::video::{Limits, Plane, Recording, SampleType};

/// Most frames that are looked at, the nearest in time to as many that are equally far apart.
const FRAMES: usize = 32;

/// Longest side, pixels; larger pictures are averaged down.
const SIDE: usize = 1024;

/// Least pixel, µm: below that light has no detail, and larger pictures are averaged down.
const FINEST_UM: f64 = 0.05;

/// A pixel where nobody says how large it is, µm, and the time between frames, s.
const NOMINAL_UM: f64 = 0.2;
const NOMINAL_S: f64 = 1.0;

/// Pixel sizes and intervals that can be true.
const PIXELS_UM: std::ops::RangeInclusive<f64> = 0.001..=100.0;
const INTERVALS_S: std::ops::RangeInclusive<f64> = 1e-6..=1e6;

/// Numbers with a point often lie between 0 and 1; the logarithms of features want counts.
const COUNTS: f32 = 1e4;

/// Bytes per pixel of what is kept of each picture while a recording is measured, and of what is made of one at a time.
const KEPT_BYTES: usize = 24;
const PASSING_BYTES: usize = 64;

/// Name of a channel of nuclei that is alone. Nuclei are looked for to compare other channels with them, so one channel
/// gives the same numbers whatever it is called.
const NUCLEI_ALONE: &str = "nuclear_stain";

/// What is seen of a row.
pub(super) struct Seen {
    pub stack: Stack,
    /// BLAKE3 of the pictures.
    pub content: [u8; 32],
    /// What the first channel looks like, by [`near::of_frames`].
    pub near: Vec<f32>,
    pub warnings: Vec<&'static str>,
}

/// Bytes that a row takes at most while it is measured; 0 where it cannot be opened.
pub(super) fn bytes(experiment: &Experiment, row: usize, order: Frames) -> usize {
    let address = experiment.address(row).ok();
    let Some(recording) = address.and_then(|of| Recording::open(&of, Limits::default()).ok()) else {
        return 0;
    };
    let shape = recording.shape();
    let channels = if shape.s < 3 { shape.c } else { 3 * shape.c };
    let frames = if order == Frames::Single { 1 } else { shape.t.min(FRAMES) };
    let factor = shape.x.max(shape.y).div_ceil(SIDE).max(1);
    let seen = (shape.x / factor) * (shape.y / factor) * (KEPT_BYTES * frames + PASSING_BYTES);
    // Before they are averaged down, pictures are as large as recorded: the maximum so far, and one focal plane.
    let read = shape.x * shape.y * 2 * size_of::<f32>();
    seen.saturating_add(read).saturating_mul(channels).saturating_add(recording.plane_bytes())
}

/// Reads a row's recording. The row's pixel size and interval count before the file's. Focal planes are joined by their
/// maximum; of a single frame it is the middle one.
///
/// # Errors
/// It cannot be read, or there is nothing in it ([`ClipError::Defect`]).
pub(super) fn read(experiment: &Experiment, row: usize, order: Frames) -> Result<Seen, LoadError> {
    let recording = Recording::open(&experiment.address(row)?, Limits::default())?;
    let calibration = calibration(experiment, row);
    let shape = recording.shape();
    let path = || recording.path().display().to_string();
    let defect = |defect| LoadError::from(ClipError::Defect { path: path(), defect });
    if shape.t == 0 {
        return Err(ClipError::NoFrames { path: path() }.into());
    }
    if shape.x.min(shape.y) < 2 {
        return Err(defect(Defect::TooSmall { width: shape.x, height: shape.y }));
    }
    let known = |range: &std::ops::RangeInclusive<f64>, values: [Option<f64>; 2]| {
        values.into_iter().flatten().find(|value| range.contains(value))
    };
    let pixel_um = known(&PIXELS_UM, [calibration.pixel_size_um, recording.series.pixel_size_um]);
    let times: Option<Vec<f64>> = match known(&INTERVALS_S, [calibration.interval_s, None]) {
        Some(interval) => Some((0..shape.t).map(|t| t as f64 * interval).collect()),
        None => recording.times_s(),
    };
    let mut frames = thin(shape.t, times.as_deref());
    if order == Frames::Single {
        frames = vec![frames[frames.len() / 2]];
    }
    let interval_s = times.as_deref().and_then(|times| {
        let [first, last] = [frames.first(), frames.last()].map(|t| t.and_then(|&t| times.get(t)));
        let interval = (last? - first?) / (frames.len() - 1).max(1) as f64;
        known(&INTERVALS_S, [Some(interval), None])
    });
    let mut warnings = Vec::new();
    if pixel_um.is_none() {
        warnings.push(
            "the pixel size is unknown: pixels of 0.2 µm are assumed, so lengths and speeds may be wrong",
        );
    }
    if interval_s.is_none() && frames.len() > 1 {
        warnings.push("the interval is unknown: a frame a second is assumed, so speeds may be wrong");
    }
    if order == Frames::Shuffled {
        let shuffled = View::upright(frames.len(), order, experiment.table.row_id(row)).frames;
        frames = shuffled.into_iter().map(|place| frames[place]).collect();
    }
    let factor =
        shape.x.max(shape.y).div_ceil(SIDE).max((FINEST_UM / pixel_um.unwrap_or(NOMINAL_UM)) as usize);
    let factor = factor.clamp(1, shape.x.min(shape.y) / 2);

    let (names, places) = channels(&recording, &colours(experiment, row));
    let mut channels: Vec<Vec<Image>> = vec![Vec::new(); places.len()];
    for &t in &frames {
        for (images, image) in channels.iter_mut().zip(pictures(&recording, t, &places)?) {
            images.push(if factor > 1 { averaged(&image, factor) } else { image });
        }
    }
    let ranges: Vec<Option<(f32, f32)>> = channels.iter_mut().map(|images| repair(images)).collect();
    if ranges.iter().all(|range| range.is_none_or(|(low, high)| low >= high)) {
        let constant = ranges
            .iter()
            .flatten()
            .next()
            .map(|(low, _)| Defect::Constant(low / counts(recording.series.dtype)));
        return Err(defect(constant.unwrap_or(Defect::NotFinite)));
    }
    let mut hasher = blake3::Hasher::new();
    for image in channels.iter().flatten() {
        hasher.update(&(image.width as u64).to_le_bytes()).update(bytemuck::cast_slice(&image.data));
    }
    let first = channels.first().map_or(&[][..], Vec::as_slice);
    let size = first.first().map_or([0, 0], |image| [image.height, image.width]);
    let near = near::of_frames(size, first.iter().map(|image| image.data.iter().copied()));
    let pixel_um = pixel_um.unwrap_or(NOMINAL_UM) * factor as f64;
    let stack = Stack { names, channels, pixel_um, interval_s: interval_s.unwrap_or(NOMINAL_S) };
    Ok(Seen { stack, content: *hasher.finalize().as_bytes(), near, warnings })
}

/// What the recording's values are multiplied by.
fn counts(dtype: SampleType) -> f32 {
    if dtype.is_float() { COUNTS } else { 1.0 }
}

/// At most [`FRAMES`] of `n` frames, ascending: those nearest to as many time points from the first to the last.
fn thin(n: usize, times: Option<&[f64]>) -> Vec<usize> {
    if n <= FRAMES {
        return (0..n).collect();
    }
    let part = |k: usize| k as f64 / (FRAMES - 1) as f64;
    let mut frames: Vec<usize> = match times.filter(|times| times.len() == n) {
        None => (0..FRAMES).map(|k| (part(k) * (n - 1) as f64).round() as usize).collect(),
        Some(times) => {
            let (first, last) = (times[0], times[n - 1]);
            let nearest = |time: f64| {
                let after = times.partition_point(|&t| t < time).min(n - 1);
                let before = after.saturating_sub(1);
                if time - times[before] < times[after] - time { before } else { after }
            };
            (0..FRAMES).map(|k| nearest(first + part(k) * (last - first))).collect()
        }
    };
    frames.dedup();
    frames
}

/// What the samples of colour pixels show: what `stain` says of three, the stains of the Mito dataset in its own rows, and
/// else the colours.
fn colours(experiment: &Experiment, row: usize) -> [String; 3] {
    let colours = ["red", "green", "blue"];
    let text = experiment.table.text(row, "stain").to_lowercase();
    let stains: Vec<String> = text.split(';').map(str::to_owned).collect();
    if stains.len() == colours.len() {
        let roles = roles(&stains);
        return std::array::from_fn(|place| match roles[place] {
            Some(role) => role.to_owned(),
            None => snake(&stains[place]).unwrap_or_else(|| colours[place].to_owned()),
        });
    }
    // Only an import of that dataset names the folder of each drug.
    let mito = !experiment.table.text(row, "drug_folder").is_empty();
    let names = if mito { ["mitochondria", "green", "nucleus"] } else { colours };
    names.map(str::to_owned)
}

/// Names of the channels, and where their samples are: channel, and sample of interleaved colour. In the order of their names,
/// so that files that store them in another order give the same. `colours` are
/// what the samples of colour pixels show.
fn channels(recording: &Recording, colours: &[String; 3]) -> (Vec<String>, Vec<(usize, usize)>) {
    let shape = recording.shape();
    let stored = |c: usize| recording.series.channels.get(c).and_then(|channel| channel.name.as_deref());
    let lower: Vec<String> = (0..shape.c).map(|c| stored(c).unwrap_or_default().to_lowercase()).collect();
    let roles = roles(&lower);
    let mut found: Vec<(String, (usize, usize))> = Vec::new();
    for c in 0..shape.c {
        let own = match roles[c] {
            Some(role) => role.to_owned(),
            None => snake(&lower[c]).unwrap_or_else(|| format!("channel_{}", c + 1)),
        };
        if shape.s < 3 {
            found.push((own, (c, 0)));
            continue;
        }
        for (sample, colour) in colours.iter().enumerate() {
            let name = if shape.c == 1 { colour.clone() } else { format!("{own}_{colour}") };
            found.push((name, (c, sample)));
        }
    }
    found.sort();
    let mut names: Vec<String> = Vec::new();
    let mut places = Vec::new();
    for (name, place) in found {
        let again = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !names.contains(name));
        names.extend(free);
        places.push(place);
    }
    if let [name] = names.as_mut_slice()
        && name.as_str() == NUCLEUS_CHANNEL
    {
        NUCLEI_ALONE.clone_into(name);
    }
    (names, places)
}

/// A name in lower snake case; `None` if nothing is left of it.
fn snake(name: &str) -> Option<String> {
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("_"))
}

/// The pictures of one time point, one for each place.
fn pictures(recording: &Recording, t: usize, places: &[(usize, usize)]) -> Result<Vec<Image>, LoadError> {
    let mut images: Vec<Option<Image>> = vec![None; places.len()];
    for c in 0..recording.shape().c {
        for z in 0..recording.shape().z {
            let plane = recording.read(t, z, c)?;
            let these = images.iter_mut().zip(places).filter(|(_, (of, _))| *of == c);
            for (image, (_, sample)) in these {
                let read = sample_of(&plane, *sample);
                match image {
                    Some(image) => {
                        image.data.iter_mut().zip(&read.data).for_each(|(most, v)| *most = most.max(*v));
                    }
                    None => *image = Some(read),
                }
            }
        }
    }
    let found: Vec<Image> = images.into_iter().flatten().collect();
    if found.len() < places.len() {
        return Err(ClipError::NoFrames { path: recording.path().display().to_string() }.into());
    }
    Ok(found)
}

fn sample_of(plane: &Plane, sample: usize) -> Image {
    let samples = plane.samples.max(1);
    let scale = counts(plane.dtype);
    let mut data = Vec::with_capacity(plane.width * plane.height);
    let mut at = 0;
    plane.for_each(|value| {
        if at == sample.min(samples - 1) {
            data.push(scale * value as f32);
        }
        at = if at + 1 == samples { 0 } else { at + 1 };
    });
    Image { width: plane.width, height: plane.height, data }
}

/// Means of squares of `factor` pixels; what is left over at the right and the lower border is not seen.
fn averaged(image: &Image, factor: usize) -> Image {
    let (width, height) = (image.width / factor, image.height / factor);
    let mut data = vec![0.0; width * height];
    let weight = 1.0 / (factor * factor) as f32;
    for (y, row) in image.data.chunks_exact(image.width).take(height * factor).enumerate() {
        let out = &mut data[y / factor * width..(y / factor + 1) * width];
        for (out, part) in out.iter_mut().zip(row.chunks_exact(factor)) {
            *out += weight * part.iter().sum::<f32>();
        }
    }
    Image { width, height, data }
}

/// Gives pixels that are no finite number the least value of all frames; least and greatest value, `None` where no pixel is
/// finite.
fn repair(images: &mut [Image]) -> Option<(f32, f32)> {
    let finite = |image: &Image| image.data.iter().all(|v| v.is_finite());
    let some = images.iter().filter(|image| image.data.iter().any(|v| v.is_finite()));
    let range = some.map(Image::range).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let low = range.map_or(0.0, |(low, _)| low);
    for image in images.iter_mut().filter(|image| !finite(image)) {
        for value in &mut image.data {
            *value = if value.is_finite() { *value } else { low };
        }
    }
    range
}

#[cfg(test)]
mod tests {
    use polars::prelude::df;

    use super::*;
    use crate::experiment::Table;
    use crate::model::clip::tests::{FIVE, recording};
    use crate::video::Shape;

    fn one_row(column: &str, text: &str) -> Experiment {
        let frame = df!("row_id" => ["a"], column => [text]).unwrap();
        Experiment::new("e", "/", Table::from_frame(frame).unwrap()).unwrap()
    }

    #[test]
    fn a_channel_that_is_alone_is_no_nucleus() {
        let colours = ["red", "green", "blue"].map(str::to_owned);
        let names = |shape, stored: &[&str]| channels(&recording(shape, None, None, stored), &colours).0;
        assert_eq!(names(FIVE, &["Hoechst"]), ["nuclear_stain"]);
        assert_eq!(names(FIVE, &["TMRM"]), ["mitochondria"]);
        assert_eq!(names(Shape { c: 2, ..FIVE }, &["Hoechst", "TMRM"]), ["mitochondria", "nucleus"]);
    }

    #[test]
    fn colours_are_stains_where_somebody_says_so() {
        assert_eq!(colours(&one_row("stain", "TMRM"), 0), ["red", "green", "blue"]);
        assert_eq!(colours(&one_row("stain", "DAPI; b-tubulin;"), 0), ["nucleus", "b_tubulin", "blue"]);
        assert_eq!(colours(&one_row("drug_folder", "3"), 0), ["mitochondria", "green", "nucleus"]);
        let colour = recording(Shape { s: 3, ..FIVE }, None, None, &[]);
        let (names, places) = channels(&colour, &colours(&one_row("stain", ""), 0));
        assert_eq!((names.join(" "), places), ("blue green red".to_owned(), vec![(0, 2), (0, 1), (0, 0)]));
    }

    #[test]
    fn long_recordings_are_thinned_in_time_and_short_ones_are_not() {
        assert_eq!(thin(3, None), [0, 1, 2]);
        assert_eq!(thin(32, None).len(), 32);
        let even = thin(63, None);
        assert_eq!(even, (0..32).map(|k| 2 * k).collect::<Vec<_>>());
        // Half of the frames within the first second, then one per second: those of the first second are skipped.
        let times: Vec<f64> =
            (0..100).map(|t| if t < 50 { f64::from(t) / 50.0 } else { f64::from(t - 49) }).collect();
        let frames = thin(100, Some(&times));
        assert!(frames.windows(2).all(|pair| pair[0] < pair[1]) && frames.len() <= 32, "{frames:?}");
        assert!(
            frames.iter().filter(|t| **t < 50).count() < 3 && frames[frames.len() - 1] == 99,
            "{frames:?}"
        );
    }

    #[test]
    fn pictures_are_averaged_and_holes_filled() {
        let image = Image { width: 5, height: 4, data: (0..20).map(|i| i as f32).collect() };
        let half = averaged(&image, 2);
        assert_eq!((half.width, half.height, half.data), (2, 2, vec![3.0, 5.0, 13.0, 15.0]));
        let hole = Image { width: 2, height: 1, data: vec![f32::NAN, 3.0] };
        let other = Image { width: 2, height: 1, data: vec![f32::INFINITY, -1.0] };
        let mut both = [hole, other];
        assert_eq!(repair(&mut both), Some((-1.0, 3.0)));
        assert_eq!([&both[0].data[..], &both[1].data].concat(), [-1.0, 3.0, -1.0, -1.0]);
        let mut none = [Image { width: 1, height: 1, data: vec![f32::NAN] }];
        assert_eq!((repair(&mut none), none[0].data[0]), (None, 0.0));
    }

    #[test]
    fn names_are_snakes() {
        assert_eq!(snake("  sir-dna (640 nm)").as_deref(), Some("sir_dna_640_nm"));
        assert_eq!(snake("--"), None);
    }
}

//! Pages to series for files without OME-XML: `ImageJ` stacks, tifffile's shapes, plain pages.

use super::directory::tag;
use super::file::{ChainEnd, TiffFile};
use super::imagej::{Stack, channel_colors};
use super::metamorph;
use super::page::Layout;
use super::scene::{Axis, Order, Scene, build, describe_first, unreadable};
use super::segments::frame_bytes;
use super::source::Window;
use super::units::positive;
use crate::video::{Limits, VideoError};

/// Finds all series of a file by its pages; never empty.
pub fn scenes(file: &TiffFile, limits: Limits) -> Result<(Vec<Scene>, bool), VideoError> {
    if let Some(stack) = file.description(0).as_deref().and_then(Stack::parse)
        && let Some(scene) = imagej(file, &stack, limits)
    {
        return Ok((vec![scene], true));
    }
    if let Some(scene) = metamorph(file, limits) {
        return Ok((vec![scene], false));
    }
    let mut scenes = Vec::new();
    let mut left = limits;
    let mut plain: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < file.pages.len() {
        let shape = file.description(at).as_deref().and_then(Declared::parse);
        if let Some((scene, used)) = shape.and_then(|shape| shaped(file, at, &shape, left)) {
            left.planes = left.planes.saturating_sub(scene.planes.len());
            scenes.push(scene);
            at += used.max(1);
        } else {
            plain.push(at);
            at += 1;
        }
    }
    let (others, reduced) = group(file, &plain);
    for pages in others {
        if let Some(scene) = pages_in_time(file, &pages, left) {
            left.planes = left.planes.saturating_sub(scene.planes.len());
            scenes.push(scene);
        }
    }
    for (index, scene) in scenes.iter_mut().enumerate().skip(1) {
        scene.series.name = format!("{} {}", scene.series.name, index + 1);
    }
    let Some(first) = scenes.first_mut() else {
        return Err(unreadable(file));
    };
    if first.series.levels.is_empty() {
        first.series.levels = reduced;
    }
    Ok((scenes, false))
}

/// Pages of equal size and type, in order of first appearance, and the sizes of smaller copies.
fn group(file: &TiffFile, pages: &[usize]) -> (Vec<Vec<usize>>, Vec<(usize, usize)>) {
    let all_reduced = pages.iter().all(|&p| file.layout(p).is_none_or(|l| l.reduced || l.mask));
    let mut levels = Vec::new();
    // Layouts are few even where pages are many.
    let mut group_of: Vec<Option<usize>> = vec![None; file.layouts.len()];
    let mut groups: Vec<(&Layout, Vec<usize>)> = Vec::new();
    for &number in pages {
        let Some((page, layout)) = file.pages.get(number).zip(file.layout(number)) else {
            continue;
        };
        if layout.check().is_err() || !all_reduced && layout.mask {
            continue;
        }
        if !all_reduced && layout.reduced {
            let size = (layout.width as usize, layout.height as usize);
            if !levels.contains(&size) && levels.len() < 64 {
                levels.push(size);
            }
            continue;
        }
        let slot = &mut group_of[page.layout as usize];
        let index = *slot.get_or_insert_with(|| {
            groups.iter().position(|(other, _)| other.matches(layout)).unwrap_or_else(|| {
                groups.push((layout, Vec::new()));
                groups.len() - 1
            })
        });
        groups[index].1.push(number);
    }
    (groups.into_iter().map(|(_, pages)| pages).collect(), levels)
}

fn guess_warning(pages: usize) -> String {
    format!("No axis information: {pages} pages are taken as time points.")
}

/// A file is not thought to be cut to less than one part in this many.
const FARTHEST: u64 = 64;

/// Pages that say nothing about axes.
fn pages_in_time(file: &TiffFile, pages: &[usize], limits: Limits) -> Option<Scene> {
    let &first = pages.first()?;
    let layout = file.layout(first)?;
    // A chain that leads past the end of the file proves that there was one more page at least,
    // unless it leads so far that the number is no position at all.
    let plausible = |at: u64| at / FARTHEST <= file.source.len();
    let lost = usize::from(
        matches!(file.end, ChainEnd::Dangling(at) if plausible(at))
            && pages.last() == file.pages.len().checked_sub(1).as_ref(),
    );
    let n = pages.len() + lost;
    let order = Order(vec![(Axis::T, n)]);
    let mut scene = build(file, layout, &order, limits, |k| Some((*pages.get(k)?, 0)))?;
    if n > 1 {
        scene.series.warnings.push(guess_warning(n));
    }
    scene.series.pixel_size_um = plain_pixel_size(file, first);
    describe_first(file, first, &mut scene.series);
    Some(scene)
}

/// Where plane `k` of a stack is whose pages start at `first`: in a page of its own or, for raw data, behind one.
fn page_or_frame(file: &TiffFile, first: usize, pages: usize) -> impl Fn(usize) -> Option<(usize, usize)> {
    let follow = frames_follow(file, first, pages);
    move |k| {
        if k < pages {
            Some((first + k, 0))
        } else if follow {
            Some((first, k))
        } else {
            None
        }
    }
}

/// True when the frames of raw pages lie one behind the other, so that more may follow without directories.
fn frames_follow(file: &TiffFile, first: usize, pages: usize) -> bool {
    const MOST_STRIPS: u64 = 1 << 20;
    let Some((page, layout)) = file.pages.get(first).zip(file.layout(first)) else {
        return false;
    };
    let Some(bytes) = frame_bytes(layout).filter(|_| layout.compression == 1 && !layout.tiled) else {
        return false;
    };
    let mut window = Window::new(&file.source);
    let start = page.offsets.one(&mut window, file.dialect, 0);
    let last = file.pages.get(first + pages.saturating_sub(1));
    let last = last.and_then(|page| page.offsets.one(&mut window, file.dialect, 0));
    let expected = bytes.checked_mul(pages.saturating_sub(1) as u64).zip(start);
    if expected.and_then(|(shift, start)| start.checked_add(shift)) != last || last.is_none() {
        return false;
    }
    let (across, down) = layout.grid();
    let planes = if layout.planar { u64::from(layout.samples) } else { 1 };
    let count = across.saturating_mul(down).saturating_mul(planes);
    if count > MOST_STRIPS {
        return false;
    }
    let Some(offsets) = page.offsets.read(&file.source, file.dialect, 0, count) else {
        return false;
    };
    let size = |index: u64| layout.row_bytes(layout.width) * u64::from(layout.segment_rows(index % down));
    offsets.windows(2).enumerate().all(|(i, pair)| pair[0].checked_add(size(i as u64)) == Some(pair[1]))
}

fn imagej(file: &TiffFile, stack: &Stack, limits: Limits) -> Option<Scene> {
    let layout = file.layout(0)?;
    let inside = usize::from(layout.samples);
    // Pages of several samples hold several of the channels.
    let channels = if inside > 1 && stack.channels.is_multiple_of(inside) {
        stack.channels / inside
    } else {
        stack.channels
    };
    let pages =
        (0..file.pages.len()).take_while(|&p| file.layout(p).is_some_and(|l| l.matches(layout))).count();
    let declared = stack.frames.checked_mul(stack.slices)?.checked_mul(channels)?;
    let mut guess = None;
    let order = if stack.images > 1 && declared == 1 && inside == 1 || declared == 1 && pages > 1 {
        let n = stack.images.max(pages);
        guess = Some(guess_warning(n));
        Order(vec![(Axis::T, n)])
    } else {
        if stack.images > 0 && stack.images != declared && stack.images != declared.saturating_mul(inside) {
            guess = Some(format!(
                "The description says images={} but {declared} planes follow from its axes.",
                stack.images
            ));
        }
        Order(vec![(Axis::T, stack.frames), (Axis::Z, stack.slices), (Axis::C, channels)])
    };
    let mut scene = build(file, layout, &order, limits, page_or_frame(file, 0, pages))?;
    let series = &mut scene.series;
    series.warnings.extend(guess);
    if stack.channels > 1 && series.shape.s > 1 {
        series
            .warnings
            .push(format!("{} channels are stored as the samples of colour pixels.", stack.channels));
    }
    let unit = stack.unit_um();
    let directory = file.directory(0);
    if let Some(um) = unit {
        let resolution =
            directory.find(tag::X_RESOLUTION).and_then(|e| e.rational(&file.source, file.dialect));
        match resolution {
            // The value that writers put there when they know none.
            Some((1, 1)) => series
                .warnings
                .push("XResolution holds the default 1/1, so the pixel size is unknown.".to_owned()),
            Some((n, d)) => series.pixel_size_um = positive(d as f64 / n as f64 * um),
            None => {}
        }
        if series.shape.z > 1 {
            series.z_step_um = stack.spacing.map(|s| s * um);
        }
    } else if stack.unit.is_none() {
        series.pixel_size_um = plain_pixel_size(file, 0);
    }
    series.interval_s = stack.interval_s;
    if stack.interval_s.is_none() {
        series.playback_fps = stack.fps;
    }
    if let Some(colors) = channel_colors(file, &directory, series.channels.len()) {
        for (channel, color) in series.channels.iter_mut().zip(colors) {
            channel.color = Some(color);
        }
    }
    describe_first(file, 0, series);
    Some(scene)
}

fn metamorph(file: &TiffFile, limits: Limits) -> Option<Scene> {
    let stack = metamorph::Stack::read(file, limits.planes)?;
    let order = Order(vec![(stack.axis, stack.planes)]);
    let mut scene = build(file, file.layout(0)?, &order, limits, page_or_frame(file, 0, 1))?;
    scene.series.warnings.push(match stack.axis {
        Axis::Z => {
            format!("The {} planes lie at different depths and are taken as focal planes.", stack.planes)
        }
        _ => guess_warning(stack.planes),
    });
    scene.series.plane_times_s = stack.times_s.filter(|times| times.len() == scene.planes.len());
    describe_first(file, 0, &mut scene.series);
    Some(scene)
}

/// Pixel size from resolution tags, unless it is what a camera, scanner or printer would write.
fn plain_pixel_size(file: &TiffFile, page: usize) -> Option<f64> {
    const COARSEST_UM: f64 = 100.0;
    const SCREEN_AND_PRINT_DPI: [f64; 8] = [72.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0, 1200.0];
    let directory = file.directory(page);
    let (n, d) = directory.find(tag::X_RESOLUTION)?.rational(&file.source, file.dialect)?;
    let unit = directory.find(tag::RESOLUTION_UNIT)?.uint(&mut Window::new(&file.source), file.dialect)?;
    let per_inch = n as f64 / d as f64
        * match unit {
            2 => 1.0,
            3 => 2.54,
            _ => return None,
        };
    let default = SCREEN_AND_PRINT_DPI.iter().any(|dpi| (per_inch - dpi).abs() < 0.5);
    positive(25_400.0 / per_inch).filter(|&um| um < COARSEST_UM && !default)
}

/// The shape that tifffile writes into the description of a series' first page.
#[derive(Debug, serde::Deserialize, PartialEq)]
struct Declared {
    shape: Vec<usize>,
    #[serde(default)]
    axes: Option<String>,
}

impl Declared {
    fn parse(description: &str) -> Option<Self> {
        if !description.starts_with('{') || !description.contains("\"shape\"") {
            return None;
        }
        serde_json::from_str(description).ok()
    }

    /// Sizes and letters of the axes over pages; `None` when the shape does not end in the page's own axes.
    fn leading(&self, layout: &Layout) -> Option<(&[usize], Option<Vec<char>>)> {
        let (y, x, s) = (layout.height as usize, layout.width as usize, usize::from(layout.samples));
        let inner: &[usize] = match (s, layout.planar) {
            (1, _) => &[y, x],
            (_, false) => &[y, x, s],
            (_, true) => &[s, y, x],
        };
        let mut shape = self.shape.as_slice();
        if s == 1 && !shape.ends_with(inner) {
            shape = shape.strip_suffix(&[1])?;
        }
        let lead = shape.strip_suffix(inner)?;
        let letters: Option<Vec<char>> = self.axes.as_ref().map(|axes| axes.chars().collect());
        let letters = letters.filter(|letters| letters.len() == self.shape.len());
        Some((lead, letters.map(|letters| letters[..lead.len()].to_vec())))
    }
}

/// A series by tifffile's shape, and how many pages it takes.
fn shaped(file: &TiffFile, at: usize, declared: &Declared, limits: Limits) -> Option<(Scene, usize)> {
    let layout = file.layout(at)?;
    let (lead, letters) = declared.leading(layout)?;
    let mut warning = None;
    let order = if let Some(letters) = letters {
        let (order, unknown) = named_axes(lead, &letters);
        if !unknown.is_empty() {
            warning = Some(format!("Axis {unknown} is taken as time."));
        }
        order
    } else {
        let long: Vec<usize> = lead.iter().copied().filter(|&n| n != 1).collect();
        let names: &[Axis] = match long.len() {
            0 | 1 => &[Axis::T],
            2 => &[Axis::T, Axis::Z],
            _ => &[Axis::T, Axis::Z, Axis::C],
        };
        warning = match long.as_slice() {
            [] => None,
            [n] => Some(guess_warning(*n)),
            _ => Some(format!("No axis names: axes of {long:?} planes are taken as {names:?}.")),
        };
        // More axes than names: the slowest are all time.
        let extra = long.len().saturating_sub(names.len());
        Order(
            long.iter()
                .enumerate()
                .map(|(i, &n)| (names.get(i.saturating_sub(extra)).copied().unwrap_or(Axis::T), n))
                .collect(),
        )
    };
    let n = order.sizes(limits.planes)?.iter().product::<usize>();
    // Pages up to the next description that look like the first.
    let same = |p: usize| {
        file.pages.get(p).is_some_and(|page| !page.described)
            && file.layout(p).is_some_and(|other| other.matches(layout))
    };
    let pages = 1 + (at + 1..at.saturating_add(n)).take_while(|&p| same(p)).count();
    let mut scene = build(file, layout, &order, limits, page_or_frame(file, at, pages))?;
    scene.series.warnings.extend(warning);
    scene.series.pixel_size_um = plain_pixel_size(file, at);
    describe_first(file, at, &mut scene.series);
    Some((scene, pages))
}

/// Axes by letter; letters that are neither time, focus nor channel become time, slowest first.
fn named_axes(lead: &[usize], letters: &[char]) -> (Order, String) {
    let mut unknown = String::new();
    let axes = lead.iter().zip(letters).map(|(&n, &letter)| {
        let axis = match letter {
            'Z' => Axis::Z,
            'C' | 'S' => Axis::C,
            'T' => Axis::T,
            other => {
                if n > 1 {
                    unknown.push(other);
                }
                Axis::T
            }
        };
        (axis, n)
    });
    let axes = axes.collect();
    (Order(axes), unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_order_becomes_canonical_order() {
        let (order, unknown) = named_axes(&[2, 3, 4], &['C', 'T', 'Z']);
        assert!(unknown.is_empty());
        assert_eq!(order.sizes(100), Some([3, 4, 2]));
        assert_eq!(order.sizes(23), None);
        assert_eq!(order.place(0), [0, 0, 0]);
        assert_eq!(order.place(4), [1, 0, 0]);
        assert_eq!(order.place(23), [2, 3, 1]);
        let (order, unknown) = named_axes(&[2, 5], &['P', 'T']);
        assert_eq!((order.sizes(100), order.place(7), unknown.as_str()), (Some([10, 1, 1]), [7, 0, 0], "P"));
        assert_eq!(Order(vec![(Axis::T, usize::MAX), (Axis::Z, 3)]).sizes(usize::MAX), None);
    }
}

//! Embeddings as a picture.

use std::cmp::Reverse;

use plotters::prelude::{Color, DrawingBackend, IntoDrawingArea, RGBColor};

use super::backend::{Pixels, paper, rgb};
use super::chart::number;
use super::page::{FAINT, INK, Page, Problem, mm, px, stroke, words};
use super::{CLASSES, COLOURS, CONTROL, FULL, Figure, Origin, SMALLEST};
use crate::video::lut::{LutName, table};

/// Points for the legend.
const LEGEND: f64 = 176.0;
/// Points of a line in the legend.
const STEP: f64 = 12.0;
/// Categories with a look of their own, beside the controls: six colours, as discs and as triangles.
const NAMED: usize = 2 * CLASSES.len();
/// More points than this are a picture in SVG too: programs that edit SVG stall on more.
const VECTOR: usize = 30_000;
/// Points of rare categories, and of none.
const OTHER: RGBColor = RGBColor(140, 140, 140);
const NONE: RGBColor = RGBColor(200, 200, 200);

/// What colours mean.
#[derive(Debug, Clone)]
pub enum Colouring<'a> {
    /// Nothing.
    Plain,
    /// A category for each point.
    Category {
        /// What the categories are: `mechanism of action`.
        title: &'a str,
        /// Their names.
        labels: &'a [String],
        /// Category of each point; `None` where it has none.
        of: &'a [Option<usize>],
        /// Category of the negative controls, which has a colour of its own.
        control: Option<usize>,
    },
    /// A number for each point.
    Value {
        /// What it is, with its unit: `concentration, µM`.
        title: &'a str,
        /// Number of each point; `None` where it has none.
        of: &'a [Option<f64>],
        /// True if equal ratios are equal steps; numbers that are not positive count as none.
        log: bool,
    },
}

/// Where points of an embedding lie in two dimensions.
#[derive(Debug, Clone)]
pub struct Map<'a> {
    /// Name of the files without ending.
    pub name: &'a str,
    /// What a point is: `videos`, `compounds`.
    pub of: &'a str,
    /// The points. Those that are no numbers are not shown, and counted in the caption.
    pub points: &'a [[f32; 2]],
    /// What colours mean.
    pub colouring: Colouring<'a>,
    /// How the picture was made: `UMAP, 15 neighbours`.
    pub method: &'a str,
    /// Names of the axes: `UMAP 1`, or `PC 1 (31 %)`.
    pub axes: [&'a str; 2],
    /// True if distances in the picture are those of a projection (PCA). Else the caption warns of them.
    pub linear: bool,
    /// Seed, where the method has one.
    pub seed: Option<u64>,
    /// What was embedded, and how it was scaled: `video embedding, DMSO-centred`.
    pub embedding: &'a str,
    /// Where the data are from.
    pub origin: Origin,
}

/// How a point looks.
#[derive(Clone, Copy)]
struct Mark {
    colour: RGBColor,
    triangle: bool,
    /// Greys lie below.
    below: bool,
}

impl Mark {
    const fn grey(colour: RGBColor) -> Self {
        Self { colour, triangle: false, below: true }
    }

    const fn plain(colour: RGBColor) -> Self {
        Self { colour, triangle: false, below: false }
    }

    fn named(place: usize) -> Self {
        let hues = CLASSES.len();
        Self { colour: CLASSES[place % hues], triangle: place >= hues, below: false }
    }
}

/// One line of the legend.
struct Entry {
    mark: Mark,
    label: String,
    n: usize,
}

impl Map<'_> {
    fn shown(&self) -> usize {
        self.points.iter().filter(|point| point.iter().all(|v| v.is_finite())).count()
    }

    /// The look of each point, and the legend.
    fn marks(&self) -> Result<(Vec<Mark>, Vec<Entry>), Problem> {
        let shown = |i: usize| self.points[i].iter().all(|v| v.is_finite());
        match &self.colouring {
            Colouring::Plain => Ok((vec![Mark::plain(COLOURS[0]); self.points.len()], Vec::new())),
            Colouring::Category { labels, of, control, .. } => {
                let mut counts = vec![0; labels.len()];
                let mut without = 0;
                for (_, category) in (0..self.points.len()).zip(*of).filter(|(i, _)| shown(*i)) {
                    match category.and_then(|category| counts.get_mut(category)) {
                        Some(count) => *count += 1,
                        None => without += 1,
                    }
                }
                let is_class = |i: &usize| counts[*i] > 0 && Some(*i) != *control;
                let mut order: Vec<usize> = (0..labels.len()).filter(is_class).collect();
                order.sort_by_key(|&i| Reverse(counts[i]));
                let named = order.len().min(NAMED);
                let mut look = vec![Mark::grey(OTHER); labels.len()];
                let mut entries = Vec::new();
                if let Some(category) =
                    control.filter(|&category| counts.get(category).is_some_and(|n| *n > 0))
                {
                    look[category] = Mark::plain(CONTROL);
                    let label = labels[category].clone();
                    entries.push(Entry { mark: look[category], label, n: counts[category] });
                }
                for (place, &category) in order[..named].iter().enumerate() {
                    look[category] = Mark::named(place);
                    let label = labels[category].clone();
                    entries.push(Entry { mark: look[category], label, n: counts[category] });
                }
                if order.len() > named {
                    let n = order[named..].iter().map(|&i| counts[i]).sum();
                    let label = format!("other ({})", order.len() - named);
                    entries.push(Entry { mark: Mark::grey(OTHER), label, n });
                }
                if without > 0 {
                    entries.push(Entry { mark: Mark::grey(NONE), label: "none".to_owned(), n: without });
                }
                let of = of.iter().map(|c| c.and_then(|c| look.get(c)).copied().unwrap_or(Mark::grey(NONE)));
                Ok((of.collect(), entries))
            }
            Colouring::Value { of, .. } => {
                let ramp = ramp()?;
                let range = self.range();
                let mut without = 0;
                let marks = of.iter().enumerate().map(|(i, value)| {
                    let part = self.part(*value, range);
                    without += usize::from(part.is_none() && shown(i));
                    let coloured = |part| Mark::plain(ramp(part));
                    part.map_or(Mark::grey(NONE), coloured)
                });
                let marks = marks.collect();
                let none = Entry { mark: Mark::grey(NONE), label: "none".to_owned(), n: without };
                Ok((marks, if without > 0 { vec![none] } else { Vec::new() }))
            }
        }
    }

    /// Smallest and largest number.
    fn range(&self) -> [f64; 2] {
        let Colouring::Value { of, log, .. } = &self.colouring else { return [0.0, 1.0] };
        let shown = self.points.iter().zip(*of).filter(|(point, _)| point.iter().all(|v| v.is_finite()));
        let values = shown.filter_map(|(_, v)| *v).filter(|v| v.is_finite() && (!log || *v > 0.0));
        let [low, high] = values.fold([f64::MAX, f64::MIN], |[low, high], v| [low.min(v), high.max(v)]);
        if low > high { [0.0, 1.0] } else { [low, high] }
    }

    /// Where a number lies between the smallest and the largest, 0 to 1.
    fn part(&self, value: Option<f64>, [low, high]: [f64; 2]) -> Option<f64> {
        let log = matches!(self.colouring, Colouring::Value { log: true, .. });
        let value = value.filter(|v| v.is_finite() && (!log || *v > 0.0))?;
        let [value, low, high] = if log { [value, low, high].map(f64::ln) } else { [value, low, high] };
        Some(if high > low { (value - low) / (high - low) } else { 0.5 })
    }

    /// Draws the points into a square. One unit of the embedding is as long in both directions.
    fn scatter<B: DrawingBackend>(&self, page: &Page<B>, marks: &[Mark]) -> Result<(), Problem> {
        let finite = || self.points.iter().filter(|point| point.iter().all(|v| v.is_finite()));
        let bounds = |axis: usize| {
            let values = finite().map(|point| f64::from(point[axis]));
            values.fold([f64::MAX, f64::MIN], |[low, high], v| [low.min(v), high.max(v)])
        };
        let (x, y) = (bounds(0), bounds(1));
        if x[0] > x[1] {
            return page.text(
                "no points",
                [page.width / 2.0, page.height / 2.0],
                words(9.0).centred().colour(FAINT),
            );
        }
        let radius = match finite().count() {
            0..500 => 2.4,
            500..3_000 => 1.7,
            3_000..20_000 => 1.1,
            _ => 0.7,
        };
        let room = [page.width, page.height].map(|side| side - 4.0 * radius);
        let spans = [x[1] - x[0], y[1] - y[0]];
        let scale = (room[0] / spans[0].max(1e-12)).min(room[1] / spans[1].max(1e-12));
        let place = |point: &[f32; 2]| {
            let [dx, dy] = [
                f64::from(point[0]) - f64::midpoint(x[0], x[1]),
                f64::from(point[1]) - f64::midpoint(y[0], y[1]),
            ];
            [page.width / 2.0 + dx * scale, page.height / 2.0 - dy * scale]
        };
        // Greys first; the others in an order that has nothing to do with their category, so that none hides another.
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        order.sort_by_key(|&i| (!marks[i].below, (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        for i in order.into_iter().filter(|&i| self.points[i].iter().all(|v| v.is_finite())) {
            draw(page, place(&self.points[i]), radius, marks[i])?;
        }
        Ok(())
    }
}

/// Both ends, and what lies between: powers of ten on a log scale that holds some, else quarters.
fn ticks([low, high]: [f64; 2], log: bool) -> Vec<f64> {
    if low >= high {
        return vec![low];
    }
    let decades = low.max(f64::MIN_POSITIVE).log10()..=high.max(f64::MIN_POSITIVE).log10();
    let span = decades.end() - decades.start();
    let step = (span / 6.0).ceil().max(1.0);
    let inner: Vec<f64> = if log && span > 1.5 {
        let apart = |decade: &f64| (decade - decades.start()).min(decades.end() - decade) > 0.08 * span;
        let first = decades.start().ceil();
        (0..8).map(|i| first + step * f64::from(i)).filter(apart).map(|decade| 10_f64.powf(decade)).collect()
    } else if log {
        vec![(low * high).sqrt()]
    } else {
        [0.25, 0.5, 0.75].map(|part| low + part * (high - low)).to_vec()
    };
    [low].into_iter().chain(inner).chain([high]).collect()
}

fn draw<B: DrawingBackend>(page: &Page<B>, [x, y]: [f64; 2], radius: f64, mark: Mark) -> Result<(), Problem> {
    if mark.triangle {
        let (r, half) = (1.35 * radius, 1.17 * radius);
        page.polygon(&[[x, y - r], [x + half, y + 0.5 * r], [x - half, y + 0.5 * r]], mark.colour.filled())
    } else {
        page.circle([x, y], radius, mark.colour.filled())
    }
}

/// Viridis, from dark to light: it reads in grey and for the colour-blind. The lightest yellow does not show on white.
fn ramp() -> Result<impl Fn(f64) -> RGBColor, Problem> {
    let colours = table(&LutName::Viridis, None).map_err(|e| e.to_string())?;
    Ok(move |part: f64| {
        let [r, g, b] = colours[(part.clamp(0.0, 1.0) * 0.94 * (colours.len() - 1) as f64).round() as usize];
        RGBColor(r, g, b)
    })
}

impl Figure for Map<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> String {
        match &self.colouring {
            Colouring::Plain => format!("Map of {}", self.of),
            Colouring::Category { title, .. } | Colouring::Value { title, .. } => {
                format!("Map of {} by {title}", self.of)
            }
        }
    }

    fn caption(&self) -> String {
        let n = self.shown();
        let lost = self.points.len() - n;
        let lost = if lost > 0 { format!(" (not shown: {lost} without a place)") } else { String::new() };
        let seed = self.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let warning = if self.linear {
            ""
        } else {
            " Neighbours tend to stay neighbours; distances between groups, their size and the axes' directions mean nothing."
        };
        format!(
            "{}{seed}; n = {n} {}{lost}; {}.{warning} {}",
            self.method,
            self.of,
            self.embedding,
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        (FULL, mm(114.0))
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let (marks, entries) = self.marks()?;
        if marks.len() != self.points.len() {
            return Err(format!("{} colours for {} points", marks.len(), self.points.len()));
        }
        let side = (page.width - LEGEND - 20.0).min(page.height - 16.0);
        let [left, top] = [18.0, 0.0];
        if self.points.len() > VECTOR {
            let pixels = px(side).round() as u32;
            let mut paper = paper((pixels, pixels)).ok_or("the map is too large")?;
            self.scatter(&Page::of(Pixels(&mut paper).into_drawing_area()), &marks)?;
            let picture = image::RgbImage::from_raw(pixels, pixels, rgb(&paper));
            page.picture([left, top], [side, side], &picture.ok_or("the map has another size")?)?;
        } else {
            self.scatter(&page.part([left, top, side, side]), &marks)?;
        }
        // Short arrows instead of axes: the numbers of an embedding mean nothing.
        let [x, y] = [10.0, page.height - 8.0];
        let arrow = stroke(INK, 0.7);
        page.line(&[[x, y - 34.0], [x, y], [x + 34.0, y]], arrow)?;
        page.polygon(&[[x + 38.0, y], [x + 33.0, y - 2.0], [x + 33.0, y + 2.0]], INK.filled())?;
        page.polygon(&[[x, y - 38.0], [x - 2.0, y - 33.0], [x + 2.0, y - 33.0]], INK.filled())?;
        page.text(self.axes[0], [x + 42.0, y], words(SMALLEST))?;
        page.text(self.axes[1], [x, y - 42.0], words(SMALLEST).upwards())?;

        let left = page.width - LEGEND + 4.0;
        let right = page.width - 8.0;
        let mut y = 6.0;
        if let Colouring::Category { title, .. } | Colouring::Value { title, .. } = &self.colouring {
            let style = words(8.0).bold();
            page.text(&style.shorten(title, right - left), [left, y], style)?;
            y += STEP + 2.0;
        }
        if matches!(self.colouring, Colouring::Value { .. }) {
            y = self.scale(page, left, y)? + STEP;
        }
        let style = words(7.5);
        let names: Vec<String> = entries.iter().map(|entry| entry.label.clone()).collect();
        let widest = entries.iter().map(|entry| style.room(&entry.n.to_string()));
        let room = right - left - 18.0 - widest.fold(0.0, f64::max);
        for (Entry { mark, n, .. }, label) in entries.iter().zip(style.distinct(&names, room)) {
            draw(page, [left + 4.0, y], 2.6, *mark)?;
            page.text(&label, [left + 12.0, y], style)?;
            page.text(&n.to_string(), [right, y], style.right())?;
            y += STEP;
        }
        Ok(())
    }
}

impl Map<'_> {
    /// Draws what the colours of numbers mean; gives where it ends.
    fn scale<B: DrawingBackend>(&self, page: &Page<B>, left: f64, top: f64) -> Result<f64, Problem> {
        let ramp = ramp()?;
        let (height, steps) = (120.0, 60);
        let step = height / f64::from(steps);
        for i in 0..steps {
            let part = 1.0 - (f64::from(i) + 0.5) / f64::from(steps);
            page.rect([left, top + step * f64::from(i), 10.0, step], ramp(part).filled())?;
        }
        page.rect([left, top, 10.0, height], stroke(INK, 0.5))?;
        let range = self.range();
        let log = matches!(self.colouring, Colouring::Value { log: true, .. });
        for value in ticks(range, log) {
            let y = top + height * (1.0 - self.part(Some(value), range).unwrap_or(0.5));
            page.line(&[[left + 10.0, y], [left + 13.0, y]], stroke(INK, 0.5))?;
            page.text(&number(value), [left + 16.0, y], words(SMALLEST))?;
        }
        if log {
            let style = words(SMALLEST).upwards().centred().colour(FAINT);
            page.text("log scale", [left + 52.0, top + height / 2.0], style)?;
        }
        Ok(top + height)
    }
}

//! A video and those nearest to it, side by side.

use image::{ImageBuffer, RgbImage};
use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::page::{FAINT, GRID, INK, Page, Problem, stroke, words};
use super::{FULL, Figure, Origin, SMALLEST};
use crate::chem::Drawing;

/// Neighbours in one row.
const ACROSS: usize = 5;
/// Points between columns, and between the query and its neighbours.
const GAP: f64 = 7.0;
const APART: f64 = 16.0;
/// Points of a structure's height.
const STRUCTURE: f64 = 50.0;
/// Points of a line of text, and lines below a structure.
const STEP: f64 = 9.5;
const LINES: f64 = 9.0;
/// Points of the line above a frame, of a column, and of a row.
const ABOVE: f64 = 12.0;
const COLUMN: f64 = (FULL - 12.0 - APART - GAP * (ACROSS as f64 - 1.0)) / (ACROSS as f64 + 1.0);
const ROW: f64 = ABOVE + COLUMN + STRUCTURE + STEP * LINES + 14.0;
/// Size of names, points.
const NAME: f64 = 7.5;

/// Pixels of one frame.
#[derive(Debug, Clone, Copy)]
pub enum Frame<'a> {
    /// `[height, width]` bytes.
    Grey {
        /// Width.
        width: u32,
        /// Height.
        height: u32,
        /// Bytes.
        pixels: &'a [u8],
    },
    /// `[height, width, 3]` bytes.
    Rgb {
        /// Width.
        width: u32,
        /// Height.
        height: u32,
        /// Bytes.
        pixels: &'a [u8],
    },
}

impl Frame<'_> {
    fn picture(&self) -> Result<RgbImage, Problem> {
        let (width, height, bytes) = match *self {
            Self::Grey { width, height, pixels } => {
                (width, height, pixels.iter().flat_map(|&v| [v; 3]).collect())
            }
            Self::Rgb { width, height, pixels } => (width, height, pixels.to_vec()),
        };
        let given = bytes.len();
        ImageBuffer::from_raw(width, height, bytes)
            .filter(|picture: &RgbImage| {
                given == picture.as_raw().len() && given == (width * height * 3) as usize && given > 0
            })
            .ok_or_else(|| format!("a frame of {width} × {height} pixels has {given} bytes"))
    }
}

/// One video.
#[derive(Debug, Clone, Default)]
pub struct Panel<'a> {
    /// A frame; `None` where it could not be read.
    pub frame: Option<Frame<'a>>,
    /// Width of the frame, µm; `None` where unknown.
    pub width_um: Option<f64>,
    /// Structure; `None` where unknown.
    pub structure: Option<&'a Drawing>,
    /// Compound.
    pub compound: String,
    /// Concentration, µM.
    pub dose_um: Option<f64>,
    /// Mechanism of action; empty where unknown.
    pub moa: String,
    /// Replicate, well, or both: `replicate 2, B07`.
    pub place: String,
    /// Cosine similarity to the query; `None` for the query.
    pub similarity: Option<f64>,
    /// Whether it shares a mechanism with the query; `None` where one of the two is unknown.
    pub same_moa: Option<bool>,
}

/// A query and its nearest videos.
#[derive(Debug, Clone)]
pub struct RetrievalStrip<'a> {
    /// Name of the files without ending.
    pub name: &'a str,
    /// The query.
    pub query: Panel<'a>,
    /// The others, nearest first.
    pub neighbours: Vec<Panel<'a>>,
    /// What the query did not see, and which frames are shown: `Same compound left out; first frame of each video`.
    pub how: &'a str,
    /// Where the data are from.
    pub origin: Origin,
}

impl RetrievalStrip<'_> {
    fn rows(&self) -> usize {
        self.neighbours.len().div_ceil(ACROSS).max(1)
    }

    fn panels(&self) -> impl Iterator<Item = &Panel<'_>> {
        [&self.query].into_iter().chain(&self.neighbours)
    }

    /// Length of the bar in all frames, µm: 1, 2 or 5 times a power of ten, at most 40 % of the narrowest.
    fn bar(&self) -> Option<f64> {
        let widths =
            self.panels().filter_map(|panel| panel.width_um).filter(|um| um.is_finite() && *um > 0.0);
        let room = widths.reduce(f64::min)? * 0.4;
        let decade = 10_f64.powf(room.log10().floor());
        [5.0, 2.0, 1.0].into_iter().map(|step| step * decade).find(|&bar| bar <= room)
    }
}

impl Figure for RetrievalStrip<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> String {
        format!("Videos nearest to one of {}", self.query.compound)
    }

    fn caption(&self) -> String {
        let known = self.neighbours.iter().filter_map(|panel| panel.same_moa);
        let (same, of) = known.fold((0, 0), |(same, of), hit| (same + usize::from(hit), of + 1));
        let hits = if of > 0 {
            format!(" {same} of {of} with a known mechanism share the query's.")
        } else {
            String::new()
        };
        let bar = self.bar().map_or_else(String::new, |um| format!(" Bars: {um} µm."));
        format!(
            "The query and its {} nearest videos by cosine similarity of embeddings. {}.{hits}{bar} {}",
            self.neighbours.len(),
            self.how.trim_end_matches('.'),
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        (FULL, ROW * self.rows() as f64)
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let bar = self.bar();
        let first = 6.0 + COLUMN + APART;
        column(page, [6.0, 0.0], &self.query, "query", bar)?;
        let line = first - APART / 2.0;
        page.line(&[[line, 2.0], [line, page.height - 10.0]], stroke(GRID, 0.8))?;
        for (rank, panel) in self.neighbours.iter().enumerate() {
            let x = first + (COLUMN + GAP) * (rank % ACROSS) as f64;
            let similarity = panel.similarity.map_or_else(String::new, |s| format!("similarity {s:.2}"));
            let head = format!("{}. {similarity}", rank + 1);
            column(page, [x, ROW * (rank / ACROSS) as f64], panel, &head, bar)?;
        }
        Ok(())
    }
}

fn column<B: DrawingBackend>(
    page: &Page<B>,
    [x, y]: [f64; 2],
    panel: &Panel,
    head: &str,
    bar: Option<f64>,
) -> Result<(), Problem> {
    let query = panel.similarity.is_none();
    let title = if query { words(NAME).bold() } else { words(NAME) };
    page.text(&title.shorten(head, COLUMN), [x, y + ABOVE / 2.0], title)?;
    let top = y + ABOVE;
    frame(page, [x, top], panel, bar)?;
    let edge = if query { stroke(INK, 1.2) } else { stroke(GRID, 0.5) };
    page.rect([x, top, COLUMN, COLUMN], edge)?;
    let top = top + COLUMN + 3.0;
    if let Some(drawing) = panel.structure {
        page.structure([x, top, COLUMN, STRUCTURE], drawing)?;
    } else {
        let style = words(SMALLEST).centred().colour(FAINT);
        page.text("no structure", [x + COLUMN / 2.0, top + STRUCTURE / 2.0], style)?;
    }
    let mut y = top + STRUCTURE + 8.0;
    let mut below = |text: &str, most: usize, style: super::page::Words| {
        for line in style.wrap(text, COLUMN, most) {
            page.text(&line, [x, y], style)?;
            y += STEP;
        }
        Ok::<f64, Problem>(y)
    };
    below(if panel.compound.is_empty() { "no name" } else { &panel.compound }, 2, words(NAME).bold())?;
    below(&panel.dose_um.map_or_else(|| "dose unknown".to_owned(), |um| format!("{um} µM")), 1, words(NAME))?;
    let moa = if panel.moa.is_empty() { "MoA unknown" } else { &panel.moa };
    below(moa, 3, words(NAME))?;
    let y = below(&panel.place, 2, words(SMALLEST).colour(FAINT))?;
    if query { Ok(()) } else { mark(page, [x, y + 1.0], panel.same_moa) }
}

fn frame<B: DrawingBackend>(
    page: &Page<B>,
    [x, y]: [f64; 2],
    panel: &Panel,
    bar: Option<f64>,
) -> Result<(), Problem> {
    let Some(frame) = panel.frame else {
        let style = words(SMALLEST).centred().colour(FAINT);
        return page.text("no picture", [x + COLUMN / 2.0, y + COLUMN / 2.0], style);
    };
    let picture = frame.picture()?;
    let [wide, high] = [f64::from(picture.width()), f64::from(picture.height())];
    let scale = COLUMN / wide.max(high);
    let [wide, high] = [wide * scale, high * scale];
    let corner = [x + (COLUMN - wide) / 2.0, y + (COLUMN - high) / 2.0];
    page.picture(corner, [wide, high], &picture)?;
    if let (Some(um), Some(width_um)) = (bar, panel.width_um.filter(|um| *um > 0.0)) {
        let long = um / width_um * wide;
        let [right, bottom] = [corner[0] + wide - 4.0, corner[1] + high - 5.0];
        // A dark edge, so that the bar shows on a light cell too.
        page.rect([right - long - 0.6, bottom - 0.6, long + 1.2, 3.2], RGBColor(0, 0, 0).filled())?;
        page.rect([right - long, bottom, long, 2.0], RGBColor(255, 255, 255).filled())?;
    }
    Ok(())
}

/// A tick, a cross or a dash, and what it says in words.
fn mark<B: DrawingBackend>(page: &Page<B>, [x, y]: [f64; 2], same: Option<bool>) -> Result<(), Problem> {
    let (text, colour) = match same {
        Some(true) => ("same MoA", RGBColor(0, 110, 75)),
        Some(false) => ("other MoA", RGBColor(165, 65, 0)),
        None => ("cannot tell", FAINT),
    };
    let pen = stroke(colour, 1.3);
    match same {
        Some(true) => page.line(&[[x, y], [x + 2.5, y + 3.0], [x + 7.0, y - 3.5]], pen)?,
        Some(false) => {
            page.line(&[[x + 0.5, y - 3.0], [x + 6.5, y + 3.0]], pen)?;
            page.line(&[[x + 0.5, y + 3.0], [x + 6.5, y - 3.0]], pen)?;
        }
        None => page.line(&[[x + 0.5, y], [x + 6.5, y]], pen)?,
    }
    page.text(text, [x + 11.0, y], words(NAME).bold().colour(colour))
}

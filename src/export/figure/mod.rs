//! Figures for print and slides: SVG, and PNG at 300 dots per inch of the same size.
//!
//! A [`Figure`] is plain data and knows nothing of windows. [`write()`] puts a title above it, a caption below, and
//! says where its data are simulated. No letter is smaller than 7 points at the printed size.

mod backend;
mod chart;
mod confusion;
mod dose_response;
mod encode;
mod lettering;
mod loss;
mod map;
mod page;
mod precision_recall;
mod reliability;
mod retrieval_strip;
mod scores;
#[cfg(test)]
mod testing;

use std::path::{Path, PathBuf};

use plotters::prelude::{DrawingBackend, IntoDrawingArea, RGBColor};

use crate::atomic_file;
use backend::{Pixels, Vector};
use page::{FAINT, px, stroke, words};

pub use confusion::ConfusionMatrix;
pub use dose_response::DoseResponses;
pub use loss::LossCurves;
pub use map::{Colouring, Map};
pub use page::{Page, Problem, mm};
pub use precision_recall::{Curve, PrecisionRecall};
pub use reliability::{Bin, Level, Reliability};
pub use retrieval_strip::{Frame, Panel, RetrievalStrip};
pub use scores::Scores;

/// Dots per inch of PNG, and units per inch of SVG.
pub const DPI: f64 = 300.0;

/// Points: the whole width of a printed page.
pub const FULL: f64 = mm(180.0);

/// Points: a column and a half.
pub const WIDE: f64 = mm(120.0);

/// Points: the smallest letters.
pub const SMALLEST: f64 = 7.0;

/// Points around a figure.
const MARGIN: f64 = 6.0;

/// Points for the title.
const HEAD: f64 = 18.0;

/// The word that no reader may miss.
const SIMULATED: RGBColor = RGBColor(180, 60, 0);

/// Lines of a caption at most.
const CAPTION_LINES: usize = 5;

/// Okabe and Ito's colours, which the colour-blind can tell apart.
pub const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
];

/// Okabe and Ito's colours in the order in which classes get them by their frequency, the most frequent first: in the window
/// and on maps. The window has a seventh, yellow, which does not show on paper.
pub const CLASSES: [RGBColor; 6] = [COLOURS[4], COLOURS[5], COLOURS[2], COLOURS[3], COLOURS[1], COLOURS[0]];

/// Negative controls, wherever rows have colours by what was done to them: a brown that is none of the classes' colours, and no
/// grey, which means that nothing is known.
pub const CONTROL: RGBColor = RGBColor(150, 105, 70);

/// A figure cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// Drawing.
    #[error("the figure {name} could not be drawn: {problem}")]
    Draw {
        /// Which.
        name: String,
        /// Why.
        problem: String,
    },
    /// A file.
    #[error("{}: {source}. Check the folder and the space on the disk", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where the data of a figure are from. Stands in its caption.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Hash of the model's weights; empty where no model took part.
    pub model: String,
    /// Fingerprint of the data; empty where unknown.
    pub data: String,
    /// True if any of the data, or the model's, are simulated.
    pub simulated: bool,
}

impl Origin {
    /// Part of a caption: `Model 1f2e3d4c5b6a, data 9a8b7c6d5e4f.`
    fn text(&self) -> String {
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        let named = [("model", &self.model), ("data", &self.data)];
        let parts: Vec<String> = named
            .iter()
            .filter(|(_, hash)| !hash.is_empty())
            .map(|(what, hash)| format!("{what} {}", short(hash)))
            .collect();
        let text = parts.join(", ");
        let mut letters = text.chars();
        letters
            .next()
            .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
    }
}

/// A figure that knows its size and how to draw itself.
pub trait Figure {
    /// Name of the files without ending.
    fn name(&self) -> &str;

    /// What it shows, in a few words above it.
    fn title(&self) -> String;

    /// What a reader must know, in whole sentences below it.
    fn caption(&self) -> String;

    /// True if any of its data are simulated.
    fn simulated(&self) -> bool;

    /// Width and height in points, without title and caption.
    fn size(&self) -> (f64, f64);

    /// Draws onto a page of that size.
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem>;
}

/// Writes `NAME.svg` and `NAME.png` into a folder, which is made if need be.
///
/// # Errors
/// The data cannot be drawn, or the disk refuses.
pub fn write(figure: &impl Figure, folder: &Path) -> Result<(), FigureError> {
    for (ending, bytes) in [("svg", svg(figure)?.into_bytes()), ("png", png(figure)?)] {
        let path = folder.join(format!("{}.{ending}", figure.name()));
        atomic_file::write(&path, &bytes).map_err(|source| FigureError::Io { path, source })?;
    }
    Ok(())
}

/// The figure as SVG. Its texts stay texts, so that they can be edited.
///
/// # Errors
/// The data cannot be drawn.
pub fn svg(figure: &impl Figure) -> Result<String, FigureError> {
    let layout = Layout::of(figure);
    let mut body = String::new();
    paint(figure, &layout, Vector::new(&mut body, layout.pixels())).map_err(|e| failed(figure, e))?;
    Ok(backend::svg(layout.pixels(), &body, &figure.title(), &figure.caption()))
}

/// The figure as PNG at 300 dots per inch.
///
/// # Errors
/// The data cannot be drawn.
pub fn png(figure: &impl Figure) -> Result<Vec<u8>, FigureError> {
    let layout = Layout::of(figure);
    let (wide, high) = layout.pixels();
    let paper = backend::paper((wide, high));
    let mut paper = paper.ok_or_else(|| failed(figure, format!("{wide} × {high} pixels are too many")))?;
    paint(figure, &layout, Pixels(&mut paper)).map_err(|e| failed(figure, e))?;
    let program = concat!("MolCLIP Studio ", env!("CARGO_PKG_VERSION"));
    let (title, caption) = (figure.title(), figure.caption());
    let notes = [("Software", program), ("Title", title.as_str()), ("Description", caption.as_str())];
    encode::png(wide, high, &backend::rgb(&paper), &notes).map_err(|e| failed(figure, e.to_string()))
}

fn failed(figure: &impl Figure, problem: String) -> FigureError {
    FigureError::Draw { name: figure.name().to_owned(), problem }
}

/// Where title, figure and caption lie, in points.
struct Layout {
    width: f64,
    body: f64,
    caption: Vec<String>,
}

impl Layout {
    fn of(figure: &impl Figure) -> Self {
        let (width, body) = figure.size();
        let mut caption = figure.caption();
        if figure.simulated() {
            caption = format!("Simulated data. {caption}");
        }
        let caption = words(SMALLEST).wrap(&caption, width - 2.0 * MARGIN, CAPTION_LINES);
        Self { width, body, caption }
    }

    fn pixels(&self) -> (u32, u32) {
        let height = HEAD + self.body + 1.25 * SMALLEST * self.caption.len() as f64 + 2.0 * MARGIN;
        (px(self.width).round() as u32, px(height).round() as u32)
    }
}

fn paint<B: DrawingBackend>(figure: &impl Figure, layout: &Layout, backend: B) -> Result<(), Problem> {
    let page = Page::of(backend.into_drawing_area());
    let inner = layout.width - 2.0 * MARGIN;
    let mut room = inner;
    if figure.simulated() {
        let style = words(SMALLEST).bold().colour(SIMULATED);
        let wide = style.room("simulated data") + 6.0;
        let left = layout.width - MARGIN - wide;
        page.rect([left, 4.0, wide, 11.0], stroke(SIMULATED, 0.7))?;
        page.text("simulated data", [left + wide / 2.0, 9.5], style.centred())?;
        room -= wide + 6.0;
    }
    let title = words(9.0).bold();
    page.text(&title.shorten(&figure.title(), room), [MARGIN, 9.5], title)?;
    figure.draw(&page.part([0.0, HEAD, layout.width, layout.body]))?;
    let below = HEAD + layout.body + MARGIN + 0.5 * SMALLEST;
    page.lines(&layout.caption, [MARGIN, below], words(SMALLEST).colour(FAINT))?;
    page.area.present().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests;

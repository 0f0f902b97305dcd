//! What figures draw on: a part of the paper, measured in points (1/72 inch) from its upper left corner.

use plotters::coord::Shift;
use plotters::element::{BitMapElement, Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{Color, DrawingArea, DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, ShapeStyle, TextStyle};
use plotters_backend::BackendColor;

use super::DPI;
use super::lettering::{self, FAMILY};
use crate::chem::{Drawing, Ink, Palette, Shape};

/// Why a figure could not be drawn.
pub type Problem = String;

/// Ink of texts and axes.
pub const INK: RGBColor = RGBColor(26, 26, 26);
/// Ink of what is beside the point: captions, lines of a grid.
pub const FAINT: RGBColor = RGBColor(95, 95, 95);
/// Lines behind the data.
pub const GRID: RGBColor = RGBColor(222, 222, 222);

/// Longest bond of a structure, points.
const BOND: f64 = 14.0;

/// Pixels of a length in points, at 300 dots per inch.
pub fn px(points: f64) -> f64 {
    points / 72.0 * DPI
}

/// Points of a length in millimetres.
pub const fn mm(length: f64) -> f64 {
    length / 25.4 * 72.0
}

/// How a text looks.
#[derive(Clone, Copy)]
pub struct Words {
    /// Em, points.
    pub size: f64,
    colour: RGBColor,
    side: HPos,
    bold: bool,
    upwards: bool,
}

/// A text of a size in points that begins at its anchor, half above and half below it.
pub const fn words(size: f64) -> Words {
    Words { size, colour: INK, side: HPos::Left, bold: false, upwards: false }
}

impl Words {
    /// Ends at its anchor.
    pub const fn right(self) -> Self {
        Self { side: HPos::Right, ..self }
    }

    /// Has its middle at its anchor.
    pub const fn centred(self) -> Self {
        Self { side: HPos::Center, ..self }
    }

    /// Bold.
    pub const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Another colour.
    pub const fn colour(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    /// Read from bottom to top.
    pub const fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    /// Em for measuring: bold letters are wider.
    fn em(self) -> f64 {
        if self.bold { 1.14 * self.size } else { self.size }
    }

    /// Room for a text on one line, points.
    pub fn room(self, text: &str) -> f64 {
        lettering::room(text, self.em())
    }

    /// The text, or as much of it as there is room for, and ….
    pub fn shorten(self, text: &str, wide: f64) -> String {
        lettering::shorten(text, self.em(), wide)
    }

    /// Lines no wider than there is room for.
    pub fn wrap(self, text: &str, wide: f64, most: usize) -> Vec<String> {
        lettering::wrap(text, self.em(), wide, most)
    }

    /// Names shortened so that they stay apart.
    pub fn distinct(self, names: &[String], wide: f64) -> Vec<String> {
        lettering::distinct(names, self.em(), wide)
    }

    /// As plotters wants it.
    pub fn style(self) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if self.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let font = FontDesc::new(FontFamily::Name(FAMILY), px(self.size), weight).transform(turn);
        let RGBColor(r, g, b) = self.colour;
        let color = BackendColor { alpha: 1.0, rgb: (r, g, b) };
        TextStyle { font, color, pos: Pos::new(self.side, VPos::Center) }
    }
}

/// A line of a width in points.
pub fn stroke(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width(px(width).round().max(1.0) as u32)
}

/// A part of the paper.
pub struct Page<B: DrawingBackend> {
    /// The part for plotters, in pixels.
    pub area: DrawingArea<B, Shift>,
    /// Width in points.
    pub width: f64,
    /// Height in points.
    pub height: f64,
}

impl<B: DrawingBackend> Page<B> {
    /// All of a drawing area.
    pub fn of(area: DrawingArea<B, Shift>) -> Self {
        let (wide, high) = area.dim_in_pixel();
        let points = |pixels: u32| f64::from(pixels) / DPI * 72.0;
        Self { width: points(wide), height: points(high), area }
    }

    /// A part of it: left, top, width, height in points.
    #[must_use]
    pub fn part(&self, [x, y, width, height]: [f64; 4]) -> Self {
        let whole = |points: f64| px(points).round() as i32;
        let (left, top) = (whole(x), whole(y));
        Self::of(self.area.clone().shrink((left, top), (whole(x + width) - left, whole(y + height) - top)))
    }

    fn place([x, y]: [f64; 2]) -> (i32, i32) {
        (px(x).round() as i32, px(y).round() as i32)
    }

    fn draw<'e, E>(&self, element: &'e E) -> Result<(), Problem>
    where
        &'e E: plotters::element::PointCollection<'e, (i32, i32)>,
        E: plotters::element::Drawable<B>,
    {
        self.area.draw(element).map_err(|e| e.to_string())
    }

    /// A text on one line.
    pub fn text(&self, text: &str, at: [f64; 2], words: Words) -> Result<(), Problem> {
        if text.is_empty() { Ok(()) } else { self.draw(&Text::new(text, Self::place(at), words.style())) }
    }

    /// Lines below each other, the first at the anchor.
    pub fn lines(&self, lines: &[String], [x, y]: [f64; 2], words: Words) -> Result<(), Problem> {
        let step = 1.25 * words.size;
        lines.iter().enumerate().try_for_each(|(i, line)| self.text(line, [x, y + step * i as f64], words))
    }

    /// A line through points.
    pub fn line(&self, points: &[[f64; 2]], style: ShapeStyle) -> Result<(), Problem> {
        self.draw(&PathElement::new(points.iter().copied().map(Self::place).collect::<Vec<_>>(), style))
    }

    /// A line of dashes and gaps of a length.
    pub fn dashes(&self, from: [f64; 2], to: [f64; 2], dash: f64, style: ShapeStyle) -> Result<(), Problem> {
        let length = f64::hypot(to[0] - from[0], to[1] - from[1]);
        let at = |along: f64| [0, 1].map(|i| from[i] + (to[i] - from[i]) * (along / length).min(1.0));
        let count = (length / (2.0 * dash)).ceil() as usize;
        (0..count).map(|i| 2.0 * dash * i as f64).try_for_each(|l| self.line(&[at(l), at(l + dash)], style))
    }

    /// A rectangle: left, top, width, height.
    pub fn rect(&self, [x, y, width, height]: [f64; 4], style: impl Into<ShapeStyle>) -> Result<(), Problem> {
        self.draw(&Rectangle::new([Self::place([x, y]), Self::place([x + width, y + height])], style.into()))
    }

    /// A disc or ring.
    pub fn circle(&self, at: [f64; 2], radius: f64, style: impl Into<ShapeStyle>) -> Result<(), Problem> {
        self.draw(&Circle::new(Self::place(at), px(radius).round().max(1.0) as u32, style.into()))
    }

    /// A filled polygon.
    pub fn polygon(&self, corners: &[[f64; 2]], style: impl Into<ShapeStyle>) -> Result<(), Problem> {
        self.draw(&Polygon::new(corners.iter().copied().map(Self::place).collect::<Vec<_>>(), style.into()))
    }

    /// A picture of `[height, width, 3]` bytes, scaled into a rectangle.
    pub fn picture(&self, at: [f64; 2], size: [f64; 2], picture: &image::RgbImage) -> Result<(), Problem> {
        let [wide, high] = size.map(|v| px(v).round().max(1.0) as u32);
        let filter = if wide > picture.width() {
            // Pixels of a video stay what they are.
            image::imageops::FilterType::Nearest
        } else {
            image::imageops::FilterType::Triangle
        };
        let scaled = image::imageops::resize(picture, wide, high, filter);
        let element = BitMapElement::with_owned_buffer(Self::place(at), (wide, high), scaled.into_raw());
        self.draw(&element.ok_or("a picture has another size than it says")?)
    }

    /// A structure, centred in a rectangle.
    pub fn structure(&self, [x, y, width, height]: [f64; 4], drawing: &Drawing) -> Result<(), Problem> {
        let fit = drawing.fit(width as f32, height as f32, BOND as f32);
        let place = |point| {
            let [dx, dy] = fit.place(point);
            [x + f64::from(dx), y + f64::from(dy)]
        };
        let scale = f64::from(fit.scale);
        let colour = |ink: Ink| {
            let [r, g, b] = Palette::LIGHT.colour(ink);
            RGBColor(r, g, b)
        };
        for shape in &drawing.shapes {
            match shape {
                Shape::Line { from, to, width, ink } => {
                    let style = stroke(colour(*ink), (f64::from(*width) * scale).max(0.4));
                    self.line(&[place(*from), place(*to)], style)?;
                }
                Shape::Polygon { points, ink } => {
                    let corners: Vec<[f64; 2]> = points.iter().map(|&point| place(point)).collect();
                    self.polygon(&corners, colour(*ink).filled())?;
                }
                Shape::Disc { centre, radius, ink } => {
                    self.circle(place(*centre), f64::from(*radius) * scale, colour(*ink).filled())?;
                }
                Shape::Text { centre, text, size, ink } => {
                    let words = words(f64::from(*size) * scale).centred().colour(colour(*ink));
                    self.text(text, place(*centre), words)?;
                }
            }
        }
        Ok(())
    }
}

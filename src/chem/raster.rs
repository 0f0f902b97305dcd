//! Drawings as pixels, drawn without a graphics device.

use skrifa::MetadataProvider as _;
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId};
use tiny_skia::{Color, FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Stroke, Transform};

use super::depict::{Drawing, Fit, Shape};
use super::{ChemError, Ink, Palette, Point};

/// Largest side of a picture, in pixels.
const LARGEST: u32 = 16_384;

/// Draws into `[height, width, 4]` bytes of RGBA, not premultiplied, on a ground or on nothing. Bonds become `largest` pixels
/// long at most.
///
/// # Errors
/// [`ChemError::Compute`] for a size of 0 or above 16,384.
pub fn raster(
    drawing: &Drawing,
    palette: Palette,
    ground: Option<[u8; 3]>,
    [width, height]: [u32; 2],
    largest: f32,
) -> Result<Vec<u8>, ChemError> {
    let failed = |why: &str| ChemError::compute("The picture", why);
    if width > LARGEST || height > LARGEST {
        return Err(failed("larger than 16,384 pixels"));
    }
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed("it has no size"))?;
    if let Some([r, g, b]) = ground {
        pixels.fill(Color::from_rgba8(r, g, b, 255));
    }
    let fit = drawing.fit(width as f32, height as f32, largest);
    let font = FontRef::new(epaint_default_fonts::UBUNTU_LIGHT).map_err(|e| failed(&e.to_string()))?;
    for shape in &drawing.shapes {
        draw(shape, palette, fit, &font, &mut pixels);
    }
    Ok(pixels
        .pixels()
        .iter()
        .flat_map(|pixel| {
            let colour = pixel.demultiply();
            [colour.red(), colour.green(), colour.blue(), colour.alpha()]
        })
        .collect())
}

fn draw(shape: &Shape, palette: Palette, fit: Fit, font: &FontRef, pixels: &mut Pixmap) {
    let paint = |ink: Ink| {
        let [r, g, b] = palette.colour(ink);
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color_rgba8(r, g, b, 255);
        paint
    };
    match shape {
        Shape::Line { from, to, width, ink } => {
            let path = polygon(&[fit.place(*from), fit.place(*to)], false);
            stroke(path, &paint(*ink), width * fit.scale, pixels);
        }
        Shape::Polygon { points, ink } => {
            let points: Vec<Point> = points.iter().map(|&p| fit.place(p)).collect();
            fill(polygon(&points, true), &paint(*ink), pixels);
        }
        Shape::Disc { centre, radius, ink } => {
            let [x, y] = fit.place(*centre);
            fill(PathBuilder::from_circle(x, y, radius * fit.scale), &paint(*ink), pixels);
        }
        Shape::Text { centre, text, size, ink } => {
            let size = size * fit.scale;
            let path = letters(text, fit.place(*centre), size, font);
            // The font is a light one; a thin outline brings it to the weight of the bonds.
            stroke(path.clone(), &paint(*ink), 0.035 * size, pixels);
            fill(path, &paint(*ink), pixels);
        }
    }
}

fn polygon(points: &[Point], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (i, &[x, y]) in points.iter().enumerate() {
        if i == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

fn fill(path: Option<Path>, paint: &Paint, pixels: &mut Pixmap) {
    if let Some(path) = path {
        pixels.fill_path(&path, paint, FillRule::Winding, Transform::identity(), None);
    }
}

fn stroke(path: Option<Path>, paint: &Paint, width: f32, pixels: &mut Pixmap) {
    if let Some(path) = path {
        let stroke = Stroke { width, line_cap: LineCap::Round, ..Stroke::default() };
        pixels.stroke_path(&path, paint, &stroke, Transform::identity(), None);
    }
}

/// Outlines of a text whose capitals are centred on a point.
fn letters(text: &str, [x, y]: Point, size: f32, font: &FontRef) -> Option<Path> {
    let location = LocationRef::default();
    let (charmap, outlines) = (font.charmap(), font.outline_glyphs());
    let metrics = font.glyph_metrics(Size::new(size), location);
    let capital = font.metrics(Size::new(size), location).cap_height.unwrap_or(0.7 * size);
    let glyphs: Vec<GlyphId> = text.chars().filter_map(|c| charmap.map(c)).collect();
    let advance = |glyph: &GlyphId| metrics.advance_width(*glyph).unwrap_or(0.5 * size);
    let mut pen = Pen {
        path: PathBuilder::new(),
        x: x - glyphs.iter().map(advance).sum::<f32>() / 2.0,
        y: y + capital / 2.0,
    };
    for glyph in &glyphs {
        if let Some(outline) = outlines.get(*glyph) {
            // A glyph that the font does not hold leaves a gap.
            let _ = outline.draw(DrawSettings::unhinted(Size::new(size), location), &mut pen);
        }
        pen.x += advance(glyph);
    }
    pen.path.finish()
}

/// Moves outlines, which have y upwards, to their place.
struct Pen {
    path: PathBuilder,
    x: f32,
    y: f32,
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.y - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.y - y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        self.path.quad_to(self.x + cx, self.y - cy, self.x + x, self.y - y);
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        self.path.cubic_to(self.x + ax, self.y - ay, self.x + bx, self.y - by, self.x + x, self.y - y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

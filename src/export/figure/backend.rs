//! The two surfaces under plotters: SVG with pictures and named fonts, and smooth pixels.
//!
//! Plotters' own two disagree on the size of letters by a tenth, write no pictures into SVG, and draw points without
//! smooth edges. Both here have one unit, the pixel at 300 dots per inch.

use std::fmt::Write as _;
use std::io;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend};
use plotters_backend::{DrawingErrorKind, FontStyle, FontTransform};
use tiny_skia::{FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::lettering::{self, CAPITAL, DESCENT, FAMILY};
use super::{DPI, encode};
use crate::export::xml::escape;

type Drawn = Result<(), DrawingErrorKind<io::Error>>;

/// How far below its anchor a text's line is.
fn drop_of(style: &impl BackendTextStyle) -> f64 {
    style.size()
        * match style.anchor().v_pos {
            VPos::Top => CAPITAL,
            VPos::Center => CAPITAL / 2.0,
            VPos::Bottom => -DESCENT,
        }
}

fn degrees(style: &impl BackendTextStyle) -> f32 {
    match style.transform() {
        FontTransform::None => 0.0,
        FontTransform::Rotate90 => 90.0,
        FontTransform::Rotate180 => 180.0,
        FontTransform::Rotate270 => 270.0,
    }
}

fn estimate(text: &str, style: &impl BackendTextStyle) -> (u32, u32) {
    (lettering::room(text, style.size()).ceil() as u32, (style.size() * (CAPITAL + DESCENT)).ceil() as u32)
}

/// The elements of an SVG, written while they are drawn.
pub struct Vector<'a> {
    size: (u32, u32),
    body: &'a mut String,
}

/// A whole SVG around its elements, with its size in millimetres, a title and a description.
pub fn svg((width, height): (u32, u32), body: &str, title: &str, description: &str) -> String {
    let mm = |pixels: u32| f64::from(pixels) / DPI * 25.4;
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.2}mm\" height=\"{:.2}mm\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\">\n\
             <title>{}</title>\n<desc>{}</desc>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
        mm(width),
        mm(height),
        escape(title),
        escape(description),
        body
    )
}

impl<'a> Vector<'a> {
    /// Writes to the end of a text; width and height in pixels.
    pub fn new(body: &'a mut String, size: (u32, u32)) -> Self {
        Self { size, body }
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }
}

/// `fill="#rrggbb"`, with the opacity where there is one.
fn ink(what: &str, BackendColor { alpha, rgb: (r, g, b) }: BackendColor) -> String {
    let opacity = if alpha < 1.0 { format!(" {what}-opacity=\"{alpha:.3}\"") } else { String::new() };
    format!("{what}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}")
}

/// Filled, or an outline.
fn shape(style: &impl BackendStyle, fill: bool) -> String {
    if fill {
        ink("fill", style.color())
    } else {
        format!(
            "fill=\"none\" {} stroke-width=\"{}\"",
            ink("stroke", style.color()),
            style.stroke_width().max(1)
        )
    }
}

fn corners(points: impl IntoIterator<Item = BackendCoord>) -> String {
    points.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

impl DrawingBackend for Vector<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let fill = ink("fill", color);
        self.push(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\" {fill}/>"));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (x, y, style) = (left.min(right), top.min(bottom), shape(style, fill));
        let (width, height) = (left.abs_diff(right), top.abs_diff(bottom));
        self.push(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {style}/>"));
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        if style.color().alpha == 0.0 {
            return Ok(());
        }
        let (points, style) = (corners(path), shape(style, false));
        self.push(format_args!("<polyline points=\"{points}\" {style} stroke-linejoin=\"round\"/>"));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let style = shape(style, fill);
        self.push(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" {style}/>"));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        let (points, style) = (corners(vert), shape(style, true));
        self.push(format_args!("<polygon points=\"{points}\" {style}/>"));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        // Ticks without a number have an empty text.
        if text.is_empty() {
            return Ok(());
        }
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let bold = if matches!(style.style(), FontStyle::Bold) { " font-weight=\"bold\"" } else { "" };
        let turn = degrees(style);
        let turn = if turn == 0.0 { String::new() } else { format!(" transform=\"rotate({turn} {x} {y})\"") };
        let (line, fill) = (f64::from(y) + drop_of(style), ink("fill", style.color()));
        self.push(format_args!(
            "<text x=\"{x}\" y=\"{line:.1}\" font-size=\"{:.1}\" text-anchor=\"{anchor}\"{bold} {fill}{turn}>{}</text>",
            style.size(),
            escape(text)
        ));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<io::Error>> {
        Ok(estimate(text, style))
    }

    fn blit_bitmap(&mut self, (x, y): BackendCoord, (width, height): (u32, u32), src: &[u8]) -> Drawn {
        let png = encode::png(width, height, src, &[])
            .map_err(|e| DrawingErrorKind::DrawingError(io::Error::other(e)))?;
        let data = encode::base64(&png);
        self.push(format_args!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" href=\"data:image/png;base64,{data}\"/>"
        ));
        Ok(())
    }
}

/// White paper of pixels; `None` if a side is 0 or both are too large.
pub fn paper((width, height): (u32, u32)) -> Option<Pixmap> {
    let mut pixels = Pixmap::new(width, height)?;
    pixels.fill(tiny_skia::Color::WHITE);
    Some(pixels)
}

/// `[height, width, 3]` bytes of what was drawn on white paper.
pub fn rgb(pixels: &Pixmap) -> Vec<u8> {
    pixels.data().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

/// Smooth shapes and letters on pixels.
pub struct Pixels<'a>(pub &'a mut Pixmap);

impl Pixels<'_> {
    fn fill(&mut self, path: Option<Path>, color: BackendColor) {
        if let Some(path) = path.filter(|_| color.alpha > 0.0) {
            self.0.fill_path(&path, &paint(color), FillRule::Winding, Transform::identity(), None);
        }
    }

    fn stroke(&mut self, path: Option<Path>, color: BackendColor, width: f32) {
        if let Some(path) = path.filter(|_| color.alpha > 0.0) {
            let stroke =
                Stroke { width, line_join: LineJoin::Round, line_cap: LineCap::Butt, ..Stroke::default() };
            self.0.stroke_path(&path, &paint(color), &stroke, Transform::identity(), None);
        }
    }

    fn draw(&mut self, path: Option<Path>, style: &impl BackendStyle, fill: bool) {
        if fill {
            self.fill(path, style.color());
        } else {
            self.stroke(path, style.color(), style.stroke_width().max(1) as f32);
        }
    }
}

fn paint(BackendColor { alpha, rgb: (r, g, b) }: BackendColor) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(r, g, b, (alpha * 255.0).round() as u8);
    paint
}

fn line(points: impl IntoIterator<Item = BackendCoord>, closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (place, (x, y)) in points.into_iter().enumerate() {
        let (x, y) = (x as f32, y as f32);
        if place == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    if closed {
        path.close();
    }
    path.finish()
}

impl DrawingBackend for Pixels<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let pixel = Rect::from_xywh(x as f32, y as f32, 1.0, 1.0);
        self.fill(pixel.map(PathBuilder::from_rect), color);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let rect = Rect::from_ltrb(
            left.min(right) as f32,
            top.min(bottom) as f32,
            left.max(right) as f32,
            top.max(bottom) as f32,
        );
        self.draw(rect.map(PathBuilder::from_rect), style, fill);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.draw(line(path, false), style, false);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.draw(PathBuilder::from_circle(x as f32, y as f32, radius as f32), style, fill);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vert: I,
        style: &S,
    ) -> Drawn {
        self.draw(line(vert, true), style, true);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> Drawn {
        let em = style.size();
        let wide = lettering::width(text, em) as f32;
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -wide / 2.0,
            HPos::Right => -wide,
        };
        let place = Transform::from_translate(left, drop_of(style) as f32)
            .post_concat(Transform::from_rotate(degrees(style)))
            .post_translate(x as f32, y as f32);
        let path = lettering::outline(text, em).and_then(|path| path.transform(place));
        // The font is a light one; a thin outline brings it to the weight of print.
        let weight = if matches!(style.style(), FontStyle::Bold) { 0.075 } else { 0.03 };
        self.stroke(path.clone(), style.color(), weight * em as f32);
        self.fill(path, style.color());
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<io::Error>> {
        Ok(estimate(text, style))
    }

    fn blit_bitmap(&mut self, (x, y): BackendCoord, (width, height): (u32, u32), src: &[u8]) -> Drawn {
        let (all_wide, all_high) = (self.0.width() as i32, self.0.height() as i32);
        for (place, pixel) in src.chunks_exact(3).take((width * height) as usize).enumerate() {
            let (x, y) = (x + (place as u32 % width) as i32, y + (place as u32 / width) as i32);
            if (0..all_wide).contains(&x) && (0..all_high).contains(&y) {
                let at = (y as usize * all_wide as usize + x as usize) * 4;
                self.0.data_mut()[at..at + 3].copy_from_slice(pixel);
            }
        }
        Ok(())
    }
}

//! Drawings as SVG.

use std::fmt::Write as _;

use super::depict::{Drawing, Shape};
use super::{Ink, Palette};

/// Writes a drawing with bonds of `scale` pixels. The ground is transparent; the colours are made for that of the palette.
pub fn svg(drawing: &Drawing, palette: Palette, scale: f32) -> String {
    let [width, height] = drawing.size().map(|v| v * scale);
    let fit = drawing.fit(width, height, scale);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.1}\" height=\"{height:.1}\" \
         viewBox=\"0 0 {width:.1} {height:.1}\" stroke-linecap=\"round\" text-anchor=\"middle\" \
         font-family=\"Ubuntu, Helvetica, Arial, sans-serif\">\n"
    );
    let hex = |ink: Ink| {
        let [r, g, b] = palette.colour(ink);
        format!("#{r:02x}{g:02x}{b:02x}")
    };
    for shape in &drawing.shapes {
        // Writing to a string cannot fail.
        let _ = match shape {
            Shape::Line { from, to, width, ink } => {
                let ([x1, y1], [x2, y2]) = (fit.place(*from), fit.place(*to));
                writeln!(
                    text,
                    "<path d=\"M{x1:.2} {y1:.2}L{x2:.2} {y2:.2}\" stroke=\"{}\" stroke-width=\"{:.2}\"/>",
                    hex(*ink),
                    width * scale
                )
            }
            Shape::Polygon { points, ink } => {
                let corners: Vec<String> = points
                    .iter()
                    .map(|&p| {
                        let [x, y] = fit.place(p);
                        format!("{x:.2},{y:.2}")
                    })
                    .collect();
                writeln!(text, "<polygon points=\"{}\" fill=\"{}\"/>", corners.join(" "), hex(*ink))
            }
            Shape::Disc { centre, radius, ink } => {
                let [x, y] = fit.place(*centre);
                writeln!(
                    text,
                    "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{:.2}\" fill=\"{}\"/>",
                    radius * scale,
                    hex(*ink)
                )
            }
            Shape::Text { centre, text: letters, size, ink } => {
                let [x, y] = fit.place(*centre);
                // From the middle of a capital down to the line that it stands on.
                let y = y + 0.36 * size * scale;
                writeln!(
                    text,
                    "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{:.2}\" fill=\"{}\">{letters}</text>",
                    size * scale,
                    hex(*ink)
                )
            }
        };
    }
    text.push_str("</svg>\n");
    text
}

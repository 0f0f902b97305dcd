//! Axes of charts: plotters' ticks, in the letters and lines of our figures.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{Cartesian2d, DrawingArea, DrawingBackend};

use super::page::{GRID, INK, Page, Problem, px, stroke, words};

/// Size of numbers at ticks, points.
pub const TICK: f64 = 7.0;

/// Points left of a chart, for its numbers and the name of the axis.
pub const GUTTER: f64 = 44.0;

/// One axis.
pub struct Axis<'a> {
    /// From and to.
    pub range: Range<f64>,
    /// What it is, with its unit.
    pub name: &'a str,
    /// How its numbers are written; empty for a tick without one.
    pub number: &'a dyn Fn(f64) -> String,
    /// Ticks at most.
    pub ticks: usize,
}

/// Axes that are drawn, and where values lie between them.
pub struct Chart<'a, B: DrawingBackend> {
    context: ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    /// Left upper corner of the page in pixels of the paper.
    corner: (i32, i32),
}

impl<'a, B: DrawingBackend> Chart<'a, B> {
    /// Draws axes over a whole page, with room for their numbers left and below.
    pub fn new(page: &'a Page<B>, x: &Axis, y: &Axis, lines: bool) -> Result<Self, Problem> {
        let area: &DrawingArea<B, Shift> = &page.area;
        let size = |points: f64| px(points).round() as u32;
        let mut context = ChartBuilder::on(area)
            .margin_top(size(5.0))
            .margin_right(size(14.0))
            .margin_left(size(6.0))
            .x_label_area_size(size(if x.name.is_empty() { 14.0 } else { 28.0 }))
            .y_label_area_size(size(GUTTER - 6.0))
            .build_cartesian_2d(x.range.clone(), y.range.clone())
            .map_err(|e| e.to_string())?;
        let mut mesh = context.configure_mesh();
        if !lines {
            mesh.disable_mesh();
        }
        mesh.x_desc(x.name)
            .y_desc(y.name)
            .x_labels(x.ticks)
            .y_labels(y.ticks)
            .x_label_formatter(&|value| (x.number)(*value))
            .y_label_formatter(&|value| (y.number)(*value))
            .label_style(words(TICK).style())
            .axis_desc_style(words(8.0).style())
            .axis_style(stroke(INK, 0.6))
            .bold_line_style(stroke(GRID, 0.4))
            .max_light_lines(0)
            .set_all_tick_mark_size(size(3.0))
            .draw()
            .map_err(|e| e.to_string())?;
        let (left, top) = area.get_pixel_range();
        Ok(Self { context, corner: (left.start, top.start) })
    }

    /// Where a value lies on the page, in points.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        let (left, top) = self.context.backend_coord(&(x, y));
        [left - self.corner.0, top - self.corner.1].map(|pixels| f64::from(pixels) / px(1.0))
    }
}

/// A number with as many digits as tell it apart: 0.25, 12, 3.5e4.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else {
        let digits = (2 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_true() {
        for (value, text) in
            [(0.0, "0"), (0.25, "0.25"), (12.0, "12"), (0.333_333, "0.333"), (1234.5, "1234"), (-2.5, "-2.5")]
        {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(123_456.0), "1.2e5");
        assert_eq!(number(100.0), "100");
    }
}

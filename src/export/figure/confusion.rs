//! Which mechanism was taken for which.

use plotters::prelude::{Color, DrawingBackend, RGBColor};

use super::page::{FAINT, GRID, INK, Page, Problem, mm, stroke, words};
use super::{COLOURS, FULL, Figure, Origin, SMALLEST};
use crate::analysis::evaluate::Confusion;

/// Points for the longest name of a row, and of a column.
const NAMES: f64 = 200.0;
const BELOW: f64 = 130.0;
/// Points for the scale at the right.
const SCALE: f64 = 54.0;
/// Size of names where there is room, points.
const LETTERS: f64 = 8.0;
/// Cells are no larger, points.
const LARGEST: f64 = 26.0;
/// Cells that hold a number are no smaller.
const NUMBERED: f64 = 14.5;
/// Cells are no smaller, points: a line of the smallest letters.
const LEAST: f64 = 8.5;
/// Points for the names of the axes.
const AXIS: f64 = 16.0;

/// Which mechanism was taken for which, as parts of the true one.
#[derive(Debug)]
pub struct ConfusionMatrix<'a> {
    /// Counts.
    pub confusion: &'a Confusion,
    /// How a mechanism was predicted: `nearest video`, `classifier`.
    pub by: &'a str,
    /// Where the data are from.
    pub origin: Origin,
}

impl ConfusionMatrix<'_> {
    /// Points left of the cells: for the names if there is room, for numbers in the cells if names can do with less.
    fn left(&self) -> f64 {
        let count = self.confusion.labels.len().max(1) as f64;
        let longest = self.longest(" (1000)") + AXIS + 4.0;
        let beside = |cell: f64| FULL - SCALE - cell * count;
        let room = if beside(NUMBERED) > 130.0 { beside(NUMBERED) } else { beside(LEAST).max(100.0) };
        longest.min(room).clamp(60.0, NAMES)
    }

    /// Points below the cells for names.
    fn below(&self) -> f64 {
        (self.longest("") + 8.0).clamp(40.0, BELOW)
    }

    fn longest(&self, and: &str) -> f64 {
        let room = |label: &String| words(LETTERS).room(&format!("{label}{and}"));
        self.confusion.labels.iter().map(room).fold(0.0, f64::max)
    }

    fn cell(&self) -> f64 {
        ((FULL - self.left() - SCALE) / self.confusion.labels.len().max(1) as f64).min(LARGEST)
    }
}

impl Figure for ConfusionMatrix<'_> {
    fn name(&self) -> &'static str {
        "confusion"
    }

    fn title(&self) -> String {
        "Confusion of mechanisms".to_owned()
    }

    fn caption(&self) -> String {
        let Confusion { labels, counts } = self.confusion;
        let sum: usize = counts.iter().flatten().sum();
        let right: usize = counts.iter().zip(0..).filter_map(|(row, place)| row.get::<usize>(place)).sum();
        let per_row = (0..labels.len()).filter(|&i| counts[i].iter().sum::<usize>() > 0);
        let parts: Vec<f64> =
            per_row.map(|i| counts[i][i] as f64 / counts[i].iter().sum::<usize>() as f64).collect();
        let mean = 100.0 * parts.iter().sum::<f64>() / parts.len().max(1) as f64;
        let shown =
            if self.cell() < NUMBERED { "" } else { " Numbers are rounded; below 0.5 none is written." };
        format!(
            "Each row: where the videos of one true mechanism went, percent of the row (number of videos in brackets). \
             Predicted by: {}. Right: {right} of {sum} videos ({:.0} %); mean over mechanisms {mean:.0} %.{shown} {}",
            self.by,
            100.0 * right as f64 / sum.max(1) as f64,
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        let side = self.cell() * self.confusion.labels.len() as f64;
        ((self.left() + side + SCALE).max(mm(100.0)), side.max(76.0) + self.below() + AXIS)
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let Confusion { labels, counts } = self.confusion;
        let cell = self.cell();
        let (left, top) = (self.left(), 2.0);
        let side = cell * labels.len() as f64;
        // Letters fit into their line.
        let style = words(SMALLEST.max((0.8 * cell).min(LETTERS)));
        let room = left - AXIS - 4.0 - style.room(" (1000)");
        for (row, (label, counts)) in style.distinct(labels, room).iter().zip(counts).enumerate() {
            let sum: usize = counts.iter().sum();
            let y = top + cell * row as f64;
            page.text(&format!("{label} ({sum})"), [left - 5.0, y + cell / 2.0], style.right())?;
            for (column, &count) in counts.iter().enumerate() {
                let part = count as f64 / sum.max(1) as f64;
                let x = left + cell * column as f64;
                page.rect([x, y, cell, cell], shade(part).filled())?;
                page.rect([x, y, cell, cell], stroke(GRID, 0.3))?;
                if cell >= NUMBERED && part >= 0.005 {
                    let ink = if part > 0.55 { plotters::prelude::WHITE } else { INK };
                    let style = words(SMALLEST).centred().colour(ink);
                    page.text(&format!("{:.0}", 100.0 * part), [x + cell / 2.0, y + cell / 2.0], style)?;
                }
            }
            // The right answer is marked, so that the eye finds the diagonal.
            page.rect([left + cell * row as f64, y, cell, cell], stroke(INK, 0.8))?;
        }
        page.rect([left, top, side, side], stroke(INK, 0.6))?;
        for (column, label) in style.distinct(labels, self.below() - 8.0).iter().enumerate() {
            let x = left + cell * (column as f64 + 0.5);
            page.text(label, [x, top + side + 5.0], style.right().upwards())?;
        }
        let axis = words(8.0).centred().colour(FAINT);
        page.text("true", [9.0, top + side / 2.0], axis.upwards())?;
        page.text("predicted", [left + side / 2.0, top + side + self.below() + 8.0], axis)?;
        scale(page, left + side + 14.0, top)
    }
}

/// White for none, blue for all.
fn shade(part: f64) -> RGBColor {
    let RGBColor(r, g, b) = COLOURS[0];
    let mix = |full: u8| (255.0 + (f64::from(full) - 255.0) * part.clamp(0.0, 1.0)).round() as u8;
    RGBColor(mix(r), mix(g), mix(b))
}

/// What the shades mean.
fn scale<B: DrawingBackend>(page: &Page<B>, left: f64, top: f64) -> Result<(), Problem> {
    let height = 72.0;
    for step in 0..24 {
        let part = 1.0 - (f64::from(step) + 0.5) / 24.0;
        page.rect([left, top + height / 24.0 * f64::from(step), 9.0, height / 24.0], shade(part).filled())?;
    }
    page.rect([left, top, 9.0, height], stroke(INK, 0.5))?;
    for (text, y) in [("100 %", 3.5), ("50 %", height / 2.0), ("0 %", height - 3.5)] {
        page.text(text, [left + 12.0, top + y], words(SMALLEST))?;
    }
    Ok(())
}

//! Figures for print and slides: SVG, and PNG at 300 dots per inch of the same size.

use std::path::{Path, PathBuf};
use std::sync::Once;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::prelude::{BLACK, IntoSegmentedCoord};
use plotters::prelude::{
    ChartBuilder, Color, DrawingArea, DrawingBackend, IntoDrawingArea, IntoFont, LineSeries, PathElement,
    RGBColor, Rectangle, SegmentValue, SeriesLabelPosition, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, TextStyle, register_font};

use crate::analysis::evaluate::{Confusion, Report};
use crate::learn::progress::EpochRecord;
use crate::video::edits::write_atomically;

/// Width of a figure in points: 120 mm, between one and two columns.
const WIDTH: u32 = 480;

/// PNG pixels per point: 300 dots per inch at 120 mm, for 72 points an inch times 4⅙, rounded.
const SCALE: u32 = 3;

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

/// A figure that knows its size and how to draw itself.
pub trait Figure {
    /// Name of the files without ending.
    fn name(&self) -> &str;

    /// Width and height in points.
    fn size(&self) -> (u32, u32);

    /// Draws onto a backend; `unit` is the number of its pixels in a point.
    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>, unit: u32) -> Result<(), String>;
}

/// Writes `NAME.svg` and `NAME.png` into a folder.
pub fn write(figure: &impl Figure, folder: &Path) -> Result<(), FigureError> {
    fonts();
    let drawn = |problem: String| FigureError::Draw { name: figure.name().to_owned(), problem };
    let (width, height) = figure.size();
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| drawn(e.to_string()))?;
        figure.draw(&root, 1).map_err(drawn)?;
        root.present().map_err(|e| drawn(e.to_string()))?;
    }
    let (wide, high) = (width * SCALE, height * SCALE);
    let mut pixels = vec![0; (wide * high * 3) as usize];
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (wide, high)).into_drawing_area();
        root.fill(&WHITE).map_err(|e| drawn(e.to_string()))?;
        figure.draw(&root, SCALE).map_err(drawn)?;
        root.present().map_err(|e| drawn(e.to_string()))?;
    }
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_raw(wide, high, pixels)
        .ok_or_else(|| drawn("the buffer has another size".to_owned()))?
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|e| drawn(e.to_string()))?;
    for (ending, bytes) in [("svg", svg.as_bytes()), ("png", png.get_ref().as_slice())] {
        let path = folder.join(figure.name()).with_extension(ending);
        write_atomically(&path, bytes).map_err(|source| FigureError::Io { path, source })?;
    }
    Ok(())
}

/// The window's font, so that figures look the same on every machine.
fn fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for style in [FontStyle::Normal, FontStyle::Bold] {
            if register_font("sans-serif", style, epaint_default_fonts::UBUNTU_LIGHT).is_err() {
                log::warn!("the font of figures could not be read");
            }
        }
    });
}

fn font(points: u32, unit: u32) -> TextStyle<'static> {
    ("sans-serif", points * unit).into_font().color(&BLACK)
}

/// Loss terms by epoch.
#[derive(Debug)]
pub struct LossCurves<'a>(pub &'a [EpochRecord]);

impl Figure for LossCurves<'_> {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, 300)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>, unit: u32) -> Result<(), String> {
        type Of = fn(&EpochRecord) -> f32;
        let terms: [(&str, Of); 4] = [
            ("classification", |e| e.losses.classification),
            ("triplet", |e| e.losses.triplet),
            ("center", |e| e.losses.center),
            ("video-molecule", |e| e.losses.molecule),
        ];
        let epochs = self.0.len().max(1) as f32;
        let top = self.0.iter().flat_map(|e| terms.map(|(_, of)| of(e))).fold(0.0_f32, f32::max).max(1e-3);
        let mut chart = ChartBuilder::on(root)
            .margin(8 * unit)
            .x_label_area_size(32 * unit)
            .y_label_area_size(40 * unit)
            .build_cartesian_2d(0.5..epochs + 0.5, 0.0..top * 1.35)
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_label_formatter(&|epoch| if epoch.fract() == 0.0 { format!("{epoch}") } else { String::new() })
            .x_desc("epoch, both stages")
            .y_desc("loss, weighted")
            .label_style(font(10, unit))
            .axis_desc_style(font(11, unit))
            .light_line_style(WHITE)
            .draw()
            .map_err(|e| e.to_string())?;
        for ((name, of), colour) in terms.into_iter().zip(COLOURS) {
            let points = self.0.iter().enumerate().map(|(i, epoch)| (i as f32 + 1.0, of(epoch)));
            let style = colour.stroke_width(2 * unit);
            chart
                .draw_series(LineSeries::new(points, style))
                .map_err(|e| e.to_string())?
                .label(name)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 14 * unit as i32, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .legend_area_size(18 * unit)
            .label_font(font(10, unit))
            .background_style(WHITE.mix(0.8))
            .draw()
            .map_err(|e| e.to_string())
    }
}

/// Mean average precision of the model beside its baselines, with 95 % intervals.
#[derive(Debug)]
pub struct Scores<'a>(pub &'a Report);

impl Figure for Scores<'_> {
    fn name(&self) -> &'static str {
        "scores"
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, 60 + 26 * (self.0.baselines.len() as u32 + 1))
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>, unit: u32) -> Result<(), String> {
        let model = ("model".to_owned(), &self.0.metrics);
        let others = self.0.baselines.iter().map(|(name, metrics)| (name.clone(), metrics));
        let bars: Vec<(String, crate::analysis::evaluate::Estimate)> = [model]
            .into_iter()
            .chain(others)
            .filter_map(|(name, metrics)| Some((name, metrics.map?)))
            .collect();
        let top = bars.iter().map(|(_, map)| map.hi).fold(0.0, f64::max).max(1e-3) * 1.1;
        let count = bars.len();
        let simulated = if self.0.simulated { ", simulated" } else { "" };
        let mut chart = ChartBuilder::on(root)
            .margin(8 * unit)
            .x_label_area_size(32 * unit)
            .y_label_area_size(110 * unit)
            .build_cartesian_2d(0.0..top, (0..count.saturating_sub(1)).into_segmented())
            .map_err(|e| e.to_string())?;
        let label = |segment: &SegmentValue<usize>| match segment {
            SegmentValue::CenterOf(place) => {
                bars.get(count - 1 - place).map(|(name, _)| name.clone()).unwrap_or_default()
            }
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_desc(format!("MoA mAP, own drug removed ({} queries{simulated})", self.0.n_query))
            .y_label_formatter(&label)
            .y_labels(count)
            .label_style(font(10, unit))
            .axis_desc_style(font(11, unit))
            .light_line_style(WHITE)
            .draw()
            .map_err(|e| e.to_string())?;
        for (place, (_, map)) in bars.iter().rev().enumerate() {
            let colour = if place + 1 == count { COLOURS[0] } else { COLOURS[6] };
            let at = [(0.0, SegmentValue::Exact(place)), (map.value, SegmentValue::Exact(place + 1))];
            let mut bar = Rectangle::new(at, colour.filled());
            bar.set_margin(5 * unit, 5 * unit, 0, 0);
            chart.draw_series([bar]).map_err(|e| e.to_string())?;
            let middle = SegmentValue::CenterOf(place);
            let whisker =
                PathElement::new(vec![(map.lo, middle.clone()), (map.hi, middle)], BLACK.stroke_width(unit));
            chart.draw_series([whisker]).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

/// Which mechanism was taken for which, as parts of the true one.
#[derive(Debug)]
pub struct ConfusionMatrix<'a> {
    /// Counts.
    pub confusion: &'a Confusion,
    /// Whether any recording is simulated.
    pub simulated: bool,
}

impl Figure for ConfusionMatrix<'_> {
    fn name(&self) -> &'static str {
        "confusion"
    }

    fn size(&self) -> (u32, u32) {
        let side = 22 * self.confusion.labels.len().max(2) as u32;
        (side + 190, side + 150)
    }

    fn draw<B: DrawingBackend>(&self, root: &DrawingArea<B, Shift>, unit: u32) -> Result<(), String> {
        let cell = 22 * unit as i32;
        let (left, top) = (180 * unit as i32, 10 * unit as i32);
        let side = cell * self.confusion.labels.len() as i32;
        let right = Pos::new(HPos::Right, VPos::Center);
        let draw = |e: plotters::drawing::DrawingAreaErrorKind<B::ErrorType>| e.to_string();
        let Confusion { labels, counts } = self.confusion;
        for (row, (label, counts)) in labels.iter().zip(counts).enumerate() {
            let sum: usize = counts.iter().sum();
            let y = top + cell * row as i32;
            let text = Text::new(
                format!("{label} ({sum})"),
                (left - 6 * unit as i32, y + cell / 2),
                font(9, unit).pos(right),
            );
            root.draw(&text).map_err(draw)?;
            for (column, &count) in counts.iter().enumerate() {
                let part = count as f64 / sum.max(1) as f64;
                let x = left + cell * column as i32;
                let fill = COLOURS[0].mix(part).filled();
                root.draw(&Rectangle::new([(x, y), (x + cell, y + cell)], WHITE.filled())).map_err(draw)?;
                root.draw(&Rectangle::new([(x, y), (x + cell, y + cell)], fill)).map_err(draw)?;
                if count > 0 {
                    let ink = if part > 0.6 { WHITE } else { BLACK };
                    let middle = Pos::new(HPos::Center, VPos::Center);
                    let style = font(8, unit).color(&ink).pos(middle);
                    let text = Text::new(format!("{:.0}", 100.0 * part), (x + cell / 2, y + cell / 2), style);
                    root.draw(&text).map_err(draw)?;
                }
            }
        }
        for (column, label) in labels.iter().enumerate() {
            let x = left + cell * column as i32 + cell / 2;
            let style = font(9, unit)
                .transform(plotters::style::FontTransform::Rotate90)
                .pos(Pos::new(HPos::Left, VPos::Center));
            root.draw(&Text::new(label.clone(), (x, top + side + 6 * unit as i32), style)).map_err(draw)?;
        }
        let frame = Rectangle::new([(left, top), (left + side, top + side)], BLACK.stroke_width(unit));
        root.draw(&frame).map_err(draw)?;
        let simulated = if self.simulated { "; simulated" } else { "" };
        let note = Text::new(
            format!("percent of a mechanism's videos; rows true, columns nearest{simulated}"),
            (6 * unit as i32, top + side + 135 * unit as i32),
            font(9, unit).pos(Pos::new(HPos::Left, VPos::Bottom)),
        );
        root.draw(&note).map_err(draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::progress::EpochRecord;
    use crate::learn::sampler::Stage;
    use crate::learn::trainer::Terms;

    #[test]
    fn figures_are_readable_svg_and_png_with_their_words() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = |i: usize| EpochRecord {
            stage: Stage::Drug,
            epoch: i,
            step: i,
            losses: Terms { classification: 3.0 / i as f32, molecule: 2.0, ..Terms::default() },
            rate: 1e-3,
            validation: None,
        };
        let history: Vec<EpochRecord> = (1..6).map(epoch).collect();
        write(&LossCurves(&history), folder.path()).unwrap();
        let confusion = Confusion {
            labels: vec!["uncoupler".into(), "proteasome inhibitor".into()],
            counts: vec![vec![9, 1], vec![2, 8]],
        };
        write(&ConfusionMatrix { confusion: &confusion, simulated: true }, folder.path()).unwrap();
        for (name, word) in
            [("loss", "video-molecule"), ("confusion", "uncoupler (10)"), ("confusion", "simulated")]
        {
            let svg = std::fs::read_to_string(folder.path().join(name).with_extension("svg")).unwrap();
            assert!(svg.contains(word), "{name}");
            roxmltree::Document::parse(&svg).unwrap();
            let picture = image::open(folder.path().join(name).with_extension("png")).unwrap().into_rgb8();
            let inked = picture.pixels().filter(|pixel| pixel.0.iter().any(|&v| v < 128)).count();
            assert!(inked > 500, "{name}: {inked}");
        }
    }
}

//! Loss terms by epoch.

use plotters::prelude::DrawingBackend;

use super::chart::{Axis, Chart, number};
use super::page::{FAINT, INK, Page, Problem, mm, stroke, words};
use super::{COLOURS, Figure, SMALLEST, WIDE};
use crate::learn::progress::EpochRecord;
use crate::learn::sampler::Stage;

/// Points for the names of the curves.
const LEGEND: f64 = 92.0;

type Of = fn(&EpochRecord) -> f32;

/// The terms and their names.
const TERMS: [(&str, Of); 4] = [
    ("classification", |e| e.losses.get("classification")),
    ("triplet", |e| e.losses.get("triplet")),
    ("center", |e| e.losses.get("center")),
    ("video–molecule", |e| e.losses.get("molecule")),
];

/// Loss terms by epoch, and the validation that chose the weights.
#[derive(Debug)]
pub struct LossCurves<'a> {
    /// Epochs, both stages.
    pub history: &'a [EpochRecord],
    /// True if the videos are simulated.
    pub simulated: bool,
}

impl LossCurves<'_> {
    /// Epochs before which the second stage begins; `None` if there is one stage.
    fn border(&self) -> Option<usize> {
        self.history.windows(2).position(|pair| pair[0].stage != pair[1].stage).map(|place| place + 1)
    }
}

impl Figure for LossCurves<'_> {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn title(&self) -> String {
        "Training losses".to_owned()
    }

    fn caption(&self) -> String {
        let stages = match (self.border(), self.history.first().map(|epoch| epoch.stage.as_str())) {
            (Some(epochs), _) => {
                format!(
                    "The first {epochs} epochs learn drugs, the others mechanisms; their heights do not compare."
                )
            }
            (None, Some(stage)) if stage == Stage::Drug.name() => "All epochs learn drugs.".to_owned(),
            (None, _) => "All epochs learn mechanisms of action.".to_owned(),
        };
        let broken =
            self.history.iter().filter(|epoch| TERMS.iter().any(|(_, of)| !of(epoch).is_finite())).count();
        let broken = if broken > 0 {
            format!(" In {broken} of {} epochs a loss is no number.", self.history.len())
        } else {
            String::new()
        };
        format!("Mean of each epoch over training videos, weighted as the terms are summed. {stages}{broken}")
    }

    fn simulated(&self) -> bool {
        self.simulated
    }

    fn size(&self) -> (f64, f64) {
        (WIDE + LEGEND, mm(65.0))
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let values = || self.history.iter().flat_map(|e| TERMS.map(|(_, of)| f64::from(of(e))));
        let top = values().filter(|value| value.is_finite()).fold(1e-3, f64::max);
        let epochs = self.history.len().max(1) as f64;
        let half = (epochs * 0.02).max(0.5);
        let whole = |value: f64| if value.fract() == 0.0 { number(value) } else { String::new() };
        let plot = page.part([0.0, 0.0, page.width - LEGEND, page.height]);
        let x = Axis { range: 1.0 - half..epochs + half, name: "epoch", number: &whole, ticks: 8 };
        let y = Axis { range: 0.0..top * 1.15, name: "loss", number: &number, ticks: 6 };
        let chart = Chart::new(&plot, &x, &y, true)?;
        if let Some(border) = self.border() {
            let at = border as f64 + 0.5;
            plot.dashes(chart.at(at, 0.0), chart.at(at, top * 1.15), 2.5, stroke(FAINT, 0.6))?;
            let style = words(SMALLEST).colour(FAINT);
            let ([x, y], [left, _], [right, _]) =
                (chart.at(at, top * 1.11), chart.at(1.0 - half, 0.0), chart.at(epochs + half, 0.0));
            page.text(&style.shorten("drugs", x - left - 4.0), [x - 4.0, y], style.right())?;
            page.text(&style.shorten("mechanisms", right - x - 4.0), [x + 4.0, y], style)?;
        }
        let left = page.width - LEGEND + 2.0;
        let shown =
            TERMS.iter().zip(COLOURS).filter(|((_, of), _)| self.history.iter().any(|e| of(e) != 0.0));
        for (place, ((name, of), colour)) in shown.enumerate() {
            // A loss that is no number leaves a gap.
            let points: Vec<[f64; 2]> =
                self.history.iter().enumerate().map(|(i, e)| [i as f64 + 1.0, of(e).into()]).collect();
            // The stages' losses are of different labels: no line joins them.
            let (first, second) = points.split_at(self.border().unwrap_or(points.len()));
            let runs = [first, second].into_iter().flat_map(|half| half.split(|point| !point[1].is_finite()));
            for run in runs.filter(|run| !run.is_empty()) {
                let at: Vec<[f64; 2]> = run.iter().map(|&[x, y]| chart.at(x, y)).collect();
                plot.line(&at, stroke(colour, 1.3))?;
                if points.len() <= 40 {
                    at.iter().try_for_each(|&at| {
                        plot.circle(at, 1.6, plotters::prelude::Color::filled(&colour))
                    })?;
                }
            }
            let y = 12.0 + 12.0 * place as f64;
            page.line(&[[left, y], [left + 12.0, y]], stroke(colour, 1.5))?;
            let words = words(7.5).colour(INK);
            page.text(&words.shorten(name, LEGEND - 22.0), [left + 16.0, y], words)?;
        }
        Ok(())
    }
}

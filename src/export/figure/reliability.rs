//! Whether a probability means what it says.

use plotters::prelude::{Color, DrawingBackend};

use super::chart::{Axis, Chart};
use super::page::{FAINT, Page, Problem, mm, stroke, words};
use super::{COLOURS, Figure, Origin, SMALLEST, WIDE};
use crate::analysis::answers;

/// Points for the histogram below.
const HISTOGRAM: f64 = 58.0;

/// What one prediction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// One recording.
    Video,
    /// One compound at one dose.
    Treatment,
    /// One compound.
    Compound,
}

impl Level {
    /// Plural, as the caption says it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Video => "videos",
            Self::Treatment => "compounds × doses",
            Self::Compound => "compounds",
        }
    }
}

/// Predictions with a like probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Their mean probability, 0 to 1.
    pub predicted: f64,
    /// The part of them that is right.
    pub right: f64,
    /// How many.
    pub n: usize,
}

/// Mean predicted probability against the part that is right.
#[derive(Debug, Clone)]
pub struct Reliability<'a> {
    /// Name of the files without ending.
    pub name: &'a str,
    /// What is predicted: `mechanism of action`.
    pub what: &'a str,
    /// Bins with predictions, by probability.
    pub bins: Vec<Bin>,
    /// Expected calibration error, 0 to 1: mean distance of a bin from the diagonal, weighted by its number.
    pub ece: f64,
    /// What a prediction is about.
    pub level: Level,
    /// How it was measured: `cross-fitted by compound`.
    pub how: &'a str,
    /// Where the data are from.
    pub origin: Origin,
}

impl<'a> Reliability<'a> {
    /// Of mechanisms of action, as the answers of a library were measured.
    pub fn of_mechanisms(
        name: &'a str,
        level: answers::Level,
        measured: &answers::Reliability,
        how: &'a str,
        origin: Origin,
    ) -> Self {
        let filled = measured.bins.iter().filter(|bin| bin.n > 0);
        Self {
            name,
            what: "mechanism of action",
            bins: filled
                .map(|bin| Bin { predicted: bin.probability, right: bin.accuracy, n: bin.n })
                .collect(),
            ece: measured.ece,
            level: match level {
                answers::Level::Video => Level::Video,
                answers::Level::Treatment => Level::Treatment,
                answers::Level::Compound => Level::Compound,
            },
            how,
            origin,
        }
    }

    /// Predictions sorted into bins of equal width, and the expected calibration error (Naeini et al., AAAI 2015).
    /// A probability outside 0 to 1 or that is no number is left out.
    pub fn bins(predictions: &[(f64, bool)], count: usize) -> (Vec<Bin>, f64) {
        let count = count.max(1);
        let mut sums = vec![(0.0, 0_usize, 0_usize); count];
        for &(probability, right) in predictions.iter().filter(|(p, _)| (0.0..=1.0).contains(p)) {
            let (sum, hits, n) = &mut sums[((probability * count as f64) as usize).min(count - 1)];
            *sum += probability;
            *hits += usize::from(right);
            *n += 1;
        }
        let all: usize = sums.iter().map(|(_, _, n)| n).sum();
        let bins: Vec<Bin> = sums
            .into_iter()
            .filter(|(_, _, n)| *n > 0)
            .map(|(sum, hits, n)| Bin { predicted: sum / n as f64, right: hits as f64 / n as f64, n })
            .collect();
        let ece = bins.iter().map(|bin| bin.n as f64 * (bin.predicted - bin.right).abs()).sum::<f64>();
        (bins, ece / all.max(1) as f64)
    }
}

/// Wilson's 95 % interval of a part of `n`.
fn interval(part: f64, n: usize) -> [f64; 2] {
    let (z, n) = (1.959_964, n as f64);
    let middle = (part + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (part * (1.0 - part) / n + z * z / (4.0 * n * n)).sqrt();
    [middle - half, middle + half]
}

impl Figure for Reliability<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> String {
        format!("Reliability of the probability: {}", self.what)
    }

    fn caption(&self) -> String {
        let n: usize = self.bins.iter().map(|bin| bin.n).sum();
        format!(
            "Each point: predictions with a like probability. On the diagonal, 7 of 10 predictions given as 70 % are right. \
             n = {n} {}, {}. Expected calibration error {:.3} over {} bins with predictions. Lines: 95 % intervals \
             (Wilson), as if predictions were independent. {}",
            self.level.label(),
            self.how,
            self.ece,
            self.bins.len(),
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        (WIDE, mm(95.0) + HISTOGRAM)
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let percent = |value: f64| format!("{:.0} %", 100.0 * value);
        let plot = page.part([0.0, 0.0, page.width, page.height - HISTOGRAM]);
        let x = Axis { range: 0.0..1.0, name: "", number: &percent, ticks: 6 };
        let y = Axis { range: 0.0..1.0, name: "predictions that were right", number: &percent, ticks: 6 };
        let chart = Chart::new(&plot, &x, &y, true)?;
        plot.dashes(chart.at(0.0, 0.0), chart.at(1.0, 1.0), 3.0, stroke(FAINT, 0.8))?;
        let hint = words(SMALLEST).colour(FAINT);
        plot.text("above the dashes: more often right than said", chart.at(0.02, 0.96), hint)?;
        plot.text("below: less often right than said", chart.at(0.98, 0.04), hint.right())?;
        let at: Vec<[f64; 2]> = self.bins.iter().map(|bin| chart.at(bin.predicted, bin.right)).collect();
        plot.line(&at, stroke(COLOURS[0], 1.0))?;
        for (bin, &at) in self.bins.iter().zip(&at) {
            let [low, high] = interval(bin.right, bin.n).map(|value| chart.at(bin.predicted, value));
            plot.line(&[low, high], stroke(COLOURS[0], 0.8))?;
            plot.circle(at, 2.6, COLOURS[0].filled())?;
        }
        let below = page.part([0.0, page.height - HISTOGRAM, page.width, HISTOGRAM]);
        let most = self.bins.iter().map(|bin| bin.n).max().unwrap_or(1) as f64;
        let none = |_: f64| String::new();
        let x = Axis { range: 0.0..1.0, name: "predicted probability", number: &percent, ticks: 6 };
        let y = Axis { range: 0.0..most * 1.45, name: "n", number: &none, ticks: 0 };
        let chart = Chart::new(&below, &x, &y, false)?;
        // Numbers of neighbouring bars stand on two lines where they would touch.
        let mut before = f64::NEG_INFINITY;
        for bin in &self.bins {
            let [x, floor] = chart.at(bin.predicted, 0.0);
            let [_, top] = chart.at(bin.predicted, bin.n as f64);
            below.rect([x - 4.0, top, 8.0, floor - top], COLOURS[0].mix(0.5).filled())?;
            let text = number_of(bin.n);
            let half = words(SMALLEST).room(&text) / 2.0;
            if x - half > before {
                below.text(&text, [x, top - 5.0], words(SMALLEST).centred())?;
                before = x + half + 1.0;
            }
        }
        Ok(())
    }
}

fn number_of(n: usize) -> String {
    if n < 10_000 { n.to_string() } else { format!("{}k", n / 1000) }
}

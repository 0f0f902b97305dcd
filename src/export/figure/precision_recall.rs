//! How pure a retrieval stays as more is found.

use plotters::prelude::{DrawingBackend, RGBColor};

use super::chart::{Axis, Chart};
use super::page::{FAINT, INK, Page, Problem, mm, stroke, words};
use super::{COLOURS, FULL, Figure, Origin};

/// Points for the legend.
const LEGEND: f64 = 190.0;
/// Curves with a colour of their own; more stay grey.
const COLOURED: usize = 6;
/// Steps of recall at which curves are averaged.
const STEPS: usize = 200;

/// One curve: the mean over queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Whose.
    pub label: String,
    /// Recall and precision, recall ascending.
    pub points: Vec<[f64; 2]>,
    /// Mean average precision of its queries.
    pub average_precision: f64,
    /// Mean average precision of random rankings of the same.
    pub chance: f64,
    /// Queries.
    pub n: usize,
}

impl Curve {
    /// The mean of queries, each a ranking from the nearest to the farthest that says what is right. At a recall, a query's
    /// precision is that of the first rank which reaches it, so that the area below the curve is the mean average precision.
    /// Queries with nothing to find are left out; `None` if that leaves none.
    pub fn of(label: &str, rankings: &[Vec<bool>]) -> Option<Self> {
        let rankings: Vec<&Vec<bool>> = rankings.iter().filter(|ranking| ranking.contains(&true)).collect();
        let n = rankings.len();
        let mut precision = vec![0.0; STEPS];
        let (mut average_precision, mut chance) = (0.0, 0.0);
        for ranking in &rankings {
            let relevant = ranking.iter().filter(|right| **right).count();
            let at: Vec<f64> = (1..)
                .zip(ranking.iter().zip(1..).filter(|(right, _)| **right))
                .map(|(hits, (_, rank))| f64::from(hits) / f64::from(rank))
                .collect();
            average_precision += at.iter().sum::<f64>() / relevant as f64;
            chance += crate::analysis::ranking::chance(relevant, ranking.len());
            for (step, sum) in precision.iter_mut().enumerate() {
                *sum += at[((step as f64 + 0.5) / STEPS as f64 * relevant as f64) as usize];
            }
        }
        let point = |(step, sum): (usize, &f64)| [(step as f64 + 0.5) / STEPS as f64, sum / n as f64];
        (n > 0).then(|| Self {
            label: label.to_owned(),
            points: precision.iter().enumerate().map(point).collect(),
            average_precision: average_precision / n as f64,
            chance: chance / n as f64,
            n,
        })
    }
}

/// Precision against recall of retrieval.
#[derive(Debug, Clone)]
pub struct PrecisionRecall<'a> {
    /// Name of the files without ending.
    pub name: &'a str,
    /// What is found, and what a query does not see: `mechanism of action, own drug removed`.
    pub task: &'a str,
    /// The mean over all queries.
    pub mean: Curve,
    /// Some of them, such as one for each mechanism.
    pub curves: Vec<Curve>,
    /// Where the data are from.
    pub origin: Origin,
}

impl Figure for PrecisionRecall<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn title(&self) -> String {
        format!("Retrieval: {}", self.task)
    }

    fn caption(&self) -> String {
        let grey = self.curves.len().saturating_sub(COLOURED);
        let rest = if grey > 0 {
            format!(" The {COLOURED} with most queries are coloured, {grey} others grey.")
        } else {
            String::new()
        };
        format!(
            "Recall: part of what is right that was found; precision: part of what was found that is right. Means over \
             queries; AP: mean average precision, the area below a curve. Dashes: AP of random rankings, {:.3}.{rest} {}",
            self.mean.chance,
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        (FULL, mm(85.0))
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let percent = |value: f64| format!("{:.0} %", 100.0 * value);
        let plot = page.part([0.0, 0.0, page.width - LEGEND, page.height]);
        let x = Axis { range: 0.0..1.0, name: "recall", number: &percent, ticks: 6 };
        let y = Axis { range: 0.0..1.0, name: "precision", number: &percent, ticks: 6 };
        let chart = Chart::new(&plot, &x, &y, true)?;
        let mut order: Vec<&Curve> = self.curves.iter().collect();
        order.sort_by_key(|curve| std::cmp::Reverse(curve.n));
        let (named, grey) = order.split_at(order.len().min(COLOURED));
        let draw = |curve: &Curve, colour: RGBColor, width: f64| {
            let at: Vec<[f64; 2]> = curve.points.iter().map(|&[x, y]| chart.at(x, y)).collect();
            plot.line(&at, stroke(colour, width))
        };
        grey.iter().try_for_each(|curve| draw(curve, RGBColor(190, 190, 190), 0.6))?;
        named.iter().zip(COLOURS).try_for_each(|(curve, colour)| draw(curve, colour, 1.0))?;
        let chance = [0.0, 1.0].map(|recall| chart.at(recall, self.mean.chance));
        plot.dashes(chance[0], chance[1], 3.0, stroke(FAINT, 0.9))?;
        draw(&self.mean, INK, 2.0)?;

        let left = page.width - LEGEND + 6.0;
        let mut y = 12.0;
        let mut row = |label: &str, detail: &str, colour: RGBColor, width: f64, dashed: bool| {
            let style = words(7.5);
            let mark = [[left, y], [left + 14.0, y]];
            if dashed {
                page.dashes(mark[0], mark[1], 2.5, stroke(colour, width))?;
            } else {
                page.line(&mark, stroke(colour, width))?;
            }
            let right = page.width - 8.0;
            let room = right - left - 18.0 - style.room(detail) - 6.0;
            page.text(&style.shorten(label, room), [left + 18.0, y], style)?;
            page.text(detail, [right, y], style.right())?;
            y += 12.0;
            Ok::<(), Problem>(())
        };
        let detail = |curve: &Curve| format!("AP {:.2}, n = {}", curve.average_precision, curve.n);
        row("mean of all queries", &detail(&self.mean), INK, 2.0, false)?;
        row("chance", &format!("AP {:.2}", self.mean.chance), FAINT, 0.9, true)?;
        for (curve, colour) in named.iter().zip(COLOURS) {
            row(&curve.label, &detail(curve), colour, 1.2, false)?;
        }
        if !grey.is_empty() {
            row(&format!("others ({})", grey.len()), "", RGBColor(190, 190, 190), 0.8, false)?;
        }
        Ok(())
    }
}

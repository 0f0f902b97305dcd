//! Mean average precision beside its baselines.

use plotters::prelude::{Color, DrawingBackend};

use super::chart::{Axis, Chart, GUTTER, number};
use super::page::{INK, Page, Problem, stroke, words};
use super::{COLOURS, FULL, Figure};
use crate::analysis::evaluate::{Estimate, Exclusion, Report, Task};

/// Points for the names.
const NAMES: f64 = 150.0;
/// Points for the numbers at the right.
const NUMBERS: f64 = 92.0;
/// Points of one bar and the gap below it.
const STEP: f64 = 17.0;

/// Mean average precision of the model beside its baselines, with 95 % intervals.
#[derive(Debug)]
pub struct Scores<'a>(pub &'a Report);

impl Scores<'_> {
    fn bars(&self) -> Vec<(String, Estimate)> {
        let model = ("MolCLIP, video".to_owned(), &self.0.metrics);
        let others = self.0.baselines.iter().map(|(name, metrics)| (name.clone(), metrics));
        [model].into_iter().chain(others).filter_map(|(name, metrics)| Some((name, metrics.map?))).collect()
    }
}

impl Figure for Scores<'_> {
    fn name(&self) -> &'static str {
        "scores"
    }

    fn title(&self) -> String {
        match self.0.task {
            Task::DrugIdentification => "Finding videos of the same drug".to_owned(),
            Task::Moa => "Finding videos with the same mechanism of action".to_owned(),
        }
    }

    fn caption(&self) -> String {
        let Report { n_query, n_gallery, n_dropped, per_drug, protocol, exclusion, .. } = self.0;
        let dropped =
            if *n_dropped > 0 { format!(" {n_dropped} queries had nothing to find.") } else { String::new() };
        let void = if self.0.contaminated.is_empty() {
            ""
        } else {
            " VOID: the model was trained with compounds or mechanisms of the queries."
        };
        format!(
            "Mean average precision over {n_query} queries in a gallery of {n_gallery} videos (1 is perfect); {}; {}. \
             Lines: 95 % intervals over {} drugs. Chance is the mean of all random rankings.{dropped}{void}",
            protocol.label(),
            match exclusion {
                Exclusion::SameReplicateDrug => "videos of the query's drug from its replicate left out",
                Exclusion::Nsc => "videos of the query's drug left out",
                Exclusion::Nscb => "videos of the query's drug and of its replicate left out",
            },
            per_drug.len()
        )
    }

    fn simulated(&self) -> bool {
        self.0.simulated
    }

    fn size(&self) -> (f64, f64) {
        (FULL, 34.0 + STEP * self.bars().len().max(1) as f64)
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let bars = self.bars();
        let top = bars.iter().map(|(_, map)| map.hi).fold(0.0, f64::max).max(1e-3);
        let plot = page.part([NAMES - GUTTER, 0.0, page.width - NAMES + GUTTER - NUMBERS, page.height]);
        let none = |_: f64| String::new();
        let x = Axis {
            range: 0.0..(top * 1.05).min(1.0),
            name: "mean average precision",
            number: &number,
            ticks: 7,
        };
        let y = Axis { range: 0.0..bars.len().max(1) as f64, name: "", number: &none, ticks: 0 };
        let chart = Chart::new(&plot, &x, &y, false)?;
        for (place, (name, map)) in bars.iter().enumerate() {
            let middle = (bars.len() - place) as f64 - 0.5;
            let ([left, y], [right, _]) = (chart.at(0.0, middle), chart.at(map.value, middle));
            let colour = if place == 0 { COLOURS[0].mix(0.75) } else { COLOURS[6].mix(0.4) };
            plot.rect([left, y - 5.0, right - left, 10.0], colour.filled())?;
            let [low, high] = [map.lo, map.hi].map(|value| chart.at(value, middle)[0]);
            plot.line(&[[low, y], [high, y]], stroke(INK, 0.8))?;
            for end in [low, high] {
                plot.line(&[[end, y - 2.5], [end, y + 2.5]], stroke(INK, 0.8))?;
            }
            let style = if place == 0 { words(8.0).bold() } else { words(8.0) };
            let name = style.shorten(name, NAMES - 14.0);
            page.text(&name, [NAMES - 6.0, y], style.right())?;
            let numbers = format!("{:.3} [{:.3}, {:.3}]", map.value, map.lo, map.hi);
            page.text(&numbers, [page.width - NUMBERS + 2.0, y], words(7.5))?;
        }
        Ok(())
    }
}

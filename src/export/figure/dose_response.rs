//! Dose and response: compounds of a screen side by side, with what was fitted, or why nothing was.

use plotters::prelude::{Color, DrawingBackend};

use super::chart::{Axis, Chart, number};
use super::page::{FAINT, INK, Page, Problem, mm, stroke, words};
use super::{COLOURS, FULL, Figure, Origin, SMALLEST};
use crate::analysis::hits::{Compound, Hits};

/// Charts in a line and lines on a page.
const COLUMNS: usize = 3;
const LINES: usize = 5;

/// Points: height of a chart with its name and its words.
const HEIGHT: f64 = mm(45.0);

/// Points for the name above a chart, and for the words below it.
const NAME: f64 = 12.0;
const WORDS: f64 = 11.0;

/// Points of a curve.
const STEPS: usize = 60;

/// Decades left and right of the doses, and from the lowest dose to wells without drug.
const MARGIN: f64 = 0.2;
const NONE: f64 = 0.7;

/// A page of dose-response curves.
#[derive(Debug)]
pub struct DoseResponses<'a> {
    name: String,
    /// Which page, of how many.
    page: (usize, usize),
    compounds: Vec<&'a Compound>,
    hits: &'a Hits,
    vectors: &'a str,
    origin: &'a Origin,
    /// Lowest and highest score of all pages.
    scores: (f64, f64),
}

impl<'a> DoseResponses<'a> {
    /// Pages for all compounds that have wells with doses, the best hit first; `vectors` names the encoder or the column.
    pub fn pages(hits: &'a Hits, vectors: &'a str, origin: &'a Origin) -> Vec<Self> {
        let compounds: Vec<&Compound> = hits.compounds.iter().filter(|of| !doses(of).is_empty()).collect();
        let scores = compounds.iter().flat_map(|of| of.points.iter().map(|point| point.response));
        let start = if hits.score.is_on_axis() { (0.0, 1.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
        let (low, high) = scores
            .filter(|score| score.is_finite())
            .fold(start, |(low, high), score| (low.min(score), high.max(score)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { 0.05 * (high - low) } else { 0.5 };
        let pages = compounds.chunks(COLUMNS * LINES);
        let count = pages.len();
        let page = |(place, compounds): (usize, &[&'a Compound])| Self {
            name: page_name("dose_response", place + 1),
            page: (place + 1, count),
            compounds: compounds.to_vec(),
            hits,
            vectors,
            origin,
            scores: (low - room, high + room),
        };
        pages.enumerate().map(page).collect()
    }

    /// Calls its files otherwise: the first page `base`, the others `base` with their number.
    pub fn rename(&mut self, base: &str) {
        self.name = page_name(base, self.page.0);
    }

    fn tile<B: DrawingBackend>(&self, page: &Page<B>, of: &Compound) -> Result<(), Problem> {
        let title = words(8.0).bold();
        page.text(&title.shorten(&of.compound, page.width - 8.0), [8.0, 6.0], title)?;
        let doses = doses(of);
        let (Some(lowest), Some(highest)) = (doses.first(), doses.last()) else { return Ok(()) };
        let without = of.points.iter().any(|point| point.dose_um == 0.0);
        let left = lowest.log10() - if without { NONE } else { 0.0 };
        let (from, to) = (left - MARGIN, highest.log10() + MARGIN);
        let part = page.part([0.0, NAME, page.width, page.height - NAME - WORDS]);
        let decade = |value: f64| {
            let is_whole = (value - value.round()).abs() < 1e-6;
            if is_whole { number(10_f64.powi(value.round() as i32)) } else { String::new() }
        };
        let x = Axis { range: from..to, name: "dose (µM)", number: &decade, ticks: 5 };
        let y = Axis { range: self.scores.0..self.scores.1, name: "score", number: &number, ticks: 4 };
        let chart = Chart::new(&part, &x, &y, true)?;
        if let Some(fit) = &of.curve {
            let at = |step: usize| {
                lowest.log10() + (highest.log10() - lowest.log10()) * step as f64 / (STEPS - 1) as f64
            };
            let steps: Vec<f64> = (0..STEPS).map(at).collect();
            let inside = |score: f64| score.clamp(self.scores.0, self.scores.1);
            let band = fit.band(&steps.iter().map(|x| 10_f64.powf(*x)).collect::<Vec<_>>());
            let lower = steps.iter().zip(&band).map(|(x, band)| chart.at(*x, inside(band.0)));
            let upper = steps.iter().zip(&band).rev().map(|(x, band)| chart.at(*x, inside(band.1)));
            part.polygon(&lower.chain(upper).collect::<Vec<_>>(), COLOURS[0].mix(0.18).filled())?;
            let ec50 = fit.ec50_um.log10();
            let ends = [self.scores.0, self.scores.1].map(|score| chart.at(ec50, score));
            part.dashes(ends[0], ends[1], 2.5, stroke(FAINT, 0.6))?;
            let curve: Vec<[f64; 2]> =
                steps.iter().map(|x| chart.at(*x, inside(fit.at(10_f64.powf(*x))))).collect();
            part.line(&curve, stroke(COLOURS[0], 1.2))?;
        }
        for point in of.points.iter().filter(|point| point.response.is_finite()) {
            if point.dose_um > 0.0 {
                part.circle(chart.at(point.dose_um.log10(), point.response), 1.5, INK.filled())?;
            } else if point.dose_um == 0.0 {
                part.circle(chart.at(left, point.response), 1.5, stroke(INK, 0.6))?;
            }
        }
        let style = words(SMALLEST).colour(FAINT);
        let text = style.shorten(&said(of), page.width - 12.0);
        page.text(&text, [8.0, page.height - 0.5 * WORDS], style)
    }
}

fn page_name(base: &str, page: usize) -> String {
    if page == 1 { base.to_owned() } else { format!("{base}_{page}") }
}

/// Doses above 0, ascending.
fn doses(of: &Compound) -> Vec<f64> {
    let mut doses: Vec<f64> =
        of.points.iter().map(|point| point.dose_um).filter(|dose| dose.is_finite() && *dose > 0.0).collect();
    doses.sort_unstable_by(f64::total_cmp);
    doses
}

/// The EC50 with its interval, or why there is none.
fn said(of: &Compound) -> String {
    let end = |end: Option<f64>| end.map_or_else(|| "open".to_owned(), number);
    match of.ec50_um {
        Some(ec50) => {
            format!("EC50 {} µM [{}, {}]", number(ec50), end(of.ec50_lo), end(of.ec50_hi))
        }
        None => of.note.clone().unwrap_or_else(|| "no curve".to_owned()),
    }
}

impl Figure for DoseResponses<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn title(&self) -> String {
        match self.page {
            (_, 1) => "Dose and response".to_owned(),
            (page, of) => format!("Dose and response, {page} of {of}"),
        }
    }

    fn caption(&self) -> String {
        format!(
            "Score of {}: {}. A point is a well; open points have no drug. Lines: four-parameter logistic with its pointwise 95 % \
             band; dashes: EC50 with its 95 % profile-likelihood interval below. Toxic doses that the fit left out are not shown. \
             Seed {}. {}",
            self.vectors,
            self.hits.score.label(),
            self.hits.seed,
            self.origin.text()
        )
    }

    fn simulated(&self) -> bool {
        self.origin.simulated
    }

    fn size(&self) -> (f64, f64) {
        (FULL, HEIGHT * self.compounds.len().div_ceil(COLUMNS) as f64)
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Result<(), Problem> {
        let width = page.width / COLUMNS as f64;
        for (place, of) in self.compounds.iter().enumerate() {
            let (column, line) = (place % COLUMNS, place / COLUMNS);
            let corner = [width * column as f64, HEIGHT * line as f64];
            self.tile(&page.part([corner[0], corner[1], width, HEIGHT]), of)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::dose_response::{Point, Verdict, fit};

    fn compound(name: &str, of: impl Fn(f64) -> f64) -> Compound {
        let doses = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
        let points: Vec<Point> = doses
            .into_iter()
            .flat_map(|dose_um| [-0.02, 0.02].map(|off| Point { dose_um, response: of(dose_um) + off }))
            .collect();
        let curve = match fit(&points) {
            Verdict::Fit(fit) => Some(fit),
            Verdict::NoFit(_) => None,
        };
        let note = curve.is_none().then(|| "no curve: flat".to_owned());
        let ec50_um = curve.as_ref().map(|fit| fit.ec50_um);
        Compound { compound: name.to_owned(), points, curve, note, ec50_um, ..Compound::default() }
    }

    #[test]
    fn curves_fill_pages_and_say_their_ec50_or_why_there_is_none() {
        let mut compounds = vec![compound("rises", |dose| 1.0 / (1.0 + (0.3 / dose).powi(2)))];
        compounds.extend((0..15).map(|n| compound(&format!("flat {n}"), |_| 0.0)));
        let hits = Hits { compounds, ..Hits::default() };
        let origin = Origin { simulated: true, ..Origin::default() };
        let mut pages = DoseResponses::pages(&hits, "biomarkers", &origin);
        assert_eq!(pages.iter().map(Figure::name).collect::<Vec<_>>(), ["dose_response", "dose_response_2"]);
        let first = super::super::svg(&pages[0]).unwrap();
        assert!(first.contains("rises") && first.contains("EC50 0.3 µM"), "the curve is named");
        assert!(first.contains("no curve: flat") && first.contains("simulated data"));
        assert!(super::super::svg(&pages[1]).unwrap().contains("flat 14"));
        assert!(DoseResponses::pages(&Hits::default(), "", &origin).is_empty());
        pages[1].rename("other");
        assert_eq!(pages[1].name(), "other_2");
    }
}

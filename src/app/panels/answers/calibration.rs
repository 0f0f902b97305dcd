//! How far answers can be trusted: measured on the experiment's own compounds, each left out in turn.

use eframe::egui::{Color32, RichText, Ui};
use egui_plot::{Line, LineStyle, MarkerShape, Plot, PlotPoints, Points};

use super::SMALL;
use super::verdict::{count, percent};
use crate::analysis::answers::{Bin, Calibration, Level, Rate, Reliability};
use crate::app::answers::Encoded;
use crate::app::widgets::named;

/// Shows the calibration of a level.
pub fn show(ui: &mut Ui, encoded: &Encoded, level: Level) {
    let calibration = encoded.answers.library().calibration(level);
    let what = match level {
        Level::Video => "single videos",
        Level::Treatment => "compounds at one dose",
        Level::Compound => "compounds",
    };
    ui.label(format!(
        "Asked about {what}, as above; each compound was left out of the gallery while it was asked about. Figures that are \
         exported say which of videos, compounds at one dose and compounds they count: their percentages differ from these."
    ));
    if encoded.is_simulated() {
        ui.label(RichText::new("simulated").strong().color(ui.visuals().warn_fg_color));
    }
    if let Some(head) = encoded.answers.library().head() {
        ui.weak(head.to_string());
    }
    let (all, trained) = encoded.trained();
    let mind = match (trained, &calibration.unseen) {
        (Some(0), _) => None,
        (Some(trained), unseen) => {
            let few = if unseen.is_none() {
                " Too few others can be asked about to say how it does on a new one: less well than this."
            } else {
                ""
            };
            Some(format!("The model was trained with {trained} of these {all} compounds.{few}"))
        }
        (None, _) => Some("Nobody knows which compounds these vectors were trained with.".to_owned()),
    };
    if let Some(text) = mind {
        ui.label(RichText::new(text).color(ui.visuals().warn_fg_color));
    }
    for note in &calibration.notes {
        ui.weak(note);
    }
    if let Some(unseen) = calibration.unseen.as_ref().filter(|_| trained != Some(0)) {
        ui.strong(format!("On compounds that the model never saw: {}", count(unseen.compounds, "compound")));
        if let Some(measured) = &unseen.reliability {
            accuracy(ui, measured);
        }
        let alpha = calibration.novelty.as_ref().map(|novelty| novelty.alpha);
        if let (Some(false_alarms), Some(detected), Some(alpha)) =
            (unseen.false_alarms, unseen.detected, alpha)
        {
            novelty(ui, false_alarms, detected, alpha);
        }
        ui.separator();
        ui.strong("On all compounds, those of the training too");
    }
    reliability(ui, calibration);
    if let Some(measured) = &calibration.reliability {
        accuracy(ui, measured);
    }
    if let Some(measured) = &calibration.novelty {
        novelty(ui, measured.false_alarms, measured.detected, measured.alpha);
        let tip = "DMSO wells that were asked about as if they were a treatment";
        line(ui, "DMSO called unlike", rate(measured.dmso), tip);
    }
}

fn reliability(ui: &mut Ui, calibration: &Calibration) {
    let Some(reliability) = &calibration.reliability else { return };
    let bins: Vec<&Bin> = reliability.bins.iter().filter(|bin| bin.n > 0).collect();
    ui.strong("Reliability");
    let accent = ui.visuals().selection.stroke.color;
    let weak = ui.visuals().weak_text_color();
    let side = ui.available_width().min(240.0);
    let plot = Plot::new("reliability")
        .width(side)
        .height(side * 0.8)
        .include_x(0.0)
        .include_x(1.0)
        .include_y(0.0)
        .include_y(1.0)
        .x_axis_label("said")
        .y_axis_label("right")
        .allow_drag(false)
        .allow_zoom(false)
        .allow_scroll(false)
        .show(ui, |plot| {
            let diagonal = Line::new("said = right", PlotPoints::from(vec![[0.0, 0.0], [1.0, 1.0]]));
            plot.line(diagonal.color(weak).style(LineStyle::Dashed { length: 6.0 }));
            let most = bins.iter().map(|bin| bin.n).max().unwrap_or(1) as f64;
            for bin in &bins {
                let radius = 2.5 + 5.0 * (bin.n as f64 / most).sqrt() as f32;
                let name = format!("{} calls", bin.n);
                let point = Points::new(name, PlotPoints::from(vec![[bin.probability, bin.accuracy]]));
                plot.points(point.radius(radius).shape(MarkerShape::Circle).color(accent));
            }
            let line: Vec<[f64; 2]> = bins.iter().map(|bin| [bin.probability, bin.accuracy]).collect();
            plot.line(Line::new("calls", PlotPoints::from(line)).color(fade(accent)));
        });
    named(plot.response, "Reliability plot");
    ui.weak(
        RichText::new(
            "Large dots: many calls. On the dashed line, calls with 70 % are right in 70 % of cases.",
        )
        .size(SMALL),
    );
}

fn fade(color: Color32) -> Color32 {
    color.gamma_multiply(0.5)
}

fn line(ui: &mut Ui, what: &str, value: String, tip: &str) {
    let shown = ui.horizontal_wrapped(|ui| {
        ui.weak(what);
        ui.label(value);
    });
    shown.response.on_hover_text(tip);
}

fn rate(rate: Rate) -> String {
    if rate.n == 0 {
        return "cannot be measured".to_owned();
    }
    format!("{} of {}", percent(rate.share), rate.n)
}

fn accuracy(ui: &mut Ui, of: &Reliability) {
    let tip = "Mean distance between what was said and what was right (ECE); the fit never saw the compound";
    line(ui, "Calibration error", format!("{:.3}", of.ece), tip);
    let text = format!(
        "{} (chance {}), among the first three {} (chance {}); n = {}, {} compounds, {} mechanisms",
        percent(of.top1),
        percent(of.chance1),
        percent(of.top3),
        percent(of.chance3),
        of.n,
        of.compounds,
        of.moas
    );
    line(ui, "Right mechanism first", text, "Of those whose mechanism has another compound in the gallery");
}

fn novelty(ui: &mut Ui, false_alarms: Rate, detected: Rate, alpha: f64) {
    let text = format!("{} (aim {})", rate(false_alarms), percent(alpha));
    let tip =
        "With a known mechanism, and called unlike anything known by a threshold that other compounds set";
    line(ui, "Known mechanisms called unlike", text, tip);
    let tip = "Called unlike anything known when their whole mechanism was left out of the gallery";
    line(ui, "New mechanisms called unlike", rate(detected), tip);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_cases_is_not_zero() {
        assert_eq!(rate(Rate { n: 0, share: 0.0 }), "cannot be measured");
        assert_eq!(rate(Rate { n: 20, share: 0.0 }), "0 % of 20");
    }
}

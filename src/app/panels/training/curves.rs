//! Curves of a training: losses by step and epoch, validation, learning rate.

use eframe::egui::{self, Align2, Color32, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};
use egui_plot::{
    AxisHints, Corner, GridInput, GridMark, HLine, HoverPosition, Line, LineStyle, MarkerShape, Plot,
    PlotPoint, PlotPoints, PlotUi, Points, Text, VLine,
};

use crate::app::screen::scale::COLORS;
use crate::app::training::progress::Live;
use crate::app::widgets::{legend::short, named};
use crate::learn::objective::Terms;
use crate::learn::progress::EpochRecord;

/// A term of the loss.
struct Term {
    name: &'static str,
    tip: &'static str,
    /// One of [`COLORS`]; the sum has that of the text.
    color: Option<usize>,
    style: LineStyle,
    of: fn(&Terms) -> f32,
}

/// Colours and dashes both tell the terms apart.
const TERMS: [Term; 5] = [
    Term {
        name: "sum",
        tip: "What training lowers: the sum of the others",
        color: None,
        style: LineStyle::Solid,
        of: |terms| terms.get("total"),
    },
    Term {
        name: "class",
        tip: "Classification: naming the drug, later the mechanism",
        color: Some(0),
        style: LineStyle::Solid,
        of: |terms| terms.get("classification"),
    },
    Term {
        name: "triplet",
        tip: "Videos of one class nearer to each other than to others",
        color: Some(1),
        style: LineStyle::Dashed { length: 8.0 },
        of: |terms| terms.get("triplet"),
    },
    Term {
        name: "center",
        tip: "Videos near the middle of their class",
        color: Some(2),
        style: LineStyle::Dotted { spacing: 5.0 },
        of: |terms| terms.get("center"),
    },
    Term {
        name: "molecule",
        tip: "Videos beside the structures of their drugs",
        color: Some(3),
        style: LineStyle::Dashed { length: 3.5 },
        of: |terms| terms.get("molecule"),
    },
];

/// How much fainter single steps are than epochs.
const FAINT: f32 = 0.3;

/// Shows the losses in a given height.
pub fn losses(ui: &mut Ui, live: &Live, height: f32) {
    let key = ui.scope_id().with("hidden terms");
    let mut hidden = ui.data(|d| d.get_temp::<[bool; 5]>(key)).unwrap_or_default();
    let used: Vec<usize> = (0..TERMS.len()).filter(|&term| is_used(live, &TERMS[term])).collect();
    let top = ui.cursor().top();
    legend(ui, live, &used, &mut hidden);
    ui.data_mut(|d| d.insert_temp(key, hidden));
    let shown: Vec<&Term> = used.into_iter().filter(|&term| !hidden[term]).map(|term| &TERMS[term]).collect();
    terms(ui, live, &shown, (height - (ui.cursor().top() - top)).max(LEAST));
}

/// Shows validation or learning rate, as was chosen, in a given height.
pub fn second(ui: &mut Ui, live: &Live, height: f32) {
    let key = ui.scope_id().with("second plot");
    let mut rate = ui.data(|d| d.get_temp::<bool>(key)).unwrap_or_default();
    let top = ui.cursor().top();
    ui.horizontal(|ui| {
        ui.selectable_value(&mut rate, false, "Validation mAP");
        ui.selectable_value(&mut rate, true, "Learning rate");
    });
    ui.data_mut(|d| d.insert_temp(key, rate));
    let left = (height - (ui.cursor().top() - top)).max(LEAST);
    if rate { learning_rate(ui, live, left) } else { validation(ui, live, left) }
}

/// Least height of a plot.
const LEAST: f32 = 80.0;

fn color_of(term: &Term, ui: &Ui) -> Color32 {
    term.color.map_or(ui.visuals().strong_text_color(), |color| COLORS[color])
}

/// A loss that is left out is zero throughout.
fn is_used(live: &Live, term: &Term) -> bool {
    let of_step = live.curve.points.iter().any(|point| (term.of)(&point.losses) != 0.0);
    of_step || live.epochs.iter().any(|epoch| (term.of)(&epoch.losses) != 0.0)
}

/// Each term with its line and its latest value; a click hides it.
fn legend(ui: &mut Ui, live: &Live, used: &[usize], hidden: &mut [bool; 5]) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        ui.strong("Losses").on_hover_text("Thick: the mean of each epoch; faint: single steps");
        for &index in used {
            let term = &TERMS[index];
            let color = color_of(term, ui).gamma_multiply(if hidden[index] { FAINT } else { 1.0 });
            let (rect, sample) = ui.allocate_exact_size(vec2(24.0, 12.0), Sense::click());
            let (from, to) = (rect.left_center(), rect.right_center());
            let stroke = Stroke::new(2.0, color);
            match term.style {
                LineStyle::Solid => {
                    ui.painter().line_segment([from, to], stroke);
                }
                LineStyle::Dashed { length } => {
                    ui.painter().extend(Shape::dashed_line(&[from, to], stroke, length, length * 0.6));
                }
                LineStyle::Dotted { spacing } => {
                    ui.painter().extend(Shape::dotted_line(&[from, to], color, spacing, 1.6));
                }
            }
            let value = live.curve.points.last().map(|point| (term.of)(&point.losses));
            let value = value.map_or_else(String::new, |value| format!(" {}", short(f64::from(value))));
            let mut text = RichText::new(format!("{}{value}", term.name)).small();
            if hidden[index] {
                text = text.weak();
            }
            let text = ui.label(text).interact(Sense::click());
            let tip = format!("{}. Click to {} it", term.tip, if hidden[index] { "show" } else { "hide" });
            if text.on_hover_text(tip).clicked() || sample.clicked() {
                hidden[index] ^= true;
            }
            ui.add_space(5.0);
        }
    });
}

/// A plot that cannot be moved by a slip: only a box drawn with the right button zooms, a double click resets.
fn plot<'a>(id: &str, height: f32) -> Plot<'a> {
    Plot::new(id)
        .height(height)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_axis_zoom_drag(false)
        .set_margin_fraction(vec2(0.01, 0.06))
        .y_axis_min_width(38.0)
        .link_axis(egui::Id::unique("training steps"), [true, false])
        .link_cursor(egui::Id::unique("training steps"), [true, false])
        .x_grid_spacer(whole_steps)
        .custom_x_axes(vec![AxisHints::new_x().formatter(|mark, _| format!("{:.0}", mark.value))])
        .coordinates_formatter(Corner::LeftTop, egui_plot::CoordinatesFormatter::new(|_, _| String::new()))
        .label_formatter(|at| match at {
            HoverPosition::NearDataPoint { plot_name, position, .. } if !plot_name.is_empty() => {
                Some(format!("{plot_name}\nstep {:.0}\n{}", position.x, short(position.y)))
            }
            _ => None,
        })
}

/// Lines at round numbers of steps.
#[expect(clippy::needless_pass_by_value)] // as the plot asks for
fn whole_steps(input: GridInput) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let least = ((high - low) / LINES).max(1.0);
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|n| n * power).into_iter().find(|step| *step >= least);
    let step = round.unwrap_or(10.0 * power);
    let marks = (low / step).ceil() as i64..=(high / step).floor() as i64;
    marks.map(|n| GridMark { value: n as f64 * step, step_size: step }).collect()
}

/// Lines that a plot has at most.
const LINES: f64 = 6.0;

/// A line where the second stage begins.
fn divide(plot: &mut PlotUi, live: &Live, color: Color32) {
    if let Some(step) = live.second_stage() {
        plot.vline(VLine::new("", step as f64).color(color.gamma_multiply(0.7)).allow_hover(false));
    }
}

/// Names the second stage beside its line, and the plot for screen readers.
fn finish(ui: &Ui, drawn: egui_plot::PlotResponse<()>, live: &Live, name: &str) {
    if let Some(step) = live.second_stage() {
        let x = drawn.transform.position_from_point_x(step as f64);
        let at = pos2(x + 3.0, drawn.transform.frame().top() + 1.0);
        let font = egui::FontId::proportional(11.0);
        let color = ui.visuals().text_color();
        ui.painter().with_clip_rect(drawn.response.rect).text(
            at,
            Align2::LEFT_TOP,
            "mechanisms",
            font,
            color,
        );
    }
    named(drawn.response, name);
}

fn last_step(live: &Live) -> f64 {
    let steps = live.step.as_ref().map_or(0, |step| step.step);
    let steps = steps.max(live.epochs.last().map_or(0, |epoch| epoch.step));
    steps.max(1) as f64
}

fn line(name: &str, points: impl Iterator<Item = [f64; 2]>) -> Line<'static> {
    Line::new(name, points.collect::<PlotPoints>())
}

fn terms(ui: &mut Ui, live: &Live, shown: &[&Term], height: f32) {
    let weak = ui.visuals().weak_text_color();
    let colors: Vec<Color32> = shown.iter().map(|term| color_of(term, ui)).collect();
    let drawn =
        plot("losses", height).include_x(0.0).include_x(last_step(live)).include_y(0.0).show(ui, |plot| {
            divide(plot, live, weak);
            for (term, color) in shown.iter().zip(&colors) {
                let steps =
                    live.curve.points.iter().map(|point| [point.step, f64::from((term.of)(&point.losses))]);
                plot.line(line("", steps).color(color.gamma_multiply(FAINT)).width(1.0).allow_hover(false));
            }
            for (term, &color) in shown.iter().zip(&colors) {
                let value = |epoch: &EpochRecord| [epoch.step as f64, f64::from((term.of)(&epoch.losses))];
                let epochs: Vec<[f64; 2]> = live.epochs.iter().map(value).collect();
                plot.line(line(term.name, epochs.iter().copied()).color(color).width(2.0).style(term.style));
                if epochs.len() == 1 {
                    plot.points(Points::new(term.name, epochs).color(color).radius(2.5));
                }
            }
        });
    finish(ui, drawn, live, "Losses by step");
}

fn validation(ui: &mut Ui, live: &Live, height: f32) {
    let (weak, strong) = (ui.visuals().weak_text_color(), ui.visuals().strong_text_color());
    let text = ui.visuals().text_color();
    let map = |epoch: &EpochRecord| Some([epoch.step as f64, epoch.validation?.score]);
    let points: Vec<[f64; 2]> = live.epochs.iter().filter_map(map).collect();
    let right = last_step(live);
    let drawn = plot("validation", height)
        .include_x(0.0)
        .include_x(right)
        .include_y(0.0)
        .include_y(1.0)
        .show(ui, |plot| {
            divide(plot, live, weak);
            if let Some(chance) = live.validation().map(|validation| validation.chance) {
                let style = LineStyle::Dashed { length: 6.0 };
                plot.hline(HLine::new("chance", chance).color(weak).style(style).allow_hover(false));
                let place = PlotPoint::new(right * 0.005, chance);
                let label = RichText::new(format!("chance {chance:.2}")).small();
                plot.text(
                    Text::new("", place, label).color(text).anchor(Align2::LEFT_BOTTOM).allow_hover(false),
                );
            }
            let blue = COLORS[1];
            plot.line(line("validation mAP", points.iter().copied()).color(blue).width(2.0));
            plot.points(Points::new("validation mAP", points).color(blue).radius(3.0));
            if let Some(best) = live.best()
                && let Some(at) = map(best)
            {
                let ring = Points::new("kept", vec![at]).shape(MarkerShape::Circle).filled(false);
                plot.points(ring.radius(6.0).color(strong));
            }
        });
    if live.validation().is_none() {
        let rect = drawn.response.rect;
        let font = egui::FontId::proportional(12.0);
        let at = pos2(rect.center().x, rect.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, "not validated yet", font, weak);
    }
    finish(ui, drawn, live, "Validation mAP by step");
}

fn learning_rate(ui: &mut Ui, live: &Live, height: f32) {
    let weak = ui.visuals().weak_text_color();
    let drawn =
        plot("rate", height).include_x(0.0).include_x(last_step(live)).include_y(0.0).show(ui, |plot| {
            divide(plot, live, weak);
            let rates = live.curve.points.iter().map(|point| [point.step, point.rate]);
            plot.line(line("learning rate", rates).color(COLORS[4]).width(2.0));
        });
    finish(ui, drawn, live, "Learning rate by step");
}

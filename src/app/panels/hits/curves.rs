//! Dose and response of each compound: wells, the fitted curve with its band, the EC50, or why there is none.

use eframe::egui::{
    Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Response, Role as WidgetRole, ScrollArea, Sense,
    Shape, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use super::axes::{Axes, padded};
use super::marks::{color_of, is_selected, select, well_card};
use super::{NAME, search};
use crate::analysis::dose_response::Fit;
use crate::app::hits::shown::CurveWell;
use crate::app::hits::{Entry, HitsForm, Reading, Shown};
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::state::Outbox;
use crate::app::widgets::overlay::shorten;

/// Least width of a curve, and its height, points.
const WIDTH: f32 = 250.0;
const HEIGHT: f32 = 196.0;

/// Height of the name above a curve and of the words below it.
const LINE: f32 = 17.0;

/// Space between curves.
const GAP: f32 = 8.0;

/// Radius of a well, and how far beyond its edge it is still met.
const RADIUS: f32 = 3.0;
const NEAR: f32 = 4.0;

/// Points of a curve.
const STEPS: usize = 64;

/// Decades left and right of the doses, and from the lowest dose to wells without drug.
const MARGIN: f64 = 0.2;
const NONE: f64 = 0.7;

/// Shows the curves.
pub fn show(
    ui: &mut Ui,
    screen: &Screen,
    hits: &Reading,
    shown: &Shown,
    form: &mut HitsForm,
    out: &mut Outbox,
) {
    let order = hits.order(&shown.compounds, false);
    let fitted = shown.hits.compounds.iter().filter(|of| of.curve.is_some()).count();
    ui.horizontal_wrapped(|ui| {
        search(ui, form);
        ui.checkbox(&mut form.same_axes, "Same axis").on_hover_text("All curves on one axis of the score");
        rows::colour_by(ui, screen, out);
        let all = shown.compounds.len();
        ui.label(format!(
            "{} of {all} compounds shown, {fitted} with a curve, in the order of the list",
            order.len()
        ));
    });
    if order.is_empty() {
        ui.label("No compound has this name, or none has wells with a score.");
        return;
    }
    let columns = (((ui.available_width() + GAP) / (WIDTH + GAP)) as usize).clamp(1, order.len());
    let width = (ui.available_width() - 16.0 + GAP) / columns as f32 - GAP;
    let lines = order.len().div_ceil(columns);
    ui.spacing_mut().item_spacing.y = GAP;
    let area = ScrollArea::vertical().id_salt("curves").auto_shrink([false, false]);
    area.show_rows(ui, HEIGHT, lines, |ui, range| {
        for line in range {
            let (whole, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::hover());
            let first = line * columns;
            for (at, &place) in order.iter().skip(first).take(columns).enumerate() {
                let corner = whole.min + vec2(at as f32 * (width + GAP), 0.0);
                let cell = Rect::from_min_size(corner, vec2(width, HEIGHT));
                tile(ui, screen, shown, place, cell, form.same_axes, out);
            }
        }
    });
}

/// The EC50 with its interval, or why there is none.
fn said(entry: &Entry) -> String {
    if !entry.ec50.is_empty() {
        return format!("EC50 {}", entry.ec50);
    }
    if entry.note.is_empty() { "no curve".to_owned() } else { entry.note.clone() }
}

fn tile(
    ui: &Ui,
    screen: &Screen,
    shown: &Shown,
    place: usize,
    cell: Rect,
    same_axes: bool,
    out: &mut Outbox,
) {
    let (Some(entry), Some(wells)) = (shown.compounds.get(place), shown.curves.get(place)) else { return };
    let response = ui.interact(cell, ui.scope_id().with(("curve", place)), Sense::click());
    let words = said(entry);
    response.widget_info(|| {
        WidgetInfo::labeled(WidgetRole::Image, true, format!("Curve of {}: {words}", entry.name))
    });
    let painter = ui.painter_at(cell);
    let visuals = ui.visuals();
    let edge = if is_selected(screen, &entry.rows) {
        Stroke::new(2.0, visuals.selection.stroke.color)
    } else {
        visuals.widgets.noninteractive.bg_stroke
    };
    painter.rect_stroke(cell, 4.0, edge, StrokeKind::Inside);
    let letters = (cell.width() / 7.0) as usize;
    let font = FontId::proportional(12.5);
    let name = shorten(&entry.name, letters.min(NAME));
    painter.text(cell.min + vec2(8.0, 3.0), Align2::LEFT_TOP, name, font, visuals.strong_text_color());
    let font = FontId::proportional(11.5);
    let below = Pos2::new(cell.left() + 8.0, cell.bottom() - 3.0);
    painter.text(below, Align2::LEFT_BOTTOM, shorten(&words, letters), font, visuals.text_color());
    let inner = Rect::from_min_max(cell.min + vec2(2.0, LINE), cell.max - vec2(2.0, LINE));
    let Some(axes) = axes(shown, wells, inner, same_axes) else {
        let text = "its wells name no dose above 0";
        let font = FontId::proportional(11.5);
        painter.text(inner.center(), Align2::CENTER_CENTER, text, font, visuals.text_color());
        clicked(ui, screen, &response, &entry.rows, out);
        return;
    };
    axes.0.draw(ui, &painter, &axes.0.dose_ticks(), ("dose, µM", "score"));
    let color = color_of(screen, &entry.rows);
    if let Some(fit) = shown.hits.compounds.get(place).and_then(|of| of.curve.as_ref()) {
        curve(ui, &painter, fit, &axes, color);
    }
    let (axes, without) = (axes.0, axes.1);
    let at = |well: &CurveWell| {
        let x = if well.dose_um > 0.0 { well.dose_um.log10() } else { without };
        axes.at(x, axes.inside(well.score))
    };
    for well in wells {
        mark(&painter, at(well), well, visuals.strong_text_color(), color);
    }
    let pointer = response.hover_pos();
    let near = pointer.and_then(|pointer| {
        let distance = |well: &CurveWell| at(well).distance(pointer);
        let nearest = wells.iter().min_by(|&a, &b| distance(a).total_cmp(&distance(b)))?;
        (distance(nearest) <= RADIUS + NEAR).then_some(nearest)
    });
    let Some(well) = near else {
        clicked(ui, screen, &response, &entry.rows, out);
        response.on_hover_ui_at_pointer(|ui| {
            ui.strong(&entry.name);
            ui.label(&words);
            ui.weak("A click selects its wells. Point at a well to see it.");
        });
        return;
    };
    painter.circle_stroke(at(well), RADIUS + 3.0, Stroke::new(1.5, visuals.strong_text_color()));
    clicked(ui, screen, &response, &shown.rows_of([well.place]), out);
    response.on_hover_ui_at_pointer(|ui| {
        if let Some(of) = shown.hits.wells.get(well.place) {
            well_card(ui, screen, of);
        }
        if well.is_left_out {
            ui.label("Toxic: fewer than half of the cells are left, and the curve is fitted without it.");
        }
    });
}

fn clicked(ui: &Ui, screen: &Screen, response: &Response, rows: &[u32], out: &mut Outbox) {
    if response.clicked() {
        select(ui.ctx(), screen, rows.to_vec(), out);
    }
}

/// Axes over the decimal logarithm of doses, and where wells without drug lie on it; `None` without doses above 0.
fn axes(shown: &Shown, wells: &[CurveWell], inner: Rect, same_axes: bool) -> Option<(Axes, f64)> {
    let dosed = || wells.iter().map(|well| well.dose_um).filter(|dose| *dose > 0.0);
    let (lowest, highest) = (dosed().min_by(f64::total_cmp)?, dosed().max_by(f64::total_cmp)?);
    let is_without = wells.iter().any(|well| well.dose_um <= 0.0);
    let without = lowest.log10() - NONE;
    let left = if is_without { without } else { lowest.log10() };
    let (low, high) = if same_axes {
        shown.scores
    } else {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        wells.iter().fold(start, |(low, high), well| (low.min(well.score), high.max(well.score)))
    };
    let x = (left - MARGIN, highest.log10() + MARGIN);
    Some((Axes::new(inner, x, padded(low, high)), without))
}

/// A well: a disc; one that was left out is a cross, one without drug a ring.
fn mark(painter: &Painter, at: Pos2, well: &CurveWell, text: Color32, color: Color32) {
    if well.is_left_out {
        let stroke = Stroke::new(1.5, text);
        for (from, to) in [(vec2(-1.0, -1.0), vec2(1.0, 1.0)), (vec2(-1.0, 1.0), vec2(1.0, -1.0))] {
            painter.line_segment([at + RADIUS * from, at + RADIUS * to], stroke);
        }
    } else if well.dose_um > 0.0 {
        painter.circle(at, RADIUS, color, Stroke::new(0.8, text));
    } else {
        painter.circle_stroke(at, RADIUS, Stroke::new(1.5, color));
    }
}

/// The fitted curve over its doses, its band, and the EC50 with the ends of its interval.
fn curve(ui: &Ui, painter: &Painter, fit: &Fit, (axes, without): &(Axes, f64), color: Color32) {
    let painter = painter.with_clip_rect(axes.rect.intersect(painter.clip_rect()));
    // From the lowest dose to the highest one.
    let (from, to) = (without + NONE, axes.x_ends().1 - MARGIN);
    let steps: Vec<f64> =
        (0..STEPS).map(|step| from + (to - from) * step as f64 / (STEPS - 1) as f64).collect();
    let doses: Vec<f64> = steps.iter().map(|x| 10_f64.powf(*x)).collect();
    let mut band = Mesh::default();
    let fill = color.gamma_multiply(0.22);
    for (step, (x, (low, high))) in steps.iter().zip(fit.band(&doses)).enumerate() {
        band.colored_vertex(axes.at(*x, axes.inside(low)), fill);
        band.colored_vertex(axes.at(*x, axes.inside(high)), fill);
        if step > 0 {
            let last = 2 * step as u32;
            band.add_triangle(last - 2, last - 1, last);
            band.add_triangle(last - 1, last, last + 1);
        }
    }
    painter.add(Shape::mesh(band));
    let line: Vec<Pos2> =
        steps.iter().zip(&doses).map(|(x, dose)| axes.at(*x, axes.inside(fit.at(*dose)))).collect();
    painter.line(line, Stroke::new(2.0, color));
    let text = ui.visuals().text_color();
    let x = axes.at(fit.ec50_um.log10(), 0.0).x;
    let ends = [Pos2::new(x, axes.rect.top()), Pos2::new(x, axes.rect.bottom())];
    painter.extend(Shape::dashed_line(&ends, Stroke::new(1.0, text), 4.0, 3.0));
    if let (Some(low), Some(high)) = (fit.ec50_lo, fit.ec50_hi) {
        let bottom = axes.rect.bottom() - 3.0;
        let ends = [low, high].map(|dose| Pos2::new(axes.at(dose.log10(), 0.0).x, bottom));
        painter.line_segment(ends, Stroke::new(3.0, text));
    }
}

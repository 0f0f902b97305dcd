//! Treatments as points: on- against off-score beside the controls, or effect against q.

use eframe::egui::{
    Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Response, Role as WidgetRole, Sense, Shape, Stroke,
    Tooltip, Ui, Vec2, WidgetInfo, vec2,
};

use super::axes::{Axes, padded};
use super::marks::{color_of, control, control_legend, is_selected, select, well_card};
use super::{ALPHA, NAME, count};
use crate::analysis::hits::Role;
use crate::app::hits::{Entry, HitsForm, Shown};
use crate::app::panels::map::card;
use crate::app::panels::rows;
use crate::app::screen::Screen;
use crate::app::screen::scale::{NEGATIVE, POSITIVE};
use crate::app::state::Outbox;
use crate::app::widgets::legend::{self, short};
use crate::app::widgets::overlay::shorten;

/// Radius of a point, points of the screen.
const RADIUS: f32 = 3.5;

/// How far beyond its edge a point is still met.
const NEAR: f32 = 4.0;

/// Points from which on they are drawn as small squares.
const MANY: usize = 3000;

/// Points with their names beside.
const NAMED: usize = 8;

/// Least q that is told apart.
const LEAST_Q: f64 = 1e-30;

/// What a point stands for.
#[derive(Clone, Copy)]
enum What {
    /// Place of a treatment.
    Treatment(usize),
    /// Place of a control well.
    Control(usize),
}

/// Shows the points.
pub fn show(ui: &mut Ui, screen: &Screen, shown: &Shown, form: &mut HitsForm, out: &mut Outbox) {
    let quality = &shown.hits.controls.quality;
    let volcano = form.volcano;
    ui.horizontal_wrapped(|ui| {
        ui.selectable_value(&mut form.volcano, false, "On and off")
            .on_hover_text("Along the axis of the controls, and how far off it");
        ui.selectable_value(&mut form.volcano, true, "Effect and q").on_hover_text(
            "Hedges' g against controls of the same plates, and its q: what stands high is no chance",
        );
        rows::colour_by(ui, screen, out);
        if !volcano {
            control_legend(ui, quality.n_negative, quality.n_positive);
        }
        ui.label(format!("Filled, or large where there are many: q below {ALPHA}; rings, or small: not"));
    });
    let ctx = ui.ctx().clone();
    legend::show(ui, screen.scale(), |text, _| {
        select(&ctx, screen, rows::with_value(screen, screen.scale(), text), out);
    });
    let points = points(shown, volcano);
    if points.is_empty() {
        ui.label(if volcano {
            "No treatment has a q: it wants wells beside control wells of the same plates."
        } else {
            "Nothing lies off an axis: that wants vectors, and positive controls beside negative ones. Look at effect and q."
        });
        return;
    }
    let (rect, response) =
        ui.allocate_exact_size(ui.available_size().max(Vec2::splat(120.0)), Sense::click());
    let name = if volcano { "Effect and q of treatments" } else { "On- and off-scores" };
    response.widget_info(|| {
        WidgetInfo::labeled(WidgetRole::Image, true, format!("{name}: {} points", points.len()))
    });
    plot(ui, screen, shown, &points, (rect, &response), volcano, out);
}

/// What is drawn, and where it lies.
fn points(shown: &Shown, volcano: bool) -> Vec<(What, f64, f64)> {
    let place = |entry: &Entry| {
        if volcano { Some((entry.g?, -entry.q?.max(LEAST_Q).log10())) } else { Some((entry.on?, entry.off?)) }
    };
    let treatments = shown.treatments.iter().enumerate();
    let mut points: Vec<(What, f64, f64)> = Vec::new();
    if !volcano {
        let wells = shown.hits.wells.iter().enumerate().filter(|(_, well)| well.role != Role::Treated);
        points.extend(
            wells.filter_map(|(at, well)| Some((What::Control(at), well.on_score?, well.off_score?))),
        );
    }
    points
        .extend(treatments.filter_map(|(at, entry)| place(entry).map(|(x, y)| (What::Treatment(at), x, y))));
    points.retain(|(_, x, y)| x.is_finite() && y.is_finite());
    points
}

fn plot(
    ui: &mut Ui,
    screen: &Screen,
    shown: &Shown,
    points: &[(What, f64, f64)],
    (rect, response): (Rect, &Response),
    volcano: bool,
    out: &mut Outbox,
) {
    let ends = |of: fn(&(What, f64, f64)) -> f64| {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = points.iter().map(of).fold(start, |(low, high), x| (low.min(x), high.max(x)));
        padded(low, high)
    };
    let y = ends(|point| point.2);
    let axes = Axes::new(rect, ends(|point| point.1), (y.0.min(0.0), y.1));
    let painter = ui.painter_at(rect);
    let names = if volcano { ("effect (Hedges' g)", "−log10 q") } else { ("on-score", "off-score") };
    axes.draw(ui, &painter, &axes.x_ticks(), names);
    let painter = ui.painter_at(axes.rect.expand(RADIUS));
    if volcano {
        let level = axes.at(0.0, -ALPHA.log10()).y;
        let line = [Pos2::new(axes.rect.left(), level), Pos2::new(axes.rect.right(), level)];
        painter.extend(Shape::dashed_line(&line, Stroke::new(1.0, ui.visuals().text_color()), 5.0, 4.0));
    }
    let edge = if ui.visuals().dark_mode { Color32::WHITE } else { Color32::BLACK };
    let many = points.len() > MANY;
    let mut mesh = Mesh::default();
    for (what, x, y) in points {
        let at = axes.at(*x, *y);
        match *what {
            What::Control(place) => {
                let role = shown.hits.wells.get(place).map_or(Role::Treated, |well| well.role);
                if many {
                    square(&mut mesh, at, 2.0, if role == Role::Negative { NEGATIVE } else { POSITIVE });
                } else {
                    control(&painter, at, RADIUS, role, edge);
                }
            }
            What::Treatment(place) => {
                let Some(entry) = shown.treatments.get(place) else { continue };
                let color = color_of(screen, &entry.rows);
                let is_hit = entry.q.is_some_and(|q| q < ALPHA);
                let is_chosen = is_selected(screen, &entry.rows);
                if many {
                    if is_chosen {
                        square(&mut mesh, at, 4.5, edge);
                    }
                    square(&mut mesh, at, if is_hit { 2.5 } else { 1.2 }, color);
                    continue;
                }
                if is_hit {
                    painter.circle_filled(at, RADIUS, color);
                } else {
                    painter.circle_stroke(at, RADIUS, Stroke::new(1.5, color));
                }
                if is_chosen {
                    painter.circle_stroke(at, RADIUS + 2.5, Stroke::new(1.8, edge));
                }
            }
        }
    }
    if many {
        painter.add(Shape::mesh(mesh));
    }
    labels(ui, &painter, shown, points, &axes);
    let Some(pointer) = response.hover_pos() else { return };
    let distance = |(_, x, y): &&(What, f64, f64)| axes.at(*x, *y).distance(pointer);
    let nearest = points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    let Some(point) = nearest.filter(|point| distance(point) <= RADIUS + NEAR) else { return };
    let at = axes.at(point.1, point.2);
    painter.circle_stroke(at, RADIUS + 3.5, Stroke::new(1.5, edge));
    if response.clicked() {
        let rows = match point.0 {
            What::Treatment(place) => shown.treatments.get(place).map(|entry| entry.rows.clone()),
            What::Control(place) => Some(shown.rows_of([place])),
        };
        select(ui.ctx(), screen, rows.unwrap_or_default(), out);
    }
    let around = Rect::from_center_size(at, Vec2::splat(2.0 * RADIUS + 14.0));
    let id = response.id.with("card");
    Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), id, around).width(240.0).show(|ui| match point.0 {
        What::Treatment(place) => {
            if let Some(entry) = shown.treatments.get(place) {
                treatment_card(ui, screen, entry);
            }
        }
        What::Control(place) => {
            if let Some(well) = shown.hits.wells.get(place) {
                well_card(ui, screen, well);
            }
        }
    });
}

fn square(mesh: &mut Mesh, at: Pos2, half: f32, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for corner in [vec2(-1.0, -1.0), vec2(1.0, -1.0), vec2(1.0, 1.0), vec2(-1.0, 1.0)] {
        mesh.colored_vertex(at + half * corner, color);
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first, first + 2, first + 3);
}

/// Names of the best treatments, where no name lies there yet.
fn labels(ui: &Ui, painter: &Painter, shown: &Shown, points: &[(What, f64, f64)], axes: &Axes) {
    let mut best: Vec<(&Entry, Pos2)> = points
        .iter()
        .filter_map(|(what, x, y)| match what {
            What::Treatment(place) => Some((shown.treatments.get(*place)?, axes.at(*x, *y))),
            What::Control(_) => None,
        })
        .filter(|(entry, _)| entry.q.is_some_and(|q| q < ALPHA))
        .collect();
    let score = |entry: &Entry| entry.score.unwrap_or(f64::NEG_INFINITY);
    best.sort_by(|a, b| score(b.0).total_cmp(&score(a.0)));
    let mut taken: Vec<Rect> = Vec::new();
    let color = ui.visuals().text_color();
    for (entry, at) in best.into_iter().take(NAMED) {
        let text = format!("{} {}", shorten(&entry.name, 22), entry.doses);
        let galley = painter.layout_no_wrap(text, FontId::proportional(11.0), color);
        let side = if at.x > axes.rect.center().x { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
        let aside = if at.x > axes.rect.center().x { -RADIUS - 4.0 } else { RADIUS + 4.0 };
        let rect = side.anchor_size(at + vec2(aside, 0.0), galley.size());
        if taken.iter().all(|other| !other.intersects(rect)) {
            painter.galley(rect.min, galley, color);
            taken.push(rect);
        }
    }
}

fn treatment_card(ui: &mut Ui, screen: &Screen, entry: &Entry) {
    ui.strong(format!("{} {}", shorten(&entry.name, NAME), entry.doses));
    let number = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), short);
    let off = entry.off.map_or_else(String::new, |off| format!(", off {}", short(off)));
    ui.label(format!("{}, score {}{off}", count(entry.n_wells, "well"), number(entry.on)));
    ui.label(format!("g {}, q {}", number(entry.g), number(entry.q)));
    if !entry.note.is_empty() {
        ui.label(&entry.note);
    }
    if let Some(&row) = entry.rows.first() {
        card::thumbnail(ui, screen, row);
    }
}

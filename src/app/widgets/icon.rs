//! Icons drawn as shapes: the built-in fonts have no symbols, and a system font may not have them either.

use std::f32::consts::{PI, TAU};

use eframe::egui::{
    Color32, Painter, Pos2, Rect, Response, Role, Sense, Shape, Stroke, StrokeKind, Ui, Vec2, WidgetInfo,
    pos2, vec2,
};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// To the first frame.
    First,
    /// One frame back.
    Back,
    /// Play.
    Play,
    /// Pause.
    Pause,
    /// One frame on.
    Forward,
    /// To the last frame.
    Last,
    /// Close or stop.
    Close,
    /// Locked.
    Lock,
    /// Not locked.
    Unlock,
    /// Exchange.
    Swap,
    /// Back to the original.
    Reset,
    /// Show only a part.
    Filter,
}

/// A button with an icon; `label` is its name for screen readers and tests.
pub fn button(ui: &mut Ui, icon: Icon, label: &str, tooltip: &str, enabled: bool, size: f32) -> Response {
    let sense = if enabled { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(size), sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, label));
    let visuals = ui.style().interact(&response);
    let (fill, stroke, mut color) = (visuals.weak_bg_fill, visuals.bg_stroke, visuals.fg_stroke.color);
    if !enabled {
        color = ui.visuals().weak_text_color().gamma_multiply(0.6);
    }
    ui.painter().rect(rect, 4.0, fill, stroke, StrokeKind::Inside);
    paint(ui.painter(), rect.shrink(size * 0.28), icon, color);
    response.on_hover_text(tooltip)
}

fn triangle(painter: &Painter, left: f32, right: f32, rect: Rect, color: Color32) {
    let points = vec![pos2(left, rect.top()), pos2(right, rect.center().y), pos2(left, rect.bottom())];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

fn bar(painter: &Painter, x: f32, width: f32, rect: Rect, color: Color32) {
    painter.rect_filled(Rect::from_min_size(pos2(x, rect.top()), vec2(width, rect.height())), 1.0, color);
}

fn arc(center: Pos2, radius: f32, from: f32, to: f32) -> Vec<Pos2> {
    (0..=20).map(|i| center + radius * Vec2::angled(from + (to - from) * i as f32 / 20.0)).collect()
}

/// Draws an icon into a square.
pub fn paint(painter: &Painter, rect: Rect, icon: Icon, color: Color32) {
    let w = rect.width();
    let (l, r, c) = (rect.left(), rect.right(), rect.center());
    let line = Stroke::new((w * 0.14).max(1.4), color);
    match icon {
        Icon::First => {
            bar(painter, l, w * 0.2, rect, color);
            triangle(painter, r, l + w * 0.25, rect, color);
        }
        Icon::Back => {
            triangle(painter, l + w * 0.62, l, rect, color);
            bar(painter, l + w * 0.76, w * 0.2, rect, color);
        }
        Icon::Play => triangle(painter, l + w * 0.1, r, rect, color),
        Icon::Pause => {
            bar(painter, l + w * 0.12, w * 0.26, rect, color);
            bar(painter, l + w * 0.62, w * 0.26, rect, color);
        }
        Icon::Forward => {
            bar(painter, l + w * 0.04, w * 0.2, rect, color);
            triangle(painter, l + w * 0.38, r, rect, color);
        }
        Icon::Last => {
            triangle(painter, l, r - w * 0.25, rect, color);
            bar(painter, r - w * 0.2, w * 0.2, rect, color);
        }
        Icon::Close => {
            painter.line_segment([rect.left_top(), rect.right_bottom()], line);
            painter.line_segment([rect.right_top(), rect.left_bottom()], line);
        }
        Icon::Lock | Icon::Unlock => {
            let body = Rect::from_min_max(pos2(l, c.y), rect.right_bottom());
            painter.rect_filled(body, 1.5, color);
            let radius = w * 0.3;
            let shift = if icon == Icon::Lock { 0.0 } else { w * 0.32 };
            let top = pos2(c.x + shift, c.y - w * 0.12);
            let mut shackle = arc(top, radius, PI, TAU);
            shackle.insert(0, pos2(top.x - radius, c.y));
            shackle.push(pos2(top.x + radius, if icon == Icon::Lock { c.y } else { top.y + 1.0 }));
            painter.add(Shape::line(shackle, line));
        }
        Icon::Swap => {
            for (y, from, to) in [(rect.top() + w * 0.25, l, r), (rect.bottom() - w * 0.25, r, l)] {
                let tip = w * 0.2 * (to - from).signum();
                painter.line_segment([pos2(from, y), pos2(to, y)], line);
                painter.line_segment([pos2(to, y), pos2(to - tip, y - w * 0.2)], line);
                painter.line_segment([pos2(to, y), pos2(to - tip, y + w * 0.2)], line);
            }
        }
        Icon::Filter => {
            let points = vec![
                rect.left_top(),
                rect.right_top(),
                pos2(c.x + w * 0.12, c.y),
                pos2(c.x + w * 0.12, rect.bottom()),
                pos2(c.x - w * 0.12, rect.bottom() - w * 0.16),
                pos2(c.x - w * 0.12, c.y),
            ];
            painter.add(Shape::closed_line(points, Stroke::new(line.width * 0.8, color)));
        }
        Icon::Reset => {
            let radius = w * 0.42;
            let points = arc(c, radius, -0.35 * PI, 1.25 * PI);
            let end = points.first().copied().unwrap_or(c);
            painter.add(Shape::line(points, line));
            painter.line_segment([end, end + vec2(w * 0.28, 0.02 * w)], line);
            painter.line_segment([end, end + vec2(0.04 * w, -w * 0.28)], line);
        }
    }
}
